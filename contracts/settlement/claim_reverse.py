"""``claim.reverse``: take a settlement back, whole, by a counter-entry that names it.

The postings are negated in reverse order, so every payer is refunded; the counters lose what the
settlement had added, and settlements that came after it are listed for re-pricing. The original
stays as it was decided. Before its declaration the institution reverses a settlement alone; later
the bureaus must consent (``refunds.consent``).
"""

from __future__ import annotations

from dataclasses import replace

from contracts.api import Answer, Args, Context, reject
from contracts.organisations import require_own_id
from contracts.schema import Id, OneOf
from contracts.settlement import claim as claims
from contracts.settlement import (
    claim_stay,
    counters,
    cover_settle,
    credit,
    enrolment,
    family,
    invoices,
    newborn_record,
)
from contracts.settlement.claim import CONTRACT
from contracts.settlement.claim_shapes import INSTITUTIONS, WHY_TAKEN_BACK
from contracts.settlement.enrolment import Person
from contracts.settlement.funds_book import Book
from contracts.settlement.lifecycle import Action, follow
from contracts.settlement.provider import book as provider
from contracts.settlement.records import Claim, Reversal, Settled, content_digest, is_reversal
from contracts.settlement.refunds import order, payout
from contracts.settlement.refunds.consent import take_back
from contracts.settlement.refunds.undo import post_back

_NEGATED = (
    "total_fen",
    "own_expense_fen",
    "over_ceiling_fen",
    "first_pay_fen",
    "in_scope_fen",
)


@CONTRACT.method(
    args={"claim": Id(64), "reversal": Id(64), "reason": OneOf(*WHY_TAKEN_BACK)},
    kinds=INSTITUTIONS,
    posts=("operator", "clerk", "finance"),
)
def reverse(ctx: Context, args: Args) -> Answer:
    """Reverse a settlement under an id of its own. Every payer gets back what it paid.

    Refuses with ``sender.foreign-id``, ``claim.not-found``, ``claim.not-yours``,
    ``claim.wrong-state``, ``claim.duplicate-id``, ``consent.*``, ``stay.*``.
    """
    claim_id, reversal_id = args["claim"], args["reversal"]
    require_own_id(ctx, reversal_id)
    digest = content_digest(ctx, "reverse", args)
    claim = claims.load(ctx, claim_id)
    answer = {"claim": claim_id, "reversal": reversal_id, "state": "reversed"}
    known = ctx.state.get(f"claim/{reversal_id}")
    if known is not None:
        if not is_reversal(known) or Reversal.decode(known).digest != digest:
            reject("claim.duplicate-id", claim=reversal_id)
        return answer | _refunds(claim.settled)
    settled = claim.settled
    if settled is None:
        follow(claim.state, Action.REVERSE)
    assert settled is not None, f"claim {claim_id} is {claim.state} and was never settled"
    after = take_back(ctx, claim_id, claim, settled.sums[0], reversal_id)
    claim_stay.take_back(ctx, claim_id, claim, settled)
    _post(ctx, args, claim, settled, digest)
    person = enrolment.require_person(ctx.state, claim.person)
    _give_back(ctx, person, claim_id, settled)
    invoices.release(ctx, settled.invoices, invoices.CLAIM, claim_id)
    for year, deltas in settled.counters:
        counters.restore(ctx, person, year, dict(deltas), claim_id)
    if claim.visit.newborn:
        newborn_record.leave(ctx, claim.visit.newborn, claim_id)
    if settled.covers:
        cover_settle.take_back(ctx, claim_id, person, settled.covers, settled.time_ms)
    claims.put(ctx, claim_id, replace(claim, state=after, reversal=reversal_id))
    record = Reversal(claim_id, digest, ctx.tx_id, ctx.time_ms, args["reason"])
    ctx.state.put(f"claim/{reversal_id}", record.encode())
    for name, amount in zip(_NEGATED, settled.sums, strict=True):
        ctx.amounts[name] = -amount
    for fund, _, amount in settled.payments:
        name = f"fund_{fund}_fen"
        ctx.amounts[name] = ctx.amounts.get(name, 0) - amount
    ctx.amounts["account_fen"] = -settled.account_fen
    ctx.amounts["credit_fen"] = -settled.own.credit_fen
    ctx.amounts["cash_fen"] = -settled.cash_fen
    ctx.versions["reverses"] = {
        "claim": claim_id,
        "tx_id": settled.tx_id,
        "call_index": settled.call_index,
    }
    ctx.emit(
        "claim.reversed",
        claim=claim_id,
        reversal=reversal_id,
        institution=claim.institution,
        care=claim.care,
        person=claim.person,
        area=claim.area,
    )
    return answer | _refunds(settled)


def _post(ctx: Context, args: Args, claim: Claim, settled: Settled, digest: bytes) -> None:
    """The counter-entry: exactly the settlement's legs, negated, last payer first; and what the
    place of care has decided about paying the institution."""
    book = Book(ctx.state)
    legs = post_back(ctx, args["reversal"], claim, settled, book)
    if settled.account_fen:
        payout.divert(ctx, args["reversal"], payout.net_into(legs), book)
    provider.undo(ctx, args["claim"], digest, book)
    if settled.own.hold:
        credit.refund(ctx, settled.own.hold, settled.own.credit_fen, book)
    book.save()


def _give_back(ctx: Context, person: Person, claim_id: str, settled: Settled) -> None:
    """What relatives have allowed may be used again. Asked while the counters know the claim."""
    if settled.own.relatives:
        used = tuple((owner, amount) for owner, _, amount in settled.own.relatives)
        at_ms = order.decided_at_ms(ctx, person, claim_id, settled)
        family.use(ctx, person.id, used, -1, at_ms)


def _refunds(settled: Settled | None) -> dict[str, int]:
    """What the institution hands back at the counter, and what goes back to the account."""
    assert settled is not None, "a reversal names a settled claim"
    return {
        "cash_fen": settled.cash_fen,
        "account_fen": settled.account_fen,
        "credit_fen": settled.own.credit_fen,
    }
