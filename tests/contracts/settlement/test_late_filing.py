"""Filings that come late, and people who live elsewhere: what their settlements make of it."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from contracts import parameters
from contracts.settlement.filing_affected import affected_by
from contracts.settlement.filing_record import load_filing
from tests.contracts.settlement.claim_world import (
    BED,
    BOB,
    EMPLOYEE_POLICY,
    ClaimWorld,
    line,
    make_claim_world,
    visit,
)
from tests.contracts.settlement.funds_world import enrol
from tests.contracts.world import (
    ALICE,
    BUREAU_CHANGSHA,
    BUREAU_GUANGZHOU,
)

CLAIM = "H44010000123-s-1"
CAROL = "p:430100:carol"
"""A made-up employee who has filed nothing."""
GINA = "p:440100:gina"
"""A made-up employee of Guangzhou, where the hospital is."""


def set_rules(counter: ClaimWorld, bureau: str, area: str, **changes: Any) -> None:
    value = dict(parameters.AREA["filing"].default) | {"automatic": ["referral"]} | changes
    args = {"name": "filing", "region": area, "value": value}
    counter.world.do(bureau, "organisations", "set_parameter", args)


@pytest.fixture
def counter() -> ClaimWorld:
    """Carol is in the hospital from 1 June on; it is 10 June."""
    made = make_claim_world()
    enrol(made.world, CAROL, link=sha256(b"carol").digest())
    set_rules(made, BUREAU_CHANGSHA, "430100")
    made.world.on("2025-06-01").next_block()
    made.register(CLAIM, stay())
    return made


def stay(person: str = CAROL, **given: Any) -> dict[str, Any]:
    return visit(person, "inpatient", admission="2025-06-01") | given


def settle(counter: ClaimWorld, claim: str = CLAIM, discharge: str = "2025-06-09") -> Any:
    return counter.settle(
        claim, [line(1, BED, 320_000, day="2025-06-02")], registered=True, discharge=discharge
    )


def told(outcome: Any) -> tuple[str, bool, int]:
    """How it was filed by the explanation, and what the fund paid."""
    filing = outcome.explanation["filing"]
    found = filing["id"] or filing["reason"]
    return found, filing["in_time"], outcome.amounts["fund_310100_fen"]


FILED, UNFILED = 170_000, 130_000
"""(3,200.00 - 1,200.00) x 85 %, and x 65 %."""


def test_filed_on_day_five_of_the_stay_it_reaches_back_to_the_admission(
    counter: ClaimWorld,
) -> None:
    counter.world.on("2025-06-05").next_block()
    counter.file("430100f5", CAROL, effective_from=None)
    counter.world.on("2025-06-09").next_block()
    assert told(settle(counter)) == ("430100f5", True, FILED)


def test_filed_after_the_discharge_and_before_its_settlement_it_is_settled_directly(
    counter: ClaimWorld,
) -> None:
    counter.world.on("2025-06-10").next_block()
    counter.file("430100f5", CAROL, effective_from=None)
    counter.world.on("2025-06-11").next_block()
    assert told(settle(counter)) == ("430100f5", False, FILED), "late, and covered"


def test_what_the_registered_stay_may_a_visit_of_one_day_may_not(counter: ClaimWorld) -> None:
    """Nobody was there before: the visit came to the ledger with its settlement."""
    counter.world.on("2025-06-10").next_block()
    counter.file("430100f5", CAROL, effective_from=None)
    outcome = counter.settle(
        "H44010000123-o-1", [line(1, BED, 50_000, day="2025-06-09")],
        visit(CAROL, admission="2025-06-09"), discharge="2025-06-09",
    )  # fmt: skip
    assert told(outcome)[0] == "filing.not-yet-effective"


def affected(counter: ClaimWorld, filing: str, today: str) -> list[tuple[str, Any, str, bool]]:
    found = load_filing(counter.world.state, filing)
    assert found is not None
    rows = affected_by(counter.world.state, found, today, lambda _claim: False)
    return [(row.name, row.bound, row.cover.type, row.cover.in_time) for row in rows]


def test_filed_after_the_settlement_it_is_listed_and_changes_nothing(counter: ClaimWorld) -> None:
    counter.world.on("2025-06-09").next_block()
    assert told(settle(counter)) == ("filing.none-filed", True, UNFILED)
    claim = counter.world.state.entries[f"claim/{CLAIM}"]
    counter.world.on("2025-06-20").next_block()
    counter.file("430100f5", CAROL, effective_from=None)
    assert affected(counter, "430100f5", "2025-06-20") == [], "it reaches back to nothing"
    set_rules(counter, BUREAU_CHANGSHA, "430100", retroactive_days={"referral": 30})
    back = counter.file("430100f6", CAROL, effective_from="2025-05-31")
    assert affected(counter, "430100f6", "2025-06-20") == [(CLAIM, ("", 0), "referral", False)]
    assert back.postings == []
    assert counter.world.state.entries[f"claim/{CLAIM}"] == claim
    counter.reverse(CLAIM)
    assert affected(counter, "430100f6", "2025-06-20") == [], "it was taken back"


def test_claims_of_others_of_other_places_and_of_the_filing_itself_are_not_listed(
    counter: ClaimWorld,
) -> None:
    counter.world.on("2025-06-10").next_block()
    settle(counter)
    counter.settle("H44010000123-o-1", [line(1, BED, 50_000)], visit(ALICE))
    counter.settle("H44010000123-o-2", [line(1, BED, 50_000)], visit(BOB))
    set_rules(counter, BUREAU_CHANGSHA, "430100", retroactive_days={"referral": 30})
    counter.file("430100f6", CAROL, effective_from="2025-06-01", care_region="440300")
    assert affected(counter, "430100f6", "2025-06-10") == []
    assert affected(counter, "430100f1", "2025-06-10") == [], "Alice's was settled with it"
    counter.file("430100f7", CAROL, effective_from="2025-06-01")
    assert [row[0] for row in affected(counter, "430100f7", "2025-06-10")] == [CLAIM]


# --- Entitlement in both places -------------------------------------------------------------------

AT_HOME = EMPLOYEE_POLICY.replace(
    'if case["visit"]["emergency"]', 'if case["filing"]["elsewhere"]'
).replace('share = "85%"\n    basic', 'share = "75%"\n    basic')
"""Whoever lives elsewhere keeps the referral's level at home."""


@pytest.fixture
def gina(counter: ClaimWorld) -> ClaimWorld:
    """Gina of Guangzhou lives in Changsha by a long-term filing and is ill at home."""
    enrol(counter.world, GINA, BUREAU_GUANGZHOU, link=sha256(b"gina").digest())
    args = {"area": "440100", "scheme": "310", "effective_from": "2025-01-01", "source": AT_HOME}
    counter.world.do(BUREAU_GUANGZHOU, "policy", "deploy", args)
    set_rules(counter, BUREAU_GUANGZHOU, "440100", automatic=["living_elsewhere"])
    filing = {"filing": "440100f1", "person": GINA, "type": "living_elsewhere",
              "care_region": "430100", "channel": "app"}  # fmt: skip
    counter.world.do(BUREAU_GUANGZHOU, "filing", "submit", filing)
    counter.world.on("2025-06-10").next_block()
    return counter


def at_home(
    counter: ClaimWorld, claim: str = "H44010000123-g-1", post: str = "operator", **clinical: Any
) -> Any:
    return counter.settle(
        claim, [line(1, BED, 50_000)], visit(GINA), clinical=clinical, use_account=False, post=post
    )


def test_long_term_residents_keep_their_entitlement_at_home(gina: ClaimWorld) -> None:
    outcome = at_home(gina)
    # (500.00 - 300.00) x 75 %: what the home policy gives to those who live elsewhere.
    assert outcome.amounts["fund_310100_fen"] == 15_000
    assert told(outcome)[0] == "", "nobody files at home"


def test_where_the_insured_place_ends_it_no_fund_pays_and_the_reason_is_told(
    gina: ClaimWorld,
) -> None:
    set_rules(gina, BUREAU_GUANGZHOU, "440100", entitled_at_home=False)
    outcome = at_home(gina)
    assert (outcome.amounts["funds_fen"], outcome.amounts["cash_fen"]) == (0, 50_000)
    assert outcome.explanation["filing"]["reason"] == "filing.resides-elsewhere"
    assert outcome.explanation["refusals"][0][0] == "filing.resides-elsewhere"
    # Nothing was used up, and an emergency is not asked where it lives.
    urgent = at_home(gina, "H44010000123-g-2", "doctor", emergency=True)
    assert urgent.amounts["fund_310100_fen"] == 15_000
