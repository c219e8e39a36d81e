"""The simulator sees: each planted bug of the node is killed by the run that is stored for it.

``killers.json``: by the bug's number the options of a run and the invariant that breaks. The same
runs hold with the product as it is.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.simulation import strategies
from tests.simulation.mutants_node import MUTANTS, planted
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


def test_what_is_stored_is_planted() -> None:
    assert STORED.keys() <= MUTANTS.keys()
    liars = {name for one in STORED.values() for name in one["options"]["strategies"]}
    assert liars <= set(strategies.NAMES)
