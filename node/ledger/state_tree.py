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

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

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

CACHED_BUCKETS: Final = 65_536
"""Buckets held in memory, about 30 MB when full."""

EMPTY: Final = 0
LEAF: Final = 1
INNER: Final = 2

Entry = tuple[bytes, bytes, bytes]
"""Path, value hash, leaf hash."""

Bucket = tuple[Entry, ...]
"""Entries ascending by path."""

Node = tuple[int, bytes]
"""Kind (EMPTY, LEAF, INNER) and hash."""

BucketRoot = tuple[int, int, bytes]
"""Number of the bucket, kind and hash of its root: what the store persists."""

Source = Callable[[int], Iterable[tuple[bytes, bytes]]]
"""From a bucket's number to its (path, value hash) pairs in the committed state, ascending."""

Changes = Mapping[bytes, bytes | None]
"""From path to the new value hash, None for a deletion."""

_EMPTY_NODE: Final[Node] = (EMPTY, ZERO_DIGEST)


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

    def __init__(self, depth: int, source: Source, *, cached_buckets: int = CACHED_BUCKETS) -> None:
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
        self._cached_buckets = cached_buckets

    @property
    def depth(self) -> int:
        """Depth of the top."""
        return self._depth

    @property
    def root(self) -> Digest:
        """State root of the committed head."""
        return Digest(self._hashes[1])

    # --- Filling ------------------------------------------------------------------------------

    @classmethod
    def load(
        cls,
        depth: int,
        source: Source,
        roots: Iterable[BucketRoot],
        *,
        cached_buckets: int = CACHED_BUCKETS,
    ) -> StateTree:
        """A tree from persisted bucket roots, each bucket at most once."""
        tree = cls(depth, source, cached_buckets=cached_buckets)
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
            entries = {entry[0]: entry for entry in old}
            for path in grouped[number]:
                hashed = changes[path]
                if hashed is None:
                    entries.pop(path, None)
                else:
                    entries[path] = (path, hashed, leaf_hash(path, hashed))
            new = tuple(sorted(entries.values())) if len(entries) > 1 else tuple(entries.values())
            if new != old:
                buckets[number] = new
                nodes[first + number] = _subtree(new, depth)
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
        """Proof of presence or of absence of a state key in the committed state."""
        return self.prove_path(key_path(key))

    def prove_path(self, path: bytes) -> StateProof:
        """The same for a path."""
        number = int.from_bytes(path, "big")
        siblings: list[Digest] = []
        node = 1
        for depth in range(self._depth):
            kind = self._kinds[node]
            if kind == EMPTY:
                return StateProof(Form.ABSENT_EMPTY, tuple(siblings))
            if kind == LEAF:
                return _end_in_leaf(path, self._lone_entry(node), siblings)
            child = 2 * node + (number >> (255 - depth) & 1)
            siblings.append(Digest(self._read(child ^ 1)[1]))
            node = child
        bucket = self._bucket(node - (1 << self._depth))
        return _prove_in_bucket(path, bucket, self._depth, siblings)

    def _lone_entry(self, node: int) -> Entry:
        """The entry of a leaf that was lifted to ``node``."""
        while node < 1 << self._depth:
            node = 2 * node + (self._kinds[2 * node] == EMPTY)
        (entry,) = self._bucket(node - (1 << self._depth))
        return entry

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
            return ()
        bucket = tuple(
            (path, hashed, leaf_hash(path, hashed)) for path, hashed in self._source(number)
        )
        self._remember(number, bucket)
        return bucket

    def _remember(self, number: int, bucket: Bucket) -> None:
        cache = self._cache
        cache[number] = bucket
        cache.move_to_end(number)
        if len(cache) > self._cached_buckets:
            cache.popitem(last=False)


def fold_row(row: Sequence[Node]) -> Node:
    """The root above a whole row of nodes."""
    nodes = list(row)
    while len(nodes) > 1:
        nodes = [_join(nodes[at], nodes[at + 1]) for at in range(0, len(nodes), 2)]
    return nodes[0]


def compute_subtree(depth: int, entries: Iterable[tuple[bytes, bytes]]) -> Node:
    """The node at ``depth`` above all (path, value hash) pairs below it, ascending by path."""
    bucket = [(path, hashed, leaf_hash(path, hashed)) for path, hashed in entries]
    return _subtree(tuple(bucket), depth)


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
                yield (number, *_subtree(tuple(bucket), depth))
            number, bucket = found, []
        bucket.append((path, hashed, leaf_hash(path, hashed)))
    if bucket:
        yield (number, *_subtree(tuple(bucket), depth))


def _join(left: Node, right: Node) -> Node:
    """The node above two: a lone leaf is lifted, nothing stays nothing."""
    if left[0] == EMPTY and right[0] <= LEAF:
        return right
    if right[0] == EMPTY and left[0] == LEAF:
        return left
    return INNER, inner_hash(left[1], right[1])


def _subtree(entries: Bucket, depth: int) -> Node:
    """Root of the part of the tree at ``depth`` that holds exactly ``entries``."""
    if len(entries) < 2:
        return (LEAF, entries[0][2]) if entries else _EMPTY_NODE
    if len(entries) == 2:
        return INNER, _pair(entries, depth)
    split = _split(entries, depth)
    left, right = _subtree(entries[:split], depth + 1), _subtree(entries[split:], depth + 1)
    return INNER, inner_hash(left[1], right[1])


def _pair(entries: Bucket, depth: int) -> bytes:
    """Hash at ``depth`` above exactly two entries, most buckets' case: they are joined where their
    paths part, and from there up there is nothing on the other side."""
    (first, _, left), (second, _, right) = entries
    shared = int.from_bytes(first, "big")
    parted = 256 - (shared ^ int.from_bytes(second, "big")).bit_length()
    digest = sha256(b"\x11" + left + right).digest()
    for above in range(parted - 1, depth - 1, -1):
        if shared >> (255 - above) & 1:
            digest = sha256(b"\x11" + ZERO_DIGEST + digest).digest()
        else:
            digest = sha256(b"\x11" + digest + ZERO_DIGEST).digest()
    return digest


def _split(entries: Bucket, depth: int) -> int:
    """How many of the entries have bit ``depth`` 0; they come first."""
    byte, bit = depth >> 3, 0x80 >> (depth & 7)
    for index, entry in enumerate(entries):
        if entry[0][byte] & bit:
            return index
    return len(entries)


def _prove_in_bucket(
    path: bytes, entries: Bucket, depth: int, siblings: list[Digest]
) -> StateProof:
    """Go on below the top, where the tree is only in the entries."""
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
    return _end_in_leaf(path, entries[0], siblings)


def _end_in_leaf(path: bytes, entry: Entry, siblings: list[Digest]) -> StateProof:
    if entry[0] == path:
        return StateProof(Form.PRESENT, tuple(siblings))
    return StateProof(Form.ABSENT_OTHER, tuple(siblings), (Digest(entry[0]), Digest(entry[1])))
