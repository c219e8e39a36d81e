"""Objections to statements: how one stands, and all of a statement."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from contracts.settlement.clearing import objection_record, statement_record
from contracts.settlement.clearing.objection_record import OPEN, Objection
from node.api import parties, schemas
from node.api.clearing import Debtor, MonthName
from node.api.params import AccessDep, AreaCode, ThingId, edge_router

router = edge_router("month")


@router.get(
    "/v1/objections/{objection}",
    name="objection",
    responses={200: {"model": schemas.RecordAnswer}},
)
async def objection(access: AccessDep, objection: ThingId) -> Response:
    """An objection: its rows, who is to act until when, and what became of its amount."""
    found = objection_record.find(access.state, objection)
    if found is None:
        raise access.absent()
    access.check(parties.of_objection(access.state, objection), f"objection/{objection}")
    return access.answer({"record": _told(objection, found)})


@router.get(
    "/v1/clearing/{period}/{home}/{care}/objections",
    name="clearing_objections",
    responses={200: {"model": schemas.RecordsAnswer}},
)
async def clearing_objections(
    access: AccessDep, period: MonthName, home: Debtor, care: AreaCode
) -> Response:
    """Objections to a statement, oldest first."""
    access.check(parties.of_pair(access.state, home, care), f"statement/{period}/{home}/{care}")
    stated = statement_record.find(access.state, period, home, care)
    if stated is None:
        raise access.absent()
    names = objection_record.list_of(access.state, period, home, care, stated.objections)
    listed = [_told(name, objection_record.load(access.state, name)) for name in names]
    return access.answer({"records": listed, "next": None})


def _told(objection_id: str, made: Objection) -> dict[str, Any]:
    return {
        "objection": objection_id,
        "stage": made.stage.value,
        "open": made.stage in OPEN,
        "period": made.period,
        "home": made.home,
        "care": made.care,
        "lodged_by": made.side,
        "amount_fen": made.amount_fen,
        "rows": [
            {"settlement": name, "amount_fen": fen, "reason": reason}
            for name, fen, reason in made.rows
        ],
        "holder": made.holder,
        "lodged_on": made.lodged_on,
        "due_on": made.due_on,
        "answered_by": made.answered_by or None,
        "answered_on": made.answered_on or None,
        "decided_by": made.decided_by or None,
        "to_period": made.to_period or None,
        "adjusted_fen": made.adjusted_fen,
    }
