"""What is kept of an insured person, and how it is read: status, category, suspension by date.

``person/<id>`` is one array. What changes over time is kept with its dates, so that a claim is
judged by the day that decides and not by the day on which it arrives. The methods that write it are
in ``enrolment``.
"""

from __future__ import annotations

from dataclasses import dataclass

from contracts.api import State, Value, reject
from contracts.quick import quick

INSURED, ARREARS, WAITING = "insured", "arrears", "waiting"
UNINSURED, CLOSED, DEAD = "uninsured", "closed", "dead"


@quick(frozen=True, slots=True)
class Spell:
    """Category and identity types from a date on."""

    from_date: str
    category: str
    identity_types: tuple[str, ...]


@quick(frozen=True, slots=True)
class Period:
    """Insured status over a time."""

    from_date: str
    to_date: str | None
    status: str
    """``insured``, ``arrears`` (contributions owed) or ``waiting`` (waiting period)."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A suspension of the person's direct settlement."""

    from_date: str
    to_date: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Entitlement:
    """A chronic disease (门诊慢特病) that the home bureau has recognised for the person."""

    disease: str
    """Code of the disease, as in the institution's switch ``chronic:<disease>``."""
    from_date: str
    to_date: str | None


@dataclass(frozen=True, slots=True)
class CoverConsent:
    """The person lets an insurer's product pay, and the insurer see what that takes (``cover``)."""

    product: str
    insurer: str
    scope: str
    """What the insurer may see of a claim: ``amounts`` or ``lines``."""
    to_date: str
    """Last day on which a settlement asks the product."""
    account: bytes | None
    """Token of the bank account for what is paid later, 32 bytes; None: not told."""

    def encode(self) -> Value:
        """As the state has it."""
        return [self.product, self.insurer, self.scope, self.to_date, self.account]


@quick(frozen=True, slots=True)
class Person:
    """An insured person. ``category`` and ``identity_types`` are those of the latest spell."""

    id: str
    area: str
    scheme: str
    sex: str
    birth: str
    account: bool
    phone_key: bytes | None
    """Key of the phone that shows insurance codes; None: other certificates only."""
    link: bytes
    spells: tuple[Spell, ...]
    insured: tuple[Period, ...]
    holds: tuple[Hold, ...]
    died: str | None
    """Day of death."""
    closed: str | None
    """Last day of this enrolment, after a move elsewhere."""
    revision: int
    """1 after enrolment, one more with each change."""
    digest: bytes
    """Of the call that made this revision, for retries."""
    salt: bytes
    entitlements: tuple[Entitlement, ...] = ()
    covers: tuple[CoverConsent, ...] = ()
    """Commercial cover that the person has authorised; of most persons none, and then nothing of
    it is stored here and nothing else is read for it."""

    @property
    def category(self) -> str:
        """Category of the latest spell (``terms.CATEGORIES``)."""
        return self.spells[-1].category

    @property
    def identity_types(self) -> tuple[str, ...]:
        """Identity types of the latest spell."""
        return self.spells[-1].identity_types

    def spell_on(self, date: str) -> Spell:
        """Category and identity types that held on ``date``; the first spell reaches back."""
        found = self.spells[0]
        for spell in self.spells:
            if spell.from_date <= date:
                found = spell
        return found

    def encode(self) -> Value:
        """As the state has it: an array, the order of the fields above."""
        return [
            self.id,
            self.area,
            self.scheme,
            self.sex,
            self.birth,
            self.account,
            self.phone_key,
            self.link,
            [[s.from_date, s.category, list(s.identity_types)] for s in self.spells],
            [[p.from_date, p.to_date, p.status] for p in self.insured],
            [[h.from_date, h.to_date, h.reason] for h in self.holds],
            self.died,
            self.closed,
            self.revision,
            self.digest,
            self.salt,
            [[e.disease, e.from_date, e.to_date] for e in self.entitlements],
            *([[cover.encode() for cover in self.covers]] if self.covers else ()),
        ]

    @classmethod
    def decode(cls, value: Value) -> Person:
        """From the state's value."""
        (person_id, area, scheme, sex, birth, account, phone, link, spells, insured, holds, died,
         closed, revision, digest, salt, entitlements, *more) = value  # fmt: skip
        return cls(
            id=person_id,
            area=area,
            scheme=scheme,
            sex=sex,
            birth=birth,
            account=account,
            phone_key=phone,
            link=link,
            spells=tuple(Spell(start, category, tuple(types)) for start, category, types in spells),
            insured=tuple(Period(*row) for row in insured),
            holds=tuple(Hold(*row) for row in holds),
            died=died,
            closed=closed,
            revision=revision,
            digest=digest,
            salt=salt,
            entitlements=tuple(Entitlement(*row) for row in entitlements),
            covers=tuple(CoverConsent(*row) for row in more[0]) if more else (),
        )


def load_person(state: State, person_id: str) -> Person | None:
    """The person, or None when nobody was enrolled under this pseudonym."""
    value = state.get(f"person/{person_id}")
    return None if value is None else Person.decode(value)


def require_person(state: State, person_id: str) -> Person:
    """The person; refused when nobody was enrolled under this pseudonym."""
    person = load_person(state, person_id)
    if person is None:
        reject("enrolment.unknown-person", person=person_id)
    return person


def person_status(person: Person, date: str) -> str:
    """``insured``, ``arrears``, ``waiting``, ``uninsured``, ``closed`` or ``dead`` on a date.

    The day of death and the last day of an enrolment still count.
    """
    if person.died is not None and date > person.died:
        return DEAD
    if person.closed is not None and date > person.closed:
        return CLOSED
    if date < person.birth:
        return UNINSURED
    for period in person.insured:
        if period.from_date <= date and (period.to_date is None or date <= period.to_date):
            return period.status
    return UNINSURED


def hold_on(person: Person, date: str) -> Hold | None:
    """The suspension of direct settlement that holds on ``date``; None when there is none."""
    for hold in person.holds:
        if hold.from_date <= date and (hold.to_date is None or date <= hold.to_date):
            return hold
    return None


def is_entitled(person: Person, disease: str, date: str) -> bool:
    """Whether the home bureau recognises the chronic disease on a date."""
    return any(
        entitlement.disease == disease
        and entitlement.from_date <= date
        and (entitlement.to_date is None or date <= entitlement.to_date)
        for entitlement in person.entitlements
    )


def phone_key(person: Person) -> bytes | None:
    """Key of the phone that shows insurance codes; None when the person has told none."""
    return person.phone_key


def require_insured(state: State, person_id: str, date: str, *, emergency: bool = False) -> Person:
    """The person; refused, each with its own reason, unless insured on ``date`` and not suspended.

    A suspension of direct settlement never stands before an emergency.
    """
    person = require_person(state, person_id)
    status = person_status(person, date)
    if status == DEAD:
        reject("enrolment.dead", person=person.id, date=date)
    if status == CLOSED:
        reject("enrolment.closed", person=person.id, date=date)
    if status == ARREARS:
        reject("enrolment.arrears", person=person.id, date=date)
    if status == WAITING:
        reject("enrolment.waiting", person=person.id, date=date)
    if status == UNINSURED:
        reject("enrolment.uninsured", person=person.id, date=date)
    hold = None if emergency else hold_on(person, date)
    if hold is not None:
        reject("enrolment.suspended", person=person.id, date=date, until=hold.to_date)
    return person


def area_of(person_id: str) -> str:
    """Pooling area that a pseudonym names: ``p:430100:7f3a`` -> ``430100``. Refuses other forms."""
    pieces = person_id.split(":")
    if len(pieces) != 3 or pieces[0] != "p" or len(pieces[1]) != 6 or not pieces[2]:
        reject("enrolment.wrong-id", person=person_id, expected="p:<area>:<token>")
    if pieces[1].strip("0123456789"):
        reject("enrolment.wrong-id", person=person_id, expected="p:<area>:<token>")
    return pieces[1]
