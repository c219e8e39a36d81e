"""Memory of a process, what is its own apart from files that it has mapped."""

from __future__ import annotations

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
