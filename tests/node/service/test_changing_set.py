"""The validator set changes under a running cluster: rotate, lose a key, remove, by real votes."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from consensus import Decided, Status
from contracts.organisations import validators
from node.execution.state import ReadState
from node.ledger import crypto
from node.ledger.receipt import Receipt
from node.ledger.transaction import SignedTransaction
from node.ordering import wire
from node.p2p.frames import FrameType
from node.p2p.payloads import ASK_MANIFEST, Ask, AskContent, decode_blocks
from node.service.keys import SAFETY, renew_safety
from node.service.node import Node
from tests.node import cluster as regions
from tests.node.cluster import Cluster, bureau, running_cluster, until
from tests.node.network import Client, open_folder, private
from tests.node.service.guests import Guest

Story = Callable[[Cluster, Client], Coroutine[None, None, None]]


def tell(folder: Path, story: Story, count: int = 4) -> None:
    async def run() -> None:
        async with running_cluster(folder, count) as cluster:
            await story(cluster, Client(cluster.genesis.chain))

    asyncio.run(run())


async def done(node: Node, transaction: SignedTransaction) -> dict[str, Any]:
    """Submit and wait; the answer of the first call, which must not be refused."""
    await node.submit(transaction.encode())
    assert await node.wait(transaction.id, 20)
    with node.reader.view() as view:
        place = view.find_transaction(transaction.id)
        assert place is not None
        receipt = Receipt.decode(view.receipts(place.height)[place.first_receipt])
    assert receipt.status == "ok", (receipt.code, receipt.values)
    return dict(receipt.answer)


def bureau_client(cluster: Cluster, number: int) -> Client:
    return Client(cluster.genesis.chain, bureau(number), f"bureau{number}")


async def call(
    cluster: Cluster, number: int, contract: str, method: str, args: dict[str, Any], by: int = 0
) -> dict[str, Any]:
    """A call of a bureau through the node of another."""
    signed = bureau_client(cluster, number).sign([(contract, method, args)])
    return await done(cluster.nodes[by], signed)


async def register(cluster: Cluster, number: int, name: str, by: int = 0) -> bytes:
    """The bureau registers another validate key."""
    key = private(name)
    public = crypto.public_key(key)
    proof = crypto.prove_possession(key, cluster.genesis.chain, bureau(number), ["validate"])
    args = {
        "organisation": bureau(number), "key": public, "purposes": ["validate"],
        "holder": "s:operator", "post": "operator", "proof": proof,
    }  # fmt: skip
    await call(cluster, number, "organisations", "add_key", args, by)
    return bytes(public)


async def vote_in(
    cluster: Cluster, number: int, key: bytes, voters: tuple[int, ...], by: int = 0
) -> None:
    """Votes first, then the attestation that the joining node itself made."""
    args = {"id": "v", "organisation": bureau(number), "key": key}
    await call(cluster, voters[0], "governance", "propose_validator", args, by)
    for voter in voters:
        ballot = {"id": "v", "approve": True}
        told = await call(cluster, voter, "governance", "vote", ballot, by)
    assert told["status"] == "approved"
    node = cluster.nodes[number]
    await until(lambda: node.head.height >= cluster.nodes[by].head.height)
    made = node.attestation()
    assert made is not None
    assert made["key"] == key
    parts = {name: made[name] for name in ("header", "certificate", "signature")}
    told = await call(cluster, number, "governance", "attest", {"id": "v", **parts}, by)
    assert told["status"] == "carried"


def seats(node: Node) -> dict[str, bytes]:
    return dict(validators(ReadState(node.chain.executor._state)))


def begin_beside(cluster: Cluster, number: int, name: str) -> None:
    """What ``--new-key`` does for ``node.next_key``."""
    ledger = open_folder(cluster.folder(number), cluster.genesis_bytes)
    try:
        renew_safety(
            cluster.folder(number), ledger.database, cluster.genesis.chain,
            crypto.public_key(private(name)), beside=True,
        )  # fmt: skip
    finally:
        ledger.database.close()


async def needed(cluster: Cluster, client: Client, number: int, without: int) -> None:
    """Without another one, the bureau's vote is needed for a block: it is given."""
    await cluster.stop(without)
    other = next(n for n in cluster.nodes if n != number)
    await done(cluster.nodes[other], client.enter(f"needed{number}", 1))


def test_a_key_is_rotated_without_a_stop(tmp_path: Path) -> None:
    async def story(cluster: Cluster, client: Client) -> None:
        await done(cluster.nodes[0], client.enter("a", 1))
        key = await register(cluster, 2, "fresh2")
        await cluster.stop(2)
        begin_beside(cluster, 2, "fresh2")
        node = await cluster.start(2, next_key="fresh2")
        await until(lambda: node.status().role == "validator")
        assert [one["state"] for one in node.status().details["keys"]] == ["votes", "waits"]
        await vote_in(cluster, 2, key, (0, 1, 3))
        await until(lambda: seats(node)[bureau(2)] == key)
        await needed(cluster, client, 2, without=3)
        assert [one["state"] for one in node.status().details["keys"]] == ["waits", "votes"]
        # After a restart with the new key alone its own record is found and binds it.
        height = node.head.height
        await cluster.stop(2)
        again = await cluster.start(2, key="fresh2")
        assert again._replica.state.record.epoch == 1
        await done(cluster.nodes[0], client.enter("c", 1))
        await cluster.agree(height + 1)

    tell(tmp_path, story)


def test_a_lost_record_burns_the_key_until_another_is_voted_in(tmp_path: Path) -> None:
    async def story(cluster: Cluster, client: Client) -> None:
        await done(cluster.nodes[0], client.enter("a", 1))
        await cluster.stop(2)
        (cluster.folder(2) / SAFETY).unlink()
        node = await cluster.start(2)
        await done(cluster.nodes[0], client.enter("b", 1))
        await until(lambda: node.head.height >= 2)
        assert not node._replica.situation().may_sign
        assert "key-burnt" in node.status().waiting_for
        assert node.attestation() is None, "a burnt key is never proposed again"
        # The operator makes a new key, registers it, begins its record, and votes decide.
        key = await register(cluster, 2, "fresh2")
        await cluster.stop(2)
        begin_beside(cluster, 2, "fresh2")
        node = await cluster.start(2, next_key="fresh2")
        assert [one["state"] for one in node.status().details["keys"]] == ["lost", "waits"]
        assert "another key is voted in" in node.status().waiting_for
        await vote_in(cluster, 2, key, (0, 1, 3))
        await until(lambda: seats(node)[bureau(2)] == key)
        assert "lost" not in node.status().waiting_for
        await needed(cluster, client, 2, without=3)

    tell(tmp_path, story)


def test_a_wiped_folder_comes_back_with_a_new_key(tmp_path: Path) -> None:
    async def story(cluster: Cluster, client: Client) -> None:
        await done(cluster.nodes[0], client.enter("a", 1))
        await cluster.stop(1)
        shutil.rmtree(cluster.folder(1))
        cluster.begin_key(1, key="fresh1")
        node = await cluster.start(1, key="fresh1")
        key = await register(cluster, 1, "fresh1")
        await vote_in(cluster, 1, key, (0, 2, 3))
        await until(lambda: seats(node)[bureau(1)] == key)
        await needed(cluster, client, 1, without=2)

    tell(tmp_path, story)


def test_one_of_five_is_removed_and_the_others_go_on(tmp_path: Path) -> None:
    async def story(cluster: Cluster, client: Client) -> None:
        await done(cluster.nodes[0], client.enter("a", 1))
        args = {"id": "v", "organisation": bureau(4)}
        await call(cluster, 0, "governance", "propose_validator_removal", args)
        for voter in (0, 1, 2, 4):
            ballot = {"id": "v", "approve": True}
            told = await call(cluster, voter, "governance", "vote", ballot)
        assert told["status"] == "carried"
        await until(lambda: all(bureau(4) not in seats(node) for node in cluster.nodes.values()))
        # Four with a quorum of three: one may be lost, whoever was the primary.
        await cluster.stop(cluster.primary())
        by = next(n for n in cluster.nodes if n != 4)
        await done(cluster.nodes[by], client.enter("b", 1))
        assert cluster.nodes[by].status().details["validators"] == 4

    tell(tmp_path, story, 5)


async def remove_while_away(cluster: Cluster, client: Client, number: int) -> int:
    """The others vote a member out that is down, and go on; the height at which its seat ended."""
    await done(cluster.nodes[0], client.enter("a", 1))
    await cluster.agree(1)
    await cluster.stop(number)
    args = {"id": "v", "organisation": bureau(number)}
    await call(cluster, 0, "governance", "propose_validator_removal", args)
    for voter in cluster.nodes:
        told = await call(cluster, voter, "governance", "vote", {"id": "v", "approve": True})
    assert told["status"] == "carried"
    removal = cluster.nodes[0].head.height
    for later in range(3):
        await done(cluster.nodes[0], client.enter("later", later))
    return removal


@pytest.mark.parametrize("city", [True, False])
def test_who_was_removed_while_away_learns_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, city: bool
) -> None:
    """Up to the block that took its seat every block is owed to it, whatever its office entitles it
    to from there on: a city's bureau to nothing."""
    if city:
        monkeypatch.setattr(regions, "REGIONS", (*regions.REGIONS[:4], "500100"))

    async def story(cluster: Cluster, client: Client) -> None:
        removal = await remove_while_away(cluster, client, 4)
        await cluster.start(4)
        node = cluster.nodes[4]
        await until(lambda: bureau(4) not in seats(node))
        assert node.status().role == "follower"
        if not city:
            await until(lambda: node.head.height == cluster.nodes[0].head.height)
            return
        assert node.network is not None
        await until(lambda: not node.network.exchange.peers.connected())
        await done(cluster.nodes[0], client.enter("after", 1))
        told = node.status()
        assert node.head.height == removal
        assert not told.ready
        assert "has no seat, and" in told.waiting_for

    tell(tmp_path, story, 5)


def test_who_was_removed_gets_nothing_that_came_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(regions, "REGIONS", (*regions.REGIONS[:4], "500100"))

    async def story(cluster: Cluster, client: Client) -> None:
        removal = await remove_while_away(cluster, client, 4)
        head = cluster.nodes[0].head
        guest = Guest(cluster, bureau(4), "transport4")
        try:
            await until(lambda: guest.connected)
            guest.send(FrameType.ASK, Ask(removal - 1, head.height).encode())
            await until(lambda: bool(guest.of(FrameType.BLOCKS)))
            assert len(decode_blocks(guest.of(FrameType.BLOCKS)[0])) == 2
            guest.send(FrameType.ASK, Ask(removal + 1, head.height).encode())
            await until(lambda: len(guest.of(FrameType.REFUSED)) == 1)
            wanted = AskContent(head.height, head.block_hash)
            guest.send(FrameType.ASK_CONTENT, wanted.encode())
            await until(lambda: len(guest.of(FrameType.REFUSED)) == 2)
            guest.send(FrameType.ASK_MANIFEST, ASK_MANIFEST)
            await until(lambda: len(guest.of(FrameType.REFUSED)) == 3)
            told = [*guest.of(FrameType.STATUS), *guest.of(FrameType.CHANGE)]
            heights = [
                message.height if isinstance(message, Status) else message.block.height
                for message in map(wire.decode_message, told)
                if isinstance(message, Status | Decided)
            ]
            assert set(heights) == {removal}
            status = Status(0, 0, removal, 0, True, False, 0, 0, 0)
            guest.send(FrameType.STATUS, wire.encode_message(status))
            await until(lambda: not guest.connected)
            network = cluster.nodes[0].network
            assert network is not None
            assert network.guest_pin(bureau(4)) is None, "once it has learned of it"
        finally:
            await guest.peers.stop()

    tell(tmp_path, story, 5)


def test_the_primary_is_lost_at_the_boundary_of_epochs(tmp_path: Path) -> None:
    """The first view of the new epoch has a primary that is down: a view change begins on the
    block that ended the epoch before, certified by the set before."""

    async def story(cluster: Cluster, client: Client) -> None:
        key = await register(cluster, 2, "fresh2")
        await cluster.stop(2)
        begin_beside(cluster, 2, "fresh2")
        await cluster.start(2, next_key="fresh2")
        await vote_in(cluster, 2, key, (0, 1, 3))
        await until(lambda: all(seats(node)[bureau(2)] == key for node in cluster.nodes.values()))
        first = cluster.nodes[0]._replica.situation()
        assert (first.epoch, first.view) == (1, 0)
        await cluster.stop(seat_number(cluster, bytes(first.primary)))
        left = next(iter(cluster.nodes))
        await done(cluster.nodes[left], client.enter("b", 1))
        assert cluster.nodes[left]._replica.situation().view >= 1
        await cluster.agree(cluster.nodes[left].head.height)

    tell(tmp_path, story)


def seat_number(cluster: Cluster, key: bytes) -> int:
    for organisation, seat in seats(next(iter(cluster.nodes.values()))).items():
        if seat == key:
            return next(n for n in range(cluster.count) if bureau(n) == organisation)
    raise AssertionError("the primary has a seat")
