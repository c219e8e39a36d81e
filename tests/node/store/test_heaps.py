"""In whose heap the database's memory lies, as the C library tells it."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

WRITTEN = 16 << 20
"""Bytes of rows, less than the table in memory takes: all of it is there at the end."""
HEAPS = f"""
import ctypes, pathlib, sys
from xml.etree import ElementTree
from node.store.leveldb import LevelStore

libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
libc.fclose.argtypes = [ctypes.c_void_p]
libc.malloc_info.argtypes = [ctypes.c_int, ctypes.c_void_p]
folder = pathlib.Path(sys.argv[1])

def sizes():
    file = libc.fopen(bytes(folder / "heaps"), b"w")
    libc.malloc_info(0, file)
    libc.fclose(file)
    root = ElementTree.parse(folder / "heaps").getroot()
    return [int(heap.find("system[@type='current']").get("size")) for heap in root.iter("heap")]

store = LevelStore(folder / "db")
before = sizes()
for batch in range({WRITTEN} >> 16):
    store.write([(b"%d/%d" % (batch, row), bytes(256)) for row in range(256)], sync=False)
after = sizes()
print(after[0] - before[0], sum(after) - sum(before))
store.close()
"""


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "malloc_info"), reason="this C library has no malloc_info"
)
def test_the_table_in_memory_lies_apart_from_what_the_writing_thread_keeps(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HEAPS, str(tmp_path)]
    # Whoever runs the tests may have told the library to have one heap for all (MALLOC_ARENA_MAX).
    env = {name: value for name, value in os.environ.items() if "MALLOC" not in name}
    told = subprocess.run(command, env=env, capture_output=True, check=True, text=True).stdout
    here, everywhere = map(int, told.split())
    assert everywhere > WRITTEN
    assert here < WRITTEN // 8
