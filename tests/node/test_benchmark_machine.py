"""The machine is told beside every figure, and how fast it is."""

from __future__ import annotations

import pytest

from node.benchmark import machine


def test_a_figure_is_told_with_its_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "measure_apart", lambda: {"near": 1.0, "far": 2.0})
    told = machine.describe()
    assert told["yardstick_ms"] == {"near": 1.0, "far": 2.0}
    assert told["cpus"] > 0
    assert told["python"].startswith("3.")


def test_both_yardsticks_are_taken_by_a_process_of_their_own() -> None:
    told = machine.measure_apart()
    assert told.keys() == {"near", "far"}
    assert min(told.values()) > 0


def test_a_round_does_the_same_work_over_few_objects_and_over_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It leaps about and does not go round in a small circle."""
    monkeypatch.setattr(machine, "STEPS", 4_000)

    seen: set[int] = set()

    class Counted(list[bytes]):
        def __getitem__(self, place: int) -> bytes:  # type: ignore[override]
            seen.add(place)
            return super().__getitem__(place)

    held = Counted(number.to_bytes(64, "big") for number in range(2_000))
    machine._round(held)
    assert len(seen) > 1_500
