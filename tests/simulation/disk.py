"""A disk that loses what disks lose: LevelDB's rules for the database, two slots for the record.

``Disk`` is what survives. ``SimKV`` is the database as one life of a node has it open: all writes
of that life end with it. A synced batch is there when ``write`` returns; one that was not synced
may be gone after a crash although a later one is there, because rotating a log does not sync the
old one (STORAGE.md section 1). Every write that waits for the disk is a point at which the power
can fail: before it, after it, and for the safety record in the middle of it.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random

from node.ordering.wal import SLOT_BYTES, Slots
from node.store.errors import DatabaseDamaged, WriteFailed
from node.store.kv import Operation
from tests.simulation.verdict import Crash

_MISSING = object()


class Image:
    """Rows that many disks begin with; nobody changes them."""

    def __init__(self, rows: Mapping[bytes, bytes]) -> None:
        self.rows = dict(rows)
        self.keys = sorted(rows)


class Disk:
    """What one machine's disk holds."""

    def __init__(self, image: Image, chance: Random) -> None:
        self.rows = dict(image.rows)
        self.keys = list(image.keys)
        self.slots: list[bytes] | None = None
        """The two slots of the safety file; None where there is no file."""
        self.chance = chance
        self.writes = 0
        """Writes so far that waited for the disk."""
        self.batch_bytes = 0
        """Of the newest batch."""
        self.crash_at = -1
        """Number of the write during which the power fails; below 0 none."""
        self.full = False
        """No space left: every write fails."""
        self.fail_at = -1
        """Number of the write whose sync fails: what it wrote may be there or not, and the next
        sync says that all is well."""
        self.reads = 0
        self.read_fails_at = -1
        """Number of the read that the device cannot do; once, as long as the node lives."""
        self.on_unread: Callable[[], None] = lambda: None
        """Told that a read has failed."""
        self.has_failed = False
        """Whether anything has failed since the machine was started: who is slow ends later."""
        self.loses_older_logs = False
        """Whether unsynced batches of older logs may go although later ones are synced."""
        self._unsynced: list[dict[bytes, bytes | None]] = []
        """What each batch that is not safe yet has overwritten, oldest first."""
        self._rotated: list[dict[bytes, bytes | None]] = []

    def step(self, apply: Callable[[], None], tear: Callable[[], None] | None = None) -> None:
        """One write that waits for the disk."""
        if self.full:
            self.has_failed = True
            raise OSError(28, "No space left on device")
        self.writes += 1
        if self.writes == self.fail_at:
            if self.chance.randrange(2):
                apply()
            self.has_failed = True
            raise OSError(5, "Input/output error")
        if self.writes != self.crash_at:
            apply()
            return
        how = self.chance.randrange(3)
        if how == 1:
            apply()
        elif how == 2 and tear is not None:
            tear()
        raise Crash

    def read(self) -> None:
        """One look into the rows. Raises what ``LevelStore`` raises for a failing device."""
        self.reads += 1
        if self.reads == self.read_fails_at:
            self.has_failed = True
            self.on_unread()
            raise DatabaseDamaged("The database cannot be read: Input/output error.")

    def put(self, batch: Sequence[Operation]) -> dict[bytes, bytes | None]:
        """Apply a batch; what was there before."""
        rows, keys = self.rows, self.keys
        before: dict[bytes, bytes | None] = {}
        self.batch_bytes = sum(len(k) + len(v or b"") for k, v in batch)
        for key, value in batch:
            old = rows.get(key)
            if key not in before:
                before[key] = old
            if value is None:
                if old is not None:
                    del rows[key]
                    del keys[bisect.bisect_left(keys, key)]
            else:
                if old is None and key not in rows:
                    bisect.insort(keys, key)
                rows[key] = value
        return before

    def wrote(self, before: dict[bytes, bytes | None], sync: bool) -> None:
        """Keep account of what a crash may take back."""
        if not sync:
            self._unsynced.append(before)
            if self.loses_older_logs and self.chance.randrange(4) == 0:
                self._rotated += self._unsynced
                self._unsynced.clear()
            return
        self._unsynced.clear()

    def lose_power(self) -> None:
        """The suffix of batches that were not synced may go; of rotated logs any batch."""
        lost = self.chance.randrange(len(self._unsynced) + 1) if self._unsynced else 0
        for before in reversed(self._unsynced[len(self._unsynced) - lost :]):
            self.put(list(before.items()))
        for before in reversed(self._rotated):
            if self.chance.randrange(2):
                self.put(list(before.items()))
        self._unsynced.clear()
        self._rotated.clear()
        self.crash_at = self.fail_at = self.read_fails_at = -1
        self.full = False


class SimKV:
    """The ``KV`` protocol over a disk, for one life of a node."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._snapshots: list[SimSnapshot] = []
        self._failed: WriteFailed | None = None
        self.down = False

    def get(self, key: bytes) -> bytes | None:
        self._check_up()
        self._disk.read()
        return self._disk.rows.get(key)

    def iterate(
        self, start: bytes, stop: bytes, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        self._check_up()
        self._disk.read()
        keys, rows = self._disk.keys, self._disk.rows
        found = keys[bisect.bisect_left(keys, start) : bisect.bisect_left(keys, stop)]
        if reverse:
            found.reverse()
        return iter([(key, rows[key]) for key in found])

    def write(self, batch: Sequence[Operation], *, sync: bool) -> None:
        self._check_up()
        if self._failed is not None:
            raise self._failed

        def apply() -> None:
            before = self._disk.put(batch)
            self._disk.wrote(before, sync)
            for snapshot in self._snapshots:
                snapshot.keep(before)

        try:
            self._disk.step(apply)
        except OSError as error:
            self._failed = WriteFailed(f"A batch was not written: {error.strerror}.")
            raise self._failed from error

    def snapshot(self) -> SimSnapshot:
        self._check_up()
        made = SimSnapshot(self._disk, self._snapshots)
        self._snapshots.append(made)
        return made

    def close(self) -> None:
        self.down = True

    def _check_up(self) -> None:
        if self.down:
            raise Crash


class SimSnapshot:
    """The rows as they were: what has changed since is kept here."""

    def __init__(self, disk: Disk, open_ones: list[SimSnapshot]) -> None:
        self._disk = disk
        self._open_ones = open_ones
        self._old: dict[bytes, bytes | None] = {}

    def keep(self, before: Mapping[bytes, bytes | None]) -> None:
        """These values were current until now."""
        for key, value in before.items():
            self._old.setdefault(key, value)

    def get(self, key: bytes) -> bytes | None:
        self._disk.read()
        found = self._old.get(key, _MISSING)
        return self._disk.rows.get(key) if found is _MISSING else found  # type: ignore[return-value]

    def iterate(
        self, start: bytes, stop: bytes, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        self._disk.read()
        keys, rows = self._disk.keys, self._disk.rows
        found = {
            key: rows[key]
            for key in keys[bisect.bisect_left(keys, start) : bisect.bisect_left(keys, stop)]
        }
        for key, value in self._old.items():
            if start <= key < stop:
                if value is None:
                    found.pop(key, None)
                else:
                    found[key] = value
        return iter(sorted(found.items(), reverse=reverse))

    def close(self) -> None:
        if self in self._open_ones:
            self._open_ones.remove(self)


class SimSlots:
    """``node.ordering.wal.Slots`` on a disk."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def read(self, slot: int) -> bytes:
        slots = self._disk.slots
        return b"" if slots is None else slots[slot]

    def write(self, slot: int, data: bytes) -> int:
        slots = self._disk.slots
        if slots is None:
            raise OSError(5, "Input/output error")
        old = slots[slot]
        cut = self._disk.chance.randrange(len(data))

        def apply() -> None:
            slots[slot] = data

        def tear() -> None:
            slots[slot] = data[:cut] + old[cut:]

        self._disk.step(apply, tear)
        return len(data)

    def close(self) -> None:
        return


class SimSafetyDisk:
    """``node.ordering.wal.SafetyDisk`` of one machine."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def open(self, path: Path) -> Slots:
        if self._disk.slots is None:
            raise FileNotFoundError(path)
        return SimSlots(self._disk)

    def create(self, path: Path) -> None:
        if self._disk.slots is not None:
            raise FileExistsError(path)
        self._disk.slots = [bytes(64), bytes(64)]


assert SLOT_BYTES > 0, "slots are compared by content here, not by their size on disk"
