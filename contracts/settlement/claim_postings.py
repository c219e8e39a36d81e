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
from contracts.settlement.cover_record import AT_ONCE
from contracts.settlement.funds_book import Leg
from contracts.settlement.records import NO_OWN_PART, Claim, OwnPart, Settled
from contracts.settlement.terms import (
    COMMERCIAL,
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
    """Commercial cover that the home policy itself has as a layer."""
    waivers: tuple[tuple[str, int], ...]
    """What the institution bears: relief it grants, and findings against it."""
    account_fen: int
    """Of the own personal account."""
    cash_fen: int
    own: OwnPart = NO_OWN_PART
    covers: tuple[tuple[str, int], ...] = ()
    """(insurer, amount) of products that pay within the settlement."""

    @property
    def total_fen(self) -> int:
        """The whole bill."""
        shares = self.funds + self.commercial + self.covers + self.waivers
        own = self.own.wallet_fen + self.own.family_fen + self.own.credit_fen
        return sum(amount for _, amount in shares) + self.account_fen + own + self.cash_fen


def bill_of(claim: Claim, settled: Settled) -> Bill:
    """Who bears what of a settled claim, from its record: what its postings were made from."""

    paid: dict[str, list[tuple[str, int]]] = {
        PAYER_FUND: [],
        PAYER_COMMERCIAL: [],
        PAYER_WAIVER: [],
    }
    payments = settled.payments
    covers: tuple[tuple[str, int], ...] = ()
    if settled.covers:
        payments, covers = _without_covers(settled)
    for fund, payer, amount in payments:
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
        account_fen=settled.account_fen - settled.own.wallet_fen - settled.own.family_fen,
        cash_fen=settled.cash_fen,
        own=settled.own,
        covers=covers,
    )


def _without_covers(
    settled: Settled,
) -> tuple[tuple[tuple[str, str, int], ...], tuple[tuple[str, int], ...]]:
    """The home policy's payments, and what each insurer pays: the last of ``payments``."""
    covers = tuple(
        (part.insurer, part.amount_fen)
        for part in settled.covers
        if part.pays == AT_ONCE and part.amount_fen
    )
    theirs = sum(amount for _, amount in covers)
    kept = list(settled.payments)
    while theirs:
        _, payer, amount = kept.pop()
        assert payer == PAYER_COMMERCIAL, "a product's payment is the last of the payments"
        theirs -= amount
        assert theirs >= 0, "products pay less than their payments"
    return tuple(kept), covers


def settlement_legs(bill: Bill) -> list[Leg]:
    """All legs of the settlement of a bill; payers of nothing have none."""
    legs: list[Leg] = []
    payable = chart.payable(bill.institution)
    account = chart.person_account(bill.person)
    shares = [
        (chart.fund(bill.area), bill.home, fund_type, amount) for fund_type, amount in bill.funds
    ]
    if bill.account_fen:
        shares.append((account, bill.home, PERSONAL_ACCOUNT, bill.account_fen))
    if bill.own is not NO_OWN_PART:
        shares += _own_shares(bill)
    for payer, home, fund_type, amount in shares:
        legs.append((payer, fund_type, -amount))
        if home != bill.care:
            legs.append((chart.clearing(home, bill.care), fund_type, amount))
            legs.append((chart.receivable(home, bill.care), fund_type, -amount))
        legs.append((payable, fund_type, amount))
    income = chart.income(bill.institution)
    for fund_type, amount in bill.commercial:
        # A layer of the home policy whose insurer is none of the ledger's.
        legs.append((chart.commercial(bill.area), fund_type, -amount))
        legs.append((payable, fund_type, amount))
    for insurer, amount in bill.covers:
        legs.append((chart.commercial(insurer), COMMERCIAL, -amount))
        legs.append((payable, COMMERCIAL, amount))
    for fund_type, amount in bill.waivers:
        legs.append((chart.hospital_share(bill.institution), fund_type, -amount))
        legs.append((income, fund_type, amount))
    if bill.own.credit_fen:
        legs.append((chart.credit(bill.own.bank), chart.CASH, -bill.own.credit_fen))
        legs.append((income, chart.CASH, bill.own.credit_fen))
    if bill.cash_fen:
        legs.append((chart.patient(bill.institution), chart.CASH, -bill.cash_fen))
        legs.append((income, chart.CASH, bill.cash_fen))
    return legs


def _own_shares(bill: Bill) -> list[tuple[str, str, str, int]]:
    """(account, province that pays, fund type, amount) of the wallet and of relatives' accounts.

    A relative's province pays for the relative, wherever the patient is insured.
    """
    shares = [
        (chart.person_account(owner), province(area), PERSONAL_ACCOUNT, amount)
        for owner, area, amount in bill.own.relatives
    ]
    if bill.own.wallet_fen:
        wallet = (chart.wallet(bill.person), bill.home, PERSONAL_ACCOUNT, bill.own.wallet_fen)
        shares.insert(0, wallet)
    return shares
