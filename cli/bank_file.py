"""A bank's files: instructions out as CSV or JSON, statements in as CSV or JSON.

A statement's row has the columns ``reference, order, direction, amount, value_on, reason``: the
bank's own number of the line, our order (empty where there is none), ``out``, ``in`` or
``returned``, yuan, the day, and for a return a reason of the list. A fault names its row.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cli.voucher_file import plain, yuan_text
from contracts.settlement.calendar import is_date
from contracts.settlement.money import MoneyError, parse_yuan

COLUMNS = ("reference", "order", "direction", "amount", "value_on", "reason")
INSTRUCTION = (
    "order", "kind", "amount", "payer", "payee", "payee_bank", "account", "due_on", "notice",
)  # fmt: skip
ROWS_MAX = 100_000


class BankFileError(ValueError):
    """A file is no statement; the message says in which row."""


def write_instructions(path: Path, orders: Iterable[Mapping[str, Any]]) -> int:
    """Write orders; returns how many. JSON keeps fen, CSV has yuan."""
    listed = list(orders)
    if path.suffix == ".json":
        path.write_text(json.dumps(listed, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        return len(listed)
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(INSTRUCTION)
        for row in listed:
            cells = {**row, "amount": yuan_text(int(row["amount_fen"]))}
            writer.writerow([plain(str(cells[name] or "")) for name in INSTRUCTION])
    return len(listed)


def read_statement(path: Path) -> list[dict[str, Any]]:
    """Arguments of ``bank.line``, one for each row. Raises ``BankFileError``, ``OSError``."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = (
            json.loads(text) if path.suffix == ".json" else list(csv.DictReader(text.split("\n")))
        )
    except (UnicodeDecodeError, json.JSONDecodeError, csv.Error) as problem:
        raise BankFileError(f"{path} cannot be read: {problem}") from None
    if not isinstance(rows, list) or len(rows) > ROWS_MAX:
        raise BankFileError(f"{path} is no list of at most {ROWS_MAX} rows")
    return [_line(row, number) for number, row in enumerate(rows, start=1)]


def _line(row: Any, number: int) -> dict[str, Any]:
    where = f"row {number}"
    if not isinstance(row, dict) or None in row:
        raise BankFileError(f"{where}: want the columns {', '.join(COLUMNS)}")
    unknown = sorted(set(row) - set(COLUMNS))
    if unknown or "reference" not in row or "amount" not in row:
        raise BankFileError(f"{where}: want the columns {', '.join(COLUMNS)}, got {sorted(row)}")
    cells = {name: str(row.get(name) or "").strip() for name in COLUMNS}
    try:
        amount = parse_yuan(cells["amount"])
    except MoneyError as problem:
        raise BankFileError(f"{where}: amount: {problem}") from None
    if amount <= 0:
        raise BankFileError(f"{where}: amount: {cells['amount']} is not above nothing")
    if not is_date(cells["value_on"]):
        raise BankFileError(f"{where}: value_on: {cells['value_on']!r} is no day like 2025-06-30")
    if cells["direction"] not in ("out", "in", "returned"):
        raise BankFileError(f"{where}: direction: want out, in or returned")
    line: dict[str, Any] = {
        "reference": cells["reference"],
        "order": cells["order"],
        "direction": cells["direction"],
        "amount_fen": amount,
        "value_on": cells["value_on"],
    }
    return line | ({"reason": cells["reason"]} if cells["reason"] else {})
