"""Over real sockets: senders that say nothing, too little, too much, or two things at once."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import uvicorn

from node.service.http import _Server, deadline_protocol
from tests.node.api.conftest import make_edge

HEADER_DEADLINE_S = 0.3
HEADER_BYTES_MAX = 4_096

Story = Callable[[int], Awaitable[None]]


@contextlib.asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[int]:
    """The edge of a node in memory on a free port."""
    edge = make_edge(folder)
    listener = socket.create_server(("127.0.0.1", 0))
    server = _Server(
        uvicorn.Config(
            edge.api.app,
            http=deadline_protocol(HEADER_DEADLINE_S, HEADER_BYTES_MAX),
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
        )
    )
    task = asyncio.create_task(server.serve([listener]))
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await task
        listener.close()
        edge.log.close()


def run(folder: Path, story: Story) -> None:
    async def whole() -> None:
        async with serving(folder) as port:
            await story(port)

    asyncio.run(whole())


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

    run(tmp_path, story)


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
