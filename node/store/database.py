"""The node's database: opens the folder, writes each height as one batch, reads it back.

``commit`` is the only way in which a height becomes part of the chain here: one synced batch with
everything that belongs to it and the new head. Batches are counted and chained by digest, so that
a height whose parts do not belong together is found at start (``checks``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from node.ledger.block import Header, ValidatorSet
from node.ledger.codec import encode, encode_trusted
from node.ledger.errors import LedgerError
from node.ledger.state_tree import BucketRoot
from node.ledger.types import Checked
from node.store import keys
from node.store.attachments import Attachments, attachment_rows
from node.store.blocks import Blocks, StoredProposal
from node.store.errors import DatabaseDamaged, DatabaseForeign
from node.store.index import Index
from node.store.kv import KV, Operation, Reader
from node.store.leveldb import WRITE_BUFFER_BYTES, LevelStore
from node.store.record import read_record
from node.store.state import StateRows, bucket_rows, state_rows
from node.store.work import WorkRows

LAYOUT = 1
"""Version of the rows in ``keys``. Another one is refused and never converted on the quiet."""

DIFFS_DROPPED_MAX = 100
"""Old diffs that one batch drops at most."""


@dataclass(frozen=True, slots=True)
class StoredHead:
    """The newest height of this database."""

    height: int
    block_hash: bytes
    state_root: bytes
    time_ms: int
    sequence: int
    """Batches written so far; one for each height."""
    chained: bytes
    """Digest over this batch's parts and the batch before: the chain of batches."""

    def encode(self) -> bytes:
        return encode(
            [self.height, self.block_hash, self.state_root, self.time_ms, self.sequence,
             self.chained]
        )  # fmt: skip

    @classmethod
    def decode(cls, data: bytes) -> StoredHead:
        return cls(*read_record(data, (int, bytes, bytes, int, int, bytes), "head"))


@dataclass(frozen=True, slots=True, kw_only=True)
class HeightParts:
    """Everything that belongs to one height."""

    header: Header
    header_bytes: bytes
    block_hash: bytes
    leaves: Sequence[bytes]
    """Leaves of the transaction tree."""
    tx_ids: Sequence[bytes]
    """One for each leaf."""
    first_receipts: Sequence[int]
    """For each transaction the leaf index of the receipt of its first call."""
    receipts: Sequence[bytes]
    certificate: bytes | None
    """None for genesis only."""
    writes: Mapping[str, bytes | None]
    """Changed state entries: canonical value, None for deleted."""
    diff: bytes
    """The same as canonical bytes, ascending by key."""
    attachments: Sequence[tuple[bytes, bytes, bytes]]
    """(commitment, blind, content): the transactions' own, then the derived explanations."""
    buckets: Sequence[BucketRoot]
    """Changed bucket roots of the state tree."""
    index_rows: Sequence[Operation]
    next_validators: ValidatorSet | None
    """The set of the next epoch, when this block ends its own (and at genesis)."""
    checked: Checked = Checked.REEXECUTED
    """How this node knows that the height is right."""


@dataclass(frozen=True, slots=True)
class Seal:
    """What a batch was written with, kept with its height."""

    sequence: int
    parts: list[bytes]
    """SHA-256 of header, body, certificate, receipts, diff."""
    chained: bytes

    def encode(self) -> bytes:
        return encode([self.sequence, self.parts, self.chained])

    @classmethod
    def decode(cls, data: bytes) -> Seal:
        return cls(*read_record(data, (int, list, bytes), "seal of a height"))


PART_NAMES = ("header", "body", "certificate", "receipts", "diff")


def make_seal(sequence: int, parts: Sequence[bytes], before: bytes) -> Seal:
    """Seal of a batch from the bytes of its parts and the chained digest of the batch before."""
    digests = [hashlib.sha256(part).digest() for part in parts]
    return Seal(sequence, digests, chain_digests(sequence, digests, before))


def chain_digests(sequence: int, digests: Sequence[bytes], before: bytes) -> bytes:
    """Next link of the chain of batches; 32 bytes."""
    return hashlib.sha256(before + encode([sequence, list(digests)])).digest()


def _epoch(value: bytes) -> tuple[int, ValidatorSet]:
    first, seats = read_record(value, (int, list), "validator set of an epoch")
    try:
        return first, ValidatorSet.from_fields(seats)
    except LedgerError as error:
        raise DatabaseDamaged(f"A validator set does not hold: {error}.") from error


class Rows:
    """All readers over one reader: of the live store, or of a snapshot."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.blocks = Blocks(reader)
        slot = reader.get(keys.meta("slot"))
        self.slot = 0 if slot is None else slot[0]
        """Which of the two slots holds the state in use."""
        self.state = StateRows(reader, self.slot)
        self.attachments = Attachments(reader)
        self.index = Index(reader)
        self.work = WorkRows(reader)

    def head(self) -> StoredHead | None:
        """The newest height; None in an empty database."""
        value = self.reader.get(keys.HEAD_KEY)
        return None if value is None else StoredHead.decode(value)

    def validators(self, epoch: int) -> tuple[int, ValidatorSet]:
        """First height and validator set of an epoch."""
        value = self.reader.get(keys.epoch(epoch))
        if value is None:
            raise DatabaseDamaged(f"The validator set of epoch {epoch} is missing.")
        return _epoch(value)

    def floor(self) -> int:
        """The first height whose block is here; above 0 after a snapshot was taken. The height
        below it has header and certificate, like the ends of epochs before it."""
        value = self.reader.get(keys.meta("floor"))
        return 0 if value is None else keys.unpack_height(value)

    def diff_floor(self) -> int:
        """The first height whose state diff is kept."""
        value = self.reader.get(keys.meta("diff-floor"))
        return 0 if value is None else keys.unpack_height(value)

    def epochs(self) -> Iterator[tuple[int, int, ValidatorSet]]:
        """Every epoch so far: number, first height, validator set."""
        for key, value in self.reader.iterate(*keys.all_of(keys.EPOCH)):
            yield keys.height_of(key), *_epoch(value)

    def checked(self, height: int) -> Checked:
        """How this node has checked a height that it holds."""
        value = self.reader.get(keys.at_height(keys.CHECKED, height))
        if value is None:
            return Checked.REEXECUTED
        try:
            return Checked(int.from_bytes(value, "big"))
        except ValueError as error:
            raise DatabaseDamaged(f"How height {height} was checked cannot be read.") from error

    def quarantined(self) -> list[bytes]:
        """Ids of transactions in quarantine."""
        return [key[1:] for key, _ in self.reader.iterate(*keys.all_of(keys.QUARANTINE))]


class Database(Rows):
    """The live database. One thread writes; any thread reads."""

    def __init__(self, kv: KV, *, diff_heights: int) -> None:
        super().__init__(kv)
        self.kv = kv
        self._diff_heights = diff_heights
        self._head = self.head()
        self.switched = False
        """Whether a snapshot was switched to: this object is of the past then, and writes no
        more."""

    @classmethod
    def open(
        cls, path: Path, *, diff_heights: int, write_buffer_bytes: int = WRITE_BUFFER_BYTES
    ) -> Database:
        """Open or create the LevelDB folder. Raises the errors of ``node.store.errors``."""
        path.mkdir(parents=True, exist_ok=True)
        return cls(
            LevelStore(path, write_buffer_bytes=write_buffer_bytes), diff_heights=diff_heights
        )

    def check_owner(self, chain: bytes) -> None:
        """Raises ``DatabaseForeign`` unless the database is empty or of this chain and layout."""
        layout = self.kv.get(keys.meta("layout"))
        if layout is None:
            if next(self.kv.iterate(b"", b"\xff"), None) is not None:
                raise DatabaseDamaged("The database has rows but does not say of which layout.")
            return
        if int.from_bytes(layout, "big") != LAYOUT:
            raise DatabaseForeign(
                f"The database has layout {int.from_bytes(layout, 'big')}, this program {LAYOUT}."
            )
        owner = self.kv.get(keys.meta("chain"))
        if owner != chain:
            raise DatabaseForeign(
                f"The database holds chain {(owner or b'').hex()[:16]}, "
                f"the genesis file is of chain {chain.hex()[:16]}."
            )

    def genesis_file(self) -> bytes:
        """The genesis file that the chain began with, as it was loaded then."""
        data = self.kv.get(keys.meta("genesis"))
        if data is None:
            raise DatabaseDamaged("The genesis file in the database is missing.")
        return data

    def begin(self, chain: bytes, genesis: bytes, parts: HeightParts) -> None:
        """Write block 0 into an empty database, with the genesis file's bytes."""
        assert self._head is None, "a database begins once"
        assert parts.header.height == 0, "a chain begins with height 0"
        self._write(
            parts,
            [
                (keys.meta("layout"), LAYOUT.to_bytes(4, "big")),
                (keys.meta("chain"), chain),
                (keys.meta("genesis"), genesis),
            ],
        )

    def commit(self, parts: HeightParts) -> None:
        """Write the next height: one synced batch. Raises ``WriteFailed``; then stop."""
        head = self._head
        assert not self.switched, "the database is opened anew after a switch"
        assert head is not None, "block 0 comes first"
        assert parts.header.height == head.height + 1, "heights are contiguous"
        assert parts.header.parent == head.block_hash, "a block stands on the head"
        assert parts.certificate is not None, "only certified blocks are kept"
        self._write(parts, [])

    def tree_depth(self) -> int | None:
        """Depth of the tree top that the stored bucket roots are of; None where nobody said."""
        data = self.kv.get(keys.meta("tree-depth"))
        return None if data is None else int.from_bytes(data, "big")

    def replace_buckets(self, depth: int, roots: Sequence[BucketRoot]) -> None:
        """Put bucket roots of another depth in place of all stored ones, in one batch."""
        gone: dict[bytes, bytes | None] = {
            keys.bucket(number, self.slot): None for number, _, _ in self.state.bucket_roots()
        }
        batch: list[Operation] = [*(gone | dict(bucket_rows(roots, self.slot))).items()]
        batch.append((keys.meta("tree-depth"), depth.to_bytes(4, "big")))
        self.kv.write(batch, sync=True)

    def save_proposals(self, proposals: Mapping[tuple[int, bytes], StoredProposal]) -> None:
        """Make proposals durable, by (height, block hash), before they get a vote."""
        batch: list[Operation] = [
            (keys.proposal(height, block_hash), proposal.encode())
            for (height, block_hash), proposal in proposals.items()
        ]
        self.kv.write(batch, sync=True)

    def quarantine(self, tx_id: bytes, reason: bytes) -> None:
        """Keep the id of a transaction that met a bug, so that a restart does not try it again."""
        self.kv.write([(keys.QUARANTINE + tx_id, reason)], sync=True)

    def erase_attachment(self, commitment: bytes) -> bool:
        """Erase blind and content; whether there was something to erase."""
        operations = self.attachments.erasure(commitment)
        if operations:
            self.kv.write(operations, sync=True)
        return bool(operations)

    def close(self) -> None:
        self.kv.close()

    def _write(self, parts: HeightParts, extra: list[Operation]) -> None:
        head = self._head
        sequence = 1 if head is None else head.sequence + 1
        before = bytes(32) if head is None else head.chained
        body, receipts = encode_trusted(list(parts.leaves)), encode_trusted(list(parts.receipts))
        certificate = parts.certificate or b""
        sealed = (parts.header_bytes, body, certificate, receipts, parts.diff)
        seal = make_seal(sequence, sealed, before)
        new_head = StoredHead(
            parts.header.height, parts.block_hash, parts.header.state_root,
            parts.header.time_ms, sequence, seal.chained,
        )  # fmt: skip
        batch = self._chain_rows(parts, body, receipts, seal)
        batch += attachment_rows(parts.header.height, self._new_attachments(parts))
        batch += state_rows(parts.writes, self.slot)
        batch += bucket_rows(parts.buckets, self.slot)
        batch += parts.index_rows
        batch += extra
        batch.append((keys.HEAD_KEY, new_head.encode()))
        self.kv.write(batch, sync=True)
        self._head = new_head

    def _chain_rows(
        self, parts: HeightParts, body: bytes, receipts: bytes, seal: Seal
    ) -> list[Operation]:
        height = parts.header.height
        rows: list[Operation] = [
            (keys.at_height(keys.HEADER, height), parts.header_bytes),
            (keys.NUMBER + parts.block_hash, keys.pack_height(height)),
            (keys.at_height(keys.BODY, height), body),
            (keys.at_height(keys.RECEIPTS, height), receipts),
            (keys.at_height(keys.DIFF, height), parts.diff),
            (keys.at_height(keys.SEAL, height), seal.encode()),
        ]
        if parts.certificate is not None:
            rows.append((keys.at_height(keys.CERTIFICATE, height), parts.certificate))
        if parts.checked is not Checked.REEXECUTED:
            rows.append((keys.at_height(keys.CHECKED, height), bytes([parts.checked])))
        rows += self._dropped_diffs(height)
        places = zip(parts.tx_ids, parts.first_receipts, strict=True)
        for index, (tx_id, first) in enumerate(places):
            rows.append((keys.TRANSACTION + tx_id, keys.pack_transaction(height, index, first)))
        if parts.next_validators is not None:
            epoch = parts.header.epoch + (1 if height else 0)
            seats = [height + 1, parts.next_validators.fields()]
            rows.append((keys.epoch(epoch), encode(seats)))
        kept = self.blocks.proposals(height)
        rows += [(keys.proposal(height, block_hash), None) for block_hash in kept]
        return rows

    def _dropped_diffs(self, height: int) -> list[Operation]:
        """Diffs whose term ends with this height, and the new first height that has one."""
        floor, keep_from = self.diff_floor(), height - self._diff_heights + 1
        if keep_from <= floor:
            return []
        # More than one where the setting was lowered, and never so many that a batch grows.
        stop = min(keep_from, floor + DIFFS_DROPPED_MAX)
        rows: list[Operation] = [
            (keys.at_height(keys.DIFF, old), None) for old in range(floor, stop)
        ]
        return [*rows, (keys.meta("diff-floor"), keys.pack_height(stop))]

    def _new_attachments(self, parts: HeightParts) -> list[tuple[bytes, bytes, bytes]]:
        """Attachments without those that are held already (the same content came before)."""
        held = set()
        fresh = []
        for item in parts.attachments:
            if item[0] in held:
                continue
            held.add(item[0])
            kept = self.attachments.find(item[0])
            if kept is None or kept.content is None:
                fresh.append(item)
        return fresh
