"""``yibao node``: run a node of this machine, check its data, list what can be set.

``run``, ``verify``, ``reindex``, ``erase`` and ``new-key`` become the node's own process: signals,
exit codes and logs are those of ``python -m node`` (docs/operations.md).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from cli.output import Json, print_settings
from node.config import SECTIONS
from node.config_file import describe

app = typer.Typer(no_args_is_help=True)

ConfigFile = Annotated[Path, typer.Argument(help="The node's configuration, TOML.")]


def _become(config: Path, *options: str) -> NoReturn:
    os.execv(sys.executable, [sys.executable, "-m", "node", str(config), *options])  # noqa: S606


@app.command("run")
def run(config: ConfigFile) -> None:
    """Run a node until it is told to stop; the same as python -m node CONFIG."""
    _become(config)


@app.command("verify")
def verify(config: ConfigFile) -> None:
    """Check every block, the whole state and the index of a stopped node, and end."""
    _become(config, "--verify")


@app.command("reindex")
def reindex(config: ConfigFile) -> None:
    """Build the index of a stopped node again from its chain, and end."""
    _become(config, "--reindex")


@app.command("erase")
def erase(
    config: ConfigFile,
    commitment: Annotated[str, typer.Argument(help="Of the attachment, 64 hexadecimal digits.")],
) -> None:
    """Erase an attachment from the store of a stopped node for good, and end. Proofs still hold."""
    _become(config, "--erase", commitment)


@app.command("new-key")
def new_key(config: ConfigFile) -> None:
    """Begin safety.dat of a stopped node for a validate key that never signed, and end."""
    _become(config, "--new-key")


@app.command("config")
def config_fields(as_json: Json = False) -> None:
    """List every setting of the configuration file with its default and what it means."""
    print_settings(describe(SECTIONS), as_json)
