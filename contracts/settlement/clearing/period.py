"""``clearing.*``: the country's month, from the first confirmed amount to the closed books.

clearing.open     {period}                       the centre, once: the first period
clearing.cut      {period}                       the centre: statements final, the next collects
clearing.confirm  {period, home, care, amount_fen}   each of both provinces (``statement``)
clearing.levy     {area}                         a province asks its city for its part
clearing.close    {period}                       the centre: all confirmed, all paid
"""

from __future__ import annotations

from dataclasses import replace

from contracts import parameters
from contracts.api import Answer, Args, Context, Contract, reject
from contracts.schema import Month
from contracts.settlement.calendar import date_of_ms, work_calendar
from contracts.settlement.clearing import period_record
from contracts.settlement.clearing.months import next_month
from contracts.settlement.clearing.period_record import Period, PeriodStep, follow
from contracts.settlement.life import START

CONTRACT = Contract("clearing", version=1)

_BY_CENTRE = ("centre",)
_POSTS = ("finance", "checker", "clerk")


@CONTRACT.method(args={"period": Month()}, kinds=_BY_CENTRE, posts=_POSTS)
def open(ctx: Context, args: Args) -> Answer:  # noqa: A001  (the field's word, nobody opens files)
    """Open the first period; every later one begins when the one before it is cut.

    Refuses with ``clearing.opened`` once there is one.
    """
    period = args["period"]
    known: str | None = ctx.state.get("period")
    if known is not None:
        reject("clearing.opened", period=period, collecting=known)
    follow(START, PeriodStep.OPEN, period)
    return _begin(ctx, period)


@CONTRACT.method(args={"period": Month()}, kinds=_BY_CENTRE, posts=_POSTS)
def cut(ctx: Context, args: Args) -> Answer:
    """Cut a period off: its statements are final, the next period collects.

    Refuses with ``clearing.wrong-stage``, ``clearing.month-runs``.
    """
    period = args["period"]
    made = period_record.load(ctx.state, period)
    stage = follow(made.stage, PeriodStep.CUT, period)
    today = date_of_ms(ctx.time_ms)
    if today[:7] <= period:
        reject("clearing.month-runs", period=period, today=today)
    within = parameters.area(ctx.state, "clearing")["confirm_within"]
    made = replace(
        made, stage=stage, cut_on=today,
        confirm_by=work_calendar(ctx.state).add_working_days(today, within),
    )  # fmt: skip
    _store(ctx, period, made)
    _begin(ctx, next_month(period))
    return _answer(period, made)


@CONTRACT.method(args={"period": Month()}, kinds=_BY_CENTRE, posts=_POSTS)
def close(ctx: Context, args: Args) -> Answer:
    """Close a period: every statement is confirmed by both sides and paid.

    Refuses with ``clearing.unconfirmed``, ``clearing.unpaid``, ``clearing.wrong-stage``.
    """
    period = args["period"]
    made = period_record.load(ctx.state, period)
    stage = follow(made.stage, PeriodStep.CLOSE, period)
    if made.confirmed != made.pairs:
        reject(
            "clearing.unconfirmed", period=period, statements=made.pairs, confirmed=made.confirmed
        )
    if made.settled != made.pairs:
        reject("clearing.unpaid", period=period, statements=made.pairs, paid=made.settled)
    made = replace(made, stage=stage, closed_on=date_of_ms(ctx.time_ms))
    return _store(ctx, period, made)


def _begin(ctx: Context, period: str) -> Answer:
    ctx.state.put("period", period)
    return _store(ctx, period, period_record.begin())


def _store(ctx: Context, period: str, made: Period) -> Answer:
    period_record.put(ctx.state, period, made)
    ctx.emit(f"clearing.{made.stage.value}", period=period, statements=made.pairs)
    return _answer(period, made)


def _answer(period: str, made: Period) -> Answer:
    return {
        "period": period,
        "stage": made.stage.value,
        "statements": made.pairs,
        "confirmed": made.confirmed,
        "paid": made.settled,
        "confirm_by": made.confirm_by,
    }
