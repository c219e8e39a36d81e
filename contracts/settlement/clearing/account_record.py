"""What the ledger knows of an institution's months together: ``institution-account/<id>``.

Written when a month is closed, audited, confirmed or paid, never by a settlement. With the payable
it says how much is owed that no declaration names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.api import State, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class InstitutionAccount:
    """An institution's declared months that are not paid."""

    declared: dict[str, int]
    """Fen by fund type in declarations that are closed and not paid."""
    due: dict[str, int]
    """Of it confirmed and in no notice yet: below zero after a late deduction, and then set off
    against what is confirmed next."""
    months: tuple[str, ...]
    """Closed months that are not paid, oldest first."""
    closed: str
    """The latest month that was closed; empty before the first."""

    def encode(self) -> Value:
        """As the state has it: an array, the order of the fields above."""
        return [_kept(self.declared), _kept(self.due), list(self.months), self.closed]


def find(state: State, institution: str) -> InstitutionAccount:
    """The institution's account; an empty one before its first month."""
    value = state.get(f"institution-account/{institution}")
    if value is None:
        return InstitutionAccount(declared={}, due={}, months=(), closed="")
    declared, due, months, closed = value
    return InstitutionAccount(declared=declared, due=due, months=tuple(months), closed=closed)


def put(state: State, institution: str, made: InstitutionAccount) -> None:
    """Write it."""
    state.put(f"institution-account/{institution}", made.encode())


def owe_more(state: State, institution: str, more: Mapping[str, int]) -> None:
    """Note what a payable has become beside all settlements: due with the next notice.

    For whoever posts to a payable and is no settlement, refund or deduction. ``more``: fen by fund
    type, below zero for what is taken off.
    """
    found = find(state, institution)
    made = InstitutionAccount(
        declared=plus(found.declared, more), due=plus(found.due, more), months=found.months,
        closed=found.closed,
    )  # fmt: skip
    put(state, institution, made)


def plus(sums: Mapping[str, int], more: Mapping[str, int], sign: int = 1) -> dict[str, int]:
    """Sums by fund type with others added."""
    funds = {**dict.fromkeys(sums, 0), **dict.fromkeys(more, 0)}
    return {fund: sums.get(fund, 0) + sign * more.get(fund, 0) for fund in funds}


def _kept(sums: Mapping[str, int]) -> dict[str, int]:
    return {fund: fen for fund, fen in sorted(sums.items()) if fen}
