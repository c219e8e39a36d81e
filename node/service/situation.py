"""What the node waits for, in one sentence for people and as fields for programs (LESSONS.md 12:
nobody can tell why it is stuck).

``Watch`` keeps since when the node has been where it is. ``waiting`` puts that together with what
the core says of votes and timers and the connections say of peers. What takes longer than the
view's timer is said in the log once for each place: a height, a view, a phase.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from consensus import Phase, Situation
from node.ledger.block import ValidatorSet
from node.p2p.peers import Absence

_VOTING = frozenset({Phase.PREPARING, Phase.COMMITTING, Phase.CHANGING})

Place = tuple[int, int, int, Phase]
"""Epoch, height, view, phase."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What the node waits for at one moment."""

    fields: Mapping[str, Any]
    """For programs: height, view, phase, primary, quorum, voted, missing, for_ms, timers,
    not_connected."""
    sentence: str


@dataclass(slots=True)
class Watch:
    """Since when the node is where it is. Told of every step of the core."""

    place: Place | None = None
    since_ms: int = 0
    _said: Place | None = None

    def at(self, place: Place, now_ms: int) -> tuple[Phase, int] | None:
        """The node is here now; gives the phase that ended and how long it lasted, in ms."""
        before = self.place
        if place == before:
            return None
        ended = None if before is None else (before[3], now_ms - self.since_ms)
        self.place, self.since_ms = place, now_ms
        return ended

    def is_late(self, situation: Situation, now_ms: int) -> bool:
        """Whether what is waited for takes longer than the view's timer and was not said yet."""
        late = (
            situation.busy
            and self.place != self._said
            and now_ms - self.since_ms >= situation.timeout_ms
        )
        if late:
            self._said = self.place
        return late


def waiting(
    situation: Situation,
    validators: ValidatorSet,
    absent: Mapping[str, Absence],
    since_ms: int,
    now_ms: int,
) -> Waiting:
    """Height, view, what is awaited and since when, who voted, who is missing, which timer is next.

    ``since_ms``, ``now_ms``: of the monotonic clock of ``absent`` and of the situation's timers.
    """
    names = {bytes(seat.key): str(seat.organisation) for seat in validators.validators}
    collects = situation.phase in _VOTING
    for_ms = max(0, now_ms - since_ms) if situation.busy else 0
    fields: dict[str, Any] = {
        "epoch": situation.epoch,
        "height": situation.height,
        "view": situation.view,
        "phase": situation.phase.name.lower(),
        "primary": names.get(bytes(situation.primary), ""),
        "quorum": situation.quorum,
        "voted": [names.get(bytes(key), "") for key in situation.heard] if collects else [],
        "missing": [names.get(bytes(key), "") for key in situation.missing] if collects else [],
        "busy": situation.busy,
        "for_ms": for_ms,
        "wished_view": situation.wished_view,
        "timers": [
            {"what": timer.value, "in_ms": max(0, at_ms - now_ms)}
            for timer, at_ms in situation.timers
        ],
        "not_connected": [
            {
                "organisation": organisation,
                "for_ms": max(0, now_ms - absence.since_ms),
                "reason": absence.reason,
            }
            for organisation, absence in sorted(absent.items())
        ],
    }
    return Waiting(fields, _sentence(situation, fields))


def _sentence(situation: Situation, fields: Mapping[str, Any]) -> str:
    parts = [f"{situation.sentence[:1].upper()}{situation.sentence[1:]}"]
    backup = situation.phase is Phase.OPEN and not situation.is_primary
    if backup and situation.busy:
        parts.append(f"the primary {fields['primary']} is to propose one")
    if fields["voted"] or fields["missing"]:
        parts.append(f"voted: {', '.join(fields['voted']) or 'nobody'}")
        parts.append(f"missing: {', '.join(fields['missing']) or 'nobody'}")
    if situation.busy:
        parts.append(f"since {_seconds(fields['for_ms'])}")
    if fields["not_connected"]:
        away = (
            f"{one['organisation']} for {one['for_ms'] // 1000} s ({one['reason']})"
            for one in fields["not_connected"]
        )
        parts.append(f"not connected: {', '.join(away)}")
    parts += [
        f"next: {timer['what']} in {_seconds(timer['in_ms'])}" for timer in fields["timers"][:1]
    ]
    return "; ".join(parts) + "."


def _seconds(ms: int) -> str:
    return f"{ms / 1000:.1f} s"
