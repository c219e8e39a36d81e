"""``audit.*``: what the bureau of the place of care takes off a settlement, and who has a say.

    audit.notice  {deduction, claim, amount_fen}   attachment ``audit``: lines with reasons
    audit.answer  {deduction, answer}              the institution accepts or objects
    audit.decide  {deduction, amount_fen}          a second person, at most as noticed;
                                                   attachment ``audit``: of which line how much

Before the month is confirmed a deduction lowers the declaration. After it, a finding lands in the
period that collects then, linked to the settlement's own: a closed period is never touched. The
money goes the settlement's way back to its fund, the institution bears the amount, and the
patient's share stays as it was.
"""

from __future__ import annotations

from dataclasses import replace

from contracts import parameters
from contracts.api import Answer, Args, Context, Contract, Value, reject
from contracts.organisations import INSTITUTIONS, require_competent, require_own_id
from contracts.schema import Fen, Id, List, OneOf, Optional, Record, Text
from contracts.settlement import claim as claims
from contracts.settlement import recovery_record
from contracts.settlement.calendar import date_of_ms, work_calendar
from contracts.settlement.clearing import (
    account_record,
    audit_record,
    declaration_record,
    owed,
)
from contracts.settlement.clearing.audit_record import (
    Deduction,
    DeductionStage,
    DeductionStep,
    follow,
)
from contracts.settlement.clearing.declaration_record import Cells, Declaration, Stage, Step
from contracts.settlement.clearing.objection import note_adjusted
from contracts.settlement.clearing.stated import Origin, into_statements
from contracts.settlement.funds_book import post
from contracts.settlement.life import START
from contracts.settlement.lifecycle import ClaimState
from contracts.settlement.records import Claim, Declared, content_digest

CONTRACT = Contract("audit", version=1)

AUDIENCE = "audit"
"""The attachment of a notice and of a statement: read by those who take part in the settlement."""

WHY_DEDUCTED = (
    "not_indicated",
    "not_done",
    "repeated_charge",
    "split_charge",
    "over_quantity",
    "wrong_item",
    "over_ceiling",
    "outside_scope",
    "unpaid_practitioner",
    "papers_missing",
    "other",
)
"""Why a line is not paid for: words of a list, the case itself is in the note."""

LINE = Record(
    {
        "line": Id(30),
        "line_fen": Fen(1),
        "amount_fen": Fen(1),
        "reason": OneOf(*WHY_DEDUCTED),
        "note": Optional(Text(0, 500, lines=True), ""),
    }
)
"""``line``: the institution's number of the line. ``line_fen``: its amount on the bill."""

UPHELD = Record({"line": Id(30), "amount_fen": Fen()})
"""What a decision upholds of a noticed line; the contract holds the sum to the decided amount."""


@CONTRACT.method(
    args={"deduction": Id(64), "claim": Id(64), "amount_fen": Fen(1)},
    attachments={AUDIENCE: Record({"lines": List(LINE, max=500, min=1)})},
    kinds=("bureau",),
    posts=("audit",),
)
def notice(ctx: Context, args: Args) -> Answer:
    """Give notice of a deduction from a declared settlement, line by line with reasons.

    Refuses with ``audit.above-line``, ``audit.above-bill``, ``audit.above-funds``,
    ``audit.sum-differs``, ``audit.pending``, ``audit.not-declared``, ``audit.duplicate-id``.
    """
    deduction_id, claim_id = args["deduction"], args["claim"]
    require_own_id(ctx, deduction_id)
    digest = content_digest(ctx, "audit.notice", args)
    known = audit_record.find(ctx.state, deduction_id)
    if known is not None:
        if known.digest != digest:
            reject("audit.duplicate-id", deduction=deduction_id, claim=known.claim)
        return _answer(deduction_id, known)
    claim, declared = _declared(ctx, claim_id)
    require_competent(ctx, claim.care)
    if declared.pending:
        reject("audit.pending", claim=claim_id, deduction=declared.pending)
    lines = ctx.attachments[AUDIENCE].content["lines"]
    # What a liable party has paid back is not owed by the institution a second time.
    left = recovery_record.left_of(ctx.state, claim_id, claim)
    _check_lines(claim, args["amount_fen"], lines, sum(fen for _, fen in left))
    month = declaration_record.load(ctx.state, claim.institution, declared.month)
    if month.stage is not Stage.CONFIRMED:
        stage = declaration_record.follow(
            month.stage, Step.DEDUCT, claim.institution, declared.month
        )
        month = replace(month, stage=stage, pending=month.pending + 1)
        declaration_record.put(ctx.state, claim.institution, declared.month, month)
    today = date_of_ms(ctx.time_ms)
    rules = parameters.area(ctx.state, "declaration", claim.care)
    made = Deduction(
        stage=follow(START, DeductionStep.NOTICE, deduction_id),
        claim=claim_id,
        institution=claim.institution,
        care=claim.care,
        area=claim.area,
        month=declared.month,
        amount_fen=args["amount_fen"],
        auditor=ctx.holder,
        noticed_on=today,
        due_on=work_calendar(ctx.state).add_working_days(today, rules["answer_within"]),
        answer="",
        decider="",
        decided_fen=0,
        by_fund=(),
        original_period=month.period,
        period="",
        digest=digest,
    )
    claims.put(ctx, claim_id, replace(claim, declared=replace(declared, pending=deduction_id)))
    return _store(ctx, deduction_id, made)


@CONTRACT.method(
    args={"deduction": Id(64), "answer": OneOf("accept", "object")},
    attachments={AUDIENCE: Optional(Record({"statement": Text(1, 4000, lines=True)}))},
    kinds=INSTITUTIONS,
    posts=("clerk", "finance", "audit", "doctor"),
)
def answer(ctx: Context, args: Args) -> Answer:
    """The institution's statement on a deduction, until its due day.

    Refuses with ``audit.not-yours``, ``audit.too-late``.
    """
    deduction_id = args["deduction"]
    made = audit_record.load(ctx.state, deduction_id)
    if made.institution != ctx.sender:
        reject("audit.not-yours", deduction=deduction_id)
    if made.stage is DeductionStage.ANSWERED and made.answer == args["answer"]:
        return _answer(deduction_id, made)
    stage = follow(made.stage, DeductionStep.ANSWER, deduction_id)
    today = date_of_ms(ctx.time_ms)
    if today > made.due_on:
        reject("audit.too-late", deduction=deduction_id, due_on=made.due_on, today=today)
    return _store(ctx, deduction_id, replace(made, stage=stage, answer=args["answer"]))


@CONTRACT.method(
    args={"deduction": Id(64), "amount_fen": Fen()},
    attachments={AUDIENCE: Optional(Record({"lines": List(UPHELD, max=500, min=1)}))},
    kinds=("bureau",),
    posts=("audit", "checker"),
)
def decide(ctx: Context, args: Args) -> Answer:
    """Decide a deduction: all of it, less, or nothing. Never by whoever gave notice.

    Where it is less, the attachment says what was upheld of which line. Refuses with
    ``audit.same-holder``, ``audit.waits``, ``audit.above-notice``, ``audit.reversed``,
    ``audit.line-twice``, ``audit.sum-differs``.
    """
    deduction_id, amount = args["deduction"], args["amount_fen"]
    made = audit_record.load(ctx.state, deduction_id)
    require_competent(ctx, made.care)
    if (made.stage, made.decider, made.decided_fen) == (
        DeductionStage.DECIDED, ctx.holder, amount,
    ):  # fmt: skip
        return _answer(deduction_id, made)
    stage = follow(made.stage, DeductionStep.DECIDE, deduction_id)
    today = date_of_ms(ctx.time_ms)
    if made.auditor == ctx.holder:
        reject("audit.same-holder", deduction=deduction_id, auditor=made.auditor)
    if made.stage is DeductionStage.NOTICED and today <= made.due_on:
        reject("audit.waits", deduction=deduction_id, due_on=made.due_on, today=today)
    if amount > made.amount_fen:
        reject("audit.above-notice", asked_fen=amount, noticed_fen=made.amount_fen)
    if AUDIENCE in ctx.attachments:
        _check_sum(amount, ctx.attachments[AUDIENCE].content["lines"])
    claim = claims.find(ctx.state, made.claim)
    assert claim is not None, "a deduction names a settlement"
    if amount and claim.state is ClaimState.REVERSED:
        reject("audit.reversed", claim=made.claim, reversal=claim.reversal)
    by_fund = _share_out(recovery_record.left_of(ctx.state, made.claim, claim), amount)
    made = replace(
        made, stage=stage, decider=ctx.holder, decided_fen=amount, by_fund=tuple(by_fund.items())
    )
    made = _book(ctx, deduction_id, made, claim, by_fund)
    return _store(ctx, deduction_id, made)


def _book(
    ctx: Context, deduction_id: str, made: Deduction, claim: Claim, by_fund: dict[str, int]
) -> Deduction:
    """Post what was upheld; into the declaration, or into the period that collects now."""
    declared = claim.declared
    assert declared is not None, "a deduction is of a declared settlement"
    taken = tuple(account_record.plus(dict(declared.deducted), by_fund).items())
    claims.put(
        ctx, made.claim, replace(claim, declared=replace(declared, deducted=taken, pending=""))
    )
    cells: Cells = {f"{claim.area}/{claim.scheme}/{f}": -fen for f, fen in by_fund.items()}
    confirmed = bool(made.original_period)
    if not confirmed:
        month = declaration_record.load(ctx.state, made.institution, made.month)
        month = _into_month(month, cells, made)
        declaration_record.put(ctx.state, made.institution, made.month, month)
    if not by_fund:
        return made
    post(ctx, f"deduction/{deduction_id}", owed.deduction_legs(claim, by_fund))
    account = account_record.find(ctx.state, made.institution)
    account = replace(account, declared=account_record.plus(account.declared, by_fund, -1))
    if confirmed:
        account = replace(account, due=account_record.plus(account.due, by_fund, -1))
        period = into_statements(ctx, claim.care, cells, origin=Origin.FINDING)
        made = replace(made, period=period)
        ctx.emit(
            "clearing.adjusted", claim=made.claim, institution=made.institution, care=made.care,
            area=made.area, deduction=deduction_id, original=made.original_period, period=period,
            amount_fen=-made.decided_fen,
        )  # fmt: skip
    account_record.put(ctx.state, made.institution, account)
    note_adjusted(ctx, made.claim, made.decided_fen)
    return made


def _into_month(month: Declaration, cells: Cells, made: Deduction) -> Declaration:
    """The declaration with a deduction decided that was noticed before it was confirmed."""
    lowered = dict(month.cells)
    owed.add(lowered, cells, 1)
    assert month.stage is Stage.DECLARED, "no month is audited while a deduction waits"
    return replace(
        month, cells=lowered, pending=month.pending - 1,
        deducted_fen=month.deducted_fen + made.decided_fen,
    )  # fmt: skip


def _declared(ctx: Context, claim_id: str) -> tuple[Claim, Declared]:
    claim = claims.find(ctx.state, claim_id)
    if claim is None:
        reject("audit.not-declared", claim=claim_id, state="")
    declared = claim.declared
    if claim.state is not ClaimState.DECLARED or declared is None:
        reject("audit.not-declared", claim=claim_id, state=claim.state.value)
    return claim, declared


def _check_lines(claim: Claim, amount_fen: int, lines: list[Args], funds_fen: int) -> None:
    """No line loses more than it has, and all of them no more than the funds pay."""
    assert claim.settled is not None, "what is declared is settled"
    total = claim.settled.sums[0]
    for row in lines:
        if row["line_fen"] > total:
            reject("audit.above-bill", line_fen=row["line_fen"], total_fen=total)
        if row["amount_fen"] > row["line_fen"]:
            reject("audit.above-line", asked_fen=row["amount_fen"], line_fen=row["line_fen"])
    _check_sum(amount_fen, lines)
    if amount_fen > funds_fen:
        reject("audit.above-funds", asked_fen=amount_fen, funds_fen=funds_fen)


def _check_sum(amount_fen: int, lines: list[Args]) -> None:
    """Each line once, and all of them together are the amount."""
    if len({row["line"] for row in lines}) != len(lines):
        reject("audit.line-twice", lines=len(lines))
    summed = sum(row["amount_fen"] for row in lines)
    if summed != amount_fen:
        reject("audit.sum-differs", asked_fen=amount_fen, lines_fen=summed)


def _share_out(rows: list[tuple[str, int]], amount_fen: int) -> dict[str, int]:
    """Which fund gets how much back: the last payer first, as a reversal refunds.

    ``rows``: (fund type, fen) that the funds pay and that has not come back to them, in that order.
    """
    shares, left = {}, amount_fen
    for fund, fen in rows:
        share = min(fen, left)
        if share > 0:
            shares[fund] = share
            left -= share
    assert not left, "a deduction is never above what the funds pay"
    return shares


def _store(ctx: Context, deduction_id: str, made: Deduction) -> Answer:
    audit_record.put(ctx.state, deduction_id, made)
    told: dict[str, Value] = {
        "deduction": deduction_id, "claim": made.claim, "institution": made.institution,
        "care": made.care, "area": made.area, "month": made.month, "due_on": made.due_on,
        "amount_fen": made.amount_fen, "decided_fen": made.decided_fen,
    }  # fmt: skip
    ctx.emit(f"deduction.{made.stage.value}", **told)
    return _answer(deduction_id, made)


def _answer(deduction_id: str, made: Deduction) -> Answer:
    return {
        "deduction": deduction_id,
        "claim": made.claim,
        "stage": made.stage.value,
        "amount_fen": made.amount_fen,
        "decided_fen": made.decided_fen,
        "due_on": made.due_on,
        "period": made.period,
    }
