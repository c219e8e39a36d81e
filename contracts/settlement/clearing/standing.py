"""Where a claim stands, months after it was settled: the one function that tells.

Declaring writes the claim's record, because the same claim must not be declared twice. What comes
after, audit, clearing and closing, happens to a whole month at once and is looked up there.
"""

from __future__ import annotations

from contracts.api import State
from contracts.settlement.clearing import declaration_record, period_record, statement_record
from contracts.settlement.clearing.declaration_record import Stage
from contracts.settlement.clearing.period_record import PeriodStage
from contracts.settlement.lifecycle import ClaimState
from contracts.settlement.records import Claim


def standing(state: State, claim: Claim) -> ClaimState:
    """The state of a claim in the table of ``lifecycle``, its month taken into account.

    Only a declared claim costs reads: its declaration, and its period once that is confirmed.
    """
    if claim.state is not ClaimState.DECLARED:
        return claim.state
    assert claim.declared is not None, "a declared claim names its declaration"
    declaration = declaration_record.find(state, claim.institution, claim.declared.month)
    assert declaration is not None, "a claim names a declaration that is not there"
    if declaration.stage is not Stage.CONFIRMED:
        return ClaimState.DECLARED
    pair = statement_record.sides(state, claim.area, claim.care)
    if pair is not None and not statement_record.is_national(*pair):
        # A province's own clearing is done when both cities have said yes, whatever the country's.
        stated = statement_record.find(state, declaration.period, *pair)
        if stated is not None and not stated.settled:
            return ClaimState.AUDITED
    period = period_record.find(state, declaration.period)
    if period is not None and period.stage is PeriodStage.CLOSED:
        return ClaimState.CLEARED
    return ClaimState.AUDITED
