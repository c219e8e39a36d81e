"""Who calls and which node is asked: options before the command, or the environment.

    yibao --node http://127.0.0.1:8800 --key clerk.key claim show C-1

The key file names its organisation; its passphrase comes from ``YIBAO_PASSPHRASE_FILE``, from
``YIBAO_PASSPHRASE`` or is asked for on a terminal. It is never an argument: arguments are public.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import typer

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
