"""A decision as a document says what the decision says, also where few cases have anything."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contracts.settlement.decision import CounterChange, Decision, Payment
from contracts.settlement.terms import PAYER_FUND, PAYER_WAIVER
from tests.contracts.settlement.test_adjudicate import answer, decide


def made() -> Decision:
    """Two years, one payment of before, a waiver, a relative's account, one step taken twice."""
    plain = decide(answer('{"payments": []}'))

    def payment(fund: str, payer: str, fen: int, *, earlier: bool = False) -> Payment:
        return Payment(fund, payer, "in_scope", fen, "why", fen, plain.year, earlier)

    return replace(
        plain,
        payments=(
            payment("310100", PAYER_FUND, 40, earlier=True), payment("310100", PAYER_FUND, 300),
            payment("waiver", PAYER_WAIVER, 7),
        ),
        account_fen=90,
        family_fen=20,
        counters=(
            CounterChange(plain.year, "paid", 1_000, 300),
            CounterChange(plain.year - 1, "paid", 50, 5),
        ),
        steps=({"code": "band", "result_fen": 1}, {"code": "band", "result_fen": 2}),
    )  # fmt: skip


def test_the_document_says_what_was_decided() -> None:
    decision = made()
    told = decision.to_json()
    assert [payment["earlier"] for payment in told["payments"]] == [True, False, False]
    assert (told["funds_fen"], told["hospital_share_fen"]) == (340, 7)
    assert (told["account_fen"], told["family_fen"]) == (90, 20)
    assert told["counters"] == {"paid": 1_300}, "of the year of the discharge"
    year = decision.year
    assert told["counter_changes"] == [
        {"year": year, "name": "paid", "before": 1_000, "added": 300, "after": 1_300},
        {"year": year - 1, "name": "paid", "before": 50, "added": 5, "after": 55},
    ]


def test_what_a_case_may_expect_of_it() -> None:
    decision = made()
    assert decision.fund_fen("310100") == 300, "what was paid before is not decided here"
    assert decision.step_fen("band") == 2, "the last of them"
    with pytest.raises(KeyError):
        decision.step_fen("none")
