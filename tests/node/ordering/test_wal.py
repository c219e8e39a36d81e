"""``safety.dat``: torn writes leave the record before, foreign and damaged files are refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.ordering import wal
from node.ordering.wal import PAGE_BYTES, SLOT_BYTES, SafetyError, SafetyFile, SafetyLost

BINDING = b"chain and key"


def test_the_newest_record_is_read_back(tmp_path: Path) -> None:
    file = SafetyFile.create(tmp_path / "safety.dat", BINDING, b"zero")
    for number in range(5):
        file.save(f"record {number}".encode() * (1 + 300 * number))
    file.close()
    again = SafetyFile(tmp_path / "safety.dat", BINDING)
    assert again.load() == b"record 4" * 1201
    again.save(b"next")
    assert SafetyFile(tmp_path / "safety.dat", BINDING).load() == b"next"


def test_the_record_before_stays_whatever_happens_to_the_newest(tmp_path: Path) -> None:
    path = tmp_path / "safety.dat"
    file = SafetyFile.create(path, BINDING, b"first")
    for record in (b"second", b"third", b"fourth"):
        file.save(record)
    file.close()
    data = bytearray(path.read_bytes())
    data[data.index(b"fourth")] ^= 1
    path.write_bytes(bytes(data))
    assert SafetyFile(path, BINDING).load() == b"third"


def test_it_is_made_once(tmp_path: Path) -> None:
    SafetyFile.create(tmp_path / "safety.dat", BINDING, b"a").close()
    with pytest.raises(FileExistsError):
        SafetyFile.create(tmp_path / "safety.dat", BINDING, b"b")
    assert (tmp_path / "safety.dat").stat().st_size == 2 * SLOT_BYTES
    assert (tmp_path / "safety.dat").stat().st_mode & 0o077 == 0


def test_a_missing_file_says_that_the_key_is_burnt(tmp_path: Path) -> None:
    with pytest.raises(SafetyLost, match="must not sign again"):
        SafetyFile(tmp_path / "safety.dat", BINDING)


def test_another_keys_file_is_refused(tmp_path: Path) -> None:
    SafetyFile.create(tmp_path / "safety.dat", BINDING, b"a").close()
    with pytest.raises(SafetyLost):
        SafetyFile(tmp_path / "safety.dat", b"another").load()


@settings(max_examples=60)
@given(st.integers(0, PAGE_BYTES), st.binary(min_size=1, max_size=64))
def test_a_torn_write_leaves_the_record_before(
    tmp_path_factory: pytest.TempPathFactory, cut: int, garbage: bytes
) -> None:
    path = tmp_path_factory.mktemp("wal") / "safety.dat"
    file = SafetyFile.create(path, BINDING, b"first")
    file.save(b"second")
    file.close()
    # The third record goes where the first one is: any mixture of old and new there is harmless.
    slot = 1 if path.read_bytes()[SLOT_BYTES : SLOT_BYTES + 8] == b"YIBAOSF1" else 0
    copy = tmp_path_factory.mktemp("wal") / "safety.dat"
    copy.write_bytes(path.read_bytes())
    third = SafetyFile(copy, BINDING)
    third.load()
    third.save(b"third")
    whole, torn = copy.read_bytes(), bytearray(path.read_bytes())
    places = [s for s in (0, 1) if whole[s * SLOT_BYTES :][:64] != torn[s * SLOT_BYTES :][:64]]
    assert len(places) == 1, "one slot is written, the other is not touched"
    start = places[0] * SLOT_BYTES
    torn[start : start + cut] = whole[start : start + cut]
    torn[start + cut : start + cut + len(garbage)] = garbage
    path.write_bytes(bytes(torn))
    found = SafetyFile(path, BINDING).load()
    assert found in (b"second", b"third")
    assert slot in (0, 1)


@pytest.mark.parametrize("saved", [1, 2])
def test_a_discarded_record_is_a_lost_one(tmp_path: Path, saved: int) -> None:
    path = tmp_path / "safety.dat"
    file = SafetyFile.create(path, BINDING, b"first")
    for _ in range(saved):
        file.save(b"another")
    file.discard()
    with pytest.raises(SafetyError, match="not written again"):
        file.save(b"third")
    with pytest.raises(SafetyLost, match="key-elsewhere"):
        SafetyFile(path, BINDING).load()


def fail(descriptor: int) -> None:
    """A sync on a disk that is failing."""
    raise OSError(5, "Input/output error")


def test_a_record_that_cannot_be_discarded_is_told_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is valid all the same: the next start would believe it."""
    file = SafetyFile.create(tmp_path / "safety.dat", BINDING, b"first")
    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(SafetyError, match=r"Input/output error\. Move it away before"):
        file.discard()


def test_both_slots_damaged_is_a_lost_record(tmp_path: Path) -> None:
    path = tmp_path / "safety.dat"
    file = SafetyFile.create(path, BINDING, b"first")
    file.save(b"second")
    data = bytearray(path.read_bytes())
    data[54] ^= 1
    data[SLOT_BYTES + 54] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(SafetyLost, match="no valid record"):
        SafetyFile(path, BINDING).load()


def test_after_a_failed_sync_nothing_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = SafetyFile.create(tmp_path / "safety.dat", BINDING, b"first")
    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(SafetyError, match="Input/output error"):
        file.save(b"second")
    monkeypatch.undo()
    with pytest.raises(SafetyError, match="not written again"):
        file.save(b"third")


def test_after_a_short_write_nothing_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = SafetyFile.create(tmp_path / "safety.dat", BINDING, b"first")
    monkeypatch.setattr(os, "pwrite", lambda _fd, data, _offset: len(data) - 1)
    with pytest.raises(SafetyError, match="were written"):
        file.save(b"second")
    monkeypatch.undo()
    with pytest.raises(SafetyError, match="not written again"):
        file.save(b"third")


def test_a_record_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    file = SafetyFile.create(tmp_path / "safety.dat", BINDING, b"first")
    with pytest.raises(SafetyError, match="does not fit"):
        file.save(bytes(SLOT_BYTES))
    assert file.load() == b"first"


class PageCache:
    """``os`` over a disk that is written when somebody syncs: what was only written goes with the
    power. A sync that fails leaves the pages clean: the next one says that all is well. A page on
    its way when the power goes may be spoilt, so the two slots are never on their way together."""

    def __init__(self) -> None:
        self.cached = bytearray(2 * SLOT_BYTES)
        self.disk = bytearray(self.cached)
        self.dirty: set[int] = set()
        """Numbers of the pages that the cache has and the disk not yet."""
        self.trouble: BaseException | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        return bytes(self.cached[offset : offset + size])

    def pwrite(self, fd: int, data: bytes, offset: int) -> int:
        other = [
            page for page in self.dirty if page * PAGE_BYTES // SLOT_BYTES * SLOT_BYTES != offset
        ]
        assert not other, "both slots wait for the disk"
        self.cached[offset : offset + len(data)] = data
        self.dirty |= set(range(offset // PAGE_BYTES, -(-(offset + len(data)) // PAGE_BYTES)))
        return len(data)

    def fdatasync(self, fd: int) -> None:
        if self.trouble is not None:
            trouble, self.trouble = self.trouble, None
            # The process is killed before the sync, or the device refuses and the kernel forgets.
            if not isinstance(trouble, KeyboardInterrupt):
                self.dirty.clear()
            raise trouble
        for start in (page * PAGE_BYTES for page in self.dirty):
            self.disk[start : start + PAGE_BYTES] = self.cached[start : start + PAGE_BYTES]
        self.dirty.clear()

    def lose_power(self) -> None:
        self.cached = bytearray(self.disk)
        self.dirty.clear()


@pytest.mark.parametrize("before", [(b"first",), (b"first", b"second")])
@pytest.mark.parametrize("trouble", [OSError(5, "Input/output error"), KeyboardInterrupt()])
def test_what_a_start_finds_is_there_after_the_power_went(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: BaseException, before: tuple[bytes]
) -> None:
    """A restarted node signs again what its record covers, and writes nothing for it. What it read
    must not be in the cache alone."""
    path, system = tmp_path / "safety.dat", PageCache()
    SafetyFile.create(path, BINDING, b"real").close()
    monkeypatch.setattr(wal, "os", system)
    file = SafetyFile(path, BINDING)
    for record in before:
        file.save(record)
    system.trouble = trouble
    with pytest.raises((SafetyError, KeyboardInterrupt)):
        file.save(b"third")
    found = SafetyFile(path, BINDING).load()
    assert found == b"third"
    system.lose_power()
    assert SafetyFile(path, BINDING).load() == found


def test_a_new_file_and_its_name_are_on_the_disk_before_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first signature rests on it: a file that is gone after a power cut is a key without a
    memory, and one made again would let it sign twice."""
    path, told = tmp_path / "safety.dat", []

    class Watched(PageCache):
        def fsync(self, fd: int) -> None:
            held = Path(f"/proc/self/fd/{fd}").resolve()
            told.append((held, held.stat().st_size if held.is_file() else None))

    monkeypatch.setattr(wal, "os", Watched())
    wal.DISK.create(path)
    assert told == [(path.resolve(), 2 * SLOT_BYTES), (tmp_path.resolve(), None)]
