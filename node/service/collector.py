"""Python's collector of cycles, set for a process that keeps much and makes few cycles.

Everything here is freed by reference counting; cycles come from tracebacks and asyncio only. The
default threshold of 700 objects runs the collector about once for every three claims, and now and
then over every object that was loaded: a fifth of a block's time (docs/benchmarks.md).
"""

from __future__ import annotations

import gc

YOUNG_OBJECTS = 200_000
"""New objects before the young generation is looked through: more than a block leaves, so few live
long enough to be looked at. Some tens of MB."""
YOUNG_ROUNDS, OLD_ROUNDS = 20, 50
"""Rounds of one generation before the next older one is looked through too."""


def tune_collector() -> None:
    """For the process of one node, once everything is loaded: what is there now stays for good."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, YOUNG_ROUNDS, OLD_ROUNDS)
