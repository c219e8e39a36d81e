"""Provider payment by case: what a third of the provinces pay their hospitals for a stay.

The bureau of such a province has rates, a group table and a payment policy; one pays by DRG, the
next by points (DIP). Once a month's stays are declared its grouper puts each into a group, and the
ledger decides what the stay is worth at the estimated rate. In January it knows what the year's
stays have cost: it says the final rate, and every stay is decided once more. The patient's part is
what it was; the difference to the bill is the hospital's, up or down, and comes with its next
notice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import log
from pathlib import Path

from node.benchmark.workload import Batch, Planned, Signer
from node.year.calendar import YEAR
from node.year.journal import Journal
from node.year.places import Places
from node.year.waves import CARE, LATER, Waves

EVERY = 3
"""Of so many provinces one pays by case."""
STEPS = 4
"""Days on which the year's stays are decided at the final rate, a part of them on each."""
MOVES_MAX = 20
"""The final rate is at most a 20th above or below the estimated one."""
GROUPS = {
    "ZA01": 350_000, "ZB01": 700_000, "ZC01": 1_300_000, "ZD01": 2_500_000, "ZE01": 5_000_000,
    "ZF01": 12_000_000,
}  # fmt: skip
"""Made-up groups and what a stay in them costs on average, fen."""
E6 = 10**6

POLICY = '''"""Made up: stays by group, outliers as far as they are beyond twice the standard."""


def pay(case):
    bill = case["bill"]["total_fen"]
    if case["group"]["system"] != "SYSTEM":
        return {"standard_fen": bill, "way": "fee_for_service"}
    base = multiplied(yuan(1), [case["rates"]["RATE"], case["group"]["weight"]], "base")
    return {"standard_fen": base + above(bill, base * 2, "high_cost"), "way": "SYSTEM"}
'''


@dataclass(frozen=True, slots=True)
class System:
    """A way of paying by case."""

    name: str
    """``drg`` or ``dip``."""
    rate: str
    """Name of its rate."""
    value_e6: int
    """Estimated: yuan a weight, or a point, in millionths."""
    per_e6: int
    """Weight, or points, of a stay of 10,000 yuan, in millionths."""

    def weight_e6(self, cost_fen: int) -> int:
        """What a group of this cost weighs."""
        return cost_fen * self.per_e6 // 1_000_000

    def source(self) -> str:
        """The payment policy."""
        return POLICY.replace("SYSTEM", self.name).replace("RATE", self.rate)


SYSTEMS = (
    System("drg", "drg", 9_800 * E6, E6),
    System("dip", "point", 9_800_000, 1_000 * E6),
)


@dataclass(frozen=True, slots=True)
class FinalRate:
    """What a province's year came to."""

    province: str
    system: str
    estimated_e6: int
    final_e6: int
    stays: int
    bills_fen: int


class Cases:
    """The bureaus that pay by case."""

    def __init__(self, places: Places, journal: Journal, kept: Path) -> None:
        """``kept``: the file in which the bureaus keep what they have grouped, stay by stay."""
        paying = places.provinces[::EVERY]
        self.systems = {each: SYSTEMS[n % len(SYSTEMS)] for n, each in enumerate(paying)}
        self._region = places.region
        self._journal = journal
        self._kept = kept
        self._read = 0
        """Bytes of the file that are decided at the final rate."""
        self._stays: Counter[str] = Counter()
        self._bills: Counter[str] = Counter()
        self._weights: Counter[str] = Counter()
        """Province -> stays of the year, their bills in fen and their weights in millionths."""
        self.final: list[FinalRate] = []

    def setup(self) -> list[Batch]:
        """Rates, group table and policy of each of these provinces."""
        return [
            Batch(
                Signer.of(f"bureau:{province}", "checker"),
                [
                    self._rates(province, "estimated", system.value_e6),
                    _call(province, "groups", system=system.name, version="year",
                          effective_from=f"{YEAR}-01-01",
                          groups=[_group(code, fen, system) for code, fen in GROUPS.items()]),
                    _call(province, "deploy", effective_from=f"{YEAR}-01-01",
                          source=system.source()),
                ],
            )
            for province, system in self.systems.items()
        ]  # fmt: skip

    def add(self, waves: Waves, month: str) -> None:
        """Decide every stay of a month that is declared, at the estimated rate."""
        with self._kept.open("a", encoding="ascii") as kept:
            for claim, (institution, total_fen) in self._journal.stays.pop(month, {}).items():
                province = f"{self._region[institution][:2]}0000"
                system = self.systems.get(province)
                if system is None:
                    continue
                code = group_of(total_fen)
                kept.write(f"{province} {claim} {code}\n")
                self._stays[province] += 1
                self._bills[province] += total_fen
                self._weights[province] += system.weight_e6(GROUPS[code])
                self._pay(waves, province, claim, code, "estimated")

    def say_final(self, waves: Waves) -> None:
        """The final rates: what makes the year's weights, or points, worth what its stays cost."""
        for province, system in self.systems.items():
            value, bills = system.value_e6, self._bills[province]
            if self._weights[province]:
                found = bills * E6 * E6 // (100 * self._weights[province])
                most = system.value_e6 // MOVES_MAX
                value = max(value - most, min(found, value + most))
            rates = self._rates(province, "final", value)
            waves.add(CARE, f"bureau:{province}", "checker", rates)
            self.final.append(
                FinalRate(province, system.name, system.value_e6, value, self._stays[province],
                          bills)
            )  # fmt: skip

    def settle_final(self, waves: Waves) -> None:
        """The next part of the year's stays, at the final rate."""
        for province, claim, code in self._next(-(-self._stays.total() // STEPS)):
            self._pay(waves, province, claim, code, "final")

    def _next(self, stays: int) -> Iterator[list[str]]:
        with self._kept.open("rb") as kept:
            kept.seek(self._read)
            for _ in range(stays):
                line = kept.readline()
                if not line:
                    break
                yield line.decode("ascii").split()
            self._read = kept.tell()

    def _pay(self, waves: Waves, province: str, claim: str, code: str, stage: str) -> None:
        grouped = {"system": self.systems[province].name, "code": code}
        pay = Planned("provider", "pay", {"claim": claim, "stage": stage}, ("settlement", grouped))
        waves.add(LATER, f"bureau:{province}", "checker", pay)

    def _rates(self, province: str, stage: str, value_e6: int) -> Planned:
        rate = {"name": self.systems[province].rate, "value_e6": value_e6}
        return _call(province, "rates", year=YEAR, stage=stage, rates=[rate])


def _call(province: str, method: str, **args: object) -> Planned:
    return Planned("provider", method, {"region": province, **args})


def _group(code: str, fen: int, system: System) -> dict[str, object]:
    return {"code": code, "weight_e6": system.weight_e6(fen), "average_cost_fen": fen,
            "average_days_e1": 80}  # fmt: skip


def group_of(total_fen: int) -> str:
    """The group whose cost is nearest, as a factor: the made-up grouper."""
    return min(GROUPS, key=lambda code: abs(log(GROUPS[code] / total_fen)))
