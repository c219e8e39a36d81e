"""Memory of a process, what is its own apart from files that it has mapped."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from pathlib import Path

KIB = 1024
MALLOC_TRIM_THRESHOLD, MALLOC_MMAP_THRESHOLD = -1, -3
"""glibc's names for what ``mallopt`` sets."""
LARGE_BYTES = 128 * KIB
"""glibc's own first idea of a large piece."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident bytes of a process."""

    own: int
    """Of no file: its heap and stacks."""
    mapped: int
    """Of files: the program, and database files as far as they were read."""


def read_memory(pid: int) -> Memory:
    """What a process holds now; nothing where it has ended."""
    rows = {}
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(":")
        if name.startswith("Rss"):
            rows[name] = int(value.split()[0]) * KIB
    return Memory(rows.get("RssAnon", 0), rows.get("RssFile", 0) + rows.get("RssShmem", 0))


def keep_large_apart() -> None:
    """Have large pieces of memory mapped each for itself, for as long as this process lives.

    glibc starts so, but takes every large piece that is freed as a sign to put such pieces among
    the small ones from then on, up to 32 MB: a node's blocks of a megabyte come and go there and
    leave holes, 40 MB in a year of the country. To be called before threads are started. Does
    nothing where the C library cannot.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(MALLOC_MMAP_THRESHOLD, LARGE_BYTES)
        mallopt(MALLOC_TRIM_THRESHOLD, LARGE_BYTES)
