"""Contract ``estate``: what a dead person's account held goes to the heirs (个人账户继承).

The home bureau registers the heirs by token, relation and share; who they are stays in its own
registry. A second person divides what the personal account and the wallet hold: it leaves them for
what the area owes, and each heir's share is a payout, for which an account is named, an order given
and a bank's word taken as for any other (``refunds.payout``). Social Insurance Law, article 14 and
the regulations on personal accounts: the balance is inherited.

State: ``estate/<person>``; ``estate-division/<id>``: digest of the call, amount, payouts.
"""

from __future__ import annotations

from dataclasses import replace

from contracts.api import Answer, Args, Context, Contract, reject
from contracts.organisations import require_competent, require_own_id
from contracts.schema import Bytes, Id, Int, List, OneOf, Record
from contracts.settlement import enrolment, estate_record, wallet
from contracts.settlement import funds_chart as chart
from contracts.settlement.enrolment import Person
from contracts.settlement.estate_record import PAYOUTS_MAX, WHOLE_E4, Estate, Heir
from contracts.settlement.funds_book import Book, Leg, post
from contracts.settlement.records import content_digest, salt_of
from contracts.settlement.refunds import payout
from contracts.settlement.terms import PERSONAL_ACCOUNT

CONTRACT = Contract("estate", version=1)

AUDIENCE = "person"
RELATIONS = payout.RECEIVERS[1:]
"""What an heir is to the dead."""
HEIRS_MAX = 20

HEIRS = Record(
    {
        "heirs": List(
            Record(
                {"heir": Bytes(32), "relation": OneOf(*RELATIONS), "share_e4": Int(1, WHOLE_E4)}
            ),
            min=1,
            max=HEIRS_MAX,
        )
    }
)
"""Attachment of ``register``. ``heir``: the bureau's token for the heir. ``share_e4``: of the
whole, in ten-thousandths; all shares make up the whole."""


@CONTRACT.method(
    args={"person": Id(60), "revision": Int(1, 10**6)},
    attachments={AUDIENCE: HEIRS},
    kinds=("bureau",),
    posts=("clerk", "checker"),
)
def register(ctx: Context, args: Args) -> Answer:
    """Register the heirs of a dead person, or correct them; ``revision`` is one more each time.

    Refuses with ``estate.not-dead``, ``estate.shares``, ``estate.heir-doubled``,
    ``estate.revision``.
    """
    person = _person(ctx, args)
    digest = content_digest(ctx, "estate.register", args)
    known = estate_record.find(ctx.state, person.id)
    revision = 0 if known is None else known.revision
    if known is not None and (revision, known.digest) == (args["revision"], digest):
        return _registered(known)
    if args["revision"] != revision + 1:
        reject(
            "estate.revision", person=person.id, revision=args["revision"], expected=revision + 1
        )
    attached = ctx.attachments[AUDIENCE]
    heirs = tuple(Heir(**row) for row in attached.content["heirs"])
    if len({one.heir for one in heirs}) != len(heirs):
        reject("estate.heir-doubled", person=person.id, heirs=len(heirs))
    total = sum(one.share_e4 for one in heirs)
    if total != WHOLE_E4:
        reject("estate.shares", person=person.id, sum_e4=total, expected_e4=WHOLE_E4)
    made = Estate(
        heirs, args["revision"], ctx.holder, digest, () if known is None else known.payouts,
        salt_of(ctx, attached.blind, f"estate/{person.id}"),
    )  # fmt: skip
    estate_record.put(ctx, person.id, made)
    ctx.emit("estate.registered", person=person.id, area=person.area, revision=made.revision)
    return _registered(made)


@CONTRACT.method(
    args={"division": Id(60), "person": Id(60)}, kinds=("bureau",), posts=("checker", "finance")
)
def divide(ctx: Context, args: Args) -> Answer:
    """Divide what the account and the wallet hold among the heirs: a payout for each.

    Whoever registered the heirs does not divide. Money that the person sent and nobody has claimed
    yet, and what pending transfers have set aside, stays; it may be divided later under another id.
    Refuses with ``estate.not-dead``, ``estate.no-heirs``, ``estate.same-holder``,
    ``estate.nothing``, ``estate.duplicate-id``.
    """
    name = args["division"]
    person = _person(ctx, args)
    require_own_id(ctx, name)
    digest = content_digest(ctx, "estate.divide", args)
    done = ctx.state.get(_division(name))
    if done is not None:
        if done[0] != digest:
            reject("estate.duplicate-id", division=name)
        return _divided(name, done[1], done[2])
    known = estate_record.find(ctx.state, person.id)
    if known is None:
        reject("estate.no-heirs", person=person.id)
    if known.registrar == ctx.holder:
        reject("estate.same-holder", holder=ctx.holder)
    amount = _take_all(ctx, person, name)
    names = []
    for number, (heir, share) in enumerate(zip(known.heirs, known.shares(amount), strict=True), 1):
        if share:
            names.append(payout.name_of(f"estate:{name}", number))
            payout.owe(ctx, names[-1], person, share, heir.heir)
    estate_record.put(
        ctx, person.id, replace(known, payouts=(*known.payouts, *names)[-PAYOUTS_MAX:])
    )
    salt = salt_of(ctx, known.salt, _division(name))
    ctx.state.put(_division(name), [digest, amount, names, salt])
    ctx.emit("estate.divided", person=person.id, area=person.area, division=name)
    return _divided(name, amount, names)


def _take_all(ctx: Context, person: Person, name: str) -> int:
    """Move what is there to what the area owes; fen. Refuses with ``estate.nothing``."""
    book = Book(ctx.state)
    legs: list[Leg] = []
    total = 0
    waiting = wallet.waiting_fen(ctx, person.id)
    for account, less in ((chart.person_account(person.id), 0), (chart.wallet(person.id), waiting)):
        amount = book.available(account, PERSONAL_ACCOUNT) - less
        if amount > 0:
            legs.append((account, PERSONAL_ACCOUNT, -amount))
            total += amount
    if not total:
        reject("estate.nothing", person=person.id)
    post(ctx, f"estate/{name}", [*legs, (chart.owed(person.area), PERSONAL_ACCOUNT, total)], book)
    book.save()
    return total


def _person(ctx: Context, args: Args) -> Person:
    person = enrolment.require_person(ctx.state, args["person"])
    require_competent(ctx, person.area)
    if person.died is None:
        reject("estate.not-dead", person=person.id)
    return person


def _registered(made: Estate) -> Answer:
    return {"revision": made.revision, "heirs": len(made.heirs)}


def _divided(name: str, amount_fen: int, payouts: list[str]) -> Answer:
    return {"division": name, "amount_fen": amount_fen, "payouts": list(payouts)}


def _division(name: str) -> str:
    return f"estate-division/{name}"
