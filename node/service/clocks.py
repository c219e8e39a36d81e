"""The node's two clocks. Both are given to ``Node``, so that time can be anybody's."""

from __future__ import annotations

import time


def wall_clock_ms() -> int:
    """Unix time: the time of a block that this node proposes, and nothing else of the ledger."""
    return time.time_ns() // 1_000_000


def monotonic_ms() -> int:
    """Milliseconds that never run backwards; for waiting times, never for the ledger.

    The same clock as the event loop's timers.
    """
    return time.monotonic_ns() // 1_000_000
