"""Rows of the work lists: what waits for somebody of an area, in the order of its date.

Such a row says no more than the state does: it is there while the state's entry is open and goes
in the batch that closes it, so a list is as long as the work that is left and not as the history.
The institutions of an area, which a report goes through, are a list of the same kind.
``node.worklists`` decides what becomes a row; this page only lays rows out and reads them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import islice

from node.store import keys
from node.store.kv import Reader

WHOLE = keys.meta("work-lists")
"""Set once the lists were made from the whole state; gone when another state was put in place."""
MADE = b"5"
"""Which lists there are: with anything else under that key the lists are made again."""
AREA_CHARS, DATE_CHARS = 6, 10
NO_DATE = "1000-01-01"
"""Where nothing is due on a day."""


class WorkList(Enum):
    """Which list; the value is its byte in the key."""

    FILINGS = b"f"
    """Filings that wait for the insured place's decision, by the day it is due."""
    ENDING = b"e"
    """Filings that stand, by their last day."""
    REIMBURSEMENTS = b"r"
    """Reimbursements that wait for somebody, by the day on which that is due."""
    INSTITUTIONS = b"i"
    """Institutions of a district, of its city, its province and the country, under ``NO_DATE``."""
    WALLETS = b"w"
    """Wallet transfers that nobody has claimed, by the day on which they go back."""
    RECOVERIES = b"d"
    """Recoveries that somebody has to do something about: by the day on which the liable party is
    to pay, and under ``NO_DATE`` while it is not asked to."""


@dataclass(frozen=True, slots=True)
class WorkRow:
    """Something that waits."""

    date: str
    """ISO date by which it is due, or on which it ends."""
    name: str
    """Id of the filing, reimbursement, transfer, recovery or institution."""
    note: str
    """A word about how it stands, so that a reader need not look at each."""


def key_of(work: WorkList, area: str, date: str, name: str) -> bytes:
    """Key of a row. Rows of one area come in the order of their date, then of their id."""
    assert len(area) == AREA_CHARS, "an area has six digits"
    assert len(date) == DATE_CHARS, "a date has ten characters"
    return keys.WORK + work.value + f"{area}{date}{name}".encode()


class WorkRows:
    """The work lists as one reader sees them."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def items(
        self, work: WorkList, area: str, first: str, after: tuple[str, str] | None, limit: int
    ) -> list[WorkRow]:
        """Up to ``limit`` rows of an area from the date ``first`` on, behind (date, name)."""
        start = key_of(work, area, first, "")
        if after is not None:
            start = max(start, key_of(work, area, *after) + b"\0")
        stop = keys.WORK + work.value + area.encode() + b"\xff"
        skipped = len(keys.WORK) + len(work.value) + AREA_CHARS
        found = []
        for key, note in islice(self._reader.iterate(start, stop), limit):
            text = key[skipped:].decode()
            found.append(WorkRow(text[:DATE_CHARS], text[DATE_CHARS:], note.decode()))
        return found

    def is_whole(self) -> bool:
        """Whether the lists were made from the state that is in use."""
        return self._reader.get(WHOLE) == MADE

    def all(self) -> Iterator[tuple[bytes, bytes]]:
        """Every row of every list."""
        return self._reader.iterate(*keys.all_of(keys.WORK))
