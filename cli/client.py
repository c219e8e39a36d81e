"""Asks a node over HTTP: signs reads, signs and submits transactions, explains refusals.

Everything that the node answers is either public, or signed for here with the caller's key. The
node cannot forge anything: transactions are signed on this side, answers carry proofs that
``yibao proof`` checks without the node.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import httpx

from cli.identity import Identity
from node.ledger import crypto
from node.ledger.codec import encode
from node.ledger.http_signature import CONTEXT, RequestTarget, sign_request
from node.ledger.keystore import is_for
from node.ledger.transaction import (
    Attachment,
    AttachmentRef,
    Call,
    TransactionBody,
    commit,
    sign_transaction,
)
from node.ledger.types import Digest, TimeMs

VALIDITY_MS = 10 * 60 * 1000
"""How long a submitted transaction may wait; the ledger allows up to 24 h and 5 min."""


NO_NODE = "the answer is not a node's"
_ERRNO = re.compile(r"^\[Errno -?[0-9]+\] ")

STREAM_SILENCE_S_MAX = 60.0
"""A node says something on an event stream every 15 s; after four times that it is gone."""


class Unreachable(Exception):  # noqa: N818  (what the node is)
    """The node does not answer; carries the address and the reason."""

    def __init__(self, address: str, reason: object) -> None:
        super().__init__(f"{address}: {_ERRNO.sub('', str(reason))}")
        self.address = address


class Late(Unreachable):
    """The node has taken the request and was not done with it in the time that it was given."""

    def __init__(self, address: str, timeout_s: float) -> None:
        super().__init__(address, f"no answer within {timeout_s:g} s")
        self.timeout_s = timeout_s


class Unaskable(Exception):  # noqa: N818  (what the request is)
    """A request that cannot be put to any node; the message says why."""


class OtherNetwork(Exception):  # noqa: N818  (what the node is of)
    """The node is of another network than the caller's key."""

    def __init__(self, address: str, node: bytes, key: bytes) -> None:
        super().__init__(f"{address} is of network {node.hex()}, the key of {key.hex()}")


class Refused(Exception):  # noqa: N818  (what the request is)
    """The node answers with a problem object (RFC 9457).

    ``target``: path and query that were asked for, as they were sent; the answer repeats nothing.
    """

    def __init__(self, status: int, problem: Mapping[str, Any], target: str = "") -> None:
        super().__init__(str(problem.get("code", status)))
        self.status = status
        self.problem = dict(problem)
        self._target = target

    @property
    def code(self) -> str:
        """Stable code, as docs/errors.md lists it."""
        return str(self.problem.get("code", f"http.{self.status}"))

    @property
    def is_withheld(self) -> bool:
        """Whether the reader has no right to the thing, or it is not there; anything else says
        that the node could not answer."""
        return self.status in (403, 404, 410)

    @property
    def sentence(self) -> str:
        """What went wrong, with the values that were compared."""
        text = str(self.problem.get("title") or self.problem.get("detail") or "refused")
        values = self.problem.get("values") or {}
        if wrong := self._wrong(values):
            return f"{'; '.join(wrong)} [{self.code}]"
        compared = [compared_text(values)] if values else []
        if self.is_withheld and self._target:  # of several things that were asked for, which one
            compared.append(f"asked={unquote(self._target.partition('?')[0])}")
        return f"{text} [{self.code}]" + (f" ({', '.join(compared)})" if compared else "")

    @property
    def next_step(self) -> str:
        """What to do about it."""
        if self._wrong(self.problem.get("values") or {}):
            return "correct it, and ask again"
        if self.code == "request.not-found":  # each path that is asked for here is a route
            return "a name has no / in it; or the node is older than this command: yibao --version"
        return str(self.problem.get("next") or "")

    def _wrong(self, values: Mapping[str, Any]) -> list[str]:
        """Of parameters that have another form than the route declares: what was given, what is
        wanted. Nothing where one of them was not given here."""
        places = values.get("where") if self.code == "request.invalid" else None
        if not isinstance(places, list):
            return []
        given = _given(str(values.get("route", "")), self._target)
        told = []
        for place in map(str, places):
            name, _, wanted = place.partition(": ")
            if name not in given:
                return []
            told.append(f"{name.partition('.')[2]} {given[name]!r}: wanted is {wanted}")
        return told


def compared_text(values: Mapping[str, Any]) -> str:
    """The values that a refusal compared, those that are no text as in the JSON of the answer."""

    def text(value: Any) -> str:
        if isinstance(value, str):
            return value
        return json.dumps(value, ensure_ascii=False, default=bytes.hex)

    return ", ".join(f"{name}={text(value)}" for name, value in values.items())


@dataclass(frozen=True, slots=True)
class CallSpec:
    """A call to be put into a transaction, with the attachments' plain contents."""

    contract: str
    method: str
    args: dict[str, Any]
    client_id: str
    """Id that the client made for the thing; the blinds of a retry repeat it."""
    attachments: tuple[tuple[str, Any], ...] = ()
    """(audience, plain content)."""


def build_transaction(
    identity: Identity, chain: bytes, calls: Sequence[CallSpec], valid_until_ms: int
) -> tuple[bytes, bytes]:
    """Sign calls into one transaction. Returns (id, wire bytes)."""
    refs: list[AttachmentRef] = []
    attachments: list[Attachment] = []
    named: list[Call] = []
    for call in calls:
        indexes = []
        for audience, content in call.attachments:
            blind = identity.blind(call.client_id, audience)
            packed = encode(content)
            indexes.append(len(refs))
            refs.append(AttachmentRef(audience, commit(blind, packed)))
            attachments.append(Attachment(blind, packed))
        named.append(Call(call.contract, call.method, call.args, tuple(indexes)))
    body = TransactionBody(
        chain=Digest(chain),
        sender=identity.organisation,
        key=identity.key,
        valid_until_ms=TimeMs(valid_until_ms),
        calls=tuple(named),
        attachments=tuple(refs),
    )
    signed = sign_transaction(body, identity.private, attachments)
    return signed.id, signed.encode()


class Client:
    """One node's API, as one organisation sees it."""

    def __init__(
        self,
        base: str,
        identity: Identity | None = None,
        *,
        timeout_s: float = 30.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.base = base.rstrip("/")
        self.identity = identity
        try:
            httpx.URL(self.base)
            self._authority = urlsplit(self.base).netloc.lower()
        except (ValueError, httpx.InvalidURL) as error:
            raise Unreachable(self.base, error) from None
        self._http = httpx.Client(timeout=timeout_s, transport=transport)
        self._timeout_s = timeout_s
        self._chain: bytes | None = None

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def chain(self) -> bytes:
        """The chain's id as the node names it; signatures are bound to it.

        Raises ``OtherNetwork`` where the caller's key is for another one: nothing is signed for a
        network that only the node says it is.
        """
        if self._chain is None:
            answer = self._document(self._send("GET", "/v1/genesis", b"", {}))
            try:
                chain = bytes.fromhex(answer["chain"])
            except (KeyError, TypeError, ValueError):
                raise Unreachable(self.base, NO_NODE) from None
            if self.identity is not None and not is_for(self.identity.chain, chain):
                raise OtherNetwork(self.base, chain, self.identity.chain)
            self._chain = chain
        return self._chain

    def get(self, path: str, **query: Any) -> Any:
        """JSON answer of a signed GET. Raises ``Refused``, ``Unaskable`` or ``Unreachable``."""
        return self._document(self.fetch("GET", path, query=query))

    def get_bytes(self, path: str, **query: Any) -> bytes:
        """Binary answer of a signed GET."""
        return self.fetch("GET", path, query=query).content

    def post(self, path: str, document: bytes, content_type: str, **query: Any) -> Any:
        """JSON answer of a signed POST."""
        headers = {"Content-Type": content_type}
        answer = self.fetch("POST", path, query=query, body=document, headers=headers)
        return self._document(answer)

    def submit(self, calls: Sequence[CallSpec], *, wait: bool = True) -> dict[str, Any]:
        """Sign the calls into one transaction and hand it in.

        With ``wait`` the answer holds the receipts and their proofs; otherwise only the id.
        """
        assert self.identity is not None, "submitting needs an identity"
        until_ms = time.time_ns() // 1_000_000 + VALIDITY_MS
        _, wire = build_transaction(self.identity, self.chain, calls, until_ms)
        return self.submit_wire(wire, wait=wait)

    def submit_wire(self, wire: bytes, *, wait: bool) -> dict[str, Any]:
        """Hand in canonical bytes of a signed transaction."""
        path = "/v1/transactions" + ("?wait=committed" if wait else "")
        headers = {"Content-Type": "application/octet-stream"}
        answer: dict[str, Any] = self._document(self._send("POST", path, wire, headers))
        return answer

    def estimate(self, call: CallSpec) -> dict[str, Any]:
        """What a call would come to on the head; nothing is handed in and nothing is kept."""
        assert self.identity is not None, "an estimate is asked for with a signing key"
        attachments = [
            [audience, self.identity.blind(call.client_id, audience), encode(content)]
            for audience, content in call.attachments
        ]
        body = encode([call.contract, call.method, call.args, attachments])
        answer: dict[str, Any] = self.post("/v1/estimate", body, "application/octet-stream")
        return answer

    def stream(self, path: str, **query: Any) -> Iterator[str]:
        """Lines of a signed event stream."""
        target, headers = self._signed("GET", path, query, b"")
        try:
            with self._http.stream(
                "GET", self.base + target, headers=headers, timeout=STREAM_SILENCE_S_MAX
            ) as answer:
                if answer.status_code >= 400:
                    answer.read()
                _check(answer, target)
                yield from answer.iter_lines()
        except httpx.TransportError as error:
            raise Unreachable(self.base, error) from None

    def fetch(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """A signed request (unsigned where the caller has no key)."""
        target, signed = self._signed(method, path, query or {}, body)
        return self._send(method, target, body, {**signed, **(headers or {})})

    def _signed(
        self, method: str, path: str, query: Mapping[str, Any], body: bytes
    ) -> tuple[str, dict[str, str]]:
        if {".", ".."} & set(path.split("/")):
            raise Unaskable("a name is not . or ..")  # on the way the path would become another
        try:
            path = quote(path, safe="/:")
            asked = urlencode({k: v for k, v in query.items() if v is not None})
        except UnicodeEncodeError:
            raise Unaskable("a name or an option is not text in the terminal's encoding") from None
        target = f"{path}?{asked}" if asked else path
        if self.identity is None:
            return target, {}
        identity, chain = self.identity, self.chain
        headers = sign_request(
            RequestTarget(method, self._authority, path, asked),
            body,
            organisation=identity.organisation,
            key=identity.key,
            created_s=int(time.time()),
            nonce=secrets.token_urlsafe(16),
            sign=lambda base: crypto.sign(identity.private, CONTEXT, chain, base),
        )
        return target, headers

    def _send(
        self, method: str, target: str, body: bytes, headers: Mapping[str, str]
    ) -> httpx.Response:
        try:
            answer = self._http.request(
                method, self.base + target, content=body or None, headers=dict(headers)
            )
        except httpx.ReadTimeout:
            raise Late(self.base, self._timeout_s) from None
        except httpx.TransportError as error:
            raise Unreachable(self.base, error) from None
        _check(answer, target)
        return answer

    def _document(self, answer: httpx.Response) -> Any:
        """The JSON of an answer. Raises ``Unreachable``: what gives none is no node."""
        try:
            return answer.json()
        except ValueError:
            raise Unreachable(self.base, NO_NODE) from None


def _check(answer: httpx.Response, target: str) -> None:
    if answer.status_code < 400:
        return
    try:
        problem = answer.json()
    except ValueError:
        problem = {"title": answer.reason_phrase}
    raise Refused(answer.status_code, problem if isinstance(problem, dict) else {}, target)


def _given(route: str, target: str) -> dict[str, str]:
    """The parameters of a request: ``path.NAME`` by the route's template, ``query.NAME``."""
    path, _, query = target.partition("?")
    given = {f"query.{name}": value for name, value in parse_qsl(query, keep_blank_values=True)}
    for part, value in zip(route.split("/"), path.split("/"), strict=False):
        if part.startswith("{"):
            given[f"path.{part[1:-1].partition(':')[0]}"] = unquote(value)
    return given
