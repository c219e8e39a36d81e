"""The harness sees: every planted bug is found, by chance or by the story that was made for it."""

from __future__ import annotations

from contextlib import suppress

import pytest

from consensus.errors import ConsensusError
from tests.consensus.checker import Violation
from tests.consensus.mutants import BY_CHANCE, BY_SCENARIO, Mutant
from tests.consensus.test_scenarios import FOLDER, play
from tests.consensus.weather import run_liars

SEEDS_MAX = 150

KILLED_BY = {
    "prepared_ignored": 16, "certificates_unchecked": 3, "votes_after_leaving": 0,
    "small_quorum": 0, "hash_not_counted": 7, "views_merged": 0, "last_vote_forgotten": 22,
    "prepared_forgotten": 13, "view_forgotten": 4, "vote_before_disk": 0, "no_retransmission": 12,
    "old_set_goes_on": 0, "entered_by_few": 5,
}  # fmt: skip
"""The seed that kills each; tried first, then the others in order."""


def is_killed(seed: int) -> bool:
    try:
        run_liars(seed)
    except (Violation, ConsensusError, AssertionError):
        return True
    return False


@pytest.mark.parametrize("mutant", BY_CHANCE, ids=lambda mutant: mutant.__name__)
def test_a_seed_kills(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    first = KILLED_BY[mutant.__name__]
    assert not is_killed(first), "the seed must be innocent"
    mutant(monkeypatch)
    assert any(is_killed(seed) for seed in (first, *range(SEEDS_MAX)))


@pytest.mark.parametrize("name", BY_SCENARIO)
def test_a_story_kills(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told = (FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    assert play(told) == told, "the story must be true"
    BY_SCENARIO[name](monkeypatch)
    with suppress(Violation):
        assert play(told) != told
