"""What an operator asks beyond the status: an attestation, accusations, divergences."""

from __future__ import annotations

import asyncio

from starlette.responses import Response

from node.api import schemas
from node.api.params import AccessDep, GuardDep, edge_router
from node.api.problems import Problem

router = edge_router("operations", at_height=False)


@router.get(
    "/v1/attestation", name="attestation", responses={200: {"model": schemas.AttestationAnswer}}
)
async def attestation(guard: GuardDep, access: AccessDep) -> Response:
    """That this node has the newest block, signed by its validate key without a seat.

    ``governance.attest`` takes it, so that the key may be voted in. 404 where the node has no such
    key, or no certified block yet.
    """
    found = guard.ports.operations.attestation()
    if found is None:
        raise Problem("read.not-found", attestation="a validate key without a seat")
    fields = {name: value for name, value in found.items() if name != "height"}
    return access.answer({**fields, "attested_height": found["height"]})


@router.get(
    "/v1/accusations", name="accusations", responses={200: {"model": schemas.AccusationsAnswer}}
)
async def accusations(guard: GuardDep, access: AccessDep) -> Response:
    """Proofs that validators lied which this node holds, newest first."""
    found = await asyncio.to_thread(guard.ports.operations.accusations)
    rows = [
        {**{k: v for k, v in one.items() if k != "height"}, "slot_height": one["height"]}
        for one in found
    ]
    return access.answer({"accusations": rows})


@router.get(
    "/v1/divergences", name="divergences", responses={200: {"model": schemas.DivergencesAnswer}}
)
async def divergences(guard: GuardDep, access: AccessDep) -> Response:
    """Blocks that executed to another result here than elsewhere: the first call and key."""
    found = await asyncio.to_thread(guard.ports.operations.divergences)
    return access.answer({"divergences": [dict(one) for one in found]})
