"""``claim.settle`` and ``claim.estimate``: decide a bill, post it, say why.

Everything that decides is read here once and bound to the result: the filing whose cover reaches
the admission, the catalogue of the place of care by service date, the insured place's policy by
the day of discharge, the counters of the benefit year, the balance of the account. ``estimate``
runs the same code and keeps nothing, so an estimate and the settlement that follows it differ only
if something was changed in between.
"""

from __future__ import annotations

from dataclasses import replace

from contracts.api import Answer, Args, Context, reject
from contracts.organisations import Organisation, require_own_id
from contracts.quick import quick
from contracts.schema import LEFT_OUT, Bool, Date, Fen, Id, List, Optional, Record
from contracts.settlement import (
    calendar,
    claim_lines,
    claim_stay,
    claim_test,
    counters,
    cover_settle,
    credit,
    family,
    invoices,
    newborn_record,
    open_things,
    traces,
)
from contracts.settlement import claim as claims
from contracts.settlement.claim import CONTRACT
from contracts.settlement.claim_decide import Decided, decide, told_beside
from contracts.settlement.claim_explain import answer_of, explanation_of, tell_amounts
from contracts.settlement.claim_flags import check_flags, check_words
from contracts.settlement.claim_lines import Rows, check_rows, take_in
from contracts.settlement.claim_own import means_of
from contracts.settlement.claim_postings import bill_of, settlement_legs
from contracts.settlement.claim_register import begin
from contracts.settlement.claim_shapes import (
    AUDIENCE,
    CLINICAL,
    INSTITUTIONS,
    LINES_AT_ONCE,
    VISIT,
    Line,
)
from contracts.settlement.claim_stay import Joined
from contracts.settlement.claim_visit import (
    check_dates,
    check_institution,
    check_person,
    check_presence,
    visit_of,
)
from contracts.settlement.enrolment import Person
from contracts.settlement.family import OWNERS_OF_A_SETTLEMENT
from contracts.settlement.funds_book import Book, post
from contracts.settlement.invoices import INVOICES
from contracts.settlement.lifecycle import Action, follow
from contracts.settlement.open_things import Open
from contracts.settlement.records import Again, Claim, OwnPart, Settled, Visit, content_digest
from contracts.settlement.traces import TRACES

SETTLEMENT_ARGS = {
    "claim": Id(64),
    "visit": Optional(VISIT),
    "discharge": Date(),
    "total_fen": Fen(),
    "use_account": Optional(Bool(), False),
    "family": Optional(List(Id(60), max=OWNERS_OF_A_SETTLEMENT, distinct=True), []),
    "credit": Optional(Id(60)),
    "invoices": Optional(INVOICES, []),
    "goes_on": Optional(Bool(), LEFT_OUT),
    "order": Optional(Id(64), LEFT_OUT),
}
"""``visit``: given when the claim was not registered before (an outpatient visit). ``discharge``:
last day of the stay, or the visit's day. ``total_fen``: the institution's own sum of the bill, so
that no upload can be missing unnoticed. ``use_account``: the patient's choice. ``family``: owners
of the relatives' accounts that the patient chose, in order. ``credit``: a bank's hold to draw the
cash part from. ``invoices``: what was printed for the patient; none is ever paid on again.
``goes_on``: settled in mid-stay (中途结算, national ``mid_setl_flag``); ``discharge`` is then the
part's last day. ``order``: of the stay at another institution that had this test done."""

SETTLEMENT_ATTACHMENT = Record(
    {
        "visit": Optional(CLINICAL),
        "lines": Optional(List(Line(), max=LINES_AT_ONCE), []),
        "traces": Optional(TRACES, []),
    }
)
"""``visit``: the clinical half, needed with the argument ``visit``; for a registered visit it
replaces what was known at admission. ``lines``: in addition to those uploaded before. ``traces``:
the packs that were dispensed for any line of the claim."""

NOTHING_ATTACHED: Args = {"visit": None, "lines": [], "traces": []}


@quick(frozen=True, slots=True)
class _Bound:
    """A claim with all that its decision reads of the visit."""

    claim: Claim
    institution: Organisation
    person: Person
    visit: Visit
    rows: Rows
    traces: list[Args]
    uploads: bytes
    joined: Joined | None
    """The stay; None of a visit that is none."""


@CONTRACT.method(
    args=SETTLEMENT_ARGS,
    attachments={AUDIENCE: Optional(SETTLEMENT_ATTACHMENT)},
    kinds=INSTITUTIONS,
    posts=("operator", "clerk", "doctor"),
)
def settle(ctx: Context, args: Args) -> Answer:
    """Settle a visit directly: the patient pays the rest and leaves.

    A bill that no fund pays is still settled: a decision with reasons. Refused are calls that
    cannot be decided; codes ``claim.*``, ``presence.*``, ``enrolment.*``, ``policy.*``.
    """
    claim_id = args["claim"]
    require_own_id(ctx, claim_id)
    digest = content_digest(ctx, "settle", args)
    known = claims.find(ctx.state, claim_id)
    if known is not None and known.settled is not None:
        if known.institution != ctx.sender or known.settled.digest != digest:
            reject("claim.duplicate-id", claim=claim_id)
        return answer_of(claim_id, known.settled)
    after = follow(claims.state_of(known), Action.SETTLE)
    bound = _bind(ctx, claim_id, known, args)
    book = Book(ctx.state)
    decided = _decide(ctx, bound, args, book)
    if bound.traces:
        lines = {row[0] for row in bound.rows}
        traces.take(ctx, bound.traces, lines, claim_id, bound.person.id)
    if args["invoices"]:
        invoices.take(ctx, args["invoices"], args["total_fen"], invoices.CLAIM, claim_id)
    settled = settled_of(
        ctx, digest, decided, invoices.names_of(args["invoices"]), uploads=bound.uploads
    )
    bill = bill_of(bound.claim, settled)
    assert bill.total_fen == decided.decision.total_fen, "the payers do not make up the bill"
    post(ctx, claims.transfer_id(claim_id), settlement_legs(bill), book)
    _use_up(ctx, bound.person, settled.own, book)
    book.save()
    for year, deltas in settled.counters:
        counters.add(ctx, bound.person, year, dict(deltas), claim_id)
    if decided.covers:
        cover_settle.keep(ctx, claim_id, bound.person, decided.covers)
    if bound.joined is not None:
        bound.joined.keep(ctx, bound.person)
    claim_lines.drop(ctx, claim_id, bound.claim)
    made = bound.claim.settled_as(after, bound.visit.without_clinical(), settled)
    claims.put(ctx, claim_id, made)
    if bound.claim.registered:
        open_things.leave(ctx, Open.STAYS, bound.person.id, claim_id)
    if bound.visit.newborn:
        newborn_record.count(ctx, bound.visit.newborn, claim_id)
    _tell(ctx, claim_id, bound, decided)
    ctx.emit(
        "claim.settled",
        claim=claim_id,
        institution=made.institution,
        care=made.care,
        person=made.person,
        area=made.area,
    )
    if settled.part is not None:
        part = settled.part
        ctx.emit("stay.part-settled", claim=claim_id, stay=part.stay, number=part.number,
                 goes_on=part.goes_on)  # fmt: skip
    return answer_of(claim_id, settled)


@CONTRACT.method(
    args=SETTLEMENT_ARGS,
    attachments={AUDIENCE: Optional(SETTLEMENT_ATTACHMENT)},
    kinds=INSTITUTIONS,
    posts=("operator", "clerk", "doctor"),
)
def estimate(ctx: Context, args: Args) -> Answer:
    """What ``settle`` would decide now; nothing is written or posted.

    Presence is checked as for the settlement: an estimate shows counters and a balance, and
    nobody may ask for those of a person who is somewhere else.
    """
    claim_id = args["claim"]
    require_own_id(ctx, claim_id)
    known = claims.find(ctx.state, claim_id)
    follow(claims.state_of(known), Action.SETTLE)
    bound = _bind(ctx, claim_id, known, args)
    decided = _decide(ctx, bound, args, Book(ctx.state))
    _tell(ctx, claim_id, bound, decided)
    return answer_of(claim_id, settled_of(ctx, b"", decided, ())) | {"state": "estimate"}


def _bind(ctx: Context, claim_id: str, known: Claim | None, args: Args) -> _Bound:
    """The claim of a settlement, registered before or now, with its visit, person and lines."""
    attachment = ctx.attachments.get(AUDIENCE)
    content = NOTHING_ATTACHED if attachment is None else attachment.content
    visit = _visit(claim_id, known, args, content["visit"])
    check_dates(ctx, visit)
    if known is not None and known.institution != ctx.sender:
        reject("claim.not-yours", claim=claim_id)
    institution = check_institution(ctx, visit)
    clinical = content["visit"]
    if clinical is not None:
        check_flags(clinical, visit.care_kind)
    person = check_person(ctx, args["visit"]["person"] if known is None else known.person, visit)
    if clinical is not None and (clinical["emergency"] or clinical["commitment"] is not None):
        before = visit.without_clinical() if known is None else known.visit
        check_words(ctx, clinical, before, person, institution.id)
    rows = take_in(ctx, institution, content["lines"])
    uploads = b""
    if known is not None:
        earlier, uploads = claim_lines.uploaded(ctx, claim_id, known)
        rows = earlier + rows
        claim = known
    else:
        presence = check_presence(ctx, args["visit"]["presence"], person, emergency=visit.emergency)
        claim = begin(ctx, claim_id, institution, person, visit, presence)
    check_rows(rows, visit.admission, visit.discharge, args["total_fen"])
    joined: Joined | None
    if "order" in args:
        joined = claim_test.join(ctx, claim_id, institution, person, visit, args)
    else:
        joined = claim_stay.join(ctx, claim_id, claim, institution, person, visit, args)
    return _Bound(claim, institution, person, visit, rows, content["traces"], uploads, joined)


def _visit(claim_id: str, known: Claim | None, args: Args, clinical: Args | None) -> Visit:
    """The visit with its last day; its clinical half is the newest that was told."""
    if known is None:
        if args["visit"] is None:
            reject("claim.not-found", claim=claim_id)
        if clinical is None:
            reject("claim.clinical-missing", claim=claim_id)
        return visit_of(args["visit"], clinical, args["discharge"])
    if args["visit"] is not None:
        reject("claim.visit-given-twice", claim=claim_id)
    if clinical is None:
        return replace(known.visit, discharge=args["discharge"])
    public = {"care_kind": known.visit.care_kind, "admission": known.visit.admission}
    return visit_of(public, clinical, args["discharge"])


def _decide(ctx: Context, bound: _Bound, args: Args, book: Book) -> Decided:
    """Steps 1 to 3 on the state as it stands."""
    own = means_of(ctx, bound.person, args, bound.visit.discharge, book)
    # A stay that was registered is open until now: what is filed before it is settled counts.
    until = calendar.date_of_ms(ctx.time_ms) if bound.claim.registered else ""
    joined = bound.joined
    decided = decide(
        ctx, bound.institution, bound.person, bound.visit, bound.rows, own=own, filed_until=until,
        part=None if joined is None else joined.part,
    )  # fmt: skip
    if joined is not None:
        # After the decision: that this very bill was paid before is the plainer thing to be told.
        joined.check()
    return decided


def _use_up(ctx: Context, person: Person, own: OwnPart, book: Book) -> None:
    """Count what relatives' limits and the bank's hold have lost."""
    if own.relatives:
        used = tuple((owner, amount) for owner, _, amount in own.relatives)
        family.use(ctx, person.id, used, 1, ctx.time_ms)
    if own.hold:
        credit.draw(ctx, own.hold, own.credit_fen, book)


def settled_of(
    ctx: Context,
    digest: bytes,
    decided: Decided,
    used: tuple[invoices.Name, ...],
    *,
    uploads: bytes = b"",
    again: Again | None = None,
) -> Settled:
    """The record of a decision that this call makes."""
    decision = decided.decision
    versions = decided.versions
    return Settled(
        digest=digest,
        tx_id=ctx.tx_id,
        call_index=ctx.call_index,
        time_ms=ctx.time_ms,
        sums=(
            decision.total_fen,
            decision.own_expense_fen,
            decision.over_ceiling_fen,
            decision.first_pay_fen,
            decision.in_scope_fen,
        ),
        payments=tuple((p.fund, p.payer, p.amount_fen) for p in decision.payments),
        deductible_fen=decision.deductible_fen,
        account_fen=decision.account_fen,
        cash_fen=decision.cash_fen,
        counters=tuple(decided.added().items()),
        versions=(
            decided.facts.cover.filing,
            decided.facts.cover.version,
            [[part["region"], part["version"]] for part in versions["catalogue"]],
            versions["policy"]["area"],
            versions["policy"]["number"],
        ),
        invoices=used,
        own=decided.own,
        uploads=uploads,
        again=again,
        covers=cover_settle.parts_of(decided.covers) if decided.covers else (),
        part=decided.part,
    )


def _tell(ctx: Context, claim_id: str, bound: _Bound, decided: Decided) -> None:
    tell_amounts(ctx, decided.decision)
    ctx.versions.update(decided.versions)
    ctx.explain(
        explanation_of(
            claim_id,
            bound.claim,
            decided.facts,
            decided.decision,
            bound.rows,
            counters=decided.counters,
            time_ms=ctx.time_ms,
            as_of_ms=decided.as_of_ms,
        )
        | told_beside(decided),
        secret=bound.claim.salt,
    )
