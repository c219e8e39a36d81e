"""Contract ``filing`` (备案): a person says where care will be, the home bureau's rules decide.

Types are those of the 2022 national rule: long-term (retired, living or posted elsewhere) and
temporary (referral, emergency, other). A filing names a city or a province of care; a referral also
its hospital, as a fact. Nothing is edited: each submission, decision, change and cancellation
appends a version (``filing_record``). What a claim binds to is computed in ``filing_cover``.

The home area's parameter ``filing`` decides: which types are approved at once and which wait on the
work list, validity, how far back a filing may reach, filings on commitment.

Papers (``filing`` attachment) are named by kind and hash; the ledger never holds them.
"""

from __future__ import annotations

from dataclasses import replace

from contracts import parameters
from contracts.api import Answer, Args, Context, Contract, Value, reject
from contracts.organisations import covers, require_competent, require_own_id
from contracts.schema import (
    IDENTIFIER,
    Bool,
    Bytes,
    Date,
    Id,
    Int,
    List,
    OneOf,
    Optional,
    Record,
    Region,
    Shape,
    Text,
)
from contracts.settlement import calendar
from contracts.settlement.calendar import work_calendar
from contracts.settlement.enrolment import Person, require_person
from contracts.settlement.filing_cover import long_term_in_force
from contracts.settlement.filing_end import announce
from contracts.settlement.filing_record import (
    APPROVED,
    CANCELLED,
    LONG_TERM,
    PENDING,
    REFUSED,
    RETURNED,
    TEMPORARY,
    Filing,
    Version,
    enter,
    load_filing,
    load_index,
    save,
)
from contracts.settlement.records import content_digest, salt_of

CONTRACT = Contract("filing", version=1)

AUDIENCE = "filing"
CHANNELS = ("app", "mini_program", "window", "phone", "hospital")
REASONS = ("papers_missing", "papers_unclear", "wrong_type", "wrong_place", "not_entitled", "other")
"""Why a filing was returned or refused; anything more is in the attachment."""
AHEAD_MAX_DAYS = 366
"""A filing may begin at most a year ahead."""
WARNED_AT_ONCE = 200
"""Filings that one call may warn of."""
VERSIONS_MAX = 200
DEFAULT_MONTHS = 6
"""Temporary filings are valid for not less than six months (2022 national rule)."""

PAPERS = Record(
    {
        "materials": Optional(List(Record({"kind": Id(40), "sha256": Bytes(32)}), max=32), []),
        "note": Optional(Text(0, 500, lines=True), ""),
    }
)
_ATTACHED: dict[str, Shape | None] = {AUDIENCE: Optional(PAPERS)}

STATEMENT: dict[str, Shape] = {
    "type": OneOf(*LONG_TERM, *TEMPORARY),
    "care_region": Region(),
    "hospital": Optional(Text(0, 40, IDENTIFIER), ""),
    "effective_from": Optional(Date()),
    "valid_to": Optional(Date()),
    "channel": OneOf(*CHANNELS),
    "on_commitment": Optional(Bool(), False),
}
"""What a filing says. Without ``effective_from`` it begins today; ``valid_to`` may only shorten
what the home area's rules give; ``on_commitment``: papers follow, it lapses without them."""

_CLERKS = ("clerk", "checker")


@CONTRACT.method(
    args={"filing": Id(30), "person": Id(60), **STATEMENT},
    attachments=_ATTACHED,
    kinds=("bureau", "hospital"),
)
def submit(ctx: Context, args: Args) -> Answer:
    """File: by the home bureau, or by a hospital for a referral or an emergency."""
    person = require_person(ctx.state, args["person"])
    _require_submitter(ctx, person.area, args["type"])
    require_own_id(ctx, args["filing"])
    digest = content_digest(ctx, "filing.submit", args)
    known = load_filing(ctx.state, args["filing"])
    if known is not None:
        if known.versions[0].digest == digest:
            return _answer(known.versions[0])
        reject("filing.duplicate-id", filing=args["filing"])
    _require_alive(person)
    version = _version(ctx, person.area, args, 1, digest)
    name = f"filing/{args['filing']}"
    filing = Filing(
        args["filing"], person.id, person.area, (version,), salt_of(ctx, person.salt, name)
    )
    return _append(ctx, person, filing)


@CONTRACT.method(
    args={"filing": Id(30), "version": Int(2, VERSIONS_MAX), **STATEMENT},
    attachments=_ATTACHED,
    kinds=("bureau",),
    posts=_CLERKS,
)
def change(ctx: Context, args: Args) -> Answer:
    """Say something else from a day on, or answer a return: a new version, judged like the first.

    Days before its first day stay with the version that covered them.
    """
    filing, person, repeated = _open(ctx, "change", args)
    if repeated is not None:
        return _answer(repeated)
    _require_alive(person)
    _require_changeable(ctx, filing)
    digest = content_digest(ctx, "filing.change", args)
    version = _version(ctx, filing.area, args, args["version"], digest)
    return _append(ctx, person, replace(filing, versions=(*filing.versions, version)))


@CONTRACT.method(
    args={
        "filing": Id(30),
        "version": Int(2, VERSIONS_MAX),
        "decision": OneOf("approve", "return", "refuse"),
        "reason": Optional(OneOf("", *REASONS), ""),
    },
    attachments=_ATTACHED,
    kinds=("bureau",),
    posts=_CLERKS,
)
def decide(ctx: Context, args: Args) -> Answer:
    """Decide a filing on the work list: approve, return for papers, or refuse with a reason."""
    filing, person, repeated = _open(ctx, "decide", args)
    if repeated is not None:
        return _answer(repeated)
    if filing.last.status != PENDING:
        reject("filing.not-pending", filing=filing.id, status=filing.last.status)
    if args["decision"] != "approve" and not args["reason"]:
        reject("filing.reason-missing", filing=filing.id, decision=args["decision"])
    status = {"approve": APPROVED, "return": RETURNED, "refuse": REFUSED}[args["decision"]]
    return _follow(ctx, "decide", filing, person, args, status=status, reason=args["reason"])


@CONTRACT.method(
    args={"filing": Id(30), "version": Int(2, VERSIONS_MAX)},
    attachments=_ATTACHED,
    kinds=("bureau",),
    posts=_CLERKS,
)
def confirm(ctx: Context, args: Args) -> Answer:
    """The papers of a filing on commitment are in: it no longer lapses."""
    filing, person, repeated = _open(ctx, "confirm", args)
    if repeated is not None:
        return _answer(repeated)
    last = filing.last
    if last.status != APPROVED or last.provisional_until is None:
        reject("filing.not-provisional", filing=filing.id, status=last.status)
    today = calendar.date_of_ms(ctx.time_ms)
    if today > last.provisional_until:
        reject("filing.lapsed", filing=filing.id, until=last.provisional_until, today=today)
    return _follow(ctx, "confirm", filing, person, args, provisional_until=None)


@CONTRACT.method(
    args={"filing": Id(30), "version": Int(2, VERSIONS_MAX), "last_day": Date()},
    attachments=_ATTACHED,
    kinds=("bureau",),
    posts=_CLERKS,
)
def cancel(ctx: Context, args: Args) -> Answer:
    """End a filing after a day, today's at the earliest; admissions up to then stay covered."""
    filing, person, repeated = _open(ctx, "cancel", args)
    if repeated is not None:
        return _answer(repeated)
    _require_changeable(ctx, filing)
    today = calendar.date_of_ms(ctx.time_ms)
    if args["last_day"] < today:
        reject("filing.cancel-back", filing=filing.id, last_day=args["last_day"], today=today)
    # What ends is what stands, not a change of it that still waits or was refused.
    standing = filing.standing or filing.last
    return _follow(
        ctx,
        "cancel",
        filing,
        person,
        args,
        type=standing.type,
        care_region=standing.care_region,
        hospital=standing.hospital,
        status=CANCELLED,
        effective_from=calendar.add_days(args["last_day"], 1),
        valid_to=None,
        provisional_until=None,
    )


@CONTRACT.method(
    args={"filings": List(Id(30), max=WARNED_AT_ONCE, min=1, distinct=True)},
    kinds=("bureau",),
    posts=_CLERKS,
)
def warn(ctx: Context, args: Args) -> Answer:
    """Tell of filings that end soon, or whose papers never came: an event each, once for each end.

    What does not end within the home area's ``warn_days``, and what was told before, is passed
    over, so the call may be repeated and two clerks may make it.
    """
    told: list[Value] = []
    today = calendar.date_of_ms(ctx.time_ms)
    for name in args["filings"]:
        filing = load_filing(ctx.state, name)
        if filing is None:
            reject("filing.unknown", filing=name)
        require_competent(ctx, filing.area)
        if _warn(ctx, filing, today):
            told.append(name)
    return {"told": told, "passed": len(args["filings"]) - len(told)}


def _warn(ctx: Context, filing: Filing, today: str) -> bool:
    """Whether there was something to tell of a filing."""
    end = filing.end
    days = parameters.area(ctx.state, "filing", filing.area)["warn_days"]
    if end is None or filing.warned == end.last_day:
        return False
    left = calendar.days_between(today, end.last_day)
    if left > days:
        return False
    save(ctx.state, replace(filing, warned=end.last_day))
    topic = "filing.expiring" if left >= 0 else "filing.ended"
    ctx.emit(
        topic,
        filing=filing.id,
        person=filing.person,
        cause=end.cause,
        last_day=end.last_day,
        today=today,
    )
    return True


def _require_submitter(ctx: Context, area: str, filing_type: str) -> None:
    if ctx.sender_kind == "hospital":
        if filing_type not in ("referral", "emergency"):
            reject("filing.not-by-hospital", type=filing_type, allowed=["referral", "emergency"])
        return
    require_competent(ctx, area)


def _require_alive(person: Person) -> None:
    if person.died is not None or person.closed is not None:
        reject("enrolment.ended", person=person.id)


def _open(ctx: Context, method: str, args: Args) -> tuple[Filing, Person, Version | None]:
    """Filing and person of a call of the home bureau, and the version if this is a retry."""
    filing = load_filing(ctx.state, args["filing"])
    if filing is None:
        reject("filing.unknown", filing=args["filing"])
    require_competent(ctx, filing.area)
    person = require_person(ctx.state, filing.person)
    digest = content_digest(ctx, f"filing.{method}", args)
    number = args["version"]
    if number <= len(filing.versions) and filing.versions[number - 1].digest == digest:
        return filing, person, filing.versions[number - 1]
    if number != len(filing.versions) + 1:
        reject(
            "filing.version",
            filing=filing.id,
            version=number,
            expected=len(filing.versions) + 1,
        )
    return filing, person, None


def _require_changeable(ctx: Context, filing: Filing) -> None:
    """Not what has ended; a long-term filing may have to keep its place for some months."""
    standing = filing.standing
    if filing.last.status == CANCELLED or (filing.last.status == REFUSED and standing is None):
        reject("filing.ended", filing=filing.id, status=filing.last.status)
    months = parameters.area(ctx.state, "filing", filing.area)["change_after_months"]
    if months == 0 or standing is None or standing.type not in LONG_TERM:
        return
    earliest = calendar.add_months(standing.effective_from, months)
    today = calendar.date_of_ms(ctx.time_ms)
    if today < earliest:
        reject("filing.too-early", filing=filing.id, today=today, earliest=earliest)


def _version(ctx: Context, area: str, args: Args, number: int, digest: bytes) -> Version:
    """A version from what a filing says, judged by the home area's rules."""
    rules = parameters.area(ctx.state, "filing", area)
    today = calendar.date_of_ms(ctx.time_ms)
    kind, region = args["type"], args["care_region"]
    if region[4:] != "00" or region[:2] == "00":
        reject("filing.region", care_region=region, expected="a city or a province")
    if covers(region, area) or covers(area, region):
        reject("filing.home-place", care_region=region, area=area)
    start = args["effective_from"] or today
    earliest = calendar.add_days(today, -rules["retroactive_days"].get(kind, 0))
    latest = calendar.add_days(today, AHEAD_MAX_DAYS)
    if start < earliest:
        reject("filing.too-far-back", effective_from=start, earliest=earliest)
    if start > latest:
        reject("filing.too-far-ahead", effective_from=start, latest=latest)
    months = rules["validity_months"].get(kind, DEFAULT_MONTHS)
    valid_to = calendar.add_months(start, months) if months else None
    asked = args["valid_to"]
    if asked is not None:
        if asked < start or (valid_to is not None and asked > valid_to):
            reject("filing.validity", valid_to=asked, earliest=start, latest=valid_to)
        valid_to = asked
    provisional_until, decide_by, status = None, None, APPROVED
    if args["on_commitment"]:
        if rules["provisional_days"] == 0:
            reject("filing.no-commitment", area=area)
        provisional_until = calendar.add_days(today, rules["provisional_days"])
    elif kind not in rules["automatic"]:
        status = PENDING
        decide_by = work_calendar(ctx.state).add_working_days(today, rules["decide_within"])
    return Version(
        number=number,
        status=status,
        type=kind,
        care_region=region,
        hospital=args["hospital"],
        effective_from=start,
        valid_to=valid_to,
        submitted_ms=ctx.time_ms,
        submitted_on=today,
        channel=args["channel"],
        provisional_until=provisional_until,
        decide_by=decide_by,
        by=ctx.sender,
        holder=ctx.holder,
        reason="",
        digest=digest,
    )


def _follow(
    ctx: Context, method: str, filing: Filing, person: Person, args: Args, **changes: Value
) -> Answer:
    """Append a version that differs from the last one only in ``changes``."""
    version = replace(
        filing.last,
        number=args["version"],
        decide_by=None,
        by=ctx.sender,
        holder=ctx.holder,
        digest=content_digest(ctx, f"filing.{method}", args),
        **changes,
    )
    return _append(ctx, person, replace(filing, versions=(*filing.versions, version)))


def _append(ctx: Context, person: Person, filing: Filing) -> Answer:
    _require_only_long_term(ctx, filing)
    save(ctx.state, filing)
    enter(ctx.state, filing, salt_of(ctx, person.salt, f"filings/{person.id}"))
    announce(ctx, filing)
    return _answer(filing.last)


def _require_only_long_term(ctx: Context, filing: Filing) -> None:
    """A person lives in one other place at a time: asked at submission and again at approval."""
    if filing.last.type not in LONG_TERM or filing.last.status not in (APPROVED, PENDING):
        return
    rows = [row for row in load_index(ctx.state, filing.person) if row.filing != filing.id]
    present = long_term_in_force(rows, calendar.date_of_ms(ctx.time_ms))
    if present is not None:
        reject("filing.long-term-exists", filing=present.filing)


def _answer(version: Version) -> Answer:
    return {
        "version": version.number,
        "status": version.status,
        "effective_from": version.effective_from,
        "valid_to": version.valid_to,
        "provisional_until": version.provisional_until,
        "decide_by": version.decide_by,
    }
