"""Contract ``counters``: what a person has used up in a benefit year, here and at home.

Deductible paid, cap used, critical-illness base and whatever else a policy counts are kept for
(person, area, scheme, benefit year); they survive a change of policy version. Most care is local
and never touches this ledger, yet moves the same counters: so the home bureau posts the opening
balances and every local settlement or reversal, each under a digest of its local id, once. What
the deltas are is the person's affair and comes in an attachment.

A counter is a plain sum: settlements and feed entries add, reversals subtract what was added. When
a feed entry belongs before settlements that were already decided, or a settlement is taken back,
the later ones are *listed* for re-pricing in an event; none is re-priced silently.

State: ``counter/<person>/<area>/<scheme>/<year>``, ``counter-local/<digest in hex>``,
``counter-feeds/<person>/<area>/<scheme>/<year>``: when which care at home moved the counters, so
that a settlement taken up again can be decided on the counters as they were (``refunds.order``),
and ``counter-moved/<person>/<scheme>/<year>``: where the year's counters go on, and which.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from contracts.api import Answer, Args, Context, Contract, State, Value, reject
from contracts.organisations import require_competent
from contracts.quick import quick
from contracts.schema import FEN_MAX, Bytes, Id, Int, Map, OneOf, Record
from contracts.settlement.enrolment import SCHEMES, Person, area_of, require_person
from contracts.settlement.money import FEN_LIMIT
from contracts.settlement.records import content_digest, salt_of
from contracts.settlement.refunds import reprice
from contracts.settlement.refunds.reprice import Place

CONTRACT = Contract("counters", version=1)

AUDIENCE = "person"
NAMES_MAX = 64
VALUE_MAX = FEN_LIMIT
"""The largest amount that the policy language takes: of a counter beyond it every later policy run
would end in a fault, so the entry that goes beyond is refused."""
SETTLEMENTS_MAX = 100
"""Settlements that a counter remembers for re-pricing; older ones only leave this list."""
FEEDS_MAX = 200
"""Local settlements whose time is remembered; older ones count as before all others."""
_LINE_CHARS_MIN = 4
"""The shortest line of that list: a digit, a blank, a letter, a line feed."""

_KEY = {
    "person": Id(60),
    "scheme": OneOf(*SCHEMES),
    "year": Int(1990, 2999),
}
DELTAS = Record({"deltas": Map(Int(0, FEN_MAX), max=NAMES_MAX)})
"""Attachment of ``open`` and ``feed``: what to add, by counter name; never negative."""


@quick(frozen=True, slots=True)
class Counters:
    """Counters of one person, area, scheme and benefit year."""

    values: Mapping[str, int]
    """By name; what is not there is 0."""
    opening: bytes | None
    """Digest of the call that posted the opening balances; None before it."""
    as_of_ms: int
    """Up to when the home bureau's feed is complete; 0 before the first entry."""
    log: str
    """What was settled here, a line ``<time in ms> <claim id>`` each, ascending in time. One text,
    because it is copied with every settlement and looked into only when something came late."""
    salt: bytes

    @property
    def settlements(self) -> list[tuple[int, str]]:
        """(time of settlement, claim id), ascending in time."""
        rows = (line.split(" ") for line in self.log.splitlines())
        return [(int(time_ms), claim) for time_ms, claim in rows]

    def encode(self) -> Value:
        """As the state has it."""
        return [dict(self.values), self.opening, self.as_of_ms, self.log, self.salt]


def load(state: State, person: str, area: str, scheme: str, year: int) -> Counters | None:
    """The counters with their history; None when nothing was counted yet."""
    value = state.get(_key(person, area, scheme, year))
    if value is None:
        return None
    return Counters(*value)


def read(state: State, person: str, area: str, scheme: str, year: int) -> dict[str, int]:
    """The counters by name; empty when nothing was counted yet."""
    found = load(state, person, area, scheme, year)
    return {} if found is None else dict(found.values)


def add(ctx: Context, person: Person, year: int, deltas: Mapping[str, int], claim: str) -> Counters:
    """Add what a settlement used up and remember the claim; returns the counters after it.

    Refuses with ``counters.negative`` when a counter would fall below 0.
    """
    before = _or_new(ctx, person, person.scheme, year)
    log = f"{before.log}{ctx.time_ms} {claim}\n"
    # Lines are counted only where there could be too many of them.
    if len(log) > SETTLEMENTS_MAX * _LINE_CHARS_MIN:
        log = "".join(log.splitlines(keepends=True)[-SETTLEMENTS_MAX:])
    values = _sum(before.values, deltas, 1)
    after = Counters(values, before.opening, before.as_of_ms, log, before.salt)
    _write(ctx, person, person.scheme, year, before, after)
    return after


def carry(
    ctx: Context, before: Person, after: Person, year: int, names: list[str]
) -> dict[str, int]:
    """From now on these counters of a year go on at another place of insurance (``move``).

    Returns what goes on at once. What still changes at the old place, by a stay that was begun
    there or by a settlement that is taken back, follows when it happens.
    """
    key = _moved_key(before.id, before.scheme, year)
    ctx.state.put(key, [after.id, names, salt_of(ctx, before.salt, key)])
    used = read(ctx.state, before.id, before.area, before.scheme, year)
    carried = {name: used[name] for name in names if used.get(name)}
    _follow(ctx, after, year, carried)
    return carried


def restore(
    ctx: Context, person: Person, year: int, deltas: Mapping[str, int], claim: str
) -> Counters:
    """Take off what a settlement had added; later settlements are listed in an event."""
    before = _or_new(ctx, person, person.scheme, year)
    rows = before.settlements
    place = next((n for n, (_, known) in enumerate(rows) if known == claim), -1)
    kept = [row for n, row in enumerate(rows) if n != place]
    log = "".join(f"{at} {known}\n" for at, known in kept)
    after = replace(before, values=_sum(before.values, deltas, -1), log=log)
    _write(ctx, person, person.scheme, year, before, after)
    # By its place and not by its time: two of one block have the same.
    later = [known for _, known in rows[place + 1 :]]
    where = (person.id, person.area, person.scheme, year)
    reprice.remove(ctx, where, after.salt, claim)
    list_for_repricing(ctx, where, after.salt, later, place >= 0, cause="reversal")
    return after


def exchange(
    ctx: Context,
    person: Person,
    year: int,
    taken: tuple[str, Mapping[str, int]],
    given: tuple[str, Mapping[str, int]],
    at_ms: int,
) -> list[str]:
    """Take off what a settlement had added, add what the one in its place adds; (claim, deltas).

    The new one stands in the log where the old one stood, or by ``at_ms`` where the old one counted
    nothing in this year. Returns the later settlements where the year's counters now differ.
    """
    (old, less), (new, more) = taken, given
    before = _or_new(ctx, person, person.scheme, year)
    rows = before.settlements
    place = next((n for n, (_, known) in enumerate(rows) if known == old), -1)
    if place >= 0:
        at_ms = rows.pop(place)[0]
    else:
        place = sum(at <= at_ms for at, _ in rows)
    later = [known for _, known in rows[place:]]
    if new:
        rows.insert(place, (at_ms, new))
    log = "".join(f"{at} {known}\n" for at, known in rows[-SETTLEMENTS_MAX:])
    values = _sum(before.values, _net(more, less), 1)
    after = replace(before, values=values, log=log)
    _write(ctx, person, person.scheme, year, before, after)
    where = (person.id, person.area, person.scheme, year)
    if new != old:
        reprice.remove(ctx, where, after.salt, old)
    return later if values != before.values else []


def _net(more: Mapping[str, int], less: Mapping[str, int]) -> dict[str, int]:
    return {name: more.get(name, 0) - less.get(name, 0) for name in {**more, **less}}


def minus(values: Mapping[str, int], deltas: Mapping[str, int]) -> dict[str, int]:
    """Values without what was added to them; names that come to 0 are dropped."""
    return _sum(values, deltas, -1)


def fed_since(state: State, person: Person, year: int, since_ms: int) -> list[Mapping[str, int]]:
    """What care at home that was settled after an instant has added to the counters."""
    key = _feeds_key(_key(person.id, person.area, person.scheme, year))
    value = state.get(key)
    return [] if value is None else [deltas for at, _, deltas in value[1] if at > since_ms]


def _remember_feed(
    ctx: Context, salt: bytes, name: str, local: bytes, row: tuple[int, Mapping[str, int]] | None
) -> None:
    """Keep when a local settlement moved the counters; with no row, forget that it did."""
    key = _feeds_key(name)
    value = ctx.state.get(key)
    known = [] if value is None else value[1]
    rows = [one for one in known if one[1] != local]
    if row is not None:
        rows = sorted([*rows, [row[0], local, dict(row[1])]], key=lambda one: one[:2])
    if rows:
        ctx.state.put(key, [salt_of(ctx, salt, key), rows[-FEEDS_MAX:]])
    elif known:
        ctx.state.delete(key)


@CONTRACT.method(
    args={**_KEY, "as_of_ms": Int(0)},
    attachments={AUDIENCE: DELTAS},
    kinds=("bureau",),
    name="open",
)
def open_year(ctx: Context, args: Args) -> Answer:
    """Post the opening balances of a benefit year, once."""
    person, before = _home(ctx, args)
    digest = content_digest(ctx, "counters.open", args)
    if before.opening == digest:
        return {"as_of_ms": args["as_of_ms"]}
    if before.opening is not None:
        reject("counters.opened", person=args["person"], year=args["year"])
    _check_times(ctx, args["as_of_ms"])
    after = replace(
        before,
        values=_sum(before.values, ctx.attachments[AUDIENCE].content["deltas"], 1),
        opening=digest,
        as_of_ms=max(before.as_of_ms, args["as_of_ms"]),
    )
    _write(ctx, person, args["scheme"], args["year"], before, after)
    _list_since(ctx, args, after, -1, cause="opening")
    ctx.emit("counters.opened", person=args["person"], year=args["year"], as_of_ms=after.as_of_ms)
    return {"as_of_ms": args["as_of_ms"]}


@CONTRACT.method(
    args={**_KEY, "local": Bytes(32), "settled_ms": Int(0), "as_of_ms": Int(0)},
    attachments={AUDIENCE: DELTAS},
    kinds=("bureau",),
)
def feed(ctx: Context, args: Args) -> Answer:
    """Post one local settlement that moved the counters.

    ``local``: digest of the local id, unguessable. ``settled_ms``: when it was settled at home.
    ``as_of_ms``: up to when the feed is complete with this entry.
    """
    person, before = _home(ctx, args)
    digest = content_digest(ctx, "counters.feed", args)
    key = f"counter-local/{args['local'].hex()}"
    known = ctx.state.get(key)
    if known is not None:
        if known[0] == digest:
            return {"as_of_ms": args["as_of_ms"]}
        reject("counters.duplicate-local", local=args["local"])
    _check_times(ctx, args["settled_ms"], args["as_of_ms"])
    deltas = ctx.attachments[AUDIENCE].content["deltas"]
    after = replace(
        before,
        values=_sum(before.values, deltas, 1),
        as_of_ms=max(before.as_of_ms, args["as_of_ms"]),
    )
    name = _write(ctx, person, args["scheme"], args["year"], before, after)
    salt = salt_of(ctx, after.salt, key)
    ctx.state.put(key, [digest, name, deltas, args["settled_ms"], None, salt])
    _remember_feed(ctx, after.salt, name, args["local"], (args["settled_ms"], deltas))
    _list_since(ctx, args, after, args["settled_ms"], cause="late-feed")
    ctx.emit("counters.fed", person=args["person"], year=args["year"], as_of_ms=after.as_of_ms)
    return {"as_of_ms": args["as_of_ms"]}


@CONTRACT.method(
    args={**_KEY, "local": Bytes(32), "as_of_ms": Int(0)},
    kinds=("bureau",),
)
def unfeed(ctx: Context, args: Args) -> Answer:
    """Take back a local settlement that was reversed at home: exactly what it had added."""
    person, before = _home(ctx, args)
    key = f"counter-local/{args['local'].hex()}"
    name = _key(person.id, person.area, args["scheme"], args["year"])
    known = ctx.state.get(key)
    if known is None or known[1] != name:
        reject("counters.unknown-local", local=args["local"])
    digest, _, deltas, settled_ms, reversed_by, salt = known
    now = content_digest(ctx, "counters.unfeed", args)
    if reversed_by is not None:
        if reversed_by == now:
            return {"as_of_ms": args["as_of_ms"]}
        reject("counters.already-reversed", local=args["local"])
    _check_times(ctx, args["as_of_ms"])
    after = replace(
        before,
        values=_sum(before.values, deltas, -1),
        as_of_ms=max(before.as_of_ms, args["as_of_ms"]),
    )
    _write(ctx, person, args["scheme"], args["year"], before, after)
    ctx.state.put(key, [digest, name, deltas, settled_ms, now, salt])
    _remember_feed(ctx, after.salt, name, args["local"], None)
    _list_since(ctx, args, after, settled_ms, cause="local-reversal")
    ctx.emit("counters.fed", person=args["person"], year=args["year"], as_of_ms=after.as_of_ms)
    return {"as_of_ms": args["as_of_ms"]}


def _home(ctx: Context, args: Args) -> tuple[Person, Counters]:
    require_competent(ctx, area_of(args["person"]))
    person = require_person(ctx.state, args["person"])
    return person, _or_new(ctx, person, args["scheme"], args["year"])


def _check_times(ctx: Context, *instants: int) -> None:
    if max(instants) > ctx.time_ms:
        reject("counters.ahead", given_ms=max(instants), time_ms=ctx.time_ms)


def _or_new(ctx: Context, person: Person, scheme: str, year: int) -> Counters:
    found = load(ctx.state, person.id, person.area, scheme, year)
    if found is not None:
        return found
    name = _key(person.id, person.area, scheme, year)
    return Counters({}, None, 0, "", salt_of(ctx, person.salt, name))


def _write(
    ctx: Context, person: Person, scheme: str, year: int, before: Counters, after: Counters
) -> str:
    """Keep the counters; what has changed follows the person to where the insurance has moved.
    Returns the key."""
    key = _key(person.id, person.area, scheme, year)
    ctx.state.put(key, after.encode())
    # Of most persons the insurance has not moved, and nothing is read for it.
    if person.closed is not None and after.values != before.values:
        moved = ctx.state.get(_moved_key(person.id, scheme, year))
        if moved is not None:
            to, names, _ = moved
            old, new = before.values, after.values
            change = {name: new.get(name, 0) - old.get(name, 0) for name in names}
            _follow(ctx, require_person(ctx.state, to), year, change)
    return key


def _follow(ctx: Context, person: Person, year: int, change: Mapping[str, int]) -> None:
    """Counters of another place of insurance change here, too: what was settled here meanwhile was
    decided on others, and is listed."""
    if not any(change.values()):
        return
    before = _or_new(ctx, person, person.scheme, year)
    after = replace(before, values=_sum(before.values, change, 1))
    _write(ctx, person, person.scheme, year, before, after)
    claims = [claim for _, claim in after.settlements]
    where = (person.id, person.area, person.scheme, year)
    complete = len(claims) < SETTLEMENTS_MAX
    list_for_repricing(ctx, where, after.salt, claims, complete, cause="move")


def _sum(values: Mapping[str, int], deltas: Mapping[str, int], sign: int) -> dict[str, int]:
    """Values plus or minus deltas; names that come to 0 are dropped, so undoing leaves no trace."""
    after = dict(values)
    for name, delta in deltas.items():
        total = after.get(name, 0) + sign * delta
        if total > VALUE_MAX:
            reject("counters.too-large", name=name, limit_fen=VALUE_MAX)
        if total < 0:
            # The name is a word of the policy, the amounts are the person's.
            reject("counters.negative", name=name)
        if total:
            after[name] = total
        else:
            after.pop(name, None)
    if len(after) > NAMES_MAX:
        reject("counters.too-many", limit=NAMES_MAX)
    return after


def _list_since(ctx: Context, args: Args, after: Counters, since_ms: int, *, cause: str) -> None:
    """List the settlements that were decided after an instant of care at home."""
    rows = after.settlements
    complete = len(rows) < SETTLEMENTS_MAX or rows[0][0] <= since_ms
    later = [claim for at, claim in rows if at > since_ms]
    place = (args["person"], area_of(args["person"]), args["scheme"], args["year"])
    list_for_repricing(ctx, place, after.salt, later, complete, cause=cause)


def list_for_repricing(
    ctx: Context, place: Place, secret: bytes, claims: list[str], complete: bool, *, cause: str
) -> None:
    """Tell which settlements were decided on counters that now differ, and put them on the list.

    ``complete`` is false when so many followed that earlier ones have left the log.
    """
    if claims:
        person, _, _, year = place
        reprice.add(ctx, place, secret, claims, cause)
        ctx.emit(
            "counters.reprice",
            person=person,
            year=year,
            claims=claims,
            cause=cause,
            complete=complete,
        )


def _key(person: str, area: str, scheme: str, year: int) -> str:
    return f"counter/{person}/{area}/{scheme}/{year}"


def _moved_key(person: str, scheme: str, year: int) -> str:
    return f"counter-moved/{person}/{scheme}/{year}"


def _feeds_key(name: str) -> str:
    return f"counter-feeds/{name.removeprefix('counter/')}"
