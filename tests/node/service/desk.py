"""An exchange whose host, connections and store are a test: notes what reaches them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from consensus import (
    Event,
    Message,
    Received,
)
from node.ledger import block as ledger_block
from node.p2p.frames import Frame, FrameType
from node.p2p.link import Peer
from node.p2p.payloads import (
    Share,
)
from node.service.exchange import Exchange
from node.telemetry import make_logger
from tests.node.ordering.test_wire import CHAIN, SEATS

EPOCH = 3
PEERS = {str(seat.organisation): Peer(seat.organisation, seat.key) for seat in SEATS.validators[1:]}
LIAR = next(iter(PEERS.values()))
OWN_FRAME = {
    "Proposal": FrameType.PROPOSAL, "Vote": FrameType.VOTE, "Wish": FrameType.VOTE,
    "ViewChange": FrameType.CHANGE, "NewView": FrameType.CHANGE, "Decided": FrameType.CHANGE,
    "Status": FrameType.STATUS,
}  # fmt: skip


class Desk:
    """Host, connections and store of an exchange: notes what reaches them."""

    port, pin, valid_until = 0, b"", None

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.offered: list[tuple[Event, int]] = []
        self.sent: list[tuple[str, Frame]] = []
        self.admitted: list[bytes] = []
        self.troubles: dict[bytes, Exception] = {}
        self.bugs: list[BaseException] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.served = 0
        self.served_content: bytes | None = None
        self.seated = True
        self.share = Share.CONTENT
        self.exchange = Exchange(self, CHAIN, self, make_logger("error", "json"))  # type: ignore[arg-type]
        self.exchange.attach(self)  # type: ignore[arg-type]

    # Host
    def put(self, event: Event) -> None:
        self.events.append(event)

    async def offer(self, event: Received, size: int) -> None:
        self.offered.append((event, size))

    def validators(self) -> tuple[int, ledger_block.ValidatorSet]:
        return EPOCH, SEATS

    def height(self) -> int:
        return 8

    async def take_transaction(self, body: bytes) -> None:
        await self.gate.wait()
        if body in self.troubles:
            raise self.troubles[body]
        self.admitted.append(body)

    def share_of(self, organisation: str) -> Share:
        return Share.CONTENT

    def owed_until(self, organisation: str) -> int:
        return 0

    def tell_owed(self, organisation: str, height: int) -> None:
        raise AssertionError("everybody may follow here")

    def own_share(self) -> Share:
        return self.share

    def is_seated_here(self) -> bool:
        return self.seated

    def guest_pin(self, organisation: str) -> bytes | None:
        return None

    def bug(self, error: BaseException) -> None:
        if error not in self.troubles.values():
            raise AssertionError from error
        self.bugs.append(error)

    # Connections
    def send(self, organisation: str, frame: Frame) -> bool:
        self.sent.append((organisation, frame))
        return True

    def connected(self) -> dict[str, Peer]:
        return PEERS

    async def stop(self) -> None:
        """Nothing is open."""

    # Store
    def certified(self, height: int, share: Share) -> tuple[bytes, bytes] | None:
        self.served += 1
        return None

    def content(self, height: int, block: bytes) -> bytes | None:
        return self.served_content


def run(story: Callable[[Any], object], make: Callable[[], Desk] = Desk) -> None:
    async def body() -> None:
        desk = make()
        try:
            await story(desk)  # type: ignore[misc]
        finally:
            await desk.exchange.stop()

    asyncio.run(body())


def member_of(message: Message) -> Peer:
    """Whoever may send it."""
    sender = getattr(message, "sender", 1)
    seat = SEATS.validators[sender]
    return Peer(seat.organisation, seat.key)
