"""Estimates: calls that are tried out on the head, with a bounded share of the chain thread.

An estimate runs the same code as a block and writes nothing. It must never hold up settlement: few
wait at once, and while transactions wait to be ordered estimates get a fifth of the time.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from node.api.ports import Estimate, EstimateCall
from node.ledger.errors import Unavailable
from node.ledger.transaction import (
    Attachment,
    AttachmentRef,
    Call,
    SignedTransaction,
    TransactionBody,
    commit,
)
from node.ledger.types import ZERO_DIGEST, Key, OrgId, Signature, TimeMs
from node.mempool import Mempool
from node.service.chain import Chain, ChainThread

WAITING_MAX = 8
"""Estimates in hand at once; each takes about as long as one settlement."""
SHARE = 5
"""While the pool is not empty, one part in five of the chain thread's time."""


class Estimates:
    """Runs estimates. Used on the event loop's thread."""

    def __init__(
        self,
        chain: Chain,
        thread: ChainThread,
        pool: Mempool,
        clock_ms: Callable[[], int],
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._chain = chain
        self._thread = thread
        self._pool = pool
        self._clock_ms = clock_ms
        self._monotonic_s = monotonic_s
        self._waiting = 0
        self._free_s = 0.0

    async def run(self, organisation: str, key: bytes, call: EstimateCall) -> Estimate:
        """What the call would come to. Raises ``Unavailable``, ``InvalidTransaction``."""
        now_s = self._monotonic_s()
        if self._waiting >= WAITING_MAX or (len(self._pool) and now_s < self._free_s):
            raise Unavailable("node.busy", retry_after_s=1, part="estimates")
        transaction = _as_transaction(self._chain, organisation, key, call)
        self._waiting += 1
        try:
            return await self._thread.run(self._run, organisation, transaction)
        finally:
            self._waiting -= 1

    def _run(self, organisation: str, transaction: SignedTransaction) -> Estimate:
        """On the chain thread."""
        start_s = self._monotonic_s()
        height, result = self._chain.estimate(organisation, transaction, self._clock_ms())
        end_s = self._monotonic_s()
        self._free_s = end_s + (SHARE - 1) * (end_s - start_s)
        explanation = None if result.explanation is None else result.explanation.content
        return Estimate(height, result.receipt.encode(), explanation)


def _as_transaction(
    chain: Chain, organisation: str, key: bytes, call: EstimateCall
) -> SignedTransaction:
    """The call as the only one of a transaction that nobody signed and that has no id."""
    refs = tuple(
        AttachmentRef(audience, commit(blind, content))
        for audience, blind, content in call.attachments
    )
    tried = Call(call.contract, call.method, dict(call.args), tuple(range(len(refs))))
    body = TransactionBody(
        chain=chain.parent.header.chain,
        sender=OrgId(organisation),
        key=Key(key),
        valid_until_ms=TimeMs(0),
        calls=(tried,),
        attachments=refs,
    )
    attachments = tuple(Attachment(blind, content) for _, blind, content in call.attachments)
    return SignedTransaction(ZERO_DIGEST, body, b"", Signature(bytes(64)), attachments)
