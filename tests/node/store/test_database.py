"""Heights as batches: what is kept, what is dropped, what may be erased, who may open."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.execution.blocks import BlockResult, Executor
from node.execution.services import NodeServices
from node.ledger.block import make_certificate
from node.ledger.codec import decode_trusted, encode
from node.ledger.state_proof import value_hash
from node.service.opening import OpenedLedger, open_database
from node.store import keys
from node.store.checks import check_blocks, check_heights
from node.store.database import Database, HeightParts
from node.store.errors import DatabaseDamaged
from node.store.state import EXECUTED, StateRows, executed_key, executed_parts, state_rows
from tests.node.execution.test_blocks import World, enter, sign
from tests.node.ledger.world import sign_vote
from tests.node.network import OPEN, make_genesis, private, runtime
from tests.node.store.sim_kv import SimKV

GENESIS, GENESIS_BYTES = make_genesis()


class Chain:
    """A database over the in-memory store, with blocks committed by hand."""

    def __init__(self, diff_heights: int = 50) -> None:
        self.kv = SimKV()
        self.database = Database(self.kv, diff_heights=diff_heights)
        self.ledger: OpenedLedger = open_database(
            self.database, GENESIS, GENESIS_BYTES, runtime().registry, OPEN
        )
        self.world = World.__new__(World)
        self.world.kv = self.kv
        self.world.tree = self.ledger.tree
        self.world.state = self.ledger.state
        self.world.parent = self.ledger.parent
        self.world.executor = Executor(
            GENESIS.chain, runtime(), NodeServices(GENESIS.chain), self.ledger.state,
            self.database.state, self.ledger.tree,
        )  # fmt: skip

    def add(self, result: BlockResult) -> None:
        statement = (0, 0, result.header.height, result.block_hash)
        signature = sign_vote(private("validate"), "COMMIT", GENESIS.chain, statement)
        certificate = make_certificate(GENESIS.validators, statement, {0: signature})
        places, first = [], 0
        for transaction in result.transactions:
            places.append(first)
            first += len(transaction.body.calls)
        self.database.commit(
            HeightParts(
                header=result.header, header_bytes=result.header_bytes,
                block_hash=result.block_hash, leaves=result.leaves,
                tx_ids=[t.id for t in result.transactions], first_receipts=places,
                receipts=result.receipt_bytes, certificate=certificate.encode(),
                writes=result.writes, diff=result.diff, attachments=result.attachments(),
                buckets=result.overlay.bucket_roots(), index_rows=(), next_validators=None,
            )
        )  # fmt: skip
        self.world.executor.commit(result)
        self.world.parent = type(self.world.parent)(result.header, result.block_hash)

    def check(self) -> None:
        head = check_heights(self.database)
        assert head is not None
        check_blocks(self.database, head, head.height + 1)


def test_a_height_is_one_batch() -> None:
    chain = Chain()
    for number in range(4):
        before = chain.kv.writes
        chain.add(chain.world.build(sign(enter("a", number)), sign(enter("b", number + 1))))
        assert chain.kv.writes == before + 1
        chain.check()
    head = chain.database.head()
    assert head is not None
    assert (head.height, head.sequence) == (4, 5)


def test_diffs_are_kept_for_their_term_and_the_chain_still_checks() -> None:
    chain = Chain(diff_heights=2)
    for number in range(5):
        chain.add(chain.world.build(sign(enter("a", number))))
        chain.check()
    kept = [h for h in range(6) if chain.database.blocks.diff(h) is not None]
    assert kept == [4, 5]
    assert chain.database.diff_floor() == 4
    (diff,) = [chain.database.blocks.diff(5)]
    assert diff is not None
    assert ["book/a", encode({"total_fen": 10})] in decode_trusted(diff)


def test_a_diff_that_is_gone_too_early_is_damage() -> None:
    chain = Chain(diff_heights=2)
    for number in range(4):
        chain.add(chain.world.build(sign(enter("a", number))))
    del chain.kv.rows()[keys.at_height(keys.DIFF, 4)]
    with pytest.raises(DatabaseDamaged, match="diff of height 4"):
        chain.check()


def test_an_erased_attachment_is_withheld_and_the_chain_still_checks() -> None:
    chain = Chain()
    result = chain.world.build(sign(enter("a", 1)))
    chain.add(result)
    for commitment, _, content in result.attachments():
        kept = chain.database.attachments.find(commitment)
        assert kept is not None
        assert kept.content == content
        assert chain.database.erase_attachment(commitment)
        erased = chain.database.attachments.find(commitment)
        assert erased is not None
        assert (erased.content, erased.blind) == (None, b"")
        left = [value for key, value in chain.kv.rows().items()
                if key[:1] == keys.ATTACHMENT and value[:32] == commitment]  # fmt: skip
        assert left == [commitment]
    assert not chain.database.erase_attachment(bytes(32))
    chain.check()


def test_the_same_attachment_twice_is_kept_once_and_comes_back_when_erased() -> None:
    chain = Chain()
    first = chain.world.build(sign(enter("a", 1)))
    chain.add(first)
    commitment = first.transactions[0].body.attachments[0].commitment
    chain.add(chain.world.build(sign(enter("a", 1), valid_until_ms=first.header.time_ms + 7_777)))
    places = [key for key, value in chain.kv.rows().items()
              if key[:1] == keys.ATTACHMENT and value[:32] == commitment]  # fmt: skip
    assert len(places) == 1
    chain.database.erase_attachment(commitment)
    chain.add(chain.world.build(sign(enter("a", 1), valid_until_ms=first.header.time_ms + 8_888)))
    kept = chain.database.attachments.find(commitment)
    assert kept is not None
    assert kept.content is not None
    chain.check()


def test_heights_parents_and_certificates_are_not_optional() -> None:
    chain = Chain()
    result = chain.world.build(sign(enter("a", 1)))
    chain.add(result)
    with pytest.raises(AssertionError, match="contiguous"):
        chain.database.commit(_parts_of(result))
    with pytest.raises(AssertionError, match="begins once"):
        chain.database.begin(GENESIS.chain, GENESIS_BYTES, _parts_of(result))


def _parts_of(result: BlockResult) -> HeightParts:
    return HeightParts(
        header=result.header, header_bytes=result.header_bytes, block_hash=result.block_hash,
        leaves=(), tx_ids=(), first_receipts=(), receipts=(), certificate=None, writes={},
        diff=b"", attachments=(), buckets=(), index_rows=(), next_validators=None,
    )  # fmt: skip


def test_rows_without_a_layout_are_not_ours() -> None:
    database = Database(SimKV({b"x": b"y"}), diff_heights=1)
    with pytest.raises(DatabaseDamaged, match="does not say of which layout"):
        database.check_owner(GENESIS.chain)


def test_executed_keys_name_hour_and_id() -> None:
    key = executed_key(7_200_001, bytes(range(32)))
    assert key == f"{EXECUTED}2/{bytes(range(32)).hex()}"
    assert executed_parts(key) == (2, bytes(range(32)))


def test_buckets_are_ranges_of_rows(tmp_path: Path) -> None:
    kv = SimKV()
    rows = StateRows(kv)
    writes: dict[str, bytes | None] = {f"k{n}": encode(n) for n in range(200)}
    kv.write(state_rows(writes), sync=True)
    for depth in (0, 1, 4, 9):
        found = [entry for number in range(1 << depth) for entry in rows.bucket(number, depth)]
        assert found == [(path, value_hash(value)) for path, _, value in rows.entries()]
        assert len(found) == 200
