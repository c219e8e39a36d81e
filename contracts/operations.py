"""Operations of a policy on values: comparison, arithmetic, access to lists, maps and texts.

Every operation checks its operands and its result, so nothing here can raise an exception of
Python's own, grow beyond its bounds or depend on the interpreter's version; meanings that Python
could change (floor division and its remainder, the order of texts by code point) are pinned by
tests. ``Eval`` takes the variables of a call, with the run's meter in slot 0, and gives a value.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any, NoReturn

from contracts.language import INT_BITS, LIST_MAX, MAP_MAX, RESULT_DEPTH_MAX, TEXT_MAX
from contracts.meter import PRICE_COMPARED, PRICE_ITEM, TEXT_UNIT, Meter, PolicyFault
from contracts.values import INT_LIMIT, OwnList, OwnMap, Value, name_kind, shown

Env = list[Any]
"""Slot 0: the meter. Slot 1: the value being returned. Then parameters and variables."""
Eval = Callable[[Env], Value]
Place = tuple[int, int]

METER = 0
RETURNED = 1
FIRST_VARIABLE = 2


class Unset:
    """What a variable holds before it is assigned."""


UNSET = Unset()


def fault(at: Place, kind: str, detail: str = "", **values: Value) -> NoReturn:
    """End the run. ``values`` are public; what may tell of the case goes into ``detail``."""
    raise PolicyFault(kind, at[0], at[1], values, detail)


KEYS_SHOWN = 12
"""Keys that a message about a missing one names."""


def no_key(base: dict[str, Value], missing: Value, at: Place, **values: Value) -> NoReturn:
    """End the run: the map has no such key. The author's screen shows the keys that it has."""
    names = sorted(base)
    there = ", ".join(shown(name)[1:-1] for name in names[:KEYS_SHOWN])
    if not names:
        there = "the map is empty; get(map, key, default) asks without a fault"
    elif len(names) > KEYS_SHOWN:
        there = f"there are {there} ..."
    else:
        there = f"there are {there}"
    fault(at, "no-key", f"{shown(missing)}; {there}", **values)


def take(base: Value, key: Value, at: Place) -> Value:
    """``base[key]`` of a list, map or text."""
    if isinstance(base, dict):
        if type(key) is str and key in base:
            return base[key]
        no_key(base, key, at)
    if not isinstance(base, list | str):
        fault(at, "type", f"[...] of {name_kind(base)}")
    if type(key) is not int:
        fault(at, "index", f"by {name_kind(key)}")
    if not -len(base) <= key < len(base):
        fault(at, "index", f"{key} of {len(base)}")
    return base[key]


def put(base: Value, key: Value, value: Value, at: Place) -> None:
    """``base[key] = value`` of a list or map that the policy made."""
    if isinstance(base, OwnMap):
        if type(key) is not str:
            fault(at, "map-key", name_kind(key))
        if len(base) >= MAP_MAX and key not in base:
            fault(at, "map-size", limit=MAP_MAX)
        base[key] = value
    elif isinstance(base, OwnList):
        if type(key) is not int or not -len(base) <= key < len(base):
            fault(at, "index", f"{shown(key)} of {len(base)}")
        base[key] = value
    elif isinstance(base, list | dict):
        fault(at, "read-only", f"{name_kind(base)} that this policy did not make; copy(...) it")
    else:
        fault(at, "type", f"[...] of {name_kind(base)}")


# --- comparisons: (left, right, meter, place) -> bool ---------------------------------------------


def equal(left: Value, right: Value, meter: Meter, at: Place, depth: int = 0) -> bool:
    """Whether two values are the same, kind by kind: ``True`` is not 1. Charges for lists."""
    if isinstance(left, list | dict):
        if depth > RESULT_DEPTH_MAX:
            fault(at, "nesting", f"a comparison deeper than {RESULT_DEPTH_MAX}")
        meter.charge(len(left) * PRICE_COMPARED)
        if isinstance(left, list):
            return (
                isinstance(right, list)
                and len(left) == len(right)
                and all(equal(a, b, meter, at, depth + 1) for a, b in zip(left, right, strict=True))
            )
        return (
            isinstance(right, dict)
            and left.keys() == right.keys()
            and all(
                # in the order of the keys: which pair differs first decides what is paid
                equal(left[key], right[key], meter, at, depth + 1)
                for key in sorted(left)
            )
        )
    if type(left) is str and type(right) is str:
        meter.charge_text(min(len(left), len(right)))
    return type(left) is type(right) and bool(left == right)


def _contains(left: Value, right: Value, meter: Meter, at: Place) -> bool:
    if isinstance(right, dict):
        return type(left) is str and left in right
    if isinstance(right, list):
        meter.charge(len(right) * PRICE_COMPARED)
        return any(equal(left, item, meter, at) for item in right)
    if type(right) is not str or type(left) is not str:
        fault(at, "type", f"{name_kind(left)} in {name_kind(right)}")
    # a search may look at every pair of characters in the worst case; both are capped
    meter.charge_text(len(right) * (1 + len(left) // TEXT_UNIT))
    return left in right


def _ordered(compare: Callable[[Any, Any], bool], sign: str) -> Callable[..., bool]:
    def test(left: Value, right: Value, meter: Meter, at: Place) -> bool:
        kind = type(left)
        if kind is type(right):
            if kind is int:
                return compare(left, right)
            if kind is str:
                meter.charge_text(min(len(left), len(right)))
                return compare(left, right)
        fault(at, "type", f"{name_kind(left)} {sign} {name_kind(right)}")

    return test


COMPARISONS: dict[type[ast.cmpop], Callable[[Value, Value, Meter, Place], bool]] = {
    ast.Eq: equal,
    ast.NotEq: lambda left, right, meter, at: not equal(left, right, meter, at),
    ast.Lt: _ordered(operator.lt, "<"),
    ast.LtE: _ordered(operator.le, "<="),
    ast.Gt: _ordered(operator.gt, ">"),
    ast.GtE: _ordered(operator.ge, ">="),
    ast.In: _contains,
    ast.NotIn: lambda left, right, meter, at: not _contains(left, right, meter, at),
    # the grammar admits these two with None on the right only
    ast.Is: lambda left, right, meter, at: left is None,
    ast.IsNot: lambda left, right, meter, at: left is not None,
}

_QUICK: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
"""How two numbers are compared; everything else takes the way through ``COMPARISONS``."""


def comparison(kind: type[ast.cmpop], left: Eval, right: Eval, at: Place) -> Eval:
    """The closure of one comparison, with the way of numbers first."""
    test, quick = COMPARISONS[kind], _QUICK.get(kind)
    if quick is None:
        return lambda env: test(left(env), right(env), env[METER], at)

    def compare(env: Env) -> bool:
        a, b = left(env), right(env)
        if type(a) is int and type(b) is int:
            return quick(a, b)
        return test(a, b, env[METER], at)

    return compare


# --- arithmetic: (left, right, place) -> Eval -----------------------------------------------------


def _overflow(at: Place) -> NoReturn:
    fault(at, "number-size", bits=INT_BITS)


def _add(left: Eval, right: Eval, at: Place) -> Eval:
    def add(env: Env) -> Value:
        a, b = left(env), right(env)
        if type(a) is int and type(b) is int:
            result = a + b
            if -INT_LIMIT < result < INT_LIMIT:
                return result
            _overflow(at)
        return join(a, b, env[METER], at)

    return add


def join(a: Value, b: Value, meter: Meter, at: Place) -> Value:
    """``a + b`` of two texts or two lists."""
    if type(a) is str and type(b) is str:
        size = len(a) + len(b)
        if size > TEXT_MAX:
            fault(at, "text-size", limit=TEXT_MAX)
        meter.charge_text(size)
        return a + b
    if isinstance(a, list) and isinstance(b, list):
        size = len(a) + len(b)
        if size > LIST_MAX:
            fault(at, "list-size", limit=LIST_MAX)
        meter.charge(size * PRICE_ITEM)
        return OwnList([*a, *b])
    fault(at, "type", f"{name_kind(a)} + {name_kind(b)}")


def _sub(left: Eval, right: Eval, at: Place) -> Eval:
    def subtract(env: Env) -> Value:
        a, b = left(env), right(env)
        if type(a) is int and type(b) is int:
            result = a - b
            if -INT_LIMIT < result < INT_LIMIT:
                return result
            _overflow(at)
        fault(at, "type", f"{name_kind(a)} - {name_kind(b)}")

    return subtract


def _mul(left: Eval, right: Eval, at: Place) -> Eval:
    def multiply(env: Env) -> Value:
        a, b = left(env), right(env)
        if type(a) is int and type(b) is int:
            result = a * b
            if -INT_LIMIT < result < INT_LIMIT:
                return result
            _overflow(at)
        fault(at, "type", f"{name_kind(a)} * {name_kind(b)}")

    return multiply


def _floor(left: Eval, right: Eval, at: Place) -> Eval:
    def divide(env: Env) -> Value:
        """Rounds towards minus infinity: -7 // 2 is -4."""
        a, b = left(env), right(env)
        if type(a) is not int or type(b) is not int:
            fault(at, "type", f"{name_kind(a)} // {name_kind(b)}")
        if b == 0:
            fault(at, "zero-division")
        return a // b

    return divide


def _mod(left: Eval, right: Eval, at: Place) -> Eval:
    def remainder(env: Env) -> Value:
        """What floor division leaves, with the divisor's sign: -7 % 2 is 1."""
        a, b = left(env), right(env)
        if type(a) is not int or type(b) is not int:
            fault(at, "type", f"{name_kind(a)} % {name_kind(b)}")
        if b == 0:
            fault(at, "zero-division")
        return a % b

    return remainder


BINARY: dict[type[ast.operator], Callable[[Eval, Eval, Place], Eval]] = {
    ast.Add: _add,
    ast.Sub: _sub,
    ast.Mult: _mul,
    ast.FloorDiv: _floor,
    ast.Mod: _mod,
}
