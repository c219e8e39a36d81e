"""Scenes of births and of insurance that moves."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from contracts.api import Value
from tests.cli.screens import Screens
from tests.contracts.world import BANK
from tests.scenes.country import (
    BED,
    BUREAU_CHANGSHA,
    BUREAU_CHENGDU,
    CHENGDU,
    CHENGDU_HOSPITAL,
    DRUG,
    EXAMINATION,
    GUANGZHOU,
    HOSPITAL,
    Country,
    yuan,
)
from tests.scenes.told import Tell, scene


@scene
def a_newborn(country: Country, tell: Tell) -> None:
    """A newborn: treated under its mother, and its bill is its own in the end."""
    country.on("2025-03-01")
    mother = country.enrol("mother-to-be", birth="1994-04-04")
    country.deposit(mother, "600.00")
    country.file(mother, "living_elsewhere", GUANGZHOU)
    country.on("2025-04-02")
    child = "p:430100:newborn"
    birth = {"birth": "2025-04-01", "sex": "male", "paper": sha256(b"certificate").digest()}
    country.say(BUREAU_CHANGSHA, "newborn", "register", {"person": child, "mother": mother},
                {"person": birth}, post="clerk")  # fmt: skip
    tell(
        "A woman who is insured in Changsha and lives in Guangzhou has a son on 1 April. He comes "
        "too early and stays in hospital. He has no number yet, so the bureau at home registers "
        "him under his mother, by the hash of the certificate of birth: until he is enrolled his "
        "care is settled under her, for ninety days at most."
    )
    claim = country.admit(mother, newborn=child)
    country.on("2025-04-15")
    bill = country.discharge(
        claim, (BED, "6000.00"), (EXAMINATION, "5000.00"), (DRUG, "10000.00"), use_account=True
    )
    assert (bill.total, bill.funds, bill.account) == ("21,000.00", "18,000.00", "600.00")
    tell(
        f"On the 15th he may go home. The bill of {bill.total} yuan is settled on his mother: 90 % "
        f"above her deductible, {bill.funds} yuan; her account gives {bill.account}, and "
        f"{bill.cash} are cash. Nobody has to pay everything first because a paper is missing."
    )
    own: dict[str, Any] = {
        "scheme": "390", "sex": "male", "birth": "2025-04-01", "category": "resident",
        "account": False,
    }  # fmt: skip
    code = "newborn.cover"
    late = {"insured": [{"from": "2025-05-06", "status": "insured"}]}
    country.on("2025-05-06")
    country.enrol("newborn", refused=code, **own, **late)
    from_birth = {"insured": [{"from": "2025-04-01", "status": "insured"}]}
    country.enrol("newborn", **own, **from_birth)
    told = country.look(BUREAU_CHANGSHA, f"/v1/newborns/{child}")["record"]
    assert (told["status"], told["claims"]) == ("enrolled", [claim])
    tell(
        "In May his father enrols him as a resident. Cover that would begin in May is refused "
        f"(`{code}`): who is enrolled in time is covered from his birth. The answer names the bill "
        "that was settled on his mother."
    )
    country.visit(mother, (DRUG, "80.00"), clinical={"newborn": child}, refused="newborn.over")
    screens = Screens(country.world)
    done = screens.json(
        BUREAU_CHANGSHA, "clerk", "claim", "resettle", claim, "--reversal", "430100-newborn-r",
        "--replacement", "430100-newborn-n", "--reason", "newborn", "--newborn", child,
    )["receipts"][0]["receipt"]["answer"]  # fmt: skip
    moved = country.claim(HOSPITAL, "430100-newborn-n")
    assert done["funds_fen"] == 16_800_00
    assert (moved["scheme"], moved["settled"]["account_fen"]) == ("390", 0)
    left = country.look(BUREAU_CHANGSHA, f"/v1/persons/{mother}/account")["record"]["account"]
    assert left == {"310200": 600_00}
    assert country.look(BUREAU_CHANGSHA, f"/v1/newborns/{child}")["record"]["claims"] == []
    paid = yuan(int(done["funds_fen"]))
    tell(
        "Now his care is his own: a bill that names him under his mother is refused "
        "(`newborn.over`). The bureau decides the first one again on the child, in one call. The "
        f"residents' fund pays 80 %, {paid} yuan, since his mother's filing covers him, too; her "
        "fund, her account and her deductible of the year have back what they gave."
    )


@scene
def a_move_in_the_middle_of_a_stay(country: Country, tell: Tell) -> None:
    """Insurance that moves in the middle of a stay."""
    country.on("2025-06-02")
    person = country.enrol("mover", birth="1985-05-05")
    country.deposit(person, "1200.00")
    country.file(person, "living_elsewhere", CHENGDU)
    country.on("2025-06-27")
    claim = country.admit(person, hospital=CHENGDU_HOSPITAL)
    country.on("2025-06-28")
    new, link = f"p:{CHENGDU}:mover", sha256(person.encode()).digest()
    asked: dict[str, Value] = {"move": "510100m1", "person": person, "to": new,
                               "first_day": "2025-07-01"}  # fmt: skip
    code = "move.link"
    country.say(BUREAU_CHENGDU, "move", "ask", asked, {"person": {"link": bytes(32)}},
                post="clerk", refused=code)  # fmt: skip
    country.say(BUREAU_CHENGDU, "move", "ask", asked, {"person": {"link": link}}, post="clerk")
    tell(
        "Somebody who is insured in Changsha takes up work in Chengdu, and her new employer "
        "insures her there from 1 July. She has just been taken to hospital in Chengdu. "
        f"Chengdu asks Changsha for her; a token that is not hers is refused (`{code}`)."
    )
    word: dict[str, Value] = {"move": "510100m1", "last_day": "2025-06-30"}
    agreed = country.say(BUREAU_CHANGSHA, "move", "agree", word, post="checker")
    assert agreed.answer["stays"] == [claim]
    tell(
        "Changsha agrees and names its last day. The answer lists what is open, here the stay in "
        "Chengdu's hospital. Nothing has changed yet, and either side could still give it up."
    )
    country.on("2025-07-01")
    content: dict[str, Value] = {
        "link": link, "scheme": "310", "sex": "female", "birth": "1985-05-05", "account": True,
        "insured": [{"from": "2025-07-01", "status": "insured"}], "from": "2025-07-01",
        "category": "active", "identity_types": [],
    }  # fmt: skip
    done = country.say(BUREAU_CHENGDU, "move", "complete", {"move": "510100m1"},
                       {"person": content}, post="checker").answer  # fmt: skip
    there = country.look(BUREAU_CHENGDU, f"/v1/persons/{new}/account")["record"]["account"]
    assert there == {"310200": 1_200_00}
    tell(
        "On 1 July Chengdu completes it: in that one call the old insurance ends, the new one "
        f"begins and the {yuan(int(done['moved_fen']))} yuan of her account stand in Chengdu. Her "
        "filing with Changsha has ended with it; in Chengdu she is at home now."
    )
    country.on("2025-07-04")
    bill = country.discharge(claim, (BED, "2000.00"), (DRUG, "9000.00"))
    assert (bill.total, bill.funds) == ("11,000.00", "9,000.00")
    assert bill.versions["policy"]["area"] == "430100"
    tell(
        "She is discharged on the 4th. The stay is settled by the facts of its admission: "
        f"{bill.funds} of {bill.total} yuan, from Changsha's fund, by Changsha's policy and her "
        "filing of June."
    )
    code = "enrolment.closed"
    country.visit(person, (DRUG, "50.00"), hospital=CHENGDU_HOSPITAL, refused=code)
    order: dict[str, Value] = {"payment": "430100-move-1", "notice": str(done["notice"]),
                               "amount_fen": 1_200_00, "bank": BANK}  # fmt: skip
    country.say(BUREAU_CHANGSHA, "payment", "order", order, post="finance")
    approved: dict[str, Value] = {"payment": "430100-move-1"}
    country.say(BUREAU_CHANGSHA, "payment", "approve", approved, post="checker")
    told: dict[str, Value] = {"amount_fen": 1_200_00, "reference": "r-5", "value_on": "2025-07-04"}
    country.say(BANK, "payment", "confirm", approved | told, post="clerk")
    country.books += [
        (BUREAU_CHENGDU, f"person:{new}:account"), (BANK, f"bank:{BANK}"),
    ]  # fmt: skip
    assert country.look(BUREAU_CHENGDU, "/v1/moves/510100m1")["record"]["stage"] == "done"
    tell(
        f"Whoever comes with the old card after June is refused (`{code}`). Changsha's bank pays "
        "Chengdu's agency what went over, by a notice with a due date like any other between two "
        "places."
    )
