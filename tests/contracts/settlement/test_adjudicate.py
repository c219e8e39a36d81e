"""Adjudication against a second, dumb adjudicator, and what it refuses whoever asks."""

from __future__ import annotations

import copy
import dataclasses
import json
from pathlib import Path
from random import Random
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.api import Rejected
from contracts.meter import PolicyFault
from contracts.settlement import adjudicate as adjudicate_module
from contracts.settlement import adjudicate_part as part_module
from contracts.settlement.adjudicate import adjudicate
from contracts.settlement.answer import read_answer
from contracts.settlement.case import normalise
from contracts.settlement.decision import Decision
from contracts.settlement.money import FEN_LIMIT
from contracts.settlement.part_record import SoFar
from contracts.settlement.policy_program import PolicyProgram
from contracts.settlement.terms import FUNDS
from tests.contracts.settlement import dumb_adjudicator as dumb
from tests.contracts.settlement.fuzz import anything, places, replaced

ROOT = Path(__file__).resolve().parents[3]
GENERAL = PolicyProgram(dumb.GENERAL)
NAMES = {"basic": "390100", "critical": "390200", "assistance": "610100"}


def decide(source: str, **case: Any) -> Decision:
    document = {"sums": {"total_fen": 1_000_000}, **case}
    return adjudicate(normalise(document), PolicyProgram(source))


def answer(body: str) -> str:
    return f"def settle(case):\n    return {body}\n"


def summary(decision: Decision) -> dict[str, int]:
    told = decision.to_json()
    wanted = dumb.decide(dumb.random_document(Random(0)))
    return {
        name: decision.fund_fen(NAMES[name])
        if name in NAMES
        else told["counters"]["critical_fen"]
        if name == "critical_after"
        else told[name]
        for name in wanted
    }


@pytest.mark.parametrize("seed", range(8))
def test_the_engine_and_the_dumb_adjudicator_agree(seed: int) -> None:
    random = Random(seed)
    paid = 0
    for _ in range(400):
        document = dumb.random_document(random)
        decision = adjudicate(normalise(document), GENERAL)
        assert summary(decision) == dumb.decide(document), json.dumps(document)
        paid += decision.funds_fen > 0 and decision.person_fen > 0
    assert paid > 100, "the random cases must exercise both payers"


def test_a_planted_slip_in_the_policy_is_found() -> None:
    planted = PolicyProgram(dumb.GENERAL.replace("start = max(before,", "start = min(before,"))
    random = Random(1)
    differing = 0
    for _ in range(300):
        document = dumb.random_document(random)
        try:
            differing += summary(adjudicate(normalise(document), planted)) != dumb.decide(document)
        except Rejected:
            differing += 1
    assert differing > 20


@given(st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_the_answer_follows_its_schema_and_balances(seed: int) -> None:
    schema = json.loads((ROOT / "docs" / "policy-answer.schema.json").read_text("utf-8"))
    told = adjudicate(normalise(dumb.random_document(Random(seed))), GENERAL).to_json()
    jsonschema.Draft202012Validator(schema).validate(told)
    parts = ("own_expense_fen", "over_ceiling_fen", "first_pay_fen", "in_scope_fen")
    assert told["total_fen"] == sum(told[p] for p in parts)
    payers = ("funds_fen", "commercial_fen", "hospital_share_fen", "person_fen")
    assert told["total_fen"] == sum(told[p] for p in payers)
    assert told["person_fen"] == told["account_fen"] + told["credit_fen"] + told["cash_fen"]
    paid = sum(p["amount_fen"] for p in told["payments"])
    assert paid == told["total_fen"] - told["person_fen"]


@given(st.integers(0, 10**9), st.integers(0, 10**9))
@settings(max_examples=60, deadline=None)
def test_a_larger_bill_never_pays_less_nor_leaves_the_person_less(a: int, b: int) -> None:
    source = (ROOT / "tests" / "cases" / "policies" / "yantai_employee.py").read_text("utf-8")
    low, high = (decide(source, sums={"total_fen": t}) for t in sorted((a, b)))
    assert low.funds_fen <= high.funds_fen
    assert low.person_fen <= high.person_fen + 1  # each amount is rounded by itself


# --- what a policy may not answer ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ('{"payments": [payment("310100", case["sums"]["in_scope_fen"] + 1)]}',
         "policy.overspends"),
        ('{"payments": [payment("310100", 1), payment("330100", case["sums"]["in_scope_fen"])]}',
         "policy.overspends"),
        ('{"payments": [{"fund": "310100", "amount_fen": -1}]}', "policy.answer-malformed"),
        ('{"payments": [{"fund": "310200", "amount_fen": 1}]}', "policy.unknown-fund"),
        ('{"payments": [{"fund": "310101", "amount_fen": 1}]}', "policy.unknown-fund"),
        ('{"payments": [{"fund": 310100, "amount_fen": 1}]}', "policy.unknown-fund"),
        ('{"payments": [{"fund": "310100", "amount_fen": "1"}]}', "policy.answer-malformed"),
        ('{"payments": [{"fund": "310100", "amount_fen": True}]}', "policy.answer-malformed"),
        ('{"payments": [{"fund": "310100"}]}', "policy.answer-malformed"),
        ('{"payments": [{"fund": "310100", "amount_fen": 1, "payer": "commercial"}]}',
         "policy.answer-malformed"),
        ('{"payments": [{"fund": "310100", "amount_fen": 1, "base": "all"}]}',
         "policy.answer-malformed"),
        ('{"payments": [{"fund": "310100", "amount_fen": 1, "why": "a b"}]}',
         "policy.answer-malformed"),
        ('{"payments": [{"fund": "310100", "amount_fen": 1, "more": 1}]}',
         "policy.answer-malformed"),
        ('{"payments": [5]}', "policy.answer-malformed"),
        ('{"payments": {}}', "policy.answer-malformed"),
        ("{}", "policy.answer-malformed"),
        ("5", "policy.answer-malformed"),
        ("None", "policy.answer-malformed"),
        ('{"payments": [], "deductible_fen": -1}', "policy.answer-malformed"),
        ('{"payments": [], "counters": []}', "policy.answer-malformed"),
        ('{"payments": [], "counters": {"Big Name": 1}}', "policy.answer-malformed"),
        ('{"payments": [], "counters": {"x": "1"}}', "policy.answer-malformed"),
        ('{"payments": [], "account_limit_fen": -1}', "policy.answer-malformed"),
        ('{"payments": [], "refusals": [5]}', "policy.answer-malformed"),
        ('{"payments": [], "steps": [{"code": "x"}]}', "policy.answer-malformed"),
        ('{"payments": [], "surprise": 1}', "policy.answer-malformed"),
        ('{"payments": [], "counters": {"x": True}}', "policy.answer-malformed"),
        ('{"payments": [], "counters": {"admissions": 1}}', "policy.answer-malformed"),
    ],
)  # fmt: skip
def test_a_wrong_answer_is_refused_and_nothing_is_paid(body: str, code: str) -> None:
    with pytest.raises(Rejected) as caught:
        decide(answer(body), sums={"total_fen": 1_000_000, "own_expense_fen": 100})
    assert caught.value.code == code


ANSWER: dict[str, Any] = {
    "payments": [{"fund": "310100", "payer": "fund", "base": "in_scope", "amount_fen": 5,
                  "why": "basic"}],
    "deductible_fen": 1, "counters": {"a_fen": 1}, "account_limit_fen": 1,
    "steps": [{"code": "a", "amount_fen": 1}], "refusals": ["filing.required"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("part", "most", "more"),
    [
        ("deductible_fen", FEN_LIMIT, FEN_LIMIT + 1),
        ("account_limit_fen", FEN_LIMIT, FEN_LIMIT + 1),
        ("counters", {"a_fen": -FEN_LIMIT}, {"a_fen": -FEN_LIMIT - 1}),
        ("counters", {f"n{i}": 1 for i in range(40)}, {f"n{i}": 1 for i in range(41)}),
        ("payments", [{"fund": "310100", "amount_fen": 1}] * 40,
         [{"fund": "310100", "amount_fen": 1}] * 41),
        ("steps", [{"code": "a", "amount_fen": 1}] * 40, [{"code": "a", "amount_fen": 1}] * 41),
        ("refusals", ("filing.required",) * 40, ("filing.required",) * 41),
    ],
)  # fmt: skip
def test_an_answer_may_be_as_large_as_said_and_no_larger(part: str, most: Any, more: Any) -> None:
    read_answer(ANSWER | {part: most})
    with pytest.raises(Rejected) as caught:
        read_answer(ANSWER | {part: more})
    assert caught.value.code == "policy.answer-malformed"


@given(st.sampled_from(places(ANSWER)), anything)
@settings(max_examples=300, deadline=None)
def test_any_answer_is_read_or_refused(place: tuple[Any, ...], new: Any) -> None:
    code = ""
    try:
        read = read_answer(replaced(ANSWER, place, new))
    except Rejected as refusal:
        code = refusal.code
    else:
        assert all(p.amount_fen >= 0 and p.fund in FUNDS for p in read.payments)
        assert read.deductible_fen >= 0
    assert code in ("", "policy.answer-malformed", "policy.unknown-fund")


def test_an_overspending_policy_is_told_both_amounts() -> None:
    with pytest.raises(Rejected) as caught:
        decide(answer('{"payments": [payment("310100", 1000001, "basic")]}'))
    assert caught.value.values == {
        "fund": "310100", "amount_fen": 1_000_001, "open_fen": 1_000_000, "base": "in_scope",
        "why": "basic",
    }  # fmt: skip


def test_a_fault_of_the_policy_names_its_line() -> None:
    with pytest.raises(PolicyFault) as caught:
        decide("def settle(case):\n    x = 1\n    return part(0 - x, '5%')\n")
    assert (caught.value.line, caught.value.code) == (3, "policy.fault")


# --- layers --------------------------------------------------------------------------------------


def test_a_payer_of_the_total_covers_the_in_scope_part_first() -> None:
    decision = decide(
        answer('{"payments": [payment("340100", 700, "all"), payment("310100", 300, "rest")]}'),
        sums={"total_fen": 1_200, "own_expense_fen": 200},
    )
    assert [p.in_scope_fen for p in decision.payments] == [700, 300]
    assert decision.person_fen == 200


def test_earlier_layers_take_their_room() -> None:
    decision = decide(
        answer('{"payments": [payment("610100", case["open"]["in_scope_fen"], "assistance")]}'),
        paid=[{"fund": "390100", "amount_fen": 600_000}],
    )
    assert decision.fund_fen("610100") == 400_000
    assert (decision.funds_fen, decision.person_fen) == (1_000_000, 0)
    assert [p.earlier for p in decision.payments] == [True, False]


class Wanting:
    """A policy that wants these layers, whatever the case."""

    sets_first_pay = False

    def __init__(self, layers: list[tuple[str, int]]) -> None:
        self._layers = layers

    def settle(self, _case: Any) -> Any:
        payments = [{"fund": "310100", "amount_fen": fen, "base": base, "why": f"w{number}"}
                    for number, (base, fen) in enumerate(self._layers)]  # fmt: skip
        return {"payments": payments}, []

    def __getattr__(self, name: str) -> Any:
        return getattr(GENERAL, name)


def decided_or_refused(bill: dict[str, int], layers: list[tuple[str, int]]) -> Decision | Rejected:
    try:
        return adjudicate(normalise({"sums": bill}), Wanting(layers))
    except Rejected as refusal:
        return refusal


BASES = st.sampled_from(["in_scope", "out_of_scope", "total"])


@given(
    st.integers(0, 50),
    st.integers(0, 50),
    st.lists(st.tuples(BASES, st.integers(0, 60)), max_size=6),
)
@settings(max_examples=300, deadline=None)
def test_no_layer_takes_what_is_not_open_on_its_base(
    inside: int, outside: int, layers: list[tuple[str, int]]
) -> None:
    """Each fen of the bill is paid once at most, and a layer that wants too much is told how much
    it may have: with that it is taken."""
    bill = {"total_fen": inside + outside, "own_expense_fen": outside}
    while isinstance(decision := decided_or_refused(bill, layers), Rejected):
        assert decision.code == "policy.overspends"
        number, still_open = int(str(decision.values["why"])[1:]), decision.values["open_fen"]
        base, fen = layers[number]
        assert isinstance(still_open, int)
        assert 0 <= still_open < fen
        layers = [*layers[:number], (base, still_open), *layers[number + 1 :]]
    assert [(p.base, p.amount_fen) for p in decision.payments] == [one for one in layers if one[1]]
    scope = sum(p.in_scope_fen for p in decision.payments)
    assert scope <= inside
    assert decision.funds_fen - scope <= outside
    assert decision.person_fen == inside + outside - decision.funds_fen
    for payment in decision.payments:
        if payment.base != "total":
            assert payment.in_scope_fen == payment.amount_fen * (payment.base == "in_scope")


def test_an_earlier_payment_above_the_bill_is_refused() -> None:
    whole = decide(answer('{"payments": []}'), paid=[{"fund": "390100", "amount_fen": 1_000_000}])
    assert (whole.funds_fen, whole.person_fen) == (1_000_000, 0)
    with pytest.raises(Rejected, match=r"case\.paid-above-bill"):
        decide(answer('{"payments": []}'), paid=[{"fund": "390100", "amount_fen": 1_000_001}])


def test_a_waiver_is_the_hospital_s_share() -> None:
    decision = decide(answer('{"payments": [payment("630100", 1814, "waiver")]}'))
    assert (decision.hospital_share_fen, decision.funds_fen) == (1_814, 0)
    assert decision.person_fen == 1_000_000 - 1_814


def test_the_deductible_applied_is_at_most_the_in_scope_amount() -> None:
    decision = decide(
        answer('{"payments": [], "deductible_fen": yuan(900)}'), sums={"total_fen": 500}
    )
    assert decision.deductible_fen == 500


# --- the rest ------------------------------------------------------------------------------------

ACCOUNT = 'payment("310100", 600000)'


@pytest.mark.parametrize(
    ("limit", "balance", "family", "use", "account", "of_family"),
    [
        ("", 90_000, 0, True, 90_000, 0),
        ("", 900_000, 0, True, 300_000, 0),
        ("", 900_000, 0, False, 0, 0),
        (', "account_limit_fen": 0', 900_000, 0, True, 0, 0),
        (', "account_limit_fen": 5000000', 900_000, 0, True, 400_000, 0),
        (', "account_limit_fen": 350000', 100_000, 200_000, True, 300_000, 200_000),
        (', "account_limit_fen": 350000', 100_000, 900_000, True, 350_000, 250_000),
    ],
)
def test_the_account_pays_only_if_chosen_and_only_what_the_policy_allows(
    limit: str, balance: int, family: int, use: bool, account: int, of_family: int
) -> None:
    decision = decide(
        answer(f'{{"payments": [{ACCOUNT}]{limit}}}'),
        sums={"total_fen": 1_000_000, "own_expense_fen": 100_000},
        use_account=use, account_balance_fen=balance, family_balance_fen=family,
    )  # fmt: skip
    assert (decision.account_fen, decision.family_fen) == (account, of_family)
    assert decision.cash_fen == 400_000 - account


def test_refusals_carry_the_line_or_the_policy_s_own_word() -> None:
    decision = adjudicate(
        normalise({"lines": [{"code": "a", "amount_fen": 5, "class": "01"},
                             {"code": "b", "amount_fen": 7}, {"code": "c", "amount_fen": 9}],
                   "catalogue": {"c": {"class": "01", "ceilings_e6": {"0": 60_000}}}}),
        PolicyProgram(answer('{"payments": [], "refusals": ["filing.required"]}')),
    )  # fmt: skip
    assert [(r.code, r.line, r.amount_fen) for r in decision.refusals] == [
        ("line.not-in-catalogue", 1, 7), ("line.above-ceiling", 2, 3), ("filing.required", -1, 11),
    ]  # fmt: skip


# --- the year's end ------------------------------------------------------------------------------

STAY = {
    "lines": [
        {"code": "a", "class": "01", "amount_fen": 300_000, "service_date": "2024-12-30"},
        {"code": "b", "class": "01", "amount_fen": 500_000, "service_date": "2025-01-02"},
    ],
    "visit": {"admission": "2024-12-30", "discharge": "2025-01-02"},
    "counters": {"deductible_fen": 0},
    "counters_by_year": {"2024": {"deductible_fen": 40_000}},
}
YEARLY = """
def settle(case):
    left = remaining(yuan(1000), counter(case, "deductible_fen"))
    left = remaining(left, case["visit"]["deductible_paid_fen"])
    basic = part(above(case["sums"]["in_scope_fen"], left), "50%", "basic")
    return {"payments": [payment("310100", basic)], "deductible_fen": left,
            "counters": {"deductible_fen": left}}
"""


@pytest.mark.parametrize(
    ("mode", "payments", "deductible", "after"),
    [
        ("discharge_year", [(2025, 350_000)], 100_000, {(2025, 100_000)}),
        ("split_by_service_date", [(2024, 120_000), (2025, 200_000)], 160_000,
         {(2024, 100_000), (2025, 100_000)}),
        ("split_at_boundary", [(2024, 120_000), (2025, 230_000)], 100_000,
         {(2024, 100_000), (2025, 40_000)}),
    ],
)  # fmt: skip
def test_a_stay_over_the_year_s_end_goes_as_the_policy_says(
    mode: str, payments: list[tuple[int, int]], deductible: int, after: set[tuple[int, int]]
) -> None:
    source = YEARLY + f'\n\ndef cross_year():\n    return "{mode}"\n'
    decision = adjudicate(normalise(STAY), PolicyProgram(source))
    assert [(p.year, p.amount_fen) for p in decision.payments] == payments
    assert decision.deductible_fen == deductible
    assert {(c.year, c.after) for c in decision.counters} == after
    assert decision.year == 2025


class Listening:
    """A policy that remembers what it was told of each year's part."""

    def __init__(self, mode: str) -> None:
        self._policy = PolicyProgram(YEARLY + f'\n\ndef cross_year():\n    return "{mode}"\n')
        self.told: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._policy, name)

    def settle(self, case: Any) -> Any:
        assert "counters_by_year" not in case, "the engine's own"
        visit, names = case["visit"], ("part", "parts", "admission_number", "deductible_paid_fen")
        self.told.append((case["year"], *(visit[name] for name in names), case["counters"]))
        return self._policy.settle(case)


def told(mode: str, **changes: Any) -> list[tuple[Any, ...]]:
    """What a policy is told of a stay over New Year, its person's fifth."""
    visit = {"admission": "2023-12-30", "discharge": "2024-01-02", "care_kind": "inpatient"}
    lines = [{"code": "a", "class": "01", "amount_fen": 300_000, "service_date": day}
             for day in ("2023-12-30", "2024-01-02")]  # fmt: skip
    stay = {"lines": lines, "visit": visit | {"admission_number": 5}}
    document = stay | {"counters": {"deductible_fen": 7}} | changes
    policy = Listening(mode)
    adjudicate(normalise(document), policy)
    return policy.told


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("discharge_year", [(2024, 1, 1, 5, 0, {"deductible_fen": 7})]),
        # Nothing was counted in 2023, not even an admission.
        ("split_by_service_date",
         [(2023, 1, 2, 1, 0, {}), (2024, 2, 2, 5, 0, {"deductible_fen": 7})]),
        ("split_at_boundary",
         [(2023, 1, 2, 5, 0, {}), (2024, 2, 2, 5, 100_000, {"deductible_fen": 7})]),
    ],
)  # fmt: skip
def test_each_year_of_a_stay_is_told_its_own(mode: str, expected: list[tuple[Any, ...]]) -> None:
    assert told(mode) == expected


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"lines": [], "sums": {"total_fen": 5}}, id="a bill without lines"),
        pytest.param({"visit": {}, "year": 2024}, id="a stay without days"),
        pytest.param({"lines": [{"code": "a", "class": "01", "amount_fen": 5}]}, id="no days"),
        pytest.param(
            {"lines": [{"code": "a", "class": "01", "amount_fen": 5, "service_date": "2024-01-01"}],
             "paid": [{"fund": "390100", "amount_fen": 1}]},
            id="all of it in the year of discharge",
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("mode", ["split_by_service_date", "split_at_boundary"])
def test_what_cannot_be_split_or_need_not_be_is_decided_whole(
    mode: str, changes: dict[str, Any]
) -> None:
    ((year, part, parts, *_),) = told(mode, **changes)
    assert (year, part, parts) == (2024, 1, 1)


def test_what_a_case_names_itself_is_what_is_told() -> None:
    visit = {"admission": "2024-01-02", "discharge": "2024-01-02", "deductible_paid_fen": 3}
    lines = [{"code": "a", "class": "01", "amount_fen": 5, "service_date": "2024-01-02"}]
    ((year, part, parts, _, paid, _),) = told(
        "split_at_boundary", visit=visit, lines=lines, year=2023
    )
    assert (year, part, parts, paid) == (2023, 1, 1, 3)


LATER_STAYS = """
def settle(case):
    nominal = nth([yuan(1300), yuan(650)], case["visit"]["admission_number"])
    left = remaining(nominal, case["visit"]["deductible_paid_fen"])
    left = min(left, case["sums"]["in_scope_fen"])
    return {"payments": [], "deductible_fen": left}
"""


@pytest.mark.parametrize(
    ("mode", "kind", "admissions", "deductible"),
    [
        # The third stay of 2024 and the first of 2025: half, then whole.
        ("split_by_service_date", "inpatient", {"2024": {"admissions": 2}}, 65_000 + 130_000),
        ("split_by_service_date", "inpatient", {"2024": {"admissions": 0}}, 130_000 + 130_000),
        # One stay, one deductible: that of the year in which it ends.
        ("split_at_boundary", "inpatient", {"2024": {"admissions": 2}}, 130_000),
        ("discharge_year", "inpatient", {"2024": {"admissions": 2}}, 130_000),
        # What is no stay is nobody's second admission.
        ("split_by_service_date", "emergency", {"2024": {"admissions": 2}}, 130_000 + 130_000),
    ],
)
def test_each_year_of_a_split_stay_has_its_own_admission_number(
    mode: str, kind: str, admissions: dict[str, dict[str, int]], deductible: int
) -> None:
    source = LATER_STAYS + f'\n\ndef cross_year():\n    return "{mode}"\n'
    visit = {**STAY["visit"], "care_kind": kind, "admission_number": 1}
    document = {**STAY, "visit": visit, "counters": {}, "counters_by_year": admissions}
    decision = adjudicate(normalise(document), PolicyProgram(source))
    assert decision.deductible_fen == deductible


def test_a_benefit_year_may_begin_in_july() -> None:
    source = YEARLY + (
        "\n\ndef benefit_year(date):\n"
        "    return year_of(date) if month_of(date) >= 7 else year_of(date) - 1\n"
    )
    decision = adjudicate(normalise({**STAY, "counters": {}}), PolicyProgram(source))
    assert decision.year == 2024
    assert len({p.year for p in decision.payments}) == 1


def test_the_insured_place_s_first_pay_ratio_replaces_the_catalogue_s() -> None:
    source = answer('{"payments": []}') + (
        '\n\ndef first_pay(case, line):\n    return "20%" if line["class"] == "02" else None\n'
    )
    case = {"lines": [{"code": "a", "class": "02", "first_pay": "5%", "amount_fen": 1000},
                      {"code": "b", "class": "01", "amount_fen": 1000},
                      {"code": "in no catalogue", "amount_fen": 1000}]}  # fmt: skip
    decision = adjudicate(normalise(case), PolicyProgram(source))
    assert [line.first_pay_fen for line in decision.lines] == [200, 0, 0]
    assert decision.own_expense_fen == 1000


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("def first_pay(case, line):\n    return 5\n", "first_pay"),
        ('def first_pay(case, line):\n    return "150%"\n', "first_pay"),
        ('def first_pay(case, line):\n    return "a lot"\n', "first_pay"),
        ('def cross_year():\n    return "never"\n', "cross_year"),
        ('def benefit_year(date):\n    return "2024"\n', "benefit_year"),
    ],
)
def test_the_optional_functions_are_read_strictly(source: str, path: str) -> None:
    with pytest.raises(Rejected) as caught:
        adjudicate(normalise(STAY), PolicyProgram(answer('{"payments": []}') + "\n\n" + source))
    assert caught.value.code == "policy.answer-malformed"
    assert caught.value.values["path"] == path


def test_the_case_cannot_be_changed_by_a_policy() -> None:
    document = normalise(STAY)
    before = copy.deepcopy(document)
    with pytest.raises(PolicyFault):
        adjudicate(
            document,
            PolicyProgram('def settle(case):\n    case["year"] = 5\n    return {"payments": []}\n'),
        )
    assert document == before


def test_earlier_payments_cannot_go_with_a_split_stay() -> None:
    source = YEARLY + '\n\ndef cross_year():\n    return "split_at_boundary"\n'
    with pytest.raises(Rejected, match=r"case\.paid-in-split-stay"):
        adjudicate(
            normalise({**STAY, "paid": [{"fund": "310100", "amount_fen": 5}]}),
            PolicyProgram(source),
        )


def test_payments_of_nothing_disappear() -> None:
    decision = decide(answer('{"payments": [payment("310100", 0), payment("610100", 5)]}'))
    assert [p.fund for p in decision.payments] == ["610100"]


@pytest.mark.parametrize(
    "change",
    [
        {"person_fen": 999_999},
        {"cash_fen": 5, "account_fen": 999_995, "account_limit_fen": 0},
        {"total_fen": 999_999},
        {"family_fen": 1},
    ],
)
def test_a_decision_out_of_balance_is_a_bug_and_not_a_settlement(change: dict[str, int]) -> None:
    decision = decide(answer('{"payments": []}'))
    decision.check()
    with pytest.raises(AssertionError):
        dataclasses.replace(decision, **change).check()


def test_no_decision_leaves_unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever went wrong before: the last thing is that who pays what is added up again."""
    right = adjudicate_module.rest

    def slip(*given: Any) -> Decision:
        return dataclasses.replace(right(*given), cash_fen=1)

    monkeypatch.setattr(adjudicate_module, "rest", slip)
    monkeypatch.setattr(part_module, "rest", slip)
    case = normalise(STAY)
    with pytest.raises(AssertionError):
        adjudicate(case, PolicyProgram(YEARLY))
    with pytest.raises(AssertionError):
        part_module.adjudicate_part(case, PolicyProgram(YEARLY), SoFar(), level=0)


def test_paying_more_outside_the_scope_than_there_is_is_a_bug() -> None:
    decision = decide(
        answer('{"payments": [payment("commercial", 5, "extra", "out_of_scope")]}'),
        sums={"total_fen": 10, "own_expense_fen": 5},
    )
    moved = dataclasses.replace(decision.payments[0], base="out_of_scope", in_scope_fen=5)
    twice = dataclasses.replace(decision, payments=(decision.payments[0], moved), person_fen=0,
                                cash_fen=0)  # fmt: skip
    with pytest.raises(AssertionError):
        twice.check()


@given(st.integers(0, 10**7), st.integers(0, 10**7))
@settings(max_examples=60, deadline=None)
def test_a_bill_split_in_two_visits_is_paid_like_one_but_for_rounding(a: int, b: int) -> None:
    """Counters carry deductible, limit and base over: each of three amounts may round apart."""
    source = (ROOT / "tests" / "cases" / "policies" / "zhenjiang_employee.py").read_text("utf-8")
    whole = decide(source, sums={"total_fen": a + b})
    first = decide(source, sums={"total_fen": a})
    second = decide(source, sums={"total_fen": b}, counters=first.to_json()["counters"])
    assert abs(whole.funds_fen - first.funds_fen - second.funds_fen) <= 3
    assert whole.deductible_fen == first.deductible_fen + second.deductible_fen
    after, apart = whole.to_json()["counters"], second.to_json()["counters"]
    assert after.keys() == apart.keys()
    assert all(abs(after[name] - apart[name]) <= 1 for name in after)


def test_the_years_own_counters_may_be_given_by_their_year_but_not_twice() -> None:
    policy = PolicyProgram(
        'def settle(case):\n    left = remaining(100, counter(case, "paid"))\n'
        '    return {"payments": [payment("310100", left)]}\n'
    )
    base = {"sums": {"total_fen": 500}, "visit": {"discharge": "2025-01-02"}}
    for counters in (
        {"counters": {"paid": 70}},
        {"counters_by_year": {"2025": {"paid": 70}, "2024": {"paid": 5}}},
        {"counters": {"paid": 70}, "counters_by_year": {"2025": {"paid": 70}}},
    ):
        assert adjudicate(normalise({**base, **counters}), policy).funds_fen == 30
    twice = {"counters": {"paid": 70}, "counters_by_year": {"2025": {"paid": 71}}}
    with pytest.raises(Rejected) as refusal:
        adjudicate(normalise({**base, **twice}), policy)
    assert refusal.value.code == "case.counters-differ"


@pytest.mark.parametrize(("before", "delta", "code"), [
    (5, -6, "counters.negative"), (FEN_LIMIT, 1, "policy.answer-malformed"),
    (FEN_LIMIT - 1, 1, ""), (5, -5, ""), (-5, 0, ""),
])  # fmt: skip
def test_a_counter_stays_what_the_ledger_keeps(before: int, delta: int, code: str) -> None:
    source = f'def settle(case):\n    return {{"payments": [], "counters": {{"x": {delta}}}}}\n'
    case = normalise({"sums": {"total_fen": 1}, "counters": {"x": before}})
    if code:
        with pytest.raises(Rejected) as refusal:
            adjudicate(case, PolicyProgram(source))
        assert refusal.value.code == code
    else:
        decision = adjudicate(case, PolicyProgram(source))
        assert decision.to_json()["counters"]["x"] == before + delta
