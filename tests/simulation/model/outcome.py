"""A call as the model sees it, what must come of it, and what everybody's competence is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.simulation.model.book import Book, Leg, Refused
from tests.simulation.model.facts import Facts

LIMIT = 10**15
"""No amount and no counter is beyond all money (fen)."""

CHINA = timedelta(hours=8)


@dataclass(frozen=True)
class Asked:
    """One call with who asked and when."""

    sender: str
    kind: str
    region: str
    post: str
    time_ms: int
    method: str
    args: dict[str, Any]
    content: Any
    """Of its attachment; None without one."""
    same: bytes
    """Method, arguments and commitments: what a repetition shares."""

    @property
    def today(self) -> str:
        """The day in China."""
        return (datetime.fromtimestamp(self.time_ms / 1000, UTC) + CHINA).date().isoformat()


@dataclass
class Told:
    """What an accepted call must come to."""

    amounts: dict[str, int] = field(default_factory=dict)
    legs: list[Leg] = field(default_factory=list)
    transfer: str = ""
    """Id of the transfer of ``legs``."""
    answer: dict[str, Any] = field(default_factory=dict)
    """What must be in the answer; there may be more."""


@dataclass
class World:
    """What all methods share."""

    facts: Facts
    book: Book
    counters: dict[tuple[str, str, int], dict[str, int]] = field(default_factory=dict)
    """Person, scheme and benefit year to what was used up."""
    filings: dict[str, dict[str, Any]] = field(default_factory=dict)


def covers(outer: str, inner: str) -> bool:
    """Whether one district code is the other or lies in it."""
    if outer.endswith("0000"):
        outer = outer[:2].removesuffix("00")
    elif outer.endswith("00"):
        outer = outer[:4]
    return inner.startswith(outer)


def require(condition: object, code: str) -> None:
    if not condition:
        raise Refused(code)


def require_competent(asked: Asked, region: str) -> None:
    require(asked.kind == "bureau", "sender.kind")
    require(covers(asked.region, region), "sender.not-competent")


def require_sender(asked: Asked, kinds: tuple[str, ...], posts: tuple[str, ...]) -> None:
    require(not kinds or asked.kind in kinds, "sender.kind")
    require(not posts or asked.post in posts, "sender.post")


def require_own(asked: Asked, given: str) -> None:
    """Ids that are unique for good begin with their maker's code, else with all of its id."""
    kind, _, code = asked.sender.partition(":")
    prefix = code if kind in ("bureau", "hospital", "pharmacy") else f"{asked.sender}:"
    require(given.startswith(prefix) and given != prefix, "sender.foreign-id")


def add_up(values: dict[str, int], deltas: dict[str, int], sign: int) -> dict[str, int]:
    """Counters after a change; what comes to nothing is not there."""
    after = dict(values)
    for name, delta in deltas.items():
        after[name] = after.get(name, 0) + sign * delta
        require(after[name] <= LIMIT, "counters.too-large")
        require(after[name] >= 0, "counters.negative")
    return {name: value for name, value in after.items() if value}
