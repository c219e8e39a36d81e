"""Commercial cover: products of each province that a part of its insured hold (惠民保).

The insurer says who holds them, each person lets them pay at the counter of the home bureau, and
from then on every settlement of theirs asks their rules, after the home policy. One pays inpatient
bills within the settlement: the institution is paid by its bureau, together with its month, which
asks the insurer for it by notice (``closing``). The other pays half of what a bill leaves in scope
above 300.00, later and to the patient (``later``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from node.benchmark.workload import Batch, Planned, Signer
from node.ledger.crypto import H
from node.ledger.types import Value
from node.year.calendar import YEAR
from node.year.people import CALLS_AT_ONCE, People, Person
from node.year.places import Places, insurer_of

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


LATER_RULE = '''"""Made up: half of what is left in scope above 300.00 of each bill."""


def settle(case):
    own = above(case["open"]["in_scope_fen"], yuan(300), "own")
    return {"payments": [payment("commercial", part(own, "50%"), "half", "in_scope")]}
'''


class Covers:
    """Insurers and those whom they cover."""

    def __init__(self, places: Places, people: People) -> None:
        self._places = places
        self._people = people

    def setup(self) -> Iterator[list[Batch]]:
        """Products, then who holds them, then their consents: each needs the one before."""
        rules = {"hmb": ("at_once", RULE), "own": ("later", LATER_RULE)}
        yield [
            Batch(
                Signer.of(self._places.insurer(province), "checker"),
                [
                    Planned("cover", "deploy", {
                        "product": _product(province, name), "effective_from": FIRST,
                        "pays": pays, "source": source,
                    })
                    for name, (pays, source) in rules.items()
                ],
            )
            for province in self._places.provinces
        ]  # fmt: skip
        held: dict[str, list[Planned]] = defaultdict(list)
        allowed: dict[str, list[Planned]] = defaultdict(list)
        card = {"kind": "card", "certificate": "03"}
        for number in range(self._people.count):
            person = self._people.of(number)
            for product in _products_of(person):
                named: dict[str, Value] = {"product": product, "person": person.id}
                dates = ("cover", {"from": FIRST, "to": LAST})
                enrol = Planned("cover", "enrol", named, dates)
                held[insurer_of(person.area)].append(enrol)
                consent = {**named, "scope": "amounts", "to": LAST, "presence": card,
                           "account": H("yibao/year-token/v1", person.id.encode())}  # fmt: skip
                allowed[f"bureau:{person.area}"].append(Planned("cover", "authorise", consent))
        yield _batches(held)
        yield _batches(allowed)


def _products_of(person: Person) -> list[str]:
    held = {"hmb": person.covered, "own": person.covered_later}
    return [_product(person.area, name) for name, holds in held.items() if holds]


def _product(area: str, name: str) -> str:
    return f"{insurer_of(area)}:{name}"


def _batches(calls: dict[str, list[Planned]]) -> list[Batch]:
    return [
        Batch(Signer.of(organisation, "clerk"), listed[start : start + CALLS_AT_ONCE])
        for organisation, listed in calls.items()
        for start in range(0, len(listed), CALLS_AT_ONCE)
    ]
