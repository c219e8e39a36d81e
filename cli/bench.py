"""``yibao bench``: how many claims a second, and where the time goes. Runs ``node.benchmark``."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from typing import Annotated

import typer

from cli.exits import Exit
from cli.output import Json, fail


class What(StrEnum):
    """What is measured."""

    NODE = "node"
    NETWORK = "network"


OF_NODE = ("claims", "http_claims", "stays")
OF_NETWORK = (
    "validators", "calls", "capacity_claims", "rate", "seconds", "overload_seconds",
    "cache_mb",
)  # fmt: skip


def bench(
    what: Annotated[
        What, typer.Argument(help="One node in process and over HTTP, or validators as processes.")
    ] = What.NODE,
    persons: Annotated[int | None, typer.Option(min=1, help="People enrolled first.")] = None,
    areas: Annotated[int | None, typer.Option(min=1, max=400, help="Pooling areas.")] = None,
    institutions: Annotated[int | None, typer.Option(min=1, help="Hospitals.")] = None,
    lone: Annotated[
        int | None, typer.Option(min=2, help="Claims sent one after the other.")
    ] = None,
    claims: Annotated[
        int | None, typer.Option(min=20, help="node: claims of a run in process.")
    ] = None,
    http_claims: Annotated[
        int | None, typer.Option(min=20, help="node: claims of a run over HTTP.")
    ] = None,
    stays: Annotated[int | None, typer.Option(min=1, help="node: stays of 50 lines.")] = None,
    validators: Annotated[
        int | None, typer.Option(min=4, max=31, help="network: nodes, one process each.")
    ] = None,
    calls: Annotated[
        int | None, typer.Option(min=1, max=500, help="network: claims of a transaction.")
    ] = None,
    capacity_claims: Annotated[
        int | None, typer.Option(min=20, help="network: claims from which capacity is found.")
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(min=0, help="network: claims a second; 0: nine tenths of the capacity."),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=1, help="network: how long that rate is kept up.")
    ] = None,
    overload_seconds: Annotated[
        float | None, typer.Option(min=1, help="network: how long ten times the capacity is sent.")
    ] = None,
    cache_mb: Annotated[
        int | None,
        typer.Option(min=1, help="network: MB of each cache of a node, small ones fill at once."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure settled claims a second. 性能测试"""
    given = {
        "persons": persons, "areas": areas, "institutions": institutions, "lone": lone,
        "claims": claims, "http_claims": http_claims, "stays": stays, "validators": validators,
        "calls": calls, "capacity_claims": capacity_claims, "rate": rate, "seconds": seconds,
        "overload_seconds": overload_seconds, "cache_mb": cache_mb,
    }  # fmt: skip
    given = {name: value for name, value in given.items() if value is not None}
    others = OF_NODE if what is What.NETWORK else OF_NETWORK
    if foreign := [name for name in given if name in others]:
        option = f"--{foreign[0].replace('_', '-')}"
        fail(Exit.USAGE, f"{option} says nothing about a {what.value}")
    command = [sys.executable, "-m", "node.benchmark"]
    command += ["network"] if what is What.NETWORK else []
    command += [f"--{name.replace('_', '-')}={value}" for name, value in given.items()]
    command += ["--json"] if as_json else []
    # The benchmark takes this process over: Ctrl-C reaches it, and it stops its own nodes.
    os.execv(sys.executable, command)  # noqa: S606
