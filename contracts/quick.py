"""``quick``: the dataclass of values that are made often; frozen for mypy, plain at run time.

What ``dataclass(frozen=True)`` makes sets each field through ``object.__setattr__``: 0.13 us a
field, ten times a plain dataclass, and a settlement makes some fifty values of five to twenty
fields, a sixth of its time (docs/benchmarks.md). So the hot path writes

    @quick(frozen=True, slots=True)
    class Payment: ...

and mypy, which sees ``dataclass`` itself, refuses whatever would change a ``Payment``. Equality,
hash, ``replace`` and ``fields`` are the same. Values that outside code may hold on to, and all that
are made seldom, are plain frozen dataclasses.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as quick
else:

    def quick(*, frozen: bool, slots: bool, kw_only: bool = False) -> Any:
        """``dataclass`` with the hash of a frozen one, and without the guard."""
        assert frozen, "quick is for values"
        assert slots, "quick is for values"
        return dataclasses.dataclass(slots=True, kw_only=kw_only, unsafe_hash=True)


__all__ = ["quick"]
