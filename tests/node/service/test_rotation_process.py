"""A bureau's validate key is rotated in real processes, with the commands of the handbook."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli import devnet, network, processes
from cli.identity import new_seed, read_key_header, write_key
from cli.network import Network, NodePlace
from node.ledger.keystore import SCRYPT_N_LEAST
from tests.cli.running import yibao
from tests.node.service.test_network_process import announce, ready, wait_height

pytestmark = [pytest.mark.process, pytest.mark.slow]
ROTATED = 1


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[Network, list[subprocess.Popen[bytes]]]]:
    made = devnet.create(tmp_path / "net", bureaus=4)
    started = processes.start_all(made)
    try:
        yield made, started
    finally:
        processes.stop_all(started)


def ask(made: Network, place: NodePlace, post: str, *words: object) -> Any:
    env = {
        "YIBAO_NODE": place.url,
        "YIBAO_KEY": str(made.key_path(place.organisation, post)),
        "YIBAO_PASSPHRASE_FILE": str(made.passphrase_file),
    }
    return yibao(*words, "--json", env=env)


def told(result: Any) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_key_is_rotated_by_votes_and_votes_again(
    running: tuple[Network, list[subprocess.Popen[bytes]]],
) -> None:
    made, started = running
    place = made.nodes[ROTATED]
    file = place.folder / "validate2.key"
    write_key(
        file, new_seed(), made.passphrase_file.read_text(encoding="utf-8"),
        chain=made.chain, role="validate", owner=place.organisation, n=SCRYPT_N_LEAST,
    )  # fmt: skip
    # The node is stopped for a moment and holds both keys from then on.
    processes.stop_all([started[ROTATED]])
    text = place.config.read_text(encoding="utf-8")
    place.config.write_text(
        text.replace('key = "validate.key"', 'key = "validate.key"\nnext_key = "validate2.key"'),
        encoding="utf-8",
    )
    processes.begin_keys([place])
    started[ROTATED] = processes.start(place)
    processes.wait_ready(place, started[ROTATED])

    proposed = told(ask(made, place, "checker", "validator", "rotate", file))
    vote = proposed["id"]
    early = ask(made, made.nodes[0], "operator", "validator", "attest", vote)
    assert early.exit_code != 0, "another node has no key to be voted in"
    for other in (made.nodes[0], made.nodes[2]):
        told(ask(made, other, "checker", "validator", "vote", vote))
    attested = told(ask(made, place, "operator", "validator", "attest", vote))
    assert attested["receipts"][0]["receipt"]["answer"]["status"] == "carried"

    listed = told(ask(made, made.nodes[3], "clerk", "validator", "list"))
    keys = {one["organisation"]: one["key"] for one in listed["validators"]}
    assert keys[place.organisation] == read_key_header(file).key.hex()
    assert listed["quorum"] == 3
    # Without another one the rotated bureau is needed for every block.
    height = listed["height"]
    started[0].kill()
    started[0].wait()
    announce(made, made.nodes[2], 1)
    wait_height(place, height + 1)
    status = told(ask(made, place, "operator", "status", "--details"))
    assert [one["state"] for one in status["details"]["keys"]] == ["waits", "votes"]
    assert made.nodes[0].organisation in {
        one["organisation"] for one in status["waiting"]["not_connected"]
    }
    refused = ask(made, place, "checker", "validator", "remove", made.nodes[2].organisation)
    assert refused.exit_code == 1
    assert "governance.too-few-validators" in refused.stdout
    shown = told(ask(made, place, "clerk", "validator", "show", vote))
    assert shown["value"]["status"] == "carried"
    assert told(ask(made, place, "operator", "evidence", "list"))["accusations"] == []
    assert told(ask(made, place, "operator", "debug", "divergence"))["divergences"] == []
    assert network.load(made.folder).nodes == made.nodes


def test_another_transport_key_takes_its_place_and_the_node_says_when(
    running: tuple[Network, list[subprocess.Popen[bytes]]],
) -> None:
    made, started = running
    place = made.nodes[ROTATED]
    file = place.folder / "transport2.key"
    write_key(
        file, new_seed(), made.passphrase_file.read_text(encoding="utf-8"),
        chain=made.chain, role="transport", owner=place.organisation, n=SCRYPT_N_LEAST,
    )  # fmt: skip
    proved = told(ask(made, place, "checker", "keys", "prove", file, "--chain", made.chain.hex(),
                      "--holder", "staff:4", "--post", "operator"))  # fmt: skip
    pin = told(ask(made, place, "checker", "keys", "show", file))["tls_pin"]
    for words, args in (
        ("add-key", {"organisation": place.organisation, **proved}),
        ("set-endpoint", {"host": "127.0.0.1", "port": place.peer_port, "tls_pin": pin}),
    ):
        call = place.folder / "call.json"
        call.write_text(json.dumps({"args": args}), encoding="utf-8")
        told(ask(made, place, "checker", "org", words, call))
    height = int(str(ready(place)["height"]))
    assert "p2p.pin-differs" in (place.folder / "node.log").read_text(encoding="utf-8")
    announce(made, made.nodes[0], 1)  # the three others go on

    processes.stop_all([started[ROTATED]])
    text = place.config.read_text(encoding="utf-8")
    place.config.write_text(text.replace("transport.key", "transport2.key"), encoding="utf-8")
    started[ROTATED] = processes.start(place)
    processes.wait_ready(place, started[ROTATED])
    started[0].kill()
    started[0].wait()
    announce(made, made.nodes[2], 2)  # needs it
    wait_height(place, height + 2)
