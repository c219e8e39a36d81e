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
D = TypeVar("D")

_NOTHING: Final[Any] = object()


class Generations(Generic[K, V]):
    """Entries that were used last, as many as ``limit_bytes`` hold.

    Any thread may look. If two turn the generations at once, what was kept in between is lost and
    asked for again, and a count may miss an entry until the next turn but one; so whoever replaces
    a value must be alone while it does.
    """

    __slots__ = ("_half", "_old", "_old_bytes", "_size", "_young", "_young_bytes")

    def __init__(self, limit_bytes: int, size: Callable[[K, V], int]) -> None:
        """``size``: the bytes of memory that an entry takes, its place in here included."""
        self._half = limit_bytes // 2
        self._size = size
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}
        self._young_bytes = self._old_bytes = 0

    @property
    def held_bytes(self) -> int:
        """At most the limit and one entry. What is in both generations counts twice."""
        return self._young_bytes + self._old_bytes

    def get(self, key: K, default: D) -> V | D:
        """The value of a key; ``default``, an object that is no value, where none is held."""
        found: V | D = self._young.get(key, default)
        if found is default:
            found = self._old.get(key, default)
            if found is not default:
                self.keep(key, found)  # type: ignore[arg-type]
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
