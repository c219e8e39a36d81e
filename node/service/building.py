"""Blocks of this node's own: when one is begun, what goes in, and who is let go of.

A block is proposed as soon as the core wants one and something waits. While the votes for it still
travel, what waits beyond it is run already, step by step (``node.execution.proposing``): when it is
committed, the next one only needs the rest and its roots (ARCHITECTURE.md section 3). A lone
validator does so while its disk is waited for. Steps are small: the chain thread also keeps
certificates and commits, and these wait for the step in hand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence

from consensus import Block, BlockId, Built
from node.execution.calls import CallBug
from node.execution.proposing import Proposal
from node.ledger.errors import InvalidTransaction
from node.ledger.transaction import SignedTransaction
from node.mempool import Mempool, Waiting
from node.ordering import wire
from node.service.admission import Admission
from node.service.chain import Chain, ChainThread
from node.service.pace import Pace

SWEEP_EVERY_MS = 1_000
"""How often transactions whose time is over are let go."""
STEP_CALLS = 32
"""Calls that are run ahead at one time: some 20 ms."""


class Builder:
    """Makes this node's proposals. For the event loop's thread."""

    def __init__(
        self,
        chain: Chain,
        thread: ChainThread,
        pool: Mempool,
        pace: Pace,
        admission: Admission,
        *,
        calls_aim: int,
        bytes_aim: int,
        put: Callable[[Built], None],
        spawn: Callable[[Coroutine[None, None, None]], object],
        works: Callable[[], bool],
        alone: Callable[[], bool],
        log_bug: Callable[[CallBug], None],
        clock_ms: Callable[[], int],
        monotonic_ms: Callable[[], int],
    ) -> None:
        """``put`` hands a finished block to the core; ``works``: whether the node takes part;
        ``alone``: whether no other validator has a vote."""
        self._chain, self._thread = chain, thread
        self._pool, self._pace, self._admission = pool, pace, admission
        self._calls_aim, self._bytes_aim = calls_aim, bytes_aim
        self._put, self._spawn, self._works, self._alone = put, spawn, works, alone
        self._log_bug = log_bug
        self._clock_ms, self._monotonic_ms = clock_ms, monotonic_ms
        self.busy = False
        """A block is built, or something is run ahead."""
        self._wanted: tuple[int, Block] | None = None
        self._in_flight: BlockId | None = None
        self._ahead: list[Waiting] = []
        """What was run ahead, or is about to be, on ``_below``."""
        self._below: BlockId | None = None
        self._ahead_ms = 0
        """Wall clock when that was begun: the next block's time."""
        self._swept_ms = 0

    def want(self, view: int, parent: Block) -> None:
        """The core allows a block on the head: propose as soon as something waits."""
        self._wanted, self._in_flight = (view, parent), None
        self.look()

    def proposed(self, block: BlockId) -> None:
        """A block was proposed to the others: their votes take a while."""
        self._in_flight = block
        self.look()

    def look(self) -> None:
        """Begin what can be begun: after something came into the pool, or a step has ended."""
        if self.busy or not self._works() or not len(self._pool):
            return
        if self._wanted is not None:
            self.busy = True
            self._spawn(self._build(*self._wanted))
        elif self._in_flight is not None:
            self._look_ahead(self._in_flight)

    def _look_ahead(self, below: BlockId) -> None:
        result = self._chain.result(below)
        if result is None:
            return
        if self._below != below:
            self._below, self._ahead, self._ahead_ms = below, [], self._clock_ms()
        step = self._take(STEP_CALLS, result.transactions)
        if step:
            self._ahead += step
            self.busy = True
            self._spawn(self._run_ahead(below, step))

    async def _run_ahead(self, below: BlockId, step: Sequence[Waiting]) -> None:
        candidates = [one.transaction for one in step]
        await self._thread.run(self._chain.prepare, below, candidates, self._ahead_ms)
        self.busy = False
        self.look()

    async def _build(self, view: int, parent: Block) -> None:
        if self._below != parent.id:
            self._below, self._ahead = None, []
        if not self._ahead and self._pool.calls < self._calls_aim:
            # One turn of the loop, so that what is submitted together is ordered together.
            await asyncio.sleep(0)
        now_ms = self._clock_ms()
        self._sweep(self._ahead_ms if self._ahead else now_ms)
        self._ahead += self._take(self._pace.calls_aim)
        candidates = [one.transaction for one in self._ahead if one.tx_id in self._pool]
        self._below, self._ahead = None, []
        proposal = await self._thread.run(self._chain.build, candidates, now_ms)
        await self._drop(proposal)
        self.busy = False
        if proposal.result is not None and self._wanted == (view, parent):
            self._wanted = None
            self._pace.begin(self._monotonic_ms())
            header = proposal.result.header
            following = wire.to_next_set(header, proposal.result.next_validators)
            block = wire.to_core_block(header)
            self._put(Built(view, block, following))
            if self._alone():
                # Nobody is waited for, but the disk is, and the core: twice for each block.
                self._in_flight = block.id
        self.look()

    def _take(
        self, calls_max: int, in_flight: Sequence[SignedTransaction] = ()
    ) -> Sequence[Waiting]:
        """Up to so many calls of those that wait, as far as the block in the making has room."""
        ahead = self._ahead
        calls = self._pace.calls_aim - sum(one.calls for one in ahead)
        size = self._bytes_aim - sum(one.size for one in ahead)
        if calls <= 0 or size <= 0:
            return ()
        skip = [one.id for one in in_flight] + [one.tx_id for one in ahead]
        return self._pool.take(min(calls, calls_max), size, skip, begun=bool(ahead))

    async def _drop(self, proposal: Proposal) -> None:
        """Let go of candidates that will never be executed, and set those aside that met a bug."""
        now_ms = self._monotonic_ms()
        for tx_id, error in proposal.refused:
            self._pool.done([tx_id], now_ms)
            self._admission.dropped(tx_id, error)
        for bug in proposal.bugs:
            self._log_bug(bug)
            await self._thread.run(self._chain.database.quarantine, bug.tx_id, str(bug).encode())
            self._pool.done([bug.tx_id], now_ms)
            self._admission.set_aside(bug.tx_id)

    def _sweep(self, time_ms: int) -> None:
        """Let go of transactions whose time is over at ``time_ms``, now and then."""
        now_ms = self._monotonic_ms()
        if now_ms - self._swept_ms < SWEEP_EVERY_MS:
            return
        self._swept_ms = now_ms
        for late in self._pool.expire(time_ms):
            error = InvalidTransaction(
                "transaction.expired", valid_until_ms=late.valid_until_ms, time_ms=time_ms
            )
            self._admission.dropped(late.tx_id, error)
