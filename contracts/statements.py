"""Statements and functions of a policy as closures.

A block pays for itself when it is entered, then runs its statements; a statement gives ``None`` to
go on, or the signal that ends the block. There is no ``while`` and no recursion, so every run ends
even without the meter; the meter bounds how long it takes.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from contracts.expressions import Expressions
from contracts.functions import HostError, HostFunction, count_range
from contracts.grammar import Places
from contracts.meter import PRICE_CALL, PRICE_ITEM, PRICE_NODE, Meter, OutOfBudget
from contracts.operations import (
    BINARY,
    FIRST_VARIABLE,
    METER,
    RETURNED,
    UNSET,
    Env,
    Eval,
    Place,
    fault,
    put,
    take,
)
from contracts.values import OwnList, Value, name_kind

BREAK, CONTINUE, RETURN = "break", "continue", "return"
Run = Callable[[Env], str | None]
"""Runs one statement or block; gives the signal that ends the enclosing block, or ``None``."""


class Function:
    """A compiled function. The body is filled in when all functions are known."""

    __slots__ = ("body", "name", "parameters", "tail")

    def __init__(self, name: str, parameters: int, variables: int) -> None:
        self.name = name
        self.parameters = parameters
        self.tail = [UNSET] * (variables - parameters)
        self.body: Run = _pass

    def call(self, meter: Meter, arguments: Iterable[Value]) -> Value:
        """Run the body with these arguments; ``None`` when it returns nothing."""
        frame: Env = [meter, None, *arguments, *self.tail]
        self.body(frame)
        return frame[RETURNED]


class Statements:
    """Compiles the body of one function."""

    def __init__(
        self,
        parameters: list[str],
        variables: list[str],
        places: Places,
        table: Mapping[str, HostFunction],
        constants: Mapping[str, Value],
        own: Mapping[str, Function],
    ) -> None:
        self.slots = {name: slot for slot, name in enumerate(variables, FIRST_VARIABLE)}
        self.places = places
        self.table = table
        self.own = own
        self.expressions = Expressions(places, table, self.slots, constants, self._own_call)
        self.expressions.assigned |= set(parameters)

    def _own_call(self, name: str, arguments: list[Eval], at: Place) -> Eval:
        function = self.own[name]
        # the price is part of the block's: see cost()
        return lambda env: function.call(env[METER], [argument(env) for argument in arguments])

    # --- blocks ---

    def block(self, body: list[ast.stmt]) -> Run:
        """One closure that pays for the statements of a block and runs them in order."""
        price = sum(cost(node, self.table) for node in body)
        runs = [self._compile(node) for node in body]
        if len(runs) == 1:
            only = runs[0]

            def run_one(env: Env) -> str | None:
                meter = env[METER]
                meter.left -= price
                if meter.left < 0:
                    raise OutOfBudget(meter.budget)
                return only(env)

            return run_one

        def run_all(env: Env) -> str | None:
            meter = env[METER]
            meter.left -= price
            if meter.left < 0:
                raise OutOfBudget(meter.budget)
            for run in runs:
                signal = run(env)
                if signal is not None:
                    return signal
            return None

        return run_all

    def _compile(self, node: ast.stmt) -> Run:
        method: Callable[[Any], Run] = getattr(self, f"_{type(node).__name__}")
        return method(node)

    # --- simple statements ---

    def _Pass(self, node: ast.Pass) -> Run:  # noqa: N802
        return _pass

    def _Break(self, node: ast.Break) -> Run:  # noqa: N802
        return lambda env: BREAK

    def _Continue(self, node: ast.Continue) -> Run:  # noqa: N802
        return lambda env: CONTINUE

    def _Expr(self, node: ast.Expr) -> Run:  # noqa: N802
        if isinstance(node.value, ast.Constant):
            return _pass
        value_of = self.expressions.compile(node.value)

        def run(env: Env) -> None:
            value_of(env)

        return run

    def _Return(self, node: ast.Return) -> Run:  # noqa: N802
        if node.value is None:
            return lambda env: RETURN
        value_of = self.expressions.compile(node.value)

        def run(env: Env) -> str:
            env[RETURNED] = value_of(env)
            return RETURN

        return run

    # --- assignments ---

    def _Assign(self, node: ast.Assign) -> Run:  # noqa: N802
        value_of = self.expressions.compile(node.value)
        target = node.targets[0]
        if isinstance(target, ast.Subscript):
            return self._assign_item(target, value_of)
        store = self._store(target)

        if isinstance(target, ast.Name):
            slot = self.slots[target.id]
            self.expressions.assigned.add(target.id)

            def assign(env: Env) -> None:
                env[slot] = value_of(env)

            return assign

        self.expressions.assigned |= _names(target)

        def unpack(env: Env) -> None:
            store(env, value_of(env))

        return unpack

    def _store(self, target: ast.expr) -> Callable[[Env, Value], None]:
        """Puts a value into a name, or the items of a list into several."""
        if isinstance(target, ast.Name):
            slot = self.slots[target.id]

            def store(env: Env, value: Value) -> None:
                env[slot] = value

            return store
        assert isinstance(target, ast.Tuple)
        slots = [self.slots[part.id] for part in target.elts if isinstance(part, ast.Name)]
        at, count = self.places.of(target), len(slots)

        def spread(env: Env, value: Value) -> None:
            if not isinstance(value, list) or len(value) != count:
                found = f"a list of {len(value)}" if isinstance(value, list) else name_kind(value)
                fault(at, "unpack", f"{found} into {count} names", wanted=count)
            for slot, item in zip(slots, value, strict=True):
                env[slot] = item

        return spread

    def _assign_item(self, target: ast.Subscript, value_of: Eval) -> Run:
        at = self.places.of(target)
        base_of = self.expressions.compile(target.value)
        key_of = self.expressions.compile(target.slice)

        def assign(env: Env) -> None:
            value = value_of(env)
            put(base_of(env), key_of(env), value, at)

        return assign

    def _AugAssign(self, node: ast.AugAssign) -> Run:  # noqa: N802
        at, target = self.places.of(node), node.target
        value_of = self.expressions.compile(node.value)
        # the operation reads its operands from two cells beside the variables
        combine = BINARY[type(node.op)](lambda pair: pair[1], lambda pair: pair[2], at)

        def change(env: Env, old: Value) -> Value:
            value = value_of(env)
            if isinstance(old, list):
                fault(at, "type", "a list is not changed by +=; use push or list + list")
            return combine([env[METER], old, value])

        if isinstance(target, ast.Name):
            slot, read = self.slots[target.id], self.expressions.compile(target)

            def assign(env: Env) -> None:
                env[slot] = change(env, read(env))

            return assign
        assert isinstance(target, ast.Subscript)
        base_of = self.expressions.compile(target.value)
        key_of = self.expressions.compile(target.slice)

        def assign_item(env: Env) -> None:
            base, key = base_of(env), key_of(env)
            put(base, key, change(env, take(base, key, at)), at)

        return assign_item

    # --- branches and loops ---

    def _If(self, node: ast.If) -> Run:  # noqa: N802
        branches, assigned = [], []
        while True:
            test = self.expressions.compile(node.test)
            then, names = self._inner(node.body)
            branches.append((test, then))
            assigned.append(names)
            if len(node.orelse) != 1 or not isinstance(node.orelse[0], ast.If):
                break
            node = node.orelse[0]
        other, names = self._inner(node.orelse) if node.orelse else (_pass, set[str]())
        # after it a name has a value for certain when every branch assigned it
        self.expressions.assigned |= names.intersection(*assigned)
        if len(branches) == 1:
            return lambda env: then(env) if test(env) else other(env)

        def choose(env: Env) -> str | None:
            for test, then in branches:
                if test(env):
                    return then(env)
            return other(env)

        return choose

    def _inner(
        self, body: list[ast.stmt], given: frozenset[str] = frozenset()
    ) -> tuple[Run, set[str]]:
        """A block that may not run, and the names that certainly have a value at its end.

        ``given``: names that have one when it begins.
        """
        before = set(self.expressions.assigned)
        self.expressions.assigned |= given
        run = self.block(body)
        after, self.expressions.assigned = self.expressions.assigned, before
        return run, after

    def _For(self, node: ast.For) -> Run:  # noqa: N802
        iterate = self._iterate(node.iter)
        store = self._store(node.target)
        body, _ = self._inner(node.body, _names(node.target))

        def loop(env: Env) -> str | None:
            meter = env[METER]
            for item in iterate(env):
                meter.left -= PRICE_ITEM
                store(env, item)
                signal = body(env)
                if signal is not None:
                    if signal is BREAK:
                        break
                    if signal is RETURN:
                        return signal
            return None

        return loop

    def _iterate(self, node: ast.expr) -> Callable[[Env], Iterable[Value]]:
        """What a loop runs over: as it was when the loop began, maps by their sorted keys."""
        at = self.places.of(node)
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(node, ast.Call) and isinstance(called, ast.Name) and called.id == "range":
            numbers = [self.expressions.compile(argument) for argument in node.args]

            def count(env: Env) -> Iterable[Value]:
                try:
                    return count_range(tuple(number(env) for number in numbers))
                except HostError as error:
                    fault(at, error.fault, str(error), function="range")

            return count
        values_of = self.expressions.compile(node)

        def walk(env: Env) -> Iterable[Value]:
            values = values_of(env)
            if isinstance(values, OwnList):
                # a copy: the body may push to the list that it walks over
                env[METER].charge(len(values) * PRICE_ITEM)
                return tuple(values)
            if isinstance(values, list):
                return values
            if isinstance(values, dict):
                env[METER].charge(len(values) * 2 * PRICE_ITEM)
                return sorted(values)
            return fault(at, "type", f"for over {name_kind(values)}")

        return walk


def _names(target: ast.expr) -> frozenset[str]:
    return frozenset(part.id for part in ast.walk(target) if isinstance(part, ast.Name))


def _pass(env: Env) -> None:
    """A statement that does nothing."""


def cost(node: ast.stmt | ast.expr, table: Mapping[str, HostFunction]) -> int:
    """Units of a statement or expression, without the blocks inside it."""
    units = 0
    waiting: list[ast.stmt | ast.expr] = [node]
    while waiting:
        part = waiting.pop()
        units += PRICE_NODE
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Name):
            function = table.get(part.func.id)
            units += PRICE_CALL if function is None else function.price
        if isinstance(part, ast.If):
            # tests of a whole elif chain are paid at once, the blocks when they are entered
            waiting.append(part.test)
            if len(part.orelse) == 1 and isinstance(part.orelse[0], ast.If):
                waiting.append(part.orelse[0])
        elif isinstance(part, ast.For):
            waiting += [part.target, part.iter]
        else:
            waiting += [n for n in ast.iter_child_nodes(part) if isinstance(n, ast.expr)]
    return units
