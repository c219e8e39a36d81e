"""Expressions of a policy as closures: ``Eval`` takes the variables and gives a value.

The list of variables has the run's meter in slot 0. Every operation checks its operands and its
result, so nothing here can raise an exception of Python's own, grow beyond its bounds or depend on
the interpreter's version; meanings that Python could change (floor division and its remainder, the
order of texts by code point, slices) are pinned by tests.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from contracts.functions import HostError, HostFunction
from contracts.grammar import Places
from contracts.language import INT_BITS, LIST_MAX, RESULT_DEPTH_MAX, TEXT_MAX
from contracts.meter import PRICE_ITEM, TEXT_UNIT, Meter, PolicyFault
from contracts.values import INT_LIMIT, KINDS, OwnList, OwnMap, Value, name_kind

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


class Expressions:
    """Compiles expressions within one function (or of the outer level, without variables)."""

    def __init__(
        self,
        places: Places,
        table: Mapping[str, HostFunction],
        slots: Mapping[str, int],
        constants: Mapping[str, Value],
        own_call: Callable[[str, list[Eval], Place], Eval],
    ) -> None:
        self.places = places
        self.table = table
        self.slots = slots
        self.constants = constants
        self.own_call = own_call

    def compile(self, node: ast.expr) -> Eval:
        """The closure of one expression."""
        method: Callable[[Any], Eval] = getattr(self, f"_{type(node).__name__}")
        return method(node)

    def constant_of(self, node: ast.expr) -> tuple[bool, Value]:
        """Whether the expression is fixed when compiled, and its value.

        Lists in square brackets and maps are never fixed: each evaluation makes a new one.
        """
        if isinstance(node, ast.Constant):
            return True, node.value
        if isinstance(node, ast.Name) and node.id in self.constants:
            return True, self.constants[node.id]
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            known, value = self.constant_of(node.operand)
            return (True, -value) if known and type(value) is int else (False, None)
        if isinstance(node, ast.Tuple):
            parts = [self.constant_of(part) for part in node.elts]
            return all(known for known, _ in parts), [value for _, value in parts]
        return False, None

    def _fixed(self, node: ast.expr) -> Eval | None:
        known, value = self.constant_of(node)
        return (lambda env: value) if known else None

    # --- leaves ---

    def _Constant(self, node: ast.Constant) -> Eval:  # noqa: N802
        value = node.value
        return lambda env: value

    def _Name(self, node: ast.Name) -> Eval:  # noqa: N802
        name = node.id
        if name not in self.slots:
            value = self.constants[name]
            return lambda env: value
        slot, at, unset = self.slots[name], self.places.of(node), UNSET

        def read(env: Env) -> Value:
            value = env[slot]
            if value is unset:
                fault(at, "unassigned", name, name=name)
            return value

        return read

    # --- lists and maps ---

    def _List(self, node: ast.List) -> Eval:  # noqa: N802
        parts = [self.constant_of(part) for part in node.elts]
        if all(known for known, _ in parts):
            fixed = [value for _, value in parts]
            return lambda env: OwnList(fixed)
        items = [self.compile(part) for part in node.elts]
        return lambda env: OwnList([item(env) for item in items])

    def _Tuple(self, node: ast.Tuple) -> Eval:  # noqa: N802
        fixed = self._fixed(node)
        if fixed is not None:
            return fixed
        items = [self.compile(part) for part in node.elts]
        return lambda env: [item(env) for item in items]

    def _Dict(self, node: ast.Dict) -> Eval:  # noqa: N802
        at = self.places.of(node)
        # the first gate's limits keep a written-out list or map far below its cap
        pairs = [
            (self.compile(key), self.compile(value))
            for key, value in zip(node.keys, node.values, strict=True)
            if key is not None
        ]

        def make(env: Env) -> Value:
            made = OwnMap()
            for key_of, value_of in pairs:
                key = key_of(env)
                if type(key) is not str:
                    fault(at, "map-key", name_kind(key))
                made[key] = value_of(env)
            return made

        return make

    def _Subscript(self, node: ast.Subscript) -> Eval:  # noqa: N802
        at, base_of = self.places.of(node), self.compile(node.value)
        if isinstance(node.slice, ast.Slice):
            return self._slice(node.slice, base_of, at)
        known, key = self.constant_of(node.slice)
        if known and type(key) is str:
            return _read_key(base_of, key, at)
        key_of = self.compile(node.slice)

        def read(env: Env) -> Value:
            return take(base_of(env), key_of(env), at)

        return read

    def _slice(self, node: ast.Slice, base_of: Eval, at: Place) -> Eval:
        low_of, high_of = (
            self.compile(bound) if bound is not None else None for bound in (node.lower, node.upper)
        )

        def cut(env: Env) -> Value:
            base = base_of(env)
            low = low_of(env) if low_of else None
            high = high_of(env) if high_of else None
            for bound in (low, high):
                if bound is not None and type(bound) is not int:
                    fault(at, "index", f"a slice by {name_kind(bound)}")
            if isinstance(base, list):
                found = OwnList(base[low:high])
                env[METER].charge(len(found) * PRICE_ITEM)
                return found
            if type(base) is not str:
                fault(at, "type", f"a slice of {name_kind(base)}")
            env[METER].charge_text(len(base))
            return base[low:high]

        return cut

    # --- logic ---

    def _BoolOp(self, node: ast.BoolOp) -> Eval:  # noqa: N802
        parts = [self.compile(part) for part in node.values]
        first, rest = parts[0], parts[1:]
        if isinstance(node.op, ast.And):

            def every(env: Env) -> Value:
                value = first(env)
                for part in rest:
                    if not value:
                        return value
                    value = part(env)
                return value

            return every

        def some(env: Env) -> Value:
            value = first(env)
            for part in rest:
                if value:
                    return value
                value = part(env)
            return value

        return some

    def _IfExp(self, node: ast.IfExp) -> Eval:  # noqa: N802
        test, then, other = map(self.compile, (node.test, node.body, node.orelse))
        return lambda env: then(env) if test(env) else other(env)

    def _UnaryOp(self, node: ast.UnaryOp) -> Eval:  # noqa: N802
        fixed = self._fixed(node)
        if fixed is not None:
            return fixed
        at, operand = self.places.of(node), self.compile(node.operand)
        if isinstance(node.op, ast.Not):
            return lambda env: not operand(env)

        def negate(env: Env) -> Value:
            value = operand(env)
            if type(value) is not int:
                fault(at, "type", f"- of {name_kind(value)}")
            return -value

        return negate

    def _Compare(self, node: ast.Compare) -> Eval:  # noqa: N802
        at = self.places.of(node)
        first = self.compile(node.left)
        tests = [COMPARISONS[type(op)] for op in node.ops]
        parts = [self.compile(part) for part in node.comparators]
        if len(parts) == 1:
            test, second = tests[0], parts[0]
            return lambda env: test(first(env), second(env), env[METER], at)
        links = list(zip(tests, parts, strict=True))

        def chain(env: Env) -> Value:
            left = first(env)
            for test, part in links:
                right = part(env)
                if not test(left, right, env[METER], at):
                    return False
                left = right
            return True

        return chain

    # --- arithmetic ---

    def _BinOp(self, node: ast.BinOp) -> Eval:  # noqa: N802
        at, left, right = self.places.of(node), self.compile(node.left), self.compile(node.right)
        return BINARY[type(node.op)](left, right, at)

    # --- calls ---

    def _Call(self, node: ast.Call) -> Eval:  # noqa: N802
        assert isinstance(node.func, ast.Name)
        at, name = self.places.of(node), node.func.id
        arguments = [self.compile(argument) for argument in node.args]
        function = self.table.get(name)
        if function is None:
            return self.own_call(name, arguments, at)
        return _host_call(function, arguments, at)


def _host_call(function: HostFunction, arguments: list[Eval], at: Place) -> Eval:
    call, price_item, uses_host = function.call, function.price_item, function.uses_host
    price_result = function.price_result

    def invoke(env: Env) -> Value:
        values = [argument(env) for argument in arguments]
        meter = env[METER]
        if price_item:
            meter.charge(price_item * sum(map(_weight, values)))
        try:
            value = call(meter.host, *values) if uses_host else call(*values)
        except HostError as error:
            fault(at, error.fault, str(error), function=function.name)
        if type(value) not in KINDS:
            raise AssertionError(f"{function.name} gave {type(value).__name__}")
        if price_result:
            meter.charge(price_result * _weight(value))
        return value

    return invoke


def _weight(value: Value) -> int:
    """What a function has to look at: items of a list or map, units of a text."""
    if isinstance(value, list | dict):
        return len(value)
    return len(value) // TEXT_UNIT if type(value) is str else 0


def _read_key(base_of: Eval, key: str, at: Place) -> Eval:
    """``map["key"]`` with the key written out: the most frequent expression of all."""

    def read(env: Env) -> Value:
        base = base_of(env)
        if isinstance(base, dict):
            try:
                return base[key]
            except KeyError:
                fault(at, "no-key", key, key=key)
        fault(at, "type", f"[{key!r}] of {name_kind(base)}")

    return read


def take(base: Value, key: Value, at: Place) -> Value:
    """``base[key]`` of a list, map or text."""
    if isinstance(base, dict):
        if type(key) is str and key in base:
            return base[key]
        fault(at, "no-key", repr(key))
    if not isinstance(base, list | str):
        fault(at, "type", f"[...] of {name_kind(base)}")
    if type(key) is not int:
        fault(at, "index", f"by {name_kind(key)}")
    if not -len(base) <= key < len(base):
        fault(at, "index", f"{key} of {len(base)}")
    return base[key]


# --- comparisons: (left, right, meter, place) -> bool ---------------------------------------------


def equal(left: Value, right: Value, meter: Meter, at: Place, depth: int = 0) -> bool:
    """Whether two values are the same, kind by kind: ``True`` is not 1. Charges for lists."""
    if isinstance(left, list | dict):
        if depth > RESULT_DEPTH_MAX:
            fault(at, "nesting", f"a comparison deeper than {RESULT_DEPTH_MAX}")
        meter.charge(len(left) * PRICE_ITEM)
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
        meter.charge(len(right) * PRICE_ITEM)
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


def _eq(left: Value, right: Value, meter: Meter, at: Place) -> bool:
    kind = type(left)
    if kind is int:
        return kind is type(right) and bool(left == right)
    return equal(left, right, meter, at)


def _ne(left: Value, right: Value, meter: Meter, at: Place) -> bool:
    return not _eq(left, right, meter, at)


COMPARISONS: dict[type[ast.cmpop], Callable[[Value, Value, Meter, Place], bool]] = {
    ast.Eq: _eq,
    ast.NotEq: _ne,
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
