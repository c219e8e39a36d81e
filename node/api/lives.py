"""What becomes of a person's insurance: newborns, moves, ends, heirs; and recoveries.

All of it says that somebody has died or moved, so each look is logged like one at the person.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from starlette.responses import Response

from contracts.settlement import (
    ending,
    enrolment,
    estate_record,
    move_record,
    newborn_record,
    recovery_record,
)
from node.api import parties, schemas
from node.api.claims import payout_fields
from node.api.guard import Access
from node.api.params import AccessDep, ThingId, edge_router
from node.api.parties import Parties
from node.api.people import ByClaim, find_person
from node.api.worklists import today_of

router = edge_router("lives")


@router.get(
    "/v1/persons/{person}/ending",
    name="person_ending",
    responses={200: {"model": schemas.RecordAnswer}},
)
async def person_ending(access: AccessDep, person: ThingId, claim: ByClaim = None) -> Response:
    """How an enrolment ended, or that it stands: what ended with it, what was open, heirs."""
    find_person(access, person, claim)
    found = ending.find(access.state, person)
    record = {
        "person": person,
        "ended": None if found is None else asdict(found),
        "estate": _estate(access, person),
        "move": move_record.move_of(access.state, person) or None,
    }
    return access.answer({"record": record})


def _estate(access: Access, person: str) -> dict[str, Any] | None:
    found = estate_record.find(access.state, person)
    if found is None:
        return None
    return {
        "revision": found.revision,
        "heirs": [asdict(one) for one in found.heirs],
        "payouts": [payout_fields(access.state, name) for name in found.payouts],
    }


@router.get(
    "/v1/newborns/{person}", name="newborn", responses={200: {"model": schemas.RecordAnswer}}
)
async def newborn(access: AccessDep, person: ThingId) -> Response:
    """A newborn under its mother: until when, and what was settled there and not moved yet."""
    found = newborn_record.find(access.state, person)
    if found is None:
        raise access.absent()
    concerned = parties.of_person(access.state, found.mother)
    access.check(concerned, f"person/{person}")
    record = {
        "person": person,
        "mother": found.mother,
        "birth": found.birth,
        "sex": found.sex,
        "until": found.until,
        "status": found.status_on(today_of(access)),
        "enrolled_on": found.enrolled_on or None,
        "claims": list(found.claims),
    }
    return access.answer({"record": record})


@router.get("/v1/moves/{move}", name="move", responses={200: {"model": schemas.RecordAnswer}})
async def move(access: AccessDep, move: ThingId) -> Response:
    """A transfer of insurance: where it stands, days, what moved. For the areas of both sides."""
    found = move_record.find(access.state, move)
    if found is None:
        raise access.absent()
    areas = frozenset(enrolment.area_of(one) for one in (found.person, found.to))
    access.check(Parties(home_regions=areas, persons=frozenset({found.person})), f"move/{move}")
    hidden = ("asked", "last", "salt", "asker")
    record = {name: value for name, value in asdict(found).items() if name not in hidden}
    return access.answer({"record": {"move": move, **record, "moved_fen": found.moved_fen}})


@router.get(
    "/v1/recoveries/{recovery}", name="recovery", responses={200: {"model": schemas.RecordAnswer}}
)
async def recovery(access: AccessDep, recovery: ThingId) -> Response:
    """A recovery from a liable third party: stage, demand, what came; not who is liable."""
    found = recovery_record.find(access.state, recovery)
    if found is None:
        raise access.absent()
    concerned = parties.of_claim(access.state, found.claim)
    banks = frozenset({found.bank, *(part.bank for part in found.parts)})
    access.check(concerned | Parties(organisations=banks), f"claim/{found.claim}")
    record = {
        "recovery": recovery,
        "claim": found.claim,
        "stage": found.stage.value,
        "grounds": found.grounds,
        "paid_first": found.paid_first,
        "demanded_fen": found.demanded_fen,
        "recovered_fen": found.recovered_fen,
        "due_on": found.due_on or None,
        "bank": found.bank or None,
        "reason": found.reason or None,
        "parts": [asdict(part) for part in found.parts],
        "counters_restored": bool(found.restored),
    }
    return access.answer({"record": record})
