"""The functions that a policy may call: those of the language itself, and the type for all others.

``HostFunction`` is what another module gives to ``compile_source``: a name, a Python function over
plain values, how many arguments it takes and what it costs. A function that keeps something during
a run (steps of an explanation) says ``uses_host`` and gets the run's ``host`` object first; it
cannot be used for constants at the outer level. What a policy did wrong is raised as ``HostError``
and ends the run; every other exception is a bug of ours.

Arguments arrive as int, bool, str, None, ``list`` and ``dict`` (or subclasses of these two).
Whatever list or map a host function returns can be read by the policy and not changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from contracts.language import LIST_MAX
from contracts.values import OwnList, OwnMap, Value, check_int, name_kind

_WHOLE = re.compile(r"-?[0-9]{1,77}", re.ASCII)


class HostError(Exception):
    """The policy gave a function something it cannot take.

    ``fault`` is a stable word for the receipt; the message is for the author's own screen, so it
    may name values.
    """

    def __init__(self, message: str, fault: str = "argument") -> None:
        super().__init__(message)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class HostFunction:
    """One function of the language."""

    name: str
    call: Callable[..., Value]
    """Takes the arguments by position (after ``host`` when ``uses_host``); raises ``HostError``."""
    min_args: int
    max_args: int
    price: int = 4
    """Units of one call."""
    price_item: int = 0
    """Further units for each item of each list or map, and each 16 characters of each text."""
    price_result: int = 0
    """Further units for each item of the result."""
    uses_host: bool = False
    signature: str = ""
    """How the documents print it."""
    meaning: str = ""
    since: int = 1
    """The language version that brought it."""


def _fail(text: str, fault: str = "argument") -> HostError:
    return HostError(text, fault)


def _list(value: Value, name: str) -> list[Value]:
    if not isinstance(value, list):
        raise _fail(f"{name} wants a list, got {name_kind(value)}")
    return value


def _map(value: Value, name: str) -> dict[str, Value]:
    if not isinstance(value, dict):
        raise _fail(f"{name} wants a map, got {name_kind(value)}")
    return value


def _whole(value: Value, name: str) -> int:
    if type(value) is not int:
        raise _fail(f"{name} wants whole numbers, got {name_kind(value)}")
    return value


def _len(value: Value) -> int:
    if isinstance(value, str | list | dict):
        return len(value)
    raise _fail(f"len wants a text, list or map, got {name_kind(value)}")


def _get(entries: Value, key: Value, default: Value = None) -> Value:
    if type(key) is not str:
        raise _fail(f"get wants a text as key, got {name_kind(key)}")
    return _map(entries, "get").get(key, default)


def _push(items: Value, value: Value) -> None:
    if not isinstance(items, OwnList):
        raise _fail("push wants a list that this policy made", "read-only")
    if len(items) >= LIST_MAX:
        raise _fail(f"a list holds at most {LIST_MAX} items", "size")
    items.append(value)


def _keys(entries: Value) -> Value:
    return OwnList(sorted(_map(entries, "keys")))


def _values(entries: Value) -> Value:
    return OwnList(value for _, value in sorted(_map(entries, "values").items(), key=_first))


def _items(entries: Value) -> Value:
    return OwnList(list(pair) for pair in sorted(_map(entries, "items").items(), key=_first))


def _first(pair: tuple[str, Value]) -> str:
    return pair[0]


def _alike(values: list[Value], name: str) -> list[Value]:
    """Whole numbers only or texts only: what has an order."""
    kind = type(values[0]) if values else int
    if kind not in (int, str):
        raise _fail(f"{name} wants numbers or texts, got {name_kind(values[0])}")
    for value in values:
        if type(value) is not kind:
            raise _fail(f"{name} cannot order {name_kind(values[0])} and {name_kind(value)}")
    return values


def _several(values: tuple[Value, ...], name: str) -> list[Value]:
    found = _list(values[0], name) if len(values) == 1 else list(values)
    if not found:
        raise _fail(f"{name} of nothing")
    return _alike(found, name)


def _min(*values: Value) -> Value:
    return min(_several(values, "min"))


def _max(*values: Value) -> Value:
    return max(_several(values, "max"))


def _sum(values: Value) -> int:
    total = 0
    for value in _list(values, "sum"):
        total += _whole(value, "sum")
    return check_int(total, lambda: _fail("sum grows beyond what a number may be", "size"))


def _abs(value: Value) -> int:
    return abs(_whole(value, "abs"))


def _sorted(values: Value) -> Value:
    return OwnList(sorted(_alike(_list(values, "sorted"), "sorted")))


def count_range(numbers: tuple[Value, ...]) -> range:
    """The numbers that ``range`` means; at most as many as a list may hold."""
    for number in numbers:
        _whole(number, "range")
    if len(numbers) == 3 and numbers[2] == 0:
        raise _fail("range cannot step by 0")
    found = range(*numbers)
    first, last = found.start, found.stop
    # len() of a huge range overflows a machine word; compare the ends first
    if abs(last - first) // abs(found.step) > LIST_MAX or len(found) > LIST_MAX:
        raise _fail(f"range gives at most {LIST_MAX} numbers", "size")
    return found


def _range(*numbers: Value) -> Value:
    return OwnList(count_range(numbers))


def _str(value: Value) -> str:
    if type(value) is str:
        return value
    return str(_whole(value, "str"))


def _int(value: Value) -> int:
    if type(value) is int:
        return value
    if type(value) is str and _WHOLE.fullmatch(value):
        return check_int(int(value), lambda: _fail("int of too long a number", "size"))
    raise _fail(f"int wants digits, got {name_kind(value)}")


def _refuse(code: Value) -> Value:
    raise _fail(f"the policy refuses: {code}", f"fail:{code}")


def _copy(value: Value) -> Value:
    if isinstance(value, list):
        return OwnList(value)
    return OwnMap(_map(value, "copy"))


BUILTINS: Mapping[str, HostFunction] = {
    function.name: function
    for function in (
        HostFunction("len", _len, 1, 1, 2, 0, signature="len(x)",
                     meaning="characters of a text, items of a list, entries of a map"),
        HostFunction("get", _get, 2, 3, 2, 0, signature="get(map, key, default)",
                     meaning="the entry, or the default (None) where there is none"),
        HostFunction("push", _push, 2, 2, 2, 0, signature="push(list, value)",
                     meaning="appends to a list that the policy made; gives None"),
        HostFunction("keys", _keys, 1, 1, 4, 2, signature="keys(map)",
                     meaning="the keys in ascending order"),
        HostFunction("values", _values, 1, 1, 4, 2, signature="values(map)",
                     meaning="the values in the order of their keys"),
        HostFunction("items", _items, 1, 1, 4, 3, signature="items(map)",
                     meaning="pairs (key, value) in the order of the keys"),
        HostFunction("copy", _copy, 1, 1, 4, 1, signature="copy(x)",
                     meaning="a list or map of the same values that can be changed"),
        HostFunction("min", _min, 1, 20, 3, 1, signature="min(a, b, ...), min(list)",
                     meaning="the least of numbers, or of texts (dates)"),
        HostFunction("max", _max, 1, 20, 3, 1, signature="max(a, b, ...), max(list)",
                     meaning="the greatest of numbers, or of texts (dates)"),
        HostFunction("sum", _sum, 1, 1, 3, 1, signature="sum(list)",
                     meaning="the sum of a list of numbers"),
        HostFunction("abs", _abs, 1, 1, 2, 0, signature="abs(a)", meaning="without its sign"),
        HostFunction("sorted", _sorted, 1, 1, 4, 4, signature="sorted(list)",
                     meaning="a new list of numbers or texts in ascending order"),
        HostFunction("range", _range, 1, 3, 4, 0, 1, signature="range(stop), range(from, to, step)",
                     meaning="a list of numbers as Python counts them"),
        HostFunction("str", _str, 1, 1, 4, 0, signature="str(a)", meaning="a number as text"),
        HostFunction("int", _int, 1, 1, 4, 1, signature="int(text)", meaning="digits as a number"),
        HostFunction("fail", _refuse, 1, 1, 1, 0, signature='fail("code")',
                     meaning="ends the run without an answer; the code is written out"),
    )
}  # fmt: skip
"""The functions of the language itself, by name."""
