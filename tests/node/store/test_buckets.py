"""A database made with one ``store.tree_depth`` opens with another, and stays checkable."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from node.service.opening import open_database
from node.store import keys
from node.store.database import Database
from node.store.errors import DatabaseDamaged
from node.store.leveldb import LevelStore
from tests.node.network import OPEN, open_folder, runtime
from tests.node.store.sim_kv import SimKV
from tests.node.store.test_damage import GENESIS, GENESIS_BYTES, write_chain


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> dict[bytes, bytes]:
    folder = tmp_path_factory.mktemp("chain")
    asyncio.run(write_chain(folder, 8))
    store = LevelStore(folder / "ledger.db")
    found = dict(store.iterate(b"", b"\xff"))
    store.close()
    return found


def reopened(kv: SimKV, depth: int) -> bytes:
    """Open at a depth; the state root, which the tree and the head agree on."""
    database = Database(kv, diff_heights=OPEN.diff_heights)
    options = replace(OPEN, tree_depth=depth)
    ledger = open_database(database, GENESIS, GENESIS_BYTES, runtime().registry, options)
    assert database.tree_depth() == depth
    assert ledger.tree.root == ledger.parent.header.state_root
    return ledger.tree.root


@pytest.mark.parametrize("depth", [0, 1, 3, 5, 9, 18])
def test_another_depth_keeps_the_root_and_the_way_back_keeps_every_row(
    rows: dict[bytes, bytes], depth: int
) -> None:
    kv = SimKV(dict(rows))
    there = reopened(kv, depth)
    again = SimKV(kv.rows())
    assert reopened(again, depth) == there
    assert again.rows() == kv.rows(), "a second start at the same depth changes nothing"
    assert reopened(again, OPEN.tree_depth) == there
    assert again.rows() == rows


def test_a_state_that_is_damaged_is_not_given_new_roots(rows: dict[bytes, bytes]) -> None:
    gone = next(key for key in rows if key[:1] == keys.STATE)
    damaged = {key: value for key, value in rows.items() if key != gone}
    kv = SimKV(dict(damaged))
    with pytest.raises(DatabaseDamaged, match="The state gives root"):
        reopened(kv, OPEN.tree_depth + 2)
    assert kv.rows() == damaged


def test_the_chain_goes_on_at_the_new_depth(tmp_path: Path) -> None:
    first = asyncio.run(write_chain(tmp_path, 3))
    deeper = replace(OPEN, tree_depth=7)
    ledger = open_folder(tmp_path, GENESIS_BYTES, deeper)
    assert (ledger.parent.header.height, ledger.tree.root) == first
    ledger.database.close()
    second = asyncio.run(write_chain(tmp_path, 2))
    assert second[0] > first[0]
