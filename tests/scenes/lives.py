"""Scenes of births and moves."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from tests.cli.screens import Screens
from tests.scenes.country import (
    BED,
    BUREAU_CHANGSHA,
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
