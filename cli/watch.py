"""``yibao watch``: the ledger as it happens, one line for each receipt and each block.

The node's event stream is resumable: each event's id is its place in the chain, ``height:index``.
A stream that ends (a node closes each after an hour, or restarts) is opened again behind the last
id, so nothing is lost and nothing comes twice. With ``--cursor FILE`` the last id is kept in a
file, and the next run goes on where this one stopped.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.client import Client, Refused, Unreachable
from cli.exits import Exit
from cli.output import err, escape, fail, out, print_json_line, shown, time_of
from cli.session import explained, open_client

ROUTE = "/v1/stream"
PAUSES_S = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Waits before the stream is opened again after the node was silent; the last one repeats."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the stream."""

    id: str
    """Place in the chain, ``height:index``."""
    kind: str
    """``receipt`` or ``block``."""
    data: dict[str, Any]


def events_of(lines: Iterable[str]) -> Iterator[Event]:
    """Events from the lines of a server-sent event stream; comments keep it open and are dropped.

    An event that a broken connection cut off has no closing empty line and is not given.
    """
    fields: dict[str, str] = {}
    for line in lines:
        if not line:
            if {"id", "event", "data"} <= fields.keys():
                yield Event(fields["id"], fields["event"], json.loads(fields["data"]))
            fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")


def follow(client: Client, after: str | None, topic: str | None) -> Iterator[Event]:
    """Events behind a cursor, without end; reconnects behind the last one.

    Raises ``Unreachable`` or ``Refused`` when the first request meets it; later silence is waited
    out, and so is a node that is busy or starting (429, 503).
    """
    met = False
    failures = 0
    while True:
        try:
            for event in events_of(client.stream(ROUTE, after=after, topic=topic)):
                met, failures = True, 0
                after = event.id
                yield event
            met = True
        except (Unreachable, Refused) as silence:
            if not met or (isinstance(silence, Refused) and silence.status not in (429, 503)):
                raise
            pause_s = PAUSES_S[min(failures, len(PAUSES_S) - 1)]
            failures += 1
            err.print(escape(f"{silence}; asking again in {pause_s:.0f} s"))
            time.sleep(pause_s)


def watch(
    context: typer.Context,
    after: Annotated[
        str | None, typer.Option(help="Go on behind this place, height:index; else from now on.")
    ] = None,
    topic: Annotated[
        str | None,
        typer.Option(help="Only receipts with this event, for example claim.settled; no blocks."),
    ] = None,
    cursor: Annotated[
        Path | None, typer.Option(help="File that keeps the last place; the next run goes on.")
    ] = None,
    count: Annotated[
        int | None, typer.Option(min=1, help="End after this many events; else with Ctrl-C.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document on a line for each event.")
    ] = False,
) -> None:
    """Follow the ledger: receipts that concern you, and blocks, as they happen. 实时查看"""
    if cursor is not None and after is None:
        after = _read_cursor(cursor)
    with open_client(context) as client, explained():
        shown_count = 0
        for event in follow(client, after, topic):
            if topic is None or event.kind == "receipt":
                _print(event, as_json)
                shown_count += 1
            if cursor is not None:
                _write_cursor(cursor, event.id)
            if shown_count == count:
                return


def _print(event: Event, as_json: bool) -> None:
    if as_json:
        print_json_line({"id": event.id, "event": event.kind, "data": event.data})
    else:
        out.print(escape(line_of(event)))
    out.file.flush()


def line_of(event: Event) -> str:
    """An event on one line for people."""
    data = event.data
    if event.kind == "block":
        return (
            f"{event.id:>10}  block  {time_of(data['time_ms'])}  {data['proposer']}  "
            f"{data['tx_count']} transactions, {data['receipts_count']} receipts  "
            f"{data['hash'][:16]}"
        )
    told = [", ".join(event["topic"] for event in data["events"]) or data["code"]]
    told += [
        f"{name.removesuffix('_fen')} {shown(name, value)}"
        for name, value in (data["answer"] | data["amounts"]).items()
        if name in SHORT
    ]
    return f"{event.id:>10}  {data['status']:<8}  {'  '.join(told)}"


SHORT = ("claim", "person", "filing", "transfer", "organisation", "total_fen", "funds_fen")
"""Fields of a receipt that fit its line; the whole receipt is in ``yibao tx show``."""


def _read_cursor(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        fail(Exit.LOCAL, f"cannot read {path}: {error}")


def _write_cursor(path: Path, place: str) -> None:
    """The file holds either the place before or this one, whenever the command is ended."""
    temporary = path.with_name(path.name + ".new")
    try:
        temporary.write_text(place + "\n", encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        fail(Exit.LOCAL, f"cannot write {path}: {error.strerror}")
