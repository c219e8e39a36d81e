"""A question: what was asked, which commands answer it, what they printed."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cli import output
from node.ledger import codec
from tests.cli.running import yibao
from tests.cli.screens import Screens
from tests.scenes.country import Country

WIDTH = 118
DIGEST = re.compile(r"\b(?=[0-9]*[a-f])[0-9a-f]{16,}\b")
"""Ids of transactions, hashes, commitments: they differ with every change of a format."""
Question = Callable[["Asked"], None]
QUESTIONS: dict[int, Question] = {}
"""By number."""


def question(number: int) -> Callable[[Question], Question]:
    """Put an answer on the list. Its docstring is the question."""

    def put(function: Question) -> Question:
        assert number not in QUESTIONS, number
        QUESTIONS[number] = function
        return function

    return put


def heading(number: int) -> str:
    """The question with its number."""
    text = " ".join((QUESTIONS[number].__doc__ or "").split())
    return f"{number}. {text}"


class Asked:
    """Runs commands before a country of its own and writes down what they print."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.country = Country(folder / "node")
        self.screens = Screens(self.country.world)
        self.parts: list[str] = []

    def tell(self, text: str) -> None:
        """A sentence of the answer."""
        self.parts.append(text + "\n")

    def file(self, name: str, content: str | Mapping[str, Any]) -> Path:
        """A file that a command reads; bytes in a call's JSON become hexadecimal text."""
        text = content if isinstance(content, str) else json.dumps(_plain(content))
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def run(
        self, who: str, *words: object, code: int = 0, only: tuple[str, ...] = (), end: int = 0,
        silent: bool = False,
    ) -> str:  # fmt: skip
        """Run a command; ``who`` is an organisation and a post, or nobody for what needs no node.

        ``only``: lines that are shown, by what they contain; ``end``: how many lines are shown;
        ``silent``: none.
        """
        with _width(WIDTH):
            done = self.screens.run(*who.rsplit("/", 1), *words) if who else yibao(*words)
        text = DIGEST.sub(_masked, str(done.output).replace(f"{self.folder}/", ""))
        assert done.exit_code == code, (words, text, done.exception)
        lines = [line.rstrip() for line in text.rstrip().splitlines()]
        shown = [line for line in lines if not only or any(word in line for word in only)]
        assert shown, (words, text)
        if end:
            shown = shown[:end]
        shown = [] if silent else shown
        cut = ["..."] if len(shown) < len(lines) else []
        command = DIGEST.sub("ID", " ".join(_word(word, self.folder) for word in words))
        asks = [f"# {who}"] if who else []
        told = [*asks, f"$ yibao {command}", *shown, *cut]
        if code:
            told.append(f"(exit code {code})")
        self.parts.append("```console\n" + "\n".join(told) + "\n```\n")
        return text


def answer(number: int) -> str:
    """The section of a question, with commands run anew."""
    with tempfile.TemporaryDirectory() as folder:
        asked = Asked(Path(folder))
        try:
            QUESTIONS[number](asked)
        finally:
            asked.country.close()
    return f"## {heading(number)}\n\n" + "\n".join(asked.parts)


@contextmanager
def _width(columns: int) -> Iterator[None]:
    """The page's own width, whoever runs it."""
    before = output.out.width
    output.out.width = output.err.width = columns
    try:
        yield
    finally:
        output.out.width = output.err.width = before


def _masked(found: re.Match[str]) -> str:
    """A digest as dots of its own length, so that tables keep their shape."""
    return "·" * len(found[0])


def _word(word: object, folder: Path) -> str:
    text = str(word).replace(f"{folder}/", "")
    return f'"{text}"' if " " in text else text


def _plain(value: Any) -> Any:
    codec.encode(value)  # only what a call can hold
    return output.plain(value)
