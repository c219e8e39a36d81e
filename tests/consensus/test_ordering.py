"""The normal case on one bench: which block is adopted, what is voted for, what is not."""

from __future__ import annotations

from dataclasses import replace

from consensus.effects import Accuse, Build, Commit, Execute, Persist, Refused, Sign
from consensus.events import Built, Executed, Tick, Verdict
from consensus.messages import Decided, Kind, Proposal, WishStatement
from consensus.phases import Phase
from tests.consensus.bench import Bench
from tests.consensus.values import (
    GENESIS,
    MEMBERS,
    ballot,
    block,
    certificate,
    change,
    new_view,
)

B1, X1 = block("B1"), block("X1")
B2 = block("B2", B1)


def statements(bench: Bench) -> list[object]:
    return [sign.statement for sign in bench.all(Sign)]


def test_the_primary_builds_once_for_a_height() -> None:
    bench = Bench(0)
    assert [build.parent for build in bench.all(Build)] == [GENESIS]
    bench.take(Built(0, B1))
    assert statements(bench) == [ballot(Kind.PROPOSE, B1), ballot(Kind.PREPARE, B1)]
    bench.take(Built(0, X1))
    assert not bench.effects, "a second block for the slot is not even looked at"


def test_b6_the_primary_counts_once() -> None:
    bench = Bench(0)
    bench.take(Built(0, B1))
    bench.votes(Kind.PREPARE, B1, (1,))
    assert bench.state.phase is Phase.PREPARING, "its PRE-PREPARE is no vote"
    bench.votes(Kind.PREPARE, B1, (2,))
    assert bench.state.phase is Phase.COMMITTING


def test_only_the_primary_proposes() -> None:
    bench = Bench(1)
    bench.hear(Proposal(2, ballot(Kind.PROPOSE, B1), B1, b"s"), 2)
    assert bench.all(Refused)
    assert bench.state.phase is Phase.OPEN


def test_a_proposal_must_be_of_the_block_that_it_shows() -> None:
    bench = Bench(1)
    for said in (
        ballot(Kind.PREPARE, B1),
        ballot(Kind.PROPOSE, X1),
        replace(ballot(Kind.PROPOSE, B1), height=2),
    ):
        bench.hear(Proposal(0, said, B1, b"s"))
        assert bench.all(Refused)


def test_d2_e1_a_second_proposal_convicts_and_the_view_is_left() -> None:
    bench = Bench(1)
    bench.propose(B1)
    bench.propose(X1)
    (accusation,) = bench.all(Accuse)
    assert (accusation.evidence.kind, accusation.evidence.culprits) == ("E1", (0,))
    assert statements(bench) == [WishStatement(0, 1)]
    assert bench.state.slot.block == B1


def test_a_proposal_that_comes_twice_is_one() -> None:
    """Whatever the phase: it is said again to whoever may have missed it, and is no second word."""
    bench = Bench(1)
    bench.executes = False
    bench.propose(B1)
    for phase in (Phase.EXECUTING, Phase.PREPARING):
        assert bench.state.phase is phase
        bench.propose(B1)
        assert not bench.all(Accuse) + bench.all(Sign) + bench.all(Execute)
        assert (bench.state.phase, bench.state.slot.block) == (phase, B1)
        bench.take(Executed(B1.id, Verdict.VALID))


def test_what_another_block_has_shown_is_no_reason_to_vote_for_this_one() -> None:
    """The view was left while a block was still being executed: its result comes after the next
    view's block has been taken up."""
    bench = Bench(2)
    bench.executes = False
    bench.propose(B1)
    bench.hear(new_view(1, (change(0, 1), change(1, 1), change(3, 1))), 1)
    bench.propose(X1, view=1)
    bench.take(Executed(B1.id, Verdict.VALID))
    assert not bench.all(Sign) + bench.all(Persist)
    assert (bench.state.phase, bench.state.slot.block) == (Phase.EXECUTING, X1)
    bench.take(Executed(X1.id, Verdict.VALID))
    assert statements(bench) == [ballot(Kind.PREPARE, X1, 1)]


def test_e2_e3_double_votes_convict_once() -> None:
    bench = Bench(1)
    bench.votes(Kind.PREPARE, B1, (2,))
    bench.votes(Kind.PREPARE, X1, (2,))
    assert [accuse.evidence.kind for accuse in bench.all(Accuse)] == ["E2"]
    bench.votes(Kind.PREPARE, block("third"), (2,))
    assert not bench.all(Accuse), "one proof for a slot is enough"
    bench.votes(Kind.COMMIT, B1, (2,))
    bench.votes(Kind.COMMIT, X1, (2,))
    assert [accuse.evidence.kind for accuse in bench.all(Accuse)] == ["E3"]


def test_a_block_on_another_parent_is_not_executed() -> None:
    bench = Bench(1)
    stray = replace(B1, parent=X1.id)
    bench.propose(stray)
    assert not bench.all(Execute)
    assert statements(bench) == [WishStatement(0, 1)]


def test_an_invalid_block_is_declined_and_the_view_is_left() -> None:
    bench = Bench(1)
    bench.executes = False
    bench.propose(B1)
    bench.take(Executed(B1.id, Verdict.INVALID))
    assert (bench.state.phase, statements(bench)) == (Phase.DECLINED, [WishStatement(0, 1)])
    assert not bench.all(Persist)


def test_an_untimely_block_gets_no_prepare_but_a_commit_when_a_quorum_prepared_it() -> None:
    bench = Bench(1)
    bench.executes = False
    bench.propose(B1)
    bench.take(Executed(B1.id, Verdict.UNTIMELY))
    assert (bench.state.phase, statements(bench)) == (Phase.DECLINED, [])
    bench.votes(Kind.PREPARE, B1, (0, 2, 3))
    assert statements(bench) == [ballot(Kind.COMMIT, B1)]


def test_nobody_votes_for_what_was_applied_and_not_executed() -> None:
    bench = Bench(1)
    bench.executes = False
    bench.propose(B1)
    bench.take(Executed(B1.id, Verdict.APPLIED))
    assert (bench.state.phase, statements(bench)) == (Phase.DECLINED, [])
    bench.votes(Kind.PREPARE, B1, (0, 2, 3))
    assert not bench.all(Persist)
    assert statements(bench) == []
    bench.votes(Kind.COMMIT, B1, (0, 2, 3))
    assert [commit.block for commit in bench.all(Commit)] == [B1]


def test_a_block_in_work_is_asked_for_again_when_a_quorum_has_decided_it() -> None:
    bench = Bench(1)
    bench.executes = False
    bench.propose(B1)
    assert [asked.certified for asked in bench.all(Execute)] == [False]
    bench.votes(Kind.COMMIT, B1, (0, 2, 3))
    again = bench.all(Execute)
    assert [(asked.block, asked.fresh, asked.certified) for asked in again] == [(B1, False, True)]
    bench.take(Tick(), at=10)
    assert not bench.all(Execute)


def test_that_a_block_in_work_is_decided_is_told_though_its_holders_are_known() -> None:
    bench = Bench(3)
    bench.executes = False
    changes = tuple(change(sender, 1, prepared=B1) for sender in (0, 1, 2))
    bench.hear(new_view(1, changes), 1)
    (asked,) = bench.all(Execute)
    bench.votes(Kind.COMMIT, B1, (0, 1, 2), 1)
    (again,) = bench.all(Execute)
    assert again.holders == asked.holders
    assert (asked.certified, again.certified) == (False, True)


def test_whether_a_decided_block_ends_its_epoch_is_what_it_executes_to() -> None:
    bench = Bench(1)
    lied = replace(B1, epoch_final=True)
    bench.hear(Decided(lied, certificate(Kind.COMMIT, B1)), 2)
    assert [commit.block for commit in bench.all(Commit)] == [B1]
    assert bench.state.head == B1


def test_the_next_height_may_come_early() -> None:
    bench = Bench(1)
    bench.propose(B1)
    bench.propose(B2)
    bench.votes(Kind.PREPARE, B2, (0, 2))
    bench.votes(Kind.PREPARE, B1, (0, 2))
    bench.votes(Kind.COMMIT, B1, (0, 2))
    assert [commit.block for commit in bench.all(Commit)] == [B1]
    assert bench.state.slot.block == B2
    assert bench.state.phase is Phase.COMMITTING, "its votes were kept, too"


def test_i20_early_proposals_of_a_flooding_primary_are_two() -> None:
    bench = Bench(1)
    for view in range(4, 400, 4):
        bench.propose(block(f"in {view}"), view)
    assert [len(by_slot) for by_slot in bench.state.early.values()] == [2]
    bench.propose(B1)
    assert bench.all(Execute), "what can be used at once is used at once"


def test_d11_votes_before_the_proposal() -> None:
    bench = Bench(1)
    bench.votes(Kind.COMMIT, B1, (0, 2))
    bench.votes(Kind.PREPARE, B1, (0, 2))
    bench.propose(B1)
    assert statements(bench) == [ballot(Kind.PREPARE, B1), ballot(Kind.COMMIT, B1)]
    assert [commit.block for commit in bench.all(Commit)] == [B1]


def test_a_certificate_of_an_unseen_block_asks_its_signers() -> None:
    bench = Bench(1)
    bench.votes(Kind.COMMIT, B1, (0, 2, 3))
    assert bench.state.catch_up.request is not None
    assert bench.state.catch_up.request.peer in (MEMBERS[0], MEMBERS[2], MEMBERS[3])


def test_more_holders_are_told_to_the_driver() -> None:
    bench = Bench(1)
    bench.executes = False
    bench.propose(B1)
    assert bench.all(Execute)[0].holders == (MEMBERS[0],)
    bench.votes(Kind.COMMIT, B1, (0, 2, 3))
    assert bench.all(Execute)[-1].holders == (MEMBERS[0], MEMBERS[2], MEMBERS[3])


def test_a_restart_before_commit_uses_the_certificate_on_disk() -> None:
    bench = Bench(1)
    bench.propose(B1)
    bench.votes(Kind.PREPARE, B1, (0, 2))
    again = Bench(1, record=bench.record)
    assert statements(again) == [ballot(Kind.PREPARE, B1), ballot(Kind.COMMIT, B1)]
    assert not again.all(Persist), "nothing new binds it"


def test_a_restart_after_commit_opens_the_next_height() -> None:
    bench = Bench(1)
    bench.commit(B1)
    proof = certificate(Kind.COMMIT, B1)
    again = Bench(1, record=bench.record, head=B1, certificate=proof)
    assert (again.state.phase, again.state.height, statements(again)) == (Phase.OPEN, 2, [])
