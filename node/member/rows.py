"""The table of all rows of a member node's database. Values are canonical bytes.

| row | key | value |
|---|---|---|
| ``m`` | | layout, chain, organisation, height below which nothing is believed |
| ``b`` | | the best verified header and its certificate |
| ``e`` | epoch | validators; first and last height; the end's header and certificate |
| ``h`` | height | a verified header |
| ``f`` | | a fork: both headers with their certificates |
| ``c`` | node, list | how far the list was looked at; a hint, no more |
| ``r`` | kind, name | a record: state, height, block, facts |
| ``v`` | kind, name | the evidence file that proves the record |
| ``n`` | order | the bank has not reported on it |
| ``o`` | order | an instruction file: its name, its digest, whether it has appeared |
| ``y`` | order | its instruction file is still to appear |
| ``w`` | order | it is to be looked up again soon |
| ``s`` | kind, name | a proof has named it and it is still to be proved |
| ``u`` | kind, name | it is open: looked up again from time to time |
| ``q`` | reference | a line that waits in suspense |
| ``j`` | digest of a statement | how many lines of a statement are proved |
| ``x`` | digest, first line | a signed transaction of its lines that is not proved yet |
| ``k`` | digest, line | what became of a line |
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from node.ledger.codec import decode, encode
from node.store.kv import Reader

LAYOUT: Final = 1

META: Final = b"m"
BEST: Final = b"b"
EPOCH: Final = b"e"
HEADER: Final = b"h"
FORK: Final = b"f"
CURSOR: Final = b"c"
RECORD: Final = b"r"
EVIDENCE: Final = b"v"
OPEN: Final = b"n"
OUT: Final = b"o"
OUT_WAITS: Final = b"y"
LOOK: Final = b"w"
SOON: Final = b"s"
WATCH: Final = b"u"
SUSPENSE: Final = b"q"
JOB: Final = b"j"
PENDING: Final = b"x"
LINE: Final = b"k"

VALUE_BYTES_MAX: Final = 32 * 1024 * 1024


def numbered(row: bytes, number: int) -> bytes:
    """Key of a row by a number; keys are in the order of the numbers."""
    return row + number.to_bytes(8, "big")


def named(row: bytes, *names: str) -> bytes:
    """Key of a row by names; no name holds a zero byte."""
    return row + b"\0".join(name.encode("utf-8") for name in names)


def line_key(row: bytes, digest: bytes, number: int) -> bytes:
    """Key of a row by a statement's digest and a number of a line."""
    return row + digest + number.to_bytes(4, "big")


def read(kv: Reader, key: bytes) -> Any | None:
    """A value, None where there is none."""
    data = kv.get(key)
    return None if data is None else decode(data, bytes_max=VALUE_BYTES_MAX)


def pack(value: Any) -> bytes:
    """A value's canonical bytes."""
    return encode(value)


def all_of(kv: Reader, prefix: bytes, *, after: bytes = b"") -> Iterator[tuple[bytes, Any]]:
    """(key, value) of all rows whose key begins so, behind ``after``."""
    start = max(prefix, after + b"\0") if after else prefix
    for key, data in kv.iterate(start, prefix + b"\xff" * 9):
        if key.startswith(prefix):
            yield key, decode(data, bytes_max=VALUE_BYTES_MAX)
