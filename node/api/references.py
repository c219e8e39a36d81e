"""What every organisation may know: who takes part, network parameters, policies, catalogues."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Path
from starlette.responses import Response

from contracts import organisations
from contracts.settlement import catalogue, policy
from node.api import schemas
from node.api.params import POLICY, AccessDep, AreaCode, Date, ThingId, day, edge_router
from node.api.problems import Problem

router = edge_router("references")

Scheme = Annotated[
    str,
    Path(
        pattern=POLICY,
        description="310 employee, 390 resident; provider: how the place pays institutions.",
    ),
]

KEYS_MAX = 200
"""Keys listed of one organisation, newest last; the history in the state is longer."""


@router.get(
    "/v1/organisations/{organisation}",
    name="organisation",
    responses={200: {"model": schemas.RecordAnswer}},
)
async def organisation(access: AccessDep, organisation: ThingId) -> Response:
    """An organisation: kind, region, switches, and its keys with holder, post and validity."""
    state = access.state
    found = organisations.load(state, organisation)
    if found is None:
        raise Problem("read.not-found", height=access.view.head.height)
    record = organisations.organisation_value(found)
    record["suspensions"] = [
        {"reason": s.reason, "from": s.from_date, "to": s.to_date, "by": s.by}
        for s in found.suspensions
    ]
    first = max(0, found.keys - KEYS_MAX)
    keys: list[dict[str, Any]] = []
    for number in range(first, found.keys):
        key = state.get(f"org-keys/{organisation}/{number}")
        known = None if key is None else organisations.key_of(state, key)
        assert known is not None, f"key {number} of {organisation} is not registered"
        keys.append({"key": known.key, **organisations.key_value(known)})
    return access.answer({"record": {**record, "keys": keys}})


@router.get(
    "/v1/validators", name="validators", responses={200: {"model": schemas.ValidatorsAnswer}}
)
async def validators(access: AccessDep) -> Response:
    """The set that orders the next block."""
    members = organisations.validators(access.state)
    return access.answer(
        {"validators": [{"organisation": org, "key": key} for org, key in members]}
    )


@router.get(
    "/v1/parameters/{name}", name="parameter", responses={200: {"model": schemas.ValueAnswer}}
)
async def parameter(access: AccessDep, name: ThingId) -> Response:
    """A parameter of the network."""
    key = f"param/{name}"
    value = access.view.state(key)
    if value is None:
        raise Problem("read.not-found", height=access.view.head.height)
    return access.answer({"key": key, "value": value})


@router.get(
    "/v1/policies/{area}/{scheme}", name="policy", responses={200: {"model": schemas.RecordAnswer}}
)
async def policy_in_force(
    access: AccessDep, area: AreaCode, scheme: Scheme, date: Date = None
) -> Response:
    """The policy of an area and scheme that is in force on a date, with its source, and all
    versions that were ever deployed."""
    on_date = day(access, date)
    known = policy.versions(access.state, area, scheme)
    found = policy.in_force(access.state, area, scheme, on_date)
    if found is None:
        raise Problem("read.not-found", area=area, scheme=scheme, date=on_date, known=len(known))
    record = {
        **asdict(found),
        "date": on_date,
        "source": policy.source_of(access.state, found.hash),
        "versions": [asdict(version) for version in known],
    }
    return access.answer({"record": record})


@router.get(
    "/v1/catalogues/{area}", name="catalogue", responses={200: {"model": schemas.RecordAnswer}}
)
async def catalogue_in_force(access: AccessDep, area: AreaCode, date: Date = None) -> Response:
    """The catalogue version that judges services of a date in a district."""
    on_date = day(access, date)
    found = catalogue.version_in_force(access.state, area, on_date)
    if found is None:
        raise Problem("read.not-found", area=area, date=on_date)
    return access.answer({"record": {**asdict(found), "date": on_date}})


@router.get(
    "/v1/catalogues/{area}/items/{code}",
    name="catalogue_item",
    responses={200: {"model": schemas.RecordAnswer}},
)
async def catalogue_item(
    access: AccessDep, area: AreaCode, code: ThingId, date: Date = None
) -> Response:
    """One item of the catalogue on a date: class, first-pay ratio, ceilings by hospital level."""
    on_date = day(access, date)
    reader = catalogue.reader(access.state, area)
    version, item = reader.version(on_date), reader.find(code, on_date)
    if version is None or item is None:
        raise Problem("read.not-found", area=area, date=on_date)
    item_class, first_pay, restricted, ceilings = catalogue.item_value(item)
    record = {
        "code": item.code,
        "name": item.name,
        "kind": item.kind,
        "class": item_class,
        "first_pay": first_pay,
        "restricted": restricted,
        "ceilings_e6": [{"level": level, "price_e6": price} for level, price in ceilings],
        "catalogue": asdict(version),
        "date": on_date,
    }
    return access.answer({"record": record})
