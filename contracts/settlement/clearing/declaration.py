"""``declaration.*``: an institution declares its month, row by row, and closes it by its totals.

    declaration.compare   {month, rows}     3201 and 3202: where do we differ? Keeps nothing of it
    declaration.declare   {month, rows}     the same rows, each against the ledger
    declaration.close     {month, totals}   by scheme, clearing type and agency

A row that does not agree with the ledger is refused with what was compared. What the ledger owes
and no declaration names stays settled and can be declared in a later month; its sum is told when
the month is closed (``undeclared_fen``), computed from the payable and from nothing else.
"""

from __future__ import annotations

from dataclasses import replace

from contracts import organisations, parameters
from contracts.api import Answer, Args, Context, Contract, State, reject
from contracts.organisations import INSTITUTIONS
from contracts.schema import FEN_MAX, Id, Int, List, Month, OneOf, Record, Region, Text
from contracts.settlement import claim as claims
from contracts.settlement import funds_chart as chart
from contracts.settlement.calendar import date_of_ms, work_calendar
from contracts.settlement.clearing import (
    account_record,
    declaration_record,
    owed,
    period_record,
)
from contracts.settlement.clearing.declaration_record import (
    Declaration,
    Stage,
    Step,
    Totals,
    follow,
)
from contracts.settlement.clearing.period_record import PeriodStage
from contracts.settlement.clearing.rows import (
    AMOUNT,
    ONLY_THEIRS,
    Entry,
    Sums,
    add_to_totals,
    differing_groups,
    find_entry,
)
from contracts.settlement.lifecycle import Action, ClaimState
from contracts.settlement.lifecycle import follow as follow_claim
from contracts.settlement.records import Declared
from contracts.settlement.terms import SCHEMES

CONTRACT = Contract("declaration", version=1)

ROWS_AT_ONCE = 1000
WORK_OF_ROW = 300
"""Units of the policies' meter: a record is read, compared and written."""
SHOWN_MAX = 100
"""Differences and groups that one answer names."""
DECLARING = ("clerk", "finance", "operator")

_MONEY = Int(-FEN_MAX, FEN_MAX, "fen")
ROW = Record(
    {
        "settlement": Id(64),
        "total_fen": _MONEY,
        "funds_fen": _MONEY,
        "accounts_fen": _MONEY,
    }
)
"""A row of 3202: the settlement or the refund by its id, bill, funds, accounts. A refund's amounts
are negative."""

TOTAL = Record(
    {
        "scheme": OneOf(*SCHEMES),
        "clearing_type": Text(1, 6, "0123456789"),
        "agency": Region(),
        "settlements": Int(0, 10**7),
        "total_fen": _MONEY,
        "funds_fen": _MONEY,
        "accounts_fen": _MONEY,
    }
)
"""A row of 3201. ``settlements`` counts rows: a refunded settlement counts two."""


@CONTRACT.method(
    args={"month": Month(), "rows": List(ROW, max=ROWS_AT_ONCE, min=1)},
    kinds=INSTITUTIONS,
    posts=DECLARING,
)
def compare(ctx: Context, args: Args) -> Answer:
    """Compare rows with the ledger; nothing is kept. What only the ledger has is not known here.

    ``result`` is 0 when every row agrees, else 1, as in the national interface.
    """
    ctx.spend(len(args["rows"]) * WORK_OF_ROW)
    totals: Totals = {}
    found: list[dict[str, object]] = []
    for row in args["rows"]:
        entry, told = find_entry(ctx.state, row["settlement"]), _sums(row)
        if entry is None or entry.claim.institution != ctx.sender:
            found.append({"settlement": row["settlement"], "kind": ONLY_THEIRS})
            continue
        add_to_totals(totals, entry.group(), entry.sums())
        if entry.sums() != told:
            found.append(
                {"settlement": row["settlement"], "kind": AMOUNT, "ours": list(entry.sums()),
                 "theirs": list(told)}
            )  # fmt: skip
    return {
        "month": args["month"],
        "result": int(bool(found)),
        "differing": len(found),
        "differences": found[:SHOWN_MAX],
        "groups": len(totals),
        "totals": {group: totals[group] for group in sorted(totals)[:SHOWN_MAX]},
    }


@CONTRACT.method(
    args={"month": Month(), "rows": List(ROW, max=ROWS_AT_ONCE, min=1)},
    kinds=INSTITUTIONS,
    posts=DECLARING,
)
def declare(ctx: Context, args: Args) -> Answer:
    """Declare rows of a month. A row that this month has already is no second one.

    Refuses with ``declaration.closed``, ``declaration.month-cut``, ``declaration.row-unknown``,
    ``declaration.row-differs``, ``declaration.row-declared``, ``declaration.row-month``,
    ``declaration.row-twice``, ``declaration.refund-unpaired``.
    """
    month = args["month"]
    _require_not_cut(ctx, month)
    made = _open(ctx, month)
    ctx.spend(len(args["rows"]) * WORK_OF_ROW)
    entries = _entries(ctx, month, args["rows"])
    fresh = [entry for entry in entries if entry.declared != month]
    _check_pairs(fresh)
    totals = {group: list(row) for group, row in made.totals.items()}
    cells, covers = dict(made.cells), dict(made.covers)
    taken_fen = 0
    for entry in fresh:
        add_to_totals(totals, entry.group(), entry.sums())
        owed.add(cells, owed.cells_of(entry.claim), entry.sign)
        owed.add(covers, owed.covers_of(entry.claim, entry.sign), 1)
        taken_fen += entry.sign * owed.deducted_fen(entry.claim)
    own = [entry.claim for entry in fresh if entry.reversal is None]
    account_record.roll(ctx.state, ctx.sender, own, -1)
    for entry in fresh:
        _mark(ctx, month, entry)
    made = replace(
        made,
        stage=follow(made.stage, Step.DECLARE, ctx.sender, month),
        totals=totals,
        cells=cells,
        covers=covers,
        deducted_fen=made.deducted_fen + taken_fen,
    )
    declaration_record.put(ctx.state, ctx.sender, month, made)
    ctx.emit(
        "declaration.rows", institution=ctx.sender, care=made.care, month=month, rows=len(fresh)
    )
    return _answer(ctx.sender, month, made)


@CONTRACT.method(
    args={"month": Month(), "totals": List(TOTAL, max=4000)},
    kinds=INSTITUTIONS,
    posts=DECLARING,
)
def close(ctx: Context, args: Args) -> Answer:
    """Close a month that is over: the institution's totals are the ledger's, group by group.

    Also once the country's month is cut: its rows are this month's for good, and what is confirmed
    of them enters the period that collects then. Refuses with ``declaration.closed``,
    ``declaration.month-runs``, ``declaration.totals-differ``.
    """
    month = args["month"]
    made = _open(ctx, month)
    today = date_of_ms(ctx.time_ms)
    if today[:7] <= month:
        reject("declaration.month-runs", month=month, today=today)
    _check_totals(made.totals, args["totals"])
    account = account_record.find(ctx.state, ctx.sender)
    declared = account_record.plus(account.declared, owed.by_fund(made.cells))
    rules = parameters.area(ctx.state, "declaration", made.care)
    made = replace(
        made,
        stage=follow(made.stage, Step.CLOSE, ctx.sender, month),
        undeclared_fen=_payable_fen(ctx.state, ctx.sender) - sum(declared.values()),
        closed_on=today,
        due_on=work_calendar(ctx.state).add_working_days(today, rules["audit_within"]),
    )
    declaration_record.put(ctx.state, ctx.sender, month, made)
    account = replace(
        account, declared=declared, months=(*account.months, month),
        closed=max(account.closed, month),
    )  # fmt: skip
    account_record.put(ctx.state, ctx.sender, account)
    tell(ctx, ctx.sender, month, made)
    return _answer(ctx.sender, month, made)


def tell(ctx: Context, institution: str, month: str, made: Declaration) -> None:
    """The event of every stage."""
    ctx.emit(
        f"declaration.{made.stage.value}", institution=institution, care=made.care, month=month,
        owed_fen=made.owed_fen, due_on=made.due_on,
    )  # fmt: skip


def _answer(institution: str, month: str, made: Declaration) -> Answer:
    return {
        "institution": institution,
        "month": month,
        "stage": made.stage.value,
        "rows": sum(row[0] for row in made.totals.values()),
        "owed_fen": made.owed_fen,
        "undeclared_fen": made.undeclared_fen,
        "due_on": made.due_on,
    }


def _require_not_cut(ctx: Context, month: str) -> None:
    """Refuses with ``declaration.month-cut`` rows of a month that the country has cut off."""
    period = period_record.find(ctx.state, month)
    if period is not None and period.stage is not PeriodStage.COLLECTING:
        reject("declaration.month-cut", month=month, period_stage=period.stage.value)


def _open(ctx: Context, month: str) -> Declaration:
    """The sender's month while it is not closed. Refuses with ``declaration.closed``,
    ``declaration.month-runs``."""
    made = declaration_record.find(ctx.state, ctx.sender, month)
    if made is None:
        institution = organisations.load(ctx.state, ctx.sender)
        assert institution is not None, "a sender is an organisation"
        today = date_of_ms(ctx.time_ms)
        if today[:7] < month:
            reject("declaration.month-runs", month=month, today=today)
        return replace(declaration_record.begin(institution.region), stage=Stage.OPEN)
    if made.stage is not Stage.OPEN:
        reject(
            "declaration.closed", institution=ctx.sender, month=month, stage=made.stage.value,
            closed_on=made.closed_on,
        )  # fmt: skip
    return made


def _sums(row: Args) -> Sums:
    return row["total_fen"], row["funds_fen"], row["accounts_fen"]


def _entries(ctx: Context, month: str, rows: list[Args]) -> list[Entry]:
    """The rows' entries, every one compared with the ledger."""
    entries: dict[str, Entry] = {}
    for row in rows:
        row_id, told = row["settlement"], _sums(row)
        entry = find_entry(ctx.state, row_id)
        if entry is None or entry.claim.institution != ctx.sender:
            reject("declaration.row-unknown", settlement=row_id, month=month)
        if row_id in entries:
            reject("declaration.row-twice", settlement=row_id)
        if entry.sums() != told:
            reject(
                "declaration.row-differs", settlement=row_id, ours=list(entry.sums()),
                theirs=list(told),
            )  # fmt: skip
        if entry.declared not in ("", month):
            reject("declaration.row-declared", settlement=row_id, declared=entry.declared)
        if entry.month > month:
            reject("declaration.row-month", settlement=row_id, settled=entry.month, month=month)
        entries[row_id] = entry
    return list(entries.values())


def _check_pairs(entries: list[Entry]) -> None:
    """A refund of what was never declared comes with the settlement's own row, and it with it."""
    rows = {entry.id for entry in entries}
    for entry in entries:
        claim = entry.claim
        if claim.state is not ClaimState.REVERSED:
            continue
        declared = claim.declared is not None and claim.declared.month
        other = claim.reversal if entry.reversal is None else entry.claim_id
        if not declared and other not in rows:
            reject("declaration.refund-unpaired", settlement=entry.id, other=other)


def _mark(ctx: Context, month: str, entry: Entry) -> None:
    """Write on the row's own record that it is declared."""
    if entry.reversal is not None:
        ctx.state.put(f"claim/{entry.id}", replace(entry.reversal, month=month).encode())
        return
    claim = entry.claim
    known = claim.declared
    declared = Declared(month, 0, ()) if known is None else replace(known, month=month)
    state = claim.state
    if state is not ClaimState.REVERSED:
        state = follow_claim(state, Action.DECLARE)
    claims.put(ctx, entry.id, replace(claim, state=state, declared=declared))


def _check_totals(ours: Totals, given: list[Args]) -> None:
    theirs: Totals = {}
    for row in given:
        group = f"{row['scheme']}/{row['clearing_type']}/{row['agency']}"
        if group in theirs:
            reject("declaration.total-twice", group=group)
        theirs[group] = [
            row["settlements"], row["total_fen"], row["funds_fen"], row["accounts_fen"]
        ]  # fmt: skip
    differing = differing_groups(ours, theirs)
    if differing:
        group, known, told = differing[0]
        reject(
            "declaration.totals-differ", group=group, ours=known, theirs=told,
            groups=len(differing),
        )  # fmt: skip


def _payable_fen(state: State, institution: str) -> int:
    entry = state.get(chart.entry_of(chart.payable(institution))[1]) or {}
    slot: dict[str, int] = entry.get("payable", {})
    return sum(slot.values())
