"""Insurers' months with whom they owe: ``cover-month/<side>/<month>``, ``cover-due/<side>``.

A side is an insurer, or the place of care that pays its institutions first and is paid back by the
insurer. Both sides have the same list of each other, so that either finds its statements
(``statement_record``) without the other's. ``cover-due`` names the months in which a statement is
not paid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from contracts.api import State, Value

DIRECT, RETURNED, REPAID = "paid", "returned", "repaid"
"""What an insurer has paid patients itself; what of it came back from the bank; what patients gave
back because their bill was taken back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverMonth:
    """One side's month."""

    others: tuple[str, ...] = ()
    """The other sides of its statements, in the order in which they began."""
    unpaid: int = 0
    """Of the statements not paid, and not come to nothing."""
    direct: Mapping[str, int] = field(default_factory=dict)
    """Of an insurer, ``product/paid``, ``product/returned`` or ``product/repaid`` -> fen between it
    and patients, by the month of the bank's word; no statement asks for it."""

    def encode(self) -> Value:
        """As the state has it: an array, the order of the fields above."""
        return [list(self.others), self.unpaid, dict(sorted(self.direct.items()))]


def find(state: State, side: str, month: str) -> CoverMonth:
    """A side's month; an empty one where there was nothing."""
    value = state.get(f"cover-month/{side}/{month}")
    if value is None:
        return CoverMonth()
    others, unpaid, direct = value
    return CoverMonth(others=tuple(others), unpaid=unpaid, direct=direct)


def due_months(state: State, side: str) -> tuple[str, ...]:
    """Months in which a side has statements that are not paid, oldest first."""
    return tuple(state.get(f"cover-due/{side}") or ())


def begin(state: State, month: str, insurer: str, place: str) -> None:
    """A statement begins: both sides list each other."""
    for side, other in ((insurer, place), (place, insurer)):
        made = find(state, side, month)
        assert other not in made.others, f"{side} and {other} begin twice in {month}"
        _put(state, side, month, replace(made, others=(*made.others, other)))
    count(state, month, insurer, place, 1)


def count(state: State, month: str, insurer: str, place: str, unpaid: int) -> None:
    """One statement more (``unpaid`` 1) or less (-1) is not paid."""
    for side in (insurer, place):
        made = find(state, side, month)
        made = replace(made, unpaid=made.unpaid + unpaid)
        _put(state, side, month, made)
        months = {*due_months(state, side), month}
        if not made.unpaid:
            months.remove(month)
        state.put(f"cover-due/{side}", sorted(months))


def note_direct(state: State, insurer: str, month: str, key: tuple[str, str], fen: int) -> None:
    """Note what passed between an insurer and a patient. ``key``: (product, ``DIRECT`` ...)."""
    made = find(state, insurer, month)
    name = "/".join(key)
    direct = {**made.direct, name: made.direct.get(name, 0) + fen}
    _put(state, insurer, month, replace(made, direct=direct))


def _put(state: State, side: str, month: str, made: CoverMonth) -> None:
    state.put(f"cover-month/{side}/{month}", made.encode())
