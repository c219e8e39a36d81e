"""A newborn under its mother: what is kept until the child has an enrolment of its own.

``newborn/<child>`` is one array. Care of the child is settled under the mother from its birth until
the last day of this record or the day of its own enrolment; whether that is over is computed when
it is looked at. What was settled stays as it is, until it is decided again on the child
(``claim.resettle``). The calls that write it are in ``newborn`` and ``enrolment``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from contracts.api import Context, State, Value, reject
from contracts.settlement.records import Visit

PROVISIONAL, ENROLLED, WITHDRAWN = "provisional", "enrolled", "withdrawn"
LAPSED = "lapsed"
"""Never written: ``provisional`` after its last day."""
CLAIMS_MAX = 200
"""Settlements of a newborn under the mother; there it ends, as for anybody who is not enrolled."""


@dataclass(frozen=True, slots=True)
class Newborn:
    """A child under its mother."""

    mother: str
    birth: str
    sex: str
    until: str
    """Last day of admission that is settled under the mother."""
    status: str
    enrolled_on: str
    """First day from which care is the child's own; empty before."""
    claims: tuple[str, ...]
    """Settlements under the mother that were not moved to the child."""
    at_enrolment: tuple[str, ...]
    """Those that there were when the child was enrolled: what that call has answered."""
    digest: bytes
    """Of the last call that changed it, for retries."""
    salt: bytes

    def encode(self) -> Value:
        """As the state has it: an array, the order of the fields above."""
        return [
            self.mother, self.birth, self.sex, self.until, self.status, self.enrolled_on,
            list(self.claims), list(self.at_enrolment), self.digest, self.salt,
        ]  # fmt: skip

    def status_on(self, date: str) -> str:
        """``provisional``, ``lapsed``, ``enrolled`` or ``withdrawn`` on a date."""
        if self.status == PROVISIONAL and date > self.until:
            return LAPSED
        return self.status


def find(state: State, child: str) -> Newborn | None:
    """The newborn of a pseudonym; None where none was registered."""
    value = state.get(_key(child))
    if value is None:
        return None
    mother, birth, sex, until, status, enrolled_on, claims, told, digest, salt = value
    return Newborn(
        mother, birth, sex, until, status, enrolled_on, tuple(claims), tuple(told), digest, salt
    )


def put(ctx: Context, child: str, made: Newborn) -> None:
    """Write it."""
    ctx.state.put(_key(child), made.encode())


def require(state: State, visit: Visit, mother: str) -> None:
    """Whether this visit of a newborn is settled under the mother.

    Refuses with ``newborn.unknown``, ``newborn.not-the-mother``, ``newborn.over``.
    """
    found = find(state, visit.newborn)
    if found is None or found.status == WITHDRAWN:
        reject("newborn.unknown", newborn=visit.newborn)
    if found.mother != mother:
        reject("newborn.not-the-mother", newborn=visit.newborn, person=mother)
    status = found.status_on(visit.admission)
    own = status == ENROLLED and visit.admission >= found.enrolled_on
    if own or status == LAPSED or visit.admission < found.birth:
        reject("newborn.over", newborn=visit.newborn, admission=visit.admission, status=status)


def enrolled(
    ctx: Context, child: str, birth: str, sex: str, covered_from: str, today: str, digest: bytes
) -> tuple[str, ...]:
    """The child has an enrolment of its own: the settlements under the mother that are now to be
    decided again. Without a registration, or after it lapsed, there are none.

    ``covered_from``: first insured day, empty for none. Refuses with ``newborn.differs``, and with
    ``newborn.cover`` where it is in time and the cover does not begin with the birth.
    """
    known = find(ctx.state, child)
    if known is None or known.status_on(today) != PROVISIONAL:
        return ()
    if (birth, sex) != (known.birth, known.sex):
        reject("newborn.differs", newborn=child)
    if not covered_from or covered_from > known.birth:
        reject("newborn.cover", newborn=child)
    made = replace(
        known, status=ENROLLED, enrolled_on=today, at_enrolment=known.claims, digest=digest
    )
    put(ctx, child, made)
    return known.claims


def claims_at_enrolment(state: State, child: str) -> tuple[str, ...]:
    """What ``enrolled`` has answered; nothing of who was no registered newborn."""
    known = find(state, child)
    return () if known is None else known.at_enrolment


def count(ctx: Context, child: str, claim: str, *, instead_of: str = "") -> None:
    """A settlement of the child was made under the mother; in the place of an earlier one.

    Refuses with ``newborn.too-many``.
    """
    made = _load(ctx, child)
    kept = tuple(name for name in made.claims if name != instead_of)
    if len(kept) >= CLAIMS_MAX:
        reject("newborn.too-many", newborn=child, limit=CLAIMS_MAX)
    put(ctx, child, replace(made, claims=(*kept, claim)))


def leave(ctx: Context, child: str, claim: str) -> None:
    """A settlement was taken back, or has moved to the child."""
    made = _load(ctx, child)
    put(ctx, child, replace(made, claims=tuple(name for name in made.claims if name != claim)))


def _load(ctx: Context, child: str) -> Newborn:
    found = find(ctx.state, child)
    assert found is not None, f"a claim names newborn {child} and there is none"
    return found


def _key(child: str) -> str:
    return f"newborn/{child}"
