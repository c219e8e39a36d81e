"""How the tests of the command line call it: in this process, or as the process a user starts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import typer.main
from typer.testing import CliRunner

from cli import output
from cli.main import app

# A console takes its width when it is made: what a test reads must not depend on who runs it.
output.out.width = output.err.width = 160

ROOT = Path(__file__).resolve().parents[2]
COMMAND: Any = typer.main.get_command(app)
RUNNER = CliRunner()
PASSPHRASE = "a passphrase of the tests"


def yibao(*words: object, env: Mapping[str, str] | None = None) -> Any:
    """Run a command in this process; the passphrase is that of the tests."""
    # Usage errors are as wide as the terminal; the fold must not fall into what a test reads.
    given = {"YIBAO_PASSPHRASE": PASSPHRASE, "YIBAO_KEY": "", "COLUMNS": "160", **(env or {})}
    # The runner would build all commands anew, which is half of a call's time.
    with patch("typer.testing._get_command", return_value=COMMAND):
        return RUNNER.invoke(app, [str(word) for word in words], env=given)


def process(
    *words: object, env: Mapping[str, str] | None = None, module: str = "cli.main"
) -> subprocess.CompletedProcess[str]:
    """Run a command as a process of its own, without a terminal, and wait for it."""
    return subprocess.run(
        [sys.executable, "-m", module, *(str(word) for word in words)],
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
