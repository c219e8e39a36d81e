"""``reimbursement.pay``, ``confirm`` and ``bounce``: what the funds owe reaches the bank account.

The bureau's finance desk orders, the bank confirms with its reference or sends the money back with
a reason; then it is ordered again under another payment's id. Money leaves what is owed when the
bank confirms, so an order that comes back has moved nothing, and an order that is told twice pays
once.
"""

from __future__ import annotations

from dataclasses import replace

from contracts import organisations
from contracts.api import Answer, Args, Context, reject
from contracts.organisations import covers, require_kind
from contracts.schema import IDENTIFIER, Bytes, Id, OneOf, Optional, Text
from contracts.settlement import funds_chart as chart
from contracts.settlement.funds_book import Leg, post
from contracts.settlement.records import content_digest
from contracts.settlement.reimbursement import CONTRACT, answer_of, tell_stage
from contracts.settlement.reimbursement_record import (
    Payment,
    Reimbursement,
    Stage,
    Step,
    counted_as,
    follow,
    load,
    put,
)

__all__ = ["CONTRACT"]

WHY_BOUNCED = ("unknown_account", "closed_account", "name_differs", "limit", "other")
"""Why a bank could not pay."""
ORDERS_MAX = 20

PAID = "paid"
"""Outcome of an order that the bank has carried out."""


@CONTRACT.method(
    args={
        "reimbursement": Id(64),
        "payment": Id(64),
        "bank": Id(64),
        "account": Optional(Bytes(32)),
    },
    kinds=("bureau", "finance"),
    posts=("finance",),
)
def pay(ctx: Context, args: Args) -> Answer:
    """Order the bank to pay; ``account``: another bank token, where the first one failed.

    Whoever decided the reimbursement does not order its payment. Refuses with
    ``reimbursement.same-holder``, ``reimbursement.payment-id``, ``reimbursement.bank``.
    """
    name = args["reimbursement"]
    made = load(ctx, name)
    _require_payer(ctx, made.area)
    digest = content_digest(ctx, "reimbursement.pay", args)
    if digest == made.last:
        return answer_of(name, made)
    after = follow(made.stage, Step.PAY)
    if made.decider == ctx.holder:
        reject("reimbursement.same-holder", holder=ctx.holder)
    if any(order.id == args["payment"] for order in made.orders):
        reject("reimbursement.payment-id", payment=args["payment"])
    if len(made.orders) >= ORDERS_MAX:
        reject("reimbursement.too-many-orders", limit=ORDERS_MAX)
    bank = organisations.load(ctx.state, args["bank"])
    if bank is None or bank.kind != "bank":
        reject("reimbursement.bank", bank=args["bank"])
    order = Payment(args["payment"], args["bank"], ctx.holder, "", "")
    made = replace(
        made,
        stage=after,
        account=made.account if args["account"] is None else args["account"],
        orders=(*made.orders, order),
        last=digest,
    )
    return _store(ctx, name, made)


@CONTRACT.method(
    args={
        "reimbursement": Id(64),
        "payment": Id(64),
        "reference": Text(1, 60, IDENTIFIER),
    },
    kinds=("bank",),
    posts=("finance", "operator", "clerk"),
)
def confirm(ctx: Context, args: Args) -> Answer:
    """The bank has paid, with its reference. Told twice, it is the same payment.

    Refuses with ``reimbursement.not-your-order``, ``reimbursement.reported-otherwise``.
    """
    made, order = _order(ctx, args)
    if order.outcome:
        return _told_again(args, made, order, PAID, args["reference"])
    after = follow(made.stage, Step.CONFIRM)
    bank = chart.bank(order.bank)
    legs: list[Leg] = []
    for fund_type, amount in made.due.items():
        legs.append((chart.owed(made.area), fund_type, -amount))
        legs.append((bank, fund_type, amount))
    post(ctx, f"{counted_as(args['reimbursement'])}/{order.id}", legs)
    done = replace(order, outcome=PAID, reference=args["reference"])
    return _store(
        ctx, args["reimbursement"],
        replace(made, stage=after, due_on="", orders=(*made.orders[:-1], done)),
    )  # fmt: skip


@CONTRACT.method(
    args={
        "reimbursement": Id(64),
        "payment": Id(64),
        "reference": Text(1, 60, IDENTIFIER),
        "reason": OneOf(*WHY_BOUNCED),
    },
    kinds=("bank",),
    posts=("finance", "operator", "clerk"),
)
def bounce(ctx: Context, args: Args) -> Answer:
    """The bank could not pay, and why. Nothing has moved; it may be ordered again."""
    made, order = _order(ctx, args)
    if order.outcome:
        return _told_again(args, made, order, args["reason"], args["reference"])
    after = follow(made.stage, Step.BOUNCE)
    failed = replace(order, outcome=args["reason"], reference=args["reference"])
    return _store(
        ctx, args["reimbursement"],
        replace(made, stage=after, orders=(*made.orders[:-1], failed)),
    )  # fmt: skip


def _require_payer(ctx: Context, area: str) -> None:
    if ctx.sender_kind == "bureau":
        organisations.require_competent(ctx, area)
        return
    require_kind(ctx, "finance")
    if not covers(ctx.sender_region, area):
        reject("sender.not-competent", competence=ctx.sender_region, region=area)


def _order(ctx: Context, args: Args) -> tuple[Reimbursement, Payment]:
    """The reimbursement and the order that the bank speaks of."""
    made = load(ctx, args["reimbursement"])
    orders = [o for o in made.orders if o.id == args["payment"] and o.bank == ctx.sender]
    if not orders:
        reject("reimbursement.not-your-order", payment=args["payment"], bank=ctx.sender)
    return made, orders[0]


def _told_again(
    args: Args, made: Reimbursement, order: Payment, outcome: str, reference: str
) -> Answer:
    """The same report again is answered as before; another one is refused."""
    if (order.outcome, order.reference) != (outcome, reference):
        reject(
            "reimbursement.reported-otherwise", payment=order.id,
            known=order.outcome, known_reference=order.reference,
            told=outcome, reference=reference,
        )  # fmt: skip
    return answer_of(args["reimbursement"], made)


def _store(ctx: Context, name: str, made: Reimbursement) -> Answer:
    assert (made.stage is Stage.PAYING) == (not made.orders[-1].outcome), "one order at a time"
    put(ctx, name, made)
    tell_stage(ctx, name, made)
    return answer_of(name, made)
