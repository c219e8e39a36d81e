"""Contract ``governance``: what only a quorum of the bureaus may decide.

Admission and removal of bureaus, successors of banks that left, the validator set, contract
versions, network parameters, and keys of a bureau that lost its own. A proposal fixes its
electorate: the organisations of the validator set when it was made, one vote each, whoever joins or
leaves meanwhile. The vote that reaches the quorum carries the proposal out in the same call; one
that can no longer be carried out is refused with the reason, and the vote does not count.

A validate key joins when two things are there: the quorum, and an attestation by that key of a
recent block (``attest``), in whichever order they come (``contracts.validator_set``).

State: ``vote/<id>``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from contracts import parameters, registry
from contracts.api import Answer, Args, Context, Contract, Value, reject
from contracts.organisation_methods import NEW_KEY, NEW_ORGANISATION, create, register_key
from contracts.organisations import (
    load,
    organisation_value,
    require_organisation,
    successor_key,
    takes_part,
    validators,
)
from contracts.schema import Bool, Bytes, Id, Int, Plain
from contracts.validator_set import (
    ATTESTED_MAX,
    VALIDATING,
    check_attestation,
    check_joining,
    check_leaving,
    put_set,
)

CONTRACT = Contract("governance", version=1)

HEADER_BYTES_MAX = 1024
CERTIFICATE_BYTES_MAX = 16_384
"""A certificate of 63 validators takes about 4,200 bytes."""
MS_PER_DAY = 86_400_000


def quorum(n: int) -> int:
    """Votes that decide among ``n``: more than two thirds of the faults that n can bear.

    f = (n - 1) // 3; Q = (n + f) // 2 + 1, the consensus core's own rule, so that two decisions
    always share an honest bureau.
    """
    return (n + (n - 1) // 3) // 2 + 1


@CONTRACT.method(args={"id": Id(40), **NEW_ORGANISATION}, kinds=VALIDATING, posts=("checker",))
def propose_admission(ctx: Context, args: Args) -> Answer:
    """Propose to admit a bureau (or the centre) with its first keys."""
    if args["kind"] not in VALIDATING:
        reject("governance.not-a-bureau", kind=args["kind"])
    subject = {name: value for name, value in args.items() if name != "id"}
    return _propose(ctx, args["id"], "admission", subject)


@CONTRACT.method(args={"id": Id(40), "organisation": Id(40)}, kinds=VALIDATING, posts=("checker",))
def propose_removal(ctx: Context, args: Args) -> Answer:
    """Propose that an organisation no longer takes part."""
    return _propose(ctx, args["id"], "removal", {"organisation": args["organisation"]})


@CONTRACT.method(
    args={"id": Id(40), "organisation": Id(40), "successor": Id(40)},
    kinds=VALIDATING,
    posts=("checker",),
)
def propose_successor(ctx: Context, args: Args) -> Answer:
    """Propose whose word counts for a bank that has left: what it paid, what came back.

    Refuses with ``governance.successor``.
    """
    subject = {name: args[name] for name in ("organisation", "successor")}
    _electorate(ctx)
    _check_successor(ctx, subject)
    return _propose(ctx, args["id"], "successor", subject)


@CONTRACT.method(
    args={"id": Id(40), "organisation": Id(40), **NEW_KEY}, kinds=VALIDATING, posts=("checker",)
)
def propose_key(ctx: Context, args: Args) -> Answer:
    """Propose a key for a bureau that can no longer register one itself."""
    subject = {name: value for name, value in args.items() if name != "id"}
    return _propose(ctx, args["id"], "key", subject)


@CONTRACT.method(
    args={"id": Id(40), "organisation": Id(40), "key": Bytes(33)},
    kinds=VALIDATING,
    posts=("checker",),
)
def propose_validator(ctx: Context, args: Args) -> Answer:
    """Propose a validator, or another validate key for one; it joins when it attests, too."""
    subject = {"organisation": args["organisation"], "key": args["key"]}
    _electorate(ctx)
    check_joining(ctx, subject["organisation"], subject["key"])
    return _propose(ctx, args["id"], "validator", subject)


@CONTRACT.method(args={"id": Id(40), "organisation": Id(40)}, kinds=VALIDATING, posts=("checker",))
def propose_validator_removal(ctx: Context, args: Args) -> Answer:
    """Propose that a bureau stops validating; it stays an organisation."""
    subject = {"organisation": args["organisation"]}
    _electorate(ctx)
    check_leaving(ctx, subject["organisation"])
    return _propose(ctx, args["id"], "validator_removal", subject)


@CONTRACT.method(
    args={"id": Id(40), "contract": Id(40), "version": Int(1, 10**6), "from_height": Int(1)},
    kinds=VALIDATING,
    posts=("checker",),
)
def propose_contract(ctx: Context, args: Args) -> Answer:
    """Propose that a version of a system contract runs from a height on."""
    subject = {name: args[name] for name in ("contract", "version", "from_height")}
    return _propose(ctx, args["id"], "contract", subject)


@CONTRACT.method(
    args={"id": Id(40), "name": Id(48), "value": Plain(200)}, kinds=VALIDATING, posts=("checker",)
)
def propose_parameter(ctx: Context, args: Args) -> Answer:
    """Propose a value for a network parameter."""
    parameters.checked_network(args["name"], args["value"])
    subject = {"name": args["name"], "value": args["value"]}
    return _propose(ctx, args["id"], "parameter", subject)


@CONTRACT.method(args={"id": Id(40), "approve": Bool()}, kinds=VALIDATING, posts=("checker",))
def vote(ctx: Context, args: Args) -> Answer:
    """Vote on a proposal, once for each organisation; the quorum's vote carries it out."""
    vote_id = args["id"]
    proposal = _open_proposal(ctx, vote_id)
    if proposal["status"] != "open":
        reject("governance.closed", id=vote_id, status=proposal["status"])
    if ctx.sender not in proposal["electorate"]:
        reject("governance.not-entitled", organisation=ctx.sender)
    if any(voter == ctx.sender for voter, _, _ in proposal["votes"]):
        reject("governance.already-voted", organisation=ctx.sender)
    proposal["votes"].append([ctx.sender, args["approve"], ctx.height])
    approved = sum(approve for _, approve, _ in proposal["votes"])
    refused = len(proposal["votes"]) - approved
    if approved >= proposal["quorum"]:
        proposal["status"] = "approved"
        _carry_out(ctx, proposal)
    elif len(proposal["electorate"]) - refused < proposal["quorum"]:
        proposal["status"] = "refused"
        proposal["decided_height"] = ctx.height
    ctx.state.put(f"vote/{vote_id}", proposal)
    ctx.emit("governance.vote", id=vote_id, approve=args["approve"], status=proposal["status"])
    return {"approved": approved, "quorum": proposal["quorum"], "status": proposal["status"]}


@CONTRACT.method(
    args={"id": Id(40), "header": Bytes(1, HEADER_BYTES_MAX),
          "certificate": Bytes(1, CERTIFICATE_BYTES_MAX), "signature": Bytes(64)},
    kinds=VALIDATING,
    posts=("checker", "operator"),
)  # fmt: skip
def attest(ctx: Context, args: Args) -> Answer:
    """Show that the node of a proposed validate key has a block not older than 100 heights.

    ``signature``: by the proposed key over [organisation, key, height, block hash]; ``header`` and
    ``certificate`` are that block's. Where the quorum has voted already, the key joins now.
    """
    vote_id = args["id"]
    proposal = _open_proposal(ctx, vote_id)
    if proposal["action"] != "validator" or proposal["status"] not in ("open", "approved"):
        reject("governance.closed", id=vote_id, status=proposal["status"])
    proposal["attested_height"] = check_attestation(
        ctx, proposal["subject"], args["header"], args["certificate"], args["signature"]
    )
    if proposal["status"] == "approved":
        _carry_out(ctx, proposal)
    ctx.state.put(f"vote/{vote_id}", proposal)
    ctx.emit(
        "governance.attested",
        id=vote_id,
        height=proposal["attested_height"],
        status=proposal["status"],
    )
    return {"height": proposal["attested_height"], "status": proposal["status"]}


def proposal_status(proposal: Value, now_ms: int) -> str:
    """Of a state entry ``vote/<id>``: ``open``, ``approved`` (the quorum is there, the key's
    attestation is not), ``carried``, ``refused``; ``lapsed`` once its time is over, which no call
    writes down."""
    status: str = proposal["status"]
    ended = status not in ("open", "approved")
    return status if ended or now_ms <= proposal["until_ms"] else "lapsed"


def _open_proposal(ctx: Context, vote_id: str) -> Value:
    """The proposal, refused when there is none or its time is over."""
    proposal = ctx.state.get(f"vote/{vote_id}")
    if proposal is None:
        reject("governance.unknown-proposal", id=vote_id)
    if proposal["status"] in ("open", "approved") and ctx.time_ms > proposal["until_ms"]:
        reject("governance.lapsed", id=vote_id, until_ms=proposal["until_ms"])
    return proposal


def _carry_out(ctx: Context, proposal: Value) -> None:
    """What the quorum approved happens, a joining key's part once it has attested."""
    attested = proposal["attested_height"]
    if proposal["action"] == "validator" and (
        attested is None or attested < ctx.height - ATTESTED_MAX
    ):
        return
    _ACTIONS[proposal["action"]](ctx, proposal["subject"])
    proposal["status"] = "carried"
    proposal["decided_height"] = ctx.height


def _electorate(ctx: Context) -> list[str]:
    """Who votes on what is proposed now; refused unless the sender is one of them."""
    electorate = [org for org, _ in validators(ctx.state)]
    if ctx.sender not in electorate:
        reject("governance.not-entitled", organisation=ctx.sender)
    return electorate


def _propose(ctx: Context, vote_id: str, action: str, subject: Value) -> Answer:
    electorate = _electorate(ctx)
    key = f"vote/{vote_id}"
    if ctx.state.get(key) is not None:
        reject("governance.id-used", id=vote_id)
    needed = quorum(len(electorate))
    ctx.state.put(
        key,
        {
            "action": action,
            "subject": subject,
            "proposer": ctx.sender,
            "height": ctx.height,
            "until_ms": ctx.time_ms + parameters.network(ctx.state, "vote_days") * MS_PER_DAY,
            "electorate": electorate,
            "quorum": needed,
            "votes": [],
            "status": "open",
            "attested_height": None,
            "decided_height": None,
        },
    )
    ctx.emit("governance.proposed", id=vote_id, action=action, quorum=needed)
    return {"quorum": needed}


def _admission(ctx: Context, subject: Value) -> None:
    create(ctx, subject, admitted_by="vote")


def _removal(ctx: Context, subject: Value) -> None:
    org = require_organisation(ctx.state, subject["organisation"])
    if any(member == org.id for member, _ in validators(ctx.state)):
        reject("governance.still-validating", organisation=org.id)
    ctx.state.put(f"org/{org.id}", organisation_value(replace(org, left_height=ctx.height + 1)))
    ctx.emit("organisations.left", organisation=org.id, from_height=ctx.height + 1)


def _check_successor(ctx: Context, subject: Value) -> None:
    left = load(ctx.state, subject["organisation"])
    gone = left is not None and left.kind == "bank" and left.left_height is not None
    if not gone or not takes_part(ctx.state, subject["successor"], "bank"):
        reject("governance.successor", **subject)


def _successor(ctx: Context, subject: Value) -> None:
    _check_successor(ctx, subject)
    ctx.state.put(successor_key(subject["organisation"]), subject["successor"])
    ctx.emit("organisations.successor", **subject)


def _key(ctx: Context, subject: Value) -> None:
    org = require_organisation(ctx.state, subject["organisation"])
    register_key(ctx, org, subject)
    ctx.state.put(f"org/{org.id}", organisation_value(replace(org, keys=org.keys + 1)))


def _validator(ctx: Context, subject: Value) -> None:
    put_set(ctx, check_joining(ctx, subject["organisation"], subject["key"]))


def _validator_removal(ctx: Context, subject: Value) -> None:
    put_set(ctx, check_leaving(ctx, subject["organisation"]))


def _contract(ctx: Context, subject: Value) -> None:
    if subject["from_height"] <= ctx.height:
        reject("governance.height", from_height=subject["from_height"], height=ctx.height)
    registry.switch(ctx.state, subject["contract"], subject["version"], subject["from_height"])
    ctx.emit("governance.contract", **subject)


def _parameter(ctx: Context, subject: Value) -> None:
    value = parameters.checked_network(subject["name"], subject["value"])
    ctx.state.put(f"param/{subject['name']}", value)
    ctx.emit("governance.parameter", name=subject["name"])


_ACTIONS: dict[str, Callable[[Context, Value], None]] = {
    "admission": _admission,
    "removal": _removal,
    "successor": _successor,
    "key": _key,
    "validator": _validator,
    "validator_removal": _validator_removal,
    "contract": _contract,
    "parameter": _parameter,
}
"""What a carried proposal does."""
