"""One kept-alive HTTP connection to a node, with nothing that nobody needs.

A general client needs more time for a request than the node for its answer (docs/benchmarks.md) and
would be what is measured.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from node.benchmark.in_process import WAIT_S_MAX, BenchmarkFailed
from node.benchmark.workload import Signer
from node.ledger import crypto
from node.ledger.http_signature import CONTEXT, RequestTarget, sign_request
from node.ledger.types import Digest

ANSWER_BYTES_MAX = 64 << 20
"""Longest answer that is read: receipts with proofs are a few kilobytes a claim."""
SUBMIT = "/v1/transactions"
SUBMIT_AND_WAIT = f"{SUBMIT}?wait=committed"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a node answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def retry_after_s(self) -> float:
        """How long the node asks to be left alone."""
        return float(self.headers.get("retry-after", "1"))


class Connection:
    """A connection, opened when it is needed; one request at a time."""

    def __init__(self, address: str) -> None:
        self._authority = address.removeprefix("http://")
        self._ends: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    @classmethod
    @asynccontextmanager
    async def open(cls, address: str) -> AsyncIterator[Connection]:
        """A connection to ``http://host:port``, closed at the end."""
        connection = cls(address)
        try:
            yield connection
        finally:
            await connection.close()

    async def close(self) -> None:
        """Until the next request."""
        if self._ends is not None:
            writer, self._ends = self._ends[1], None
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def submit(self, wire: bytes, *, wait: bool = True) -> Answer:
        """Hand in a transaction once."""
        target = SUBMIT_AND_WAIT if wait else SUBMIT
        return await self.ask("POST", target, {"Content-Type": "application/octet-stream"}, wire)

    async def post(self, wire: bytes) -> bytes:
        """Submit until it is committed; the answer's body. Raises ``BenchmarkFailed``."""
        while True:
            answer = await self.submit(wire)
            if answer.status == 200:
                return answer.body
            if answer.status not in (429, 503, 504):
                said = answer.body[:300].decode(errors="replace")
                raise BenchmarkFailed(f"{answer.status}: {said}")
            await asyncio.sleep(answer.retry_after_s)

    async def get(self, target: str, signer: Signer, chain: bytes) -> Any:
        """JSON of a signed read. Raises ``BenchmarkFailed``."""
        path, _, query = target.partition("?")
        headers = sign_request(
            RequestTarget("GET", self._authority, path, query),
            b"",
            organisation=signer.organisation,
            key=signer.key,
            created_s=int(time.time()),
            nonce=secrets.token_urlsafe(16),
            sign=lambda base: crypto.sign(signer.private, CONTEXT, Digest(chain), base),
        )
        answer = await self.ask("GET", target, headers)
        if answer.status != 200:
            said = answer.body[:300].decode(errors="replace")
            raise BenchmarkFailed(f"{target}: {answer.status}: {said}")
        return json.loads(answer.body)

    async def ask(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Answer:
        """One request and its answer."""
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self._authority}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        reader, writer = await self._open()
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        try:
            async with asyncio.timeout(WAIT_S_MAX):
                answer = await _read_answer(reader)
        except BaseException:
            await self.close()
            raise
        if answer.headers.get("connection") == "close":
            await self.close()
        return answer

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        # A node ends connections that are quiet for some seconds.
        if self._ends is not None and self._ends[0].at_eof():
            await self.close()
        if self._ends is None:
            host, _, port = self._authority.partition(":")
            self._ends = await asyncio.open_connection(host, int(port), limit=ANSWER_BYTES_MAX)
        return self._ends


async def _read_answer(reader: asyncio.StreamReader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    body = await reader.readexactly(int(headers["content-length"]))
    return Answer(int(first.split(" ")[1]), headers, body)
