"""Read a policy's source and its cases from files, for the commands that work without a node."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.exits import Exit
from cli.output import fail
from contracts.language import Diagnostic, LanguageError
from contracts.settlement.policy_program import PolicyProgram

FILE_BYTES_MAX = 8 * 1024 * 1024

PolicyFile = Annotated[Path, typer.Argument(help="A policy's source in the policy language.")]


def read_text(path: Path, bytes_max: int = FILE_BYTES_MAX) -> str:
    """The text of a file; ends the command when it cannot be read."""
    try:
        with path.open("rb") as file:
            data = file.read(bytes_max + 1)
    except OSError as problem:
        fail(Exit.LOCAL, f"cannot read {path}: {problem.strerror}")
    if len(data) > bytes_max:
        fail(Exit.LOCAL, f"{path} is larger than {bytes_max} bytes")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as problem:
        message = f"{path} is not UTF-8: byte {problem.start}"
        fail(Exit.LOCAL, message, hint="save it as UTF-8")


def compile_policy(source: str) -> tuple[PolicyProgram | None, list[Diagnostic]]:
    """The policy, or what is wrong with its source."""
    try:
        return PolicyProgram(source), []
    except LanguageError as error:
        return None, error.diagnostics


def load_policy(path: Path) -> PolicyProgram:
    """The policy of a file; ends the command when it is none."""
    program, complaints = compile_policy(read_text(path))
    if program is None:
        fail(
            Exit.NO,
            "\n".join(f"{path}:{complaint}" for complaint in complaints),
            hint=f"yibao policy check {path}",
        )
    return program
