"""The policy language as tables: what may be written, what is refused and why, and every limit.

A policy is Python to read and to highlight, but only what these tables list means anything. Source
passes three gates, each of which alone would keep an attacker out: ``source`` looks at characters
and tokens before anything is parsed, ``grammar`` compares the syntax tree with ``NODES``, and
``interpreter`` knows how to run the listed nodes and no others. Nothing is ever handed to ``exec``.

The verdict must not depend on the interpreter's version: two validators with different Pythons
must refuse the same source with the same rule. So everything where Python 3.11, 3.12 and 3.13
differ (f-strings, type parameters, escapes by Unicode name, nesting limits) is refused by the first
gate. docs/language.md is generated from these tables.
"""

from __future__ import annotations

from dataclasses import dataclass

LANGUAGE_VERSION = 1
"""Rises when a function is added. A deployed policy keeps the version it was written for."""

# --- limits ---------------------------------------------------------------------------------------

SOURCE_BYTES_MAX = 64 * 1024
LINES_MAX = 2_000
LINE_CHARACTERS_MAX = 200
BRACKETS_MAX = 20
BLOCKS_MAX = 8
DIGITS_MAX = 20
NAME_CHARACTERS_MAX = 64
OPERATORS_MAX = 100
ELIF_MAX = 200
EXPRESSION_DEPTH_MAX = 50
FUNCTIONS_MAX = 100
PARAMETERS_MAX = 12
DEPTH_MAX = 150
TEXT_MAX = 4_096
LIST_MAX = 10_000
MAP_MAX = 1_000
INT_BITS = 255
RESULT_ITEMS_MAX = 20_000
RESULT_DEPTH_MAX = 12
DIAGNOSTICS_MAX = 50

LIMITS: tuple[tuple[str, int, str], ...] = (
    ("bytes of source", SOURCE_BYTES_MAX, "UTF-8"),
    ("lines", LINES_MAX, ""),
    ("characters in a line", LINE_CHARACTERS_MAX, ""),
    ("brackets inside each other", BRACKETS_MAX, "round, square and curly together"),
    ("blocks inside each other", BLOCKS_MAX, "if and for, counted from the function on"),
    ("digits of a number", DIGITS_MAX, "underscores not counted"),
    ("characters of a name", NAME_CHARACTERS_MAX, ""),
    ("operators in one statement", OPERATORS_MAX, ""),
    ("elif in one source", ELIF_MAX, ""),
    ("depth of an expression", EXPRESSION_DEPTH_MAX, "a sum of 49 terms fits"),
    ("functions", FUNCTIONS_MAX, ""),
    ("parameters of a function", PARAMETERS_MAX, ""),
    ("depth of a run", DEPTH_MAX, "nested blocks, expressions and calls together"),
    ("bits of a number", INT_BITS, "in a run; sign apart"),
    ("characters of a text", TEXT_MAX, "in a run"),
    ("items of a list", LIST_MAX, "in a run"),
    ("entries of a map", MAP_MAX, "in a run"),
    ("values in the answer", RESULT_ITEMS_MAX, ""),
    ("nesting of the answer", RESULT_DEPTH_MAX, ""),
)
"""Name, number, remark."""

# --- diagnostics ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, order=True)
class Diagnostic:
    """One complaint about a source, as a linter gives it."""

    line: int
    """From 1."""
    column: int
    """From 1, in characters."""
    rule: str
    """Stable id, a key of ``RULES``."""
    message: str
    hint: str = ""
    """What to write instead."""

    def __str__(self) -> str:
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.line}:{self.column}: {self.rule}: {self.message}{hint}"


class LanguageError(Exception):
    """The source is not in the language. Carries every complaint found, sorted by place."""

    def __init__(self, diagnostics: list[Diagnostic]) -> None:
        assert diagnostics
        self.diagnostics = sorted(diagnostics)[:DIAGNOSTICS_MAX]
        super().__init__("\n".join(map(str, self.diagnostics)))

    @property
    def values(self) -> dict[str, int | str]:
        """Rule and place of the first complaint, the same on every Python, for a receipt.

        Where only the parser of the host objects (rule ``syntax``) the place is left at 0: its
        opinion about the place differs from version to version.
        """
        first = self.diagnostics[0]
        exact = first.rule != "syntax"
        return {
            "rule": first.rule,
            "line": first.line if exact else 0,
            "column": first.column if exact else 0,
        }


# --- rules ----------------------------------------------------------------------------------------

RULES: dict[str, tuple[str, str]] = {
    "source.size": ("the source is too large", "split the policy or shorten its tables"),
    "source.lines": ("the source has too many lines", "shorten it"),
    "source.character": (
        "this character has no place outside texts and comments",
        "names are ASCII letters, digits and underscores; Chinese goes into texts and comments",
    ),
    "source.invisible": (
        "this character is invisible or changes the reading direction",
        "remove it: what is executed must be what is read",
    ),
    "source.tab": ("tabs are not used", "indent with spaces"),
    "source.return": ("a lone carriage return", "end lines with a line feed"),
    "source.continuation": ("a backslash outside a text", "put the expression into brackets"),
    "source.encoding": ("the source is not valid UTF-8", "save the file as UTF-8"),
    "line.length": ("the line is too long", "break it inside brackets"),
    "line.operators": ("too many operators in one statement", "use more statements"),
    "bracket.depth": ("too many brackets inside each other", "name the inner parts"),
    "bracket.mismatch": ("this bracket does not match", "close the one that is open"),
    "bracket.open": ("this bracket is never closed", "close it"),
    "nesting.blocks": ("too many blocks inside each other", "move the inner part to a function"),
    "nesting.expression": ("the expression is too deep", "name its parts"),
    "nesting.run": ("functions that call functions get too deep", "flatten the calls"),
    "number.digits": ("the number has too many digits", "money in fen has at most 16"),
    "number.float": (
        "there are no decimal fractions",
        'write fen as whole numbers, ratios as text ("82.5%"), yuan("404.20")',
    ),
    "number.form": (
        "not a plain decimal number",
        "write digits only, no leading zero, 1_000 is ok",
    ),
    "text.open": ("the text is not closed on its line", "close it with the same quote"),
    "text.prefix": ("letters before a quote", "write a plain text"),
    "text.format": ("there are no format texts", "explanations hold numbers; texts come later"),
    "text.escape": (
        "this escape is not used",
        "only \\n, \\\\, \\\" and \\' are; write it plainly",
    ),
    "text.adjacent": ("two texts side by side", "a comma is missing, or join them with +"),
    "text.length": ("the text is too long", "shorten it"),
    "keyword": (
        "this word of Python is not in the language",
        "see the list of what may be written",
    ),
    "keyword.import": ("nothing can be imported", "everything there is can be called by its name"),
    "keyword.class": ("there are no classes", "use a map"),
    "keyword.try": ("there are no exceptions", "test the condition first; get(map, key, default)"),
    "keyword.lambda": ("there are no nameless functions", "write a def at the outer level"),
    "keyword.while": ("there is no while", "use for ... in range(...), with break"),
    "keyword.with": ("there are no contexts", "remove it"),
    "keyword.async": ("there is nothing to wait for", "remove it"),
    "keyword.yield": ("there are no generators", "push the values to a list and return it"),
    "keyword.del": ("nothing is deleted", "build a new value without it"),
    "keyword.scope": ("functions share no variables", "pass it in, return it"),
    "keyword.assert": ("there is no assert", 'if not ...: fail("code")'),
    "expression.comprehension": ("there are no comprehensions", "use a for loop and push"),
    "expression.set": ("there are no sets", "use a list"),
    "operator": ("this operator is not in the language", "see the list of operators"),
    "operator.attribute": (
        "there are no attributes and no methods",
        'write case["person"], get(map, key, default), push(list, value)',
    ),
    "operator.divide": ("/ would make a fraction", "use // , or part(amount, ratio)"),
    "operator.power": ("there is no power and no **", "multiply"),
    "operator.walrus": ("no assignment inside an expression", "use a statement of its own"),
    "operator.bits": ("numbers are not bits", "use and, or, not"),
    "operator.decorator": ("there are no decorators", "remove it"),
    "operator.arrow": ("there are no annotations", "remove it"),
    "operator.ellipsis": ("... means nothing here", "remove it"),
    "operator.is": ("is compares with None only", "use =="),
    "statement.semicolon": ("one statement a line", "break the line"),
    "statement.value": ("the value of this statement is not used", "assign it or remove it"),
    "statement.match": ("there is no match", "use if and elif"),
    "statement.type": ("there are no types to name", "remove it"),
    "statement.else": ("a loop has no else", "use a variable"),
    "statement.place": (
        "the outer level holds constants and functions only",
        "move it into a function",
    ),
    "statement.outside": ("break, continue and return need their loop or function", "remove it"),
    "function.nested": ("a function inside a function", "move it to the outer level"),
    "function.parameters": ("parameters are plain names", "no defaults, stars or annotations"),
    "function.type-params": ("there are no type parameters", "remove them"),
    "function.twice": ("this name is defined twice", "rename one"),
    "function.recursion": ("functions call each other in a circle", "use a loop"),
    "function.value": ("a function is not a value", "call it"),
    "function.many": ("too many functions or parameters", "simplify"),
    "assign.target": ("this cannot be assigned to", "assign to a name or to name[key]"),
    "assign.chain": ("one name at a time", "write two statements"),
    "assign.annotation": ("there are no annotations", "write name = value"),
    "name.underscore": ("names do not begin with an underscore", "rename it; _ alone is fine"),
    "name.length": ("the name is too long", "shorten it"),
    "name.unknown": ("nothing has this name", "assign it first, or check the spelling"),
    "name.taken": ("this name belongs to a function or constant", "choose another name"),
    "call.unknown": ("no function has this name", "see the list of functions"),
    "call.value": ("only functions can be called, by their name", "write name(...)"),
    "call.keyword": ("arguments are passed by position", "remove the name and the ="),
    "call.star": ("there are no star arguments", "write them out"),
    "call.arguments": ("the wrong number of arguments", "see the list of functions"),
    "call.fail": ("fail wants a code written out", 'fail("no-level")'),
    "constant.call": (
        "a constant cannot use this function",
        "own functions, and functions that record steps, are called in functions",
    ),
    "constant.fault": ("the constant cannot be computed", "correct it"),
    "constant.kind": ("this kind of value is not in the language", "int, text, True, False, None"),
    "map.key": ("keys of a map are texts", 'write {"name": value}'),
    "entry.missing": ("the function to call is missing", "write def settle(case):"),
    "entry.parameters": ("the function to call takes other parameters", "write def settle(case):"),
    "expression.index": ("this kind of index is not in the language", "list[0], list[a:b]"),
    "node": ("this is not in the language", "see the list of what may be written"),
    "syntax": ("this is not Python", "check the line and the one above it"),
}
"""Every complaint by its rule id: message and what to do."""

FAULTS: dict[str, str] = {
    "type": "an operation got a kind of value that it does not take",
    "argument": "a function got something that it does not take",
    "no-key": "the map has no such key; `get(map, key, default)` asks without a fault",
    "index": "the list or text has no such place",
    "map-key": "a key that is not a text",
    "unassigned": "a variable was read before it had a value",
    "unpack": "the list has not as many items as there are names",
    "zero-division": "division by 0",
    "read-only": "the case, a constant or a tuple was to be changed; `copy(x)` first",
    "number-size": "a number grew beyond its bits",
    "text-size": "a text grew beyond its length",
    "list-size": "a list grew beyond its length",
    "map-size": "a map grew beyond its entries",
    "size": "a function would have given or taken too much",
    "nesting": "a comparison of lists inside each other, deeper than an answer may be",
    "answer": "the answer is too large, too deep, or holds a number of more than 64 bits",
    "fail:...": 'the policy itself said `fail("...")`',
}
"""What can end a run, besides the budget: id and meaning."""

# --- first gate: words and signs ------------------------------------------------------------------

WORDS_REFUSED: dict[str, str] = {
    "import": "keyword.import",
    "from": "keyword.import",
    "as": "keyword.import",
    "class": "keyword.class",
    "try": "keyword.try",
    "except": "keyword.try",
    "finally": "keyword.try",
    "raise": "keyword.try",
    "lambda": "keyword.lambda",
    "while": "keyword.while",
    "with": "keyword.with",
    "async": "keyword.async",
    "await": "keyword.async",
    "yield": "keyword.yield",
    "del": "keyword.del",
    "global": "keyword.scope",
    "nonlocal": "keyword.scope",
    "assert": "keyword.assert",
}
"""Words of Python that nowhere have a place, and the rule that says so."""

SIGNS_REFUSED: dict[str, str] = {
    ".": "operator.attribute",
    "...": "operator.ellipsis",
    "/": "operator.divide",
    "/=": "operator.divide",
    "**": "operator.power",
    "**=": "operator.power",
    ":=": "operator.walrus",
    "@": "operator.decorator",
    "@=": "operator.decorator",
    "->": "operator.arrow",
    "&": "operator.bits",
    "|": "operator.bits",
    "^": "operator.bits",
    "~": "operator.bits",
    "<<": "operator.bits",
    ">>": "operator.bits",
    "&=": "operator.bits",
    "|=": "operator.bits",
    "^=": "operator.bits",
    "<<=": "operator.bits",
    ">>=": "operator.bits",
    ";": "statement.semicolon",
    "!": "operator",
    "<>": "operator",
}
"""Signs of Python that nowhere have a place, and the rule that says so."""

# --- second gate: nodes of the syntax tree --------------------------------------------------------

NODES: dict[str, str] = {
    "Module": "",
    "FunctionDef": "`def name(a, b):` at the outer level",
    "arguments": "",
    "arg": "",
    "Return": "`return value`",
    "Assign": '`name = value`, `name["key"] = value`, `a, b = pair`',
    "AugAssign": "`name += value`, with `+ - * // %`, for numbers and texts",
    "If": "`if`, `elif`, `else`",
    "For": "`for x in list:`, `for a, b in pairs:`, over a list, a range or the keys of a map",
    "Break": "`break`",
    "Continue": "`continue`",
    "Pass": "`pass`",
    "Expr": "a call as a statement; a docstring",
    "BoolOp": "`a and b`, `a or b`, with Python's meaning",
    "And": "",
    "Or": "",
    "BinOp": "`a + b` for numbers, texts, lists; `a - b`, `a * b`, `a // b`, `a % b` for numbers",
    "Add": "",
    "Sub": "",
    "Mult": "",
    "FloorDiv": "",
    "Mod": "",
    "UnaryOp": "`-a`, `not a`",
    "USub": "",
    "Not": "",
    "IfExp": "`a if condition else b`",
    "Compare": "`== != < <= > >= in not in`, chained as in Python; `is None`, `is not None`",
    "Eq": "",
    "NotEq": "",
    "Lt": "",
    "LtE": "",
    "Gt": "",
    "GtE": "",
    "In": "",
    "NotIn": "",
    "Is": "",
    "IsNot": "",
    "keyword": "",
    "Call": "`name(a, b)`: an own function, or one of the tables below",
    "Constant": "whole numbers, texts, `True`, `False`, `None`",
    "Name": "names of variables, parameters, constants",
    "Load": "",
    "Store": "",
    "Subscript": '`list[0]`, `map["key"]`, `text[0]`',
    "Slice": "`list[a:b]`, `text[a:b]`",
    "List": "`[a, b]`",
    "Tuple": "`(a, b)`: a list that cannot be changed",
    "Dict": '`{"key": value}`',
}
"""Every node that may occur, with how it is written; what is empty is part of another row."""

NODES_REFUSED: dict[str, str] = {
    "Attribute": "operator.attribute",
    "Match": "statement.match",
    "TypeAlias": "statement.type",
    "ClassDef": "keyword.class",
    "AsyncFunctionDef": "keyword.async",
    "AsyncFor": "keyword.async",
    "AsyncWith": "keyword.async",
    "Await": "keyword.async",
    "Lambda": "keyword.lambda",
    "ListComp": "expression.comprehension",
    "SetComp": "expression.comprehension",
    "DictComp": "expression.comprehension",
    "GeneratorExp": "expression.comprehension",
    "Yield": "keyword.yield",
    "YieldFrom": "keyword.yield",
    "Import": "keyword.import",
    "ImportFrom": "keyword.import",
    "Try": "keyword.try",
    "TryStar": "keyword.try",
    "Raise": "keyword.try",
    "Assert": "keyword.assert",
    "With": "keyword.with",
    "While": "keyword.while",
    "Delete": "keyword.del",
    "Global": "keyword.scope",
    "Nonlocal": "keyword.scope",
    "NamedExpr": "operator.walrus",
    "JoinedStr": "text.format",
    "FormattedValue": "text.format",
    "Starred": "call.star",
    "Set": "expression.set",
    "AnnAssign": "assign.annotation",
    "Div": "operator.divide",
    "Pow": "operator.power",
    "MatMult": "operator.decorator",
    "BitAnd": "operator.bits",
    "BitOr": "operator.bits",
    "BitXor": "operator.bits",
    "LShift": "operator.bits",
    "RShift": "operator.bits",
    "Invert": "operator.bits",
    "UAdd": "operator",
}
"""The rule by which a node that is not listed is refused; any other one falls under ``node``."""


def complain(rule: str, line: int, column: int, what: str = "") -> Diagnostic:
    """The diagnostic of a rule at a place; ``what`` names the thing."""
    message, hint = RULES[rule]
    return Diagnostic(line, column, rule, f"{message}: {what}" if what else message, hint)
