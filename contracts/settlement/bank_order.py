"""Orders to pay persons as their bank sees them: one small entry each, and nothing else in it.

A payment of a notice is an entry that its banks may read whole. What is ordered to a person stands
in the record of the case (a reimbursement, a payout, what a commercial product pays), which says
who was treated where and when, and a bank must not learn that. So each such order has an entry of
its own, with what is needed to pay it and how it stands. It has no person, of the case only the id
in the order's name, and no funds: that of maternity or medical aid says what the care was.

It is written by the very call that gives the order and by each that changes how it stands, from the
same values. Orders that were given before there were entries have none, and get none.

State: ``bank-order/<bank>/<order>`` an array, the order of ``BankOrder``'s fields.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from contracts.api import Context, State, Value, reject
from contracts.settlement.records import salt_of
from contracts.settlement.reimbursement_record import PAID

REIMBURSEMENT, PAYOUT, COVER = "reimbursement", "payout", "cover"
KINDS: Final = (REIMBURSEMENT, PAYOUT, COVER)
"""Care that was paid first, money of a closed account, a commercial product's part of a bill."""

ORDER_CHARS_MAX: Final = 124
"""Of an order's name: a state key has 200, a bank's id 64."""


class OrderStage(StrEnum):
    """How an order to pay a person stands, in the words of payments of notices."""

    APPROVED = "approved"
    """The bank is to pay."""
    WITHDRAWN = "withdrawn"
    """It is to be paid no more; a bank that has done so already still says so."""
    PAID = "paid"
    """The bank has paid, with its reference."""
    RETURNED = "returned"
    """The bank could not pay; another order follows."""
    PART_BACK = "part-back"
    """It was paid, and a part of the money came back later."""
    SENT_BACK = "sent-back"
    """It was paid, and all of the money came back later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BankOrder:
    """What a bank needs to know of an order to pay a person."""

    stage: OrderStage
    kind: str
    """A word of ``KINDS``."""
    amount_fen: int
    payer: str
    """The area whose funds pay, or the insurer."""
    account: bytes
    """Token of the bank account, 32 bytes; the bank knows what it stands for."""
    due_on: str
    """Day by which it is to be paid; empty where there is none."""
    reference: str = ""
    """The bank's, of the payment or of its refusal to pay."""
    reason: str = ""
    """Why it could not be paid; a word of ``WHY_BACK``."""
    returned_fen: int = 0
    """What came back after it was paid."""
    salt: bytes

    def encode(self) -> Value:
        """As the state has it."""
        return [
            self.stage.value, self.kind, self.amount_fen, self.payer, self.account, self.due_on,
            self.reference, self.reason, self.returned_fen, self.salt,
        ]  # fmt: skip

    @classmethod
    def decode(cls, value: Value) -> BankOrder:
        """From the state's value."""
        (stage, kind, amount, payer, account, due_on, reference, reason, returned,
         salt) = value  # fmt: skip
        return cls(
            stage=OrderStage(stage), kind=kind, amount_fen=amount, payer=payer, account=account,
            due_on=due_on, reference=reference, reason=reason, returned_fen=returned, salt=salt,
        )  # fmt: skip


def name_of(kind: str, case: str, payment: str) -> str:
    """Name of an order, as instructions and statements have it.

    ``case``: id of the reimbursement, the payout or the insurer's payment; ``payment``: the order's
    own id in it. A reimbursement's begins with the bureau's, so it is no other kind's word.
    """
    return f"{case}/{payment}" if kind == REIMBURSEMENT else f"{kind}/{case}/{payment}"


def parts_of(order: str) -> tuple[str, str, str]:
    """(kind, case, payment) of a name: what ``name_of`` has put together."""
    case, _, payment = order.rpartition("/")
    kind, _, rest = case.partition("/")
    return (kind, rest, payment) if kind in (PAYOUT, COVER) else (REIMBURSEMENT, case, payment)


def is_to_person(order: str) -> bool:
    """Whether an order's name is of one that pays a person; else it is a payment of a notice."""
    return "/" in order


def key_of(bank: str, order: str) -> str:
    """State key of an order."""
    return f"bank-order/{bank}/{order}"


def find(state: State, bank: str, order: str) -> BankOrder | None:
    """An order as its bank sees it; None where the bank has no such order."""
    value = state.get(key_of(bank, order))
    return None if value is None else BankOrder.decode(value)


def give(
    ctx: Context,
    bank: str,
    order: str,
    *,
    amount_fen: int,
    payer: str,
    account: bytes,
    due_on: str,
    secret: bytes,
) -> None:
    """A bank is told to pay. ``secret``: the salt of the case.

    Refuses with ``bank.order-name`` a name that no statement could hold.
    """
    if len(order) > ORDER_CHARS_MAX:
        reject("bank.order-name", order=order, characters=len(order), limit=ORDER_CHARS_MAX)
    key = key_of(bank, order)
    assert ctx.state.get(key) is None, f"{key} is given twice"
    made = BankOrder(
        stage=OrderStage.APPROVED, kind=parts_of(order)[0], amount_fen=amount_fen, payer=payer,
        account=account, due_on=due_on, salt=salt_of(ctx, secret, key),
    )  # fmt: skip
    ctx.state.put(key, made.encode())


def report(
    ctx: Context, bank: str, order: str, *, outcome: str, reference: str, standing_fen: int = 0
) -> None:
    """The bank has spoken. ``outcome``: ``paid``, or the word with which it could not pay;
    ``standing_fen``: what it has paid and did not come back."""
    known = _given(ctx, bank, order)
    returned_fen = known.amount_fen - standing_fen if outcome == PAID else 0
    if outcome != PAID:
        stage = OrderStage.RETURNED
    elif not returned_fen:
        stage = OrderStage.PAID
    else:
        stage = OrderStage.PART_BACK if standing_fen else OrderStage.SENT_BACK
    told = replace(
        known, stage=stage, reference=reference, reason="" if outcome == PAID else outcome,
        returned_fen=returned_fen,
    )  # fmt: skip
    ctx.state.put(key_of(bank, order), told.encode())


def withdraw(ctx: Context, bank: str, order: str) -> None:
    """The order is to be paid no more."""
    made = replace(_given(ctx, bank, order), stage=OrderStage.WITHDRAWN)
    ctx.state.put(key_of(bank, order), made.encode())


def _given(ctx: Context, bank: str, order: str) -> BankOrder:
    made = find(ctx.state, bank, order)
    assert made is not None, f"{bank} was never given {order}"
    return made
