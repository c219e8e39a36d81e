"""The postings of a provider payment: the difference to the bill, and nothing else.

The settlement has posted the bill by item. What the case is worth less than that leaves what is
owed to the institution and stays in the budget of its place (总额预算); the institution bears it.
What it is worth more comes out of the budget and is its gain. The insured place still owes what
was settled with the patient: between provinces nothing changes. On the institution's side
``payable`` and ``income`` together stay the whole bill.
"""

from __future__ import annotations

from contracts.api import Context
from contracts.settlement import funds_chart as chart
from contracts.settlement.clearing import account_record
from contracts.settlement.funds_book import Book, Leg, post
from contracts.settlement.provider.record import Paid, find, put


def legs_of(paid: Paid) -> list[Leg]:
    """The legs of a payment as it stands; none where it is the bill."""
    result, fund = paid.result_fen, paid.fund_type
    if not result:
        return []
    mine = chart.gain if result > 0 else chart.hospital_share
    return [
        (chart.payable(paid.institution), fund, result),
        (chart.budget(paid.region), fund, -result),
        (mine(paid.institution), fund, result),
        (chart.income(paid.institution), fund, -result),
    ]


def move(ctx: Context, claim: str, made: Paid, before: Paid | None, book: Book) -> None:
    """Post what leads from the payment before to this one, and keep it.

    The transfer is ``provider/<claim>/<run>``: each run has its own, none is edited.
    """
    change: dict[tuple[str, str], int] = {}
    old = [] if before is None else [(a, f, -n) for a, f, n in legs_of(before)]
    for account, fund, amount in (*old, *legs_of(made)):
        change[account, fund] = change.get((account, fund), 0) + amount
    legs: list[Leg] = [(account, fund, n) for (account, fund), n in change.items() if n]
    if legs:
        post(ctx, f"provider/{claim}/{made.runs}", legs, book)
        payable = chart.payable(made.institution)
        owed = {fund: n for account, fund, n in legs if account == payable}
        account_record.owe_more(ctx.state, made.institution, owed)
    put(ctx.state, claim, made, before)


def undo(ctx: Context, claim: str, digest: bytes, book: Book) -> None:
    """Take a claim's payment back, because its settlement is. Nothing where there is none.

    The caller saves the book.
    """
    paid = find(ctx.state, claim)
    if paid is not None and paid.stage != "undone":
        move(ctx, claim, paid.undone(digest), paid, book)
