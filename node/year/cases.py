"""Provider payment by case: what half of the provinces pay their hospitals for a stay.

The bureau of such a province has rates, a group table and a payment policy; once a month's stays
are declared its grouper puts each into a group, and the ledger decides what the stay is worth. The
patient's part is what it was; the difference to the bill is the hospital's, up or down, and comes
with its next notice.
"""

from __future__ import annotations

from math import log

from node.benchmark.workload import Batch, Planned, Signer
from node.year.calendar import YEAR
from node.year.journal import Journal
from node.year.places import Places
from node.year.waves import LATER, Waves

EVERY = 2
"""Of so many provinces one pays by case."""
RATE_E6 = 9_800 * 10**6
"""Yuan a weight, in millionths."""
GROUPS = {
    "ZA01": 350_000, "ZB01": 700_000, "ZC01": 1_300_000, "ZD01": 2_500_000, "ZE01": 5_000_000,
    "ZF01": 12_000_000,
}  # fmt: skip
"""Made-up groups and what a stay in them costs on average, fen."""

POLICY = '''"""Made up: stays by group, outliers as far as they are beyond twice the standard."""


def pay(case):
    bill = case["bill"]["total_fen"]
    if case["group"]["system"] != "drg":
        return {"standard_fen": bill, "way": "fee_for_service"}
    base = multiplied(yuan(1), [case["rates"]["drg"], case["group"]["weight"]], "base")
    return {"standard_fen": base + above(bill, base * 2, "high_cost"), "way": "drg"}
'''


class Cases:
    """The bureaus that pay by case."""

    def __init__(self, places: Places, journal: Journal) -> None:
        self.provinces = places.provinces[::EVERY]
        self._region = places.region
        self._journal = journal

    def setup(self) -> list[Batch]:
        """Rates, group table and policy of each of these provinces."""
        groups = [
            {"code": code, "weight_e6": fen * 10**6 // 1_000_000, "average_cost_fen": fen,
             "average_days_e1": 80}
            for code, fen in GROUPS.items()
        ]  # fmt: skip
        first = f"{YEAR}-01-01"
        calls = (
            ("rates", {"year": YEAR, "stage": "estimated",
                       "rates": [{"name": "drg", "value_e6": RATE_E6}]}),
            ("groups", {"system": "drg", "version": "year", "effective_from": first,
                        "groups": groups}),
            ("deploy", {"effective_from": first, "source": POLICY}),
        )  # fmt: skip
        return [
            Batch(
                Signer.of(f"bureau:{province}", "checker"),
                [Planned("provider", name, {"region": province, **args}) for name, args in calls],
            )
            for province in self.provinces
        ]

    def add(self, waves: Waves, month: str) -> None:
        """Decide every stay of a month that is declared."""
        for claim, (institution, total_fen) in self._journal.stays.pop(month, {}).items():
            province = f"{self._region[institution][:2]}0000"
            if province not in self.provinces:
                continue
            grouped = {"system": "drg", "code": group_of(total_fen)}
            pay = Planned(
                "provider", "pay", {"claim": claim, "stage": "estimated"},
                ("settlement", grouped),
            )  # fmt: skip
            waves.add(LATER, f"bureau:{province}", "checker", pay)


def group_of(total_fen: int) -> str:
    """The group whose cost is nearest, as a factor: the made-up grouper."""
    return min(GROUPS, key=lambda code: abs(log(GROUPS[code] / total_fen)))
