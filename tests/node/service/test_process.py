"""``python -m node`` as a process: how it starts, why it ends, what it says."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.network import Member, Network, create
from contracts.settlement import CONTRACTS
from node.__main__ import Exit
from node.store.leveldb import LevelStore
from tests.node.network import GENESIS_MS

ROOT = Path(__file__).resolve().parents[3]
BUREAU = "bureau:430000"

pytestmark = [pytest.mark.process, pytest.mark.slow]


@pytest.fixture
def network(tmp_path: Path) -> Network:
    contracts = {contract.name: contract.version for contract in CONTRACTS}
    made = create(
        tmp_path / "net", [Member(BUREAU, "bureau", "430000", validator=True)],
        ports={BUREAU: 0}, time_ms=GENESIS_MS, parameters={}, contracts=contracts,
    )  # fmt: skip
    config = made.nodes[0].config
    config.write_text(config.read_text() + '\n[store]\ntree_depth = 4\n[log]\nformat = "json"\n')
    return made


def command(network: Network, *options: str) -> list[str]:
    return [sys.executable, "-m", "node", str(network.nodes[0].config), *options]


def run(network: Network, *options: str) -> subprocess.CompletedProcess[str]:
    """A start that is expected to end by itself."""
    return subprocess.run(
        command(network, *options), cwd=ROOT, capture_output=True, text=True, timeout=60
    )


class Running:
    """A node process whose log is read line by line."""

    def __init__(self, network: Network) -> None:
        self.process = subprocess.Popen(
            command(network), cwd=ROOT, stderr=subprocess.PIPE, text=True
        )
        self.port = int(self.wait_for("api.listening")["port"])

    def wait_for(self, event: str) -> dict[str, object]:
        assert self.process.stderr is not None
        seen = []
        for line in self.process.stderr:
            seen.append(line)
            if line.startswith("{") and json.loads(line)["event"] == event:
                found: dict[str, object] = json.loads(line)
                return found
        raise AssertionError("".join(seen))

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            data: bytes = answer.read()
            return data


def begin(network: Network) -> None:
    """Let the node write block 0."""
    started = Running(network)
    started.process.send_signal(signal.SIGTERM)
    assert started.process.wait(30) == Exit.STOPPED
    started.process.communicate()


@pytest.fixture
def node(network: Network) -> Iterator[Running]:
    started = Running(network)
    yield started
    if started.process.poll() is None:
        started.process.kill()
    started.process.communicate()


def test_it_serves_and_stops_when_asked(node: Running, network: Network) -> None:
    assert json.loads(node.get("/v1/ready"))["ready"] is True
    assert b"yibao_height 0.0" in node.get("/v1/metrics")
    second = run(network)
    assert second.returncode == Exit.IN_USE
    assert "One database serves one process" in second.stderr
    node.process.send_signal(signal.SIGTERM)
    assert node.wait_for("node.stopped")["height"] == 0
    assert node.process.wait(30) == Exit.STOPPED
    verified = run(network, "--verify")
    assert verified.returncode == Exit.STOPPED
    assert "database.verified" in verified.stderr
    assert run(network, "--reindex").returncode == Exit.STOPPED
    unknown = run(network, "--erase", "00" * 32)
    assert unknown.returncode == Exit.CONFIG
    assert "holds no attachment 00" in unknown.stderr


def test_where_there_is_no_ledger_none_is_verified_or_begun(network: Network) -> None:
    """A mistyped folder is no ledger of height 0."""
    for option in ("--verify", "--reindex"):
        told = run(network, option)
        assert told.returncode == Exit.CONFIG
        assert "holds no ledger" in told.stderr
    assert not (network.nodes[0].folder / "data" / "ledger.db").exists()


def test_a_taken_port_is_named(network: Network) -> None:
    config = network.nodes[0].config
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        config.write_text(config.read_text().replace("port = 0", f"port = {port}"))
        result = run(network)
    assert result.returncode == Exit.LISTEN
    assert f"api.port = {port} cannot be listened on" in result.stderr


def test_python_o_is_refused(network: Network) -> None:
    result = subprocess.run(
        [sys.executable, "-O", *command(network)[1:]], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == Exit.REFUSED
    assert "without -O" in result.stderr


def test_each_reason_has_its_exit_code_and_advice(network: Network) -> None:
    place = network.nodes[0]
    text = place.config.read_text()

    def starts_with(changed: str) -> tuple[int, str]:
        place.config.write_text(changed)
        result = run(network)
        place.config.write_text(text)
        assert "Traceback" not in result.stderr
        return result.returncode, result.stderr

    assert starts_with("") == (2, "node: node.organisation is missing. " + (
        "Id of the organisation that runs the node, as in the genesis.\n"))  # fmt: skip
    code, said = starts_with(text.replace(BUREAU, "bureau:440000"))
    assert (code, "wanted is the validate key of bureau:440000" in said) == (Exit.CONFIG, True)
    code, said = starts_with(text.replace("../../genesis.json", "absent.json"))
    assert (code, "node.genesis" in said) == (Exit.CONFIG, True)
    network.passphrase_file.write_text("wrong")
    told = run(network)
    assert (told.returncode, "the passphrase is not that of" in told.stderr) == (Exit.CONFIG, True)


def test_damage_is_refused_and_nothing_is_served(network: Network) -> None:
    place = network.nodes[0]
    begin(network)
    store = LevelStore(place.folder / "data" / "ledger.db")
    key = next(key for key, _ in store.iterate(b"s", b"t"))
    store.write([(key, None)], sync=True)
    store.close()
    result = run(network)
    assert result.returncode == Exit.DAMAGED
    assert re.search(r"State bucket \d+|Entries of the state", result.stderr)
    assert "restore the latest backup" in result.stderr
    assert "api.listening" not in result.stderr


def test_another_genesis_is_refused(network: Network, tmp_path: Path) -> None:
    begin(network)
    contracts = {contract.name: contract.version for contract in CONTRACTS}
    other = create(
        tmp_path / "other", [Member(BUREAU, "bureau", "430000", validator=True)],
        ports={BUREAU: 0}, time_ms=GENESIS_MS, parameters={}, contracts=contracts,
    )  # fmt: skip
    os.replace(other.genesis, network.genesis)
    os.replace(other.nodes[0].folder / "validate.key", network.nodes[0].folder / "validate.key")
    os.replace(other.passphrase_file, network.passphrase_file)
    result = run(network)
    assert result.returncode == Exit.FOREIGN
    assert "the genesis file is of chain" in result.stderr
