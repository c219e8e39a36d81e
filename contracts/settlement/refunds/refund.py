"""``claim.refund``: lines come back, whole or in part; what is left is settled anew.

The rest is decided on the counters as they were and on what each payer of the person's gave; the
difference goes back to each payer, the last one first. Where nothing is left the settlement is
taken back whole, as by ``claim.reverse``; so returns in any split end where one reversal ends.
"""

from __future__ import annotations

from dataclasses import replace

from contracts.api import Answer, Args, Context, reject
from contracts.organisations import require_organisation
from contracts.schema import Fen, Id, Optional, Record
from contracts.settlement import enrolment, recovery_record
from contracts.settlement.claim import CONTRACT
from contracts.settlement.claim_shapes import AUDIENCE, INSTITUTIONS
from contracts.settlement.invoices import INVOICES
from contracts.settlement.records import Again, content_digest
from contracts.settlement.refunds import returned
from contracts.settlement.refunds.again import Taken, Wanted, remake
from contracts.settlement.refunds.consent import take_back
from contracts.settlement.refunds.original import CALLS, MORE_CALLS, again_of, calls_given, match
from contracts.settlement.refunds.resettle import answer, answered, load, settled_of_claim
from contracts.settlement.refunds.returned import RETURNS

REASON = "refund"


@CONTRACT.method(
    args={
        "claim": Id(64),
        "reversal": Id(64),
        "replacement": Id(64),
        "amount_fen": Fen(1),
        "invoices": Optional(INVOICES, []),
    },
    attachments={AUDIENCE: Record({"calls": CALLS, "returns": RETURNS}), **MORE_CALLS},
    kinds=INSTITUTIONS,
    posts=("operator", "clerk", "finance"),
)
def refund(ctx: Context, args: Args) -> Answer:
    """Give back lines of a settled claim, whole or in part; the rest is settled anew.

    ``amount_fen``: what leaves the bill, the sum of the returns. ``invoices``: printed for the
    rest; without them the old ones stand for it. Refuses with ``refund.*``, ``resettle.content``
    and the codes of ``claim.reverse``.
    """
    digest = content_digest(ctx, "refund", args)
    claim = load(ctx, args["claim"])
    told = answered(ctx, args, digest, claim)
    if told is not None:
        return told
    settled = settled_of_claim(claim, args["claim"])
    attached = ctx.attachments[AUDIENCE]
    given = attached.content["returns"]
    total = sum(one["amount_fen"] for one in given)
    if total != args["amount_fen"]:
        reject("refund.total-differs", amount_fen=args["amount_fen"], returns_fen=total)
    institution = require_organisation(ctx.state, claim.institution)
    again = again_of(args["claim"], settled)
    original = match(ctx, again, claim, institution, calls_given(ctx))
    back = returned.take(original, again.returned, given)
    rows = returned.rest_of(original.rows, back)
    if args["invoices"] and not rows:
        paper = sum(one["total_fen"] for one in args["invoices"])
        reject("invoice.total-differs", total_fen=0, invoices_fen=paper)
    after = take_back(ctx, args["claim"], claim, total, args["reversal"])
    returned.free_packs(ctx, original, given, rows, args["claim"], claim.institution)
    person = enrolment.require_person(ctx.state, claim.person)
    visit = original.visit
    if recovery_record.lifts_bar(ctx.state, args["claim"], REASON):
        visit = replace(visit, third_party=False)
    old = Taken(args["claim"], claim, person, settled, after, args["reversal"], REASON)
    new = Wanted(
        claim_id=args["replacement"],
        institution=institution,
        person=person,
        visit=visit,
        rows=rows,
        traces=original.traces,
        use_account=original.use_account,
        again=Again(args["claim"], again.origin, again.settle, again.uploads, back),
        digest=digest,
        secret=attached.blind,
        invoices=args["invoices"],
    )
    made = remake(ctx, old, new)
    if made is not None:
        recovery_record.follow_claim(ctx, args["claim"], args["replacement"], REASON)
    return answer(args, settled, made)
