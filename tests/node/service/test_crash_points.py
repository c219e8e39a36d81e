"""The node is stopped before, in the middle of and after every single write, and started again.

A story of six transactions is told once without a crash. Then it is told again for each write that
it makes (database batches and safety records), the machine stopping at that write. After the
restart all checks of a start must pass, everything that was answered as committed must be there,
the rest of the story is told, and the end must be the same state root and totals as without crash.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from node.indexer import verify_index
from node.ledger.errors import Unavailable
from node.ledger.transaction import SignedTransaction
from node.ordering.wal import SafetyFile
from node.service.node import Node
from node.service.opening import open_database
from node.store.database import Database
from tests.node.network import (
    OPEN,
    Client,
    make_genesis,
    make_node,
    runtime,
)
from tests.node.store.sim_kv import Crash, SimKV

GENESIS, GENESIS_BYTES = make_genesis()
CLIENT = Client(GENESIS.chain)
ENTER = ("book", "enter", {"key": "first", "amount_fen": 50})
STORY = [
    CLIENT.enter("first", 100),
    CLIENT.sign([ENTER, ENTER, ENTER], notes={0: 1, 1: 2, 2: 3}),
    CLIENT.sign([("book", "refuse", {"key": "first", "after_writing": True})]),
    CLIENT.sign([("book", "drop", {"key": "first"}), ("book", "nothing", {})]),
    CLIENT.enter("second", 7),
    CLIENT.enter("first", 1),
]  # fmt: skip


@dataclass
class Disk:
    """What survives: the database's rows and the folder with safety.dat."""

    folder: Path
    kv: SimKV = field(default_factory=SimKV)
    saves: int = 0
    crash_save: tuple[str, int] | None = None
    """(``before``, ``torn`` or ``after``, number of the safety record's write)."""


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    """A disk whose safety file's writes can be cut too."""
    made = Disk(tmp_path)
    real = SafetyFile.save

    def save(self: SafetyFile, record: bytes) -> None:
        made.saves += 1
        kind, number = made.crash_save or ("", 0)
        if number == made.saves:
            if kind == "torn":
                slot = (self._counter + 1) % 2
                self._slots.write(slot, b"YIBAOSF1" + record[: len(record) // 2])
            if kind in ("before", "torn"):
                raise Crash
            real(self, record)
            raise Crash
        real(self, record)

    monkeypatch.setattr(SafetyFile, "save", save)
    return made


def open_node(disk: Disk) -> Node:
    database = Database(disk.kv, diff_heights=OPEN.diff_heights)
    ledger = open_database(database, GENESIS, GENESIS_BYTES, runtime().registry, OPEN)
    return make_node(disk.folder, ledger)


async def tell(node: Node, story: list[SignedTransaction], answered: list[bytes]) -> None:
    """Submit each and wait for it; what was answered as committed is noted at once."""
    for transaction in story:
        try:
            await node.submit(transaction.encode())
            if await node.wait(transaction.id, 30):
                answered.append(transaction.id)
        except Unavailable:
            await node.run()  # raises what ended the node


async def live(disk: Disk, answered: list[bytes]) -> tuple[bytes, int, list[bytes]]:
    """Start, tell what is not answered yet, look at the end. Raises ``Crash`` where one is due."""
    node = open_node(disk)
    try:
        await node.start()
        await settle(node)
        held = [one.id for one in STORY if node.reader.has_transaction(one.id)]
        assert set(answered) <= set(held), "an answered transaction is lost"
        await tell(node, [one for one in STORY if one.id not in held], answered)
        with node.reader.view() as view:
            root, total = view.head.state_root, view.state("book/first")["total_fen"]
            height = view.head.height
        verify_index(node.chain.database, height)
        return root, total, [one.id for one in STORY if node.reader.has_transaction(one.id)]
    finally:
        if disk.kv.down:
            node.chain.database._head = None  # a crashed store is not asked again
        await node.stop()


async def settle(node: Node) -> None:
    """After a start, a block that was voted for before the crash is finished first."""
    await node.settle()
    if not node.status().ready:
        await node.run()


def run_story(disk: Disk, crashes: Callable[[Disk], None]) -> tuple[int, bytes, int]:
    """Tell the story with one planned crash; how many starts it took and how it ended."""
    answered: list[bytes] = []
    crashes(disk)
    for starts in (1, 2):
        try:
            root, total, held = asyncio.run(live(disk, answered))
        except Crash:
            disk.kv = disk.kv.after_crash()
            disk.crash_save = None
            continue
        assert len(held) == len(STORY)
        return starts, root, total
    raise AssertionError("the second start has no crash planned")


def test_the_story_without_a_crash(disk: Disk) -> None:
    starts, _, total = run_story(disk, lambda disk: None)
    assert (starts, total) == (1, 1)
    # genesis, and of which depth its bucket roots are; for each block its content and its commit
    assert disk.kv.writes == 2 + 2 * len(STORY)
    # the first record; for each block its vote and its prepared certificate
    assert disk.saves == 1 + 2 * len(STORY)


@pytest.mark.parametrize("number", range(1, 3 + 2 * len(STORY)))
@pytest.mark.parametrize("kind", ["before", "after"])
def test_a_crash_at_each_batch(disk: Disk, kind: str, number: int) -> None:
    def plan(disk: Disk) -> None:
        if kind == "before":
            disk.kv.crash_before = number
        else:
            disk.kv.crash_after = number

    starts, _, total = run_story(disk, plan)
    assert (starts, total) == (2, 1)


@pytest.mark.parametrize("number", range(2, 2 + 2 * len(STORY)))
@pytest.mark.parametrize("kind", ["before", "torn", "after"])
def test_a_crash_at_each_safety_record(disk: Disk, kind: str, number: int) -> None:
    def plan(disk: Disk) -> None:
        disk.crash_save = (kind, number)

    starts, _, total = run_story(disk, plan)
    assert (starts, total) == (2, 1)
