"""How commands print: tables for people, one JSON document for programs, errors with what to do.

Amounts are shown in yuan with two decimals and thousands separators; JSON keeps fen. What takes
longer than a second shows on standard error that it is going on.
"""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, NoReturn

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape as _escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from cli.exits import Exit

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")]

NOTHING = "—"
"""Shown for what there is none of."""
HEXADECIMAL = re.compile("[0-9a-f]{40,}")
COLUMNS_MAX = 6
"""Of a table; wider rows are shown one below the other."""
BORDER_WIDTH = 1
FOLDED_WIDTH = 6
"""To which a column is narrowed whose cells may be folded."""
READ_WIDTH = 10
"""The same in a table that is wider than the screen all the same: a date stays in one piece."""
INSTANT_MS_MIN = 10**11
"""Of a field in milliseconds: from here on it is a time of day (of 1973), below a duration."""
DIGITS_SHOWN = 16
"""Of a digest in a table; ``--json`` has all."""

CONTROLS = {sign: f"\\x{sign:02x}" for sign in (*range(0x20), *range(0x7F, 0xA0)) if sign != 0x0A}
"""Characters that would steer a terminal, written out; a line feed stays."""


def escape(text: str) -> str:
    """Text from files and ledgers as it is: never markup, never a command to the terminal."""
    return _escape(text.translate(CONTROLS))


for _stream in (sys.stdout, sys.stderr):
    # A terminal in GBK lacks some of our signs: a backslash is better than a traceback.
    if isinstance(_stream, io.TextIOWrapper) and _stream.errors == "strict":
        _stream.reconfigure(errors="backslashreplace")

out = Console(highlight=False, soft_wrap=True, emoji=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)


def yuan(amount_fen: int) -> str:
    """Fen as yuan with two decimals: 123456 -> ``1,234.56``, -5 -> ``-0.05``."""
    sign = "-" if amount_fen < 0 else ""
    whole, fen = divmod(abs(amount_fen), 100)
    return f"{sign}{whole:,}.{fen:02d}"


def decimal(value: int, places: int, *, least: int = 0) -> str:
    """``value`` / 10^``places`` exactly, with ``least`` decimals: 1250000, 6, 2 -> ``1.25``."""
    whole, rest = divmod(value, 10**places)
    decimals = f"{rest:0{places}d}".rstrip("0").ljust(least, "0")
    return f"{whole:,}.{decimals}" if decimals else f"{whole:,}"


def time_of(time_ms: int) -> str:
    """A ledger time as people of the country read it: UTC+8, to the second."""
    china = datetime.fromtimestamp(time_ms // 1000, UTC) + timedelta(hours=8)
    return china.strftime("%Y-%m-%d %H:%M:%S")


def plain(value: Any) -> Any:
    """The value with bytes as hexadecimal text, fit for JSON."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return value


def print_json(document: Any) -> None:
    """One JSON document on standard output, keys in the order they were given."""
    sys.stdout.write(json.dumps(plain(document), ensure_ascii=False, indent=2) + "\n")


def print_json_line(document: Any) -> None:
    """One JSON document on one line: what ends a long run."""
    sys.stdout.write(json.dumps(plain(document), ensure_ascii=False) + "\n")


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, footer: str = ""
) -> None:
    """A table for people; a column whose name ends in 元 is an amount and stands to the right.
    Without rows it is a line that says so."""
    rows = list(rows)
    if not rows:
        out.print(escape(f"{title}: none 无\n{footer}".strip(": \n")))
        return
    table = Table(title=title, title_justify="left", caption=footer or None, caption_justify="left")
    cells = [[escape(str(cell)) for cell in row] for row in rows]
    needed = read = BORDER_WIDTH
    for place, column in enumerate(columns):
        amount = column.endswith(("元", "yuan"))
        table.add_column(
            column, justify="right" if amount else "left", overflow="fold", no_wrap=amount
        )
        widest = max(cell_len(text) for text in (column, *(row[place] for row in cells)))
        word = max(READ_WIDTH, *map(cell_len, column.split()), 0)
        needed += BORDER_WIDTH + 2 + (widest if amount else min(widest, FOLDED_WIDTH))
        read += BORDER_WIDTH + 2 + (widest if amount else min(widest, word))
    for row in cells:
        table.add_row(*row)
    if needed > out.width:
        # The screen may break its lines; made to fit, the table would cut digits off amounts.
        table.width = read
    out.print(table, crop=False)


def print_settings(rows: Sequence[Sequence[str]], as_json: bool) -> None:
    """Settings of a configuration file, as ``node.config_file.describe`` has them."""
    if as_json:
        names = ("field", "type", "default", "says")
        print_json([dict(zip(names, row, strict=True)) for row in rows])
    else:
        print_table("Configuration 配置", ("field", "type", "default", "what"), rows)


def print_fields(title: str, fields: Mapping[str, object]) -> None:
    """One thing as lines ``name  value``; an amount that is shown in yuan is not called fen."""
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column(style="bold", overflow="fold")
    table.add_column(overflow="fold")
    for name, value in fields.items():
        text = str(value)
        label = name.removesuffix("_fen") if text.endswith((" 元", NOTHING)) else name
        if label != name and label in fields:  # settlements set aside, and what they come to
            label = f"{label} 元"
        table.add_row(escape(label), escape(text))
    out.print(table)


def shown(name: str, value: Any) -> str:
    """A value for people, by the name of its field: yuan, local time, short JSON for structures."""
    if value is None or value == {}:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and name.endswith("_fen"):
        return f"{yuan(value)} 元"
    if isinstance(value, int) and name.endswith("_ms") and value >= INSTANT_MS_MIN:
        return time_of(value)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value) or NOTHING
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def print_record(title: str, record: Mapping[str, Any]) -> None:
    """A record of the ledger: its plain fields, records in it by dotted names, lists as tables."""
    fields: dict[str, object] = {}
    tables: list[tuple[str, list[dict[str, Any]]]] = []
    _collect("", record, fields, tables)
    if fields:
        print_fields(title, fields)
    else:
        out.print(escape(title))
    for name, rows in tables:
        columns = list(rows[0])
        if len(columns) > COLUMNS_MAX:
            for number, row in enumerate(rows, start=1):
                cells = {column: shown(column, row.get(column)) for column in columns}
                print_fields(f"{name} {number}", cells)
            continue
        print_table(
            name,
            [re.sub("_fen$", " 元", column) for column in columns],
            [[_cell(column, row.get(column)) for column in columns] for row in rows],
        )


def _cell(column: str, value: Any) -> str:
    """A value in a table: the column says the unit; of a digest or key its beginning is enough."""
    if isinstance(value, int) and column.endswith("_fen"):
        return yuan(value)
    text = shown(column, value)
    return f"{text[:DIGITS_SHOWN]}…" if HEXADECIMAL.fullmatch(text) else text


def _collect(
    prefix: str,
    record: Mapping[str, Any],
    fields: dict[str, object],
    tables: list[tuple[str, list[dict[str, Any]]]],
) -> None:
    for name, value in record.items():
        if isinstance(value, Mapping) and value:
            _collect(f"{prefix}{name}.", value, fields, tables)
        elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            tables.append((f"{prefix}{name}", value))
        else:
            # A map by fund has fund types for names and amounts for values.
            by_fund = prefix.endswith("by_fund.")
            fields[f"{prefix}{name}"] = shown(f"{name}_fen" if by_fund else name, value)


@contextmanager
def busy(title: str, *, quiet: bool = False) -> Iterator[Callable[[str], None]]:
    """Show on standard error that work is going on; yields a function that changes the words.

    ``quiet``: show nothing, for programs; nothing is shown either where there is no terminal.
    """
    if quiet or not err.is_terminal:
        yield lambda _title: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(title)
        yield lambda words: bar.update(task, description=words)


def fail(code: Exit, message: str, *, hint: str = "") -> NoReturn:
    """End the command: what went wrong and what to do next, on standard error. Raises Exit."""
    err.print(f"[bold red]error:[/] {escape(message)}")
    if hint:
        err.print(f"[bold]next:[/] {escape(hint)}")
    raise typer.Exit(int(code))
