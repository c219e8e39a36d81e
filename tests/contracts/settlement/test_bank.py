"""A bank's statement: what matches moves money once, what does not waits, the rest is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.api import Value
from contracts.runtime import Outcome
from contracts.settlement import bank, funds_chart
from contracts.settlement.clearing import notice_record, payment_record
from contracts.settlement.funds_book import balance
from tests.contracts.settlement.funds_world import trial_balance
from tests.contracts.settlement.month_world import (
    BANK_GUANGDONG,
    FINANCE_HUNAN,
    GUANGDONG,
    HUNAN,
    Month,
    make_month,
)
from tests.contracts.world import BANK, CENTRE

QUOTA = 5_000_000
DAY = "2025-06-10"


def ordered(number: int = 1, approve: bool = True) -> tuple[Month, str]:
    """A province's advance that its bank is told to pay."""
    made = make_month()
    quota = {"home": HUNAN, "care": GUANGDONG, "scheme": "310", "quota_fen": QUOTA}
    notice = made.world.do(CENTRE, "advance", "set_quota", quota, post="finance").answer["notice"]
    payment = f"{FINANCE_HUNAN}:{number}"
    args = {"payment": payment, "notice": notice, "amount_fen": QUOTA, "bank": BANK}
    made.world.do(FINANCE_HUNAN, "payment", "order", args, post="finance")
    if approve:
        made.world.do(FINANCE_HUNAN, "payment", "approve", {"payment": payment}, post="checker")
    return made, payment


def report(made: Month, refused: str = "", sender: str = BANK, **given: Any) -> Outcome:
    args: dict[str, Value] = {
        "reference": "R1", "direction": "out", "amount_fen": QUOTA, "value_on": DAY, **given,
    }  # fmt: skip
    if refused:
        return made.world.refused(refused, sender, "bank", "line", args, post="operator")
    return made.world.do(sender, "bank", "line", args, post="operator")


def resolve(
    made: Month, how: str, refused: str = "", post: str = "finance", **more: Any
) -> Outcome:
    args = {"reference": "R1", "how": how, **more}
    if refused:
        return made.world.refused(refused, BANK, "bank", "resolve", args, post=post)
    return made.world.do(BANK, "bank", "resolve", args, post=post)


def held(made: Month) -> int:
    return balance(made.state, funds_chart.advance(HUNAN, GUANGDONG), "310101")


def test_a_line_that_fits_pays_once_however_often_it_comes() -> None:
    made, payment = ordered()
    first = report(made, order=payment)
    assert first.answer["outcome"] == "matched"
    assert abs(held(made)) == QUOTA
    entries = dict(made.state.entries)
    again = report(made, order=payment)
    assert again.answer == first.answer
    assert not again.postings
    assert made.state.entries == entries
    assert payment_record.load(made.state, payment).reference == "R1"
    assert not any(trial_balance(made.state).values())


def test_a_return_moves_nothing_and_the_notice_waits_again() -> None:
    made, payment = ordered()
    told = report(made, order=payment, direction="returned", reason="closed_account")
    assert told.answer["outcome"] == "matched"
    assert held(made) == 0
    found = payment_record.load(made.state, payment)
    assert found.stage is payment_record.PaymentStage.RETURNED
    stage = notice_record.load(made.state, found.notice).stage
    assert stage is notice_record.NoticeStage.ISSUED


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        ({"amount_fen": QUOTA - 1}, "amount-differs"),
        ({"order": ""}, "no-order"),
        ({"direction": "in"}, "unasked"),
    ],
)
def test_what_fits_nothing_waits_and_moves_nothing(given: dict[str, Any], cause: str) -> None:
    made, payment = ordered()
    told = report(made, **({"order": payment} | given))
    assert (told.answer["outcome"], told.answer["cause"]) == ("suspense", cause)
    assert not told.postings
    found = bank.suspended(made.state, BANK, 1)
    assert found is not None
    assert found[0] == "R1"
    assert bank.suspended(made.state, BANK, 2) is None
    resolve(made, "not_ours", refused="bank.same-holder", post="operator")
    assert resolve(made, "sent_back").answer["outcome"] == "resolved"
    assert resolve(made, "sent_back").answer["how"] == "sent_back"
    resolve(made, "not_ours", refused="bank.not-suspended")
    assert held(made) == 0


def test_a_line_without_an_order_is_found_to_be_one() -> None:
    made, payment = ordered()
    report(made)
    resolve(made, "matched", refused="bank.foreign-order", order="finance:430000:none")
    assert resolve(made, "matched", order=payment).answer["outcome"] == "resolved"
    assert abs(held(made)) == QUOTA
    report(made, order=payment, reference="R2")
    waits = bank.suspended(made.state, BANK, 2)
    assert waits is not None
    assert waits[1].cause == "paid-twice"
    resolve(made, "matched", refused="bank.still-open", reference="R2", order=payment)


def test_an_order_that_nobody_approved_is_not_paid_by_a_bank() -> None:
    made, payment = ordered(approve=False)
    assert report(made, order=payment).answer["cause"] == "not-approved"
    assert held(made) == 0


def test_refusals() -> None:
    made, payment = ordered()
    told = report(made, "bank.foreign-order", sender=BANK_GUANGDONG, order=payment)
    assert told.values == {"order": payment, "bank": BANK_GUANGDONG}
    report(made, "bank.foreign-order", order="finance:430000:404")
    report(made, "bank.foreign-order", order="430100r1/p1")
    report(made, "payment.value-day", order=payment, value_on="2025-06-11")
    report(made, "bank.reason", order=payment, reason="limit")
    report(made, "bank.reason", order=payment, direction="returned")
    report(made)
    told = report(made, "bank.line-differs", order=payment)
    assert told.values["known_order"] == ""
    resolve(made, "sent_back", refused="bank.not-suspended", reference="R9")


LINES = st.lists(
    st.tuples(
        st.sampled_from(["R1", "R2", "R3"]),
        st.sampled_from(["", "mine", "nobody's"]),
        st.sampled_from(["out", "in", "returned"]),
        st.sampled_from([QUOTA, QUOTA - 1, 1]),
    ),
    max_size=8,
)


@given(LINES)
def test_whatever_a_bank_says_the_money_moves_once_at_most(lines: list[Any]) -> None:
    made, payment = ordered()
    moved = 0
    for reference, order, direction, amount in lines:
        args: dict[str, Value] = {
            "reference": reference, "direction": direction, "amount_fen": amount, "value_on": DAY,
            "order": {"": "", "mine": payment, "nobody's": "finance:430000:404"}[order],
        }  # fmt: skip
        if direction == "returned":
            args["reason"] = "limit"
        outcome = made.world.call(BANK, "bank", "line", args, post="operator")
        moved += bool(outcome.postings)
        assert outcome.ok or outcome.code in ("bank.foreign-order", "bank.line-differs")
        assert not any(trial_balance(made.state).values())
    assert moved <= 1
    assert abs(held(made)) == moved * QUOTA
