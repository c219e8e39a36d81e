"""Rows of the index: which calls concern a thing, which moved an account.

The index is derived from the chain and may be dropped and built again; ``node.indexer`` decides
what becomes a row, this page only lays rows out and reads them. A row's key ends in its place in
the chain, so rows of one subject come in the order of the chain and a cursor is a place.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from itertools import islice

from node.store import keys
from node.store.kv import Operation, Reader

MADE_BY = keys.meta("index")
"""By which rules the index was made; set when that is done."""
RULES = b"2"
"""Of ``node.indexer``, which become others when a call gets other rows: an index that was made by
other rules is made again at the next start, or lists would lack what happened before."""


class Subject(Enum):
    """What a row can be about; the value is its byte in the key."""

    CLAIM = b"c"
    PERSON = b"p"
    FILING = b"f"
    INSTITUTION = b"h"
    """An institution or an insurer."""
    ORGANISATION = b"o"
    TOPIC = b"t"
    ACCOUNT = b"a"
    AREA = b"r"
    """An area whose notices of payment a call is about, and the areas around it."""


@dataclass(frozen=True, slots=True)
class CallEntry:
    """A call that concerns a subject."""

    subject: Subject
    name: str
    height: int
    receipt_index: int
    """Leaf index in the block's receipts tree."""
    tx_id: bytes
    call_index: int


_PLACE = struct.Struct(">QI")
_WHERE = struct.Struct(">32sI")
_LENGTH = struct.Struct(">H")
SUBJECT_BYTES_MAX = 1024
"""Longer names are not ids of ours; they are left out of the index by ``node.indexer``."""
PREFIXES_MAX = 50_000
"""Prefixes of busy subjects (institutions, funds, topics) that are remembered, about 10 MB."""


@lru_cache(PREFIXES_MAX)
def prefix_of(kind: bytes, name: str) -> bytes:
    """Beginning of the keys of a subject's rows; ``kind`` is the value of its ``Subject``."""
    data = name.encode()
    return keys.INDEX + kind + _LENGTH.pack(len(data)) + data


def call_rows(
    prefixes: Iterable[bytes], height: int, receipt_index: int, tx_id: bytes, call_index: int
) -> list[Operation]:
    """Rows of one call, one under each subject that it concerns."""
    place, where = _PLACE.pack(height, receipt_index), _WHERE.pack(tx_id, call_index)
    return [(prefix + place, where) for prefix in prefixes]


def digest_of(rows: Sequence[Operation]) -> bytes:
    """Digest of a height's index rows, in the order in which they were made. 32 bytes."""
    parts = [part for key, value in rows for part in (_LENGTH.pack(len(key)), key, value or b"")]
    return hashlib.sha256(b"".join(parts)).digest()


def with_digest(height: int, rows: list[Operation]) -> list[Operation]:
    """The rows of a height and the row that keeps their digest."""
    return [*rows, (keys.at_height(keys.INDEX_DIGEST, height), digest_of(rows))]


class Index:
    """The index as one reader sees it."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def calls(
        self, subject: Subject, name: str, after: tuple[int, int] | None, limit: int
    ) -> list[CallEntry]:
        """Up to ``limit`` calls that concern the subject, oldest first, behind a place."""
        behind = b"" if after is None else _PLACE.pack(*after) + b"\0"
        return self._calls(subject, name, behind, limit)

    def calls_from(
        self, subject: Subject, name: str, first: tuple[int, int], limit: int
    ) -> list[CallEntry]:
        """The same from a place on, the place itself included."""
        return self._calls(subject, name, _PLACE.pack(*first), limit)

    def digest(self, height: int) -> bytes | None:
        """Digest of the height's index rows as they were written; None when it has no index."""
        return self._reader.get(keys.at_height(keys.INDEX_DIGEST, height))

    def is_current(self) -> bool:
        """Whether it was made, and by the rules of this program."""
        return self._reader.get(MADE_BY) == RULES

    def has(self, row: Operation) -> bool:
        """Whether exactly this row is stored."""
        return self._reader.get(row[0]) == row[1]

    def _calls(self, subject: Subject, name: str, start: bytes, limit: int) -> list[CallEntry]:
        prefix = prefix_of(subject.value, name)
        rows = self._reader.iterate(prefix + start, prefix + b"\xff" * 16)
        entries = []
        for key, value in islice(rows, limit):
            height, receipt = _PLACE.unpack_from(key, len(prefix))
            tx_id, call = _WHERE.unpack(value)
            entries.append(CallEntry(subject, name, height, receipt, tx_id, call))
        return entries
