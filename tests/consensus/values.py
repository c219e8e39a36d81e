"""Small values that the module tests build on: four members, one chain, honest messages."""

from __future__ import annotations

from consensus.messages import (
    Ballot,
    Block,
    BlockId,
    Certificate,
    Change,
    ChangeProof,
    Kind,
    NewView,
    NewViewStatement,
    ViewChange,
    Vote,
)
from consensus.quorum import MemberId, ValidatorSet

MEMBERS = tuple(MemberId(name) for name in (b"a", b"b", b"c", b"d"))
FOUR = ValidatorSet(0, MEMBERS)
GENESIS = Block(BlockId(b"genesis"), BlockId(b""), 0, 0)


def block(name: str, parent: Block = GENESIS, *, final: bool = False) -> Block:
    epoch = parent.epoch + parent.epoch_final
    return Block(BlockId(name.encode()), parent.id, parent.height + 1, epoch, final)


def ballot(kind: Kind, of: Block, view: int = 0) -> Ballot:
    return Ballot(kind, of.epoch, view, of.height, of.id)


def vote(kind: Kind, of: Block, sender: int, view: int = 0) -> Vote:
    return Vote(sender, ballot(kind, of, view), b"signature %d" % sender)


def certificate(
    kind: Kind, of: Block, view: int = 0, signers: tuple[int, ...] = (0, 1, 2)
) -> Certificate:
    signatures = tuple((signer, b"signature %d" % signer) for signer in signers)
    return Certificate(kind, of.epoch, view, of.height, of.id, signatures)


def change(
    sender: int,
    view: int,
    base: Block = GENESIS,
    prepared: Block | None = None,
    prepared_view: int = 0,
) -> ViewChange:
    """An honest view change on ``base`` (committed in view 0)."""
    said = Change(
        base.epoch, view, base.height, base.id,
        None if prepared is None else ballot(Kind.PREPARE, prepared, prepared_view),
    )  # fmt: skip
    proof = ChangeProof(
        None if base == GENESIS else certificate(Kind.COMMIT, base),
        prepared,
        None if prepared is None else certificate(Kind.PREPARE, prepared, prepared_view),
    )
    return ViewChange(sender, said, proof, b"signature %d" % sender)


def new_view(view: int, changes: tuple[ViewChange, ...], sender: int | None = None) -> NewView:
    named = tuple((one.sender, one.statement) for one in changes)
    primary = FOUR.primary(view) if sender is None else sender
    return NewView(primary, NewViewStatement(0, view, named), changes, b"signature")
