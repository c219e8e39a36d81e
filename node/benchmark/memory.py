"""Memory of a process, what is its own apart from files that it has mapped."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from pathlib import Path

KIB = 1024


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


def return_unused() -> None:
    """Give the system back what this process has freed and its C library still keeps.

    LevelDB takes its table in memory piece by piece and frees it at once; what else was asked for
    meanwhile lies between the pieces, so the next table finds other room, and the process seems to
    grow. Some ten milliseconds. Does nothing where the C library cannot.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
