"""``clearing.confirm`` and ``clearing.levy``: both sides say yes, then money is asked for.

When both provinces have confirmed a statement, its notice is issued in the same call: gross, from
the home province to the province of care, by fund. Where both have agreed to net (parameter
``netting``, each names the other) the two directions are set off fund by fund once both are
confirmed, and whoever owes more pays the rest. Nothing is netted otherwise: a fund's money is
earmarked.

What a city's funds owe for its insured adds up at its province, which levies it (上解).
"""

from __future__ import annotations

from dataclasses import replace

from contracts import parameters
from contracts.api import Answer, Args, Context, State, reject
from contracts.organisations import require_competent
from contracts.regions import province
from contracts.schema import Fen, Month, Region
from contracts.settlement import funds_chart as chart
from contracts.settlement.clearing import notice_record, owed, period_record, statement_record
from contracts.settlement.clearing.notice_record import Kind, Notice
from contracts.settlement.clearing.period import CONTRACT
from contracts.settlement.clearing.period_record import PeriodStage
from contracts.settlement.clearing.statement_record import Statement
from contracts.settlement.funds_book import Leg, post

__all__ = ["CONTRACT"]

_POSTS = ("finance", "checker")
Pair = tuple[str, str]
"""(home province, province of care)."""


@CONTRACT.method(
    args={
        "period": Month(),
        "home": Region(),
        "care": Region(),
        "amount_fen": Fen(-(10**15)),
    },
    kinds=("bureau",),
    posts=_POSTS,
)
def confirm(ctx: Context, args: Args) -> Answer:
    """Confirm a statement for one side, by its amount; with the second word its notice is issued.

    Refuses with ``clearing.not-party``, ``clearing.amount-differs``,
    ``clearing.confirmed-already``, ``clearing.not-stated``, ``clearing.statement-not-found``.
    """
    period, home, care = args["period"], args["home"], args["care"]
    if ctx.sender_region not in (home, care):
        reject("clearing.not-party", sender_region=ctx.sender_region, home=home, care=care)
    listed = period_record.load(ctx.state, period)
    if listed.stage is not PeriodStage.STATED:
        reject("clearing.not-stated", period=period, stage=listed.stage.value)
    made = statement_record.load(ctx.state, period, home, care)
    side = "home" if ctx.sender_region == home else "care"
    known = made.home_by if side == "home" else made.care_by
    if known:
        reject(
            "clearing.confirmed-already", period=period, home=home, care=care, side=side,
            confirmed_fen=made.total_fen, asked_fen=args["amount_fen"],
        )  # fmt: skip
    if args["amount_fen"] != made.total_fen:
        reject(
            "clearing.amount-differs", period=period, home=home, care=care,
            asked_fen=args["amount_fen"], stated_fen=made.total_fen,
        )  # fmt: skip
    made = (
        replace(made, home_by=ctx.holder) if side == "home" else replace(made, care_by=ctx.holder)
    )
    statement_record.put(ctx.state, period, home, care, made)
    ctx.emit(
        "clearing.confirmed", period=period, home=home, care=care, side=side,
        amount_fen=made.total_fen,
    )  # fmt: skip
    if made.confirmed:
        period_record.put(ctx.state, period, replace(listed, confirmed=listed.confirmed + 1))
        _note_levies(ctx.state, period, home, made)
        _ask_for_money(ctx, period, home, care)
    after = statement_record.load(ctx.state, period, home, care)
    return {
        "period": period,
        "home": home,
        "care": care,
        "amount_fen": after.total_fen,
        "confirmed": after.confirmed,
        "notice": after.notice,
    }


def _ask_for_money(ctx: Context, period: str, home: str, care: str) -> None:
    """Issue the notice of a confirmed statement, or of two where both provinces net."""
    if not _netting(ctx.state, home, care):
        _issue(ctx, period, f"clearing:{period}:{home}:{care}", Kind.CLEARING, [(home, care)])
        return
    pairs = [(home, care)]
    other = statement_record.find(ctx.state, period, care, home)
    if other is not None:
        if not other.confirmed:
            return
        pairs.append((care, home))
    low, high = sorted((home, care))
    _issue(ctx, period, f"netting:{period}:{low}:{high}", Kind.NETTING, pairs)


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


def paid_statements(ctx: Context, notice_id: str, notice: Notice) -> None:
    """A statement's notice is paid; one that nets pays both directions."""
    period, home, care = notice.cause
    pairs = [(home, care)]
    other = statement_record.find(ctx.state, period, care, home)
    if other is not None and other.notice == notice_id:
        pairs.append((care, home))
    _settled(ctx, period, pairs)


def _settled(ctx: Context, period: str, pairs: list[Pair]) -> None:
    for home, care in pairs:
        made = statement_record.load(ctx.state, period, home, care)
        statement_record.put(ctx.state, period, home, care, replace(made, settled=True))
    listed = period_record.load(ctx.state, period)
    listed = replace(listed, settled=listed.settled + len(pairs))
    period_record.put(ctx.state, period, listed)


def _netting(state: State, home: str, care: str) -> bool:
    """Whether both provinces have agreed to net with each other."""
    sides = ((home, care), (care, home))
    return all(there in parameters.area(state, "netting", here)["with"] for here, there in sides)


@CONTRACT.method(args={"area": Region()}, kinds=("bureau",), posts=_POSTS)
def levy(ctx: Context, args: Args) -> Answer:
    """Ask a city for what its funds owe for care elsewhere, as confirmed and not yet asked for.

    Refuses with ``clearing.nothing-due``; what is below zero waits for the next month.
    """
    area = args["area"]
    home = province(area)
    if ctx.sender_region != home:
        require_competent(ctx, home)
    number, due, first, last = _levied(ctx.state, area)
    total = sum(due.values())
    if total <= 0:
        reject("clearing.nothing-due", area=area, due_fen=total)
    notice_id = f"remittance:{area}:{number + 1}"
    funds = [(fund, fen) for fund, fen in sorted(due.items()) if fen]
    claimed = [(chart.remittance(area), fund, fen) for fund, fen in funds]
    mirror = [(chart.collection(area), fund, -fen) for fund, fen in funds]
    post(ctx, f"levy/{notice_id}", claimed + mirror)
    notice_record.issue(
        ctx,
        notice_id,
        kind=Kind.REMITTANCE,
        payer=area,
        payee=home,
        cause=(area, first, last),
        out=[(account, fund, -fen) for account, fund, fen in claimed],
        into=[(account, fund, -fen) for account, fund, fen in mirror],
    )
    ctx.state.put(_levy_key(area), [number + 1, {}, "", ""])
    return {"area": area, "notice": notice_id, "amount_fen": total}


def _note_levies(state: State, period: str, home: str, made: Statement) -> None:
    """What the cities of the home province owe it for a confirmed statement."""
    by_area: dict[str, dict[str, int]] = {}
    for key, fen in made.cells.items():
        area, _, fund = key.split("/")
        if area != home:
            sums = by_area.setdefault(area, {})
            sums[fund] = sums.get(fund, 0) + fen
    for area, sums in sorted(by_area.items()):
        number, due, first, _ = _levied(state, area)
        for fund, fen in sums.items():
            due[fund] = due.get(fund, 0) + fen
        kept = {fund: fen for fund, fen in sorted(due.items()) if fen}
        state.put(_levy_key(area), [number, kept, first or period, period])


def _levied(state: State, area: str) -> tuple[int, dict[str, int], str, str]:
    """(levies so far, due by fund, first and last period in it) of a city."""
    value = state.get(_levy_key(area))
    if value is None:
        return 0, {}, "", ""
    number, due, first, last = value
    return number, due, first, last


def _levy_key(area: str) -> str:
    return f"levy/{area}"
