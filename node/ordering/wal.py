"""``safety.dat``: what the node's key has bound itself to, durable before any signature leaves.

Two slots of one pre-allocated file are written in turn, each with a counter and a digest, each
write followed by fdatasync. A crash in the middle of a write spoils the slot that is being written
and leaves the other, which is the record that all signatures so far rest on. The newest valid slot
counts. When no slot is valid the key is burnt: the node may follow, it may not sign
(CONSENSUS.md section 10.4).

A slot is 64 KiB: a record of 63 validators with a prepared certificate takes about 3 KiB, with a
view change 9 KiB, with its NEW-VIEW 14 KiB. Only the pages in use are written.
"""

from __future__ import annotations

import hashlib
import os
import struct
from pathlib import Path
from typing import Final, Protocol

MAGIC = b"YIBAOSF1"
SLOT_BYTES = 64 << 10
PAGE_BYTES = 4 << 10
_HEAD = struct.Struct(">8sQI32s")
"""Magic, counter, length of the record, SHA-256 of magic, binding, counter, length and record."""


class SafetyError(Exception):
    """``safety.dat`` is missing, foreign or damaged, or could not be written."""


class SafetyLost(SafetyError):  # noqa: N818  (states the fact)
    """No valid record: the key is burnt."""


class Slots(Protocol):
    """The two slots, open."""

    def read(self, slot: int) -> bytes:
        """Up to ``SLOT_BYTES`` bytes of a slot."""

    def write(self, slot: int, data: bytes) -> int:
        """Write and wait for the disk; how many bytes. Raises ``OSError``."""

    def close(self) -> None: ...


class SafetyDisk(Protocol):
    """Where slots live."""

    def open(self, path: Path) -> Slots:
        """Raises ``FileNotFoundError``."""

    def create(self, path: Path) -> None:
        """Both slots, empty, durable with their name. Raises ``FileExistsError``."""


class FileSlots:
    """``Slots`` in one file."""

    def __init__(self, path: Path) -> None:
        """What a killed process, or one whose sync failed, has left may be in the cache alone, and
        a node signs on what it finds: so that is written again, the same bytes, and synced. What
        waits for the disk goes first: one slot at a time is on its way there."""
        self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        os.fdatasync(self._fd)
        for slot in (0, 1):
            self.write(slot, self.read(slot))

    def read(self, slot: int) -> bytes:
        return os.pread(self._fd, SLOT_BYTES, slot * SLOT_BYTES)

    def write(self, slot: int, data: bytes) -> int:
        written = os.pwrite(self._fd, data, slot * SLOT_BYTES)
        os.fdatasync(self._fd)
        return written

    def close(self) -> None:
        os.close(self._fd)


class FileDisk:
    """``SafetyDisk`` of the operating system."""

    def open(self, path: Path) -> Slots:
        return FileSlots(path)

    def create(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, 2 * SLOT_BYTES)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


DISK: Final = FileDisk()


class SafetyFile:
    """The open file. ``binding`` ties it to one chain and one key; another's file is refused."""

    def __init__(self, path: Path, binding: bytes, disk: SafetyDisk = DISK) -> None:
        self.path = path
        self._binding = binding
        try:
            self._slots = disk.open(path)
        except FileNotFoundError as error:
            raise SafetyLost(
                f"{path.name} is missing. It belongs to the key and is made together with it; "
                "without it nobody knows what the key has signed. Bring back the newest file, or "
                "register a new key: this one must not sign again."
            ) from error
        self._counter = 0
        self._failed = False

    @classmethod
    def create(
        cls, path: Path, binding: bytes, record: bytes, disk: SafetyDisk = DISK
    ) -> SafetyFile:
        """Make the file for a key that never signed. Raises ``FileExistsError``."""
        disk.create(path)
        made = cls(path, binding, disk)
        made.save(record)
        return made

    def load(self) -> bytes:
        """The newest valid record. Raises ``SafetyLost`` when neither slot is valid."""
        slots = map(self._slots.read, (0, 1))
        found = [read for slot in slots if (read := self._read(slot)) is not None]
        if not found:
            raise SafetyLost(
                f"{self.path.name} holds no valid record for this chain and key: it is damaged, of "
                "another key, or was discarded (alarm key-elsewhere). The key must not sign again; "
                "register a new one."
            )
        self._counter, record = max(found)
        return record

    def save(self, record: bytes) -> None:
        """Make the record durable. Raises ``SafetyError``; then the process must stop."""
        if self._failed:
            raise SafetyError(f"{self.path.name} failed before and is not written again.")
        if len(record) > SLOT_BYTES - _HEAD.size:
            raise SafetyError(f"A safety record of {len(record)} bytes does not fit its slot.")
        counter = self._counter + 1
        head = _HEAD.pack(MAGIC, counter, len(record), self._digest(counter, record))
        data = head + record
        data += bytes(-len(data) % PAGE_BYTES)
        try:
            written = self._slots.write(counter % 2, data)
        except OSError as error:
            # After a failed sync the page cache may say what the disk does not (fsyncgate).
            self._failed = True
            raise SafetyError(f"{self.path.name} cannot be written: {error.strerror}.") from error
        if written != len(data):
            self._failed = True
            raise SafetyError(f"{self.path.name}: {written} of {len(data)} bytes were written.")
        self._counter = counter

    def discard(self) -> None:
        """Leave no valid record: what was bound by it turned out not to be all that the key has
        signed. The older slot goes first. Raises ``SafetyError``; then the process must stop."""
        self._failed = True
        try:
            for slot in ((self._counter + 1) % 2, self._counter % 2):
                self._slots.write(slot, bytes(PAGE_BYTES))
        except OSError as error:
            raise SafetyError(
                f"{self.path.name} is behind its key (alarm key-elsewhere) and cannot be "
                f"discarded: {error.strerror}. Move it away before the node is started again, "
                "which would believe it."
            ) from error

    def close(self) -> None:
        self._slots.close()

    def _digest(self, counter: int, record: bytes) -> bytes:
        covered = MAGIC + self._binding + struct.pack(">QI", counter, len(record)) + record
        return hashlib.sha256(covered).digest()

    def _read(self, slot: bytes) -> tuple[int, bytes] | None:
        if len(slot) < _HEAD.size:
            return None
        magic, counter, length, digest = _HEAD.unpack_from(slot)
        record = slot[_HEAD.size : _HEAD.size + length]
        if magic != MAGIC or len(record) != length or digest != self._digest(counter, record):
            return None
        return counter, record
