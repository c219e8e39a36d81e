"""The generated pages are current, and every code that can be answered is on them."""

from __future__ import annotations

import ast
from pathlib import Path

from node.api import ledger_codes, pages, problems
from node.ledger import http_signature

ROOT = Path(__file__).resolve().parents[3]


def test_docs_are_current() -> None:
    for name, text in (("api.md", pages.api_page()), ("errors.md", pages.errors_page())):
        found = (ROOT / "docs" / name).read_text(encoding="utf-8")
        assert found == text, f"docs/{name} is stale: run python -m node.api.pages"


def calls(tree: ast.AST, *names: str) -> set[str]:
    """First arguments of calls of these names, where they are literal texts."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args:
            name = node.func.attr if isinstance(node.func, ast.Attribute) else None
            name = node.func.id if isinstance(node.func, ast.Name) else name
            first = node.args[0]
            if name in names and isinstance(first, ast.Constant) and isinstance(first.value, str):
                found.add(first.value)
    return found


def sources(folder: str) -> list[ast.AST]:
    return [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / folder).rglob("*.py")]


def test_every_refusal_of_the_ledger_has_a_row() -> None:
    # ``Admission.end`` makes the refusal of the code that it is given.
    names = ("InvalidTransaction", "Unavailable", "end")
    raised = set().union(*(calls(tree, *names) for tree in sources("node")))
    assert raised - set(ledger_codes.TABLE) == set()
    assert set(ledger_codes.TABLE) - raised == set(), "rows of codes that nobody raises"


def test_every_problem_of_the_edge_has_a_row_and_every_row_is_used() -> None:
    raised = set().union(*(calls(tree, "Problem") for tree in sources("node/api")))
    signature = ast.parse(Path(http_signature.__file__).read_text(encoding="utf-8"))
    raised |= calls(signature, "RequestSignatureError")
    assert raised == set(problems.TABLE)


def test_codes_are_in_one_table_only_and_well_formed() -> None:
    codes = [row.code for row in (*problems.ROWS, *ledger_codes.ROWS)]
    assert len(codes) == len(set(codes))
    for row in (*problems.ROWS, *ledger_codes.ROWS):
        area, _, word = row.code.partition(".")
        assert area.isalpha(), row.code
        assert word.replace("-", "").isalpha(), row.code
        assert 400 <= row.status < 600
        for text in (row.english, row.next_step):
            assert text[0].isupper() or text[0] == "`", row.code
            assert text.endswith("."), row.code
            assert text.isascii(), row.code
        assert row.chinese.endswith("。"), row.code
        assert row.next_step_zh.endswith("。"), row.code
