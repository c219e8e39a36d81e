"""Scenes of people who fall ill, or are treated, away from home."""

from __future__ import annotations

from hashlib import sha256

from contracts.api import Value
from tests.cli.screens import Screens
from tests.contracts.world import BANK
from tests.scenes.country import (
    BED,
    BUREAU_CHANGSHA,
    CHENGDU,
    CHENGDU_HOSPITAL,
    COSMETIC,
    DIABETES,
    DRUG,
    EXAMINATION,
    GUANGZHOU,
    HOSPITAL,
    Country,
    yuan,
)
from tests.scenes.told import Tell, scene


@scene
def a_migrant_workers_appendicitis(country: Country, tell: Tell) -> None:
    """A migrant worker's appendicitis, 30,000 yuan at 70 %."""
    country.on("2025-03-03")
    worker = country.enrol("worker", scheme="390", category="resident", account=False)
    country.file(worker, "other", GUANGZHOU)
    tell(
        "A farmer insured in Changsha as a resident works in Guangzhou. Before he leaves he files "
        "in the app for temporary care there."
    )
    country.on("2025-04-10")
    claim = country.admit(worker)
    country.on("2025-04-15")
    bill = country.discharge(claim, (BED, "3000.00"), (EXAMINATION, "7000.00"), (DRUG, "20000.00"))
    assert (bill.total, bill.funds, bill.person) == ("30,000.00", "21,000.00", "9,000.00")
    tell(
        f"In April his appendix is taken out: {bill.total} yuan, all of it in scope. With a "
        f"temporary filing the residents' pool pays 70 % instead of the 80 % at home, "
        f"{bill.funds} yuan. He pays {bill.cash} yuan and leaves; nobody at home has to reimburse "
        "anything."
    )
    assert country.claim(BUREAU_CHANGSHA, claim)["state"] == "settled"
    tell("The bureau at home reads the same settlement on its own node at once.")


@scene
def a_retired_persons_outpatient_bill(country: Country, tell: Tell) -> None:
    """A retired person who lives with her children, an outpatient bill at 85 %."""
    country.on("2025-02-10")
    retired = country.enrol("retired", birth="1955-05-05", category="retired")
    country.file(retired, "retired_elsewhere", GUANGZHOU)
    country.on("2025-09-02")
    bill = country.visit(retired, (EXAMINATION, "91.96"), (DRUG, "200.00"))
    assert (bill.total, bill.funds, bill.person) == ("291.96", "248.17", "43.79")
    tell(
        "A pensioner of Changsha has moved to her children in Guangzhou and is filed there for "
        f"good. An outpatient visit costs {bill.total} yuan. Who is filed for long-term residence "
        f"is paid as at home: 85 %, {bill.funds} yuan. She pays {bill.cash} yuan."
    )
    at_home = country.visit(retired, (DRUG, "100.00"), hospital="hospital:H43010000001")
    assert at_home.funds == "85.00"
    tell(
        "On a visit to Changsha she sees a doctor there, and is paid as before "
        f"({at_home.funds} of {at_home.total} yuan): the filing took nothing away from her at home."
    )


@scene
def a_chronic_patient_in_two_cities(country: Country, tell: Tell) -> None:
    """A chronic patient is seen in two cities."""
    country.on("2025-01-20")
    person = country.enrol(
        "chronic", birth="1960-01-01", category="retired",
        entitlements=[{"disease": DIABETES, "from": "2024-01-01"}],
    )  # fmt: skip
    country.file(person, "living_elsewhere", GUANGZHOU)
    tell(
        "The home bureau has recognised a chronic disease of this pensioner, who spends the winter "
        "in Guangzhou and is filed there."
    )
    clinical = {"chronic_disease": DIABETES}
    first = country.visit(person, (DRUG, "400.00"), kind="chronic", clinical=clinical)
    assert first.funds == "340.00"
    tell(
        f"Guangzhou settles a chronic visit of {first.total} yuan at 85 %: {first.funds} yuan from "
        "the pool."
    )
    country.on("2025-05-12")
    unfiled = country.visit(
        person, (DRUG, "400.00"), hospital=CHENGDU_HOSPITAL, kind="chronic", clinical=clinical
    )
    assert unfiled.funds == "260.00"
    tell(
        "In May she travels on to Chengdu, for which there is no filing. She is settled all the "
        f"same, with 20 points less: {unfiled.funds} yuan, and the explanation names the reason "
        "and the filing that would have helped."
    )
    country.file(person, "other", CHENGDU)
    filed = country.visit(
        person, (DRUG, "400.00"), hospital=CHENGDU_HOSPITAL, kind="chronic", clinical=clinical
    )
    assert filed.funds == unfiled.funds
    tell(
        "She files in the app at once. A temporary filing without a referral leaves the ratio "
        f"where it is, {filed.funds} yuan; what she is missing is a filing for Chengdu as a place "
        "to live."
    )
    code = country.denied(CHENGDU_HOSPITAL, f"/v1/claims/{first.claim}")
    tell(f"Chengdu's hospital asks for the visit in Guangzhou and may not see it (`{code}`).")


@scene
def an_emergency_appendectomy(country: Country, tell: Tell) -> None:
    """An emergency appendectomy of a traveller who is found to be insured in another province."""
    country.on("2025-07-01")
    traveller = country.enrol("traveller", sex="male", birth="1990-10-10")
    tell("A traveller collapses in Guangzhou. He has filed nothing and carries no card.")
    code = "claim.emergency-post"
    carried_in = {"kind": "emergency"}
    country.admit(traveller, presence=carried_in, emergency=True, refused=code)
    claim = country.admit(traveller, presence=carried_in, post="doctor", emergency=True)
    tell(
        "His friends give a name, and the bureau's window finds him insured in Changsha. The clerk "
        f"cannot sign that it is an emergency (`{code}`), nor attest who is not able to show "
        "anything; a doctor signs for both, and the stay is registered."
    )
    country.on("2025-07-06")
    bill = country.discharge(claim, (BED, "2000.00"), (DRUG, "9000.00"), (EXAMINATION, "10000.00"))
    assert (bill.total, bill.funds, bill.person) == ("21,000.00", "16,000.00", "5,000.00")
    tell(
        f"An emergency counts as filed. Of {bill.total} yuan the deductible of 1,000.00 is his, "
        f"the rest is paid at 90 % less 10 points: {bill.funds} yuan. He pays {bill.cash} yuan and "
        "goes home."
    )
    assert bill.versions["filing"]["type"] == "emergency"
    tell("The receipt says that the filing was deemed, and nobody asks him for one afterwards.")


@scene
def a_line_that_was_down(country: Country, tell: Tell) -> None:
    """The line is down at discharge; the bill is settled by the facts of admission."""
    country.on("2025-11-20")
    person = country.enrol("line", birth="1970-03-03")
    country.file(person, "referral", GUANGZHOU)
    claim = country.admit(person, referral=True)
    country.on("2025-11-28")
    tell(
        "On the day of discharge the hospital's line is down. The patient pays nothing but a "
        "deposit slip and goes; the hospital keeps the day's lines."
    )
    stricter = (
        "def settle(case):\n"
        '    return {"payments": [payment("310100", part(case["sums"]["in_scope_fen"], "50%"))]}\n'
    )
    country.deploy("310", stricter, "2025-12-01")
    country.on("2025-12-03")
    lines = ((BED, "1000.00"), (DRUG, "10000.00"))
    bill = country.discharge(claim, *lines, day="2025-11-28")
    assert (bill.total, bill.funds) == ("11,000.00", "8,000.00")
    tell(
        "Five days later the line is back, and in the meantime Changsha has put another policy in "
        "force, one that pays 50 %. The bill is decided by the day of discharge and by the filing "
        f"that covered the admission: {bill.funds} of {bill.total} yuan, as it would have been."
    )
    again = country.send_again(
        HOSPITAL, "claim", "settle",
        {"claim": claim, "discharge": "2025-11-28", "total_fen": 1_100_000},
        {"settlement": {"lines": country.lines(*lines, day="2025-11-28")}},
    )  # fmt: skip
    assert again.tx_id == bill.outcome.tx_id
    tell(
        "The hospital's queue sends the call a second time and gets the first receipt: one "
        "settlement."
    )


@scene
def a_business_travellers_check_up(country: Country, tell: Tell) -> None:
    """A business traveller's check-up is refused, and the illness that it found is paid."""
    country.on("2025-08-04")
    traveller = country.enrol("business", sex="male", birth="1978-08-08")
    country.file(traveller, "other", GUANGZHOU)
    tell("An employee of Changsha is sent to Guangzhou for two months and files in the app.")
    code = "claim.check-up"
    country.on("2025-08-20")
    country.visit(traveller, (EXAMINATION, "1200.00"), kind="check_up", refused=code)
    tell(
        "His company has its people examined there. The hospital asks the insurance for the "
        f"1,200.00 yuan and is refused at once (`{code}`): no fund pays for a check-up, with or "
        "without a filing. Nothing is written about him, and the company pays."
    )
    country.on("2025-08-21")
    bill = country.visit(traveller, (EXAMINATION, "300.00"), (DRUG, "200.00"), (COSMETIC, "60.00"))
    assert (bill.total, bill.funds, bill.person) == ("560.00", "250.00", "310.00")
    tell(
        "The doctor has found something, and the next day he comes as a patient. That visit of "
        f"{bill.total} yuan is paid: {bill.funds} yuan are 70 % less 20 points of what is in the "
        f"catalogue; the rest, with what the catalogue does not have, is his: {bill.cash} yuan."
    )


@scene
def an_injury_in_traffic(country: Country, tell: Tell) -> None:
    """An injury: the word that nobody else is liable, and what follows when somebody is."""
    country.on("2025-03-10")
    rider = country.enrol("rider", sex="male", birth="1985-05-05")
    country.file(rider, "other", GUANGZHOU)
    bill = ((EXAMINATION, "2000.00"), (DRUG, "1000.00"))
    country.on("2025-04-02")
    code = "claim.commitment-missing"
    hurt = {"trauma": True, "third_party": False}
    country.visit(rider, *bill, kind="trauma_outpatient", clinical=hurt, refused=code)
    tell(
        "Somebody falls off a bicycle in Guangzhou. The hospital tells an injury that nobody else "
        f"is liable for and has nothing that says so: refused (`{code}`)."
    )
    signed = hurt | {"commitment": {"paper": sha256(b"commitment").digest()}}
    paid = country.visit(rider, *bill, kind="trauma_outpatient", clinical=signed)
    assert (paid.funds, paid.person) == ("1,400.00", "1,600.00")
    tell(
        "He signs the commitment. The ledger keeps what cannot be guessed of it, and the bill is "
        f"decided like any other of its kind: {paid.funds} of {paid.total} yuan from the fund."
    )
    country.on("2025-06-02")
    other = country.visit(
        rider, *bill, kind="trauma_outpatient", clinical={"trauma": True, "third_party": True}
    )
    assert (other.funds, other.person) == ("0.00", "3,000.00")
    tell(
        "In June a car hits him, and its driver is liable. The visit is settled, so that he may "
        f"go, and no fund pays: {other.cash} yuan are his to claim from the driver. The "
        "explanation says it with a code (`claim.third-party-liable`), and nothing of his year's "
        "entitlement is used up."
    )
    recover_from_the_driver(country, tell, other.claim)


def recover_from_the_driver(country: Country, tell: Tell, claim: str) -> None:
    """The driver does not pay: the fund pays first, and has it back."""
    country.on("2025-06-20")
    name: dict[str, Value] = {"recovery": "430100q1"}
    taken_up: dict[str, Value] = {"claim": claim, "grounds": "not_paid"}
    driver: dict[str, Value] = {"liable": sha256(b"driver").digest(), "papers": []}
    country.say(BUREAU_CHANGSHA, "recovery", "register", name | taken_up, {"person": driver},
                post="clerk")  # fmt: skip
    country.say(BUREAU_CHANGSHA, "recovery", "agree", name, post="checker")
    screens = Screens(country.world)
    paid = screens.json(
        BUREAU_CHANGSHA, "clerk", "claim", "resettle", claim, "--reversal", "430100q1-r",
        "--replacement", "430100q1-n", "--reason", "pay_first",
    )["receipts"][0]["receipt"]["answer"]  # fmt: skip
    assert (paid["funds_fen"], paid["paid_back_fen"]) == (1_400_00, 1_400_00)
    tell(
        "The driver does not pay. The law lets the fund pay first then: a clerk of the home bureau "
        "takes the case up, another person agrees, and the bill is decided again as if nobody else "
        f"were liable. {yuan(int(paid['paid_back_fen']))} yuan come back to him."
    )
    country.say(BUREAU_CHANGSHA, "recovery", "demand", name | {"amount_fen": 1_400_00,
                "bank": BANK}, post="clerk")  # fmt: skip
    code = "recovery.under-way"
    country.say(HOSPITAL, "claim", "reverse", {"claim": "430100q1-n", "reason": "wrong_bill",
                "reversal": "H44010000123-q-r"}, refused=code)  # fmt: skip
    for number, amount in ((1, 1_000_00), (2, 400_00)):
        country.on("2025-07-01" if number == 1 else "2025-08-01")
        come: dict[str, Value] = {"payment": f"in-{number}", "reference": f"in-{number}",
                                  "amount_fen": amount}  # fmt: skip
        done = country.say(BANK, "recovery", "receive", name | come, post="clerk").answer
    assert done["stage"] == "recovered"
    country.books.append((BANK, f"bank:{BANK}"))
    assert country.claim(BUREAU_CHANGSHA, "430100q1-n")["recovery"]["recovered_fen"] == 1_400_00
    traced = screens.text(BUREAU_CHANGSHA, "clerk", "trace", "430100q1-n")
    assert "1,400.00 of 1,400.00" in traced
    tell(
        "The driver is asked for it and pays in two parts, which the bank reports; each returns to "
        f"the fund. Meanwhile the settlement cannot be taken back (`{code}`). In the end the fund "
        "has what it gave, the year's entitlement is as before, and `yibao trace` shows the way "
        "of every fen."
    )


@scene
def a_death_in_hospital(country: Country, tell: Tell) -> None:
    """A death in hospital: settled up to the last day, and what ends with it."""
    country.on("2025-05-01")
    patient = country.enrol("father", sex="male", birth="1942-02-02", category="retired")
    country.deposit(patient, "800.00")
    country.file(patient, "living_elsewhere", GUANGZHOU)
    claim = country.admit(patient)
    country.on("2025-05-09")
    closed = country.say(
        BUREAU_CHANGSHA, "enrolment", "close", {"person": patient, "revision": 2},
        {"person": {"last_day": "2025-05-08", "cause": "death"}}, post="clerk",
    )  # fmt: skip
    assert (closed.answer["stays"], len(closed.answer["filings"])) == ([claim], 1)
    tell(
        "A pensioner of Changsha, who lives with his daughter in Guangzhou, is admitted on 1 May "
        "and dies on the 8th. His bureau closes the enrolment with that day. The same call ends "
        "his filing and names the stay that is still open, so that somebody sees to it."
    )
    lines = ((BED, "3000.00"), (DRUG, "8000.00"))
    code = "enrolment.dead"
    country.discharge(claim, *lines, day="2025-05-09", refused=code)
    bill = country.discharge(claim, *lines, day="2025-05-08")
    assert (bill.total, bill.funds, bill.person) == ("11,000.00", "9,000.00", "2,000.00")
    tell(
        f"A bill up to the 9th is refused (`{code}`); up to his last day the stay is settled as it "
        f"would have been: {bill.funds} of {bill.total} yuan, and {bill.cash} yuan from the family."
    )
    country.visit(patient, (DRUG, "50.00"), refused=code)
    country.say(
        BUREAU_CHANGSHA, "filing", "submit",
        {"filing": "430100f-after", "person": patient, "type": "other", "care_region": CHENGDU,
         "channel": "app"}, post="clerk", refused="enrolment.ended",
    )  # fmt: skip
    tell(
        f"Whoever shows his card afterwards is refused (`{code}`), and no filing is taken any more "
        "(`enrolment.ended`)."
    )
    wife, daughter = sha256(b"wife").digest(), sha256(b"daughter").digest()
    heirs: dict[str, Value] = {"heirs": [
        {"heir": wife, "relation": "spouse", "share_e4": 6_667},
        {"heir": daughter, "relation": "child", "share_e4": 3_333},
    ]}  # fmt: skip
    country.say(BUREAU_CHANGSHA, "estate", "register", {"person": patient, "revision": 1},
                {"person": heirs}, post="clerk")  # fmt: skip
    division: dict[str, Value] = {"division": "430100-heirs-1", "person": patient}
    country.say(BUREAU_CHANGSHA, "estate", "divide", division, post="checker")
    country.books += [(BANK, f"bank:{BANK}"), (BUREAU_CHANGSHA, "owed:430100")]
    for number, relation in ((1, "spouse"), (2, "child")):
        share: dict[str, Value] = {"payout": f"estate:430100-heirs-1:{number}"}
        country.say(BUREAU_CHANGSHA, "payout", "name",
                    share | {"account": wife, "receiver": relation}, post="clerk")  # fmt: skip
        share |= {"payment": f"430100-heirs-p{number}"}
        country.say(BUREAU_CHANGSHA, "payout", "pay", share | {"bank": BANK}, post="finance")
        country.say(BANK, "payout", "confirm", share | {"reference": f"r-{number}"}, post="clerk")
    left = country.look(BUREAU_CHANGSHA, f"/v1/persons/{patient}/account")["record"]["account"]
    assert not any(left.values())
    told = country.look(BUREAU_CHANGSHA, f"/v1/persons/{patient}/ending")["record"]["estate"]
    assert [one["state"] for one in told["payouts"]] == ["paid", "paid"]
    paid = [yuan(int(one["amount_fen"])) for one in told["payouts"]]
    assert paid == ["533.36", "266.64"]
    tell(
        "His personal account held 800.00 yuan. The ledger knows the heirs by token, relation and "
        "share and by nothing else; a clerk registers them, another person divides, and the bank "
        f"pays {paid[0]} yuan to the widow and {paid[1]} to the daughter."
    )
