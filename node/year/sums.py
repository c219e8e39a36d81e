"""What all postings come to, added up one by one as the receipts are read.

Nothing here is taken from a balance: the year's end compares these sums with the state's balances,
and the whole with zero. Accounts of persons are added up by their area.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from sys import intern

from contracts.regions import province
from contracts.settlement import funds_chart as chart
from node.ledger.receipt import OK, Receipt
from node.year.ledger import ReadState

Key = tuple[str, str]
"""(account, fund type)."""

INCOME_OF = ("fund:", "clearing:", "benefit:")
"""Accounts of which the report tells what came in beside what is left."""


@dataclass(slots=True)
class Sums:
    """Everything that was posted, by account and fund type, and how many calls came to what."""

    balances: dict[Key, int] = field(default_factory=lambda: defaultdict(int))
    into: dict[Key, int] = field(default_factory=lambda: defaultdict(int))
    """What was posted to accounts ``INCOME_OF``, without what was taken from them."""
    postings: int = 0
    calls: Counter[str] = field(default_factory=Counter)
    """Events by topic: ``claim.settled`` and so on."""
    refused: Counter[str] = field(default_factory=Counter)

    def read(self, receipt: Receipt) -> None:
        """Add one receipt."""
        if receipt.status != OK:
            self.refused[receipt.code] += 1
            return
        for event in receipt.events:
            self.calls[event.topic] += 1
        for leg in receipt.postings:
            # Texts of a receipt are new; of a thousand alike one is kept.
            key = (intern(_shown(leg.account)), intern(leg.fund_type))
            self.balances[key] += leg.amount_fen
            if leg.amount_fen > 0 and key[0].startswith(INCOME_OF):
                self.into[key] += leg.amount_fen
            self.postings += 1

    def imbalance(self) -> int:
        """What all postings leave open, without sign, over fund types: 0."""
        by_fund: dict[str, int] = defaultdict(int)
        for (_, fund), amount in self.balances.items():
            by_fund[fund] += amount
        return sum(abs(amount) for amount in by_fund.values())

    def differing(self, state: ReadState) -> list[str]:
        """Accounts whose balance in the state is not what their postings sum to. Those of persons
        are left out: the state has each for itself."""
        kept = [key for key in self.balances if not key[0].startswith(("person:", "wallet:"))]
        keys = list({chart.entry_of(account)[1] for account, _ in kept})
        entries = dict(zip(keys, state(keys), strict=True))

        def held(account: str, fund: str) -> int:
            kind, key = chart.entry_of(account)
            return int((entries[key] or {}).get(kind.name, {}).get(fund, 0))

        return [
            account for account, fund in kept if held(account, fund) != self.balances[account, fund]
        ]

    def of_kind(self, kind: str) -> dict[str, dict[str, int]]:
        """Balances of all accounts of a kind: owner -> fund type -> fen."""
        found: dict[str, dict[str, int]] = {}
        for (account, fund), amount in sorted(self.balances.items()):
            if account.startswith(f"{kind}:"):
                found.setdefault(account.partition(":")[2], {})[fund] = amount
        return found

    def pairs(self) -> list[tuple[str, str, int, int]]:
        """(home, care, fen that flowed, fen still owed) of every pair of provinces."""
        rows = []
        owed: dict[str, int] = defaultdict(int)
        moved: dict[str, int] = defaultdict(int)
        for (account, fund), amount in self.balances.items():
            kind, _, pair = account.partition(":")
            if kind == "clearing":
                owed[pair] += amount
                moved[pair] += self.into[account, fund]
        for pair in sorted(moved):
            home, _, care = pair.partition("->")
            rows.append((home, care, moved[pair], owed[pair]))
        return rows

    def by_province(self, kind: str) -> dict[str, int]:
        """Balances of the accounts of areas of a kind, by province."""
        found: dict[str, int] = defaultdict(int)
        for area, funds in self.of_kind(kind).items():
            found[province(area)] += sum(funds.values())
        return dict(found)


def _shown(account: str) -> str:
    """``person:p:430100:7:account`` -> ``person:430100``; all others as they are."""
    if account.startswith(("person:", "wallet:")):
        kind = account.partition(":")[0]
        return f"{kind}:{chart.owner_of(account).split(':')[1]}"
    return account
