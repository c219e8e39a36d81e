"""Settlements as stories: what was asked, who paid, what is posted, what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.settlement import counters
from contracts.settlement.funds_book import balance
from tests.contracts.settlement.claim_world import (
    BED,
    BOB,
    COSMETIC,
    EMPLOYEE_POLICY,
    IMPLANT,
    RESTRICTED,
    TEST,
    ClaimWorld,
    catalogue_rows,
    line,
    make_claim_world,
    visit,
)
from tests.contracts.settlement.funds_world import balances, enrol, trial_balance
from tests.contracts.world import (
    ALICE,
    BUREAU_CHANGSHA,
    BUREAU_GUANGZHOU,
    HOSPITAL,
    PHARMACY,
)

PAYABLE = f"payable:{HOSPITAL}"


@pytest.fixture
def counter() -> ClaimWorld:
    """The counter of a hospital in Guangzhou, Alice of Changsha in front of it."""
    return make_claim_world()


def split(outcome: Any) -> tuple[int, ...]:
    names = ("own_expense", "over_ceiling", "first_pay", "in_scope", "total")
    return tuple(outcome.amounts[f"{name}_fen"] for name in names)


# --- who pays -------------------------------------------------------------------------------------


def test_an_outpatient_visit_in_one_call(counter: ClaimWorld) -> None:
    lines = [line(1, BED, 50_000), line(2, TEST, 10_001), line(3, COSMETIC, 7_000, consent=True)]
    outcome = counter.settle(lines=lines)
    # 10 % of the class-02 line first, half up to the fen; class 03 is her own.
    assert split(outcome) == (7_000, 0, 1_000, 59_001, 67_001)
    # (590.01 - 300.00) x 85 % = 246.5085 -> 246.51
    assert outcome.amounts["fund_310100_fen"] == 24_651
    assert outcome.answer["cash_fen"] == 67_001 - 24_651
    assert outcome.answer["state"] == "settled"
    state = counter.world.state
    assert balance(state, "fund:430100", "310100") == -24_651
    assert balance(state, "clearing:430000->440000", "310100") == 24_651
    assert balance(state, "receivable:430000->440000", "310100") == -24_651
    assert balance(state, PAYABLE, "310100") == 24_651
    assert balance(state, f"patient:{HOSPITAL}", "cash") == -42_350
    assert balance(state, f"income:{HOSPITAL}", "cash") == 42_350


def test_the_whole_bill_stands_on_the_institutions_side(counter: ClaimWorld) -> None:
    outcome = counter.settle(use_account=True, lines=[line(1, BED, 123_456)])
    taken = [p for p in outcome.postings if p.account.startswith(("payable:", "income:"))]
    assert sum(p.amount_fen for p in taken) == 123_456
    assert {p.transfer for p in outcome.postings} == {"claim/H44010000123-m-1"}


def test_a_price_above_the_ceiling_is_cut_before_the_first_pay(counter: ClaimWorld) -> None:
    outcome = counter.settle(lines=[line(1, IMPLANT, 60_000)])
    # The ceiling is 500.00; 20 % first pay of what is below it.
    assert split(outcome) == (0, 10_000, 10_000, 40_000, 60_000)


def test_the_ceiling_counts_for_each_piece(counter: ClaimWorld) -> None:
    outcome = counter.settle(lines=[line(1, IMPLANT, 110_000, quantity=2)])
    assert split(outcome) == (0, 10_000, 20_000, 80_000, 110_000)


@pytest.mark.parametrize(("confirmed", "in_scope"), [(0, 0), (1, 9_000), (2, 0)])
def test_a_restricted_item_counts_only_when_confirmed(
    counter: ClaimWorld, confirmed: int, in_scope: int
) -> None:
    outcome = counter.settle(lines=[line(1, RESTRICTED, 9_000, confirmed=confirmed)])
    assert outcome.amounts["in_scope_fen"] == in_scope


def test_a_code_outside_the_catalogue_is_her_own_expense_with_a_reason(counter: ClaimWorld) -> None:
    outcome = counter.settle(lines=[line(1, "XNOBODYKNOWS", 9_000, consent=True)])
    assert split(outcome) == (9_000, 0, 0, 0, 9_000)
    assert outcome.explanation is not None
    assert outcome.explanation["refusals"] == [["line.not-in-catalogue", 0, 9_000]]


def test_the_account_pays_only_when_the_patient_chose_it(counter: ClaimWorld) -> None:
    without = counter.settle("H44010000123-m-1")
    assert without.answer["account_fen"] == 0
    chosen = counter.settle("H44010000123-m-2", [line(1, BED, 20_000)], use_account=True)
    assert chosen.answer["account_fen"] == 20_000 * 15 // 100
    state = counter.world.state
    assert balance(state, f"person:{ALICE}:account", "310200") == 50_000 - 3_000
    assert balance(state, PAYABLE, "310200") == 3_000
    assert balance(state, "clearing:430000->440000", "310200") == 3_000


def test_an_account_gives_what_it_has_and_cash_the_rest(counter: ClaimWorld) -> None:
    outcome = counter.settle(lines=[line(1, BED, 800_000)], use_account=True)
    assert outcome.amounts["fund_310100_fen"] == (800_000 - 30_000) * 85 // 100
    person = 800_000 - 654_500
    assert outcome.answer["account_fen"] == 50_000
    assert outcome.answer["cash_fen"] == person - 50_000
    assert balance(counter.world.state, f"person:{ALICE}:account", "310200") == 0


def test_money_that_is_set_aside_does_not_pay_a_bill(counter: ClaimWorld) -> None:
    world = counter.world
    postings = [
        {"account": f"person:{ALICE}:account", "fund_type": "310200", "amount_fen": -45_000},
        {"account": "premium:430100", "fund_type": "310200", "amount_fen": 45_000},
    ]
    args = {"transfer": "430100t1", "kind": "refund", "postings": postings, "phase": "pending",
            "expires_ms": world.time_ms + 60_000}  # fmt: skip
    world.do(BUREAU_CHANGSHA, "funds", "transfer", args, post="finance")
    outcome = counter.settle(lines=[line(1, BED, 800_000)], use_account=True)
    assert outcome.answer["account_fen"] == 5_000


def test_layers_follow_each_other_for_a_poor_resident(counter: ClaimWorld) -> None:
    given = visit(BOB, "inpatient")
    outcome = counter.settle(lines=[line(1, BED, 10_000_000)], given=given)
    amounts = outcome.amounts
    # 60 % above 1,000; then 60 % of what is left above 10,000; then 70 % of the rest.
    assert amounts["fund_390100_fen"] == (10_000_000 - 100_000) * 60 // 100
    left = 10_000_000 - amounts["fund_390100_fen"]
    assert amounts["fund_390200_fen"] == (left - 1_000_000) * 60 // 100
    assert amounts["fund_610100_fen"] == (left - amounts["fund_390200_fen"]) * 70 // 100
    assert amounts["funds_fen"] + amounts["person_fen"] == amounts["total_fen"]
    funds = {p.fund_type for p in outcome.postings if p.account == "fund:430100"}
    assert funds == {"390100", "390200", "610100"}


def test_inside_one_province_the_fund_pays_without_clearing(counter: ClaimWorld) -> None:
    world = counter.world
    enrol(world, "p:440300:carol", "bureau:440000")
    source = {"area": "440300", "scheme": "310", "effective_from": "2025-01-01",
              "source": EMPLOYEE_POLICY}  # fmt: skip
    world.do("bureau:440000", "policy", "deploy", source)
    world.next_block()
    outcome = counter.settle(given=visit("p:440300:carol"))
    accounts = {p.account.partition(":")[0] for p in outcome.postings}
    assert accounts == {"fund", "payable", "patient", "income"}
    assert trial_balance(world.state).items() >= {("310100", 0), ("cash", 0)}


def test_counters_are_used_up_once_and_shared_by_institutions(counter: ClaimWorld) -> None:
    first = counter.settle("H44010000123-m-1", [line(1, BED, 20_000)])
    second = counter.settle("H44010000123-m-2", [line(1, BED, 20_000)])
    third = counter.settle("H44010000123-m-3", [line(1, BED, 20_000)])
    paid = [o.amounts["funds_fen"] for o in (first, second, third)]
    # 300.00 deductible a year: 200 + 100 of it, then none.
    assert paid == [0, 8_500, 17_000]
    used = counters.read(counter.world.state, ALICE, "430100", "310", 2025)
    assert used == {"deductible_fen": 30_000, "pool_fen": 25_500}


def test_a_stay_counts_as_an_admission(counter: ClaimWorld) -> None:
    counter.settle(given=visit(kind="inpatient"))
    assert counters.read(counter.world.state, ALICE, "430100", "310", 2025)["admissions"] == 1
    counter.reverse()
    assert "admissions" not in counters.read(counter.world.state, ALICE, "430100", "310", 2025)


def test_a_stay_over_the_years_end_uses_the_counters_of_both_years(counter: ClaimWorld) -> None:
    split_year = '\ndef cross_year():\n    return "split_by_service_date"\n'
    counter.deploy("310", EMPLOYEE_POLICY + split_year)
    world = counter.world.on("2026-01-03")
    stay = visit(kind="inpatient", admission="2025-12-30")
    lines = [line(1, BED, 200_000, day="2025-12-31"), line(2, BED, 150_000, day="2026-01-01")]
    before = balances(world.state)
    outcome = counter.settle(lines=lines, given=stay, discharge="2026-01-02")

    def used(year: int) -> dict[str, int]:
        return counters.read(world.state, ALICE, "430100", "310", year)

    # A filing of half a year has run out, so 65 %; each year has its own deductible of 1,200.
    assert used(2025) == {"deductible_fen": 120_000, "pool_fen": 52_000}
    assert used(2026) == {"deductible_fen": 120_000, "pool_fen": 19_500, "admissions": 1}
    assert outcome.amounts["funds_fen"] == 71_500
    counter.reverse()
    assert (used(2025), used(2026)) == ({}, {})
    assert balances(world.state) == before


def test_commercial_cover_and_a_waiver_make_up_a_whole_bill(counter: ClaimWorld) -> None:
    layered = """
def settle(case):
    total = case["sums"]["total_fen"]
    basic = part(case["sums"]["in_scope_fen"], "50%", "basic")
    insured = part(total, "20%", "commercial")
    waived = part(total, "10%", "waiver")
    return {"payments": [
        payment("310100", basic, "basic"),
        payment("commercial", insured, "commercial"),
        payment("630100", waived, "waiver"),
    ]}
"""
    counter.deploy("310", layered)
    before = balances(counter.world.state)
    outcome = counter.settle(lines=[line(1, BED, 100_000)])
    money = outcome.amounts
    paid = ("funds_fen", "commercial_fen", "hospital_share_fen", "cash_fen")
    assert [money[name] for name in paid] == [50_000, 20_000, 10_000, 20_000]
    state = counter.world.state
    assert balance(state, "commercial:430100", "commercial") == -20_000
    assert balance(state, PAYABLE, "commercial") == 20_000
    assert balance(state, f"hospital_share:{HOSPITAL}", "630100") == -10_000
    taken = [p for p in outcome.postings if p.account.startswith(("payable:", "income:"))]
    assert sum(p.amount_fen for p in taken) == 100_000
    counter.reverse()
    assert balances(state) == before


def test_a_policy_that_pays_nothing_denies_and_settles(counter: ClaimWorld) -> None:
    denying = """
def settle(case):
    return {"payments": [], "refusals": ["not.insured"], "account_limit_fen": 0}
"""
    counter.deploy("310", denying)
    outcome = counter.settle(use_account=True)
    assert outcome.answer["funds_fen"] == 0
    assert outcome.answer["cash_fen"] == 50_000
    assert outcome.explanation is not None
    assert outcome.explanation["refusals"] == [["not.insured", -1, 50_000]]


# --- filings --------------------------------------------------------------------------------------


def test_four_filings_four_results_each_explained(counter: ClaimWorld) -> None:
    """The same bill, filed, filed elsewhere, not filed, and an emergency (USERS.md section 7)."""
    bill = [line(1, BED, 130_000)]
    world = counter.world
    for name in ("none", "elsewhere", "emergency"):
        enrol(world, f"p:430100:{name}")
    counter.file("430100fx", "p:430100:elsewhere", care_region="510100")
    told = {}
    for name, clinical in (("alice", {}), ("none", {}), ("elsewhere", {}),
                           ("emergency", {"emergency": True})):  # fmt: skip
        given = visit(f"p:430100:{name}")
        outcome = counter.settle(f"H44010000123-m-{name}", bill, given, clinical=clinical)
        filing = outcome.versions["filing"]
        told[name] = (outcome.amounts["funds_fen"], filing["type"], filing.get("reason", ""))
    assert told == {
        "alice": (85_000, "referral", ""),
        "none": (65_000, "none", "filing.none-filed"),
        "elsewhere": (65_000, "none", "filing.wrong-place"),
        "emergency": (85_000, "emergency", ""),
    }


def test_without_a_filing_the_claim_is_decided_with_a_reason(counter: ClaimWorld) -> None:
    enrol(counter.world, "p:430100:dora")
    outcome = counter.settle(given=visit("p:430100:dora"))
    assert outcome.explanation is not None
    assert ["filing.missing", -1, 50_000] in outcome.explanation["refusals"]
    assert outcome.explanation["filing"]["reason"] == "filing.none-filed"


# --- versions -------------------------------------------------------------------------------------


def test_each_line_is_judged_by_the_catalogue_of_its_day(counter: ClaimWorld) -> None:
    rows = catalogue_rows()
    changed = [[*row[:3], "50%", *row[4:]] if row[0] == TEST else row for row in rows]
    counter.publish("2025.2", "2025-06-09", changed)
    lines = [line(1, TEST, 10_000, day="2025-06-08"), line(2, TEST, 10_000, day="2025-06-09")]
    outcome = counter.settle(lines=lines, given=visit(kind="inpatient", admission="2025-06-08"))
    assert outcome.amounts["first_pay_fen"] == 1_000 + 5_000
    assert [v["version"] for v in outcome.versions["catalogue"]] == ["2025.1", "2025.2"]
    assert all(len(v["hash"]) == 32 for v in outcome.versions["catalogue"])


def test_the_policy_of_the_day_of_discharge_decides_and_stays(counter: ClaimWorld) -> None:
    generous = EMPLOYEE_POLICY.replace('"85%"', '"95%"')
    counter.deploy("310", generous, "2025-06-10")
    outcome = counter.settle()
    assert outcome.amounts["funds_fen"] == 19_000
    assert outcome.versions["policy"]["number"] == 2
    earlier = counter.settle("H44010000123-m-2", [line(1, BED, 20_000, day="2025-06-09")],
                             visit(admission="2025-06-09"), discharge="2025-06-09")  # fmt: skip
    assert earlier.versions["policy"]["number"] == 1
    # The filing began a day later, so the ratio is that of nobody's filing.
    assert earlier.amounts["funds_fen"] == 13_000


def test_a_policy_deployed_in_the_same_block_does_not_decide_yet(counter: ClaimWorld) -> None:
    args = {"area": "430100", "scheme": "310", "effective_from": "2025-01-01",
            "source": EMPLOYEE_POLICY.replace('"85%"', '"95%"')}  # fmt: skip
    counter.world.do(BUREAU_CHANGSHA, "policy", "deploy", args)
    assert counter.settle("H44010000123-m-1").amounts["funds_fen"] == 17_000
    counter.world.next_block()
    assert counter.settle("H44010000123-m-2", [line(1, BED, 20_000)]).amounts["funds_fen"] == 19_000


def test_a_home_policy_may_name_its_own_catalogue(counter: ClaimWorld) -> None:
    mode = '\ndef settlement_mode(region):\n    return "home"\n'
    counter.deploy("310", EMPLOYEE_POLICY + mode)
    counter.settle(refused="claim.no-catalogue")


def test_both_rules_of_the_place_of_care(counter: ClaimWorld) -> None:
    mode = '\ndef settlement_mode(region):\n    return "care_place"\n'
    counter.deploy("310", EMPLOYEE_POLICY + mode)
    counter.settle(refused="policy.none-in-force")
    local = {"area": "440100", "scheme": "310", "effective_from": "2025-01-01",
             "source": EMPLOYEE_POLICY.replace('"85%"', '"75%"')}  # fmt: skip
    counter.world.do(BUREAU_GUANGZHOU, "policy", "deploy", local)
    counter.world.next_block()
    outcome = counter.settle()
    assert outcome.amounts["funds_fen"] == 15_000
    assert outcome.versions["policy"]["area"] == "440100"
    # The home fund pays whoever's rules hold.
    assert balance(counter.world.state, "fund:430100", "310100") == -15_000


# --- ids ------------------------------------------------------------------------------------------


def test_the_same_claim_again_is_the_first_answer(counter: ClaimWorld) -> None:
    first = counter.settle(use_account=True)
    before = dict(counter.world.state.entries)
    again = counter.settle(use_account=True)
    assert again.answer == first.answer
    assert (again.postings, again.amounts) == ([], {})
    assert counter.world.state.entries == before


def test_the_same_id_with_other_content_is_refused(counter: ClaimWorld) -> None:
    counter.settle()
    counter.settle(use_account=True, refused="claim.duplicate-id")
    counter.settle(lines=[line(2, BED, 50_000)], refused="claim.duplicate-id")
    counter.settle(sender=PHARMACY, refused="sender.foreign-id")


# --- estimate -------------------------------------------------------------------------------------


def test_an_estimate_tells_what_settling_would_and_writes_nothing(counter: ClaimWorld) -> None:
    before = dict(counter.world.state.entries)
    told = counter.settle(method="estimate", use_account=True)
    assert counter.world.state.entries == before
    assert told.postings == []
    done = counter.settle(use_account=True)
    assert done.amounts == told.amounts
    assert done.versions == told.versions
    assert done.answer == told.answer | {"state": "settled"}
    assert told.explanation == done.explanation
    counter.settle(method="estimate", refused="claim.wrong-state")


def test_an_estimate_is_only_for_who_is_there(counter: ClaimWorld) -> None:
    shown = {"kind": "code", "certificate": "01"}
    counter.settle(method="estimate", given=visit(presence=shown), refused="presence.no-phone")
    counter.settle(method="estimate", post="finance", refused="sender.post")


# --- the sum of everything ------------------------------------------------------------------------


def test_nothing_is_made_or_lost(counter: ClaimWorld) -> None:
    for number in range(6):
        counter.settle(
            f"H44010000123-m-{number}", [line(1, BED, 12_347 * (number + 1))], use_account=True
        )
    assert set(trial_balance(counter.world.state).values()) == {0}
    pair = [(k, v) for k, v in balances(counter.world.state).items() if k[0].startswith("clearing")]
    assert sum(amount for _, amount in pair) == 0


def test_the_same_settlement_is_the_same_everywhere(counter: ClaimWorld) -> None:
    other = make_claim_world()
    assert counter.settle() == other.settle()
    assert counter.world.state.entries == other.world.state.entries
