"""Contract ``organisations``: admit, keys, switches, suspension, area parameters.

Who admits whom: a bureau admits the bureaus of its own cities, finance departments, institutions,
banks, insurers, auditors and regulators within its region; the centre admits those that belong to
the whole country. Bureaus of provinces and the centre itself are admitted by a vote
(``contracts.governance``). Only the post ``checker`` administers: a key signs for good, so the
people who settle claims do not hand out keys.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from contracts import parameters
from contracts.api import Answer, Args, Context, Contract, reject
from contracts.organisations import (
    CHRONIC,
    INSTITUTIONS,
    KINDS,
    POSSESSION_CONTEXT,
    POSTS,
    PURPOSES,
    SWITCHES,
    KeyRecord,
    Organisation,
    Suspension,
    covers,
    key_of,
    key_value,
    load,
    organisation_value,
    require_competent,
    require_organisation,
    validators,
)
from contracts.schema import (
    Bool,
    Bytes,
    Date,
    Id,
    Int,
    List,
    OneOf,
    Optional,
    Plain,
    Record,
    Region,
    Shape,
    Text,
)

CONTRACT = Contract("organisations", version=1)

KEYS_AT_ONCE = 16
WORK_OF_KEY = 6_000
"""Units of checking a new key (``Context.spend``): that it is of prime order takes 1.4 ms."""
SWITCHES_MAX = 200
SUSPENSIONS_MAX = 64

NEW_KEY: dict[str, Shape] = {
    "key": Bytes(33),
    "purposes": List(OneOf(*PURPOSES), max=len(PURPOSES), min=1, distinct=True),
    "holder": Id(64),
    "post": OneOf(*POSTS),
    "proof": Bytes(64),
}
"""A registered key: ``proof`` signs, in ``popk/1``, [organisation, key, purposes ascending],
so that it cannot be shown for another role."""

NEW_ORGANISATION: dict[str, Shape] = {
    "organisation": Id(40),
    "kind": OneOf(*KINDS),
    "region": Region(),
    "level_code": Optional(Int(0, 14), 0),
    "dedc_level": Optional(Int(0, 3), 0),
    "switches": Optional(List(Id(48), max=SWITCHES_MAX, distinct=True), []),
    "keys": List(Record(NEW_KEY), max=KEYS_AT_ONCE, min=1),
}

ADMITTED_BY_CENTRE = ("bank", "insurer", "auditor", "regulator")
_EXCLUSIVE = ("validate", "transport")
"""Purposes that a key has alone: consensus and transport never share a key with transactions
(SECURITY.md section 2, R7). ``sign`` and ``read`` are one person's acts."""


@CONTRACT.method(args=NEW_ORGANISATION, kinds=("bureau", "centre"), posts=("checker",))
def admit(ctx: Context, args: Args) -> Answer:
    """Admit an organisation with its first keys."""
    kind, region = args["kind"], args["region"]
    if kind == "centre" or (kind == "bureau" and region[2:] == "0000"):
        reject("organisations.needs-vote", kind=kind, region=region)
    if ctx.sender_kind == "centre":
        if kind not in ADMITTED_BY_CENTRE:
            reject("sender.not-competent", competence=ctx.sender, region=region)
    else:
        require_competent(ctx, region)
    create(ctx, args, admitted_by=ctx.sender)
    return {"organisation": args["organisation"]}


@CONTRACT.method(
    args={"organisation": Id(40), **NEW_KEY, "to_height": Optional(Int(1))}, posts=("checker",)
)
def add_key(ctx: Context, args: Args) -> Answer:
    """Register a key of one's own organisation or of one that the bureau is competent for.

    It may sign from the next height on, up to but without ``to_height`` when that is given.
    """
    org = require_organisation(ctx.state, args["organisation"])
    _require_administration(ctx, org)
    record = register_key(ctx, org, args)
    ctx.state.put(f"org/{org.id}", organisation_value(replace(org, keys=org.keys + 1)))
    return {"from_height": record.from_height}


@CONTRACT.method(
    args={"organisation": Id(40), "key": Bytes(33), "reason": Text(1, 200)}, posts=("checker",)
)
def revoke_key(ctx: Context, args: Args) -> Answer:
    """Revoke a key from the next height on; what it signed before stays valid."""
    org = require_organisation(ctx.state, args["organisation"])
    _require_administration(ctx, org)
    record = key_of(ctx.state, args["key"])
    if record is None or record.organisation != org.id:
        reject("organisations.unknown-key", organisation=org.id)
    if record.to_height is not None and record.to_height <= ctx.height + 1:
        reject("organisations.key-revoked", since_height=record.to_height)
    if (org.id, record.key) in validators(ctx.state):
        reject("organisations.key-in-use", organisation=org.id)
    revoked = replace(record, to_height=ctx.height + 1)
    ctx.state.put(f"org-key/{record.key.hex()}", key_value(revoked))
    ctx.emit(
        "organisations.key-revoked",
        organisation=org.id,
        key=record.key,
        to_height=ctx.height + 1,
        reason=args["reason"],
    )
    return {"to_height": ctx.height + 1}


@CONTRACT.method(
    args={"institution": Id(40), "switch": Id(48), "on": Bool()},
    kinds=("bureau",),
    posts=("clerk", "checker"),
)
def set_switch(ctx: Context, args: Args) -> Answer:
    """Open or close a kind of care at an institution, by the bureau of its place."""
    org = _institution(ctx, args["institution"])
    _check_switch(args["switch"])
    others = [name for name in org.switches if name != args["switch"]]
    switches = sorted([*others, args["switch"]] if args["on"] else others)
    if len(switches) > SWITCHES_MAX:
        reject("organisations.too-many", of="switches", limit=SWITCHES_MAX)
    ctx.state.put(f"org/{org.id}", organisation_value(replace(org, switches=tuple(switches))))
    ctx.emit("organisations.switched", institution=org.id, switch=args["switch"], on=args["on"])
    return {"switches": switches}


@CONTRACT.method(
    args={"institution": Id(40), "level_code": Int(0, 14), "dedc_level": Int(0, 3)},
    kinds=("bureau",),
    posts=("checker",),
)
def set_level(ctx: Context, args: Args) -> Answer:
    """Set an institution's hospital level, by the bureau of its place."""
    org = _institution(ctx, args["institution"])
    changed = replace(org, level_code=args["level_code"], dedc_level=args["dedc_level"])
    ctx.state.put(f"org/{org.id}", organisation_value(changed))
    ctx.emit(
        "organisations.level",
        institution=org.id,
        level_code=args["level_code"],
        dedc_level=args["dedc_level"],
    )
    return {}


@CONTRACT.method(
    args={
        "organisation": Id(40),
        "reason": Text(1, 200),
        "from": Date(),
        "to": Optional(Date()),
    },
    kinds=("bureau",),
    posts=("checker",),
)
def suspend(ctx: Context, args: Args) -> Answer:
    """Suspend an institution's direct settlement, with reason and end.

    Emergency care and reimbursement after payment stay open: the claim contract knows.
    """
    org = _institution(ctx, args["organisation"])
    if args["to"] is not None and args["to"] < args["from"]:
        reject("organisations.dates", start=args["from"], end=args["to"])
    if len(org.suspensions) >= SUSPENSIONS_MAX:
        reject("organisations.too-many", of="suspensions", limit=SUSPENSIONS_MAX)
    added = Suspension(args["reason"], args["from"], args["to"], ctx.sender)
    changed = replace(org, suspensions=(*org.suspensions, added))
    ctx.state.put(f"org/{org.id}", organisation_value(changed))
    ctx.emit(
        "organisations.suspended",
        organisation=org.id,
        reason=added.reason,
        from_date=added.from_date,
        to_date=added.to_date,
    )
    return {"number": len(org.suspensions)}


@CONTRACT.method(
    args={"organisation": Id(40), "last_day": Date(), "reason": Text(1, 200)},
    kinds=("bureau",),
    posts=("checker",),
)
def resume(ctx: Context, args: Args) -> Answer:
    """End every suspension that reaches beyond ``last_day`` on that day; it stays in the history.

    One that would begin later is dropped.
    """
    org = _institution(ctx, args["organisation"])
    last_day = args["last_day"]
    kept = tuple(
        s if s.to_date is not None and s.to_date <= last_day else replace(s, to_date=last_day)
        for s in org.suspensions
        if s.from_date <= last_day
    )
    if kept == org.suspensions:
        reject("organisations.not-suspended", organisation=org.id, after=last_day)
    ctx.state.put(f"org/{org.id}", organisation_value(replace(org, suspensions=kept)))
    ctx.emit("organisations.resumed", organisation=org.id, last_day=last_day, reason=args["reason"])
    return {}


@CONTRACT.method(
    args={"host": Text(1, 253, "abcdefghijklmnopqrstuvwxyz0123456789.-:"), "port": Int(1, 65535),
          "tls_pin": Bytes(32)},
    posts=("checker",),
)  # fmt: skip
def set_endpoint(ctx: Context, args: Args) -> Answer:
    """Publish where the own node is reached and the pin of its TLS key."""
    require_organisation(ctx.state, ctx.sender)
    ctx.state.put(
        f"endpoint/{ctx.sender}",
        {"host": args["host"], "port": args["port"], "tls_pin": args["tls_pin"]},
    )
    ctx.emit("organisations.endpoint", organisation=ctx.sender)
    return {}


@CONTRACT.method(
    args={"name": Id(48), "region": Region(), "value": Plain(4000)},
    kinds=("bureau", "centre"),
    posts=("checker",),
)
def set_parameter(ctx: Context, args: Args) -> Answer:
    """Set a parameter of an area, by its bureau, or of the country, by the centre.

    Network parameters need a vote (``governance.propose_parameter``).
    """
    name, region = args["name"], args["region"]
    declared = parameters.AREA.get(name)
    if declared is None:
        reject("organisations.unknown-parameter", name=name)
    if declared.authority == "centre":
        if ctx.sender_kind != "centre":
            reject("sender.kind", kind=ctx.sender_kind, allowed=["centre"])
    else:
        require_competent(ctx, region)
    parameters.put_area(ctx.state, declared, region, args["value"], ctx.height)
    ctx.emit("organisations.parameter", name=name, region=region)
    return {}


def create(ctx: Context, args: Args, admitted_by: str) -> Organisation:
    """Write a new organisation and its first keys; ``args`` fits ``NEW_ORGANISATION``."""
    org_id, kind, region = args["organisation"], args["kind"], args["region"]
    check_id(org_id, kind, region)
    if load(ctx.state, org_id) is not None:
        reject("organisations.exists", organisation=org_id)
    check_switches(org_id, kind, args["switches"])
    org = Organisation(
        id=org_id,
        kind=kind,
        region=region,
        level_code=args["level_code"],
        dedc_level=args["dedc_level"],
        switches=tuple(sorted(args["switches"])),
        suspensions=(),
        admitted_height=ctx.height,
        admitted_by=admitted_by,
        left_height=None,
        keys=0,
    )
    for new_key in args["keys"]:
        register_key(ctx, org, new_key)
        org = replace(org, keys=org.keys + 1)
    ctx.state.put(f"org/{org_id}", organisation_value(org))
    ctx.emit("organisations.admitted", organisation=org_id, kind=kind, region=region)
    return org


def register_key(ctx: Context, org: Organisation, new_key: Args) -> KeyRecord:
    """Write a key as the organisation's number ``org.keys``; the caller raises that count."""
    key, purposes = new_key["key"], sorted(new_key["purposes"])
    alone = [purpose for purpose in purposes if purpose in _EXCLUSIVE]
    if alone and len(purposes) > 1:
        reject("organisations.key-purposes", purposes=purposes, alone=alone)
    to_height = new_key.get("to_height")
    if to_height is not None and to_height <= ctx.height + 1:
        reject("organisations.key-term", to_height=to_height, height=ctx.height)
    if key_of(ctx.state, key) is not None:
        reject("organisations.key-used", organisation=org.id)
    ctx.spend(WORK_OF_KEY)
    try:
        ctx.services.check_key(key)
        message = ctx.services.encode([org.id, key, purposes])
        ctx.services.verify(key, POSSESSION_CONTEXT, message, new_key["proof"])
    except ValueError:
        reject("organisations.key-unproven", organisation=org.id)
    record = KeyRecord(
        organisation=org.id,
        key=key,
        purposes=tuple(purposes),
        holder=new_key["holder"],
        post=new_key["post"],
        from_height=ctx.height + 1,
        to_height=to_height,
    )
    ctx.state.put(f"org-key/{key.hex()}", key_value(record))
    ctx.state.put(f"org-keys/{org.id}/{org.keys}", key)
    ctx.emit(
        "organisations.key-added",
        organisation=org.id,
        key=key,
        purposes=purposes,
        holder=record.holder,
        post=record.post,
        from_height=record.from_height,
    )
    return record


def _require_administration(ctx: Context, org: Organisation) -> None:
    """Own keys, or those of organisations in the bureau's region that needed no vote."""
    if ctx.sender == org.id:
        return
    if org.kind == "centre" or (org.kind == "bureau" and org.region[2:] == "0000"):
        reject("organisations.needs-vote", kind=org.kind, region=org.region)
    if ctx.sender == org.admitted_by:
        return
    require_competent(ctx, org.region)


def _institution(ctx: Context, org_id: str) -> Organisation:
    org = require_organisation(ctx.state, org_id)
    require_competent(ctx, org.region)
    if org.kind not in INSTITUTIONS:
        reject("organisations.not-an-institution", organisation=org_id, kind=org.kind)
    return org


def _check_switch(name: str) -> None:
    if name in SWITCHES or (name.startswith(CHRONIC) and len(name) > len(CHRONIC)):
        return
    reject("organisations.unknown-switch", switch=name, allowed=[*SWITCHES, CHRONIC + "<disease>"])


def check_switches(org_id: str, kind: str, switches: Iterable[str]) -> None:
    """Only institutions have switches, and those that there are."""
    for name in switches:
        if kind not in INSTITUTIONS:
            reject("organisations.not-an-institution", organisation=org_id, kind=kind)
        _check_switch(name)


def check_id(org_id: str, kind: str, region: str) -> None:
    """An id says its kind; those of bureaus, finance departments and institutions their region."""
    if kind == "centre":
        expected = "centre"
        fits = org_id == expected
    elif kind in ("bureau", "finance"):
        expected = f"{kind}:{region}"
        fits = org_id == expected
    elif kind in INSTITUTIONS:
        # National code of designated institutions: H or P, district, five digits.
        letter = kind[0].upper()
        expected = f"{kind}:{letter}{region}00000"
        prefix, number = org_id[: len(kind) + 2], org_id[len(kind) + 2 :]
        fits = (
            prefix == f"{kind}:{letter}"
            and len(number) == 11
            and not number.strip("0123456789")
            and (covers(region, number[:6]) or covers(number[:6], region))
        )
    else:
        expected = f"{kind}:name"
        # Ids that it makes begin with this one and a colon, which nobody else's may be part of.
        named, _, name = org_id.partition(":")
        fits = named == kind and name != "" and ":" not in name
    if not fits:
        reject("organisations.wrong-id", organisation=org_id, expected=expected)
