"""A node that is far behind takes a snapshot from peers it does not trust, and then follows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from node.p2p.frames import Frame, FrameType
from node.p2p.link import Peer
from node.service import state_transfer
from node.service.node import Node
from node.service.state_transfer import SnapshotTaken
from tests.node.cluster import AUDITOR, Cluster, running_cluster, until
from tests.node.network import Client
from tests.node.service.test_cluster import done, has

BLOCKS = 8
AFTER = 3
PROVINCE = "bureau:540000"
Story = Callable[[Cluster, Client], Coroutine[None, None, None]]


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patience for tests; nothing rests on the values."""
    monkeypatch.setattr(state_transfer, "ANSWER_S", 1.0)
    monkeypatch.setattr(state_transfer, "REST_S", 0.5)


def tell(folder: Path, story: Story, blocks: int = BLOCKS) -> None:
    async def run() -> None:
        async with running_cluster(folder) as cluster:
            client = Client(cluster.genesis.chain)
            for number in range(blocks):
                await done(cluster.nodes[number % 4], client.enter(f"k{number}", number + 1))
            await cluster.agree(blocks)
            await story(cluster, client)

    asyncio.run(run())


class Asked:
    """What the validators are asked for, and what a test makes of their answers."""

    def __init__(self, cluster: Cluster) -> None:
        self.seen: list[tuple[int, FrameType]] = []
        self.lies: dict[int, Callable[[Frame], Frame | None]] = {}
        self.gives_blocks = False
        """A chain of a few blocks is caught up with before anybody is found to be behind."""
        for number, node in cluster.nodes.items():
            self._listen(number, node)

    def _listen(self, number: int, node: Node) -> None:
        assert node.network is not None
        exchange = node.network.exchange
        answers = exchange._answers
        take, send = answers.take, answers._send

        def taken(peer: Peer, frame: Frame) -> None:
            self.seen.append((number, frame.type))
            take(peer, frame)

        def sent(to: str, frame: Frame) -> bool:
            if frame.type is FrameType.BLOCKS and not self.gives_blocks:
                return True
            lie = self.lies.get(number)
            told = frame if lie is None else lie(frame)
            return told is None or send(to, told)

        answers.take = taken  # type: ignore[method-assign]
        answers._send = sent

    def chunks(self) -> int:
        return sum(kind is FrameType.ASK_CHUNK for _, kind in self.seen)

    def from_whom(self, kind: FrameType) -> set[int]:
        return {number for number, asked in self.seen if asked is kind}


async def taken(cluster: Cluster, asked: Asked, name: str = AUDITOR, **given: object) -> Node:
    """The node takes a snapshot, ends over it and is opened anew."""
    node = await cluster.follow(name, snapshot_after_blocks=AFTER, **given)
    with pytest.raises(SnapshotTaken):
        async with asyncio.timeout(20):
            await node.run()
    await cluster.unfollow(name)
    asked.gives_blocks = True
    return await cluster.follow(name, snapshot_after_blocks=AFTER)


async def follows(cluster: Cluster, client: Client, node: Node) -> None:
    """It goes on by blocks, to the same state."""
    last = client.enter("last", 7)
    await done(cluster.nodes[1], last)
    await until(lambda: has(node, last))
    await cluster.agree(node.head.height)


@pytest.mark.parametrize("name", [AUDITOR, PROVINCE])
def test_a_node_far_behind_takes_a_snapshot_and_follows(tmp_path: Path, name: str) -> None:
    async def story(cluster: Cluster, client: Client) -> None:
        asked = Asked(cluster)
        node = await taken(cluster, asked, name)
        assert node.head.height == BLOCKS
        assert node.status().details["floor"] == BLOCKS + 1
        assert asked.chunks() > 3
        with node.reader.view() as view:
            assert view.state("book/k3") == {"total_fen": 4}
        await follows(cluster, client, node)

    tell(tmp_path, story)
