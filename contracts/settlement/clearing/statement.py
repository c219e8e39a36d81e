"""``clearing.confirm``: both sides say yes, then money is asked for.

When both provinces have confirmed a statement, its notice is issued in the same call: gross, from
the home province to the province of care, by fund. Where both have agreed to net (parameter
``netting``, each names the other) the two directions are set off fund by fund once both are
confirmed, and whoever owes more pays the rest. Nothing is netted otherwise: a fund's money is
earmarked.

A statement of two cities of one province asks for no money by itself: what it says is levied from
the one and allotted to the other by their province, as are the cities' parts of statements between
provinces (``cities``). A statement of an insurer is asked for in ``insurers``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from contracts import parameters
from contracts.api import Answer, Args, Context, State, reject
from contracts.regions import province
from contracts.schema import Fen, Id, Month, Region
from contracts.settlement import funds_chart as chart
from contracts.settlement.clearing import (
    cities,
    insurers,
    notice_record,
    owed,
    period_record,
    statement_record,
)
from contracts.settlement.clearing.notice_record import Kind, Notice, NoticeStage
from contracts.settlement.clearing.period import CONTRACT
from contracts.settlement.clearing.period_record import Period, PeriodStage
from contracts.settlement.clearing.statement_record import Statement
from contracts.settlement.funds_book import Leg, post

__all__ = ["CONTRACT"]

_POSTS = ("finance", "checker")
Pair = tuple[str, str]
"""(home province, province of care)."""


@CONTRACT.method(
    args={
        "period": Month(),
        "home": Id(64),
        "care": Region(),
        "amount_fen": Fen(-(10**15)),
    },
    kinds=("bureau", "insurer"),
    posts=_POSTS,
)
def confirm(ctx: Context, args: Args) -> Answer:
    """Confirm a statement for one side, by its amount; with the second word its notice is issued.

    ``home``: the area that owes, or the insurer; an insurer's word is enough, or the place of
    care's once the insurer's day is over. Refuses with ``clearing.not-party``,
    ``clearing.amount-differs``, ``clearing.confirmed-already``, ``clearing.not-stated``,
    ``clearing.statement-not-found``, ``clearing.objected`` while an objection is open,
    ``clearing.insurer-has-time``.
    """
    period, home, care = args["period"], args["home"], args["care"]
    side = statement_record.side_of(ctx, home, care)
    listed = require_stated(ctx.state, period, home, care)
    made = statement_record.load(ctx.state, period, home, care)
    known = made.home_by if side == "home" else made.care_by
    if known or (statement_record.is_insurer(home) and statement_record.agreed(home, made)):
        reject(
            "clearing.confirmed-already", period=period, home=home, care=care, side=side,
            confirmed_fen=made.total_fen, asked_fen=args["amount_fen"],
        )  # fmt: skip
    if made.open:
        reject("clearing.objected", period=period, home=home, care=care, open=made.open)
    if args["amount_fen"] != made.total_fen:
        reject(
            "clearing.amount-differs", period=period, home=home, care=care,
            asked_fen=args["amount_fen"], stated_fen=made.total_fen,
        )  # fmt: skip
    if side == "care" and statement_record.is_insurer(home):
        insurers.require_silence(ctx, period, home, care, listed.confirm_by)
    made = (
        replace(made, home_by=ctx.holder) if side == "home" else replace(made, care_by=ctx.holder)
    )
    statement_record.put(ctx.state, period, home, care, made)
    ctx.emit(
        "clearing.confirmed", period=period, home=home, care=care, side=side,
        amount_fen=made.total_fen,
    )  # fmt: skip
    if statement_record.is_insurer(home):
        insurers.ask_for_money(ctx, period, home, care)
    elif made.confirmed:
        cities.note(ctx.state, period, home, care, made)
        if statement_record.is_national(home, care):
            listed = replace(listed, confirmed=listed.confirmed + 1)
            period_record.put(ctx.state, period, listed)
            _ask_for_money(ctx, period, home, care)
        else:
            _pass_on(ctx.state, period, home, care, made)
    after = statement_record.load(ctx.state, period, home, care)
    return {
        "period": period,
        "home": home,
        "care": care,
        "amount_fen": after.total_fen,
        "confirmed": statement_record.agreed(home, after),
        "notice": after.notice,
    }


def require_stated(state: State, period: str, home: str, care: str) -> Period:
    """The period of statements that are final. Refuses with ``clearing.not-stated``.

    The country's closing waits for no city: inside a province a closed period will do.
    """
    listed = period_record.load(state, period)
    inside = not statement_record.is_national(home, care)
    if listed.stage is PeriodStage.COLLECTING or (
        listed.stage is PeriodStage.CLOSED and not inside
    ):
        reject("clearing.not-stated", period=period, stage=listed.stage.value)
    return listed


def _pass_on(state: State, period: str, home: str, care: str, made: Statement) -> None:
    """A statement inside a province is done once it is noted for levy and allotment."""
    statement_record.put(state, period, home, care, replace(made, settled=True))
    pairs, confirmed = statement_record.inside(state, period, province(care))
    statement_record.put_inside(state, period, province(care), pairs, confirmed + 1)


def _ask_for_money(ctx: Context, period: str, home: str, care: str) -> None:
    """Issue the notice of a confirmed statement; of two together where both provinces net.

    Whether they net is what their parameters say now, while the other direction may have been
    confirmed when they said otherwise: what was asked for gross then is asked for already, and what
    waited then to be set off is asked for with this one.
    """
    other = statement_record.find(ctx.state, period, care, home)
    waits = other is not None and other.confirmed and not (other.notice or other.settled)
    netting = _netting(ctx.state, home, care)
    if netting and other is not None and not other.confirmed:
        return
    if netting and (waits or other is None):
        pairs = [(home, care), (care, home)] if waits else [(home, care)]
        low, high = sorted((home, care))
        _issue(ctx, period, f"netting:{period}:{low}:{high}", Kind.NETTING, pairs)
        return
    for owes, owed_to in ((home, care), (care, home)) if waits else ((home, care),):
        notice_id = f"clearing:{period}:{owes}:{owed_to}"
        _issue(ctx, period, notice_id, Kind.CLEARING, [(owes, owed_to)])


def _issue(ctx: Context, period: str, notice_id: str, kind: Kind, pairs: list[Pair]) -> None:
    """The notice that pays the pairs' statements. What comes to nothing is booked at once."""
    books: dict[str, list[Leg]] = {}
    for home, care in pairs:
        made = statement_record.load(ctx.state, period, home, care)
        for fund, fen in owed.by_fund(made.cells).items():
            books.setdefault(home, []).append((chart.clearing(home, care), fund, -fen))
            books.setdefault(care, []).append((chart.receivable(home, care), fund, fen))
    sums = {side: sum(fen for _, _, fen in legs) for side, legs in books.items()}
    payer = min(sums, key=lambda side: (sums[side], side)) if sums else ""
    if not payer or not sums[payer]:
        legs = [leg for side in sorted(books) for leg in books[side]]
        if legs:
            post(ctx, f"offset/{notice_id}", legs)
        _settled(ctx, period, pairs)
        return
    payee = next(side for side in sorted(books) if side != payer)
    notice_record.issue(
        ctx,
        notice_id,
        kind=kind,
        payer=payer,
        payee=payee,
        cause=(period, *pairs[0]),
        out=books[payer],
        into=books[payee],
    )
    for home, care in pairs:
        made = statement_record.load(ctx.state, period, home, care)
        statement_record.put(ctx.state, period, home, care, replace(made, notice=notice_id))


def paid_statements(
    ctx: Context, notice_id: str, notice: Notice, _by_fund: Mapping[str, int]
) -> None:
    """A statement is paid once nothing of its notice is open; netted, both directions are."""
    if notice.stage is NoticeStage.PAID:
        _settled(ctx, notice.cause[0], _pairs_of(ctx.state, notice_id, notice))


def unpaid_statements(
    ctx: Context, notice_id: str, notice: Notice, _by_fund: Mapping[str, int]
) -> None:
    """Money of a statement's notice came back: the statement is not paid any more."""
    _settled(ctx, notice.cause[0], _pairs_of(ctx.state, notice_id, notice), settled=False)


def _pairs_of(state: State, notice_id: str, notice: Notice) -> list[Pair]:
    """The statements that a notice pays."""
    period, home, care = notice.cause
    pairs = [(home, care)]
    other = statement_record.find(state, period, care, home)
    if other is not None and other.notice == notice_id:
        pairs.append((care, home))
    return pairs


def _settled(ctx: Context, period: str, pairs: list[Pair], *, settled: bool = True) -> None:
    """Note that statements are paid, or owed again. A closed period stays as it was closed."""
    count = 0
    for home, care in pairs:
        made = statement_record.load(ctx.state, period, home, care)
        # A second part that comes back finds its statement owed already.
        count += settled - made.settled
        made = replace(made, settled=settled)
        statement_record.put(ctx.state, period, home, care, made)
    listed = period_record.load(ctx.state, period)
    if listed.stage is not PeriodStage.CLOSED:
        listed = replace(listed, settled=listed.settled + count)
        period_record.put(ctx.state, period, listed)


def _netting(state: State, home: str, care: str) -> bool:
    """Whether both provinces have agreed to net with each other."""
    sides = ((home, care), (care, home))
    return all(there in parameters.area(state, "netting", here)["with"] for here, there in sides)
