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


def consistency_path(hashes: Sequence[Digest], size: int) -> list[Digest]:
    """Proof that the tree over the first ``size`` leaves is a prefix of the whole one
    (RFC 6962 section 2.1.2)."""
    assert 0 < size <= len(hashes), f"first {size} of {len(hashes)}"
    return _consistency(hashes, size, True)


def _consistency(hashes: Sequence[Digest], size: int, is_whole_old_tree: bool) -> list[Digest]:
    if size == len(hashes):
        return [] if is_whole_old_tree else [root_of(hashes)]
    split = 1 << ((len(hashes) - 1).bit_length() - 1)
    if size <= split:
        return [
            *_consistency(hashes[:split], size, is_whole_old_tree),
            root_of(hashes[split:]),
        ]
    return [*_consistency(hashes[split:], size - split, False), root_of(hashes[:split])]


def verify_consistency(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, path: Sequence[bytes]
) -> None:
    """Raises ``InvalidProof`` unless the old tree, of at least one leaf, is a prefix of the new."""
    if old_size < 1:
        raise InvalidProof("merkle.size-range", old_size=old_size, new_size=new_size)
    verify_subtree((0, old_size), old_root, new_size, new_root, path)


def verify_subtree(
    span: tuple[int, int], subtree_root: bytes, size: int, root: bytes, path: Sequence[bytes]
) -> None:
    """Raises ``InvalidProof`` unless the leaves ``[start, end)`` of ``span`` are a subtree.

    The tree of ``size`` leaves under ``root`` must hold ``subtree_root`` over them. With start 0
    this is consistency of RFC 9162 section 2.1.4.2; with a start, which must be a multiple of the
    next power of two of the length, it is the same walk with one more number (IETF draft
    Merkle Tree Certificates, subtree consistency proofs).
    """
    start, end = span
    if not 0 <= start <= end <= size or start % (1 << max(0, end - start - 1).bit_length()):
        raise InvalidProof("merkle.size-range", start=start, end=end, size=size)
    _check_path(path)
    if start == end:  # no leaves are part of every tree
        if path or subtree_root != EMPTY_ROOT:
            raise InvalidProof("merkle.empty-subtree", length=len(path), root=subtree_root.hex())
        return
    first, last, final = start, end - 1, size - 1
    while first != last and (last & 1 or last == final):
        first, last, final = first >> 1, last >> 1, final >> 1
    siblings = list(path)
    if first == last:
        siblings.insert(0, Digest(bytes(subtree_root)))
    if not siblings:
        raise InvalidProof("merkle.path-too-short", length=len(path))
    small = whole = Digest(bytes(siblings[0]))
    for sibling in siblings[1:]:
        if final == 0:
            raise InvalidProof("merkle.path-too-long", length=len(path))
        if last & 1 or last == final:
            if first < last:
                small = node_hash(sibling, small)
            whole = node_hash(sibling, whole)
            while not last & 1 and last != 0:
                first, last, final = first >> 1, last >> 1, final >> 1
        else:
            whole = node_hash(whole, sibling)
        first, last, final = first >> 1, last >> 1, final >> 1
    if final != 0:
        raise InvalidProof("merkle.path-too-short", length=len(path))
    for computed, wanted in ((small, subtree_root), (whole, root)):
        if computed != wanted:
            raise InvalidProof("merkle.root-differs", computed=computed.hex(), root=wanted.hex())


def _check_path(hashes: Sequence[bytes]) -> None:
    """Lengths of hashes that get hashed again; a root is only ever compared."""
    if len(hashes) > PATH_LENGTH_MAX + 1:
        raise InvalidProof("merkle.path-too-long", length=len(hashes))
    for item in hashes:
        if len(item) != DIGEST_BYTES:
            raise InvalidProof("merkle.hash-length", bytes=len(item), wanted=DIGEST_BYTES)
