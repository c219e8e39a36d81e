"""What keys have signed, and what must never be among it (I10 to I14, I17, I18).

A fork needs many things to go wrong at once; these rules are broken long before, by the first of
them. Votes of liars count towards quorums and are held to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from consensus import MemberId, Message, Statement, check_statement
from consensus.errors import ConsensusError
from consensus.messages import Ballot, Change, Kind, NewView, NewViewStatement
from consensus.view_change import select
from node.ledger.block import Header, ValidatorSet
from tests.simulation.founding import Founded
from tests.simulation.trace import Trace
from tests.simulation.verdict import Violation

if TYPE_CHECKING:
    from tests.simulation.machine import Machine


def least_quorum(n: int) -> int:
    """More than (n + f) / 2, by a formula of its own."""
    f = (n - 1) // 3
    return next(q for q in range(1, n + 1) if 2 * q > n + f)


class Votes:
    """Every statement of every key."""

    def __init__(self, founded: Founded, trace: Trace) -> None:
        self.sets: dict[int, ValidatorSet] = {founded.header.epoch: founded.genesis.validators}
        """By epoch; filled as epochs end."""
        self._trace = trace
        self._signed: dict[tuple[object, ...], Statement] = {}
        self._left: dict[tuple[MemberId, int], int] = {}
        self._by_ballot: dict[Ballot, set[MemberId]] = {}
        self._prepared: dict[tuple[int, int, int], Ballot] = {}
        """(epoch, view, height) to what a quorum has prepared there."""
        self._decided: list[Ballot] = []
        self._prepares: dict[tuple[int, int], list[Ballot]] = {}
        """(epoch, height) to the PREPAREs of correct members there."""
        self._views: dict[int, tuple[int, int, int]] = {}

    def on_signed(self, member: MemberId, statement: Statement, correct: bool) -> None:
        """I10, I11, I17; counts quorums."""
        if isinstance(statement, Ballot) and statement.kind is not Kind.PROPOSE:
            self._count(member, statement)
        if not correct:
            return
        slot: tuple[object, ...] = (member, statement.kind, statement.epoch, statement.view)
        if isinstance(statement, Ballot):
            slot = (*slot, statement.height)
        before = self._signed.setdefault(slot, statement)
        if before != statement:
            raise Violation("I10", f"two statements for one slot: {before} and {statement}")
        if isinstance(statement, Change):
            place = (member, statement.epoch)
            self._left[place] = max(self._left.get(place, 0), statement.view)
            if statement.prepared is not None:
                self._trace.point("view-change.with-prepared")
        if isinstance(statement, Ballot):
            left = self._left.get((member, statement.epoch), 0)
            if statement.view < left:
                raise Violation("I11", f"a vote in a view that was left for {left}: {statement}")
            if statement.kind is Kind.PREPARE:
                place = (statement.epoch, statement.height)
                self._prepares.setdefault(place, []).append(statement)
                for decided in self._decided:
                    if (decided.epoch, decided.height) == place:
                        self._check_covered(decided, statement)
            if statement.view > 0 and statement.kind is Kind.COMMIT:
                self._trace.point("commit.in-later-view")

    def _check_covered(self, decided: Ballot, later: Ballot) -> None:
        """I18, where it is broken first: a quorum has signed COMMIT, and a correct member votes for
        something else in a later view. Whoever began that view has overlooked it."""
        if later.view > decided.view and later.block != decided.block:
            raise Violation("I18", f"{later} although {decided} may be committed")

    def _count(self, member: MemberId, ballot: Ballot) -> None:
        voters = self._by_ballot.setdefault(ballot, set())
        voters.add(member)
        members = self.sets.get(ballot.epoch)
        if members is None or len(voters) < least_quorum(members.size):
            return
        if ballot.kind is Kind.COMMIT:
            if ballot not in self._decided:
                self._decided.append(ballot)
                for later in self._prepares.get((ballot.epoch, ballot.height), ()):
                    self._check_covered(ballot, later)
            return
        place = (ballot.epoch, ballot.view, ballot.height)
        other = self._prepared.setdefault(place, ballot)
        if other != ballot:
            raise Violation("I17", f"two blocks prepared in one view: {other} and {ballot}")

    def check_durable(self, machine: Machine, statement: Statement) -> None:
        """I12: what is on the disk at this moment covers what is being signed."""
        record = machine.durable_record()
        if record is None:
            raise Violation("I12", f"m{machine.number} signs without a record: {statement}")
        try:
            check_statement(record, statement)
        except ConsensusError as error:
            raise Violation("I12", f"m{machine.number} signs too early: {error}") from error

    def check_tip(self, machine: Machine, ballot: Ballot, header: Header) -> None:
        """I14: a correct primary proposes on its own newest block, and nowhere else."""
        assert machine.node is not None, "it signs"
        tip = machine.node.chain.parent
        if ballot.kind is Kind.PROPOSE and header.parent != tip.block_hash:
            raise Violation("I14", f"m{machine.number} proposes beside its tip: {ballot}")

    def on_message(self, machine: Machine, message: Message) -> None:
        """I18 for every NEW-VIEW of a correct primary."""
        if isinstance(message, NewView):
            found = select(message.view_changes)
            tip = found.tip
            self._trace.point("new-view.with-tip" if tip is not None else "new-view.free")
            self.on_new_view(
                message.statement, found.base_height,
                None if tip is None else (tip.height, tip.id),
            )  # fmt: skip

    def on_new_view(self, said: NewViewStatement, base: int, tip: tuple[int, bytes] | None) -> None:
        """I18: what could have been decided in an earlier view is in the new one."""
        for ballot in self._decided:
            if ballot.epoch != said.epoch or ballot.view >= said.view or base >= ballot.height:
                continue
            if tip != (ballot.height, ballot.block):
                raise Violation("I18", f"view {said.view} begins without {ballot}")

    def check_monotone(self, machine: Machine) -> None:
        """I13: epoch and view never go back in one life."""
        node = machine.node
        assert node is not None, "it runs"
        state = node._replica.state
        now = (state.validators.epoch, state.view, state.head.height)
        before = self._views.get(machine.number, now)
        if now[:2] < before[:2] or now[2] < before[2]:
            raise Violation("I13", f"m{machine.number} went from {before} to {now}")
        self._views[machine.number] = now

    def highest_view(self) -> int:
        """The highest view that any correct member entered by a view change."""
        return max(self._left.values(), default=0)

    def forget_life(self, number: int) -> None:
        """The machine starts anew: its view may be older, its votes may not."""
        self._views.pop(number, None)
