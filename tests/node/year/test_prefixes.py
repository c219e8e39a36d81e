"""Any prefix of the year, cut at any block, sums to zero and restarts to the same end.

Another node is given the year's blocks one by one and executes them. At blocks that hypothesis
chooses its disk is taken as it is at that moment, with the database open, as after a loss of power,
and a new node is opened on it: its books must be what the postings so far sum to, and from there on
it has to come to the very blocks that the year came to.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consensus import BlockId
from contracts.runtime import Runtime
from contracts.settlement import CONTRACTS
from node.benchmark.workload import VALIDATOR
from node.execution.blocks import Executor
from node.execution.services import NodeServices
from node.execution.state import ReadState
from node.ledger.block import Certificate, Header
from node.ledger.receipt import Receipt
from node.ledger.transaction import Attachment, SignedTransaction
from node.ledger.types import Value
from node.service.chain import Chain
from node.service.opening import OpenedLedger, OpenOptions, open_ledger
from node.store.database import Database
from node.telemetry import Metrics
from node.year.places import Scale
from node.year.run import Plan, simulate
from node.year.sums import Sums

SMALL = Plan(claims=25, persons=40, scale=Scale(cities=1, hospitals=1, pharmacies=1, provinces=2))
OPTIONS = OpenOptions(diff_heights=10, check_heights=10, tree_depth=8, index=True)
CUTS_MAX = 4


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[OpenedLedger, bytes]]:
    """The year's own ledger, and its genesis file."""
    folder = tmp_path_factory.mktemp("lived")
    simulate(SMALL, folder, lambda *_: None)
    genesis = (folder / "genesis.json").read_bytes()
    ledger = open_ledger(folder / "data", genesis, Runtime(CONTRACTS).registry, OPTIONS)
    yield ledger, genesis
    ledger.database.close()


class Follower:
    """A node on a folder, that executes what it is given."""

    def __init__(self, folder: Path, genesis: bytes) -> None:
        self.folder, self._genesis = folder, genesis
        runtime = Runtime(CONTRACTS)
        self.ledger = ledger = open_ledger(folder, genesis, runtime.registry, OPTIONS)
        executor = Executor(
            ledger.genesis.chain, runtime, NodeServices(ledger.genesis.chain), ledger.state,
            ledger.database.state, ledger.tree,
        )  # fmt: skip
        self.chain = Chain(
            ledger.database, executor, ledger.parent, Metrics(), organisation=VALIDATOR, index=True
        )

    @property
    def height(self) -> int:
        return self.chain.parent.header.height

    def follow(self, lived: Database) -> list[Receipt]:
        """Execute the year's next block. Raises ``BlockDiffers`` where it comes to another end."""
        height = self.height + 1
        data, certificate = lived.blocks.header(height), lived.blocks.certificate(height)
        assert data is not None
        assert certificate is not None
        transactions = [whole(lived, leaf) for leaf in lived.blocks.leaves(height)]
        result = self.chain.execute(Header.decode(data), transactions)
        assert result.receipt_bytes == lived.blocks.receipts(height)
        self.chain.commit(BlockId(result.block_hash), Certificate.decode(certificate))
        self.chain.advance(result)
        return result.receipts

    def cut(self, into: Path) -> Follower:
        """A node on the disk as it is at this moment."""
        shutil.copytree(self.folder, into, ignore=shutil.ignore_patterns("LOCK"))
        self.ledger.database.close()
        return Follower(into, self._genesis)

    def state(self, keys: Sequence[str]) -> list[Value | None]:
        state = ReadState(self.ledger.state)
        return [state.get(key) for key in keys]


def whole(lived: Database, leaf: bytes) -> SignedTransaction:
    """A transaction of the chain with its attachments."""
    refs = SignedTransaction.decode_trusted_leaf(leaf).body.attachments
    kept = [lived.attachments.find(ref.commitment) for ref in refs]
    items = [Attachment(one.blind, one.content or b"") for one in kept if one is not None]
    return SignedTransaction.decode_leaf(leaf, items)


@given(data=st.data())
@settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_cut_at_any_block_it_sums_to_zero_and_restarts_to_the_same_end(
    lived: tuple[OpenedLedger, bytes], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    ledger, genesis = lived
    end = ledger.parent.header.height
    cuts = data.draw(st.sets(st.integers(0, end), min_size=1, max_size=CUTS_MAX), "cut at blocks")
    folder = tmp_path_factory.mktemp("follower")
    follower, sums = Follower(folder / "whole", genesis), Sums()
    while True:
        if follower.height in cuts:
            follower = follower.cut(folder / f"cut-{follower.height}")
            assert sums.imbalance() == 0, follower.height
            assert sums.differing(follower.state) == [], follower.height
        if follower.height == end:
            break
        for receipt in follower.follow(ledger.database):
            sums.read(receipt)
    assert follower.chain.parent == ledger.parent
    entries, lived_entries = (
        {key: value for _, key, value in database.state.entries()}
        for database in (follower.ledger.database, ledger.database)
    )
    assert entries == lived_entries
    follower.ledger.database.close()
    shutil.rmtree(folder)
