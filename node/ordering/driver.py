"""Carries out what the consensus core decides, in its order (``consensus/effects.py``).

One task takes events from one queue, steps the replica and works off the effects one by one.
``Persist`` and ``Commit`` are awaited: nothing behind them happens before they are on disk.
``Execute``, ``Build`` and ``Fetch`` are questions; whoever answers puts an event into the queue.
Signatures are answered at once, before the next event from outside.

The second lock on the key is here: what the last *durable* record does not cover is not signed.
Whatever fails in ``keep`` or ``commit`` ends ``run``; the process then stops, nothing is retried.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol, assert_never

from consensus import (
    Accuse,
    Alarm,
    Block,
    BlockId,
    Build,
    Certificate,
    Commit,
    Effect,
    Event,
    Evidence,
    Execute,
    Fetch,
    MemberId,
    Message,
    Persist,
    Received,
    Refused,
    Replica,
    SafetyRecord,
    Send,
    Sign,
    Signed,
    Start,
    Statement,
    Tick,
    Wake,
    check_statement,
)

PEER_BYTES_MAX: Final = 256 << 10
"""Of one peer's messages that wait for their turn; its connection is not read meanwhile."""


class Hands(Protocol):
    """What the driver needs from the node around it."""

    async def keep(self, blocks: tuple[BlockId, ...], record: SafetyRecord) -> None:
        """Make the blocks' content durable, then the record."""

    async def commit(self, block: Block, certificate: Certificate) -> None:
        """Write the height as one batch and let all readers see it."""

    def sign(self, member: MemberId, statement: Statement) -> bytes:
        """Sign with the member's key."""

    def send(self, to: MemberId | None, message: Message) -> None:
        """Send to a peer, or to all."""

    def execute(self, asked: Execute) -> None:
        """Find, check and execute the block; put ``Executed``."""

    def build(self, view: int, parent: Block) -> None:
        """Put ``Built`` when there is something to order."""

    def fetch(self, peer: MemberId, first: int, last: int) -> None:
        """Ask a peer for certified blocks; put ``Fetched``."""

    def accuse(self, evidence: Evidence) -> None:
        """Keep a proof that a member lied."""

    def refused(self, peer: MemberId, reason: str) -> None:
        """A peer's message was dropped."""

    def alarm(self, code: str, sentence: str) -> None:
        """An operator must look."""


class Driver:
    """The loop around one replica."""

    def __init__(self, replica: Replica, hands: Hands, clock_ms: Callable[[], int]) -> None:
        """``clock_ms`` is monotonic."""
        self._replica = replica
        self._hands = hands
        self._clock_ms = clock_ms
        self._events: asyncio.Queue[tuple[Event, int]] = asyncio.Queue()
        """With each event the bytes that it took on the wire, 0 for one that no peer sent."""
        self._offered: dict[MemberId, int] = {}
        self._taken = asyncio.Event()
        self._open = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._durable: SafetyRecord | None = None
        self._alarm_clock: asyncio.TimerHandle | None = None
        self.on_step: Callable[[], None] = lambda: None
        """Called after each step, when its effects were carried out."""

    def put(self, event: Event) -> None:
        """Hand over an event; call it on the event loop's thread."""
        self._put(event, 0)

    async def offer(self, event: Received, size: int) -> None:
        """Hand over a peer's message of ``size`` bytes.

        Waits while ``PEER_BYTES_MAX`` of that peer's are still to be worked off: a disk that hangs
        or a flood fills no memory, it slows its sender down, and nobody else.
        """
        peer = event.peer
        while self._offered.get(peer, 0) + size > PEER_BYTES_MAX and peer in self._offered:
            self._taken.clear()
            await self._taken.wait()
        self._offered[peer] = self._offered.get(peer, 0) + size
        self._put(event, size)

    async def idle(self) -> None:
        """Wait until every event so far was taken and carried out, or the loop has ended."""
        await self._idle.wait()

    def begin(self, start: Start) -> None:
        """The first event, with what is durable already."""
        self._durable = start.record
        self.put(start)

    async def run(self) -> None:
        """Run until cancelled, or until something durable fails. ``begin`` comes before."""
        try:
            while True:
                event, size = await self._events.get()
                await self._take(event)
                self._open -= 1
                if size and isinstance(event, Received):
                    self._make_room(event.peer, size)
                if not self._open:
                    self._idle.set()
        finally:
            self._idle.set()
            if self._alarm_clock is not None:
                self._alarm_clock.cancel()

    def _put(self, event: Event, size: int) -> None:
        self._open += 1
        self._idle.clear()
        self._events.put_nowait((event, size))

    def _make_room(self, peer: MemberId, size: int) -> None:
        self._offered[peer] -= size
        if not self._offered[peer]:
            del self._offered[peer]
        self._taken.set()

    async def _take(self, event: Event) -> None:
        events: deque[Event] = deque([event])
        while events:
            for effect in self._replica.step(events.popleft(), self._clock_ms()):
                answer = await self._carry_out(effect)
                if answer is not None:
                    events.append(answer)
            self.on_step()

    async def _carry_out(self, effect: Effect) -> Event | None:
        hands = self._hands
        match effect:
            case Persist(record, blocks):
                await hands.keep(blocks, record)
                self._durable = record
            case Sign(statement, member, sequence):
                return self._sign(statement, member, sequence)
            case Commit(block, certificate):
                await hands.commit(block, certificate)
            case Send(to, message):
                hands.send(to, message)
            case Execute():
                hands.execute(effect)
            case Build(view, parent):
                hands.build(view, parent)
            case Fetch(peer, first, last):
                hands.fetch(peer, first, last)
            case Wake(at_ms):
                self._set_alarm_clock(at_ms)
            case Accuse(evidence):
                hands.accuse(evidence)
            case Refused(peer, reason):
                hands.refused(peer, reason)
            case Alarm(code, sentence):
                hands.alarm(code, sentence)
            case _:
                assert_never(effect)
        return None

    def _sign(self, statement: Statement, member: MemberId, sequence: int) -> Signed:
        durable = self._durable
        assert durable is not None, "a key without a safety record signs nothing"
        assert durable.sequence >= sequence, "a signature was asked for before its record is safe"
        check_statement(durable, statement)
        return Signed(statement, self._hands.sign(member, statement))

    def _set_alarm_clock(self, at_ms: int) -> None:
        if self._alarm_clock is not None:
            self._alarm_clock.cancel()
        delay_s = max(0, at_ms - self._clock_ms()) / 1000
        loop = asyncio.get_running_loop()
        self._alarm_clock = loop.call_later(delay_s, self.put, Tick())
