"""How much of its advance a month uses: yellow from exactly 70.00 %, red from exactly 90.00 %.

Usage is the month's clearing divided by what is prepaid, compared as integers, so that no rounding
moves a threshold. It is told when it changes, while the month still collects: early enough for a
top-up. A colour is a warning between treasuries. No settlement ever looks at it.
"""

from __future__ import annotations

from dataclasses import replace

from contracts import parameters
from contracts.api import Context, State
from contracts.settlement import funds_chart as chart
from contracts.settlement.clearing.statement_record import Statement
from contracts.settlement.money import parse_ratio

NONE, GREEN, YELLOW, RED = "none", "green", "yellow", "red"


def colour_of(used_fen: int, prepaid_fen: int, yellow_from: str, red_from: str) -> str:
    """The colour of a usage. Without an advance there is none."""
    if prepaid_fen <= 0:
        return NONE
    for colour, limit in ((RED, red_from), (YELLOW, yellow_from)):
        ratio = parse_ratio(limit)
        if used_fen * ratio.den >= prepaid_fen * ratio.num:
            return colour
    return GREEN


def prepaid_fen(state: State, home: str, care: str) -> int:
    """What province ``home`` has prepaid to ``care``, both schemes."""
    account = chart.advance(home, care)
    entry = state.get(chart.entry_of(account)[1]) or {}
    slot: dict[str, int] = entry.get("advance", {})
    return sum(slot.values())


def with_usage(ctx: Context, period: str, home: str, care: str, made: Statement) -> Statement:
    """The statement with the colour that its sum now gives; a change is an event."""
    limits = parameters.area(ctx.state, "clearing")
    prepaid = prepaid_fen(ctx.state, home, care)
    used = made.total_fen
    colour = colour_of(used, prepaid, limits["yellow_from"], limits["red_from"])
    if colour == made.colour:
        return made
    ctx.emit(
        f"advance.{colour}", period=period, home=home, care=care, used_fen=used,
        prepaid_fen=prepaid,
    )  # fmt: skip
    return replace(made, colour=colour)
