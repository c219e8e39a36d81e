"""Contract ``newborn``: a child is provisional under its mother until it is enrolled (新生儿).

A child has no number of its own on its first day, and may need care on it. The mother's home bureau
registers it by the certificate of birth; hospitals then settle its care under the mother and name
the child in the attachment. When the child is enrolled in time under the pseudonym that was given
here, its cover begins with its birth and what was settled under the mother is listed, to be decided
again on the child (``claim.resettle``). Without an enrolment the registration lapses by itself;
nothing that was settled is touched.

State: ``newborn/<child>``.
"""

from __future__ import annotations

from dataclasses import replace

from contracts import parameters
from contracts.api import Answer, Args, Context, Contract, reject
from contracts.organisations import require_competent
from contracts.schema import Bytes, Date, Id, OneOf, Record
from contracts.settlement import calendar, newborn_record
from contracts.settlement.enrolment import area_of, load_person, require_insured
from contracts.settlement.newborn_record import PROVISIONAL, WITHDRAWN, Newborn
from contracts.settlement.records import content_digest, salt_of
from contracts.settlement.terms import SEXES

CONTRACT = Contract("newborn", version=1)

AUDIENCE = "person"
BIRTH = Record({"birth": Date(), "sex": OneOf(*SEXES), "paper": Bytes(32)})
"""Attachment of ``register``. ``paper``: SHA-256 of the certificate of birth (出生医学证明)."""
_CLERKS = ("clerk", "checker")


@CONTRACT.method(
    args={"person": Id(60), "mother": Id(60)},
    attachments={AUDIENCE: BIRTH},
    kinds=("bureau",),
    posts=_CLERKS,
)
def register(ctx: Context, args: Args) -> Answer:
    """Register a newborn under its mother; ``person``: the pseudonym that it will be enrolled by.

    Refuses with ``newborn.area``, ``newborn.mother``, ``newborn.late``, ``newborn.exists``,
    ``enrolment.exists``, ``enrolment.birth-ahead`` and, of the mother on the day of the birth, the
    codes of enrolment.
    """
    child = args["person"]
    area = area_of(child)
    require_competent(ctx, area)
    digest = content_digest(ctx, "newborn.register", args)
    known = newborn_record.find(ctx.state, child)
    if known is not None and known.digest == digest:
        return _answer(child, known)
    if known is not None and known.status != WITHDRAWN:
        reject("newborn.exists", newborn=child)
    if load_person(ctx.state, child) is not None:
        reject("enrolment.exists", person=child)
    if area_of(args["mother"]) != area:
        reject("newborn.area", area=area, mother=area_of(args["mother"]))
    attached = ctx.attachments[AUDIENCE]
    birth = attached.content["birth"]
    today = calendar.date_of_ms(ctx.time_ms)
    if birth > today:
        reject("enrolment.birth-ahead", person=child, today=today)
    # Whether the mother's direct settlement is suspended is not the child's matter.
    mother = require_insured(ctx.state, args["mother"], birth, emergency=True)
    if mother.sex != "female":
        reject("newborn.mother", person=mother.id)
    days = parameters.area(ctx.state, "newborn", area)["within_days"]
    until = calendar.add_days(birth, days)
    if today > until:
        reject("newborn.late", newborn=child, limit_days=days)
    salt = salt_of(ctx, attached.blind, f"newborn/{child}")
    made = Newborn(
        mother.id, birth, attached.content["sex"], until, PROVISIONAL, "", (), (), digest, salt
    )
    newborn_record.put(ctx, child, made)
    ctx.emit("newborn.registered", person=child, area=area)
    return _answer(child, made)


@CONTRACT.method(args={"person": Id(60)}, kinds=("bureau",), posts=_CLERKS)
def withdraw(ctx: Context, args: Args) -> Answer:
    """Take a registration back that was a mistake, while nothing was settled by it.

    Refuses with ``newborn.unknown``, ``newborn.ended``, ``newborn.in-use``.
    """
    child = args["person"]
    require_competent(ctx, area_of(child))
    known = newborn_record.find(ctx.state, child)
    if known is None:
        reject("newborn.unknown", newborn=child)
    digest = content_digest(ctx, "newborn.withdraw", args)
    if known.digest == digest:
        return _answer(child, known)
    if known.status != PROVISIONAL:
        reject("newborn.ended", newborn=child, status=known.status)
    if known.claims:
        reject("newborn.in-use", newborn=child, claims=list(known.claims))
    made = replace(known, status=WITHDRAWN, digest=digest)
    newborn_record.put(ctx, child, made)
    ctx.emit("newborn.withdrawn", person=child, area=area_of(child))
    return _answer(child, made)


def _answer(child: str, made: Newborn) -> Answer:
    # The last day would tell the day of birth.
    return {"person": child, "status": made.status}
