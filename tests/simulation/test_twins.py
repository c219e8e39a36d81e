"""Twins in the test command: some scenarios, the enumeration, and bugs that they must find."""

from __future__ import annotations

from collections import Counter

import pytest

from consensus.errors import ConsensusError
from tests.consensus import mutants
from tests.consensus.checker import Violation
from tests.simulation.twins import ENUMERATED, run_scenario, scenario

KILLED_BY = {
    "small_quorum": 0, "hash_not_counted": 256, "views_merged": 304, "votes_after_leaving": 5_001,
}  # fmt: skip
"""Scenarios that kill planted bugs of ``tests.consensus.mutants``."""


@pytest.mark.parametrize("first", [7, ENUMERATED + 3])
def test_twins_cost_nobody_else(first: int) -> None:
    seen: Counter[str] = Counter()
    for number in range(first, first + 60 * 5, 5):
        seen.update(run_scenario(number).checker.seen)
    assert {"E1", "E2", "E4", "E5"} <= seen.keys(), "they equivocate, forget, and are convicted"


def test_the_enumerated_scenarios_are_all_different() -> None:
    told = {scenario(number).tell() for number in range(ENUMERATED)}
    assert len(told) == ENUMERATED
    assert {scenario(number).members for number in range(ENUMERATED, ENUMERATED + 40)} == {4, 7}


def is_killed(number: int) -> bool:
    try:
        run_scenario(number)
    except (Violation, ConsensusError, AssertionError):
        return True
    return False


@pytest.mark.parametrize("name", KILLED_BY)
def test_twins_find_planted_bugs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_killed(KILLED_BY[name])
    getattr(mutants, name)(monkeypatch)
    assert is_killed(KILLED_BY[name])
