"""Terms: every national name and code is one of the published interface."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from contracts.settlement import terms


@pytest.fixture(scope="module")
def interfaces(shared_data: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((shared_data / "his_interfaces.json").read_text("utf-8"))
    return found


def test_every_national_field_is_in_the_interface(interfaces: dict[str, Any]) -> None:
    fields = {
        f["code"]
        for transaction in interfaces["transactions"].values()
        for side in ("input", "output")
        for node in transaction[side]
        for f in node["fields"]
    }
    missing = [t.name for t in terms.TERMS.values() if t.national and t.national not in fields]
    assert not missing


@pytest.mark.parametrize(
    ("table", "name"),
    [
        (terms.SCHEMES, "insutype"),
        (terms.ITEM_CLASSES, "chrgitm_lv"),
        (terms.CARE_KINDS, "med_type"),
        (terms.CATEGORIES, "psn_type"),
        (terms.SEXES, "gend"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_codes_and_words_are_those_of_the_list(
    interfaces: dict[str, Any], table: dict[str, terms.Term], name: str
) -> None:
    values = interfaces["code_lists"][name]["values"]
    assert {t.national: t.chinese for t in table.values()}.items() <= values.items()


def test_identity_types_are_those_of_the_list(interfaces: dict[str, Any]) -> None:
    values = interfaces["code_lists"]["psn_idet_type"]["values"]
    short = {"23": "医疗救助人员", "21": "优抚人员"}
    for term in terms.IDENTITY_TYPES.values():
        assert values[term.national] == short.get(term.national, term.chinese)


def test_fund_codes_are_those_of_the_list(interfaces: dict[str, Any]) -> None:
    values = interfaces["code_lists"]["fund_pay_type"]["values"]
    ours = {code for code in terms.FUNDS if code != terms.COMMERCIAL}
    assert ours <= values.keys()
    assert terms.PERSONAL_ACCOUNT in values
    assert terms.PERSONAL_ACCOUNT not in terms.FUNDS
    assert not {"310101", "390101"} & terms.FUNDS.keys(), "prepayments are not payers"


def test_hospital_levels_follow_the_words_of_the_list(interfaces: dict[str, Any]) -> None:
    wanted = {"三": 3, "二": 2, "一": 1, "无": 0}
    for code, words in interfaces["code_lists"]["hosp_lv"]["values"].items():
        assert terms.level_of(code) == wanted[words[0]], words


def test_every_fund_is_summed_under_an_amount() -> None:
    amounts = {t.name for t in terms.AMOUNTS}
    assert {f.amount for f in terms.FUNDS.values()} <= amounts
    assert {f.payer for f in terms.FUNDS.values()} == {
        terms.PAYER_FUND,
        terms.PAYER_COMMERCIAL,
        terms.PAYER_WAIVER,
    }


@pytest.mark.parametrize(
    ("kind", "group"),
    [("none", "none"), ("retired_elsewhere", "long_term"), ("posted_elsewhere", "long_term"),
     ("living_elsewhere", "long_term"), ("referral", "temporary"), ("emergency", "temporary"),
     ("other", "temporary")],
)  # fmt: skip
def test_filing_groups(kind: str, group: str) -> None:
    assert terms.filing_group(kind) == group
    assert kind in terms.FILING_TYPES


def test_own_term_takes_both_words_and_leaves_unknown_ones() -> None:
    assert terms.own_term(terms.CATEGORIES, "12") == "retired"
    assert terms.own_term(terms.CATEGORIES, "retired") == "retired"
    assert terms.own_term(terms.CATEGORIES, "city-special") == "city-special"
