"""What audits refuse of an institution, line by line: its department, its reason, how much.

The ledger's state holds the sum of a deduction. The lines are in the attachments of its notice and
of its decision, and the department that ordered a line is on the charge line itself, in the
attachment of the settlement. Who may read those sees them put together here; a part that was erased
is shown as withheld, and the sum stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Query
from starlette.responses import Response

from contracts.settlement.claim_shapes import AUDIENCE as SETTLEMENT
from contracts.settlement.claim_shapes import DEPARTMENT, LINE_FIELDS
from contracts.settlement.clearing import audit, audit_record
from contracts.settlement.clearing.audit_record import Deduction, DeductionStage
from node.api import chain, parties, schemas
from node.api.cases import TELL_LINES, attached_to
from node.api.claims import find_claim
from node.api.guard import Access
from node.api.params import MONTH, AccessDep, After, Limit, ThingId, edge_router
from node.api.problems import Problem

router = edge_router("money")

NOTICED = "deduction.noticed"
SHOWN_MAX = 50
"""Deductions that one answer puts together: each reads the calls of its settlement."""
_DEPARTMENT = list(LINE_FIELDS).index(DEPARTMENT)

Month = Annotated[str, Query(pattern=MONTH, description="Month: 2025-06")]


@router.get(
    "/v1/institutions/{institution}/refused",
    name="institution_refused",
    responses={200: {"model": schemas.RecordsAnswer}},
)
async def institution_refused(
    access: AccessDep, institution: ThingId, first: Month, last: Month, limit: Limit,
    after: After,
) -> Response:  # fmt: skip
    """Deductions from the declared months of an institution, with their lines and departments.

    In the order in which notice was given. A page may be empty and still have a ``next``: it looks
    at the notices of all institutions.
    """
    access.check(parties.of_organisation(access.state, institution), f"refused/{institution}")
    if first > last:
        raise Problem("request.invalid", where=["query.first: not after last"])
    chain.check_whole(access.view, after)
    rows = access.view.calls_of("topic", NOTICED, after, limit)
    looked, following = chain.affordable(access.view, rows, limit)
    shown: list[dict[str, Any]] = []
    for row in looked:
        receipt = chain.row_receipt(access.view, row)
        for event in receipt.events:
            fields = event.fields
            if event.topic != NOTICED or fields["institution"] != institution:
                continue
            if first <= fields["month"] <= last:
                shown.append(_refused(access, fields["deduction"]))
        if len(shown) >= SHOWN_MAX and row is not looked[-1]:
            following = chain.cursor(row)
            break
    return access.answer({"records": shown, "next": following})


def _refused(access: Access, deduction_id: str) -> dict[str, Any]:
    """One deduction; whose settlement it is decides, and the look at it is logged."""
    made = audit_record.load(access.state, deduction_id)
    access.check(parties.of_claim(access.state, made.claim), f"deduction/{deduction_id}")
    told: dict[str, list[Mapping[str, Any]]] = {}
    withheld = False
    for call, attached in attached_to(
        access, made.claim, "audit", ("notice", "decide"), audit.AUDIENCE
    ):
        if call.args["deduction"] != deduction_id:
            continue
        withheld |= attached["withheld"]
        told[call.method] = [] if attached["withheld"] else attached["content"]["lines"]
    upheld = _upheld(made, told)
    departments = _departments(access, made.claim)
    lines = [
        {
            "line": line["line"],
            "department": departments.get(line["line"]),
            "reason": line["reason"],
            "note": line.get("note") or None,
            "line_fen": line["line_fen"],
            "noticed_fen": line["amount_fen"],
            "refused_fen": None if upheld is None else upheld.get(line["line"], 0),
        }
        for line in told.get("notice", [])
    ]
    by_line = sum(line["refused_fen"] or 0 for line in lines)
    return {
        "deduction": deduction_id,
        "claim": made.claim,
        "month": made.month,
        "stage": made.stage.value,
        "noticed_on": made.noticed_on,
        "original_period": made.original_period or None,
        "period": made.period or None,
        "noticed_fen": made.amount_fen,
        "refused_fen": made.decided_fen,
        "not_by_line_fen": made.decided_fen - by_line,
        "withheld": withheld,
        "lines": lines,
    }


def _upheld(made: Deduction, told: Mapping[str, list[Mapping[str, Any]]]) -> dict[str, int] | None:
    """Fen refused by line; None where nobody has said it: not decided, or less was upheld without
    a word of which lines."""
    if made.stage is not DeductionStage.DECIDED:
        return None
    if "decide" in told:
        return {line["line"]: line["amount_fen"] for line in told["decide"]}
    if made.decided_fen == made.amount_fen:
        return {line["line"]: line["amount_fen"] for line in told.get("notice", [])}
    return None if made.decided_fen else {}


def _departments(access: Access, claim_id: str) -> dict[str, str]:
    """Department by number of a line, of those lines that name one and are not erased."""
    claim = find_claim(access, claim_id)
    settled = getattr(claim, "settled", None)
    again = None if settled is None else settled.again
    origin = claim_id if again is None else again.origin
    found: dict[str, str] = {}
    for _, attached in attached_to(access, origin, "claim", TELL_LINES, SETTLEMENT):
        content = attached["content"] or {}
        for line in content.get("lines") or ():
            number, named = line[0], line[_DEPARTMENT:]
            found.pop(number, None)
            if named:
                found[number] = named[0]
    return found
