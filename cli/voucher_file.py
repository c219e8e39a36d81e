"""Vouchers as files: CSV (RFC 4180, UTF-8 with a mark for spreadsheets) and XLSX.

The same vouchers give the same bytes: no time of writing is in them. Texts that a spreadsheet would
take for a formula begin with an apostrophe; amounts are exact numbers in yuan.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import xlsxwriter
from xlsxwriter.exceptions import FileCreateError

from cli.account_scheme import Entry
from contracts.settlement.bank_file import plain, yuan_text

HEADS = (
    "凭证号 voucher", "日期 date", "区块高度 height", "摘要 call", "业务号 transfer", "账套 book",
    "科目编号 account", "科目名称 name", "明细 detail", "基金 fund", "借方 debit", "贷方 credit",
)  # fmt: skip
WIDTHS = (18, 12, 12, 18, 34, 26, 12, 34, 42, 10, 16, 16)
WRITTEN = datetime(2000, 1, 1, tzinfo=UTC)
"""The date of creation in every workbook: a file says which heights it shows, not when."""
ROWS_MAX = 1_000_000
"""Rows of a sheet; a spreadsheet has 1,048,576."""


def write_csv(path: Path, entries: Iterable[Entry]) -> int:
    """Write the entries; returns how many. Raises ``OSError``."""
    count = 0
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADS)
        for entry in entries:
            count += 1
            texts, (debit, credit) = _cells(entry)
            writer.writerow([*texts, yuan_text(debit), yuan_text(credit)])
    return count


def write_xlsx(path: Path, entries: Iterable[Entry]) -> int:
    """Write the entries into sheets of at most ``ROWS_MAX`` rows; returns how many.

    Raises ``OSError``.
    """
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = xlsxwriter.Workbook(str(path), options)
    book.set_properties({"created": WRITTEN})
    try:
        return _fill(book, entries)
    finally:
        try:
            book.close()  # also of what was broken off: the rows are in temporary files
        except FileCreateError as problem:
            raise OSError(str(problem)) from None


def _fill(book: Any, entries: Iterable[Entry]) -> int:
    head = book.add_format({"bold": True})
    money = book.add_format({"num_format": "#,##0.00;[Red]-#,##0.00"})
    sheet: Any = None
    count = row = 0
    for entry in entries:
        if sheet is None or row > ROWS_MAX:
            sheet, row = _sheet(book, head), 1
        texts, amounts = _cells(entry)
        for column, value in enumerate(texts):
            if isinstance(value, int):
                sheet.write_number(row, column, value)
            else:
                sheet.write_string(row, column, value)
        for column, fen in enumerate(amounts, start=len(texts)):
            if fen:
                # A double would be written with 16 digits: 73.82 as 73.81999999999999.
                sheet.write_number(row, column, Decimal(fen) / 100, money)
        count, row = count + 1, row + 1
    if sheet is None:
        _sheet(book, head)
    return count


def _sheet(book: Any, head: Any) -> Any:
    sheet = book.add_worksheet(f"凭证 {len(book.worksheets()) + 1}")
    for column, width in enumerate(WIDTHS):
        sheet.set_column(column, column, width)
    for column, title in enumerate(HEADS):
        sheet.write_string(0, column, title, head)
    sheet.freeze_panes(1, 0)
    return sheet


def _cells(entry: Entry) -> tuple[list[str | int], tuple[int, int]]:
    texts: list[str | int] = [
        plain(entry.voucher), entry.day, entry.height, plain(entry.call), plain(entry.transfer),
        plain(entry.book), plain(entry.code), plain(entry.name), plain(entry.detail),
        plain(entry.fund_type),
    ]  # fmt: skip
    return texts, (entry.debit_fen, entry.credit_fen)
