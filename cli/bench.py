"""``yibao bench``: how many claims a second, and where the time goes. Runs ``node.benchmark``."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from cli.output import Json


def bench(
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
    options = {
        "persons": persons,
        "claims": claims,
        "http-claims": http_claims,
        "stays": stays,
        "lone": lone,
        "areas": areas,
        "institutions": institutions,
    }
    command = [sys.executable, "-m", "node.benchmark"]
    command += [f"--{name}={value}" for name, value in options.items()]
    command += ["--json"] if as_json else []
    # The benchmark takes this process over: Ctrl-C reaches it, and it stops its own node.
    os.execv(sys.executable, command)  # noqa: S606
