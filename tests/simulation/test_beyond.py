"""More liars than the set can bear: the fork is there, and it is seen."""

from __future__ import annotations

import pytest

from consensus import ordering
from tests.simulation import strategies
from tests.simulation.beyond import Aftermath, look_on
from tests.simulation.options import Options

FORKS = [(4, ("S29", "S29")), (7, ("S29", "S29", "S29"))]
"""Conspirators that propose two blocks and vote for each where it was shown: f + 1 of them."""


def test_those_liars_are_there() -> None:
    assert {name for _, liars in FORKS for name in liars} <= set(strategies.NAMES)


def after(size: int, liars: tuple[str, ...]) -> Aftermath:
    return look_on(Options(
        1, size=size, strategies=liars, followers=1, chaos_ms=4_000, every_ms=250, faults=0,
        base_ms=500, cap_ms=4_000,
    ))  # fmt: skip


@pytest.mark.parametrize(("size", "liars"), FORKS)
def test_a_fork_is_seen_and_nobody_correct_signs_on(size: int, liars: tuple[str, ...]) -> None:
    found = after(size, liars)
    assert found.forked_at is not None, "so many liars can do it"
    assert found.lost, "by breaking what holds of quorums"
    auditor = size
    assert auditor in found.alarmed or len(found.named) > (size - 1) // 3
    assert found.alarmed - {auditor}, "a correct member sees it, too"
    assert not found.still_signing
    assert found.named, "who said two things to one member is named"
    assert found.named <= found.liars


def test_a_node_that_overlooks_a_fork_would_be_noticed() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ordering, "_alarm_fork", lambda *_: None)
        found = after(*FORKS[0])
    assert found.forked_at is not None
    assert not found.alarmed
