"""The command line's client, straight into the edge of a node in this process: no socket between.

Requests are made, signed and read by the real client; the node behind the real edge has a clock
that goes on, as the client's does.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx

from cli.client import Client
from cli.identity import Identity
from node.ledger import crypto
from node.ledger.types import OrgId
from tests.contracts.world import secret_of
from tests.node.api.asgi import AUTHORITY
from tests.node.api.real import Clock, NodeWorld


class LiveClock(Clock):
    """The wall clock: the command line signs for it."""

    def __init__(self) -> None:
        """Nothing is set: it goes on by itself."""

    def __getattribute__(self, name: str) -> Any:
        return time.time_ns() // 1_000_000 if name == "ms" else super().__getattribute__(name)


class Bridge(httpx.BaseTransport):
    """Hands requests to the application and counts what was sent."""

    def __init__(self, world: NodeWorld) -> None:
        self._world = world
        self.submitted: list[int] = []
        """Bytes of each transaction."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path, _, query = request.url.raw_path.decode().partition("?")
        body = request.read()
        if path == "/v1/transactions":
            self.submitted.append(len(body))
        reply = self._world.api.send(
            request.method, path, query, headers=list(request.headers.items()), body=body
        )
        return httpx.Response(reply.status, headers=reply.headers, content=reply.body)


def live_world(folder: Path) -> NodeWorld:
    """A node whose clock goes on."""
    return NodeWorld(folder, LiveClock())


def open_bridge(world: NodeWorld, organisation: str, post: str) -> tuple[Client, Bridge]:
    """A client that signs for somebody of the contracts' world."""
    private = secret_of(organisation, post)
    identity = Identity(OrgId(organisation), crypto.public_key(private), private, bytes(32))
    bridge = Bridge(world)
    return Client(f"http://{AUTHORITY}", identity, transport=bridge), bridge
