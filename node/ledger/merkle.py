"""Merkle trees of RFC 6962 over the transactions and the receipts of a block.

Leaf = SHA256(0x00 || data), node = SHA256(0x01 || left || right), empty tree = SHA256(""). An odd
node moves up unchanged: never doubled, since doubling gives [1, 2, 3] and [1, 2, 3, 3] one root
(CVE-2012-2459). The number of leaves is not part of the root, so the header names it and every
check takes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final

from node.ledger.errors import InvalidProof
from node.ledger.types import DIGEST_BYTES, Digest

EMPTY_ROOT: Final = Digest(sha256(b"").digest())

PATH_LENGTH_MAX: Final = 64
"""Longest path of a tree whose size is a 64-bit number."""


def leaf_hash(data: bytes) -> Digest:
    """Hash of a leaf's bytes."""
    return Digest(sha256(b"\x00" + data).digest())


def node_hash(left: bytes, right: bytes) -> Digest:
    """Hash of an inner node."""
    return Digest(sha256(b"\x01" + left + right).digest())


def compute_root(leaves: Iterable[bytes]) -> Digest:
    """Root over leaves given as their bytes."""
    return root_of([leaf_hash(leaf) for leaf in leaves])


def root_of(hashes: Sequence[Digest]) -> Digest:
    """Root over leaves given as their hashes."""
    if not hashes:
        return EMPTY_ROOT
    level = list(hashes)
    while len(level) > 1:
        level = _parents(level)
    return level[0]


def _parents(level: list[Digest]) -> list[Digest]:
    above = [node_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
    if len(level) % 2:
        above.append(level[-1])
    return above


def inclusion_path(hashes: Sequence[Digest], index: int) -> list[Digest]:
    """Siblings from the leaf at ``index`` up to the root (RFC 6962 section 2.1.1)."""
    assert 0 <= index < len(hashes), f"leaf {index} of {len(hashes)}"
    path: list[Digest] = []
    level = list(hashes)
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        level = _parents(level)
        index >>= 1
    return path


def verify_inclusion(
    root: bytes, size: int, index: int, leaf: bytes, path: Sequence[bytes]
) -> None:
    """Raises ``InvalidProof`` unless the leaf hash stands at ``index`` of the tree.

    The walk is RFC 9162 section 2.1.3.2; a path that is too short, too long or whose hashes have
    another length is refused whatever it would hash to.
    """
    if not 0 <= index < size:
        raise InvalidProof("merkle.index-range", index=index, size=size)
    _check_path([leaf, *path])
    position, last = index, size - 1
    computed = Digest(bytes(leaf))
    for sibling in path:
        if last == 0:
            raise InvalidProof("merkle.path-too-long", length=len(path))
        if position & 1 or position == last:
            computed = node_hash(sibling, computed)
            while not position & 1 and position != 0:
                position >>= 1
                last >>= 1
        else:
            computed = node_hash(computed, sibling)
        position >>= 1
        last >>= 1
    if last != 0:
        raise InvalidProof("merkle.path-too-short", length=len(path))
    if computed != root:
        raise InvalidProof("merkle.root-differs", computed=computed.hex(), root=root.hex())


def _check_path(hashes: Sequence[bytes]) -> None:
    """Lengths of hashes that get hashed again; a root is only ever compared."""
    if len(hashes) > PATH_LENGTH_MAX + 1:
        raise InvalidProof("merkle.path-too-long", length=len(hashes))
    for item in hashes:
        if len(item) != DIGEST_BYTES:
            raise InvalidProof("merkle.hash-length", bytes=len(item), wanted=DIGEST_BYTES)
