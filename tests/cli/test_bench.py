"""A tiny benchmark in every test run, so that it cannot rot; what it measures is not looked at."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys

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
    assert {name for name in result if name.endswith("_per_second")} == rates
    assert all(result[name] > 0 for name in rates)
    assert result["persons"] == 60
    assert result["state_keys_per_claim"] > 0
    assert result["stage_us_per_claim"]
    assert result["machine"]["cpus"]


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_tiny_run_of_four_validators_loses_nothing() -> None:
    """Loss, rejection and two heads end the run itself; the rates are not looked at."""
    words = (
        "network", "--persons", 30, "--areas", 3, "--institutions", 3, "--lone", 4,
        "--capacity-claims", 40, "--rate", 40, "--seconds", 1, "--overload-seconds", 1, "--json",
    )  # fmt: skip
    running = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "bench", *map(str, words)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        said, errors = running.communicate(timeout=500)
    finally:
        # Its nodes too, should it not have come to its end.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
    assert running.returncode == 0, errors.decode()
    result = json.loads(said)
    for phase in ("lone", "capacity", "sustained", "overload"):
        assert result[phase]["blocks"] > 0
        assert result[phase]["settled_claims"] > 0
        assert len(result[phase]["cpu_seconds"]) == 4
        assert result[phase]["sent_bytes_per_block"]["vote"] > 0
        assert result[phase]["stage_us_per_claim"]["execute"] > 0
    assert result["sustained"]["answers"] == {"200": 2}
    assert result["lone"]["ms"]["median"] > 0


def test_a_run_of_nothing_is_a_usage_error() -> None:
    assert yibao("bench", "--claims", "0").exit_code == 2
    done = yibao("bench", "network", "--stays", "4")
    assert done.exit_code == 2
    assert "--stays says nothing about a network" in done.stderr
