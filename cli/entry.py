"""What the installed ``yibao`` calls: imports the command line and runs it."""

from __future__ import annotations

from cli.interrupts import importing


def main() -> None:
    """Entry point of the installed command."""
    with importing():
        from cli.main import main as run  # here, not above: Ctrl-C would be a traceback
    run()


if __name__ == "__main__":
    main()
