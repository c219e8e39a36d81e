"""``yibao``: the options that every command shares, and how a command ends; words in ``nouns``."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from cli.exits import Exit
from cli.nouns import Root
from cli.settings import NODE_DEFAULT, Settings

app = typer.Typer(
    name="yibao",
    cls=Root,
    help="Yibao Ledger (医保链): settle medical insurance across provinces, and prove it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _tell_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version  # here: it loads more than the rest of this module

        typer.echo(f"yibao {version('yibao-ledger')}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    node: Annotated[
        str, typer.Option(envvar="YIBAO_NODE", help="Address of the node's API.")
    ] = NODE_DEFAULT,
    key: Annotated[
        Path | None, typer.Option(envvar="YIBAO_KEY", help="Key file that signs for you.")
    ] = None,
    timeout_s: Annotated[
        float,
        typer.Option("--timeout", help="Seconds one request may take.", min=0.001, max=86_400.0),
    ] = 30.0,
    _version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Tell it, end.")
    ] = False,
) -> None:
    """Options that every command shares."""
    context.obj = Settings(node=node, key=key, timeout_s=timeout_s)


def _terminated(number: int, _frame: object) -> NoReturn:
    # Leave through the finally blocks: a demo must not leave its node running.
    sys.exit(128 + number)


def _end_unread() -> NoReturn:
    # Of what nobody reads any more nothing is left to be written when the interpreter ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(128 + signal.SIGPIPE)


def _output() -> tuple[object, ...]:
    # Rich and Typer put something else in the place of a closed pipe, and end with 1: our "no".
    place = os.fstat(1)
    return (sys.stdout, place.st_dev, place.st_ino)


def main() -> None:
    """Run the command of this process; ``cli.entry`` is what is installed."""
    signal.signal(signal.SIGTERM, _terminated)
    if sys.stdout is None:  # whoever started us has closed it: `>&-`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.stdout = os.fdopen(1, "w", encoding="utf-8")
    output = _output()
    try:
        try:
            app(prog_name="yibao")
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        _end_unread()
    except SystemExit:
        if _output() != output:
            _end_unread()
        raise
    except OSError as error:
        # A full disk, a folder that is not there: not a bug, and not the command's answer "no".
        place = f"{error.filename}: " if error.filename else ""
        typer.echo(f"error: {place}{error.strerror or error}", err=True)
        sys.exit(int(Exit.LOCAL))


if __name__ == "__main__":
    main()
