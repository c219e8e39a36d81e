"""The calls of a day in the order in which they must be worked off."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from node.benchmark.workload import Batch, Planned, Signer

CALLS_AT_ONCE = 20


@dataclass(slots=True)
class Waves:
    """The calls of a day, in the order in which they must be worked off."""

    steps: list[dict[tuple[str, str], list[Planned]]] = field(default_factory=list)

    def add(self, step: int, organisation: str, post: str, *calls: Planned) -> None:
        """Calls of somebody in a wave."""
        while len(self.steps) <= step:
            self.steps.append(defaultdict(list))
        self.steps[step][organisation, post] += calls

    def take_step(self, step: int, other: Waves, *, as_step: int) -> None:
        """Take over the calls of another day's wave, as calls of a wave of this one."""
        if step < len(other.steps):
            for (organisation, post), calls in other.steps[step].items():
                self.add(as_step, organisation, post, *calls)
            other.steps[step].clear()

    def batches(self) -> Iterator[list[Batch]]:
        """The waves; each holds transactions whose order does not matter. One may be added to as
        long as the one before it is the last that was given."""
        for step in self.steps:
            yield [
                Batch(Signer.of(organisation, post), calls[start : start + CALLS_AT_ONCE])
                for (organisation, post), calls in step.items()
                for start in range(0, len(calls), CALLS_AT_ONCE)
            ]


FILE, CARE, LATER, AFTERWARDS = range(4)
"""Waves: what comes before care; admissions, visits and discharges; reversals, reviews and the
filings of tomorrow; decisions."""
