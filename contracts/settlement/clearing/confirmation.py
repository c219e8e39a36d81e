"""``declaration.audit`` and what follows: the bureau of the place of care confirms a month.

    declaration.set_aside  {institution, month, claims}   not confirmed this month: they roll on
    declaration.audit      {institution, month}           the auditor is through
    declaration.send_back  {institution, month}           back to the auditor
    declaration.confirm    {institution, month, amount_fen}   by a second person

What is confirmed is owed to the institution and enters the statements of the period that collects:
between its province and each home province, or between two cities of one province, and of every
insurer whose products have paid. All of it in one call: there is no moment at which one of them
knows and the other does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from contracts import parameters
from contracts.api import Answer, Args, Context, reject
from contracts.organisations import require_competent
from contracts.schema import Fen, Id, List, Month, OneOf, Record
from contracts.settlement import claim as claims
from contracts.settlement import funds_chart as chart
from contracts.settlement.calendar import work_calendar
from contracts.settlement.clearing import (
    account_record,
    declaration_record,
    insurers,
    notice_record,
    owed,
    period_record,
)
from contracts.settlement.clearing.account_record import InstitutionAccount
from contracts.settlement.clearing.declaration import CONTRACT, tell
from contracts.settlement.clearing.declaration_record import Cells, Declaration, Step, follow
from contracts.settlement.clearing.notice_record import Kind, Notice, NoticeStage
from contracts.settlement.clearing.stated import into_statements
from contracts.settlement.lifecycle import Action
from contracts.settlement.lifecycle import follow as follow_claim
from contracts.settlement.records import Claim

__all__ = ["CONTRACT"]

WHY_ASIDE = ("under_review", "papers_missing", "disputed", "other")
"""Why a settlement is not confirmed this month."""
ASIDE_AT_ONCE = 50
"""Each is an event of its own, so that it can be found under its claim."""

WORK_OF_CELL = 20
"""Units of the policies' meter: an area's amount is added to its statement."""

_MONTH = {"institution": Id(64), "month": Month()}


@CONTRACT.method(
    args={
        **_MONTH,
        "claims": List(
            Record({"claim": Id(64), "reason": OneOf(*WHY_ASIDE)}), max=ASIDE_AT_ONCE, min=1
        ),
    },
    kinds=("bureau",),
    posts=("audit",),
)
def set_aside(ctx: Context, args: Args) -> Answer:
    """Take settlements out of a declared month, unconfirmed: they are declared again later.

    Refuses with ``declaration.not-in-month``, ``declaration.rolled-too-often``,
    ``audit.pending``.
    """
    institution, month, made = _load(ctx, args)
    stage = follow(made.stage, Step.SET_ASIDE, institution, month)
    rules = parameters.area(ctx.state, "declaration", made.care)
    cells, covers = dict(made.cells), dict(made.covers)
    moved: Cells = {}
    waiting: list[Claim] = []
    for row in args["claims"]:
        claim = _in_month(ctx, institution, month, row["claim"])
        declared = claim.declared
        assert declared is not None, "what is in a month is declared"
        if declared.pending:
            reject("audit.pending", claim=row["claim"], deduction=declared.pending)
        if declared.times >= rules["set_aside_times"]:
            reject(
                "declaration.rolled-too-often", claim=row["claim"], times=declared.times,
                limit=rules["set_aside_times"],
            )  # fmt: skip
        owed.add(cells, owed.cells_of(claim), -1)
        owed.add(covers, owed.covers_of(claim), -1)
        owed.add(moved, owed.cells_of(claim), 1)
        rolled = replace(declared, month="", times=declared.times + 1)
        state = follow_claim(claim.state, Action.SET_ASIDE)
        waiting.append(replace(claim, state=state, declared=rolled))
        claims.put(ctx, row["claim"], waiting[-1])
        ctx.emit(
            "declaration.set-aside", claim=row["claim"], institution=institution, month=month,
            reason=row["reason"], times=rolled.times,
        )  # fmt: skip
    count, fen = made.aside
    aside = (count + len(args["claims"]), fen + sum(moved.values()))
    made = replace(made, stage=stage, cells=cells, covers=covers, aside=aside)
    declaration_record.put(ctx.state, institution, month, made)
    account = account_record.find(ctx.state, institution)
    less = account_record.plus(account.declared, owed.by_fund(moved), -1)
    account_record.put(ctx.state, institution, replace(account, declared=less))
    account_record.roll(ctx.state, institution, waiting, 1)
    return _answer(institution, month, made)


@CONTRACT.method(args=_MONTH, kinds=("bureau",), posts=("audit",))
def audit(ctx: Context, args: Args) -> Answer:
    """The auditor is through with a month; a second person confirms it.

    Refuses with ``declaration.undecided`` while a deduction waits for its decision.
    """
    institution, month, made = _load(ctx, args)
    stage = follow(made.stage, Step.AUDIT, institution, month)
    if made.pending:
        reject("declaration.undecided", institution=institution, month=month, waiting=made.pending)
    made = replace(made, stage=stage, auditor=ctx.holder)
    return _store(ctx, institution, month, made)


@CONTRACT.method(args=_MONTH, kinds=("bureau",), posts=("audit", "checker"))
def send_back(ctx: Context, args: Args) -> Answer:
    """Give an audited month back to the auditor: it is not confirmed as it stands."""
    institution, month, made = _load(ctx, args)
    stage = follow(made.stage, Step.SEND_BACK, institution, month)
    return _store(ctx, institution, month, replace(made, stage=stage, auditor=""))


@CONTRACT.method(
    args={**_MONTH, "amount_fen": Fen(-(10**15))}, kinds=("bureau",), posts=("audit", "checker")
)
def confirm(ctx: Context, args: Args) -> Answer:
    """Confirm an audited month: it is owed to the institution and enters the statements.

    Never by whoever audited it. Refuses with ``declaration.same-holder``,
    ``declaration.confirmed``, ``declaration.amount-differs``, ``declaration.period-behind``.
    """
    institution, month, made = _load(ctx, args)
    if made.stage is declaration_record.Stage.CONFIRMED:
        reject(
            "declaration.confirmed", institution=institution, month=month, period=made.period,
            confirmed_fen=made.owed_fen,
        )  # fmt: skip
    stage = follow(made.stage, Step.CONFIRM, institution, month)
    if made.auditor == ctx.holder:
        reject("declaration.same-holder", auditor=made.auditor, holder=ctx.holder)
    if args["amount_fen"] != made.owed_fen:
        reject(
            "declaration.amount-differs", institution=institution, month=month,
            asked_fen=args["amount_fen"], owed_fen=made.owed_fen,
        )  # fmt: skip
    period = period_record.collecting(ctx.state)
    if month > period:
        reject("declaration.period-behind", month=month, collecting=period)
    ctx.spend((len(made.cells) + len(made.covers)) * WORK_OF_CELL)
    made = replace(made, stage=stage, checker=ctx.holder, period=period, due_on="")
    into_statements(ctx, made.care, made.cells)
    insurers.into_statements(ctx, made.care, made.covers)
    _owe(ctx, institution, month, made)
    return _store(ctx, institution, month, made)


def _owe(ctx: Context, institution: str, month: str, made: Declaration) -> None:
    """Issue the notice for what is due to the institution, late deductions set off.

    When less than nothing is due, it waits for the months to come.
    """
    account = account_record.find(ctx.state, institution)
    due = account_record.plus(account.due, owed.by_fund(made.cells))
    if sum(due.values()) <= 0:
        # A month that waits for nothing more than the next one is off the list of the unpaid.
        months = tuple(m for m in account.months if m != month)
        account_record.put(ctx.state, institution, replace(account, due=due, months=months))
        return
    rules = parameters.area(ctx.state, "declaration", made.care)
    notice_record.issue(
        ctx,
        f"institution:{month}:{institution}",
        kind=Kind.INSTITUTION,
        payer=made.care,
        payee=institution,
        cause=(month, institution),
        out=[(chart.payable(institution), fund, -fen) for fund, fen in sorted(due.items())],
        into=[],
        due_on=work_calendar(ctx.state).add_working_days(made.closed_on, rules["pay_within"]),
    )
    account_record.put(ctx.state, institution, replace(account, due={}))


def paid_institution(
    ctx: Context, _notice_id: str, notice: Notice, by_fund: Mapping[str, int]
) -> None:
    """So much of an institution's notice is paid; once all is, its month is off the list."""
    month, institution = notice.cause
    account = account_record.find(ctx.state, institution)
    done = notice.stage is NoticeStage.PAID
    paid: InstitutionAccount = replace(
        account,
        declared=account_record.plus(account.declared, by_fund, -1),
        months=tuple(m for m in account.months if m != month or not done),
    )
    account_record.put(ctx.state, institution, paid)


def unpaid_institution(
    ctx: Context, _notice_id: str, notice: Notice, by_fund: Mapping[str, int]
) -> None:
    """Money of an institution's notice came back: its month is on the list again."""
    month, institution = notice.cause
    account = account_record.find(ctx.state, institution)
    owes: InstitutionAccount = replace(
        account,
        declared=account_record.plus(account.declared, by_fund),
        months=tuple(sorted({*account.months, month})),
    )
    account_record.put(ctx.state, institution, owes)


def _load(ctx: Context, args: Args) -> tuple[str, str, Declaration]:
    """Institution, month and declaration, for the bureau of the place of care."""
    institution, month = args["institution"], args["month"]
    made = declaration_record.load(ctx.state, institution, month)
    require_competent(ctx, made.care)
    return institution, month, made


def _in_month(ctx: Context, institution: str, month: str, claim_id: str) -> Claim:
    claim = claims.find(ctx.state, claim_id)
    declared = "" if claim is None or claim.declared is None else claim.declared.month
    if claim is None or claim.institution != institution or declared != month:
        reject("declaration.not-in-month", claim=claim_id, month=month, declared=declared)
    return claim


def _store(ctx: Context, institution: str, month: str, made: Declaration) -> Answer:
    declaration_record.put(ctx.state, institution, month, made)
    tell(ctx, institution, month, made)
    return _answer(institution, month, made)


def _answer(institution: str, month: str, made: Declaration) -> Answer:
    return {
        "institution": institution,
        "month": month,
        "stage": made.stage.value,
        "owed_fen": made.owed_fen,
        "aside": made.aside[0],
        "aside_fen": made.aside[1],
        "deducted_fen": made.deducted_fen,
        "period": made.period,
    }
