"""``Node``: the stages around the consensus driver, as one running thing.

A transaction's life reads here from top to bottom: ``submit`` takes it in, ``build`` orders it,
``keep`` makes the block safe to vote for, ``commit`` writes the height and publishes it. The driver
calls these in the order in which the consensus core asks.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path

import structlog

from consensus import (
    Block,
    BlockId,
    Built,
    Certificate,
    Evidence,
    Executed,
    MemberId,
    Message,
    Pending,
    Replica,
    SafetyRecord,
    Start,
    Statement,
    ValidatorSet,
    Verdict,
)
from contracts.runtime import Runtime
from node.api.ports import Accepted, Estimate, EstimateCall, Head, NodeStatus
from node.execution.blocks import BlockResult, Executor, Proposal
from node.execution.calls import CallBug, place_of
from node.execution.services import NodeServices
from node.ledger import block as ledger_block
from node.ledger.crypto import PrivateKey, public_key
from node.ledger.errors import InvalidBlock, InvalidTransaction
from node.mempool import Mempool, PoolLimits
from node.ordering import wire
from node.ordering.driver import Driver
from node.service.admission import Admission, monotonic_ms
from node.service.chain import Chain, ChainThread
from node.service.estimates import Estimates
from node.service.opening import OpenedLedger, Safety, check_tail, open_safety
from node.service.reader import NodeReader
from node.telemetry import Metrics

STOP_S_MAX = 10.0
"""How long a graceful stop waits for the block in flight."""
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


def wall_clock_ms() -> int:
    """The node's clock: the time of a block that it proposes, and nothing else of the ledger."""
    return time.time_ns() // 1_000_000


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
        telemetry: Metrics | None = None,
        clock_ms: Callable[[], int] = wall_clock_ms,
    ) -> None:
        """``key``: the validate key; None follows without voting. ``genesis_bytes``: the file,
        for those who ask for it."""
        self.options = options
        self.genesis = ledger.genesis
        self.genesis_bytes = genesis_bytes
        self.telemetry = Metrics() if telemetry is None else telemetry
        self._log = log
        self._key = key
        self._clock_ms = clock_ms
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
            self._on_added,
        )  # fmt: skip
        self._estimates = Estimates(self.chain, self._thread, self._pool, clock_ms)
        self._safety: Safety | None = None
        self._driver: Driver | None = None
        self._running: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._wanted: tuple[int, Block] | None = None
        self._building = False
        self._stopping = False
        self._ended: asyncio.Future[None] | None = None
        self._alarm: str | None = None
        self._swept_ms = 0

    # --- Life ---------------------------------------------------------------------------------

    async def start(self) -> None:
        """Take the seat and begin. Raises ``SafetyLost``, ``DatabaseDamaged``, ``NodeRefused``."""
        epoch, validators = self.chain.validators_of_next()
        if validators.size > 1:
            raise NodeRefused(
                f"The validator set has {validators.size} members; this version orders alone. "
                "Use a genesis with one validator."
            )
        identities: tuple[MemberId, ...] = ()
        if self._key is not None:
            identities = (MemberId(public_key(self._key)),)
            self._safety = self._open_safety(self._key, validators)
        self._ended = asyncio.get_running_loop().create_future()
        self._driver = Driver(Replica(identities), self, monotonic_ms)
        self._driver.begin(self._start_event(epoch, validators))
        self._running = self._spawn(self._driver.run())
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
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        loop = asyncio.get_running_loop()
        # Not on this thread: the chain thread may be waiting for it to publish a head.
        await loop.run_in_executor(None, self._thread.close)
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
        return await self._admission.submit(wire)

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
            behind_by=0,
            behind_ms=0,
            waiting_for=self._waiting_for(),
            ready=self._works() and self._alarm is None,
            details={
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
        telemetry.ready.set(1 if self.status().ready else 0)
        return telemetry.exposition()

    def _works(self) -> bool:
        return self._ended is not None and not self._ended.done() and not self._stopping

    def _waiting_for(self) -> str:
        if self._alarm is not None:
            return f"An operator: alarm {self._alarm}."
        if not self._works():
            return "A start: this node stops or has stopped."
        return "The block in flight." if len(self._pool) else "Transactions."

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

    def sign(self, member: MemberId, statement: Statement) -> bytes:
        """Sign a statement that the driver found covered by the durable record."""
        assert self._key is not None, "only a key's holder signs"
        with self.telemetry.stage("vote"):
            return wire.sign_statement(self._key, self.genesis.chain, statement)

    def execute(self, block: Block, fresh: bool, holders: tuple[MemberId, ...]) -> None:
        """Execute a block whose content this node holds: after a restart."""
        self._spawn(self._execute(block, fresh))

    def send(self, to: MemberId | None, message: Message) -> None:
        """Nobody to send to: the network has one validator (``start`` looks)."""

    def fetch(self, peer: MemberId, first: int, last: int) -> None:
        """Nobody to ask."""

    def accuse(self, evidence: Evidence) -> None:
        """A member lied; with one member it is this node's own key in two places."""
        self.alarm("accusation", type(evidence).__name__)

    def refused(self, peer: MemberId, reason: str) -> None:
        """A peer's message was dropped."""
        self._log.warning("consensus.refused", peer=peer, reason=reason)

    def alarm(self, code: str, sentence: str) -> None:
        """An operator must look; the node is not ready from here on."""
        self._alarm = code
        self.telemetry.alarms.labels(code).inc()
        self._log.error("alarm", code=code, reason=sentence)

    # --- Steps --------------------------------------------------------------------------------

    def _open_safety(self, key: PrivateKey, validators: ledger_block.ValidatorSet) -> Safety:
        head = self._database.head()
        assert head is not None, "the database was opened"
        safety = open_safety(
            self.options.data_dir, self.genesis.chain, public_key(key), head.height
        )
        if validators.size == 1:
            check_tail(self._database, head, safety.record)
        return safety

    def _start_event(self, epoch: int, validators: ledger_block.ValidatorSet) -> Start:
        height = self.head.height
        first, _ = self._database.validators(epoch)
        data = self._database.blocks.certificate(height)
        certificate = None
        if data is not None:
            certificate = wire.from_ledger_certificate(ledger_block.Certificate.decode(data))
        return Start(
            head=self._core_block(height),
            head_certificate=certificate,
            validators=wire.to_core_validators(epoch, validators),
            epoch_base=self._core_block(first - 1),
            record=None if self._safety is None else self._safety.record,
        )

    def _core_block(self, height: int) -> Block:
        data = self._database.blocks.header(height)
        assert data is not None, "every height up to the head was checked"
        return core_block(ledger_block.Header.decode(data))

    def _on_added(self) -> None:
        if len(self._pool) == 1:
            self._tell_pending()
        self._try_build()

    def _tell_pending(self) -> None:
        if self._driver is not None:
            self._driver.put(Pending(self._pool.oldest_ms()))

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
            assert self._driver is not None, "start comes first"
            header = proposal.result.header
            self._driver.put(Built(view, core_block(header), _next_set(proposal.result)))
        self._try_build()

    async def _execute(self, block: Block, fresh: bool) -> None:
        verdict, following = Verdict.VALID, None
        try:
            clock_ms = self._clock_ms() if fresh else None
            result = await self._thread.run(self.chain.execute_kept, block, clock_ms)
            following = _next_set(result)
        except InvalidBlock as error:
            timely = error.code != "block.untimely"
            verdict = Verdict.INVALID if timely else Verdict.UNTIMELY
            self._log.error("block.refused", height=block.height, code=error.code, block=block.id)
        except CallBug as bug:
            verdict = Verdict.INVALID
            self._log_bug(bug)
        assert self._driver is not None, "start comes first"
        self._driver.put(Executed(block.id, verdict, following))

    def _publish(self, result: BlockResult) -> None:
        """On the loop's thread, while the chain thread waits: the head moves for everyone."""
        self.chain.advance(result)
        self.reader.publish()
        tx_ids = [transaction.id for transaction in result.transactions]
        self._pool.done(tx_ids, monotonic_ms())
        self._admission.committed(tx_ids)
        self._tell_pending()
        self._count(result)
        if (size := self.chain.validators_of_next()[1].size) > 1:
            self.alarm("no-network", f"the validator set has {size} members from now on")

    async def _drop(self, proposal: Proposal) -> None:
        """Let go of candidates that will never be executed, and set those aside that met a bug."""
        now_ms = monotonic_ms()
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
        now_ms = monotonic_ms()
        if now_ms - self._swept_ms < SWEEP_EVERY_MS:
            return
        self._swept_ms = now_ms
        time_ms = self._clock_ms()
        for late in self._pool.expire(time_ms):
            error = InvalidTransaction(
                "transaction.expired", valid_until_ms=late.valid_until_ms, time_ms=time_ms
            )
            self._admission.dropped(late.tx_id, error)

    def _count(self, result: BlockResult) -> None:
        telemetry = self.telemetry
        telemetry.blocks.inc()
        telemetry.transactions.inc(len(result.transactions))
        telemetry.block_calls.observe(len(result.calls))
        telemetry.block_bytes.inc(sum(map(len, result.leaves)))
        telemetry.state_writes.inc(len(result.writes))
        for code, count in Counter(call.receipt.code for call in result.calls).items():
            telemetry.calls.labels("rejected" if code else "ok").inc(count)
            if code:
                telemetry.rejections.labels(code).inc(count)

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


def core_block(header: ledger_block.Header) -> Block:
    """What the consensus core may know of a block."""
    return Block(
        BlockId(header.hash), BlockId(header.parent), header.height, header.epoch,
        header.is_epoch_final,
    )  # fmt: skip


def _next_set(result: BlockResult) -> ValidatorSet | None:
    if result.next_validators is None:
        return None
    return wire.to_core_validators(result.header.epoch + 1, result.next_validators)
