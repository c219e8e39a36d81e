"""``cover.authorise`` and ``cover.revoke``: the person lets a product pay and an insurer see.

The consent names the product, what the insurer may see (``amounts``: who pays how much of the bill;
``lines``: charge lines and visit besides) and its last day. The person signs it with the phone;
then anybody who may call carries it here. Whoever has no phone is present at the home bureau or at
an institution, whose clerk attests it; never at the insurer. It is taken back in the same two ways,
and an insurer may give it up.

Death ends a consent. What was settled before stays settled; the insurer keeps the amounts of its
own payments and nothing else.
"""

from __future__ import annotations

from dataclasses import replace

from contracts.api import Answer, Args, Context, reject
from contracts.organisations import require_competent
from contracts.schema import Bytes, Date, Id, Int, OneOf, Optional, Record
from contracts.settlement import calendar, enrolment
from contracts.settlement.claim_shapes import INSTITUTIONS, PRESENCE
from contracts.settlement.claim_visit import check_presence
from contracts.settlement.cover import CONTRACT, require_product
from contracts.settlement.cover_record import (
    AMOUNTS,
    COVERS_MAX,
    LINES,
    Holder,
    Product,
    find_holder,
    holder_key,
)
from contracts.settlement.enrolment import Person, person_status, phone_key
from contracts.settlement.enrolment_record import CLOSED, DEAD, CoverConsent
from contracts.settlement.presence import CLOCK_AHEAD_MS, TOKEN_LIFE_MS

__all__ = ["CONTRACT"]

SIGNING_CONTEXT = "consent/1"
"""Signing context of what the phone signs (SECURITY.md section 2, R6)."""
ATTESTERS = ("bureau", *INSTITUTIONS)
CALLERS = (*ATTESTERS, "insurer")
_POSTS = ("clerk", "checker", "operator")

SIGNED = Record({"issued_ms": Int(0), "signature": Bytes(64)})
"""The phone's signature over canonical ``[verb, person, product, scope, to, account, issued_ms]``,
verb ``authorise`` or ``revoke``; what a revocation does not name is empty."""


@CONTRACT.method(
    args={
        "person": Id(60),
        "product": Id(60),
        "scope": OneOf(AMOUNTS, LINES),
        "to": Date(),
        "account": Optional(Bytes(32)),
        "presence": Optional(PRESENCE),
        "signed": Optional(SIGNED),
    },
    kinds=CALLERS,
    posts=_POSTS,
)
def authorise(ctx: Context, args: Args) -> Answer:
    """Let a product that the person holds pay, until a day; ``account``: where later payments go.

    Authorised again it replaces what was said, and keeps its place in the order of products.
    Refuses with ``cover.consent-missing``, ``cover.consent-signature``, ``cover.not-held``,
    ``cover.dates``, ``cover.too-many``, ``presence.*``.
    """
    person, product, holder = _named(ctx, args)
    today = calendar.date_of_ms(ctx.time_ms)
    if person_status(person, today) in (DEAD, CLOSED):
        reject("enrolment.ended", person=person.id)
    if args["to"] < today:
        reject("cover.dates", product=product.id)
    made = CoverConsent(product.id, product.insurer, args["scope"], args["to"], args["account"])
    answer = {"person": person.id, "product": product.id, "scope": made.scope, "to": made.to_date}
    signed = args["signed"]
    if made in person.covers and signed is not None and signed["issued_ms"] == holder.last_ms:
        return answer
    what = [args["scope"], args["to"], args["account"] or b""]
    _check_consent(ctx, args, "authorise", person, holder, what)
    known = [cover.product for cover in person.covers]
    covers = list(person.covers)
    if product.id in known:
        covers[known.index(product.id)] = made
    elif len(known) >= COVERS_MAX:
        reject("cover.too-many", of="products", limit=COVERS_MAX)
    else:
        covers.append(made)
    _store(ctx, replace(person, covers=tuple(covers)))
    ctx.emit("cover.authorised", person=person.id, product=product.id, insurer=product.insurer)
    return answer


@CONTRACT.method(
    args={
        "person": Id(60),
        "product": Id(60),
        "presence": Optional(PRESENCE),
        "signed": Optional(SIGNED),
    },
    kinds=CALLERS,
    posts=_POSTS,
)
def revoke(ctx: Context, args: Args) -> Answer:
    """Take a consent back; an insurer gives it up without being asked.

    Refuses with ``cover.not-authorised`` where there is none, else as ``authorise``.
    """
    person, product, holder = _named(ctx, args)
    kept = tuple(cover for cover in person.covers if cover.product != product.id)
    if len(kept) == len(person.covers):
        reject("cover.not-authorised", product=product.id, person=person.id)
    if ctx.sender != product.insurer:
        _check_consent(ctx, args, "revoke", person, holder, ["", "", b""])
    _store(ctx, replace(person, covers=kept))
    ctx.emit("cover.revoked", person=person.id, product=product.id, insurer=product.insurer)
    return {"person": person.id, "product": product.id}


def _named(ctx: Context, args: Args) -> tuple[Person, Product, Holder]:
    """The person, the product and the person's hold on it.

    An insurer learns of persons that hold its own products only: others are not held.
    """
    product = require_product(ctx, args["product"])
    if ctx.sender_kind == "insurer" and product.insurer != ctx.sender:
        reject("cover.unknown-product", product=product.id)
    holder = find_holder(ctx.state, product.id, args["person"])
    person = enrolment.load_person(ctx.state, args["person"])
    if holder is None or person is None:
        reject("cover.not-held", product=product.id, person=args["person"])
    if ctx.sender_kind == "bureau":
        require_competent(ctx, person.area)
    return person, product, holder


def _check_consent(
    ctx: Context, args: Args, verb: str, person: Person, holder: Holder, what: list[object]
) -> None:
    """The person's own word: signed by the phone, or attested where the person is present."""
    signed, presence = args["signed"], args["presence"]
    product = args["product"]
    if (signed is None) == (presence is None):
        reject("cover.consent-missing", product=product)
    if presence is not None:
        if ctx.sender_kind not in ATTESTERS or presence["kind"] == "emergency":
            # Who is carried in unconscious agrees to nothing.
            reject("cover.consent-missing", product=product)
        check_presence(ctx, presence, person)
        last_ms = max(holder.last_ms, ctx.time_ms)
    else:
        issued = signed["issued_ms"]
        key = phone_key(person)
        if key is None:
            reject("presence.no-phone", person=person.id)
        if not -CLOCK_AHEAD_MS <= ctx.time_ms - issued <= TOKEN_LIFE_MS:
            reject("presence.expired", issued_ms=issued, time_ms=ctx.time_ms)
        if issued <= holder.last_ms:
            reject("cover.consent-older", issued_ms=issued, last_ms=holder.last_ms)
        message = ctx.services.encode([verb, person.id, product, *what, issued])
        try:
            ctx.services.verify(key, SIGNING_CONTEXT, message, signed["signature"])
        except ValueError:
            reject("cover.consent-signature", person=person.id)
        last_ms = issued
    key_of = holder_key(product, person.id)
    ctx.state.put(key_of, replace(holder, last_ms=last_ms).encode())


def _store(ctx: Context, person: Person) -> None:
    """The person's record with other consents; it is no revision of the home bureau's."""
    ctx.state.put(f"person/{person.id}", person.encode())
