"""What a primary does while the votes for its block travel, over real TLS; votes are held up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consensus import Timing, Vote
from node.execution.blocks import Parent
from node.execution.proposing import Preparation
from node.ledger.transaction import SignedTransaction
from node.ledger.types import Digest
from node.p2p.frames import Frame
from node.p2p.peers import Peer
from node.service.building import STEP_CALLS
from node.service.chain import AHEAD_OLD_MS
from node.service.node import Node
from node.service.reading import decode_message
from tests.node.cluster import FAST, Cluster, running_cluster, until
from tests.node.network import Client

Story = Callable[["Held"], Coroutine[None, None, None]]


PATIENT = replace(FAST, base_ms=60_000, cap_ms=60_000)
"""Nobody leaves a view while a test holds the votes."""


class Held:
    """A cluster, and its primary. No vote comes to anybody before ``votes`` is set."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.client = Client(cluster.genesis.chain)
        self.node: Node = cluster.nodes[cluster.primary()]
        self.votes = asyncio.Event()
        for node in cluster.nodes.values():
            self._hold(node)

    def _hold(self, node: Node) -> None:
        assert node.network is not None
        exchange: Any = node.network.exchange
        right = exchange._take_message

        async def take_message(peer: Peer, frame: Frame) -> None:
            # Lost, and sent again when a STATUS shows that it is missing.
            if self.votes.is_set() or not isinstance(decode_message(frame.body), Vote):
                await right(peer, frame)

        exchange._take_message = take_message

    @property
    def ahead(self) -> list[bytes]:
        return [one.tx_id for one in self.node._builder._ahead]

    async def propose(self) -> SignedTransaction:
        """Something of which the others are told, and vote for in vain."""
        first = self.client.enter("first", 1)
        await self.node.submit(first.encode())
        await until(lambda: self.node._builder._in_flight is not None)
        return first

    async def submit(self, count: int, begin: int = 0) -> list[SignedTransaction]:
        made = [self.client.enter(f"k{n}", n + 1) for n in range(begin, begin + count)]
        for transaction in made:
            await self.node.submit(transaction.encode())
        return made

    async def rest(self, count: int) -> None:
        """Wait until so many were run ahead and nothing is begun."""
        builder = self.node._builder
        await until(lambda: len(builder._ahead) >= count and not builder.busy)

    def height_of(self, transaction: SignedTransaction) -> int:
        with self.node.reader.view() as view:
            place = view.find_transaction(transaction.id)
            assert place is not None
            return place.height


def tell(folder: Path, story: Story, timing: Timing = PATIENT) -> None:
    async def run() -> None:
        async with running_cluster(folder, timing=timing) as cluster:
            await story(Held(cluster))

    asyncio.run(run())


def test_what_waits_is_run_while_the_votes_travel_and_is_the_next_block(tmp_path: Path) -> None:
    async def story(held: Held) -> None:
        first = await held.propose()
        made = await held.submit(2 * STEP_CALLS - 5)
        await held.rest(len(made))
        assert held.ahead == [transaction.id for transaction in made]
        assert held.node.chain._ahead is not None
        run = held.node.chain._ahead._run
        assert [transaction.id for transaction in run.transactions] == held.ahead
        assert held.node.head.height == 0, "nothing is decided"
        held.votes.set()
        for transaction in [first, *made]:
            assert await held.node.wait(transaction.id, 20)
        assert held.height_of(first) == 1
        assert {held.height_of(transaction) for transaction in made} == {2}
        with held.node.reader.view() as view:
            assert view.state("book/k7") == {"total_fen": 8}
        await held.cluster.agree(2)

    tell(tmp_path, story)


def test_no_more_is_run_ahead_than_a_block_holds(tmp_path: Path) -> None:
    async def story(held: Held) -> None:
        await held.propose()
        held.node._pace.calls_aim = 40
        made = await held.submit(60)
        await held.rest(40)
        assert len(held.ahead) == 40
        held.votes.set()
        for transaction in made:
            assert await held.node.wait(transaction.id, 20)
        assert held.height_of(made[39]) == 2 < held.height_of(made[59])

    tell(tmp_path, story)


def test_what_was_begun_is_forgotten_with_the_view_and_ordered_by_the_next_primary(
    tmp_path: Path,
) -> None:
    """The votes never come; the others leave the view, as their timer says."""

    async def story(held: Held) -> None:
        first = await held.propose()
        made = await held.submit(10)
        await held.rest(10)
        await until(lambda: held.node._replica.situation().view > 0)
        held.votes.set()
        for transaction in [first, *made]:
            assert await held.node.wait(transaction.id, 20)
        await held.cluster.agree(held.node.head.height)
        with held.node.reader.view() as view:
            assert view.state("book/k9") == {"total_fen": 10}
        more = await held.submit(3, 10)
        for transaction in more:
            assert await held.node.wait(transaction.id, 20)
        await held.cluster.agree(held.node.head.height)

    tell(tmp_path, story, FAST)


def too_old(ahead: Preparation) -> None:
    ahead.time_ms -= AHEAD_OLD_MS + 60_000


def on_another(ahead: Preparation) -> None:
    ahead.parent = Parent(ahead.parent.header, Digest(bytes(32)))


@pytest.mark.parametrize("spoil", [too_old, on_another])
def test_what_is_of_no_use_any_more_is_begun_anew(
    tmp_path: Path, spoil: Callable[[Preparation], None]
) -> None:
    """Its time has to be near the clock when the others see it, and its parent the head."""

    async def story(held: Held) -> None:
        await held.propose()
        (made,) = await held.submit(1)
        await held.rest(1)
        ahead = held.node.chain._ahead
        assert ahead is not None
        begun_ms = ahead.time_ms
        spoil(ahead)
        held.votes.set()
        assert await held.node.wait(made.id, 20)
        assert held.height_of(made) == 2
        header = held.node.chain.parent.header
        assert header.time_ms >= begun_ms
        await held.cluster.agree(2)

    tell(tmp_path, story)
