"""Dates agree with the standard library's calendar, day by day and by property."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.settlement import calendar
from contracts.settlement.calendar import CalendarError, WorkCalendar

FIRST = date(calendar.FIRST_YEAR, 1, 1)
EPOCH = date(1970, 1, 1)
days = st.dates(FIRST, date(9999, 11, 30))
inner_days = st.dates(date(1900, 1, 1), date(2900, 1, 1))


def test_every_day_of_four_centuries_round_trips() -> None:
    day = date(1801, 1, 1)
    number = (day - EPOCH).days
    while day < date(2202, 1, 1):
        text = calendar.date_of_day(number)
        assert text == day.isoformat()
        assert calendar.day_number(text) == number
        day, number = day + timedelta(days=1), number + 1


@given(days)
def test_every_accepted_day_round_trips(day: date) -> None:
    assert calendar.date_of_day((day - EPOCH).days) == day.isoformat()
    assert calendar.day_number(day.isoformat()) == (day - EPOCH).days


@given(days)
def test_weekday_and_leap_years_agree(day: date) -> None:
    assert calendar.weekday(day.isoformat()) == day.weekday()
    assert calendar.is_leap(day.year) == ((date(day.year, 3, 1) - date(day.year, 2, 1)).days == 29)


@given(st.datetimes(datetime(1900, 1, 1), datetime(2900, 1, 1)))
def test_an_instant_belongs_to_the_civil_day_of_utc_plus_8(instant: datetime) -> None:
    at = instant.replace(tzinfo=UTC)
    time_ms = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    local = at.astimezone(timezone(timedelta(hours=8)))
    text = calendar.date_of_ms(time_ms)
    assert text == local.date().isoformat()
    start = calendar.start_of_day_ms(text)
    assert start <= time_ms < start + 86_400_000
    assert calendar.date_of_ms(start) == text
    assert calendar.date_of_ms(start - 1) == calendar.add_days(text, -1)


@given(inner_days, st.integers(-5000, 5000))
def test_days_added_are_days_between(day: date, count: int) -> None:
    text = day.isoformat()
    later = calendar.add_days(text, count)
    assert later == (day + timedelta(days=count)).isoformat()
    assert calendar.days_between(text, later) == count


@given(inner_days, st.integers(-600, 600))
def test_months_keep_the_day_or_end_the_month(day: date, count: int) -> None:
    found = date.fromisoformat(calendar.add_months(day.isoformat(), count))
    assert (found.year * 12 + found.month) - (day.year * 12 + day.month) == count
    if found.day != day.day:
        assert found.day < day.day
        assert (found + timedelta(days=1)).day == 1


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ("2024-08-31", 6, "2025-02-28"),
        ("2023-08-31", 6, "2024-02-29"),
        ("2024-02-29", 12, "2025-02-28"),
        ("2024-12-15", 1, "2025-01-15"),
        ("2024-03-31", -1, "2024-02-29"),
    ],
)
def test_six_months_end_where_the_month_ends(start: str, months: int, end: str) -> None:
    assert calendar.add_months(start, months) == end


@given(inner_days, inner_days)
def test_months_between_is_the_greatest_that_fits(one: date, other: date) -> None:
    start, end = sorted((one.isoformat(), other.isoformat()))
    months = calendar.months_between(start, end)
    assert calendar.add_months(start, months) <= end < calendar.add_months(start, months + 1)
    assert calendar.months_between(end, start) == -months


@given(inner_days, st.integers(0, 45_000))
def test_age_is_the_number_of_birthdays(birth: date, lived: int) -> None:
    on = birth + timedelta(days=lived)
    birthdays = 0
    for year in range(birth.year + 1, on.year + 1):
        leap_child = (birth.month, birth.day) == (2, 29)
        try:
            birthday = birth.replace(year=year)
        except ValueError:
            assert leap_child
            birthday = date(year, 3, 1)
        birthdays += birthday <= on
    assert calendar.age_years(birth.isoformat(), on.isoformat()) == birthdays
    assert calendar.age_days(birth.isoformat(), on.isoformat()) == lived


def test_nobody_has_an_age_before_birth() -> None:
    with pytest.raises(CalendarError):
        calendar.age_years("2024-01-02", "2024-01-01")
    with pytest.raises(CalendarError):
        calendar.age_days("2024-01-02", "2024-01-01")


@pytest.mark.parametrize(
    "text",
    ["2023-02-29", "2024-13-01", "2024-00-10", "2024-04-31", "24-01-01", "2024-1-01", "0999-12-31",
     "10000-01-01", "2024-01-01 ", "٢٠٢٤-01-01", "", "2024/01/01", "1900-02-29"],
)  # fmt: skip
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(CalendarError):
        calendar.parts(text)
    assert not calendar.is_date(text)


def test_only_text_is_a_date() -> None:
    assert calendar.is_date("2024-02-29")
    assert not calendar.is_date(20240229)
    assert not calendar.is_date(None)


def test_working_days_over_spring_festival() -> None:
    """2025: off from Tuesday 28 January to Tuesday 4 February, worked on two weekend days."""
    work = WorkCalendar(
        off=frozenset(
            {"2025-01-28", "2025-01-29", "2025-01-30", "2025-01-31", "2025-02-03", "2025-02-04"}
        ),
        on=frozenset({"2025-01-26", "2025-02-08"}),
    )
    assert work.is_working_day("2025-01-26")
    assert not work.is_working_day("2025-02-01")
    assert work.add_working_days("2025-01-24", 1) == "2025-01-26"
    assert work.add_working_days("2025-01-27", 1) == "2025-02-05"
    assert work.add_working_days("2025-02-07", 1) == "2025-02-08"
    assert work.add_working_days("2025-02-07", 0) == "2025-02-07"
    assert work.working_days_between("2025-01-24", "2025-02-08") == 6
    assert work.working_days_between("2025-02-08", "2025-01-24") == 0


@given(
    inner_days,
    st.integers(0, 60),
    st.sets(st.integers(0, 40), max_size=15),
    st.sets(st.integers(0, 40), max_size=15),
)
def test_the_count_of_working_days_added_is_the_count_between(
    start: date, count: int, off: set[int], on: set[int]
) -> None:
    at = [(start + timedelta(days=n)).isoformat() for n in range(41)]
    work = WorkCalendar(frozenset(at[n] for n in off), frozenset(at[n] for n in on))
    end = work.add_working_days(start.isoformat(), count)
    assert work.working_days_between(start.isoformat(), end) == count
    if count:
        assert work.is_working_day(end)


def test_nothing_leaves_the_years_of_four_digits() -> None:
    with pytest.raises(CalendarError):
        calendar.add_days("9999-12-31", 1)
    with pytest.raises(CalendarError):
        calendar.add_months("9999-12-01", 1)
    # The last date that a call can name bears every term of the field.
    assert calendar.add_months("2999-12-31", 1200) == "3099-12-31"
