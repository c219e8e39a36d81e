"""STATUS: nothing rests on a message that was sent once.

Every replica tells the others, in bitmaps, what it has; whoever holds what is missing sends it
again: its own signed messages only, and to that peer only. Every protocol message is thereby
repeated until it is of no use, and no liveness argument rests on a TCP queue (CONSENSUS.md 7.4).

What was sent a moment ago is on its way and not repeated: a STATUS that crosses a proposal must
not bring the whole block again.
"""

from __future__ import annotations

from consensus.messages import (
    Decided,
    Kind,
    Message,
    Proposal,
    Status,
    ViewChange,
    Vote,
    Wish,
)
from consensus.phases import BETWEEN_VIEWS, IN_FLIGHT, Phase
from consensus.quorum import MemberId
from consensus.state import State


def make_status(state: State) -> Status:
    """What this replica has of the height in flight."""
    return Status(
        epoch=state.validators.epoch,
        view=state.view,
        height=state.head.height,
        wish=state.pacemaker.wish,
        settled=state.phase not in BETWEEN_VIEWS or bool(state.halted),
        proposed=state.phase in IN_FLIGHT,
        changes=_bitmap(tuple(state.changes.of(state.view))),
        prepares=_bitmap(state.votes.senders(Kind.PREPARE, state.view, state.height)),
        commits=_bitmap(state.votes.senders(Kind.COMMIT, state.view, state.height)),
    )


def answer(state: State, peer: MemberId, status: Status) -> None:
    """Send ``peer`` what its STATUS shows to be missing, as far as it is ours to send."""
    place, ours = (status.epoch, status.height), (state.validators.epoch, state.head.height)
    if place > ours:
        state.catch_up.claim(peer, status.height, state.now_ms)
    if place < ours and _is_settled(state, state.head_ms):
        _announce_head(state, peer, status)
    if status.epoch != state.validators.epoch:
        return
    if status.view < state.view and state.phase is not Phase.WATCHING:
        # The peer is behind: it learns the view from a quorum of wishes.
        state.tell_wish()
    for message in missing(state, status):
        state.send(peer, message)


def _announce_head(state: State, peer: MemberId, status: Status) -> None:
    certificate = state.head_certificate
    if certificate is None:
        return
    if status.epoch == certificate.epoch:
        state.send(peer, Decided(state.head, certificate))
    else:
        # The peer cannot judge our certificate yet: it learns that there is more to ask for.
        state.send(peer, make_status(state))


def missing(state: State, status: Status) -> list[Message]:
    """Own messages that the sender of ``status`` lacks and can use, most urgent first."""
    found: list[Message] = []
    sent = {
        kind: message
        for kind, message in state.sent.items()
        if _is_settled(state, state.sent_ms[kind])
    }
    wish = sent.get(Kind.WISH)
    if isinstance(wish, Wish) and status.view < wish.statement.view:
        found.append(wish)
    if status.view != state.view or state.me is None:
        return found
    mine = 1 << state.me
    change = sent.get(Kind.VIEW_CHANGE)
    current = isinstance(change, ViewChange) and change.statement.view == state.view
    if change is not None and current and not status.settled and not status.changes & mine:
        found.append(change)
    begun = state.new_view
    if begun is not None and not status.settled and _is_settled(state, state.new_view_ms):
        found.append(begun)
    if status.height == state.head.height:
        found += _votes(state, sent, status, mine)
    return found


def _votes(state: State, sent: dict[Kind, Message], status: Status, mine: int) -> list[Message]:
    found: list[Message] = []
    lacks = {
        Kind.PROPOSE: not status.proposed,
        Kind.PREPARE: not status.prepares & mine,
        Kind.COMMIT: not status.commits & mine,
    }
    for kind, lacking in lacks.items():
        held = sent.get(kind)
        if not lacking or not isinstance(held, Proposal | Vote):
            continue
        if (held.statement.view, held.statement.height) == (state.view, state.height):
            found.append(held)
    return found


def _is_settled(state: State, since_ms: int) -> bool:
    """Long enough ago that whoever lacks it has not got it, rather than not yet."""
    return state.now_ms >= since_ms + state.timing.status_ms


def _bitmap(members: tuple[int, ...]) -> int:
    bits = 0
    for member in members:
        bits |= 1 << member
    return bits
