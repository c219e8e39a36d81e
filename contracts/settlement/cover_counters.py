"""What a commercial product has counted of one person in its benefit year, and in which order.

Like the counters of a pooling area (``counters``), but of a product: sums, and who added what. A
settlement that is decided again is decided on the sums as they were before it, and takes the place
of the old one; later settlements whose product's sums are now others are listed for re-pricing
with the cause ``product``, in the year of their own counters. None is re-priced silently.

State: ``cover-counter/<product>/<person>/<year>``: [sums, salt, [[time in ms, claim, added], ...]];
what was counted before the third was kept has no place in the order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from contracts.api import Context, State, Value
from contracts.quick import quick
from contracts.settlement import counters
from contracts.settlement.counters import SETTLEMENTS_MAX
from contracts.settlement.cover_record import counter_key
from contracts.settlement.enrolment import Person
from contracts.settlement.records import Claim, CoverPart, is_reversal, salt_of
from contracts.settlement.refunds.reprice import Place
from contracts.settlement.reimbursement_record import counted_as, find

CAUSE = "product"
_REIMBURSED = counted_as("")

Row = tuple[int, str, Mapping[str, int]]
"""(time in ms, claim, what it added)."""


@quick(frozen=True, slots=True)
class Counted:
    """A product's counters of one person and year."""

    values: Mapping[str, int]
    """Plain sums of what was added. Below 0 where something that others have used up since was
    taken back: as exact sums they come out right again, whatever else is taken back."""
    log: tuple[Row, ...]

    def now(self) -> dict[str, int]:
        """What a rule is told: the sums, none below 0."""
        return {name: max(0, value) for name, value in self.values.items()}

    def before(self, claim: str, at_ms: int) -> dict[str, int]:
        """``now`` as it was when a claim was decided: without it and all behind it."""
        found = self
        for _, _, added in self.log[self._place(claim, at_ms) :]:
            found = Counted(_sum(found.values, added, -1), ())
        return found.now()

    def without(self, claim: str, added: Mapping[str, int]) -> Counted:
        """What is left once a claim was taken back."""
        log = tuple(row for row in self.log if row[1] != claim)
        return Counted(_sum(self.values, added, -1), log)

    def with_claim(self, claim: str, added: Mapping[str, int], at_ms: int, place: int) -> Counted:
        """With a claim at a place of the order."""
        log = (*self.log[:place], (at_ms, claim, added), *self.log[place:])
        return Counted(_sum(self.values, added, 1), log[-SETTLEMENTS_MAX:])

    def behind(self, claim: str, at_ms: int) -> list[str]:
        """Claims behind one in the order."""
        return [row[1] for row in self.log[self._place(claim, at_ms) :] if row[1] != claim]

    def _place(self, claim: str, at_ms: int) -> int:
        """Where a claim stands; where it would stand by its time if it counted nothing here."""
        for place, (_, name, _) in enumerate(self.log):
            if name == claim:
                return place
        return self.place_of_time(at_ms)

    def place_of_time(self, at_ms: int) -> int:
        """Behind everything that was decided until then."""
        return sum(at <= at_ms for at, _, _ in self.log)


NOTHING = Counted({}, ())


def load(state: State, product: str, person: str, year: int) -> Counted:
    """What was counted; nothing where there is no entry."""
    value = state.get(counter_key(product, person, year))
    if value is None:
        return NOTHING
    values, _, log = value
    return Counted(dict(values), tuple((at, claim, added) for at, claim, added in log))


def count(ctx: Context, person: Person, part: CoverPart, claim: str) -> None:
    """A settlement has been decided, the last of the order."""
    found = load(ctx.state, part.product, person.id, part.year)
    made = found.with_claim(claim, dict(part.added), ctx.time_ms, len(found.log))
    _put(ctx, person, part.product, part.year, made)


def exchange(
    ctx: Context,
    person: Person,
    taken: tuple[str, Iterable[CoverPart]],
    given: tuple[str, Iterable[CoverPart]],
    at_ms: int,
) -> list[str]:
    """Take off what a claim counted and add, in its place, what another did; (claim, parts).

    Returns the later claims for which a product's sums are others now, each once.
    """
    (old, less), (new, more) = taken, given
    lost = {(part.product, part.year): dict(part.added) for part in less if part.added}
    gained = {(part.product, part.year): dict(part.added) for part in more if part.added}
    later: dict[str, None] = {}
    for product, year in sorted({*lost, *gained}):
        found = load(ctx.state, product, person.id, year)
        behind = found.behind(old, at_ms)
        made = found.without(old, lost.get((product, year), {}))
        added = gained.get((product, year))
        if added is not None:
            place = len(made.log) - len(behind)
            made = made.with_claim(new, added, at_ms, place)
        _put(ctx, person, product, year, made)
        if made.values != found.values:
            later |= dict.fromkeys(behind)
    return list(later)


def list_for_repricing(ctx: Context, person: Person, claims: list[str]) -> None:
    """Put later claims on the list of their own year, in the order in which they are given."""
    by_place: dict[Place, list[str]] = {}
    for claim in claims:
        place = _place_of(ctx.state, claim)
        if place is not None:
            by_place.setdefault(place, []).append(claim)
    for place, names in sorted(by_place.items()):
        counters.list_for_repricing(ctx, place, person.salt, names, True, cause=CAUSE)


def _place_of(state: State, claim: str) -> Place | None:
    """Whose list a claim belongs on: its person's, in the last year whose counters it moved."""
    if claim.startswith(_REIMBURSED):
        made = find(state, claim.removeprefix(_REIMBURSED))
        if made is None or not made.counters:
            return None
        return made.person, made.area, made.scheme, max(year for year, _ in made.counters)
    value = state.get(f"claim/{claim}")
    if value is None or is_reversal(value):
        return None
    known = Claim.decode(value)
    if known.settled is None or known.reversal:
        return None
    year = max(year for year, _ in known.settled.counters)
    return known.person, known.area, known.scheme, year


def _put(ctx: Context, person: Person, product: str, year: int, made: Counted) -> None:
    key = counter_key(product, person.id, year)
    known = ctx.state.get(key)
    salt = salt_of(ctx, person.salt, key) if known is None else known[1]
    log: list[Value] = [[at, claim, dict(added)] for at, claim, added in made.log]
    ctx.state.put(key, [dict(made.values), salt, log])


def _sum(values: Mapping[str, int], deltas: Mapping[str, int], sign: int) -> dict[str, int]:
    """Sums plus or minus deltas."""
    after = dict(values)
    for name, delta in deltas.items():
        after[name] = after.get(name, 0) + sign * delta
    return after
