"""One node that is asked and not trusted: signed requests, and answers within bounds.

A node may be slow, silent, or send without end: an answer has a longest time and a longest length,
and whatever breaks them is silence or a lie, never a member node that hangs.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

import httpx

from node.ledger import crypto
from node.ledger.errors import InvalidProof
from node.ledger.http_signature import RequestTarget, signed_headers
from node.ledger.types import Key, OrgId
from node.member.errors import Declined, Silent

ANSWER_BYTES_MAX: Final = 24 * 1024 * 1024
"""The longest evidence file, and some more."""
CANONICAL: Final = "application/octet-stream"
_CHAIN = re.compile("[0-9a-f]{64}")
SKIPPED_ROUNDS_MAX: Final = 32
TURN_S_MAX: Final = 60
"""Seconds that one node's lists may take of a round: a slow one must not keep the others waiting
with what it proves bit by bit. A quick one proves some thousands in this time."""


@dataclass(frozen=True, slots=True)
class Signer:
    """The organisation's key, ready to sign."""

    organisation: OrgId
    chain: bytes
    private: crypto.PrivateKey = field(repr=False)

    @property
    def key(self) -> Key:
        """Its public half."""
        return crypto.public_key(self.private)


@dataclass(slots=True)
class Standing:
    """What is known of a node by now."""

    height: int | None = None
    """Of its newest header that was verified; None before the first."""
    behind_by: int = 0
    """Blocks between the best verified header and its own."""
    state: str = "unasked"
    """``agrees``, ``behind``, ``silent``, ``declines`` or ``lies``."""
    code: str = ""
    """Why it does not agree."""
    lies: int = 0
    """Answers that did not verify, since the start."""
    failures: int = 0
    """Rounds in a row that went wrong."""
    skip: int = 0
    """Rounds for which it is left alone."""
    clean: int = 0
    """Rounds without a fault since it went wrong."""

    def failed(self, state: str, code: str) -> None:
        """It went wrong: it is left alone for a while, twice as long each time."""
        self.state, self.code = state, code
        self.lies += state == "lies"
        self.failures += 1
        self.clean = 0
        self.skip = min(2 ** (self.failures - 1), SKIPPED_ROUNDS_MAX) - 1

    def went_well(self) -> None:
        """A round without a fault. Silence is forgiven at once, a lie after many of them: a node
        that lies about one thing only looks well in between."""
        self.clean += 1
        if self.state != "lies" or self.clean >= SKIPPED_ROUNDS_MAX:
            self.failures = 0


class Remote:
    """A node's API as the organisation sees it."""

    def __init__(
        self,
        address: str,
        signer: Signer,
        *,
        timeout_s: float = 10.0,
        transport: httpx.BaseTransport | None = None,
        now_s: Callable[[], float] = time.time,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.address = address.rstrip("/")
        self.standing = Standing()
        self._signer = signer
        self._authority = urlsplit(self.address).netloc.lower()
        self._timeout_s = timeout_s
        self._now_s, self._monotonic_s = now_s, monotonic_s
        self._turn_ends_s = 0.0
        # Compressed answers are not asked for: a small one could unpack to any length.
        self._http = httpx.Client(
            timeout=timeout_s, transport=transport, headers={"Accept-Encoding": "identity"}
        )

    def close(self) -> None:
        """End its connections."""
        self._http.close()

    def begin_turn(self) -> None:
        """Its lists are gone along from here; what is left is for its next turn."""
        self._turn_ends_s = self._monotonic_s() + TURN_S_MAX

    @property
    def turn_is_over(self) -> bool:
        """Whether the others are to have theirs."""
        return self._monotonic_s() >= self._turn_ends_s

    def get(self, path: str, **query: object) -> bytes:
        """The bytes of a signed GET. Raises ``Silent``, ``Declined`` or ``InvalidProof``."""
        path = quote(path, safe="/:")
        asked = urlencode({k: v for k, v in query.items() if v is not None})
        headers = signed_headers(
            RequestTarget("GET", self._authority, path, asked),
            b"",
            chain=self._signer.chain,
            organisation=self._signer.organisation,
            private=self._signer.private,
            created_s=int(self._now_s()),
            nonce=secrets.token_urlsafe(16),
        )
        return self._ask("GET", f"{path}?{asked}" if asked else path, headers, b"")

    def get_json(self, path: str, **query: object) -> dict[str, Any]:
        """The JSON object of a signed GET; it is a hint and proves nothing."""
        return _object(self.get(path, **query))

    def chain_named(self) -> str:
        """The network that the node says it is of; empty where it says none. Nothing is signed."""
        try:
            named = _object(self._ask("GET", "/v1/genesis", {}, b"")).get("chain")
        except (Silent, Declined, InvalidProof):
            return ""
        return named if isinstance(named, str) and _CHAIN.fullmatch(named) else ""

    def submit(self, wire: bytes) -> None:
        """Hand a signed transaction in and wait for its block; what is said of it is no proof."""
        headers = {"Content-Type": CANONICAL}
        self._ask("POST", "/v1/transactions?wait=committed", headers, wire)

    def _ask(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> bytes:
        until = time.monotonic() + 2 * self._timeout_s
        try:
            with self._http.stream(
                method, self.address + target, content=body or None, headers=dict(headers)
            ) as answer:
                if answer.headers.get("content-encoding", "identity") != "identity":
                    raise InvalidProof("member.answer-shape", field="content-encoding")
                data = bytearray()
                for part in answer.iter_bytes():
                    data += part
                    if len(data) > ANSWER_BYTES_MAX:
                        raise InvalidProof("member.answer-too-long", bytes_max=ANSWER_BYTES_MAX)
                    if time.monotonic() > until:
                        raise Silent("the answer takes too long")
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise Silent(type(error).__name__) from None
        if answer.status_code >= 400:
            raise _declined(answer.status_code, bytes(data))
        return bytes(data)


def _object(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise InvalidProof("member.answer-shape", wanted="JSON") from None
    if not isinstance(found, dict):
        raise InvalidProof("member.answer-shape", wanted="an object")
    return found


def _declined(status: int, data: bytes) -> Declined:
    try:
        problem = _object(data)
    except InvalidProof:
        problem = {}
    code, values = problem.get("code"), problem.get("values")
    return Declined(
        status,
        code[:100] if isinstance(code, str) else f"http.{status}",
        values if isinstance(values, dict) else {},
    )


def text_of(row: object, name: str, most: int) -> str:
    """A text in a hint. Raises ``InvalidProof``."""
    value = row.get(name) if isinstance(row, dict) else None
    if not isinstance(value, str) or not 0 < len(value) <= most or not value.isascii():
        raise InvalidProof("member.answer-shape", field=name)
    return value


def rows_of(answer: Mapping[str, Any], name: str) -> list[Any]:
    """A list in a hint. Raises ``InvalidProof``."""
    value = answer.get(name)
    if not isinstance(value, list):
        raise InvalidProof("member.answer-shape", field=name)
    return value


def height_of(row: object, name: str) -> int:
    """A height in a hint. Raises ``InvalidProof``."""
    height = row.get(name) if isinstance(row, dict) else None
    if type(height) is not int or not 0 <= height < 10**15:
        raise InvalidProof("member.answer-shape", field=name)
    return height
