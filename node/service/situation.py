"""What the node waits for, in one sentence for people (LESSONS.md 12: nobody can tell why it is
stuck)."""

from __future__ import annotations

from collections.abc import Mapping

from consensus import Phase, Situation
from node.ledger.block import ValidatorSet
from node.p2p.peers import Absence

_VOTING = frozenset({Phase.PREPARING, Phase.COMMITTING, Phase.CHANGING})


def waiting_sentence(
    situation: Situation, validators: ValidatorSet, absent: Mapping[str, Absence], now_ms: int
) -> str:
    """Height, view, what is awaited, who is missing and since when, and which timer is next.

    ``now_ms``: of the monotonic clock of ``absent`` and the situation's deadline.
    """
    sentence = f"{situation.sentence[:1].upper()}{situation.sentence[1:]}"
    if situation.phase in _VOTING:
        names = {bytes(seat.key): str(seat.organisation) for seat in validators.validators}
        voted = [names.get(bytes(key), "?") for key in situation.heard]
        missing = [names.get(bytes(key), "?") for key in situation.missing]
        sentence += f"; voted: {', '.join(voted) or 'nobody'}; missing: {', '.join(missing)}"
    if absent:
        away = (
            f"{organisation} for {max(0, now_ms - absence.since_ms) // 1000} s ({absence.reason})"
            for organisation, absence in sorted(absent.items())
        )
        sentence += f"; not connected: {', '.join(away)}"
    if situation.deadline_ms is not None and situation.deadline_ms > now_ms:
        left_s = (situation.deadline_ms - now_ms) / 1000
        sentence += f"; asks for view {situation.view + 1} in {left_s:.1f} s"
    return sentence + "."
