"""Catalogue and mappings: parts by hash, versions by date, and every wrong row named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.settlement import catalogue, catalogue_parts
from contracts.settlement.calendar import add_days
from contracts.settlement.catalogue import (
    Item,
    coverage_of,
    item_value,
    lookup,
    mapped_code,
    mapping_reader,
    reader,
    version_in_force,
)
from contracts.settlement.catalogue_parts import DELTA, ITEMS, MAPPING, PART_BYTES_MAX
from node.ledger import codec
from tests.contracts import world as w
from tests.contracts.settlement.registries import registry_world
from tests.contracts.world import World

C = "catalogue"
BUREAU = w.BUREAU_GUANGDONG
DATE = "2025-06-10"


@pytest.fixture
def world() -> World:
    return registry_world()


def row(code: str, name: str = "阿莫西林胶囊", **changes: Any) -> list[Any]:
    values = {
        "code": code,
        "name": name,
        "class": "02",
        "first_pay": "10%",
        "ceilings_e6": [[0, 5_000_000], [3, 7_500_000]],
        "restricted": False,
        "kind": "western",
    }
    return list((values | changes).values())


def load_part(world: World, rows: Any, kind: str = ITEMS, sender: str = BUREAU) -> bytes:
    args = {"kind": kind, "part": codec.encode(rows)}
    digest: bytes = world.do(sender, C, "load_part", args, post="clerk").answer["hash"]
    return digest


def publish(
    world: World,
    parts: list[bytes],
    version: str = "v1",
    start: str = "2025-01-01",
    region: str = "440000",
    delta: bytes | None = None,
    sender: str = BUREAU,
) -> Any:
    args = {
        "region": region,
        "version": version,
        "effective_from": start,
        "parts": parts,
        "delta": delta,
    }
    return world.do(sender, C, "publish", args).answer


def find(world: World, code: str, date: str = DATE, region: str = "440106") -> Item | None:
    return lookup(world.context(w.HOSPITAL), region, code, date)


# --- Loading and looking up -----------------------------------------------------------------------


def test_an_item_is_found_in_its_part(world: World) -> None:
    first = load_part(world, [row("X1"), row("X3", restricted=True)])
    second = load_part(world, [row("Z1", kind="patent"), row("Z9", **{"class": "03"})])
    answer = publish(world, [first, second])
    assert answer["rows"] == 4
    item = find(world, "X3")
    assert item is not None
    assert (item.code, item.name, item.kind) == ("X3", "阿莫西林胶囊", "western")
    assert item.coverage.restricted
    assert item.coverage.first_pay == "10%"
    assert dict(item.coverage.ceilings_e6 or {}) == {0: 5_000_000, 3: 7_500_000}
    z9 = find(world, "Z9")
    assert z9 is not None
    assert z9.coverage.item_class == "03"
    for absent in ("A0", "X2", "Y", "Z10", "ZZ"):
        assert find(world, absent) is None
    assert coverage_of(item_value(item)) == item.coverage
    ref = version_in_force(world.state, "440106", DATE)
    assert ref is not None
    assert (ref.owner, ref.version, ref.hash) == ("440000", "v1", answer["hash"])


def test_loading_a_part_again_changes_nothing(world: World) -> None:
    digest = load_part(world, [row("X1")])
    before = dict(world.state.entries)
    assert load_part(world, [row("X1")], sender=w.HOSPITAL) == digest
    assert world.state.entries == before
    # The same bytes as another kind are another part.
    pairs = [["a", "X1"]]
    assert load_part(world, pairs, MAPPING) != load_part(world, [row("a")])


def test_the_nearest_catalogue_counts(world: World) -> None:
    publish(world, [load_part(world, [row("X1", "national")])], region="000000", sender=w.CENTRE)
    item = find(world, "X1")
    assert item is not None
    assert item.name == "national"
    publish(world, [load_part(world, [row("X1", "province")])])
    publish(world, [load_part(world, [row("X1", "city")])], region="440300", sender=BUREAU)
    found = {region: find(world, "X1", region=region) for region in ("440106", "440305", "510100")}
    names = {region: item.name for region, item in found.items() if item is not None}
    assert names == {"440106": "province", "440305": "city", "510100": "national"}


def test_nothing_before_the_first_version(world: World) -> None:
    assert find(world, "X1") is None
    assert version_in_force(world.state, "440106", DATE) is None
    assert reader(world.state, "440106").owner == ""
    publish(world, [load_part(world, [row("X1")])])
    assert find(world, "X1", "2024-12-31") is None
    assert find(world, "X1", "2025-01-01") is not None


def test_a_delta_changes_and_removes(world: World) -> None:
    parts = [load_part(world, [row("X1"), row("X2"), row("X3")])]
    delta = load_part(world, [[row("X2", first_pay="5%"), row("X9")], ["X3"]], DELTA)
    publish(world, parts)
    publish(world, parts, "v2", "2025-06-01", delta=delta)
    changed = find(world, "X2")
    assert changed is not None
    assert changed.coverage.first_pay == "5%"
    assert find(world, "X9") is not None
    assert find(world, "X3") is None
    before = find(world, "X3", "2025-05-31")
    assert before is not None
    assert find(world, "X9", "2025-05-31") is None


def test_service_date_decides_and_a_correction_has_the_same_date(world: World) -> None:
    for number, start in enumerate(("2025-01-01", "2025-03-01", "2025-03-01"), 1):
        publish(world, [load_part(world, [row("X1", f"name {number}")])], f"v{number}", start)
    items = {date: find(world, "X1", date) for date in ("2025-02-28", "2025-03-01", "2025-12-31")}
    assert {date: item.name for date, item in items.items() if item} == {
        "2025-02-28": "name 1", "2025-03-01": "name 3", "2025-12-31": "name 3",
    }  # fmt: skip


@settings(max_examples=25)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=100), st.data())
def test_versions_in_pages_agree_with_a_plain_list(gaps: list[int], data: st.DataObject) -> None:
    world = registry_world()
    part = load_part(world, [row("X1")])
    known: list[tuple[str, str]] = []
    day = 0
    for number, gap in enumerate(gaps):
        day += gap
        start = f"2025-{day // 28 % 12 + 1:02d}-{day % 28 + 1:02d}"
        if known and start < known[-1][0]:
            break
        publish(world, [part], f"v{number}", start)
        known.append((start, f"v{number}"))
    for _ in range(5):
        date = data.draw(st.dates().map(lambda d: f"2025-{d.month:02d}-{d.day:02d}"))
        expected = [version for start, version in known if start <= date]
        ref = version_in_force(world.state, "440100", date)
        assert (ref.version if ref else None) == (expected[-1] if expected else None)
    index = world.state.get("catalogue/440000")
    assert len(index[1]) <= catalogue.RECENT


def test_a_year_of_daily_versions(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "_TABLES_MAX", 10)
    part = load_part(world, [row("X1")])
    for day in range(365):
        publish(world, [part], f"v{day}", add_days("2025-01-01", day))
    # A correction on the day of a page's end counts from that day on.
    publish(world, [part], "again", "2025-12-31")
    for day in (0, 1, 31, 32, 33, 63, 64, 200, 363):
        date = add_days("2025-01-01", day)
        ref = version_in_force(world.state, "440100", date)
        assert ref is not None
        assert (ref.version, ref.effective_from) == (f"v{day}", date)
        assert find(world, "X1", date) is not None
    last = version_in_force(world.state, "440100", "2026-06-01")
    assert last is not None
    assert last.version == "again"
    page_dates, recent = world.state.get("catalogue/440000")
    assert len(page_dates) == 366 // catalogue.RECENT
    assert len(recent) <= catalogue.RECENT


def test_one_reader_reads_the_index_once(world: World) -> None:
    publish(world, [load_part(world, [row("X1"), row("X2")])])
    find(world, "X1")
    world.state.reads.clear()
    look = reader(world.state, "440106")
    assert look.version(DATE) is look.version(DATE)
    for _ in range(50):
        assert look.find("X1", DATE) is not None
        assert look.find("X2", "2025-05-05") is not None
    # District, city, province: where the catalogue is. Version and part are remembered by hash.
    assert world.state.reads == ["catalogue/440106", "catalogue/440100", "catalogue/440000"]


def test_the_memo_is_bounded_and_changes_no_answer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    memo = catalogue_parts._Memo()
    monkeypatch.setattr(catalogue_parts, "_MEMO", memo)
    monkeypatch.setattr(catalogue_parts, "REMEMBERED_ROWS", 3)
    parts = [load_part(world, [row(f"X{n}0"), row(f"X{n}1")]) for n in range(1, 9)]
    publish(world, parts)
    for _ in range(2):
        for n in (1, 8, 1, 2, 1, 5, 3, 7, 4, 6):
            item = find(world, f"X{n}1")
            assert item is not None
            assert item.code == f"X{n}1"
    assert len(memo.young) + len(memo.old) <= 4


# --- Refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "content", "values"),
    [
        (ITEMS, {}, {"row": 0}),
        (ITEMS, [], {"row": 0}),
        (ITEMS, [row("X1"), row("X1")], {"row": 1}),
        (ITEMS, [row("X2"), row("X1")], {"row": 1}),
        (ITEMS, [row("X1")[:-1]], {"row": 0}),
        (ITEMS, [row("X1"), "X2"], {"row": 1}),
        (ITEMS, [row("X 1")], {"row": 0, "column": "code"}),
        (ITEMS, [row("X1", "")], {"row": 0, "column": "name"}),
        (ITEMS, [row("X1", **{"class": "04"})], {"row": 0, "column": "class"}),
        (ITEMS, [row("X1", first_pay="110%")], {"row": 0, "column": "first_pay"}),
        (ITEMS, [row("X1", first_pay=10)], {"row": 0, "column": "first_pay"}),
        (ITEMS, [row("X1", ceilings_e6=[[0, -1]])], {"row": 0, "column": "ceilings_e6"}),
        (ITEMS, [row("X1", ceilings_e6=[[4, 1]])], {"row": 0, "column": "ceilings_e6"}),
        (ITEMS, [row("X1", ceilings_e6=[[2, 1], [1, 1]])], {"row": 0, "column": "ceilings_e6"}),
        (ITEMS, [row("X1", restricted=1)], {"row": 0, "column": "restricted"}),
        (ITEMS, [row("X1", kind="drug")], {"row": 0, "column": "kind"}),
        (DELTA, [row("X1")], {"row": 0}),
        (DELTA, [[row("X1")], [5]], {"row": 0, "column": "code"}),
        (DELTA, [[row("X1")], ["X2", "X2"]], {"row": 1}),
        (DELTA, [[row("X1")], ["X1"]], {"row": 0}),
        (MAPPING, [["a", "X1"], ["a", "X2"]], {"row": 1}),
        (MAPPING, [["", "X1"]], {"row": 0, "column": "local"}),
        (MAPPING, [["a", "X 1"]], {"row": 0, "column": "code"}),
    ],
)
def test_a_wrong_row_is_named(
    world: World, kind: str, content: Any, values: dict[str, Any]
) -> None:
    args = {"kind": kind, "part": codec.encode(content)}
    outcome = world.refused("catalogue.row", BUREAU, C, "load_part", args)
    assert {name: outcome.values.get(name) for name in values} == values
    assert outcome.values["expected"]


def test_parts_are_refused(world: World) -> None:
    good = {"kind": ITEMS, "part": codec.encode([row("X1")])}
    for data in (b"\xc1", good["part"] + b"\0", b"\x91\xcc\x05"):
        bad = good | {"part": data}
        world.refused("catalogue.part-bytes", BUREAU, C, "load_part", bad)
    world.refused("args.shape", BUREAU, C, "load_part", good | {"part": bytes(PART_BYTES_MAX + 1)})
    world.refused("sender.kind", w.BANK, C, "load_part", good)
    world.refused("sender.post", BUREAU, C, "load_part", good, post="doctor")


def test_versions_are_refused(world: World) -> None:
    low, high = load_part(world, [row("X1"), row("X5")]), load_part(world, [row("X5"), row("X9")])
    other = load_part(world, [["a", "X1"]], MAPPING)
    good = {"region": "440000", "version": "v1", "effective_from": "2025-01-01", "parts": [low]}

    def refuse(code: str, sender: str = BUREAU, **changes: Any) -> None:
        world.refused(code, sender, C, "publish", good | changes)

    refuse("sender.not-competent", w.BUREAU_GUANGZHOU)
    refuse("sender.kind", w.CENTRE)
    refuse("sender.kind", region="000000")
    refuse("catalogue.region", region="440106")
    refuse("catalogue.part-missing", parts=[bytes(32)])
    refuse("catalogue.part-missing", parts=[other])
    refuse("catalogue.part-missing", delta=low)
    refuse("catalogue.part-missing", delta=bytes(32))
    refuse("catalogue.parts-order", parts=[low, high])
    refuse("catalogue.parts-order", parts=[high, low])
    refuse("args.shape", parts=[low, low])
    refuse("args.shape", parts=[])
    publish(world, [low])
    before = dict(world.state.entries)
    publish(world, [low])
    assert world.state.entries == before
    refuse("catalogue.duplicate-version", parts=[high])
    refuse("catalogue.out-of-order", version="v2", effective_from="2024-12-31")


# --- Mappings -------------------------------------------------------------------------------------


def test_a_hospitals_codes_map_by_date(world: World) -> None:
    institution = {"institution": w.HOSPITAL, "effective_from": "2025-01-01"}
    first = load_part(world, [["0001", "X1"], ["药品-2", "X2"]], MAPPING, sender=w.HOSPITAL)
    args = institution | {"version": "m1", "parts": [first]}
    world.do(w.HOSPITAL, C, "publish_mapping", args, post="clerk")
    second = load_part(world, [["0001", "X7"]], MAPPING, sender=w.HOSPITAL)
    later = institution | {"version": "m2", "parts": [second], "effective_from": "2025-06-01"}
    world.do(w.BUREAU_GUANGZHOU, C, "publish_mapping", later)
    assert mapped_code(world.state, w.HOSPITAL, "0001", "2025-05-31") == "X1"
    assert mapped_code(world.state, w.HOSPITAL, "药品-2", "2025-05-31") == "X2"
    assert mapped_code(world.state, w.HOSPITAL, "0001", "2025-06-01") == "X7"
    assert mapped_code(world.state, w.HOSPITAL, "药品-2", "2025-06-01") is None
    assert mapped_code(world.state, w.PHARMACY, "0001", DATE) is None
    ref = mapping_reader(world.state, w.HOSPITAL).version("2025-05-31")
    assert ref is not None
    assert ref.version == "m1"
    world.refused("sender.not-competent", w.BUREAU_CHANGSHA, C, "publish_mapping", args)
    world.refused("sender.kind", w.PHARMACY, C, "publish_mapping", args)
    unknown = args | {"institution": "hospital:none"}
    world.refused("organisations.unknown", w.BUREAU_GUANGZHOU, C, "publish_mapping", unknown)
    bank = args | {"institution": w.FINANCE}
    world.refused("organisations.not-an-institution", w.BUREAU_CHANGSHA, C, "publish_mapping", bank)
    items = args | {"version": "m3", "parts": [load_part(world, [row("X1")])]}
    world.refused("catalogue.part-missing", w.HOSPITAL, C, "publish_mapping", items)


# --- A catalogue of many parts --------------------------------------------------------------------


def test_a_catalogue_of_64_parts_and_its_increment(world: World) -> None:
    """The shape of a real one: 64 parts, then a day's change as one small delta."""
    codes = sorted(f"X{n:05d}" for n in range(64 * 40))
    parts = [
        load_part(world, [row(code) for code in codes[n * 40 : n * 40 + 40]]) for n in range(64)
    ]
    assert publish(world, parts)["rows"] == len(codes)
    assert all(find(world, code) is not None for code in codes[::97])
    world.state.writes.clear()
    delta = load_part(world, [[row("X00007", first_pay="0%")], ["X00008"]], DELTA)
    publish(world, parts, "v2", "2025-06-10", delta=delta)
    # An increment writes its delta, a version and the index: nothing of the 64 parts.
    assert len(world.state.writes) == 4
    item = find(world, "X00007")
    assert item is not None
    assert item.coverage.first_pay == "0%"
    assert find(world, "X00008") is None
    assert find(world, "X00009") is not None


def test_the_national_codes_of_the_rule_library_fit(world: World, shared_data: Path) -> None:
    rules = json.loads((shared_data / "supervision_rules.json").read_text(encoding="utf-8"))
    names = {code: rule["item_name"] for rule in rules for code in rule.get("med_codes", [])}
    codes = sorted(names)
    assert len(codes) > 15_000
    size = -(-len(codes) // 64)
    parts = [
        load_part(world, [row(code, names[code][:200]) for code in codes[start : start + size]])
        for start in range(0, len(codes), size)
    ]
    assert publish(world, parts)["rows"] == len(codes)
    look = reader(world.state, "440106")
    for code in codes[::53]:
        item = look.find(code, DATE)
        assert item is not None
        assert item.name == names[code][:200]
