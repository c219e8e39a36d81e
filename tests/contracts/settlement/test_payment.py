"""A notice is paid by two people and a bank, once: what comes back is paid again, what is told
twice changes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.settlement import CONTRACTS
from contracts.settlement import funds_chart as chart
from contracts.settlement.clearing import notice_record
from contracts.settlement.clearing.notice_record import Kind, Notice
from contracts.settlement.clearing.payment import ATTEMPTS_MAX
from contracts.settlement.clearing.payment_record import TABLE, PaymentStage, mermaid
from tests.contracts.settlement.funds_world import balances, trial_balance
from tests.contracts.world import (
    BANK,
    BUREAU_CHANGSHA,
    CENTRE,
    FINANCE,
    HOSPITAL,
    World,
    make_world,
)

NOTICE = "remittance:2025-06:430100"
PAY = {"payment": f"{FINANCE}:1", "notice": NOTICE, "amount_fen": 12_000, "bank": BANK}
TOLD = {
    "payment": f"{FINANCE}:1", "amount_fen": 12_000, "reference": "ICBC-77",
    "value_on": "2025-06-10",
}  # fmt: skip


@pytest.fixture
def world() -> World:
    """Changsha owes its province 120.00 yuan of two funds."""
    made = make_world(CONTRACTS)
    ctx = made.context(BUREAU_CHANGSHA)
    issue(ctx)
    return made


def issue(ctx: Any) -> Notice:
    return notice_record.issue(
        ctx, NOTICE, kind=Kind.REMITTANCE, payer="430100", payee="430000",
        cause=("2025-06", "430100"),
        out=[(chart.remittance("430100"), "310100", -10_000),
             (chart.remittance("430100"), "310200", -2_000)],
        into=[(chart.collection("430100"), "310100", 10_000),
              (chart.collection("430100"), "310200", 2_000)],
    )  # fmt: skip


def order(world: World, **given: Any) -> None:
    world.do(FINANCE, "payment", "order", PAY | given, post="finance")


def approve(world: World, payment: str = PAY["payment"]) -> None:
    world.do(FINANCE, "payment", "approve", {"payment": payment}, post="checker")


def test_maker_checker_bank(world: World) -> None:
    notice = notice_record.load(world.state, NOTICE)
    assert (notice.hand_over_by, notice.due_on) == ("2025-06-17", "2025-07-01")
    order(world)
    assert not balances(world.state), "an order moves nothing"
    approve(world)
    assert not balances(world.state), "nor does its approval"
    paid = world.do(BANK, "payment", "confirm", TOLD, post="operator")
    assert [event[0] for event in paid.events] == ["payment.paid", "notice.paid"]
    assert balances(world.state) == {
        ("remittance/430100", "remittance", "310100"): -10_000,
        ("remittance/430100", "remittance", "310200"): -2_000,
        ("remittance/430100", "collection", "310100"): 10_000,
        ("remittance/430100", "collection", "310200"): 2_000,
    }, "payer and payee have one bank: what left came in"
    assert not any(trial_balance(world.state).values())


def test_two_banks_are_two_balances(world: World) -> None:
    key = {"id": "bank:ccb", "kind": "bank", "region": "000000"}
    org = world.state.get(f"org/{BANK}")
    world.state.put("org/bank:ccb", org | key)
    order(world, payee_bank="bank:ccb")
    approve(world)
    world.do(BANK, "payment", "confirm", TOLD, post="operator")
    found = balances(world.state)
    assert found["bank/bank:icbc", "bank", "310100"] == 10_000
    assert found["bank/bank:ccb", "bank", "310200"] == -2_000
    assert not any(trial_balance(world.state).values())


def test_the_same_message_twice_changes_nothing(world: World) -> None:
    order(world)
    order(world)
    approve(world)
    approve(world)
    first = world.do(BANK, "payment", "confirm", TOLD, post="operator")
    before = dict(world.state.entries)
    again = world.do(BANK, "payment", "confirm", TOLD, post="operator")
    assert world.state.entries == before
    assert again.answer == first.answer
    assert not again.postings
    assert not again.events
    for other in ({"reference": "ICBC-78"}, {"value_on": "2025-06-09"}, {"amount_fen": 1}):
        world.refused("payment.reported-otherwise", BANK, "payment", "confirm", TOLD | other,
                      post="operator")  # fmt: skip
    bounced = {k: TOLD[k] for k in ("payment", "reference", "value_on")} | {"reason": "other"}
    world.refused("payment.reported-otherwise", BANK, "payment", "bounce", bounced, post="clerk")


def test_what_came_back_is_paid_again_and_once(world: World) -> None:
    order(world)
    approve(world)
    back = {k: TOLD[k] for k in ("payment", "reference", "value_on")} | {"reason": "limit"}
    world.do(BANK, "payment", "bounce", back, post="operator")
    before = dict(world.state.entries)
    world.do(BANK, "payment", "bounce", back, post="operator")
    assert world.state.entries == before
    assert not balances(world.state)
    world.refused("payment.reported-otherwise", BANK, "payment", "confirm", TOLD, post="operator")
    second = f"{FINANCE}:2"
    order(world, payment=second)
    world.refused("payment.in-flight", FINANCE, "payment", "order",
                  PAY | {"payment": f"{FINANCE}:3"}, post="finance")  # fmt: skip
    approve(world, second)
    used = world.refused("payment.reference-used", BANK, "payment", "confirm",
                         TOLD | {"payment": second}, post="operator")  # fmt: skip
    assert used.values == {"reference": "ICBC-77", "payment": PAY["payment"]}
    world.do(BANK, "payment", "confirm", TOLD | {"payment": second, "reference": "ICBC-79"},
             post="operator")  # fmt: skip
    done = world.refused("payment.already-paid", FINANCE, "payment", "order",
                         PAY | {"payment": f"{FINANCE}:4"}, post="finance")  # fmt: skip
    assert done.values == {"notice": NOTICE, "payment": second}


def test_a_maker_does_not_approve_with_another_key(world: World) -> None:
    order(world)
    refused = world.refused(
        "payment.same-holder", FINANCE, "payment", "approve", {"payment": PAY["payment"]},
        post="checker", holder="s:finance",
    )  # fmt: skip
    assert refused.values == {
        "payment": PAY["payment"], "maker": "s:finance", "holder": "s:finance"
    }  # fmt: skip
    world.refused("payment.wrong-stage", BANK, "payment", "confirm", TOLD, post="operator")


def test_only_who_approved_is_answered_again_and_until_the_bank_speaks(world: World) -> None:
    order(world)
    approve(world)
    before = dict(world.state.entries)
    approve(world)
    assert world.state.entries == before
    asked = {"payment": PAY["payment"]}
    for holder in ("s:finance", "s:third"):
        told = world.refused("payment.wrong-stage", FINANCE, "payment", "approve", asked,
                             post="checker", holder=holder)  # fmt: skip
        assert told.values["stage"] == "approved"
    world.do(BANK, "payment", "confirm", TOLD, post="operator")
    world.refused("payment.wrong-stage", FINANCE, "payment", "approve", asked, post="checker")


def test_what_the_bank_could_not_pay_is_not_cancelled_too(world: World) -> None:
    """Nor is a cancelled payment cancelled again for another reason."""
    order(world)
    approve(world)
    back = {k: TOLD[k] for k in ("payment", "reference", "value_on")} | {"reason": "other"}
    world.do(BANK, "payment", "bounce", back, post="operator")
    cancel = {"payment": PAY["payment"], "reason": "other"}
    world.refused("payment.wrong-stage", FINANCE, "payment", "cancel", cancel, post="checker")
    cancel["payment"] = f"{FINANCE}:2"
    order(world, payment=f"{FINANCE}:2")
    world.do(FINANCE, "payment", "cancel", cancel, post="checker")
    world.refused("payment.wrong-stage", FINANCE, "payment", "cancel",
                  cancel | {"reason": "wrong_bank"}, post="checker")  # fmt: skip


def test_a_notice_is_ordered_fifty_times_at_most(world: World) -> None:
    """The last attempt counts; whoever tries on and on has another thing to mend."""
    for number in range(1, ATTEMPTS_MAX + 1):
        order(world, payment=f"{FINANCE}:{number}")
        world.do(FINANCE, "payment", "cancel",
                 {"payment": f"{FINANCE}:{number}", "reason": "other"}, post="checker")  # fmt: skip
    told = world.refused("payment.too-many", FINANCE, "payment", "order",
                         PAY | {"payment": f"{FINANCE}:51"}, post="finance")  # fmt: skip
    assert told.values == {"notice": NOTICE, "limit": ATTEMPTS_MAX}


def test_a_cancelled_payment_leaves_the_notice_to_another(world: World) -> None:
    order(world)
    cancel = {"payment": PAY["payment"], "reason": "wrong_bank"}
    world.do(FINANCE, "payment", "cancel", cancel, post="checker")
    world.do(FINANCE, "payment", "cancel", cancel, post="checker")
    world.refused("payment.wrong-stage", FINANCE, "payment", "approve",
                  {"payment": PAY["payment"]}, post="checker")  # fmt: skip
    order(world, payment=f"{FINANCE}:2")
    approve(world, f"{FINANCE}:2")
    world.refused("payment.wrong-stage", FINANCE, "payment", "cancel",
                  cancel | {"payment": f"{FINANCE}:2"}, post="checker")  # fmt: skip


@pytest.mark.parametrize("left", [BANK, "bank:ccb"])
def test_no_payment_goes_to_a_bank_that_has_left(world: World, left: str) -> None:
    """Nobody could report it, and its notice would be on its way for good."""
    world.state.put("org/bank:ccb", world.state.get(f"org/{BANK}") | {"id": "bank:ccb"})
    gone = world.former_bank()
    world.refused("payment.bank", FINANCE, "payment", "order", PAY | {"bank": gone}, post="finance")
    order(world, payee_bank="bank:ccb")
    world.leave(left)
    told = world.refused("payment.bank", FINANCE, "payment", "approve",
                         {"payment": PAY["payment"]}, post="checker")  # fmt: skip
    assert told.values == {"bank": left}
    cancel = {"payment": PAY["payment"], "reason": "wrong_bank"}
    world.do(FINANCE, "payment", "cancel", cancel, post="checker")
    assert notice_record.load(world.state, NOTICE).stage == "issued"


@pytest.mark.parametrize(
    ("code", "given", "sender"),
    [
        ("payment.amount-differs", {"amount_fen": 12_001}, FINANCE),
        ("payment.notice-not-found", {"notice": "remittance:2025-06:430200"}, FINANCE),
        ("payment.bank", {"bank": "bank:none"}, FINANCE),
        ("payment.bank", {"payee_bank": HOSPITAL}, FINANCE),
        ("sender.foreign-id", {"payment": "1"}, FINANCE),
        ("sender.kind", {"payment": "430100-1"}, BUREAU_CHANGSHA),
    ],
)
def test_orders_that_are_refused(
    world: World, code: str, given: dict[str, Any], sender: str
) -> None:
    world.refused(code, sender, "payment", "order", PAY | given, post="finance")


def test_an_id_names_one_payment(world: World) -> None:
    order(world)
    other = PAY | {"payee_bank": BANK}
    world.refused("payment.duplicate-id", FINANCE, "payment", "order", other, post="finance")


@pytest.mark.parametrize(
    ("code", "given"),
    [
        ("payment.not-your-order", {"payment": f"{FINANCE}:9"}),
        ("payment.amount-differs", {"amount_fen": 11_999}),
        ("payment.value-day", {"value_on": "2025-06-11"}),
        ("args.shape", {"value_on": "2025-06-31"}),
    ],
)
def test_reports_that_are_refused(world: World, code: str, given: dict[str, Any]) -> None:
    order(world)
    approve(world)
    world.refused(code, BANK, "payment", "confirm", TOLD | given, post="operator")


def test_a_bank_does_not_book_tomorrow_what_it_cannot_pay(world: World) -> None:
    order(world)
    approve(world)
    back = {"payment": PAY["payment"], "reference": "ICBC-77", "value_on": "2025-06-11",
            "reason": "other"}  # fmt: skip
    world.refused("payment.value-day", BANK, "payment", "bounce", back, post="operator")


@pytest.mark.parametrize("day", ["2025-02-30", "2025-02-29", "2025-13-01", "2025-6-1", ""])
def test_a_day_that_does_not_exist_is_no_day(world: World, day: str) -> None:
    """Neither a bank's day of booking nor a holiday, by which due dates are reckoned."""
    order(world)
    approve(world)
    told = TOLD | {"value_on": day}
    shape = world.refused("args.shape", BANK, "payment", "confirm", told, post="operator")
    assert shape.values["path"] == "value_on"
    holidays = {"name": "holidays", "region": "000000", "value": {"off": [day], "on": []}}
    refused = world.refused(
        "organisations.parameter-shape", CENTRE, "organisations", "set_parameter", holidays
    )
    assert refused.values["name"] == "holidays"


def test_only_the_department_itself_goes_on_with_its_payment(world: World) -> None:
    order(world)
    for method, more in (("approve", {}), ("cancel", {"reason": "other"})):
        world.refused("payment.not-payer", BUREAU_CHANGSHA, "payment", method,
                      {"payment": PAY["payment"]} | more, post="checker")  # fmt: skip
    world.refused("payment.not-found", FINANCE, "payment", "approve", {"payment": "x"},
                  post="checker")  # fmt: skip


def test_overdue_by_working_days_over_spring_festival(world: World) -> None:
    """Due on Friday 13 February 2026; the festival is free until the 23rd, the 14th and the 28th
    are worked in exchange (announced for 2026)."""
    off = [f"2026-02-{day}" for day in (16, 17, 18, 19, 20, 23)]
    days = {"off": off, "on": ["2026-02-14", "2026-02-28"]}
    args = {"name": "holidays", "region": "000000", "value": days}
    world.do("centre", "organisations", "set_parameter", args)
    world.on("2026-01-30")
    world.state.delete(f"notice/{NOTICE}")
    notice = issue(world.context(BUREAU_CHANGSHA))
    # Fifteen working days after 30 January: 2-6 and 9-13 February are ten, then the 14th (worked
    # Saturday), then 24 to 27 February.
    assert notice.due_on == "2026-02-27"
    ask = {"notice": NOTICE}
    world.on("2026-02-27")
    early = world.refused("payment.not-overdue", FINANCE, "payment", "remind", ask)
    assert early.values["due_on"] == "2026-02-27"
    world.on("2026-03-02")
    told = world.do(HOSPITAL, "payment", "remind", ask)
    assert told.answer["working_days"] == 2, "the worked Saturday and Monday"
    assert told.events[0][0] == "notice.overdue"


def test_the_diagram_has_one_arrow_for_every_cell() -> None:
    finals = {PaymentStage.PAID, PaymentStage.RETURNED, PaymentStage.CANCELLED}
    assert mermaid().count("-->") == len(TABLE) + len(finals)
