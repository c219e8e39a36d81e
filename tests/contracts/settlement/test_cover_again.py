"""A settlement with commercial products is decided again: they are asked again, no others."""

from __future__ import annotations

import pytest

from contracts.settlement import cover_counters
from contracts.settlement.funds_book import balance
from contracts.settlement.refunds import reprice
from tests.contracts.settlement.cover_world import (
    ALL_THAT_IS_OPEN,
    CLAIM,
    INSURER,
    LATER_PRODUCT,
    PRODUCT,
    CoverWorld,
)
from tests.contracts.settlement.funds_world import balances, trial_balance
from tests.contracts.settlement.refund_world import back, refund, resettle
from tests.contracts.world import ALICE, BANK

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


def test_an_insurer_that_has_left_since_still_pays_its_part_of_the_same_bill(
    world: CoverWorld,
) -> None:
    """What it owes for the bill stands and is collected; the patient is not asked for it."""
    world.insure()
    settle_and_file(world)
    world.world.leave(INSURER)
    again = resettle(world.counter)
    assert world.payment(AGAIN).amount_fen == 28_400
    assert balance(world.world.state, f"commercial:{INSURER}", "commercial") == -28_400
    assert again.answer["owed_fen"] == 0
    later = world.settle("H44010000123-m-7")
    assert later.explanation is not None
    assert later.explanation["cover"][0]["reason"] == "cover.insurer-left"


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


COUNTS_NOTHING = """
def settle(case):
    share = "65%" if case["filing"]["type"] == "none" else "85%"
    return {"payments": [payment("310100", part(case["sums"]["in_scope_fen"], share, "basic"))]}
"""
"""A home policy without counters: what later bills were decided on is the product's affair."""


@pytest.fixture
def plain(world: CoverWorld) -> CoverWorld:
    world.counter.deploy("310", COUNTS_NOTHING)
    world.world.next_block()
    return world.insure()


def listed(world: CoverWorld, year: int = 2025) -> list[tuple[str, str]]:
    place = (ALICE, "430100", "310", year)
    return [(claim, cause) for claim, cause, _ in reprice.listed(world.world.state, place)]


def bills(world: CoverWorld, *amounts_fen: int) -> list[str]:
    """Bills of one day each, settled one after the other."""
    names = []
    for number, amount in enumerate(amounts_fen, start=1):
        names.append(f"H44010000123-b-{number}")
        world.settle(names[-1], in_scope_fen=amount)
        world.world.next_block()
    return names


@pytest.mark.parametrize("how", ["reverse", "resettle", "refund"])
def test_later_bills_of_the_products_year_are_listed_and_none_is_changed(
    plain: CoverWorld, how: str
) -> None:
    """The home policy counts nothing here but the product does: its deductible was used up."""
    world = plain
    first, second, third = bills(world, 40_000, 60_000, 80_000)
    paid = [world.payment(name).amount_fen if world.has_payment(name) else 0
            for name in (first, second, third)]  # fmt: skip
    assert paid[2]
    if how == "reverse":
        world.counter.reverse(first)
    elif how == "refund":
        refund(world.counter, [back(1, 40_000)], first)
    else:
        world.counter.file("430100f9")
        resettle(world.counter, first)
    # A plain reversal lists what came after it in the year anyway.
    cause = "reversal" if how == "reverse" else "product"
    assert listed(world) == [(second, cause), (third, cause)]
    for name, amount in zip((second, third), paid[1:], strict=True):
        assert (world.payment(name).amount_fen if world.has_payment(name) else 0) == amount


def test_a_bill_is_decided_again_on_the_products_counters_as_they_were(plain: CoverWorld) -> None:
    """The first of three: what came after it does not use up its deductible."""
    world = plain
    first, second, third = bills(world, 200_000, 60_000, 80_000)
    before = cover_counters.load(world.world.state, PRODUCT, ALICE, 2025)
    assert [claim for _, claim, _ in before.log] == [first, second, third]
    world.counter.file("430100f9")
    again = resettle(world.counter, first)
    assert again.explanation is not None
    assert again.explanation["cover"][0]["counters"][0][:3] == [2025, "in_fen", 0]
    after = cover_counters.load(world.world.state, PRODUCT, ALICE, 2025)
    assert [claim for _, claim, _ in after.log] == [f"{first}-n", second, third]
    total = sum(added["in_fen"] for _, _, added in after.log)
    assert after.values["in_fen"] == total
    told = resettle(world.counter, second).explanation
    assert told is not None
    assert told["cover"][0]["counters"][0][2] == after.log[0][2]["in_fen"]
    assert listed(world) == [(third, "product")]


SAVED_AND_USED = """
def settle(case):
    saved = counter(case, "saved_fen")
    used = min(saved, case["open"]["in_scope_fen"])
    if saved > 0:
        return {"payments": [payment("commercial", used, "saved", "in_scope")],
                "counters": {"saved_fen": -used}}
    return {"payments": [], "counters": {"saved_fen": 10000}}
"""
"""A product that saves 100.00 for the next bill: a counter that falls."""


@pytest.mark.parametrize("next_fen", [60_000, 3_000])
def test_what_a_later_bill_used_up_was_not_there_before_it_was_saved(
    plain: CoverWorld, next_fen: int
) -> None:
    world = plain
    world.deploy(SAVED_AND_USED)
    first, second = bills(world, 40_000, next_fen)
    used = world.payment(second).amount_fen
    world.deploy(f"{SAVED_AND_USED}# the same, put right elsewhere\n")
    world.counter.file("430100f9")
    again = resettle(world.counter, first)
    assert again.explanation is not None
    assert again.explanation["cover"][0]["counters"] == [[2025, "saved_fen", 0, 10_000]]
    assert not world.has_payment(f"{first}-n")
    found = cover_counters.load(world.world.state, PRODUCT, ALICE, 2025)
    assert found.values == {"saved_fen": 10_000 - used}
    # What is taken back in any order leaves nothing, and a rule is never told less than nothing.
    world.counter.reverse(f"{first}-n")
    found = cover_counters.load(world.world.state, PRODUCT, ALICE, 2025)
    assert (found.values, found.now()) == ({"saved_fen": -used}, {"saved_fen": 0})
    world.counter.reverse(second)
    assert cover_counters.load(world.world.state, PRODUCT, ALICE, 2025).values == {"saved_fen": 0}


def test_only_what_the_product_says_may_have_changed(world: CoverWorld) -> None:
    """A product that pays later is no payer of the bill: still the bill is not the same."""
    world.insure(pays="later")
    (only,) = bills(world, 200_000)
    resettle(world.counter, only, refused="resettle.unchanged")
    world.deploy('def settle(case):\n    return {"payments": []}\n', pays="later")
    done = resettle(world.counter, only)
    assert all(row["before_fen"] == row["after_fen"] for row in done.answer["differences"])
    assert world.payment(only).stage == "cancelled"
    assert not world.has_payment(f"{only}-n")
