"""The table of attempts to get out of the policy language (``escapes.txt``)."""

from __future__ import annotations

import json
from pathlib import Path

TABLE = Path(__file__).parent / "escapes.txt"


def read_table() -> list[tuple[str, str, str]]:
    """Rows of the table: family, expected complaint, whole source."""
    rows = []
    for line in TABLE.read_text(encoding="ascii").splitlines():
        if line.startswith("#"):
            continue
        family, complaint, code = (part.strip() for part in line.split("|", 2))
        rows.append((family, " ".join(complaint.split()), source_of(json.loads(code))))
    return rows


def source_of(code: str) -> str:
    """The whole source of an attempt."""
    return code[1:] if code.startswith("!") else f"def settle(case):\n {code}\n"
