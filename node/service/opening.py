"""Opening a node's data: the database with all checks, block 0, the safety record.

Everything that is wrong is refused here, before anything is served: with which file it is about,
what does not fit, and what to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from consensus import Block, SafetyRecord, Start
from contracts.registry import Registry
from node import indexer, worklists
from node.execution.blocks import Parent, validator_set
from node.execution.genesis import make_genesis
from node.execution.state import CACHE_BYTES as STATE_CACHE_BYTES
from node.execution.state import CommittedState
from node.ledger.block import Certificate, Header, ValidatorSet
from node.ledger.errors import InvalidGenesis
from node.ledger.genesis import Genesis
from node.ledger.state_tree import CACHE_BYTES, StateTree
from node.ledger.types import Digest
from node.ordering.wal import SafetyDisk
from node.ordering.wire import (
    from_ledger_certificate,
    to_core_block,
    to_core_validators,
)
from node.service.keys import ValidateKeys
from node.store import checks
from node.store.buckets import fit_depth
from node.store.database import Database, HeightParts, StoredHead
from node.store.errors import DatabaseDamaged
from node.store.index import MADE_BY, RULES
from node.store.leveldb import WRITE_BUFFER_BYTES
from node.store.staging import check_base, sweep
from node.store.work import MADE as WORK_MADE
from node.store.work import WHOLE as WORK_WHOLE

DATABASE = "ledger.db"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOptions:
    """How the database is opened; see ``node.config.StoreConfig``."""

    diff_heights: int
    check_heights: int
    tree_depth: int
    index: bool
    begin: bool = True
    """Whether an empty database is begun with block 0; else it is refused as damaged."""
    tree_cache_bytes: int = CACHE_BYTES
    state_cache_bytes: int = STATE_CACHE_BYTES
    write_buffer_bytes: int = WRITE_BUFFER_BYTES


@dataclass(frozen=True, slots=True)
class OpenedLedger:
    """A database that holds what it says, and what stands on it."""

    genesis: Genesis
    database: Database
    state: CommittedState
    tree: StateTree
    parent: Parent
    """The committed head, on which the next block stands."""


def open_ledger(
    folder: Path, genesis_bytes: bytes, registry: Registry, options: OpenOptions
) -> OpenedLedger:
    """Open, check and if need be begin. Raises the errors of ``node.store.errors``,
    ``InvalidGenesis``."""
    genesis = Genesis.parse(genesis_bytes)
    database = Database.open(
        folder / DATABASE, diff_heights=options.diff_heights,
        write_buffer_bytes=options.write_buffer_bytes,
    )  # fmt: skip
    try:
        return open_database(database, genesis, genesis_bytes, registry, options)
    except BaseException:
        database.close()
        raise


def open_database(
    database: Database,
    genesis: Genesis,
    genesis_bytes: bytes,
    registry: Registry,
    options: OpenOptions,
) -> OpenedLedger:
    """The same over a database that is open already."""
    database.check_owner(genesis.chain)
    sweep(database)
    check_base(database)
    head = checks.check_heights(database)
    if head is None:
        if not options.begin:
            raise DatabaseDamaged("There are no blocks.")
        head = _begin(database, genesis, genesis_bytes, registry, options)
    _check_genesis(database, genesis, genesis_bytes)
    checks.check_origin(database, genesis, head)
    checks.check_blocks(database, head, options.check_heights)
    fit_depth(database, options.tree_depth, head)
    tree = checks.load_tree(
        database, options.tree_depth, head, cache_bytes=options.tree_cache_bytes
    )
    checks.check_state(database, options.tree_depth)
    data = database.blocks.header(head.height)
    if data is None:
        raise DatabaseDamaged(f"The header of height {head.height} is missing.")
    header = Header.decode(data)
    state = CommittedState(database.state, cache_bytes=options.state_cache_bytes)
    epoch = header.epoch + (1 if header.is_epoch_final else 0)
    checks.check_validators(database, epoch, validator_set(state))
    if options.index:
        begun = database.index.digest(head.height) is not None
        if not begun or not database.index.is_current():
            indexer.rebuild(database.kv, database, head.height)
        if not begun or not database.work.is_whole():
            worklists.rebuild(database.kv, database)
    return OpenedLedger(genesis, database, state, tree, Parent(header, Digest(head.block_hash)))


def _check_genesis(database: Database, genesis: Genesis, genesis_bytes: bytes) -> None:
    """The stored genesis file is of this chain, so that it can be shown for what it is."""
    data = database.genesis_file()
    if data == genesis_bytes:
        return  # parsed already: every key's possession is checked, seconds for a thousand
    try:
        stored = Genesis.parse(data)
    except InvalidGenesis as error:
        raise DatabaseDamaged(f"The stored genesis file does not hold: {error}.") from error
    if stored.chain != genesis.chain:
        raise DatabaseDamaged("The stored genesis file is of another chain.")


def _begin(
    database: Database,
    genesis: Genesis,
    genesis_bytes: bytes,
    registry: Registry,
    options: OpenOptions,
) -> StoredHead:
    """Write block 0."""
    empty = StateTree(options.tree_depth, lambda number: ())
    made = make_genesis(genesis, registry, empty)
    parts = HeightParts(
        header=made.header,
        header_bytes=made.header.encode(),
        block_hash=made.header.hash,
        leaves=(),
        tx_ids=(),
        first_receipts=(),
        receipts=(),
        certificate=None,
        writes=made.writes,
        diff=made.diff,
        attachments=(),
        buckets=made.overlay.bucket_roots(),
        index_rows=_index_rows(made.writes) if options.index else (),
        next_validators=genesis.validators,
    )
    database.begin(genesis.chain, genesis_bytes, parts)
    head = database.head()
    assert head is not None, "block 0 was just written"
    return head


def _index_rows(writes: Mapping[str, bytes | None]) -> list[tuple[bytes, bytes | None]]:
    """The index of block 0; nothing waits yet, so of the work lists it has the institutions."""
    listed = worklists.changes(writes, lambda _key: None)
    return [*indexer.index_rows(0, (), ()), *listed, (WORK_WHOLE, WORK_MADE), (MADE_BY, RULES)]


def start_event(
    database: Database, epoch: int, validators: ValidatorSet, record: SafetyRecord | None
) -> Start:
    """What the consensus core begins with: the head and its certificate, the set of the height
    above it, and the safety record."""
    head = database.head()
    assert head is not None, "the database was opened"
    first, _ = database.validators(epoch)
    data = database.blocks.certificate(head.height)
    return Start(
        head=_core_block(database, head.height),
        head_certificate=None
        if data is None
        else from_ledger_certificate(Certificate.decode(data)),
        validators=to_core_validators(epoch, validators),
        epoch_base=_core_block(database, first - 1),
        record=record,
    )


def _core_block(database: Database, height: int) -> Block:
    data = database.blocks.header(height)
    assert data is not None, "every height up to the head was checked"
    return to_core_block(Header.decode(data))


class NodeRefused(Exception):  # noqa: N818  (says what happened)
    """The node cannot take part in this network as it is configured or built."""


def open_record(
    keys: ValidateKeys,
    folder: Path,
    chain: bytes,
    database: Database,
    validators: ValidatorSet,
    disk: SafetyDisk,
) -> tuple[SafetyRecord | None, list[str]]:
    """The safety record of the key that has the seat, and why keys cannot be used. Raises
    ``SafetyLost``, ``DatabaseDamaged``."""
    head = database.head()
    assert head is not None, "the database was opened"
    alone = validators.size == 1
    lost = keys.open(folder, chain, head.height, disk, alone=alone)
    record = keys.record(validators)
    if alone and record is not None:
        check_tail(database, head, record)
    return record, lost


def check_tail(database: Database, head: StoredHead, record: SafetyRecord) -> None:
    """Raises ``DatabaseDamaged`` when the safety record knows of more than the database has.

    A log that was cut short opens without an error; its lost blocks are remembered here. Only for
    a chain of one validator: where there are peers, the missing blocks come from them.
    """
    if record.commit_floor > head.height:
        raise DatabaseDamaged(
            f"The database ends at height {head.height}, but height {record.commit_floor} was "
            "committed: its newest blocks are lost."
        )
    vote = record.vote
    if vote is None or vote.block.height <= head.height:
        return
    if database.blocks.proposal(vote.block.height, vote.block.id) is None:
        raise DatabaseDamaged(
            f"safety.dat holds a vote for a block at height {vote.block.height} whose content the "
            "database does not have: its newest rows are lost."
        )
