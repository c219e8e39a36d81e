"""Refusals of the registries: organisations, enrolment, counters, filing, catalogue.

Rows are appended by whoever adds a code. A code is never given another meaning.
"""

# fmt: off
# One line for each field keeps a row readable as a whole.

from __future__ import annotations

from contracts.settlement.reason import Reason

ROWS: tuple[Reason, ...] = (
)
