"""The values of a policy: int, bool, str, None, lists and maps with text keys, all bounded.

What a policy makes itself is an ``OwnList`` or ``OwnMap`` and may be changed by it. What came in
(the case, constants, results of host functions) is plain ``list`` and ``dict`` and can only be
read: so no run changes its input, and no run leaves anything for the next one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contracts.language import (
    INT_BITS,
    LIST_MAX,
    MAP_MAX,
    RESULT_DEPTH_MAX,
    RESULT_ITEMS_MAX,
    TEXT_MAX,
)

Value = Any

INT_LIMIT = 1 << INT_BITS
"""Numbers lie strictly between minus this and this."""
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
"""What an answer may hold: the integers of the canonical encoding."""


class OwnList(list[Value]):
    """A list that the running policy made."""

    __slots__ = ()


class OwnMap(dict[str, Value]):
    """A map that the running policy made."""

    __slots__ = ()


KINDS = frozenset({int, bool, str, type(None), list, dict, OwnList, OwnMap})
"""The types of all values; nothing else may ever reach a policy."""


def name_kind(value: Value) -> str:
    """The kind of a value in the language's words; never its content."""
    if value is None:
        return "None"
    for kind, name in ((bool, "a bool"), (int, "a number"), (str, "a text"), (list, "a list")):
        if isinstance(value, kind):
            return name
    return "a map" if isinstance(value, dict) else "no value of the language"


SHOWN_MAX = 60
"""Characters of a text that a message quotes."""


def shown(value: Value) -> str:
    """A value for a message: numbers and short texts as they are, lists and maps by their kind.

    What a policy builds may hold itself, or one list a million times over. Writing it out would
    end in the depth of Python's stack or fill the memory, and not on every machine alike.
    """
    if type(value) is str:
        cut = value if len(value) <= SHOWN_MAX else value[:SHOWN_MAX] + "..."
        return repr(cut)
    if value is None or type(value) is bool or type(value) is int:
        return str(value)
    return name_kind(value)


def check_int(value: int, error: Callable[[], Exception]) -> int:
    """The number when it is within bounds; raises what ``error`` makes."""
    if -INT_LIMIT < value < INT_LIMIT:
        return value
    raise error()


def export(value: Value) -> tuple[Value, str]:
    """A plain copy of an answer and ``""``, or ``None`` and what is wrong with it.

    The walk counts every value it meets, so a small graph that looks large when written out (a list
    that holds itself, or a thousand times the same list) ends here too.
    """
    copied, problem, _ = export_counted(value)
    return copied, problem


def export_counted(value: Value) -> tuple[Value, str, int]:
    """As ``export``, and how many lists, maps, items and entries were copied."""
    try:
        copied, room = _export(value, RESULT_ITEMS_MAX, 0)
    except _TooLargeError as error:
        return None, str(error), RESULT_ITEMS_MAX
    return copied, "", RESULT_ITEMS_MAX - room


class _TooLargeError(Exception):
    pass


def _export(value: Value, room: int, depth: int) -> tuple[Value, int]:
    """A plain copy and the room that it leaves."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return value, room
    if kind is int:
        if not INT64_MIN <= value <= INT64_MAX:
            raise _TooLargeError("a number of more than 64 bits")
        return value, room
    room -= 1 + len(value)
    if room < 0:
        raise _TooLargeError(f"more than {RESULT_ITEMS_MAX} values")
    if depth >= RESULT_DEPTH_MAX:
        raise _TooLargeError(f"nested deeper than {RESULT_DEPTH_MAX}")
    if isinstance(value, list):
        items = []
        for item in value:
            if type(item) is not str:
                item, room = _export(item, room, depth + 1)
            items.append(item)
        return items, room
    assert isinstance(value, dict), f"{kind.__name__} inside a policy"
    entries = {}
    for key, item in value.items():
        if type(item) is not str:
            item, room = _export(item, room, depth + 1)
        entries[key] = item
    return entries, room


def check_input(value: Value, depth: int = 0) -> None:
    """Raises ``ValueError`` unless ``value`` is made of the language's kinds and within bounds."""
    kind = type(value)
    if kind is int:
        if not -INT_LIMIT < value < INT_LIMIT:
            raise ValueError(f"a number of more than {INT_BITS} bits")
    elif kind is str:
        if len(value) > TEXT_MAX:
            raise ValueError(f"a text of {len(value)} characters, at most {TEXT_MAX}")
    elif kind is list or kind is dict:
        if depth >= RESULT_DEPTH_MAX:
            raise ValueError(f"nested deeper than {RESULT_DEPTH_MAX}")
        if len(value) > (LIST_MAX if kind is list else MAP_MAX):
            raise ValueError(f"{name_kind(value)} of {len(value)}")
        if kind is dict:
            for key in value:
                if type(key) is not str:
                    raise ValueError(f"a key that is {name_kind(key)}")
        for item in value.values() if kind is dict else value:
            check_input(item, depth + 1)
    elif kind is not bool and value is not None:
        raise ValueError(f"{kind.__name__} is no value of the language")
