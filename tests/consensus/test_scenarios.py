"""Directed scenarios, narrated: D2 to D12 of CONSENSUS.md section 14 and regressions of section 13.

D1 has no object: with one height in flight nothing is below the tip.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.consensus.stage import Stage

FOLDER = Path(__file__).parent / "scenarios"
FILES = sorted(FOLDER.glob("*.txt"))


def play(text: str) -> str:
    """The scenario with the answers that the replicas give."""
    stage = Stage()
    written = []
    for line in text.splitlines():
        if line.startswith("    "):
            continue
        written.append(line)
        if line.strip() and not line.startswith("#"):
            written += ["    " + answer for answer in stage.run(line)]
    return "\n".join(written) + "\n"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_scenario(path: Path) -> None:
    told = path.read_text(encoding="utf-8")
    played = play(told)
    if os.environ.get("YIBAO_REWRITE") == "1":
        path.write_text(played, encoding="utf-8")
    else:
        assert played == told


def test_all_directed_scenarios_are_there() -> None:
    names = {path.stem.split("-")[0] for path in FILES}
    assert {f"d{i:02}" for i in range(2, 13)} <= names
