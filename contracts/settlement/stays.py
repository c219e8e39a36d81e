"""Where a person has been in hospital: every stay with its days, and the rule against two at once.

Nobody lies in two beds. A stay that overlaps another one of the same person is refused with both
intervals, unless a reason explains it (``claim_shapes.WHY_STAYS_OVERLAP``): else one of the two
bills is doubled, belongs to somebody else, or has wrong days. A visit is no stay and is not looked
at here.

State: ``stays/<person>``: salt and a row for each stay. A stay that was settled in parts keeps the
list of them here, since they are taken back in reverse order (``claim_stay``).
"""

from __future__ import annotations

from collections.abc import Iterable

from contracts.api import Context, State, Value, reject
from contracts.quick import quick
from contracts.settlement.claim_shapes import EMERGENCY, NEWBORN, TRANSFER
from contracts.settlement.enrolment import Person
from contracts.settlement.records import salt_of

STAYS_MAX = 100
"""Stays that are remembered of a person; of more, the ones that ended first are forgotten."""


@quick(frozen=True, slots=True)
class Stay:
    """One stay."""

    name: str
    """Id of the claim that it began with; of a reimbursed one its name in the counters' log."""
    institution: str
    admission: str
    discharge: str
    """Last day; empty while the stay goes on."""
    reason: str
    """Why it may overlap another; empty when none was named."""
    going: str = ""
    """The claim that is open; empty where none is."""
    parts: tuple[str, ...] = ()
    """The settled parts in their order, where it is settled in parts."""
    tests: tuple[tuple[str, str], ...] = ()
    """(order, institution) of the external tests that are ordered and not settled."""

    def encode(self) -> Value:
        """As the state has it; what most stays have nothing of is left out."""
        value = [self.name, self.institution, self.admission, self.discharge, self.reason]
        if not self.going and not self.parts and not self.tests:
            return value
        return [*value, self.going, list(self.parts), [list(row) for row in self.tests]]

    @classmethod
    def decode(cls, value: Value) -> Stay:
        """From the state's value."""
        name, institution, admission, discharge, reason, *more = value
        if not more:
            return cls(name, institution, admission, discharge, reason)
        going, parts, tests = more
        rows = tuple((order, where) for order, where in tests)
        return cls(name, institution, admission, discharge, reason, going, tuple(parts), rows)

    @property
    def over(self) -> bool:
        """Whether its last part is settled."""
        return bool(self.discharge)


def of_person(state: State, person: str) -> tuple[Stay, ...]:
    """The stays of a person, in the order in which they were told."""
    value = state.get(_key(person))
    return () if value is None else tuple(Stay.decode(row) for row in value[1])


def put(ctx: Context, person: Person, stays: Iterable[Stay]) -> None:
    """Write the stays of a person. Refuses with ``stay.too-many`` more open ones than are kept."""
    rows = list(stays)
    while len(rows) > STAYS_MAX:
        ended = [stay for stay in rows if stay.over]
        if not ended:
            reject("stay.too-many", limit=STAYS_MAX)
        rows.remove(min(ended, key=lambda stay: stay.discharge))
    key = _key(person.id)
    if rows:
        ctx.state.put(key, [salt_of(ctx, person.salt, key), [stay.encode() for stay in rows]])
    else:
        ctx.state.delete(key)


def exchanged(stays: tuple[Stay, ...], old: Stay | None, new: Stay | None) -> list[Stay]:
    """The stays with one in another's place, added at the end, or gone."""
    rows = [new if stay is old and new is not None else stay for stay in stays
            if stay is not old or new is not None]  # fmt: skip
    if old is None and new is not None:
        rows.append(new)
    return rows


def require_apart(mine: Stay, stays: Iterable[Stay]) -> None:
    """Refuses with ``stay.overlap`` a stay that another one overlaps without a reason."""
    for other in stays:
        if other.name != mine.name and _overlap(mine, other) and not _explained(mine, other):
            reject(
                "stay.overlap", admission=mine.admission, discharge=mine.discharge,
                other_admission=other.admission, other_discharge=other.discharge,
                reason=mine.reason,
            )  # fmt: skip


def _overlap(mine: Stay, other: Stay) -> bool:
    """Whether they have a day in common. Of one that goes on the last day is not known: it meets
    all that goes on and all that ends after it began. One that is told late, and goes on as far as
    is told, meets only what its first day lies in; its own settlement tells the rest."""
    if mine.over:
        return other.admission <= mine.discharge and (
            not other.over or mine.admission <= other.discharge
        )
    return not other.over or other.admission <= mine.admission <= other.discharge


def _explained(one: Stay, other: Stay) -> bool:
    reasons = {one.reason, other.reason}
    if reasons & {EMERGENCY, NEWBORN}:
        return True
    if TRANSFER not in reasons:
        return False
    first, then = sorted((one, other), key=lambda stay: (stay.admission, stay.discharge or "~"))
    # Of a first one that goes on the last day is not known; its own settlement is held to it.
    return not first.over or first.discharge == then.admission


def _key(person: str) -> str:
    return f"stays/{person}"
