"""A bank's files as text: instructions out as CSV or JSON, statements in as CSV or JSON.

A statement's row has the columns ``reference, order, direction, amount, value_on, reason``: the
bank's own number of the line, our order (empty where there is none), ``out``, ``in`` or
``returned``, yuan, the day, and for a return a reason of the list. A fault names its row.

The command line and a bank's member node read and write the same files through this.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from contracts.schema import IDENTIFIER
from contracts.settlement.calendar import is_date
from contracts.settlement.money import MoneyError, parse_yuan

COLUMNS = ("reference", "order", "direction", "amount", "value_on", "reason")
INSTRUCTION = (
    "order", "kind", "amount", "payer", "payee", "payee_bank", "account", "due_on", "notice",
)  # fmt: skip
ROWS_MAX = 100_000
FORMULA = ("=", "+", "-", "@", "\t", "\r")
MARK = "\ufeff"
"""Begins a CSV file: spreadsheets read UTF-8 by it."""


_WORD = frozenset(IDENTIFIER + "/")


class BankFileError(ValueError):
    """A file is no statement; the message says in which row."""


def plain(text: str) -> str:
    """The text as a spreadsheet shows it and does not compute it."""
    return f"'{text}" if text.startswith(FORMULA) else text


def yuan_text(fen: int) -> str:
    """Fen as an exact decimal: -5 -> ``-0.05``; nothing for nothing."""
    if not fen:
        return ""
    whole, rest = divmod(abs(fen), 100)
    return f"{'-' if fen < 0 else ''}{whole}.{rest:02d}"


def render_instructions(orders: Iterable[Mapping[str, Any]], form: str) -> str:
    """Orders as a file's text, ``form`` csv or json. JSON keeps fen, CSV has yuan."""
    listed = list(orders)
    if form == "json":
        return json.dumps(listed, ensure_ascii=False, indent=1) + "\n"
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(INSTRUCTION)
    for row in listed:
        cells = {**row, "amount": yuan_text(int(row["amount_fen"]))}
        writer.writerow([plain(str(cells[name] or "")) for name in INSTRUCTION])
    return MARK + text.getvalue()


def parse_statement(data: bytes, form: str) -> list[dict[str, Any]]:
    """Arguments of ``bank.line``, one for each row. Raises ``BankFileError``."""
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
        rows = json.loads(text, object_pairs_hook=_row) if form == "json" else _table(text)
    except BankFileError:
        raise
    except UnicodeDecodeError as problem:
        raise BankFileError(
            f"is not in UTF-8 (byte {problem.start}): save it as UTF-8, other encodings such as "
            "GBK are not read"
        ) from None
    except (ValueError, RecursionError, csv.Error) as problem:
        raise BankFileError(f"cannot be read: {problem}") from None
    if not isinstance(rows, list) or len(rows) > ROWS_MAX:
        raise BankFileError(f"is no list of at most {ROWS_MAX} rows")
    return [_line(row, number) for number, row in enumerate(rows, start=1)]


def _row(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; which of two amounts counts is not for us to say."""
    names = [name for name, _ in pairs]
    _require_once(names)
    return dict(pairs)


def _require_once(names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BankFileError(f"names a column twice: {', '.join(twice)[:200]}")


def _table(text: str) -> list[dict[str, Any]]:
    """Rows of a CSV file, whose first line names the columns."""
    table = csv.DictReader(text.split("\n"))
    names = list(table.fieldnames or ())
    _require_once(names)
    if not {"reference", "amount"} <= set(names):
        raise BankFileError(f"row 0: want the columns {', '.join(COLUMNS)}")
    return list(table)


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
    for name, most in (("reference", 60), ("order", 130), ("reason", 40)):
        if len(cells[name]) > most or not set(cells[name]) <= _WORD:
            raise BankFileError(
                f"{where}: {name}: want at most {most} of letters, digits and -_.:/"
            )
    if not cells["reference"]:
        raise BankFileError(f"{where}: reference: the bank's own number of the line is missing")
    line: dict[str, Any] = {
        "reference": cells["reference"],
        "order": cells["order"],
        "direction": cells["direction"],
        "amount_fen": amount,
        "value_on": cells["value_on"],
    }
    return line | ({"reason": cells["reason"]} if cells["reason"] else {})
