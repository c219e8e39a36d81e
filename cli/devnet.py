"""``yibao devnet``: a network of bureaus on loopback, in a folder, for development.

``up`` makes the folder when it is new, starts every node and returns when all are ready; ``down``
stops them. The data stays: ``up`` again goes on where it stopped.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import httpx
import typer

from cli import network, processes
from cli.exits import Exit
from cli.network import Member, Network
from cli.output import Json, fail, out, print_json, print_table
from contracts.settlement import CONTRACTS

app = typer.Typer(no_args_is_help=True, help="A development network on loopback. 开发网络")

Folder = Annotated[Path, typer.Option("--dir", help="The network's folder.")]
FOLDER = Path("devnet")

PROVINCES = ("110000", "310000", "430000", "440000")
"""Bureaus of the development network; the first is the validator."""


def members_of(regions: tuple[str, ...]) -> list[Member]:
    """The centre, the bureaus of these provinces and an auditor."""
    bureaus = [
        Member(f"bureau:{region}", "bureau", region, validator=number == 0)
        for number, region in enumerate(regions)
    ]
    centre = Member("centre", "centre", "000000", posts=("checker", "clerk"))
    auditor = Member("auditor:national", "auditor", "000000", posts=("audit",))
    return [centre, auditor, *bureaus]


def create(folder: Path, *, port: int = 0, host: str = "127.0.0.1") -> Network:
    """Make a new network in a folder, one validator on ``port`` (0: a free one)."""
    members = members_of(PROVINCES)
    seat = next(member.id for member in members if member.validator)
    return network.create(
        folder,
        members,
        ports={seat: port or processes.free_ports(1)[0]},
        host=host,
        time_ms=time.time_ns() // 1_000_000,
        parameters={},
        contracts={contract.name: contract.version for contract in CONTRACTS},
    )


@app.command("found")
def found(
    folder: Folder = FOLDER,
    port: Annotated[int, typer.Option(help="API port of the node; 0 takes a free one.")] = 0,
    host: Annotated[str, typer.Option(help="Address that the node listens on.")] = "127.0.0.1",
) -> None:
    """Make the network's folder without starting anything; leaves an existing one alone."""
    try:
        create(folder, port=port, host=host)
    except FileExistsError:
        out.print(f"{folder} holds a network already")


@app.command("up")
def up(folder: Folder = FOLDER, as_json: Json = False) -> None:
    """Start the network, making it first when the folder is new."""
    try:
        known = network.load(folder)
    except FileNotFoundError:
        known = create(folder)
    idle = [place for place in known.nodes if processes.running_pid(place) is None]
    started = [(place, processes.start(place)) for place in idle]
    try:
        for place, process in started:
            processes.wait_ready(place, process)
    except processes.NodeFailed as error:
        processes.stop_all([process for _, process in started])
        fail(Exit.UNAVAILABLE, str(error))
    _show(known, as_json)
    if not as_json:
        place = known.nodes[0]
        out.print(
            f"use it: export YIBAO_NODE={place.url} "
            f"YIBAO_KEY={known.key_path(place.organisation, 'clerk')} "
            f"YIBAO_PASSPHRASE_FILE={known.passphrase_file}"
        )


@app.command("down")
def down(folder: Folder = FOLDER) -> None:
    """Stop the network's nodes."""
    late = []
    for place in _load(folder).nodes:
        pid = processes.running_pid(place)
        if pid is not None and not processes.stop_pid(pid):
            late.append(f"{place.organisation} (process {pid})")
        (place.folder / "node.pid").unlink(missing_ok=True)
    if late:
        fail(Exit.UNAVAILABLE, f"still running after the time to stop: {', '.join(late)}")


@app.command("status")
def status(folder: Folder = FOLDER, as_json: Json = False) -> None:
    """Which nodes run, and at which height."""
    _show(_load(folder), as_json)


def _load(folder: Path) -> Network:
    try:
        return network.load(folder)
    except FileNotFoundError:
        fail(Exit.LOCAL, f"no network in {folder}", hint=f"yibao devnet up --dir {folder}")


def _show(known: Network, as_json: bool) -> None:
    rows = []
    for place in known.nodes:
        try:
            answer = httpx.get(f"{place.url}/v1/ready", timeout=2.0).json()
        except (httpx.TransportError, ValueError):
            answer = {}
        rows.append(
            {
                "organisation": place.organisation,
                "url": place.url,
                "pid": processes.running_pid(place),
                "ready": bool(answer.get("ready")),
                "height": answer.get("height"),
            }
        )
    if as_json:
        print_json({"chain": known.chain, "nodes": rows})
        return
    names = ("organisation", "url", "pid", "ready", "height")
    print_table(
        f"Network 网络 {known.chain.hex()[:16]}", names, [[r[n] for n in names] for r in rows]
    )
