"""One command for each method of each system contract, made from the contracts' own declarations.

    yibao claim settle --describe          what the arguments and attachments look like
    yibao claim settle settle.json         sign, hand in, wait, show the receipt
    yibao claim settle settle.json --dry-run   what would become of it; nothing is written
    yibao claim estimate settle.json       the same for a settlement, also before it is complete

The file holds ``{"args": {...}, "attachments": {"lines": {...}}}``; bytes are hexadecimal text.
``{"file": "NAME"}`` in the place of a text, a record or a list stands for what that file holds.
A new method of a contract is a new command without a line here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.case_file import CaseFileError, read_document
from cli.client import CallSpec, compared_text
from cli.exits import Exit
from cli.output import Json, fail, out, print_fields, print_json, print_record, print_table, yuan
from cli.session import open_client
from contracts.api import Contract, Method
from node.ledger.codec import encode
from node.ledger.crypto import H
from node.ledger.errors import CodecError

ESTIMATE = "estimate"
"""A method that keeps nothing: it is asked for, never handed in as a transaction."""


CALL_OPTIONS = ("file", "describe", "no_wait", "dry_run", "as_json")
"""Arguments and options of every such command, for the reference."""


class CallFileError(Exception):
    """A call's file does not fit the method; the message names the place."""


@cache
def contracts() -> Mapping[str, Contract]:
    """The system contracts by name."""
    from contracts.settlement import CONTRACTS  # here: whoever only shows a receipt needs none

    return {contract.name: contract for contract in CONTRACTS}


def mount(group: typer.Typer, names: tuple[str, ...]) -> None:
    """Add a command for every method of the named contracts to a group."""
    for name in names:
        # By name: the order of declaration is the order of imports, which nobody should see.
        for _, method in sorted(contracts()[name].methods.items()):
            group.command(spoken(method), help=_help(method))(_command(method))


def spoken(method: Method) -> str:
    """The method's name as a command."""
    return method.name.replace("_", "-")


def _help(method: Method) -> str:
    who = []
    if method.kinds:
        who.append("by " + ", ".join(sorted(method.kinds)))
    if method.posts:
        who.append("post " + ", ".join(sorted(method.posts)))
    summary = method.summary.replace("``", "`")
    return summary + (f" ({'; '.join(who)})" if who else "")


def _command(method: Method) -> Callable[..., None]:
    def command(
        context: typer.Context,
        file: Annotated[
            Path | None, typer.Argument(help="JSON file with args and attachments; - reads input.")
        ] = None,
        describe: Annotated[
            bool, typer.Option("--describe", help="Show what the file holds, and end.")
        ] = False,
        no_wait: Annotated[
            bool, typer.Option("--no-wait", help="Hand in and end; do not wait for the block.")
        ] = False,
        dry_run: Annotated[
            bool, typer.Option("--dry-run", help="Ask what would become of it; write nothing.")
        ] = False,
        as_json: Json = False,
    ) -> None:
        if describe:
            describe_call(method, as_json)
            return
        if file is None:
            fail(Exit.USAGE, "a JSON file is needed", hint="--describe shows what it holds")
        spec = read_call(method, file)
        if dry_run or method.name == ESTIMATE:
            with open_client(context) as client:
                show_estimate(client.estimate(spec), as_json)
            return
        with open_client(context) as client:
            answer = client.submit([spec], wait=not no_wait)
        show_submission(answer, as_json)

    return command


def read_call(method: Method, file: Path) -> CallSpec:
    """Read a call from a file; ends the command where it does not fit the declaration."""
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
        document = read_document(text)
    except OSError as error:
        fail(Exit.LOCAL, f"cannot read {file}: {error.strerror}")
    except UnicodeDecodeError as error:
        fail(Exit.USAGE, f"{file} is not UTF-8: byte {error.start}", hint="save it as UTF-8")
    except CaseFileError as error:
        place = f":{error.place}" if error.place else ""
        fail(Exit.USAGE, f"{file}{place}: {error}", hint="--describe shows what the file holds")
    try:
        return call_of(method, document, Path() if str(file) == "-" else file.parent)
    except CallFileError as error:
        fail(Exit.USAGE, f"{file}: {error}", hint="--describe shows what the file holds")


def call_of(method: Method, document: Any, folder: Path = Path()) -> CallSpec:
    """A call from its JSON document; files that it names are in ``folder``.

    Raises ``CallFileError``.
    """
    if not isinstance(document, dict) or set(document) - {"args", "attachments"}:
        raise CallFileError('the file holds {"args": {...}, "attachments": {...}}')
    told = method.describe()
    shape = {"type": "record", "fields": told["args"]}
    for part in ("args", "attachments"):
        if not isinstance(document.get(part, {}), dict):
            raise CallFileError(f"{part} is an object: {{...}}")
    args = from_json(document.get("args", {}), shape, "args", folder)
    attachments = []
    for audience, content in document.get("attachments", {}).items():
        rule = told["attachments"].get(audience)
        if rule is None:
            raise CallFileError(f"{method.name} takes no attachment {audience}")
        attachments.append((audience, from_json(content, rule["shape"], audience, folder)))
        _canonical(attachments[-1][1], audience)
    # The same arguments are the same call: a retry repeats its blinds and so its commitments.
    named = _canonical([method.contract, method.name, args], "args")
    client_id = H("yibao/client-call/v1", named).hex()
    return CallSpec(method.contract, method.name, args, client_id, tuple(attachments))


def _canonical(value: Any, place: str) -> bytes:
    """The value's canonical bytes. Raises ``CallFileError`` where it has none."""
    try:
        return encode(value)
    except CodecError as error:
        raise CallFileError(
            f"{place}: {error}; a value is text, a whole number below 2^63, true, false, null, a "
            "list or an object"
        ) from None


def from_json(value: Any, shape: Mapping[str, Any], place: str, folder: Path = Path()) -> Any:
    """A JSON value as the shape means it: hexadecimal text becomes bytes, a named file what it has.

    Only the form is changed here; the contract checks the value. Raises ``CallFileError``.
    """
    kind = shape["type"]
    value = _included(value, shape, place, folder)
    if kind == "bytes" and isinstance(value, str):
        try:
            return bytes.fromhex(value)
        except ValueError:
            raise CallFileError(f"{place} is not hexadecimal text") from None
    if kind == "record" and isinstance(value, dict):
        fields = shape["fields"]
        return {
            name: from_json(item, fields[name], f"{place}.{name}", folder)
            if name in fields
            else item
            for name, item in value.items()
        }
    if kind == "array" and isinstance(value, dict):
        return _row(value, shape, place, folder)
    if kind == "list" and isinstance(value, list):
        return [
            from_json(item, shape["of"], f"{place}[{i}]", folder) for i, item in enumerate(value)
        ]
    if kind == "map" and isinstance(value, dict):
        return {
            name: from_json(item, shape["of"], f"{place}.{name}", folder)
            for name, item in value.items()
        }
    if isinstance(value, float):
        raise CallFileError(
            f"{place}: {value} is a fraction; amounts are whole fen: 1300.50 yuan is 130050"
        )
    return value


def _included(value: Any, shape: Mapping[str, Any], place: str, folder: Path) -> Any:
    """What a file holds, where the value names one: its text, or the value of its JSON.

    Only where ``{"file": NAME}`` cannot mean itself: a record with a field of that name and a map
    of any names stay as they are.
    """
    if not isinstance(value, dict) or set(value) != {"file"} or not isinstance(value["file"], str):
        return value
    kind = shape["type"]
    if kind not in ("text", "record", "array", "list") or "file" in shape.get("fields", ()):
        return value
    path = folder / value["file"]
    try:
        text = path.read_text(encoding="utf-8-sig")
        return text if kind == "text" else read_document(text)
    except OSError as error:
        raise CallFileError(f"{place}: cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise CallFileError(f"{place}: {path} is not JSON in UTF-8: {error}") from None


def _row(value: Mapping[str, Any], shape: Mapping[str, Any], place: str, folder: Path) -> list[Any]:
    """A row that was written as an object: its values in the order of the fields."""
    fields = shape["fields"]
    # A shape says which of its last fields a row may end without.
    fields = {
        name: inner
        for name, inner in fields.items()
        if name in value or name not in shape.get("may_end_without", ())
    }
    if unknown := sorted(set(value) - set(shape["fields"])):
        raise CallFileError(f"{place} has no {unknown[0]}; it has {', '.join(shape['fields'])}")
    if missing := [name for name in fields if name not in value]:
        raise CallFileError(f"{place} lacks {missing[0]}; it has {', '.join(fields)}")
    return [from_json(value[name], fields[name], f"{place}.{name}", folder) for name in fields]


def show_submission(answer: Mapping[str, Any], as_json: bool) -> None:
    """Print what became of a transaction; ends with code 1 when a receipt is rejected."""
    receipts = [item["receipt"] for item in answer.get("receipts", ())]
    if as_json:
        print_json(answer)
    elif not receipts:
        print_fields(
            "Handed in 已提交", {"transaction": answer["tx_id"], "status": answer["status"]}
        )
    for receipt in receipts if not as_json else ():
        show_receipt(receipt)
    if any(receipt["status"] != "ok" for receipt in receipts):
        raise typer.Exit(int(Exit.NO))


def show_estimate(answer: Mapping[str, Any], as_json: bool) -> None:
    """Print what a call would come to; ends with code 1 when it would be rejected."""
    receipt = answer["receipt"]
    if as_json:
        print_json(answer)
    else:
        show_receipt(receipt, f"Estimate 测算, as of height {answer['height']}; nothing is written")
    if receipt["status"] != "ok":
        raise typer.Exit(int(Exit.NO))


def show_receipt(receipt: Mapping[str, Any], title: str = "Receipt 回执") -> None:
    """A receipt for people: outcome, answer, amounts, postings."""
    head: dict[str, object] = {}
    if receipt["tx_id"].strip("0"):  # an estimate is no transaction
        head = {"transaction": receipt["tx_id"], "call": receipt["call_index"]}
    head["status"] = receipt["status"]
    if receipt["status"] != "ok":
        head["code"] = receipt["code"]
        head["compared"] = compared_text(receipt["values"])
        if reason := receipt.get("reason"):
            head["reason"] = f"{reason['english']} {reason['chinese']}"
            head["next"] = f"{reason['next']} {reason['next_zh']}"
    print_record(title, head | dict(receipt["answer"]) | dict(receipt["amounts"]))
    if receipt["postings"]:
        print_table(
            "Postings 分录",
            ("account", "fund", "yuan"),
            [
                (p["account"], p["fund_type"], yuan(int(p["amount_fen"])))
                for p in receipt["postings"]
            ],
        )


def describe_call(method: Method, as_json: bool) -> None:
    """Print what a method takes."""
    told = method.describe()
    if as_json:
        print_json(told)
        return
    out.print(f"[bold]{method.contract}.{method.name}[/]  {_help(method)}")
    print_table("args", ("name", "what"), _rows(told["args"]))
    for audience, rule in told["attachments"].items():
        needed = "required" if rule["required"] else "optional"
        shape = rule["shape"]
        rows = _rows(shape["fields"]) if shape["type"] == "record" else [("", _sentence(shape))]
        print_table(f"attachment {audience} ({needed})", ("name", "what"), rows)


def _rows(fields: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, shape in fields.items():
        rows.append((prefix + name, _sentence(shape)))
        inner, mark = shape, ""
        while inner["type"] in ("list", "map"):
            inner, mark = inner["of"], mark + ("[]" if inner["type"] == "list" else ".*")
        if inner["type"] in ("record", "array"):
            rows += _rows(inner["fields"], f"{prefix}{name}{mark}.")
    return rows


def _sentence(shape: Mapping[str, Any]) -> str:
    kind: str = shape["type"]
    words = kind
    if kind == "one of":
        words = "one of " + ", ".join(map(str, shape["values"]))
    elif kind in ("int", "text", "bytes", "list"):
        words = f"{kind} {shape['min']} to {shape['max']}"
        words += f" {shape['unit']}" if shape.get("unit") else ""
        words += ", in hexadecimal" if kind == "bytes" else ""
    if shape.get("optional"):
        words += f" (optional, default {json.dumps(shape.get('default'))})"
    return words
