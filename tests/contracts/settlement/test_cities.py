"""A province and its cities: what one city's fund owes for care in another, levied and allotted by
their province, and what a city is passed on of the money that comes from other provinces."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contracts.settlement import funds_chart as chart
from contracts.settlement.clearing import cities, notice_record, stated, statement_record
from contracts.settlement.clearing.standing import standing
from tests.contracts.settlement.funds_world import trial_balance
from tests.contracts.settlement.month_world import (
    BANK_GUANGDONG,
    BUREAU_SHENZHEN,
    CAROL,
    CHANGSHA,
    FINANCE_GUANGDONG,
    FINANCE_SHENZHEN,
    GUANGDONG,
    GUANGZHOU,
    HUNAN,
    JULY,
    JUNE,
    SHENZHEN,
    Month,
    claim_id,
    make_month,
)
from tests.contracts.world import (
    BANK,
    BUREAU_GUANGDONG,
    BUREAU_GUANGZHOU,
    BUREAU_HUNAN,
    HOSPITAL,
    MemoryState,
)

CITIES = {"home": SHENZHEN, "care": GUANGZHOU}
ONE, TWO = claim_id(1), claim_id(2)


@pytest.fixture
def month() -> Month:
    """June: 1,000.00 of Carol's of Shenzhen and 400.00 of Alice's of Changsha, confirmed."""
    made = make_month()
    made.settle(1, person=CAROL)
    made.settle(2, 40_000)
    made.on("2025-07-01").declared_and_confirmed(ONE, TWO)
    return made.on("2025-07-21")


def cities_say_yes(month: Month, period: str = JUNE) -> None:
    for bureau in (BUREAU_SHENZHEN, BUREAU_GUANGZHOU):
        month.say_yes(bureau, period, **CITIES)


def ask(month: Month, method: str, area: str, refused: str = "", who: str = "") -> str:
    """The province levies from a city or allots to it; gives the notice."""
    args = {"area": area}
    sender = who or (BUREAU_HUNAN if area == CHANGSHA else BUREAU_GUANGDONG)
    if refused:
        month.world.refused(refused, sender, "clearing", method, args, post="finance")
        return ""
    notice: str = month.world.do(sender, "clearing", method, args, post="finance").answer["notice"]
    return notice


def test_from_one_citys_fund_to_another_citys_hospital(month: Month) -> None:
    fund = -month.of_fund(chart.fund(SHENZHEN), "310100")
    stated = statement_record.load(month.state, JUNE, SHENZHEN, GUANGZHOU)
    assert stated.cells == {f"{SHENZHEN}/310/310100": fund}
    assert fund == month.row(ONE)["funds_fen"] > 0
    month.pay(f"institution:{JUNE}:{HOSPITAL}", FINANCE_GUANGDONG)
    ask(month, "levy", SHENZHEN, "clearing.nothing-due")
    month.cut()
    cities_say_yes(month)
    levied, allotted = ask(month, "levy", SHENZHEN), ask(month, "allot", GUANGZHOU)
    due = notice_record.load(month.state, levied)
    assert (due.payer, due.payee, due.amount_fen) == (SHENZHEN, GUANGDONG, fund)
    assert due.cause == (SHENZHEN, JUNE, JUNE, f"{JUNE}/{SHENZHEN}/{GUANGZHOU}")
    passed = notice_record.load(month.state, allotted)
    assert (passed.payer, passed.payee, passed.amount_fen) == (GUANGDONG, GUANGZHOU, fund)
    assert month.owed(chart.remittance(SHENZHEN)) == fund == month.owed(chart.allotment(GUANGZHOU))
    before = month.owed(chart.bank(BANK))
    month.pay(levied, FINANCE_SHENZHEN)
    assert month.owed(chart.bank(BANK)) == before + fund, "Shenzhen's bank has paid"
    assert month.owed(chart.bank(BANK_GUANGDONG)) == -fund, "Guangdong's has it"
    month.pay(allotted, FINANCE_GUANGDONG)
    for account in ("remittance", "collection"):
        assert month.owed(f"{account}:{SHENZHEN}") == 0
    for account in ("allotment", "allotted"):
        assert month.owed(f"{account}:{GUANGZHOU}") == 0
    assert not any(trial_balance(month.state).values())


def test_both_cities_confirm_and_their_province_does_not(month: Month) -> None:
    month.say_yes(BUREAU_SHENZHEN, **CITIES, refused="clearing.not-stated")
    month.cut()
    month.say_yes(BUREAU_GUANGDONG, **CITIES, refused="clearing.not-party")
    month.say_yes(BUREAU_SHENZHEN, **CITIES, amount_fen=1, refused="clearing.amount-differs")
    month.say_yes(BUREAU_SHENZHEN, **CITIES)
    month.say_yes(BUREAU_SHENZHEN, **CITIES, refused="clearing.confirmed-already")
    assert statement_record.inside(month.state, JUNE, GUANGDONG) == (1, 0)
    ask(month, "levy", SHENZHEN, "clearing.nothing-due")
    done = month.say_yes(BUREAU_GUANGZHOU, **CITIES)
    assert (done.answer["confirmed"], done.answer["notice"]) == (True, "")
    assert statement_record.inside(month.state, JUNE, GUANGDONG) == (1, 1)
    assert ask(month, "levy", SHENZHEN) == f"remittance:{SHENZHEN}:1"
    ask(month, "levy", SHENZHEN, "clearing.nothing-due")
    for who in (BUREAU_SHENZHEN, BUREAU_HUNAN):
        ask(month, "allot", GUANGZHOU, "sender.not-competent", who)


def test_the_country_does_not_wait_for_a_provinces_own_clearing(month: Month) -> None:
    month.cut()
    month.pay(month.both_say_yes(), "finance:430000")
    assert standing(month.state, month.claim(TWO)) == "audited"
    month.close_period()
    assert standing(month.state, month.claim(TWO)) == "cleared"
    assert standing(month.state, month.claim(ONE)) == "audited", "the cities have not said yes"
    cities_say_yes(month)
    assert standing(month.state, month.claim(ONE)) == "cleared"


def test_money_of_another_province_is_passed_on_to_the_city_of_care(month: Month) -> None:
    owed = month.row(TWO)["funds_fen"]
    stated = statement_record.load(month.state, JUNE, HUNAN, GUANGDONG)
    assert stated.places == {f"{GUANGZHOU}/310100": owed}
    month.cut()
    month.both_say_yes()
    assert cities.due_of(month.state, "allot", GUANGZHOU).by_fund == {"310100": owed}
    cities_say_yes(month)
    notice = ask(month, "allot", GUANGZHOU)
    assert notice == f"allotment:{GUANGZHOU}:1"
    both = owed + month.row(ONE)["funds_fen"]
    assert notice_record.load(month.state, notice).amount_fen == both
    pay = {"payment": "440000-9", "notice": notice, "amount_fen": both, "bank": BANK}
    month.world.refused("sender.kind", BUREAU_GUANGDONG, "payment", "order", pay, post="finance")


def test_a_later_finding_lowers_what_is_passed_on_next(month: Month) -> None:
    month.cut()
    cities_say_yes(month)
    ask(month, "levy", SHENZHEN)
    ask(month, "allot", GUANGZHOU)
    month.deduct(ONE, 5_000)
    month.world.do(HOSPITAL, "audit", "answer", {"deduction": "440100-d1", "answer": "accept"},
                   post="clerk")  # fmt: skip
    decided = month.decide(5_000)
    assert decided.answer["period"] == JULY
    found = statement_record.load(month.state, JULY, SHENZHEN, GUANGZHOU)
    assert (found.total_fen, found.adjusted_fen) == (-5_000, -5_000)
    month.on("2025-08-21").cut(JULY)
    cities_say_yes(month, JULY)
    for method, area in (("levy", SHENZHEN), ("allot", GUANGZHOU)):
        ask(month, method, area, "clearing.nothing-due")
        assert cities.due_of(month.state, method, area).by_fund == {"310100": -5_000}


@pytest.mark.parametrize(
    ("area", "care", "pair", "levied", "allotted"),
    [
        (SHENZHEN, GUANGZHOU, (SHENZHEN, GUANGZHOU), SHENZHEN, GUANGZHOU),
        # A district of the city is the city's.
        (SHENZHEN, "440106", (SHENZHEN, GUANGZHOU), SHENZHEN, GUANGZHOU),
        # People insured by the province itself: nobody is levied.
        (GUANGDONG, GUANGZHOU, (GUANGDONG, GUANGZHOU), "", GUANGZHOU),
        # A city without a bureau of its own is paid for by the province.
        (SHENZHEN, "440500", (SHENZHEN, GUANGDONG), SHENZHEN, ""),
        (SHENZHEN, "440304", None, "", ""),
        (GUANGDONG, "440500", None, "", ""),
        (CHANGSHA, "440500", (HUNAN, GUANGDONG), CHANGSHA, ""),
    ],
)
def test_who_clears_with_whom(
    area: str, care: str, pair: tuple[str, str] | None, levied: str, allotted: str
) -> None:
    month = make_month()
    assert statement_record.sides(month.state, area, care) == pair
    ctx = month.world.context(BUREAU_GUANGZHOU)
    stated.into_statements(ctx, care, {f"{area}/310/310100": 700})
    if pair is None:
        assert not [key for key in month.state.entries if key.startswith("statement/")]
        return
    made = statement_record.load(month.state, JUNE, *pair)
    cities.note(month.state, JUNE, *pair, made)
    for name, whom in (("levy", levied), ("allot", allotted)):
        listed = [key for key in month.state.entries if key.startswith(f"{name}/")]
        assert listed == ([f"{name}/{whom}"] if whom else [])


def test_an_older_statement_may_be_confirmed_after_a_newer_one() -> None:
    state = MemoryState()
    made = replace(statement_record.EMPTY, cells={f"{SHENZHEN}/310/310100": 500})
    for period in (JULY, JUNE):
        cities.note(state, period, SHENZHEN, GUANGZHOU, made)
    due = cities.due_of(state, cities.LEVY, SHENZHEN)
    assert (due.first, due.last, due.by_fund) == (JUNE, JULY, {"310100": 1_000})
    assert due.statements == [f"{period}/{SHENZHEN}/{GUANGZHOU}" for period in (JULY, JUNE)]
