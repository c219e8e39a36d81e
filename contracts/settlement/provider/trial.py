"""The trial of a payment policy before it is deployed: made-up cases that it must answer.

Bills from nothing to five million yuan, every system and stage, with and without a group's
standards. What it proves is that the policy answers within its budget, not that the amounts are
what the bureau meant: for that there are case files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from contracts.api import Rejected, reject
from contracts.meter import PolicyError, PolicyFault
from contracts.settlement.policy_trial import BUDGET_TRIAL, TOTALS_FEN, WORK_OF_SAMPLE
from contracts.settlement.provider.case import STAGES, SYSTEMS, PaymentCase, normalise
from contracts.settlement.provider.program import PaymentProgram

CARE = ("inpatient", "outpatient", "day_surgery", "home_bed")
WEIGHTS = ("1", "0.4321", "7.5")


def trial_cases(region: str, rates: dict[str, str]) -> Iterator[PaymentCase]:
    """Every total with every kind of care, the other axes turning at their own pace."""
    number = 0
    for total in TOTALS_FEN:
        for care in CARE:
            system = SYSTEMS[number % len(SYSTEMS)]
            days = number * 3 % 61
            yield normalise(
                {
                    "bill": {
                        "total_fen": total,
                        "in_scope_fen": total,
                        "funds_fen": total * 7 // 10,
                        "others_fen": total - total * 7 // 10,
                    },
                    "visit": {"care_kind": care, "days": days},
                    "institution": {"id": "hospital:H", "level": number % 4, "region": region},
                    "group": {
                        "system": system,
                        "code": "A1" if system else "",
                        "weight": WEIGHTS[number % len(WEIGHTS)] if system else "0",
                        "average_cost_fen": 1_234_567 if system else 0,
                        "average_days_e1": 85 if system else 0,
                        "special_fen": 999_999 if system and number % 7 == 0 else 0,
                    },
                    "scheme": ("310", "390")[number % 2],
                    "cross_province": number % 5 == 0,
                    "stage": STAGES[number % 2],
                    "rates": rates,
                }
            )
            number += 1


def try_payment(
    program: PaymentProgram, region: str, rates: dict[str, str], spend: Callable[[int], None]
) -> int:
    """Run the grid. Returns how many samples were answered.

    Rejects ``provider.trial-failed`` with the number of the sample, what failed and where;
    ``provider.trial-empty`` when the policy refuses every sample by ``fail``.
    """
    program = program.limited(BUDGET_TRIAL, spend)
    answered = number = 0
    for number, case in enumerate(trial_cases(region, rates)):
        spend(WORK_OF_SAMPLE)
        try:
            program.pay(case)
            answered += 1
        except PolicyError as error:
            if not (isinstance(error, PolicyFault) and error.fault.startswith("fail:")):
                _failed(number, case, error.code, error.values)
        except Rejected as refusal:
            _failed(number, case, refusal.code, refusal.values)
    if not answered:
        reject("provider.trial-empty", samples=number + 1)
    return answered


def _failed(number: int, case: PaymentCase, code: str, values: dict[str, object]) -> None:
    reject(
        "provider.trial-failed",
        sample=number,
        total_fen=case["bill"]["total_fen"],
        care_kind=case["visit"]["care_kind"],
        system=case["group"]["system"],
        failed=code,
        **{f"failed_{key}": value for key, value in values.items()},
    )
