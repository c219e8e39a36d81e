"""The log of looks of a stopped node: its chain of lines, and the days whose root is anchored."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from contracts.settlement import looks
from node.api.access_log import ACCESS, AccessLog, AccessLogBroken, Look
from node.ledger.codec import encode
from node.service.verifying import compare_looks
from node.store.database import Database
from node.store.state import state_rows
from tests.node.network import BUREAU, GENESIS_MS
from tests.node.store.sim_kv import SimKV

DAY_MS = 86_400_000
FIRST, SECOND = "2026-01-01", "2026-01-02"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two days of three and two looks."""
    log = AccessLog(tmp_path / ACCESS)
    for day, count in enumerate((3, 2)):
        for number in range(count):
            at = GENESIS_MS + day * DAY_MS + number
            log.write(Look(at, 7, BUREAU, "s:clerk", "clerk", "claim", f"claim/{number}", "p:1"))
    log.close()
    return tmp_path


def anchored(folder: Path, *days: str, organisation: str = BUREAU) -> Database:
    """A state in which the log as it stands has been anchored for these days."""
    log = AccessLog(folder / ACCESS)
    writes: dict[str, bytes | None] = {}
    for day in days:
        root = log.root(day)
        writes[looks.key_of(organisation, day)] = encode([root.count, root.root])
    log.close()
    kv = SimKV()
    kv.write(state_rows(writes, 0), sync=True)
    return Database(kv, diff_heights=1)


def day_file(folder: Path, day: str) -> Path:
    return folder / ACCESS / f"access-{day}.jsonl"


def test_what_is_whole_is_counted(folder: Path) -> None:
    found = compare_looks(folder / ACCESS, anchored(folder, FIRST), BUREAU)
    assert found == {"looks": 5, "days_anchored": 1}


def test_another_nodes_days_are_not_compared(folder: Path) -> None:
    database = anchored(folder, FIRST, organisation="bureau:440000")
    day_file(folder, SECOND).unlink()
    assert compare_looks(folder / ACCESS, database, BUREAU) == {"looks": 3, "days_anchored": 0}


def test_a_node_without_looks_has_none(tmp_path: Path) -> None:
    database = Database(SimKV(), diff_heights=1)
    assert compare_looks(tmp_path / ACCESS, database, BUREAU) == {"looks": 0, "days_anchored": 0}


def take_out(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[1:]))


def change(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"claim/0", b"claim/9"))


@pytest.mark.parametrize("harm", [take_out, change, Path.unlink])
def test_a_log_that_lost_or_changed_a_look_breaks_its_chain(
    folder: Path, harm: Callable[[Path], None]
) -> None:
    """Of an old day too: a start looks at the newest one only."""
    harm(day_file(folder, FIRST))
    with pytest.raises(AccessLogBroken, match="the chain is broken"):
        compare_looks(folder / ACCESS, Database(SimKV(), diff_heights=1), BUREAU)


def test_a_log_that_was_written_anew_is_not_the_one_that_was_anchored(folder: Path) -> None:
    database = anchored(folder, FIRST)
    lines = [json.loads(line) for line in day_file(folder, FIRST).read_bytes().splitlines()]
    for day in (FIRST, SECOND):
        day_file(folder, day).unlink()
    log = AccessLog(folder / ACCESS)
    for line in lines[1:]:
        del line["previous"]
        log.write(Look(**line))
    log.close()
    told = f"access log of {FIRST}: it has 2 looks and is not the one of 3 looks"
    with pytest.raises(AccessLogBroken, match=told):
        compare_looks(folder / ACCESS, database, BUREAU)


def test_days_cut_off_at_the_end_are_missed(folder: Path) -> None:
    database = anchored(folder, SECOND)
    day_file(folder, SECOND).unlink()
    with pytest.raises(AccessLogBroken, match=f"access log of {SECOND}: it has 0 looks"):
        compare_looks(folder / ACCESS, database, BUREAU)


def test_a_look_that_the_index_hides_is_missed(folder: Path) -> None:
    """The log has it, and the person's bureau would not be shown it; a start looks at the newest
    day only, and builds the whole index where there is none."""
    (bucket,) = (folder / ACCESS / "index").iterdir()
    first, second, *others = bucket.read_text().splitlines(keepends=True)
    bucket.write_text("".join([second.replace("p:1", "p:2"), *others]))
    nothing = Database(SimKV(), diff_heights=1)
    with pytest.raises(AccessLogBroken, match="lacks 2 looks that the log has"):
        compare_looks(folder / ACCESS, nothing, BUREAU)
    bucket.write_text("".join([first, second, others[0]]))
    assert compare_looks(folder / ACCESS, nothing, BUREAU)["looks"] == 5, "a start mends the rest"
    bucket.unlink()
    (folder / ACCESS / "index").rmdir()
    assert compare_looks(folder / ACCESS, nothing, BUREAU)["looks"] == 5
    AccessLog(folder / ACCESS).close()
    assert sorted((folder / ACCESS / "index").iterdir()) == [bucket]
