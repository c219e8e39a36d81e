"""Units are ours: pinned numbers, the same whatever runs them; running out leaves nothing."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.interpreter import LanguageError, OutOfBudget, PolicyFault, compile_source
from contracts.meter import BUDGET_CONSTANTS, BUDGET_DEFAULT, Meter
from tests.contracts.programs import write_program


def units(body: str, case: object = None) -> int:
    lines = "".join(f"    {line}\n" for line in body.split("\n"))
    return compile_source(f"def f(x):\n    return x\ndef settle(case):\n{lines}").run_metered(
        [case]
    )[1]


@pytest.mark.parametrize(
    ("body", "spent"),
    [
        ("pass", 1),
        ("return 1", 2),
        ("return 1 + 2", 4),
        ("x = 1\nreturn x", 5),
        ("return 1 if case else 2", 5),
        ("return case and 2", 4),
        ("return f(1)", 4 + 6 + 2),
        ("return abs(1)", 4 + 2),
        ("for i in range(3):\n    pass", 5 + 4 + 3 * 2),
        ("for i in range(0):\n    pass", 5 + 4),
        ("return [1, 2, 3]", 5),
        ("return [1, 2] + [3]", 3 + 3 + 1 + 3),
        ("return [1, 2] == [1, 3]", 8 + 2 * 4),
        ("return 5 in [1, 2]", 6 + 2 * 4),
        ("if case:\n    return 1\nelif case:\n    return 2\nelse:\n    return 3", 6),
        ('return "' + "x" * 32 + '" + ""', 6),
    ],
)
def test_the_price_of_small_programs(body: str, spent: int) -> None:
    assert units(body) == spent


def test_a_loop_pays_for_every_pass() -> None:
    costs = [units(f"for i in range({n}):\n    x = i + 1") for n in (0, 1, 2, 100)]
    each = costs[1] - costs[0]
    assert each > 0
    assert costs == [costs[0], costs[0] + each, costs[0] + 2 * each, costs[0] + 100 * each]


@given(st.integers(0, 2**32))
def test_a_run_needs_exactly_what_it_is_said_to_use(seed: int) -> None:
    """One unit less than needed ends the run, and the input is untouched wherever it ends."""
    program = compile_source(write_program(seed))
    case = {"a": 3, "c": 4}
    try:
        answer, used = program.run_metered([case])
    except (PolicyFault, OutOfBudget):
        return
    assert program.run_metered([case], budget=used) == (answer, used)
    for budget in {used - 1, used // 2, used // 3, 1, 0}:
        before = copy.deepcopy(case)
        with pytest.raises(OutOfBudget) as caught:
            program.run([case], budget=budget)
        assert caught.value.values == {"budget": budget}
        assert case == before
    assert program.run_metered([case]) == (answer, used)


def test_every_budget_below_the_price_runs_out() -> None:
    program = compile_source(
        "T = [1, 2]\ndef f(x):\n    return x * 2\ndef settle(case):\n    s = 0\n"
        "    for i in range(4):\n        if i in T:\n            s += f(i) + len(T + [i])\n"
        "    return [s, T[1:], sorted([2, 1]) == T]\n"
    )
    answer, used = program.run_metered([{}])
    assert answer == [12, [2], True]
    assert used < BUDGET_DEFAULT
    for budget in range(used):
        with pytest.raises(OutOfBudget):
            program.run([{}], budget=budget)


def test_a_meter_counts() -> None:
    meter = Meter(10)
    meter.charge(4)
    meter.charge_text(33)
    assert (meter.used, meter.left) == (6, 4)
    with pytest.raises(OutOfBudget):
        meter.charge(5)
    assert meter.used == 10


@pytest.mark.parametrize("value", ["[A]", "A", '{"a": A}', "(A, A, 1)", "B"])
def test_constants_pay_for_what_they_hold_and_not_for_how_short_they_are(value: str) -> None:
    """Each line that names a list of thousands is a copy of thousands, kept as long as the
    program is."""
    few, many = (
        "A = range(1000)\nB = [A]\n" + "".join(f"C{n} = {value}\n" for n in range(count))
        + "def settle(case):\n    return 1\n"
        for count in (3, 1_900)
    )  # fmt: skip
    compile_source(few)
    with pytest.raises(LanguageError) as refused:
        compile_source(many)
    first = refused.value.diagnostics[0]
    assert (first.rule, f"more than {BUDGET_CONSTANTS} units" in first.message) == (
        "constant.fault", True
    )  # fmt: skip
