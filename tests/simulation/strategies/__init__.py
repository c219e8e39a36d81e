"""Liars (SIMULATION.md section 4). Importing this package registers all of them."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from tests.simulation.strategy import STRATEGIES

for _module in sorted(one.name for one in iter_modules(__path__)):
    import_module(f"{__name__}.{_module}")

NAMES: tuple[str, ...] = tuple(sorted(STRATEGIES, key=lambda name: int(name[1:])))
