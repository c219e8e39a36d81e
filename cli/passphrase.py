"""The passphrase of a key: from the environment, or asked for; never an argument."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import typer

from cli.exits import Exit
from cli.output import fail


def read_passphrase(purpose: str, *, confirm: bool = False) -> str:
    """The passphrase for ``purpose``; ends the command where none can be had."""
    if path := os.environ.get("YIBAO_PASSPHRASE_FILE"):
        try:
            return Path(path).read_text(encoding="utf-8").rstrip("\n")
        except OSError as error:
            fail(Exit.LOCAL, f"cannot read the passphrase file {path}: {error.strerror}")
        except UnicodeDecodeError as error:
            message = f"the passphrase file {path} is not UTF-8: byte {error.start}"
            fail(Exit.LOCAL, message, hint="write the passphrase as UTF-8 text")
    if text := os.environ.get("YIBAO_PASSPHRASE"):
        return text
    if not sys.stdin.isatty():
        fail(
            Exit.LOCAL,
            f"a passphrase is needed for {purpose}, and there is no terminal to ask on",
            hint="set YIBAO_PASSPHRASE_FILE to a file that only you can read",
        )
    asked: str = typer.prompt(
        f"Passphrase for {purpose}", hide_input=True, confirmation_prompt=confirm
    )
    return asked
