"""What an operator reads (LESSONS 12)."""

from __future__ import annotations

from consensus.events import Start
from consensus.messages import Kind
from consensus.phases import Phase
from consensus.quorum import MemberId
from consensus.replica import Replica
from tests.consensus.bench import TIMING, Bench
from tests.consensus.test_changing import wish
from tests.consensus.values import FOUR, GENESIS, MEMBERS, block

B1 = block("B1")


def test_who_is_missing() -> None:
    bench = Bench(1)
    bench.propose(B1)
    situation = bench.replica.situation()
    assert situation.heard == (MEMBERS[1],)
    assert situation.missing == (MEMBERS[0], MEMBERS[2], MEMBERS[3])
    assert situation.sentence == (
        "height 1, view 0: voted PREPARE and waits for a quorum of them (1 of 3 are here)"
    )
    bench.votes(Kind.PREPARE, B1, (0, 2))
    assert bench.replica.situation().phase is Phase.COMMITTING
    assert bench.replica.situation().heard == (MEMBERS[1],), "COMMITs now"


def test_between_views_it_names_who_has_left() -> None:
    bench = Bench(1)
    wish(bench, 1, 0, 2)
    situation = bench.replica.situation()
    assert (situation.view, situation.wished_view, situation.is_primary) == (1, 1, True)
    assert situation.heard == (MEMBERS[1],)
    assert situation.deadline_ms == 2_000
    assert "waits for NEW-VIEW (1 of 3 are here)" in situation.sentence


def test_sentences_of_those_who_sign_nothing() -> None:
    assert "safety record is lost" in Bench(1, record=None).replica.situation().sentence
    stranger = Replica((MemberId(b"follower"),), TIMING)
    stranger.step(Start(GENESIS, None, FOUR, GENESIS, None), 0)
    assert "follows: no member of this epoch" in stranger.situation().sentence


def test_the_primary_waits_for_transactions() -> None:
    situation = Bench(0).replica.situation()
    assert situation.sentence == "height 1, view 0: is the primary and waits for transactions"
    assert (situation.quorum, situation.primary) == (FOUR.quorum, MEMBERS[0])
