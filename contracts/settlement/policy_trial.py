"""The trial of a policy before it is deployed: made-up cases that every policy must survive.

A policy that overspends or stops on a small bill would turn patients away later. So it is run on a
fixed grid of bills, people, institutions and filings, each followed by a second visit of the same
person with the counters that the first one left, and every decision must balance. The grid is the
same on every validator; what it proves is that nothing is paid twice or beyond the bill, not that
the amounts are what the bureau meant: for that there are case files.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from contracts.api import Rejected, reject
from contracts.meter import PolicyError, PolicyFault
from contracts.settlement.adjudicate import Policy, adjudicate
from contracts.settlement.case import Case, normalise
from contracts.settlement.decision import Decision

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


def try_policy(policy: Policy, scheme: str, area: str) -> int:
    """Run the grid, each case twice. Returns the number of decisions made.

    Rejects ``policy.trial-failed`` with the number of the sample, what failed and where in the
    source; ``policy.trial-empty`` when the policy refuses every sample by ``fail``.
    """
    decided = 0
    for number, case in enumerate(trial_cases(scheme, area)):
        first = _decide(policy, case, number)
        if first is None:
            continue
        counters = {c.name: c.after for c in first.counters}
        second = _decide(policy, {**case, "counters": counters}, number)
        decided += 1 if second is None else 2
    if not decided:
        reject("policy.trial-empty", samples=len(TOTALS_FEN) * len(CARE))
    return decided


def _decide(policy: Policy, case: Case, number: int) -> Decision | None:
    try:
        return adjudicate(case, policy)
    except PolicyError as error:
        if isinstance(error, PolicyFault) and error.fault.startswith("fail:"):
            return None
        _failed(number, case, error.code, error.values)
    except Rejected as refusal:
        _failed(number, case, refusal.code, refusal.values)
    return None


def _failed(number: int, case: Case, code: str, values: dict[str, Any]) -> None:
    reject(
        "policy.trial-failed",
        sample=number,
        total_fen=case["sums"]["total_fen"],
        in_scope_fen=case["sums"]["in_scope_fen"],
        care_kind=case["visit"]["care_kind"],
        level=case["institution"]["level"],
        failed=code,
        **{f"failed_{key}": value for key, value in values.items()},
    )
