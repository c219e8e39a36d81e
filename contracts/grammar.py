"""The second gate: the syntax tree of a policy against the table of allowed nodes.

Nothing is run here. What passes has only listed nodes, in places where they mean something, with
every name resolved: a misspelt variable is found when a policy is deployed, not when the first
patient is billed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from contracts.functions import HostFunction
from contracts.language import (
    DEPTH_MAX,
    EXPRESSION_DEPTH_MAX,
    FUNCTIONS_MAX,
    NODES,
    NODES_REFUSED,
    PARAMETERS_MAX,
    Diagnostic,
    complain,
)


@dataclass(slots=True)
class Policy:
    """A parsed and checked source: what the interpreter compiles."""

    constants: list[tuple[str, ast.expr]] = field(default_factory=list)
    functions: dict[str, ast.FunctionDef] = field(default_factory=dict)
    variables: dict[str, list[str]] = field(default_factory=dict)
    """By function: its parameters, then the names that it assigns, each once."""


class Places:
    """Line and column (both from 1, in characters) of nodes; the parser counts columns in bytes."""

    def __init__(self, source: str) -> None:
        self._lines = source.split("\n")

    def of(self, node: ast.AST) -> tuple[int, int]:
        """The place of a node; the source's first for one without."""
        line = int(getattr(node, "lineno", 1))
        offset = int(getattr(node, "col_offset", 0))
        text = self._lines[line - 1] if line <= len(self._lines) else ""
        if text.isascii():
            return line, offset + 1
        return line, len(text.encode("utf-8")[:offset].decode("utf-8", "ignore")) + 1


def parse(
    source: str, table: Mapping[str, HostFunction]
) -> tuple[Policy, Places, list[Diagnostic]]:
    """Parse a source that passed the first gate, and check it.

    ``table``: every function that may be called, besides the policy's own.
    """
    places = Places(source)
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        at = complain("syntax", error.lineno or 1, error.offset or 1, error.msg)
        return Policy(), places, [at]
    checker = _Checker(places, table)
    checker.check_nodes(tree)
    if not checker.found:
        checker.check_outer(tree)
    if not checker.found:
        checker.check_functions()
    if not checker.found:
        checker.check_depth()
    return checker.policy, places, checker.found


class _Checker:
    def __init__(self, places: Places, table: Mapping[str, HostFunction]) -> None:
        self.places = places
        self.table = table
        self.policy = Policy()
        self.found: list[Diagnostic] = []
        self.constants: set[str] = set()

    def say(self, rule: str, node: ast.AST, what: str = "") -> None:
        line, column = self.places.of(node)
        self.found.append(complain(rule, line, column, what))

    # --- every node by itself ---

    def check_nodes(self, tree: ast.Module) -> None:
        waiting: list[tuple[ast.AST, ast.AST]] = [(tree, tree)]
        while waiting:
            node, parent = waiting.pop()
            name = type(node).__name__
            # operators have no place of their own
            placed = node if hasattr(node, "lineno") else parent
            if name not in NODES:
                # what is inside a refused node is not looked at: one complaint is enough
                self.say(NODES_REFUSED.get(name, "node"), placed, name)
                continue
            children = reversed(list(ast.iter_child_nodes(node)))
            waiting.extend((child, placed) for child in children)
            check = getattr(self, f"_node_{name}", None)
            if check is not None:
                check(node)

    def _node_FunctionDef(self, node: ast.FunctionDef) -> None:  # noqa: N802
        arguments = node.args
        plain = not (
            arguments.posonlyargs or arguments.vararg or arguments.kwonlyargs
            or arguments.kwarg or arguments.defaults or node.returns
            or any(arg.annotation for arg in arguments.args)
        )  # fmt: skip
        if not plain:
            self.say("function.parameters", node, node.name)
        if node.decorator_list:
            self.say("operator.decorator", node)
        if getattr(node, "type_params", None):
            self.say("function.type-params", node)
        if len(arguments.args) > PARAMETERS_MAX:
            self.say("function.many", node, f"at most {PARAMETERS_MAX} parameters")

    def _node_Assign(self, node: ast.Assign) -> None:  # noqa: N802
        if len(node.targets) > 1:
            self.say("assign.chain", node)
        self._check_target(node.targets[0], subscript=True)

    def _node_AugAssign(self, node: ast.AugAssign) -> None:  # noqa: N802
        self._check_target(node.target, subscript=True)

    def _node_For(self, node: ast.For) -> None:  # noqa: N802
        self._check_target(node.target, subscript=False)
        if node.orelse:
            self.say("statement.else", node.orelse[0])

    def _check_target(self, target: ast.expr, *, subscript: bool) -> None:
        if isinstance(target, ast.Name):
            return
        if isinstance(target, ast.Tuple) and target.elts:
            names = [part for part in target.elts if isinstance(part, ast.Name)]
            if len(names) == len(target.elts) == len({part.id for part in names}):
                return
        elif isinstance(target, ast.Subscript) and subscript:
            if isinstance(target.slice, ast.Slice):
                self.say("assign.target", target, "a slice")
            return
        self.say("assign.target", target)

    def _node_Expr(self, node: ast.Expr) -> None:  # noqa: N802
        text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        if not isinstance(node.value, ast.Call) and not text:
            self.say("statement.value", node)

    def _node_Compare(self, node: ast.Compare) -> None:  # noqa: N802
        for operator, right in zip(node.ops, node.comparators, strict=True):
            none = isinstance(right, ast.Constant) and right.value is None
            if isinstance(operator, ast.Is | ast.IsNot) and not none:
                self.say("operator.is", right)

    def _node_Call(self, node: ast.Call) -> None:  # noqa: N802
        if not isinstance(node.func, ast.Name):
            self.say("call.value", node.func)
        for keyword in node.keywords:
            self.say("call.keyword" if keyword.arg else "call.star", keyword.value)

    def _node_Constant(self, node: ast.Constant) -> None:  # noqa: N802
        if type(node.value) not in (int, str, bool, type(None)) or node.kind is not None:
            self.say("constant.kind", node, type(node.value).__name__)

    def _node_Subscript(self, node: ast.Subscript) -> None:  # noqa: N802
        if isinstance(node.slice, ast.Tuple):
            self.say("expression.index", node.slice, "a comma")

    def _node_Slice(self, node: ast.Slice) -> None:  # noqa: N802
        if node.step is not None:
            self.say("expression.index", node.step, "a step")

    def _node_Dict(self, node: ast.Dict) -> None:  # noqa: N802
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                self.say("call.star", value, "**")
            elif isinstance(key, ast.Constant) and type(key.value) is not str:
                self.say("map.key", key)

    # --- the outer level ---

    def check_outer(self, tree: ast.Module) -> None:
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                self._outer_function(node)
        for number, node in enumerate(tree.body):
            if isinstance(node, ast.FunctionDef):
                continue
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                self._outer_constant(node.targets[0], node.value)
            elif not (number == 0 and _is_docstring(node)):
                self.say("statement.place", node)
        if len(self.policy.functions) > FUNCTIONS_MAX:
            self.say("function.many", tree, f"at most {FUNCTIONS_MAX} functions")

    def _outer_function(self, node: ast.FunctionDef) -> None:
        if node.name in self.policy.functions:
            self.say("function.twice", node, node.name)
        elif node.name in self.table or node.name == "_":
            self.say("name.taken", node, node.name)
        self.policy.functions[node.name] = node

    def _outer_constant(self, target: ast.Name, value: ast.expr) -> None:
        if target.id in self.constants or target.id in self.policy.functions:
            self.say("function.twice", target, target.id)
        elif target.id in self.table:
            self.say("name.taken", target, target.id)
        called = _called(value)
        for node in _below(value):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                self._check_call(node, node.func, constant=True)
            elif isinstance(node, ast.Name) and node not in called:
                self._check_name(node, self.constants)
        self.constants.add(target.id)
        self.policy.constants.append((target.id, value))

    # --- inside functions ---

    def check_functions(self) -> None:
        for name, function in self.policy.functions.items():
            variables = [arg.arg for arg in function.args.args]
            for parameter in {v for v in variables if variables.count(v) > 1}:
                self.say("function.twice", function, parameter)
            variables += [
                node.id
                for node in _below(function)
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
            ]
            self.policy.variables[name] = list(dict.fromkeys(variables))
            self._check_variables(function, set(variables))
            self._check_block(function.body, loops=0, docstring=True)

    def _check_variables(self, function: ast.FunctionDef, variables: set[str]) -> None:
        called = _called(function)
        readable = variables | self.constants
        for argument in function.args.args:
            self._check_free(argument.arg, argument)
        for node in _below(function):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                if node.func.id in variables:
                    self.say("call.value", node, node.func.id)
                else:
                    self._check_call(node, node.func, constant=False)
            elif isinstance(node, ast.Name):
                if isinstance(node.ctx, ast.Store):
                    self._check_free(node.id, node)
                elif node not in called:
                    self._check_name(node, readable)

    def _check_free(self, name: str, node: ast.AST) -> None:
        if name in self.constants or name in self.policy.functions or name in self.table:
            self.say("name.taken", node, name)

    def _check_name(self, node: ast.Name, readable: set[str]) -> None:
        if node.id in readable:
            return
        is_function = node.id in self.policy.functions or node.id in self.table
        self.say("function.value" if is_function else "name.unknown", node, node.id)

    def _check_call(self, node: ast.Call, func: ast.Name, *, constant: bool) -> None:
        count = len(node.args)
        own = self.policy.functions.get(func.id)
        host = self.table.get(func.id)
        if own is not None:
            low = high = len(own.args.args)
        elif host is not None:
            low, high = host.min_args, host.max_args
        else:
            self.say("call.value" if func.id in self.constants else "call.unknown", node, func.id)
            return
        if constant and (own is not None or (host is not None and host.uses_host)):
            self.say("constant.call", node, func.id)
        if not low <= count <= high:
            wanted = str(low) if low == high else f"{low} to {high}"
            self.say("call.arguments", node, f"{func.id} takes {wanted}, not {count}")
        elif func.id == "fail" and own is None and not _is_code(node.args[0]):
            self.say("call.fail", node)

    def _check_block(self, body: list[ast.stmt], *, loops: int, docstring: bool = False) -> None:
        for number, node in enumerate(body):
            if isinstance(node, ast.FunctionDef):
                self.say("function.nested", node, node.name)
            elif isinstance(node, ast.Break | ast.Continue) and not loops:
                self.say("statement.outside", node)
            elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                if number or not docstring:
                    self.say("statement.value", node)
            elif isinstance(node, ast.For):
                self._check_block(node.body, loops=loops + 1)
            elif isinstance(node, ast.If):
                while True:
                    self._check_block(node.body, loops=loops)
                    if len(node.orelse) != 1 or not isinstance(node.orelse[0], ast.If):
                        break
                    node = node.orelse[0]
                self._check_block(node.orelse, loops=loops)

    # --- depths ---

    def check_depth(self) -> None:
        depths: dict[str, int] = {}
        for name, value in self.policy.constants:
            self._check_expression(value, name)
        for name in self.policy.functions:
            self._depth(name, depths, ())

    def _depth(self, name: str, depths: dict[str, int], above: tuple[str, ...]) -> int:
        """Deepest nesting of a run of the function, through everything that it calls."""
        if name in depths:
            return depths[name]
        function = self.policy.functions[name]
        if name in above:
            self.say("function.recursion", function, " -> ".join([*above, name]))
            return 0
        deepest = 0
        for node, depth in _with_depth(function):
            if isinstance(node, ast.stmt):
                for part in ast.iter_child_nodes(node):
                    if isinstance(part, ast.expr):
                        self._check_expression(part, name)
            called = node.func.id if isinstance(node, ast.Call) and isinstance(
                node.func, ast.Name) else ""  # fmt: skip
            below = 0
            # more than this many calls inside each other are too deep whatever they hold
            if called in self.policy.functions and len(above) < DEPTH_MAX:
                below = self._depth(called, depths, (*above, name))
            deepest = max(deepest, depth + below)
        if deepest > DEPTH_MAX and not any(d.rule.startswith("nesting") for d in self.found):
            self.say("nesting.run", function, f"{name} reaches {deepest}, at most {DEPTH_MAX}")
        depths[name] = deepest
        return deepest

    def _check_expression(self, value: ast.expr, where: str) -> None:
        deepest = max(depth for _, depth in _with_depth(value))
        if deepest > EXPRESSION_DEPTH_MAX:
            self.say("nesting.expression", value, f"in {where}, at most {EXPRESSION_DEPTH_MAX}")


def _below(root: ast.AST) -> Iterator[ast.AST]:
    """All nodes under the root, in the order of the source. Without recursion: sources are deep."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(list(ast.iter_child_nodes(node))))


def _with_depth(root: ast.AST) -> Iterator[tuple[ast.AST, int]]:
    """All nodes with their depth; the links of an elif chain stand side by side."""
    waiting = [(root, 1)]
    while waiting:
        node, depth = waiting.pop()
        yield node, depth
        chained = isinstance(node, ast.If) and len(node.orelse) == 1
        for child in ast.iter_child_nodes(node):
            aside = chained and isinstance(child, ast.If) and child in _orelse(node)
            waiting.append((child, depth if aside else depth + 1))


def _called(root: ast.AST) -> set[ast.expr]:
    """The nodes that name what is called, as opposed to what is read."""
    return {node.func for node in _below(root) if isinstance(node, ast.Call)}


def _orelse(node: ast.AST) -> list[ast.stmt]:
    return node.orelse if isinstance(node, ast.If) else []


def _is_docstring(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _is_code(node: ast.expr) -> bool:
    """Whether it is a written-out code such as ``no-level``."""
    return (
        isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and 1 <= len(node.value) <= 60
        and not node.value.strip("abcdefghijklmnopqrstuvwxyz0123456789.-_")
    )
