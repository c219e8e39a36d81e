"""A month from the patient's bed to both banks: every account is back at what it should be, and
the money went where the statements say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from contracts.settlement import funds_chart as chart
from contracts.settlement.clearing import (
    account_record,
    declaration_record,
    notice_record,
    statement_record,
)
from contracts.settlement.clearing.declaration_record import Stage
from contracts.settlement.clearing.standing import standing
from tests.contracts.settlement.claim_world import BOB
from tests.contracts.settlement.funds_world import trial_balance
from tests.contracts.settlement.month_world import (
    BANK_GUANGDONG,
    CHANGSHA,
    FINANCE_CHANGSHA,
    FINANCE_GUANGDONG,
    FINANCE_HUNAN,
    GUANGDONG,
    GUANGZHOU,
    HUNAN,
    JUNE,
    Month,
    claim_id,
    make_month,
)
from tests.contracts.world import BANK, BUREAU_GUANGZHOU, BUREAU_HUNAN, HOSPITAL

CLEARING, RECEIVABLE = chart.clearing(HUNAN, GUANGDONG), chart.receivable(HUNAN, GUANGDONG)
PAYABLE = chart.payable(HOSPITAL)


def settled(month: Month) -> list[str]:
    """Three of Alice, one with her account, one of Bob: three funds and an account."""
    names = [month.settle(1), month.settle(2, 40_000, use_account=True), month.settle(3, 7_777)]
    return [*names, month.settle(4, 250_000, person=BOB)]


def test_from_the_bed_to_both_banks() -> None:
    month = make_month()
    names = settled(month)
    owed = month.owed(PAYABLE)
    assert owed == month.owed(CLEARING) == -month.owed(RECEIVABLE) > 0
    assert [standing(month.state, month.claim(name)) for name in names] == ["settled"] * 4

    month.on("2025-07-01")
    month.declare(*names)
    closed = month.close(*names)
    assert closed.answer["undeclared_fen"] == 0
    assert closed.answer["owed_fen"] == owed
    month.audit()
    confirmed = month.confirm()
    assert [e[0] for e in confirmed.events] == ["notice.issued", "declaration.confirmed"]
    assert {standing(month.state, month.claim(name)) for name in names} == {"audited"}

    notice = f"institution:{JUNE}:{HOSPITAL}"
    due = notice_record.load(month.state, notice)
    assert (due.amount_fen, due.due_on) == (owed, "2025-07-29"), "20 working days from the close"
    month.pay(notice, FINANCE_GUANGDONG)
    assert month.owed(PAYABLE) == 0
    assert month.owed(chart.bank(BANK)) == owed

    month.on("2025-07-21").cut()
    statement = statement_record.load(month.state, JUNE, HUNAN, GUANGDONG)
    assert statement.total_fen == owed
    assert {key.split("/")[1] for key in statement.cells} == {"310", "390"}
    notice = month.both_say_yes()
    due = notice_record.load(month.state, notice)
    assert (due.payer, due.payee, due.amount_fen) == (HUNAN, GUANGDONG, owed)
    assert (due.hand_over_by, due.due_on) == ("2025-07-28", "2025-08-11")
    levied = month.world.do(BUREAU_HUNAN, "clearing", "levy", {"area": CHANGSHA}, post="finance")
    assert levied.answer["amount_fen"] == owed, "all of them are of Changsha"
    assert month.owed(chart.remittance(CHANGSHA)) == owed
    month.pay(levied.answer["notice"], FINANCE_CHANGSHA, BANK)
    assert month.owed(chart.remittance(CHANGSHA)) == month.owed(chart.collection(CHANGSHA)) == 0
    month.close_period(refused="clearing.unpaid")
    month.pay(notice, FINANCE_HUNAN)
    assert month.owed(CLEARING) == month.owed(RECEIVABLE) == 0
    assert month.owed(chart.bank(BANK_GUANGDONG)) == -owed, "Guangdong has its money back"
    month.close_period()
    assert {standing(month.state, month.claim(name)) for name in names} == {"cleared"}
    assert not any(trial_balance(month.state).values())


def test_what_moved_is_what_the_funds_lost() -> None:
    """Closing a month moves money and creates none: funds' loss, cities' and provinces' banks."""
    month = make_month()
    before = {f: month.of_fund(chart.fund(CHANGSHA), f) for f in ("310100", "390100", "610100")}
    names = settled(month)
    after = {f: month.of_fund(chart.fund(CHANGSHA), f) for f in before}
    month.on("2025-07-01").declared_and_confirmed(*names)
    month.on("2025-07-21").cut()
    statement = statement_record.load(month.state, JUNE, HUNAN, GUANGDONG)
    for fund, fen in before.items():
        stated = sum(v for key, v in statement.cells.items() if key.endswith(f"/{fund}"))
        assert stated == fen - after[fund] > 0
        assert month.of_fund(CLEARING, fund) == stated


def test_a_settlement_pays_nothing_for_the_month() -> None:
    """No state entry of the month is read or written by a settlement, with a month before it."""
    month = make_month()
    month.settle(1)
    month.on("2025-07-01").declared_and_confirmed(claim_id(1))
    month.state.reads.clear()
    month.state.writes.clear()
    month.settle(2, day="2025-07-01")
    months = ("declaration", "period", "statement", "institution-account", "notice", "advance",
              "deduction", "levy", "param/clearing", "param/declaration")  # fmt: skip
    touched = {key for key in (*month.state.reads, *month.state.writes) if key.startswith(months)}
    assert not touched


def test_care_inside_a_province_needs_no_statement() -> None:
    month = make_month()
    name = month.settle()
    claim = month.claim(name)
    local = declaration_record.begin("440100")
    cells = {f"440300/{claim.scheme}/310100": 500, "440100/310/commercial": 70}
    declaration_record.put(
        month.state, HOSPITAL, JUNE,
        replace(local, cells=cells, stage=Stage.DECLARED, closed_on="2025-07-01"),
    )  # fmt: skip
    month.on("2025-07-01").audit()
    month.confirm()
    assert statement_record.find(month.state, JUNE, GUANGDONG, GUANGDONG) is None
    assert notice_record.load(month.state, f"institution:{JUNE}:{HOSPITAL}").amount_fen == 570


def test_what_is_declared_is_paid_by_its_notice_alone() -> None:
    """A plain transfer cannot pay a declared month a second time."""
    month = make_month()
    name = month.settle()
    month.settle(2, 10_000)
    left = month.row(claim_id(2))["funds_fen"]
    month.on("2025-07-01").declare(name)
    month.close(name)

    def move(number: int, fen: int, refused: str = "", left: int = left) -> None:
        legs = [
            {"account": account, "fund_type": "310100", "amount_fen": amount}
            for account, amount in ((PAYABLE, -fen), (chart.bank(BANK), fen))
        ]
        args = {"transfer": f"440100t{number}", "kind": "payment", "postings": legs}
        call = month.world.refused if refused else month.world.do
        words = (refused,) if refused else ()
        told = call(*words, BUREAU_GUANGZHOU, "funds", "transfer", args, post="finance")  # type: ignore[operator]
        assert not refused or told.values == {
            "account": PAYABLE, "fund_type": "310100", "asked_fen": fen, "undeclared_fen": left
        }  # fmt: skip

    move(1, left + 1, "funds.declared")
    move(2, left)
    move(3, 1, "funds.declared", left=0)


def test_what_a_plain_transfer_has_paid_before_it_was_declared_is_not_paid_by_its_notice() -> None:
    """The bureau pays ahead of the month; the notice is of what is left."""
    month = make_month()
    name = month.settle()
    month.settle(2, 10_000)
    due, left = (month.row(claim_id(number))["funds_fen"] for number in (1, 2))
    move(month, 1, -due)
    month.on("2025-07-01").declare(name, claim_id(2))
    closed = month.close(name, claim_id(2))
    assert (closed.answer["owed_fen"], closed.answer["undeclared_fen"]) == (due + left, 0)
    month.audit()
    month.confirm()
    asked = notice_record.load(month.state, f"institution:{JUNE}:{HOSPITAL}")
    assert asked.amount_fen == left
    month.pay(f"institution:{JUNE}:{HOSPITAL}", FINANCE_GUANGDONG)
    assert month.owed(PAYABLE) == 0, "paid once"


@pytest.mark.parametrize("other", [chart.bank(BANK), chart.fund(GUANGZHOU)])
@pytest.mark.parametrize("steps", [(-300, 300, -300), (500, -500), (500, -300)])
def test_what_a_counter_entry_has_put_right_is_not_set_off(
    steps: tuple[int, ...], other: str
) -> None:
    """Money that was moved by mistake and back, or that came back and is paid anew, before and
    after a notice: in the end the institution has what it is owed."""
    month = make_month()
    month.settle()
    owed = month.row(claim_id(1))["funds_fen"]
    move(month, 1, steps[0], other)
    month.on("2025-07-01").declare(claim_id(1))
    month.close(claim_id(1))
    month.audit()
    month.confirm()
    notice = f"institution:{JUNE}:{HOSPITAL}"
    assert notice_record.load(month.state, notice).amount_fen == owed + steps[0]
    month.pay(notice, FINANCE_GUANGDONG)
    for number, fen in enumerate(steps[1:], start=2):
        move(month, number, fen, other)
        left = month.of_fund(PAYABLE, "310100")
        account = account_record.find(month.state, HOSPITAL)
        assert (sum(account.declared.values()), sum(account.due.values())) == (left, left)


def move(month: Month, number: int, fen: int, other: str = chart.bank(BANK)) -> None:
    """A plain transfer between the hospital's payable and another account; above 0: to it."""
    legs = [
        {"account": account, "fund_type": "310100", "amount_fen": amount}
        for account, amount in ((PAYABLE, fen), (other, -fen))
    ]
    args: dict[str, Any] = {"kind": "correction", "postings": legs}
    if fen > 0 and other == chart.bank(BANK):
        name = {"transfer": f"{BANK}:t{number}"}
        until = {"phase": "pending", "confirmer": BUREAU_GUANGZHOU, "expires_ms": 2**50}
        month.world.do(BANK, "funds", "transfer", args | name | until, post="finance")
        month.world.do(BUREAU_GUANGZHOU, "funds", "post", name, post="finance")
        return
    args["transfer"] = f"440100t{number}"
    month.world.do(BUREAU_GUANGZHOU, "funds", "transfer", args, post="finance")


def test_what_was_declared_since_a_transfer_was_made_is_not_paid_by_it() -> None:
    month = make_month()
    name = month.settle()
    due = month.row(name)["funds_fen"]
    transfer = {"transfer": "440100t1"}
    legs = [
        {"account": account, "fund_type": "310100", "amount_fen": amount}
        for account, amount in ((PAYABLE, -due), (chart.bank(BANK), due))
    ]
    until = {"phase": "pending", "confirmer": BANK, "expires_ms": month.world.time_ms * 2}
    month.world.do(BUREAU_GUANGZHOU, "funds", "transfer",
                   transfer | until | {"kind": "payment", "postings": legs},
                   post="finance")  # fmt: skip
    month.on("2025-07-01").declare(name)
    month.close(name)
    told = month.world.refused("funds.declared", BANK, "funds", "post", transfer, post="finance")
    assert (told.values["asked_fen"], told.values["undeclared_fen"]) == (due, 0)
