"""A bank's files on disk; what they hold is ``contracts.settlement.bank_file``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from contracts.settlement.bank_file import BankFileError, parse_statement, render_instructions

__all__ = ["BankFileError", "read_statement", "write_instructions"]


def write_instructions(path: Path, orders: Iterable[Mapping[str, Any]]) -> int:
    """Write orders; returns how many. JSON keeps fen, CSV has yuan."""
    listed = list(orders)
    text = render_instructions(listed, path.suffix.removeprefix("."))
    path.write_bytes(text.encode("utf-8"))
    return len(listed)


def read_statement(path: Path) -> list[dict[str, Any]]:
    """Arguments of ``bank.line``, one for each row. Raises ``BankFileError``, ``OSError``."""
    try:
        return parse_statement(path.read_bytes(), path.suffix.removeprefix(".").lower())
    except BankFileError as problem:
        text = str(problem)
        raise BankFileError(text if text.startswith("row ") else f"{path} {text}") from None
