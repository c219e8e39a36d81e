"""What enters the statements of the period that collects: months, findings, money of wallets.

A statement is of a pair (``statement_record.sides``): two provinces, or two cities of one province.
Whatever enters it is due once both sides have confirmed it, like all the rest of it, and is levied
from the one city and allotted to the other by their provinces (``cities``).
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from contracts.api import Context, State
from contracts.regions import province
from contracts.settlement.clearing import owed, period_record, statement_record, usage
from contracts.settlement.clearing.declaration_record import Cells
from contracts.settlement.terms import COMMERCIAL


class Origin(StrEnum):
    """Where an amount comes from: each has a place of its own in the statement."""

    MONTH = "month"
    """An institution's month was confirmed."""
    FINDING = "finding"
    """A deduction after its settlement was confirmed, below zero."""
    WALLET = "wallet"
    """Somebody has claimed what a relative has sent (``wallet``)."""


def into_statements(ctx: Context, care: str, cells: Cells, *, origin: Origin = Origin.MONTH) -> str:
    """Add confirmed amounts to the statements of the period that collects; gives that period.

    ``care``: the district that is owed. What stays in one place needs no statement, and what
    insurers pay is no fund's (``insurers``). Refuses with ``clearing.no-period``.
    """
    period = period_record.collecting(ctx.state)
    by_pair: dict[tuple[str, str], Cells] = {}
    for key, fen in sorted(cells.items()):
        area, _, fund = key.split("/")
        pair = statement_record.sides(ctx.state, area, care)
        if fen and pair is not None and fund != COMMERCIAL:
            by_pair.setdefault(pair, {})[key] = fen
    for (home, there), owed_there in by_pair.items():
        found = statement_record.begin(ctx.state, period, home, there)
        total, fen = dict(found.cells), sum(owed_there.values())
        owed.add(total, owed_there, 1)
        found = replace(
            found,
            cells=total,
            declarations=found.declarations + (origin is Origin.MONTH),
            adjusted_fen=found.adjusted_fen + fen * (origin is Origin.FINDING),
            wallets_fen=found.wallets_fen + fen * (origin is Origin.WALLET),
        )
        if statement_record.is_national(home, there):
            found = replace(found, places=_with_place(ctx.state, found.places, care, owed_there))
            found = usage.with_usage(ctx, period, home, there, found)
        statement_record.put(ctx.state, period, home, there, found)
    return period


def _with_place(state: State, places: Cells, care: str, more: Cells) -> Cells:
    """What the city of care is to get of a statement between provinces, with more added."""
    place = statement_record.place_of(state, care)
    if place == province(care):
        return places
    total = dict(places)
    owed.add(total, {f"{place}/{fund}": fen for fund, fen in owed.by_fund(more).items()}, 1)
    return total
