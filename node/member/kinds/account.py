"""What an organisation is owed or owes in all, and where it lies: entries that are its own.

Nobody has to list them, so what they name cannot be left out: an institution's entry names each
month that was closed and is not paid.
"""

from __future__ import annotations

from contracts.settlement.clearing.declaration_record import Stage
from node.ledger.types import Value
from node.member.kinds.kind import Find, Found, StateKind

NONE = Found("none", {"amount_fen": 0, "by_fund_fen": {}})


def unpaid(find: Find) -> StateKind:
    """What is confirmed and declared for an institution and not paid, by month."""

    def read(name: str, value: Value) -> Found:
        declared, due, months, closed, *_ = value
        facts = {
            "amount_fen": sum(declared.values()), "by_fund_fen": dict(declared),
            "due_next_fen": sum(due.values()), "months": list(months), "closed": closed,
        }  # fmt: skip
        names = [("month", month) for month in months]
        for month in months:
            known = find("month", month)
            # Confirmed and on the list of the unpaid: then its notice was issued with it.
            if known is not None and known.state == Stage.CONFIRMED.value:
                names.append(("notice", f"institution:{month}:{name}"))
        return Found("open" if months else "none", facts, names=tuple(names))

    return StateKind(
        "unpaid", "institution-account/",
        "what is declared and not paid, with the months it is of; always looked up", read,
        absent=NONE,
    )  # fmt: skip


def balance(account: str) -> StateKind:
    """The balance of an account of the organisation's own: what the ledger says that it is owed
    (``payable``), or below zero what it owes (``commercial``)."""

    def read(_name: str, value: Value) -> Found:
        by_fund = {fund: fen for fund, fen in value.get(account, {}).items() if fen}
        facts = {"amount_fen": sum(by_fund.values()), "by_fund_fen": by_fund}
        return Found("open" if by_fund else "none", facts)

    return StateKind(
        account, f"{account}/", f"balance of its account `{account}` by fund; always looked up",
        read, absent=NONE,
    )  # fmt: skip
