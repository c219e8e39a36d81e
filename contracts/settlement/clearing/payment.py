"""``payment.*``: a notice is paid by two people and a bank, once.

    payment.order    {payment, notice, amount_fen, bank, payee_bank?}   maker, post finance
    payment.approve  {payment}                              another holder of the same department
    payment.cancel   {payment, reason}                      before it is approved
    payment.confirm  {payment, amount_fen, reference, value_on}         the payer's bank
    payment.bounce   {payment, reference, value_on, reason}             the payer's bank
    payment.send_back  {payment, amount_fen, reference, value_on, reason}   it came back later
    payment.receive  {payment, amount_fen, reference, value_on}         the payee's bank

Money moves on the ledger when the bank confirms, so what could not be paid has moved nothing and is
ordered again under another id. What comes back after it was confirmed, whole or in part, goes the
same way backwards, as a return that is linked to its payment (``payment_back``), and so much of the
notice waits again. A notice has one payment on its way at most, of what is open of it, and none
while it is paid: a retry cannot pay twice. A bank's message that comes twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from contracts import organisations
from contracts.api import Answer, Args, Context, Contract, reject
from contracts.organisations import INSTITUTIONS, covers, require_kind, require_own_id
from contracts.schema import IDENTIFIER, Date, Fen, Id, OneOf, Optional, Text
from contracts.settlement import funds_chart as chart
from contracts.settlement.calendar import date_of_ms, work_calendar
from contracts.settlement.clearing import notice_record, payment_record
from contracts.settlement.clearing.notice_record import Kind, Notice, NoticeStage
from contracts.settlement.clearing.payment_effects import AFTER_PAID
from contracts.settlement.clearing.payment_record import (
    Payment,
    PaymentStage,
    PaymentStep,
    follow,
)
from contracts.settlement.funds_book import Leg, post
from contracts.settlement.life import START
from contracts.settlement.records import content_digest
from contracts.settlement.returns import WHY_BACK, Returned, check_value_day, take_reference

CONTRACT = Contract("payment", version=1)

WHY_CANCELLED = ("wrong_bank", "wrong_amount", "wrong_notice", "other")
ATTEMPTS_MAX = 50

_REPORTED = (PaymentStage.RETURNED, *payment_record.CONFIRMED)
REFERENCE = Text(1, 60, IDENTIFIER)
BANK_POSTS = ("finance", "operator", "clerk")
_BY_FINANCE = (
    Kind.CLEARING, Kind.NETTING, Kind.REMITTANCE, Kind.ALLOTMENT, Kind.ADVANCE,
    Kind.ADVANCE_RETURN,
)  # fmt: skip
"""Money of a province's account at the treasury: the finance department pays it. Institutions are
paid by the agency's own desk or the finance department."""


@CONTRACT.method(
    args={
        "payment": Id(64),
        "notice": Id(100),
        "amount_fen": Fen(1),
        "bank": Id(64),
        "payee_bank": Optional(Id(64)),
    },
    kinds=("finance", "bureau", "insurer", *INSTITUTIONS),
    posts=("finance",),
)
def order(ctx: Context, args: Args) -> Answer:
    """Make the payment of a notice: of all that is open of it; a second person approves it.

    Refuses with ``payment.duplicate-id``, ``payment.already-paid``, ``payment.in-flight``,
    ``payment.withdrawn``, ``payment.amount-differs``, ``payment.bank``, ``payment.not-payer``,
    ``funds.payable-held``.
    """
    payment_id, notice_id = args["payment"], args["notice"]
    require_own_id(ctx, payment_id)
    digest = content_digest(ctx, "payment.order", args)
    known = payment_record.find(ctx.state, payment_id)
    if known is not None:
        if known.digest != digest:
            reject("payment.duplicate-id", payment=payment_id, notice=known.notice)
        return answer_of(payment_id, known)
    notice = notice_record.load(ctx.state, notice_id)
    _require_payer(ctx, notice)
    if notice.stage is NoticeStage.PAID:
        reject("payment.already-paid", notice=notice_id, payment=notice.payment)
    if notice.stage is NoticeStage.PAYING:
        reject("payment.in-flight", notice=notice_id, payment=notice.payment)
    if notice.stage is NoticeStage.WITHDRAWN:
        reject("payment.withdrawn", notice=notice_id)
    if args["amount_fen"] != notice.open_fen:
        reject("payment.amount-differs", asked_fen=args["amount_fen"], due_fen=notice.open_fen)
    if notice.attempts >= ATTEMPTS_MAX:
        reject("payment.too-many", notice=notice_id, limit=ATTEMPTS_MAX)
    _check_held(ctx, notice)
    for bank in (args["bank"], args["payee_bank"]):
        _check_bank(ctx, bank)
    made = Payment(
        stage=follow(START, PaymentStep.ORDER, payment_id),
        notice=notice_id,
        amount_fen=notice.open_fen,
        sender=ctx.sender,
        bank=args["bank"],
        payee_bank=args["payee_bank"] or args["bank"],
        maker=ctx.holder,
        checker="",
        reference="",
        value_on="",
        reason="",
        digest=digest,
        cause=ctx.tx_id,
        previous=notice.payment,
        rows=notice.open,
    )
    notice_record.put(ctx.state, notice_id, notice_record.with_payment(notice, payment_id))
    return store(ctx, payment_id, made, notice)


@CONTRACT.method(args={"payment": Id(64)}, posts=("finance", "checker"))
def approve(ctx: Context, args: Args) -> Answer:
    """Approve a payment: from now on the bank may carry it out. Never by its maker.

    Refuses with ``payment.same-holder``, ``payment.not-payer``, ``payment.wrong-stage``,
    ``payment.bank`` where a bank has left since: nobody could report it.
    """
    payment_id = args["payment"]
    made = payment_record.load(ctx.state, payment_id)
    _require_sender(ctx, made)
    if made.stage is PaymentStage.APPROVED and made.checker == ctx.holder:
        return answer_of(payment_id, made)
    after = follow(made.stage, PaymentStep.APPROVE, payment_id)
    if made.maker == ctx.holder:
        reject("payment.same-holder", payment=payment_id, maker=made.maker, holder=ctx.holder)
    notice = notice_record.load(ctx.state, made.notice)
    _check_held(ctx, notice)
    for bank in (made.bank, made.payee_bank):
        _check_bank(ctx, bank)
    return store(ctx, payment_id, replace(made, stage=after, checker=ctx.holder), notice)


@CONTRACT.method(
    args={"payment": Id(64), "reason": OneOf(*WHY_CANCELLED)}, posts=("finance", "checker")
)
def cancel(ctx: Context, args: Args) -> Answer:
    """Give a payment up that nobody has approved yet; the notice waits for another one."""
    payment_id = args["payment"]
    made = payment_record.load(ctx.state, payment_id)
    _require_sender(ctx, made)
    if made.stage is PaymentStage.CANCELLED and made.reason == args["reason"]:
        return answer_of(payment_id, made)
    after = follow(made.stage, PaymentStep.CANCEL, payment_id)
    notice = _wait_again(ctx, made)
    return store(ctx, payment_id, replace(made, stage=after, reason=args["reason"]), notice)


@CONTRACT.method(
    args={
        "payment": Id(64),
        "amount_fen": Fen(1),
        "reference": REFERENCE,
        "value_on": Date(),
    },
    kinds=("bank",),
    posts=BANK_POSTS,
)
def confirm(ctx: Context, args: Args) -> Answer:
    """The bank has paid, with its reference and day. Told twice, it is the same payment.

    Refuses with ``payment.not-your-order``, ``payment.amount-differs``,
    ``payment.reference-used``, ``payment.reported-otherwise``, ``payment.value-day``.
    """
    payment_id = args["payment"]
    made = ordered(ctx, payment_id)
    if made.stage in _REPORTED:
        return _told_again(payment_id, made, PaymentStage.PAID, args)
    after = follow(made.stage, PaymentStep.CONFIRM, payment_id)
    if args["amount_fen"] != made.amount_fen:
        reject("payment.amount-differs", asked_fen=args["amount_fen"], due_fen=made.amount_fen)
    check_value_day(ctx, args["value_on"])
    take_reference(ctx, payment_id, args["reference"])
    notice = notice_record.load(ctx.state, made.notice)
    rows = made.rows or notice.rows
    post(ctx, f"payment/{payment_id}", payment_legs(notice, made, rows))
    paid = notice_record.with_paid(notice, rows, args["value_on"])
    notice_record.put(ctx.state, made.notice, paid)
    made = replace(made, stage=after, reference=args["reference"], value_on=args["value_on"])
    answer = store(ctx, payment_id, made, paid)
    notice_record.tell(ctx, made.notice, paid, payment=payment_id)
    effect = AFTER_PAID.get(paid.kind)
    if effect is not None:
        effect(ctx, made.notice, paid, paid.by_fund(rows))
    return answer


@CONTRACT.method(
    args={
        "payment": Id(64),
        "reference": REFERENCE,
        "value_on": Date(),
        "reason": OneOf(*WHY_BACK),
    },
    kinds=("bank",),
    posts=BANK_POSTS,
)
def bounce(ctx: Context, args: Args) -> Answer:
    """The bank could not pay, and why. Nothing has moved; it may be ordered again."""
    payment_id = args["payment"]
    made = ordered(ctx, payment_id)
    if made.stage in _REPORTED:
        return _told_again(payment_id, made, PaymentStage.RETURNED, args)
    after = follow(made.stage, PaymentStep.BOUNCE, payment_id)
    check_value_day(ctx, args["value_on"])
    take_reference(ctx, payment_id, args["reference"])
    notice = _wait_again(ctx, made)
    made = replace(
        made, stage=after, reference=args["reference"], value_on=args["value_on"],
        reason=args["reason"],
    )  # fmt: skip
    return store(ctx, payment_id, made, notice)


@CONTRACT.method(args={"notice": Id(100)})
def remind(ctx: Context, args: Args) -> Answer:
    """Tell that a notice is overdue, and by how many working days. Anyone may.

    Refuses with ``payment.not-overdue``.
    """
    notice = notice_record.load(ctx.state, args["notice"])
    today = date_of_ms(ctx.time_ms)
    days = notice_record.overdue_days(notice, today, work_calendar(ctx.state))
    if not days:
        reject("payment.not-overdue", notice=args["notice"], due_on=notice.due_on, today=today)
    ctx.emit(
        "notice.overdue", notice=args["notice"], kind=notice.kind.value,
        **notice_record.parties(notice), amount_fen=notice.open_fen, due_on=notice.due_on,
        working_days=days,
    )  # fmt: skip
    return {"notice": args["notice"], "due_on": notice.due_on, "working_days": days}


def payment_legs(notice: Notice, made: Payment, rows: Sequence[int]) -> list[Leg]:
    """The postings that pay so much of each row of a notice: on both sides, and what the banks move
    for them."""
    out, into = notice.legs(rows)
    legs = [*out, *into]
    for side, bank in ((out, made.bank), (into, made.payee_bank)):
        sums: dict[str, int] = {}
        for _, fund_type, amount in side:
            sums[fund_type] = sums.get(fund_type, 0) - amount
        legs += [(chart.bank(bank), fund_type, fen) for fund_type, fen in sums.items() if fen]
    return legs


def _require_payer(ctx: Context, notice: Notice) -> None:
    """The payer's finance department; for institutions and insurers also the agency; an
    institution or an insurer itself."""
    if ":" in notice.payer:
        if ctx.sender != notice.payer:
            reject("payment.not-payer", payer=notice.payer, sender=ctx.sender)
        return
    allowed = ("finance",) if notice.kind in _BY_FINANCE else ("finance", "bureau")
    require_kind(ctx, *allowed)
    if not covers(ctx.sender_region, notice.payer):
        reject("payment.not-payer", payer=notice.payer, sender=ctx.sender)


def _require_sender(ctx: Context, made: Payment) -> None:
    if ctx.sender != made.sender:
        reject("payment.not-payer", payer=made.sender, sender=ctx.sender)


def _check_bank(ctx: Context, bank: str | None) -> None:
    if bank is not None and not organisations.takes_part(ctx.state, bank, "bank"):
        reject("payment.bank", bank=bank)


def _check_held(ctx: Context, notice: Notice) -> None:
    """Refuses with ``funds.payable-held`` the payment of an institution that is held now."""
    if notice.kind is not Kind.INSTITUTION:
        return
    account = chart.payable(notice.payee)
    held = (ctx.state.get(chart.entry_of(account)[1]) or {}).get("hold")
    if held is not None and ctx.time_ms < held[0]:
        reject("funds.payable-held", account=account, until_ms=held[0], reason=held[1])


def ordered(ctx: Context, payment_id: str) -> Payment:
    """The payment that the bank speaks of: one that it, or the bank that it succeeds, was given."""
    made = payment_record.find(ctx.state, payment_id)
    if made is None or not organisations.speaks_for(ctx.state, ctx.sender, made.bank):
        reject("payment.not-your-order", payment=payment_id, bank=ctx.sender)
    return made


def _wait_again(ctx: Context, made: Payment) -> Notice:
    """The notice once its payment has come to nothing: it waits for another one."""
    notice = replace(notice_record.load(ctx.state, made.notice), stage=NoticeStage.ISSUED)
    notice_record.put(ctx.state, made.notice, notice)
    return notice


def _told_again(payment_id: str, made: Payment, told: PaymentStage, args: Args) -> Answer:
    """The same report again is answered as before; another one is refused."""
    # What came back since does not unsay that it was paid.
    known = PaymentStage.PAID if made.stage in payment_record.CONFIRMED else made.stage
    same = (known, made.reference, made.value_on) == (told, args["reference"], args["value_on"])
    if not same or args.get("amount_fen", made.amount_fen) != made.amount_fen:
        reject(
            "payment.reported-otherwise", payment=payment_id,
            known=known.value, known_reference=made.reference, known_day=made.value_on,
            told=told.value, reference=args["reference"], day=args["value_on"],
        )  # fmt: skip
    return answer_of(payment_id, made)


def store(
    ctx: Context, payment_id: str, made: Payment, notice: Notice, back: Returned | None = None
) -> Answer:
    """Write a payment and tell of its stage; ``back``: of the return that brought it there."""
    payment_record.put(ctx.state, payment_id, made)
    told: Payment | Returned = made if back is None else back
    ctx.emit(
        f"payment.{made.stage.value}", payment=payment_id, notice=made.notice, bank=made.bank,
        organisation=made.sender, **notice_record.parties(notice), amount_fen=told.amount_fen,
        reference=told.reference,
    )  # fmt: skip
    return answer_of(payment_id, made)


def answer_of(payment_id: str, made: Payment) -> Answer:
    """What every call about a payment answers."""
    return {
        "payment": payment_id,
        "notice": made.notice,
        "stage": made.stage.value,
        "amount_fen": made.amount_fen,
        "returned_fen": made.amount_fen - made.left_fen,
        "reference": made.reference,
    }
