"""What a key may sign: the safety record and the only ways to change it. Pure values.

Every signature that binds is preceded by a durable record that makes it binding, so that a crash
and a restart can never lead to two different statements for one slot (CONSENSUS.md section 10):

==============  ==========================================================================
statement       what the durable record must say
==============  ==========================================================================
PRE-PREPARE     ``vote`` is this block in this view (the primary votes for what it proposes)
PREPARE         ``vote`` is this block in this view
COMMIT          ``prepared`` is a certificate of this block in this view
VIEW-CHANGE     ``change`` is exactly this statement; from then on no vote below its view
NEW-VIEW        ``new_view`` is exactly this statement
WISH            nothing: a wish binds to nothing
==============  ==========================================================================

The functions ``with_*`` return the next record or raise ``UnsafeStatement``; ``check_statement``
is the second lock, on the driver's side of the fence. To sign an identical statement again is
always allowed: Ed25519 is deterministic, and refusing it stops a healthy node (Tendermint #8739).

A record that is lost, or older than what the key has signed, burns the key (section 10.4): the
replica then follows and signs nothing, until a new key is voted in. That a record is too old shows
when others bring a signature of this key that it does not know (``is_known``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from consensus.errors import UnsafeStatement
from consensus.messages import (
    Ballot,
    Block,
    Certificate,
    Change,
    ChangeProof,
    Kind,
    NewViewStatement,
    Statement,
    WishStatement,
)


@dataclass(frozen=True, slots=True)
class LastVote:
    """The last PREPARE."""

    view: int
    block: Block

    def slot(self) -> tuple[int, int]:
        return (self.view, self.block.height)


@dataclass(frozen=True, slots=True)
class Prepared:
    """The newest prepared certificate and its block."""

    block: Block
    certificate: Certificate

    def slot(self) -> tuple[int, int]:
        return (self.certificate.view, self.certificate.height)


@dataclass(frozen=True, slots=True)
class SafetyRecord:
    """Everything that a key has bound itself to. At n = 63 it encodes to less than 14 KiB."""

    sequence: int = 0
    """One more with every ``Persist``; tells the newer of two copies."""
    epoch: int = 0
    view: int = 0
    """No PREPARE and no COMMIT below this view of this epoch."""
    vote: LastVote | None = None
    prepared: Prepared | None = None
    change: Change | None = None
    """The VIEW-CHANGE of ``view``; None in view 0 and in views joined by a certificate."""
    change_proof: ChangeProof | None = None
    new_view: NewViewStatement | None = None
    """The NEW-VIEW of ``view``, on its primary."""
    commit_floor: int = 0
    """Blocks up to here were stored when this record was written: a head below it means that the
    store has lost its tail."""


def with_epoch(record: SafetyRecord, epoch: int) -> SafetyRecord:
    """The record at the start of a later epoch: what bound in the old one is void."""
    if epoch < record.epoch:
        raise UnsafeStatement("epochs do not go back", epoch=epoch, record=record.epoch)
    if epoch == record.epoch:
        return record
    return SafetyRecord(
        sequence=record.sequence, epoch=epoch, commit_floor=record.commit_floor
    )  # fmt: skip


def with_vote(record: SafetyRecord, view: int, block: Block) -> SafetyRecord:
    """The record that allows PREPARE (and PRE-PREPARE) of ``block`` in ``view``."""
    _check_place(record, view, block)
    vote = LastVote(view, block)
    if record.vote is not None and vote.slot() <= record.vote.slot() and vote != record.vote:
        raise UnsafeStatement("voted already", asked=vote.slot(), last=record.vote.slot())
    return replace(_in_view(record, view), vote=vote)


def with_prepared(record: SafetyRecord, block: Block, certificate: Certificate) -> SafetyRecord:
    """The record that allows COMMIT of ``block`` in the certificate's view."""
    view = certificate.view
    _check_place(record, view, block)
    proves = certificate.ballot()
    if proves != Ballot(Kind.PREPARE, block.epoch, view, block.height, block.id):
        raise UnsafeStatement("the certificate proves something else", proves=proves, block=block)
    prepared = Prepared(block, certificate)
    held = record.prepared
    if held is not None and prepared.slot() == held.slot() and block == held.block:
        return record
    if held is not None and prepared.slot() <= held.slot():
        raise UnsafeStatement("prepared later already", asked=prepared.slot(), last=held.slot())
    # A COMMIT without a PREPARE of one's own happens (an untimely block that a quorum prepared);
    # it closes the slot for any other PREPARE all the same.
    return replace(with_vote(record, view, block), prepared=prepared)


def with_change(record: SafetyRecord, change: Change, proof: ChangeProof) -> SafetyRecord:
    """The record that allows this VIEW-CHANGE: it must tell what the record holds."""
    if change.epoch != record.epoch or change.view <= record.view:
        raise UnsafeStatement(
            "views do not go back", asked=(change.epoch, change.view),
            record=(record.epoch, record.view),
        )  # fmt: skip
    if change.prepared != bound_above(record, change.base_height):
        raise UnsafeStatement("hides or invents a prepared block", says=change.prepared)
    return replace(_in_view(record, change.view), change=change, change_proof=proof)


def with_new_view(record: SafetyRecord, statement: NewViewStatement) -> SafetyRecord:
    """The record that allows this NEW-VIEW, one for each view."""
    if (statement.epoch, statement.view) != (record.epoch, record.view):
        raise UnsafeStatement("not the view of the record", asked=statement.view, is_=record.view)
    if record.new_view is not None and record.new_view != statement:
        raise UnsafeStatement("a second NEW-VIEW", view=statement.view)
    return replace(record, new_view=statement)


def bound_above(record: SafetyRecord, base_height: int) -> Ballot | None:
    """The PREPARE ballot that a VIEW-CHANGE on this base must report."""
    if record.prepared is None or record.prepared.block.height <= base_height:
        return None
    return record.prepared.certificate.ballot()


def check_statement(record: SafetyRecord, statement: Statement) -> None:
    """Raise ``UnsafeStatement`` unless the durable ``record`` covers ``statement``."""
    if isinstance(statement, WishStatement):
        return
    covered: object
    match statement.kind:
        case Kind.PROPOSE | Kind.PREPARE if record.vote is not None:
            vote = record.vote
            covered = Ballot(
                statement.kind, vote.block.epoch, vote.view, vote.block.height, vote.block.id
            )
        case Kind.COMMIT if record.prepared is not None:
            held = record.prepared.certificate
            covered = Ballot(Kind.COMMIT, held.epoch, held.view, held.height, held.block)
        case Kind.VIEW_CHANGE:
            covered = record.change
        case Kind.NEW_VIEW:
            covered = record.new_view
        case _:
            covered = None
    if statement != covered or (statement.epoch, statement.view) < (record.epoch, record.view):
        raise UnsafeStatement("the record does not cover it", asked=statement, covered=covered)


def is_known(record: SafetyRecord, statement: Statement) -> bool:
    """Whether the key of this record can have signed ``statement``, as far as the record tells.

    False means that the record is an older copy, or that another process holds the key: a record
    that is on disk before each signature is never behind one of them.
    """
    if isinstance(statement, WishStatement) or statement.epoch < record.epoch:
        return True
    if statement.epoch > record.epoch:
        return False
    if isinstance(statement, Ballot):
        vote, slot = record.vote, (statement.view, statement.height)
        if vote is None or slot > vote.slot():
            return False
        return slot < vote.slot() or statement.block == vote.block.id
    if statement.view == record.view:
        return statement in (record.change, record.new_view)
    return statement.view < record.view


def _check_place(record: SafetyRecord, view: int, block: Block) -> None:
    if block.epoch != record.epoch:
        raise UnsafeStatement("another epoch", block=block.epoch, record=record.epoch)
    if view < record.view:
        raise UnsafeStatement("a view that was left", asked=view, record=record.view)


def _in_view(record: SafetyRecord, view: int) -> SafetyRecord:
    """What was said to enter an earlier view is of no use in a later one."""
    if view == record.view:
        return record
    return replace(record, view=view, change=None, change_proof=None, new_view=None)
