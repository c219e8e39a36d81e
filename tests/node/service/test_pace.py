"""Blocks shrink where the network cannot follow, and grow again."""

from __future__ import annotations

from node.service.pace import BLOCK_MS_AIM, CALLS_FIRST, CALLS_LEAST, Pace


def took(pace: Pace, calls: int, ms: int) -> None:
    pace.begin(5_000)
    assert pace.committed(calls, 5_000 + ms) == ms


def warm(calls_max: int) -> Pace:
    """One that has grown to all that is configured."""
    pace = Pace(calls_max)
    while pace.calls_aim < calls_max:
        took(pace, pace.calls_aim, 1)
    return pace


def test_a_node_begins_with_small_blocks() -> None:
    """Nobody knows yet what the others can do: a first block of full size may cost the view."""
    assert Pace(256).calls_aim == CALLS_FIRST
    assert Pace(8).calls_aim == 8


def test_slow_blocks_shrink_to_what_fits_and_never_below_the_least() -> None:
    pace = warm(256)
    took(pace, 256, BLOCK_MS_AIM)
    assert pace.calls_aim == 256
    took(pace, 256, BLOCK_MS_AIM * 4 // 3)
    assert pace.calls_aim == 192
    # One block that met a partition says little: at most half is taken off.
    took(pace, 192, 60_000)
    assert pace.calls_aim == 96
    for _ in range(5):
        took(pace, pace.calls_aim, 60_000)
    assert pace.calls_aim == CALLS_LEAST


def test_a_slow_small_block_does_not_make_blocks_larger() -> None:
    pace = warm(256)
    took(pace, 256, 4 * BLOCK_MS_AIM)
    assert pace.calls_aim == 128
    took(pace, 200, BLOCK_MS_AIM + 1)
    assert pace.calls_aim == 128


def test_full_blocks_in_good_time_grow_up_to_the_configured_aim() -> None:
    pace = warm(256)
    took(pace, 256, 60_000)
    took(pace, 1, 1)
    assert pace.calls_aim == 128, "a block that was not full says nothing of a larger one"
    sizes = []
    for _ in range(8):
        took(pace, pace.calls_aim, BLOCK_MS_AIM)
        sizes.append(pace.calls_aim)
    assert sizes == [144, 162, 182, 204, 229, 256, 256, 256]


def test_a_configured_aim_below_the_least_stays() -> None:
    pace = Pace(8)
    took(pace, 8, 60_000)
    assert pace.calls_aim == 8
