"""Four bureaus over real TLS: they agree, survive the loss of one, take it back."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Coroutine
from pathlib import Path

from node.ledger.transaction import SignedTransaction
from node.service.node import Node
from tests.node.cluster import Cluster, running_cluster, until
from tests.node.network import Client

Story = Callable[[Cluster, Client], Coroutine[None, None, None]]


def tell(folder: Path, story: Story, count: int = 4) -> None:
    async def run() -> None:
        async with running_cluster(folder, count) as cluster:
            await story(cluster, Client(cluster.genesis.chain))

    asyncio.run(run())


async def done(node: Node, *transactions: SignedTransaction) -> None:
    for transaction in transactions:
        await node.submit(transaction.encode())
    for transaction in transactions:
        assert await node.wait(transaction.id, 20)


def has(node: Node, transaction: SignedTransaction) -> bool:
    return node.reader.has_transaction(transaction.id)


def test_what_is_submitted_to_any_node_is_final_on_all(tmp_path: Path) -> None:
    async def story(cluster: Cluster, client: Client) -> None:
        made = [client.enter(f"k{n}", n + 1) for n in range(8)]
        await asyncio.gather(
            *(done(cluster.nodes[n % 4], made[n]) for n in range(len(made)))
        )
        height = max(node.head.height for node in cluster.nodes.values())
        await cluster.agree(height)
        for node in cluster.nodes.values():
            assert all(has(node, transaction) for transaction in made)
            with node.reader.view() as view:
                assert view.state("book/k3") == {"total_fen": 4}
            assert node.status().ready

    tell(tmp_path, story)
