"""Flags of a visit and their partners: emergency and its doctor, trauma and who is liable for it.

The national flags (RULES.md section 2.4) are three booleans here: ``emergency`` (``IPT_TYPE`` 2,
``OTP_ER_REFL_FLAG`` 1 and 3), ``referral`` (``IPT_TYPE`` 3, ``OTP_ER_REFL_FLAG`` 2 and 3) and
``trauma`` with ``third_party`` (``TRUM_FLAG``, ``REL_TTP_FLAG``). An emergency counts as filed and
passes suspensions, so a doctor signs for it, once. An injury for which somebody else is liable is
not payable (Social Insurance Law, article 30); that nobody is, is committed to by the patient.
A refusal names a flag and never what was told of it.
"""

from __future__ import annotations

from contracts.api import Args, Context, reject
from contracts.settlement import calendar
from contracts.settlement.enrolment import Person, phone_key
from contracts.settlement.presence import CLOCK_AHEAD_MS
from contracts.settlement.records import Visit
from contracts.settlement.terms import MATERNITY_KINDS

TRAUMA_KINDS = frozenset(("trauma_inpatient", "trauma_outpatient"))
EMERGENCY_KINDS = frozenset(("emergency", "emergency_rescue"))

SIGNING_CONTEXT = "consent/1"
VERB = "no-third-party"
"""First word of what a phone signs: canonical ``[verb, person, institution, admission,
issued_ms]``."""


def check_flags(clinical: Args, care_kind: str) -> None:
    """Every flag has its partner.

    Refuses with ``claim.flag-missing``, ``claim.flag-alone``, ``claim.commitment-missing``.
    """
    if clinical["maternity"] and care_kind not in MATERNITY_KINDS:
        reject("claim.flag-alone", flag="maternity", partner="maternity_inpatient")
    trauma, third_party = clinical["trauma"], clinical["third_party"]
    if care_kind in EMERGENCY_KINDS and not clinical["emergency"]:
        reject("claim.flag-missing", flag="emergency", needed_by=care_kind)
    if care_kind in TRAUMA_KINDS and not trauma:
        reject("claim.flag-missing", flag="trauma", needed_by=care_kind)
    if not trauma:
        if third_party is not None:
            reject("claim.flag-alone", flag="third_party", partner="trauma")
        if clinical["commitment"] is not None:
            reject("claim.flag-alone", flag="commitment", partner="trauma")
        return
    if third_party is None:
        reject("claim.flag-missing", flag="third_party", needed_by="trauma")
    if not third_party and clinical["commitment"] is None:
        reject("claim.commitment-missing", care_kind=care_kind)


def check_words(
    ctx: Context, clinical: Args, visit: Visit, person: Person, institution: str
) -> None:
    """Who signs for what was told now: a doctor for an emergency, the patient for the commitment.

    ``visit``: as it was known before. Refuses with ``claim.emergency-post`` and the codes of
    ``check_commitment``.
    """
    if clinical["emergency"] and not visit.emergency and ctx.post != "doctor":
        reject("claim.emergency-post", post=ctx.post, allowed=["doctor"])
    if clinical["commitment"] is not None:
        check_commitment(ctx, clinical["commitment"], visit.admission, person, institution)


def check_commitment(
    ctx: Context, given: Args, admission: str, person: Person, institution: str
) -> None:
    """The commitment is signed: by the person's phone since the admission, or on paper.

    Refuses with ``claim.commitment-unsigned``, ``presence.no-phone``, ``presence.expired``,
    ``presence.signature``.
    """
    signature, issued_ms = given["signature"], given["issued_ms"]
    if signature is None:
        if given["paper"] is None:
            reject("claim.commitment-unsigned", want="signature or paper")
        return
    key = None if given["by"] else phone_key(person)
    if key is None:
        reject("presence.no-phone", person=person.id)
    earliest = calendar.start_of_day_ms(admission)
    if not earliest <= issued_ms <= ctx.time_ms + CLOCK_AHEAD_MS:
        reject("presence.expired", issued_ms=issued_ms, time_ms=ctx.time_ms)
    message = ctx.services.encode([VERB, person.id, institution, admission, issued_ms])
    try:
        ctx.services.verify(key, SIGNING_CONTEXT, message, signature)
    except ValueError:
        reject("presence.signature", person=person.id)
