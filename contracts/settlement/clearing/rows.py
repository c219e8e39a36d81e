"""A row of a declaration against the ledger, and two lists of rows against each other.

The national interface compares in two steps: 3201 sums by scheme, clearing type and agency, then,
where the sums differ, 3202 names the settlements. A refund is two rows, the settlement's own and a
negative one under the refund's id. Three kinds of difference: a settlement that only the ledger
has, one that only the institution has, one with another amount.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from contracts.api import State
from contracts.settlement.clearing.clearing_types import clearing_type
from contracts.settlement.clearing.declaration_record import Totals
from contracts.settlement.clearing.months import month_of_ms
from contracts.settlement.records import Claim, Reversal, is_reversal
from contracts.settlement.terms import PAYER_FUND

Sums = tuple[int, int, int]
"""(bill, insurance funds, accounts), fen: ``medfee_sumamt``, ``fund_pay_sumamt``, ``acct_pay``."""

ONLY_OURS, ONLY_THEIRS, AMOUNT = "only-ours", "only-theirs", "amount-differs"
"""The three kinds of difference, seen from the ledger."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A settlement or a refund as the ledger has it."""

    id: str
    claim_id: str
    """The settlement; for a refund the one that it takes back."""
    claim: Claim
    reversal: Reversal | None
    """The refund that the row is; None for a settlement's own row."""

    @property
    def sign(self) -> int:
        """1 for a settlement, -1 for a refund."""
        return 1 if self.reversal is None else -1

    def is_of(self, tx_id: bytes, call_index: int) -> bool:
        """Whether this very call settled it or took it back."""
        if self.reversal is not None:
            return self.reversal.tx_id == tx_id
        settled = self.claim.settled
        return settled is not None and (settled.tx_id, settled.call_index) == (tx_id, call_index)

    @property
    def month(self) -> str:
        """Month of the settlement's or the refund's own time."""
        if self.reversal is not None:
            return month_of_ms(self.reversal.time_ms)
        assert self.claim.settled is not None, "an entry is settled"
        return month_of_ms(self.claim.settled.time_ms)

    @property
    def declared(self) -> str:
        """Month under which this row is declared; empty while it is not."""
        if self.reversal is not None:
            return self.reversal.month
        return self.claim.declared.month if self.claim.declared is not None else ""

    @property
    def invoices(self) -> tuple[tuple[str, str], ...]:
        """(code, number) of what was printed for the patient."""
        settled = self.claim.settled
        assert settled is not None, "an entry is settled"
        return settled.invoices

    def sums(self) -> Sums:
        """What the row comes to."""
        settled = self.claim.settled
        assert settled is not None, "an entry is settled"
        funds = sum(fen for _, payer, fen in settled.payments if payer == PAYER_FUND)
        bill, accounts = settled.sums[0], settled.account_fen
        return self.sign * bill, self.sign * funds, self.sign * accounts

    def group(self) -> str:
        """``scheme/clearing type/agency`` that the row is summed under; the agency is the insured
        place's."""
        claim = self.claim
        kind = clearing_type(claim.scheme, claim.visit.care_kind, claim.area, claim.care)
        return f"{claim.scheme}/{kind}/{claim.area}"


def find_entry(state: State, row_id: str) -> Entry | None:
    """The settlement or refund of an id; None where the ledger has none that is settled."""
    value = state.get(f"claim/{row_id}")
    if value is None:
        return None
    if not is_reversal(value):
        claim = Claim.decode(value)
        return None if claim.settled is None else Entry(row_id, row_id, claim, None)
    reversal = Reversal.decode(value)
    claim = Claim.decode(state.get(f"claim/{reversal.claim}"))
    return Entry(row_id, reversal.claim, claim, reversal)


def add_to_totals(totals: Totals, group: str, sums: Sums) -> None:
    """Count one row into its group, in place."""
    row = totals.setdefault(group, [0, 0, 0, 0])
    for place, amount in enumerate((1, *sums)):
        row[place] += amount


def differing_groups(ours: Totals, theirs: Totals) -> list[tuple[str, list[int], list[int]]]:
    """Groups whose sums differ, ascending, with both sums; a group that one side lacks has none."""
    nothing = [0, 0, 0, 0]
    return [
        (group, ours.get(group, nothing), theirs.get(group, nothing))
        for group in sorted({*ours, *theirs})
        if ours.get(group, nothing) != theirs.get(group, nothing)
    ]


@dataclass(frozen=True, slots=True)
class Difference:
    """One settlement on which the two sides do not agree."""

    kind: str
    """``only-ours``, ``only-theirs`` or ``amount-differs``."""
    id: str
    ours: Sums | None
    theirs: Sums | None


def compare(ours: Mapping[str, Sums], theirs: Iterable[tuple[str, Sums]]) -> list[Difference]:
    """The exact settlements on which two lists differ, ascending by id.

    The order of the rows says nothing; an id that ``theirs`` has twice differs the second time.
    """
    found: list[Difference] = []
    seen: set[str] = set()
    for row_id, sums in theirs:
        known = ours.get(row_id)
        if known is None or row_id in seen:
            found.append(Difference(ONLY_THEIRS, row_id, None, sums))
        elif known != sums:
            found.append(Difference(AMOUNT, row_id, known, sums))
        seen.add(row_id)
    found += [
        Difference(ONLY_OURS, row_id, sums, None)
        for row_id, sums in ours.items()
        if row_id not in seen
    ]
    return sorted(found, key=lambda one: (one.id, one.kind))
