"""Money that comes back after a bank has confirmed it: what every kind of payment has in common.

A return belongs to one order to a bank and has the bank's own reference. Told twice it is one;
under another reference it is another return, and together they are never more than was paid. A
part is taken from each row of the payment (a fund, or a leg of a notice) in proportion to what
stands paid of it, to the fen, so that the last part takes every row to nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from contracts.api import Args, Context, Value, reject
from contracts.settlement.calendar import date_of_ms
from contracts.settlement.money import parts_of

WHY_BACK = ("unknown_account", "closed_account", "name_differs", "limit", "other")
"""Why money came back, or a bank could not pay."""
ACCOUNT_FAILED = ("unknown_account", "closed_account", "name_differs")
"""Of them: the account that was named will not do."""
RETURNS_MAX = 20
"""Returns of one payment."""


@dataclass(frozen=True, slots=True)
class Returned:
    """Money of a payment that came back after it was paid."""

    reference: str
    """The bank's, of the return."""
    value_on: str
    reason: str
    """A word of ``WHY_BACK``."""
    rows: tuple[int, ...]
    """Fen by row of what was paid."""

    @property
    def amount_fen(self) -> int:
        """What came back."""
        return sum(self.rows)

    def show(self) -> dict[str, Value]:
        """By name, as answers and records have it."""
        return {
            "reference": self.reference, "value_on": self.value_on, "reason": self.reason,
            "amount_fen": self.amount_fen,
        }  # fmt: skip

    def encode(self) -> Value:
        """As the state has it."""
        return [self.reference, self.value_on, self.reason, list(self.rows)]


def decode(value: Iterable[Value]) -> tuple[Returned, ...]:
    """Returns from the state's value."""
    return tuple(Returned(reference, on, why, tuple(rows)) for reference, on, why, rows in value)


def returned_fen(returns: Iterable[Returned]) -> int:
    """What came back in all."""
    return sum(back.amount_fen for back in returns)


def left_rows(rows: Sequence[int], returns: Iterable[Returned]) -> tuple[int, ...]:
    """What stands paid of each row."""
    left = tuple(rows)
    for back in returns:
        left = tuple(fen - less for fen, less in zip(left, back.rows, strict=True))
    return left


def told_before(payment: str, returns: Iterable[Returned], args: Args) -> bool:
    """Whether the bank has told this very return before.

    Refuses with ``payment.reported-otherwise`` where its reference names another amount or day.
    """
    known = next((back for back in returns if back.reference == args["reference"]), None)
    if known is None:
        return False
    told = (args["amount_fen"], args["value_on"], args["reason"])
    if told != (known.amount_fen, known.value_on, known.reason):
        reject(
            "payment.reported-otherwise", payment=payment, reference=args["reference"],
            known_fen=known.amount_fen, known_day=known.value_on, known_reason=known.reason,
            told_fen=told[0], day=told[1], reason=told[2],
        )  # fmt: skip
    return True


def make_return(
    ctx: Context,
    payment: str,
    rows: Sequence[int],
    returns: Sequence[Returned],
    args: Args,
    *,
    paid_on: str = "",
) -> Returned:
    """A new return of a payment that was confirmed; its reference is taken for good.

    Refuses with ``payment.return-above``, ``payment.return-before``, ``payment.reference-used``,
    ``payment.value-day``, ``payment.too-many-returns``.
    """
    left = left_rows(rows, returns)
    if args["amount_fen"] > sum(left):
        reject(
            "payment.return-above", payment=payment, told_fen=args["amount_fen"],
            left_fen=sum(left), paid_fen=sum(rows),
        )  # fmt: skip
    if args["value_on"] < paid_on:
        reject("payment.return-before", payment=payment, value_on=args["value_on"], paid_on=paid_on)
    if len(returns) >= RETURNS_MAX:
        reject("payment.too-many-returns", payment=payment, limit=RETURNS_MAX)
    check_value_day(ctx, args["value_on"])
    take_reference(ctx, payment, args["reference"])
    fen = parts_of(left, args["amount_fen"])
    return Returned(args["reference"], args["value_on"], args["reason"], fen)


def check_value_day(ctx: Context, value_on: str) -> None:
    """Refuses with ``payment.value-day`` what a bank says to have booked on a day to come."""
    today = date_of_ms(ctx.time_ms)
    if value_on > today:
        reject("payment.value-day", value_on=value_on, today=today)


def reference_key(bank: str, reference: str) -> str:
    """State key of a bank's reference: the payment that it names, for good."""
    return f"bank-reference/{bank}/{reference}"


def take_reference(ctx: Context, payment: str, reference: str) -> None:
    """A bank's reference names one movement, for good. Refuses with ``payment.reference-used``."""
    key = reference_key(ctx.sender, reference)
    known = ctx.state.get(key)
    if known is not None:
        reject("payment.reference-used", reference=reference, payment=known)
    ctx.state.put(key, payment)
