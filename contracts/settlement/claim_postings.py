"""The postings of one settlement: who gives, who is owed (SETTLEMENT.md section 7).

Across provinces the home fund, and the personal account as fund type 310200, pay into clearing;
on the care side the receivable, clearing's mirror, pays into what is owed to the institution.
Inside one province the fund pays the institution's payable without clearing. What the patient
pays, and what the institution bears itself, stands beside it as income, so that the positive legs
on the institution's side add up to the whole bill, and a reversal takes back a whole bill.
"""

from __future__ import annotations

from contracts.quick import quick
from contracts.regions import province
from contracts.settlement import funds_chart as chart
from contracts.settlement.funds_book import Leg
from contracts.settlement.records import Claim, Settled
from contracts.settlement.terms import (
    PAYER_COMMERCIAL,
    PAYER_FUND,
    PAYER_WAIVER,
    PERSONAL_ACCOUNT,
)


@quick(frozen=True, slots=True, kw_only=True)
class Bill:
    """What each payer bears of a bill; all amounts in fen, none negative."""

    area: str
    """Pooling area of insurance."""
    home: str
    """Province of the pooling area: six digits ending in 0000."""
    care: str
    """Province of the institution."""
    institution: str
    person: str
    funds: tuple[tuple[str, int], ...]
    """(fund type, amount) of insurance funds; whoever pays nothing is not there."""
    commercial: tuple[tuple[str, int], ...]
    waivers: tuple[tuple[str, int], ...]
    """What the institution bears: relief it grants, and findings against it."""
    account_fen: int
    cash_fen: int

    @property
    def total_fen(self) -> int:
        """The whole bill."""
        shares = self.funds + self.commercial + self.waivers
        return sum(amount for _, amount in shares) + self.account_fen + self.cash_fen


def bill_of(claim: Claim, settled: Settled) -> Bill:
    """Who bears what of a settled claim, from its record: what its postings were made from."""

    paid: dict[str, list[tuple[str, int]]] = {
        PAYER_FUND: [],
        PAYER_COMMERCIAL: [],
        PAYER_WAIVER: [],
    }
    for fund, payer, amount in settled.payments:
        paid[payer].append((fund, amount))
    return Bill(
        area=claim.area,
        home=province(claim.area),
        care=province(claim.care),
        institution=claim.institution,
        person=claim.person,
        funds=tuple(paid[PAYER_FUND]),
        commercial=tuple(paid[PAYER_COMMERCIAL]),
        waivers=tuple(paid[PAYER_WAIVER]),
        account_fen=settled.account_fen,
        cash_fen=settled.cash_fen,
    )


def settlement_legs(bill: Bill) -> list[Leg]:
    """All legs of the settlement of a bill; payers of nothing have none."""
    legs: list[Leg] = []
    payable = chart.payable(bill.institution)
    across = bill.home != bill.care
    account = chart.person_account(bill.person)
    shares = [(chart.fund(bill.area), fund_type, amount) for fund_type, amount in bill.funds]
    if bill.account_fen:
        shares.append((account, PERSONAL_ACCOUNT, bill.account_fen))
    for payer, fund_type, amount in shares:
        legs.append((payer, fund_type, -amount))
        if across:
            legs.append((chart.clearing(bill.home, bill.care), fund_type, amount))
            legs.append((chart.receivable(bill.home, bill.care), fund_type, -amount))
        legs.append((payable, fund_type, amount))
    income = chart.income(bill.institution)
    for fund_type, amount in bill.commercial:
        # One commercial account for each area until insurers are parties of their own.
        legs.append((chart.commercial(bill.area), fund_type, -amount))
        legs.append((payable, fund_type, amount))
    for fund_type, amount in bill.waivers:
        legs.append((chart.hospital_share(bill.institution), fund_type, -amount))
        legs.append((income, fund_type, amount))
    if bill.cash_fen:
        legs.append((chart.patient(bill.institution), chart.CASH, -bill.cash_fen))
        legs.append((income, chart.CASH, bill.cash_fen))
    return legs
