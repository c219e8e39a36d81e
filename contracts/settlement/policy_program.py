"""A policy's source, compiled: ``settle`` and the optional functions beside it.

A policy defines ``settle(case)``. It may also define

* ``benefit_year(date)``: the benefit year of a date, where it is not the calendar year;
* ``cross_year()``: how a stay over the year's end is treated, one of ``adjudicate.CROSS_YEAR``;
* ``first_pay(case, line)``: the insured place's own first-pay ratio of a line, None for the
  catalogue's;
* ``settlement_mode(region)``: whose rules hold for care in a region, one of ``MODES``.

A program keeps nothing between runs.
"""

from __future__ import annotations

from copy import copy
from typing import Any, NoReturn

from contracts.api import reject
from contracts.interpreter import compile_source
from contracts.language import LANGUAGE_VERSION, LanguageError, complain
from contracts.meter import BUDGET_DEFAULT
from contracts.settlement.adjudicate import CROSS_YEAR, WHOLE_STAY
from contracts.settlement.benefits import HOST, Recorder, Step
from contracts.settlement.case import Case
from contracts.settlement.money import MoneyError, parse_ratio

Value = Any

MIXED, HOME, CARE_PLACE = "mixed", "home", "care_place"
MODES = (MIXED, HOME, CARE_PLACE)
"""Catalogue of the place of care and policy of home; both of home; both of the place of care."""

OPTIONAL = {"benefit_year": 1, "cross_year": 0, "first_pay": 2, "settlement_mode": 1}
"""Optional functions and how many parameters they take."""


class PolicyProgram:
    """One policy, ready to run. Raises ``LanguageError`` when the source is not in the language."""

    def __init__(self, source: str, version: int = LANGUAGE_VERSION) -> None:
        self._program = compile_source(source, HOST, "settle", 1, version)
        defined = self._program.functions
        wrong = [
            complain("entry.parameters", 1, 1, f"{name} takes {count}")
            for name, count in OPTIONAL.items()
            if defined.get(name, count) != count
        ]
        if wrong:
            raise LanguageError(wrong)
        self._optional = frozenset(OPTIONAL.keys() & defined.keys())
        self._budget = BUDGET_DEFAULT

    def limited(self, budget: int) -> PolicyProgram:
        """The same policy with another number of units for each run."""
        other = copy(self)
        other._budget = budget
        return other

    def settle(self, case: Case) -> tuple[Value, list[Step]]:
        """The policy's answer, unread, and its steps. Raises ``PolicyError``."""
        recorder = Recorder()
        answer = self._program.run([case], self._budget, recorder)
        return answer, recorder.steps

    def _ask(self, name: str, *arguments: Value) -> Value:
        return self._program.run(arguments, self._budget, Recorder(), name)

    @property
    def sets_first_pay(self) -> bool:
        """Whether the policy has a word on first-pay ratios."""
        return "first_pay" in self._optional

    def first_pay(self, case: Case, line: dict[str, Value]) -> str | None:
        """The policy's own first-pay ratio of a line, ``None`` for the catalogue's."""
        if "first_pay" not in self._optional:
            return None
        answer = self._ask("first_pay", case, line)
        if answer is None:
            return None
        if not isinstance(answer, str):
            _malformed("first_pay", 'a ratio like "10%", or None')
        try:
            ratio = parse_ratio(answer)
        except MoneyError:
            _malformed("first_pay", 'a ratio like "10%", or None')
        if ratio.num > ratio.den:
            _malformed("first_pay", "at most 100%")
        return answer

    def benefit_year(self, date: str) -> int:
        """The benefit year of an ISO date; its calendar year unless the policy says otherwise."""
        if "benefit_year" not in self._optional:
            return int(date[:4])
        answer = self._ask("benefit_year", date)
        if type(answer) is not int or not 0 <= answer <= 9999:
            _malformed("benefit_year", "a year")
        return int(answer)

    def cross_year(self) -> str:
        """How a stay over the year's end is treated."""
        if "cross_year" not in self._optional:
            return WHOLE_STAY
        answer = self._ask("cross_year")
        if answer not in CROSS_YEAR:
            _malformed("cross_year", "one of " + ", ".join(CROSS_YEAR))
        return str(answer)

    def settlement_mode(self, region: str) -> str:
        """Whose catalogue and policy hold for care in a region (six digits)."""
        if "settlement_mode" not in self._optional:
            return MIXED
        answer = self._ask("settlement_mode", region)
        if answer not in MODES:
            _malformed("settlement_mode", "one of " + ", ".join(MODES))
        return str(answer)


def _malformed(path: str, want: str) -> NoReturn:
    reject("policy.answer-malformed", path=path, want=want)
