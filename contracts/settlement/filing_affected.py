"""Which settled claims and reimbursements a late filing would change (SETTLEMENT.md section 3).

A settlement keeps the filing that it was decided by, for good. When a filing arrives later whose
cover reaches back to such an admission, the claim is listed here; nothing is changed by itself.
Whoever settled it may take it back and settle it anew, and the patient gets the difference; a
reimbursement is decided again by the home bureau.

The claims are those that the counters of the benefit years still have: settled and not taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from contracts.api import State
from contracts.quick import quick
from contracts.settlement import counters, enrolment, reimbursement_record
from contracts.settlement.enrolment import Person
from contracts.settlement.filing_cover import Cover, find_cover
from contracts.settlement.filing_record import APPROVED, Filing
from contracts.settlement.records import Claim, is_reversal
from contracts.settlement.reimbursement_record import Reimbursement, counted_as


@quick(frozen=True, slots=True)
class AffectedReimbursement:
    """A reimbursement that was decided and would bind to the filing now."""

    name: str
    made: Reimbursement
    bound: tuple[str, int]
    """Filing and version that it was decided with; empty and 0 without one, or where the ledger
    did not keep it."""
    cover: Cover


@quick(frozen=True, slots=True)
class Affected:
    """A settled claim that would bind to the filing now."""

    name: str
    claim: Claim
    bound: tuple[str, int]
    """Filing and version that it was settled with; empty and 0 without one."""
    cover: Cover
    """What it would bind to today."""


def affected_by(
    state: State, filing: Filing, today: str, is_emergency: Callable[[Claim], bool]
) -> list[Affected]:
    """The claims, in the order in which they were settled.

    ``is_emergency``: whether a claim was settled as one. The state does not keep what a doctor
    said of a stay; its receipt does.
    """
    starts = [v.effective_from for v in filing.versions if v.status == APPROVED]
    person = enrolment.load_person(state, filing.person)
    if not starts or person is None:
        return []
    found = []
    for name, claim in _settled(state, person, min(starts), today):
        assert claim.settled is not None, f"{name} is in the counters' log and was never settled"
        bound = (str(claim.settled.versions[0]), int(claim.settled.versions[1]))
        visit = claim.visit
        cover = find_cover(
            state,
            person.id,
            claim.care,
            visit.admission,
            visit.discharge,
            emergency=is_emergency(claim),
            today=today,
        )
        if cover.filing == filing.id and bound != (cover.filing, cover.version):
            found.append(Affected(name, claim, bound, cover))
    return found


def reimbursements_affected_by(
    state: State, filing: Filing, today: str, is_emergency: Callable[[Reimbursement], bool]
) -> list[AffectedReimbursement]:
    """Reimbursements that the filing would change, in the order in which they were decided.

    ``is_emergency``: as for claims.
    """
    starts = [v.effective_from for v in filing.versions if v.status == APPROVED]
    person = enrolment.load_person(state, filing.person)
    if not starts or person is None:
        return []
    found = []
    for logged in dict.fromkeys(_logged(state, person, min(starts), today)):
        if not logged.startswith(_REIMBURSED):
            continue
        name = logged.removeprefix(_REIMBURSED)
        made = reimbursement_record.find(state, name)
        assert made is not None, f"{name} is in the counters' log and was never filed"
        assert made.verdict is not None, f"{name} is in the counters' log and was never decided"
        bound = made.verdict.filing, made.verdict.version
        cover = find_cover(
            state,
            person.id,
            made.place.region,
            made.visit.admission,
            made.visit.discharge,
            emergency=is_emergency(made),
            today=today,
        )
        if cover.filing == filing.id and bound != (cover.filing, cover.version):
            found.append(AffectedReimbursement(name, made, bound, cover))
    return found


_REIMBURSED = counted_as("")
"""What names of reimbursements begin with in the log."""


def _logged(state: State, person: Person, start: str, today: str) -> Iterator[str]:
    """Names in the log of every year that a stay from ``start`` on may be in."""
    # Benefit years may be one off the calendar's (``PolicyProgram.benefit_year``).
    for year in range(int(start[:4]) - 1, int(today[:4]) + 2):
        known = counters.load(state, person.id, person.area, person.scheme, year)
        yield from () if known is None else (name for _, name in known.settlements)


def _settled(state: State, person: Person, start: str, today: str) -> Iterator[tuple[str, Claim]]:
    """The person's direct settlements of every year that a stay from ``start`` on may be in."""
    for name in dict.fromkeys(_logged(state, person, start, today)):
        value = state.get(f"claim/{name}")
        if value is not None and not is_reversal(value):
            claim = Claim.decode(value)
            if claim.settled is not None and not claim.reversal:
                yield name, claim
