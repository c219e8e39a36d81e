"""A node that is far behind takes a snapshot from peers it does not trust, and then follows."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path

import pytest

from node.ledger.snapshot import Manifest, encode_chunk
from node.ledger.state_tree import EMPTY
from node.p2p.frames import Frame, FrameType
from node.p2p.link import Peer
from node.p2p.payloads import (
    ASK_MANIFEST,
    AskChunk,
    Share,
    decode_chunk_answer,
    encode_blocks,
    encode_chunk_answer,
)
from node.service import offers, state_transfer
from node.service.node import Node
from node.service.serving import BlockServer
from node.service.state_transfer import SnapshotTaken
from node.store.staging import Staging
from node.telemetry import make_logger
from tests.node.cluster import AUDITOR, Cluster, bureau, running_cluster, until
from tests.node.network import Client
from tests.node.service.guests import Guest
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
        self.first_lies: Callable[[Frame], Frame | None] | None = None
        """Of the one that is asked for a manifest first, whoever that is."""
        self.given = 0
        """Chunks that were sent, without the answers that there is none."""
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
            lie = self.first_lies if number == self.first() else self.lies.get(number)
            told = frame if lie is None else lie(frame)
            if told is not None and told.type is FrameType.CHUNK:
                self.given += bool(decode_chunk_answer(told.body)[1])
            return told is None or send(to, told)

        answers.take = taken  # type: ignore[method-assign]
        answers._send = sent

    def chunks(self) -> int:
        return sum(kind is FrameType.ASK_CHUNK for _, kind in self.seen)

    def first(self) -> int | None:
        """Who was asked for a manifest first."""
        return next((n for n, kind in self.seen if kind is FrameType.ASK_MANIFEST), None)

    def from_whom(self, kind: FrameType) -> set[int]:
        return {number for number, asked in self.seen if asked is kind}


async def taken(cluster: Cluster, asked: Asked, name: str = AUDITOR, **given: object) -> Node:
    """The node takes a snapshot, ends over it and is opened anew."""
    node = await cluster.follow(name, snapshot_after_blocks=AFTER, **given)
    return await ended(cluster, asked, node, name)


async def ended(cluster: Cluster, asked: Asked, node: Node, name: str = AUDITOR) -> Node:
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


# --- Peers that do not help ----------------------------------------------------------------------


def flipped(frame: Frame, kind: FrameType) -> Frame:
    """The same with its last byte changed, where it is of this kind."""
    if frame.type is not kind:
        return frame
    return Frame(kind, frame.body[:-1] + bytes([frame.body[-1] ^ 1]))


def of_another(frame: Frame) -> Frame:
    """A sound, empty chunk in place of the one that was asked for."""
    if frame.type is not FrameType.CHUNK:
        return frame
    digest, chunk = decode_chunk_answer(frame.body)
    return Frame(FrameType.CHUNK, encode_chunk_answer(digest, encode_chunk(()) if chunk else b""))


LIES: dict[str, Callable[[Frame], Frame | None]] = {
    "chunk": lambda frame: flipped(frame, FrameType.CHUNK),
    "empty-chunk": of_another,
    "manifest": lambda frame: flipped(frame, FrameType.MANIFEST),
}


def passed(log: str, event: str) -> list[str]:
    return [line for line in log.splitlines() if f'"event": "{event}"' in line]


@pytest.mark.parametrize("lie", LIES)
def test_a_peer_that_lies_is_left_and_another_one_asked(tmp_path: Path, lie: str) -> None:
    log, first = io.StringIO(), -1

    async def story(cluster: Cluster, client: Client) -> None:
        nonlocal first
        asked = Asked(cluster)
        asked.first_lies = LIES[lie]
        node = await taken(cluster, asked, log=make_logger("info", "json", log))
        first = asked.first() or 0
        assert len(asked.from_whom(FrameType.ASK_MANIFEST)) > 1
        await follows(cluster, client, node)

    tell(tmp_path, story)
    (line,) = passed(log.getvalue(), "snapshot.lie")
    assert bureau(first) in line
    assert any("a wrong snapshot" in one for one in passed(log.getvalue(), "p2p.down"))


def test_a_planted_bug_is_found_a_chunk_that_nobody_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """M36: without the check of each chunk the whole does not give the state root, and nothing is
    switched to while a liar is asked."""
    monkeypatch.setattr(state_transfer, "check_chunk", lambda manifest, number, chunk: None)
    log = io.StringIO()

    async def story(cluster: Cluster, client: Client) -> None:
        asked = Asked(cluster)
        asked.first_lies = of_another
        await taken(cluster, asked, log=make_logger("info", "json", log))
        await cluster.agree(BLOCKS)

    tell(tmp_path, story)
    lines = passed(log.getvalue(), "snapshot.peer-passed")
    assert any("snapshot.root" in line for line in lines)


@pytest.mark.parametrize("way", ["silent", "leaves"])
def test_a_peer_that_stops_in_the_middle_is_passed_over(tmp_path: Path, way: str) -> None:
    log, first = io.StringIO(), -1

    async def story(cluster: Cluster, client: Client) -> None:
        nonlocal first
        asked = Asked(cluster)
        given = 0

        def stop(frame: Frame) -> Frame | None:
            nonlocal given, first
            first = asked.first() or 0
            given += frame.type is FrameType.CHUNK
            if given <= 3:
                return frame
            if way == "leaves":
                exchange = cluster.nodes[first].network.exchange  # type: ignore[union-attr]
                exchange.peers.drop(AUDITOR, "a test")
            return None

        asked.first_lies = stop
        node = await taken(cluster, asked, log=make_logger("info", "json", log))
        assert given > 3
        await follows(cluster, client, node)

    tell(tmp_path, story)
    lines = passed(log.getvalue(), "snapshot.peer-passed")
    assert any(bureau(first) in line for line in lines)
    assert not passed(log.getvalue(), "snapshot.lie")
    begun = passed(log.getvalue(), "snapshot.begun")
    assert '"count": 0' in begun[0]
    assert '"count": 0' not in begun[-1], "what came from the first peer stays"


def test_a_sound_but_old_snapshot_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = io.StringIO()

    async def story(cluster: Cluster, client: Client) -> None:
        for node in cluster.nodes.values():
            assert node.network is not None
            node.network.exchange.offers.manifest()  # of this height, and given out for a while
        for number in range(AFTER + 1):
            await done(cluster.nodes[1], client.enter(f"later{number}", 1))
        await cluster.agree(BLOCKS + AFTER + 1)
        asked = Asked(cluster)
        follower = await cluster.follow(
            AUDITOR, snapshot_after_blocks=AFTER, log=make_logger("info", "json", log)
        )
        await until(lambda: "too old" in log.getvalue())
        assert follower.head.height == 0
        monkeypatch.setattr(offers, "FRESH_S", 0.0)
        follower = await ended(cluster, asked, follower)
        assert follower.head.height == BLOCKS + AFTER + 1

    tell(tmp_path, story)
    assert passed(log.getvalue(), "snapshot.peer-passed")


def test_a_restart_in_the_middle_goes_on_where_it_stopped(tmp_path: Path) -> None:
    async def story(cluster: Cluster, client: Client) -> None:
        asked = Asked(cluster)

        def hold(frame: Frame) -> Frame | None:
            return frame if frame.type is not FrameType.CHUNK or asked.given < 5 else None

        asked.lies = dict.fromkeys(cluster.nodes, hold)
        asked.first_lies = hold
        node = await cluster.follow(AUDITOR, snapshot_after_blocks=AFTER)
        await until(lambda: (node.status().details["snapshot"] or {}).get("chunks_done", 0) >= 5)
        assert "A snapshot of height" in node.status().waiting_for
        full = [kind for kind, _ in manifest_row(node) if kind != EMPTY]
        await cluster.unfollow(AUDITOR)
        assert asked.given == 5
        asked.lies.clear()
        asked.first_lies = None
        await taken(cluster, asked)
        assert asked.given == len(full), "no chunk is sent twice"

    tell(tmp_path, story)


def manifest_row(node: Node) -> Sequence[tuple[int, bytes]]:
    data = Staging(node.chain.database).manifest()
    assert data is not None
    return Manifest.decode(data).row


def test_peers_without_the_blocks_are_asked_for_a_snapshot(tmp_path: Path) -> None:
    """However few blocks it is behind."""

    async def story(cluster: Cluster, client: Client) -> None:
        asked = Asked(cluster)
        asked.gives_blocks = True

        def none(frame: Frame) -> Frame:
            return Frame(frame.type, encode_blocks([])) if frame.type is FrameType.BLOCKS else frame

        asked.lies = dict.fromkeys(cluster.nodes, none)
        node = await cluster.follow(AUDITOR)
        node = await ended(cluster, asked, node)
        asked.lies.clear()
        await follows(cluster, client, node)

    tell(tmp_path, story)


# --- Who may, and what is not here any more ------------------------------------------------------


def test_who_may_not_follow_gets_no_snapshot(tmp_path: Path) -> None:
    log = io.StringIO()

    async def story(cluster: Cluster, client: Client) -> None:
        network = cluster.nodes[0].network
        assert network is not None
        answers = network.exchange._answers
        answers._log = make_logger("info", "json", log)
        guest = Guest(cluster, AUDITOR)
        try:
            await until(lambda: guest.connected)
            answers._share_of = lambda organisation: Share.NOTHING
            guest.send(FrameType.ASK_MANIFEST, ASK_MANIFEST)
            guest.send(FrameType.ASK_CHUNK, AskChunk(4, 0, bytes(32)).encode())
            await until(lambda: len(guest.of(FrameType.REFUSED)) == 2)
            assert not guest.of(FrameType.MANIFEST)
        finally:
            await guest.peers.stop()

    tell(tmp_path, story, blocks=1)
    lines = passed(log.getvalue(), "p2p.not-entitled")
    assert {"ask_manifest", "ask_chunk"} == {json.loads(line)["kind"] for line in lines}


def test_below_the_floor_there_are_no_blocks_and_nobody_stumbles(tmp_path: Path) -> None:
    async def story(cluster: Cluster, client: Client) -> None:
        asked = Asked(cluster)
        node = await taken(cluster, asked)
        with node.reader.view() as view:
            assert view.floor == BLOCKS + 1
            assert view.header(BLOCKS) is not None
            assert view.header(BLOCKS - 1) is None
            assert list(view.receipts(BLOCKS)) == list(view.transactions(BLOCKS)) == []
        server = BlockServer(node.chain)
        for height in (BLOCKS, BLOCKS - 1):
            for share in (Share.CONTENT, Share.CHANGES):
                assert server.certified(height, share) is None
        assert server.content(BLOCKS, node.head.block_hash) is None

    tell(tmp_path, story)
