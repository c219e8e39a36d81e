"""An institution's view of its money: what each declared month was worth, and what has arrived."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query
from starlette.responses import Response

from contracts.api import State
from contracts.settlement.clearing import declaration_record, notice_record, payment_record
from contracts.settlement.clearing.months import next_month
from contracts.settlement.clearing.payment_record import Payment
from contracts.settlement.provider import record as provider_record
from contracts.settlement.provider.record import SUM_FIELDS
from node.api import parties, schemas
from node.api.guard import Access
from node.api.params import MONTH, AccessDep, ThingId, edge_router
from node.api.problems import Problem

router = edge_router("money")

Month = Annotated[str, Query(pattern=MONTH, description="Month: 2025-06")]
MONTHS_MAX = 36


@router.get(
    "/v1/institutions/{institution}/batches",
    name="institution_batches",
    responses={200: {"model": schemas.RecordsAnswer}},
)
async def institution_batches(
    access: AccessDep, institution: ThingId, first: Month, last: Month
) -> Response:
    """Declared months of an institution: what was asked for, confirmed, expected and received.

    What was declared, with ``commercial_fen`` (commercial cover, which 3201 does not ask for), less
    what was deducted and set aside, is what is confirmed. ``expected_fen`` is the month's notice of
    payment: what was confirmed and ``carried_fen``, what earlier months, later findings, payment by
    case, prepayments and transfers left or took. ``received_fen`` is paid when the bank has said
    so.
    """
    access.check(parties.of_organisation(access.state, institution), f"batches/{institution}")
    if first > last:
        raise Problem("request.invalid", where=["query.first: not after last"])
    listed: list[dict[str, Any]] = []
    month = first
    while month <= last:
        if len(listed) >= MONTHS_MAX:
            raise Problem("read.range", limit_max=MONTHS_MAX)
        listed.append(_batch(access, institution, month))
        month = next_month(month)
    return access.answer({"records": listed, "next": None})


def _arrived(state: State, payment_id: str) -> Payment | None:
    """The newest payment of a notice of which anything stands, from its newest one back; None where
    nothing has arrived. An order on its way, or that came to nothing, has a reference and moved
    nothing."""
    while payment_id:
        payment = payment_record.load(state, payment_id)
        if payment.stage in payment_record.CONFIRMED and payment.left_fen:
            return payment
        payment_id = payment.previous
    return None


def _batch(access: Access, institution: str, month: str) -> dict[str, Any]:
    state = access.state
    made = declaration_record.find(state, institution, month)
    by_case = provider_record.month_of(state, institution, month).values()
    gains, losses = SUM_FIELDS.index("gains_fen"), SUM_FIELDS.index("losses_fen")
    notice = notice_record.find(state, f"institution:{month}:{institution}")
    received = 0 if notice is None else notice.paid_fen
    confirmed = made.owed_fen if made is not None and made.period else None
    ordered = "" if notice is None else notice.payment
    arrived = _arrived(state, ordered)
    return {
        "institution": institution,
        "month": month,
        "stage": None if made is None else made.stage.value,
        "settlements": 0 if made is None else sum(row[0] for row in made.totals.values()),
        "declared_fen": 0 if made is None else made.declared_fen,
        "commercial_fen": 0 if made is None else made.commercial_fen,
        "deducted_fen": 0 if made is None else made.deducted_fen,
        "aside_fen": 0 if made is None else made.aside[1],
        "confirmed_fen": confirmed,
        "by_case_fen": sum(row[gains] - row[losses] for row in by_case),
        "carried_fen": None if notice is None else notice.amount_fen - (confirmed or 0),
        "expected_fen": None if notice is None else notice.amount_fen,
        "due_on": None if notice is None else notice.due_on,
        "received_fen": received,
        "received_on": None if arrived is None else arrived.value_on,
        "open_fen": None if notice is None else notice.open_fen,
        "payment": ordered or None,
        "bank_reference": None if arrived is None else arrived.reference,
    }
