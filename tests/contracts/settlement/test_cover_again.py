"""A settlement with commercial products is decided again: they are asked again, no others."""

from __future__ import annotations

import pytest

from contracts.settlement.funds_book import balance
from tests.contracts.settlement.cover_world import (
    ALL_THAT_IS_OPEN,
    CLAIM,
    INSURER,
    LATER_PRODUCT,
    CoverWorld,
)
from tests.contracts.settlement.funds_world import balances, trial_balance
from tests.contracts.settlement.refund_world import resettle
from tests.contracts.world import BANK

AGAIN = f"{CLAIM}-n"

# Not filed: 65 % of 1,700.00, and the product 80 % of 895.00 - 200.00. Filed: 85 %, 80 % of 355.00.


@pytest.fixture
def world() -> CoverWorld:
    made = CoverWorld()
    state = made.world.state
    for key in [k for k in state.entries if k.startswith("filing") and "bob" not in k]:
        if key != "filing/430100f2":
            state.delete(key)
    return made


def settle_and_file(world: CoverWorld) -> None:
    first = world.settle()
    assert first.answer["funds_fen"] == 110_500
    world.world.next_block()
    world.counter.file("430100f9")


def test_a_late_filing_moves_what_the_product_pays(world: CoverWorld) -> None:
    world.insure()
    settle_and_file(world)
    assert balance(world.world.state, f"commercial:{INSURER}", "commercial") == -55_600
    again = resettle(world.counter)
    assert again.answer["funds_fen"] == 144_500
    assert balance(world.world.state, f"commercial:{INSURER}", "commercial") == -28_400
    assert world.payment().stage == "cancelled"
    assert (world.payment(AGAIN).stage, world.payment(AGAIN).amount_fen) == ("settled", 28_400)
    assert again.explanation is not None
    told = again.explanation["cover"][0]
    # The product's deductible of the year is as it was before the first one.
    assert told["counters"] == [[2025, "in_fen", 0, 55_500]]
    assert {
        "payer": "commercial", "name": INSURER, "before_fen": 55_600, "after_fen": 28_400,
    } in again.answer["differences"]  # fmt: skip
    assert not any(trial_balance(world.world.state).values())


def test_what_was_said_to_the_insurer_since_changes_nothing(world: CoverWorld) -> None:
    """The consent is gone and another product has one: the same bill stays with the first."""
    world.insure()
    settle_and_file(world)
    world.revoke()
    world.insure(ALL_THAT_IS_OPEN, LATER_PRODUCT)
    resettle(world.counter)
    assert world.payment(AGAIN).amount_fen == 28_400
    assert not world.has_payment(AGAIN, 2)


def test_a_bill_without_a_product_is_decided_again_without_one(world: CoverWorld) -> None:
    settle_and_file(world)
    world.insure(ALL_THAT_IS_OPEN)
    again = resettle(world.counter)
    assert again.answer["cash_fen"] == 55_500
    assert not world.has_payment(AGAIN)


def test_what_was_paid_later_is_owed_back_and_owed_anew(world: CoverWorld) -> None:
    world.insure(pays="later")
    settle_and_file(world)
    order = {"payment": f"{CLAIM}.1", "order": "o-1"}
    world.call("pay", INSURER, post="finance", bank=BANK, **order)
    world.call("confirm", BANK, reference="r-1", **order)
    resettle(world.counter)
    assert (world.payment().stage, world.payment().amount_fen) == ("repayable", 55_600)
    made = world.payment(AGAIN)
    assert (made.stage, made.amount_fen, made.account) == ("due", 28_400, world.payment().account)


def test_reversed_in_the_end_nothing_is_left(world: CoverWorld) -> None:
    world.insure()
    before = balances(world.world.state)
    settle_and_file(world)
    resettle(world.counter)
    world.counter.reverse(AGAIN)
    assert balances(world.world.state) == before
    assert world.payment(AGAIN).stage == "cancelled"
