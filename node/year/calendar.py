"""The year's days: which are worked, and how much happens on each."""

from __future__ import annotations

from datetime import date, timedelta

from contracts.settlement.calendar import WorkCalendar

YEAR = 2025
HOLIDAYS = (
    ("2025-01-01", 1), ("2025-01-28", 8), ("2025-04-04", 3), ("2025-05-01", 5), ("2025-05-31", 3),
    ("2025-10-01", 8), ("2026-01-01", 3), ("2026-02-15", 9),
)  # fmt: skip
"""First day and number of days, as announced for the country."""
WORKED = (
    "2025-01-26", "2025-02-08", "2025-04-27", "2025-09-28", "2025-10-11", "2026-01-04",
    "2026-02-14", "2026-02-28",
)  # fmt: skip
"""Weekend days that are worked in exchange."""
SPRING_FESTIVAL = ("2025-01-28", "2025-02-04")

OFF = tuple(
    (date.fromisoformat(first) + timedelta(days=n)).isoformat()
    for first, days in HOLIDAYS
    for n in range(days)
)
WORKDAYS = WorkCalendar(frozenset(OFF), frozenset(WORKED))


def days_of(year: int) -> list[str]:
    """All days of a year."""
    first = date(year, 1, 1)
    count = (date(year + 1, 1, 1) - first).days
    return [(first + timedelta(days=n)).isoformat() for n in range(count)]


def after(day: str, days: int) -> str:
    """So many days later."""
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()


def weight_of(day: str) -> float:
    """How much care there is on a day, a working day being 1."""
    if SPRING_FESTIVAL[0] <= day <= SPRING_FESTIVAL[1]:
        return 0.2
    if day in OFF:
        return 0.35
    return 1.0 if WORKDAYS.is_working_day(day) else 0.55


def spread(count: int, days: list[str]) -> list[int]:
    """``count`` over the days by their weight, whole numbers that sum exactly."""
    weights = [weight_of(day) for day in days]
    whole, running, given = sum(weights), 0.0, 0
    parts = []
    for weight in weights:
        running += weight
        until = round(count * running / whole)
        parts.append(until - given)
        given = until
    return parts
