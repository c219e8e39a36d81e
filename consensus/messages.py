"""What replicas say to each other: statements, the messages that carry them, certificates.

A **statement** is what a signature covers: its ``kind`` goes into the context of the signing bytes
(``pbft/1/<kind>``), its ``fields()`` are the canonical body. A **message** is a statement with its
sender's index and signature, and with proofs that need no signature because they prove themselves.
A **certificate** is a quorum of signatures over the same (kind, epoch, view, height, block).

Whoever hands a message to the core has checked size, encoding and every signature in it against the
validator set of its epoch. The core sees signatures as opaque bytes and checks what remains:
counts, distinctness, heights, views, links.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import ClassVar, NewType

from consensus.errors import PeerError
from consensus.quorum import ValidatorSet

BlockId = NewType("BlockId", bytes)
"""Opaque: the hash of a block's header."""

NUMBER_LIMIT = 2**63
"""Views, heights and epochs are below this: canonical integers end there."""


class Kind(Enum):
    """What a statement is; the value stands in the context of its signing bytes."""

    PROPOSE = "PRE-PREPARE"
    PREPARE = "PREPARE"
    COMMIT = "COMMIT"
    WISH = "WISH"
    VIEW_CHANGE = "VIEW-CHANGE"
    NEW_VIEW = "NEW-VIEW"


@dataclass(frozen=True, slots=True)
class Block:
    """What the core may know of a block: its header's place in the chain.

    The id is the header's hash, so whoever hands a block to the core has its header, or it is the
    prepared one of a view change: there the base vouches for the parent, and nobody for the end of
    an epoch.
    """

    id: BlockId
    parent: BlockId
    height: int
    epoch: int
    epoch_final: bool = False
    """The header's next validator set differs: this is the last block of its epoch. Its bringer's
    word until the block was executed (``ordering._as_executed``)."""


@dataclass(frozen=True, slots=True)
class Ballot:
    """Statement of PRE-PREPARE, PREPARE and COMMIT: this block, in this view, at this height."""

    kind: Kind
    epoch: int
    view: int
    height: int
    block: BlockId

    def fields(self) -> list[object]:
        return [self.epoch, self.view, self.height, self.block]


@dataclass(frozen=True, slots=True)
class WishStatement:
    """I want to be in a view not below this one. Not a promise: it binds its sender to nothing."""

    epoch: int
    view: int
    kind: ClassVar[Kind] = Kind.WISH

    def fields(self) -> list[object]:
        return [self.epoch, self.view]


@dataclass(frozen=True, slots=True)
class Change:
    """Statement of VIEW-CHANGE: I vote in no view below this one; here is what binds me."""

    epoch: int
    view: int
    base_height: int
    """Height of the sender's last committed block."""
    base_block: BlockId
    prepared: Ballot | None
    """The PREPARE ballot that the sender holds a certificate of, at ``base_height + 1``."""
    kind: ClassVar[Kind] = Kind.VIEW_CHANGE

    def fields(self) -> list[object]:
        bound = None
        if self.prepared is not None:
            bound = [self.prepared.view, self.prepared.height, self.prepared.block]
        return [self.epoch, self.view, self.base_height, self.base_block, bound]


@dataclass(frozen=True, slots=True)
class NewViewStatement:
    """Statement of NEW-VIEW: the view starts from exactly these view changes."""

    epoch: int
    view: int
    choices: tuple[tuple[int, Change], ...]
    """(sender, its VIEW-CHANGE statement), ascending by sender; a quorum of them."""
    kind: ClassVar[Kind] = Kind.NEW_VIEW

    def fields(self) -> list[object]:
        return [self.epoch, self.view, [[who, said.fields()] for who, said in self.choices]]


Statement = Ballot | WishStatement | Change | NewViewStatement


@dataclass(frozen=True, slots=True)
class Certificate:
    """A quorum of signatures over the same ballot."""

    kind: Kind
    """PREPARE or COMMIT."""
    epoch: int
    view: int
    height: int
    block: BlockId
    signatures: tuple[tuple[int, bytes], ...]
    """(signer's index, signature), strictly ascending by index."""

    def ballot(self) -> Ballot:
        return Ballot(self.kind, self.epoch, self.view, self.height, self.block)

    def signers(self) -> tuple[int, ...]:
        return tuple(signer for signer, _ in self.signatures)

    def check(self, kind: Kind, validators: ValidatorSet) -> None:
        """Raise ``PeerError`` unless a quorum of distinct members of ``validators`` signed."""
        if self.kind is not kind:
            raise PeerError("certificate of another kind", kind=self.kind, wanted=kind)
        if self.epoch != validators.epoch:
            raise PeerError("certificate of another epoch", epoch=self.epoch, ours=validators.epoch)
        signers = self.signers()
        if any(a >= b for a, b in pairwise(signers)):
            raise PeerError("signers are not strictly ascending", signers=signers)
        if any(not 0 <= signer < validators.size for signer in signers):
            raise PeerError("a signer is no member", signers=signers, members=validators.size)
        if len(signers) < validators.quorum:
            raise PeerError("no quorum", signers=len(signers), quorum=validators.quorum)


@dataclass(frozen=True, slots=True)
class Proposal:
    """PRE-PREPARE. The driver sends header, bodies and attachments along with it."""

    sender: int
    statement: Ballot
    block: Block
    signature: bytes


@dataclass(frozen=True, slots=True)
class Vote:
    """PREPARE or COMMIT."""

    sender: int
    statement: Ballot
    signature: bytes


@dataclass(frozen=True, slots=True)
class Wish:
    """WISH, the pacemaker's message."""

    sender: int
    statement: WishStatement
    signature: bytes


@dataclass(frozen=True, slots=True)
class ChangeProof:
    """What makes a VIEW-CHANGE statement checkable; outside the signature, it proves itself."""

    base_certificate: Certificate | None
    """COMMIT certificate of the base; None where the base is the block that began the epoch."""
    prepared_block: Block | None
    prepared_certificate: Certificate | None
    """Both present exactly when the statement names a prepared ballot."""


@dataclass(frozen=True, slots=True)
class ViewChange:
    """VIEW-CHANGE with its proofs."""

    sender: int
    statement: Change
    proof: ChangeProof
    signature: bytes


@dataclass(frozen=True, slots=True)
class NewView:
    """NEW-VIEW of the view's primary, with the view changes it names."""

    sender: int
    statement: NewViewStatement
    view_changes: tuple[ViewChange, ...]
    signature: bytes


@dataclass(frozen=True, slots=True)
class Decided:
    """A committed block and the certificate that proves it. No sender: it proves itself."""

    block: Block
    certificate: Certificate


@dataclass(frozen=True, slots=True)
class Status:
    """What I have and what I lack. Unsigned: the channel names the peer, and nothing follows from
    it but what is sent to that same peer."""

    epoch: int
    view: int
    height: int
    """Last committed."""
    wish: int
    settled: bool
    """I have the NEW-VIEW of ``view``, or need none."""
    proposed: bool
    """I have a block for ``height + 1`` in ``view``."""
    changes: int
    """Bitmap (bit i is member i) of the VIEW-CHANGEs of ``view`` that I hold."""
    prepares: int
    """Bitmap of PREPAREs for (``view``, ``height + 1``)."""
    commits: int
    """Bitmap of COMMITs for (``view``, ``height + 1``)."""


Message = Proposal | Vote | Wish | ViewChange | NewView | Decided | Status
