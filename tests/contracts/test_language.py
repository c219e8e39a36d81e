"""The tables of the language: complete, used, and printed in docs/language.md."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from contracts import grammar, reference
from contracts.expressions import Expressions
from contracts.functions import BUILTINS
from contracts.interpreter import check, compile_source
from contracts.language import (
    FAULTS,
    NODES,
    NODES_REFUSED,
    RULES,
    SIGNS_REFUSED,
    WORDS_REFUSED,
    Diagnostic,
    complain,
)
from contracts.operations import BINARY, COMPARISONS
from contracts.statements import Statements

ROOT = Path(__file__).resolve().parents[2]
ENGINE = [ROOT / "contracts" / f"{name}.py" for name in (
    "source", "grammar", "expressions", "operations", "statements", "interpreter", "functions",
    "language",
)]  # fmt: skip
SOURCES = "".join(path.read_text(encoding="utf-8") for path in ENGINE)


def test_the_page_is_what_the_tables_say() -> None:
    written = (ROOT / "docs" / "language.md").read_text(encoding="utf-8")
    assert written == reference.page(), "python -m contracts.reference > docs/language.md"


def test_the_examples_of_the_page_are_in_the_language() -> None:
    examples = re.findall(r"```python\n(.*?)```", reference.page(), re.DOTALL)
    assert examples
    for example in examples:
        assert check(example) == []
    case = {
        "institution": {"level": 3}, "visit": {"admission_number": 2}, "counters": {},
        "sums": {"in_scope_fen": 1_000_000},
    }  # fmt: skip
    assert compile_source(examples[0]).run([case]) == {
        "paid_fen": (1_000_000 - 45_000) * 85 // 100,
        "counters": {"basic_fen": (1_000_000 - 45_000) * 85 // 100},
    }


def test_every_node_of_pythons_grammar_is_allowed_or_refused() -> None:
    """What a later Python adds falls under the rule ``node``: unknown means refused."""
    assert not NODES.keys() & NODES_REFUSED.keys()
    known = {
        name for name, kind in vars(ast).items()
        if isinstance(kind, type) and issubclass(kind, ast.AST) and not name.startswith("_")
    }  # fmt: skip
    assert NODES.keys() <= known
    groups = {"AST", "mod", "stmt", "expr", "expr_context", "boolop", "operator", "unaryop"}
    groups |= {"cmpop", "excepthandler", "pattern", "type_ignore", "type_param", "slice"}
    only_inside_refused = {name for name in known if name.startswith("Match")} - {"Match"}
    only_inside_refused |= {"comprehension", "ExceptHandler", "alias", "withitem", "match_case"}
    only_inside_refused |= {"TypeVar", "ParamSpec", "TypeVarTuple", "Del", "TypeIgnore"}
    never_parsed = {"Interactive", "Expression", "FunctionType", "Suite", "Param", "AugLoad"}
    never_parsed |= {"AugStore", "Index", "ExtSlice", "Num", "Str", "Bytes", "NameConstant"}
    never_parsed |= {"Ellipsis"}
    later = known - NODES.keys() - NODES_REFUSED.keys()
    assert later <= groups | only_inside_refused | never_parsed


def test_every_allowed_node_has_its_closure() -> None:
    for name in NODES:
        kind = getattr(ast, name)
        if issubclass(kind, ast.expr) and name != "Slice":
            assert hasattr(Expressions, f"_{name}"), name
        elif issubclass(kind, ast.stmt) and name != "FunctionDef":
            assert hasattr(Statements, f"_{name}"), name
        elif issubclass(kind, ast.cmpop):
            assert kind in COMPARISONS, name
        elif issubclass(kind, ast.operator):
            assert kind in BINARY, name


def test_no_closure_exists_for_a_node_that_is_not_allowed() -> None:
    for owner in (Expressions, Statements, grammar._Checker):
        for method in vars(owner):
            name = method.removeprefix("_node").removeprefix("_")
            if hasattr(ast, name) and name[:1].isupper():
                assert name in NODES, method
    assert {kind.__name__ for kind in (*BINARY, *COMPARISONS)} <= NODES.keys()


def test_every_rule_is_used_and_every_used_rule_exists() -> None:
    # rules are written as the first text of say() or complain(), or in the tables
    used = set(re.findall(r'"([a-z]+(?:\.[a-z-]+)?)"', SOURCES))
    assert set(RULES) <= used | {"node", "keyword"}
    for table in (WORDS_REFUSED, SIGNS_REFUSED, NODES_REFUSED):
        assert set(table.values()) <= set(RULES)
    said = set(re.findall(r'(?:say|complain)\(\s*"([a-z.-]+)"', SOURCES))
    assert said <= set(RULES)
    for message, hint in RULES.values():
        assert message
        assert hint


def test_every_fault_is_listed() -> None:
    raised = set(re.findall(r'fault\(\s*(?:at|\(1, 1\)),\s*"([a-z-]+)"', SOURCES))
    raised |= set(re.findall(r'_fail\([^)]*?"([a-z-]+)"\)', SOURCES))
    assert raised | {"argument", "fail:..."} == set(FAULTS)


def test_a_diagnostic_reads_like_a_linters() -> None:
    found = complain("operator.divide", 3, 7, "/")
    assert str(found) == (
        "3:7: operator.divide: / would make a fraction: / (use // , or part(amount, ratio))"
    )
    assert str(Diagnostic(1, 2, "r", "m")) == "1:2: r: m"


def test_functions_say_what_they_take() -> None:
    for name, function in BUILTINS.items():
        assert function.name == name
        assert function.signature.startswith(f"{name}(")
        assert function.meaning
        assert 0 < function.min_args <= function.max_args


@pytest.mark.parametrize(
    ("line", "column", "source"),
    [
        (3, 12, 'def settle(case):\n    x = "医保"\n    return y\n'),
        (2, 25, 'def settle(case):\n    return "医保医保" + [1, y]\n'),
        (4, 9, 'def settle(case):\n    """医\n    保"""\n    x = y\n'),
        (3, 9, "def settle(case):\n    return [1,\n        y]\n"),
    ],
)
def test_columns_count_characters(line: int, column: int, source: str) -> None:
    found = check(source)
    assert [(d.line, d.rule) for d in found] == [(line, "name.unknown")]
    assert found[0].column == column
    assert source.split("\n")[line - 1][column - 1] == "y"


def test_what_follows_a_long_text_is_found_in_its_place() -> None:
    source = 'X = """a\nb""" + 1.5\ndef settle(case):\n    return X\n'
    assert [(d.line, d.column, d.rule) for d in check(source)] == [(2, 8, "number.float")]
