"""What becomes of a person's insurance: how an enrolment ended, who inherits.

All of it says that somebody has died or moved, so each look is logged like one at the person.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from starlette.responses import Response

from contracts.settlement import ending, estate_record
from node.api import schemas
from node.api.claims import payout_fields
from node.api.guard import Access
from node.api.params import AccessDep, ThingId, edge_router
from node.api.people import ByClaim, find_person

router = edge_router("lives")


@router.get(
    "/v1/persons/{person}/ending",
    name="person_ending",
    responses={200: {"model": schemas.RecordAnswer}},
)
async def person_ending(access: AccessDep, person: ThingId, claim: ByClaim = None) -> Response:
    """How an enrolment ended, or that it stands: what ended with it, what was open, heirs."""
    find_person(access, person, claim)
    found = ending.find(access.state, person)
    record = {
        "person": person,
        "ended": None if found is None else asdict(found),
        "estate": _estate(access, person),
    }
    return access.answer({"record": record})


def _estate(access: Access, person: str) -> dict[str, Any] | None:
    found = estate_record.find(access.state, person)
    if found is None:
        return None
    return {
        "revision": found.revision,
        "heirs": [asdict(one) for one in found.heirs],
        "payouts": [payout_fields(access.state, name) for name in found.payouts],
    }
