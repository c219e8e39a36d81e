"""Attempts to get out of the policy language: refused at deploy, or stopped by the meter.

``escapes.txt`` is the table; each row is refused with the line, column and rule that it names. What
is within the language and wants too much of the machine is stopped while it runs.
"""

from __future__ import annotations

import json
import sys

import pytest

from contracts import grammar
from contracts.functions import BUILTINS
from contracts.interpreter import (
    LanguageError,
    OutOfBudget,
    PolicyFault,
    check,
    compile_source,
)
from contracts.language import RULES
from tests.contracts.attempts import read_table

ROWS = read_table()


def first_complaint(source: str) -> str:
    """As a receipt would have it: a syntax error has no place there, see ``LanguageError``."""
    with pytest.raises(LanguageError) as caught:
        compile_source(source)
    values = caught.value.values
    return f"{values['line']}:{values['column']} {values['rule']}"


@pytest.mark.parametrize(("family", "complaint", "source"), ROWS)
def test_an_attempt_is_refused_with_place_and_rule(
    family: str, complaint: str, source: str
) -> None:
    assert first_complaint(source) == complaint


def test_the_table_is_as_large_as_the_threat() -> None:
    assert len({source for _, _, source in ROWS}) >= 300
    assert len({family for family, _, _ in ROWS}) >= 15


NODES_ALONE = {
    "attribute walks", "format texts and templates", "generators and comprehensions", "coroutines",
    "exceptions and frames", "match and classes", "imports", "builtins of the host",
    "functions as values", "parameters and arguments", "scopes and assignments", "operators",
}  # fmt: skip
FIRST_ONLY = {"statement.semicolon", "constant.fault"}
"""Refused for the reader's sake only, or when the constants are computed."""


@pytest.mark.parametrize(
    "source",
    [
        source
        for family, complaint, source in ROWS
        if family in NODES_ALONE and complaint.split()[1] not in FIRST_ONLY
    ],
)
def test_the_second_gate_alone_would_refuse_it(source: str) -> None:
    """Defence in depth: the characters and tokens are not looked at here."""
    assert grammar.parse(source, BUILTINS)[2]


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        ("constant.kind", "x = 1.5"),
        ("constant.kind", "x = b''"),
        ("constant.kind", "x = 1j"),
        ("constant.kind", "x = ..."),
        ("constant.kind", "x = u'a'"),
        ("text.format", "x = f'{1}'"),
        ("operator.power", "x = 2 ** 3"),
        ("operator.divide", "x = 2 / 3"),
        ("operator.decorator", "@len\ndef f(x):\n  return 1"),
        ("assign.target", "def f(x):\n  x.a += 1"),
        ("call.star", "x = {**y}"),
        ("call.star", "x = len(**y)"),
        ("function.parameters", "def f(x) -> int:\n  return 1"),
        ("function.parameters", "def f(x, /):\n  return 1"),
        ("function.parameters", "def f(**x):\n  return 1"),
    ],
)
def test_the_second_gate_has_its_own_words(rule: str, source: str) -> None:
    assert rule in {diagnostic.rule for diagnostic in grammar.parse(source, BUILTINS)[2]}


BIG = [
    ("source.size", "# " + "\u00e9" * 40_000),
    ("source.lines", "#\n" * 2_001),
    ("line.length", "def settle(case):\n    return " + "1 + " * 60 + "1"),
    ("line.operators", "def settle(case):\n    return (\n" + "    1 +\n" * 101 + "    1)"),
    ("nesting.expression", "def settle(case):\n    return (\n" + "    1 +\n" * 60 + "    1)"),
    ("nesting.expression", "x = (\n" + " 1 +\n" * 60 + " 1)\ndef settle(case):\n    return x"),
    (
        "nesting.blocks",
        "def settle(case):\n if case:\n  return 1\n" + " elif case:\n  return 1\n" * 201,
    ),
    (
        "nesting.run",
        "".join(f"def f{i}(x):\n    return f{i + 1}(x)\n" for i in range(90))
        + "def f90(x):\n    return x\ndef settle(case):\n    return f0(case)",
    ),
    (
        "function.many",
        "".join(f"def f{i}(x):\n    return x\n" for i in range(100))
        + "def settle(case):\n    return 1",
    ),
    ("text.length", 'def settle(case):\n    return """' + ("x" * 99 + "\n") * 60 + '"""'),
    (
        "constant.fault",
        "x = [" + "1, " * 50 + "]\n" + "".join(f"x{i} = [{'x, ' * 60}]\n" for i in range(3))
        + "y = [" + "x0, " * 30 + "]\nz = [" + "y, " * 50 + "]\ndef settle(case):\n    return 1",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "source"), BIG)
def test_a_source_that_would_exhaust_the_parser_is_refused(rule: str, source: str) -> None:
    assert rule in {diagnostic.rule for diagnostic in check(source)}


def test_every_rule_of_the_table_is_met_by_an_attempt() -> None:
    met = {complaint.split()[1] for _, complaint, _ in ROWS} | {rule for rule, _ in BIG}
    # the second gate's own words for what the first gate refuses already
    never = {"node", "constant.kind", "keyword"}
    assert set(RULES) - met == never


def test_a_refusal_names_everything_sorted_and_capped() -> None:
    with pytest.raises(LanguageError) as caught:
        compile_source("def settle(case):\n" + " x = case.y\n" * 80)
    found = caught.value.diagnostics
    assert found == sorted(found)
    assert len(found) == 50
    assert str(found[0]) in str(caught.value)
    assert caught.value.values == {"rule": "operator.attribute", "line": 2, "column": 10}


def test_the_place_of_a_syntax_error_stays_out_of_the_receipt() -> None:
    with pytest.raises(LanguageError) as caught:
        compile_source("def settle(case):\n return 1 2\n")
    assert caught.value.values == {"rule": "syntax", "line": 0, "column": 0}


# --- what is in the language and wants too much --------------------------------------------------

LOOPS = " for a in range(9000):\n  for b in range(9000):\n   x = 1\n"

RESOURCES = [
    ("nested loops", LOOPS, "out-of-budget"),
    ("a loop over what it grows", " x = [1]\n for a in x:\n  push(x, a)\n return len(x)", "2"),
    ("push without end", f" x = []\n{LOOPS}".replace("x = 1", "push(x, b)"), "size"),
    ("doubling a list", " x = [1]\n for i in range(40):\n  x = x + x\n", "list-size"),
    ("doubling a text", ' x = "a"\n for i in range(40):\n  x = x + x\n', "text-size"),
    ("doubling a text in place", ' x = "a"\n for i in range(40):\n  x += x\n', "text-size"),
    ("a text times a number", ' return "a" * 1000000000\n', "type"),
    ("a list times a number", " return [0] * 1000000000\n", "type"),
    ("squaring a number", " x = 10\n for i in range(40):\n  x = x * x\n", "number-size"),
    ("squaring a negative", " x = -10\n for i in range(40):\n  x *= x * x\n", "number-size"),
    ("adding up", " x = 10\n for i in range(999):\n  x = x + x\n", "number-size"),
    ("taking away", " x = -10\n for i in range(999):\n  x = x - 99 + x\n", "number-size"),
    ("sums of sums", " x = [10]\n for i in range(900):\n  x = [x[0] + sum(x)]", "number-size"),
    ("range too long", " return range(10001)\n", "size"),
    ("range far too long", " return range(0, 99999999999999999999, 1)\n", "size"),
    ("range backwards", " return range(0, -99999999999999999999, -1)\n", "size"),
    ("loop over a long range", " for i in range(99999999999):\n  x = i\n", "size"),
    ("range by 0", " for i in range(0, 5, 0):\n  x = i\n", "argument"),
    ("taking away downwards", " x = 1\n for i in range(300):\n  x = x - -x\n", "number-size"),
    ("digits beyond the bits", ' x = "9999999"\n y = ""\n for i in range(11):\n  y = y + x\n'
     " return int(y)", "size"),
    ("a map without end", ' x = {}\n for i in range(2000):\n  x[str(i)] = i\n', "map-size"),
    ("digits without end", ' return int("9" + "9999999999" + str(10))', "9999999999910"),
    ("too many digits", ' x = "9"\n for i in range(7):\n  x = x + x\n return int(x)', "argument"),
    ("int beyond its bits", f' x = "{"9" * 76}"\n return int(x) * 10', "number-size"),
    ("a list that holds itself", " x = []\n push(x, x)\n return x", "answer"),
    ("comparing a list with itself", " x = []\n push(x, x)\n return x == x", "nesting"),
    ("finding itself", " x = []\n push(x, x)\n return x in x", "nesting"),
    ("laughs by the billion", " x = [1]\n for i in range(11):\n  x = [x, x, x, x, x, x]\n return x",
     "answer"),
    ("comparing laughs", " x = [1]\n y = [1]\n for i in range(10):\n  x = [x, x, x, x, x, x]\n"
     "  y = [y, y, y, y, y, y]\n return x == y", "out-of-budget"),
    ("sorting again and again", " x = range(9999)\n for i in range(99):\n  x = sorted(x)\n",
     "out-of-budget"),
    ("cutting again and again", " x = range(9999)\n for i in range(99):\n  y = x[1:]\n",
     "out-of-budget"),
    ("keys again and again", LOOPS.replace("x = 1", "x = keys(case)"), "out-of-budget"),
    ("searching again and again", " x = range(9999)\n for i in range(999):\n  y = -1 in x\n",
     "out-of-budget"),
    ("calls again and again", " for a in range(9000):\n  for b in range(9000):\n   x = abs(a)\n",
     "out-of-budget"),
    ("an answer with a huge number", f" return {'9' * 20}", "answer"),
    ("an answer nested too deep", " x = 1\n for i in range(14):\n  x = [x]\n return x", "answer"),
    ("changing the case", ' case["x"] = 1\n', "read-only"),
    ("changing the case inside", ' x = case["list"]\n x[0] = 2\n', "read-only"),
    ("pushing to the case", ' push(case["list"], 2)\n', "read-only"),
    ("changing a constant", " TABLE[0] = 2\n", "read-only"),
    ("pushing to a constant", " push(TABLE, 2)\n", "read-only"),
    ("changing a tuple", " x = (1, 2)\n x[0] = 3\n", "read-only"),
    ("bool as a number", " return True + 1", "type"),
    ("bool in a sum", " return sum([True])", "argument"),
    ("None as a number", " return None + 1", "type"),
    ("division by zero", " return 1 // 0", "zero-division"),
    ("remainder by zero", " return 1 % 0", "zero-division"),
    ("format by remainder", ' return "%s" % case', "type"),
    ("unset variable", " if not case:\n  x = 1\n return x", "unassigned"),
    ("key as a number", " x = {}\n x[1] = 2", "map-key"),
    ("computed key as a number", " k = 1\n return {k: 2}", "map-key"),
    ("index by a bool", " return [1, 2][True]", "index"),
    ("slice by a text", ' return [1, 2]["a":]', "index"),
    ("loop over a number", " for x in 5:\n  y = x", "type"),
    ("unpack too few", " a, b = [1]", "unpack"),
    ("order of unlike kinds", ' return 1 < "2"', "type"),
    ("order of lists", " return [1] < [2]", "type"),
    ("refusal by the policy", ' fail("no-level")', "fail:no-level"),
]  # fmt: skip


@pytest.mark.parametrize(("attack", "body", "end"), RESOURCES, ids=[row[0] for row in RESOURCES])
def test_a_run_that_wants_too_much_is_stopped(attack: str, body: str, end: str) -> None:
    case = {"list": [1, [2]], "map": {"a": 1}}
    program = compile_source(f"TABLE = [1, 2]\ndef settle(case):\n{body}\n")
    before = sys.getrecursionlimit(), json.dumps(case)
    try:
        outcome = str(program.run([case]))
    except OutOfBudget as error:
        outcome = error.code.removeprefix("policy.")
    except PolicyFault as fault:
        outcome = str(fault.values["fault"])
    assert outcome == end
    # no trace: input, constants and the process are as they were
    assert (sys.getrecursionlimit(), json.dumps(case)) == before
    assert program.constants == {"TABLE": [1, 2]}


def test_the_deepest_run_stays_clear_of_pythons_own_limit() -> None:
    chain = "".join(f"def f{i}(x):\n    return f{i + 1}(x) + 1\n" for i in range(30))
    deep = "f0(case) + (" * 8 + "0" + ")" * 8
    source = f"{chain}def f30(x):\n    return 0\ndef settle(case):\n    return {deep}"
    assert compile_source(source).run([1]) == 240
