"""Shapes of single values: integers, money, text, dates, district codes, ratios, bytes, choices.

Nothing here asks Python about Unicode categories: those tables differ between interpreters, and two
validators must refuse the same text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from contracts.shape import Check, Shape, ShapeError

FEN_MAX = 10**15
"""Ten thousand billion yuan: above any fund, far below a 64-bit integer (SECURITY.md section 3)."""
INT_MIN, INT_MAX = -(2**63), 2**63 - 1
"""The integers of the canonical encoding."""

UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LOWER = UPPER.lower()
DIGITS = "0123456789"
HEX = "0123456789abcdef"
IDENTIFIER = UPPER + LOWER + DIGITS + "-_.:"
"""Letters of ids and state keys: no slash (it separates the parts of a state key), no blank."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_DATE = re.compile(r"[12][0-9]{3}-[01][0-9]-[0-3][0-9]", re.ASCII)
_RATIO = re.compile(r"(0|[1-9][0-9]{0,3})(?:\.([0-9]{1,4}))?%", re.ASCII)
_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True, slots=True)
class Bool(Shape):
    """True or false; never 0 or 1."""

    def describe(self) -> dict[str, Any]:
        return {"type": "bool"}

    def compile(self) -> Check:
        def check(value: Any) -> Any:
            if value is True or value is False:
                return value
            raise ShapeError("bool", value)

        return check


@dataclass(frozen=True, slots=True)
class Int(Shape):
    """An integer within bounds, both included; a bool is not an integer."""

    min: int = INT_MIN
    max: int = INT_MAX
    unit: str = ""
    """What is counted, for people: ``fen``, ``ms``, ``e-4`` ..."""

    def describe(self) -> dict[str, Any]:
        told: dict[str, Any] = {"type": "int", "min": self.min, "max": self.max}
        return told | ({"unit": self.unit} if self.unit else {})

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        return f"an integer{unit} from {self.min} to {self.max}"

    def compile(self) -> Check:
        low, high, expected = self.min, self.max, str(self)

        def check(value: Any) -> Any:
            if type(value) is int and low <= value <= high:
                return value
            raise ShapeError(expected, value)

        return check


def Fen(min: int = 0, max: int = FEN_MAX) -> Int:  # noqa: A002, N802  (reads as a shape in tables)
    """Money: an integer number of fen, not negative unless said."""
    return Int(min, max, "fen")


@dataclass(frozen=True, slots=True)
class Text(Shape):
    """Text of a length in code points; of the given characters only, or of any but controls."""

    min: int = 1
    max: int = 200
    of: str = ""
    """The allowed characters; empty: all except control characters (U+0000-1F, U+7F-9F)."""
    lines: bool = False
    """With ``of`` empty: whether line feeds are allowed too."""

    def describe(self) -> dict[str, Any]:
        told: dict[str, Any] = {"type": "text", "min": self.min, "max": self.max}
        return told | ({"of": _ranges(self.of)} if self.of else {})

    def __str__(self) -> str:
        letters = f" of {_ranges(self.of)}" if self.of else " without control characters"
        return f"text of {self.min} to {self.max} characters{letters}"

    def compile(self) -> Check:
        low, high, letters, expected = self.min, self.max, self.of, str(self)
        if letters:
            holds = frozenset(letters).issuperset
            all_letters = holds(UPPER + LOWER + DIGITS)

            def check(value: Any) -> Any:
                # The quick question first. What ASCII is alphanumeric no Unicode version changes.
                if (
                    type(value) is str
                    and low <= len(value) <= high
                    and ((all_letters and value.isascii() and value.isalnum()) or holds(value))
                ):
                    return value
                raise ShapeError(expected, value)

            return check
        find_control = _CONTROL.search
        lines = self.lines

        def check_free(value: Any) -> Any:
            if (
                type(value) is str
                and low <= len(value) <= high
                and (
                    (value.isascii() and value.isprintable())
                    or not find_control(value.replace("\n", "") if lines else value)
                )
            ):
                return value
            raise ShapeError(expected, value)

        return check_free


def Id(max: int = 64) -> Text:  # noqa: A002, N802  (reads as a shape in tables)
    """An id that may be part of a state key."""
    return Text(1, max, IDENTIFIER)


@dataclass(frozen=True, slots=True)
class Region(Shape):
    """A district code of six digits, as in GB/T 2260."""

    def describe(self) -> dict[str, Any]:
        return {"type": "region"}

    def __str__(self) -> str:
        return "a district code of six digits"

    def compile(self) -> Check:
        def check(value: Any) -> Any:
            if type(value) is str and len(value) == 6 and not value.strip(DIGITS):
                return value
            raise ShapeError("a district code of six digits", value)

        return check


@dataclass(frozen=True, slots=True)
class Date(Shape):
    """A real day of the Gregorian calendar as ``YYYY-MM-DD``, years 1000 to 2999."""

    def describe(self) -> dict[str, Any]:
        return {"type": "date"}

    def __str__(self) -> str:
        return "a real date YYYY-MM-DD"

    def compile(self) -> Check:
        real = is_real_date

        def check(value: Any) -> Any:
            if type(value) is str and real(value):
                return value
            raise ShapeError("a real date YYYY-MM-DD", value)

        return check


@dataclass(frozen=True, slots=True)
class Month(Shape):
    """A month as ``YYYY-MM``, years 1000 to 2999."""

    def describe(self) -> dict[str, Any]:
        return {"type": "month"}

    def __str__(self) -> str:
        return "a month YYYY-MM"

    def compile(self) -> Check:
        def check(value: Any) -> Any:
            if type(value) is str and is_real_date(f"{value}-01"):
                return value
            raise ShapeError("a month YYYY-MM", value)

        return check


@lru_cache(maxsize=4096)
def is_real_date(text: str) -> bool:
    """Whether ``text`` is ``YYYY-MM-DD`` and that day exists."""
    if not _DATE.fullmatch(text):
        return False
    year, month, day = int(text[:4]), int(text[5:7]), int(text[8:])
    if not 1 <= month <= 12:
        return False
    leap = month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 1 <= day <= _DAYS[month - 1] + leap


@dataclass(frozen=True, slots=True)
class Ratio(Shape):
    """An exact ratio written as people write it: ``"82.5%"``; at most four decimals."""

    max_percent: int = 100

    def describe(self) -> dict[str, Any]:
        return {"type": "ratio", "max_percent": self.max_percent}

    def __str__(self) -> str:
        return f"a ratio like 82.5% up to {self.max_percent}%"

    def compile(self) -> Check:
        limit, expected = self.max_percent * 10**4, str(self)

        def check(value: Any) -> Any:
            if type(value) is str and (found := _RATIO.fullmatch(value)):
                e4 = int(found[1]) * 10**4 + int((found[2] or "").ljust(4, "0"))
                if e4 <= limit:
                    return value
            raise ShapeError(expected, value)

        return check


@dataclass(frozen=True, slots=True)
class Bytes(Shape):
    """Bytes of an exact length, or of ``min`` to ``max`` when ``max`` is given."""

    min: int
    max: int | None = None

    def describe(self) -> dict[str, Any]:
        return {"type": "bytes", "min": self.min, "max": self.min if self.max is None else self.max}

    def __str__(self) -> str:
        return f"{self.min} bytes" if self.max is None else f"{self.min} to {self.max} bytes"

    def compile(self) -> Check:
        low, expected = self.min, str(self)
        high = low if self.max is None else self.max

        def check(value: Any) -> Any:
            if type(value) is bytes and low <= len(value) <= high:
                return value
            raise ShapeError(expected, value)

        return check


@dataclass(frozen=True, slots=True, init=False)
class OneOf(Shape):
    """One of a few constants (texts or integers)."""

    values: tuple[str | int, ...]

    def __init__(self, *values: str | int) -> None:
        object.__setattr__(self, "values", values)

    def describe(self) -> dict[str, Any]:
        return {"type": "one of", "values": list(self.values)}

    def __str__(self) -> str:
        return "one of " + ", ".join(map(str, self.values))

    def compile(self) -> Check:
        texts = frozenset(v for v in self.values if isinstance(v, str))
        integers = frozenset(v for v in self.values if isinstance(v, int))
        expected = str(self)

        def check(value: Any) -> Any:
            # the type is part of the comparison: True must not pass for 1
            if (type(value) is str and value in texts) or (
                type(value) is int and value in integers
            ):
                return value
            raise ShapeError(expected, value)

        return check


def _ranges(letters: str) -> str:
    """``A-Z a-z 0-9 - _`` for people."""
    rest, told = letters, []
    for run in (UPPER, LOWER, DIGITS):
        if all(letter in rest for letter in run):
            told.append(f"{run[0]}-{run[-1]}")
            rest = "".join(letter for letter in rest if letter not in run)
    return " ".join([*told, *rest])
