"""Shapes: what the arguments and attachments of a system contract must look like.

A shape is a frozen value that says what is allowed. ``compile_shape`` turns it once, at import,
into a closure that takes a plain value and returns it checked, with defaults filled in; what does
not fit raises ``ShapeError`` with the path and the two things that were compared. Shapes describe
themselves (``describe``), so the command line and the documentation print a method's arguments
from the same table that refuses the wrong ones.

This module holds the containers and is the door to all shapes; single values are in ``scalars``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contracts.scalars import (
    DIGITS,
    FEN_MAX,
    IDENTIFIER,
    INT_MAX,
    INT_MIN,
    Bool,
    Bytes,
    Date,
    Fen,
    Id,
    Int,
    Month,
    OneOf,
    Ratio,
    Region,
    Text,
    is_real_date,
)
from contracts.shape import MISSING, Check, Shape, ShapeError

__all__ = [
    "DIGITS",
    "FEN_MAX",
    "IDENTIFIER",
    "INT_MAX",
    "INT_MIN",
    "LEFT_OUT",
    "Bool",
    "Bytes",
    "Check",
    "Date",
    "Fen",
    "Id",
    "Int",
    "List",
    "Map",
    "Month",
    "OneOf",
    "Optional",
    "Plain",
    "Ratio",
    "Record",
    "Region",
    "Shape",
    "ShapeError",
    "Text",
    "compile_shape",
    "is_real_date",
]


class _LeftOut:
    """The type of ``LEFT_OUT``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "left out"


LEFT_OUT: Any = _LeftOut()
"""The default of a key that stays absent where it is not given."""


@dataclass(frozen=True, slots=True)
class Optional(Shape):
    """In a record, a key that may be absent (then ``default`` stands there); alone, also null.

    Null is accepted for the default when the default is null, so both spellings mean one thing.
    With ``LEFT_OUT`` for a default an absent key stays absent: an argument that a later version
    takes must not change what a call of before digests to.
    """

    of: Shape
    default: Any = None

    def describe(self) -> dict[str, Any]:
        default = None if self.default is LEFT_OUT else self.default
        return self.of.describe() | {"optional": True, "default": default}

    def __str__(self) -> str:
        return str(self.of)

    def compile(self) -> Check:
        inner = self.of.compile()
        if self.default is LEFT_OUT:
            return inner
        if self.default is not None:
            inner(self.default)  # a default that does not fit its own shape is our bug
            return inner

        def check(value: Any) -> Any:
            return None if value is None else inner(value)

        return check


@dataclass(frozen=True, slots=True)
class List(Shape):
    """A list of up to ``max`` values of one shape; ``distinct`` refuses repeated scalars."""

    of: Shape
    max: int
    min: int = 0
    distinct: bool = False

    def describe(self) -> dict[str, Any]:
        return {
            "type": "list",
            "of": self.of.describe(),
            "min": self.min,
            "max": self.max,
            "distinct": self.distinct,
        }

    def __str__(self) -> str:
        return f"a list of {self.min} to {self.max}" + (" different values" * self.distinct)

    def compile(self) -> Check:
        inner, low, high, distinct = self.of.compile(), self.min, self.max, self.distinct
        expected = str(self)

        def check(value: Any) -> Any:
            if type(value) is not list or not low <= len(value) <= high:
                raise ShapeError(expected, value)
            checked: list[Any] = []
            try:
                for item in value:
                    checked.append(inner(item))  # noqa: PERF401  (its length names the faulty item)
            except ShapeError as error:
                error.steps.append(f"[{len(checked)}]")
                raise
            if distinct and len(set(checked)) != len(checked):
                raise ShapeError(expected, value)
            return checked

        return check


_KEY = Text(1, 64, IDENTIFIER)


@dataclass(frozen=True, slots=True)
class Map(Shape):
    """A map from texts of one shape to values of one shape, of up to ``max`` entries."""

    of: Shape
    max: int
    key: Text = _KEY

    def describe(self) -> dict[str, Any]:
        return {
            "type": "map",
            "key": self.key.describe(),
            "of": self.of.describe(),
            "max": self.max,
        }

    def __str__(self) -> str:
        return f"a map of up to {self.max}"

    def compile(self) -> Check:
        inner, inner_key, high, expected = (
            self.of.compile(),
            self.key.compile(),
            self.max,
            str(self),
        )

        def check(value: Any) -> Any:
            if type(value) is not dict or len(value) > high:
                raise ShapeError(expected, value)
            checked: dict[str, Any] = {}
            try:
                for key, item in value.items():
                    checked[inner_key(key)] = inner(item)
            except ShapeError as error:
                # the position, not the key: keys are the sender's words and may not be public
                error.steps.append(f"[{len(checked)}]")
                raise
            return checked

        return check


@dataclass(frozen=True, slots=True)
class Record(Shape):
    """A map with exactly these keys; keys whose shape is ``Optional`` may be absent."""

    fields: Mapping[str, Shape]

    def describe(self) -> dict[str, Any]:
        return {"type": "record", "fields": {k: v.describe() for k, v in self.fields.items()}}

    def __str__(self) -> str:
        return "a map with the keys " + ", ".join(sorted(self.fields))

    def compile(self) -> Check:
        checks: list[tuple[str, Check, Any, bool]] = []
        for name, shape in self.fields.items():
            inner = shape.compile()
            default = _default_of(shape, inner)
            checks.append((name, inner, default, isinstance(default, list | dict)))
        every = frozenset(self.fields)
        required = frozenset(name for name, _, default, _ in checks if default is MISSING)
        expected = str(self)

        def refuse_keys(value: dict[Any, Any]) -> None:
            if not required <= value.keys():
                name = min(required - value.keys())
                error = ShapeError(str(self.fields[name]), MISSING)
                error.steps.append(f".{name}")
                raise error
            if not value.keys() <= every:
                raise ShapeError(expected, value)

        def check(value: Any) -> Any:
            if type(value) is not dict:
                raise ShapeError(expected, value)
            if value.keys() != every:
                refuse_keys(value)
            checked = {}
            name = ""
            try:
                for name, inner, default, can_change in checks:
                    if name in value:
                        checked[name] = inner(value[name])
                    elif default is not LEFT_OUT:
                        # what a method may change of what it was given is made anew
                        checked[name] = _fresh(default) if can_change else default
            except ShapeError as error:
                error.steps.append(f".{name}")
                raise
            return checked

        return check


@dataclass(frozen=True, slots=True)
class Plain(Shape):
    """Any plain value of up to ``max_items`` values in all; its owner checks the rest."""

    max_items: int = 200

    def describe(self) -> dict[str, Any]:
        return {"type": "any", "max_items": self.max_items}

    def __str__(self) -> str:
        return f"a plain value of at most {self.max_items} items"

    def compile(self) -> Check:
        limit, expected = self.max_items, str(self)

        def check(value: Any) -> Any:
            waiting, seen = [value], 0
            while waiting:
                item = waiting.pop()
                seen += 1
                if seen + len(waiting) > limit:
                    raise ShapeError(expected, value)
                if type(item) is list:
                    waiting.extend(item)
                elif type(item) is dict:
                    waiting.extend(item)
                    waiting.extend(item.values())
                elif item is not None and type(item) not in (bool, int, str, bytes):
                    raise ShapeError(expected, value)
            return value

        return check


def compile_shape(shape: Shape | Mapping[str, Shape]) -> Check:
    """The checking closure of a shape, or of the record that a plain mapping of shapes means."""
    return (shape if isinstance(shape, Shape) else Record(shape)).compile()


def _default_of(shape: Shape, inner: Check) -> Any:
    """What stands for an absent key; ``MISSING`` where it must be there."""
    if not isinstance(shape, Optional):
        return MISSING
    return LEFT_OUT if shape.default is LEFT_OUT else inner(shape.default)


def _fresh(default: Any) -> Any:
    if isinstance(default, list):
        return [_fresh(item) for item in default]
    if isinstance(default, dict):
        return {name: _fresh(item) for name, item in default.items()}
    return default
