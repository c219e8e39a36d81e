"""The authenticated state as a tree that is cheap to change: a fixed top in memory over buckets.

What is committed to is defined in ``state_proof`` and knows nothing of this module's layout: the
root is the same for every depth of the top. Here the upper ``depth`` levels (18 in production, 4 in
tests) lie in two arrays as a binary heap, node 1 the root, node i above 2i and 2i + 1. Each of
the ``2 ** depth`` lowest nodes is the root of a **bucket**: all entries whose path begins with
those bits, a handful. Buckets are not kept: their entries are the store's own state rows, asked for
through ``source`` and held in a cache while hot. So authentication writes nothing but, if the store
likes, the changed bucket roots (STORAGE.md section 4).

Only committed blocks touch the base. A proposed block is an ``Overlay``: its changed nodes and
buckets, over the base or over another overlay. Dropping a proposal is forgetting its overlay.

Not thread-safe: the chain thread owns it. ``source`` answers for the committed head, that is for
the overlays that were given to ``commit``.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from typing import Final

from node.ledger.errors import Unavailable
from node.ledger.state_proof import (
    Form,
    StateProof,
    inner_hash,
    key_path,
    leaf_hash,
    value_hash,
)
from node.ledger.types import ZERO_DIGEST, Digest

DEPTH: Final = 18
"""Depth of the top in production: 40 MB, buckets of up to 8 keys at 2 million (STORAGE.md)."""

DEPTH_SMALL: Final = 4
"""Depth of the top in tests, where buckets are to be full."""

CACHE_BYTES: Final = 96 << 20
"""Memory of the buckets that are held: all of them up to some 700,000 entries, then the hot ones.
Counted in bytes, because a bucket grows with the state and their number alone bounds nothing."""

BUCKET_BYTES: Final = 200
"""What a held bucket takes beside its entries: its object, its number, its place in the cache."""

EMPTY: Final = 0
LEAF: Final = 1
INNER: Final = 2

Entry = tuple[bytes, bytes]
"""Path and leaf hash."""

Bucket = bytes
"""Paths and leaf hashes of the entries, ascending by path: 64 bytes an entry, where a tuple of
tuples would take four times as much."""

Node = tuple[int, bytes]
"""Kind (EMPTY, LEAF, INNER) and hash."""

BucketRoot = tuple[int, int, bytes]
"""Number of the bucket, kind and hash of its root: what the store persists."""

Source = Callable[[int], Iterable[tuple[bytes, bytes]]]
"""From a bucket's number to its (path, value hash) pairs in the committed state, ascending."""

Changes = Mapping[bytes, bytes | None]
"""From path to the new value hash, None for a deletion."""

_EMPTY_NODE: Final[Node] = (EMPTY, ZERO_DIGEST)
_ENTRIES: Final = struct.Struct("32s32s")


def compute_changes(writes: Mapping[str, bytes | None]) -> dict[bytes, bytes | None]:
    """Changes of the tree from state writes: state key to canonical value, None to delete."""
    return {
        key_path(key): None if value is None else value_hash(value) for key, value in writes.items()
    }


def bucket_of(path: bytes, depth: int) -> int:
    """Number of the bucket that a path belongs to: its first ``depth`` bits."""
    return int.from_bytes(path[:4], "big") >> (32 - depth)


@dataclass(frozen=True, slots=True, eq=False)
class Overlay:
    """The tree after a block that is not committed yet. Made by ``StateTree.overlay``."""

    root: Digest
    """State root after the block."""
    parent_root: Digest
    """Root that the base must have when this is committed."""
    lineage: tuple[Digest, ...]
    """Roots from the base it was made over up to its parent: the base may stand at any."""
    nodes: dict[int, Node]
    """Changed nodes of the top, those of uncommitted parents included."""
    buckets: dict[int, Bucket]
    """Changed buckets, those of uncommitted parents included."""
    changed: tuple[int, ...]
    """Numbers of the buckets that this block itself changed, ascending."""
    depth: int
    """Of the tree's top."""

    def bucket_roots(self) -> list[BucketRoot]:
        """Roots of the buckets that this block changed; kind ``EMPTY`` where nothing is left."""
        first = 1 << self.depth
        return [(number, *self.nodes[first + number]) for number in self.changed]


class StateTree:
    """The committed state's tree, and the maker of overlays and proofs."""

    def __init__(self, depth: int, source: Source, *, cache_bytes: int = CACHE_BYTES) -> None:
        """An empty tree; ``load`` or ``build`` fill one."""
        assert 0 <= depth <= 24, f"a top of depth {depth}"
        self._depth = depth
        self._source = source
        # Digests as objects: 22 MB more than their bare bytes at depth 18, and neither a read nor a
        # commit copies them, of which a block has some ten thousand.
        self._hashes: list[bytes] = [ZERO_DIGEST] * (2 << depth)
        self._kinds = bytearray(2 << depth)
        # The oldest use first. In a plain dict the oldest is found behind the gaps of all that were
        # dropped before it: 29 us in a full one of this size, eight times for each settlement.
        self._cache: OrderedDict[int, Bucket] = OrderedDict()
        self._cache_bytes, self._held_bytes = cache_bytes, 0

    @property
    def depth(self) -> int:
        """Depth of the top."""
        return self._depth

    @property
    def root(self) -> Digest:
        """State root of the committed head."""
        return Digest(self._hashes[1])

    @property
    def held_bytes(self) -> int:
        """Memory of the buckets that are held, at most ``cache_bytes``."""
        return self._held_bytes

    # --- Filling ------------------------------------------------------------------------------

    @classmethod
    def load(
        cls,
        depth: int,
        source: Source,
        roots: Iterable[BucketRoot],
        *,
        cache_bytes: int = CACHE_BYTES,
    ) -> StateTree:
        """A tree from persisted bucket roots, each bucket at most once."""
        tree = cls(depth, source, cache_bytes=cache_bytes)
        first = 1 << depth
        touched = []
        for number, kind, digest in roots:
            if kind != EMPTY:
                tree._write(first + number, (kind, digest))
                touched.append(first + number)
        touched.sort()
        while touched and touched[0] > 1:
            touched = sorted({node >> 1 for node in touched})
            for node in touched:
                tree._write(node, _join(tree._read(2 * node), tree._read(2 * node + 1)))
        return tree

    @classmethod
    def build(cls, depth: int, source: Source, entries: Iterable[tuple[bytes, bytes]]) -> StateTree:
        """A tree from all (path, value hash) pairs, ascending by path."""
        return cls.load(depth, source, compute_bucket_roots(depth, entries))

    # --- Changing -----------------------------------------------------------------------------

    def overlay(self, changes: Changes, parent: Overlay | None = None) -> Overlay:
        """The tree after ``changes`` on the committed head, or on an uncommitted block."""
        nodes: dict[int, Node] = {}
        buckets: dict[int, Bucket] = {}
        lineage: tuple[Digest, ...] = ()
        parent_root = self.root
        if parent is not None and parent.root != parent_root:
            assert parent_root in parent.lineage, "the parent stands on another chain of blocks"
            nodes, buckets = dict(parent.nodes), dict(parent.buckets)
            lineage, parent_root = parent.lineage, parent.root
        changed = self._change_buckets(changes, nodes, buckets)
        if changed:
            self._change_top(changed, nodes)
        root = nodes[1][1] if nodes else parent_root
        return Overlay(
            Digest(root), parent_root, (*lineage, parent_root), nodes, buckets, changed, self._depth
        )

    def commit(self, overlay: Overlay) -> None:
        """Make an overlay over the committed head the committed head."""
        assert overlay.parent_root == self.root, "an overlay is committed after its parent"
        hashes, kinds = self._hashes, self._kinds
        for node, (kind, digest) in overlay.nodes.items():
            kinds[node] = kind
            hashes[node] = digest
        for number in overlay.changed:
            self._remember(number, overlay.buckets[number])
        assert self.root == overlay.root, "the base differs from the overlay just committed"

    def _change_buckets(
        self, changes: Changes, nodes: dict[int, Node], buckets: dict[int, Bucket]
    ) -> tuple[int, ...]:
        """Put changed buckets and their roots into the two dicts; the changed ones' numbers."""
        depth, shift = self._depth, 32 - self._depth
        grouped: dict[int, list[bytes]] = {}
        for path in changes:
            grouped.setdefault(int.from_bytes(path[:4], "big") >> shift, []).append(path)
        first = 1 << depth
        changed = []
        for number in sorted(grouped):
            old = buckets.get(number)
            if old is None:
                old = self._bucket(number)
            leaves = dict(_entries(old))
            for path in grouped[number]:
                hashed = changes[path]
                if hashed is None:
                    leaves.pop(path, None)
                else:
                    leaves[path] = leaf_hash(path, hashed)
            entries = sorted(leaves.items())
            new = b"".join(chain.from_iterable(entries))
            if new != old:
                buckets[number] = new
                nodes[first + number] = _subtree(entries, depth)
                changed.append(number)
        return tuple(changed)

    def _change_top(self, changed: Iterable[int], nodes: dict[int, Node]) -> None:
        """Recompute the nodes above changed buckets, level by level, each once.

        This loop is most of what a block's state root costs, so ``_read`` and ``_join`` are written
        out, and a lone leaf beside nothing, the usual case far down, rises without a hash.
        """
        hashes, kinds = self._hashes, self._kinds
        find = nodes.get
        first = 1 << self._depth
        level = [first + number for number in changed]
        while level[0] > 1:
            above = []
            previous = 0
            for node in level:
                parent = node >> 1
                if parent == previous:
                    continue
                previous = parent
                above.append(parent)
                own = nodes[node]
                kind, digest = own
                sibling = node ^ 1
                other = find(sibling)
                if other is None:
                    other_kind = kinds[sibling]
                    if other_kind == EMPTY and kind <= LEAF:
                        nodes[parent] = own
                        continue
                    other_digest = hashes[sibling]
                else:
                    other_kind, other_digest = other
                if kind + other_kind <= LEAF:
                    nodes[parent] = own if other_kind == EMPTY else (other_kind, other_digest)
                elif node & 1:
                    nodes[parent] = (INNER, sha256(b"\x11" + other_digest + digest).digest())
                else:
                    nodes[parent] = (INNER, sha256(b"\x11" + digest + other_digest).digest())
            level = above

    # --- Proving ------------------------------------------------------------------------------

    def prove(self, key: str) -> StateProof:
        """Proof of presence or of absence of a state key in the committed state.

        Raises ``Unavailable`` where the store is a block ahead of the tree, which lasts as long as
        it takes the tree to follow.
        """
        return self.prove_path(key_path(key))

    def prove_path(self, path: bytes) -> StateProof:
        """The same for a path."""
        bits = int.from_bytes(path, "big")
        siblings: list[Digest] = []
        node = 1
        for depth in range(self._depth):
            kind = self._kinds[node]
            if kind == EMPTY:
                return StateProof(Form.ABSENT_EMPTY, tuple(siblings))
            if kind == LEAF:
                number, entry = self._lone_entry(node)
                return self._end_in_leaf(path, number, entry, siblings)
            child = 2 * node + (bits >> (255 - depth) & 1)
            siblings.append(Digest(self._read(child ^ 1)[1]))
            node = child
        return self._prove_in_bucket(path, node - (1 << self._depth), siblings)

    def _lone_entry(self, node: int) -> tuple[int, Entry]:
        """The entry of a leaf that was lifted to ``node``, and the number of its bucket."""
        while node < 1 << self._depth:
            node = 2 * node + (self._kinds[2 * node] == EMPTY)
        number = node - (1 << self._depth)
        (entry,) = self._committed(number)
        return number, entry

    def _committed(self, number: int) -> list[Entry]:
        """A bucket's entries, held against the tree's own node above them."""
        entries = list(_entries(self._bucket(number)))
        if _subtree(entries, self._depth) != self._read((1 << self._depth) + number):
            raise Unavailable("state.head-moved", retry_after_s=1)
        return entries

    def _prove_in_bucket(self, path: bytes, number: int, siblings: list[Digest]) -> StateProof:
        """Go on below the top, where the tree is only in the entries."""
        entries, depth = self._committed(number), self._depth
        while len(entries) > 1:
            split = _split(entries, depth)
            left, right = entries[:split], entries[split:]
            if path[depth >> 3] & 0x80 >> (depth & 7):
                left, right = right, left
            depth += 1
            siblings.append(Digest(_subtree(right, depth)[1]))
            entries = left
        if not entries:
            return StateProof(Form.ABSENT_EMPTY, tuple(siblings))
        return self._end_in_leaf(path, number, entries[0], siblings)

    def _end_in_leaf(
        self, path: bytes, number: int, entry: Entry, siblings: list[Digest]
    ) -> StateProof:
        other, leaf = entry
        if other == path:
            return StateProof(Form.PRESENT, tuple(siblings))
        # The value hash of another's leaf is wanted here only, so it is not held.
        for found, hashed in self._source(number):
            if found == other and leaf_hash(other, hashed) == leaf:
                shown = (Digest(other), Digest(hashed))
                return StateProof(Form.ABSENT_OTHER, tuple(siblings), shown)
        raise Unavailable("state.head-moved", retry_after_s=1)

    def row(self, depth: int) -> tuple[Node, ...]:
        """All nodes at a depth of the top, from the left: what a snapshot's chunks are held to."""
        assert depth <= self._depth, "below the top there are only entries"
        first = 1 << depth
        return tuple(self._read(node) for node in range(first, 2 * first))

    # --- Nodes and buckets --------------------------------------------------------------------

    def _read(self, node: int) -> Node:
        return self._kinds[node], self._hashes[node]

    def _write(self, node: int, value: Node) -> None:
        self._kinds[node] = value[0]
        self._hashes[node] = value[1]

    def _bucket(self, number: int) -> Bucket:
        """Entries of a bucket in the committed state."""
        bucket = self._cache.get(number)
        if bucket is not None:
            self._cache.move_to_end(number)
            return bucket
        if self._kinds[(1 << self._depth) + number] == EMPTY:
            return b""
        bucket = b"".join([path + leaf_hash(path, hashed) for path, hashed in self._source(number)])
        self._remember(number, bucket)
        return bucket

    def _remember(self, number: int, bucket: Bucket) -> None:
        cache = self._cache
        known = cache.get(number)
        if known is not None:
            self._held_bytes -= BUCKET_BYTES + len(known)
        self._held_bytes += BUCKET_BYTES + len(bucket)
        cache[number] = bucket
        cache.move_to_end(number)
        while self._held_bytes > self._cache_bytes:
            _, gone = cache.popitem(last=False)
            self._held_bytes -= BUCKET_BYTES + len(gone)


def _entries(bucket: Bucket) -> Iterator[Entry]:
    """The entries of a bucket, ascending by path."""
    return _ENTRIES.iter_unpack(bucket)


def fold_row(row: Sequence[Node]) -> Node:
    """The root above a whole row of nodes."""
    nodes = list(row)
    while len(nodes) > 1:
        nodes = [_join(nodes[at], nodes[at + 1]) for at in range(0, len(nodes), 2)]
    return nodes[0]


def compute_subtree(depth: int, entries: Iterable[tuple[bytes, bytes]]) -> Node:
    """The node at ``depth`` above all (path, value hash) pairs below it, ascending by path."""
    return _subtree([(path, leaf_hash(path, hashed)) for path, hashed in entries], depth)


def compute_bucket_roots(
    depth: int, entries: Iterable[tuple[bytes, bytes]]
) -> Iterable[BucketRoot]:
    """Roots of all buckets that hold an entry, from (path, value hash) ascending by path."""
    number = -1
    bucket: list[Entry] = []
    for path, hashed in entries:
        found = bucket_of(path, depth)
        if found != number:
            assert found > number, "entries ascend by path"
            if bucket:
                yield (number, *_subtree(bucket, depth))
            number, bucket = found, []
        bucket.append((path, leaf_hash(path, hashed)))
    if bucket:
        yield (number, *_subtree(bucket, depth))


def _join(left: Node, right: Node) -> Node:
    """The node above two: a lone leaf is lifted, nothing stays nothing."""
    if left[0] == EMPTY and right[0] <= LEAF:
        return right
    if right[0] == EMPTY and left[0] == LEAF:
        return left
    return INNER, inner_hash(left[1], right[1])


def _subtree(entries: Sequence[Entry], depth: int) -> Node:
    """Root of the part of the tree at ``depth`` that holds exactly ``entries``."""
    if len(entries) < 2:
        return (LEAF, entries[0][1]) if entries else _EMPTY_NODE
    if len(entries) == 2:
        return INNER, _pair(entries, depth)
    split = _split(entries, depth)
    left, right = _subtree(entries[:split], depth + 1), _subtree(entries[split:], depth + 1)
    return INNER, inner_hash(left[1], right[1])


def _pair(entries: Sequence[Entry], depth: int) -> bytes:
    """Hash at ``depth`` above exactly two entries, most buckets' case: they are joined where their
    paths part, and from there up there is nothing on the other side."""
    (first, left), (second, right) = entries
    shared = int.from_bytes(first, "big")
    parted = 256 - (shared ^ int.from_bytes(second, "big")).bit_length()
    digest = sha256(b"\x11" + left + right).digest()
    for above in range(parted - 1, depth - 1, -1):
        if shared >> (255 - above) & 1:
            digest = sha256(b"\x11" + ZERO_DIGEST + digest).digest()
        else:
            digest = sha256(b"\x11" + digest + ZERO_DIGEST).digest()
    return digest


def _split(entries: Sequence[Entry], depth: int) -> int:
    """How many of the entries have bit ``depth`` 0; they come first."""
    byte, bit = depth >> 3, 0x80 >> (depth & 7)
    for index, entry in enumerate(entries):
        if entry[0][byte] & bit:
            return index
    return len(entries)
