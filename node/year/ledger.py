"""One real node under the year's clock: transactions are signed here, every receipt is read back.

The node is the one of ``node.benchmark.in_process``: signatures and attachments are checked, a
validator alone orders, execution, state root, one synced batch for each block. The clock stands
still while a wave of transactions is worked off and is moved by the year only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

from node.benchmark.in_process import open_node
from node.benchmark.workload import Batch, sign_batch
from node.ledger.errors import Unavailable
from node.ledger.receipt import Receipt
from node.ledger.types import Value
from node.year.places import Places, genesis_of

IN_FLIGHT = 256
"""Transactions handed in and not yet answered."""
VALID_MS = 12 * 3_600_000
WAIT_S_MAX = 120.0
TREE_DEPTH = 16
DIFFS_KEPT = 10

Reader = Callable[[int, Receipt], None]
"""Told of every receipt, with its height, in the order of the chain."""


class YearBroken(Exception):  # noqa: N818  (what happened)
    """The node did not do what the year needs."""


class YearLedger:
    """A node whose time is the year's."""

    def __init__(
        self, folder: Path, places: Places, start_ms: int, read: Reader, *, index: bool
    ) -> None:
        self.now_ms = start_ms
        self._read = read
        self.node = open_node(
            folder, lambda: genesis_of(places, start_ms), tree_depth=TREE_DEPTH,
            diffs_kept=DIFFS_KEPT, index=index, clock_ms=lambda: self.now_ms,
        )  # fmt: skip
        self._seen = self.node.head.height

    @property
    def height(self) -> int:
        """The newest block."""
        return self.node.head.height

    def state(self, key: str) -> Value | None:
        """A value of the head's state."""
        with self.node.reader.view() as view:
            return view.state(key)

    async def start(self) -> None:
        """Begin to order."""
        await self.node.start()

    async def stop(self) -> None:
        """End in order; the folder can be opened again."""
        await self.node.stop()

    def go_to(self, time_ms: int) -> None:
        """Move the clock forward."""
        assert time_ms >= self.now_ms, "the year goes forward"
        self.now_ms = time_ms

    async def do(self, batches: Iterable[Batch]) -> None:
        """Work off a wave: everything in it is committed and read when this returns."""
        chain, until_ms = self.node.genesis.chain, self.now_ms + VALID_MS
        waiting = iter(batches)

        async def work() -> None:
            for batch in waiting:
                _, wire = sign_batch(batch, chain, until_ms)
                await self._submit(wire)

        async with asyncio.TaskGroup() as group:
            for _ in range(IN_FLIGHT):
                group.create_task(work())
        self._read_back()

    async def _submit(self, wire: bytes) -> None:
        while True:
            try:
                accepted = await self.node.submit(wire)
                break
            except Unavailable:
                await asyncio.sleep(0.005)  # the pool is full: this client waits, as it is told to
        if not accepted.committed and not await self.node.wait(accepted.tx_id, WAIT_S_MAX):
            raise YearBroken(f"not committed within {WAIT_S_MAX:.0f} s")

    def _read_back(self) -> None:
        with self.node.reader.view() as view:
            for height in range(self._seen + 1, view.head.height + 1):
                for leaf in view.receipts(height):
                    self._read(height, Receipt.decode_trusted(leaf))
            self._seen = view.head.height
