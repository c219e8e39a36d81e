"""Who is insured where and goes where for care, and what their insured places pay.

Everything about a person follows from its number, so that a population of any size takes no room.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

from node.benchmark.workload import Batch, Planned, Signer
from node.ledger.crypto import H
from node.year.places import CARE, CHRONIC_DISEASE, INSURED, Places

EMPLOYEE = '''"""Made up: employees. Bands on the in-scope axis, a yearly deductible outside."""


def cut(case):
    if case["filing"]["type"] == "none" and not case["visit"]["emergency"]:
        return -20
    if case["filing"]["type"] == "other":
        return -10
    return 0


def settle(case):
    in_scope = case["sums"]["in_scope_fen"]
    kind = case["visit"]["care_kind"]
    change = cut(case)
    if kind == "pharmacy":
        return {"payments": [], "deductible_fen": 0, "counters": {}}
    deductible = 0
    if kind == "inpatient":
        deductible = capped(yuan(1200), in_scope, "deductible")
        table = [(yuan(30000), points("85%", change)), (None, points("90%", change))]
        basic = bands(in_scope, table, deductible, "basic")
    elif kind == "chronic":
        basic = part(in_scope, points("80%", change), "basic")
    else:
        left = remaining(yuan(400), counter(case, "outpatient_fen"))
        deductible = capped(left, in_scope, "deductible")
        basic = part(in_scope - deductible, points("65%", change), "outpatient")
    room = remaining(yuan(300000), counter(case, "pool_fen"))
    paid = capped(basic, room, "over_cap")
    large = part(basic - paid, "80%", "large")
    fund = "310100"
    counted = {"pool_fen": paid}
    if kind == "outpatient":
        fund = "310102"
        counted = {"pool_fen": paid, "outpatient_fen": deductible}
    return {
        "payments": [payment(fund, paid, "basic"), payment("330100", large, "large")],
        "deductible_fen": deductible,
        "counters": counted,
    }
'''

RESIDENT = '''"""Made up: residents. Critical illness above a base, help for those in need."""


def settle(case):
    in_scope = case["sums"]["in_scope_fen"]
    kind = case["visit"]["care_kind"]
    change = 0
    if case["filing"]["type"] == "none" and not case["visit"]["emergency"]:
        change = -20
    elif case["filing"]["type"] == "other":
        change = -10
    if kind == "pharmacy":
        return {"payments": [], "deductible_fen": 0, "counters": {}, "account_limit_fen": 0}
    deductible = 0
    rate = "55%"
    fund = "390102"
    if kind == "inpatient":
        deductible = capped(yuan(1500), in_scope, "deductible")
        rate = "65%"
        fund = "390100"
    elif kind == "chronic":
        rate = "70%"
    basic = part(in_scope - deductible, points(rate, change), "basic")
    left = in_scope - basic
    before = counter(case, "self_fen")
    base = above(before + left, yuan(16000), "critical_base")
    fresh = base - above(before, yuan(16000), "critical_before")
    critical = part(fresh, "60%", "critical")
    helped = 0
    if has_identity(case, "minimum_living", "low_income"):
        helped = part(left - critical, "70%", "assistance")
    return {
        "payments": [
            payment(fund, basic, "basic"),
            payment("390200", critical, "critical"),
            payment("610100", helped, "assistance"),
        ],
        "deductible_fen": deductible,
        "counters": {"self_fen": left},
        "account_limit_fen": 0,
    }
'''

YEARLY_ACCOUNT_FEN = 300_000
"""What an employee's account gets at the year's beginning."""
COVERED = 13
"""Of 256 people so many hold a commercial product."""
COVERED_LATER = 5
"""Of 256 so many hold one that pays them afterwards."""
CALLS_AT_ONCE = 400


@dataclass(frozen=True, slots=True)
class Person:
    """A made-up person."""

    number: int
    id: str
    area: str
    care: str
    """Province where this person is when care is needed: never the home province."""
    employee: bool
    long_term: bool
    """Lives there, and files for good; others file for half a year."""
    careless: bool
    """Never files."""
    chronic: bool
    poor: bool
    covered: bool
    """Holds the commercial product of the home province."""
    covered_later: bool
    """Holds another one, which pays later, to the person."""


class People:
    """The population, by number."""

    def __init__(self, places: Places, count: int, seed: int) -> None:
        self.places = places
        self.count = count
        self._seed = seed
        provinces = places.provinces
        self._homes = list(accumulate(INSURED[p] for p in provinces))
        self._cares = {
            home: (
                [p for p in provinces if p != home],
                list(accumulate(CARE[p] for p in provinces if p != home)),
            )
            for home in provinces
        }

    def of(self, number: int) -> Person:
        """The person of a number from 0."""
        dice = hashlib.blake2b(f"{self._seed}/{number}".encode(), digest_size=16).digest()
        home = _weighted(self.places.provinces, self._homes, int.from_bytes(dice[:4], "big"))
        areas = self.places.areas[home]
        area = areas[dice[4] % len(areas)]
        others, weights = self._cares[home]
        return Person(
            number=number,
            id=f"p:{area}:{number}",
            area=area,
            care=_weighted(others, weights, int.from_bytes(dice[5:9], "big")),
            employee=dice[9] < 140,
            long_term=dice[10] < 100,
            careless=dice[11] < 12,
            chronic=dice[12] < 40,
            poor=dice[13] < 20,
            covered=dice[14] < COVERED,
            covered_later=dice[15] < COVERED_LATER,
        )

    def setup(self) -> Iterator[Batch]:
        """Policies of every area, then enrolment of everybody with the accounts of employees."""
        for areas in self.places.areas.values():
            for area in areas:
                for scheme, source in (("310", EMPLOYEE), ("390", RESIDENT)):
                    args = {"area": area, "scheme": scheme, "effective_from": "2000-01-01",
                            "source": source}  # fmt: skip
                    signer = Signer.of(f"bureau:{area}", "checker")
                    yield Batch(signer, [Planned("policy", "deploy", args)])
        waiting: dict[str, list[Planned]] = {}
        for number in range(self.count):
            person = self.of(number)
            calls = waiting.setdefault(person.area, [])
            calls += _enrolment(person)
            if len(calls) >= CALLS_AT_ONCE:
                yield Batch(Signer.of(f"bureau:{person.area}", "clerk"), calls)
                waiting[person.area] = []
        for area, calls in waiting.items():
            if calls:
                yield Batch(Signer.of(f"bureau:{area}", "clerk"), calls)


def _weighted(names: list[str] | tuple[str, ...], upto: list[int], dice: int) -> str:
    at = dice % upto[-1]
    return next(name for name, end in zip(names, upto, strict=True) if at < end)


def _enrolment(person: Person) -> list[Planned]:
    content = {
        "link": H("yibao/year-link/v1", person.id.encode()),
        "scheme": "310" if person.employee else "390",
        "sex": ("male", "female")[person.number % 2],
        "birth": f"19{40 + person.number % 60}-05-06",
        "insured": [{"from": "2010-01-01", "status": "insured"}],
        "account": person.employee,
        "from": "2010-01-01",
        "category": "active" if person.employee else "resident",
        "identity_types": ["minimum_living"] if person.poor else [],
        "entitlements": [{"disease": CHRONIC_DISEASE, "from": "2020-01-01"}]
        if person.chronic
        else [],
    }
    calls = [Planned("enrolment", "enrol", {"person": person.id}, ("person", content))]
    if person.employee:
        deposit = {"transfer": f"{person.area}d{person.number}", "person": person.id,
                   "amount_fen": YEARLY_ACCOUNT_FEN}  # fmt: skip
        calls.append(Planned("funds", "deposit", deposit))
    return calls
