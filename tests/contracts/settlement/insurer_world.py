"""A month in which insurers owe: the month world with two products of one insurer and one of
another, which Alice holds and has authorised."""

from __future__ import annotations

from typing import Any

from contracts.runtime import Outcome
from contracts.settlement.clearing import insurer_record, notice_record, statement_record
from tests.contracts.settlement.cover_world import INSURER, CoverWorld
from tests.contracts.settlement.month_world import (
    BANK_GUANGDONG,
    FINANCE_GUANGDONG,
    GUANGZHOU,
    HUNAN,
    JUNE,
    Month,
    make_month,
)
from tests.contracts.world import ALICE, BANK, BUREAU_GUANGZHOU

OTHER_INSURER = "insurer:taibao"
OTHER_PRODUCT = f"{OTHER_INSURER}:own"
SECOND_PRODUCT = f"{INSURER}:second"
A_TENTH = """
def settle(case):
    pay = part(case["open"]["in_scope_fen"], "10%")
    return {"payments": [payment("commercial", pay, "inside", "in_scope")]}
"""
A_THIRD = A_TENTH.replace('"10%"', '"33.3%"')
NOTICE = f"cover:{JUNE}:{INSURER}:{GUANGZHOU}"


class InsurerMonth:
    """What insurers, the place of care and banks say to each other, as calls."""

    def __init__(self, *, others: bool = False) -> None:
        self.month: Month = make_month()
        self.cover = CoverWorld(self.month.claims)
        self.cover.insure(A_TENTH)
        if others:
            key = {"id": OTHER_INSURER, "kind": "insurer", "region": HUNAN}
            state = self.month.state
            state.put(f"org/{OTHER_INSURER}", state.get(f"org/{INSURER}") | key)
            self.cover.insure(A_THIRD, SECOND_PRODUCT)
            self.cover.deploy(A_THIRD, OTHER_PRODUCT, sender=OTHER_INSURER)
            self.cover.enrol(OTHER_PRODUCT, ALICE, sender=OTHER_INSURER)
            self.cover.authorise(OTHER_PRODUCT)

    def owed(self, insurer: str = INSURER) -> int:
        """What an insurer owes by its account."""
        return -self.month.of_fund(f"commercial:{insurer}", "commercial")

    def stated(
        self, period: str = JUNE, insurer: str = INSURER, place: str = GUANGZHOU
    ) -> statement_record.Statement:
        return statement_record.load(self.month.state, period, insurer, place)

    def notice(self, notice: str = NOTICE) -> notice_record.Notice:
        return notice_record.load(self.month.state, notice)

    def due(self, side: str = INSURER) -> tuple[str, ...]:
        return insurer_record.due_months(self.month.state, side)

    def confirm(
        self, period: str = JUNE, *, insurer: str = INSURER, who: str = "", refused: str = "",
        **given: Any,
    ) -> Outcome:  # fmt: skip
        """The insurer's word, or another one's."""
        args: dict[str, Any] = {"period": period, "home": insurer, "care": GUANGZHOU} | given
        if "amount_fen" not in args:
            key = f"statement/{period}/{args['home']}/{args['care']}"
            value = self.month.state.get(key)
            args["amount_fen"] = sum(value[0].values()) if value else 1
        sender = who or insurer
        world = self.month.world
        if refused:
            return world.refused(refused, sender, "clearing", "confirm", args, post="finance")
        return world.do(sender, "clearing", "confirm", args, post="finance")

    def order(
        self, payment: str, notice: str = NOTICE, *, payer: str = INSURER, refused: str = "",
        **given: Any,
    ) -> Outcome:  # fmt: skip
        args: dict[str, Any] = {"payment": payment, "notice": notice, "bank": BANK,
                                "payee_bank": BANK_GUANGDONG} | given  # fmt: skip
        if "amount_fen" not in args:
            args["amount_fen"] = self.notice(notice).open_fen
        world = self.month.world
        if refused:
            return world.refused(refused, payer, "payment", "order", args, post="finance")
        return world.do(payer, "payment", "order", args, post="finance")

    def approve(self, payment: str, *, payer: str = INSURER, refused: str = "") -> Outcome:
        args = {"payment": payment}
        world = self.month.world
        if refused:
            return world.refused(refused, payer, "payment", "approve", args, post="checker")
        return world.do(payer, "payment", "approve", args, post="checker")

    def line(self, reference: str, order: str, amount_fen: int, **given: Any) -> Outcome:
        """A line of the payer's bank's statement."""
        args: dict[str, Any] = {
            "reference": reference, "order": order, "direction": "out", "amount_fen": amount_fen,
            "value_on": "2025-07-01",
        } | given  # fmt: skip
        sender = args.pop("bank", BANK)
        refused = args.pop("refused", "")
        world = self.month.world
        if refused:
            return world.refused(refused, sender, "bank", "line", args, post="operator")
        return world.do(sender, "bank", "line", args, post="operator")

    def stated_month(self, *amounts_fen: int) -> list[str]:
        """Settlements of these amounts, declared and confirmed in July, and June cut off."""
        names = [self.month.settle(n, fen) for n, fen in enumerate(amounts_fen, start=1)]
        self.month.on("2025-07-01").declared_and_confirmed(*names)
        self.month.on("2025-07-21").cut()
        return names


__all__ = ["BUREAU_GUANGZHOU", "FINANCE_GUANGDONG", "InsurerMonth"]
