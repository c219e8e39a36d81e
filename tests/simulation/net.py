"""The network: frames as bytes between machines, over wires that delay, lose, cut and come back.

``SimPeers`` is what a node has instead of ``node.p2p.peers.Peers``: the same interface, the same
rules (one connection for each peer, frames worked off one after the other, a ``PeerFault`` ends
the connection), no sockets. A ``Wire`` joins two machines and carries both ways; each way is a
``Path`` with its own weather. TLS is left out, identity is not: a wire comes up only between two
machines of which each has the other's pin from the ledger.

Several machines may have one identity (twins): a peer talks to all of those that it can reach and
takes them for one.
"""

from __future__ import annotations

import datetime
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from node.ledger import crypto
from node.p2p.frames import BOUNDS, Frame
from node.p2p.link import Peer, PeerFault
from node.p2p.peers import Absence, Address, Events, Who
from node.p2p.queues import BINDING
from node.store.errors import DatabaseDamaged
from tests.simulation.loop import World
from tests.simulation.messages import kind_of
from tests.simulation.rng import exponential

if TYPE_CHECKING:
    from tests.simulation.machine import Machine

VALID_UNTIL = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
RETRY_US = (100_000, 5_000_000)
"""First and longest pause between two attempts to connect (``node.p2p.peers``)."""
PAUSE_MS = 5_000
"""After a fault there is no connection for so long (``FAULT_PAUSE_S``)."""
SILENCE_US = 20_000_000
"""A connection on which nothing comes through ends by then (``node.p2p.link.IDLE_S``)."""


@dataclass
class Weather:
    """What may happen to a frame; drawn once for a run."""

    delay_min_us: int = 500
    delay_mean_us: int = 2_000
    tail_percent: int = 0
    """Frames that take fifty times as long."""
    loss_percent: int = 0
    duplicate_percent: int = 0
    reorder: bool = False
    capacity: int = 0
    """Frames in flight on one path; 0: any number."""
    bytes_per_ms: int = 0
    """0: bodies cost no time."""


@dataclass
class Path:
    """One direction of a wire."""

    cut: bool = False
    clog_until: int = 0
    deaf_to: frozenset[str] = frozenset()
    """Kinds (``messages.kind_of``) that are lost on this path."""
    in_flight: int = 0
    last_at: int = 0
    busy_until: int = 0


@dataclass
class Wire:
    """Between two machines, in either order."""

    ends: tuple[Machine, Machine]
    paths: dict[int, Path]
    """By the number of the machine that sends."""
    up: bool = False
    generation: int = 0
    """Counts connections: what was sent on an older one does not arrive."""
    retry_us: int = RETRY_US[0]
    trying: bool = False

    def other(self, machine: Machine) -> Machine:
        return self.ends[1] if self.ends[0] is machine else self.ends[0]

    def is_cut(self) -> bool:
        return any(path.cut for path in self.paths.values())


class Net:
    """All wires."""

    def __init__(
        self,
        world: World,
        chance: Random,
        weather: Weather,
        note: Callable[..., None],
        point: Callable[[str], None],
    ) -> None:
        """``note`` writes into the trace, ``point`` counts a sometimes-point."""
        self.world = world
        self.weather = weather
        self.calm = False
        """Healed: no loss, no duplicates, nothing cut."""
        self.machines: list[Machine] = []
        self.sent = 0
        self.sent_by_type: dict[str, int] = {}
        self.recording: list[tuple[Machine, Machine, Frame]] | None = None
        """Old traffic, for those who replay it."""
        self._chance = chance
        self._note = note
        self._point = point
        self._wires: dict[tuple[int, int], Wire] = {}

    def add(self, machine: Machine) -> None:
        """A machine with wires to all others."""
        for other in self.machines:
            pair = (other.number, machine.number)
            self._wires[pair] = Wire((other, machine), {n: Path() for n in pair})
        self.machines.append(machine)

    def wire(self, a: Machine, b: Machine) -> Wire:
        pair = (a.number, b.number) if a.number < b.number else (b.number, a.number)
        return self._wires[pair]

    def wires(self) -> list[Wire]:
        return list(self._wires.values())

    def wires_of(self, machine: Machine) -> list[Wire]:
        return [self.wire(machine, other) for other in self.machines if other is not machine]

    # --- Connections --------------------------------------------------------------------------

    def want(self, machine: Machine) -> None:
        """The machine listens, or has other peers than before."""
        for wire in self.wires_of(machine):
            if wire.up and not self._is_wanted(wire):
                self.drop(wire, "the ledger names another key")
            wire.retry_us = RETRY_US[0]
            self._try_later(wire)

    def drop(self, wire: Wire, reason: str) -> None:
        """The connection ends, on both sides."""
        if not wire.up:
            return
        wire.up = False
        wire.generation += 1
        for path in wire.paths.values():
            path.in_flight = 0
            path.last_at = path.busy_until = 0
        for machine in wire.ends:
            peers = machine.peers
            if peers is not None:
                peers.on_down(wire.other(machine), reason)
        self._try_later(wire)

    def _is_wanted(self, wire: Wire) -> bool:
        a, b = wire.ends
        return _wants(a, b) and _wants(b, a) and (_dials(a, b) or _dials(b, a))

    def _try_later(self, wire: Wire) -> None:
        if not wire.trying:
            wire.trying = True
            pause = self._chance.randrange(wire.retry_us // 2, wire.retry_us)
            self.world.after(pause, lambda: self._try(wire))

    def _try(self, wire: Wire) -> None:
        wire.trying = False
        if wire.up or any(machine.peers is None for machine in wire.ends):
            return
        if (
            not self._is_wanted(wire)
            or wire.is_cut()
            or any(machine.is_held() for machine in wire.ends)
        ):
            wire.retry_us = min(2 * wire.retry_us, RETRY_US[1])
            self._try_later(wire)
            return
        wire.up = True
        wire.retry_us = RETRY_US[0]
        for machine in wire.ends:
            peers = machine.peers
            assert peers is not None, "both ends run"
            peers.on_up(wire.other(machine))

    # --- Weather ------------------------------------------------------------------------------

    def cut(self, sender: Machine, receiver: Machine, cut: bool) -> None:
        """Nothing gets through in this direction any more, or everything again."""
        wire = self.wire(sender, receiver)
        path = wire.paths[sender.number]
        if path.cut == cut:
            return
        path.cut = cut
        if cut:
            generation = wire.generation
            silence = self._chance.randrange(SILENCE_US // 100, SILENCE_US)
            self.world.after(silence, lambda: self._notice(wire, generation))
        else:
            wire.retry_us = RETRY_US[0]
            self._try_later(wire)

    def _notice(self, wire: Wire, generation: int) -> None:
        if wire.up and wire.generation == generation and wire.is_cut():
            self.drop(wire, "silent for 20 s")

    def heal(self) -> None:
        """All paths are good from here on."""
        self.calm = True
        for wire in self._wires.values():
            for path in wire.paths.values():
                path.cut, path.clog_until, path.deaf_to = False, 0, frozenset()
            wire.retry_us = RETRY_US[0]
            if not wire.up:
                self._try_later(wire)

    # --- Frames -------------------------------------------------------------------------------

    def send(self, sender: Machine, receiver: Machine, frame: Frame) -> bool:
        """Put a frame on its way; False when there is no connection or no room."""
        wire = self.wire(sender, receiver)
        if not wire.up:
            return False
        path, weather = wire.paths[sender.number], self.weather
        if weather.capacity and path.in_flight >= weather.capacity and not self.calm:
            self._point("net.full")
            if frame.type in BINDING:
                self.drop(wire, "too slow")
            return False
        self.sent += 1
        name = frame.type.name
        self.sent_by_type[name] = self.sent_by_type.get(name, 0) + 1
        if self.recording is not None and len(self.recording) < 4_000:
            self.recording.append((sender, receiver, frame))
        for _ in range(self._copies(path, frame)):
            self._carry(wire, path, sender, receiver, frame)
        return True

    def _copies(self, path: Path, frame: Frame) -> int:
        if path.cut or (path.deaf_to and kind_of(frame) in path.deaf_to):
            return 0
        weather, chance = self.weather, self._chance
        if self.calm:
            return 1
        if weather.loss_percent and chance.randrange(100) < weather.loss_percent:
            return 0
        if weather.duplicate_percent and chance.randrange(100) < weather.duplicate_percent:
            return 2
        return 1

    def _carry(
        self, wire: Wire, path: Path, sender: Machine, receiver: Machine, frame: Frame
    ) -> None:
        weather, now = self.weather, self.world.now
        delay = weather.delay_min_us + exponential(self._chance, weather.delay_mean_us)
        if weather.tail_percent and self._chance.randrange(100) < weather.tail_percent:
            delay *= 50
        if weather.bytes_per_ms:
            path.busy_until = max(path.busy_until, now)
            path.busy_until += frame.size * 1000 // weather.bytes_per_ms
            delay += path.busy_until - now
        arrives = max(now + delay, path.clog_until)
        if not weather.reorder:
            arrives = path.last_at = max(arrives, path.last_at)
        path.in_flight += 1
        generation = wire.generation

        def arrive() -> None:
            if wire.generation != generation or not wire.up:
                return
            path.in_flight -= 1
            if not path.cut and receiver.peers is not None:
                self._note(receiver.number, "frame", sender.number, frame.type.name, frame.size)
                receiver.peers.on_frame(sender, frame)

        self.world.at(arrives, arrive)


def _wants(machine: Machine, other: Machine) -> bool:
    peers = machine.peers
    return peers is not None and peers.is_open_to(other)


def _dials(machine: Machine, other: Machine) -> bool:
    return machine.peers is not None and machine.peers.dials(other)


@dataclass
class _Line:
    """What a node has of one peer: the machines behind it that are connected, and its inbox."""

    peer: Peer
    machines: list[Machine] = field(default_factory=list)
    inbox: deque[Frame] = field(default_factory=deque)
    reading: bool = False


class SimPeers:
    """``node.p2p.peers.Connections`` on the simulated network, for one life of one node."""

    def __init__(
        self, machine: Machine, net: Net, who: Who, events: Events, clock_ms: Callable[[], int]
    ) -> None:
        self.port = 0
        self.pin = crypto.tls_pin(crypto.public_key(who.transport_key))
        self.valid_until = VALID_UNTIL
        self.key = bytes(crypto.public_key(who.key))
        self._machine = machine
        self._net = net
        self._events = events
        self._clock_ms = clock_ms
        self.bytes_in = 0
        """Of frames that peers have sent to this life of the node."""
        self._addresses: dict[str, Address] = {}
        self._absent: dict[str, Absence] = {}
        self._lines: dict[str, _Line] = {}
        self._listening = False
        self._paused: dict[str, int] = {}
        self._sent: dict[str, int] = {}

    # --- Connections --------------------------------------------------------------------------

    def listen(self, host: str, port: int) -> None:
        self.port = port
        self._listening = True

    def update(self, addresses: Mapping[str, Address], epoch: int) -> None:
        self._addresses = dict(addresses)
        for gone in [one for one in self._absent if one not in addresses]:
            del self._absent[gone]
        for organisation in addresses:
            if organisation not in self._lines:
                self._absent.setdefault(organisation, Absence(self._clock_ms(), "not yet seen"))
        self._net.want(self._machine)

    async def stop(self) -> None:
        self._listening = False
        for wire in self._net.wires_of(self._machine):
            self._net.drop(wire, "the node stops")

    def send(self, organisation: str, frame: Frame) -> bool:
        assert len(frame.body) <= BOUNDS[frame.type], "what we send is within its bound"
        self._sent[frame.type.name] = self._sent.get(frame.type.name, 0) + frame.size
        return self._machine.strategy.send(organisation, frame)

    def transmit(self, organisation: str, frame: Frame) -> bool:
        """Send as it is, past any strategy."""
        line = self._lines.get(organisation)
        if line is None:
            return False
        sent = [self._net.send(self._machine, one, frame) for one in list(line.machines)]
        return any(sent)

    def drop(self, organisation: str, reason: str) -> None:
        line = self._lines.get(organisation)
        if line is not None:
            self._blame(line, reason)

    @property
    def sent(self) -> Mapping[str, int]:
        return self._sent

    def connected(self) -> dict[str, Peer]:
        return {organisation: line.peer for organisation, line in self._lines.items()}

    def absent(self) -> dict[str, Absence]:
        return dict(self._absent)

    # --- Of the network -----------------------------------------------------------------------

    def is_open_to(self, other: Machine) -> bool:
        """Whether a connection with this machine would be kept: one of those this node dials, or a
        guest of whom the ledger says that it may follow."""
        theirs = other.peers
        if theirs is None:
            return False
        known = self._pin_of(other.organisation) == theirs.pin
        paused = self._clock_ms() < self._paused.get(other.organisation, 0)
        return self._listening and known and not paused

    def _pin_of(self, organisation: str) -> bytes | None:
        address = self._addresses.get(organisation)
        if address is not None:
            return address.pin
        try:
            return self._events.guest_pin(organisation)
        except DatabaseDamaged as damage:
            self._in_loop(partial(self._machine.on_peer_bug, damage))
            return None

    def dials(self, other: Machine) -> bool:
        """Guests are not dialled."""
        return other.organisation in self._addresses

    def on_up(self, other: Machine) -> None:
        assert other.peers is not None, "it is connected"
        peer = Peer(other.organisation, other.peers.key)
        line = self._lines.get(other.organisation)
        if line is None or line.peer != peer:
            line = self._lines[other.organisation] = _Line(peer)
        if other not in line.machines:
            line.machines.append(other)
        self._absent.pop(other.organisation, None)
        self._in_loop(lambda: self._tell_up(peer))

    def _tell_up(self, peer: Peer) -> None:
        try:
            self._events.on_up(peer)
        except DatabaseDamaged as error:
            self._machine.on_peer_bug(error)

    def on_down(self, other: Machine, reason: str) -> None:
        line = self._lines.get(other.organisation)
        if line is None or other not in line.machines:
            return
        line.machines.remove(other)
        if not line.machines:
            del self._lines[other.organisation]
            line.inbox.clear()
            if other.organisation in self._addresses:
                self._absent[other.organisation] = Absence(self._clock_ms(), reason)

    def on_frame(self, sender: Machine, frame: Frame) -> None:
        line = self._lines.get(sender.organisation)
        if line is None:
            return
        self.bytes_in += frame.size
        line.inbox.extend(self._machine.strategy.receive(sender.organisation, frame))
        if line.inbox and not line.reading:
            line.reading = True
            self._in_loop(lambda: self._start_reading(line))

    def _in_loop(self, act: Callable[[], None]) -> None:
        loop = self._machine.loop
        if loop is not None:
            loop.call_soon(act)

    def _start_reading(self, line: _Line) -> None:
        loop = self._machine.loop
        assert loop is not None, "this runs in it"
        loop.create_task(self._read(line))

    async def _read(self, line: _Line) -> None:
        """One frame after the other, as ``node.p2p.link`` does."""
        try:
            while line.inbox:
                frame = line.inbox.popleft()
                if len(frame.body) > BOUNDS[frame.type]:
                    self._blame(line, f"a frame of type {frame.type.name} is too long")
                    return
                await self._events.on_frame(line.peer, frame)
        except PeerFault as fault:
            self._blame(line, str(fault))
        except Exception as error:
            self._machine.on_peer_bug(error)
            self._events.on_bug(error)
            self._blame(line, "a bug")
        finally:
            line.reading = False

    def _blame(self, line: _Line, reason: str) -> None:
        line.inbox.clear()
        self._paused[line.peer.organisation] = self._clock_ms() + PAUSE_MS
        self._machine.on_fault(line.peer.organisation, reason)
        for other in list(line.machines):
            self._net.drop(self._net.wire(self._machine, other), reason)
