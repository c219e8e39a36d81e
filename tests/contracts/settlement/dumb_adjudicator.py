"""A second adjudicator, slow and plain, that shares no code with the first.

It works in ``Fraction`` yuan on the raw case file, knows one big parametrised policy (the same as
``GENERAL`` in the restricted language), and rounds to the fen by its own rule. Where it and the
engine differ, one of them is wrong.
"""

from __future__ import annotations

from fractions import Fraction
from math import floor
from random import Random
from typing import Any

GENERAL = """
def settle(case):
    p = case["parameters"]
    sums = case["sums"]
    in_scope = sums["in_scope_fen"]
    first = 0
    share = "100%"
    shift = 0
    if case["filing"]["type"] == "other":
        if p["formula"] == "points":
            shift = 0 - p["cut"]
        elif p["formula"] == "first_pay":
            first = part(in_scope, ratio(p["cut"], 100), "first_pay_of_filing")
        else:
            share = ratio(100 - p["cut"], 100)
    scope = in_scope - first
    nominal = nth(p["deductibles"], case["visit"]["admission_number"])
    nominal = capped(nominal, remaining(p["deductible_year"], counter(case, "deductible_fen")))
    deductible = min(nominal, scope)
    base = scope
    if p["cap_kind"] == "base":
        base = capped(scope, deductible + remaining(p["cap"], counter(case, "base_fen")))
    table = []
    for upper, text in p["bands"]:
        push(table, (upper, times(points(text, shift), share)))
    if p["inside"]:
        basic = bands(base, table, deductible, "basic")
    else:
        basic = bands(above(base, deductible), table, 0, "basic")
    if p["cap_kind"] == "payment":
        basic = capped(basic, remaining(p["cap"], counter(case, "paid_fen")), "cap")
    critical_base = in_scope - basic
    if p["critical_with_first_pay"]:
        critical_base = critical_base + sums["first_pay_fen"]
    before = counter(case, "critical_fen")
    if p["axis_after"]:
        low = above(before, p["critical_deductible"])
        high = above(before + critical_base, p["critical_deductible"])
        critical = bands(high, p["critical_bands"], low, "critical")
    else:
        start = max(before, p["critical_deductible"])
        critical = bands(before + critical_base, p["critical_bands"], start, "critical")
    critical = min(critical, in_scope - basic)
    left = in_scope - basic - critical
    assistance = 0
    if has_identity(case, "minimum_living"):
        assistance = part(left, p["assistance"], "assistance")
    left = left - assistance
    inside = part(above(left, p["commercial_deductible"]), "50%", "commercial_in")
    outside = above(sums["own_expense_fen"], p["commercial_deductible"])
    outside = part(outside, "30%", "commercial_out")
    limit = left - inside
    if p["account_pays_all"]:
        limit = sums["total_fen"]
    return {
        "payments": [
            payment("390100", basic, "basic"),
            payment("390200", critical, "critical"),
            payment("610100", assistance, "assistance"),
            payment("commercial", inside, "commercial", "in_scope"),
            payment("commercial", outside, "commercial", "out_of_scope"),
        ],
        "deductible_fen": deductible,
        "counters": {
            "deductible_fen": deductible,
            "base_fen": max(0, base - deductible),
            "paid_fen": basic,
            "critical_fen": critical_base,
        },
        "account_limit_fen": limit,
    }
"""


def fen(value: Fraction) -> int:
    """Half up."""
    return floor(value + Fraction(1, 2))


def percent(text: str) -> Fraction:
    return Fraction(text.rstrip("%")) / 100


def integral(low: Fraction, high: Fraction, table: list[Any], change: Any) -> Fraction:
    """Sum of ratio over the stretch from low to high, band by band."""
    edges = [Fraction(0)] + [Fraction(10**15) if u is None else Fraction(u) for u, _ in table]
    total = Fraction(0)
    for bottom, top, (_, text) in zip(edges, edges[1:], table, strict=False):
        stretch = min(high, top) - max(low, bottom)
        if stretch > 0:
            total += stretch * change(percent(text))
    return total


def split(document: dict[str, Any]) -> dict[str, int]:
    """Step 1 from the raw lines."""
    sums = dict.fromkeys(("total", "own", "over", "first", "scope"), 0)
    for line in document["lines"]:
        amount = line.get("amount_fen")
        if amount is None:
            amount = fen(Fraction(line["unit_price_e6"] * line["quantity_e4"], 10**8))
        item = document["catalogue"].get(line["code"])
        sums["total"] += amount
        ok = item is not None and item["class"] != "03"
        if ok and item["restricted"]:
            ok = line.get("confirmed", 0) == 1
        elif ok:
            ok = line.get("confirmed", 0) != 2
        if not ok:
            sums["own"] += amount
            continue
        ceiling = item["ceilings_e6"].get(str(document["institution"]["level"]))
        if ceiling is None:
            ceiling = item["ceilings_e6"].get("0")
        over = 0
        if ceiling is not None:
            allowed = fen(Fraction(ceiling * line.get("quantity_e4", 10_000), 10**8))
            over = max(0, amount - allowed)
        first = fen((amount - over) * percent(item["first_pay"])) if item["class"] == "02" else 0
        sums["over"] += over
        sums["first"] += first
        sums["scope"] += amount - over - first
    return sums


def decide(document: dict[str, Any]) -> dict[str, int]:
    """Every amount of the settlement, by plain arithmetic."""
    p, counters = document["parameters"], document["counters"]
    sums = split(document)
    scope0 = sums["scope"]
    cut = p["cut"] if document["filing"]["type"] == "other" else 0
    first = fen(Fraction(scope0 * cut, 100)) if p["formula"] == "first_pay" else 0
    scope = scope0 - first

    def change(ratio: Fraction) -> Fraction:
        if p["formula"] == "points":
            return max(Fraction(0), ratio - Fraction(cut, 100))
        return ratio * Fraction(100 - cut, 100) if p["formula"] == "factor" else ratio

    deductibles, number = p["deductibles"], document["visit"]["admission_number"]
    nominal = deductibles[number - 1] if number <= len(deductibles) else deductibles[-1]
    room = p["deductible_year"] - counters["deductible_fen"]
    deductible = max(0, min(nominal, room, scope))
    base = scope
    if p["cap_kind"] == "base":
        base = min(scope, deductible + max(0, p["cap"] - counters["base_fen"]))
    if p["inside"]:
        basic = fen(integral(Fraction(deductible), Fraction(base), p["bands"], change))
    else:
        covered = max(0, base - deductible)
        basic = fen(integral(Fraction(0), Fraction(covered), p["bands"], change))
    if p["cap_kind"] == "payment":
        basic = min(basic, max(0, p["cap"] - counters["paid_fen"]))
    critical_base = scope0 - basic + (sums["first"] if p["critical_with_first_pay"] else 0)
    low, high = counters["critical_fen"], counters["critical_fen"] + critical_base
    edge = p["critical_deductible"]
    if p["axis_after"]:
        low, high = max(0, low - edge), max(0, high - edge)
    else:
        low = max(low, edge)
    critical = fen(integral(Fraction(low), Fraction(high), p["critical_bands"], lambda r: r))
    critical = min(critical, scope0 - basic)
    left = scope0 - basic - critical
    needy = "minimum_living" in document["person"]["identity_types"]
    assistance = fen(left * percent(p["assistance"])) if needy else 0
    left -= assistance
    inside = fen(Fraction(max(0, left - p["commercial_deductible"]), 2))
    outside = fen(max(0, sums["own"] - p["commercial_deductible"]) * Fraction(3, 10))
    person = sums["total"] - basic - critical - assistance - inside - outside
    limit = person if p["account_pays_all"] else min(person, left - inside)
    account = min(limit, document["account_balance_fen"]) if document["use_account"] else 0
    return {
        "total_fen": sums["total"], "own_expense_fen": sums["own"],
        "over_ceiling_fen": sums["over"], "first_pay_fen": sums["first"], "in_scope_fen": scope0,
        "deductible_fen": deductible, "funds_fen": basic + critical + assistance,
        "basic": basic, "critical": critical, "assistance": assistance,
        "commercial_fen": inside + outside, "person_fen": person, "account_fen": account,
        "cash_fen": person - account,
        "critical_after": counters["critical_fen"] + critical_base,
    }  # fmt: skip


def random_bands(random: Random, top: int) -> list[list[Any]]:
    uppers = sorted({random.randrange(1, top) for _ in range(random.randrange(4))})
    ratios = sorted(random.randrange(0, 10_001) for _ in range(len(uppers) + 1))
    texts = [f"{r // 100}.{r % 100:02d}%" for r in ratios]
    rows: list[list[Any]] = [[u, t] for u, t in zip(uppers, texts, strict=False)]
    return [*rows, [None, texts[-1]]]


def random_document(random: Random) -> dict[str, Any]:
    """A case file with its policy's parameters; small and large bills, used and fresh counters."""
    scale = random.choice([300, 20_000, 1_000_000, 50_000_000])

    def amount() -> int:
        return random.choice([0, random.randrange(scale), random.randrange(10 * scale)])

    catalogue = {
        str(code): {
            "class": random.choice(["01", "02", "02", "03"]),
            "first_pay": random.choice(["0%", "3%", "10%", "12.5%", "50%"]),
            "restricted": random.random() < 0.2,
            "ceilings_e6": {
                level: random.randrange(scale * 10_000)
                for level in ("0", "1", "2", "3")
                if random.random() < 0.25
            },
        }
        for code in range(6)
    }
    lines: list[dict[str, Any]] = []
    for _ in range(random.randrange(1, 8)):
        line: dict[str, Any] = {"code": str(random.randrange(7)), "confirmed": random.randrange(3)}
        if random.random() < 0.5:
            line["unit_price_e6"] = random.randrange(scale * 10_000)
            line["quantity_e4"] = random.randrange(1, 50_000)
        else:
            line["amount_fen"] = amount()
        lines.append(line)
    return {
        "lines": lines,
        "catalogue": catalogue,
        "person": {"identity_types": random.choice([[], ["minimum_living"], ["disabled"]])},
        "visit": {"admission_number": random.randrange(1, 5)},
        "institution": {"level": random.randrange(4)},
        "filing": {"type": random.choice(["none", "referral", "other", "other"])},
        "counters": {
            name: amount() for name in ("deductible_fen", "base_fen", "paid_fen", "critical_fen")
        },
        "use_account": random.random() < 0.5,
        "account_balance_fen": amount(),
        "parameters": {
            "formula": random.choice(["points", "first_pay", "factor"]),
            "cut": random.randrange(0, 101),
            "deductibles": [amount() for _ in range(random.randrange(1, 4))],
            "deductible_year": amount() + scale,
            "bands": random_bands(random, 5 * scale),
            "inside": random.random() < 0.5,
            "cap_kind": random.choice(["none", "base", "payment"]),
            "cap": amount(),
            "critical_with_first_pay": random.random() < 0.5,
            "axis_after": random.random() < 0.5,
            "critical_deductible": amount(),
            "critical_bands": random_bands(random, 5 * scale),
            "assistance": random.choice(["60%", "70%", "77.77%"]),
            "commercial_deductible": amount(),
            "account_pays_all": random.random() < 0.5,
        },
    }
