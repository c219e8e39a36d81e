"""Lines come back: the rest is decided anew, each payer gets its difference, goods free codes."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from contracts.settlement import claim as claims
from contracts.settlement import counters
from contracts.settlement.funds_book import balance
from contracts.settlement.lifecycle import Action, ClaimState, follow
from tests.contracts.settlement.claim_world import (
    BED,
    ClaimWorld,
    line,
    make_claim_world,
    visit,
)
from tests.contracts.settlement.funds_world import balances, enrol, trial_balance
from tests.contracts.settlement.refund_world import FIRST, back, refund, resettle
from tests.contracts.world import (
    ALICE,
    BANK,
    BUREAU_CHANGSHA,
    BUREAU_GUANGZHOU,
    HOSPITAL,
    PHARMACY,
)

ACCOUNT = f"person:{ALICE}:account"
CHILD = "p:440100:child"
TWO = [line(1, BED, 90_000, quantity=3), line(2, BED, 40_000)]


@pytest.fixture
def counter() -> ClaimWorld:
    """Two lines of 900.00 (three pieces) and 400.00 yuan; 85 % of what is over 300.00 is paid."""
    made = make_claim_world()
    made.settle(lines=TWO)
    return made


def used(counter: ClaimWorld) -> dict[str, int]:
    return counters.read(counter.world.state, ALICE, "430100", "310", 2025)


def test_one_piece_of_three_comes_back(counter: ClaimWorld) -> None:
    told = refund(counter, [back(1, 30_000)])
    assert told.answer["differences"] == [
        {"payer": "cash", "name": "", "before_fen": 45_000, "after_fen": 40_500},
        {"payer": "fund", "name": "310100", "before_fen": 85_000, "after_fen": 59_500},
    ]
    assert told.answer["paid_back_fen"] == 4_500
    assert (told.amounts["total_fen"], told.amounts["funds_fen"]) == (-30_000, -25_500)
    assert balance(counter.world.state, f"patient:{HOSPITAL}", "cash") == -40_500
    assert used(counter) == {"deductible_fen": 30_000, "pool_fen": 59_500}
    assert not any(trial_balance(counter.world.state).values())
    new = claims.find(counter.world.state, f"{FIRST}-n")
    assert new is not None
    assert new.settled is not None
    assert new.settled.again is not None
    assert new.settled.again.returned == (("1", 10_000, 30_000),)


def test_step_by_step_until_nothing_is_left(counter: ClaimWorld) -> None:
    counter.world.next_block()
    one = refund(counter, [back(1, 60_000, 2)])
    two = refund(counter, [back(2, 40_000)], f"{FIRST}-n", origin=FIRST)
    three = refund(counter, [back(1, 30_000)], f"{FIRST}-n-n", origin=FIRST)
    assert three.answer["state"] == "reversed"
    assert three.answer["replacement"] == ""
    paid = [step.answer["paid_back_fen"] for step in (one, two, three)]
    assert sum(paid) == 45_000
    assert used(counter) == {}
    fresh = make_claim_world()
    assert balances(counter.world.state) == balances(fresh.world.state)
    # Told again, the same; and the id that stayed free may be used by another claim.
    again = refund(counter, [back(1, 30_000)], f"{FIRST}-n-n", origin=FIRST)
    assert again.answer == three.answer
    assert counter.settle(f"{FIRST}-n-n-n", [line(1, BED, 1_000)]).ok


def test_a_price_that_was_wrong_and_then_a_piece(counter: ClaimWorld) -> None:
    refund(counter, [back(1, 9_001, 0)])
    args: dict[str, Any] = {"claim": f"{FIRST}-n", "origin": FIRST}
    wrong = refund(counter, [back(1, 30_000)], refused="refund.line-amount", **args)
    assert wrong.values["computed_fen"] == 80_999 - 53_999
    refund(counter, [back(1, 27_000)], **args)


@pytest.mark.parametrize(
    ("returns", "code", "values"),
    [
        ([back(1, 120_000, 4)], "refund.larger-than-line",
         {"quantity_e4": 40_000, "left_e4": 30_000, "amount_fen": 120_000, "left_fen": 90_000}),
        ([back(1, 90_001, 0)], "refund.larger-than-line",
         {"amount_fen": 90_001, "left_fen": 90_000}),
        ([back(1, 29_999)], "refund.line-amount", {"computed_fen": 30_000}),
        ([back(3, 30_000)], "refund.line", {"line": "3"}),
        ([back(1, 30_000), back(1, 30_000)], "refund.line-doubled", {"returns": 2}),
        ([back(2, 0, 0), back(1, 30_000)], "refund.nothing", {"index": 0}),
        ([back(1, 100, 0, goods=True)], "refund.goods", {"quantity_e4": 0}),
        ([back(1, 30_000, goods=False, codes=["T-whole-0001"])], "refund.goods", {"codes": 1}),
        ([back(1, 30_000, codes=["T-whole-0001"])], "trace.not-of-claim", {"codes": 1}),
    ],
)  # fmt: skip
def test_what_cannot_come_back(
    counter: ClaimWorld, returns: list[Any], code: str, values: dict[str, Any]
) -> None:
    outcome = refund(counter, returns, refused=code)
    assert outcome.values.items() >= values.items()


def test_what_else_is_refused(counter: ClaimWorld) -> None:
    told = refund(counter, [back(1, 30_000)], amount_fen=29_000, refused="refund.total-differs")
    assert told.values == {"amount_fen": 29_000, "returns_fen": 30_000}
    refund(counter, [back(1, 30_000)], sender=BUREAU_CHANGSHA, post="clerk",
           refused="sender.kind")  # fmt: skip
    refund(counter, [back(1, 30_000)], sender=PHARMACY, reversal="P44010000456-1",
           replacement="P44010000456-2", refused="claim.not-yours")  # fmt: skip
    refund(counter, [back(1, 30_000)], reversal="P44010000456-1", refused="sender.foreign-id")
    paper = {"code": "044001", "number": "00000001", "total_fen": 130_000, "hash": b"h" * 32}
    refund(counter, [back(1, 30_000)], invoices=[paper], refused="invoice.total-differs")
    everything = [back(1, 90_000, 3), back(2, 40_000)]
    refund(counter, everything, invoices=[paper], refused="invoice.total-differs")
    refund(counter, [back(1, 30_000)])
    refund(counter, [back(1, 30_000)], reversal=f"{FIRST}-r2", replacement=f"{FIRST}-n2",
           refused="claim.wrong-state")  # fmt: skip
    refund(counter, [back(1, 90_000, 3)], f"{FIRST}-n", origin=FIRST,
           refused="refund.larger-than-line")  # fmt: skip


def test_a_new_paper_for_the_rest_and_the_old_one_is_never_good_again() -> None:
    counter = make_claim_world()
    old = {"code": "044001", "number": "00000001", "total_fen": 130_000, "hash": b"h" * 32}
    new = old | {"number": "00000002", "total_fen": 100_000}
    counter.settle(lines=TWO, invoices=[old])
    refund(counter, [back(1, 30_000)], invoices=[new])
    state = counter.world.state
    assert state.get("invoice/044001/00000001")[2:] == ["claim", FIRST]
    assert state.get("invoice/044001/00000002")[2:] == ["claim", f"{FIRST}-n"]
    counter.settle("H44010000123-m-9", TWO, invoices=[old], refused="invoice.used")


def test_codes_follow_the_goods_and_not_the_money() -> None:
    counter = make_claim_world()
    world = counter.world
    codes = ["T-pack-0001", "T-pack-0002", "T-pack-0003"]
    packs = [{"line": "1", "code": code} for code in codes]
    packs.append({"line": "2", "code": "T-pack-0004"})
    settle = counter.settle_args(FIRST, TWO, visit())
    content = {"settlement": {"visit": {}, "lines": TWO, "traces": packs}}
    world.do(HOSPITAL, "claim", "settle", settle, attachments=content, post="operator")

    def sold() -> int:
        return len([k for k in world.state.entries if k.startswith("trace/")])

    refund(counter, [back(1, 30_000)], refused="refund.codes-missing")
    refund(counter, [back(1, 30_000, codes=["T-pack-0004"])], refused="trace.not-of-claim")
    freed = refund(counter, [back(1, 30_000, codes=codes[:1])])
    assert ("trace.given-back", 1) in [(t, f.get("packs")) for t, f in freed.events]
    assert sold() == 3
    money = refund(counter, [back(1, 60_000, 2, goods=False)], f"{FIRST}-n", origin=FIRST)
    assert money.ok
    assert sold() == 3, "money alone frees no code"
    refund(counter, [back(2, 40_000)], f"{FIRST}-n-n", origin=FIRST)
    assert sold() == 2, "all of a line came back: its codes need no names"
    # A pack whose money alone went back cannot be sold to somebody else.
    other = counter.settle_args("H44010000123-m-7", [line(1, BED, 500)], visit())
    again = {"settlement": {"visit": {}, "lines": [line(1, BED, 500)],
                            "traces": [{"line": "1", "code": codes[1]}]}}  # fmt: skip
    assert world.call(HOSPITAL, "claim", "settle", other, attachments=again,
                      post="operator").ok, "to the same person it may"  # fmt: skip


def test_some_of_a_split_pack_comes_back_with_some_of_its_line() -> None:
    counter = make_claim_world()
    world = counter.world
    lines = [line(1, BED, 1_000, quantity=10)]
    pack = {"line": "1", "code": "T-split-0001", "split": True, "quantity_e4": 100_000,
            "pack_e4": 240_000}  # fmt: skip
    settle = counter.settle_args(FIRST, lines, visit())
    content = {"settlement": {"visit": {}, "lines": lines, "traces": [pack]}}
    world.do(HOSPITAL, "claim", "settle", settle, attachments=content, post="operator")

    def some(quantity: int, code: str = "T-split-0001") -> dict[str, Any]:
        return {"code": code, "quantity_e4": quantity * 10_000}

    refund(counter, [back(1, 400, 4)], refused="refund.codes-missing")
    refund(counter, [back(1, 400, 4, parts=[some(11)])], refused="trace.part-larger")
    refund(counter, [back(1, 400, 4, parts=[some(4, "T-other-0001")])],
           refused="trace.not-of-claim")  # fmt: skip
    refund(counter, [back(1, 400, 4, goods=False, parts=[some(4)])], refused="refund.goods")
    assert refund(counter, [back(1, 400, 4, parts=[some(4)])]).ok
    (key,) = [k for k in world.state.entries if k.startswith("trace/")]
    assert world.state.get(key) == ["split", 240_000, [[f"{FIRST}-n", HOSPITAL, 60_000]]]
    assert refund(counter, [back(1, 600, 6)], f"{FIRST}-n", origin=FIRST).ok
    assert not [k for k in world.state.entries if k.startswith("trace/")]


def moved(outcome: Any) -> dict[str, tuple[int, int]]:
    rows = outcome.answer["differences"]
    return {row["payer"]: (row["before_fen"], row["after_fen"]) for row in rows}


def test_each_own_payer_gets_its_own_back() -> None:
    counter = make_claim_world()
    world = counter.world
    enrol(world, CHILD, BUREAU_GUANGZHOU, link=sha256(b"child").digest())
    deposit = {"transfer": "440100d-child", "person": CHILD, "amount_fen": 2_000}
    world.do(BUREAU_GUANGZHOU, "funds", "deposit", deposit, post="finance")
    card = {"kind": "card", "certificate": "03"}
    tie = {"owner": CHILD, "person": ALICE, "relation": "child", "limit_fen": 10_000,
           "from": "2025-01-01", "presence": card}  # fmt: skip
    world.do(BUREAU_GUANGZHOU, "family", "authorise", tie, post="clerk")
    hold = {"hold": "bank:icbc:h1", "token": b"t" * 32, "person": ALICE, "institution": HOSPITAL,
            "amount_fen": 3_000, "until_ms": world.time_ms + 10**9}  # fmt: skip
    before = balances(world.state)
    world.do(BANK, "credit", "grant", hold, post="clerk")
    told = counter.settle(lines=[line(1, BED, 300_000, quantity=3)], use_account=True,
                          family=[CHILD], credit="bank:icbc:h1")  # fmt: skip
    assert (told.answer["account_fen"], told.answer["credit_fen"]) == (52_000, 3_000)
    assert told.answer["cash_fen"] == 15_500
    part = refund(counter, [back(1, 100_000)])
    rows = {
        row["payer"]: (row["before_fen"], row["after_fen"]) for row in part.answer["differences"]
    }
    # 150.00 less: cash first and nothing of what was paid before it.
    assert rows["cash"] == (15_500, 500)
    assert rows["credit"] == (3_000, 3_000)
    part = refund(counter, [back(1, 100_000)], f"{FIRST}-n", origin=FIRST)
    rows = {
        row["payer"]: (row["before_fen"], row["after_fen"]) for row in part.answer["differences"]
    }
    assert rows == {
        "cash": (500, 0), "credit": (3_000, 0), "relative": (2_000, 0),
        "account": (50_000, 40_500), "fund": (144_500, 59_500),
    }  # fmt: skip
    refund(counter, [back(1, 100_000)], f"{FIRST}-n-n", origin=FIRST)
    # The hold is over: what it had set aside is the bank's again.
    assert balances(world.state) == before


def close(counter: ClaimWorld, cause: str) -> None:
    person = counter.world.state.get(f"person/{ALICE}")
    assert person is not None
    args = {"person": ALICE, "revision": 2}
    content = {"person": {"last_day": "2025-06-10", "cause": cause}}
    counter.world.do(BUREAU_CHANGSHA, "enrolment", "close", args, attachments=content)


def paid_by_account(cause: str) -> ClaimWorld:
    """Alice's account paid 405.00 of it; then the account was closed, from the next day on."""
    counter = make_claim_world()
    counter.settle(lines=[line(1, BED, 100_000, quantity=2)], use_account=True)
    close(counter, cause)
    counter.world.on("2025-06-12")
    return counter


def test_a_closed_account_does_not_fill_again_and_an_heir_is_paid() -> None:
    counter = paid_by_account("death")
    world = counter.world
    left = balance(world.state, ACCOUNT, "310200")
    told = counter.reverse()
    assert ("payout.due", 40_500) in [(t, f.get("amount_fen")) for t, f in told.events]
    assert balance(world.state, ACCOUNT, "310200") == left
    assert balance(world.state, "owed:430100", "310200") == 40_500
    assert not any(trial_balance(world.state).values())
    name = f"{FIRST}-r:1"

    def do(method: str, post: str, sender: str = BUREAU_CHANGSHA, refused: str = "",
           holder: str | None = None, **args: Any) -> Any:  # fmt: skip
        args = {"payout": name} | args
        if refused:
            return world.refused(refused, sender, "payout", method, args, post=post, holder=holder)
        return world.do(sender, "payout", method, args, post=post, holder=holder)

    token = b"a" * 32
    order = {"payment": "430100pay1", "bank": BANK}
    report = {"payment": "430100pay1", "reference": "ref1"}
    do("pay", "finance", refused="payout.wrong-state", **order)
    do("name", "clerk", refused="payout.not-found", payout="x:1", account=token, receiver="child")
    do("name", "clerk", refused="payout.receiver", account=token, receiver="person")
    do("name", "clerk", refused="sender.not-competent", sender=BUREAU_GUANGZHOU, account=token,
       receiver="child")  # fmt: skip
    do("name", "clerk", account=token, receiver="child")
    do("pay", "finance", holder="s:clerk", refused="payout.same-holder", **order)
    for none in (HOSPITAL, world.former_bank()):
        do("pay", "finance", refused="payout.bank", payment="430100pay1", bank=none)
    do("pay", "finance", **order)
    assert do("pay", "finance", **order).answer["state"] == "paying"
    do("confirm", "clerk", BANK, refused="payout.not-your-order", **report | {"payment": "x"})
    do("bounce", "clerk", BANK, reason="closed_account", **report)
    do("name", "clerk", account=b"b" * 32, receiver="child")
    do("pay", "finance", **order | {"payment": "430100pay2"})
    again = report | {"payment": "430100pay2"}
    do("confirm", "clerk", BANK, refused="payment.reference-used", **again)
    again |= {"reference": "ref2"}
    do("confirm", "clerk", BANK, **again)
    assert do("confirm", "clerk", BANK, **again).answer["state"] == "paid"
    assert balance(world.state, "owed:430100", "310200") == 0
    assert balance(world.state, f"bank:{BANK}", "310200") == 40_500
    assert not any(trial_balance(world.state).values())


def test_only_the_difference_of_a_partial_refund_leaves_a_closed_account() -> None:
    counter = paid_by_account("moved")
    told = refund(counter, [back(1, 50_000)])
    assert told.answer["paid_back_fen"] == 7_500
    assert balance(counter.world.state, "owed:430100", "310200") == 7_500
    assert balance(counter.world.state, ACCOUNT, "310200") == 50_000 - 40_500
    args = {"payout": f"{FIRST}-r:1", "account": b"a" * 32, "receiver": "child"}
    counter.world.refused("payout.receiver", BUREAU_CHANGSHA, "payout", "name", args, post="clerk")
    counter.world.do(BUREAU_CHANGSHA, "payout", "name", args | {"receiver": "person"}, post="clerk")


def test_what_is_disputed_stays_disputed(counter: ClaimWorld) -> None:
    state = counter.world.state
    claim = claims.find(state, FIRST)
    assert claim is not None
    disputed = replace(claim, state=follow(claim.state, Action.DISPUTE))
    state.put(f"claim/{FIRST}", disputed.encode())
    refund(counter, [back(1, 30_000)])
    new = claims.find(state, f"{FIRST}-n")
    assert new is not None
    assert new.state is ClaimState.DISPUTED


def test_later_settlements_are_listed_and_not_changed(counter: ClaimWorld) -> None:
    counter.world.next_block()
    later = counter.settle("H44010000123-m-2", [line(1, BED, 10_000)])
    told = refund(counter, [back(1, 90_000, 3), back(2, 40_000)])
    listed = next(fields for topic, fields in told.events if topic == "counters.reprice")
    assert listed["claims"] == ["H44010000123-m-2"]
    assert later.answer["funds_fen"] == 8_500
    assert balance(counter.world.state, "fund:430100", "310100") == -8_500
    again = resettle(counter, "H44010000123-m-2", reason="other")
    assert again.answer["owed_fen"] == 8_500
