"""A month at one node, as a hospital, two finance departments and an insurer live through it.

What each of them is to know is written down here by hand, in fen.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from tests.cli.month_desk import (
    FINANCE_GUANGDONG,
    FINANCE_GUANGZHOU,
    FINANCE_HUNAN,
    JUNE,
)
from tests.cli.month_desk import Desk as Month
from tests.contracts.settlement.claim_world import BED, line
from tests.contracts.world import (
    BANK,
    BUREAU_GUANGDONG,
    BUREAU_GUANGZHOU,
    BUREAU_HUNAN,
    CENTRE,
    HOSPITAL,
)
from tests.node.member.desk import OTHER_BANK, Desk

ONE, TWO, BACK, LATE = (f"H44010000123-m-{number}" for number in range(1, 5))
REFUND = f"{BACK}-r"
JULY = "2025-07"
MONTH_NOTICE = f"institution:{JUNE}:{HOSPITAL}"
CLEARING = f"clearing:{JUNE}:430000:440000"
DECIDED, WAITING = "440100-d1", "440100-d2"

FUNDS = 59_500 + 17_000
"""Of bills of 1,000.00 and 200.00; a third one of 100.00 was taken back."""
DEDUCTED = 500
OWED = FUNDS - DEDUCTED
CAME_BACK = 6_000


class Story:
    """The ledger, and member nodes of any of its organisations."""

    def __init__(self, folder: Path) -> None:
        self.month = month = Month(folder / "node", parties=((OTHER_BANK, "bank", "000000"),))
        month.settle(ONE, [line(1, BED, 100_000)])
        month.settle(TWO, [line(1, BED, 20_000)])
        month.settle(BACK, [line(1, BED, 10_000)])
        month.claims.reverse(BACK)
        month.on("2025-07-02").declare()
        month.deduct(DECIDED, ONE, [struck(DEDUCTED + 100)])
        month.decide(DECIDED, DEDUCTED)
        assert month.confirm() == OWED
        month.do(CENTRE, "clearing", "cut", {"period": JUNE}, "finance")
        for bureau in (BUREAU_HUNAN, BUREAU_GUANGDONG):
            word = {"period": JUNE, "home": "430000", "care": "440000", "amount_fen": OWED}
            month.do(bureau, "clearing", "confirm", word, "finance")
        self.first = month.pay(FINANCE_GUANGZHOU, MONTH_NOTICE, OWED, "2025-07-02")
        back = {"payment": self.first, "amount_fen": CAME_BACK, "reference": "B-1",
                "value_on": "2025-07-03", "reason": "limit"}  # fmt: skip
        month.on("2025-07-03").do(BANK, "payment", "send_back", back, "operator")
        self.rest = f"{FINANCE_GUANGZHOU}:9"
        self.order(self.rest, MONTH_NOTICE, CAME_BACK, FINANCE_GUANGZHOU)
        self.across = f"{FINANCE_HUNAN}:8"
        self.order(self.across, CLEARING, OWED, FINANCE_HUNAN)
        month.settle(LATE, [line(1, BED, 40_000)])
        month.on("2025-08-01").declare(JULY)
        month.deduct(WAITING, LATE, [struck(700)])
        self.folder = folder
        self.desk = Desk(folder, world=month.world)

    def order(self, payment: str, notice: str, fen: int, payer: str) -> None:
        """A payment between two banks that waits for them."""
        order = {"payment": payment, "notice": notice, "amount_fen": fen, "bank": BANK,
                 "payee_bank": OTHER_BANK}  # fmt: skip
        self.month.do(payer, "payment", "order", order, "finance")
        self.month.do(payer, "payment", "approve", {"payment": payment}, "checker")

    def at(self, organisation: str, *bends: Any) -> Desk:
        """A new member node of an organisation; a door for each bend."""
        desk = self.desk.fresh(self.folder / "exchange", *bends)
        desk.organisation = organisation
        return desk

    def close(self) -> None:
        self.month.close()


def struck(fen: int) -> dict[str, Any]:
    return {"line": "1", "line_fen": 30_000, "amount_fen": fen, "reason": "not_done"}


def hides(*names: str) -> Any:
    """A node whose list leaves out some kinds, and what has a word in its name."""

    def bend(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        if not request.url.path.endswith("/changes") or answer.status_code >= 400:
            return answer
        document = answer.json()
        document["changes"] = [
            row for row in document["changes"]
            if row["kind"] not in names and not any(name in row["name"] for name in names)
        ]  # fmt: skip
        return httpx.Response(answer.status_code, json=document)

    return bend


__all__ = [
    "BUREAU_GUANGZHOU", "FINANCE_GUANGDONG", "FINANCE_GUANGZHOU", "FINANCE_HUNAN", "HOSPITAL",
    "JUNE", "Story", "hides",
]  # fmt: skip
