"""Writes the page of all questions, from what the commands printed."""

from __future__ import annotations

from tests.questions.all_questions import QUESTIONS
from tests.questions.asked import answer

INTRODUCTION = """# Questions (十五问)

Questions that a reviewer asks, and the command that answers each. Every command was run before a real node, by the organisation and post above it, and the output is what it printed (cut where a line says `...`, digests as dots); a test runs all of them again and compares. People and institutions are made up. Made by `python -m tests.questions > docs/questions.md`.
"""  # noqa: E501


def main() -> None:
    print(INTRODUCTION)
    print("\n".join(answer(number) for number in sorted(QUESTIONS)), end="")


if __name__ == "__main__":
    main()
