"""Evidence E1 to E6: what convicts, what does not, and that nobody correct is convicted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from consensus.errors import PeerError
from consensus.evidence import Evidence, compare
from consensus.messages import Kind, Proposal
from consensus.state import EVIDENCE_PER_MEMBER
from tests.consensus.bench import Bench
from tests.consensus.values import (
    FOUR,
    GENESIS,
    ballot,
    block,
    certificate,
    change,
    new_view,
    vote,
)

ONE, OTHER = block("one"), block("other")
NEXT = block("next", ONE)
LATER = replace(OTHER, epoch=1)


def proposal(of: object, view: int = 0, sender: int = 0) -> Proposal:
    return Proposal(sender, ballot(Kind.PROPOSE, of, view), of, b"s")  # type: ignore[arg-type]


def three(view: int) -> tuple:  # type: ignore[type-arg]
    return tuple(change(sender, view) for sender in range(3))


GUILTY = {
    "E1": (proposal(ONE), proposal(OTHER)),
    "E2": (vote(Kind.PREPARE, ONE, 2), vote(Kind.PREPARE, OTHER, 2)),
    "E3": (vote(Kind.COMMIT, ONE, 2, 4), vote(Kind.COMMIT, OTHER, 2, 4)),
    "E4": (change(3, 1), change(3, 1, prepared=ONE)),
    "E4 ": (new_view(1, three(1)), new_view(1, (*three(1)[:2], change(3, 1)))),
    "E5": (vote(Kind.COMMIT, ONE, 3, 1), change(3, 2)),
    "E5 ": (vote(Kind.COMMIT, ONE, 3, 1), change(3, 4, prepared=OTHER, prepared_view=0)),
    "E6": (certificate(Kind.COMMIT, ONE), certificate(Kind.COMMIT, OTHER, 0, (1, 2, 3))),
}

INNOCENT = {
    "another view": (vote(Kind.COMMIT, ONE, 2), vote(Kind.COMMIT, OTHER, 2, 1)),
    "another height": (vote(Kind.PREPARE, ONE, 2), vote(Kind.PREPARE, NEXT, 2)),
    "another kind": (vote(Kind.PREPARE, ONE, 2), vote(Kind.COMMIT, OTHER, 2)),
    "another member": (vote(Kind.PREPARE, ONE, 2), vote(Kind.PREPARE, OTHER, 1)),
    "the same twice": (vote(Kind.PREPARE, ONE, 2), vote(Kind.PREPARE, ONE, 2)),
    "reports what it committed": (vote(Kind.COMMIT, ONE, 3, 1), change(3, 2, GENESIS, ONE, 1)),
    "reports a later one": (vote(Kind.COMMIT, ONE, 3, 1), change(3, 4, GENESIS, OTHER, 2)),
    "is above it": (vote(Kind.COMMIT, ONE, 3, 1), change(3, 2, ONE)),
    "committed later": (vote(Kind.COMMIT, ONE, 3, 2), change(3, 2)),
    "voted PREPARE only": (vote(Kind.PREPARE, ONE, 3, 1), change(3, 2)),
    "changes of two views": (change(3, 1), change(3, 2, prepared=ONE)),
    "the same block twice": (certificate(Kind.COMMIT, ONE), certificate(Kind.COMMIT, ONE, 1)),
    "PREPAREs decide nothing": (certificate(Kind.PREPARE, ONE), certificate(Kind.COMMIT, OTHER)),
    "a certificate and a vote": (certificate(Kind.COMMIT, ONE), vote(Kind.COMMIT, OTHER, 0)),
    "different messages": (change(3, 1), vote(Kind.COMMIT, ONE, 3)),
    "another epoch": (vote(Kind.PREPARE, ONE, 2), vote(Kind.PREPARE, LATER, 2)),
    "a primary changes and begins a view": (change(1, 1), new_view(1, three(1))),
    "a COMMIT and a NEW-VIEW": (vote(Kind.COMMIT, ONE, 1), new_view(1, three(1))),
    "a vote and a certificate": (vote(Kind.COMMIT, OTHER, 0), certificate(Kind.COMMIT, ONE)),
    "nor do they beside COMMITs": (certificate(Kind.COMMIT, ONE), certificate(Kind.PREPARE, OTHER)),
    "two heights are decided": (certificate(Kind.COMMIT, ONE), certificate(Kind.COMMIT, NEXT)),
    "two epochs decide": (certificate(Kind.COMMIT, ONE), certificate(Kind.COMMIT, LATER)),
}


@pytest.mark.parametrize("kind", GUILTY)
def test_guilty(kind: str) -> None:
    first, second = GUILTY[kind]
    found = compare(first, second)
    assert found is not None
    assert found.kind == kind.strip()
    found.check(FOUR)
    assert found.culprits == ((1, 2) if kind == "E6" else (first.sender,))


@pytest.mark.parametrize("story", INNOCENT)
def test_innocent(story: str) -> None:
    first, second = INNOCENT[story]
    assert compare(first, second) is None
    with pytest.raises(PeerError):
        Evidence("E2", 0, (2,), first, second).check(FOUR)


def test_certificates_of_two_views_name_nobody() -> None:
    """A correct member may be in both: it voted for ONE in view 0, and in view 3 for OTHER, which
    view changes that hid ONE's prepared certificate made the only block to vote for."""
    found = compare(certificate(Kind.COMMIT, ONE), certificate(Kind.COMMIT, OTHER, 3, (1, 2, 3)))
    assert found is not None
    assert (found.kind, found.culprits) == ("E6", ())
    found.check(FOUR)


def test_bare_evidence_proves_the_same() -> None:
    for first, second in GUILTY.values():
        found = compare(first, second)
        assert found is not None
        bare = found.bare()
        assert bare.slot() == found.slot()
        bare.check(FOUR)
        assert bare.bare() == bare


def test_of_another_epoch_or_about_a_stranger() -> None:
    found = compare(*GUILTY["E2"])
    assert found is not None
    with pytest.raises(PeerError):
        replace(found, culprits=(1,)).check(FOUR)
    with pytest.raises(PeerError):
        replace(found, epoch=1).check(FOUR)
    with pytest.raises(PeerError):
        found.check(replace(FOUR, epoch=1))
    for nobody in (FOUR.size, 9, -1):
        first, second = vote(Kind.PREPARE, ONE, nobody), vote(Kind.PREPARE, OTHER, nobody)
        stranger = compare(first, second)
        assert stranger is not None
        with pytest.raises(PeerError):
            stranger.check(FOUR)


def test_e6_needs_two_real_certificates() -> None:
    few = certificate(Kind.COMMIT, OTHER, signers=(1, 2))
    found = compare(certificate(Kind.COMMIT, ONE), few)
    assert found is not None
    with pytest.raises(PeerError):
        found.check(FOUR)


def test_one_report_for_a_slot() -> None:
    one = compare(*GUILTY["E2"])
    again = compare(GUILTY["E2"][0], vote(Kind.PREPARE, block("third"), 2))
    assert one is not None
    assert again is not None
    assert one.slot() == again.slot()


def test_who_has_many_proofs_against_itself_hides_nobody_else() -> None:
    bench = Bench(1)
    for view in range(4 * EVIDENCE_PER_MEMBER):
        one, other = (vote(Kind.COMMIT, of, 3, view) for of in (ONE, OTHER))
        bench.state.accuse(one, other)
    assert len(bench.state.accused) == EVIDENCE_PER_MEMBER
    bench.state.accuse(vote(Kind.COMMIT, ONE, 2), vote(Kind.COMMIT, OTHER, 2))
    assert {culprits for _, _, culprits, *_ in bench.state.accused} == {(3,), (2,)}
