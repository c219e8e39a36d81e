"""``provider.pay``: what a settled case is worth to the institution, decided after settlement.

The bureau of the place of care calls it claim by claim, a thousand to a transaction, when its
grouper has spoken: monthly with the estimated rates, once more with the final ones. The group
says what somebody was treated for, so it comes in an attachment and goes into the explanation,
never into the state or the receipt.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from contracts import organisations
from contracts.api import Answer, Args, Context, reject
from contracts.organisations import require_competent
from contracts.regions import province
from contracts.schema import Fen, Id, OneOf, Optional, Record
from contracts.settlement import calendar
from contracts.settlement import claim as claims
from contracts.settlement.funds_book import Book
from contracts.settlement.lifecycle import ClaimState
from contracts.settlement.policy import PolicyVersion
from contracts.settlement.provider import book as postings
from contracts.settlement.provider import record
from contracts.settlement.provider.case import STAGES, PaymentCase
from contracts.settlement.provider.contract import CONTRACT
from contracts.settlement.provider.program import Standard
from contracts.settlement.provider.record import Paid
from contracts.settlement.provider.standards import group_of, program_of, rates_of, version_of
from contracts.settlement.records import Claim, Settled, content_digest
from contracts.settlement.terms import PAYER_FUND

AUDIENCE = "settlement"
BASIC_FUND = {"310": "310100", "390": "390100"}
"""Scheme -> the pooled fund that differences are booked in."""
NO_GROUP: dict[str, Any] = {
    "system": "", "code": "", "weight": "0", "average_cost_fen": 0, "average_days_e1": 0,
    "special_fen": 0,
}  # fmt: skip

GROUPED = Record(
    {
        "system": OneOf("drg", "dip"),
        "code": Id(40),
        "special_fen": Optional(Fen(), 0),
    }
)
"""What the grouper and, for a case decided by itself (特病单议), the bureau's panel say."""


@CONTRACT.method(
    args={"claim": Id(64), "stage": OneOf(*STAGES)},
    attachments={AUDIENCE: Optional(GROUPED)},
    kinds=("bureau",),
    posts=("clerk", "checker", "finance"),
)
def pay(ctx: Context, args: Args) -> Answer:
    """Decide a settled claim's payment and book its difference to the bill.

    Decided again it posts what changed, also where only rates or the policy did. Estimated after
    final is refused; a case decided by itself, and the final stage, need a checker. Codes
    ``provider.*``, ``claim.not-found``, ``sender.not-competent``.
    """
    name, stage = args["claim"], args["stage"]
    claim = claims.find(ctx.state, name)
    if claim is None:
        reject("claim.not-found", claim=name)
    require_competent(ctx, claim.care)
    settled = claim.settled
    if settled is None or claim.state is ClaimState.REVERSED:
        reject("provider.not-settled", claim=name, state=claim.state.value)
    attachment = ctx.attachments.get(AUDIENCE)
    grouped = None if attachment is None else attachment.content
    _check_post(ctx, stage, grouped)
    before = record.find(ctx.state, name)
    digest = content_digest(ctx, "provider.pay", args)
    if before is not None and before.stage == "final" and stage != "final":
        reject("provider.already-final", claim=name)
    date = claim.visit.discharge
    version = version_of(ctx.state, claim.care, date, ctx.height)
    case = _case(ctx, claim, settled, stage, version, grouped)
    standard, steps = program_of(ctx.state, version).charged(ctx.spend).pay(case)
    made = _paid(claim, case, standard, version, before, digest)
    if before is not None and made == replace(before, runs=made.runs):
        # Told twice. By other rates or another policy the same words are another decision.
        return _answer(name, before)
    held = Book(ctx.state)
    postings.move(ctx, name, made, before, held)
    held.save()
    _tell(ctx, name, made, case, steps, claim)
    ctx.versions["policy"] = version.to_versions()
    return _answer(name, made)


def _check_post(ctx: Context, stage: str, grouped: Args | None) -> None:
    special = grouped is not None and grouped["special_fen"]
    if (special or stage == "final") and ctx.post != "checker":
        reject("provider.needs-checker", post=ctx.post, stage=stage)


def _case(
    ctx: Context, claim: Claim, settled: Settled, stage: str, version: PolicyVersion,
    grouped: Args | None,
) -> PaymentCase:  # fmt: skip
    date = claim.visit.discharge
    institution = organisations.load(ctx.state, claim.institution)
    assert institution is not None, f"{claim.institution} has settled and is not known"
    rates = rates_of(ctx.state, version.area, claim.institution, date[:4], stage)
    if stage == "final" and ctx.state.get(f"rates/{version.area}/{date[:4]}/final") is None:
        reject("provider.no-final-rates", region=version.area, year=int(date[:4]))
    group = dict(NO_GROUP)
    if grouped is not None:
        group |= group_of(
            ctx.state, version.area, grouped["system"], grouped["code"], date, ctx.height
        )
        group["special_fen"] = grouped["special_fen"]
    total, own, over, first, in_scope = settled.sums
    funds = sum(amount for _, payer, amount in settled.payments if payer == PAYER_FUND)
    return {
        "bill": {
            "total_fen": total,
            "own_expense_fen": own,
            "over_ceiling_fen": over,
            "first_pay_fen": first,
            "in_scope_fen": in_scope,
            "funds_fen": funds,
            "others_fen": total - funds,
        },
        "visit": {
            "care_kind": claim.visit.care_kind,
            "admission": claim.visit.admission,
            "discharge": date,
            "days": calendar.days_between(claim.visit.admission, date),
        },
        "institution": {
            "id": claim.institution,
            "level": institution.dedc_level,
            "kind": institution.kind,
            "region": institution.region,
        },
        "group": group,
        "scheme": claim.scheme,
        "home_area": claim.area,
        "cross_province": province(claim.area) != province(claim.care),
        "stage": stage,
        "rates": rates or {},
    }


def _paid(
    claim: Claim, case: PaymentCase, standard: Standard, version: PolicyVersion,
    before: Paid | None, digest: bytes,
) -> Paid:  # fmt: skip
    bill = case["bill"]
    return Paid(
        stage=case["stage"],
        way=standard.way,
        standard_fen=standard.amount_fen,
        total_fen=bill["total_fen"],
        funds_fen=bill["funds_fen"],
        # A patient who paid more than the standard is not refunded by the hospital's payment, and
        # the hospital owes the funds nothing beyond what they would have paid.
        paid_fen=max(0, standard.amount_fen - bill["others_fen"]),
        region=version.area,
        number=version.number,
        fund_type=BASIC_FUND[claim.scheme],
        institution=claim.institution,
        month=claim.visit.discharge[:7],
        runs=1 if before is None else before.runs + 1,
        digest=digest,
    )


def _tell(
    ctx: Context, name: str, made: Paid, case: PaymentCase, steps: list[Any], claim: Claim
) -> None:
    ctx.amounts["standard_fen"] = made.standard_fen
    ctx.amounts["funds_fen"] = made.funds_fen
    ctx.amounts["paid_fen"] = made.paid_fen
    ctx.amounts["result_fen"] = made.result_fen
    ctx.explain(
        {
            "claim": name,
            "way": made.way,
            "bill": case["bill"],
            "group": case["group"],
            "rates": case["rates"],
            "stage": made.stage,
            "steps": steps,
        },
        secret=claim.salt,
    )
    ctx.emit(
        "provider.paid", claim=name, institution=made.institution, stage=made.stage, way=made.way
    )


def _answer(name: str, made: Paid) -> Answer:
    return {
        "claim": name,
        "stage": made.stage,
        "way": made.way,
        "standard_fen": made.standard_fen,
        "funds_fen": made.funds_fen,
        "paid_fen": made.paid_fen,
        "result_fen": made.result_fen,
    }
