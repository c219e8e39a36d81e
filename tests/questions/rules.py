"""Questions about the rules: filings, catalogues, policies, rounding, dates."""

from __future__ import annotations

from typing import Any

from tests.questions.asked import Asked, question

# By the list of all scenes: their order is that in which the modules are read.
from tests.scenes.all_scenes import late_filings
from tests.scenes.country import (
    BED,
    BUREAU_CHANGSHA,
    BUREAU_GUANGDONG,
    CHANGSHA,
    CHENGDU,
    DRUG,
    GUANGZHOU,
    HOSPITAL,
    Country,
)

HOME, CLERK = f"{BUREAU_CHANGSHA}/checker", f"{BUREAU_CHANGSHA}/clerk"
WINDOW = f"{HOSPITAL}/operator"

LATE = """
def less(case):
    if case["visit"]["emergency"] or case["filing"]["type"] == "referral":
        return 10
    if case["filing"]["group"] == "long_term":
        return 0
    return 20


def settle(case):
    in_scope = case["sums"]["in_scope_fen"]
    deductible = capped(yuan(1000), in_scope, "deductible")
    base = above(in_scope, deductible)
    if case["filing"]["type"] != "none" and not case["filing"]["in_time"]:
        base = base - part(base, "10%", "first_pay")
    basic = part(base, points("90%", -less(case)), "basic")
    return {"payments": [payment("310100", basic, "basic")], "deductible_fen": deductible}
"""
"""90 %, ten points less with a referral or in an emergency, twenty otherwise; whoever filed after
the discharge bears a tenth first."""


@question(1)
def filed_late_or_not(asked: Asked) -> None:
    """Same bill, filed / late-filed / not filed / emergency: four results, each explained. Which
    formula (points, first-pay, multiply)?"""
    country = asked.country
    country.deploy("310", LATE, "2025-02-01")
    people = [country.enrol(name) for name in ("filed", "late", "unfiled", "urgent")]
    country.on("2025-03-01")
    country.file(people[0], "referral", GUANGZHOU)
    claims = [country.admit(person) for person in people[:3]]
    claims.append(country.admit(people[3], post="doctor", emergency=True))
    country.on("2025-03-06")
    country.file(people[1], "referral", GUANGZHOU)
    country.on("2025-03-07")
    for claim in claims:
        country.discharge(claim, (BED, "2000.00"), (DRUG, "9000.00"), day="2025-03-05")
    asked.tell(
        "Four people, one bill of 11,000 yuan, in hospital from 1 to 5 March. The second one filed "
        "on the 6th, after the discharge and before the settlement: the filing covers the stay, "
        "and this policy lets late filers bear a tenth first."
    )
    asked.run(CLERK, "claim", "compare", *claims)
    asked.tell(
        "Which formula is the home policy's, and the steps say which it was. The three encodings "
        "that places use, on 10,000 yuan in scope, 80 % and 10:"
    )
    case = {"sums": {"total_fen": 1_000_000}}
    asked.file("case.json", case)
    for name, source in FORMULAS.items():
        asked.file(name, source)
        asked.run("", "policy", "run", asked.folder / name, asked.folder / "case.json",
                  only=("│ basic", "│ first", "│ share", "funds"))  # fmt: skip


def _policy(*lines: str) -> str:
    body = "\n".join(f"    {line}" for line in lines)
    return (
        'def settle(case):\n    in_scope = case["sums"]["in_scope_fen"]\n'
        f'{body}\n    return {{"payments": [payment("310100", basic, "basic")]}}\n'
    )


FORMULAS = {
    "points.py": _policy('basic = part(in_scope, points("80%", -10), "basic")'),
    "first-pay.py": _policy(
        'base = in_scope - part(in_scope, "10%", "first_pay")',
        'basic = part(base, "80%", "basic")',
    ),
    "multiply.py": _policy('basic = part(in_scope, times("80%", "90%"), "basic")'),
}
"""Minus ten points; a tenth borne first; times nine tenths."""


@question(2)
def whose_catalogue(asked: Asked) -> None:
    """Where is the catalogue of the place of care used, and what happens if catalogue versions
    differ between the two provinces?"""
    country = asked.country
    person = country.enrol("two-days")
    country.on("2025-03-01")
    row = [DRUG, "item 0001", "02", "20%", [], False, "other"]
    part = [row]
    loaded = publish(country, part, "2025.2", "2025-03-03")
    assert loaded
    country.file(person, "living_elsewhere", GUANGZHOU)
    claim = country.admit(person)
    country.on("2025-03-05")
    rows = [
        *country.lines((DRUG, "1000.00"), day="2025-03-02"),
        *country.lines((DRUG, "1000.00"), day="2025-03-04"),
    ]
    rows[1][0] = "2"
    args = {"claim": claim, "discharge": "2025-03-05", "total_fen": 200_000}
    country.say(HOSPITAL, "claim", "settle", args, {"settlement": {"lines": rows}})
    asked.tell(
        "Class, first-pay ratio and ceiling are the place of care's, by the day of each service; "
        "the receipt names every version that was used. From 3 March on Guangdong has the drug in "
        "class B with 20 % first pay, Hunan still has it in class A."
    )
    asks = ((GUANGZHOU, "2025-03-02"), (GUANGZHOU, "2025-03-04"), (CHANGSHA, "2025-03-04"))
    for region, day in asks:
        asked.run(CLERK, "catalogue", "item", region, DRUG, "--on", day,
                  only=("class", "first_pay", "version"))  # fmt: skip
    lines = ("version", "│ 440000", "Lines", "│ 1 ", "│ 2 ")
    asked.run(CLERK, "claim", "explain", claim, only=lines)
    asked.tell(
        "What the home province says of the item plays no part, unless its policy overrides the "
        "first-pay ratio (`first_pay`) or chooses the mode `home` for the region "
        "([policy-guide.md](policy-guide.md))."
    )


def publish(country: Country, rows: list[list[Any]], version: str, start: str) -> str:
    """Guangdong publishes another catalogue of these rows."""
    from node.ledger import codec

    loaded = country.say(BUREAU_GUANGDONG, "catalogue", "load_part",
                         {"kind": "items", "part": codec.encode(rows)}, post="checker")  # fmt: skip
    country.say(
        BUREAU_GUANGDONG, "catalogue", "publish",
        {"region": "440000", "version": version, "effective_from": start,
         "parts": [loaded.answer["hash"]]}, post="checker",
    )  # fmt: skip
    return str(loaded.answer["hash"].hex())


@question(3)
def a_policy_that_changes_meanwhile(asked: Asked) -> None:
    """What if home-province policy changes between admission and discharge?"""
    country = asked.country
    country.deploy("310", LATE.replace("90%", "85%"), "2025-04-01")
    people = [country.enrol("before"), country.enrol("after")]
    country.on("2025-03-28")
    for person in people:
        country.file(person, "referral", GUANGZHOU)
    claims = [country.admit(person) for person in people]
    for claim, day in zip(claims, ("2025-03-31", "2025-04-02"), strict=True):
        country.on(day)
        country.discharge(claim, (DRUG, "11000.00"))
    asked.tell(
        "The version that is in force on the day of discharge decides the whole stay; the "
        "catalogue goes by the day of each service, the filing by the day of admission. Two stays "
        "from 28 March on, discharged before and after the change of 1 April:"
    )
    for day in ("2025-03-31", "2025-04-02"):
        asked.run(CLERK, "policy", "show", CHANGSHA, "310", "--on", day,
                  only=("│ number", "│ effective_from"), end=2)  # fmt: skip
    asked.run(CLERK, "claim", "compare", *claims)


@question(14)
def to_the_last_fen(asked: Asked) -> None:
    """Rounding: fund half-up to 分; do the layers still add to the total to the last 分?"""
    asked.tell(
        "Every part is rounded once, half up; what nobody pays is the person's, so it adds up by "
        "construction, and the engine asserts it on every decision. 333.33 yuan at 50.5 %, 33 % "
        "and 77.7 %:"
    )
    asked.file("layers.py", LAYERS)
    asked.file("case.json", {"sums": {"total_fen": 33_333}})
    asked.run("", "policy", "run", asked.folder / "layers.py", asked.folder / "case.json")
    asked.tell(
        "And on as many made-up bills as one likes; it ends with 1 when one does not add up:"
    )
    asked.run("", "policy", "fuzz", asked.folder / "layers.py", "--people", 5, "--scheme", "310",
              "--jump", 10_000)  # fmt: skip


LAYERS = """
def settle(case):
    left = case["sums"]["in_scope_fen"]
    basic = part(left, "50.5%", "basic")
    critical = part(left - basic, "33%", "critical")
    assistance = part(left - basic - critical, "77.7%", "assistance")
    return {"payments": [payment("310100", basic, "basic"),
                         payment("390200", critical, "critical"),
                         payment("610100", assistance, "assistance")]}
"""


@question(15)
def days_and_months(asked: Asked) -> None:
    """Leap year, 6-month expiry at month end, working-day deadlines over Spring Festival."""
    country = asked.country
    asked.tell("A term in months ends on the same day, or on the month's last:")
    for day in ("2023-08-31", "2024-08-31", "2024-02-29"):
        asked.run("", "due", day, "--months", 6)
    late_filings.holidays(country, **late_filings.SPRING_FESTIVAL)
    asked.tell(
        "Holidays, and the weekends that are worked for them, are a parameter that the centre "
        "publishes each year. Two working days from Monday, 27 January 2025:"
    )
    asked.run(CLERK, "due", "2025-01-27", "--working-days", 2)
    late_filings.set_rules(country, automatic=[])
    country.on("2025-01-27")
    person = country.enrol("late-month")
    country.file(person, "referral", GUANGZHOU)
    asked.tell("So is the clerk's list, and so is what is overdue when the holidays are over:")
    asked.run(CLERK, "filing", "queue")
    country.on("2025-02-07")
    country.file(person, "other", CHENGDU)
    asked.run(CLERK, "filing", "queue")
