"""An institution's settlements in the order in which they were made: its books are held to them."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from contracts.settlement.records import Claim, is_reversal
from node.api import chain, parties, schemas
from node.api.guard import Access
from node.api.params import AccessDep, After, Limit, ThingId, edge_router
from node.ledger.receipt import Receipt

router = edge_router("institutions")

SETTLED = "claim.settled"
"""Topic of the event that tells of a settlement."""


@router.get(
    "/v1/institutions/{institution}/settlements",
    name="institution_settlements",
    responses={200: {"model": schemas.SettlementsAnswer}},
)
async def institution_settlements(
    access: AccessDep, institution: ThingId, limit: Limit, after: After
) -> Response:
    """Settlements of an institution, oldest first, with their state now; no person is named.

    A page may have fewer rows than were asked for, also none, and go on behind `next`: the calls
    that only register or upload lines are passed over.
    """
    access.check(parties.of_organisation(access.state, institution), f"org/{institution}")
    chain.check_whole(access.view, after)
    named = access.view.calls_of("institution", institution, after, limit)
    rows, following = chain.affordable(access.view, named, limit)
    found: list[dict[str, Any]] = []
    for row in rows:
        data = access.view.receipts(row.height)[row.receipt_index]
        found += [
            _settlement(access, str(event.fields["claim"]), row.height)
            for event in Receipt.decode_trusted(data).events
            if event.topic == SETTLED and event.fields["institution"] == institution
        ]
    return access.answer({"institution": institution, "settlements": found, "next": following})


def _settlement(access: Access, claim_id: str, height: int) -> dict[str, Any]:
    value = access.view.state(f"claim/{claim_id}")
    assert value is not None, f"{claim_id} was settled and is not in the state"
    assert not is_reversal(value), f"{claim_id} was settled and is a reversal"
    claim = Claim.decode(value)
    settled = claim.settled
    assert settled is not None, f"{claim_id} was settled and has no settlement"
    return {
        "claim": claim_id,
        "at_height": height,
        "state": claim.state.value,
        "area": claim.area,
        "discharge": claim.visit.discharge,
        "total_fen": settled.sums[0],
        "person_fen": settled.person_fen,
    }
