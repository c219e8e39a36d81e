"""Nodes of the made-up country as processes: their folders, their start, their end.

    FOLDER/genesis.json
    FOLDER/<seat>/node.toml   with its keys, data/ and node.log beside it

Keys come from made-up seeds and open with a known word: nothing here is secret.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from node.benchmark.in_process import BenchmarkFailed
from node.benchmark.workload import NODE_KEYS, Country, Signer
from node.ledger.genesis import Genesis
from node.ledger.keystore import SCRYPT_N_LEAST, Randomness, seal
from node.ledger.types import Digest
from node.ports import free_ports

READY_S_MAX = 90.0
STOP_S_MAX = 20.0
LOG_LINES = 12
PASSPHRASE = "benchmark"  # noqa: S105  (of keys that everybody can make)


@dataclass(frozen=True, slots=True)
class Place:
    """One node: where its things are and where it answers."""

    organisation: str
    folder: Path
    port: int
    """Of its API on loopback."""
    peer_port: int | None = None
    """Where it listens for the others; None where there are none."""

    @property
    def config(self) -> Path:
        return self.folder / "node.toml"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def found(
    folder: Path, country: Country, settings: str = "", listen: Mapping[str, int] | None = None
) -> list[Place]:
    """Write genesis, keys and a configuration for each validator, and begin their keys.

    ``settings``: further lines of each configuration. ``listen``: ports on which nodes really
    listen, where they differ from those at which the genesis says that they are found. Raises
    ``BenchmarkFailed``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    genesis = country.genesis()
    (folder / "genesis.json").write_bytes(country.render_genesis(genesis))
    free = free_ports(len(country.validators))
    places = []
    for number, organisation in enumerate(country.validators):
        port = (listen or country.peers).get(organisation)
        place = Place(organisation, folder / str(number), free[number], port)
        write_node(place, genesis.chain, settings)
        places.append(place)
    if country.peers:
        _begin_keys(places)
    return places


def write_node(place: Place, chain: bytes, settings: str) -> None:
    """Keys and configuration of one node; genesis.json is in the folder above."""
    place.folder.mkdir(parents=True, exist_ok=True)
    for purpose in NODE_KEYS if place.peer_port else ("validate",):
        _write_key(place, chain, purpose)
    peers = ""
    if place.peer_port is not None:
        peers = f'[p2p]\nport = {place.peer_port}\nkey = "transport.key"\n'
    place.config.write_text(
        f"""[node]
organisation = "{place.organisation}"
genesis = "../genesis.json"
data_dir = "data"
key = "validate.key"

[api]
port = {place.port}

{peers}
{settings}""",
        encoding="utf-8",
    )


def chain_of(folder: Path) -> bytes:
    """The chain of the genesis file in a folder."""
    return Genesis.parse((folder / "genesis.json").read_bytes()).chain


def start(place: Place) -> subprocess.Popen[bytes]:
    """Start a node; its log goes to ``node.log``."""
    with (place.folder / "node.log").open("ab") as log:
        return subprocess.Popen(
            _command(place), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=_environment()
        )


def wait_ready(place: Place, process: subprocess.Popen[bytes]) -> None:
    """Wait until the node is ready. Raises ``BenchmarkFailed`` with the end of its log."""
    deadline = time.monotonic() + READY_S_MAX
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{place.url}/v1/ready", timeout=2.0).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    lines = (place.folder / "node.log").read_text(encoding="utf-8", errors="replace").splitlines()
    raise BenchmarkFailed("the node does not get ready:\n" + "\n".join(lines[-LOG_LINES:]))


def stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Ask all to end, wait, and end those the hard way that do not."""
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    for process in processes:
        try:
            process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _begin_keys(places: Sequence[Place]) -> None:
    for place in places:
        done = subprocess.run(
            [*_command(place), "--new-key"], capture_output=True, env=_environment(), check=False
        )
        if done.returncode:
            words = done.stderr.decode(errors="replace")
            raise BenchmarkFailed(f"the key of {place.organisation} cannot begin:\n{words}")


def _command(place: Place) -> list[str]:
    return [sys.executable, "-m", "node", str(place.config)]


def _environment() -> dict[str, str]:
    return {**os.environ, "YIBAO_PASSPHRASE": PASSPHRASE}


def _write_key(place: Place, chain: bytes, purpose: str) -> None:
    signer = Signer.of(place.organisation, purpose)
    chance = Randomness(os.urandom(16), os.urandom(12))
    sealed = seal(
        signer.private.private_bytes_raw(), PASSPHRASE, chance,
        chain=Digest(chain), role=purpose, owner=place.organisation, n=SCRYPT_N_LEAST,
    )  # fmt: skip
    (place.folder / f"{purpose}.key").write_bytes(sealed)
