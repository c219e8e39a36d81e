"""Over real sockets: senders that say nothing, too little, too much, or two things at once, who do
not read what they asked for, or are too many."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.server import ServerState

from node.service import http_protocol
from node.service.http import Server, server_config
from node.service.http_protocol import Bounds, bounded_protocol, connections_allowed
from tests.node.api.conftest import make_edge

BOUNDS = Bounds(
    header_deadline_s=60, header_bytes_max=4_096, answer_deadline_s=0.1, connections_max=300
)  # fmt: skip
HASTY = replace(BOUNDS, header_deadline_s=2)
"""Of a test that waits until the deadline; a busy machine may hold the others up for longer."""

Story = Callable[[int], Awaitable[None]]


@contextlib.asynccontextmanager
async def serving(
    app: ASGIApp, bounds: Bounds = BOUNDS, on_refused: Callable[[], None] = lambda: None
) -> AsyncIterator[int]:
    """An application on a free port, as the node serves its own."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(server_config(app, bounds, on_refused))
    task = asyncio.create_task(server.serve([listener]))
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await task
        listener.close()


def run(folder: Path, story: Story, bounds: Bounds = BOUNDS) -> None:
    """Tell a story to the edge of a node in memory."""
    edge = make_edge(folder)

    async def whole() -> None:
        async with serving(edge.api.app, bounds) as port:
            await story(port)

    try:
        asyncio.run(whole())
    finally:
        edge.log.close()


async def say(port: int, data: bytes) -> bytes:
    """Send bytes and read until the node hangs up."""
    read, write = await asyncio.open_connection("127.0.0.1", port)
    write.write(data)
    answer = await read.read()
    write.close()
    return answer


HEALTH = b"GET /v1/health HTTP/1.1\r\nHost: node.test\r\nConnection: close\r\n\r\n"


def test_half_open_connections_hold_nobody_up(tmp_path: Path) -> None:
    """Two hundred send half a header; others are answered, then the two hundred are let go."""

    async def story(port: int) -> None:
        openings = [b"", b"G", b"GET /v1/health HTTP/1.1\r\n", b"POST /v1/tran"]
        waiting = []
        for number in range(200):
            read, write = await asyncio.open_connection("127.0.0.1", port)
            write.write(openings[number % 4])
            waiting.append((read, write))
        for _ in range(5):
            assert (await say(port, HEALTH)).startswith(b"HTTP/1.1 200")
        for read, write in waiting:
            with contextlib.suppress(ConnectionError):
                assert await read.read() == b""
            write.close()

    run(tmp_path, story, HASTY)


def test_headers_without_end_are_cut(tmp_path: Path) -> None:
    async def story(port: int) -> None:
        read, write = await asyncio.open_connection("127.0.0.1", port)
        write.write(b"GET /v1/health HTTP/1.1\r\nHost: node.test\r\n")
        with contextlib.suppress(ConnectionError):
            for _ in range(1_000):
                write.write(b"X-More: " + b"x" * 1_000 + b"\r\n")
                await write.drain()
            assert await read.read() == b""
        write.close()
        assert (await say(port, HEALTH)).startswith(b"HTTP/1.1 200")

    run(tmp_path, story)


def test_a_body_of_chunks_without_end_is_cut(tmp_path: Path) -> None:
    async def story(port: int) -> None:
        read, write = await asyncio.open_connection("127.0.0.1", port)
        write.write(
            b"POST /v1/estimate HTTP/1.1\r\nHost: node.test\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        chunk = b"%x\r\n" % 65_536 + b"x" * 65_536 + b"\r\n"
        answer = b""
        # The system may drop the answer when the sender goes on after the node has hung up.
        with contextlib.suppress(ConnectionError):
            for _ in range(64):
                write.write(chunk)
                await write.drain()
            answer = await read.read(4_096)
        assert not answer or answer.startswith(b"HTTP/1.1 413")
        write.close()
        assert (await say(port, HEALTH)).startswith(b"HTTP/1.1 200")

    run(tmp_path, story)


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        b"Content-Length: 3\r\nContent-Length: 4\r\n",
        b"Transfer-Encoding: x\r\n",
        b"Content-Length: -3\r\n",
        b" Folded: x\r\n",
        b"Bad Name: x\r\n",
    ],
)
def test_a_request_that_two_readers_would_read_differently(tmp_path: Path, head: bytes) -> None:
    """Smuggling: what follows in the same connection must never become a second request."""
    smuggled = b"0\r\n\r\nGET /v1/genesis HTTP/1.1\r\nHost: node.test\r\n\r\n"

    async def story(port: int) -> None:
        start = b"POST /v1/transactions HTTP/1.1\r\nHost: node.test\r\nConnection: close\r\n"
        answer = await say(port, start + head + b"\r\n" + smuggled)
        assert b'"chain"' not in answer
        assert not answer or answer.startswith(b"HTTP/1.1 4"), answer

    run(tmp_path, story)


def test_what_is_not_http_is_hung_up_on(tmp_path: Path) -> None:
    async def story(port: int) -> None:
        for data in (
            b"\x16\x03\x01\x00\x00",
            b"SSH-2.0-x\r\n",
            b"\0" * 100,
            b"GET / HTTP/9.9\r\n\r\n",
        ):
            answer = await say(port, data)
            assert not answer or answer.startswith(b"HTTP/1.1 4"), answer
        assert (await say(port, HEALTH)).startswith(b"HTTP/1.1 200")

    run(tmp_path, story)


def test_what_is_not_http_writes_no_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """A stranger writes no lines into the operator's log, least of all such that are no JSON."""
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

    async def story(port: int) -> None:
        await say(port, b"\0" * 100)
        read, write = await asyncio.open_connection("127.0.0.1", port)
        write.write(b"GET /v1/health HTTP/1.1\r\nHost: node.test\r\n" + upgrade)
        assert (await read.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200")
        write.close()

    with caplog.at_level(logging.DEBUG):
        run(tmp_path, story)
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []
    assert capsys.readouterr().err == ""


class Large:
    """Answers with more than the system keeps for a reader. Notes what became of each request."""

    BODY = b"x" * (16 << 20)

    def __init__(self) -> None:
        self.begun = 0
        self.ended = asyncio.Event()
        self.errors: list[BaseException] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.begun += 1
        length = str(len(self.BODY)).encode()
        try:
            await send(
                {"type": "http.response.start", "status": 200,
                 "headers": [(b"content-length", length)]}
            )  # fmt: skip
            await send({"type": "http.response.body", "body": self.BODY, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        except BaseException as error:
            self.errors.append(error)
            raise
        finally:
            self.ended.set()


def test_who_does_not_read_is_let_go() -> None:
    """And what was asked behind it is not begun: nobody is there to read it either."""

    async def story() -> None:
        app = Large()
        async with serving(app) as port:
            _, write = await asyncio.open_connection("127.0.0.1", port, limit=1)
            write.write(3 * HEALTH.replace(b"Connection: close\r\n", b""))
            await asyncio.wait_for(app.ended.wait(), 20)
            write.close()
        assert app.begun == 1
        assert app.errors == []

    asyncio.run(story())


class Line:
    """Loop and transport of a connection whose reader takes what the test says."""

    def __init__(self) -> None:
        self.unread = 100
        self.aborted = False
        self.later: Callable[[], None] | None = None

    def call_later(self, _seconds: float, call: Callable[..., None], *args: object) -> Line:
        self.later = lambda: call(*args)
        return self

    def cancel(self) -> None:
        self.later = None

    def get_write_buffer_size(self) -> int:
        return self.unread

    def abort(self) -> None:
        self.aborted = True

    def after_the_deadline(self) -> None:
        assert self.later is not None
        self.later()


def test_who_reads_slowly_is_waited_for() -> None:
    line: Any = Line()
    connection: Any = bounded_protocol(BOUNDS, lambda: None)
    connection = connection(server_config(Large(), BOUNDS, lambda: None), ServerState(), {}, line)
    connection.transport, connection.flow = line, FlowControl(line)
    connection.pause_writing()
    for unread in (99, 50, 49):
        line.unread = unread
        line.after_the_deadline()
        assert not line.aborted
    connection.resume_writing()
    assert line.later is None
    connection.pause_writing()
    line.after_the_deadline()
    assert line.aborted


def test_one_connection_too_many_is_told_so(tmp_path: Path) -> None:
    """So that idle ones do not take the descriptors with which the database opens its files."""
    bounds = Bounds(
        header_deadline_s=60, header_bytes_max=4_096, answer_deadline_s=60, connections_max=3
    )  # fmt: skip
    edge, refused = make_edge(tmp_path), []

    async def story() -> None:
        async with serving(edge.api.app, bounds, lambda: refused.append(1)) as port:
            held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
            read, write = await asyncio.open_connection("127.0.0.1", port)
            answer = await read.read()
            assert answer.startswith(b"HTTP/1.1 503"), answer
            assert b'"limit.busy"' in answer
            assert b"retry-after: 1" in answer.lower()
            write.close()
            assert len(refused) == 1
            for read, write in held:
                write.write(HEALTH)
                assert (await read.read()).startswith(b"HTTP/1.1 200")
                write.close()
            assert (await say(port, HEALTH)).startswith(b"HTTP/1.1 200")

    asyncio.run(story())
    edge.log.close()
    assert len(refused) == 1


@pytest.mark.parametrize(
    ("limits", "raised", "allowed"),
    [
        ((1_024, 1_024), 1_024, 512),
        ((1_024, 524_288), 4_096, 2_048),
        ((1_024, resource.RLIM_INFINITY), 4_096, 2_048),
        ((8_192, 8_192), None, 2_048),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), None, 2_048),
    ],
)
def test_half_of_the_descriptors_are_for_connections(
    monkeypatch: pytest.MonkeyPatch,
    limits: tuple[int, int], raised: int | None, allowed: int,
) -> None:  # fmt: skip
    given: list[tuple[int, int]] = []
    monkeypatch.setattr(http_protocol.resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(http_protocol.resource, "setrlimit", lambda _, new: given.append(new))
    assert connections_allowed(2_048) == allowed
    assert given == ([] if raised is None else [(raised, limits[1])])
