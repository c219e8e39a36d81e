"""Execution: what is admissible, what a block leaves, that building and executing agree."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.execution.blocks import BlockResult, Executor, Parent
from node.execution.calls import CallBug
from node.execution.divergence import Difference, first_difference
from node.execution.genesis import make_genesis as make_block_zero
from node.execution.proposing import build
from node.execution.services import NodeServices
from node.execution.state import CommittedState
from node.ledger import merkle
from node.ledger.codec import decode_trusted, encode
from node.ledger.errors import InvalidBlock, InvalidGenesis, InvalidTransaction
from node.ledger.receipt import compute_writes_digest
from node.ledger.state_proof import key_path, verify_absent, verify_present
from node.ledger.state_tree import StateTree
from node.ledger.transaction import SignedTransaction
from node.store.state import HOUR_MS, StateRows, executed_key, state_rows
from tests.node.network import (
    BUREAU,
    GENESIS_MS,
    HOSPITAL,
    Client,
    make_genesis,
    runtime,
)
from tests.node.store.sim_kv import SimKV

GENESIS, _ = make_genesis()
CLIENT = Client(GENESIS.chain)
NOW = GENESIS_MS + 1_000


class World:
    """A chain in memory: executor over the in-memory store, committed by hand."""

    def __init__(self) -> None:
        self.kv = SimKV()
        rows = StateRows(self.kv)
        self.tree = StateTree(4, lambda number: rows.bucket(number, 4))
        zero = make_block_zero(GENESIS, runtime().registry, self.tree)
        self.kv.write(state_rows(zero.writes), sync=True)
        self.tree.commit(zero.overlay)
        self.state = CommittedState(rows)
        self.executor = Executor(
            GENESIS.chain, runtime(), NodeServices(GENESIS.chain), self.state, rows, self.tree
        )
        self.parent = Parent(zero.header, zero.header.hash)

    def build(self, *transactions: SignedTransaction, at_ms: int = NOW) -> BlockResult:
        proposal = build(self.executor, self.parent, transactions, at_ms, BUREAU)
        assert not proposal.refused, proposal.refused
        assert proposal.result is not None
        return proposal.result

    def commit(self, result: BlockResult) -> None:
        self.kv.write(state_rows(result.writes), sync=True)
        self.executor.commit(result)
        self.parent = Parent(result.header, result.block_hash)

    def get(self, key: str) -> Any:
        data = self.state.get(key)
        return None if data is None else decode_trusted(data)


def sign(*calls: tuple[str, dict[str, Any]], **given: Any) -> SignedTransaction:
    notes = {n: {"n": n} for n, (method, _) in enumerate(calls) if method == "enter"}
    until = given.pop("valid_until_ms", NOW + 60_000)
    return CLIENT.sign(
        [("book", method, args) for method, args in calls],
        notes=notes, valid_until_ms=until, **given,
    )  # fmt: skip


def enter(key: str, fen: int) -> tuple[str, dict[str, Any]]:
    return "enter", {"key": key, "amount_fen": fen}


def test_calls_run_in_order_and_independently() -> None:
    world = World()
    refuse = ("refuse", {"key": "a", "after_writing": True})
    result = world.build(sign(enter("a", 5), refuse, enter("a", 7), ("nothing", {})))
    statuses = [(call.receipt.status, call.receipt.code) for call in result.calls]
    assert statuses == [
        ("ok", ""), ("rejected", "book.refused"), ("ok", ""), ("rejected", "call.unknown-method"),
    ]  # fmt: skip
    world.commit(result)
    assert world.get("book/a") == {"total_fen": 12}
    assert result.calls[2].receipt.answer == {"total_fen": 12}
    assert result.calls[1].receipt.values == {"key": "a"}
    assert result.calls[1].receipt.writes_digest == compute_writes_digest({})


def test_building_changes_nothing_until_committed() -> None:
    world = World()
    root = world.tree.root
    result = world.build(sign(enter("a", 5)))
    assert world.get("book/a") is None
    assert world.tree.root == root
    world.commit(result)
    assert world.tree.root == result.header.state_root


def test_the_explanation_is_an_attachment_that_the_receipt_commits_to() -> None:
    result = World().build(sign(enter("a", 5)))
    (call,) = result.calls
    assert call.explanation is not None
    assert call.receipt.explanation == call.explanation.commitment()
    assert decode_trusted(call.explanation.content) == {"note": {"n": 0}, "total_fen": 5}
    commitments = [commitment for commitment, _, _ in result.attachments()]
    assert commitments == [
        result.transactions[0].body.attachments[0].commitment, call.receipt.explanation
    ]  # fmt: skip


def test_bad_content_behind_a_right_commitment_gets_a_receipt() -> None:
    transaction = CLIENT.sign(
        [("book", "enter", {"key": "a", "amount_fen": 1})],
        notes={0: None}, content=b"\xc1 not canonical", valid_until_ms=NOW + 60_000,
    )  # fmt: skip
    (call,) = World().build(transaction).calls
    assert call.receipt.code == "args.attachment-encoding"


def test_the_roots_are_those_of_what_was_done() -> None:
    world = World()
    result = world.build(sign(enter("a", 5)), sign(enter("b", 6), enter("c", 7)))
    header = result.header
    assert header.tx_root == merkle.compute_root(t.encode_leaf() for t in result.transactions)
    assert header.receipts_root == merkle.compute_root(r.encode() for r in result.receipts)
    assert (header.tx_count, header.receipts_count) == (2, 3)
    world.commit(result)
    value = world.state.get("book/a")
    assert value is not None
    proof = world.executor.prove("book/a", header.state_root)
    verify_present(header.state_root, "book/a", value, proof)
    verify_absent(header.state_root, "book/x", world.executor.prove("book/x", header.state_root))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"valid_until_ms": NOW - 1}, "transaction.expired"),
        ({"valid_until_ms": NOW + (24 * 60 + 5) * 60_000 + 1}, "transaction.valid-too-long"),
        ({"chain": bytes(32)}, "transaction.wrong-chain"),
    ],
)
def test_inadmissible_ones_are_left_out_with_their_reason(
    change: dict[str, Any], code: str
) -> None:
    world = World()
    bad, good = sign(enter("a", 1), **change), sign(enter("b", 2))
    proposal = build(world.executor, world.parent, [bad, good], NOW, BUREAU)
    assert [(tx_id, error.code) for tx_id, error in proposal.refused] == [(bad.id, code)]
    assert proposal.result is not None
    assert [t.id for t in proposal.result.transactions] == [good.id]
    assert build(world.executor, world.parent, [bad], NOW, BUREAU).result is None


@pytest.mark.parametrize(
    "client",
    [
        Client(GENESIS.chain, HOSPITAL, "nobody"),
        Client(GENESIS.chain, HOSPITAL, "bureau"),
        Client(GENESIS.chain, BUREAU, "validate"),
        Client(GENESIS.chain, "hospital:H1", "hospital"),
    ],
    ids=["unknown key", "another's key", "a validate key", "unknown organisation"],
)
def test_only_a_sign_key_of_the_sender_counts(client: Client) -> None:
    transaction = client.sign([("book", "drop", {"key": "a"})], valid_until_ms=NOW + 60_000)
    with pytest.raises(InvalidTransaction, match=r"transaction\.key"):
        World().executor.admit(transaction, 1, NOW)


def test_the_bounds_of_the_window_are_inside() -> None:
    executor = World().executor
    executor.admit(sign(enter("a", 1), valid_until_ms=NOW), 1, NOW)
    executor.admit(sign(enter("a", 1), valid_until_ms=NOW + (24 * 60 + 5) * 60_000), 1, NOW)


def test_a_transaction_is_executed_once() -> None:
    world = World()
    transaction = sign(enter("a", 1))
    world.commit(world.build(transaction))
    assert world.get(executed_key(transaction.body.valid_until_ms, transaction.id)) == 1
    with pytest.raises(InvalidTransaction, match=r"transaction\.executed"):
        world.executor.admit(transaction, 2, NOW + 1)
    header = replace(world.build(sign(enter("b", 1))).header)
    with pytest.raises(InvalidBlock, match=r"block\.inadmissible"):
        world.executor.execute(world.parent, header, [transaction], None)


def test_a_candidate_that_is_named_twice_is_executed_once() -> None:
    world = World()
    twice = sign(enter("a", 5))
    result = world.build(twice, sign(enter("a", 1)), twice)
    assert [t.id for t in result.transactions].count(twice.id) == 1
    world.commit(result)
    assert world.get("book/a") == {"total_fen": 6}
    header = world.build(sign(enter("b", 1))).header
    other = sign(enter("b", 1))
    with pytest.raises(InvalidBlock, match=r"block\.transaction-twice"):
        world.executor.execute(world.parent, header, [other, other], None)


def test_expired_ids_go_twice_as_fast_as_new_ones_come() -> None:
    world = World()
    old = [sign(enter("a", n), valid_until_ms=NOW + n) for n in range(1, 6)]
    world.commit(world.build(*old))
    keys = sorted(executed_key(t.body.valid_until_ms, t.id) for t in old)
    assert len({key.split("/")[1] for key in keys}) == 1
    later = (NOW // HOUR_MS + 1) * HOUR_MS
    first = world.build(sign(enter("b", 1), valid_until_ms=later + 5_000), at_ms=later)
    gone = sorted(key for key, value in first.writes.items() if value is None)
    assert gone == keys[:2], "twice the block's one, lowest first"
    world.commit(first)
    two = [sign(enter("b", n), valid_until_ms=later + 9_000 + n) for n in (1, 2)]
    second = world.build(*two, at_ms=later + 1)
    assert sorted(key for key, value in second.writes.items() if value is None) == keys[2:]


def test_ids_of_the_current_hour_stay() -> None:
    world = World()
    world.commit(world.build(sign(enter("a", 1), valid_until_ms=NOW + 1)))
    result = world.build(sign(enter("b", 1)), at_ms=NOW + 500)
    assert None not in result.writes.values()


def test_a_bug_sets_the_whole_transaction_aside_and_no_other() -> None:
    world = World()
    good, bad = sign(enter("a", 1)), sign(enter("a", 10), ("stumble", {"key": "a"}))
    proposal = build(world.executor, world.parent, [bad, good], NOW, BUREAU)
    (bug,) = proposal.bugs
    assert (bug.tx_id, bug.call_index, bug.method) == (bad.id, 1, "stumble")
    assert bug.place.startswith("network.py:")
    assert proposal.result is not None
    world.commit(proposal.result)
    assert world.get("book/a") == {"total_fen": 1}


def test_a_bug_in_a_received_block_is_not_its_senders_fault() -> None:
    world = World()
    header = world.build(sign(enter("a", 1))).header
    with pytest.raises(CallBug):
        world.executor.execute(world.parent, header, [sign(("stumble", {"key": "a"}))], None)


CALLS = st.lists(
    st.one_of(
        st.builds(enter, st.sampled_from("abc"), st.integers(0, 1_000)),
        st.just(("drop", {"key": "a"})),
        st.just(("refuse", {"key": "b", "after_writing": True})),
        st.just(("nothing", {})),
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=40)
@given(st.lists(st.lists(CALLS, min_size=1, max_size=3), min_size=1, max_size=3))
def test_another_node_comes_to_the_same_result(blocks: list[list[list[Any]]]) -> None:
    """A second world executes what the first one built; both match a plain model of the book."""
    ours, theirs = World(), World()
    model: dict[str, int] = {}
    number = 0
    for block in blocks:
        transactions = []
        for calls in block:
            number += 1
            transactions.append(sign(*calls, valid_until_ms=NOW + 60_000 + number))
            for method, args in calls:
                if method == "enter":
                    model[args["key"]] = model.get(args["key"], 0) + args["amount_fen"]
                elif method == "drop":
                    model.pop(args["key"], None)
        built = ours.build(*transactions)
        executed = theirs.executor.execute(
            theirs.parent, built.header, transactions, built.header.time_ms
        )
        assert executed.header == built.header
        assert executed.diff == built.diff
        assert [c.receipt for c in executed.calls] == [c.receipt for c in built.calls]
        ours.commit(built)
        theirs.commit(executed)
    for key in "abc":
        value = {"total_fen": model[key]} if key in model else None
        assert ours.get(f"book/{key}") == theirs.get(f"book/{key}") == value
    entries = {path: encoded for path, _, encoded in StateRows(ours.kv).entries()}
    assert all(path in entries for path in map(key_path, (f"book/{key}" for key in model)))


@pytest.mark.parametrize(
    "field",
    ["state_root", "receipts_root", "tx_root", "next_validators_hash", "receipts_count"],
)
def test_a_header_that_claims_another_result_is_refused(field: str) -> None:
    world = World()
    transaction = sign(enter("a", 1))
    header = world.build(transaction).header
    wrong = 5 if isinstance(getattr(header, field), int) else bytes(32)
    with pytest.raises(InvalidBlock, match=field):
        world.executor.execute(world.parent, replace(header, **{field: wrong}), [transaction], None)


@pytest.mark.parametrize(
    "field", ["chain", "parent", "validators_hash", "height", "epoch", "time_ms"]
)
def test_a_block_of_another_place_is_not_even_run(field: str) -> None:
    world = World()
    header = world.build(sign(enter("a", 1))).header
    wrong = 0 if isinstance(getattr(header, field), int) else bytes(32)
    if field == "epoch":
        wrong = 1
    stumbling = [sign(("stumble", {"key": "a"}))]
    with pytest.raises(InvalidBlock, match=r"header\.(link|time)"):
        world.executor.execute(world.parent, replace(header, **{field: wrong}), stumbling, None)


def test_the_clock_counts_for_fresh_proposals_only() -> None:
    world = World()
    transaction = sign(enter("a", 1))
    header = world.build(transaction).header
    run = world.executor.execute
    for clock in (header.time_ms - 5_000, header.time_ms + 60_000, None):
        run(world.parent, header, [transaction], clock)
    for clock in (header.time_ms - 5_001, header.time_ms + 60_001):
        with pytest.raises(InvalidBlock, match=r"block\.untimely"):
            run(world.parent, header, [transaction], clock)


def test_time_never_stands_still() -> None:
    world = World()
    world.commit(world.build(sign(enter("a", 1))))
    late = world.build(sign(enter("b", 1)), at_ms=0)
    assert late.header.time_ms == NOW + 1


def test_a_genesis_with_an_unknown_contract_version_is_refused() -> None:
    genesis, _ = make_genesis({"book": 2})
    with pytest.raises(InvalidGenesis, match=r"genesis\.contract-version"):
        make_block_zero(genesis, runtime().registry, StateTree(4, lambda number: ()))


def test_a_genesis_that_the_ledgers_own_rules_refuse_begins_nothing() -> None:
    genesis, _ = make_genesis({})
    wrong = replace(genesis, parameters={"vote_days": 0})
    with pytest.raises(InvalidGenesis, match=r"genesis\.rules") as refused:
        make_block_zero(wrong, runtime().registry, StateTree(4, lambda number: ()))
    assert refused.value.values["reason"] == "organisations.parameter-shape"


def test_divergence_names_transaction_and_key() -> None:
    result = World().build(sign(enter("a", 5), enter("b", 6)), sign(enter("c", 1)))
    ours = result.receipts
    writes = [dict(call.writes) for call in result.calls]
    assert first_difference(ours, ours, writes, writes) is None
    other = [dict(one) for one in writes]
    other[1] = {"book/b": encode({"total_fen": 7}), "book/bb": b"\x01"}
    theirs = [*ours[:1], replace(ours[1], writes_digest=compute_writes_digest(other[1])), ours[2]]
    found = first_difference(ours, theirs, writes, other)
    assert found == Difference(1, ours[1].tx_id, 1, "writes_digest", "book/b")
    shorter = first_difference(ours, ours[:2])
    assert shorter == Difference(2, ours[2].tx_id, 0, "count")
