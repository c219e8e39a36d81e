"""``yibao member account``: a bank account's statement against what is proved here, all nodes off.

A line of the file belongs to a payment by a reference: the payee's bank's, the payer's bank's, or
the payment's own name. What came in is looked for among notices that the organisation awaits, what
went out among those that it pays, what was returned among the returns of both. What the ledger has
of the days of the file and the file has not is named as well.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from contracts.settlement.bank import REST

Row = dict[str, Any]

MATCHED, DIFFERS, UNKNOWN = "matched", "amount-differs", "unknown"
"""What becomes of a line: a reference is known with its amount, with another one, or not at all."""
PAID = ("paid", "part-back", "sent-back")
"""Stages of a payment that the bank had confirmed, whatever came back since."""
DIRECTION = {"collect": "in", "pay": "out"}


@dataclass(slots=True)
class _Movement:
    """Money that moved by the ledger: a payment, or a part of it that came back."""

    direction: str
    references: tuple[str, ...]
    amount_fen: int
    day: str
    payment: str
    notice: str
    found: bool = False

    def shown(self) -> Row:
        return {
            "direction": self.direction, "amount_fen": self.amount_fen, "value_on": self.day,
            "reference": self.references[0], "payment": self.payment, "notice": self.notice,
        }  # fmt: skip


def compare(lines: Iterable[Row], notices: Iterable[Row]) -> Row:
    """Each line's outcome, and movements within the file's days that are not in it.

    ``lines``: as ``bank_file.parse_statement`` gives them. ``notices``: proved records with their
    payments. Sums in fen.
    """
    listed = list(lines)
    movements = [one for notice in notices for one in _movements(notice)]
    by_reference: dict[str, list[_Movement]] = {}
    for one in movements:
        for reference in dict.fromkeys(one.references):
            by_reference.setdefault(reference, []).append(one)
    told = [_line(line, by_reference) for line in listed]
    days = [line["value_on"] for line in listed]
    missing = [
        one.shown() for one in movements
        if not one.found and days and min(days) <= one.day <= max(days)
    ]  # fmt: skip
    sums = {
        f"{outcome.replace('-', '_')}_fen": sum(
            row["amount_fen"] for row in told if row["outcome"] == outcome
        )
        for outcome in (MATCHED, DIFFERS, UNKNOWN)
    }
    return {"lines": told, "missing": missing, **sums,
            "missing_fen": sum(row["amount_fen"] for row in missing)}  # fmt: skip


def agrees(found: Row) -> bool:
    """Whether file and ledger say the same."""
    return not found["missing"] and all(row["outcome"] == MATCHED for row in found["lines"])


def _movements(notice: Row) -> Iterable[_Movement]:
    direction = DIRECTION.get(notice.get("side", ""))
    for one in notice["payments"] if direction is not None else ():
        # What a bank has paid short is one line of its statement, and two movements of the ledger.
        rest = (one["reference"] or "") + REST
        short = sum(back["amount_fen"] for back in one["returns"] if back["reference"] == rest)
        if one["state"] in PAID:
            # Of one's own bank first: it is the one that writes the statement.
            mine = [one["reference"], one["received_reference"]]
            day = one["value_on"]
            if direction == "in" and one["received_reference"]:
                mine, day = mine[::-1], one["received_on"]
            references = (*filter(None, mine), one["payment"])
            yield _Movement(
                str(direction), references, one["amount_fen"] - short, day, one["payment"],
                notice["name"],
            )  # fmt: skip
        for back in one["returns"]:
            if back["reference"] == rest:
                continue
            yield _Movement(
                "returned", (back["reference"],), back["amount_fen"], back["value_on"],
                one["payment"], notice["name"],
            )  # fmt: skip


def _line(line: Row, by_reference: dict[str, list[_Movement]]) -> Row:
    """A line with what it is; each movement is found by one line only."""
    open_ones = [
        one
        for reference in dict.fromkeys((line["reference"], line["order"]))
        for one in by_reference.get(reference, ())
        if one.direction == line["direction"] and not one.found
    ]
    same = [one for one in open_ones if one.amount_fen == line["amount_fen"]]
    found = next(iter(same or open_ones), None)
    outcome = UNKNOWN if found is None else MATCHED if same else DIFFERS
    if found is not None:
        found.found = True
    return {
        **{name: line[name] for name in ("reference", "direction", "amount_fen", "value_on")},
        "outcome": outcome,
        "payment": None if found is None else found.payment,
        "notice": None if found is None else found.notice,
        "ledger_fen": None if found is None else found.amount_fen,
    }
