"""``yibao bench``: how many claims a second, and where the time goes. Runs ``node.benchmark``."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Annotated

import typer

from cli.output import Json

app = typer.Typer(invoke_without_command=True, help="Measure settled claims a second. 性能测试")


@app.callback()
def bench(
    context: typer.Context,
    persons: Annotated[int, typer.Option(min=1, help="People enrolled first.")] = 100_000,
    claims: Annotated[int, typer.Option(min=20, help="Claims of a run in process.")] = 10_000,
    http_claims: Annotated[int, typer.Option(min=20, help="Claims of a run over HTTP.")] = 3_000,
    stays: Annotated[int, typer.Option(min=1, help="Stays of 50 lines.")] = 300,
    lone: Annotated[int, typer.Option(min=2, help="Claims sent one after the other.")] = 200,
    areas: Annotated[int, typer.Option(min=1, max=400, help="Pooling areas.")] = 400,
    institutions: Annotated[int, typer.Option(min=1, help="Hospitals.")] = 300,
    as_json: Json = False,
) -> None:
    """Measure settled claims a second, in process and over HTTP. 性能测试"""
    if context.invoked_subcommand is not None:
        return
    options = {
        "persons": persons,
        "claims": claims,
        "http-claims": http_claims,
        "stays": stays,
        "lone": lone,
        "areas": areas,
        "institutions": institutions,
    }
    _become([], options, as_json)


@app.command("network")
def network(
    validators: Annotated[int, typer.Option(min=4, max=31, help="Nodes, one process each.")] = 4,
    persons: Annotated[int, typer.Option(min=1, help="People enrolled first.")] = 1_000,
    areas: Annotated[int, typer.Option(min=1, max=400, help="Pooling areas.")] = 31,
    institutions: Annotated[int, typer.Option(min=1, help="Hospitals.")] = 60,
    calls: Annotated[int, typer.Option(min=1, max=500, help="Claims of a transaction.")] = 20,
    lone: Annotated[int, typer.Option(min=2, help="Claims sent one after the other.")] = 200,
    capacity_claims: Annotated[
        int, typer.Option(min=20, help="Claims from which the capacity is found.")
    ] = 8_000,
    rate: Annotated[
        float, typer.Option(min=0, help="Claims a second; 0: nine tenths of the capacity.")
    ] = 1_000.0,
    seconds: Annotated[float, typer.Option(min=1, help="How long that rate is kept up.")] = 300.0,
    overload_seconds: Annotated[
        float, typer.Option(min=1, help="How long ten times the capacity is sent.")
    ] = 60.0,
    as_json: Json = False,
) -> None:
    """Measure validators as processes: alone, sustained, overloaded. 多节点性能测试"""
    options = {
        "validators": validators,
        "persons": persons,
        "areas": areas,
        "institutions": institutions,
        "calls": calls,
        "lone": lone,
        "capacity-claims": capacity_claims,
        "rate": rate,
        "seconds": seconds,
        "overload-seconds": overload_seconds,
    }
    _become(["network"], options, as_json)


def _become(words: list[str], options: Mapping[str, float], as_json: bool) -> None:
    command = [sys.executable, "-m", "node.benchmark", *words]
    command += [f"--{name}={value}" for name, value in options.items()]
    command += ["--json"] if as_json else []
    # The benchmark takes this process over: Ctrl-C reaches it, and it stops its own nodes.
    os.execv(sys.executable, command)  # noqa: S606
