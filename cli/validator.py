"""``yibao validator``: who orders blocks, and changing that by votes of the bureaus.

    yibao validator add bureau:500000 KEY         propose and vote for it
    yibao validator vote ID                       every other bureau
    yibao validator attest ID                     the joining bureau, at its own node
    yibao validator rotate validate2.key          the same for another key of one's own
    yibao validator remove bureau:500000

The contract refuses what would stop the chain (``contracts.validator_set``); before proposing, the
command also asks the node who is connected: a set that could not reach its quorum today is not
proposed by mistake.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.calls import show_submission
from cli.client import CallSpec, Client
from cli.exits import Exit
from cli.identity import KeyFileError, open_key, read_key_header
from cli.output import Json, fail, out, print_fields, print_json, print_table, time_of
from cli.passphrase import read_passphrase
from cli.session import open_client
from contracts.governance import proposal_status, quorum
from contracts.validator_set import ATTESTED_MAX
from node.ledger import crypto
from node.ledger.crypto import H
from node.ledger.errors import LedgerError
from node.ledger.keystore import is_for
from node.ledger.types import KEY_BYTES

app = typer.Typer(no_args_is_help=True)

VoteId = Annotated[str, typer.Argument(metavar="VOTE", help="Id of the proposal.")]
Bureau = Annotated[str, typer.Argument(metavar="ORGANISATION", help="For example bureau:430000.")]
ProposedId = Annotated[
    str, typer.Option("--id", help="Id of the proposal; left out: made from what it says.")
]
Absent = Annotated[
    bool,
    typer.Option(
        "--despite-absent", help="Propose although members that it would need are not connected."
    ),
]

APPROVED = "approved"
"""The quorum is there and the key has not joined: it has attested nothing, or too long ago."""
ATTEST_NEXT = (
    f"an attestation of one of the last {ATTESTED_MAX} blocks, by the node of the key that joins: "
    "yibao validator attest"
)


@app.command("list")
def list_(context: typer.Context, as_json: Json = False) -> None:
    """The bureaus that order the next block, and which of them the node is connected to."""
    with open_client(context) as client:
        members = client.get("/v1/validators")["validators"]
        status = client.get("/v1/status")
    away = _absent(status)
    rows = [{**member, "connected": member["organisation"] not in away} for member in members]
    document = {"validators": rows, "quorum": quorum(len(rows)), "height": status["height"]}
    if as_json:
        print_json(document)
        return
    print_table(
        f"Validators 共识成员, {document['quorum']} of {len(rows)} decide",
        ("organisation", "connected", "key"),
        [(row["organisation"], "yes" if row["connected"] else "NO", row["key"]) for row in rows],
    )


@app.command("add")
def add(
    context: typer.Context,
    organisation: Bureau,
    key: Annotated[str, typer.Argument(help="Its registered validate key, in hexadecimal.")],
    vote_id: ProposedId = "",
    despite_absent: Absent = False,
    as_json: Json = False,
) -> None:
    """Propose a bureau as validator and vote for it (post checker)."""
    args = {"organisation": organisation, "key": _key(key)}
    with open_client(context) as client:
        _check_quorum(client, joins=organisation, despite=despite_absent)
        _propose(client, "propose_validator", args, vote_id, as_json, joining=organisation)


@app.command("remove")
def remove(
    context: typer.Context,
    organisation: Bureau,
    vote_id: ProposedId = "",
    despite_absent: Absent = False,
    as_json: Json = False,
) -> None:
    """Propose that a bureau no longer validates and vote for it (post checker)."""
    with open_client(context) as client:
        _check_quorum(client, leaves=organisation, despite=despite_absent)
        _propose(
            client, "propose_validator_removal", {"organisation": organisation}, vote_id, as_json
        )


@app.command("rotate")
def rotate(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(help="The new sealed validate key of one's own organisation.")
    ],
    vote_id: ProposedId = "",
    despite_absent: Absent = False,
    as_json: Json = False,
) -> None:
    """Register a new validate key, propose it in the place of the old one and vote for it.

    Begin its record first and let the node hold it beside the old one (`node.next_key`), so that
    nothing stands still: docs/operations.md (post checker).
    """
    try:
        header = read_key_header(file)
        private = open_key(file, read_passphrase(str(file))).private
    except (KeyFileError, LedgerError) as error:
        fail(Exit.LOCAL, str(error))
    if header.role != "validate":
        fail(Exit.USAGE, f"{file} is a {header.role} key", hint="yibao keys new --purpose validate")
    with open_client(context) as client:
        identity = client.identity
        assert identity is not None, "the client signs"
        owner = identity.organisation
        if header.owner != owner:
            fail(Exit.USAGE, f"{file} is a key of {header.owner}, and you sign for {owner}")
        chain = client.chain
        if not is_for(header.chain, chain):
            fail(Exit.LOCAL, f"{file} is of network {header.chain.hex()}, not {chain.hex()}")
        _check_quorum(client, joins=owner, despite=despite_absent)
        proof = crypto.prove_possession(private, chain, owner, ["validate"])
        new_key = {
            "organisation": owner, "key": header.key, "purposes": ["validate"],
            "holder": f"staff:{owner}:operator", "post": "operator", "proof": proof,
        }  # fmt: skip
        first = CallSpec("organisations", "add_key", new_key, f"key/{header.key.hex()}")
        known = client.get(f"/v1/organisations/{owner}")
        registered = any(one.get("key") == header.key.hex() for one in _keys_of(known))
        args = {"organisation": owner, "key": header.key}
        _propose(
            client, "propose_validator", args, vote_id, as_json, joining=owner,
            before=() if registered else (first,),
        )  # fmt: skip


@app.command("vote")
def vote(
    context: typer.Context,
    vote_id: VoteId,
    against: Annotated[bool, typer.Option("--against", help="Vote no.")] = False,
    as_json: Json = False,
) -> None:
    """Vote on a proposal, for it unless told otherwise (post checker)."""
    args = {"id": vote_id, "approve": not against}
    with open_client(context) as client:
        answer = client.submit([CallSpec("governance", "vote", args, f"vote/{vote_id}")])
    waits = [row["receipt"]["answer"].get("status") == APPROVED for row in answer["receipts"]]
    if any(waits) and not as_json:
        out.print(f"approved, and waits for {ATTEST_NEXT} {vote_id}")
    show_submission(answer, as_json)


@app.command("attest")
def attest(context: typer.Context, vote_id: VoteId, as_json: Json = False) -> None:
    """Show that one's own node follows the chain with the proposed key: without it the key does
    not join (post operator, asked at one's own node)."""
    with open_client(context) as client:
        made = client.get("/v1/attestation")
        parts = {name: bytes.fromhex(made[name]) for name in ("header", "certificate", "signature")}
        args = {"id": vote_id, **parts}
        call = CallSpec("governance", "attest", args, f"attest/{vote_id}/{made['attested_height']}")
        answer = client.submit([call])
    show_submission(answer, as_json)


@app.command("show")
def show(context: typer.Context, vote_id: VoteId, as_json: Json = False) -> None:
    """A proposal: what it says, who voted how, what is missing; exit code 1 when there is none."""
    with open_client(context) as client:
        answer = client.get("/v1/state", key=f"vote/{vote_id}")
    if not answer["present"]:
        fail(Exit.NO, f"there is no proposal {vote_id}")
    value = answer["value"]
    if as_json:
        print_json(answer)
        return
    approved = sum(1 for _, yes, _ in value["votes"] if yes)
    status = proposal_status(value, time.time_ns() // 1_000_000)
    fields: dict[str, object] = {"action": value["action"], "status": status}
    fields["to be decided by"] = time_of(value["until_ms"])
    fields |= {f"of {name}": _shown(part) for name, part in value["subject"].items()}
    fields["votes"] = f"{approved} for it of {value['quorum']} needed"
    if value["action"] == "validator":
        fields["attested"] = value["attested_height"] or "not yet (yibao validator attest)"
    if status == APPROVED:
        fields["waits for"] = f"{ATTEST_NEXT} {vote_id}"
    print_fields(f"Proposal 提案 {vote_id}", fields)
    print_table(
        "Votes 表决",
        ("organisation", "vote", "height"),
        [(org, "for" if yes else "against", height) for org, yes, height in value["votes"]],
    )


def _propose(
    client: Client,
    method: str,
    args: dict[str, Any],
    vote_id: str,
    as_json: bool,
    *,
    joining: str = "",
    before: tuple[CallSpec, ...] = (),
) -> None:
    """Propose and vote for it in one transaction, and say who has to do what next."""
    height = client.get("/v1/status")["height"]
    told = f"{method} {sorted((k, str(v)) for k, v in args.items())} {height}"
    name = vote_id or f"v-{H('yibao/client-vote/v1', told.encode()).hex()[:12]}"
    calls = [
        *before,
        CallSpec("governance", method, {"id": name, **args}, f"propose/{name}"),
        CallSpec("governance", "vote", {"id": name, "approve": True}, f"vote/{name}"),
    ]
    answer = client.submit(calls)
    if not as_json and answer["receipts"][-1]["receipt"]["status"] == "ok":
        out.print(f"proposal {name}: the other bureaus vote with: yibao validator vote {name}")
        if joining:
            out.print(f"{joining} attests at its own node with: yibao validator attest {name}")
    show_submission({**answer, "id": name} if as_json else answer, as_json)


def _check_quorum(
    client: Client, *, joins: str = "", leaves: str = "", despite: bool = False
) -> None:
    """Refuse to propose a set whose quorum is not connected to this node today."""
    members = {member["organisation"] for member in client.get("/v1/validators")["validators"]}
    away = _absent(client.get("/v1/status"))
    after = members - {leaves} | ({joins} if joins else set())
    present = {member for member in after if member not in away or member == joins}
    needed = quorum(len(after))
    if len(present) < needed and not despite:
        fail(
            Exit.NO,
            f"this would stop the chain now: {needed} of {len(after)} would have to vote, and "
            f"{', '.join(sorted(after - present))} cannot be reached",
            hint="bring them back first, or say --despite-absent",
        )


def _absent(status: dict[str, Any]) -> set[str]:
    waiting = status.get("waiting") or {}
    return {one["organisation"] for one in waiting.get("not_connected", ())}


def _keys_of(answer: dict[str, Any]) -> list[dict[str, Any]]:
    record = answer.get("record") or answer
    keys: list[dict[str, Any]] = record.get("keys", []) if isinstance(record, dict) else []
    return [one for one in keys if isinstance(one, dict)]


def _key(text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        digits = 2 * KEY_BYTES
        fail(Exit.USAGE, f"a key is {digits} hexadecimal digits", hint="yibao keys show FILE")
    return key


def _shown(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
