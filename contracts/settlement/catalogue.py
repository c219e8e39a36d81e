"""Contract ``catalogue``: what the place of care pays for, and how hospitals' codes map to it.

A catalogue belongs to a region: a city, a province, or the country (the centre's baseline); care in
a district uses the nearest one that covers it. A **version** is up to 64 parts plus a delta
(``catalogue_parts``) and an ``effective_from``; a charge line is judged by the version in force on
its service date, the last one published whose date has come. Versions come in the order of their
dates: a correction of the past is a version with the same date as the last one.

A hospital's own codes map to the national ones by a table of the same make, versioned too, because
a wrong mapping is what later audits find (RULES.md section 9); an unmapped code is a reason.

State: ``catalogue/<region>`` and ``mapping/<institution>`` (an index of versions),
``catalogue-version/<region>/<version>`` and ``mapping-version/<institution>/<version>``.
"""

from __future__ import annotations

from bisect import bisect_right

from contracts.api import Answer, Args, Context, Contract, State, Value, reject
from contracts.organisations import INSTITUTIONS, require_competent, require_organisation
from contracts.quick import quick
from contracts.regions import COUNTRY, widening
from contracts.schema import Bytes, Date, Id, List, OneOf, Optional, Region
from contracts.settlement.catalogue_parts import (
    DELTA,
    ITEMS,
    MAPPING,
    PART_BYTES_MAX,
    PART_KINDS,
    PARTS_MAX,
    Item,
    PartMeta,
    Table,
    check_rows,
    load_meta,
    put_part,
)
from contracts.settlement.cost_split import Coverage

__all__ = [
    "CONTRACT",
    "Item",
    "Reader",
    "VersionRef",
    "coverage_of",
    "item_value",
    "lookup",
    "mapped_code",
    "reader",
    "version_in_force",
]

CONTRACT = Contract("catalogue", version=1)

PART_TAG = "yibao/catalogue-part/v1"
VERSION_TAG = "yibao/catalogue-version/v1"

WORK_OF_BYTE = 1
"""Units of checking one byte of a part (``Context.spend``): 900 KiB of short rows, a quarter of a
second."""
RECENT = 32
"""Versions in an index; older ones move to pages of as many, so an index stays small for years."""

_CLERKS = ("clerk", "checker")


@quick(frozen=True, slots=True)
class VersionRef:
    """A version of a catalogue or a mapping."""

    owner: str
    """Region of a catalogue, id of a mapping's institution."""
    version: str
    effective_from: str
    hash: bytes
    """Over owner, version, date, parts and delta: a settlement's receipt carries it."""


# --- Methods --------------------------------------------------------------------------------------


@CONTRACT.method(
    args={"kind": OneOf(*PART_KINDS), "part": Bytes(1, PART_BYTES_MAX)},
    kinds=("bureau", "centre", *INSTITUTIONS),
    posts=_CLERKS,
)
def load_part(ctx: Context, args: Args) -> Answer:
    """Load one part: the canonical bytes of its rows. Loading it again changes nothing."""
    kind = args["kind"]
    digest = ctx.services.digest(PART_TAG, kind.encode() + b"\0" + args["part"])
    known = load_meta(ctx.state, digest)
    if known is None:
        ctx.spend(len(args["part"]) * WORK_OF_BYTE)
        try:
            content = ctx.services.decode(args["part"])
        except ValueError:
            reject("catalogue.part-bytes", bytes=len(args["part"]))
        known = check_rows(kind, content)
        put_part(ctx.state, digest, content, known)
        ctx.emit("catalogue.part", kind=kind, hash=digest, rows=known.rows)
    return {"hash": digest, "rows": known.rows}


_VERSION = {
    "version": Id(40),
    "effective_from": Date(),
    "parts": List(Bytes(32), max=PARTS_MAX, min=1, distinct=True),
    "delta": Optional(Bytes(32)),
}


@CONTRACT.method(
    args={"region": Region(), **_VERSION}, kinds=("bureau", "centre"), posts=("checker",)
)
def publish(ctx: Context, args: Args) -> Answer:
    """Publish a version of a region's catalogue from loaded parts."""
    region = args["region"]
    if region == COUNTRY:
        if ctx.sender_kind != "centre":
            reject("sender.kind", kind=ctx.sender_kind, allowed=["centre"])
    else:
        require_competent(ctx, region)
    if region[4:] != "00":
        reject("catalogue.region", region=region, expected="a city, a province or 000000")
    return _publish(ctx, "catalogue", region, ITEMS, args)


@CONTRACT.method(
    args={"institution": Id(40), **{n: s for n, s in _VERSION.items() if n != "delta"}},
    kinds=("bureau", *INSTITUTIONS),
    posts=_CLERKS,
)
def publish_mapping(ctx: Context, args: Args) -> Answer:
    """Publish a version of an institution's code mapping: by itself or the bureau of its place."""
    org = require_organisation(ctx.state, args["institution"])
    if org.kind not in INSTITUTIONS:
        reject("organisations.not-an-institution", organisation=org.id, kind=org.kind)
    if ctx.sender != org.id:
        require_competent(ctx, org.region)
    return _publish(ctx, "mapping", org.id, MAPPING, {**args, "delta": None})


def _publish(ctx: Context, what: str, owner: str, kind: str, args: Args) -> Answer:
    version, start = args["version"], args["effective_from"]
    metas: list[PartMeta] = []
    for number, part in enumerate(args["parts"]):
        meta = load_meta(ctx.state, part)
        if meta is None or meta.kind != kind:
            reject("catalogue.part-missing", number=number, hash=part, kind=kind)
        if metas and meta.first <= metas[-1].last:
            reject("catalogue.parts-order", number=number)
        metas.append(meta)
    delta = args["delta"]
    if delta is not None:
        changed = load_meta(ctx.state, delta)
        if changed is None or changed.kind != DELTA:
            reject("catalogue.part-missing", number=len(metas), hash=delta, kind=DELTA)
    firsts = [meta.first for meta in metas]
    rows = sum(meta.rows for meta in metas)
    record = [owner, version, start, args["parts"], firsts, delta, rows]
    digest = ctx.services.digest(VERSION_TAG, ctx.services.encode([what, *record]))
    answer = {"hash": digest, "rows": rows}
    key = f"{what}-version/{owner}/{version}"
    known = ctx.state.get(key)
    if known is not None:
        if known[0] == digest:
            return answer
        reject("catalogue.duplicate-version", version=version)
    _add_to_index(ctx, what, owner, start, version, digest)
    ctx.state.put(key, [digest, record, ctx.height])
    ctx.emit(
        f"{what}.published",
        owner=owner,
        version=version,
        effective_from=start,
        hash=digest,
        rows=rows,
    )
    return answer


def _add_to_index(
    ctx: Context, what: str, owner: str, start: str, version: str, digest: bytes
) -> None:
    """An index is ``[first dates of full pages, recent versions]``, all in ascending order."""
    key = f"{what}/{owner}"
    page_dates, recent = ctx.state.get(key) or [[], []]
    if recent and start < recent[-1][0]:
        reject("catalogue.out-of-order", effective_from=start, latest=recent[-1][0])
    if len(recent) == RECENT:
        ctx.state.put(f"{what}-page/{owner}/{len(page_dates)}", recent)
        page_dates.append(recent[0][0])
        recent = []
    ctx.state.put(key, [page_dates, [*recent, [start, version, digest]]])


# --- Reading --------------------------------------------------------------------------------------


class Reader:
    """Looks codes up in one owner's versions; reads index and versions once for all lines.

    For the length of one call: it remembers what the state said.
    """

    __slots__ = ("_index", "_owner", "_state", "_tables", "_versions", "_what")

    def __init__(self, state: State, what: str, owner: str, index: Value | None) -> None:
        self._state = state
        self._what = what
        self._owner = owner
        self._index = index
        self._versions: dict[str, VersionRef | None] = {}
        self._tables: dict[str, Table | None] = {}

    @property
    def owner(self) -> str:
        """Region or institution whose versions these are; empty when there are none."""
        return "" if self._index is None else self._owner

    def version(self, date: str) -> VersionRef | None:
        """The version in force on a date; None before the first."""
        if date not in self._versions:
            self._versions[date] = self._find_version(date)
        return self._versions[date]

    def find(self, code: str, date: str) -> Value | None:
        """``Item`` (catalogue) or national code (mapping) by the version of the date; else None."""
        try:
            table = self._tables[date]
        except KeyError:
            table = self._tables[date] = self._open(date)
        return None if table is None else table.find(self._state, code)

    def _find_version(self, date: str) -> VersionRef | None:
        if self._index is None:
            return None
        page_dates, rows = self._index
        if not rows or date < rows[0][0]:
            # Not among the recent ones: the last page that begins on or before the date.
            page = bisect_right(page_dates, date) - 1
            if page < 0:
                return None
            rows = self._state.get(f"{self._what}-page/{self._owner}/{page}")
            assert rows is not None, f"{self._what} of {self._owner} lacks page {page}"
        # The date alone is not a row; compare with the first column only.
        place = bisect_right([start for start, _, _ in rows], date) - 1
        start, version, digest = rows[place]
        return VersionRef(self._owner, version, start, digest)

    def _open(self, date: str) -> Table | None:
        ref = self.version(date)
        if ref is None:
            return None
        table = _TABLES.get(ref.hash)
        if table is None:
            value = self._state.get(f"{self._what}-version/{self._owner}/{ref.version}")
            assert value is not None, f"{self._what} of {self._owner} lacks {ref.version}"
            _, (_, _, _, parts, firsts, delta, _), _ = value
            kind = ITEMS if self._what == "catalogue" else MAPPING
            table = Table(kind, tuple(parts), tuple(firsts), delta)
            if len(_TABLES) >= _TABLES_MAX:
                _TABLES.clear()
            _TABLES[ref.hash] = table
        return table


_TABLES: dict[bytes, Table] = {}
"""Tables by the hash of their version: a pure memo, like the parts'."""
_TABLES_MAX = 2_000


def _same(index: Value) -> Value:
    """An index is only read (``Reader``), so that all readers share it."""
    return index


def reader(state: State, region: str) -> Reader:
    """Reader of the nearest catalogue that covers a district: its own, city's, province's, ours."""
    for place in widening(region):
        index = state.read(f"catalogue/{place}", _same)
        if index is not None:
            return Reader(state, "catalogue", place, index)
    return Reader(state, "catalogue", region, None)


def mapping_reader(state: State, institution: str) -> Reader:
    """Reader of an institution's code mapping."""
    return Reader(state, "mapping", institution, state.get(f"mapping/{institution}"))


def lookup(ctx: Context, region: str, code: str, service_date: str) -> Item | None:
    """One entry of the catalogue of a district on a date. For many lines use ``reader``."""
    found: Item | None = reader(ctx.state, region).find(code, service_date)
    return found


def version_in_force(state: State, region: str, date: str) -> VersionRef | None:
    """The catalogue version that judges services of ``date`` in a district."""
    return reader(state, region).version(date)


def mapped_code(state: State, institution: str, local_code: str, date: str) -> str | None:
    """National code of a hospital's own code on a date; None when it is not mapped."""
    found: str | None = mapping_reader(state, institution).find(local_code, date)
    return found


def item_value(item: Item) -> Value:
    """What a claim keeps of an item: ``[class, first_pay, restricted, ceilings]``."""
    coverage = item.coverage
    ceilings = [[level, price] for level, price in (coverage.ceilings_e6 or {}).items()]
    return [coverage.item_class, coverage.first_pay, coverage.restricted, ceilings]


def coverage_of(value: Value) -> Coverage:
    """The coverage that ``item_value`` wrote."""
    item_class, first_pay, restricted, ceilings = value
    return Coverage(item_class, first_pay, restricted, dict(ceilings))
