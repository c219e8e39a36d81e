"""Adjudication: case and policy in, ``Decision`` out. Pure; nothing is read or written.

Step 1 splits the bill by the catalogue of the place of care (``cost_split``). Step 2 runs the
insured place's policy on the case. Whatever the policy answers is checked: no payment is negative
or above what is open when its layer is reached. Step 3 is the rest: the personal account as far as
the person chose it and the policy allows, a credit draw, cash. Every decision is checked against
the identities before it leaves.

A stay over the end of the benefit year is one case, or one part for each year, as the policy says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from contracts.api import reject
from contracts.quick import quick
from contracts.settlement.answer import ADMISSIONS, Answer, AnswerPayment, read_answer
from contracts.settlement.case import Case
from contracts.settlement.cost_split import Coverage, LineSplit, add_up, split_line
from contracts.settlement.decision import CounterChange, Decision, Payment, Refusal
from contracts.settlement.money import FEN_LIMIT
from contracts.settlement.terms import BASE_IN_SCOPE, BASE_OUT_OF_SCOPE, INPATIENT_KINDS

Value = Any

WHOLE_STAY = "discharge_year"
BY_SERVICE_DATE = "split_by_service_date"
AT_BOUNDARY = "split_at_boundary"
CROSS_YEAR = (WHOLE_STAY, BY_SERVICE_DATE, AT_BOUNDARY)
"""How a policy treats a stay over the year's end (SETTLEMENT.md section 5)."""


class Policy(Protocol):
    """What adjudication needs of a policy; ``policy_program.PolicyProgram`` is the real one."""

    def settle(self, case: Case) -> tuple[Value, list[dict[str, Value]]]:
        """The policy's answer and the steps it recorded."""

    @property
    def sets_first_pay(self) -> bool:
        """Whether ``first_pay`` may answer anything but ``None``."""

    def first_pay(self, case: Case, line: dict[str, Value]) -> str | None:
        """The insured place's own first-pay ratio for a line, or ``None`` for the catalogue's."""

    def benefit_year(self, date: str) -> int:
        """The benefit year of a date."""

    def cross_year(self) -> str:
        """One of ``CROSS_YEAR``."""


@dataclass(slots=True)
class Open:
    """What nobody has paid yet, kept apart for the in-scope amount and the rest."""

    in_scope_fen: int
    outside_fen: int

    def available(self, base: str) -> int:
        """What a payment on this base may take at most."""
        if base == BASE_IN_SCOPE:
            return self.in_scope_fen
        if base == BASE_OUT_OF_SCOPE:
            return self.outside_fen
        return self.in_scope_fen + self.outside_fen

    def pay(self, base: str, amount_fen: int) -> int:
        """Take the amount; a payer of the total covers the in-scope part first.

        Returns how much of it was in scope. The caller has compared with ``available``.
        """
        inside = 0 if base == BASE_OUT_OF_SCOPE else min(amount_fen, self.in_scope_fen)
        self.in_scope_fen -= inside
        self.outside_fen -= amount_fen - inside
        assert self.in_scope_fen >= 0, "paid more of the in-scope amount than was open"
        assert self.outside_fen >= 0, "paid more outside the scope than was open"
        return inside


@quick(frozen=True, slots=True)
class YearPart:
    """The benefit of one year's part of a bill."""

    year: int
    sums: dict[str, int]
    payments: tuple[Payment, ...]
    deductible_fen: int
    counters: tuple[CounterChange, ...]
    steps: tuple[dict[str, Value], ...]
    refusals: tuple[Refusal, ...]
    account_limit_fen: int


def adjudicate(case: Case, policy: Policy) -> Decision:
    """Decide a case (as ``case.normalise`` gives it).

    Raises ``Rejected`` with a ``policy.*`` or ``case.*`` code; never answers a decision out of
    balance (that is an ``AssertionError``).
    """
    year = year_of(case, policy)
    case = {**case, "year": year, "counters": counters_of(case, year)}
    lines = tuple(split_lines(case, policy))
    parts: list[YearPart] = []
    for part in _parts(case, lines, policy):
        if part["visit"]["part"] > 1 and policy.cross_year() == AT_BOUNDARY:
            part["visit"]["deductible_paid_fen"] = sum(p.deductible_fen for p in parts)
        parts.append(benefit(part, policy))
    decision = rest(case, lines, parts)
    decision.check()
    return decision


def year_of(case: Case, policy: Policy) -> int:
    if case["year"] is not None:
        return int(case["year"])
    discharge = case["visit"]["discharge"]
    return policy.benefit_year(discharge) if discharge else 0


def counters_of(case: Case, year: int) -> Mapping[str, int]:
    """The year's own counters, which a file may give under ``counters`` or by their year."""
    given: Mapping[str, int] = case["counters"]
    by_year: Mapping[str, int] | None = case["counters_by_year"].get(str(year))
    if by_year is None or by_year == given:
        return given
    if given:
        reject("case.counters-differ", year=year)
    return by_year


def split_lines(case: Case, policy: Policy) -> list[LineSplit]:
    """Step 1: the split of each charge line. Empty when the case gives sums."""
    level = case["institution"]["level"]
    sets_first_pay = policy.sets_first_pay
    told = without_split(case) if sets_first_pay else {}
    result = []
    for line in case["lines"]:
        coverage: Coverage | None = line["item"]
        own_ratio = None
        if coverage is not None and sets_first_pay:
            seen = {k: line[k] for k in ("code", "service_date", "amount_fen")}
            own_ratio = policy.first_pay(
                told,
                seen | {"class": coverage.item_class, "first_pay": coverage.first_pay},
            )
        result.append(
            split_line(
                code=line["code"],
                service_date=line["service_date"],
                amount_fen=line["amount_fen"],
                quantity_e4=line["quantity_e4"],
                confirmed=line["confirmed"],
                coverage=coverage,
                level=level,
                first_pay=own_ratio,
            )
        )
    return result


def without_split(case: Case) -> Case:
    told = dict(case)
    for engine_s_own in ("lines", "sums", "counters_by_year"):
        told.pop(engine_s_own, None)
    return told


def _parts(case: Case, lines: tuple[LineSplit, ...], policy: Policy) -> list[Case]:
    """The cases that the policy sees: one, or one for each benefit year of a split stay."""
    sums = case["sums"] if case["sums"] is not None else add_up(lines)
    whole = {
        **without_split(case),
        "sums": sums,
        "lines": [line.for_policy() for line in lines],
    }
    years = _years(case, lines, policy)
    if not years or years == [case["year"]]:
        return [whole]
    if case["paid"]:
        reject("case.paid-in-split-stay", years=years)
    parts = []
    for number, year in enumerate(years, start=1):
        own = [line for line in lines if policy.benefit_year(line.service_date) == year]
        told = told_of_year(case, policy, year, number, len(years))
        lines_told = [line.for_policy() for line in own]
        parts.append({**whole, **told, "sums": add_up(own), "lines": lines_told})
    return parts


def told_of_year(case: Case, policy: Policy, year: int, number: int, parts: int) -> Case:
    """What the policy is told of one year's part beside its bill: counters, and the visit.

    Split by service date, each year counts its own admissions, so the part of an earlier year is
    that year's next one. In the other conventions the stay is one, and counts where it ends.
    """
    known: Mapping[str, int] = case["counters"] if year == case["year"] else {}
    counters = case["counters_by_year"].get(str(year), known)
    visit = {**case["visit"], "part": number, "parts": parts}
    if (
        year != case["year"]
        and visit["care_kind"] in INPATIENT_KINDS
        and policy.cross_year() == BY_SERVICE_DATE
    ):
        visit["admission_number"] = counters.get(ADMISSIONS, 0) + 1
    return {"year": year, "counters": counters, "visit": visit}


def _years(case: Case, lines: tuple[LineSplit, ...], policy: Policy) -> list[int]:
    visit = case["visit"]
    if not lines or not visit["discharge"]:
        return []
    if policy.benefit_year(visit["admission"]) == policy.benefit_year(visit["discharge"]):
        return []
    if policy.cross_year() == WHOLE_STAY:
        return []
    first = policy.benefit_year(visit["admission"])
    last = policy.benefit_year(visit["discharge"])
    years = sorted({policy.benefit_year(line.service_date) for line in lines})
    if not first <= years[0] <= years[-1] <= last:
        # Counters are read for the years from admission to discharge; there are no others.
        reject("policy.answer-malformed", path="benefit_year", want="a year that never goes back")
    return years


def benefit(case: Case, policy: Policy) -> YearPart:
    """Step 2 for one part: run the policy and hold its answer to what is open."""
    sums = case["sums"]
    still_open = Open(sums["in_scope_fen"], sums["total_fen"] - sums["in_scope_fen"])
    payments = [_earlier(row, still_open, case["year"]) for row in case["paid"]]
    value, steps = policy.settle(
        {
            **case,
            "open": {
                "in_scope_fen": still_open.in_scope_fen,
                "out_of_scope_fen": still_open.outside_fen,
            },
        }
    )
    answer = read_answer(value)
    for wanted in answer.payments:
        payment = layer(wanted, still_open, case["year"])
        if payment is not None:
            payments.append(payment)
    limit = answer.account_limit_fen
    return YearPart(
        year=case["year"],
        sums=sums,
        payments=tuple(p for p in payments if p.amount_fen),
        # The deductible applied is by definition not more than what it is taken from.
        deductible_fen=min(answer.deductible_fen, sums["in_scope_fen"]),
        counters=_counter_changes(case, answer),
        steps=tuple({**step, "year": case["year"]} for step in [*steps, *answer.steps]),
        refusals=tuple(Refusal(code, -1, sums["in_scope_fen"]) for code in answer.refusals),
        account_limit_fen=still_open.in_scope_fen if limit is None else limit,
    )


def _earlier(row: Mapping[str, Value], still_open: Open, year: int) -> Payment:
    amount, base = row["amount_fen"], row["base"]
    if amount > still_open.available(base):
        reject(
            "case.paid-above-bill", fund=row["fund"], amount_fen=amount, base=base,
            open_fen=still_open.available(base),
        )  # fmt: skip
    inside = still_open.pay(base, amount)
    return Payment(row["fund"], row["payer"], base, amount, "paid-before", inside, year, True)


def layer(wanted: AnswerPayment, still_open: Open, year: int) -> Payment | None:
    """Take what a layer asks out of what is open. Refuses with ``policy.overspends``."""
    available = still_open.available(wanted.base)
    if wanted.amount_fen > available:
        reject(
            "policy.overspends", fund=wanted.fund, amount_fen=wanted.amount_fen,
            open_fen=available, base=wanted.base, why=wanted.why,
        )  # fmt: skip
    inside = still_open.pay(wanted.base, wanted.amount_fen)
    return Payment(
        fund=wanted.fund,
        payer=wanted.payer,
        base=wanted.base,
        amount_fen=wanted.amount_fen,
        why=wanted.why,
        in_scope_fen=inside,
        year=year,
    )


def _counter_changes(case: Case, answer: Answer) -> tuple[CounterChange, ...]:
    before: Mapping[str, int] = case["counters"]
    names = sorted({**before, **answer.counters})
    changes = tuple(
        CounterChange(case["year"], name, before.get(name, 0), answer.counters.get(name, 0))
        for name in names
    )
    # The ledger keeps no counter below 0, so a case file must not promise one either.
    for change in changes:
        if change.delta and change.after < 0:
            reject("counters.negative", name=change.name)
        if change.delta and change.after > FEN_LIMIT:
            reject("policy.answer-malformed", path=f"counters.{change.name}",
                   want=f"at most {FEN_LIMIT} after this settlement")  # fmt: skip
    return changes


def rest(case: Case, lines: tuple[LineSplit, ...], parts: list[YearPart]) -> Decision:
    """Step 3: what nobody paid is the person's: account, then a relative's, then cash."""
    sums = parts[0].sums
    if len(parts) > 1:
        sums = {key: sum(part.sums[key] for part in parts) for key in sums}
    payments = tuple(payment for part in parts for payment in part.payments)
    person = sums["total_fen"] - sum(p.amount_fen for p in payments)
    limit = min(person, sum(part.account_limit_fen for part in parts))
    account = family = 0
    if case["use_account"]:
        account = min(limit, case["account_balance_fen"])
        family = min(limit - account, case["family_balance_fen"])
    line_refusals = tuple(
        Refusal(line.reason, index, line.own_expense_fen or line.over_ceiling_fen)
        for index, line in enumerate(lines)
        if line.reason
    )
    return Decision(
        **sums,
        lines=lines,
        payments=payments,
        deductible_fen=sum(part.deductible_fen for part in parts),
        person_fen=person,
        account_fen=account + family,
        family_fen=family,
        # A credit draw takes from cash only, with the bank's hold: no bank, no draw.
        credit_fen=0,
        cash_fen=person - account - family,
        account_limit_fen=limit,
        counters=tuple(change for part in parts for change in part.counters),
        steps=tuple(step for part in parts for step in part.steps),
        refusals=(*line_refusals, *(r for part in parts for r in part.refusals)),
        year=case["year"],
        years=tuple(part.year for part in parts),
    )
