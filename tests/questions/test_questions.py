"""Every question's commands are run again, and the page has what they print."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.questions.__main__ import INTRODUCTION
from tests.questions.all_questions import QUESTIONS
from tests.questions.asked import answer, heading

PAGE = Path(__file__).resolve().parents[2] / "docs" / "questions.md"


@pytest.mark.parametrize("number", sorted(QUESTIONS))
def test_the_commands_print_what_the_page_shows(number: int) -> None:
    assert answer(number) in PAGE.read_text(encoding="utf-8"), (
        "python -m tests.questions > docs/questions.md"
    )


def test_the_page_has_the_fifteen_questions_and_nothing_else() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text.startswith(INTRODUCTION)
    told = [row.removeprefix("## ") for row in text.splitlines() if row.startswith("## ")]
    assert told == [heading(number) for number in range(1, 16)]
