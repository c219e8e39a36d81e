"""``claim.resettle``: a settled claim is decided again on what is known now.

For a late filing, a newborn's cover, counters that the home bureau fed late, a policy that was put
right. Lines, visit, packs and invoices are those of the first settlement; what may differ is what
the ledger knows: the filing, the person's enrolment, catalogue and policy, the counters. The
institution may ask for it, or the home bureau.
"""

from __future__ import annotations

from dataclasses import replace

from contracts import parameters
from contracts.api import Answer, Args, Context, reject
from contracts.organisations import require_competent, require_organisation, require_own_id
from contracts.schema import Id, OneOf, Optional, Record
from contracts.settlement import calendar, enrolment, newborn_record, recovery_record
from contracts.settlement import claim as claims
from contracts.settlement.claim import CONTRACT
from contracts.settlement.claim_explain import answer_of
from contracts.settlement.claim_shapes import AUDIENCE, INSTITUTIONS, WHY_TAKEN_BACK
from contracts.settlement.claim_visit import check_person
from contracts.settlement.enrolment import Person
from contracts.settlement.lifecycle import Action, follow
from contracts.settlement.records import (
    Again,
    Claim,
    Reversal,
    Settled,
    Visit,
    content_digest,
    is_reversal,
)
from contracts.settlement.refunds import difference
from contracts.settlement.refunds.again import Taken, Wanted, remake
from contracts.settlement.refunds.consent import take_back
from contracts.settlement.refunds.original import CALLS, MORE_CALLS, again_of, calls_given, match
from contracts.settlement.refunds.returned import rest_of

POSTS = ("operator", "clerk", "checker", "finance")


@CONTRACT.method(
    args={
        "claim": Id(64),
        "reversal": Id(64),
        "replacement": Id(64),
        "reason": OneOf(*WHY_TAKEN_BACK),
        "newborn": Optional(Id(60)),
    },
    attachments={AUDIENCE: Record({"calls": CALLS}), **MORE_CALLS},
    kinds=(*INSTITUTIONS, "bureau"),
    posts=POSTS,
)
def resettle(ctx: Context, args: Args) -> Answer:
    """Take a settlement back and settle the same bill anew, in one step; the difference moves.

    ``reversal`` and ``replacement``: new ids, of the entry that takes it back and of the new
    settlement. ``newborn``: whom a bill was for that was settled under the mother; the home bureau
    of both says so. Refuses with ``resettle.newborn``, ``resettle.content``,
    ``resettle.unchanged``, ``recovery.*`` and the codes of ``claim.reverse`` and ``claim.settle``.
    """
    digest = content_digest(ctx, "resettle", args)
    claim = load(ctx, args["claim"])
    told = answered(ctx, args, digest, claim)
    if told is not None:
        return told
    settled = settled_of_claim(claim, args["claim"])
    after = take_back(ctx, args["claim"], claim, settled.sums[0], args["reversal"])
    institution = require_organisation(ctx.state, claim.institution)
    again = again_of(args["claim"], settled)
    attached = ctx.attachments[AUDIENCE]
    original = match(ctx, again, claim, institution, calls_given(ctx))
    before = enrolment.require_person(ctx.state, claim.person)
    visit = original.visit
    if recovery_record.lifts_bar(ctx.state, args["claim"], args["reason"]):
        visit = _without_bar(ctx, args, visit)
    if args["newborn"] is not None:
        _require_newborn(ctx, args, before, visit)
        visit = replace(visit, newborn="")
    person = check_person(ctx, args["newborn"] or claim.person, visit)
    old = Taken(args["claim"], claim, before, settled, after, args["reversal"], args["reason"])
    new = Wanted(
        claim_id=args["replacement"],
        institution=institution,
        person=person,
        visit=visit,
        rows=rest_of(original.rows, again.returned),
        traces=original.traces,
        use_account=original.use_account,
        again=Again(args["claim"], again.origin, again.settle, again.uploads, again.returned),
        digest=digest,
        secret=attached.blind,
        invoices=[],
    )
    made = remake(ctx, old, new)
    recovery_record.follow_claim(ctx, args["claim"], args["replacement"], args["reason"])
    assert made is not None, "lines that are all there make a settlement"
    if _same(settled, made):
        reject("resettle.unchanged", claim=args["claim"], person_fen=made.person_fen)
    return answer(args, settled, made)


def _require_newborn(ctx: Context, args: Args, mother: Person, visit: Visit) -> None:
    """Refuses with ``resettle.newborn`` unless the home bureau of both moves a bill from a mother
    to a child that was born not long before it. How old the child is stays unsaid. Refuses with
    ``newborn.not-the-mother`` a bill of another child, or a child of another mother."""
    child = enrolment.require_person(ctx.state, args["newborn"])
    known = newborn_record.find(ctx.state, child.id)
    other = known is not None and known.mother != mother.id
    if other or visit.newborn not in ("", child.id):
        reject("newborn.not-the-mother", newborn=child.id, person=mother.id)
    days = parameters.area(ctx.state, "newborn", child.area)["within_days"]
    last = calendar.add_days(child.birth, days)
    said = (args["reason"], ctx.sender_kind, mother.sex)
    if said != ("newborn", "bureau", "female") or not child.birth <= visit.discharge <= last:
        reject("resettle.newborn", reason=args["reason"], by=ctx.sender_kind, limit_days=days)
    require_competent(ctx, child.area)


def _without_bar(ctx: Context, args: Args, visit: Visit) -> Visit:
    """The visit as if nobody else were liable: the fund pays first, and recovers (``recovery``).

    Refuses with ``recovery.not-liable``, ``recovery.not-by-institution``.
    """
    if not visit.third_party:
        reject("recovery.not-liable", claim=args["claim"])
    if args["reason"] == recovery_record.PAY_FIRST and ctx.sender_kind != "bureau":
        reject("recovery.not-by-institution", claim=args["claim"], by=ctx.sender_kind)
    return replace(visit, third_party=False)


def load(ctx: Context, claim_id: str) -> Claim:
    """A claim of the sender's, or of somebody whom the sending bureau insures.

    Refuses with ``claim.not-found``, ``claim.not-yours``, ``sender.not-competent``.
    """
    if ctx.sender_kind != "bureau":
        return claims.load(ctx, claim_id)
    claim = claims.find(ctx.state, claim_id)
    if claim is None:
        reject("claim.not-found", claim=claim_id)
    require_competent(ctx, claim.area)
    return claim


def settled_of_claim(claim: Claim, claim_id: str) -> Settled:
    """How a claim was decided. Refuses with ``claim.wrong-state`` one that never was."""
    if claim.settled is None:
        follow(claim.state, Action.REVERSE)
    assert claim.settled is not None, f"claim {claim_id} is {claim.state} and was never settled"
    return claim.settled


def answered(ctx: Context, args: Args, digest: bytes, claim: Claim) -> Answer | None:
    """The first answer where this very call was carried out before; None where it was not.

    Refuses with ``sender.foreign-id``, ``claim.duplicate-id`` an id that something else has.
    """
    for name in (args["reversal"], args["replacement"]):
        require_own_id(ctx, name)
    if args["reversal"] == args["replacement"]:
        reject("claim.duplicate-id", claim=args["replacement"])
    known = ctx.state.get(f"claim/{args['reversal']}")
    if known is None:
        if ctx.state.get(f"claim/{args['replacement']}") is not None:
            reject("claim.duplicate-id", claim=args["replacement"])
        return None
    if not is_reversal(known) or Reversal.decode(known).digest != digest:
        reject("claim.duplicate-id", claim=args["reversal"])
    assert claim.settled is not None, "what was taken back was settled"
    made = claims.find(ctx.state, args["replacement"])
    return answer(args, claim.settled, None if made is None else made.settled)


def answer(args: Args, before: Settled, after: Settled | None) -> Answer:
    """The same whenever it is asked for: the new settlement and the difference, payer by payer."""
    rows = difference.differences(before, after)
    told = {"state": "reversed"} if after is None else answer_of(args["replacement"], after)
    return told | {
        "claim": args["claim"],
        "reversal": args["reversal"],
        "replacement": "" if after is None else args["replacement"],
        "differences": [row.told() for row in rows],
        "paid_back_fen": difference.paid_back_fen(rows),
        "owed_fen": difference.owed_fen(rows),
    }


def _same(before: Settled, after: Settled) -> bool:
    """Whether the new decision differs in nothing: neither money, nor counters, nor versions."""

    def what(settled: Settled) -> tuple[object, ...]:
        return (
            settled.sums, settled.payments, settled.own, settled.account_fen, settled.cash_fen,
            [(year, dict(deltas)) for year, deltas in settled.counters], settled.versions,
            settled.covers,
        )  # fmt: skip

    return what(before) == what(after)
