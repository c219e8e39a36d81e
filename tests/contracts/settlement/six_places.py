"""A second adjudicator for six real places, written from their published rules, not from our code.

Each function below restates in plain arithmetic what a policy source of ``tests/cases/policies``
says in the restricted language. Nothing is shared: no catalogue code, no benefit functions, no
rounding, no counters; a person's year is carried in a plain dictionary here. Where a figure differs
one of the two is wrong.

    python -m tests.contracts.settlement.six_places --claims 100000 --seed 1

runs as many random claims as are wanted over all places, in years of one to six claims of a person,
and ends with status 1 at the first difference, telling the case file that shows it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

from contracts.settlement.adjudicate import adjudicate
from contracts.settlement.case import normalise
from contracts.settlement.decision import Decision
from contracts.settlement.policy_program import PolicyProgram
from tests.contracts.settlement.dumb_adjudicator import fen, integral, split

POLICIES = Path(__file__).resolve().parents[2] / "cases" / "policies"
IN_NEED = ("minimum_living", "extreme_poverty", "low_income")
Document = dict[str, Any]
Counters = dict[str, int]


@dataclass
class Benefit:
    """What a place pays of a bill, layer by layer."""

    funds: dict[str, int]
    deductible: int = 0
    added: Counters = field(default_factory=dict)


@dataclass(frozen=True)
class Place:
    """A (place, scheme) pair: its source, our own arithmetic, and whom it is for."""

    policy: str
    scheme: str
    area: str
    benefit: Callable[[Document, dict[str, int], Counters], Benefit]
    categories: tuple[str, ...]


def yuan(amount: int) -> int:
    return amount * 100


def percent_of(amount: int, hundredths: int) -> int:
    return fen(Fraction(amount * hundredths, 100))


def tier(document: Document, low: int, middle: int, high: int) -> int:
    """By level of the hospital; unrated ones count as the lowest."""
    return {3: high, 2: middle}.get(document["institution"]["level"], low)


def is_any(document: Document, names: tuple[str, ...]) -> bool:
    return any(name in names for name in document["person"]["identity_types"])


def up_to(amount: int, limit: int, used: int) -> int:
    """The amount, as far as a limit of the year has room."""
    return min(amount, max(0, limit - used))


def stretch(low: int, high: int, table: list[tuple[int | None, str]]) -> int:
    return fen(integral(Fraction(low), Fraction(high), table, lambda ratio: ratio))


def beijing_employee(document: Document, sums: dict[str, int], year: Counters) -> Benefit:
    scope = sums["scope"]
    first_stay = document["visit"]["admission_number"] == 1
    deductible = min(scope, yuan(1300 if first_stay else 650))
    bears = {3: (15, 10, 5), 2: (13, 8, 3)}.get(document["institution"]["level"], (10, 5, 3))
    retired = document["person"]["category"] == "retired"
    borne = Fraction(0)
    for (bottom, top), share in zip(
        ((0, 30000), (30000, 40000), (40000, 100000)), bears, strict=True
    ):
        inside = max(0, min(scope, yuan(top)) - max(deductible, yuan(bottom)))
        borne += inside * Fraction(share, 100) * (Fraction(3, 10) if retired else 1)
    covered = max(0, min(scope, yuan(100000)) - deductible)
    pool = fen(covered - borne)
    above = max(0, min(scope, yuan(500000)) - yuan(100000))
    return Benefit({"310100": pool, "330100": percent_of(above, 90 if retired else 85)}, deductible)


def beijing_resident(document: Document, sums: dict[str, int], year: Counters) -> Benefit:
    scope = sums["scope"]
    deductible = min(scope, yuan(tier(document, 300, 800, 1300)))
    basic = percent_of(scope - deductible, tier(document, 80, 78, 75))
    basic = up_to(basic, yuan(250000), year.get("pool_paid_fen", 0))
    poor = is_any(document, IN_NEED)
    edge = yuan(15202 if poor else 30404)
    own, before = scope - basic, year.get("critical_base_fen", 0)
    low, high = max(0, before - edge), max(0, before + own - edge)
    table: list[tuple[int | None, str]]
    table = [(yuan(50000), "65%" if poor else "60%"), (None, "75%" if poor else "70%")]
    critical = stretch(low, high, table)
    return Benefit(
        {"390100": basic, "390200": critical},
        deductible,
        {"pool_paid_fen": basic, "critical_base_fen": own},
    )


def xian_employee(document: Document, sums: dict[str, int], year: Counters) -> Benefit:
    scope = sums["scope"]
    deductible = min(scope, yuan(tier(document, 200, 500, 1200)))
    share = tier(document, 90, 85, 80)
    if document["person"]["category"] == "retired":
        share += tier(document, 4, 4, 5)
    wanted = percent_of(scope - deductible, share)
    basic = up_to(wanted, yuan(400000), year.get("pool_paid_fen", 0))
    return Benefit(
        {"310100": basic, "330100": percent_of(wanted - basic, 90)},
        deductible,
        {"pool_paid_fen": basic},
    )


def weinan_resident(document: Document, sums: dict[str, int], year: Counters) -> Benefit:
    scope = sums["scope"]
    deductible = min(scope, yuan(tier(document, 200, 500, 1000)))
    basic = percent_of(scope - deductible, tier(document, 90, 80, 65))
    basic = up_to(basic, yuan(130000), year.get("pool_paid_fen", 0))
    own, before = scope - basic, year.get("critical_base_fen", 0)
    table: list[tuple[int | None, str]] = [
        (yuan(10000), "0%"), (yuan(30000), "60%"), (yuan(100000), "70%"), (None, "80%"),
    ]  # fmt: skip
    critical = stretch(before, before + own, table)
    critical = up_to(critical, yuan(300000), year.get("critical_paid_fen", 0))
    return Benefit(
        {"390100": basic, "390200": critical},
        deductible,
        {"pool_paid_fen": basic, "critical_base_fen": own, "critical_paid_fen": critical},
    )


def hangzhou_employee(document: Document, sums: dict[str, int], year: Counters) -> Benefit:
    region = document["institution"]["region"]
    first_share = 0
    if document["filing"]["type"] not in ("living_elsewhere", "retired_elsewhere"):
        if region[:2] != "33":
            first_share = 20
        elif region[:4] != "3301":
            first_share = 10
    counted = sums["scope"] - percent_of(sums["scope"], first_share)
    deductible = min(counted, yuan(tier(document, 300, 600, 800)))
    table: list[tuple[int | None, str]] = [
        (yuan(20000), "82%"), (yuan(40000), "86%"), (None, "90%"),
    ]  # fmt: skip
    return Benefit({"310100": stretch(deductible, counted, table)}, deductible)


def outpatient_pool(document: Document, sums: dict[str, int], year: Counters) -> Benefit:
    if document["visit"]["care_kind"] not in ("outpatient", "emergency"):
        return Benefit({})
    scope = sums["scope"]
    retired = document["person"]["category"] == "retired"
    deductible = up_to(scope, yuan(1300 if retired else 1800), year.get("op_deductible_fen", 0))
    base = scope - deductible
    counted = up_to(base, yuan(20000), year.get("op_base_fen", 0))
    return Benefit(
        {
            "310102": percent_of(counted, 85 if retired else 70),
            "310300": percent_of(base - counted, 80 if retired else 60),
        },
        deductible,
        {"op_deductible_fen": deductible, "op_base_fen": counted},
    )


EMPLOYEES = ("active", "retired")
RESIDENTS = ("resident", "pupil", "elderly")
PLACES = (
    Place("city_beijing_employee", "310", "110100", beijing_employee, EMPLOYEES),
    Place("city_beijing_resident", "390", "110100", beijing_resident, RESIDENTS),
    Place("city_xian_employee", "310", "610100", xian_employee, EMPLOYEES),
    Place("city_weinan_resident", "390", "610500", weinan_resident, RESIDENTS),
    Place("city_hangzhou_employee", "310", "330100", hangzhou_employee, EMPLOYEES),
    Place("city_outpatient_pool", "310", "110100", outpatient_pool, EMPLOYEES),
)
"""Tiers, caps, large-amount funds, critical illness, a first pay for care elsewhere, and an
outpatient pool that its visits share: a different convention of RULES.md section 3 each."""


def own_figures(place: Place, document: Document, year: Counters) -> dict[str, int]:
    """Every amount of the settlement; ``year`` is moved on by what the benefit adds."""
    sums = split(document)
    benefit = place.benefit(document, sums, year)
    for name, amount in benefit.added.items():
        year[name] = year.get(name, 0) + amount
    paid = sum(benefit.funds.values())
    person = sums["total"] - paid
    account = 0
    if document["use_account"]:
        account = min(document["account_balance_fen"], sums["scope"] - paid)
    told = {f"fund {code}": amount for code, amount in benefit.funds.items() if amount}
    told |= {f"counter {name}": amount for name, amount in year.items()}
    return told | {
        "total_fen": sums["total"],
        "own_expense_fen": sums["own"],
        "over_ceiling_fen": sums["over"],
        "first_pay_fen": sums["first"],
        "in_scope_fen": sums["scope"],
        "deductible_fen": benefit.deductible,
        "person_fen": person,
        "account_fen": account,
        "cash_fen": person - account,
    }


def engine_figures(decision: Decision) -> dict[str, int]:
    """The same amounts as the engine tells them."""
    told = {f"fund {p.fund}": decision.fund_fen(p.fund) for p in decision.payments}
    told |= {f"counter {change.name}": change.after for change in decision.counters}
    names = (
        "total_fen", "own_expense_fen", "over_ceiling_fen", "first_pay_fen", "in_scope_fen",
        "deductible_fen", "person_fen", "account_fen", "cash_fen",
    )  # fmt: skip
    return told | {name: getattr(decision, name) for name in names}


def random_lines(random: Random) -> dict[str, Any]:
    """A bill of one to seven lines with its catalogue, from a few yuan to a million."""
    scale = random.choice((2_000, 60_000, 800_000, 9_000_000))
    catalogue = {
        str(code): {
            "class": random.choice(("01", "01", "02", "03")),
            "first_pay": random.choice(("0%", "3%", "10%", "12.5%", "50%")),
            "restricted": random.random() < 0.1,
            "ceilings_e6": {
                level: random.randrange(scale * 40_000)
                for level in ("0", "1", "2", "3")
                if random.random() < 0.15
            },
        }
        for code in range(6)
    }
    lines: list[dict[str, Any]] = []
    for _ in range(random.randrange(1, 8)):
        code = str(random.choice((0, 1, 2, 3, 4, 5, 6)))
        line: dict[str, Any] = {"code": code, "confirmed": random.choice((0, 0, 1, 2))}
        if random.random() < 0.5:
            line["unit_price_e6"] = random.randrange(scale * 10_000)
            line["quantity_e4"] = random.randrange(1, 50_000)
        else:
            line["amount_fen"] = random.choice((0, 1, random.randrange(scale * 3)))
        lines.append(line)
    return {"lines": lines, "catalogue": catalogue}


def random_year(random: Random, place: Place) -> Iterator[Document]:
    """One to six claims of a person; the counters are filled in by who runs them."""
    category = random.choice(place.categories)
    identity = random.choice(([], [], ["minimum_living"], ["low_income"], ["disabled"]))
    kinds: tuple[str, ...] = ("inpatient",)
    if place.benefit is outpatient_pool:
        kinds = ("outpatient", "outpatient", "emergency", "pharmacy")
    for number in range(random.randrange(1, 7)):
        care_kind = random.choice(kinds)
        region = random.choice((place.area, place.area[:2] + "0900", "440300", "990100"))
        yield random_lines(random) | {
            "person": {
                "scheme": place.scheme, "area": place.area, "category": category,
                "identity_types": identity, "age_years": 44,
            },
            "visit": {
                "care_kind": care_kind,
                "admission": "2024-05-01",
                "discharge": "2024-05-01" if care_kind != "inpatient" else "2024-05-09",
                "admission_number": number + 1,
            },
            "institution": {"level": random.randrange(4), "region": region},
            "filing": {"type": random.choice(("none", "living_elsewhere", "referral", "other"))},
            "use_account": random.random() < 0.5,
            "account_balance_fen": random.choice((0, random.randrange(1_000_000))),
        }  # fmt: skip


def differences(
    random: Random, claims: int, programs: dict[str, PolicyProgram] | None = None
) -> Iterator[tuple[Place, Document, dict[str, int], dict[str, int]]]:
    """Random years over all places; every claim whose figures differ, with both.

    ``programs`` takes the place of the tree's sources, to plant a slip in one.
    """
    known = programs if programs is not None else sources()
    done = 0
    while done < claims:
        for place in PLACES:
            year: Counters = {}
            for document in random_year(random, place):
                document["counters"] = dict(year)
                ours = own_figures(place, document, year)
                theirs = engine_figures(adjudicate(normalise(document), known[place.policy]))
                done += 1
                if ours != theirs:
                    yield place, document, ours, theirs
                    break


def sources() -> dict[str, PolicyProgram]:
    return {
        place.policy: PolicyProgram((POLICIES / f"{place.policy}.py").read_text("utf-8"))
        for place in PLACES
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.contracts.settlement.six_places")
    parser.add_argument("--claims", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    for place, document, ours, theirs in differences(Random(wanted.seed), wanted.claims):
        print(json.dumps(document, indent=1))
        for name in sorted({*ours, *theirs}):
            if ours.get(name) != theirs.get(name):
                print(f"{place.policy} {name}: second adjudicator {ours.get(name)}, "
                      f"engine {theirs.get(name)}")  # fmt: skip
        return 1
    print(f"{wanted.claims} claims over {len(PLACES)} places: no figure differs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
