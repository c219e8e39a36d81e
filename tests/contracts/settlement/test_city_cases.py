"""Published rules of cities on made-up bills, each figure worked out by hand in the case's note.

The note of a case holds one line ``name = arithmetic`` for each expected figure. It is computed
here with exact fractions, each name rounded half up to the fen, by a reader of four operations that
knows nothing of the engine. So three must agree: the hand, the file, and the policy.
"""

from __future__ import annotations

import ast
import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from contracts.settlement.adjudicate import adjudicate
from contracts.settlement.case import normalise
from contracts.settlement.case_expected import read_expected, read_figure
from contracts.settlement.policy_program import PolicyProgram
from contracts.settlement.policy_trial import try_policy

CASES = Path(__file__).resolve().parents[2] / "cases"
DOCUMENTS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text("utf-8")) for path in sorted(CASES.glob("city-*.json"))
}
POLICIES = sorted((CASES / "policies").glob("city_*.py"))


def by_hand(text: str, known: dict[str, Fraction]) -> Fraction:
    """The value of a line's arithmetic in yuan: numbers, percents, names, + - *, min and max."""
    text = re.sub(r"([0-9.]+)%", r"(\1 * 0.01)", text)

    def value(node: ast.expr) -> Fraction:
        if isinstance(node, ast.Constant):
            return Fraction(ast.get_source_segment(text, node) or "")
        if isinstance(node, ast.Name):
            return known[node.id]
        if isinstance(node, ast.BinOp):
            left, right = value(node.left), value(node.right)
            if isinstance(node.op, ast.Mult):
                return left * right
            return left + right if isinstance(node.op, ast.Add) else left - right
        assert isinstance(node, ast.Call), ast.dump(node)
        assert isinstance(node.func, ast.Name), ast.dump(node)
        chosen = {"min": min, "max": max}[node.func.id]
        return chosen(value(argument) for argument in node.args)

    return value(ast.parse(text, mode="eval").body)


def figures_of(note: str) -> dict[str, int]:
    """Fen of every name of a note; the first line says what the case shows."""
    known: dict[str, Fraction] = {}
    for line in note.splitlines()[1:]:
        name, text = line.split(" = ", 1)
        known[name] = Fraction((by_hand(text, known) * 100 + Fraction(1, 2)).__floor__(), 100)
    return {name: int(amount * 100) for name, amount in known.items()}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_hand_file_and_policy_agree_to_the_fen(name: str) -> None:
    document = DOCUMENTS[name]
    expected = {e.name: e for e in read_expected(document)}
    hand = figures_of(document["note"])
    assert hand.keys() >= expected.keys(), "a figure that nobody worked out"
    program = PolicyProgram((CASES / document["policy"]).read_text("utf-8"))
    case = normalise(document)
    decision = adjudicate(case, program)
    got = {key: read_figure(e.meaning, decision, case) for key, e in expected.items()}
    assert got == {key: e.fen for key, e in expected.items()}
    assert got == {key: hand[key] for key in expected}
    decision.check()


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_every_city_policy_is_short_used_and_survives_the_trial(path: Path) -> None:
    source = path.read_text("utf-8")
    assert try_policy(PolicyProgram(source), "310", "990100") > 0
    used = [d for d in DOCUMENTS.values() if d["policy"] == f"policies/{path.name}"]
    assert len(used) >= 3
    assert all(d["id"].startswith(path.stem.replace("_", "-")) for d in used)
    assert len([line for line in source.splitlines() if line.strip()]) < 40
    assert "Source:" in source
    assert "Example only: not legal advice" in source


def test_the_files_say_their_own_names() -> None:
    assert {name: document["id"] for name, document in DOCUMENTS.items()} == {
        n: n for n in DOCUMENTS
    }


def test_a_planted_slip_is_found() -> None:
    """A band of Weinan's table moved by 10,000 changes the figure that the hand worked out."""
    document = DOCUMENTS["city-weinan-resident-3"]
    source = (CASES / document["policy"]).read_text("utf-8")
    wrong = PolicyProgram(source.replace("yuan(100000)", "yuan(110000)"))
    decision = adjudicate(normalise(document), wrong)
    assert decision.fund_fen("390200") != figures_of(document["note"])["critical"]
