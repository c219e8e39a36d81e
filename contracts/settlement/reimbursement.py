"""Contract ``reimbursement``: whoever paid everything first is reimbursed (零星报销).

The person, or an agent, brings the bill to the insured place. Its clerk files it with the
electronic invoices, which are used once in the country; a reviewer looks, may ask for missing
papers once, and advises; a checker, who is another person, decides. The decision is the same code
as a direct settlement, with the channel ``after_payment`` and the catalogue that the home policy
names for it. What the funds owe is paid to a bank token (``reimbursement_pay``).

The same bill is never paid twice: the invoice is one lock, the counters' log of the person's year
is the other (``claim_overlap``), and both are looked at when the bill is decided.
"""

from __future__ import annotations

from dataclasses import replace

from contracts import organisations, parameters
from contracts.api import Answer, Args, Context, Contract, Value, reject
from contracts.organisations import Organisation
from contracts.schema import (
    LEFT_OUT,
    Bytes,
    Date,
    Fen,
    Id,
    Int,
    List,
    OneOf,
    Optional,
    Record,
    Region,
)
from contracts.settlement import (
    calendar,
    claim_stay,
    counters,
    cover_settle,
    enrolment,
    invoices,
)
from contracts.settlement import funds_chart as chart
from contracts.settlement.calendar import work_calendar
from contracts.settlement.case import INSTITUTION_KINDS
from contracts.settlement.claim_case import AFTER_PAYMENT
from contracts.settlement.claim_decide import Decided, decide, told_beside
from contracts.settlement.claim_explain import explanation_of, tell_amounts
from contracts.settlement.claim_flags import check_flags
from contracts.settlement.claim_lines import Rows, check_rows, take_in
from contracts.settlement.claim_overlap import require_not_settled
from contracts.settlement.claim_own import CASH_ONLY
from contracts.settlement.claim_shapes import (
    AGENTS,
    CLINICAL,
    LINES_AT_ONCE,
    WHY_STAYS_OVERLAP,
    Line,
)
from contracts.settlement.claim_visit import check_dates, visit_of
from contracts.settlement.funds_book import Leg, post
from contracts.settlement.life import START
from contracts.settlement.lifecycle import ClaimState
from contracts.settlement.records import Claim, content_digest, salt_of
from contracts.settlement.reimbursement_record import (
    Place,
    Reimbursement,
    Stage,
    Step,
    Verdict,
    counted_as,
    find,
    follow,
    load,
    put,
)
from contracts.settlement.terms import CARE_KINDS, CHECK_UP, PAYER_COMMERCIAL, PAYER_WAIVER

CONTRACT = Contract("reimbursement", version=1)

AUDIENCE = "reimbursement"
"""The attachment of every call here: read by the person and the insured place."""

PAPERS = ("invoice", "fee_list", "discharge_summary", "diagnosis", "identity", "account", "other")
"""Papers that may be missing. Words of a list: a sentence would one day name a disease."""
WHY_REFUSED = (
    "not_insured", "not_payable", "third_party", "papers_missing", "not_the_original",
    "paid_elsewhere", "too_late", "other",
)  # fmt: skip
CLERKS = ("clerk", "checker")

_PLACE = Record(
    {
        "institution": Optional(Id(64)),
        "region": Optional(Region()),
        "level": Optional(Int(0, 3), 0),
        "kind": Optional(OneOf(*INSTITUTION_KINDS), "hospital"),
    }
)
"""``institution``: a designated one, by its id; else region, level and kind as the paper says."""

_MATERIALS = Record(
    {"materials": List(Record({"paper": OneOf(*PAPERS), "hash": Bytes(32)}), max=50)}
)


@CONTRACT.method(
    args={
        "reimbursement": Id(64),
        "person": Id(60),
        "agent": Optional(OneOf(*AGENTS), ""),
        "place": _PLACE,
        "care_kind": OneOf(*CARE_KINDS, CHECK_UP),
        "admission": Date(),
        "discharge": Date(),
        "total_fen": Fen(1),
        "invoices": List(invoices.INVOICE, max=invoices.INVOICES_MAX, min=1),
        "account": Bytes(32),
        "overlap": Optional(OneOf(*WHY_STAYS_OVERLAP), LEFT_OUT),
    },
    attachments={
        AUDIENCE: Record({"visit": CLINICAL, "lines": List(Line(), max=LINES_AT_ONCE, min=1)})
    },
    kinds=("bureau",),
    posts=CLERKS,
)
def file(ctx: Context, args: Args) -> Answer:
    """Take a bill in that somebody paid: person or agent, place, dates, invoices, bank token.

    Refuses with ``reimbursement.*``, ``invoice.*``, ``enrolment.*``, ``claim.total-differs`` and
    the other codes of charge lines.
    """
    name = args["reimbursement"]
    digest = content_digest(ctx, "reimbursement.file", args)
    known = find(ctx.state, name)
    if known is not None:
        if known.digest != digest:
            reject("reimbursement.duplicate-id", reimbursement=name)
        return answer_of(name, known)
    area = enrolment.area_of(args["person"])
    organisations.require_competent(ctx, area)
    organisations.require_own_id(ctx, name)
    content = ctx.attachments[AUDIENCE].content
    if args["care_kind"] == CHECK_UP:
        reject("claim.check-up", care_kind=CHECK_UP)
    check_flags(content["visit"], args["care_kind"])
    if content["visit"]["newborn"] is not None:
        reject("newborn.direct-only", newborn=content["visit"]["newborn"])
    visit = visit_of(args, content["visit"], args["discharge"])
    check_dates(ctx, visit)
    # A suspension closes direct settlement only: reimbursement stays open, as in an emergency.
    person = enrolment.require_insured(ctx.state, args["person"], visit.admission, emergency=True)
    place = _place(ctx, args["place"])
    rules = parameters.area(ctx.state, "reimbursement", area)
    today = calendar.date_of_ms(ctx.time_ms)
    last_day = calendar.add_months(visit.discharge, rules["within_months"])
    if today > last_day:
        reject("reimbursement.too-late", discharge=visit.discharge, last_day=last_day, today=today)
    rows = take_in(ctx, institution_of(ctx, place), content["lines"])
    check_rows(rows, visit.admission, visit.discharge, args["total_fen"])
    require_not_settled(ctx, person, place.institution, visit, args["total_fen"])
    invoices.take(ctx, args["invoices"], args["total_fen"], invoices.REIMBURSEMENT, name)
    reason = claim_stay.compare(ctx, counted_as(name), place.institution, person, visit, args)
    salt = salt_of(ctx, ctx.attachments[AUDIENCE].blind, name)
    made = Reimbursement(
        stage=follow(START, Step.FILE), person=person.id, area=area, scheme=person.scheme,
        agent=args["agent"], place=place, visit=visit, total_fen=args["total_fen"],
        invoices=invoices.names_of(args["invoices"]), account=args["account"], filed_on=today,
        due_on=due_in(ctx, rules["decide_within"]), asked=False, reviewer="", advice="", reason="",
        decider="", payments=(), counters=(), orders=(), digest=digest, last=digest, salt=salt,
        overlap=reason,
    )  # fmt: skip
    key = _lines_key(name)
    ctx.state.put(key, [rows, salt_of(ctx, salt, key)])
    return store(ctx, name, made)


@CONTRACT.method(
    args={"reimbursement": Id(64), "papers": List(OneOf(*PAPERS), max=len(PAPERS), min=1)},
    kinds=("bureau",),
    posts=CLERKS,
)
def ask(ctx: Context, args: Args) -> Answer:
    """Ask for missing papers, all at once: it is done one time only."""
    made, digest, repeated = _open(ctx, "ask", args)
    if repeated:
        return answer_of(args["reimbursement"], made)
    after = follow(made.stage, Step.ASK)
    if made.asked:
        reject("reimbursement.asked-before", reimbursement=args["reimbursement"])
    days = parameters.area(ctx.state, "reimbursement", made.area)["papers_within"]
    made = replace(made, stage=after, asked=True, due_on=due_in(ctx, days), last=digest)
    return store(ctx, args["reimbursement"], made)


@CONTRACT.method(
    args={"reimbursement": Id(64)},
    attachments={AUDIENCE: _MATERIALS},
    kinds=("bureau",),
    posts=CLERKS,
)
def supply(ctx: Context, args: Args) -> Answer:
    """The papers that were asked for are in; the time to decide begins anew."""
    made, digest, repeated = _open(ctx, "supply", args)
    if repeated:
        return answer_of(args["reimbursement"], made)
    after = follow(made.stage, Step.SUPPLY)
    days = parameters.area(ctx.state, "reimbursement", made.area)["decide_within"]
    made = replace(made, stage=after, due_on=due_in(ctx, days), last=digest)
    return store(ctx, args["reimbursement"], made)


@CONTRACT.method(
    args={
        "reimbursement": Id(64),
        "advice": OneOf("approve", "refuse"),
        "reason": Optional(OneOf("", *WHY_REFUSED), ""),
    },
    kinds=("bureau",),
    posts=CLERKS,
)
def review(ctx: Context, args: Args) -> Answer:
    """The first of two looks: advise approval, or refusal with a reason."""
    made, digest, repeated = _open(ctx, "review", args)
    if repeated:
        return answer_of(args["reimbursement"], made)
    if args["advice"] == "refuse" and not args["reason"]:
        reject("reimbursement.reason-missing", reimbursement=args["reimbursement"])
    made = replace(
        made,
        stage=follow(made.stage, Step.REVIEW),
        reviewer=ctx.holder,
        advice=args["advice"],
        reason=args["reason"],
        last=digest,
    )
    return store(ctx, args["reimbursement"], made)


@CONTRACT.method(
    args={
        "reimbursement": Id(64),
        "decision": OneOf("approve", "refuse", "send_back"),
        "reason": Optional(OneOf("", *WHY_REFUSED), ""),
    },
    kinds=("bureau",),
    posts=("checker",),
    name="decide",
)
def decide_on(ctx: Context, args: Args) -> Answer:
    """The second look, by another person: approve and post, refuse, or send back to the reviewer.

    Papers that were asked for and never came are refused here, once their day is over. Refuses
    with ``reimbursement.same-holder``, ``reimbursement.settled-directly``, ``policy.*``.
    """
    name = args["reimbursement"]
    made, digest, repeated = _open(ctx, "decide", args)
    if repeated:
        return answer_of(name, made)
    if args["decision"] == "refuse":
        return _refuse(ctx, name, replace(made, last=digest), args["reason"])
    if made.reviewer == ctx.holder:
        reject("reimbursement.same-holder", holder=ctx.holder)
    if args["decision"] == "send_back":
        after = follow(made.stage, Step.SEND_BACK)
        return store(
            ctx, name, replace(made, stage=after, reviewer="", advice="", reason="", last=digest)
        )
    follow(made.stage, Step.APPROVE)
    return _approve(ctx, name, replace(made, decider=ctx.holder, reason="", last=digest))


@CONTRACT.method(
    args={"reimbursement": Id(64)},
    kinds=("bureau",),
    posts=CLERKS,
)
def withdraw(ctx: Context, args: Args) -> Answer:
    """The person takes the bill back before it is decided; the invoices are free again."""
    name = args["reimbursement"]
    made, digest, repeated = _open(ctx, "withdraw", args)
    if repeated:
        return answer_of(name, made)
    after = follow(made.stage, Step.WITHDRAW)
    return _end_unpaid(ctx, name, replace(made, stage=after, last=digest))


def _open(ctx: Context, method: str, args: Args) -> tuple[Reimbursement, bytes, bool]:
    """The reimbursement, this call's digest, and whether the call is a retry of the last one."""
    made = load(ctx, args["reimbursement"])
    organisations.require_competent(ctx, made.area)
    digest = content_digest(ctx, f"reimbursement.{method}", args)
    return made, digest, digest == made.last


def _place(ctx: Context, given: Args) -> Place:
    """Where the care was given. Refuses with ``reimbursement.place``."""
    institution = given["institution"]
    if institution is None:
        if given["region"] is None:
            reject("reimbursement.place", want="institution or region")
        return Place("", given["region"], given["level"], given["kind"])
    found = organisations.load(ctx.state, institution)
    if found is None or found.kind not in organisations.INSTITUTIONS:
        reject("reimbursement.place", institution=institution, want="institution or region")
    return Place(found.id, found.region, found.dedc_level, found.kind)


def institution_of(ctx: Context, place: Place) -> Organisation:
    """What a policy asks of an institution; one that is not on the ledger is as its paper says."""
    if place.institution:
        return organisations.require_organisation(ctx.state, place.institution)
    return Organisation(
        id="", kind=place.kind, region=place.region, level_code=0, dedc_level=place.level,
        switches=(), suspensions=(), admitted_height=0, admitted_by="", left_height=None, keys=0,
    )  # fmt: skip


def _refuse(ctx: Context, name: str, made: Reimbursement, reason: str) -> Answer:
    today = calendar.date_of_ms(ctx.time_ms)
    if made.stage is Stage.INCOMPLETE and today <= made.due_on:
        reject("reimbursement.papers-not-due", due_on=made.due_on, today=today)
    if made.stage is Stage.REVIEWED and made.reviewer == ctx.holder:
        reject("reimbursement.same-holder", holder=ctx.holder)
    after = follow(made.stage, Step.REFUSE)
    if not reason:
        reject("reimbursement.reason-missing", reimbursement=name)
    return _end_unpaid(
        ctx, name, replace(made, stage=after, decider=ctx.holder, reason=reason)
    )  # fmt: skip


def _end_unpaid(ctx: Context, name: str, made: Reimbursement) -> Answer:
    invoices.release(ctx, made.invoices, invoices.REIMBURSEMENT, name)
    ctx.state.delete(_lines_key(name))
    return store(ctx, name, replace(made, due_on="", visit=made.visit.without_clinical()))


def _approve(ctx: Context, name: str, made: Reimbursement) -> Answer:
    """Decide the bill on the state as it stands now, and post what the funds owe."""
    visit, place = made.visit, made.place
    person = enrolment.require_insured(ctx.state, made.person, visit.admission, emergency=True)
    require_not_settled(ctx, person, place.institution, visit, made.total_fen)
    kept = ctx.state.get(_lines_key(name))
    assert kept is not None, f"the lines of reimbursement {name} are gone before its decision"
    rows: Rows = kept[0]
    institution = institution_of(ctx, place)
    decided = decide(
        ctx, institution, person, visit, rows,
        own=CASH_ONLY, channel=AFTER_PAYMENT,
    )  # fmt: skip
    claim_stay.reimbursed(ctx, counted_as(name), place.institution, person, visit, made.overlap)
    decision = decided.decision
    waived = sum(p.amount_fen for p in decision.payments if p.payer == PAYER_WAIVER)
    if waived:
        # The bill is paid: no institution is here to waive a part of it.
        reject("reimbursement.waiver", amount_fen=waived)
    legs: list[Leg] = []
    payments = tuple((p.fund, p.amount_fen) for p in decision.payments)
    for payment in decision.payments:
        source = chart.fund(made.area)
        if payment.payer == PAYER_COMMERCIAL:
            source = chart.commercial(made.area)
        legs.append((source, payment.fund, -payment.amount_fen))
        legs.append((chart.owed(made.area), payment.fund, payment.amount_fen))
    if legs:
        post(ctx, counted_as(name), legs)
    for year, deltas in decided.added().items():
        counters.add(ctx, person, year, deltas, counted_as(name))
    if decided.covers:
        cover_settle.keep(ctx, counted_as(name), person, decided.covers)
    ctx.state.delete(_lines_key(name))
    tell_decision(ctx, name, made, decided, rows)
    days = parameters.area(ctx.state, "reimbursement", made.area)["pay_within"]
    return store(
        ctx,
        name,
        replace(
            made,
            stage=follow(made.stage, Step.APPROVE if payments else Step.CLOSE),
            visit=visit.without_clinical(),
            due_on=due_in(ctx, days) if payments else "",
            payments=payments,
            counters=tuple(decided.added().items()),
            verdict=verdict_of(ctx, decided),
        ),
    )


def verdict_of(
    ctx: Context, decided: Decided, rounds: int = 0, paid: tuple[tuple[str, int], ...] = ()
) -> Verdict:
    """What this call's decision is bound to."""
    cover = decided.facts.cover
    return Verdict(ctx.tx_id, ctx.call_index, cover.filing, cover.version, rounds, paid)


def tell_decision(
    ctx: Context, name: str, made: Reimbursement, decided: Decided, rows: Rows
) -> None:
    """Amounts, versions and steps of a decision, for receipt and explanation."""
    tell_amounts(ctx, decided.decision)
    ctx.versions.update(decided.versions)
    told = explanation_of(
        name, _as_claim(made), decided.facts, decided.decision, rows,
        counters=decided.counters, time_ms=ctx.time_ms, as_of_ms=decided.as_of_ms,
    )  # fmt: skip
    ctx.explain(
        told | {"channel": AFTER_PAYMENT} | told_beside(decided),
        secret=made.salt,
    )


def _as_claim(made: Reimbursement) -> Claim:
    """The claim that an explanation speaks of: who, where, insured how."""
    return Claim(
        state=ClaimState.SETTLED, institution=made.place.institution, care=made.place.region,
        person=made.person, area=made.area, scheme=made.scheme, visit=made.visit,
        presence=("", "", made.agent), uploads=(), registered=b"", settled=None, reversal="",
        salt=made.salt,
    )  # fmt: skip


def due_in(ctx: Context, working_days: int) -> str:
    """Last working day of a time that begins today."""
    today = calendar.date_of_ms(ctx.time_ms)
    return work_calendar(ctx.state).add_working_days(today, working_days)


def store(ctx: Context, name: str, made: Reimbursement) -> Answer:
    """Write it and tell of it; the answer of every step."""
    put(ctx, name, made)
    tell_stage(ctx, name, made)
    return answer_of(name, made)


def tell_stage(ctx: Context, name: str, made: Reimbursement) -> None:
    """The event of every step."""
    told: dict[str, Value] = {
        "reimbursement": name, "person": made.person, "area": made.area,
        "stage": made.stage.value, "due_on": made.due_on,
    }  # fmt: skip
    ctx.emit("reimbursement.stage", **told)


def answer_of(name: str, made: Reimbursement) -> Answer:
    """The answer of every step, the same when it is asked for again."""
    return {
        "reimbursement": name,
        "stage": made.stage.value,
        "due_on": made.due_on,
        "total_fen": made.total_fen,
        "due_fen": made.due_fen,
    }


def _lines_key(name: str) -> str:
    return f"reimbursement-lines/{name}"
