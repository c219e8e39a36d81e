"""Who looked at whose data: an append-only log on the node, chained by hashes, rooted each day.

One file a day (UTC+8, the ledger's calendar), one line of JSON for each look, written and synced
**before** the answer leaves: a look that cannot be logged is not answered. Each line holds the
digest of the line before it, across days, so that taking a line out or changing one shows.

The day's root is the RFC 6962 Merkle root over its lines. One transaction a day puts it on the
ledger; afterwards a single look can be shown to the person whom it concerns, with a proof, without
showing anybody else's. A line has pseudonyms and names of routes, never what was seen.

Beside the days stands an index of 4,096 small files by a digest of the person, so that "who has
looked at my data" reads one of them. It is derived: what a crash left out is put back at the start,
and a missing index is built again.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from contracts.settlement.calendar import date_of_ms
from node.ledger.crypto import H

TAG = "yibao/access/v1"
ZERO = "00" * 32
ACCESS = "access"
"""The log's folder in the node's data folder."""
INDEX = "index"
"""Folder of the looks by person, in the log's."""
FILE_NAME = re.compile(r"access-(\d{4}-\d{2}-\d{2})\.jsonl")


class AccessLogBroken(Exception):  # noqa: N818  (what the operator is told)
    """The log on disk is not the chain it was: a line is missing or was changed."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a person's data."""

    time_ms: int
    """The node's clock, milliseconds since 1970 UTC."""
    height: int
    """Height of the ledger that was shown."""
    organisation: str
    holder: str
    """Staff pseudonym that holds the key."""
    post: str
    route: str
    """Name of the route in the table of rights."""
    subject: str
    """What was asked for, for example ``claim/m-1``."""
    person: str
    """Pseudonym whose data it is; empty when the thing names none."""


@dataclass(frozen=True, slots=True)
class DayRoot:
    """What the daily transaction carries."""

    day: str
    """ISO date in UTC+8."""
    count: int
    root: bytes


def day_of(time_ms: int) -> str:
    """ISO date in UTC+8 of a time."""
    return date_of_ms(time_ms)


def line_digest(line: bytes) -> str:
    """Digest of one line without its newline; the next line names it."""
    return H(TAG, line).hex()


def merkle_root(leaves: list[bytes]) -> bytes:
    """RFC 6962 root: leaf 0x00, node 0x01, the empty tree is the hash of nothing."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    left, right = merkle_root(leaves[:split]), merkle_root(leaves[split:])
    return hashlib.sha256(b"\x01" + left + right).digest()


def check_folder(folder: Path) -> dict[str, DayRoot]:
    """Every day's root after a check of the whole chain. Nothing is written, a look that a crash
    cut short is passed over. Raises ``AccessLogBroken``."""
    roots: dict[str, DayRoot] = {}
    previous = ZERO
    for day in _days(folder):
        content = _path(folder, day).read_bytes()
        lines = content[: content.rfind(b"\n") + 1].splitlines()
        previous = _check_lines(day, lines, previous)
        roots[day] = DayRoot(day, len(lines), merkle_root(lines))
    return roots


def check_index(folder: Path) -> None:
    """Every look is in its person's bucket, or "who has looked at my data" would not show it.

    Of the newest day a start puts back what a crash left out, and where there is no index it builds
    one: neither is compared. Raises ``AccessLogBroken``.
    """
    if not (folder / INDEX).is_dir():
        return
    known: dict[str, set[str]] = {}
    lacking = 0
    for day in _days(folder)[:-1]:
        offset = 0
        for line in _path(folder, day).read_bytes().splitlines(keepends=True):
            person = str(json.loads(line)["person"])
            bucket = bucket_of(person)
            if bucket not in known:
                path = folder / INDEX / bucket
                known[bucket] = set(
                    path.read_text(errors="replace").splitlines() if path.exists() else ()
                )
            lacking += f"{day} {offset} {person}" not in known[bucket]
            offset += len(line)
    if lacking:
        raise AccessLogBroken(
            f"the index of the access log lacks {lacking} looks that the log has: take its folder "
            f"{INDEX} away, a start builds it again"
        )


def bucket_of(person: str) -> str:
    """Name of the index file that has the looks at a person, among others'."""
    return H(TAG, person.encode()).hex()[:3]


def _days(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    names = (FILE_NAME.fullmatch(path.name) for path in folder.iterdir())
    return sorted(name[1] for name in names if name)


def _path(folder: Path, day: str) -> Path:
    return folder / f"access-{day}.jsonl"


def _check_lines(day: str, lines: list[bytes], previous: str) -> str:
    """Digest of the day's last look, each line held against the one before."""
    for number, line in enumerate(lines, 1):
        try:
            named = json.loads(line)["previous"]
        except (ValueError, KeyError, TypeError) as bad:
            raise AccessLogBroken(f"access log of {day}, line {number}: not a look") from bad
        if named != previous:
            raise AccessLogBroken(f"access log of {day}, line {number}: the chain is broken")
        previous = line_digest(line)
    return previous


class AccessLog:
    """The log of one node. One process writes it; reading scans the files."""

    def __init__(self, folder: Path) -> None:
        """Open the log in a folder and check the newest day's chain.

        Raises ``AccessLogBroken``. A last line without its newline was cut by a crash before its
        answer left; it is taken away.
        """
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._last, self._day, self._file = ZERO, "", -1
        self._index = folder / INDEX
        days = self.days()
        if days:
            self._drop_torn_line(self._path(days[-1]))
            newest = days[-1]
            self._last = _check_lines(newest, self._lines(newest), self._end_of(days[:-1]))
            self._day = days[-1]  # also a clock that was set back goes on behind the newest look
            self._mend_index(days[-1:] if self._index.is_dir() else days)
        self._index.mkdir(exist_ok=True, mode=0o700)

    def days(self) -> list[str]:
        """Days that have a file, oldest first."""
        return _days(self._folder)

    def write(self, look: Look) -> None:
        """Append one look and wait for the disk. Raises ``OSError`` when that fails."""
        day = day_of(look.time_ms)
        if self._file < 0 or day > self._day:
            self._open(max(day, self._day))
        fields = {
            "time_ms": look.time_ms,
            "height": look.height,
            "organisation": look.organisation,
            "holder": look.holder,
            "post": look.post,
            "route": look.route,
            "subject": look.subject,
            "person": look.person,
            "previous": self._last,
        }
        line = json.dumps(fields, ensure_ascii=True, separators=(",", ":")).encode()
        before = os.fstat(self._file).st_size
        try:
            written = os.write(self._file, line + b"\n")
            if written != len(line) + 1:
                raise OSError("the access log's disk took only part of a line")
            os.fdatasync(self._file)
        except OSError:
            os.ftruncate(self._file, before)
            raise
        self._last = line_digest(line)
        self._append_index(look.person, self._day, before)

    def root(self, day: str) -> DayRoot:
        """Root and count of a day that may still go on; the daily transaction takes a past one."""
        lines = self._lines(day)
        return DayRoot(day, len(lines), merkle_root(lines))

    def looks_at(self, person: str, limit: int) -> list[dict[str, object]]:
        """The newest looks at a person's data, newest first."""
        places = [(day, offset) for day, offset, who in self._places(person) if who == person]
        found: list[dict[str, object]] = []
        for day, offset in reversed(places[-limit:]):
            with self._path(day).open("rb") as file:
                file.seek(offset)
                found.append(json.loads(file.readline()))
        return found

    def check(self) -> int:
        """Check the whole chain; answers the number of looks. Raises ``AccessLogBroken``."""
        return sum(root.count for root in check_folder(self._folder).values())

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _bucket(self, person: str) -> Path:
        return self._index / bucket_of(person)

    def _places(self, person: str) -> list[tuple[str, int, str]]:
        """(day, offset, person) of everybody in the person's bucket, oldest first."""
        path = self._bucket(person)
        rows = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        parts = (row.split(" ", 2) for row in rows if row.count(" ") >= 2)
        return [(day, int(offset), who) for day, offset, who in parts if offset.isdigit()]

    def _append_index(self, person: str, day: str, offset: int) -> None:
        """Not synced: what is lost is found again at the start."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        file = os.open(self._bucket(person), flags, 0o600)
        try:
            os.write(file, f"{day} {offset} {person}\n".encode())
        finally:
            os.close(file)

    def _mend_index(self, days: list[str]) -> None:
        """Put the looks of these days into the index where they are not in it."""
        self._index.mkdir(exist_ok=True, mode=0o700)
        known: dict[Path, set[tuple[str, int, str]]] = {}
        for day in days:
            offset = 0
            for line in self._lines(day):
                person = str(json.loads(line)["person"])
                bucket = self._bucket(person)
                if bucket not in known:
                    known[bucket] = set(self._places(person))
                if (day, offset, person) not in known[bucket]:
                    self._append_index(person, day, offset)
                offset += len(line) + 1

    def _path(self, day: str) -> Path:
        return _path(self._folder, day)

    def _open(self, day: str) -> None:
        self.close()
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        self._file = os.open(self._path(day), flags, 0o600)
        self._day = day

    def _lines(self, day: str) -> list[bytes]:
        path = self._path(day)
        return path.read_bytes().splitlines() if path.exists() else []

    def _end_of(self, days: list[str]) -> str:
        """Digest of the last look of these days; a day whose only look failed has none."""
        for day in reversed(days):
            if lines := self._lines(day):
                return line_digest(lines[-1])
        return ZERO

    @staticmethod
    def _drop_torn_line(path: Path) -> None:
        content = path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole != len(content):
            os.truncate(path, whole)

    def __iter__(self) -> Iterator[dict[str, object]]:
        for day in self.days():
            for line in self._lines(day):
                yield json.loads(line)
