"""The nemesis: a plan of timed faults, drawn before the run, so that any of them can be left out.

Each fault is small and ends by itself: what is cut is joined again, who is stopped goes on, who
crashed is started. ``Budget`` keeps lies and losses of memory within f, for which alone anything is
promised; a machine that forgot what it signed counts as a liar.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from node.p2p.frames import FrameType
from tests.simulation.machine import Machine
from tests.simulation.options import Options
from tests.simulation.rng import stream

if TYPE_CHECKING:
    from tests.simulation.run import Run

DEAFNESS = (
    {"COMMIT"}, {"COMMIT"}, {"PREPARE"}, {"NEW-VIEW"}, {"VIEW-CHANGE"}, {"WISH"}, {"DECIDED"},
    {"PROPOSAL"}, {"STATUS"}, {"TRANSACTION"}, {"BLOCKS", "CONTENT"}, {"ASK", "ASK_CONTENT"},
    {"COMMIT", "DECIDED"}, {"PREPARE", "COMMIT", "WISH", "VIEW-CHANGE", "NEW-VIEW"},
    {"COMMIT", "NEW-VIEW"}, {"PROPOSAL", "CONTENT"},
)  # fmt: skip
"""Kinds that are lost together."""
REQUESTS_AND_ANSWERS = frozenset(
    {
        FrameType.ASK, FrameType.ASK_CONTENT, FrameType.ASK_MANIFEST, FrameType.ASK_CHUNK,
        FrameType.ASK_OUTCOME, FrameType.BLOCKS, FrameType.CONTENT, FrameType.MANIFEST,
        FrameType.CHUNK, FrameType.REFUSED, FrameType.OUTCOME,
    }
)  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """One planned fault."""

    number: int
    at_us: int
    family: str
    draw: int
    """Seed of everything that the fault itself draws."""


def plan(run: Run) -> list[Fault]:
    """All timed faults of a run, those to be skipped included."""
    options, chance = run.options, stream(run.options.seed, "faults")
    timed = [name for name in options.families if name in FAULTS]
    votes = _planned(options, ["members"] * options.votes, options.faults, "votes") if timed else []
    extras = _planned(options, options.extras, options.faults + options.votes, "extras")
    if not timed:
        return extras
    return votes + [
        Fault(
            number, chance.randrange(200_000, options.chaos_ms * 1000), chance.choice(timed),
            chance.getrandbits(32),
        )
        for number in range(options.faults)
    ] + extras  # fmt: skip


def _planned(options: Options, families: Sequence[str], first: int, label: str) -> list[Fault]:
    """Faults of these families at times of their own stream, numbered from ``first``."""
    chance = stream(options.seed, label, "plan")
    return [
        Fault(
            first + number, chance.randrange(100_000, options.chaos_ms * 1000), family,
            chance.getrandbits(32),
        )
        for number, family in enumerate(families)
    ]  # fmt: skip


def carry_out(run: Run, fault: Fault) -> None:
    """Let it happen."""
    run.trace.note(-1, "fault", fault.number, fault.family)
    run.trace.point(f"fault.{fault.family}")
    FAULTS[fault.family](run, Random(fault.draw))


# --- Network ----------------------------------------------------------------------------------


def _for_a_while(run: Run, chance: Random) -> int:
    return chance.choice((100_000, 500_000, 1_500_000, 4_000_000)) + chance.randrange(500_000)


def _partition(run: Run, chance: Random) -> None:
    """Isolate one, bisect, a bridge between halves, a ring, or random wires."""
    machines = run.machines
    kind = chance.randrange(5)
    side = {machine: chance.randrange(2) for machine in machines}
    lonely, bridge = chance.choice(machines), chance.choice(machines)
    order = {machine: place for place, machine in enumerate(machines)}

    def is_apart(a: Machine, b: Machine) -> bool:
        if kind == 0:
            return lonely in (a, b)
        if kind == 1:
            return side[a] != side[b]
        if kind == 2:
            return side[a] != side[b] and bridge not in (a, b)
        if kind == 3:
            return (order[a] - order[b]) % len(machines) not in (1, len(machines) - 1)
        return chance.randrange(3) == 0

    _cut(run, chance, [(a, b) for a in machines for b in machines if a is not b and is_apart(a, b)])


def _one_way(run: Run, chance: Random) -> None:
    """A machine that is not heard, or does not hear."""
    one = chance.choice(run.machines)
    others = [other for other in run.machines if other is not one]
    chosen = [other for other in others if chance.randrange(3)] or others
    heard = chance.randrange(2)
    _cut(run, chance, [(one, other) if heard else (other, one) for other in chosen])


def _cut(run: Run, chance: Random, pairs: list[tuple[Machine, Machine]]) -> None:
    for a, b in pairs:
        run.net.cut(a, b, cut=True)

    def join() -> None:
        for a, b in pairs:
            run.net.cut(a, b, cut=False)

    run.world.after(_for_a_while(run, chance), join)


def _deaf(run: Run, chance: Random) -> None:
    """Messages of one type are lost, everywhere or on the way to one machine."""
    lost = frozenset(chance.choice(DEAFNESS))
    one = chance.choice((None, chance.choice(run.machines)))
    paths = [
        path
        for wire in run.net.wires()
        for number, path in wire.paths.items()
        if one is None or (one in wire.ends and number != one.number)
    ]
    for path in paths:
        path.deaf_to = lost

    def hear() -> None:
        for path in paths:
            path.deaf_to = frozenset()

    run.world.after(_for_a_while(run, chance), hear)


def _flapping(run: Run, chance: Random) -> None:
    """A wall between two halves that comes and goes."""
    for number in range(chance.randrange(3, 9)):
        gap = number * chance.choice((150_000, 400_000, 900_000))
        draw = chance.getrandbits(32)

        def again(draw: int = draw) -> None:
            if not run.healed:
                _wall(run, Random(draw))

        run.world.after(gap, again)


def _wall(run: Run, chance: Random) -> None:
    side = {machine: chance.randrange(2) for machine in run.machines}
    pairs = [(a, b) for a in run.machines for b in run.machines if side[a] != side[b]]
    for a, b in pairs:
        run.net.cut(a, b, cut=True)

    def join() -> None:
        for a, b in pairs:
            run.net.cut(a, b, cut=False)

    run.world.after(chance.randrange(50_000, 300_000), join)


def _swizzle(run: Run, chance: Random) -> None:
    """Machines stop hearing one after the other and hear again in another order."""
    chosen = [machine for machine in run.machines if chance.randrange(2)]
    ends = [run.world.now + 500_000 + 200_000 * place for place in range(len(chosen))]
    chance.shuffle(ends)
    for number, (machine, until) in enumerate(zip(chosen, ends, strict=True)):

        def clog(machine: Machine = machine, until: int = until) -> None:
            for wire in run.net.wires_of(machine):
                for path in wire.paths.values():
                    path.clog_until = max(path.clog_until, until)

        run.world.after(number * 100_000, clog)


def _clog(run: Run, chance: Random) -> None:
    """Some paths deliver nothing for a while and then everything."""
    until = run.world.now + _for_a_while(run, chance)
    for wire in run.net.wires():
        for path in wire.paths.values():
            if chance.randrange(3) == 0:
                path.clog_until = until + chance.randrange(200_000)


def _reset(run: Run, chance: Random) -> None:
    """Connections end; what was on its way is lost."""
    for wire in run.net.wires():
        if chance.randrange(2):
            run.net.drop(wire, "reset")


# --- Processes --------------------------------------------------------------------------------


def _crash(run: Run, chance: Random) -> None:
    machine = chance.choice(run.machines)
    if chance.randrange(2):
        machine.crash_at_step(chance.randrange(400))
    elif machine.is_up():
        machine.crash("a fault")
        machine.start_after(chance.randrange(50_000, 3_000_000))


def _crash_write(run: Run, chance: Random) -> None:
    """The power fails at a write: before it, after it, or in the middle of a safety record."""
    machine = chance.choice(run.machines)
    if machine.is_up():
        machine.crash_at_write(chance.randrange(1, 12))


def _power(run: Run, chance: Random) -> None:
    """The power of all machines fails, up to a few steps apart (D12)."""
    for machine in run.machines:
        if not machine.is_up():
            continue
        if chance.randrange(2):
            machine.crash_at_write(chance.randrange(1, 4))
        else:
            machine.crash("no power")
            machine.start_after(chance.randrange(50_000, 1_000_000))


def _pause(run: Run, chance: Random) -> None:
    machine = chance.choice(run.machines)
    machine.hold(chance.choice((100_000, 1_000_000, 5_000_000, 30_000_000)))


def _slow(run: Run, chance: Random) -> None:
    """From its next start on a machine is slow for the rest of the chaos."""
    machine = chance.choice(run.machines)
    machine.slow = chance.choice((10, 40))
    if machine.is_up():
        machine.crash("to become slow")
        machine.start_after(100_000)


def _storm(run: Run, chance: Random) -> None:
    """One machine restarts again and again."""
    machine = chance.choice(run.machines)
    for number in range(chance.randrange(2, 6)):

        def again() -> None:
            if machine.is_up() and not run.healed:
                machine.crash("a storm")
                machine.start_after(50_000)

        run.world.after(number * 300_000, again)


def _upgrade(run: Run, chance: Random) -> None:
    """Machines are restarted one after the other, each on what it has."""
    order = [machine for machine in run.machines if machine.lost is None]
    chance.shuffle(order)
    gap_us = chance.choice((400_000, 1_000_000, 2_500_000))
    for number, machine in enumerate(order):

        def turn(machine: Machine = machine) -> None:
            if machine.is_up() and not run.healed:
                machine.crash("an upgrade")
                machine.start_after(gap_us // 2)

        run.world.after(number * gap_us, turn)


def _clock_jump(run: Run, chance: Random) -> None:
    """A wall clock is an hour off for a while."""
    machine = chance.choice(run.machines)
    by = chance.choice((-3_600_000, -30_000, 30_000, 3_600_000))
    machine.clock.offset_ms += by
    run.work.release(machine)

    def back() -> None:
        machine.clock.offset_ms -= by
        run.work.release(machine)

    run.world.after(_for_a_while(run, chance), back)


# --- Disks ------------------------------------------------------------------------------------


def _victim(run: Run, chance: Random) -> Machine | None:
    """A machine that may forget or die for good, within what the set can bear."""
    able = [m for m in run.machines if m.correct and m.lost is None and m.may_fail is None]
    if not able or not run.budget.take():
        return None
    return chance.choice(able)


def _safety_lost(run: Run, chance: Random) -> None:
    """The safety file is gone or spoilt: the key is burnt, the node only follows."""
    machine = _victim(run, chance)
    if machine is None:
        return
    machine.may_fail = "its safety record is gone"
    if machine.is_up():
        machine.crash("its disk is changed")
    if chance.randrange(2) or machine.disk.slots is None:
        machine.disk.slots = None
    else:
        machine.disk.slots = [data[:20] + bytes(len(data)) for data in machine.disk.slots]
    machine.start_after(chance.randrange(50_000, 1_000_000))


def _rollback(run: Run, chance: Random) -> None:
    """An older copy of the safety file, or of the whole disk, is brought back: the machine counts
    as a liar."""
    machine = _victim(run, chance)
    if machine is None:
        return
    disk = machine.disk
    old = None if disk.slots is None else list(disk.slots)
    rows = dict(disk.rows) if chance.randrange(2) else None
    delay = chance.randrange(200_000, 3_000_000)

    def restore() -> None:
        if run.healed:
            return
        if machine.is_up():
            machine.crash("a backup is restored")
        machine.correct = False
        machine.may_fail = "it works with an old safety record"
        disk.slots = old
        if rows is not None:
            disk.rows, disk.keys = rows, sorted(rows)
        machine.start_after(chance.randrange(50_000, 500_000))

    run.world.after(delay, restore)


def _disk_full(run: Run, chance: Random) -> None:
    """No space left for a while: the node must stop by itself."""
    machine = chance.choice([m for m in run.machines if m.may_fail is None] or run.machines)
    if machine.may_fail is not None:
        return
    machine.may_fail, machine.disk.full = "its disk is full", True

    def free() -> None:
        machine.disk.full = False
        if machine.may_fail == "its disk is full":
            machine.may_fail = None

    run.world.after(_for_a_while(run, chance), free)


def _fsync(run: Run, chance: Random) -> None:
    """A sync fails once: the node must end and not try again (fsyncgate)."""
    machine = chance.choice(run.machines)
    if machine.may_fail is not None or not machine.is_up():
        return
    machine.may_fail = "a sync has failed"
    machine.disk.fail_at = machine.disk.writes + chance.randrange(1, 6)

    def over() -> None:
        machine.disk.fail_at = -1
        if machine.may_fail == "a sync has failed":
            machine.may_fail = None

    run.world.after(_for_a_while(run, chance), over)


def _read_error(run: Run, chance: Random) -> None:
    """A read fails once: the node must end, and show nothing that it did not read."""
    able = [m for m in run.machines if m.may_fail is None and m.is_up()]
    if not able:
        return
    machine = chance.choice(able)
    machine.may_fail = "a read has failed"
    machine.disk.on_unread = lambda: run.trace.point("read.failed")
    machine.disk.read_fails_at = machine.disk.reads + chance.choice((1, 10, 100, 1_000))

    def over() -> None:
        machine.disk.read_fails_at = -1
        if machine.may_fail == "a read has failed":
            machine.may_fail = None

    run.world.after(_for_a_while(run, chance), over)


def _damage(run: Run, chance: Random) -> None:
    """A bit of the database flips while the machine is off: it must be refused, or do no harm."""
    machine = _victim(run, chance)
    if machine is None:
        return
    if machine.is_up():
        machine.crash("its disk is damaged")
    machine.may_fail, machine.correct = "its database is damaged", False
    disk = machine.disk
    key = chance.choice(disk.keys)
    data = bytearray(disk.rows[key])
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        disk.rows[key] = bytes(data)
    machine.start_after(chance.randrange(50_000, 1_000_000))


# --- Load and members -------------------------------------------------------------------------


def _burst(run: Run, chance: Random) -> None:
    run.work.burst(chance.randrange(10, 40))


def _members(run: Run, chance: Random) -> None:
    run.members.propose(chance)


def _replay(run: Run, chance: Random) -> None:
    """Old traffic is sent again on the same wires. Requests and answers are not: TLS keeps what is
    said on its connection, and an answer belongs to the one that asked."""
    old = run.net.recording or []
    for sender, receiver, frame in old[: chance.randrange(1, 300)]:
        if frame.type in REQUESTS_AND_ANSWERS:
            continue
        if receiver.peers is not None and run.net.wire(sender, receiver).up:
            receiver.peers.on_frame(sender, frame)


FAULTS: dict[str, Callable[[Run, Random], None]] = {
    "flapping": _flapping, "swizzle": _swizzle,
    "partition": _partition, "one-way": _one_way, "deaf": _deaf, "clog": _clog, "reset": _reset,
    "crash": _crash, "crash-write": _crash_write, "power": _power, "pause": _pause, "slow": _slow,
    "storm": _storm, "clock-jump": _clock_jump, "safety-lost": _safety_lost,
    "rollback": _rollback, "disk-full": _disk_full, "fsync": _fsync, "damage": _damage,
    "upgrade": _upgrade, "read-error": _read_error, "burst": _burst, "members": _members,
    "replay": _replay,
}  # fmt: skip
"""Timed faults. The other families are weather, clocks and liars."""
