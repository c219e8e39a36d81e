"""``yibao proof``: save evidence of a settlement and check it with every node switched off.

An evidence file is self-contained: from the genesis file alone it proves that a receipt (or, for
the head it was taken from, a state entry or its absence) belongs to a block that a quorum of the
bureaus certified. ``verify`` asks no node and no clock.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.calls import show_receipt
from cli.exits import Exit
from cli.output import Json, fail, out, plain, print_fields, print_json, shown, time_of
from cli.session import open_client
from contracts.settlement.statement import verification_lines
from node.ledger import merkle
from node.ledger.errors import InvalidGenesis, LedgerError
from node.ledger.evidence import ReceiptFacts, StateFacts, verify_evidence
from node.ledger.genesis import Genesis

app = typer.Typer(no_args_is_help=True)

Output = Annotated[Path, typer.Option("--output", "-o", help="Where the evidence file goes.")]


@app.command("save")
def save(
    context: typer.Context,
    claim: Annotated[str, typer.Argument(help="Claim id.")],
    output: Output,
    full: Annotated[
        bool, typer.Option(help="With charge lines and explanation: for those who may see them.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Save the evidence of a claim's settlement."""
    with open_client(context) as client:
        query = {"full": "true"} if full else {}
        data = client.get_bytes(f"/v1/claims/{claim}/evidence", **query)
    _write(output, data, as_json)


@app.command("save-state")
def save_state(
    context: typer.Context,
    key: Annotated[str, typer.Argument(help="State key, for example claim/C-1.")],
    output: Output,
    as_json: Json = False,
) -> None:
    """Save the evidence of a state entry, or of its absence, at the head."""
    with open_client(context) as client:
        data = client.get_bytes("/v1/state/evidence", key=key)
    _write(output, data, as_json)


def _genesis(path: Path) -> Genesis:
    """The genesis file; without one nothing can be said of the evidence."""
    try:
        return Genesis.parse(path.read_bytes())
    except InvalidGenesis as error:
        fail(Exit.LOCAL, f"{path} is no genesis file: {error}")


@app.command("verify")
def verify(
    file: Annotated[Path, typer.Argument(help="An evidence file.")],
    genesis: Annotated[Path, typer.Option("--genesis", help="The network's genesis file.")],
    as_json: Json = False,
) -> None:
    """Check an evidence file against the genesis file alone; exit code 1 when it does not hold."""
    try:
        network = _genesis(genesis)
        facts = verify_evidence(file.read_bytes(), network)
    except OSError as error:
        fail(Exit.LOCAL, f"cannot read {error.filename}: {error.strerror}")
    except LedgerError as error:
        if as_json:
            print_json({"verified": False, "code": error.code, "values": error.values})
            raise typer.Exit(int(Exit.NO)) from None
        hint = ""
        if error.code == "evidence.malformed":
            hint = "is it the whole file that yibao proof save wrote?"
        fail(Exit.NO, f"the evidence does not hold: {error}", hint=hint)
    document = describe(facts)
    if as_json:
        print_json(document)
        return
    header = facts.header
    out.print(f"[bold green]verified[/] 验证通过: certified by {', '.join(facts.signers)}")
    print_fields(
        "Block 区块",
        {
            "chain": header.chain.hex(),
            "height": header.height,
            "hash": header.hash.hex(),
            "time": time_of(header.time_ms),
        },
    )
    if isinstance(facts, ReceiptFacts):
        call = ".".join(document["call"].values())
        print_fields("Call 调用", {"sender": document["sender"], "call": call})
        show_receipt(document["receipt"])
        code = "\n".join(verification_lines(document["verification_code"]))
        print_fields("As printed on the settlement statement 结算单", {"验证码 code": code})
    else:
        value = json.dumps(plain(document["value"]), ensure_ascii=False)
        present = shown("present", document["present"])
        print_fields("State 状态", {"key": document["key"], "present": present, "value": value})


def describe(facts: ReceiptFacts | StateFacts) -> dict[str, Any]:
    """What a verified file says, as plain data."""
    header = facts.header
    document: dict[str, Any] = {
        "verified": True,
        "chain": header.chain,
        "height": header.height,
        "block": header.hash,
        "time_ms": header.time_ms,
        "state_root": header.state_root,
        "signers": list(facts.signers),
    }
    if isinstance(facts, StateFacts):
        return document | {"key": facts.key, "present": facts.present, "value": facts.value}
    receipt = facts.receipt
    return document | {
        "sender": facts.transaction.body.sender,
        "call": {"contract": facts.call.contract, "method": facts.call.method},
        "args": facts.call.args,
        "receipt": {
            "tx_id": receipt.tx_id.hex(),
            "call_index": receipt.call_index,
            "status": receipt.status,
            "code": receipt.code,
            "values": receipt.values,
            "answer": receipt.answer,
            "amounts": receipt.amounts,
            "versions": receipt.versions,
            "postings": [
                {
                    "transfer_id": leg.transfer_id,
                    "account": leg.account,
                    "fund_type": leg.fund_type,
                    "amount_fen": leg.amount_fen,
                }
                for leg in receipt.postings
            ],
        },
        "verification_code": merkle.leaf_hash(receipt.encode()).hex(),
        "explanation": facts.explanation,
        "attachments": sorted(facts.attachments),
    }


def _write(output: Path, data: bytes, as_json: bool) -> None:
    try:
        output.write_bytes(data)
    except OSError as error:
        fail(Exit.LOCAL, f"cannot write {output}: {error.strerror}")
    if as_json:
        print_json({"file": str(output), "bytes": len(data)})
    else:
        out.print(
            f"{output}: {len(data):,} bytes; check it with yibao proof verify {output} "
            "--genesis GENESIS"
        )
