"""Nobody lies in two beds: ``stay.overlap``, decided once more by marking days.

Stays in parts and tests of another institution are no part of the simulator's work; the machine of
``tests/node/test_conservation.py`` has them.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.simulation.model.book import Refused

STAYS_MAX = 100


@dataclass(frozen=True)
class Lying:
    """One stay of a person."""

    claim: str
    admission: str
    discharge: str
    """Empty while nobody knows."""
    reason: str


class Beds:
    """Every person's stays, in the order in which they were told."""

    def __init__(self) -> None:
        self._stays: dict[str, list[Lying]] = {}

    def find(self, person: str, claim: str) -> Lying | None:
        """The stay that a claim has begun."""
        stays = self._stays.get(person, [])
        return next((stay for stay in stays if stay.claim == claim), None)

    def check(self, person: str, mine: Lying) -> None:
        """Raises ``Refused``."""
        for other in self._stays.get(person, []):
            if other.claim != mine.claim and _meet(mine, other) and not _explained(mine, other):
                raise Refused("stay.overlap")

    def put(self, person: str, mine: Lying) -> None:
        """The stay as it is now. Raises ``Refused`` where more go on than are kept."""
        stays = list(self._stays.get(person, []))
        at = next((n for n, stay in enumerate(stays) if stay.claim == mine.claim), len(stays))
        stays[at : at + 1] = [mine]
        while len(stays) > STAYS_MAX:
            ended = [stay for stay in stays if stay.discharge]
            if not ended:
                raise Refused("stay.too-many")
            stays.remove(min(ended, key=lambda stay: stay.discharge))
        self._stays[person] = stays

    def leave(self, person: str, claim: str) -> None:
        """The stay is given up or taken back."""
        stays = self._stays.get(person, [])
        self._stays[person] = [stay for stay in stays if stay.claim != claim]


def _meet(mine: Lying, other: Lying) -> bool:
    """Whether a day is in both, as far as days are known when ``mine`` is told."""
    last = mine.discharge or ("9999" if not other.discharge else mine.admission)
    return other.admission <= last and mine.admission <= (other.discharge or "9999")


def _explained(one: Lying, other: Lying) -> bool:
    if "emergency" in (one.reason, other.reason):
        return True
    if "transfer" not in (one.reason, other.reason):
        return False
    first, then = sorted((one, other), key=lambda stay: (stay.admission, stay.discharge or "9999"))
    return first.discharge in ("", then.admission)
