"""Settlements and refunds, each proved by the receipt of the call that made it.

The claim's entry in the state says more about a person than money needs, and each look at it is
logged as a look at the person: it is not asked for.
"""

from __future__ import annotations

from typing import Any

from contracts.settlement.calendar import date_of_ms
from node.ledger.evidence import ReceiptFacts
from node.ledger.receipt import OK
from node.member.kinds.kind import Found, ReceiptKind, other_subject

SETTLED, REVERSED = "claim.settled", "claim.reversed"


def event_of(facts: ReceiptFacts, topic: str, **fields: str) -> dict[str, Any] | None:
    """Fields of the event of a call that succeeded; None where there is none of them."""
    if facts.receipt.status != OK:
        return None
    for event in facts.receipt.events:
        if event.topic == topic and fields.items() <= event.fields.items():
            return dict(event.fields)
    return None


def shown(facts: ReceiptFacts, **more: Any) -> dict[str, Any]:
    receipt = facts.receipt
    return {
        "tx_id": receipt.tx_id.hex(), "call_index": receipt.call_index,
        "on": date_of_ms(facts.header.time_ms), **more,
    }  # fmt: skip


def settlements(institution: str) -> ReceiptKind:
    """An institution's settlements; one that was decided again stands at a greater height."""

    def read(name: str, facts: ReceiptFacts) -> Found:
        if event_of(facts, SETTLED, claim=name, institution=institution) is None:
            raise other_subject("settlement", name)
        return Found("settled", shown(facts, amounts=dict(facts.receipt.amounts)))

    return ReceiptKind("settlement", "settlement: who pays how much of the bill", read)


def refunds(institution: str) -> ReceiptKind:
    """Settlements of an institution that were taken back; a refund's amounts are negative, and of
    one that was decided again in the same call the receipt has those of the new settlement."""

    def read(name: str, facts: ReceiptFacts) -> Found:
        told = event_of(facts, REVERSED, reversal=name, institution=institution)
        if told is None:
            raise other_subject("refund", name)
        again = event_of(facts, SETTLED, institution=institution)
        amounts = dict(facts.receipt.amounts) if again is None else {}
        replacement = "" if again is None else again["claim"]
        return Found(
            "refunded",
            shown(facts, claim=told["claim"], replacement=replacement, amounts=amounts),
        )

    return ReceiptKind("refund", "settlement that was taken back", read)
