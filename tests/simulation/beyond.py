"""More than f liars: agreement may be lost, and then it must be seen.

Nothing is promised of the chain there (SIMULATION.md section 3, the mode without the cap). Promised
is that correct nodes never fail themselves: none signs two things for one slot, votes in a view
that it has left or signs before its record is on disk (I10 to I12); that nobody correct is accused;
and that a fork does not stay hidden: once everybody hears everybody again, a correct node that has
another block than another correct one raises the alarm and signs nothing more, and whoever proposed
or voted for two blocks in front of it is named.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from consensus import Message, Statement
from node.execution.blocks import BlockResult
from node.ordering.wire import decode_evidence
from tests.simulation import faults
from tests.simulation.judge import Judge
from tests.simulation.keys import signatures
from tests.simulation.memo import remembered
from tests.simulation.options import Options
from tests.simulation.run import WARM_UP_US, Run
from tests.simulation.verdict import Violation

if TYPE_CHECKING:
    from tests.simulation.machine import Machine

LOST = frozenset(("I17", "I18"))
"""Rules of quorums, which hold while at most f lie."""
AFTERWARDS_US = 15_000_000


class Onlooker(Judge):
    """Holds correct nodes to their own rules and notes what becomes of the chain."""

    lost: set[str]
    blocks: dict[int, dict[bytes, set[int]]]
    alarms: dict[int, set[str]]

    def on_signed(self, machine: Machine, statement: Statement) -> None:
        self._lose(lambda: super(Onlooker, self).on_signed(machine, statement))

    def on_lie(self, machine: Machine, statement: Statement) -> None:
        self._lose(lambda: super(Onlooker, self).on_lie(machine, statement))

    def on_message(self, machine: Machine, message: Message) -> None:
        self._lose(lambda: super(Onlooker, self).on_message(machine, message))

    def on_alarm(self, machine: Machine, code: str, sentence: str) -> None:
        self.trace.point(f"alarm.{code}")
        if machine.correct:
            self.alarms.setdefault(machine.number, set()).add(code)
            if code not in ("fork", "diverged"):
                raise Violation("ALARM", f"m{machine.number}: {code}: {sentence}")

    def on_published(self, machine: Machine, result: BlockResult) -> None:
        machine.committing = None
        header = result.header
        for transaction in result.transactions:
            self.committed.setdefault(transaction.id, header.height)
        if not machine.correct:
            return
        if header.height != machine.height + 1:
            raise Violation("I2", f"m{machine.number}: {machine.height} to {header.height}")
        machine.height = header.height
        by_hash = self.blocks.setdefault(header.height, {})
        by_hash.setdefault(result.block_hash, set()).add(machine.number)
        self.chain.setdefault(header.height, (result.block_hash, header))
        if result.next_validators is not None:
            self.votes.sets.setdefault(header.epoch + 1, result.next_validators)

    def _lose(self, act: object) -> None:
        try:
            act()  # type: ignore[operator]
        except Violation as found:
            if found.invariant not in LOST:
                raise
            self.lost.add(found.invariant)


@dataclass
class Aftermath:
    """What was left when everybody had heard everybody."""

    forked_at: int | None
    """The lowest height at which correct nodes have different blocks."""
    alarmed: set[int]
    """Correct machines that said so."""
    named: set[int]
    """Seats that proofs on correct machines' disks name."""
    liars: set[int]
    lost: set[str]
    still_signing: set[int] = field(default_factory=set)
    """Correct machines that raised the alarm and would sign again."""


def look_on(options: Options) -> Aftermath:
    """Run it; raises ``Violation`` where a correct node fails itself."""
    with signatures(options.mode), remembered():
        run = Run(options)
        judge = run.judge
        judge.__class__ = Onlooker
        assert isinstance(judge, Onlooker), "it was just made one"
        judge.lost, judge.blocks, judge.alarms = set(), {}, {}
        judge.observers.clear()
        world = run.world
        for machine in run.machines:
            world.after(run.stream("start", machine.number).randrange(50_000), machine.start)
        world.run(WARM_UP_US)
        for fault in faults.plan(run):
            world.after(fault.at_us, lambda one=fault: faults.carry_out(run, one))  # type: ignore[misc]
        run._act_later(world.now + options.chaos_ms * 1000)
        world.run(world.now + options.chaos_ms * 1000)
        run.net.heal()
        run._act_later(world.now + AFTERWARDS_US)
        world.run(world.now + AFTERWARDS_US)
        found = _aftermath(run, judge)
        for machine in run.machines:
            machine.forget()
    return found


def _aftermath(run: Run, judge: Onlooker) -> Aftermath:
    forks = [height for height, by_hash in judge.blocks.items() if len(by_hash) > 1]
    seats = run.founded.genesis.validators
    liars = {
        seat for machine in run.machines
        if not machine.correct and (seat := seats.index_of(machine.organisation)) is not None
    }  # fmt: skip
    named: set[int] = set()
    for machine in run.machines:
        for path, data in machine.files.held.items():
            if machine.correct and "/evidence/" in path:
                judge.check_evidence(machine, data)
                named |= set(decode_evidence(data).culprits)
    signing = {
        machine.number for machine in run.machines
        if machine.number in judge.alarms and machine.node is not None
        and machine.node._replica.state.may_sign
    }  # fmt: skip
    return Aftermath(min(forks, default=None), set(judge.alarms), named, liars, judge.lost, signing)
