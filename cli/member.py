"""``yibao member``: run a member node, ask the running one what it has verified.

``run`` becomes the member node's own process: signals, exit codes and logs are those of
``python -m node.member`` (docs/member.md). The others ask it on loopback, at the address and with
the token that it keeps in its data folder.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn
from urllib.parse import quote

import httpx
import typer

from cli import member_account
from cli.bank_file import BankFileError, read_statement
from cli.exits import Exit
from cli.member_lists import KINDS, LISTS, NONE
from cli.output import (
    Json,
    fail,
    print_fields,
    print_json,
    print_settings,
    print_table,
    shown,
    time_of,
    yuan,
)
from node.config_file import ConfigError, describe
from node.member.config import SECTIONS, load

app = typer.Typer(no_args_is_help=True)

ConfigFile = Annotated[Path, typer.Argument(help="The member node's configuration, TOML.")]
TIMEOUT_S = 30.0


@app.command("run")
def run(config: ConfigFile) -> NoReturn:
    """Run a member node until it is told to stop; the same as python -m node.member CONFIG."""
    os.execv(sys.executable, [sys.executable, "-m", "node.member", str(config)])  # noqa: S606


@app.command("config")
def config_fields(as_json: Json = False) -> None:
    """List every setting of the configuration file with its default and what it means."""
    print_settings(describe(SECTIONS), as_json)


@app.command("status")
def status(config: ConfigFile, as_json: Json = False) -> None:
    """Its verified height, which nodes agree, lag or lie, and what waits.

    Exit 1 when no node agrees with what is verified. 状态
    """
    found = _ask(config, "/v1/status").json()
    if as_json:
        print_json(found)
    else:
        when = "—" if found["time_ms"] is None else time_of(found["time_ms"])
        shown_fields = {
            "height 高度": f"{found['height']}, epoch {found['epoch']}, {when}",
            "block": found["block"] or "—",
            "nodes that agree": f"{found['agree']} of {len(found['nodes'])}",
            "open orders 未回报指令": found["open_orders"],
            "open 未结": ", ".join(f"{n} {kind}" for kind, n in found["open"].items()) or "—",
            "in suspense 挂账": found["suspense"],
        }
        for name, code in found["statements_waiting"].items():
            shown_fields[f"waits: {name}"] = code
        print_fields(f"Member node 成员节点 {found['organisation']}", shown_fields)
        names = ("address", "state", "height", "behind_by", "lies", "code")
        print_table(
            "Nodes 节点", names, [[shown(n, row[n]) for n in names] for row in found["nodes"]]
        )
    if not found["agree"]:
        raise typer.Exit(int(Exit.NO))


@app.command("list")
def list_records(
    config: ConfigFile,
    what: Annotated[str, typer.Argument(help=f"One of {', '.join(LISTS)}.")],
    as_json: Json = False,
) -> None:
    """What it has verified, each thing with a proof. 清单

    months: expected and received by month, with the banks' references. owed: what an insurer's
    products paid, by month, institution and product.
    """
    if what not in LISTS:
        fail(Exit.USAGE, f"there is no list {what}", hint=f"one of {', '.join(LISTS)}")
    shown_as = LISTS[what]
    found = _listed(config, what)
    if as_json:
        print_json({"records": found})
        return
    names = [name for name, _ in shown_as.columns]
    print_table(f"Verified 已验证 {what}", names, shown_as.rows(found))


@app.command("month")
def month(
    config: ConfigFile,
    name: Annotated[str, typer.Argument(metavar="MONTH", help="For example 2025-06.")],
    as_json: Json = False,
) -> None:
    """One month of an institution: its rows, deductions, what is expected and was received. 对账

    From proved records alone. Exit 1 when the rows that are proved here are not the month's.
    """
    found = _ask(config, f"/v1/months/{quote(name, safe='')}", missing=name).json()
    if as_json:
        print_json(found)
    else:
        _show_month(found)
    if not found["rows_agree"]:
        raise typer.Exit(int(Exit.NO))


def _show_month(found: dict[str, Any]) -> None:
    """The month's sums, then rows, deductions and payments."""
    agree = "yes" if found["rows_agree"] else "no"
    fields = ("declared", "commercial", "aside", "deducted", "confirmed", "carried", "expected",
              "received", "open")  # fmt: skip
    told = {
        "state": found["state"],
        "rows proved here": f"{found['rows_proved']} of {found['settlements']}, agree: {agree}",
        **{f"{name} 元": NONE if found[f"{name}_fen"] is None else yuan(found[f"{name}_fen"])
           for name in fields},
        "pay by": found["pay_by"] or NONE,
    }  # fmt: skip
    print_fields(f"Month 月度 {found['name']}", told)
    print_table(
        "Rows 明细", ("settlement or refund", "bill 元", "funds 元", "accounts 元", "receipt"),
        [
            [row["settlement"], yuan(row["total_fen"]), yuan(row["funds_fen"]),
             yuan(row["accounts_fen"]), shown("receipt", row["receipt"])]
            for row in found["rows"]
        ],
    )  # fmt: skip
    for title, what, rows in (
        ("Deductions 扣款", "deductions", found["deductions"]),
        ("Payments 拨付", "payments", found["payments"]),
    ):  # fmt: skip
        columns = LISTS[what].columns
        print_table(title, [name for name, _ in columns], LISTS[what].rows(rows))


@app.command("account")
def account(
    config: ConfigFile,
    file: Annotated[
        Path, typer.Argument(help="The bank account's statement, .csv or .json (docs/books.md).")
    ],
    as_json: Json = False,
) -> None:
    """A bank account's statement against the payments that are proved here. 银行对账

    Lines by the banks' references and amounts; and what the ledger has of these days and the file
    has not. No node is needed. Exit 1 when they differ.
    """
    try:
        lines = read_statement(file)
    except OSError as error:
        fail(Exit.LOCAL, f"cannot read {file}: {error.strerror}")
    except BankFileError as problem:
        fail(Exit.LOCAL, str(problem))
    found = member_account.compare(lines, _listed(config, "notices"))
    if as_json:
        print_json(found)
    else:
        columns = ("reference", "direction", "amount_fen", "value_on", "payment", "notice")
        heads = [name.replace("_fen", " 元") for name in columns]
        print_table(
            "Statement 对账单", [*heads, "outcome", "ledger 元"],
            [[*(_cell(row, name) for name in columns), row["outcome"], _cell(row, "ledger_fen")]
             for row in found["lines"]],
        )  # fmt: skip
        print_table(
            "Only on the ledger 仅账本有", heads,
            [[_cell(row, name) for name in columns] for row in found["missing"]],
        )  # fmt: skip
    if not member_account.agrees(found):
        raise typer.Exit(int(Exit.NO))


def _cell(row: dict[str, Any], name: str) -> str:
    if row[name] is None:
        return NONE
    return yuan(row[name]) if name.endswith("_fen") else str(row[name])


@app.command("proof")
def proof(
    config: ConfigFile,
    kind: Annotated[str, typer.Argument(help=f"One of {', '.join(KINDS)}.")],
    name: Annotated[str, typer.Argument(help="Name of the record, as yibao member list has it.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where the evidence file goes.")],
    as_json: Json = False,
) -> None:
    """Save the evidence file of a record: yibao proof verify checks it with every node off. 证据"""
    if kind not in KINDS:
        fail(Exit.USAGE, f"there is no kind {kind}", hint=f"one of {', '.join(KINDS)}")
    answer = _ask(config, f"/v1/records/{kind}/{quote(name, safe='')}/evidence", missing=name)
    try:
        output.write_bytes(answer.content)
    except OSError as error:
        fail(Exit.LOCAL, f"cannot write {output}: {error.strerror}")
    if as_json:
        print_json({"file": str(output), "bytes": len(answer.content)})
    else:
        typer.echo(f"{output}: {len(answer.content):,} bytes")


def _listed(config: Path, what: str) -> list[dict[str, Any]]:
    """All records of a list."""
    asked = LISTS[what]
    found: list[dict[str, Any]] = []
    after: str | None = ""
    while after is not None:
        query = {"after": after} | ({} if asked.state is None else {"state": asked.state})
        page = _ask(config, f"/v1/{asked.path}", query).json()
        found += page["records"]
        after = page.get("next")
    return found


def _ask(
    config: Path, path: str, query: dict[str, str] | None = None, *, missing: str = ""
) -> httpx.Response:
    """An answer of the running member node; ends the command where there is none."""
    try:
        data_dir = load(config).member.data_dir
    except ConfigError as error:
        fail(Exit.LOCAL, str(error))
    try:
        place = json.loads((data_dir / "api.json").read_text(encoding="utf-8"))
        address, token = str(place["address"]), str(place["token"])
    except FileNotFoundError:
        fail(Exit.UNREACHABLE, "the member node does not run", hint=f"yibao member run {config}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        fail(Exit.LOCAL, f"cannot read {data_dir / 'api.json'}: {error}")
    headers = {"Authorization": f"Bearer {token}"}
    try:
        answer = httpx.get(address + path, params=query, headers=headers, timeout=TIMEOUT_S)
    except httpx.TransportError as error:
        fail(Exit.UNREACHABLE, f"the member node does not answer: {error}",
             hint=f"is it running? yibao member run {config}")  # fmt: skip
    if answer.status_code == httpx.codes.NOT_FOUND:
        fail(Exit.REFUSED, f"nothing is verified under the name {missing} [member.not-found]",
             hint="yibao member list shows the names")  # fmt: skip
    if answer.status_code != httpx.codes.OK:
        fail(Exit.REFUSED, "the member node declines: another one runs at its address",
             hint=f"start it again: yibao member run {config}")  # fmt: skip
    return answer
