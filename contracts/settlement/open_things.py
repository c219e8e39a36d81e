"""What of a person is still open: stays, a bank's holds, wallet transfers on their way.

Whoever ends an enrolment, by a death or by a move, has to know what goes on after it, and the state
has no iteration. So each of these lists keeps the ids of what was begun and has not ended. A visit
that is settled at once is on none.

State: ``open-stays/<person>``, ``open-holds/<person>``, ``open-wallet/<person>``: [ids], salt.
"""

from __future__ import annotations

from enum import StrEnum

from contracts.api import Context, State
from contracts.settlement.records import salt_of

LISTED_MAX = 50
"""Of each kind, for one person. Older ones leave the list; they are as open as before."""


class Open(StrEnum):
    """Kinds of what may be open."""

    STAYS = "stays"
    """Claims that are registered and not settled."""
    HOLDS = "holds"
    """Credit that a bank holds for the person and nobody has drawn."""
    WALLET = "wallet"
    """Wallet transfers that the person has sent and nobody has claimed."""


def listed(state: State, what: Open, person: str) -> list[str]:
    """Ids of what is open, the longest first."""
    value = state.get(_key(what, person))
    return [] if value is None else list(value[0])


def enter(ctx: Context, what: Open, person: str, secret: bytes, name: str) -> None:
    """Something was begun. ``secret``: the person's salt."""
    names = [*listed(ctx.state, what, person), name]
    key = _key(what, person)
    ctx.state.put(key, [names[-LISTED_MAX:], salt_of(ctx, secret, key)])


def leave(ctx: Context, what: Open, person: str, name: str) -> None:
    """It has ended. What was begun before there were lists is on none."""
    key = _key(what, person)
    value = ctx.state.get(key)
    if value is None:
        return
    names, salt = value
    left = [one for one in names if one != name]
    if left:
        ctx.state.put(key, [left, salt])
    else:
        ctx.state.delete(key)


def _key(what: Open, person: str) -> str:
    return f"open-{what.value}/{person}"
