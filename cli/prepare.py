"""``yibao declaration prepare``: a hospital's list of a month becomes the calls that declare it.

The list is 3202's text, as ``reconcile`` reads it. Only a list that agrees with the ledger becomes
calls: what differs is told first, and nothing is written. Scheme, clearing type and agency, which
the list does not have, are the ledger's.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.exits import Exit
from cli.output import Json, fail, print_fields, print_json, yuan
from cli.reconcile import WANTED, RowsFileError, ledger_page, read_rows
from cli.session import open_client
from contracts.settlement.calendar import is_date
from contracts.settlement.clearing.declaration import ROWS_AT_ONCE
from contracts.settlement.clearing.months import next_month
from contracts.settlement.clearing.rows import ONLY_OURS, compare

_SUMS = ("total_fen", "funds_fen", "accounts_fen")
_GROUP = ("scheme", "clearing_type", "agency")
MONTHS_MAX = 60


def prepare(
    context: typer.Context,
    institution: Annotated[
        str, typer.Argument(metavar="INSTITUTION", help="For example hospital:H44010000123.")
    ],
    month: Annotated[str, typer.Argument(metavar="MONTH", help="Month to declare: 2025-06.")],
    file: Annotated[Path, typer.Argument(help="Text of 3202, fields apart by tabs.")],
    out: Annotated[Path, typer.Option(help="Folder for the call files; made when missing.")],
    since: Annotated[
        str, typer.Option(help="First month that rows may be of: what was left out or set aside.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Write the calls that declare a month, from a list that agrees with the ledger. 申报文件"""
    try:
        theirs = read_rows(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        fail(Exit.LOCAL, f"cannot read {file}: {error.strerror}")
    except (UnicodeDecodeError, RowsFileError) as error:
        fail(Exit.USAGE, f"{file}: {error}", hint=WANTED)
    rows: list[dict[str, Any]] = []
    with open_client(context) as client:
        for each in months_of(since or month, month):
            rows += ledger_page(client, institution, each)
    known = {row["settlement"]: row for row in rows if row["declared"] in (None, month)}
    ours = {name: _sums(row) for name, row in known.items()}
    found = compare(ours, theirs)
    differing = [d for d in found if d.kind != ONLY_OURS]
    if differing:
        names = ", ".join(f"{d.id} ({d.kind})" for d in differing[:5])
        fail(
            Exit.NO,
            f"{len(differing)} rows of {file} are not as the ledger has them: {names}",
            hint="yibao declaration reconcile shows both amounts",
        )
    written = _write(out, month, [known[name] for name, _ in theirs])
    # Rows may be left for a later month, and an export may have lost them: it is told.
    written |= {"left_out": len(found), "left_out_fen": sum(d.ours[1] for d in found if d.ours)}
    if as_json:
        print_json(written)
    else:
        shown_as = {"folder": str(out), "files": ", ".join(written["files"])}
        left = f"{len(found)} on the ledger and not in the file, funds"
        shown_as["left out 未列"] = f"{left} {yuan(written['left_out_fen'])} 元"
        print_fields("Written 已生成", {"rows": written["rows"], **shown_as})


def months_of(first: str, last: str) -> list[str]:
    """The months from the first to the last, both included; ends the command for too many."""
    months: list[str] = []
    each = first
    if not all(is_date(f"{name}-01") for name in (first, last)):
        fail(Exit.USAGE, f"{first} or {last} is no month", hint="YYYY-MM: 2025-06")
    while each <= last and len(months) < MONTHS_MAX:
        months.append(each)
        each = next_month(each)
    if not months or each <= last:
        fail(Exit.USAGE, f"from {first} to {last} are no 1 to {MONTHS_MAX} months")
    return months


def calls_of(month: str, rows: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The arguments of ``declare``, as many calls as it takes, and of ``close``."""
    plain = [
        {"settlement": row["settlement"], **dict(zip(_SUMS, _sums(row), strict=True))}
        for row in rows
    ]
    declares = [
        {"month": month, "rows": plain[start : start + ROWS_AT_ONCE]}
        for start in range(0, len(plain), ROWS_AT_ONCE)
    ]
    totals: dict[tuple[str, ...], list[int]] = {}
    for row in rows:
        into = totals.setdefault(tuple(row[name] for name in _GROUP), [0, 0, 0, 0])
        for place, amount in enumerate((1, *_sums(row))):
            into[place] += amount
    close = {
        "month": month,
        "totals": [
            dict(zip(_GROUP, group, strict=True))
            | dict(zip(("settlements", *_SUMS), sums, strict=True))
            for group, sums in sorted(totals.items())
        ],
    }
    return declares, close


def _sums(row: dict[str, Any]) -> tuple[int, int, int]:
    bill, funds, accounts = (int(row[name]) for name in _SUMS)
    return bill, funds, accounts


def _write(out: Path, month: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    declares, close = calls_of(month, rows)
    files = {f"declare-{n}.json": args for n, args in enumerate(declares, start=1)}
    files["close.json"] = close
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, args in files.items():
            (out / name).write_text(json.dumps({"args": args}, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        fail(Exit.LOCAL, f"cannot write to {out}: {error.strerror}")
    return {"month": month, "rows": len(rows), "files": list(files)}
