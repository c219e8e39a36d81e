"""What an operator asks a replica: where are we, what is waited for, who is missing.

A picture of a moment, of plain values; nothing in the core reads it (LESSONS.md 12: nobody can
tell why it is stuck).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from consensus.messages import Kind
from consensus.phases import BETWEEN_VIEWS, Phase
from consensus.quorum import MemberId
from consensus.state import State


class Timer(Enum):
    """What a replica does by itself when nothing else happens; the value is for the sentence."""

    VIEW = "asks for the next view"
    CENSORSHIP = "asks for the next view, because the primary passes a transaction over"
    FETCH = "asks another peer for blocks"


@dataclass(frozen=True, slots=True)
class Situation:
    """A picture of a replica."""

    epoch: int
    height: int
    """In flight: one above the last committed block."""
    view: int
    phase: Phase
    primary: MemberId
    is_primary: bool
    may_sign: bool
    quorum: int
    heard: tuple[MemberId, ...]
    """Members whose message of the awaited kind is here, for this view and height."""
    missing: tuple[MemberId, ...]
    """The other members."""
    wished_view: int
    """The view that this replica asks for; above ``view``: it wants to leave."""
    deadline_ms: int | None
    """When it will ask for the next view, on the driver's clock."""
    timers: tuple[tuple[Timer, int], ...]
    """What happens by itself and when, on the driver's clock; the next one first."""
    timeout_ms: int
    """T(k): how long this view may take."""
    busy: bool
    """Something is waited for: a block, a view, a transaction's turn."""
    sentence: str
    """All of it in one English sentence."""


def describe(state: State) -> Situation:
    """The situation of ``state``."""
    validators = state.validators
    heard = _heard(state)
    return Situation(
        epoch=validators.epoch,
        height=state.height,
        view=state.view,
        phase=state.phase,
        primary=validators.members[validators.primary(state.view)],
        is_primary=state.is_primary,
        may_sign=state.may_sign,
        quorum=validators.quorum,
        heard=tuple(validators.members[i] for i in heard),
        missing=tuple(m for i, m in enumerate(validators.members) if i not in heard),
        wished_view=state.pacemaker.wish,
        deadline_ms=state.pacemaker.deadline,
        timers=_timers(state),
        timeout_ms=state.pacemaker.timeout_ms(),
        busy=state.is_busy,
        sentence=_sentence(state, len(heard)),
    )


def _timers(state: State) -> tuple[tuple[Timer, int], ...]:
    found = [
        (Timer.VIEW, state.pacemaker.deadline),
        (Timer.CENSORSHIP, state.censor_deadline_ms() if state.may_sign else None),
        (Timer.FETCH, state.catch_up.deadline_ms(state.head.height)),
    ]
    return tuple(sorted(((t, at) for t, at in found if at is not None), key=lambda row: row[1]))


def _heard(state: State) -> tuple[int, ...]:
    if state.phase in BETWEEN_VIEWS:
        return tuple(state.changes.of(state.view))
    kind = Kind.COMMIT if state.phase is Phase.COMMITTING else Kind.PREPARE
    return state.votes.senders(kind, state.view, state.height)


def _sentence(state: State, heard: int) -> str:
    place = f"height {state.height}, view {state.view}"
    if state.phase is Phase.WATCHING or state.halted:
        return f"{place}: {_why_watching(state)}"
    doing = state.phase.value
    if state.phase is Phase.OPEN and state.is_primary:
        doing = "is the primary and waits for transactions"
    if state.phase in (Phase.PREPARING, Phase.COMMITTING, Phase.CHANGING):
        doing += f" ({heard} of {state.validators.quorum} are here)"
    return f"{place}: {doing}"


def _why_watching(state: State) -> str:
    if state.me is None:
        return "follows: no member of this epoch"
    if state.burnt:
        return "signs nothing: the safety record is lost; a new key must be voted in"
    if state.halted:
        return f"signs nothing: {state.halted}"
    return f"catches up to height {state.record.commit_floor}, which its store has lost"
