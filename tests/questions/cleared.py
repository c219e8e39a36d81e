"""Questions that take a month: what goes back after clearing, who finds fault with a line."""

from __future__ import annotations

from contracts.api import Value
from tests.contracts.world import BUREAU_GUANGDONG, CENTRE
from tests.questions.asked import Asked, question
from tests.questions.parties import CLERK, WINDOW
from tests.scenes.country import (
    BUREAU_CHANGSHA,
    BUREAU_GUANGZHOU,
    BUREAU_HUNAN,
    CHANGSHA,
    DRUG,
    EXAMINATION,
    FINANCE_GUANGDONG,
    FINANCE_HUNAN,
    GUANGZHOU,
    HOSPITAL,
    Country,
    fen,
)

BANK = "bank:icbc"
HUNAN_MONEY = "bureau:430000/finance"
MARCH, APRIL = "2025-03", "2025-04"
FIRST, SECOND = fen("3600.00"), fen("900.00")
"""What the fund pays of 5,000.00 (deductible 1,000.00) and of 1,500.00 (500.00), 90 %."""


INPATIENT, OUTPATIENT = "310212", "310112"
"""Clearing types of employees from another province."""


def declared(
    country: Country, month: str, rows: dict[str, tuple[int, int]], day: str,
    kind: str = INPATIENT,
) -> None:  # fmt: skip
    """The hospital declares a month row by row, and closes it on a day: bill and funds, in fen."""
    told: list[Value] = [
        {"settlement": name, "total_fen": bill, "funds_fen": funds, "accounts_fen": 0}
        for name, (bill, funds) in rows.items()
    ]
    bill, funds = (sum(row[place] for row in rows.values()) for place in (0, 1))
    total: Value = {
        "scheme": "310", "clearing_type": kind, "agency": CHANGSHA, "settlements": len(rows),
        "total_fen": bill, "funds_fen": funds, "accounts_fen": 0,
    }  # fmt: skip
    country.say(HOSPITAL, "declaration", "declare", {"month": month, "rows": told},
                post="finance")  # fmt: skip
    country.on(day)
    country.say(HOSPITAL, "declaration", "close", {"month": month, "totals": [total]},
                post="finance")  # fmt: skip


def confirmed(country: Country, month: str, amount_fen: int) -> None:
    """The bureau of the place of care audits a declared month and confirms what it owes."""
    which: dict[str, Value] = {"institution": HOSPITAL, "month": month}
    country.say(BUREAU_GUANGZHOU, "declaration", "audit", which, post="audit")
    country.say(BUREAU_GUANGZHOU, "declaration", "confirm", which | {"amount_fen": amount_fen},
                post="checker")  # fmt: skip


def cleared(country: Country, month: str, amount_fen: int) -> None:
    """The centre cuts the period; both provinces confirm the statement."""
    country.say(CENTRE, "clearing", "cut", {"period": month}, post="finance")
    for bureau in (BUREAU_HUNAN, BUREAU_GUANGDONG):
        word = {"period": month, "home": "430000", "care": "440000", "amount_fen": amount_fen}
        country.say(bureau, "clearing", "confirm", word, post="finance")


def paid(country: Country, payer: str, notice: str, amount_fen: int) -> None:
    """Maker, checker, bank."""
    country.number += 1
    payment = f"{payer}:{country.number}"
    order = {"payment": payment, "notice": notice, "amount_fen": amount_fen, "bank": BANK}
    country.say(payer, "payment", "order", order, post="finance")
    country.say(payer, "payment", "approve", {"payment": payment}, post="checker")
    told = {"payment": payment, "amount_fen": amount_fen, "reference": f"B-{country.number}",
            "value_on": country.today}  # fmt: skip
    country.say(BANK, "payment", "confirm", told)


@question(4)
def taken_back(asked: Asked) -> None:
    """Reverse a settlement after clearing: do next period's totals, prepay usage and accumulators
    stay right?"""
    country = asked.country
    person = country.enrol("patient")
    other = country.enrol("other")
    country.on("2025-03-03")
    country.say(CENTRE, "clearing", "open", {"period": MARCH}, post="finance")
    quota = {"home": "430000", "care": "440000", "scheme": "310", "quota_fen": fen("5000.00")}
    country.say(CENTRE, "advance", "set_quota", quota, post="finance")
    for who in (person, other):
        country.file(who, "living_elsewhere", GUANGZHOU)
    claim = country.admit(person)
    country.on("2025-03-06")
    country.discharge(claim, (DRUG, "5000.00"))
    paid(country, FINANCE_HUNAN, "advance:430000:440000:1", fen("5000.00"))
    declared(country, MARCH, {claim: (fen("5000.00"), FIRST)}, "2025-04-01")
    confirmed(country, MARCH, FIRST)
    paid(country, FINANCE_GUANGDONG, f"institution:{MARCH}:{HOSPITAL}", FIRST)
    cleared(country, MARCH, FIRST)
    paid(country, FINANCE_HUNAN, f"clearing:{MARCH}:430000:440000", FIRST)
    country.say(CENTRE, "clearing", "close", {"period": MARCH}, post="finance")
    second = country.admit(other)
    country.on("2025-04-03")
    country.discharge(second, (DRUG, "2000.00"))
    asked.tell(
        "March was declared, audited, confirmed by both provinces and paid by both, with one stay "
        "of 5,000.00 yuan of which the fund pays 3,600.00. In April another person was treated "
        "for 2,000.00. The period of March, the use of the advance and what the first person has "
        "used up:"
    )
    look(asked, MARCH)
    asked.run(CLERK, "person", "used", person, 2025, only=("counters",))
    asked.tell(
        "Then the first bill turns out to be wrong. Money that is cleared goes back only with the "
        "consent of both bureaus, each given by two people for this amount; without it:"
    )
    back = {"claim": claim, "reversal": f"{claim}-r", "reason": "wrong_bill"}
    asked.file("reverse.json", {"args": back})
    asked.run(WINDOW, "claim", "reverse", asked.folder / "reverse.json", code=1,
              only=("status", "code", "compared", "next"))  # fmt: skip
    for bureau, side in ((BUREAU_GUANGZHOU, "care"), (BUREAU_CHANGSHA, "home")):
        args: dict[str, Value] = {"claim": claim, "side": side, "amount_fen": fen("5000.00")}
        country.say(bureau, "claim", "ask_consent", args, post="clerk")
        country.say(bureau, "claim", "give_consent", args, post="checker")
    country.on("2025-04-03", hour=16)
    asked.run(WINDOW, "claim", "reverse", asked.folder / "reverse.json",
              only=("status", "state", "Postings", "clearing", "fund:"))  # fmt: skip
    asked.tell(
        "The settlement stays as it was; its postings come again with the other sign, and the "
        "counters lose exactly what it had added. March stays closed with its total, for good:"
    )
    asked.run(CLERK, "person", "used", person, 2025, only=("counters", "settlements"))
    asked.run(HUNAN_MONEY, "clearing", "statement", MARCH, "430000", "440000",
              only=("stage", "│ total "))  # fmt: skip
    rows = {second: (fen("2000.00"), SECOND), f"{claim}-r": (-fen("5000.00"), -FIRST)}
    declared(country, APRIL, rows, "2025-05-01")
    confirmed(country, APRIL, SECOND - FIRST)
    cleared(country, APRIL, SECOND - FIRST)
    asked.tell(
        "It is a negative row of the month in which it was taken back. April comes to 900.00 "
        "less 3,600.00, so Guangdong owes Hunan 2,700.00. The advance is measured by each month's "
        "clearing: March used 72 % of it (yellow), April is below zero and uses nothing (green):"
    )
    look(asked, APRIL)
    paid(country, FINANCE_GUANGDONG, f"clearing:{APRIL}:430000:440000", FIRST - SECOND)
    country.say(CENTRE, "clearing", "close", {"period": APRIL}, post="finance")
    asked.tell("That is paid, and between the provinces everything is even:")
    asked.run(HUNAN_MONEY, "fund", "postings", "clearing:430000->440000")
    asked.run(CLERK, "claim", "show", claim, only=("state", "reversal", "declared"))


def look(asked: Asked, month: str) -> None:
    """The pair's statement of a month, and the advance."""
    asked.run(HUNAN_MONEY, "clearing", "statement", month, "430000", "440000",
              only=("period", "total", "confirmed_by", "paid", "advance", "310100"))  # fmt: skip
    asked.run(HUNAN_MONEY, "advance", "show", "430000", "440000",
              only=("period", "prepaid", "scheme ", "310"))  # fmt: skip


@question(12)
def rules_and_findings(asked: Asked) -> None:
    """A rule hit at each level: warn (settles), review (holds, appealable), block (refused) - who
    may override, and where is the reason kept?"""
    country = asked.country
    asked.tell(
        "Supervision rules are not in this version ([LIMITATIONS](../LIMITATIONS.md)): no rule "
        "warns, holds or blocks by itself, so of the three levels there is no command to show. "
        "Two things decide on lines today. At settlement the catalogue: class, ceiling and "
        "restriction, each with its reason in the explanation; what overrides a restriction is "
        "the practitioner's signed confirmation on the line, and nothing else."
    )
    person = country.enrol("patient")
    country.on("2025-03-03")
    country.say(CENTRE, "clearing", "open", {"period": MARCH}, post="finance")
    country.file(person, "living_elsewhere", GUANGZHOU)
    bill = country.visit(person, (EXAMINATION, "300.00"), (DRUG, "700.00"))
    asked.run(CLERK, "claim", "explain", bill.claim, only=("Lines", "┃ line", "│ 1 ", "│ 2 "))
    asked.tell(
        "After it, when the month is declared, people: the bureau of the place of care gives "
        "notice of a deduction with a reason for each line, the institution may object until a "
        "day, and another person of the bureau decides. What is upheld the institution bears, "
        "never the patient:"
    )
    rows = {bill.claim: (fen("1000.00"), fen(bill.funds))}
    declared(country, MARCH, rows, "2025-04-01", OUTPATIENT)
    lines: Value = [{"line": "1", "line_fen": fen("300.00"), "amount_fen": fen("100.00"),
                     "reason": "repeated_charge"}]  # fmt: skip
    notice: dict[str, Value] = {"deduction": f"{GUANGZHOU}-d1", "claim": bill.claim,
                                "amount_fen": fen("100.00")}  # fmt: skip
    country.say(BUREAU_GUANGZHOU, "audit", "notice", notice, {"audit": {"lines": lines}},
                post="audit")  # fmt: skip
    decide = {"deduction": f"{GUANGZHOU}-d1", "amount_fen": fen("60.00")}
    asked.file("decide.json", {"args": decide})
    asked.run(f"{BUREAU_GUANGZHOU}/checker", "audit", "decide", asked.folder / "decide.json",
              code=1, only=("status", "code", "compared"))  # fmt: skip
    country.say(HOSPITAL, "audit", "answer",
                {"deduction": f"{GUANGZHOU}-d1", "answer": "object"},
                {"audit": {"statement": "both were ordered"}}, post="clerk")  # fmt: skip
    country.on("2025-04-02")
    upheld: Value = [{"line": "1", "amount_fen": fen("60.00")}]
    asked.file("decide.json", {"args": decide, "attachments": {"audit": {"lines": upheld}}})
    asked.run(f"{BUREAU_GUANGZHOU}/checker", "audit", "decide", asked.folder / "decide.json",
              only=("status", "Postings", "hospital_share", "fund:", "payable"))  # fmt: skip
    asked.run(f"{BUREAU_GUANGZHOU}/audit", "audit", "show", f"{GUANGZHOU}-d1")
    period = ("--from", MARCH, "--to", MARCH)
    asked.run(f"{BUREAU_GUANGZHOU}/audit", "audit", "refused", HOSPITAL, *period)
