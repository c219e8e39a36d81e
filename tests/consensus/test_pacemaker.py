"""Wishes and timers: B16, B23 (FISCO-BCOS #2211), B28 (besu #7642), B29 (harmony #3419)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from consensus.messages import NUMBER_LIMIT
from consensus.pacemaker import VIEW_JUMP_LIMIT, Pacemaker, Timing
from tests.consensus.values import FOUR

TIMING = Timing(base_ms=1_000, cap_ms=8_000)


def heard(*views: int) -> Pacemaker:
    pacemaker = Pacemaker(TIMING)
    for sender, view in enumerate(views):
        pacemaker.hear(sender, view)
    return pacemaker


def test_f_plus_1_amplify_and_a_quorum_enters() -> None:
    assert heard(5).amplified(FOUR) == 0
    assert heard(5, 3).amplified(FOUR) == 3
    assert heard(5, 3).agreed(FOUR) == 0
    assert heard(5, 3, 2).agreed(FOUR) == 2
    assert heard(5, 3, 2, 9).agreed(FOUR) == 3


@given(st.lists(st.integers(0, 2**63 - 1), min_size=3, max_size=3), st.integers(0, 2**63 - 1))
def test_b23_one_liar_moves_nobody(correct: list[int], lie: int) -> None:
    pacemaker = heard(*correct, lie)
    assert pacemaker.amplified(FOUR) <= max(correct)
    assert pacemaker.agreed(FOUR) <= sorted(correct)[1]
    assert pacemaker.agreed(FOUR) >= min(*correct, max(lie, min(correct)))


def test_only_the_highest_wish_of_a_member_counts() -> None:
    pacemaker = heard(1, 1)
    for view in (7, 2, 5):
        pacemaker.hear(0, view)
    assert pacemaker.amplified(FOUR) == 1
    pacemaker.hear(1, 6)
    assert pacemaker.amplified(FOUR) == 6


def test_b23_views_that_nobody_can_be_in() -> None:
    pacemaker = Pacemaker(TIMING)
    assert pacemaker.is_plausible(VIEW_JUMP_LIMIT, 0)
    assert not pacemaker.is_plausible(VIEW_JUMP_LIMIT + 1, 0)
    assert not pacemaker.is_plausible(-1, 0)
    assert pacemaker.is_plausible(VIEW_JUMP_LIMIT + 7, 7)
    assert not pacemaker.is_plausible(VIEW_JUMP_LIMIT + 8, 7)
    pacemaker.hear(0, NUMBER_LIMIT - 1)
    assert not pacemaker.is_plausible(NUMBER_LIMIT, 0)


def test_b28_timers_double_up_to_the_cap_and_come_down_by_one_a_block() -> None:
    pacemaker = Pacemaker(TIMING)
    seen = []
    for view in range(1, 100):
        pacemaker.entered(view, 0)
        seen.append(pacemaker.timeout_ms())
    assert seen[:4] == [2_000, 4_000, 8_000, 8_000]
    assert max(seen) == TIMING.cap_ms
    for _ in range(97):
        pacemaker.progressed()
    assert [pacemaker.entries, pacemaker.timeout_ms()] == [2, 4_000]
    pacemaker.progressed()
    pacemaker.progressed()
    pacemaker.progressed()
    assert pacemaker.timeout_ms() == TIMING.base_ms


def test_the_deadline_runs_while_something_is_waited_for() -> None:
    pacemaker = Pacemaker(TIMING)
    assert not pacemaker.watch(False, 0)
    assert pacemaker.deadline is None
    assert not pacemaker.watch(True, 500)
    assert not pacemaker.watch(True, 1_499)
    assert pacemaker.watch(True, 1_500), "expired once"
    assert not pacemaker.watch(True, 1_501), "and set again"
    assert not pacemaker.watch(False, 9_999)
    assert not pacemaker.watch(True, 10_000), "idle time does not count"
    pacemaker.progressed()
    assert not pacemaker.watch(True, 11_500), "a block starts it anew"


def test_a_view_has_all_its_time_from_when_it_is_entered() -> None:
    pacemaker = Pacemaker(TIMING)
    assert not pacemaker.watch(True, 0)
    assert pacemaker.watch(True, 1_000), "the deadline of the view that is left is set again"
    pacemaker.entered(1, 1_900)
    assert not pacemaker.watch(True, 3_899)
    assert pacemaker.watch(True, 3_900)


def test_a_primary_is_not_accused_of_what_was_before_its_view() -> None:
    pacemaker = Pacemaker(TIMING)
    assert pacemaker.censor_deadline_ms(None) is None
    assert pacemaker.censor_deadline_ms(100) == 100 + 5 * 1_000
    pacemaker.entered(1, 60_000)
    assert pacemaker.censor_deadline_ms(100) == 60_000 + 5 * 2_000
