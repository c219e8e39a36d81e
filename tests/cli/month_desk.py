"""A month over a real node, for the commands that look at it: settled, declared, audited, paid.

The people are those of ``month_world``; here each of their calls is a signed transaction, and what
they look at afterwards is what the commands print.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from contracts.api import Value
from contracts.settlement.calendar import start_of_day_ms
from tests.cli.screens import Screens
from tests.contracts.settlement.claim_world import (
    EMPLOYEE_POLICY,
    ClaimWorld,
    catalogue_rows,
    visit,
)
from tests.contracts.settlement.cover_world import (
    ACCOUNT,
    CARD,
    INSURER,
    LATER_PRODUCT,
    PRODUCT,
)
from tests.contracts.settlement.funds_world import enrol
from tests.contracts.settlement.insurer_world import A_TENTH
from tests.contracts.world import (
    ALICE,
    BANK,
    BUREAU_CHANGSHA,
    BUREAU_GUANGZHOU,
    CENTRE,
    HOSPITAL,
    NOON_MS,
)
from tests.node.api.real import PARTIES, NodeWorld

FINANCE_HUNAN, FINANCE_GUANGDONG = "finance:430000", "finance:440000"
FINANCE_GUANGZHOU = "finance:440100"
JUNE = "2025-06"
MONTH = {"institution": HOSPITAL, "month": JUNE}
MORE = (
    (FINANCE_HUNAN, "finance", "430000"),
    (FINANCE_GUANGDONG, "finance", "440000"),
    (FINANCE_GUANGZHOU, "finance", "440100"),
)


class Desk:
    """Everybody who has to do with the month, at one node."""

    def __init__(self, folder: Path, parties: Sequence[tuple[str, str, str]] = ()) -> None:
        self.world = NodeWorld(folder, parties=(*PARTIES, *MORE, *parties))
        self.screens = Screens(self.world)
        speak: Any = self.world
        self.claims = ClaimWorld(speak, self.world.genesis.chain)
        self.claims.publish("2025.1", "2025-01-01", catalogue_rows())
        enrol(speak)
        self.claims.deploy("310", EMPLOYEE_POLICY)
        self.claims.file()
        self.do(CENTRE, "clearing", "open", {"period": JUNE}, "finance")
        self.payments = 0

    def do(
        self, sender: str, contract: str, method: str, args: dict[str, Any], post: str, **more: Any
    ) -> Any:
        """A call that must succeed; gives its answer."""
        return self.world.do(sender, contract, method, args, post=post, **more).answer

    def refused(
        self, code: str, sender: str, contract: str, method: str, args: dict[str, Any], post: str
    ) -> None:
        self.world.refused(code, sender, contract, method, args, post=post)

    def on(self, date: str) -> Desk:
        self.world.clock.ms = max(start_of_day_ms(date) + NOON_MS, self.world.clock.ms)
        return self

    def settle(self, name: str, lines: list[list[Value]], given: Any = None, **more: Any) -> str:
        self.claims.settle(name, lines, given or visit(), **more)
        return name

    def rows(self, month: str = JUNE) -> list[dict[str, Any]]:
        """The ledger's rows of a month, as the institution would declare them."""
        path = f"/v1/institutions/{HOSPITAL}/rows/{month}"
        with self.screens.client(HOSPITAL, "finance") as client:
            rows: list[dict[str, Any]] = client.get(path)["rows"]
        return rows

    def declare(self, month: str = JUNE) -> None:
        """Declare what the ledger has of a month and close it."""
        rows = self.rows(month)
        sums = ("total_fen", "funds_fen", "accounts_fen")
        plain = [
            {"settlement": row["settlement"], **{name: int(row[name]) for name in sums}}
            for row in rows
        ]
        self.do(HOSPITAL, "declaration", "declare", {"month": month, "rows": plain}, "finance")
        totals: dict[tuple[str, ...], dict[str, Any]] = {}
        for row in rows:
            group = {name: row[name] for name in ("scheme", "clearing_type", "agency")}
            into = totals.setdefault(
                tuple(group.values()), group | {"settlements": 0} | dict.fromkeys(sums, 0)
            )
            into["settlements"] += 1
            for name in sums:
                into[name] += int(row[name])
        closing = {"month": month, "totals": list(totals.values())}
        self.do(HOSPITAL, "declaration", "close", closing, "finance")

    def deduct(self, deduction: str, claim: str, lines: list[dict[str, Any]]) -> None:
        """Notice of a deduction."""
        args = {"deduction": deduction, "claim": claim,
                "amount_fen": sum(row["amount_fen"] for row in lines)}  # fmt: skip
        attached = {"audit": {"lines": lines}}
        self.do(BUREAU_GUANGZHOU, "audit", "notice", args, "audit", attachments=attached)

    def decide(self, deduction: str, amount_fen: int, **more: Any) -> None:
        """The institution objects, a second person decides."""
        said = {"deduction": deduction, "answer": "object"}
        self.do(HOSPITAL, "audit", "answer", said, "clerk")
        args = {"deduction": deduction, "amount_fen": amount_fen}
        self.do(BUREAU_GUANGZHOU, "audit", "decide", args, "checker", **more)

    def confirm(self, month: str = JUNE) -> int:
        """The bureau confirms a declared month; gives what is owed, fen."""
        which = {"institution": HOSPITAL, "month": month}
        answer = self.do(BUREAU_GUANGZHOU, "declaration", "audit", which, "audit")
        owed = int(answer["owed_fen"])
        which |= {"amount_fen": owed}
        self.do(BUREAU_GUANGZHOU, "declaration", "confirm", which, "checker")
        return owed

    def order(self, payer: str, notice: str, fen: int, bank: str = BANK) -> str:
        """Maker and checker; gives the payment."""
        self.payments += 1
        payment = f"{payer}:{self.payments}"
        if not payer.startswith("finance:"):
            payment = f"{payer.partition(':')[2]}-{self.payments}"
        args = {"payment": payment, "notice": notice, "amount_fen": fen, "bank": bank}
        self.do(payer, "payment", "order", args, "finance")
        self.do(payer, "payment", "approve", {"payment": payment}, "checker")
        return payment

    def pay(self, payer: str, notice: str, fen: int, on: str) -> str:
        """Maker, checker and bank; gives the payment, whose reference is ``R-<number>``."""
        payment = self.order(payer, notice, fen)
        told = {"payment": payment, "amount_fen": fen, "reference": f"R-{self.payments}",
                "value_on": on}  # fmt: skip
        self.do(BANK, "payment", "confirm", told, "operator")
        return payment

    def close(self) -> None:
        self.world.close()


def insure(desk: Desk) -> None:
    """Alice holds two products of one insurer that pay a tenth each, one at once, one later."""
    held = {"cover": {"from": "2025-01-01", "to": "2025-12-31"}}
    for product, pays in ((PRODUCT, "at_once"), (LATER_PRODUCT, "later")):
        rule = {"product": product, "effective_from": "2025-01-01", "pays": pays,
                "source": A_TENTH}  # fmt: skip
        desk.do(INSURER, "cover", "deploy", rule, "checker")
        named = {"product": product, "person": ALICE}
        desk.do(INSURER, "cover", "enrol", named, "clerk", attachments=held)
        said = named | {"scope": "amounts", "to": "2025-12-31", "account": ACCOUNT,
                        "presence": CARD}  # fmt: skip
        desk.do(BUREAU_CHANGSHA, "cover", "authorise", said, "clerk")
