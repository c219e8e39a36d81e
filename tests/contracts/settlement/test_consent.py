"""Once a claim is declared, money goes back with consents: two people, once, an amount."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest

from contracts.api import Rejected
from contracts.settlement import claim as claims
from contracts.settlement.clearing import declaration_record, period_record
from contracts.settlement.clearing.declaration_record import Stage
from contracts.settlement.clearing.period_record import PeriodStage
from contracts.settlement.life import START
from contracts.settlement.lifecycle import ClaimState
from contracts.settlement.records import Declared
from contracts.settlement.refunds import consent
from contracts.settlement.refunds.consent import ConsentState, ConsentStep
from tests.contracts.settlement.claim_world import BED, ClaimWorld, line, make_claim_world
from tests.contracts.settlement.funds_world import balances
from tests.contracts.settlement.refund_world import FIRST, back, refund, resettle
from tests.contracts.world import (
    BUREAU_CHANGSHA,
    BUREAU_GUANGZHOU,
    HOSPITAL,
)

TOTAL = 90_000


@pytest.fixture
def counter() -> ClaimWorld:
    """A declared claim of 900.00 yuan, three pieces."""
    made = make_claim_world()
    made.settle(lines=[line(1, BED, TOTAL, quantity=3)])
    stand(made, ClaimState.DECLARED)
    return made


def stand(counter: ClaimWorld, where: ClaimState) -> None:
    """Let the month of the claim be as far as this."""
    state = counter.world.state
    claim = claims.find(state, FIRST)
    assert claim is not None
    declared = Declared("2025-06", 0, ())
    claims_put = replace(claim, state=ClaimState.DECLARED, declared=declared)
    state.put(f"claim/{FIRST}", claims_put.encode())
    month = declaration_record.begin("440100")
    if where is not ClaimState.DECLARED:
        month = replace(month, stage=Stage.CONFIRMED, period="2025-06")
    declaration_record.put(state, HOSPITAL, "2025-06", month)
    period = period_record.begin()
    if where is ClaimState.CLEARED:
        period = replace(period, stage=PeriodStage.CLOSED)
    period_record.put(state, "2025-06", period)


def call(
    counter: ClaimWorld,
    method: str,
    side: str = "care",
    *,
    amount_fen: int | None = TOTAL,
    refused: str = "",
    sender: str = "",
    post: str = "",
    holder: str | None = None,
) -> Any:
    args: dict[str, Any] = {"claim": FIRST, "side": side}
    if amount_fen is not None:
        args["amount_fen"] = amount_fen
    sender = sender or (BUREAU_GUANGZHOU if side == "care" else BUREAU_CHANGSHA)
    post = post or ("checker" if method == "give_consent" else "clerk")
    if refused:
        return counter.world.refused(
            refused, sender, "claim", method, args, post=post, holder=holder
        )
    return counter.world.do(sender, "claim", method, args, post=post, holder=holder)


def agree(counter: ClaimWorld, side: str = "care", amount_fen: int = TOTAL) -> None:
    call(counter, "ask_consent", side, amount_fen=amount_fen)
    call(counter, "give_consent", side, amount_fen=amount_fen)


def test_the_care_bureau_consents_to_what_was_declared(counter: ClaimWorld) -> None:
    told = counter.reverse(refused="consent.missing")
    assert told.values == {"claim": FIRST, "state": "declared", "side": "care", "consent": "none"}
    call(counter, "ask_consent")
    told = counter.reverse(refused="consent.missing")
    assert told.values["consent"] == "proposed"
    call(counter, "give_consent")
    assert ("consent.used", "care") in [(t, f.get("side")) for t, f in counter.reverse().events]
    fresh = make_claim_world()
    assert balances(counter.world.state) == balances(fresh.world.state)
    claim = claims.find(counter.world.state, FIRST)
    assert claim is not None
    assert claim.state is ClaimState.REVERSED
    assert claim.declared is not None, "its positive row stays in its month"


@pytest.mark.parametrize(
    ("where", "sides"),
    [(ClaimState.DECLARED, ("care",)), (ClaimState.AUDITED, ("care",)),
     (ClaimState.CLEARED, ("care", "home"))],
)  # fmt: skip
def test_whose_consent_is_needed_where(
    counter: ClaimWorld, where: ClaimState, sides: tuple[str, ...]
) -> None:
    stand(counter, where)
    for side in sides:
        assert counter.reverse(refused="consent.missing").values["side"] == side
        agree(counter, side)
    for side in {"care", "home"} - set(sides):
        call(counter, "ask_consent", side, refused="consent.not-needed")
    assert counter.reverse().answer["state"] == "reversed"


def test_a_consent_is_of_two_people_of_the_right_bureau(counter: ClaimWorld) -> None:
    call(counter, "give_consent", refused="consent.wrong-state")
    call(counter, "ask_consent", sender=BUREAU_CHANGSHA, refused="sender.not-competent")
    call(counter, "ask_consent", sender=HOSPITAL, post="clerk", refused="sender.kind")
    call(counter, "ask_consent", post="doctor", refused="sender.post")
    call(counter, "ask_consent", amount_fen=TOTAL + 1, refused="consent.amount")
    call(counter, "ask_consent", holder="s:one")
    assert call(counter, "ask_consent", holder="s:one").answer["state"] == "proposed"
    call(counter, "ask_consent", holder="s:two", refused="consent.wrong-state")
    call(counter, "give_consent", holder="s:one", refused="consent.same-holder")
    told = call(counter, "give_consent", holder="s:two", amount_fen=1, refused="consent.amount")
    assert (told.values["consented_fen"], told.values["asked_fen"]) == (TOTAL, 1)
    call(counter, "give_consent", holder="s:two")
    assert call(counter, "give_consent", holder="s:two").answer["state"] == "given"
    call(counter, "withdraw_consent", amount_fen=None)
    assert call(counter, "withdraw_consent", amount_fen=None).answer["state"] == "withdrawn"
    counter.reverse(refused="consent.missing")
    agree(counter)
    assert counter.reverse().ok


def test_the_amount_is_what_leaves_the_bill_and_a_consent_is_good_once(counter: ClaimWorld) -> None:
    agree(counter)
    told = refund(counter, [back(1, 30_000)], refused="consent.amount")
    assert (told.values["consented_fen"], told.values["asked_fen"]) == (TOTAL, 30_000)
    call(counter, "withdraw_consent", amount_fen=None)
    agree(counter, amount_fen=30_000)
    counter.reverse(refused="consent.amount")
    assert refund(counter, [back(1, 30_000)]).ok
    used = consent.find(counter.world.state, FIRST, "care")
    assert used is not None
    assert (used.state, used.reversal) == (ConsentState.USED, f"{FIRST}-r")
    new = claims.find(counter.world.state, f"{FIRST}-n")
    assert new is not None
    assert (new.state, new.declared) == (ClaimState.SETTLED, None), "it lands in the next month"
    counter.reverse(f"{FIRST}-n")


def test_settling_again_needs_it_too(counter: ClaimWorld) -> None:
    args = {"person": "p:430100:alice", "scheme": "310", "year": 2025, "local": b"1" * 32,
            "settled_ms": 1, "as_of_ms": 1}  # fmt: skip
    counter.world.do(BUREAU_CHANGSHA, "counters", "feed", args,
                     attachments={"person": {"deltas": {"deductible_fen": 30_000}}})  # fmt: skip
    resettle(counter, reason="late_counters", refused="consent.missing")
    agree(counter)
    assert resettle(counter, reason="late_counters").answer["paid_back_fen"] == 25_500


def test_a_claim_that_is_not_declared_needs_nobody() -> None:
    counter = make_claim_world()
    call(counter, "ask_consent", refused="claim.not-found")
    counter.settle(lines=[line(1, BED, TOTAL)])
    call(counter, "ask_consent", refused="consent.not-needed")
    call(counter, "withdraw_consent", amount_fen=None, refused="consent.wrong-state")
    counter.world.state.reads.clear()
    counter.reverse()
    assert not [key for key in counter.world.state.reads if key.startswith("consent/")]


@pytest.mark.parametrize(
    ("state", "step"), list(itertools.product([START, *ConsentState], ConsentStep)), ids=str
)
def test_every_cell_of_the_table(state: str, step: ConsentStep) -> None:
    expected = consent.TABLE.get((state, step))
    if expected is not None:
        assert consent.follow_consent(state, step) is expected
        return
    with pytest.raises(Rejected) as refusal:
        consent.follow_consent(state, step)
    assert refusal.value.values == {"state": str(state), "step": step.value}
