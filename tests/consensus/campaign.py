"""Run many seeds: ``python -m tests.consensus.campaign FIRST LAST [liars|crashes]``.

Prints every seed that fails with its violation, then a summary; exit 1 when any failed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from consensus.errors import ConsensusError
from tests.consensus.checker import Violation
from tests.consensus.harness import World
from tests.consensus.weather import run_crashes, run_liars


def main(arguments: list[str]) -> int:
    first, last = int(arguments[0]), int(arguments[1])
    run: Callable[[int], World] = run_crashes if "crashes" in arguments else run_liars
    failed, events, blocks, seen = 0, 0, 0, dict[str, int]()
    for seed in range(first, last):
        try:
            world = run(seed)
        except (Violation, ConsensusError, AssertionError) as error:
            failed += 1
            print(f"seed {seed}: {type(error).__name__}: {error}", flush=True)
            continue
        events += world.events
        blocks += max(world.checker.chain)
        for point, count in world.checker.seen.items():
            seen[point] = seen.get(point, 0) + count
    print(f"{last - first} seeds, {failed} failed, {events} events, {blocks} blocks, {seen}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
