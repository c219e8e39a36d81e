"""An in-memory store that crashes on demand, for tests of everything above the ``KV`` protocol.

It keeps what is durable apart from what is only written: a batch with ``sync=True`` is durable
when ``write`` returns, others may be lost in any combination at a crash, as LevelDB may lose them
(STORAGE.md section 1). A crash is planned by write number: before it (nothing of the batch is
there), or after it (all of it is there and the caller never hears so).
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterator, Sequence

from node.store.kv import Operation


class Crash(Exception):  # noqa: N818  (what happens)
    """The machine stopped here."""


class SimKV:
    """The ``KV`` protocol over a dict."""

    def __init__(self, rows: dict[bytes, bytes] | None = None) -> None:
        self._rows: dict[bytes, bytes] = dict(rows or {})
        self._durable: dict[bytes, bytes] = dict(self._rows)
        self._unsynced: list[Sequence[Operation]] = []
        self.writes = 0
        """Batches so far."""
        self.crash_before: int | None = None
        """Number of the write that does not happen any more."""
        self.crash_after: int | None = None
        """Number of the write that happens and does not return."""
        self.down = False

    def get(self, key: bytes) -> bytes | None:
        self._check_up()
        return self._rows.get(key)

    def iterate(
        self, start: bytes, stop: bytes, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        self._check_up()
        return _range(self._rows, start, stop, reverse)

    def write(self, batch: Sequence[Operation], *, sync: bool) -> None:
        self._check_up()
        self.writes += 1
        if self.crash_before == self.writes:
            self._crash()
        _apply(self._rows, batch)
        self._unsynced.append(list(batch))
        if sync:
            self._durable = dict(self._rows)
            self._unsynced.clear()
        if self.crash_after == self.writes:
            self._crash()

    def snapshot(self) -> SimSnapshot:
        self._check_up()
        return SimSnapshot(dict(self._rows))

    def close(self) -> None:
        self.down = True

    def after_crash(self, keep: Callable[[int], bool] = lambda index: False) -> SimKV:
        """The store as it comes up again: all that is durable, and of the batches not synced
        those whose index ``keep`` chooses: logs may lose their middle, not only their end."""
        rows = dict(self._durable)
        for index, batch in enumerate(self._unsynced):
            if keep(index):
                _apply(rows, batch)
        return SimKV(rows)

    def rows(self) -> dict[bytes, bytes]:
        """All rows, for damage by hand."""
        return self._rows

    def _crash(self) -> None:
        self.down = True
        raise Crash

    def _check_up(self) -> None:
        if self.down:
            raise Crash


class SimSnapshot:
    """A copy of the rows."""

    def __init__(self, rows: dict[bytes, bytes]) -> None:
        self._rows = rows

    def get(self, key: bytes) -> bytes | None:
        return self._rows.get(key)

    def iterate(
        self, start: bytes, stop: bytes, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        return _range(self._rows, start, stop, reverse)

    def close(self) -> None:
        return


def _apply(rows: dict[bytes, bytes], batch: Sequence[Operation]) -> None:
    for key, value in batch:
        if value is None:
            rows.pop(key, None)
        else:
            rows[key] = value


def _range(
    rows: dict[bytes, bytes], start: bytes, stop: bytes, reverse: bool
) -> Iterator[tuple[bytes, bytes]]:
    keys = sorted(rows)
    found = keys[bisect.bisect_left(keys, start) : bisect.bisect_left(keys, stop)]
    return iter([(key, rows[key]) for key in (reversed(found) if reverse else found)])
