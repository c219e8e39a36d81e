"""Every refusal of the contracts has a row that a clerk can act on, and every row is used."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.settlement.reasons import TABLE, describe

ROOT = Path(__file__).resolve().parents[3]
CONTRACTS = ROOT / "contracts"
TABLES = set((CONTRACTS / "settlement").glob("reasons*.py"))
CODE = re.compile(r"[a-z]+\.[a-z]+(-[a-z]+)*")


def sources() -> list[Path]:
    """All modules that may refuse a call: the contracts, and the execution around them."""
    found = {*CONTRACTS.rglob("*.py"), *(ROOT / "node" / "execution").glob("*.py")}
    return sorted(found - TABLES)


def refusals(path: Path) -> Iterator[tuple[int, ast.expr]]:
    """Line and code of every ``reject(code, ...)`` and ``Outcome("rejected", code, ...)``."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or not node.args:
            continue
        if node.func.id in {"reject", "Rejected"}:
            yield node.lineno, node.args[0]
        first = node.args[0]
        if (
            node.func.id == "Outcome"
            and isinstance(first, ast.Constant)
            and first.value == "rejected"
        ):
            yield node.lineno, node.args[1]


def constants(path: Path) -> set[str]:
    """All texts of a module that look like a code."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    texts = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)}
    return {t for t in texts if isinstance(t, str) and CODE.fullmatch(t)}


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(ROOT)))
def test_codes_that_refuse_are_listed(path: Path) -> None:
    unlisted = [
        f"line {line}: {argument.value}"
        for line, argument in refusals(path)
        if isinstance(argument, ast.Constant) and argument.value not in TABLE
    ]
    assert not unlisted, unlisted


def test_listed_codes_are_used() -> None:
    used = set().union(*(constants(path) for path in sources()))
    assert sorted(TABLE.keys() - used) == []


@pytest.mark.parametrize("code", sorted(TABLE))
def test_a_row_can_be_acted_on(code: str) -> None:
    row = describe(code)
    assert CODE.fullmatch(row.code)
    for sentence in (row.english, row.next_step):
        assert sentence.isascii()
        assert sentence[0].isupper()
        assert sentence.endswith(".")
    for sentence in (row.chinese, row.next_step_zh):
        assert sentence.endswith("。")
        assert any("\u4e00" <= sign <= "\u9fff" for sign in sentence)


def test_an_unknown_code_is_an_error() -> None:
    with pytest.raises(KeyError):
        describe("claim.never-heard-of")
