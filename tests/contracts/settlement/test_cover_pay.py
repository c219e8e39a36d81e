"""What a product pays later: owed, ordered, paid once, owed back when the bill is taken back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from contracts.api import Rejected
from contracts.runtime import Outcome
from contracts.settlement import cover_record, statement
from contracts.settlement.cover_record import TABLE, CoverStage, CoverStep, follow
from contracts.settlement.funds_book import balance
from tests.contracts.settlement.claim_world import DAY
from tests.contracts.settlement.cover_world import (
    ACCOUNT,
    ALL_THAT_IS_OPEN,
    CLAIM,
    INSURER,
    LATER_PRODUCT,
    PRODUCT,
    TWO_DEDUCTIBLES,
    CoverWorld,
)
from tests.contracts.settlement.funds_world import balances, trial_balance
from tests.contracts.settlement.test_reimbursement import Desk
from tests.contracts.world import BANK, BUREAU_CHANGSHA, HOSPITAL

PAYMENT = f"{CLAIM}.1"


class LaterWorld(CoverWorld):
    """A product that pays the patient afterwards."""

    def __init__(self) -> None:
        super().__init__()
        self.insure(pays="later")

    def pay(self, order: str = "o-1", **given: Any) -> Outcome:
        refused = given.pop("refused", "")
        args = {"payment": PAYMENT, "order": order, "bank": BANK} | given
        sender = args.pop("sender", INSURER)
        return self.call("pay", sender, post="finance", refused=refused, **args)

    def report(self, method: str, order: str = "o-1", **given: Any) -> Outcome:
        refused = given.pop("refused", "")
        args = {"payment": PAYMENT, "order": order, "reference": f"ref-{order}"} | given
        if method == "bounce":
            args.setdefault("reason", "closed_account")
        return self.call(method, args.pop("sender", BANK), post="finance", refused=refused, **args)

    def insurer_fen(self) -> int:
        return balance(self.world.state, f"commercial:{INSURER}", "commercial")


@pytest.fixture
def world() -> LaterWorld:
    return LaterWorld()


def test_the_patient_pays_and_the_insurer_owes_the_patient(world: LaterWorld) -> None:
    settled = world.settle(own_fen=70_000)
    assert settled.answer["commercial_fen"] == 0
    assert settled.answer["cash_fen"] == 270_000 - 144_500
    assert not [p for p in settled.postings if p.fund_type == "commercial"]
    made = world.payment()
    assert (made.stage, made.amount_fen, made.account) == ("due", 40_400, ACCOUNT)
    told = [fields for topic, fields in settled.events if topic == "cover.due"]
    assert told[0]["insurer"] == INSURER
    assert world.world.state.get(f"cover-list/{INSURER}/1") == PAYMENT
    assert world.pay().answer["stage"] == "paying"
    assert world.insurer_fen() == 0
    paid = world.report("confirm")
    assert paid.answer["stage"] == "paid"
    assert {(p.account, p.amount_fen) for p in paid.postings} == {
        (f"commercial:{INSURER}", -40_400), (f"bank:{BANK}", 40_400)
    }  # fmt: skip
    assert not any(trial_balance(world.world.state).values())


def test_the_page_that_the_patient_takes_home_says_what_is_owed(world: LaterWorld) -> None:
    settled = world.settle(own_fen=70_000)
    assert settled.explanation is not None
    page = statement.build(settled.explanation, receipt_digest=bytes(32))
    rows = {row.label: row for section in page.sections for row in section.rows}
    owed = rows["商业保险事后赔付 owed to you later"]
    assert (owed.value, owed.note) == ("404.00", PRODUCT)
    assert rows["商业保险 commercial cover"].value == f"{PRODUCT} no. 1"


def test_it_is_paid_once(world: LaterWorld) -> None:
    world.settle(own_fen=70_000)
    world.pay()
    assert world.pay().answer["stage"] == "paying", "told twice, one order"
    world.pay("o-2", refused="cover.wrong-stage")
    world.report("confirm")
    assert world.report("confirm").postings == [], "told twice, one payment"
    world.report("confirm", reference="other", refused="cover.reported-otherwise")
    world.report("bounce", refused="cover.reported-otherwise")
    world.pay("o-2", refused="cover.wrong-stage")
    assert world.insurer_fen() == -40_400


def test_what_comes_back_is_ordered_again_to_another_account(world: LaterWorld) -> None:
    world.settle(own_fen=70_000)
    world.pay()
    assert world.report("bounce").answer["stage"] == "returned"
    world.pay("o-1", account=bytes(32), refused="cover.order-id")
    world.pay("o-2", account=bytes(32))
    assert world.payment().account == bytes(32)
    world.report("confirm", refused="cover.reported-otherwise")
    world.report("confirm", "o-2")
    assert world.insurer_fen() == -40_400


def test_who_may_order_and_report(world: LaterWorld) -> None:
    world.pay(refused="cover.unknown-payment")
    world.settle(own_fen=70_000)
    world.pay(sender=BANK, refused="sender.kind")
    world.pay(bank=HOSPITAL, refused="cover.bank")
    world.report("confirm", refused="cover.not-your-order")
    world.pay()
    world.report("confirm", sender=INSURER, refused="sender.kind")
    world.report("confirm", "o-9", refused="cover.not-your-order")
    world.report("repaid", refused="cover.wrong-stage")


def test_an_account_that_nobody_has_told(world: LaterWorld) -> None:
    world.revoke()
    world.authorise(account=None)
    world.settle(own_fen=70_000)
    world.pay(refused="cover.account-missing")
    world.pay(account=ACCOUNT)


def test_a_bill_taken_back_is_paid_no_more(world: LaterWorld) -> None:
    before = balances(world.world.state)
    world.settle(own_fen=70_000)
    world.counter.reverse()
    assert world.payment().stage == "cancelled"
    world.pay(refused="cover.wrong-stage")
    assert balances(world.world.state) == before


def test_a_bill_taken_back_after_payment_is_owed_back_and_given_back(world: LaterWorld) -> None:
    before = balances(world.world.state)
    world.settle(own_fen=70_000)
    world.pay()
    world.report("confirm")
    world.counter.reverse()
    assert world.payment().stage == "repayable"
    world.report("repaid")
    assert world.report("repaid").postings == []
    assert world.payment().stage == "repaid"
    assert balances(world.world.state) == before


def test_a_bill_taken_back_while_the_bank_pays(world: LaterWorld) -> None:
    world.settle(own_fen=70_000)
    world.pay()
    world.counter.reverse()
    assert world.payment().stage == "recalled"
    assert world.report("confirm").answer["stage"] == "repayable"


def test_later_products_pay_after_those_within_the_settlement(world: LaterWorld) -> None:
    """The later one was authorised first; the other is asked first, and nothing is paid twice."""
    world.insure(ALL_THAT_IS_OPEN, LATER_PRODUCT, pays="at_once")
    settled = world.settle(own_fen=70_000)
    assert settled.answer["cash_fen"] == 0
    assert [world.payment(number=n).stage for n in (1,)] == ["settled"]
    assert settled.explanation is not None
    assert [told["product"] for told in settled.explanation["cover"]] == [LATER_PRODUCT, PRODUCT]
    assert settled.explanation["cover"][1]["amount_fen"] == 0


def test_the_way_of_paying_belongs_to_the_version(world: LaterWorld) -> None:
    world.settle()
    world.deploy(TWO_DEDUCTIBLES, pays="at_once", effective_from="2025-06-01")
    assert world.settle("H44010000123-m-2").answer["commercial_fen"] > 0
    world.report("confirm", refused="cover.not-your-order")
    world.call("pay", INSURER, post="finance", payment="H44010000123-m-2.1", order="o-1",
               bank=BANK, refused="cover.wrong-stage")  # fmt: skip


def test_no_consent_is_needed_to_pay_what_is_owed(world: LaterWorld) -> None:
    world.settle()
    world.revoke(sender=BUREAU_CHANGSHA)
    world.pay()
    world.report("confirm")


def test_after_payment_every_product_pays_later(world: LaterWorld) -> None:
    """The patient has paid all: what a product within a settlement would pay is owed instead."""
    world.insure(ALL_THAT_IS_OPEN, LATER_PRODUCT)
    desk = Desk(world.counter)
    approved = desk.approve(place={"institution": HOSPITAL}, admission=DAY, discharge=DAY)
    assert not [p for p in approved.postings if p.fund_type == "commercial"]
    assert approved.explanation is not None
    assert [told["pays"] for told in approved.explanation["cover"]] == ["later", "later"]
    first, second = (world.payment("430100z-1", n) for n in (1, 2))
    assert first.claim == "reimbursement/430100z-1"
    assert (first.stage, second.stage) == ("due", "due")
    funds = approved.amounts["funds_fen"]
    assert funds + first.amount_fen + second.amount_fen == 300_000
    assert not any(trial_balance(world.world.state).values())


# --- The table --------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["", *CoverStage])
@pytest.mark.parametrize("step", CoverStep)
def test_what_the_table_does_not_name_is_refused(stage: str, step: CoverStep) -> None:
    if (stage, step) in TABLE:
        assert follow(stage, step) in CoverStage
        return
    with pytest.raises(Rejected) as refusal:
        follow(stage, step)
    assert refusal.value.code == "cover.wrong-stage"
    assert refusal.value.values == {"stage": stage, "step": step.value}


def test_every_stage_is_reached_and_drawn() -> None:
    assert set(TABLE.values()) == set(CoverStage)
    drawing = cover_record.mermaid()
    assert all(stage.value in drawing for stage in CoverStage)


class PaymentMachine(RuleBasedStateMachine):
    """Orders, reports, a reversal, in any order: paid at most once, the books always balance."""

    def __init__(self) -> None:
        super().__init__()
        self.world = LaterWorld()
        self.world.settle(own_fen=70_000)
        self.orders = 0
        self.confirmed = self.given_back = 0
        self.reversed = False

    def told(self, method: str, order: int) -> bool:
        args = {"payment": PAYMENT, "order": f"o-{order}", "reference": f"ref-{order}"}
        if method == "bounce":
            args["reason"] = "other"
        outcome = self.world.world.call(BANK, "cover", method, args, post="finance")
        return outcome.ok and bool(outcome.postings)

    @rule()
    def pay(self) -> None:
        args = {"payment": PAYMENT, "order": f"o-{self.orders + 1}", "bank": BANK}
        self.orders += self.world.world.call(INSURER, "cover", "pay", args, post="finance").ok

    @rule(order=st.integers(1, 4))
    def confirm(self, order: int) -> None:
        self.confirmed += self.told("confirm", order)

    @rule(order=st.integers(1, 4))
    def bounce(self, order: int) -> None:
        assert not self.told("bounce", order)

    @rule(order=st.integers(1, 4))
    def repaid(self, order: int) -> None:
        self.given_back += self.told("repaid", order)

    @precondition(lambda self: not self.reversed)
    @rule()
    def reverse(self) -> None:
        self.world.counter.reverse()
        self.reversed = True

    @invariant()
    def paid_at_most_once(self) -> None:
        assert self.confirmed <= 1
        assert self.given_back <= self.confirmed
        assert self.world.insurer_fen() == -40_400 * (self.confirmed - self.given_back)
        assert not any(trial_balance(self.world.world.state).values())


TestPayments = PaymentMachine.TestCase
TestPayments.settings = settings(max_examples=15, stateful_step_count=12)
