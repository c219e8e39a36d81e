"""A bill of the simulated world, decided in exact fractions: the split, and the home places' rules.

The rules are those that the world's policies and catalogue state (``tests.contracts.settlement.
claim_world``, ``tests.node.conservation_world``), written down again as a clerk would compute them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from tests.contracts.settlement.claim_world import COSMETIC, IMPLANT, RESTRICTED, TEST
from tests.simulation.model.world import Person

KNOWN = frozenset({"001102000040000", TEST, IMPLANT, RESTRICTED, COSMETIC})
FIRST_PAY = {TEST: Fraction(1, 10), IMPLANT: Fraction(1, 5)}
"""Class B: what the patient pays first of the part below the ceiling."""
CEILING_YUAN = {IMPLANT: 500}
"""For a unit."""


def fen(exact: Fraction) -> int:
    """Half up, once."""
    return (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)


@dataclass
class Split:
    """The four sums of a bill."""

    own_expense: int = 0
    over_ceiling: int = 0
    first_pay: int = 0
    in_scope: int = 0

    @property
    def total(self) -> int:
        return self.own_expense + self.over_ceiling + self.first_pay + self.in_scope


@dataclass
class Shares:
    """Who pays: (fund type, fen) in order, and what the patient used up."""

    payments: list[tuple[str, int]] = field(default_factory=list)
    waived: int = 0
    counters: dict[str, int] = field(default_factory=dict)
    account_limit: int = 0
    """The most that the personal account may pay."""
    reasons: set[str] = field(default_factory=set)
    """Why the home rule cannot be carried out."""


def split(lines: list[list[Any]]) -> Split:
    """Each line: outside the catalogue, above the ceiling, paid first, in scope."""
    sums = Split()
    for _, code, _, _, quantity_e4, amount, confirmed, *_ in lines:
        unmet = code == RESTRICTED and confirmed != 1
        declined = code != RESTRICTED and confirmed == 2
        if code not in KNOWN or code == COSMETIC or unmet or declined:
            sums.own_expense += amount
            continue
        over = 0
        if code in CEILING_YUAN:
            allowed = Fraction(CEILING_YUAN[code] * 100 * quantity_e4, 10_000)
            over = max(0, amount - fen(allowed))
        first = fen(FIRST_PAY.get(code, Fraction(0)) * (amount - over))
        sums.over_ceiling += over
        sums.first_pay += first
        sums.in_scope += amount - over - first
    return sums


def needs_consent(line: list[Any]) -> bool:
    """Whether the patient has to agree to pay for it."""
    return line[1] not in KNOWN or line[1] == COSMETIC


def share(
    person: Person, sums: Split, counters: Mapping[str, int], *, inpatient: bool, emergency: bool
) -> Shares:
    """What the home place pays of a bill."""
    if person.area == "430200":
        return _odd(sums)
    if person.scheme == "390":
        return _resident(sums)
    return _employee(sums, counters, inpatient=inpatient, emergency=emergency)


def _employee(
    sums: Split, counters: Mapping[str, int], *, inpatient: bool, emergency: bool
) -> Shares:
    yearly = 120_000 if inpatient else 30_000
    deductible = min(max(0, yearly - counters.get("deductible_fen", 0)), sums.in_scope)
    # Nobody's filing is ever approved in this world; an emergency needs none.
    ratio = Fraction(85 if emergency else 65, 100)
    basic = fen((sums.in_scope - deductible) * ratio)
    basic = min(basic, max(0, 10_000_000 - counters.get("pool_fen", 0)))
    return Shares(
        [("310100", basic)],
        counters={"deductible_fen": deductible, "pool_fen": basic},
        account_limit=sums.in_scope - basic,
    )


def _resident(sums: Split) -> Shares:
    deductible = min(100_000, sums.in_scope)
    basic = fen((sums.in_scope - deductible) * Fraction(60, 100))
    left = sums.in_scope - basic
    critical = fen(max(0, left - 1_000_000) * Fraction(60, 100))
    helped = fen((left - critical) * Fraction(70, 100))
    return Shares(
        [("390100", basic), ("390200", critical), ("610100", helped)],
        counters={"deductible_fen": deductible, "critical_fen": critical},
    )


def _odd(sums: Split) -> Shares:
    """A policy that answers what it should not on bills whose fen end in 501 to 510."""
    third = fen(sums.in_scope * Fraction(333, 1000))
    counters = {"odd_fen": third, "visits": 1}
    odd = sums.in_scope % 1000
    if odd == 506:
        return Shares([("310100", sums.total)], counters=counters)
    if odd == 507:
        waived, helped = fen(sums.in_scope * Fraction(1, 2)), fen(sums.in_scope * Fraction(1, 4))
        left = sums.in_scope - helped - waived
        return Shares([("610100", helped)], waived, counters, account_limit=max(0, left))
    if 501 <= odd <= 510:
        return Shares(
            reasons={
                "policy.answer-malformed", "policy.overspends", "policy.fault", "policy.refuses",
                "counters.negative",
            }
        )  # fmt: skip
    if 3 * third > sums.in_scope:
        return Shares(reasons={"policy.overspends"})
    return Shares(
        [("310100", third), ("310100", third), ("330100", third)],
        counters=counters,
        account_limit=sums.in_scope - 3 * third,
    )
