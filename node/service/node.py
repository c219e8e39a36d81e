"""``Node``: the stages around the consensus driver, as one running thing.

A transaction's life reads here from top to bottom: ``submit`` takes it in, ``build`` orders it,
``keep`` makes the block safe to vote for, ``commit`` writes the height and publishes it. The driver
calls these in the order in which the consensus core asks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from consensus import (
    Block,
    BlockId,
    Certificate,
    Evidence,
    Execute,
    Fetched,
    MemberId,
    Message,
    Pending,
    Proposal,
    Replica,
    SafetyRecord,
    Statement,
    Timing,
)
from contracts.runtime import Runtime
from node.api.ports import Accepted, Estimate, EstimateCall, Head, NodeStatus
from node.execution.blocks import BlockResult, Executor
from node.execution.calls import CallBug, place_of
from node.execution.services import NodeServices
from node.ledger import block as ledger_block
from node.ledger.crypto import PrivateKey
from node.mempool import Mempool, PoolLimits
from node.ordering import wire
from node.ordering.driver import Driver
from node.ordering.judge import convict
from node.ordering.wal import DISK, SafetyDisk
from node.service.accusations import Accusations
from node.service.admission import Admission
from node.service.attesting import attest_head
from node.service.building import Builder
from node.service.chain import Chain, ChainThread
from node.service.clocks import monotonic_ms, wall_clock_ms
from node.service.counts import count_block, count_bug
from node.service.divergences import Divergences
from node.service.estimates import Estimates
from node.service.findings import Findings
from node.service.keys import ValidateKeys
from node.service.network import Network, P2pOptions
from node.service.opening import NodeRefused, OpenedLedger, open_record, start_event
from node.service.pace import CALLS_LEAST, Pace
from node.service.reader import NodeReader
from node.service.received import ReceivedBlocks
from node.service.report import Report
from node.service.situation import Place
from node.service.state_transfer import SnapshotTaken, StateTransfer
from node.telemetry import Metrics

STOP_S_MAX = 10.0
"""How long a graceful stop waits for the block in flight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeOptions:
    """How a node works; ``node.config`` has the sentences."""

    organisation: str
    data_dir: Path
    pool: PoolLimits
    calls_aim: int
    bytes_aim: int
    index: bool


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
        next_key: PrivateKey | None = None,
        p2p: P2pOptions | None = None,
        timing: Timing | None = None,
        telemetry: Metrics | None = None,
        clock_ms: Callable[[], int] = wall_clock_ms,
        monotonic_ms: Callable[[], int] = monotonic_ms,
        safety_disk: SafetyDisk = DISK,
    ) -> None:
        """``key``: the validate key; None follows without voting. ``next_key``: the one that a
        vote is to put in its place. ``p2p``: where others are."""
        self.options, self.organisation = options, options.organisation
        self.genesis = ledger.genesis
        self.genesis_bytes = genesis_bytes
        self.telemetry = Metrics() if telemetry is None else telemetry
        self._log = log
        self._keys = ValidateKeys([each for each in (key, next_key) if each is not None])
        self._clock_ms, self._monotonic_ms = clock_ms, monotonic_ms
        self._safety_disk, self._database = safety_disk, ledger.database
        executor = Executor(
            ledger.genesis.chain, runtime, NodeServices(ledger.genesis.chain, convict),
            ledger.state, ledger.database.state, ledger.tree, self.telemetry.stage,
        )  # fmt: skip
        self.chain = Chain(
            ledger.database, executor, ledger.parent, self.telemetry,
            organisation=options.organisation, index=options.index,
        )  # fmt: skip
        self.reader = NodeReader(ledger.database, executor.prove)
        self._pool, self._pace = Mempool(options.pool), Pace(options.calls_aim)
        self._thread = ChainThread()
        self._admission = Admission(
            self.chain, self._pool, self.telemetry, clock_ms, self.reader.has_transaction,
            self._on_added, monotonic_ms=monotonic_ms,
            is_current=lambda: self.network is None or self.network.is_current(),
            is_copy=self._is_copy,
        )  # fmt: skip
        self._estimates = Estimates(self.chain, self._thread, self._pool, clock_ms)
        self._replica = Replica(self._keys.members, timing)
        self._driver = Driver(self._replica, self, monotonic_ms)
        self._received = ReceivedBlocks(
            self.chain, self._thread, self._pool, self._driver.put, clock_ms, self._log_bug, log
        )
        self._accusations, self._divergences = self._make_findings(options.data_dir)
        self._builder = self._make_builder()
        self.transfer: StateTransfer | None = None
        self.network = None if p2p is None else self._join(p2p, ledger, key or next_key)
        self.report = self._make_report()
        self._driver.on_step, self.behind_by = self.report.stepped, self.report.behind_by
        self._running: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._ended: asyncio.Future[None] | None = None

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
        record = self._open_safety(validators)
        self._ended = asyncio.get_running_loop().create_future()
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
        self._keys.close()
        self._database.close()
        self._log.info("node.stopped", height=self.head.height)

    async def settle(self) -> None:
        """Wait until nothing is built, executed, voted on or written."""
        while self._running is not None:
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

    def end_waiting(self) -> None:
        """Take nothing more in, and tell whoever waits for a commit that the node stops."""
        self._admission.end("node.stopping")

    async def estimate(self, organisation: str, key: bytes, call: EstimateCall) -> Estimate:
        """Try a call on a throw-away overlay of the head.

        Raises ``InvalidTransaction`` where the key may not sign, ``Unavailable`` when too busy.
        """
        return await self._estimates.run(organisation, key, call)

    # --- About itself -------------------------------------------------------------------------

    def status(self) -> NodeStatus:
        """How the node is doing."""
        return self.report.status()

    def metrics(self) -> bytes:
        """Prometheus text exposition."""
        return self.report.metrics()

    def attestation(self) -> dict[str, Any] | None:
        """That this node has the head, signed by the key that is to be voted in; None where there
        is no such key or no certified block yet."""
        return attest_head(self.chain, self._keys, self.options.organisation)

    def accusations(self) -> Sequence[Mapping[str, Any]]:
        """Proofs that validators lied, newest first."""
        return self._accusations.listed()

    def divergences(self) -> Sequence[Mapping[str, Any]]:
        """Blocks that executed to another result here than elsewhere, newest first."""
        return self._divergences.listed()

    def _tend(self) -> None:
        self._tell_pending()  # What expired or was refused left the pool without a block.
        self.report.look()
        self._divergences.again()
        if self.transfer is not None:
            self.transfer.look()

    def _place(self) -> Place:
        state = self._replica.state
        return (state.validators.epoch, state.height, state.view, state.phase)

    def _is_copy(self) -> bool:
        """Whether the node has neither a seat nor peers: it serves what it holds, and that is all
        that ever comes of it."""
        _, validators = self.chain.validators_of_next()
        return self.network is None and self._keys.seated(validators) is None

    def _works(self) -> bool:
        return self._ended is not None and not self._ended.done() and not self._stopping

    # --- Hands of the driver ------------------------------------------------------------------

    def build(self, view: int, parent: Block) -> None:
        """The core allows a block on the head: propose as soon as something waits."""
        self._builder.want(view, parent)

    async def keep(self, blocks: tuple[BlockId, ...], record: SafetyRecord) -> None:
        """Content and safety record on disk, in this order."""
        _, validators = self.chain.validators_of_next()
        await self._thread.run(self.chain.keep, blocks, record, self._keys.file(validators))

    async def commit(self, block: Block, certificate: Certificate) -> None:
        """One batch, then the head moves for all readers, then those who wait are answered."""
        epoch, validators = self.chain.validators_of_next()
        assert certificate.epoch == epoch, "a certificate is of the epoch of its height"
        stored = wire.to_ledger_certificate(certificate, validators)
        self.report.committing(certificate)
        await self._thread.run_and_hand_over(
            lambda: self.chain.commit(block.id, stored), self._publish
        )
        if self.network is not None:
            self.network.announce(block, certificate)

    def sign(self, member: MemberId, statement: Statement) -> bytes:
        """Sign a statement that the driver found covered by the durable record."""
        with self.telemetry.stage("vote"):
            return wire.sign_statement(self._keys.private(member), self.genesis.chain, statement)

    def execute(self, asked: Execute) -> None:
        """Execute a block that others built, or this node before a restart."""
        if not self._received.is_asked(asked):
            self._pace.begin(self._monotonic_ms())
            self._spawn(self._received.execute(asked))

    def send(self, to: MemberId | None, message: Message) -> None:
        """Send to a peer, or to all."""
        if self.network is not None:
            self.network.send(to, message)
            state = self._replica.state
            if isinstance(message, Proposal) and state.is_primary and state.validators.size > 1:
                self._builder.proposed(message.block.id)

    def fetch(self, peer: MemberId, first: int, last: int) -> None:
        """Ask a peer for certified blocks."""
        assert self.network is not None, "peers are named by the network"
        if self.transfer is not None and self.transfer.look():
            self._driver.put(Fetched(peer, ()))
        else:
            self.network.fetch(peer, first, last)

    def accuse(self, evidence: Evidence) -> None:
        """A member lied: keep the proof. This node itself is as fit as before."""
        self._accusations.keep(evidence)

    def refused(self, peer: MemberId, reason: str) -> None:
        """A peer's message was dropped. A flood of such messages fills no log."""
        if self.network is None or self.network.refused(peer, reason):
            self._log.warning("consensus.refused", peer=peer, reason=reason)

    def alarm(self, code: str, sentence: str) -> None:
        """An operator must look; the node is not ready from here on. A record that is behind its
        key is discarded: another start would believe it."""
        self.report.alarm(code, sentence)
        if code == "key-elsewhere":
            _, validators = self.chain.validators_of_next()
            self._keys.file(validators).discard()

    # --- Steps --------------------------------------------------------------------------------

    def _make_findings(self, folder: Path) -> tuple[Accusations, Divergences]:
        accusations = Accusations(
            folder, self.genesis.chain, self.chain.validators_of, self.telemetry, self._log
        )
        divergences = Divergences(folder, self.telemetry, self._log)
        self._received.on_differs = divergences.begin
        return accusations, divergences

    def _make_builder(self) -> Builder:
        return Builder(
            self.chain, self._thread, self._pool, self._pace, self._admission,
            calls_aim=self.options.calls_aim, bytes_aim=self.options.bytes_aim,
            put=self._driver.put, spawn=self._spawn, works=self._works,
            alone=lambda: self._replica.state.validators.size == 1, log_bug=self._log_bug,
            clock_ms=self._clock_ms, monotonic_ms=self._monotonic_ms,
        )  # fmt: skip

    def _make_report(self) -> Report:
        return Report(
            self.options.organisation, self.chain, self._pool, self._keys, self.telemetry,
            self._log,
            situation=self._replica.situation, place=self._place,
            network=lambda: self.network,
            transfer=lambda: self.transfer, untimely=lambda: self._received.untimely,
            works=self._works, is_copy=self._is_copy,
            quarantined=lambda: len(self._admission.quarantined),
            monotonic_ms=self._monotonic_ms, wall_clock_ms=self._clock_ms,
        )  # fmt: skip

    def _join(self, p2p: P2pOptions, ledger: OpenedLedger, key: PrivateKey | None) -> Network:
        network = Network(
            p2p, self.chain, ledger.state, self._admission,
            organisation=self.options.organisation, key=key,
            put=self._driver.put, offer=self._driver.offer, situation=self._replica.situation,
            bug=self._on_bug, log=self._log, monotonic_ms=self._monotonic_ms,
        )  # fmt: skip
        network.on_tend = self._tend
        network.exchange.share(Findings(self._accusations, self._divergences))
        self._received.attach(network.exchange)
        network.exchange.offers.attach(self.reader, ledger.tree.row, ledger.tree.depth)
        self.transfer = StateTransfer(
            network, self.genesis, self._database, self._thread, p2p.snapshot_after_blocks,
            ledger.tree.depth, self._log, self._on_switched, self._spawn,
        )  # fmt: skip
        network.exchange.on_snapshot = self.transfer.take
        return network

    def _on_switched(self) -> None:
        """What is in memory is of the past: nothing more is decided, and the node ends."""
        for task in self._tasks - {asyncio.current_task()}:
            task.cancel()
        if self._ended is not None and not self._ended.done():
            self._admission.end("node.stopping")
            self._ended.set_exception(SnapshotTaken())

    def _open_safety(self, validators: ledger_block.ValidatorSet) -> SafetyRecord | None:
        """None where the record is lost and others carry the chain on: this node then follows."""
        record, lost = open_record(
            self._keys, self.options.data_dir, self.genesis.chain, self._database, validators,
            self._safety_disk,
        )  # fmt: skip
        self.report.lose(lost)
        self._replica.restrict(self._keys.identities())
        return record

    def _on_added(self) -> None:
        if len(self._pool) == 1:
            self._tell_pending()
        self._builder.look()

    def _tell_pending(self) -> None:
        oldest_ms, network = self._pool.oldest_ms(), self.network
        passed_over_ms = None if network is None else network.custody.passed_over_ms
        self._driver.put(Pending(oldest_ms, None if oldest_ms is None else passed_over_ms))

    def _publish(self, result: BlockResult) -> None:
        """On the loop's thread, between two jobs of the other: the head moves for everyone."""
        self.chain.advance(result)
        self.reader.publish()
        tx_ids = [transaction.id for transaction in result.transactions]
        self._pool.done(tx_ids, self._monotonic_ms())
        # A turn later, so that the next block begins before the answered send what they have next.
        asyncio.get_running_loop().call_soon(self._admission.committed, tx_ids)
        if self.network is not None:
            calls_least = min(CALLS_LEAST, self.options.calls_aim)
            self.network.committed(result, calls_least, self.options.bytes_aim)
        self._tell_pending()
        took_ms = self._pace.committed(len(result.calls), self._monotonic_ms())
        count_block(self.telemetry, result, took_ms / 1000)
        if self.network is None and (size := self.chain.validators_of_next()[1].size) > 1:
            self.report.alarm("no-network", f"the validator set has {size} members from now on")

    def _log_bug(self, bug: CallBug) -> None:
        count_bug(self.telemetry, self._log, bug)

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
            self._admission.end("node.ended")
            self._ended.set_exception(error)
