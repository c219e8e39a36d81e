"""Whether the database is what was written: run at start, and over the whole chain on demand.

LevelDB's own checks are on and are not enough: a truncated, zeroed or deleted log opens without
an error and has lost data (STORAGE.md section 1, measured). Therefore the node compares what it
reads with digests that were written beside it: links between headers, certificates, roots, the
chain of batches, and the whole state against the head's state root. What does not fit raises
``DatabaseDamaged`` with the height and the part; nothing is repaired.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from node.ledger import merkle
from node.ledger.block import Certificate, Header, ValidatorSet, check_link
from node.ledger.errors import LedgerError
from node.ledger.evidence import EpochEnd, Trail
from node.ledger.genesis import Genesis
from node.ledger.receipt import EXECUTED, Receipt
from node.ledger.state_proof import key_path, value_hash
from node.ledger.state_tree import (
    CACHE_BYTES,
    INNER,
    LEAF,
    BucketRoot,
    StateTree,
    compute_bucket_roots,
)
from node.ledger.transaction import SignedTransaction, commit
from node.ledger.types import DIGEST_BYTES, Checked
from node.store import keys
from node.store.database import PART_NAMES, Rows, Seal, StoredHead, chain_digests
from node.store.errors import DatabaseDamaged

T = TypeVar("T")


def check_heights(rows: Rows) -> StoredHead | None:
    """The head, after a look at every header's key: heights are whole from 0 to the head, or from
    the base of a snapshot on.

    None for an empty database. Rows without a head, or a head without its rows, are damage.
    """
    head = rows.head()
    expected = max(0, rows.floor() - 1)
    start = keys.at_height(keys.HEADER, expected)
    for key, _ in rows.reader.iterate(start, keys.all_of(keys.HEADER)[1]):
        if (height := keys.height_of(key)) != expected:
            raise DatabaseDamaged(f"Height {expected} is missing below height {height}.")
        expected += 1
    if head is None:
        if expected:
            raise DatabaseDamaged("There are blocks but no head.")
        return None
    if head.height != expected - 1:
        raise DatabaseDamaged(
            f"The head is height {head.height}, the newest block is height {expected - 1}."
        )
    return head


def check_origin(rows: Rows, genesis: Genesis, head: StoredHead) -> None:
    """Follow the validators from the genesis file to the head: each epoch's end is certified by
    the set before it, and the head by the last one.

    A database does not say itself whose signatures count: one that somebody else's keys made for
    the same genesis fits together in all its parts.
    """
    first = _header(rows, 0)
    wanted = (genesis.chain, genesis.validators.hash, genesis.time_ms)
    if (first.chain, first.validators_hash, first.time_ms) != wanted:
        raise DatabaseDamaged("Block 0 is not the one of the genesis file.")
    trail = Trail(genesis.chain, genesis.validators)
    for number, since, stored in rows.epochs():
        if number > 0:
            end = EpochEnd(*_certified(rows, since - 1), stored)
            _as_damage(since - 1, "end of the epoch", partial(trail.end_epoch, end))
        if (trail.epoch, trail.validators) != (number, stored):
            raise DatabaseDamaged(
                f"The validator set of epoch {number} is not the one that leads here from genesis."
            )
    if head.height > trail.height:  # else it is block 0, or ended an epoch and was certified above
        proof = _certified(rows, head.height)
        _as_damage(head.height, "certificate", partial(trail.certify, *proof))


def _certified(rows: Rows, height: int) -> tuple[bytes, bytes]:
    """Header and certificate as they are stored."""
    header, certificate = rows.blocks.header(height), rows.blocks.certificate(height)
    if header is None or certificate is None:
        raise DatabaseDamaged(f"Header or certificate of height {height} is missing.")
    return header, certificate


@dataclass(slots=True)
class Counts:
    """What was compared with the chain."""

    transactions: int = 0
    receipts: int = 0
    attachments: int = 0
    """Held here with their content."""
    erased: int = 0
    absent: int = 0
    """Never held here: this node's office is not entitled to them."""


def check_blocks(
    rows: Rows, head: StoredHead, count: int, progress: Callable[[int], None] | None = None
) -> Counts:
    """Compare the newest ``count`` heights with everything that was written about them."""
    counts = Counts()
    first = max(rows.floor(), head.height - count + 1)
    parent = None if first == 0 else _header(rows, first - 1)
    before = bytes(32) if first == 0 else _seal(rows, first - 1).chained
    for height in range(first, head.height + 1):
        header = _header(rows, height)
        if rows.blocks.height_of(header.hash) != height:
            raise DatabaseDamaged(f"The block hash of height {height} does not lead to it.")
        if parent is not None:
            _as_damage(height, "link", partial(check_link, header, parent))
            _as_damage(height, "certificate", partial(_check_certificate, rows, header))
        before = _check_seal(rows, height, before)
        _check_contents(rows, header, counts)
        parent = header
        if progress is not None:
            progress(height)
    assert parent is not None, "a head has a height"
    found = (parent.hash, parent.state_root, parent.time_ms, before)
    if found != (head.block_hash, head.state_root, head.time_ms, head.chained):
        raise DatabaseDamaged(f"The head does not describe height {head.height}.")
    return counts


def check_count(
    rows: Rows, prefix: bytes, wanted: int, what: str,
    damage: type[DatabaseDamaged] = DatabaseDamaged,
) -> None:  # fmt: skip
    """Raises ``damage`` where there are rows of a kind that nobody has written."""
    found = sum(1 for _ in rows.reader.iterate(*keys.all_of(prefix)))
    if found != wanted:
        raise damage(f"There are {found} rows of {wanted} in {what}.")


def load_tree(
    rows: Rows, depth: int, head: StoredHead, *, cache_bytes: int = CACHE_BYTES
) -> StateTree:
    """The state tree over the stored bucket roots, held against the head's state root.

    ``cache_bytes``: memory of the buckets that it holds.
    """
    tree = StateTree.load(
        depth, lambda number: rows.state.bucket(number, depth), _roots(rows),
        cache_bytes=cache_bytes,
    )  # fmt: skip
    if tree.root != head.state_root:
        raise DatabaseDamaged(
            f"The bucket roots give state root {tree.root.hex()[:16]}, "
            f"the head has {head.state_root.hex()[:16]}."
        )
    return tree


def check_state(rows: Rows, depth: int) -> int:
    """Read the whole state and hold each bucket against its stored root; how many entries it has.

    Together with ``load_tree`` this proves every entry under the head's state root, and it is a
    full read of the state with LevelDB's checksums. The order of expiry is compared on the way.
    """
    executed: set[str] = set()
    count = 0

    def entries() -> Iterator[tuple[bytes, bytes]]:
        nonlocal count
        for path, key, value in rows.state.entries():
            count += 1
            if key_path(key) != path:
                raise DatabaseDamaged("A state row stands under another key's path.")
            if key.startswith(EXECUTED):
                executed.add(key)
            yield path, value_hash(value)

    stored = _roots(rows)
    for computed in compute_bucket_roots(depth, entries()):
        kept = next(stored, None)
        if kept is None or kept != computed:
            raise DatabaseDamaged(f"State bucket {computed[0]} is not what was written.")
    if next(stored, None) is not None:
        raise DatabaseDamaged("Entries of the state are missing.")
    listed = set(rows.state.executed())
    if listed != executed:
        raise DatabaseDamaged(
            f"{len(listed ^ executed)} executed transaction ids and their order of expiry disagree."
        )
    return count


def _roots(rows: Rows) -> Iterator[BucketRoot]:
    for number, kind, digest in rows.state.bucket_roots():
        if kind not in (LEAF, INNER) or len(digest) != DIGEST_BYTES:
            raise DatabaseDamaged(f"The root of state bucket {number} is no root.")
        yield number, kind, digest


def _header(rows: Rows, height: int) -> Header:
    data = rows.blocks.header(height)
    if data is None:
        raise DatabaseDamaged(f"The header of height {height} is missing.")
    header = _as_damage(height, "header", lambda: Header.decode(data))
    if header.height != height:
        raise DatabaseDamaged(f"The header of height {height} says height {header.height}.")
    return header


def _seal(rows: Rows, height: int) -> Seal:
    data = rows.reader.get(keys.at_height(keys.SEAL, height))
    if data is None:
        raise DatabaseDamaged(f"The seal of height {height} is missing.")
    return Seal.decode(data)


def _check_certificate(rows: Rows, header: Header) -> None:
    data = rows.blocks.certificate(header.height)
    if data is None:
        raise DatabaseDamaged(f"The certificate of height {header.height} is missing.")
    _, validators = rows.validators(header.epoch)
    Certificate.decode(data).verify_header(header, validators)


def _check_seal(rows: Rows, height: int, before: bytes) -> bytes:
    """The chained digest of the height, after comparing each part with its digest."""
    seal = _seal(rows, height)
    prefixes = (keys.HEADER, keys.BODY, keys.CERTIFICATE, keys.RECEIPTS, keys.DIFF)
    for name, prefix, digest in zip(PART_NAMES, prefixes, seal.parts, strict=True):
        data = rows.reader.get(keys.at_height(prefix, height))
        if data is None:
            if (name == "diff" and height < rows.diff_floor()) or (
                name == "certificate" and height == 0
            ):
                continue  # a diff goes after its term; genesis has no certificate
            raise DatabaseDamaged(f"The {name} of height {height} is missing.")
        if hashlib.sha256(data).digest() != digest:
            raise DatabaseDamaged(f"The {name} of height {height} is not what was written.")
    if seal.sequence != height + 1 or seal.chained != chain_digests(
        seal.sequence, seal.parts, before
    ):
        raise DatabaseDamaged(f"The batch of height {height} does not follow the batch before it.")
    return seal.chained


def _check_contents(rows: Rows, header: Header, counts: Counts) -> None:
    """Roots and counts, places of transactions, attachments against their commitments."""
    height = header.height
    leaves, receipts = rows.blocks.leaves(height), rows.blocks.receipts(height)
    roots = (merkle.compute_root(leaves), merkle.compute_root(receipts))
    if roots != (header.tx_root, header.receipts_root):
        raise DatabaseDamaged(f"The roots of height {height} are not those of its header.")
    commitments = []
    first = 0
    for index, leaf in enumerate(leaves):
        transaction = SignedTransaction.decode_trusted_leaf(leaf)
        place = rows.blocks.find_transaction(transaction.id)
        if place is None or (place.height, place.index, place.first_receipt) != (
            height, index, first,
        ):  # fmt: skip
            raise DatabaseDamaged(f"Transaction {index} of height {height} is not found by its id.")
        first += len(transaction.body.calls)
        commitments += [ref.commitment for ref in transaction.body.attachments]
    checked = rows.checked(height)
    explanations = (Receipt.decode_trusted(receipt).explanation for receipt in receipts)
    commitments += [digest for digest in explanations if digest is not None]
    counts.transactions += len(leaves)
    counts.receipts += len(receipts)
    for commitment in commitments:
        kept = rows.attachments.find(commitment)
        if kept is None and checked < Checked.REEXECUTED:
            counts.absent += 1  # it never came here: this office is not entitled to it
            continue
        if kept is None:
            raise DatabaseDamaged(f"An attachment of height {height} is missing.")
        if kept.content is None:
            counts.erased += 1
            continue
        counts.attachments += 1
        if commit(kept.blind, kept.content) != commitment:
            raise DatabaseDamaged(f"An attachment of height {height} is not what was written.")


def _as_damage(height: int, what: str, check: Callable[[], T]) -> T:
    """Run a check of the ledger; what it refuses in our own rows is damage."""
    try:
        return check()
    except LedgerError as error:
        raise DatabaseDamaged(f"The {what} of height {height} does not hold: {error}.") from error


def check_validators(rows: Rows, epoch: int, expected: ValidatorSet) -> None:
    """Raises ``DatabaseDamaged`` unless the stored set of an epoch is the expected one."""
    _, stored = rows.validators(epoch)
    if stored != expected:
        raise DatabaseDamaged(f"The validator set of epoch {epoch} is not the state's.")
