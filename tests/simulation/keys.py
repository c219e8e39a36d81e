"""Signatures for a world without an attacker's mathematics: fake, remembered, or real.

``fake`` signs with a hash of a secret that only the world knows; whoever has no private key object
cannot sign, so a liar can show only what his own key has signed. ``memo`` remembers what the real
functions answered. The mode changes signature bytes and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from hashlib import sha256, sha512
from typing import Any

from node.ledger import crypto, points
from node.ledger.errors import InvalidSignature

MODES = ("fake", "memo", "real")


class _Fake:
    """Two functions of ``node.ledger.crypto`` and the cache that makes them cheap."""

    def __init__(self) -> None:
        self._public: dict[int, tuple[object, bytes]] = {}
        self.checked = 0
        """Signatures that anybody has verified: the dearest work that a stranger can ask for."""

    def sign(
        self, private: crypto.PrivateKey, context: str, chain: bytes, message: bytes
    ) -> crypto.Signature:
        held = self._public.get(id(private))
        if held is None:
            # The object is kept, so that its id stays its own.
            held = self._public[id(private)] = (private, bytes(crypto.public_key(private)))
        signed = crypto.signing_bytes(context, chain, message)
        return crypto.Signature(_seal(held[1], signed))

    def verify_strict(self, key: bytes, signature: bytes, signed: bytes) -> None:
        self.checked += 1
        crypto._parsed(bytes(key))
        if len(signature) != crypto.SIGNATURE_BYTES:
            raise InvalidSignature("signature.length", bytes=len(signature), wanted=64)
        if bytes(signature) != _seal(bytes(key), signed):
            raise InvalidSignature("signature.wrong", key=bytes(key).hex())


def _seal(public: bytes, signed: bytes) -> bytes:
    return sha512(_secret(public) + signed).digest()


@lru_cache(maxsize=4096)
def _secret(public: bytes) -> bytes:
    return sha256(b"a secret of the simulated world" + public).digest()


FAKE = _Fake()


@contextmanager
def uncounted() -> Iterator[None]:
    """What the judge verifies is nobody's work."""
    before = FAKE.checked
    try:
        yield
    finally:
        FAKE.checked = before


_REAL = (crypto.sign, crypto.verify_strict)
_PRIME_ORDER = points.is_prime_order
_prime_order = lru_cache(maxsize=4096)(_PRIME_ORDER)


@lru_cache(maxsize=100_000)
def _verified(key: bytes, signature: bytes, signed: bytes) -> None:
    _REAL[1](key, signature, signed)


def _memo_verify(key: bytes, signature: bytes, signed: bytes) -> None:
    _verified(bytes(key), bytes(signature), bytes(signed))


@contextmanager
def signatures(mode: str) -> Iterator[None]:
    """Let ``node.ledger.crypto`` sign and verify in this mode."""
    pair: tuple[Any, Any] = {
        "fake": (FAKE.sign, FAKE.verify_strict),
        "memo": (_REAL[0], _memo_verify),
        "real": _REAL,
    }[mode]
    before = (crypto.sign, crypto.verify_strict, points.is_prime_order)
    crypto.sign, crypto.verify_strict = pair  # type: ignore[misc]
    points.is_prime_order = _prime_order  # type: ignore[misc]
    try:
        yield
    finally:
        crypto.sign, crypto.verify_strict, points.is_prime_order = before  # type: ignore[misc]
