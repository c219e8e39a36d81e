"""The validator set on the ledger: what may change it, and what refuses to let a change stop the
chain (CONSENSUS.md section 11).

A block that changes the set ends its epoch, so there is at most one change a block. A key joins
only when its node has shown that it follows the chain: a new member raises the quorum, and one
that is not there can halt everybody (besu #8425). A key that left never returns: it may have been
lost, and nobody knows what it has signed (besu #8307).

State: ``validators``, the set that orders the next block; ``validators/<epoch>``, the set of each
epoch, so that what was signed in it can be judged for good.
"""

from __future__ import annotations

from dataclasses import replace

from contracts.api import Context, Services, State, Value, reject
from contracts.organisations import (
    find_endpoint,
    key_of,
    key_value,
    require_organisation,
    validators,
)

VALIDATING = ("bureau", "centre")
"""Kinds of organisations that may order blocks."""
SET_MIN = 4
"""A set that tolerates one fault does not shrink below this."""
SET_MAX = 63
"""More than that no message and no certificate is made for (``consensus.quorum``,
``node.ledger.block``)."""
ATTESTED_MAX = 100
"""How many heights the block of an attestation may lie behind the change."""
ATTESTATION_CONTEXT = "attest/1"
"""Signing context of "this key's node has this block"."""
WORK_OF_SIGNATURE = 400
"""Units of checking one signature (``Context.spend``), about 100 microseconds."""

Member = tuple[str, bytes]


def members_of(state: State, epoch: int) -> tuple[Member, ...] | None:
    """(organisation, validate key) of an epoch's set, ascending; None for one that is not yet."""
    value = state.get(f"validators/{epoch}")
    return None if value is None else tuple((org, key) for org, key in value["members"])


def check_joining(ctx: Context, organisation: str, key: bytes) -> list[Member]:
    """The set with this key in it, in the place of the organisation's former one if it had one.

    Refuses what could not order blocks: no bureau, no validate key, a key that left the set or has
    an end, a member that cannot be reached, more members than messages are made for.
    """
    org = require_organisation(ctx.state, organisation)
    if org.kind not in VALIDATING:
        reject("governance.not-a-bureau", kind=org.kind)
    record = key_of(ctx.state, key)
    if record is None or record.organisation != org.id or record.purposes != ("validate",):
        reject("governance.not-a-validate-key", organisation=org.id)
    if record.to_height is not None and record.to_height <= ctx.height + 1:
        reject("governance.key-retired", organisation=org.id, since_height=record.to_height)
    # A key with an end would leave the set without a vote when its term runs out.
    if record.to_height is not None:
        reject("governance.key-with-end", organisation=org.id, to_height=record.to_height)
    now = validators(ctx.state)
    if (org.id, key) in now:
        reject("governance.no-change", organisation=org.id)
    after = sorted([*(seat for seat in now if seat[0] != org.id), (org.id, key)])
    if len(after) > SET_MAX:
        reject("governance.too-many-validators", members=len(after), maximum=SET_MAX)
    if len(after) > 1:
        for member, _ in after:
            if find_endpoint(ctx.state, member) is None:
                reject("governance.no-endpoint", organisation=member)
    return after


def check_leaving(ctx: Context, organisation: str) -> list[Member]:
    """The set without the organisation. Refuses to go below four, and below one."""
    now = validators(ctx.state)
    after = [seat for seat in now if seat[0] != organisation]
    if len(after) == len(now):
        reject("governance.not-validating", organisation=organisation)
    least = SET_MIN if len(now) >= SET_MIN else 1
    if len(after) < least:
        reject("governance.too-few-validators", left=len(after), minimum=least)
    return after


def put_set(ctx: Context, members: list[Member]) -> None:
    """Make this the set from the next height on; keys that are no longer in it retire."""
    record = ctx.state.get("validators")
    assert record is not None, "genesis has a validator set"
    if record["changed_height"] == ctx.height:
        reject("governance.set-changed", height=ctx.height)
    rows: list[Value] = [[org, key] for org, key in sorted(members)]
    epoch = record["epoch"] + 1
    ctx.state.put("validators", {"members": rows, "changed_height": ctx.height, "epoch": epoch})
    ctx.state.put(f"validators/{epoch}", {"members": rows, "from_height": ctx.height + 1})
    for org, key in record["members"]:
        held = key_of(ctx.state, key)
        if [org, key] not in rows and held is not None:
            retired = replace(held, to_height=ctx.height + 1)
            ctx.state.put(f"org-key/{key.hex()}", key_value(retired))
    ctx.emit("governance.validators", members=[org for org, _ in rows], epoch=epoch)


def attestation_message(
    services: Services, organisation: str, key: bytes, height: int, block: bytes
) -> bytes:
    """What the joining key signs in ``ATTESTATION_CONTEXT``."""
    return services.encode([organisation, key, height, block])


def check_attestation(
    ctx: Context, subject: Value, header: bytes, certificate: bytes, signature: bytes
) -> int:
    """Height of the certified block that the joining key's node has. Refuses one that is of
    another chain, not certified by the set of its epoch, too old, or not signed by that key."""
    try:
        told = ctx.services.read_header(header)
    except ValueError:
        reject("governance.attestation-block", bytes=len(header))
    height, block, epoch = told["height"], told["block"], told["epoch"]
    members = members_of(ctx.state, epoch)
    if members is None or told["chain"] != ctx.chain:
        reject("governance.attestation-block", height=height)
    if not ctx.height - ATTESTED_MAX <= height < ctx.height:
        reject("governance.attestation-old", height=height, least=ctx.height - ATTESTED_MAX)
    ctx.spend(WORK_OF_SIGNATURE * (len(members) + 1))
    try:
        ctx.services.check_certificate(header, certificate, members)
    except ValueError:
        reject("governance.attestation-block", height=height)
    org, key = subject["organisation"], subject["key"]
    message = attestation_message(ctx.services, org, key, height, block)
    try:
        ctx.services.verify(key, ATTESTATION_CONTEXT, message, signature)
    except ValueError:
        reject("governance.attestation-signature", organisation=org)
    return int(height)
