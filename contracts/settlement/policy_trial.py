"""The trial of a policy before it is deployed: made-up cases that every policy must survive.

A policy that overspends or stops on a small bill would turn patients away later. So it is run on a
fixed grid of bills, people, institutions and filings, each followed by a second visit of the same
person with the counters that the first one left, and every decision must balance. The grid is the
same on every validator; what it proves is that nothing is paid twice or beyond the bill, not that
the amounts are what the bureau meant: for that there are case files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from contracts.api import Rejected, reject
from contracts.meter import PolicyError, PolicyFault
from contracts.settlement.adjudicate import adjudicate
from contracts.settlement.case import Case, normalise
from contracts.settlement.decision import Decision
from contracts.settlement.policy_program import PolicyProgram

TOTALS_FEN = (0, 1, 2_999, 45_000, 99_999, 380_050, 1_500_000, 12_345_678, 64_000_000, 500_000_000)
"""From an empty bill to five million yuan; odd amounts show what rounding does."""
CARE = ("inpatient", "outpatient", "chronic", "pharmacy", "day_surgery", "emergency")
PEOPLE: tuple[tuple[str, int, list[str]], ...] = (
    ("active", 35, []), ("retired", 67, []), ("newborn", 0, []), ("pupil", 12, []),
    ("elderly", 81, ["minimum_living"]), ("resident", 45, ["low_income", "disabled"]),
)  # fmt: skip
FILINGS = ("none", "living_elsewhere", "referral", "emergency", "other")
SPLITS = ((0, 0, 0), (10, 0, 5), (35, 2, 8), (100, 0, 0))
"""Percent of the bill that is own expense, over the ceiling, first pay."""
DATES = ("2024-02-29", "2024-07-01", "2025-12-31")


BUDGET_TRIAL = 20_000
"""Units of one run of the trial: a hundred times what a banded policy needs, and few enough that a
block which carries a deployment is not held up by it."""


WORK_OF_SAMPLE = 1_000
"""Units of a sample's two decisions without their runs (``Context.spend``)."""


def trial_cases(scheme: str, area: str) -> Iterator[Case]:
    """The grid: every total with every kind of care, the other axes turning at their own pace."""
    number = 0
    for total in TOTALS_FEN:
        for care in CARE:
            category, age, identity_types = PEOPLE[number % len(PEOPLE)]
            own, over, first = (total * p // 100 for p in SPLITS[number % len(SPLITS)])
            filing = FILINGS[number % len(FILINGS)]
            elsewhere = number % 3 == 0
            yield normalise(
                {
                    "sums": {
                        "total_fen": total,
                        "own_expense_fen": own,
                        "over_ceiling_fen": over,
                        "first_pay_fen": first,
                    },
                    "person": {
                        "age_years": age,
                        "age_days": age * 365 + 12,
                        "category": category,
                        "identity_types": list(identity_types),
                        "sex": ("male", "female")[number % 2],
                        "scheme": scheme,
                        "area": area,
                    },
                    "visit": {
                        "care_kind": care,
                        "admission": DATES[number % len(DATES)],
                        "discharge": DATES[number % len(DATES)],
                        "admission_number": 1 + number % 4,
                        "emergency": filing == "emergency",
                        "referral": filing == "referral",
                        "chronic_disease": "M03900" if care == "chronic" else "",
                    },
                    "institution": {
                        "level": number % 4,
                        "kind": "pharmacy" if care == "pharmacy" else "hospital",
                        "region": "990100" if elsewhere else area,
                    },
                    "filing": {"type": filing},
                    "channel": ("direct", "after_payment")[number % 7 == 0],
                    "use_account": number % 2 == 0,
                    "account_balance_fen": 50_000,
                }
            )
            number += 1


def trial_stays(scheme: str, area: str) -> Iterator[Case]:
    """Stays with charge lines, over the year's end, at home and elsewhere, at every level."""
    for level in range(4):
        yield normalise(
            {
                "lines": [
                    {"code": "a", "amount_fen": 33_333, "service_date": "2024-12-29"},
                    {"code": "b", "amount_fen": 100_001, "service_date": "2024-12-31"},
                    {"code": "b", "amount_fen": 777_777, "service_date": "2025-01-01"},
                    {"code": "c", "amount_fen": 5_000, "service_date": "2025-01-02"},
                    {"code": "own", "amount_fen": 999, "service_date": "2025-01-02"},
                ],
                "catalogue": {
                    "a": {"class": "01"},
                    "b": {"class": "02", "first_pay": "12.5%"},
                    "c": {"class": "02", "first_pay": "5%", "restricted": True},
                    "own": {"class": "03"},
                },
                "person": {"age_years": 45, "age_days": 16_500, "scheme": scheme, "area": area},
                "visit": {"admission": "2024-12-29", "discharge": "2025-01-02"},
                "institution": {"level": level, "region": "990100" if level % 2 else area},
                "filing": {"type": FILINGS[level]},
            }
        )


def try_policy(
    policy: PolicyProgram, scheme: str, area: str, spend: Callable[[int], None] | None = None
) -> int:
    """Run the grid and the stays, each twice. Returns the number of decisions made.

    ``spend`` is told of the units of each sample and of the decisions themselves.

    Rejects ``policy.trial-failed`` with the number of the sample, what failed and where in the
    source; ``policy.trial-empty`` when the policy refuses every sample by ``fail``.
    """
    policy = policy.limited(BUDGET_TRIAL)
    decided = 0
    cases = [*trial_cases(scheme, area), *trial_stays(scheme, area)]
    for number, case in enumerate(cases):
        if spend is not None:
            spend(WORK_OF_SAMPLE)
            policy = policy.charged(spend)
        _ask_modes(policy, case, number)
        first = _decide(policy, case, number)
        if first is None:
            continue
        second = _decide(policy, {**case, **_counters_after(first)}, number)
        decided += 1 if second is None else 2
    if not decided:
        reject("policy.trial-empty", samples=len(cases))
    return decided


def _ask_modes(policy: PolicyProgram, case: Case, number: int) -> None:
    """The functions that a decision does not always need are tried too."""
    try:
        policy.cross_year()
        policy.benefit_year(case["visit"]["admission"])
        for channel in ("direct", "after_payment"):
            policy.settlement_mode(case["institution"]["region"], channel)
    except (PolicyError, Rejected) as problem:
        trial_failed(number, case, problem.code, problem.values)


def _decide(policy: PolicyProgram, case: Case, number: int) -> Decision | None:
    try:
        return adjudicate(case, policy)
    except PolicyError as error:
        if isinstance(error, PolicyFault) and error.fault.startswith("fail:"):
            return None
        trial_failed(number, case, error.code, error.values)
    except Rejected as refusal:
        trial_failed(number, case, refusal.code, refusal.values)
    return None


def _counters_after(decision: Decision) -> dict[str, Any]:
    by_year: dict[str, dict[str, int]] = {}
    for change in decision.counters:
        by_year.setdefault(str(change.year), {})[change.name] = change.after
    return {
        "counters": by_year.get(str(decision.year), {}),
        "counters_by_year": by_year,
    }


def trial_failed(number: int, case: Case, code: str, values: dict[str, Any]) -> NoReturn:
    """Refuses with ``policy.trial-failed``: the sample, what failed and where."""
    reject(
        "policy.trial-failed",
        sample=number,
        **(case["sums"] or {}),
        care_kind=case["visit"]["care_kind"],
        level=case["institution"]["level"],
        failed=code,
        **{f"failed_{key}": value for key, value in values.items()},
    )
