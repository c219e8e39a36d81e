"""``Node``: the stages around the consensus driver, as one running thing.

A transaction's life reads here from top to bottom: ``submit`` takes it in, ``build`` orders it,
``keep`` makes the block safe to vote for, ``commit`` writes the height and publishes it. The driver
calls these in the order in which the consensus core asks.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path

import structlog

from consensus import (
    Block,
    BlockId,
    Built,
    Certificate,
    Event,
    Evidence,
    MemberId,
    Message,
    Pending,
    Replica,
    SafetyRecord,
    Statement,
    Timing,
)
from contracts.runtime import Runtime
from node.api.ports import Accepted, Estimate, EstimateCall, Head, NodeStatus
from node.execution.blocks import BlockResult, Executor, Proposal
from node.execution.calls import CallBug, place_of
from node.execution.services import NodeServices
from node.ledger import block as ledger_block
from node.ledger.crypto import PrivateKey, public_key
from node.ledger.errors import InvalidTransaction
from node.mempool import Mempool, PoolLimits
from node.ordering import wire
from node.ordering.driver import Driver
from node.ordering.wal import DISK, SafetyDisk, SafetyLost
from node.service.admission import Admission
from node.service.chain import Chain, ChainThread
from node.service.clocks import monotonic_ms, wall_clock_ms
from node.service.counts import count_block
from node.service.estimates import Estimates
from node.service.network import Network, P2pOptions, keep_evidence
from node.service.opening import OpenedLedger, Safety, check_tail, open_safety, start_event
from node.service.reader import NodeReader
from node.service.received import ReceivedBlocks
from node.service.situation import waiting_sentence
from node.telemetry import Metrics

STOP_S_MAX = 10.0
"""How long a graceful stop waits for the block in flight."""
READY_BEHIND_MAX = 10
"""Blocks that a node may be behind and still answer for the chain (ARCHITECTURE.md, Reading)."""
SWEEP_EVERY_MS = 1_000
"""How often transactions whose time is over are let go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeOptions:
    """How a node works; ``node.config`` has the sentences."""

    organisation: str
    data_dir: Path
    pool: PoolLimits
    calls_aim: int
    bytes_aim: int
    index: bool


class NodeRefused(Exception):  # noqa: N818  (says what happened)
    """The node cannot take part in this network as it is configured or built."""


class Node:
    """A running node. Make it, ``await start()``, use it, ``await stop()``.

    All methods are for the event loop's thread. It is at once ``Submitter``, ``Estimator`` and
    ``Operations`` of ``node.api.ports``; ``reader`` is the ``Reader``.
    """

    def __init__(
        self,
        options: NodeOptions,
        ledger: OpenedLedger,
        runtime: Runtime,
        key: PrivateKey | None,
        log: structlog.stdlib.BoundLogger,
        *,
        genesis_bytes: bytes = b"",
        p2p: P2pOptions | None = None,
        timing: Timing | None = None,
        telemetry: Metrics | None = None,
        clock_ms: Callable[[], int] = wall_clock_ms,
        monotonic_ms: Callable[[], int] = monotonic_ms,
        safety_disk: SafetyDisk = DISK,
    ) -> None:
        """``key``: the validate key; None follows without voting. ``p2p``: where others are."""
        self.options = options
        self.genesis = ledger.genesis
        self.genesis_bytes = genesis_bytes
        self.telemetry = Metrics() if telemetry is None else telemetry
        self._log = log
        self._key = key
        self._clock_ms = clock_ms
        self._monotonic_ms = monotonic_ms
        self._safety_disk = safety_disk
        self._database = ledger.database
        executor = Executor(
            ledger.genesis.chain, runtime, NodeServices(ledger.genesis.chain),
            ledger.state, ledger.database.state, ledger.tree, self.telemetry.stage,
        )  # fmt: skip
        self.chain = Chain(
            ledger.database, executor, ledger.parent, self.telemetry,
            organisation=options.organisation, index=options.index,
        )  # fmt: skip
        self.reader = NodeReader(ledger.database, executor.prove)
        self._pool = Mempool(options.pool)
        self._thread = ChainThread()
        self._admission = Admission(
            self.chain, self._pool, self.telemetry, clock_ms, self.reader.has_transaction,
            self._on_added, monotonic_ms=monotonic_ms,
        )  # fmt: skip
        self._estimates = Estimates(self.chain, self._thread, self._pool, clock_ms)
        identities = () if key is None else (MemberId(public_key(key)),)
        self._replica = Replica(identities, timing)
        self._received = ReceivedBlocks(
            self.chain, self._thread, self._pool, self._put, clock_ms, self._log_bug, log
        )
        self.network = None if p2p is None else self._join(p2p, ledger)
        self._safety: Safety | None = None
        self._driver: Driver | None = None
        self._running: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._wanted: tuple[int, Block] | None = None
        self._building = self._stopping = False
        self._ended: asyncio.Future[None] | None = None
        self._alarm: str | None = None
        self._alarm_says = ""
        self._swept_ms = 0
        self._built_s = time.monotonic()

    # --- Life ---------------------------------------------------------------------------------

    async def start(self) -> None:
        """Take the seat and begin. Raises ``SafetyLost``, ``DatabaseDamaged``, ``NodeRefused``,
        ``PeerPortUnavailable``."""
        epoch, validators = self.chain.validators_of_next()
        if validators.size > 1 and self.network is None:
            raise NodeRefused(
                f"The validator set has {validators.size} members: this node has to talk to them. "
                "Name its transport key in p2p.key."
            )
        if self._key is not None:
            self._safety = self._open_safety(self._key, validators)
        self._ended = asyncio.get_running_loop().create_future()
        self._driver = Driver(self._replica, self, self._monotonic_ms)
        record = None if self._safety is None else self._safety.record
        self._driver.begin(start_event(self._database, epoch, validators, record))
        self._running = self._spawn(self._driver.run())
        await self._driver.idle()
        if self.network is not None:
            self.network.start()
        self._log.info(
            "node.started", height=self.head.height, state_root=self.head.state_root,
            organisation=self.options.organisation, chain=self.genesis.chain,
            validators=validators.size,
        )  # fmt: skip

    async def run(self) -> None:
        """Wait until the node ends by itself; raises what ended it."""
        assert self._ended is not None, "start comes first"
        await asyncio.shield(self._ended)

    async def stop(self) -> None:
        """Take nothing more in, finish the block in flight, close everything."""
        self._stopping = True
        self._admission.closing = True
        try:
            async with asyncio.timeout(STOP_S_MAX):
                await self.settle()
        except TimeoutError:
            self._log.warning("node.stop-late", seconds=STOP_S_MAX)
        if self.network is not None:
            await self.network.stop()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        # Not on this thread: what the chain thread has in hand may take a while.
        await asyncio.get_running_loop().run_in_executor(None, self._thread.close)
        self._received.close()
        self._admission.close()
        self.reader.close()
        if self._safety is not None:
            self._safety.file.close()
        self._database.close()
        self._log.info("node.stopped", height=self.head.height)

    async def settle(self) -> None:
        """Wait until nothing is built, executed, voted on or written."""
        while self._driver is not None and self._running is not None:
            if not self._running.done():
                await self._driver.idle()
            others = self._tasks - {self._running}
            if not others:
                return
            await asyncio.wait(others)

    @property
    def head(self) -> Head:
        """The newest published head."""
        return self.reader.head

    # --- The way in ---------------------------------------------------------------------------

    async def submit(self, wire: bytes) -> Accepted:
        """Admit canonical ``[body, signature, attachments]``.

        Raises ``InvalidTransaction`` or ``Unavailable``.
        """
        network = self.network
        return await self._admission.submit(wire, None if network is None else network.push)

    async def wait(self, tx_id: bytes, timeout_s: float) -> bool:
        """Whether this node commits the transaction within the time.

        Raises ``InvalidTransaction`` when it never will: expired, inadmissible, quarantined.
        """
        return await self._admission.wait(tx_id, timeout_s)

    async def estimate(self, organisation: str, key: bytes, call: EstimateCall) -> Estimate:
        """Try a call on a throw-away overlay of the head.

        Raises ``InvalidTransaction`` where the key may not sign, ``Unavailable`` when too busy.
        """
        return await self._estimates.run(organisation, key, call)

    # --- About itself -------------------------------------------------------------------------

    def status(self) -> NodeStatus:
        """How the node is doing."""
        _, validators = self.chain.validators_of_next()
        public = None if self._key is None else public_key(self._key)
        seated = any(seat.key == public for seat in validators.validators)
        return NodeStatus(
            organisation=self.options.organisation,
            role="validator" if seated else "follower",
            behind_by=0 if self.network is None else self.network.behind_by(),
            behind_ms=0,
            waiting_for=self._waiting_for(),
            ready=self._is_ready(),
            details={
                "epoch": self.chain.validators_of_next()[0],
                **({} if self.network is None else self.network.details()),
                "height": self.head.height,
                "pool_transactions": len(self._pool),
                "pool_bytes": self._pool.size,
                "validators": validators.size,
                "quarantined": len(self._admission.quarantined),
            },
        )

    def metrics(self) -> bytes:
        """Prometheus text exposition."""
        telemetry = self.telemetry
        telemetry.height.set(self.head.height)
        telemetry.pool_count.set(len(self._pool))
        telemetry.pool_bytes.set(self._pool.size)
        telemetry.pool_fill.set(self._pool.fill)
        status = self.status()
        telemetry.behind_by.set(status.behind_by)
        telemetry.ready.set(1 if status.ready else 0)
        return telemetry.exposition()

    def _works(self) -> bool:
        return self._ended is not None and not self._ended.done() and not self._stopping

    def _waiting_for(self) -> str:
        if self._alarm is not None:
            return f"An operator: alarm {self._alarm}: {self._alarm_says}."
        if not self._works():
            return "A start: this node stops or has stopped."
        if self.network is None:
            return "The block in flight." if len(self._pool) else "Transactions."
        _, validators = self.chain.validators_of_next()
        return waiting_sentence(
            self._replica.situation(), validators, self.network.absent(), self._monotonic_ms()
        )

    def _is_ready(self) -> bool:
        network = self.network
        connected = network is None or (
            network.has_quorum() and network.behind_by() <= READY_BEHIND_MAX
        )
        return self._works() and self._alarm is None and connected

    # --- Hands of the driver ------------------------------------------------------------------

    def build(self, view: int, parent: Block) -> None:
        """The core allows a block on the head: propose as soon as something waits."""
        self._wanted = (view, parent)
        self._try_build()

    async def keep(self, blocks: tuple[BlockId, ...], record: SafetyRecord) -> None:
        """Content and safety record on disk, in this order."""
        assert self._safety is not None, "a node without a key binds itself to nothing"
        await self._thread.run(self.chain.keep, blocks, record, self._safety.file)

    async def commit(self, block: Block, certificate: Certificate) -> None:
        """One batch, then the head moves for all readers, then those who wait are answered."""
        epoch, validators = self.chain.validators_of_next()
        assert certificate.epoch == epoch, "a certificate is of the epoch of its height"
        stored = wire.to_ledger_certificate(certificate, validators)
        await self._thread.run_and_hand_over(
            lambda: self.chain.commit(block.id, stored), self._publish
        )
        if self.network is not None:
            self.network.announce(block, certificate)

    def sign(self, member: MemberId, statement: Statement) -> bytes:
        """Sign a statement that the driver found covered by the durable record."""
        assert self._key is not None, "only a key's holder signs"
        with self.telemetry.stage("vote"):
            return wire.sign_statement(self._key, self.genesis.chain, statement)

    def execute(self, block: Block, fresh: bool, holders: tuple[MemberId, ...]) -> None:
        """Execute a block that others built, or this node before a restart."""
        if not self._received.is_asked(block, holders):
            self._built_s = time.monotonic()
            self._spawn(self._received.execute(block, fresh))

    def send(self, to: MemberId | None, message: Message) -> None:
        """Send to a peer, or to all."""
        if self.network is not None:
            self.network.send(to, message)

    def fetch(self, peer: MemberId, first: int, last: int) -> None:
        """Ask a peer for certified blocks."""
        assert self.network is not None, "peers are named by the network"
        self.network.fetch(peer, first, last)

    def accuse(self, evidence: Evidence) -> None:
        """A member lied: keep the proof. This node itself is as fit as before."""
        path = keep_evidence(self.options.data_dir, evidence)
        self.telemetry.alarms.labels("accusation").inc()
        self._log.error("accusation", kind=evidence.kind, epoch=evidence.epoch, file=path.name)

    def refused(self, peer: MemberId, reason: str) -> None:
        """A peer's message was dropped."""
        self._log.warning("consensus.refused", peer=peer, reason=reason)

    def alarm(self, code: str, sentence: str) -> None:
        """An operator must look; the node is not ready from here on."""
        self._alarm, self._alarm_says = code, sentence
        self.telemetry.alarms.labels(code).inc()
        self._log.error("alarm", code=code, reason=sentence)

    # --- Steps --------------------------------------------------------------------------------

    def _join(self, p2p: P2pOptions, ledger: OpenedLedger) -> Network:
        network = Network(
            p2p, self.chain, ledger.state, self._admission,
            organisation=self.options.organisation, key=self._key, put=self._put,
            situation=self._replica.situation, bug=self._on_bug, log=self._log,
            monotonic_ms=self._monotonic_ms,
        )  # fmt: skip
        self._received.attach(network.exchange)
        return network

    def _open_safety(self, key: PrivateKey, validators: ledger_block.ValidatorSet) -> Safety | None:
        """None where the record is lost and others carry the chain on: this node then follows."""
        head = self._database.head()
        assert head is not None, "the database was opened"
        alone = validators.size == 1
        folder, public = self.options.data_dir, public_key(key)
        try:
            safety = open_safety(
                folder, self.genesis.chain, public, head.height, self._safety_disk, alone=alone
            )
        except SafetyLost as lost:
            if alone:
                raise
            self._log.error("safety.lost", reason=str(lost))
            return None
        if alone:
            check_tail(self._database, head, safety.record)
        return safety

    def _on_added(self) -> None:
        if len(self._pool) == 1:
            self._tell_pending()
        self._try_build()

    def _tell_pending(self) -> None:
        passed_over_ms = None if self.network is None else self.network.passed_over_ms
        self._put(Pending(self._pool.oldest_ms(), passed_over_ms))

    def _put(self, event: Event) -> None:
        if self._driver is not None:
            self._driver.put(event)

    def _try_build(self) -> None:
        if self._wanted is None or self._building or not self._works() or not len(self._pool):
            return
        self._building = True
        self._spawn(self._build(*self._wanted))

    async def _build(self, view: int, parent: Block) -> None:
        # One turn of the loop, so that what is submitted together is ordered together.
        await asyncio.sleep(0)
        self._sweep()
        taken = self._pool.take(self.options.calls_aim, self.options.bytes_aim)
        candidates = [one.transaction for one in taken]
        proposal = await self._thread.run(self.chain.build, candidates, self._clock_ms())
        await self._drop(proposal)
        self._building = False
        if proposal.result is not None and self._wanted == (view, parent):
            self._wanted = None
            self._built_s = time.monotonic()
            header = proposal.result.header
            following = wire.to_next_set(header, proposal.result.next_validators)
            self._put(Built(view, wire.to_core_block(header), following))
        self._try_build()

    def _publish(self, result: BlockResult) -> None:
        """On the loop's thread, between two jobs of the other: the head moves for everyone."""
        self.chain.advance(result)
        self.reader.publish()
        tx_ids = [transaction.id for transaction in result.transactions]
        self._pool.done(tx_ids, self._monotonic_ms())
        self._admission.committed(tx_ids)
        if self.network is not None:
            self.network.committed(result, self.options.calls_aim, self.options.bytes_aim)
        self._tell_pending()
        count_block(self.telemetry, result, time.monotonic() - self._built_s)
        if self.network is None and (size := self.chain.validators_of_next()[1].size) > 1:
            self.alarm("no-network", f"the validator set has {size} members from now on")

    async def _drop(self, proposal: Proposal) -> None:
        """Let go of candidates that will never be executed, and set those aside that met a bug."""
        now_ms = self._monotonic_ms()
        for tx_id, error in proposal.refused:
            self._pool.done([tx_id], now_ms)
            self._admission.dropped(tx_id, error)
        for bug in proposal.bugs:
            self._log_bug(bug)
            await self._thread.run(self._database.quarantine, bug.tx_id, str(bug).encode())
            self._pool.done([bug.tx_id], now_ms)
            self._admission.set_aside(bug.tx_id)

    def _log_bug(self, bug: CallBug) -> None:
        self.telemetry.quarantined.inc()
        self.telemetry.alarms.labels("call-bug").inc()
        self._log.error(
            "call.bug", tx_id=bug.tx_id, index=bug.call_index, contract=bug.contract,
            method=bug.method, error=type(bug.__cause__).__name__, line=bug.place,
        )  # fmt: skip

    def _sweep(self) -> None:
        """Let go of transactions whose time is over, now and then."""
        now_ms = self._monotonic_ms()
        if now_ms - self._swept_ms < SWEEP_EVERY_MS:
            return
        self._swept_ms = now_ms
        time_ms = self._clock_ms()
        for late in self._pool.expire(time_ms):
            error = InvalidTransaction(
                "transaction.expired", valid_until_ms=late.valid_until_ms, time_ms=time_ms
            )
            self._admission.dropped(late.tx_id, error)

    def _on_bug(self, error: BaseException) -> None:
        """Work for a peer met a bug of ours: it costs that work, not the node."""
        self.telemetry.alarms.labels("peer-bug").inc()
        self._log.error("p2p.bug", error=type(error).__name__, line=place_of(error))

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Run a task whose failure ends the node."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._on_task_done)
        return task

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or self._ended is None or self._ended.done():
            return
        error = task.exception()
        if error is not None:
            # Type and place only: what an exception says may hold what a call said.
            self._log.error("node.failed", error=type(error).__name__, line=place_of(error))
            self._admission.end("node.failed")
            self._ended.set_exception(error)
