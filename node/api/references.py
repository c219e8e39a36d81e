"""What every organisation may know: who takes part, network parameters, policies, catalogues."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from contracts import organisations
from node.api import schemas
from node.api.guard import GuardedRoute
from node.api.params import AccessDep, ThingId, min_height
from node.api.problems import Problem

router = APIRouter(
    route_class=GuardedRoute, tags=["references"], dependencies=[Depends(min_height)]
)

KEYS_MAX = 200
"""Keys listed of one organisation, newest last; the history in the state is longer."""


@router.get(
    "/v1/organisations/{organisation}",
    name="organisation",
    responses={200: {"model": schemas.RecordAnswer}},
)
async def organisation(access: AccessDep, organisation: ThingId) -> Response:
    """An organisation: kind, region, switches, and its keys with holder, post and validity."""
    state = access.state
    found = organisations.load(state, organisation)
    if found is None:
        raise Problem("read.not-found", height=access.view.head.height)
    record = organisations.organisation_value(found)
    record["suspensions"] = [
        {"reason": s.reason, "from": s.from_date, "to": s.to_date, "by": s.by}
        for s in found.suspensions
    ]
    first = max(0, found.keys - KEYS_MAX)
    keys: list[dict[str, Any]] = []
    for number in range(first, found.keys):
        key = state.get(f"org-keys/{organisation}/{number}")
        known = None if key is None else organisations.key_of(state, key)
        assert known is not None, f"key {number} of {organisation} is not registered"
        keys.append({"key": known.key, **organisations.key_value(known)})
    return access.answer({"record": {**record, "keys": keys}})


@router.get(
    "/v1/validators", name="validators", responses={200: {"model": schemas.ValidatorsAnswer}}
)
async def validators(access: AccessDep) -> Response:
    """The set that orders the next block."""
    members = organisations.validators(access.state)
    return access.answer(
        {"validators": [{"organisation": org, "key": key} for org, key in members]}
    )


@router.get(
    "/v1/parameters/{name}", name="parameter", responses={200: {"model": schemas.ValueAnswer}}
)
async def parameter(access: AccessDep, name: ThingId) -> Response:
    """A parameter of the network."""
    key = f"param/{name}"
    value = access.view.state(key)
    if value is None:
        raise Problem("read.not-found", height=access.view.head.height)
    return access.answer({"key": key, "value": value})
