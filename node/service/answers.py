"""Answers what peers ask for: each as much as its office entitles it to, nobody at others' cost.

Peers with a seat are answered at once. Guests (followers) share one thread of their own that works
for one of them at a time and then pauses for as long as it worked and longer, so that any number
of followers that catch up takes at most a third of one processor from a validator. Each peer has
one request of each kind in hand; further ones are dropped and asked again.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import structlog

from node.p2p.frames import ANSWER_BYTES_MAX, Frame, FrameType
from node.p2p.link import Peer, PeerFault
from node.p2p.payloads import (
    ASK_MANIFEST,
    BLOCKS_BYTES_AIM,
    BLOCKS_MAX,
    Ask,
    AskChunk,
    AskContent,
    Share,
    encode_blocks,
    encode_refusal,
)
from node.service.offers import Offers
from node.service.serving import BlockServer

GUEST_REST: Final = 2.0
"""How many times as long as it worked the guests' thread pauses."""
ENVELOPE_BYTES: Final = 1 << 16
"""Certificate and lengths around the last block of an answer."""

Work = Callable[[], bytes | None]


class Answers:
    """For the event loop's thread."""

    def __init__(
        self,
        server: BlockServer,
        share_of: Callable[[str], Share],
        owed_until: Callable[[str], int],
        is_seated: Callable[[str], bool],
        send: Callable[[str, Frame], bool],
        spawn: Callable[[Coroutine[None, None, None]], None],
        log: structlog.stdlib.BoundLogger,
        offers: Offers,
    ) -> None:
        """``share_of``: how much of a block an organisation is entitled to, as of the head;
        ``owed_until``: up to which height all of each block is owed to it."""
        self._server = server
        self._share_of = share_of
        self._owed_until = owed_until
        self._is_seated = is_seated
        self._send = send
        self._spawn = spawn
        self._log = log
        self._offers = offers
        self._busy: set[tuple[str, FrameType]] = set()
        self._told: dict[tuple[str, FrameType], Share] = {}
        """What was said in the log of requests that were refused."""
        self._connections: Counter[str] = Counter()
        """How often each peer has been connected: an answer is for the connection that asked."""
        self._guest_turn = asyncio.Lock()
        self._members = ThreadPoolExecutor(1, thread_name_prefix="answers")
        self._guests = ThreadPoolExecutor(1, thread_name_prefix="guests")

    async def stop(self) -> None:
        """After the tasks have ended."""
        loop = asyncio.get_running_loop()
        for pool in (self._members, self._guests):
            await loop.run_in_executor(None, pool.shutdown)

    def on_up(self, organisation: str) -> None:
        """A new connection: whoever asked on the one before it may be another life of the peer."""
        self._connections[organisation] += 1
        for place in [told for told in self._told if told[0] == organisation]:
            del self._told[place]

    def take(self, peer: Peer, frame: Frame) -> None:
        """Answer a request, or say that the peer is not entitled to it. Raises ``PeerFault``."""
        place = (peer.organisation, frame.type)
        if place in self._busy:
            return
        granted = self._share_of(peer.organisation)
        plan = None if granted is Share.NOTHING else self._plan(frame)
        if plan is None or plan[0] > granted:
            plan = self._plan_owed(peer.organisation, frame)
        if plan is None:
            self._tell(place, granted)
            self._send(peer.organisation, Frame(FrameType.REFUSED, encode_refusal(granted)))
            return
        self._busy.add(place)
        _, answer, work = plan
        asked_on = self._connections[peer.organisation]
        self._spawn(self._answer(place, asked_on, answer, work))

    def _tell(self, place: tuple[str, FrameType], granted: Share) -> None:
        """Say it in the log, once for a connection: a flood of such requests fills no disk."""
        if self._told.get(place) is not granted:
            self._told[place] = granted
            organisation, kind = place
            self._log.warning(
                "p2p.not-entitled", peer=organisation, kind=kind.name.lower(),
                limit=granted.name.lower(),
            )  # fmt: skip

    def _plan(self, frame: Frame) -> tuple[Share, FrameType, Work]:
        """The share that is asked for, the frame that answers, and the work."""
        if frame.type is FrameType.ASK:
            ask = Ask.decode(frame.body)
            return ask.share, FrameType.BLOCKS, lambda: self._blocks(ask)
        if frame.type is FrameType.ASK_MANIFEST:
            if frame.body != ASK_MANIFEST:
                raise PeerFault("malformed request for a manifest")
            # A snapshot is the state, without what is attached to cases.
            return Share.CHANGES, FrameType.MANIFEST, self._offers.manifest()
        if frame.type is FrameType.ASK_CHUNK:
            wanted = AskChunk.decode(frame.body)
            return Share.CHANGES, FrameType.CHUNK, self._offers.chunk(wanted)
        asked = AskContent.decode(frame.body)
        if frame.type is FrameType.ASK_OUTCOME:
            return Share.CONTENT, FrameType.OUTCOME, lambda: self._server.outcome(asked.block)
        assert frame.type is FrameType.ASK_CONTENT, "requests come here, nothing else"
        return asked.share, FrameType.CONTENT, lambda: self._content(asked)

    def _plan_owed(self, organisation: str, frame: Frame) -> tuple[Share, FrameType, Work] | None:
        """The same for who had a seat: blocks up to the one that took it. None for others."""
        if frame.type not in (FrameType.ASK, FrameType.ASK_CONTENT):
            return None
        until = self._owed_until(organisation)
        if frame.type is FrameType.ASK:
            ask = Ask.decode(frame.body)
            if ask.first > until:
                return None
            owed = Ask(ask.first, min(ask.last, until), ask.share)
            return ask.share, FrameType.BLOCKS, lambda: self._blocks(owed)
        return self._plan(frame) if AskContent.decode(frame.body).height <= until else None

    async def _answer(
        self, place: tuple[str, FrameType], asked_on: int, answer: FrameType, work: Work
    ) -> None:
        if self._is_seated(place[0]):
            await self._give(self._members, place, asked_on, answer, work)
            return
        loop = asyncio.get_running_loop()
        async with self._guest_turn:
            began_s = loop.time()
            await self._give(self._guests, place, asked_on, answer, work)
            # Whoever was answered may ask for the next thing at once; it waits for this pause.
            await asyncio.sleep(GUEST_REST * (loop.time() - began_s))

    async def _give(
        self,
        pool: ThreadPoolExecutor,
        place: tuple[str, FrameType],
        asked_on: int,
        answer: FrameType,
        work: Work,
    ) -> None:
        """Do the work and send what came of it; the request is in hand until then."""
        organisation, _ = place
        try:
            body = await asyncio.get_running_loop().run_in_executor(pool, work)
            if body is not None and asked_on == self._connections[organisation]:
                self._send(organisation, Frame(answer, body))
        finally:
            self._busy.discard(place)

    def _content(self, asked: AskContent) -> bytes | None:
        """On the threads of this class, like ``_blocks``."""
        if asked.share is Share.CONTENT:
            return self._server.content(asked.height, asked.block)
        body = self._server.changes(asked.height, asked.block)
        return None if body is None or len(body) > ANSWER_BYTES_MAX else body

    def _blocks(self, ask: Ask) -> bytes:
        """As many blocks as fit an answer, possibly none."""
        blocks: list[tuple[bytes, bytes]] = []
        size = 0
        for height in range(ask.first, min(ask.last, ask.first + BLOCKS_MAX - 1) + 1):
            block = self._server.certified(height, ask.share)
            if block is None or len(block[1]) > ANSWER_BYTES_MAX - ENVELOPE_BYTES:
                break
            size += len(block[1])
            if blocks and size > BLOCKS_BYTES_AIM:
                break
            blocks.append(block)
        return encode_blocks(blocks)
