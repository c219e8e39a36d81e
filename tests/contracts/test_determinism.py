"""The same verdicts, answers and units whatever runs the language.

Each interpreter runs ``tests.contracts.verdicts`` in a process of its own; the printed digests must
be those of this process.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from contracts.interpreter import compile_source
from contracts.language import LanguageError
from tests.contracts.verdicts import digest, mutants, report, verdict

ROOT = Path(__file__).resolve().parents[2]
OTHERS = sorted(
    path
    for home in (os.environ.get("PYENV_ROOT"), str(Path.home() / ".pyenv"), "/usr")
    if home
    for pattern in ("versions/3.1[1-3].*/bin/python3", "bin/python3.1[1-3]")
    for path in Path(home).glob(pattern)
)
"""Interpreters of this machine that the project supports."""


@cache
def here() -> str:
    return "\n".join(report()) + "\n"


def elsewhere(python: str, *options: str, **environment: str) -> str:
    done = subprocess.run(
        [python, "-B", *options, "-m", "tests.contracts.verdicts"],
        cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=True,
        timeout=120,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("python", OTHERS, ids=lambda path: path.parts[-3] + path.name)
def test_every_python_gives_the_same_verdicts(python: Path) -> None:
    assert elsewhere(str(python)) == here()


def test_two_more_pythons_are_here_to_compare_with() -> None:
    minors = set()
    for path in OTHERS:
        told = subprocess.run([path, "-V"], capture_output=True, text=True, check=True).stdout
        minors.add(told.split(".")[1])
    if len(minors) < 2:
        pytest.skip("one interpreter only: install Python 3.12 or 3.13 to compare")
    assert minors & {"12", "13"}


@pytest.mark.parametrize("seed", ["0", "1", "4242"])
def test_the_hash_seed_does_not_matter(seed: str) -> None:
    assert elsewhere(sys.executable, PYTHONHASHSEED=seed) == here()


@pytest.mark.parametrize(
    "options",
    [("-X", "dev"), ("-X", "utf8=0"), ("-X", "int_max_str_digits=640"), ("-O",), ("-OO",)],
    ids=" ".join,
)
def test_the_interpreters_options_do_not_matter(options: tuple[str, ...]) -> None:
    """-O strips our assertions, so a node refuses to start with it; the language is unmoved."""
    assert elsewhere(sys.executable, *options, LC_ALL="C", TZ="Asia/Tokyo") == here()


def test_the_report_notices_a_single_other_verdict() -> None:
    found = [verdict(source) for source in mutants(50)]
    assert digest(found) != digest([*found[:-1], "other"])


def test_mutants_are_judged_without_any_other_exception() -> None:
    accepted, rules = 0, set()
    for source in mutants(600):
        try:
            compile_source(source)
            accepted += 1
        except LanguageError as error:
            rules.add(error.values["rule"])
    assert accepted > 10
    assert len(rules) > 25


def test_the_language_never_hands_a_source_to_python() -> None:
    """Nothing in the contracts calls what would run text; the parser only makes a tree."""
    wanted = re.compile(r"\b(exec|eval|compile|__import__|getattr|globals|locals)\(")
    allowed = {
        "grammar.py": {"getattr"},  # a check by the node's kind, a place, both ours
        "expressions.py": {"getattr"},  # the method for a node's kind, after the allow-list
        "statements.py": {"getattr"},
    }
    for path in sorted((ROOT / "contracts").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        calls = {
            match[1]
            for match in wanted.finditer(text)
            if not text[: match.start()].endswith((".", "def "))
        }
        assert calls <= allowed.get(path.name, set()), path.name
