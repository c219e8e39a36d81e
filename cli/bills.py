"""``yibao claim reconcile``: an institution's own list of bills, held against the ledger.

Two totals that differ say nothing; the settlement that makes the difference does. Three kinds are
told: a bill that only the institution has, one that only the ledger has, and one of two amounts.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.books import check_order
from cli.client import Client
from cli.exits import Exit
from cli.output import Json, fail, print_json, print_table, yuan
from cli.session import open_client
from contracts.settlement.calendar import is_date
from contracts.settlement.money import MoneyError, parse_yuan

COLUMNS = ("claim", "total")
PAGE = 200
WANTED = 'a CSV file in UTF-8 with the columns claim and total, like H43010000123-1,"1,234.50"'
"""What to do about a file that is none."""
STANDS_NOT = "reversed"
"""State of a claim that was taken back: on neither side's books."""

Bills = Annotated[
    Path, typer.Argument(help="CSV with the columns claim and total (yuan, two decimals).")
]
Institution = Annotated[
    str, typer.Argument(metavar="INSTITUTION", help="For example hospital:H43010000123.")
]


@dataclass(frozen=True, slots=True)
class Difference:
    """A bill that the two sides do not agree on; fen, None where a side does not have it."""

    claim: str
    kind: str
    told_fen: int | None
    ledger_fen: int | None

    @property
    def difference_fen(self) -> int:
        """The institution's less the ledger's."""
        return (self.told_fen or 0) - (self.ledger_fen or 0)


class BillsError(ValueError):
    """The list is not one; the message names the line."""


def reconcile(
    context: typer.Context,
    institution: Institution,
    bills: Bills,
    first: Annotated[str, typer.Option("--from", help="First day of discharge.")] = "",
    last: Annotated[str, typer.Option("--to", help="Last day of discharge.")] = "",
    as_json: Json = False,
) -> None:
    """Which bills differ between an institution's list and the ledger. 账单核对 Exit 1 if any.

    Whole bills by day of discharge, from any spreadsheet; what was taken back counts on neither
    side. A month as it is declared, with funds, accounts and refunds: declaration reconcile.
    """
    for day in (first, last):
        if day and not is_date(day):
            fail(Exit.USAGE, f"{day} is no date", hint="YYYY-MM-DD")
    check_order(first, last)
    try:
        told = read_bills(bills.read_text(encoding="utf-8-sig"))
    except OSError as error:
        fail(Exit.LOCAL, f"cannot read {bills}: {error.strerror}")
    except (BillsError, UnicodeDecodeError) as error:
        fail(Exit.USAGE, f"{bills}: {error}", hint=WANTED)
    with open_client(context) as client:
        known = {
            row["claim"]: int(row["total_fen"])
            for row in _settlements(client, institution)
            if row["state"] != STANDS_NOT
            and (first or "") <= row["discharge"] <= (last or "9999-12-31")
        }
    found = differences(told, known)
    sums = (sum(told.values()), sum(known.values()))
    if as_json:
        rows = [
            {"claim": d.claim, "kind": d.kind, "told_fen": d.told_fen, "ledger_fen": d.ledger_fen}
            for d in found
        ]
        print_json({"told_fen": sums[0], "ledger_fen": sums[1], "differences": rows})
    else:
        _print(institution, found, sums, (len(told), len(known)))
    if found:
        raise typer.Exit(int(Exit.NO))


def read_bills(text: str) -> dict[str, int]:
    """Fen by claim. Raises ``BillsError``."""
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    told: dict[str, int] = {}
    try:
        if missing := [name for name in COLUMNS if name not in (rows.fieldnames or ())]:
            raise BillsError(f"no column {missing[0]}; it has {', '.join(rows.fieldnames or ())}")
        for row in rows:
            if None in row:  # 1,234.50 without quotes would be read as 1
                raise BillsError(f"line {rows.line_num}: more fields than the first line names")
            claim = (row["claim"] or "").strip()
            if not claim or claim in told:
                raise BillsError(
                    f"line {rows.line_num}: {claim or 'no claim'} stands twice or nowhere"
                )
            told[claim] = _fen(row["total"] or "", rows.line_num)
    except csv.Error as error:
        raise BillsError(f"line {rows.line_num}: {error}") from None
    return told


def differences(told: Mapping[str, int], known: Mapping[str, int]) -> list[Difference]:
    """What the two sides do not agree on, by claim."""
    found = []
    for claim in sorted({*told, *known}):
        mine, ledger = told.get(claim), known.get(claim)
        if mine == ledger:
            continue
        kind = "amount-differs"
        if mine is None or ledger is None:
            kind = "only-institution" if ledger is None else "only-ledger"
        found.append(Difference(claim, kind, mine, ledger))
    return found


def _fen(text: str, line: int) -> int:
    try:
        return parse_yuan(text.strip())
    except MoneyError as error:
        raise BillsError(f"line {line}: {error}") from None


def _settlements(client: Client, institution: str) -> Iterator[dict[str, Any]]:
    after: str | None = ""
    while after is not None:
        path = f"/v1/institutions/{institution}/settlements"
        page = client.get(path, limit=PAGE, after=after or None)
        yield from page["settlements"]
        after = page["next"]


def _print(
    institution: str, found: list[Difference], sums: tuple[int, int], counts: tuple[int, int]
) -> None:
    def shown(amount: int | None) -> str:
        return "—" if amount is None else yuan(amount)

    print_table(
        f"Reconciled 对账 {institution}",
        ("claim", "kind", "institution 元", "ledger 元", "difference 元"),
        [
            *((d.claim, d.kind, shown(d.told_fen), shown(d.ledger_fen), yuan(d.difference_fen))
              for d in found),
            (f"all: {counts[0]} and {counts[1]}", "", yuan(sums[0]), yuan(sums[1]),
             yuan(sums[0] - sums[1])),
        ],
    )  # fmt: skip
