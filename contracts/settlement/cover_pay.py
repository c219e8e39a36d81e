"""``cover.pay``, ``confirm``, ``bounce`` and ``repaid``: what a product owes reaches the patient.

The insurer orders, a bank confirms with its reference or sends the money back with a reason; then
it is ordered again under another order's id. The insurer's account moves when the bank confirms, so
an order that comes back has moved nothing and one that is told twice pays once. Of a bill that was
taken back nothing is paid any more; what the patient has already is owed to the insurer.
"""

from __future__ import annotations

from dataclasses import replace

from contracts import organisations
from contracts.api import Answer, Args, Context, reject
from contracts.schema import IDENTIFIER, Bytes, Id, OneOf, Optional, Text
from contracts.settlement import bank_order
from contracts.settlement import funds_chart as chart
from contracts.settlement.cover import CONTRACT
from contracts.settlement.cover_record import (
    CoverPayment,
    CoverStep,
    find_payment,
    follow,
)
from contracts.settlement.cover_settle import store
from contracts.settlement.funds_book import Leg, post
from contracts.settlement.records import content_digest
from contracts.settlement.reimbursement_pay import ORDERS_MAX
from contracts.settlement.reimbursement_record import PAID
from contracts.settlement.reimbursement_record import Payment as Order
from contracts.settlement.returns import WHY_BACK
from contracts.settlement.terms import COMMERCIAL

__all__ = ["CONTRACT"]

_PAYMENT = Id(70)
_REPORT = {"payment": _PAYMENT, "order": Id(64), "reference": Text(1, 60, IDENTIFIER)}


@CONTRACT.method(
    args={
        "payment": _PAYMENT,
        "order": Id(64),
        "bank": Id(64),
        "account": Optional(Bytes(32)),
    },
    kinds=("insurer",),
    posts=("finance",),
)
def pay(ctx: Context, args: Args) -> Answer:
    """Order a bank to pay the patient; ``account``: another bank token than the person's consent.

    Refuses with ``cover.unknown-payment``, ``cover.wrong-stage``, ``cover.order-id``,
    ``cover.bank``, ``cover.account-missing``, ``cover.too-many``, ``bank.order-name``.
    """
    name = args["payment"]
    made = _load(ctx, name)
    if made.insurer != ctx.sender:
        reject("cover.unknown-payment", payment=name)
    digest = content_digest(ctx, "cover.pay", args)
    if digest == made.last:
        return _answer(name, made)
    after = follow(made.stage, CoverStep.PAY)
    if any(order.id == args["order"] for order in made.orders):
        reject("cover.order-id", order=args["order"])
    if len(made.orders) >= ORDERS_MAX:
        reject("cover.too-many", of="orders", limit=ORDERS_MAX)
    bank = organisations.load(ctx.state, args["bank"])
    if bank is None or bank.kind != "bank":
        reject("cover.bank", bank=args["bank"])
    account = made.account if args["account"] is None else args["account"]
    if account is None:
        reject("cover.account-missing", payment=name)
    order = Order(args["order"], args["bank"], ctx.holder, "", "")
    made = replace(
        made, stage=after, account=account, orders=(*made.orders, order), last=digest
    )  # fmt: skip
    # Told once for each order: from it the bank's list of orders is made.
    ctx.emit(
        "cover.ordered", payment=name, order=order.id, bank=order.bank, insurer=made.insurer,
        amount_fen=made.amount_fen,
    )  # fmt: skip
    bank_order.give(
        ctx, order.bank, bank_order.of_cover(name, order.id), kind=bank_order.COVER,
        amount_fen=made.amount_fen, payer=made.insurer, account=account, due_on="",
        secret=made.salt,
    )  # fmt: skip
    return _store(ctx, name, made)


@CONTRACT.method(args=_REPORT, kinds=("bank",), posts=("finance", "operator", "clerk"))
def confirm(ctx: Context, args: Args) -> Answer:
    """The bank has paid, with its reference. Told twice, it is the same payment.

    Refuses with ``cover.not-your-order``, ``cover.reported-otherwise``.
    """
    name = args["payment"]
    made, order = _order(ctx, args)
    if order.outcome:
        return _told_again(args, made, order, PAID)
    after = follow(made.stage, CoverStep.CONFIRM)
    post(ctx, _transfer(name, order.id), _to_bank(made, order.bank, made.amount_fen))
    done = replace(order, outcome=PAID, reference=args["reference"])
    _tell_bank(ctx, name, done)
    return _store(ctx, name, replace(made, stage=after, orders=(*made.orders[:-1], done)))


@CONTRACT.method(
    args={**_REPORT, "reason": OneOf(*WHY_BACK)},
    kinds=("bank",),
    posts=("finance", "operator", "clerk"),
)
def bounce(ctx: Context, args: Args) -> Answer:
    """The bank could not pay, and why. Nothing has moved; it may be ordered again."""
    name = args["payment"]
    made, order = _order(ctx, args)
    if order.outcome:
        return _told_again(args, made, order, args["reason"])
    after = follow(made.stage, CoverStep.BOUNCE)
    failed = replace(order, outcome=args["reason"], reference=args["reference"])
    _tell_bank(ctx, name, failed)
    return _store(ctx, name, replace(made, stage=after, orders=(*made.orders[:-1], failed)))


@CONTRACT.method(args=_REPORT, kinds=("bank",), posts=("finance", "operator", "clerk"))
def repaid(ctx: Context, args: Args) -> Answer:
    """The patient has given back, through the bank that had paid, what a taken back bill was paid.

    Refuses with ``cover.not-your-order``, ``cover.wrong-stage``.
    """
    name = args["payment"]
    made, order = _order(ctx, args)
    digest = content_digest(ctx, "cover.repaid", args)
    if digest == made.last:
        return _answer(name, made)
    after = follow(made.stage, CoverStep.REPAY)
    legs = _to_bank(made, order.bank, -made.amount_fen)
    post(ctx, f"{_transfer(name, order.id)}/repaid", legs)
    return _store(ctx, name, replace(made, stage=after, last=digest))


def _to_bank(made: CoverPayment, bank: str, amount_fen: int) -> list[Leg]:
    """Out of the insurer's account into the bank; a negative amount the other way."""
    return [
        (chart.commercial(made.insurer), COMMERCIAL, -amount_fen),
        (chart.bank(bank), COMMERCIAL, amount_fen),
    ]


def _load(ctx: Context, name: str) -> CoverPayment:
    found = find_payment(ctx.state, name)
    if found is None:
        reject("cover.unknown-payment", payment=name)
    return found


def _order(ctx: Context, args: Args) -> tuple[CoverPayment, Order]:
    """The payment and the order that the bank speaks of."""
    made = find_payment(ctx.state, args["payment"])
    orders = [
        order
        for order in (() if made is None else made.orders)
        if (order.id, order.bank) == (args["order"], ctx.sender)
    ]
    if made is None or not orders:
        reject("cover.not-your-order", order=args["order"], bank=ctx.sender)
    return made, orders[0]


def _tell_bank(ctx: Context, name: str, order: Order) -> None:
    """The order as its bank sees it stands as it does here."""
    bank_order.report(
        ctx, order.bank, bank_order.of_cover(name, order.id), outcome=order.outcome,
        reference=order.reference,
    )  # fmt: skip


def _told_again(args: Args, made: CoverPayment, order: Order, outcome: str) -> Answer:
    """The same report again is answered as before; another one is refused."""
    if (order.outcome, order.reference) != (outcome, args["reference"]):
        reject(
            "cover.reported-otherwise", order=order.id, known=order.outcome,
            known_reference=order.reference, told=outcome, reference=args["reference"],
        )  # fmt: skip
    return _answer(args["payment"], made)


def _store(ctx: Context, name: str, made: CoverPayment) -> Answer:
    store(ctx, name, made)
    return _answer(name, made)


def _answer(name: str, made: CoverPayment) -> Answer:
    return {"payment": name, "stage": made.stage.value, "amount_fen": made.amount_fen}


def _transfer(name: str, order: str) -> str:
    return f"cover/{name}/{order}"
