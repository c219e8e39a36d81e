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


def create(folder: Path, regions: tuple[str, ...] = PROVINCES) -> Network:
    """Make a new network in a folder, one validator."""
    members = members_of(regions)
    seats = [member.id for member in members if member.validator]
    ports = dict(zip(seats, processes.free_ports(len(seats)), strict=True))
    return network.create(
        folder,
        members,
        ports=ports,
        time_ms=time.time_ns() // 1_000_000,
        parameters={},
        contracts={contract.name: contract.version for contract in CONTRACTS},
    )


@app.command("up")
def up(folder: Folder = FOLDER, as_json: Json = False) -> None:
    """Start the network, making it first when the folder is new."""
    try:
        found = network.load(folder)
    except FileNotFoundError:
        found = create(folder)
    idle = [place for place in found.nodes if processes.running_pid(place) is None]
    started = [(place, processes.start(place)) for place in idle]
    try:
        for place, process in started:
            processes.wait_ready(place, process)
    except processes.NodeFailed as error:
        processes.stop_all([process for _, process in started])
        fail(Exit.UNAVAILABLE, str(error))
    _show(found, as_json)
    if not as_json:
        place = found.nodes[0]
        out.print(
            f"use it: export YIBAO_NODE={place.url} "
            f"YIBAO_KEY={found.key_path(place.organisation, 'clerk')} "
            f"YIBAO_PASSPHRASE_FILE={found.passphrase_file}"
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


def _show(found: Network, as_json: bool) -> None:
    rows = []
    for place in found.nodes:
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
        print_json({"chain": found.chain, "nodes": rows})
        return
    names = ("organisation", "url", "pid", "ready", "height")
    print_table(
        f"Network 网络 {found.chain.hex()[:16]}", names, [[r[n] for n in names] for r in rows]
    )
