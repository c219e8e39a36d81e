"""A tiny benchmark in every test run, so that it cannot rot; what it measures is not looked at."""

from __future__ import annotations

import json

import pytest

from tests.cli.running import process, yibao

TINY = (
    "--persons", 60, "--claims", 40, "--http-claims", 20, "--stays", 4, "--lone", 4,
    "--areas", 5, "--institutions", 5,
)  # fmt: skip


@pytest.mark.process
@pytest.mark.slow
def test_a_tiny_run_gives_every_rate() -> None:
    done = process("bench", *TINY, "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    rates = {
        f"{where}_batch_{calls}_claims_per_second"
        for where in ("in_process", "http")
        for calls in (1, 20, 500)
    }
    rates |= {"in_process_stays_of_50_lines_per_second"}
    assert rates <= result.keys()
    assert all(value > 0 for name, value in result.items() if name.endswith("_per_second"))
    assert result["persons"] == 60
    assert result["state_keys_per_claim"] > 0
    assert result["stage_us_per_claim"]
    assert result["machine"]["cpus"]


def test_a_run_of_nothing_is_a_usage_error() -> None:
    assert yibao("bench", "--claims", "0").exit_code == 2
