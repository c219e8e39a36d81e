"""Which Python the scripts take: a tried one first, an optimised one of these, a newer one with a
word, never an old one."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.conftest import ROOT

SCRIPT = (ROOT / "scripts" / "environment").read_text(encoding="utf-8")
FIND = SCRIPT[SCRIPT.index("probe() {") : SCRIPT.index("digest() {")]


def find(folder: Path, there: dict[str, str], named: str = "") -> subprocess.CompletedProcess[str]:
    """Run the function where only these interpreters are, each a stand-in that tells a version and
    how it was built (plain where nothing is said). ``PATH`` has ``folder``, then ``second``."""
    (folder / "second").mkdir()
    for name, told in there.items():
        made = folder / name
        made.write_text(
            f"#!/bin/sh\necho {told if ' ' in told else told + ' plain'}\n", encoding="utf-8"
        )
        made.chmod(0o755)
    (folder / "broken").write_text("#!/bin/sh\nexit 127\n", encoding="utf-8")
    (folder / "broken").chmod(0o755)
    return subprocess.run(
        ["/bin/bash", "-c", f"set -euo pipefail\n{FIND}\npython=\"$(find_python)\"\necho $python"],
        env={"PATH": f"{folder}:{folder}/second", "YIBAO_PYTHON": named}, cwd=folder,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("there", "named", "taken"),
    [
        ({"python3.12": "3.12", "python3.11": "3.11", "python3": "3.14"}, "", "python3.11"),
        ({"python3.13": "3.13", "python3": "3.14"}, "", "python3.13"),
        ({"python3": "3.12"}, "", "python3"),
        ({"python3.11": "3.11", "mine": "3.13"}, "mine", "mine"),
        ({"python3.11": "3.11 optimised", "mine": "3.13"}, "mine", "mine"),
        ({"python3.11": "3.11", "second/python3.11": "3.11 optimised"}, "", "second/python3.11"),
        ({"python3.11": "3.11", "second/python3.11": "3.11"}, "", "python3.11"),
        ({"python3.11": "3.11", "python3.13": "3.13 optimised"}, "", "python3.13"),
        ({"python3.11": "3.11", "python3": "3.14 optimised"}, "", "python3.11"),
        ({"python3.11": "3.09 optimised", "python3.12": "3.12"}, "", "python3.12"),
    ],
)
def test_a_tried_python_is_taken_without_a_word(
    tmp_path: Path, there: dict[str, str], named: str, taken: str
) -> None:
    told = find(tmp_path, there, named)
    assert (told.returncode, told.stdout.strip(), told.stderr) == (
        0,
        named or f"{tmp_path}/{taken}",
        "",
    )


@pytest.mark.parametrize(("there", "named"), [({"python3": "3.14"}, ""), ({"new": "3.15"}, "new")])
def test_a_newer_python_is_taken_and_said(
    tmp_path: Path, there: dict[str, str], named: str
) -> None:
    told = find(tmp_path, there, named)
    assert (told.returncode, told.stdout.strip()) == (0, named or f"{tmp_path}/python3")
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


def test_this_python_tells_its_version_and_how_it_was_built() -> None:
    told = subprocess.run(
        ["/bin/bash", "-c", f'set -euo pipefail\n{FIND}\nprobe "$0"', sys.executable],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    version, build = told.stdout.split()
    assert version == f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert build in {"optimised", "plain"}
    if "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or ""):
        assert build == "optimised"
