"""One connection: shake hands, then read and write frames until one side ends it.

Everything has a deadline: the greeting, each frame that is awaited (members say STATUS every few
seconds even when idle) and each write. A half-open connection, a peer that sends a byte a minute
and a reader that stops reading end by themselves.
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from node.p2p.frames import BEFORE_HELLO, Frame, FrameError, FrameType, read_frame
from node.p2p.hello import (
    Ends,
    Greeting,
    HelloRefused,
    Identity,
    check_greeting,
    check_proof,
    make_greeting,
    make_proof,
)
from node.p2p.queues import BYTES_MAX, SendQueue, TooSlow
from node.p2p.tls import certificate_end, pin_of_peer

HANDSHAKE_S: Final = 5.0
IDLE_S: Final = 20.0
WRITE_S: Final = 20.0
BUFFER_BYTES: Final = 256 << 10
"""What is read ahead of a connection before the peer has to wait."""


class PeerFault(Exception):  # noqa: N818  (says what happened)
    """The peer sent what no correct node sends. The connection is closed."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end, proved."""

    organisation: str
    key: bytes
    """The key of its greeting: the validate key, if it votes."""
    certificate_until: datetime.datetime | None = None
    """End of its TLS certificate; nothing stops then, people are told in time."""


OnFrame = Callable[[Peer, Frame], Awaitable[None]]

GuestPin = Callable[[str], bytes | None]
"""Pin of an organisation that may connect although this node does not dial it, else None."""


@dataclass(frozen=True, slots=True)
class Channel:
    """An open TLS connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    dialled: bool

    def abort(self) -> None:
        """Close at once, whatever is still unsent."""
        self.writer.transport.abort()


async def shake_hands(
    channel: Channel,
    identity: Identity,
    epoch: int,
    organisations: Mapping[bytes, str],
    wanted: str | None = None,
    guest_pin: GuestPin = lambda organisation: None,
) -> Peer:
    """Who the peer is. ``organisations``: by pin, those with a seat; ``wanted``: whom this node
    dialled. A guest has no seat and is asked for its name first: the ledger is looked up by it.

    Raises ``HelloRefused``, ``FrameError``, ``TlsError``, ``TimeoutError``, ``OSError`` or
    ``IncompleteReadError``.
    """
    pin = pin_of_peer(channel.writer.get_extra_info("ssl_object"))
    if pin == identity.pin:
        raise HelloRefused("the peer has our own key")
    organisation = organisations.get(pin)
    if organisation is None and channel.dialled:
        raise HelloRefused("the peer's key is not on the ledger")
    if wanted is not None and organisation != wanted:
        # Before anything is said: whoever it is must not take this for a connection to us.
        raise HelloRefused(f"{organisation} answers at the address of {wanted}")
    ends = Ends(channel.dialled, identity.pin, pin)
    own = make_greeting(identity, epoch)
    async with asyncio.timeout(HANDSHAKE_S):
        if organisation is None:
            peer = Greeting.decode(await _read(channel, FrameType.GREETING))
            organisation = peer.organisation
            if guest_pin(organisation) != pin:
                raise HelloRefused("the peer's key is not on the ledger")
            await _write(channel, Frame(FrameType.GREETING, own.encode()))
        else:
            await _write(channel, Frame(FrameType.GREETING, own.encode()))
            peer = Greeting.decode(await _read(channel, FrameType.GREETING))
        check_greeting(own, peer, organisation)
        await _write(channel, Frame(FrameType.PROOF, make_proof(identity, own, peer, ends)))
        check_proof(own, peer, ends, await _read(channel, FrameType.PROOF))
    ends_at = certificate_end(channel.writer.get_extra_info("ssl_object"))
    return Peer(organisation, peer.key, ends_at)


class Link:
    """A connection to a peer that has proved who it is."""

    def __init__(self, channel: Channel, peer: Peer, queue_bytes_max: int = BYTES_MAX) -> None:
        self.peer = peer
        self.dialled = channel.dialled
        self.closed = asyncio.Event()
        self.reason = ""
        """Why it ended."""
        self.is_fault = False
        """Whether it ended over what no correct peer sends."""
        self._channel = channel
        self._queue = SendQueue(queue_bytes_max)

    def send(self, frame: Frame) -> bool:
        """Queue a frame. False when it was dropped or the connection has ended."""
        if self.closed.is_set():
            return False
        try:
            return self._queue.put(frame)
        except TooSlow as slow:
            self.close(f"too slow: {slow}")
            return False

    def close(self, reason: str) -> None:
        """End the connection; the first reason stays."""
        if not self.closed.is_set():
            self.reason = reason
            self.closed.set()
            self._channel.abort()

    async def run(self, on_frame: OnFrame) -> None:
        """Read and write until the connection ends. ``reason`` says why it did."""
        writing = asyncio.create_task(self._write_all())
        try:
            await self._read_all(on_frame)
        except (FrameError, PeerFault) as fault:
            self.is_fault = not self.closed.is_set()
            self.close(str(fault))
        except TimeoutError:
            self.close(f"silent for {IDLE_S:.0f} s")
        except (OSError, asyncio.IncompleteReadError):
            self.close("the peer closed the connection")
        finally:
            self.close("the node closed the connection")
            writing.cancel()
            # Not awaited itself: whoever cancels us now must not be taken for it.
            await asyncio.wait([writing])

    async def _read_all(self, on_frame: OnFrame) -> None:
        allowed = frozenset(FrameType) - BEFORE_HELLO
        while not self.closed.is_set():
            async with asyncio.timeout(IDLE_S):
                frame = await read_frame(self._channel.reader, allowed)
            await on_frame(self.peer, frame)
            # A turn for everybody else: what is read ahead of a flood never makes this wait.
            await asyncio.sleep(0)

    async def _write_all(self) -> None:
        try:
            while True:
                frame = await self._queue.get()
                async with asyncio.timeout(WRITE_S):
                    await _write(self._channel, frame)
        except TimeoutError:
            self.close(f"takes nothing for {WRITE_S:.0f} s")
        except OSError:
            self.close("the peer closed the connection")


async def _write(channel: Channel, frame: Frame) -> None:
    channel.writer.write(frame.encode())
    await channel.writer.drain()


async def _read(channel: Channel, wanted: FrameType) -> bytes:
    return (await read_frame(channel.reader, frozenset({wanted}))).body
