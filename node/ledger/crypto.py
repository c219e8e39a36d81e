"""Hashing with tags and strict signatures with contexts: the suite {SHA-256, Ed25519, AES-256-GCM}.

Two tables rule this module. ``TAGS`` names every kind of thing that is hashed, so that bytes of one
kind are never taken for another. ``CONTEXTS`` names every kind of thing that is signed, so that a
signature of one kind is never shown as another; the signed string starts with the context, its
length before it, then the chain.

One verification predicate, defined here and not by the library (SECURITY.md section 2, R1): OpenSSL
and libsodium disagree on 165 of 914 published edge cases, which two node versions could be forked
with. Signatures are never verified in batches (R3) and are never part of an identifier (R4).
"""

from __future__ import annotations

import hmac
from functools import lru_cache
from hashlib import sha256
from typing import Final, NewType

from cryptography.exceptions import InvalidSignature as LibraryRefusal
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from node.ledger import points
from node.ledger.codec import encode
from node.ledger.errors import InvalidKey, InvalidSignature
from node.ledger.types import (
    BLIND_BYTES,
    DIGEST_BYTES,
    KEY_BYTES,
    SIGNATURE_BYTES,
    Digest,
    Key,
    Signature,
)

SUITE: Final = {"hash": "sha-256", "signature": "ed25519", "aead": "aes-256-gcm"}
"""The suite that genesis names. Another one is another scheme byte, not another format."""

SCHEME_ED25519: Final = 1
"""First byte of a ``Key``. 0 is never a scheme, so that zeroed memory is never a key."""

SEED_BYTES: Final = 32

TAGS: Final = {
    "yibao/genesis/v1": "content of a genesis file: the chain's name",
    "yibao/header/v1": "block header: the block's hash",
    "yibao/validators/v1": "validator set",
    "yibao/tx/v1": "transaction body: the transaction's id",
    "yibao/attachment/v1": "blind and content of an attachment: its commitment",
    "yibao/explanation-blind/v1": "blind of an explanation, from that of the input",
    "yibao/writes/v1": "state writes of one call",
    "yibao/state-diff/v1": "state writes of one block",
}
"""Tags of ``H`` and what is hashed under them. Merkle trees have tags of one byte instead:
0x00 and 0x01 (``merkle``), 0x10 to 0x13 (``state_tree``)."""

CONTEXTS: Final = {
    "tx/1": "body of a transaction",
    "pbft/1/PRE-PREPARE": "proposal of a block",
    "pbft/1/PREPARE": "first vote",
    "pbft/1/COMMIT": "second vote: what a commit certificate is made of",
    "pbft/1/WISH": "wish for another view",
    "pbft/1/VIEW-CHANGE": "what a replica brings into a view",
    "pbft/1/NEW-VIEW": "begin of a view",
    "pbft/1/STATUS": "what a replica has",
    "evid/1": "accusation",
    "api/1": "signed read",
    "tlsbind/1": "greeting that binds a connection to a validator",
    "attest/1": "block that the node of a joining validate key has",
    "admin/1": "operator's command",
    "popk/1": "proof of possession of a key",
    "presence/1": "insurance code shown by a person's phone",
    "consent/1": "a person's consent",
}
"""Contexts of signatures and what is signed under them (SECURITY.md section 2, R6)."""

PrivateKey = NewType("PrivateKey", Ed25519PrivateKey)
"""A signing key inside the library; its seed never leaves it (SECURITY.md section 9)."""


def _prefix(name: str) -> bytes:
    encoded = name.encode("ascii")
    assert 0 < len(encoded) < 256, f"tag or context of {len(encoded)} bytes"
    return bytes([len(encoded)]) + encoded


_TAG_PREFIXES: Final = {tag: _prefix(tag) for tag in TAGS}
_tag_prefix: Final = lru_cache(maxsize=256)(_prefix)
_CONTEXT_PREFIXES: Final = {context: _prefix(context) for context in CONTEXTS}


def H(tag: str, data: bytes) -> Digest:  # noqa: N802  (the design's own name for it)
    """SHA-256 of the length-prefixed tag and the data.

    Tags of ``TAGS`` have a prepared prefix; contracts bring tags of their own.
    """
    prefix = _TAG_PREFIXES.get(tag) or _tag_prefix(tag)
    return Digest(sha256(prefix + data).digest())


# --- Keys -------------------------------------------------------------------------------------


def private_key(seed: bytes) -> PrivateKey:
    """The signing key of a 32-byte seed. The public key is always derived from it (R5)."""
    if len(seed) != SEED_BYTES:
        raise InvalidKey("key.seed-length", bytes=len(seed), wanted=SEED_BYTES)
    return PrivateKey(Ed25519PrivateKey.from_private_bytes(seed))


def public_key(private: PrivateKey) -> Key:
    """Scheme byte and raw public key."""
    return Key(bytes([SCHEME_ED25519]) + private.public_key().public_bytes_raw())


def tls_pin(key: bytes) -> Digest:
    """Pin of a transport key: SHA-256 of its SubjectPublicKeyInfo, as ``endpoint/<org>`` has it."""
    spki = _parsed(key).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return Digest(sha256(spki).digest())


def check_key(key: bytes) -> Key:
    """The key, if it may be registered: known scheme, canonical point of prime order.

    Raises ``InvalidKey``. Takes about a millisecond; verifying a signature does not need it, since
    only registered keys are ever looked up (R2).
    """
    _check_key_form(key)
    if not points.is_prime_order(key[1:]):
        raise InvalidKey("key.not-prime-order", key=key.hex())
    return Key(key)


def _check_key_form(key: bytes) -> None:
    if len(key) != KEY_BYTES:
        raise InvalidKey("key.length", bytes=len(key), wanted=KEY_BYTES)
    if key[0] != SCHEME_ED25519:
        raise InvalidKey("key.scheme", scheme=key[0], wanted=SCHEME_ED25519)


@lru_cache(maxsize=8192)
def _parsed(key: bytes) -> Ed25519PublicKey:
    """The library's object for a key in strict form; 8,192 covers all organisations' keys."""
    _check_key_form(key)
    raw = key[1:]
    if not _is_canonical(raw) or raw in SMALL_ORDER:
        raise InvalidKey("key.not-strict", key=key.hex())
    return Ed25519PublicKey.from_public_bytes(raw)


# --- Signatures -------------------------------------------------------------------------------


def signing_bytes(context: str, chain: bytes, message: bytes) -> bytes:
    """What is signed: context with its length before it, chain, message (R6)."""
    assert len(chain) == DIGEST_BYTES, f"chain of {len(chain)} bytes"
    return _CONTEXT_PREFIXES[context] + chain + message


def sign(private: PrivateKey, context: str, chain: bytes, message: bytes) -> Signature:
    """Deterministic signature (RFC 8032) over context, chain and message."""
    return Signature(private.sign(signing_bytes(context, chain, message)))


def verify(key: bytes, context: str, chain: bytes, message: bytes, signature: bytes) -> None:
    """Raises ``InvalidSignature`` or ``InvalidKey`` unless ``signature`` is ``key``'s."""
    verify_strict(key, signature, signing_bytes(context, chain, message))


def verify_strict(key: bytes, signature: bytes, signed: bytes) -> None:
    """The ledger's one predicate for signatures (R1), over bytes as they were signed.

    Lengths; S below the group's order; R and the key canonical and not of small order; then the
    library's cofactorless equation.
    """
    public = _parsed(bytes(key))
    if len(signature) != SIGNATURE_BYTES:
        raise InvalidSignature("signature.length", bytes=len(signature), wanted=SIGNATURE_BYTES)
    if int.from_bytes(signature[32:], "little") >= points.L:
        raise InvalidSignature("signature.scalar-range")
    commitment = signature[:32]
    if not _is_canonical(commitment) or commitment in SMALL_ORDER:
        raise InvalidSignature("signature.point-not-strict")
    try:
        public.verify(signature, signed)
    except LibraryRefusal:
        raise InvalidSignature("signature.wrong", key=key.hex()) from None


def _is_canonical(encoded: bytes) -> bool:
    """Whether the y of a point's encoding is below the field's prime."""
    return int.from_bytes(encoded, "little") & (2**255 - 1) < points.P


SMALL_ORDER: Final = frozenset(
    bytes.fromhex(text)
    for text in (
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    )
)
"""The 14 encodings, canonical or not, of the eight points whose order divides 8 (listed in C2SP's
CCTV, ed25519; a test computes them again from ``points``)."""


# --- Proof of possession ----------------------------------------------------------------------


def possession_message(organisation: str, purposes: list[str], key: bytes) -> bytes:
    """What a proof of possession signs under ``popk/1``: who will use the key, and for what."""
    return encode([organisation, key, sorted(purposes)])


def prove_possession(
    private: PrivateKey, chain: bytes, organisation: str, purposes: list[str]
) -> Signature:
    """Signature by which an organisation shows that it holds the private half of its key."""
    message = possession_message(organisation, purposes, public_key(private))
    return sign(private, "popk/1", chain, message)


def check_possession(
    key: bytes, chain: bytes, organisation: str, purposes: list[str], proof: bytes
) -> None:
    """Raises ``InvalidKey`` or ``InvalidSignature`` unless ``proof`` is one for ``key``."""
    check_key(key)
    verify(key, "popk/1", chain, possession_message(organisation, purposes, key), proof)


# --- Blinds -----------------------------------------------------------------------------------


def derive_blind(secret: bytes, client_id: str, audience: str) -> bytes:
    """The blind of an attachment: the same for a retry, unknowable without the client's secret.

    ``client_id`` is the id that the client made for the call (claim, filing, transfer). Only the
    client ever computes it, so its form binds nobody else.
    """
    if len(secret) < BLIND_BYTES:
        raise InvalidKey("key.blind-secret-length", bytes=len(secret), wanted=BLIND_BYTES)
    return hmac.digest(secret, b"yibao/blind/v1" + encode([client_id, audience]), "sha256")
