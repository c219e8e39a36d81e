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
from contracts.settlement.returns import take_reference
from tests.contracts.settlement.funds_world import balances, trial_balance
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


def ordered(number: int = 1, approve: bool = True, payee_bank: str = BANK) -> tuple[Month, str]:
    """A province's advance that its bank is told to pay."""
    made = make_month()
    quota = {"home": HUNAN, "care": GUANGDONG, "scheme": "310", "quota_fen": QUOTA}
    notice = made.world.do(CENTRE, "advance", "set_quota", quota, post="finance").answer["notice"]
    payment = f"{FINANCE_HUNAN}:{number}"
    args = {"payment": payment, "notice": notice, "amount_fen": QUOTA, "bank": BANK,
            "payee_bank": payee_bank}  # fmt: skip
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
        ({"direction": "in", "order": ""}, "unasked"),
        ({"direction": "in"}, "not-paid-yet"),
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


@pytest.mark.parametrize("short", [2, 1_000_000, QUOTA - 1])
def test_what_a_bank_has_paid_short_is_paid_and_the_rest_is_open(short: int) -> None:
    made, payment = ordered()
    report(made, order=payment, amount_fen=QUOTA - short)
    resolve(made, "matched", refused="bank.still-open", order=payment)
    told = resolve(made, "other_amount").answer
    assert (told["outcome"], told["how"], told["order"]) == ("resolved", "other_amount", payment)
    assert abs(held(made)) == QUOTA - short
    found = payment_record.load(made.state, payment)
    assert (found.stage, found.reference, found.left_fen) == ("part-back", "R1", QUOTA - short)
    assert [(back.reference, back.amount_fen) for back in found.returns] == [("R1:rest", short)]
    notice = notice_record.load(made.state, found.notice)
    assert (notice.stage, notice.open_fen) == ("issued", short), "the next payment is of the rest"
    assert resolve(made, "other_amount").postings == [], "told twice it is one"
    assert not any(trial_balance(made.state).values())


def test_what_a_bank_has_paid_over_is_its_own_to_ask_back() -> None:
    made, payment = ordered()
    report(made, order=payment, amount_fen=QUOTA + 5)
    resolve(made, "other_amount")
    assert abs(held(made)) == QUOTA
    assert payment_record.load(made.state, payment).stage == "paid"


def test_a_payees_bank_that_received_less_says_so_and_nothing_moves() -> None:
    made, payment = ordered()
    report(made, order=payment)
    report(made, reference="R2", order=payment, direction="in", amount_fen=QUOTA - 3)
    assert resolve(made, "other_amount", reference="R2").postings == []
    found = payment_record.load(made.state, payment)
    assert (found.stage, found.received_reference, found.left_fen) == ("paid", "", QUOTA)


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        ({"order": ""}, "no-order"),
        ({"direction": "in"}, "not-paid-yet"),
        ({"direction": "returned", "reason": "limit", "amount_fen": 1}, "amount-differs"),
    ],
)
def test_only_an_order_that_is_known_is_paid_with_another_amount(
    given: dict[str, Any], cause: str
) -> None:
    made, payment = ordered()
    report(made, **({"order": payment} | given))
    refused = resolve(made, "other_amount", refused="bank.still-open")
    assert refused.values["cause"] == cause
    assert held(made) == 0


def test_another_amount_is_no_word_for_a_line_that_fits() -> None:
    made, payment = ordered()
    report(made)
    refused = resolve(made, "other_amount", refused="bank.still-open", order=payment)
    assert refused.values["cause"] == "matched"
    assert held(made) == 0


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
    report(made, "bank.foreign-order", order="finance:430000:404", direction="in")
    for named in ({"order": payment}, {}):
        report(made, "payment.value-day", value_on="2025-06-11", **named)
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
def test_whatever_a_bank_says_the_money_is_where_its_last_word_put_it(lines: list[Any]) -> None:
    """A model of a few lines: paid once by an ``out``, back by what is ``returned`` of it."""
    made, payment = ordered()
    stage, known, received, left = "approved", set(), False, 0
    for reference, order, direction, amount in lines:
        args: dict[str, Value] = {
            "reference": reference, "direction": direction, "amount_fen": amount, "value_on": DAY,
            "order": {"": "", "mine": payment, "nobody's": "finance:430000:404"}[order],
        }  # fmt: skip
        if direction == "returned":
            args["reason"] = "limit"
        outcome = made.world.call(BANK, "bank", "line", args, post="operator")
        assert outcome.ok or outcome.code in ("bank.foreign-order", "bank.line-differs")
        if outcome.ok and reference not in known and order == "mine":
            match (stage, direction):
                case ("approved", "out") if amount == QUOTA:
                    stage, left = "paid", QUOTA
                case ("approved", "returned") if amount == QUOTA:
                    stage = "returned"
                case ("paid" | "part-back", "returned") if amount <= left:
                    left -= amount
                    stage = "part-back" if left else "sent-back"
                case ("paid" | "part-back", "in") if amount == QUOTA:
                    received = True
        if outcome.ok:
            known.add(reference)
        assert payment_record.load(made.state, payment).stage == stage
        assert abs(held(made)) == left
        assert bool(payment_record.load(made.state, payment).received_reference) == received
        assert not any(trial_balance(made.state).values())


# --- After it was paid ----------------------------------------------------------------------------


def test_money_that_comes_back_later_is_a_return_of_its_payment() -> None:
    made, payment = ordered()
    report(made, order=payment)
    notice = payment_record.load(made.state, payment).notice
    before = dict(made.state.entries)
    other = report(made, order=payment, reference="R2", direction="returned",
                   reason="closed_account", amount_fen=QUOTA + 1)  # fmt: skip
    assert other.answer["cause"] == "above-payment"
    assert abs(held(made)) == QUOTA
    assert len(made.state.entries) > len(before), "it waits in suspense"
    back = {"order": payment, "reference": "R3", "direction": "returned",
            "reason": "closed_account"}  # fmt: skip
    told = report(made, **back)
    assert told.answer["outcome"] == "matched"
    assert {posting.transfer for posting in told.postings} == {f"payment-back/{payment}/1"}
    assert held(made) == 0
    found = payment_record.load(made.state, payment)
    assert (found.stage, found.reference) == ("sent-back", "R1")
    assert [(b.reference, b.amount_fen) for b in found.returns] == [("R3", QUOTA)]
    waits = notice_record.load(made.state, notice)
    assert (waits.stage, waits.paid_on) == ("issued", "")
    entries = dict(made.state.entries)
    assert report(made, **back).answer == told.answer
    assert made.state.entries == entries, "the same message twice changes nothing"

    again = f"{FINANCE_HUNAN}:2"
    args = {"payment": again, "notice": notice, "amount_fen": QUOTA, "bank": BANK}
    made.world.do(FINANCE_HUNAN, "payment", "order", args, post="finance")
    made.world.do(FINANCE_HUNAN, "payment", "approve", {"payment": again}, post="checker")
    report(made, order=again, reference="R4")
    assert abs(held(made)) == QUOTA
    assert payment_record.load(made.state, again).previous == payment
    assert not any(trial_balance(made.state).values())


def test_a_line_in_suspense_turns_out_to_be_a_return() -> None:
    made, payment = ordered()
    report(made, reference="R0", order=payment)
    waits = report(made, direction="returned", reason="other")
    assert (waits.answer["outcome"], waits.answer["cause"]) == ("suspense", "no-order")
    explained = resolve(made, "matched", order=payment)
    assert explained.answer["outcome"] == "resolved"
    assert held(made) == 0
    assert [b.reference for b in payment_record.load(made.state, payment).returns] == ["R1"]
    resolve(made, "matched", refused="bank.not-suspended", reference="R0", order=payment)


def test_the_payees_bank_has_its_own_reference() -> None:
    made, payment = ordered(payee_bank=BANK_GUANGDONG)
    came = {"order": payment, "direction": "in", "reference": "G1", "sender": BANK_GUANGDONG}
    assert report(made, **came).answer["cause"] == "not-paid-yet"
    report(made, order=payment)
    money = dict(balances(made.state))
    told = report(made, **(came | {"reference": "G2"}))
    assert (told.answer["outcome"], told.postings) == ("matched", [])
    found = payment_record.load(made.state, payment)
    assert (found.reference, found.received_reference, found.received_on) == ("R1", "G2", DAY)
    twice = report(made, **(came | {"reference": "G3"}))
    assert twice.answer["cause"] == "paid-twice"
    report(made, "bank.foreign-order", **(came | {"reference": "G4", "sender": BANK}))
    assert balances(made.state) == money
    explained = made.world.refused(
        "bank.still-open", BANK_GUANGDONG, "bank", "resolve",
        {"reference": "G1", "how": "matched", "order": payment}, post="finance",
    )  # fmt: skip
    assert explained.values["cause"] == "paid-twice"


def test_reports_after_payment_that_are_refused() -> None:
    made, payment = ordered(payee_bank=BANK_GUANGDONG)
    told: dict[str, Value] = {"payment": payment, "amount_fen": QUOTA, "reference": "B1",
                              "value_on": DAY}  # fmt: skip

    def refuse(code: str, method: str, sender: str = BANK, **given: Value) -> None:
        args = {**told, **({"reason": "limit"} if method == "send_back" else {}), **given}
        made.world.refused(code, sender, "payment", method, args, post="operator")

    refuse("payment.wrong-stage", "send_back")
    refuse("payment.wrong-stage", "receive", BANK_GUANGDONG)
    report(made, order=payment)
    refuse("payment.not-your-order", "send_back", BANK_GUANGDONG)
    refuse("payment.not-your-order", "receive")
    refuse("payment.return-above", "send_back", amount_fen=QUOTA + 1)
    refuse("payment.not-your-order", "receive", BANK_GUANGDONG, payment="none")
    refuse("payment.amount-differs", "receive", BANK_GUANGDONG, amount_fen=1)
    refuse("payment.value-day", "receive", BANK_GUANGDONG, value_on="2025-06-11")
    take_reference(made.world.context(BANK_GUANGDONG), "another", "B9")
    refuse("payment.reference-used", "receive", BANK_GUANGDONG, reference="B9")
    refuse("payment.reference-used", "send_back", reference="R1")
    refuse("payment.value-day", "send_back", value_on="2025-06-11")
    made.world.do(BANK_GUANGDONG, "payment", "receive", told, post="operator")
    refuse("payment.reported-otherwise", "receive", BANK_GUANGDONG, reference="B2")
    made.world.do(BANK, "payment", "send_back", told | {"reason": "limit"}, post="operator")
    refuse("payment.return-above", "send_back", reference="B2")
    refuse("payment.reported-otherwise", "send_back", amount_fen=QUOTA - 1)
    after = dict(made.state.entries)
    made.world.do(BANK, "payment", "send_back", told | {"reason": "limit"}, post="operator")
    assert made.state.entries == after


def test_a_line_with_what_a_call_has_told_already_matches_and_moves_nothing() -> None:
    """By hand first, then the bank's own statement with the same reference."""
    made, payment = ordered(payee_bank=BANK_GUANGDONG)
    paid = {"payment": payment, "amount_fen": QUOTA, "reference": "R1", "value_on": DAY}
    came = paid | {"reference": "G1"}
    back = paid | {"reference": "R2", "reason": "closed_account"}
    made.world.do(BANK, "payment", "confirm", paid, post="operator")
    made.world.do(BANK_GUANGDONG, "payment", "receive", came, post="operator")
    made.world.do(BANK, "payment", "send_back", back, post="operator")
    before = payment_record.load(made.state, payment)
    lines: tuple[dict[str, Any], ...] = (
        {"reference": "R1"},
        {"reference": "G1", "direction": "in", "sender": BANK_GUANGDONG},
        {"reference": "R2", "direction": "returned", "reason": "closed_account"},
    )
    for line in lines:
        told = report(made, order=payment, **line)
        assert (told.answer["outcome"], told.postings) == ("matched", [])
    assert payment_record.load(made.state, payment) == before
    assert bank.suspended(made.state, BANK, 1) is None


def test_a_line_with_a_known_reference_that_tells_something_else_does_not_match() -> None:
    made, payment = ordered()
    paid = {"payment": payment, "amount_fen": QUOTA, "reference": "R1", "value_on": DAY}
    made.world.do(BANK, "payment", "confirm", paid, post="operator")
    report(made, "payment.reported-otherwise", order=payment, value_on="2025-06-09")
    report(made, "payment.reference-used", order=payment, direction="returned", reason="limit")
    told = report(made, order=payment, amount_fen=QUOTA - 1)
    assert (told.answer["outcome"], told.answer["cause"]) == ("suspense", "amount-differs")


def test_a_line_with_the_reference_of_a_bounce_by_hand_matches() -> None:
    made, payment = ordered()
    bounced = {"payment": payment, "reference": "R1", "value_on": DAY, "reason": "limit"}
    made.world.do(BANK, "payment", "bounce", bounced, post="operator")
    report(made, "payment.reported-otherwise", order=payment)
    told = report(made, order=payment, direction="returned", reason="limit")
    assert (told.answer["outcome"], told.postings) == ("matched", [])


def test_a_line_without_its_order_is_found_to_be_what_a_call_has_told() -> None:
    made, payment = ordered()
    report(made)
    paid = {"payment": payment, "amount_fen": QUOTA, "reference": "R1", "value_on": DAY}
    made.world.do(BANK, "payment", "confirm", paid, post="operator")
    told = resolve(made, "matched", order=payment)
    assert (told.answer["outcome"], told.postings) == ("resolved", [])


@pytest.mark.parametrize("by_hand", [False, True])
def test_a_return_that_waited_has_the_reason_that_its_line_told(by_hand: bool) -> None:
    """Told by a call besides, under the same reference, it is the same return."""
    made, payment = ordered()
    report(made, reference="R0", order=payment)
    report(made, direction="returned", reason="closed_account")
    if by_hand:
        back = {"payment": payment, "amount_fen": QUOTA, "reference": "R1", "value_on": DAY,
                "reason": "closed_account"}  # fmt: skip
        made.world.do(BANK, "payment", "send_back", back, post="operator")
    assert resolve(made, "matched", order=payment).answer["outcome"] == "resolved"
    found = payment_record.load(made.state, payment)
    assert [b.reason for b in found.returns] == ["closed_account"]
