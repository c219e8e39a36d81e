"""Rules of the codebase are tests of the codebase: size, docstrings, banned words, no floats."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("node", "contracts", "consensus", "cli")
FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 60
BANNED = ("TO" + "DO", "FIX" + "ME", "X" * 3, "NotImplemented" + "Error")


def tracked(suffix: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", f"*{suffix}"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    return [ROOT / name for name in listed if (ROOT / name).exists()]


def product_files() -> list[Path]:
    return [p for p in tracked(".py") if p.relative_to(ROOT).parts[0] in PACKAGES]


@pytest.mark.parametrize("path", product_files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_product_file_is_tidy(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    complaints = []
    if ast.get_docstring(tree) is None:
        complaints.append("no module docstring")
    if (lines := text.count("\n")) > FILE_LINES_MAX:
        complaints.append(f"{lines} lines: more than {FILE_LINES_MAX}, two things live here")
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            if length > FUNCTION_LINES_MAX:
                complaints.append(f"{node.name} has {length} lines")
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            complaints.append(f"line {node.lineno}: bare except")
    complaints += [f"contains {word}" for word in BANNED if word in text]
    assert not complaints, complaints


def with_a_conflict(paths: list[Path]) -> list[str]:
    """Files in which a merge was left unresolved."""
    marks = (b"<" * 7 + b" ", b">" * 7 + b" ")
    return [
        str(path)
        for path in paths
        if any(line.startswith(marks) for line in path.read_bytes().splitlines())
    ]


def test_no_conflict_of_a_merge_was_committed(tmp_path: Path) -> None:
    assert not with_a_conflict(tracked(""))
    left = tmp_path / "page.md"
    left.write_text("<" * 7 + " HEAD\none\n=======\nother\n" + ">" * 7 + " main\n")
    assert with_a_conflict([left]) == [str(left)]


@pytest.mark.parametrize("package", ["contracts", "consensus"])
def test_decisions_about_money_and_votes_know_no_float(package: str) -> None:
    offenders = []
    for path in product_files():
        if path.relative_to(ROOT).parts[0] != package:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, float):
                offenders.append(f"{path.name}:{node.lineno} literal {node.value}")
            if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
                offenders.append(f"{path.name}:{node.lineno} true division")
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in {"float", "hash", "id"}
            ):
                offenders.append(f"{path.name}:{node.lineno} call of {node.func.id}()")
    assert not offenders, offenders


def test_no_machine_paths_are_committed() -> None:
    offenders = [
        str(path.relative_to(ROOT))
        for path in tracked("")
        if path.suffix in {".py", ".md", ".toml", ".yml", ".lock", ".json", ".sh", ""}
        and path.is_file()
        and any(word in path.read_text(encoding="utf-8", errors="ignore") for word in MACHINE_WORDS)
    ]
    assert not offenders, offenders


MACHINE_WORDS = ("/work" + "/main", "/root" + "/", "/opt" + "/wheels")
