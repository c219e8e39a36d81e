"""``cover.pay`` and what banks say of it: what a product owes reaches the patient.

The insurer orders, a bank confirms with its reference or sends the money back with a reason; then
it is ordered again under another order's id. What the insurer has paid (``benefit:<insurer>``)
moves when the bank confirms, so an order that bounces has moved nothing and one that is told twice
pays once. Money that comes back after it was confirmed, whole or in part, is a return that is
linked to its order (``returns``): so much is owed to the patient again, and ordered anew, to
another account where the account was why. Of a bill that was taken back nothing is paid any more;
what the patient has of it is owed to the insurer.
"""

from __future__ import annotations

from dataclasses import replace

from contracts import organisations
from contracts.api import Answer, Args, Context, reject
from contracts.schema import IDENTIFIER, Bytes, Date, Fen, Id, OneOf, Optional, Text
from contracts.settlement import bank_order
from contracts.settlement import funds_chart as chart
from contracts.settlement.clearing.insurer_record import DIRECT, REPAID, RETURNED, note_direct
from contracts.settlement.clearing.months import month_of_ms
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
from contracts.settlement.returns import (
    ACCOUNT_FAILED,
    WHY_BACK,
    make_return,
    take_reference,
    told_before,
)
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
    ``cover.bank``, ``cover.account-missing``, ``cover.too-many``, ``cover.account-failed`` where
    paid money came back from this very account, ``bank.order-name``.
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
    if not organisations.takes_part(ctx.state, args["bank"], "bank"):
        reject("cover.bank", bank=args["bank"])
    account = made.account if args["account"] is None else args["account"]
    if account is None:
        reject("cover.account-missing", payment=name)
    _check_account(made, account)
    rows = ((COMMERCIAL, made.open_fen),)
    order = Order(args["order"], args["bank"], ctx.holder, "", "", rows)
    made = replace(
        made, stage=after, account=account, orders=(*made.orders, order), last=digest
    )  # fmt: skip
    # Told once for each order: from it the bank's list of orders is made.
    ctx.emit(
        "cover.ordered", payment=name, order=order.id, bank=order.bank, insurer=made.insurer,
        amount_fen=order.amount_fen,
    )  # fmt: skip
    bank_order.give(
        ctx, order.bank, _transfer(name, order.id), amount_fen=order.amount_fen,
        payer=made.insurer, account=account, due_on="", secret=made.salt,
    )  # fmt: skip
    return _store(ctx, name, made)


@CONTRACT.method(args=_REPORT, kinds=("bank",), posts=("finance", "operator", "clerk"))
def confirm(ctx: Context, args: Args) -> Answer:
    """The bank has paid, with its reference. Told twice, it is the same payment.

    Refuses with ``cover.not-your-order``, ``cover.reported-otherwise``,
    ``payment.reference-used``.
    """
    name = args["payment"]
    made, order = _order(ctx, args)
    if order.outcome:
        return _told_again(args, made, order, PAID)
    take_reference(ctx, _transfer(name, order.id), args["reference"])
    done = replace(order, outcome=PAID, reference=args["reference"])
    paid = made.with_order(done)
    step = CoverStep.CONFIRM_PART if paid.open_fen else CoverStep.CONFIRM
    _move(ctx, made, _transfer(name, order.id), order.bank, order.amount_fen, DIRECT)
    _tell_bank(ctx, name, done)
    return _store(ctx, name, replace(paid, stage=follow(made.stage, step)))


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
    take_reference(ctx, _transfer(name, order.id), args["reference"])
    failed = replace(order, outcome=args["reason"], reference=args["reference"])
    step = CoverStep.BOUNCE_REST if made.standing_fen else CoverStep.BOUNCE
    _tell_bank(ctx, name, failed)
    return _store(ctx, name, replace(made.with_order(failed), stage=follow(made.stage, step)))


@CONTRACT.method(
    args={**_REPORT, "amount_fen": Fen(1), "value_on": Date(), "reason": OneOf(*WHY_BACK)},
    kinds=("bank",),
    posts=("finance", "operator", "clerk"),
)
def came_back(ctx: Context, args: Args) -> Answer:
    """Money that the bank had paid came back, whole or in part, and why: it is owed again.

    Refuses with ``cover.not-your-order``, ``cover.wrong-stage`` once the patient has given all
    back, ``payment.not-paid``, ``payment.return-above``, ``payment.reference-used``,
    ``payment.reported-otherwise``, ``payment.value-day``, ``payment.too-many-returns``.
    """
    name = args["payment"]
    made, order = _order(ctx, args)
    if told_before(_transfer(name, order.id), order.returns, args):
        return _answer(name, made)
    if order.outcome != PAID:
        reject("payment.not-paid", payment=order.id, outcome=order.outcome or "on-its-way")
    back = make_return(ctx, _transfer(name, order.id), [order.amount_fen], order.returns, args)
    returned = replace(order, returns=(*order.returns, back))
    less = made.with_order(returned)
    step = CoverStep.COME_BACK if less.standing_fen else CoverStep.COME_BACK_ALL
    after = follow(made.stage, step)
    transfer = f"{_transfer(name, order.id)}/back/{len(order.returns) + 1}"
    _move(ctx, made, transfer, order.bank, -back.amount_fen, RETURNED)
    _tell_bank(ctx, name, returned)
    return _store(ctx, name, replace(less, stage=after))


@CONTRACT.method(args=_REPORT, kinds=("bank",), posts=("finance", "operator", "clerk"))
def repaid(ctx: Context, args: Args) -> Answer:
    """The patient has given back all that stands paid of a bill that was taken back.

    Through a bank that was told to pay, under a reference of its own. Refuses with
    ``cover.not-your-order``, ``cover.wrong-stage``, ``payment.reference-used``.
    """
    name = args["payment"]
    made, order = _order(ctx, args)
    digest = content_digest(ctx, "cover.repaid", args)
    if digest == made.last:
        return _answer(name, made)
    after = follow(made.stage, CoverStep.REPAY)
    transfer = f"{_transfer(name, order.id)}/repaid"
    take_reference(ctx, _transfer(name, order.id), args["reference"])
    _move(ctx, made, transfer, order.bank, -made.standing_fen, REPAID)
    return _store(ctx, name, replace(made, stage=after, last=digest))


def _move(
    ctx: Context, made: CoverPayment, transfer: str, bank: str, amount_fen: int, how: str
) -> None:
    """Out of what the insurer gives into the bank; a negative amount the other way. ``how``: as the
    insurer's month has it."""
    legs: list[Leg] = [
        (chart.benefit(made.insurer), COMMERCIAL, -amount_fen),
        (chart.bank(bank), COMMERCIAL, amount_fen),
    ]
    post(ctx, transfer, legs)
    month = month_of_ms(ctx.time_ms)
    note_direct(ctx.state, made.insurer, month, (made.product, how), amount_fen)


def _check_account(made: CoverPayment, account: bytes) -> None:
    """Refuses with ``cover.account-failed`` to send money where it has just come back from."""
    last = made.orders[-1] if made.orders else None
    if last is None or last.outcome != PAID or last.failed not in ACCOUNT_FAILED:
        return
    if account == made.account:
        reject("cover.account-failed", order=last.id, reason=last.failed)


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
        if order.id == args["order"] and organisations.speaks_for(ctx.state, ctx.sender, order.bank)
    ]
    if made is None or not orders:
        reject("cover.not-your-order", order=args["order"], bank=ctx.sender)
    return made, orders[0]


def _tell_bank(ctx: Context, name: str, order: Order) -> None:
    """The order as its bank sees it stands as it does here."""
    bank_order.report(
        ctx, order.bank, _transfer(name, order.id), outcome=order.outcome,
        reference=order.reference, standing_fen=order.standing_fen,
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
    return {
        "payment": name, "stage": made.stage.value, "amount_fen": made.amount_fen,
        "open_fen": made.open_fen,
    }  # fmt: skip


def _transfer(name: str, order: str) -> str:
    """The order's name among all that its bank is told to pay, and that of its transfer."""
    return bank_order.name_of(bank_order.COVER, name, order)
