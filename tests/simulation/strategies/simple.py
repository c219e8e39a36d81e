"""Liars whose lies need no knowledge of messages: silent, flapping, doubled, forgetful."""

from __future__ import annotations

from collections.abc import Iterable

from node.p2p.frames import Frame
from tests.simulation.rng import stream
from tests.simulation.strategy import Strategy, strategy


@strategy("S1")
class Silent(Strategy):
    """Hears everything and says nothing."""

    def send(self, organisation: str, frame: Frame) -> bool:
        return True


@strategy("S2")
class Flapping(Strategy):
    """There, and not there, and there again, without ever restarting."""

    silent = False

    def begin(self) -> None:
        self._turn()

    def _turn(self) -> None:
        self.silent = not self.silent
        self.later(self.chance.randrange(50, 2_000), self._turn)

    def send(self, organisation: str, frame: Frame) -> bool:
        return self.silent or self.pass_on(organisation, frame)

    def receive(self, organisation: str, frame: Frame) -> Iterable[Frame]:
        return () if self.silent else (frame,)


@strategy("S7")
class Twin(Strategy):
    """Two whole nodes with one key; each peer talks to one of them at a time, and the others to the
    other. Equivocation of every kind follows by itself."""

    copies = 2
    SLOT_US = 700_000

    def begin(self) -> None:
        self.be_reckless()

    def _is_mine(self, organisation: str) -> bool:
        """Whether this twin has the peer just now: both twins draw the same."""
        machines = self.machine.judge.machines
        twins = [one for one in machines if one.organisation == self.machine.organisation]
        slot = self.machine.world.now // self.SLOT_US
        chance = stream(slot, "twins", self.machine.organisation, organisation)
        return twins[chance.randrange(len(twins))] is self.machine

    def send(self, organisation: str, frame: Frame) -> bool:
        return self._is_mine(organisation) and self.pass_on(organisation, frame)

    def receive(self, organisation: str, frame: Frame) -> Iterable[Frame]:
        return (frame,) if self._is_mine(organisation) else ()


@strategy("S8")
class Triplet(Twin):
    """Three whole nodes with one key."""

    copies = 3


@strategy("S9")
class Amnesiac(Strategy):
    """Starts again and again from its first day's disk, and does not mind what it signed before."""

    def begin(self) -> None:
        self.be_reckless()
        self.later(self.chance.randrange(500, 5_000), self._forget)

    def _forget(self) -> None:
        self.machine.wipe()
        self.machine.start_after(100_000)
