"""An institution's months as its accountant looks at them: what was declared, expected, received.

Put together from proved records alone, with every node switched off. A settlement stands in a month
when a proved call of the institution declared it; what a month is worth and what is expected of it
say the state's entries; what has arrived, its payments with the banks' references.
"""

from __future__ import annotations

from typing import Any

from contracts.settlement.clearing.declaration_record import Stage
from node.member.records import Record, Records


def months_of(records: Records) -> list[dict[str, Any]]:
    """Every month, oldest first."""
    payments: dict[str, list[Record]] = {}
    for payment in records.listed("payment"):
        payments.setdefault(payment.facts["notice"], []).append(payment)
    rows: dict[str, dict[str, list[Any]]] = {}
    for call in records.listed("declared"):
        month = rows.setdefault(call.facts["month"], {})
        month.update({row[0]: row for row in call.facts["rows"]})  # told twice, it is one row
    return [
        _month(records, month, payments, list(rows.get(month.name, {}).values()))
        for month in records.listed("month")
    ]


def month_of(records: Records, month: str) -> dict[str, Any] | None:
    """One month with its rows and deductions; None where nothing is proved of it."""
    found = next((row for row in months_of(records) if row["name"] == month), None)
    if found is None:
        return None
    rows: dict[str, list[Any]] = {}
    for call in records.listed("declared"):
        if call.facts["month"] == month:
            rows |= {row[0]: row for row in call.facts["rows"]}
    return {
        **found,
        "rows": [_row(records, row) for row in rows.values()],
        "deductions": [
            record.show()
            for record in records.listed("deduction")
            if record.facts["month"] == month
        ],
    }


def _month(
    records: Records, month: Record, payments: dict[str, list[Record]], rows: list[list[Any]]
) -> dict[str, Any]:
    """A month against its notice and payments."""
    notice = _notice(records, month)
    told = None if notice is None else notice.facts
    declared = sum(row[2] + row[3] for row in rows)
    facts = month.facts
    confirmed = month.state == Stage.CONFIRMED.value
    return {
        **month.show(),
        "confirmed_fen": facts["owed_fen"] if confirmed else None,
        "rows_proved": len(rows),
        "rows_fen": declared,
        "rows_agree": (len(rows), declared) == (facts["settlements"], facts["declared_fen"]),
        "notice": None if notice is None else notice.name,
        "expected_fen": None if told is None else told["amount_fen"],
        "carried_fen": None if told is None else told["amount_fen"] - facts["owed_fen"],
        "pay_by": None if told is None else told["due_on"],
        "received_fen": 0 if told is None else told["paid_fen"],
        "open_fen": None if told is None else told["open_fen"],
        "payments": [
            {
                "payment": one.name, "state": one.state, "amount_fen": one.facts["amount_fen"],
                "returned_fen": one.facts["returned_fen"], "bank": one.facts["bank"],
                "reference": one.facts["reference"], "value_on": one.facts["value_on"],
                "received_reference": one.facts["received_reference"],
            }
            for one in (() if notice is None else payments.get(notice.name, ()))
        ],
    }  # fmt: skip


def _notice(records: Records, month: Record) -> Record | None:
    """The notice by which the month is paid; its cause says which month and institution."""
    for record in records.listed("notice", f"institution:{month.name}:"):
        if not record.name.startswith(f"institution:{month.name}:"):
            return None
        return record
    return None


def _row(records: Records, row: list[Any]) -> dict[str, Any]:
    """A declared row, and whether the settlement or refund itself is proved here as well."""
    name, total, funds, accounts = row
    known = any(records.find(kind, name) is not None for kind in ("settlement", "refund"))
    return {
        "settlement": name, "total_fen": total, "funds_fen": funds, "accounts_fen": accounts,
        "receipt": known,
    }  # fmt: skip
