"""Seeds: crashes, cuts, losses, liars, members that come and go; then everything heals.

Each seed checks agreement, chain, certificates, single execution, the local rules of signing,
innocence of the correct, bounds of memory, and that everything submitted is ordered afterwards.
More of them: ``python -m tests.consensus.campaign 0 10000``.
"""

from __future__ import annotations

import pytest

from tests.consensus.weather import run_crashes, run_liars

BATCH = 20


@pytest.mark.parametrize("first", range(0, 80, BATCH))
def test_correct_members_in_bad_weather(first: int) -> None:
    for seed in range(first, first + BATCH):
        world = run_crashes(seed)
        assert not world.checker.seen, "nobody lies here: nothing is refused, nobody accused"


@pytest.mark.parametrize("first", range(0, 120, BATCH))
def test_f_liars(first: int) -> None:
    for seed in range(first, first + BATCH):
        run_liars(seed)


def test_a_quiet_network_stays_in_view_0_and_sends_what_pbft_must() -> None:
    from tests.consensus.harness import Options, World

    world = World(1, Options(n=4, chaos_ms=2_000, base_ms=2_000))
    world.start()
    world.chaos()
    world.heal()
    states = [node.replica.state for node in world.nodes.values() if node.replica is not None]
    assert {state.view for state in states} == {0}
    blocks = states[0].head.height
    # PRE-PREPARE to 3, PREPARE and COMMIT to 3 by each of 4: 27 messages a block, and some STATUS.
    assert blocks >= 40
    assert world.sent <= blocks * 27 + 4 * 3 * (world.now // world.timing.status_ms + 2) * 2


def test_the_same_seed_is_the_same_story() -> None:
    one, other = run_liars(5), run_liars(5)
    assert (one.now, one.events, one.describe()) == (other.now, other.events, other.describe())
    assert one.checker.chain == other.checker.chain
