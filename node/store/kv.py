"""The key-value store that everything durable goes through, as a small protocol.

Keys and values are bytes; keys are ordered by their bytes. A batch is all or nothing. The node
runs on ``leveldb.LevelStore``; tests run the same code on an in-memory store that crashes on
demand. Whatever must not be lost or reordered is written with ``sync=True`` itself: an unsynced
batch may vanish although a later synced one is there (STORAGE.md section 1, fact 3).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

Operation = tuple[bytes, bytes | None]
"""One change: key and new value, or key and None to delete."""


class Reader(Protocol):
    """Reading, either of the live store or of a snapshot."""

    def get(self, key: bytes) -> bytes | None:
        """The value, or None. Raises ``DatabaseDamaged`` when a checksum is off."""

    def iterate(
        self, start: bytes, stop: bytes, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Rows with ``start <= key < stop`` in key order, as they were when the call was made."""


class Snapshot(Reader, Protocol):
    """The store as it was at one moment; close it when done."""

    def close(self) -> None: ...


class KV(Reader, Protocol):
    """The live store. Any thread may read; one thread writes."""

    def write(self, batch: Sequence[Operation], *, sync: bool) -> None:
        """Apply all of the batch or nothing; with ``sync`` it is on disk when this returns.

        Raises ``WriteFailed``: the process must stop, whether the batch is there is unknown.
        """

    def snapshot(self) -> Snapshot: ...

    def close(self) -> None: ...
