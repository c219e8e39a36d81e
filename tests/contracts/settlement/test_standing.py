"""A claim's state is that of its month: declared, audited, cleared are told, not written."""

from __future__ import annotations

from dataclasses import replace

from contracts.settlement.clearing import declaration_record, period_record
from contracts.settlement.clearing.declaration_record import Stage
from contracts.settlement.clearing.period_record import PeriodStage
from contracts.settlement.clearing.standing import standing
from contracts.settlement.lifecycle import ClaimState
from contracts.settlement.records import Claim, Declared, Reversal
from tests.contracts.settlement.claim_world import make_claim_world
from tests.contracts.world import HOSPITAL

CLAIM = "H44010000123-m-1"


def test_the_month_of_a_claim_tells_its_state() -> None:
    made = make_claim_world()
    made.settle()
    state = made.world.state
    plain = Claim.decode(state.get(f"claim/{CLAIM}"))
    state.reads.clear()
    assert standing(state, plain) is ClaimState.SETTLED
    assert not state.reads, "a plain claim asks nobody"

    claim = replace(plain, state=ClaimState.DECLARED, declared=Declared("2025-06", 0, ()))
    month = declaration_record.begin("440100")
    declaration_record.put(state, HOSPITAL, "2025-06", month)
    assert standing(state, claim) is ClaimState.DECLARED
    confirmed = replace(month, stage=Stage.CONFIRMED, period="2025-06")
    declaration_record.put(state, HOSPITAL, "2025-06", confirmed)
    assert standing(state, claim) is ClaimState.AUDITED
    period = period_record.begin()
    period_record.put(state, "2025-06", period)
    assert standing(state, claim) is ClaimState.AUDITED
    period_record.put(state, "2025-06", replace(period, stage=PeriodStage.CLOSED))
    assert standing(state, claim) is ClaimState.CLEARED
    assert standing(state, replace(claim, state=ClaimState.REVERSED)) is ClaimState.REVERSED


def test_a_claim_that_is_not_declared_has_no_place_for_it() -> None:
    made = make_claim_world()
    made.settle()
    value = made.world.state.get(f"claim/{CLAIM}")
    assert len(value) == 13, "a plain settlement pays nothing for the month"
    claim = Claim.decode(value)
    assert claim.encode() == value
    declared = replace(claim, declared=Declared("2025-06", 2, (("310100", 500),)))
    assert Claim.decode(declared.encode()) == declared


def test_a_reversal_names_the_month_of_its_negative_row() -> None:
    made = Reversal("c", b"d", b"t", 1, "refund")
    assert len(made.encode()) == 6
    assert Reversal.decode(made.encode()) == made
    later = replace(made, month="2025-07")
    assert Reversal.decode(later.encode()) == later
