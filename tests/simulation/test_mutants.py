"""The simulator sees: each planted bug of the node is killed by the run that is stored for it.

``killers.json``: by the bug's number the options of a run and the invariant that breaks. The same
runs hold with the product as it is.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from consensus import Verdict
from node.execution.blocks import BlockResult
from node.service.received import ReceivedBlocks
from tests.simulation import strategies
from tests.simulation.mutants_node import MUTANTS, believe_grants, planted
from tests.simulation.options import Options
from tests.simulation.run import run_seed

ROOT = Path(__file__).parents[2]
STORED: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parent / "killers.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", STORED)
def test_a_stored_run_kills(name: str) -> None:
    options = Options.from_plain(STORED[name]["options"])
    unharmed = run_seed(options)
    assert unharmed.ok, unharmed.sentence()
    with planted(name):
        outcome = run_seed(options)
    assert outcome.violation is not None, f"{name} lives"
    assert outcome.violation.invariant == STORED[name]["expect"], outcome.sentence()


def test_a_diff_is_not_voted_for_even_where_grants_are_believed() -> None:
    """Of the two locks of D163 and D170 the second holds alone: a liar makes money from nothing,
    members follow its diff, and none of them votes for it."""
    options = Options.from_plain(STORED["grants-believed"]["options"])
    verdicts, right = Counter[Verdict](), ReceivedBlocks._verdict

    def verdict(self: ReceivedBlocks, result: BlockResult, fresh: bool) -> Verdict:
        verdicts[found := right(self, result, fresh)] += 1
        return found

    with pytest.MonkeyPatch.context() as patch:
        believe_grants(patch)
        patch.setattr(ReceivedBlocks, "_verdict", verdict)
        outcome = run_seed(options)
    assert outcome.ok, outcome.sentence()
    assert outcome.points["withheld.money-from-nothing"]
    assert verdicts[Verdict.APPLIED]


def test_what_is_stored_is_planted_and_what_is_planted_is_stored() -> None:
    """But for the canary, which has a test of its own."""
    assert STORED.keys() == MUTANTS.keys() - {"M17"}
    liars = {name for one in STORED.values() for name in one["options"]["strategies"]}
    assert liars <= set(strategies.NAMES)


PAGE = ROOT / "docs" / "consensus-tests.md"
FILE = re.compile(r"`(tests/[\w/]+\.py)`")
BUG = re.compile(r"`([\w-]+)`")


@pytest.mark.parametrize("rule", [f"I{number}" for number in range(1, 36)])
def test_every_invariant_is_looked_at_and_something_breaks_it(rule: str) -> None:
    """What the page names: files that raise it, and a stored run or a test that is about it."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    [row] = [line for line in lines if line.startswith(f"| {rule} |")]
    _, _, _, files, broken, _ = row.split("|")
    for file in FILE.findall(files):
        assert f'"{rule}"' in (ROOT / file).read_text(encoding="utf-8"), file
    named = [name for name in BUG.findall(broken) if name in MUTANTS]
    assert named or "::test_" in broken
    assert {STORED[name]["expect"] for name in named if name != "M17"} <= {rule}
