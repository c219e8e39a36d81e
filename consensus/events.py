"""What may happen to a replica. Every event is a value; ``Replica.step(event, now_ms)`` takes one.

``now_ms`` is a monotonic clock of the driver in milliseconds; it never goes back. Events that come
too late (an answer about a block or a view that has passed) are ignored; events that break the
contract of ``effects.py`` raise ``DriverError`` and change nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from consensus.messages import Block, BlockId, Certificate, Decided, Message, Statement
from consensus.quorum import MemberId, ValidatorSet
from consensus.safety import SafetyRecord


@dataclass(frozen=True, slots=True)
class Start:
    """The first event, once. What the driver found on its disk."""

    head: Block
    """The last committed block; genesis is a block too (height 0)."""
    head_certificate: Certificate | None
    """Its COMMIT certificate; None for genesis."""
    validators: ValidatorSet
    """The set that votes on ``head.height + 1``."""
    epoch_base: Block
    """The last block of the epoch before (genesis in epoch 0): where this epoch began."""
    record: SafetyRecord | None
    """The durable safety record. ``SafetyRecord()`` only where the key was made together with
    it and never signed; None when it is lost: the key is burnt and the replica only follows."""


class Verdict(Enum):
    """What executing a block showed."""

    VALID = "valid"
    UNTIMELY = "untimely"
    """Right but for the wall clock (fresh proposals only): not voted for, fine when prepared."""
    APPLIED = "applied"
    """Not executed: what a quorum's certificate says that it did was applied. Fine to commit, and
    never voted for, as nobody here knows that it is right."""
    INVALID = "invalid"
    """Provably wrong, or we compute another result: never voted for. Content that does not fit
    the header is no reason: that is the holder's fault, another is asked (CVE-2012-2459)."""


@dataclass(frozen=True, slots=True)
class Built:
    """Answer to ``Build``, whenever there is something to order: a block that this node built and
    executed on the committed head."""

    view: int
    """The view of the ``Build`` that is answered."""
    block: Block
    next_validators: ValidatorSet | None = None
    """Present exactly when the block is epoch-final."""


@dataclass(frozen=True, slots=True)
class Executed:
    """Answer to ``Execute``."""

    block: BlockId
    verdict: Verdict
    next_validators: ValidatorSet | None = None
    """Present exactly when the block is epoch-final and not INVALID."""


@dataclass(frozen=True, slots=True)
class Signed:
    """Answer to ``Sign``."""

    statement: Statement
    signature: bytes


@dataclass(frozen=True, slots=True)
class Received:
    """A message came from a peer, and every signature in it is good."""

    peer: MemberId
    """Who delivered it, as the channel knows; answers go there. A follower has a name too."""
    message: Message


@dataclass(frozen=True, slots=True)
class Fetched:
    """Answer to ``Fetch``: certified blocks in ascending order, as far as the peer had them and
    their certificates were good under the current set. Empty: the peer failed."""

    peer: MemberId
    blocks: tuple[Decided, ...]


@dataclass(frozen=True, slots=True)
class Pending:
    """What waits to be ordered on this node; sent when it changes. Drives the progress and the
    censorship timers."""

    oldest_ms: int | None
    """When (on the clock of ``now_ms``) the oldest transaction still waiting came here; None when
    nothing waits. Something waits and nothing is committed: the progress timer runs."""
    passed_over_ms: int | None = None
    """Since when a transaction has waited that the primary knew and passed over, ordering younger
    ones: the censorship timer runs. None when the queue merely is long: load is no fault."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed; due at the moment that the last ``Wake`` named, harmless at any other."""


Event = Start | Built | Executed | Signed | Received | Fetched | Pending | Tick
