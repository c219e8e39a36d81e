"""Commercial cover: a product of each province that a part of its insured hold (惠民保).

The insurer says who holds it, each person lets it pay at the counter of the home bureau, and from
then on every settlement of theirs asks its rule, after the home policy. It pays inpatient bills
within the settlement: the institution is paid by its bureau, together with its month, and the
insurer's bank pays in what the insurer owes by then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from node.benchmark.workload import Batch, Planned, Signer
from node.ledger.types import Value
from node.year.calendar import YEAR
from node.year.ledger import ReadState
from node.year.people import CALLS_AT_ONCE, People
from node.year.places import Places
from node.year.waves import FILE, Waves

FUND = "commercial"
FIRST, LAST = f"{YEAR}-01-01", f"{YEAR}-12-31"

RULE = '''"""Made up: inpatient care in scope, 2,000.00 a year is the person's, 60 % of the rest."""


def settle(case):
    if case["visit"]["care_kind"] != "inpatient":
        return {"payments": []}
    inside = case["open"]["in_scope_fen"]
    before = counter(case, "in_fen")
    pay = bands(before + inside, [(yuan(2000), "0%"), (None, "60%")], before, "inside")
    return {
        "payments": [payment("commercial", pay, "inside", "in_scope")],
        "counters": {"in_fen": inside},
    }
'''


class Covers:
    """Insurers, those whom they cover, and what they pay in."""

    def __init__(self, places: Places, people: People, state: ReadState) -> None:
        """``state``: values of the head's state: what an insurer owes stands there."""
        self._places = places
        self._people = people
        self._state = state

    def setup(self) -> Iterator[list[Batch]]:
        """Products, then who holds them, then their consents: each needs the one before."""
        rule: dict[str, Value] = {"effective_from": FIRST, "pays": "at_once", "source": RULE}
        yield [
            Batch(
                Signer.of(self._places.insurer(province), "checker"),
                [Planned("cover", "deploy", {"product": self._product(province), **rule})],
            )
            for province in self._places.provinces
        ]
        held: dict[str, list[Planned]] = defaultdict(list)
        allowed: dict[str, list[Planned]] = defaultdict(list)
        card = {"kind": "card", "certificate": "03"}
        for number in range(self._people.count):
            person = self._people.of(number)
            if not person.covered:
                continue
            province = f"{person.area[:2]}0000"
            named = {"product": self._product(province), "person": person.id}
            dates = ("cover", {"from": FIRST, "to": LAST})
            held[self._places.insurer(province)].append(Planned("cover", "enrol", named, dates))
            consent = {**named, "scope": "amounts", "to": LAST, "presence": card}
            allowed[f"bureau:{person.area}"].append(Planned("cover", "authorise", consent))
        yield _batches(held)
        yield _batches(allowed)

    def pay_in(self, waves: Waves, day: str) -> None:
        """Every insurer's bank pays in what the insurer owes."""
        insurers = {each: self._places.insurer(each) for each in self._places.provinces}
        found = self._state([f"commercial/{insurer}" for insurer in insurers.values()])
        for (province, insurer), entry in zip(insurers.items(), found, strict=True):
            owed = -(((entry or {}).get("commercial") or {}).get(FUND, 0))
            if owed <= 0:
                continue
            bank = self._places.bank(province)
            postings = [
                {"account": account, "fund_type": FUND, "amount_fen": amount}
                for account, amount in ((f"bank:{bank}", -owed), (f"commercial:{insurer}", owed))
            ]
            args = {"transfer": f"{bank}:c{day}", "kind": "payment", "postings": postings}
            waves.add(FILE, bank, "finance", Planned("funds", "transfer", args))

    def _product(self, province: str) -> str:
        return f"{self._places.insurer(province)}:hmb"


def _batches(calls: dict[str, list[Planned]]) -> list[Batch]:
    return [
        Batch(Signer.of(organisation, "clerk"), listed[start : start + CALLS_AT_ONCE])
        for organisation, listed in calls.items()
        for start in range(0, len(listed), CALLS_AT_ONCE)
    ]
