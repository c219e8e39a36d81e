"""``yibao due``: dates as the ledger reckons them, in months and in working days.

Months end on the same day, or on the month's last where there is none. Working days are counted
after the day itself, over the holidays that the centre has published; ``--off`` and ``--on`` stand
for those of a year that is not published yet.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli.exits import Exit
from cli.output import Json, fail, print_fields, print_json
from cli.session import open_client
from contracts.settlement import calendar

Day = Annotated[str, typer.Argument(metavar="DATE", help="YYYY-MM-DD.")]
Dates = list[str] | None


def due(
    context: typer.Context,
    date: Day,
    months: Annotated[int | None, typer.Option(help="Add months.", min=0, max=1200)] = None,
    working_days: Annotated[
        int | None, typer.Option(help="Add working days.", min=0, max=1000)
    ] = None,
    off: Annotated[
        Dates, typer.Option(help="A weekday that is free; instead of the published ones.")
    ] = None,
    on: Annotated[Dates, typer.Option(help="A weekend day that is worked, likewise.")] = None,
    as_json: Json = False,
) -> None:
    """When something is over or due: so many months or working days after a date. 期限"""
    if (months is None) == (working_days is None):
        fail(Exit.USAGE, "one of --months and --working-days is needed")
    for given in (date, *(off or ()), *(on or ())):
        if not calendar.is_date(given):
            fail(Exit.USAGE, f"{given} is no date", hint="YYYY-MM-DD, a day of the calendar")
    try:
        if months is not None:
            told = {"date": date, "months": months, "due": calendar.add_months(date, months)}
        else:
            assert working_days is not None, "one of both was given"
            told = _after_working_days(context, date, working_days, off, on)
    except calendar.CalendarError as error:
        fail(Exit.USAGE, str(error))
    if as_json:
        print_json(told)
    else:
        print_fields("Due 期限", told)


def _after_working_days(
    context: typer.Context, date: str, count: int, off: Dates, on: Dates
) -> dict[str, Any]:
    if off is None and on is None:
        with open_client(context) as client:
            answer = client.get("/v1/state", key="param/holidays/000000")
        days = answer["value"]["value"] if answer["present"] else {"off": [], "on": []}
        source = f"{len(days['off'])} off, {len(days['on'])} worked, as published by the centre"
        if not answer["present"]:
            source = "none published yet: every weekday counts (--off, --on)"
    else:
        days = {"off": off or [], "on": on or []}
        source = f"{len(days['off'])} off, {len(days['on'])} worked, as given"
    work = calendar.WorkCalendar(frozenset(days["off"]), frozenset(days["on"]))
    end = work.add_working_days(date, count)
    return {"date": date, "working_days": count, "due": end, "holidays": source}
