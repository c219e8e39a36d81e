"""The demo's data: real cases, two places of care, bills that come to the published sums."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from cli import demo_cases
from cli.demo_cases import CHOSEN, DemoCase
from cli.demo_world import province_of

CASES = demo_cases.load_cases(len(CHOSEN))


def catalogue_of(care: str) -> dict[str, list[Any]]:
    ratios = {ratio for demo in CASES if demo.care == care for ratio in demo_cases.ratios_of(demo)}
    return {row[0]: row for row in demo_cases.catalogue_rows(ratios)}


def test_at_least_ten_published_cases_go_to_two_places_of_care() -> None:
    assert len({demo.id for demo in CASES}) == len(CASES) >= 10
    assert {demo.care for demo in CASES} == {demo_cases.SHANGHAI, demo_cases.GUANGZHOU}
    assert len({demo.area for demo in CASES}) >= 10
    assert {demo.inpatient for demo in CASES} == {True, False}
    assert {demo.scheme for demo in CASES} == {"310", "390"}


def test_every_place_is_named_and_one_that_the_source_does_not_name_is_made_up() -> None:
    for demo in CASES:
        assert province_of(demo.area) != province_of(demo.care), demo.id
        unnamed = demo_cases.PLACES[demo.area].endswith(("unnamed A", "unnamed B"))
        assert unnamed == demo.area.startswith("99"), demo.id


@pytest.mark.parametrize("demo", CASES, ids=lambda d: d.id)
def test_each_case_has_figures_to_be_met_and_a_policy(demo: DemoCase) -> None:
    assert demo.expected
    assert "def settle(case)" in demo.policy_source
    assert demo.title
    assert demo.person.startswith(f"p:{demo.area}:")


@pytest.mark.parametrize("demo", CASES, ids=lambda d: d.id)
def test_the_made_up_lines_split_into_exactly_the_published_sums(demo: DemoCase) -> None:
    """A dumb catalogue beside the ledger's: class 03 is own expense, 02 pays its ratio first."""
    catalogue = catalogue_of(demo.care)
    own = first_pay = total = 0
    for code, amount in demo_cases.charge_lines(demo):
        assert amount > 0
        item_class, ratio = catalogue[code][2], catalogue[code][3]
        total += amount
        if item_class == "03":
            own += amount
        elif item_class == "02":
            thousandths, rest = divmod(amount * round(float(ratio.rstrip("%")) * 100), 10_000)
            assert rest == 0, "a made-up line leaves nothing to round"
            first_pay += thousandths
    sums = demo.case["sums"]
    if demo.case["lines"]:
        assert total == sum(line["amount_fen"] for line in demo.case["lines"])
        return
    assert total == sums["total_fen"]
    assert own == sums["own_expense_fen"]
    assert first_pay == sums["first_pay_fen"]
    assert total - own - first_pay - sums["over_ceiling_fen"] == sums["in_scope_fen"]
    assert sums["over_ceiling_fen"] == 0, "the demo's catalogues have no ceilings"


def test_a_clone_without_the_cases_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_cases, "CASES_FOLDER", demo_cases.CASES_FOLDER / "elsewhere")
    with pytest.raises(demo_cases.DemoDataError, match="clone of the repository"):
        demo_cases.load_cases(1)


def test_ages_that_a_case_does_not_tell_are_of_its_category() -> None:
    for demo in CASES:
        told = demo.case["person"]["age_years"]
        assert demo.age_years == told if told is not None else 0 <= demo.age_years <= 70
        assert date(2026, 1, 1).year - demo.age_years > 1900
