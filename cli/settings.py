"""Who calls and which node is asked: options before the command, or the environment.

    yibao --node http://127.0.0.1:8800 --key clerk.key claim show C-1

The key file names its organisation; its passphrase comes from ``YIBAO_PASSPHRASE_FILE``, from
``YIBAO_PASSPHRASE`` or is asked for on a terminal. It is never an argument: arguments are public.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import typer

from cli.exits import Exit
from cli.output import fail

NODE_DEFAULT = "http://127.0.0.1:8800"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the options before the command said."""

    node: str
    """Base address of the node's API."""
    key: Path | None
    """Key file that signs for the caller."""
    timeout_s: float
    """How long one request may take."""


def settings_of(context: typer.Context) -> Settings:
    """The settings of the running command."""
    found = context.find_object(Settings)
    assert found is not None, "the root callback sets the settings before any command runs"
    return found


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
