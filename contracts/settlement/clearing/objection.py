"""``objection.*``: a side of a statement does not agree with it (异议), and what becomes of that.

    objection.lodge     {objection, period, home, care, rows}   either side, before it confirms
    objection.answer    {objection, how}       the other side: ``move``, ``later`` or ``reject``
    objection.withdraw  {objection}            the side that lodged it
    objection.decide    {objection, how}       a third one: ``move``, ``later`` or ``stands``

A row is a settlement of the statement with the amount that is in dispute. While an objection is
open neither side confirms. ``move`` adjusts now: the amount goes out of this statement into the
one of the period that collects, fund by fund, and both sides confirm the rest. ``later`` leaves
the statement as it is; a deduction of the bureau of care puts it right in a later period, and is
linked when it is decided. Nothing is lost on either way: what leaves one statement stands in
another, and a debt changes only by a deduction.

The third one is the centre; between cities of one province that province, unless it is a side
itself. An insurer objects to its statement in the same way (``insurers``): to its own part of a
settlement, which no deduction touches, so that ``later`` means that the institution takes the
settlement back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from contracts import parameters
from contracts.api import Answer, Args, Context, Contract, Value, reject
from contracts.organisations import require_own_id
from contracts.regions import province
from contracts.schema import Fen, Id, List, Month, OneOf, Optional, Record, Region, Text
from contracts.settlement.calendar import date_of_ms, work_calendar
from contracts.settlement.clearing import (
    declaration_record,
    objection_record,
    owed,
    period_record,
    statement_record,
    usage,
)
from contracts.settlement.clearing.declaration_record import Cells
from contracts.settlement.clearing.objection_record import (
    OPEN,
    Objection,
    ObjectionStage,
    ObjectionStep,
    Row,
    follow,
)
from contracts.settlement.clearing.rows import Entry, find_entry
from contracts.settlement.clearing.statement import require_stated
from contracts.settlement.clearing.statement_record import Statement
from contracts.settlement.life import START
from contracts.settlement.records import Claim, content_digest
from contracts.settlement.terms import COMMERCIAL

CONTRACT = Contract("objection", version=1)

AUDIENCE = "audit"
"""The attachment of an objection and of its answer: read by those who take part."""
WHY = ("not_insured_here", "wrong_amount", "not_done", "double", "wrong_fund", "other")
"""What is wrong with a row: words of a list, the case itself is in the attachment."""
ROWS_MAX = 50
"""Each is an event of its own, so that it can be found under its settlement."""
WORK_OF_ROW = 400
"""Units of the policies' meter: a settlement, its declaration and its objection are read."""
_POSTS = ("finance", "checker", "clerk", "audit")
_SIDES = ("bureau", "insurer")
_STEPS = {
    "move": ObjectionStep.MOVE, "later": ObjectionStep.PROMISE, "reject": ObjectionStep.REJECT,
    "stands": ObjectionStep.STAND,
}  # fmt: skip
Pair = tuple[str, str]
"""Who owes and the place of care: the two sides of a statement."""
_SAID = {AUDIENCE: Optional(Record({"statement": Text(1, 4000, lines=True)}))}


@CONTRACT.method(
    args={
        "objection": Id(64),
        "period": Month(),
        "home": Id(64),
        "care": Region(),
        "rows": List(
            Record({"settlement": Id(64), "amount_fen": Fen(1), "reason": OneOf(*WHY)}),
            max=ROWS_MAX,
            min=1,
        ),
    },
    attachments=_SAID,
    kinds=_SIDES,
    posts=_POSTS,
)
def lodge(ctx: Context, args: Args) -> Answer:
    """Object to rows of a statement, until its day for confirming and before one's own word.

    Refuses with ``objection.duplicate-id``, ``objection.own-word``, ``objection.too-late``,
    ``objection.not-in-statement``, ``objection.above-row``, ``objection.again``,
    ``clearing.not-party``, ``clearing.not-stated``.
    """
    objection_id, period = args["objection"], args["period"]
    home, care = args["home"], args["care"]
    require_own_id(ctx, objection_id)
    digest = content_digest(ctx, "objection.lodge", args)
    known = objection_record.find(ctx.state, objection_id)
    if known is not None:
        if known.digest != digest:
            reject("objection.duplicate-id", objection=objection_id, period=known.period)
        return _answer(objection_id, known)
    side = statement_record.side_of(ctx, home, care)
    listed = require_stated(ctx.state, period, home, care)
    stated = statement_record.load(ctx.state, period, home, care)
    word = stated.home_by if side == "home" else stated.care_by
    if word or (statement_record.is_insurer(home) and statement_record.agreed(home, stated)):
        reject("objection.own-word", period=period, home=home, care=care, side=side)
    today = date_of_ms(ctx.time_ms)
    if today > listed.confirm_by:
        reject("objection.too-late", period=period, confirm_by=listed.confirm_by, today=today)
    ctx.spend(len(args["rows"]) * WORK_OF_ROW)
    rows, cells, places = _rows(ctx, objection_id, args)
    within = parameters.area(ctx.state, "clearing")["answer_within"]
    made = Objection(
        stage=follow(START, ObjectionStep.LODGE, objection_id), period=period, home=home,
        care=care, side=side, rows=rows, cells=cells,
        places=places if statement_record.is_national(home, care) else {}, holder=ctx.holder,
        lodged_on=today, due_on=work_calendar(ctx.state).add_working_days(today, within),
        answered_by="", answered_on="", decided_by="", to_period="", adjusted_fen=0,
        digest=digest,
    )  # fmt: skip
    key = objection_record.number_key(period, home, care, stated.objections)
    ctx.state.put(key, objection_id)
    stated = replace(stated, objections=stated.objections + 1, open=stated.open + 1)
    statement_record.put(ctx.state, period, home, care, stated)
    return _store(ctx, objection_id, made)


@CONTRACT.method(
    args={"objection": Id(64), "how": OneOf("move", "later", "reject")},
    attachments=_SAID,
    kinds=_SIDES,
    posts=_POSTS,
)
def answer(ctx: Context, args: Args) -> Answer:
    """The other side's answer: adjusted now, adjusted later, or it stands by the statement.

    Refuses with ``objection.not-yours``, ``objection.wrong-stage``.
    """
    objection_id, how = args["objection"], args["how"]
    made = objection_record.load(ctx.state, objection_id)
    other = made.care if made.side == "home" else made.home
    if not statement_record.is_side(ctx, other):
        reject("objection.not-yours", objection=objection_id, answers=other)
    if made.answered_by == ctx.holder and made.stage is _after(how):
        return _answer(objection_id, made)
    stage = follow(made.stage, _STEPS[how], objection_id)
    if made.stage is not ObjectionStage.LODGED:
        reject("objection.answered", objection=objection_id, stage=made.stage.value)
    made = replace(made, answered_by=ctx.holder, answered_on=date_of_ms(ctx.time_ms))
    return _settle(ctx, objection_id, made, stage)


@CONTRACT.method(args={"objection": Id(64)}, kinds=_SIDES, posts=_POSTS)
def withdraw(ctx: Context, args: Args) -> Answer:
    """Give an objection up; the statement stands. Refuses with ``objection.not-yours``."""
    objection_id = args["objection"]
    made = objection_record.load(ctx.state, objection_id)
    own = made.home if made.side == "home" else made.care
    if not statement_record.is_side(ctx, own):
        reject("objection.not-yours", objection=objection_id, answers=own)
    if made.stage is ObjectionStage.WITHDRAWN:
        return _answer(objection_id, made)
    stage = follow(made.stage, ObjectionStep.WITHDRAW, objection_id)
    return _settle(ctx, objection_id, made, stage)


@CONTRACT.method(
    args={"objection": Id(64), "how": OneOf("move", "later", "stands")},
    kinds=("bureau", "centre"),
    posts=("checker", "audit"),
)
def decide(ctx: Context, args: Args) -> Answer:
    """Decide what the two sides do not agree on, after a rejection or when no answer came in time.

    By the centre; between cities of one province also by that province where it is no side.
    Refuses with ``objection.not-yours``, ``objection.waits``, ``objection.wrong-stage``.
    """
    objection_id, how = args["objection"], args["how"]
    made = objection_record.load(ctx.state, objection_id)
    _require_third(ctx, objection_id, made)
    if made.decided_by == ctx.holder and made.stage is _after(how):
        return _answer(objection_id, made)
    stage = follow(made.stage, _STEPS[how], objection_id)
    today = date_of_ms(ctx.time_ms)
    if made.stage is ObjectionStage.LODGED and today <= made.due_on:
        reject("objection.waits", objection=objection_id, due_on=made.due_on, today=today)
    return _settle(ctx, objection_id, replace(made, decided_by=ctx.holder), stage)


def _after(how: str) -> ObjectionStage:
    return {
        "move": ObjectionStage.MOVED, "later": ObjectionStage.LATER,
        "reject": ObjectionStage.REJECTED, "stands": ObjectionStage.STANDS,
    }[how]  # fmt: skip


def _require_third(ctx: Context, objection_id: str, made: Objection) -> None:
    if ctx.sender_kind == "centre":
        return
    inside = not statement_record.is_national(made.home, made.care)
    third = province(made.care)
    if not inside or ctx.sender_region != third or third in (made.home, made.care):
        reject(
            "objection.not-yours", objection=objection_id,
            answers=third if inside and third not in (made.home, made.care) else "centre",
        )  # fmt: skip


@dataclass(slots=True)
class _Sums:
    cells: Cells
    places: Cells


def _rows(ctx: Context, objection_id: str, args: Args) -> tuple[tuple[Row, ...], Cells, Cells]:
    """The rows, each a settlement of the statement, and what they are in it."""
    sums = _Sums({}, {})
    rows: list[Row] = []
    for row in args["rows"]:
        name, fen = row["settlement"], row["amount_fen"]
        entry = _in_statement(ctx, name, args)
        whose = _named_by(ctx, entry.claim, args)
        known = objection_record.of_settlement(ctx.state, name, whose)
        if known:
            reject("objection.again", settlement=name, objection=known)
        _share_out(ctx, entry, (args["home"], args["care"]), fen, sums)
        rows.append((name, fen, row["reason"]))
        ctx.state.put(objection_record.row_key(name, whose), objection_id)
    return tuple(rows), sums.cells, sums.places


def _in_statement(ctx: Context, name: str, args: Args) -> Entry:
    """The settlement of a row, which its period's statement must hold."""
    entry = find_entry(ctx.state, name)
    if (
        entry is None
        or entry.reversal is not None
        or _period_of(ctx, entry) != args["period"]
        or (args["home"], args["care"]) not in _pairs_of(ctx, entry.claim, args["home"])
    ):
        reject(
            "objection.not-in-statement", settlement=name, period=args["period"],
            home=args["home"], care=args["care"],
        )  # fmt: skip
    return entry


def _period_of(ctx: Context, entry: Entry) -> str:
    """The period that a settlement was confirmed into; empty before."""
    if not entry.declared:
        return ""
    return declaration_record.load(ctx.state, entry.claim.institution, entry.declared).period


def _pairs_of(ctx: Context, claim: Claim, home: str) -> list[Pair | None]:
    """The pairs of areas in whose statements a settlement stands: the first is that of the area of
    insurance, more are of relatives' areas, whose accounts have paid.

    ``home``: who is asked about, where that is an insurer: its pair with the place of care.
    """
    if statement_record.is_insurer(home):
        return [(home, statement_record.place_of(ctx.state, claim.care))]
    areas = [claim.area]
    if claim.settled is not None:
        areas += [area for _, area, _ in claim.settled.own.relatives]
    return [statement_record.sides(ctx.state, area, claim.care) for area in areas]


def _named_by(ctx: Context, claim: Claim, args: Args) -> str:
    """Who owes by the statement, where that is an insurer or a relative's area: what is said of
    their part is no word on the funds'."""
    home = str(args["home"])
    own = _pairs_of(ctx, claim, "")[0]
    return "" if own == (home, args["care"]) else home


def _share_out(ctx: Context, entry: Entry, pair: Pair, fen: int, sums: _Sums) -> None:
    """Which cells the amount is taken from, ascending; at most what the settlement owes."""
    cells = _cells_of(ctx, entry.claim, pair)
    room = sum(cells.values())
    if fen > room:
        reject("objection.above-row", settlement=entry.id, asked_fen=fen, owed_fen=room)
    place, left = statement_record.place_of(ctx.state, entry.claim.care), fen
    for key, owed_there in cells.items():
        share = min(owed_there, left)
        if share:
            owed.add(sums.cells, {key: share}, 1)
            if place != province(place) and not statement_record.is_insurer(pair[0]):
                owed.add(sums.places, {f"{place}/{key.rpartition('/')[2]}": share}, 1)
        left -= share


def _cells_of(ctx: Context, claim: Claim, pair: Pair) -> Cells:
    """What a settlement owes by the statement of a pair."""
    home, _ = pair
    if statement_record.is_insurer(home):
        return {
            f"{key.removeprefix(f'{home}/')}/{COMMERCIAL}": fen
            for key, fen in sorted(owed.covers_of(claim).items())
            if key.startswith(f"{home}/")
        }
    return {
        key: fen
        for key, fen in sorted(owed.cells_of(claim).items())
        if not key.endswith(f"/{COMMERCIAL}")
        and fen > 0
        and statement_record.sides(ctx.state, key.partition("/")[0], claim.care) == pair
    }


def _settle(ctx: Context, objection_id: str, made: Objection, stage: ObjectionStage) -> Answer:
    """The objection at its next stage; what that means for the statement."""
    made = replace(made, stage=stage)
    if stage is ObjectionStage.MOVED:
        made = _move(ctx, made)
    if stage not in OPEN:
        stated = statement_record.load(ctx.state, made.period, made.home, made.care)
        stated = replace(stated, open=stated.open - 1)
        statement_record.put(ctx.state, made.period, made.home, made.care, stated)
    return _store(ctx, objection_id, made)


def _move(ctx: Context, made: Objection) -> Objection:
    """Take the amount out of the statement into the period that collects.

    Whoever has confirmed the old amount confirms the new one.
    """
    home, care = made.home, made.care
    to_period = period_record.collecting(ctx.state)
    assert to_period > made.period, "a stated period does not collect"
    out = statement_record.load(ctx.state, made.period, home, care)
    statement_record.put(
        ctx.state, made.period, home, care, replace(_with(out, made, -1), home_by="", care_by="")
    )
    into = _with(statement_record.begin(ctx.state, to_period, home, care), made, 1)
    if statement_record.is_national(home, care):
        into = usage.with_usage(ctx, to_period, home, care, into)
    statement_record.put(ctx.state, to_period, home, care, into)
    return replace(made, to_period=to_period)


def _with(stated: Statement, made: Objection, sign: int) -> Statement:
    cells, places = dict(stated.cells), dict(stated.places)
    owed.add(cells, made.cells, sign)
    owed.add(places, made.places, sign)
    moved = stated.moved_fen + sign * made.amount_fen
    return replace(stated, cells=cells, places=places, moved_fen=moved)


def note_adjusted(ctx: Context, settlement: str, amount_fen: int) -> None:
    """A deduction of a settlement that was objected to was decided: the objection is linked.

    It is adjusted once deductions have taken off what it is about.
    """
    objection_id = objection_record.of_settlement(ctx.state, settlement)
    if not objection_id:
        return
    made = objection_record.load(ctx.state, objection_id)
    if made.stage not in (ObjectionStage.MOVED, ObjectionStage.LATER):
        return
    made = replace(made, adjusted_fen=made.adjusted_fen + amount_fen)
    if made.adjusted_fen >= made.amount_fen:
        made = replace(made, stage=follow(made.stage, ObjectionStep.ADJUST, objection_id))
    _store(ctx, objection_id, made)


def _store(ctx: Context, objection_id: str, made: Objection) -> Answer:
    objection_record.put(ctx.state, objection_id, made)
    told: dict[str, Value] = {
        "objection": objection_id, "period": made.period, "home": made.home, "care": made.care,
        "side": made.side, "amount_fen": made.amount_fen, "due_on": made.due_on,
        "to_period": made.to_period, "adjusted_fen": made.adjusted_fen,
    }  # fmt: skip
    ctx.emit(f"objection.{made.stage.value}", **told)
    if made.stage is ObjectionStage.LODGED:
        for settlement, fen, reason in made.rows:
            ctx.emit(
                "objection.row", claim=settlement, objection=objection_id, amount_fen=fen,
                reason=reason,
            )  # fmt: skip
    return _answer(objection_id, made)


def _answer(objection_id: str, made: Objection) -> Answer:
    return {
        "objection": objection_id,
        "period": made.period,
        "home": made.home,
        "care": made.care,
        "stage": made.stage.value,
        "amount_fen": made.amount_fen,
        "due_on": made.due_on,
        "to_period": made.to_period,
    }
