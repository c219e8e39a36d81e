"""What a node without a seat may not do costs itself and nobody else, and stands in the log."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from consensus import Ballot, BlockId, Kind, Status, Vote
from node.ordering import wire
from node.p2p.frames import FrameType
from node.p2p.payloads import Ask, AskContent, Share, decode_blocks, decode_refusal
from node.telemetry import make_logger
from tests.node.cluster import AUDITOR, Cluster, running_cluster, until
from tests.node.network import Client, private
from tests.node.service.guests import Guest
from tests.node.service.test_cluster import done

REGULATOR = "regulator:430000"
CITY = "bureau:540100"
NOTE = b"for secret"
"""In the attachment of the story's only transaction, and nowhere else."""

Story = Callable[[Cluster, Guest], Coroutine[None, None, None]]


def tell(folder: Path, name: str, story: Story) -> str:
    """A cluster with one block and a guest; the log of node 0."""
    log = io.StringIO()

    async def run() -> None:
        async with running_cluster(folder) as cluster:
            cluster.nodes[0].network.exchange._answers._log = make_logger("debug", "json", log)
            cluster.nodes[0].network._log = make_logger("debug", "json", log)
            cluster.nodes[0].network.exchange.peers._log = make_logger("debug", "json", log)
            client = Client(cluster.genesis.chain)
            await done(cluster.nodes[0], client.enter("secret", 1))
            guest = Guest(cluster, name)
            try:
                await story(cluster, guest)
                await done(cluster.nodes[0], client.enter("after", 1))
                await cluster.agree(2)
            finally:
                await guest.peers.stop()

    asyncio.run(run())
    return log.getvalue()


def test_who_asks_for_more_than_its_office_is_refused_and_logged(tmp_path: Path) -> None:
    async def story(cluster: Cluster, guest: Guest) -> None:
        await until(lambda: guest.connected)
        node = cluster.nodes[0]
        block = node.head.block_hash
        guest.send(FrameType.ASK, Ask(1, 1, Share.CONTENT).encode())
        guest.send(FrameType.ASK_CONTENT, AskContent(1, block, Share.CONTENT).encode())
        await until(lambda: len(guest.of(FrameType.REFUSED)) == 2)
        assert {decode_refusal(body) for body in guest.of(FrameType.REFUSED)} == {Share.CHANGES}
        guest.send(FrameType.ASK, Ask(1, 1, Share.CHANGES).encode())
        guest.send(FrameType.ASK_CONTENT, AskContent(1, block, Share.CHANGES).encode())
        await until(lambda: bool(guest.of(FrameType.BLOCKS) and guest.of(FrameType.CONTENT)))
        assert len(decode_blocks(guest.of(FrameType.BLOCKS)[0])) == 1

    def nothing_leaked(guest: Guest) -> None:
        assert not any(NOTE in frame.body for frame in guest.frames)

    async def whole(cluster: Cluster, guest: Guest) -> None:
        await story(cluster, guest)
        nothing_leaked(guest)

    log = tell(tmp_path, REGULATOR, whole)
    assert log.count('"event": "p2p.not-entitled"') == 2
    assert f'"peer": "{REGULATOR}"' in log


def test_the_same_bytes_go_to_whom_they_concern(tmp_path: Path) -> None:
    """The search of the test above would find an attachment if there were one."""

    async def story(cluster: Cluster, guest: Guest) -> None:
        await until(lambda: guest.connected)
        guest.send(FrameType.ASK, Ask(1, 1, Share.CONTENT).encode())
        await until(lambda: bool(guest.of(FrameType.BLOCKS)))
        assert any(NOTE in frame.body for frame in guest.frames)

    assert "p2p.not-entitled" not in tell(tmp_path, AUDITOR, story)


def test_whose_office_entitles_it_to_nothing_is_not_let_in(tmp_path: Path) -> None:
    async def story(cluster: Cluster, guest: Guest) -> None:
        before = cluster.nodes[0].network.exchange.peers.connected()
        await until(lambda: guest.peers.absent()["bureau:110000"].reason != "not yet seen")
        assert not guest.connected
        assert CITY not in before

    log = tell(tmp_path, CITY, story)
    assert '"event": "p2p.not-entitled"' in log
    assert f'"peer": "{CITY}"' in log


def test_nothing_that_binds_is_sent_to_a_guest(tmp_path: Path) -> None:
    async def story(cluster: Cluster, guest: Guest) -> None:
        await until(lambda: guest.connected)
        client = Client(cluster.genesis.chain)
        await done(cluster.nodes[0], client.enter("more", 1))
        await until(lambda: len(guest.of(FrameType.CHANGE)) >= 2)
        kinds = {frame.type for frame in guest.frames}
        assert kinds <= {FrameType.CHANGE, FrameType.STATUS}, kinds

    tell(tmp_path, AUDITOR, story)


@pytest.mark.parametrize("kind", [FrameType.VOTE, FrameType.BLOCKS, FrameType.CHANGE])
def test_a_guest_that_speaks_like_a_member_is_left(tmp_path: Path, kind: FrameType) -> None:
    async def story(cluster: Cluster, guest: Guest) -> None:
        await until(lambda: guest.connected)
        link = guest.peers._links["bureau:110000"]
        ballot = Ballot(Kind.COMMIT, 0, 0, 2, BlockId(b"\7" * 32))
        key = private(f"transport-{AUDITOR}")
        vote = Vote(0, ballot, wire.sign_statement(key, cluster.genesis.chain, ballot))
        guest.send(kind, wire.encode_message(vote))
        await until(link.closed.is_set)

    tell(tmp_path, AUDITOR, story)


def test_what_a_guest_claims_moves_nobody(tmp_path: Path) -> None:
    async def story(cluster: Cluster, guest: Guest) -> None:
        await until(lambda: guest.connected)
        node = cluster.nodes[0]
        claim = Status(0, 0, 2**60, 0, True, False, 0, 0, 0)
        for _ in range(50):
            guest.send(FrameType.STATUS, wire.encode_message(claim))
        # The answer shows that everything before it was read.
        guest.send(FrameType.ASK, Ask(1, 1, Share.CHANGES).encode())
        await until(lambda: bool(guest.of(FrameType.BLOCKS)))
        await node.settle()
        assert not node._replica.state.catch_up._claims
        assert not guest.of(FrameType.ASK)

    tell(tmp_path, REGULATOR, story)
