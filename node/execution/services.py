"""What the node lends to contracts: digests, canonical bytes, signature checks. No state."""

from __future__ import annotations

from contracts.api import Value
from node.ledger import codec, crypto


class NodeServices:
    """``contracts.api.Services`` over the ledger's own suite, for one chain.

    The chain is part of what is signed and no contract's to forget: a proof of possession or a
    presence code of another network is worth nothing here (SECURITY.md section 2, R6).
    """

    def __init__(self, chain: bytes) -> None:
        self._chain = chain

    def digest(self, tag: str, data: bytes) -> bytes:
        return crypto.H(tag, data)

    def encode(self, value: Value) -> bytes:
        return codec.encode(value)

    def decode(self, data: bytes) -> Value:
        return codec.decode(data)

    def verify(self, key: bytes, context: str, message: bytes, signature: bytes) -> None:
        crypto.verify(key, context, self._chain, message, signature)

    def check_key(self, key: bytes) -> None:
        crypto.check_key(key)
