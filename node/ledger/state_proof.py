"""Proof that a state entry is, or is not, under a state root; all that an auditor's laptop needs.

The state is a compact sparse Merkle tree over 256-bit paths (STORAGE.md section 4)::

    path  = SHA256(0x13 || state key)           most significant bit first, 0 goes left
    leaf  = SHA256(0x10 || path || SHA256(0x12 || value))
    inner = SHA256(0x11 || left || right)
    a part without keys is 32 zero bytes, a part with exactly one key is that key's leaf

so a lone leaf stands at the highest place where it is alone, and the root depends on the set of
entries only. A proof is the siblings on the way from the root and what the way ends in. Its layout
is fixed and has no optional field; a field that never enters a hash is how others accepted forged
proofs (SECURITY.md section 12)::

    form      1 byte    1 present, 2 absent: ends in an empty part, 3 absent: ends in another leaf
    depth     2 bytes   number of siblings, at most 256, big-endian
    bitmap    one bit for each sibling from the root down: 1 = given, 0 = empty; unused bits 0
    siblings  32 bytes for each 1
    leaf      only in form 3: the other leaf's path and value hash, 64 bytes
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from hashlib import sha256
from typing import Final

from node.ledger.errors import InvalidProof
from node.ledger.types import DIGEST_BYTES, ZERO_DIGEST, Digest

PATH_BITS: Final = 256

STATE_PROOF_BYTES_MAX: Final = 3 + 32 + 256 * 32 + 64
"""A proof of the greatest depth; at a million keys one takes about 700 bytes."""


class Form(IntEnum):
    """What the way from the root ends in; the first byte of a proof."""

    PRESENT = 1
    ABSENT_EMPTY = 2
    ABSENT_OTHER = 3


PATHS_REMEMBERED: Final = 16_384
"""A key that a block reads, writes and stores is asked for three times. About 5 MB."""


@lru_cache(PATHS_REMEMBERED)
def key_path(key: str) -> Digest:
    """Place of a state key in the tree."""
    return Digest(sha256(b"\x13" + key.encode("utf-8")).digest())


def value_hash(value: bytes) -> Digest:
    """Hash of a value's canonical bytes."""
    return Digest(sha256(b"\x12" + value).digest())


def leaf_hash(path: bytes, hashed_value: bytes) -> Digest:
    """Hash of an entry."""
    return Digest(sha256(b"\x10" + path + hashed_value).digest())


def inner_hash(left: bytes, right: bytes) -> Digest:
    """Hash of two parts that are not both empty and not one lone leaf."""
    return Digest(sha256(b"\x11" + left + right).digest())


@dataclass(frozen=True, slots=True)
class StateProof:
    """The way from the root to where an entry is or would be."""

    form: Form
    """What it shows."""
    siblings: tuple[Digest, ...]
    """From the root down; zeros for an empty one."""
    other: tuple[Digest, Digest] | None = None
    """Path and value hash of the leaf that stands there instead (form 3 only)."""

    def encode(self) -> bytes:
        """The fixed layout above."""
        depth = len(self.siblings)
        bitmap = bytearray((depth + 7) // 8)
        given = []
        for index, sibling in enumerate(self.siblings):
            if sibling != ZERO_DIGEST:
                bitmap[index >> 3] |= 0x80 >> (index & 7)
                given.append(sibling)
        leaf = b"".join(self.other) if self.other is not None else b""
        head = bytes([self.form]) + depth.to_bytes(2, "big") + bytes(bitmap)
        return head + b"".join(given) + leaf

    @classmethod
    def decode(cls, data: bytes) -> StateProof:
        """Strict: every byte is accounted for. Raises ``InvalidProof``."""
        if not 3 <= len(data) <= STATE_PROOF_BYTES_MAX:
            raise InvalidProof("state-proof.length", bytes=len(data))
        if data[0] not in tuple(Form):
            raise InvalidProof("state-proof.form", form=data[0])
        form = Form(data[0])
        depth = int.from_bytes(data[1:3], "big")
        if depth > PATH_BITS:
            raise InvalidProof("state-proof.depth", depth=depth, most=PATH_BITS)
        position = 3 + (depth + 7) // 8
        bits = "".join(f"{byte:08b}" for byte in data[3:position])
        if "1" in bits[depth:]:
            raise InvalidProof("state-proof.bitmap", depth=depth)
        leaf_bytes = 2 * DIGEST_BYTES if form is Form.ABSENT_OTHER else 0
        wanted = position + DIGEST_BYTES * bits.count("1") + leaf_bytes
        if len(data) != wanted:
            raise InvalidProof("state-proof.length", bytes=len(data), wanted=wanted)
        siblings = []
        for bit in bits[:depth]:
            sibling = ZERO_DIGEST
            if bit == "1":
                sibling = Digest(data[position : position + DIGEST_BYTES])
                position += DIGEST_BYTES
                if sibling == ZERO_DIGEST:
                    raise InvalidProof("state-proof.empty-sibling-given")
            siblings.append(sibling)
        other = None
        if form is Form.ABSENT_OTHER:
            other = (Digest(data[position : position + 32]), Digest(data[position + 32 :]))
        return cls(form, tuple(siblings), other)


def verify_present(root: bytes, key: str, value: bytes, proof: bytes) -> None:
    """Raises ``InvalidProof`` unless the state under ``root`` holds ``value`` at ``key``."""
    decoded = StateProof.decode(proof)
    if decoded.form is not Form.PRESENT:
        raise InvalidProof("state-proof.form", form=int(decoded.form), wanted=int(Form.PRESENT))
    path = key_path(key)
    _check_root(root, path, decoded.siblings, leaf_hash(path, value_hash(value)))


def verify_absent(root: bytes, key: str, proof: bytes) -> None:
    """Raises ``InvalidProof`` unless the state under ``root`` holds nothing at ``key``."""
    decoded = StateProof.decode(proof)
    path = key_path(key)
    if decoded.form is Form.ABSENT_EMPTY:
        _check_root(root, path, decoded.siblings, ZERO_DIGEST)
        return
    if decoded.other is None:
        raise InvalidProof("state-proof.form", form=int(decoded.form), wanted="absence")
    other_path, other_value = decoded.other
    if other_path == path:
        raise InvalidProof("state-proof.present", key=key)
    depth = len(decoded.siblings)
    shared = _shared_bits(other_path, path)
    if shared < depth:
        raise InvalidProof("state-proof.elsewhere", shared_bits=shared, depth=depth)
    _check_root(root, path, decoded.siblings, leaf_hash(other_path, other_value))


def _shared_bits(first: bytes, second: bytes) -> int:
    """Length of the common prefix of two paths."""
    difference = int.from_bytes(first, "big") ^ int.from_bytes(second, "big")
    return PATH_BITS - difference.bit_length()


def _check_root(root: bytes, path: bytes, siblings: Sequence[Digest], end: Digest) -> None:
    """Fold the way up from its end and compare.

    The lowest sibling is never empty: beside an empty part, a leaf would stand higher, and an empty
    part would be part of a greater one.
    """
    if siblings and siblings[-1] == ZERO_DIGEST:
        raise InvalidProof("state-proof.not-compact", depth=len(siblings))
    number = int.from_bytes(path, "big")
    computed = end
    for depth in range(len(siblings) - 1, -1, -1):
        if number >> (PATH_BITS - 1 - depth) & 1:
            computed = inner_hash(siblings[depth], computed)
        else:
            computed = inner_hash(computed, siblings[depth])
    if computed != root:
        raise InvalidProof("state-proof.root-differs", computed=computed.hex(), root=root.hex())
