"""The chain as readers see it: headers, blocks, transactions, receipts, each with its proof.

A receipt is never served without the certificate over the root it leads to. A batch transaction
concerns many areas; a reader sees the calls that concern it, and of the others that they exist.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path
from starlette.responses import Response

from contracts.settlement import claim_shapes
from node.api import chain, render, schemas
from node.api.chain import Located
from node.api.guard import Access
from node.api.params import BLOCK, AccessDep, After, CallIndex, Limit, TxId, edge_router
from node.api.problems import Problem
from node.ledger import codec
from node.ledger.errors import CodecError
from node.ledger.receipt import Receipt
from node.ledger.transaction import SignedTransaction

router = edge_router("chain")

LINES_FOR = claim_shapes.AUDIENCE
"""Audience of attachments with charge lines and visit."""

BlockName = Annotated[
    str,
    Path(pattern=BLOCK, description="Height, or block hash in hexadecimal."),
]


@router.get("/v1/headers", name="headers", responses={200: {"model": schemas.HeadersAnswer}})
async def headers(access: AccessDep, limit: Limit, after: After) -> Response:
    """Headers from the newest down; `next` goes on with older ones."""
    top = access.view.head.height
    if after:
        parts = after.split(":")
        if len(parts) != 2 or parts[1] != "0":
            raise Problem("read.range")
        top = min(top, int(parts[0]) - 1)
    least = max(0, access.view.floor - 1)  # a snapshot comes with the header of its height
    if top < least:
        raise Problem("read.below-floor", floor=access.view.floor)
    bottom = max(least - 1, top - limit)
    rows = []
    for height in range(top, bottom, -1):
        data = access.view.header(height)
        assert data is not None, f"no header at height {height}"
        rows.append(render.header(data))
    return access.answer({"headers": rows, "next": f"{bottom + 1}:0" if bottom >= least else None})


def find_height(access: Access, name: str) -> int:
    """Height of a block named by height or hash. Raises ``Problem`` ``read.not-found``."""
    height = access.view.height_of(bytes.fromhex(name)) if len(name) == 64 else int(name)
    if height is None or height > access.view.head.height:
        raise Problem("read.not-found", height=access.view.head.height)
    return height


def check_held(access: Access, height: int, *, certified: bool = False) -> None:
    """Raises ``Problem`` ``read.below-floor`` for a height that a snapshot passed over.

    ``certified``: header and certificate are enough; the ends of epochs are held for good.
    """
    floor = access.view.floor
    if not 0 < height < floor or (certified and access.view.header(height) is not None):
        return
    raise Problem("read.below-floor", floor=floor)


@router.get("/v1/headers/{block}", name="header", responses={200: {"model": schemas.HeaderAnswer}})
async def header(access: AccessDep, block: BlockName) -> Response:
    """A header with the commit certificate that makes it final."""
    height = find_height(access, block)
    check_held(access, height, certified=True)
    checked = access.view.checked(height).word
    return access.answer({**render.certified(access.view, height), "checked": checked})


@router.get("/v1/blocks/{block}", name="block", responses={200: {"model": schemas.BlockAnswer}})
async def block(access: AccessDep, block: BlockName) -> Response:
    """A whole block: header, certificate, transactions as on the chain, receipts."""
    height = find_height(access, block)
    check_held(access, height)
    leaves = access.view.transactions(height)
    receipts = access.view.receipts(height)
    return access.answer(
        {
            **render.certified(access.view, height),
            "checked": access.view.checked(height).word,
            "transactions": [
                render.transaction(SignedTransaction.decode_trusted_leaf(leaf)) for leaf in leaves
            ],
            "receipts": [render.receipt(Receipt.decode_trusted(data)) for data in receipts],
        }
    )


def find_transaction(access: Access, tx_id: str) -> Located:
    """A committed transaction. Raises ``Problem`` ``read.not-found``: ids cannot be guessed."""
    located = chain.locate(access.view, bytes.fromhex(tx_id))
    if located is None:
        raise Problem("read.not-found", height=access.view.head.height)
    return located


def visible_calls(access: Access, located: Located) -> list[bool]:
    """Which calls of the transaction concern the reader. Decides; refuses when none does."""
    concerned = [
        chain.call_parties(access, located, index) for index in range(len(located.receipts))
    ]
    seen = [access.sees(one) for one in concerned]
    if not any(seen):
        raise Problem("read.no-right")
    access.check(concerned[seen.index(True)], f"transaction/{located.transaction.id.hex()}")
    return seen


def find_call(access: Access, tx_id: str, call_index: int) -> Located:
    """A call that the reader is entitled to under the route's right; decides and logs."""
    located = find_transaction(access, tx_id)
    if call_index >= len(located.receipts):
        raise Problem("read.not-found", calls=len(located.receipts))
    concerned = chain.call_parties(access, located, call_index)
    access.check(concerned, f"receipt/{tx_id}/{call_index}")
    return located


@router.get(
    "/v1/transactions/{tx_id}",
    name="transaction",
    responses={200: {"model": schemas.TransactionAnswer}},
)
async def transaction(access: AccessDep, tx_id: TxId) -> Response:
    """A committed transaction as it stands on the chain."""
    located = find_transaction(access, tx_id)
    shown = visible_calls(access, located)
    return access.answer(
        {
            "transaction": render.transaction(located.transaction, shown),
            "at_height": located.place.height,
            "index": located.place.index,
        }
    )


@router.get(
    "/v1/transactions/{tx_id}/receipts",
    name="receipts",
    responses={200: {"model": schemas.CommittedOut}},
)
async def receipts(access: AccessDep, tx_id: TxId) -> Response:
    """Receipts of the transaction's calls that concern the reader, with proofs."""
    located = find_transaction(access, tx_id)
    shown = visible_calls(access, located)
    indexes = [located.receipt_index(index) for index, seen in enumerate(shown) if seen]
    return access.answer(proven(access, located, indexes))


def proven(access: Access, located: Located, indexes: list[int]) -> dict[str, Any]:
    """Receipts at leaf indexes with inclusion, header and certificate."""
    return {
        "tx_id": located.transaction.id,
        "status": "committed",
        "receipts": render.proven_receipts(located.leaves, indexes),
        **render.certified(access.view, located.place.height),
    }


@router.get(
    "/v1/receipts/{tx_id}/{call_index}",
    name="receipt",
    responses={200: {"model": schemas.CommittedOut}},
)
async def receipt(access: AccessDep, tx_id: TxId, call_index: CallIndex) -> Response:
    """The receipt of one call with its proof."""
    located = find_call(access, tx_id, call_index)
    return access.answer(proven(access, located, [located.receipt_index(call_index)]))


@router.get(
    "/v1/receipts/{tx_id}/{call_index}/explanation",
    name="receipt_explanation",
    responses={200: {"model": schemas.ExplanationAnswer}},
)
async def receipt_explanation(access: AccessDep, tx_id: TxId, call_index: CallIndex) -> Response:
    """The explanation of one call: every step with formula, amounts and parameter."""
    located = find_call(access, tx_id, call_index)
    return access.answer(explanation_of(access, located, call_index))


def explanation_of(access: Access, located: Located, call_index: int) -> dict[str, Any]:
    """The explanation that a receipt commits to. Raises ``Problem``."""
    commitment = located.receipts[call_index].explanation
    if commitment is None:
        raise Problem("read.not-found", explanation=False)
    kept = access.view.attachment(commitment)
    if kept is None:
        raise Problem("read.withheld", commitment=commitment)
    return {
        "tx_id": located.transaction.id,
        "call_index": call_index,
        "commitment": commitment,
        "blind": kept.blind,
        "explanation": codec.decode_trusted(kept.content),
        "bytes": kept.content,
    }


@router.get(
    "/v1/receipts/{tx_id}/{call_index}/attachments",
    name="receipt_attachments",
    responses={200: {"model": schemas.AttachmentsAnswer}},
)
async def receipt_attachments(access: AccessDep, tx_id: TxId, call_index: CallIndex) -> Response:
    """What was attached to one call: charge lines, visit, materials."""
    located = find_call(access, tx_id, call_index)
    return access.answer({"attachments": attachments_of(access, located, call_index)})


def shown_positions(access: Access, located: Located, call_index: int) -> list[int]:
    """Places in the body of the call's attachments that are the reader's to see, once the right to
    the content was decided: the person lets an insurer see charge lines and visit, and not what is
    said in audits, nor who is liable."""
    body = located.transaction.body
    return [
        position
        for position in body.calls[call_index].attachments
        if access.caller.kind != "insurer" or body.attachments[position].audience == LINES_FOR
    ]


def attachments_of(access: Access, located: Located, call_index: int) -> list[dict[str, Any]]:
    """A call's attachments; an erased one is shown as withheld with its commitment."""
    body = located.transaction.body
    rows = []
    for position in shown_positions(access, located, call_index):
        ref = body.attachments[position]
        kept = access.view.attachment(ref.commitment)
        rows.append(
            {
                "audience": ref.audience,
                "commitment": ref.commitment,
                "blind": None if kept is None else kept.blind,
                "content": None if kept is None else _decoded(kept.content),
                "bytes": None if kept is None else kept.content,
                "withheld": kept is None,
            }
        )
    return rows


def _decoded(content: bytes) -> Any:
    """The content's value; a content that never was canonical gave a rejected receipt."""
    try:
        return codec.decode(content)
    except CodecError:
        return None
