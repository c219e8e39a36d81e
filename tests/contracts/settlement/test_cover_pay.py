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
from contracts.settlement.clearing import insurer_record
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
OWED = 40_400
"""Fen that the product pays of the bill."""


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
        assert not balance(self.world.state, f"commercial:{INSURER}", "commercial"), "no bureau's"
        return balance(self.world.state, f"benefit:{INSURER}", "commercial")


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
        (f"benefit:{INSURER}", -40_400), (f"bank:{BANK}", 40_400)
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
    for none in (HOSPITAL, world.world.former_bank()):
        world.pay(bank=none, refused="cover.bank")
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
    world.report("repaid", reference="p-1")
    assert world.report("repaid", reference="p-1").postings == []
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


# --- Money that comes back after it was paid ------------------------------------------------------


def paid(world: LaterWorld) -> None:
    world.settle(own_fen=70_000)
    world.pay()
    world.report("confirm")


def test_what_came_back_is_owed_and_ordered_again_to_another_account(world: LaterWorld) -> None:
    paid(world)
    back = {"amount_fen": OWED, "value_on": DAY, "reference": "b-1", "reason": "closed_account"}
    came = world.report("came_back", **back)
    assert came.answer["stage"] == "returned"
    assert came.answer["open_fen"] == OWED
    assert {(p.transfer, p.account, p.amount_fen) for p in came.postings} == {
        (f"cover/{PAYMENT}/o-1/back/1", f"benefit:{INSURER}", OWED),
        (f"cover/{PAYMENT}/o-1/back/1", f"bank:{BANK}", -OWED),
    }
    assert world.report("came_back", **back).postings == [], "told twice, one return"
    refused = world.pay("o-2", refused="cover.account-failed")
    assert refused.values == {"order": "o-1", "reason": "closed_account"}
    world.pay("o-2", account=ACCOUNT, refused="cover.account-failed")
    ordered = world.pay("o-2", account=bytes(32))
    told = [fields for topic, fields in ordered.events if topic == "cover.ordered"]
    assert told == [{"payment": PAYMENT, "order": "o-2", "bank": BANK, "insurer": INSURER,
                     "amount_fen": OWED}]  # fmt: skip
    world.report("confirm", "o-2")
    assert (world.insurer_fen(), world.payment().stage) == (-OWED, "paid")


def test_a_part_that_came_back_is_ordered_and_no_more(world: LaterWorld) -> None:
    paid(world)
    world.report("came_back", amount_fen=400, value_on=DAY, reference="b-1", reason="limit")
    world.report("came_back", amount_fen=4, value_on=DAY, reference="b-2", reason="limit")
    world.pay("o-2")
    assert world.payment().orders[-1].amount_fen == 404
    world.report("came_back", amount_fen=6, value_on=DAY, reference="b-3", reason="limit")
    assert world.report("confirm", "o-2").answer["stage"] == "returned", "six fen are still out"
    world.pay("o-3")
    world.report("confirm", "o-3")
    assert (world.insurer_fen(), world.payment().stage) == (-OWED, "paid")


def test_of_a_bill_taken_back_the_patient_owes_what_stands_paid(world: LaterWorld) -> None:
    paid(world)
    world.report("came_back", amount_fen=400, value_on=DAY, reference="b-1", reason="limit")
    world.counter.reverse()
    assert world.payment().stage == "repayable"
    for used in ("ref-o-1", "b-1"):
        world.report("repaid", reference=used, refused="payment.reference-used")
    given = world.report("repaid", reference="p-1")
    assert sum(p.amount_fen for p in given.postings if p.account.startswith("bank:")) == 400 - OWED
    assert world.insurer_fen() == 0


def test_what_a_patient_gives_back_is_told_by_a_line(world: LaterWorld) -> None:
    """As money that came in: it is what the ledger asks for, and must not wait as nobody's."""
    paid(world)
    line = {"reference": "in-1", "order": f"cover/{PAYMENT}/o-1", "direction": "in",
            "amount_fen": OWED, "value_on": DAY}  # fmt: skip

    def told(refused: str = "", **given: Any) -> Any:
        sender = given.pop("sender", BANK)
        return world.call("line", sender, post="operator", contract="bank", refused=refused,
                          **(line | given)).answer  # fmt: skip

    assert told(reference="in-0")["cause"] == "unasked", "the bill stands"
    world.counter.reverse()
    assert told(reference="in-2", amount_fen=OWED - 1)["cause"] == "amount-differs"
    assert told(reference="in-3", order=f"cover/{PAYMENT}.9/o-1")["cause"] == "unasked"
    told("bank.foreign-order", reference="in-4", order=f"cover/{PAYMENT}/o-9")
    assert (world.payment().stage, world.insurer_fen()) == ("repayable", -OWED)
    assert told()["outcome"] == "matched"
    assert told()["outcome"] == "matched", "told twice, one movement"
    assert (world.payment().stage, world.insurer_fen()) == ("repaid", 0)
    assert told(reference="in-5")["cause"] == "unasked"


def test_of_a_bill_taken_back_all_of_which_came_back_nobody_owes(world: LaterWorld) -> None:
    paid(world)
    world.counter.reverse()
    back = {"amount_fen": OWED, "value_on": DAY, "reference": "b-1", "reason": "other"}
    assert world.report("came_back", **back).answer["stage"] == "cancelled"
    world.report("repaid", reference="p-1", refused="cover.wrong-stage")
    world.pay("o-2", refused="cover.wrong-stage")


@pytest.mark.parametrize(
    ("given", "code", "values"),
    [
        ({"amount_fen": OWED + 1}, "payment.return-above",
         {"told_fen": OWED + 1, "left_fen": OWED, "paid_fen": OWED}),
        ({"amount_fen": 0}, "args.shape", {"path": "amount_fen"}),
        ({"value_on": "2025-06-11"}, "payment.value-day", {"value_on": "2025-06-11"}),
        ({"reason": "tired"}, "args.shape", {"path": "reason"}),
        ({"reference": "ref-o-1"}, "payment.reference-used", {"reference": "ref-o-1"}),
        ({"order": "o-9"}, "cover.not-your-order", {"order": "o-9"}),
        ({"payment": "H44010000123-m-9.1"}, "cover.not-your-order", {"bank": BANK}),
        ({"sender": INSURER}, "sender.kind", {}),
    ],
)  # fmt: skip
def test_what_is_no_return(
    world: LaterWorld, given: dict[str, Any], code: str, values: dict[str, Any]
) -> None:
    paid(world)
    right = {"amount_fen": 5, "value_on": DAY, "reference": "b-1", "reason": "limit"}
    refused = world.report("came_back", refused=code, **(right | given))
    assert values.items() <= refused.values.items()


def test_what_was_never_paid_cannot_come_back(world: LaterWorld) -> None:
    world.settle(own_fen=70_000)
    world.pay()
    back = {"amount_fen": 5, "value_on": DAY, "reference": "b-1", "reason": "limit"}
    flying = world.report("came_back", refused="payment.not-paid", **back)
    assert flying.values["outcome"] == "on-its-way"
    world.report("bounce")
    world.report("came_back", refused="payment.not-paid", **back)
    world.pay("o-2")
    world.report("confirm", "o-2")
    world.report("came_back", "o-2", **back)
    world.report("came_back", "o-2", **(back | {"amount_fen": 6}),
                 refused="payment.reported-otherwise")  # fmt: skip
    world.counter.reverse()
    world.report("repaid", "o-2", reference="p-1")
    world.report("came_back", "o-2", **(back | {"reference": "b-2"}), refused="cover.wrong-stage")


def test_a_bank_tells_an_order_by_a_line_of_its_statement(world: LaterWorld) -> None:
    world.settle(own_fen=70_000)
    world.pay()
    line = {"reference": "L1", "order": f"cover/{PAYMENT}/o-1", "direction": "out",
            "amount_fen": OWED - 1, "value_on": DAY}  # fmt: skip

    def told(refused: str = "", sender: str = BANK, **given: Any) -> Outcome:
        return world.call("line", sender, post="operator", contract="bank", refused=refused,
                          **(line | given))  # fmt: skip

    assert told().answer["cause"] == "amount-differs"
    for order in ("o-2", "o-1x", ""):
        told("bank.foreign-order", reference="L2", order=f"cover/{PAYMENT}/{order}")
    told("bank.foreign-order", reference="L2", order="cover/nothing/o-1")
    assert told(reference="L3", amount_fen=OWED).answer["outcome"] == "matched"
    assert told(reference="L4", amount_fen=OWED).answer["cause"] == "paid-twice"
    back = {"direction": "returned", "reason": "limit"}
    assert told(reference="L5", amount_fen=100, **back).answer["outcome"] == "matched"
    named = told(reference="L6", order="L3", amount_fen=50, **back)
    assert named.answer["order"] == f"cover/{PAYMENT}/o-1", "by the bank's own reference"
    assert told(reference="L7", amount_fen=OWED, **back).answer["cause"] == "above-payment"
    assert world.payment().open_fen == 150


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
    """Orders, reports, returns, a reversal, in any order, against a dumb model of who has what."""

    def __init__(self) -> None:
        super().__init__()
        self.world = LaterWorld()
        self.world.settle(own_fen=70_000)
        self.flying: tuple[int, int] | None = None
        """(order, fen) that the bank was given and has not reported on."""
        self.stands: dict[int, int] = {}
        """Order that was paid -> fen that are with the patient."""
        self.orders = self.told = self.accounts = 0
        self.failed = self.reversed = self.repaid = False

    @property
    def standing(self) -> int:
        return sum(self.stands.values())

    def told_by_bank(self, method: str, order: int, **more: Any) -> bool:
        args = {"payment": PAYMENT, "order": f"o-{order}", "reference": f"ref-{self.told}"} | more
        return self.world.world.call(BANK, "cover", method, args, post="finance").ok

    @rule(another_account=st.booleans())
    def pay(self, another_account: bool) -> None:
        args: dict[str, Any] = {"payment": PAYMENT, "order": f"o-{self.orders + 1}", "bank": BANK}
        if another_account:
            self.accounts += 1
            args["account"] = bytes(31) + bytes([self.accounts])
        ok = self.world.world.call(INSURER, "cover", "pay", args, post="finance").ok
        may = self.flying is None and not self.reversed and self.standing < OWED
        assert ok == (may and (another_account or not self.failed))
        if ok:
            self.orders += 1
            self.flying, self.failed = (self.orders, OWED - self.standing), False

    @rule(by_line=st.booleans(), paid=st.booleans())
    def report(self, by_line: bool, paid: bool) -> None:
        """The bank pays what was ordered, or could not, in either of its two ways of saying so."""
        if self.flying is None:
            return
        order, fen = self.flying
        self.told += 1
        if by_line:
            line = {"reference": f"ref-{self.told}", "order": f"cover/{PAYMENT}/o-{order}",
                    "direction": "out" if paid else "returned", "amount_fen": fen,
                    "value_on": DAY, "reason": "" if paid else "other"}  # fmt: skip
            told = self.world.world.do(BANK, "bank", "line", line, post="finance")
            assert told.answer["outcome"] == "matched"
        elif paid:
            assert self.told_by_bank("confirm", order)
        else:
            assert self.told_by_bank("bounce", order, reason="other")
        self.flying = None
        if paid:
            self.stands[order] = fen

    @precondition(lambda self: self.stands)
    @rule(which=st.integers(0, 5), permille=st.integers(1, 1_100), account=st.booleans(),
          by_line=st.booleans())  # fmt: skip
    def come_back(self, which: int, permille: int, account: bool, by_line: bool) -> None:
        order = sorted(self.stands)[which % len(self.stands)]
        fen = max(1, self.stands[order] * permille // 1_000)
        fits = 0 < fen <= self.stands[order] and not self.repaid
        self.told += 1
        why = "closed_account" if account else "limit"
        if by_line:
            line = {"reference": f"ref-{self.told}", "order": f"cover/{PAYMENT}/o-{order}",
                    "direction": "returned", "amount_fen": fen, "value_on": DAY,
                    "reason": why}  # fmt: skip
            told = self.world.world.do(BANK, "bank", "line", line, post="finance")
            assert told.answer["cause"] == ("" if fits else "above-payment")
        else:
            more = {"amount_fen": fen, "value_on": DAY, "reason": why}
            assert self.told_by_bank("came_back", order, **more) == fits
            assert self.told_by_bank("came_back", order, **more) == fits, "told twice, one return"
        if fits:
            self.stands[order] -= fen
            self.failed = account if order == self.orders else self.failed

    @rule(which=st.integers(1, 4), by_line=st.booleans())
    def repay(self, which: int, by_line: bool) -> None:
        self.told += 1
        may = self.reversed and self.flying is None and self.standing > 0 and not self.repaid
        if by_line:
            line = {"reference": f"ref-{self.told}", "order": f"cover/{PAYMENT}/o-{which}",
                    "direction": "in", "amount_fen": max(1, self.standing),
                    "value_on": DAY}  # fmt: skip
            told = self.world.world.call(BANK, "bank", "line", line, post="finance")
            ok = told.ok and told.answer["outcome"] == "matched"
        else:
            ok = self.told_by_bank("repaid", which)
        assert ok == (may and which <= self.orders)
        if ok:
            self.repaid = True

    @precondition(lambda self: not self.reversed)
    @rule()
    def reverse(self) -> None:
        self.world.counter.reverse()
        self.reversed = True

    @invariant()
    def the_patient_has_what_the_model_says(self) -> None:
        with_patient = 0 if self.repaid else self.standing
        assert with_patient <= OWED
        assert self.world.insurer_fen() == -with_patient
        made = self.world.payment()
        assert (made.standing_fen, made.open_fen) == (with_patient, OWED - with_patient)
        direct = insurer_record.find(self.world.world.state, INSURER, DAY[:7]).direct
        assert sum(direct.values()) == with_patient
        assert made.stage == self.stage(with_patient)
        assert not any(trial_balance(self.world.world.state).values())

    def stage(self, with_patient: int) -> str:
        """Where the payment stands, from what happened alone."""
        if self.reversed:
            if self.repaid:
                return "repaid"
            if self.flying is not None:
                return "recalled"
            return "repayable" if with_patient else "cancelled"
        if self.flying is not None:
            return "paying"
        if with_patient == OWED:
            return "paid"
        return "returned" if self.orders else "due"


TestPayments = PaymentMachine.TestCase
TestPayments.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
