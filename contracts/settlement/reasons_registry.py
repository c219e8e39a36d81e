"""Refusals of the registries: organisations, enrolment, counters, filing, catalogue, policy.

Rows are appended by whoever adds a code; order is by appearance, codes are never reused.
"""

# fmt: off
# One line for each field keeps a row readable as a whole.

from __future__ import annotations

from contracts.settlement.reason import Reason

ROWS: tuple[Reason, ...] = (
)
