"""The fund pays first and recovers from who is liable: in parts, never more than it paid."""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.runtime import Outcome
from contracts.settlement import claim as claims
from contracts.settlement import counters, recovery_record
from contracts.settlement.funds_book import balance
from contracts.settlement.recovery import PARTS_MAX
from contracts.settlement.refunds import reprice
from tests.contracts.settlement.claim_world import BED, BOB, ClaimWorld, line, make_claim_world
from tests.contracts.settlement.claim_world import visit as visit_of
from tests.contracts.settlement.funds_world import balances, trial_balance
from tests.contracts.settlement.refund_world import FIRST, back, refund, resettle
from tests.contracts.settlement.stay_world import FIRST as PART
from tests.contracts.settlement.stay_world import SECOND as NEXT
from tests.contracts.settlement.stay_world import bed, in_ward, make_stay_world
from tests.contracts.world import (
    ALICE,
    BANK,
    BUREAU_CHANGSHA,
    BUREAU_GUANGZHOU,
    HOSPITAL,
)

CAR = sha256(b"driver").digest()
HIT = {"trauma": True, "third_party": True}
ALONE = {"trauma": True, "third_party": False, "commitment": {"paper": sha256(b"word").digest()}}
NAME, PAID = "430100q1", "430100-n1"
FUND = "fund:430100"


@pytest.fixture
def counter() -> ClaimWorld:
    return make_claim_world()


def hurt(
    counter: ClaimWorld, clinical: dict[str, Any] = HIT, person: str = ALICE, **given: Any
) -> Outcome:
    """2,300.00 yuan after an accident: 1,700.00 are the fund's, where nobody else is liable."""
    given = {"lines": [line(1, BED, 230_000)]} | given
    return counter.settle(
        given=visit_of(person, kind="trauma_outpatient"), clinical=clinical, **given
    )


def call(
    counter: ClaimWorld, method: str, *, refused: str = "", sender: str = BUREAU_CHANGSHA,
    post: str = "checker", content: dict[str, Any] | None = None, **args: Any,
) -> Outcome:  # fmt: skip
    args = {"recovery": NAME} | args
    more: dict[str, Any] = {"post": post}
    if content is not None:
        more["attachments"] = {"person": content}
    if refused:
        return counter.world.refused(refused, sender, "recovery", method, args, **more)
    return counter.world.do(sender, "recovery", method, args, **more)


def register(counter: ClaimWorld, *, refused: str = "", **given: Any) -> Outcome:
    args: dict[str, Any] = {"claim": FIRST, "grounds": "not_paid", "liable": CAR} | given
    liable = args.pop("liable")
    content = {"liable": liable, "papers": [sha256(b"application").digest()]}
    more = {"post": "clerk"} | {k: args.pop(k) for k in ("sender", "post") if k in args}
    return call(counter, "register", refused=refused, content=content, **args, **more)


def pay_first(counter: ClaimWorld, **given: Any) -> Outcome:
    args = {"reversal": "430100-r1", "replacement": PAID, "reason": "pay_first",
            "sender": BUREAU_CHANGSHA, "post": "clerk"}  # fmt: skip
    return resettle(counter, **args | given)


def advanced(counter: ClaimWorld) -> ClaimWorld:
    """The fund has paid first."""
    hurt(counter)
    register(counter)
    call(counter, "agree")
    pay_first(counter)
    return counter


def demand(counter: ClaimWorld, amount_fen: int = 170_000, **given: Any) -> Outcome:
    return call(counter, "demand", **{"amount_fen": amount_fen, "bank": BANK} | given)


def receive(
    counter: ClaimWorld, amount_fen: int, number: int = 1, *, refused: str = "", **given: Any
) -> Outcome:
    args = {"payment": f"icbc-in-{number}", "reference": f"in-{number}", "amount_fen": amount_fen,
            "sender": BANK, "post": "finance"}  # fmt: skip
    return call(counter, "receive", refused=refused, **args | given)


def give_back(counter: ClaimWorld, number: int = 1, **given: Any) -> Outcome:
    args = {"payment": f"icbc-in-{number}", "reference": f"out-{number}", "sender": BANK,
            "post": "finance"}  # fmt: skip
    return call(counter, "give_back", **args | given)


def used(counter: ClaimWorld, person: str = ALICE, scheme: str = "310") -> dict[str, int]:
    return counters.read(counter.world.state, person, "430100", scheme, 2025)


def record(counter: ClaimWorld) -> recovery_record.Recovery:
    return recovery_record.load(counter.world.state, NAME)


# --- The fund pays first ----------------------------------------------------------------------


def test_the_fund_pays_first_and_has_it_back_in_parts(counter: ClaimWorld) -> None:
    first = hurt(counter)
    assert (first.answer["funds_fen"], used(counter)) == (0, {})
    assert register(counter).answer == {"recovery": NAME, "stage": "registered"}
    call(counter, "agree")
    told = pay_first(counter)
    assert (told.answer["funds_fen"], told.answer["paid_back_fen"]) == (170_000, 170_000)
    assert used(counter) == {"deductible_fen": 30_000, "pool_fen": 170_000}
    state = counter.world.state
    asked = demand(counter)
    assert asked.answer["due_on"] > "2025-07-01"
    receive(counter, 100_000)
    assert used(counter) == {"deductible_fen": 30_000, "pool_fen": 170_000}
    done = receive(counter, 70_000, 2)
    assert (done.answer["stage"], done.answer["recovered_fen"]) == ("recovered", 170_000)
    # Nothing of the year's entitlement is used up any more, as if the fund had not paid.
    assert used(counter) == {}
    assert balance(state, FUND, "310100") == -170_000 + 170_000
    assert balance(state, f"bank:{BANK}", "310100") == -170_000
    assert not any(trial_balance(state).values())
    # The patient and the hospital are where they were.
    assert balance(state, f"payable:{HOSPITAL}", "310100") == 170_000


def test_told_twice_it_is_one_payment(counter: ClaimWorld) -> None:
    advanced(counter)
    demand(counter)
    first = receive(counter, 100_000)
    before = balances(counter.world.state)
    assert receive(counter, 100_000).answer == first.answer
    assert balances(counter.world.state) == before
    assert first.amounts == {"recovered_fen": 100_000}
    receive(counter, 90_000, refused="recovery.reported-otherwise")
    receive(counter, 10_000, 2, reference="in-1", refused="payment.reference-used")
    receive(counter, 70_001, 2, refused="recovery.above-demand")


def test_what_goes_back_to_its_sender_undoes_it(counter: ClaimWorld) -> None:
    advanced(counter)
    demand(counter)
    paid, counted = balances(counter.world.state), used(counter)
    receive(counter, 170_000)
    assert used(counter) == {}
    told = give_back(counter)
    assert (told.answer["stage"], told.answer["recovered_fen"]) == ("demanded", 0)
    assert give_back(counter).answer == told.answer
    assert balances(counter.world.state) == paid
    assert used(counter) == counted
    assert told.amounts == {"recovered_fen": -170_000}
    give_back(counter, 7, refused="recovery.no-payment")
    receive(counter, 170_000, 3)
    assert record(counter).stage.value == "recovered"
    made = claims.find(counter.world.state, PAID)
    assert made is not None
    assert made.settled is not None
    assert made.settled.counters == ((2025, {}),)


def test_a_settlement_is_not_taken_back_while_money_is_demanded(counter: ClaimWorld) -> None:
    advanced(counter)
    demand(counter)
    counter.reverse(PAID, reversal="H44010000123-r-9", refused="recovery.under-way")
    resettle(counter, PAID, origin=FIRST, reversal="H44010000123-r2",
             replacement="H44010000123-n2", refused="recovery.under-way")  # fmt: skip
    refund(counter, [back(1, 230_000)], PAID, origin=FIRST, reversal="H44010000123-r2",
           replacement="H44010000123-n2", refused="recovery.under-way")  # fmt: skip
    receive(counter, 170_000)
    counter.reverse(PAID, reversal="H44010000123-r-9", refused="recovery.under-way")
    give_back(counter)
    call(counter, "close", reason="court")
    counter.reverse(PAID, reversal="H44010000123-r-9")
    assert used(counter) == {}
    assert not any(trial_balance(counter.world.state).values())
    demand(counter, refused="recovery.not-settled")


def test_a_later_decision_goes_on_paying_first(counter: ClaimWorld) -> None:
    """A late filing decides the bill again: the bar stays lifted, the recovery goes with it."""
    for key in [k for k in counter.world.state.entries if k.startswith("filing")]:
        counter.world.state.delete(key)
    advanced(counter)
    assert -balance(counter.world.state, FUND, "310100") == 130_000
    counter.file("430100f9")
    made = resettle(counter, PAID, origin=FIRST, reversal="H44010000123-r2",
                    replacement="H44010000123-n2")  # fmt: skip
    assert made.answer["funds_fen"] == 170_000
    assert record(counter).claim == "H44010000123-n2"
    some = refund(counter, [back(1, 100_000, quantity=0)], "H44010000123-n2", origin=FIRST,
                  reversal="H44010000123-r3", replacement="H44010000123-n3")  # fmt: skip
    assert some.answer["funds_fen"] == 85_000
    assert record(counter).claim == "H44010000123-n3"
    demand(counter, 85_001, refused="recovery.above-paid")
    demand(counter, 85_000)


def test_later_settlements_are_listed_when_the_counters_come_back(counter: ClaimWorld) -> None:
    advanced(counter)
    counter.world.next_block()
    counter.settle("H44010000123-m-5", lines=[line(1, BED, 100_000)])
    demand(counter)
    receive(counter, 170_000)
    place = (ALICE, "430100", "310", 2025)
    listed = [(c, cause) for c, cause, _ in reprice.listed(counter.world.state, place)]
    assert listed == [("H44010000123-m-5", "recovery")]


def test_the_area_may_keep_what_was_used(counter: ClaimWorld) -> None:
    rule = {"name": "recovery", "region": "430100",
            "value": {"pay_within": 10, "restore": "never"}}  # fmt: skip
    counter.world.do(BUREAU_CHANGSHA, "organisations", "set_parameter", rule)
    counter.world.next_block()
    advanced(counter)
    demand(counter)
    receive(counter, 170_000)
    assert used(counter) == {"deductible_fen": 30_000, "pool_fen": 170_000}


def test_the_admission_stays_counted(counter: ClaimWorld) -> None:
    counter.settle(given=visit_of(kind="trauma_inpatient"), clinical=ALONE,
                   lines=[line(1, BED, 230_000)])  # fmt: skip
    register(counter, grounds="liable_later")
    call(counter, "agree")
    paid = -balance(counter.world.state, FUND, "310100")
    assert used(counter)["admissions"] == 1
    demand(counter, paid)
    receive(counter, paid)
    assert used(counter) == {"admissions": 1}


# --- Somebody turns out to be liable ----------------------------------------------------------


OVER_THE_YEAR = """
def benefit_year(date):
    return 2025 if date >= "2025-06-04" else 2024


def cross_year():
    return "{mode}"


def settle(case):
    scope = case["sums"]["in_scope_fen"]
    paid = part(scope, "50%")
    return {{"payments": [payment("390100", paid)], "counters": {{"pool_fen": paid}}}}
"""


@pytest.mark.parametrize("mode", ["", "discharge_year", "split_by_service_date"])
def test_what_was_recovered_of_a_part_is_not_counted_again_by_the_next(mode: str) -> None:
    """The liable party pays for the first month while the patient is still in hospital."""
    desk = make_stay_world()
    if mode:
        desk.deploy("390", OVER_THE_YEAR.format(mode=mode), "2025-02-01")
    desk.register(PART, in_ward())
    first = desk.part(PART, [bed(1, "2025-06-01", 300_000)], "2025-06-03", goes_on=True)
    before = _of_both_years(desk)
    register(desk, claim=PART, grounds="liable_later")
    call(desk, "agree")
    demand(desk, first.answer["funds_fen"])
    receive(desk, first.answer["funds_fen"])
    assert _of_both_years(desk) == {"admissions": 1}
    desk.register(NEXT, in_ward(admission="2025-06-04", continues=PART))
    desk.part(NEXT, [bed(1, "2025-06-04", 500_000)], "2025-06-06")
    after = _of_both_years(desk)
    desk.world.next_block()
    give_back(desk)
    whole = make_stay_world()
    if mode:
        whole.deploy("390", OVER_THE_YEAR.format(mode=mode), "2025-02-01")
    whole.register(PART, in_ward())
    lines = [bed(1, "2025-06-01", 300_000), bed(2, "2025-06-04", 500_000)]
    whole.part(PART, lines, "2025-06-06")
    assert _of_both_years(desk) == _of_both_years(whole)
    assert after == {name: n - (before[name] if name != "admissions" else 0)
                     for name, n in _of_both_years(whole).items()
                     if name == "admissions" or n != before.get(name, 0)}  # fmt: skip


def _of_both_years(counter: ClaimWorld) -> dict[str, int]:
    state = counter.world.state
    found = [counters.read(state, BOB, "430100", "390", year) for year in (2024, 2025)]
    return dict(Counter(found[0]) + Counter(found[1]))


def test_who_turns_out_to_be_liable_pays_each_fund_its_own(counter: ClaimWorld) -> None:
    """Bob's bill has two funds; the last payer has its money first."""
    hurt(counter, ALONE, BOB)
    paid = {f: -balance(counter.world.state, FUND, f) for f in ("390100", "390200", "610100")}
    paid = {fund: fen for fund, fen in paid.items() if fen}
    assert set(paid) == {"390100", "610100"}
    register(counter, grounds="liable_later")
    call(counter, "agree")
    total = sum(paid.values())
    demand(counter, total)
    receive(counter, paid["610100"] + 1)
    assert balance(counter.world.state, FUND, "610100") == 0
    assert balance(counter.world.state, FUND, "390100") == 1 - paid["390100"]
    receive(counter, total - paid["610100"] - 1, 2)
    assert not any(balance(counter.world.state, FUND, fund) for fund in paid)
    assert used(counter, BOB, "390") == {}


def test_a_part_is_demanded_and_the_rest_is_given_up(counter: ClaimWorld) -> None:
    hurt(counter, ALONE)
    register(counter, grounds="liable_later")
    call(counter, "agree")
    demand(counter, 50_000)
    assert receive(counter, 50_000).answer["stage"] == "recovered"
    # Not all that the fund paid: the year's counters keep what was used.
    assert used(counter)["pool_fen"] == 170_000
    hurt_again = counter.settle("H44010000123-m-2", given=visit_of(kind="trauma_outpatient"),
                                clinical=ALONE, lines=[line(1, BED, 10_000)])  # fmt: skip
    assert hurt_again.answer["funds_fen"] == 8_500
    register(counter, recovery="430100q2", claim="H44010000123-m-2", grounds="liable_later")
    call(counter, "agree", recovery="430100q2")
    demand(counter, 8_500, recovery="430100q2")
    close = {"recovery": "430100q2", "reason": "insolvent"}
    assert call(counter, "close", **close).answer["stage"] == "closed"
    receive(counter, 1, 9, recovery="430100q2", refused="recovery.wrong-stage")
    # It has money after all.
    demand(counter, 8_500, recovery="430100q2")
    receive(counter, 8_500, 9, recovery="430100q2")


# --- Refusals ---------------------------------------------------------------------------------


def test_registrations_that_are_refused(counter: ClaimWorld) -> None:
    register(counter, refused="claim.not-found")
    counter.register(FIRST, visit_of(kind="trauma_outpatient"), clinical=HIT)
    register(counter, refused="recovery.not-settled")
    counter.settle(FIRST, registered=True, lines=[line(1, BED, 230_000)])
    register(counter, liable=None, refused="recovery.liable-missing")
    register(counter, grounds="liable_later", refused="recovery.nothing-paid")
    register(counter, recovery="440100q1", sender=BUREAU_GUANGZHOU,
             refused="sender.not-competent")  # fmt: skip
    register(counter)
    register(counter, grounds="not_found", refused="recovery.duplicate-id")
    register(counter, recovery="430100q2", refused="recovery.exists")
    assert register(counter).answer == {"recovery": NAME, "stage": "registered"}
    pay_first(counter, refused="recovery.not-agreed")
    call(counter, "agree")
    assert call(counter, "agree").answer["stage"] == "agreed"
    pay_first(counter, sender=HOSPITAL, post="operator", reversal=f"{FIRST}-r",
              replacement=f"{FIRST}-n", refused="recovery.not-by-institution")  # fmt: skip
    demand(counter, 1, refused="recovery.above-paid")
    call(counter, "withdraw")
    assert recovery_record.of_claim(counter.world.state, FIRST) is None
    pay_first(counter, refused="recovery.not-agreed")
    register(counter, recovery="430100q2", liable=None, grounds="not_found")
    call(counter, "refuse", recovery="430100q2", reason="not_liable")
    call(counter, "agree", recovery="430100q2", refused="recovery.wrong-stage")


def test_who_registers_neither_agrees_nor_closes(counter: ClaimWorld) -> None:
    hurt(counter)
    register(counter, post="checker")
    call(counter, "agree", refused="recovery.same-holder")
    call(counter, "refuse", reason="other", refused="recovery.same-holder")
    counter.world.do(BUREAU_CHANGSHA, "recovery", "agree", {"recovery": NAME}, post="checker",
                     holder="s:another")  # fmt: skip
    pay_first(counter)
    demand(counter)
    call(counter, "close", reason="court", refused="recovery.same-holder")


def test_only_the_home_bureau_goes_on_with_its_recovery(counter: ClaimWorld) -> None:
    hurt(counter)
    register(counter, recovery="440100q1", refused="sender.foreign-id")
    register(counter)
    for method, args in (
        ("agree", {}), ("refuse", {"reason": "other"}), ("withdraw", {}),
        ("demand", {"amount_fen": 1, "bank": BANK}), ("close", {"reason": "other"}),
    ):  # fmt: skip
        call(counter, method, sender=BUREAU_GUANGZHOU, refused="sender.not-competent", **args)


def test_no_more_is_received_than_was_demanded(counter: ClaimWorld) -> None:
    advanced(counter)
    demand(counter, 50_000)
    receive(counter, 50_001, refused="recovery.above-demand")
    receive(counter, 30_000)
    above = receive(counter, 20_001, 2, refused="recovery.above-demand")
    assert above.values == {"amount_fen": 20_001, "left_fen": 20_000}
    assert receive(counter, 20_000, 2).answer["stage"] == "recovered"


def test_it_comes_in_a_hundred_parts_at_most(counter: ClaimWorld) -> None:
    advanced(counter)
    demand(counter)
    for number in range(PARTS_MAX):
        receive(counter, 1, number)
    many = receive(counter, 1, PARTS_MAX, refused="recovery.too-many")
    assert many.values == {"recovery": NAME, "limit": PARTS_MAX}


def test_only_what_somebody_is_liable_for_is_paid_first(counter: ClaimWorld) -> None:
    """A bill on which no fund paid for another reason: below the deductible."""
    counter.settle(lines=[line(1, BED, 20_000)])
    register(counter)
    call(counter, "agree")
    pay_first(counter, refused="recovery.not-liable")
    counter.settle("H44010000123-m-2", lines=[line(1, BED, 100_000)])
    register(counter, recovery="430100q2", claim="H44010000123-m-2", refused="recovery.fund-paid")


def test_demands_that_are_refused(counter: ClaimWorld) -> None:
    advanced(counter)
    call(counter, "withdraw", refused="recovery.paid-first")
    demand(counter, 170_001, refused="recovery.above-paid")
    for none in (HOSPITAL, counter.world.former_bank()):
        demand(counter, bank=none, refused="recovery.bank")
    demand(counter, recovery="430100q9", refused="recovery.not-found")
    receive(counter, 1, refused="recovery.not-your-order")
    demand(counter, 100_000)
    receive(counter, 60_000)
    demand(counter, 60_000, refused="recovery.below-recovered")
    demand(counter, 170_000)
    receive(counter, 110_000, 2)
    demand(counter, 169_999, post="finance", refused="recovery.wrong-stage")


def test_what_came_in_at_a_bank_goes_back_from_there(counter: ClaimWorld) -> None:
    """Asked anew, the party pays in at another bank; the first one's money is still its own."""
    advanced(counter)
    demand(counter)
    first = receive(counter, 60_000).answer
    state, other = counter.world.state, "bank:ccb"
    state.put(f"org/{other}", state.get(f"org/{BANK}") | {"id": other})
    demand(counter, bank=other)
    receive(counter, 10_000, 2, sender=other)
    assert receive(counter, 60_000).answer["recovered_fen"] == first["recovered_fen"] + 10_000
    receive(counter, 1, 3, refused="recovery.not-your-order")
    give_back(counter, sender=other, refused="recovery.not-your-order")
    give_back(counter)
    assert balance(state, f"bank:{BANK}", "310100") == 0
    assert balance(state, f"bank:{other}", "310100") == -10_000
    assert record(counter).recovered_fen == 10_000


@settings(max_examples=40)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 200_000)), min_size=1, max_size=12))
def test_never_more_comes_back_than_was_paid(steps: list[tuple[bool, int]]) -> None:
    """Money comes and goes back in any order: the fund never has more than it gave, and counters
    are back exactly while all of it is."""
    counter = make_claim_world()
    advanced(counter)
    demand(counter)
    state = counter.world.state
    counted = used(counter)
    came: dict[int, int] = {}
    for number, (comes, amount) in enumerate(steps):
        if comes:
            fits = amount <= 170_000 - sum(came.values())
            open_now = record(counter).stage.value == "demanded"
            expected = "" if fits and open_now else "recovery.above-demand"
            if not open_now:
                expected = "recovery.wrong-stage"
            receive(counter, amount, number, refused=expected)
            if not expected:
                came[number] = amount
        elif came:
            last = next(iter(came))
            give_back(counter, last)
            del came[last]
        total = sum(came.values())
        assert record(counter).recovered_fen == total
        assert balance(state, FUND, "310100") == total - 170_000 <= 0
        assert balance(state, f"bank:{BANK}", "310100") == -total
        assert used(counter) == ({} if total == 170_000 else counted)
        assert not any(trial_balance(state).values())
