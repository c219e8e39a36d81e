"""A part of a month's money comes back: what it had settled is owed again, by so much."""

from __future__ import annotations

from contracts.api import Value
from contracts.runtime import Outcome
from contracts.settlement import funds_chart as chart
from contracts.settlement.clearing import (
    account_record,
    advance,
    notice_record,
    payment_record,
    period_record,
    statement_record,
)
from contracts.settlement.clearing.notice_record import NoticeStage
from tests.contracts.settlement.funds_world import trial_balance
from tests.contracts.settlement.month_world import (
    FINANCE_GUANGDONG,
    FINANCE_HUNAN,
    GUANGDONG,
    HUNAN,
    JUNE,
    Month,
    make_month,
)
from tests.contracts.world import BANK, CENTRE, HOSPITAL


def back(month: Month, payment: str, amount_fen: int, reference: str) -> Outcome:
    told: dict[str, Value] = {
        "payment": payment, "amount_fen": amount_fen, "reference": reference,
        "value_on": "2025-07-01", "reason": "limit",
    }  # fmt: skip
    done = month.world.do(BANK, "payment", "send_back", told, post="operator")
    assert not any(trial_balance(month.state).values())
    return done


def confirmed_month() -> tuple[Month, int]:
    """One settlement, declared and confirmed; the institution and the other province wait."""
    month = make_month()
    name = month.settle()
    month.on("2025-07-01").declared_and_confirmed(name)
    return month, month.owed(chart.payable(HOSPITAL))


def test_an_institution_waits_for_what_came_back_and_for_no_more() -> None:
    month, owed = confirmed_month()
    notice = f"institution:{JUNE}:{HOSPITAL}"
    month.pay(notice, FINANCE_GUANGDONG)
    assert account_record.find(month.state, HOSPITAL).months == ()
    (payment,) = [key for key in month.state.entries if key.startswith("payment/")]
    payment = payment.removeprefix("payment/")
    back(month, payment, 1_000, "B1")
    back(month, payment, 500, "B2")
    account = account_record.find(month.state, HOSPITAL)
    assert account.months == (JUNE,), "once, however many parts came back"
    assert sum(account.declared.values()) == month.owed(chart.payable(HOSPITAL)) == 1_500
    due = notice_record.load(month.state, notice)
    assert (due.open_fen, due.amount_fen) == (1_500, owed)
    # Of the part that is paid again something comes back, too: the month stays on the list.
    month.pay(notice, FINANCE_GUANGDONG)
    assert account_record.find(month.state, HOSPITAL).months == ()
    second = notice_record.load(month.state, notice).payment
    back(month, second, 400, "B3")
    back(month, payment, owed - 1_500, "B4")
    assert month.owed(chart.payable(HOSPITAL)) == owed - 1_100
    assert payment_record.load(month.state, payment).stage == "sent-back"
    month.pay(notice, FINANCE_GUANGDONG)
    account = account_record.find(month.state, HOSPITAL)
    assert (account.months, any(account.declared.values())) == ((), False)
    assert month.owed(chart.payable(HOSPITAL)) == 0


def test_an_institutions_month_stays_listed_while_a_rest_is_open() -> None:
    month, owed = confirmed_month()
    notice = f"institution:{JUNE}:{HOSPITAL}"
    month.pay(notice, FINANCE_GUANGDONG)
    first = notice_record.load(month.state, notice).payment
    back(month, first, 1_000, "B1")
    order = {"payment": f"{FINANCE_GUANGDONG}:9", "notice": notice, "amount_fen": 1_000,
             "bank": BANK}  # fmt: skip
    month.world.do(FINANCE_GUANGDONG, "payment", "order", order, post="finance")
    paying = {"payment": f"{FINANCE_GUANGDONG}:9"}
    month.world.do(FINANCE_GUANGDONG, "payment", "approve", paying, post="checker")
    back(month, first, 300, "B2")
    told = paying | {"amount_fen": 1_000, "reference": "R9", "value_on": "2025-07-01"}
    month.world.do(BANK, "payment", "confirm", told, post="operator")
    account = account_record.find(month.state, HOSPITAL)
    assert account.months == (JUNE,)
    assert sum(account.declared.values()) == month.owed(chart.payable(HOSPITAL)) == 300
    assert owed > 1_300


def test_a_statement_is_paid_again_only_when_all_of_it_is() -> None:
    month, _ = confirmed_month()
    month.cut()
    notice = month.both_say_yes()
    month.pay(notice, FINANCE_HUNAN)
    payment = notice_record.load(month.state, notice).payment

    def stands() -> tuple[bool, int]:
        made = statement_record.load(month.state, JUNE, HUNAN, GUANGDONG)
        return made.settled, period_record.load(month.state, JUNE).settled

    assert stands() == (True, 1)
    back(month, payment, 100, "B1")
    back(month, payment, 50, "B2")
    assert stands() == (False, 0), "the second part finds the statement owed already"
    month.close_period(refused="clearing.unpaid")
    assert month.owed(chart.clearing(HUNAN, GUANGDONG)) == 150
    assert month.owed(chart.receivable(HUNAN, GUANGDONG)) == -150
    month.pay(notice, FINANCE_HUNAN)
    assert stands() == (True, 1)
    month.close_period()
    # What was closed stays closed; the money is owed and shows as overdue.
    back(month, payment, 25, "B3")
    assert stands() == (False, 1)
    due = notice_record.load(month.state, notice)
    assert (due.stage, due.open_fen) == (NoticeStage.ISSUED, 25)
    month.pay(notice, FINANCE_HUNAN)
    assert month.owed(chart.clearing(HUNAN, GUANGDONG)) == 0


def test_an_advance_that_came_back_is_open_beside_the_next_one() -> None:
    month = make_month().on("2025-07-01")

    def quota(fen: int, refused: str = "") -> str:
        args = {"home": HUNAN, "care": GUANGDONG, "scheme": "310", "quota_fen": fen}
        if refused:
            month.world.refused(refused, CENTRE, "advance", "set_quota", args, post="finance")
            return ""
        told = month.world.do(CENTRE, "advance", "set_quota", args, post="finance")
        notice: str = told.answer["notice"]
        return notice

    def open_notices() -> tuple[str, ...]:
        return advance.find(month.state, HUNAN, GUANGDONG).open.get("310", ())

    first = quota(100_000)
    month.pay(first, FINANCE_HUNAN)
    payment = notice_record.load(month.state, first).payment
    second = quota(130_000)
    back(month, payment, 40_000, "B1")
    assert open_notices() == (second, first)
    month.pay(second, FINANCE_HUNAN)
    assert open_notices() == (first,)
    quota(140_000, "advance.open-notice")
    month.pay(first, FINANCE_HUNAN)
    assert open_notices() == ()
    assert month.of_fund(chart.advance(HUNAN, GUANGDONG), "310101") == 130_000
    quota(140_000)
