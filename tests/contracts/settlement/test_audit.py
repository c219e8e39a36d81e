"""Deductions: noticed by line, answered, decided by a second person; before the month is confirmed
they lower it, afterwards they land in a later period. The patient's share never moves."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.settlement import funds_chart as chart
from contracts.settlement.clearing import (
    account_record,
    audit_record,
    declaration_record,
    notice_record,
    statement_record,
)
from contracts.settlement.clearing.audit_record import TABLE, mermaid
from tests.contracts.settlement.claim_world import BOB
from tests.contracts.settlement.funds_world import balances, trial_balance
from tests.contracts.settlement.month_world import (
    BUREAU_SHENZHEN,
    CHANGSHA,
    FINANCE_GUANGDONG,
    FINANCE_HUNAN,
    GUANGDONG,
    HUNAN,
    JULY,
    JUNE,
    Month,
    claim_id,
    make_month,
)
from tests.contracts.world import (
    BANK,
    BUREAU_CHANGSHA,
    BUREAU_GUANGDONG,
    BUREAU_GUANGZHOU,
    HOSPITAL,
)
from tests.contracts.world import BUREAU_HUNAN as HOME_BUREAU

ONE, TWO = claim_id(1), claim_id(2)
PAYABLE = chart.payable(HOSPITAL)


@pytest.fixture
def month() -> Month:
    """A declared month of two settlements: 1,000.00 of Alice's, 400.00 of Bob's."""
    made = make_month()
    made.settle(1)
    made.settle(2, 240_000, person=BOB)
    made.on("2025-07-01").declare(ONE, TWO)
    made.close(ONE, TWO)
    return made


def answer(month: Month, said: str = "object", refused: str = "", **more: Any) -> None:
    args = {"deduction": "440100-d1", "answer": said}
    if refused:
        month.world.refused(refused, HOSPITAL, "audit", "answer", args, post="clerk", **more)
    else:
        month.world.do(HOSPITAL, "audit", "answer", args, post="clerk", **more)


def test_a_deduction_goes_back_to_its_fund_and_the_hospital_bears_it(month: Month) -> None:
    before, owed = balances(month.state), month.owed(PAYABLE)
    month.deduct(ONE, 20_000)
    assert balances(month.state) == before, "a notice moves nothing"
    answer(month, attachments={"audit": {"statement": "It was done on the second day."}})
    month.decide(15_000)
    cash = month.claim(ONE).settled.cash_fen  # type: ignore[union-attr]
    changed = {k: v - before.get(k, 0) for k, v in balances(month.state).items()}
    assert {k: v for k, v in changed.items() if v} == {
        (f"payable/{HOSPITAL}", "payable", "310100"): -15_000,
        (f"payable/{HOSPITAL}", "hospital_share", "310100"): -15_000,
        (f"payable/{HOSPITAL}", "income", "310100"): 15_000,
        (f"fund/{CHANGSHA}", "fund", "310100"): 15_000,
        (f"clearing/{HUNAN}/{GUANGDONG}", "clearing", "310100"): -15_000,
        (f"clearing/{HUNAN}/{GUANGDONG}", "receivable", "310100"): 15_000,
    }
    assert month.claim(ONE).settled.cash_fen == cash  # type: ignore[union-attr]
    made = declaration_record.load(month.state, HOSPITAL, JUNE)
    assert (made.owed_fen, made.deducted_fen, made.pending) == (owed - 15_000, 15_000, 0)
    month.audit()
    month.confirm()
    assert statement_record.load(month.state, JUNE, HUNAN, GUANGDONG).total_fen == owed - 15_000


def test_the_last_payer_gets_its_money_back_first(month: Month) -> None:
    funds = {fund: fen for fund, _, fen in month.claim(TWO).settled.payments}  # type: ignore[union-attr]
    assert list(funds) == ["390100", "610100"]
    month.deduct(TWO, funds["610100"] + 500, line_fen=240_000)
    answer(month, "accept")
    month.decide(funds["610100"] + 500)
    assert audit_record.load(month.state, "440100-d1").by_fund == (
        ("610100", funds["610100"]), ("390100", 500),
    )  # fmt: skip
    assert month.claim(TWO).declared.deducted == (("610100", funds["610100"]), ("390100", 500))  # type: ignore[union-attr]
    assert not any(trial_balance(month.state).values())


def test_what_came_back_from_who_is_liable_is_not_taken_off_for_the_same_fund(
    month: Month,
) -> None:
    """No fund gets more than it has paid, whichever way its money comes back."""
    paid = {fund: fen for fund, _, fen in month.claim(TWO).settled.payments}  # type: ignore[union-attr]
    grounds = {"recovery": "430100q1", "claim": TWO, "grounds": "liable_later"}
    attached = {"person": {"liable": bytes(32), "papers": []}}
    for sender, method, args, more in (
        (BUREAU_CHANGSHA, "register", grounds, {"post": "clerk", "attachments": attached}),
        (BUREAU_CHANGSHA, "agree", {"recovery": "430100q1"}, {"post": "checker"}),
        (BUREAU_CHANGSHA, "demand", {"recovery": "430100q1", "amount_fen": paid["610100"],
                                     "bank": BANK}, {"post": "checker"}),
        (BANK, "receive", {"recovery": "430100q1", "payment": "icbc-in-1", "reference": "in-1",
                           "amount_fen": paid["610100"]}, {"post": "finance"}),
    ):  # fmt: skip
        month.world.do(sender, "recovery", method, args, **more)
    assert month.of_fund("fund:430100", "610100") == 0
    month.deduct(TWO, paid["390100"] + 1, line_fen=240_000, refused="audit.above-funds")
    month.deduct(TWO, paid["390100"], line_fen=240_000)
    answer(month, "accept")
    month.decide(paid["390100"])
    assert month.claim(TWO).declared.deducted == (("390100", paid["390100"]),)  # type: ignore[union-attr]
    for fund in paid:
        assert month.of_fund("fund:430100", fund) == 0
    assert not any(trial_balance(month.state).values())


def test_a_month_is_not_audited_while_a_deduction_waits(month: Month) -> None:
    month.deduct(ONE, 1_000)
    month.audit(refused="declaration.undecided")
    aside = [{"claim": ONE, "reason": "disputed"}]
    pending = month.audit("set_aside", refused="audit.pending", claims=aside)
    assert pending.values == {"claim": ONE, "deduction": "440100-d1"}
    answer(month)
    month.decide(0)
    assert month.claim(ONE).declared.deducted == ()  # type: ignore[union-attr]
    month.audit()


@pytest.mark.parametrize(
    ("code", "amount", "more", "values"),
    [
        ("audit.above-line", 50_001, {}, {"asked_fen": 50_001, "line_fen": 50_000}),
        ("audit.above-bill", 10, {"line_fen": 100_001},
         {"line_fen": 100_001, "total_fen": 100_000}),
        ("audit.above-funds", 59_501, {"line_fen": 100_000},
         {"asked_fen": 59_501, "funds_fen": 59_500}),
        ("audit.not-declared", 10, {"claim": claim_id(9)}, {"claim": claim_id(9), "state": ""}),
        ("sender.foreign-id", 10, {"deduction": "430100-d1"}, None),
    ],
)  # fmt: skip
def test_notices_that_are_refused(
    month: Month, code: str, amount: int, more: dict[str, Any], values: dict[str, Any] | None
) -> None:
    refused = month.deduct(**({"claim": ONE} | more), amount_fen=amount, refused=code)
    assert values is None or refused.values == values


def test_lines_make_up_the_deduction(month: Month) -> None:
    one = {"line": "1", "line_fen": 500, "amount_fen": 500, "reason": "not_done"}
    differs = month.deduct(ONE, 400, lines=[one], refused="audit.sum-differs")
    assert differs.values == {"asked_fen": 400, "lines_fen": 500}
    month.deduct(ONE, 1_000, lines=[one, one], refused="audit.line-twice")
    month.deduct(ONE, 500, lines=[one])
    month.deduct(ONE, 500, lines=[one])
    month.deduct(ONE, 500, lines=[one | {"reason": "other"}], refused="audit.duplicate-id")
    month.deduct(ONE, 500, deduction="440100-d2", lines=[one], refused="audit.pending")


def test_a_decision_says_what_it_upholds_of_which_line(month: Month) -> None:
    one: dict[str, Any] = {"line": "1", "line_fen": 600, "amount_fen": 600, "reason": "not_done"}
    month.deduct(ONE, 1_200, lines=[one, one | {"line": "2", "reason": "other"}])
    answer(month)

    def upheld(*amounts: tuple[str, int]) -> dict[str, Any]:
        rows = [{"line": line, "amount_fen": fen} for line, fen in amounts]
        return {"audit": {"lines": rows}}

    month.decide(700, attachments=upheld(("1", 600), ("2", 101)), refused="audit.sum-differs")
    month.decide(700, attachments=upheld(("1", 600), ("1", 100)), refused="audit.line-twice")
    done = month.decide(700, attachments=upheld(("1", 600), ("2", 100)))
    assert done.answer["decided_fen"] == 700
    again = month.decide(700, attachments=upheld(("1", 600), ("2", 100)))
    assert again.answer == done.answer


def test_a_decision_waits_for_the_institution_and_for_another_person(month: Month) -> None:
    month.deduct(ONE, 1_000)
    waits = month.decide(1_000, refused="audit.waits")
    assert waits.values == {
        "deduction": "440100-d1", "due_on": "2025-07-08", "today": "2025-07-01"
    }  # fmt: skip
    month.decide(1_000, refused="audit.same-holder", holder="s:audit")
    month.on("2025-07-09")
    answer(month, refused="audit.too-late")
    above = month.decide(1_001, refused="audit.above-notice")
    assert above.values == {"asked_fen": 1_001, "noticed_fen": 1_000}
    month.decide(1_000)
    before = dict(month.state.entries)
    month.decide(1_000)
    assert month.state.entries == before, "told twice it is one decision"
    month.decide(900, refused="audit.wrong-stage")
    answer(month, refused="audit.wrong-stage")


def test_the_due_day_is_still_the_institutions(month: Month) -> None:
    month.deduct(ONE, 1_000)
    month.on("2025-07-08")
    month.decide(1_000, refused="audit.waits")
    answer(month, "object")
    before = dict(month.state.entries)
    answer(month, "object")
    assert month.state.entries == before, "told twice it is one answer"
    answer(month, "accept", refused="audit.wrong-stage")
    month.decide(1_000)
    answer(month, "object", refused="audit.wrong-stage")


def test_all_that_the_funds_pay_can_be_taken_and_the_whole_bill_be_one_line(month: Month) -> None:
    month.deduct(ONE, 59_500, line_fen=100_000)
    whole = {"line": "1", "line_fen": 240_000, "amount_fen": 5_000, "reason": "not_done"}
    month.deduct(TWO, 5_000, deduction="440100-d2", lines=[whole])
    answer(month)
    month.decide(59_500)
    assert not any(trial_balance(month.state).values())


def test_others_have_no_say(month: Month) -> None:
    args = {"deduction": "440300-d1", "claim": ONE, "amount_fen": 1}
    one = {"line": "1", "line_fen": 1, "amount_fen": 1, "reason": "not_done"}
    month.world.refused("sender.not-competent", BUREAU_SHENZHEN, "audit", "notice", args,
                        post="audit", attachments={"audit": {"lines": [one]}})  # fmt: skip
    month.deduct(ONE, 1_000)
    for sender, method, args, post, code in (
        ("pharmacy:P44010000456", "answer", {"answer": "accept"}, "clerk", "audit.not-yours"),
        (BUREAU_CHANGSHA, "decide", {"amount_fen": 1}, "checker", "sender.not-competent"),
        (BUREAU_GUANGZHOU, "decide", {"deduction": "x", "amount_fen": 1}, "checker",
         "audit.not-found"),
    ):  # fmt: skip
        given = {"deduction": "440100-d1"} | args
        month.world.refused(code, sender, "audit", method, given, post=post)


# --- After the month ------------------------------------------------------------------------------


def cleared(month: Month) -> None:
    """June is confirmed, cut, paid and closed; it is the first of August."""
    month.audit()
    month.confirm()
    month.pay(f"institution:{JUNE}:{HOSPITAL}", FINANCE_GUANGDONG)
    month.cut()
    month.pay(month.both_say_yes(), FINANCE_HUNAN)
    month.close_period()
    month.on("2025-08-01")


def test_a_finding_after_closing_lands_in_a_later_period_and_is_linked(month: Month) -> None:
    cleared(month)
    june = month.state.get(f"statement/{JUNE}/{HUNAN}/{GUANGDONG}")
    month.deduct(ONE, 9_000)
    answer(month, "accept")
    done = month.decide(9_000)
    told = dict(done.events)["clearing.adjusted"]
    assert (told["claim"], told["original"], told["period"]) == (ONE, JUNE, JULY)
    assert told["amount_fen"] == -9_000
    made = audit_record.load(month.state, "440100-d1")
    assert (made.original_period, made.period) == (JUNE, JULY)
    assert month.state.get(f"statement/{JUNE}/{HUNAN}/{GUANGDONG}") == june
    july = statement_record.load(month.state, JULY, HUNAN, GUANGDONG)
    assert (july.total_fen, july.adjusted_fen, july.declarations) == (-9_000, -9_000, 0)
    assert month.owed(PAYABLE) == -9_000, "the hospital has been paid and owes it"

    # What the hospital earns next pays it off, and Guangdong gives Hunan its money back.
    month.settle(3, 10_000, day="2025-08-01")
    owed = month.row(claim_id(3))["funds_fen"]
    assert owed < 9_000
    month.on("2025-09-01")
    month.cut(JULY)
    notice = month.both_say_yes(JULY)
    record = month.state.get(f"notice/{notice}")
    assert record[2:4] == [GUANGDONG, HUNAN], "below zero the province of care pays back"
    month.pay(notice, FINANCE_GUANGDONG)
    month.close_period(JULY)
    month.declare(claim_id(3), month="2025-08")
    month.close(claim_id(3), month="2025-08")
    month.audit(month="2025-08")
    month.confirm(month="2025-08")
    assert month.state.get(f"notice/institution:2025-08:{HOSPITAL}") is None
    assert month.owed(PAYABLE) == owed - 9_000
    assert not any(trial_balance(month.state).values())
    account = account_record.find(month.state, HOSPITAL)
    assert (account.months, account.due) == ((), {"310100": owed - 9_000}), "it waits for the next"
    month.settle(4, 100_000, day="2025-09-01")
    month.on("2025-10-01").cut("2025-08")
    month.declared_and_confirmed(claim_id(4), month="2025-09")
    due = notice_record.load(month.state, f"institution:2025-09:{HOSPITAL}").amount_fen
    assert due == owed - 9_000 + month.row(claim_id(4))["funds_fen"]
    month.pay(f"institution:2025-09:{HOSPITAL}", FINANCE_GUANGDONG)
    assert month.owed(PAYABLE) == 0
    account = account_record.find(month.state, HOSPITAL)
    assert (account.declared, account.due, account.months) == ({}, {}, ())


def consent(month: Month, claim: str, fen: int) -> None:
    for bureau, side in ((BUREAU_GUANGZHOU, "care"), (HOME_BUREAU, "home")):
        args = {"claim": claim, "side": side, "amount_fen": fen}
        month.world.do(bureau, "claim", "ask_consent", args, post="clerk")
        month.world.do(bureau, "claim", "give_consent", args, post="checker")


def test_a_reversal_after_closing_is_a_negative_row_of_a_later_month(month: Month) -> None:
    cleared(month)
    month.deduct(ONE, 9_000)
    answer(month, "accept")
    month.decide(9_000)
    consent(month, ONE, 100_000)
    month.claims.reverse(ONE)
    assert month.of_fund(chart.fund(CHANGSHA), "310100") == 0, "the fund has all of it back, once"
    refund = f"{ONE}-r"
    month.declare(refund, month=JULY, refused="declaration.row-month")
    month.on("2025-09-01").cut(JULY)
    month.both_say_yes(JULY)
    month.declared_and_confirmed(refund, month="2025-08")
    august = statement_record.load(month.state, "2025-08", HUNAN, GUANGDONG)
    assert august.total_fen == -(59_500 - 9_000), "less what had gone back already"
    month.pay(f"clearing:{JULY}:{HUNAN}:{GUANGDONG}", FINANCE_GUANGDONG)
    month.cut("2025-08")
    month.pay(month.both_say_yes("2025-08"), FINANCE_GUANGDONG)
    month.close_period(JULY)
    month.close_period("2025-08")
    assert month.owed(chart.clearing(HUNAN, GUANGDONG)) == 0
    assert month.owed(chart.receivable(HUNAN, GUANGDONG)) == 0
    assert month.owed(PAYABLE) == -59_500, "it was paid and is owed back"
    assert not any(trial_balance(month.state).values())
    month.deduct(ONE, 1, deduction="440100-d2", refused="audit.not-declared")


def test_a_deduction_of_what_was_taken_back_comes_to_nothing(month: Month) -> None:
    month.deduct(ONE, 1_000)
    answer(month)
    args = {"claim": ONE, "side": "care", "amount_fen": 100_000}
    month.world.do(BUREAU_GUANGDONG, "claim", "ask_consent", args, post="clerk")
    month.world.do(BUREAU_GUANGDONG, "claim", "give_consent", args, post="checker")
    month.claims.reverse(ONE)
    month.decide(1_000, refused="audit.reversed")
    month.decide(0)
    month.audit()
    month.confirm()


def test_the_diagram_has_one_arrow_for_every_cell() -> None:
    assert mermaid().count("-->") == len(TABLE) + 1
