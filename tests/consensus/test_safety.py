"""What a key may sign, through crashes: B24 (Tendermint #247, #8739) and section 10."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.errors import UnsafeStatement
from consensus.messages import Ballot, Block, BlockId, Kind, Statement, WishStatement
from consensus.safety import (
    SafetyRecord,
    bound_above,
    check_statement,
    is_known,
    with_change,
    with_epoch,
    with_new_view,
    with_prepared,
    with_vote,
)
from tests.consensus.values import GENESIS, ballot, block, certificate, change, new_view

ONE, OTHER = block("one"), block("other")
NEXT = block("next", ONE)


def refused(act: Callable[[], object]) -> None:
    with pytest.raises(UnsafeStatement):
        act()


def test_one_prepare_for_a_slot_and_again_the_same() -> None:
    record = with_vote(SafetyRecord(), 0, ONE)
    assert with_vote(record, 0, ONE) == record
    refused(lambda: with_vote(record, 0, OTHER))
    assert with_vote(record, 1, OTHER).view == 1


def test_votes_go_up_by_view_then_height() -> None:
    record = with_vote(SafetyRecord(), 1, NEXT)
    refused(lambda: with_vote(record, 1, OTHER))
    refused(lambda: with_vote(record, 0, block("far", NEXT)))
    assert with_vote(record, 2, ONE).vote is not None, "a later view may go back one height"


def test_commit_needs_the_certificate_of_exactly_this() -> None:
    record = with_vote(SafetyRecord(), 0, ONE)
    refused(lambda: check_statement(record, ballot(Kind.COMMIT, ONE)))
    bound = with_prepared(record, ONE, certificate(Kind.PREPARE, ONE))
    check_statement(bound, ballot(Kind.COMMIT, ONE))
    refused(lambda: check_statement(bound, ballot(Kind.COMMIT, OTHER)))
    refused(lambda: check_statement(bound, ballot(Kind.COMMIT, ONE, view=1)))
    refused(lambda: with_prepared(record, ONE, certificate(Kind.COMMIT, ONE)))
    refused(lambda: with_prepared(record, ONE, certificate(Kind.PREPARE, OTHER)))
    refused(lambda: with_prepared(bound, OTHER, certificate(Kind.PREPARE, OTHER)))


def test_another_certificate_of_the_same_changes_nothing() -> None:
    bound = with_prepared(SafetyRecord(), ONE, certificate(Kind.PREPARE, ONE))
    other = certificate(Kind.PREPARE, ONE, signers=(1, 2, 3))
    assert with_prepared(bound, ONE, other) == bound


def test_the_newest_certificate_of_a_block_is_the_one_held() -> None:
    early = with_prepared(SafetyRecord(), ONE, certificate(Kind.PREPARE, ONE))
    late = with_prepared(early, ONE, certificate(Kind.PREPARE, ONE, view=2))
    assert bound_above(late, 0) == ballot(Kind.PREPARE, ONE, 2)
    check_statement(late, ballot(Kind.COMMIT, ONE, 2))
    refused(lambda: with_prepared(late, ONE, certificate(Kind.PREPARE, ONE, view=1)))
    higher = with_prepared(early, NEXT, certificate(Kind.PREPARE, NEXT))
    assert bound_above(higher, 1) == ballot(Kind.PREPARE, NEXT)
    refused(lambda: with_prepared(higher, ONE, certificate(Kind.PREPARE, ONE)))


def test_a_commit_without_a_prepare_closes_the_slot() -> None:
    bound = with_prepared(SafetyRecord(), ONE, certificate(Kind.PREPARE, ONE))
    refused(lambda: with_vote(bound, 0, OTHER))


def test_no_vote_in_a_view_that_was_left() -> None:
    said = change(0, 2)
    record = with_change(SafetyRecord(), said.statement, said.proof)
    refused(lambda: with_vote(record, 1, ONE))
    refused(lambda: with_prepared(record, ONE, certificate(Kind.PREPARE, ONE, view=1)))
    refused(lambda: with_change(record, said.statement, said.proof))
    refused(lambda: with_change(record, change(0, 1).statement, said.proof))
    refused(lambda: with_change(record, replace(said.statement, epoch=1, view=3), said.proof))
    check_statement(record, said.statement)
    assert with_vote(record, 2, ONE).change == said.statement
    assert with_vote(record, 3, ONE).change is None


def test_old_votes_are_not_covered_after_leaving() -> None:
    record = with_prepared(with_vote(SafetyRecord(), 0, ONE), ONE, certificate(Kind.PREPARE, ONE))
    said = change(0, 1, prepared=ONE)
    left = with_change(record, said.statement, said.proof)
    refused(lambda: check_statement(left, ballot(Kind.COMMIT, ONE)))
    refused(lambda: check_statement(left, ballot(Kind.PREPARE, ONE)))


def test_a_view_change_tells_what_the_record_holds() -> None:
    record = with_prepared(SafetyRecord(), ONE, certificate(Kind.PREPARE, ONE))
    hides, honest = change(0, 1), change(0, 1, prepared=ONE)
    refused(lambda: with_change(record, hides.statement, hides.proof))
    refused(lambda: with_change(SafetyRecord(), honest.statement, honest.proof))
    assert with_change(record, honest.statement, honest.proof).view == 1
    above = change(0, 1, base=ONE)
    assert bound_above(record, 1) is None
    assert with_change(record, above.statement, above.proof).prepared == record.prepared


def test_one_new_view() -> None:
    mine = change(1, 1)
    record = with_change(SafetyRecord(), mine.statement, mine.proof)
    first = new_view(1, (change(0, 1), mine, change(2, 1))).statement
    second = new_view(1, (mine, change(2, 1), change(3, 1))).statement
    begun = with_new_view(record, first)
    assert with_new_view(begun, first) == begun
    refused(lambda: with_new_view(begun, second))
    refused(lambda: with_new_view(begun, replace(first, view=2)))
    for elsewhere in (replace(first, view=0), replace(first, view=2), replace(first, epoch=1)):
        refused(lambda said=elsewhere: with_new_view(record, said))
    check_statement(begun, first)
    refused(lambda: check_statement(record, first))
    assert is_known(begun, first)
    assert not is_known(begun, second)
    assert not is_known(record, first)


def test_an_epoch_voids_everything_but_the_count() -> None:
    record = replace(with_vote(SafetyRecord(), 3, ONE), sequence=7, commit_floor=5)
    assert with_epoch(record, 1) == SafetyRecord(sequence=7, epoch=1, commit_floor=5)
    assert with_epoch(record, 0) == record
    refused(lambda: with_epoch(with_epoch(record, 1), 0))
    refused(lambda: with_vote(with_epoch(record, 1), 0, ONE))


def test_a_wish_binds_to_nothing() -> None:
    check_statement(SafetyRecord(epoch=4, view=9), WishStatement(0, 1))


def test_what_an_up_to_date_record_knows() -> None:
    record = with_prepared(SafetyRecord(epoch=0), NEXT, certificate(Kind.PREPARE, NEXT, view=2))
    for known in (
        ballot(Kind.PREPARE, NEXT, 2),
        ballot(Kind.COMMIT, NEXT, 2),
        ballot(Kind.PREPARE, OTHER, 2),
        ballot(Kind.COMMIT, block("far", NEXT), 1),
        change(0, 1).statement,
        WishStatement(0, 99),
    ):
        assert is_known(record, known)
    for unknown in (
        ballot(Kind.PREPARE, block("rival", ONE), 2),
        ballot(Kind.COMMIT, block("far", NEXT), 2),
        ballot(Kind.PREPARE, ONE, 3),
        ballot(Kind.PREPARE, NEXT, 3),
        change(0, 2).statement,
        change(0, 3).statement,
        replace(ballot(Kind.PREPARE, ONE), epoch=1),
    ):
        assert not is_known(record, unknown)
    assert is_known(with_epoch(record, 1), ballot(Kind.PREPARE, block("any"), 9))
    assert not is_known(SafetyRecord(), ballot(Kind.PREPARE, ONE))


# --- whatever is asked, in whatever order, with a crash anywhere: one statement for a slot -------

BLOCKS = [ONE, OTHER, NEXT, block("other next", ONE)]
asks = st.tuples(st.sampled_from(["vote", "prepared", "change", "crash"]),
                 st.integers(0, 3), st.sampled_from(BLOCKS))  # fmt: skip


@given(st.lists(asks, max_size=30))
def test_no_two_statements_for_one_slot(history: list[tuple[str, int, Block]]) -> None:
    durable = SafetyRecord()
    signed: dict[tuple[object, ...], Statement] = {}
    left = 0
    for act, view, about in history:
        try:
            if act == "vote":
                durable = with_vote(durable, view, about)
                said: Statement = ballot(Kind.PREPARE, about, view)
            elif act == "prepared":
                durable = with_prepared(durable, about, certificate(Kind.PREPARE, about, view))
                said = ballot(Kind.COMMIT, about, view)
            elif act == "change":
                base = GENESIS if about.height == 1 else ONE
                honest = change(0, view, base)
                said = replace(honest.statement, prepared=bound_above(durable, base.height))
                durable = with_change(durable, said, honest.proof)
                left = view
            else:
                continue  # a crash: the durable record is all there is, and it is all we use
        except UnsafeStatement:
            continue
        check_statement(durable, said)
        assert is_known(durable, said)
        assert all(is_known(durable, earlier) for earlier in signed.values())
        slot = (said.kind, said.view, said.height if isinstance(said, Ballot) else 0)
        assert signed.setdefault(slot, said) == said
        assert said.view >= left


def test_block_ids_are_compared_whole() -> None:
    longer = replace(ONE, id=BlockId(ONE.id + b"\x00"))
    refused(lambda: with_vote(with_vote(SafetyRecord(), 0, ONE), 0, longer))
