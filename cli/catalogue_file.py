"""A catalogue as a file: what a bureau's own system exports, read into the contract's rows.

CSV with a header, or one JSON object a line. Columns (English, or Chinese as the national sheets
have them)::

    code      编码      national code of the item
    name      名称      its name
    class     类别      01 / 02 / 03, or 甲 / 乙 / 丙
    first_pay 先行自付  ratio as text, "10%"; left out: 0% for class 01, 100% for class 03
    ceilings  限价      yuan, "500.00", or by hospital level "2:300.00;3:450.5"; left out: none
    restricted 限制     yes / no, 是 / 否; left out: no
    kind      种类      western, patent, herb, granule, preparation, service, material, other
    gone      停用      yes: the code leaves the catalogue (daily increments only)

The rows are checked here by the contract's own check, so a mistake is named with its line before
anything is sent. They are cut into parts by their codes: a part ends at a code whose digest says
so, not after a count, so that a row more or less changes one part and not all that follow.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

from contracts.api import Rejected
from contracts.settlement.catalogue import PART_TAG
from contracts.settlement.catalogue_parts import (
    DELTA,
    ITEMS,
    PART_BYTES_MAX,
    PARTS_MAX,
    check_rows,
)
from node.ledger.codec import encode
from node.ledger.crypto import H

Row = list[Any]
"""``[code, name, class, first_pay, ceilings_e6, restricted, kind]``."""

COLUMNS = {
    "编码": "code", "名称": "name", "类别": "class", "先行自付": "first_pay", "限价": "ceilings",
    "限制": "restricted", "种类": "kind", "停用": "gone",
}  # fmt: skip
NEEDED = ("code", "name", "class")
CLASSES = {"甲": "01", "乙": "02", "丙": "03"}
FIRST_PAY = {"01": "0%", "03": "100%"}
"""Of classes whose ratio follows from the class."""
YES, NO = frozenset({"yes", "true", "1", "是"}), frozenset({"no", "false", "0", "否", ""})
PRICE_TEXT = re.compile(r"(?=[0-9.])(?P<whole>[0-9]{0,12})(\.(?P<e6>[0-9]{1,6}))?")
"""Yuan. No exponent: a spreadsheet that writes 1.23457E+05 has rounded the price."""

PART_BYTES_MIN = 256 * 1024
PART_BYTES_STEP = 64 * 1024
PARTS_AIM = 48
"""Parts of a full catalogue: room is left to the 64 that a version may have."""
ROWS_PER_END = 1024
"""One code in so many may end a part."""


class CatalogueFileError(Exception):
    """The file does not fit; the message names the line and what is expected."""


@dataclass(frozen=True, slots=True)
class CatalogueFile:
    """What a file holds."""

    rows: tuple[Row, ...]
    """Ascending by code."""
    gone: tuple[str, ...]
    """Codes that leave the catalogue, ascending."""


def read_file(path: Path) -> CatalogueFile:
    """Read and check a file. Raises ``CatalogueFileError``, ``OSError``."""
    rows: dict[str, tuple[int, Row | None]] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for number, fields in _records(file):
                code, row = _row(number, fields)
                if code in rows:
                    raise CatalogueFileError(f"line {number}: {code} is in line {rows[code][0]}")
                rows[code] = (number, row)
    except UnicodeDecodeError:
        raise CatalogueFileError("the file is not UTF-8 text") from None
    except csv.Error as error:
        raise CatalogueFileError(f"the file is not CSV: {error}") from None
    ordered = sorted((code, number, row) for code, (number, row) in rows.items())
    items = [row for _, _, row in ordered if row is not None]
    gone = [code for code, _, row in ordered if row is None]
    _check(items, [number for _, number, row in ordered if row is not None])
    return CatalogueFile(tuple(items), tuple(gone))


def _records(file: Any) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """(line, fields by their English names) of either form."""
    start = file.read(1)
    file.seek(0)
    if start == "{":
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield number, _named(number, _json(number, line))
        return
    reader = csv.reader(file, strict=True)
    header = next(reader, [])
    names = [COLUMNS.get(name.strip(), name.strip()) for name in header]
    _check_names(1, names)
    for cells in reader:
        if len(cells) != len(names):
            raise CatalogueFileError(
                f"line {reader.line_num}: {len(cells)} fields, the header has {len(names)}"
            )
        yield reader.line_num, dict(zip(names, (cell.strip() for cell in cells), strict=True))


def _json(number: int, line: str) -> Mapping[str, Any]:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise CatalogueFileError(f"line {number}: not JSON: {error}") from None
    if not isinstance(value, dict):
        raise CatalogueFileError(f"line {number}: an object is expected")
    return value


def _named(number: int, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    named = {COLUMNS.get(name, name): value for name, value in fields.items()}
    _check_names(number, list(named))
    return named


def _check_names(number: int, names: Sequence[str]) -> None:
    known = set(COLUMNS.values())
    wrong = [name for name in names if name not in known]
    missing = [name for name in NEEDED if name not in names and "gone" not in names]
    if wrong or missing or len(set(names)) != len(names):
        told = f"unknown {wrong[0]!r}" if wrong else "twice or missing"
        raise CatalogueFileError(
            f"line {number}: column {told}; the columns are {', '.join(COLUMNS.values())}"
        )


def _row(number: int, fields: Mapping[str, Any]) -> tuple[str, Row | None]:
    """The code and its row; no row for a code that is gone."""
    code = fields.get("code")
    if not isinstance(code, str) or not code:
        raise CatalogueFileError(f"line {number}: the code is missing")
    if _yes(number, "gone", fields.get("gone", "")):
        return code, None
    item_class = CLASSES.get(str(fields.get("class")), fields.get("class"))
    return code, [
        code,
        fields.get("name"),
        item_class,
        fields.get("first_pay") or FIRST_PAY.get(str(item_class), ""),
        _ceilings(number, fields.get("ceilings", "")),
        _yes(number, "restricted", fields.get("restricted", "")),
        fields.get("kind") or "other",
    ]


def _yes(number: int, column: str, value: Any) -> bool:
    text = "" if value is None else str(value).strip().lower()
    if text in YES or text in NO:
        return text in YES
    raise CatalogueFileError(f"line {number}: {column} is yes or no, not {text!r}")


def _ceilings(number: int, value: Any) -> list[list[int]]:
    """``"500"`` or ``"2:300;3:450.5"`` in yuan as pairs [level, millionths of a yuan]."""
    pairs = []
    for part in str(value if value is not None else "").split(";"):
        if not part.strip():
            continue
        level, colon, price = part.rpartition(":")
        if colon and not (level.strip().isascii() and level.strip().isdigit()):
            raise CatalogueFileError(f"line {number}: {part!r} has no hospital level before :")
        pairs.append([int(level) if colon else 0, _e6(number, price)])
    return sorted(pairs)


def _e6(number: int, text: str) -> int:
    found = PRICE_TEXT.fullmatch(text.strip())
    if found is None:
        raise CatalogueFileError(
            f"line {number}: {text!r} is no price in yuan with at most six decimals"
        )
    return int((found["whole"] or "0") + (found["e6"] or "").ljust(6, "0"))


def _check(rows: list[Row], numbers: list[int]) -> None:
    """The contract's own check, with the file's line in what it says."""
    try:
        check_rows(DELTA, [rows, []])
    except Rejected as refusal:
        values = refusal.values
        place = numbers[int(values["row"])] if numbers else 0
        column = f" column {values['column']}:" if "column" in values else ""
        raise CatalogueFileError(f"line {place}:{column} expected {values['expected']}") from None


# --- Parts ----------------------------------------------------------------------------------------


def part_digest(kind: str, part: bytes) -> bytes:
    """The hash under which the ledger keeps a part."""
    return bytes(H(PART_TAG, kind.encode() + b"\0" + part))


def split(rows: Sequence[Row]) -> list[bytes]:
    """Canonical parts of a whole catalogue. Raises ``CatalogueFileError`` when it is too large."""
    sizes = [len(encode(row)) for row in rows]
    # In coarse steps: a catalogue that grows by a row a day is cut as it was the day before.
    steps = -(-sum(sizes) // (PARTS_AIM * PART_BYTES_STEP))
    least = max(PART_BYTES_MIN, steps * PART_BYTES_STEP)
    parts: list[bytes] = []
    first, size = 0, 0
    for place, row in enumerate(rows):
        if size + sizes[place] > PART_BYTES_MAX - 8:  # the list's own head
            parts.append(encode(list(rows[first:place])))
            first, size = place, 0
        size += sizes[place]
        if size >= least and crc32(row[0].encode()) % ROWS_PER_END == 0:
            parts.append(encode(list(rows[first : place + 1])))
            first, size = place + 1, 0
    if first < len(rows):
        parts.append(encode(list(rows[first:])))
    if not parts or len(parts) > PARTS_MAX:
        raise CatalogueFileError(
            f"a catalogue has 1 to {PARTS_MAX} parts of {PART_BYTES_MAX // 1024} KiB; "
            f"this one would have {len(parts)}"
        )
    return parts


def merge_delta(base: Sequence[Any], change: CatalogueFile) -> bytes:
    """The delta of a version that stands on another version's parts: its delta and the change.

    ``base``: ``[rows, gone]`` of the other version, both empty where it has none. Raises
    ``CatalogueFileError`` when it does not fit into one part any more.
    """
    rows = {row[0]: row for row in base[0]} | {row[0]: row for row in change.rows}
    gone = (set(base[1]) - {row[0] for row in change.rows}) | set(change.gone)
    delta: bytes = encode([[rows[code] for code in sorted(rows) if code not in gone], sorted(gone)])
    if len(delta) > PART_BYTES_MAX:
        raise CatalogueFileError(
            "the changes since the last whole catalogue do not fit into one part; "
            "load the whole file without --delta-of"
        )
    return delta


__all__ = ["DELTA", "ITEMS", "CatalogueFile", "CatalogueFileError", "merge_delta", "part_digest",
           "read_file", "split"]  # fmt: skip
