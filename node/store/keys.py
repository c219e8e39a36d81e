"""The table of all rows in the database.

Heights and ordinals are big-endian, so that key order is the order of the chain.

| row | key | value |
|---|---|---|
| ``m`` | name | layout version, chain, genesis file, depth of the bucket roots |
| ``k`` | ``head`` | the newest height: `Head`, with the chain of batch digests |
| ``h`` | height | canonical header |
| ``n`` | block hash | height |
| ``b`` | height | canonical list of the transaction tree's leaves |
| ``c`` | height | canonical commit certificate (none at height 0) |
| ``r`` | height | canonical list of the receipts tree's leaves |
| ``d`` | height | canonical state diff; kept for a number of heights |
| ``g`` | height | the batch's seal: sequence number, digests of its parts, chained digest |
| ``l`` | height | how the height was checked, where it was not re-executed |
| ``x`` | transaction id | height, leaf index, leaf index of its first receipt |
| ``A`` | height, ordinal | attachment: commitment, blind, content; the latter two may be erased |
| ``a`` | commitment | height, ordinal of the attachment |
| ``p`` | height, block hash | a proposal that may get a vote: header, body, attachments |
| ``s`` | state path | raw key and value of a state entry (path = digest of the raw key) |
| ``t`` | expiry hour, transaction id | the state's executed ids in the order of their expiry |
| ``e`` | epoch | first height and validator set of an epoch |
| ``u`` | bucket | root of a bucket of the state tree, checked at start |
| ``i`` | kind, subject, place | a row of the index |
| ``j`` | height | digest of the index rows of a height |
| ``o`` | list, area, date, id | an item of a work list that is open in the state |
| ``S`` ``T`` ``U`` | as ``s`` ``t`` ``u`` | the state's other slot: a snapshot is gathered there |
| ``w`` | name, or number of a chunk | a snapshot's manifest, and which chunks are here |
| ``q`` | transaction id | a transaction in quarantine: it met a bug while a proposal was built |
"""

from __future__ import annotations

import struct

META = b"m"
HEAD = b"k"
HEADER = b"h"
NUMBER = b"n"
BODY = b"b"
CERTIFICATE = b"c"
RECEIPTS = b"r"
DIFF = b"d"
SEAL = b"g"
CHECKED = b"l"
TRANSACTION = b"x"
ATTACHMENT = b"A"
COMMITMENT = b"a"
PROPOSAL = b"p"
STATE = b"s"
EXPIRY = b"t"
EPOCH = b"e"
BUCKET = b"u"
INDEX = b"i"
INDEX_DIGEST = b"j"
WORK = b"o"
QUARANTINE = b"q"

STAGED = b"w"
STATES = (STATE, b"S")
EXPIRIES = (EXPIRY, b"T")
BUCKETS = (BUCKET, b"U")
"""Prefixes of the state's rows in either slot (``meta("slot")`` says which one is in use)."""

HEAD_KEY = HEAD + b"head"

_HEIGHT = struct.Struct(">Q")
_BUCKET = struct.Struct(">I")
_PLACE = struct.Struct(">QI")
_TRANSACTION = struct.Struct(">QII")


def meta(name: str) -> bytes:
    return META + name.encode("ascii")


def at_height(prefix: bytes, height: int) -> bytes:
    """Key of a row that exists once for each height."""
    return prefix + _HEIGHT.pack(height)


def height_of(key: bytes) -> int:
    """Height in a key that ``at_height`` or ``attachment`` made."""
    height: int = _HEIGHT.unpack_from(key, 1)[0]
    return height


def heights(prefix: bytes, first: int, stop: int) -> tuple[bytes, bytes]:
    """Range of the rows with ``first <= height < stop``."""
    return at_height(prefix, first), at_height(prefix, stop)


def all_of(prefix: bytes) -> tuple[bytes, bytes]:
    """Range of all rows of one kind."""
    return prefix, bytes([prefix[0] + 1])


def attachment(height: int, ordinal: int) -> bytes:
    return ATTACHMENT + _PLACE.pack(height, ordinal)


def proposal(height: int, block_hash: bytes) -> bytes:
    return PROPOSAL + _HEIGHT.pack(height) + block_hash


def epoch(number: int) -> bytes:
    return EPOCH + _HEIGHT.pack(number)


def bucket(number: int, slot: int = 0) -> bytes:
    return BUCKETS[slot] + _BUCKET.pack(number)


def bucket_of(key: bytes) -> int:
    number: int = _BUCKET.unpack_from(key, 1)[0]
    return number


def expiry(hour: int, tx_id: bytes, slot: int = 0) -> bytes:
    return EXPIRIES[slot] + _HEIGHT.pack(hour) + tx_id


def staged(number: int) -> bytes:
    return STAGED + _BUCKET.pack(number)


def paths(slot: int, number: int, depth: int) -> tuple[bytes, bytes]:
    """Range of the state rows of a slot whose path begins with the ``depth`` bits of ``number``."""
    prefix, shift = STATES[slot], 32 - depth
    first = prefix + (number << shift).to_bytes(4, "big")
    if number + 1 < 1 << depth:
        return first, prefix + ((number + 1) << shift).to_bytes(4, "big")
    return first, all_of(prefix)[1]


def expiry_parts(key: bytes) -> tuple[int, bytes]:
    """Hour and transaction id of an ``expiry`` key."""
    return _HEIGHT.unpack_from(key, 1)[0], key[9:]


def pack_height(height: int) -> bytes:
    return _HEIGHT.pack(height)


def unpack_height(value: bytes) -> int:
    height: int = _HEIGHT.unpack(value)[0]
    return height


def pack_place(height: int, ordinal: int) -> bytes:
    return _PLACE.pack(height, ordinal)


def pack_transaction(height: int, index: int, first_receipt: int) -> bytes:
    return _TRANSACTION.pack(height, index, first_receipt)


def unpack_transaction(value: bytes) -> tuple[int, int, int]:
    height, index, first_receipt = _TRANSACTION.unpack(value)
    return height, index, first_receipt
