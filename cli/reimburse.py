"""``yibao reimburse``: how a reimbursement stands; decide it again without its filing call at hand.

The call that filed the bill is read from the node, as it was handed in, and attached: the contract
holds it to the digest that the ledger has.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli.calls import describe_call, from_json, show_receipt
from cli.client import CallSpec, Client
from cli.exits import Exit
from cli.output import Json, fail, print_json
from cli.rerun_case import call_of, history
from cli.session import open_client
from cli.show import record
from contracts.settlement.reimbursement import AUDIENCE, CONTRACT
from contracts.settlement.reimbursement_again import WHY_AGAIN
from node.ledger.codec import encode
from node.ledger.crypto import H

app = typer.Typer(no_args_is_help=True)


@app.command("show")
def show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="REIMBURSEMENT", help="Its id.")],
    as_json: Json = False,
) -> None:
    """How a reimbursement stands: stage, what is due and by when, orders to the bank. Logged."""
    record(context, "Reimbursement 零星报销", f"/v1/reimbursements/{name}", as_json)


@app.command("again")
def again(
    context: typer.Context,
    reimbursement: Annotated[str, typer.Argument(help="Id of the reimbursement.")] = "",
    reason: Annotated[
        str, typer.Option("--reason", help=f"One of {', '.join(WHY_AGAIN)}.")
    ] = "late_filing",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Ask what would become of it; write nothing.")
    ] = False,
    describe: Annotated[
        bool, typer.Option("--describe", help="Show what the call holds, and end.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Decide a reimbursement again on what is known now; the difference is owed. 重新核定"""
    if describe:
        describe_call(CONTRACT.methods["again"], as_json)
        return
    if not reimbursement:
        fail(Exit.USAGE, "REIMBURSEMENT must be given")
    args = {"reimbursement": reimbursement, "reason": reason}
    with open_client(context) as client:
        content = filed_call(client, reimbursement)
        client_id = H("yibao/client-call/v1", encode(["reimbursement", "again", args])).hex()
        spec = CallSpec("reimbursement", "again", args, client_id, ((AUDIENCE, content),))
        answer = client.estimate(spec) if dry_run else client.submit([spec])
    receipt = answer["receipt"] if dry_run else answer["receipts"][0]["receipt"]
    if as_json:
        print_json(answer)
    else:
        show_receipt(receipt, "Estimate 测算; nothing is written" if dry_run else "Receipt 回执")
    if receipt["status"] != "ok":
        raise typer.Exit(int(Exit.NO))


def filed_call(client: Client, name: str) -> dict[str, Any]:
    """The filing call of a reimbursement, byte for byte. Ends the command where it is withheld."""
    calls = [
        (row, call)
        for row in history(client, f"/v1/reimbursements/{name}/history")
        if (call := call_of(client, row))["method"] == "file"
    ]
    if not calls:
        fail(Exit.NO, f"the call that filed {name} is not here")
    row, call = calls[0]
    place = f"/v1/receipts/{row['tx_id']}/{row['call_index']}/attachments"
    (kept,) = client.get(place)["attachments"]
    if kept["withheld"]:
        fail(Exit.NO, f"the bill of {name} is withheld from this reader or erased")
    shape = {"type": "record", "fields": CONTRACT.methods["file"].describe()["args"]}
    return {
        "args": encode(from_json(call["args"], shape, "args")),
        "blind": bytes.fromhex(kept["blind"]),
        "content": bytes.fromhex(kept["bytes"]),
    }
