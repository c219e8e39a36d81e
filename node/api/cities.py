"""A province's own clearing: statements of its cities with each other, what each is asked for and
what is passed on to it."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from contracts.regions import province
from contracts.settlement.clearing import cities, notice_record, period_record, statement_record
from node.api import parties, schemas
from node.api.clearing import MonthName, statement_row
from node.api.guard import Access
from node.api.params import AccessDep, AreaCode, edge_router
from node.api.parties import Parties
from node.api.rights import Right, has_post

router = edge_router("month")

NOTICES_MAX = 24
"""Notices that an answer names, newest first."""


@router.get(
    "/v1/provinces/{area}/clearing/{period}",
    name="province_clearing",
    responses={200: {"model": schemas.RecordAnswer}},
)
async def province_clearing(access: AccessDep, area: AreaCode, period: MonthName) -> Response:
    """A province's own clearing of a period: the statements of its cities that concern the reader.

    The first of a pair has the insured, the second the institutions.
    """
    found = period_record.find(access.state, period)
    if found is None:
        raise access.absent()
    pairs, confirmed = statement_record.inside(access.state, period, area)
    shown = []
    may_see = has_post(Right.PARTY, access.caller)
    for number in range(pairs if may_see else 0):
        key = statement_record.inside_key(period, area, number)
        home, care = access.view.state(key) or ("", "")
        if access.sees(parties.of_pair(access.state, home, care), Right.PARTY):
            made = statement_record.load(access.state, period, home, care)
            shown.append(statement_row(access, period, home, care, made))
    record = {
        "period": period,
        "province": area,
        "stage": found.stage.value,
        "statements": pairs,
        "confirmed": confirmed,
        "confirm_by": found.confirm_by or None,
        "shown": shown,
        "shown_fen": sum(row["total_fen"] for row in shown),
    }
    return access.answer({"record": record})


@router.get(
    "/v1/areas/{area}/remittances",
    name="area_remittances",
    responses={200: {"model": schemas.RecordAnswer}},
)
async def area_remittances(access: AccessDep, area: AreaCode) -> Response:
    """A city and its province: what it is to pay up and what is to be passed on to it, confirmed
    and in no notice yet, and the notices so far, newest first; each with the statements that it is
    of, named `<period>/<home>/<care>`."""
    access.check(Parties(home_regions=frozenset({area})), f"levy/{area}")
    record = {
        "area": area,
        "province": province(area),
        "levy": _side(access, cities.LEVY, area),
        "allotment": _side(access, cities.ALLOT, area),
    }
    return access.answer({"record": record})


def _side(access: Access, name: str, area: str) -> dict[str, Any]:
    due = cities.due_of(access.state, name, area)
    listed = []
    for number in range(due.number, max(0, due.number - NOTICES_MAX), -1):
        notice = cities.notice_id(name, area, number)
        made = notice_record.load(access.state, notice)
        listed.append(
            {
                "notice": notice,
                "stage": made.stage.value,
                "first": made.cause[1],
                "last": made.cause[2],
                "statements": list(made.cause[3:]),
                "amount_fen": made.amount_fen,
                "open_fen": made.open_fen,
                "due_on": made.due_on,
                "payment": made.payment or None,
            }
        )
    return {
        "due_fen": sum(due.by_fund.values()),
        "by_fund": due.by_fund,
        "first": due.first or None,
        "last": due.last or None,
        "statements": list(due.statements),
        "notices": listed,
    }
