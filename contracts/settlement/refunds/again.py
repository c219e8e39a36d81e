"""The one way in which a settlement is decided again: taken back whole, and made anew in its place.

One call posts both, so nobody ever sees the one without the other. Every payer gets back what it
gave, last payer first, and gives what the new decision asks of it; on the ledger stand both rows,
and what has moved is the difference. The new settlement has an id of its own and the old one's
place in the order of the year.

Whoever was asked once is not asked for more: of the account, the wallet, relatives' accounts and
the bank's credit the new settlement uses at most what the old one used, since the person is not
there to choose. Where the person's part grows, the rest is owed in cash. The commercial products
that took part are asked again, whatever was said to them since, and no others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from contracts.api import Args, Context
from contracts.organisations import Organisation
from contracts.quick import quick
from contracts.settlement import (
    calendar,
    claim_stay,
    counters,
    cover_settle,
    credit,
    family,
    invoices,
    newborn_record,
    traces,
)
from contracts.settlement import claim as claims
from contracts.settlement import funds_chart as chart
from contracts.settlement.claim_decide import Decided, decide, told_beside
from contracts.settlement.claim_explain import explanation_of
from contracts.settlement.claim_lines import Rows
from contracts.settlement.claim_own import CASH_ONLY, OwnMeans
from contracts.settlement.claim_postings import bill_of, settlement_legs
from contracts.settlement.claim_settle import settled_of
from contracts.settlement.enrolment import Person
from contracts.settlement.funds_book import Book, post
from contracts.settlement.life import START
from contracts.settlement.lifecycle import Action, ClaimState, follow
from contracts.settlement.provider import book as provider
from contracts.settlement.records import (
    Again,
    Claim,
    Reversal,
    Settled,
    Visit,
    salt_of,
)
from contracts.settlement.refunds import difference, order, payout
from contracts.settlement.refunds.undo import post_back
from contracts.settlement.terms import PERSONAL_ACCOUNT


@quick(frozen=True, slots=True)
class Taken:
    """The settlement that is taken back."""

    claim_id: str
    claim: Claim
    person: Person
    settled: Settled
    after: ClaimState
    """What it becomes."""
    reversal: str
    """Id of the entry that takes it back."""
    reason: str


@quick(frozen=True, slots=True)
class Wanted:
    """What is decided in its place."""

    claim_id: str
    institution: Organisation
    person: Person
    """The same, or the newborn that was settled under its mother."""
    visit: Visit
    rows: Rows
    """None where everything came back: then nothing takes its place."""
    traces: list[Args]
    use_account: bool
    again: Again
    digest: bytes
    """Of the call."""
    secret: bytes
    """For the salt of the new claim."""
    invoices: list[Args]
    """Printed for the new bill; where there are none, the old bill's go over to it."""


def remake(ctx: Context, old: Taken, new: Wanted) -> Settled | None:
    """Take ``old`` back and settle ``new`` in its place; None where nothing is left of it.

    Refuses with ``stay.*`` a part of a stay that is not its last one.
    """
    book = Book(ctx.state)
    balances = _balances(book, new.person.id)
    at_ms = order.decided_at_ms(ctx, old.person, old.claim_id, old.settled)
    decided = _decide(ctx, old, new, at_ms) if new.rows else None
    names = invoices.names_of(new.invoices) or old.settled.invoices
    settled = None
    if decided is not None:
        settled = settled_of(ctx, new.digest, decided, names, again=new.again)
    _post(ctx, old, new, settled, book, at_ms)
    later = _count(ctx, old, new, settled, at_ms)
    if settled is not None:
        claim_stay.replaced(ctx, old.claim_id, old.claim, old.settled, new.claim_id, new.person)
        _hand_over(ctx, old, new, settled)
    else:
        claim_stay.take_back(ctx, old.claim_id, old.claim, old.settled)
        invoices.release(ctx, old.settled.invoices, invoices.CLAIM, old.claim_id)
    if old.settled.covers or (decided is not None and decided.covers):
        who = new.person if decided is None else decided.facts.person
        covers = () if decided is None else decided.covers
        cover_settle.remake(
            ctx,
            (old.claim_id, old.person, old.settled.covers),
            (new.claim_id, who, covers),
            at_ms,
        )
    if old.claim.visit.newborn:
        _keep_list(ctx, old, new, settled)
    _write(ctx, old, new, settled)
    ctx.amounts.update(difference.net_amounts(old.settled, settled))
    if decided is not None and settled is not None:
        after = _balances(book, new.person.id)
        _explain(ctx, old, new, decided, settled, balances, after)
    _tell(ctx, old, new, settled, later)
    return settled


def _decide(ctx: Context, old: Taken, new: Wanted, at_ms: int) -> Decided:
    """Steps 1 to 3 on the counters as they were, with what each payer of the person's gave."""
    # A stay was open until it was settled first: what was filed until then counts as in time.
    filed_until = calendar.date_of_ms(at_ms) if old.claim.registered else ""
    same = new.person.id == old.person.id
    # Nothing of the mother's pays for the newborn, and nothing was counted for it.
    covers = old.settled.covers if same else ()
    added = dict(old.settled.counters) if same else {}
    return decide(
        ctx,
        new.institution,
        cover_settle.as_asked(ctx, new.person, old.claim_id, covers),
        new.visit,
        new.rows,
        own=means_as_then(old.settled, new.use_account) if same else CASH_ONLY,
        filed_until=filed_until,
        counted_in=order.counted_before(ctx, new.person, old.claim_id, added, at_ms),
        part=claim_stay.again(ctx, old.claim_id, old.claim, old.settled, new.visit),
        mother="" if same else old.person.id,
        replaced=(old.claim_id, at_ms),
    )


def _claim_of(old: Taken, new: Wanted) -> Claim:
    """The claim as the new settlement has it: of the person whom it is decided for."""
    if new.person.id == old.person.id:
        return old.claim
    who, visit = new.person, replace(old.claim.visit, newborn="")
    return replace(old.claim, person=who.id, area=who.area, scheme=who.scheme, visit=visit)


def means_as_then(settled: Settled, use_account: bool) -> OwnMeans:
    """What each of the person's payers gave: the most that it is asked for again."""
    own = settled.own
    return OwnMeans(
        chosen=use_account,
        account_fen=settled.account_fen - own.wallet_fen - own.family_fen,
        wallet_fen=own.wallet_fen,
        relatives=own.relatives,
        hold=own.hold,
        bank=own.bank,
        hold_fen=own.credit_fen,
    )


def _post(
    ctx: Context, old: Taken, new: Wanted, settled: Settled | None, book: Book, at_ms: int
) -> None:
    """The counter-entry of the old settlement, then the new one's legs."""
    own = old.settled.own
    legs = post_back(ctx, old.reversal, old.claim, old.settled, book)
    # What the old case was worth is taken back with it; the new one is decided anew.
    provider.undo(ctx, old.claim_id, new.digest, book)
    drawn = 0
    if settled is not None:
        bill = bill_of(_claim_of(old, new), settled)
        assert bill.total_fen == settled.sums[0], "the payers do not make up the bill"
        anew = settlement_legs(bill)
        post(ctx, claims.transfer_id(new.claim_id), anew, book)
        legs = legs + anew
        drawn = settled.own.credit_fen
    if own.hold and (own.credit_fen > drawn or settled is None):
        credit.refund(ctx, own.hold, own.credit_fen - drawn, book)
    if old.settled.account_fen:
        payout.divert(ctx, old.reversal, payout.net_into(legs), book)
    book.save()
    for part, sign in ((own, -1), (None if settled is None else settled.own, 1)):
        if part is not None and part.relatives:
            used = tuple((owner, amount) for owner, _, amount in part.relatives)
            family.use(ctx, old.claim.person, used, sign, at_ms)


def _count(
    ctx: Context, old: Taken, new: Wanted, settled: Settled | None, at_ms: int
) -> list[tuple[Person, int, list[str]]]:
    """Exchange what was added to the counters; later settlements where they now differ, by person
    and year."""
    less = dict(old.settled.counters)
    more = {} if settled is None else dict(settled.counters)
    if new.person.id == old.person.id:
        return _exchange(ctx, new.person, (old.claim_id, less), (new.claim_id, more), at_ms)
    return [
        *_exchange(ctx, old.person, (old.claim_id, less), ("", {}), at_ms),
        *_exchange(ctx, new.person, ("", {}), (new.claim_id, more), at_ms),
    ]


_Added = dict[int, Mapping[str, int]]
"""What a settlement has added to the counters, by year."""


def _exchange(
    ctx: Context, person: Person, less: tuple[str, _Added], more: tuple[str, _Added], at_ms: int
) -> list[tuple[Person, int, list[str]]]:
    later = []
    for year in sorted({**less[1], **more[1]}):
        found = counters.exchange(
            ctx,
            person,
            year,
            (less[0], less[1].get(year, {})),
            (more[0] if year in more[1] else "", more[1].get(year, {})),
            at_ms,
        )
        if found:
            later.append((person, year, found))
    return later


def _hand_over(ctx: Context, old: Taken, new: Wanted, settled: Settled) -> None:
    """Packs and papers of the old settlement belong to the new one."""
    traces.carry(ctx, new.traces, old.claim_id, new.claim_id, old.claim.institution)
    if new.invoices:
        # The old bill's papers stay used by it: what was cancelled is never good again.
        invoices.take(ctx, new.invoices, settled.sums[0], invoices.CLAIM, new.claim_id)
    else:
        invoices.hand_over(ctx, old.settled.invoices, invoices.CLAIM, old.claim_id, new.claim_id)


def _keep_list(ctx: Context, old: Taken, new: Wanted, settled: Settled | None) -> None:
    """Which settlements of a newborn are still under its mother."""
    child = old.claim.visit.newborn
    if settled is None or new.person.id == child:
        newborn_record.leave(ctx, child, old.claim_id)
    else:
        newborn_record.count(ctx, child, new.claim_id, instead_of=old.claim_id)


def _write(ctx: Context, old: Taken, new: Wanted, settled: Settled | None) -> None:
    """The old claim, the entry that took it back, and the new claim, each naming the next."""
    claims.put(ctx, old.claim_id, replace(old.claim, state=old.after, reversal=old.reversal))
    replacement = "" if settled is None else new.claim_id
    record = Reversal(
        old.claim_id, new.digest, ctx.tx_id, ctx.time_ms, old.reason, replacement=replacement
    )
    ctx.state.put(f"claim/{old.reversal}", record.encode())
    if settled is not None:
        state = follow(START, Action.SETTLE)
        if old.claim.state is ClaimState.DISPUTED:
            # Whoever has objected to the old one is not rid of by settling anew.
            state = follow(state, Action.DISPUTE)
        made = replace(
            _claim_of(old, new),
            state=state,
            settled=settled,
            reversal="",
            declared=None,
            salt=salt_of(ctx, new.secret, new.claim_id),
        )
        claims.put(ctx, new.claim_id, made)


def _explain(
    ctx: Context,
    old: Taken,
    new: Wanted,
    decided: Decided,
    settled: Settled,
    before: tuple[int, int],
    after: tuple[int, int],
) -> None:
    """Why the new settlement is what it is, and what it changes."""
    ctx.versions.update(decided.versions)
    explained = explanation_of(
        new.claim_id,
        _claim_of(old, new),
        decided.facts,
        decided.decision,
        new.rows,
        counters=decided.counters,
        time_ms=ctx.time_ms,
        as_of_ms=decided.as_of_ms,
    )
    rows = difference.differences(old.settled, settled)
    explained |= {
        **told_beside(decided),
        "account": {"before_fen": before[0], "after_fen": after[0]},
        "wallet": {"before_fen": before[1], "after_fen": after[1]},
        "again": {
            "replaces": old.claim_id,
            "reversal": old.reversal,
            "origin": new.again.origin,
            "reason": old.reason,
            "differences": [row.told() for row in rows],
            "paid_back_fen": difference.paid_back_fen(rows),
            "owed_fen": difference.owed_fen(rows),
        },
    }
    ctx.explain(explained, secret=old.claim.salt)


def _tell(
    ctx: Context,
    old: Taken,
    new: Wanted,
    settled: Settled | None,
    later: list[tuple[Person, int, list[str]]],
) -> None:
    claim = old.claim
    ctx.versions["reverses"] = {
        "claim": old.claim_id,
        "tx_id": old.settled.tx_id,
        "call_index": old.settled.call_index,
    }
    whom = {
        "institution": claim.institution,
        "care": claim.care,
        "person": claim.person,
        "area": claim.area,
    }
    for who, year, names in later:
        place = (who.id, who.area, who.scheme, year)
        counters.list_for_repricing(ctx, place, who.salt, names, True, cause=old.reason)
    ctx.emit("claim.reversed", claim=old.claim_id, reversal=old.reversal, **whom)
    if settled is None:
        return
    whose = {"person": new.person.id, "area": new.person.area}
    ctx.emit("claim.settled", claim=new.claim_id, **(whom | whose))
    rows = difference.differences(old.settled, settled)
    ctx.emit(
        "claim.resettled",
        claim=old.claim_id,
        reversal=old.reversal,
        replacement=new.claim_id,
        reason=old.reason,
        differences=[row.told() for row in rows],
        paid_back_fen=difference.paid_back_fen(rows),
        owed_fen=difference.owed_fen(rows),
        **whom,
    )


def _balances(book: Book, person: str) -> tuple[int, int]:
    """The person's account and wallet as they stand."""
    return (
        book.available(chart.person_account(person), PERSONAL_ACCOUNT),
        book.available(chart.wallet(person), PERSONAL_ACCOUNT),
    )
