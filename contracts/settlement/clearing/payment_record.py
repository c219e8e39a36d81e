"""Payments of notices: ``payment/<id>``, their stages as a table.

One person makes a payment, a second one of the same department approves it, the bank confirms or
returns it. Only the bank's confirmation moves money on the ledger.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from contracts.api import Context, State, Value, reject
from contracts.settlement.clearing import notice_record
from contracts.settlement.clearing.notice_record import Notice, NoticeStage
from contracts.settlement.life import START, Life
from contracts.settlement.returns import Returned, decode, returned_fen


class PaymentStage(StrEnum):
    """Where a payment stands."""

    MADE = "made"
    """Waits for a second person."""
    APPROVED = "approved"
    """With the bank."""
    PAID = "paid"
    """The bank has paid, with its reference; final unless the money comes back."""
    RETURNED = "returned"
    """The bank could not pay; final: another payment is ordered."""
    PART_BACK = "part-back"
    """It was paid, and a part of the money came back later: another payment of that is ordered."""
    SENT_BACK = "sent-back"
    """It was paid, and all of the money came back later; final: another payment is ordered."""
    CANCELLED = "cancelled"
    """Given up before it was approved; final."""


class PaymentStep(StrEnum):
    """What can happen to a payment."""

    ORDER = "order"
    APPROVE = "approve"
    CANCEL = "cancel"
    CONFIRM = "confirm"
    BOUNCE = "bounce"
    PART_BACK = "part-back"
    SEND_BACK = "send-back"


_G, _P = PaymentStage, PaymentStep
TABLE: dict[tuple[str, PaymentStep], PaymentStage] = {
    (START, _P.ORDER): _G.MADE,
    (_G.MADE, _P.APPROVE): _G.APPROVED,
    (_G.MADE, _P.CANCEL): _G.CANCELLED,
    (_G.APPROVED, _P.CONFIRM): _G.PAID,
    (_G.APPROVED, _P.BOUNCE): _G.RETURNED,
    (_G.PAID, _P.PART_BACK): _G.PART_BACK,
    (_G.PAID, _P.SEND_BACK): _G.SENT_BACK,
    (_G.PART_BACK, _P.PART_BACK): _G.PART_BACK,
    (_G.PART_BACK, _P.SEND_BACK): _G.SENT_BACK,
}
"""(stage, step) -> next stage. What is missing is refused."""


_LIFE = Life(TABLE, PaymentStage, "payment.wrong-stage", ("stage", "step"))
mermaid = _LIFE.mermaid


def follow(stage: str, step: PaymentStep, payment: str) -> PaymentStage:
    """The stage after ``step``. Refuses with ``payment.wrong-stage``."""
    return _LIFE.follow(stage, step, payment=payment)


CONFIRMED = (PaymentStage.PAID, PaymentStage.PART_BACK, PaymentStage.SENT_BACK)
"""The bank had paid it, whatever came back since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """One order to a bank."""

    stage: PaymentStage
    notice: str
    amount_fen: int
    sender: str
    """The finance department or bureau that pays."""
    bank: str
    """The payer's bank: it alone reports."""
    payee_bank: str
    """Where the payee has its account; the payer's own bank when nothing else is said."""
    maker: str
    """Holder who made it."""
    checker: str
    """Holder who approved it; never the maker."""
    reference: str
    """The bank's, of the payment or of its refusal to pay."""
    value_on: str
    """The bank's day of booking."""
    reason: str
    """Why it could not be paid or was cancelled; a word of a list."""
    digest: bytes
    """Of the ordering call, for retries."""
    cause: bytes
    """Id of the ordering transaction."""
    previous: str = ""
    """The payment of the same notice before this one; empty for the first."""
    received_reference: str = ""
    """The payee's bank's own reference of what it received; empty while it has not said so."""
    received_on: str = ""
    rows: tuple[int, ...] = ()
    """Fen by row of the notice's money that it pays; empty: the notice whole."""
    returns: tuple[Returned, ...] = ()
    """What came back after it was paid, in the order of the bank's reports."""

    @property
    def left_fen(self) -> int:
        """What of its amount has not come back."""
        return self.amount_fen - returned_fen(self.returns)

    def encode(self) -> Value:
        """As the state has it: an array, the order of the fields above."""
        return [
            self.stage.value, self.notice, self.amount_fen, self.sender, self.bank,
            self.payee_bank, self.maker, self.checker, self.reference, self.value_on, self.reason,
            self.digest, self.cause, self.previous, self.received_reference, self.received_on,
            *self._seldom(),
        ]  # fmt: skip

    def _seldom(self) -> list[Value]:
        """What most payments have nothing of."""
        if not self.rows and not self.returns:
            return []
        return [list(self.rows), [back.encode() for back in self.returns]]

    @classmethod
    def decode(cls, value: Value) -> Payment:
        """From the state's value."""
        (stage, notice, amount, sender, bank, payee_bank, maker, checker, reference, value_on,
         reason, digest, cause, previous, received, received_on, *seldom) = value  # fmt: skip
        rows, returns = seldom or ((), ())
        return cls(
            stage=PaymentStage(stage), notice=notice, amount_fen=amount, sender=sender, bank=bank,
            payee_bank=payee_bank, maker=maker, checker=checker, reference=reference,
            value_on=value_on, reason=reason, digest=digest, cause=cause, previous=previous,
            received_reference=received, received_on=received_on, rows=tuple(rows),
            returns=decode(returns),
        )  # fmt: skip


def find(state: State, payment_id: str) -> Payment | None:
    """The payment; None where there is none."""
    value = state.get(f"payment/{payment_id}")
    return None if value is None else Payment.decode(value)


def load(state: State, payment_id: str) -> Payment:
    """The payment. Refuses with ``payment.not-found``."""
    found = find(state, payment_id)
    if found is None:
        reject("payment.not-found", payment=payment_id)
    return found


def put(state: State, payment_id: str, made: Payment) -> None:
    """Write it."""
    state.put(f"payment/{payment_id}", made.encode())


def withdraw_notice(ctx: Context, notice_id: str, made: Notice) -> None:
    """Take back a notice of which nothing was ever paid or is on its way.

    For whoever may say what it asks for. What was paid may have been given back or set off since,
    even where the bank has returned it. Refuses with ``payment.in-flight``,
    ``payment.already-paid``.
    """
    if made.stage is NoticeStage.WITHDRAWN:
        return
    if made.stage is NoticeStage.PAYING:
        reject("payment.in-flight", notice=notice_id, payment=made.payment)
    name = made.payment
    while name:
        payment = load(ctx.state, name)
        if payment.stage in CONFIRMED:
            reject("payment.already-paid", notice=notice_id, payment=name)
        name = payment.previous
    made = replace(made, stage=NoticeStage.WITHDRAWN)
    notice_record.put(ctx.state, notice_id, made)
    notice_record.tell(ctx, notice_id, made)
