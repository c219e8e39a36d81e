"""What is answered to whom: as much as an office entitles to, or a lost seat left behind."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from node.ledger.codec import decode
from node.p2p.frames import ANSWER_BYTES_MAX, Frame, FrameType
from node.p2p.link import Peer
from node.p2p.payloads import (
    ASK_MANIFEST,
    BLOCKS_BYTES_AIM,
    BLOCKS_MAX,
    Ask,
    AskContent,
    Share,
    decode_refusal,
)
from node.service import answers
from tests.node.service.desk import LIAR, Desk, run

GUEST = Peer("auditor:0", bytes(32))


class Chain(Desk):
    """A desk whose store has blocks: of each the bytes that stand for it."""

    def __init__(self) -> None:
        self.granted, self.owed = Share.CONTENT, 0
        self.blocks: dict[int, bytes] = {}
        super().__init__()

    def share_of(self, organisation: str) -> Share:
        return self.granted

    def owed_until(self, organisation: str) -> int:
        return self.owed

    def certified(self, height: int, share: Share) -> tuple[bytes, bytes] | None:
        block = self.blocks.get(height)
        return None if block is None else (share.name.encode(), block)

    async def ask(self, kind: FrameType, body: bytes) -> Frame:
        """What the guest is answered, after the pause."""
        self.sent.clear()
        await self.exchange.on_frame(GUEST, Frame(kind, body))
        while self.exchange._tasks:
            await asyncio.sleep(0)
        [(organisation, frame)] = self.sent
        assert organisation == GUEST.organisation
        return frame


def tell(story: Any) -> None:
    run(story, Chain)


def heights_of(frame: Frame) -> list[int]:
    return [int(data[:2]) for _, data in decode(frame.body, bytes_max=ANSWER_BYTES_MAX)]


def test_who_lost_its_seat_gets_whole_blocks_up_to_the_one_that_took_it() -> None:
    async def story(desk: Chain) -> None:
        desk.granted, desk.owed = Share.CHANGES, 15
        desk.blocks = {height: b"%d" % height for height in range(13, 20)}

        async def blocks(first: int, last: int, share: Share) -> Frame:
            return await desk.ask(FrameType.ASK, Ask(first, last, share).encode())

        assert heights_of(await blocks(13, 19, Share.CONTENT)) == [13, 14, 15]
        assert heights_of(await blocks(13, 14, Share.CONTENT)) == [13, 14]
        assert heights_of(await blocks(15, 19, Share.CONTENT)) == [15]
        refused = await blocks(16, 19, Share.CONTENT)
        assert (refused.type, decode_refusal(refused.body)) == (FrameType.REFUSED, Share.CHANGES)
        assert heights_of(await blocks(16, 19, Share.CHANGES)) == [16, 17, 18, 19]

        desk.served_content = b"whole"
        for height, answered in ((15, FrameType.CONTENT), (16, FrameType.REFUSED)):
            asked = AskContent(height, bytes(32)).encode()
            assert (await desk.ask(FrameType.ASK_CONTENT, asked)).type is answered
        desk.granted = Share.NOTHING
        for share in (Share.CONTENT, Share.CHANGES):
            owed = await blocks(13, 19, share)
            assert heights_of(owed) == [13, 14, 15]
            assert share.name.encode() in owed.body
        refused = await blocks(16, 19, Share.CHANGES)
        assert (refused.type, decode_refusal(refused.body)) == (FrameType.REFUSED, Share.NOTHING)
        # What it is owed is blocks, not the state.
        manifest = await desk.ask(FrameType.ASK_MANIFEST, ASK_MANIFEST)
        assert manifest.type is FrameType.REFUSED

    tell(story)


def test_an_answer_ends_where_it_is_full_and_where_a_block_is_missing_or_fits_no_answer() -> None:
    async def story(desk: Chain) -> None:
        async def blocks(first: int, last: int) -> list[int]:
            return heights_of(await desk.ask(FrameType.ASK, Ask(first, last).encode()))

        desk.blocks = {height: b"%02d" % height for height in range(10, 10 + BLOCKS_MAX + 5)}
        assert await blocks(10, 2**40) == list(range(10, 10 + BLOCKS_MAX))
        assert await blocks(10, 10) == [10]
        del desk.blocks[13]
        assert await blocks(10, 20) == [10, 11, 12]
        desk.blocks[12] = b"12" + bytes(BLOCKS_BYTES_AIM - 2 - 2 - 2)
        assert await blocks(10, 12) == [10, 11, 12]
        desk.blocks[12] += b"\0"
        assert await blocks(10, 12) == [10, 11]
        assert await blocks(12, 12) == [12], "the first goes whatever its size"
        desk.blocks[12] = b"12" + bytes(ANSWER_BYTES_MAX - answers.ENVELOPE_BYTES - 2)
        assert await blocks(12, 12) == [12]
        desk.blocks[12] += b"\0"
        assert await blocks(12, 12) == []

    tell(story)


class Pauses:
    """``asyncio`` as the answers have it, whose sleeps end when the test says so."""

    def __init__(self) -> None:
        self.begun: list[asyncio.Event] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    async def sleep(self, _seconds: float) -> None:
        self.begun.append(asyncio.Event())
        await self.begun[-1].wait()


def test_who_was_answered_may_ask_at_once_and_is_answered_after_the_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A request that came during the pause was dropped: a snapshot's next chunk took ten seconds,
    and the peer was passed over as silent."""
    pauses = Pauses()
    monkeypatch.setattr(answers, "asyncio", pauses)

    async def story(desk: Desk) -> None:
        ask = Frame(FrameType.ASK, Ask(1, 1).encode())

        async def answered(count: int) -> None:
            while desk.exchange._tasks and len(pauses.begun) < count:
                await asyncio.sleep(0)
            assert len(desk.sent) == count

        await desk.exchange.on_frame(GUEST, ask)
        await answered(1)
        await desk.exchange.on_frame(LIAR, ask)
        while len(desk.sent) < 2:
            await asyncio.sleep(0)
        assert desk.sent.pop()[0] == LIAR.organisation, "who votes is not held up by it"
        for count in (2, 3):
            await desk.exchange.on_frame(GUEST, ask)
            for _ in range(100):
                await asyncio.sleep(0)
            assert desk.served == count, "it waits for the pause"
            pauses.begun[-1].set()
            await answered(count)

    run(story)
