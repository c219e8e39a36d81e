"""Dates of the field: ISO text and day numbers, months, ages, working days.

Contracts have no clock. A date is the text ``YYYY-MM-DD`` (it sorts as it reads) or a day number,
days since 1970-01-01; an instant is the block's ``time_ms``. All of the country lives by one
civil time, UTC+8 without summer time, so the date of an instant is exact. Public holidays, and the
weekends that are worked in exchange for them, are announced each year: they are data
(``WorkCalendar``), never code.

Day numbers follow the proleptic Gregorian calendar by the usual reckoning from a year that begins
in March (so that the leap day is the year's last).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from contracts import parameters
from contracts.api import State

_ISO = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})", re.ASCII)
_MS_PER_DAY = 86_400_000
_CHINA_OFFSET_MS = 8 * 3_600_000
"""UTC+8, the only civil time since 1991, when summer time was given up."""
_DAYS_400_YEARS = 146_097
_EPOCH_FROM_MARCH_0000 = 719_468
"""Days from 0000-03-01 to 1970-01-01."""
_MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
FIRST_YEAR, LAST_YEAR = 1000, 9999
"""Years that have four digits. Dates that people give end with 2999 (``schema.Date``), so that no
term that is added to one of them leaves the calendar."""


class CalendarError(ValueError):
    """A text is not a date of the calendar, or a date lies outside what the field can mean."""


def is_leap(year: int) -> bool:
    """Whether the year has a 29 February."""
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def days_in_month(year: int, month: int) -> int:
    """28 to 31."""
    return 29 if month == 2 and is_leap(year) else _MONTH_DAYS[month - 1]


@lru_cache(maxsize=65_536)
def parts(date: str) -> tuple[int, int, int]:
    """``"2024-02-29"`` -> (2024, 2, 29). Raises ``CalendarError`` unless it is a real date."""
    found = _ISO.fullmatch(date)
    if found is None:
        raise CalendarError("not a date: want YYYY-MM-DD")
    year, month, day = int(found[1]), int(found[2]), int(found[3])
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise CalendarError(f"year {year} is outside {FIRST_YEAR} to {LAST_YEAR}")
    if not 1 <= month <= 12 or not 1 <= day <= days_in_month(year, month):
        raise CalendarError(f"no such day in the calendar: {date}")
    return year, month, day


def is_date(date: object) -> bool:
    """Whether the value is the text of a real date within the accepted years."""
    if not isinstance(date, str):
        return False
    try:
        parts(date)
    except CalendarError:
        return False
    return True


def iso(year: int, month: int, day: int) -> str:
    """``(2024, 2, 29)`` -> ``"2024-02-29"``."""
    return f"{year:04d}-{month:02d}-{day:02d}"


@lru_cache(maxsize=65_536)
def day_number(date: str) -> int:
    """Days since 1970-01-01. Raises ``CalendarError``."""
    year, month, day = parts(date)
    if month <= 2:
        year -= 1
    era, year_of_era = divmod(year, 400)
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return era * _DAYS_400_YEARS + day_of_era - _EPOCH_FROM_MARCH_0000


def date_of_day(number: int) -> str:
    """The ISO date of a day number. Raises ``CalendarError`` outside the accepted years."""
    era, day_of_era = divmod(number + _EPOCH_FROM_MARCH_0000, _DAYS_400_YEARS)
    year_of_era = (
        day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096
    ) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted_month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * shifted_month + 2) // 5 + 1
    month = shifted_month + 3 if shifted_month < 10 else shifted_month - 9
    year = era * 400 + year_of_era + (1 if month <= 2 else 0)
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise CalendarError(f"year {year} is outside {FIRST_YEAR} to {LAST_YEAR}")
    return iso(year, month, day)


@lru_cache(maxsize=1_024)  # a block has one time, and every call of it asks for the day
def date_of_ms(time_ms: int) -> str:
    """The civil date (UTC+8) of an instant in milliseconds since 1970 UTC."""
    return date_of_day((time_ms + _CHINA_OFFSET_MS) // _MS_PER_DAY)


def start_of_day_ms(date: str) -> int:
    """The instant, milliseconds since 1970 UTC, at which the civil date (UTC+8) begins."""
    return day_number(date) * _MS_PER_DAY - _CHINA_OFFSET_MS


def add_days(date: str, days: int) -> str:
    """The date ``days`` later, or earlier when negative."""
    return date_of_day(day_number(date) + days)


def days_between(start: str, end: str) -> int:
    """Days from ``start`` to ``end``; negative when ``end`` is earlier."""
    return day_number(end) - day_number(start)


def add_months(date: str, months: int) -> str:
    """The same day of a later month; the month's last day where that day does not exist.

    2024-08-31 and six months is 2025-02-28, the reading of "valid for six months" by Civil Code
    article 202 (a term in months ends on the corresponding day, else on the month's last).
    """
    year, month, day = parts(date)
    year, zero_month = divmod(year * 12 + month - 1 + months, 12)
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise CalendarError(f"year {year} is outside {FIRST_YEAR} to {LAST_YEAR}")
    return iso(year, zero_month + 1, min(day, days_in_month(year, zero_month + 1)))


def months_between(start: str, end: str) -> int:
    """Whole months that ``end`` lies after ``start``: the greatest m with start + m <= end."""
    if end < start:
        return -months_between(end, start)
    from_year, from_month, _ = parts(start)
    to_year, to_month, _ = parts(end)
    months = (to_year - from_year) * 12 + to_month - from_month
    return months if add_months(start, months) <= end else months - 1


def age_years(birth: str, on_date: str) -> int:
    """Completed years of life; a child of 29 February turns a year older on 1 March.

    Raises ``CalendarError`` when ``on_date`` is before birth.
    """
    if on_date < birth:
        raise CalendarError("the date lies before birth")
    birth_year, birth_month, birth_day = parts(birth)
    year, month, day = parts(on_date)
    return year - birth_year - ((month, day) < (birth_month, birth_day))


def age_days(birth: str, on_date: str) -> int:
    """Completed days of life (newborns). Raises ``CalendarError`` before birth."""
    if on_date < birth:
        raise CalendarError("the date lies before birth")
    return days_between(birth, on_date)


def weekday(date: str) -> int:
    """0 is Monday, 6 is Sunday."""
    return (day_number(date) + 3) % 7


@dataclass(frozen=True, slots=True)
class WorkCalendar:
    """Public holidays as announced by the State Council each year."""

    off: frozenset[str] = frozenset()
    """Weekdays that are free."""
    on: frozenset[str] = frozenset()
    """Saturdays and Sundays that are worked in exchange."""

    def is_working_day(self, date: str) -> bool:
        """Whether offices work on this date."""
        if weekday(date) >= 5:
            return date in self.on
        return date not in self.off

    def add_working_days(self, date: str, count: int) -> str:
        """The ``count``-th working day after ``date``, the day itself not counted.

        With ``count`` 0 it is the date itself. ``count`` is never negative.
        """
        number = day_number(date)
        while count > 0:
            number += 1
            if self.is_working_day(date_of_day(number)):
                count -= 1
        return date_of_day(number)

    def working_days_between(self, start: str, end: str) -> int:
        """Working days after ``start`` up to and with ``end``; 0 when ``end`` is not later."""
        first, last = day_number(start) + 1, day_number(end)
        return sum(self.is_working_day(date_of_day(n)) for n in range(first, last + 1))


def work_calendar(state: State) -> WorkCalendar:
    """Working days of the country as the centre has published them."""
    days = parameters.area(state, "holidays")
    return WorkCalendar(frozenset(days["off"]), frozenset(days["on"]))
