"""Invoices: a bill's paper is used once in the country, by whoever pays on it first.

An electronic invoice has a code and a number, which together are unique in the country, and a hash
of the paper. The hash and the amount that came first hold for good: the same number with another
hash or amount is an altered paper, whoever brings it and whether or not it was paid on. A direct
settlement that is reversed, and a reimbursement that is refused or withdrawn, give the invoice
free again.

State: ``invoice/<code>/<number>``: [amount in fen, hash, kind of user, id of user]; the user's kind
is empty while nobody uses it.
"""

from __future__ import annotations

from collections.abc import Iterable

from contracts.api import Args, Context, reject
from contracts.schema import Bytes, Fen, Id, List, Record

CLAIM, REIMBURSEMENT = "claim", "reimbursement"
"""Who uses an invoice."""

INVOICES_MAX = 20

INVOICE = Record({"code": Id(20), "number": Id(20), "total_fen": Fen(1), "hash": Bytes(32)})
"""``hash``: of the electronic invoice's file, as its issuer made it."""
INVOICES = List(INVOICE, max=INVOICES_MAX)

Name = tuple[str, str]
"""(code, number)."""


def names_of(invoices: Iterable[Args]) -> tuple[Name, ...]:
    """The invoices' names, in the order in which they were given."""
    return tuple((invoice["code"], invoice["number"]) for invoice in invoices)


def take(ctx: Context, invoices: list[Args], total_fen: int, kind: str, user: str) -> None:
    """Use the invoices for one bill.

    Refuses with ``invoice.total-differs`` when they do not add up to the bill, ``invoice.doubled``
    when one is listed twice, ``invoice.altered`` when amount or hash are not those that came first,
    ``invoice.used`` when another bill uses it.
    """
    names = names_of(invoices)
    if len(set(names)) != len(names):
        reject("invoice.doubled", invoices=len(names), different=len(set(names)))
    given = sum(invoice["total_fen"] for invoice in invoices)
    if given != total_fen:
        reject("invoice.total-differs", total_fen=total_fen, invoices_fen=given)
    for invoice in invoices:
        _take(ctx, invoice, kind, user)


def _take(ctx: Context, invoice: Args, kind: str, user: str) -> None:
    code, number = invoice["code"], invoice["number"]
    known = ctx.state.get(_key(code, number))
    if known is not None:
        amount, paper, used_as, used_by = known
        if (amount, paper) != (invoice["total_fen"], invoice["hash"]):
            reject(
                "invoice.altered", invoice=f"{code}/{number}", given_fen=invoice["total_fen"],
                first_fen=amount, same_hash=paper == invoice["hash"],
            )  # fmt: skip
        if used_as and (used_as, used_by) != (kind, user):
            # As what it was used is said, by whom is not: that is another person's affair.
            reject("invoice.used", invoice=f"{code}/{number}", used_as=used_as)
    ctx.state.put(_key(code, number), [invoice["total_fen"], invoice["hash"], kind, user])


def release(ctx: Context, names: Iterable[Name], kind: str, user: str) -> None:
    """Give invoices free that this bill used; what they are stays known."""
    for code, number in names:
        known = ctx.state.get(_key(code, number))
        assert known is not None, f"invoice {code}/{number} was never taken"
        assert known[2:] == [kind, user], f"invoice {code}/{number} is used by another bill"
        ctx.state.put(_key(code, number), [known[0], known[1], "", ""])


def hand_over(ctx: Context, names: Iterable[Name], kind: str, user: str, to: str) -> None:
    """Another bill of the same kind uses the invoices from now on: what was settled again."""
    for code, number in names:
        known = ctx.state.get(_key(code, number))
        assert known is not None, f"invoice {code}/{number} was never taken"
        assert known[2:] == [kind, user], f"invoice {code}/{number} is used by another bill"
        ctx.state.put(_key(code, number), [known[0], known[1], kind, to])


def _key(code: str, number: str) -> str:
    return f"invoice/{code}/{number}"
