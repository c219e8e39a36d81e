"""A life as a table: (state, action) gives the next state, an empty cell refuses.

Claims, reimbursements and whatever else goes through states share this walk and the diagram that
the documents show; the tables themselves stand with the things that live by them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Generic, TypeVar

from contracts.api import Value, reject

START = ""
"""The state of an id that nobody has used."""

StateT = TypeVar("StateT", bound=StrEnum)
ActionT = TypeVar("ActionT", bound=StrEnum)


class Life(Generic[StateT, ActionT]):
    """A table of steps with the code that an impossible step is refused with."""

    __slots__ = ("_code", "_states", "_table", "_words")

    def __init__(
        self,
        table: Mapping[tuple[str, ActionT], StateT],
        states: type[StateT],
        code: str,
        words: tuple[str, str] = ("state", "action"),
    ) -> None:
        """``words``: the names under which a refusal gives state and action."""
        self._table = table
        self._states = states
        self._code = code
        self._words = words

    def follow(self, state: str, action: ActionT, **thing: Value) -> StateT:
        """The state after ``action``. Refuses with the table's code, state and action.

        ``thing``: which one it is, for the refusal.
        """
        after = self._table.get((state, action))
        if after is None:
            told = {self._words[0]: str(state), self._words[1]: action.value}
            reject(self._code, **thing, **told)
        return after

    def mermaid(self) -> str:
        """The table as a Mermaid state diagram."""
        rows = ["stateDiagram-v2"]
        for (before, action), after in self._table.items():
            rows.append(f"    {before or '[*]'} --> {after.value}: {action.value}")
        left = {before for before, _ in self._table}
        rows += [f"    {state.value} --> [*]" for state in self._states if state not in left]
        return "\n".join(rows) + "\n"
