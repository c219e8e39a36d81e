"""Claims and the stays that they belong to: begun, gone on with, settled in parts, taken back.

A claim of an inpatient kind begins a stay, or goes on with one (``continues``). Settled plainly it
ends it. Settled with ``goes_on`` (中途结算) it is a part, the patient stays, and the next claim
continues it; the one that is settled without ends the stay. A test at another institution is a part
too, under an order of the stay's (``claim_test``). Parts are decided one after the other on what
the stay comes to (``adjudicate_part``), so they are taken back, refunded and settled again in
reverse order only. Visits that are no stays read and write nothing here.
"""

from __future__ import annotations

from dataclasses import replace

from contracts.api import Args, Context, reject
from contracts.organisations import Organisation, require_organisation
from contracts.quick import quick
from contracts.settlement import calendar, stays
from contracts.settlement import claim as claims
from contracts.settlement.claim_shapes import EMERGENCY, NEWBORN, TRANSFER
from contracts.settlement.claim_visit import is_emergency, is_inpatient
from contracts.settlement.enrolment import Person, require_person
from contracts.settlement.part_record import Part, PartFigures, SoFar
from contracts.settlement.records import Claim, Settled, Visit
from contracts.settlement.stays import Stay, exchanged

PARTS_MAX = 100
"""Parts of one stay: one a month for eight years."""
WORK_OF_PART = 60
"""Units of reading one earlier part (``Context.spend``)."""


@quick(frozen=True, slots=True)
class AsPart:
    """A settlement as a part of a stay: what its decision needs beside its own lines."""

    name: str
    number: int
    goes_on: bool
    host: Organisation
    """The institution of the stay."""
    visit: Visit
    """The stay so far: its admission, the last day of all parts, its flags."""
    so_far: SoFar

    def record(self, figures: PartFigures) -> Part:
        """What is kept with the settlement."""
        return Part(self.name, self.number, self.visit.admission, self.goes_on, self.host.id,
                    figures, self.so_far.billed())  # fmt: skip


@quick(frozen=True, slots=True)
class Joined:
    """A settlement's stay: the person's stays, and this one before and after."""

    stays: tuple[Stay, ...]
    before: Stay | None
    after: Stay
    part: AsPart | None
    """None of a stay that is settled whole."""
    until: str
    """Last day that is settled now; empty for a test, which says nothing of where the person
    lies."""

    def check(self) -> None:
        """Refuses with ``stay.overlap``."""
        others = (stay for stay in self.stays if stay is not self.before)
        stays.require_apart(replace(self.after, discharge=self.until), others)

    def keep(self, ctx: Context, person: Person) -> None:
        """Write the stay as it is after the settlement."""
        stays.put(ctx, person, exchanged(self.stays, self.before, self.after))


def register(
    ctx: Context, claim_id: str, institution: Organisation, person: Person, visit: Visit, args: Args
) -> None:
    """A visit is registered: a stay begins, or goes on.

    Refuses with ``stay.*``, and with ``claim.flag-alone`` words on stays for what is none.
    """
    if not is_inpatient(visit.care_kind):
        _require_plain(args)
        return
    known = stays.of_person(ctx.state, person.id)
    before, begun = _begun(ctx, known, claim_id, institution, person, visit, args)
    stays.require_apart(begun, known)
    stays.put(ctx, person, exchanged(known, before, begun))


def join(
    ctx: Context,
    claim_id: str,
    claim: Claim,
    institution: Organisation,
    person: Person,
    visit: Visit,
    args: Args,
) -> Joined | None:
    """The stay of a settlement; None for a visit that is none.

    ``claim``: as it was registered, or as it is begun by this call. Refuses with ``stay.*``,
    ``claim.flag-alone``.
    """
    if not is_inpatient(visit.care_kind):
        _require_plain(args["visit"] or {})
        if args.get("goes_on"):
            reject("claim.flag-alone", flag="goes_on", partner="stay")
        return None
    known = stays.of_person(ctx.state, person.id)
    before = next((stay for stay in known if stay.going == claim_id), None)
    if before is not None:
        stay = replace(before, reason=before.reason or _reason(visit, person, {}))
    elif claim.registered:
        # Registered before stays were kept.
        stay = Stay(claim_id, institution.id, visit.admission, "", _reason(visit, person, {}))
    else:
        before, stay = _begun(ctx, known, claim_id, institution, person, visit, args["visit"])
    goes_on = bool(args.get("goes_on"))
    discharge = "" if goes_on else visit.discharge
    if not goes_on and not stay.parts:
        # By this claim's name: what the stay began with may have been taken back.
        after = replace(stay, name=claim_id, discharge=discharge, going="", tests=())
        return Joined(known, before, after, None, visit.discharge)
    part = _as_part(ctx, stay, goes_on, visit, institution)
    after = replace(
        stay, discharge=discharge, going="", parts=(*stay.parts, claim_id),
        tests=stay.tests if goes_on else (),
    )  # fmt: skip
    return Joined(known, before, after, part, visit.discharge)


def _require_plain(given: Args) -> None:
    for word in ("continues", "overlap"):
        if word in given:
            reject("claim.flag-alone", flag=word, partner="stay")


def _reason(visit: Visit, person: Person, given: Args) -> str:
    """Why the stay may overlap another: as named, or as the flags of the visit say.

    Refuses with ``stay.reason`` one that the visit does not bear out.
    """
    named: str = given.get("overlap", "")
    emergency = is_emergency(visit)
    if (named == EMERGENCY and not emergency) or (named == NEWBORN and person.sex == "male"):
        reject("stay.reason", reason=named, emergency=emergency)
    if named or visit.newborn:
        return named or NEWBORN
    if emergency:
        return EMERGENCY
    return TRANSFER if visit.referral else ""


def _begun(
    ctx: Context,
    known: tuple[Stay, ...],
    claim_id: str,
    institution: Organisation,
    person: Person,
    visit: Visit,
    given: Args,
) -> tuple[Stay | None, Stay]:
    """The stay that a claim begins or goes on with: as it is known, and with the claim open."""
    reason = _reason(visit, person, given)
    if "continues" not in given:
        return None, Stay(claim_id, institution.id, visit.admission, "", reason, claim_id)
    named = given["continues"]
    stay = next((one for one in known if named == one.name or named in one.parts), None)
    if stay is None or stay.institution != institution.id:
        reject("stay.not-found", continues=named)
    if stay.over:
        reject("stay.over", stay=stay.name, discharge=stay.discharge)
    if stay.going:
        reject("stay.part-open", stay=stay.name, part=stay.going)
    last = _own_last_day(ctx, stay)
    allowed = [last, calendar.add_days(last, 1)] if last else [stay.admission]
    if visit.admission not in allowed:
        reject("stay.part-dates", admission=visit.admission, allowed=allowed)
    return stay, replace(stay, going=claim_id, reason=stay.reason or reason)


def _own_last_day(ctx: Context, stay: Stay) -> str:
    """Last settled day of the stay at its own institution; empty before its first part."""
    for name in reversed(stay.parts):
        part = _claim(ctx, name)
        if part.institution == stay.institution:
            return part.visit.discharge
    return ""


def _claim(ctx: Context, name: str) -> Claim:
    claim = claims.find(ctx.state, name)
    assert claim is not None, f"a stay names its part {name}"
    return claim


def as_test(
    ctx: Context, stay: Stay, known: tuple[Stay, ...], claim_id: str, order: str, visit: Visit,
    institution: Organisation,
) -> Joined:  # fmt: skip
    """A test at another institution as a part of the stay that ordered it."""
    part = _as_part(ctx, stay, True, visit, institution)
    tests = tuple(row for row in stay.tests if row[0] != order)
    after = replace(stay, parts=(*stay.parts, claim_id), tests=tests)
    return Joined(known, stay, after, part, "")


def _as_part(
    ctx: Context, stay: Stay, goes_on: bool, visit: Visit, institution: Organisation
) -> AsPart:
    """What the decision of a part needs. Refuses with ``stay.part-dates``, ``stay.too-many``."""
    if len(stay.parts) >= PARTS_MAX:
        reject("stay.too-many", limit=PARTS_MAX)
    so_far, last = _so_far(ctx, stay.parts)
    own = institution.id == stay.institution
    if own and visit.discharge < last:
        reject("stay.part-dates", discharge=visit.discharge, last_day=last)
    whole = visit if own else _open_visit(ctx, stay)
    whole = replace(whole, admission=stay.admission, discharge=max(visit.discharge, last))
    host = institution if own else require_organisation(ctx.state, stay.institution)
    return AsPart(stay.name, len(stay.parts) + 1, goes_on, host, whole, so_far)


def _open_visit(ctx: Context, stay: Stay) -> Visit:
    """The visit of the stay's open claim, which has its flags. Refuses with ``stay.not-going``."""
    if not stay.going:
        reject("stay.not-going", stay=stay.name)
    return _claim(ctx, stay.going).visit


def _so_far(ctx: Context, parts: tuple[str, ...]) -> tuple[SoFar, str]:
    """What the settled parts come to, and the last day of them all."""
    ctx.spend(len(parts) * WORK_OF_PART)
    found, last = SoFar(), ""
    for name in parts:
        claim = _claim(ctx, name)
        settled = claim.settled
        assert settled is not None, f"part {name} of a stay is not settled"
        assert settled.part is not None, f"claim {name} is no part of a stay"
        found.add(settled.part.figures, settled.counters)
        last = max(last, claim.visit.discharge)
    return found, last


# --- Taken back, given up, settled again ----------------------------------------------------------


def cancel(ctx: Context, claim_id: str, claim: Claim) -> None:
    """A registered visit is given up. Refuses with ``stay.later-part`` while tests are settled
    under it."""
    if not is_inpatient(claim.visit.care_kind):
        return
    known = stays.of_person(ctx.state, claim.person)
    stay = next((one for one in known if one.going == claim_id), None)
    if stay is None:
        return
    if stay.parts and not _own_last_day(ctx, stay):
        reject("stay.later-part", claim=claim_id, part=stay.parts[-1])
    after = replace(stay, going="", tests=()) if stay.parts else None
    person = require_person(ctx.state, claim.person)
    stays.put(ctx, person, exchanged(known, stay, after))


def take_back(ctx: Context, claim_id: str, claim: Claim, settled: Settled) -> None:
    """A settlement is taken back: its stay is gone, or goes on where it was its last part.

    Refuses with ``stay.later-part``, ``stay.part-open``.
    """
    known, stay = _of_settled(ctx, claim_id, claim, settled)
    if stay is None:
        return
    _require_last(claim_id, claim, stay)
    parts = stay.parts[:-1]
    after = replace(stay, discharge="", parts=parts) if parts or stay.going else None
    stays.put(ctx, require_person(ctx.state, claim.person), exchanged(known, stay, after))


def again(
    ctx: Context, claim_id: str, claim: Claim, settled: Settled, visit: Visit
) -> AsPart | None:
    """The settlement that takes a part's place, on the parts before it; None of what is no part.

    Refuses like ``take_back``.
    """
    if settled.part is None:
        return None
    _, stay = _of_settled(ctx, claim_id, claim, settled)
    if stay is None:
        reject("stay.not-found", continues=settled.part.stay)
    _require_last(claim_id, claim, stay)
    before = replace(stay, parts=stay.parts[:-1])
    institution = require_organisation(ctx.state, claim.institution)
    return _as_part(ctx, before, settled.part.goes_on, visit, institution)


def replaced(
    ctx: Context, claim_id: str, claim: Claim, settled: Settled, by: str, person: Person
) -> None:
    """Another settlement, of the person or of the person's newborn, has taken a stay's place.

    Refuses with ``stay.in-parts`` a part that would move to a newborn, and with ``stay.overlap``.
    """
    known, stay = _of_settled(ctx, claim_id, claim, settled)
    if stay is None:
        return
    parts = tuple(by if name == claim_id else name for name in stay.parts)
    made = replace(stay, parts=parts, name=stay.name if parts else by)
    if person.id == claim.person:
        stays.put(ctx, person, exchanged(known, stay, made))
        return
    if stay.parts:
        reject("stay.in-parts", claim=claim_id, parts=len(stay.parts))
    mother = require_person(ctx.state, claim.person)
    stays.put(ctx, mother, exchanged(known, stay, None))
    theirs = stays.of_person(ctx.state, person.id)
    made = replace(made, reason=made.reason or NEWBORN)
    stays.require_apart(made, theirs)
    stays.put(ctx, person, exchanged(theirs, None, made))


def _of_settled(
    ctx: Context, claim_id: str, claim: Claim, settled: Settled
) -> tuple[tuple[Stay, ...], Stay | None]:
    """The person's stays and that of a settled claim; nothing is read for an outpatient visit."""
    if not is_inpatient(claim.visit.care_kind) and settled.part is None:
        return (), None
    known = stays.of_person(ctx.state, claim.person)
    found = (one for one in known if claim_id in one.parts or (
        one.name == claim_id and not one.parts and not one.going))  # fmt: skip
    return known, next(found, None)


def _require_last(claim_id: str, claim: Claim, stay: Stay) -> None:
    """Parts were decided one on the other: the last one goes first."""
    if stay.parts and stay.parts[-1] != claim_id:
        reject("stay.later-part", claim=claim_id, part=stay.parts[-1])
    if stay.going and claim.institution == stay.institution:
        reject("stay.part-open", stay=stay.name, part=stay.going)


def compare(
    ctx: Context, name: str, institution: str, person: Person, visit: Visit, given: Args
) -> str:
    """A bill of a stay that the person paid first is brought; why it may overlap another stay.

    Refuses with ``stay.overlap``, ``stay.reason``, ``claim.flag-alone``.
    """
    if not is_inpatient(visit.care_kind):
        _require_plain(given)
        return ""
    reason = _reason(visit, person, given)
    stay = Stay(name, institution, visit.admission, visit.discharge, reason)
    stays.require_apart(stay, stays.of_person(ctx.state, person.id))
    return reason


def reimbursed(
    ctx: Context, name: str, institution: str, person: Person, visit: Visit, reason: str
) -> None:
    """A stay is reimbursed: compared once more, since others may have come, and kept."""
    if not is_inpatient(visit.care_kind):
        return
    known = stays.of_person(ctx.state, person.id)
    stay = Stay(name, institution, visit.admission, visit.discharge, reason)
    stays.require_apart(stay, known)
    stays.put(ctx, person, exchanged(known, None, stay))
