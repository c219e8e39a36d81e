"""How commands print: tables for people, one JSON document for programs, errors with what to do.

Amounts are shown in yuan with two decimals and thousands separators; JSON keeps fen.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.exits import Exit

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")]

out = Console(highlight=False, soft_wrap=True, emoji=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)


def yuan(amount_fen: int) -> str:
    """Fen as yuan with two decimals: 123456 -> ``1,234.56``, -5 -> ``-0.05``."""
    sign = "-" if amount_fen < 0 else ""
    whole, fen = divmod(abs(amount_fen), 100)
    return f"{sign}{whole:,}.{fen:02d}"


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
    """A table for people; a column whose name ends in 元 is an amount and stands to the right."""
    table = Table(title=title, title_justify="left", caption=footer or None, caption_justify="left")
    for column in columns:
        amount = column.endswith(("元", "yuan"))
        table.add_column(
            column, justify="right" if amount else "left", overflow="fold", no_wrap=amount
        )
    for row in rows:
        table.add_row(*(escape(str(cell)) for cell in row))
    out.print(table)


def print_fields(title: str, fields: Mapping[str, object]) -> None:
    """One thing as lines ``name  value``."""
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in fields.items():
        table.add_row(escape(name), escape(str(value)))
    out.print(table)


def fail(code: Exit, message: str, *, hint: str = "") -> NoReturn:
    """End the command: what went wrong and what to do next, on standard error. Raises Exit."""
    err.print(f"[bold red]error:[/] {escape(message)}")
    if hint:
        err.print(f"[bold]next:[/] {escape(hint)}")
    raise typer.Exit(int(code))
