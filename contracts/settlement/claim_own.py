"""The person's part of a bill: own account, wallet, relatives' accounts, credit, cash.

Only what the patient chose at this settlement, in this order, and only as far as the policy lets
accounts pay and owners have allowed (SETTLEMENT.md section 4, step 3). Credit stands in for cash
and for nothing else. A policy sees sums; whose account gave what is settled here.
"""

from __future__ import annotations

from contracts.api import Args, Context, reject
from contracts.quick import quick
from contracts.settlement import calendar, credit, enrolment, family, wallet
from contracts.settlement import funds_chart as chart
from contracts.settlement.decision import Decision
from contracts.settlement.enrolment import Person
from contracts.settlement.enrolment_record import CLOSED, DEAD
from contracts.settlement.funds_book import Book
from contracts.settlement.records import NO_OWN_PART, OwnPart
from contracts.settlement.terms import PERSONAL_ACCOUNT


@quick(frozen=True, slots=True)
class OwnMeans:
    """What is there to pay the person's part from; what was not chosen is not there."""

    chosen: bool = False
    """Whether accounts may be used at all."""
    account_fen: int = 0
    wallet_fen: int = 0
    relatives: tuple[tuple[str, str, int], ...] = ()
    """(owner, owner's area, what may be used of the account), in the order of use."""
    hold: str = ""
    """The bank's hold; empty when none is drawn."""
    bank: str = ""
    hold_fen: int = 0

    @property
    def family_fen(self) -> int:
        """What relatives' accounts may give in all."""
        return sum(amount for _, _, amount in self.relatives)


CASH_ONLY = OwnMeans()


def means_of(ctx: Context, person: Person, args: Args, date: str, book: Book) -> OwnMeans:
    """What the patient chose, looked up.

    Refuses with ``claim.account-not-chosen``, ``family.not-authorised``, ``credit.*``.
    """
    chosen, owners, hold = args["use_account"], args["family"], args["credit"]
    if owners and not chosen:
        reject("claim.account-not-chosen", owners=len(owners))
    if not chosen and hold is None:
        return CASH_ONLY
    account = spare = 0
    if chosen and person.account:
        account = book.available(chart.person_account(person.id), PERSONAL_ACCOUNT)
    if chosen:
        spare = book.available(chart.wallet(person.id), PERSONAL_ACCOUNT)
        # What the person has sent and nobody has claimed yet is spoken for.
        spare -= wallet.waiting_fen(ctx, person.id) if spare else 0
    relatives = tuple(_relative(ctx, owner, person.id, date, book) for owner in owners)
    if hold is None:
        return OwnMeans(chosen, account, spare, relatives)
    held = credit.require_open(ctx, hold, person.id, ctx.sender)
    return OwnMeans(chosen, account, spare, relatives, hold, held.bank, held.amount_fen)


def _relative(ctx: Context, owner: str, person: str, date: str, book: Book) -> tuple[str, str, int]:
    tie = family.require_shared(ctx.state, owner, person, date)
    found = enrolment.require_person(ctx.state, owner)
    today = calendar.date_of_ms(ctx.time_ms)
    if enrolment.person_status(found, max(date, today)) in (DEAD, CLOSED):
        # The account is the heirs', or has moved with the insurance.
        reject("family.not-authorised", owner=owner, person=person, date=today)
    available = book.available(chart.person_account(owner), PERSONAL_ACCOUNT)
    return owner, found.area, min(tie.left_fen, available)


def share_out(decision: Decision, means: OwnMeans) -> OwnPart:
    """Who gives what of the person's part: accounts one after the other, then credit, then cash."""
    if not means.wallet_fen and not means.relatives and not means.hold:
        return NO_OWN_PART
    own = decision.account_fen - decision.family_fen
    account = min(own, means.account_fen)
    left = decision.family_fen
    relatives = []
    for owner, area, available in means.relatives:
        amount = min(left, available)
        left -= amount
        if amount:
            relatives.append((owner, area, amount))
    assert left == 0, "relatives pay more than they have allowed"
    drawn = min(decision.cash_fen, means.hold_fen)
    return OwnPart(
        wallet_fen=own - account,
        relatives=tuple(relatives),
        hold=means.hold,
        bank=means.bank,
        credit_fen=drawn,
    )
