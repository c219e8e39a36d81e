"""Rows of the state: one for each entry, found by its path in the state tree.

A row keeps the raw key beside the value, so that a row which stands under a wrong path is noticed
and so that the whole state can be read back without an index. The paths are digests, hence a
bucket of the tree is a range of rows.

Executed transaction ids live in the state as ``tx/<expiry hour>/<id>``; the state has no
iteration, so a row ``t`` for each of them gives their order of expiry. These rows are derived from
the state and compared with it at start.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping

from node.ledger.receipt import EXECUTED
from node.ledger.state_proof import key_path, value_hash
from node.ledger.state_tree import BucketRoot
from node.store import keys
from node.store.errors import DatabaseDamaged
from node.store.kv import Operation, Reader

_LENGTH = struct.Struct(">H")
HOUR_MS = 3_600_000


def executed_key(valid_until_ms: int, tx_id: bytes) -> str:
    """State key that says that a transaction was executed."""
    return f"{EXECUTED}{valid_until_ms // HOUR_MS}/{tx_id.hex()}"


def executed_parts(key: str) -> tuple[int, bytes]:
    """Expiry hour and transaction id of such a key."""
    _, hour, tx_id = key.split("/")
    return int(hour), bytes.fromhex(tx_id)


def encode_entry(key: str, value: bytes) -> bytes:
    """A state row's value: the raw key's length, the raw key, the entry's canonical value."""
    raw = key.encode()
    return _LENGTH.pack(len(raw)) + raw + value


def decode_entry(row: bytes) -> tuple[str, bytes]:
    """Raw key and canonical value of a row. Raises ``DatabaseDamaged`` when it is cut short."""
    if len(row) < 2:
        raise DatabaseDamaged("A state row is cut short.")
    stop = 2 + _LENGTH.unpack_from(row)[0]
    if len(row) <= stop:
        raise DatabaseDamaged("A state row is cut short.")
    try:
        return row[2:stop].decode("ascii"), row[stop:]
    except UnicodeDecodeError as error:
        raise DatabaseDamaged("A state row's key is not text.") from error


class StateRows:
    """The state as one reader (live store or snapshot) sees it."""

    def __init__(self, reader: Reader, slot: int = 0) -> None:
        self._reader = reader
        self._slot = slot
        self._prefix = keys.STATES[slot]

    def get(self, key: str) -> bytes | None:
        """Canonical value of an entry, None when there is none."""
        row = self._reader.get(self._prefix + key_path(key))
        if row is None:
            return None
        head = encode_entry(key, b"")
        if not row.startswith(head):
            raise DatabaseDamaged("A state row stands under another key's path.")
        return row[len(head) :]

    def bucket(self, number: int, depth: int) -> Iterator[tuple[bytes, bytes]]:
        """(path, value hash) of all entries whose path begins with the bucket's bits, ascending."""
        first, stop = keys.paths(self._slot, number, depth)
        for key, row in self._reader.iterate(first, stop):
            yield key[1:], value_hash(row[2 + _LENGTH.unpack_from(row)[0] :])

    def bucket_roots(self) -> Iterator[BucketRoot]:
        """Bucket roots of the state tree as the last batches left them, ascending."""
        for key, row in self._reader.iterate(*keys.all_of(keys.BUCKETS[self._slot])):
            yield keys.bucket_of(key), row[0], row[1:]

    def entries(self) -> Iterator[tuple[bytes, str, bytes]]:
        """(path, raw key, canonical value) of the whole state in path order."""
        for key, row in self._reader.iterate(*keys.all_of(self._prefix)):
            raw, value = decode_entry(row)
            yield key[1:], raw, value

    def executed_before(self, time_ms: int, limit: int) -> list[str]:
        """State keys of up to ``limit`` executed ids whose hour is over at ``time_ms``.

        Ascending by hour and id: the same on every node.
        """
        if limit <= 0 or time_ms < HOUR_MS:
            return []
        rows = self._reader.iterate(
            keys.EXPIRIES[self._slot], keys.expiry(time_ms // HOUR_MS, b"", self._slot)
        )
        found = []
        for key, _ in rows:
            hour, tx_id = keys.expiry_parts(key)
            found.append(f"{EXECUTED}{hour}/{tx_id.hex()}")
            if len(found) == limit:
                break
        return found

    def executed(self) -> Iterator[str]:
        """State keys of all executed ids that the rows ``t`` know, in order of expiry."""
        for key, _ in self._reader.iterate(*keys.all_of(keys.EXPIRIES[self._slot])):
            hour, tx_id = keys.expiry_parts(key)
            yield f"{EXECUTED}{hour}/{tx_id.hex()}"


def state_rows(writes: Mapping[str, bytes | None], slot: int = 0) -> list[Operation]:
    """Operations that apply a block's writes (state key to canonical value, None deletes)."""
    operations: list[Operation] = []
    for key, value in writes.items():
        row = None if value is None else encode_entry(key, value)
        operations.append((keys.STATES[slot] + key_path(key), row))
        if key.startswith(EXECUTED):
            expiry = keys.expiry(*executed_parts(key), slot)
            operations.append((expiry, None if value is None else b""))
    return operations


def bucket_rows(roots: Iterable[BucketRoot], slot: int = 0) -> list[Operation]:
    """Operations that keep changed bucket roots; an empty bucket has no row."""
    return [
        (keys.bucket(number, slot), bytes([kind]) + digest if kind else None)
        for number, kind, digest in roots
    ]
