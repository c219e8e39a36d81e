"""What a liar does with a node that works: the seam, and the strategy of those who do not lie.

A machine runs the unmodified ``Node``; between it and the network stands its ``Strategy``. Every
frame that the node sends goes through ``send``, every frame that comes in through ``receive``. A
liar changes, drops, adds or keeps frames there; it has the node (``self.node``), its keys
(``sign``), and timers (``later``). It cannot sign for anybody else.

To write one: subclass ``Strategy``, decorate it with ``strategy("S4", ...)``; it is drawn from then
on. ``messages.py`` has what is needed to take frames apart and put them together again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random
from typing import TYPE_CHECKING

from consensus import Statement
from node.ledger import crypto
from node.ordering import wire
from node.p2p.frames import Frame
from node.service.node import Node

if TYPE_CHECKING:
    from tests.simulation.machine import Machine


class Strategy:
    """Honest: everything passes as it is."""

    name = "honest"
    copies = 1
    """Machines with this identity; twins have two."""

    def __init__(self, machine: Machine, chance: Random) -> None:
        self.machine = machine
        self.chance = chance

    # --- To override --------------------------------------------------------------------------

    def begin(self) -> None:
        """The node of this machine has started, perhaps anew, and has not heard anybody yet."""

    def send(self, organisation: str, frame: Frame) -> bool:
        """The node sends a frame. True when it may believe that it is on its way."""
        return self.pass_on(organisation, frame)

    def receive(self, organisation: str, frame: Frame) -> Iterable[Frame]:
        """A frame came for the node; what it gets to see instead."""
        return (frame,)

    # --- What a strategy has ------------------------------------------------------------------

    @property
    def node(self) -> Node:
        """The node; only while it runs."""
        assert self.machine.node is not None, "the node runs"
        return self.machine.node

    @property
    def key(self) -> crypto.PrivateKey:
        """The validate key."""
        return self.machine.key

    def pass_on(self, organisation: str, frame: Frame) -> bool:
        """Send a frame to a peer."""
        peers = self.machine.peers
        return peers is not None and peers.transmit(organisation, frame)

    def peers(self) -> list[str]:
        """Organisations that are connected, in a fixed order."""
        peers = self.machine.peers
        return [] if peers is None else sorted(peers.connected())

    def sign(self, statement: Statement) -> bytes:
        """Sign anything, whatever was signed before."""
        chain = self.machine.founded.genesis.chain
        self.machine.judge.on_lie(self.machine, statement)
        return wire.sign_statement(self.key, chain, statement)

    def be_reckless(self) -> None:
        """Let the node go on signing when it meets signatures of its key that it does not know."""
        self.node._replica.state.recognise = lambda sender, statement: None  # type: ignore[method-assign]

    def later(self, delay_ms: int, act: Callable[[], None]) -> None:
        """Do it then, if this life of the node still runs."""
        life = self.machine.life

        def due() -> None:
            if self.machine.life == life and self.machine.node is not None:
                act()

        self.machine.world.after(delay_ms * 1000, due)


STRATEGIES: dict[str, type[Strategy]] = {}
"""All lying strategies by their number in SIMULATION.md section 4."""


def strategy(number: str) -> Callable[[type[Strategy]], type[Strategy]]:
    """Register a strategy under its number."""

    def register(made: type[Strategy]) -> type[Strategy]:
        assert number not in STRATEGIES, number
        made.name = number
        STRATEGIES[number] = made
        return made

    return register
