"""From the source of a policy to a ``Program`` that can be run, and the run itself.

::

    program = compile_source(source, host=BENEFITS)      # LanguageError: what is wrong, where
    answer = program.run([case], host=Recorder())        # OutOfBudget, PolicyFault

Compiling goes through the three gates of ``language``. The result is closures over the checked
syntax tree: a fair price for having no sandbox to escape from, because no text of a policy ever
becomes Python code. A ``Program`` holds nothing of any run and may be kept and shared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from contracts.expressions import Expressions
from contracts.functions import BUILTINS, HostFunction
from contracts.grammar import Places, Policy, parse
from contracts.language import (
    LANGUAGE_VERSION,
    Diagnostic,
    LanguageError,
    complain,
)
from contracts.meter import (
    BUDGET_CONSTANTS,
    BUDGET_DEFAULT,
    PRICE_ITEM,
    Meter,
    OutOfBudget,
    PolicyError,
    PolicyFault,
)
from contracts.operations import fault
from contracts.source import check_source, normalise
from contracts.statements import Function, Statements, cost
from contracts.values import Value, export, export_counted

__all__ = [
    "LanguageError",
    "OutOfBudget",
    "PolicyFault",
    "Program",
    "check",
    "compile_source",
]


class Program:
    """A compiled policy."""

    def __init__(
        self, functions: Mapping[str, Function], constants: Mapping[str, Value], entry: str
    ) -> None:
        self._functions = functions
        self.constants = constants
        """Values of the outer level, plain and read-only by convention."""
        self.entry = entry

    @property
    def functions(self) -> dict[str, int]:
        """Names of the policy's functions with their number of parameters."""
        return {name: function.parameters for name, function in self._functions.items()}

    def run(
        self,
        args: Sequence[Value],
        budget: int = BUDGET_DEFAULT,
        host: object = None,
        entry: str = "",
    ) -> Value:
        """Call ``entry`` with plain values and give its answer as a fresh plain value.

        ``args`` are read, never changed; they are values of the language (``values.check_input``).
        ``host`` is handed to the functions that asked for it. Raises ``OutOfBudget`` and
        ``PolicyFault``; ``KeyError`` for an entry that the policy does not define.
        """
        return self.run_metered(args, budget, host, entry)[0]

    def run_metered(
        self,
        args: Sequence[Value],
        budget: int = BUDGET_DEFAULT,
        host: object = None,
        entry: str = "",
    ) -> tuple[Value, int]:
        """As ``run``, with the units that were used; an error that ends the run tells its own."""
        function = self._functions[entry or self.entry]
        if len(args) != function.parameters:
            raise ValueError(f"{function.name} takes {function.parameters}, not {len(args)}")
        meter = Meter(budget, host)
        try:
            answer, problem = export(function.call(meter, args))
            if problem:
                fault((1, 1), "answer", problem)
        except PolicyError as error:
            error.used = meter.used
            raise
        return answer, meter.used


def compile_source(
    source: str,
    host: Mapping[str, HostFunction] | None = None,
    entry: str = "settle",
    params: int = 1,
    version: int = LANGUAGE_VERSION,
) -> Program:
    """Check and compile a policy. Raises ``LanguageError`` with every complaint.

    ``host``: functions offered besides the language's own. ``entry`` must be defined with
    ``params`` parameters. ``version``: the language version for which the policy was written.
    """
    table = _table(host or {}, version)
    source = normalise(source)
    if found := check_source(source):
        raise LanguageError(found)
    policy, places, found = parse(source, table)
    if not found:
        found = _check_entry(policy, places, entry, params)
    if found:
        raise LanguageError(found)
    constants = _constants(policy, places, table)
    functions = {
        name: Function(name, len(node.args.args), len(policy.variables[name]))
        for name, node in policy.functions.items()
    }
    for name, node in policy.functions.items():
        variables, parameters = policy.variables[name], [arg.arg for arg in node.args.args]
        statements = Statements(parameters, variables, places, table, constants, functions)
        functions[name].body = statements.block(node.body)
    return Program(functions, constants, entry)


def check(
    source: str,
    host: Mapping[str, HostFunction] | None = None,
    entry: str = "settle",
    params: int = 1,
    version: int = LANGUAGE_VERSION,
) -> list[Diagnostic]:
    """The complaints that ``compile_source`` would raise; empty when it would compile."""
    try:
        compile_source(source, host, entry, params, version)
    except LanguageError as error:
        return error.diagnostics
    return []


def _table(host: Mapping[str, HostFunction], version: int) -> dict[str, HostFunction]:
    assert not BUILTINS.keys() & host.keys(), sorted(BUILTINS.keys() & host.keys())
    assert all(name == function.name for name, function in host.items())
    every = {**BUILTINS, **host}
    return {name: function for name, function in every.items() if function.since <= version}


def _check_entry(policy: Policy, places: Places, entry: str, params: int) -> list[Diagnostic]:
    node = policy.functions.get(entry)
    if node is None:
        return [complain("entry.missing", 1, 1, entry)]
    if len(node.args.args) != params:
        line, column = places.of(node)
        return [complain("entry.parameters", line, column, f"{entry} takes {params}")]
    return []


def _constants(
    policy: Policy, places: Places, table: Mapping[str, HostFunction]
) -> dict[str, Value]:
    """Compute the outer level once. What it makes is plain, so that no run can change it."""
    constants: dict[str, Value] = {}
    meter = Meter(BUDGET_CONSTANTS)

    def no_own_call(*_: object) -> Value:
        raise AssertionError("the grammar keeps own functions out of constants")

    expressions = Expressions(places, table, {}, constants, no_own_call)
    for name, node in policy.constants:
        line, column = places.of(node)
        try:
            meter.charge(cost(node, table))
            value, problem, copied = export_counted(expressions.compile(node)([meter]))
            # A line that names a list once more is short, and its copy is not.
            meter.charge(copied * PRICE_ITEM)
        except (OutOfBudget, PolicyFault) as error:
            problem, value = str(error), None
        if problem:
            raise LanguageError([complain("constant.fault", line, column, f"{name}: {problem}")])
        constants[name] = value
    return constants
