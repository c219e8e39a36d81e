"""A node's part in a network of several validators: connections, exchange, custody of transactions.

A transaction that any node accepted is passed on to all of them at once, so that every correct
validator can order it and can tell when a primary leaves it out (CONSENSUS.md section 8). What
still waits after a while is passed on again to the primary; what is no longer admissible is let go
of, so that nobody waits for an order that will never come.
"""

from __future__ import annotations

import asyncio
import datetime
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

import structlog

from consensus import (
    Block,
    Certificate,
    Decided,
    Event,
    MemberId,
    Message,
    Phase,
    Received,
    Situation,
    Status,
)
from contracts.organisations import find_endpoint, load
from node.execution.blocks import BlockResult
from node.execution.state import CommittedState, ReadState
from node.ledger import block as ledger_block
from node.ledger.crypto import PrivateKey
from node.ledger.types import Digest
from node.ordering import wire
from node.p2p.frames import Frame
from node.p2p.payloads import Share
from node.p2p.peers import Absence, Address, Connect, Who, connect_with_tls
from node.service.admission import Admission
from node.service.chain import Chain
from node.service.custody import Custody, to_tell_again, to_tell_everybody
from node.service.entitlements import owed_until, share_of
from node.service.exchange import Exchange, Host
from node.service.serving import BlockServer
from node.telemetry import Metrics

TEND_S: Final = 1.0
"""How often waiting transactions are looked after."""
PUSH_TO_NEW_MAX: Final = 1_000
"""Waiting transactions that a peer is sent when it connects; the oldest."""
RECHECK_MAX: Final = 256
RECHECK_AFTER_MS: Final = 1_000
"""Waiting transactions of this age are looked at again: the oldest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class P2pOptions:
    """How the node talks to peers: where, with which key, and how much of a block it asks for."""

    host: str
    port: int
    key: PrivateKey
    """The transport key; its pin stands on the ledger."""
    receive: Share = Share.CONTENT
    """The most that a node without a seat asks for, where its office entitles it to more."""
    snapshot_after_blocks: int = 10_000
    """Behind by more than this, the node takes a snapshot instead of the blocks."""
    connect: Connect = connect_with_tls
    """What carries frames between nodes."""


class PeerPortUnavailable(Exception):  # noqa: N818  (what happened)
    """The address for peers cannot be listened on."""


class Network(Host):
    """The node among its peers. For the event loop's thread."""

    def __init__(
        self,
        options: P2pOptions,
        chain: Chain,
        state: CommittedState,
        admission: Admission,
        *,
        organisation: str,
        key: PrivateKey | None,
        put: Callable[[Event], None],
        offer: Callable[[Received, int], Awaitable[None]],
        situation: Callable[[], Situation],
        bug: Callable[[BaseException], None],
        log: structlog.stdlib.BoundLogger,
        monotonic_ms: Callable[[], int],
    ) -> None:
        """``key``: the validate key, None for a node that only follows."""
        self._put = put
        self._offer = offer
        self._monotonic_ms = monotonic_ms
        self._options = options
        self._chain = chain
        self._state = state
        self._admission = admission
        self.custody = Custody(admission.pool)
        self._organisation = organisation
        self._situation = situation
        self._bug = bug
        self._log = log
        chain_id = Digest(chain.parent.header.chain)
        self.exchange = Exchange(self, chain_id, BlockServer(chain), log)
        who = Who(chain_id, organisation, key or options.key, options.key)
        peers = options.connect(who, self.exchange, log, monotonic_ms)
        self.exchange.attach(peers)
        self.pin = peers.pin
        self.exchange.on_peer_up = self._on_peer_up
        self._has_learned: dict[str, int] = {}
        """Former members that have every block that is owed to them, and up to which height."""
        self._told_sent: Counter[str] = Counter()
        self.on_tend: Callable[[], None] = lambda: None
        """Called every ``TEND_S``."""
        self._tending: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """Where the node listens."""
        return self.exchange.peers.port

    def start(self) -> None:
        """Listen and dial. Raises ``PeerPortUnavailable``."""
        host, port = self._options.host, self._options.port
        try:
            self.exchange.peers.listen(host, port)
        except OSError as error:
            raise PeerPortUnavailable(
                f"p2p.port {port} on {host} cannot be listened on: {error.strerror}."
            ) from error
        self._log.info("p2p.listening", port=self.port)
        self.update()
        self._tending = asyncio.create_task(self._tend())
        self._tending.add_done_callback(self._on_tending_done)

    async def stop(self) -> None:
        """Close everything."""
        if self._tending is not None:
            self._tending.cancel()
        await self.exchange.stop()

    # --- For the driver's hands ---------------------------------------------------------------

    def send(self, to: MemberId | None, message: Message) -> None:
        """Send to a peer, or to all."""
        self.exchange.send(to, message)

    def refused(self, peer: MemberId, reason: str) -> bool:
        """The core could not believe a peer; whether that is news."""
        return self.exchange.refused(peer, reason)

    def fetch(self, peer: MemberId, first: int, last: int) -> None:
        """Ask a peer for certified blocks."""
        self.exchange.fetch(peer, first, last)

    def committed(self, result: BlockResult, calls_least: int, bytes_aim: int) -> None:
        """A height is on disk and published. ``calls_least``: what a block holds at least before
        an honest primary closes it with something left."""
        self.exchange.contents.committed(result.header.height)
        if result.next_validators is not None or any(
            key.startswith("endpoint/") for key in result.writes
        ):
            self.update()
        size = sum(transaction.size() for transaction in result.transactions)
        full = 2 * len(result.calls) >= calls_least or 2 * size >= bytes_aim
        senders = [transaction.body.sender for transaction in result.transactions]
        self.custody.committed(senders, full, self._monotonic_ms())

    def announce(self, block: Block, certificate: Certificate) -> None:
        """Tell those who follow: they wait for nothing but this."""
        self.exchange.announce(Decided(block, certificate))

    # --- Host ---------------------------------------------------------------------------------

    def put(self, event: Event) -> None:
        self._put(event)

    async def offer(self, event: Received, size: int) -> None:
        await self._offer(event, size)

    def validators(self) -> tuple[int, ledger_block.ValidatorSet]:
        return self._chain.validators_of_next()

    def height(self) -> int:
        return self._chain.parent.header.height

    def share_of(self, organisation: str) -> Share:
        return share_of(ReadState(self._state), self.validators()[1], organisation)

    def owed_until(self, organisation: str) -> int:
        return owed_until(self._chain.database.epochs(), organisation)

    def is_seated_here(self) -> bool:
        return self.validators()[1].index_of(self._organisation) is not None

    def own_share(self) -> Share:
        if self.is_seated_here():
            return Share.CONTENT
        if load(ReadState(self._state), self._organisation) is None:
            # It was admitted by a block that is not here yet: peers know what they may give.
            return self._options.receive
        return min(self._options.receive, self.share_of(self._organisation))

    async def take_transaction(self, wire: bytes) -> None:
        await self._admission.submit(wire, from_peer=True)

    def bug(self, error: BaseException) -> None:
        self._bug(error)

    # --- Peers --------------------------------------------------------------------------------

    def update(self) -> None:
        """Talk to the organisations with a seat, at the addresses that the ledger has."""
        state = ReadState(self._state)
        own = find_endpoint(state, self._organisation)
        if own is not None and own.tls_pin != self.pin:
            self._log.error("p2p.pin-differs", reason="p2p.key is not the one on the ledger")
        addresses = {}
        for seat in self.validators()[1].validators:
            endpoint = find_endpoint(state, seat.organisation)
            if endpoint is not None and seat.organisation != self._organisation:
                addresses[str(seat.organisation)] = Address(
                    endpoint.host, endpoint.port, endpoint.tls_pin
                )
        self.exchange.update(addresses)

    def absent(self) -> dict[str, Absence]:
        """Peers that are not connected."""
        return self.exchange.peers.absent()

    def details(self) -> dict[str, object]:
        """For the operator: where consensus stands, who is connected, the own certificate."""
        situation = self._situation()
        return {
            "view": situation.view,
            "phase": situation.phase.name.lower(),
            "peers": sorted(self.exchange.peers.connected()),
            "peers_absent": sorted(self.absent()),
            "receives": self.own_share().name.lower(),
            "certificate_until": self.certificate_until.date().isoformat(),
            "certificates": {
                who: until.date().isoformat() for who, until in sorted(self.certificates().items())
            },
        }

    def count_sent(self, telemetry: Metrics) -> None:
        """Bytes given to peers since the last call, by type of frame, into the metrics."""
        sent = Counter(self.exchange.peers.sent)
        for frame, size in (sent - self._told_sent).items():
            telemetry.peer_sent_bytes.labels(frame).inc(size)
        self._told_sent = sent

    @property
    def certificate_until(self) -> datetime.datetime:
        """End of the own TLS certificate."""
        return self.exchange.peers.valid_until

    def certificates(self) -> dict[str, datetime.datetime]:
        """When the TLS certificates of this node and of connected peers end, by organisation."""
        told = {
            organisation: peer.certificate_until
            for organisation, peer in self.exchange.peers.connected().items()
            if peer.certificate_until is not None
        }
        return {self._organisation: self.certificate_until, **told}

    def behind_by(self) -> int:
        """Blocks behind the height that more peers than can lie have told."""
        _, validators = self.validators()
        told = sorted(self._told(self.exchange.heights), reverse=True)
        liars = validators.size - validators.quorum
        return max(0, told[liars] - self.height()) if len(told) > liars else 0

    def _told(self, heights: Mapping[str, int]) -> list[int]:
        """What the present members said. Whoever lost its seat since is no longer among those of
        whom only so many can lie."""
        return [height for name, height in heights.items() if self.exchange.is_seated(name)]

    def is_current(self) -> bool:
        """Whether enough members are connected and have told their heights to know that nothing
        above the head is decided, but for what is on its way."""
        return self.has_quorum() and self.has_heard() and self.behind_by() == 0

    def has_heard(self) -> bool:
        """Whether enough members have told their heights to know how far this node is behind. Who
        decides alone is told by nobody."""
        _, validators = self.validators()
        if validators.size == 1 and self.is_seated_here():
            return True
        return len(self._told(self.exchange.heights)) > validators.size - validators.quorum

    def has_quorum(self) -> bool:
        """Whether enough members are connected to decide anything, or to follow."""
        _, validators = self.validators()
        up = set(self.exchange.peers.connected()) | {self._organisation}
        count = sum(seat.organisation in up for seat in validators.validators)
        if self.is_seated_here():
            return count >= validators.quorum
        # Who only follows needs one correct member to hear of each block.
        return count > validators.size - validators.quorum

    # --- For the transfer of a snapshot -------------------------------------------------------

    def snapshot_peers(self) -> list[str]:
        """Connected members; each node begins with another one."""
        members = filter(self.exchange.is_seated, self.exchange.peers.connected())
        return sorted(members, key=lambda name: (name < self._organisation, name))

    def ask(self, organisation: str, frame: Frame) -> bool:
        """Send a request; False when it could not be sent."""
        return self.exchange.ask(organisation, frame)

    def leave(self, organisation: str, reason: str) -> None:
        """End the connection to a peer that lied."""
        self.exchange.peers.drop(organisation, reason)

    def lacks_blocks(self) -> bool:
        """Whether more peers than can lie are higher and do not have the block above the head."""
        _, validators = self.validators()
        wanted = self.height() + 1
        count = sum(height == wanted for height in self._told(self.exchange.without))
        return self.behind_by() > 0 and count > validators.size - validators.quorum

    # --- Custody ------------------------------------------------------------------------------

    def push(self, wire: bytes) -> None:
        """Pass a transaction on to everybody."""
        self.exchange.push(wire)

    def _on_peer_up(self, organisation: str) -> None:
        if not self.exchange.is_seated(organisation):
            follows = self.share_of(organisation) is not Share.NOTHING
            until = self.height() if follows else self.owed_until(organisation)
            self._greet_guest(organisation, until)
            return
        for waiting in self._admission.pool.waiting()[:PUSH_TO_NEW_MAX]:
            self.exchange.push(waiting.transaction.encode(), [organisation])

    def guest_pin(self, organisation: str) -> bytes | None:
        """The pin under which an organisation without a seat may connect: to follow, or to learn
        that it lost its seat."""
        endpoint = find_endpoint(ReadState(self._state), organisation)
        if endpoint is None or not self.is_seated_here():
            return None
        if self.share_of(organisation) is Share.NOTHING and not self._is_owed(organisation):
            self._log.warning("p2p.not-entitled", peer=organisation, kind="follow", limit="nothing")
            return None
        return endpoint.tls_pin

    def tell_owed(self, organisation: str, height: int) -> None:
        """A former member has this height: tell it of the block that took its seat, or let it go
        where it has that. Of what came after it hears nothing."""
        until = self.owed_until(organisation)
        if height < until:
            self._greet_guest(organisation, until)
        else:
            self._has_learned[organisation] = until
            self.leave(organisation, "it has every block that is owed to it")

    def _is_owed(self, organisation: str) -> bool:
        until = self.owed_until(organisation)
        return until > 0 and self._has_learned.get(organisation) != until

    def _greet_guest(self, organisation: str, height: int) -> None:
        """Tell a guest where the chain is, as far as it concerns it; it catches up from there."""
        self.exchange.tell([organisation], self._status(height))
        blocks = self._chain.database.blocks
        header, data = blocks.header(height), blocks.certificate(height)
        if header is not None and data is not None:
            block = wire.to_core_block(ledger_block.Header.decode(header))
            certificate = wire.from_ledger_certificate(ledger_block.Certificate.decode(data))
            self.exchange.tell([organisation], Decided(block, certificate))

    def _status(self, height: int) -> Status:
        """To a guest: how high this node is, certificate or not."""
        return Status(self.validators()[0], 0, height, 0, True, False, 0, 0, 0)

    def _tell_height(self) -> None:
        self.exchange.announce(self._status(self.height()))

    async def _tend(self) -> None:
        """Once a second, each step by itself: where one meets a bug, or a disk that cannot be read,
        the others go on, and it is tried again in the next second."""
        steps = (self._tell_height, self.on_tend, self._recheck, self._pass_on_again)
        while True:
            await asyncio.sleep(TEND_S)
            for step in steps:
                try:
                    step()
                except Exception as error:
                    self._bug(error)

    def _recheck(self) -> None:
        """Let go of what waits long and can never be executed any more."""
        long_ago_ms = self._monotonic_ms() - RECHECK_AFTER_MS
        for waiting in self._admission.pool.waiting()[:RECHECK_MAX]:
            if waiting.arrived_ms <= long_ago_ms:
                self._admission.recheck(waiting.transaction)

    def _pass_on_again(self) -> None:
        """Tell the primary again of what waits, and all members of what waits long."""
        now_ms, situation = self._monotonic_ms(), self._situation()
        primary = bytes(situation.primary)
        to = to_tell_again(
            self.validators()[1], primary, self._organisation,
            watches=situation.phase is Phase.WATCHING,
        )  # fmt: skip
        due = self.custody.due_again(primary, now_ms)
        everybody = {one.tx_id for one in to_tell_everybody(due, now_ms)}
        for waiting in due if to else ():
            told = None if waiting.tx_id in everybody else to
            self.exchange.push(waiting.transaction.encode(), told)

    def _on_tending_done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._bug(error)
