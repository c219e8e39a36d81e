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

from cli.exits import Exit
from cli.output import Json, fail, print_fields, print_json, print_table, shown, time_of, yuan
from node.config import ConfigError, describe
from node.member.config import SECTIONS, load

app = typer.Typer(
    no_args_is_help=True, help="A bank's or hospital's node that trusts no other. 成员节点"
)

ConfigFile = Annotated[Path, typer.Argument(help="The member node's configuration, TOML.")]
LISTS = {
    "orders": ("order", None),
    "notices": ("notice", None),
    "lines": ("line", None),
    "suspense": ("line", "suspense"),
    "settlements": ("settlement", None),
}
"""Names of lists, with the kind of their records and the state that is shown."""
KINDS = ("order", "notice", "line", "settlement")
TIMEOUT_S = 30.0


@app.command("run")
def run(config: ConfigFile) -> NoReturn:
    """Run a member node until it is told to stop; the same as python -m node.member CONFIG."""
    os.execv(sys.executable, [sys.executable, "-m", "node.member", str(config)])  # noqa: S606


@app.command("config")
def config_fields(as_json: Json = False) -> None:
    """List every setting of the configuration file with its default and what it means."""
    rows = describe(SECTIONS)
    if as_json:
        print_json([dict(zip(("field", "type", "default", "says"), row, strict=True))
                    for row in rows])  # fmt: skip
        return
    print_table("Configuration 配置", ("field", "type", "default", "what"), rows)


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
    """What it has verified: orders, notices, lines of statements, suspense, settlements. 清单"""
    if what not in LISTS:
        fail(Exit.USAGE, f"there is no list {what}", hint=f"one of {', '.join(LISTS)}")
    kind, state = LISTS[what]
    found: list[dict[str, Any]] = []
    after: str | None = ""
    while after is not None:
        query = {"after": after} | ({} if state is None else {"state": state})
        page = _ask(config, f"/v1/records/{kind}", query).json()
        found += page["records"]
        after = page["next"]
    if as_json:
        print_json({"records": found})
        return
    print_table(
        f"Verified 已验证 {what}",
        ("name", "state", "amount 元", "height", "reference, cause, notice or account"),
        [
            (row["name"], row["state"], _amount(row), row["height"], _note(row))
            for row in found
        ],
    )  # fmt: skip


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


def _amount(row: dict[str, Any]) -> str:
    if row["kind"] == "line":
        return yuan(row["told"]["amount_fen"])
    fen = row["amounts"]["total_fen"] if row["kind"] == "settlement" else row["amount_fen"]
    return yuan(int(fen))


def _note(row: dict[str, Any]) -> str:
    if row["kind"] == "order":
        return str(row["reference"] or row.get("notice") or row["account"])
    if row["kind"] == "line":
        return str(row["how"] or row["cause"] or row["order"])
    return str(row.get("payee") or row.get("tx_id", "")[:16])
