"""``yibao claim compare``: settlements side by side, line of calculation by line of calculation.

The same bill filed, filed late, not filed, as an emergency; a settlement and the one that took its
place: what decided differently, and in which step the money parts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import typer

from cli.exits import Exit
from cli.output import Json, fail, print_json, print_table, yuan
from cli.session import open_client
from contracts.settlement.benefits_text import formula, step_words
from contracts.settlement.terms import FUNDS

Claims = Annotated[
    list[str], typer.Argument(metavar="CLAIM...", help="Two or more settled claims.")
]
CLAIMS_MAX = 6
SUMS = ("total", "own_expense", "over_ceiling", "first_pay", "in_scope")
Row = tuple[str, ...]


def compare(context: typer.Context, claims: Claims, as_json: Json = False) -> None:
    """Settlements side by side: filing, policy, every sum, every payer, every step. 对比"""
    if not 2 <= len(claims) <= CLAIMS_MAX:
        fail(Exit.USAGE, f"{len(claims)} claims", hint=f"name 2 to {CLAIMS_MAX} of them")
    with open_client(context) as client:
        told = [client.get(f"/v1/claims/{claim}/explanation")["explanation"] for claim in claims]
    rows = rows_of(told)
    if as_json:
        columns = [dict(zip(("what", *claims), row, strict=True)) for row in rows]
        print_json({"claims": claims, "rows": columns})
    else:
        print_table("Settlements 结算对比", ("", *claims), rows)


def rows_of(told: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Title and one cell for each explanation; amounts in yuan."""

    def row(title: str, cell: Callable[[Any], str]) -> Row:
        return (title, *(cell(one) for one in told))

    funds = dict.fromkeys(p["fund"] for one in told for p in one["payments"])
    steps = range(max(len(one["steps"]) for one in told))
    return [
        row("admission – discharge", lambda one: _days(one["visit"])),
        row("filing 备案", lambda one: _filing(one["filing"])),
        row("policy 政策", lambda one: _policy(one["versions"]["policy"])),
        row("catalogue 目录", lambda one: _catalogue(one["versions"]["catalogue"])),
        *(row(f"{name} 元", _amount("sums", name)) for name in SUMS),
        *(row(f"{fund} {FUNDS[fund].chinese} 元", _paid(fund)) for fund in funds),
        *(row(f"{name} 元", _amount("own", name)) for name in ("person", "account", "cash")),
        *(row(f"step {number + 1}", _step(number)) for number in steps),
    ]


def _days(visit: Mapping[str, Any]) -> str:
    return f"{visit['admission']} – {visit['discharge']}"


def _filing(filing: Mapping[str, Any]) -> str:
    if filing["reason"]:
        return str(filing["reason"])
    named = f" {filing['id']}/{filing['version']}" if filing["id"] else ""
    return f"{filing['type']}{named}" + ("" if filing["in_time"] else ", late")


def _policy(version: Mapping[str, Any]) -> str:
    number, start = version["number"], version["effective_from"]
    return f"{version['area']}/{version['scheme']} no. {number} from {start}"


def _catalogue(versions: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(f"{one['region']} {one['version']}" for one in versions)


def _amount(group: str, name: str) -> Callable[[Any], str]:
    return lambda one: yuan(one[group][f"{name}_fen"])


def _paid(fund: str) -> Callable[[Any], str]:
    return lambda one: yuan(sum(p["amount_fen"] for p in one["payments"] if p["fund"] == fund))


def _step(number: int) -> Callable[[Any], str]:
    def cell(one: Any) -> str:
        if number >= len(one["steps"]):
            return ""
        step = one["steps"][number]
        return f"{step_words(step['code'])[0]}: {formula(step)}"

    return cell
