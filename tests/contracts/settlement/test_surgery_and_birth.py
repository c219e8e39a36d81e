"""Same-day surgery (日间手术) and maternity (生育), worked through from admission to statement.

The rules are made up and of the usual kind. Same-day surgery: half the deductible of a stay, its
ratio, ten points less where nobody filed. Maternity: a fixed sum for each way of birth and each
birth control from the maternity fund; what a complication costs above it goes the way of a stay.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from contracts.runtime import Outcome
from contracts.settlement import counters
from contracts.settlement.statement import build, render_text
from tests.contracts.settlement.claim_world import (
    BED,
    COSMETIC,
    DAY,
    TEST,
    ClaimWorld,
    line,
    visit,
)
from tests.contracts.settlement.funds_world import enrol, trial_balance
from tests.contracts.settlement.refund_world import resettle
from tests.contracts.settlement.stay_world import LAB, StayWorld, make_stay_world
from tests.contracts.world import ALICE, BUREAU_CHANGSHA

RULE = """
FIXED = {
    "natural_delivery": yuan(3000), "caesarean": yuan(5000), "abortion": yuan(600),
    "iud_insertion": yuan(200),
}


def stay(case, in_scope):
    full = by_level(case, yuan(400), yuan(800), yuan(1200))
    full = nth([full, full // 2], case["visit"]["admission_number"])
    if case["visit"]["care_kind"] == "day_surgery" and case["visit"]["days"] <= 1:
        full = full // 2
    deductible = capped(full, in_scope, "deductible")
    share = by_level(case, "90%", "85%", "80%")
    if case["filing"]["type"] == "none":
        share = points(share, -10)
    return deductible, part(above(in_scope, deductible), share, "basic")


def settle(case):
    in_scope = case["sums"]["in_scope_fen"]
    visit = case["visit"]
    if visit["care_kind"] in ("maternity_inpatient", "maternity_outpatient"):
        if case["person"]["sex"] == "male":
            fail("maternity.sex")
        fixed = capped(get(FIXED, visit["maternity"], 0), in_scope, "maternity")
        return {"payments": [payment("510100", fixed, "maternity")],
                "counters": {"maternity_fen": fixed}}
    deductible, basic = stay(case, in_scope)
    return {"payments": [payment("310100", basic, "basic")], "deductible_fen": deductible,
            "counters": {"pool_fen": basic}}
"""

CAROL, DAVE = "p:430100:carol", "p:430100:dave"


@pytest.fixture
def desk() -> StayWorld:
    """Alice has a filing, Carol has none; the lab is of the second level."""
    made = make_stay_world()
    made.deploy("310", RULE, "2025-02-01")
    enrol(made.world, CAROL)
    enrol(made.world, DAVE, sex="male")
    return made


def operated(
    desk: ClaimWorld, person: str = ALICE, claim: str = "H44010000123-d-1", *, day: str = DAY,
    kind: str = "day_surgery", **given: Any,
) -> Outcome:  # fmt: skip
    """10,000.00 in scope, 500.00 first pay, 200.00 own expense, registered and settled."""
    bill = [line(1, BED, 550_000, day=day), line(2, TEST, 500_000, day=day),
            line(3, COSMETIC, 20_000, day=day, consent=True)]  # fmt: skip
    sender = given.pop("sender", "hospital:H44010000123")
    desk.register(claim, visit(person, kind, admission=day), sender=sender)
    return desk.settle(claim, bill, registered=True, discharge=day, sender=sender, **given)


# --- Same-day surgery -----------------------------------------------------------------------------


def test_a_day_in_hospital_from_admission_to_statement(desk: StayWorld) -> None:
    told = operated(desk)
    # (10,000.00 - half of 1,200.00) x 80 %
    assert told.amounts["in_scope_fen"] == 1_000_000
    assert told.amounts["fund_310100_fen"] == (1_000_000 - 60_000) * 80 // 100
    assert told.versions["filing"]["type"] == "referral"
    assert told.explanation is not None
    assert told.explanation["deductible_fen"] == 60_000
    page = render_text(build(told.explanation, receipt_digest=bytes(32)))
    for words in ("日间手术 day surgery", DAY, "起付线 deductible", "9,400.00 × 80% = 7,520.00",
                  "异地转诊 referral"):  # fmt: skip
        assert words in page


def test_it_is_an_admission_like_any_other(desk: StayWorld) -> None:
    """It counts, so the next stay has half the deductible; and it has its day to itself."""
    operated(desk)
    used = counters.read(desk.world.state, ALICE, "430100", "310", 2025)
    assert used["admissions"] == 1
    again = desk.settle(
        "H44010000123-d-2", [line(1, BED, 100_000)], visit(ALICE, "day_surgery"),
        refused="stay.overlap",
    )  # fmt: skip
    assert again.values["other_discharge"] == DAY
    stay = operated(desk, claim="H44010000123-d-3", day="2025-06-09", kind="inpatient")
    assert stay.explanation is not None
    assert stay.explanation["deductible_fen"] == 60_000


def test_nobody_filed_and_it_costs_ten_points(desk: StayWorld) -> None:
    told = operated(desk, CAROL)
    assert told.versions["filing"] == {"type": "none", "reason": "filing.none-filed"}
    assert told.amounts["fund_310100_fen"] == (1_000_000 - 60_000) * 70 // 100


def test_the_level_of_the_hospital_decides(desk: StayWorld) -> None:
    told = operated(desk, claim="H44010000777-d-1", sender=LAB)
    assert told.amounts["fund_310100_fen"] == (1_000_000 - 40_000) * 85 // 100


def test_who_stays_longer_had_a_stay(desk: StayWorld) -> None:
    """The policy sees the days: from the second night on the whole deductible is charged."""
    desk.register("H44010000123-d-1", visit(ALICE, "day_surgery", admission="2025-06-08"))
    told = desk.settle("H44010000123-d-1", [line(1, BED, 1_000_000)], registered=True)
    assert told.explanation is not None
    assert told.explanation["deductible_fen"] == 120_000


def test_a_switch_and_a_suspension_bar_it_as_a_stay(desk: StayWorld) -> None:
    pharmacy = "pharmacy:P44010000456"
    desk.settle("P44010000456-d-1", None, visit(ALICE, "day_surgery"), sender=pharmacy,
                refused="claim.switch-off")  # fmt: skip


def test_after_payment_it_comes_to_what_it_comes_to_at_the_counter(desk: StayWorld) -> None:
    told = operated(desk)
    desk.reverse("H44010000123-d-1")
    file = {
        "reimbursement": "430100z-1", "person": ALICE, "care_kind": "day_surgery",
        "place": {"institution": "hospital:H44010000123"}, "admission": DAY, "discharge": DAY,
        "total_fen": 1_070_000, "account": b"a" * 32,
        "invoices": [{"code": "044", "number": "1", "total_fen": 1_070_000, "hash": b"h" * 32}],
    }  # fmt: skip
    bill = [line(1, BED, 550_000), line(2, TEST, 500_000), line(3, COSMETIC, 20_000)]
    content = {"reimbursement": {"visit": {}, "lines": bill}}
    world = desk.world
    world.do(BUREAU_CHANGSHA, "reimbursement", "file", file, post="clerk", attachments=content)
    world.do(BUREAU_CHANGSHA, "reimbursement", "review",
             {"reimbursement": "430100z-1", "advice": "approve"}, post="clerk")  # fmt: skip
    done = world.do(BUREAU_CHANGSHA, "reimbursement", "decide",
                    {"reimbursement": "430100z-1", "decision": "approve"},
                    post="checker")  # fmt: skip
    assert done.amounts["fund_310100_fen"] == told.amounts["fund_310100_fen"]


# --- Maternity ------------------------------------------------------------------------------------


def born(desk: ClaimWorld, how: str, amount_fen: int = 800_000, **given: Any) -> Outcome:
    """Registered before anybody knows how the child will come; told at the settlement."""
    claim = given.pop("claim", "H44010000123-b-1")
    kind = given.pop("kind", "maternity_inpatient")
    person = given.pop("person", ALICE)
    desk.register(claim, visit(person, kind))
    bill = [line(1, BED, amount_fen), line(2, COSMETIC, 10_000, consent=True)]
    return desk.settle(claim, bill, registered=True, clinical={"maternity": how}, **given)


@pytest.mark.parametrize(
    ("how", "fixed_fen"), [("natural_delivery", 300_000), ("caesarean", 500_000)]
)
def test_a_birth_from_admission_to_statement(desk: StayWorld, how: str, fixed_fen: int) -> None:
    told = born(desk, how, use_account=True)
    assert told.amounts["fund_510100_fen"] == fixed_fen
    assert told.amounts["account_fen"] == 50_000
    assert told.amounts["person_fen"] == 810_000 - fixed_fen
    assert told.explanation is not None
    assert told.explanation["deductible_fen"] == 0
    page = render_text(build(told.explanation, receipt_digest=bytes(32)))
    for words in ("生育住院 maternity inpatient", "生育基金 maternity fund", "异地转诊 referral"):
        assert words in page
    used = counters.read(desk.world.state, ALICE, "430100", "310", 2025)
    assert used == {"maternity_fen": fixed_fen, "admissions": 1}
    assert not any(trial_balance(desk.world.state).values())
    # How it came about is clinical: it is in no receipt and not in the state.
    assert how not in str((told.answer, told.amounts, told.versions, told.events))
    assert how not in str(desk.world.state.get("claim/H44010000123-b-1"))
    desk.reverse("H44010000123-b-1")
    assert counters.read(desk.world.state, ALICE, "430100", "310", 2025) == {}


def test_a_bill_below_the_fixed_sum_is_paid_whole(desk: StayWorld) -> None:
    told = born(desk, "caesarean", 420_000)
    assert (told.amounts["funds_fen"], told.amounts["cash_fen"]) == (420_000, 10_000)


def test_birth_control_is_a_visit(desk: StayWorld) -> None:
    told = desk.settle(
        "H44010000123-b-1", [line(1, BED, 90_000)], visit(ALICE, "maternity_outpatient"),
        clinical={"maternity": "abortion"},
    )  # fmt: skip
    assert told.amounts["fund_510100_fen"] == 60_000
    assert desk.stays(ALICE) == ()


def test_what_nobody_told_is_paid_nothing_and_may_be_told_later(desk: StayWorld) -> None:
    desk.register("H44010000123-b-1", visit(ALICE, "maternity_inpatient"))
    bill = [line(1, BED, 800_000)]
    asked = desk.settle("H44010000123-b-1", bill, registered=True, method="estimate")
    assert asked.amounts["funds_fen"] == 0
    told = desk.settle("H44010000123-b-1", bill, registered=True,
                       clinical={"maternity": "natural_delivery"})  # fmt: skip
    assert told.amounts["funds_fen"] == 300_000


def test_a_policy_sees_whose_it_is(desk: StayWorld) -> None:
    """Where a husband's insurance does not pay, the rule says so with its own word."""
    refused = desk.settle(
        "H44010000123-b-1", [line(1, BED, 90_000)], visit(DAVE, "maternity_outpatient"),
        clinical={"maternity": "abortion"}, refused="policy.refuses",
    )  # fmt: skip
    assert "maternity.sex" in str(refused.values)


def test_the_newborn_s_bill_moves_to_the_child_and_the_mother_s_stays(desk: StayWorld) -> None:
    born(desk, "natural_delivery")
    beside = visit(ALICE, "inpatient", overlap="newborn")
    desk.settle("H44010000123-n-1", [line(1, BED, 200_000)], beside)
    child = "p:430100:child"
    enrol(desk.world, child, scheme="390", category="resident", account=False, birth=DAY,
          link=sha256(b"newborn").digest(), sex="male")  # fmt: skip
    told = resettle(desk, "H44010000123-n-1", reversal="430100-r1", replacement="430100-n1",
                    reason="newborn", sender=BUREAU_CHANGSHA, post="clerk",
                    newborn=child)  # fmt: skip
    assert told.answer["funds_fen"] > 0
    assert [stay.name for stay in desk.stays(ALICE)] == ["H44010000123-b-1"]
    assert [stay.name for stay in desk.stays(child)] == ["430100-n1"]
    used = counters.read(desk.world.state, ALICE, "430100", "310", 2025)
    assert used == {"maternity_fen": 300_000, "admissions": 1}


def test_a_long_maternity_stay_goes_on_in_parts(desk: StayWorld) -> None:
    """The fixed sum is one for the birth, however many parts the stay is settled in."""
    desk.register("H44010000123-b-1", visit(ALICE, "maternity_inpatient", admission="2025-06-05"))
    how: dict[str, Any] = {"clinical": {"maternity": "caesarean"}}
    first = desk.part("H44010000123-b-1", [line(1, BED, 400_000, day="2025-06-05")], "2025-06-07",
                      goes_on=True, **how)  # fmt: skip
    following = visit(ALICE, "maternity_inpatient", admission="2025-06-08",
                      continues="H44010000123-b-1")  # fmt: skip
    desk.register("H44010000123-b-2", following)
    second = desk.part("H44010000123-b-2", [line(1, BED, 400_000, day="2025-06-08")], DAY, **how)
    assert (first.amounts["funds_fen"], second.amounts["funds_fen"]) == (400_000, 100_000)
