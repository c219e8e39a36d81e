"""The validator set changes: a rotated key, a second member, a key that must not begin anew."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from node.ledger import crypto
from node.ledger.block import Certificate, Header
from node.ledger.errors import Unavailable
from node.ordering.wal import SafetyError, SafetyFile, SafetyLost
from node.service.keys import SAFETY, renew_safety
from node.service.node import Node
from node.service.opening import NodeRefused
from node.store.checks import check_blocks
from tests.node.network import BUREAU, Client, make_genesis, make_node, open_folder, private

GENESIS, GENESIS_BYTES = make_genesis()
CLIENT = Client(GENESIS.chain)


async def started(folder: Path, key: str = "validate") -> Node:
    node = make_node(folder, open_folder(folder, GENESIS_BYTES), key=key)
    try:
        await node.start()
    except BaseException:
        await node.stop()
        raise
    return node


async def seat(node: Node, *members: str) -> None:
    transaction = CLIENT.sign([("book", "seat", {"members": list(members)})])
    await node.submit(transaction.encode())
    assert await node.wait(transaction.id, 30)
    await node.settle()


def new_key(folder: Path, name: str) -> None:
    ledger = open_folder(folder, GENESIS_BYTES)
    try:
        renew_safety(folder, ledger.database, GENESIS.chain, crypto.public_key(private(name)))
    finally:
        ledger.database.close()


def test_a_rotated_key_goes_on_where_the_old_one_ended(tmp_path: Path) -> None:
    async def old_key() -> None:
        node = await started(tmp_path)
        await seat(node, f"{BUREAU}=second")
        with node.reader.view() as view:
            assert Header.decode(view.header(1) or b"").is_epoch_final
        with pytest.raises(Unavailable, match=r"node\.orders-nothing"):
            await node.submit(CLIENT.enter("a", 1).encode())
        await node.settle()
        assert node.head.height == 1, "the old key orders nothing any more"
        assert node.status().role == "follower"
        await node.stop()

    async def second_key() -> None:
        node = await started(tmp_path, "second")
        transaction = CLIENT.enter("a", 5)
        await node.submit(transaction.encode())
        assert await node.wait(transaction.id, 30)
        with node.reader.view() as view:
            header = Header.decode(view.header(2) or b"")
            assert header.epoch == 1
            _, validators = node.chain.database.validators(1)
            Certificate.decode(view.certificate(2) or b"").verify_header(header, validators)
            (end,) = view.epoch_ends(2)
            assert end.header == view.header(1)
            assert end.validators == validators
        await node.stop()

    asyncio.run(old_key())
    with pytest.raises(SafetyLost):
        asyncio.run(started(tmp_path, "second"))
    new_key(tmp_path, "second")
    assert (tmp_path / f"{SAFETY}.old1").exists()
    asyncio.run(second_key())
    database = open_folder(tmp_path, GENESIS_BYTES).database
    head = database.head()
    assert head is not None
    check_blocks(database, head, 3)
    database.close()


def test_a_key_that_may_have_signed_does_not_begin_anew(tmp_path: Path) -> None:
    async def story() -> None:
        node = await started(tmp_path)
        await seat(node, f"{BUREAU}=validate")  # the same set: no new epoch
        await node.stop()

    asyncio.run(story())
    with pytest.raises(SafetyError, match="may have signed"):
        new_key(tmp_path, "validate")
    (tmp_path / SAFETY).unlink()
    with pytest.raises(SafetyError, match="may have signed"):
        new_key(tmp_path, "validate")


def test_a_record_of_the_same_key_stays(tmp_path: Path) -> None:
    open_folder(tmp_path, GENESIS_BYTES).database.close()
    binding = GENESIS.chain + crypto.public_key(private("fresh"))
    SafetyFile.create(tmp_path / SAFETY, binding, b"\x90").close()
    with pytest.raises(SafetyError, match="it stays"):
        new_key(tmp_path, "fresh")


def test_a_second_member_needs_a_network(tmp_path: Path) -> None:
    async def story() -> None:
        node = await started(tmp_path)
        await seat(node, f"{BUREAU}=validate", "bureau:440000=other")
        status = node.status()
        assert not status.ready
        assert "no-network" in status.waiting_for
        await node.stop()

    asyncio.run(story())
    with pytest.raises(NodeRefused, match="2 members"):
        asyncio.run(started(tmp_path))
