"""A visit before its bill: may this institution settle this kind of care, is the person there.

Suspending direct settlement never closes the door to an emergency, and a phone is never a
condition for care (SETTLEMENT.md sections 1 and 7). A switch that is off refuses with its name;
only the name of a chronic disease stays unsaid, since a refusal is public to the parties for good.
"""

from __future__ import annotations

from contracts import organisations
from contracts.api import Args, Context, reject
from contracts.organisations import Organisation
from contracts.settlement import calendar, enrolment, newborn_record
from contracts.settlement.claim_shapes import PRESENCE_CERTIFICATES
from contracts.settlement.enrolment import Person
from contracts.settlement.presence import check_token
from contracts.settlement.records import Visit
from contracts.settlement.terms import CHECK_UP, INPATIENT_KINDS

OPERATORS = ("operator", "clerk")
"""Posts that attest a person's presence."""

_EMERGENCY = frozenset(("emergency", "emergency_rescue"))


def is_inpatient(care_kind: str) -> bool:
    """Whether the visit is a stay: it counts as an admission of the benefit year."""
    return care_kind in INPATIENT_KINDS


def is_emergency(visit: Visit) -> bool:
    """Whether the visit is an emergency, by its kind or by the doctor's flag."""
    return visit.emergency or visit.care_kind in _EMERGENCY


def switch_of(visit: Visit, institution_kind: str) -> str:
    """Name of the institution's switch that must be on for this visit."""
    if visit.care_kind == "chronic":
        return f"chronic:{visit.chronic_disease}"
    if visit.care_kind in INPATIENT_KINDS:
        return "inpatient"
    return "pharmacy" if institution_kind == "pharmacy" else "outpatient"


def visit_of(args: Args, clinical: Args, discharge: str) -> Visit:
    """The visit of a call: its public half from the arguments, its clinical half beside it."""
    return Visit(
        args["care_kind"],
        args["admission"],
        discharge,
        clinical["emergency"],
        clinical["trauma"],
        clinical["third_party"] or False,
        clinical["referral"],
        clinical["chronic_disease"],
        clinical["newborn"] or "",
        clinical["maternity"] or "",
    )


def check_institution(ctx: Context, visit: Visit) -> Organisation:
    """The sender, if it may settle this visit now.

    Refuses with ``claim.switch-off``, ``claim.institution-suspended``, ``claim.disease-missing``
    and, whoever asks, with ``claim.check-up``.
    """
    if visit.care_kind == CHECK_UP:
        reject("claim.check-up", care_kind=CHECK_UP)
    institution = organisations.require_organisation(ctx.state, ctx.sender)
    if visit.care_kind == "chronic" and not visit.chronic_disease:
        reject("claim.disease-missing", care_kind=visit.care_kind)
    switch = switch_of(visit, institution.kind)
    if switch not in institution.switches:
        reject("claim.switch-off", institution=institution.id, switch=switch.partition(":")[0])
    if institution.suspensions and not is_emergency(visit):
        today = calendar.date_of_ms(ctx.time_ms)
        suspended = organisations.suspension_on(institution, today)
        if suspended is not None:
            reject(
                "claim.institution-suspended",
                institution=institution.id,
                until=suspended.to_date or "",
                reason=suspended.reason,
            )
    return institution


def check_dates(ctx: Context, visit: Visit) -> None:
    """Care is not in the future and ends after it begins. Refuses with ``claim.dates``."""
    today = calendar.date_of_ms(ctx.time_ms)
    last = visit.discharge or visit.admission
    if not visit.admission <= last <= today:
        reject("claim.dates", admission=visit.admission, discharge=last, today=today)


def check_person(ctx: Context, person_id: str, visit: Visit) -> Person:
    """The person, if insured on admission and on discharge and open to direct settlement.

    Chronic care is for those whom the home bureau has recognised for the disease on admission.
    Refuses with the codes of ``enrolment`` and ``claim.not-entitled`` (which does not name the
    disease: a receipt stays for good). Neither a suspension nor a missing entitlement bars an
    emergency. A newborn is treated under its mother (``newborn.*``).
    """
    emergency = is_emergency(visit)
    person = enrolment.require_insured(ctx.state, person_id, visit.admission, emergency=emergency)
    if visit.care_kind == "chronic" and not emergency:
        _check_entitled(person, visit)
    if visit.discharge and person.died is not None and not visit.newborn:
        # Whoever dies during a stay is settled up to the last day, and not beyond it; a newborn
        # outlives the mother that it is treated under.
        enrolment.require_insured(ctx.state, person_id, visit.discharge, emergency=emergency)
    if visit.newborn:
        newborn_record.require(ctx.state, visit, person.id)
    return person


def _check_entitled(person: Person, visit: Visit) -> None:
    if not enrolment.is_entitled(person, visit.chronic_disease, visit.admission):
        reject(
            "claim.not-entitled",
            person=person.id,
            care_kind=visit.care_kind,
            date=visit.admission,
        )


def check_presence(
    ctx: Context, presence: Args, person: Person, *, emergency: bool = False
) -> tuple[str, str, str]:
    """How the person was present: (kind, certificate, agent's relation).

    In an emergency the doctor who signs for it has seen the person, too.
    Refuses with ``claim.presence-certificate``, ``claim.presence-post``, ``presence.*``.
    """
    kind, certificate = presence["kind"], presence["certificate"]
    if certificate not in PRESENCE_CERTIFICATES[kind]:
        reject("claim.presence-certificate", presence=kind, certificate=certificate)
    # A doctor signs for those who cannot show anything; all others are seen at the counter.
    posts = ("doctor",) if kind == "emergency" else OPERATORS
    if ctx.post not in posts and not (emergency and ctx.post == "doctor"):
        reject("claim.presence-post", presence=kind, post=ctx.post, allowed=list(posts))
    if kind == "code":
        check_token(ctx, person, ctx.sender, presence["issued_ms"], presence["signature"])
    return kind, certificate, presence["agent"]
