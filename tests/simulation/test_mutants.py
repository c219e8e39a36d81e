"""The simulator sees: each planted bug of the node is killed by the run that is stored for it.

``killers.json``: by the bug's number the options of a run and the invariant that breaks. The same
runs hold with the product as it is.
"""

from __future__ import annotations

import json
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


def test_what_is_stored_is_planted() -> None:
    assert STORED.keys() <= MUTANTS.keys()
    liars = {name for one in STORED.values() for name in one["options"]["strategies"]}
    assert liars <= set(strategies.NAMES)
