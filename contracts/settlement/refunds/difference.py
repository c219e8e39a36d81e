"""Who pays less and who pays more once a settlement is decided again, payer by payer.

Rows stand in the order in which money comes back: the last payer first, as a reversal posts it.
"""

from __future__ import annotations

from contracts.quick import quick
from contracts.settlement.cover_record import AT_ONCE
from contracts.settlement.records import Settled
from contracts.settlement.terms import COMMERCIAL, PAYER_COMMERCIAL, PAYER_FUND, PAYER_WAIVER

ACCOUNT, WALLET, RELATIVE, CREDIT, CASH = "account", "wallet", "relative", "credit", "cash"
"""Payers of the person's part, beside those of ``terms``."""

_SUMS = ("total_fen", "own_expense_fen", "over_ceiling_fen", "first_pay_fen", "in_scope_fen")
_PAID_BY = {
    PAYER_FUND: "funds_fen",
    PAYER_COMMERCIAL: "commercial_fen",
    PAYER_WAIVER: "hospital_share_fen",
}


@quick(frozen=True, slots=True)
class Difference:
    """What one payer paid and pays now; fen."""

    payer: str
    """``fund``, ``commercial``, ``waiver`` or one of the person's own."""
    name: str
    """The fund's type, the insurer, the relative or the bank; empty where it is one of its kind."""
    before_fen: int
    after_fen: int

    @property
    def own(self) -> bool:
        """Whether it is a part of the person's."""
        return self.payer in (ACCOUNT, WALLET, RELATIVE, CREDIT, CASH)

    def told(self) -> dict[str, str | int]:
        """For answers and explanations."""
        return {
            "payer": self.payer,
            "name": self.name,
            "before_fen": self.before_fen,
            "after_fen": self.after_fen,
        }


def payers_of(settled: Settled | None) -> dict[tuple[str, str], int]:
    """What each payer of a settlement pays, first payer first; nothing of none."""
    if settled is None:
        return {}
    paid: dict[tuple[str, str], int] = {}
    for fund, payer, amount in settled.payments:
        paid[payer, fund] = paid.get((payer, fund), 0) + amount
    for part in settled.covers:
        if part.pays == AT_ONCE and part.amount_fen:
            # The payments have one sum for all products; each insurer gives its own.
            paid[PAYER_COMMERCIAL, COMMERCIAL] -= part.amount_fen
            whose = (PAYER_COMMERCIAL, part.insurer)
            paid[whose] = paid.get(whose, 0) + part.amount_fen
    if not paid.get((PAYER_COMMERCIAL, COMMERCIAL), 1):
        del paid[PAYER_COMMERCIAL, COMMERCIAL]
    own = settled.own
    account = settled.account_fen - own.wallet_fen - own.family_fen
    shares = [(ACCOUNT, "", account), (WALLET, "", own.wallet_fen)]
    shares += [(RELATIVE, owner, amount) for owner, _, amount in own.relatives]
    shares += [(CREDIT, own.bank, own.credit_fen), (CASH, "", settled.cash_fen)]
    for payer, name, amount in shares:
        if amount:
            paid[payer, name] = paid.get((payer, name), 0) + amount
    return paid


def differences(before: Settled, after: Settled | None) -> list[Difference]:
    """Every payer of either settlement, the last one first."""
    old, new = payers_of(before), payers_of(after)
    rows = [
        Difference(payer, name, old.get((payer, name), 0), new.get((payer, name), 0))
        for payer, name in {**new, **old}
    ]
    rows.sort(key=lambda row: _ORDER.index(row.payer), reverse=True)
    return rows


_ORDER = (
    PAYER_FUND, PAYER_COMMERCIAL, PAYER_WAIVER, ACCOUNT, WALLET, RELATIVE, CREDIT, CASH,
)  # fmt: skip


def paid_back_fen(rows: list[Difference]) -> int:
    """What the person gets back in all, from whichever of the own payers it came."""
    return sum(max(0, row.before_fen - row.after_fen) for row in rows if row.own)


def owed_fen(rows: list[Difference]) -> int:
    """What the person pays more: in cash, since no other payer gives more than it gave."""
    return sum(max(0, row.after_fen - row.before_fen) for row in rows if row.own)


def amounts_of(settled: Settled) -> dict[str, int]:
    """The money of a settlement under the names that its receipt has."""
    amounts = dict(zip(_SUMS, settled.sums, strict=True))
    amounts |= dict.fromkeys(_PAID_BY.values(), 0)
    for fund, payer, amount in settled.payments:
        for name in (_PAID_BY[payer], f"fund_{fund}_fen"):
            amounts[name] = amounts.get(name, 0) + amount
    return amounts | {
        "person_fen": settled.person_fen,
        "account_fen": settled.account_fen,
        "credit_fen": settled.own.credit_fen,
        "cash_fen": settled.cash_fen,
    }


def net_amounts(before: Settled, after: Settled | None) -> dict[str, int]:
    """What a receipt says that holds a reversal and a settlement: the new less the old."""
    old = amounts_of(before)
    new = {} if after is None else amounts_of(after)
    return {name: new.get(name, 0) - old.get(name, 0) for name in {**old, **new}}
