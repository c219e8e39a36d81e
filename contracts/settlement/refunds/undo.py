"""The counter-entry of a settlement: all that its postings moved, back the way it came.

What an audit took off a declared settlement has gone back to its fund already; the counter-entry
gives that back first, so no fund gets more than it paid.
"""

from __future__ import annotations

from contracts.api import Context
from contracts.settlement import claim as claims
from contracts.settlement.claim_postings import bill_of, settlement_legs
from contracts.settlement.clearing import owed
from contracts.settlement.funds_book import Book, Leg, counter_entry, post
from contracts.settlement.records import Claim, Settled


def post_back(ctx: Context, reversal: str, claim: Claim, settled: Settled, book: Book) -> list[Leg]:
    """Post the counter-entry, last payer first; its legs."""
    legs: list[Leg] = []
    if claim.declared is not None and claim.declared.deducted:
        legs = counter_entry(owed.deduction_legs(claim, dict(claim.declared.deducted)))
    legs += counter_entry(settlement_legs(bill_of(claim, settled)))
    post(ctx, claims.transfer_id(reversal), legs, book)
    return legs
