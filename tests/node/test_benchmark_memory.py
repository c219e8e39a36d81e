"""A process's memory as the benchmark reads it: a mapped file is not its own."""

from __future__ import annotations

import ctypes
import mmap
import os
from pathlib import Path

import pytest

from node.benchmark.gauges import Gauges
from node.benchmark.memory import read_memory, return_unused

SIZE = 64 << 20


def test_a_mapped_file_is_resident_and_not_the_processes_own(tmp_path: Path) -> None:
    path = tmp_path / "table"
    path.write_bytes(bytes(SIZE))
    before = read_memory(os.getpid())
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert sum(mapped[:: mmap.PAGESIZE]) == 0
        after = read_memory(os.getpid())
    assert after.mapped - before.mapped > SIZE // 2
    assert after.own - before.own < SIZE // 2


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="this C library has no malloc_trim"
)
def test_what_was_freed_in_pieces_goes_back_to_the_system() -> None:
    """Pieces of 4 KB, as LevelDB's; one in a hundred stays, as what is asked for in between."""
    pieces = [bytes([n % 256]) * (4096 - 64) for n in range(SIZE // 4096)]
    kept = pieces[::100]
    del pieces
    before = read_memory(os.getpid()).own
    return_unused()
    assert before - read_memory(os.getpid()).own > SIZE // 2
    assert kept


def test_what_is_allocated_is_the_processes_own_and_shows_as_growth() -> None:
    gauges = Gauges([], [os.getpid()])
    assert gauges.memory(0) == {}
    gauges.sample_memory()
    kept = b"\1" * SIZE
    gauges.sample_memory()
    told = gauges.memory(0)
    assert told["own_grown_after_first_minute_percent"][0] > 0
    assert told["resident_mb"][0] - told["mapped_mb"][0] > len(kept) / 2e6
