"""Measures a node in a process of its own over HTTP: load by signed POSTs, latency of lone claims.

The node runs on the country that was prepared in process. The client is this process, on the same
machine: what it takes of the two cores is part of the figure.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from node.benchmark import nodes
from node.benchmark.connection import Connection
from node.benchmark.in_process import CALLS_WAITING, BenchmarkFailed
from node.benchmark.workload import VALIDATOR
from node.ports import free_ports

SETTINGS = """[pool]
sender_count_max = 20000

[log]
level = "warning"
"""
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
    # The data lies where the measurement in process left it.
    place = nodes.Place(VALIDATOR, folder / "0", free_ports(1)[0])
    place.folder.mkdir(exist_ok=True)
    (folder / "data").rename(place.folder / "data")
    nodes.write_node(place, chain, SETTINGS)
    process = nodes.start(place)
    try:
        nodes.wait_ready(place, process)
        yield place.url
    finally:
        nodes.stop([process])


async def measure(address: str, wires: list[bytes], claims: int, calls: int) -> HttpRun:
    """Settle signed transactions, each POST waiting for its commit."""
    waiting = iter(wires)
    width = max(2, min(CONNECTIONS_MAX, CALLS_WAITING // calls))
    answers: list[bytes] = []

    async def work() -> None:
        async with Connection.open(address) as connection:
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
    async with Connection.open(address) as connection:
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
