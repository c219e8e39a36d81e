"""``payment.send_back`` and ``payment.receive``: what banks say of a payment that was confirmed.

Money that the payee's bank sends back is a return that is linked to its payment: the payment's own
postings negated, under a transfer of their own, and the notice waits for another payment. The
payee's bank may say that it has received a payment, with its own reference: then both banks'
references of one movement are there, and nothing moves.
"""

from __future__ import annotations

from dataclasses import replace

from contracts.api import Answer, Args, Context, reject
from contracts.schema import Date, Fen, Id, OneOf
from contracts.settlement.clearing import notice_record, payment_record
from contracts.settlement.clearing.notice_record import NoticeStage
from contracts.settlement.clearing.payment import (
    BANK_POSTS,
    CONTRACT,
    REFERENCE,
    WHY_RETURNED,
    answer_of,
    ordered,
    payment_legs,
    store,
    take_reference,
)
from contracts.settlement.clearing.payment_effects import AFTER_SENT_BACK
from contracts.settlement.clearing.payment_record import (
    Payment,
    PaymentStage,
    PaymentStep,
    follow,
)
from contracts.settlement.funds_book import counter_entry, post

__all__ = ["CONTRACT"]

_TOLD = {
    "payment": Id(64),
    "amount_fen": Fen(1),
    "reference": REFERENCE,
    "value_on": Date(),
}


@CONTRACT.method(args={**_TOLD, "reason": OneOf(*WHY_RETURNED)}, kinds=("bank",), posts=BANK_POSTS)
def send_back(ctx: Context, args: Args) -> Answer:
    """Money that was paid came back, whole, and why: its postings are taken back by counter-entry,
    and the notice waits for another payment.

    What was closed meanwhile stays closed; the debt is open again. Refuses with
    ``payment.not-your-order``, ``payment.amount-differs``, ``payment.reference-used``,
    ``payment.reported-otherwise``, ``payment.value-day``, ``payment.wrong-stage``.
    """
    payment_id = args["payment"]
    made = ordered(ctx, payment_id)
    if made.stage is PaymentStage.SENT_BACK:
        _check_same(payment_id, made, args, (made.back_reference, made.back_on))
        return answer_of(payment_id, made)
    after = follow(made.stage, PaymentStep.SEND_BACK, payment_id)
    _check_amount(made, args)
    take_reference(ctx, payment_id, args)
    notice = notice_record.load(ctx.state, made.notice)
    post(ctx, f"payment-back/{payment_id}", counter_entry(payment_legs(notice, made)))
    waits = replace(notice, stage=NoticeStage.ISSUED, paid_on="")
    notice_record.put(ctx.state, made.notice, waits)
    made = replace(
        made, stage=after, back_reference=args["reference"], back_on=args["value_on"],
        reason=args["reason"],
    )  # fmt: skip
    answer = store(ctx, payment_id, made, waits)
    notice_record.tell(ctx, made.notice, waits, payment=payment_id)
    effect = AFTER_SENT_BACK.get(waits.kind)
    if effect is not None:
        effect(ctx, made.notice, waits)
    return answer


@CONTRACT.method(args=_TOLD, kinds=("bank",), posts=BANK_POSTS)
def receive(ctx: Context, args: Args) -> Answer:
    """The payee's bank has received a payment, with its own reference; nothing moves.

    Refuses with ``payment.not-your-order``, ``payment.wrong-stage``, ``payment.amount-differs``,
    ``payment.reported-otherwise``, ``payment.value-day``, ``payment.reference-used``.
    """
    payment_id = args["payment"]
    made = payment_record.find(ctx.state, payment_id)
    if made is None or made.payee_bank != ctx.sender:
        reject("payment.not-your-order", payment=payment_id, bank=ctx.sender)
    if made.received_reference:
        _check_same(payment_id, made, args, (made.received_reference, made.received_on))
        return answer_of(payment_id, made)
    if made.stage is not PaymentStage.PAID:
        reject("payment.wrong-stage", payment=payment_id, stage=made.stage.value, step="receive")
    _check_amount(made, args)
    take_reference(ctx, payment_id, args)
    made = replace(made, received_reference=args["reference"], received_on=args["value_on"])
    payment_record.put(ctx.state, payment_id, made)
    ctx.emit(
        "payment.received", payment=payment_id, notice=made.notice, bank=made.payee_bank,
        organisation=made.sender, amount_fen=made.amount_fen, reference=made.received_reference,
    )  # fmt: skip
    return answer_of(payment_id, made)


def _check_amount(made: Payment, args: Args) -> None:
    if args["amount_fen"] != made.amount_fen:
        reject("payment.amount-differs", asked_fen=args["amount_fen"], due_fen=made.amount_fen)


def _check_same(payment_id: str, made: Payment, args: Args, known: tuple[str, str]) -> None:
    """The same report again is answered as before; another one is refused."""
    told = (args["reference"], args["value_on"])
    if told != known or args["amount_fen"] != made.amount_fen:
        reject(
            "payment.reported-otherwise", payment=payment_id, known=made.stage.value,
            known_reference=known[0], known_day=known[1], told=made.stage.value,
            reference=told[0], day=told[1],
        )  # fmt: skip
