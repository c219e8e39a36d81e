"""``advance.*``: what one province prepays another, so that hospitals are paid before the bill.

    advance.set_quota  {home, care, scheme, quota_fen}   the centre: notice of the difference
    advance.top_up     {home, care, scheme, amount_fen}  the province of care, when it is red
    advance.give_back  {home, care, scheme, amount_fen}  the province of care
    advance.withdraw   {notice}                          the centre, before it is paid

Each is a notice of payment; money moves when its bank confirms. The advance of a scheme has a fund
type of its own (310101, 390101) and two accounts, one in either side's books. How much a month uses
is told as colours (``usage``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from contracts.api import Answer, Args, Context, Contract, State, Value, reject
from contracts.schema import Fen, Id, OneOf, Region
from contracts.settlement import funds_chart as chart
from contracts.settlement.clearing import (
    notice_record,
    payment_record,
    period_record,
    statement_record,
    usage,
)
from contracts.settlement.clearing.notice_record import Kind, Notice, NoticeStage
from contracts.settlement.funds_book import balance

CONTRACT = Contract("advance", version=1)

_PAIR = {"home": Region(), "care": Region(), "scheme": OneOf(*chart.ADVANCES)}
_POSTS = ("finance", "checker")


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """The advance of a pair: ``advance/<home>/<care>``; its balance is in the accounts."""

    quota: dict[str, int]
    """Fen by scheme, as the centre has set it."""
    open: dict[str, tuple[str, ...]]
    """By scheme the notices that are not paid: none is issued beside one that is here, so a second
    one is a notice whose money came back while the next was open."""
    number: int
    """Notices so far."""

    def encode(self) -> Value:
        """As the state has it: an array, the order of the fields above."""
        return [self.quota, {k: list(v) for k, v in self.open.items() if v}, self.number]


def find(state: State, home: str, care: str) -> Advance:
    """The advance of a pair; an empty one where there is none."""
    value = state.get(f"advance/{home}/{care}")
    if value is None:
        return Advance(quota={}, open={}, number=0)
    quota, opened, number = value
    return Advance(quota=quota, open={k: tuple(v) for k, v in opened.items()}, number=number)


def held_fen(state: State, home: str, care: str, scheme: str) -> int:
    """What the province of care holds of the home province's money for a scheme."""
    return balance(state, chart.advance(home, care), chart.ADVANCES[scheme])


@CONTRACT.method(args={**_PAIR, "quota_fen": Fen()}, kinds=("centre",), posts=_POSTS)
def set_quota(ctx: Context, args: Args) -> Answer:
    """Set a pair's quota of a scheme; the difference to what is held becomes a notice.

    Refuses with ``advance.open-notice``, ``advance.same-province``, ``advance.quota-stands``.
    """
    home, care, scheme, quota = args["home"], args["care"], args["scheme"], args["quota_fen"]
    for side in (home, care):
        if side[2:] != "0000" or side[:2] == "00":
            reject("advance.not-province", region=side)
    if home == care:
        reject("advance.same-province", home=home, care=care)
    made = _without_open(ctx.state, home, care, scheme)
    missing = quota - held_fen(ctx.state, home, care, scheme)
    if not missing and made.quota.get(scheme, 0) == quota:
        reject("advance.quota-stands", home=home, care=care, quota_fen=quota)
    made = replace(made, quota={**made.quota, scheme: quota})
    ctx.emit("advance.quota", home=home, care=care, scheme=scheme, quota_fen=quota)
    return _issue(ctx, made, home, care, scheme, missing)


@CONTRACT.method(args={**_PAIR, "amount_fen": Fen(1)}, kinds=("bureau",), posts=_POSTS)
def top_up(ctx: Context, args: Args) -> Answer:
    """Ask for more than the quota while the month's usage is red (紧急调增).

    Refuses with ``advance.not-red``, ``advance.not-holder``, ``advance.open-notice``.
    """
    home, care, scheme = _held_by_sender(ctx, args)
    period = period_record.collecting(ctx.state)
    statement = statement_record.find(ctx.state, period, home, care)
    colour = usage.NONE if statement is None else statement.colour
    if colour != usage.RED:
        reject(
            "advance.not-red", home=home, care=care, period=period, colour=colour,
            used_fen=0 if statement is None else statement.total_fen,
            prepaid_fen=usage.prepaid_fen(ctx.state, home, care),
        )  # fmt: skip
    made = _without_open(ctx.state, home, care, scheme)
    return _issue(ctx, made, home, care, scheme, args["amount_fen"])


@CONTRACT.method(args={**_PAIR, "amount_fen": Fen(1)}, kinds=("bureau",), posts=_POSTS)
def give_back(ctx: Context, args: Args) -> Answer:
    """Give an advance back, at most what is held. Refuses with ``advance.above-held``."""
    home, care, scheme = _held_by_sender(ctx, args)
    made = _without_open(ctx.state, home, care, scheme)
    held = held_fen(ctx.state, home, care, scheme)
    if args["amount_fen"] > held:
        reject("advance.above-held", asked_fen=args["amount_fen"], held_fen=held)
    return _issue(ctx, made, home, care, scheme, -args["amount_fen"])


@CONTRACT.method(args={"notice": Id(100)}, kinds=("centre",), posts=_POSTS)
def withdraw(ctx: Context, args: Args) -> Answer:
    """Take back an advance's notice that asks for the wrong amount and was not paid.

    Another one may follow. Refuses with ``payment.notice-not-found``, ``advance.no-notice``,
    ``payment.in-flight``, ``payment.already-paid``.
    """
    notice_id = args["notice"]
    notice = notice_record.load(ctx.state, notice_id)
    if notice.kind not in (Kind.ADVANCE, Kind.ADVANCE_RETURN):
        reject("advance.no-notice", notice=notice_id, kind=notice.kind.value)
    payment_record.withdraw_notice(ctx, notice_id, notice)
    _close(ctx.state, notice_id, notice)
    return {"notice": notice_id, "amount_fen": notice.amount_fen}


def paid_advance(ctx: Context, notice_id: str, notice: Notice, _by_fund: Mapping[str, int]) -> None:
    """An advance has come or gone; once nothing of its notice is open that is off the list. The
    colour is told anew."""
    home, care, _ = notice.cause
    if notice.stage is NoticeStage.PAID:
        _close(ctx.state, notice_id, notice)
    _tell_usage(ctx, home, care)


def _close(state: State, notice_id: str, notice: Notice) -> None:
    """Take a notice off the list of those that are not paid."""
    home, care, scheme = notice.cause
    made = find(state, home, care)
    others = tuple(name for name in made.open.get(scheme, ()) if name != notice_id)
    _put(state, home, care, replace(made, open={**made.open, scheme: others}))


def unpaid_advance(
    ctx: Context, notice_id: str, notice: Notice, _by_fund: Mapping[str, int]
) -> None:
    """An advance's money came back: its notice is open again, beside one that is open by now."""
    home, care, scheme = notice.cause
    made = find(ctx.state, home, care)
    known = made.open.get(scheme, ())
    if notice_id not in known:
        _put(ctx.state, home, care, replace(made, open={**made.open, scheme: (*known, notice_id)}))
    _tell_usage(ctx, home, care)


def _tell_usage(ctx: Context, home: str, care: str) -> None:
    period: str | None = ctx.state.get("period")
    statement = statement_record.find(ctx.state, period, home, care) if period else None
    if period and statement is not None:
        told = usage.with_usage(ctx, period, home, care, statement)
        statement_record.put(ctx.state, period, home, care, told)


def _held_by_sender(ctx: Context, args: Args) -> tuple[str, str, str]:
    if ctx.sender_region != args["care"]:
        reject("advance.not-holder", care=args["care"], sender_region=ctx.sender_region)
    return args["home"], args["care"], args["scheme"]


def _without_open(state: State, home: str, care: str, scheme: str) -> Advance:
    made = find(state, home, care)
    if made.open.get(scheme):
        reject("advance.open-notice", home=home, care=care, notice=made.open[scheme][0])
    return made


def _issue(
    ctx: Context, made: Advance, home: str, care: str, scheme: str, amount_fen: int
) -> Answer:
    """The notice of a deposit, or of a return where the amount is below zero."""
    notice_id = ""
    if amount_fen:
        number = made.number + 1
        notice_id = f"advance:{home}:{care}:{number}"
        fund = chart.ADVANCES[scheme]
        at_home = [(chart.prepaid(home, care), fund, -amount_fen)]
        at_care = [(chart.advance(home, care), fund, amount_fen)]
        deposit = amount_fen > 0
        notice_record.issue(
            ctx,
            notice_id,
            kind=Kind.ADVANCE if deposit else Kind.ADVANCE_RETURN,
            payer=home if deposit else care,
            payee=care if deposit else home,
            cause=(home, care, scheme),
            out=at_home if deposit else at_care,
            into=at_care if deposit else at_home,
        )
        made = replace(made, number=number, open={**made.open, scheme: (notice_id,)})
    _put(ctx.state, home, care, made)
    return {
        "home": home,
        "care": care,
        "scheme": scheme,
        "quota_fen": made.quota.get(scheme, 0),
        "notice": notice_id,
        "amount_fen": amount_fen,
    }


def _put(state: State, home: str, care: str, made: Advance) -> None:
    state.put(f"advance/{home}/{care}", made.encode())
