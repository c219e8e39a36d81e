"""An insurer's statements with places of care, found from its own entries without any list.

``cover-due`` names the months in which it has a statement that is not paid, each month's entry the
places, each statement its notice.
"""

from __future__ import annotations

from contracts.settlement.clearing.statement_record import Statement
from node.ledger.types import Value
from node.member.kinds.kind import Found, StateKind, not_party


def due(insurer: str) -> StateKind:
    """The months in which the insurer owes by a statement."""

    def read(_name: str, value: Value) -> Found:
        months = [str(month) for month in value]
        names = tuple(("insurer-month", f"{insurer}/{month}") for month in months)
        return Found("open" if months else "none", {"months": months}, names=names)

    return StateKind(
        "due", "cover-due/",
        "months in which it has statements that are not paid; always looked up", read,
        absent=Found("none", {"months": []}),
    )  # fmt: skip


def insurer_months(insurer: str) -> StateKind:
    """Its months: with whom it has statements, and what passed between it and patients itself."""

    def read(name: str, value: Value) -> Found:
        owner, _, month = name.rpartition("/")
        if owner != insurer:
            raise not_party("insurer-month", name)
        places, unpaid, direct = value
        facts = {"month": month, "places": list(places), "unpaid": unpaid, "direct_fen": direct}
        return Found(
            "open" if unpaid else "paid", facts, is_open=unpaid > 0,
            names=tuple(("statement", f"{month}/{insurer}/{place}") for place in places),
        )  # fmt: skip

    return StateKind(
        "insurer-month", "cover-month/",
        "month: places of care that it owes, what its products paid patients and what came back;"
        " open while a statement is not paid",
        read,
    )  # fmt: skip


def statements(insurer: str) -> StateKind:
    """What it owes one place of care for one month, by product, payments and refunds apart."""

    def read(name: str, value: Value) -> Found:
        made = Statement.decode(value)
        period, debtor, place = name.split("/")
        if debtor != insurer:
            raise not_party("statement", name)
        facts = {
            "period": period, "place": place, "amount_fen": made.total_fen,
            "by_product_fen": {key.rpartition("/")[0]: fen for key, fen in made.cells.items()},
            "confirmed_by_insurer": bool(made.home_by), "confirmed_by_place": bool(made.care_by),
            "open_objections": made.open, "moved_fen": made.moved_fen, "notice": made.notice,
        }  # fmt: skip
        stage = "paid" if made.settled else "noticed" if made.notice else "open"
        return Found(
            stage, facts, is_open=not made.settled,
            names=(("notice", made.notice),) if made.notice else (),
        )  # fmt: skip

    return StateKind(
        "statement", "statement/",
        "statement with one place of care: amount by product, confirmed by whom, its notice; open"
        " until it is paid",
        read,
    )  # fmt: skip
