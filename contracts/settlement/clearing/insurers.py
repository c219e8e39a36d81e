"""What commercial insurers owe for settlements, month by month, and how they are asked for it.

A product that pays within a settlement leaves a debt of its insurer (``commercial:<insurer>``): the
place of care pays the institution, and is paid back. What it confirms of an institution's month
enters the statement of the insurer and the place (``statement/<period>/<insurer>/<place>``), by
product, payments and refunds each for itself. The statement is that of two areas with another
debtor: it is cut with the country's period, confirmed by its amount (``clearing.confirm``) or
objected to (``objection.lodge``), and paid by a notice (收款通知). The insurer's word alone asks
for the money, since the place has confirmed every month in it; where the insurer says nothing until
its day is over, the place does. The country's closing waits for no insurer.

What a product pays later goes from the insurer to the patient (``cover_pay``), and nobody asks for
it here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from contracts import parameters
from contracts.api import Context, reject
from contracts.settlement import funds_chart as chart
from contracts.settlement.calendar import date_of_ms, work_calendar
from contracts.settlement.clearing import (
    insurer_record,
    notice_record,
    owed,
    period_record,
    statement_record,
)
from contracts.settlement.clearing.declaration_record import Cells
from contracts.settlement.clearing.notice_record import Kind, Notice, NoticeStage
from contracts.settlement.funds_book import Leg
from contracts.settlement.terms import COMMERCIAL


def into_statements(ctx: Context, care: str, covers: Cells) -> None:
    """Add what products have paid of a confirmed month to the statements that collect.

    ``covers``: ``insurer/product/how`` -> fen, refunds below zero (``owed.covers_of``).
    """
    if not covers:
        return
    period = period_record.collecting(ctx.state)
    place = statement_record.place_of(ctx.state, care)
    by_insurer: dict[str, Cells] = {}
    for key, fen in sorted(covers.items()):
        insurer, _, product = key.partition("/")
        by_insurer.setdefault(insurer, {})[f"{product}/{COMMERCIAL}"] = fen
    for insurer, cells in by_insurer.items():
        made = statement_record.begin(ctx.state, period, insurer, place)
        total = dict(made.cells)
        owed.add(total, cells, 1)
        made = replace(made, cells=total, declarations=made.declarations + 1)
        statement_record.put(ctx.state, period, insurer, place, made)


def require_silence(ctx: Context, period: str, insurer: str, place: str, confirm_by: str) -> None:
    """Refuses with ``clearing.insurer-has-time`` the place's word before the insurer's day is
    over."""
    today = date_of_ms(ctx.time_ms)
    if today <= confirm_by:
        reject(
            "clearing.insurer-has-time", period=period, home=insurer, care=place,
            confirm_by=confirm_by, today=today,
        )  # fmt: skip


def ask_for_money(ctx: Context, period: str, insurer: str, place: str) -> None:
    """Issue the notice of an agreed statement; what came to nothing is done.

    Where more was refunded than paid, the place of care gives the insurer money back.
    """
    made = statement_record.load(ctx.state, period, insurer, place)
    total = made.total_fen
    if not total:
        _settled(ctx, period, insurer, place)
        return
    notice_id = f"cover:{period}:{insurer}:{place}"
    within = parameters.area(ctx.state, "declaration", place)["insurer_pays_within"]
    asked = total > 0
    legs: list[Leg] = [(chart.commercial(insurer), COMMERCIAL, total)]
    notice_record.issue(
        ctx,
        notice_id,
        kind=Kind.COVER if asked else Kind.COVER_RETURN,
        payer=insurer if asked else place,
        payee=place if asked else insurer,
        cause=(period, insurer, place),
        out=[] if asked else legs,
        into=legs if asked else [],
        due_on=work_calendar(ctx.state).add_working_days(date_of_ms(ctx.time_ms), within),
    )
    made = replace(made, notice=notice_id)
    statement_record.put(ctx.state, period, insurer, place, made)


def paid_cover(ctx: Context, _notice_id: str, notice: Notice, _by_fund: Mapping[str, int]) -> None:
    """An insurer's statement is paid once nothing of its notice is open."""
    if notice.stage is NoticeStage.PAID:
        _settled(ctx, *notice.cause)


def unpaid_cover(
    ctx: Context, _notice_id: str, notice: Notice, _by_fund: Mapping[str, int]
) -> None:
    """Money of an insurer's notice came back: its statement is not paid any more."""
    _settled(ctx, *notice.cause, settled=False)


def _settled(ctx: Context, period: str, insurer: str, place: str, *, settled: bool = True) -> None:
    made = statement_record.load(ctx.state, period, insurer, place)
    # A second part that comes back finds its statement owed already.
    if made.settled is not settled:
        insurer_record.count(ctx.state, period, insurer, place, -1 if settled else 1)
        made = replace(made, settled=settled)
        statement_record.put(ctx.state, period, insurer, place, made)
