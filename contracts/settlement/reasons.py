"""The one table of all reasons for which a contract refuses a call.

A code is stable for good: it is written into receipts, shown by the API and the command line, and
programs of institutions compare it. Each code has a sentence in English and in Chinese and says
what a clerk can do next, because a refusal without that sends a patient away. Texts never hold
values of the call: the receipt carries the compared values beside the code.

The rows live beside their subject in the modules ``reasons_*`` that are imported below. A test
reads the source of all contracts and fails on a code that is used and not listed, or listed and not
used.
"""

from __future__ import annotations

from collections.abc import Mapping

from contracts.settlement import (
    reasons_advance,
    reasons_audit,
    reasons_bank,
    reasons_claim,
    reasons_clearing,
    reasons_cover,
    reasons_engine,
    reasons_filing,
    reasons_funds,
    reasons_lives,
    reasons_objection,
    reasons_own,
    reasons_payment,
    reasons_people,
    reasons_policy,
    reasons_provider,
    reasons_refunds,
    reasons_registry,
    reasons_reimbursement,
    reasons_stay,
    reasons_traces,
    reasons_validators,
)
from contracts.settlement.reason import Reason


def _table() -> dict[str, Reason]:
    table: dict[str, Reason] = {}
    for rows in (
        reasons_engine.ROWS,
        reasons_registry.ROWS,
        reasons_validators.ROWS,
        reasons_people.ROWS,
        reasons_filing.ROWS,
        reasons_policy.ROWS,
        reasons_claim.ROWS,
        reasons_funds.ROWS,
        reasons_reimbursement.ROWS,
        reasons_stay.ROWS,
        reasons_traces.ROWS,
        reasons_own.ROWS,
        reasons_refunds.ROWS,
        reasons_clearing.ROWS,
        reasons_audit.ROWS,
        reasons_objection.ROWS,
        reasons_payment.ROWS,
        reasons_advance.ROWS,
        reasons_provider.ROWS,
        reasons_bank.ROWS,
        reasons_cover.ROWS,
        reasons_lives.ROWS,
    ):
        for row in rows:
            assert row.code not in table, f"reason {row.code} is listed twice"
            table[row.code] = row
    return table


TABLE: Mapping[str, Reason] = _table()
"""All reasons by code."""


def describe(code: str) -> Reason:
    """The row of a code. Raises ``KeyError`` for a code that no contract uses."""
    return TABLE[code]
