"""Months as the clearing names them: ``YYYY-MM`` of the country's one civil time."""

from __future__ import annotations

from contracts.settlement.calendar import add_days, add_months, date_of_ms


def month_of_ms(time_ms: int) -> str:
    """The month of an instant, milliseconds since 1970 UTC."""
    return date_of_ms(time_ms)[:7]


def next_month(month: str) -> str:
    """``2025-12`` -> ``2026-01``."""
    return add_months(f"{month}-01", 1)[:7]


def last_day(month: str) -> str:
    """``2025-02`` -> ``2025-02-28``."""
    return add_days(f"{next_month(month)}-01", -1)
