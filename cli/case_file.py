"""The text of a case or a call as a document: JSON, read strictly: it decides about money.

The standard reader takes the last of two equal keys, takes NaN, and stumbles over numbers of
thousands of digits and over half a character; here each of these is refused with its place.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

DIGITS_MAX = 40
"""Of a number; money has 16."""


class CaseFileError(ValueError):
    """A text is not JSON, or not JSON that means one thing.

    ``place`` is ``line:column`` where the reader knows it, else empty.
    """

    def __init__(self, message: str, place: str = "") -> None:
        super().__init__(message)
        self.place = place


def read_document(text: str) -> Any:
    """The document of a file. Raises ``CaseFileError``; a leading byte order mark is fine."""
    try:
        document = json.loads(
            text.removeprefix("\ufeff"),
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_int=_integer,
        )
        _check_texts(document)
    except json.JSONDecodeError as problem:
        place = f"{problem.lineno}:{problem.colno}"
        raise CaseFileError(f"not JSON: {problem.msg}", place) from None
    except RecursionError:
        raise CaseFileError("nested too deep") from None
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise CaseFileError(f"the key {key[:60]!a} stands twice in one object")
        found[key] = value
    return found


def _constant(word: str) -> NoReturn:
    raise CaseFileError(f"not JSON: {word} is no number")


def _integer(digits: str) -> int:
    if len(digits) > DIGITS_MAX:
        raise CaseFileError(f"a number of {len(digits)} digits: {digits[:20]}...")
    return int(digits)


def _check_texts(value: Any) -> None:
    """Refuse half characters (``"\\ud800"``): they can be neither printed nor stored."""
    if isinstance(value, str):
        if not value.isascii() and any("\ud800" <= sign <= "\udfff" for sign in value):
            raise CaseFileError(f"half a character in the text {value[:60]!a}")
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_texts(key)
            _check_texts(item)
    elif isinstance(value, list):
        for item in value:
            _check_texts(item)
