"""The way in: signed transactions, and calls that are only tried out.

A transaction carries its own signature, so that submitting needs no signed request; what the node
cannot forge, it need not authenticate twice. The bytes are the canonical ones, raw or in base64
inside JSON. Sending the same transaction again is always safe: what is in the chain already is
answered as such, and who holds the whole transaction may see its receipts.
"""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, Literal, TypeVar

from fastapi import Query, Request
from pydantic import ValidationError
from starlette.responses import Response

from node.api import chain, parties, plain_json, render, schemas
from node.api.guard import Guard, json_response
from node.api.params import AccessDep, GuardDep, edge_router
from node.api.ports import EstimateCall
from node.api.problems import Problem
from node.api.wanted import places
from node.ledger import codec
from node.ledger.errors import CodecError
from node.ledger.receipt import Receipt
from node.ledger.types import BLIND_BYTES

router = edge_router("transactions", at_height=False)

CANONICAL = "application/octet-stream"
JSON = "application/json"


def _inline(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with its one level of definitions written where they are used."""
    definitions = schema.pop("$defs", {})
    for name, definition in definitions.items():
        for field in schema["properties"].values():
            if field.get("items") == {"$ref": f"#/$defs/{name}"}:
                field["items"] = definition
    return schema


_SUBMIT_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            CANONICAL: {"schema": {"type": "string", "format": "binary"}},
            JSON: {"schema": schemas.SubmitIn.model_json_schema()},
        },
    }
}
_ESTIMATE_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            CANONICAL: {"schema": {"type": "string", "format": "binary"}},
            JSON: {"schema": _inline(schemas.EstimateIn.model_json_schema())},
        },
    }
}


Body = TypeVar("Body", bound=schemas.In)


def media_type(request: Request) -> str:
    """The body's media type without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def json_body(request: Request, shape: type[Body]) -> Body:
    """The body read as strict JSON of a declared shape. Raises ``Problem``."""
    if media_type(request) != JSON:
        raise Problem("request.media-type", accepted=[JSON])
    try:
        value = plain_json.decode(request.scope["yibao.body"])
        return shape.model_validate(value)
    except plain_json.StrictJsonError as refusal:
        raise Problem("request.json", rule=refusal.rule) from None
    except ValidationError as refusal:
        raise Problem("request.invalid", where=places(refusal.errors())) from None


def unbase64(text: str, field: str) -> bytes:
    """Bytes of canonical base64 text. Raises ``Problem``."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Problem("request.invalid", where=[f"{field}: base64"]) from None
    if base64.b64encode(data).decode() != text:
        raise Problem("request.invalid", where=[f"{field}: base64"])
    return data


def wire_bytes(request: Request) -> bytes:
    """Canonical bytes of the submitted transaction, from either form of the body."""
    if media_type(request) == CANONICAL:
        body: bytes = request.scope["yibao.body"]
        return body
    if media_type(request) != JSON:
        raise Problem("request.media-type", accepted=[CANONICAL, JSON])
    return unbase64(json_body(request, schemas.SubmitIn).transaction, "transaction")


@router.post(
    "/v1/transactions",
    name="submit",
    status_code=202,
    openapi_extra=_SUBMIT_BODY,
    responses={
        200: {"model": schemas.CommittedOut, "description": "Committed (wait=committed)."},
        202: {"model": schemas.AcceptedOut, "description": "Admitted."},
    },
)
async def submit(
    request: Request,
    guard: GuardDep,
    wait: Annotated[
        Literal["committed"] | None, Query(description="Answer once this node has committed it.")
    ] = None,
) -> Response:
    """Submit a signed transaction; with `wait=committed` answer its receipts with proofs."""
    if wait is not None and guard.waiting >= guard.settings.waiting_max:
        raise Problem("limit.busy", retry_after_s=1)
    accepted = await guard.ports.submitter.submit(wire_bytes(request))
    if wait is None:
        status = "committed" if accepted.committed else "pending"
        response = json_response({"tx_id": accepted.tx_id, "status": status}, 202)
    else:
        if not accepted.committed:
            await _wait(guard, accepted.tx_id)
        response = _committed(guard, accepted.tx_id)
    response.headers["Location"] = f"/v1/transactions/{accepted.tx_id.hex()}"
    return response


async def _wait(guard: Guard, tx_id: bytes) -> None:
    """Raises ``Problem`` ``node.not-committed``; what the ledger says if it never will be."""
    timeout_s = guard.settings.commit_wait_s
    guard.waiting += 1
    try:
        committed = await guard.ports.submitter.wait(tx_id, timeout_s)
    finally:
        guard.waiting -= 1
    if not committed:
        raise Problem("node.not-committed", retry_after_s=5, tx_id=tx_id, waited_s=int(timeout_s))


def _committed(guard: Guard, tx_id: bytes) -> Response:
    with guard.ports.reader.view() as view:
        located = chain.locate(view, tx_id)
        assert located is not None, f"transaction {tx_id.hex()} is committed and not stored"
        first = located.place.first_receipt
        content = {
            "height": view.head.height,
            "behind_by": guard.ports.operations.behind_by(),
            "tx_id": tx_id,
            "status": "committed",
            "receipts": render.proven_receipts(
                located.leaves, range(first, first + len(located.receipts))
            ),
            **render.certified(view, located.place.height),
        }
    return json_response(content)


@router.post(
    "/v1/estimate",
    name="estimate",
    openapi_extra=_ESTIMATE_BODY,
    responses={200: {"model": schemas.EstimateAnswer}},
)
async def estimate(request: Request, guard: GuardDep, access: AccessDep) -> Response:
    """Run a call on the head's state as the signing key would, and keep nothing of it."""
    call = estimate_call(request)
    outcome = await guard.ports.estimator.estimate(access.caller.id, access.caller.key.key, call)
    receipt = Receipt.decode_trusted(outcome.receipt)
    concerned = parties.of_fields(access.state, call.args)
    for event in receipt.events:
        concerned |= parties.of_fields(access.state, event.fields)
    access.check(concerned, f"{call.contract}.{call.method}"[:100])
    explanation = outcome.explanation
    return json_response(
        {
            "height": outcome.height,
            "behind_by": access.behind_by,
            "receipt": render.receipt(receipt),
            "explanation": None if explanation is None else codec.decode_trusted(explanation),
        }
    )


def estimate_call(request: Request) -> EstimateCall:
    """The call to try out, from either form of the body.

    Canonical: ``[contract, method, args, [[audience, blind, content] ...]]``. Raises ``Problem``.
    """
    if media_type(request) == CANONICAL:
        return _canonical_call(request.scope["yibao.body"])
    if media_type(request) != JSON:
        raise Problem("request.media-type", accepted=[CANONICAL, JSON])
    body = json_body(request, schemas.EstimateIn)
    _check_canonical(body.args)
    return EstimateCall(
        contract=body.contract,
        method=body.method,
        args=body.args,
        attachments=[
            (item.audience, _blind(item.blind), unbase64(item.content, "attachments.content"))
            for item in body.attachments
        ],
    )


def _canonical_call(data: bytes) -> EstimateCall:
    try:
        value = codec.decode(data)
    except CodecError as refusal:
        raise Problem("request.invalid", where=[f"body: {refusal.code}"]) from None
    match value:
        case [str(contract), str(method), dict(args), list(items)] if all(
            _is_attachment(item) for item in items
        ):
            return EstimateCall(contract, method, args, [(a, b, c) for a, b, c in items])
    raise Problem("request.invalid", where=["body: [contract, method, args, attachments]"])


def _is_attachment(item: Any) -> bool:
    match item:
        case [str(), bytes(blind), bytes()]:
            return len(blind) == BLIND_BYTES
    return False


def _check_canonical(args: dict[str, Any]) -> None:
    """Arguments that have no canonical form are refused before anything runs."""
    try:
        codec.encode(args)
    except CodecError as refusal:
        raise Problem("request.invalid", where=[f"args: {refusal.code}"]) from None


def _blind(text: str) -> bytes:
    data = unbase64(text, "attachments.blind") if text else bytes(BLIND_BYTES)
    if len(data) != BLIND_BYTES:
        raise Problem("request.invalid", where=["attachments.blind: length"])
    return data
