"""What a shape is: a frozen value that compiles to a check, and the error that a misfit raises.

The shapes themselves are in ``scalars`` and ``schema``; authors of contracts import all of them
from ``contracts.schema``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

Check = Callable[[Any], Any]
"""Takes a plain value, returns it checked (defaults filled); raises ``ShapeError``."""


class ShapeError(Exception):
    """A value does not fit its shape. Carries the path, what was expected and what was found."""

    def __init__(self, expected: str, found: Any) -> None:
        super().__init__(expected)
        self.expected = expected
        self.found = found
        self.steps: list[str] = []
        """Path from the inside out; containers append while the error passes through them."""

    @property
    def path(self) -> str:
        """For example ``lines[3].amount_fen``; empty for the whole value."""
        return "".join(reversed(self.steps)).lstrip(".")

    def found_public(self) -> str:
        """What was found without saying it: type and size. For values about persons."""
        return describe_kind(self.found)

    def found_exact(self) -> str:
        """What was found, shortened. For arguments, which are public anyway."""
        if isinstance(self.found, bool | int | str) or self.found is None:
            text = repr(self.found)
            return text if len(text) <= 80 else text[:77] + "..."
        return describe_kind(self.found)

    def __str__(self) -> str:
        return f"{self.path or 'value'}: expected {self.expected}, found {self.found_exact()}"


def describe_kind(value: Any) -> str:
    """Type and size of a plain value in words, never its content."""
    if value is MISSING:
        return "nothing"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a bool"
    if isinstance(value, int):
        return "an integer"
    if isinstance(value, str):
        return f"text of {len(value)} characters"
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return f"a map of {len(value)}"
    return "a value that is not plain"


class _Missing:
    def __repr__(self) -> str:
        return "nothing"


MISSING: Any = _Missing()


class Shape(ABC):
    """What a value must look like. Shapes are immutable and know nothing of where they are used."""

    __slots__ = ()

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """As plain data, for documentation and the command line: at least ``type``."""

    @abstractmethod
    def compile(self) -> Check:
        """The closure that checks one value."""

    def __str__(self) -> str:
        return str(self.describe()["type"])
