"""View changes: what a valid one is, and which block the next view must begin with.

A VIEW-CHANGE says where its sender's chain ends (base, with the commit certificate) and which block
above it was prepared (with the prepare certificate): at most one, because one height is in flight.
A NEW-VIEW is a quorum of them. What follows from it is ``select``, a pure function that everybody
computes alone; the primary has no say in it:

    base = the highest base;  tip = the block prepared in the *highest view* right above base.

Why that is right: if B was committed at (w, h), a quorum had the certificate of (w, h, B) on disk
before it signed COMMIT, and one correct member of that quorum is in every later quorum of view
changes. Its base is at h or above, or it reports a block prepared at height h in view w or later;
by induction over views that block is B. Highest view, not highest height and not most votes:
CONSENSUS.md section 6.4 (for one height this is QBFT's rule).
"""

from __future__ import annotations

from dataclasses import dataclass

from consensus.errors import PeerError
from consensus.messages import (
    NUMBER_LIMIT,
    Block,
    Certificate,
    Kind,
    NewView,
    NewViewStatement,
    ViewChange,
)
from consensus.quorum import ValidatorSet

VIEWS_PER_SENDER = 2
"""View changes kept of one member: of the current view and of the highest later one."""


def check_view_change(message: ViewChange, validators: ValidatorSet, epoch_base: Block) -> None:
    """Raise ``PeerError`` unless the view change stands by itself.

    ``epoch_base`` is the block that ended the epoch before: it needs no certificate of this set.
    """
    said = message.statement
    if said.epoch != validators.epoch:
        raise PeerError("view change of another epoch", epoch=said.epoch, ours=validators.epoch)
    if not 0 <= message.sender < validators.size:
        raise PeerError("the sender is no member", sender=message.sender)
    if not 0 < said.view < NUMBER_LIMIT:
        raise PeerError("nobody changes to this view", view=said.view)
    _check_base(message, validators, epoch_base)
    _check_prepared(message, validators)


def _check_base(message: ViewChange, validators: ValidatorSet, epoch_base: Block) -> None:
    said, certificate = message.statement, message.proof.base_certificate
    if said.base_height == epoch_base.height:
        if said.base_block != epoch_base.id:
            raise PeerError("another beginning of the epoch", base=said.base_block)
        if certificate is not None:
            raise PeerError("the epoch's beginning needs no certificate", base=said.base_height)
        return
    if said.base_height < epoch_base.height:
        raise PeerError("base below the epoch", base=said.base_height, epoch=epoch_base.height)
    if certificate is None:
        raise PeerError("base without certificate", base=said.base_height)
    certificate.check(Kind.COMMIT, validators)
    if (certificate.height, certificate.block) != (said.base_height, said.base_block):
        raise PeerError("the certificate is of another block", certificate=certificate.height)


def _check_prepared(message: ViewChange, validators: ValidatorSet) -> None:
    said, proof = message.statement, message.proof
    block, certificate = proof.prepared_block, proof.prepared_certificate
    if said.prepared is None:
        if block is not None or certificate is not None:
            raise PeerError("proof of nothing", view=said.view)
        return
    if block is None or certificate is None:
        raise PeerError("prepared without proof", prepared=said.prepared)
    certificate.check(Kind.PREPARE, validators)
    if certificate.ballot() != said.prepared:
        raise PeerError("the certificate proves another ballot", says=said.prepared)
    if said.prepared.view >= said.view:
        raise PeerError("prepared in the future", prepared=said.prepared.view, view=said.view)
    place = (block.id, block.height, block.parent, block.epoch)
    wanted = (said.prepared.block, said.base_height + 1, said.base_block, said.epoch)
    if place != wanted or said.prepared.height != block.height:
        raise PeerError("the prepared block is not right above the base", is_=place, wanted=wanted)


def check_new_view(message: NewView, validators: ValidatorSet, epoch_base: Block) -> None:
    """Raise ``PeerError`` unless the view's primary names exactly a quorum of valid changes."""
    said = message.statement
    if said.epoch != validators.epoch:
        raise PeerError("new view of another epoch", epoch=said.epoch, ours=validators.epoch)
    if message.sender != validators.primary(said.view):
        raise PeerError("not the view's primary", sender=message.sender, view=said.view)
    senders = [sender for sender, _ in said.choices]
    if senders != sorted(dict.fromkeys(senders)) or len(senders) != validators.quorum:
        raise PeerError("not a quorum of distinct members, ascending", senders=senders)
    carried = tuple((change.sender, change.statement) for change in message.view_changes)
    if carried != said.choices:
        raise PeerError("other view changes than those it names", senders=senders)
    for change in message.view_changes:
        if change.statement.view != said.view:
            raise PeerError("a view change of another view", view=change.statement.view)
        check_view_change(change, validators, epoch_base)


@dataclass(frozen=True, slots=True)
class Selection:
    """What a new view begins with."""

    base_height: int
    base_certificate: Certificate | None
    """None where the base is the epoch's beginning."""
    tip: Block | None
    """The block above the base that must be voted for first, None when the primary is free."""
    tip_certificate: Certificate | None


def select(view_changes: tuple[ViewChange, ...]) -> Selection:
    """The one answer that follows from these valid view changes (at least one)."""
    base = max(view_changes, key=lambda change: change.statement.base_height)
    said = base.statement
    candidates = [
        change
        for change in view_changes
        if change.statement.prepared is not None
        and change.statement.base_height == said.base_height
    ]
    if not candidates:
        return Selection(said.base_height, base.proof.base_certificate, None, None)
    best = max(candidates, key=_prepared_view)
    return Selection(
        said.base_height,
        base.proof.base_certificate,
        best.proof.prepared_block,
        best.proof.prepared_certificate,
    )


def _prepared_view(change: ViewChange) -> int:
    prepared = change.statement.prepared
    return -1 if prepared is None else prepared.view


class ChangeBook:
    """Valid view changes by sender and view; two views for each sender at most."""

    def __init__(self) -> None:
        self._changes: dict[int, dict[int, ViewChange]] = {}

    def add(self, message: ViewChange) -> None:
        """Keep ``message``; the first one of its sender and view stays."""
        by_view = self._changes.setdefault(message.sender, {})
        by_view.setdefault(message.statement.view, message)
        while len(by_view) > VIEWS_PER_SENDER:
            # The lowest is the current view or older; between two later ones the higher counts.
            ordered = sorted(by_view)
            del by_view[ordered[1]]

    def of(self, view: int) -> dict[int, ViewChange]:
        """The changes to ``view``, by ascending sender."""
        return {
            sender: by_view[view]
            for sender, by_view in sorted(self._changes.items())
            if view in by_view
        }

    def by(self, sender: int) -> tuple[ViewChange, ...]:
        """The changes of one member, to all views that are kept."""
        return tuple(self._changes.get(sender, {}).values())

    def choose(self, view: int, me: int, validators: ValidatorSet) -> tuple[ViewChange, ...] | None:
        """The primary's quorum: its own and the lowest senders, ascending. None: too few."""
        held = self.of(view)
        if me not in held or len(held) < validators.quorum:
            return None
        others = [sender for sender in held if sender != me][: validators.quorum - 1]
        return tuple(held[sender] for sender in sorted([me, *others]))

    def named(self, statement: NewViewStatement) -> tuple[ViewChange, ...] | None:
        """The changes that ``statement`` names, None unless all are here, word for word."""
        held = self.of(statement.view)
        if any(
            sender not in held or held[sender].statement != said
            for sender, said in statement.choices
        ):
            return None
        return tuple(held[sender] for sender, _ in statement.choices)

    def prune(self, view: int) -> None:
        """Forget the views below ``view``."""
        for by_view in self._changes.values():
            for old in [held for held in by_view if held < view]:
                del by_view[old]

    def clear(self) -> None:
        self._changes.clear()

    def size(self) -> int:
        """View changes kept: at most two a member."""
        return sum(len(by_view) for by_view in self._changes.values())
