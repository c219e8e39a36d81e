"""``yibao declaration reconcile``: a hospital's list of a month against the ledger's (3201, 3202).

The file is the text of the national interface's 3202: one settlement a line, tab between the
fields ``setl_id mdtrt_id psn_no medfee_sumamt fund_pay_sumamt acct_pay refd_setl_flag``, amounts in
yuan. A refund is a line of its own with negative amounts under the refund's id. Nothing of the
file leaves this machine: the ledger's rows are fetched and compared here.

First the sums by scheme, clearing type and agency, as 3201 has them, then the settlements that make
the difference. A row of the file has no group of its own: it is summed under the group that the
ledger has for it, or under none. ``claim reconcile`` compares something else: bills by their day of
discharge, whatever month they are declared in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.client import Client
from cli.exits import Exit
from cli.output import Json, fail, print_json, print_table, shown, yuan
from cli.session import open_client
from contracts.settlement.clearing.rows import Difference, Sums, compare
from contracts.settlement.money import MoneyError, parse_yuan

FIELDS = (
    "setl_id", "mdtrt_id", "psn_no", "medfee_sumamt", "fund_pay_sumamt", "acct_pay",
    "refd_setl_flag",
)  # fmt: skip
"""Fields of a line of 3202's file, in order."""
WANTED = f"text in UTF-8; a line of 3202 has, apart by tabs: {', '.join(FIELDS)}; correct the file"
"""What to do about a file that is none."""
_SUMS = ("bill 总额", "funds 基金", "accounts 账户")
_WORDS = {
    "only-ours": "only on the ledger 仅账本有",
    "only-theirs": "only in the file 仅机构有",
    "amount-differs": "amounts differ 金额不符",
}


GROUP = ("scheme", "clearing_type", "agency")
Group = tuple[str, str, str]
UNKNOWN: Group = ("", "", "")
"""Group of what the ledger does not have."""


class RowsFileError(Exception):
    """The file is not 3202's; the message names the line."""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """Two lists of a month, compared."""

    month: str
    ours: dict[str, Sums]
    theirs: list[tuple[str, Sums]]
    differences: list[Difference]
    groups: dict[str, Group]
    """Scheme, clearing type and agency by settlement, of the ledger's rows."""

    def to_json(self) -> dict[str, Any]:
        """As a program reads it; ``result`` as in the national interface, 0 for balanced."""
        return {
            "month": self.month,
            "result": int(bool(self.differences)),
            "ledger": _summed(list(self.ours.values())),
            "file": _summed([sums for _, sums in self.theirs]),
            "groups": self.by_group(),
            "differences": [
                {
                    "kind": one.kind,
                    "settlement": one.id,
                    "ledger_fen": None if one.ours is None else list(one.ours),
                    "file_fen": None if one.theirs is None else list(one.theirs),
                }
                for one in self.differences
            ],
        }

    def by_group(self) -> list[dict[str, Any]]:
        """3201: both sides' sums by group, the rows that the ledger does not know last."""
        ledger: dict[Group, list[Sums]] = {}
        told: dict[Group, list[Sums]] = {}
        for name, sums in self.ours.items():
            ledger.setdefault(self.groups[name], []).append(sums)
        for name, sums in self.theirs:
            told.setdefault(self.groups.get(name, UNKNOWN), []).append(sums)
        return [
            {
                **{field: value or None for field, value in zip(GROUP, group, strict=True)},
                "ledger": _summed(ledger.get(group, [])),
                "file": _summed(told.get(group, [])),
            }
            for group in sorted({*ledger, *told}, key=lambda group: (group == UNKNOWN, group))
        ]


def _summed(rows: list[Sums]) -> dict[str, int]:
    """Count and sums of a list, as 3201 has them."""
    bill, funds, accounts = (sum(row[i] for row in rows) for i in range(3))
    return {
        "settlements": len(rows), "total_fen": bill, "funds_fen": funds, "accounts_fen": accounts
    }  # fmt: skip


def reconcile(
    context: typer.Context,
    institution: Annotated[
        str, typer.Argument(metavar="INSTITUTION", help="For example hospital:H44010000123.")
    ],
    month: Annotated[str, typer.Argument(metavar="MONTH", help="For example 2025-06.")],
    file: Annotated[Path, typer.Argument(help="Text of 3202, fields apart by tabs.")],
    as_json: Json = False,
) -> None:
    """Reconcile a month with the ledger: sums by scheme, clearing type and agency (3201), then the
    exact settlements that differ (3202), refunds as rows of their own. 月度对账

    For the month that is to be declared. A plain list of bills by day of discharge is for
    `yibao claim reconcile`.
    """
    try:
        theirs = read_rows(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        fail(Exit.LOCAL, f"cannot read {file}: {error.strerror}")
    except (UnicodeDecodeError, RowsFileError) as error:
        fail(Exit.USAGE, f"{file}: {error}", hint=WANTED)
    with open_client(context) as client:
        rows = ledger_page(client, institution, month)
    ours = {row["settlement"]: sums_of(row) for row in rows}
    groups = {row["settlement"]: (row["scheme"], row["clearing_type"], row["agency"])
              for row in rows}  # fmt: skip
    found = Reconciled(month, ours, theirs, compare(ours, theirs), groups)
    if as_json:
        print_json(found.to_json())
    else:
        _show(found)
    if found.differences:
        raise typer.Exit(int(Exit.NO))


def read_rows(text: str) -> list[tuple[str, Sums]]:
    """The rows of 3202's text; a first line of field names is passed over.

    Raises ``RowsFileError``.
    """
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        parts = line.split("\t")
        if not line.strip() or (number == 1 and parts[0] == FIELDS[0]):
            continue
        if len(parts) != len(FIELDS):
            raise RowsFileError(f"line {number} has {len(parts)} fields, want {len(FIELDS)}")
        try:
            bill, funds, accounts = (parse_yuan(part.strip()) for part in parts[3:6])
        except MoneyError as error:
            raise RowsFileError(f"line {number}: {error}") from None
        if (bill < 0) != (parts[6].strip() == "1"):
            raise RowsFileError(f"line {number}: refd_setl_flag 1 goes with a negative amount")
        rows.append((parts[0].strip(), (bill, funds, accounts)))
    return rows


def sums_of(row: dict[str, Any]) -> Sums:
    """Bill, funds and accounts of a row of the ledger's, fen."""
    return int(row["total_fen"]), int(row["funds_fen"]), int(row["accounts_fen"])


def ledger_page(client: Client, institution: str, month: str) -> list[dict[str, Any]]:
    """The ledger's rows of a month, all pages, in the order of the chain."""
    rows: list[dict[str, Any]] = []
    after: str | None = ""
    while after is not None:
        page = client.get(f"/v1/institutions/{institution}/rows/{month}", after=after or None)
        rows += page["rows"]
        after = page["next"]
    return rows


def rows(
    context: typer.Context,
    institution: Annotated[
        str, typer.Argument(metavar="INSTITUTION", help="For example hospital:H44010000123.")
    ],
    month: Annotated[str, typer.Argument(metavar="MONTH", help="For example 2025-06.")],
    as_json: Json = False,
) -> None:
    """The ledger's settlements and refunds of a month, with their invoice numbers. 结算明细"""
    with open_client(context) as client:
        listed = ledger_page(client, institution, month)
    if as_json:
        print_json({"institution": institution, "month": month, "rows": listed})
        return
    print_table(
        f"Settlements 结算 {institution} {month}",
        ("settlement", "refund of", "bill 元", "funds 元", "declared", "invoices 发票"),
        [
            (row["settlement"], row["refund_of"] or "", yuan(int(row["total_fen"])),
             yuan(int(row["funds_fen"])), row["declared"] or "", ", ".join(row["invoices"]))
            for row in listed
        ],
    )  # fmt: skip


def _show(found: Reconciled) -> None:
    told = found.to_json()
    print_table(
        f"Totals 总账 {found.month}",
        ("", "settlements", "bill 元", "funds 元", "accounts 元"),
        [
            (title, told[side]["settlements"],
             *(yuan(told[side][name]) for name in ("total_fen", "funds_fen", "accounts_fen")))
            for title, side in (("ledger 账本", "ledger"), ("file 机构", "file"))
        ],
    )  # fmt: skip
    print_table(
        "By group 分组 (3201)",
        ("scheme", "type", "agency", "ledger funds 元", "file funds 元", "balanced 平"),
        [
            (row["scheme"] or "not on the ledger", row["clearing_type"] or "", row["agency"] or "",
             yuan(row["ledger"]["funds_fen"]), yuan(row["file"]["funds_fen"]),
             shown("balanced", row["ledger"] == row["file"]))
            for row in told["groups"]
        ],
    )  # fmt: skip
    print_table(
        "Differences 差异" if found.differences else "Balanced 平",
        ("settlement", "what", "of", "ledger 元", "file 元", "difference 元"),
        [row for one in found.differences for row in _rows_of(one)],
    )


def _rows_of(one: Difference) -> Iterator[tuple[str, ...]]:
    """A row for each sum on which the two sides differ; the first names the settlement."""
    names = one.id, _WORDS[one.kind]
    ours, theirs = one.ours or (0, 0, 0), one.theirs or (0, 0, 0)
    for of, ledger, told in zip(_SUMS, ours, theirs, strict=True):
        if ledger != told:
            yield (
                *names, of, "" if one.ours is None else yuan(ledger),
                "" if one.theirs is None else yuan(told), yuan(told - ledger),
            )  # fmt: skip
            names = "", ""
