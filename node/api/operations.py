"""The node about itself: is it alive, fit to serve, what does it wait for, which chain is it on."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import Path, Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from node.api import plain_json, schemas
from node.api.guard import Access, Guard, json_response
from node.api.params import DATE, AccessDep, GuardDep, edge_router
from node.api.ports import NodeStatus

router = edge_router("operations", at_height=False)


@router.get("/v1/health", name="health", responses={200: {"model": schemas.HealthOut}})
async def health() -> Response:
    """The process answers. Says nothing about the ledger."""
    return json_response({"status": "ok"})


def is_ready(guard: Guard, status: NodeStatus) -> bool:
    """Green unless the node says otherwise or the head is too far behind."""
    settings = guard.settings
    return (
        status.ready
        and status.behind_by <= settings.behind_blocks_max
        and status.behind_ms <= settings.behind_ms_max
    )


@router.get(
    "/v1/ready",
    name="ready",
    responses={200: {"model": schemas.ReadyOut}, 503: {"model": schemas.ReadyOut}},
)
async def ready(guard: GuardDep) -> Response:
    """Whether to send readers here: red (503) when more than 10 blocks or 10 s behind."""
    status = guard.ports.operations.status()
    with guard.ports.reader.view() as view:
        height = view.head.height
    green = is_ready(guard, status)
    content = {
        "ready": green,
        "height": height,
        "behind_by": status.behind_by,
        "behind_ms": status.behind_ms,
    }
    return json_response(content, 200 if green else 503)


@router.get(
    "/v1/metrics",
    name="metrics",
    responses={
        200: {
            "description": "Prometheus text.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        }
    },
)
async def metrics(request: Request, guard: GuardDep) -> Response:
    """Prometheus metrics of the process and of this edge. No label names a person or a thing."""
    content = guard.ports.operations.metrics() + request.app.state.metrics.exposition()
    return Response(content, media_type=CONTENT_TYPE_LATEST)


@router.get("/v1/genesis", name="genesis", responses={200: {"model": schemas.GenesisOut}})
async def genesis(guard: GuardDep) -> Response:
    """The chain's id: the hash of its genesis file, part of every signature."""
    return json_response({"chain": guard.ports.genesis.chain})


@router.get(
    "/v1/genesis/file",
    name="genesis_file",
    responses={200: {"description": "The genesis file.", "content": {"application/json": {}}}},
)
async def genesis_file(guard: GuardDep, access: AccessDep) -> Response:
    """The genesis file as this node was started with; whoever gets it compares its hash."""
    return Response(guard.ports.genesis.content, media_type="application/json")


def status_fields(guard: Guard, access: Access, status: NodeStatus) -> dict[str, Any]:
    """What every registered organisation may know of the node."""
    head = access.view.head
    return {
        "organisation": status.organisation,
        "role": status.role,
        "ready": is_ready(guard, status),
        "waiting_for": status.waiting_for,
        "checked": access.view.checked(head.height).word,
        "waiting": dict(status.waiting),
        "block_hash": head.block_hash,
        "state_root": head.state_root,
        "time_ms": head.time_ms,
    }


@router.get("/v1/status", name="status", responses={200: {"model": schemas.StatusAnswer}})
async def status(guard: GuardDep, access: AccessDep) -> Response:
    """How the node is doing, and in one sentence what it waits for."""
    return access.answer(status_fields(guard, access, guard.ports.operations.status()))


@router.get(
    "/v1/status/details", name="status_details", responses={200: {"model": schemas.DetailsAnswer}}
)
async def status_details(guard: GuardDep, access: AccessDep) -> Response:
    """For the operator: pool, peers, view, stages, disk."""
    status = guard.ports.operations.status()
    return access.answer({**status_fields(guard, access, status), "details": dict(status.details)})


@router.get(
    "/v1/access-log/{day}/root",
    name="access_log_root",
    responses={200: {"model": schemas.RootAnswer}},
)
async def access_log_root(
    guard: GuardDep,
    access: AccessDep,
    day: Annotated[str, Path(pattern=DATE, description="Day in UTC+8.")],
) -> Response:
    """Root over a day's looks at persons' data: what the daily transaction carries."""
    found = await asyncio.to_thread(guard.log.root, day)
    return access.answer({"day": found.day, "count": found.count, "root": found.root})


@router.get(
    "/v1/openapi.json",
    name="openapi",
    responses={200: {"description": "OpenAPI document.", "content": {"application/json": {}}}},
)
async def openapi(request: Request, access: AccessDep) -> Response:
    """This interface, described for programs."""
    state = request.app.state
    if not hasattr(state, "openapi_text"):
        state.openapi_text = plain_json.encode(request.app.openapi())
    return Response(state.openapi_text, media_type="application/json")
