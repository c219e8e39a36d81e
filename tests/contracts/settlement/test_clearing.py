"""Provinces clear with each other: one statement for both sides, final once cut, paid once, gross
unless both agreed to net. Advances have colours at exact limits and turn no patient away."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from contracts.settlement import funds_chart as chart
from contracts.settlement.clearing import (
    account_record,
    notice_record,
    period_record,
    stated,
    statement_record,
    usage,
)
from contracts.settlement.clearing.period_record import TABLE, mermaid
from contracts.settlement.clearing.statement_record import EMPTY
from tests.contracts.settlement.funds_world import balances, enrol, trial_balance
from tests.contracts.settlement.month_world import (
    BUREAU_SHENZHEN,
    CAROL,
    CHANGSHA,
    FINANCE_GUANGDONG,
    FINANCE_HUNAN,
    GUANGDONG,
    GUANGZHOU,
    HUNAN,
    JULY,
    JUNE,
    PAIR,
    SHENZHEN,
    Month,
    claim_id,
    make_month,
)
from tests.contracts.world import (
    ALICE,
    BANK,
    BUREAU_CHANGSHA,
    BUREAU_GUANGDONG,
    BUREAU_GUANGZHOU,
    BUREAU_HUNAN,
    CENTRE,
    FINANCE,
    HOSPITAL,
)

ONE = claim_id(1)


@pytest.fixture
def month() -> Month:
    """Hunan owes Guangdong 595.00 for June, confirmed by Guangzhou; it is the 21st of July."""
    made = make_month()
    made.settle(1)
    made.on("2025-07-01").declared_and_confirmed(ONE)
    return made.on("2025-07-21")


def state(month: Month, home: str, care: str, cells: dict[str, int]) -> None:
    """Enter confirmed amounts of another direction."""
    ctx = month.world.context(BUREAU_GUANGZHOU)
    assert home == next(iter(cells))[:2] + "0000"
    stated.into_statements(ctx, care, cells)
    legs = [(key.split("/")[2], fen) for key, fen in cells.items()]
    entry = month.state.get(f"clearing/{home}/{care}") or {}
    for fund, fen in legs:
        entry.setdefault("clearing", {})[fund] = entry.get("clearing", {}).get(fund, 0) + fen
        entry.setdefault("receivable", {})[fund] = entry.get("receivable", {}).get(fund, 0) - fen
    month.state.put(f"clearing/{home}/{care}", entry)


# --- Periods and statements -----------------------------------------------------------------------


def test_periods_follow_each_other(month: Month) -> None:
    opened = month.world.refused("clearing.opened", CENTRE, "clearing", "open", {"period": JULY},
                                 post="finance")  # fmt: skip
    assert opened.values == {"period": JULY, "collecting": JUNE}
    month.close_period(refused="clearing.wrong-stage")
    month.cut(JULY, refused="clearing.period-not-found")
    cut = month.cut()
    assert cut.answer["confirm_by"] == "2025-07-24", "three working days after the 21st"
    assert month.state.get("period") == JULY
    month.cut(refused="clearing.wrong-stage")
    runs = month.cut(JULY, refused="clearing.month-runs")
    assert runs.values == {"period": JULY, "today": "2025-07-21"}


def test_before_the_first_period_nothing_is_confirmed() -> None:
    month = make_month()
    month.settle(1)
    month.state.delete("period")
    month.on("2025-07-01").declare(ONE)
    month.close(ONE)
    month.audit()
    month.confirm("clearing.no-period")


def test_both_sides_confirm_one_amount_once(month: Month) -> None:
    month.say_yes(BUREAU_HUNAN, refused="clearing.not-stated")
    month.cut()
    month.say_yes(BUREAU_GUANGZHOU, refused="clearing.not-party")
    wrong = month.say_yes(BUREAU_HUNAN, amount_fen=59_501, refused="clearing.amount-differs")
    assert (wrong.values["asked_fen"], wrong.values["stated_fen"]) == (59_501, 59_500)
    month.say_yes(BUREAU_HUNAN)
    again = month.say_yes(BUREAU_HUNAN, refused="clearing.confirmed-already")
    assert (again.values["side"], again.values["confirmed_fen"]) == ("home", 59_500)
    month.say_yes(BUREAU_HUNAN, amount_fen=1, refused="clearing.confirmed-already")
    month.say_yes(BUREAU_HUNAN, home="450000", amount_fen=0, refused="clearing.not-party")
    month.say_yes(BUREAU_HUNAN, care="450000", amount_fen=0,
                  refused="clearing.statement-not-found")  # fmt: skip
    unconfirmed = month.close_period(refused="clearing.unconfirmed")
    assert unconfirmed.values == {"period": JUNE, "statements": 1, "confirmed": 0}
    month.say_yes(BUREAU_GUANGDONG)
    unpaid = month.close_period(refused="clearing.unpaid")
    assert unpaid.values == {"period": JUNE, "statements": 1, "paid": 0}


def test_what_is_confirmed_after_the_cut_enters_the_next_period(month: Month) -> None:
    month.cut()
    stated = month.state.get(f"statement/{JUNE}/{HUNAN}/{GUANGDONG}")
    month.settle(2, day="2025-07-21")
    month.on("2025-08-01").declared_and_confirmed(claim_id(2), month=JULY)
    assert month.state.get(f"statement/{JUNE}/{HUNAN}/{GUANGDONG}") == stated
    july = statement_record.load(month.state, JULY, HUNAN, GUANGDONG)
    assert july.total_fen == month.row(claim_id(2))["funds_fen"]
    owed = statement_record.load(month.state, JUNE, HUNAN, GUANGDONG).total_fen + july.total_fen
    assert month.owed(chart.clearing(HUNAN, GUANGDONG)) == owed, "the account is both statements"


def test_the_finance_department_pays_what_the_agency_gives_notice_of(month: Month) -> None:
    month.cut()
    notice = month.both_say_yes()
    pay = {"payment": "430000-1", "notice": notice, "amount_fen": 59_500, "bank": "bank:icbc"}
    month.world.refused("sender.kind", BUREAU_HUNAN, "payment", "order", pay, post="finance")
    pay["payment"] = f"{FINANCE_GUANGDONG}:1"
    payer = month.world.refused("payment.not-payer", FINANCE_GUANGDONG, "payment", "order", pay,
                                post="finance")  # fmt: skip
    assert payer.values == {"payer": HUNAN, "sender": FINANCE_GUANGDONG}


def test_a_held_payable_is_not_paid(month: Month) -> None:
    hold = {"institution": HOSPITAL, "reason": "inquiry", "until_ms": month.world.time_ms + 10}
    month.world.do(BUREAU_GUANGZHOU, "funds", "hold", hold, post="audit")
    pay = {"payment": f"{FINANCE_GUANGDONG}:1", "notice": f"institution:{JUNE}:{HOSPITAL}",
           "amount_fen": 59_500, "bank": "bank:icbc"}  # fmt: skip
    month.world.refused("funds.payable-held", FINANCE_GUANGDONG, "payment", "order", pay,
                        post="finance")  # fmt: skip


def test_a_payable_that_is_held_after_its_order_is_not_paid_either(month: Month) -> None:
    """Held until an instant: at that instant it is free again."""
    pay = {"payment": f"{FINANCE_GUANGDONG}:1", "notice": f"institution:{JUNE}:{HOSPITAL}",
           "amount_fen": 59_500, "bank": "bank:icbc"}  # fmt: skip
    month.world.do(FINANCE_GUANGDONG, "payment", "order", pay, post="finance")
    until = month.world.time_ms + 10
    hold = {"institution": HOSPITAL, "reason": "inquiry", "until_ms": until}
    month.world.do(BUREAU_GUANGZHOU, "funds", "hold", hold, post="audit")
    asked = {"payment": pay["payment"]}
    month.world.time_ms = until - 1
    month.world.refused("funds.payable-held", FINANCE_GUANGDONG, "payment", "approve", asked,
                        post="checker")  # fmt: skip
    month.world.time_ms = until
    month.world.do(FINANCE_GUANGDONG, "payment", "approve", asked, post="checker")


# --- Cities ---------------------------------------------------------------------------------------


def test_a_city_is_asked_once_for_what_was_confirmed(month: Month) -> None:
    ask = {"area": CHANGSHA}
    nothing = month.world.refused("clearing.nothing-due", BUREAU_HUNAN, "clearing", "levy", ask,
                                  post="finance")  # fmt: skip
    assert nothing.values == {"area": CHANGSHA, "due_fen": 0}
    month.cut()
    month.both_say_yes()
    month.world.refused("sender.not-competent", BUREAU_GUANGDONG, "clearing", "levy", ask,
                        post="finance")  # fmt: skip
    asked = month.world.do(BUREAU_HUNAN, "clearing", "levy", ask, post="finance")
    assert asked.answer == {
        "area": CHANGSHA, "notice": f"remittance:{CHANGSHA}:1", "amount_fen": 59_500
    }  # fmt: skip
    month.world.refused("clearing.nothing-due", BUREAU_HUNAN, "clearing", "levy", ask,
                        post="finance")  # fmt: skip
    assert not any(trial_balance(month.state).values())


# --- Netting --------------------------------------------------------------------------------------


def agree(month: Month, *sides: tuple[str, str, str]) -> None:
    for bureau, region, other in sides:
        month.world.do(
            bureau, "organisations", "set_parameter",
            {"name": "netting", "region": region, "value": {"with": [other]}},
        )  # fmt: skip


BOTH = ((BUREAU_HUNAN, HUNAN, GUANGDONG), (BUREAU_GUANGDONG, GUANGDONG, HUNAN))
BACK = {"home": GUANGDONG, "care": HUNAN}


@pytest.mark.parametrize(
    ("back", "payer", "paid"),
    [(9_500, HUNAN, 50_000), (59_500, "", 0), (70_000, GUANGDONG, 10_500)],
)
def test_two_provinces_that_agreed_pay_the_difference(
    month: Month, back: int, payer: str, paid: int
) -> None:
    agree(month, *BOTH)
    state(month, GUANGDONG, HUNAN, {"440100/310/310100": back})
    month.cut()
    assert month.both_say_yes() == "", "it waits for the other direction"
    notice = month.both_say_yes(**BACK)
    assert notice == ("" if not payer else f"netting:{JUNE}:{HUNAN}:{GUANGDONG}")
    if payer:
        due = notice_record.load(month.state, notice)
        assert (due.payer, due.amount_fen) == (payer, paid)
        month.close_period(refused="clearing.unpaid")
        month.pay(notice, FINANCE_HUNAN if payer == HUNAN else FINANCE_GUANGDONG)
    month.close_period()
    left = {k: v for k, v in balances(month.state).items() if k[0].startswith("clearing/")}
    assert not left, "both directions are paid in full"


def test_one_side_alone_nets_nothing(month: Month) -> None:
    agree(month, BOTH[0])
    state(month, GUANGDONG, HUNAN, {"440100/310/310100": 9_500})
    month.cut()
    assert month.both_say_yes() == f"clearing:{JUNE}:{HUNAN}:{GUANGDONG}"
    assert month.both_say_yes(**BACK) == f"clearing:{JUNE}:{GUANGDONG}:{HUNAN}"
    month.pay(f"clearing:{JUNE}:{HUNAN}:{GUANGDONG}", FINANCE_HUNAN)
    for home, care, settled in ((HUNAN, GUANGDONG, True), (GUANGDONG, HUNAN, False)):
        assert statement_record.load(month.state, JUNE, home, care).settled is settled
    unpaid = month.close_period(refused="clearing.unpaid")
    assert unpaid.values == {"period": JUNE, "statements": 2, "paid": 1}


def apart(month: Month) -> None:
    for bureau, region, _ in BOTH:
        month.world.do(
            bureau, "organisations", "set_parameter",
            {"name": "netting", "region": region, "value": {"with": []}},
        )  # fmt: skip


@pytest.mark.parametrize("at_first", [False, True])
def test_an_agreement_that_changes_between_two_words_asks_for_each_debt_once(
    month: Month, at_first: bool
) -> None:
    """Each direction's notice is issued by its own second word, at a time of its own."""
    state(month, GUANGDONG, HUNAN, {"440100/310/310100": 9_500})
    if at_first:
        agree(month, *BOTH)
    month.cut()
    month.both_say_yes()
    if at_first:
        apart(month)
    else:
        agree(month, *BOTH)
    month.both_say_yes(**BACK)
    for home, care, fen, payer in (
        (HUNAN, GUANGDONG, 59_500, FINANCE_HUNAN), (GUANGDONG, HUNAN, 9_500, FINANCE_GUANGDONG),
    ):  # fmt: skip
        notice = statement_record.load(month.state, JUNE, home, care).notice
        assert notice == f"clearing:{JUNE}:{home}:{care}"
        assert notice_record.load(month.state, notice).amount_fen == fen
        month.pay(notice, payer)
    assert not {k for k in month.state.entries if k.startswith("notice/netting")}
    month.close_period()
    assert not month.owed(chart.clearing(HUNAN, GUANGDONG))
    assert not month.owed(chart.clearing(GUANGDONG, HUNAN))
    assert not any(trial_balance(month.state).values())


# --- Wallets --------------------------------------------------------------------------------------


def test_what_is_sent_to_a_wallet_elsewhere_is_owed_by_the_months_statement(month: Month) -> None:
    """Carol of Shenzhen sends 70.00 to Hunan and 30.00 to Guangzhou: both are asked for."""
    child = "p:440100:child"
    enrol(month.world, child, BUREAU_GUANGZHOU, link=bytes(31) + b"c")
    deposit = {"transfer": "440300d-c", "person": CAROL, "amount_fen": 100_000}
    month.world.do(BUREAU_SHENZHEN, "funds", "deposit", deposit, post="finance")
    presence = {"kind": "card", "certificate": "03"}
    for number, (person, bureau, fen) in enumerate(
        ((ALICE, BUREAU_CHANGSHA, 7_000), (child, BUREAU_GUANGZHOU, 3_000))
    ):
        name = f"440300w-{number}"
        tie = {"owner": CAROL, "person": person, "relation": "parent", "limit_fen": 0,
               "from": "2025-06-01", "presence": presence}  # fmt: skip
        sent = {"transfer": name, "from": CAROL, "to": person, "amount_fen": fen,
                "presence": presence}  # fmt: skip
        month.world.do(BUREAU_SHENZHEN, "family", "authorise", tie, post="clerk")
        month.world.do(BUREAU_SHENZHEN, "wallet", "send", sent, post="clerk")
        for _ in range(2):
            month.world.do(bureau, "wallet", "claim", {"transfer": name}, post="clerk")
    national = statement_record.load(month.state, JUNE, GUANGDONG, HUNAN)
    assert national.cells == {"440300/310/310200": 7_000}
    assert national.places == {"430100/310200": 7_000}
    assert (national.wallets_fen, national.declarations, national.adjusted_fen) == (7_000, 0, 0)
    cities = statement_record.load(month.state, JUNE, SHENZHEN, GUANGZHOU)
    assert (cities.cells, cities.wallets_fen) == ({"440300/310/310200": 3_000}, 3_000)
    month.cut()
    month.say_yes(BUREAU_SHENZHEN, home=SHENZHEN, care=GUANGZHOU)
    month.say_yes(BUREAU_GUANGZHOU, home=SHENZHEN, care=GUANGZHOU)
    month.pay(month.both_say_yes(), FINANCE_HUNAN)
    month.pay(month.both_say_yes(**BACK), FINANCE_GUANGDONG)
    month.close_period()
    assert month.owed(chart.clearing(GUANGDONG, HUNAN)) == 0
    for bureau, method, area, fen in (
        (BUREAU_GUANGDONG, "levy", SHENZHEN, 10_000),
        (BUREAU_GUANGDONG, "allot", GUANGZHOU, 3_000 + 59_500),
        (BUREAU_HUNAN, "allot", CHANGSHA, 7_000),
    ):
        asked = month.world.do(bureau, "clearing", method, {"area": area}, post="finance")
        assert asked.answer["amount_fen"] == fen
    assert not any(trial_balance(month.state).values())


# --- Advances -------------------------------------------------------------------------------------


def quota(month: Month, fen: int, refused: str = "", **given: Any) -> str:
    args = {**PAIR, "scheme": "310", "quota_fen": fen} | given
    if refused:
        month.world.refused(refused, CENTRE, "advance", "set_quota", args, post="finance")
        return ""
    done = month.world.do(CENTRE, "advance", "set_quota", args, post="finance")
    notice: str = done.answer["notice"]
    return notice


def test_quota_deposit_top_up_return() -> None:
    month = make_month()
    notice = quota(month, 100_000)
    quota(month, 90_000, "advance.open-notice")
    assert month.owed(chart.advance(HUNAN, GUANGDONG)) == 0, "a notice moves nothing"
    month.pay(notice, FINANCE_HUNAN)
    assert month.of_fund(chart.advance(HUNAN, GUANGDONG), "310101") == 100_000
    assert month.of_fund(chart.prepaid(HUNAN, GUANGDONG), "310101") == -100_000
    quota(month, 100_000, "advance.quota-stands")
    more = quota(month, 130_000)
    assert notice_record.load(month.state, more).amount_fen == 30_000
    month.pay(more, FINANCE_HUNAN)
    less = quota(month, 120_000)
    due = notice_record.load(month.state, less)
    assert (due.payer, due.amount_fen) == (GUANGDONG, 10_000)
    month.pay(less, FINANCE_GUANGDONG)
    back = {**PAIR, "scheme": "310", "amount_fen": 120_001}
    above = month.world.refused("advance.above-held", BUREAU_GUANGDONG, "advance", "give_back",
                                back, post="finance")  # fmt: skip
    assert above.values == {"asked_fen": 120_001, "held_fen": 120_000}
    month.world.refused("advance.not-holder", BUREAU_HUNAN, "advance", "give_back", back,
                        post="finance")  # fmt: skip
    done = month.world.do(BUREAU_GUANGDONG, "advance", "give_back", back | {"amount_fen": 120_000},
                          post="finance")  # fmt: skip
    month.pay(done.answer["notice"], FINANCE_GUANGDONG)
    assert not [k for k in balances(month.state) if k[1] in ("advance", "prepaid")]
    assert not any(trial_balance(month.state).values())
    quota(month, 1, "advance.same-province", care=HUNAN)
    quota(month, 1, "advance.not-province", care="440100")
    quota(month, 1, "advance.not-province", home="000000")


def test_a_quota_says_what_shall_be_held_whatever_is_held_now() -> None:
    month = make_month()
    month.pay(quota(month, 100_000), FINANCE_HUNAN)

    def give_back(fen: int) -> None:
        back = {**PAIR, "scheme": "310", "amount_fen": fen}
        done = month.world.do(BUREAU_GUANGDONG, "advance", "give_back", back, post="finance")
        month.pay(done.answer["notice"], FINANCE_GUANGDONG)

    give_back(40_000)
    args = {**PAIR, "scheme": "310", "quota_fen": 60_000}
    done = month.world.do(CENTRE, "advance", "set_quota", args, post="finance")
    assert (done.answer["notice"], done.answer["quota_fen"]) == ("", 60_000), "it is held already"
    assert [topic for topic, _ in done.events] == ["advance.quota"]
    quota(month, 60_000, "advance.quota-stands")
    give_back(10_000)
    again = quota(month, 60_000)
    assert again == f"advance:{HUNAN}:{GUANGDONG}:4", "each notice has a number of its own"
    assert notice_record.load(month.state, again).amount_fen == 10_000


def test_a_quota_with_a_zero_too_many_is_taken_back_before_it_is_paid() -> None:
    """Otherwise the wrong money had to be paid before anybody could say what was meant."""
    month = make_month()
    wrong = quota(month, 1_000_000)
    quota(month, 100_000, "advance.open-notice")
    order = {"payment": f"{FINANCE_HUNAN}:w", "notice": wrong, "amount_fen": 1_000_000,
             "bank": BANK}  # fmt: skip
    month.world.do(FINANCE_HUNAN, "payment", "order", order, post="finance")

    def withdraw(notice: str = wrong, refused: str = "", who: str = CENTRE) -> None:
        call = month.world.refused if refused else month.world.do
        told = (refused,) if refused else ()
        call(*told, who, "advance", "withdraw", {"notice": notice}, post="finance")

    withdraw(refused="payment.in-flight")
    cancel = {"payment": order["payment"], "reason": "wrong_amount"}
    month.world.do(FINANCE_HUNAN, "payment", "cancel", cancel, post="finance")
    withdraw(refused="sender.kind", who=BUREAU_HUNAN)
    withdraw()
    withdraw()  # told twice it is one
    again = order | {"payment": f"{FINANCE_HUNAN}:x"}
    month.world.refused("payment.withdrawn", FINANCE_HUNAN, "payment", "order", again,
                        post="finance")  # fmt: skip
    month.on("2026-01-10")
    month.world.refused("payment.not-overdue", BANK, "payment", "remind", {"notice": wrong},
                        post="operator")  # fmt: skip
    left = notice_record.load(month.state, wrong)
    assert (left.amount_fen, left.open_fen, left.paid_fen) == (1_000_000, 0, 0)
    right = quota(month, 100_000)
    month.pay(right, FINANCE_HUNAN)
    assert month.of_fund(chart.advance(HUNAN, GUANGDONG), "310101") == 100_000
    withdraw(right, "payment.already-paid")
    back = {"payment": f"{FINANCE_HUNAN}:{month.payments}", "amount_fen": 100_000,
            "reference": "B-1", "value_on": "2025-06-10", "reason": "limit"}  # fmt: skip
    month.world.do(BANK, "payment", "send_back", back, post="operator")
    withdraw(right, "payment.already-paid")  # it may have been given back since
    withdraw("none", "payment.notice-not-found")


@pytest.mark.parametrize(
    ("used", "colour"),
    [(0, "green"), (69_999_999, "green"), (70_000_000, "yellow"), (89_999_999, "yellow"),
     (90_000_000, "red"), (120_000_000, "red"), (-1, "green")],
)  # fmt: skip
def test_colours_at_exact_limits(used: int, colour: str) -> None:
    assert usage.colour_of(used, 100_000_000, "70%", "90%") == colour
    assert usage.colour_of(used, 0, "70%", "90%") == "none"


def test_a_third_is_compared_exactly() -> None:
    # 70 % of 333.33 is 233.331: 233.33 is below, 233.34 above.
    assert usage.colour_of(23_333, 33_333, "70%", "90%") == "green"
    assert usage.colour_of(23_334, 33_333, "70%", "90%") == "yellow"


def test_red_is_told_topped_up_and_turns_nobody_away() -> None:
    month = make_month()
    month.settle(1)
    used = month.row(ONE)["funds_fen"]
    assert used == 59_500
    month.pay(quota(month, 85_000), FINANCE_HUNAN)
    ask = {**PAIR, "scheme": "310", "amount_fen": 34_000}
    month.world.refused("advance.not-red", BUREAU_GUANGDONG, "advance", "top_up", ask,
                        post="finance")  # fmt: skip
    month.on("2025-07-01").declare(ONE)
    month.close(ONE)
    month.audit()
    events = month.confirm().events
    assert ("advance.yellow", {"period": JUNE, "home": HUNAN, "care": GUANGDONG,
                               "used_fen": 59_500, "prepaid_fen": 85_000}) in events  # fmt: skip
    month.settle(2, 20_000)
    month.declare(claim_id(2), month=JULY)
    month.on("2025-08-01").close(claim_id(2), month=JULY)
    month.audit(month=JULY)
    month.cut()
    month.pay(quota(month, 17_000), FINANCE_GUANGDONG)
    events = month.confirm(month=JULY).events
    assert [e[1]["used_fen"] for e in events if e[0] == "advance.red"] == [17_000]
    month.settle(3, day="2025-08-01")
    done = month.world.do(BUREAU_GUANGDONG, "advance", "top_up", ask, post="finance")
    told = month.pay(done.answer["notice"], FINANCE_HUNAN).events
    assert [e[0] for e in told if e[0].startswith("advance.")] == ["advance.green"]
    assert not any(trial_balance(month.state).values())
    back = {"payment": f"{FINANCE_HUNAN}:{month.payments}", "amount_fen": 34_000,
            "reference": "B-1", "value_on": "2025-07-21", "reason": "limit"}  # fmt: skip
    told = month.world.do(BANK, "payment", "send_back", back, post="operator").events
    assert [e[0] for e in told if e[0].startswith("advance.")] == ["advance.red"]


# --- Prepayments to institutions ------------------------------------------------------------------


def prepay(month: Month, method: str, number: int, fen: int, refused: str = "", **more: Any) -> str:
    args = {"prepayment": f"440100-p{number}", "institution": HOSPITAL, "fund_type": "310100",
            "amount_fen": fen} | more  # fmt: skip
    if refused:
        month.world.refused(refused, BUREAU_GUANGZHOU, "prepayment", method, args, post="finance")
        return ""
    done = month.world.do(BUREAU_GUANGZHOU, "prepayment", method, args, post="finance")
    notice: str = done.answer["notice"]
    return notice


def test_an_institution_is_prepaid_and_gives_it_back(month: Month) -> None:
    account = chart.prepayment(HOSPITAL)
    prepay(month, "give_back", 1, 1, "prepayment.above-held")
    notice = prepay(month, "grant", 1, 50_000)
    assert prepay(month, "grant", 1, 50_000) == notice
    prepay(month, "grant", 1, 50_001, "prepayment.duplicate-id")
    prepay(month, "grant", 2, 1, "prepayment.fund", fund_type="310200")
    prepay(month, "grant", 2, 1, "prepayment.institution", institution=FINANCE)
    month.pay(notice, FINANCE_GUANGDONG)
    assert month.of_fund(account, "310100") == -50_000
    prepay(month, "offset", 3, 50_001, "prepayment.above-held")
    prepay(month, "offset", 3, 20_000)
    assert month.owed(chart.payable(HOSPITAL)) == 39_500
    back = prepay(month, "give_back", 4, 30_000)
    due = notice_record.load(month.state, back)
    assert (due.payer, due.payee, due.amount_fen) == (HOSPITAL, "440100", 30_000)
    month.pay(back, HOSPITAL)
    assert month.of_fund(account, "310100") == 0
    assert not any(trial_balance(month.state).values())
    month.world.do(BUREAU_GUANGZHOU, "prepayment", "grant",
                   {"prepayment": "440100-p5", "institution": HOSPITAL, "fund_type": "310100",
                    "amount_fen": 90_000}, post="finance")  # fmt: skip
    month.pay("prepayment:440100-p5", FINANCE_GUANGDONG)
    above = month.world.refused(
        "prepayment.above-owed", BUREAU_GUANGZHOU, "prepayment", "offset",
        {"prepayment": "440100-p6", "institution": HOSPITAL, "fund_type": "310100",
         "amount_fen": 39_501}, post="finance",
    )  # fmt: skip
    assert above.values == {"asked_fen": 39_501, "owed_fen": 39_500}


def test_a_prepayment_comes_back_once_however_it_is_asked_for(month: Month) -> None:
    month.pay(prepay(month, "grant", 1, 50_000), FINANCE_GUANGDONG)
    asked = prepay(month, "give_back", 2, 40_000)
    for method in ("give_back", "offset"):
        prepay(month, method, 3, 10_001, "prepayment.above-held")
    prepay(month, "offset", 3, 10_000)
    month.pay(asked, HOSPITAL)
    account = chart.prepayment(HOSPITAL)
    assert month.of_fund(account, "310100") == 0
    back = {"payment": f"{HOSPITAL.partition(':')[2]}-{month.payments}", "amount_fen": 15_000,
            "reference": "B-1", "value_on": "2025-07-21", "reason": "limit"}  # fmt: skip
    month.world.do(BANK, "payment", "send_back", back, post="operator")
    assert month.of_fund(account, "310100") == -15_000
    prepay(month, "offset", 4, 1, "prepayment.above-held")
    month.pay(asked, HOSPITAL)
    assert month.of_fund(account, "310100") == 0
    month.pay(prepay(month, "grant", 5, 7_000), FINANCE_GUANGDONG)
    prepay(month, "give_back", 6, 7_000)


def test_a_prepayment_that_was_asked_for_by_mistake_is_taken_back(month: Month) -> None:
    def withdraw(number: int, refused: str = "", who: str = BUREAU_GUANGZHOU) -> None:
        args = {"prepayment": f"440100-p{number}"}
        if refused:
            month.world.refused(refused, who, "prepayment", "withdraw", args, post="finance")
        else:
            month.world.do(who, "prepayment", "withdraw", args, post="finance")

    prepay(month, "grant", 1, 500_000)
    withdraw(1, "sender.not-competent", BUREAU_SHENZHEN)
    withdraw(1)
    month.pay(prepay(month, "grant", 2, 50_000), FINANCE_GUANGDONG)
    withdraw(2, "payment.already-paid")
    prepay(month, "give_back", 3, 50_000)
    prepay(month, "offset", 4, 1, "prepayment.above-held")
    for _ in range(2):
        withdraw(3)
    asked = prepay(month, "give_back", 5, 20_000)
    month.pay(asked, HOSPITAL)
    prepay(month, "offset", 6, 30_000)
    assert month.of_fund(chart.prepayment(HOSPITAL), "310100") == 0
    owed = f"institution:{JUNE}:{HOSPITAL}"
    month.world.refused("advance.no-notice", CENTRE, "advance", "withdraw", {"notice": owed},
                        post="finance")  # fmt: skip
    assert not any(trial_balance(month.state).values())


def test_only_the_institutions_own_bureau_prepays_it_and_out_of_a_fund(month: Month) -> None:
    month.pay(prepay(month, "grant", 1, 50_000), FINANCE_GUANGDONG)
    for method in ("grant", "give_back", "offset"):
        args = {"prepayment": "440300-p1", "institution": HOSPITAL, "fund_type": "310100",
                "amount_fen": 1}  # fmt: skip
        month.world.refused("sender.not-competent", BUREAU_SHENZHEN, "prepayment", method, args,
                            post="finance")  # fmt: skip
        for code, given in (
            ("sender.foreign-id", {"prepayment": "440300-p2"}),
            ("prepayment.institution", {"institution": "hospital:none"}),
            ("prepayment.fund", {"fund_type": "630100"}),
            ("prepayment.fund", {"fund_type": "none"}),
        ):
            prepay(month, method, 2, 1, code, **given)


def test_what_is_set_off_is_taken_off_the_next_notice_and_at_most_what_is_owed(
    month: Month,
) -> None:
    month.pay(prepay(month, "grant", 1, 90_000), FINANCE_GUANGDONG)
    prepay(month, "offset", 2, 39_500)
    prepay(month, "offset", 3, 20_001, "prepayment.above-owed")
    prepay(month, "offset", 3, 20_000)
    assert month.owed(chart.payable(HOSPITAL)) == 0
    account = account_record.find(month.state, HOSPITAL)
    assert (account.declared, account.due) == ({}, {"310100": -59_500})
    month.cut()
    month.settle(2, 200_000, day="2025-07-21")
    month.on("2025-08-01").declared_and_confirmed(claim_id(2), month=JULY)
    notice = notice_record.load(month.state, f"institution:{JULY}:{HOSPITAL}")
    assert notice.amount_fen == month.row(claim_id(2))["funds_fen"] - 59_500


# --- Records --------------------------------------------------------------------------------------


def test_records_come_back_as_they_were() -> None:
    made = replace(EMPTY, cells={"430100/310/310100": 5}, home_by="s:a", colour="red")
    assert statement_record.Statement.decode(made.encode()) == made
    period = replace(period_record.begin(), pairs=3, cut_on="2025-07-21")
    assert period_record.Period.decode(period.encode()) == period
    assert mermaid().count("-->") == len(TABLE) + 1
