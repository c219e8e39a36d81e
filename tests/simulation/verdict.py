"""The two ways in which something ends: the run, because a rule is broken, or a node's life."""

from __future__ import annotations


class Violation(SystemExit):
    """An invariant is broken. No code under test may catch it, and asyncio lets this kind of
    exception through its tasks."""

    def __init__(self, invariant: str, what: str) -> None:
        super().__init__(f"{invariant} {what}")
        self.invariant = invariant
        self.what = what


class Crash(SystemExit):
    """The power of one machine fails here. Nothing that is under test may catch it."""
