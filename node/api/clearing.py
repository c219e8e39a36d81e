"""The month as readers see it: declarations, statements of pairs, notices, payments, advances.

Every amount has the right of whom it concerns. A list over many pairs shows those that the reader
is a party to and nothing of the others.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path
from starlette.responses import Response

from contracts.settlement import funds_chart as chart
from contracts.settlement.calendar import date_of_ms, start_of_day_ms, work_calendar
from contracts.settlement.clearing import (
    advance,
    audit_record,
    declaration_record,
    notice_record,
    payment_record,
    period_record,
    statement_record,
    usage,
)
from contracts.settlement.clearing.notice_record import Notice
from contracts.settlement.clearing.rows import Entry, find_entry
from contracts.settlement.clearing.statement_record import Statement
from node.api import chain, parties, schemas
from node.api.guard import Access
from node.api.params import (
    DEBTOR,
    ID,
    MONTH,
    AccessDep,
    After,
    AreaCode,
    Limit,
    ThingId,
    edge_router,
)
from node.api.rights import Right, has_post

router = edge_router("month")

MonthName = Annotated[str, Path(pattern=MONTH, description="Month: 2025-06")]
NoticeId = Annotated[
    str, Path(pattern=ID, description="Id of a notice: clearing:2025-06:430000:440000")
]

Debtor = Annotated[
    str,
    Path(pattern=DEBTOR, description="Who owes: district code of six digits, or an insurer's id."),
]

CELL_COLUMNS = ("area", "scheme", "fund_type")
PRODUCT_COLUMNS = ("product", "how", "fund_type")
GROUP_FIELDS = ("settlements", "total_fen", "funds_fen", "accounts_fen")


# --- Institutions ---------------------------------------------------------------------------------


@router.get(
    "/v1/declarations/{institution}/{month}",
    name="declaration",
    responses={200: {"model": schemas.RecordAnswer}},
)
async def declaration(access: AccessDep, institution: ThingId, month: MonthName) -> Response:
    """An institution's declared month: totals as in 3201, what is owed, how it stands."""
    access.check(
        parties.of_organisation(access.state, institution), f"declaration/{institution}/{month}"
    )
    found = declaration_record.find(access.state, institution, month)
    if found is None:
        raise access.absent()
    record = {
        "institution": institution,
        "month": month,
        "stage": found.stage.value,
        "totals": [
            dict(zip(("scheme", "clearing_type", "agency"), group.split("/"), strict=True))
            | dict(zip(GROUP_FIELDS, row, strict=True))
            for group, row in sorted(found.totals.items())
        ],
        "owed": _cells(found.cells),
        "owed_by_insurers": _cells(found.covers, ("insurer", "product", "how")),
        "owed_fen": found.owed_fen,
        "aside": found.aside[0],
        "aside_fen": found.aside[1],
        "deducted_fen": found.deducted_fen,
        "pending_deductions": found.pending,
        "undeclared_fen": found.undeclared_fen,
        "closed_on": found.closed_on or None,
        "due_on": found.due_on or None,
        "auditor": found.auditor or None,
        "checker": found.checker or None,
        "period": found.period or None,
        "notice": _institution_notice(access, institution, month),
    }
    return access.answer({"record": record})


def _institution_notice(access: Access, institution: str, month: str) -> str | None:
    name = f"institution:{month}:{institution}"
    return None if notice_record.find(access.state, name) is None else name


@router.get(
    "/v1/institutions/{institution}/rows/{month}",
    name="institution_rows",
    responses={200: {"model": schemas.RowsAnswer}},
)
async def institution_rows(
    access: AccessDep, institution: ThingId, month: MonthName, limit: Limit, after: After
) -> Response:
    """The ledger's settlements and refunds of a month in the manner of 3202, oldest first.

    A page is so many calls of the institution; it may hold fewer rows, or none, and still have a
    `next`.
    """
    access.check(parties.of_organisation(access.state, institution), f"rows/{institution}/{month}")
    chain.check_whole_from(access.view, start_of_day_ms(f"{month}-01"))
    named = access.view.calls_of("institution", institution, after, limit)
    calls, following = chain.affordable(access.view, named, limit)
    rows = []
    for call in calls:
        receipt = chain.row_receipt(access.view, call)
        fields = [event.fields for event in receipt.events]
        names = {str(row[k]): None for row in fields for k in ("claim", "reversal") if k in row}
        entries = [find_entry(access.state, name) for name in names]
        rows += [
            _row(entry)
            for entry in entries
            if entry is not None
            and entry.month == month
            and entry.claim.institution == institution
            and entry.is_of(call.tx_id, call.call_index)
        ]
    return access.answer({"rows": rows, "next": following})


def _row(entry: Entry) -> dict[str, Any]:
    scheme, kind, agency = entry.group().split("/")
    return {
        "settlement": entry.id,
        "refund_of": entry.claim_id if entry.reversal is not None else None,
        "scheme": scheme,
        "clearing_type": kind,
        "agency": agency,
        **dict(zip(GROUP_FIELDS[1:], entry.sums(), strict=True)),
        "invoices": [f"{code}/{number}" for code, number in entry.invoices],
        "declared": entry.declared or None,
        "set_aside": 0 if entry.claim.declared is None else entry.claim.declared.times,
    }


@router.get(
    "/v1/deductions/{deduction}",
    name="deduction",
    responses={200: {"model": schemas.RecordAnswer}},
)
async def deduction(access: AccessDep, deduction: ThingId) -> Response:
    """A deduction: noticed, answered, decided; by fund, and the later period it landed in."""
    found = audit_record.find(access.state, deduction)
    if found is None:
        raise access.absent()
    access.check(parties.of_deduction(access.state, deduction), f"deduction/{deduction}")
    record = {
        "deduction": deduction,
        "stage": found.stage.value,
        "claim": found.claim,
        "institution": found.institution,
        "month": found.month,
        "amount_fen": found.amount_fen,
        "auditor": found.auditor,
        "noticed_on": found.noticed_on,
        "due_on": found.due_on,
        "answer": found.answer or None,
        "decider": found.decider or None,
        "decided_fen": found.decided_fen,
        "by_fund": dict(found.by_fund),
        "original_period": found.original_period or None,
        "period": found.period or None,
    }
    return access.answer({"record": record})


# --- Provinces ------------------------------------------------------------------------------------


@router.get(
    "/v1/clearing/{period}", name="clearing", responses={200: {"model": schemas.RecordAnswer}}
)
async def clearing(access: AccessDep, period: MonthName) -> Response:
    """A national period: its stage, and the statements that the reader is a party to."""
    found = period_record.find(access.state, period)
    if found is None:
        raise access.absent()
    shown = []
    may_see = has_post(Right.PARTY, access.caller)
    for number in range(found.pairs if may_see else 0):
        home, care = access.view.state(statement_record.pair_key(period, number)) or ("", "")
        if access.sees(parties.of_pair(access.state, home, care), Right.PARTY):
            made = statement_record.load(access.state, period, home, care)
            shown.append(statement_row(access, period, home, care, made))
    record = {
        "period": period,
        "stage": found.stage.value,
        "statements": found.pairs,
        "confirmed": found.confirmed,
        "paid": found.settled,
        "cut_on": found.cut_on or None,
        "confirm_by": found.confirm_by or None,
        "closed_on": found.closed_on or None,
        "shown": shown,
        "shown_fen": sum(row["total_fen"] for row in shown),
    }
    return access.answer({"record": record})


@router.get(
    "/v1/clearing/{period}/{home}/{care}",
    name="clearing_statement",
    responses={200: {"model": schemas.RecordAnswer}},
)
async def clearing_statement(
    access: AccessDep, period: MonthName, home: Debtor, care: AreaCode
) -> Response:
    """The statement of two provinces, or of two cities of one: by area, scheme and fund, gross. Of
    an insurer and a place of care: by product, payments and refunds."""
    access.check(parties.of_pair(access.state, home, care), f"statement/{period}/{home}/{care}")
    found = statement_record.find(access.state, period, home, care)
    if found is None:
        raise access.absent()
    places = [
        dict(zip(("place", "fund_type"), key.split("/"), strict=True)) | {"amount_fen": fen}
        for key, fen in sorted(found.places.items())
    ]
    columns = PRODUCT_COLUMNS if statement_record.is_insurer(home) else CELL_COLUMNS
    told = {"rows": _cells(found.cells, columns), "places": places}
    return access.answer({"record": statement_row(access, period, home, care, found) | told})


def statement_row(
    access: Access, period: str, home: str, care: str, made: Statement
) -> dict[str, Any]:
    """A statement in a list of them; ``open_fen``: of its notice, which may net two statements.

    ``home``: the area that owes, or the insurer.
    """
    notice = notice_record.find(access.state, made.notice) if made.notice else None
    return {
        "period": period,
        "home": home,
        "care": care,
        "total_fen": made.total_fen,
        "declarations": made.declarations,
        "adjusted_fen": made.adjusted_fen,
        "moved_fen": made.moved_fen,
        "wallets_fen": made.wallets_fen,
        "open_objections": made.open,
        "confirmed_by_home": made.home_by or None,
        "confirmed_by_care": made.care_by or None,
        "notice": made.notice or None,
        "open_fen": None if notice is None else notice.open_fen,
        "paid": made.settled,
        "advance": made.colour,
    }


def _cells(cells: dict[str, int], columns: tuple[str, ...] = CELL_COLUMNS) -> list[dict[str, Any]]:
    """Rows of ``area/scheme/fund type``, or of other columns, ascending."""
    return [
        dict(zip(columns, key.split("/"), strict=True)) | {"amount_fen": fen}
        for key, fen in sorted(cells.items())
        if fen
    ]


@router.get(
    "/v1/advances/{home}/{care}",
    name="advance",
    responses={200: {"model": schemas.RecordAnswer}},
)
async def advance_of(access: AccessDep, home: AreaCode, care: AreaCode) -> Response:
    """The advance of a pair of provinces: quota, what is held, open notices, this month's use."""
    access.check(parties.of_pair(access.state, home, care), f"advance/{home}/{care}")
    found = advance.find(access.state, home, care)
    period = access.view.state("period")
    made = statement_record.find(access.state, period, home, care) if period else None
    record = {
        "home": home,
        "care": care,
        "schemes": [
            {
                "scheme": scheme,
                "quota_fen": found.quota.get(scheme, 0),
                "held_fen": advance.held_fen(access.state, home, care, scheme),
                "open_notices": list(found.open.get(scheme, ())),
            }
            for scheme in chart.ADVANCES
        ],
        "period": period,
        "used_fen": 0 if made is None else made.total_fen,
        "prepaid_fen": usage.prepaid_fen(access.state, home, care),
        "colour": usage.NONE if made is None else made.colour,
    }
    return access.answer({"record": record})


# --- Notices and payments -------------------------------------------------------------------------


@router.get("/v1/notices/{notice}", name="notice", responses={200: {"model": schemas.RecordAnswer}})
async def notice(access: AccessDep, notice: NoticeId) -> Response:
    """A notice of payment: parties, amounts by fund, due dates, its payment, days overdue."""
    found = notice_record.find(access.state, notice)
    if found is None:
        raise access.absent()
    access.check(parties.of_notice(access.state, notice), f"notice/{notice}")
    return access.answer({"record": _notice(access, notice, found)})


def _notice(access: Access, notice_id: str, found: Notice) -> dict[str, Any]:
    """A notice with named fields; working days overdue as of the head's day."""
    today = date_of_ms(access.view.head.time_ms)
    late = notice_record.overdue_days(found, today, work_calendar(access.state))
    return {
        "notice": notice_id,
        "kind": found.kind.value,
        "stage": found.stage.value,
        "payer": found.payer,
        "payee": found.payee,
        "cause": list(found.cause),
        "amount_fen": found.amount_fen,
        "by_fund": found.by_fund(),
        "paid_fen": found.paid_fen,
        "open_fen": found.open_fen,
        "open_by_fund": found.by_fund(found.open_rows),
        "issued_on": found.issued_on,
        "hand_over_by": found.hand_over_by or None,
        "due_on": found.due_on,
        "overdue_working_days": late,
        "payment": found.payment or None,
        "attempts": found.attempts,
        "paid_on": found.paid_on or None,
    }


@router.get(
    "/v1/payments/{payment}", name="payment", responses={200: {"model": schemas.RecordAnswer}}
)
async def payment(access: AccessDep, payment: ThingId) -> Response:
    """How a payment stands: maker and checker, bank, its reference or why it came back."""
    found = payment_record.find(access.state, payment)
    if found is None:
        raise access.absent()
    access.check(parties.of_payment(access.state, payment), f"payment/{payment}")
    about = notice_record.load(access.state, found.notice)
    record = {
        "payment": payment,
        "stage": found.stage.value,
        "notice": found.notice,
        "amount_fen": found.amount_fen,
        "sender": found.sender,
        "bank": found.bank,
        "payee_bank": found.payee_bank,
        "maker": found.maker,
        "checker": found.checker or None,
        "reference": found.reference or None,
        "value_on": found.value_on or None,
        "reason": found.reason or None,
        "previous": found.previous or None,
        "received_reference": found.received_reference or None,
        "received_on": found.received_on or None,
        "returned_fen": found.amount_fen - found.left_fen,
        "returns": [
            {**back.show(), "by_fund": about.by_fund(back.rows),
             "transfer": f"payment-back/{payment}/{number}"}
            for number, back in enumerate(found.returns, start=1)
        ],
        "transfer": f"payment/{payment}",
    }  # fmt: skip
    return access.answer({"record": record})
