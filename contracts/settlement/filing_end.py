"""What becomes of a person's filings when the enrolment ends, by a death or by a move.

Each that stands or waits is cancelled from the day after the last one on, by a version of its own:
care up to that day stays covered, also where it is settled later, and no list waits for it any
more. Where the day is corrected afterwards, what stood is put back first.
"""

from __future__ import annotations

from dataclasses import replace

from contracts.api import Context
from contracts.settlement import calendar
from contracts.settlement.filing_record import (
    APPROVED,
    CANCELLED,
    REFUSED,
    Filing,
    Version,
    enter,
    load_filing,
    load_index,
    save,
)
from contracts.settlement.records import salt_of


def end_filings(
    ctx: Context, person: str, secret: bytes, last_day: str, cause: str, digest: bytes
) -> list[str]:
    """Cancel a person's filings from the day after ``last_day`` on; their ids, oldest first.

    ``secret``: the person's salt. ``cause``: the word that the versions have as their reason.
    ``digest``: of the call.
    """
    first_day = calendar.add_days(last_day, 1)
    ended = []
    for name in dict.fromkeys(row.filing for row in load_index(ctx.state, person)):
        filing = load_filing(ctx.state, name)
        assert filing is not None, f"the index of {person} names filing {name}"
        if _goes_on(filing, last_day, first_day):
            _cancel(ctx, filing, secret, first_day, cause, digest)
            ended.append(name)
    return ended


def _goes_on(filing: Filing, last_day: str, first_day: str) -> bool:
    """Whether something of it would still hold, or wait, after the last day."""
    last = filing.last
    if last.status == CANCELLED:
        # Only a day that an ending has set is corrected; what a person cancelled stays cancelled.
        return last.by_ending and last.effective_from != first_day
    if last.status == REFUSED and filing.standing is None:
        return False
    end = filing.end
    return last.status != APPROVED or end is None or end.last_day > last_day


def _cancel(
    ctx: Context, filing: Filing, secret: bytes, first_day: str, cause: str, digest: bytes
) -> None:
    standing, last = filing.standing, filing.last
    if last.status == CANCELLED and standing is not None:
        back = replace(standing, number=last.number + 1, reason="", digest=digest)
        filing = _append(ctx, filing, secret, back)
    ended = replace(
        filing.last, number=filing.last.number + 1, status=CANCELLED, effective_from=first_day,
        decide_by=None, by=ctx.sender, holder=ctx.holder, reason=cause, digest=digest,
    )  # fmt: skip
    filing = _append(ctx, filing, secret, ended)
    announce(ctx, filing)


def _append(ctx: Context, filing: Filing, secret: bytes, version: Version) -> Filing:
    made = replace(filing, versions=(*filing.versions, version))
    save(ctx.state, made)
    enter(ctx.state, made, salt_of(ctx, secret, f"filings/{made.person}"))
    return made


def announce(ctx: Context, filing: Filing) -> None:
    """The event of every new version."""
    last = filing.last
    ctx.emit(
        "filing.version",
        filing=filing.id,
        person=filing.person,
        version=last.number,
        status=last.status,
        care_region=last.care_region,
        effective_from=last.effective_from,
        valid_to=last.valid_to,
        decide_by=last.decide_by,
    )
