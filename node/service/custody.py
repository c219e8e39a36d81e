"""Who accepted a transaction looks after it: what to pass on again, and who is passed over.

The primary is sent a waiting transaction again after 1, 2, 4, 8 ... seconds: it may have been down,
or its inbox full. While it fills its blocks it has enough to do, and being sent everything once
more every second is what keeps an overloaded node overloaded (Fabric 0.6 #2060).

What waits long is told to every member: where the primary proposes nothing, nobody else may know
that something waits, and one member alone changes no view. As in PBFT, where a client that gets no
answer tells all replicas (Castro and Liskov 1999, section 4.1). A few at a time are enough: each
other member's timer runs from the first one that it knows of, and the next oldest have their turn
when these are ordered.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Final

from node.ledger.block import ValidatorSet
from node.mempool import Mempool, Waiting

PUSH_AGAIN_MS: Final = 1_000
"""After this a transaction is passed on to the primary again (T_fwd), then at twice the age."""
PUSH_AGAIN_MAX: Final = 256
"""At one time; the oldest. The others have their turn the next time."""
PUSH_AGAIN_BYTES: Final = 64 << 10
"""And so many bytes, with the last one: a slow line has to carry votes, too."""
TELL_ALL_AFTER_MS: Final = 4_000
"""At this age a transaction is passed on to every member: the primary was told three times."""
TELL_ALL_BYTES: Final = 16 << 10
"""At one time, with the last one: to all lines at once, so less than to the primary's alone."""
BUSY_MS: Final = 5_000
"""So long after a full block the primary is taken to have more than it can do."""
LOOKED_AT_MAX: Final = 256
"""Waiting transactions that are looked at after each block; the oldest."""
PASSED_OVER_MS: Final = 2_000
"""A transaction that waited this long before a block with room left was built was passed over."""
LAPS_MAX: Final = 2
"""So many rounds of all senders may pass before a sender that waits has its turn: pools differ."""
LAP_SLACK: Final = 64
"""And so many transactions more."""


class Custody:
    """Judges what the pool holds against what blocks hold. For the event loop's thread."""

    def __init__(self, pool: Mempool) -> None:
        self._pool = pool
        self.passed_over_ms: int | None = None
        """Since when a transaction has waited that the primary left out though it had its turn."""
        self._looked_ms = 0
        self._primary = b""
        self._due: deque[Waiting] = deque()
        """What is to be passed on again and had no room yet, the oldest first."""
        self._full_ms: int | None = None
        self._ordered = 0
        self._unserved: dict[str, int] = {}
        """Transactions ordered when a sender began to wait for long."""

    def due_again(self, primary: bytes, now_ms: int) -> Sequence[Waiting]:
        """What to pass on to the primary once more; all that waits long where it is a new one."""
        if primary != self._primary:
            self._primary, self._looked_ms = primary, 0
            self._due.clear()
        elif self._full_ms is not None and now_ms < self._full_ms + BUSY_MS:
            return ()
        if not self._due:
            before, self._looked_ms = self._looked_ms, now_ms
            waiting = self._pool.waiting()
            self._due.extend(one for one in waiting if _is_due(one.arrived_ms, before, now_ms))
        return self._next()

    def _next(self) -> Sequence[Waiting]:
        """What has room at one time. Each once: the oldest of a long queue again and again would
        fill slow lines, and the others would never be told of."""
        told: list[Waiting] = []
        size = 0
        while self._due and len(told) < PUSH_AGAIN_MAX and size < PUSH_AGAIN_BYTES:
            one = self._due.popleft()
            if one.tx_id in self._pool:
                told.append(one)
                size += one.size
        return told

    def committed(self, senders: Sequence[str], full: bool, now_ms: int) -> None:
        """A block holds transactions of these senders. ``full``: it had no room for more.

        A full block passes nobody over as long as each sender has its turn: load is no fault. Nor
        does one that holds something of that sender: its further ones wait their turn.
        """
        self._full_ms = now_ms if full else None
        self._ordered += len(senders)
        served = set(senders)
        waits = {
            one.sender
            for one in islice(self._pool.waiting(), LOOKED_AT_MAX)
            if one.arrived_ms <= now_ms - PASSED_OVER_MS and one.sender not in served
        }
        self._unserved = {name: self._unserved.get(name, self._ordered) for name in waits}
        patience = LAPS_MAX * self._pool.senders + LAP_SLACK
        lapped = any(self._ordered - since > patience for since in self._unserved.values())
        if not lapped and (full or not waits):
            self.passed_over_ms = None
        elif self.passed_over_ms is None:
            self.passed_over_ms = now_ms


def to_tell_again(
    validators: ValidatorSet, primary: bytes, own: str, *, watches: bool
) -> list[str]:
    """Whom to pass waiting transactions on to: the primary, unless that is this node.

    Who ``watches`` (follows, or may not sign) enters no view and so does not know the primary; it
    may even take itself for it. It tells every member.
    """
    return [
        seat.organisation
        for seat in validators.validators
        if (watches or seat.key == primary) and seat.organisation != own
    ]


def to_tell_everybody(due: Sequence[Waiting], now_ms: int) -> Sequence[Waiting]:
    """Those of what is due again that every member is told of: the first that wait long."""
    told: list[Waiting] = []
    size = 0
    for one in due:
        if one.arrived_ms <= now_ms - TELL_ALL_AFTER_MS and size < TELL_ALL_BYTES:
            told.append(one)
            size += one.size
    return told


def _is_due(arrived_ms: int, before_ms: int, now_ms: int) -> bool:
    """Whether an age of ``PUSH_AGAIN_MS`` times a power of two was reached since the last look."""
    age = (now_ms - arrived_ms) // PUSH_AGAIN_MS
    return age.bit_length() > max(0, (before_ms - arrived_ms) // PUSH_AGAIN_MS).bit_length()
