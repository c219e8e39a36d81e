"""``yibao evidence`` and ``yibao debug``: what a node found out about others and about itself."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli.calls import show_submission
from cli.client import CallSpec
from cli.exits import Exit
from cli.output import Json, fail, out, print_fields, print_json, print_record, print_table
from cli.session import open_client

evidence = typer.Typer(no_args_is_help=True)
debug = typer.Typer(no_args_is_help=True)

File = Annotated[str, typer.Argument(help="Name as `yibao evidence list` prints it.")]


@evidence.command("list")
def evidence_list(context: typer.Context, as_json: Json = False) -> None:
    """The proofs that the node holds, each in one sentence (post operator)."""
    with open_client(context) as client:
        found = client.get("/v1/accusations")["accusations"]
    if as_json:
        print_json({"accusations": found})
        return
    if not found:
        out.print("nobody was caught lying")
        return
    print_table(
        "Evidence 证据", ("file", "what"), [(one["file"], one["sentence"]) for one in found]
    )


@evidence.command("show")
def evidence_show(context: typer.Context, file: File, as_json: Json = False) -> None:
    """One proof, whole: kind, place, the accused, and the bytes that prove it (post operator)."""
    with open_client(context) as client:
        one = _find(client.get("/v1/accusations")["accusations"], file)
    if as_json:
        print_json(one)
        return
    print_fields(
        f"Evidence 证据 {file}",
        {
            "what": one["sentence"], "kind": one["kind"], "epoch": one["epoch"],
            "view": one["view"], "height": one["slot_height"] or "-",
            "accused": ", ".join(one["culprits"]) or "nobody is named",
            "bytes": one["evidence"],
        },
    )  # fmt: skip


@evidence.command("report")
def evidence_report(context: typer.Context, file: File, as_json: Json = False) -> None:
    """Put a proof on the ledger, where everybody checks it (post operator).

    Nothing else follows by itself: whether the accused stays is voted on (yibao validator remove).
    """
    with open_client(context) as client:
        one = _find(client.get("/v1/accusations")["accusations"], file)
        args = {"evidence": bytes.fromhex(one["evidence"])}
        answer = client.submit([CallSpec("accusation", "report", args, f"accusation/{file}")])
    show_submission(answer, as_json)


@debug.command("divergence")
def divergence(
    context: typer.Context,
    height: Annotated[int | None, typer.Option(help="Of this height only.")] = None,
    as_json: Json = False,
) -> None:
    """Blocks that executed to something else here: the first transaction, call and key that
    differ; exit code 1 when there are any (post operator)."""
    with open_client(context) as client:
        found = client.get("/v1/divergences")["divergences"]
    rows = [one for one in found if height is None or one["height"] == height]
    if as_json:
        print_json({"divergences": rows})
    elif not rows:
        out.print("every block came to the same here as its header says")
    for one in rows if not as_json else ():
        print_record(f"Divergence 结果不一致, height {one['height']}", one)
    if rows:
        raise typer.Exit(int(Exit.NO))


def _find(found: list[dict[str, Any]], file: str) -> dict[str, Any]:
    named = [one for one in found if one["file"] == file]
    if not named:
        fail(Exit.NO, f"the node holds no evidence {file}", hint="yibao evidence list")
    return named[0]
