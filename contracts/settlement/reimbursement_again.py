"""``reimbursement.again``: a reimbursement is decided again on what is known now.

For a late filing, counters that were fed late, a policy that was put right. The ledger keeps no
charge line of a decided bill, only the digest of the call that brought it; that call is attached as
it was, and what decides may differ only in what the ledger knows. It is decided on the year's
counters as they were, in its own place. What the funds owe more is posted, ordered by another
person and paid by a bank like the first time; a decision that gives less is refused, since nobody
takes money back from a person without hearing them. The same call once more is a retry only where
there is nothing more: what is known may have changed again.
"""

from __future__ import annotations

from dataclasses import replace

from contracts import parameters
from contracts.api import Answer, Args, Context, reject
from contracts.organisations import require_competent
from contracts.quick import quick
from contracts.schema import Bytes, Id, OneOf, Record, ShapeError
from contracts.settlement import counters, enrolment
from contracts.settlement import funds_chart as chart
from contracts.settlement.claim_case import AFTER_PAYMENT
from contracts.settlement.claim_decide import Decided, decide
from contracts.settlement.claim_lines import Rows, take_in
from contracts.settlement.claim_own import CASH_ONLY
from contracts.settlement.claim_visit import visit_of
from contracts.settlement.enrolment import Person
from contracts.settlement.funds_book import Leg, post
from contracts.settlement.records import Visit, content_digest, digest_of
from contracts.settlement.refunds import order
from contracts.settlement.refunds.original import ARGS_BYTES_MAX, CONTENT_BYTES_MAX
from contracts.settlement.reimbursement import (
    AUDIENCE,
    CONTRACT,
    answer_of,
    due_in,
    institution_of,
    store,
    tell_decision,
    verdict_of,
)
from contracts.settlement.reimbursement_record import (
    Reimbursement,
    Step,
    counted_as,
    follow,
    load,
)
from contracts.settlement.terms import COMMERCIAL, PAYER_WAIVER

__all__ = ["CONTRACT"]

WHY_AGAIN = ("late_filing", "late_counters", "policy", "other")

FILED = Record(
    {
        "args": Bytes(1, ARGS_BYTES_MAX),
        "blind": Bytes(32),
        "content": Bytes(1, CONTENT_BYTES_MAX - ARGS_BYTES_MAX - 1024),
    }
)
"""The call ``reimbursement.file`` as it was: arguments and attachment as canonical bytes."""


@quick(frozen=True, slots=True)
class _Bill:
    """What was filed."""

    visit: Visit
    rows: Rows


@CONTRACT.method(
    args={"reimbursement": Id(64), "reason": OneOf(*WHY_AGAIN)},
    attachments={AUDIENCE: FILED},
    kinds=("bureau",),
    posts=("checker",),
)
def again(ctx: Context, args: Args) -> Answer:
    """Decide a reimbursement again that was decided before; the difference is owed and paid.

    Refuses with ``reimbursement.same-holder``, ``reimbursement.content``,
    ``reimbursement.not-more``, ``reimbursement.not-counted``, ``reimbursement.wrong-stage``.
    """
    name = args["reimbursement"]
    made = load(ctx, name)
    require_competent(ctx, made.area)
    digest = content_digest(ctx, "reimbursement.again", args)
    stage = follow(made.stage, Step.AGAIN)
    if made.reviewer == ctx.holder:
        reject("reimbursement.same-holder", holder=ctx.holder)
    person = enrolment.require_insured(ctx.state, made.person, made.visit.admission, emergency=True)
    bill = _match(ctx, made)
    at_ms = _decided_at_ms(ctx, person, name, made)
    decided = _decide(ctx, name, made, person, bill, at_ms)
    payments = tuple((p.fund, p.amount_fen) for p in decided.decision.payments)
    before, after = (sum(n for _, n in rows) for rows in (made.payments, payments))
    if after <= before and digest == made.last:
        return answer_of(name, made)
    if after <= before:
        reject("reimbursement.not-more", before_fen=before, after_fen=after)
    assert made.verdict is not None, f"reimbursement {name} was decided by nothing"
    rounds = made.verdict.rounds + 1
    _post(ctx, f"{counted_as(name)}/again/{rounds}", made, payments)
    _count(ctx, person, name, made, decided, at_ms)
    tell_decision(ctx, name, replace(made, visit=bill.visit), decided, bill.rows)
    _tell_difference(ctx, made, payments)
    days = parameters.area(ctx.state, "reimbursement", made.area)["pay_within"]
    return store(
        ctx,
        name,
        replace(
            made, stage=stage, payments=payments, counters=tuple(decided.added().items()),
            due_on=due_in(ctx, days), decider=ctx.holder, reason="", last=digest,
            verdict=verdict_of(ctx, decided, rounds, tuple(made.standing.items())),
        ),
    )  # fmt: skip


def _match(ctx: Context, made: Reimbursement) -> _Bill:
    """The bill as it was filed. Refuses with ``reimbursement.content`` where a byte differs."""
    given = ctx.attachments[AUDIENCE].content
    method = CONTRACT.methods["file"]
    rule = method.attachments[AUDIENCE]
    assert rule.check is not None, "a bill has a shape"
    try:
        args = method.check_args(ctx.services.decode(given["args"]))
        content = rule.check(ctx.services.decode(given["content"]))
    except (ValueError, ShapeError):
        reject("reimbursement.content", what="shape")
    attached = ctx.services.digest("yibao/attachment/v1", given["blind"] + given["content"])
    if digest_of(ctx, "reimbursement.file", args, [[AUDIENCE, attached]]) != made.digest:
        reject("reimbursement.content", what="file")
    rows = take_in(ctx, institution_of(ctx, made.place), content["lines"])
    return _Bill(visit_of(args, content["visit"], args["discharge"]), rows)


def _decided_at_ms(ctx: Context, person: Person, name: str, made: Reimbursement) -> int:
    """When it was decided first: its place in the order of the year.

    Refuses with ``reimbursement.not-counted`` what has left the year's log.
    """
    found = [
        at_ms
        for year, _ in made.counters
        for at_ms, logged in _log_of(ctx, person, year)
        if logged == counted_as(name)
    ]
    if not found:
        reject("reimbursement.not-counted", reimbursement=name)
    return found[0]


def _log_of(ctx: Context, person: Person, year: int) -> list[tuple[int, str]]:
    known = counters.load(ctx.state, person.id, person.area, person.scheme, year)
    return [] if known is None else known.settlements


def _decide(
    ctx: Context, name: str, made: Reimbursement, person: Person, bill: _Bill, at_ms: int
) -> Decided:
    """On the counters as they were. Commercial products have answered once and are not asked."""
    logged, added = counted_as(name), dict(made.counters)
    decided = decide(
        ctx, institution_of(ctx, made.place), replace(person, covers=()), bill.visit, bill.rows,
        own=CASH_ONLY, channel=AFTER_PAYMENT,
        counted_in=order.counted_before(ctx, person, logged, added, at_ms),
    )  # fmt: skip
    waived = sum(p.amount_fen for p in decided.decision.payments if p.payer == PAYER_WAIVER)
    if waived:
        reject("reimbursement.waiver", amount_fen=waived)
    return decided


def _post(
    ctx: Context, transfer: str, made: Reimbursement, payments: tuple[tuple[str, int], ...]
) -> None:
    """What each fund owes more, or less, than by the decision before."""
    legs: list[Leg] = []
    for fund, amount in _difference(made, payments).items():
        source = chart.commercial(made.area) if fund == COMMERCIAL else chart.fund(made.area)
        legs += [(source, fund, -amount), (chart.owed(made.area), fund, amount)]
    post(ctx, transfer, legs)


def _difference(made: Reimbursement, payments: tuple[tuple[str, int], ...]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for rows, sign in ((payments, 1), (made.payments, -1)):
        for fund, amount in rows:
            sums[fund] = sums.get(fund, 0) + sign * amount
    return {fund: amount for fund, amount in sums.items() if amount}


def _count(
    ctx: Context, person: Person, name: str, made: Reimbursement, decided: Decided, at_ms: int
) -> None:
    """Exchange what was added to the counters; later settlements are listed for re-pricing."""
    logged, less, more = counted_as(name), dict(made.counters), decided.added()
    for year in sorted({**less, **more}):
        later = counters.exchange(
            ctx, person, year, (logged, less.get(year, {})),
            (logged if year in more else "", more.get(year, {})), at_ms,
        )  # fmt: skip
        place = (person.id, person.area, person.scheme, year)
        counters.list_for_repricing(ctx, place, person.salt, later, True, cause="reimbursement")


def _tell_difference(
    ctx: Context, made: Reimbursement, payments: tuple[tuple[str, int], ...]
) -> None:
    """The receipt has what is owed more; the explanation has the decision as a whole."""
    ctx.amounts.clear()
    rows = _difference(made, payments)
    ctx.amounts["funds_fen"] = sum(rows.values())
    for fund, amount in rows.items():
        ctx.amounts[f"fund_{fund}_fen"] = amount
