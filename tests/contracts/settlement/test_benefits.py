"""``benefits``: against exact fractions, with the properties that a clerk relies on."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.functions import BUILTINS, HostFunction
from contracts.settlement import benefits, benefits_text, money
from contracts.settlement.benefits import FUNCTIONS, BenefitError, Recorder

fen = st.integers(0, 10**12)
percents = st.integers(0, 10_000).map(lambda n: f"{n // 100}.{n % 100:02d}%")


@st.composite
def tables(draw: st.DrawFn) -> list[tuple[int | None, str]]:
    uppers = sorted(draw(st.sets(st.integers(1, 10**9), max_size=6)))
    rows: list[tuple[int | None, str]] = [(u, draw(percents)) for u in uppers]
    if not rows or draw(st.booleans()):
        rows.append((None, draw(percents)))
    return rows


def exact(ratio: str) -> Fraction:
    return Fraction(*money.parse_ratio(ratio))


def fen_by_fen(amount: int, table: list[tuple[int | None, str]], start: int) -> Fraction:
    """The dumb model of ``bands``: an integral over the fen, by overlap of intervals."""
    total, lower = Fraction(0), 0
    for upper, ratio in table:
        top = amount if upper is None else min(upper, amount)
        width = max(0, top - max(lower, start))
        total += width * exact(ratio)
        lower = lower if upper is None else upper
    return total


@given(fen, tables(), st.integers(0, 10**10))
def test_bands_is_the_integral_rounded_once(
    amount: int, table: list[tuple[int | None, str]], start: int
) -> None:
    got = Recorder().bands(amount, table, start)
    assert Fraction(-1, 2) < got - fen_by_fen(amount, table, start) <= Fraction(1, 2)


@given(st.integers(0, 400), tables(), st.integers(0, 400))
def test_bands_on_small_amounts_counts_every_fen(
    amount: int, table: list[tuple[int | None, str]], start: int
) -> None:
    total = Fraction(0)
    for each in range(start, amount):
        for upper, ratio in table:
            if upper is None or each < upper:
                total += exact(ratio)
                break
    assert Fraction(-1, 2) < Recorder().bands(amount, table, start) - total <= Fraction(1, 2)


@given(fen, fen, tables(), st.integers(0, 10**8))
def test_bands_never_fall_when_the_amount_rises(
    a: int, b: int, table: list[tuple[int | None, str]], start: int
) -> None:
    low, high = sorted((a, b))
    record = Recorder()
    assert record.bands(low, table, start) <= record.bands(high, table, start)
    assert record.bands(high, table, start) <= max(0, high - start) + 1


@given(st.integers(0, 10**9), st.integers(0, 10**9), tables())
def test_a_bill_split_in_two_is_paid_alike_when_the_bands_go_on(
    first: int, second: int, table: list[tuple[int | None, str]]
) -> None:
    """Two settlements with the counter carried over differ from one by rounding only: one fen."""
    record = Recorder()
    whole = record.bands(first + second, table, 0)
    parts = record.bands(first, table, 0) + record.bands(first + second, table, first)
    assert abs(whole - parts) <= 1


@given(fen, fen)
def test_above_capped_and_remaining_agree(amount: int, limit: int) -> None:
    record = Recorder()
    assert record.above(amount, limit) + record.capped(amount, limit) == amount
    assert benefits.remaining(amount, limit) == record.above(amount, limit)


@given(fen, percents)
def test_part_and_its_complement_make_the_whole_within_a_fen(amount: int, ratio: str) -> None:
    record = Recorder()
    both = record.part(amount, ratio) + record.part(amount, benefits.complement(ratio))
    assert 0 <= both - amount <= 1


@given(percents, st.integers(-100, 100))
def test_points_moves_and_stays_within_the_whole(ratio: str, change: int) -> None:
    moved = exact(benefits.points(ratio, change))
    assert moved == min(max(exact(ratio) + Fraction(change, 100), Fraction(0)), Fraction(1))


@given(percents, percents)
def test_times_is_the_product(a: str, b: str) -> None:
    assert exact(benefits.times(a, b)) == exact(a) * exact(b)


def test_three_formulas_of_a_reduction_differ() -> None:
    """RULES.md section 2.5: 10,000 in scope, deductible 1,000, 80 %, reduced by 10."""
    record, in_scope, deductible = Recorder(), benefits.yuan(10_000), benefits.yuan(1_000)
    covered = record.above(in_scope, deductible)
    by_points = record.part(covered, benefits.points("80%", -10))
    first = record.part(in_scope, "10%")
    by_first_pay = record.part(record.above(in_scope - first, deductible), "80%")
    by_factor = record.part(covered, benefits.times("80%", "90%"))
    assert (by_points, by_first_pay, by_factor) == (630_000, 640_000, 648_000)


@pytest.mark.parametrize(
    ("function", "args", "wanted"),
    [
        (benefits.yuan, (900,), 90_000),
        (benefits.yuan, ("404.20",), 40_420),
        (benefits.yuan, ("1,234.5",), 123_450),
        (benefits.ratio, (83, 100), "83%"),
        (benefits.ratio, (1, 3), "1/3"),
        (benefits.points, ("85%", "-2.5"), "82.5%"),
        (benefits.points, ("95%", 10), "100%"),
        (lambda amount, limit: call("capped", amount, limit), (500, None), 500),
        (benefits.nth, ([400, 280, 200], 1), 400),
        (benefits.nth, ([400, 280, 200], 9), 200),
        (benefits.by_level, ({"institution": {"level": 0}}, 1, 2, 3), 1),
        (benefits.by_level, ({"institution": {"level": 3}}, 1, 2, 3), 3),
        (benefits.counter, ({"counters": {}}, "pool_paid_fen"), 0),
        (benefits.has_identity, ({"person": {"identity_types": ["a"]}}, "b", "a"), True),
        (benefits.has_identity, ({"person": {"identity_types": []}}, "b"), False),
    ],
)
def test_values(function: Any, args: tuple[Any, ...], wanted: Any) -> None:
    assert function(*args) == wanted


def call(name: str, *args: Any) -> Any:
    """The function as the language calls it."""
    found = next(f for f in benefits.FUNCTIONS if f.name == name)
    return found.call(Recorder(), *args) if found.uses_host else found.call(*args)


@pytest.mark.parametrize(
    ("name", "args", "words"),
    [
        ("part", (-1, "50%"), "negative"),
        ("part", (1, 50), "ratio as text"),
        ("part", (1, "50"), "is not a ratio"),
        ("part", (True, "50%"), "whole number"),
        ("part", ("1", "50%"), "whole number"),
        ("part", (10**16, "50%"), "larger"),
        ("bands", (1, []), "1 to 40"),
        ("bands", (1, [(None, "1%"), (5, "2%")]), "comes last"),
        ("bands", (1, [(5, "1%"), (5, "2%")]), "does not rise"),
        ("bands", (1, [(5,)]), "pairs"),
        ("bands", (1, [(5, "1%")], "critical"), "whole number"),
        ("above", (1, -1), "negative"),
        ("rounded", (1, 0), "unit is 0"),
        ("yuan", ("1.234",), "yuan"),
        ("yuan", (-1,), "negative"),
        ("ratio", (1, 0), "share"),
        ("ratio", (-1, 5), "share"),
        ("points", ("80%", 101), "percentage points"),
        ("points", ("80%", "10%"), "percentage points"),
        ("complement", ("120%",), "more than the whole"),
        ("nth", ([], 1), "not empty"),
        ("nth", ([1], 0), "counts from 1"),
        ("payment", ("310200", 1), "table of funds"),
        ("payment", ("310100", 1, "Basic Fund"), "step code"),
        ("payment", ("310100", 1, "basic", "all"), "base"),
        ("step", ("", 1), "code"),
        ("months_between", ("2024-02-30", "2024-03-01"), "calendar"),
        ("year_of", ("",), "YYYY-MM-DD"),
        ("by_level", (5, 1, 2, 3), "want the case"),
        ("by_level", ({"institution": {}}, 1, 2, 3), "no level"),
        ("counter", ({"counters": 5}, "x"), "want the case"),
        ("counter", ({"counters": {"x": "5"}}, "x"), "whole number"),
        ("counter", ({"counters": {}}, 5), "text"),
        ("has_identity", ({}, "x"), "want the case"),
        ("has_identity", ({"person": {}}, "x"), "no list"),
        ("has_identity", ({"person": {"identity_types": ["y"] * 21}}, "x"), "at most 20"),
    ],
)
def test_what_a_function_cannot_take_ends_the_run_with_words(
    name: str, args: tuple[Any, ...], words: str
) -> None:
    with pytest.raises(BenefitError, match=words):
        call(name, *args)


def test_steps_carry_code_amounts_parameter_and_result() -> None:
    record = Recorder()
    record.bands(1_500_000, [(500_000, "80%"), (None, "85%")], 80_000, "basic")
    record.part(2_959_580, "83%")
    assert record.steps == [
        {
            "code": "basic",
            "op": "bands",
            "amounts_fen": [1_500_000, 80_000],
            "parameter": [[80_000, 500_000, "80%"], [500_000, 1_500_000, "85%"]],
            "result_fen": 1_186_000,
        },
        {
            "code": "part",
            "op": "part",
            "amounts_fen": [2_959_580],
            "parameter": "83%",
            "result_fen": 2_456_451,
        },
    ]


def test_steps_are_bounded() -> None:
    record = Recorder()
    for _ in range(benefits.STEPS_MAX):
        record.step("again", 1)
    with pytest.raises(BenefitError, match="steps"):
        record.step("again", 1)


def test_every_operation_has_a_formula_in_words() -> None:
    record = Recorder()
    record.part(2_959_580, "83%")
    record.bands(1_500_000, [(500_000, "80%"), (None, "85%")], 80_000)
    record.bands(0, [(None, "85%")])
    record.above(5_000_000, 2_000_000)
    record.capped(500, 300)
    record.rounded(12_345, 10)
    record.step("critical_base", 700)
    assert [benefits_text.formula(s) for s in record.steps] == [
        "29,595.80 × 83% = 24,564.51",
        "(5,000.00 − 800.00) × 80% + (15,000.00 − 5,000.00) × 85% = 11,860.00",
        "0 = 0.00",
        "max(0, 50,000.00 − 20,000.00) = 30,000.00",
        "min(5.00, 3.00) = 3.00",
        "123.45 to units of 0.10 = 123.50",
        "7.00",
    ]


def test_step_words_fall_back_to_terms_then_to_the_code() -> None:
    assert benefits_text.step_words("critical")[1] == "大病保险"
    assert benefits_text.step_words("in_scope")[1] == "符合政策范围"
    assert benefits_text.step_words("city_bonus") == ("city bonus", "")


def test_names_are_unique_and_documented() -> None:
    functions = benefits.FUNCTIONS
    assert len({f.name for f in functions} | BUILTINS.keys()) == len(functions) + len(BUILTINS)
    assert all(f.signature.startswith(f.name) and f.meaning for f in functions)


def test_an_answer_that_was_kept_is_not_given_to_another_type() -> None:
    assert call("yuan", 1) == 100
    with pytest.raises(BenefitError):
        call("yuan", True)
    assert call("points", "80%", 1) == "81%"
    with pytest.raises(BenefitError):
        call("points", "80%", True)
    with pytest.raises(BenefitError):
        call("points", ["80%"], 1)


@pytest.mark.parametrize(
    ("area", "region", "outside"),
    [
        ("330100", "330106", False), ("330100", "330200", True), ("330100", "310100", True),
        ("110000", "110105", False), ("431000", "431100", True), ("", "310100", False),
        ("330100", "", False),
    ],
)  # fmt: skip
def test_outside_area_knows_whole_municipalities(area: str, region: str, outside: bool) -> None:
    case = {"person": {"area": area}, "institution": {"region": region}}
    assert benefits.outside_area(case) is outside


@pytest.mark.parametrize("case", [5, {}, {"person": {}}, {"person": {}, "institution": {}}])
def test_outside_area_wants_the_case(case: Any) -> None:
    with pytest.raises(BenefitError, match="outside_area"):
        benefits.outside_area(case)


class Unlooked(list[Any]):
    """A list of ten thousand, as a policy can make one, that tells when it is looked through."""

    def __init__(self) -> None:
        super().__init__(["y"] * 10_000)

    def __iter__(self) -> Any:
        raise AssertionError("looked through")

    def __contains__(self, item: object) -> bool:
        raise AssertionError("looked through")


@pytest.mark.parametrize("function", [f for f in FUNCTIONS if not f.price_item])
def test_no_function_looks_through_a_list_that_it_has_no_price_for(function: HostFunction) -> None:
    """A policy may hand in a case of its own making: what a call does has to end for its price."""
    long = Unlooked()
    person = {"identity_types": long, "area": long}
    case = {"person": person, "institution": {"level": long}, "counters": {"x": long}}
    for first in (long, case):
        for more in ("x", long, 1):
            for count in range(function.min_args, function.max_args + 1):
                arguments = [first, *[more] * (count - 1)]
                host = [Recorder()] if function.uses_host else []
                with suppress(BenefitError):
                    function.call(*host, *arguments)
