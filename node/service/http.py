"""The HTTP edge around a running node: uvicorn on the node's own loop, with our own limits.

uvicorn closes a connection that is quiet between requests, but waits for ever for the headers of
one that was opened and says nothing or too little; ``DeadlineProtocol`` ends that.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import structlog
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from node.api.access_log import ACCESS, AccessLog
from node.api.app import create_app
from node.api.ports import Genesis, Ports
from node.api.settings import ApiSettings, own_authorities
from node.config import ApiConfig, LimitsConfig
from node.service.clocks import monotonic_ms, wall_clock_ms
from node.service.node import Node

BACKLOG = 512
"""Connections that the system holds before they are accepted."""
STOP_S_MAX = 5
"""How long requests in hand may take once the node stops."""


class PortUnavailable(Exception):  # noqa: N818  (what happened)
    """The address cannot be listened on."""


class SystemClock:
    """The edge's clock."""

    def now_ms(self) -> int:
        return wall_clock_ms()

    def monotonic_s(self) -> float:
        return monotonic_ms() / 1000


def deadline_protocol(seconds: float, bytes_max: int) -> type[HttpToolsProtocol]:
    """The HTTP protocol with a deadline and a size for the headers of each request."""

    class DeadlineProtocol(HttpToolsProtocol):
        """Closes a connection whose headers are not complete in time, or do not come to an end."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._deadline: asyncio.TimerHandle | None = None
            self._head_bytes = 0

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self._deadline is None:
                return
            # Headers are still open after this piece, so all of it is head.
            self._head_bytes += len(data)
            if self._head_bytes > bytes_max:
                self._end()
                self.transport.close()

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            # uvicorn narrows asyncio's own signature in the same way
            super().connection_made(transport)
            self._begin()

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self._begin()

        def on_headers_complete(self) -> None:
            self._end()
            super().on_headers_complete()

        def connection_lost(self, exc: Exception | None) -> None:
            self._end()
            super().connection_lost(exc)

        def _begin(self) -> None:
            self._end()
            self._head_bytes = 0
            self._deadline = self.loop.call_later(seconds, self.transport.close)

        def _end(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

    return DeadlineProtocol


class _Server(uvicorn.Server):
    """uvicorn without signal handlers: the process has its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def settings_of(config: ApiConfig, limits: LimitsConfig, port: int) -> ApiSettings:
    """The edge's numbers: those of the configuration, and what is the same on every node."""
    authorities = config.authorities or own_authorities(config.host, port)
    return ApiSettings(authorities=authorities, **asdict(limits))


class HttpEdge:
    """The edge of one node. ``start``, then ``stop`` before the node stops."""

    def __init__(
        self,
        node: Node,
        config: ApiConfig,
        limits: LimitsConfig,
        log: structlog.stdlib.BoundLogger,
    ) -> None:
        """Binds the port, opens the access log. Raises ``PortUnavailable``, ``AccessLogBroken``."""
        self._node = node
        self._log = log
        folder = node.options.data_dir / ACCESS
        self._socket = _listen(config.host, config.port)
        self._access_log = AccessLog(folder)
        self.port: int = self._socket.getsockname()[1]
        settings = settings_of(config, limits, self.port)
        app = create_app(_ports(node), settings, self._access_log, self._on_fault)
        self._server = _Server(
            uvicorn.Config(
                app,
                http=deadline_protocol(settings.header_deadline_s, 2 * settings.header_bytes_max),
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                server_header=False,
                date_header=False,
                proxy_headers=False,
                timeout_keep_alive=5,
                timeout_graceful_shutdown=STOP_S_MAX,
            )
        )
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Serve from here on."""
        self._task = asyncio.create_task(self._server.serve([self._socket]), name="http")
        self._log.info("api.listening", port=self.port, pid=os.getpid())

    async def stop(self) -> None:
        """Finish the requests in hand, within bounds, and close."""
        self._server.should_exit = True
        if self._task is not None:
            await asyncio.wait([self._task])
        self._socket.close()
        self._access_log.close()

    def _on_fault(self, error: str, where: str) -> None:
        self._log.error("api.fault", error=error, line=where)


def _ports(node: Node) -> Ports:
    return Ports(
        reader=node.reader,
        submitter=node,
        estimator=node,
        operations=node,
        clock=SystemClock(),
        genesis=Genesis(node.genesis.chain, node.genesis_bytes),
    )


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=BACKLOG, reuse_port=False)
    except OSError as error:
        raise PortUnavailable(
            f"api.host = {host}, api.port = {port} cannot be listened on: {error.strerror}. "
            "Another program has it, or it is not an address of this machine."
        ) from error
