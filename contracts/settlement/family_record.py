"""What owners of accounts have allowed a relative: ``family/<relative>``, one array.

The calls that write it are in ``family``; what ends with an enrolment is in ``ending``.
"""

from __future__ import annotations

from contracts.api import Context, State, Value
from contracts.quick import quick
from contracts.settlement.records import salt_of


@quick(frozen=True, slots=True)
class Tie:
    """What one owner allows a relative."""

    owner: str
    relation: str
    """What the relative is to the owner."""
    limit_fen: int
    """In all; 0: relatives, and no account is shared."""
    used_fen: int
    from_date: str
    to_date: str | None
    since_ms: int = 0
    """When the owner allowed it; what was settled before is no use of it."""

    @property
    def left_fen(self) -> int:
        """What may still be used."""
        return max(0, self.limit_fen - self.used_fen)

    def encode(self) -> Value:
        """As the state has it."""
        return [
            self.owner, self.relation, self.limit_fen, self.used_fen, self.from_date, self.to_date,
            self.since_ms,
        ]  # fmt: skip

    def holds_on(self, date: str) -> bool:
        """Whether it holds on a date."""
        return self.from_date <= date and (self.to_date is None or date <= self.to_date)


def ties(state: State, relative: str) -> list[Tie]:
    """What owners have allowed a relative, in the order in which they did."""
    value = state.get(key_of(relative))
    return [] if value is None else [Tie(*row) for row in value[0]]


def put_ties(ctx: Context, relative: str, secret: bytes, made: list[Tie]) -> None:
    """Write what a relative was allowed; ``secret``: the relative's salt."""
    key = key_of(relative)
    if made:
        ctx.state.put(key, [[tie.encode() for tie in made], salt_of(ctx, secret, key)])
    else:
        ctx.state.delete(key)


def key_of(relative: str) -> str:
    """State key of what a relative was allowed."""
    return f"family/{relative}"
