"""What ends with an enrolment, and what is still open: one record of each death, move or mistake.

Filings are cancelled from the day after, products are asked no more, what relatives allow ends.
Stays, a bank's holds and wallet transfers that were begun go on by the facts of their beginning: a
stay is settled up to the last day, a hold is drawn or released, a transfer is claimed or goes back;
so they are listed for whoever has to see to them. Care before the last day still settles.

State: ``ended/<person>``.
"""

from __future__ import annotations

from dataclasses import replace

from contracts.api import Answer, Context, State, Value
from contracts.quick import quick
from contracts.settlement.enrolment_record import Person
from contracts.settlement.family_record import put_ties, ties
from contracts.settlement.filing_end import end_filings
from contracts.settlement.open_things import Open, listed
from contracts.settlement.records import salt_of


@quick(frozen=True, slots=True)
class Ended:
    """How an enrolment ended: the lists of the call that ended it."""

    last_day: str
    """Last day that counts."""
    cause: str
    """``death``, ``moved`` or ``mistake``."""
    filings: tuple[str, ...]
    """Cancelled."""
    consents: tuple[str, ...]
    """Commercial products that are not asked any more."""
    owners: tuple[str, ...]
    """Relatives whose accounts may pay no more."""
    stays: tuple[str, ...]
    """Open claims: settled up to the last day, by the facts of their admission."""
    holds: tuple[str, ...]
    """A bank's credit that was not drawn."""
    wallet: tuple[str, ...]
    """Wallet transfers that nobody has claimed yet."""

    def told(self) -> Answer:
        """For the answer of the call: ids by kind, no day and no cause."""
        return {
            "filings": list(self.filings), "consents": len(self.consents),
            "relatives": len(self.owners), "stays": list(self.stays), "holds": list(self.holds),
            "wallet_transfers": list(self.wallet),
        }  # fmt: skip


def find(state: State, person: str) -> Ended | None:
    """How a person's enrolment ended; None while it stands."""
    value = state.get(_key(person))
    if value is None:
        return None
    last_day, cause, *lists, _ = value
    return Ended(last_day, cause, *(tuple(names) for names in lists))


def end(ctx: Context, person: Person, last_day: str, cause: str) -> tuple[Person, Ended]:
    """End everything that ends with an enrolment on a day; the person without it, and the record.

    Asked again with another day, the same is done for that day.
    """
    filings = end_filings(ctx, person.id, person.salt, last_day, cause, person.digest)
    over = [cover.product for cover in person.covers if cover.to_date > last_day]
    covers = tuple(replace(c, to_date=min(c.to_date, last_day)) for c in person.covers)
    known = ties(ctx.state, person.id)
    owners = [tie.owner for tie in known if tie.to_date is None or tie.to_date > last_day]
    if owners:
        cut = [replace(t, to_date=last_day) if t.owner in owners else t for t in known]
        put_ties(ctx, person.id, person.salt, cut)
    lists = [
        filings, over, owners,
        *(listed(ctx.state, what, person.id) for what in (Open.STAYS, Open.HOLDS, Open.WALLET)),
    ]  # fmt: skip
    key = _key(person.id)
    value: list[Value] = [last_day, cause, *lists, salt_of(ctx, person.salt, key)]
    ctx.state.put(key, value)
    ended = find(ctx.state, person.id)
    assert ended is not None, "it was written just now"
    return replace(person, covers=covers), ended


def _key(person: str) -> str:
    return f"ended/{person}"
