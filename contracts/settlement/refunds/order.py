"""The counters as they were when a settlement was decided: the order of a year's settlements.

Counters are sums, and each settlement keeps what it added. What a settlement found is therefore
what stands there now, less what it added itself, less what came after it: settlements and
reimbursements behind it in the log, and care at home that was settled later. Care at home that
belongs before it is in, whenever the home bureau told of it; so are opening balances.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace

from contracts.api import Context, State
from contracts.settlement import counters
from contracts.settlement.counters import Counters
from contracts.settlement.enrolment import Person
from contracts.settlement.records import Claim, Settled, is_reversal
from contracts.settlement.reimbursement_record import counted_as, find

_REIMBURSED = counted_as("")


def decided_at_ms(ctx: Context, person: Person, claim_id: str, settled: Settled) -> int:
    """When the settlement was decided first: what took another's place stands in that one's."""
    for year, _ in settled.counters:
        found = counters.load(ctx.state, person.id, person.area, person.scheme, year)
        for at_ms, name in () if found is None else found.settlements:
            if name == claim_id:
                return at_ms
    return settled.time_ms


def counted_before(
    ctx: Context, person: Person, claim_id: str, own: Mapping[int, Mapping[str, int]], at_ms: int
) -> Callable[[int], Counters | None]:
    """The counters of a benefit year as they were before a settlement; ``own``: what it added."""

    def of_year(year: int) -> Counters | None:
        found = counters.load(ctx.state, person.id, person.area, person.scheme, year)
        if found is None:
            return None
        # Taken off together: one may have taken off what another had added (a stay whose counters
        # moved to its last year), so what is left in between may be less than nothing.
        gone = Counter(own.get(year, {}))
        for name in later(found, claim_id, at_ms):
            gone.update(added_by(ctx.state, name, year))
        for deltas in counters.fed_since(ctx.state, person, year, at_ms):
            gone.update(deltas)
        return replace(found, values=counters.minus(found.values, gone))

    return of_year


def later(found: Counters, claim_id: str, at_ms: int) -> list[str]:
    """Names behind a settlement in the year's log; by time where it counted nothing there."""
    rows = found.settlements
    place = next((n for n, (_, name) in enumerate(rows) if name == claim_id), None)
    if place is None:
        return [name for at, name in rows if at > at_ms]
    # By its place and not by its time: two of one block have the same.
    return [name for _, name in rows[place + 1 :]]


def added_by(state: State, name: str, year: int) -> Mapping[str, int]:
    """What a name of the log has added to the counters of a year."""
    if name.startswith(_REIMBURSED):
        made = find(state, name.removeprefix(_REIMBURSED))
        return {} if made is None else dict(made.counters).get(year, {})
    value = state.get(f"claim/{name}")
    if value is None or is_reversal(value):
        return {}
    settled = Claim.decode(value).settled
    return {} if settled is None else dict(settled.counters).get(year, {})
