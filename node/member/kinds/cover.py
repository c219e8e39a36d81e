"""What an insurer's products pay: each payment of a bill, and the settlement that it is part of.

A payment's entry names the person by the pseudonym under which the insurer itself had said that the
person holds the product; policy numbers are not on the ledger.
"""

from __future__ import annotations

from contracts.settlement.cover_record import CoverPayment, CoverStage
from node.ledger.evidence import ReceiptFacts
from node.ledger.types import Value
from node.member.kinds.kind import Found, ReceiptKind, StateKind, not_party, other_subject
from node.member.kinds.settlement import SETTLED, event_of, shown

TO_PATIENT = (CoverStage.DUE, CoverStage.PAYING, CoverStage.RETURNED)
"""Stages in which the insurer owes the patient."""
FINAL = (CoverStage.SETTLED, CoverStage.PAID, CoverStage.CANCELLED, CoverStage.REPAID)
"""Stages in which nobody waits for anybody; a node lists what changes all the same."""


def covers(insurer: str) -> StateKind:
    """What a product of the insurer pays of one bill."""

    def read(name: str, value: Value) -> Found:
        made = CoverPayment.decode(value)
        if made.insurer != insurer:
            raise not_party("cover", name, insurer=made.insurer)
        facts = {
            "claim": made.claim, "product": made.product, "version": made.number,
            "person": made.person, "area": made.area, "amount_fen": made.amount_fen,
            "open_fen": made.open_fen if made.stage in TO_PATIENT else 0,
            "paid_fen": made.standing_fen,
            "orders": [
                {"order": order.id, "bank": order.bank, "outcome": order.outcome,
                 "reference": order.reference, "amount_fen": order.amount_fen,
                 "returned_fen": sum(back.amount_fen for back in order.returns)}
                for order in made.orders
            ],
        }  # fmt: skip
        return Found(made.stage.value, facts, is_open=made.stage not in FINAL)

    return StateKind(
        "cover",
        "cover-payment/",
        "what a product pays of one bill: amount, product, version, orders to banks, what came"
        " back; open while anybody waits for money",
        read,
    )


def covered(insurer: str) -> ReceiptKind:
    """Settlements of which its products pay: at which institution, when, who paid how much. Where
    it may not be read, what the product pays is known by its own entry."""

    def read(name: str, facts: ReceiptFacts) -> Found:
        told = event_of(facts, SETTLED, claim=name)
        mine = [
            event.fields["payment"]
            for event in facts.receipt.events
            if event.topic.startswith("cover.")
            and event.fields.get("insurer") == insurer
            and str(event.fields.get("payment", "")).rpartition(".")[0] == name
        ]
        if told is None or not mine:
            raise other_subject("settlement", name)
        facts_shown = shown(
            facts, institution=told["institution"], covers=mine,
            amounts=dict(facts.receipt.amounts),
        )  # fmt: skip
        return Found("settled", facts_shown)

    return ReceiptKind(
        "settlement",
        "settlement of which a product pays: institution, day, who pays how much",
        read,
    )
