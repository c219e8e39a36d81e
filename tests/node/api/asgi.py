"""Drives an ASGI application directly: exact bytes of path, query, headers and body, no sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from node.ledger import crypto
from node.ledger.http_signature import RequestTarget, signed_headers

AUTHORITY = "node.test:8800"


@dataclass(frozen=True)
class Reply:
    """What the application answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """Stable code of a problem object."""
        return str(self.json()["code"])


@dataclass(frozen=True)
class Reader:
    """Who asks: an organisation's key."""

    organisation: str
    private: crypto.PrivateKey


class Api:
    """One application and a clock; signs for whoever asks."""

    def __init__(self, app: Any, chain: bytes, now_ms: Any, faults: list[tuple[str, str]]) -> None:
        self.app, self.chain, self._now_ms, self.faults = app, chain, now_ms, faults
        self._nonces = 0

    def nonce(self) -> str:
        self._nonces += 1
        return f"nonce-{self._nonces:016d}"

    def sign(
        self,
        reader: Reader,
        path: str,
        query: str = "",
        *,
        method: str = "GET",
        body: bytes = b"",
        created_s: int | None = None,
        nonce: str | None = None,
    ) -> dict[str, str]:
        """Headers of a signed request."""
        return signed_headers(
            RequestTarget(method, AUTHORITY, path, query),
            body,
            chain=self.chain,
            organisation=reader.organisation,
            private=reader.private,
            created_s=self._now_ms() // 1000 if created_s is None else created_s,
            nonce=self.nonce() if nonce is None else nonce,
        )

    def get(self, path: str, reader: Reader | None = None, query: str = "", **more: Any) -> Reply:
        """A GET, signed when a reader is given."""
        headers = {} if reader is None else self.sign(reader, path, query)
        return self.send("GET", path, query, headers={**headers, **more.pop("headers", {})}, **more)

    def post(
        self,
        path: str,
        body: bytes,
        media_type: str,
        reader: Reader | None = None,
        query: str = "",
    ) -> Reply:
        """A POST, signed when a reader is given."""
        headers = {} if reader is None else self.sign(reader, path, query, method="POST", body=body)
        return self.send(
            "POST", path, query, headers={**headers, "Content-Type": media_type}, body=body
        )

    def send(
        self,
        method: str,
        path: str,
        query: str = "",
        *,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        chunks: Iterable[bytes] | None = None,
        client: str = "192.0.2.1",
        may_fault: bool = False,
        hang_up_after: int = 1_000_000,
    ) -> Reply:
        """One request as it stands. Fails when the application met a bug.

        ``hang_up_after``: parts of the answer after which the client is gone.
        """
        content = body if chunks is None else chunks
        reply = asyncio.run(
            drive(self.app, method, path, query, headers, content, client, hang_up_after)
        )
        if not may_fault:
            assert not self.faults, self.faults
        return reply


def make_scope(
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str] | Sequence[tuple[str, str]],
    client: str = "192.0.2.1",
) -> dict[str, Any]:
    """An ASGI scope as uvicorn makes it."""
    from urllib.parse import unquote

    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    if not any(name.lower() == "host" for name, _ in pairs):
        pairs.insert(0, ("Host", AUTHORITY))
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "root_path": "",
        "headers": [(n.lower().encode("latin-1"), v.encode("latin-1")) for n, v in pairs],
        "client": (client, 50000),
        "server": ("node.test", 8800),
        "state": {},
    }


async def drive(
    app: Any,
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str] | Sequence[tuple[str, str]],
    body: bytes | Iterable[bytes],
    client: str,
    hang_up_after: int = 1_000_000,
) -> Reply:
    """Send one request and collect the whole answer, or what came until the client hung up."""
    chunks = iter([body] if isinstance(body, bytes) else body)
    parts: list[bytes] = []
    start: dict[str, Any] = {}
    upcoming: list[bytes | None] = [next(chunks, b"")]
    gone = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if upcoming[0] is None:
            await gone.wait()
            return {"type": "http.disconnect"}
        chunk, upcoming[0] = upcoming[0], next(chunks, None)
        return {"type": "http.request", "body": chunk, "more_body": upcoming[0] is not None}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        else:
            parts.append(message.get("body", b""))
            if len(parts) >= hang_up_after:
                gone.set()
            await asyncio.sleep(0)

    await app(make_scope(method, path, query, headers, client), receive, send)
    names = {k.decode().lower(): v.decode() for k, v in start["headers"]}
    return Reply(start["status"], names, b"".join(parts))
