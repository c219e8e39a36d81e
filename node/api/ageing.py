"""How long institutions wait for their money (账龄): one of them, or all of an area with totals."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from contracts.settlement import funds_chart as chart
from contracts.settlement.calendar import WorkCalendar, date_of_ms, work_calendar
from contracts.settlement.clearing import account_record, declaration_record, notice_record
from contracts.settlement.clearing.months import last_day
from node.api import parties, schemas
from node.api.guard import Access
from node.api.params import AccessDep, AreaCode, Limit, ThingId, edge_router
from node.api.parties import Parties
from node.api.worklists import FIRST_DAY, AfterItem, page

router = edge_router("month")

BANDS = (20, 60, 120)
"""Working days since a month was closed: an institution is to be paid within the first of them
(RULES.md section 4.3); the others are about a quarter and half a year."""


@router.get(
    "/v1/institutions/{institution}/ageing",
    name="institution_ageing",
    responses={200: {"model": schemas.RecordAnswer}},
)
async def institution_ageing(access: AccessDep, institution: ThingId) -> Response:
    """What is owed to an institution by where it waits, and how long: undeclared, declared,
    confirmed, noticed, with working days overdue; of what was set aside and is to be declared again
    the months in which it was settled (`rolled`)."""
    access.check(parties.of_organisation(access.state, institution), f"ageing/{institution}")
    return access.answer({"record": _aged(access, institution, work_calendar(access.state))})


@router.get(
    "/v1/areas/{area}/ageing",
    name="area_ageing",
    responses={200: {"model": schemas.RecordsAnswer}},
)
async def area_ageing(
    access: AccessDep, area: AreaCode, limit: Limit, after: AfterItem = ""
) -> Response:
    """The institutions of an area (000000: the country) that are owed anything, by their ids: sums
    by where the money waits, what was declared by how long ago the month was closed, and what rolls
    on unconfirmed by the month in which it was settled.

    A page may have fewer rows than were asked for, also none, and go on behind `next`.
    """
    access.check(Parties(care_regions=frozenset({area})), f"ageing/{area}")
    items, following = page(access, "institutions", area, FIRST_DAY, after, limit)
    days = work_calendar(access.state)
    aged = [_aged(access, item.name, days) for item in items]
    listed = [_row(one) for one in aged if one["months"] or any(one["by_fund"].values())]
    return access.answer({"records": listed, "next": following})


def _row(aged: dict[str, Any]) -> dict[str, Any]:
    """An institution in the report of its area."""
    months = aged["months"]
    bands: dict[str, int] = dict.fromkeys(band_names(), 0)
    rolled: dict[str, int] = dict.fromkeys(band_names(), 0)
    for row in aged["rolled"]:
        rolled[band_of(row["working_days_since_month"])] += row["amount_fen"]
    for month in months:
        bands[band_of(month["working_days_since_close"])] += month["owed_fen"]
    late = [month for month in months if month["overdue_working_days"]]
    noticed = [month for month in months if month["stage"] in ("issued", "paying")]
    return {
        "institution": aged["institution"],
        "payable_fen": aged["payable_fen"],
        "undeclared_fen": aged["undeclared_fen"],
        "in_audit_fen": sum(month["owed_fen"] for month in months if month not in noticed),
        "to_be_paid_fen": sum(month["owed_fen"] for month in noticed),
        "due_next_fen": aged["due_next_fen"],
        "rolled": [{**row} for row in aged["rolled"]],
        "rolled_claims": sum(row["claims"] for row in aged["rolled"]),
        "rolled_fen": sum(row["amount_fen"] for row in aged["rolled"]),
        "rolled_bands_fen": rolled,
        "bands_fen": bands,
        "overdue_fen": sum(month["owed_fen"] for month in late),
        "overdue_working_days": max((month["overdue_working_days"] for month in late), default=0),
        "oldest": months[0]["month"] if months else None,
    }


def band_names() -> list[str]:
    """``to_20``, ``to_60``, ``to_120``, ``above_120``."""
    return [*(f"to_{edge}" for edge in BANDS), f"above_{BANDS[-1]}"]


def band_of(days: int) -> str:
    """The band of so many working days; an edge belongs to the band below it."""
    return next((f"to_{edge}" for edge in BANDS if days <= edge), f"above_{BANDS[-1]}")


def _aged(access: Access, institution: str, days: WorkCalendar) -> dict[str, Any]:
    entry = access.view.state(chart.entry_of(chart.payable(institution))[1]) or {}
    payable = {fund: fen for fund, fen in entry.get("payable", {}).items() if fen}
    account = account_record.find(access.state, institution)
    today = date_of_ms(access.view.head.time_ms)
    return {
        "institution": institution,
        "payable_fen": sum(payable.values()),
        "by_fund": payable,
        "undeclared_fen": sum(payable.values()) - sum(account.declared.values()),
        "due_next_fen": sum(account.due.values()),
        "rolled": [
            {
                "month": month,
                "claims": count,
                "amount_fen": fen,
                "working_days_since_month": days.working_days_between(last_day(month), today),
            }
            for month, (count, fen) in sorted(account.rolled.items())
        ],
        "closed": account.closed or None,
        "months": [_month(access, institution, month, days) for month in account.months],
    }


def _month(access: Access, institution: str, month: str, days: WorkCalendar) -> dict[str, Any]:
    made = declaration_record.load(access.state, institution, month)
    notice = notice_record.find(access.state, f"institution:{month}:{institution}")
    today = date_of_ms(access.view.head.time_ms)
    due_on = made.due_on if notice is None else notice.due_on
    return {
        "month": month,
        "stage": made.stage.value if notice is None else notice.stage.value,
        # What was set off against the notice, or came back of it, is in what is open of it.
        "owed_fen": made.owed_fen if notice is None else notice.open_fen,
        "paid_fen": 0 if notice is None else notice.paid_fen,
        "aside": made.aside[0],
        "aside_fen": made.aside[1],
        "working_days_since_close": days.working_days_between(made.closed_on, today),
        "due_on": due_on or None,
        "overdue_working_days": days.working_days_between(due_on, today) if due_on else 0,
    }
