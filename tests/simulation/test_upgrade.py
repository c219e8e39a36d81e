"""Members run different builds for a while, and nobody computes something else."""

from __future__ import annotations

import pytest

from contracts.api import Contract, State
from contracts.registry import Registry, VersionMissing
from contracts.runtime import Runtime
from contracts.settlement import CONTRACTS
from tests.simulation.options import Options
from tests.simulation.upgrade import roll
from tests.simulation.verdict import Violation

OPTIONS = Options(3, chaos_ms=14_000, every_ms=200, base_ms=500, cap_ms=4_000)


def test_who_is_late_ends_at_the_switch_and_comes_back_with_the_new_build() -> None:
    found = roll(OPTIONS)
    assert found.why == ["VersionMissing"], "only who is late, and with the reason"
    assert found.switched_at <= found.late_ended_at + 1 <= found.tip
    assert len(set(found.left)) == 1, "all have the same state"
    assert found.left[0] >= found.switched_at, "the new version has run, and not before its height"


class Obliging(Registry):
    """A planted bug: a build that lacks a version runs the newest that it has."""

    def in_force(self, state: State, name: str, height: int) -> Contract | None:
        try:
            return super().in_force(state, name, height)
        except VersionMissing:
            return self.get(name, max(self.versions(name)))


def test_a_build_that_runs_the_version_it_has_is_found_out() -> None:
    with pytest.raises(Violation, match="something else") as found:
        roll(OPTIONS, old=Runtime(Obliging(CONTRACTS)))
    assert found.value.invariant == "ALARM"
