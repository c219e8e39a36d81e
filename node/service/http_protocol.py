"""One HTTP connection, bounded: in time while its headers come and its answer goes, in the size of
its headers, and in how many others there are beside it.

uvicorn closes a connection that is quiet between requests, but waits for ever for the headers of
one that says nothing or too little, and for one that does not read what it asked for; and it takes
in as many as the system has descriptors for. The database opens files, too: where none is left, a
batch cannot be written and the node ends. So whoever can reach the port could stop it.
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from node.api.problems import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one connection may take, and how many there may be."""

    header_deadline_s: float
    header_bytes_max: int
    answer_deadline_s: float
    """An answer that is not read at all for this long ends its connection."""
    connections_max: int


def connections_allowed(wanted: int) -> int:
    """How many of these connections the process can bear: half of its descriptors, the others are
    for database, files and peers. Raises the soft limit of open files as far as that needs it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 2 * wanted
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return wanted
    most = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most // 2


class BoundedProtocol(HttpToolsProtocol):
    """Closes a connection whose headers are not complete in time or do not come to an end,
    whose answer is not read, or that is one too many."""

    bounds: Bounds
    on_refused: Callable[[], None]
    """Hears of each connection too many."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._reader: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        # uvicorn narrows asyncio's own signature in the same way
        super().connection_made(transport)
        if len(self.connections) > self.bounds.connections_max:
            self.on_refused()
            transport.write(_BUSY)
            transport.close()
            return
        self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        self._end_looking()
        # Requests behind the one in hand: who asked is gone, they are not begun.
        self.pipeline.clear()
        super().connection_lost(exc)

    # --- Headers ----------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._deadline is None:
            return
        # Headers are still open after this piece, so all of it is head.
        self._head_bytes += len(data)
        if self._head_bytes > self.bounds.header_bytes_max:
            self._end()
            self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._begin()

    def on_headers_complete(self) -> None:
        self._end()
        super().on_headers_complete()

    def _begin(self) -> None:
        self._end()
        self._head_bytes = 0
        self._deadline = self.loop.call_later(self.bounds.header_deadline_s, self.transport.close)

    def _end(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    # --- Answers ----------------------------------------------------------------------------

    def pause_writing(self) -> None:
        super().pause_writing()
        self._look_later()

    def resume_writing(self) -> None:
        self._end_looking()
        super().resume_writing()

    def _look_later(self) -> None:
        left = self.transport.get_write_buffer_size()
        self._reader = self.loop.call_later(self.bounds.answer_deadline_s, self._look, left)

    def _look(self, left_before: int) -> None:
        """Whoever reads slowly is waited for, who does not read is not."""
        if self.transport.get_write_buffer_size() < left_before:
            self._look_later()
        else:
            self.transport.abort()

    def _end_looking(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None


def bounded_protocol(bounds: Bounds, on_refused: Callable[[], None]) -> type[BoundedProtocol]:
    """The protocol with these bounds; uvicorn makes one for each connection."""
    given = {"bounds": bounds, "on_refused": staticmethod(on_refused)}
    return type("BoundedProtocol", (BoundedProtocol,), given)


def _busy() -> bytes:
    """The answer to a connection too many."""
    response = Problem("limit.busy", retry_after_s=1).response()
    headers = [*response.raw_headers, (b"connection", b"close")]
    lines = [b"HTTP/1.1 503 Service Unavailable", *(b": ".join(pair) for pair in headers)]
    return b"\r\n".join([*lines, b"", bytes(response.body)])


_BUSY = _busy()
