"""Refunds of what was declared: consents, the next month's rows, and what an audit took off."""

from __future__ import annotations

import pytest

from contracts.settlement import funds_chart as chart
from contracts.settlement.clearing import account_record, declaration_record, notice_record
from contracts.settlement.clearing.standing import standing
from contracts.settlement.lifecycle import ClaimState
from tests.contracts.settlement.claim_world import BED, line
from tests.contracts.settlement.funds_world import trial_balance
from tests.contracts.settlement.month_world import JULY, JUNE, Month, claim_id, make_month
from tests.contracts.settlement.refund_world import FIRST, back, refund
from tests.contracts.world import BANK, BUREAU_CHANGSHA, BUREAU_GUANGZHOU, HOSPITAL

TOTAL = 100_000
PAYABLE, FUND = chart.payable(HOSPITAL), chart.fund("430100")


@pytest.fixture
def month() -> Month:
    """One claim of 1,000.00 yuan in two pieces, declared for June; 595.00 are the fund's."""
    made = make_month()
    assert made.settle(lines=[line(1, BED, TOTAL, quantity=2)]) == FIRST
    made.on("2025-07-01").declare(FIRST)
    made.close(FIRST)
    return made


def agree(month: Month, amount_fen: int = TOTAL, sides: tuple[str, ...] = ("care",)) -> None:
    for side in sides:
        bureau = BUREAU_GUANGZHOU if side == "care" else BUREAU_CHANGSHA
        args = {"claim": FIRST, "side": side, "amount_fen": amount_fen}
        month.world.do(bureau, "claim", "ask_consent", args, post="clerk")
        month.world.do(bureau, "claim", "give_consent", args, post="checker")


def in_next_month(month: Month, *names: str) -> int:
    """Declare these rows for July; what the month owes the institution."""
    month.on("2025-08-01").declare(*names, month=JULY)
    closed = month.close(*names, month=JULY)
    assert closed.answer["undeclared_fen"] == 0, "ledger and declarations make up the payable"
    owed: int = closed.answer["owed_fen"]
    return owed


def test_a_reversal_lands_in_the_next_month(month: Month) -> None:
    month.audit()
    month.confirm()
    assert standing(month.state, month.claim(FIRST)) is ClaimState.AUDITED
    month.claims.reverse(refused="consent.missing")
    agree(month)
    month.claims.reverse()
    assert in_next_month(month, f"{FIRST}-r") == -59_500
    assert month.owed(PAYABLE) == month.owed(FUND) == 0


def test_the_rest_is_declared_beside_the_refund(month: Month) -> None:
    month.audit()
    month.confirm()
    agree(month, 50_000)
    refund(month.claims, [back(1, 50_000)])
    # The old row comes back whole, the rest is a settlement of July.
    assert in_next_month(month, f"{FIRST}-r", f"{FIRST}-n") == -59_500 + 17_000
    assert month.owed(PAYABLE) == -month.owed(FUND) == 17_000


def test_both_bureaus_once_the_period_is_cleared(month: Month) -> None:
    month.audit()
    month.confirm()
    month.pay(f"institution:2025-06:{HOSPITAL}", "finance:440000")
    month.on("2025-07-21").cut()
    notice = month.both_say_yes()
    month.pay(notice, "finance:430000")
    month.close_period()
    assert standing(month.state, month.claim(FIRST)) is ClaimState.CLEARED
    agree(month)
    assert month.claims.reverse(refused="consent.missing").values["side"] == "home"
    agree(month, sides=("home",))
    month.claims.reverse()
    assert month.owed(PAYABLE) == -59_500, "paid already: the institution owes it"
    assert not any(trial_balance(month.state).values())


def test_what_was_taken_off_before_it_rolled_on_is_told_again(month: Month) -> None:
    """Each month explains itself: what is declared less what audits took off is what is owed."""
    month.deduct(FIRST, 10_000)
    month.on("2025-07-30").decide(10_000)
    month.audit("set_aside", claims=[{"claim": FIRST, "reason": "other"}])
    june = declaration_record.load(month.state, HOSPITAL, JUNE)
    assert (june.deducted_fen, june.aside, june.owed_fen) == (10_000, (1, 49_500), 0)
    assert in_next_month(month, FIRST) == 49_500
    july = declaration_record.load(month.state, HOSPITAL, JULY)
    assert (july.declared_fen, july.deducted_fen, july.commercial_fen) == (59_500, 10_000, 0)


@pytest.mark.parametrize("whole", [True, False])
def test_what_an_audit_took_off_is_not_given_to_the_fund_twice(month: Month, whole: bool) -> None:
    month.deduct(FIRST, 10_000)
    month.on("2025-07-30").decide(10_000)
    assert month.of_fund(FUND, "310100") == -49_500
    month.audit()
    month.confirm()
    agree(month, TOTAL if whole else 50_000)
    if whole:
        month.claims.reverse()
        assert in_next_month(month, f"{FIRST}-r") == -49_500
        july = declaration_record.load(month.state, HOSPITAL, JULY)
        assert (july.declared_fen, july.deducted_fen) == (-59_500, -10_000)
    else:
        refund(month.claims, [back(1, 50_000)])
        assert in_next_month(month, f"{FIRST}-r", f"{FIRST}-n") == -49_500 + 17_000
    rest = 0 if whole else 17_000
    assert month.of_fund(FUND, "310100") == -rest
    assert month.owed(PAYABLE) == rest
    assert month.owed(chart.hospital_share(HOSPITAL)) == 0
    assert month.owed(chart.income(HOSPITAL)) == -month.owed(chart.patient(HOSPITAL))
    assert not any(trial_balance(month.state).values())


def test_what_an_institution_has_paid_back_is_not_set_off_once_more(month: Month) -> None:
    """June was paid and is taken back: the hospital sends the money through its bank, instead of
    waiting for a month that it is set off against."""
    month.audit()
    month.confirm()
    month.pay(f"institution:{JUNE}:{HOSPITAL}", "finance:440000")
    agree(month)
    month.claims.reverse()
    assert in_next_month(month, f"{FIRST}-r") == -59_500
    month.cut()
    month.audit(month=JULY)
    month.confirm(month=JULY)
    month.settle(2, 100_000, day="2025-08-01")
    for number, (fen, left) in enumerate([(50_000, -9_500), (10_000, 500)], start=1):
        legs = [
            {"account": account, "fund_type": "310100", "amount_fen": amount}
            for account, amount in ((chart.bank(BANK), -fen), (PAYABLE, fen))
        ]
        name = {"transfer": f"{BANK}:t{number}"}
        until = {"phase": "pending", "confirmer": BUREAU_GUANGZHOU, "expires_ms": 2**50}
        args = name | until | {"kind": "refund", "postings": legs}
        month.world.do(BANK, "funds", "transfer", args, post="finance")
        month.world.do(BUREAU_GUANGZHOU, "funds", "post", name, post="finance")
        account = account_record.find(month.state, HOSPITAL)
        assert sum(account.due.values()) == left
    month.on("2025-09-01").declare(claim_id(2), month="2025-08")
    closed = month.close(claim_id(2), month="2025-08")
    assert closed.answer["undeclared_fen"] == 0
    month.cut(JULY)
    month.audit(month="2025-08")
    month.confirm(month="2025-08")
    due = notice_record.load(month.state, f"institution:2025-08:{HOSPITAL}")
    assert due.amount_fen == 59_500 + 500, "nothing is set off; what came too much goes back"
