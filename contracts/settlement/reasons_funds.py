"""Refusals of funds: transfers, accounts, what may go negative.

# fmt: off
# One line for each field keeps a row readable as a whole.

from __future__ import annotations

from contracts.settlement.reason import Reason

ROWS: tuple[Reason, ...] = (
)
