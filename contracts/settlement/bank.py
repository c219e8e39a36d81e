"""``bank.*``: a bank's statement line by line, matched to orders; what fits none waits in suspense.

    bank.line     {reference, order?, direction, amount_fen, value_on, reason?}   the bank
    bank.resolve  {reference, how, order?}               another holder of the bank

A line is found again by the bank's own reference, so a message that comes twice changes nothing. A
line with an order of ours and its amount confirms or returns that order, exactly as ``payment``,
``reimbursement``, ``payout`` and ``cover`` do; what comes back of an order that was paid before,
whole or in part, is booked as a return that is linked to it, and money received is the payee's
bank's word on it, or what a patient gives back of a bill that was taken back. What such a call has
told already is told again by a line with its reference, and matches. A line that names an order
of another bank, or none that exists, is refused. A line that fits no order (no order named, another
amount, paid twice, not approved, more back than was paid) moves nothing on the ledger: it is listed
in suspense until the bank says what it was. Where it has moved another amount than it was told to,
and says so, the order is paid by what was moved: what is missing of it is owed again, like money
that came back; what is too much is the bank's own to ask back.

An order is a payment's id, ``<reimbursement>/<payment>``, ``payout/<payout>/<payment>`` or
``cover/<payment>/<order>``. A line of money that came back may name the bank's own reference of the
payment instead: that is what other banks send back with it.

State: ``bank-line/<bank>/<reference>`` an array, the order of ``Line``'s fields;
``suspense/<bank>`` how many lines ever waited; ``suspense/<bank>/<n>`` the n-th one's reference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from contracts import organisations
from contracts.api import Answer, Args, Context, Contract, State, Value, reject
from contracts.schema import IDENTIFIER, Date, Fen, OneOf, Optional, Text
from contracts.settlement import (
    bank_order,
    cover_pay,
    cover_record,
    reimbursement_pay,
    reimbursement_record,
)
from contracts.settlement.calendar import date_of_ms
from contracts.settlement.clearing import payment, payment_back, payment_record
from contracts.settlement.clearing.payment_record import PaymentStage
from contracts.settlement.records import content_digest
from contracts.settlement.refunds import payout
from contracts.settlement.reimbursement_record import PAID
from contracts.settlement.returns import WHY_BACK, reference_key

CONTRACT = Contract("bank", version=1)

OUT, IN, RETURNED = "out", "in", "returned"
MATCHED, SUSPENSE, RESOLVED = "matched", "suspense", "resolved"
NO_ORDER, AMOUNT, PAID_TWICE, NOT_APPROVED, ABOVE, UNASKED, NOT_PAID = (
    "no-order", "amount-differs", "paid-twice", "not-approved", "above-payment", "unasked",
    "not-paid-yet",
)  # fmt: skip
"""Why a line waits."""
OTHER_AMOUNT = "other_amount"
REST = ":rest"
"""Behind a line's reference: what was missing of its order, which no line of a bank tells."""

_REFERENCE = Text(1, 60, IDENTIFIER)
_ORDER = Optional(Text(0, 160, IDENTIFIER + "/"), "")
_POSTS = ("finance", "operator", "clerk")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a bank's statement."""

    digest: bytes
    outcome: str
    """``matched``, ``suspense`` or ``resolved``."""
    direction: str
    """``out``: paid; ``returned``: could not be paid, or came back; ``in``: received."""
    order: str
    amount_fen: int
    value_on: str
    cause: str
    """Why it waits or waited; empty for a line that matched."""
    how: str
    """How it was resolved; empty before."""
    holder: str
    """Who reported it; another one resolves it."""
    reason: str
    """Why it came back; empty for what did not."""

    def encode(self) -> Value:
        """As the state has it."""
        return [
            self.digest, self.outcome, self.direction, self.order, self.amount_fen, self.value_on,
            self.cause, self.how, self.holder, self.reason,
        ]  # fmt: skip


def find(state: State, bank: str, reference: str) -> Line | None:
    """A line by the bank's reference; None for one that was not reported."""
    value = state.get(_key(bank, reference))
    return None if value is None else Line(*value)


def suspended(state: State, bank: str, number: int) -> tuple[str, Line] | None:
    """(reference, line) of the n-th line that ever waited, from 1; None above the last."""
    reference = state.get(f"suspense/{bank}/{number}")
    if reference is None:
        return None
    found = find(state, bank, reference)
    assert found is not None, "what waits was reported"
    return reference, found


@CONTRACT.method(
    args={
        "reference": _REFERENCE,
        "order": _ORDER,
        "direction": OneOf(OUT, IN, RETURNED),
        "amount_fen": Fen(1),
        "value_on": Date(),
        "reason": Optional(OneOf("", *WHY_BACK), ""),
    },
    kinds=("bank",),
    posts=_POSTS,
)
def line(ctx: Context, args: Args) -> Answer:
    """Report a line: it matches an order, or waits in suspense.

    Refuses with ``bank.foreign-order``, ``bank.line-differs``, ``payment.value-day``,
    ``bank.reason``.
    """
    reference = args["reference"]
    digest = content_digest(ctx, "bank.line", args)
    known = find(ctx.state, ctx.sender, reference)
    if known is not None:
        if known.digest != digest:
            reject(
                "bank.line-differs", reference=reference, known_order=known.order,
                known_fen=known.amount_fen, order=args["order"], amount_fen=args["amount_fen"],
            )  # fmt: skip
        return _answer(reference, known)
    today = date_of_ms(ctx.time_ms)
    if args["value_on"] > today:
        reject("payment.value-day", value_on=args["value_on"], today=today)
    if (args["direction"] == RETURNED) != bool(args["reason"]):
        reject("bank.reason", direction=args["direction"], reason=args["reason"])
    order = _order_of(ctx, args["order"], args["direction"])
    cause = _match(ctx, order, args)
    made = Line(
        digest, SUSPENSE if cause else MATCHED, args["direction"], order,
        args["amount_fen"], args["value_on"], cause, "", ctx.holder, args["reason"],
    )  # fmt: skip
    if cause:
        _list(ctx, reference)
    return _store(ctx, reference, made)


@CONTRACT.method(
    args={
        "reference": _REFERENCE,
        "how": OneOf("matched", OTHER_AMOUNT, "sent_back", "not_ours"),
        "order": _ORDER,
    },
    kinds=("bank",),
    posts=_POSTS,
)
def resolve(ctx: Context, args: Args) -> Answer:
    """Say what a line in suspense was: an order's after all, an order's with another amount, sent
    back, or no business of ours.

    By another holder than the one who reported it. Refuses with ``bank.not-suspended``,
    ``bank.same-holder``, ``bank.still-open``, ``bank.foreign-order``.
    """
    reference, how = args["reference"], args["how"]
    made = find(ctx.state, ctx.sender, reference)
    if made is not None and made.outcome == RESOLVED and made.how == how:
        return _answer(reference, made)
    if made is None or made.outcome != SUSPENSE:
        outcome = "" if made is None else made.outcome
        reject("bank.not-suspended", reference=reference, outcome=outcome)
    if made.holder == ctx.holder:
        reject("bank.same-holder", reference=reference, holder=ctx.holder)
    if how in ("matched", OTHER_AMOUNT):
        told = {
            "reference": reference, "direction": made.direction, "amount_fen": made.amount_fen,
            "value_on": made.value_on, "reason": made.reason,
        }  # fmt: skip
        named = args["order"] or (made.order if how == OTHER_AMOUNT else "")
        order = _order_of(ctx, named, made.direction)
        fits = _match if how == "matched" else _match_other_amount
        cause = fits(ctx, order, told)
        if cause:
            reject("bank.still-open", reference=reference, order=order, cause=cause)
        made = replace(made, order=order)
    return _store(ctx, reference, replace(made, outcome=RESOLVED, how=how))


def _order_of(ctx: Context, named: str, direction: str) -> str:
    """The order that a line names: of a return also by the bank's reference of its payment."""
    if direction != RETURNED or payment_record.find(ctx.state, named) is not None:
        return named
    paid = find(ctx.state, ctx.sender, named)
    if paid is not None and paid.direction == OUT and paid.outcome != SUSPENSE:
        return paid.order
    known: str | None = ctx.state.get(reference_key(ctx.sender, named)) if named else None
    return named if known is None else known


def _match(ctx: Context, order: str, told: Args) -> str:
    """Confirm or return the order that the line fits; otherwise why it waits."""
    if not order:
        return UNASKED if told["direction"] == IN else NO_ORDER
    if told["direction"] == IN:
        given_back = bank_order.is_to_person(order)
        return _given_back(ctx, order, told) if given_back else _received(ctx, order, told)
    if not bank_order.is_to_person(order):
        return _paid(ctx, order, told)
    kind, case, number = bank_order.parts_of(order)
    return _TO_PERSONS[kind](ctx, told, order, case, number)


def _match_other_amount(ctx: Context, order: str, told: Args) -> str:
    """Book an order by what the bank has moved of it, or say why it cannot be.

    Paid short it is paid, and the rest a return of it; what was received short moves nothing here,
    as the payment counts.
    """
    cause = _match(ctx, order, told)
    if cause != AMOUNT:
        return cause or MATCHED
    if told["direction"] != OUT:
        received = told["direction"] == IN and not bank_order.is_to_person(order)
        return "" if received else cause
    ordered_fen = _ordered_fen(ctx, order)
    cause = _match(ctx, order, {**told, "amount_fen": ordered_fen})
    short_fen = ordered_fen - told["amount_fen"]
    if cause or short_fen <= 0:
        return cause
    rest = {"reference": told["reference"] + REST, "direction": RETURNED, "reason": "other"}
    return _match(ctx, order, {**told, **rest, "amount_fen": short_fen})


def _ordered_fen(ctx: Context, order: str) -> int:
    """What an order asks for, of whichever bank; one whose amount ``_match`` has compared."""
    if not bank_order.is_to_person(order):
        return payment_record.load(ctx.state, order).amount_fen
    kind, case, number = bank_order.parts_of(order)
    if kind == bank_order.PAYOUT:
        owed = payout.find(ctx.state, case)
        assert owed is not None, order
        paid = payout.paid_order(ctx, owed, number)
        return owed.ordered_fen if paid is None else paid.amount_fen
    find_case = {
        bank_order.REIMBURSEMENT: reimbursement_record.find,
        bank_order.COVER: cover_record.find_payment,
    }[kind]
    made = find_case(ctx.state, case)
    assert made is not None, order
    return next(o.amount_fen for o in made.orders if o.id == number and _speaks_for(ctx, o.bank))


def _received(ctx: Context, order: str, told: Args) -> str:
    """Money that came in for a payment of another bank's, or of one's own."""
    found = payment_record.find(ctx.state, order)
    if found is None or not _speaks_for(ctx, found.payee_bank):
        reject("bank.foreign-order", order=order, bank=ctx.sender)
    if not _is_known(ctx, order, told):
        if found.stage not in (PaymentStage.PAID, PaymentStage.PART_BACK):
            return NOT_PAID
        if found.received_reference:
            return PAID_TWICE
    if found.amount_fen != told["amount_fen"]:
        return AMOUNT
    report = {"payment": order, "reference": told["reference"], "value_on": told["value_on"]}
    payment_back.receive(ctx, report | {"amount_fen": told["amount_fen"]})
    return ""


def _given_back(ctx: Context, order: str, told: Args) -> str:
    """Money that came in from a patient: of a bill that was taken back an insurer is owed it."""
    kind, name, number = bank_order.parts_of(order)
    made = cover_record.find_payment(ctx.state, name) if kind == bank_order.COVER else None
    repayable = made is not None and made.stage is cover_record.CoverStage.REPAYABLE
    if made is None or not (repayable or _is_known(ctx, order, told)):
        return UNASKED
    if not any(o.id == number and _speaks_for(ctx, o.bank) for o in made.orders):
        reject("bank.foreign-order", order=order, bank=ctx.sender)
    if made.standing_fen != told["amount_fen"]:
        return AMOUNT
    report = {"payment": name, "order": number, "reference": told["reference"]}
    cover_pay.repaid(ctx, report)
    return ""


def _paid(ctx: Context, order: str, told: Args) -> str:
    found = payment_record.find(ctx.state, order)
    if found is None or not _speaks_for(ctx, found.bank):
        reject("bank.foreign-order", order=order, bank=ctx.sender)
    report = {"payment": order, "reference": told["reference"], "value_on": told["value_on"]}
    return _report(
        told,
        known=_is_known(ctx, order, told),
        paid_fen=found.amount_fen,
        left_fen=found.left_fen if found.stage in payment_record.CONFIRMED else None,
        ordered_fen=found.amount_fen if found.stage is PaymentStage.APPROVED else None,
        confirm=lambda: payment.confirm(ctx, report | {"amount_fen": told["amount_fen"]}),
        bounce=lambda why: payment.bounce(ctx, report | why),
        came_back=lambda back: payment_back.send_back(ctx, report | back),
    )


def _reimbursed(ctx: Context, told: Args, order: str, name: str, number: str) -> str:
    made = reimbursement_record.find(ctx.state, name)
    orders = () if made is None else made.orders
    found = next((o for o in orders if o.id == number and _speaks_for(ctx, o.bank)), None)
    if made is None or found is None:
        reject("bank.foreign-order", order=order, bank=ctx.sender)
    report = {"reimbursement": name, "payment": number, "reference": told["reference"]}
    return _report(
        told,
        known=_is_known(ctx, order, told),
        paid_fen=found.amount_fen,
        left_fen=found.standing_fen if found.outcome == PAID else None,
        ordered_fen=None if found.outcome else found.amount_fen,
        confirm=lambda: reimbursement_pay.confirm(ctx, report),
        bounce=lambda why: reimbursement_pay.bounce(ctx, report | why),
        came_back=lambda back: reimbursement_pay.came_back(ctx, report | back),
    )


def _paid_out(ctx: Context, told: Args, order: str, name: str, number: str) -> str:
    made = payout.find(ctx.state, name)
    if made is None:
        reject("bank.foreign-order", order=order, bank=ctx.sender)
    paid = payout.paid_order(ctx, made, number)
    if paid is None and not payout.is_ordered(ctx, made, number):
        reject("bank.foreign-order", order=order, bank=ctx.sender)
    report = {"payout": name, "payment": number, "reference": told["reference"]}
    known = _is_known(ctx, order, told)
    if paid is not None and known and told["direction"] == OUT:  # it may be ordered anew since
        return "" if told["amount_fen"] == paid.amount_fen else AMOUNT
    return _report(
        told,
        known=known,
        paid_fen=0 if paid is None else paid.amount_fen,
        left_fen=None if paid is None else paid.standing_fen,
        ordered_fen=made.ordered_fen if made.state is payout.PayoutState.PAYING else None,
        confirm=lambda: payout.confirm(ctx, report),
        bounce=lambda why: payout.bounce(ctx, report | why),
        came_back=lambda back: payout.came_back(ctx, report | back),
    )


def _covered(ctx: Context, told: Args, order: str, name: str, number: str) -> str:
    made = cover_record.find_payment(ctx.state, name)
    orders = () if made is None else made.orders
    found = next((o for o in orders if o.id == number and _speaks_for(ctx, o.bank)), None)
    if made is None or found is None:
        reject("bank.foreign-order", order=order, bank=ctx.sender)
    given_back = made.stage is cover_record.CoverStage.REPAID
    report = {"payment": name, "order": number, "reference": told["reference"]}
    return _report(
        told,
        known=_is_known(ctx, order, told),
        paid_fen=found.amount_fen,
        left_fen=(0 if given_back else found.standing_fen) if found.outcome == PAID else None,
        ordered_fen=None if found.outcome else found.amount_fen,
        confirm=lambda: cover_pay.confirm(ctx, report),
        bounce=lambda why: cover_pay.bounce(ctx, report | why),
        came_back=lambda back: cover_pay.came_back(ctx, report | back),
    )


_TO_PERSONS: Mapping[str, Callable[[Context, Args, str, str, str], str]] = {
    bank_order.REIMBURSEMENT: _reimbursed,
    bank_order.PAYOUT: _paid_out,
    bank_order.COVER: _covered,
}
"""By kind of order: (line, order, case, the order's id in it) -> why the line waits."""


def _report(
    told: Args,
    *,
    known: bool,
    paid_fen: int,
    left_fen: int | None,
    ordered_fen: int | None,
    confirm: Callable[[], object],
    bounce: Callable[[Args], object],
    came_back: Callable[[Args], object],
) -> str:
    """Do what a line says of an order of this bank, or say why it does not fit.

    ``known``: a call has told it before; the same call answers it, or refuses what differs.
    ``left_fen``: what stands of the ``paid_fen`` that were paid by the order, None where it was
    not paid; ``ordered_fen``: what it is to pay, None where it is not on its way.
    """
    amount_fen, out = told["amount_fen"], told["direction"] == OUT
    if left_fen is not None:
        if out and not known:
            return PAID_TWICE
        if out and amount_fen != paid_fen:
            return AMOUNT
        if out:
            confirm()
            return ""
        if amount_fen > left_fen and not known:
            return ABOVE
        came_back({name: told[name] for name in ("amount_fen", "value_on", "reason")})
    elif ordered_fen is None and not known:
        return NOT_APPROVED
    elif ordered_fen is not None and ordered_fen != amount_fen:
        return AMOUNT
    elif out:
        confirm()
    else:
        bounce({"reason": told["reason"]})
    return ""


def _speaks_for(ctx: Context, bank: str) -> bool:
    """Whether the bank was given the order, or succeeds the one that was."""
    return organisations.speaks_for(ctx.state, ctx.sender, bank)


def _is_known(ctx: Context, order: str, told: Args) -> bool:
    """Whether the line's reference is one under which a call has told of this order before."""
    known: str | None = ctx.state.get(reference_key(ctx.sender, told["reference"]))
    return known == order


def _list(ctx: Context, reference: str) -> None:
    number = (ctx.state.get(f"suspense/{ctx.sender}") or 0) + 1
    ctx.state.put(f"suspense/{ctx.sender}", number)
    ctx.state.put(f"suspense/{ctx.sender}/{number}", reference)


def _store(ctx: Context, reference: str, made: Line) -> Answer:
    ctx.state.put(_key(ctx.sender, reference), made.encode())
    ctx.emit(
        f"bank.{made.outcome}", bank=ctx.sender, reference=reference, order=made.order,
        amount_fen=made.amount_fen, cause=made.cause, how=made.how,
    )  # fmt: skip
    return _answer(reference, made)


def _answer(reference: str, made: Line) -> Answer:
    return {
        "reference": reference,
        "outcome": made.outcome,
        "order": made.order,
        "amount_fen": made.amount_fen,
        "cause": made.cause,
        "how": made.how,
    }


def _key(bank: str, reference: str) -> str:
    return f"bank-line/{bank}/{reference}"
