"""Whose rules hold: the three settlement modes of a home policy, at the counter and after payment.

Care is in Guangzhou (440100), the person is insured in Changsha (430100). The places differ in what
can be seen in a receipt: in Guangdong's catalogue a test is paid first to 10 %, in Hunan's nothing
is; Changsha's policy pays 85 %, Guangzhou's 75 %. The home fund pays in every mode.
"""

from __future__ import annotations

from typing import Any

import pytest

from contracts.settlement.funds_book import balance
from tests.contracts.settlement.claim_world import (
    DAY,
    EMPLOYEE_POLICY,
    TEST,
    ClaimWorld,
    line,
    make_claim_world,
)
from tests.contracts.settlement.funds_world import enrol, trial_balance
from tests.contracts.settlement.test_reimbursement import Desk
from tests.contracts.world import BUREAU_GUANGZHOU, HOSPITAL

BILL_FEN = 500_000
MODES = ("mixed", "home", "care_place")
CATALOGUE = {"mixed": "440000", "home": "430000", "care_place": "440000"}
POLICY = {"mixed": "430100", "home": "430100", "care_place": "440100"}
SHARE = {"430100": 85, "440100": 75}


def expected_funds_fen(mode: str) -> int:
    """By hand: first pay by the catalogue, deductible 300.00, share by the policy."""
    first_pay = BILL_FEN // 10 if CATALOGUE[mode] == "440000" else 0
    return (BILL_FEN - first_pay - 30_000) * SHARE[POLICY[mode]] // 100


def world_of(direct: str, after: str | None) -> ClaimWorld:
    """Changsha's policy names a mode for Guangdong and stays mixed elsewhere."""
    counter = make_claim_world()
    counter.publish_home()
    source = EMPLOYEE_POLICY + _mode("settlement_mode", direct)
    if after is not None:
        source += _mode("reimbursement_mode", after)
    counter.deploy("310", source)
    local = {"area": "440100", "scheme": "310", "effective_from": "2025-01-01",
             "source": EMPLOYEE_POLICY.replace('"85%"', '"75%"')}  # fmt: skip
    counter.world.do(BUREAU_GUANGZHOU, "policy", "deploy", local)
    counter.world.next_block()
    return counter


def _mode(name: str, mode: str) -> str:
    return f"""
def {name}(region):
    if region[0:2] == "44":
        return "{mode}"
    return "mixed"
"""


def settle(counter: ClaimWorld) -> Any:
    return counter.settle(lines=[line(1, TEST, BILL_FEN)])


def reimburse(counter: ClaimWorld) -> Any:
    return Desk(counter).approve(
        total_fen=BILL_FEN, place={"institution": HOSPITAL}, admission=DAY, discharge=DAY,
        care_kind="outpatient", lines=[line(1, TEST, BILL_FEN)],
    )  # fmt: skip


def check(outcome: Any, counter: ClaimWorld, mode: str) -> None:
    assert outcome.versions["policy"]["area"] == POLICY[mode]
    assert [v["region"] for v in outcome.versions["catalogue"]] == [CATALOGUE[mode]]
    assert outcome.amounts["funds_fen"] == expected_funds_fen(mode)
    state = counter.world.state
    assert balance(state, "fund:430100", "310100") == -expected_funds_fen(mode)
    assert balance(state, "fund:440100", "310100") == 0
    assert not any(trial_balance(state).values())


@pytest.mark.parametrize("mode", MODES)
def test_at_the_counter(mode: str) -> None:
    counter = world_of(mode, None)
    check(settle(counter), counter, mode)


@pytest.mark.parametrize("mode", MODES)
def test_after_payment_as_at_the_counter_where_nothing_else_is_said(mode: str) -> None:
    counter = world_of(mode, None)
    check(reimburse(counter), counter, mode)


@pytest.mark.parametrize("direct", MODES)
@pytest.mark.parametrize("after", MODES)
def test_a_policy_may_name_another_mode_after_payment(direct: str, after: str) -> None:
    counter = world_of(direct, after)
    check(reimburse(counter), counter, after)


def test_what_is_named_for_after_payment_leaves_the_counter_alone() -> None:
    counter = world_of("care_place", "home")
    check(settle(counter), counter, "care_place")


def test_a_mode_is_for_a_region_of_care() -> None:
    """Named for Guangdong only: somebody from Changsha in Hunan's own capital stays mixed."""
    counter = world_of("care_place", None)
    desk = Desk(counter)
    elsewhere = {"region": "430300", "level": 3, "kind": "hospital"}
    approved = desk.approve(total_fen=BILL_FEN, place=elsewhere, admission=DAY, discharge=DAY,
                            care_kind="outpatient", lines=[line(1, TEST, BILL_FEN)])  # fmt: skip
    assert approved.versions["policy"]["area"] == "430100"


def test_the_counters_are_those_of_home_whoever_decides() -> None:
    counter = world_of("care_place", None)
    settle(counter)
    again = counter.settle("H44010000123-m-2", lines=[line(1, TEST, BILL_FEN)])
    # The deductible of the year is paid, though the first bill was decided by Guangzhou's rules.
    assert again.amounts["funds_fen"] == (BILL_FEN * 9 // 10) * 75 // 100


def test_a_place_without_rules_of_its_own_refuses_and_names_it() -> None:
    counter = make_claim_world()
    counter.deploy("310", EMPLOYEE_POLICY + _mode("settlement_mode", "care_place"))
    refused = counter.settle(refused="policy.none-in-force")
    assert refused.values["scheme"] == "310"
    other = make_claim_world()
    other.deploy("310", EMPLOYEE_POLICY + _mode("settlement_mode", "home"))
    assert other.settle(refused="claim.no-catalogue").values["region"] == "430100"


def test_a_province_wide_policy_of_the_place_of_care_holds_in_its_cities() -> None:
    counter = make_claim_world()
    counter.deploy("310", EMPLOYEE_POLICY + _mode("settlement_mode", "care_place"))
    local = {"area": "440000", "scheme": "310", "effective_from": "2025-01-01",
             "source": EMPLOYEE_POLICY.replace('"85%"', '"75%"')}  # fmt: skip
    counter.world.do("bureau:440000", "policy", "deploy", local)
    counter.world.next_block()
    assert settle(counter).versions["policy"]["area"] == "440000"


def test_local_care_is_decided_by_the_same_rules_in_every_mode() -> None:
    """Insured and treated in Guangzhou: there is one place, so its own policy and catalogue."""
    counter = world_of("home", None)
    enrol(counter.world, "p:440100:local", BUREAU_GUANGZHOU, link=bytes(32))
    outcome = counter.settle(
        given={"person": "p:440100:local", "care_kind": "outpatient", "admission": DAY,
               "presence": {"kind": "card", "certificate": "03"}},
        lines=[line(1, TEST, BILL_FEN)],
    )  # fmt: skip
    assert outcome.versions["policy"]["area"] == "440100"
    assert [v["region"] for v in outcome.versions["catalogue"]] == ["440000"]
