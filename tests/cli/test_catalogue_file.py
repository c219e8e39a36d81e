"""Catalogue files: both forms and both languages read alike, mistakes are named with their line."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.catalogue_file import (
    DELTA,
    ITEMS,
    CatalogueFile,
    CatalogueFileError,
    merge_delta,
    read_file,
    split,
)
from contracts.settlement.catalogue_parts import PART_BYTES_MAX, PARTS_MAX, check_rows
from node.ledger.codec import decode

HEADER = "code,name,class,first_pay,ceilings,restricted,kind\n"
BED = ["A1", "床位费", "01", "0%", [], False, "service"]
DRUG = ["B2", "drug, coated", "02", "12.5%", [[2, 300_000_000], [3, 450_500_000]], True, "western"]


def written(folder: Path, text: str) -> Path:
    path = folder / "items.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_csv_json_and_chinese_heads_read_alike(tmp_path: Path) -> None:
    csv = HEADER + 'B2,"drug, coated",02,12.5%,2:300;3:450.5,yes,western\nA1,床位费,01,,,,service\n'
    chinese = (
        "\ufeff编码,名称,类别,先行自付,限价,限制,种类\r\n"
        'A1,床位费,甲,,,否,service\r\nB2,"drug, coated",乙,12.5%,3:450.5;2:300,是,western\r\n'
    )
    rows: list[dict[str, Any]] = [
        {"code": "B2", "name": "drug, coated", "class": "02", "first_pay": "12.5%",
         "ceilings": "2:300;3:450.5", "restricted": True, "kind": "western"},
        {"编码": "A1", "名称": "床位费", "类别": "甲", "种类": "service"},
    ]  # fmt: skip
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n\n"
    for text in (csv, chinese, lines):
        assert read_file(written(tmp_path, text)) == CatalogueFile((BED, DRUG), ())


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("code,name\nA,b\n", "twice or missing"),
        ("code,name,class,colour\n", "unknown 'colour'"),
        ("code,name,class,name\n", "twice"),
        (HEADER + "A1,bed,01,0%,,\n", "line 2: 6 fields"),
        (HEADER + "A1,bed,01,,,,\nB1,x,02,10%,,,\nA1,bed,01,,,,\n", "line 4: A1 is in line 2"),
        (HEADER + ",bed,01,,,,\n", "line 2: the code is missing"),
        (HEADER + "A1,bed,01,,,,\nB1,bed,04,0%,,,\n", "line 3: column class"),
        (HEADER + "A1,bed,02,,,,\n", "line 2: column first_pay"),
        (HEADER + "A1,bed,02,110%,,,\n", "line 2: column first_pay"),
        (HEADER + "A1,bed,01,,9:3,,\n", "line 2: column ceilings_e6"),
        (HEADER + "A1,bed,01,,x:3,,\n", "no hospital level"),
        (HEADER + "A1,bed,01,,3.0000001,,\n", "six decimals"),
        (HEADER + "A1,bed,01,,-3,,\n", "six decimals"),
        (HEADER + "A1,bed,01,,NaN,,\n", "six decimals"),
        (HEADER + "A1,bed,01,,ten,,\n", "no price"),
        (HEADER + "A1,bed,01,,1.23457E+05,,\n", "no price"),
        (HEADER + "A1,bed,01,,1e999999999,,\n", "no price"),
        (HEADER + "A1,bed,01,,1.00000000000000000000000000001,,\n", "six decimals"),
        (HEADER + "A1,bed,01,,１２,,\n", "no price"),
        (HEADER + "A1,bed,01,,.,,\n", "no price"),
        (HEADER + "A1,bed,01,,,maybe,\n", "restricted is yes or no"),
        (HEADER + "A1,bed,01,,,,spa\n", "line 2: column kind"),
        (HEADER + "床,bed,01,,,,\n", "line 2: column code"),
        (HEADER + '"A1,bed,01,,,,\n', "not CSV"),
        ('{"code": "A1"\n', "line 1: not JSON"),
        ('{"code": "A1", "name": "x", "class": "01"}\n[]\n', "line 2: an object"),
        ('{"code": 7, "name": "x", "class": "01"}\n', "line 1: the code is missing"),
        ('{"code": "A1", "name": 7, "class": "01"}\n', "line 1: column name"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(CatalogueFileError, match=complaint):
        read_file(written(tmp_path, text))


def test_a_file_in_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "gbk.csv"
    path.write_bytes((HEADER + "A1,床位费,01,,,,\n").encode("gbk"))
    with pytest.raises(CatalogueFileError, match="UTF-8"):
        read_file(path)


# --- Parts ----------------------------------------------------------------------------------------


def many(count: int, name: str = "n" * 60) -> list[list[Any]]:
    return [[f"X{n:09d}", name, "02", "10%", [[0, n]], False, "other"] for n in range(count)]


def test_parts_hold_all_rows_in_order_and_fit() -> None:
    rows = many(30_000)
    parts = split(rows)
    assert 1 < len(parts) <= PARTS_MAX
    assert all(len(part) <= PART_BYTES_MAX for part in parts)
    metas = [check_rows(ITEMS, decode(part)) for part in parts]
    assert all(one.last < following.first for one, following in pairwise(metas))
    assert [row for part in parts for row in decode(part)] == rows


@pytest.mark.parametrize("place", [0, 7, 15_000, 29_999])
def test_one_row_more_changes_one_part_or_two(place: int) -> None:
    rows = many(30_000)
    added = [*rows[:place], ["X" + f"{place:09d}A", *rows[place][1:]], *rows[place:]]
    before, after = set(split(rows)), split(sorted(added))
    assert len([part for part in after if part not in before]) <= 2


def test_nothing_and_too_much_are_no_catalogue() -> None:
    with pytest.raises(CatalogueFileError, match="1 to 64 parts"):
        split([])
    with pytest.raises(CatalogueFileError, match="1 to 64 parts"):
        split([[f"Y{n:03d}", "n" * 500_000, "02", "10%", [], False, "other"] for n in range(66)])


CODES = st.sampled_from([f"C{n}" for n in range(12)])
CHANGES = st.dictionaries(CODES, st.one_of(st.none(), st.integers(1, 99)), max_size=8)


def change_of(told: dict[str, int | None]) -> CatalogueFile:
    rows = [[c, f"name {v}", "02", f"{v}%", [], False, "other"] for c, v in told.items() if v]
    return CatalogueFile(tuple(sorted(rows)), tuple(sorted(c for c, v in told.items() if not v)))


@given(st.lists(CHANGES, max_size=4))
def test_deltas_add_up_like_a_dictionary(days: list[dict[str, int | None]]) -> None:
    """A model: a dict of codes, None for what is gone; the newest word about a code counts."""
    base: list[Any] = [[], []]
    model: dict[str, int | None] = {}
    for told in days:
        base = decode(merge_delta(base, change_of(told)))
        model |= told
        check_rows(DELTA, base)
    assert {row[0]: int(row[3][:-1]) for row in base[0]} == {c: v for c, v in model.items() if v}
    assert set(base[1]) == {c for c, v in model.items() if not v}


def test_a_delta_that_no_longer_fits_asks_for_the_whole_file() -> None:
    big = CatalogueFile(tuple(many(15_000)), ())
    with pytest.raises(CatalogueFileError, match="without --delta-of"):
        merge_delta([[], []], big)
