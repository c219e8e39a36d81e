"""A block that was begun while the one before it was voted on is the block that would have been
built at once, and what was begun in vain leaves no trace."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.execution.blocks import BlockResult, Parent
from node.execution.proposing import Preparation, Proposal, build
from node.ledger.transaction import SignedTransaction
from tests.node.execution.test_blocks import CLIENT, GENESIS, NOW, World, enter, sign
from tests.node.network import BUREAU, HOSPITAL, Client

LATER = NOW + 40
WINDOW_MS = (24 * 60 + 5) * 60_000
"""So long a transaction may be valid (ARCHITECTURE.md section 3)."""


def prepare(world: World, below: BlockResult, clock_ms: int = LATER) -> Preparation:
    """The block above one that is in flight."""
    parent = Parent(below.header, below.block_hash)
    return Preparation(world.executor, parent, clock_ms, world.executor.state_after(below.writes))


def outcome(proposal: Proposal) -> tuple[object, ...]:
    result = proposal.result
    return (
        None if result is None else (result.header, result.writes, result.receipt_bytes),
        [(tx_id, error.code) for tx_id, error in proposal.refused],
        [bug.tx_id for bug in proposal.bugs],
    )


POOL = [
    sign(enter("a", 1)), sign(enter("a", 2), enter("b", 3)), sign(enter("c", 4)),
    sign(("drop", {"key": "a"})), sign(("refuse", {"key": "b", "after_writing": True})),
    sign(enter("b", 5), ("stumble", {"key": "b"})), sign(enter("d", 6), valid_until_ms=NOW - 1),
    sign(enter("e", 7), valid_until_ms=NOW + 20),
    Client(GENESIS.chain, HOSPITAL, "nobody").enter("f", 8, valid_until_ms=NOW + 60_000),
]  # fmt: skip
"""Good ones, refusals, a bug, one that is over, one that is over before the second block, and one
whose key nobody knows."""


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(POOL), max_size=5),
    st.lists(st.lists(st.sampled_from(POOL), max_size=4), max_size=4),
    st.integers(0, 4),
)
def test_in_steps_before_and_after_the_commit_as_in_one_go(
    below: list[SignedTransaction], steps: list[list[SignedTransaction]], before: int
) -> None:
    first, at_once = World(), World()
    flying = build(first.executor, first.parent, below, NOW, BUREAU).result
    if flying is None:
        return
    preparation = prepare(first, flying)
    for step in steps[:before]:
        preparation.add(step)
    first.commit(flying)
    for step in steps[before:]:
        preparation.add(step)
    made = preparation.seal(LATER, BUREAU)

    at_once.commit(
        at_once.executor.execute(at_once.parent, flying.header, flying.transactions, NOW)
    )
    together = [transaction for step in steps for transaction in step]
    expected = build(at_once.executor, at_once.parent, together, LATER, BUREAU)
    if expected.bugs:
        # Which comes first among refused and set aside is of no meaning; the block is.
        assert {one.id for one in together} >= {bug.tx_id for bug in made.bugs}
    assert outcome(made) == outcome(expected)
    if made.result is not None:
        followed = at_once.executor.execute(
            at_once.parent, made.result.header, made.result.transactions, LATER
        )
        assert followed.block_hash == made.result.block_hash
        first.commit(made.result)
        assert first.tree.root == made.result.header.state_root


def test_what_the_block_in_flight_executes_is_not_executed_again() -> None:
    world = World()
    once = sign(enter("a", 5))
    flying = world.build(once)
    preparation = prepare(world, flying)
    preparation.add([once, sign(enter("a", 7))])
    world.commit(flying)
    proposal = preparation.seal(LATER, BUREAU)
    assert [error.code for _, error in proposal.refused] == ["transaction.executed"]
    assert proposal.result is not None
    world.commit(proposal.result)
    assert world.get("book/a") == {"total_fen": 12}


def test_what_was_begun_on_a_block_that_lost_leaves_no_trace() -> None:
    world, other = World(), World()
    lost, won = world.build(sign(enter("a", 1))), world.build(sign(enter("a", 10)))
    prepare(world, lost).add([sign(enter("a", 100)), sign(enter("b", 100))])
    for each in (world, other):
        each.commit(won if each is world else other.build(sign(enter("a", 10))))
    assert world.get("book/a") == {"total_fen": 10}
    assert world.get("book/b") is None
    after = [each.build(sign(enter("a", 1)), at_ms=LATER).header for each in (world, other)]
    assert after[0] == after[1]


def test_who_is_too_early_for_the_blocks_time_waits_for_the_next() -> None:
    """The block's time is when it was begun; by now the transaction may be in good order."""
    world = World()
    flying = world.build(sign(enter("a", 1)))
    preparation = prepare(world, flying)
    edge = CLIENT.enter("b", 2, valid_until_ms=LATER + WINDOW_MS + 5)
    preparation.add([edge])
    world.commit(flying)
    assert preparation.seal(LATER + 10, BUREAU) == Proposal(None, [], [])
    again = prepare(world, flying)
    again.add([edge])
    (refused,) = again.seal(LATER + 1, BUREAU).refused
    assert refused[1].code == "transaction.valid-too-long"


def test_a_bug_ahead_costs_its_transaction_only() -> None:
    world = World()
    flying = world.build(sign(enter("a", 1)))
    preparation = prepare(world, flying)
    bad = sign(enter("a", 10), ("stumble", {"key": "a"}))
    preparation.add([sign(enter("a", 100))])
    preparation.add([bad, sign(enter("b", 1))])
    preparation.add([bad, sign(enter("c", 1))])
    world.commit(flying)
    proposal = preparation.seal(LATER, BUREAU)
    assert [bug.tx_id for bug in proposal.bugs] == [bad.id]
    assert proposal.result is not None
    world.commit(proposal.result)
    found = [world.get(f"book/{key}") for key in "abc"]
    assert found == [{"total_fen": 101}, {"total_fen": 1}, {"total_fen": 1}]


def test_the_time_is_the_beginnings_and_after_the_parent() -> None:
    world = World()
    flying = world.build(sign(enter("a", 1)))
    for clock_ms, expected in ((LATER, LATER), (NOW - 9_000, NOW + 1)):
        preparation = prepare(world, flying, clock_ms)
        assert preparation.time_ms == expected


@pytest.mark.parametrize("field", ["parent", "height"])
def test_the_header_names_the_block_below(field: str) -> None:
    world = World()
    flying = world.build(sign(enter("a", 1)))
    preparation = prepare(world, flying)
    preparation.add([sign(enter("b", 1))])
    world.commit(flying)
    made = preparation.seal(LATER, BUREAU).result
    assert made is not None
    expected = replace(made.header, parent=flying.block_hash, height=flying.header.height + 1)
    assert getattr(made.header, field) == getattr(expected, field)
