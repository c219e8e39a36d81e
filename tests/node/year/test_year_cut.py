"""A year cut at any block and started again comes to the same end.

The blocks of a lived year are executed anew into an empty database, which is closed at some of them
and opened again as a node opens it, with every check. Nothing is taken from the first database but
what a block is: its header, certificate, transactions and attachments.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from consensus import BlockId
from contracts.runtime import Runtime
from contracts.settlement import CONTRACTS
from node.execution.blocks import Executor
from node.execution.services import NodeServices
from node.ledger.block import Certificate, Header
from node.ledger.receipt import Receipt
from node.ledger.transaction import Attachment, SignedTransaction
from node.ordering.judge import convict
from node.service.chain import Chain
from node.service.opening import OpenedLedger, OpenOptions, open_ledger
from node.telemetry import Metrics
from node.year.places import Scale
from node.year.run import Outcome, Plan, simulate
from node.year.sums import Sums

PLAN = Plan(claims=40, persons=40, scale=Scale(cities=1, hospitals=1, pharmacies=1, provinces=3))
OPTIONS = OpenOptions(diff_heights=10, check_heights=10, tree_depth=16, index=True)
CUTS = 5


class Place:
    """A node's data and what stands on it, opened and closed as often as one likes."""

    def __init__(self, folder: Path, genesis: bytes) -> None:
        self.folder, self._genesis = folder, genesis
        self.runtime = Runtime(CONTRACTS)
        self.open()

    def open(self) -> None:
        self.ledger: OpenedLedger = open_ledger(
            self.folder, self._genesis, self.runtime.registry, OPTIONS
        )
        chain = self.ledger.genesis.chain
        executor = Executor(
            chain, self.runtime, NodeServices(chain, convict), self.ledger.state,
            self.ledger.database.state, self.ledger.tree,
        )  # fmt: skip
        self.chain = Chain(
            self.ledger.database, executor, self.ledger.parent, Metrics(), organisation="centre",
            index=True,
        )  # fmt: skip

    @property
    def height(self) -> int:
        return int(self.chain.parent.header.height)

    def close(self) -> None:
        self.ledger.database.close()


@pytest.fixture(scope="module")
def lived(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Outcome, OpenedLedger, bytes]]:
    folder = tmp_path_factory.mktemp("year")
    outcome = simulate(PLAN, folder, lambda *_: None)
    genesis = (folder / "genesis.json").read_bytes()
    first = open_ledger(folder / "data", genesis, Runtime(CONTRACTS).registry, OPTIONS)
    yield outcome, first, genesis
    first.database.close()


def follow(first: OpenedLedger, place: Place) -> None:
    """Execute the next block of the first database."""
    height = place.height + 1
    blocks, attachments = first.database.blocks, first.database.attachments
    data, certificate = blocks.header(height), blocks.certificate(height)
    assert data is not None
    assert certificate is not None
    transactions = []
    for leaf in blocks.leaves(height):
        plain = SignedTransaction.decode_trusted_leaf(leaf)
        kept = [attachments.find(ref.commitment) for ref in plain.body.attachments]
        given = [Attachment(one.blind, one.content) for one in kept if one is not None]
        assert len(given) == len(kept)
        transactions.append(SignedTransaction.decode_leaf(leaf, given))
    header = Header.decode(data)
    result = place.chain.execute(header, transactions)
    assert result.receipt_bytes == blocks.receipts(height)
    place.chain.commit(BlockId(result.block_hash), Certificate.decode(certificate))
    place.chain.advance(result)


def test_cut_at_any_block_and_started_again_it_comes_to_the_same_end(
    lived: tuple[Outcome, OpenedLedger, bytes], tmp_path: Path
) -> None:
    outcome, first, genesis = lived
    cuts = set(random.Random(1).sample(range(outcome.blocks + 1), CUTS))
    place, sums = Place(tmp_path, genesis), Sums()
    try:
        for leaf in first.database.blocks.receipts(0):
            sums.read(Receipt.decode_trusted(leaf))
        while True:
            if place.height in cuts:
                cuts.discard(place.height)
                before = place.chain.parent
                place.close()
                place.open()
                assert place.chain.parent == before, "it stands where it was cut"
                assert sums.imbalance() == 0, place.height
            if place.height == outcome.blocks:
                break
            follow(first, place)
            for leaf in place.ledger.database.blocks.receipts(place.height):
                sums.read(Receipt.decode_trusted(leaf))
        assert not cuts
        assert place.chain.parent == first.parent, "the same head: every root is in its header"
        assert sums.balances == outcome.sums.balances
        ours = {key: data for _, key, data in place.ledger.database.state.entries()}
        theirs = {key: data for _, key, data in first.database.state.entries()}
        assert ours == theirs
    finally:
        place.close()
