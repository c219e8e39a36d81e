"""A block's life in execution: admit, run, seal, and the result as one value.

A block reads top to bottom in ``Executor.execute``: who signed, the calls one after the other, then
``seal``: note the executed ids, drop the expired ones, compute the roots. A block of this node's
own goes the same way (``proposing``); only what happens to an inadmissible transaction differs: it
is left out there, and here the block is refused.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

from contracts.api import Services
from contracts.organisations import find_signer, validators
from contracts.runtime import Runtime
from node.execution.calls import (
    NO_WRITES,
    CallResult,
    Frame,
    Signer,
    refuse_call,
    run_call,
)
from node.execution.changes import OpenedChanges, WrongChanges
from node.execution.state import BlockState, ByteState, CommittedState, ReadState
from node.ledger import merkle
from node.ledger.block import (
    HEADER_VERSION,
    Header,
    Validator,
    ValidatorSet,
    check_limits,
    check_link,
)
from node.ledger.codec import encode
from node.ledger.errors import InvalidBlock, InvalidTransaction, Unavailable
from node.ledger.receipt import Receipt, encode_writes
from node.ledger.state_tree import Overlay, StateTree, compute_changes
from node.ledger.transaction import SignedTransaction
from node.ledger.types import Checked, Digest, Epoch, Height, Key, OrgId, TimeMs
from node.store.state import executed_key

CALL_WORK = 800
"""Units of being a call: about 200 microseconds with its share of tree and batch."""
BLOCK_WORK_MAX = 6_000_000
"""Units of work (``contracts.api.Context.work``) after which a block takes no further transaction,
and a transaction no further call: about a second and a half. A full block of 1,000 ordinary
settlements has two millions, a bill of 5,000 lines one. Without the bound, a transaction of 60 KB
that asks a thousand times for the largest of decisions would hold the chain for minutes."""

FRESH_LATE_MS = 60_000
FRESH_EARLY_MS = 5_000
"""How far a first proposal may lie behind and ahead of the clock (CONSENSUS.md section 5.2)."""


Measure = Callable[[str], AbstractContextManager[None]]


class ExpiryOrder(Protocol):
    """Executed ids in the order of their expiry (``node.store.state.StateRows``)."""

    def executed_before(self, time_ms: int, limit: int) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class Parent:
    """The block on which the next one stands: the committed head."""

    header: Header
    block_hash: Digest


@dataclass(frozen=True, slots=True)
class BlockResult:
    """Everything that executing a block gave."""

    header: Header
    header_bytes: bytes
    block_hash: Digest
    transactions: Sequence[SignedTransaction]
    leaves: Sequence[bytes]
    calls: Sequence[CallResult]
    """In the order of the receipts."""
    receipt_bytes: Sequence[bytes]
    writes: Mapping[str, bytes | None]
    """Of the whole block, executed ids included."""
    diff: bytes
    overlay: Overlay
    """The state tree after this block."""
    next_validators: ValidatorSet | None
    """Present exactly when the block ends its epoch."""
    checked: Checked = Checked.REEXECUTED
    """By a diff where the attachments did not come here; then there are none."""

    @property
    def receipts(self) -> list[Receipt]:
        return [call.receipt for call in self.calls]

    def attachments(self) -> list[tuple[bytes, bytes, bytes]]:
        """(commitment, blind, content): the transactions' own, then the derived explanations."""
        if self.checked < Checked.REEXECUTED:
            return []
        found: list[tuple[bytes, bytes, bytes]] = [
            (ref.commitment, item.blind, item.content)
            for transaction in self.transactions
            for ref, item in zip(transaction.body.attachments, transaction.attachments, strict=True)
        ]
        found += [
            (call.receipt.explanation, call.explanation.blind, call.explanation.content)
            for call in self.calls
            if call.explanation is not None and call.receipt.explanation is not None
        ]
        return found


class BlockDiffers(InvalidBlock):
    """A block whose every transaction is admissible executes to something else here."""

    def __init__(self, error: InvalidBlock, header: Header, result: BlockResult) -> None:
        super().__init__(error.code, **error.values)
        self.header = header
        self.result = result


class Run:
    """Transactions run one after the other above a parent: a block before its roots are known."""

    def __init__(self, runtime: Runtime, frame: Frame, base: ByteState) -> None:
        """``base`` is the parent's state."""
        self._runtime = runtime
        self._state = BlockState(base)
        self._work = 0
        self._executed: dict[str, bytes | None] = {}
        self._at_height = encode(frame.height)
        self.frame = frame
        self.transactions: list[SignedTransaction] = []
        self.calls: list[CallResult] = []

    @property
    def is_full(self) -> bool:
        """Whether the work done so far leaves no room for another transaction."""
        return self._work >= BLOCK_WORK_MAX

    def add(self, transaction: SignedTransaction, signer: Signer) -> None:
        """Run the calls in order; those beyond the work of a block are refused unrun.

        Raises ``CallBug``; what was run up to there is of no use then.
        """
        made: list[CallResult] = []
        work = 0
        for index in range(len(transaction.body.calls)):
            if work >= BLOCK_WORK_MAX:
                made.append(refuse_call(transaction, index))
                continue
            call = run_call(self._runtime, self.frame, self._state, signer, transaction, index)
            work += call.work + CALL_WORK
            made.append(call)
        self._work += sum(call.work + CALL_WORK for call in made)
        self.calls += made
        self.transactions.append(transaction)
        executed = executed_key(transaction.body.valid_until_ms, transaction.id)
        self._executed[executed] = self._at_height

    def writes(self, expiry: ExpiryOrder) -> dict[str, bytes | None]:
        """All that the block writes: the calls' writes, the expired ids, then the executed ones.

        ``expiry`` is the parent's, so the parent is committed by now.
        """
        writes = dict(self._state.writes)
        # Twice as many as come in, so that a backlog shrinks, and never more: a block's work
        # stays in proportion to what it carries.
        for key in expiry.executed_before(self.frame.time_ms, 2 * len(self._executed)):
            writes[key] = None
        writes.update(self._executed)
        return writes


@dataclass(frozen=True, slots=True)
class Held:
    """What is in memory of a state that may be larger."""

    tree_bytes: int
    """Of the state tree's buckets: at most ``store.tree_cache_mb``."""
    state_bytes: int
    """Of entries of the state: at most ``store.state_cache_mb`` and the writes of a block."""


class Executor:
    """Executes blocks on the committed head. One thread uses it: the chain thread."""

    def __init__(
        self,
        chain: Digest,
        runtime: Runtime,
        services: Services,
        state: CommittedState,
        expiry: ExpiryOrder,
        tree: StateTree,
        measure: Measure = lambda stage: nullcontext(),
    ) -> None:
        """``measure`` takes the time of the stages ``execute``, ``tree`` and ``roots``."""
        self._chain = chain
        self._runtime = runtime
        self._services = services
        self._state = state
        self._expiry = expiry
        self._tree = tree
        self._measure = measure
        self._tree_lock = threading.Lock()

    @property
    def held(self) -> Held:
        """How full the caches are. Any thread may ask."""
        return Held(self._tree.held_bytes, self._state.held_bytes)

    def admit(
        self,
        transaction: SignedTransaction,
        height: int,
        time_ms: int,
        base: ByteState | None = None,
    ) -> Signer:
        """Who signed, if the transaction may stand in the block at ``height``.

        Judged by the parent's state: ``base``, or the committed one. Raises ``InvalidTransaction``.
        Signature and attachments are checked before, without state.
        """
        transaction.check_admissible(self._chain, time_ms)
        body = transaction.body
        signer = self.find_signer(body.sender, body.key, height, base)
        state = self._state if base is None else base
        if state.get(executed_key(body.valid_until_ms, transaction.id)) is not None:
            raise InvalidTransaction("transaction.executed", id=transaction.id.hex())
        return signer

    def find_signer(
        self, sender: str, key: bytes, height: int, base: ByteState | None = None
    ) -> Signer:
        """Organisation and key, if they may sign for the block at ``height``; by ``base`` as above.

        Raises ``InvalidTransaction``: unknown, revoked, another's, of another purpose, or the
        organisation takes no part.
        """
        state = ReadState(self._state if base is None else base)
        found = find_signer(state, sender, key, height)
        if found is None:
            raise InvalidTransaction("transaction.key", sender=sender, key=key.hex(), height=height)
        return Signer(*found)

    def state_after(self, writes: Mapping[str, bytes | None]) -> ByteState:
        """The state after a block in flight that ``writes``; the same when it is committed."""
        state = BlockState(self._state)
        state.writes.update(writes)
        return state

    def begin(self, height: int, time_ms: int, base: ByteState | None = None) -> Run:
        """An empty run for the block at ``height``, on ``base`` or the committed state."""
        frame = Frame(self._chain, height, time_ms, self._services)
        return Run(self._runtime, frame, self._state if base is None else base)

    def extend(self, run: Run, admitted: Iterable[tuple[SignedTransaction, Signer]]) -> None:
        """Run transactions in order, as far as the block's work goes. Raises ``CallBug``."""
        with self._measure("execute"):
            for transaction, signer in admitted:
                if run.is_full:
                    break
                run.add(transaction, signer)

    def execute(
        self,
        parent: Parent,
        header: Header,
        transactions: Sequence[SignedTransaction],
        clock_ms: int | None,
    ) -> BlockResult:
        """Execute a received block and hold the result against its header.

        ``clock_ms`` is given for a block that is proposed for the first time; its time must then
        be near the clock. Raises ``InvalidBlock`` (``block.untimely`` for the clock alone),
        ``CallBug``.
        """
        check_link(header, parent.header)
        check_limits(transactions)
        admitted = []
        for transaction in transactions:
            try:
                signer = self.admit(transaction, header.height, header.time_ms)
            except InvalidTransaction as error:
                raise InvalidBlock(
                    "block.inadmissible", id=transaction.id.hex(), reason=error.code
                ) from error
            admitted.append((transaction, signer))
        run = self.begin(header.height, header.time_ms)
        self.extend(run, admitted)
        if len(run.transactions) < len(transactions):
            raise InvalidBlock("block.work", transactions=len(transactions), work=BLOCK_WORK_MAX)
        result = self.seal(parent, run, header.proposer)
        try:
            check_same(header, result.header)
        except InvalidBlock as error:
            raise BlockDiffers(error, header, result) from error
        if clock_ms is not None and not (
            clock_ms - FRESH_LATE_MS <= header.time_ms <= clock_ms + FRESH_EARLY_MS
        ):
            raise InvalidBlock("block.untimely", time_ms=header.time_ms, clock_ms=clock_ms)
        return result

    def apply(self, parent: Parent, changes: OpenedChanges) -> BlockResult:
        """What a certified block did, from its state diff instead of its attachments.

        Raises ``InvalidBlock`` for a header that may not follow, ``WrongChanges`` for writes that
        do not lead to its state root.
        """
        header = changes.header
        check_link(header, parent.header)
        overlay = self._overlay(changes.writes)
        if overlay.root != header.state_root:
            raise WrongChanges("changes.state-root")
        next_set = validator_set(self.state_after(changes.writes))
        if next_set.hash != header.next_validators_hash:
            raise InvalidBlock("block.differs", field="next_validators_hash")
        return BlockResult(
            header=header,
            header_bytes=header.encode(),
            block_hash=header.hash,
            transactions=changes.transactions,
            leaves=changes.leaves,
            calls=[CallResult(receipt, NO_WRITES, None) for receipt in changes.receipts],
            receipt_bytes=changes.receipt_bytes,
            writes=changes.writes,
            diff=changes.diff,
            overlay=overlay,
            next_validators=next_set if header.is_epoch_final else None,
            checked=Checked.DIFF,
        )

    def estimate(
        self, parent: Parent, signer: Signer, transaction: SignedTransaction, clock_ms: int
    ) -> CallResult:
        """Run the transaction's only call on a throw-away overlay of the committed head."""
        time_ms = max(clock_ms, parent.header.time_ms + 1)
        height = parent.header.height + 1
        frame = Frame(self._chain, height, time_ms, self._services, tried_out=True)
        state = BlockState(self._state)
        return run_call(self._runtime, frame, state, signer, transaction, 0)

    def commit(self, result: BlockResult) -> None:
        """Let the base follow a result whose batch is on disk."""
        self._state.apply(result.writes)
        with self._tree_lock:
            self._tree.commit(result.overlay)

    def prove(self, key: str, state_root: bytes) -> bytes:
        """Proof of presence or absence under the committed head's root; any thread may ask.

        Raises ``Unavailable`` when the head is no longer the one of ``state_root``.
        """
        with self._tree_lock:
            if self._tree.root != state_root:
                raise Unavailable("state.head-moved", retry_after_s=1)
            return self._tree.prove(key).encode()

    def _overlay(self, writes: Mapping[str, bytes | None]) -> Overlay:
        with self._measure("tree"), self._tree_lock:
            changes = compute_changes(writes)
            return self._tree.overlay(changes)

    def seal(self, parent: Parent, run: Run, proposer: str) -> BlockResult:
        """Writes, roots, header and hash of what was run; ``parent`` is the committed head."""
        writes = run.writes(self._expiry)
        before = parent.header
        overlay = self._overlay(writes)
        with self._measure("roots"):
            leaves = [transaction.encode_leaf() for transaction in run.transactions]
            receipts = [call.receipt.encode_trusted() for call in run.calls]
            roots = merkle.compute_root(leaves), merkle.compute_root(receipts)
        next_set = validator_set(self.state_after(writes))
        header = Header(
            version=HEADER_VERSION,
            chain=self._chain,
            height=Height(before.height + 1),
            parent=parent.block_hash,
            epoch=Epoch(before.epoch + (1 if before.is_epoch_final else 0)),
            validators_hash=before.next_validators_hash,
            next_validators_hash=next_set.hash,
            proposer=proposer,
            time_ms=TimeMs(run.frame.time_ms),
            tx_root=roots[0],
            tx_count=len(leaves),
            receipts_root=roots[1],
            receipts_count=len(receipts),
            state_root=overlay.root,
        )
        return BlockResult(
            header=header,
            header_bytes=header.encode(),
            block_hash=header.hash,
            transactions=run.transactions,
            leaves=leaves,
            calls=run.calls,
            receipt_bytes=receipts,
            writes=writes,
            diff=encode_writes(writes),
            overlay=overlay,
            next_validators=next_set if header.is_epoch_final else None,
        )


def check_same(header: Header, ours: Header) -> None:
    """Raises ``InvalidBlock`` with the first field in which a header and our result differ."""
    for name in Header.__slots__:
        claimed, computed = getattr(header, name), getattr(ours, name)
        if claimed != computed:
            raise InvalidBlock("block.differs", field=name, claimed=claimed, computed=computed)


def validator_set(state: ByteState) -> ValidatorSet:
    """The set that orders the next block, as the state has it."""
    members = validators(ReadState(state))
    return ValidatorSet(tuple(Validator(OrgId(org), Key(key)) for org, key in members))
