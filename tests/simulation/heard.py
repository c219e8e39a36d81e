"""I19 from the other side: who says two things in front of one correct member is named by a proof.

For each correct node, what its core has taken from liars: votes, proposals and view changes that
lay inside its window (the epoch, the two heights and the views that a core keeps). When a second
one contradicts a first, the core must have accused the sender in the same step; what any correct
node holds as a proof, every correct node holds in the end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from consensus import Event, Received, Refused
from consensus.effects import Effect
from consensus.messages import Ballot, Change, Kind, NewView, Proposal, ViewChange, Vote
from consensus.state import EVIDENCE_PER_MEMBER, State
from tests.simulation.verdict import Violation

if TYPE_CHECKING:
    from tests.simulation.machine import Machine

HEIGHTS, VIEWS = 2, 2
"""Heights and views of one sender that a core is sure to keep."""
KINDS = {Kind.PROPOSE: "E1", Kind.PREPARE: "E2", Kind.COMMIT: "E3"}

Slot = tuple[object, ...]
Spoken = Vote | Proposal | ViewChange | NewView
Place = tuple[int, int, Kind, int]


class Heard:
    """What one life of a correct node has heard of liars."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._ballots: dict[Place, dict[int, Ballot]] = {}
        """(epoch, sender, kind, height) to what was said in each view."""
        self._changes: dict[tuple[int, int], dict[int, Change]] = {}

    def step(self, state: State, event: Event, take: Callable[[], list[Effect]]) -> list[Effect]:
        """Let the core take an event. Raises ``Violation`` where an accusation is missing."""
        message = self._of_a_liar(state, event)
        due = [] if message is None else self._due(state, message)
        keeps = message is not None and self._is_inside(state, message)
        effects = take()
        if message is None or any(isinstance(effect, Refused) for effect in effects):
            return effects
        if keeps:
            self._keep(message)
        for slot in due:
            self._check(state, slot)
        return effects

    def _check(self, state: State, due: Slot) -> None:
        self._machine.judge.trace.point(f"heard.{due[0]}")
        of_member = [slot for slot in state.accused if slot[2] == due[2]]
        if state.validators.epoch != due[1]:
            return  # the same step has ended the epoch, and with it what was told of it
        if due not in state.accused and len(of_member) < EVIDENCE_PER_MEMBER:
            raise Violation("I19", f"m{self._machine.number} heard {due} and accuses nobody")

    def _of_a_liar(self, state: State, event: Event) -> Spoken | None:
        if not isinstance(event, Received):
            return None
        message, members = event.message, state.validators.members
        if not isinstance(message, Vote | Proposal | ViewChange | NewView):
            return None
        if message.statement.epoch != state.validators.epoch:
            return None
        if not 0 <= message.sender < len(members):
            return None
        return None if self._machine.judge.is_correct(members[message.sender]) else message

    def _is_inside(self, state: State, message: Spoken) -> bool:
        """Whether the core keeps it."""
        said = message.statement
        if not isinstance(said, Ballot):
            return said.view >= state.view
        if isinstance(message, Proposal) and message.sender != state.validators.primary(said.view):
            return False
        past = said.view < state.view and said.kind is not Kind.COMMIT
        return 0 <= said.height - state.height < HEIGHTS and not past

    def _keep(self, message: Spoken) -> None:
        said = message.statement
        if isinstance(said, Ballot):
            place = (said.epoch, message.sender, said.kind, said.height)
            self._ballots.setdefault(place, {}).setdefault(said.view, said)
        elif isinstance(said, Change):
            self._changes.setdefault((said.epoch, message.sender), {}).setdefault(said.view, said)

    def _due(self, state: State, message: Spoken) -> list[Slot]:
        """The accusations that this message must lead to."""
        said = message.statement
        if isinstance(said, Ballot):
            return self._due_of_ballot(state, message, said)
        if isinstance(said, Change):
            return self._due_of_change(state, message.sender, said)
        begun, due = state.new_view, list[Slot]()
        if begun is not None and begun.statement.view == said.view and begun.statement != said:
            due.append(("E4", said.epoch, (message.sender,), said.view, 0))
        assert isinstance(message, NewView), "nothing else is left"
        for carried in message.view_changes if said.view >= state.view else ():
            if not self._machine.judge.is_correct(state.validators.members[carried.sender]):
                due += self._due_of_change(state, carried.sender, carried.statement)
        return due

    def _due_of_ballot(self, state: State, message: Spoken, said: Ballot) -> list[Slot]:
        due, who = list[Slot](), (message.sender,)
        if not self._is_inside(state, message):
            return due
        held = self._kept(state, message.sender, said).get(said.view)
        if held is not None and held.block != said.block:
            due.append((KINDS[said.kind], said.epoch, who, said.view, said.height))
        changes = self._changes.get((said.epoch, message.sender), {})
        for change in changes.values() if len(changes) <= VIEWS else ():
            if said.kind is Kind.COMMIT and change.view >= state.view and is_hidden(said, change):
                due.append(("E5", said.epoch, who, said.view, said.height))
        return due

    def _kept(self, state: State, sender: int, said: Ballot) -> dict[int, Ballot]:
        """What the core is sure to have kept of the same kind and height."""
        by_view = self._ballots.get((said.epoch, sender, said.kind, said.height), {})
        views = len(by_view.keys() | {said.view})
        if said.kind is Kind.PROPOSE:
            other = (said.epoch, sender, said.kind, 2 * state.height + 1 - said.height)
            views += len(self._ballots.get(other, {}))
        return by_view if views <= VIEWS else {}

    def _due_of_change(self, state: State, sender: int, said: Change) -> list[Slot]:
        due, by_view = list[Slot](), self._changes.get((said.epoch, sender), {})
        first = by_view.get(said.view, said)
        if said.view >= state.view and len(by_view.keys() | {said.view}) <= VIEWS and first != said:
            due.append(("E4", said.epoch, (sender,), said.view, 0))
        for height in (state.head.height, state.height):
            committed = self._ballots.get((said.epoch, sender, Kind.COMMIT, height), {})
            due += [
                ("E5", said.epoch, (sender,), vote.view, height)
                for vote in committed.values()
                if len(committed) <= VIEWS and is_hidden(vote, said)
            ]
        return due


def is_hidden(committed: Ballot, change: Change) -> bool:
    """Whether who voted COMMIT for that may not have changed the view with this."""
    if change.view <= committed.view or change.base_height >= committed.height:
        return False
    told = change.prepared
    return told is None or (told.view, told.height) < (committed.view, committed.height)
