"""Rows of the index: which calls concern a thing, and which postings moved an account.

The index is derived from the chain and may be dropped and built again; ``node.indexer`` decides
what becomes a row, this page only lays rows out and reads them. A row's key ends in its place in
the chain, so rows of one subject come in the order of the chain and a cursor is a place.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from node.ledger.codec import decode_trusted, encode
from node.store import keys
from node.store.kv import Operation, Reader


class Subject(Enum):
    """What a row can be about; the value is its byte in the key."""

    CLAIM = b"c"
    PERSON = b"p"
    FILING = b"f"
    INSTITUTION = b"h"
    ORGANISATION = b"o"
    TOPIC = b"t"
    ACCOUNT = b"a"


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


@dataclass(frozen=True, slots=True)
class PostingEntry:
    """One leg of a transfer on an account."""

    account: str
    height: int
    receipt_index: int
    posting_index: int
    """Index among the receipt's postings."""
    tx_id: bytes
    call_index: int
    transfer: str
    fund_type: str
    amount_fen: int


_CALL = struct.Struct(">QI")
_POSTING = struct.Struct(">QIH")
_WHERE = struct.Struct(">32sI")
_LENGTH = struct.Struct(">H")
SUBJECT_BYTES_MAX = 1024
"""Longer names are not ids of ours; they are left out of the index by ``node.indexer``."""


def _prefix(subject: Subject, name: str) -> bytes:
    data = name.encode()
    return keys.INDEX + subject.value + _LENGTH.pack(len(data)) + data


def call_row(entry: CallEntry) -> Operation:
    place = _CALL.pack(entry.height, entry.receipt_index)
    return _prefix(entry.subject, entry.name) + place, _WHERE.pack(entry.tx_id, entry.call_index)


def posting_row(entry: PostingEntry) -> Operation:
    place = _POSTING.pack(entry.height, entry.receipt_index, entry.posting_index)
    value = [entry.tx_id, entry.call_index, entry.transfer, entry.fund_type, entry.amount_fen]
    return _prefix(Subject.ACCOUNT, entry.account) + place, encode(value)


def digest_of(rows: Sequence[Operation]) -> bytes:
    """Digest of a height's index rows, in the order in which they were made. 32 bytes."""
    digest = hashlib.sha256()
    for key, value in rows:
        digest.update(_LENGTH.pack(len(key)) + key + (value or b""))
    return digest.digest()


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
        prefix = _prefix(subject, name)
        start = prefix if after is None else prefix + _CALL.pack(*after) + b"\0"
        entries = []
        for key, value in self._take(start, prefix, limit):
            height, receipt = _CALL.unpack_from(key, len(prefix))
            tx_id, call = _WHERE.unpack(value)
            entries.append(CallEntry(subject, name, height, receipt, tx_id, call))
        return entries

    def postings(
        self, account: str, after: tuple[int, int, int] | None, limit: int
    ) -> list[PostingEntry]:
        """Up to ``limit`` legs on the account, oldest first, behind a place."""
        prefix = _prefix(Subject.ACCOUNT, account)
        start = prefix if after is None else prefix + _POSTING.pack(*after) + b"\0"
        entries = []
        for key, value in self._take(start, prefix, limit):
            height, receipt, posting = _POSTING.unpack_from(key, len(prefix))
            tx_id, call, transfer, fund_type, amount = decode_trusted(value)
            entries.append(
                PostingEntry(
                    account, height, receipt, posting, tx_id, call, transfer, fund_type, amount
                )
            )
        return entries

    def digest(self, height: int) -> bytes | None:
        """Digest of the height's index rows as they were written; None when it has no index."""
        return self._reader.get(keys.at_height(keys.INDEX_DIGEST, height))

    def has(self, row: Operation) -> bool:
        """Whether exactly this row is stored."""
        return self._reader.get(row[0]) == row[1]

    def _take(self, start: bytes, prefix: bytes, limit: int) -> Iterator[tuple[bytes, bytes]]:
        rows = self._reader.iterate(start, prefix + b"\xff" * 16)
        for _ in range(limit):
            row = next(rows, None)
            if row is None:
                return
            yield row
