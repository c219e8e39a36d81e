"""One row of the table of refusals (see ``reasons``), apart so that all tables can use it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a call was refused, for people.

    Rows are written positionally, one line of source for each field.
    """

    code: str
    """Stable, ``<area>.<kebab-case>``."""
    english: str
    """What is wrong, one sentence."""
    chinese: str
    """The same in Chinese."""
    next_step: str
    """What the sender can do now, English."""
    next_step_zh: str
    """The same in Chinese."""
