"""A second opinion on refunds: plain numbers, one page, no code of ours.

One person, one policy: after a yearly deductible of 300.00 (1,200.00 for a stay) the fund pays
85 %, without a filing 65 %, at most 100,000.00 a year. The account pays if it was chosen, cash pays
the rest. Everything is computed from the list of what happened; nothing is carried on.
"""

from __future__ import annotations

from dataclasses import dataclass, field

CAP = 10_000_000
PIECES = 3


@dataclass
class Care:
    """A settlement, or a piece of care at home when ``bill`` is None."""

    name: str
    at: int
    stay: bool = False
    account: bool = False
    piece_fen: int = 0
    """What one of the three pieces in scope costs."""
    own_fen: int = 0
    """What no fund pays."""
    pieces: int = PIECES
    live: bool = True
    fund: int = 0
    from_account: int = 0
    cash: int = 0
    used: int = 0
    """Of the deductible."""


@dataclass
class Dumb:
    """What there must be, whatever the ledger says."""

    balance: int
    """Of the person's account, before anything."""
    filed: bool = False
    cares: list[Care] = field(default_factory=list)
    home: list[tuple[int, int]] = field(default_factory=list)
    """(time, deductible) of care at home."""

    def left_on_account(self) -> int:
        return self.balance - sum(c.from_account for c in self.cares if c.live)

    def deductible(self) -> int:
        return sum(c.used for c in self.cares if c.live) + sum(fen for _, fen in self.home)

    def pool(self) -> int:
        return sum(c.fund for c in self.cares if c.live)

    def cash(self) -> int:
        return sum(c.cash for c in self.cares if c.live)

    def first(self, care: Care) -> None:
        """Settled for the first time: behind all others."""
        self.cares.append(care)
        self.judge(care, self.left_on_account(), late=True)

    def again(self, care: Care) -> None:
        """Settled again in its own place, with no more from the account than before."""
        self.judge(care, care.from_account, late=False)

    def judge(self, care: Care, on_account: int, *, late: bool) -> None:
        earlier = [c for c in self.cares[: self.cares.index(care)] if c.live]
        used = sum(c.used for c in earlier)
        used += sum(fen for at, fen in self.home if late or at <= care.at)
        bill = care.piece_fen * care.pieces
        care.used = min(bill, max(0, (120_000 if care.stay else 30_000) - used))
        percent = 85 if self.filed else 65
        share = ((bill - care.used) * percent + 50) // 100
        care.fund = min(share, max(0, CAP - sum(c.fund for c in earlier)))
        part = bill + care.own_fen - care.fund
        # An account pays for what is in scope only, where the policy says no more.
        care.from_account = min(bill - care.fund, on_account) if care.account else 0
        care.cash = part - care.from_account
