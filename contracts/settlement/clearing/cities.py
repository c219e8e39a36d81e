"""``clearing.levy`` and ``clearing.allot``: a province and its cities (上解, 下拨).

What a city's funds owe for its insured elsewhere adds up at its province, which levies it: for care
in other provinces once both provinces have confirmed, for care in another city of the province once
both cities have. What a city's institutions were paid for others is passed on to it by its
province, which allots it: the province collects from the one and pays the other, so no city waits
for another. Gross both ways, each by fund.

A notice names the statements that it is of, so that money is found from either end: those of one
period may be confirmed before and after a notice.

State: ``levy/<area>`` and ``allot/<area>``: [notices so far, fen by fund that is in none of them,
first and last period of it, its statements].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contracts.api import Answer, Args, Context, State, reject
from contracts.organisations import require_competent
from contracts.regions import province
from contracts.schema import Region
from contracts.settlement import funds_chart as chart
from contracts.settlement.clearing import notice_record, owed
from contracts.settlement.clearing.notice_record import Kind
from contracts.settlement.clearing.period import CONTRACT
from contracts.settlement.clearing.statement_record import Statement, is_national
from contracts.settlement.funds_book import Leg, post

__all__ = ["CONTRACT", "note"]

_POSTS = ("finance", "checker")
LEVY, ALLOT = "levy", "allot"
NOTICES: Mapping[str, str] = {LEVY: "remittance", ALLOT: "allotment"}
"""First word of the notices, by the list that they are made from."""


@dataclass(frozen=True, slots=True)
class Due:
    """What is confirmed for a city and stands in no notice yet."""

    number: int
    """Notices so far."""
    by_fund: dict[str, int]
    first: str
    last: str
    statements: Sequence[str]
    """Names of the statements that it is of (``statement_name``), as they were confirmed."""


def due_of(state: State, name: str, area: str) -> Due:
    """What is to be levied from a city, or to be allotted to it (``LEVY``, ``ALLOT``)."""
    value = state.get(f"{name}/{area}")
    return Due(0, {}, "", "", ()) if value is None else Due(*value)


def statement_name(period: str, home: str, care: str) -> str:
    """How the notices between a city and its province name a statement, behind area and periods in
    their ``cause``."""
    return f"{period}/{home}/{care}"


def notice_id(name: str, area: str, number: int) -> str:
    """Id of the n-th notice of a city, from 1."""
    return f"{NOTICES[name]}:{area}:{number}"


@CONTRACT.method(args={"area": Region()}, kinds=("bureau",), posts=_POSTS)
def levy(ctx: Context, args: Args) -> Answer:
    """Ask a city for what its funds owe for care elsewhere, as confirmed and not yet asked for.

    Refuses with ``clearing.nothing-due``; what is below zero waits for the next month.
    """
    area = args["area"]
    due, made = _begin(ctx, LEVY, area)
    claimed: list[Leg] = [(chart.remittance(area), fund, fen) for fund, fen in made.items()]
    mirror: list[Leg] = [(chart.collection(area), fund, -fen) for fund, fen in made.items()]
    return _ask(ctx, LEVY, area, due, payer=area, payee=province(area), books=(claimed, mirror))


@CONTRACT.method(args={"area": Region()}, kinds=("bureau",), posts=_POSTS)
def allot(ctx: Context, args: Args) -> Answer:
    """Pass on to a city what is confirmed for care that its institutions gave others (下拨).

    By the province, whose finance department then pays. Refuses with ``clearing.nothing-due``; what
    is below zero waits for the next month.
    """
    area = args["area"]
    due, made = _begin(ctx, ALLOT, area)
    claimed: list[Leg] = [(chart.allotment(area), fund, fen) for fund, fen in made.items()]
    mirror: list[Leg] = [(chart.allotted(area), fund, -fen) for fund, fen in made.items()]
    return _ask(ctx, ALLOT, area, due, payer=province(area), payee=area, books=(claimed, mirror))


def _begin(ctx: Context, name: str, area: str) -> tuple[Due, dict[str, int]]:
    """What is due, for the province's bureau."""
    home = province(area)
    if ctx.sender_region != home:
        require_competent(ctx, home)
    due = due_of(ctx.state, name, area)
    total = sum(due.by_fund.values())
    if total <= 0:
        reject("clearing.nothing-due", area=area, due_fen=total)
    return due, {fund: fen for fund, fen in sorted(due.by_fund.items()) if fen}


def _ask(
    ctx: Context, name: str, area: str, due: Due, *, payer: str, payee: str,
    books: tuple[list[Leg], list[Leg]],
) -> Answer:  # fmt: skip
    """Post the debt in both books and issue its notice; ``books``: the payer's and the payee's."""
    of_payer, of_payee = books
    made = notice_id(name, area, due.number + 1)
    post(ctx, f"{name}/{made}", of_payer + of_payee)
    issued = notice_record.issue(
        ctx, made, kind=Kind(NOTICES[name]), payer=payer, payee=payee,
        cause=(area, due.first, due.last, *due.statements),
        out=[(account, fund, -fen) for account, fund, fen in of_payer],
        into=[(account, fund, -fen) for account, fund, fen in of_payee],
    )  # fmt: skip
    ctx.state.put(f"{name}/{area}", [due.number + 1, {}, "", "", []])
    return {"area": area, "notice": made, "amount_fen": issued.amount_fen}


def note(state: State, period: str, home: str, care: str, made: Statement) -> None:
    """Note what a statement that both sides have confirmed means for the provinces' cities."""
    if is_national(home, care):
        levies: dict[str, dict[str, int]] = {}
        for key, fen in made.cells.items():
            area, _, fund = key.split("/")
            sums = levies.setdefault(area, {})
            sums[fund] = sums.get(fund, 0) + fen
        places: dict[str, dict[str, int]] = {}
        for key, fen in made.places.items():
            place, _, fund = key.partition("/")
            places.setdefault(place, {})[fund] = fen
    else:
        by_fund = owed.by_fund(made.cells)
        levies, places = {home: by_fund}, {care: by_fund}
    statement = statement_name(period, home, care)
    for name, listed in ((LEVY, levies), (ALLOT, places)):
        for area, sums in sorted(listed.items()):
            if area != province(area):
                _add(state, name, area, statement, sums)


def _add(state: State, name: str, area: str, statement: str, sums: Mapping[str, int]) -> None:
    due, period = due_of(state, name, area), statement.partition("/")[0]
    total = dict(due.by_fund)
    owed.add(total, sums, 1)
    kept = {fund: fen for fund, fen in sorted(total.items()) if fen}
    first, last = min(due.first or period, period), max(due.last, period)
    state.put(f"{name}/{area}", [due.number, kept, first, last, [*due.statements, statement]])
