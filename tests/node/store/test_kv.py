"""The store protocol: one suite for LevelDB and for the in-memory twin, and LevelDB's refusals."""

from __future__ import annotations

import ast
import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.store import leveldb
from node.store.errors import DatabaseBarred, DatabaseDamaged, DatabaseInUse, WriteFailed
from node.store.kv import KV
from node.store.leveldb import LevelStore
from tests.node.store.sim_kv import SimKV

KEYS = st.binary(min_size=1, max_size=3)
BATCHES = st.lists(st.tuples(KEYS, st.none() | st.binary(max_size=4)), max_size=8)


@pytest.fixture(params=["leveldb", "memory"])
def kv(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[KV]:
    store: KV = LevelStore(tmp_path / "db") if request.param == "leveldb" else SimKV()
    yield store
    store.close()


def test_a_batch_is_applied_in_order(kv: KV) -> None:
    kv.write([(b"a", b"1"), (b"b", b"2"), (b"a", None), (b"c", b"3"), (b"c", b"4")], sync=True)
    assert list(kv.iterate(b"", b"\xff")) == [(b"b", b"2"), (b"c", b"4")]
    assert kv.get(b"a") is None


def test_a_range_excludes_its_end_and_runs_both_ways(kv: KV) -> None:
    kv.write([(bytes([n]), b"x") for n in range(1, 6)], sync=False)
    assert [key[0] for key, _ in kv.iterate(b"\x02", b"\x05")] == [2, 3, 4]
    assert [key[0] for key, _ in kv.iterate(b"\x02", b"\x05", reverse=True)] == [4, 3, 2]


def test_iterators_and_snapshots_see_one_moment(kv: KV) -> None:
    kv.write([(b"a", b"1")], sync=True)
    snapshot, rows = kv.snapshot(), kv.iterate(b"", b"\xff")
    kv.write([(b"a", None), (b"b", b"2")], sync=True)
    assert snapshot.get(b"a") == b"1"
    assert list(snapshot.iterate(b"", b"\xff")) == [(b"a", b"1")]
    assert list(rows) == [(b"a", b"1")]
    assert kv.get(b"a") is None
    snapshot.close()


@settings(max_examples=30)
@given(st.lists(BATCHES, max_size=6), KEYS, KEYS)
def test_leveldb_and_the_twin_agree(
    tmp_path_factory: pytest.TempPathFactory,
    batches: list[list[tuple[bytes, bytes | None]]],
    start: bytes,
    stop: bytes,
) -> None:
    folder = tmp_path_factory.mktemp("db") / "db"
    level, twin = LevelStore(folder), SimKV()
    for batch in batches:
        level.write(batch, sync=False)
        twin.write(batch, sync=False)
    assert list(level.iterate(b"", b"\xff" * 4)) == list(twin.iterate(b"", b"\xff" * 4))
    low, high = sorted((start, stop))
    assert list(level.iterate(low, high)) == list(twin.iterate(low, high))
    level.close()
    again = LevelStore(folder, create=False)
    assert list(again.iterate(b"", b"\xff" * 4)) == list(twin.iterate(b"", b"\xff" * 4))
    again.close()


@pytest.mark.parametrize("sync", [True, False])
def test_leveldb_is_asked_to_sync_what_the_caller_wants_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sync: bool
) -> None:
    store, asked = LevelStore(tmp_path / "db"), []
    real = store._db

    def write_batch(**options: object) -> object:
        asked.append(options)
        return real.write_batch(**options)

    monkeypatch.setattr(store, "_db", SimpleNamespace(write_batch=write_batch))
    store.write([(b"a", b"1")], sync=sync)
    assert asked == [{"sync": sync}]
    assert real.get(b"a") == b"1"
    real.close()


def test_the_node_writes_nothing_that_may_vanish() -> None:
    """No store of the tests loses an unsynced batch unless it crashes right behind it, so each of
    forty places could lose its flag unseen. A place that wants to be fast says here why it may."""
    root = Path(leveldb.__file__).resolve().parents[1]
    unsynced = [
        f"{path.relative_to(root)}:{call.lineno}"
        for path in sorted(root.rglob("*.py"))
        if path.name not in ("leveldb.py", "kv.py")
        for call in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(call, ast.Call)
        for option in call.keywords
        if option.arg == "sync"
        if not (isinstance(option.value, ast.Constant) and option.value.value is True)
    ]
    assert unsynced == []


def test_a_second_opener_is_told_that_the_database_is_in_use(tmp_path: Path) -> None:
    store = LevelStore(tmp_path / "db")
    with pytest.raises(DatabaseInUse, match="another process"):
        LevelStore(tmp_path / "db")
    store.close()


def test_a_folder_that_cannot_be_used_is_neither_in_use_nor_damaged(tmp_path: Path) -> None:
    """Found by attack: a read-only mount was reported as another process, which nobody finds."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DatabaseBarred, match="Nothing says that the data is damaged"):
        LevelStore(tmp_path / "file" / "db")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
def test_a_full_disk_is_no_damaged_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Found by a run on a full file system: the second start advised to empty the data folder."""

    def refuse(*_: object, **_options: object) -> None:
        raise leveldb.plyvel.IOError(f"{tmp_path}/db/MANIFEST-000018: {os.strerror(number)}")

    monkeypatch.setattr(leveldb.plyvel, "DB", refuse)
    with pytest.raises(WriteFailed, match="make room"):
        LevelStore(tmp_path / "db")


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE])
def test_a_file_that_may_not_be_opened_is_not_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Found by a run as another user after a start by root: it advised to empty the data folder."""
    words = f"{tmp_path}/db/000018.ldb: {os.strerror(number)}"

    def refuse(*_: object, **_options: object) -> None:
        raise leveldb.plyvel.IOError(words)

    store = LevelStore(tmp_path / "db")
    with monkeypatch.context() as patched:
        patched.setattr(store, "_db", SimpleNamespace(get=refuse, close=store._db.close))
        with pytest.raises(DatabaseBarred, match=r"cannot be read: 000018\.ldb"):
            store.get(b"k")
    store.close()
    monkeypatch.setattr(leveldb.plyvel, "DB", refuse)
    with pytest.raises(DatabaseBarred, match=r"cannot be used: 000018\.ldb"):
        LevelStore(tmp_path / "db")


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    store = LevelStore(tmp_path / "db")
    code = (
        "import sys; from pathlib import Path; from node.store.leveldb import LevelStore;"
        "LevelStore(Path(sys.argv[1]))"
    )
    other = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "db")], capture_output=True, text=True
    )
    store.close()
    assert other.returncode == 1
    assert "DatabaseInUse" in other.stderr


@pytest.mark.parametrize("name", ["CURRENT", "MANIFEST"])
def test_missing_manifest_files_are_refused(tmp_path: Path, name: str) -> None:
    store = LevelStore(tmp_path / "db")
    store.write([(b"a", b"1")], sync=True)
    store.close()
    next((tmp_path / "db").glob(f"{name}*")).unlink()
    with pytest.raises(DatabaseDamaged, match="does not start"):
        LevelStore(tmp_path / "db", create=False)
