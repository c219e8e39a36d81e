"""What a settlement owes its institution, by area, scheme and fund: the cells of a declaration.

The amounts are those of the settlement's own postings into the institution's payable, less what
audits took off; a refund is the same with the other sign. So what is declared and what is not
always make up the payable's balance.
"""

from __future__ import annotations

from collections.abc import Mapping

from contracts.regions import province
from contracts.settlement import funds_chart as chart
from contracts.settlement.claim_postings import bill_of
from contracts.settlement.clearing.declaration_record import Cells
from contracts.settlement.cover_record import AT_ONCE
from contracts.settlement.funds_book import Leg
from contracts.settlement.records import Claim
from contracts.settlement.terms import COMMERCIAL, PAYER_FUND, PERSONAL_ACCOUNT


def cells_of(claim: Claim) -> Cells:
    """``area/scheme/fund type`` -> fen of one settled claim, deductions taken off."""
    assert claim.settled is not None, "only a settlement owes anything"
    bill = bill_of(claim, claim.settled)
    rows = [(claim.area, fund, fen) for fund, fen in (*bill.funds, *bill.commercial)]
    rows += [(claim.area, COMMERCIAL, fen) for _, fen in bill.covers]
    own = bill.account_fen + bill.own.wallet_fen
    rows.append((claim.area, PERSONAL_ACCOUNT, own))
    rows += [(area, PERSONAL_ACCOUNT, fen) for _, area, fen in bill.own.relatives]
    if claim.declared is not None:
        rows += [(claim.area, fund, -fen) for fund, fen in claim.declared.deducted]
    cells: Cells = {}
    for area, fund, fen in rows:
        if fen:
            key = f"{area}/{claim.scheme}/{fund}"
            cells[key] = cells.get(key, 0) + fen
    return cells


def deducted_fen(claim: Claim) -> int:
    """What audits have taken off a settlement."""
    return 0 if claim.declared is None else sum(fen for _, fen in claim.declared.deducted)


PAID, REFUNDED = "paid", "refunded"
"""What a product's amount in a statement is: gross, so what was refunded stands beside it."""


def covers_of(claim: Claim, sign: int = 1) -> Cells:
    """``insurer/product/paid`` -> fen that products pay within a settlement; of a refund (``sign``
    -1) ``insurer/product/refunded``, below zero."""
    assert claim.settled is not None, "only a settlement is paid by anybody"
    how = PAID if sign > 0 else REFUNDED
    cells: Cells = {}
    for part in claim.settled.covers:
        if part.pays == AT_ONCE and part.amount_fen:
            add(cells, {f"{part.insurer}/{part.product}/{how}": part.amount_fen}, sign)
    return cells


def add(cells: Cells, more: Mapping[str, int], sign: int) -> None:
    """Add to the cells in place."""
    for key, fen in more.items():
        cells[key] = cells.get(key, 0) + sign * fen


def by_fund(cells: Mapping[str, int]) -> dict[str, int]:
    """Fen by fund type, ascending, zeros left out."""
    sums: dict[str, int] = {}
    for key, fen in sorted(cells.items()):
        fund = key.rpartition("/")[2]
        sums[fund] = sums.get(fund, 0) + fen
    return {fund: fen for fund, fen in sorted(sums.items()) if fen}


def deductible(claim: Claim) -> list[tuple[str, int]]:
    """(fund type, fen) that an audit may still take off: what funds pay, last payer first."""
    assert claim.settled is not None, "only a settlement can be audited"
    taken = dict(claim.declared.deducted) if claim.declared is not None else {}
    left: dict[str, int] = {}
    for fund, payer, fen in reversed(claim.settled.payments):
        if payer == PAYER_FUND:
            left[fund] = left.get(fund, 0) + fen
    return [(fund, fen - taken.get(fund, 0)) for fund, fen in left.items()]


def deduction_legs(claim: Claim, amounts: Mapping[str, int]) -> list[Leg]:
    """Postings of a deduction: the money returns to its fund, the institution bears the amount.

    The settlement's own way backwards, so that clearing and payable fall by the same amount; the
    patient's share is not touched.
    """
    home, care = province(claim.area), province(claim.care)
    legs: list[Leg] = []
    for fund, fen in amounts.items():
        legs.append((chart.payable(claim.institution), fund, -fen))
        if home != care:
            legs.append((chart.receivable(home, care), fund, fen))
            legs.append((chart.clearing(home, care), fund, -fen))
        legs.append((chart.fund(claim.area), fund, fen))
        legs.append((chart.hospital_share(claim.institution), fund, -fen))
        legs.append((chart.income(claim.institution), fund, fen))
    return legs
