"""What the HTTP edge needs from the process around it; ``node.service`` implements it.

The edge never imports the service or a stage. Everything here is plain values: canonical bytes as
they are stored, and small frozen rows. Reading is synchronous (a LevelDB get takes microseconds);
what waits is ``async``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from node.ledger.evidence import EpochEnd
from node.ledger.types import Checked


@dataclass(frozen=True, slots=True)
class Head:
    """The newest certified block of this node."""

    height: int
    block_hash: bytes
    time_ms: int
    """The block's time, milliseconds since 1970 UTC."""
    state_root: bytes


@dataclass(frozen=True, slots=True)
class Place:
    """Where a transaction stands in the chain."""

    height: int
    index: int
    """Leaf index in the block's transaction tree, from 0."""
    first_receipt: int
    """Leaf index in the block's receipts tree of the receipt of its first call."""


@dataclass(frozen=True, slots=True)
class CallRow:
    """One call that concerns a claim, a filing or a person: a row of the index."""

    height: int
    receipt_index: int
    """Leaf index in the block's receipts tree."""
    tx_id: bytes
    call_index: int


@dataclass(frozen=True, slots=True)
class PostingRow:
    """One leg of a transfer on one account, in the order of the chain."""

    height: int
    receipt_index: int
    posting_index: int
    """Index among the receipt's postings."""
    tx_id: bytes
    call_index: int
    transfer_id: str
    account: str
    fund_type: str
    amount_fen: int


@dataclass(frozen=True, slots=True)
class WorkItem:
    """Something that waits for somebody of an area: a row of a work list."""

    date: str
    """ISO date by which it is due, or on which it ends."""
    name: str
    """Id of the filing, reimbursement or transfer."""
    note: str
    """A word about how it stands."""


@dataclass(frozen=True, slots=True)
class StoredAttachment:
    """An attachment as it was kept: commitment = H('yibao/attachment/v1', blind || content)."""

    blind: bytes
    content: bytes


class View(Protocol):
    """One committed height, seen whole: all answers of a view belong to the same head."""

    @property
    def head(self) -> Head: ...

    @property
    def floor(self) -> int:
        """The first height whose block is here; above 0 where a snapshot was taken."""

    def header(self, height: int) -> bytes | None:
        """Canonical header bytes; None above the head."""

    def certificate(self, height: int) -> bytes | None:
        """Canonical certificate bytes; None at height 0 and above the head."""

    def height_of(self, block_hash: bytes) -> int | None: ...

    def checked(self, height: int) -> Checked:
        """How this node itself has checked a height."""

    def transactions(self, height: int) -> Sequence[bytes]:
        """Leaves of the transaction tree: canonical ``[body, signature]``."""

    def receipts(self, height: int) -> Sequence[bytes]:
        """Leaves of the receipts tree: canonical receipts."""

    def find_transaction(self, tx_id: bytes) -> Place | None: ...

    def state(self, key: str) -> Any | None:
        """A fresh plain value, or None."""

    def prove_state(self, key: str) -> bytes:
        """Encoded membership or absence proof of the key under the head's state root."""

    def epoch_ends(self, height: int) -> Sequence[EpochEnd]:
        """The epoch-final blocks below a height, oldest first: what evidence files begin with."""

    def attachment(self, commitment: bytes) -> StoredAttachment | None:
        """None when it was never held here or was erased after its term."""

    def calls_of(self, kind: str, subject: str, after: str, limit: int) -> Sequence[CallRow]:
        """Calls that concern a thing, oldest first. ``kind``: claim, filing, person, institution
        (also an insurer), organisation (its sender), topic (of an event) or area (its notices).

        ``after`` is a cursor ``height:index`` (receipt index) or empty.
        """

    def postings_of(self, account: str, after: str, limit: int) -> Sequence[PostingRow]:
        """Legs on an account, oldest first. ``after``: ``height:index:posting`` or empty."""

    def work_of(
        self, work: str, area: str, first: str, after: tuple[str, str] | None, limit: int
    ) -> Sequence[WorkItem]:
        """A work list of an area from the date ``first`` on, behind (date, name).

        ``work``: filings, ending, reimbursements, wallets, recoveries or institutions.
        """


class Reader(Protocol):
    """Opens views. A view is held for one request and closed."""

    def view(self) -> AbstractContextManager[View]: ...

    async def wait_for_height(self, height: int, timeout_s: float) -> bool:
        """Whether the head reached the height in time."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A transaction that was admitted, or that was known already."""

    tx_id: bytes
    committed: bool
    """True when it stands in the chain already: the first answer is given again."""


class Submitter(Protocol):
    """The way in. Raises the ledger's ``InvalidTransaction`` (client) or ``Unavailable`` (us)."""

    async def submit(self, wire: bytes) -> Accepted:
        """Check and admit canonical ``[body, signature, attachments]``."""

    async def wait(self, tx_id: bytes, timeout_s: float) -> bool:
        """Whether this node committed the transaction within the time."""


@dataclass(frozen=True, slots=True)
class EstimateCall:
    """A call to try out; nothing of it is kept."""

    contract: str
    method: str
    args: Mapping[str, Any]
    attachments: Sequence[tuple[str, bytes, bytes]]
    """(audience, blind, canonical content)."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the call would have done on the head's state."""

    height: int
    receipt: bytes
    """Canonical receipt; its tx id is that of nothing."""
    explanation: bytes | None
    """Canonical explanation, as the derived attachment would carry it."""


class Estimator(Protocol):
    """Runs calls on a throw-away overlay of the head; raises ``Unavailable`` when too busy."""

    async def estimate(self, organisation: str, key: bytes, call: EstimateCall) -> Estimate: ...


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """How the node is doing."""

    organisation: str
    """Organisation that runs the node."""
    role: str
    """validator, follower or member."""
    behind_by: int
    """Blocks between the best certified height heard of and the head."""
    behind_ms: int
    """How long the node has been behind; 0 when it is not."""
    waiting_for: str
    """One sentence: what the node waits for."""
    ready: bool
    waiting: Mapping[str, Any]
    """The same as fields: height, view, phase, primary, who voted, who is missing, timers."""
    details: Mapping[str, Any]
    """For the operator: pool, peers, view, stages, disk. Never anything of a person."""


class Operations(Protocol):
    """The process about itself."""

    @property
    def organisation(self) -> str:
        """Organisation that runs the node."""

    def behind_by(self) -> int:
        """Blocks between the best certified height heard of and the head. Every answer says it, so
        it costs no whole ``status``."""

    def status(self) -> NodeStatus: ...

    def metrics(self) -> bytes:
        """Prometheus text exposition."""

    def attestation(self) -> Mapping[str, Any] | None:
        """That the node of a validate key without a seat has the head: what ``governance.attest``
        takes. None where there is no such key, or no certified block yet."""

    def accusations(self) -> Sequence[Mapping[str, Any]]:
        """Proofs that validators lied, newest first."""

    def divergences(self) -> Sequence[Mapping[str, Any]]:
        """Blocks that executed to another result here than elsewhere, newest first."""


class Clock(Protocol):
    """The node's wall clock. Only the edge's own limits and signature windows look at it."""

    def now_ms(self) -> int:
        """Milliseconds since 1970 UTC."""

    def monotonic_s(self) -> float:
        """Seconds that never run backwards."""


@dataclass(frozen=True, slots=True)
class Genesis:
    """What every reader may know before asking anything else."""

    chain: bytes
    """32 bytes; part of every signature."""
    content: bytes
    """The genesis file as it was loaded."""


@dataclass(frozen=True, slots=True)
class Ports:
    """All of it, in the composition root's hand."""

    reader: Reader
    submitter: Submitter
    estimator: Estimator
    operations: Operations
    clock: Clock
    genesis: Genesis
