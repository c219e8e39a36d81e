"""Counting votes: B4, B6 (sawtooth 180ceed), B9, M8, M9, I20."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from consensus.events import Executed, Verdict
from consensus.messages import Ballot, BlockId, Kind
from consensus.slot import VIEWS_PER_SENDER, Results, VoteBook
from tests.consensus.values import FOUR, MEMBERS, ballot, block, vote

ONE, OTHER = block("one"), block("other")


def test_distinct_members_for_the_same_ballot() -> None:
    book = VoteBook()
    for sender in (3, 0):
        book.add(vote(Kind.PREPARE, ONE, sender), 0)
    book.add(vote(Kind.PREPARE, ONE, 0), 0)
    book.add(vote(Kind.PREPARE, OTHER, 1), 0)
    book.add(vote(Kind.COMMIT, ONE, 2), 0)
    book.add(vote(Kind.PREPARE, ONE, 2, view=1), 0)
    said = ballot(Kind.PREPARE, ONE)
    assert book.certificate(said, FOUR) is None
    book.add(vote(Kind.PREPARE, ONE, 2), 0)
    proof = book.certificate(said, FOUR)
    assert proof is not None
    proof.check(Kind.PREPARE, FOUR)
    assert proof.signers() == (0, 2, 3)


def test_the_first_vote_in_a_slot_stays() -> None:
    book = VoteBook()
    first = vote(Kind.COMMIT, ONE, 1)
    book.add(first, 0)
    assert book.add(vote(Kind.COMMIT, OTHER, 1), 0) == first
    assert book.add(first, 0) is None
    assert book.by(1, Kind.COMMIT, 1) == (first,)


def test_d7_no_decision_from_several_views() -> None:
    book = VoteBook()
    for sender in range(4):
        book.add(vote(Kind.COMMIT, ONE, sender, view=sender % 2), 0)
    assert book.decision(1, FOUR) is None
    book.add(vote(Kind.COMMIT, ONE, 1, view=0), 0)
    decision = book.decision(1, FOUR)
    assert decision is not None
    assert (decision.view, decision.signers()) == (0, (0, 1, 2))


def test_i20_a_flood_grows_nothing_and_spares_the_current_view() -> None:
    book = VoteBook()
    current = vote(Kind.COMMIT, ONE, 0, view=5)
    book.add(current, 5)
    for view in range(6, 500):
        book.add(vote(Kind.COMMIT, ONE, 0, view=view), 5)
    assert book.size() == VIEWS_PER_SENDER
    kept = [said.statement.view for said in book.by(0, Kind.COMMIT, 1)]
    assert kept == [5, *range(501 - VIEWS_PER_SENDER, 500)], "the current view and the newest"
    assert current in book.by(0, Kind.COMMIT, 1)
    book.prune(1)
    assert book.size() == 0


def test_who_voted_in_a_view_whatever_for() -> None:
    book = VoteBook()
    for sender, of, view in ((2, ONE, 1), (0, OTHER, 1), (1, ONE, 0)):
        book.add(vote(Kind.PREPARE, of, sender, view), 0)
    assert book.senders(Kind.PREPARE, 1, 1) == (0, 2)
    assert book.senders(Kind.PREPARE, 0, 1) == (1,)
    assert book.senders(Kind.COMMIT, 1, 1) == book.senders(Kind.PREPARE, 1, 2) == ()


votes = st.tuples(
    st.sampled_from([Kind.PREPARE, Kind.COMMIT]), st.sampled_from([ONE, OTHER]),
    st.integers(0, 3), st.integers(0, 2),
)  # fmt: skip


@given(st.lists(votes, max_size=40))
def test_certificates_against_a_plain_count(history: list[tuple[Kind, object, int, int]]) -> None:
    book = VoteBook()
    first: dict[tuple[Kind, int, int], Ballot] = {}
    for kind, of, sender, view in history:
        message = vote(kind, of, sender, view)  # type: ignore[arg-type]
        book.add(message, 0)
        first.setdefault((kind, sender, view), message.statement)
    counted: dict[Ballot, set[int]] = {}
    for (_, sender, _), said in first.items():
        counted.setdefault(said, set()).add(sender)
    for kind in (Kind.PREPARE, Kind.COMMIT):
        for of in (ONE, OTHER):
            for view in range(3):
                said = ballot(kind, of, view)
                members = tuple(sorted(counted.get(said, ())))
                proof = book.certificate(said, FOUR)
                assert (proof.signers() if proof else None) == (
                    members if len(members) > 2 else None
                )
    decided = [b for b, who in counted.items() if b.kind is Kind.COMMIT and len(who) > 2]
    found = book.decision(1, FOUR)
    assert (found is None) == (not decided)
    assert found is None or found.ballot() in decided


def test_results_are_remembered_and_bounded() -> None:
    results = Results()
    assert results.ask(ONE, ())
    assert not results.ask(ONE, ())
    assert results.ask(ONE, MEMBERS[:1]), "a new holder is worth asking again"
    assert not results.ask(ONE, MEMBERS[:1])
    assert results.ask(ONE, (), certified=True), "a diff will do from here on"
    assert not results.ask(ONE, (), certified=True)
    assert not results.ask(ONE, MEMBERS[:1]), "what is certified stays so"
    for number in range(100):
        results.ask(block(f"n{number}"), ())
        results.remember(Executed(BlockId(b"%d" % number), Verdict.VALID))
    assert len(results.asked) == len(results.known) == Results.LIMIT
    oldest = next(iter(results.known))
    results.remember(Executed(oldest, Verdict.INVALID))
    results.remember(Executed(ONE.id, Verdict.VALID))
    assert results.known[oldest].verdict is Verdict.INVALID, "the newest word, and the last to go"
    results.clear()
    assert not results.asked
    assert not results.known
