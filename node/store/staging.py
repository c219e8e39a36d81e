"""A state that is gathered beside the one in use, and the one batch that puts it in its place.

Entries go into the slot of the state that is not in use, chunk by chunk, each in one synced batch
with the mark that it is here: a restart goes on where it stopped. ``switch`` is one batch too: it
names the other slot, the new head and the new floor. Before it the database is the old one, after
it the new one, and ``sweep`` takes away what belongs to neither; it may be cut off anywhere and
begin again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, pairwise

from node.ledger.block import Header, ValidatorSet
from node.ledger.codec import encode
from node.ledger.errors import InvalidProof
from node.ledger.evidence import EpochEnd
from node.ledger.receipt import EXECUTED
from node.ledger.state_proof import key_path, value_hash
from node.ledger.state_tree import StateTree, compute_bucket_roots
from node.ledger.types import Checked
from node.store import keys
from node.store.database import Database, StoredHead, make_seal
from node.store.errors import DatabaseDamaged
from node.store.kv import KV, Operation
from node.store.state import StateRows, bucket_rows, encode_entry, executed_parts
from node.store.work import WHOLE as WORK_WHOLE

MANIFEST = keys.STAGED + b"manifest"
SWEEP = keys.meta("sweep")
ROWS_MAX = 5_000
"""Rows of one batch of the long walks."""

OF_HEIGHTS = (
    keys.HEADER, keys.CERTIFICATE, keys.BODY, keys.RECEIPTS, keys.DIFF, keys.SEAL, keys.CHECKED,
    keys.INDEX_DIGEST, keys.ATTACHMENT, keys.PROPOSAL,
)  # fmt: skip
"""Kinds whose key begins with a height."""


class Staging:
    """The slot that is not in use. One thread writes: the one that writes everything else."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kv = database.kv
        self.slot = 1 - database.slot

    def manifest(self) -> bytes | None:
        """The manifest of the snapshot that is being gathered."""
        return self._kv.get(MANIFEST)

    def begin(self, manifest: bytes) -> None:
        """Gather for this manifest from here on; what is here already stays until compared."""
        self._kv.write([(MANIFEST, manifest)], sync=True)

    def forget(self) -> None:
        """Drop manifest and marks; entries stay until a chunk takes their place."""
        drop(self._kv, keys.STAGED, keys.all_of(keys.STAGED)[1])

    def mark(self, number: int) -> bytes | None:
        """Hash of the chunk as it was put here, None when it was not."""
        return self._kv.get(keys.staged(number))

    def put(
        self, number: int, depth: int, digest: bytes, chunk: Sequence[tuple[str, bytes]]
    ) -> None:
        """Replace everything under the chunk's bits by its entries. They were checked before."""
        prefix = keys.STATES[self.slot]
        new = {prefix + key_path(key): encode_entry(key, value) for key, value in chunk}
        held = self._kv.iterate(*keys.paths(self.slot, number, depth))
        batch: list[Operation] = [(key, None) for key, _ in held if key not in new]
        batch += new.items()
        batch.append((keys.staged(number), digest))
        self._kv.write(batch, sync=True)

    def finish(self, depth: int, state_root: bytes) -> None:
        """Bucket roots and order of expiry of the gathered state, for a tree of this depth.

        It reads the whole state once more. Raises ``InvalidProof`` when that does not give the
        state root: then the marks go, and gathering begins anew.
        """
        rows = StateRows(self._kv, self.slot)
        for prefix in (keys.BUCKETS[self.slot], keys.EXPIRIES[self.slot]):
            drop(self._kv, prefix, keys.all_of(prefix)[1])
        expiries: list[Operation] = []

        def entries() -> Iterator[tuple[bytes, bytes]]:
            for path, key, value in rows.entries():
                if key.startswith(EXECUTED):
                    expiries.append((keys.expiry(*executed_parts(key), self.slot), b""))
                yield path, value_hash(value)

        made = list(compute_bucket_roots(depth, entries()))
        if StateTree.load(depth, lambda number: (), made).root != state_root:
            self.forget()
            raise InvalidProof("snapshot.root", state_root=state_root.hex())
        self._write_all(bucket_rows(made, self.slot))
        self._write_all(expiries)

    def switch(
        self,
        header: Header,
        certificate: bytes,
        epochs: Sequence[EpochEnd],
        following: ValidatorSet | None,
    ) -> None:
        """Make the gathered state the one in use, as of this certified header.

        ``following``: the next epoch's set where the header ends its own. Raises ``WriteFailed``.
        """
        head = self._database.head()
        assert head is not None, "a database has block 0"
        assert header.height > head.height, "a snapshot leads forward"
        assert (following is not None) == header.is_epoch_final, "an epoch's end names the next set"
        height = header.height
        seal = make_seal(height + 1, (header.encode(), b"", certificate, b"", b""), bytes(32))
        new_head = StoredHead(
            height, header.hash, header.state_root, header.time_ms, seal.sequence, seal.chained
        )
        ends = [(end.header, end.certificate, end.validators) for end in epochs]
        batch: list[Operation] = [
            (keys.meta("slot"), bytes([self.slot])),
            (keys.meta("floor"), keys.pack_height(height + 1)),
            (keys.meta("diff-floor"), keys.pack_height(height + 1)),
            (SWEEP, b"1"),
            (WORK_WHOLE, None),
            (keys.at_height(keys.HEADER, height), header.encode()),
            (keys.at_height(keys.CERTIFICATE, height), certificate),
            (keys.NUMBER + header.hash, keys.pack_height(height)),
            (keys.at_height(keys.SEAL, height), seal.encode()),
            (keys.at_height(keys.CHECKED, height), bytes([Checked.CERTIFICATE])),
            (keys.HEAD_KEY, new_head.encode()),
        ]
        for epoch, (data, proof, validators) in enumerate(ends):
            end = Header.decode(data)
            batch += [
                (keys.at_height(keys.HEADER, end.height), data),
                (keys.at_height(keys.CERTIFICATE, end.height), proof),
                (keys.NUMBER + end.hash, keys.pack_height(end.height)),
                (keys.at_height(keys.CHECKED, end.height), bytes([Checked.CERTIFICATE])),
                (keys.epoch(epoch + 1), encode([end.height + 1, validators.fields()])),
            ]
        if following is not None:
            row = encode([height + 1, following.fields()])
            batch.append((keys.epoch(header.epoch + 1), row))
        self._database.switched = True
        self._kv.write(batch, sync=True)

    def _write_all(self, rows: Iterable[Operation]) -> None:
        left = iter(rows)
        while batch := list(islice(left, ROWS_MAX)):
            self._kv.write(batch, sync=True)


def sweep(database: Database) -> None:
    """After a switch: take away the old state, the old blocks below the floor, the index of them,
    and the marks of the chunks. Does nothing where there was no switch; may be cut off anywhere."""
    kv = database.kv
    if kv.get(SWEEP) is None:
        return
    base = database.floor() - 1
    stays = {0, base} | {first - 1 for _, first, _ in database.epochs()}
    for prefix in OF_HEIGHTS:
        for first, stop in _between(sorted(height for height in stays if height <= base)):
            drop(kv, *keys.heights(prefix, first, stop))
    # Blocks that this node had below the base may have ended epochs: only what they certify stays.
    for prefix in set(OF_HEIGHTS) - {keys.HEADER, keys.CERTIFICATE, keys.CHECKED}:
        for height in stays - {0, base}:
            drop(kv, *keys.heights(prefix, height, height + 1))
    # The base itself is certified: what this node voted for at its height is of no more use.
    drop(kv, *keys.heights(keys.PROPOSAL, base, base + 1))
    other = 1 - database.slot
    for prefix in (
        keys.STATES[other], keys.BUCKETS[other], keys.EXPIRIES[other], keys.STAGED,
        keys.INDEX, keys.WORK, keys.TRANSACTION, keys.COMMITMENT,
    ):  # fmt: skip
        drop(kv, prefix, keys.all_of(prefix)[1])
    _drop_numbers(database, stays)
    kv.write([(SWEEP, None)], sync=True)


def drop(kv: KV, start: bytes, stop: bytes) -> None:
    """Delete a range in batches."""
    rows = kv.iterate(start, stop)
    while batch := [(key, None) for key, _ in islice(rows, ROWS_MAX)]:
        kv.write(batch, sync=True)


def check_base(database: Database) -> None:
    """Raises ``DatabaseDamaged`` unless what a snapshot leaves below its floor is there: the base,
    and the ends of the epochs before it, and nothing between them."""
    base = database.floor() - 1
    if base < 0:
        return
    wanted = {0, base} | {first - 1 for _, first, _ in database.epochs() if first <= base}
    start, stop = keys.heights(keys.HEADER, 0, base + 1)
    held = {keys.height_of(key) for key, _ in database.reader.iterate(start, stop)}
    if held != wanted:
        raise DatabaseDamaged(
            f"Below height {base} there are {len(held)} headers, {len(wanted)} were written."
        )


def _between(heights: Sequence[int]) -> Iterator[tuple[int, int]]:
    for left, right in pairwise(heights):
        if left + 1 < right:
            yield left + 1, right


def _drop_numbers(database: Database, stays: set[int]) -> None:
    base = database.floor() - 1
    rows = database.kv.iterate(*keys.all_of(keys.NUMBER))
    gone = (
        (key, None)
        for key, value in rows
        if (height := keys.unpack_height(value)) < base and height not in stays
    )
    while batch := list(islice(gone, ROWS_MAX)):
        database.kv.write(batch, sync=True)
