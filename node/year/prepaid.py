"""Prepayments to hospitals: one in spring, set off against what is owed from autumn on.

Agencies give the hospitals that they have a contract with about a month's payments in advance
(周转金) and have it back by the end of the year. Here it is half a month's, and comes back in three
parts.
"""

from __future__ import annotations

from node.benchmark.workload import Planned
from node.year.ledger import ReadState
from node.year.places import CARE, Places
from node.year.waves import FILE, Waves

FUND = "310100"
GRANTED = "03"
SET_OFF = ("09", "10", "11")
"""Months."""
FEN_OF_A_CLAIM = 15_000
"""Half of what the fund pays for an average settlement, inpatients included."""
SHARE_FEN_LEAST = 100


class Prepaid:
    """What bureaus of the place of care do about prepayments, once a month."""

    def __init__(self, places: Places, claims: int, state: ReadState) -> None:
        self._places = places
        self._claims = claims
        self._state = state
        self._given: dict[str, int] = {}
        """Institution -> fen that it was granted."""

    def add(self, waves: Waves, month: str) -> None:
        """Calls of a month's first working days."""
        if month[5:] == GRANTED:
            self._grant(waves)
        elif month[5:] in SET_OFF:
            self._set_off(waves, month)

    def _grant(self, waves: Waves) -> None:
        drawn = sum(CARE[province] for province in self._places.provinces)
        for province, hospitals in self._places.hospitals.items():
            month = self._claims * FEN_OF_A_CLAIM // 12
            fen = max(SHARE_FEN_LEAST, month * CARE[province] // (drawn * len(hospitals)))
            for hospital in hospitals:
                self._given[hospital] = fen
                self._call(waves, "grant", hospital, "spring", fen)

    def _set_off(self, waves: Waves, month: str) -> None:
        """A third of it, as far as it was paid and the fund owes that much."""
        hospitals = list(self._given)
        keys = [f"{kind}/{each}" for kind in ("payable", "prepayment") for each in hospitals]
        found = self._state(keys)
        for number, hospital in enumerate(hospitals):
            owed = ((found[number] or {}).get("payable") or {}).get(FUND, 0)
            held = -(((found[len(hospitals) + number] or {}).get("prepayment") or {}).get(FUND, 0))
            fen = min(-(-self._given[hospital] // len(SET_OFF)), owed, held)
            if fen > 0:
                self._call(waves, "offset", hospital, month, fen)

    def _call(self, waves: Waves, method: str, hospital: str, name: str, fen: int) -> None:
        district = self._places.region[hospital]
        number = f"{district}p{hospital.partition(':')[2]}{name}"
        args = {"prepayment": number, "institution": hospital, "fund_type": FUND,
                "amount_fen": fen}  # fmt: skip
        waves.add(FILE, f"bureau:{district}", "finance", Planned("prepayment", method, args))
