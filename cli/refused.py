"""``yibao audit refused``: what audits took off an institution's bills, by department and by line.

A line's department is what the institution wrote on it; lines without one stand together. The
lines come to what was refused, or the difference is shown: of a decision that upheld less than was
noticed and did not say of which lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import typer

from cli.client import Client
from cli.output import Json, print_json, print_table, yuan
from cli.session import open_client

NO_DEPARTMENT = ""
"""Key of the lines that name no department."""


def refused(
    context: typer.Context,
    institution: Annotated[
        str, typer.Argument(metavar="INSTITUTION", help="For example hospital:H44010000123.")
    ],
    first: Annotated[str, typer.Option("--from", help="First declared month, 2025-01.")],
    last: Annotated[str, typer.Option("--to", help="Last declared month, 2025-12.")],
    as_json: Json = False,
) -> None:
    """What audits refused of an institution's lines, by department and line. 扣款按科室"""
    with open_client(context) as client:
        records = list(_records(client, institution, first, last))
    told = summed(records)
    if as_json:
        print_json({"institution": institution, "from": first, "to": last, **told})
        return
    print_table(
        f"Refused by department 按科室扣款 {institution}, {first} to {last}",
        ("department 科室", "lines", "noticed 元", "refused 元"),
        [
            (row["department"] or "not told 未填", row["lines"], yuan(row["noticed_fen"]),
             yuan(row["refused_fen"]))
            for row in told["by_department"]
        ],
        footer=f"refused in all 扣款合计: {yuan(told['refused_fen'])}, of it not told by line: "
        f"{yuan(told['not_by_line_fen'])}; waiting 待定: {yuan(told['waiting_fen'])}",
    )  # fmt: skip
    print_table(
        "Lines 明细",
        ("deduction", "claim", "line", "department", "reason", "refused 元"),
        [
            (record["deduction"], record["claim"], line["line"], line["department"] or "",
             line["reason"],
             record["stage"] if line["refused_fen"] is None else yuan(line["refused_fen"]))
            for record in records
            for line in record["lines"]
        ],
    )  # fmt: skip


def summed(records: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The records with their sums: in all, by department and by reason; amounts in fen."""
    listed = list(records)
    departments: dict[str, dict[str, int]] = {}
    reasons: dict[str, dict[str, int]] = {}
    for record in listed:
        for line in record["lines"]:
            for table, name in (
                (departments, line["department"] or NO_DEPARTMENT), (reasons, line["reason"])
            ):  # fmt: skip
                row = table.setdefault(name, {"lines": 0, "noticed_fen": 0, "refused_fen": 0})
                row["lines"] += 1
                row["noticed_fen"] += line["noticed_fen"]
                row["refused_fen"] += line["refused_fen"] or 0
    return {
        "refused_fen": sum(record["refused_fen"] for record in listed),
        "not_by_line_fen": sum(record["not_by_line_fen"] for record in listed),
        "waiting_fen": sum(
            record["noticed_fen"] for record in listed if record["stage"] != "decided"
        ),
        "by_department": _rows(departments, "department"),
        "by_reason": _rows(reasons, "reason"),
        "deductions": listed,
    }


def _rows(table: dict[str, dict[str, int]], name: str) -> list[dict[str, Any]]:
    """Most refused first."""
    ordered = sorted(table.items(), key=lambda item: (-item[1]["refused_fen"], item[0]))
    return [{name: key or None, **row} for key, row in ordered]


def _records(client: Client, institution: str, first: str, last: str) -> Iterator[dict[str, Any]]:
    after: str | None = ""
    while after is not None:
        page = client.get(
            f"/v1/institutions/{institution}/refused", first=first, last=last, after=after or None
        )
        for record in page["records"]:
            fen = ("noticed_fen", "refused_fen", "not_by_line_fen")
            yield (
                record
                | {name: int(record[name]) for name in fen}
                | {"lines": [_line(line) for line in record["lines"]]}
            )
        after = page["next"]


def _line(line: dict[str, Any]) -> dict[str, Any]:
    given = {name: int(line[name]) for name in ("line_fen", "noticed_fen")}
    told = line["refused_fen"]
    return line | given | {"refused_fen": None if told is None else int(told)}
