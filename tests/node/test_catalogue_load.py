"""A provincial catalogue through a real node with LevelDB: loaded, changed daily, looked up.

By default a part of its size; the whole size of 300,000 items (the issue's bound is 5 minutes)::

    YIBAO_CATALOGUE_ROWS=300000 pytest -s tests/node/test_catalogue_load.py

Nothing here asserts a time: at full size the times are printed, docs/benchmarks.md has them.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from cli.catalogue_file import CatalogueFile, read_file
from cli.catalogue_load import Target, load_increment, load_whole
from contracts.settlement.catalogue_parts import PARTS_MAX
from tests.cli.bridge import live_world, open_bridge
from tests.contracts.world import BUREAU_CHANGSHA, BUREAU_GUANGDONG
from tests.node.api.real import reader

ROWS = int(os.environ.get("YIBAO_CATALOGUE_ROWS", "20000"))
CHANGED_A_DAY = 500
NAMES = (
    "注射用头孢哌酮钠舒巴坦钠",
    "阿托伐他汀钙片",
    "一次性使用静脉留置针",
    "彩色多普勒超声常规检查",
)


def code_of(number: int) -> str:
    """A made-up code of 23 characters, ascending with the number."""
    return f"XQ{number:08d}A001010{number * 7919 % 10**6:06d}"


def text_of(number: int, percent: int) -> str:
    ceiling = f"{number % 900 + 1}.{number % 100:02d}" if number % 3 == 0 else ""
    name = f"{NAMES[number % len(NAMES)]} {number % 50}mg×{number % 30 + 1}"
    restricted = "是" if number % 9 == 0 else ""
    return f"{code_of(number)},{name},02,{percent}%,{ceiling},{restricted},western"


def write_file(path: Path, numbers: range, percent: int) -> CatalogueFile:
    head = "code,name,class,first_pay,ceilings,restricted,kind\n"
    lines = "\n".join(text_of(number, percent) for number in numbers)
    path.write_text(head + lines + "\n", encoding="utf-8")
    return read_file(path)


@pytest.mark.slow
def test_a_provincial_catalogue_and_its_daily_increment(tmp_path: Path) -> None:
    world = live_world(tmp_path / "node")
    client, bridge = open_bridge(world, BUREAU_GUANGDONG, "checker")
    times: dict[str, float] = {}

    def timed(name: str, action: Any) -> Any:
        started = time.monotonic()
        result = action()
        times[name] = round(time.monotonic() - started, 2)
        return result

    try:
        content = timed("read", lambda: write_file(tmp_path / "all.csv", range(ROWS), 10))
        target = Target("440000", "2025.1", "2025-06-01")
        whole = timed("load", lambda: load_whole(client, target, content, lambda *_: None))
        assert (whole.rows, whole.sent) == (ROWS, whole.parts)
        assert whole.parts <= PARTS_MAX

        days = range(0, ROWS, max(1, ROWS // CHANGED_A_DAY))
        change = write_file(tmp_path / "day.csv", days, 30)
        target = Target("440000", "2025.1-1", "2025-06-02")
        day = timed(
            "increment",
            lambda: load_increment(client, target, change, "2025.1", lambda *_: None),
        )
        assert day.sent == 1

        more = CatalogueFile((*content.rows[:-1], content.rows[-1][:1] + change.rows[0][1:]), ())
        target = Target("440000", "2025.2", "2025-07-01")
        bridge.submitted.clear()
        next_year = timed("again", lambda: load_whole(client, target, more, lambda *_: None))
        assert next_year.sent == 1, "one row changed: one part is sent"

        for number in (0, 1, ROWS // 2, ROWS - 1):
            for date, percent in (("2025-06-01", "10%"), ("2025-06-15", "30%")):
                path = f"/v1/catalogues/440100/items/{code_of(number)}"
                found = world.api.get(path, reader(BUREAU_CHANGSHA), f"date={date}").json()
                expected = percent if number in days else "10%"
                assert found["record"]["first_pay"] == expected, (number, date)
        print(f"\n{ROWS} items, {whole.parts} parts: {times} s")
    finally:
        world.close()
