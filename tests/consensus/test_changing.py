"""From view to view on one bench: entering, NEW-VIEW, joining by certificate, restarts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from consensus.effects import Accuse, Build, Execute, Persist, Refused, Sign
from consensus.events import Executed, Pending, Tick, Verdict
from consensus.messages import Change, Decided, Kind, NewViewStatement, Wish, WishStatement
from consensus.phases import Phase
from consensus.quorum import ValidatorSet
from tests.consensus.bench import Bench
from tests.consensus.values import (
    GENESIS,
    MEMBERS,
    ballot,
    block,
    certificate,
    change,
    new_view,
    vote,
)

B1, X1 = block("B1"), block("X1")
B2 = block("B2", B1)


def wish(bench: Bench, view: int, *senders: int) -> None:
    for sender in senders:
        bench.hear(Wish(sender, WishStatement(0, view), b"s"), sender)


def statements(bench: Bench) -> list[object]:
    return [sign.statement for sign in bench.all(Sign)]


def test_one_wish_is_nothing_two_are_taken_over_three_enter() -> None:
    bench = Bench(3)
    wish(bench, 1, 0)
    assert not statements(bench)
    wish(bench, 1, 2)
    assert statements(bench) == [WishStatement(0, 1), Change(0, 1, 0, GENESIS.id, None)]
    assert (bench.state.phase, bench.state.view) == (Phase.CHANGING, 1)


def test_while_wishing_it_goes_on_voting() -> None:
    bench = Bench(1)
    bench.take(Pending(0))
    bench.take(Tick(), at=1_000)
    assert statements(bench) == [WishStatement(0, 1)]
    bench.propose(B1)
    assert statements(bench) == [ballot(Kind.PREPARE, B1)]


def test_after_leaving_nothing_of_the_old_view_is_signed() -> None:
    bench = Bench(1)
    bench.propose(B1)
    wish(bench, 1, 0, 2)
    bench.votes(Kind.PREPARE, B1, (0, 2, 3))
    assert not statements(bench)
    bench.votes(Kind.COMMIT, B1, (0, 2, 3))
    assert bench.state.head == B1, "but what is decided is decided"


def test_the_view_change_reports_what_was_prepared() -> None:
    bench = Bench(1)
    bench.propose(B1)
    bench.votes(Kind.PREPARE, B1, (0, 2))
    wish(bench, 1, 0, 2)
    (said,) = [s for s in statements(bench) if isinstance(s, Change)]
    assert said.prepared == ballot(Kind.PREPARE, B1)


def test_a_base_above_the_epoch_brings_its_certificate() -> None:
    bench = Bench(1)
    bench.commit(B1)
    wish(bench, 1, 0, 2)
    assert bench.record is not None
    assert bench.record.change_proof is not None
    assert bench.record.change_proof.base_certificate == bench.state.head_certificate


def test_the_primary_of_the_view_makes_one_new_view() -> None:
    bench = Bench(1)
    wish(bench, 1, 0, 2)
    bench.hear(change(3, 1), 3)
    assert not statements(bench)
    bench.hear(change(0, 1), 0)
    (said,) = statements(bench)
    assert isinstance(said, NewViewStatement)
    assert [sender for sender, _ in said.choices] == [0, 1, 3]
    assert bench.all(Persist)[0].record.new_view == said
    assert [build.view for build in bench.all(Build)] == [1]
    bench.hear(change(2, 1), 2)
    assert not bench.effects


def test_the_primary_re_proposes_what_was_prepared() -> None:
    bench = Bench(1)
    wish(bench, 1, 0, 2)
    bench.hear(change(3, 1, prepared=X1), 3)
    bench.hear(change(0, 1), 0)
    assert not bench.all(Build)
    assert bench.all(Execute)[0].fresh is False
    assert ballot(Kind.PREPARE, X1, 1) in statements(bench)


def test_a_restarted_primary_makes_the_same_new_view_or_none() -> None:
    bench = Bench(1)
    wish(bench, 1, 0, 2)
    bench.signs = False
    bench.hear(change(0, 1), 0)
    bench.hear(change(3, 1), 3)
    assert bench.record is not None
    made = bench.record.new_view
    assert made is not None
    again = Bench(1, record=bench.record)
    again.hear(change(2, 1), 2)
    again.hear(change(3, 1), 3)
    assert not [s for s in statements(again) if isinstance(s, NewViewStatement)]
    again.hear(change(0, 1), 0)
    assert [s for s in statements(again) if isinstance(s, NewViewStatement)] == [made]


def test_a_new_view_needs_no_wishes() -> None:
    bench = Bench(3)
    bench.hear(new_view(5, (change(0, 5), change(1, 5), change(2, 5))), 1)
    assert (bench.state.view, bench.state.phase) == (5, Phase.OPEN)
    assert [type(s) for s in statements(bench)] == [Change]


@pytest.mark.parametrize("ends", [False, True], ids=["one of many", "the last"])
def test_whether_a_prepared_block_ends_its_epoch_is_nobodys_word(ends: bool) -> None:
    """It is in no signature: a member lies about its own block, or a primary about another's."""
    true = block("B1", final=ends)
    lied = replace(true, epoch_final=not ends)
    following = ValidatorSet(1, MEMBERS) if ends else None
    bench = Bench(2)
    bench.executes = False
    bench.hear(new_view(1, (change(0, 1, prepared=lied), change(1, 1), change(3, 1))), 1)
    assert [asked.block.id for asked in bench.all(Execute)] == [true.id]
    bench.take(Executed(true.id, Verdict.VALID, following))
    assert statements(bench) == [ballot(Kind.PREPARE, true, 1)]
    bench.votes(Kind.PREPARE, true, (0, 1, 3), 1)
    assert bench.record is not None
    assert bench.record.vote is not None
    assert bench.record.prepared is not None
    assert (bench.record.vote.block, bench.record.prepared.block) == (true, true)
    bench.votes(Kind.COMMIT, true, (0, 1, 3), 1)
    assert (bench.state.head, bench.state.validators.epoch) == (true, int(ends))


def test_a_lie_about_a_block_that_is_executed_already_changes_nothing() -> None:
    """Asked of the driver as it was told in the view change, judged as it was proposed since."""
    bench = Bench(3)
    bench.executes = False
    lied = replace(B1, epoch_final=True)
    bench.hear(new_view(1, (change(0, 1, prepared=lied), change(1, 1), change(2, 1))), 1)
    bench.hear(new_view(2, (change(0, 2), change(1, 2), change(2, 2))), 2)
    bench.propose(B1, 2)
    bench.take(Executed(B1.id, Verdict.VALID))
    assert statements(bench) == [ballot(Kind.PREPARE, B1, 2)]


def test_a_bad_new_view_is_refused_and_moves_nobody() -> None:
    bench = Bench(3)
    bench.hear(new_view(5, (change(0, 5), change(1, 5))), 1)
    assert bench.all(Refused)
    assert (bench.state.view, bench.state.phase) == (0, Phase.OPEN)


def test_e4_two_new_views_and_two_view_changes() -> None:
    bench = Bench(3)
    bench.hear(new_view(1, (change(0, 1), change(1, 1), change(2, 1))), 1)
    bench.hear(new_view(1, (change(0, 1), change(1, 1), change(2, 1, prepared=B1))), 1)
    assert [accuse.evidence.kind for accuse in bench.all(Accuse)] == ["E4"]
    bench.hear(change(2, 2), 2)
    bench.hear(change(2, 2, prepared=B1), 2)
    assert [accuse.evidence.kind for accuse in bench.all(Accuse)] == ["E4"]


def test_e5_a_view_change_that_hides_a_commit_of_the_head() -> None:
    bench = Bench(1)
    bench.commit(B1)
    bench.hear(change(2, 2), 2)
    assert [accuse.evidence.kind for accuse in bench.all(Accuse)] == ["E5"]


def test_e5_a_commit_that_comes_after_the_view_change_that_hides_it() -> None:
    bench = Bench(1)
    bench.propose(B1)
    bench.hear(change(2, 1), 2)
    assert not bench.all(Accuse)
    bench.hear(vote(Kind.COMMIT, B1, 2), 2)
    found = [accuse.evidence for accuse in bench.all(Accuse)]
    assert [(one.kind, one.culprits) for one in found] == [("E5", (2,))]
    bench.hear(change(3, 1, prepared=B1), 3)
    bench.hear(vote(Kind.COMMIT, B1, 3), 3)
    assert not bench.all(Accuse), "it hides nothing"


def test_e4_e5_who_tells_the_primary_something_else_is_found_out_by_the_new_view() -> None:
    bench = Bench(3)
    bench.propose(B1)
    bench.hear(change(2, 1, prepared=B1), 2)
    bench.hear(vote(Kind.COMMIT, B1, 0), 0)
    bench.hear(new_view(1, (change(0, 1), change(1, 1), change(2, 1))), 1)
    found = sorted((one.evidence.kind, one.evidence.culprits) for one in bench.all(Accuse))
    assert found == [("E4", (2,)), ("E5", (0,))]


def test_behind_the_base_it_fetches_first() -> None:
    bench = Bench(3)
    base = new_view(1, (change(0, 1, B1), change(1, 1, B1, B2), change(2, 1)))
    bench.hear(base, 1)
    assert bench.state.phase is Phase.INSTALLING
    assert bench.state.catch_up.request is not None
    bench.hear(Decided(B1, certificate(Kind.COMMIT, B1)), 0)
    assert bench.state.head == B1
    assert ballot(Kind.PREPARE, B2, 1) in statements(bench), "then the tip"


def test_ahead_of_the_base_it_hands_over_its_certificate() -> None:
    bench = Bench(3)
    bench.commit(B1)
    bench.hear(new_view(1, (change(0, 1), change(1, 1), change(2, 1, prepared=B1))), 1)
    handed = [message for message in bench.sent() if isinstance(message, Decided)]
    assert [decided.block for decided in handed] == [B1]
    assert (bench.state.phase, bench.state.height) == (Phase.OPEN, 2)


def test_a_certificate_of_a_later_view_carries_along() -> None:
    bench = Bench(3)
    bench.hear(Decided(B1, certificate(Kind.COMMIT, B1, view=6)), 0)
    assert (bench.state.view, bench.state.phase) == (6, Phase.OPEN)
    bench.propose(B2, view=6)
    assert statements(bench) == [ballot(Kind.PREPARE, B2, 6)]
    assert bench.record is not None
    assert bench.record.view == 6


def test_a_certificate_of_an_earlier_view_does_not() -> None:
    bench = Bench(3)
    wish(bench, 7, 0, 1)
    bench.hear(Decided(B1, certificate(Kind.COMMIT, B1, view=6)), 0)
    assert (bench.state.view, bench.state.phase, bench.state.head) == (7, Phase.CHANGING, B1)


def test_b21_a_restart_between_views_says_its_view_change_again() -> None:
    bench = Bench(3)
    wish(bench, 4, 0, 1)
    again = Bench(3, record=bench.record)
    assert (again.state.view, again.state.phase) == (4, Phase.CHANGING)
    assert bench.record is not None
    assert statements(again) == [bench.record.change]


def test_b29_views_never_go_back() -> None:
    bench = Bench(3)
    wish(bench, 4, 0, 1, 2)
    for view in (1, 2, 3):
        wish(bench, view, 0, 1, 2)
        bench.hear(new_view(view, tuple(change(i, view) for i in range(3))), view)
    assert bench.state.view == 4
    assert not bench.effects
