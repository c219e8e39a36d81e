"""Notices with what was ordered on them, and an institution's months as its accountant sees them.

Put together from proved records alone, with every node switched off. What a month is worth and what
is expected of it say the state's entries; what has arrived, its payments with the banks'
references; which settlements it is of, the institution's own calls that declared them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from contracts.settlement.clearing.declaration_record import Stage
from node.member.records import Record, Records


def with_payments(records: Records, notice: Record) -> dict[str, Any]:
    """A notice as JSON has it, with its payments, oldest first."""
    return {**notice.show(), "payments": _payments(records, notice)}


def months_of(records: Records) -> Iterator[dict[str, Any]]:
    """Every month, oldest first."""
    for month in records.listed("month"):
        yield _month(records, month)


def month_of(records: Records, name: str) -> dict[str, Any] | None:
    """One month with its rows and deductions; None where nothing is proved of it."""
    month = records.find("month", name)
    if month is None:
        return None
    rows: dict[str, list[Any]] = {}
    for call in records.named("declared", f"{name}."):
        rows.update({row[0]: row for row in call.facts["rows"]})  # declared twice, it is one row
    declared = sum(row[2] + row[3] for row in rows.values())
    told = (month.facts["settlements"], month.facts["declared_fen"])
    return {
        **_month(records, month),
        "rows_proved": len(rows),
        "rows_fen": declared,
        "rows_agree": (len(rows), declared) == told,
        "rows": [_row(records, row) for row in rows.values()],
        "deductions": [
            one.show() for one in records.listed("deduction") if one.facts["month"] == name
        ],
    }


def _month(records: Records, month: Record) -> dict[str, Any]:
    """A month against its notice and payments."""
    notice = next(records.named("notice", f"institution:{month.name}:"), None)
    told: Mapping[str, Any] = {} if notice is None else notice.facts
    owed = month.facts["owed_fen"]
    return {
        **month.show(),
        "commercial_fen": _commercial_fen(month.facts),
        "confirmed_fen": owed if month.state == Stage.CONFIRMED.value else None,
        "notice": None if notice is None else notice.name,
        "expected_fen": told.get("amount_fen"),
        "carried_fen": told["amount_fen"] - owed if told else None,
        "pay_by": told.get("due_on"),
        "received_fen": told.get("paid_fen", 0),
        "open_fen": told.get("open_fen"),
        "payments": [] if notice is None else _payments(records, notice),
    }  # fmt: skip


def _commercial_fen(facts: Mapping[str, Any]) -> int:
    """What of a month commercial cover pays: it is owed, and no part of what is declared."""
    taken: int = facts["deducted_fen"] + facts["aside_fen"]
    owed: int = facts["owed_fen"]
    return owed + taken - int(facts["declared_fen"])


def _payments(records: Records, notice: Record) -> list[dict[str, Any]]:
    """Payments of a notice, oldest first: the notice names the last one, each the one before it."""
    found: list[dict[str, Any]] = []
    name = notice.facts.get("payment", "")
    while name and (payment := records.find("payment", name)) is not None:
        found.append({"payment": name, **payment.show()})
        name = payment.facts["previous"]
    return found[::-1]


def _row(records: Records, row: list[Any]) -> dict[str, Any]:
    """A declared row, and whether the settlement or refund itself is proved here as well."""
    name, total, funds, accounts = row
    known = any(records.find(kind, name) is not None for kind in ("settlement", "refund"))
    return {
        "settlement": name, "total_fen": total, "funds_fen": funds, "accounts_fen": accounts,
        "receipt": known,
    }  # fmt: skip
