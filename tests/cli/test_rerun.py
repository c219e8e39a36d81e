"""A settled claim decided again outside the node: the same, or why it cannot be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from node.ledger import codec
from tests.cli.screens import Screens
from tests.contracts.world import BUREAU_GUANGDONG
from tests.scenes import families
from tests.scenes.country import (
    BED,
    BUREAU_CHANGSHA,
    COSMETIC,
    DRUG,
    EXAMINATION,
    GUANGZHOU,
    HOSPITAL,
    Country,
)
from tests.scenes.families import INSURER, PRODUCT


@pytest.fixture
def country(tmp_path: Path) -> Iterator[Country]:
    made = Country(tmp_path / "node")
    yield made
    made.close()


def stay(country: Country, name: str = "patient") -> str:
    """A stay with an upload that was withdrawn, paid partly from the account."""
    person = country.enrol(name)
    country.deposit(person, "300.00")
    country.on("2025-03-03")
    country.file(person, "referral", GUANGZHOU)
    claim = country.admit(person, referral=True)
    wrong = country.lines((DRUG, "9999.00"))
    wrong[0][0] = "77"
    for upload, rows in ((1, wrong), (2, country.lines((EXAMINATION, "1234.56")))):
        country.say(HOSPITAL, "claim", "lines", {"claim": claim, "upload": upload},
                    {"settlement": {"lines": rows}})  # fmt: skip
    country.say(HOSPITAL, "claim", "withdraw_lines", {"claim": claim, "upload": 1})
    country.on("2025-03-06")
    rows = country.lines((BED, "0.01"), (DRUG, "3333.33"))
    for number, row in enumerate(rows):
        row[0] = f"{number + 10}"
    args = {"claim": claim, "discharge": country.today, "total_fen": 456_790, "use_account": True}
    country.say(HOSPITAL, "claim", "settle", args, {"settlement": {"lines": rows}})
    return claim


def rerun(country: Country, claim: str, *words: object, noun: str = "claim", code: int = 0) -> Any:
    return Screens(country.world).json(
        BUREAU_CHANGSHA, "clerk", noun, "rerun", claim, *words, code=code
    )


def rows_of(told: Any) -> dict[str, tuple[str, str]]:
    return {row["what"]: (row["then"], row["now"]) for row in told["rows"]}


def test_two_stays_come_out_as_they_did_also_after_the_rules_changed(country: Country) -> None:
    first = stay(country)
    person = country.claim(BUREAU_CHANGSHA, first)["person"]
    country.on("2025-04-01")
    second = country.admit(person)
    country.on("2025-04-03")
    country.discharge(second, (DRUG, "2000.00"))
    country.deploy(
        "310",
        'def settle(case):\n    return {"payments": []}\n',
        "2025-01-01",
    )
    for claim in (first, second):
        told = rerun(country, claim)
        assert told["same"] is True
        assert any(row["what"].startswith("step") for row in told["rows"])


def test_another_source_is_told_apart_and_is_no_failure(country: Country, tmp_path: Path) -> None:
    claim = stay(country)
    source = tmp_path / "nothing.py"
    source.write_text('def settle(case):\n    return {"payments": []}\n', encoding="utf-8")
    told = rerun(country, claim, "--policy", source)
    assert told["same"] is False
    assert {row["what"]: row["now"] for row in told["rows"]}["person"] == "4,567.90"


def test_what_was_erased_cannot_be_run_again(country: Country) -> None:
    claim = stay(country)
    path = f"/v1/claims/{claim}/attachments"
    for item in country.look(BUREAU_CHANGSHA, path)["attachments"]:
        country.world.node.chain.database.erase_attachment(bytes.fromhex(item["commitment"]))
    country.world.node.reader.publish()
    screens = Screens(country.world)
    text = screens.text(BUREAU_CHANGSHA, "clerk", "claim", "rerun", claim, code=1)
    assert "erased" in text


def test_what_was_refused_afterwards_has_decided_nothing(country: Country) -> None:
    """Other lines under the same id are refused; they are not taken for those that decided."""
    claim = stay(country)
    rows = country.lines((BED, "0.01"), (DRUG, "9.00"))
    for number, row in enumerate(rows):
        row[0], row[4] = f"{number + 10}", 77
    args = {"claim": claim, "discharge": country.today, "total_fen": 901}
    country.say(HOSPITAL, "claim", "settle", args, {"settlement": {"lines": rows}},
                refused="claim.duplicate-id")  # fmt: skip
    assert rerun(country, claim)["same"] is True
    path = f"/v1/claims/{claim}/case"
    lines = country.look(BUREAU_CHANGSHA, path)["case"]["lines"]
    assert [line["quantity_e4"] for line in lines] == [10_000] * 3


def test_settlements_in_the_place_of_others_are_decided_again(country: Country) -> None:
    """A refund of a part, another one, then a late filing: each in the place of the one before.

    The drug has a ceiling, so how many of it came back decides, too.
    """
    part = codec.encode([[DRUG, "drug", "01", "0%", [[3, 900_000_000]], False, "other"]])
    loaded = country.world.do(BUREAU_GUANGDONG, "catalogue", "load_part",
                              {"kind": "items", "part": part})  # fmt: skip
    country.world.do(BUREAU_GUANGDONG, "catalogue", "publish",
                     {"region": "440000", "version": "2025.2", "effective_from": "2025-03-05",
                      "parts": [loaded.answer["hash"]]})  # fmt: skip
    country.on("2025-03-03")
    person = country.enrol("again")
    country.deposit(person, "300.00")
    first = country.visit(person, (EXAMINATION, "100.00"), use_account=True).claim
    country.on("2025-03-04")
    claim = country.admit(person, referral=True)
    country.on("2025-03-06")
    rows = country.lines((DRUG, "4000.00"), (DRUG, "900.00"))
    rows[0][3], rows[0][4] = rows[0][3] // 4, 40_000
    args = {"claim": claim, "discharge": country.today, "total_fen": 490_000, "use_account": True}
    country.say(HOSPITAL, "claim", "settle", args, {"settlement": {"lines": rows}})
    screens = Screens(country.world)

    def again(old: str, *words: str) -> str:
        new = f"{old}-n"
        ids = ("--reversal", f"{old}-r", "--replacement", new)
        screens.json(HOSPITAL, "operator", "claim", words[0], old, *ids, *words[1:])
        return new

    second = again(claim, "refund", "--line", "1:1:1000.00")
    third = again(second, "refund", "--line", "1:1:1000.00", "--charge", "2:50.00")
    country.on("2025-03-20")
    country.file(person, "referral", GUANGZHOU, effective_from="2025-03-01")
    fourth = again(third, "resettle", "--reason", "late_filing")
    people = {}
    for name in (first, claim, second, third, fourth):
        told = rerun(country, name)
        assert told["same"] is True, told
        people[name] = rows_of(told)["person"][0]
    assert len({people[name] for name in (claim, second, third, fourth)}) == 4
    assert rows_of(rerun(country, fourth))["over_ceiling"][0] == "200.00"


def test_a_reimbursement_is_decided_again(country: Country, tmp_path: Path) -> None:
    country.on("2025-06-02")
    person = country.enrol("first-payer")
    paper = {"code": "044001900111", "number": "77001", "total_fen": 600_000, "hash": bytes(32)}
    content = {
        "visit": {"referral": True},
        "lines": country.lines((DRUG, "5000.00"), (COSMETIC, "1000.00"), day="2025-05-12"),
    }
    args = {"reimbursement": "430100z1", "person": person,
            "place": {"region": GUANGZHOU, "level": 3}, "care_kind": "inpatient",
            "admission": "2025-05-10", "discharge": "2025-05-20", "total_fen": 600_000,
            "invoices": [paper], "account": bytes(32)}  # fmt: skip
    country.say(BUREAU_CHANGSHA, "reimbursement", "file", args, {"reimbursement": content},
                post="clerk")  # fmt: skip
    screens = Screens(country.world)
    words = (BUREAU_CHANGSHA, "clerk", "reimburse", "rerun", "430100z1")
    assert "no policy has decided it" in screens.text(*words, code=1)
    name = {"reimbursement": "430100z1"}
    country.say(BUREAU_CHANGSHA, "reimbursement", "review", name | {"advice": "approve"},
                post="clerk")  # fmt: skip
    country.say(BUREAU_CHANGSHA, "reimbursement", "decide", name | {"decision": "approve"},
                post="checker")  # fmt: skip
    told = rerun(country, "430100z1", noun="reimburse")
    assert told["same"] is True
    assert rows_of(told)["payment 1"][0] == "310100 basic 2,800.00"
    history = country.look(BUREAU_CHANGSHA, "/v1/reimbursements/430100z1/history")["calls"]
    assert len(history) == 3
    source = tmp_path / "nothing.py"
    source.write_text('def settle(case):\n    return {"payments": []}\n', encoding="utf-8")
    other = rerun(country, "430100z1", "--policy", source, noun="reimburse")
    assert rows_of(other)["person"] == ("3,200.00", "6,000.00")


def test_products_answer_again_by_the_version_that_was_asked(country: Country) -> None:
    """One pays at once, one later, one is not held any more; then the rule is another one."""
    country.on("2025-05-05")
    person = country.enrol("covered")
    later, ended = f"{INSURER}:later", f"{INSURER}:ended"
    for product, pays in ((PRODUCT, "at_once"), (later, "later"), (ended, "at_once")):
        families.deploy(country, product, pays)
        families.insure(country, person, product)
        families.authorise(country, person, product)
    args = {"product": ended, "person": person}
    held = {"cover": {"from": "2025-01-01", "to": "2025-02-01"}}
    country.say(INSURER, "cover", "enrol", args, held, post="clerk")
    claims = []
    for admitted, discharged in (("2025-05-06", "2025-05-07"), ("2025-05-08", "2025-05-09")):
        country.on(admitted)
        claim = country.admit(person)
        country.on(discharged)
        country.discharge(claim, (DRUG, "12000.00"), (COSMETIC, "5000.00"))
        claims.append(claim)
    country.say(INSURER, "cover", "deploy",
                {"product": PRODUCT, "effective_from": "2025-01-01", "pays": "at_once",
                 "source": 'def settle(case):\n    return {"payments": []}\n'},
                post="checker")  # fmt: skip
    for claim in claims:
        told = rerun(country, claim)
        assert told["same"] is True, told
        rows = rows_of(told)
        assert rows[PRODUCT][0] != "0.00"
        assert later in rows
        assert ended not in rows
        assert f"{PRODUCT} step 1" in rows
    first, second = (rows_of(rerun(country, claim))[PRODUCT][0] for claim in claims)
    assert first != second, "the second bill was decided with the product's counters of the first"


def test_where_another_is_liable_it_comes_out_as_it_did(country: Country) -> None:
    country.on("2025-03-03")
    person = country.enrol("hit")
    bill = country.visit(person, (DRUG, "800.00"), kind="trauma_outpatient",
                         clinical={"trauma": True, "third_party": True})  # fmt: skip
    assert bill.funds == "0.00"
    assert rerun(country, bill.claim)["same"] is True


def test_where_the_fund_has_paid_first_it_comes_out_as_it_did(country: Country) -> None:
    """The hospital's word that another is liable stays what it was; the fund pays all the same,
    also of what is left once goods came back. So says the case that a new policy is tried on."""
    country.on("2025-03-03")
    person = country.enrol("hit")
    bill = country.visit(person, (DRUG, "800.00"), kind="trauma_outpatient",
                         clinical={"trauma": True, "third_party": True})  # fmt: skip
    name = {"recovery": "430100q1"}
    taken_up = {"claim": bill.claim, "grounds": "not_paid"}
    country.say(BUREAU_CHANGSHA, "recovery", "register", name | taken_up,
                {"person": {"liable": bytes(32), "papers": []}}, post="clerk")  # fmt: skip
    country.say(BUREAU_CHANGSHA, "recovery", "agree", name, post="checker")
    screens = Screens(country.world)
    screens.json(BUREAU_CHANGSHA, "clerk", "claim", "resettle", bill.claim, "--reversal",
                 "430100q1-r", "--replacement", "430100q1-n", "--reason", "pay_first")  # fmt: skip
    refund = ("--reversal", f"{bill.claim}-b", "--replacement", f"{bill.claim}-c")
    screens.json(HOSPITAL, "operator", "claim", "refund", "430100q1-n", *refund,
                 "--charge", "1:100.00")  # fmt: skip
    for claim, liable in ((bill.claim, True), ("430100q1-n", False), (f"{bill.claim}-c", False)):
        told = rerun(country, claim)
        assert told["same"] is True, told
        path = f"/v1/claims/{claim}/case"
        case = country.look(BUREAU_CHANGSHA, path)["case"]
        assert case["visit"]["third_party"] is liable
