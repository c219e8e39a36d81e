"""Which filing a claim binds to, or exactly why none does (SETTLEMENT.md section 3).

A claim binds to the version in force at settlement whose cover reaches the admission date; a filing
made during the stay reaches back to the admission. Of a filing's versions the last one decided
whose first day has come counts on a day, so a change of place on 1 June leaves an admission of
20 May where it was. Nothing here writes; lapses and expiries are computed from dates.
"""

from __future__ import annotations

from collections.abc import Iterable

from contracts import parameters
from contracts.api import State
from contracts.quick import quick
from contracts.regions import covers
from contracts.settlement.enrolment import area_of
from contracts.settlement.filing_record import (
    APPROVED,
    CANCELLED,
    DECIDED,
    LONG_TERM,
    PENDING,
    REFUSED,
    RETURNED,
    Row,
    load_index,
)

NONE_FILED = "filing.none-filed"
WRONG_PLACE = "filing.wrong-place"
WRONG_TYPE = "filing.wrong-type"
REFUSED_BY_BUREAU = "filing.refused"
EXPIRED = "filing.expired"
WAS_CANCELLED = "filing.cancelled"
NOT_YET = "filing.not-yet-effective"
LAPSED = "filing.lapsed"
WAS_RETURNED = "filing.returned"
IS_PENDING = "filing.pending"
RESIDES_ELSEWHERE = "filing.resides-elsewhere"

_NEAREST = (
    IS_PENDING,
    WAS_RETURNED,
    LAPSED,
    NOT_YET,
    WAS_CANCELLED,
    EXPIRED,
    REFUSED_BY_BUREAU,
    WRONG_TYPE,
    WRONG_PLACE,
    NONE_FILED,
)
"""With several filings and none that covers, the reason nearest to being repaired is told."""

_RANK = {
    "retired_elsewhere": 0,
    "living_elsewhere": 0,
    "posted_elsewhere": 0,
    "referral": 1,
    "emergency": 2,
    "other": 3,
}
"""With several that cover, the better for the patient: long-term keeps the local ratio, referral
and emergency may cost ten points, others twenty (2022 national rule; RULES.md section 2.5)."""

DEEMED = "deemed"
"""Channel of a cover that nobody had to file."""


@quick(frozen=True, slots=True)
class Cover:
    """The filing that a claim binds to, or why there is none."""

    type: str
    """A word of ``terms.FILING_TYPES``; ``none`` without a filing."""
    filing: str = ""
    """Id of the filing; empty when deemed filed, not needed, or none."""
    version: int = 0
    in_time: bool = True
    """Filed before the stay ended; deemed filings always are."""
    elsewhere: bool = False
    """For care at home: a long-term filing for another place is in force (双向待遇)."""
    channel: str = ""
    submitted_on: str = ""
    effective_from: str = ""
    valid_to: str | None = None
    needed: bool = True
    """False for care in the home area itself."""
    reason: str = ""
    """Reason code when a filing was needed and none covers; else empty."""

    @property
    def found(self) -> bool:
        """Whether a filing covers, or none is needed."""
        return not self.reason


def find_cover(
    state: State,
    person_id: str,
    care_region: str,
    admission: str,
    on_date: str,
    *,
    emergency: bool = False,
    today: str | None = None,
    filed_until: str = "",
) -> Cover:
    """The cover of a stay.

    ``on_date``: discharge, or the visit's day. ``today``: the day of settlement, when that is later
    (reimbursement after payment); pending and lapsed are judged by it. ``filed_until``: up to when
    a filing counts as filed during the stay, when that is later than ``on_date``: what is filed
    before the discharge is settled is settled directly (2022 national rule, article 16).
    """
    area = area_of(person_id)
    rules = parameters.area(state, "filing", area)
    rows = load_index(state, person_id)
    today = on_date if today is None else today
    if covers(area, care_region):
        return _at_home(rows, admission, today, entitled=rules["entitled_at_home"])
    candidates: list[Cover] = []
    reasons: list[str] = []
    filed_until = max(on_date, filed_until)
    for _, own in _by_filing(rows):
        judged = _judge(own, care_region, admission, filed_until, today, emergency)
        if isinstance(judged, str):
            reasons.append(judged)
        else:
            candidates.append(_cover(judged, on_date))
    if emergency:
        candidates.append(Cover("emergency", channel=DEEMED))
    candidates += [
        Cover(deemed, channel=DEEMED)
        for region, deemed in sorted(rules["no_filing_regions"].items())
        if covers(region, care_region)
    ]
    if candidates:
        # min keeps the first of equals: a filing of one's own before what is only deemed.
        return min(candidates, key=lambda cover: _RANK[cover.type])
    reason = next((code for code in _NEAREST if code in reasons), NONE_FILED)
    return Cover("none", reason=reason)


def in_force(rows: Iterable[Row], date: str, today: str) -> Row | None:
    """The version of one filing that covers a date; None when none does."""
    row = _applicable(rows, date)
    if row is None or row.status != APPROVED or _has_ended(row, date) or _has_lapsed(row, today):
        return None
    return row


def long_term_in_force(rows: Iterable[Row], date: str) -> Row | None:
    """The person's long-term filing that covers a date or begins later; None when there is none."""
    for _, own in _by_filing(rows):
        row = _last_decided(own)
        if (
            row is not None
            and row.type in LONG_TERM
            and row.status == APPROVED
            and not _has_ended(row, date)
            and not _has_lapsed(row, date)
        ):
            return row
    return None


def _at_home(rows: list[Row], admission: str, today: str, *, entitled: bool) -> Cover:
    """No filing is needed; whoever lives elsewhere may have lost the entitlement here."""
    for _, own in _by_filing(rows):
        row = in_force(own, admission, today)
        if row is not None and row.type in LONG_TERM:
            lost = "" if entitled else RESIDES_ELSEWHERE
            return Cover("none", needed=False, elsewhere=True, reason=lost)
    return Cover("none", needed=False)


def _judge(
    rows: list[Row], care_region: str, admission: str, until: str, today: str, emergency: bool
) -> Row | str:
    """The version of one filing that covers the stay, or why it does not.

    ``until``: up to when what is filed counts as filed during the stay.
    """
    reasons = []
    for row in (_applicable(rows, admission), _filed_during_stay(rows, admission, until)):
        if row is None:
            continue
        reason = _objection(row, care_region, admission, today, emergency)
        if reason is None:
            return row
        reasons.append(reason)
    if reasons:
        return min(reasons, key=_NEAREST.index)
    waiting = rows[-1]
    if not covers(waiting.care_region, care_region):
        return WRONG_PLACE
    return {PENDING: IS_PENDING, RETURNED: WAS_RETURNED, REFUSED: REFUSED_BY_BUREAU}.get(
        waiting.status, NOT_YET
    )


def _objection(
    row: Row, care_region: str, admission: str, today: str, emergency: bool
) -> str | None:
    """Why a version whose time has come does not cover the stay; None when it does."""
    if not covers(row.care_region, care_region):
        return WRONG_PLACE
    if row.status == CANCELLED:
        return WAS_CANCELLED
    if _has_ended(row, admission):
        return EXPIRED
    if _has_lapsed(row, today):
        return LAPSED
    if row.type == "emergency" and not emergency:
        return WRONG_TYPE
    return None


def _applicable(rows: Iterable[Row], date: str) -> Row | None:
    """Of one filing, the last decided version whose first day has come."""
    found = None
    for row in rows:
        if row.status in DECIDED and row.effective_from <= date:
            found = row
    return found


def _filed_during_stay(rows: Iterable[Row], admission: str, until: str) -> Row | None:
    """The last approved version that was submitted, and begins, within the stay."""
    found = None
    for row in rows:
        if (
            row.status == APPROVED
            and admission <= row.submitted_on <= until
            and row.effective_from <= until
        ):
            found = row
    return found


def _last_decided(rows: Iterable[Row]) -> Row | None:
    found = None
    for row in rows:
        if row.status in DECIDED:
            found = row
    return found


def _has_ended(row: Row, admission: str) -> bool:
    return row.valid_to is not None and admission > row.valid_to


def _has_lapsed(row: Row, today: str) -> bool:
    """A filing on commitment lapses by itself; claims that were settled before are untouched."""
    return row.provisional_until is not None and today > row.provisional_until


def _by_filing(rows: Iterable[Row]) -> list[tuple[str, list[Row]]]:
    """Rows grouped by filing, in the order of each filing's first row."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.filing, []).append(row)
    return list(groups.items())


def _cover(row: Row, on_date: str) -> Cover:
    return Cover(
        type=row.type,
        filing=row.filing,
        version=row.number,
        in_time=row.submitted_on <= on_date,
        channel=row.channel,
        submitted_on=row.submitted_on,
        effective_from=row.effective_from,
        valid_to=row.valid_to,
    )
