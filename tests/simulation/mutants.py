"""Planted bugs in the product, for the time of a test: what the simulator must see.

A mutant patches through pytest's ``MonkeyPatch`` (``planted(name)``); the product has no switch for
it. ``KILLERS`` keeps, for each of them, seeds that kill it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from consensus import BlockId, SafetyRecord
from node.ordering.wal import SafetyFile
from node.service import exchange
from node.service.admission import Admission
from node.service.chain import Chain
from tests.simulation.disk import SimKV

Patch = pytest.MonkeyPatch
Mutant = Callable[[Patch], None]

MUTANTS: dict[str, Mutant] = {}
KILLERS: dict[str, tuple[int, ...]] = {}
"""Name to seeds that kill it, the fastest first."""


def mutant(name: str, *killers: int) -> Callable[[Mutant], Mutant]:
    """Register a planted bug under its number of SIMULATION.md section 8."""

    def register(made: Mutant) -> Mutant:
        assert name not in MUTANTS, name
        MUTANTS[name], KILLERS[name] = made, killers
        return made

    return register


@contextmanager
def planted(name: str) -> Iterator[None]:
    """The product with this bug."""
    with pytest.MonkeyPatch.context() as patch:
        MUTANTS[name](patch)
        yield


@mutant("M17", 1, 2, 3)
def vote_before_record(patch: Patch) -> None:
    """M17, the canary: a vote is signed before its record is on the disk."""

    def keep(
        self: Chain, blocks: Sequence[BlockId], record: SafetyRecord, safety: SafetyFile
    ) -> None:
        new = [block for block in blocks if block not in self._kept]
        self._kept.update(new)

    patch.setattr(Chain, "keep", keep)


@mutant("M18")
def never_synced(patch: Patch) -> None:
    """M18: batches are written without waiting for the disk."""
    right = SimKV.write

    def write(self: SimKV, batch: Any, *, sync: bool) -> None:
        right(self, batch, sync=False)

    patch.setattr(SimKV, "write", write)


@mutant("expired-by-clock")
def expired_by_clock(patch: Patch) -> None:
    """A bug that was ours: what the node's own clock has passed is said to be impossible."""
    patch.setattr(Admission, "_is_over", lambda self, error: True)


@mutant("seat-known-later")
def seat_known_later(patch: Patch) -> None:
    """A bug that was ours: who votes with a seat that this node does not know yet is cut off."""
    patch.setattr(exchange, "is_innocent", lambda frame, **_: False)
