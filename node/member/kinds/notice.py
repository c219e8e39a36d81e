"""Notices of payment: what is to be paid or awaited, until which day, and what was made of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contracts.settlement.clearing.notice_record import Notice, NoticeStage
from node.ledger.types import Value
from node.member.kinds.kind import Found, StateKind, not_party

IsMine = Callable[[str], bool]
"""Whether a side of a notice is the organisation: an id, or the district of an area."""


WHAT = (
    "notice of payment: payer, payee, whether it is to be paid or awaited (`side`), amount by fund,"
    " due day, what is open, its payment; open until it is paid"
)


def facts_of(made: Notice) -> dict[str, Any]:
    """A notice in plain values."""
    return {
        "kind": made.kind.value, "payer": made.payer, "payee": made.payee,
        "cause": list(made.cause), "issued_on": made.issued_on, "due_on": made.due_on,
        "amount_fen": made.amount_fen, "by_fund_fen": made.by_fund(), "open_fen": made.open_fen,
        "paid_fen": made.paid_fen, "paid_on": made.paid_on,
        "funds": list(made.funds), "payment": made.payment, "attempts": made.attempts,
    }  # fmt: skip


def notices(is_mine: IsMine) -> StateKind:
    """Notices of which the organisation is payer or payee; ``side`` says which: pay or collect."""

    def read(name: str, value: Value) -> Found:
        made = Notice.decode(value)
        if not (is_mine(made.payer) or is_mine(made.payee)):
            raise not_party("notice", name, payer=made.payer, payee=made.payee)
        side = "pay" if is_mine(made.payer) else "collect"
        return Found(
            made.stage.value,
            {**facts_of(made), "side": side},
            is_open=made.stage not in (NoticeStage.PAID, NoticeStage.WITHDRAWN),
            names=(("payment", made.payment),) if made.payment else (),
        )

    return StateKind("notice", "notice/", WHAT, read)
