"""Measures a node in a process of its own over HTTP: load by signed POSTs, latency of lone claims.

The node runs on the country that was prepared in process. The client is this process, on the same
machine: what it takes of the two cores is part of the figure.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from node.benchmark.in_process import CALLS_WAITING, WAIT_S_MAX, BenchmarkFailed
from node.benchmark.workload import VALIDATOR, Signer
from node.ledger.keystore import SCRYPT_N_LEAST, Randomness, seal
from node.ledger.types import Digest

READY_S_MAX = 60.0
STOP_S_MAX = 20.0
CONNECTIONS_MAX = 64
"""Requests in hand at once; a bureau's gateway keeps about as many connections."""


@dataclass(frozen=True, slots=True)
class HttpRun:
    """What one measured run over HTTP did."""

    claims: int
    seconds: float

    @property
    def per_second(self) -> float:
        return self.claims / self.seconds


@contextmanager
def running_node(folder: Path, chain: bytes) -> Iterator[str]:
    """The country's node as a process; yields its address. Raises ``BenchmarkFailed``."""
    address = f"127.0.0.1:{_free_port()}"
    _write_config(folder, chain, int(address.partition(":")[2]))
    with (folder / "node.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "node", str(folder / "node.toml")],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env={**os.environ, "YIBAO_PASSPHRASE": "benchmark"},
        )  # fmt: skip
    try:
        _wait_ready(f"http://{address}", process, folder)
        yield f"http://{address}"
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def measure(address: str, wires: list[bytes], claims: int, calls: int) -> HttpRun:
    """Settle signed transactions, each POST waiting for its commit."""
    waiting = iter(wires)
    width = max(2, min(CONNECTIONS_MAX, CALLS_WAITING // calls))
    limits = httpx.Limits(max_connections=width, max_keepalive_connections=width)
    async with httpx.AsyncClient(timeout=WAIT_S_MAX, limits=limits) as client:

        async def work() -> None:
            for wire in waiting:
                await _post(client, address, wire)

        start = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(width):
                group.create_task(work())
        return HttpRun(claims, time.perf_counter() - start)


async def lone_latency_ms(address: str, wires: list[bytes]) -> dict[str, float]:
    """Milliseconds from POST to the committed receipt, one claim after the other."""
    taken = []
    async with httpx.AsyncClient(timeout=WAIT_S_MAX) as client:
        for wire in wires:
            start = time.perf_counter()
            await _post(client, address, wire)
            taken.append((time.perf_counter() - start) * 1000)
    taken.sort()
    return {
        "median": round(statistics.median(taken), 2),
        "p95": round(taken[int(len(taken) * 0.95)], 2),
        "max": round(taken[-1], 2),
    }


async def _post(client: httpx.AsyncClient, address: str, wire: bytes) -> None:
    headers = {"Content-Type": "application/octet-stream"}
    while True:
        answer = await client.post(
            f"{address}/v1/transactions?wait=committed", content=wire, headers=headers
        )
        if answer.status_code not in (429, 503):
            break
        await asyncio.sleep(float(answer.headers.get("Retry-After", "1")))
    if answer.status_code != 200:
        raise BenchmarkFailed(f"{answer.status_code}: {answer.text[:300]}")
    for item in answer.json()["receipts"]:
        if item["receipt"]["status"] != "ok":
            raise BenchmarkFailed(f"rejected: {item['receipt']['code']}")


def _write_config(folder: Path, chain: bytes, port: int) -> None:
    signer = Signer.of(VALIDATOR, "validate")
    chance = Randomness(os.urandom(16), os.urandom(12))
    sealed = seal(
        signer.private.private_bytes_raw(), "benchmark", chance,
        chain=Digest(chain), role="validate", owner=VALIDATOR, n=SCRYPT_N_LEAST,
    )  # fmt: skip
    (folder / "validate.key").write_bytes(sealed)
    (folder / "node.toml").write_text(
        f"""[node]
organisation = "{VALIDATOR}"
genesis = "genesis.json"
data_dir = "data"
key = "validate.key"

[api]
port = {port}

[pool]
sender_count_max = 20000

[log]
level = "warning"
""",
        encoding="utf-8",
    )


def _wait_ready(address: str, process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + READY_S_MAX
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{address}/v1/ready", timeout=2.0).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    lines = (folder / "node.log").read_text(encoding="utf-8", errors="replace").splitlines()
    raise BenchmarkFailed("the node does not get ready:\n" + "\n".join(lines[-10:]))


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
