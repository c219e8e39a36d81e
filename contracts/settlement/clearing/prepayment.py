"""``prepayment.*``: the place of care prepays its hospitals about a month, and gets it back.

    prepayment.grant      {prepayment, institution, fund_type, amount_fen}   notice to pay
    prepayment.give_back  {prepayment, institution, fund_type, amount_fen}   notice to the hospital
    prepayment.offset     {prepayment, institution, fund_type, amount_fen}   against what is owed
    prepayment.withdraw   {prepayment}                                       before it is paid

Applied for in January, back by the end of the year (RULES.md section 4.3). A prepayment is of one
fund and is set off against that fund's payable only. What was asked back and is not paid yet is
neither asked for nor set off a second time.

State: ``prepayment-id/<prepayment>``: digest and notice of a call;
``prepayment-asked/<institution>``: the open part of what was asked back, fen by fund type.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from contracts import organisations
from contracts.api import Answer, Args, Context, Contract, State, reject
from contracts.organisations import require_competent, require_own_id
from contracts.schema import Fen, Id
from contracts.settlement import funds_chart as chart
from contracts.settlement.clearing import account_record, notice_record, payment_record
from contracts.settlement.clearing.notice_record import Kind, Notice, NoticeStage
from contracts.settlement.funds_book import balance, post
from contracts.settlement.records import content_digest
from contracts.settlement.terms import FUNDS, PAYER_FUND

CONTRACT = Contract("prepayment", version=1)

_ARGS = {
    "prepayment": Id(50),
    "institution": Id(64),
    "fund_type": Id(24),
    "amount_fen": Fen(1),
}
_POSTS = ("finance", "checker")


@CONTRACT.method(args=_ARGS, kinds=("bureau",), posts=_POSTS)
def grant(ctx: Context, args: Args) -> Answer:
    """Prepay an institution out of a fund; it is paid like every notice.

    Refuses with ``prepayment.duplicate-id``, ``prepayment.institution``, ``prepayment.fund``.
    """
    if (known := _begun(ctx, "grant", args)) is not None:
        return known
    region = _region(ctx, args)
    account, fund, fen = _account(args)
    notice_id = f"prepayment:{args['prepayment']}"
    notice_record.issue(
        ctx, notice_id, kind=Kind.PREPAYMENT, payer=region, payee=args["institution"],
        cause=(args["institution"], args["prepayment"]), out=[(account, fund, -fen)], into=[],
    )  # fmt: skip
    return _done(ctx, "grant", args, notice_id)


@CONTRACT.method(args=_ARGS, kinds=("bureau",), posts=_POSTS)
def give_back(ctx: Context, args: Args) -> Answer:
    """Ask an institution for a prepayment that it holds and was not asked for; it pays the notice.

    Refuses with ``prepayment.above-held``.
    """
    if (known := _begun(ctx, "give_back", args)) is not None:
        return known
    region = _region(ctx, args)
    account, fund, fen = _held(ctx, args)
    notice_id = f"prepayment:{args['prepayment']}"
    # The institution's own books are not the ledger's: its bank pays, the agency's bank receives.
    notice_record.issue(
        ctx, notice_id, kind=Kind.PREPAYMENT_RETURN, payer=args["institution"], payee=region,
        cause=(args["institution"], args["prepayment"]), out=[], into=[(account, fund, fen)],
    )  # fmt: skip
    _ask(ctx.state, args["institution"], {fund: fen}, 1)
    return _done(ctx, "give_back", args, notice_id)


@CONTRACT.method(args=_ARGS, kinds=("bureau",), posts=_POSTS)
def offset(ctx: Context, args: Args) -> Answer:
    """Set a prepayment off against what the same fund owes the institution, nothing is paid.

    At most what is owed. The next notice is lower by it; one that was issued stands.
    Refuses with ``prepayment.above-held``, ``prepayment.above-owed``.
    """
    if (known := _begun(ctx, "offset", args)) is not None:
        return known
    _region(ctx, args)
    account, fund, fen = _held(ctx, args)
    institution = args["institution"]
    owed_fen = balance(ctx.state, chart.payable(institution), fund)
    if fen > owed_fen:
        reject("prepayment.above-owed", asked_fen=fen, owed_fen=owed_fen)
    legs = [(account, fund, fen), (chart.payable(institution), fund, -fen)]
    post(ctx, f"prepayment/{args['prepayment']}", legs)
    found = account_record.find(ctx.state, institution)
    taken = {fund: fen}
    found = replace(
        found, declared=account_record.plus(found.declared, taken, -1),
        due=account_record.plus(found.due, taken, -1),
    )  # fmt: skip
    account_record.put(ctx.state, institution, found)
    return _done(ctx, "offset", args, "")


@CONTRACT.method(args={"prepayment": Id(50)}, kinds=("bureau",), posts=_POSTS)
def withdraw(ctx: Context, args: Args) -> Answer:
    """Take back the notice of a prepayment, or of what was asked back, that was not paid.

    Refuses with ``payment.notice-not-found``, ``payment.in-flight``, ``payment.already-paid``.
    """
    notice_id = f"prepayment:{args['prepayment']}"
    notice = notice_record.load(ctx.state, notice_id)
    given = notice.kind is Kind.PREPAYMENT
    require_competent(ctx, notice.payer if given else notice.payee)
    fresh = notice.stage is not NoticeStage.WITHDRAWN
    payment_record.withdraw_notice(ctx, notice_id, notice)
    if fresh and not given:
        _ask(ctx.state, notice.payer, notice.by_fund(), -1)
    return {
        "prepayment": args["prepayment"], "institution": notice.cause[0],
        "amount_fen": notice.amount_fen, "notice": notice_id,
    }  # fmt: skip


def _begun(ctx: Context, method: str, args: Args) -> Answer | None:
    """The first answer of a call that was made before; refuses another one under its id."""
    require_own_id(ctx, args["prepayment"])
    known = ctx.state.get(f"prepayment-id/{args['prepayment']}")
    if known is None:
        return None
    digest, notice_id = known
    if digest != content_digest(ctx, f"prepayment.{method}", args):
        reject("prepayment.duplicate-id", prepayment=args["prepayment"])
    return _answer(args, notice_id)


def _region(ctx: Context, args: Args) -> str:
    """The institution's district; its bureau alone acts, with a fund that can be prepaid."""
    found = organisations.load(ctx.state, args["institution"])
    if found is None or found.kind not in organisations.INSTITUTIONS:
        reject("prepayment.institution", institution=args["institution"])
    require_competent(ctx, found.region)
    fund = FUNDS.get(args["fund_type"])
    if fund is None or fund.payer != PAYER_FUND:
        reject("prepayment.fund", fund_type=args["fund_type"])
    return found.region


def _account(args: Args) -> tuple[str, str, int]:
    return chart.prepayment(args["institution"]), args["fund_type"], args["amount_fen"]


def _held(ctx: Context, args: Args) -> tuple[str, str, int]:
    """Account, fund and amount of what goes back, at most what the institution holds and was not
    asked for yet."""
    account, fund, fen = _account(args)
    held = -balance(ctx.state, account, fund)
    back_fen = asked_back(ctx.state, args["institution"]).get(fund, 0)
    if fen > held - back_fen:
        reject("prepayment.above-held", asked_fen=fen, held_fen=held, asked_back_fen=back_fen)
    return account, fund, fen


def asked_back(state: State, institution: str) -> dict[str, int]:
    """Fen by fund type that an institution was asked to give back and has not."""
    return state.get(f"prepayment-asked/{institution}") or {}


def given_back(ctx: Context, _notice_id: str, notice: Notice, by_fund: Mapping[str, int]) -> None:
    """So much of what an institution was asked for is back."""
    _ask(ctx.state, notice.payer, by_fund, -1)


def not_given_back(
    ctx: Context, _notice_id: str, notice: Notice, by_fund: Mapping[str, int]
) -> None:
    """The institution's money came back to it: so much is asked for again."""
    _ask(ctx.state, notice.payer, by_fund, 1)


def _ask(state: State, institution: str, by_fund: Mapping[str, int], sign: int) -> None:
    asked = account_record.plus(asked_back(state, institution), by_fund, sign)
    kept = {fund: fen for fund, fen in sorted(asked.items()) if fen}
    state.put(f"prepayment-asked/{institution}", kept)


def _done(ctx: Context, method: str, args: Args, notice_id: str) -> Answer:
    digest = content_digest(ctx, f"prepayment.{method}", args)
    ctx.state.put(f"prepayment-id/{args['prepayment']}", [digest, notice_id])
    ctx.emit(
        f"prepayment.{method.replace('_', '-')}", prepayment=args["prepayment"],
        institution=args["institution"], amount_fen=args["amount_fen"],
    )  # fmt: skip
    return _answer(args, notice_id)


def _answer(args: Args, notice_id: str) -> Answer:
    return {
        "prepayment": args["prepayment"],
        "institution": args["institution"],
        "amount_fen": args["amount_fen"],
        "notice": notice_id,
    }
