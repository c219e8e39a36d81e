"""``yibao``: mounts one command group per noun and hands over to Typer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli import keys
from cli.settings import NODE_DEFAULT, Settings

app = typer.Typer(
    name="yibao",
    help="Yibao Ledger (医保链): settle medical insurance across provinces, and prove it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(keys.app, name="keys")


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
        float, typer.Option("--timeout", help="Seconds one request may take.")
    ] = 30.0,
) -> None:
    """Options that every command shares."""
    context.obj = Settings(node=node, key=key, timeout_s=timeout_s)


def main() -> None:
    """Entry point of the installed command."""
    app()


if __name__ == "__main__":
    main()
