"""How large a block this node proposes: as much as the network orders in good time.

A block that takes longer than a view lasts costs the primary its view, and the next one proposes
the same again (Fabric 0.6 #917: view changes under load alone). How long blocks take depends on
the slowest of a quorum, on the disk and on neighbours, so it is measured: from a block's first
sight here to its commit, execution by everybody included. A node begins with small blocks; they
shrink at once and grow slowly.
"""

from __future__ import annotations

from typing import Final

BLOCK_MS_AIM: Final = 500
"""A quarter of the shortest view timer (``consensus.pacemaker.Timing``)."""
CALLS_FIRST: Final = 64
CALLS_LEAST: Final = 16
"""So few take no time that could be saved: what is slow then is the network."""
GROWTH: Final = 8
"""A full block in good time adds this part of the aim."""


class Pace:
    """The aim in calls, between ``CALLS_LEAST`` and the configured one."""

    def __init__(self, calls_max: int) -> None:
        self._calls_max = calls_max
        self.calls_aim = min(CALLS_FIRST, calls_max)
        self._began_ms: int | None = None

    def begin(self, now_ms: int) -> None:
        """A block is seen for the first time, or was built here."""
        self._began_ms = now_ms

    def committed(self, calls: int, now_ms: int) -> int:
        """A block of so many calls is committed, whoever proposed it. Milliseconds it took."""
        took_ms = 0 if self._began_ms is None else now_ms - self._began_ms
        least = min(CALLS_LEAST, self._calls_max)
        if took_ms > BLOCK_MS_AIM:
            fitting = max(calls * BLOCK_MS_AIM // took_ms, self.calls_aim // 2)
            self.calls_aim = max(least, min(self.calls_aim, fitting))
        elif 2 * calls >= self.calls_aim:
            grown = self.calls_aim + max(1, self.calls_aim // GROWTH)
            self.calls_aim = min(self._calls_max, grown)
        return took_ms
