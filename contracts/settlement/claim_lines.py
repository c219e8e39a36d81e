"""``claim.lines`` and ``claim.withdraw_lines``: charge lines come and go while a claim is open.

What settlement needs of a line stays in the state as a row of an upload, under a key of its own
with a salt, and leaves the state when the claim is settled; the lines themselves are in the
attachment for good. A line is looked up in the catalogue of the place of care when it arrives, so
that a hospital hears at once how much of a bill no fund will pay, and again at settlement: the
catalogue that decides is the one in force for the service date on the day of the decision.

State: ``claim-lines/<claim>/<upload>``: [digest, salt, rows].
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from contracts.api import Answer, Args, Context, Value, reject
from contracts.organisations import Organisation, require_organisation
from contracts.schema import Id, Int, List, Record
from contracts.settlement import catalogue
from contracts.settlement import claim as claims
from contracts.settlement.claim import CONTRACT
from contracts.settlement.claim_shapes import (
    AUDIENCE,
    INSTITUTIONS,
    LINES_AT_ONCE,
    LINES_OF_A_CLAIM,
    Line,
)
from contracts.settlement.lifecycle import Action, follow
from contracts.settlement.money import line_amount
from contracts.settlement.records import Claim, content_digest, salt_of

UPLOADS_MAX = 200
"""Uploads of one claim: one a day for more than half a year."""

WORK_OF_ROW = 160
"""Units of deciding one line (``Context.spend``): about 40 microseconds."""
WORK_OF_KEPT_ROW = 8
"""Units of reading one line that was uploaded before."""

Rows = list[list[Any]]
"""Lines as they wait: ``[line, code, service_date, amount_fen, quantity_e4, confirmed, consent]``.

``code`` is the national one; practitioner and price are in the attachment.
"""


@CONTRACT.method(
    args={"claim": Id(64), "upload": Int(1, UPLOADS_MAX)},
    attachments={AUDIENCE: Record({"lines": List(Line(), max=LINES_AT_ONCE, min=1)})},
    kinds=INSTITUTIONS,
)
def lines(ctx: Context, args: Args) -> Answer:
    """Upload charge lines under a number of the institution's; tell what the catalogue says.

    Refuses with ``claim.line-amount``, ``claim.line-unmapped``, ``claim.duplicate-line``,
    ``claim.duplicate-id`` (the number was used for other lines), ``claim.too-many-lines``.
    """
    claim_id, upload = args["claim"], args["upload"]
    claim = claims.load(ctx, claim_id)
    key = _key(claim_id, upload)
    digest = content_digest(ctx, "lines", args)
    known = ctx.state.get(key)
    if known is not None and known[0] != digest:
        reject("claim.duplicate-id", claim=claim_id, upload=upload)
    if known is not None:
        return _told(ctx, claim_id, claim, upload, known[2])
    state = follow(claim.state, Action.LINES)
    given = ctx.attachments[AUDIENCE].content["lines"]
    if sum(count for _, count in claim.uploads) + len(given) > LINES_OF_A_CLAIM:
        reject("claim.too-many-lines", claim=claim_id, limit=LINES_OF_A_CLAIM)
    institution = require_organisation(ctx.state, claim.institution)
    rows = take_in(ctx, institution, given)
    salt = salt_of(ctx, ctx.attachments[AUDIENCE].blind, key)
    ctx.state.put(key, [digest, salt, rows])
    uploads = (*claim.uploads, (upload, len(rows)))
    claims.put(ctx, claim_id, replace(claim, state=state, uploads=uploads))
    ctx.emit("claim.lines", claim=claim_id, institution=claim.institution, lines=len(rows))
    return _told(ctx, claim_id, claim, upload, rows)


def _told(ctx: Context, claim_id: str, claim: Claim, upload: int, rows: Rows) -> Answer:
    """Sums only: which line is which would tell in a receipt what somebody was given."""
    reader = catalogue.reader(ctx.state, claim.care)
    outside = [row[3] for row in rows if reader.find(row[1], row[2]) is None]
    return {
        "claim": claim_id,
        "upload": upload,
        "lines": len(rows),
        "total_fen": sum(row[3] for row in rows),
        "outside_catalogue": len(outside),
        "outside_catalogue_fen": sum(outside),
    }


@CONTRACT.method(args={"claim": Id(64), "upload": Int(1, UPLOADS_MAX)}, kinds=INSTITUTIONS)
def withdraw_lines(ctx: Context, args: Args) -> Answer:
    """Withdraw an upload; its number is free again."""
    claim_id, upload = args["claim"], args["upload"]
    claim = claims.load(ctx, claim_id)
    state = follow(claim.state, Action.WITHDRAW)
    kept = tuple(batch for batch in claim.uploads if batch[0] != upload)
    if len(kept) == len(claim.uploads):
        reject("claim.upload-not-found", claim=claim_id, upload=upload)
    ctx.state.delete(_key(claim_id, upload))
    claims.put(ctx, claim_id, replace(claim, state=state, uploads=kept))
    ctx.emit("claim.lines-withdrawn", claim=claim_id, institution=claim.institution)
    return {"claim": claim_id, "upload": upload, "lines": sum(count for _, count in kept)}


def take_in(ctx: Context, institution: Organisation, given: list[Value]) -> Rows:
    """Lines as rows: amounts checked against price and quantity, own codes translated.

    Refuses with ``claim.line-amount`` and ``claim.line-unmapped``; the refusal names a line by its
    index, because a code would tell in a receipt what somebody was given.
    """
    rows: Rows = []
    mapping: catalogue.Reader | None = None
    for index, line in enumerate(given):
        number, code, date, price, quantity, amount, confirmed, _, consent, local = line[:10]
        computed = line_amount(price, quantity)
        if computed != amount:
            reject("claim.line-amount", index=index, amount_fen=amount, computed_fen=computed)
        if not code:
            if mapping is None:
                mapping = catalogue.mapping_reader(ctx.state, institution.id)
            code = mapping.find(local, date)
            if code is None:
                reject("claim.line-unmapped", index=index, institution=institution.id)
        rows.append([number, code, date, amount, quantity, confirmed, consent])
    return rows


def uploaded(ctx: Context, claim_id: str, claim: Claim) -> tuple[Rows, bytes]:
    """All rows of a claim's uploads, in the order in which they came, and the uploads' digest."""
    rows: Rows = []
    calls: list[bytes] = []
    for upload, _ in claim.uploads:
        value = ctx.state.get(_key(claim_id, upload))
        assert value is not None, f"upload {upload} of claim {claim_id} is gone from the state"
        calls.append(value[0])
        rows += value[2]
    ctx.spend(len(rows) * WORK_OF_KEPT_ROW)
    return rows, digest_of_uploads(ctx, calls)


def digest_of_uploads(ctx: Context, calls: list[bytes]) -> bytes:
    """One digest for the digests of the calls that brought lines; nothing for none.

    A settled claim keeps it: whoever gives the lines again later can be held to it.
    """
    return ctx.services.digest("yibao/uploads/v1", b"".join(calls)) if calls else b""


def drop(ctx: Context, claim_id: str, claim: Claim) -> None:
    """Remove the rows of all uploads from the state."""
    for upload, _ in claim.uploads:
        ctx.state.delete(_key(claim_id, upload))


def check_rows(rows: Rows, admission: str, discharge: str, total_fen: int) -> None:
    """What lines must be before they are decided on, in the light of the whole claim.

    Refuses with ``claim.no-lines``, ``claim.duplicate-line``, ``claim.line-date`` and, where the
    institution's own sum is another, ``claim.total-differs``.
    """
    if not rows:
        reject("claim.no-lines")
    if len({row[0] for row in rows}) != len(rows):
        reject("claim.duplicate-line", lines=len(rows))
    found = 0
    for index, row in enumerate(rows):
        found += row[3]
        if not admission <= row[2] <= discharge:
            reject("claim.line-date", index=index, service_date=row[2], discharge=discharge)
    if found != total_fen:
        reject("claim.total-differs", total_fen=total_fen, lines_fen=found)


def _key(claim_id: str, upload: int) -> str:
    return f"claim-lines/{claim_id}/{upload}"
