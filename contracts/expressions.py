"""Expressions of a policy as closures: each takes the variables of a call and gives a value.

Operands are evaluated in Python's order. What is fixed when the policy is compiled, and variables
that are certainly assigned, take shorter ways with the same meaning and the same price.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any

from contracts.functions import HostError, HostFunction
from contracts.grammar import Places
from contracts.meter import PRICE_ITEM, TEXT_UNIT
from contracts.operations import (
    BINARY,
    COMPARISONS,
    METER,
    UNSET,
    Env,
    Eval,
    Place,
    comparison,
    fault,
    no_key,
    take,
)
from contracts.values import KINDS, OwnList, OwnMap, Value, name_kind, shown


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
        self.assigned: set[str] = set()
        """Names that certainly have a value at the place that is being compiled."""

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
        if isinstance(node, ast.Call):
            return self._constant_call(node)
        return False, None

    def _constant_call(self, node: ast.Call) -> tuple[bool, Value]:
        """A call such as ``yuan(900)``: the same on every evaluation, so made once.

        Its price is part of the block's as ever. A call that fails is left to fail in a run.
        """
        function = self.table.get(node.func.id) if isinstance(node.func, ast.Name) else None
        if function is None or function.uses_host or function.price_item or function.price_result:
            return False, None
        arguments = [self.constant_of(argument) for argument in node.args]
        if not all(known for known, _ in arguments):
            return False, None
        try:
            value = function.call(*(value for _, value in arguments))
        except HostError:
            return False, None
        check_kind(function, value)
        # what the policy may change must be made anew each time
        return not isinstance(value, OwnList | OwnMap), value

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
        if name in self.assigned:
            return itemgetter(slot)

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

        def make(env: Env) -> Value:
            made = OwnList()
            for item in items:
                made.append(item(env))
            return made

        return make

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
        if all(isinstance(key, ast.Constant) for key in node.keys):
            named = [
                (str(key.value), value_of)
                for key, (_, value_of) in zip(node.keys, pairs, strict=True)
                if isinstance(key, ast.Constant)
            ]

            def make_named(env: Env) -> Value:
                made = OwnMap()
                for key, value_of in named:
                    made[key] = value_of(env)
                return made

            return make_named

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
        parts = [self.compile(part) for part in node.comparators]
        if len(parts) == 1:
            return comparison(type(node.ops[0]), first, parts[0], at)
        tests = [COMPARISONS[type(op)] for op in node.ops]
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
        fixed = self._fixed(node)
        if fixed is not None:
            return fixed
        at, name = self.places.of(node), node.func.id
        arguments = [self.compile(argument) for argument in node.args]
        function = self.table.get(name)
        if function is None:
            return self.own_call(name, arguments, at)
        return _host_call(function, arguments, at)


def check_kind(function: HostFunction, value: Value) -> None:
    """AssertionError when a function gave what is no value of the language: our bug."""
    if type(value) not in KINDS:
        raise AssertionError(f"{function.name} gave {type(value).__name__}")


def _host_call(function: HostFunction, arguments: list[Eval], at: Place) -> Eval:
    name, call, uses_host = function.name, function.call, function.uses_host
    price_item, price_result = function.price_item, function.price_result

    def invoke_simply(env: Env) -> Value:
        try:
            result = call(*[argument(env) for argument in arguments])
        except HostError as error:
            fault(at, error.fault, str(error), function=name)
        if type(result) not in KINDS:
            check_kind(function, result)
        return result

    if not (uses_host or price_item or price_result):
        return invoke_simply  # what it costs is all in the block's price

    def invoke(env: Env) -> Value:
        meter, values, units = env[METER], [], 0
        for argument in arguments:
            value = argument(env)
            values.append(value)
            if price_item and type(value) is not int:
                units += price_item * _weight(value)
        if units:
            meter.charge(units)
        try:
            result = call(meter.host, *values) if uses_host else call(*values)
        except HostError as error:
            fault(at, error.fault, str(error), function=name)
        if type(result) not in KINDS:
            check_kind(function, result)
        if price_result:
            meter.charge(price_result * _weight(result))
        return result

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
                no_key(base, key, at, key=key)
        return fault(at, "type", f"[{shown(key)}] of {name_kind(base)}")

    return read
