"""Every liar alone among four: nobody else pays, and what can be proved of it is proved (I19)."""

from __future__ import annotations

import pytest

from tests.simulation import strategies
from tests.simulation.options import Options
from tests.simulation.run import Outcome, run_seed


def options_with(name: str, seed: int) -> Options:
    """Three correct members and this liar, a crash and bad links."""
    return Options(
        seed, strategies=(name,), families=("crash", "one-way"), chaos_ms=5_000, every_ms=250,
        faults=4, base_ms=500, cap_ms=4_000,
    )  # fmt: skip


def tell(name: str, seed: int) -> Outcome:
    outcome = run_seed(options_with(name, seed))
    assert outcome.ok, outcome.sentence()
    return outcome


def test_all_strategies_are_there() -> None:
    assert [f"S{n}" for n in range(1, 36)] == list(strategies.NAMES)


SEEDS = range(1, 9)
PROVED = {
    "S3": "E2", "S4": "E3", "S5": "E5", "S7": "E4", "S8": "E4", "S10": "E5", "S29": "E2",
}  # fmt: skip
"""The evidence that comes of a lie which two correct members hear."""


@pytest.mark.parametrize("name", PROVED)
def test_what_is_heard_twice_differently_is_proved_and_told_to_all(name: str) -> None:
    kind = f"evidence.{PROVED[name]}"
    outcome = next(one for one in (tell(name, seed) for seed in SEEDS) if one.points[kind])
    assert outcome.points["evidence.kept"] >= 3, "all correct members keep the proof"


@pytest.mark.parametrize("name", ["S11", "S18", "S21", "S23", "S32"])
def test_what_no_correct_member_sends_costs_its_sender_the_connection(name: str) -> None:
    assert tell(name, 3).points["peer.fault"]
