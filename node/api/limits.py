"""What is counted before anything is parsed: bytes, headers, requests in hand, requests a second.

``Limits`` is the outermost middleware after the answer headers. It reads the whole body itself,
counting the bytes that arrive (Content-Length may lie or be absent), under a deadline and under one
budget of memory for all requests together; what is inside then sees a body that is there.

Buckets are per address here and per key in ``auth``; both are bounded tables. ``Retry-After`` is
the time after which the next request really passes, rounded up to a second.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from node.api.problems import Problem
from node.api.settings import ApiSettings

TRANSACTION_PATH = "/v1/transactions"
STREAM_PATH = "/v1/stream"

PLAIN_PATH = re.compile(rb"/(?!/)(?:[A-Za-z0-9._~:@-]|%[0-9A-F]{2}|/(?!/))*")
"""Unreserved characters, colon, at sign, upper-case escapes, no doubled slash."""

FORBIDDEN_ESCAPES = re.compile(rb"%(?:2E|2F|5C|25|7F|[01][0-9A-F])")
"""Escapes of dot, slash, backslash, percent and control characters: a path has one reading."""

DOT_SEGMENT = re.compile(rb"/\.{1,2}(?:/|$)")


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_s: float


class Buckets:
    """Token buckets by name in a bounded table; the longest unused is forgotten first."""

    def __init__(self, *, rate: int, burst: int, count_max: int, now: Callable[[], float]) -> None:
        self._rate, self._burst, self._count_max, self._now = rate, burst, count_max, now
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, name: str) -> float:
        """Take a token. Answers 0.0, or the seconds until there is one (nothing is taken then)."""
        now_s = self._now()
        bucket = self._buckets.get(name)
        if bucket is None:
            if len(self._buckets) >= self._count_max:
                self._buckets.popitem(last=False)
            bucket = self._buckets[name] = _Bucket(float(self._burst), now_s)
        self._buckets.move_to_end(name)
        gained = max(0.0, now_s - bucket.filled_s) * self._rate
        bucket.tokens = min(float(self._burst), bucket.tokens + gained)
        bucket.filled_s = now_s
        if bucket.tokens >= 1.0:
            bucket.tokens -= 1.0
            return 0.0
        return (1.0 - bucket.tokens) / self._rate

    def __len__(self) -> int:
        return len(self._buckets)


class Streams:
    """Counts open streams, together and by key."""

    def __init__(self, total_max: int, per_key_max: int) -> None:
        self._total_max, self._per_key_max = total_max, per_key_max
        self._by_key: Counter[bytes] = Counter()

    def open(self, key: bytes) -> None:
        """Raises ``Problem`` ``limit.streams``."""
        if self._by_key.total() >= self._total_max or self._by_key[key] >= self._per_key_max:
            raise Problem("limit.streams", retry_after_s=10)
        self._by_key[key] += 1

    def close(self, key: bytes) -> None:
        self._by_key[key] -= 1
        if not self._by_key[key]:
            del self._by_key[key]

    def __len__(self) -> int:
        return self._by_key.total()


def whole_seconds(seconds: float) -> int:
    """Value for Retry-After: at least 1, rounded up so that the promise holds."""
    return max(1, math.ceil(seconds))


class Limits:
    """ASGI middleware: refuses what is too large, too fast, too slow or too much at once."""

    def __init__(self, app: ASGIApp, settings: ApiSettings, now: Callable[[], float]) -> None:
        self._app = app
        self._settings = settings
        self._addresses = Buckets(
            rate=settings.address_rate,
            burst=settings.address_burst,
            count_max=settings.bucket_count_max,
            now=now,
        )
        self._in_flight = 0
        self._buffered = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            self._check_head(scope)
            self._check_rate(scope)
        except Problem as problem:
            await problem.response()(scope, receive, send)
            return
        # Streams stay open for long and have caps of their own (``stream.Streams``).
        weight = 0 if scope["path"] == STREAM_PATH else 1
        self._in_flight += weight
        try:
            await self._with_body(scope, receive, send)
        finally:
            self._in_flight -= weight

    def _check_head(self, scope: Scope) -> None:
        settings = self._settings
        raw_path, query = scope["raw_path"], scope["query_string"]
        size = sum(len(name) + len(value) + 4 for name, value in scope["headers"])
        target = len(raw_path) + len(query)
        if target > settings.target_bytes_max:
            raise Problem("request.headers-too-large", limit_bytes=settings.target_bytes_max)
        if size + target > settings.header_bytes_max:
            raise Problem("request.headers-too-large", limit_bytes=settings.header_bytes_max)
        if len(scope["headers"]) > settings.header_count_max:
            raise Problem("request.headers-too-large", limit_count=settings.header_count_max)
        names = [name for name, _ in scope["headers"]]
        if b"transfer-encoding" in names and b"content-length" in names:
            raise Problem("request.malformed", rule="one-body-length")
        for name in (
            b"host",
            b"content-length",
            b"content-digest",
            b"signature-input",
            b"signature",
        ):
            if names.count(name) > 1:
                raise Problem("request.malformed", rule="header-once", header=name.decode())
        if (
            PLAIN_PATH.fullmatch(raw_path) is None
            or FORBIDDEN_ESCAPES.search(raw_path)
            or DOT_SEGMENT.search(raw_path)
        ):
            raise Problem("request.path")

    def _check_rate(self, scope: Scope) -> None:
        if self._in_flight >= self._settings.in_flight_max:
            raise Problem("limit.busy", retry_after_s=1)
        client = scope.get("client")
        wait_s = self._addresses.take(client[0] if client else "local")
        if wait_s:
            raise Problem("limit.address", retry_after_s=whole_seconds(wait_s))

    async def _with_body(self, scope: Scope, receive: Receive, send: Send) -> None:
        taken = 0
        try:
            try:
                async with asyncio.timeout(self._settings.body_deadline_s):
                    body, taken = await self._read(scope, receive)
            except TimeoutError:
                raise Problem("request.too-slow") from None
        except Problem as problem:
            # The rest of the body stays unread, so the connection cannot be used again.
            response = problem.response()
            response.headers["Connection"] = "close"
            await response(scope, receive, send)
            return
        except _ClientGone:
            return
        try:
            scope["yibao.body"] = body
            await self._app(scope, _replay(body, receive), send)
        finally:
            self._buffered -= taken

    async def _read(self, scope: Scope, receive: Receive) -> tuple[bytes, int]:
        limit = self._body_limit(scope)
        declared = next((v for k, v in scope["headers"] if k == b"content-length"), b"0")
        if not declared.isdigit() or len(declared) > 15:
            raise Problem("request.malformed", rule="content-length")
        if int(declared) > limit:
            raise Problem("request.too-large", limit_bytes=limit)
        chunks: list[bytes] = []
        taken = 0
        try:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _ClientGone
                chunk = message.get("body", b"")
                if taken + len(chunk) > limit:
                    raise Problem("request.too-large", limit_bytes=limit)
                if self._buffered + len(chunk) > self._settings.buffered_bytes_max:
                    raise Problem("limit.busy", retry_after_s=1)
                self._buffered += len(chunk)
                taken += len(chunk)
                chunks.append(chunk)
                if not message.get("more_body", False):
                    return b"".join(chunks), taken
        except BaseException:
            self._buffered -= taken
            raise

    def _body_limit(self, scope: Scope) -> int:
        if scope["method"] in ("GET", "HEAD"):
            return 0
        if scope["path"] == TRANSACTION_PATH:
            return self._settings.transaction_bytes_max
        return self._settings.body_bytes_max


class _ClientGone(Exception):  # noqa: N818  (an event, not a fault)
    """The client hung up while its body was on the way; there is nobody to answer."""


def _replay(body: bytes, receive: Receive) -> Receive:
    """A receive that gives the body once and then what the connection says (a disconnect)."""
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed
