"""When to leave a view: wishes, capped timers, and nobody moved by fewer than f + 1.

A replica that is not content with its view *wishes* a later one (WISH) and goes on voting where it
is. It takes over a wish that f + 1 members have (one of them is correct), and enters a view that a
quorum wishes. So f liars move nobody, a half-deaf replica harms nobody, and whoever was away learns
the view from any quorum (CONSENSUS.md section 7; after Bravo, Chockler and Gotsman, DISC 2020).

Any signed statement of view v also counts as a wish for v: its sender is there.

Timers are deadlines that are compared with ``now_ms``; nothing that was queued can fire late
(besu #1734). T(k) = min(base * 2^k, cap), k = view entries since the last block, less one per
block: no sudden reset that would oscillate on a slow network, no endless doubling (besu #7642).
"""

from __future__ import annotations

from dataclasses import dataclass

from consensus.messages import NUMBER_LIMIT
from consensus.quorum import ValidatorSet

VIEW_JUMP_LIMIT = 2**20
"""A wish further ahead of all that is known is noise (FISCO-BCOS #2211, #2312)."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Durations in milliseconds. The defaults suit a local network; between provinces take
    ``base_ms=4_000``."""

    base_ms: int = 2_000
    """T(0): more than 7 message delays, two synced writes and the execution of a full block."""
    cap_ms: int = 60_000
    censor_factor: int = 5
    """A transaction that waits this many T(k) while others are ordered is being censored."""
    status_ms: int = 500
    """Between two STATUS while something is going on."""
    idle_status_ms: int = 5_000
    answer_gap_ms: int = 200
    """At most one answer to a peer's STATUS in this time."""
    fetch_ms: int = 3_000
    """A peer that has not delivered blocks by then is passed over."""


class Pacemaker:
    """Wishes of the members and the deadline of the current view."""

    def __init__(self, timing: Timing) -> None:
        self.timing = timing
        self.reset(0)

    def reset(self, now_ms: int) -> None:
        """Start of an epoch."""
        self.began_ms = now_ms
        """When the current view was entered."""
        self.wish = 0
        """The highest view that this replica itself has asked for."""
        self.entries = 0
        """k of T(k)."""
        self.deadline: int | None = None
        self._wishes: dict[int, int] = {}

    def timeout_ms(self) -> int:
        """T(k)."""
        doublings = min(self.entries, 32)
        return min(self.timing.base_ms << doublings, self.timing.cap_ms)

    def censor_deadline_ms(self, passed_over_ms: int | None) -> int | None:
        """When a transaction passed over since then accuses this view's primary, who had no part
        in what happened before its view began."""
        if passed_over_ms is None:
            return None
        patience = self.timing.censor_factor * self.timeout_ms()
        return max(passed_over_ms, self.began_ms) + patience

    def is_plausible(self, view: int, current_view: int) -> bool:
        """A view that a correct member may be in."""
        known = max([current_view, self.wish, *self._wishes.values()])
        return 0 <= view < NUMBER_LIMIT and view <= known + VIEW_JUMP_LIMIT

    def hear(self, sender: int, view: int) -> None:
        """``sender`` wishes (or is in) ``view``; only its highest counts."""
        if view > self._wishes.get(sender, 0):
            self._wishes[sender] = view

    def amplified(self, validators: ValidatorSet) -> int:
        """The highest view that f + 1 members wish."""
        return self._nth_largest(validators.faulty + 1)

    def agreed(self, validators: ValidatorSet) -> int:
        """The highest view that a quorum wishes."""
        return self._nth_largest(validators.quorum)

    def _nth_largest(self, n: int) -> int:
        ordered = sorted(self._wishes.values(), reverse=True)
        return ordered[n - 1] if len(ordered) >= n else 0

    def entered(self, view: int, now_ms: int) -> None:
        """A view begins: its timer starts, longer than the one before."""
        self.joined(view, now_ms)
        self.entries += 1
        self.deadline = now_ms + self.timeout_ms()

    def joined(self, view: int, now_ms: int) -> None:
        """A certificate or a restart shows this view to be under way."""
        self.wish = max(self.wish, view)
        self.began_ms = now_ms

    def progressed(self) -> None:
        """A block was committed: the timer starts anew when it is needed again."""
        self.entries = max(0, self.entries - 1)
        self.deadline = None

    def watch(self, needed: bool, now_ms: int) -> bool:
        """Keep the deadline while it is ``needed``. True when it has passed (and is set again)."""
        if not needed:
            self.deadline = None
            return False
        if self.deadline is None:
            self.deadline = now_ms + self.timeout_ms()
        if now_ms < self.deadline:
            return False
        self.deadline = now_ms + self.timeout_ms()
        return True
