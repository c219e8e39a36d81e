"""``yibao keys``: make, show and prove possession of keys. Keys are sealed at rest.

One key, one purpose: signing transactions and reads, validating, transport and encryption are
different keys, registered with their role (SECURITY.md section 2, R7).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.exits import Exit
from cli.identity import (
    KeyFileError,
    new_seed,
    open_key,
    read_key_header,
    write_key,
)
from cli.output import Json, fail, print_fields, print_json, print_table
from cli.passphrase import read_passphrase
from node.ledger import crypto
from node.ledger.errors import LedgerError
from node.ledger.genesis import EXCLUSIVE_PURPOSES, Genesis
from node.ledger.keystore import UNBOUND, KeyHeader, is_for

app = typer.Typer(no_args_is_help=True)

PURPOSES = ("sign", "read", "validate", "transport")

Organisation = Annotated[
    str, typer.Option("--org", help="Organisation id, for example hospital:H43010000123.")
]
Chain = Annotated[
    str, typer.Option("--chain", help="Chain id in hexadecimal; leave out before genesis.")
]


@app.command("new")
def new(
    file: Annotated[Path, typer.Argument(help="Where the sealed key goes (mode 0600).")],
    org: Organisation,
    purpose: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(PURPOSES)}; may be repeated.")
    ] = None,
    chain: Chain = "",
    as_json: Json = False,
) -> None:
    """Make a key, seal it with a passphrase and print its public half."""
    purposes = sorted(set(purpose or ["sign"]))
    if unknown := [name for name in purposes if name not in PURPOSES]:
        fail(Exit.USAGE, f"unknown purpose {unknown[0]}", hint=f"one of {', '.join(PURPOSES)}")
    if len(purposes) > 1 and (alone := [p for p in purposes if p in EXCLUSIVE_PURPOSES]):
        fail(
            Exit.USAGE,
            f"a {alone[0]} key is for nothing else: the ledger would refuse it",
            hint="make one key for each; only sign and read go together",
        )
    try:
        write_key(
            file,
            new_seed(),
            read_passphrase(str(file), confirm=True),
            chain=_chain(chain),
            role=",".join(purposes),
            owner=org,
        )
        header = read_key_header(file)
    except (KeyFileError, LedgerError) as error:
        fail(Exit.LOCAL, str(error))
    _show(file, header, as_json)


@app.command("show")
def show(
    file: Annotated[Path, typer.Argument(help="A sealed key.")], as_json: Json = False
) -> None:
    """Print the public half and the role of a key; no passphrase is needed."""
    try:
        _show(file, read_key_header(file), as_json)
    except (KeyFileError, LedgerError) as error:
        fail(Exit.LOCAL, str(error))


@app.command("list")
def list_keys(
    folder: Annotated[Path, typer.Argument(help="Folder with *.key files.")] = Path(),
    as_json: Json = False,
) -> None:
    """List the keys of a folder."""
    found = []
    try:
        files = [path for path in sorted(folder.iterdir()) if path.suffix == ".key"]
    except OSError as error:
        fail(Exit.LOCAL, f"cannot read the folder {folder}: {error.strerror}")
    for path in files:
        try:
            found.append({"file": str(path), **_fields(read_key_header(path))})
        except (KeyFileError, LedgerError) as error:
            found.append({"file": str(path), "problem": str(error)})
    if as_json:
        print_json(found)
        return
    print_table(
        "Keys 密钥",
        ("file", "organisation", "role", "key"),
        [
            (
                k["file"],
                k.get("organisation", k.get("problem", "")),
                k.get("role", ""),
                k.get("key", ""),
            )
            for k in found
        ],
    )


@app.command("prove")
def prove(
    file: Annotated[Path, typer.Argument(help="A sealed key.")],
    chain: Annotated[
        str, typer.Option("--chain", help="Chain id: yibao genesis plan or show prints it.")
    ] = "",
    genesis: Annotated[
        Path | None, typer.Option(help="The network's genesis file, in the place of --chain.")
    ] = None,
    holder: Annotated[str, typer.Option(help="Pseudonym of who holds the key.")] = "",
    post: Annotated[str, typer.Option(help="The holder's post, for example clerk.")] = "",
    as_json: Json = False,
) -> None:
    """Sign a proof of possession for a network: what registering the key asks for.

    With --holder and --post the answer is an entry of `keys` for yibao org admit.
    """
    if bool(chain) == (genesis is not None):
        fail(Exit.USAGE, "name the network with --chain or with --genesis")
    if bool(holder) != bool(post):
        fail(Exit.USAGE, "--holder and --post go together")
    network = _chain(chain) if genesis is None else _chain_of(genesis)
    try:
        header = read_key_header(file)
        if not is_for(header.chain, network):
            fail(Exit.LOCAL, f"the key is of network {header.chain.hex()}, not {network.hex()}")
        identity = open_key(file, read_passphrase(str(file)))
    except (KeyFileError, LedgerError) as error:
        fail(Exit.LOCAL, str(error))
    purposes = header.role.split(",")
    proof = crypto.prove_possession(identity.private, network, header.owner, purposes)
    document: dict[str, object] = {**_fields(header), "proof": proof.hex()}
    if holder:
        document = {
            "key": header.key.hex(), "purposes": purposes, "holder": holder, "post": post,
            "proof": proof.hex(),
        }  # fmt: skip
    if as_json:
        print_json(document)
    else:
        print_fields("Proof of possession 持有证明", document)


def _chain_of(genesis: Path) -> bytes:
    try:
        return Genesis.parse(genesis.read_bytes()).chain
    except OSError as error:
        fail(Exit.LOCAL, f"cannot read {genesis}: {error.strerror}")
    except LedgerError as error:
        fail(Exit.NO, f"{genesis}: {error}")


def _chain(text: str) -> bytes:
    if not text:
        return UNBOUND
    try:
        chain = bytes.fromhex(text)
    except ValueError:
        chain = b""
    if len(chain) != len(UNBOUND):
        fail(Exit.USAGE, "--chain is not 64 hexadecimal digits", hint="yibao genesis show FILE")
    return chain


def _fields(header: KeyHeader) -> dict[str, str]:
    told = {
        "organisation": header.owner,
        "role": header.role,
        "key": header.key.hex(),
        "chain": "" if header.chain == UNBOUND else header.chain.hex(),
    }
    if "transport" in header.role.split(","):
        # What yibao org set-endpoint publishes, so that peers know the node by it.
        told["tls_pin"] = crypto.tls_pin(header.key).hex()
    return told


def _show(file: Path, header: KeyHeader, as_json: bool) -> None:
    document = {"file": str(file), **_fields(header)}
    if as_json:
        print_json(document)
    else:
        print_fields("Key 密钥", document)
