"""Scenes of filings (备案) that come late, and of those that end."""

from __future__ import annotations

from typing import Any

from contracts.api import Value
from node.ledger import codec
from tests.node.api.real import reader
from tests.scenes.country import (
    BED,
    BUREAU_CHANGSHA,
    CHANGSHA,
    DRUG,
    EXAMINATION,
    FILING_RULES,
    GUANGZHOU,
    HOSPITAL,
    Country,
    yuan,
)
from tests.scenes.told import Tell, scene

BILL = ((BED, "2000.00"), (EXAMINATION, "5000.00"), (DRUG, "24000.00"))
"""31,000 yuan: 30,000 above the deductible, so ten points are 3,000 yuan."""


def waiting(country: Country, work: str = "filings") -> list[dict[str, Any]]:
    """The clerk's list at the home bureau."""
    rows: list[dict[str, Any]] = country.look(BUREAU_CHANGSHA, f"/v1/work/{work}")["rows"]
    return rows


def set_rules(country: Country, **changes: Any) -> None:
    """The home bureau changes its rules for filings."""
    country.say(
        BUREAU_CHANGSHA, "organisations", "set_parameter",
        {"name": "filing", "region": CHANGSHA, "value": FILING_RULES | changes}, post="checker",
    )  # fmt: skip


def estimate(country: Country, claim: str, *items: tuple[str, str], day: str) -> dict[str, int]:
    """What a settlement would come to now, fen; nothing is written."""
    rows = country.lines(*items, day=day)
    args = {"claim": claim, "discharge": country.today, "total_fen": sum(row[5] for row in rows)}
    content = codec.encode({"lines": rows})
    attachments = [["settlement", bytes(32), content]]
    body = codec.encode(["claim", "estimate", args, attachments])
    reply = country.world.api.post(
        "/v1/estimate", body, "application/octet-stream", reader(HOSPITAL, "operator")
    )
    assert reply.status == 200, reply.body
    amounts: dict[str, int] = reply.json()["receipt"]["amounts"]
    return amounts


def affected(country: Country, filing: str) -> list[dict[str, Any]]:
    """Settled claims that the filing would change, as the home bureau lists them."""
    rows: list[dict[str, Any]]
    rows = country.look(BUREAU_CHANGSHA, f"/v1/filings/{filing}/affected")["claims"]
    return rows


def holidays(country: Country, **days: Value) -> None:
    """The centre publishes the year's holidays and the weekends that are worked for them."""
    country.say(
        "centre", "organisations", "set_parameter",
        {"name": "holidays", "region": "000000", "value": days}, post="checker",
    )  # fmt: skip


SPRING_FESTIVAL: dict[str, Value] = {
    "off": ["2025-01-28", "2025-01-29", "2025-01-30", "2025-01-31", "2025-02-03", "2025-02-04"],
    "on": ["2025-01-26", "2025-02-08"],
}
"""As the State Council announced it for 2025."""


@scene
def a_filing_on_day_five(country: Country, tell: Tell) -> None:
    """A forgotten filing, made on day five of the stay."""
    set_rules(country, automatic=["other"])
    holidays(country, **SPRING_FESTIVAL)
    country.on("2025-01-23")
    person = country.enrol("forgetful", birth="1962-11-11")
    claim = country.admit(person, referral=True)
    tell(
        "Five days before the Spring Festival a patient of Changsha is sent on to a hospital in "
        "Guangzhou. Nobody thinks of the filing; the stay is registered all the same."
    )
    country.on("2025-01-27")
    before = estimate(country, claim, *BILL, day="2025-01-24")
    assert (before["funds_fen"], before["person_fen"]) == (21_000_00, 10_000_00)
    tell(
        f"On day five the hospital reckons up for him a bill of {yuan(before['total_fen'])} yuan. "
        f"The fund would pay {yuan(before['funds_fen'])}, 70 % above the deductible, because there "
        "is no filing."
    )
    filed = country.file(person, "referral", GUANGZHOU)
    assert filed.answer["status"] == "pending"
    (row,) = waiting(country)
    assert (row["due_on"], row["working_days_left"]) == ("2025-02-06", 2)
    tell(
        "His daughter files in the app the same day. Referrals are looked at by a clerk, within "
        f"two working days: the list says {row['due_on']}, because the holidays lie between."
    )
    country.on("2025-01-27", hour=15)
    country.say(
        BUREAU_CHANGSHA, "filing", "decide",
        {"filing": row["filing"], "version": 2, "decision": "approve"}, post="clerk",
    )  # fmt: skip
    assert waiting(country) == []
    tell("The clerk on duty does not wait for that day and approves it in the afternoon.")
    country.on("2025-01-29")
    bill = country.discharge(claim, *BILL, day="2025-01-29")
    assert (bill.total, bill.funds, bill.person) == ("31,000.00", "24,000.00", "7,000.00")
    assert bill.versions["filing"]["type"] == "referral"
    tell(
        f"At discharge the filing reaches back to the day of admission: {bill.funds} yuan are "
        f"paid, {yuan(bill.amounts['funds_fen'] - before['funds_fen'])} more than on day five, and "
        f"he pays {bill.cash} yuan."
    )
    assert affected(country, row["filing"]) == []
    tell("There is nothing to put right afterwards: it came before the bill was settled.")
