"""From view to view: take one's seat, enter a view, make and install its NEW-VIEW.

``progress`` is called until nothing changes any more; each of its steps looks only at what is
there, never at what has just happened, so crashes and reordering need no cases of their own.

There are two ways into a view. One is its NEW-VIEW. The other is a commit certificate of that
view (``Cue.JOINED``, in ``ordering``): who has committed block h by a certificate of view w goes
on in view w above h without the NEW-VIEW of w. Why that is safe: take the lowest height h0 with a
certificate in w. Its correct signers had installed w with a base below h0, for nobody votes at or
below its own head. Had anything been decided at a height above h0 in a view before w, a quorum
would have committed h0 before it left for w, one correct member of it would be among the view
changes of w, and the base would be h0 or higher: a contradiction. So nothing above h0, and all the
more above h, can have been decided before w, and a fresh proposal of w's primary binds nobody
wrongly. It spares laggards a search for old NEW-VIEWs, which nobody then has to keep.
"""

from __future__ import annotations

from consensus.messages import (
    Change,
    ChangeProof,
    Decided,
    NewView,
    NewViewStatement,
    ViewChange,
)
from consensus.ordering import adopt, open_slot
from consensus.phases import BETWEEN_VIEWS, Cue, Phase
from consensus.safety import bound_above, with_change, with_new_view
from consensus.slot import Slot
from consensus.state import State
from consensus.view_change import Selection, check_new_view, check_view_change, select


def progress(state: State) -> bool:
    """Do the next thing that has become possible. True when something was done."""
    if not state.may_sign:
        return False
    if state.phase is Phase.WATCHING:
        take_seat(state)
        return True
    amplified = state.pacemaker.amplified(state.validators)
    if amplified > state.pacemaker.wish:
        state.wish(amplified)
        return True
    agreed = state.pacemaker.agreed(state.validators)
    if agreed > state.view:
        enter(state, agreed)
        return True
    if state.phase in BETWEEN_VIEWS and state.new_view is not None:
        return _install(state, select(state.new_view.view_changes))
    return _make_new_view(state)


def take_seat(state: State) -> None:
    """A member with its record at hand begins to vote: at the start, after a restart, in a new
    epoch, or when a store that had lost its tail has caught up (CONSENSUS.md 10.3)."""
    record = state.record
    state.view = record.view
    state.pacemaker.joined(state.view, state.now_ms)
    state.move(Cue.SEATED)
    vote = record.vote
    if record.change is not None and (vote is None or vote.view < state.view):
        # The view was entered and perhaps never begun: say so again, word for word.
        state.move(Cue.ENTERED)
        state.slot = Slot(state.height)
        state.pacemaker.entered(state.view, state.now_ms)
        state.sign(record.change)
        return
    voted_here = (
        vote is not None
        and vote.slot() == (state.view, state.height)
        and vote.block.parent == state.head.id
    )
    if vote is None or not voted_here:
        open_slot(state)
        return
    state.slot = Slot(state.height)
    adopt(state, vote.block, fresh=False)


def enter(state: State, view: int) -> None:
    """Leave the view for a later one: from here on no vote below it, whatever commits."""
    state.view = view
    state.new_view = None
    state.changes.prune(view)
    state.move(Cue.ENTERED)
    state.slot = Slot(state.height)
    state.pacemaker.entered(view, state.now_ms)
    prepared = bound_above(state.record, state.head.height)
    held = state.record.prepared if prepared is not None else None
    change = Change(state.validators.epoch, view, state.head.height, state.head.id, prepared)
    proof = ChangeProof(
        None if state.head == state.epoch_base else state.head_certificate,
        None if held is None else held.block,
        None if held is None else held.certificate,
    )
    state.persist(with_change(state.record, change, proof))
    state.sign(change)


def on_view_change(state: State, message: ViewChange) -> None:
    """A VIEW-CHANGE came in (one's own comes this way too)."""
    check_view_change(message, state.validators, state.epoch_base)
    _compare(state, message)
    if message.statement.view >= state.view:
        state.changes.add(message)


def _compare(state: State, change: ViewChange) -> None:
    """Hold a view change against what its sender has said otherwise, whoever brought it: who tells
    the primary one thing and others another is found out by the NEW-VIEW."""
    state.accuse_of_hiding(change)
    held = state.changes.of(change.statement.view).get(change.sender)
    if held is not None:
        state.accuse(held, change)


def on_new_view(state: State, message: NewView) -> None:
    """A NEW-VIEW came in (the primary's own comes this way too)."""
    view = message.statement.view
    if view < state.view:
        return
    check_new_view(message, state.validators, state.epoch_base)
    for carried in message.view_changes:
        state.recognise(carried.sender, carried.statement)
        _compare(state, carried)
    if state.new_view is not None and state.new_view.statement.view == view:
        state.accuse(state.new_view, message)
        return
    if not state.may_sign:
        return
    if view > state.view:
        # A quorum has entered that view: it needs no wishes to be believed.
        enter(state, view)
    if state.phase is Phase.CHANGING:
        state.new_view, state.new_view_ms = message, state.now_ms


def _make_new_view(state: State) -> bool:
    """The primary of a view with a quorum of view changes, its own among them, begins it."""
    me = state.me
    if state.phase is not Phase.CHANGING or not state.is_primary or me is None:
        return False
    named = state.record.new_view
    if named is not None:
        chosen = state.changes.named(named)
    else:
        chosen = state.changes.choose(state.view, me, state.validators)
    if chosen is None:
        return False
    statement = NewViewStatement(
        state.validators.epoch, state.view, tuple((c.sender, c.statement) for c in chosen)
    )
    if statement in state.signing:
        return False
    state.persist(with_new_view(state.record, statement))
    state.sign(statement)
    return True


def _install(state: State, selection: Selection) -> bool:
    """Begin the view as its view changes say, once the blocks up to their base are here."""
    if selection.base_height <= state.head.height:
        state.move(Cue.INSTALLED)
        _begin(state, selection)
        return True
    if state.phase is Phase.INSTALLING:
        return False
    state.move(Cue.BEHIND)
    certificate = selection.base_certificate
    assert certificate is not None, "the head is never below the epoch's beginning"
    for holder in state.members(certificate.signers()):
        state.catch_up.claim(holder, selection.base_height, state.now_ms, urgent=True)
    return True


def _begin(state: State, selection: Selection) -> None:
    tip = selection.tip
    if selection.base_height < state.head.height and state.head_certificate is not None:
        # The view begins below my head: its others can have the certificate at once.
        state.send(None, Decided(state.head, state.head_certificate))
    if tip is None or tip.height != state.height:
        open_slot(state)
        return
    certificate = selection.tip_certificate
    holders = state.members(certificate.signers()) if certificate is not None else ()
    state.slot = Slot(state.height)
    adopt(state, tip, fresh=False, holders=holders)
