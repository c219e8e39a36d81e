"""Two policies on the same claims: who pays more or less, by how much, and why.

The sandbox in which a bureau tries a rule before it is in force. Pure: claims are case documents,
what comes out is values; ``policy_try`` reads the files and prints.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from contracts.api import Rejected
from contracts.meter import PolicyError
from contracts.settlement.adjudicate import adjudicate
from contracts.settlement.benefits_text import formula
from contracts.settlement.case import Case
from contracts.settlement.decision import Decision
from contracts.settlement.no_benefit import asked_about
from contracts.settlement.policy_program import PolicyProgram

GROUPS: Mapping[str, tuple[str, str]] = {
    "care": ("visit", "care_kind"),
    "category": ("person", "category"),
    "scheme": ("person", "scheme"),
    "level": ("institution", "level"),
    "filing": ("filing", "type"),
}
"""Words of ``--by``: which entry of the case tells the groups apart."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One claim under both policies."""

    name: str
    group: str
    before: Decision | str
    """The decision, or the code with which the policy did not decide."""
    after: Decision | str

    @property
    def person_change_fen(self) -> int:
        """What the patient pays more (positive) or less under the second policy."""
        return _person(self.after) - _person(self.before)

    @property
    def decided(self) -> bool:
        """Whether both policies decide the claim."""
        return isinstance(self.before, Decision) and isinstance(self.after, Decision)

    def payer_changes(self) -> dict[str, int]:
        """By fund, what it pays more or less; funds without a change are left out."""
        before, after = _by_fund(self.before), _by_fund(self.after)
        changes = {code: after.get(code, 0) - before.get(code, 0) for code in {**before, **after}}
        return {code: change for code, change in sorted(changes.items()) if change}

    def why(self) -> str:
        """The first step in which the two explanations part."""
        if isinstance(self.before, str) or isinstance(self.after, str):
            return f"{_outcome(self.before)} -> {_outcome(self.after)}"
        for one, other in zip_longest(self.before.steps, self.after.steps):
            if _told(one) != _told(other):
                return f"{_told(one)} -> {_told(other)}"
        words = [sorted({r.code for r in d.refusals}) for d in (self.before, self.after)]
        return "" if words[0] == words[1] else f"{words[0]} -> {words[1]}"


@dataclass(slots=True)
class Totals:
    """Sums over claims that both policies decide; ``undecided`` are not in them."""

    claims: int = 0
    pay_more: int = 0
    pay_less: int = 0
    undecided: int = 0
    person_change_fen: int = 0
    payer_change_fen: dict[str, int] = field(default_factory=dict)

    def add(self, compared: Compared) -> None:
        """Count one claim."""
        self.claims += 1
        if not compared.decided:
            self.undecided += 1
            return
        change = compared.person_change_fen
        self.pay_more += change > 0
        self.pay_less += change < 0
        self.person_change_fen += change
        for code, amount in compared.payer_changes().items():
            self.payer_change_fen[code] = self.payer_change_fen.get(code, 0) + amount

    def to_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "claims": self.claims,
            "pay_more": self.pay_more,
            "pay_less": self.pay_less,
            "same": self.claims - self.pay_more - self.pay_less - self.undecided,
            "undecided": self.undecided,
            "person_change_fen": self.person_change_fen,
            "payer_change_fen": dict(sorted(self.payer_change_fen.items())),
        }


def compare(
    before: PolicyProgram, after: PolicyProgram, claims: Iterable[tuple[str, Case]], by: str
) -> list[Compared]:
    """Decide every claim twice. ``by``: a word of ``GROUPS``."""
    group, key = GROUPS[by]
    return [
        Compared(name, str(case[group][key]), _decide(before, case), _decide(after, case))
        for name, case in claims
    ]


def _decide(policy: PolicyProgram, case: Case) -> Decision | str:
    try:
        return adjudicate(case, asked_about(case, policy))
    except PolicyError as error:
        return error.code
    except Rejected as refusal:
        return refusal.code


def _person(decision: Decision | str) -> int:
    return 0 if isinstance(decision, str) else decision.person_fen


def _by_fund(decision: Decision | str) -> dict[str, int]:
    if isinstance(decision, str):
        return {}
    paid: dict[str, int] = {}
    for payment in decision.payments:
        paid[payment.fund] = paid.get(payment.fund, 0) + payment.amount_fen
    return paid


def _outcome(decision: Decision | str) -> str:
    return decision if isinstance(decision, str) else "decided"


def _told(step: Mapping[str, Any] | None) -> str:
    return "nothing" if step is None else f"{step['code']}: {formula(step)}"
