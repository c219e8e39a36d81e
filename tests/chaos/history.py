"""What clients were told and what nodes hold: all that the checker may know.

Times are seconds of one monotonic clock of the test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Submission:
    """A transaction that a client handed in, perhaps to several nodes one after the other."""

    tx_id: bytes
    session: int
    node: str
    """Which answered, or was asked last."""
    began_s: float
    ended_s: float
    height: int | None
    """Where it is, as the acknowledgement said; None when there was none."""
    refused: str | None = None
    """Code of a refusal for good: it will never be on the ledger."""


@dataclass(frozen=True, slots=True)
class Read:
    """Balances of an account as a session saw them."""

    session: int
    node: str
    ended_s: float
    account: str
    min_height: int
    """What was asked for: nothing older than the session has seen."""
    height: int
    balances: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Seen:
    """The head that a node showed."""

    node: str
    at_s: float
    height: int
    life: int = 0
    """Counts how often the node's folder was wiped: a new folder begins anew."""


@dataclass(frozen=True, slots=True)
class Proof:
    """An evidence file that a node gave for a call."""

    tx_id: bytes
    call_index: int
    node: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Posting:
    """One leg of a transfer, as receipts have it."""

    transfer_id: str
    account: str
    fund_type: str
    amount_fen: int


@dataclass(frozen=True, slots=True)
class HeldBlock:
    """A block as a node shows it at the end."""

    height: int
    header: bytes
    tx_ids: Sequence[bytes]
    postings: Sequence[Posting]


@dataclass(frozen=True, slots=True)
class Holding:
    """Everything that a node holds at the end."""

    node: str
    blocks: Sequence[HeldBlock]
    """From height 1 on."""
    balances: Mapping[str, Mapping[str, int]]
    """Of every account that any posting names, fen by fund type."""


@dataclass(slots=True)
class History:
    """A whole run."""

    genesis: bytes
    """The genesis file: what evidence is checked with."""
    first_height: int = 0
    """Heights up to here were made before clients began; their submissions are not listed."""
    submissions: list[Submission] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    proofs: list[Proof] = field(default_factory=list)
    holdings: list[Holding] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    """Processes that ended by themselves, with code and the end of their log."""
    stuck: list[str] = field(default_factory=list)
    """What did not happen in time once all faults were over."""
