"""Commercial cover as readers see it: products, who holds them, what they pay of which bill.

An insurer sees its own products' holders and payments: what its rule computed, and of the rest of
a bill what the person's consent says (``parties.of_claim``). The person's home bureau sees all of
it, a bank the orders that were given to it or to a bank that it succeeds.
"""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from contracts.organisations import speaks_for
from contracts.settlement import cover_record, enrolment, policy
from contracts.settlement.cover_record import CoverPayment
from contracts.settlement.records import Claim
from contracts.settlement.returns import returned_fen
from node.api import chain, explorer, parties, schemas
from node.api.guard import Access
from node.api.params import AccessDep, After, Limit, ThingId, cursor_parts, edge_router
from node.api.parties import Parties
from node.api.people import ByClaim, find_person
from node.api.problems import Problem
from node.api.rights import Right, has_post, may_see_person

router = edge_router("cover")


@router.get(
    "/v1/cover/products/{product}",
    name="cover_product",
    responses={200: {"model": schemas.RecordAnswer}},
)
async def cover_product(access: AccessDep, product: ThingId) -> Response:
    """A commercial product: insurer, versions, the newest version's rule."""
    found = cover_record.find_product(access.state, product)
    if found is None:
        raise Problem("read.not-found", height=access.view.head.height)
    newest = found.versions[-1]
    record = {
        "product": found.id,
        "insurer": found.insurer,
        "versions": [
            {
                "number": version.number,
                "effective_from": version.effective_from,
                "pays": version.pays,
                "hash": version.hash,
                "deployed_at_height": version.height,
            }
            for version in found.versions
        ],
        "source": policy.source_of(access.state, newest.hash),
    }
    return access.answer({"record": record})


@router.get(
    "/v1/cover/products/{product}/holders/{person}",
    name="cover_holder",
    responses={200: {"model": schemas.RecordAnswer}},
)
async def cover_holder(access: AccessDep, product: ThingId, person: ThingId) -> Response:
    """Whether a person holds a product and has authorised it. For its insurer, whose business it
    is, and at home for those who work on the person's case: then it is a look at the person."""
    found = cover_record.find_product(access.state, product)
    holder = cover_record.find_holder(access.state, product, person)
    if found is None or holder is None:
        raise access.absent()
    known = enrolment.load_person(access.state, person)
    concerned = Parties(organisations=frozenset({found.insurer}))
    concerned |= parties.of_person(access.state, person)
    own = access.caller.id == found.insurer
    access.check(concerned, f"cover/{product}/{person}", None if own else Right.PERSON)
    covers = () if known is None else known.covers
    consent = next((cover for cover in covers if cover.product == product), None)
    record = {
        "product": product,
        "person": person,
        "from": holder.from_date,
        "to": holder.to_date,
        "consent": None if consent is None else {"scope": consent.scope, "to": consent.to_date},
    }
    return access.answer({"record": record})


@router.get(
    "/v1/cover/insurers/{insurer}/payments",
    name="cover_payments",
    responses={200: {"model": schemas.CoverPaymentsAnswer}},
)
async def cover_payments(
    access: AccessDep, insurer: ThingId, limit: Limit, after: After
) -> Response:
    """An insurer's payments in the order in which they arose, for itself; for the centre without
    claim and person."""
    access.check(Parties(organisations=frozenset({insurer})), f"cover/{insurer}")
    start = cursor_parts(after, 2)
    first = 1 if start is None else start[0] + 1
    count = access.state.get(f"cover-count/{insurer}") or 0
    last = min(count, first + limit - 1)
    rows = []
    for number in range(first, last + 1):
        name = str(access.state.get(f"cover-list/{insurer}/{number}"))
        made = cover_record.find_payment(access.state, name)
        assert made is not None, f"payment {name} is listed and not kept"
        row = payment_fields(name, made)
        rows.append(row if access.caller.id == insurer else row | {"claim": None, "person": None})
    return access.answer({"payments": rows, "next": f"{last}:0" if last < count else None})


def payment_fields(name: str, made: CoverPayment) -> dict[str, Any]:
    """A payment for its insurer."""
    return {
        "payment": name,
        "stage": made.stage.value,
        "claim": made.claim,
        "person": made.person,
        "product": made.product,
        "insurer": made.insurer,
        "number": made.number,
        "amount_fen": made.amount_fen,
        "standing_fen": made.standing_fen,
        "open_fen": made.open_fen,
        "orders": [
            {
                "order": order.id,
                "bank": order.bank,
                "amount_fen": order.amount_fen,
                "outcome": order.outcome,
                "reference": order.reference,
                "returned_fen": returned_fen(order.returns),
                "returns": [back.show() for back in order.returns],
            }
            for order in made.orders
        ],
    }


@router.get(
    "/v1/cover/payments/{payment}",
    name="cover_payment",
    responses={200: {"model": schemas.RecordAnswer}},
)
async def cover_payment(access: AccessDep, payment: ThingId) -> Response:
    """What a product pays of one bill, and how its rule computed it. A bank sees its order."""
    made = cover_record.find_payment(access.state, payment)
    if made is None:
        raise access.absent()
    concerned = parties.of_cover_payment(made)
    of_case = access.caller.id == made.insurer or (
        may_see_person(access.caller, concerned) and has_post(Right.PERSON, access.caller)
    )
    logged = of_case and access.caller.kind != "insurer"
    access.check(concerned, f"cover/{payment}", Right.PERSON if logged else None)
    record = payment_fields(payment, made)
    if of_case:
        record["computed"] = _computed(access, made)
        record["withheld"] = []
    else:
        record |= {"claim": None, "person": None, "withheld": ["claim", "person"]}
        record["orders"] = [
            order
            for order in record["orders"]
            if access.caller.kind != "bank"
            or speaks_for(access.state, access.caller.id, order["bank"])
        ]
    return access.answer({"record": record})


def _computed(access: Access, made: CoverPayment) -> dict[str, Any] | None:
    """The product's own part of the explanation; None where it was erased or is not there, also
    because a snapshot passed over the settlement's block."""
    kind, _, name = made.claim.rpartition("/")
    value = access.view.state(f"claim/{name}") if not kind else None
    settled = None if value is None else Claim.decode(value).settled
    if settled is None:
        return None
    try:
        located = chain.held(access.view, settled.tx_id)
        told = explorer.explanation_of(access, located, settled.call_index)["explanation"]
    except Problem:
        return None
    return next((one for one in told.get("cover", ()) if one["product"] == made.product), None)


@router.get(
    "/v1/persons/{person}/covers",
    name="person_covers",
    responses={200: {"model": schemas.PersonCoversAnswer}},
)
async def person_covers(access: AccessDep, person: ThingId, claim: ByClaim = None) -> Response:
    """The commercial cover that the person has authorised, in the order of payment."""
    found, _ = find_person(access, person, claim)
    rows = [
        {
            "product": cover.product,
            "insurer": cover.insurer,
            "scope": cover.scope,
            "to": cover.to_date,
            "has_account": cover.account is not None,
        }
        for cover in found.covers
    ]
    return access.answer({"covers": rows})
