"""What tests of the registries share: a world, enrolled people, words that must not leak."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from contracts import governance, organisation_methods
from contracts.api import Value
from contracts.runtime import Outcome
from contracts.settlement import catalogue, counters, enrolment, filing
from tests.contracts import world as w
from tests.contracts.world import World, make_world, receipt_bytes, salt_of

CONTRACTS = (
    organisation_methods.CONTRACT,
    governance.CONTRACT,
    enrolment.CONTRACT,
    counters.CONTRACT,
    filing.CONTRACT,
    catalogue.CONTRACT,
)

BIRTH, IDENTITY, REASON = "1961-03-17", "canary_identity", "canary reason of suspension"
LINK = salt_of("canary link")
CANARIES: tuple[Value, ...] = (BIRTH, IDENTITY, REASON, LINK, "retired", "female", "2019-04-23")
"""Attributes of the person in the tests: none may be seen outside attachments and state."""


def attributes(**changes: Any) -> dict[str, Any]:
    """An enrolling attachment made of canaries."""
    return {
        "link": LINK,
        "scheme": "310",
        "sex": "female",
        "birth": BIRTH,
        "insured": [{"from": "2019-04-23", "to": None, "status": "insured"}],
        "account": True,
        "from": "2019-04-23",
        "category": "retired",
        "identity_types": [IDENTITY],
    } | changes


def registry_world() -> World:
    """A world with the registries' contracts and nobody enrolled, watched for leaks."""
    world = make_world(CONTRACTS)
    world.canaries = (BIRTH, IDENTITY, REASON, LINK, salt_of(w.ALICE))
    return world


def enrol(world: World, person: str = w.ALICE, **changes: Any) -> Outcome:
    """Enrol a person of Changsha whose link token follows from the pseudonym."""
    content = attributes(**({"link": salt_of(person)} | changes))
    return world.do(
        w.BUREAU_CHANGSHA, "enrolment", "enrol", {"person": person},
        attachments={"person": content}, post="clerk",
    )  # fmt: skip


def leaks(outcome: Outcome, canaries: Iterable[Value] = CANARIES) -> list[Value]:
    """Canaries that a receipt of this outcome would show."""
    shown = receipt_bytes(outcome)
    return [c for c in canaries if (c if isinstance(c, bytes) else c.encode()) in shown]
