"""A rolling upgrade: members are restarted in turn with a build that has a contract's next version,
and a vote lets that version run from a height on (``contracts.registry``).

One member is late: at that height its build cannot execute the block. It must end and say so, must
not vote, and must not go on with what it has; the others go on without it, and it comes back when
it has the new build.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from contracts.api import Answer, Args, Context, Contract, Method
from contracts.registry import Registry
from contracts.runtime import Runtime
from contracts.settlement import CONTRACTS
from node.ledger.codec import decode_trusted
from tests.simulation import audit
from tests.simulation.founding import RUNTIME
from tests.simulation.keys import signatures
from tests.simulation.memo import remembered
from tests.simulation.options import Options
from tests.simulation.run import WARM_UP_US, Run
from tests.simulation.verdict import Violation

CHANGED = "funds"
LEFT = "upgrade/height"
"""What the new version alone leaves in the state: the height of its last call."""
AHEAD = 12
"""Heights between the proposal and the switch."""
TURN_US = 900_000


def _next_version(contract: Contract) -> Contract:
    made = Contract(contract.name, contract.version + 1)
    made.methods.update({name: _marked(method) for name, method in contract.methods.items()})
    return made


def _marked(method: Method) -> Method:
    right = method.function

    def function(ctx: Context, args: Args) -> Answer:
        ctx.state.put(LEFT, ctx.height)
        return right(ctx, args)

    return replace(method, function=function)


def new_build() -> Runtime:
    """Everything of this build, and the next version of one contract."""
    changed = next(contract for contract in CONTRACTS if contract.name == CHANGED)
    return Runtime(Registry([*CONTRACTS, _next_version(changed)]))


@dataclass
class Upgraded:
    """What came of it."""

    switched_at: int
    late_ended_at: int
    """Head of the late member's node when it ended; one below the first block of the version that
    it cannot execute."""
    why: list[str]
    """With what nodes ended by themselves."""
    left: list[int]
    """What the new version left, on each machine."""
    tip: int


def roll(options: Options, *, old: Runtime = RUNTIME) -> Upgraded:
    """Raises ``Violation``."""
    with signatures(options.mode), remembered():
        run = Run(options)
        try:
            return _Roll(run, old).go()
        finally:
            for machine in run.machines:
                machine.forget()


class _Roll:
    def __init__(self, run: Run, old: Runtime) -> None:
        self.run, self.build = run, new_build()
        run.judge.observers.clear()  # they know the rules of one version
        for machine in run.machines:
            machine.runtime = old
        *self.early, self.late = run.machines
        self.why: list[str] = []
        self.ended_at = -1

    def go(self) -> Upgraded:
        run, world = self.run, self.run.world
        for machine in run.machines:
            world.after(run.stream("start", machine.number).randrange(50_000), machine.start)
        run._look_later()
        world.run(WARM_UP_US)
        self._watch(run.judge.on_ended)
        run._act_later(world.now + run.options.chaos_ms * 1000)
        for turn, machine in enumerate(self.early):
            world.after(turn * TURN_US, lambda one=machine: self._renew(one))  # type: ignore[misc]
        switched_at = self._vote()
        world.run(world.now + run.options.chaos_ms * 1000)
        if run.judge.height < switched_at:
            raise Violation("UPGRADE", f"the chain is at {run.judge.height}, not {switched_at}")
        self.late.may_fail = self.late.lost = None
        self._renew(self.late)
        run._heal()
        audit.audit(run)
        return Upgraded(switched_at, self.ended_at, self.why, self._left(), run.judge.height)

    def _watch(self, right: Callable[[Any, Exception], None]) -> None:
        def on_ended(machine: Any, error: Exception) -> None:
            self.why.append(type(error).__name__)
            if machine is self.late:
                self.ended_at = machine.height
                machine.may_fail = machine.lost = "its build is old"
            right(machine, error)

        self.run.judge.on_ended = on_ended  # type: ignore[method-assign]

    def _renew(self, machine: Any) -> None:
        if machine.is_up():
            machine.crash("an upgrade")
        machine.runtime = self.build
        machine.start_after(100_000)

    def _vote(self) -> int:
        run = self.run
        height = run.judge.height + AHEAD
        version = next(one for one in CONTRACTS if one.name == CHANGED).version + 1
        args = {"id": "next", "contract": CHANGED, "version": version, "from_height": height}
        inside = [str(seat.organisation) for seat in run.members.current().validators]
        run.members._vote("propose_contract", args, inside)
        return height

    def _left(self) -> list[int]:
        found = []
        for machine in self.run.machines:
            assert machine.node is not None, "all are up"
            data = machine.node.chain.database.state.get(LEFT)
            found.append(-1 if data is None else decode_trusted(data))
        return found
