"""Money of personal accounts on its way to another account, also of another area.

Account and wallet are one state entry, which the first money opens. Between two areas the old one
owes the new one what moves: the pair ``clearing:<old>-><new>`` and its mirror stand in the books of
both until the old area's bank has paid the notice. Areas, not provinces: the money of an account
lies with the agency that keeps it.
"""

from __future__ import annotations

from contracts.api import Context
from contracts.settlement import funds_chart as chart
from contracts.settlement.clearing import notice_record
from contracts.settlement.clearing.notice_record import Kind
from contracts.settlement.enrolment_record import Person
from contracts.settlement.funds_book import Book, Leg
from contracts.settlement.records import salt_of
from contracts.settlement.terms import PERSONAL_ACCOUNT


def open_entry(ctx: Context, book: Book, person: Person) -> None:
    """Open the person's entry of accounts, unless it is open."""
    _, key = chart.entry_of(chart.person_account(person.id))
    if "salt" not in book.entry(key):
        book.touch(key)["salt"] = salt_of(ctx, person.salt, key)


def legs_between(source: str, area: str, into: str, to_area: str, amount_fen: int) -> list[Leg]:
    """Legs from an account of one area to one of another, or of the same."""
    legs: list[Leg] = [(source, PERSONAL_ACCOUNT, -amount_fen)]
    if area != to_area:
        legs.append((chart.clearing(area, to_area), PERSONAL_ACCOUNT, amount_fen))
        legs.append((chart.receivable(area, to_area), PERSONAL_ACCOUNT, -amount_fen))
    return [*legs, (into, PERSONAL_ACCOUNT, amount_fen)]


def ask_payment(ctx: Context, cause: str, area: str, to_area: str, amount_fen: int) -> str:
    """The notice by which the old area pays the new one; its id, empty where nothing is paid."""
    if area == to_area or not amount_fen:
        return ""
    notice = f"account:{cause}"
    notice_record.issue(
        ctx, notice, kind=Kind.ACCOUNT, payer=area, payee=to_area, cause=(cause,),
        out=[(chart.clearing(area, to_area), PERSONAL_ACCOUNT, -amount_fen)],
        into=[(chart.receivable(area, to_area), PERSONAL_ACCOUNT, amount_fen)],
    )  # fmt: skip
    return notice
