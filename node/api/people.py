"""Insured persons, for those who work on their case: record, claims, account, and who looked.

An institution is a party to a person only through a claim, and names it (``claim=``): it then sees
the person whom it treats and nobody else. Everything here is logged before it is answered; the
person's home bureau can show the person who has looked.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Path, Query
from starlette.responses import Response

from contracts.settlement import (
    counters,
    enrolment,
    reimbursement_record,
    stays,
)
from contracts.settlement.enrolment import Person
from contracts.settlement.lifecycle import ClaimState
from contracts.settlement.records import Claim, Reversal, is_reversal
from contracts.settlement.refunds import reprice
from node.api import chain, claims, parties, schemas
from node.api.guard import Access
from node.api.params import (
    ID,
    AccessDep,
    After,
    Date,
    GuardDep,
    Limit,
    ThingId,
    day,
    edge_router,
)
from node.api.parties import Parties
from node.api.problems import Problem
from node.api.rights import INSTITUTIONS, Right

router = edge_router("people")

ByClaim = Annotated[
    str | None,
    Query(pattern=ID, description="For institutions: the claim by which it is a party."),
]


def find_person(access: Access, person_id: str, by_claim: str | None) -> tuple[Person, Parties]:
    """A person whom the reader may see; decides and logs. Raises ``Problem``."""
    person = enrolment.load_person(access.state, person_id)
    if person is None:
        raise access.absent()
    concerned = parties.of_person(access.state, person_id)
    if access.caller.kind in INSTITUTIONS:
        concerned |= _by_claim(access, person_id, by_claim)
    access.check(concerned, f"person/{person_id}")
    return person, concerned


AFTER_SETTLING_MS = 90 * 86_400_000
"""How long after its settlement a claim still lets the institution see the person as he is now:
questions and reversals come with the month's declaration. The claim itself stays readable."""


def _by_claim(access: Access, person_id: str, by_claim: str | None) -> Parties:
    """Whom a claim makes a party to the person: whoever treats him, not whoever once did."""
    value = None if by_claim is None else access.view.state(f"claim/{by_claim}")
    if by_claim is None or value is None or is_reversal(value):
        return Parties()
    claim = Claim.decode(value)
    if claim.person != person_id or claim.state == ClaimState.REVERSED:
        return Parties()
    if claim.settled is not None and access.now_ms > claim.settled.time_ms + AFTER_SETTLING_MS:
        return Parties()
    return parties.of_claim(access.state, by_claim)


@router.get("/v1/persons/{person}", name="person", responses={200: {"model": schemas.RecordAnswer}})
async def person(
    access: AccessDep, person: ThingId, date: Date = None, claim: ByClaim = None
) -> Response:
    """An insured person on a date: area, scheme, status, category, holds."""
    found, _ = find_person(access, person, claim)
    on_date = day(access, date)
    spell = found.spell_on(on_date)
    hold = enrolment.hold_on(found, on_date)
    record: dict[str, Any] = {
        "person": found.id,
        "area": found.area,
        "scheme": found.scheme,
        "date": on_date,
        "status": enrolment.person_status(found, on_date),
        "category": spell.category,
        "identity_types": list(spell.identity_types),
        "sex": found.sex,
        "birth": found.birth,
        "has_account": found.account,
        "held": None
        if hold is None
        else {"from": hold.from_date, "to": hold.to_date, "reason": hold.reason},
        "revision": found.revision,
    }
    return access.answer({"record": record})


@router.get(
    "/v1/persons/{person}/claims",
    name="person_claims",
    responses={200: {"model": schemas.ClaimsAnswer}},
)
async def person_claims(
    access: AccessDep, person: ThingId, limit: Limit, after: After, claim: ByClaim = None
) -> Response:
    """The person's claims that the reader may see, in the order of their first call."""
    find_person(access, person, claim)
    named = access.view.calls_of("person", person, after, limit)
    rows, following = chain.affordable(access.view, named, limit)
    listed: list[dict[str, Any]] = []
    for row in rows:
        receipt = chain.row_receipt(access.view, row)
        for name in sorted({str(e.fields["claim"]) for e in receipt.events if "claim" in e.fields}):
            first = access.view.calls_of("claim", name, "", 1)
            if first and first[0] == row and access.sees(parties.of_claim(access.state, name)):
                found = claims.find_claim(access, name)
                assert not isinstance(found, Reversal), f"reversal {name} has calls of a claim"
                listed.append(claims.claim_fields(access.state, name, found, with_person=True))
    return access.answer({"claims": listed, "next": following})


@router.get(
    "/v1/persons/{person}/account",
    name="person_account",
    responses={200: {"model": schemas.RecordAnswer}},
)
async def person_account(access: AccessDep, person: ThingId, claim: ByClaim = None) -> Response:
    """Balances of the personal account and the wallet, fen by fund type."""
    found, _ = find_person(access, person, claim)
    entry = access.view.state(f"account/{person}") or {}
    record = {
        "person": person,
        "has_account": found.account,
        "account": entry.get("person", {}),
        "wallet": entry.get("wallet", {}),
        "reserved": entry.get("reserved", {}),
    }
    return access.answer({"record": record})


@router.get(
    "/v1/reimbursements/{reimbursement}",
    name="reimbursement",
    responses={200: {"model": schemas.RecordAnswer}},
)
async def reimbursement(access: AccessDep, reimbursement: ThingId) -> Response:
    """How a reimbursement (零星报销) stands: stage, amounts due, due date, orders to the bank."""
    found = reimbursement_record.find(access.state, reimbursement)
    if found is None:
        raise access.absent()
    access.check(parties.of_reimbursement(access.state, found), f"reimbursement/{reimbursement}")
    hidden = ("visit", "digest", "last", "salt", "account")
    record = {name: value for name, value in asdict(found).items() if name not in hidden}
    visit = {
        "care_kind": found.visit.care_kind,
        "admission": found.visit.admission,
        "discharge": found.visit.discharge,
    }
    more = {
        "reimbursement": reimbursement,
        "visit": visit,
        "due_fen": found.due_fen,
        "paid_fen": sum(found.standing.values()),
    }
    orders = [_order(order) for order in found.orders]
    return access.answer({"record": more | record | {"orders": orders}})


def _order(order: reimbursement_record.Payment) -> dict[str, Any]:
    """An order to a bank: what it asked for, what the bank said, what came back."""
    return {
        "id": order.id,
        "bank": order.bank,
        "holder": order.holder,
        "amount_fen": order.amount_fen,
        "by_fund": dict(order.rows),
        "outcome": order.outcome,
        "reference": order.reference,
        "returns": [back.show() for back in order.returns],
    }


@router.get(
    "/v1/reimbursements/{reimbursement}/history",
    name="reimbursement_history",
    responses={200: {"model": schemas.CallsAnswer}},
)
async def reimbursement_history(
    access: AccessDep, reimbursement: ThingId, limit: Limit, after: After
) -> Response:
    """Every call that moved a reimbursement on, oldest first.

    It looks through the person's calls: a page may have fewer rows than were asked for, also none,
    and go on behind `next`.
    """
    found = reimbursement_record.find(access.state, reimbursement)
    if found is None:
        raise access.absent()
    access.check(parties.of_reimbursement(access.state, found), f"reimbursement/{reimbursement}")
    about = ("reimbursement", reimbursement)
    return access.answer(claims.calls_page(access, "person", found.person, after, limit, about))


@router.get(
    "/v1/persons/{person}/counters/{year}",
    name="person_counters",
    responses={200: {"model": schemas.RecordAnswer}},
)
async def person_counters(
    access: AccessDep,
    person: ThingId,
    year: Annotated[int, Path(ge=1990, le=2999, description="Benefit year.")],
    claim: ByClaim = None,
) -> Response:
    """What the person used up in a benefit year: deductible paid, cap used ..., and how far the
    home bureau's feed of local care reaches."""
    found, _ = find_person(access, person, claim)
    known = counters.load(access.state, person, found.area, found.scheme, year)
    record = {
        "person": person,
        "area": found.area,
        "scheme": found.scheme,
        "year": year,
        "counters": {} if known is None else dict(known.values),
        "as_of_ms": 0 if known is None else known.as_of_ms,
        "settlements": [] if known is None else [name for _, name in known.settlements],
    }
    return access.answer({"record": record})


@router.get(
    "/v1/persons/{person}/stays",
    name="person_stays",
    responses={200: {"model": schemas.RecordAnswer}},
)
async def person_stays(access: AccessDep, person: ThingId, claim: ByClaim = None) -> Response:
    """Where the person has been in hospital, with the parts of each stay; an institution is shown
    its own."""
    find_person(access, person, claim)
    rows = [
        {
            "stay": stay.name,
            "institution": stay.institution,
            "admission": stay.admission,
            "discharge": stay.discharge or None,
            "overlap": stay.reason or None,
            "going": stay.going or None,
            "parts": list(stay.parts),
            "tests": [{"order": order, "institution": where} for order, where in stay.tests],
        }
        for stay in stays.of_person(access.state, person)
        if access.caller.kind not in INSTITUTIONS or access.caller.id == stay.institution
    ]
    return access.answer({"record": {"person": person, "stays": rows}})


@router.get(
    "/v1/persons/{person}/reprice/{year}",
    name="person_reprice",
    responses={200: {"model": schemas.RecordAnswer}},
)
async def person_reprice(
    access: AccessDep,
    person: ThingId,
    year: Annotated[int, Path(ge=1990, le=2999, description="Benefit year.")],
    claim: ByClaim = None,
) -> Response:
    """Settlements whose counters were put right afterwards and that nobody has looked at yet, with
    what they came to; an institution is shown its own."""
    found, _ = find_person(access, person, claim)
    place = (person, found.area, found.scheme, year)
    rows = [
        {"claim": name, "cause": cause, "listed_ms": at} | reprice.amounts_of(access.state, name)
        for name, cause, at in reprice.listed(access.state, place)
        if access.sees(parties.of_claim(access.state, name)) or access.caller.kind == "bureau"
    ]
    return access.answer({"record": {"person": person, "year": year, "listed": rows}})


@router.get(
    "/v1/persons/{person}/looks",
    name="person_looks",
    responses={200: {"model": schemas.LooksAnswer}},
)
async def person_looks(
    access: AccessDep, guard: GuardDep, person: ThingId, limit: Limit
) -> Response:
    """Who has looked at the person's data on this node, newest first. For the home bureau."""
    found, concerned = find_person(access, person, None)
    if access.caller.kind != "bureau" or not access.sees(concerned, Right.PERSON):
        raise Problem("read.no-right")
    looks = await asyncio.to_thread(guard.log.looks_at, found.id, limit)
    return access.answer({"looks": looks})
