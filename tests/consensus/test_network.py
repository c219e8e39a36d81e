"""Seeds: crashes, cuts, losses, liars, members that come and go; then everything heals.

Each seed checks agreement, chain, certificates, single execution, the local rules of signing,
innocence of the correct, bounds of memory, and that everything submitted is ordered afterwards.
More of them: ``python -m tests.consensus.campaign 0 10000``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from consensus.messages import Kind
from tests.consensus.harness import Options, World
from tests.consensus.weather import run_crashes, run_liars

BATCH = 20

VOTES = (Kind.PREPARE, Kind.COMMIT)


@pytest.mark.parametrize("first", range(0, 80, BATCH))
def test_correct_members_in_bad_weather(first: int) -> None:
    for seed in range(first, first + BATCH):
        world = run_crashes(seed)
        assert not world.checker.seen, "nobody lies here: nothing is refused, nobody accused"


@pytest.mark.parametrize("first", range(0, 120, BATCH))
def test_f_liars(first: int) -> None:
    for seed in range(first, first + BATCH):
        run_liars(seed)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 13, 31])
def test_i24_messages_of_a_block_are_what_pbft_must_send(n: int) -> None:
    world = World(n, Options(n=n, chaos_ms=0, base_ms=2_000))
    world.start()
    world.run(50)
    for number in range(3):
        before = world.kinds.copy()
        world.submit(f"t{number}")
        assert world.run(world.now + 500, lambda: world.is_settled())
        spent = {kind: world.kinds[kind] - before[kind] for kind in (Kind.PROPOSE, *VOTES)}
        # PRE-PREPARE of one to all others, PREPARE and COMMIT of each to all others.
        assert spent[Kind.PROPOSE] == n - 1
        assert all(spent[kind] <= n * (n - 1) for kind in VOTES)
        world.run(world.now + 50)
    states = [node.replica.state for node in world.nodes.values() if node.replica is not None]
    assert {(state.view, state.head.height) for state in states} == {(0, 3)}


def test_i35_an_idle_network_is_quiet() -> None:
    world = World(1, Options(n=4))
    world.start()
    world.submit("t")
    world.run(10_000)
    world.kinds.clear()
    world.run(20_000)
    rounds = 10_000 // world.timing.idle_status_ms + 1
    assert set(world.kinds) == {None}, "STATUS and nothing else"
    assert world.kinds[None] <= 4 * 3 * rounds


FINGERPRINT = """
import hashlib
from tests.consensus.weather import run_liars
world = run_liars({seed})
told = repr((world.now, world.events, list(world.checker.signed.items()), world.checker.chain))
print(hashlib.sha256(told.encode()).hexdigest())
"""


def fingerprint(seed: int, hash_seed: str) -> str:
    root = Path(__file__).resolve().parent.parent.parent
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(root)}
    script = FINGERPRINT.format(seed=seed)
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True, text=True, check=True, cwd=root, env=environment,
    )  # fmt: skip
    return done.stdout


def test_the_same_seed_is_the_same_story_under_any_hash_seed() -> None:
    stories = {fingerprint(5, hash_seed) for hash_seed in ("0", "1", "77")}
    assert len(stories) == 1
    assert stories != {fingerprint(6, "0")}
