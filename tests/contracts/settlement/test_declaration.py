"""A month is declared row by row against the ledger and closed by its totals: what does not agree
is named exactly, and nothing is kept of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.settlement import funds_chart as chart
from contracts.settlement.clearing import (
    account_record,
    declaration_record,
    statement_record,
)
from contracts.settlement.clearing.clearing_types import clearing_type
from contracts.settlement.clearing.declaration_record import TABLE, Stage, mermaid
from contracts.settlement.clearing.months import next_month
from contracts.settlement.clearing.rows import Sums, compare
from tests.contracts.settlement.claim_world import BED, BOB, COSMETIC, line
from tests.contracts.settlement.funds_world import deposit, enrol
from tests.contracts.settlement.month_world import (
    AUGUST,
    FINANCE_GUANGDONG,
    GUANGDONG,
    HUNAN,
    JULY,
    JUNE,
    MONTH,
    Month,
    claim_id,
    make_month,
)
from tests.contracts.world import BUREAU_GUANGDONG, BUREAU_HUNAN, HOSPITAL, PHARMACY


@pytest.fixture
def month() -> Month:
    """Two settlements of June; it is the first of July."""
    made = make_month()
    made.settle(1)
    made.settle(2, 40_000, person=BOB)
    return made.on("2025-07-01")


ONE, TWO = claim_id(1), claim_id(2)
CAROL = "p:430100:carol"


# --- Rows -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "given"),
    [
        ("declaration.row-differs", {"funds_fen": 59_501}),
        ("declaration.row-differs", {"total_fen": 99_999}),
        ("declaration.row-differs", {"accounts_fen": 1}),
        ("declaration.row-unknown", {"settlement": "H44010000123-m-9"}),
    ],
)
def test_a_row_that_does_not_agree_is_refused(
    month: Month, code: str, given: dict[str, Any]
) -> None:
    refused = month.declare(ONE, refused=code, **given)
    if code == "declaration.row-differs":
        row = month.row(ONE) | given
        assert refused.values == {
            "settlement": ONE, "ours": [100_000, 59_500, 0],
            "theirs": [row["total_fen"], row["funds_fen"], row["accounts_fen"]],
        }  # fmt: skip


def test_a_settlement_is_declared_once(month: Month) -> None:
    args = {"month": JUNE, "rows": [month.row(ONE), month.row(ONE)]}
    month.world.refused("declaration.row-twice", HOSPITAL, "declaration", "declare", args,
                        post="finance")  # fmt: skip
    month.declare(ONE)
    before = dict(month.state.entries)
    again = month.declare(ONE)
    assert month.state.entries == before, "the same row again is no second one"
    assert again.answer["rows"] == 1
    month.close(ONE)
    month.declare(ONE, month=JULY, refused="declaration.row-declared")
    closed = month.declare(TWO, refused="declaration.closed")
    assert closed.values["stage"] == "declared"
    month.close(ONE, refused="declaration.closed")


def test_what_is_left_out_stays_and_its_sum_is_told(month: Month) -> None:
    month.declare(ONE)
    closed = month.close(ONE)
    left = sum(month.row(TWO)[name] for name in ("funds_fen", "accounts_fen"))
    assert closed.answer["undeclared_fen"] == left > 0
    month.on("2025-08-01").declare(TWO, month=JULY)
    assert month.close(TWO, month=JULY).answer["undeclared_fen"] == 0
    account = account_record.find(month.state, HOSPITAL)
    assert sum(account.declared.values()) == month.owed(chart.payable(HOSPITAL))
    assert account.months == (JUNE, JULY)


def test_months_have_their_time(month: Month) -> None:
    month.declare(ONE, month=AUGUST, refused="declaration.month-runs")
    month.on("2025-06-30").declare(ONE)
    runs = month.close(ONE, refused="declaration.month-runs")
    assert runs.values == {"month": JUNE, "today": "2025-06-30"}
    month.settle(3, day="2025-06-30")
    month.declare(claim_id(3), month="2025-05", refused="declaration.row-month")
    month.on("2025-07-01").close(ONE)
    month.cut()
    month.settle(4, day="2025-07-01")
    cut = month.declare(claim_id(4), refused="declaration.month-cut")
    assert cut.values == {"month": JUNE, "period_stage": "stated"}
    args = {"month": "2025-13", "rows": [month.row(ONE)]}
    month.world.refused("args.shape", HOSPITAL, "declaration", "declare", args, post="finance")


def test_a_month_that_was_begun_is_closed_after_the_countrys_cut(month: Month) -> None:
    """Its rows are declared in it for good, so there has to be a way on from there."""
    month.on("2025-06-30").declare(ONE)
    month.on("2025-07-01").cut()
    month.declare(TWO, refused="declaration.month-cut")
    month.declare(ONE, month=JULY, refused="declaration.row-declared")
    month.close(ONE)
    month.audit()
    assert month.confirm().answer["period"] == JULY
    owed = sum(month.row(ONE)[name] for name in ("funds_fen", "accounts_fen"))
    assert statement_record.load(month.state, JULY, HUNAN, GUANGDONG).total_fen == owed


# --- Totals ---------------------------------------------------------------------------------------


def test_totals_are_the_ledgers_group_by_group(month: Month) -> None:
    month.declare(ONE, TWO)
    groups = {(r["scheme"], r["clearing_type"], r["agency"]) for r in month.totals([ONE, TWO])}
    assert groups == {("310", "310112", "430100"), ("390", "390112", "430100")}
    for wrong in ({"settlements": 2}, {"funds_fen": 1}, {"accounts_fen": 5}, {"total_fen": 0},
                  {"agency": "430200"}):  # fmt: skip
        month.close(ONE, TWO, refused="declaration.totals-differ", **wrong)
    lacking = month.close(ONE, refused="declaration.totals-differ")
    assert lacking.values["group"] == "390/390112/430100"
    assert (lacking.values["ours"][0], lacking.values["theirs"][0]) == (1, 0)
    args = {"month": JUNE, "totals": [*month.totals([ONE]), *month.totals([ONE])]}
    month.world.refused("declaration.total-twice", HOSPITAL, "declaration", "close", args,
                        post="finance")  # fmt: skip
    month.close(ONE, TWO)


def test_a_month_of_nothing_can_be_closed() -> None:
    month = make_month().on("2025-07-01")
    assert month.close().answer["owed_fen"] == 0
    month.audit()
    month.confirm()
    made = declaration_record.load(month.state, HOSPITAL, JUNE)
    assert (made.stage, made.period) == (Stage.CONFIRMED, JUNE)
    assert month.state.get(f"notice/institution:{JUNE}:{HOSPITAL}") is None


def test_the_comparison_names_every_row_and_keeps_nothing(month: Month) -> None:
    """61.00 yuan between a hospital's books and the bureau's: which settlement (USERS.md H2)?"""
    month.settle(3, 6_100, day="2025-07-01")
    before = dict(month.state.entries)
    unknown = {"settlement": "H44010000123-m-9", "total_fen": 1, "funds_fen": 0, "accounts_fen": 0}
    rows = [month.row(ONE), month.row(TWO) | {"total_fen": 46_100}, unknown]
    told = month.world.do(HOSPITAL, "declaration", "compare", {"month": JUNE, "rows": rows},
                          post="clerk")  # fmt: skip
    assert month.state.entries == before
    assert told.answer["result"] == 1
    assert [(d["settlement"], d["kind"]) for d in told.answer["differences"]] == [
        (TWO, "amount-differs"), ("H44010000123-m-9", "only-theirs")
    ]  # fmt: skip
    assert (
        told.answer["differences"][0]["theirs"][0] - told.answer["differences"][0]["ours"][0]
        == 6_100
    )
    same = month.world.do(HOSPITAL, "declaration", "compare",
                          {"month": JUNE, "rows": [month.row(ONE)]}, post="clerk")  # fmt: skip
    assert same.answer["result"] == 0
    sums = [month.row(ONE)[name] for name in ("total_fen", "funds_fen", "accounts_fen")]
    assert list(same.answer["totals"].values()) == [[1, *sums]]


def test_another_hospitals_settlement_is_unknown(month: Month) -> None:
    args = {"month": JUNE, "rows": [month.row(ONE)]}
    other = "pharmacy:P44010000456"
    month.world.refused("declaration.row-unknown", other, "declaration", "declare", args,
                        post="finance")  # fmt: skip
    told = month.world.do(other, "declaration", "compare", args, post="clerk")
    assert told.answer["differences"] == [{"settlement": ONE, "kind": "only-theirs"}]


SUMS = st.tuples(*[st.integers(0, 3)] * 3)
LISTS = st.dictionaries(st.sampled_from("abcdef"), SUMS)


@given(ours=LISTS, theirs=LISTS)
def test_two_lists_differ_exactly_where_they_differ(
    ours: dict[str, Sums], theirs: dict[str, Sums]
) -> None:
    found = {one.id: one for one in compare(ours, theirs.items())}
    for name in {*ours, *theirs}:
        kind = found[name].kind if name in found else ""
        if name not in theirs:
            assert kind == "only-ours"
        elif name not in ours:
            assert kind == "only-theirs"
        else:
            assert kind == ("" if ours[name] == theirs[name] else "amount-differs")
    twice = compare(ours, [*theirs.items(), *theirs.items()])
    assert sum(one.kind == "only-theirs" for one in twice) >= len(theirs)


# --- Refunds --------------------------------------------------------------------------------------


def test_a_refund_is_two_rows(month: Month) -> None:
    month.claims.reverse(ONE)
    refund = f"{ONE}-r"
    assert month.row(refund)["total_fen"] == -100_000
    alone = month.declare(ONE, refused="declaration.refund-unpaired")
    assert alone.values == {"settlement": ONE, "other": refund}
    month.on("2025-07-01").declare(refund, month=JULY, refused="declaration.refund-unpaired")
    made = month.declare(ONE, refund, TWO, month=JULY)
    assert made.answer["rows"] == 3
    assert made.answer["owed_fen"] == month.owed(chart.payable(HOSPITAL))
    assert month.on("2025-08-01").close(ONE, refund, TWO, month=JULY).answer["undeclared_fen"] == 0
    twice = month.declare(refund, month=AUGUST, refused="declaration.row-declared")
    assert twice.values == {"settlement": refund, "declared": JULY}


def test_what_was_set_aside_and_taken_back_is_declared_with_its_refund(month: Month) -> None:
    month.declare(ONE)
    month.close(ONE)
    month.audit("set_aside", claims=[{"claim": ONE, "reason": "other"}])
    month.claims.reverse(ONE)
    refund = f"{ONE}-r"
    month.declare(refund, month=JULY, refused="declaration.refund-unpaired")
    assert month.declare(ONE, refund, month=JULY).answer["owed_fen"] == 0


# --- Setting aside --------------------------------------------------------------------------------


def test_what_is_not_confirmed_rolls_on_but_not_for_ever(month: Month) -> None:
    month.declare(ONE, TWO)
    month.close(ONE, TWO)
    aside = {"claims": [{"claim": TWO, "reason": "under_review"}]}
    moved = sum(month.row(TWO)[name] for name in ("funds_fen", "accounts_fen"))
    done = month.audit("set_aside", **aside)
    assert (done.answer["aside"], done.answer["aside_fen"]) == (1, moved)
    kept = sum(month.row(ONE)[name] for name in ("funds_fen", "accounts_fen"))
    assert done.answer["owed_fen"] == kept, "what is left is owed"
    assert [(row[0], row[1]["claim"]) for row in done.events] == [("declaration.set-aside", TWO)]
    assert month.claim(TWO).state == "settled"
    month.audit("set_aside", refused="declaration.not-in-month", **aside)
    month.audit()
    month.confirm(amount_fen=kept)
    for number, name in enumerate((JULY, AUGUST), start=2):
        month.on("2025-09-01").declare(TWO, month=name)
        month.close(TWO, month=name)
        nothing = month.audit("set_aside", month=name, **aside)
        assert nothing.answer["owed_fen"] == 0
        assert month.claim(TWO).declared.times == number  # type: ignore[union-attr]
    month.on("2025-10-01").declare(TWO, month="2025-09")
    month.close(TWO, month="2025-09")
    limit = month.audit("set_aside", month="2025-09", refused="declaration.rolled-too-often",
                        **aside)  # fmt: skip
    assert limit.values == {"claim": TWO, "times": 3, "limit": 3}


def test_only_what_is_in_the_institutions_own_month_is_set_aside(month: Month) -> None:
    month.declare(ONE)
    month.close(ONE)
    others = claim_id(8)
    month.state.put(
        f"claim/{others}", replace(month.claim(ONE), institution=PHARMACY).encode()
    )  # fmt: skip
    for claim, declared in ((claim_id(9), ""), (TWO, ""), (others, JUNE)):
        rows = [{"claim": claim, "reason": "other"}]
        refused = month.audit("set_aside", refused="declaration.not-in-month", claims=rows)
        assert refused.values == {"claim": claim, "month": JUNE, "declared": declared}


# --- Confirmation ---------------------------------------------------------------------------------


def test_two_people_confirm_the_amount_once(month: Month) -> None:
    month.declare(ONE, TWO)
    month.confirm("declaration.wrong-stage", amount_fen=1)
    month.close(ONE, TWO)
    month.confirm("declaration.wrong-stage")
    month.audit()
    month.audit(refused="declaration.wrong-stage")
    month.confirm("declaration.same-holder", holder="s:audit")
    wrong = month.confirm("declaration.amount-differs", amount_fen=5)
    assert (wrong.values["asked_fen"], wrong.values["owed_fen"]) == (
        5, month.owed(chart.payable(HOSPITAL)),
    )  # fmt: skip
    month.audit("send_back")
    month.confirm("declaration.wrong-stage")
    month.audit()
    month.confirm()
    twice = month.confirm("declaration.confirmed")
    assert twice.values["period"] == JUNE
    month.audit("set_aside", refused="declaration.wrong-stage",
                claims=[{"claim": TWO, "reason": "other"}])  # fmt: skip


def test_a_paid_month_is_off_the_list_and_no_other(month: Month) -> None:
    month.declared_and_confirmed(ONE)
    month.on("2025-08-01").cut()
    month.declared_and_confirmed(TWO, month=JULY)
    for paid, left in ((JULY, (JUNE,)), (JUNE, ())):
        month.pay(f"institution:{paid}:{HOSPITAL}", FINANCE_GUANGDONG)
        assert account_record.find(month.state, HOSPITAL).months == left


def test_only_the_bureau_of_the_place_confirms(month: Month) -> None:
    month.declare(ONE)
    month.close(ONE)
    for sender, code in ((BUREAU_HUNAN, "sender.not-competent"), (HOSPITAL, "sender.kind")):
        month.world.refused(code, sender, "declaration", "audit", MONTH, post="audit")
    month.world.do(BUREAU_GUANGDONG, "declaration", "audit", MONTH, post="audit")
    gone = {"institution": HOSPITAL, "month": "2025-05"}
    month.world.refused("declaration.not-found", BUREAU_GUANGDONG, "declaration", "audit", gone,
                        post="audit")  # fmt: skip


def test_a_later_month_waits_for_the_period_before_it(month: Month) -> None:
    month.on("2025-08-01").declare(ONE, month=JULY)
    month.close(ONE, month=JULY)
    month.audit(month=JULY)
    behind = month.confirm("declaration.period-behind", month=JULY)
    assert behind.values == {"month": JULY, "collecting": JUNE}
    month.cut()
    month.confirm(month=JULY)


# --- Tables ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scheme", "kind", "area", "care", "expected"),
    [
        ("310", "outpatient", "430100", "440100", "310112"),
        ("310", "inpatient", "430100", "440100", "310212"),
        ("390", "chronic", "430100", "440100", "390112"),
        ("390", "day_surgery", "430100", "440100", "390212"),
        ("310", "pharmacy", "430100", "440100", "310412"),
        ("390", "pharmacy", "430100", "440100", "310412"),
        ("390", "inpatient", "430200", "430102", "390211"),
        ("310", "outpatient", "411300", "411302", "11"),
        ("390", "inpatient", "110000", "110105", "21"),
        ("310", "pharmacy", "430100", "430102", "41"),
    ],
)
def test_clearing_types(scheme: str, kind: str, area: str, care: str, expected: str) -> None:
    assert clearing_type(scheme, kind, area, care) == expected


def test_the_diagram_has_one_arrow_for_every_cell() -> None:
    assert mermaid().count("-->") == len(TABLE) + 1


# --- The published example ------------------------------------------------------------------------


WHOLE_POLICY = """
def settle(case):
    paid = capped(case["sums"]["in_scope_fen"], 49904, "cap")
    return {"payments": [payment("310100", paid, "basic")]}
"""


def test_the_numbers_of_the_published_reconciliation_come_out() -> None:
    """3201 of a hospital for 2024-01 (RULES.md section 4.5): 67 settlements, bill 8,958.23, fund
    1,819.04, accounts 388.23, hence cash 6,750.96; and 3203 of 2024-02: 28 settlements, bill
    3,043.64 = cash 2,680.60 + account 0 + applied 363.04. One ledger comes to both."""
    month = make_month()
    enrol(month.world, CAROL)
    deposit(month.world, 38_823, CAROL, "430100d9")
    month.claims.deploy("310", WHOLE_POLICY, "2025-06-01")
    number, left = 0, 0
    for name, count, bill, funds, accounts in (
        (JUNE, 67, 895_823, 181_904, 38_823), (JULY, 28, 304_364, 36_304, 0)
    ):  # fmt: skip
        month.on(f"{name}-10")
        names = []
        for place in range(count):
            number += 1
            last = place == count - 1
            total = bill - 9_000 * (count - 1) if last else 9_000
            each = 2_000 if accounts else 1_000
            fund = funds - each * (count - 1) if last else each
            scope = fund + accounts * last
            lines = [line(1, BED, scope), line(2, COSMETIC, total - scope, consent=True)]
            names.append(
                month.settle(number, lines=lines, day=f"{name}-10", person=CAROL,
                             use_account=last and name == JUNE)
            )  # fmt: skip
        cash = sum(settled.cash_fen for each in names if (settled := month.claim(each).settled))
        month.on(f"{next_month(name)}-01").declare(*names, month=name)
        row = {"scheme": "310", "clearing_type": "310112", "agency": "430100",
               "settlements": count, "total_fen": bill, "funds_fen": funds,
               "accounts_fen": accounts}  # fmt: skip
        assert month.totals(names) == [row]
        for field in ("total_fen", "funds_fen", "accounts_fen", "settlements"):
            wrong = {"month": name, "totals": [row | {field: row[field] + 1}]}  # type: ignore[operator]
            month.world.refused("declaration.totals-differ", HOSPITAL, "declaration", "close",
                                wrong, post="finance")  # fmt: skip
        month.world.do(HOSPITAL, "declaration", "close", {"month": name, "totals": [row]},
                       post="finance")  # fmt: skip
        assert cash == bill - funds - accounts == (675_096 if name == JUNE else 268_060)
        left += funds + accounts
    assert month.owed(chart.payable(HOSPITAL)) == left
