"""What happened: a rolling fingerprint of everything, and the last lines for people.

Nothing that depends on signature bytes goes in (block ids do: transactions carry signatures), so
the fingerprint is the same in every signature mode. Blocks are named in the order in which they
were first seen.
"""

from __future__ import annotations

import hashlib
from collections import Counter, deque

from tests.simulation.loop import World

TAIL = 200


class Trace:
    """The log of one run."""

    def __init__(self, world: World, *, full: bool = False) -> None:
        self._world = world
        self._hash = hashlib.sha256()
        self._names: dict[bytes, int] = {}
        self.points: Counter[str] = Counter()
        """Sometimes-points, how often each was reached."""
        self.lines: deque[str] = deque(maxlen=None if full else TAIL)

    def note(self, node: int, event: str, *values: object) -> None:
        """One thing that happened at a node (-1: to the world)."""
        line = f"{self._world.now}|{node}|{event}|{'|'.join(map(str, values))}"
        self._hash.update(line.encode())
        self.lines.append(line)

    def point(self, name: str) -> None:
        self.points[name] += 1

    def name(self, block: bytes) -> str:
        """A short name of a block that does not depend on its hash."""
        return f"b{self._names.setdefault(bytes(block), len(self._names))}"

    @property
    def fingerprint(self) -> str:
        return self._hash.hexdigest()
