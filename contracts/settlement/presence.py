"""The insurance code (医保码): a short-lived token that a person's phone signs at the counter.

The phone's key is part of the enrolment (the home bureau replaces it when a phone is lost). The
token names person, institution and moment, so it is worth nothing elsewhere or later. Whoever has
no phone shows a card, an identity card or the face, and loses nothing by it.
"""

from __future__ import annotations

from contracts.api import Context, reject
from contracts.settlement.enrolment import Person, phone_key

SIGNING_CONTEXT = "presence/1"
"""Signing context of the phone's token (SECURITY.md section 2, R6)."""
TOKEN_LIFE_MS = 10 * 60_000
"""A code on a screen is for the counter in front of its owner, not for the next day."""
CLOCK_AHEAD_MS = 2 * 60_000
"""How far a phone's clock may run ahead of the chain's."""


def check_token(
    ctx: Context, person: Person, institution: str, issued_ms: int, signature: bytes | None
) -> None:
    """The token is this person's phone's, for this institution, and fresh.

    What is signed: canonical ``[person, institution, issued_ms]`` in context ``presence/1``.
    Refuses with ``presence.no-phone``, ``presence.expired``, ``presence.signature``.
    """
    key = phone_key(person)
    if key is None:
        reject("presence.no-phone", person=person.id)
    if not -CLOCK_AHEAD_MS <= ctx.time_ms - issued_ms <= TOKEN_LIFE_MS:
        reject("presence.expired", issued_ms=issued_ms, time_ms=ctx.time_ms)
    message = ctx.services.encode([person.id, institution, issued_ms])
    try:
        ctx.services.verify(key, SIGNING_CONTEXT, message, signature or b"")
    except ValueError:
        reject("presence.signature", person=person.id)
