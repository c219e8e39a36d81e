"""``claim.keep``: a settlement on the list for re-pricing was looked at and stays as it is."""

from __future__ import annotations

from contracts.api import Answer, Args, Context, reject
from contracts.schema import Id
from contracts.settlement import counters, enrolment
from contracts.settlement.claim import CONTRACT
from contracts.settlement.claim_shapes import INSTITUTIONS
from contracts.settlement.refunds import reprice
from contracts.settlement.refunds.resettle import POSTS, load, settled_of_claim


@CONTRACT.method(args={"claim": Id(64)}, kinds=(*INSTITUTIONS, "bureau"), posts=POSTS)
def keep(ctx: Context, args: Args) -> Answer:
    """Keep a settlement whose counters were put right afterwards; it leaves the list.

    Whoever keeps it stands in the ledger. Refuses with ``reprice.not-listed`` and the codes of
    ``claim.resettle``.
    """
    claim = load(ctx, args["claim"])
    settled = settled_of_claim(claim, args["claim"])
    person = enrolment.require_person(ctx.state, claim.person)
    years = []
    for year, _ in settled.counters:
        found = counters.load(ctx.state, person.id, person.area, person.scheme, year)
        place = (person.id, person.area, person.scheme, year)
        if found is not None and reprice.remove(ctx, place, found.salt, args["claim"]):
            years.append(year)
    if not years:
        reject("reprice.not-listed", claim=args["claim"], state=claim.state.value)
    ctx.emit(
        "claim.kept", claim=args["claim"], institution=claim.institution, care=claim.care,
        person=claim.person, area=claim.area,
    )  # fmt: skip
    return {"claim": args["claim"], "years": years, "person_fen": settled.person_fen}
