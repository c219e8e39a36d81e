"""Which Python the scripts take: a tried one first, a newer one with a word, never an old one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

SCRIPT = (ROOT / "scripts" / "environment").read_text(encoding="utf-8")
FIND = SCRIPT[SCRIPT.index("find_python() {") : SCRIPT.index("digest() {")]


def find(folder: Path, there: dict[str, str], named: str = "") -> subprocess.CompletedProcess[str]:
    """Run the function where only these interpreters are, each a stand-in that tells a version."""
    for name, version in there.items():
        made = folder / name
        made.write_text(f"#!/bin/sh\necho {version}\n", encoding="utf-8")
        made.chmod(0o755)
    (folder / "broken").write_text("#!/bin/sh\nexit 127\n", encoding="utf-8")
    (folder / "broken").chmod(0o755)
    return subprocess.run(
        ["/bin/bash", "-c", f"set -euo pipefail\n{FIND}\npython=\"$(find_python)\"\necho $python"],
        env={"PATH": str(folder), "YIBAO_PYTHON": named}, cwd=folder,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("there", "named", "taken"),
    [
        ({"python3.12": "3.12", "python3.11": "3.11", "python3": "3.14"}, "", "python3.11"),
        ({"python3.13": "3.13", "python3": "3.14"}, "", "python3.13"),
        ({"python3": "3.12"}, "", "python3"),
        ({"python3.11": "3.11", "mine": "3.13"}, "mine", "mine"),
    ],
)
def test_a_tried_python_is_taken_without_a_word(
    tmp_path: Path, there: dict[str, str], named: str, taken: str
) -> None:
    told = find(tmp_path, there, named)
    assert (told.returncode, told.stdout.strip(), told.stderr) == (0, taken, "")


@pytest.mark.parametrize(("there", "named"), [({"python3": "3.14"}, ""), ({"new": "3.15"}, "new")])
def test_a_newer_python_is_taken_and_said(
    tmp_path: Path, there: dict[str, str], named: str
) -> None:
    told = find(tmp_path, there, named)
    assert (told.returncode, told.stdout.strip()) == (0, next(iter(there)))
    assert "was not tried" in told.stderr


@pytest.mark.parametrize("named", ["old", "broken", "not-there"])
def test_a_python_that_was_named_is_not_silently_replaced(tmp_path: Path, named: str) -> None:
    told = find(tmp_path, {"python3.11": "3.11", "old": "3.09"}, named)
    assert (told.returncode, told.stdout) == (2, "")
    assert f"YIBAO_PYTHON={named}" in told.stderr


def test_without_one_the_scripts_say_what_to_do(tmp_path: Path) -> None:
    there = {f"python3.1{minor}": "3.09" for minor in (1, 2, 3)} | {"python3": "3.10"}
    told = find(tmp_path, there)
    assert (told.returncode, told.stdout) == (2, "")
    assert "set YIBAO_PYTHON" in told.stderr
