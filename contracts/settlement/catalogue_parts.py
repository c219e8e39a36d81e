"""Large tables in content-hashed parts: what catalogues and code mappings are made of.

A table of 300,000 rows does not fit a transaction, and a key for each row would cost a tree update
each. So rows travel in sorted parts of at most 900 KiB, each stored once under its hash; a version
of a table is the list of its parts' hashes plus one delta, and tomorrow's version shares all parts
that did not change. Parts are ranges of codes: a code's part is found by bisection in the list of
first codes, and an institution's daily items lie in few parts.

Decoded parts are remembered by hash. That is a pure memo: the content follows from the hash, so it
can change no result, only the time it takes.

State: ``catalogue-part/<hash in hex>`` (the rows themselves), ``catalogue-meta/<hash in hex>``
(kind, rows, first and last code).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from contracts.api import State, Value, reject
from contracts.schema import (
    FEN_MAX,
    IDENTIFIER,
    Bool,
    Check,
    Int,
    List,
    OneOf,
    Ratio,
    Shape,
    ShapeError,
    Text,
    compile_shape,
)
from contracts.settlement.cost_split import Coverage
from contracts.settlement.terms import ITEM_CLASSES

PART_BYTES_MAX = 900 * 1024
"""Below the limit of a transaction's body, with room for the rest of it."""
PARTS_MAX = 64

ITEMS, DELTA, MAPPING = "items", "delta", "mapping"
PART_KINDS = (ITEMS, DELTA, MAPPING)

ITEM_KINDS = ("western", "patent", "herb", "granule", "preparation", "service", "material", "other")
"""Western medicine, Chinese patent medicine, herbal slices, granules, hospital preparation, medical
service, consumable (RULES.md section 9)."""

CODE = Text(1, 40, IDENTIFIER)
ROW: Mapping[str, Shape] = MappingProxyType(
    {
        "code": CODE,
        "name": Text(1, 200),
        "class": OneOf(*ITEM_CLASSES),
        "first_pay": Ratio(),
        "ceilings_e6": List(List(Int(0, FEN_MAX), max=2, min=2), max=4),
        "restricted": Bool(),
        "kind": OneOf(*ITEM_KINDS),
    }
)
"""A row of a catalogue, an array in this order. ``ceilings_e6``: pairs [level 0 to 3, highest unit
price that counts in millionths of a yuan], levels ascending; level 0 holds where one is not named.
A delta is ``[rows, codes that are gone]``; a mapping row is ``[the hospital's code, ours]``."""

MAPPING_ROW: Mapping[str, Shape] = MappingProxyType({"local": Text(1, 80), "code": CODE})

_Checks = tuple[tuple[str, Check], ...]
_ROW_CHECKS: _Checks = tuple((name, compile_shape(shape)) for name, shape in ROW.items())
_MAPPING_CHECKS: _Checks = tuple((n, compile_shape(shape)) for n, shape in MAPPING_ROW.items())
_GONE_CHECKS: _Checks = (("code", compile_shape(CODE)),)


@dataclass(frozen=True, slots=True)
class Item:
    """An entry of a catalogue."""

    code: str
    name: str
    coverage: Coverage
    """Class, first-pay ratio, restriction, ceilings: what the cost split asks."""
    kind: str


@dataclass(frozen=True, slots=True)
class PartMeta:
    """What publishing a version asks about a part, without reading its rows."""

    kind: str
    rows: int
    first: str
    """First code; empty for an empty delta."""
    last: str


@dataclass(frozen=True, slots=True)
class Table:
    """The parts of one version, with the first code of each."""

    kind: str
    """Of its parts: ``items`` or ``mapping``."""
    parts: tuple[bytes, ...]
    firsts: tuple[str, ...]
    delta: bytes | None

    def find(self, state: State, code: str) -> Any:
        """``Item`` or mapped code of ``code``; None when the table does not have it."""
        if self.delta is not None:
            changed = _rows(state, self.delta, DELTA)
            if code in changed:
                return changed[code]
        place = bisect_right(self.firsts, code) - 1
        if place < 0:
            return None
        return _rows(state, self.parts[place], self.kind).get(code)


# --- Loading ------------------------------------------------------------------------------------


def check_rows(kind: str, content: Value) -> PartMeta:
    """Check a decoded part; refuses with the number of the first row that is wrong."""
    if kind == DELTA:
        if type(content) is not list or len(content) != 2 or type(content[1]) is not list:
            reject("catalogue.row", kind=kind, row=0, expected="a list of rows and a list of codes")
        _check_sorted(kind, content[0], _ROW_CHECKS)
        _check_sorted("gone", [[code] for code in content[1]], _GONE_CHECKS)
        both = sorted({row[0] for row in content[0]} & set(content[1]))
        if both:
            reject(
                "catalogue.row", kind=kind, row=0, expected="a code is changed or gone, not both"
            )
        return PartMeta(kind, len(content[0]) + len(content[1]), "", "")
    _check_sorted(kind, content, _ROW_CHECKS if kind == ITEMS else _MAPPING_CHECKS)
    if not content:
        reject("catalogue.row", kind=kind, row=0, expected="at least one row")
    return PartMeta(kind, len(content), content[0][0], content[-1][0])


def _check_sorted(kind: str, rows: Value, checks: _Checks) -> None:
    """Every row fits and codes ascend strictly: one table has one form, so one hash."""
    if type(rows) is not list:
        reject("catalogue.row", kind=kind, row=0, expected="a list of rows")
    before = ""
    for number, row in enumerate(rows):
        if type(row) is not list or len(row) != len(checks):
            reject("catalogue.row", kind=kind, row=number, expected=f"{len(checks)} columns")
        for (name, check), value in zip(checks, row, strict=True):
            try:
                check(value)
            except ShapeError as error:
                reject("catalogue.row", kind=kind, row=number, column=name, expected=error.expected)
        if row[0] <= before:
            reject("catalogue.row", kind=kind, row=number, expected="codes in ascending order")
        before = row[0]
        if checks is _ROW_CHECKS:
            levels = [level for level, _ in row[4]]
            if levels != sorted(set(levels)) or any(level > 3 for level in levels):
                reject("catalogue.row", kind=kind, row=number, column="ceilings_e6",
                       expected="levels 0 to 3, ascending")  # fmt: skip


def put_part(state: State, digest: bytes, content: Value, meta: PartMeta) -> None:
    """Store a checked part under its hash."""
    state.put(f"catalogue-part/{digest.hex()}", content)
    state.put(f"catalogue-meta/{digest.hex()}", [meta.kind, meta.rows, meta.first, meta.last])


def load_meta(state: State, digest: bytes) -> PartMeta | None:
    """What is known of a part; None when it was never loaded."""
    value = state.get(f"catalogue-meta/{digest.hex()}")
    return None if value is None else PartMeta(*value)


# --- Decoded parts, remembered by hash ------------------------------------------------------------

_Rows = Mapping[str, Any]

REMEMBERED_ROWS = 300_000
"""Rows of each of the two generations: about 100 MB each when full."""


class _Memo:
    """Decoded parts in two generations: a full young one becomes the old one, the old one goes.

    What is used stays (it moves to the young generation); no lists to keep in order, and every step
    is one assignment, so a reader in another thread sees a whole generation or none.
    """

    def __init__(self) -> None:
        self.young: dict[bytes, _Rows] = {}
        self.old: dict[bytes, _Rows] = {}
        self.rows = 0

    def get(self, digest: bytes) -> _Rows | None:
        found = self.young.get(digest)
        if found is None:
            found = self.old.get(digest)
            if found is not None:
                self.keep(digest, found)
        return found

    def keep(self, digest: bytes, rows: _Rows) -> None:
        if self.rows + len(rows) > REMEMBERED_ROWS and self.young:
            self.old, self.young, self.rows = self.young, {}, 0
        self.young[digest] = rows
        self.rows += len(rows)


_MEMO = _Memo()


def _rows(state: State, digest: bytes, kind: str) -> _Rows:
    found = _MEMO.get(digest)
    if found is None:
        content = state.get(f"catalogue-part/{digest.hex()}")
        assert content is not None, f"a published version names the missing part {digest.hex()}"
        found = _BUILD[kind](content)
        _MEMO.keep(digest, found)
    return found


@lru_cache(maxsize=65_536)
def _coverage(
    item_class: str, first_pay: str, restricted: bool, ceilings: tuple[tuple[int, int], ...]
) -> Coverage:
    """One object for all items that are covered alike: a catalogue has few different ones."""
    return Coverage(item_class, first_pay, restricted, MappingProxyType(dict(ceilings)))


def _item(row: Value) -> Item:
    code, name, item_class, first_pay, ceilings, restricted, kind = row
    pairs = tuple((level, price) for level, price in ceilings)
    return Item(code, name, _coverage(item_class, first_pay, restricted, pairs), kind)


def _build_items(content: Value) -> _Rows:
    return {row[0]: _item(row) for row in content}


def _build_delta(content: Value) -> _Rows:
    return {row[0]: _item(row) for row in content[0]} | dict.fromkeys(content[1])


def _build_mapping(content: Value) -> _Rows:
    return dict(content)


_BUILD: dict[str, Callable[[Value], _Rows]] = {
    ITEMS: _build_items,
    DELTA: _build_delta,
    MAPPING: _build_mapping,
}
