"""The clocks of one machine: a steady one that drifts, and one on the wall that may be off."""

from __future__ import annotations

from random import Random

MILLION = 1_000_000


class Clock:
    """From the world's time to what this machine believes."""

    def __init__(self, wall_ms: int, drift_ppm: int = 0, offset_ms: int = 0) -> None:
        """``wall_ms``: unix time when the world begins."""
        self._drift_ppm = drift_ppm
        self._begin_ms = wall_ms
        self.offset_ms = offset_ms
        """How far the wall clock is off; a jump changes it."""

    @classmethod
    def draw(cls, chance: Random, wall_ms: int, drift_ppm: int, offset_ms: int) -> Clock:
        """A clock within these bounds on both sides."""
        drift = chance.randint(-drift_ppm, drift_ppm)
        return cls(wall_ms, drift, chance.randint(-offset_ms, offset_ms))

    def monotonic_us(self, now_us: int) -> int:
        return now_us + now_us * self._drift_ppm // MILLION

    def moment_of(self, monotonic_us: int) -> int:
        """The first moment of the world at which the steady clock shows this."""
        moment = monotonic_us * MILLION // (MILLION + self._drift_ppm)
        while self.monotonic_us(moment) < monotonic_us:
            moment += 1
        return moment

    def monotonic_ms(self, now_us: int) -> int:
        return self.monotonic_us(now_us) // 1000

    def wall_ms(self, now_us: int) -> int:
        return self._begin_ms + self.offset_ms + self.monotonic_us(now_us) // 1000
