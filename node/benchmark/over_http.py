"""Measures a node in a process of its own over HTTP: load by signed POSTs, latency of lone claims.

The node runs on the country that was prepared in process. The client is this process, on the same
machine: what it takes of the two cores is part of the figure.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from node.benchmark.in_process import CALLS_WAITING, WAIT_S_MAX, BenchmarkFailed
from node.benchmark.workload import VALIDATOR, Signer
from node.ledger.keystore import SCRYPT_N_LEAST, Randomness, seal
from node.ledger.types import Digest

READY_S_MAX = 60.0
STOP_S_MAX = 20.0
ANSWER_BYTES_MAX = 64 << 20
"""Longest answer that is read: receipts with proofs are a few kilobytes a claim."""
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


class _Connection:
    """One kept-alive connection that posts transactions, with nothing that nobody needs.

    A general client needs more time for a request than the node for its answer (docs/benchmarks.md)
    and would be what is measured.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    @asynccontextmanager
    async def open(cls, address: str) -> AsyncIterator[_Connection]:
        """A connection to ``http://host:port``, closed at the end."""
        host, _, port = address.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=ANSWER_BYTES_MAX)
        try:
            yield cls(reader, writer)
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def post(self, wire: bytes) -> bytes:
        """Submit until it is committed; the answer's body. Raises ``BenchmarkFailed``."""
        head = (
            "POST /v1/transactions?wait=committed HTTP/1.1\r\nHost: benchmark\r\n"
            f"Content-Type: application/octet-stream\r\nContent-Length: {len(wire)}\r\n\r\n"
        )
        while True:
            self._writer.write(head.encode() + wire)
            async with asyncio.timeout(WAIT_S_MAX):
                status, headers, body = await self._answer()
            if status == 200:
                return body
            if status not in (429, 503):
                raise BenchmarkFailed(f"{status}: {body[:300].decode(errors='replace')}")
            await asyncio.sleep(float(headers.get("retry-after", "1")))

    async def _answer(self) -> tuple[int, dict[str, str], bytes]:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        body = await self._reader.readexactly(int(headers["content-length"]))
        return int(first.split(" ")[1]), headers, body


async def measure(address: str, wires: list[bytes], claims: int, calls: int) -> HttpRun:
    """Settle signed transactions, each POST waiting for its commit."""
    waiting = iter(wires)
    width = max(2, min(CONNECTIONS_MAX, CALLS_WAITING // calls))
    answers: list[bytes] = []

    async def work() -> None:
        async with _Connection.open(address) as connection:
            for wire in waiting:
                answers.append(await connection.post(wire))  # noqa: PERF401  (one list of many)

    start = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(width):
            group.create_task(work())
    seconds = time.perf_counter() - start
    _check_answers(answers, claims)
    return HttpRun(claims, seconds)


async def lone_latency_ms(address: str, wires: list[bytes]) -> dict[str, float]:
    """Milliseconds from POST to the committed receipt, one claim after the other."""
    taken, answers = [], []
    async with _Connection.open(address) as connection:
        for wire in wires:
            start = time.perf_counter()
            answers.append(await connection.post(wire))
            taken.append((time.perf_counter() - start) * 1000)
    _check_answers(answers, len(wires))
    taken.sort()
    return {
        "median": round(statistics.median(taken), 2),
        "p95": round(taken[int(len(taken) * 0.95)], 2),
        "max": round(taken[-1], 2),
    }


def _check_answers(answers: list[bytes], claims: int) -> None:
    """Every claim has a receipt and none was rejected. Raises ``BenchmarkFailed``."""
    receipts = [item["receipt"] for answer in answers for item in json.loads(answer)["receipts"]]
    if len(receipts) != claims:
        raise BenchmarkFailed(f"{len(receipts)} receipts of {claims} claims")
    for receipt in receipts:
        if receipt["status"] != "ok":
            raise BenchmarkFailed(f"rejected: {receipt['code']}")


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
