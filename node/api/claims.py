"""Claims: how one stands, what happened to it, its explanation, its page, its evidence.

A claim's record names a person. Who has the right to the claim and not to the person (a finance
department, a bank, the centre) sees amounts and versions, and `withheld` where the person stands.
"""

from __future__ import annotations

from typing import Any

from fastapi import Query
from starlette.responses import Response

from contracts.api import State
from contracts.settlement import records, recovery_record, statement, stays
from contracts.settlement.clearing import statement_record
from contracts.settlement.clearing.standing import standing
from contracts.settlement.cover_record import AT_ONCE
from contracts.settlement.records import Claim, Reversal
from contracts.settlement.refunds import consent, payout
from node.api import chain, explorer, parties, render, schemas
from node.api.chain import Located
from node.api.guard import Access
from node.api.params import AccessDep, After, Limit, ThingId, edge_router
from node.api.problems import Problem
from node.api.rights import Right, has_post
from node.ledger import merkle

router = edge_router("claims")

SUM_NAMES = ("total_fen", "own_expense_fen", "over_ceiling_fen", "first_pay_fen", "in_scope_fen")


def find_claim(access: Access, claim_id: str) -> Claim | Reversal:
    """The record of a claim or of a reversal. Raises ``Problem``."""
    value = access.view.state(f"claim/{claim_id}")
    if value is None:
        raise access.absent()
    return Reversal.decode(value) if records.is_reversal(value) else Claim.decode(value)


def claim_fields(state: State, claim_id: str, claim: Claim, *, with_person: bool) -> dict[str, Any]:
    """A claim's record with named fields."""
    visit = claim.visit
    settled = claim.settled
    again = None if settled is None else settled.again
    return {
        "claim": claim_id,
        "state": standing(state, claim).value,
        "institution": claim.institution,
        "care": claim.care,
        "area": claim.area,
        "scheme": claim.scheme,
        "care_kind": visit.care_kind,
        "admission": visit.admission,
        "discharge": visit.discharge,
        "person": claim.person if with_person else None,
        "withheld": [] if with_person else ["person"],
        "uploads": [{"number": number, "lines": lines} for number, lines in claim.uploads],
        "settled": None if settled is None else _settled(settled),
        "reversal": claim.reversal or None,
        "replaces": None if again is None else again.replaces,
        "origin": None if again is None else again.origin,
        "replaced_by": _replaced_by(state, claim) or None,
        "part": None if settled is None or settled.part is None else settled.part.told(),
        "parts": _parts(state, claim_id, claim),
        "recovery": None if claim.settled is None else _recovery(state, claim_id),
        "declared": None if claim.declared is None else _declared(state, claim, claim.declared),
        "consents": [] if claim.declared is None else _consents(state, claim_id),
    }


def _parts(state: State, claim_id: str, claim: Claim) -> list[str]:
    """The settled parts of the claim's stay in their order; none of what is settled whole."""
    if claim.settled is not None and claim.settled.part is None:
        return []
    for stay in stays.of_person(state, claim.person):
        if claim_id == stay.going or claim_id in stay.parts:
            return list(stay.parts)
    return []


def _declared(state: State, claim: Claim, declared: records.Declared) -> dict[str, Any]:
    pair = statement_record.sides(state, claim.area, claim.care)
    return {
        "statement": None if pair is None else dict(zip(("home", "care"), pair, strict=True)),
        "relatives": _relatives(state, claim),
        "insurers": _insurers(state, claim),
        "month": declared.month or None,
        "set_aside": declared.times,
        "deducted": [{"fund": fund, "amount_fen": amount} for fund, amount in declared.deducted],
    }


def _relatives(state: State, claim: Claim) -> list[dict[str, Any]]:
    """Other areas whose relatives' accounts have paid, with the statement that each owes it by."""
    sums: dict[str, int] = {}
    for _, area, fen in claim.settled.own.relatives if claim.settled is not None else ():
        if area != claim.area:
            sums[area] = sums.get(area, 0) + fen
    found = []
    for area, fen in sorted(sums.items()):
        pair = statement_record.sides(state, area, claim.care)
        if pair is not None:
            sides = dict(zip(("home", "care"), pair, strict=True))
            found.append({**sides, "area": area, "amount_fen": fen})
    return found


def _settled(settled: records.Settled) -> dict[str, Any]:
    return {
        "tx_id": settled.tx_id,
        "call_index": settled.call_index,
        "time_ms": settled.time_ms,
        **dict(zip(SUM_NAMES, settled.sums, strict=True)),
        "payments": [
            {"fund": fund, "payer": payer, "amount_fen": amount}
            for fund, payer, amount in settled.payments
        ],
        "deductible_fen": settled.deductible_fen,
        "account_fen": settled.account_fen,
        "cash_fen": settled.cash_fen,
        "versions": list(settled.versions),
        "invoices": [{"code": code, "number": number} for code, number in settled.invoices],
        "covers": [
            {
                "product": part.product,
                "insurer": part.insurer,
                "number": part.number,
                "pays": part.pays,
                "amount_fen": part.amount_fen,
            }
            for part in settled.covers
        ],
    }


def _payouts(state: State, reversal_id: str) -> list[dict[str, Any]]:
    """What the reversal brought into closed accounts; whose they are stays unsaid."""
    rows: list[dict[str, Any]] = []
    while payout.find(state, name := payout.name_of(reversal_id, len(rows) + 1)):
        rows.append(payout_fields(state, name))
    return rows


def payout_fields(state: State, name: str) -> dict[str, Any]:
    """A payout without whose it is."""
    made = payout.find(state, name)
    assert made is not None, f"payout {name} is named and is not there"
    return {
        "payout": name, "state": made.state.value, "amount_fen": made.amount_fen,
        "open_fen": made.open_fen,
        "payment": made.payment or None, "bank": made.bank or None,
        "reference": made.reference or None,
        "orders": [
            {"payment": order.payment, "bank": order.bank, "amount_fen": order.amount_fen,
             "reference": order.reference, "returns": [back.show() for back in order.returns]}
            for order in made.paid
        ],
    }  # fmt: skip


def _consents(state: State, claim_id: str) -> list[dict[str, Any]]:
    """Bureaus' consents to refunds of a claim that was declared."""
    rows = []
    for side in consent.SIDES:
        made = consent.find(state, claim_id, side)
        if made is not None:
            rows.append(
                {"side": side, "state": made.state.value, "amount_fen": made.amount_fen,
                 "bureau": made.bureau, "reversal": made.reversal or None}
            )  # fmt: skip
    return rows


def _reversal_fields(state: State, reversal_id: str, reversal: Reversal) -> dict[str, Any]:
    return {
        "reversal": reversal_id,
        "claim": reversal.claim,
        "tx_id": reversal.tx_id,
        "time_ms": reversal.time_ms,
        "reason": reversal.reason,
        "replacement": reversal.replacement or None,
        "payouts": _payouts(state, reversal_id),
        "declared": reversal.month or None,
    }


def _insurers(state: State, claim: Claim) -> list[dict[str, str]]:
    """The statements that have what products paid within the settlement."""
    if claim.settled is None or not claim.settled.covers:
        return []
    place = statement_record.place_of(state, claim.care)
    names = dict.fromkeys(part.insurer for part in claim.settled.covers if part.pays == AT_ONCE)
    return [{"home": insurer, "care": place} for insurer in names]


def _recovery(state: State, claim_id: str) -> dict[str, Any] | None:
    """What a liable third party pays back of it; None where nobody is asked to."""
    found = recovery_record.of_claim(state, claim_id)
    if found is None:
        return None
    name, made = found
    return {
        "recovery": name,
        "stage": made.stage.value,
        "paid_first": made.paid_first,
        "demanded_fen": made.demanded_fen,
        "recovered_fen": made.recovered_fen,
    }


def _replaced_by(state: State, claim: Claim) -> str:
    """The settlement that took a claim's place; empty where none did."""
    if not claim.reversal:
        return ""
    value = state.get(f"claim/{claim.reversal}")
    assert value is not None, f"a claim names its reversal {claim.reversal}"
    return Reversal.decode(value).replacement


@router.get("/v1/claims/{claim}", name="claim", responses={200: {"model": schemas.RecordAnswer}})
async def claim(access: AccessDep, claim: ThingId) -> Response:
    """How a claim stands."""
    found = find_claim(access, claim)
    concerned = parties.of_claim(access.state, claim)
    if isinstance(found, Reversal):
        access.check(concerned, f"claim/{claim}")
        return access.answer({"record": _reversal_fields(access.state, claim, found)})
    with_person = has_post(Right.PERSON, access.caller) and access.sees(concerned, Right.PERSON)
    access.check(concerned, f"claim/{claim}", Right.PERSON if with_person else None)
    return access.answer(
        {"record": claim_fields(access.state, claim, found, with_person=with_person)}
    )


@router.get(
    "/v1/claims/{claim}/history",
    name="claim_history",
    responses={200: {"model": schemas.CallsAnswer}},
)
async def claim_history(access: AccessDep, claim: ThingId, limit: Limit, after: After) -> Response:
    """Every call that named the claim, oldest first, also the rejected ones."""
    if find_claim(access, claim):
        access.check(parties.of_claim(access.state, claim), f"claim/{claim}")
    return access.answer(calls_page(access, "claim", claim, after, limit))


def calls_page(
    access: Access,
    kind: str,
    name: str,
    after: str,
    limit: int,
    about: tuple[str, str] | None = None,
) -> dict[str, Any]:
    """One page of the calls that concern a thing, those that concern the reader.

    ``about``: only calls with an event that has this field and value.
    """
    found = access.view.calls_of(kind, name, after, limit)
    rows, following = chain.affordable(access.view, found, limit)
    shown = []
    for row in rows:
        receipt, concerned = chain.row_call(access, row)
        if about is not None and not any(
            e.fields.get(about[0]) == about[1] for e in receipt.events
        ):
            continue
        if access.sees(concerned):
            shown.append(
                {
                    "tx_id": row.tx_id,
                    "call_index": row.call_index,
                    "at_height": row.height,
                    "receipt": render.receipt(receipt),
                }
            )
    return {"calls": shown, "next": following}


def settlement_of(access: Access, claim_id: str) -> tuple[Claim, Located, int]:
    """A settled claim, its settling transaction and call; decides under the route's right."""
    found = find_claim(access, claim_id)
    access.check(parties.of_claim(access.state, claim_id), f"claim/{claim_id}")
    if isinstance(found, Reversal) or found.settled is None:
        raise Problem("read.not-found", settled=False)
    return found, chain.held(access.view, found.settled.tx_id), found.settled.call_index


@router.get(
    "/v1/claims/{claim}/explanation",
    name="claim_explanation",
    responses={200: {"model": schemas.ExplanationAnswer}},
)
async def claim_explanation(access: AccessDep, claim: ThingId) -> Response:
    """How the settlement was computed, step by step."""
    _, located, call_index = settlement_of(access, claim)
    return access.answer(explorer.explanation_of(access, located, call_index))


@router.get(
    "/v1/claims/{claim}/statement",
    name="claim_statement",
    responses={
        200: {
            "description": "The settlement statement (结算单), one page.",
            "content": {
                "text/html": {"schema": {"type": "string"}},
                "text/plain": {"schema": {"type": "string"}},
            },
        }
    },
)
async def claim_statement(
    access: AccessDep,
    claim: ThingId,
    form: str = Query(default="text", pattern="^(text|html)$", description="text or html"),
) -> Response:
    """The settlement statement (结算单): what a patient takes home."""
    found, located, call_index = settlement_of(access, claim)
    explained = explorer.explanation_of(access, located, call_index)
    leaf = located.leaves[located.receipt_index(call_index)]
    page = statement.build(
        explained["explanation"],
        receipt_digest=merkle.leaf_hash(leaf),
        state=standing(access.state, found).value,
        replaced_by=_replaced_by(access.state, found),
        recovery=_recovery(access.state, claim),
    )
    if form == "html":
        return Response(statement.render_html(page), media_type="text/html; charset=utf-8")
    return Response(statement.render_text(page), media_type="text/plain; charset=utf-8")


@router.get(
    "/v1/claims/{claim}/attachments",
    name="claim_attachments",
    responses={200: {"model": schemas.AttachmentsAnswer}},
)
async def claim_attachments(
    access: AccessDep, claim: ThingId, limit: Limit, after: After
) -> Response:
    """Charge lines, visit and materials of a claim, from all of its calls in order."""
    find_claim(access, claim)
    access.check(parties.of_claim(access.state, claim), f"claim/{claim}")
    named = access.view.calls_of("claim", claim, after, limit)
    rows, following = chain.affordable(access.view, named, limit)
    found: list[dict[str, Any]] = []
    for row in rows:
        located = chain.locate(access.view, row.tx_id)
        assert located is not None, f"the index names {row.tx_id.hex()} that is not stored"
        if access.sees(chain.call_parties(access, located, row.call_index)):
            found += explorer.attachments_of(access, located, row.call_index)
    return access.answer({"attachments": found, "next": following})
