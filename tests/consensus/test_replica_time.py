"""Deadlines and catching up through the one entrance: B3, B17, B25, B34, Wake, Fetch."""

from __future__ import annotations

from consensus.effects import (
    Commit,
    Execute,
    Fetch,
    Refused,
    Sign,
    Wake,
)
from consensus.events import (
    Executed,
    Fetched,
    Pending,
    Tick,
    Verdict,
)
from consensus.messages import Decided, Kind, Status, Wish, WishStatement
from consensus.phases import Phase
from consensus.quorum import ValidatorSet
from consensus.safety import SafetyRecord
from tests.consensus.bench import Bench
from tests.consensus.values import (
    GENESIS,
    MEMBERS,
    block,
    certificate,
)

B1 = block("B1")
B2 = block("B2", B1)
FINAL = block("F", final=True)
OTHERS = (0, 2, 3)
"""Everybody but b, who sits on the bench."""
NEXT_SET = ValidatorSet(1, MEMBERS[1:])


# --- time ------------------------------


def test_wake_names_the_next_deadline_and_only_when_it_changes() -> None:
    bench = Bench(1)
    assert [wake.at_ms for wake in bench.all(Wake)] == [400], "idle STATUS"
    bench.take(Pending(0))
    assert [wake.at_ms for wake in bench.all(Wake)] == [100], "busy STATUS"
    bench.take(Pending(1), at=50)
    assert not bench.all(Wake)
    bench.take(Tick(), at=99)
    assert [wake.at_ms for wake in bench.all(Wake)] == [100], "the clock rang too early: again"
    bench.take(Tick(), at=100)
    assert [wake.at_ms for wake in bench.all(Wake)] == [200]
    assert any(isinstance(message, Status) for message in bench.sent())


def test_the_clock_never_goes_back() -> None:
    bench = Bench(1)
    bench.take(Pending(0), at=10_000)
    bench.take(Tick(), at=5_000)
    assert bench.state.now_ms == 10_000


def test_b3_a_deadline_that_a_block_has_overtaken_does_not_fire() -> None:
    bench = Bench(1)
    bench.take(Pending(0))
    assert bench.state.pacemaker.deadline == 1_000
    bench.now = 600
    bench.commit(B1)
    bench.take(Tick(), at=1_000)
    assert not bench.all(Sign), "the timer started anew with the block"
    bench.take(Tick(), at=1_600)
    assert [sign.statement for sign in bench.all(Sign)] == [WishStatement(0, 1)]


def test_b34_a_primary_that_passes_one_over_is_left_though_it_orders_others() -> None:
    bench = Bench(1)
    head, now = GENESIS, 0
    bench.take(Pending(0, passed_over_ms=0))
    while now < 6_000 and bench.state.pacemaker.wish == 0:
        now += 500
        bench.now = now
        head = block(f"at {now}", head)
        bench.commit(head)
    assert (now, bench.state.pacemaker.wish, bench.state.view) == (5_000, 1, 0)


def test_a_long_queue_alone_is_no_fault() -> None:
    bench = Bench(1)
    bench.take(Pending(0))
    head = GENESIS
    for now in range(500, 20_000, 500):
        bench.now = now
        head = block(f"at {now}", head)
        bench.commit(head)
        bench.take(Pending(0))
        assert not bench.all(Sign)


def test_who_only_wishes_tells_its_status_at_leisure() -> None:
    """It waits for nothing; whoever still waits asks, and is answered with the wish."""
    bench = Bench(1)
    bench.take(Pending(0))
    bench.take(Tick(), at=1_000)
    assert bench.state.pacemaker.wish == 1
    bench.take(Pending(None))
    told = []
    for now in range(1_100, 9_100, 100):
        bench.take(Tick(), at=now)
        told += [now for message in bench.sent() if isinstance(message, Status)]
    assert told == list(range(told[0], 9_100, 400)), "not every 100 ms"
    bench.hear(Status(0, 0, 0, 0, True, False, 0, 0, 0), peer=2)
    assert [message.statement for message in bench.sent() if isinstance(message, Wish)] == [
        WishStatement(0, 1)
    ]


# --- fetching ------------------------------


def test_catching_up_by_certified_blocks() -> None:
    bench = Bench(1)
    blocks = [block("C1")]
    for number in range(2, 6):
        blocks.append(block(f"C{number}", blocks[-1]))
    bench.hear(Status(0, 0, 5, 0, True, False, 0, 0, 0), peer=2)
    assert [(f.peer, f.first, f.last) for f in bench.all(Fetch)] == [(MEMBERS[2], 1, 5)]
    answers = tuple(Decided(of, certificate(Kind.COMMIT, of)) for of in blocks)
    committed = []
    bench.take(Fetched(MEMBERS[2], answers[:2]))
    committed += bench.all(Commit)
    assert [(f.peer, f.first, f.last) for f in bench.all(Fetch)] == [(MEMBERS[2], 3, 5)], (
        "who delivers is asked for the rest at once"
    )
    bench.take(Fetched(MEMBERS[2], answers[2:]))
    committed += bench.all(Commit)
    assert [commit.block for commit in committed] == blocks
    assert not any(execute.fresh for execute in bench.all(Execute))


def test_who_only_watches_takes_a_block_of_whatever_view_and_goes_into_none() -> None:
    bench = Bench(1, record=SafetyRecord(commit_floor=9))
    assert bench.state.phase is Phase.WATCHING
    bench.hear(Decided(B1, certificate(Kind.COMMIT, B1, 3, OTHERS)))
    assert [commit.block for commit in bench.all(Commit)] == [B1]
    assert (bench.state.phase, bench.state.view) == (Phase.WATCHING, 0)


def test_b17_a_block_that_votes_and_sync_both_bring_is_committed_once() -> None:
    for sync_first in (True, False):
        bench = Bench(1)
        bench.executes = False
        bench.propose(B1)
        bench.votes(Kind.PREPARE, B1, (0, 2, 3))
        decided = Decided(B1, certificate(Kind.COMMIT, B1))
        committed = []
        if sync_first:
            bench.hear(decided)
        bench.votes(Kind.COMMIT, B1, (0, 2, 3))
        if not sync_first:
            bench.hear(decided)
        bench.take(Executed(B1.id, Verdict.VALID))
        committed += bench.all(Commit)
        bench.hear(decided)
        committed += bench.all(Commit)
        assert len(committed) == 1


def test_b25_a_fetched_lie_is_refused_and_the_next_peer_is_asked() -> None:
    bench = Bench(1)
    claim = Status(0, 0, 9, 0, True, False, 0, 0, 0)
    bench.hear(claim, peer=2)
    bench.hear(claim, peer=3)
    lie = Decided(B1, certificate(Kind.COMMIT, B1, signers=(2, 2, 2)))
    bench.take(Fetched(MEMBERS[2], (lie,)))
    assert [refused.peer for refused in bench.all(Refused)] == [MEMBERS[2]]
    assert [fetch.peer for fetch in bench.all(Fetch)] == [MEMBERS[3]]


def test_an_epoch_ends_while_catching_up() -> None:
    bench = Bench(0)
    after = block("after", FINAL)
    bench.executes = False
    bench.hear(Decided(FINAL, certificate(Kind.COMMIT, FINAL, signers=OTHERS)))
    # What belongs to the next epoch cannot be judged yet: it is dropped, not believed.
    bench.hear(Decided(after, certificate(Kind.COMMIT, after, signers=(0, 1, 2))))
    bench.take(Executed(FINAL.id, Verdict.VALID, NEXT_SET))
    assert bench.state.head == FINAL
    assert (bench.state.me, bench.state.phase) == (None, Phase.WATCHING)
    bench.hear(Decided(after, certificate(Kind.COMMIT, after, signers=(0, 1))))
    assert bench.all(Execute)
    bench.take(Executed(after.id, Verdict.VALID))
    assert bench.state.head == after


def test_a_decided_block_that_nobody_can_be_asked_for_is_not_asked_for_without_end() -> None:
    """Found by a chaos run: three COMMITs for a block that was never here, all connections gone.
    Each question was answered at once with nothing, each answer led to the next question, and the
    node did nothing else any more."""
    bench = Bench(1)
    bench.votes(Kind.COMMIT, B1, OTHERS)
    asked = bench.all(Fetch)
    for _ in range(20):
        if not bench.all(Fetch):
            break
        bench.take(Fetched(bench.all(Fetch)[0].peer, ()))
        asked += bench.all(Fetch)
    assert {fetch.peer for fetch in asked} == {MEMBERS[sender] for sender in OTHERS}
    assert len(asked) == len(OTHERS), "each once, and then a pause"
    bench.take(Tick(), at=100)
    assert len(bench.all(Fetch)) == 1, "after it they are asked again"
