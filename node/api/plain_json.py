"""Strict JSON: what comes in has one reading, what goes out loses nothing.

In: UTF-8 without byte order mark, unique keys, no NaN or Infinity, no fraction or exponent (money
and quantities are whole numbers), integers within 64 bits, no lone surrogate, depth at most 16,
at most 65,536 values.
Out: integers beyond 2^53 as text, because a browser would round them; bytes as lower-case
hexadecimal text; keys in the order they were given.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

DEPTH_MAX = 16
"""As for canonical bytes (ARCHITECTURE.md section 3)."""

SAFE_INTEGER_MAX = 2**53 - 1
"""Largest integer that every JSON reader keeps exactly (RFC 8259 section 6)."""

DIGITS_MAX = 20
"""A 64-bit integer has at most 20 characters."""


VALUES_MAX = 65_536
"""Values of one text: what needs more than a few hundred comes in canonical bytes."""

_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")


class StrictJsonError(ValueError):
    """The text is not JSON in the strict sense; ``rule`` names the broken rule, not the text."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise StrictJsonError("duplicate-key")
    return made


def _integer(text: str) -> int:
    if len(text) > DIGITS_MAX:
        raise StrictJsonError("integer-range")
    value = int(text)
    if not -(2**63) <= value < 2**63:
        raise StrictJsonError("integer-range")
    return value


def _no_fraction(_text: str) -> NoReturn:
    raise StrictJsonError("no-fraction")


def _no_constant(_text: str) -> NoReturn:
    raise StrictJsonError("no-nan")


def _check_structure(data: bytes) -> None:
    """Brackets and commas are counted before parsing, so that neither nesting nor sheer number
    can occupy the parser. A few passes over the bytes, none of them a loop of ours over them all.
    """
    outside = data
    if b'"' in data:
        plain_quotes = data.replace(b"\\\\", b"").replace(b'\\"', b"")
        if plain_quotes.count(b'"') > 4 * VALUES_MAX:  # two for each text, key or value
            raise StrictJsonError("values")
        outside = b"".join(plain_quotes.split(b'"')[::2])
    brackets = outside.translate(None, _NO_BRACKETS)
    if len(brackets) > 2 * VALUES_MAX or outside.count(b",") > VALUES_MAX:
        raise StrictJsonError("values")
    depth = 0
    for byte in brackets:
        depth += 1 if byte in b"[{" else -1
        if depth > DEPTH_MAX:
            raise StrictJsonError("depth")


def decode(data: bytes) -> Any:
    """The value of strict JSON bytes. Raises ``StrictJsonError``."""
    if data.count(b"[") + data.count(b"{") > DEPTH_MAX or data.count(b",") > VALUES_MAX:
        _check_structure(data)
    try:
        text = data.decode("utf-8")
        value = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_int=_integer,
            parse_float=_no_fraction,
            parse_constant=_no_constant,
        )
    except UnicodeDecodeError as bad:
        raise StrictJsonError("utf-8") from bad
    except json.JSONDecodeError as bad:
        raise StrictJsonError("syntax") from bad
    if "\\u" in text or "\\U" in text:
        _check_surrogates(value)
    return value


def _check_surrogates(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as bad:
        raise StrictJsonError("surrogate") from bad


def plain(value: Any) -> Any:
    """The value fit for JSON: bytes as hexadecimal text, integers beyond 2^53 as text."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return value if -SAFE_INTEGER_MAX <= value <= SAFE_INTEGER_MAX else str(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    raise AssertionError(f"a {type(value).__name__} cannot be answered as JSON")


def encode(value: Any) -> bytes:
    """UTF-8 JSON of a plain value."""
    text = json.dumps(plain(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8")
