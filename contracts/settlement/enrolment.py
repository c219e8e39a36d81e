"""Contract ``enrolment``: insured persons, as the home bureau knows them.

A person is a pseudonym ``p:<area>:<token>`` given by the home bureau, whose own registry outside
the ledger maps it to a human being. Everything that describes the person comes in an attachment
for the audience ``person``; a call's body, its receipt and its refusals name the pseudonym and
nothing else. The state's value holds 32 bytes derived from the attachment's blind, so that its hash
cannot be guessed from the few values that age, category and sex can have.

A **link token** from the centre is one per human being: while an enrolment is open, no other may be
opened for the same token (``link/<token>``). Moving the insurance elsewhere is ``close`` at the old
area and ``enrol`` at the new one.

State: ``person/<id>``, ``link/<token in hex>``.
"""

from __future__ import annotations

from dataclasses import replace

from contracts.api import Answer, Args, Attachment, Context, Contract, Value, reject
from contracts.organisations import require_competent
from contracts.schema import (
    Bool,
    Bytes,
    Date,
    Id,
    Int,
    List,
    OneOf,
    Optional,
    Record,
    Text,
)
from contracts.settlement import calendar, ending, newborn_record
from contracts.settlement.ending import Ended
from contracts.settlement.enrolment_record import (
    ARREARS,
    INSURED,
    WAITING,
    Entitlement,
    Hold,
    Period,
    Person,
    Spell,
    area_of,
    hold_on,
    is_entitled,
    load_person,
    person_status,
    phone_key,
    require_insured,
    require_person,
)
from contracts.settlement.filing_record import WHY_ENDED
from contracts.settlement.records import content_digest, salt_of
from contracts.settlement.terms import CATEGORIES, SEXES

__all__ = [
    "CONTRACT",
    "Entitlement",
    "Hold",
    "Period",
    "Person",
    "Spell",
    "area_of",
    "hold_on",
    "is_entitled",
    "load_person",
    "person_status",
    "phone_key",
    "require_insured",
    "require_person",
]

CONTRACT = Contract("enrolment", version=1)

AUDIENCE = "person"
SCHEMES = ("310", "390")
"""310 employee, 390 resident: the two basic insurances."""

SPELLS_MAX, PERIODS_MAX, SUSPENSIONS_MAX, ENTITLEMENTS_MAX = 64, 240, 64, 64

_SPELL = {
    "from": Date(),
    "category": OneOf(*CATEGORIES),
    "identity_types": List(Id(40), max=8, distinct=True),
}
_PERIODS = List(
    Record({"from": Date(), "to": Optional(Date()), "status": OneOf(INSURED, ARREARS, WAITING)}),
    max=PERIODS_MAX,
)
_ENTITLEMENTS = List(
    Record({"disease": Id(40), "from": Date(), "to": Optional(Date())}), max=ENTITLEMENTS_MAX
)
ENROLMENT = Record(
    {
        "link": Bytes(32),
        "scheme": OneOf(*SCHEMES),
        "sex": OneOf(*SEXES),
        "birth": Date(),
        "insured": _PERIODS,
        "account": Bool(),
        "phone_key": Optional(Bytes(33)),
        "entitlements": Optional(_ENTITLEMENTS, []),
        **_SPELL,
    }
)
"""Attachment of ``enrol``. ``from`` is the first day of category and identity types; ``insured``
lists periods in ascending order (``to`` absent: open); ``account``: has a personal account;
``phone_key``: the key in the person's phone that signs insurance codes, if there is one;
``entitlements``: chronic diseases that are recognised, with their dates."""

CHANGE = Record(
    {
        "attributes": Optional(Record(_SPELL)),
        "insured": Optional(_PERIODS),
        "account": Optional(Bool()),
        "phone_key": Optional(Bytes(33)),
        "phone_lost": Optional(Bool(), False),
        "entitlements": Optional(_ENTITLEMENTS),
    }
)
"""Attachment of ``update``: what changes. ``insured`` and ``entitlements`` replace the whole list;
``attributes`` holds from its date on, and replaces an entry of the same or a later date;
``phone_lost`` drops the phone's key, ``phone_key`` sets another."""

CLOSED_AHEAD_DAYS = 366
"""An enrolment may end at most so far ahead."""

WORK_OF_KEY = 6_000
"""Units of checking a phone's key (``Context.spend``): that it is of prime order takes 1.4 ms."""

_CLERKS = ("clerk", "checker")


@CONTRACT.method(
    args={"person": Id(60)}, attachments={AUDIENCE: ENROLMENT}, kinds=("bureau",), posts=_CLERKS
)
def enrol(ctx: Context, args: Args) -> Answer:
    """Open an enrolment under a new pseudonym.

    Of a newborn that was registered under its mother, in time: the answer has what was settled
    there, to be decided again on the child. Refuses with ``newborn.differs``, ``newborn.cover``.
    """
    person_id = args["person"]
    area = area_of(person_id)
    require_competent(ctx, area)
    digest = content_digest(ctx, "enrolment.enrol", args)
    known = load_person(ctx.state, person_id)
    if known is not None:
        # Only the enrolment itself may be repeated; a person that has changed since is another.
        if known.revision == 1 and known.digest == digest:
            told = newborn_record.claims_at_enrolment(ctx.state, person_id)
            return {"revision": 1} | ({"newborn_claims": list(told)} if told else {})
        reject("enrolment.exists", person=person_id)
    person = new_person(ctx, person_id, ctx.attachments[AUDIENCE], digest)
    today = calendar.date_of_ms(ctx.time_ms)
    insured = [p.from_date for p in person.insured if p.status == INSURED]
    moved = newborn_record.enrolled(
        ctx, person_id, person.birth, person.sex, insured[0] if insured else "", today, digest
    )
    begin(ctx, person)
    if not moved:
        return {"revision": 1}
    ctx.emit("newborn.enrolled", person=person_id, area=area, claims=list(moved))
    return {"revision": 1, "newborn_claims": list(moved)}


def new_person(ctx: Context, person_id: str, attached: Attachment, digest: bytes) -> Person:
    """The person of an attachment ``ENROLMENT``; nothing is written yet.

    Refuses with ``enrolment.birth-ahead``, ``enrolment.phone-key``, ``enrolment.periods``.
    """
    content = attached.content
    today = calendar.date_of_ms(ctx.time_ms)
    if content["birth"] > today:
        reject("enrolment.birth-ahead", person=person_id, today=today)
    return Person(
        id=person_id,
        area=area_of(person_id),
        scheme=content["scheme"],
        sex=content["sex"],
        birth=content["birth"],
        account=content["account"],
        phone_key=_phone_key(ctx, person_id, content["phone_key"]),
        link=content["link"],
        spells=(_spell(content),),
        insured=_periods(person_id, content["insured"]),
        holds=(),
        died=None,
        closed=None,
        revision=1,
        digest=digest,
        salt=salt_of(ctx, attached.blind, f"person/{person_id}"),
        entitlements=_entitlements(person_id, content["entitlements"]),
    )


def begin(ctx: Context, person: Person) -> None:
    """Write a new enrolment. Refuses with ``enrolment.insured-elsewhere``."""
    _take_link(ctx, person)
    ctx.state.put(f"person/{person.id}", person.encode())
    ctx.emit("enrolment.enrolled", person=person.id)


def end_open(ctx: Context, person: Person, last_day: str, digest: bytes) -> Ended:
    """End an enrolment because the insurance moves elsewhere; what ended with it, what is open."""
    changed = replace(person, closed=last_day, revision=person.revision + 1, digest=digest)
    changed, ended = _end(ctx, changed, last_day, "moved")
    ctx.state.put(f"person/{person.id}", changed.encode())
    ctx.emit("enrolment.closed", person=person.id, revision=changed.revision)
    return ended


def _end(ctx: Context, person: Person, last_day: str, cause: str) -> tuple[Person, Ended]:
    """The link token is free, and everything ends that ends with an enrolment."""
    link_key = f"link/{person.link.hex()}"
    link = ctx.state.get(link_key)
    if link is not None and link[0] == person.id:
        ctx.state.put(link_key, [person.id, False, link[2]])
    return ending.end(ctx, person, last_day, cause)


@CONTRACT.method(
    args={"person": Id(60), "revision": Int(2, 10**6)},
    attachments={AUDIENCE: CHANGE},
    kinds=("bureau",),
    posts=_CLERKS,
)
def update(ctx: Context, args: Args) -> Answer:
    """Change attributes or insured periods. ``revision`` is one more than the present one."""
    person, repeated = _changing(ctx, "update", args)
    if repeated:
        return {"revision": person.revision}
    content = ctx.attachments[AUDIENCE].content
    changed = person
    if content["attributes"] is not None:
        spell = _spell(content["attributes"])
        earlier = tuple(s for s in person.spells if s.from_date < spell.from_date)
        if len(earlier) >= SPELLS_MAX:
            reject("enrolment.too-many", person=person.id, of="attributes", limit=SPELLS_MAX)
        changed = replace(changed, spells=(*earlier, spell))
    if content["insured"] is not None:
        changed = replace(changed, insured=_periods(person.id, content["insured"]))
    if content["account"] is not None:
        changed = replace(changed, account=content["account"])
    if content["entitlements"] is not None:
        entitlements = _entitlements(person.id, content["entitlements"])
        changed = replace(changed, entitlements=entitlements)
    if content["phone_lost"]:
        changed = replace(changed, phone_key=None)
    if content["phone_key"] is not None:
        key = _phone_key(ctx, person.id, content["phone_key"])
        changed = replace(changed, phone_key=key)
    return _store(ctx, "updated", changed, args)


@CONTRACT.method(
    args={"person": Id(60), "revision": Int(2, 10**6), "from": Date(), "to": Optional(Date())},
    attachments={AUDIENCE: Record({"reason": Text(1, 200)})},
    kinds=("bureau",),
    posts=("checker",),
)
def suspend(ctx: Context, args: Args) -> Answer:
    """Suspend the person's direct settlement; reimbursement and emergency care stay open."""
    person, repeated = _changing(ctx, "suspend", args)
    if repeated:
        return {"revision": person.revision}
    if args["to"] is not None and args["to"] < args["from"]:
        reject("enrolment.dates", person=person.id, start=args["from"], end=args["to"])
    if len(person.holds) >= SUSPENSIONS_MAX:
        reject("enrolment.too-many", person=person.id, of="suspensions", limit=SUSPENSIONS_MAX)
    hold = Hold(args["from"], args["to"], ctx.attachments[AUDIENCE].content["reason"])
    return _store(ctx, "suspended", replace(person, holds=(*person.holds, hold)), args)


@CONTRACT.method(
    args={"person": Id(60), "revision": Int(2, 10**6), "last_day": Date()},
    kinds=("bureau",),
    posts=("checker",),
)
def resume(ctx: Context, args: Args) -> Answer:
    """End every suspension of the person on ``last_day``; one that begins later is dropped."""
    person, repeated = _changing(ctx, "resume", args)
    if repeated:
        return {"revision": person.revision}
    last_day = args["last_day"]
    kept = tuple(
        hold
        if hold.to_date is not None and hold.to_date <= last_day
        else replace(hold, to_date=last_day)
        for hold in person.holds
        if hold.from_date <= last_day
    )
    if kept == person.holds:
        reject("enrolment.not-suspended", person=person.id, after=last_day)
    return _store(ctx, "resumed", replace(person, holds=kept), args)


@CONTRACT.method(
    args={"person": Id(60), "revision": Int(2, 10**6)},
    attachments={AUDIENCE: Record({"last_day": Date(), "cause": OneOf(*WHY_ENDED)})},
    kinds=("bureau",),
    posts=_CLERKS,
)
def close(ctx: Context, args: Args) -> Answer:
    """End the enrolment after a day: by death, or because the insurance moves elsewhere.

    The link token is free from then on. Filings and consents end with that day, what is open is
    listed (``ending``); care up to that day is judged by its own dates. Refuses with
    ``enrolment.dates``.
    """
    person, repeated = _changing(ctx, "close", args)
    if repeated:
        known = ending.find(ctx.state, person.id)
        return {"revision": person.revision} | ({} if known is None else known.told())
    content = ctx.attachments[AUDIENCE].content
    last_day = content["last_day"]
    today = calendar.date_of_ms(ctx.time_ms)
    if content["cause"] == "death":
        if last_day > today or last_day < person.birth:
            reject("enrolment.dates", person=person.id, start="birth", end=today)
        changed = replace(person, died=last_day)
    else:
        latest = calendar.add_days(today, CLOSED_AHEAD_DAYS)
        if last_day > latest:
            reject("enrolment.dates", person=person.id, start=last_day, end=latest)
        changed = replace(person, closed=last_day)
    changed, ended = _end(ctx, changed, last_day, content["cause"])
    return _store(ctx, "closed", changed, args) | ended.told()


def _changing(ctx: Context, method: str, args: Args) -> tuple[Person, bool]:
    """The person to change, and whether this very change was already made (a retry)."""
    require_competent(ctx, area_of(args["person"]))
    person = require_person(ctx.state, args["person"])
    digest = content_digest(ctx, f"enrolment.{method}", args)
    if args["revision"] == person.revision and digest == person.digest:
        return person, True
    if args["revision"] != person.revision + 1:
        reject(
            "enrolment.revision",
            person=person.id,
            revision=args["revision"],
            expected=person.revision + 1,
        )
    if (person.died is not None or person.closed is not None) and method != "close":
        reject("enrolment.ended", person=person.id)
    return replace(person, digest=digest), False


def _store(ctx: Context, what: str, person: Person, args: Args) -> Answer:
    revised = replace(person, revision=args["revision"])
    ctx.state.put(f"person/{person.id}", revised.encode())
    ctx.emit(f"enrolment.{what}", person=person.id, revision=revised.revision)
    return {"revision": revised.revision}


def _take_link(ctx: Context, person: Person) -> None:
    """One open enrolment for each human being; the refusal does not say where the other is."""
    key = f"link/{person.link.hex()}"
    link = ctx.state.get(key)
    if link is not None and link[1]:
        reject("enrolment.insured-elsewhere", person=person.id)
    ctx.state.put(key, [person.id, True, salt_of(ctx, person.salt, key)])


def _phone_key(ctx: Context, person_id: str, key: bytes | None) -> bytes | None:
    if key is not None:
        ctx.spend(WORK_OF_KEY)
        try:
            ctx.services.check_key(key)
        except ValueError:
            reject("enrolment.phone-key", person=person_id)
    return key


def _spell(content: Value) -> Spell:
    return Spell(content["from"], content["category"], tuple(sorted(content["identity_types"])))


def _entitlements(person_id: str, rows: list[Value]) -> tuple[Entitlement, ...]:
    """Recognised diseases; refused by number, never by content."""
    for number, row in enumerate(rows):
        if row["to"] is not None and row["to"] < row["from"]:
            reject("enrolment.periods", person=person_id, number=number)
    return tuple(Entitlement(row["disease"], row["from"], row["to"]) for row in rows)


def _periods(person_id: str, rows: list[Value]) -> tuple[Period, ...]:
    """Periods in ascending order without overlap; refused by number, never by content."""
    periods = tuple(Period(row["from"], row["to"], row["status"]) for row in rows)
    for number, period in enumerate(periods):
        ends_early = period.to_date is not None and period.to_date < period.from_date
        follows_open = number > 0 and periods[number - 1].to_date is None
        before = periods[number - 1].to_date if number else None
        overlaps = before is not None and period.from_date <= before
        if ends_early or follows_open or overlaps:
            reject("enrolment.periods", person=person_id, number=number)
    return periods
