"""Chance, in separate streams: a draw more in one place does not change the others."""

from __future__ import annotations

import math
from random import Random


def stream(seed: int, *label: object) -> Random:
    """The stream of this name. Seeding with a text does not depend on PYTHONHASHSEED."""
    return Random(f"{seed}/" + "/".join(map(str, label)))


def exponential(chance: Random, mean: int) -> int:
    """A whole number from an exponential distribution."""
    return int(-mean * math.log(1.0 - chance.random()))
