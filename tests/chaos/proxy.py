"""The network between peers: one listening socket for each node, faults for each direction.

A node finds another at the address in the genesis, which is the proxy's. Who dials is learnt from
the operating system (``/proc/net/tcp`` names the socket, ``/proc/<pid>/fd`` its owner), so that
every pair of nodes has its own two directions, each with its own faults.

Bytes of a TLS connection cannot be lost singly: what is lost on a wire is sent again by TCP and
comes late. Loss is therefore a stall of the whole direction, as between provinces.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

CHUNK_BYTES = 64 << 10
AHEAD_BYTES_MAX = 1 << 20
"""Bytes on the way in one direction; further ones wait in the sender's socket."""
LOOK_AGAIN_S = 0.02


@dataclass(frozen=True, slots=True)
class Profile:
    """What a wire is like when nothing is wrong with it."""

    delay_ms: tuple[int, int] = (0, 0)
    """Least and most of one way."""
    stall_permille: int = 0
    """How many of a thousand pieces are held up as if they had been lost and sent again."""
    stall_ms: tuple[int, int] = (200, 600)


PROFILES: Mapping[str, Profile] = {
    "loopback": Profile(),
    "provinces": Profile(delay_ms=(20, 60), stall_permille=5),
}


@dataclass(slots=True)
class Wire:
    """One direction between two nodes."""

    blocked: bool = False
    """Nothing passes and nobody is told: the half-open connection."""
    refused: bool = False
    """Connections are closed, new ones refused."""
    bytes_per_s: int | None = None
    extra_ms: int = 0
    held: int = 0
    """Bytes that came while it was blocked."""
    connections: set[asyncio.StreamWriter] = field(default_factory=set)


class Proxy:
    """All wires of a cluster. Ports: organisation -> (where peers dial, where the node listens)."""

    def __init__(
        self,
        ports: Mapping[str, tuple[int, int]],
        pids: Callable[[], Mapping[str, int]],
        profile: Profile,
        chance: random.Random,
    ) -> None:
        self._ports = ports
        self._pids = pids
        self._profile = profile
        self._chance = chance
        self.wires = {(a, b): Wire() for a in ports for b in ports if a != b}
        self.counts: Counter[str] = Counter()
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        for target, (port, _) in self._ports.items():

            async def accepted(
                reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: str = target
            ) -> None:
                task = asyncio.current_task()
                assert task is not None
                self._tasks.add(task)
                try:
                    # The streams of asyncio take a cancelled task for a failed one.
                    with contextlib.suppress(asyncio.CancelledError):
                        await self._carry(target, reader, writer)
                finally:
                    self._tasks.discard(task)

            self._servers.append(await asyncio.start_server(accepted, "127.0.0.1", port))

    async def stop(self) -> None:
        for server in self._servers:
            server.close()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        # An aborted transport closes its socket in one of the next turns of the loop.
        for _ in range(3):
            await asyncio.sleep(0)

    # --- Faults -------------------------------------------------------------------------------

    def between(self, left: set[str], right: set[str]) -> list[Wire]:
        """Both directions of every pair across a cut."""
        return [
            wire
            for (a, b), wire in self.wires.items()
            if (a in left and b in right) or (a in right and b in left)
        ]

    def cut(self, wires: list[Wire]) -> None:
        """Close what is open and refuse what comes."""
        for wire in wires:
            wire.refused = True
        self.reset(wires)

    def reset(self, wires: list[Wire]) -> None:
        """Close what is open; it may come again."""
        for wire in wires:
            for writer in list(wire.connections):
                self.counts["connections reset"] += 1
                writer.transport.abort()

    def heal(self) -> None:
        """All wires as they were. A direction that was blocked ends its connections: what was
        swallowed meanwhile is lost for them."""
        for wire in self.wires.values():
            if wire.blocked:
                self.reset([wire])
            wire.blocked = wire.refused = False
            wire.bytes_per_s, wire.extra_ms = None, 0

    # --- Carrying -----------------------------------------------------------------------------

    async def _carry(
        self, target: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        source = await asyncio.to_thread(
            owner_of, writer.get_extra_info("peername")[1], dict(self._pids())
        )
        there = self.wires.get((source or "", target))
        back = self.wires.get((target, source or ""))
        if there is None or back is None or there.refused or back.refused:
            self.counts["connections refused"] += 1
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(
                "127.0.0.1", self._ports[target][1]
            )
        except OSError:
            writer.transport.abort()
            return
        self.counts["connections carried"] += 1
        ends = [(there, reader, far_writer), (back, far_reader, writer)]
        for wire, _, out in ends:
            wire.connections.add(out)
        pumps = [asyncio.create_task(self._pump(*end)) for end in ends]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.wait(pumps)
            for wire, _, out in ends:
                wire.connections.discard(out)
                out.transport.abort()

    async def _pump(
        self, wire: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Bytes of one direction, each piece when its time has come, in their order."""
        loop = asyncio.get_running_loop()
        way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        ahead = 0

        async def read() -> None:
            nonlocal ahead
            due = 0.0
            while data := await reader.read(CHUNK_BYTES):
                ahead += len(data)
                if wire.blocked:
                    wire.held += len(data)
                due = max(due, loop.time() + self._delay_s(wire))
                if wire.bytes_per_s:
                    due += len(data) / wire.bytes_per_s
                way.put_nowait((due, data))
                while ahead > AHEAD_BYTES_MAX:
                    await asyncio.sleep(LOOK_AGAIN_S)

        async def write() -> None:
            nonlocal ahead
            while True:
                due, data = await way.get()
                await asyncio.sleep(max(0.0, due - loop.time()))
                while wire.blocked:
                    await asyncio.sleep(LOOK_AGAIN_S)
                writer.write(data)
                await writer.drain()
                ahead -= len(data)
                self.counts["bytes carried"] += len(data)

        tasks = [asyncio.create_task(read()), asyncio.create_task(write())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            for task in tasks:
                with contextlib.suppress(asyncio.CancelledError, OSError):
                    task.result()

    def _delay_s(self, wire: Wire) -> float:
        profile, chance = self._profile, self._chance
        delay = chance.randint(*profile.delay_ms) + wire.extra_ms
        if profile.stall_permille and chance.randrange(1000) < profile.stall_permille:
            self.counts["stalls"] += 1
            delay += chance.randint(*profile.stall_ms)
        return delay / 1000


def owner_of(port: int, pids: Mapping[str, int]) -> str | None:
    """Which of these processes holds the loopback socket with this local port."""
    wanted = f"0100007F:{port:04X}"
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        fields = line.split()
        if fields[1] == wanted:
            link = f"socket:[{fields[9]}]"
            break
    else:
        return None
    for name, pid in pids.items():
        folder = f"/proc/{pid}/fd"
        with contextlib.suppress(OSError):
            for entry in os.listdir(folder):
                with contextlib.suppress(OSError):
                    if os.readlink(f"{folder}/{entry}") == link:
                        return name
    return None
