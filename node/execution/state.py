"""State in three layers: committed, a block's overlay, a call's overlay.

Only committed blocks touch the base; a proposed block is an overlay that may be dropped, and a
refused call is an overlay that is dropped. Values cross the layers as canonical bytes, therefore
what a contract reads is always fresh and what it puts is fixed at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from contracts.api import Value
from node.ledger.codec import decode_trusted, encode
from node.ledger.generations import Generations
from node.ledger.receipt import EXECUTED
from node.ledger.types import STATE_KEY_CHARS_MAX

ABSENT = b""
"""Stands for "not in this layer": canonical bytes are never empty, and None is a deletion."""

CACHE_BYTES = 64 << 20
"""Memory of the read cache: fund areas, organisations, policies, busy persons. Some 100,000
entries; counted in bytes, because records become longer over the year and their number alone
bounds nothing."""

ENTRY_BYTES = 150
"""What a held entry takes beside the bytes of its key and value: two objects and a place."""

READINGS_MAX = 20_000
"""Remembered readings: 3,000 institutions, 400 areas with their policies and parameters, twice."""

T = TypeVar("T")


class ByteState(Protocol):
    """State as canonical bytes."""

    def get(self, key: str) -> bytes | None: ...


class Readings:
    """What was made of canonical bytes, remembered by them: a pure memo, the same for all states.

    Any thread may ask; every step is one assignment.
    """

    def __init__(self) -> None:
        self._made: dict[tuple[bytes, object], Any] = {}

    def of(self, data: bytes, build: Callable[[Value], T]) -> T:
        """``build`` of the value whose bytes are ``data``."""
        name = (data, build)
        made: T | None = self._made.get(name)
        if made is None:
            made = build(decode_trusted(data))
            if len(self._made) >= READINGS_MAX:
                self._made.clear()
            self._made[name] = made
        return made


_READINGS = Readings()


class CommittedState:
    """The base: rows of the store with a bounded cache. ``apply`` after the batch is on disk.

    Admission reads on another thread than the one that applies; nothing is applied while it does.
    """

    get: Callable[[str], bytes | None]
    """The canonical bytes of a key, None where it has none. The cache's own function: a call
    reads about 17 entries."""

    def __init__(self, rows: ByteState, *, cache_bytes: int = CACHE_BYTES) -> None:
        self._cache: Generations[str, bytes | None] = Generations(cache_bytes, _size, rows.get)
        self.get = self._cache.get

    @property
    def held_bytes(self) -> int:
        """Memory of the cache: at most ``cache_bytes`` and one entry."""
        return self._cache.held_bytes

    def apply(self, writes: Mapping[str, bytes | None]) -> None:
        """Follow a commit: the rows have these writes already."""
        for key, value in writes.items():
            self._cache.keep(key, value)


def _size(key: str, value: bytes | None) -> int:
    """Memory of a held entry."""
    return ENTRY_BYTES + len(key) + (0 if value is None else len(value))


class BlockState:
    """A block's overlay on the state of its parent."""

    __slots__ = ("parent", "writes")

    def __init__(self, parent: ByteState) -> None:
        self.parent = parent
        self.writes: dict[str, bytes | None] = {}

    def get(self, key: str) -> bytes | None:
        writes = self.writes
        return writes[key] if key in writes else self.parent.get(key)


class CallState:
    """A call's overlay: what contracts see as ``contracts.api.State``.

    Looks into the three layers itself: a call reads about 17 entries, and a function call for
    each layer would cost more than the look.
    """

    __slots__ = ("_block_writes", "_read_parent", "writes")

    def __init__(self, block: BlockState) -> None:
        self._block_writes = block.writes
        self._read_parent = block.parent.get
        self.writes: dict[str, bytes | None] = {}

    def get(self, key: str) -> Value | None:
        data = self._find(key)
        return None if data is None else decode_trusted(data)

    def read(self, key: str, build: Callable[[Value], T]) -> T | None:
        data = self._find(key)
        return None if data is None else _READINGS.of(data, build)

    def _find(self, key: str) -> bytes | None:
        data = self.writes.get(key, ABSENT)
        if data is ABSENT:
            data = self._block_writes.get(key, ABSENT)
            if data is ABSENT:
                data = self._read_parent(key)
        return data

    def put(self, key: str, value: Value) -> None:
        _check_key(key)
        self.writes[key] = encode(value)

    def delete(self, key: str) -> None:
        _check_key(key)
        self.writes[key] = None


class ReadState:
    """Decoded reading of a byte state for the node's own questions; it cannot be written."""

    __slots__ = ("_bytes",)

    def __init__(self, state: ByteState) -> None:
        self._bytes = state

    def get(self, key: str) -> Value | None:
        data = self._bytes.get(key)
        return None if data is None else decode_trusted(data)

    def read(self, key: str, build: Callable[[Value], T]) -> T | None:
        data = self._bytes.get(key)
        return None if data is None else _READINGS.of(data, build)

    def put(self, key: str, value: Value) -> None:
        raise AssertionError(f"{key} is written outside of a call")

    def delete(self, key: str) -> None:
        raise AssertionError(f"{key} is deleted outside of a call")


def _check_key(key: str) -> None:
    """A contract's keys are ours to get right: a wrong one is a bug."""
    assert key.isascii(), "a state key is ASCII"
    assert 0 < len(key) <= STATE_KEY_CHARS_MAX, "a state key has 1 to 200 characters"
    assert not key.startswith(EXECUTED), "executed ids are noted by execution only"
