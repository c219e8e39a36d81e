"""LevelDB through plyvel: the one file that knows it.

Checks are always on: ``paranoid_checks`` when opening and ``verify_checksums`` on each read,
because without them a flipped bit in a table block comes back as a wrong value (STORAGE.md
section 1). They are not enough (a truncated log opens silently): ``blocks`` has the node's own
checks above them.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

try:
    import plyvel
except ImportError:
    # plyvel publishes no wheel for Python 3.13 and newer; its fork is the same source under
    # another name. plyvel goes first, so that who builds it from source uses what they built.
    import plyvel_next as plyvel

from node.store.errors import DatabaseBarred, DatabaseDamaged, DatabaseInUse, WriteFailed, folder_of
from node.store.kv import Operation, Snapshot

WRITE_BUFFER_BYTES = 64 << 20
"""Memtable. A few busy seconds fit, so that what changes often is merged in memory; each restart
replays at most this much log."""
TABLE_BYTES = 8 << 20
"""A table file. Of LevelDB's own 2 MiB a year of a province would be a million files."""
COMPRESSION = None
"""None: the library's Snappy, as its wheel is built, took half of the whole process's processor
time (DECISIONS, D74). Tables that were written compressed are read all the same."""
BLOCK_CACHE_BYTES = 128 << 20
"""Uncompressed table blocks in memory: the hot part of the state of a million keys."""
BLOOM_BITS = 10
"""About 1 % false reads of a table for an absent key (LevelDB's own recommendation)."""
OPEN_FILES_MAX = 500
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS)
"""Of an opening, which writes a file: the disk's fault, and nothing is damaged for it."""


BARRED_ERRORS = (errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE)
"""Of a file that may not be opened, or not now: nobody knows anything of what it holds. One start
by another user is enough, who owns the newest files from then on."""


class LevelStore:
    """A LevelDB folder. Opening raises the errors of ``store.errors``."""

    def __init__(
        self, path: Path, *, create: bool = True, write_buffer_bytes: int = WRITE_BUFFER_BYTES
    ) -> None:
        self.path = path
        self._failed: WriteFailed | None = None
        # LevelDB puts what it holds in memory into the heap of the thread that writes. The thread
        # that executes has long-lived records in its heap: between these, tens of MB of memtable
        # that come and go would leave holes.
        self._writer = ThreadPoolExecutor(1, "leveldb-write")
        try:
            self._db = plyvel.DB(
                str(path),
                create_if_missing=create,
                paranoid_checks=True,
                write_buffer_size=write_buffer_bytes,
                lru_cache_size=BLOCK_CACHE_BYTES,
                bloom_filter_bits=BLOOM_BITS,
                max_open_files=OPEN_FILES_MAX,
                max_file_size=TABLE_BYTES,
                compression=COMPRESSION,
            )
        except plyvel.IOError as error:
            # The file LOCK is opened first and then locked: only the latter says "lock <file>".
            if "error: lock " in str(error).lower():
                raise DatabaseInUse(f"{folder_of(path)} is open in another process.") from error
            if "/LOCK: " in str(error) or _is_of(error, BARRED_ERRORS):
                raise DatabaseBarred(
                    f"{folder_of(path)} cannot be used: {_plain(error)}."
                ) from error
            if _is_of(error, DISK_ERRORS):
                raise WriteFailed(
                    f"{folder_of(path)} cannot be opened: {_plain(error)}."
                ) from error
            raise DatabaseDamaged(
                f"{folder_of(path)} cannot be opened: {_plain(error)}."
            ) from error
        except plyvel.Error as error:
            raise DatabaseDamaged(
                f"{folder_of(path)} cannot be opened: {_plain(error)}."
            ) from error

    def get(self, key: bytes) -> bytes | None:
        try:
            value: bytes | None = self._db.get(key, verify_checksums=True)
        except plyvel.Error as error:
            raise self._damaged(error) from error
        return value

    def iterate(
        self, start: bytes, stop: bytes, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        return _rows(self, self._db, start, stop, reverse)

    def write(self, batch: Sequence[Operation], *, sync: bool) -> None:
        self._writer.submit(self._write, batch, sync).result()

    def _write(self, batch: Sequence[Operation], sync: bool) -> None:
        if self._failed is not None:
            raise self._failed
        try:
            with self._db.write_batch(sync=sync) as writer:
                put, delete = writer.put, writer.delete
                for key, value in batch:
                    if value is None:
                        delete(key)
                    else:
                        put(key, value)
        except plyvel.Error as error:
            self._failed = WriteFailed(f"A batch was not written: {_plain(error)}.")
            raise self._failed from error

    def snapshot(self) -> Snapshot:
        return LevelSnapshot(self, self._db.snapshot())

    def close(self) -> None:
        self._writer.shutdown()
        self._db.close()

    def _damaged(self, error: Exception) -> DatabaseDamaged | DatabaseBarred:
        if _is_of(error, BARRED_ERRORS):
            return DatabaseBarred(f"{folder_of(self.path)} cannot be read: {_plain(error)}.")
        return DatabaseDamaged(f"{folder_of(self.path)} gives back damaged data: {_plain(error)}.")


class LevelSnapshot:
    """A moment of the store. Reading it does not hold up writing."""

    def __init__(self, store: LevelStore, snapshot: Any) -> None:
        self._store = store
        self._snapshot = snapshot

    def get(self, key: bytes) -> bytes | None:
        try:
            value: bytes | None = self._snapshot.get(key, verify_checksums=True)
        except plyvel.Error as error:
            raise self._store._damaged(error) from error
        return value

    def iterate(
        self, start: bytes, stop: bytes, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        return _rows(self._store, self._snapshot, start, stop, reverse)

    def close(self) -> None:
        self._snapshot.close()


def _rows(
    store: LevelStore, source: Any, start: bytes, stop: bytes, reverse: bool
) -> Iterator[tuple[bytes, bytes]]:
    """Rows of a range. The underlying iterator is made here, so that it sees this moment."""
    iterator = source.iterator(start=start, stop=stop, reverse=reverse, verify_checksums=True)

    def walk() -> Iterator[tuple[bytes, bytes]]:
        try:
            yield from iterator
        except plyvel.Error as error:
            raise store._damaged(error) from error
        finally:
            iterator.close()

    return walk()


def _is_of(error: Exception, numbers: Iterable[int]) -> bool:
    """Whether LevelDB ran into one of these errors of the system; it has only their words."""
    return any(os.strerror(number) in str(error) for number in numbers)


def _plain(error: Exception) -> str:
    """LevelDB's words without the machine's path."""
    text = str(error)
    return text.rsplit("/", 1)[-1].removeprefix("b'").rstrip("'.")
