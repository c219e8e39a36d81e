"""Contract ``presence``: the key of a person's phone, and the insurance code that it signs.

The insurance code (医保码) is a short-lived token: the phone's key signs person, institution and
moment. The home bureau binds a phone's key to a person and replaces it when the phone is lost; a
person without one shows a card, an identity card or the face, and loses nothing by it.

State: ``phone/<person>``: the key, the height since which it holds, a salt.
"""

from __future__ import annotations

from contracts.api import Answer, Args, Context, Contract, State, reject
from contracts.organisations import require_competent
from contracts.schema import Bytes, Id
from contracts.settlement import enrolment
from contracts.settlement.records import salt_of

CONTRACT = Contract("presence", version=1)

SIGNING_CONTEXT = "presence/1"
"""Signing context of the phone's token (SECURITY.md section 2, R6)."""
TOKEN_LIFE_MS = 10 * 60_000
"""A code on a screen is for the counter in front of its owner, not for the next day."""
CLOCK_AHEAD_MS = 2 * 60_000
"""How far a phone's clock may run ahead of the chain's."""


@CONTRACT.method(
    args={"person": Id(64), "key": Bytes(33)}, kinds=("bureau",), posts=("clerk", "checker")
)
def bind_phone(ctx: Context, args: Args) -> Answer:
    """Bind a phone's key to a person; the key before it is worth nothing from now on."""
    person = enrolment.require_person(ctx.state, args["person"])
    require_competent(ctx, person.area)
    try:
        ctx.services.check_key(args["key"])
    except ValueError:
        reject("presence.key", person=person.id)
    key = f"phone/{person.id}"
    ctx.state.put(key, [args["key"], ctx.height, salt_of(ctx, person.salt, key)])
    ctx.emit("presence.phone-bound", person=person.id, area=person.area)
    return {"person": person.id, "from_height": ctx.height}


@CONTRACT.method(args={"person": Id(64)}, kinds=("bureau",), posts=("clerk", "checker"))
def unbind_phone(ctx: Context, args: Args) -> Answer:
    """Take a phone's key away, for example when the phone is lost."""
    person = enrolment.require_person(ctx.state, args["person"])
    require_competent(ctx, person.area)
    if phone_key(ctx.state, person.id) is None:
        reject("presence.no-phone", person=person.id)
    ctx.state.delete(f"phone/{person.id}")
    ctx.emit("presence.phone-unbound", person=person.id, area=person.area)
    return {"person": person.id}


def phone_key(state: State, person: str) -> bytes | None:
    """The key of the person's phone, 33 bytes; None when none is bound."""
    value = state.get(f"phone/{person}")
    return None if value is None else value[0]


def check_token(
    ctx: Context, person: str, institution: str, issued_ms: int, signature: bytes | None
) -> None:
    """The token is this person's phone's, for this institution, and fresh.

    Refuses with ``presence.no-phone``, ``presence.expired``, ``presence.signature``.
    """
    key = phone_key(ctx.state, person)
    if key is None:
        reject("presence.no-phone", person=person)
    if not -CLOCK_AHEAD_MS <= ctx.time_ms - issued_ms <= TOKEN_LIFE_MS:
        reject("presence.expired", issued_ms=issued_ms, time_ms=ctx.time_ms)
    message = ctx.services.encode([person, institution, issued_ms])
    try:
        ctx.services.verify(key, SIGNING_CONTEXT, message, signature or b"")
    except ValueError:
        reject("presence.signature", person=person)
