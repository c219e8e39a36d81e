"""A cache within a bound of memory that keeps what is busy: two generations of entries.

What was used since the younger one was begun is in it. When that takes half of what may be held it
becomes the older one, whose entries go unless they are used again. So what is busy stays, what is
held goes neither up and down nor beyond its bound, and a use moves nothing: a list in the order of
use takes as much memory as a small entry, and writes to it at every look.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

_NOTHING: Final[Any] = object()


class Generations(Generic[K, V]):
    """What was read or kept last of a mapping, as much as ``limit_bytes`` hold.

    Any thread may read. If two turn the generations at once, what was kept in between is lost and
    read again, and a count may miss an entry until the next turn but one; so whoever replaces a
    value must be alone while it does.
    """

    __slots__ = ("_half", "_load", "_old", "_old_bytes", "_size", "_young", "_young_bytes")

    def __init__(
        self, limit_bytes: int, size: Callable[[K, V], int], load: Callable[[K], V]
    ) -> None:
        """``size``: the bytes of memory that an entry takes, its place in here included; ``load``:
        the value of a key that is not held."""
        self._half = limit_bytes // 2
        self._size = size
        self._load = load
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}
        self._young_bytes = self._old_bytes = 0

    @property
    def held_bytes(self) -> int:
        """At most the limit and one entry. What is in both generations counts twice."""
        return self._young_bytes + self._old_bytes

    def get(self, key: K) -> V:
        """The value of a key."""
        found: V = self._young.get(key, _NOTHING)
        if found is _NOTHING:
            found = self._old.get(key, _NOTHING)
            if found is _NOTHING:
                found = self._load(key)
            self.keep(key, found)
        return found

    def keep(self, key: K, value: V) -> None:
        """Hold a value, instead of the one that the key had."""
        known = self._young.get(key, _NOTHING)
        if known is not _NOTHING:
            self._young_bytes -= self._size(key, known)
        self._young[key] = value
        self._young_bytes += self._size(key, value)
        if self._young_bytes >= self._half:
            self._old, self._young = self._young, {}
            self._old_bytes, self._young_bytes = self._young_bytes, 0
