"""One bill, one payment: what was settled directly is not reimbursed, and not the other way.

The counters of a person's benefit year keep a log of what was settled, direct settlements by their
claim's id and reimbursements by theirs with a prefix. Two stays at one institution on the same days
are the same bill, and so are two visits there on one day over the same amount. Invoices are the
other lock, which also holds where an institution is not on the ledger (``invoices``).
"""

from __future__ import annotations

from collections.abc import Iterator

from contracts.api import Context, reject
from contracts.settlement import counters
from contracts.settlement.claim_visit import is_inpatient
from contracts.settlement.enrolment import Person
from contracts.settlement.records import Claim, Visit, is_reversal
from contracts.settlement.reimbursement_record import ENDED_UNPAID, counted_as, find

_REIMBURSED = counted_as("")
"""What names of reimbursements begin with in the log."""


def require_not_settled(
    ctx: Context, person: Person, institution: str, visit: Visit, total_fen: int
) -> None:
    """Refuses with ``reimbursement.settled-directly`` when the same bill was settled directly."""
    if not institution:
        return
    for name in _logged(ctx, person, visit):
        if name.startswith(_REIMBURSED):
            continue
        value = ctx.state.get(f"claim/{name}")
        if value is None or is_reversal(value):
            continue
        claim = Claim.decode(value)
        if claim.institution != institution or claim.settled is None or claim.reversal:
            continue
        if _is_same_bill(visit, total_fen, claim.visit, claim.settled.sums[0]):
            reject(
                "reimbursement.settled-directly", claim=name,
                admission=claim.visit.admission, discharge=claim.visit.discharge,
            )  # fmt: skip


def require_not_reimbursed(
    ctx: Context, log: str, institution: str, visit: Visit, total_fen: int
) -> None:
    """Refuses with ``claim.reimbursed`` when the person was paid for this bill already.

    ``log``: the counters' own text, so that a settlement pays one look at it and nothing more
    where nobody was ever reimbursed.
    """
    if _REIMBURSED not in log:
        return
    for row in log.splitlines():
        name = row.partition(" ")[2]
        if not name.startswith(_REIMBURSED):
            continue
        found = find(ctx.state, name.removeprefix(_REIMBURSED))
        if found is None or found.stage in ENDED_UNPAID or found.place.institution != institution:
            continue
        if _is_same_bill(visit, total_fen, found.visit, found.total_fen):
            reject(
                "claim.reimbursed", admission=found.visit.admission,
                discharge=found.visit.discharge,
            )  # fmt: skip


def _is_same_bill(one: Visit, one_fen: int, other: Visit, other_fen: int) -> bool:
    """Nobody is in one hospital twice at a time; of visits on one day the amount must agree too."""
    if one.admission > other.discharge or other.admission > one.discharge:
        return False
    if is_inpatient(one.care_kind) != is_inpatient(other.care_kind):
        return False
    return is_inpatient(one.care_kind) or one_fen == other_fen


def _logged(ctx: Context, person: Person, visit: Visit) -> Iterator[str]:
    """Names in the log of every year that a stay of these days may have been counted in."""
    # Benefit years may be one off the calendar's (``PolicyProgram.benefit_year``).
    for year in range(int(visit.admission[:4]) - 1, int(visit.discharge[:4]) + 2):
        found = counters.load(ctx.state, person.id, person.area, person.scheme, year)
        if found is not None:
            yield from (name for _, name in found.settlements)
