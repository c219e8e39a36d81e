"""Measures validators as processes of one machine: alone, sustained, overloaded.

Everything is as in a real network: TLS between the nodes, synced writes, every validator executes
every claim. Load comes from a process of its own at a stated rate. After each phase every
acknowledged transaction is looked for on the chain, and all nodes have to be at one head.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.benchmark import nodes
from node.benchmark.connection import Connection
from node.benchmark.gauges import Gauges, since
from node.benchmark.in_process import VALID_MS, WAIT_S_MAX, BenchmarkFailed
from node.benchmark.load import write_bills
from node.benchmark.nodes import Place
from node.benchmark.workload import AUDITOR, Country, Signer, Size, sign_batch
from node.ports import free_ports

SETTINGS = """[log]
level = "warning"
format = "json"
"""
SMALL = """[store]
tree_cache_mb = {0}
state_cache_mb = {0}
write_buffer_mb = {1}
"""
WRITE_BUFFER_MB = 16
"""Beside caches of a stated size: the default, 64, goes up and down by more than they hold."""
ID_BYTES = 32
OVERLOAD = 10
"""Times the capacity that was measured."""
SAMPLE_S = 1.0
MINUTE_S = 60.0
CLOSED_LANES = 48
"""Clients that hand in the next transaction when the last is committed, to find the capacity."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is measured, and how long."""

    validators: int = 4
    persons: int = 1_000
    areas: int = 31
    institutions: int = 60
    calls: int = 20
    lone: int = 200
    capacity_claims: int = 8_000
    rate: float = 1_000.0
    """Claims a second of the sustained phase; 0: nine tenths of the capacity that was found."""
    seconds: float = 300.0
    overload_seconds: float = 60.0
    cache_mb: int = 0
    """Of each node's two caches, and a small table in memory: full within the first minute, so that
    what grows afterwards is no cache. 0: as a node has them by itself."""


async def measure(plan: Plan, folder: Path, say: Say) -> dict[str, Any]:
    """Found, start, measure, stop. Raises ``BenchmarkFailed``."""
    size = Size(plan.persons, plan.areas, plan.institutions)
    country = Country(size, time.time_ns() // 1_000_000, free_ports(plan.validators))
    small = SMALL.format(plan.cache_mb, WRITE_BUFFER_MB) if plan.cache_mb else ""
    places = nodes.found(folder, country, SETTINGS + small)
    processes = [nodes.start(place) for place in places]
    try:
        for place, process in zip(places, processes, strict=True):
            nodes.wait_ready(place, process)
        async with AsyncExitStack() as stack:
            links = [
                await stack.enter_async_context(Connection.open(place.url)) for place in places
            ]
            bench = _Bench(plan, country, folder, places, links, [p.pid for p in processes], say)
            return await bench.run()
    finally:
        nodes.stop(processes)


class _Bench:
    def __init__(
        self,
        plan: Plan,
        country: Country,
        folder: Path,
        places: Sequence[Place],
        links: Sequence[Connection],
        pids: Sequence[int],
        say: Say,
    ) -> None:
        self._plan = plan
        self._country = country
        self._folder = folder
        self._places = places
        self._links = links
        self._say = say
        self._chain = nodes.chain_of(folder)
        self._gauges = Gauges(places, pids)
        self._next = 0
        self._until_ms = country.now_ms + VALID_MS

    async def run(self) -> dict[str, Any]:
        plan = self._plan
        self._say("set-up")
        for batch in self._country.setup(self._chain):
            await self._links[0].post(sign_batch(batch, self._chain, self._until_ms)[1])
        result: dict[str, Any] = {"validators": plan.validators, "calls": plan.calls}
        self._say(f"{plan.lone} lone claims")
        result["lone"] = await self._watched(self._lone)
        self._say(f"capacity, {plan.capacity_claims} claims")
        result["capacity"] = await self._watched(self._capacity)
        capacity = result["capacity"]["claims_per_second"]
        rate = plan.rate or round(0.9 * capacity, 1)
        self._say(f"{rate} claims/s for {plan.seconds:.0f} s")
        result["sustained"] = await self._watched(lambda: self._load(rate, plan.seconds, wait=True))
        rate = OVERLOAD * capacity
        self._say(f"{rate} claims/s for {plan.overload_seconds:.0f} s")
        result["overload"] = await self._watched(self._overload_of(rate))
        return result

    # --- Phases -------------------------------------------------------------------------------

    async def _lone(self) -> dict[str, Any]:
        """One claim after the other, handed in at the nodes in turn."""
        taken: list[float] = []
        ids = []
        for number, (tx_id, wire) in enumerate(self._bills(self._plan.lone, 1)):
            start = time.perf_counter()
            await self._links[number % len(self._links)].post(wire)
            taken.append((time.perf_counter() - start) * 1000)
            ids.append(tx_id)
        await self._find(ids)
        ordered = sorted(taken)
        return {
            "offered_claims": len(ids),
            "ms": {
                "median": round(statistics.median(ordered), 1),
                "p95": round(ordered[int(len(ordered) * 0.95)], 1),
                "max": round(ordered[-1], 1),
            },
        }

    async def _capacity(self) -> dict[str, Any]:
        """As many clients as a bureau's gateway has connections; each waits for its commit."""
        bills = self._bills(self._plan.capacity_claims // self._plan.calls, self._plan.calls)
        waiting = iter(bills)

        async def client(place: Place) -> None:
            async with Connection.open(place.url) as connection:
                for _, wire in waiting:
                    await connection.post(wire)

        start = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in range(CLOSED_LANES):
                group.create_task(client(self._places[number % len(self._places)]))
        seconds = time.perf_counter() - start
        await self._find([tx_id for tx_id, _ in bills])
        claims = len(bills) * self._plan.calls
        return {"offered_claims": claims, "claims_per_second": round(claims / seconds, 1)}

    async def _load(self, rate: float, seconds: float, *, wait: bool) -> dict[str, Any]:
        """Load from the other process; what it was told, and that nothing of it is lost."""
        calls = self._plan.calls
        count = max(1, round(rate * seconds / calls))
        bills, ids = self._folder / "bills.bin", self._folder / "ids.bin"
        self._say(f"signing {count} transactions")
        first, self._next = self._next, self._next + count * calls
        write_bills(
            bills,
            (
                sign_batch(batch, self._chain, self._until_ms)
                for batch in self._country.claims(first, count * calls, calls)
            ),
        )
        command = [
            sys.executable, "-m", "node.benchmark.load", *(place.url for place in self._places),
            f"--bills={bills}", f"--count={count}", f"--rate={rate / calls}", f"--calls={calls}",
            f"--ids={ids}", *([] if wait else ["--no-wait"]),
        ]  # fmt: skip
        process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
        samples = asyncio.create_task(self._sample())
        try:
            said, _ = await process.communicate()
        finally:
            samples.cancel()
            await asyncio.wait([samples])
            if process.returncode is None:
                process.kill()
        if process.returncode:
            raise BenchmarkFailed("the load process failed")
        found: dict[str, Any] = json.loads(said)
        if found["rejected_calls"]:
            raise BenchmarkFailed(f"{found['rejected_calls']} calls were rejected")
        await self._drained(found)
        told = ids.read_bytes()
        await self._find([told[i : i + ID_BYTES] for i in range(0, len(told), ID_BYTES)])
        return {"offered_per_second": rate, "offered_claims": count * calls, **found,
                "memory": self._gauges.memory(MINUTE_S / SAMPLE_S)}  # fmt: skip

    def _overload_of(self, rate: float) -> Callable[[], Any]:
        async def overload() -> dict[str, Any]:
            found = await self._load(rate, self._plan.overload_seconds, wait=False)
            start = time.perf_counter()
            ((tx_id, wire),) = self._bills(1, 1)
            await self._links[0].post(wire)
            await self._find([tx_id])
            found["lone_ms_afterwards"] = round((time.perf_counter() - start) * 1000, 1)
            return found

        return overload

    # --- Around them --------------------------------------------------------------------------

    async def _watched(self, phase: Callable[[], Any]) -> dict[str, Any]:
        """A phase with what it cost: processor time, stages, bytes, blocks, views."""
        before, view = self._gauges.read(), await self._view()
        found: dict[str, Any] = await phase()
        after = self._gauges.read()
        found |= since(before, after)
        found["view_changes"] = await self._view() - view
        return found

    def _bills(self, count: int, calls: int) -> list[tuple[bytes, bytes]]:
        first, self._next = self._next, self._next + count * calls
        return [
            sign_batch(batch, self._chain, self._until_ms)
            for batch in self._country.claims(first, count * calls, calls)
        ]

    async def _sample(self) -> None:
        self._gauges.begin_memory()
        while True:
            self._gauges.sample_memory()
            await asyncio.sleep(SAMPLE_S)

    async def _drained(self, found: dict[str, Any]) -> None:
        """Wait until nothing waits any more; how long that took."""
        start = time.perf_counter()
        async with asyncio.timeout(10 * WAIT_S_MAX):
            while any(self._gauges.pool()):
                await asyncio.sleep(0.1)
        found["drained_s"] = round(time.perf_counter() - start, 1)

    async def _view(self) -> int:
        """The view in which the newest block was committed."""
        said = await self._get(0, "/v1/headers?limit=1")
        height = said["headers"][0]["height"]
        answer = await self._get(0, f"/v1/headers/{height}")
        return int(answer["certificate"]["view"])

    async def _find(self, ids: Sequence[bytes]) -> None:
        """All nodes come to one head, and every id is on the chain, once. Raises
        ``BenchmarkFailed``."""
        async with asyncio.timeout(WAIT_S_MAX):
            while len(heads := {await self._head(n) for n in range(len(self._links))}) > 1:
                await asyncio.sleep(0.05)
        ((height, _),) = heads
        found: list[str] = []
        for number in range(self._found + 1, height + 1):
            answer = await self._get(0, f"/v1/blocks/{number}")
            found += [transaction["tx_id"] for transaction in answer["transactions"]]
        self._found = height
        if len(set(found)) != len(found):
            raise BenchmarkFailed("a transaction is on the chain twice")
        lost = {tx_id.hex() for tx_id in ids} - set(found)
        if lost:
            raise BenchmarkFailed(f"{len(lost)} acknowledged transactions are lost")

    _found = 0

    async def _head(self, node: int) -> tuple[int, str]:
        header = (await self._get(node, "/v1/headers?limit=1"))["headers"][0]
        return header["height"], header["hash"]

    async def _get(self, node: int, target: str) -> Any:
        return await self._links[node].get(target, Signer.of(AUDITOR, "audit"), self._chain)
