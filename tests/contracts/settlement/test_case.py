"""Case files: our reader and the JSON Schema give the same verdict, and every key is filled."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.api import Rejected
from contracts.settlement.adjudicate import adjudicate
from contracts.settlement.case import SUMS, CaseError, normalise
from contracts.settlement.case_expected import read_expected
from contracts.settlement.policy_program import PolicyProgram
from tests.contracts.settlement.fuzz import anything, places, replaced

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = json.loads((ROOT / "docs" / "case.schema.json").read_text("utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

FULL: dict[str, Any] = {
    "lines": [
        {"code": "A", "unit_price_e6": 12_345_000, "quantity_e4": 30_000, "confirmed": 1},
        {"code": "B", "amount_fen": 500, "service_date": "2024-05-02", "confirmed": True},
        {"code": "C", "amount_fen": 500, "class": "02", "first_pay": "10%"},
    ],
    "catalogue": {
        "A": {"class": "02", "first_pay": "1/10", "ceilings_e6": {"3": 10_000_000}},
        "B": {"class": "01", "restricted": True},
    },
    "person": {"age_years": 40, "age_days": None, "category": "12", "identity_types": ["2303"],
               "sex": "2", "scheme": "employee", "area": "430100"},
    "visit": {"care_kind": "2101", "admission": "2024-04-28", "discharge": "2024-05-03",
              "admission_number": 2, "emergency": True, "trauma": False, "third_party": False,
              "referral": True, "chronic_disease": "M01", "part": 1, "parts": 1,
              "deductible_paid_fen": 0},
    "institution": {"id": "H45010000001", "level_code": "2", "kind": "hospital",
                    "region": "450100"},
    "filing": {"type": "referral", "in_time": True, "channel": "app"},
    "channel": "direct",
    "counters": {"pool_paid_fen": 5},
    "counters_by_year": {"2023": {"pool_paid_fen": 7}},
    "paid": [{"fund": "310100", "amount_fen": 5}],
    "use_account": True,
    "account_balance_fen": 9,
    "family_balance_fen": 9,
    "year": 2024,
    "parameters": {"x": [1, "a", {"y": None}]},
}  # fmt: skip


def verdicts(document: Any) -> tuple[bool, bool]:
    """(the schema accepts, our reader accepts)."""
    try:
        normalise(document)
    except CaseError:
        return VALIDATOR.is_valid(document), False
    return VALIDATOR.is_valid(document), True


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_a_full_case_is_understood() -> None:
    assert verdicts(FULL) == (True, True)
    case = normalise(FULL)
    assert case["person"]["category"] == "retired"
    assert case["person"]["identity_types"] == ["minimum_living"]
    assert (case["person"]["scheme"], case["person"]["sex"]) == ("310", "female")
    assert case["visit"]["care_kind"] == "inpatient"
    assert case["visit"]["days"] == 5
    assert case["institution"]["level"] == 3
    assert case["filing"]["group"] == "temporary"
    assert case["cross_province"] is True
    assert case["lines"][0]["amount_fen"] == 3704
    assert case["lines"][0]["service_date"] == "2024-05-03"
    assert case["lines"][2]["item"].item_class == "02"
    assert case["paid"][0] == {
        "fund": "310100", "payer": "fund", "base": "in_scope", "amount_fen": 5,
    }  # fmt: skip


def test_the_shortest_case_has_every_key() -> None:
    short, full = normalise({"sums": {"total_fen": 5}}), normalise(FULL)

    def keys(value: Any) -> Any:
        return {k: keys(v) for k, v in value.items()} if isinstance(value, dict) else None

    free = ("counters", "counters_by_year", "parameters", "sums")
    assert {k: keys(v) for k, v in short.items() if k not in free} == {
        k: keys(v) for k, v in full.items() if k not in free
    }
    assert {*short["sums"]} == {*SUMS}


WRONG: tuple[tuple[str, Any], ...] = (
    ("channel", "later"), ("year", -1), ("use_account", 1), ("unknown", 1),
    ("account_balance_fen", -1), ("account_balance_fen", True), ("account_balance_fen", 10**16),
    ("counters", []), ("counters", {"a": 1.5}), ("paid", [{"fund": "310100"}]),
    ("paid", [{"fund": "310100", "amount_fen": 1, "x": 1}]), ("paid", 5),
    ("paid", [{"fund": "310100", "amount_fen": 1}] * 31),
    ("person", {"age_years": -1}), ("person", {"age": 40}), ("person", {"identity_types": "x"}),
    ("person", {"identity_types": [1]}), ("person", []), ("visit", {"admission": "2024/05/01"}),
    ("visit", {"admission_number": 0}), ("visit", {"emergency": "yes"}),
    ("institution", {"level": 4}), ("institution", {"level": "3"}), ("filing", {"group": "x"}),
    ("lines", {}), ("lines", [5]), ("lines", [{"amount_fen": 5}]), ("lines", [{"code": "A"}]),
    ("lines", [{"code": "A", "amount_fen": 0.5}]), ("lines", [{"code": "A", "amount_fen": -5}]),
    ("lines", [{"code": "A", "amount_fen": 5, "quantity_e4": 0}]),
    ("lines", [{"code": "A", "amount_fen": 5, "confirmed": 3}]),
    ("lines", [{"code": "A", "amount_fen": 5, "class": "04"}]),
    ("lines", [{"code": "A", "amount_fen": 5, "class": "02", "first_pay": "10"}]),
    ("catalogue", {"A": {}}), ("catalogue", {"A": {"class": "01", "first_pay": 0.1}}),
    ("catalogue", {"A": {"class": "01", "restricted": 1}}),
    ("catalogue", {"A": {"class": "01", "ceilings_e6": {"4": 1}}}),
    ("cross_province", "no"), ("counters_by_year", {"2023": 5}),
    ("counters_by_year", {"last": {}}), ("counters", {"Pool": 5}), ("counters", {"a b": 5}),
    ("person", {"category": "retierd"}), ("person", {"sex": "f"}), ("person", {"scheme": "311"}),
    ("person", {"area": "4301"}), ("visit", {"care_kind": "inpatiant"}), ("id", 5), ("note", [1]),
    ("institution", {"kind": "hosptial"}), ("institution", {"region": "长沙"}),
    ("institution", {"level_code": "15"}), ("filing", {"type": "refferal"}), ("policy", 7),
    ("lines", [{"code": "A", "amount_fen": 5, "first_pay": "10%"}]),
)  # fmt: skip


@pytest.mark.parametrize(
    ("key", "value"), WRONG, ids=[f"{k}-{i}" for i, (k, _) in enumerate(WRONG)]
)
def test_schema_and_reader_refuse_alike(key: str, value: Any) -> None:
    assert verdicts({**FULL, key: value}) == (False, False)


@pytest.mark.parametrize(
    "sums",
    [{}, {"own_expense_fen": 5}, {"total_fen": 0.5}, {"total_fen": -1}, {"in_scope_fen": "5"},
     {"total_fen": 5, "cash_fen": 1}],
)  # fmt: skip
def test_sums_that_are_none_are_refused_by_both(sums: Any) -> None:
    assert verdicts({"sums": sums}) == (False, False)


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"sums": {"total_fen": 5, "in_scope_fen": 6}}, "sums"),
        ({"sums": {"total_fen": 5, "own_expense_fen": 6}}, "sums"),
        ({"sums": {"total_fen": 5}, "lines": [{"code": "A", "amount_fen": 5}]}, "case"),
        ({"sums": {"total_fen": 5}, "visit": {"admission": "2024-02-30"}}, "visit.admission"),
        ({"sums": {"total_fen": 5},
          "visit": {"admission": "2024-02-03", "discharge": "2024-02-01"}}, "visit.discharge"),
        ({"sums": {"total_fen": 5}, "paid": [{"fund": "999", "amount_fen": 1}]}, "paid[0].fund"),
        ({"sums": {"total_fen": 5}, "parameters": {"r": 0.5}}, "parameters.r"),
        ({"sums": {"total_fen": 5}, "year": 2024.0}, "year"),
        ({"lines": [{"code": "A", "amount_fen": 5, "unit_price_e6": 10}]}, "lines[0].amount_fen"),
        ({"lines": [{"code": "A", "amount_fen": 10**15}] * 2}, "lines"),
        ({"sums": {"in_scope_fen": 10**15, "own_expense_fen": 1}}, "sums"),
    ],
)  # fmt: skip
def test_what_only_the_reader_can_see_is_refused_with_its_path(document: Any, path: str) -> None:
    with pytest.raises(CaseError) as caught:
        normalise(document)
    assert caught.value.path == path


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**9))
def test_total_and_in_scope_follow_from_each_other(
    own: int, over: int, first: int, scope: int
) -> None:
    parts = {"own_expense_fen": own, "over_ceiling_fen": over, "first_pay_fen": first}
    total = own + over + first + scope
    by_total = normalise({"sums": {**parts, "total_fen": total}})["sums"]
    by_scope = normalise({"sums": {**parts, "in_scope_fen": scope}})["sums"]
    assert by_total == by_scope == {**parts, "total_fen": total, "in_scope_fen": scope}


def test_the_reader_copies_and_changes_nothing() -> None:
    before = copy.deepcopy(FULL)
    case = normalise(FULL)
    case["parameters"]["x"].append(1)
    case["person"]["identity_types"].append("x")
    case["counters"]["x"] = 1
    assert before == FULL


@pytest.mark.parametrize(
    "path", sorted((ROOT / "tests" / "cases").glob("*.json")), ids=lambda p: p.stem
)
def test_committed_cases_follow_the_schema(path: Path) -> None:
    document = json.loads(path.read_text("utf-8"))
    if "identity" not in document:
        VALIDATOR.validate(document)
        normalise(document)


# --- whatever a file holds, it is a case or it is refused with a path --------------------------


@given(st.sampled_from(places(FULL)), anything)
@settings(max_examples=400, deadline=None)
def test_a_case_with_one_thing_replaced_is_read_or_refused_as_the_schema_says(
    place: tuple[Any, ...], new: Any
) -> None:
    document = replaced(FULL, place, new)
    by_schema, by_reader = verdicts(document)
    if by_reader:
        assert by_schema, "what the reader takes, the schema allows"


@given(st.sampled_from(places(FULL)), anything)
@settings(max_examples=200, deadline=None)
def test_what_is_read_can_be_decided(place: tuple[Any, ...], new: Any) -> None:
    policy = PolicyProgram('def settle(case):\n    return {"payments": []}\n')
    try:
        case = normalise(replaced(FULL, place, new))
    except CaseError:
        return
    code = ""
    try:
        decision = adjudicate(case, policy)
    except Rejected as refusal:
        code = refusal.code
    else:
        assert decision.person_fen == decision.total_fen - decision.funds_fen
    assert code in (
        "", "case.paid-above-bill", "case.paid-in-split-stay", "case.counters-differ",
    )  # fmt: skip


@pytest.mark.parametrize(
    "expected",
    [[], {"a": 5}, {"a": {"fen": 5}}, {"a": {"fen": 5, "is": 5}}, {"a": {"fen": 1.5, "is": "x"}},
     {"a": {"fen": 5, "is": "x", "more": 1}}, {"a": {"fen": True, "is": "x"}}],
)  # fmt: skip
def test_expectations_that_are_none_are_refused(expected: Any) -> None:
    with pytest.raises(CaseError):
        read_expected({"expected": expected})
    if expected != {"a": {"fen": True, "is": "x"}}:
        assert not VALIDATOR.is_valid({"sums": {"total_fen": 5}, "expected": expected})


def test_a_file_without_expectations_has_none() -> None:
    assert read_expected({"sums": {"total_fen": 5}}) == ()
