"""A stay settled in parts while the patient stays, and tests at another hospital under it."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.settlement import claim as claims
from contracts.settlement import counters
from contracts.settlement.funds_book import balance
from contracts.settlement.records import Settled
from contracts.settlement.stays import Stay
from tests.contracts.settlement.claim_world import (
    BED,
    BOB,
    COSMETIC,
    DAY,
    EMPLOYEE_POLICY,
    RESIDENT_POLICY,
    TEST,
    catalogue_rows,
    line,
    visit,
)
from tests.contracts.settlement.funds_world import balances, enrol, trial_balance
from tests.contracts.settlement.refund_world import back, calls_of, refund, resettle
from tests.contracts.settlement.stay_world import (
    FIRST,
    LAB,
    ORDER,
    SCAN,
    SECOND,
    THIRD,
    StayWorld,
    bed,
    in_ward,
    make_stay_world,
)
from tests.contracts.world import ALICE, BUREAU_CHANGSHA, HOSPITAL

JUNE = "2025-06-{:02d}".format


@pytest.fixture
def desk() -> StayWorld:
    """Bob has been in hospital since 1 June; his policy takes 1,000.00 and pays 60 %."""
    made = make_stay_world()
    made.register(FIRST, in_ward())
    return made


def settled(desk: StayWorld, claim: str) -> Settled:
    found = claims.find(desk.world.state, claim)
    assert found is not None
    assert found.settled is not None
    return found.settled


def used(desk: StayWorld, person: str = BOB, scheme: str = "390") -> dict[str, int]:
    return counters.read(desk.world.state, person, "430100", scheme, 2025)


def go_on(desk: StayWorld, claim: str, first: int, *, after: str = FIRST, **given: Any) -> Any:
    return desk.register(claim, in_ward(admission=JUNE(first), continues=after), **given)


def three_parts(desk: StayWorld) -> list[Any]:
    """1 to 3 June, 4 to 6 June, 7 to 9 June."""
    told = [desk.part(FIRST, [bed(1, JUNE(1), 300_000)], JUNE(3), goes_on=True)]
    go_on(desk, SECOND, 4)
    told.append(desk.part(SECOND, [bed(1, JUNE(4), 500_000)], JUNE(6), goes_on=True))
    go_on(desk, THIRD, 7, after=SECOND)
    told.append(desk.part(THIRD, [bed(1, JUNE(7), 2_000_000)], JUNE(9)))
    return told


def whole(amount_fen: int) -> Any:
    """The same stay settled whole, in a world of its own."""
    other = make_stay_world()
    other.register(FIRST, in_ward())
    told = other.part(FIRST, [bed(1, JUNE(1), amount_fen)], JUNE(9))
    return told, used(other), balances(other.world.state)


# --- In parts -------------------------------------------------------------------------------------


def test_the_deductible_of_a_stay_is_charged_once(desk: StayWorld) -> None:
    told = three_parts(desk)
    assert [settled(desk, claim).deductible_fen for claim in (FIRST, SECOND, THIRD)] == [
        100_000, 0, 0,
    ]  # fmt: skip
    # 60 % of what is over 1,000.00, then of everything.
    assert [part.amounts["fund_390100_fen"] for part in told] == [120_000, 300_000, 1_200_000]
    assert used(desk)["admissions"] == 1
    assert [stay.parts for stay in desk.stays()] == [(FIRST, SECOND, THIRD)]
    assert [(stay.admission, stay.discharge) for stay in desk.stays()] == [(JUNE(1), JUNE(9))]


def test_parts_come_to_what_the_stay_comes_to_whole(desk: StayWorld) -> None:
    """Every layer, critical illness and assistance too, every counter, every account."""
    told = three_parts(desk)
    once, counted, after = whole(2_800_000)
    for name in once.amounts:
        assert sum(part.amounts.get(name, 0) for part in told) == once.amounts[name], name
    assert once.amounts["fund_390200_fen"] > 0
    assert used(desk) == counted
    assert balances(desk.world.state) == after


@given(
    st.lists(st.tuples(st.sampled_from([BED, TEST, COSMETIC]), st.integers(1, 900_000)),
             min_size=2, max_size=8),
    st.lists(st.booleans(), min_size=8, max_size=8),
    st.booleans(),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_any_cut_of_a_stay_comes_to_the_same(
    bill: list[tuple[str, int]], cuts: list[bool], employee: bool
) -> None:
    person, scheme = (ALICE, "310") if employee else (BOB, "390")
    lines = [line(n, code, fen, day=JUNE(1 + n), consent=True)
             for n, (code, fen) in enumerate(bill)]  # fmt: skip
    found = []
    for in_parts in (True, False):
        desk = make_stay_world()
        desk.register(FIRST, in_ward(person))
        name, waiting, total = FIRST, [], {}
        for number, row in enumerate(lines):
            waiting.append(row)
            last = number == len(lines) - 1
            if not last and not (in_parts and cuts[number]):
                continue
            told = desk.part(name, waiting, JUNE(1 + number), goes_on=not last)
            total = {key: total.get(key, 0) + fen for key, fen in told.amounts.items()} | {
                key: fen for key, fen in total.items() if key not in told.amounts
            }
            waiting = []
            if not last:
                name = f"H44010000123-c-{number}"
                visit_on = in_ward(person, JUNE(1 + number), continues=FIRST)
                desk.register(name, visit_on)
        assert not any(trial_balance(desk.world.state).values())
        moved = balances(desk.world.state)
        found.append((total, used(desk, person, scheme), moved))
    assert found[0] == found[1]


def test_a_part_says_what_it_is(desk: StayWorld) -> None:
    first, second, third = three_parts(desk)
    assert third.explanation is not None
    assert third.explanation["part"] == {
        "stay": FIRST, "number": 3, "goes_on": False, "host": HOSPITAL, "admission": JUNE(1),
        "before_total_fen": 800_000,
        "before_paid_fen": sum(p.amounts["funds_fen"] for p in (first, second)),
    }  # fmt: skip
    assert third.explanation["visit"]["admission"] == JUNE(1)
    steps = [step for step in third.explanation["steps"] if step["code"] == "earlier_parts"]
    assert steps[0]["amounts_fen"][1] == 420_000
    events = [fields for topic, fields in second.events if topic == "stay.part-settled"]
    assert events == [{"claim": SECOND, "stay": FIRST, "number": 2, "goes_on": True}]
    part = settled(desk, SECOND).part
    assert part is not None
    assert (part.stay, part.number, part.goes_on, part.host) == (FIRST, 2, True, HOSPITAL)


def test_a_part_is_estimated_as_it_is_settled(desk: StayWorld) -> None:
    desk.part(FIRST, [bed(1, JUNE(1), 300_000)], JUNE(3), goes_on=True)
    go_on(desk, SECOND, 4)
    bill = [bed(1, JUNE(4), 500_000)]
    for goes_on in (True, False):
        before = dict(desk.world.state.entries)
        told = desk.part(SECOND, bill, JUNE(6), goes_on=goes_on, method="estimate")
        assert desk.world.state.entries == before
        assert told.amounts["fund_390100_fen"] == 300_000
    assert desk.part(SECOND, bill, JUNE(6)).amounts == told.amounts


def test_a_filing_counts_for_the_admission_of_the_stay() -> None:
    """Alice files on the tenth, in the middle of her second part: it reaches back to the first."""
    desk = make_stay_world()
    desk.register(FIRST, in_ward(ALICE, admission=JUNE(8)))
    first = desk.part(FIRST, [bed(1, JUNE(8), 300_000)], JUNE(9), goes_on=True)
    desk.register(SECOND, in_ward(ALICE, JUNE(10), continues=FIRST))
    second = desk.part(SECOND, [bed(1, JUNE(10), 100_000)], JUNE(10))
    assert first.versions["filing"] == second.versions["filing"]


@pytest.mark.parametrize(
    ("mode", "deductible_fen", "years"),
    [
        ("discharge_year", 100_000, {2025: 100_000}),
        ("split_at_boundary", 100_000, {2024: 100_000}),
        ("split_by_service_date", 200_000, {2024: 100_000, 2025: 100_000}),
    ],
)
def test_a_settlement_at_the_years_end(
    mode: str, deductible_fen: int, years: dict[int, int]
) -> None:
    """This place's year begins on 5 June: the hospital settles what was done till then, Bob goes
    home on the ninth. In each convention it comes to what a settlement of the whole comes to, and
    every counter stands in the year in which it would."""
    found = []
    for in_parts in (True, False):
        desk = make_stay_world()
        rule = _YEARLY + f'\n\ndef cross_year():\n    return "{mode}"\n'
        desk.deploy("390", rule, "2025-02-01")
        desk.register(FIRST, in_ward())
        lines = [bed(1, JUNE(2), 300_000), bed(2, JUNE(6), 500_000)]
        if in_parts:
            told = [desk.part(FIRST, lines[:1], JUNE(4), goes_on=True)]
            desk.register(SECOND, in_ward(admission=JUNE(5), continues=FIRST))
            told.append(desk.part(SECOND, lines[1:], JUNE(9)))
        else:
            told = [desk.part(FIRST, lines, JUNE(9))]
        by_year = {
            year: counters.read(desk.world.state, BOB, "430100", "390", year)
            for year in (2024, 2025)
        }
        assert sum(one.amounts["funds_fen"] for one in told) == (800_000 - deductible_fen) // 2
        assert sum(values.get("admissions", 0) for values in by_year.values()) == 1
        assert {
            year: values["deductible_fen"]
            for year, values in by_year.items()
            if "deductible_fen" in values
        } == years
        found.append((by_year, balances(desk.world.state)))
        if in_parts:
            desk.reverse(SECOND)
            desk.reverse(FIRST)
            for year in (2024, 2025):
                assert counters.read(desk.world.state, BOB, "430100", "390", year) == {}
    assert found[0] == found[1]


def test_a_bill_before_a_stay_whose_counters_moved_is_settled_again() -> None:
    """The last part took the first one's counters along into the new year: what is taken off and
    what is put back stand for one and the same stay."""
    desk = make_stay_world()
    rule = _YEARLY + '\n\ndef cross_year():\n    return "discharge_year"\n'
    desk.deploy("390", rule, "2025-02-01")
    early = "H44010000123-e-1"
    desk.settle(early, [line(1, BED, 30_000, day="2025-05-01")],
                visit(BOB, admission="2025-05-01"), discharge="2025-05-01")  # fmt: skip
    desk.world.next_block()
    desk.register(FIRST, in_ward())
    desk.part(FIRST, [bed(1, JUNE(2), 300_000)], JUNE(4), goes_on=True)
    desk.register(SECOND, in_ward(admission=JUNE(5), continues=FIRST))
    desk.part(SECOND, [bed(2, JUNE(6), 500_000)], JUNE(9))
    resettle(desk, early, refused="resettle.unchanged")
    desk.deploy("390", rule.replace("yuan(1000)", "yuan(100)"), "2025-02-01")
    desk.world.next_block()
    told = resettle(desk, early)
    assert told.answer["funds_fen"] == (30_000 - 10_000) // 2
    last_year = counters.read(desk.world.state, BOB, "430100", "390", 2024)
    assert last_year == {"deductible_fen": 10_000, "pool_fen": 10_000}


_YEARLY = """
def benefit_year(date):
    return 2025 if date >= "2025-06-05" else 2024


def settle(case):
    left = remaining(yuan(1000), case["visit"]["deductible_paid_fen"])
    left = min(left, case["sums"]["in_scope_fen"])
    basic = part(above(case["sums"]["in_scope_fen"], left), "50%", "basic")
    return {"payments": [payment("390100", basic)], "deductible_fen": left,
            "counters": {"deductible_fen": left, "pool_fen": basic}}
"""


def test_a_policy_that_reads_lines_settles_whole(desk: StayWorld) -> None:
    reading = RESIDENT_POLICY.replace(
        "def settle(case):", 'def settle(case):\n    n = case["lines"]'
    )
    desk.deploy("390", reading, "2025-02-01")
    bill = [bed(1, JUNE(1), 300_000)]
    refused = desk.part(FIRST, bill, JUNE(3), goes_on=True, refused="stay.policy-reads-lines")
    assert refused.values == {"area": "430100", "scheme": "390"}
    desk.part(FIRST, bill, JUNE(3))


def test_a_policy_that_gets_at_lines_by_another_name_is_refused_and_not_told_of_none(
    desk: StayWorld,
) -> None:
    """The word is not in its source; of a part it would find an empty list and pay by that."""
    hidden = RESIDENT_POLICY.replace(
        "def settle(case):", 'def settle(case):\n    n = case["li" + "nes"]'
    )
    desk.deploy("390", hidden, "2025-02-01")
    bill = [bed(1, JUNE(1), 300_000)]
    refused = desk.part(FIRST, bill, JUNE(3), goes_on=True, refused="policy.fault")
    assert refused.values["fault"] == "no-key"
    desk.part(FIRST, bill, JUNE(3))


# --- What does not fit ----------------------------------------------------------------------------


def test_a_part_begins_where_the_one_before_it_ends(desk: StayWorld) -> None:
    desk.part(FIRST, [bed(1, JUNE(1))], JUNE(3), goes_on=True)
    for day in (1, 2, 5, 9):
        refused = go_on(desk, SECOND, day, refused="stay.part-dates")
        assert refused.values == {"admission": JUNE(day), "allowed": [JUNE(3), JUNE(4)]}
    go_on(desk, SECOND, 3)
    desk.part(SECOND, [bed(1, JUNE(2))], JUNE(5), refused="claim.line-date")
    desk.part(SECOND, [bed(1, JUNE(3))], JUNE(5))


def test_what_cannot_go_on(desk: StayWorld) -> None:
    go_on(desk, SECOND, 1, refused="stay.part-open")
    go_on(desk, SECOND, 1, after="H44010000123-none", refused="stay.not-found")
    desk.part(FIRST, [bed(1, JUNE(1))], JUNE(3), goes_on=True)
    # Another person's, another hospital's.
    desk.register(SECOND, in_ward(ALICE, JUNE(4), continues=FIRST), refused="stay.not-found")
    desk.register("H44010000777-s-1", in_ward(admission=JUNE(4), continues=FIRST), sender=LAB,
                  refused="stay.not-found")  # fmt: skip
    # It goes on, so nobody else admits the person.
    desk.register("H44010000777-s-1", in_ward(admission=JUNE(7)), sender=LAB,
                  refused="stay.overlap")  # fmt: skip
    go_on(desk, SECOND, 4)
    go_on(desk, THIRD, 4, refused="stay.part-open")
    desk.part(SECOND, [bed(1, JUNE(4))], JUNE(6))
    refused = go_on(desk, THIRD, 7, after=SECOND, refused="stay.over")
    assert refused.values == {"stay": FIRST, "discharge": JUNE(6)}


# --- In reverse order -----------------------------------------------------------------------------


def test_parts_are_taken_back_in_reverse_order(desk: StayWorld) -> None:
    before = balances(desk.world.state)
    three_parts(desk)
    for claim in (FIRST, SECOND):
        refused = desk.reverse(claim, refused="stay.later-part")
        assert refused.values == {"claim": claim, "part": THIRD}
        resettle(desk, claim, refused="stay.later-part", reason="other")
        refund(desk, [back(1, settled(desk, claim).sums[0])], claim, refused="stay.later-part")
    desk.reverse(THIRD)
    # The stay goes on again; the next part may be another one.
    (stay,) = desk.stays()
    assert (stay.parts, stay.discharge, stay.going) == ((FIRST, SECOND), "", "")
    go_on(desk, "H44010000123-s-4", 7, after=SECOND)
    refused = desk.reverse(SECOND, refused="stay.part-open")
    assert refused.values == {"stay": FIRST, "part": "H44010000123-s-4"}
    again = desk.part("H44010000123-s-4", [bed(1, JUNE(7), 2_000_000)], JUNE(9))
    assert again.amounts["fund_390100_fen"] == 1_200_000
    for claim in ("H44010000123-s-4", SECOND, FIRST):
        desk.reverse(claim)
    assert balances(desk.world.state) == before
    assert used(desk) == {}
    assert desk.stays() == ()


def test_a_claim_that_goes_on_may_be_given_up(desk: StayWorld) -> None:
    desk.part(FIRST, [bed(1, JUNE(1), 300_000)], JUNE(3), goes_on=True)
    go_on(desk, SECOND, 4)
    cancel = {"claim": SECOND, "reason": "wrong_visit"}
    desk.world.do(HOSPITAL, "claim", "cancel", cancel, post="operator")
    assert desk.stays() == (Stay(FIRST, HOSPITAL, JUNE(1), "", "", "", (FIRST,)),)
    desk.reverse(FIRST)
    assert desk.stays() == ()


def test_the_last_part_is_settled_again_on_its_predecessors(desk: StayWorld) -> None:
    """The wrong price of the last part is put right: the deductible stays where it was."""
    three_parts(desk)
    told = refund(desk, [back(1, 1_000_000, 0, goods=False)], THIRD)
    assert told.answer["funds_fen"] > 0
    new = settled(desk, f"{THIRD}-n")
    assert new.part is not None
    assert (new.part.number, new.part.goes_on) == (3, False)
    assert new.payments[0] == ("390100", "fund", 600_000)
    assert new.deductible_fen == 0
    once, counted, _ = whole(1_800_000)
    assert used(desk) == counted
    assert [stay.parts for stay in desk.stays()] == [(FIRST, SECOND, f"{THIRD}-n")]
    _, _, after = whole(1_800_000)
    assert balances(desk.world.state) == after
    # And then everything of it comes back: the stay goes on.
    refund(desk, [back(1, 1_000_000)], f"{THIRD}-n", origin=THIRD)
    assert [(stay.parts, stay.over) for stay in desk.stays()] == [((FIRST, SECOND), False)]
    assert once.amounts["total_fen"] == 1_800_000


def test_late_counters_decide_the_last_part_again(desk: StayWorld) -> None:
    desk2 = make_stay_world()
    desk2.deploy("310", EMPLOYEE_POLICY, "2025-02-01")
    desk2.register(FIRST, in_ward(ALICE))
    desk2.part(FIRST, [bed(1, JUNE(1), 60_000)], JUNE(3), goes_on=True)
    desk2.register(SECOND, in_ward(ALICE, JUNE(4), continues=FIRST))
    second = desk2.part(SECOND, [bed(1, JUNE(4), 100_000)], JUNE(6))
    assert second.amounts["funds_fen"] == (160_000 - 120_000) * 85 // 100
    fed = {"person": ALICE, "scheme": "310", "year": 2025, "local": b"1" * 32, "settled_ms": 1,
           "as_of_ms": 1}  # fmt: skip
    desk2.world.do(BUREAU_CHANGSHA, "counters", "feed", fed,
                   attachments={"person": {"deltas": {"deductible_fen": 50_000}}})  # fmt: skip
    again = resettle(desk2, SECOND, reason="late_counters")
    # The whole stay over what is left of the yearly deductible; the first part got nothing.
    assert again.answer["funds_fen"] == (160_000 - 70_000) * 85 // 100
    assert used(desk2, ALICE, "310")["deductible_fen"] == 120_000


def test_a_part_does_not_move_to_a_newborn(desk: StayWorld) -> None:
    child = "p:430100:child"
    enrol(desk.world, child, scheme="390", category="resident", account=False, birth="2025-06-01",
          link=sha256(b"newborn").digest(), sex="male")  # fmt: skip
    desk.register("H44010000123-b-1", in_ward(ALICE))
    desk.part("H44010000123-b-1", [bed(1, JUNE(1))], JUNE(3), goes_on=True)
    moved: dict[str, Any] = {
        "reversal": "430100-r1",
        "replacement": "430100-n1",
        "post": "clerk",
        "reason": "newborn",
        "sender": BUREAU_CHANGSHA,
        "newborn": child,
    }
    refused = resettle(desk, "H44010000123-b-1", refused="stay.in-parts", **moved)
    assert refused.values == {"claim": "H44010000123-b-1", "parts": 1}
    desk.reverse("H44010000123-b-1")
    desk.register("H44010000123-b-2", in_ward(ALICE))
    desk.part("H44010000123-b-2", [bed(1, JUNE(1), 300_000)], JUNE(3))
    resettle(desk, "H44010000123-b-2", **moved)
    assert desk.stays(ALICE) == ()
    assert [(stay.name, stay.reason) for stay in desk.stays(child)] == [("430100-n1", "newborn")]


# --- Tests at another hospital --------------------------------------------------------------------


def owed(desk: StayWorld, institution: str) -> int:
    return balance(desk.world.state, f"payable:{institution}", "390100")


def test_a_test_elsewhere_is_a_part_of_the_stay(desk: StayWorld) -> None:
    """The deductible of the stay is charged on the scan; each hospital is owed what is its own."""
    desk.order()
    scan = desk.scan(150_000)
    assert scan.amounts["fund_390100_fen"] == 30_000
    assert (owed(desk, LAB), owed(desk, HOSPITAL)) == (30_000, 0)
    assert balance(desk.world.state, f"income:{LAB}", "cash") == scan.amounts["cash_fen"] > 0
    stay = desk.part(FIRST, [bed(1, JUNE(1), 500_000)], JUNE(9))
    assert stay.amounts["fund_390100_fen"] == 300_000
    assert (owed(desk, LAB), owed(desk, HOSPITAL)) == (30_000, 300_000)
    assert used(desk)["admissions"] == 1
    once, counted, _ = whole(650_000)
    assert used(desk) == counted
    assert scan.amounts["funds_fen"] + stay.amounts["funds_fen"] == once.amounts["funds_fen"]
    part = settled(desk, SCAN).part
    assert part is not None
    assert (part.stay, part.host, part.number) == (FIRST, HOSPITAL, 1)
    assert [one.parts for one in desk.stays()] == [(SCAN, FIRST)]


def test_an_order_is_used_once_and_by_the_named_hospital(desk: StayWorld) -> None:
    refused = desk.scan(refused="stay.test-not-ordered")
    assert refused.values == {"order": ORDER, "institution": LAB}
    assert desk.order().answer == desk.order().answer
    desk.scan(kind="inpatient", refused="stay.test-kind")
    desk.scan(person=ALICE, refused="stay.test-not-ordered")
    refused = desk.scan(day="2025-05-31", refused="stay.test-dates")
    assert refused.values == {"admission": "2025-05-31", "stay_admission": JUNE(1)}
    desk.scan(goes_on=True, refused="claim.flag-alone")
    desk.scan()
    assert desk.scan().postings == []
    desk.scan(claim="H44010000777-t-2", refused="stay.test-not-ordered")
    # Afterwards it is an ordinary visit or none.
    desk.order(order="H44010000123-o-2")
    desk.part(FIRST, [bed(1, JUNE(1))], JUNE(9))
    desk.scan(claim="H44010000777-t-2", order="H44010000123-o-2", refused="stay.test-not-ordered")


def test_who_orders_what_where(desk: StayWorld) -> None:
    desk.order(institution=HOSPITAL, refused="stay.test-institution")
    desk.order(institution="hospital:none", refused="stay.test-institution")
    desk.order(institution="bank:icbc", refused="stay.test-institution")
    desk.order(order="H44010000777-o-1", refused="sender.foreign-id")
    desk.order("H44010000123-none", refused="claim.not-found")
    desk.order()
    desk.order(institution="pharmacy:P44010000456", refused="claim.duplicate-id")
    world, args = desk.world, {"claim": FIRST, "order": ORDER}
    world.do(HOSPITAL, "claim", "withdraw_test", args, post="doctor")
    desk.scan(refused="stay.test-not-ordered")
    world.refused("stay.test-not-ordered", HOSPITAL, "claim", "withdraw_test", args, post="doctor")
    for number in range(20):
        desk.order(order=f"H44010000123-o-{number}")
    desk.order(order="H44010000123-o-20", refused="stay.too-many")
    desk.register("H44010000123-v-1", visit(BOB))
    desk.order("H44010000123-v-1", refused="stay.not-a-stay")
    desk.part(FIRST, [bed(1, JUNE(1))], JUNE(9))
    desk.order(refused="claim.wrong-state")


def test_a_test_between_two_parts_waits_for_the_next(desk: StayWorld) -> None:
    """Nothing is open, so nobody has said how the patient lies there now."""
    desk.order()
    desk.part(FIRST, [bed(1, JUNE(1), 300_000)], JUNE(3), goes_on=True)
    desk.scan(refused="stay.not-going")
    go_on(desk, SECOND, 4)
    assert desk.scan(150_000).amounts["fund_390100_fen"] == 90_000
    refused = desk.reverse(FIRST, refused="stay.later-part")
    assert refused.values == {"claim": FIRST, "part": SCAN}
    desk.part(SECOND, [bed(1, JUNE(4))], JUNE(4))


def test_a_stay_does_not_end_before_its_tests(desk: StayWorld) -> None:
    desk.order()
    desk.scan(day=JUNE(8))
    refused = desk.part(FIRST, [bed(1, JUNE(1))], JUNE(5), refused="stay.part-dates")
    assert refused.values == {"discharge": JUNE(5), "last_day": JUNE(8)}
    give_up = {"claim": FIRST, "reason": "wrong_visit"}
    desk.world.refused("stay.later-part", HOSPITAL, "claim", "cancel", give_up, post="operator")
    take = {"claim": SCAN, "reversal": f"{SCAN}-r", "reason": "wrong_bill"}
    desk.world.do(LAB, "claim", "reverse", take, post="operator")
    desk.world.do(HOSPITAL, "claim", "cancel", give_up, post="operator")
    assert desk.stays() == ()


def test_a_test_is_taken_back_before_the_stay_and_not_after(desk: StayWorld) -> None:
    before = balances(desk.world.state)
    desk.order()
    desk.scan()
    desk.part(FIRST, [bed(1, JUNE(1), 500_000)], JUNE(9))
    take = {"claim": SCAN, "reversal": f"{SCAN}-r", "reason": "wrong_bill"}
    desk.world.refused("stay.later-part", LAB, "claim", "reverse", take, post="operator")
    desk.reverse(FIRST)
    # The stay has no claim of its own now, and the scan is still settled.
    desk.register(SECOND, in_ward(continues=FIRST))
    desk.world.do(LAB, "claim", "reverse", take, post="operator")
    desk.part(SECOND, [bed(1, JUNE(1), 500_000)], JUNE(9))
    desk.reverse(SECOND)
    assert balances(desk.world.state) == before
    assert desk.stays() == ()


def test_a_test_is_decided_again_while_the_stay_is_open(desk: StayWorld) -> None:
    desk.order()
    desk.scan(150_000)
    args = {"claim": SCAN, "reversal": f"{SCAN}-r", "replacement": f"{SCAN}-n",
            "amount_fen": 50_000}  # fmt: skip
    returns = [back(1, 50_000, 0, goods=False)]
    desk.world.do(LAB, "claim", "refund", args, post="operator",
                  attachments={"settlement": {"calls": calls_of(desk, SCAN),
                                              "returns": returns}})  # fmt: skip
    # Of 1,000.00 the deductible leaves nothing to the fund; assistance helps with 70 %.
    assert settled(desk, f"{SCAN}-n").payments == (("610100", "fund", 70_000),)
    stay = desk.part(FIRST, [bed(1, JUNE(1), 500_000)], JUNE(9))
    assert stay.amounts["fund_390100_fen"] == 300_000
    assert JUNE(10) == DAY


def test_the_ceilings_of_a_test_are_those_of_its_own_hospital(desk: StayWorld) -> None:
    """The lab is a hospital of the second level; the stay's benefit is that of the third."""
    rows = catalogue_rows()
    for row in rows:
        if row[0] == BED:
            row[4] = [[2, 500_000_000], [3, 900_000_000]]
    desk.publish("2025.2", "2025-01-01", rows)
    desk.order()
    scan = desk.scan(100_000)
    assert scan.amounts["over_ceiling_fen"] == 50_000
    stay = desk.part(FIRST, [bed(1, JUNE(1), 100_000)], JUNE(9))
    assert stay.amounts["over_ceiling_fen"] == 10_000
