"""Holds what banks are shown of orders to pay persons against the cases that ordered them.

A dumb reading of the whole state, told nothing by the calls: ``World`` asks it after each call that
has written a case or an order, in every test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.settlement.cover_record import CoverPayment
from contracts.settlement.refunds.payout import Payout
from contracts.settlement.reimbursement_record import Reimbursement

CASES = ("reimbursement", "payout", "cover-payment")
WATCHED = {*CASES, "bank-order"}
"""First words of the state keys that make a look worth while."""


@dataclass(frozen=True)
class Expected:
    """An order as its case has it."""

    key: str
    stage: str
    kind: str
    amount_fen: int
    payer: str
    reference: str
    returned_fen: int
    account: bytes | None
    """None where the case names another one by now."""


def check(entries: Mapping[str, bytes], decode: Callable[[bytes], Any]) -> None:
    """Every order has its entry, and no entry says anything else."""
    expected = {one.key: one for one in _expected(entries, decode)}
    shown = {key: decode(data) for key, data in entries.items() if key.startswith("bank-order/")}
    assert expected.keys() <= shown.keys(), expected.keys() - shown.keys()
    for key, value in shown.items():
        (stage, kind, amount, payer, account, due_on, reference, reason, returned,
         salt) = value  # fmt: skip
        assert len(salt) == 32
        assert due_on == "" or kind == "reimbursement"
        assert bool(reason) == (stage == "returned")
        if key not in expected:
            # Of an order that could not be paid a payout keeps nothing.
            assert (kind, stage) == ("payout", "returned"), (key, value)
            continue
        told = expected[key]
        assert (stage, kind, amount, payer, reference, returned) == (
            told.stage, told.kind, told.amount_fen, told.payer, told.reference, told.returned_fen
        ), (value, told)  # fmt: skip
        assert told.account in (None, account), (value, told)


def _expected(entries: Mapping[str, bytes], decode: Callable[[bytes], Any]) -> Iterator[Expected]:
    for key, data in entries.items():
        first, _, name = key.partition("/")
        if first == "reimbursement":
            yield from _of_reimbursement(name, Reimbursement.decode(decode(data)))
        elif first == "payout":
            yield from _of_payout(name, Payout.decode(decode(data)))
        elif first == "cover-payment":
            yield from _of_cover(name, CoverPayment.decode(decode(data)))


def _of_reimbursement(name: str, made: Reimbursement) -> Iterator[Expected]:
    for order in made.orders:
        back = sum(fen for one in order.returns for fen in one.rows)
        last = order is made.orders[-1]
        yield Expected(
            f"bank-order/{order.bank}/{name}/{order.id}", _stage(order.outcome, back, order),
            "reimbursement", sum(fen for _, fen in order.rows), made.area, order.reference, back,
            made.account if last else None,
        )  # fmt: skip


def _of_payout(name: str, made: Payout) -> Iterator[Expected]:
    if made.state == "paying":
        yield Expected(
            f"bank-order/{made.bank}/payout/{name}/{made.payment}", "approved", "payout",
            made.ordered_fen, made.area, "", 0, made.account,
        )  # fmt: skip
    for order in made.paid:
        back = sum(fen for one in order.returns for fen in one.rows)
        yield Expected(
            f"bank-order/{order.bank}/payout/{name}/{order.payment}", _stage("paid", back, order),
            "payout", order.amount_fen, made.area, order.reference, back, None,
        )  # fmt: skip


def _of_cover(name: str, made: CoverPayment) -> Iterator[Expected]:
    for order in made.orders:
        back = sum(fen for one in order.returns for fen in one.rows)
        stage = _stage(order.outcome, back, order)
        if stage == "approved" and made.stage == "recalled":
            stage = "withdrawn"
        last = order is made.orders[-1]
        yield Expected(
            f"bank-order/{order.bank}/cover/{name}/{order.id}", stage, "cover", order.amount_fen,
            made.insurer, order.reference, back, made.account if last else None,
        )  # fmt: skip


def _stage(outcome: str, back: int, of: Any) -> str:
    if not outcome:
        return "approved"
    if outcome != "paid":
        return "returned"
    if back:
        return "sent-back" if back == of.amount_fen else "part-back"
    return "paid"
