"""Swarm options: each seed draws its own handful of faults (Groce et al., ISSTA 2012)."""

from __future__ import annotations

import random

from tests.consensus.adversary import HostileWorld
from tests.consensus.harness import Options, World


def options_of(seed: int, sizes: tuple[int, ...]) -> Options:
    """Every fault is absent in half of the seeds; what is there has a strength of its own."""
    dice = random.Random(seed * 7 + 1)

    def sometimes(strength: int) -> int:
        return strength if dice.randrange(2) else 0

    return Options(
        n=dice.choice(sizes),
        loss=sometimes(dice.randrange(30)),
        duplicate=sometimes(dice.randrange(50)),
        delay_ms=dice.choice([2, 10, 40]),
        crash_per_mille=sometimes(dice.choice([1, 5, 15])),
        cut_percent=sometimes(dice.choice([20, 60])),
        kind_loss=sometimes(dice.choice([70, 95, 100])),
        chaos_ms=1_500,
        transaction_every_ms=50,
        untimely=sometimes(20),
        base_ms=dice.choice([60, 150, 400]),
        spare=sometimes(2),
    )


def run_crashes(seed: int) -> World:
    """Correct members only: crashes, cuts, losses, members that come and go."""
    return _run(World(seed, options_of(seed, (1, 2, 3, 4, 4, 4, 5, 7))))


def run_liars(seed: int) -> World:
    """The same with f Byzantine members."""
    return _run(HostileWorld(seed, options_of(seed, (4, 4, 4, 5, 7))))


def _run(world: World) -> World:
    world.start()
    world.chaos()
    world.heal()
    return world
