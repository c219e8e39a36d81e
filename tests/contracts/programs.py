"""Random programs within the policy language that CPython runs with the same meaning.

The generator knows the kind of every expression that it writes, so programs rarely fail for a
boring reason; but they do divide by zero, overrun lists and read unset variables, and then both
sides must fail. What Python and the language mean differently on purpose (bools are not numbers,
a loop walks over what the list held when it began, ``+=`` does not change a list) is not written.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

KINDS = ("int", "text", "bool", "ints", "map")


class Writer:
    """Writes one program from a random source; the same seed gives the same program."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.variables: dict[str, str] = {}
        self.lines: list[str] = []
        self.helper = ""

    def program(self) -> str:
        """A whole source with ``settle(case)`` and a helper."""
        self._function("helper", {"a": "int", "b": "int"}, 3)
        self.helper = "helper"
        self._function("settle", {"case": "map"}, 8)
        return "\n".join(["LIMIT = 40", "TABLE = [3, -7, 10]", *self.lines]) + "\n"

    def _function(self, name: str, parameters: dict[str, str], size: int) -> None:
        self.variables = dict(parameters)
        self.lines.append(f"def {name}({', '.join(parameters)}):")
        self._block(1, size)
        kind = "int" if name == "helper" else self.random.choice(KINDS)
        self.lines.append(f"    return {self.expression(kind, 3)}")

    def _block(self, indent: int, size: int) -> None:
        before = dict(self.variables)
        for _ in range(self.random.randint(1, size)):
            self._statement(indent)
        # seldom, what a branch assigned is read after it, whether or not it ran
        if indent > 1 and self.random.random() < 0.9:
            self.variables = before

    def _statement(self, indent: int) -> None:
        blank, choice = "    " * indent, self.random.random()
        if choice < 0.5 or indent > 3:
            kind = self.random.choice(KINDS)
            name = f"{kind[0]}{kind[-1]}{self.random.randint(0, 2)}"
            self.lines.append(f"{blank}{name} = {self.expression(kind, 3)}")
            self.variables[name] = kind
        elif choice < 0.6:
            known = [n for n, kind in self.variables.items() if kind == "int"]
            name = self.random.choice(known) if known else "ti"
            sign, divisor = self._sign(2)
            self.lines.append(f"{blank}{name} {sign}= {divisor}")
        elif choice < 0.8:
            self.lines.append(f"{blank}if {self.expression('bool', 2)}:")
            self._block(indent + 1, 2)
            if self.random.random() < 0.5:
                self.lines.append(f"{blank}elif {self.expression('int', 2)}:")
                self._block(indent + 1, 2)
            if self.random.random() < 0.5:
                self.lines.append(f"{blank}else:")
                self._block(indent + 1, 2)
        elif choice < 0.92:
            over = self.random.choice(["range(5)", "range(6, -3, -2)", "TABLE", "[1, 5, 2]"])
            name = f"n{indent}"
            self.variables[name] = "int"
            self.lines.append(f"{blank}for {name} in {over}:")
            self._block(indent + 1, 3)
            if self.random.random() < 0.3:
                self.lines.append(f"{blank}    if {self.expression('bool', 1)}:")
                self.lines.append(f"{blank}        {self.random.choice(['break', 'continue'])}")
        else:
            self.lines.append(f"{blank}pair = [{self.expression('ints', 1)}, 1]")
            self.lines.append(f"{blank}push(pair, {self.expression('int', 2)})")
            self.lines.append(f"{blank}pair[{self.random.randint(-3, 3)}] = 4")

    def expression(self, kind: str, depth: int) -> str:
        """An expression of the kind, at most ``depth`` deep."""
        names = [name for name, known in self.variables.items() if known == kind]
        if depth == 0 or self.random.random() < 0.2:
            if names and self.random.random() < 0.7:
                return self.random.choice(names)
            return self._leaf(kind)
        writers: dict[str, list[Callable[[int], str]]] = {
            "int": [self._arithmetic, self._arithmetic, self._int_call, self._conditional_int],
            "text": [self._text, self._slice],
            "bool": [self._comparison, self._comparison, self._logic],
            "ints": [self._list, self._list_sum],
            "map": [self._map],
        }
        written = self.random.choice(writers[kind])(depth - 1)
        return written if len(written) < 90 else self._leaf(kind)

    def _leaf(self, kind: str) -> str:
        if kind == "int":
            return str(self.random.choice([0, 1, -1, 2, 7, -40, 10**18, "LIMIT", "TABLE[1]"]))
        if kind == "text":
            return self.random.choice(['""', '"a"', '"医保"', '"2026-02-28"', '"b\\n\\""'])
        if kind == "bool":
            return self.random.choice(["True", "False"])
        if kind == "ints":
            return self.random.choice(["[]", "[1, 2, 3]", "TABLE", "[5, 5]"])
        return self.random.choice(["{}", '{"b": 1, "a": 2}', '{"a": -1}'])

    def _sign(self, depth: int) -> tuple[str, str]:
        """An operator and its right side; most divisors are not 0."""
        sign = self.random.choice(["+", "-", "*", "//", "%"])
        if sign in ("//", "%") and self.random.random() < 0.9:
            return sign, self.random.choice(["2", "-3", "7", "LIMIT", "-1"])
        return sign, self.expression("int", depth)

    def _arithmetic(self, depth: int) -> str:
        left = self.expression("int", depth)
        sign, right = self._sign(depth)
        return f"({left} {sign} {right})"

    def _int_call(self, depth: int) -> str:
        one, two = self.expression("int", depth), self.expression("int", depth)
        many, text = self.expression("ints", depth), self.expression("text", depth)
        forms = [
            f"abs({one})", f"min({one}, {two})", f"max({one}, {two})", f"sum({many})",
            f"len({many})", f"len({text})", f"{many}[{self.random.choice([0, 0, -1, 2, -4])}]",
            f"-{one}", f"int(str({one}))", f'get({self.expression("map", depth)}, "a", 5)',
            f"max({many} + [0])",
        ]  # fmt: skip
        if self.helper:
            forms += [f"helper({one}, {two})"] * 2
        return self.random.choice(forms)

    def _conditional_int(self, depth: int) -> str:
        test = self.expression("bool", depth)
        return f"({self.expression('int', depth)} if {test} else {self.expression('int', depth)})"

    def _text(self, depth: int) -> str:
        forms = [
            f"({self.expression('text', depth)} + {self.expression('text', depth)})",
            f"str({self.expression('int', depth)})",
            f"({self.expression('text', depth)} or {self.expression('text', depth)})",
        ]
        return self.random.choice(forms)

    def _slice(self, depth: int) -> str:
        low, high = (self.random.choice(["", "1", "-2", "4", "-9", "9"]) for _ in range(2))
        return f"{self.expression('text', depth)}[{low}:{high}]"

    def _comparison(self, depth: int) -> str:
        kind = self.random.choice(["int", "int", "text"])
        signs = [self.random.choice(["<", "<=", ">", ">=", "==", "!="]) for _ in range(2)]
        one, two, three = (self.expression(kind, depth) for _ in range(3))
        forms = [
            f"({one} {signs[0]} {two})",
            f"({one} {signs[0]} {two} {signs[1]} {three})",
            f"({self.expression('int', depth)} in {self.expression('ints', depth)})",
            f"({self.expression('text', depth)} not in {self.expression('text', depth)})",
            f'("a" in {self.expression("map", depth)})',
            f"({self.expression('ints', depth)} == {self.expression('ints', depth)})",
            f"({self.expression('map', depth)} != {self.expression('map', depth)})",
            f'(get({self.expression("map", depth)}, "z") is None)',
        ]
        return self.random.choice(forms)

    def _logic(self, depth: int) -> str:
        one, two = self.expression("bool", depth), self.expression("bool", depth)
        return self.random.choice([f"(not {one})", f"({one} and {two})", f"({one} or {two})"])

    def _list(self, depth: int) -> str:
        one, two = self.expression("int", depth), self.expression("int", depth)
        forms = [
            f"[{one}, {two}]", f"sorted([{one}, 3, {two}])", f"range({self.random.randint(-2, 6)})",
            f"{self.expression('ints', depth)}[1:]", f'values({{"b": {one}, "a": {two}}})',
            f"copy({self.expression('ints', depth)})",
        ]  # fmt: skip
        return self.random.choice(forms)

    def _list_sum(self, depth: int) -> str:
        return f"({self.expression('ints', depth)} + {self.expression('ints', depth)})"

    def _map(self, depth: int) -> str:
        return f'{{"b": {self.expression("int", depth)}, "a": {self.expression("int", depth)}}}'


TWINS: dict[str, Any] = {
    "get": lambda entries, key, default=None: entries.get(key, default),
    "push": lambda items, value: items.append(value),
    "keys": sorted,
    "values": lambda entries: [entries[key] for key in sorted(entries)],
    "items": lambda entries: [[key, entries[key]] for key in sorted(entries)],
    "copy": lambda value: value.copy(),
    "range": lambda *numbers: list(range(*numbers)),
    "len": len, "min": min, "max": max, "sum": sum, "abs": abs, "sorted": sorted, "str": str,
    "int": int,
}  # fmt: skip
"""What the language's functions mean in plain Python."""


def write_program(seed: int) -> str:
    """The program of a seed."""
    return Writer(Random(seed)).program()


def run_in_cpython(source: str, case: Any) -> Any:
    """The answer of a program that this test wrote, by CPython itself."""
    names: dict[str, Any] = {"__builtins__": {}, **TWINS}
    exec(compile(source, "program", "exec"), names)
    return names["settle"](case)
