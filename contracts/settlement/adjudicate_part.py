"""Deciding a part of a stay: what the whole stay so far comes to, less what its parts came to.

The policy is asked about the stay as if it had been settled whole until today: sums of all parts,
counters without what the parts have added, one admission. Of each layer the part gets what that is
more than the parts before it got. So the deductible of the stay is charged once, bands and caps go
on where they were, no policy has to know of parts, and a stay settled in parts comes to what it
comes to whole, in each of the three conventions about the year's end.

What was paid stays paid, and a part never pays for another part's bill. So there is a difference
where the whole comes to less than the parts before it (a policy that pays less for a larger bill,
or changed for the worse in mid-stay: nothing is asked back), where two layers round up on a last
part of one fen, which cannot be paid two, and where the whole stay belongs to
the year of discharge and that year's counters stand otherwise than those of the year in which the
first parts were settled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from contracts.quick import quick
from contracts.settlement.adjudicate import (
    AT_BOUNDARY,
    WHOLE_STAY,
    Open,
    Policy,
    YearPart,
    benefit,
    counters_of,
    rest,
    split_lines,
    told_of_year,
    without_split,
    year_of,
)
from contracts.settlement.answer import ADMISSIONS
from contracts.settlement.case import Case
from contracts.settlement.cost_split import LineSplit, add_up
from contracts.settlement.decision import CounterChange, Decision, Payment, Refusal
from contracts.settlement.part_record import SUMS, PartFigures, SoFar

_Sums = Mapping[str, int]
_NOTHING: _Sums = dict.fromkeys(SUMS, 0)


@quick(frozen=True, slots=True)
class _Owed:
    """One benefit year's part: its own sums, and those of the stay so far with it."""

    year: int
    own: _Sums
    whole: _Sums


def adjudicate_part(
    case: Case, policy: Policy, so_far: SoFar, *, level: int
) -> tuple[Decision, PartFigures]:
    """Decide a part of a stay.

    ``case``: the stay's, with the part's lines and with counters without what earlier parts added.
    ``level``: of the institution whose lines they are, for price ceilings. Raises like
    ``adjudicate``.
    """
    year = year_of(case, policy)
    case = {**case, "year": year, "counters": counters_of(case, year)}
    here = {**case, "institution": {**case["institution"], "level": level}}
    lines = tuple(split_lines(here, policy))
    own = _by_year(lines, policy)
    alone, years = _years(case, own, policy, so_far)
    found: list[YearPart] = []
    charged = 0
    for number, owed in enumerate(years, start=1):
        told = _told(case, policy, owed, number, len(years))
        if number > 1 and policy.cross_year() == AT_BOUNDARY:
            told["visit"]["deductible_paid_fen"] = charged
        whole = benefit(told, policy)
        charged += whole.deductible_fen
        found.append(_less(whole, owed, so_far, alone=alone))
    changes = _moved(case, {owed.year for owed in years}, so_far)
    decision = rest(case, lines, found)
    if changes:
        decision = replace(decision, counters=(*changes, *decision.counters))
    decision.check()
    return decision, _figures(own, years, found, decision)


def _by_year(lines: tuple[LineSplit, ...], policy: Policy) -> dict[int, _Sums]:
    """The part's own sums by the benefit year of the days of service."""
    years: dict[str, int] = {}
    for line in lines:
        if line.service_date not in years:
            years[line.service_date] = policy.benefit_year(line.service_date)
    return {
        year: add_up([line for line in lines if years[line.service_date] == year])
        for year in sorted(set(years.values()))
    }


def _years(
    case: Case, own: Mapping[int, _Sums], policy: Policy, so_far: SoFar
) -> tuple[bool, list[_Owed]]:
    """What is decided: the stay as one (then true), or each benefit year, as the policy says."""
    visit = case["visit"]
    within = policy.benefit_year(visit["admission"]) == policy.benefit_year(visit["discharge"])
    if within or so_far.as_one or policy.cross_year() == WHOLE_STAY:
        here, before = _total(own), _total(so_far.sums)
        return True, [_Owed(case["year"], here, _plus(here, before))]
    owed = []
    for year in sorted({*own, *so_far.sums}):
        here = own.get(year, _NOTHING)
        owed.append(_Owed(year, here, _plus(here, so_far.sums.get(year, _NOTHING))))
    return False, owed


def _total(by_year: Mapping[int, _Sums]) -> _Sums:
    total = _NOTHING
    for sums in by_year.values():
        total = _plus(total, sums)
    return total


def _plus(one: _Sums, other: _Sums) -> dict[str, int]:
    return {name: one[name] + other[name] for name in SUMS}


def _told(case: Case, policy: Policy, owed: _Owed, number: int, parts: int) -> Case:
    """What the policy is told: the stay so far, without its lines. There is no such key: a policy
    that gets at it, though its source does not say so, fails instead of finding none."""
    told = told_of_year(case, policy, owed.year, number, parts)
    return {**without_split(case), **told, "sums": dict(owed.whole)}


def _less(whole: YearPart, owed: _Owed, so_far: SoFar, *, alone: bool) -> YearPart:
    """What the stay so far comes to, less what its earlier parts came to.

    ``alone``: the stay is decided as one, so earlier parts of every year count.
    """
    before: Counter[tuple[str, str, str]] = Counter()
    for (year, *key), amount in so_far.paid.items():
        if alone or year == owed.year:
            before[key[0], key[1], key[2]] += amount
    left = Open(owed.own["in_scope_fen"], owed.own["total_fen"] - owed.own["in_scope_fen"])
    payments, steps = [], list(whole.steps)
    for payment in whole.payments:
        payment, step = _more(payment, before, left)
        payments += [payment] if payment.amount_fen else []
        steps += [step] if step else []
    allowed = whole.account_limit_fen - _of(so_far.limits, owed.year, alone=alone)
    deductible = whole.deductible_fen - _of(so_far.deductibles, owed.year, alone=alone)
    return YearPart(
        year=owed.year,
        sums=dict(owed.own),
        payments=tuple(payments),
        deductible_fen=min(max(0, deductible), owed.own["in_scope_fen"]),
        counters=_less_counted(whole.counters, owed.year, so_far, alone=alone),
        steps=tuple(steps),
        refusals=tuple(Refusal(r.code, -1, owed.own["in_scope_fen"]) for r in whole.refusals),
        account_limit_fen=max(0, allowed),
    )


def _of(by_year: Counter[int], year: int, *, alone: bool) -> int:
    return sum(by_year.values()) if alone else by_year[year]


def _more(
    payment: Payment, before: Counter[tuple[str, str, str]], left: Open
) -> tuple[Payment, dict[str, object] | None]:
    """What a layer pays more than before, at most what is open of the part; and the step."""
    key = (payment.fund, payment.payer, payment.base)
    earlier = min(before[key], payment.amount_fen)
    before[key] -= earlier
    amount = min(payment.amount_fen - earlier, left.available(payment.base))
    inside = left.pay(payment.base, amount)
    made = Payment(
        payment.fund, payment.payer, payment.base, amount, payment.why, inside, payment.year
    )
    if amount == payment.amount_fen:
        return made, None
    step = {
        "code": "earlier_parts", "op": "above", "year": payment.year, "parameter": None,
        "amounts_fen": [payment.amount_fen, payment.amount_fen - amount], "result_fen": amount,
    }  # fmt: skip
    return made, step


def _less_counted(
    whole: tuple[CounterChange, ...], year: int, so_far: SoFar, *, alone: bool
) -> tuple[CounterChange, ...]:
    """The counters' changes: from where the earlier parts have left them."""
    counted, gone = so_far.counted.get(year, Counter()), so_far.gone(year, alone=alone)
    changes = {change.name: change for change in whole}
    return tuple(
        CounterChange(
            year,
            name,
            (changes[name].before if name in changes else 0) + counted[name],
            (changes[name].delta if name in changes else 0) - gone[name],
        )
        for name in sorted({*changes, *gone} - {ADMISSIONS})
    ) + tuple(
        # How often somebody was admitted is the engine's own: once for the stay.
        CounterChange(year, ADMISSIONS, change.before + counted[ADMISSIONS], 0)
        for change in whole
        if change.name == ADMISSIONS
    )


def _moved(case: Case, decided: set[int], so_far: SoFar) -> tuple[CounterChange, ...]:
    """A stay counts in the year in which it ends: what was counted before it moves with it."""
    return tuple(
        CounterChange(
            year, name, case["counters_by_year"].get(str(year), {}).get(name, 0) + delta, -delta
        )
        for year, counted in sorted(so_far.counted.items())
        if year not in decided
        for name, delta in sorted(counted.items())
        if name != ADMISSIONS and delta
    )


def _figures(
    own: Mapping[int, _Sums], years: list[_Owed], found: list[YearPart], decision: Decision
) -> PartFigures:
    return PartFigures(
        sums=tuple(
            (year, sums["total_fen"], sums["own_expense_fen"], sums["over_ceiling_fen"],
             sums["first_pay_fen"], sums["in_scope_fen"])
            for year, sums in own.items()
        ),
        benefits=tuple(
            (owed.year, part.deductible_fen, part.account_limit_fen)
            for owed, part in zip(years, found, strict=True)
        ),
        paid=tuple(
            (p.year, p.fund, p.payer, p.base, p.amount_fen)
            for part in found
            for p in part.payments
        ),
        counted=tuple(
            (change.year, change.name, change.delta)
            for change in decision.counters
            if change.delta and change.name != ADMISSIONS
        ),
    )  # fmt: skip
