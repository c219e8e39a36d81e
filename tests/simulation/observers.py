"""Who else looks at committed blocks: the reference model, once it is there."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

from tests.simulation.judge import Observer

MAKERS: list[Callable[[], Observer]] = []
"""Makers of observers; ``tests.simulation.model`` puts its own here when it is imported."""


def make() -> list[Observer]:
    """New observers for one run."""
    if find_spec("tests.simulation.model") is not None:
        import tests.simulation.model  # noqa: F401  (registers itself)
    return [maker() for maker in MAKERS]
