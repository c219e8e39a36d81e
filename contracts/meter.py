"""The price list of the policy language, the counter, and the errors that end a run.

Units are ours: one unit is roughly one small step of the interpreter. They depend on the policy's
source and its input only, never on CPython's lines, opcodes or speed (LESSONS.md 28), so all
validators stop the same run at the same step.

A block of statements is paid for when it is entered, at a price known when the policy is compiled:
every node in it costs its unit, both arms of ``a if c else b`` and all parts of ``and`` and ``or``
included. What grows with its operands (joined lists and texts, comparisons, loops) is paid for as
it happens.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

BUDGET_DEFAULT = 200_000
"""Units of one run. A banded policy needs about two hundred; the rest is for loops over lines."""
BUDGET_CONSTANTS = 50_000
"""Units for all constants of the outer level, spent once when the policy is deployed."""

PRICE_NODE = 1
PRICE_CALL = 6
PRICE_ITEM = 1
PRICE_COMPARED = 4
PRICE_TEXT = 1
TEXT_UNIT = 16
"""Characters of text that cost ``PRICE_TEXT``."""

PRICES: tuple[tuple[str, int, str], ...] = (
    ("statement, or part of an expression", PRICE_NODE, "when its block is entered"),
    ("call of an own function", PRICE_CALL, "besides what its body costs"),
    ("pass of a loop", PRICE_ITEM, "besides what its body costs"),
    ("item of a list that is joined, cut or walked over", PRICE_ITEM, "as it happens"),
    ("item of a list or map that is compared or searched", PRICE_COMPARED, "as it happens"),
    ("list, map, item or entry of a constant", PRICE_ITEM, "when the policy is deployed"),
    (f"{TEXT_UNIT} characters that are joined, cut or searched", PRICE_TEXT, "as it happens"),
)
"""What is paid, how many units, when. Functions have prices of their own."""


class PolicyError(Exception):
    """A run that ended without an answer. The call that asked for it is refused."""

    code: str
    values: dict[str, Any]
    used: int = 0
    """Units that the run had used when it ended."""


class OutOfBudget(PolicyError):  # noqa: N818  (the receipt's own word for the outcome)
    """The run used up its budget."""

    def __init__(self, budget: int) -> None:
        super().__init__(f"more than {budget} units")
        self.code = "policy.out-of-budget"
        self.budget = budget
        self.values = {"budget": budget}


class PolicyFault(PolicyError):  # noqa: N818  (a fault of the policy, not of the engine)
    """The policy did something that has no result: divided by zero, took an absent key ...

    ``values`` go into the receipt, so they hold the fault, its place in the source and limits,
    never values of the case. ``detail`` is for the author's own screen.
    """

    def __init__(
        self,
        fault: str,
        line: int,
        column: int,
        values: Mapping[str, Any] | None = None,
        detail: str = "",
    ) -> None:
        super().__init__(f"{line}:{column}: {fault}" + (f": {detail}" if detail else ""))
        # A policy that says no on purpose is not broken, and a clerk does something else about it.
        self.code = "policy.refuses" if fault.startswith("fail:") else "policy.fault"
        self.fault = fault
        self.line = line
        self.column = column
        self.detail = detail
        self.values = {"fault": fault, "line": line, "column": column} | dict(values or {})


class Meter:
    """What one run may still spend. ``left`` is lowered in place by the interpreter's closures."""

    __slots__ = ("budget", "host", "left")

    def __init__(self, budget: int, host: object = None) -> None:
        self.budget = budget
        self.left = budget
        self.host = host
        """Handed to functions that keep something during the run, such as steps."""

    @property
    def used(self) -> int:
        """Units spent so far, at most the budget."""
        return self.budget - max(self.left, 0)

    def charge(self, units: int) -> None:
        """Spend; raises ``OutOfBudget`` when there is not enough."""
        self.left -= units
        if self.left < 0:
            raise OutOfBudget(self.budget)

    def charge_text(self, characters: int) -> None:
        """Spend for text of this length."""
        self.charge(characters // TEXT_UNIT * PRICE_TEXT)
