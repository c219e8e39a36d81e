"""``yibao node``: run a node of this machine in the foreground."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Run a node. 节点")


@app.command("run")
def run(
    config: Annotated[Path, typer.Argument(help="The node's configuration, TOML.")],
) -> None:
    """Run a node until it is told to stop; the same as python -m node CONFIG."""
    # The node takes this process over: signals, exit codes and logs are its own.
    os.execv(sys.executable, [sys.executable, "-m", "node", str(config)])  # noqa: S606
