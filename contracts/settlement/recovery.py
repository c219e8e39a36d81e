"""Contract ``recovery``: the fund pays first and takes it back from who is liable (先行支付和追偿).

Where somebody else is liable for an injury the fund does not pay. If that party does not pay, or
nobody knows who it is, the fund pays first and then has the party's debt (Social Insurance Law,
article 30; provisional measures on payment in advance, order 15 of 2011). One person of the home
bureau registers it on a settled claim, another agrees; then ``claim.resettle`` with the reason
``pay_first`` decides the bill as if nobody else were liable. The party is asked for an amount, and
the bank reports what comes, in parts if need be. Each part returns to the fund that paid last, and
never more comes than the funds pay. A settlement for which money is demanded is not taken back.

When all has come, the counters have back what the settlement used up, unless the area's parameter
``recovery`` says otherwise; the admission stays counted. What goes back to its sender undoes that.

State: see ``recovery_record``.
"""

from __future__ import annotations

from dataclasses import replace

from contracts import organisations, parameters
from contracts.api import Answer, Args, Context, Contract, reject
from contracts.organisations import require_competent, require_own_id
from contracts.schema import IDENTIFIER, Bytes, Fen, Id, List, OneOf, Optional, Record, Text
from contracts.settlement import calendar, counters, enrolment, recovery_record
from contracts.settlement import claim as claims
from contracts.settlement import funds_chart as chart
from contracts.settlement.answer import ADMISSIONS
from contracts.settlement.calendar import work_calendar
from contracts.settlement.clearing import audit_record, owed
from contracts.settlement.clearing.standing import standing
from contracts.settlement.funds_book import Leg, counter_entry, post
from contracts.settlement.life import START
from contracts.settlement.lifecycle import ClaimState
from contracts.settlement.records import Claim, content_digest, salt_of
from contracts.settlement.recovery_record import (
    GROUNDS,
    LIABLE_LATER,
    NOT_FOUND,
    Part,
    Recovery,
    RecoveryStage,
    RecoveryStep,
    follow,
    recoverable,
)
from contracts.settlement.refunds import order
from contracts.settlement.returns import take_reference

CONTRACT = Contract("recovery", version=1)

AUDIENCE = "person"
PARTS_MAX = 100
WHY_REFUSED = ("not_liable", "papers_missing", "other")
WHY_CLOSED = ("not_found", "insolvent", "time_barred", "court", "settled", "other")
_STANDS = (ClaimState.SETTLED, ClaimState.DECLARED, ClaimState.AUDITED, ClaimState.CLEARED)
_BANK_POSTS = ("finance", "operator", "clerk")

GROUNDS_ATTACHED = Record(
    {"liable": Optional(Bytes(32)), "papers": Optional(List(Bytes(32), max=32), [])}
)
"""``liable``: the bureau's token for the liable party. ``papers``: SHA-256 of the application, of
police reports and judgments."""


@CONTRACT.method(
    args={"recovery": Id(60), "claim": Id(64), "grounds": OneOf(*GROUNDS)},
    attachments={AUDIENCE: GROUNDS_ATTACHED},
    kinds=("bureau",),
    posts=("clerk", "checker"),
)
def register(ctx: Context, args: Args) -> Answer:
    """Take a settled claim up: the party does not pay, is not known, or turned out to be liable.

    Refuses with ``recovery.not-settled``, ``recovery.exists``, ``recovery.liable-missing``,
    ``recovery.fund-paid``, ``recovery.nothing-paid``, ``recovery.duplicate-id``.
    """
    name = args["recovery"]
    require_own_id(ctx, name)
    digest = content_digest(ctx, "recovery.register", args)
    known = recovery_record.find(ctx.state, name)
    if known is not None:
        if known.digest != digest:
            reject("recovery.duplicate-id", recovery=name)
        return _answer(name, known, RecoveryStage.REGISTERED)
    claim = _claim(ctx, args["claim"])
    other = recovery_record.of_claim(ctx.state, args["claim"])
    if other is not None:
        reject("recovery.exists", claim=args["claim"], recovery=other[0])
    attached = ctx.attachments[AUDIENCE]
    liable = attached.content["liable"]
    if liable is None and args["grounds"] != NOT_FOUND:
        reject("recovery.liable-missing", grounds=args["grounds"])
    paid = _paid_fen(claim)
    if args["grounds"] == LIABLE_LATER and not paid:
        reject("recovery.nothing-paid", claim=args["claim"])
    if args["grounds"] != LIABLE_LATER and paid:
        reject("recovery.fund-paid", claim=args["claim"], paid_fen=paid)
    made = Recovery(
        stage=follow(START, RecoveryStep.REGISTER), claim=args["claim"], grounds=args["grounds"],
        liable=liable or b"", registrar=ctx.holder, paid_first=False, demanded_fen=0, due_on="",
        bank="", parts=(), reason="", restored=(), digest=digest, last=digest,
        salt=salt_of(ctx, attached.blind, f"recovery/{name}"),
    )  # fmt: skip
    _store(ctx, name, made)
    return _answer(name, made, made.stage)


@CONTRACT.method(args={"recovery": Id(60)}, kinds=("bureau",), posts=("checker",))
def agree(ctx: Context, args: Args) -> Answer:
    """Another person of the bureau agrees. Refuses with ``recovery.same-holder``."""
    made, digest = _ours(ctx, "agree", args)
    if digest == made.last:
        return _answer(args["recovery"], made)
    stage = follow(made.stage, RecoveryStep.AGREE)
    _require_other(ctx, made)
    return _store(ctx, args["recovery"], replace(made, stage=stage, last=digest))


@CONTRACT.method(
    args={"recovery": Id(60), "reason": OneOf(*WHY_REFUSED)}, kinds=("bureau",), posts=("checker",)
)
def refuse(ctx: Context, args: Args) -> Answer:
    """Another person does not agree, with a reason. Refuses with ``recovery.same-holder``."""
    made, digest = _ours(ctx, "refuse", args)
    if digest == made.last:
        return _answer(args["recovery"], made)
    stage = follow(made.stage, RecoveryStep.REFUSE)
    _require_other(ctx, made)
    made = replace(made, stage=stage, reason=args["reason"], last=digest)
    return _store(ctx, args["recovery"], made)


@CONTRACT.method(args={"recovery": Id(60)}, kinds=("bureau",), posts=("clerk", "checker"))
def withdraw(ctx: Context, args: Args) -> Answer:
    """Take it back, while the fund has not paid because of it. Refuses with
    ``recovery.paid-first``."""
    made, digest = _ours(ctx, "withdraw", args)
    if digest == made.last:
        return _answer(args["recovery"], made)
    stage = follow(made.stage, RecoveryStep.WITHDRAW)
    if made.paid_first:
        reject("recovery.paid-first", recovery=args["recovery"], claim=made.claim)
    return _store(ctx, args["recovery"], replace(made, stage=stage, last=digest))


@CONTRACT.method(
    args={"recovery": Id(60), "amount_fen": Fen(1), "bank": Id(64)},
    kinds=("bureau",),
    posts=("clerk", "checker", "finance"),
)
def demand(ctx: Context, args: Args) -> Answer:
    """Ask the liable party for an amount in all, to be paid in at a bank; or ask anew.

    Refuses with ``recovery.above-paid``, ``recovery.below-recovered``, ``recovery.bank``,
    ``recovery.not-settled``, ``recovery.liable-missing``.
    """
    made, digest = _ours(ctx, "demand", args)
    if digest == made.last:
        return _answer(args["recovery"], made)
    stage = follow(made.stage, RecoveryStep.DEMAND)
    claim = _claim(ctx, made.claim)
    paid, back = _paid_fen(claim), made.recovered_fen
    if args["amount_fen"] > paid:
        reject("recovery.above-paid", asked_fen=args["amount_fen"], paid_fen=paid)
    if args["amount_fen"] <= back:
        reject("recovery.below-recovered", asked_fen=args["amount_fen"], recovered_fen=back)
    if not organisations.takes_part(ctx.state, args["bank"], "bank"):
        reject("recovery.bank", bank=args["bank"])
    days = parameters.area(ctx.state, "recovery", claim.area)["pay_within"]
    today = calendar.date_of_ms(ctx.time_ms)
    due = work_calendar(ctx.state).add_working_days(today, days)
    made = replace(
        made, stage=stage, demanded_fen=args["amount_fen"], bank=args["bank"], due_on=due,
        reason="", last=digest,
    )  # fmt: skip
    return _store(ctx, args["recovery"], made)


_REPORT = {"recovery": Id(60), "payment": Id(64), "reference": Text(1, 60, IDENTIFIER)}


@CONTRACT.method(args=_REPORT | {"amount_fen": Fen(1)}, kinds=("bank",), posts=_BANK_POSTS)
def receive(ctx: Context, args: Args) -> Answer:
    """The bank has money of the liable party, with its reference. Told twice, it is one payment.

    Refuses with ``recovery.not-your-order``, ``recovery.above-demand``,
    ``recovery.reported-otherwise``, ``payment.reference-used``.
    """
    name = args["recovery"]
    made, known = _banks(ctx, args)
    if known is not None:
        return _told_again(name, made, known, args)
    follow(made.stage, RecoveryStep.RECEIVE)
    claim = _claim(ctx, made.claim)
    left = made.demanded_fen - made.recovered_fen
    open_rows = recoverable(claim, made)
    left = min(left, sum(fen for _, fen in open_rows) - _in_audit(ctx, claim))
    if args["amount_fen"] > left:
        reject("recovery.above-demand", amount_fen=args["amount_fen"], left_fen=left)
    if len(made.parts) >= PARTS_MAX:
        reject("recovery.too-many", recovery=name, limit=PARTS_MAX)
    take_reference(ctx, args["payment"], args["reference"])
    rows = _share_out(open_rows, args["amount_fen"])
    post(ctx, f"recovery/{name}/{args['payment']}", _legs(claim, made.bank, rows))
    part = Part(args["payment"], args["amount_fen"], rows, args["reference"], False, made.bank)
    made = replace(made, parts=(*made.parts, part))
    if made.recovered_fen == made.demanded_fen:
        made = replace(made, stage=follow(made.stage, RecoveryStep.COMPLETE))
    if not any(fen for _, fen in recoverable(claim, made)):
        made = _restore(ctx, made, claim)
    ctx.amounts["recovered_fen"] = args["amount_fen"]
    return _store(ctx, name, made)


@CONTRACT.method(args=_REPORT, kinds=("bank",), posts=_BANK_POSTS)
def give_back(ctx: Context, args: Args) -> Answer:
    """Money that was not meant for this has gone back to its sender; the funds give it up.

    Refuses with ``recovery.no-payment``, ``recovery.not-your-order``, ``payment.reference-used``.
    """
    name = args["recovery"]
    made, part = _banks(ctx, args)
    if part is None:
        reject("recovery.no-payment", recovery=name, payment=args["payment"])
    if part.given_back:
        return _answer(name, made)
    stage = follow(made.stage, RecoveryStep.GIVE_BACK)
    claim = _claim(ctx, made.claim)
    take_reference(ctx, args["payment"], args["reference"])
    legs = counter_entry(_legs(claim, part.bank, part.by_fund))
    post(ctx, f"recovery/{name}/{part.payment}/back", legs)
    made = _count_again(ctx, made, claim)
    parts = tuple(replace(o, given_back=True) if o is part else o for o in made.parts)
    ctx.amounts["recovered_fen"] = -part.amount_fen
    return _store(ctx, name, replace(made, stage=stage, parts=parts))


@CONTRACT.method(
    args={"recovery": Id(60), "reason": OneOf(*WHY_CLOSED)}, kinds=("bureau",), posts=("checker",)
)
def close(ctx: Context, args: Args) -> Answer:
    """Give the rest up, with a reason; what has come stays. Refuses with
    ``recovery.same-holder``."""
    made, digest = _ours(ctx, "close", args)
    if digest == made.last:
        return _answer(args["recovery"], made)
    stage = follow(made.stage, RecoveryStep.CLOSE)
    _require_other(ctx, made)
    made = replace(made, stage=stage, reason=args["reason"], due_on="", last=digest)
    return _store(ctx, args["recovery"], made)


def _in_audit(ctx: Context, claim: Claim) -> int:
    """What an audit is about to take off what the funds pay; its institution may owe it instead."""
    pending = "" if claim.declared is None else claim.declared.pending
    made = audit_record.find(ctx.state, pending) if pending else None
    return 0 if made is None else made.amount_fen


def _share_out(rows: list[tuple[str, int]], amount_fen: int) -> tuple[tuple[str, int], ...]:
    """An amount over what may come back, in order."""
    shares = []
    for fund, fen in rows:
        part = min(fen, amount_fen)
        amount_fen -= part
        if part:
            shares.append((fund, part))
    assert not amount_fen, "no more comes back than may"
    return tuple(shares)


def _legs(claim: Claim, bank: str, rows: tuple[tuple[str, int], ...]) -> list[Leg]:
    """Out of the bank into the funds that had paid."""
    legs: list[Leg] = []
    for fund, fen in rows:
        legs += [(chart.bank(bank), fund, -fen), (chart.fund(claim.area), fund, fen)]
    return legs


def _restore(ctx: Context, made: Recovery, claim: Claim) -> Recovery:
    """Everything has come: the year's counters have back what the settlement used up."""
    rule = parameters.area(ctx.state, "recovery", claim.area)["restore"]
    if rule == "never" or made.restored:
        return made
    assert claim.settled is not None, "money comes back of a settlement"
    used = tuple((year, dict(deltas)) for year, deltas in claim.settled.counters)
    kept = tuple(
        (year, {name: n for name, n in deltas.items() if name == ADMISSIONS})
        for year, deltas in used
    )
    _exchange(ctx, made.claim, claim, kept)
    return replace(made, restored=used)


def _count_again(ctx: Context, made: Recovery, claim: Claim) -> Recovery:
    """It has gone back: the settlement has used up again what it had."""
    if not made.restored:
        return made
    used = tuple((year, dict(deltas)) for year, deltas in made.restored)
    _exchange(ctx, made.claim, claim, used)
    return replace(made, restored=())


def _exchange(
    ctx: Context, name: str, claim: Claim, counted: tuple[tuple[int, dict[str, int]], ...]
) -> None:
    """What the settlement counts from now on; later ones are listed where that differs."""
    settled = claim.settled
    assert settled is not None, "what was paid was settled"
    person = enrolment.require_person(ctx.state, claim.person)
    at_ms = order.decided_at_ms(ctx, person, name, settled)
    before = dict(settled.counters)
    for year, deltas in counted:
        later = counters.exchange(ctx, person, year, (name, before[year]), (name, deltas), at_ms)
        place = (person.id, person.area, person.scheme, year)
        counters.list_for_repricing(ctx, place, person.salt, later, True, cause="recovery")
    claims.put(ctx, name, replace(claim, settled=replace(settled, counters=counted)))


def _paid_fen(claim: Claim) -> int:
    """What the funds pay of a settlement, less what audits took off."""
    return sum(fen for _, fen in owed.deductible(claim))


def _claim(ctx: Context, name: str) -> Claim:
    """A settlement that stands, of somebody whom the area insures. Refuses with
    ``recovery.not-settled``."""
    claim = claims.find(ctx.state, name)
    if claim is None:
        reject("claim.not-found", claim=name)
    if ctx.sender_kind == "bureau":
        require_competent(ctx, claim.area)
    stands = standing(ctx.state, claim)
    if claim.settled is None or stands not in _STANDS:
        reject("recovery.not-settled", claim=name, state=stands.value)
    return claim


def _ours(ctx: Context, method: str, args: Args) -> tuple[Recovery, bytes]:
    """The recovery, for the home bureau of its claim, and the call's digest."""
    made = recovery_record.load(ctx.state, args["recovery"])
    claim = claims.find(ctx.state, made.claim)
    assert claim is not None, f"recovery {args['recovery']} names claim {made.claim}"
    require_competent(ctx, claim.area)
    return made, content_digest(ctx, f"recovery.{method}", args)


def _banks(ctx: Context, args: Args) -> tuple[Recovery, Part | None]:
    """The recovery, and the payment that the bank speaks of where it has reported it.

    What came in at a bank stays that bank's, whichever one the demand names now.
    """
    made = recovery_record.load(ctx.state, args["recovery"])
    part = next((one for one in made.parts if one.payment == args["payment"]), None)
    bank = made.bank if part is None else part.bank
    if not organisations.speaks_for(ctx.state, ctx.sender, bank):
        reject("recovery.not-your-order", recovery=args["recovery"], bank=ctx.sender)
    return made, part


def _require_other(ctx: Context, made: Recovery) -> None:
    if made.registrar == ctx.holder:
        reject("recovery.same-holder", holder=ctx.holder)


def _told_again(name: str, made: Recovery, part: Part, args: Args) -> Answer:
    if (part.amount_fen, part.reference) != (args["amount_fen"], args["reference"]):
        reject(
            "recovery.reported-otherwise", payment=part.payment, known_fen=part.amount_fen,
            known_reference=part.reference, amount_fen=args["amount_fen"],
            reference=args["reference"],
        )  # fmt: skip
    return _answer(name, made)


def _store(ctx: Context, name: str, made: Recovery) -> Answer:
    recovery_record.put(ctx, name, made)
    ctx.emit(
        f"recovery.{made.stage.value}", recovery=name, claim=made.claim,
        demanded_fen=made.demanded_fen, recovered_fen=made.recovered_fen, due_on=made.due_on,
        **({"bank": made.bank} if made.bank else {}),
    )  # fmt: skip
    return _answer(name, made)


def _answer(name: str, made: Recovery, stage: RecoveryStage | None = None) -> Answer:
    told: Answer = {"recovery": name, "stage": (stage or made.stage).value}
    if stage is None:
        told |= {"claim": made.claim, "demanded_fen": made.demanded_fen,
                 "recovered_fen": made.recovered_fen, "due_on": made.due_on}  # fmt: skip
    return told
