"""Scenes of filings (备案) that come late, and of those that end."""

from __future__ import annotations

from typing import Any

from contracts.api import Value
from node.ledger import codec
from tests.cli.screens import Screens
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


@scene
def a_filing_after_the_discharge(country: Country, tell: Tell) -> None:
    """A filing made after the discharge, and the money that comes back."""
    country.on("2025-03-03")
    person = country.enrol("afterwards", birth="1959-09-09")
    claim = country.admit(person, referral=True)
    country.on("2025-03-07")
    bill = country.discharge(claim, *BILL)
    assert (bill.funds, bill.cash) == ("21,000.00", "10,000.00")
    assert bill.versions["filing"]["reason"] == "filing.none-filed"
    tell(
        f"A bill of {bill.total} yuan is settled at discharge without a filing: {bill.funds} are "
        f"paid, {bill.cash} are the patient's, and the statement says why (`filing.none-filed`)."
    )
    country.on("2025-03-20")
    said = {"filing": "430100f99", "person": person, "type": "referral", "channel": "app",
            "care_region": GUANGZHOU, "effective_from": "2025-02-01"}  # fmt: skip
    country.say(BUREAU_CHANGSHA, "filing", "submit", said, post="clerk",
                refused="filing.too-far-back")  # fmt: skip
    filed = country.file(person, "referral", GUANGZHOU, effective_from="2025-03-01")
    filing = f"{CHANGSHA}f{country.number}"
    assert filed.answer["status"] == "approved"
    tell(
        "Two weeks later he files. Changsha lets a filing begin up to 30 days back; from 1 "
        "February is refused (`filing.too-far-back`, with the earliest day), from 1 March is "
        "approved. Nothing that was settled changes by itself."
    )
    (row,) = affected(country, filing)
    assert (row["claim"], row["reason"], row["would_be"], row["in_time"]) == (
        claim, "filing.none-filed", "referral", False,
    )  # fmt: skip
    tell(
        "The bureau asks which settlements the filing would change (`yibao filing affected`) and "
        "finds this one, settled as not filed, now a referral that came late. It tells the "
        "hospital."
    )
    screens = Screens(country.world)
    ids = ("--reversal", f"{claim}-r", "--replacement", f"{claim}-n")
    command = ("claim", "resettle", claim, *ids, "--reason", "late_filing")
    asked = screens.json(HOSPITAL, "operator", *command, "--dry-run")["receipt"]["answer"]
    assert (asked["paid_back_fen"], asked["owed_fen"]) == (3_000_00, 0)
    assert country.claim(HOSPITAL, claim)["state"] == "settled"
    tell(
        "The hospital asks what it would come to before anything is written: "
        f"{yuan(asked['paid_back_fen'])} yuan back for the patient."
    )
    done = screens.json(HOSPITAL, "operator", *command)["receipts"][0]["receipt"]
    told = {(d["payer"], d["name"]): (d["before_fen"], d["after_fen"])
            for d in done["answer"]["differences"]}  # fmt: skip
    assert told[("fund", "310100")] == (21_000_00, 24_000_00)
    assert sum(leg["amount_fen"] for leg in done["postings"]) == 0
    old, new = country.claim(HOSPITAL, claim), country.claim(HOSPITAL, f"{claim}-n")
    assert (old["state"], old["reversal"], new["state"]) == ("reversed", f"{claim}-r", "settled")
    assert old["settled"]["cash_fen"] - new["settled"]["cash_fen"] == 3_000_00
    tell(
        "Then it settles the same bill again, in one step: the first settlement is taken back by "
        "an entry that names it, the new one stands in its place and in its order of the year, "
        "from the same charge lines byte for byte. The fund pays 24,000.00 instead of 21,000.00 "
        "yuan, 3,000.00 are handed to him at the counter."
    )
    assert affected(country, filing) == []
    tell("Asked again, the filing would change nothing any more.")
    again = screens.text(HOSPITAL, "operator", *command, code=0)
    assert "3,000.00" in again
    assert country.balances("payable:hospital:H44010000123") == {"310100": 24_000_00}
    tell("The same call sent once more gives the same answer and moves nothing.")


@scene
def filings_that_end(country: Country, tell: Tell) -> None:
    """Filings that end are told of before they do."""
    country.on("2025-02-03")
    person = country.enrol("papers", birth="1971-01-01")
    country.file(person, "posted_elsewhere", GUANGZHOU, on_commitment=True)
    other = country.enrol("half-year", birth="1955-05-05")
    country.file(other, "other", GUANGZHOU)
    tell(
        "Somebody who is posted to Guangzhou files with a promise to bring the papers within 30 "
        "days; a pensioner files for a visit of some months."
    )
    screens = Screens(country.world)
    told = screens.json(BUREAU_CHANGSHA, "clerk", "filing", "ending", "--warn")["told"]
    assert len(told) == 1
    assert screens.json(BUREAU_CHANGSHA, "clerk", "filing", "ending", "--warn")["told"] == []
    tell(
        "Every morning the bureau's clerk has the ledger tell of what ends within 30 days "
        "(`yibao filing ending --warn`): an event for the app, once for each end. The promise is "
        "told of today, the pensioner's six months are not yet."
    )
    country.on("2025-03-06")
    claim = country.admit(person)
    country.on("2025-03-08")
    bill = country.discharge(claim, (DRUG, "11000.00"))
    assert bill.versions["filing"]["reason"] == "filing.lapsed"
    tell(
        "The papers do not come, and the filing lapses by itself; nobody has to do anything. A "
        "stay in March is settled without it, and the statement names that as the reason "
        "(`filing.lapsed`)."
    )
    country.on("2025-07-07")
    told = screens.json(BUREAU_CHANGSHA, "clerk", "filing", "ending", "--warn")["told"]
    assert len(told) == 1
    country.on("2025-08-04")
    late = country.admit(other)
    country.on("2025-08-06")
    over = country.discharge(late, (DRUG, "2000.00"))
    assert over.versions["filing"]["reason"] == "filing.expired"
    tell(
        "In July the pensioner is told that her filing ends on 3 August. On the 4th it covers "
        "nothing more (`filing.expired`); what was settled under it stays."
    )
