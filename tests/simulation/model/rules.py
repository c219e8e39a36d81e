"""The catalogue's split and the home policies, by hand, in exact fractions of a fen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor
from typing import Any

from tests.simulation.model.book import Refused
from tests.simulation.model.facts import Facts
from tests.simulation.model.outcome import LIMIT

WAIVER = "630100"


def fen(exact: Fraction | int) -> int:
    """Half up; nothing here is negative."""
    return floor(exact + Fraction(1, 2))


def percent(text: str) -> Fraction:
    return Fraction(text.rstrip("%")) / 100


def amount_of(price_e6: int, quantity_e4: int) -> int:
    return fen(Fraction(price_e6 * quantity_e4, 10**8))


def split(facts: Facts, rows: list[list[Any]]) -> dict[str, int]:
    """The four sums and their total of charge lines as they are uploaded."""
    total = own = over = first = 0
    for _, code, _, _, quantity, amount, confirmed, *_ in rows:
        total += amount
        item = facts.items.get(code)
        counts = item is not None and item.item_class != "03"
        if counts and item is not None:
            counts = confirmed == 1 if item.restricted else confirmed != 2
        if not counts or item is None:
            own += amount
            continue
        ceiling = item.ceilings.get(facts.level, item.ceilings.get(0))
        above = 0 if ceiling is None else max(0, amount - amount_of(ceiling, quantity))
        over += above
        if item.item_class == "02":
            first += fen((amount - above) * percent(item.first_pay))
    return {
        "total_fen": total, "own_expense_fen": own, "over_ceiling_fen": over,
        "first_pay_fen": first, "in_scope_fen": total - own - over - first,
    }  # fmt: skip


@dataclass
class Benefit:
    """What a home policy grants."""

    payments: list[tuple[str, int, str]]
    """Fund, fen, and whether of the amount ``in_scope`` or of the ``total``."""
    counters: dict[str, int] = field(default_factory=dict)
    account_limit_fen: int | None = None
    """None: what stays open of the amount in scope."""


@dataclass(frozen=True)
class Case:
    """What the policies of the world look at."""

    sums: dict[str, int]
    care_kind: str
    emergency: bool
    filing: str
    counted: dict[str, int]

    def counter(self, name: str) -> int:
        """A counter that the policy looks at."""
        return self.counted.get(name, 0)


def employee(case: Case) -> Benefit:
    """1200 yuan a year are deducted for stays, 300 otherwise; 85 %, or 65 % without a filing; at
    most 100,000 yuan a year."""
    scope = case.sums["in_scope_fen"]
    yearly = 120_000 if case.care_kind == "inpatient" else 30_000
    deductible = min(scope, max(0, yearly - case.counter("deductible_fen")))
    full = case.filing != "none" or case.emergency
    pool = fen((scope - deductible) * Fraction(85 if full else 65, 100))
    pool = min(pool, max(0, 10_000_000 - case.counter("pool_fen")))
    return Benefit([("310100", pool, "in_scope")],
                   {"deductible_fen": deductible, "pool_fen": pool})  # fmt: skip


def resident(case: Case) -> Benefit:
    """1000 yuan each time; 60 %; 60 % of what is left above 10,000; 70 % of the rest for those with
    low income, as all residents of this world are. Accounts pay nothing."""
    scope = case.sums["in_scope_fen"]
    deductible = min(100_000, scope)
    basic = fen((scope - deductible) * Fraction(6, 10))
    critical = fen(max(0, scope - basic - 1_000_000) * Fraction(6, 10))
    helped = fen((scope - basic - critical) * Fraction(7, 10))
    return Benefit(
        [("390100", basic, "in_scope"), ("390200", critical, "in_scope"),
         ("610100", helped, "in_scope")],
        {"deductible_fen": deductible, "critical_fen": critical}, 0,
    )  # fmt: skip


def odd(case: Case) -> Benefit:
    """A third, three times; and wrong answers on bills whose fen end in 501 to 510."""
    scope, total = case.sums["in_scope_fen"], case.sums["total_fen"]
    third = fen(scope * Fraction(333, 1000))
    made = Benefit([("310100", third, "in_scope"), ("310100", third, "in_scope"),
                    ("330100", third, "in_scope")], {"odd_fen": third, "visits": 1})  # fmt: skip
    last = scope % 1000
    refused = {501: "policy.answer-malformed", 504: "policy.answer-malformed",
               505: "policy.answer-malformed", 508: "policy.fault",
               509: "policy.answer-malformed", 510: "policy.refuses"}  # fmt: skip
    if last in refused:
        raise Refused(refused[last])
    if last == 502:
        made.payments = [("310100", scope, "in_scope"), ("330100", 1, "in_scope")]
    elif last == 503:
        made.counters = {"odd_fen": LIMIT, "visits": -1}
    elif last == 506:
        made.payments = [("310100", total, "total")]
        made.account_limit_fen = LIMIT
    elif last == 507:
        made.payments = [(WAIVER, fen(scope * Fraction(1, 2)), "total"),
                         ("610100", fen(scope * Fraction(1, 4)), "in_scope")]  # fmt: skip
    return made


POLICIES: dict[str, Callable[[Case], Benefit]] = {
    "employee": employee, "resident": resident, "odd": odd,
}  # fmt: skip


@dataclass
class Decision:
    """A bill with everybody's part."""

    sums: dict[str, int]
    payments: list[tuple[str, int]]
    counters: dict[str, int]
    account_fen: int
    cash_fen: int

    def paid_by(self, *, waiver: bool) -> int:
        return sum(n for fund, n in self.payments if (fund == WAIVER) == waiver)

    def amounts(self) -> dict[str, int]:
        """As a receipt tells them."""
        told = dict(self.sums)
        told |= {"funds_fen": self.paid_by(waiver=False), "commercial_fen": 0}
        told |= {"hospital_share_fen": self.paid_by(waiver=True)}
        told |= {"person_fen": self.account_fen + self.cash_fen, "account_fen": self.account_fen}
        told |= {"credit_fen": 0, "cash_fen": self.cash_fen}
        for fund, amount in self.payments:
            told[f"fund_{fund}_fen"] = told.get(f"fund_{fund}_fen", 0) + amount
        return told


def decide(policy: str, case: Case, account_fen: int | None) -> Decision:
    """Layer by layer; then the account as far as it was chosen (else None); then cash."""
    benefit = POLICIES[policy](case)
    inside = case.sums["in_scope_fen"]
    outside = case.sums["total_fen"] - inside
    for _, amount, base in benefit.payments:
        if amount > inside + (outside if base == "total" else 0):
            raise Refused("policy.overspends")
        taken = min(amount, inside)
        inside, outside = inside - taken, outside - (amount - taken)
    for name, delta in sorted(benefit.counters.items()):
        after = case.counted.get(name, 0) + delta
        if delta and after < 0:
            raise Refused("counters.negative")
        if delta and after > LIMIT:
            raise Refused("policy.answer-malformed")
    left = inside + outside
    limit = inside if benefit.account_limit_fen is None else benefit.account_limit_fen
    account = 0 if account_fen is None else min(left, limit, account_fen)
    payments = [(fund, amount) for fund, amount, _ in benefit.payments if amount]
    counters = {name: delta for name, delta in benefit.counters.items() if delta}
    if case.care_kind == "inpatient":
        counters["admissions"] = 1
    return Decision(case.sums, payments, counters, account, left - account)
