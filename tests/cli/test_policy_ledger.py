"""``yibao policy diff`` over a ledger's claims; the case that a settled claim is read back as."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contracts import parameters
from contracts.settlement.adjudicate import adjudicate
from contracts.settlement.case import normalise
from contracts.settlement.policy_program import PolicyProgram
from node.api.claims import SUM_NAMES
from tests.cli.screens import Screens
from tests.contracts.settlement.claim_world import (
    BED,
    BOB,
    COSMETIC,
    EMPLOYEE_POLICY,
    IMPLANT,
    RESIDENT_POLICY,
    RESTRICTED,
    TEST,
    ClaimWorld,
    catalogue_rows,
    line,
    visit,
)
from tests.contracts.settlement.funds_world import deposit, enrol
from tests.contracts.world import ALICE, BUREAU_CHANGSHA, BUREAU_GUANGZHOU, HOSPITAL
from tests.node.api.real import NodeWorld, reader

GENEROUS = EMPLOYEE_POLICY.replace('"85%"', '"95%"')
LINE_POLICY = (
    EMPLOYEE_POLICY
    + """
def first_pay(case, line):
    if line["class"] == "02":
        return "50%"
    return None
"""
)
FIRST, STAY, EMERGENCY, RICH, UNDONE, RESIDENT, JULY = (
    f"H44010000123-d-{number}" for number in range(7)
)


@pytest.fixture(scope="module")
def screens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Screens]:
    """Six claims in June, one of them taken back and one of a resident, and one in July."""
    world = NodeWorld(tmp_path_factory.mktemp("node"))
    speak: Any = world
    claims = ClaimWorld(speak, world.genesis.chain)
    claims.publish("2025.1", "2025-01-01", catalogue_rows())
    enrol(speak)
    enrol(speak, BOB, scheme="390", category="resident", identity_types=["low_income"],
          account=False, birth="1950-05-05")  # fmt: skip
    deposit(speak, 50_000)
    claims.deploy("310", EMPLOYEE_POLICY)
    claims.deploy("390", RESIDENT_POLICY)
    claims.file()
    claims.settle(FIRST, [line(1, BED, 50_000)], visit(), use_account=True)
    claims.register(STAY, visit(kind="inpatient"))
    claims.upload(STAY, 1, [line(1, BED, 300_000)])
    claims.settle(STAY, [line(2, TEST, 100_000), line(3, COSMETIC, 7_000, consent=True)],
                  registered=True, total_fen=407_000)  # fmt: skip
    claims.settle(EMERGENCY, [line(1, BED, 60_000)], visit(kind="emergency"),
                  clinical={"emergency": True})  # fmt: skip
    rich = [line(1, IMPLANT, 1_200_000, quantity=2), line(2, RESTRICTED, 9_000, confirmed=1)]
    claims.settle(RICH, rich, visit())
    claims.settle(UNDONE, [line(1, BED, 70_000)], visit())
    claims.reverse(UNDONE)
    claims.settle(RESIDENT, [line(1, BED, 250_000)], visit(BOB))
    made = Screens(world)
    made.on("2025-07-02")
    claims.settle(JULY, [line(1, BED, 80_000, day="2025-07-02")],
                  visit(admission="2025-07-02"), discharge="2025-07-02")  # fmt: skip
    yield made
    world.close()


def case(screens: Screens, claim: str, who: str = BUREAU_CHANGSHA) -> Any:
    reply = screens.world.api.get(f"/v1/claims/{claim}/case", reader(who))
    assert reply.status == 200, reply.body
    return reply.json()["case"]


@pytest.mark.parametrize("claim", [FIRST, STAY, EMERGENCY, RICH, RESIDENT, JULY])
def test_a_claim_read_back_is_decided_as_it_was(screens: Screens, claim: str) -> None:
    """The case of a settled claim under the policy that decided it gives what was settled."""
    reply = screens.world.api.get(f"/v1/claims/{claim}", reader(BUREAU_CHANGSHA))
    settled = reply.json()["record"]["settled"]
    source = RESIDENT_POLICY if claim == RESIDENT else EMPLOYEE_POLICY
    decision = adjudicate(normalise(case(screens, claim)), PolicyProgram(source))
    for name in (*SUM_NAMES, "deductible_fen", "account_fen", "cash_fen"):
        assert getattr(decision, name) == settled[name], name
    paid = [(p.fund, p.amount_fen) for p in decision.payments]
    assert paid == [(p["fund"], p["amount_fen"]) for p in settled["payments"]]


def test_who_may_read_cases_and_lists(screens: Screens) -> None:
    assert case(screens, FIRST, HOSPITAL)["person"]["category"]
    for path in (f"/v1/claims/{FIRST}/case", "/v1/areas/430100/claims"):
        reply = screens.world.api.get(path, reader(BUREAU_GUANGZHOU), "scheme=310")
        assert (reply.status, reply.code) == (403, "read.no-right"), path
    reply = screens.world.api.get("/v1/areas/430100/claims", reader(HOSPITAL), "scheme=310")
    assert (reply.status, reply.code) == (403, "read.no-right")
    looks = screens.world.api.get(f"/v1/persons/{ALICE}/looks", reader(BUREAU_CHANGSHA)).json()
    assert "claim_case" in {look["route"] for look in looks["looks"]}


def test_a_list_has_the_claims_of_its_period_scheme_and_area(screens: Screens) -> None:
    def listed(query: str, area: str = "430100", who: str = BUREAU_CHANGSHA) -> list[str]:
        claims: list[str] = []
        after = ""
        while True:
            path = f"/v1/areas/{area}/claims"
            answer = screens.world.api.get(path, reader(who), query + after).json()
            claims += answer["claims"]
            if answer["next"] is None:
                return claims
            after = f"&after={answer['next']}"

    june = [FIRST, STAY, EMERGENCY, RICH]
    assert listed("scheme=310&from=2025-06-01&to=2025-06-30") == june
    assert listed("scheme=310&from=2025-06-01&to=2025-06-30&limit=1") == june
    assert listed("scheme=310&from=2025-06-11&to=2025-07-31") == [JULY]
    assert listed("scheme=310&from=2025-06-01&to=2025-07-02") == [*june, JULY]
    assert listed("scheme=390&from=2025-06-01&to=2025-07-02") == [RESIDENT]
    assert listed("scheme=310&from=2025-06-01&to=2025-06-09") == []
    assert listed("scheme=310&from=2025-06-01&to=2025-06-30", "430000", "bureau:430000") == june


def diff(screens: Screens, tmp_path: Path, source: str, *words: object) -> Any:
    new = tmp_path / "new.py"
    new.write_text(source, encoding="utf-8")
    period = ("--area", "430100", "--from", "2025-06-01", "--to", "2025-06-30")
    return screens.json(
        BUREAU_CHANGSHA, "checker", "policy", "diff", "in-force", new, *period, *words
    )


def test_who_pays_less_by_how_much_and_why(screens: Screens, tmp_path: Path) -> None:
    told = diff(screens, tmp_path, GENEROUS)
    assert (told["claims"], told["pay_less"], told["pay_more"], told["undecided"]) == (4, 4, 0, 0)
    # Ten points more of what is above the deductible of 300.00 or 1,200.00 of each.
    assert told["person_change_fen"] == -told["payer_change_fen"]["310100"] < 0
    changed = {row["claim"]: row for row in told["changed"]}
    assert changed.keys() == {FIRST, STAY, EMERGENCY, RICH}
    assert changed[FIRST]["person_change_fen"] == -2_000
    assert "85%" in changed[FIRST]["why"]
    assert "95%" in changed[FIRST]["why"]


def test_the_same_policy_changes_nothing(screens: Screens, tmp_path: Path) -> None:
    told = diff(screens, tmp_path, EMPLOYEE_POLICY)
    assert (told["same"], told["changed"]) == (4, [])


def test_a_policy_that_sets_first_pay_sees_the_lines(screens: Screens, tmp_path: Path) -> None:
    told = diff(screens, tmp_path, LINE_POLICY)
    changed = {row["claim"]: row["person_change_fen"] for row in told["changed"]}
    assert set(changed) == {STAY, RICH}, "bills with lines of class 02"
    assert min(changed.values()) > 0


def test_saved_cases_are_compared_again_without_the_node(screens: Screens, tmp_path: Path) -> None:
    saved = tmp_path / "june.jsonl"
    online = diff(screens, tmp_path, GENEROUS, "--save", saved)
    assert [json.loads(row)["id"] for row in saved.read_text("utf-8").splitlines()] == [
        FIRST, STAY, EMERGENCY, RICH,
    ]  # fmt: skip
    (tmp_path / "old.py").write_text(EMPLOYEE_POLICY, encoding="utf-8")
    offline = screens.json(BUREAU_CHANGSHA, "checker", "policy", "diff", tmp_path / "old.py",
                           tmp_path / "new.py", "--claims", saved)  # fmt: skip
    assert offline == online


def test_what_is_asked_for_wrongly_is_said(screens: Screens, tmp_path: Path) -> None:
    new = tmp_path / "new.py"
    new.write_text(GENEROUS, encoding="utf-8")
    both = ("policy", "diff", new, new)
    assert "--claims or --area" in screens.text(BUREAU_CHANGSHA, "checker", *both, code=2)
    words = (*both, "--area", "430100", "--claims", new)
    assert "--claims or --area" in screens.text(BUREAU_CHANGSHA, "checker", *words, code=2)
    denied = screens.run(BUREAU_GUANGZHOU, "checker", *both, "--area", "430100")
    assert denied.exit_code != 0
    assert "read.no-right" in denied.output


def test_bills_that_no_policy_was_asked_about_are_not_compared(tmp_path: Path) -> None:
    """Gina of Guangzhou lives in Changsha and is ill at home, where her area keeps no entitlement
    for those who live elsewhere: no policy decides her bill, whatever it says. An emergency is
    decided like any other."""
    world = NodeWorld(tmp_path / "node")
    speak: Any = world
    claims = ClaimWorld(speak, world.genesis.chain)
    claims.publish("2025.1", "2025-01-01", catalogue_rows())
    gina = "p:440100:gina"
    enrol(speak, gina, BUREAU_GUANGZHOU)
    area = {"area": "440100", "scheme": "310", "effective_from": "2025-01-01"}
    world.do(BUREAU_GUANGZHOU, "policy", "deploy", area | {"source": EMPLOYEE_POLICY})
    rules = dict(parameters.AREA["filing"].default)
    rules |= {"automatic": ["living_elsewhere"], "entitled_at_home": False}
    world.do(BUREAU_GUANGZHOU, "organisations", "set_parameter",
             {"name": "filing", "region": "440100", "value": rules})  # fmt: skip
    filing = {"filing": "440100f1", "person": gina, "type": "living_elsewhere",
              "care_region": "430100", "channel": "app"}  # fmt: skip
    world.do(BUREAU_GUANGZHOU, "filing", "submit", filing, post="clerk")
    barred, urgent = "H44010000123-g-1", "H44010000123-g-2"
    told = claims.settle(barred, [line(1, BED, 500_000)], visit(gina))
    assert told.answer["funds_fen"] == 0
    told = claims.settle(urgent, [line(1, BED, 500_000)], visit(gina), post="doctor",
                         clinical={"emergency": True})  # fmt: skip
    assert told.answer["funds_fen"] > 0
    path, query = "/v1/areas/440100/claims", "scheme=310&from=2025-01-01&to=2025-12-31"
    listed = world.api.get(path, reader(BUREAU_GUANGZHOU), query).json()["claims"]
    assert listed == [urgent]
    world.close()
