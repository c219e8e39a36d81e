"""Commands about births, moves, ends, recoveries and reimbursements decided again, on a node."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.cli.screens import Screens
from tests.scenes.country import BUREAU_CHANGSHA, DRUG, GUANGZHOU, Country, fen


@pytest.fixture
def country(tmp_path: Path) -> Iterator[Country]:
    made = Country(tmp_path)
    yield made
    made.close()


def test_a_late_filing_and_a_reimbursement_decided_again(country: Country) -> None:
    country.on("2025-06-02")
    person = country.enrol("first-payer", birth="1966-06-06")
    args: dict[str, Any] = {
        "reimbursement": "430100z1", "person": person, "place": {"region": GUANGZHOU, "level": 3},
        "care_kind": "outpatient", "admission": "2025-05-20", "discharge": "2025-05-20",
        "total_fen": fen("1000.00"), "account": sha256(b"token").digest(),
        "invoices": [{"code": "044001900111", "number": "66001", "total_fen": fen("1000.00"),
                      "hash": sha256(b"paper").digest()}],
    }  # fmt: skip
    lines = country.lines((DRUG, "1000.00"), day="2025-05-20")
    name = {"reimbursement": "430100z1"}
    country.say(BUREAU_CHANGSHA, "reimbursement", "file", args,
                {"reimbursement": {"visit": {}, "lines": lines}}, post="clerk")  # fmt: skip
    country.say(BUREAU_CHANGSHA, "reimbursement", "review", name | {"advice": "approve"},
                post="clerk")  # fmt: skip
    country.say(BUREAU_CHANGSHA, "reimbursement", "decide", name | {"decision": "approve"},
                post="checker")  # fmt: skip
    country.file(person, "living_elsewhere", GUANGZHOU, effective_from="2025-05-10")
    filing = f"430100f{country.number}"
    screens = Screens(country.world)
    (row,) = screens.json(BUREAU_CHANGSHA, "clerk", "filing", "affected", filing)["reimbursements"]
    assert (row["reimbursement"], row["reason"], row["would_be"], row["funds_fen"]) == (
        "430100z1", "filing.none-filed", "living_elsewhere", fen("500.00"),
    )  # fmt: skip
    assert "430100z1" in screens.text(BUREAU_CHANGSHA, "clerk", "filing", "affected", filing)
    command = ("reimburse", "again", "430100z1")
    asked = screens.json(BUREAU_CHANGSHA, "checker", *command, "--dry-run")["receipt"]
    assert asked["answer"]["due_fen"] == fen("700.00")
    done = screens.json(BUREAU_CHANGSHA, "checker", *command)["receipts"][0]["receipt"]
    assert done["amounts"] == {"funds_fen": fen("200.00"), "fund_310100_fen": fen("200.00")}
    again = screens.json(BUREAU_CHANGSHA, "clerk", "filing", "affected", filing)
    assert again["reimbursements"] == []
    screens.text(BUREAU_CHANGSHA, "checker", *command, "--reason", "other", code=1)


def test_what_the_commands_show(country: Country) -> None:
    country.on("2025-04-02")
    mother = country.enrol("mother-to-be", birth="1994-04-04")
    child, birth = "p:430100:newborn", {"birth": "2025-04-01", "sex": "male", "paper": bytes(32)}
    country.say(BUREAU_CHANGSHA, "newborn", "register", {"person": child, "mother": mother},
                {"person": birth}, post="clerk")  # fmt: skip
    screens = Screens(country.world)
    told = screens.json(BUREAU_CHANGSHA, "clerk", "newborn", "show", child)["record"]
    assert (told["status"], told["until"], told["mother"]) == ("provisional", "2025-06-30", mother)
    stands = screens.json(BUREAU_CHANGSHA, "clerk", "person", "ending", mother)["record"]
    assert (stands["ended"], stands["estate"], stands["move"]) == (None, None, None)
    asked = {"move": "510100m1", "person": mother, "to": "p:510100:mother",
             "first_day": "2025-05-01"}  # fmt: skip
    country.say("bureau:510100", "move", "ask", asked,
                {"person": {"link": sha256(mother.encode()).digest()}}, post="clerk")  # fmt: skip
    shown = screens.json(BUREAU_CHANGSHA, "clerk", "move", "show", "510100m1")["record"]
    assert (shown["stage"], shown["moved_fen"]) == ("asked", 0)
    now = screens.json(BUREAU_CHANGSHA, "clerk", "person", "ending", mother)["record"]
    assert now["move"] == "510100m1"
    screens.text(BUREAU_CHANGSHA, "clerk", "newborn", "show", "p:430100:nobody", code=4)
    assert "asked" in screens.text(BUREAU_CHANGSHA, "clerk", "move", "show", "510100m1")
