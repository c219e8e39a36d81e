"""A fifth bureau joins a running four as a process of its own, with the handbook's commands only.

Everything that the new bureau does here is a command of ``yibao`` at its own desk: keys, address,
configuration, the key's record, the node, its attestation. Nothing of it is in the genesis: the
four admit it by a vote, and its node begins with a state that does not know it.
"""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from cli import devnet, network, processes
from cli.network import Network, NodePlace
from contracts.settlement import CONTRACTS
from node.ports import free_ports
from tests.node.service.test_network_process import announce, wait_height
from tests.node.service.test_rotation_process import ask, told

pytestmark = [pytest.mark.process, pytest.mark.slow]
JOINING = "bureau:500000"


def network_of_four(folder: Path) -> Network:
    """Four validators that have not heard of a fifth bureau."""
    members = devnet.members_of(devnet.PROVINCES, 4)
    names = [member.id for member in members if member.validator]
    free = free_ports(8)
    made = network.create(
        folder,
        members,
        ports=dict(zip(names, free[:4], strict=True)),
        peer_ports=dict(zip(names, free[4:], strict=True)),
        time_ms=time.time_ns() // 1_000_000,
        parameters={},
        contracts={contract.name: contract.version for contract in CONTRACTS},
    )
    processes.begin_keys(made.nodes)
    return made


class Desk:
    """The new bureau's desk: asks a neighbour's node until its own one runs."""

    def __init__(self, made: Network) -> None:
        self.made = made
        self.folder = made.folder / "nodes" / "4"
        self.folder.mkdir()
        ports = free_ports(2)
        self.place = NodePlace(JOINING, ports[0], self.folder, ports[1])

    def say(self, post: str, *words: object, at: NodePlace | None = None) -> Any:
        place = NodePlace(JOINING, (at or self.made.nodes[0]).port, self.folder)
        return told(ask(self.made, place, post, *words))

    def say_with(self, post: str, args: dict[str, Any], *words: object) -> Any:
        file = self.folder / "args.json"
        file.write_text(json.dumps({"args": args}), encoding="utf-8")
        return self.say(post, *words, file)

    def be_admitted(self) -> None:
        """Keys of its people; the four vote on it."""
        keys = []
        for post in ("checker", "clerk", "operator"):
            self.made.add_identity(JOINING, post)
            file = self.made.key_path(JOINING, post)
            keys.append(self.say(post, "keys", "prove", file, "--chain", self.made.chain.hex(),
                                 "--holder", f"staff:{post}", "--post", post))  # fmt: skip
        admission = {"id": "a-fifth", "organisation": JOINING, "kind": "bureau",
                     "region": "500000", "keys": keys}  # fmt: skip
        file = self.folder / "admission.json"
        file.write_text(json.dumps({"args": admission}), encoding="utf-8")
        told(ask(self.made, self.made.nodes[0], "checker", "org", "propose-admission", file))
        for place in self.made.nodes[:3]:
            told(ask(self.made, place, "checker", "validator", "vote", "a-fifth"))

    def new_key(self, purpose: str) -> dict[str, Any]:
        """Make a key and register it; the answer has its public half and pin."""
        file = self.folder / f"{purpose}.key"
        chain = self.made.chain.hex()
        made = self.say("checker", "keys", "new", file, "--org", JOINING, "--purpose", purpose,
                        "--chain", chain)  # fmt: skip
        proved = self.say("checker", "keys", "prove", file, "--chain", chain)
        self.say_with(
            "checker",
            {
                "organisation": JOINING, "key": made["key"], "purposes": [purpose],
                "holder": f"staff:{JOINING}:operator", "post": "operator",
                "proof": proved["proof"],
            },
            "org", "add-key",
        )  # fmt: skip
        return dict(made)

    def configure(self) -> None:
        self.place.config.write_text(
            f"""[node]
organisation = "{JOINING}"
genesis = "../../genesis.json"
data_dir = "data"
key = "validate.key"
passphrase_file = "../../passphrase"

[api]
port = {self.place.port}

[p2p]
host = "127.0.0.1"
port = {self.place.peer_port}
key = "transport.key"
""",
            encoding="utf-8",
        )


def test_a_fifth_bureau_joins_as_a_process_and_is_needed(tmp_path: Path) -> None:
    made = network_of_four(tmp_path / "net")
    running = processes.start_all(made)
    try:
        desk = Desk(made)
        desk.be_admitted()
        validating = desk.new_key("validate")
        transport = desk.new_key("transport")
        endpoint = {"host": "127.0.0.1", "port": desk.place.peer_port,
                    "tls_pin": transport["tls_pin"]}  # fmt: skip
        desk.say_with("checker", endpoint, "org", "set-endpoint")
        desk.configure()
        processes.begin_keys([desk.place])
        running.append(processes.start(desk.place))
        processes.wait_ready(desk.place, running[-1])

        vote = told(
            ask(made, made.nodes[0], "checker", "validator", "add", JOINING, validating["key"])
        )["id"]
        for other in made.nodes[1:3]:
            told(ask(made, other, "checker", "validator", "vote", vote))
        asked_too_early = desk.say("clerk", "validator", "list")
        assert JOINING not in {one["organisation"] for one in asked_too_early["validators"]}
        # A node that is a few blocks behind is ready, and may not know its own people yet.
        wait_height(desk.place, asked_too_early["height"])
        attested = desk.say("operator", "validator", "attest", vote, at=desk.place)
        assert attested["receipts"][0]["receipt"]["answer"]["status"] == "carried"

        listed = desk.say("clerk", "validator", "list", at=desk.place)
        assert (len(listed["validators"]), listed["quorum"]) == (5, 4)
        # Without one of the old ones the new bureau is needed for every block.
        kill(running[1])
        announce(made, made.nodes[2], 1)
        wait_height(desk.place, listed["height"] + 1)
        assert desk.say("operator", "evidence", "list", at=desk.place)["accusations"] == []
    finally:
        processes.stop_all(running)


def kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
