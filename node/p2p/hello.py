"""The signed greeting: only after it is a peer up.

With TLS 1.3 the side that dials believes to be connected before the other has looked at its
certificate, so *connected* says nothing (SECURITY.md section 6). Both sides therefore send a
greeting with a fresh nonce, and then a signature of their validate key over both greetings, both
pins and their own side of the connection. A signature made for one connection is worth nothing on
another one (other nonces), for another peer (other pins) or sent back (other side).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final

from node.ledger import crypto, shape
from node.ledger.codec import encode
from node.ledger.errors import CodecError, InvalidKey, InvalidSignature
from node.ledger.types import DIGEST_BYTES, KEY_BYTES, SIGNATURE_BYTES, Digest, Key, OrgId

CONTEXT: Final = "tlsbind/1"
VERSION: Final = 2
"""Of the talk between nodes. A peer of another version is refused with both numbers."""
NONCE_BYTES: Final = 32


class HelloRefused(Exception):  # noqa: N818  (says what happened)
    """The peer is not one to talk to; the text says why, for the log."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a node is towards its peers."""

    chain: Digest
    organisation: str
    key: crypto.PrivateKey
    """The validate key; a node without one takes its transport key."""
    pin: bytes
    """Of the own TLS key."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """The first frame of each side."""

    chain: Digest
    epoch: int
    organisation: OrgId
    key: Key
    """The key that will sign, scheme byte and public key."""
    nonce: bytes

    def encode(self) -> bytes:
        """Canonical bytes: what the proof signs."""
        return encode([VERSION, self.chain, self.epoch, self.organisation, self.key, self.nonce])

    @classmethod
    def decode(cls, data: bytes) -> Greeting:
        """Raises ``HelloRefused``."""
        try:
            fields = shape.decode_record(data, 6, "greeting", bytes_max=512)
            version = shape.integer(fields[0], "version")
            if version != VERSION:
                raise HelloRefused(f"the peer speaks version {version}, this node {VERSION}")
            return cls(
                Digest(shape.binary(fields[1], "chain", DIGEST_BYTES)),
                shape.integer(fields[2], "epoch"),
                OrgId(shape.org_id(fields[3], "organisation")),
                Key(shape.binary(fields[4], "key", KEY_BYTES)),
                shape.binary(fields[5], "nonce", NONCE_BYTES),
            )
        except CodecError as error:
            raise HelloRefused(f"the greeting is malformed: {error.code}") from None


@dataclass(frozen=True, slots=True)
class Ends:
    """The two sides of one connection, as this node sees them."""

    dialled: bool
    """Whether this node dialled."""
    own_pin: bytes
    peer_pin: bytes


def make_greeting(identity: Identity, epoch: int) -> Greeting:
    """A greeting for one connection."""
    return Greeting(
        identity.chain, epoch, OrgId(identity.organisation), crypto.public_key(identity.key),
        secrets.token_bytes(NONCE_BYTES),
    )  # fmt: skip


def check_greeting(own: Greeting, peer: Greeting, organisation: str) -> None:
    """Raises ``HelloRefused`` for another chain, for ourselves, or for another organisation than
    the one whose pin the ledger has."""
    if peer.chain != own.chain:
        raise HelloRefused(f"the peer is of chain {peer.chain.hex()[:16]}")
    if peer.key == own.key or peer.organisation == own.organisation:
        raise HelloRefused("the peer has our own key")
    if peer.organisation != organisation:
        raise HelloRefused(f"the peer says {peer.organisation} and has the pin of {organisation}")


def make_proof(identity: Identity, own: Greeting, peer: Greeting, ends: Ends) -> bytes:
    """The signature over both greetings, 64 bytes."""
    message = _message(own, peer, ends.dialled, ends.own_pin, ends.peer_pin)
    return crypto.sign(identity.key, CONTEXT, identity.chain, message)


def check_proof(own: Greeting, peer: Greeting, ends: Ends, proof: bytes) -> None:
    """Raises ``HelloRefused`` unless the peer's key signed its side of this connection."""
    if len(proof) != SIGNATURE_BYTES:
        raise HelloRefused("the proof has a wrong length")
    message = _message(peer, own, not ends.dialled, ends.peer_pin, ends.own_pin)
    try:
        crypto.verify(peer.key, CONTEXT, own.chain, message, proof)
    except (InvalidSignature, InvalidKey):
        raise HelloRefused("the proof is not signed by the key of the greeting") from None


def _message(
    signer: Greeting, other: Greeting, dialled: bool, signer_pin: bytes, other_pin: bytes
) -> bytes:
    return encode([dialled, signer.encode(), other.encode(), signer_pin, other_pin])
