"""The policy for somebody to whom no fund owes anything, whatever the area's policy would say.

A long-term resident elsewhere whose insured place keeps no entitlement at home is settled there
like anybody else, and pays: a decision with its reason, and not a patient turned away. Everything
but the benefit (first-pay ratios, benefit year) stays the area's policy's.
"""

from __future__ import annotations

from collections.abc import Mapping

from contracts.settlement.adjudicate import Policy, Value
from contracts.settlement.case import Case

THIRD_PARTY = "claim.third-party-liable"


class NoBenefit:
    """``adjudicate.Policy`` that pays nothing and says why."""

    def __init__(self, policy: Policy, reason: str) -> None:
        self._policy = policy
        self._reason = reason

    def settle(self, case: Case) -> tuple[Value, list[dict[str, Value]]]:
        """Nothing from any fund, no deductible used up, nothing counted."""
        return {"payments": [], "refusals": [self._reason]}, []

    @property
    def sets_first_pay(self) -> bool:
        """As the area's policy has it."""
        return self._policy.sets_first_pay

    def first_pay(self, case: Case, line: dict[str, Value]) -> str | None:
        """As the area's policy has it."""
        return self._policy.first_pay(case, line)

    def benefit_year(self, date: str) -> int:
        """As the area's policy has it."""
        return self._policy.benefit_year(date)

    def cross_year(self) -> str:
        """As the area's policy has it."""
        return self._policy.cross_year()


def asked_about(case: Case, policy: Policy) -> Policy:
    """Who is asked about a case file: with a third party liable no policy, as on the ledger."""
    return NoBenefit(policy, THIRD_PARTY) if case["visit"]["third_party"] else policy


def was_applied(told: Mapping[str, Value], reason: str) -> bool:
    """Whether an explanation says that nothing was owed for this reason.

    The visit does not say it: where the fund pays first, the hospital's word that somebody else is
    liable stays, and the bill is decided as if nobody were (``recovery``).
    """
    return any(code == reason for code, _, _ in told["refusals"])
