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

    def batches(self) -> Iterator[list[Batch]]:
        """The waves; each holds transactions whose order does not matter."""
        for step in self.steps:
            yield [
                Batch(Signer.of(organisation, post), calls[start : start + CALLS_AT_ONCE])
                for (organisation, post), calls in step.items()
                for start in range(0, len(calls), CALLS_AT_ONCE)
            ]


FILE, CARE, LATER, AFTERWARDS = range(4)
"""Waves: filings; admissions, visits and discharges; reversals and reviews; decisions."""
