"""The harness sees: every planted bug is found, by chance or by the story that was made for it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest

from consensus.errors import ConsensusError
from tests.consensus import (
    mutants,
    test_changing,
    test_ordering,
    test_pacemaker,
    test_replica_time,
    test_slot,
)
from tests.consensus.checker import Violation
from tests.consensus.mutants import BY_CHANCE, BY_SCENARIO, Mutant
from tests.consensus.test_scenarios import FOLDER, play
from tests.consensus.weather import run_liars

SEEDS_MAX = 150

KILLED_BY = {
    "prepared_ignored": 16, "certificates_unchecked": 3, "votes_after_leaving": 0,
    "small_quorum": 0, "hash_not_counted": 7, "views_merged": 0, "last_vote_forgotten": 22,
    "prepared_forgotten": 13, "view_forgotten": 4, "vote_before_disk": 0, "no_retransmission": 12,
    "old_set_goes_on": 0, "entered_by_few": 5, "signatures_counted": 3, "second_proposal_taken": 0,
    "epoch_goes_on": 0, "restarted_accused": 0,
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


BY_TEST: dict[str, Callable[[], None]] = {
    "new_views_believed": test_changing.test_a_bad_new_view_is_refused_and_moves_nobody,
    "parent_unchecked": test_ordering.test_a_block_on_another_parent_is_not_executed,
    "timer_uncapped":
        test_pacemaker.test_b28_timers_double_up_to_the_cap_and_come_down_by_one_a_block,
    "nobody_amplifies": test_changing.test_one_wish_is_nothing_two_are_taken_over_three_enter,
    "censor_timer_off":
        test_replica_time.test_b34_a_primary_that_passes_one_over_is_left_though_it_orders_others,
    "stale_timer_fires":
        test_replica_time.test_b3_a_deadline_that_a_block_has_overtaken_does_not_fire,
    "future_unbounded": test_slot.test_i20_a_flood_grows_nothing_and_spares_the_current_view,
}  # fmt: skip
"""Bugs that neither chance nor a story meets soon: the test that was made for each."""


@pytest.mark.parametrize("name", BY_TEST)
def test_a_directed_test_kills(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    BY_TEST[name]()
    getattr(mutants, name)(monkeypatch)
    with pytest.raises((AssertionError, Violation, ConsensusError)):
        BY_TEST[name]()


def test_every_planted_bug_has_a_killer() -> None:
    planted = {name for name, made in vars(mutants).items() if (made.__doc__ or "")[:1] == "M"}
    killed = {mutant.__name__ for mutant in (*BY_CHANCE, *BY_SCENARIO.values())}
    assert {name for name in planted if getattr(mutants, name).__module__ == mutants.__name__} == (
        killed | BY_TEST.keys()
    )
