"""The judge is judged: each rule that needs many things to go wrong at once in a run is broken by
hand, and told by its number. Rules that one planted bug breaks are in ``killers.json``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from consensus import BlockId, MemberId, Statement
from consensus.messages import Ballot, Change, Kind, NewViewStatement
from node.ledger.types import Digest, Epoch, Height, TimeMs
from tests.simulation.judge import Shown
from tests.simulation.keys import signatures
from tests.simulation.memo import remembered
from tests.simulation.options import Options
from tests.simulation.run import Run
from tests.simulation.verdict import Violation

A, B = BlockId(b"a" * 32), BlockId(b"b" * 32)
NODE: Any = SimpleNamespace(machine=SimpleNamespace(number=1))


@pytest.fixture
def run() -> Iterator[Run]:
    with signatures("fake"), remembered():
        yield Run(Options(1))


def breaks(rule: str) -> Any:
    return pytest.raises(Violation, match=rf"^{rule} ")


# --- Votes ------------------------------------------------------------------------------------


def sign(run: Run, statements: Sequence[Statement], seat: int = 0, *, correct: bool = True) -> None:
    for statement in statements:
        run.judge.votes.on_signed(seat_of(run, seat), statement, correct)


def seat_of(run: Run, number: int) -> MemberId:
    return MemberId(bytes(run.founded.genesis.validators.validators[number].key))


def ballot(kind: Kind, view: int, block: BlockId, height: int = 9) -> Ballot:
    return Ballot(kind, 0, view, height, block)


def left(view: int) -> Change:
    return Change(0, view, 8, BlockId(b"h" * 32), None)


@pytest.mark.parametrize("kind", [Kind.PROPOSE, Kind.PREPARE, Kind.COMMIT])
def test_i10_two_statements_for_one_slot(run: Run, kind: Kind) -> None:
    sign(run, [ballot(kind, 0, A), ballot(kind, 0, A), ballot(kind, 1, B), ballot(kind, 0, B, 10)])
    sign(run, [ballot(kind, 0, B)], seat=1)
    sign(run, [ballot(kind, 0, B)], correct=False)
    with breaks("I10"):
        sign(run, [ballot(kind, 0, B)])


def test_i10_two_view_changes_for_one_view(run: Run) -> None:
    sign(run, [left(1), left(1), left(2)])
    with breaks("I10"):
        sign(run, [replace(left(2), base_height=7)])


@pytest.mark.parametrize("kind", [Kind.PREPARE, Kind.COMMIT])
def test_i11_a_vote_in_a_view_that_was_left(run: Run, kind: Kind) -> None:
    sign(run, [left(2), ballot(kind, 2, A)])
    sign(run, [ballot(kind, 1, A)], seat=1)
    with breaks("I11"):
        sign(run, [ballot(kind, 1, A)])


def test_i17_two_blocks_prepared_in_one_view(run: Run) -> None:
    for seat in range(3):
        sign(run, [ballot(Kind.PREPARE, 0, A)], seat)
    for seat, correct in ((1, False), (2, False)):
        sign(run, [ballot(Kind.PREPARE, 0, B)], seat, correct=correct)
    with breaks("I17"):
        sign(run, [ballot(Kind.PREPARE, 0, B)], 3)


def decide(run: Run) -> None:
    """A quorum has signed COMMIT for A in view 0."""
    for seat in range(3):
        sign(run, [ballot(Kind.COMMIT, 0, A)], seat)


def test_i18_a_later_vote_for_something_else(run: Run) -> None:
    decide(run)
    sign(run, [ballot(Kind.PREPARE, 1, A)], 3)
    with breaks("I18"):
        sign(run, [ballot(Kind.PREPARE, 1, B)], 2)


def test_i18_a_decision_that_completes_after_the_other_vote(run: Run) -> None:
    sign(run, [ballot(Kind.PREPARE, 1, B)], 3)
    with breaks("I18"):
        decide(run)


def test_i18_a_new_view_without_what_may_be_decided(run: Run) -> None:
    decide(run)
    begin, said = run.judge.votes.on_new_view, NewViewStatement(0, 1, ())
    begin(said, 8, (9, A))
    begin(said, 9, None)  # it stands on it
    begin(replace(said, epoch=1), 8, None)
    for tip in (None, (9, B), (10, A)):
        with breaks("I18"):
            begin(said, 8, tip)


def test_i13_views_and_heights_go_forward_within_a_life(run: Run) -> None:
    def at(epoch: int, view: int, height: int) -> Any:
        state = SimpleNamespace(
            validators=SimpleNamespace(epoch=epoch), view=view, head=SimpleNamespace(height=height)
        )
        return SimpleNamespace(
            number=1, node=SimpleNamespace(_replica=SimpleNamespace(state=state))
        )

    check = run.judge.votes.check_monotone
    for place in ((0, 0, 3), (0, 2, 3), (0, 2, 4), (1, 0, 5)):
        check(at(*place))
    for back in ((0, 9, 9), (1, 0, 4)):
        with breaks("I13"):
            check(at(*back))
    check(at(1, 3, 5))
    with breaks("I13"):
        check(at(1, 2, 6))
    run.judge.votes.forget_life(1)
    check(at(0, 0, 3))


# --- Blocks -----------------------------------------------------------------------------------


def next_block(run: Run) -> Shown:
    """What a node would show of a good block above the newest."""
    before = run.judge.head
    header = replace(
        before, height=Height(before.height + 1), parent=before.hash,
        time_ms=TimeMs(before.time_ms + 1),
    )  # fmt: skip
    return Shown(header, header.hash, [run.work.make().transaction], [], None)


def show(run: Run, block: Shown) -> None:
    run.judge.observers.clear()
    run.judge._check_block(NODE, block)


def changed(block: Shown, **fields: Any) -> Shown:
    header = replace(block.header, **fields)
    return replace(block, header=header, block_hash=header.hash)


@pytest.fixture
def good(run: Run) -> Shown:
    return next_block(run)


def test_a_good_block_breaks_nothing(run: Run, good: Shown) -> None:
    show(run, good)
    show(run, good)
    assert run.judge.height == good.header.height


def test_i1_two_blocks_at_one_height(run: Run, good: Shown) -> None:
    show(run, good)
    with breaks("I1"):
        show(run, changed(good, state_root=Digest(bytes(32))))


def test_i2_a_block_on_another_parent_or_none(run: Run, good: Shown) -> None:
    for wrong in ({"parent": Digest(bytes(32))}, {"height": Height(good.header.height + 1)}):
        with breaks("I2"):
            show(run, changed(good, **wrong))


def test_i4_what_nobody_sent_and_what_is_over(run: Run, good: Shown) -> None:
    [one] = good.transactions
    with breaks("I4"):
        show(run, changed(good, time_ms=TimeMs(one.body.valid_until_ms + 1)))
    run.judge.chain.pop(good.header.height)
    other = Run(Options(2)).work.make().transaction
    with breaks("I4"):
        show(run, replace(good, transactions=[other]))


def test_i5_what_was_ordered_before(run: Run, good: Shown) -> None:
    show(run, good)
    with breaks("I5"):
        show(run, replace(next_block(run), transactions=good.transactions))


def test_i9_time_proposer_and_emptiness(run: Run, good: Shown) -> None:
    for wrong in ({"time_ms": run.judge.head.time_ms}, {"proposer": "bureau:000000"}):
        with breaks("I9"):
            show(run, changed(good, **wrong))
        run.judge.chain.pop(good.header.height)
    with breaks("I9"):
        show(run, replace(good, transactions=[]))


def test_i15_an_epoch_that_goes_on_or_begins_by_itself(run: Run, good: Shown) -> None:
    with breaks("I15"):
        show(run, changed(good, epoch=Epoch(good.header.epoch + 1)))
    run.judge.chain.pop(good.header.height)
    last = changed(good, next_validators_hash=Digest(bytes(32)))
    show(run, replace(last, next_validators=run.founded.genesis.validators))
    with breaks("I15"):
        show(run, changed(next_block(run), epoch=Epoch(good.header.epoch)))


def test_i27_what_a_client_was_told_will_never_come(run: Run, good: Shown) -> None:
    run.judge.refused_for_good[good.transactions[0].id] = "transaction.expired"
    with breaks("I27"):
        show(run, good)
