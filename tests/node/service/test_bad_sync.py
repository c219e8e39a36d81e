"""A node that was away, and a server of blocks that lies to it (B25, S25)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from consensus import Status
from node.ordering import wire
from node.p2p.frames import Frame, FrameType
from node.p2p.link import Peer
from node.p2p.payloads import Ask, Content, decode_blocks, encode_blocks
from tests.node.cluster import Cluster, running_cluster, until
from tests.node.network import Client
from tests.node.service.test_bad_peer import LIAR, Liar

AWAY = 2


class LyingServer(Liar):
    """Claims a height that nobody has, and answers each question with a lie of its own."""

    def __init__(self, cluster: Cluster, blocks: bytes) -> None:
        super().__init__(cluster, AWAY)
        self.pairs = [(c.encode(), content) for c, content in decode_blocks(blocks)]
        self.told = 0

    async def on_frame(self, peer: Peer, frame: Frame) -> None:
        if frame.type is FrameType.STATUS:
            claim = Status(0, 0, 2**40, 0, True, False, 0, 0, 0)
            self.peers.send(self.victim, Frame(FrameType.STATUS, wire.encode_message(claim)))
        elif frame.type is FrameType.ASK:
            self.told += 1
            body = self._bodies_exchanged() if self.told % 2 else self._one_missing()
            self.peers.send(self.victim, Frame(FrameType.BLOCKS, body))
        elif frame.type is FrameType.ASK_CONTENT:
            wrong = Content(self.pairs[0][1].header, [])
            self.peers.send(self.victim, Frame(FrameType.CONTENT, wrong.encode()))

    def _bodies_exchanged(self) -> bytes:
        """Good headers and certificates; below each header the transactions of another block."""
        bodies = [content.transactions for _, content in self.pairs]
        return encode_blocks(
            [
                (certificate, Content(content.header, bodies[n - 1]).encode())
                for n, (certificate, content) in enumerate(self.pairs)
            ]
        )

    def _one_missing(self) -> bytes:
        return encode_blocks([(c, content.encode()) for c, content in self.pairs[1:]])


def test_b25_a_node_catches_up_past_a_server_that_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the liar is there at first. Its bodies condemn no block, its claim moves nobody; when
    honest ones are back the node has what they have."""
    monkeypatch.setattr("node.p2p.peers.FAULT_PAUSE_S", 0.2)

    async def story() -> None:
        async with running_cluster(tmp_path) as cluster:
            client = Client(cluster.genesis.chain)
            await cluster.stop(AWAY)
            for number in range(4):
                transaction = client.enter(f"k{number}", number + 1)
                await cluster.nodes[0].submit(transaction.encode())
                assert await cluster.nodes[0].wait(transaction.id, 20)
            height = cluster.nodes[0].head.height
            network = cluster.nodes[0].network
            assert network is not None
            blocks = network.exchange._answers._blocks(Ask(1, height))
            for number in (0, 1, LIAR):
                await cluster.stop(number)
            away = await cluster.start(AWAY)
            liar = LyingServer(cluster, blocks)
            try:
                await until(lambda: liar.told > 2)
                assert away.head.height == 0
                assert away.status().behind_by == 0
                for number in (0, 1):
                    await cluster.start(number)
                await until(lambda: away.head.height == height)
                await cluster.agree(height)
                assert away._replica.state.halted == ""
            finally:
                await liar.peers.stop()

    asyncio.run(story())
