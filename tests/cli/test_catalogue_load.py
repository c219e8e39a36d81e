"""``yibao catalogue load`` through the edge of a real node: whole, again, increments, refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cli import catalogue_load
from cli.catalogue_file import CatalogueFile, CatalogueFileError
from cli.catalogue_load import Target, load_increment, load_whole
from tests.cli.bridge import live_world, open_bridge
from tests.cli.running import yibao
from tests.contracts.world import BUREAU_CHANGSHA, BUREAU_GUANGDONG
from tests.node.api.real import NodeWorld, reader

REGION, FROM = "440000", "2025-06-01"


def rows(count: int, percent: int = 10) -> list[list[Any]]:
    return [[f"X{n:09d}", f"item {n}", "02", f"{percent}%", [], False, "other"]
            for n in range(count)]  # fmt: skip


class Seen:
    """Remembers what the progress bar was told."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, int]] = []

    def __call__(self, done: int, total: int) -> None:
        self.steps.append((done, total))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[NodeWorld]:
    made = live_world(tmp_path / "node")
    yield made
    made.close()


def item(world: NodeWorld, code: str, date: str = "2025-06-05") -> Any:
    path = f"/v1/catalogues/440100/items/{code}"
    reply = world.api.get(path, reader(BUREAU_CHANGSHA), f"date={date}")
    return reply.json()["record"] if reply.status == 200 else reply.code


def test_whole_then_again_then_increments(world: NodeWorld) -> None:
    client, bridge = open_bridge(world, BUREAU_GUANGDONG, "checker")
    content, seen = CatalogueFile(tuple(rows(8_000)), ()), Seen()
    first = load_whole(client, Target(REGION, "v1", FROM), content, seen)
    assert (first.rows, first.sent, len(bridge.submitted)) == (8_000, first.parts, first.parts + 1)
    assert seen.steps == [(n + 1, first.parts) for n in range(first.parts)]
    assert item(world, "X000000007")["first_pay"] == "10%"

    again = load_whole(client, Target(REGION, "v1", FROM), content, Seen())
    assert (again.hash, again.sent) == (first.hash, 0)

    changed = CatalogueFile((["X000000007", "item 7", "02", "30%", [], False, "other"],), ())
    day2 = load_increment(client, Target(REGION, "v1-1", "2025-06-02"), changed, "v1", Seen())
    assert (day2.sent, day2.changed) == (1, 1)
    gone = CatalogueFile((["X999999999", "new", "01", "0%", [], False, "other"],), ("X000000009",))
    load_increment(client, Target(REGION, "v1-2", "2025-06-03"), gone, "v1-1", Seen())
    assert item(world, "X000000007")["first_pay"] == "30%", "the first day's change stays"
    assert item(world, "X000000007", "2025-06-01")["first_pay"] == "10%", "the past stays"
    assert item(world, "X000000009") == "read.not-found"
    assert item(world, "X000000009", "2025-06-02")["code"] == "X000000009"
    assert item(world, "X999999999")["class"] == "01"


def test_an_interrupted_load_goes_on_where_it_stopped(world: NodeWorld) -> None:
    client, bridge = open_bridge(world, BUREAU_GUANGDONG, "checker")
    content = CatalogueFile(tuple(rows(12_000)), ())

    def interrupt(done: int, total: int) -> None:
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_whole(client, Target(REGION, "v1", FROM), content, interrupt)
    bridge.submitted.clear()
    loaded = load_whole(client, Target(REGION, "v1", FROM), content, Seen())
    assert loaded.sent == loaded.parts - 1 > 0


def test_what_cannot_be_loaded(world: NodeWorld) -> None:
    client, bridge = open_bridge(world, BUREAU_GUANGDONG, "checker")
    target = Target(REGION, "v1", FROM)
    with pytest.raises(CatalogueFileError, match="only an increment"):
        load_whole(client, target, CatalogueFile(tuple(rows(1)), ("A1",)), Seen())
    with pytest.raises(CatalogueFileError, match="has no version v0"):
        load_increment(client, target, CatalogueFile(tuple(rows(1)), ()), "v0", Seen())
    assert bridge.submitted == []
    elsewhere = Target("430000", "v1", FROM)
    with pytest.raises(catalogue_load.NotTaken, match=r"^sender\.not-competent$"):
        load_whole(client, elsewhere, CatalogueFile(tuple(rows(1)), ()), Seen())


@contextmanager
def bridged(world: NodeWorld, post: str = "checker") -> Iterator[Any]:
    yield open_bridge(world, BUREAU_GUANGDONG, post)[0]


def test_the_command_from_file_to_version(
    world: NodeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue_load, "open_client", lambda _context: bridged(world))
    path = tmp_path / "items.csv"
    path.write_text("code,name,class,ceilings\nA1,bed,01,55.5\nB1,drug,甲,\n", encoding="utf-8")
    words = ["catalogue", "load", path, "--region", REGION, "--from", FROM, "--version"]
    shown = yibao(*words, "v1", "--json")
    assert shown.exit_code == 0, shown.output
    told = json.loads(shown.stdout)
    assert (told["rows"], told["parts"], told["parts_sent"]) == (2, 1, 1)
    assert item(world, "A1")["ceilings_e6"] == [{"level": 0, "price_e6": 55_500_000}]
    path.write_text("code,gone\nB1,yes\n", encoding="utf-8")
    assert yibao(*words, "v2", "--delta-of", "v1").exit_code == 0
    assert item(world, "B1") == "read.not-found"
    refused = yibao(*words, "v1", "--delta-of", "v1", "--json")
    assert refused.exit_code == 1
    assert json.loads(refused.stdout)["receipt"]["code"] == "catalogue.duplicate-version"


def test_the_command_says_what_is_wrong_with_the_file(tmp_path: Path) -> None:
    words = ["--region", REGION, "--from", FROM, "--version", "v1"]
    absent = yibao("catalogue", "load", tmp_path / "none.csv", *words)
    assert (absent.exit_code, "cannot read" in absent.stderr) == (6, True)
    path = tmp_path / "items.csv"
    path.write_text("code,name,class\nA1,bed,09\n", encoding="utf-8")
    wrong = yibao("catalogue", "load", path, *words)
    assert (wrong.exit_code, "line 2: column class" in wrong.stderr) == (2, True)
