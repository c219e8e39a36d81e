"""What the ledger knows of an institution's months together: ``institution-account/<id>``.

Written when a month is closed, audited, confirmed or paid, never by a settlement. With the payable
it says how much is owed that no declaration names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from contracts.api import State, Value
from contracts.settlement.clearing import owed
from contracts.settlement.clearing.months import month_of_ms
from contracts.settlement.lifecycle import ClaimState
from contracts.settlement.records import Claim


@dataclass(frozen=True, slots=True, kw_only=True)
class InstitutionAccount:
    """An institution's declared months that are not paid."""

    declared: dict[str, int]
    """Fen by fund type in declarations that are closed and not paid, with what is ``due``."""
    due: dict[str, int]
    """Of it confirmed, or moved beside the months, and in no notice yet: below zero after a late
    deduction, and then set off against what is confirmed next."""
    months: tuple[str, ...]
    """Closed months that are not paid, oldest first."""
    closed: str
    """The latest month that was closed; empty before the first."""
    rolled: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Month of settlement -> (settlements, fen) that were set aside and wait to be declared
    again."""

    def encode(self) -> Value:
        """As the state has it: an array, the order of the fields above."""
        rolled = {month: list(row) for month, row in sorted(self.rolled.items())}
        return [
            _kept(self.declared), _kept(self.due), list(self.months), self.closed,
            *([rolled] if rolled else ()),
        ]  # fmt: skip


def find(state: State, institution: str) -> InstitutionAccount:
    """The institution's account; an empty one before its first month."""
    value = state.get(f"institution-account/{institution}")
    if value is None:
        return InstitutionAccount(declared={}, due={}, months=(), closed="")
    declared, due, months, closed, *more = value
    return InstitutionAccount(
        declared=declared, due=due, months=tuple(months), closed=closed,
        rolled={month: (row[0], row[1]) for month, row in more[0].items()} if more else {},
    )  # fmt: skip


def put(state: State, institution: str, made: InstitutionAccount) -> None:
    """Write it."""
    state.put(f"institution-account/{institution}", made.encode())


def owe_more(state: State, institution: str, more: Mapping[str, int]) -> None:
    """Note what a payable has become beside all settlements: due with the next notice.

    For whoever posts to a payable and is no settlement, refund or deduction. ``more``: fen by fund
    type, below zero for what is taken off.
    """
    found = find(state, institution)
    made = replace(found, declared=plus(found.declared, more), due=plus(found.due, more))
    put(state, institution, made)


def roll(state: State, institution: str, claims: Iterable[Claim], sign: int) -> None:
    """Note that settlements were set aside (``sign`` 1), or are declared again or taken back (-1).

    A settlement that was not set aside, or was taken back since, changes nothing.
    """
    waiting = [claim for claim in claims if _waits(claim)]
    if not waiting:
        return
    found = find(state, institution)
    rolled = dict(found.rolled)
    for claim in waiting:
        assert claim.settled is not None, "what was set aside is settled"
        month = month_of_ms(claim.settled.time_ms)
        count, fen = rolled.pop(month, (0, 0))
        fen += sign * sum(owed.cells_of(claim).values())
        if count + sign:
            rolled[month] = (count + sign, fen)
    put(state, institution, replace(found, rolled=rolled))


def _waits(claim: Claim) -> bool:
    declared = claim.declared
    set_aside = declared is not None and declared.times and not declared.month
    return bool(set_aside) and claim.state is not ClaimState.REVERSED


def plus(sums: Mapping[str, int], more: Mapping[str, int], sign: int = 1) -> dict[str, int]:
    """Sums by fund type with others added."""
    funds = {**dict.fromkeys(sums, 0), **dict.fromkeys(more, 0)}
    return {fund: sums.get(fund, 0) + sign * more.get(fund, 0) for fund in funds}


def _kept(sums: Mapping[str, int]) -> dict[str, int]:
    return {fund: fen for fund, fen in sorted(sums.items()) if fen}
