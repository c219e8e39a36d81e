"""All connections of a node: dial, accept, one for each peer, and again when one is lost.

Both sides dial. Of two connections between the same two nodes the one that the organisation with
the lower id dialled stays, on both sides alike; of two from the same side the newer, because its
maker knows that the older one is gone. Failed attempts wait longer and longer, up to
``BACKOFF_MAX_S``: a peer that comes back is found within seconds, however long it was away.

A peer whose connection ended over what no correct node sends waits ``FAULT_PAUSE_S`` before it gets
another one: otherwise a flood of bad messages would only have to dial again after each.

Guests are organisations without a seat that may follow (``guest_pin``). They dial, nobody dials
them; there is room for ``GUESTS_MAX``, each with a small queue. Strangers cost a bounded number of
handshakes, each with a deadline; who is not on the ledger gets no further.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import random
import socket
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from node.ledger.crypto import PrivateKey
from node.ledger.types import Digest
from node.p2p.frames import Frame, FrameError
from node.p2p.hello import HelloRefused, Identity
from node.p2p.link import BUFFER_BYTES, HANDSHAKE_S, Channel, Link, Peer, shake_hands
from node.p2p.queues import BYTES_MAX, GUEST_BYTES_MAX
from node.p2p.tls import TlsError, Transport, make_transport

BACKOFF_MIN_S: Final = 0.1
BACKOFF_MAX_S: Final = 5.0
SECOND_DIALLER_S: Final = 0.5
"""The organisation with the higher id lets the other one dial first."""
FAULT_PAUSE_S: Final = 5.0
HANDSHAKES_MAX: Final = 64
"""Accepted connections that have not proved who they are."""
GUESTS_MAX: Final = 32
"""Followers that are connected at once; with their queues they take up to 800 MiB when all of them
ask for the largest answers and take none."""
BACKLOG: Final = 64

TURNS_TO_CLOSE: Final = 3

FAILURES: Final = (
    OSError, TimeoutError, asyncio.IncompleteReadError, HelloRefused, FrameError, TlsError,
)  # fmt: skip
"""What a peer or the network between can do to an attempt (TLS errors are ``OSError``)."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where an organisation's node is, as the ledger has it."""

    host: str
    port: int
    pin: bytes


@dataclass(slots=True)
class Absence:
    """Since when a peer is not connected, and why."""

    since_ms: int
    reason: str


class Events(Protocol):
    """What the node is told. Called on the event loop's thread."""

    async def on_frame(self, peer: Peer, frame: Frame) -> None:
        """A frame came. Raises ``PeerFault`` to end the connection."""

    def on_up(self, peer: Peer) -> None:
        """A peer is connected, perhaps anew."""

    def guest_pin(self, organisation: str) -> bytes | None:
        """Pin of an organisation that may connect although nobody dials it; None for others."""

    def on_bug(self, error: BaseException) -> None:
        """Handling a connection met a bug of ours; only that connection ended."""


class Connections(Protocol):
    """What a node needs of its connections. For the event loop's thread."""

    @property
    def port(self) -> int:
        """Where it listens."""

    @property
    def pin(self) -> bytes:
        """Of the own transport key."""

    @property
    def valid_until(self) -> datetime.datetime:
        """Of the own certificate."""

    def listen(self, host: str, port: int) -> None:
        """Accept connections from here on. Raises ``OSError``."""

    def update(self, addresses: Mapping[str, Address], epoch: int) -> None:
        """Talk to exactly these; who is not among them, or has another key, is left."""

    async def stop(self) -> None:
        """End all connections."""

    def send(self, organisation: str, frame: Frame) -> bool:
        """Queue a frame for a peer. False when it is not connected or the frame was dropped."""

    def drop(self, organisation: str, reason: str) -> None:
        """End the connection to a peer that lied; it may come back."""

    @property
    def sent(self) -> Mapping[str, int]:
        """Bytes that were given to peers so far, by type of frame."""

    def connected(self) -> dict[str, Peer]:
        """Who is up, by organisation."""

    def absent(self) -> dict[str, Absence]:
        """Who is not, since when (monotonic) and why."""


@dataclass(frozen=True, slots=True)
class Who:
    """Who a node is towards its peers, before it has a transport."""

    chain: Digest
    organisation: str
    key: PrivateKey
    """The validate key; a node without one takes its transport key."""
    transport_key: PrivateKey


Connect = Callable[[Who, Events, structlog.stdlib.BoundLogger, Callable[[], int]], Connections]
"""Makes the connections of a node; the last argument is the monotonic clock in milliseconds."""


class Peers:
    """The connections of one node, over TLS."""

    def __init__(
        self,
        identity: Identity,
        transport: Transport,
        events: Events,
        log: structlog.stdlib.BoundLogger,
        *,
        clock_ms: Callable[[], int] = lambda: time.monotonic_ns() // 1_000_000,
    ) -> None:
        self.port = 0
        self.sent: Counter[str] = Counter()
        self.pin = transport.pin
        self.valid_until = transport.valid_until
        self._identity = identity
        self._transport = transport
        self._events = events
        self._log = log
        self._clock_ms = clock_ms
        self._addresses: dict[str, Address] = {}
        self._organisations: dict[bytes, str] = {}
        self._epoch = 0
        self._links: dict[str, Link] = {}
        self._absent: dict[str, Absence] = {}
        self._paused_until_ms: dict[str, int] = {}
        """Of peers in the ledger only, after a fault."""
        self._dialling: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._handshakes = 0
        self._accepted: set[socket.socket] = set()
        """Of these no task has begun yet to take care."""
        self._socket: socket.socket | None = None

    # --- Life ---------------------------------------------------------------------------------

    def listen(self, host: str, port: int) -> None:
        """Accept connections from here on. Raises ``OSError``."""
        self._socket = socket.create_server((host, port), backlog=BACKLOG)
        self._socket.setblocking(False)
        self.port = self._socket.getsockname()[1]
        self._spawn(self._accept(self._socket))

    def update(self, addresses: Mapping[str, Address], epoch: int) -> None:
        """Talk to exactly these; who is not among them, or has another key, is left."""
        self._epoch = epoch
        before, self._addresses = self._addresses, dict(addresses)
        self._organisations = {a.pin: org for org, a in addresses.items()}
        for organisation, address in before.items():
            if self._addresses.get(organisation) == address:
                continue
            self._dialling.pop(organisation).cancel()
            self._absent.pop(organisation, None)
            link = self._links.get(organisation)
            if link is not None and self._pin_of(organisation) != address.pin:
                link.close("the ledger names another key")
        for organisation in self._addresses:
            if organisation not in self._dialling:
                if organisation not in self._links:
                    self._absent[organisation] = Absence(self._clock_ms(), "not yet seen")
                task = self._spawn(self._keep_dialling(organisation))
                self._dialling[organisation] = task

    async def stop(self) -> None:
        """End all connections."""
        if self._socket is not None:
            self._socket.close()
        for link in list(self._links.values()):
            link.close("the node stops")
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        # A task that is cancelled before its first step never sees what it was given.
        for connection in self._accepted:
            connection.close()
        # An aborted transport closes its socket in the next turn of the loop.
        for _ in range(TURNS_TO_CLOSE):
            await asyncio.sleep(0)

    # --- Use ----------------------------------------------------------------------------------

    def send(self, organisation: str, frame: Frame) -> bool:
        """Queue a frame for a peer. False when it is not connected or the frame was dropped."""
        link = self._links.get(organisation)
        if link is None or not link.send(frame):
            return False
        self.sent[frame.type.name.lower()] += frame.size
        return True

    def drop(self, organisation: str, reason: str) -> None:
        """End the connection to a peer that lied; it may come back."""
        link = self._links.get(organisation)
        if link is not None:
            link.is_fault = True
            link.close(reason)

    def connected(self) -> dict[str, Peer]:
        """Who is up, by organisation."""
        return {organisation: link.peer for organisation, link in self._links.items()}

    def absent(self) -> dict[str, Absence]:
        """Who is not, since when (monotonic) and why."""
        return dict(self._absent)

    # --- Connections --------------------------------------------------------------------------

    async def _keep_dialling(self, organisation: str) -> None:
        if self._identity.organisation > organisation:
            await asyncio.sleep(SECOND_DIALLER_S)
        delay = BACKOFF_MIN_S
        while True:
            link = self._links.get(organisation)
            if link is not None:
                await link.closed.wait()
                delay = BACKOFF_MIN_S
            elif pause_ms := self._pause_ms(organisation):
                delay = pause_ms / 500  # at least half of it is waited
            else:
                began_ms = self._clock_ms()
                try:
                    await self._dial(organisation)
                except FAILURES as error:
                    self._note_failure(organisation, error)
                except Exception as error:
                    # It costs this connection; whoever dials no more has lost the peer for good.
                    self._events.on_bug(error)
                lasted_s = (self._clock_ms() - began_ms) / 1000
                held = lasted_s > HANDSHAKE_S
                delay = BACKOFF_MIN_S if held else min(2 * delay, BACKOFF_MAX_S)
            # Not in step with everybody else who lost the same peer at the same moment.
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311  (no secret)

    async def _dial(self, organisation: str) -> None:
        address = self._addresses[organisation]
        async with asyncio.timeout(HANDSHAKE_S):
            reader, writer = await asyncio.open_connection(
                address.host, address.port, ssl=self._transport.client, limit=BUFFER_BYTES,
                ssl_handshake_timeout=HANDSHAKE_S,
            )  # fmt: skip
        await self._serve(Channel(reader, writer, dialled=True), organisation)

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(listener)
            except OSError as error:
                # Out of descriptors, most likely: those who are connected go on.
                self._log.warning("p2p.accept-failed", reason=error.strerror)
                await asyncio.sleep(BACKOFF_MIN_S)
                continue
            if self._handshakes >= HANDSHAKES_MAX:
                connection.close()
                continue
            self._handshakes += 1
            self._accepted.add(connection)
            self._spawn(self._answer(connection))

    async def _answer(self, connection: socket.socket) -> None:
        self._accepted.discard(connection)
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=BUFFER_BYTES)
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            try:
                transport, _ = await loop.connect_accepted_socket(
                    lambda: protocol, connection, ssl=self._transport.server,
                    ssl_handshake_timeout=HANDSHAKE_S,
                )  # fmt: skip
            except BaseException:
                # The socket is the loop's from here on, in failure too.
                self._handshakes -= 1
                raise
            writer = asyncio.StreamWriter(transport, protocol, reader, loop)
            await self._serve(Channel(reader, writer, dialled=False), None)
        except FAILURES as error:
            self._log.debug("p2p.refused", reason=_why(error))

    async def _serve(self, channel: Channel, wanted: str | None) -> None:
        """Shake hands and run the connection to its end."""
        try:
            try:
                peer = await shake_hands(
                    channel, self._identity, self._epoch, self._organisations, wanted,
                    self._events.guest_pin,
                )  # fmt: skip
            finally:
                if not channel.dialled:
                    self._handshakes -= 1
            seated = peer.organisation in self._addresses
            link = Link(channel, peer, BYTES_MAX if seated else GUEST_BYTES_MAX)
            try:
                if not self._take(link):
                    return
                await link.run(self._events.on_frame)
            finally:
                self._leave(link)
        finally:
            channel.abort()

    def _take(self, link: Link) -> bool:
        """Whether this connection is the one to the peer from here on."""
        organisation = link.peer.organisation
        if self._pause_ms(organisation):
            return False
        held = self._links.get(organisation)
        if held is None and organisation not in self._addresses and self._is_full():
            self._log.warning("p2p.guests-full", peer=organisation, limit=GUESTS_MAX)
            return False
        if held is not None:
            if self._is_preferred(held) and not self._is_preferred(link):
                return False
            held.close("replaced by a newer connection")
        self._links[organisation] = link
        self._absent.pop(organisation, None)
        self._log.info("p2p.up", peer=organisation)
        self._events.on_up(link.peer)
        return True

    def _leave(self, link: Link) -> None:
        organisation = link.peer.organisation
        if self._links.get(organisation) is not link:
            return
        del self._links[organisation]
        if link.is_fault:
            self._paused_until_ms[organisation] = self._clock_ms() + round(1000 * FAULT_PAUSE_S)
        if organisation in self._addresses:
            self._absent[organisation] = Absence(self._clock_ms(), link.reason)
        self._log.info("p2p.down", peer=organisation, reason=link.reason)

    def _is_full(self) -> bool:
        return sum(name not in self._addresses for name in self._links) >= GUESTS_MAX

    def _pause_ms(self, organisation: str) -> int:
        """For how long there is no connection after a fault."""
        left = self._paused_until_ms.get(organisation, 0) - self._clock_ms()
        if left <= 0:
            self._paused_until_ms.pop(organisation, None)
        return max(0, left)

    def _is_preferred(self, link: Link) -> bool:
        return link.dialled == (self._identity.organisation < link.peer.organisation)

    def _note_failure(self, organisation: str, error: BaseException) -> None:
        absence = self._absent.get(organisation)
        reason = _why(error)
        if absence is not None and absence.reason != reason:
            absence.reason = reason
            self._log.info("p2p.unreachable", peer=organisation, reason=reason)

    def _pin_of(self, organisation: str) -> bytes | None:
        address = self._addresses.get(organisation)
        return None if address is None else address.pin

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._on_task_done)
        return task

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        with contextlib.suppress(asyncio.CancelledError):
            error = task.exception()
            if error is not None:
                self._events.on_bug(error)


def connect_with_tls(
    who: Who,
    events: Events,
    log: structlog.stdlib.BoundLogger,
    clock_ms: Callable[[], int],
) -> Connections:
    """Connections over TLS 1.3 with a certificate made for this start."""
    transport = make_transport(who.transport_key, who.chain, who.organisation)
    identity = Identity(who.chain, who.organisation, who.key, transport.pin)
    return Peers(identity, transport, events, log, clock_ms=clock_ms)


def _why(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, asyncio.IncompleteReadError):
        return "the peer closed the connection while greeting"
    if isinstance(error, OSError) and error.errno and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
