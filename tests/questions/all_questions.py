"""All questions: each module puts its own on the list when it is read."""

from __future__ import annotations

from tests.questions import cleared, parties, recorded, rules
from tests.questions.asked import QUESTIONS

__all__ = ["QUESTIONS", "cleared", "parties", "recorded", "rules"]
