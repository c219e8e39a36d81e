"""``claim.register`` and ``claim.cancel``: a stay begins before its bill is known.

An outpatient visit needs neither: its settlement registers it (``claim_settle``).
"""

from __future__ import annotations

from dataclasses import replace

from contracts.api import Answer, Args, Context, reject
from contracts.organisations import Organisation, require_own_id
from contracts.schema import Id, OneOf, Record
from contracts.settlement import claim as claims
from contracts.settlement import claim_lines, open_things
from contracts.settlement.claim import CONTRACT
from contracts.settlement.claim_flags import check_flags, check_words
from contracts.settlement.claim_shapes import (
    AUDIENCE,
    CLINICAL,
    INSTITUTIONS,
    VISIT,
    WHY_TAKEN_BACK,
)
from contracts.settlement.claim_visit import (
    check_dates,
    check_institution,
    check_person,
    check_presence,
    visit_of,
)
from contracts.settlement.enrolment import Person
from contracts.settlement.life import START
from contracts.settlement.lifecycle import Action, ClaimState, follow
from contracts.settlement.open_things import Open
from contracts.settlement.records import Claim, Visit, content_digest, salt_of


@CONTRACT.method(
    args={"claim": Id(64), "visit": VISIT},
    attachments={AUDIENCE: Record({"visit": CLINICAL})},
    kinds=INSTITUTIONS,
)
def register(ctx: Context, args: Args) -> Answer:
    """Register a visit: who came, how the person was present, what kind of care begins.

    Refuses with ``claim.*`` (see ``reasons_claim``) and the codes of enrolment.
    """
    claim_id = args["claim"]
    require_own_id(ctx, claim_id)
    digest = content_digest(ctx, "register", args)
    known = claims.find(ctx.state, claim_id)
    if known is not None:
        if known.institution != ctx.sender or known.registered != digest:
            reject("claim.duplicate-id", claim=claim_id)
        # The first answer, whatever happened to the claim since.
        return {"claim": claim_id, "state": ClaimState.REGISTERED.value, "area": known.area}
    clinical = ctx.attachments[AUDIENCE].content["visit"]
    visit = visit_of(args["visit"], clinical, "")
    check_dates(ctx, visit)
    institution = check_institution(ctx, visit)
    check_flags(clinical, visit.care_kind)
    person = check_person(ctx, args["visit"]["person"], visit)
    check_words(ctx, clinical, visit.without_clinical(), person, institution.id)
    presence = check_presence(ctx, args["visit"]["presence"], person, emergency=visit.emergency)
    made = begin(ctx, claim_id, institution, person, visit, presence)
    made = replace(made, state=follow(START, Action.REGISTER), registered=digest)
    claims.put(ctx, claim_id, made)
    open_things.enter(ctx, Open.STAYS, person.id, person.salt, claim_id)
    ctx.emit(
        "claim.registered",
        claim=claim_id,
        institution=made.institution,
        care=made.care,
        person=made.person,
        area=made.area,
    )
    return {"claim": claim_id, "state": made.state.value, "area": made.area}


def begin(
    ctx: Context,
    claim_id: str,
    institution: Organisation,
    person: Person,
    visit: Visit,
    presence: tuple[str, str, str],
) -> Claim:
    """A new claim of a visit that was checked; its state is not yet followed."""
    return Claim(
        state=ClaimState.REGISTERED,
        institution=institution.id,
        care=institution.region,
        person=person.id,
        area=person.area,
        scheme=person.scheme,
        visit=visit,
        presence=presence,
        uploads=(),
        registered=b"",
        settled=None,
        reversal="",
        salt=salt_of(ctx, ctx.attachments[AUDIENCE].blind, claim_id),
    )


@CONTRACT.method(args={"claim": Id(64), "reason": OneOf(*WHY_TAKEN_BACK)}, kinds=INSTITUTIONS)
def cancel(ctx: Context, args: Args) -> Answer:
    """Give up a visit that was registered and not settled; its lines leave the state."""
    claim_id = args["claim"]
    claim = claims.load(ctx, claim_id)
    after = follow(claim.state, Action.CANCEL)
    claim_lines.drop(ctx, claim_id, claim)
    ended = replace(claim, state=after, uploads=(), visit=claim.visit.without_clinical())
    claims.put(ctx, claim_id, ended)
    open_things.leave(ctx, Open.STAYS, claim.person, claim_id)
    ctx.emit("claim.cancelled", claim=claim_id, institution=claim.institution)
    return {"claim": claim_id, "state": after.value}
