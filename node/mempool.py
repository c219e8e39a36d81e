"""Transactions that wait to be ordered: bounded, fair between senders, kept until they are done.

A transaction that was accepted stays in the pool's custody until a block holds it or its time is
over; nothing else removes it (CONSENSUS.md section 8: pools that forget silently are a known bug).
Fair means: a block is filled by going round the senders, one transaction each, so a sender with a
thousand waiting ones delays another's first by one round, not by a thousand.

The pool does no checking; the service admits first. One thread uses it (the event loop's).
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from node.ledger.errors import Unavailable
from node.ledger.transaction import SignedTransaction

RETRY_SECONDS_MAX = 60
"""Longest wait that a full pool asks for; by then the rate measured now says nothing."""
RATE_WINDOW_MS = 10_000
"""How far back the rate of ordering is measured for an honest time to retry."""
WAIT_MS_MAX = 10_000
"""A client's transaction that would wait longer is not taken in: whoever asks to be answered once
it is committed is answered within ``commit_wait_s``, or told at once to come back later."""
BUSY_MS_LEAST = 2_000
"""Only after so long without a pause is the rate of ordering all that can be ordered."""
CALLS_FREE = 1_024
"""Four full blocks may always wait."""


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """Bounds of the pool; defaults and reasons stand in ``node.config``."""

    count_max: int
    bytes_max: int
    sender_count_max: int
    sender_bytes_max: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A transaction in the pool."""

    tx_id: bytes
    sender: str
    valid_until_ms: int
    calls: int
    size: int
    """Bytes on the wire, attachments included: what it takes of a block's room."""
    arrived_ms: int
    """When it was accepted, by the node's monotonic clock."""
    transaction: SignedTransaction
    """The checked transaction; the pool does not look inside."""


@dataclass(slots=True)
class _Sender:
    queue: OrderedDict[bytes, Waiting]
    size: int = 0


class Mempool:
    """The pool. ``take`` hands out without removing; ``done`` removes."""

    def __init__(self, limits: PoolLimits) -> None:
        self.limits = limits
        self._waiting: dict[bytes, Waiting] = {}
        self._senders: OrderedDict[str, _Sender] = OrderedDict()
        self._size = 0
        self._calls = 0
        self._ordered: deque[tuple[int, int]] = deque()
        self._busy_since_ms: int | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, tx_id: bytes) -> bool:
        return tx_id in self._waiting

    @property
    def size(self) -> int:
        """Bytes that wait."""
        return self._size

    @property
    def senders(self) -> int:
        """Senders of whom something waits."""
        return len(self._senders)

    @property
    def calls(self) -> int:
        """Calls that wait."""
        return self._calls

    @property
    def fill(self) -> float:
        """The fullest of the pool's own caps, 0 to 1."""
        return max(len(self._waiting) / self.limits.count_max, self._size / self.limits.bytes_max)

    def find(self, tx_id: bytes) -> SignedTransaction | None:
        """The waiting transaction with this id. Any thread may ask."""
        waiting = self._waiting.get(tx_id)
        return None if waiting is None else waiting.transaction

    def waiting(self) -> Sequence[Waiting]:
        """All that wait, in the order in which they came."""
        return tuple(self._waiting.values())

    def oldest_ms(self) -> int | None:
        """When the transaction that waits longest arrived; None when nothing waits."""
        heads = (next(iter(s.queue.values())) for s in self._senders.values())
        return min((waiting.arrived_ms for waiting in heads), default=None)

    def check_wait(self, sender: str, now_ms: int) -> None:
        """Whether a client's transaction would be ordered in good time, its sender's others and
        the turns of all senders before it. Raises ``Unavailable``, as ``add``."""
        rate = self._busy_rate(now_ms)
        if self._calls < CALLS_FREE or rate is None:
            return
        held = self._senders.get(sender)
        own = 0 if held is None else sum(one.calls for one in held.queue.values())
        behind = min(self._calls, own * len(self._senders))
        if behind * 1_000 > WAIT_MS_MAX * rate:
            raise Unavailable(
                "pool.behind",
                calls=behind, calls_per_s=round(rate), limit_ms=WAIT_MS_MAX,
                retry_after_s=self._retry_after(behind, now_ms),
            )  # fmt: skip

    def _busy_rate(self, now_ms: int) -> float | None:
        """Calls ordered a second while something waited all the time; None where that is not known
        because there was a pause, or nothing was ordered at all."""
        if self._busy_since_ms is None:
            return None
        since = max(self._busy_since_ms, now_ms - RATE_WINDOW_MS)
        calls = sum(calls for at, calls in self._ordered if at > since)
        if now_ms - since < BUSY_MS_LEAST or not calls:
            return None
        return calls * 1_000 / (now_ms - since)

    def add(self, waiting: Waiting, now_ms: int) -> None:
        """Take a transaction into custody; one that waits already is left as it is.

        Raises ``Unavailable`` with ``retry_after_s`` when a cap is reached (answered as 429).
        """
        if waiting.tx_id in self._waiting:
            return
        sender = self._senders.get(waiting.sender)
        limits = self.limits
        if sender is not None and (
            len(sender.queue) >= limits.sender_count_max
            or sender.size + waiting.size > limits.sender_bytes_max
        ):
            behind = sum(one.calls for one in sender.queue.values())
            raise Unavailable(
                "pool.sender-full",
                transactions=len(sender.queue), limit=limits.sender_count_max,
                retry_after_s=self._retry_after(min(behind, self._calls), now_ms),
            )  # fmt: skip
        if len(self._waiting) >= limits.count_max or self._size + waiting.size > limits.bytes_max:
            raise Unavailable(
                "pool.full",
                transactions=len(self._waiting), limit=limits.count_max,
                retry_after_s=self._retry_after(self._calls, now_ms),
            )  # fmt: skip
        if sender is None:
            sender = self._senders[waiting.sender] = _Sender(OrderedDict())
        if self._busy_since_ms is None:
            self._busy_since_ms = now_ms
        sender.queue[waiting.tx_id] = waiting
        sender.size += waiting.size
        self._waiting[waiting.tx_id] = waiting
        self._size += waiting.size
        self._calls += waiting.calls

    def take(
        self,
        calls_max: int,
        bytes_max: int,
        skip: Iterable[bytes] = (),
        *,
        begun: bool = False,
    ) -> Sequence[Waiting]:
        """Transactions for a block, going round the senders; each sender's in order of arrival.

        The first always fits, a transaction is never larger than a block; unless the block is
        ``begun``, and holds others already. What is taken stays in the pool until ``done``. The
        next round starts behind the senders that had their turn. ``skip`` are ids that another
        block in flight, or the begun one, holds.
        """
        held = set(skip)
        queues = deque(iter(sender.queue.values()) for sender in self._senders.values())
        taken: list[Waiting] = []
        calls = size = 0
        while queues:
            queue = queues.popleft()
            waiting = next((one for one in queue if one.tx_id not in held), None)
            if waiting is None:
                continue
            exempt = not taken and not begun
            if not exempt and (
                calls + waiting.calls > calls_max or size + waiting.size > bytes_max
            ):
                break
            taken.append(waiting)
            calls += waiting.calls
            size += waiting.size
            queues.append(queue)
        for waiting in taken:
            self._senders.move_to_end(waiting.sender)
        return taken

    def done(self, tx_ids: Iterable[bytes], now_ms: int) -> list[Waiting]:
        """Let go of transactions that a committed block holds or that can never be executed."""
        gone = [one for tx_id in tx_ids if (one := self._remove(tx_id)) is not None]
        calls = sum(one.calls for one in gone)
        if calls:
            self._ordered.append((now_ms, calls))
            while self._ordered and self._ordered[0][0] < now_ms - RATE_WINDOW_MS:
                self._ordered.popleft()
        return gone

    def expire(self, time_ms: int) -> list[Waiting]:
        """Let go of transactions whose time is over at ``time_ms`` (wall clock of the chain)."""
        late = [one.tx_id for one in self._waiting.values() if one.valid_until_ms < time_ms]
        return [one for tx_id in late if (one := self._remove(tx_id)) is not None]

    def _remove(self, tx_id: bytes) -> Waiting | None:
        waiting = self._waiting.pop(tx_id, None)
        if waiting is None:
            return None
        sender = self._senders[waiting.sender]
        del sender.queue[tx_id]
        sender.size -= waiting.size
        if not sender.queue:
            del self._senders[waiting.sender]
        self._size -= waiting.size
        self._calls -= waiting.calls
        if not self._waiting:
            self._busy_since_ms = None
        return waiting

    def _retry_after(self, calls_before: int, now_ms: int) -> int:
        """Seconds after which half of what stands before has been ordered at the present rate."""
        recent = [(at, calls) for at, calls in self._ordered if at >= now_ms - RATE_WINDOW_MS]
        if not recent:
            return RETRY_SECONDS_MAX if calls_before else 1
        span_ms = max(now_ms - recent[0][0], 1_000)
        rate = sum(calls for _, calls in recent) * 1_000 / span_ms
        return min(RETRY_SECONDS_MAX, max(1, math.ceil(calls_before / 2 / rate)))
