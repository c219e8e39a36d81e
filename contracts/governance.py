"""Contract ``governance``: what only a quorum of the bureaus may decide.

Admission and removal of bureaus, the validator set, contract versions, network parameters, and
keys of a bureau that lost its own. A proposal fixes its electorate: the organisations of the
validator set when it was made, one vote each, whoever joins or leaves meanwhile. The vote that
reaches the quorum carries the proposal out in the same call; one that can no longer be carried out
is refused with the reason, and the vote does not count.

State: ``vote/<id>``. ``validators`` holds the set that orders the next block and the height that
last changed it: at most one change a block, so that an epoch ends for one change at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from contracts import parameters, registry
from contracts.api import Answer, Args, Context, Contract, State, Value, reject
from contracts.organisation_methods import NEW_KEY, NEW_ORGANISATION, create, register_key
from contracts.organisations import (
    find_key,
    organisation_value,
    require_organisation,
    validators,
)
from contracts.schema import Bool, Bytes, Id, Int, Plain

CONTRACT = Contract("governance", version=1)

VALIDATING = ("bureau", "centre")
SET_MIN = 4
"""A set that tolerates one fault does not shrink below this (CONSENSUS.md section 11)."""
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
    """Propose a validator, or another validate key for one."""
    subject = {"organisation": args["organisation"], "key": args["key"]}
    return _propose(ctx, args["id"], "validator", subject)


@CONTRACT.method(args={"id": Id(40), "organisation": Id(40)}, kinds=VALIDATING, posts=("checker",))
def propose_validator_removal(ctx: Context, args: Args) -> Answer:
    """Propose that a bureau stops validating; it stays an organisation."""
    subject = {"organisation": args["organisation"]}
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
    _network_parameter(args["name"], args["value"])
    subject = {"name": args["name"], "value": args["value"]}
    return _propose(ctx, args["id"], "parameter", subject)


@CONTRACT.method(args={"id": Id(40), "approve": Bool()}, kinds=VALIDATING, posts=("checker",))
def vote(ctx: Context, args: Args) -> Answer:
    """Vote on a proposal, once for each organisation; the quorum's vote carries it out."""
    vote_id = args["id"]
    proposal = ctx.state.get(f"vote/{vote_id}")
    if proposal is None:
        reject("governance.unknown-proposal", id=vote_id)
    if proposal["status"] != "open":
        reject("governance.closed", id=vote_id, status=proposal["status"])
    if ctx.time_ms > proposal["until_ms"]:
        reject("governance.lapsed", id=vote_id, until_ms=proposal["until_ms"])
    if ctx.sender not in proposal["electorate"]:
        reject("governance.not-entitled", organisation=ctx.sender)
    if any(voter == ctx.sender for voter, _, _ in proposal["votes"]):
        reject("governance.already-voted", organisation=ctx.sender)
    proposal["votes"].append([ctx.sender, args["approve"], ctx.height])
    approved = sum(approve for _, approve, _ in proposal["votes"])
    refused = len(proposal["votes"]) - approved
    if approved >= proposal["quorum"]:
        _ACTIONS[proposal["action"]](ctx, proposal["subject"])
        proposal["status"] = "carried"
        proposal["decided_height"] = ctx.height
    elif len(proposal["electorate"]) - refused < proposal["quorum"]:
        proposal["status"] = "refused"
        proposal["decided_height"] = ctx.height
    ctx.state.put(f"vote/{vote_id}", proposal)
    ctx.emit("governance.vote", id=vote_id, approve=args["approve"], status=proposal["status"])
    return {"approved": approved, "quorum": proposal["quorum"], "status": proposal["status"]}


def proposal_status(state: State, vote_id: str, now_ms: int) -> str | None:
    """``open``, ``lapsed``, ``carried``, ``refused``; None for an id that nobody proposed."""
    proposal = state.get(f"vote/{vote_id}")
    if proposal is None:
        return None
    status: str = proposal["status"]
    return "lapsed" if status == "open" and now_ms > proposal["until_ms"] else status


def _propose(ctx: Context, vote_id: str, action: str, subject: Value) -> Answer:
    electorate = [org for org, _ in validators(ctx.state)]
    if ctx.sender not in electorate:
        reject("governance.not-entitled", organisation=ctx.sender)
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


def _key(ctx: Context, subject: Value) -> None:
    org = require_organisation(ctx.state, subject["organisation"])
    register_key(ctx, org, subject)
    ctx.state.put(f"org/{org.id}", organisation_value(replace(org, keys=org.keys + 1)))


def _validator(ctx: Context, subject: Value) -> None:
    org = require_organisation(ctx.state, subject["organisation"])
    if org.kind not in VALIDATING:
        reject("governance.not-a-bureau", kind=org.kind)
    record = find_key(ctx.state, org.id, subject["key"], ctx.height + 1)
    # A key with an end would leave the set without a vote when its term runs out.
    if record is None or record.purposes != ("validate",) or record.to_height is not None:
        reject("governance.not-a-validate-key", organisation=org.id)
    others = [[member, key] for member, key in validators(ctx.state) if member != org.id]
    _put_validators(ctx, [*others, [org.id, record.key]])


def _validator_removal(ctx: Context, subject: Value) -> None:
    members = [[member, key] for member, key in validators(ctx.state)]
    kept = [row for row in members if row[0] != subject["organisation"]]
    if len(kept) == len(members):
        reject("governance.not-validating", organisation=subject["organisation"])
    if len(kept) < SET_MIN:
        reject("governance.too-few-validators", left=len(kept), minimum=SET_MIN)
    _put_validators(ctx, kept)


def _put_validators(ctx: Context, members: list[list[Value]]) -> None:
    record = ctx.state.get("validators")
    if record is not None and record["changed_height"] == ctx.height:
        reject("governance.set-changed", height=ctx.height)
    ctx.state.put("validators", {"members": sorted(members), "changed_height": ctx.height})
    ctx.emit("governance.validators", members=[member for member, _ in members])


def _contract(ctx: Context, subject: Value) -> None:
    if subject["from_height"] <= ctx.height:
        reject("governance.height", from_height=subject["from_height"], height=ctx.height)
    registry.switch(ctx.state, subject["contract"], subject["version"], subject["from_height"])
    ctx.emit("governance.contract", **subject)


def _parameter(ctx: Context, subject: Value) -> None:
    value = _network_parameter(subject["name"], subject["value"])
    ctx.state.put(f"param/{subject['name']}", value)
    ctx.emit("governance.parameter", name=subject["name"])


def _network_parameter(name: str, value: Value) -> Value:
    declared = parameters.NETWORK.get(name)
    if declared is None:
        reject("organisations.unknown-parameter", name=name)
    return parameters.checked(declared, value)


_ACTIONS: dict[str, Callable[[Context, Value], None]] = {
    "admission": _admission,
    "removal": _removal,
    "key": _key,
    "validator": _validator,
    "validator_removal": _validator_removal,
    "contract": _contract,
    "parameter": _parameter,
}
"""What a carried proposal does."""
