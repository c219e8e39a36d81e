"""``yibao``: mounts one command group per noun and hands over to Typer."""

from __future__ import annotations

import typer

app = typer.Typer(
    name="yibao",
    help="Yibao Ledger (医保链): settle medical insurance across provinces, and prove it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Entry point of the installed command."""
    app()


if __name__ == "__main__":
    main()
