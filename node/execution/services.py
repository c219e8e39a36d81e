"""What the node lends to contracts: digests, canonical bytes, signature checks. No state."""

from __future__ import annotations

from contracts.api import Value
from node.ledger import codec, crypto


class NodeServices:
    """``contracts.api.Services`` over the ledger's own suite."""

    def digest(self, tag: str, data: bytes) -> bytes:
        return crypto.H(tag, data)

    def encode(self, value: Value) -> bytes:
        return codec.encode(value)

    def decode(self, data: bytes) -> Value:
        return codec.decode(data)

    def verify(self, key: bytes, context: str, message: bytes, signature: bytes) -> None:
        crypto.verify_in_context(key, context, message, signature)

    def check_key(self, key: bytes) -> None:
        crypto.check_key(key)
