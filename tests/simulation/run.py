"""One seed from beginning to end: warm-up, chaos, healing, quiet, audit."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from consensus.phases import IN_FLIGHT
from tests.simulation import audit, faults, observers
from tests.simulation.clock import Clock
from tests.simulation.founding import BEGIN_MS, BUREAUS, FOLLOWERS, found
from tests.simulation.judge import Judge
from tests.simulation.keys import signatures
from tests.simulation.loop import World
from tests.simulation.machine import Machine
from tests.simulation.members import Members
from tests.simulation.memo import remembered
from tests.simulation.net import Net
from tests.simulation.options import Options
from tests.simulation.rng import exponential, stream
from tests.simulation.strategy import STRATEGIES, Strategy
from tests.simulation.trace import Trace
from tests.simulation.verdict import Violation
from tests.simulation.work import CANARY, Work

WARM_UP_US = 1_000_000
LOOK_EVERY_US = 250_000
EVENTS_MAX = 3_000_000
QUIET_US = 6_000_000
SNAPSHOT_WINDOWS = 20
"""So much longer may a node work that a snapshot is given to meanwhile."""
FRAMES_BASE, FRAMES_EACH = 40, 14
"""I24: frames of a block in a healed network are at most base + each * n^2."""


class Budget:
    """How many more members may lie, forget or die for good."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def take(self) -> bool:
        """One more, if the set still bears it."""
        members = self._run.members
        size = members.current().size
        return members.bad() < (size - 1) // 3 and not self._run.options.spare


@dataclass
class Outcome:
    """What came of a run."""

    options: Options
    violation: Violation | None
    events: int
    frames: int
    blocks: int
    views: int
    virtual_ms: int
    fingerprint: str
    points: Counter[str] = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)
    heal_ms: int = 0
    """Virtual milliseconds from healing to the last owed transaction."""

    @property
    def ok(self) -> bool:
        return self.violation is None

    def sentence(self) -> str:
        """The last line that a run prints."""
        if self.violation is None:
            return (
                f"seed {self.options.seed}: ok, {self.events} events, {self.blocks} blocks, "
                f"{self.virtual_ms} ms, fingerprint {self.fingerprint[:16]}"
            )
        return f"seed {self.options.seed}: event {self.events}: {self.violation}"


class Run:
    """Everything of one run."""

    def __init__(self, options: Options, *, full_log: bool = False) -> None:
        self.options = options
        self.world = World(EVENTS_MAX)
        self.trace = Trace(self.world, full=full_log)
        self.founded = found(options.size, options.mode)
        self.judge = Judge(self.founded, self.trace, (CANARY,))
        self.net = Net(
            self.world, self.stream("net"), options.weather, self.trace.note, self.trace.point
        )
        if "replay" in options.families:
            self.net.recording = []
        self.machines: list[Machine] = []
        self.members = Members(self)
        self.budget = Budget(self)
        self.work = Work(self, self.stream("work"))
        self.heal_ms = 0
        self.healed = False
        for observer in observers.make():
            self.judge.observers.append(observer)
        self._make_machines()
        self._begin_observers()

    def stream(self, *label: object) -> Random:
        return stream(self.options.seed, *label)

    def _make_machines(self) -> None:
        options = self.options
        organisations = list(BUREAUS[: options.size + options.spare])
        chance = self.stream("liars")
        liars = chance.sample(organisations[: options.size], len(options.strategies))
        for organisation in (*organisations, *FOLLOWERS[: options.followers]):
            seat = liars.index(organisation) if organisation in liars else None
            kind = Strategy if seat is None else STRATEGIES[options.strategies[seat]]
            for copy in range(kind.copies):
                self._add_machine(organisation, kind, copy)

    def _add_machine(self, organisation: str, kind: type[Strategy], copy: int) -> None:
        options, number = self.options, len(self.machines)
        clock = Clock.draw(
            self.stream("clock", number), BEGIN_MS, options.drift_ppm, options.offset_ms
        )
        machine = Machine(
            number, organisation, self.founded, self.world, self.net, self.judge, self.stream,
            timing=options.timing(), clock=clock, index=options.index, pool=options.pool,
            snapshot_after=options.snapshot_after, seated=organisation in BUREAUS[: options.size],
        )  # fmt: skip
        if kind is not Strategy:
            machine.correct = False
            machine.may_fail = f"it is a liar ({kind.name})"
            machine.strategy = kind(machine, self.stream("byz", number, copy))
            self.trace.point(f"strategy.{kind.name}")
        self.machines.append(machine)
        self.judge.machines.append(machine)
        self.net.add(machine)

    def _begin_observers(self) -> None:
        if self.judge.observers:
            state = audit.state_of_image(self.founded.image)
            for observer in self.judge.observers:
                observer.begin(state)

    # --- Who can be counted on ----------------------------------------------------------------

    def is_sound(self, machine: Machine) -> bool:
        """Correct, with its record and its disk."""
        return machine.correct and machine.lost is None and machine.may_fail is None

    def core(self) -> list[Machine]:
        """Sound machines of the current set's members."""
        return [machine for machine in self.members.seated() if self.is_sound(machine)]

    # --- Phases -------------------------------------------------------------------------------

    def go(self) -> None:
        """The whole story. Raises ``Violation``."""
        world, options = self.world, self.options
        for machine in self.machines:
            world.after(self.stream("start", machine.number).randrange(50_000), machine.start)
        self._look_later()
        world.run(WARM_UP_US)
        for fault in faults.plan(self):
            if fault.number not in options.skip:
                world.after(fault.at_us, lambda one=fault: faults.carry_out(self, one))  # type: ignore[misc]
        self._act_later(world.now + options.chaos_ms * 1000)
        world.run(world.now + options.chaos_ms * 1000)
        self._heal()
        self._rest()
        audit.audit(self)

    def _act_later(self, until: int) -> None:
        def act() -> None:
            if self.world.now < until:
                self.work.act()
                self._act_later(until)

        self.world.after(exponential(self.work.chance, self.options.every_ms * 1000) + 1, act)

    def _look_later(self) -> None:
        def look() -> None:
            for machine in self.machines:
                self.judge.look(machine)
            self.members.follow()
            self._look_later()

        self.world.after(LOOK_EVERY_US, look)

    def _heal(self) -> None:
        """All faults end; what is owed must be committed within the bound (I32, I34)."""
        self.trace.note(-1, "heal")
        self.healed = True
        for machine in self.machines:
            self._repair(machine)
        self.net.heal()
        self._leave_some_out()
        core = [machine for machine in self.core() if machine.lost is None]
        least = self._quorum()
        if len(core) < least:
            self.trace.point("heal.no-quorum")
            return
        healed_us = self.world.now
        storm = [self.work.make() for _ in range(2)]

        def hand_in() -> None:
            # To two, and again: one may be voted out before it has passed them on, or be full.
            waiting = [one for one in storm if one.transaction.id not in self.judge.committed]
            for one in waiting:
                self.work.send(one, self.core()[:2])
            if waiting:
                self.world.after(1_000_000, hand_in)

        self.world.after(1_000_000, hand_in)
        wanted = [one.transaction.id for one in storm]
        if not self.world.run(healed_us + self.bound_us(), lambda: self._is_settled(wanted)):
            raise Violation(self._unsettled(wanted), f"not settled {self.bound_us() // 1000} ms "
                            "after healing: " + self.describe())  # fmt: skip
        self.heal_ms = (self.world.now - healed_us) // 1000

    def _repair(self, machine: Machine) -> None:
        machine.disk.full, machine.disk.fail_at = False, -1
        machine.disk.read_fails_at = -1
        if machine.may_fail in ("its disk is full", "a sync has failed", "a read has failed"):
            machine.may_fail = None
        machine.disk.crash_at = -1
        if machine.loop is not None:
            machine.loop.crash_in = -1
        if machine.is_held() or (machine.slow > 1 and machine.is_up()):
            machine.slow = 1
            machine.crash("it is repaired")
        machine.slow = 1
        machine.start_after(1)

    def _leave_some_out(self) -> None:
        """A part of the set that it can do without stays dead."""
        chance = self.stream("core")
        core = self.core()
        spare = len(core) - self._quorum()
        if spare <= 0 or chance.randrange(2) or self.options.size == 1 or self.members.count:
            return
        for machine in chance.sample(core, chance.randint(1, spare)):
            self.trace.point("heal.one-left-dead")
            machine.lost = "it is left dead"
            if machine.is_up():
                machine.crash("it is left dead")

    def _quorum(self) -> int:
        return self.members.current().quorum

    def bound_us(self) -> int:
        """B of CONSENSUS.md section 7.5, from this run's timers and weather, with connecting."""
        timing, weather = self.options.timing(), self.options.weather
        delta = weather.delay_min_us + 12 * weather.delay_mean_us
        if weather.tail_percent:
            delta *= 8
        faulty = (self.members.current().size - 1) // 3
        views = (faulty + 2) * (timing.cap_ms * 1000 + 6 * delta)
        censor = timing.censor_factor * timing.cap_ms * 1000
        return 30_000_000 + censor + 2 * views + 16 * delta

    def _is_settled(self, wanted: list[bytes]) -> bool:
        committed = self.judge.committed
        if any(tx_id not in committed for tx_id in wanted):
            return False
        core = self.core()
        if any(machine.node is None or machine.height < self.judge.height for machine in core):
            return False
        return not self.work.owed(core)

    def _unsettled(self, wanted: list[bytes]) -> str:
        """Which promise it is: that all is ordered, or that who was away catches up."""
        ordered = all(tx_id in self.judge.committed for tx_id in wanted)
        return "I34" if ordered and not self.work.owed(self.core()) else "I32"

    def _rest(self) -> None:
        """Idle: before three times the longest timer is over it is quiet (I33, I35); then one block
        more costs what it may (I24). Liars are never quiet, but for those by an old record who have
        seen it and are halted."""
        core = self.core()
        if (
            any(self._is_restless(machine) for machine in self.machines)
            or len(core) < self._quorum()
            or self.stream("rest").randrange(2)
        ):
            return
        windows, number, noise = 2 + 3 * self.options.cap_ms * 1000 // QUIET_US, 0, ""
        longest = windows + SNAPSHOT_WINDOWS
        while number < windows:
            noise = self._noise(core)
            if not noise:
                self.trace.point("rest.at-once" if number < 2 else "rest.later")
                break
            number += 1
            if "'CHUNK'" in noise:
                windows = min(windows + 1, longest)
        else:
            rule = "I33" if noise.startswith("views") else "I35"
            raise Violation(rule, f"not quiet when idle: {noise}; " + self.describe())
        self._price_of_a_block(core)

    def _is_restless(self, machine: Machine) -> bool:
        if machine.correct:
            return False
        if type(machine.strategy) is not Strategy:
            return True  # one that is down now may be up in a moment
        if not machine.is_up():
            return False
        state = None if machine.node is None else machine.node._replica._state
        if state is None or not state.halted:
            return True
        self.trace.point("rest.with-one-halted")
        return False

    def _noise(self, core: list[Machine]) -> str:
        """What is said in a window of idle time that need not be."""
        before, views = dict(self.net.sent_by_type), self._views(core)
        self.world.run(self.world.now + QUIET_US)
        said = {name: count - before.get(name, 0) for name, count in self.net.sent_by_type.items()}
        status, wishes = said.pop("STATUS", 0), said.pop("VOTE", 0)
        noise = {name: count for name, count in said.items() if count}
        if self._views(core) != views:
            return f"views {views} became {self._views(core)}"
        # A STATUS may be answered with a WISH that its sender does not have.
        if noise or wishes > status or status > self._status_of_idlers():
            return str(noise | {"STATUS": status, "VOTE": wishes})
        return ""

    def _status_of_idlers(self) -> int:
        """How often STATUS may be told in that window: by each to each every five seconds, whatever
        it wishes, and every second to those who have no seat."""
        machines, members = len(self.net.machines), self.members.current().size
        to_guests = members * (machines - members) * (QUIET_US // 1_000_000 + 1)
        return machines * (machines - 1) * (QUIET_US // 5_000_000 + 1) + to_guests

    def _price_of_a_block(self, core: list[Machine]) -> None:
        sent, n = self.net.sent, self.members.current().size
        one = self.work.make()
        self.work.send(one, core[:1])
        tx_id, limit = one.transaction.id, self.world.now + self.bound_us()
        if not self.world.run(limit, lambda: self._is_settled([tx_id])):
            raise Violation("I32", "a lone transaction is not committed: " + self.describe())
        frames = self.net.sent - sent
        if frames > FRAMES_BASE + FRAMES_EACH * n * n and not self._is_short():
            raise Violation("I24", f"{frames} frames for a block among {n}")

    def _is_short(self) -> bool:
        """Not everybody is there: a dead primary costs a view change."""
        return len(self.core()) < self.members.current().size

    def _views(self, core: list[Machine]) -> list[tuple[int, int]]:
        replicas = [machine.node._replica for machine in core if machine.node is not None]
        states = [replica.state for replica in replicas if replica._state is not None]
        return [(state.validators.epoch, state.view) for state in states]

    # --- For people ---------------------------------------------------------------------------

    def describe(self) -> str:
        """Where every machine stands."""
        parts = []
        for machine in self.machines:
            node = machine.node
            if node is None or node._replica._state is None:
                parts.append(f"m{machine.number} down ({machine.lost or 'starting'})")
                continue
            state = node._replica.state
            flags = "" if machine.correct else " liar"
            busy = "*" if state.phase in IN_FLIGHT else ""
            parts.append(
                f"m{machine.number}{flags} h{machine.height} e{state.validators.epoch} "
                f"v{state.view} {state.phase.name}{busy} pool {len(node._pool)} "
                f"peers {len(node.network.exchange.peers.connected()) if node.network else 0}"
            )
        return "; ".join(parts)


def run_seed(
    options: Options,
    *,
    full_log: bool = False,
    each: Callable[[Run], Any] | None = None,
) -> Outcome:
    """Run one seed to its end. ``each`` is shown the run before it goes."""
    with signatures(options.mode), remembered():
        run = Run(options, full_log=full_log)
        if each is not None:
            each(run)
        violation = None
        try:
            run.go()
        except Violation as found:
            violation = found
        except Exception as error:
            traceback.print_exc()
            violation = Violation("ERROR", repr(error))
        views = max((run.judge.votes.highest_view(), 0))
        outcome = Outcome(
            options, violation, run.world.events, run.net.sent,
            run.judge.height - run.founded.header.height, views, run.world.now // 1000,
            run.trace.fingerprint, run.trace.points, list(run.trace.lines), run.heal_ms,
        )  # fmt: skip
        for machine in run.machines:
            machine.forget()
    return outcome
