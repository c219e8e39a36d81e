"""The price list of the policy language, and the errors that end a run.

Units are ours: one unit is roughly one small step of the interpreter. They depend on the policy's
source and its input only, never on CPython's lines, opcodes or speed (LESSONS.md 28), so all
validators stop the same run at the same step.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

BUDGET_DEFAULT = 200_000
"""Units of one run. A banded policy needs about a hundred; the rest is for loops over lines."""


class PolicyError(Exception):
    """A run that ended without an answer. The call that asked for it is refused."""

    code: str
    values: dict[str, Any]


class OutOfBudget(PolicyError):  # noqa: N818  (the receipt's own word for the outcome)
    """The run used up its budget."""

    def __init__(self, budget: int) -> None:
        super().__init__(f"more than {budget} units")
        self.code = "policy.out-of-budget"
        self.values = {"budget": budget}


class PolicyFault(PolicyError):  # noqa: N818  (a fault of the policy, not of the engine)
    """The policy did something that has no result: divided by zero, took an absent key ...

    ``values`` go into the receipt, so they hold the rule, the place in the source and limits, never
    values of the case. ``detail`` is for the author's own screen.
    """

    def __init__(
        self, fault: str, line: int, column: int, values: Mapping[str, Any], detail: str = ""
    ) -> None:
        super().__init__(f"line {line}, column {column}: {fault} {detail}".rstrip())
        self.code = "policy.fault"
        self.fault = fault
        self.line = line
        self.column = column
        self.detail = detail
        self.values = {"fault": fault, "line": line, "column": column, **values}
