"""A contract's world in memory: state, services and context for tests of the engine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from contracts.api import Attachment, Context, Services, Value

T = TypeVar("T")


class MemoryState:
    """A dict that stores a copy of what is put and gives a fresh copy of what is there."""

    def __init__(self, entries: Mapping[str, Value] | None = None) -> None:
        self.entries = {key: json.dumps(value) for key, value in (entries or {}).items()}

    def get(self, key: str) -> Value | None:
        return json.loads(self.entries[key]) if key in self.entries else None

    def read(self, key: str, build: Callable[[Value], T]) -> T | None:
        value = self.get(key)
        return None if value is None else build(value)

    def put(self, key: str, value: Value) -> None:
        self.entries[key] = json.dumps(value)

    def delete(self, key: str) -> None:
        self.entries.pop(key, None)


class PlainServices:
    """Digests and JSON bytes: enough for the engine, which never looks inside them."""

    def digest(self, tag: str, data: bytes) -> bytes:
        return hashlib.sha256(bytes([len(tag)]) + tag.encode() + data).digest()

    def encode(self, value: Value) -> bytes:
        return json.dumps(value, sort_keys=True).encode()

    def decode(self, data: bytes) -> Value:
        return json.loads(data)

    def verify(self, key: bytes, context: str, message: bytes, signature: bytes) -> None:
        raise ValueError("no keys here")

    def check_key(self, key: bytes) -> None:
        raise ValueError("no keys here")

    def read_header(self, header: bytes) -> dict[str, Value]:
        raise ValueError("no blocks here")

    def check_certificate(self, header: bytes, certificate: bytes, members: object) -> None:
        raise ValueError("no blocks here")

    def convict(self, evidence: bytes, members_of: object) -> dict[str, Value]:
        raise ValueError("no votes here")


def make_context(**given: Any) -> Context:
    """A clerk of a made-up hospital at height 5, unless told otherwise."""
    services: Services = PlainServices()
    defaults: dict[str, Any] = {
        "state": MemoryState(),
        "services": services,
        "chain": b"\x01" * 32,
        "height": 5,
        "time_ms": 1_767_225_600_000,
        "sender": "hospital:H99000000001",
        "sender_kind": "hospital",
        "sender_region": "990100",
        "key": b"\x01" + b"\x02" * 32,
        "holder": "s:01",
        "post": "clerk",
        "tx_id": b"\x03" * 32,
        "call_index": 0,
    }
    return Context(**(defaults | given))


def attach(audience: str, content: Value) -> dict[str, Attachment]:
    """The attachments of a call with one attachment."""
    return {audience: Attachment(audience, content, b"\x04" * 32, b"\x05" * 32)}
