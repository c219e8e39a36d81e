"""Nodes without a seat: they follow with as much as their office entitles them to, and no more."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path

import pytest

from consensus import BlockId
from node.execution.blocks import BlockResult
from node.ledger.block import Certificate
from node.ledger.errors import InvalidTransaction
from node.ledger.types import Checked
from node.p2p.payloads import Share
from tests.node.cluster import AUDITOR, Cluster, bureau, running_cluster, until
from tests.node.network import OPEN, Client
from tests.node.service.test_cluster import done, has

Story = Callable[[Cluster, Client], Coroutine[None, None, None]]
REGULATOR = "regulator:430000"
PROVINCE = "bureau:540000"
CITY = "bureau:540100"


def tell(folder: Path, story: Story, count: int = 4) -> None:
    async def run() -> None:
        async with running_cluster(folder, count) as cluster:
            await story(cluster, Client(cluster.genesis.chain))

    asyncio.run(run())


def test_a_national_auditor_executes_every_block_again(tmp_path: Path) -> None:
    async def story(cluster: Cluster, client: Client) -> None:
        await done(cluster.nodes[0], client.enter("a", 1))
        node = await cluster.follow(AUDITOR)
        second = client.enter("b", 2)
        await done(cluster.nodes[1], second)
        await until(lambda: has(node, second))
        await cluster.agree(node.head.height)
        assert node.status().role == "follower"
        database = node.chain.database
        for height in range(1, node.head.height + 1):
            assert database.checked(height) is Checked.REEXECUTED
            assert database.attachments.of_height(height)

    tell(tmp_path, story)


def test_who_may_not_see_attachments_follows_by_state_diffs(tmp_path: Path) -> None:
    async def story(cluster: Cluster, client: Client) -> None:
        await done(cluster.nodes[0], client.enter("a", 1))
        nodes = [await cluster.follow(REGULATOR), await cluster.follow(PROVINCE)]
        last = client.enter("b", 2)
        await done(cluster.nodes[1], last)
        for node in nodes:
            await until(lambda node=node: has(node, last))  # type: ignore[misc]
            database = node.chain.database
            for height in range(1, node.head.height + 1):
                assert database.checked(height) is Checked.DIFF
                assert not database.attachments.of_height(height)
        await cluster.agree(nodes[0].head.height)

    tell(tmp_path, story)


def test_a_follower_passes_transactions_on(tmp_path: Path) -> None:
    async def story(cluster: Cluster, client: Client) -> None:
        node = await cluster.follow(REGULATOR)
        transaction = client.enter("a", 1)
        await done(node, transaction)
        await until(lambda: all(has(one, transaction) for one in cluster.nodes.values()))
        with node.reader.view() as view:
            assert view.state("book/a") == {"total_fen": 1}
            proof = view.prove_state("book/a")
        assert proof

    tell(tmp_path, story)


@pytest.mark.parametrize("known", [False, True], ids=["unknown", "waiting"])
def test_what_is_written_and_not_yet_published_is_not_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    """A block is on the disk a moment before its readers see it. The state knows its transactions
    as executed then: whoever hands one in again, or waits for it, is told that it is committed."""
    # So that the state is read from the disk, and not as it was when the transaction came.
    monkeypatch.setattr("tests.node.cluster.OPEN", replace(OPEN, state_cache_bytes=0))

    async def story(cluster: Cluster, client: Client) -> None:
        node = await cluster.follow(REGULATOR)
        await done(node, client.enter("a", 1))
        written, shown = threading.Event(), threading.Event()
        right = node.chain.commit

        def commit(block: BlockId, certificate: Certificate) -> BlockResult:
            result = right(block, certificate)
            written.set()
            assert shown.wait(20)
            return result

        monkeypatch.setattr(node.chain, "commit", commit)
        transaction = client.enter("b", 2)
        first = asyncio.create_task(node.wait(transaction.id, 20))
        try:
            await (node if known else cluster.nodes[0]).submit(transaction.encode())
            await until(written.is_set)
            assert (transaction.id in node._pool) is known
            assert not has(node, transaction)
            node._admission.recheck(transaction)
            again = await node.submit(transaction.encode())
            assert (again.tx_id, again.committed) == (transaction.id, False)
            second = asyncio.create_task(node.wait(transaction.id, 20))
            await asyncio.sleep(0)
        finally:
            shown.set()
        assert await first
        assert await second
        assert has(node, transaction)
        assert len(node._pool) == 0

    tell(tmp_path, story)


def test_a_follower_counts_in_no_quorum(tmp_path: Path) -> None:
    async def story(cluster: Cluster, client: Client) -> None:
        node = await cluster.follow(AUDITOR)
        await done(node, client.enter("a", 1))
        await cluster.stop(3)
        await cluster.stop(2)
        transaction = client.enter("b", 2)
        await node.submit(transaction.encode())
        assert not await node.wait(transaction.id, 0.5)
        assert not cluster.nodes[0].status().ready
        await cluster.start(2)
        assert await node.wait(transaction.id, 20)

    tell(tmp_path, story)


def test_a_follower_of_one_validator(tmp_path: Path) -> None:
    async def story(cluster: Cluster, client: Client) -> None:
        await done(cluster.nodes[0], client.enter("a", 1))
        node = await cluster.follow(PROVINCE)
        transaction = client.enter("b", 2)
        await done(node, transaction)
        await until(lambda: has(node, transaction))
        await until(lambda: node.status().ready)
        # Who decides alone is told of no heights, and knows all the same that it is at the newest.
        assert cluster.nodes[0].status().ready
        stranger = Client(cluster.genesis.chain, name="nobody").enter("c", 3)
        with pytest.raises(InvalidTransaction, match=r"transaction\.key"):
            await cluster.nodes[0].submit(stranger.encode())

    tell(tmp_path, story, count=1)


def test_a_follower_that_was_away_catches_up_over_many_blocks(tmp_path: Path) -> None:
    async def story(cluster: Cluster, client: Client) -> None:
        node = await cluster.follow(PROVINCE)
        await done(node, client.enter("a", 1))
        await cluster.unfollow(PROVINCE)
        for number in range(12):
            await done(cluster.nodes[number % 4], client.enter(f"k{number}", number))
        node = await cluster.follow(PROVINCE, receive=Share.CHANGES)
        await cluster.agree(cluster.nodes[0].head.height)

    tell(tmp_path, story)


def test_an_auditor_may_ask_for_less(tmp_path: Path) -> None:
    async def story(cluster: Cluster, client: Client) -> None:
        node = await cluster.follow(AUDITOR, receive=Share.CHANGES)
        await done(node, client.enter("a", 1))
        database = node.chain.database
        assert database.checked(node.head.height) is Checked.DIFF
        await cluster.unfollow(AUDITOR)
        # A start checks everything that is held, and finds nothing missing.
        node = await cluster.follow(AUDITOR)
        await done(node, client.enter("b", 1))
        assert node.chain.database.checked(node.head.height) is Checked.REEXECUTED

    tell(tmp_path, story)


def test_a_follower_goes_over_into_a_new_epoch(tmp_path: Path) -> None:
    async def story(cluster: Cluster, client: Client) -> None:
        node = await cluster.follow(PROVINCE)
        names = [f"{bureau(number)}=validate{number}" for number in range(3)]
        await done(cluster.nodes[0], client.sign([("book", "seat", {"members": names})]))
        await done(cluster.nodes[1], client.enter("a", 1))
        await cluster.agree(cluster.nodes[0].head.height)
        assert node.chain.validators_of_next()[1].size == 3

    tell(tmp_path, story)


def test_who_lost_its_seat_is_no_longer_among_those_who_may_lie(tmp_path: Path) -> None:
    """One member lies about its height and is voted out; another one lies later. Each is one."""

    async def story(cluster: Cluster, client: Client) -> None:
        node = cluster.nodes[0]
        network = node.network
        assert network is not None
        await until(network.is_current)
        await cluster.stop(3)
        network.exchange.heights[bureau(3)] = 2**60
        network.exchange.without[bureau(3)] = 2
        assert network.behind_by() == 0
        names = [f"{bureau(number)}=validate{number}" for number in range(3)]
        await done(node, client.sign([("book", "seat", {"members": names})]))
        network.exchange.heights[bureau(1)] = 2**60
        network.exchange.without[bureau(1)] = 2
        assert network.behind_by() == 0
        assert not network.lacks_blocks()
        assert network.is_current()

    tell(tmp_path, story)
