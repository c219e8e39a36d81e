"""``yibao declaration ageing``: what is owed to an institution, or to all of an area, by where it
waits and how long."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import typer

from cli.client import Client
from cli.output import Json, print_fields, print_json, print_table, yuan
from cli.session import open_client
from cli.show import asked

AREA_DIGITS = 6
SUMS = (
    "payable_fen", "undeclared_fen", "in_audit_fen", "to_be_paid_fen", "due_next_fen",
    "rolled_fen", "overdue_fen",
)  # fmt: skip
"""Sums of an institution in the report of its area; all but the last stand side by side."""
BANDS = ("bands_fen", "rolled_bands_fen")
"""Sums by age: of declared months, and of what rolls on unconfirmed."""


def ageing(
    context: typer.Context,
    whose: Annotated[
        str,
        typer.Argument(
            metavar="WHOSE", help="An institution, or an area: 440100; 000000 is the country."
        ),
    ],
    as_json: Json = False,
) -> None:
    """What is owed by where it waits, and for how long; of an area with totals. 账龄"""
    if len(whose) == AREA_DIGITS and whose.isdecimal():
        _area(context, whose, as_json)
    else:
        _institution(context, whose, as_json)


def _institution(context: typer.Context, institution: str, as_json: bool) -> None:
    answer = asked(context, as_json, f"/v1/institutions/{institution}/ageing")
    if answer is None:
        return
    found = answer["record"]
    sums = ("payable_fen", "undeclared_fen", "due_next_fen")
    print_fields(
        f"Owed 应付 {institution}",
        {name.removesuffix("_fen"): f"{yuan(int(found[name]))} 元" for name in sums},
    )
    print_table(
        "Months 月份",
        ("month", "stage", "owed 元", "aside", "aside 元", "days", "due", "overdue"),
        [
            (m["month"], m["stage"], yuan(int(m["owed_fen"])), m["aside"],
             yuan(int(m["aside_fen"])), m["working_days_since_close"], m["due_on"] or "",
             m["overdue_working_days"])
            for m in found["months"]
        ],
        footer="days: working days since the month was closed 关账后工作日",
    )  # fmt: skip
    _rolled(found["rolled"])


def _rolled(rows: list[dict[str, Any]]) -> None:
    """What was set aside and waits to be declared again, by the month in which it was settled."""
    if not rows:
        return
    print_table(
        "Rolled on unconfirmed, by month of settlement 未确认结转",
        ("month", "settlements", "yuan 元", "days"),
        [
            (row["month"], row["claims"], yuan(int(row["amount_fen"])),
             row["working_days_since_month"])
            for row in rows
        ],
        footer="days: working days since that month was over 月末后工作日",
    )  # fmt: skip


def _area(context: typer.Context, area: str, as_json: bool) -> None:
    with open_client(context) as client:
        rows = list(_rows(client, area))
    totals = summed(rows)
    if as_json:
        print_json({"area": area, "institutions": rows, "totals": totals})
        return
    named = {name.removesuffix("_fen"): f"{yuan(totals[name])} 元" for name in SUMS}
    print_fields(f"Owed 应付 {area}", {"institutions": totals["institutions"], **named})
    print_table(
        "By working days since the month was closed 按关账后工作日",
        ("days", "yuan 元"),
        [(name.replace("_", " "), yuan(fen)) for name, fen in totals["bands_fen"].items()],
    )
    _rolled(totals["rolled"])
    print_table(
        "Institutions, longest overdue first 机构",
        ("institution", "owed 元", "undeclared 元", "in audit 元", "to be paid 元", "overdue days"),
        [
            (row["institution"], yuan(row["payable_fen"]), yuan(row["undeclared_fen"]),
             yuan(row["in_audit_fen"]), yuan(row["to_be_paid_fen"]), row["overdue_working_days"])
            for row in sorted(
                rows, key=lambda row: (-row["overdue_working_days"], -row["payable_fen"])
            )
        ],
    )  # fmt: skip


def summed(rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The rows' totals; amounts in fen."""
    listed = list(rows)
    sums: dict[str, dict[str, int]] = {}
    rolled: dict[str, dict[str, Any]] = {}
    for row in listed:
        for kind in BANDS:
            bands = sums.setdefault(kind, {})
            for name, fen in row[kind].items():
                bands[name] = bands.get(name, 0) + fen
        for waits in row["rolled"]:
            one = rolled.setdefault(waits["month"], waits | {"claims": 0, "amount_fen": 0})
            one["claims"] += waits["claims"]
            one["amount_fen"] += waits["amount_fen"]
    late = [row["overdue_working_days"] for row in listed]
    return {
        "institutions": len(listed),
        **{name: sum(row[name] for row in listed) for name in SUMS},
        "rolled_claims": sum(row["rolled_claims"] for row in listed),
        "rolled": [rolled[month] for month in sorted(rolled)],
        **{kind: sums.get(kind, {}) for kind in BANDS},
        "overdue_institutions": sum(map(bool, late)),
        "overdue_working_days": max(late, default=0),
    }


def _rows(client: Client, area: str) -> Iterator[dict[str, Any]]:
    after: str | None = ""
    while after is not None:
        page = client.get(f"/v1/areas/{area}/ageing", after=after or None)
        for row in page["records"]:
            bands = {kind: {name: int(fen) for name, fen in row[kind].items()} for kind in BANDS}
            rolled = [each | {"amount_fen": int(each["amount_fen"])} for each in row["rolled"]]
            yield row | {name: int(row[name]) for name in SUMS} | bands | {"rolled": rolled}
        after = page["next"]
