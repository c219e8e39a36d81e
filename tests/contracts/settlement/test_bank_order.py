"""What a bank is shown of orders to pay persons: written by each call, and nothing more in it.

That entry and case agree is checked after every call of every test (``tests.contracts.world``);
here each step is looked at, and the check itself.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from contracts.api import Value
from contracts.runtime import Outcome
from contracts.schema import IDENTIFIER
from contracts.settlement import bank_order, reimbursement_record
from contracts.settlement.bank_order import BankOrder, OrderStage
from contracts.settlement.cover_record import find_payment
from contracts.settlement.returns import WHY_BACK
from node.ledger import codec
from tests.contracts import bank_orders
from tests.contracts.settlement.cover_world import ACCOUNT as COVER_ACCOUNT
from tests.contracts.settlement.cover_world import INSURER
from tests.contracts.settlement.month_world import BANK_GUANGDONG
from tests.contracts.settlement.test_cover_pay import PAYMENT, LaterWorld
from tests.contracts.settlement.test_reimbursement import ACCOUNT, Desk, open_desk
from tests.contracts.settlement.test_reimbursement import desk as _desk
from tests.contracts.settlement.test_returns import (
    DUE,
    OTHER_ACCOUNT,
    PAYOUT,
    REFUND,
    Heirs,
    back_to_person,
    bank,
    with_another_bank,
)
from tests.contracts.world import ALICE, BANK, BUREAU_CHANGSHA, FINANCE, World

desk = _desk
ORDER = "430100z-1/pay-1"


def shown(world: World, order: str = ORDER, at: str = BANK) -> BankOrder:
    found = bank_order.find(world.state, at, order)
    assert found is not None
    return found


def entries(world: World) -> list[str]:
    return sorted(key for key in world.state.entries if key.startswith("bank-order/"))


# --- Reimbursements -------------------------------------------------------------------------------


def test_an_order_is_shown_with_what_it_takes_to_pay_it_and_nothing_else(desk: Desk) -> None:
    desk.approve()
    assert entries(desk.world) == [], "an order is shown once it is given"
    desk.pay()
    assert entries(desk.world) == [f"bank-order/{BANK}/{ORDER}"]
    made = shown(desk.world)
    case = reimbursement_record.find(desk.world.state, "430100z-1")
    assert case is not None
    assert made == BankOrder(
        stage=OrderStage.APPROVED, kind="reimbursement", amount_fen=DUE, payer="430100",
        account=ACCOUNT, due_on=case.due_on, salt=made.salt,
    )  # fmt: skip
    assert made.salt != case.salt
    data = desk.world.state.entries[f"bank-order/{BANK}/{ORDER}"]
    hidden = [ALICE, "310100", case.visit.admission, case.place.region, case.scheme, "s:"]
    assert case.due_on not in hidden
    assert not [text for text in hidden if text.encode() in data]
    assert case.salt not in data
    assert len(codec.decode(data)) == 10
    assert BankOrder.decode(codec.decode(data)) == made


def test_it_stands_as_the_bank_says(desk: Desk) -> None:
    desk.approve()
    desk.pay()
    desk.report("bounce", reason="limit")
    first = shown(desk.world)
    assert (first.stage, first.reason, first.reference) == ("returned", "limit", "B-77")
    desk.pay(payment="pay-2")
    assert shown(desk.world) == first, "the next order is another one"
    second = "430100z-1/pay-2"
    assert shown(desk.world, second).stage == "approved"
    desk.report(payment="pay-2", reference="B-78")
    paid = shown(desk.world, second)
    assert (paid.stage, paid.reference, paid.returned_fen) == ("paid", "B-78", 0)
    back_to_person(desk, payment="pay-2", amount_fen=1_000)
    part = shown(desk.world, second)
    assert (part.stage, part.reference, part.returned_fen) == ("part-back", "B-78", 1_000)
    desk.pay(payment="pay-3", account=OTHER_ACCOUNT)
    third = shown(desk.world, "430100z-1/pay-3")
    assert (third.amount_fen, third.account) == (1_000, OTHER_ACCOUNT)
    back_to_person(desk, payment="pay-2", amount_fen=DUE - 1_000, reference="B-91")
    whole = shown(desk.world, second)
    assert (whole.stage, whole.returned_fen) == ("sent-back", DUE)
    assert whole.account == ACCOUNT, "where this order's money went"


def test_what_is_told_again_changes_nothing(desk: Desk) -> None:
    desk.approve()
    desk.pay()
    desk.report()
    back_to_person(desk, amount_fen=5)
    before = dict(desk.world.state.entries)
    desk.report()
    back_to_person(desk, amount_fen=5)
    assert desk.world.state.entries == before


def test_a_statement_line_does_the_same(desk: Desk) -> None:
    desk.approve()
    desk.pay()
    told: dict[str, Any] = {"order": ORDER, "direction": "out", "amount_fen": DUE,
                            "value_on": "2025-06-10"}  # fmt: skip
    bank(desk.world, "bank", "line", reference="L1", **told | {"amount_fen": DUE - 1})
    assert shown(desk.world).stage == "approved", "what waits in suspense moves nothing"
    bank(desk.world, "bank", "line", reference="L2", **told)
    assert (shown(desk.world).stage, shown(desk.world).reference) == ("paid", "L2")
    back = {"direction": "returned", "amount_fen": 7, "reason": "other", "order": "L2"}
    bank(desk.world, "bank", "line", reference="L3", **told | back)
    assert (shown(desk.world).stage, shown(desk.world).returned_fen) == ("part-back", 7)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("pay"), st.integers(1, 5), st.sampled_from([ACCOUNT, OTHER_ACCOUNT])),
        st.tuples(st.sampled_from(["confirm", "bounce"]), st.integers(1, 5), st.just(b"")),
        st.tuples(st.just("came_back"), st.integers(1, 5), st.sampled_from([1, 999, DUE])),
    ),
    max_size=16,
)


@given(STEPS)
def test_case_and_entry_agree_whatever_is_called(steps: list[tuple[str, int, Any]]) -> None:
    """Calls that are carried out and calls that are refused, in any order: ``World`` compares."""
    made = open_desk()
    made.approve()
    given_orders = 0
    for count, (method, number, more) in enumerate(steps):
        args: dict[str, Value] = {"reimbursement": "430100z-1", "payment": f"pay-{number}"}
        sender, post = BANK, "clerk"
        if method == "pay":
            sender, post = FINANCE, "finance"
            args |= {"bank": BANK, "account": more}
        else:
            args["reference"] = f"R-{count}"
        if method == "bounce":
            args["reason"] = WHY_BACK[number % len(WHY_BACK)]
        if method == "came_back":
            args |= {"amount_fen": more, "value_on": "2025-06-10", "reason": "other"}
        outcome = made.world.call(sender, "reimbursement", method, args, post=post)
        given_orders += "reimbursement.ordered" in dict(outcome.events)
        assert len(entries(made.world)) == given_orders
        case = reimbursement_record.find(made.world.state, "430100z-1")
        assert case is not None
        on_its_way = [o for o in case.orders if not o.outcome]
        stages = [shown(made.world, f"430100z-1/{o.id}").stage for o in case.orders]
        assert stages.count(OrderStage.APPROVED) == len(on_its_way) <= 1


def test_a_name_that_no_statement_could_hold_is_refused(desk: Desk) -> None:
    name = "430100" + "z" * 58
    desk.approve(name)
    told = desk.pay(name, "p" * 60, refused="bank.order-name")
    assert told.values == {"order": f"{name}/{'p' * 60}", "characters": 125, "limit": 124}
    desk.pay(name, "p" * 59)
    longest = bank_order.key_of("b" * 64, f"{name}/{'p' * 59}")
    assert len(longest) == 200, "a state key has no more"


# --- Payouts --------------------------------------------------------------------------------------


def test_a_payout_is_shown_at_each_step() -> None:
    heirs = Heirs()
    first = heirs.order()
    name = bank_order.name_of(bank_order.PAYOUT, PAYOUT, first)
    made = shown(heirs.world, name)
    assert (made.stage, made.kind, made.amount_fen, made.payer, made.account, made.due_on) == (
        "approved", "payout", REFUND, "430100", bytes([1]) * 32, ""
    )  # fmt: skip
    heirs.do("bounce", payment=first, reference="x1", reason="name_differs")
    assert (shown(heirs.world, name).stage, shown(heirs.world, name).reason) == (
        "returned", "name_differs"
    )  # fmt: skip
    second = heirs.pay()
    name = bank_order.name_of(bank_order.PAYOUT, PAYOUT, second)
    assert (shown(heirs.world, name).stage, shown(heirs.world, name).reference) == ("paid", "r2")
    heirs.back(second, 500, "B2")
    heirs.order()
    heirs.back(second, REFUND - 500, "B3")
    assert (shown(heirs.world, name).stage, shown(heirs.world, name).account) == (
        "sent-back", bytes([2]) * 32
    )  # fmt: skip
    third = shown(heirs.world, bank_order.name_of(bank_order.PAYOUT, PAYOUT, "430100pay3"))
    assert (third.stage, third.amount_fen) == ("approved", 500)


def test_an_id_of_a_payout_is_used_once_at_a_bank_also_after_two_returns() -> None:
    """The payout itself remembers the last order and those that were paid: an older name came out
    as a file before, and would never come out again."""
    heirs = Heirs()
    with_another_bank(heirs.world)
    first = heirs.order()
    heirs.do("bounce", payment=first, reference="x1", reason="limit")
    second = heirs.order()
    heirs.do("bounce", payment=second, reference="x2", reason="limit")
    heirs.do("name", account=bytes(32), receiver="child")
    told = heirs.do("pay", "payout.payment-id", payment=first, bank=BANK)
    assert told.values == {"payout": PAYOUT, "payment": first}
    heirs.do("pay", payment=first, bank=BANK_GUANGDONG)
    again = bank_order.name_of(bank_order.PAYOUT, PAYOUT, first)
    assert shown(heirs.world, again, BANK_GUANGDONG).stage == "approved"


# --- Of insurers ----------------------------------------------------------------------------------


@pytest.fixture
def cover() -> LaterWorld:
    made = LaterWorld()
    made.settle(own_fen=70_000)
    return made


COVER_ORDER = bank_order.name_of(bank_order.COVER, PAYMENT, "o-1")


def line(cover: LaterWorld, reference: str, refused: str = "", **given: Any) -> Outcome:
    args: dict[str, Any] = {"reference": reference, "order": COVER_ORDER, "direction": "out",
                            "amount_fen": 40_400, "value_on": "2025-06-10"} | given  # fmt: skip
    return bank(cover.world, "bank", "line", refused, **args)


def stage_of(cover: LaterWorld) -> str:
    made = find_payment(cover.world.state, PAYMENT)
    assert made is not None
    return made.stage.value


def test_an_insurers_order_is_shown_and_told_of_once(cover: LaterWorld) -> None:
    told = cover.pay()
    assert [fields for topic, fields in told.events if topic == "cover.ordered"] == [
        {"payment": PAYMENT, "order": "o-1", "bank": BANK, "insurer": INSURER,
         "amount_fen": 40_400}
    ]  # fmt: skip
    assert not [topic for topic, _ in cover.pay().events], "told again it is no new order"
    made = shown(cover.world, COVER_ORDER)
    assert (made.stage, made.kind, made.amount_fen, made.payer, made.account) == (
        "approved", "cover", 40_400, INSURER, COVER_ACCOUNT
    )  # fmt: skip
    cover.report("bounce")
    assert (shown(cover.world, COVER_ORDER).stage, shown(cover.world, COVER_ORDER).reason) == (
        "returned", "closed_account"
    )  # fmt: skip
    cover.pay("o-2", account=bytes(32))
    cover.report("confirm", "o-2")
    assert shown(cover.world, bank_order.name_of(bank_order.COVER, PAYMENT, "o-2")).stage == "paid"
    assert shown(cover.world, COVER_ORDER).account == COVER_ACCOUNT


@pytest.mark.parametrize(
    ("report", "stage", "case"),
    [("confirm", "paid", "repayable"), ("bounce", "returned", "cancelled")],
)
def test_an_order_is_withdrawn_when_its_bill_is_taken_back(
    cover: LaterWorld, report: str, stage: str, case: str
) -> None:
    cover.pay()
    cover.counter.reverse()
    assert shown(cover.world, COVER_ORDER).stage is OrderStage.WITHDRAWN
    cover.report(report)
    assert (shown(cover.world, COVER_ORDER).stage, stage_of(cover)) == (stage, case)


def test_what_was_not_on_its_way_is_not_withdrawn(cover: LaterWorld) -> None:
    cover.pay()
    cover.report("confirm")
    cover.counter.reverse()
    assert (shown(cover.world, COVER_ORDER).stage, stage_of(cover)) == ("paid", "repayable")


def test_an_insurers_order_is_matched_by_a_statement(cover: LaterWorld) -> None:
    line(cover, "L0", "bank.foreign-order")
    cover.pay()
    line(
        cover,
        "L0",
        "bank.foreign-order",
        order=bank_order.name_of(bank_order.COVER, PAYMENT, "o-9"),
    )
    line(
        cover,
        "L0",
        "bank.foreign-order",
        order=bank_order.name_of(bank_order.COVER, "none.1", "o-1"),
    )
    assert line(cover, "L1", amount_fen=40_399).answer["cause"] == "amount-differs"
    assert line(cover, "L2").answer["outcome"] == "matched"
    assert (stage_of(cover), cover.insurer_fen()) == ("paid", -40_400)
    assert line(cover, "L3").answer["cause"] == "paid-twice"
    back = {"direction": "returned", "amount_fen": 1, "reason": "other"}
    assert line(cover, "L4", **back).answer["outcome"] == "matched"
    entry = shown(cover.world, COVER_ORDER)
    assert (entry.stage, entry.returned_fen) == (OrderStage.PART_BACK, 1)
    more = back | {"order": "L2", "amount_fen": 40_399}
    assert line(cover, "L5", **more).answer["outcome"] == "matched"
    assert shown(cover.world, COVER_ORDER).stage is OrderStage.SENT_BACK
    assert line(cover, "L6", **back).answer["cause"] == "above-payment"
    assert (stage_of(cover), cover.insurer_fen()) == ("returned", 0)


def test_what_came_back_of_an_insurers_order_is_ordered_anew(cover: LaterWorld) -> None:
    cover.pay()
    cover.report("confirm")
    cover.report(
        "came_back", amount_fen=404, value_on="2025-06-10", reference="b-1", reason="limit"
    )
    cover.pay("o-2")
    entry = shown(cover.world, bank_order.name_of(bank_order.COVER, PAYMENT, "o-2"))
    assert (entry.stage, entry.amount_fen) == (OrderStage.APPROVED, 404)
    cover.counter.reverse()
    assert (
        shown(cover.world, bank_order.name_of(bank_order.COVER, PAYMENT, "o-2")).stage
        is OrderStage.WITHDRAWN
    )
    assert shown(cover.world, COVER_ORDER).stage is OrderStage.PART_BACK


def test_what_a_bank_could_not_pay_for_an_insurer_comes_back(cover: LaterWorld) -> None:
    cover.pay()
    told = line(cover, "L1", direction="returned", reason="unknown_account")
    assert told.answer["outcome"] == "matched"
    assert (stage_of(cover), cover.insurer_fen()) == ("returned", 0)
    assert line(cover, "L2").answer["cause"] == "not-approved"


def test_a_withdrawn_order_that_was_paid_all_the_same_is_reported(cover: LaterWorld) -> None:
    cover.pay()
    cover.counter.reverse()
    assert line(cover, "L1").answer["outcome"] == "matched"
    assert (stage_of(cover), cover.insurer_fen()) == ("repayable", -40_400)


# --- The check ------------------------------------------------------------------------------------


def test_a_call_that_forgets_the_bank_is_found(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.approve()
    monkeypatch.setattr(bank_order, "give", lambda *_args, **_given: None)
    with pytest.raises(AssertionError, match="pay-1"):
        desk.pay()


def test_a_report_that_forgets_the_order_is_found(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.approve()
    desk.pay()
    monkeypatch.setattr(bank_order, "report", lambda *_args, **_given: None)
    with pytest.raises(AssertionError, match="stage='paid'"):
        desk.report()


def test_an_order_that_is_not_withdrawn_is_found(
    cover: LaterWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    cover.pay()
    monkeypatch.setattr(bank_order, "withdraw", lambda *_args, **_given: None)
    with pytest.raises(AssertionError, match="stage='withdrawn'"):
        cover.counter.reverse()


@pytest.mark.parametrize(
    ("place", "value"),
    [(0, "paid"), (1, "payout"), (2, DUE + 1), (3, "430200"), (4, bytes(32)), (6, "R"), (8, 1)],
)
def test_an_entry_that_says_something_else_is_found(desk: Desk, place: int, value: Value) -> None:
    desk.approve()
    desk.pay()
    state = desk.world.state
    key = f"bank-order/{BANK}/{ORDER}"
    bent: Any = state.get(key)
    bent[place] = value
    state.put(key, bent)
    with pytest.raises(AssertionError):
        bank_orders.check(state.entries, codec.decode)


def test_an_entry_of_no_case_is_found() -> None:
    heirs = Heirs()
    payment = heirs.order()
    state = heirs.world.state
    value = state.get(f"bank-order/{BANK}/payout/{PAYOUT}/{payment}")
    state.put(f"bank-order/{BANK}/payout/{PAYOUT}/other", value)
    with pytest.raises(AssertionError):
        bank_orders.check(state.entries, codec.decode)
    assert BUREAU_CHANGSHA not in str(value)


IDS = st.text(IDENTIFIER, min_size=1, max_size=20)


@given(kind=st.sampled_from(bank_order.KINDS), case=IDS, payment=IDS)
def test_a_name_says_its_kind_case_and_order(kind: str, case: str, payment: str) -> None:
    """A reimbursement's id begins with its bureau's, so it is never another kind's word."""
    assume(kind != bank_order.REIMBURSEMENT or case not in bank_order.KINDS)
    name = bank_order.name_of(kind, case, payment)
    assert bank_order.parts_of(name) == (kind, case, payment)
    assert bank_order.is_to_person(name)
    assert not bank_order.is_to_person(payment)


def test_what_a_call_has_told_of_a_persons_order_matches_a_line(cover: LaterWorld) -> None:
    cover.pay()
    told = {"payment": PAYMENT, "order": "o-1", "reference": "B1"}
    bank(cover.world, "cover", "confirm", "", **told)
    before = dict(cover.world.state.entries)
    same = line(cover, "B1")
    assert (same.answer["outcome"], same.postings) == ("matched", [])
    kept = {k: v for k, v in cover.world.state.entries.items() if not k.startswith("bank-line/")}
    assert kept == before
    assert line(cover, "B2").answer["cause"] == "paid-twice"


def test_what_a_call_has_told_of_a_reimbursement_matches_a_line(desk: Desk) -> None:
    desk.approve()
    desk.pay()
    desk.report()
    args: dict[str, Any] = {"reference": "B-77", "order": ORDER, "direction": "out",
                            "amount_fen": DUE, "value_on": "2025-06-10"}  # fmt: skip
    same = bank(desk.world, "bank", "line", **args)
    assert (same.answer["outcome"], same.postings) == ("matched", [])


@pytest.mark.parametrize("back_fen", [0, 500])
def test_what_a_call_has_told_of_a_payout_matches_a_line(back_fen: int) -> None:
    heirs = Heirs()
    first = heirs.order()
    heirs.do("confirm", payment=first, reference="r1")
    if back_fen:
        heirs.back(first, back_fen, "r2")
        heirs.order()
    stands = heirs.stands()
    args: dict[str, Any] = {"reference": "r1", "order": f"payout/{PAYOUT}/{first}",
                            "direction": "out", "amount_fen": REFUND,
                            "value_on": "2025-06-10"}  # fmt: skip
    same = bank(heirs.world, "bank", "line", **args)
    assert (same.answer["outcome"], same.postings) == ("matched", [])
    assert heirs.stands() == stands


def test_what_waited_because_of_a_closed_account_is_not_ordered_to_it_again(
    cover: LaterWorld,
) -> None:
    cover.pay()
    line(cover, "L1")
    line(cover, "L2", order="", direction="returned", reason="closed_account")
    resolved = {"reference": "L2", "how": "matched", "order": COVER_ORDER}
    cover.world.do(BANK, "bank", "resolve", resolved, post="clerk")
    cover.pay("o-2", refused="cover.account-failed")
