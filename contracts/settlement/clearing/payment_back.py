"""``payment.send_back`` and ``payment.receive``: what banks say of a payment that was confirmed.

Money that the payee's bank sends back is a return that is linked to its payment: the payment's own
postings negated, or so much of each of them as came back, under a transfer of their own; and that
much of the notice waits for another payment, due as before. The bank's reference makes a return:
told twice it is one, another reference is another return, never more than what stands paid. The
payee's bank may say that it has received a payment, with its own reference: then both banks'
references of one movement are there, and nothing moves.
"""

from __future__ import annotations

from dataclasses import replace

from contracts.api import Answer, Args, Context, reject
from contracts.organisations import speaks_for
from contracts.schema import Date, Fen, Id, OneOf
from contracts.settlement.clearing import notice_record, payment_record
from contracts.settlement.clearing.payment import (
    BANK_POSTS,
    CONTRACT,
    REFERENCE,
    answer_of,
    ordered,
    payment_legs,
    store,
)
from contracts.settlement.clearing.payment_effects import AFTER_SENT_BACK
from contracts.settlement.clearing.payment_record import (
    CONFIRMED,
    Payment,
    PaymentStage,
    PaymentStep,
    follow,
)
from contracts.settlement.funds_book import counter_entry, post
from contracts.settlement.returns import (
    WHY_BACK,
    check_value_day,
    make_return,
    take_reference,
    told_before,
)

__all__ = ["CONTRACT"]

_TOLD = {
    "payment": Id(64),
    "amount_fen": Fen(1),
    "reference": REFERENCE,
    "value_on": Date(),
}


@CONTRACT.method(args={**_TOLD, "reason": OneOf(*WHY_BACK)}, kinds=("bank",), posts=BANK_POSTS)
def send_back(ctx: Context, args: Args) -> Answer:
    """Money that was paid came back, whole or in part, and why: that much is open again.

    So much of its postings is taken back by counter-entry, from each fund in proportion to what it
    has paid, to the fen, and waits for another payment. What was closed meanwhile stays closed.
    Refuses with ``payment.not-your-order``, ``payment.wrong-stage`` (never confirmed),
    ``payment.return-above``, ``payment.return-before``, ``payment.reference-used``,
    ``payment.reported-otherwise``, ``payment.value-day``, ``payment.too-many-returns``.
    """
    payment_id = args["payment"]
    made = ordered(ctx, payment_id)
    if told_before(payment_id, made.returns, args):
        return answer_of(payment_id, made)
    if made.stage not in CONFIRMED:
        follow(made.stage, PaymentStep.SEND_BACK, payment_id)
    notice = notice_record.load(ctx.state, made.notice)
    back = make_return(
        ctx, payment_id, made.rows or notice.rows, made.returns, args, paid_on=made.value_on
    )
    whole = back.amount_fen == made.left_fen
    step = PaymentStep.SEND_BACK if whole else PaymentStep.PART_BACK
    after = follow(made.stage, step, payment_id)
    transfer = f"payment-back/{payment_id}/{len(made.returns) + 1}"
    post(ctx, transfer, counter_entry(payment_legs(notice, made, back.rows)))
    waits = notice_record.with_returned(notice, back.rows)
    notice_record.put(ctx.state, made.notice, waits)
    made = replace(made, stage=after, returns=(*made.returns, back))
    answer = store(ctx, payment_id, made, waits, back)
    notice_record.tell(ctx, made.notice, waits, payment=payment_id)
    effect = AFTER_SENT_BACK.get(waits.kind)
    if effect is not None:
        effect(ctx, made.notice, waits, waits.by_fund(back.rows))
    return answer


@CONTRACT.method(args=_TOLD, kinds=("bank",), posts=BANK_POSTS)
def receive(ctx: Context, args: Args) -> Answer:
    """The payee's bank has received a payment, with its own reference; nothing moves.

    Refuses with ``payment.not-your-order``, ``payment.wrong-stage``, ``payment.amount-differs``,
    ``payment.reported-otherwise``, ``payment.value-day``, ``payment.reference-used``.
    """
    payment_id = args["payment"]
    made = payment_record.find(ctx.state, payment_id)
    if made is None or not speaks_for(ctx.state, ctx.sender, made.payee_bank):
        reject("payment.not-your-order", payment=payment_id, bank=ctx.sender)
    if made.received_reference:
        _check_received(payment_id, made, args)
        return answer_of(payment_id, made)
    if made.stage not in (PaymentStage.PAID, PaymentStage.PART_BACK):
        reject("payment.wrong-stage", payment=payment_id, stage=made.stage.value, step="receive")
    if args["amount_fen"] != made.amount_fen:
        reject("payment.amount-differs", asked_fen=args["amount_fen"], due_fen=made.amount_fen)
    check_value_day(ctx, args["value_on"])
    take_reference(ctx, payment_id, args["reference"])
    made = replace(made, received_reference=args["reference"], received_on=args["value_on"])
    payment_record.put(ctx.state, payment_id, made)
    ctx.emit(
        "payment.received", payment=payment_id, notice=made.notice, bank=made.payee_bank,
        organisation=made.sender,
        **notice_record.parties(notice_record.load(ctx.state, made.notice)),
        amount_fen=made.amount_fen, reference=made.received_reference,
    )  # fmt: skip
    return answer_of(payment_id, made)


def _check_received(payment_id: str, made: Payment, args: Args) -> None:
    """The same report again is answered as before; another one is refused."""
    known = (made.received_reference, made.received_on, made.amount_fen)
    told = (args["reference"], args["value_on"], args["amount_fen"])
    if told != known:
        reject(
            "payment.reported-otherwise", payment=payment_id,
            known_reference=known[0], known_day=known[1], known_fen=known[2],
            reference=told[0], day=told[1], told_fen=told[2],
        )  # fmt: skip
