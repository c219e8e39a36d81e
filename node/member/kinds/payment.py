"""Payments of notices: how each stands, with the banks' references, and what of it came back."""

from __future__ import annotations

from contracts.settlement.clearing.payment_record import Payment, PaymentStage
from node.ledger.types import Value
from node.member.kinds.kind import Found, StateKind

OPEN = (PaymentStage.MADE, PaymentStage.APPROVED)


def _read(_name: str, value: Value) -> Found:
    made = Payment.decode(value)
    facts = {
        "notice": made.notice, "amount_fen": made.amount_fen, "sender": made.sender,
        "bank": made.bank, "payee_bank": made.payee_bank, "reference": made.reference,
        "value_on": made.value_on, "reason": made.reason, "previous": made.previous,
        "received_reference": made.received_reference, "received_on": made.received_on,
        "returned_fen": made.amount_fen - made.left_fen,
        "returns": [back.show() for back in made.returns],
    }  # fmt: skip
    return Found(
        made.stage.value, facts, is_open=made.stage in OPEN,
        needs=(("notice", made.notice),),  # its notice says whose payment it is
        names=(("payment", made.previous),) if made.previous else (),
    )  # fmt: skip


PAYMENTS = StateKind(
    "payment",
    "payment/",
    "payment of a notice: stage, both banks and their references, what came back; open until the"
    " bank has reported",
    _read,
)
