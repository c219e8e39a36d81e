"""Validity of view changes and the choice that follows from them: B5, B9, B10, S10 to S13."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.errors import PeerError
from consensus.messages import (
    NUMBER_LIMIT,
    Block,
    ChangeProof,
    Kind,
    NewView,
    NewViewStatement,
    ViewChange,
)
from consensus.view_change import (
    ChangeBook,
    check_new_view,
    check_view_change,
    select,
)
from tests.consensus.values import (
    FOUR,
    GENESIS,
    ballot,
    block,
    certificate,
    change,
    new_view,
)

B1 = block("B1")
B2, X2 = block("B2", B1), block("X2", B1)


def test_honest_view_changes_stand() -> None:
    for message in (
        change(0, 1),
        change(1, 5, B1),
        change(2, 3, B1, B2, 1),
        change(3, 1, GENESIS, B1),
    ):
        check_view_change(message, FOUR, GENESIS)


def edited(message: ViewChange, **fields: object) -> ViewChange:
    return replace(message, statement=replace(message.statement, **fields))  # type: ignore[arg-type]


def proven(message: ViewChange, **fields: object) -> ViewChange:
    return replace(message, proof=replace(message.proof, **fields))  # type: ignore[arg-type]


def of_epoch(epoch: int, message: NewView) -> NewView:
    return replace(message, statement=replace(message.statement, epoch=epoch))


GOOD = change(2, 3, B1, B2, 1)
COMMIT_B1, PREPARE_B2 = certificate(Kind.COMMIT, B1), certificate(Kind.PREPARE, B2, 1)

LIES = {
    "another epoch": edited(GOOD, epoch=1),
    "another epoch of a change with nothing in it": edited(change(0, 1), epoch=1),
    "no member": replace(GOOD, sender=4),
    "view 0": edited(change(0, 1), view=0),
    "view too far": edited(GOOD, view=NUMBER_LIMIT),
    "base without certificate": proven(GOOD, base_certificate=None),
    "base below the epoch": edited(GOOD, base_height=-1),
    "another genesis": edited(change(0, 1), base_block=B1.id),
    "certificate for genesis": proven(change(0, 1), base_certificate=COMMIT_B1),
    "base certificate of another block": edited(change(1, 5, B1), base_block=X2.id),
    "base certificate of another height": edited(change(1, 5, B1), base_height=2),
    "base certificate of PREPAREs": proven(GOOD, base_certificate=certificate(Kind.PREPARE, B1)),
    "base certificate of few": proven(
        GOOD, base_certificate=certificate(Kind.COMMIT, B1, signers=(0, 1))
    ),
    "base certificate of one, three times": proven(
        GOOD, base_certificate=certificate(Kind.COMMIT, B1, signers=(1, 1, 1))
    ),
    "base certificate of a stranger": proven(
        GOOD, base_certificate=certificate(Kind.COMMIT, B1, signers=(0, 1, 4))
    ),
    "base certificate of another epoch": proven(
        GOOD, base_certificate=replace(COMMIT_B1, epoch=1)
    ),
    "prepared without proof": replace(GOOD, proof=ChangeProof(COMMIT_B1, None, None)),
    "prepared without block": proven(GOOD, prepared_block=None),
    "prepared without certificate": proven(GOOD, prepared_certificate=None),
    "proof of nothing": edited(GOOD, prepared=None),
    "a block of nothing": proven(change(0, 1), prepared_block=B1),
    "a certificate of nothing": proven(
        change(0, 1), prepared_certificate=certificate(Kind.PREPARE, B1)
    ),
    "prepared ballot of another height": proven(
        edited(GOOD, prepared=replace(ballot(Kind.PREPARE, B2, 1), height=3)),
        prepared_certificate=replace(PREPARE_B2, height=3),
    ),
    "prepared certificate of duplicates": proven(
        GOOD, prepared_certificate=certificate(Kind.PREPARE, B2, 1, (0, 0, 1, 2))
    ),
    "prepared certificate of COMMITs": proven(
        GOOD, prepared_certificate=certificate(Kind.COMMIT, B2, 1)
    ),
    "prepared certificate of another view": proven(
        GOOD, prepared_certificate=certificate(Kind.PREPARE, B2, 2)
    ),
    "prepared certificate of another block": proven(
        GOOD, prepared_certificate=certificate(Kind.PREPARE, X2, 1)
    ),
    "prepared in the view that begins": change(2, 3, B1, B2, 3),
    "prepared on another parent": proven(GOOD, prepared_block=replace(B2, parent=GENESIS.id)),
    "prepared two above": change(2, 3, GENESIS, B2, 1),
    "prepared below": change(2, 3, B1, B1, 1),
    "prepared block of another epoch": proven(GOOD, prepared_block=replace(B2, epoch=1)),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_b5_b9_s11_a_view_change_that_proves_nothing(lie: str) -> None:
    with pytest.raises(PeerError):
        check_view_change(LIES[lie], FOUR, GENESIS)


def test_no_base_lies_below_the_epochs_beginning() -> None:
    with pytest.raises(PeerError, match="below the epoch"):
        check_view_change(change(1, 5, B1), FOUR, B2)


def test_a_new_view_is_exactly_a_quorum() -> None:
    three = (change(0, 1), change(1, 1), change(2, 1))
    check_new_view(new_view(1, three), FOUR, GENESIS)


@pytest.mark.parametrize(
    "message",
    [
        new_view(1, (change(0, 1), change(1, 1))),
        new_view(1, tuple(change(i, 1) for i in range(4))),
        new_view(1, (change(0, 1), change(1, 1), change(1, 1))),
        new_view(1, (change(1, 1), change(0, 1), change(2, 1))),
        new_view(1, (change(0, 1), change(1, 1), change(2, 2))),
        new_view(1, (change(0, 1), change(1, 1), change(2, 1)), sender=2),
        new_view(1, (change(0, 1), change(1, 1), edited(GOOD, view=1))),
        replace(
            new_view(1, (change(0, 1), change(1, 1), change(2, 1))),
            view_changes=(change(0, 1), change(1, 1), change(3, 1)),
        ),
        replace(
            new_view(1, (change(0, 1), change(1, 1), change(2, 1))),
            statement=NewViewStatement(1, 1, ()),
        ),
        of_epoch(1, new_view(1, (change(0, 1), change(1, 1), change(2, 1)))),
    ],
    ids=range(10),
)
def test_s13_new_views_that_are_none(message: object) -> None:
    with pytest.raises(PeerError):
        check_new_view(message, FOUR, GENESIS)  # type: ignore[arg-type]


# --- select against its definition ------------------------------

CHAIN = [GENESIS]
for number in range(1, 4):
    CHAIN.append(block(f"B{number}", CHAIN[-1]))


@st.composite
def honest_changes(draw: st.DrawFn) -> tuple[ViewChange, ...]:
    """Changes that an honest history allows: one block for each (view, height)."""
    changes = []
    for sender in range(3):
        base = CHAIN[draw(st.integers(0, 3))]
        view = draw(st.integers(-1, 4))
        prepared = None if view < 0 else block(f"P{view}", base)
        changes.append(change(sender, 5, base, prepared, max(view, 0)))
    return tuple(changes)


@given(honest_changes(), st.randoms(use_true_random=False))
def test_select_is_the_highest_base_and_above_it_the_highest_view(
    changes: tuple[ViewChange, ...], dice: object
) -> None:
    heights = [one.statement.base_height for one in changes]
    above: list[tuple[int, Block]] = [
        (one.statement.prepared.view, one.proof.prepared_block)
        for one in changes
        if one.statement.prepared is not None
        and one.proof.prepared_block is not None
        and one.statement.prepared.height == max(heights) + 1
    ]
    expected = sorted(above, key=lambda pair: pair[0])[-1][1] if above else None
    selection = select(changes)
    assert selection.base_height == max(heights)
    assert selection.tip == expected
    shuffled = list(changes)
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    again = select(tuple(shuffled))
    assert (again.base_height, again.tip) == (selection.base_height, selection.tip)


# --- the book ------------------------------


def test_the_primary_chooses_its_own_and_the_lowest_others() -> None:
    book = ChangeBook()
    for sender in (3, 1, 0):
        book.add(change(sender, 1))
    assert book.choose(1, 2, FOUR) is None, "not without its own"
    book.add(change(2, 1))
    chosen = book.choose(1, 2, FOUR)
    assert chosen is not None
    assert [one.sender for one in chosen] == [0, 1, 2]
    assert book.named(new_view(1, chosen).statement) == chosen
    assert book.named(new_view(1, (change(0, 1), change(2, 1, B1))).statement) is None


def test_the_first_of_a_sender_and_view_stays() -> None:
    book = ChangeBook()
    first = change(0, 1)
    book.add(first)
    book.add(change(0, 1, B1))
    assert book.of(1) == {0: first}


def test_i20_a_flood_of_views_grows_two_entries() -> None:
    book = ChangeBook()
    for view in range(1, 1_000):
        book.add(change(0, view))
    assert book.size() == 2
    assert list(book.of(1)) == [0]
    assert list(book.of(999)) == [0]
    book.prune(999)
    assert list(book.of(999)) == [0]
    assert book.size() == 1
