"""Settlements that were decided on counters which are others now: a list, and nothing silently.

Whatever changes counters behind a settlement's back (care at home that was fed late, a refund, a
settlement decided again) puts the settlements behind it on the list of the person's year. Somebody
looks at each: it is settled again (``claim.resettle``), taken back, or
kept as it is (``claim.keep``), and leaves the list by that and by nothing else.

State: ``reprice/<person>/<area>/<scheme>/<year>``: salt, [[claim, cause, time in ms], ...].
"""

from __future__ import annotations

from contracts.api import Context, State
from contracts.settlement.records import Claim, is_reversal, salt_of
from contracts.settlement.terms import PAYER_FUND

LISTED_MAX = 200

Place = tuple[str, str, str, int]
"""(person, area, scheme, benefit year)."""


def listed(state: State, place: Place) -> list[tuple[str, str, int]]:
    """(claim, cause, time in ms) of what waits to be looked at, longest first."""
    value = state.get(_key(place))
    return [] if value is None else [(claim, cause, at) for claim, cause, at in value[1]]


def add(ctx: Context, place: Place, secret: bytes, claims: list[str], cause: str) -> None:
    """Put settlements on the list; what is on it already stays there with its first cause."""
    rows = listed(ctx.state, place)
    known = {claim for claim, _, _ in rows}
    rows += [(claim, cause, ctx.time_ms) for claim in claims if claim not in known]
    _put(ctx, place, secret, rows)


def remove(ctx: Context, place: Place, secret: bytes, claim: str) -> bool:
    """Take a settlement off the list; whether it was there."""
    rows = listed(ctx.state, place)
    kept = [row for row in rows if row[0] != claim]
    if len(kept) == len(rows):
        return False
    _put(ctx, place, secret, kept)
    return True


def amounts_of(state: State, claim_id: str) -> dict[str, int]:
    """What a settlement came to; nothing of what is no claim of the ledger (reimbursements)."""
    value = state.get(f"claim/{claim_id}")
    if value is None or is_reversal(value):
        return {}
    settled = Claim.decode(value).settled
    if settled is None:
        return {}
    funds = sum(amount for _, payer, amount in settled.payments if payer == PAYER_FUND)
    return {
        "total_fen": settled.sums[0],
        "funds_fen": funds,
        "person_fen": settled.person_fen,
    }


def _put(ctx: Context, place: Place, secret: bytes, rows: list[tuple[str, str, int]]) -> None:
    key = _key(place)
    if rows:
        kept = [list(row) for row in rows[-LISTED_MAX:]]
        ctx.state.put(key, [salt_of(ctx, secret, key), kept])
    else:
        ctx.state.delete(key)


def _key(place: Place) -> str:
    person, area, scheme, year = place
    return f"reprice/{person}/{area}/{scheme}/{year}"
