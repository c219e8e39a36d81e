"""What only the chain thread does: build, execute, keep, commit, estimate.

Every method here runs on that one thread (``ChainThread.run``), one after another, so execution,
the state tree and the store need no locks of their own. The methods know nothing of the event loop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from consensus import Block, BlockId, SafetyRecord
from node import indexer, worklists
from node.execution.blocks import BlockResult, Executor, Parent
from node.execution.calls import CallResult
from node.execution.changes import OpenedChanges
from node.execution.divergence import Outcome
from node.execution.proposing import Preparation, Proposal
from node.ledger.block import Certificate, Header, ValidatorSet
from node.ledger.errors import InvalidBlock
from node.ledger.transaction import Attachment, SignedTransaction
from node.ordering.wal import SafetyFile
from node.ordering.wire import encode_record
from node.store.blocks import StoredProposal
from node.store.database import Database, HeightParts
from node.store.kv import Operation
from node.telemetry import Metrics

RECENT_MAX = 4
"""Heights whose results are kept for peers that came to another one."""
AHEAD_OLD_MS = 10_000
"""What was run ahead for so long is begun anew: a block's time is to be near the clock when it is
proposed (``node.execution.blocks.FRESH_LATE_MS``)."""

P = ParamSpec("P")
T = TypeVar("T")


class ChainThread:
    """One thread that runs one job at a time, in the order in which they were given.

    The order is the event loop's: a job begins when the one before it was taken note of there. A
    job whose caller was cancelled runs to its end all the same, and the next one after it.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="chain")
        self._turn = asyncio.Lock()

    async def run(self, job: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a job and wait for it. What it raises is raised here."""
        async with self._turn:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, lambda: job(*args, **kwargs))

    async def run_and_hand_over(self, job: Callable[[], T], then: Callable[[T], None]) -> T:
        """Run a job, then ``then(result)`` on the event loop's thread before the next job begins:
        what ``then`` changes is never changed under a job."""
        async with self._turn:
            loop = asyncio.get_running_loop()
            result = await loop.run_in_executor(self._pool, job)
            then(result)
            return result

    def close(self) -> None:
        """Wait for the job in hand and end the thread."""
        self._pool.shutdown(wait=True)


class Chain:
    """The committed head and the results of the blocks that may follow it."""

    def __init__(
        self,
        database: Database,
        executor: Executor,
        parent: Parent,
        metrics: Metrics,
        *,
        organisation: str,
        index: bool,
    ) -> None:
        self.database = database
        self.executor = executor
        self.parent = parent
        self._metrics = metrics
        self._organisation = organisation
        self._index = index
        self._next_set: tuple[int, ValidatorSet] | None = None
        self._results: dict[BlockId, BlockResult] = {}
        self._ahead: Preparation | None = None
        self._recent: deque[Callable[[], Outcome]] = deque(maxlen=RECENT_MAX)
        self._kept: set[BlockId] = set()

    def prepare(
        self, below: BlockId, candidates: Sequence[SignedTransaction], clock_ms: int
    ) -> None:
        """Run candidates for the block above ``below``, which is still voted on.

        Does nothing where that block ends its epoch: who proposes the next one is not known yet.
        """
        ahead = self._ahead
        if ahead is None or BlockId(ahead.parent.block_hash) != below:
            result = self._results.get(below)
            if result is None or result.next_validators is not None:
                return
            ahead = self._ahead = Preparation(
                self.executor, Parent(result.header, result.block_hash), clock_ms,
                self.executor.state_after(result.writes),
            )  # fmt: skip
        ahead.add(candidates)

    def build(self, candidates: Sequence[SignedTransaction], clock_ms: int) -> Proposal:
        """Build a block on the head, of what was prepared on it and then of the candidates, and
        remember its result."""
        ahead, self._ahead = self._ahead, None
        if ahead is None or not self._is_of_use(ahead, clock_ms):
            ahead = Preparation(self.executor, self.parent, clock_ms)
        ahead.add(candidates)
        proposal = ahead.seal(clock_ms, self._organisation)
        if proposal.result is not None:
            self._results[BlockId(proposal.result.block_hash)] = proposal.result
        return proposal

    def _is_of_use(self, ahead: Preparation, clock_ms: int) -> bool:
        is_near = abs(clock_ms - ahead.time_ms) <= AHEAD_OLD_MS
        return ahead.parent.block_hash == self.parent.block_hash and is_near

    def is_kept(self, block: Block) -> bool:
        """Whether the content of a proposal is on disk."""
        return self.database.blocks.proposal(block.height, block.id) is not None

    def execute(self, header: Header, transactions: Sequence[SignedTransaction]) -> BlockResult:
        """Execute a block that others built. Raises ``InvalidBlock``, ``CallBug``.

        Signatures and attachments are checked. The clock is not looked at: what is untimely now
        may be decided by others, and its result is needed then.
        """
        known = self._results.get(BlockId(header.hash))
        if known is not None:
            return known
        result = self.executor.execute(self.parent, header, transactions, None)
        self._results[BlockId(result.block_hash)] = result
        return result

    def apply(self, changes: OpenedChanges) -> BlockResult:
        """Follow a certified block by its state diff. Raises ``InvalidBlock``, ``WrongChanges``."""
        known = self._results.get(BlockId(changes.header.hash))
        if known is not None:
            return known
        result = self.executor.apply(self.parent, changes)
        self._results[BlockId(result.block_hash)] = result
        return result

    def execute_kept(self, block: Block) -> BlockResult:
        """Execute a proposal that this node kept. Raises ``InvalidBlock``, ``CallBug``.

        Its signatures and attachments were checked before it was kept.
        """
        known = self._results.get(block.id)
        if known is not None:
            return known
        stored = self.database.blocks.proposal(block.height, block.id)
        if stored is None:
            raise InvalidBlock("block.content-missing", block=block.id.hex(), height=block.height)
        header = Header.decode(stored.header)
        if BlockId(header.hash) != block.id:
            raise InvalidBlock("block.content-other", block=block.id.hex())
        transactions = [
            SignedTransaction.decode_leaf(leaf, [Attachment(b, c) for b, c in pairs])
            for leaf, pairs in zip(stored.leaves, stored.attachments, strict=True)
        ]
        for transaction in transactions:
            transaction.check_attachments()
        result = self.executor.execute(self.parent, header, transactions, None)
        self._results[block.id] = result
        self._kept.add(block.id)
        return result

    def keep(self, blocks: Sequence[BlockId], record: SafetyRecord, safety: SafetyFile) -> None:
        """Content first, then the record that answers for it; both synced."""
        new = [block for block in blocks if block not in self._kept]
        if new:
            with self._metrics.stage("batch"):
                self.database.save_proposals(
                    {self._place(block): _stored(self._results[block]) for block in new}
                )
            self._kept.update(new)
        with self._metrics.stage("safety"):
            safety.save(encode_record(record))

    def commit(self, block: BlockId, certificate: Certificate) -> BlockResult:
        """Write the height as one batch. The head does not move before ``advance``."""
        result = self._results[block]
        receipts = result.receipts
        with self._metrics.stage("index"):
            rows: list[Operation] = []
            if self._index:
                rows = indexer.index_rows(result.header.height, result.transactions, receipts)
                rows += worklists.changes(result.writes, self.database.state.get)
        first_receipts, place = [], 0
        for transaction in result.transactions:
            first_receipts.append(place)
            place += len(transaction.body.calls)
        with self._metrics.stage("batch"):
            self.database.commit(
                HeightParts(
                    header=result.header,
                    header_bytes=result.header_bytes,
                    block_hash=result.block_hash,
                    leaves=result.leaves,
                    tx_ids=[transaction.id for transaction in result.transactions],
                    first_receipts=first_receipts,
                    receipts=result.receipt_bytes,
                    certificate=certificate.encode(),
                    writes=result.writes,
                    diff=result.diff,
                    attachments=result.attachments(),
                    buckets=result.overlay.bucket_roots(),
                    index_rows=rows,
                    next_validators=result.next_validators,
                    checked=result.checked,
                )
            )
        return result

    def advance(self, result: BlockResult) -> None:
        """Let state and tree follow a result whose batch is on disk.

        On the event loop's thread, while no job of the chain thread runs (``Node.commit``).
        """
        self.executor.commit(result)
        self._recent.append(_later(result))
        self.parent = Parent(result.header, result.block_hash)
        if result.next_validators is not None:
            self._next_set = None
        self._results.clear()
        self._kept.clear()

    def estimate(
        self, organisation: str, transaction: SignedTransaction, clock_ms: int
    ) -> tuple[int, CallResult]:
        """Height of the head and what the call would come to on it."""
        parent = self.parent
        signer = self.executor.find_signer(
            organisation, transaction.body.key, parent.header.height + 1
        )
        return parent.header.height, self.executor.estimate(parent, signer, transaction, clock_ms)

    def validators_of_next(self) -> tuple[int, ValidatorSet]:
        """Epoch and validator set of the height above the head."""
        if self._next_set is None:
            # Every message of every peer asks; the answer changes with an epoch.
            header = self.parent.header
            epoch = header.epoch + (1 if header.is_epoch_final else 0)
            self._next_set = epoch, self.database.validators(epoch)[1]
        return self._next_set

    def validators_of(self, epoch: int) -> ValidatorSet | None:
        """The set of an epoch that has begun, None for one that has not."""
        return self.database.validators(epoch)[1] if epoch <= self.validators_of_next()[0] else None

    def result(self, block: BlockId) -> BlockResult | None:
        """The result of a block that was built or executed on the head."""
        return self._results.get(block)

    def outcome(self, block: bytes) -> Outcome | None:
        """What a block came to here, while it is in flight and for ``RECENT_MAX`` heights more."""
        result = self._results.get(BlockId(block))
        if result is not None:
            return outcome_of(result)
        return next((found for one in self._recent if (found := one()).block == block), None)

    def _place(self, block: BlockId) -> tuple[int, bytes]:
        return self._results[block].header.height, block


def outcome_of(result: BlockResult) -> Outcome:
    """What of a result is compared with another node's."""
    return _later(result)()


def _later(result: BlockResult) -> Callable[[], Outcome]:
    """The outcome when it is asked for; the rest of the result is not held on to."""
    block, receipts = result.block_hash, result.receipt_bytes
    writes, all_writes = [call.writes for call in result.calls], result.writes

    def outcome() -> Outcome:
        written = {key for one in writes for key in one}
        rest = {key: value for key, value in all_writes.items() if key not in written}
        return Outcome(block, receipts, writes, rest)

    return outcome


def _stored(result: BlockResult) -> StoredProposal:
    return StoredProposal(
        result.header_bytes,
        result.leaves,
        [
            [(item.blind, item.content) for item in transaction.attachments]
            for transaction in result.transactions
        ],
    )
