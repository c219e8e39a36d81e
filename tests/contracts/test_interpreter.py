"""The interpreter against CPython on random programs, and its own pinned meanings."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import operations
from contracts.functions import HostError, HostFunction
from contracts.interpreter import LanguageError, OutOfBudget, PolicyFault, check, compile_source
from contracts.values import INT_LIMIT, check_input
from tests.contracts.programs import run_in_cpython, write_program


def run(body: str, *args: Any, **given_values: Any) -> Any:
    lines = "".join(f"    {line}\n" for line in body.split("\n"))
    return compile_source(f"def settle(case):\n{lines}").run(list(args) or [{}], **given_values)


CASE = {"a": 3, "c": 4}
LIMITS = ("number-size", "text-size", "list-size", "size", "read-only", "answer")
"""Faults that Python does not have."""


def differs(source: str) -> str:
    """What is wrong with the interpreter's answer by CPython's; empty when they agree.

    The interpreter goes first: what it stops for its size would fill the memory of CPython.
    """
    try:
        answer, fault = compile_source(source).run([dict(CASE)]), ""
    except PolicyFault as error:
        answer, fault = None, error.fault
    except OutOfBudget:
        return ""
    if fault in LIMITS:
        return ""
    try:
        expected, failed = run_in_cpython(source, dict(CASE)), ""
    except (ZeroDivisionError, IndexError, ValueError, TypeError, UnboundLocalError) as error:
        expected, failed = None, type(error).__name__
    if (fault, failed) != ("", ""):
        return "" if fault and failed else f"{fault or answer} instead of {failed or expected}"
    return "" if repr(answer) == repr(expected) else f"{answer!r} instead of {expected!r}"


@settings(max_examples=400)
@given(st.integers(0, 2**32))
def test_random_programs_mean_what_they_mean_in_python(seed: int) -> None:
    source = write_program(seed)
    assert check(source) == []
    assert differs(source) == ""


def test_most_random_programs_come_to_an_answer() -> None:
    answered = 0
    for seed in range(200):
        try:
            compile_source(write_program(seed)).run([CASE])
            answered += 1
        except PolicyFault:
            pass
    assert answered > 100


@pytest.mark.parametrize(
    ("name", "planted"),
    [
        ("_floor", lambda a, b: int(a / b)),
        ("_mod", lambda a, b: abs(a) % abs(b)),
        ("_sub", lambda a, b: b - a),
    ],
)
def test_the_comparison_finds_a_planted_bug(
    monkeypatch: pytest.MonkeyPatch, name: str, planted: Any
) -> None:
    kind = next(k for k, v in operations.BINARY.items() if v.__name__ == name)

    def wrong(left: Any, right: Any, at: Any) -> Any:
        def evaluate(env: Any) -> Any:
            a, b = left(env), right(env)
            if b == 0 and name != "_sub":
                operations.fault(at, "zero-division")
            return planted(a, b)

        return evaluate

    monkeypatch.setitem(operations.BINARY, kind, wrong)
    assert any(differs(write_program(seed)) for seed in range(200))


small = st.integers(-(10**6), 10**6)
large = st.integers(-INT_LIMIT + 1, INT_LIMIT - 1)


@given(small | large, small | large)
def test_division_rounds_down_and_the_remainder_has_the_divisors_sign(a: int, b: int) -> None:
    source = "def div(a, b):\n    return str(a // b)\ndef settle(a, b):\n    return str(a % b)"
    program = compile_source(source, params=2)
    if b == 0:
        for entry in ("settle", "div"):
            with pytest.raises(PolicyFault, match="zero-division"):
                program.run([a, b], entry=entry)
        return
    remainder, quotient = int(program.run([a, b])), int(program.run([a, b], entry="div"))
    assert quotient * b + remainder == a
    assert (0 <= remainder < b) if b > 0 else (b < remainder <= 0)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ("return -7 // 2", -4),
        ("return -7 % 2", 1),
        ("return 7 // -2", -4),
        ("return 7 % -2", -1),
        ("return 1_000", 1000),
        ("return (1, 2) == [1, 2]", True),
        ("return 1 == True", False),
        ("return [1] == [True]", False),
        ('return {"a": 0} == {"a": False}', False),
        ("return None == 0", False),
        ('return "1" == 1', False),
        ('return {"a": [1, {"b": None}]} == {"a": [1, {"b": None}]}', True),
        ('return {"a": 1} == {"b": 1}', False),
        ("return [1, 2] != [1, 3]", True),
        ("return 1 < 2 < 3 < 3", False),
        ("return 3 > 2 >= 2 != 1", True),
        ("return 1 in [True, 2]", False),
        ('return "b" in {"a": 1, "b": 2}', True),
        ('return 1 in {"a": 1}', False),
        ('return "ab" in "xaby"', True),
        ('return "" or [] or 0 or None', None),
        ('return 1 and "x"', "x"),
        ("return 0 and 1 // 0", 0),
        ("return 1 or 1 // 0", 1),
        ("return 1 if [] else 2", 2),
        ('return "\U0001f600医" > "医"', True),
        ('return "abc"[-1] + "abc"[0:2] + "abc"[5:]', "cab"),
        ("return [1, 2, 3][-2:]", [2, 3]),
        ("return [1, 2, 3][:-1]", [1, 2]),
        ('return "a\\n\\"\\\\"', 'a\n"\\'),
        ('return """a\nb"""', "a\n    b"),
        ('return keys({"b": 1, "a": 2})', ["a", "b"]),
        ('return values({"b": 1, "a": 2})', [2, 1]),
        ('return items({"b": 1, "a": 2})', [["a", 2], ["b", 1]]),
        ('x = []\nfor k in {"b": 1, "a": 2}:\n    push(x, k)\nreturn x', ["a", "b"]),
        ("x = [1]\nfor a in x:\n    push(x, a)\nreturn x", [1, 1]),
        ("x = [1, 2]\ny = x\npush(y, 3)\nreturn x", [1, 2, 3]),
        ("x = [1, 2]\ny = copy(x)\npush(y, 3)\nreturn x", [1, 2]),
        ('x = copy(case)\nx["new"] = 1\nreturn x', {"new": 1}),
        ("a, b = (1, 2)\na, b = b, a\nreturn [a, b]", [2, 1]),
        ("s = 0\nfor a, b in [(1, 2), (3, 4)]:\n    s += a * b\nreturn s", 14),
        ('x = {"n": 1}\nx["n"] += 4\nx["n"] *= 2\nreturn x', {"n": 10}),
        ("x = [1, 2]\nx[-1] -= 5\nreturn x", [1, -3]),
        ('x = "a"\nx += "b"\nreturn x', "ab"),
        ("x = 7\nx //= 2\nx %= 2\nreturn x", 1),
        ("for i in range(3):\n  if i == 1:\n    continue\n  if i == 2:\n    break\nreturn i", 2),
        ("for i in range(3):\n  for j in range(3):\n    if j == 1:\n      return [i, j]", [0, 1]),
        ("for i in []:\n    pass\nreturn min([3, 1]) + max(4, 2)", 5),
        ('return min("b", "a") + max(["2024-01-02", "2024-01-01"])', "a2024-01-02"),
        ("return sorted([3, 1, 2]) + sorted([])", [1, 2, 3]),
        ('return [str(-5), str("x"), int("-7"), int(3)]', ["-5", "x", -7, 3]),
        ("return range(5, 0, -2)", [5, 3, 1]),
        ('return get({"a": None}, "a", 5)', None),
        ('return get({}, "a")', None),
        ('if case == {}:\n    x = 1\nelse:\n    x = 2\nreturn x', 1),
        ("if case:\n    pass\nelif 0:\n    pass\nelse:\n    return 9", 9),
        ("pass", None),
        ("return", None),
        ('"a docstring"\nreturn not 0', True),
        ("x = (1, [2, case])\nreturn x", [1, [2, {}]]),
        ("return len([]) + len({}) + len('医保')", 2),
        ("x = [0] + [1]\nx[0] = 5\nreturn x", [5, 1]),
        ("return abs(-3) - -2", 5),
        ("return case is None or case is not None", True),
    ],
)  # fmt: skip
def test_meanings_that_are_frozen(body: str, value: Any) -> None:
    answer = run(body)
    assert answer == value
    assert type(answer) is type(value)


@pytest.mark.parametrize(
    ("body", "kind", "place"),
    [
        ('return case["x"]', "no-key", (2, 12)),
        ('x = "x"\nreturn case[x]', "no-key", (3, 12)),
        ('return "医保" + case["x"]', "no-key", (2, 19)),
        ('return 1\nx = case["x"]', None, None),
        ("return [1][1]", "index", (2, 12)),
        ("x = [1]\nx[1] = 2", "index", (3, 5)),
        ('return (5)["a"]', "type", (2, 12)),
        ('x = "a"\nreturn (5)[x]', "type", (3, 12)),
        ('x = "ab"\nx[0] = "c"', "type", (3, 5)),
        ("x = [1]\nx += [2]", "type", (3, 5)),
        ("return [1]['a']", "no-key", None),
        ("return -case", "type", (2, 12)),
        ("return 1 - None", "type", (2, 12)),
        ('return 2 * "a"', "type", (2, 12)),
        ("return None // 2", "type", (2, 12)),
        ("return 2 % None", "type", (2, 12)),
        ("return 1 in 5", "type", (2, 12)),
        ('return 1 in "1"', "type", (2, 12)),
        ("return None < None", "type", (2, 12)),
        ("return case[1:2]", "type", (2, 12)),
        ("return len(5)", "argument", (2, 12)),
        ("return get(5, 'a')", "argument", (2, 12)),
        ("return get(case, 5)", "argument", (2, 12)),
        ("return push(case, 5)", "read-only", (2, 12)),
        ("return keys(5)", "argument", (2, 12)),
        ("return sum(5)", "argument", (2, 12)),
        ("return min([])", "argument", (2, 12)),
        ("return max(1, 'a')", "argument", (2, 12)),
        ("return max([None])", "argument", (2, 12)),
        ("return abs('a')", "argument", (2, 12)),
        ("return str(case)", "argument", (2, 12)),
        ("return int('1.5')", "argument", (2, 12)),
        ("return int(' 1')", "argument", (2, 12)),
        ("return int(True)", "argument", (2, 12)),
        ("return copy(5)", "argument", (2, 12)),
        ("a, b = 5", "unpack", (2, 5)),
        ("for a, b in [1]:\n    pass", "unpack", (2, 9)),
    ],
)
def test_a_fault_names_its_place(
    body: str, kind: str | None, place: tuple[int, int] | None
) -> None:
    if kind is None:
        assert run(body) == 1
        return
    with pytest.raises(PolicyFault) as caught:
        run(body)
    if place is None:
        assert caught.value.fault in {kind, "type"}
        return
    assert (caught.value.fault, (caught.value.line, caught.value.column)) == (kind, place)


def test_a_fault_keeps_the_case_out_of_its_public_values() -> None:
    for body in ('return "x" + case["n"]', 'return int(case["d"])', 'return [0][case["n"]]'):
        with pytest.raises(PolicyFault) as caught:
            run(body, {"n": 6660, "d": "diabetes"})
        assert "6660" not in repr(caught.value.values)
        assert "diabetes" not in repr(caught.value.values)


# --- host functions -------------------------------------------------------------------------------


def part(host: list[Any], amount: int, percent: int) -> int:
    if percent < 0:
        raise HostError(f"negative {percent}", "percent")
    host.append(["part", amount, percent])
    return amount * percent // 100


HOST = {
    function.name: function
    for function in (
        HostFunction("part", part, 2, 2, uses_host=True),
        HostFunction("yuan", lambda amount: amount * 100, 1, 1),
        HostFunction("pair", lambda a, b: [a, {"b": b}], 2, 2, price_item=3),
        HostFunction("broken", lambda a, b: 1.5, 2, 2),
        HostFunction("broken_one", lambda a: (a,), 1, 1),
        HostFunction("bug", lambda a: a.nothing, 1, 1),
        HostFunction("upset", lambda a, b: refuse(), 2, 2),
        HostFunction("newer", lambda a: a, 1, 1, since=2),
    )
}


def refuse() -> int:
    raise HostError("no")


def run_host(body: str, host: object = None) -> Any:
    return compile_source(f"def settle(case):\n    {body}\n", HOST).run([{}], host=host)


def test_a_host_function_collects_into_the_object_of_the_run() -> None:
    first: list[Any] = []
    second: list[Any] = []
    program = compile_source("X = yuan(5)\ndef settle(case):\n    return part(X, case)\n", HOST)
    assert program.run([50], host=first) == 250
    assert program.run([10], host=second) == 50
    assert (first, second) == ([["part", 500, 50]], [["part", 500, 10]])


def test_what_a_host_function_gives_is_read_only() -> None:
    assert run_host("return pair(1, 2)") == [1, {"b": 2}]
    with pytest.raises(PolicyFault, match="read-only"):
        run_host("push(pair(1, 2), 3)")


@pytest.mark.parametrize(
    ("body", "kind"), [("return part(1, -1)", "percent"), ("return upset(1, 2)", "argument")]
)
def test_a_host_error_is_a_fault_with_a_place(body: str, kind: str) -> None:
    with pytest.raises(PolicyFault) as caught:
        run_host(body, [])
    assert (caught.value.fault, caught.value.line, caught.value.column) == (kind, 2, 12)
    assert caught.value.values["function"] in body


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("return broken(1, 2)", AssertionError),
        ("return broken_one(1)", AssertionError),
        ("return bug(1)", AttributeError),
    ],
)
def test_a_bug_of_a_host_function_is_not_a_fault_of_the_policy(
    body: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        run_host(body)


def test_constants_may_not_record() -> None:
    found = check("X = part(1, 2)\ndef settle(case):\n    return X\n", HOST)
    assert [(d.rule, d.line, d.column) for d in found] == [("constant.call", 1, 5)]


def test_a_policy_keeps_the_functions_of_its_language_version() -> None:
    source = "def settle(case):\n    return newer(1)\n"
    assert [d.rule for d in check(source, HOST, version=1)] == ["call.unknown"]
    assert compile_source(source, HOST, version=2).run([1]) == 1
    own = "def newer(a):\n    return 2\ndef settle(case):\n    return newer(1)\n"
    assert compile_source(own, HOST, version=1).run([1]) == 2


def test_the_host_may_not_redefine_the_language() -> None:
    with pytest.raises(AssertionError):
        compile_source("", {"len": HostFunction("len", len, 1, 1)})
    with pytest.raises(AssertionError):
        compile_source("", {"other": HostFunction("name", len, 1, 1)})


# --- programs -------------------------------------------------------------------------------------


def test_a_program_can_be_run_from_several_entries() -> None:
    source = (
        'A = {"x": [1]}\ndef year(date):\n    return int(date[:4])\ndef settle(case):\n    return A'
    )
    program = compile_source(source)
    assert program.functions == {"year": 1, "settle": 1}
    assert program.constants == {"A": {"x": [1]}}
    assert program.run(["2026-01-01"], entry="year") == 2026
    answer = program.run([{}])
    answer["x"].append(2)
    assert program.run([{}]) == {"x": [1]}
    with pytest.raises(KeyError):
        program.run([{}], entry="none")
    with pytest.raises(ValueError, match="settle takes 1, not 2"):
        program.run([1, 2])


def test_line_ends_of_windows_are_line_ends() -> None:
    assert compile_source("def settle(case):\r\n    return 5\r\n").run([1]) == 5
    with pytest.raises(LanguageError) as caught:
        compile_source("def settle(case):\r\n    return 5\r    x = 1")
    assert caught.value.values["rule"] == "source.return"


@pytest.mark.parametrize(
    "value",
    [1.5, (1,), b"x", {1: 2}, "x" * 5000, INT_LIMIT, [0] * 10_001, {str(i): 1 for i in range(1001)},
     [[[[[[[[[[[[[1]]]]]]]]]]]]], {"a": {1}}],
)  # fmt: skip
def test_input_that_is_not_of_the_language_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        check_input(value)


def test_input_of_the_language_passes() -> None:
    check_input({"a": [1, -5, "x", None, True, {"b": []}]})
