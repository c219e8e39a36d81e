"""The demo's running network: bureaus' nodes as processes, clients of them, and a node that dies.

Nodes are numbered as in the network's manifest: validators first, then those who follow.
"""

from __future__ import annotations

import subprocess
import threading
import time
from typing import Any

import httpx

from cli import processes
from cli.client import Client, Refused
from cli.demo_world import SignedCalls
from cli.identity import Identity
from cli.network import Network, NodePlace

LEVEL_S_MAX = 40.0
"""How long nodes that run may take to come to one height."""


class RunningNetwork:
    """The nodes of one network. Leave it through ``stop``."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.processes = processes.start_all(network)
        self._clients: dict[tuple[int, bytes], Client] = {}
        self._dead: set[int] = set()
        self._returning: tuple[int, threading.Thread] | None = None
        self.caught_up_ms: int | None = None

    def stop(self) -> None:
        """End clients and nodes."""
        for client in self._clients.values():
            client.close()
        processes.stop_all(self.processes)

    @property
    def nodes(self) -> tuple[NodePlace, ...]:
        """All nodes."""
        return self.network.nodes

    @property
    def voting(self) -> list[int]:
        """Numbers of the validators that run."""
        return [n for n, place in enumerate(self.nodes) if place.votes and n not in self._dead]

    @property
    def following(self) -> list[int]:
        """Numbers of the nodes that follow."""
        return [n for n, place in enumerate(self.nodes) if not place.votes]

    # --- Use ----------------------------------------------------------------------------------

    def client(self, identity: Identity, node: int = 0) -> Client:
        """One connection for each key and node."""
        place = (node, identity.key)
        known = self._clients.get(place)
        if known is None:
            known = self._clients[place] = Client(self.nodes[node].url, identity)
        return known

    def submit(self, signed: SignedCalls, node: int = 0) -> dict[str, Any]:
        """Hand in and wait; a rejected call of the demo ends it with the contract's own words."""
        answer = self.client(signed.identity, node).submit(signed.calls)
        for item in answer["receipts"]:
            receipt = item["receipt"]
            if receipt["status"] != "ok":
                reason = receipt["reason"] or {}
                raise Refused(
                    409,
                    {
                        "code": receipt["code"],
                        "title": f"{signed.title}: {reason.get('english', '')}",
                        "values": receipt["values"],
                        "next": reason.get("next", ""),
                    },
                )
        return answer

    def level(self) -> None:
        """Wait until all nodes that run have one height. Raises ``NodeFailed``."""
        running = [n for n in range(len(self.nodes)) if n not in self._dead]
        deadline = time.monotonic() + LEVEL_S_MAX
        while len(running) > 1:
            if len({self._height(n) for n in running}) == 1:
                return
            if time.monotonic() > deadline:
                raise processes.NodeFailed(
                    f"the nodes are not at one height after {LEVEL_S_MAX:.0f} s"
                )
            time.sleep(0.03)

    # --- A node dies and comes back -----------------------------------------------------------

    def kill_primary(self, asker: Identity) -> int:
        """SIGKILL for the bureau whose turn it is; its number."""
        waiting = self.client(asker, self.voting[-1]).get("/v1/status")["waiting"]
        number = next(
            n for n, place in enumerate(self.nodes) if place.organisation == waiting["primary"]
        )
        self._dead.add(number)
        self.processes[number].kill()
        self.processes[number].wait()
        return number

    def restart(self, number: int) -> None:
        """Start it again; meanwhile the others go on. ``await_return`` waits for it."""
        began = time.monotonic()
        self.processes[number] = process = processes.start(self.nodes[number])

        def watch() -> None:
            try:
                processes.wait_ready(self.nodes[number], process)
            except processes.NodeFailed:
                return
            others = max(self._height(n) for n in self.voting)
            while self._height(number) < others:
                time.sleep(0.02)
            self.caught_up_ms = round((time.monotonic() - began) * 1000)

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        self._returning = (number, thread)

    def await_return(self) -> None:
        """Wait until the restarted node has caught up. Raises ``NodeFailed``."""
        assert self._returning is not None, "restart comes first"
        number, thread = self._returning
        thread.join(processes.READY_S_MAX + LEVEL_S_MAX)
        if self.caught_up_ms is None:
            log = self.nodes[number].folder / "node.log"
            raise processes.NodeFailed(
                f"the node of {self.nodes[number].organisation} did not come back:\n"
                + processes.tail(log)
            )
        self._dead.discard(number)

    def _height(self, node: int) -> int:
        try:
            answer = httpx.get(f"{self.nodes[node].url}/v1/ready", timeout=5.0).json()
        except (httpx.TransportError, ValueError):
            return -1
        return int(answer.get("height", -1))


def ended(processes_: list[subprocess.Popen[bytes]]) -> bool:
    """Whether every process has ended."""
    return all(process.poll() is not None for process in processes_)
