"""A side that does not agree with a statement objects; what moves leaves one statement and stands
in another, and the debt itself changes by a deduction only."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from contracts import parameters
from contracts.runtime import Outcome
from contracts.settlement import funds_chart as chart
from contracts.settlement.clearing import declaration_record, objection_record, statement_record
from contracts.settlement.clearing.objection_record import TABLE, Objection, mermaid
from tests.contracts.settlement.claim_world import BOB
from tests.contracts.settlement.funds_world import balances, trial_balance
from tests.contracts.settlement.month_world import (
    BUREAU_SHENZHEN,
    CAROL,
    FINANCE_HUNAN,
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
    ALICE,
    BUREAU_GUANGDONG,
    BUREAU_GUANGZHOU,
    BUREAU_HUNAN,
    CENTRE,
    HOSPITAL,
)

ONE, TWO, INSIDE = (claim_id(n) for n in (1, 2, 3))
NAME = "430000-o1"
CLEARING = chart.clearing(HUNAN, GUANGDONG)


@pytest.fixture
def month() -> Month:
    """June: 1,000.00 and 400.00 of Alice's, 200.00 of Carol's, confirmed and cut on 21 July."""
    made = make_month()
    made.settle(1)
    made.settle(2, 40_000)
    made.settle(3, 100_000, person=CAROL)
    made.on("2025-07-01").declared_and_confirmed(ONE, TWO, INSIDE)
    made.on("2025-07-21").cut()
    return made


def row(settlement: str, fen: int, reason: str = "wrong_amount") -> dict[str, Any]:
    return {"settlement": settlement, "amount_fen": fen, "reason": reason}


def lodge(
    month: Month, *rows: dict[str, Any], who: str = BUREAU_HUNAN, refused: str = "", **given: Any
) -> Outcome:
    args = {"objection": NAME, "period": JUNE, "home": HUNAN, "care": GUANGDONG,
            "rows": list(rows) or [row(TWO, 10_000)]} | given  # fmt: skip
    return act(month, who, "lodge", args, refused)


def act(
    month: Month, who: str, method: str, args: dict[str, Any], refused: str = "", **more: Any
) -> Outcome:
    post = more.pop("post", "checker")
    if refused:
        return month.world.refused(refused, who, "objection", method, args, post=post, **more)
    return month.world.do(who, "objection", method, args, post=post, **more)


def reply(month: Month, how: str, who: str = BUREAU_GUANGDONG, refused: str = "") -> Outcome:
    return act(month, who, "answer", {"objection": NAME, "how": how}, refused)


def stated(month: Month, period: str = JUNE) -> statement_record.Statement:
    return statement_record.load(month.state, period, HUNAN, GUANGDONG)


def test_nobody_confirms_while_an_objection_is_open(month: Month) -> None:
    month.say_yes(BUREAU_GUANGDONG)
    done = lodge(month)
    assert (done.answer["stage"], done.answer["due_on"]) == ("lodged", "2025-07-24")
    assert [topic for topic, _ in done.events] == ["objection.lodged", "objection.row"]
    open_one = month.say_yes(BUREAU_HUNAN, refused="clearing.objected")
    assert open_one.values["open"] == 1
    month.close_period(refused="clearing.unconfirmed")
    reply(month, "reject")
    month.say_yes(BUREAU_HUNAN, refused="clearing.objected")
    act(month, BUREAU_HUNAN, "withdraw", {"objection": NAME})
    month.say_yes(BUREAU_HUNAN)
    assert stated(month).confirmed, "Guangdong's word holds, for the amount did not change"


def test_what_moves_stands_in_the_next_statement(month: Month) -> None:
    before, books, debt = stated(month), balances(month.state), month.owed(CLEARING)
    month.say_yes(BUREAU_GUANGDONG)
    lodge(month)
    moved = reply(month, "move")
    assert moved.answer["to_period"] == JULY
    june, july = stated(month), stated(month, JULY)
    assert (june.total_fen, june.moved_fen) == (before.total_fen - 10_000, -10_000)
    assert (july.total_fen, july.moved_fen) == (10_000, 10_000)
    assert july.places == {f"{GUANGZHOU}/310100": 10_000}
    assert sum(june.places.values()) == june.total_fen
    assert not june.care_by, "who confirmed the old amount confirms the new one"
    assert balances(month.state) == books, "an objection moves no money"
    month.say_yes(BUREAU_HUNAN, amount_fen=before.total_fen, refused="clearing.amount-differs")
    notice = month.both_say_yes()
    month.pay(notice, FINANCE_HUNAN)
    month.close_period()
    assert month.owed(CLEARING) == debt - june.total_fen == july.total_fen
    assert not any(trial_balance(month.state).values())


@pytest.mark.parametrize("how", ["move", "later"])
def test_a_deduction_is_linked_to_the_objection(month: Month, how: str) -> None:
    lodge(month)
    reply(month, how)
    assert stated(month).total_fen == (59_500 + 34_000) - (10_000 if how == "move" else 0)
    for number, fen, stage in ((1, 4_000, f"{how}d" if how == "move" else how),
                               (2, 6_000, "adjusted")):  # fmt: skip
        name = f"440100-d{number}"
        month.deduct(TWO, fen, deduction=name, line_fen=10_000)
        month.world.do(HOSPITAL, "audit", "answer", {"deduction": name, "answer": "accept"},
                       post="clerk")  # fmt: skip
        month.decide(fen, name)
        assert objection_record.load(month.state, NAME).stage == stage
    assert objection_record.load(month.state, NAME).adjusted_fen == 10_000
    july = stated(month, JULY)
    assert july.adjusted_fen == -10_000
    assert july.total_fen == (0 if how == "move" else -10_000)


@pytest.mark.parametrize(
    ("code", "given"),
    [
        ("clearing.not-party", {"who": BUREAU_GUANGZHOU, "objection": "440100-o1"}),
        ("clearing.not-stated", {"period": JULY}),
        ("clearing.period-not-found", {"period": "2024-01"}),
        ("objection.not-in-statement", {"rows": [row(INSIDE, 1)]}),
        ("objection.not-in-statement", {"rows": [row("H44010000123-none", 1)]}),
        ("objection.above-row", {"rows": [row(TWO, 34_001)]}),
        ("objection.again", {"rows": [row(TWO, 1), row(TWO, 1)]}),
        ("sender.foreign-id", {"objection": "440000-o1"}),
        ("args.shape", {"rows": [row(TWO, 0)]}),
        ("args.shape", {"rows": []}),
    ],
)
def test_objections_that_are_refused(month: Month, code: str, given: dict[str, Any]) -> None:
    lodge(month, refused=code, **given)


def test_its_time_is_until_the_own_word_and_the_day_for_confirming(month: Month) -> None:
    month.say_yes(BUREAU_HUNAN)
    own = lodge(month, refused="objection.own-word")
    assert own.values["side"] == "home"
    month.on("2025-07-24")
    by_care = {"who": BUREAU_GUANGDONG, "objection": "440000-o1"}
    lodge(month, **by_care)
    month.on("2025-07-25")
    late = lodge(month, row(ONE, 1), who=BUREAU_GUANGDONG, objection="440000-o2",
                 refused="objection.too-late")  # fmt: skip
    assert (late.values["confirm_by"], late.values["today"]) == ("2025-07-24", "2025-07-25")


def test_each_area_objects_to_what_its_own_statement_has_of_a_settlement() -> None:
    """Carol of Shenzhen pays for her relative of Hunan: two statements hold a part of one bill."""
    month = make_month()
    for contract, method, args in (
        ("funds", "deposit", {"transfer": "440300d-c", "person": CAROL, "amount_fen": 100_000}),
        ("family", "authorise",
         {"owner": CAROL, "person": ALICE, "relation": "parent", "limit_fen": 80_000,
          "from": "2025-06-01", "presence": {"kind": "card", "certificate": "03"}}),
    ):  # fmt: skip
        post = "finance" if contract == "funds" else "clerk"
        month.world.do(BUREAU_SHENZHEN, contract, method, args, post=post)
    month.settle(1, 300_000, use_account=True, family=[CAROL])
    month.on("2025-07-01").declared_and_confirmed(ONE)
    month.on("2025-07-21").cut()
    cities = {"home": SHENZHEN, "care": GUANGZHOU}
    whole = stated(month).total_fen
    hers = statement_record.load(month.state, JUNE, SHENZHEN, GUANGZHOU).total_fen
    assert min(whole, hers) > 0
    above = lodge(month, row(ONE, whole + 1), refused="objection.above-row")
    assert above.values["owed_fen"] == whole
    lodge(month, row(ONE, whole))
    by_city = {"who": BUREAU_SHENZHEN, "objection": "440300-o1", **cities}
    above = lodge(month, row(ONE, hers + 1), refused="objection.above-row", **by_city)
    assert above.values["owed_fen"] == hers
    lodge(month, row(ONE, hers), **by_city)
    reply(month, "move")
    act(month, BUREAU_GUANGZHOU, "answer", {"objection": "440300-o1", "how": "move"})
    for home, care, fen in ((HUNAN, GUANGDONG, whole), (SHENZHEN, GUANGZHOU, hers)):
        left = statement_record.load(month.state, JUNE, home, care)
        assert (left.cells, left.places) == ({}, {})
        assert statement_record.load(month.state, JULY, home, care).total_fen == fen


def test_the_same_call_twice_is_one_objection_and_another_is_refused(month: Month) -> None:
    first = lodge(month)
    after = dict(month.state.entries)
    assert lodge(month).answer == first.answer
    assert month.state.entries == after
    lodge(month, row(TWO, 9_999), refused="objection.duplicate-id")
    again = lodge(month, objection="430000-o2", refused="objection.again")
    assert again.values == {"settlement": TWO, "objection": NAME}
    answered = reply(month, "move")
    after = dict(month.state.entries)
    assert reply(month, "move").answer == answered.answer
    assert month.state.entries == after
    reply(month, "later", refused="objection.wrong-stage")
    act(month, BUREAU_GUANGDONG, "answer", {"objection": NAME, "how": "move"},
        "objection.wrong-stage", holder="s:another")  # fmt: skip


def test_each_has_its_turn(month: Month) -> None:
    lodge(month)
    theirs = reply(month, "move", who=BUREAU_HUNAN, refused="objection.not-yours")
    assert theirs.values["answers"] == GUANGDONG
    act(month, BUREAU_GUANGDONG, "withdraw", {"objection": NAME}, "objection.not-yours")
    decide = {"objection": NAME, "how": "stands"}
    waits = act(month, CENTRE, "decide", decide, "objection.waits")
    assert waits.values["due_on"] == "2025-07-24"
    for who in (BUREAU_HUNAN, BUREAU_GUANGDONG):
        act(month, who, "decide", decide, "objection.not-yours")
    reply(month, "reject")
    reply(month, "move", refused="objection.answered")
    assert act(month, CENTRE, "decide", decide).answer["stage"] == "stands"
    assert stated(month).total_fen == 59_500 + 34_000
    act(month, CENTRE, "decide", {"objection": NAME, "how": "move"}, "objection.wrong-stage")
    act(month, CENTRE, "decide", {"objection": "430000-none", "how": "move"}, "objection.not-found")
    assert month.both_say_yes()


def test_silence_does_not_hold_the_month(month: Month) -> None:
    lodge(month)
    decide = {"objection": NAME, "how": "move"}
    month.on("2025-07-24")
    act(month, CENTRE, "decide", decide, "objection.waits")
    month.on("2025-07-25")
    done = act(month, CENTRE, "decide", decide)
    assert stated(month, JULY).total_fen == 10_000
    after = dict(month.state.entries)
    assert act(month, CENTRE, "decide", decide).answer == done.answer
    assert month.state.entries == after, "told twice it is one decision"
    act(month, CENTRE, "decide", decide, "objection.wrong-stage", holder="s:another")


def test_an_amount_is_taken_from_each_fund_until_it_is_reached() -> None:
    month = make_month()
    month.settle(1, 240_000, person=BOB)
    month.on("2025-07-01").declared_and_confirmed(ONE)
    month.on("2025-07-21").cut()
    whole = stated(month)
    assert len(whole.cells) > 1, "more than one fund pays"
    lodge(month, row(ONE, whole.total_fen - 1))
    reply(month, "move")
    june, july = stated(month), stated(month, JULY)
    assert (june.total_fen, july.total_fen) == (1, whole.total_fen - 1)
    assert set(july.cells) == set(whole.cells)


def test_a_settlement_stands_in_the_statement_of_its_own_period(month: Month) -> None:
    made = declaration_record.load(month.state, HOSPITAL, JUNE)
    declaration_record.put(month.state, HOSPITAL, JUNE, replace(made, period=JULY))
    lodge(month, refused="objection.not-in-statement")


def test_a_province_that_is_a_side_does_not_decide(month: Month) -> None:
    lodge(month)
    made = objection_record.load(month.state, NAME)
    aside = replace(made, home=SHENZHEN, stage=objection_record.ObjectionStage.REJECTED)
    objection_record.put(month.state, NAME, aside)
    told = act(month, BUREAU_GUANGDONG, "decide", {"objection": NAME, "how": "stands"},
               "objection.not-yours")  # fmt: skip
    assert told.values["answers"] == "centre"


def test_between_cities_their_province_decides(month: Month) -> None:
    pair = {"home": SHENZHEN, "care": GUANGZHOU}
    given = {"who": BUREAU_SHENZHEN, "objection": "440300-o1", **pair}
    lodge(month, row(INSIDE, 500), **given)
    month.say_yes(BUREAU_GUANGZHOU, **pair, refused="clearing.objected")
    args = {"objection": "440300-o1", "how": "reject"}
    act(month, BUREAU_GUANGZHOU, "answer", args)
    decide = {"objection": "440300-o1", "how": "move"}
    far = act(month, BUREAU_HUNAN, "decide", decide, "objection.not-yours")
    assert far.values["answers"] == GUANGDONG
    act(month, BUREAU_GUANGDONG, "decide", decide)
    moved = statement_record.load(month.state, JULY, SHENZHEN, GUANGZHOU)
    assert (moved.total_fen, moved.places) == (500, {})
    assert statement_record.inside(month.state, JULY, GUANGDONG) == (1, 0)


def test_the_answers_time_is_a_parameter(month: Month) -> None:
    value = parameters.AREA["clearing"].default | {"answer_within": 5}
    month.world.do(CENTRE, "organisations", "set_parameter",
                   {"name": "clearing", "region": "000000", "value": value})  # fmt: skip
    assert lodge(month).answer["due_on"] == "2025-07-28"


def test_an_objection_comes_back_as_it_was(month: Month) -> None:
    lodge(month)
    made = objection_record.load(month.state, NAME)
    assert Objection.decode(made.encode()) == made
    lodge(month, row(ONE, 1), objection="430000-o2")
    assert objection_record.list_of(month.state, JUNE, HUNAN, GUANGDONG, 2) == [NAME, "430000-o2"]


def test_the_diagram_has_one_arrow_for_every_cell() -> None:
    assert mermaid().count("-->") >= len(TABLE)
