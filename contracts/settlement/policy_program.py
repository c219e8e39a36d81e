"""A policy's source, compiled: ``settle`` and the optional functions beside it.

A policy defines ``settle(case)``. It may also define

* ``benefit_year(date)``: the benefit year of a date, where it is not the calendar year;
* ``cross_year()``: how a stay over the year's end is treated, one of ``adjudicate.CROSS_YEAR``;
* ``first_pay(case, line)``: the insured place's own first-pay ratio of a line, None for the
  catalogue's;
* ``settlement_mode(region)``: whose rules hold for care in a region, one of ``MODES``;
* ``reimbursement_mode(region)``: the same where the person paid first, ``settlement_mode``'s word
  when it is not defined.

A program keeps nothing between runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from contracts.api import reject
from contracts.interpreter import compile_source
from contracts.language import LANGUAGE_VERSION, LanguageError, complain
from contracts.meter import BUDGET_DEFAULT, OutOfBudget, PolicyError
from contracts.settlement.adjudicate import CROSS_YEAR, WHOLE_STAY
from contracts.settlement.benefits import HOST, Recorder, Step
from contracts.settlement.case import Case
from contracts.settlement.money import MoneyError, parse_ratio

Value = Any

BUDGET_CALL = 1_000_000
"""Units of all runs for one call: the decision, and a word on the first pay of thousands of lines.
Five times one run, so that a policy with no end to its questions cannot hold up a block."""

MIXED, HOME, CARE_PLACE = "mixed", "home", "care_place"
MODES = (MIXED, HOME, CARE_PLACE)
"""Catalogue of the place of care and policy of home; both of home; both of the place of care."""

OPTIONAL = {
    "benefit_year": 1,
    "cross_year": 0,
    "first_pay": 2,
    "settlement_mode": 1,
    "reimbursement_mode": 1,
}
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
        self.reads_lines = any(f"{quote}lines{quote}" in source for quote in "'\"")
        """Whether ``settle`` may look at single charge lines: the word stands in the source."""
        self._budget = BUDGET_DEFAULT
        self._left: int | None = None
        self._spend: Callable[[int], None] = _unheeded

    def limited(self, budget: int) -> PolicyProgram:
        """The same policy with another number of units for each run."""
        other = self._like()
        other._budget = budget
        return other

    def charged(self, spend: Callable[[int], None]) -> PolicyProgram:
        """The same policy for one call: ``spend`` is told of the units of each run, and all runs
        together have ``BUDGET_CALL``."""
        other = self._like()
        other._left = BUDGET_CALL
        other._spend = spend
        return other

    def _like(self) -> PolicyProgram:
        """A copy. Every settlement makes two, and ``copy.copy`` takes eight times as long."""
        other = object.__new__(PolicyProgram)
        other._program, other._optional = self._program, self._optional
        other.reads_lines = self.reads_lines
        other._budget, other._left, other._spend = self._budget, self._left, self._spend
        return other

    def settle(self, case: Case) -> tuple[Value, list[Step]]:
        """The policy's answer, unread, and its steps. Raises ``PolicyError``."""
        recorder = Recorder()
        return self._run("settle", (case,), recorder), recorder.steps

    def _ask(self, name: str, *arguments: Value) -> Value:
        return self._run(name, arguments, Recorder())

    def _run(self, name: str, arguments: tuple[Value, ...], recorder: Recorder) -> Value:
        """One run, within what is left of the call's units. Raises ``PolicyError``."""
        budget = self._budget if self._left is None else min(self._budget, self._left)
        used = 0
        try:
            answer, used = self._program.run_metered(arguments, budget, recorder, name)
            return answer
        except PolicyError as error:
            used = error.used
            if isinstance(error, OutOfBudget) and budget < self._budget:
                raise OutOfBudget(BUDGET_CALL) from None
            raise
        finally:
            self._spend(used)
            if self._left is not None:
                self._left -= used

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
        if type(answer) is not int or abs(answer - int(date[:4])) > 1:
            _malformed("benefit_year", "the date's year, or the one before or after it")
        return int(answer)

    def cross_year(self) -> str:
        """How a stay over the year's end is treated."""
        if "cross_year" not in self._optional:
            return WHOLE_STAY
        answer = self._ask("cross_year")
        if answer not in CROSS_YEAR:
            _malformed("cross_year", "one of " + ", ".join(CROSS_YEAR))
        return str(answer)

    def settlement_mode(self, region: str, channel: str = "direct") -> str:
        """Whose catalogue and policy hold for care in a region (six digits), by channel."""
        name = "settlement_mode"
        if channel == "after_payment" and "reimbursement_mode" in self._optional:
            name = "reimbursement_mode"
        if name not in self._optional:
            return MIXED
        answer = self._ask(name, region)
        if answer not in MODES:
            _malformed(name, "one of " + ", ".join(MODES))
        return str(answer)


def _unheeded(_units: int) -> None:
    """Outside of a call nobody pays."""


def _malformed(path: str, want: str) -> NoReturn:
    reject("policy.answer-malformed", path=path, want=want)
