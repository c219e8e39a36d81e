"""Filings: a person's and one by its id, its papers, and the settled claims that it would change.

A filing says where somebody will be ill, so each look is logged. The area of care is no party to it
before a claim there binds to it.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Query
from starlette.responses import Response

from contracts.settlement import filing_cover, filing_record
from contracts.settlement.filing_affected import (
    Affected,
    AffectedReimbursement,
    affected_by,
    reimbursements_affected_by,
)
from contracts.settlement.filing_record import Filing
from contracts.settlement.records import Claim
from contracts.settlement.reimbursement_record import Reimbursement
from node.api import chain, explorer, parties, render, schemas
from node.api.guard import Access
from node.api.params import AREA, AccessDep, After, Date, Limit, ThingId, day, edge_router
from node.api.people import ByClaim, find_person
from node.api.worklists import today_of

router = edge_router("filings")


@router.get(
    "/v1/persons/{person}/filings",
    name="person_filings",
    responses={200: {"model": schemas.FilingsAnswer}},
)
async def person_filings(
    access: AccessDep,
    person: ThingId,
    care_region: Annotated[
        str | None, Query(pattern=AREA, description="Ask which filing covers care here.")
    ] = None,
    admission: Date = None,
    date: Date = None,
    claim: ByClaim = None,
) -> Response:
    """The person's filings; with `care_region`, which one covers a stay, or exactly why none."""
    find_person(access, person, claim)
    rows = filing_record.load_index(access.state, person)
    cover = None
    if care_region is not None:
        on_date = day(access, date)
        admitted = on_date if admission is None else day(access, admission)
        found = filing_cover.find_cover(access.state, person, care_region, admitted, on_date)
        cover = {**asdict(found), "why": render.reason(found.reason)}
    return access.answer({"filings": [asdict(row) for row in rows], "cover": cover})


def find_filing(access: Access, filing_id: str) -> Filing:
    """A filing that the reader may see; decides and logs. Raises ``Problem``."""
    found = filing_record.load_filing(access.state, filing_id)
    if found is None:
        raise access.absent()
    access.check(parties.of_filing(found), f"filing/{filing_id}")
    return found


@router.get("/v1/filings/{filing}", name="filing", responses={200: {"model": schemas.RecordAnswer}})
async def filing(access: AccessDep, filing: ThingId) -> Response:
    """A filing (备案) with all its versions."""
    found = find_filing(access, filing)
    versions = [
        {name: value for name, value in asdict(version).items() if name != "digest"}
        for version in found.versions
    ]
    end = found.end
    record = {
        "filing": found.id,
        "person": found.person,
        "area": found.area,
        "end": None if end is None else asdict(end),
        "warned": found.warned or None,
        "versions": versions,
    }
    return access.answer({"record": record})


@router.get(
    "/v1/filings/{filing}/attachments",
    name="filing_attachments",
    responses={200: {"model": schemas.AttachmentsAnswer}},
)
async def filing_attachments(
    access: AccessDep, filing: ThingId, limit: Limit, after: After
) -> Response:
    """The papers of a filing by kind and hash, and notes, from all of its calls in order."""
    find_filing(access, filing)
    named = access.view.calls_of("filing", filing, after, limit)
    rows, following = chain.affordable(access.view, named, limit)
    found: list[dict[str, Any]] = []
    for row in rows:
        located = chain.locate(access.view, row.tx_id)
        assert located is not None, f"the index names {row.tx_id.hex()} that is not stored"
        if located.transaction.body.calls[row.call_index].contract == "filing":
            found += explorer.attachments_of(access, located, row.call_index)
    return access.answer({"attachments": found, "next": following})


@router.get(
    "/v1/filings/{filing}/affected",
    name="filing_affected",
    responses={200: {"model": schemas.AffectedAnswer}},
)
async def filing_affected(access: AccessDep, filing: ThingId) -> Response:
    """Settled claims and reimbursements that would bind to the filing now: it came later than they.

    What each would pay is asked for where it was settled: the lines are there.
    """
    found = find_filing(access, filing)

    def is_emergency(claim: Claim) -> bool:
        return bool(_settled_as(access, claim)["type"] == "emergency")

    claims = affected_by(access.state, found, today_of(access), is_emergency)
    rows = [_affected_fields(access, item) for item in claims]

    def was_emergency(made: Reimbursement) -> bool:
        return bool(_decided_as(access, made)["type"] == "emergency")

    paid = reimbursements_affected_by(access.state, found, today_of(access), was_emergency)
    more = [_affected_reimbursement(access, item) for item in paid]
    return access.answer(
        {"filing": filing, "person": found.person, "claims": rows, "reimbursements": more}
    )


def _decided_as(access: Access, made: Reimbursement) -> dict[str, Any]:
    """What the receipt of a decision says of the filing that it was bound to; empty where the
    block is not here."""
    assert made.verdict is not None, "only decided ones are affected"
    located = chain.locate(access.view, made.verdict.tx_id)
    if located is None:
        return {"type": ""}
    return dict(located.receipts[made.verdict.call_index].versions["filing"])


def _affected_reimbursement(access: Access, item: AffectedReimbursement) -> dict[str, Any]:
    made, before = item.made, _decided_as(access, item.made)
    return {
        "reimbursement": item.name,
        "stage": made.stage.value,
        "care": made.place.region,
        "admission": made.visit.admission,
        "discharge": made.visit.discharge,
        "total_fen": made.total_fen,
        "funds_fen": sum(amount for _, amount in made.payments),
        "decided_as": before["type"] or None,
        "decided_with": item.bound[0] or None,
        "reason": before.get("reason") or None,
        "would_be": item.cover.type,
        "version": item.cover.version,
        "in_time": item.cover.in_time,
    }


def _settled_as(access: Access, claim: Claim) -> dict[str, Any]:
    """What the receipt of a settlement says of the filing that decided it.

    Empty where the block came here as part of a snapshot only.
    """
    assert claim.settled is not None, "only settled claims are affected"
    located = chain.locate(access.view, claim.settled.tx_id)
    if located is None:
        return {"type": ""}
    return dict(located.receipts[claim.settled.call_index].versions["filing"])


def _affected_fields(access: Access, item: Affected) -> dict[str, Any]:
    claim, settled = item.claim, item.claim.settled
    assert settled is not None, "only settled claims are affected"
    before = _settled_as(access, claim)
    return {
        "claim": item.name,
        "state": claim.state.value,
        "institution": claim.institution,
        "care": claim.care,
        "admission": claim.visit.admission,
        "discharge": claim.visit.discharge,
        "total_fen": settled.sums[0],
        "cash_fen": settled.cash_fen,
        "settled_as": before["type"] or None,
        "settled_with": item.bound[0] or None,
        "reason": before.get("reason") or None,
        "would_be": item.cover.type,
        "version": item.cover.version,
        "in_time": item.cover.in_time,
    }
