"""The talk with peers: consensus messages out and in, transactions to everybody, blocks on request.

What comes in is checked before the core hears it: frame, encoding, then every signature against the
set of the message's epoch. A bad signature under a proved identity is nobody's accident: the
connection ends. A message of another epoch is, and is passed over.

The core names peers by their validate keys, the connections by organisations; a peer whose key is
in no set (a node that follows, or whose key is burnt) is named by its organisation.

Between a node with a seat and one without (a guest there, a follower here) less is said: the guest
is told the head and its certificate, brings transactions and asks for blocks. What it claims moves
no validator, and what binds is never sent to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol

import structlog

from consensus import (
    Block,
    Decided,
    Event,
    Fetched,
    MemberId,
    Message,
    Proposal,
    Received,
    Status,
    ValidatorSet,
    Vote,
)
from consensus.messages import Wish
from node.ledger import block as ledger_block
from node.ledger.errors import InvalidMessage
from node.ordering import wire
from node.p2p.frames import Frame, FrameType
from node.p2p.link import Peer, PeerFault
from node.p2p.payloads import (
    BLOCKS_MAX,
    AnyContent,
    Ask,
    AskContent,
    Content,
    Share,
    decode_content,
    decode_proposal,
    decode_refusal,
    encode_proposal,
    share_in,
)
from node.p2p.peers import Address, Connections, Events
from node.service.answers import Answers
from node.service.contents import Contents, Wanted
from node.service.findings import Findings
from node.service.inboxes import Inboxes
from node.service.offers import Offers
from node.service.reading import (
    FROM_GUESTS,
    REQUESTS,
    check_origin,
    decode_message,
    epoch_of,
    frame_type,
    is_innocent,
    share_to_ask,
    verify_blocks,
)
from node.service.serving import BlockServer

GUEST_STATUS_S: Final = 0.05
"""STATUS of a guest is heard once in this time."""
HEIGHTS_AHEAD: Final = 2
"""Proposals are kept for the height in flight and the one above it, as in the core."""


class Host(Protocol):
    """What the node gives to the exchange."""

    def put(self, event: Event) -> None:
        """Hand an event to the driver."""

    async def offer(self, event: Received, size: int) -> None:
        """Hand it a peer's message; waits while too much of that peer's is in work."""

    def validators(self) -> tuple[int, ledger_block.ValidatorSet]:
        """Epoch and set of the height in flight."""

    def height(self) -> int:
        """Of the committed head."""

    async def take_transaction(self, wire: bytes) -> None:
        """Admit a transaction that a peer passed on. Raises ``LedgerError``."""

    def share_of(self, organisation: str) -> Share:
        """How much of a block an organisation is entitled to."""

    def owed_until(self, organisation: str) -> int:
        """Height up to which every block is owed to an organisation that had a seat."""

    def guest_pin(self, organisation: str) -> bytes | None:
        """Pin of an organisation without a seat that may connect."""

    def tell_owed(self, organisation: str, height: int) -> None:
        """A guest that may not follow has this height: tell it what is owed, or let it go."""

    def is_seated_here(self) -> bool:
        """Whether this node's organisation has a seat in the set of the height in flight."""

    def own_share(self) -> Share:
        """How much of a block this node asks for."""

    def bug(self, error: BaseException) -> None:
        """Handling a peer's frame met a bug of ours."""


class Exchange(Events):
    """Between the consensus driver and the connections. For the event loop's thread."""

    def __init__(
        self, host: Host, chain: bytes, server: BlockServer, log: structlog.stdlib.BoundLogger
    ) -> None:
        self.contents = Contents()
        self.heights: dict[str, int] = {}  # What peers claim to have committed, for people to read.
        self._host = host
        self.votes: Callable[[], bool] = host.is_seated_here  # Whether this node has a seat.
        self._chain = chain
        self._server = server
        self._log = log
        self._peers: Connections | None = None
        self._known: tuple[int, ValidatorSet] | None = None
        self._asked: dict[str, Ask] = {}
        self._asked_before: set[str] = set()
        """Who was asked on this connection: an answer may be late, and its seat gone meanwhile."""
        self._wanted: dict[bytes, Wanted] = {}
        """Blocks whose content is asked for."""
        self._granted: dict[str, Share] = {}
        """What a peer said it may give to this node, where that is less than was asked for."""
        self._status_s: dict[str, float] = {}
        self._refused: dict[str, str] = {}
        """What the core could not believe of a peer, until its connection has ended over it."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="peers")
        self._inboxes = Inboxes(host.take_transaction, self._spawn, host.bug, log)
        self.offers = Offers()
        self._answers = Answers(
            server, host.share_of, host.owed_until, self.is_seated,
            lambda to, frame: self.peers.send(to, frame), self._spawn, log, self.offers,
        )  # fmt: skip
        self.on_snapshot: Callable[[str, Frame], None] = lambda organisation, frame: None
        self.without: dict[str, int] = {}
        """Heights whose block a peer could not give although it is higher."""
        self.on_peer_up: Callable[[str], None] = lambda organisation: None
        self._findings: Findings | None = None

    def share(self, findings: Findings) -> None:
        """What goes between nodes beside the consensus. After ``attach``."""
        self._findings = findings
        findings.attach(self.peers)

    def attach(self, peers: Connections) -> None:
        """The connections to use."""
        self._peers = peers

    @property
    def peers(self) -> Connections:
        """The connections."""
        assert self._peers is not None, "attach comes first"
        return self._peers

    async def stop(self) -> None:
        """End the connections and the work for peers."""
        await self.peers.stop()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._answers.stop()
        self.offers.close()
        await asyncio.get_running_loop().run_in_executor(None, self._threads.shutdown)

    def update(self, addresses: dict[str, Address]) -> None:
        """Talk to these from here on."""
        self.peers.update(addresses, self._host.validators()[0])

    # --- Out ----------------------------------------------------------------------------------

    def send(self, to: MemberId | None, message: Message) -> None:
        """Send to one member, or to everybody who is connected and may hear it."""
        connected = {o: p for o, p in self.peers.connected().items() if self._may_hear(o, message)}
        if to is not None:
            connected = {o: p for o, p in connected.items() if self.name_of(p) == to}
        frame = self._frame(message) if connected else None
        if frame is not None:
            for organisation in connected:
                self.peers.send(organisation, frame)

    def push(self, transaction: bytes, to: Iterable[str] | None = None) -> None:
        """Pass a transaction on to all validators, or to some."""
        frame = Frame(FrameType.TRANSACTION, transaction)
        for organisation in self.peers.connected() if to is None else to:
            if self.is_seated(organisation):
                self.peers.send(organisation, frame)

    def announce(self, message: Decided | Status) -> None:
        """Tell the guests that follow of a committed block, or how high this node is: they ask for
        what they lack at once."""
        guests = [name for name in self.peers.connected() if not self.is_seated(name)]
        self.tell([guest for guest in guests if self._may_follow(guest)], message)

    def tell(self, guests: Sequence[str], message: Message) -> None:
        """Tell guests something, if this node has a seat."""
        frame = self._frame(message) if guests and self.votes() else None
        if frame is not None:
            for organisation in guests:
                self.peers.send(organisation, frame)

    def ask(self, organisation: str, frame: Frame) -> bool:
        """Send a request; False when it could not be sent."""
        self._asked_before.add(organisation)
        return self.peers.send(organisation, frame)

    def fetch(self, peer: MemberId, first: int, last: int) -> None:
        """Ask for certified blocks; the answer becomes ``Fetched``."""
        organisation = self.organisation_of(peer)
        if organisation is not None:
            last = min(last, first + BLOCKS_MAX - 1)
            ask = Ask(first, last, self._share_from(organisation, certified=True))
            self._asked[organisation] = ask
            if self.ask(organisation, Frame(FrameType.ASK, ask.encode())):
                return
        self._host.put(Fetched(peer, ()))

    async def find(
        self, block: Block, holders: Sequence[MemberId], wait_s: float, *, certified: bool = False
    ) -> AnyContent | None:
        """The block's content in the form that this node is entitled to: received already, or
        asked of one holder after the other. ``certified``: a quorum has decided the block."""
        for holder in holders:
            if (found := self.contents.find(block.id)) is not None:
                return found[1]
            organisation = self.organisation_of(holder)
            if organisation is None:
                continue
            share = self._share_from(organisation, certified=certified)
            ask = AskContent(block.height, block.id, share)
            if not self.ask(organisation, Frame(FrameType.ASK_CONTENT, ask.encode())):
                continue
            arrived = asyncio.Event()
            self._wanted[block.id] = Wanted(arrived, certified, organisation)
            try:
                async with asyncio.timeout(wait_s):
                    await arrived.wait()
            except TimeoutError:
                continue
            finally:
                self._wanted.pop(block.id, None)
        return None if (held := self.contents.find(block.id)) is None else held[1]

    # --- Names --------------------------------------------------------------------------------

    def members(self) -> ValidatorSet:
        """The set of the height in flight, as the core has it."""
        epoch, validators = self._host.validators()
        if self._known is None or self._known[0] != epoch:
            self._known = (epoch, wire.to_core_validators(epoch, validators))
        return self._known[1]

    def name_of(self, peer: Peer) -> MemberId:
        """What the core calls a peer."""
        _, validators = self._host.validators()
        seat = validators.index_of(peer.organisation)
        if seat is None:
            return MemberId(peer.organisation.encode())
        # Whatever key it greeted with: one that was rotated since is the same node.
        return MemberId(validators.validators[seat].key)

    def is_seated(self, organisation: str) -> bool:
        """Whether the organisation has a seat in the set of the height in flight."""
        return self._host.validators()[1].index_of(organisation) is not None

    def _may_hear(self, organisation: str, message: Message) -> bool:
        if not self.votes():
            return isinstance(message, Status)
        if self.is_seated(organisation):
            return True
        return isinstance(message, Status | Decided) and self._may_follow(organisation)

    def _may_follow(self, organisation: str) -> bool:
        return self._host.share_of(organisation) is not Share.NOTHING

    def _share_from(self, organisation: str, *, certified: bool = False) -> Share:
        _, seats = self._host.validators()
        believed = seats.size - seats.quorum + 1 if certified else None
        return share_to_ask(
            self._host.own_share(), self._granted, organisation, believed if self.votes() else 0
        )

    def organisation_of(self, name: MemberId) -> str | None:
        """The connected organisation that the core calls so."""
        for organisation, peer in self.peers.connected().items():
            if self.name_of(peer) == name:
                return organisation
        return None

    # --- In -----------------------------------------------------------------------------------

    async def on_frame(self, peer: Peer, frame: Frame) -> None:
        """Work off one frame of a peer, or hand it to whoever does."""
        if frame.type not in FROM_GUESTS and not self.is_seated(peer.organisation):
            asked = peer.organisation in self._asked_before
            if not is_innocent(frame, asked=asked, epoch=self.members().epoch):
                raise PeerFault(f"a frame of type {frame.type.name} from a node without a seat")
            return
        if (reason := self._refused.pop(peer.organisation, None)) is not None:
            raise PeerFault(reason)
        match frame.type:
            case FrameType.VOTE | FrameType.CHANGE | FrameType.STATUS:
                await self._take_message(peer, frame)
            case FrameType.PROPOSAL:
                await self._take_proposal(peer, frame.body)
            case FrameType.TRANSACTION:
                self._inboxes.put(peer.organisation, frame.body)
            case _ if frame.type in REQUESTS:
                self._answers.take(peer, frame)
            case FrameType.MANIFEST | FrameType.CHUNK:
                self.on_snapshot(peer.organisation, frame)
            case FrameType.BLOCKS:
                await self._take_blocks(peer, frame.body)
            case FrameType.CONTENT:
                self._take_content(peer, frame.body)
            case FrameType.REFUSED:
                self._take_refusal(peer, frame.body)
                self.on_snapshot(peer.organisation, frame)
            case FrameType.EVIDENCE | FrameType.OUTCOME:
                if self._findings is not None:
                    self._findings.take(peer, frame)
            case _:
                raise PeerFault(f"a frame of type {frame.type.name} after the greeting")

    def on_up(self, peer: Peer) -> None:
        """A peer is connected: it may lack what waits here."""
        self._answers.on_up(peer.organisation)
        self._asked.pop(peer.organisation, None)
        self._asked_before.discard(peer.organisation)
        self._granted.pop(peer.organisation, None)
        self._refused.pop(peer.organisation, None)
        if self._findings is not None:
            self._findings.on_up(peer)
        self.on_peer_up(peer.organisation)

    def guest_pin(self, organisation: str) -> bytes | None:
        return self._host.guest_pin(organisation)

    def refused(self, peer: MemberId, reason: str) -> bool:
        """The core refused what this peer said: no correct node says such a thing, so with its
        next frame the connection ends. Whether that is news."""
        organisation = self.organisation_of(peer)
        if organisation is None or organisation in self._refused:
            return False
        self._refused[organisation] = reason
        return True

    def on_bug(self, error: BaseException) -> None:
        self._host.bug(error)

    async def _take_message(self, peer: Peer, frame: Frame) -> None:
        message = decode_message(frame.body)
        if frame_type(message) is not frame.type:
            raise PeerFault(f"a {type(message).__name__} in a frame of type {frame.type.name}")
        if isinstance(message, Status):
            if not self.is_seated(peer.organisation) and not self._is_of_use(peer, message):
                return
            self.heights[peer.organisation] = message.height
        if await self._is_sound(peer, message):
            await self._host.offer(Received(self.name_of(peer), message), frame.size)

    def _is_of_use(self, peer: Peer, status: Status) -> bool:
        """Whether a guest's STATUS shows that it lacks something, and is not one of a flood."""
        now_s = asyncio.get_running_loop().time()
        if now_s < self._status_s.get(peer.organisation, -GUEST_STATUS_S) + GUEST_STATUS_S:
            return False
        self._status_s[peer.organisation] = now_s
        if self.votes() and not self._may_follow(peer.organisation):
            self._host.tell_owed(peer.organisation, status.height)
            return False
        return status.height < self._host.height()

    async def _take_proposal(self, peer: Peer, body: bytes) -> None:
        encoded, data = decode_proposal(body)
        message = decode_message(encoded)
        if not isinstance(message, Proposal):
            raise PeerFault(f"a {type(message).__name__} in a proposal")
        if not 0 < message.block.height - self._host.height() <= HEIGHTS_AHEAD:
            return
        content = Content.decode(data)
        if wire.to_core_block(content.header) != message.block:
            raise PeerFault("a proposal with the content of another block")
        if content.header.chain != self._chain:
            raise PeerFault("a proposal for another chain")
        if await self._is_sound(peer, message):
            self.contents.add(peer.organisation, content)
            await self._host.offer(Received(self.name_of(peer), message), len(encoded))

    async def _is_sound(self, peer: Peer, message: Message) -> bool:
        """Check all signatures. False for another epoch's, of which only STATUS says anything here.
        Raises ``PeerFault``."""
        members = self.members()
        if epoch_of(message) != members.epoch:
            return isinstance(message, Status)
        check_origin(peer.organisation, message, self._host.validators()[1])
        try:
            if isinstance(message, Vote | Wish | Proposal | Status):
                wire.verify_message(message, self._chain, members)
            else:
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(
                    self._threads, wire.verify_message, message, self._chain, members
                )
        except InvalidMessage as error:
            raise PeerFault(f"an unsound {type(message).__name__}: {error.code}") from None
        return True

    async def _take_blocks(self, peer: Peer, body: bytes) -> None:
        ask = self._asked.pop(peer.organisation, None)
        if ask is None:
            return  # the answer came too late, or was never asked for
        name = self.name_of(peer)
        try:
            decided = await self._check_blocks(peer, ask, body)
        except PeerFault:
            self._host.put(Fetched(name, ()))
            raise
        if decided == [] and ask.first < self.heights.get(peer.organisation, 0):
            self.without[peer.organisation] = ask.first
        self._host.put(Fetched(name, tuple(decided or ())))

    async def _check_blocks(self, peer: Peer, ask: Ask, body: bytes) -> list[Decided] | None:
        epoch, validators = self._host.validators()
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(
            self._threads, verify_blocks, body, ask, self._chain, epoch, validators
        )
        if found is None or ask.share < self._share_from(peer.organisation, certified=True):
            return None  # asked for another time, or before this node had its seat
        decided = []
        for certificate, content in found:
            self.contents.add(peer.organisation, content)
            core = wire.from_ledger_certificate(certificate)
            decided.append(Decided(wire.to_core_block(content.header), core))
        return decided

    def _take_content(self, peer: Peer, body: bytes) -> None:
        if not self._wanted:
            return
        content = decode_content(body)
        wanted = self._wanted.get(content.header.hash)
        if wanted is None:
            return
        share = self._share_from(peer.organisation, certified=wanted.certified)
        if share_in(content) is share:
            self.contents.add(peer.organisation, content)
            wanted.arrived.set()

    def _take_refusal(self, peer: Peer, body: bytes) -> None:
        """The peer gives less than was asked for: from here on no more is asked of it."""
        granted, held = decode_refusal(body), self._granted.get(peer.organisation)
        if held is None or granted < held:
            self._log.warning("p2p.refused-us", peer=peer.organisation, limit=granted.name.lower())
            self._granted[peer.organisation] = granted
        if self._asked.pop(peer.organisation, None) is not None:
            self._host.put(Fetched(self.name_of(peer), ()))
        for wanted in self._wanted.values():
            if wanted.asked == peer.organisation:
                wanted.arrived.set()

    def _frame(self, message: Message) -> Frame | None:
        kind = frame_type(message)
        if isinstance(message, Decided):
            header = self._server.header(message.block.height, message.block.id)
            return None if header is None else Frame(kind, wire.encode_message(message, header))
        body = wire.encode_message(message)
        if not isinstance(message, Proposal):
            return Frame(kind, body)
        content = self._server.content(message.block.height, message.block.id)
        return None if content is None else Frame(kind, encode_proposal(body, content))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._on_task_done)

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._host.bug(error)
