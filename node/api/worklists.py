"""The clerks' work lists: what waits for the insured place, by the day on which it is due.

What is overdue comes first, because the rows come in the order of their day. Days that are left are
working days of the country's calendar, less than nothing once the day is over. Every person that a
page names is a look at that person's data and is logged as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Query
from starlette.responses import Response

from contracts.settlement import (
    calendar,
    filing_record,
    recovery_record,
    reimbursement_record,
)
from contracts.settlement.calendar import work_calendar
from contracts.settlement.filing_record import Filing
from node.api import schemas
from node.api.guard import Access
from node.api.params import AREA, WORK_CURSOR, AccessDep, Limit, edge_router
from node.api.parties import Parties
from node.api.ports import WorkItem
from node.api.rights import Right, has_post

router = edge_router("work lists")

FIRST_DAY = NO_DATE = "1000-01-01"
"""Before every date that a call can name: rows without a day come first."""
LOOKED_BACK_DAYS = 366
"""How long a filing that has ended stays on the list of those that end."""

Area = Annotated[
    str | None, Query(pattern=AREA, description="Pooling area; the reader's own when left out.")
]
AfterItem = Annotated[
    str,
    Query(
        pattern=rf"^$|{WORK_CURSOR}",
        description="Cursor `next` of the answer before.",
    ),
]


def today_of(access: Access) -> str:
    """The day by the node's clock: over a quiet weekend the newest block is days old."""
    return calendar.date_of_ms(max(access.now_ms, access.view.head.time_ms))


def page(
    access: Access, work: str, area: str, first: str, after: str, limit: int
) -> tuple[Sequence[WorkItem], str | None]:
    """Rows of a list and the cursor behind them where more may follow."""
    behind = None
    if after:
        date, _, name = after.partition(":")
        behind = date, name
    items = access.view.work_of(work, area, first, behind, limit)
    following = f"{items[-1].date}:{items[-1].name}" if len(items) == limit else None
    return items, following


class _Days:
    """Working days between today and a due date, counted once for each date of a page."""

    def __init__(self, access: Access) -> None:
        self.today = today_of(access)
        self._work = work_calendar(access.state)
        self._left: dict[str, int] = {}

    def due(self, date: str) -> dict[str, Any]:
        """``due_on``, working days left, and whether the day is over; none where none is set."""
        if date == NO_DATE:
            return {"due_on": None, "working_days_left": None, "overdue": False}
        if date not in self._left:
            left = self._work.working_days_between(self.today, date)
            late = self._work.working_days_between(date, self.today)
            self._left[date] = left - late
        return {
            "due_on": date,
            "working_days_left": self._left[date],
            "overdue": date < self.today,
        }


@router.get("/v1/work/filings", name="work_filings", responses={200: {"model": schemas.WorkAnswer}})
async def work_filings(
    access: AccessDep, limit: Limit, area: Area = None, after: AfterItem = ""
) -> Response:
    """Filings that wait for the insured place's decision, by the working day on which it is due."""
    region = access.caller.region if area is None else area
    items, following = page(access, "filings", region, FIRST_DAY, after, limit)
    days = _Days(access)
    filings = _shown(access, region, items)
    rows = [
        {**days.due(item.date), **_filing_fields(filing)}
        for item, filing in zip(items, filings, strict=True)
    ]
    return access.answer({"area": region, "today": days.today, "rows": rows, "next": following})


@router.get("/v1/work/ending", name="work_ending", responses={200: {"model": schemas.WorkAnswer}})
async def work_ending(
    access: AccessDep,
    limit: Limit,
    area: Area = None,
    within: Annotated[int, Query(ge=0, le=366, description="Days from today on.")] = 30,
    after: AfterItem = "",
) -> Response:
    """Filings that stand and end within so many days, or ended within the last year."""
    region = access.caller.region if area is None else area
    today = today_of(access)
    first = calendar.add_days(today, -LOOKED_BACK_DAYS)
    last = calendar.add_days(today, within)
    items, following = page(access, "ending", region, first, after, limit)
    kept = [item for item in items if item.date <= last]
    if len(kept) < len(items):
        following = None
    rows = [
        {
            "last_day": item.date,
            "days_left": calendar.days_between(today, item.date),
            "cause": item.note.removesuffix("-told"),
            "told": item.note.endswith("-told"),
            **_filing_fields(filing),
        }
        for item, filing in zip(kept, _shown(access, region, kept), strict=True)
    ]
    return access.answer({"area": region, "today": today, "rows": rows, "next": following})


@router.get(
    "/v1/work/reimbursements",
    name="work_reimbursements",
    responses={200: {"model": schemas.WorkAnswer}},
)
async def work_reimbursements(
    access: AccessDep, limit: Limit, area: Area = None, after: AfterItem = ""
) -> Response:
    """Reimbursements that wait for somebody, by the day on which that is due.

    Who pays them sees amounts and not the persons.
    """
    region = access.caller.region if area is None else area
    items, following = page(access, "reimbursements", region, FIRST_DAY, after, limit)
    found = [reimbursement_record.find(access.state, item.name) for item in items]
    concerned = Parties(home_regions=frozenset({region}))
    with_person = has_post(Right.PERSON, access.caller) and access.sees(concerned, Right.PERSON)
    if with_person:
        concerned |= Parties(persons=frozenset(made.person for made in found if made is not None))
    access.check(concerned, f"work/{region}", Right.PERSON if with_person else None)
    days = _Days(access)
    rows = []
    for item, made in zip(items, found, strict=True):
        assert made is not None, f"the work list names {item.name}, which is not in the state"
        rows.append(
            {
                "reimbursement": item.name,
                "stage": made.stage.value,
                **days.due(item.date),
                "person": made.person if with_person else None,
                "filed_on": made.filed_on,
                "total_fen": made.total_fen,
                "due_fen": made.due_fen,
            }
        )
    return access.answer({"area": region, "today": days.today, "rows": rows, "next": following})


@router.get("/v1/work/wallets", name="work_wallets", responses={200: {"model": schemas.WorkAnswer}})
async def work_wallets(
    access: AccessDep, limit: Limit, area: Area = None, after: AfterItem = ""
) -> Response:
    """Wallet transfers of the area's people that nobody has claimed, by when they go back."""
    region = access.caller.region if area is None else area
    items, following = page(access, "wallets", region, FIRST_DAY, after, limit)
    found: list[Any] = [access.state.get(f"wallet-transfer/{item.name}") for item in items]
    persons = frozenset(str(made[0]) for made in found)
    access.check(Parties(home_regions=frozenset({region}), persons=persons), f"work/{region}")
    now_ms = max(access.now_ms, access.view.head.time_ms)
    rows = [
        {"transfer": item.name, "person": made[0], "amount_fen": made[2], "back_ms": made[4],
         "overdue": made[4] <= now_ms}
        for item, made in zip(items, found, strict=True)
    ]  # fmt: skip
    today = today_of(access)
    return access.answer({"area": region, "today": today, "rows": rows, "next": following})


@router.get(
    "/v1/work/recoveries", name="work_recoveries", responses={200: {"model": schemas.WorkAnswer}}
)
async def work_recoveries(
    access: AccessDep, limit: Limit, area: Area = None, after: AfterItem = ""
) -> Response:
    """Recoveries that a bureau took up and has to go on with: first those that wait for a second
    person or a demand, then the demands by the day on which the liable party is to pay."""
    region = access.caller.region if area is None else area
    access.check(Parties(home_regions=frozenset({region})), f"work/{region}")
    items, following = page(access, "recoveries", region, FIRST_DAY, after, limit)
    days = _Days(access)
    rows = []
    for item in items:
        made = recovery_record.find(access.state, item.name)
        assert made is not None, f"the work list names {item.name}, which is not in the state"
        rows.append(
            {
                "recovery": item.name,
                "stage": made.stage.value,
                **days.due(item.date),
                "claim": made.claim,
                "grounds": made.grounds,
                "demanded_fen": made.demanded_fen,
                "recovered_fen": made.recovered_fen,
                "open_fen": max(0, made.demanded_fen - made.recovered_fen),
            }
        )
    return access.answer({"area": region, "today": days.today, "rows": rows, "next": following})


def _shown(access: Access, region: str, items: Sequence[WorkItem]) -> list[Filing]:
    """The filings of a page; decides and logs a look at each person."""
    found = []
    for item in items:
        filing = filing_record.load_filing(access.state, item.name)
        assert filing is not None, f"the work list names {item.name}, which is not in the state"
        found.append(filing)
    # A hospital that some filing names is a party to that filing, and not to the list.
    persons = frozenset(filing.person for filing in found)
    access.check(Parties(home_regions=frozenset({region}), persons=persons), f"work/{region}")
    return found


def _filing_fields(filing: Filing) -> dict[str, Any]:
    last = filing.last
    return {
        "filing": filing.id,
        "version": last.number,
        "person": filing.person,
        "type": last.type,
        "care_region": last.care_region,
        "hospital": last.hospital,
        "effective_from": last.effective_from,
        "valid_to": last.valid_to,
        "submitted_on": last.submitted_on,
        "channel": last.channel,
    }
