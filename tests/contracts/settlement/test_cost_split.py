"""The cost split: nothing made or lost in any line, and the truth table of restricted items."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.settlement import cost_split, money
from contracts.settlement.cost_split import (
    CONFIRMED,
    DECLINED,
    NOT_CONFIRMED,
    Coverage,
    LineSplit,
    split_line,
)

percents = st.integers(0, 10_000).map(lambda n: f"{n // 100}.{n % 100:02d}%")
coverages = st.none() | st.builds(
    Coverage,
    st.sampled_from(["01", "02", "03"]),
    percents,
    st.booleans(),
    st.none() | st.dictionaries(st.integers(0, 3), st.integers(0, 10**11), max_size=4),
)


def split(amount: int, coverage: Coverage | None, **given: Any) -> LineSplit:
    arguments: dict[str, Any] = {
        "code": "X", "service_date": "2024-05-01", "amount_fen": amount, "quantity_e4": 10_000,
        "confirmed": NOT_CONFIRMED, "coverage": coverage, "level": 3,
    }  # fmt: skip
    return split_line(**(arguments | given))


@given(
    st.integers(0, 10**11), coverages, st.integers(0, 2), st.integers(0, 3),
    st.integers(1, 10**7), st.none() | percents,
)  # fmt: skip
def test_the_four_parts_make_the_line(
    amount: int, coverage: Coverage | None, confirmed: int, level: int, quantity: int,
    first_pay: str | None,
) -> None:  # fmt: skip
    line = split(
        amount, coverage, confirmed=confirmed, level=level, quantity_e4=quantity,
        first_pay=first_pay,
    )  # fmt: skip
    parts = (line.own_expense_fen, line.over_ceiling_fen, line.first_pay_fen, line.in_scope_fen)
    assert min(parts) >= 0
    assert sum(parts) == line.amount_fen == amount
    assert bool(line.reason) == bool(line.own_expense_fen or line.over_ceiling_fen) or amount == 0


@given(st.lists(st.tuples(st.integers(0, 10**9), coverages), max_size=20))
def test_the_bill_is_the_sum_of_its_lines(bill: list[tuple[int, Coverage | None]]) -> None:
    lines = [split(amount, coverage) for amount, coverage in bill]
    sums = cost_split.add_up(lines)
    assert sums["total_fen"] == sum(amount for amount, _ in bill)
    assert sums["total_fen"] == sum(v for k, v in sums.items() if k != "total_fen")


@pytest.mark.parametrize(
    ("restricted", "flag", "counts"),
    [
        (True, NOT_CONFIRMED, False),
        (True, CONFIRMED, True),
        (True, DECLINED, False),
        (False, NOT_CONFIRMED, True),
        (False, CONFIRMED, True),
        (False, DECLINED, False),
    ],
)
def test_truth_table_of_restricted_items(restricted: bool, flag: int, counts: bool) -> None:
    line = split(1000, Coverage("01", restricted=restricted), confirmed=flag)
    assert (line.in_scope_fen, line.own_expense_fen) == ((1000, 0) if counts else (0, 1000))


@pytest.mark.parametrize(
    ("coverage", "flag", "reason"),
    [
        (None, NOT_CONFIRMED, "line.not-in-catalogue"),
        (Coverage("03"), NOT_CONFIRMED, "line.class-c"),
        (Coverage("01", restricted=True), NOT_CONFIRMED, "line.restriction-not-confirmed"),
        (Coverage("01"), DECLINED, "line.declined-by-practitioner"),
        (Coverage("01", ceilings_e6={3: 4_000_000}), NOT_CONFIRMED, "line.above-ceiling"),
        (Coverage("01"), NOT_CONFIRMED, ""),
    ],
)
def test_every_reason(coverage: Coverage | None, flag: int, reason: str) -> None:
    assert split(1000, coverage, confirmed=flag).reason == reason


def test_first_pay_comes_after_the_ceiling_and_is_rounded_by_line() -> None:
    """12.345 yuan x 3 = 37.04; ceiling 10.005 x 3 = 30.02 (30.015); 10 % of 30.02 = 3.00."""
    amount = money.line_amount(12_345_000, 30_000)
    line = split(
        amount, Coverage("02", "10%", ceilings_e6={3: 10_005_000}), quantity_e4=30_000
    )  # fmt: skip
    assert (line.amount_fen, line.over_ceiling_fen) == (3704, 702)
    assert (line.first_pay_fen, line.in_scope_fen) == (300, 2702)


@pytest.mark.parametrize(("level", "over"), [(3, 0), (2, 200), (1, 500), (0, 500)])
def test_the_ceiling_depends_on_the_level_and_level_0_stands_for_the_rest(
    level: int, over: int
) -> None:
    coverage = Coverage("01", ceilings_e6={0: 5_000_000, 2: 8_000_000, 3: 12_000_000})
    assert split(1000, coverage, level=level).over_ceiling_fen == over


def test_class_a_has_no_first_pay_whatever_the_catalogue_row_says() -> None:
    assert split(1000, Coverage("01", "10%")).first_pay_fen == 0


@pytest.mark.parametrize(("item_class", "first"), [("01", 250), ("02", 250), ("03", 0)])
def test_the_insured_place_may_set_its_own_first_pay_ratio(item_class: str, first: int) -> None:
    assert split(1000, Coverage(item_class, "10%"), first_pay="25%").first_pay_fen == first


@given(st.integers(0, 10**10), percents)
def test_first_pay_is_the_rounded_share(amount: int, ratio: str) -> None:
    line = split(amount, Coverage("02", ratio))
    exact = amount * Fraction(*money.parse_ratio(ratio))
    assert Fraction(-1, 2) < line.first_pay_fen - exact <= Fraction(1, 2)
