"""What institutions are paid for their cases, and how it compares with their bills."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path
from starlette.responses import Response

from contracts.settlement.provider import record
from contracts.settlement.provider.record import SUM_FIELDS
from node.api import parties, schemas
from node.api.claims import find_claim
from node.api.params import MONTH, AccessDep, ThingId, edge_router

router = edge_router("money")

Month = Annotated[str, Path(pattern=MONTH, description="Month of discharge: 2025-06")]


@router.get(
    "/v1/claims/{claim}/payment",
    name="claim_payment",
    responses={200: {"model": schemas.RecordAnswer}},
)
async def claim_payment(access: AccessDep, claim: ThingId) -> Response:
    """What a claim is worth to its institution: way, standard, what the funds pay, gain or loss.

    A claim that nobody decided is paid by item, as settled; its ``stage`` is null.
    """
    find_claim(access, claim)
    access.check(parties.of_claim(access.state, claim), f"claim/{claim}")
    found = record.find(access.state, claim)
    if found is None:
        by_item = {"claim": claim, "stage": None, "way": "fee_for_service"}
        return access.answer({"record": by_item})
    return access.answer(
        {
            "record": {
                "claim": claim,
                "institution": found.institution,
                "month": found.month,
                "stage": found.stage,
                "way": found.way,
                "total_fen": found.total_fen,
                "standard_fen": found.standard_fen,
                "funds_fen": found.funds_fen,
                "paid_fen": found.paid_fen,
                "result_fen": found.result_fen,
                "fund_type": found.fund_type,
                "policy": {"area": found.region, "number": found.number},
                "runs": found.runs,
            }
        }
    )


@router.get(
    "/v1/institutions/{institution}/payments/{month}",
    name="institution_payments",
    responses={200: {"model": schemas.RecordAnswer}},
)
async def institution_payments(access: AccessDep, institution: ThingId, month: Month) -> Response:
    """An institution's month by way of paying: cases, bills, standards, gains and losses."""
    access.check(parties.of_organisation(access.state, institution), f"institution/{institution}")
    sums = record.month_of(access.state, institution, month)
    ways = {way: dict(zip(SUM_FIELDS, row, strict=True)) for way, row in sums.items()}
    return access.answer({"record": {"institution": institution, "month": month, "ways": ways}})
