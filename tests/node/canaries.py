"""Planted words, and a search that finds them in whatever dress they left.

A word is searched as its bytes in UTF-8 and UTF-16, in hexadecimal, in base64 at each of the three
alignments (both alphabets), as JSON escapes and as percent escapes. What is compressed or encrypted
would not be found; nothing of the node's does either to what it keeps or says.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote

WORD_MIN = 8
"""Bytes of the shortest word: a shorter one would be found by chance."""


def forms(word: bytes) -> dict[str, bytes]:
    """The dresses of a word by name."""
    assert len(word) >= WORD_MIN, word
    found = {"plain": word, "hex": word.hex().encode(), "HEX": word.hex().upper().encode()}
    for alignment in range(3):
        core = _base64_core(word, alignment)
        found[f"base64+{alignment}"] = core
        found[f"base64url+{alignment}"] = core.replace(b"+", b"-").replace(b"/", b"_")
    try:
        text = word.decode()
    except UnicodeDecodeError:
        return found
    found["utf-16-le"], found["utf-16-be"] = text.encode("utf-16-le"), text.encode("utf-16-be")
    found["json"] = json.dumps(text)[1:-1].encode()
    found["percent"] = quote(text, safe="").encode()
    return found


def _base64_core(word: bytes, alignment: int) -> bytes:
    """The characters of base64 that depend on the word alone when ``alignment`` bytes precede."""
    text = base64.b64encode(bytes(alignment) + word)
    first = -(-alignment * 8 // 6)
    return text[first : (alignment + len(word)) * 8 // 6]


@dataclass(frozen=True)
class Leak:
    """A planted word in a place where it must not be."""

    place: str
    word: str
    form: str


class Search:
    """Looks for all words in all forms."""

    def __init__(self, words: Mapping[str, bytes | str]) -> None:
        self._forms = {
            name: forms(word.encode() if isinstance(word, str) else word)
            for name, word in words.items()
        }

    def leaks(self, place: str, data: bytes, allowed: Iterable[str] = ()) -> Iterator[Leak]:
        """Every word that ``data`` holds, apart from those that may stand there."""
        for name, dresses in self._forms.items():
            if name in allowed:
                continue
            for form, dress in dresses.items():
                if dress in data:
                    yield Leak(place, name, form)
                    break
