"""Deductions from an institution's settlements: noticed, answered, decided."""

from __future__ import annotations

from contracts.settlement.clearing.audit_record import Deduction, DeductionStage
from node.ledger.types import Value
from node.member.kinds.kind import Found, StateKind, not_party


def deductions(institution: str) -> StateKind:
    """Deductions that an institution bears, with the day until which it may object."""

    def read(name: str, value: Value) -> Found:
        made = Deduction.decode(value)
        if made.institution != institution:
            raise not_party("deduction", name, institution=made.institution)
        facts = {
            "claim": made.claim, "month": made.month, "amount_fen": made.amount_fen,
            "noticed_on": made.noticed_on, "due_on": made.due_on, "answer": made.answer,
            "decided_fen": made.decided_fen, "by_fund_fen": dict(made.by_fund),
            "original_period": made.original_period, "period": made.period,
        }  # fmt: skip
        return Found(made.stage.value, facts, is_open=made.stage is not DeductionStage.DECIDED)

    return StateKind(
        "deduction",
        "deduction/",
        "deduction: settlement, month, amount, last day for an answer, what was decided; open until"
        " then",
        read,
    )
