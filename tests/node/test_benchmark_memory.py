"""A process's memory as the benchmark reads it: a mapped file is not its own."""

from __future__ import annotations

import ctypes
import mmap
import os
import subprocess
import sys
from pathlib import Path

import pytest

from node.benchmark.gauges import Gauges
from node.benchmark.memory import read_memory

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


LARGE = """
import ctypes, sys
from node.benchmark.memory import keep_large_apart
class Info(ctypes.Structure):
    _fields_ = [(f"f{n}", ctypes.c_size_t) for n in range(10)]
libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Info
if sys.argv[1] == "apart":
    keep_large_apart()
first = bytearray(8 << 20)
del first
before = libc.mallinfo2().f4  # bytes that are mapped for single pieces
kept = bytearray(1 << 20)
print(libc.mallinfo2().f4 - before)
"""


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="this C library has no mallinfo2"
)
def test_a_large_piece_stays_apart_also_after_another_was_freed() -> None:
    def mapped(word: str) -> int:
        command = [sys.executable, "-c", LARGE, word]
        return int(subprocess.run(command, capture_output=True, check=True, text=True).stdout)

    assert mapped("as usual") == 0, "the library put it among the small ones"
    assert mapped("apart") >= 1 << 20


def test_what_is_allocated_is_the_processes_own_and_shows_as_growth() -> None:
    gauges = Gauges([], [os.getpid()])
    assert gauges.memory(0) == {}
    gauges.sample_memory()
    kept = b"\1" * SIZE
    gauges.sample_memory()
    told = gauges.memory(0)
    assert told["own_grown_after_first_minute_percent"][0] > 0
    assert told["resident_mb"][0] - told["mapped_mb"][0] > len(kept) / 2e6
