"""Notices of payment (付款通知书): who owes whom, by fund, until which working day.

A notice is written by whoever is competent for the amount, never by whoever pays. It holds the
postings that its payment will make: ``out`` in the payer's books, ``into`` in the payee's. What a
fund's legs leave open is what moves through the banks, so every fund type balances by itself in
the books of either side. For whom the notice of the payer is, the payee's notice of collection
(收款通知书) is the same record.

A notice is asked for whole. Where a part of its money comes back after it was paid, that part is
open again: ``open`` says how much of each row, and the next payment is of what is open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from contracts import parameters
from contracts.api import Context, State, Value, reject
from contracts.settlement.calendar import WorkCalendar, date_of_ms, work_calendar
from contracts.settlement.funds_book import Leg


class Kind(StrEnum):
    """What is paid."""

    INSTITUTION = "institution"
    """The place of care pays an institution its confirmed month."""
    CLEARING = "clearing"
    """A province pays another one for its insured."""
    NETTING = "netting"
    """The same, what two provinces owe each other set off against each other."""
    REMITTANCE = "remittance"
    """A city pays its province what its funds owe elsewhere (上解)."""
    ALLOTMENT = "allotment"
    """A province pays its city for care that was given there to others (下拨)."""
    ADVANCE = "advance"
    """A home province prepays a province of care."""
    ADVANCE_RETURN = "advance-return"
    PREPAYMENT = "prepayment"
    """The place of care prepays an institution."""
    PREPAYMENT_RETURN = "prepayment-return"
    COVER = "cover"
    """An insurer pays a place of care what its products have paid in settlements (收款通知)."""
    COVER_RETURN = "cover-return"
    """A place of care pays an insurer, where more was refunded than paid."""
    ACCOUNT = "account"
    """An area pays another one the accounts of those whose insurance has moved there."""


class NoticeStage(StrEnum):
    """Where a notice stands."""

    ISSUED = "issued"
    """Waits for its payment, for the first or for another one after a return."""
    PAYING = "paying"
    """A payment is on its way: there is never a second one beside it."""
    PAID = "paid"
    """The bank has confirmed; final unless money comes back."""
    WITHDRAWN = "withdrawn"
    """Asked for by mistake and never paid; final."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A notice: ``notice/<id>``; its id says what it is for."""

    kind: Kind
    stage: NoticeStage
    payer: str
    """District of the area that pays; an institution that gives money back, an insurer: its
    id."""
    payee: str
    """District of the area, or the institution or insurer, that is paid."""
    cause: tuple[str, ...]
    """What it is for: (period, home, care), (month, institution), (period, area) ..."""
    out: tuple[Leg, ...]
    into: tuple[Leg, ...]
    issued_on: str
    hand_over_by: str
    """Last working day for the agency to hand it to the finance department."""
    due_on: str
    """Last working day for the payment."""
    payment: str
    """The payment that is on its way or has paid; after a return the one that came back."""
    attempts: int
    """Payments that were ordered."""
    paid_on: str
    """The bank's day of the last payment that it confirmed; empty where nothing stands of any."""
    open: tuple[int, ...] = ()
    """Fen by row of the money that are not paid, where others are; empty where all of it is open,
    or nothing (``stage``)."""

    def by_fund(self, rows: Sequence[int] = ()) -> dict[str, int]:
        """Fen that leave the payer's bank, by fund type; some may be negative, their sum not.

        ``rows``: of so much of each row of the money; left out, of all of it.
        """
        sums: dict[str, int] = {}
        for (fund_type, _), fen in zip(self._moved(), rows or self.rows, strict=True):
            sums[fund_type] = sums.get(fund_type, 0) + fen
        return {fund_type: fen for fund_type, fen in sums.items() if fen}

    @property
    def amount_fen(self) -> int:
        """What is asked for."""
        return sum(self.rows)

    @property
    def rows(self) -> tuple[int, ...]:
        """Fen by row of the money: a leg of the payer's books and its mirror in the payee's."""
        return tuple(amount for _, amount in self._moved())

    @property
    def funds(self) -> tuple[str, ...]:
        """The fund type of each row of the money."""
        return tuple(fund for fund, _ in self._moved())

    @property
    def open_rows(self) -> tuple[int, ...]:
        """Fen by row that are still to be paid, or are again."""
        if self.stage in (NoticeStage.PAID, NoticeStage.WITHDRAWN):
            return (0,) * len(self.rows)
        return self.open or self.rows

    @property
    def open_fen(self) -> int:
        """What is still to be paid, or is again; money on its way counts as open."""
        return sum(self.open_rows)

    @property
    def paid_fen(self) -> int:
        """What the bank has paid and did not come back."""
        return 0 if self.stage is NoticeStage.WITHDRAWN else self.amount_fen - self.open_fen

    def legs(self, rows: Sequence[int]) -> tuple[list[Leg], list[Leg]]:
        """Postings that pay so much of each row: in the payer's books and in the payee's."""
        out, into = (
            [(leg[0], leg[1], sign * fen) for leg, fen in zip(side, rows, strict=True) if fen]
            if side else []
            for side, sign in ((self.out, -1), (self.into, 1))
        )  # fmt: skip
        return out, into

    def _moved(self) -> list[tuple[str, int]]:
        """(fund type, fen) that the payment moves. An institution or insurer that pays keeps its
        books elsewhere: then what comes in says it."""
        if self.out:
            return [(fund, -amount) for _, fund, amount in self.out]
        return [(fund, amount) for _, fund, amount in self.into]

    def encode(self) -> Value:
        """As the state has it: an array, the order of the fields above."""
        return [
            self.kind.value,
            self.stage.value,
            self.payer,
            self.payee,
            list(self.cause),
            [list(leg) for leg in self.out],
            [list(leg) for leg in self.into],
            self.issued_on,
            self.hand_over_by,
            self.due_on,
            self.payment,
            self.attempts,
            self.paid_on,
            *([list(self.open)] if self.open else ()),
        ]

    @classmethod
    def decode(cls, value: Value) -> Notice:
        """From the state's value."""
        (kind, stage, payer, payee, cause, out, into, issued, hand_over, due, payment, attempts,
         paid, *part) = value  # fmt: skip
        return cls(
            kind=Kind(kind),
            stage=NoticeStage(stage),
            payer=payer,
            payee=payee,
            cause=tuple(cause),
            out=tuple((a, f, n) for a, f, n in out),
            into=tuple((a, f, n) for a, f, n in into),
            issued_on=issued,
            hand_over_by=hand_over,
            due_on=due,
            payment=payment,
            attempts=attempts,
            paid_on=paid,
            open=tuple(part[0]) if part else (),
        )


def find(state: State, notice_id: str) -> Notice | None:
    """The notice; None where there is none."""
    value = state.get(f"notice/{notice_id}")
    return None if value is None else Notice.decode(value)


def load(state: State, notice_id: str) -> Notice:
    """The notice. Refuses with ``payment.notice-not-found``."""
    found = find(state, notice_id)
    if found is None:
        reject("payment.notice-not-found", notice=notice_id)
    return found


def put(state: State, notice_id: str, made: Notice) -> None:
    """Write it."""
    state.put(f"notice/{notice_id}", made.encode())


def issue(
    ctx: Context,
    notice_id: str,
    *,
    kind: Kind,
    payer: str,
    payee: str,
    cause: tuple[str, ...],
    out: list[Leg],
    into: list[Leg],
    hand_over_by: str = "",
    due_on: str = "",
) -> Notice:
    """Write a new notice and tell of it.

    Without dates of its own it has the rhythm between provinces: so many working days for the
    agency to hand it over, then so many for the finance department (parameter ``clearing``).
    """
    assert find(ctx.state, notice_id) is None, f"notice {notice_id} is issued twice"
    today = date_of_ms(ctx.time_ms)
    if not due_on:
        days, rhythm = work_calendar(ctx.state), parameters.area(ctx.state, "clearing")
        hand_over_by = days.add_working_days(today, rhythm["hand_over_within"])
        due_on = days.add_working_days(hand_over_by, rhythm["pay_within"])
    made = Notice(
        kind=kind, stage=NoticeStage.ISSUED, payer=payer, payee=payee, cause=cause,
        out=tuple(leg for leg in out if leg[2]), into=tuple(leg for leg in into if leg[2]),
        issued_on=today, hand_over_by=hand_over_by,
        due_on=due_on,
        payment="", attempts=0, paid_on="",
    )  # fmt: skip
    assert made.amount_fen > 0, f"notice {notice_id} of {made.amount_fen} fen"
    books = (list(made.out), list(made.into))
    assert not all(books) or made.legs(made.rows) == books, f"{notice_id} has no mirror"
    put(ctx.state, notice_id, made)
    tell(ctx, notice_id, made)
    return made


def tell(ctx: Context, notice_id: str, made: Notice, **more: Value) -> None:
    """The event of every step of a notice."""
    ctx.emit(
        f"notice.{made.stage.value}",
        **{
            "notice": notice_id,
            "kind": made.kind.value,
            **parties(made),
            "amount_fen": made.amount_fen,
            "open_fen": made.open_fen,
            "due_on": made.due_on,
        },
        **more,
    )


def parties(made: Notice) -> dict[str, Value]:
    """Whom a notice concerns, in the words by which rights are found."""
    sides = {"payer": made.payer, "payee": made.payee}
    found: dict[str, Value] = {}
    for side, name in sides.items():
        if name.startswith("insurer:"):
            found["insurer"] = name
        elif ":" in name:
            found["institution"] = name
        else:
            found[f"{side}_region"] = name
    return found


def overdue_days(made: Notice, today: str, calendar: WorkCalendar) -> int:
    """Working days since the due date; 0 for one that is paid, withdrawn or not yet due."""
    if made.stage in (NoticeStage.PAID, NoticeStage.WITHDRAWN):
        return 0
    return calendar.working_days_between(made.due_on, today)


def with_payment(made: Notice, payment: str) -> Notice:
    """The notice with a payment on its way."""
    return replace(made, stage=NoticeStage.PAYING, payment=payment, attempts=made.attempts + 1)


def with_paid(made: Notice, rows: Sequence[int], paid_on: str) -> Notice:
    """The notice once a payment of so much of each row is confirmed: paid, or a rest waits."""
    left = tuple(fen - paid for fen, paid in zip(made.open_rows, rows, strict=True))
    if not any(left):
        return replace(made, stage=NoticeStage.PAID, paid_on=paid_on, open=())
    return replace(made, stage=NoticeStage.ISSUED, paid_on=paid_on, open=left)


def with_returned(made: Notice, rows: Sequence[int]) -> Notice:
    """The notice once so much of each row came back: open again, due as before.

    A payment of another part that is on its way stays on its way.
    """
    left = tuple(fen + back for fen, back in zip(made.open_rows, rows, strict=True))
    stage = NoticeStage.PAYING if made.stage is NoticeStage.PAYING else NoticeStage.ISSUED
    if left == made.rows:
        return replace(made, stage=stage, paid_on="", open=())
    return replace(made, stage=stage, open=left)
