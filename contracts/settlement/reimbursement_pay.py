"""``reimbursement.pay`` and what banks say of it: what the funds owe reaches the bank account.

The bureau's finance desk orders, the bank confirms with its reference or sends the money back with
a reason; then it is ordered again under another payment's id. Money leaves what is owed when the
bank confirms, so an order that bounces has moved nothing, and an order that is told twice pays
once. Money that comes back after it was confirmed, whole or in part, is owed again to the person:
a return that is linked to its order. Where the account was why, another one is named before the
rest is ordered.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from contracts import organisations, parameters
from contracts.api import Answer, Args, Context, reject
from contracts.organisations import covers, require_kind
from contracts.schema import IDENTIFIER, Bytes, Date, Fen, Id, OneOf, Optional, Text
from contracts.settlement import bank_order
from contracts.settlement import funds_chart as chart
from contracts.settlement.funds_book import Leg, counter_entry, post
from contracts.settlement.records import content_digest
from contracts.settlement.reimbursement import CONTRACT, answer_of, due_in, tell_stage
from contracts.settlement.reimbursement_record import (
    PAID,
    Payment,
    Reimbursement,
    Stage,
    Step,
    counted_as,
    follow,
    load,
    put,
)
from contracts.settlement.returns import (
    ACCOUNT_FAILED,
    WHY_BACK,
    make_return,
    take_reference,
    told_before,
)

__all__ = ["CONTRACT"]

ORDERS_MAX = 20
_BANK_POSTS = ("finance", "operator", "clerk")


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
    """Order the bank to pay what is owed; ``account``: another bank token, where the first failed.

    Whoever decided the reimbursement does not order its payment. Refuses with
    ``reimbursement.same-holder``, ``reimbursement.payment-id``, ``reimbursement.bank``,
    ``bank.order-name``, ``reimbursement.account-failed`` where paid money came back from this very
    account.
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
    if not organisations.takes_part(ctx.state, args["bank"], "bank"):
        reject("reimbursement.bank", bank=args["bank"])
    _check_account(made, args)
    rows = tuple(sorted(made.due.items()))
    order = Payment(args["payment"], args["bank"], ctx.holder, "", "", rows)
    made = replace(
        made,
        stage=after,
        account=made.account if args["account"] is None else args["account"],
        orders=(*made.orders, order),
        last=digest,
    )
    # Told once for each order: from it the bank's list of orders is made.
    ctx.emit(
        "reimbursement.ordered", reimbursement=name, payment=order.id, bank=order.bank,
        amount_fen=order.amount_fen,
    )  # fmt: skip
    bank_order.give(
        ctx, order.bank, _name(args, order), amount_fen=order.amount_fen, payer=made.area,
        account=made.account, due_on=made.due_on, secret=made.salt,
    )  # fmt: skip
    return _store(ctx, name, made)


@CONTRACT.method(
    args={
        "reimbursement": Id(64),
        "payment": Id(64),
        "reference": Text(1, 60, IDENTIFIER),
    },
    kinds=("bank",),
    posts=_BANK_POSTS,
)
def confirm(ctx: Context, args: Args) -> Answer:
    """The bank has paid, with its reference. Told twice, it is the same payment.

    Refuses with ``reimbursement.not-your-order``, ``reimbursement.reported-otherwise``,
    ``payment.reference-used``.
    """
    made, order = _order(ctx, args)
    if order.outcome:
        return _told_again(args, made, order, PAID, args["reference"])
    take_reference(ctx, _name(args, order), args["reference"])
    done = replace(order, outcome=PAID, reference=args["reference"])
    _tell_bank(ctx, args, done)
    paid = replace(made, orders=(*made.orders[:-1], done))
    after = follow(made.stage, Step.CONFIRM_PART if paid.due else Step.CONFIRM)
    legs = _legs(made.area, order, order.rows)
    post(ctx, f"{counted_as(args['reimbursement'])}/{order.id}", legs)
    due_on = made.due_on if paid.due else ""
    return _store(ctx, args["reimbursement"], replace(paid, stage=after, due_on=due_on))


@CONTRACT.method(
    args={
        "reimbursement": Id(64),
        "payment": Id(64),
        "reference": Text(1, 60, IDENTIFIER),
        "reason": OneOf(*WHY_BACK),
    },
    kinds=("bank",),
    posts=_BANK_POSTS,
)
def bounce(ctx: Context, args: Args) -> Answer:
    """The bank could not pay, and why. Nothing has moved; it may be ordered again."""
    made, order = _order(ctx, args)
    if order.outcome:
        return _told_again(args, made, order, args["reason"], args["reference"])
    after = follow(made.stage, Step.BOUNCE)
    take_reference(ctx, _name(args, order), args["reference"])
    failed = replace(order, outcome=args["reason"], reference=args["reference"])
    _tell_bank(ctx, args, failed)
    return _store(
        ctx, args["reimbursement"],
        replace(made, stage=after, orders=(*made.orders[:-1], failed)),
    )  # fmt: skip


@CONTRACT.method(
    args={
        "reimbursement": Id(64),
        "payment": Id(64),
        "amount_fen": Fen(1),
        "reference": Text(1, 60, IDENTIFIER),
        "value_on": Date(),
        "reason": OneOf(*WHY_BACK),
    },
    kinds=("bank",),
    posts=_BANK_POSTS,
)
def came_back(ctx: Context, args: Args) -> Answer:
    """Money that the bank had paid came back, whole or in part, and why: the funds owe it again.

    The reimbursement waits, with a day of its own, until it is paid to an account that will do.
    Refuses with ``reimbursement.not-your-order``, ``payment.not-paid``, ``payment.return-above``,
    ``payment.reference-used``, ``payment.reported-otherwise``, ``payment.value-day``,
    ``payment.too-many-returns``.
    """
    name = args["reimbursement"]
    made, order = _order(ctx, args)
    if told_before(_name(args, order), order.returns, args):
        return answer_of(name, made)
    if order.outcome != PAID:
        reject("payment.not-paid", payment=order.id, outcome=order.outcome or "on-its-way")
    amounts = [fen for _, fen in order.rows]
    back = make_return(ctx, _name(args, order), amounts, order.returns, args)
    after = follow(made.stage, Step.COME_BACK)
    funds = [fund for fund, _ in order.rows]
    legs = counter_entry(_legs(made.area, order, zip(funds, back.rows, strict=True)))
    number = len(order.returns) + 1
    post(ctx, f"{counted_as(name)}/{order.id}/back/{number}", legs)
    days = parameters.area(ctx.state, "reimbursement", made.area)["pay_within"]
    returned = replace(order, returns=(*order.returns, back))
    _tell_bank(ctx, args, returned)
    orders = tuple(returned if each.id == order.id else each for each in made.orders)
    due_on = made.due_on or due_in(ctx, days)
    return _store(ctx, name, replace(made, stage=after, orders=orders, due_on=due_on))


def _legs(area: str, order: Payment, rows: Iterable[tuple[str, int]]) -> list[Leg]:
    """The postings that pay so much of each fund."""
    legs: list[Leg] = []
    for fund_type, amount in rows:
        if amount:
            legs.append((chart.owed(area), fund_type, -amount))
            legs.append((chart.bank(order.bank), fund_type, amount))
    return legs


def _check_account(made: Reimbursement, args: Args) -> None:
    """Refuses with ``reimbursement.account-failed`` to send money where it has just come back
    from."""
    last = made.orders[-1] if made.orders else None
    if last is None or last.outcome != PAID or last.failed not in ACCOUNT_FAILED:
        return
    if args["account"] is None or args["account"] == made.account:
        reject(
            "reimbursement.account-failed", payment=last.id, reason=last.failed,
            account="the same" if args["account"] else "none",
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
    orders = [
        o for o in made.orders
        if o.id == args["payment"] and organisations.speaks_for(ctx.state, ctx.sender, o.bank)
    ]  # fmt: skip
    if not orders:
        reject("reimbursement.not-your-order", payment=args["payment"], bank=ctx.sender)
    return made, orders[0]


def _name(args: Args, order: Payment) -> str:
    """The order's name among all that its bank is told to pay."""
    return bank_order.name_of(bank_order.REIMBURSEMENT, args["reimbursement"], order.id)


def _tell_bank(ctx: Context, args: Args, order: Payment) -> None:
    """The order as its bank sees it stands as it does here."""
    bank_order.report(
        ctx, order.bank, _name(args, order), outcome=order.outcome, reference=order.reference,
        standing_fen=order.standing_fen,
    )  # fmt: skip


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
