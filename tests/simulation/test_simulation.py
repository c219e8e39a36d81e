"""The simulator in the test command: regressions first, some seeds, determinism, the canary."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.simulation import mutants, strategies
from tests.simulation.command import EXPECTED, REGRESSIONS, options_of, read_regression
from tests.simulation.options import Options
from tests.simulation.run import run_seed

ROOT = Path(__file__).parents[2]
FILES = sorted(REGRESSIONS.glob("*.json"))
SEEDS = range(1_000, 1_024)
"""Other seeds than those of campaigns, so that a change meets them before they are looked at."""


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_regression(path: Path) -> None:
    options, expected = read_regression(path)
    outcome = run_seed(options)
    found = "ok" if outcome.violation is None else outcome.violation.invariant
    assert found == expected, outcome.sentence()


@pytest.mark.parametrize("seed", SEEDS)
def test_all_invariants_hold(seed: int) -> None:
    outcome = run_seed(options_of(seed))
    assert outcome.ok, outcome.sentence()


@pytest.mark.parametrize("name", strategies.NAMES)
def test_a_liar_costs_nobody_else(name: str) -> None:
    options = replace(
        options_of(1), size=4, spare=0, strategies=(name,), families=("crash", "one-way"),
        chaos_ms=4_000, faults=4, extras=(),
    )  # fmt: skip
    outcome = run_seed(options)
    assert outcome.ok, outcome.sentence()
    assert outcome.points[f"strategy.{name}"]
    assert outcome.blocks >= 3


@pytest.mark.parametrize("seed", [31, 40])
def test_a_seed_is_one_run_whatever_the_hash_seed(seed: int) -> None:
    """In processes of their own, with the orders of sets that each hash seed gives."""
    said = set()
    for hash_seed in ("0", "1", "4711"):
        done = subprocess.run(
            [sys.executable, "-m", "tests.simulation", "run", "--seed", str(seed), "--json"],
            env={**os.environ, "PYTHONHASHSEED": hash_seed}, cwd=ROOT, capture_output=True,
            text=True, check=True,
        )  # fmt: skip
        said.add(done.stdout)
    assert len(said) == 1, said


def test_signatures_change_nothing_but_themselves() -> None:
    # A run without snapshots: what names a block by its hash falls into another chunk of them.
    options = replace(options_of(33), mode="fake")
    prints = {mode: run_seed(replace(options, mode=mode)) for mode in ("fake", "memo", "real")}
    assert len({outcome.fingerprint for outcome in prints.values()}) == 1
    assert all(outcome.ok for outcome in prints.values())


def test_the_canary_fails() -> None:
    """A simulator that does not see this one sees nothing."""
    with mutants.planted("M17"):
        outcome = run_seed(options_of(mutants.KILLERS["M17"][0]))
    assert outcome.violation is not None, "the canary lives: the simulator is blind"
    assert outcome.violation.invariant == "I12"


def test_options_survive_a_file() -> None:
    options = replace(options_of(5), skip=(1, 3))
    assert Options.from_plain(options.to_plain()) == options


def test_a_failing_run_says_so_in_its_last_line() -> None:
    code = (
        "from tests.simulation import mutants\n"
        "from tests.simulation.command import main\n"
        "import sys\n"
        "with mutants.planted('M17'):\n"
        "    sys.exit(main(['run', '--seed', '1']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    last = done.stdout.strip().splitlines()[-1]
    assert last.startswith("seed 1: event ")
    assert "I12" in last


def test_every_point_that_is_counted_is_expected_of_a_campaign() -> None:
    """A point that nobody expects may stay at zero, and nobody would see that a case is never met.
    Points whose names are put together stand for all that begin so."""
    counted = {
        name
        for path in Path(__file__).parent.rglob("*.py")
        for name in re.findall(r"""point\(\s*f?"([^"]+)\"""", path.read_text(encoding="utf-8"))
    }
    assert len(counted) > 30
    begun = {name.partition("{")[0] for name in counted if "{" in name}
    assert counted - {name for name in counted if "{" in name} <= set(EXPECTED)
    assert [head for head in begun if not any(one.startswith(head) for one in EXPECTED)] == []
