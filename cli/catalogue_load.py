"""``yibao catalogue load``: a catalogue file becomes a version, whole or as a daily increment.

    yibao --key checker.key catalogue load items.csv --region 440000 --version 2025.2 \\
        --from 2025-06-01
    yibao --key checker.key catalogue load today.csv --region 440000 --version 2025.2-1 \\
        --from 2025-06-02 --delta-of 2025.2

Parts that the node has already are not sent again, so an interrupted load is simply started anew,
and tomorrow's whole file sends only the parts in which something changed. An increment sends one
part: the changes since the last whole catalogue.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cli.calls import show_receipt
from cli.catalogue_file import (
    DELTA,
    ITEMS,
    CatalogueFile,
    CatalogueFileError,
    merge_delta,
    part_digest,
    read_file,
    split,
)
from cli.client import CallSpec, Client
from cli.exits import Exit
from cli.output import Json, busy, err, fail, print_fields, print_json
from cli.session import open_client
from node.ledger.codec import decode

Step = Callable[[int, int], None]
"""Told after each part: how many are done, of how many."""


class NotTaken(Exception):  # noqa: N818  (what the ledger did with it)
    """The ledger refused a part or the version; holds the receipt."""

    def __init__(self, receipt: dict[str, Any]) -> None:
        super().__init__(str(receipt["code"]))
        self.receipt = receipt


@dataclass(frozen=True, slots=True)
class Target:
    """The version that is to be made."""

    region: str
    version: str
    effective_from: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of it."""

    hash: str
    """Of the version: settlements' receipts name it."""
    rows: int
    """Items of the version's parts; a delta's changes are not counted."""
    changed: int
    """Rows of the file."""
    parts: int
    sent: int
    """Parts that the node did not have."""
    seconds: float


def load(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV with a header, or one JSON object a line.")],
    region: Annotated[str, typer.Option(help="City, province or 000000 that publishes.")],
    version: Annotated[str, typer.Option(help="Name of the new version.")],
    effective_from: Annotated[str, typer.Option("--from", help="First service date, YYYY-MM-DD.")],
    delta_of: Annotated[
        str | None, typer.Option(help="The file holds changes of this version only.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Publish a catalogue version from a file of items. 发布目录"""
    target = Target(region, version, effective_from)
    try:
        with busy("reading the file", quiet=as_json):
            content = read_file(file)
        with open_client(context) as client, _progress(quiet=as_json) as step:
            if delta_of is None:
                loaded = load_whole(client, target, content, step)
            else:
                loaded = load_increment(client, target, content, delta_of, step)
    except OSError as error:
        fail(Exit.LOCAL, f"cannot read {file}: {error.strerror}")
    except CatalogueFileError as error:
        fail(Exit.USAGE, f"{file}: {error}")
    except NotTaken as error:
        if as_json:
            print_json({"receipt": error.receipt})
        else:
            show_receipt(error.receipt)
        raise typer.Exit(int(Exit.NO)) from None
    _show(target, loaded, as_json)


def load_whole(client: Client, target: Target, content: CatalogueFile, step: Step) -> Loaded:
    """Publish a whole catalogue. Raises ``CatalogueFileError``, ``NotTaken``."""
    if content.gone:
        raise CatalogueFileError(f"{content.gone[0]} is gone: only an increment can say so")
    started = time.monotonic()
    parts = split(content.rows)
    sent = _send(client, [(ITEMS, part) for part in parts], step)
    digests = [part_digest(ITEMS, part) for part in parts]
    answer = _publish(client, target, digests, None)
    return _loaded(answer, content, len(parts), sent, started)


def load_increment(
    client: Client, target: Target, content: CatalogueFile, base: str, step: Step
) -> Loaded:
    """Publish a version that differs from another one in the file's rows.

    Raises ``CatalogueFileError`` when there is no such version, ``NotTaken``.
    """
    started = time.monotonic()
    found = _state(client, f"catalogue-version/{target.region}/{base}")
    if found is None:
        raise CatalogueFileError(f"{target.region} has no version {base}")
    parts, before = found[1][3], found[1][5]
    known = [[], []] if before is None else _state(client, f"catalogue-part/{before.hex()}")
    assert known is not None, f"the delta of {base} is not kept"
    delta = merge_delta(known, content)
    sent = _send(client, [(DELTA, delta)], step)
    answer = _publish(client, target, parts, part_digest(DELTA, delta))
    return _loaded(answer, content, len(parts) + 1, sent, started)


def _send(client: Client, parts: Sequence[tuple[str, bytes]], step: Step) -> int:
    """Load the parts that the node does not have; answers how many these were."""
    sent = 0
    for number, (kind, part) in enumerate(parts, start=1):
        digest = part_digest(kind, part)
        if _state(client, f"catalogue-meta/{digest.hex()}") is None:
            args = {"kind": kind, "part": part}
            _call(client, CallSpec("catalogue", "load_part", args, digest.hex()))
            sent += 1
        step(number, len(parts))
    return sent


def _publish(
    client: Client, target: Target, parts: Sequence[bytes], delta: bytes | None
) -> dict[str, Any]:
    args = {
        "region": target.region,
        "version": target.version,
        "effective_from": target.effective_from,
        "parts": list(parts),
        "delta": delta,
    }
    spec = CallSpec("catalogue", "publish", args, f"{target.region}/{target.version}")
    return _call(client, spec)


def _call(client: Client, spec: CallSpec) -> dict[str, Any]:
    """The answer of a call. Raises ``NotTaken``."""
    receipt: dict[str, Any] = client.submit([spec])["receipts"][0]["receipt"]
    if receipt["status"] != "ok":
        raise NotTaken(receipt)
    answer: dict[str, Any] = receipt["answer"]
    return answer


def _state(client: Client, key: str) -> Any:
    """A state value, None where there is none."""
    answer = client.get("/v1/state", key=key)
    return decode(bytes.fromhex(answer["bytes"])) if answer["present"] else None


def _loaded(
    answer: dict[str, Any], content: CatalogueFile, parts: int, sent: int, started: float
) -> Loaded:
    changed = len(content.rows) + len(content.gone)
    seconds = round(time.monotonic() - started, 1)
    return Loaded(answer["hash"], answer["rows"], changed, parts, sent, seconds)


def _show(target: Target, loaded: Loaded, as_json: bool) -> None:
    fields: dict[str, object] = {
        "region": target.region,
        "version": target.version,
        "effective_from": target.effective_from,
        "hash": loaded.hash,
        "rows": loaded.rows,
        "rows_in_file": loaded.changed,
        "parts": loaded.parts,
        "parts_sent": loaded.sent,
        "seconds": loaded.seconds,
    }
    if as_json:
        print_json(fields)
    else:
        print_fields("Catalogue version 目录版本", fields)


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Step]:
    """A bar over the parts on standard error, where that is a terminal."""
    if quiet or not err.is_terminal:
        yield lambda _done, _total: None
        return
    columns = (TextColumn("parts"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("parts")
        yield lambda done, total: bar.update(task, completed=done, total=total)
