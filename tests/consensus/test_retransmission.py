"""STATUS: what is told, what is sent again, to whom, how often."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from consensus.effects import Send
from consensus.events import Built, Executed, Received, Tick, Verdict
from consensus.messages import (
    Decided,
    Kind,
    Message,
    NewView,
    Proposal,
    Status,
    ViewChange,
    Vote,
    Wish,
)
from consensus.phases import Phase
from consensus.quorum import MemberId, ValidatorSet
from consensus.retransmission import make_status
from tests.consensus.bench import TIMING, Bench
from tests.consensus.test_changing import wish
from tests.consensus.values import MEMBERS, ballot, block, certificate, change

B1 = block("B1")

NOTHING = Status(0, 0, 0, 0, settled=True, proposed=False, changes=0, prepares=0, commits=0)


def answers(bench: Bench, status: Status, peer: int = 2) -> list[Message]:
    """What ``peer`` gets for its STATUS when nothing is on its way any more."""
    bench.now += TIMING.status_ms
    bench.take(Received(MEMBERS[peer], status))
    return [send.message for send in bench.all(Send) if send.to == MEMBERS[peer]]


def test_status_tells_what_is_here() -> None:
    bench = Bench(1)
    bench.propose(B1)
    bench.votes(Kind.PREPARE, B1, (0, 3))
    told = make_status(bench.state)
    assert (told.proposed, told.settled) == (True, True)
    assert (told.prepares, told.commits) == (0b1011, 0b0010)
    wish(bench, 1, 0, 2)
    bench.hear(change(3, 1), 3)
    told = make_status(bench.state)
    assert (told.view, told.wish, told.settled, told.changes) == (1, 1, False, 0b1010)


def test_own_votes_are_sent_again_to_who_lacks_them() -> None:
    bench = Bench(1)
    bench.propose(B1)
    bench.votes(Kind.PREPARE, B1, (0, 2))
    kinds = [m.statement.kind for m in answers(bench, NOTHING) if isinstance(m, Vote)]
    assert kinds == [Kind.PREPARE, Kind.COMMIT]
    has = replace(NOTHING, prepares=0b0010)
    assert [m.statement.kind for m in answers(bench, has) if isinstance(m, Vote)] == [Kind.COMMIT]
    assert answers(bench, replace(has, commits=0b0010)) == []


def test_only_the_primary_sends_the_proposal_again() -> None:
    primary = Bench(0)
    primary.take(Built(0, B1))
    assert Kind.PROPOSE in [m.statement.kind for m in answers(primary, NOTHING)]  # type: ignore[union-attr]
    backup = Bench(1)
    backup.propose(B1)
    assert Kind.PROPOSE not in [m.statement.kind for m in answers(backup, NOTHING)]  # type: ignore[union-attr]


def test_view_changes_and_the_new_view() -> None:
    bench = Bench(1)
    wish(bench, 1, 0, 2)
    lacks = replace(NOTHING, view=1, wish=1, settled=False)
    assert [type(m) for m in answers(bench, lacks)] == [ViewChange]
    assert answers(bench, replace(lacks, changes=0b0010)) == []
    bench.hear(change(0, 1), 0)
    bench.hear(change(2, 1), 2)
    bench.take(Received(MEMBERS[3], lacks))
    assert NewView not in [type(m) for m in bench.sent()], "made just now, it is on its way"
    assert NewView in [type(m) for m in answers(bench, lacks)]
    settled = [type(m) for m in answers(bench, replace(lacks, settled=True))]
    assert not {NewView, ViewChange} & {*settled}


def test_a_view_change_of_a_view_that_was_left_is_of_no_use() -> None:
    bench = Bench(3)
    wish(bench, 1, 0, 2)
    lacks = replace(NOTHING, view=1, wish=1, settled=False)
    assert [type(m) for m in answers(bench, lacks)] == [ViewChange]
    bench.hear(Decided(B1, certificate(Kind.COMMIT, B1, view=2, signers=(0, 1, 2))))
    assert bench.state.view == 2
    assert answers(bench, replace(lacks, view=2, wish=2, height=1)) == []


def test_who_is_in_another_view_or_epoch_has_no_use_for_votes() -> None:
    bench = Bench(1)
    bench.propose(B1)
    assert [type(m) for m in answers(bench, NOTHING)] == [Vote]
    assert answers(bench, replace(NOTHING, view=1)) == []
    assert answers(bench, replace(NOTHING, epoch=1)) == []


def test_who_watches_hands_over_the_head_and_nothing_of_its_own() -> None:
    bench = Bench(1)
    bench.commit(B1)
    final = block("F", B1, final=True)
    bench.executes = False
    bench.hear(Decided(final, certificate(Kind.COMMIT, final, signers=(0, 2, 3))))
    bench.take(Executed(final.id, Verdict.VALID, ValidatorSet(1, (MEMBERS[0], MEMBERS[2]))))
    assert bench.state.me is None
    level = replace(NOTHING, epoch=1, height=2)
    assert answers(bench, level) == []
    assert [type(m) for m in answers(bench, NOTHING)] == [Decided]


def test_who_is_behind_in_views_learns_the_wish() -> None:
    bench = Bench(1)
    wish(bench, 3, 0, 2)
    assert [type(m) for m in answers(bench, NOTHING)] == [Wish]


def test_a_view_that_was_joined_without_a_wish_is_wished_when_somebody_needs_it() -> None:
    bench = Bench(1)
    bench.hear(Decided(B1, certificate(Kind.COMMIT, B1, view=6, signers=(0, 2, 3))))
    answers(bench, replace(NOTHING, height=1))
    wishes = [m for m in bench.sent() if isinstance(m, Wish)]
    assert [w.statement.view for w in wishes] == [6]


def test_who_is_behind_in_height_gets_the_head() -> None:
    bench = Bench(1)
    bench.commit(B1)
    bench.take(Received(MEMBERS[3], NOTHING))
    assert not bench.all(Send), "decided just now, it is on its way"
    bench.propose(block("B2", B1))
    assert [type(m) for m in answers(bench, NOTHING)] == [Decided], "our vote above it is of no use"
    votes = answers(bench, replace(NOTHING, height=1))
    assert [m.statement.kind for m in votes if isinstance(m, Vote)] == [Kind.PREPARE]
    assert len(votes) == 1


def test_who_is_an_epoch_behind_learns_that_there_is_more() -> None:
    bench = Bench(1)
    final = block("F", final=True)
    bench.executes = False
    bench.hear(Decided(final, certificate(Kind.COMMIT, final, signers=(0, 2, 3))))
    bench.take(Executed(final.id, Verdict.VALID, ValidatorSet(1, MEMBERS)))
    assert [m.block for m in answers(bench, NOTHING) if isinstance(m, Decided)] == [final]
    bench.executes = True
    above = block("G", final)
    bench.hear(Decided(above, certificate(Kind.COMMIT, above, signers=(0, 2, 3))))
    assert bench.state.head == above
    told = answers(bench, NOTHING)
    assert [type(m) for m in told] == [Status]


def test_who_is_halted_between_two_views_asks_for_nothing() -> None:
    """It would begin no view: a NEW-VIEW twice a second, until its operator comes, is noise."""
    bench = Bench(3)
    wish(bench, 1, 0, 2)
    assert not make_status(bench.state).settled
    bench.take(Tick(), at=TIMING.status_ms)
    assert any(isinstance(message, Status) for message in bench.sent())
    strange = ballot(Kind.PREPARE, B1)
    bench.hear(Vote(3, strange, b"by somebody who has its key"), 2)
    assert bench.state.halted
    assert bench.state.phase is Phase.CHANGING
    assert make_status(bench.state).settled
    bench.take(Tick(), at=2 * TIMING.status_ms)
    told_ms = [
        at for at in range(2 * TIMING.status_ms, 22 * TIMING.status_ms, 10)
        if bench.take(Tick(), at=at) and any(isinstance(m, Status) for m in bench.sent())
    ]  # fmt: skip
    assert told_ms, "what is decided it still asks for"
    gaps = [later - earlier for earlier, later in pairwise(told_ms)]
    assert all(gap >= TIMING.idle_status_ms for gap in gaps)


def test_what_is_on_its_way_is_not_sent_again() -> None:
    bench = Bench(0)
    bench.now = 1_000
    bench.take(Built(0, B1))
    bench.now += TIMING.status_ms - 1
    bench.take(Received(MEMBERS[2], NOTHING))
    assert not bench.all(Send)
    bench.now += 1
    bench.take(Received(MEMBERS[3], NOTHING))
    kinds = [m.statement.kind for m in bench.sent() if isinstance(m, Vote | Proposal)]
    assert kinds == [Kind.PROPOSE, Kind.PREPARE]


def test_at_genesis_there_is_no_head_to_hand_over() -> None:
    bench = Bench(1, ValidatorSet(3, MEMBERS))
    assert answers(bench, NOTHING) == [], "an older epoch than our beginning cannot be helped"


def test_one_answer_in_a_while_to_each_peer() -> None:
    bench = Bench(1)
    bench.commit(B1)
    assert answers(bench, NOTHING)
    for _ in range(2):
        bench.take(Received(MEMBERS[2], NOTHING))
        assert not bench.all(Send), "too soon, and asking again makes it no later"
    bench.take(Received(MEMBERS[3], NOTHING))
    assert bench.all(Send), "another peer"


def test_i20_many_peers_are_not_remembered_for_ever() -> None:
    bench = Bench(1)
    for number in range(1_000):
        bench.take(Received(MemberId(b"%d" % number), NOTHING))
    assert len(bench.replica._answered) <= 128
