"""``yibao devnet``: a network of bureaus on loopback, in a folder, for development.

``up`` makes the folder when it is new, starts every node and returns when all are ready; ``down``
stops them. The data stays: ``up`` again goes on where it stopped.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import httpx
import typer

from cli import network, processes
from cli.exits import Exit
from cli.identity import KeyFileError
from cli.network import Member, Network
from cli.output import Json, busy, fail, out, print_json, print_table, shown
from contracts.settlement import CONTRACTS
from node.ports import free_ports

app = typer.Typer(no_args_is_help=True)

Folder = Annotated[Path, typer.Option("--dir", help="The network's folder.")]
FOLDER = Path("devnet")

PROVINCES = ("110000", "310000", "430000", "440000")
"""Bureaus of the development network; the first of them are the validators."""

MORE_PROVINCES = ("500000", "510000", "610000")
"""Further bureaus, for networks with more validators."""

Bureaus = Annotated[
    int,
    typer.Option(
        "--bureaus", min=1, max=len(PROVINCES + MORE_PROVINCES),
        help="Validators of a new network; 4 are the least that bear the loss of one.",
    ),
]  # fmt: skip


FOLLOWERS = {
    "auditor": Member("auditor:national", "auditor", "000000", ("audit", "operator")),
    "regulator": Member("regulator:430000", "regulator", "430000", ("audit", "operator")),
}
"""Who may follow: the one with every block's attachments, the other with what blocks changed."""

Followers = Annotated[
    list[str] | None,
    typer.Option(
        "--follower", metavar="WHO",
        help=f"A node of a new network that follows and does not vote: {', '.join(FOLLOWERS)}. "
        "May be given once for each.",
    ),
]  # fmt: skip


def members_of(
    regions: tuple[str, ...], validators: int = 1, followers: Sequence[str] = ()
) -> list[Member]:
    """The centre, the bureaus of these provinces and an auditor; the first bureaus validate."""
    bureaus = [
        Member(
            f"bureau:{region}",
            "bureau",
            region,
            ("checker", "clerk", "finance", "operator"),
            validator=number < validators,
        )
        for number, region in enumerate(regions)
    ]
    centre = Member("centre", "centre", "000000", posts=("checker", "clerk"))
    overseers = [
        replace(member, follower=name in followers)
        for name, member in FOLLOWERS.items()
        if name == "auditor" or name in followers
    ]
    return [centre, *overseers, *bureaus]


def create(
    folder: Path,
    *,
    port: int = 0,
    host: str = "127.0.0.1",
    bureaus: int = 1,
    followers: Sequence[str] = (),
) -> Network:
    """Make a new network in a folder. The first validator's API is on ``port`` (0: a free one),
    those of the other validators and of the followers are the next ones; all keys begin here, none
    has signed yet."""
    regions = PROVINCES + MORE_PROVINCES[: max(0, bureaus - len(PROVINCES))]
    members = members_of(regions, bureaus, followers)
    names = [member.id for member in members if member.validator]
    names += [member.id for member in members if member.follower]
    count = len(names)
    free = free_ports(2 * count)
    ports = range(port, port + count) if port else free[:count]
    return network.create(
        folder,
        members,
        ports=dict(zip(names, ports, strict=True)),
        peer_ports=dict(zip(names, free[count:], strict=True)) if count > 1 else None,
        host=host,
        time_ms=time.time_ns() // 1_000_000,
        parameters={},
        contracts={contract.name: contract.version for contract in CONTRACTS},
        begin=processes.begin_keys if bureaus > 1 else None,
    )


@app.command("found")
def found(
    folder: Folder = FOLDER,
    port: Annotated[int, typer.Option(help="API port of the node; 0 takes a free one.")] = 0,
    host: Annotated[str, typer.Option(help="Address that the node listens on.")] = "127.0.0.1",
    bureaus: Bureaus = 1,
    follower: Followers = None,
    as_json: Json = False,
) -> None:
    """Make the network's folder without starting anything; leaves an existing one alone."""
    known, new = _load_or_create(
        folder, port=port, host=host, bureaus=bureaus, followers=_known(follower)
    )
    if not new and not as_json:
        out.print(f"{folder} holds a network already")
    _show(known, as_json)


@app.command("up")
def up(
    folder: Folder = FOLDER,
    bureaus: Bureaus = 1,
    follower: Followers = None,
    as_json: Json = False,
) -> None:
    """Start the network, making it first when the folder is new."""
    followers = _known(follower)
    with busy("starting the network", quiet=as_json):
        known, _ = _load_or_create(folder, bureaus=bureaus, followers=followers)
        _start(known)
    _show(known, as_json)
    if not as_json:
        place = known.nodes[0]
        out.print(
            f"use it: export YIBAO_NODE={place.url} "
            f"YIBAO_KEY={known.key_path(place.organisation, 'clerk')} "
            f"YIBAO_PASSPHRASE_FILE={known.passphrase_file}"
        )


def _start(known: Network) -> None:
    """Start the nodes that do not run and wait for all; on failure those stop that were started."""
    running = [place for place in known.nodes if processes.running_pid(place) is not None]
    started = [(place, processes.start(place)) for place in known.nodes if place not in running]
    try:
        for place, process in [*started, *((place, None) for place in running)]:
            processes.wait_ready(place, process)
    except processes.NodeFailed as error:
        processes.stop_all([process for _, process in started])
        fail(Exit.UNAVAILABLE, str(error))
    except BaseException:
        processes.stop_all([process for _, process in started])
        raise


@app.command("down")
def down(folder: Folder = FOLDER, as_json: Json = False) -> None:
    """Stop the network's nodes."""
    known = _load(folder)
    late = []
    with busy("stopping the network", quiet=as_json):
        for place in known.nodes:
            pid = processes.running_pid(place)
            if pid is not None and not processes.stop_pid(pid):
                late.append(f"{place.organisation} (process {pid})")
                continue
            (place.folder / "node.pid").unlink(missing_ok=True)
    if late:
        fail(Exit.UNAVAILABLE, f"still running after the time to stop: {', '.join(late)}")
    _show(known, as_json)


@app.command("status")
def status(folder: Folder = FOLDER, as_json: Json = False) -> None:
    """Which nodes run, and at which height."""
    _show(_load(folder), as_json)


def _known(followers: Sequence[str] | None) -> tuple[str, ...]:
    for name in followers or ():
        if name not in FOLLOWERS:
            fail(Exit.USAGE, f"{name} cannot follow", hint=f"one of {', '.join(FOLLOWERS)}")
    return tuple(followers or ())


def _load_or_create(
    folder: Path,
    *,
    port: int = 0,
    host: str = "127.0.0.1",
    bureaus: int = 1,
    followers: Sequence[str] = (),
) -> tuple[Network, bool]:
    """The folder's network, and whether it was made just now."""
    try:
        return network.load(folder), False
    except FileNotFoundError:
        pass
    except network.NetworkDamaged as error:
        fail(Exit.LOCAL, str(error))
    try:
        made = create(folder, port=port, host=host, bureaus=bureaus, followers=followers)
        return made, True
    except (KeyFileError, processes.NodeFailed) as error:
        fail(Exit.LOCAL, f"cannot make a network in {folder}: {error}")
    except OSError as error:
        if error.filename:
            raise  # it says where by itself
        fail(Exit.LOCAL, f"cannot make a network in {folder}: {error.strerror or error}")


def _load(folder: Path) -> Network:
    try:
        return network.load(folder)
    except FileNotFoundError:
        fail(Exit.LOCAL, f"no network in {folder}", hint=f"yibao devnet up --dir {folder}")
    except network.NetworkDamaged as error:
        fail(Exit.LOCAL, str(error))


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
        f"Network 网络 {known.chain.hex()[:16]}",
        names,
        [[shown(n, r[n]) for n in names] for r in rows],
    )
