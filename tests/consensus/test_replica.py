"""The one entrance: the driver's contract, stale and illegal events, alarms, deadlines."""

from __future__ import annotations

import copy

import pytest

from consensus.effects import (
    Accuse,
    Alarm,
    Build,
    Commit,
    Persist,
    Refused,
    Send,
    Sign,
    Wake,
)
from consensus.errors import DriverError
from consensus.events import (
    Built,
    Event,
    Executed,
    Fetched,
    Pending,
    Received,
    Signed,
    Start,
    Tick,
    Verdict,
)
from consensus.messages import Decided, Kind, Proposal, Vote, Wish, WishStatement
from consensus.phases import Phase
from consensus.quorum import MemberId, ValidatorSet
from consensus.replica import Replica
from consensus.safety import SafetyRecord
from tests.consensus.bench import TIMING, Bench
from tests.consensus.values import (
    FOUR,
    GENESIS,
    MEMBERS,
    ballot,
    block,
    certificate,
    change,
    new_view,
    vote,
)

B1 = block("B1")
B2 = block("B2", B1)
FINAL = block("F", final=True)
OTHERS = (0, 2, 3)
"""Everybody but b, who sits on the bench."""
NEXT_SET = ValidatorSet(1, MEMBERS[1:])


def picture(bench: Bench) -> object:
    """Everything that a replica knows, to be compared before and after."""
    state = bench.state
    return copy.deepcopy((
        state.phase, state.view, state.head, state.record, state.slot, state.votes._votes,
        state.changes._changes, state.early, state.pacemaker.__dict__, state.results, state.signing,
        state.catch_up.decided, state.pending,
    ))  # fmt: skip


# --- the driver's mistakes ------------------------------


def test_start_comes_first_and_once() -> None:
    replica = Replica(MEMBERS[:1])
    with pytest.raises(DriverError):
        replica.step(Tick(), 0)
    with pytest.raises(DriverError):
        replica.situation()
    start = Start(GENESIS, None, FOUR, GENESIS, SafetyRecord())
    replica.step(start, 0)
    with pytest.raises(DriverError):
        replica.step(start, 0)


@pytest.mark.parametrize(
    "start",
    [
        Start(B1, None, FOUR, GENESIS, SafetyRecord()),
        Start(GENESIS, None, FOUR, B1, SafetyRecord()),
    ],
)
def test_a_start_that_cannot_be(start: Start) -> None:
    with pytest.raises(DriverError):
        Replica(MEMBERS[:1]).step(start, 0)


def test_illegal_answers_raise_and_change_nothing() -> None:
    primary = Bench(0)
    before = picture(primary)
    two_above = block("far", B1)
    for wrong in (
        Built(0, FINAL),
        Built(0, B1, NEXT_SET),
        Built(0, FINAL, ValidatorSet(2, MEMBERS)),
        Built(0, two_above.__class__(two_above.id, GENESIS.id, 2, 0)),
    ):
        with pytest.raises(DriverError):
            primary.take(wrong)
        assert picture(primary) == before
    backup = Bench(1)
    backup.executes = False
    backup.propose(FINAL)
    before = picture(backup)
    with pytest.raises(DriverError):
        backup.take(Executed(FINAL.id, Verdict.VALID, ValidatorSet(2, MEMBERS)))
    assert picture(backup) == before
    backup.take(Executed(FINAL.id, Verdict.INVALID))
    assert backup.state.phase is Phase.DECLINED


@pytest.mark.parametrize(
    "event",
    [
        Built(1, B1),
        Built(0, B2),
        Executed(B2.id, Verdict.VALID),
        Signed(ballot(Kind.COMMIT, B1), b"never asked"),
        Fetched(MEMBERS[0], ()),
        Received(MEMBERS[0], vote(Kind.PREPARE, block("far", block("higher", B2)), 0)),
        Received(MEMBERS[0], Wish(0, WishStatement(1, 1), b"of another epoch")),
        Received(MEMBERS[0], Decided(GENESIS, certificate(Kind.COMMIT, GENESIS, signers=OTHERS))),
    ],
)
def test_what_comes_too_late_or_too_early_changes_nothing(event: Event) -> None:
    bench = Bench(1)
    before = picture(bench)
    assert not bench.take(event)
    assert picture(bench) == before


@pytest.mark.parametrize(
    "message",
    [
        Vote(4, ballot(Kind.PREPARE, B1), b"no member"),
        Vote(-1, ballot(Kind.PREPARE, B1), b"no member"),
        Vote(0, ballot(Kind.PROPOSE, B1), b"no vote"),
        Wish(0, WishStatement(0, 2**63 - 1), b"nobody is there"),
        Decided(B1, certificate(Kind.COMMIT, B1, signers=(0, 1))),
        Decided(B1, certificate(Kind.PREPARE, B1)),
        Decided(block("X1"), certificate(Kind.COMMIT, B1)),
    ],
)
def test_b7_b23_b25_a_peers_mistake_is_refused_and_changes_nothing(message: object) -> None:
    bench = Bench(1)
    before = picture(bench)
    effects = bench.take(Received(MEMBERS[2], message))  # type: ignore[arg-type]
    assert [type(effect) for effect in effects] == [Refused]
    assert bench.all(Refused)[0].peer == MEMBERS[2]
    assert picture(bench) == before


# --- durable before signed ------------------------------


def test_every_signature_names_the_record_before_it() -> None:
    bench = Bench(1)
    durable = 0
    for effects in (
        bench.propose(B1),
        bench.votes(Kind.PREPARE, B1, (0, 2)),
        bench.votes(Kind.COMMIT, B1, (0, 2)),
        bench.hear(Wish(0, WishStatement(0, 1), b"s"), 0),
        bench.hear(Wish(2, WishStatement(0, 1), b"s"), 2),
    ):
        for effect in effects:
            if isinstance(effect, Persist):
                assert effect.record.sequence == durable + 1
                durable += 1
            if isinstance(effect, Sign):
                assert effect.sequence == durable
                assert effect.member == MEMBERS[1]
    assert durable == 3, "vote, prepared, view change"


def test_a_block_is_durable_before_its_vote() -> None:
    bench = Bench(1)
    effects = bench.propose(B1)
    kinds = [type(effect) for effect in effects]
    assert kinds.index(Persist) < kinds.index(Sign) < kinds.index(Send)
    assert bench.all(Persist)[0].blocks == (B1.id,)


def test_nothing_is_sent_before_it_is_signed() -> None:
    bench = Bench(1)
    bench.signs = False
    bench.propose(B1)
    assert bench.all(Sign)
    assert not bench.all(Send)
    assert bench.state.votes.size() == 0, "nor counted"
    bench.take(Signed(ballot(Kind.PREPARE, B1), b"s"))
    assert len(bench.sent(Kind.PREPARE)) == 1
    assert bench.state.votes.size() == 1


def test_a_proposal_signed_after_its_view_was_left_is_not_sent() -> None:
    bench = Bench(0)
    bench.signs = False
    bench.take(Built(0, B1))
    asked = [sign.statement for sign in bench.all(Sign)]
    for sender in (1, 2, 3):
        bench.hear(Wish(sender, WishStatement(0, 1), b"s"), sender)
    assert bench.state.view == 1
    for statement in asked:
        bench.take(Signed(statement, b"s"))
        assert not [m for m in bench.sent() if isinstance(m, Proposal)]


# --- one member ------------------------------


def test_one_member_votes_to_itself_through_the_same_path() -> None:
    only = ValidatorSet(0, MEMBERS[:1])
    bench = Bench(0, only)
    bench.take(Built(0, B1))
    (commit,) = bench.all(Commit)
    commit.certificate.check(Kind.COMMIT, only)
    assert [type(e) for e in bench.effects if isinstance(e, Persist | Sign | Commit | Build)] == [
        Persist, Sign, Sign, Persist, Sign, Commit, Build,
    ]  # fmt: skip
    assert not bench.all(Wake), "nobody to hand the task to, nobody to tell"
    bench.take(Pending(0), at=10**9)
    assert bench.state.view == 0


def test_one_member_hands_over_to_four() -> None:
    only = ValidatorSet(0, MEMBERS[:1])
    bench = Bench(0, only)
    bench.take(Built(0, FINAL, ValidatorSet(1, MEMBERS)))
    assert bench.all(Commit)[0].block == FINAL
    assert (bench.state.validators.size, bench.state.phase) == (4, Phase.OPEN)


# --- keys ------------------------------


def test_b27_a_lost_record_burns_the_key() -> None:
    bench = Bench(1, record=None)
    assert [alarm.code for alarm in bench.all(Alarm)] == ["key-burnt"]
    bench.propose(B1)
    bench.votes(Kind.PREPARE, B1, (0, 2, 3))
    assert not bench.all(Sign)
    bench.votes(Kind.COMMIT, B1, (0, 2, 3))
    assert bench.all(Commit), "it follows"
    bench.take(Pending(0), at=10**6)
    assert not bench.all(Sign)


def test_a_follower_without_a_record_is_no_alarm() -> None:
    replica = Replica((MemberId(b"follower"),), TIMING)
    effects = replica.step(Start(GENESIS, None, FOUR, GENESIS, None), 0)
    assert not [effect for effect in effects if isinstance(effect, Alarm)]


def test_a_key_that_is_rotated_in_takes_the_seat() -> None:
    new = MemberId(b"b's new key")
    replica = Replica((MEMBERS[1], new), TIMING)
    replica.step(Start(GENESIS, None, FOUR, GENESIS, SafetyRecord()), 0)
    assert replica.state.me == 1
    following = ValidatorSet(1, (MEMBERS[0], MEMBERS[2], MEMBERS[3], new))
    decided = Decided(FINAL, certificate(Kind.COMMIT, FINAL, signers=OTHERS))
    replica.step(Received(MEMBERS[0], decided), 1)
    replica.step(Executed(FINAL.id, Verdict.VALID, following), 2)
    assert (replica.state.me, replica.state.phase) == (3, Phase.OPEN)


def test_a_store_that_lost_its_tail_catches_up_before_it_votes() -> None:
    earlier = Bench(1)
    earlier.commit(B1)
    earlier.propose(B2)
    assert earlier.record is not None
    assert earlier.record.commit_floor == 1
    bench = Bench(1, record=earlier.record)
    assert [alarm.code for alarm in bench.all(Alarm)] == ["record-ahead"]
    bench.propose(block("X1"))
    assert not bench.all(Sign)
    bench.hear(Decided(B1, certificate(Kind.COMMIT, B1)))
    assert bench.all(Commit)
    assert [sign.statement for sign in bench.all(Sign)] == [ballot(Kind.PREPARE, B2)]


def test_its_own_signature_in_the_stored_head_shows_an_old_record() -> None:
    mine = certificate(Kind.COMMIT, B1, signers=(0, 1, 2))
    bench = Bench(1, record=SafetyRecord(), head=B1, certificate=mine)
    assert [alarm.code for alarm in bench.all(Alarm)] == ["key-elsewhere"]
    bench.propose(B2)
    assert not bench.all(Sign)
    assert "older copy" in bench.replica.situation().sentence


def test_its_own_view_change_in_a_new_view_shows_an_old_record() -> None:
    bench = Bench(3)
    bench.hear(new_view(1, (change(0, 1), change(1, 1), change(3, 1))), 1)
    assert [alarm.code for alarm in bench.all(Alarm)] == ["key-elsewhere"]
    assert not bench.all(Sign)


def test_a_divergence_is_an_alarm_and_the_end_of_voting() -> None:
    bench = Bench(1)
    bench.executes = False
    bench.propose(B1)
    bench.take(Executed(B1.id, Verdict.INVALID))
    bench.votes(Kind.PREPARE, B1, (0, 2, 3))
    assert not bench.all(Sign)
    bench.votes(Kind.COMMIT, B1, (0, 2, 3))
    assert [alarm.code for alarm in bench.all(Alarm)] == ["diverged"]
    assert not bench.all(Commit)
    assert "something else" in bench.replica.situation().sentence
    bench.take(Pending(0), at=10**6)
    assert not bench.all(Sign)


def test_e6_a_certificate_against_our_own_head_is_a_fork() -> None:
    bench = Bench(1)
    bench.commit(B1)
    other = block("X1")
    bench.hear(Decided(other, certificate(Kind.COMMIT, other, 1, OTHERS)))
    assert [alarm.code for alarm in bench.all(Alarm)] == ["fork"]
    assert [accuse.evidence.kind for accuse in bench.all(Accuse)] == ["E6"]
    assert bench.state.head == B1
    assert not bench.state.may_sign, "one of the two chains is wrong, and it may be ours"


def test_a_certified_block_on_another_parent_is_a_fork_told_once() -> None:
    bench = Bench(1)
    bench.commit(B1)
    stray = block("stray", block("X1"))
    bench.hear(Decided(stray, certificate(Kind.COMMIT, stray, signers=OTHERS)))
    assert [alarm.code for alarm in bench.all(Alarm)] == ["fork"]
    bench.take(Tick(), at=500)
    assert not bench.all(Alarm)
    assert not bench.all(Commit)


def test_a_restart_after_the_epoch_ended_begins_the_next_one() -> None:
    bench = Bench(1)
    bench.executes = False
    bench.propose(FINAL)
    bench.take(Executed(FINAL.id, Verdict.VALID, ValidatorSet(1, MEMBERS)))
    assert bench.record is not None
    assert bench.record.epoch == 0
    proof = certificate(Kind.COMMIT, FINAL, signers=OTHERS)
    again = Bench(1, ValidatorSet(1, MEMBERS), bench.record, FINAL, proof, FINAL)
    assert (again.state.phase, again.state.record.epoch) == (Phase.OPEN, 1)
    above = block("G", FINAL)
    again.hear(Proposal(0, ballot(Kind.PROPOSE, above), above, b"s"))
    assert again.record is not None
    assert (again.record.epoch, again.record.vote is not None) == (1, True)


def test_a_record_of_a_later_epoch_alone_shows_that_the_store_has_lost_blocks() -> None:
    bench = Bench(1, record=SafetyRecord(epoch=1))
    assert [alarm.code for alarm in bench.all(Alarm)] == ["record-ahead"]
    bench.propose(B1)
    assert not bench.all(Sign)


def test_an_old_block_that_comes_late_is_no_fork() -> None:
    bench = Bench(1)
    bench.commit(B1)
    bench.commit(B2)
    bench.hear(Decided(B1, certificate(Kind.COMMIT, B1, signers=OTHERS)))
    assert not bench.all(Alarm)
    assert bench.state.may_sign


def test_a_record_of_a_later_epoch_waits_for_the_store() -> None:
    bench = Bench(1, record=SafetyRecord(epoch=2, commit_floor=5))
    assert [alarm.code for alarm in bench.all(Alarm)] == ["record-ahead"]
    assert "catches up to height 5" in bench.replica.situation().sentence
    bench.executes = False
    bench.hear(Decided(FINAL, certificate(Kind.COMMIT, FINAL, signers=OTHERS)))
    bench.take(Executed(FINAL.id, Verdict.VALID, ValidatorSet(1, MEMBERS)))
    assert bench.state.head == FINAL
    assert bench.state.phase is Phase.WATCHING
    assert bench.state.record.epoch == 2


def test_signatures_that_come_after_their_time_are_of_no_use() -> None:
    bench = Bench(1)
    bench.signs = False
    bench.hear(Wish(0, WishStatement(0, 1), b"s"), 0)
    bench.hear(Wish(2, WishStatement(0, 1), b"s"), 2)
    (wish,) = [sign.statement for sign in bench.all(Sign)]
    bench.take(Signed(wish, b"s"))
    (first,) = [sign.statement for sign in bench.all(Sign)]
    bench.hear(Wish(0, WishStatement(0, 2), b"s"), 0)
    bench.hear(Wish(2, WishStatement(0, 2), b"s"), 2)
    bench.hear(Wish(3, WishStatement(0, 2), b"s"), 3)
    assert bench.state.view == 2
    bench.take(Signed(first, b"s"))
    assert not bench.all(Send), "its proofs are gone, and nobody needs it"
