"""Expectations in a case file: a published example is a test that anyone can run.

``expected`` names figures and what they are of the decision; where a source prints another figure
than its own policy gives, ``printed_fen`` keeps it beside the right one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from contracts.settlement.case import CaseError
from contracts.settlement.decision import Decision
from contracts.settlement.terms import FUNDS

_KEYS = ("fen", "is", "printed_fen")


@dataclass(frozen=True, slots=True)
class Expectation:
    """One figure of a case file."""

    name: str
    """As the source calls it."""
    fen: int
    meaning: str
    """What it is of the decision: see ``read_figure``."""
    printed_fen: int | None
    """What the source prints, where that does not follow from its own policy."""


def read_expected(document: Any) -> tuple[Expectation, ...]:
    """The expectations of a case file, none where it has none. Raises ``CaseError``."""
    rows = document.get("expected", {}) if isinstance(document, dict) else {}
    if not isinstance(rows, dict):
        raise CaseError("expected", "want an object")
    result = []
    for name, row in rows.items():
        path = f"expected.{name}"
        if not isinstance(row, dict) or not {"fen", "is"} <= {*row} <= {*_KEYS}:
            raise CaseError(path, "want fen, is and perhaps printed_fen")
        if type(row["fen"]) is not int or type(row.get("printed_fen", 0)) is not int:
            raise CaseError(path, "want whole numbers of fen")
        if not isinstance(row["is"], str):
            raise CaseError(f"{path}.is", "want a text")
        result.append(Expectation(name, row["fen"], row["is"], row.get("printed_fen")))
    return tuple(result)


def read_figure(meaning: str, decision: Decision, case: dict[str, Any]) -> int:
    """The figure of a decision that a text names. Raises ``CaseError`` for an unknown one.

    ``funds_fen`` and every other amount of the answer by its key; ``fund 390200`` what a fund pays
    now; ``why critical`` the payments with that code; ``step critical_base`` the result of a step;
    ``counter name`` its value afterwards; ``account_left`` the account's balance afterwards.
    """
    word, _, name = meaning.partition(" ")
    answer = decision.to_json()
    if not name and word.endswith("_fen") and isinstance(answer.get(word), int):
        return int(answer[word])
    if meaning == "account_left":
        own = decision.account_fen - decision.family_fen
        return int(case["account_balance_fen"]) - own
    if word == "fund" and name:
        if name not in FUNDS:
            raise CaseError(f"expected: {meaning}", "not in the table of funds")
        return decision.fund_fen(name)
    if word == "why" and name:
        return sum(p.amount_fen for p in decision.payments if p.why == name)
    if word == "counter" and name in answer["counters"]:
        return int(answer["counters"][name])
    if word == "step":
        try:
            return decision.step_fen(name)
        except KeyError:
            there = ", ".join(sorted({step["code"] for step in decision.steps})) or "none"
            raise CaseError(
                f"expected: {meaning}", f"the policy recorded no such step; there are: {there}"
            ) from None
    if word == "counter" and name:
        there = ", ".join(sorted(answer["counters"])) or "none"
        raise CaseError(f"expected: {meaning}", f"no such counter; there are: {there}")
    raise CaseError(
        f"expected: {meaning}",
        "no such figure of a decision; write a key that ends in _fen, or fund, why, step, counter "
        "with a name, or account_left",
    )
