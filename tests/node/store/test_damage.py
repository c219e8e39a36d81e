"""Damage to a database is refused, or harmless; a node that comes up is never silently wrong.

Row by row on the in-memory twin: each row of a real chain is taken away and changed. File by file
on LevelDB: logs cut short, zeroed, flipped, deleted (the matrix of STORAGE.md section 1, where
LevelDB itself opens silently in several cases). What is allowed is refusal, or a node that ends
up at the very head that was answered before.
"""

from __future__ import annotations

import asyncio
import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from node import indexer, worklists
from node.indexer import verify_index
from node.ledger import crypto
from node.ledger.block import Validator, ValidatorSet
from node.ledger.codec import encode
from node.ledger.genesis import Genesis
from node.ledger.types import Key
from node.ordering.wal import SafetyLost
from node.service.opening import open_database
from node.service.verifying import verify
from node.store import keys
from node.store.database import Database
from node.store.errors import DatabaseDamaged, DatabaseForeign
from node.store.index import Subject
from node.store.leveldb import LevelStore
from tests.node.network import (
    BUREAU,
    OPEN,
    Client,
    make_genesis,
    make_node,
    open_folder,
    private,
    running,
    runtime,
)
from tests.node.store.sim_kv import SimKV

GENESIS, GENESIS_BYTES = make_genesis()
CLIENT = Client(GENESIS.chain)
UNCHECKED = {keys.QUARANTINE[0]}
"""Kinds of rows that are advice and not part of the chain."""

Head = tuple[int, bytes]


async def write_chain(folder: Path, blocks: int) -> Head:
    """A chain of blocks with one to three calls each."""
    async with running(folder, GENESIS_BYTES) as node:
        for number in range(blocks):
            calls = [("book", "enter", {"key": f"k{number % 3}", "amount_fen": number})]
            calls += [("book", "drop", {"key": "k0"}), ("book", "none", {})][: number % 3]
            transaction = CLIENT.sign(calls, notes={0: {"number": number, "text": "x" * 200}})
            await node.submit(transaction.encode())
            assert await node.wait(transaction.id, 30)
        return node.head.height, node.head.state_root


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Head]:
    folder = tmp_path_factory.mktemp("chain")
    return folder, asyncio.run(write_chain(folder, 12))


@pytest.fixture(scope="module")
def rows(chain: tuple[Path, Head], tmp_path_factory: pytest.TempPathFactory) -> dict[bytes, bytes]:
    copy = tmp_path_factory.mktemp("rows") / "chain"
    shutil.copytree(chain[0], copy)  # opening turns the log into a table
    store = LevelStore(copy / "ledger.db")
    found = dict(store.iterate(b"", b"\xff"))
    store.close()
    return found


def check_all(rows: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """Everything that ``python -m node --verify`` checks; the rows afterwards."""
    kv = SimKV(rows)
    database = Database(kv, diff_heights=OPEN.diff_heights)
    ledger = open_database(database, GENESIS, GENESIS_BYTES, runtime().registry, OPEN)
    verify_index(database, ledger.parent.header.height)
    worklists.verify(database)
    return kv.rows()


def is_noticed(damaged: dict[bytes, bytes], whole: dict[bytes, bytes]) -> bool:
    """Refused, or mended: an index without its newest height is built again from the chain."""
    try:
        return check_all(damaged) == whole
    except (DatabaseDamaged, DatabaseForeign):
        return True


def test_the_untouched_rows_pass(rows: dict[bytes, bytes]) -> None:
    assert check_all(rows) == rows


def test_each_missing_row_is_noticed(rows: dict[bytes, bytes]) -> None:
    for key in rows:
        if key[0] in UNCHECKED:
            continue
        damaged = {k: v for k, v in rows.items() if k != key}
        assert is_noticed(damaged, rows), key


def test_each_changed_row_is_noticed(rows: dict[bytes, bytes]) -> None:
    chance = random.Random(1)
    for key, value in rows.items():
        if key[0] in UNCHECKED or not value:
            continue
        place, bit = chance.randrange(len(value)), 1 << chance.randrange(8)
        changed = value[:place] + bytes([value[place] ^ bit]) + value[place + 1 :]
        assert is_noticed({**rows, key: changed}, rows), (key, place)


def test_invented_rows_are_noticed(rows: dict[bytes, bytes]) -> None:
    height = max(keys.height_of(key) for key in rows if key[:1] == keys.HEADER)
    for key in (
        keys.at_height(keys.HEADER, height + 1), keys.at_height(keys.HEADER, height + 5),
        keys.expiry(1, bytes(32)), keys.STATE + bytes(32), keys.bucket(3),
    ):  # fmt: skip
        if key not in rows:
            with pytest.raises(DatabaseDamaged):
                check_all({**rows, key: b"\x01" + bytes(32)})


def test_rows_that_nobody_wrote_are_noticed(chain: tuple[Path, Head], tmp_path: Path) -> None:
    """They hang on no block: an index row shows a call where it does not belong, a transaction's
    row leads from another id to it."""
    row = indexer.prefix_of(Subject.CLAIM.value, "another") + bytes(11) + b"\x01"
    place = keys.pack_transaction(1, 0, 0)
    for number, (key, value, told) in enumerate(
        (
            (row, bytes(36), "the index. Blocks and state hold"),
            (keys.TRANSACTION + bytes(32), place, "the table of transactions"),
            (keys.NUMBER + bytes(32), keys.pack_height(1), "the table of block hashes"),
            (keys.epoch(1), encode([5, GENESIS.validators.fields()]), "end of the epoch"),
        )
    ):
        folder = tmp_path / str(number)
        shutil.copytree(chain[0], folder)
        verify_folder(folder)
        store = LevelStore(folder / "ledger.db")
        store.write([(key, value)], sync=True)
        store.close()
        with pytest.raises(DatabaseDamaged, match=told):
            verify_folder(folder)


def verify_folder(folder: Path) -> dict[str, Any]:
    registry = runtime().registry
    return verify(folder, GENESIS_BYTES, registry, OPEN, organisation=BUREAU, tell=lambda *_: None)


def test_verifying_tells_what_was_compared(chain: tuple[Path, Head], tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(chain[0], folder)
    told: list[tuple[str, int, int]] = []
    registry = runtime().registry
    found = verify(
        folder, GENESIS_BYTES, registry, OPEN,
        organisation=BUREAU, tell=lambda *at: told.append(at),
    )  # fmt: skip
    height, root = chain[1]
    assert {stage for stage, _, _ in told} == {"blocks", "index"}
    assert all(newest == height for _, _, newest in told)
    counted = {name: found[name] for name in ("transactions", "receipts", "erased", "absent")}
    assert counted == {"transactions": 12, "receipts": 24, "erased": 0, "absent": 0}
    assert (found["height"], found["state_root"], found["chain"]) == (height, root, GENESIS.chain)


def test_verifying_mends_nothing(chain: tuple[Path, Head], tmp_path: Path) -> None:
    """A start would build the index again; whoever verifies is told that it is missing."""
    folder = tmp_path / "copy"
    shutil.copytree(chain[0], folder)
    store = LevelStore(folder / "ledger.db")
    store.write([(keys.at_height(keys.INDEX_DIGEST, chain[1][0]), None)], sync=True)
    store.close()
    with pytest.raises(DatabaseDamaged, match="index of height 12 is missing"):
        verify_folder(folder)
    open_folder(folder, GENESIS_BYTES).database.close()
    verify_folder(folder)


def test_an_emptied_database_is_not_begun_anew(chain: tuple[Path, Head], tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(chain[0], folder)
    newest_log(folder).unlink()
    with pytest.raises(DatabaseDamaged, match="no blocks"):
        verify_folder(folder)


def test_a_chain_of_other_validators_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody makes a chain for the genuine genesis file with a key of their own: each part of
    it fits the others, and no signature is one of the founders'."""
    seat = GENESIS.validators.validators[0]
    other = Validator(seat.organisation, Key(crypto.public_key(private("mallory"))))
    forged = replace(GENESIS, validators=ValidatorSet((other,)))

    async def write() -> None:
        async with running(tmp_path, GENESIS_BYTES, key="mallory") as node:
            transaction = CLIENT.enter("k", 1)
            await node.submit(transaction.encode())
            assert await node.wait(transaction.id, 30)

    with monkeypatch.context() as patched:
        patched.setattr(Genesis, "parse", staticmethod(lambda _data: forged))
        asyncio.run(write())
    for look in (lambda: verify_folder(tmp_path), lambda: open_folder(tmp_path, GENESIS_BYTES)):
        with pytest.raises(DatabaseDamaged, match="Block 0 is not the one of the genesis file"):
            look()


def test_the_message_says_what_to_do(rows: dict[bytes, bytes]) -> None:
    damaged = {k: v for k, v in rows.items() if k != keys.at_height(keys.RECEIPTS, 3)}
    with pytest.raises(DatabaseDamaged) as refusal:
        check_all(damaged)
    assert "receipts of height 3" in str(refusal.value)
    assert "restore the latest backup" in str(refusal.value)


def test_another_chain_is_refused(rows: dict[bytes, bytes]) -> None:
    database = Database(SimKV(rows), diff_heights=5)
    with pytest.raises(DatabaseForeign, match="genesis file is of chain"):
        database.check_owner(bytes(32))


async def come_up(folder: Path) -> Head:
    """Start a node and let it finish what it had voted for."""
    ledger = open_folder(folder, GENESIS_BYTES)
    node = make_node(folder, ledger)
    try:
        await node.start()
        await node.settle()
        return node.head.height, node.head.state_root
    finally:
        await node.stop()


def outcome(folder: Path) -> Head | None:
    """The head that a node comes up with, None when it refuses."""
    try:
        return asyncio.run(come_up(folder))
    except (DatabaseDamaged, SafetyLost):
        return None


def newest_log(folder: Path) -> Path:
    return max((folder / "ledger.db").glob("*.log"))


def damages(size: int) -> list[tuple[str, int]]:
    chance = random.Random(7)
    cut = [("cut", size - n) for n in (1, 2, 7, 8, 30)]
    cut += [("cut", chance.randrange(size)) for _ in range(25)]
    flip = [("flip", chance.randrange(size)) for _ in range(25)]
    zero = [("zero", start) for start in range(0, size, max(4096, size // 12))]
    return [*cut, *flip, *zero, ("append", 500), ("delete", 0)]


def damage(path: Path, kind: str, at: int) -> None:
    data = bytearray(path.read_bytes())
    if kind == "delete":
        path.unlink()
        return
    if kind == "cut":
        del data[at:]
    elif kind == "flip":
        data[at] ^= 0x10
    elif kind == "zero":
        data[at : at + 4096] = bytes(len(data[at : at + 4096]))
    else:
        data += bytes(at)
    path.write_bytes(bytes(data))


def test_damaged_logs_are_refused_or_harmless(chain: tuple[Path, Head], tmp_path: Path) -> None:
    folder, head = chain
    size = newest_log(folder).stat().st_size
    refused = 0
    for number, (kind, at) in enumerate(damages(size)):
        copy = tmp_path / str(number)
        shutil.copytree(folder, copy)
        damage(newest_log(copy), kind, at)
        found = outcome(copy)
        assert found in (None, head), f"{kind} at {at} of {size}: silently wrong"
        refused += found is None
        shutil.rmtree(copy)
    assert refused > 40, "a matrix that harms nothing tests nothing"


def test_a_lost_last_commit_is_made_again(chain: tuple[Path, Head], tmp_path: Path) -> None:
    """The tail of the log is cut: the block is on disk since its vote, and it is the same one."""
    copy = tmp_path / "copy"
    shutil.copytree(chain[0], copy)
    log = newest_log(copy)
    damage(log, "cut", log.stat().st_size - 1)
    ledger = open_folder(copy, GENESIS_BYTES)
    assert ledger.parent.header.height == chain[1][0] - 1, "LevelDB lost the last batch silently"
    ledger.database.close()
    assert outcome(copy) == chain[1]


def test_without_the_safety_record_the_key_is_burnt(
    chain: tuple[Path, Head], tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(chain[0], copy)
    (copy / "safety.dat").unlink()
    with pytest.raises(SafetyLost, match="must not sign again"):
        asyncio.run(come_up(copy))


def test_damaged_tables_are_refused_or_harmless(chain: tuple[Path, Head], tmp_path: Path) -> None:
    """Opening turns the log into a table; then table files are flipped."""
    folder, head = chain
    base = tmp_path / "base"
    shutil.copytree(folder, base)
    assert outcome(base) == head
    chance = random.Random(3)
    tables = sorted((base / "ledger.db").glob("*.ldb"))
    assert tables
    refused = 0
    for number in range(24):
        copy = tmp_path / str(number)
        shutil.copytree(base, copy)
        table = copy / "ledger.db" / chance.choice(tables).name
        damage(table, "flip" if number else "delete", chance.randrange(table.stat().st_size))
        found = outcome(copy)
        assert found in (None, head), f"case {number}: silently wrong"
        refused += found is None
    assert refused > 12
