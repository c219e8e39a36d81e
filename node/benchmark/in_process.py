"""Measures a node in this process: the whole path from wire bytes to the synced batch.

Transactions are made and signed before the clock starts; the client's work is not the node's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from contracts.runtime import Runtime
from contracts.settlement import CONTRACTS
from node.benchmark.workload import VALIDATOR, Batch, Country, Signer, sign_batch
from node.ledger.codec import decode_trusted
from node.ledger.errors import Unavailable
from node.ledger.receipt import Receipt
from node.mempool import PoolLimits
from node.service.clocks import wall_clock_ms
from node.service.node import Node, NodeOptions
from node.service.opening import OpenOptions, open_ledger
from node.telemetry import Metrics, make_logger

CALLS_WAITING = 1_024
"""Calls that are handed in and not yet answered: four full blocks keep every stage busy."""
CALLS_AIM = 256
"""Calls after which a block takes no further transaction."""
WAIT_S_MAX = 120.0
OPEN = OpenOptions(diff_heights=10_000, check_heights=10, tree_depth=18, index=True)
VALID_MS = 12 * 3_600_000

T = TypeVar("T")

Progress = Callable[[int], None]
"""Told how many calls of the set-up are done."""


class BenchmarkFailed(Exception):  # noqa: N818  (what happened)
    """A run that is no result: something was refused or rejected."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one measured run did."""

    claims: int
    seconds: float
    stage_us: dict[str, float]
    """Microseconds a claim in each stage; stages of different threads overlap."""
    state_keys: float
    """State entries written for each claim."""
    state_bytes: float
    """Bytes of state keys and values written for each claim."""
    blocks: int

    @property
    def per_second(self) -> float:
        return self.claims / self.seconds


def open_node(
    folder: Path,
    genesis: Callable[[], bytes],
    *,
    options: OpenOptions = OPEN,
    clock_ms: Callable[[], int] = wall_clock_ms,
) -> Node:
    """A lone validator's node with its data in ``folder``; begins the chain when it is new.

    ``genesis``: the file's bytes, asked for a new folder only. ``clock_ms``: the time that it lives
    in.
    """
    genesis_file = folder / "genesis.json"
    if not genesis_file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        genesis_file.write_bytes(genesis())
    genesis_bytes = genesis_file.read_bytes()
    runtime = Runtime(CONTRACTS)
    data = folder / "data"
    data.mkdir(exist_ok=True)
    ledger = open_ledger(data, genesis_bytes, runtime.registry, options)
    return Node(
        NodeOptions(
            organisation=VALIDATOR,
            data_dir=data,
            pool=PoolLimits(50_000, 1 << 30, 50_000, 1 << 30),
            calls_aim=CALLS_AIM,
            bytes_aim=4 << 20,
            index=options.index,
        ),
        ledger,
        runtime,
        Signer.of(VALIDATOR, "validate").private,
        make_logger("warning", "console"),
        genesis_bytes=genesis_bytes,
        telemetry=Metrics(),
        clock_ms=clock_ms,
    )


async def prepare(node: Node, country: Country, progress: Progress) -> None:
    """Run the country's set-up through the node."""
    chain = node.genesis.chain
    until_ms = country.now_ms + VALID_MS
    done = 0

    async def one(batch: Batch) -> None:
        nonlocal done
        _, wire = sign_batch(batch, chain, until_ms)
        await _submit(node, wire)
        done += len(batch.calls)
        progress(done)

    before = node.head.height
    # People only after the institutions' rules: set-up is in order, its transactions are not.
    await _in_flight(country.setup(chain), one, 8)
    _check_receipts(node, before)


async def measure(node: Node, wires: list[bytes], claims: int, calls: int) -> Run:
    """Settle signed transactions of ``calls`` calls each. Raises ``BenchmarkFailed``."""
    before, stages = node.head.height, node.telemetry.stage_times()

    async def one(wire: bytes) -> None:
        await _submit(node, wire)

    start = time.perf_counter()
    await _in_flight(wires, one, max(2, CALLS_WAITING // calls))
    seconds = time.perf_counter() - start
    after = node.telemetry.stage_times()
    _check_receipts(node, before)
    keys, size = _written(node, before)
    return Run(
        claims=claims,
        seconds=seconds,
        stage_us={
            name: round((after[name] - stages.get(name, 0.0)) / claims * 1e6, 1) for name in after
        },
        state_keys=round(keys / claims, 2),
        state_bytes=round(size / claims, 1),
        blocks=node.head.height - before,
    )


async def _submit(node: Node, wire: bytes) -> None:
    while True:
        try:
            accepted = await node.submit(wire)
            break
        except Unavailable:
            await asyncio.sleep(0.005)  # the pool is full: this client waits, as it is told to
    if not accepted.committed and not await node.wait(accepted.tx_id, WAIT_S_MAX):
        raise BenchmarkFailed(f"not committed within {WAIT_S_MAX:.0f} s")


async def _in_flight(
    items: Iterable[T], one: Callable[[T], Coroutine[None, None, None]], width: int
) -> None:
    """Work on all items, ``width`` at a time, in their order. Raises the first failure."""
    waiting = iter(items)

    async def work() -> None:
        for item in waiting:
            await one(item)

    async with asyncio.TaskGroup() as group:
        for _ in range(width):
            group.create_task(work())


def _check_receipts(node: Node, before: int) -> None:
    """Every call of the heights after ``before`` went through. Raises ``BenchmarkFailed``."""
    with node.reader.view() as view:
        for height in range(before + 1, node.head.height + 1):
            for leaf in view.receipts(height):
                receipt = Receipt.decode_trusted(leaf)
                if receipt.status != "ok":
                    raise BenchmarkFailed(f"rejected: {receipt.code} {receipt.values}")


def _written(node: Node, before: int) -> tuple[int, int]:
    """State entries and bytes (keys and values) written by the heights after ``before``."""
    entries = size = 0
    with node.reader.view() as view:
        for height in range(before + 1, node.head.height + 1):
            data = view.diff(height)
            assert data is not None, f"the diff of height {height} is kept"
            for key, value in decode_trusted(data):
                entries += 1
                size += len(key) + len(value or b"")
    return entries, size
