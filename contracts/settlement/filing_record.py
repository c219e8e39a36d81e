"""What is kept of a filing: versions that are only ever appended, and a person's index of them.

``filing/<id>`` has the whole history. ``filings/<person>`` has what binding a claim needs, for all
filings of one person in one read: every version that decided something, and the last one where that
still waits. Which version counts on a day is computed when looked at (``filing_cover``): a
later version cuts an earlier one from its first day on, without touching it.
"""

from __future__ import annotations

from dataclasses import dataclass

from contracts.api import State, Value

APPROVED, PENDING, RETURNED, REFUSED, CANCELLED = (
    "approved",
    "pending",
    "returned",
    "refused",
    "cancelled",
)
DECIDED = (APPROVED, CANCELLED)
"""What a version with one of these says holds from its first day on."""

WHY_ENDED = ("death", "moved", "mistake")
"""Why an enrolment ends; the reason of a cancellation that came with it (``filing_end``)."""

LONG_TERM = ("retired_elsewhere", "living_elsewhere", "posted_elsewhere")
TEMPORARY = ("referral", "emergency", "other")

INDEX_MAX = 400
"""Rows of one person. Older ones that ended leave the index first; the filings themselves stay."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a filing."""

    number: int
    status: str
    """``approved``, ``pending``, ``returned``, ``refused`` or ``cancelled``."""
    type: str
    care_region: str
    """City or province of care, six digits."""
    hospital: str
    """Hospital of a referral, as a fact and not as a limit; else empty."""
    effective_from: str
    """First day; of a cancellation the first day without cover."""
    valid_to: str | None
    """Last day of admission that it covers; None until changed."""
    submitted_ms: int
    """When what it says was submitted: a decision keeps the submission's time."""
    submitted_on: str
    """The same as a date."""
    channel: str
    provisional_until: str | None
    """Last day of a filing on commitment; None once the papers are in."""
    decide_by: str | None
    """Last working day for the home bureau's decision."""
    by: str
    """Organisation that made this version."""
    holder: str
    reason: str
    """Reason code of a return, refusal or cancellation; else empty."""
    digest: bytes
    """Of the call that made it, for retries."""

    @property
    def by_ending(self) -> bool:
        """Whether it was cancelled because the enrolment ended."""
        return self.status == CANCELLED and self.reason in WHY_ENDED

    def encode(self) -> Value:
        """As the state has it: an array, the order of the fields above."""
        return [getattr(self, name) for name in _VERSION_FIELDS]


_VERSION_FIELDS = tuple(Version.__dataclass_fields__)

ENDS, LAPSES = "ends", "lapses"


@dataclass(frozen=True, slots=True)
class End:
    """When a filing stops by itself."""

    last_day: str
    """Last day of admission that it covers; of a filing on commitment the last day for papers."""
    cause: str
    """``ends``: its validity is over. ``lapses``: the papers that were promised did not come."""


@dataclass(frozen=True, slots=True)
class Filing:
    """A filing with its history."""

    id: str
    person: str
    area: str
    """Home area: who decides."""
    versions: tuple[Version, ...]
    salt: bytes
    warned: str = ""
    """The last day of which the person was warned; empty before a warning."""

    @property
    def last(self) -> Version:
        """The newest version."""
        return self.versions[-1]

    @property
    def standing(self) -> Version | None:
        """The last approved version, whatever waits behind it; None when none was approved."""
        approved = [version for version in self.versions if version.status == APPROVED]
        return approved[-1] if approved else None

    @property
    def end(self) -> End | None:
        """When what stands stops by itself; None where nothing stands, or until changed."""
        decided = [version for version in self.versions if version.status in DECIDED]
        if not decided or decided[-1].status == CANCELLED:
            return None
        valid_to, provisional = decided[-1].valid_to, decided[-1].provisional_until
        if provisional is not None and (valid_to is None or provisional <= valid_to):
            return End(provisional, LAPSES)
        return None if valid_to is None else End(valid_to, ENDS)

    def encode(self) -> Value:
        """As the state has it; the warning is left out before there is one."""
        versions = [version.encode() for version in self.versions]
        fields: list[Value] = [self.id, self.person, self.area, versions, self.salt]
        return [*fields, self.warned] if self.warned else fields

    @classmethod
    def decode(cls, value: Value) -> Filing:
        """From the state's value."""
        known_id, person, area, versions, salt, *warned = value
        return cls(known_id, person, area, tuple(Version(*row) for row in versions), salt, *warned)


@dataclass(frozen=True, slots=True)
class Row:
    """A version in a person's index: what binding a claim asks."""

    filing: str
    number: int
    status: str
    type: str
    care_region: str
    effective_from: str
    valid_to: str | None
    submitted_on: str
    provisional_until: str | None
    channel: str

    def encode(self) -> Value:
        """As the state has it."""
        return [getattr(self, name) for name in _ROW_FIELDS]


_ROW_FIELDS = tuple(Row.__dataclass_fields__)


def load_filing(state: State, filing_id: str) -> Filing | None:
    """The filing with its history; None for an id that nobody used."""
    value = state.get(f"filing/{filing_id}")
    return None if value is None else Filing.decode(value)


def load_index(state: State, person_id: str) -> list[Row]:
    """All rows of a person, in the order in which the versions came."""
    value = state.get(f"filings/{person_id}")
    return [] if value is None else [Row(*row) for row in value[0]]


def save(state: State, filing: Filing) -> None:
    """Write the filing."""
    state.put(f"filing/{filing.id}", filing.encode())


def enter(state: State, filing: Filing, index_salt: bytes) -> None:
    """Bring the filing's last version into the person's index."""
    rows = [
        row
        for row in load_index(state, filing.person)
        if row.filing != filing.id or row.status in DECIDED
    ]
    rows.append(row_of(filing.id, filing.last))
    if len(rows) > INDEX_MAX:
        rows.remove(min(rows, key=_ended))
    state.put(f"filings/{filing.person}", [[row.encode() for row in rows], index_salt])


def row_of(filing_id: str, version: Version) -> Row:
    """The index row of a version."""
    return Row(
        filing=filing_id,
        number=version.number,
        status=version.status,
        type=version.type,
        care_region=version.care_region,
        effective_from=version.effective_from,
        valid_to=version.valid_to,
        submitted_on=version.submitted_on,
        provisional_until=version.provisional_until,
        channel=version.channel,
    )


def _ended(row: Row) -> str:
    """The day a row stopped to matter; those without one come last."""
    return row.valid_to or "9999-12-31"
