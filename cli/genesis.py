"""``yibao genesis``: found a network, look at a genesis file, check it.

A founding ceremony: agree on a plan (who takes part, which parameters, when), compute the chain
id with ``plan``; each organisation proves its keys for that chain (``yibao keys prove``); ``build``
puts the proofs in. The file's hash is the network's name; it holds nothing secret.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.exits import Exit
from cli.output import Json, fail, print_fields, print_json, print_table
from cli.session import open_client
from contracts.api import Rejected
from contracts.founding import check_founding
from contracts.settlement import CONTRACTS
from node.ledger.errors import LedgerError
from node.ledger.genesis import Genesis, make_content
from node.ledger.types import Key, Signature

app = typer.Typer(no_args_is_help=True)

GenesisFile = Annotated[Path, typer.Argument(help="The network's genesis file.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="Where the genesis file goes.")]
PlanFile = Annotated[
    Path,
    typer.Argument(
        help="JSON: time_ms, parameters, contracts, organisations (id, kind, region, keys), "
        "validators [[organisation, key]]; keys in hexadecimal."
    ),
]


@app.command("contracts")
def contracts(as_json: Json = False) -> None:
    """Print the contract versions of this build: what `contracts` of a plan holds."""
    versions = {contract.name: contract.version for contract in CONTRACTS}
    if as_json:
        print_json(versions)
    else:
        print_fields("Contracts 合约", versions)


@app.command("plan")
def plan(file: PlanFile, as_json: Json = False) -> None:
    """Compute the chain id of a plan: what the proofs of possession are made for."""
    genesis = _plan(file)
    document = {
        "chain": genesis.chain.hex(),
        "keys": [
            {"organisation": organisation, "purposes": purposes, "key": key.hex()}
            for organisation, purposes, key in genesis.key_roles()
        ],
    }
    if as_json:
        print_json(document)
        return
    print_fields("Plan 创世方案", {"chain": document["chain"]})
    print_table(
        "Keys that have to be proved",
        ("organisation", "purposes", "key"),
        [(o, ",".join(p), k.hex()) for o, p, k in genesis.key_roles()],
    )


@app.command("build")
def build(
    file: PlanFile,
    proofs: Annotated[
        Path, typer.Option(help="Folder with the answers of yibao keys prove --json, *.json.")
    ],
    output: Output,
    as_json: Json = False,
) -> None:
    """Put the proofs into a plan and write the genesis file."""
    genesis = _plan(file)
    found = dict(_proof(path) for path in sorted(proofs.glob("*.json")))
    missing = {f"{o} ({','.join(p)})" for o, p, key in genesis.key_roles() if key not in found}
    if missing:
        fail(
            Exit.NO,
            f"no proof for a key of {', '.join(sorted(missing))}",
            hint=f"yibao keys prove KEY --chain {genesis.chain.hex()} --json > {proofs}/NAME.json",
        )
    data = genesis.render(found)
    _parse(data, output)
    _write(output, data)
    _done(output, genesis.chain, as_json)


@app.command("fetch")
def fetch(context: typer.Context, output: Output, as_json: Json = False) -> None:
    """Fetch the genesis file from a node; compare the chain it prints with what you were told."""
    with open_client(context) as client:
        data = client.get_bytes("/v1/genesis/file")
    genesis = _parse(data, output)
    _write(output, data)
    _done(output, genesis.chain, as_json)


@app.command("show")
def show(file: GenesisFile, as_json: Json = False) -> None:
    """Check a genesis file and show who founds the network."""
    genesis = _parse(_read(file), file)
    document: dict[str, Any] = {
        "chain": genesis.chain.hex(),
        "time_ms": genesis.time_ms,
        "organisations": [
            {
                "id": org["id"],
                "kind": org["kind"],
                "region": org["region"],
                "keys": len(org["keys"]),
            }
            for org in genesis.organisations
        ],
        "validators": [seat.organisation for seat in genesis.validators.validators],
        "contracts": genesis.contracts,
        "parameters": genesis.parameters,
    }
    if as_json:
        print_json(document)
        return
    print_fields(
        "Genesis 创世",
        {"chain": document["chain"], "validators": ", ".join(document["validators"])},
    )
    print_table(
        "Organisations 机构",
        ("id", "kind", "region", "keys"),
        [(o["id"], o["kind"], o["region"], o["keys"]) for o in document["organisations"]],
    )


def _plan(file: Path) -> Genesis:
    try:
        document: dict[str, Any] = json.loads(_read(file))
        for organisation in document["organisations"]:
            for key in organisation["keys"]:
                key["key"] = bytes.fromhex(key["key"])
            if endpoint := organisation.get("endpoint"):
                endpoint["tls_pin"] = bytes.fromhex(endpoint["tls_pin"])
        content = make_content(
            time_ms=document["time_ms"],
            parameters=document["parameters"],
            contracts=document["contracts"],
            organisations=document["organisations"],
            validators=[(org, bytes.fromhex(key)) for org, key in document["validators"]],
        )
    except KeyError as error:
        fail(Exit.USAGE, f"{file} is not a plan: {error} is missing")
    except (AttributeError, TypeError, ValueError) as error:
        fail(Exit.USAGE, f"{file} is not a plan: {error}")
    except LedgerError as error:
        fail(Exit.NO, f"{file}: {error}")
    return _founding(Genesis.from_content(content), file)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        fail(Exit.LOCAL, f"cannot read {file}: {error.strerror}")


def _parse(data: bytes, file: Path) -> Genesis:
    try:
        return _founding(Genesis.parse(data), file)
    except LedgerError as error:
        fail(Exit.NO, f"{file}: {error}")


def _founding(genesis: Genesis, file: Path) -> Genesis:
    """The genesis, if the rules of the ledger let these found a network."""
    seats = [seat.organisation for seat in genesis.validators.validators]
    try:
        check_founding(genesis.organisations, seats, genesis.parameters)
    except Rejected as error:
        fail(Exit.NO, f"{file}: {error}")
    return genesis


def _proof(path: Path) -> tuple[Key, Signature]:
    """Key and proof of possession from an answer of ``yibao keys prove --json``."""
    try:
        document = json.loads(_read(path))
        return Key(bytes.fromhex(document["key"])), Signature(bytes.fromhex(document["proof"]))
    except (KeyError, TypeError, ValueError):
        fail(
            Exit.USAGE,
            f"{path} is not a proof of possession",
            hint="it holds what yibao keys prove --json prints",
        )


def _write(file: Path, data: bytes) -> None:
    try:
        file.write_bytes(data)
    except OSError as error:
        fail(Exit.LOCAL, f"cannot write {file}: {error.strerror}")


def _done(file: Path, chain: bytes, as_json: bool) -> None:
    document = {"file": str(file), "chain": chain.hex()}
    if as_json:
        print_json(document)
    else:
        print_fields("Genesis 创世", document)
