"""Money that comes in: contributions of each month, advances between provinces in January."""

from __future__ import annotations

import random

from node.benchmark.workload import Planned
from node.year.calendar import WORKDAYS
from node.year.places import CARE, INSURED, Places
from node.year.waves import FILE, Waves

FEN_OF_A_CLAIM = {
    "310100": 37_000, "310102": 3_700, "330100": 300, "390100": 19_500, "390102": 5_000,
    "390200": 1_700, "610100": 800,
}  # fmt: skip
"""What a month's contributions bring each fund for every settlement expected: about what the
year's funds pay, and a little more."""
ADVANCES_MAX = 120
"""Pairs with an advance: those with the largest flows."""
FUNDS_OF_A_CLAIM_FEN = 60_000


class Funding:
    """Who pays in, and what provinces have prepaid each other."""

    def __init__(self, places: Places, claims: int, seed: int) -> None:
        self.places = places
        self._claims = claims
        self._seed = seed

    def add(self, waves: Waves, day: str) -> None:
        """Contributions on the first working day of a month, advances' quotas in January."""
        if not WORKDAYS.is_working_day(day) or _seen_before(day):
            return
        whole = sum(INSURED[p] for p in self.places.provinces)
        for province, areas in self.places.areas.items():
            expected = self._claims * INSURED[province] / whole / 12 / len(areas)
            for area in areas:
                postings = []
                for fund, fen in FEN_OF_A_CLAIM.items():
                    amount = max(1, int(expected * fen))
                    postings += [
                        {"account": f"premium:{area}", "fund_type": fund, "amount_fen": -amount},
                        {"account": f"fund:{area}", "fund_type": fund, "amount_fen": amount},
                    ]
                args = {"transfer": f"{area}c{day}", "kind": "contribution", "postings": postings}
                transfer = Planned("funds", "transfer", args)
                waves.add(FILE, f"bureau:{area}", "finance", transfer)
        if day[5:7] == "01":
            self._advances(waves)

    def _advances(self, waves: Waves) -> None:
        dice = random.Random(f"{self._seed}/advances")  # noqa: S311  (dice, no secret)
        whole = sum(INSURED[p] for p in self.places.provinces)
        flows = []
        for home in self.places.provinces:
            drawn = sum(CARE[p] for p in self.places.provinces if p != home)
            flows += [
                (INSURED[home] / whole * CARE[care] / drawn, home, care)
                for care in self.places.provinces
                if care != home
            ]
        for share, home, care in sorted(flows, reverse=True)[:ADVANCES_MAX]:
            month_fen = self._claims / 12 * share * FUNDS_OF_A_CLAIM_FEN
            quota = max(100, int(month_fen * dice.uniform(0.8, 2.4)))
            args = {"home": home, "care": care, "scheme": "310", "quota_fen": quota}
            waves.add(FILE, "centre", "finance", Planned("advance", "set_quota", args))


def _seen_before(day: str) -> bool:
    """Whether the month had a working day before this one."""
    return any(WORKDAYS.is_working_day(f"{day[:8]}{n:02d}") for n in range(1, int(day[8:])))
