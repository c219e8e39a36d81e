"""A reimbursement decided again: a late filing, late counters; the difference is owed and paid."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.api import Value
from contracts.runtime import Outcome
from contracts.settlement import counters
from contracts.settlement.filing_affected import reimbursements_affected_by
from contracts.settlement.filing_record import load_filing
from contracts.settlement.funds_book import balance
from contracts.settlement.refunds import reprice
from contracts.settlement.reimbursement_record import Reimbursement, find
from node.ledger import codec
from tests.contracts.settlement.claim_world import BED, line, make_claim_world
from tests.contracts.settlement.funds_world import balances, trial_balance
from tests.contracts.settlement.test_reimbursement import Desk
from tests.contracts.world import ALICE, BANK, BUREAU_CHANGSHA, BUREAU_GUANGZHOU, salt_of

NAME = "430100z-1"
FUND, OWED = "fund:430100", "owed:430100"
PLACE = {"region": "440100", "level": 3, "kind": "hospital"}


def forget_filings(desk: Desk) -> None:
    """As if Alice had never filed."""
    kept = "filing/430100f2", "filings/p:430100:bob"
    for key in [k for k in desk.world.state.entries if k.startswith("filing") and k not in kept]:
        desk.world.state.delete(key)


@pytest.fixture
def desk() -> Desk:
    """Alice has no filing: 65 % above 1,200.00 of a stay instead of 85 %."""
    made = Desk(make_claim_world())
    forget_filings(made)
    return made


def filed_call(desk: Desk, name: str = NAME) -> dict[str, Value]:
    """The filing call as it was handed in."""
    for method, args, attachments in desk.world.made:
        if method == "reimbursement.file" and args["reimbursement"] == name:
            return {"args": codec.encode(args), "blind": salt_of("reimbursement"),
                    "content": codec.encode(attachments["reimbursement"])}  # fmt: skip
    raise AssertionError(f"{name} was not filed")


def again(desk: Desk, name: str = NAME, *, refused: str = "", **given: Any) -> Outcome:
    content = given.pop("content", None) or filed_call(desk, name)
    args: dict[str, Any] = {"reimbursement": name, "reason": "late_filing", "post": "checker"}
    return desk.call("again", refused=refused, attachment=content, **args | given)


def late(desk: Desk, filing: str = "430100f9") -> None:
    """A referral to Guangzhou that reaches back to the stay in May."""
    rules = {"automatic": ["referral"], "decide_within": 2, "validity_months": {},
             "retroactive_days": {"referral": 90}, "provisional_days": 0,
             "change_after_months": 0, "no_filing_regions": {},
             "entitled_at_home": True}  # fmt: skip
    args = {"name": "filing", "region": "430100", "value": rules}
    desk.world.do(BUREAU_CHANGSHA, "organisations", "set_parameter", args)
    desk.world.next_block()
    desk.counter.file(filing, effective_from="2025-05-01")


def made(desk: Desk, name: str = NAME) -> Reimbursement:
    found = find(desk.world.state, name)
    assert found is not None
    return found


def affected(desk: Desk, filing: str = "430100f9") -> list[str]:
    found = load_filing(desk.world.state, filing)
    assert found is not None
    rows = reimbursements_affected_by(desk.world.state, found, "2025-06-10", lambda _: False)
    return [row.name for row in rows]


def used(desk: Desk) -> dict[str, int]:
    return counters.read(desk.world.state, ALICE, "430100", "310", 2025)


def test_a_late_filing_is_found_and_the_difference_is_paid(desk: Desk) -> None:
    first = desk.approve(place=PLACE)
    assert first.answer["due_fen"] == 117_000
    desk.pay()
    desk.report()
    late(desk)
    assert affected(desk) == [NAME]
    told = again(desk)
    # 85 % instead of 65 % of 1,800.00: what is owed is the difference.
    assert (told.answer["stage"], told.answer["due_fen"]) == ("approved", 36_000)
    assert again(desk).answer == told.answer
    assert dict(told.amounts) == {"funds_fen": 36_000, "fund_310100_fen": 36_000}
    assert affected(desk) == []
    state = desk.world.state
    assert balance(state, FUND, "310100") == -153_000
    assert balance(state, OWED, "310100") == 36_000
    assert used(desk)["pool_fen"] == 153_000
    desk.pay(payment="pay-2")
    desk.report(payment="pay-2", reference="B-78")
    assert (desk.stage(), made(desk).due_fen) == ("paid", 0)
    assert made(desk).standing == {"310100": 153_000}
    assert balance(state, OWED, "310100") == 0
    assert balance(state, f"bank:{BANK}", "310100") == 153_000
    assert not any(trial_balance(state).values())


def test_before_it_is_paid_the_whole_is_owed(desk: Desk) -> None:
    desk.approve(place=PLACE)
    late(desk)
    assert again(desk).answer["due_fen"] == 153_000
    desk.pay()
    again(desk, reason="other", refused="reimbursement.wrong-stage")
    desk.report("bounce", reason="closed_account")
    again(desk, reason="other", refused="reimbursement.not-more")
    desk.pay(payment="pay-2")
    desk.report(payment="pay-2", reference="B-78")
    assert balance(desk.world.state, f"bank:{BANK}", "310100") == 153_000


def test_nothing_was_due_and_now_something_is(desk: Desk) -> None:
    desk.world.do(BUREAU_CHANGSHA, "organisations", "set_parameter", {
        "name": "move", "region": "430100", "value": {"carry": []}})  # fmt: skip
    policy = """
def settle(case):
    share = "85%"
    if case["filing"]["type"] == "none":
        share = "0%"
    paid = part(case["sums"]["in_scope_fen"], share, "basic")
    return {"payments": [payment("310100", paid, "basic")]}
"""
    desk.counter.deploy("310", policy, "2025-02-01")
    assert desk.approve(place=PLACE).answer["stage"] == "nothing-due"
    late(desk)
    told = again(desk)
    assert (told.answer["stage"], told.answer["due_fen"]) == ("approved", 255_000)


def test_it_is_decided_in_its_own_place_of_the_year(desk: Desk) -> None:
    """A settlement after it has used up the deductible of visits: that is not held against it."""
    desk.approve(place=PLACE)
    desk.world.next_block()
    desk.counter.settle("H44010000123-m-7", lines=[line(1, BED, 100_000)])
    late(desk)
    assert again(desk).answer["due_fen"] == 153_000
    place = (ALICE, "430100", "310", 2025)
    listed = [(c, cause) for c, cause, _ in reprice.listed(desk.world.state, place)]
    assert listed == [("H44010000123-m-7", "reimbursement")]
    rows = counters.load(desk.world.state, ALICE, "430100", "310", 2025)
    assert rows is not None
    assert [name for _, name in rows.settlements] == [f"reimbursement/{NAME}", "H44010000123-m-7"]


def test_the_same_call_once_more_decides_again_where_there_is_more(desk: Desk) -> None:
    """The home bureau tells twice, late, what was paid of the deductible: for the same reason the
    bill is decided again both times, and a retry of either is answered as it was."""
    desk.approve(place=PLACE)
    for number, due_fen in ((1, 117_000 + 13_000), (2, 117_000 + 26_000)):
        args = {"person": ALICE, "scheme": "310", "year": 2025, "settled_ms": 1, "as_of_ms": 1,
                "local": sha256(bytes([number])).digest()}  # fmt: skip
        desk.world.do(BUREAU_CHANGSHA, "counters", "feed", args,
                      attachments={"person": {"deltas": {"deductible_fen": 20_000}}})  # fmt: skip
        told = again(desk, reason="late_counters")
        assert told.answer["due_fen"] == due_fen
        before = dict(desk.world.state.entries)
        assert again(desk, reason="late_counters").answer == told.answer
        assert desk.world.state.entries == before


def test_calls_that_are_refused_change_nothing(desk: Desk) -> None:
    desk.file(place=PLACE)
    again(desk, refused="reimbursement.wrong-stage")
    desk.review()
    desk.decide()
    again(desk, refused="reimbursement.not-more")
    late(desk)
    before = balances(desk.world.state)
    good = filed_call(desk)
    for field in ("args", "content"):
        data = good[field]
        assert isinstance(data, bytes)
        again(desk, content=good | {field: data[:-1]}, refused="reimbursement.content")
    again(desk, content=good | {"blind": bytes(32)}, refused="reimbursement.content")
    desk.file("430100z-2", total_fen=310_000, place=PLACE, admission="2025-05-20",
              discharge="2025-05-22", invoices=[desk.invoice("10002", 310_000)])  # fmt: skip
    again(desk, content=filed_call(desk, "430100z-2"), refused="reimbursement.content")
    again(desk, sender=BUREAU_GUANGZHOU, refused="sender.not-competent")
    again(desk, "430100z-9", content=good, refused="reimbursement.not-found")
    assert balances(desk.world.state) == before


def test_whoever_reviewed_it_does_not_decide_it_again(desk: Desk) -> None:
    desk.approve(place=PLACE)
    late(desk)
    changed = replace(made(desk), reviewer="s:checker")
    desk.world.state.put(f"reimbursement/{NAME}", changed.encode())
    again(desk, refused="reimbursement.same-holder")


def test_what_left_the_years_log_is_not_decided_again(desk: Desk) -> None:
    desk.approve(place=PLACE)
    key = f"counter/{ALICE}/430100/310/2025"
    value = desk.world.state.get(key)
    assert isinstance(value, list)
    desk.world.state.put(key, [*value[:3], "", value[4]])
    late(desk)
    again(desk, refused="reimbursement.not-counted")


@settings(max_examples=25)
@given(st.integers(1, 2_000_000), st.booleans(), st.integers(0, 200_000))
def test_the_sum_is_what_one_decision_would_have_been(
    total: int, paid_between: bool, other: int
) -> None:
    """Whatever the bill: late filing and difference come to the filing in time, to the fen."""
    late_desk, timely = Desk(make_claim_world()), Desk(make_claim_world())
    forget_filings(late_desk)
    late(timely, "430100f8")
    for one in (late_desk, timely):
        one.approve(place=PLACE, total_fen=total)
        if other:
            one.world.next_block()
            one.counter.settle("H44010000123-m-7", lines=[line(1, BED, other)])
    if paid_between and late_desk.stage() == "approved":
        late_desk.pay()
        late_desk.report()
    late(late_desk, "430100f9")
    if made(timely).due_fen > sum(n for _, n in made(late_desk).payments):
        again(late_desk)
    else:
        again(late_desk, refused="reimbursement.not-more")
    assert made(late_desk).payments == made(timely).payments
    assert not any(trial_balance(late_desk.world.state).values())
    owed = balance(late_desk.world.state, OWED, "310100")
    assert owed == (made(late_desk).due_fen if late_desk.stage() == "approved" else 0)
