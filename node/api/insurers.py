"""What insurers owe for settlements, for either side: a month's statements, and what is open.

An insurer sees its own statements with all places of care; a bureau or finance department those of
its area as the place that paid institutions first. What an insurer pays patients itself is for it
alone: nobody else is owed that.
"""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from contracts.settlement import funds_chart as chart
from contracts.settlement.calendar import date_of_ms, work_calendar
from contracts.settlement.clearing import (
    insurer_record,
    notice_record,
    period_record,
    statement_record,
)
from contracts.settlement.funds_book import balance
from contracts.settlement.terms import COMMERCIAL
from node.api import parties, schemas
from node.api.clearing import MonthName, statement_row
from node.api.guard import Access
from node.api.params import AccessDep, AreaCode, ThingId, edge_router
from node.api.parties import Parties

router = edge_router("month")


@router.get(
    "/v1/insurers/{insurer}/months/{month}",
    name="insurer_month",
    responses={200: {"model": schemas.RecordAnswer}},
)
async def insurer_month(access: AccessDep, insurer: ThingId, month: MonthName) -> Response:
    """An insurer's month: its statements with places of care, what each asks for and how it is
    paid; and by product what passed between the insurer and patients itself."""
    access.check(parties.of_organisation(access.state, insurer), f"insurer/{insurer}/{month}")
    found = insurer_record.find(access.state, insurer, month)
    direct: dict[str, dict[str, int]] = {}
    for key, fen in found.direct.items():
        product, _, how = key.rpartition("/")
        direct.setdefault(product, {})[f"{how}_fen"] = fen
    hows = (insurer_record.DIRECT, insurer_record.RETURNED, insurer_record.REPAID)
    nothing = {f"{how}_fen": 0 for how in hows}
    record = {
        "insurer": insurer,
        "month": month,
        "statements": [_row(access, month, insurer, place) for place in found.others],
        "direct": [{"product": name, **nothing, **row} for name, row in sorted(direct.items())],
    }
    return access.answer({"record": record})


@router.get(
    "/v1/areas/{area}/insurers/{month}",
    name="area_insurers_month",
    responses={200: {"model": schemas.RecordsAnswer}},
)
async def area_insurers_month(access: AccessDep, area: AreaCode, month: MonthName) -> Response:
    """A month's statements of insurers that owe a place of care, in the order in which they
    began."""
    access.check(_of_place(area), f"insurers/{area}/{month}")
    found = insurer_record.find(access.state, area, month)
    listed = [_row(access, month, insurer, area) for insurer in found.others]
    return access.answer({"records": listed, "next": None})


@router.get(
    "/v1/insurers/{insurer}/due",
    name="insurer_due",
    responses={200: {"model": schemas.RecordAnswer}},
)
async def insurer_due(access: AccessDep, insurer: ThingId) -> Response:
    """What an insurer owes by where it waits: in no statement yet, stated, asked for by notice,
    with working days overdue. The parts are what its account holds."""
    access.check(parties.of_organisation(access.state, insurer), f"insurer/{insurer}/due")
    rows = _open(access, insurer)
    owed = -balance(access.state, chart.commercial(insurer), COMMERCIAL)
    sums = _sums(rows)
    record = {
        "insurer": insurer,
        "owed_fen": owed,
        "not_stated_fen": owed - sums["stated_fen"] - sums["to_be_paid_fen"],
        **sums,
        "statements": rows,
    }
    return access.answer({"record": record})


@router.get(
    "/v1/areas/{area}/insurers",
    name="area_insurers",
    responses={200: {"model": schemas.RecordAnswer}},
)
async def area_insurers(access: AccessDep, area: AreaCode) -> Response:
    """What insurers owe a place of care: statements that are not paid, oldest first, with working
    days overdue, and their sums."""
    access.check(_of_place(area), f"insurers/{area}")
    rows = _open(access, area)
    return access.answer({"record": {"area": area, **_sums(rows), "statements": rows}})


def _of_place(area: str) -> Parties:
    return Parties(care_regions=frozenset({area}))


def _open(access: Access, side: str) -> list[dict[str, Any]]:
    """Statements of a side that are not paid, oldest month first."""
    rows = []
    for month in insurer_record.due_months(access.state, side):
        for other in insurer_record.find(access.state, side, month).others:
            insurer, place = (side, other) if statement_record.is_insurer(side) else (other, side)
            row = _row(access, month, insurer, place)
            if not row["paid"]:
                rows.append(row)
    return rows


def _row(access: Access, month: str, insurer: str, place: str) -> dict[str, Any]:
    """A statement in a list, with its notice's day; ``open_fen`` below zero is the place's to
    pay."""
    made = statement_record.load(access.state, month, insurer, place)
    notice = notice_record.find(access.state, made.notice) if made.notice else None
    sign = -1 if notice is not None and notice.payer == place else 1
    today = date_of_ms(access.view.head.time_ms)
    late = 0
    if notice is not None:
        late = notice_record.overdue_days(notice, today, work_calendar(access.state))
    row = statement_row(access, month, insurer, place, made)
    agreed = statement_record.agreed(insurer, made)
    return row | {
        "stage": _stage(access, month, agreed) if notice is None else notice.stage.value,
        "confirm_by": period_record.load(access.state, month).confirm_by or None,
        "open_fen": 0 if agreed and notice is None else sign * int(_left(row)),
        "due_on": None if notice is None else notice.due_on,
        "overdue_working_days": late,
    }


def _left(row: dict[str, Any]) -> int:
    return int(row["total_fen"] if row["open_fen"] is None else row["open_fen"])


def _stage(access: Access, month: str, agreed: bool) -> str:
    """``collecting``, ``stated`` once the period is cut, ``nothing`` where it came to nothing."""
    if agreed:
        return "nothing"
    stage = period_record.load(access.state, month).stage
    return "collecting" if stage is period_record.PeriodStage.COLLECTING else "stated"


def _sums(rows: list[dict[str, Any]]) -> dict[str, int]:
    """What of the rows is stated, what asked for, what of that is overdue; fen."""
    asked = [row for row in rows if row["notice"] is not None]
    return {
        "stated_fen": sum(row["open_fen"] for row in rows if row["notice"] is None),
        "to_be_paid_fen": sum(row["open_fen"] for row in asked),
        "overdue_fen": sum(row["open_fen"] for row in asked if row["overdue_working_days"]),
    }
