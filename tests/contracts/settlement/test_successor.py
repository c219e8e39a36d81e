"""A bank that has left has a successor by vote: its word ends what is on its way, and pays once."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.settlement import bank_order
from contracts.settlement.bank_order import OrderStage
from contracts.settlement.clearing import notice_record, payment_record
from contracts.settlement.funds_book import balance
from tests.contracts.settlement.claim_world import ClaimWorld, make_claim_world
from tests.contracts.settlement.funds_world import trial_balance
from tests.contracts.settlement.month_world import BANK_GUANGDONG, FINANCE_HUNAN
from tests.contracts.settlement.test_bank import DAY, QUOTA, held, ordered
from tests.contracts.settlement.test_bank_order import COVER_ORDER, DUE, ORDER, shown
from tests.contracts.settlement.test_cover_pay import LaterWorld
from tests.contracts.settlement.test_own_part import Home
from tests.contracts.settlement.test_recovery import (
    advanced,
    demand,
    give_back,
    receive,
    record,
)
from tests.contracts.settlement.test_reimbursement import open_desk
from tests.contracts.settlement.test_returns import PAYOUT, REFUND, Heirs
from tests.contracts.world import (
    ALICE,
    BANK,
    BUREAU_GUANGDONG,
    BUREAU_HUNAN,
    CENTRE,
    HOSPITAL,
    World,
)

SUCCESSOR = BANK_GUANGDONG


def carry(world: World, method: str, vote_id: str, **args: Any) -> None:
    world.do(CENTRE, "governance", method, {"id": vote_id, **args}, post="checker")
    for organisation in (CENTRE, BUREAU_HUNAN, BUREAU_GUANGDONG):
        vote = {"id": vote_id, "approve": True}
        if world.call(organisation, "governance", "vote", vote).answer["status"] == "carried":
            return
    raise AssertionError("the bureaus voted for it")


def leave(world: World, successor: str = SUCCESSOR) -> None:
    """The bank is voted out, and its successor in its place."""
    org = world.state.get(f"org/{BANK}")
    world.state.put(f"org/{SUCCESSOR}", org | {"id": SUCCESSOR})
    carry(world, "propose_removal", "left", organisation=BANK)
    if successor:
        carry(world, "propose_successor", "next", organisation=BANK, successor=successor)


def say(world: World, refused: str = "", **given: Any) -> Any:
    """A line of the successor's statement."""
    args = {"reference": "S1", "direction": "out", "value_on": DAY, **given}
    if refused:
        return world.refused(refused, SUCCESSOR, "bank", "line", args, post="operator")
    return world.do(SUCCESSOR, "bank", "line", args, post="operator").answer["outcome"]


def test_its_successor_says_that_it_was_paid_and_it_is_paid_once() -> None:
    made, payment = ordered()
    leave(made.world, successor="")
    paid = {"payment": payment, "amount_fen": QUOTA, "reference": "S1", "value_on": DAY}
    made.world.refused(
        "payment.not-your-order", SUCCESSOR, "payment", "confirm", paid, post="operator"
    )
    carry(made.world, "propose_successor", "next", organisation=BANK, successor=SUCCESSOR)
    made.world.do(SUCCESSOR, "payment", "confirm", paid, post="operator")
    assert abs(held(made)) == QUOTA
    assert balance(made.state, f"bank:{BANK}", "310101") == 0, "one bank moved it on both sides"
    assert not any(trial_balance(made.state).values())
    # Said again, by a line too, it is the same payment; under another reference nothing moves.
    again = made.world.do(SUCCESSOR, "payment", "confirm", paid, post="operator")
    assert again.postings == []
    assert say(made.world, order=payment, amount_fen=QUOTA) == "matched"
    assert say(made.world, order=payment, amount_fen=QUOTA, reference="S2") == "suspense"
    assert abs(held(made)) == QUOTA
    back = {"order": payment, "direction": "returned", "reason": "limit", "reference": "S3"}
    assert say(made.world, amount_fen=QUOTA, **back) == "matched"
    assert held(made) == 0
    assert payment_record.load(made.state, payment).bank == BANK


def test_its_successor_says_that_it_was_not_paid_and_it_is_ordered_anew() -> None:
    made, payment = ordered()
    leave(made.world)
    notice = payment_record.load(made.state, payment).notice
    back = {"order": payment, "direction": "returned", "reason": "other"}
    assert say(made.world, amount_fen=QUOTA, **back) == "matched"
    assert notice_record.load(made.state, notice).stage is notice_record.NoticeStage.ISSUED
    again = {"payment": f"{FINANCE_HUNAN}:2", "notice": notice, "amount_fen": QUOTA}
    made.world.refused("payment.bank", FINANCE_HUNAN, "payment", "order", again | {"bank": BANK},
                       post="finance")  # fmt: skip
    made.world.do(FINANCE_HUNAN, "payment", "order", again | {"bank": SUCCESSOR}, post="finance")
    told = {"payment": f"{FINANCE_HUNAN}:2"}
    made.world.do(FINANCE_HUNAN, "payment", "approve", told, post="checker")
    assert say(made.world, order=again["payment"], amount_fen=QUOTA, reference="S2") == "matched"
    assert abs(held(made)) == QUOTA
    late = {"payment": payment, "amount_fen": QUOTA, "reference": "S9", "value_on": DAY}
    made.world.refused("payment.reported-otherwise", SUCCESSOR, "payment", "confirm", late,
                       post="operator")  # fmt: skip


def test_the_payees_bank_has_a_successor_too() -> None:
    made, payment = ordered()
    paid = {"payment": payment, "amount_fen": QUOTA, "reference": "R1", "value_on": DAY}
    made.world.do(BANK, "payment", "confirm", paid, post="operator")
    leave(made.world)
    assert say(made.world, order=payment, direction="in", amount_fen=QUOTA) == "matched"
    assert payment_record.load(made.state, payment).received_reference == "S1"


def orders_to_persons() -> list[tuple[World, str, int]]:
    """(world, order that its bank was given, fen) of each kind of payment to a person."""
    desk = open_desk()
    desk.approve()
    desk.pay()
    cover, heirs = LaterWorld(), Heirs()
    cover.settle(own_fen=70_000)
    cover.pay()
    of_heirs = bank_order.name_of(bank_order.PAYOUT, PAYOUT, heirs.order())
    return [
        (desk.world, ORDER, DUE), (cover.world, COVER_ORDER, 40_400),
        (heirs.world, of_heirs, REFUND),
    ]  # fmt: skip


@pytest.mark.parametrize("direction", ["out", "returned"])
def test_orders_to_persons_end_by_their_banks_successor(direction: str) -> None:
    stage = OrderStage.PAID if direction == "out" else OrderStage.RETURNED
    told = {"direction": direction, "reason": "" if direction == "out" else "limit"}
    for world, order, fen in orders_to_persons():
        leave(world, successor="")
        say(world, "bank.foreign-order", order=order, amount_fen=fen, **told)
        carry(world, "propose_successor", "next", organisation=BANK, successor=SUCCESSOR)
        assert say(world, order=order, amount_fen=fen, **told) == "matched"
        assert shown(world, order).stage is stage


def test_only_a_bank_that_left_has_a_successor_and_only_a_bank_is_one() -> None:
    made, _ = ordered()
    wanted = {"id": "v", "organisation": BANK, "successor": SUCCESSOR}

    def refused(**given: str) -> None:
        made.world.refused("governance.successor", CENTRE, "governance", "propose_successor",
                           wanted | given, post="checker")  # fmt: skip

    refused()  # it takes part
    leave(made.world, successor="")
    refused(successor=BANK)
    refused(successor=FINANCE_HUNAN)
    refused(successor="bank:none")
    refused(organisation="bank:none")
    made.world.do(CENTRE, "governance", "propose_successor", wanted, post="checker")


def test_a_successor_that_leaves_is_succeeded_in_its_turn() -> None:
    made, payment = ordered()
    leave(made.world)
    following = "bank:following"
    org = made.world.state.get(f"org/{SUCCESSOR}")
    made.world.state.put(f"org/{following}", org | {"id": following})
    carry(made.world, "propose_removal", "left-too", organisation=SUCCESSOR)
    paid = {"payment": payment, "amount_fen": QUOTA, "reference": "F1", "value_on": DAY}
    made.world.refused(
        "payment.not-your-order", following, "payment", "confirm", paid, post="operator"
    )
    carry(made.world, "propose_successor", "then", organisation=SUCCESSOR, successor=following)
    made.world.do(following, "payment", "confirm", paid, post="operator")
    assert abs(held(made)) == QUOTA


def test_what_a_liable_party_pays_in_is_told_by_the_successor() -> None:
    counter = advanced(make_claim_world())
    demand(counter)
    receive(counter, 60_000)
    leave(counter.world, successor="")
    receive(counter, 110_000, 2, sender=SUCCESSOR, refused="recovery.not-your-order")
    carry(counter.world, "propose_successor", "next", organisation=BANK, successor=SUCCESSOR)
    assert receive(counter, 60_000, sender=SUCCESSOR).postings == [], "its predecessor told of it"
    receive(counter, 110_000, 2, sender=SUCCESSOR)
    give_back(counter, sender=SUCCESSOR)
    assert record(counter).recovered_fen == 110_000
    assert balance(counter.world.state, f"bank:{BANK}", "310100") == -110_000
    assert balance(counter.world.state, f"bank:{SUCCESSOR}", "310100") == 0


def test_what_a_bank_has_promised_for_care_its_successor_ends() -> None:
    """Before the vote nobody does: a hold that is over is neither free nor paid back."""
    world = Home().world
    until_ms = world.time_ms + 60_000
    for name in ("h-1", "h-2"):
        args = {"hold": f"{BANK}:{name}", "token": bytes(32), "person": ALICE,
                "institution": HOSPITAL, "amount_fen": 500_000, "until_ms": until_ms}  # fmt: skip
        world.do(BANK, "credit", "grant", args, post="clerk")
    leave(world, successor="")
    claims = ClaimWorld(world)
    drawn = claims.settle("H44010000123-m-1", credit=f"{BANK}:h-1").answer["credit_fen"]
    assert drawn, "a patient without a deposit is treated whoever has left since"
    world.time_ms = until_ms
    told = {"hold": f"{BANK}:h-1", "repaid_fen": drawn}
    free = {"hold": f"{BANK}:h-2"}
    world.refused("credit.not-found", SUCCESSOR, "credit", "repaid", told, post="clerk")
    world.refused("credit.not-found", SUCCESSOR, "credit", "release", free, post="clerk")
    carry(world, "propose_successor", "next", organisation=BANK, successor=SUCCESSOR)
    answer = world.do(SUCCESSOR, "credit", "repaid", told, post="clerk").answer
    assert (answer["owed_fen"], answer["drawn_fen"]) == (0, drawn)
    world.do(SUCCESSOR, "credit", "release", free, post="clerk")
    assert balance(world.state, f"credit:{BANK}", "cash") == 0
    assert balance(world.state, f"bank:{BANK}", "cash") == -drawn
    assert not any(trial_balance(world.state).values())


def test_orders_to_persons_that_were_paid_short_are_told_by_the_successor() -> None:
    for world, order, fen in orders_to_persons():
        leave(world)
        assert say(world, order=order, amount_fen=fen - 5) == "suspense"
        told = {"reference": "S1", "how": "other_amount"}
        world.do(SUCCESSOR, "bank", "resolve", told, post="clerk")
        found = shown(world, order)
        assert (found.stage, found.returned_fen) == (OrderStage.PART_BACK, 5)
        assert not any(trial_balance(world.state).values())
