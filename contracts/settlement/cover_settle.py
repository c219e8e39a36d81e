"""Commercial products in a settlement: which are asked, what they pay, what is kept and undone.

Only a person who has authorised a product has anything of this in the record that is read anyway;
for everybody else a settlement does not come here. Products that pay within the settlement come
first, then those that pay later, each kind in the order in which the person authorised them. What
is paid later is no payer of the bill: the patient has paid it, and the insurer owes the patient.
After payment (零星报销) every product pays later.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from contracts import organisations
from contracts.api import Context, Rejected, Value
from contracts.meter import PolicyError
from contracts.quick import quick
from contracts.settlement import bank_order, calendar, cover_counters, policy
from contracts.settlement.adjudicate import Open
from contracts.settlement.case import Case
from contracts.settlement.cover_adjudicate import (
    CoverAnswer,
    ask,
    case_for,
    open_after,
    with_payments,
)
from contracts.settlement.cover_record import (
    AT_ONCE,
    LATER,
    CoverPayment,
    CoverStage,
    CoverStep,
    Version,
    find_holder,
    find_payment,
    find_product,
    follow,
    payment_name,
)
from contracts.settlement.decision import Decision
from contracts.settlement.enrolment import Person
from contracts.settlement.enrolment_record import CoverConsent
from contracts.settlement.life import START
from contracts.settlement.records import CoverPart, Visit, salt_of

BUDGET_COVER = 50_000
"""Units of one product's rule: a quarter of a home policy's, because a patient has several."""

NO_END = "9999-12-31"
"""Last day of a consent that a settlement was bound to: for the same bill it holds for good."""


@quick(frozen=True, slots=True)
class ProductAnswer:
    """What one authorised product says of a bill."""

    consent: CoverConsent
    version: Version | None
    """None where no rule was asked; then the answer has a reason."""
    pays: str
    year: int
    counted: dict[str, int]
    """The product's counters before."""
    answer: CoverAnswer

    def part(self) -> CoverPart:
        """What is kept of it with the settlement."""
        assert self.version is not None, "a product without a rule pays nothing"
        consent = self.consent
        return CoverPart(
            consent.product, consent.insurer, self.version.number, self.pays,
            self.answer.amount_fen, consent.scope, self.year, self.answer.counters,
        )  # fmt: skip

    def told(self) -> dict[str, Any]:
        """For the explanation."""
        answer, version = self.answer, self.version
        return {
            "product": self.consent.product,
            "insurer": self.consent.insurer,
            "number": 0 if version is None else version.number,
            "pays": self.pays,
            "amount_fen": answer.amount_fen,
            "payments": [payment.to_json() for payment in answer.payments],
            "steps": list(answer.steps),
            "counters": [
                [self.year, name, self.counted.get(name, 0), answer.counters.get(name, 0)]
                for name in sorted({**self.counted, **answer.counters})
            ],
            "reason": answer.reason,
            "values": dict(answer.values or {}),
        }


Replaced = tuple[str, int]
"""A settlement that is decided again, and when it was decided first, in ms."""


def add_covers(
    ctx: Context,
    person: Person,
    visit: Visit,
    case: Case,
    decision: Decision,
    direct: bool,
    replaced: Replaced | None,
) -> tuple[Decision, tuple[ProductAnswer, ...]]:
    """The decision with what authorised products pay. Never refuses: a product that cannot answer
    pays nothing and says why. ``replaced``: asked on the products' counters as they were then."""
    still_open = open_after(decision)
    again = replaced is not None
    asked = [_prepare(ctx, person, visit, consent, again) for consent in person.covers]
    if not direct:
        asked = [replace(one, pays=LATER) for one in asked]
    found = [
        one if one.answer.reason else _run(ctx, person, one, case, decision, still_open, replaced)
        for one in sorted(asked, key=lambda one: one.pays != AT_ONCE)
    ]
    payments = tuple(p for one in found if one.pays == AT_ONCE for p in one.answer.payments)
    if payments:
        decision = with_payments(
            decision,
            payments,
            own_fen=case["account_balance_fen"] if case["use_account"] else 0,
            family_fen=case["family_balance_fen"] if case["use_account"] else 0,
        )
    return decision, tuple(found)


def _prepare(
    ctx: Context, person: Person, visit: Visit, consent: CoverConsent, again: bool
) -> ProductAnswer:
    """Whether the product is to be asked, and by which version of its rule.

    ``again``: the bill is decided again. Its insurer took part when it was decided first, and owes
    what it owed then, though it may have left.
    """
    reason, version = "", None
    left = not again and not organisations.takes_part(ctx.state, consent.insurer, "insurer")
    holder = find_holder(ctx.state, consent.product, person.id)
    product = find_product(ctx.state, consent.product)
    if consent.to_date < calendar.date_of_ms(ctx.time_ms) or person.died is not None:
        reason = "cover.consent-ended"
    elif holder is None or not holder.holds_on(visit.admission):
        reason = "cover.not-held"
    elif product is None or left:
        reason = "cover.insurer-left"
    else:
        version = product.in_force(visit.discharge, ctx.height)
        reason = "" if version is not None else "cover.none-in-force"
    pays = AT_ONCE if version is None else version.pays
    return ProductAnswer(consent, version, pays, 0, {}, CoverAnswer((), {}, (), reason))


def _run(
    ctx: Context,
    person: Person,
    one: ProductAnswer,
    case: Case,
    decision: Decision,
    still_open: Open,
    replaced: Replaced | None,
) -> ProductAnswer:
    """Ask the product's rule."""
    assert one.version is not None, "a product without a version has a reason"
    rule = policy.compiled(ctx.state, one.version.hash).limited(BUDGET_COVER).charged(ctx.spend)
    try:
        year = rule.benefit_year(case["visit"]["discharge"])
    except (PolicyError, Rejected) as problem:
        answer = CoverAnswer((), {}, (), problem.code, dict(problem.values))
        return replace(one, answer=answer)
    found = cover_counters.load(ctx.state, one.consent.product, person.id, year)
    counted = found.now() if replaced is None else found.before(*replaced)
    told = case_for(case, decision, still_open, year, counted)
    return replace(one, year=year, counted=counted, answer=ask(rule, told, still_open))


def parts_of(covered: tuple[ProductAnswer, ...]) -> tuple[CoverPart, ...]:
    """What is kept with the settlement: products that pay or count something."""
    return tuple(
        one.part()
        for one in covered
        if one.version is not None and (one.answer.payments or one.answer.counters)
    )


def versions_of(covered: tuple[ProductAnswer, ...]) -> list[Value]:
    """What the receipt names of the rules that were asked."""
    return [
        {"product": one.consent.product, "number": one.version.number, "hash": one.version.hash}
        for one in covered
        if one.version is not None
    ]


def keep(ctx: Context, claim: str, person: Person, covered: tuple[ProductAnswer, ...]) -> None:
    """Count, and enter every payment in its insurer's list. The posting is the settlement's."""
    for part in parts_of(covered):
        if part.added:
            cover_counters.count(ctx, person, part, claim)
    _enter(ctx, claim, person, covered)


def _enter(ctx: Context, claim: str, person: Person, covered: tuple[ProductAnswer, ...]) -> None:
    """Enter every payment in its insurer's list."""
    accounts = {cover.product: cover.account for cover in person.covers}
    for number, part in enumerate(parts_of(covered), start=1):
        if not part.amount_fen:
            continue
        name = payment_name(claim, number)
        step = CoverStep.SETTLE if part.pays == AT_ONCE else CoverStep.OWE
        made = CoverPayment(
            stage=follow(START, step), claim=claim, person=person.id, area=person.area,
            product=part.product, insurer=part.insurer, number=part.number,
            amount_fen=part.amount_fen, account=accounts[part.product], orders=(), last=b"",
            salt=salt_of(ctx, person.salt, f"cover-payment/{name}"),
        )  # fmt: skip
        store(ctx, name, made)
        key = f"cover-count/{part.insurer}"
        count = (ctx.state.get(key) or 0) + 1
        ctx.state.put(key, count)
        ctx.state.put(f"cover-list/{part.insurer}/{count}", name)


def take_back(
    ctx: Context, claim: str, person: Person, parts: tuple[CoverPart, ...], at_ms: int
) -> None:
    """A settlement was reversed: counters lose what it added, its payments end or are owed back.

    ``at_ms``: when it was decided. Later ones that a product's counters decided are listed.
    """
    later = cover_counters.exchange(ctx, person, (claim, parts), ("", ()), at_ms)
    _end(ctx, claim, parts)
    cover_counters.list_for_repricing(ctx, person, later)


def remake(
    ctx: Context,
    old: tuple[str, Person, tuple[CoverPart, ...]],
    new: tuple[str, Person, tuple[ProductAnswer, ...]],
    at_ms: int,
) -> None:
    """As ``take_back`` and ``keep``, the new settlement in the old one's place in the order."""
    (old_claim, before, parts), (claim, person, covered) = old, new
    given = (claim, parts_of(covered) if person.id == before.id else ())
    later = cover_counters.exchange(ctx, before, (old_claim, parts), given, at_ms)
    _end(ctx, old_claim, parts)
    if person.id == before.id:
        _enter(ctx, claim, person, covered)
    else:
        keep(ctx, claim, person, covered)
    cover_counters.list_for_repricing(ctx, before, later)


def _end(ctx: Context, claim: str, parts: tuple[CoverPart, ...]) -> None:
    for number, part in enumerate(parts, start=1):
        name = payment_name(claim, number)
        made = find_payment(ctx.state, name) if part.amount_fen else None
        if made is None:
            continue
        if made.stage is CoverStage.PAYING:
            order = made.orders[-1]
            told = bank_order.name_of(bank_order.COVER, name, order.id)
            bank_order.withdraw(ctx, order.bank, told)
        step = CoverStep.REVERSE_PAID if made.standing_fen else CoverStep.REVERSE
        store(ctx, name, replace(made, stage=follow(made.stage, step)))


def as_asked(ctx: Context, person: Person, claim: str, parts: tuple[CoverPart, ...]) -> Person:
    """The person as a settlement of the same bill is decided again: the products that took part
    are asked, though their consent may have ended since, and no others."""
    if not parts and not person.covers:
        return person
    consents = []
    for number, part in enumerate(parts, start=1):
        made = find_payment(ctx.state, payment_name(claim, number))
        account = None if made is None else made.account
        consents.append(CoverConsent(part.product, part.insurer, part.scope, NO_END, account))
    return replace(person, covers=tuple(consents), died=None)


def store(ctx: Context, name: str, made: CoverPayment) -> None:
    """Write a payment and tell its stage to those whom it concerns."""
    ctx.state.put(f"cover-payment/{name}", made.encode())
    ctx.emit(
        f"cover.{made.stage.value}", payment=name, product=made.product, insurer=made.insurer,
        person=made.person, area=made.area,
    )  # fmt: skip
