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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain, groupby
from typing import Final

from node.ledger.errors import Unavailable
from node.ledger.generations import Generations
from node.ledger.state_proof import (
    PATH_BITS,
    Form,
    StateProof,
    inner_hash,
    key_path,
    leaf_hash,
    value_hash,
)
from node.ledger.types import DIGEST_BYTES, ZERO_DIGEST, Digest

DEPTH: Final = 18
"""Depth of the top in production: 17 MB, buckets of up to 8 keys at 2 million (STORAGE.md)."""

DEPTH_SMALL: Final = 4
"""Depth of the top in tests, where buckets are to be full."""

CACHE_BYTES: Final = 96 << 20
"""Memory of the buckets that are held: all of them up to some 700,000 entries, then the hot ones.
Counted in bytes, because a bucket grows with the state and their number alone bounds nothing."""

BUCKET_BYTES: Final = 120
"""What a held bucket takes beside its entries: its object, its number, its place in the cache."""

EMPTY: Final = 0
LEAF: Final = 1
INNER: Final = 2

Entry = tuple[bytes, bytes]
"""Path and leaf hash."""

Bucket = bytes
"""Paths and leaf hashes of the entries, ascending by path: 64 bytes an entry, where a tuple of
tuples would take four times as much."""

ENTRY_BYTES: Final = 64
"""Of one entry in a bucket."""

Node = tuple[int, bytes]
"""Kind (EMPTY, LEAF, INNER) and hash."""

Hashes = dict[int, bytes]
Kinds = dict[int, int]

BucketRoot = tuple[int, int, bytes]
"""Number of the bucket, kind and hash of its root: what the store persists."""

Source = Callable[[int], Iterable[tuple[bytes, bytes]]]
"""From a bucket's number to its (path, value hash) pairs in the committed state, ascending."""

Changes = Mapping[bytes, bytes | None]
"""From path to the new value hash, None for a deletion."""

_EMPTY_NODE: Final[Node] = (EMPTY, ZERO_DIGEST)
_HASH: Final = struct.Struct("32s")
_ENTRIES: Final = struct.Struct("32s32s")
_HEADS: Final = struct.Struct(">Q24x32s")
"""First 64 bits of an entry's path as a number, and its leaf hash."""


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
    nodes: Hashes
    """Hashes of the changed nodes of the top, those of uncommitted parents included."""
    kinds: Kinds
    """Kinds of those among them that are not ``INNER``: none in a tree of some size."""
    buckets: dict[int, Bucket]
    """Changed buckets, those of uncommitted parents included."""
    changed: tuple[int, ...]
    """Numbers of the buckets that this block itself changed, ascending."""
    depth: int
    """Of the tree's top."""

    def bucket_roots(self) -> list[BucketRoot]:
        """Roots of the buckets that this block changed; kind ``EMPTY`` where nothing is left."""
        first, hashes, kinds = 1 << self.depth, self.nodes, self.kinds
        return [(n, kinds.get(first + n, INNER), hashes[first + n]) for n in self.changed]


class StateTree:
    """The committed state's tree, and the maker of overlays and proofs."""

    def __init__(self, depth: int, source: Source, *, cache_bytes: int = CACHE_BYTES) -> None:
        """An empty tree; ``load`` or ``build`` fill one."""
        assert 0 <= depth <= 24, f"a top of depth {depth}"
        self._depth = depth
        self._source = source
        # One run of bytes, replaced in place. Digests as objects are faster to read, but take more
        # than twice the memory, and a block would leave thousands of new ones that stay.
        self._hashes = bytearray(DIGEST_BYTES * (2 << depth))
        self._kinds = bytearray(2 << depth)
        self._cache: Generations[int, Bucket] = Generations(cache_bytes, _held, self._make)

    @property
    def depth(self) -> int:
        """Depth of the top."""
        return self._depth

    @property
    def root(self) -> Digest:
        """State root of the committed head."""
        return Digest(self._read(1)[1])

    @property
    def held_bytes(self) -> int:
        """Memory of the buckets that are held, at most ``cache_bytes`` and one bucket."""
        return self._cache.held_bytes

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
        nodes: Hashes = {}
        kinds: Kinds = {}
        buckets: dict[int, Bucket] = {}
        lineage: tuple[Digest, ...] = ()
        parent_root = self.root
        if parent is not None and parent.root != parent_root:
            assert parent_root in parent.lineage, "the parent stands on another chain of blocks"
            nodes, kinds, buckets = dict(parent.nodes), dict(parent.kinds), dict(parent.buckets)
            lineage, parent_root = parent.lineage, parent.root
        changed = self._change_buckets(changes, buckets)
        if changed:
            self._change_top(changed, buckets, nodes, kinds)
        root = Digest(nodes[1]) if nodes else parent_root
        return Overlay(
            root, parent_root, (*lineage, parent_root), nodes, kinds, buckets, changed, self._depth
        )

    def commit(self, overlay: Overlay) -> None:
        """Make an overlay over the committed head the committed head."""
        assert overlay.parent_root == self.root, "an overlay is committed after its parent"
        hashes, kinds, put = self._hashes, self._kinds, _HASH.pack_into
        for node, digest in overlay.nodes.items():
            put(hashes, node * DIGEST_BYTES, digest)
            kinds[node] = INNER
        for node, kind in overlay.kinds.items():
            kinds[node] = kind
        for number in overlay.changed:
            self._cache.keep(number, overlay.buckets[number])
        assert self.root == overlay.root, "the base differs from the overlay just committed"

    def _change_buckets(self, changes: Changes, buckets: dict[int, Bucket]) -> tuple[int, ...]:
        """Put changed buckets into the dict; their numbers, ascending."""
        shift = 32 - self._depth
        grouped: dict[int, list[bytes]] = {}
        for path in changes:
            grouped.setdefault(int.from_bytes(path[:4], "big") >> shift, []).append(path)
        changed = []
        for number in sorted(grouped):
            old = buckets.get(number)
            if old is None:
                old = self._bucket(number)
            new = _change(old, grouped[number], changes)
            if new != old:
                buckets[number] = new
                changed.append(number)
        return tuple(changed)

    def _change_top(
        self, changed: Sequence[int], buckets: Mapping[int, Bucket], nodes: Hashes, kinds: Kinds
    ) -> None:
        """Recompute the roots of changed buckets and the nodes above, level by level, each once.
        ``_join`` is written out: both sides are there, or a lone leaf is lifted beside nothing."""
        hashes, first = self._hashes, 1 << self._depth
        find, read = nodes.get, _HASH.unpack_from
        for number in changed:
            _set(first + number, _subtree(buckets[number], self._depth), nodes, kinds)
        level = [first + number for number in changed]
        while level[0] > 1:
            level = list(dict.fromkeys([node >> 1 for node in level]))
            for node in level:
                left, right = find(2 * node), find(2 * node + 1)
                if left is None:
                    (left,) = read(hashes, 2 * node * DIGEST_BYTES)
                if right is None:
                    (right,) = read(hashes, (2 * node + 1) * DIGEST_BYTES)
                if left != ZERO_DIGEST != right:
                    nodes[node] = sha256(b"\x11" + left + right).digest()
                    if kinds:
                        kinds.pop(node, None)
                    continue
                child = 2 * node if right == ZERO_DIGEST else 2 * node + 1
                kind = kinds.get(child, INNER) if child in nodes else self._kinds[child]
                if kind == INNER:
                    _set(node, (INNER, inner_hash(left, right)), nodes, kinds)
                else:
                    nodes[node], kinds[node] = left if right == ZERO_DIGEST else right, kind

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
        (entry,) = _entries(self._committed(number))
        return number, entry

    def _committed(self, number: int) -> Bucket:
        """A bucket, held against the tree's own node above it."""
        bucket = self._bucket(number)
        if _subtree(bucket, self._depth) != self._read((1 << self._depth) + number):
            raise Unavailable("state.head-moved", retry_after_s=1)
        return bucket

    def _prove_in_bucket(self, path: bytes, number: int, siblings: list[Digest]) -> StateProof:
        """Go on below the top, where the tree is only in the entries."""
        bucket, depth = self._committed(number), self._depth
        while len(bucket) > ENTRY_BYTES:
            split = _split(bucket, depth)
            left, right = bucket[:split], bucket[split:]
            if path[depth >> 3] & 0x80 >> (depth & 7):
                left, right = right, left
            depth += 1
            siblings.append(Digest(_subtree(right, depth)[1]))
            bucket = left
        if not bucket:
            return StateProof(Form.ABSENT_EMPTY, tuple(siblings))
        return self._end_in_leaf(path, number, next(_entries(bucket)), siblings)

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
        (digest,) = _HASH.unpack_from(self._hashes, node * DIGEST_BYTES)
        return self._kinds[node], digest

    def _write(self, node: int, value: Node) -> None:
        self._kinds[node], digest = value
        _HASH.pack_into(self._hashes, node * DIGEST_BYTES, digest)

    def _bucket(self, number: int) -> Bucket:
        """Entries of a bucket in the committed state."""
        if self._kinds[(1 << self._depth) + number] == EMPTY:
            return b""
        return self._cache.get(number)

    def _make(self, number: int) -> Bucket:
        return _make_bucket(self._source(number))


def _held(_number: int, bucket: Bucket) -> int:
    """Memory of a bucket that is held."""
    return BUCKET_BYTES + len(bucket)


def _set(node: int, value: Node, nodes: Hashes, kinds: Kinds) -> None:
    """Put a node among an overlay's changes."""
    kind, nodes[node] = value
    if kind != INNER:
        kinds[node] = kind
    else:
        kinds.pop(node, None)


def _make_bucket(entries: Iterable[tuple[bytes, bytes]]) -> Bucket:
    """A bucket of (path, value hash) pairs, ascending by path."""
    return b"".join([path + leaf_hash(path, hashed) for path, hashed in entries])


def _entries(bucket: Bucket) -> Iterator[Entry]:
    """The entries of a bucket, ascending by path."""
    return _ENTRIES.iter_unpack(bucket)


def _change(bucket: Bucket, paths: Sequence[bytes], changes: Changes) -> Bucket:
    """The bucket after the changes at these paths."""
    if len(paths) == 1:
        path = paths[0]
        hashed, at = changes[path], bucket.find(path)
        # The usual case: one entry, which is there (not at -1), so the order stays.
        if hashed is not None and at % ENTRY_BYTES == 0:
            return (
                bucket[: at + DIGEST_BYTES] + leaf_hash(path, hashed) + bucket[at + ENTRY_BYTES :]
            )
    leaves = dict(_entries(bucket))
    for path in paths:
        hashed = changes[path]
        if hashed is None:
            leaves.pop(path, None)
        else:
            leaves[path] = leaf_hash(path, hashed)
    return b"".join(chain.from_iterable(sorted(leaves.items())))


def fold_row(row: Sequence[Node]) -> Node:
    """The root above a whole row of nodes."""
    nodes = list(row)
    while len(nodes) > 1:
        nodes = [_join(nodes[at], nodes[at + 1]) for at in range(0, len(nodes), 2)]
    return nodes[0]


def compute_subtree(depth: int, entries: Iterable[tuple[bytes, bytes]]) -> Node:
    """The node at ``depth`` above all (path, value hash) pairs below it, ascending by path."""
    return _subtree(_make_bucket(entries), depth)


def compute_bucket_roots(
    depth: int, entries: Iterable[tuple[bytes, bytes]]
) -> Iterable[BucketRoot]:
    """Roots of all buckets that hold an entry, from (path, value hash) ascending by path."""
    number = -1
    for found, inside in groupby(entries, lambda entry: bucket_of(entry[0], depth)):
        assert found > number, "entries ascend by path"
        number = found
        yield (number, *_subtree(_make_bucket(inside), depth))


def _join(left: Node, right: Node) -> Node:
    """The node above two: a lone leaf is lifted, nothing stays nothing."""
    if left[0] == EMPTY and right[0] <= LEAF:
        return right
    if right[0] == EMPTY and left[0] == LEAF:
        return left
    return INNER, inner_hash(left[1], right[1])


def _subtree(bucket: Bucket, depth: int) -> Node:
    """Root of the part of the tree at ``depth`` that holds exactly a bucket's entries."""
    heads: list[tuple[int, bytes]] = list(_HEADS.iter_unpack(bucket))
    if len(heads) < 2:
        return (LEAF, heads[0][1]) if heads else _EMPTY_NODE
    if len(dict(heads)) == len(heads):
        return INNER, _fold(heads, 0, len(heads) - 1, depth, 64)
    # Two begin with the same 64 bits: not by chance, but somebody may look for such keys.
    whole = [(int.from_bytes(path, "big"), leaf) for path, leaf in _entries(bucket)]
    return INNER, _fold(whole, 0, len(whole) - 1, depth, PATH_BITS)


def _fold(heads: Sequence[tuple[int, bytes]], low: int, high: int, depth: int, bits: int) -> bytes:
    """Hash at ``depth`` above the entries ``low`` to ``high``, both included, two at least.

    Of each path its first ``bits`` are given as a number, no two alike. The first and the last say
    where the entries part; a side of one is its leaf. Above, up to ``depth``, nothing is beside.
    """
    first, left = heads[low]
    last, right = heads[high]
    parted = bits - (first ^ last).bit_length()
    if high - low > 1:
        bit = 1 << (bits - 1 - parted)
        middle = low + 1
        while not heads[middle][0] & bit:
            middle += 1
        if middle - low > 1:
            left = _fold(heads, low, middle - 1, parted + 1, bits)
        if middle < high:
            right = _fold(heads, middle, high, parted + 1, bits)
    digest = sha256(b"\x11" + left + right).digest()
    for above in range(bits - parted, bits - depth):
        if first >> above & 1:
            digest = sha256(b"\x11" + ZERO_DIGEST + digest).digest()
        else:
            digest = sha256(b"\x11" + digest + ZERO_DIGEST).digest()
    return digest


def _split(bucket: Bucket, depth: int) -> int:
    """Where in the bucket the entries begin whose bit ``depth`` is 1."""
    byte, bit = depth >> 3, 0x80 >> (depth & 7)
    for at in range(0, len(bucket), ENTRY_BYTES):
        if bucket[at + byte] & bit:
            return at
    return len(bucket)
