"""A transaction's way in: decode, cheap checks, signature, pool; and who waits for what.

Cheap before dear (SECURITY.md section 8): size and encoding, known or not, chain and window, key
in the state, and only then the signature, on a thread (``signatures``). Whoever waits for a
transaction is answered when it is committed, or told why it never will be.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from node.api.ports import Accepted
from node.ledger.errors import InvalidTransaction, LedgerError, Unavailable
from node.ledger.transaction import SignedTransaction
from node.mempool import Mempool, Waiting
from node.service.chain import Chain
from node.service.signatures import Signatures
from node.telemetry import Metrics

UNKNOWN_KEY = "transaction.key"
TOO_LONG = "transaction.valid-too-long"
BY_TIME = frozenset({"transaction.expired", TOO_LONG})
"""Refusals by the time of a block: this node's clock, which may be wrong, makes its time."""


class Admission:
    """Takes transactions in. Used on the event loop's thread."""

    def __init__(
        self,
        chain: Chain,
        pool: Mempool,
        metrics: Metrics,
        clock_ms: Callable[[], int],
        is_committed: Callable[[bytes], bool],
        on_added: Callable[[], None],
        *,
        monotonic_ms: Callable[[], int],
        is_current: Callable[[], bool],
        is_copy: Callable[[], bool],
    ) -> None:
        """``is_committed`` says whether the published head's chain holds a transaction,
        ``is_current`` whether this node knows that nothing newer is decided, ``is_copy`` whether it
        can neither order anything nor pass it on."""
        self._is_current, self._is_copy = is_current, is_copy
        self._monotonic_ms = monotonic_ms
        self._chain = chain
        self._is_committed = is_committed
        self.pool = pool
        self._metrics = metrics
        self._clock_ms = clock_ms
        self._on_added = on_added
        self._signatures = Signatures(metrics)
        self._waiters: dict[bytes, list[asyncio.Future[None]]] = {}
        self._late: dict[bytes, int] = {}
        """Waited for, let go of by this node's clock, and not yet impossible: the ends of their
        times. The last who waits for one takes it along (``wait``)."""
        self.quarantined = set(chain.database.quarantined())
        """Ids of transactions that met a bug of ours; they are not tried again."""
        self.closing = False

    async def submit(
        self,
        wire: bytes,
        pass_on: Callable[[bytes], None] | None = None,
        *,
        from_peer: bool = False,
    ) -> Accepted:
        """Admit a transaction; one that waits or is committed already is answered as such.

        ``pass_on`` gets the bytes when the transaction is new here: to tell the other validators.
        ``from_peer``: another node has taken it in and promised to keep it, so it is not asked how
        long it will wait. Raises ``InvalidTransaction`` (the client's fault) or ``Unavailable``
        (ours).
        """
        try:
            return await self._submit(wire, pass_on, from_peer)
        except LedgerError as error:
            self._metrics.refused.labels(error.code).inc()
            raise

    async def wait(self, tx_id: bytes, timeout_s: float) -> bool:
        """Whether this node commits the transaction within the time.

        Raises ``InvalidTransaction`` as soon as it is certain that it never will.
        """
        if tx_id not in self.pool and self._is_committed(tx_id):
            return True
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.setdefault(tx_id, []).append(future)
        try:
            async with asyncio.timeout(timeout_s):
                await future
        except TimeoutError:
            return False
        finally:
            waiting = self._waiters.get(tx_id, [])
            if future in waiting:
                waiting.remove(future)
            if not waiting:
                self._waiters.pop(tx_id, None)
                self._late.pop(tx_id, None)
        return True

    def committed(self, tx_ids: Iterable[bytes]) -> None:
        """Answer those who wait for these; the head has moved."""
        for tx_id in tx_ids:
            for future in self._waiters.pop(tx_id, ()):
                if not future.done():
                    future.set_result(None)
        for tx_id, until_ms in self._late.items():
            if self._is_over(until_ms):
                self._tell(tx_id, self._expired(until_ms))

    def dropped(self, tx_id: bytes, error: InvalidTransaction) -> None:
        """Tell those who wait that it will not come, as soon as that is certain.

        Our clock alone does not make it certain that a time is over: a block that was proposed
        before may hold the transaction and be decided much later, with its old time. Nor that a
        time lies too far ahead: our clock may have been set back, and other members' not.
        """
        self._metrics.refused.labels(error.code).inc()
        if error.code not in BY_TIME:
            self._tell(tx_id, error)
            return
        until_ms = error.values["valid_until_ms"]
        assert isinstance(until_ms, int), "the error names the end"
        if self._is_over(until_ms):
            self._tell(tx_id, self._expired(until_ms))
        elif tx_id in self._waiters:
            self._late[tx_id] = until_ms

    def _is_over(self, until_ms: int) -> bool:
        """Whether every block above the head is later than this."""
        return until_ms <= self._chain.parent.header.time_ms

    def _expired(self, until_ms: int) -> InvalidTransaction:
        """The refusal of what is over: by the time of the earliest block to come."""
        time_ms = self._chain.parent.header.time_ms + 1
        return InvalidTransaction("transaction.expired", valid_until_ms=until_ms, time_ms=time_ms)

    def _tell(self, tx_id: bytes, error: InvalidTransaction) -> None:
        for future in self._waiters.pop(tx_id, ()):
            if not future.done():
                future.set_exception(error)

    def recheck(self, transaction: SignedTransaction) -> None:
        """Let go of a waiting transaction that no block can hold any more, as of the head: its key
        was revoked, its time is over. Another primary would leave it out without telling us."""
        if transaction.id not in self.pool:
            return
        try:
            self._check_state(transaction)
        except InvalidTransaction as error:
            # Too long by our clock, which was set back: a primary with a right one can order it.
            if error.code == TOO_LONG or self._is_written(transaction.id):
                return
            self.pool.done([transaction.id], self._monotonic_ms())
            self.dropped(transaction.id, error)
        except Unavailable:
            pass  # as of a head that is not the newest: nothing is certain

    def set_aside(self, tx_id: bytes) -> None:
        """A transaction met a bug: it is not tried again until the operator has looked."""
        self.quarantined.add(tx_id)
        self.dropped(tx_id, InvalidTransaction("transaction.quarantined", id=tx_id.hex()))

    def end(self, code: str) -> None:
        """Take nothing more in; whoever waits is told that the node ends."""
        self.closing = True
        for waiting in self._waiters.values():
            for future in waiting:
                if not future.done():
                    future.set_exception(Unavailable(code, retry_after_s=30))
        self._waiters.clear()

    def close(self) -> None:
        """``end``, and wait for the signatures in hand."""
        self.end("node.stopping")
        self._signatures.close()

    async def _submit(
        self, wire: bytes, pass_on: Callable[[bytes], None] | None, from_peer: bool
    ) -> Accepted:
        if self.closing:
            raise Unavailable("node.stopping", retry_after_s=30)
        if self._is_copy():
            raise Unavailable("node.orders-nothing", retry_after_s=30)
        with self._metrics.stage("decode"):
            transaction = SignedTransaction.decode(wire)
        with self._metrics.stage("admit"):
            if transaction.id in self.pool:
                return Accepted(transaction.id, committed=False)
            judged_on = self._chain.parent
            try:
                self._check_state(transaction)
            except LedgerError:
                # What is committed never passes: its id is known, or its time is over. So the
                # chain is asked only about what does not pass: a read of the database gives the
                # interpreter away, and waits for it behind the chain thread.
                if self._is_committed(transaction.id):
                    return Accepted(transaction.id, committed=True)
                if self._is_written(transaction.id):
                    return Accepted(transaction.id, committed=False)
                raise
            if not from_peer:
                self.pool.check_wait(transaction.body.sender, self._monotonic_ms())
        await self._signatures.check(transaction)
        if transaction.id in self.pool:
            return Accepted(transaction.id, committed=False)
        if self._chain.parent is not judged_on and self._is_committed(transaction.id):
            return Accepted(transaction.id, committed=True)
        if self.closing:
            raise Unavailable("node.stopping", retry_after_s=30)
        self.pool.add(
            Waiting(
                tx_id=transaction.id,
                sender=transaction.body.sender,
                valid_until_ms=transaction.body.valid_until_ms,
                calls=len(transaction.body.calls),
                size=transaction.size(),
                arrived_ms=self._monotonic_ms(),
                transaction=transaction,
            ),
            self._monotonic_ms(),
        )
        if pass_on is not None:
            pass_on(wire)
        self._on_added()
        return Accepted(transaction.id, committed=False)

    def _is_written(self, tx_id: bytes) -> bool:
        """Whether a block on this node's disk holds the transaction. The newest is there a moment
        before it is published, and the state read meanwhile may be the one after it: what it
        holds is refused by then, and committed as soon as the head moves."""
        return self._chain.database.blocks.find_transaction(tx_id) is not None

    def _check_state(self, transaction: SignedTransaction) -> None:
        """Chain, window, key and executed ids as of the head, at the earliest block to come."""
        if transaction.id in self.quarantined:
            raise InvalidTransaction("transaction.quarantined", id=transaction.id.hex())
        header = self._chain.parent.header
        time_ms = max(self._clock_ms(), header.time_ms + 1)
        try:
            self._chain.executor.admit(transaction, header.height + 1, time_ms)
        except InvalidTransaction as error:
            if error.code == UNKNOWN_KEY and not self._is_current():
                # Registered in a block that this node does not have yet, for all it knows.
                raise Unavailable("node.behind", retry_after_s=1) from error
            raise
