"""One call: all or nothing, and a receipt either way.

A refusal is an outcome; the call's overlay is dropped and its receipt tells why. Any other
exception that comes out of contract code is a bug of ours: it becomes ``CallBug`` with the place,
never a receipt. What is wrong with the database or with this build passes through as it is.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from contracts.api import Attachment as CallAttachment
from contracts.api import Context, Services
from contracts.organisations import KeyRecord, Organisation
from contracts.quick import quick
from contracts.registry import VersionMissing
from contracts.runtime import Outcome, Runtime
from node.execution.state import BlockState, CallState
from node.ledger.codec import decode
from node.ledger.errors import CodecError
from node.ledger.receipt import (
    Event,
    Receipt,
    ReceiptPosting,
    compute_writes_digest,
    make_explanation,
)
from node.ledger.transaction import Attachment, Call, SignedTransaction
from node.store.errors import StoreError

NO_WRITES: Mapping[str, bytes | None] = {}
NO_WRITES_DIGEST = compute_writes_digest(NO_WRITES)


class CallBug(Exception):  # noqa: N818  (what it is: a bug that a call met)
    """Contract code raised something that is not a refusal."""

    def __init__(self, tx_id: bytes, call_index: int, call: Call, cause: BaseException) -> None:
        super().__init__(
            f"call {call_index} ({call.contract}.{call.method}) of transaction {tx_id.hex()} "
            f"met a bug: {type(cause).__name__}"
        )
        self.tx_id = tx_id
        self.call_index = call_index
        self.contract = call.contract
        self.method = call.method
        self.place = place_of(cause)
        """File and line of our source where it happened; nothing of the call's content."""


def place_of(error: BaseException) -> str:
    """File and line where an exception was raised."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    return "".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in last)


@dataclass(frozen=True, slots=True)
class Frame:
    """What all calls of a block share."""

    chain: bytes
    height: int
    time_ms: int
    services: Services
    tried_out: bool = False
    """An estimate: nothing of it is kept."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed: the organisation and key as the parent's state knows them."""

    organisation: Organisation
    key: KeyRecord


@quick(frozen=True, slots=True)
class CallResult:
    """What one call came to."""

    receipt: Receipt
    writes: Mapping[str, bytes | None]
    """State key to canonical value; empty when rejected."""
    explanation: Attachment | None
    work: int = 0
    """Units of work beyond being a call (``contracts.api.Context.work``)."""


def run_call(
    runtime: Runtime,
    frame: Frame,
    state: BlockState,
    signer: Signer,
    transaction: SignedTransaction,
    call_index: int,
) -> CallResult:
    """Run a call on the block's overlay; what it wrote is in the overlay when it was ok.

    Raises ``CallBug``.
    """
    overlay = CallState(state)
    outcome, explained, work = _outcome(runtime, frame, overlay, signer, transaction, call_index)
    writes = overlay.writes if outcome.ok else NO_WRITES
    state.writes.update(writes)
    receipt = Receipt(
        tx_id=transaction.id,
        call_index=call_index,
        status=outcome.status,
        code=outcome.code,
        values=outcome.values,
        answer=outcome.answer,
        events=tuple([Event(topic, fields) for topic, fields in outcome.events]),
        amounts=outcome.amounts,
        versions=outcome.versions,
        postings=tuple(
            [
                ReceiptPosting(p.transfer, p.account, p.fund_type, p.amount_fen)
                for p in outcome.postings
            ]
        ),
        explanation=None if explained is None else explained.commitment(),
        writes_digest=compute_writes_digest(writes) if writes else NO_WRITES_DIGEST,
    )
    return CallResult(receipt, writes, explained, work)


def refuse_call(transaction: SignedTransaction, call_index: int) -> CallResult:
    """The receipt of a call that is not run: its transaction has used up the block's work."""
    receipt = Receipt(
        tx_id=transaction.id,
        call_index=call_index,
        status="rejected",
        code="call.too-much-work",
        values={},
        answer={},
        events=(),
        amounts={},
        versions={},
        postings=(),
        explanation=None,
        writes_digest=NO_WRITES_DIGEST,
    )
    return CallResult(receipt, NO_WRITES, None)


def _outcome(
    runtime: Runtime,
    frame: Frame,
    overlay: CallState,
    signer: Signer,
    transaction: SignedTransaction,
    call_index: int,
) -> tuple[Outcome, Attachment | None, int]:
    """The outcome, the explanation attachment derived from it, and the units of work.

    A call that did nothing explains nothing: an explanation that is kept for good must not come
    cheaper than what it explains (an estimate has one only where it is asked for as such).
    """
    call = transaction.body.calls[call_index]
    try:
        attachments = _decoded(transaction, call)
    except CodecError as error:
        # The commitment was right, so the content is what the client meant: it gets its receipt.
        return Outcome("rejected", "args.attachment-encoding", {"reason": error.code}), None, 0
    context = Context(
        state=overlay,
        services=frame.services,
        chain=frame.chain,
        height=frame.height,
        time_ms=frame.time_ms,
        sender=signer.organisation.id,
        sender_kind=signer.organisation.kind,
        sender_region=signer.organisation.region,
        key=signer.key.key,
        holder=signer.key.holder,
        post=signer.key.post,
        tx_id=transaction.id,
        call_index=call_index,
        attachments=attachments,
    )
    try:
        outcome = runtime.call(context, call.contract, call.method, call.args)
        explained = None
        if outcome.explanation is not None and (overlay.writes or frame.tried_out):
            inputs = [transaction.attachments[place] for place in call.attachments]
            explained = make_explanation(
                transaction.id, call_index, inputs, outcome.explanation, context.secret
            )
    except (StoreError, VersionMissing):
        raise
    except Exception as bug:
        # The one place that must catch everything: whatever contract code raises beside a refusal
        # is a bug, and its place has to be known before the transaction is set aside.
        raise CallBug(transaction.id, call_index, call, bug) from bug
    return outcome, explained, context.work


def _decoded(transaction: SignedTransaction, call: Call) -> dict[str, CallAttachment]:
    """The call's attachments by audience, content decoded. Raises ``CodecError``.

    Each content was held against its commitment when the transaction came in.
    """
    found = {}
    for place in call.attachments:
        ref, item = transaction.body.attachments[place], transaction.attachments[place]
        found[ref.audience] = CallAttachment(
            ref.audience, decode(item.content), ref.commitment, item.blind
        )
    return found
