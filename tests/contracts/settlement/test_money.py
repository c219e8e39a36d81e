"""Money: against exact fractions, which the product may not use."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.settlement import money
from contracts.settlement.money import MoneyError, Ratio

fen = st.integers(0, 10**13)
ratios = st.builds(money.ratio_of, st.integers(0, 10**6), st.integers(1, 10**6))


@given(fen, ratios)
def test_share_is_the_exact_product_rounded_half_up(amount: int, ratio: Ratio) -> None:
    exact = Fraction(amount) * Fraction(ratio.num, ratio.den)
    got = money.share(amount, ratio)
    assert Fraction(-1, 2) < got - exact <= Fraction(1, 2)


@given(st.lists(st.tuples(fen, ratios), max_size=9))
def test_a_sum_of_shares_is_rounded_once(parts: list[tuple[int, Ratio]]) -> None:
    exact = sum((Fraction(a) * Fraction(r.num, r.den) for a, r in parts), Fraction(0))
    assert Fraction(-1, 2) < money.sum_of_shares(parts) - exact <= Fraction(1, 2)


def test_rounding_each_part_would_be_another_amount() -> None:
    half = money.parse_ratio("50%")
    assert money.sum_of_shares([(1, half), (1, half)]) == 1
    assert money.share(1, half) + money.share(1, half) == 2


@given(st.integers(-(10**15), 10**15), st.integers(1, 10**10))
def test_a_negated_amount_rounds_to_its_mirror(num: int, den: int) -> None:
    assert money.divide_half_up(-num, den) == -money.divide_half_up(num, den)


@given(ratios)
def test_a_ratio_reads_back_from_its_text(ratio: Ratio) -> None:
    assert money.parse_ratio(str(ratio)) == ratio


@pytest.mark.parametrize(
    ("text", "num", "den"),
    [("82.5%", 33, 40), ("0.825", 33, 40), ("33/40", 33, 40), ("100%", 1, 1), ("0%", 0, 1),
     ("1", 1, 1), ("7.5%", 3, 40), ("150%", 3, 2)],
)  # fmt: skip
def test_ratio_texts(text: str, num: int, den: int) -> None:
    assert money.parse_ratio(text) == Ratio(num, den)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "%",
        "-5%",
        "5 %",
        "1/0",
        "1/",
        "8O%",
        "1e2%",
        "٥%",
        ".5",
        "5.%",
        "1,5%",
        "0.85%%",
        "80％",
    ],
)
def test_what_is_no_ratio_is_refused(text: str) -> None:
    with pytest.raises(MoneyError):
        money.parse_ratio(text)


@given(st.integers(0, 10**12), st.integers(0, 10**9))
def test_line_amount_is_price_times_quantity(price_e6: int, quantity_e4: int) -> None:
    yuan = Fraction(price_e6, 10**6) * Fraction(quantity_e4, 10**4)
    assert Fraction(-1, 2) < money.line_amount(price_e6, quantity_e4) - yuan * 100 <= Fraction(1, 2)


def test_line_amount_of_a_published_price() -> None:
    assert money.line_amount(12_345_000, 30_000) == 3704  # 12.345 yuan x 3 = 37.035


@given(st.integers(-(10**15), 10**15))
def test_yuan_reads_back(amount: int) -> None:
    assert money.parse_yuan(money.format_yuan(amount)) == amount


@pytest.mark.parametrize(
    ("amount", "text"), [(123450, "1,234.50"), (0, "0.00"), (-5, "-0.05"), (100, "1.00")]
)
def test_format_yuan(amount: int, text: str) -> None:
    assert money.format_yuan(amount) == text


@pytest.mark.parametrize("text", ["", "1.234", "1,23", "12,34.00", "1e5", "+1", "--1", "1.", "¥1"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(MoneyError):
        money.parse_yuan(text)


@pytest.mark.parametrize("den", [0, -1])
def test_dividing_by_nothing_is_refused(den: int) -> None:
    with pytest.raises(MoneyError):
        money.divide_half_up(1, den)


def test_the_published_cross_province_settlement_rounds_as_printed() -> None:
    assert money.share(29196, money.parse_ratio("85%")) == 24817
