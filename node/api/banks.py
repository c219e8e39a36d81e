"""A bank's orders, and the lines of its statements that wait in suspense."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query
from starlette.responses import Response

from contracts.settlement import bank as statements
from contracts.settlement import bank_order
from contracts.settlement.bank_order import OrderStage
from contracts.settlement.clearing import notice_record, payment_record
from contracts.settlement.clearing.payment_record import PaymentStage
from node.api import chain, parties, schemas
from node.api.guard import Access
from node.api.params import AccessDep, After, Limit, ThingId, cursor_parts, edge_router
from node.api.rights import Right

router = edge_router("money")

PAYMENT = "payment"
TOPICS = {PAYMENT: "payment.approved"} | {kind: f"{kind}.ordered" for kind in bank_order.KINDS}
"""The event that an order begins with: one for each order, however often it is told of later."""
NAMED = {
    bank_order.REIMBURSEMENT: ("reimbursement", "payment"),
    bank_order.PAYOUT: ("payout", "payment"),
    bank_order.COVER: ("payment", "order"),
}
"""Fields of that event that name an order to a person: its case, and its id in it."""
Kind = Annotated[
    str,
    Query(
        pattern=f"^({'|'.join(TOPICS)})$",
        description="Payments of notices, or to persons: reimbursements, payouts, of insurers.",
    ),
]
SUSPENSE_MAX = 2_000
"""Lines that one answer looks at, newest first."""


@router.get(
    "/v1/banks/{bank}/orders", name="bank_orders", responses={200: {"model": schemas.RecordsAnswer}}
)
async def bank_orders(
    access: AccessDep, bank: ThingId, limit: Limit, after: After, kind: Kind = PAYMENT
) -> Response:
    """Orders that a bank was given and has not reported on, oldest first. Those that pay persons
    are shown to the bank and to auditors of the whole country alone; their ``stage`` is
    ``approved``, or ``withdrawn``: the bank pays it no more, but has to say whether it has.

    A page may be empty and still have a ``next``: it looks at orders of all banks.
    """
    # Account tokens of persons are not everybody's business whose business a bank is.
    right = None if kind == PAYMENT else Right.ORDER
    access.check(parties.of_organisation(access.state, bank), f"bank/{bank}", right)
    chain.check_whole(access.view, after)
    rows = access.view.calls_of("topic", TOPICS[kind], after, limit)
    shown, following = chain.affordable(access.view, rows, limit)
    listed: list[dict[str, Any]] = []
    for row in shown:
        for event in chain.row_receipt(access.view, row).events:
            if event.topic != TOPICS[kind] or event.fields["bank"] != bank:
                continue
            if kind == PAYMENT:
                found = _payment(access, event.fields["payment"])
            else:
                case, number = (event.fields[name] for name in NAMED[kind])
                found = _to_person(access, bank, kind, case, number)
            if found is not None:
                listed.append({**found, "at_height": row.height})
    return access.answer({"records": listed, "next": following})


def _payment(access: Access, payment: str) -> dict[str, Any] | None:
    """A payment of a notice that the bank is to make; None where it is not any more."""
    made = payment_record.load(access.state, payment)
    if made.stage is not PaymentStage.APPROVED:
        return None
    notice = notice_record.load(access.state, made.notice)
    return {
        "order": payment,
        "kind": notice.kind.value,
        "stage": made.stage.value,
        "amount_fen": made.amount_fen,
        "payer": notice.payer,
        "payee": notice.payee,
        "payee_bank": made.payee_bank,
        "account": None,
        "notice": made.notice,
        "due_on": notice.due_on,
        "by_fund_fen": notice.by_fund(made.rows),
    }


def _to_person(
    access: Access, bank: str, kind: str, case: str, number: str
) -> dict[str, Any] | None:
    """An order to pay a person; None where the bank has reported on it."""
    name = bank_order.name_of(kind, case, number)
    found = bank_order.find(access.state, bank, name)
    assert found is not None, "an order that was told of is kept"
    if found.stage not in (OrderStage.APPROVED, OrderStage.WITHDRAWN):
        return None
    return {
        "order": name,
        "kind": kind,
        "stage": found.stage.value,
        "amount_fen": found.amount_fen,
        "payer": found.payer,
        "payee": None,
        "payee_bank": bank,
        "account": found.account,
        "notice": None,
        "due_on": found.due_on or None,
    }


@router.get(
    "/v1/banks/{bank}/suspense",
    name="bank_suspense",
    responses={200: {"model": schemas.RecordsAnswer}},
)
async def bank_suspense(
    access: AccessDep,
    bank: ThingId,
    after: After,
    settled: Annotated[bool, Query(description="Also lines that are resolved.")] = False,
) -> Response:
    """Lines of a bank's statements that fit no order and wait, newest first.

    A page may be empty and still have a ``next``: it looks at resolved lines, too.
    """
    access.check(parties.of_organisation(access.state, bank), f"bank/{bank}")
    state = access.state
    last: int = state.get(f"suspense/{bank}") or 0
    behind = cursor_parts(after, 2)
    first = last if behind is None else min(last, behind[0] - 1)
    bottom = max(0, first - SUSPENSE_MAX)
    listed = []
    for number in range(first, bottom, -1):
        found = statements.suspended(state, bank, number)
        assert found is not None, "the list has no gap"
        reference, line = found
        if settled or line.outcome == statements.SUSPENSE:
            listed.append(
                {
                    "reference": reference,
                    "outcome": line.outcome,
                    "direction": line.direction,
                    "order": line.order or None,
                    "amount_fen": line.amount_fen,
                    "value_on": line.value_on,
                    "reason": line.reason or None,
                    "cause": line.cause,
                    "how": line.how or None,
                }
            )
    following = f"{bottom + 1}:0" if bottom else None
    return access.answer({"records": listed, "next": following})
