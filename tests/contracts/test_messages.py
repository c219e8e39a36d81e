"""Messages about a policy's slip never write out what the policy built.

A list that holds itself, one nested thousands deep, or one that holds another a million times over
is cheap to build and impossible to print: the message would end in the depth of Python's stack, on
one validator sooner than on the other. So every function is given such values in every place.
"""

from __future__ import annotations

import pytest

from contracts.functions import BUILTINS, HostFunction
from contracts.interpreter import compile_source
from contracts.meter import PolicyFault
from contracts.settlement.benefits import HOST, Recorder
from contracts.values import SHOWN_MAX, shown

BUILD = {
    "deep": "x = []\n    for i in range(3000):\n        x = [x]",
    "itself": "x = []\n    push(x, x)",
    "wide": "x = range(9000)\n    for i in range(30):\n        x = [x, x, x, x, x, x, x, x, x, x]",
    "map": 'x = {}\n    for i in range(3000):\n        x = {"a": x, "b": x}',
}
DETAIL_MAX = 400
ALL = [function for table in (BUILTINS, HOST) for function in table.values()]
PLAIN = {"fail", "push", "copy", "len", "values", "items", "get", "nth", "by_level", "keys"}
"""Functions that take a list or map of anything and so have no reason to complain."""


def outcome(body: str) -> str:
    """The detail of the fault that ends the run; empty when it ends with an answer."""
    program = compile_source(f"def settle(case):\n    {body}\n    return 0\n", HOST)
    try:
        program.run([{}], host=Recorder())
    except PolicyFault as fault:
        return fault.detail or fault.fault
    return ""


@pytest.mark.parametrize("kind", BUILD)
@pytest.mark.parametrize("function", ALL, ids=lambda f: f.name)
def test_no_function_prints_what_it_cannot_take(function: HostFunction, kind: str) -> None:
    if function.name == "fail":
        return  # its code is written out in the source
    for count in range(max(1, function.min_args), min(function.max_args, 4) + 1):
        for place in range(count):
            given = ["1"] * count
            given[place] = "x"
            detail = outcome(f"{BUILD[kind]}\n    y = {function.name}({', '.join(given)})")
            assert len(detail) <= DETAIL_MAX
            assert detail or function.name in PLAIN


@pytest.mark.parametrize("kind", BUILD)
@pytest.mark.parametrize(
    "use",
    ['y = {"a": 1}\n    z = y[x]', "y = [1]\n    z = y[x]", "y = [1]\n    y[x] = 1", "y = x + 1",
     "y = x == x", "y = x < x", "y = 1 in x", "y = x[0]", "y = 'abc'[x]", "y = 'abc'[x:]",
     "a, b, c = x", "y = -x", "for y in x:\n        z = 1 - y", "return x"],
)  # fmt: skip
def test_no_operation_prints_what_it_cannot_take(use: str, kind: str) -> None:
    assert len(outcome(f"{BUILD[kind]}\n    {use}")) <= DETAIL_MAX


def test_shown_quotes_the_short_and_names_the_rest() -> None:
    assert [shown(v) for v in (None, True, -5, "a'b", [1], {"a": 1})] == [
        "None", "True", "-5", '"a\'b"', "a list", "a map",
    ]  # fmt: skip
    assert len(shown("x" * 4_000)) <= SHOWN_MAX + 5


def test_a_missing_key_is_told_with_those_there_are() -> None:
    assert outcome('y = {"b": 1, "a": 2}\n    z = y["c"]') == "'c'; there are a, b"
    assert "get(map, key, default)" in outcome('y = {}\n    z = y["c"]')
    many = "y = {}\n    for i in range(900):\n        y[str(i)] = 1"
    assert outcome(f'{many}\n    z = y["c"]').endswith(" ...")
