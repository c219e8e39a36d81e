"""Contract ``family``: near relatives, and whose account may pay for whom (家庭共济).

The owner of a personal account names a near relative and how much of the account the relative's
care may use in all, from a day on and until another. The owner may be insured in another province
than the relative, and both may be elsewhere than the care. A limit of 0 only says that the two are
relatives: that is what a wallet transfer asks (``wallet``).

The home bureau of the owner enters it, the owner being present. Money is taken at a settlement,
when the patient chose it there, in the order in which the owners are named (``claim_own``).

State: ``family/<relative>``: [[owner, relation, limit, used, from, to, since in ms], ...], salt.
"""

from __future__ import annotations

from dataclasses import replace

from contracts.api import Answer, Args, Context, Contract, State, reject
from contracts.organisations import require_competent
from contracts.schema import Date, Fen, Id, OneOf, Optional
from contracts.settlement import calendar
from contracts.settlement.claim_shapes import PRESENCE
from contracts.settlement.claim_visit import check_presence
from contracts.settlement.enrolment import Person, area_of, person_status, require_person
from contracts.settlement.enrolment_record import CLOSED, DEAD
from contracts.settlement.family_record import Tie, key_of, put_ties, ties

CONTRACT = Contract("family", version=1)

RELATIONS = ("spouse", "parent", "child", "sibling", "grandparent", "grandchild")
"""Near relatives in law (近亲属)."""
OWNERS_MAX = 10
"""Owners who have named one relative."""
OWNERS_OF_A_SETTLEMENT = 3


def find(state: State, owner: str, relative: str) -> Tie | None:
    """The tie between two people; None when the owner has named nothing."""
    return next((tie for tie in ties(state, relative) if tie.owner == owner), None)


def require_shared(state: State, owner: str, relative: str, date: str) -> Tie:
    """The tie, if the owner shares the account with the relative on a date.

    Refuses with ``family.not-authorised``.
    """
    tie = find(state, owner, relative)
    if tie is None or not tie.limit_fen or not tie.holds_on(date):
        reject("family.not-authorised", owner=owner, person=relative, date=date)
    return tie


def use(
    ctx: Context, relative: str, amounts: tuple[tuple[str, int], ...], sign: int, at_ms: int
) -> None:
    """Count what a settlement used (1) or a reversal gave back (-1), by owner.

    ``at_ms``: when it was settled first. Of a tie that was renewed since it has used nothing.
    """
    value = ctx.state.get(key_of(relative))
    if value is None:
        return
    rows, salt = value
    used, made = dict(amounts), []
    for tie in (Tie(*row) for row in rows):
        moved = sign * used.get(tie.owner, 0) if tie.since_ms <= at_ms else 0
        made.append(replace(tie, used_fen=max(0, tie.used_fen + moved)).encode())
    ctx.state.put(key_of(relative), [made, salt])


@CONTRACT.method(
    args={
        "owner": Id(60),
        "person": Id(60),
        "relation": OneOf(*RELATIONS),
        "limit_fen": Fen(),
        "from": Date(),
        "to": Optional(Date()),
        "presence": PRESENCE,
    },
    kinds=("bureau",),
    posts=("clerk", "checker", "operator"),
)
def authorise(ctx: Context, args: Args) -> Answer:
    """Name a near relative, or change what was allowed; what was used counts anew then.

    Refuses with ``family.self``, ``family.dates``, ``family.too-many``, ``presence.*``.
    """
    owner, person = _both(ctx, args)
    if args["to"] is not None and args["to"] < args["from"]:
        reject("family.dates", start=args["from"], end=args["to"])
    check_presence(ctx, args["presence"], owner)
    today = calendar.date_of_ms(ctx.time_ms)
    for one in (owner, person):
        status = person_status(one, today)
        if status in (DEAD, CLOSED):
            reject("enrolment.ended", person=one.id)
    tie = Tie(
        owner.id, args["relation"], args["limit_fen"], 0, args["from"], args["to"], ctx.time_ms
    )
    kept = [one for one in ties(ctx.state, person.id) if one.owner != owner.id]
    if len(kept) >= OWNERS_MAX:
        reject("family.too-many", limit=OWNERS_MAX)
    put_ties(ctx, person.id, person.salt, [*kept, tie])
    ctx.emit("family.authorised", person=person.id, owner=owner.id)
    return {"owner": owner.id, "person": person.id, "limit_fen": tie.limit_fen}


@CONTRACT.method(
    args={"owner": Id(60), "person": Id(60)},
    kinds=("bureau",),
    posts=("clerk", "checker", "operator"),
)
def revoke(ctx: Context, args: Args) -> Answer:
    """Take back what was allowed. Refuses with ``family.not-authorised`` where nothing was."""
    owner, person = _both(ctx, args)
    known = ties(ctx.state, person.id)
    kept = [one for one in known if one.owner != owner.id]
    if len(kept) == len(known):
        today = calendar.date_of_ms(ctx.time_ms)
        reject("family.not-authorised", owner=owner.id, person=person.id, date=today)
    put_ties(ctx, person.id, person.salt, kept)
    ctx.emit("family.revoked", person=person.id, owner=owner.id)
    return {"owner": owner.id, "person": person.id, "limit_fen": 0}


def _both(ctx: Context, args: Args) -> tuple[Person, Person]:
    require_competent(ctx, area_of(args["owner"]))
    if args["owner"] == args["person"]:
        reject("family.self", person=args["person"])
    return require_person(ctx.state, args["owner"]), require_person(ctx.state, args["person"])
