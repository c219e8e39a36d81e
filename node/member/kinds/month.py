"""An institution's months: declared, audited, confirmed; and the calls that declared their rows."""

from __future__ import annotations

from contracts.settlement.clearing.declaration_record import Declaration, Stage
from node.ledger.evidence import ReceiptFacts
from node.ledger.receipt import OK
from node.ledger.types import Value
from node.member.kinds.kind import Found, ReceiptKind, StateKind, other_subject


def months(institution: str) -> StateKind:
    """Its declarations; the key of the state entry names the institution."""

    def read(_name: str, value: Value) -> Found:
        made = Declaration.decode(value)
        asked = [sum(row[place] for row in made.totals.values()) for place in range(4)]
        by_fund: dict[str, int] = {}
        for cell, fen in made.cells.items():
            fund = cell.rpartition("/")[2]
            by_fund[fund] = by_fund.get(fund, 0) + fen
        facts = {
            "settlements": asked[0], "total_fen": asked[1], "funds_fen": asked[2],
            "accounts_fen": asked[3], "declared_fen": asked[2] + asked[3],
            "aside": made.aside[0], "aside_fen": made.aside[1],
            "deducted_fen": made.deducted_fen, "pending_deductions": made.pending,
            "owed_fen": made.owed_fen, "by_fund_fen": by_fund,
            "undeclared_fen": made.undeclared_fen, "closed_on": made.closed_on,
            "due_on": made.due_on, "period": made.period,
        }  # fmt: skip
        return Found(made.stage.value, facts, is_open=made.stage is not Stage.CONFIRMED)

    return StateKind(
        "month",
        f"declaration/{institution}/",
        "declared month: what was asked for, set aside, deducted, confirmed; open until it is"
        " confirmed",
        read,
    )


def declared(institution: str) -> ReceiptKind:
    """What of a month its institution declared in one call: the settlements and refunds by id,
    with amounts that the ledger found equal to its own."""

    def read(name: str, facts: ReceiptFacts) -> Found:
        receipt, call = facts.receipt, facts.call
        month = name[:7]
        named = f"{month}.{receipt.tx_id.hex()}.{receipt.call_index}"
        is_it = (call.contract, call.method) == ("declaration", "declare") and name == named
        sender = facts.transaction.body.sender
        if not is_it or receipt.status != OK or sender != institution:
            raise other_subject("declared", name)
        if call.args["month"] != month:
            raise other_subject("declared", name)
        rows = [
            [row["settlement"], row["total_fen"], row["funds_fen"], row["accounts_fen"]]
            for row in call.args["rows"]
        ]
        shown = {
            "month": month, "settlements": len(rows), "rows": rows,
            "total_fen": sum(row[1] for row in rows),
            "declared_fen": sum(row[2] + row[3] for row in rows),
        }  # fmt: skip
        return Found("declared", shown)

    return ReceiptKind(
        "declared", "call that declared rows of a month: settlements and refunds by id", read
    )
