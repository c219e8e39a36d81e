"""A payment policy's source, compiled: ``pay(case)`` and its words.

The language is that of benefit policies (docs/language.md) with another entry function and without
the words that speak of persons. ``multiplied`` is its own: weight x rate x coefficient, exact and
rounded once, with factors above one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass
from math import gcd
from typing import Any

from contracts.api import reject
from contracts.functions import HostFunction
from contracts.interpreter import compile_source
from contracts.language import LANGUAGE_VERSION
from contracts.meter import BUDGET_DEFAULT, PolicyError
from contracts.settlement import benefits, money
from contracts.settlement.benefits import BenefitError, Recorder, Step
from contracts.settlement.money import FEN_LIMIT, MoneyError, Ratio
from contracts.values import shown

Value = Any

WAYS: Mapping[str, tuple[str, str]] = {
    "fee_for_service": ("1", "按项目"),
    "single_disease": ("2", "按单病种"),
    "bed_day": ("3", "按床日"),
    "drg": ("40", "按疾病诊断相关分组"),
    "dip": ("50", "按病种分值"),
}
"""Ways of paying -> national ``clr_way`` and its word (RULES.md section 4.4). By head (4) is no
payment for a case."""

FACTORS_MAX = 8
_FACTOR = re.compile(r"([0-9]{1,7})(?:\.([0-9]{1,6}))?", re.ASCII)


def factor_of(value: Value, name: str) -> Ratio:
    """A factor as text: ``"1.2345"``, or a ratio like ``"80%"`` or ``"33/40"``."""
    if isinstance(value, str) and (found := _FACTOR.fullmatch(value)):
        places = found[2] or ""
        return money.ratio_of(int(found[1] + places), 10 ** len(places))
    if not isinstance(value, str):
        raise BenefitError(f'{name}: want a factor as text like "1.05", got {shown(value)}')
    try:
        return money.parse_ratio(value)
    except MoneyError:
        raise BenefitError(f'{name}: {shown(value)} is no factor: write "1.05" or "80%"') from None


def multiplied(host: Recorder, amount: Value, factors: Value, why: Value = "") -> int:
    """The amount times all factors, rounded half up once."""
    if isinstance(amount, bool) or not isinstance(amount, int) or not 0 <= amount <= FEN_LIMIT:
        raise BenefitError(f"multiplied: want an amount in fen, got {shown(amount)}")
    if not isinstance(factors, list | tuple) or not 1 <= len(factors) <= FACTORS_MAX:
        raise BenefitError(f"multiplied: want a list of 1 to {FACTORS_MAX} factors")
    num, den = amount, 1
    for value in factors:
        factor = factor_of(value, "multiplied")
        num, den = num * factor.num, den * factor.den
        divisor = gcd(num, den)
        num, den = num // divisor, den // divisor
    result = money.divide_half_up(num, den)
    if result > FEN_LIMIT:
        raise BenefitError("multiplied: the result is larger than money can be")
    return host.record(why, "multiplied", [amount], list(factors), result)


_PERSONAL = frozenset({"payment", "counter", "has_identity", "outside_area"})
"""Words of benefits that a payment has no use for: it knows no person."""

FUNCTIONS: tuple[HostFunction, ...] = (
    HostFunction(
        "multiplied", multiplied, 2, 3, 12, 4, uses_host=True,
        signature="multiplied(amount, factors, why)",
        meaning='amount x every factor, rounded half up once: multiplied(rate, ["1.2345", "0.98"])',
    ),
    *(function for function in benefits.FUNCTIONS if function.name not in _PERSONAL),
)  # fmt: skip
"""What the language offers to payment policies beside its own functions."""

HOST: Mapping[str, HostFunction] = {function.name: function for function in FUNCTIONS}


@dataclass(frozen=True, slots=True)
class Standard:
    """What a policy says that a case is worth."""

    amount_fen: int
    """The whole payment standard of the case, the patient's part included."""
    way: str
    """A word of ``WAYS``."""


class PaymentProgram:
    """One payment policy. Raises ``LanguageError`` when the source is not in the language."""

    def __init__(self, source: str, version: int = LANGUAGE_VERSION) -> None:
        self._program = compile_source(source, HOST, "pay", 1, version)
        self._budget = BUDGET_DEFAULT
        self._spend: Callable[[int], None] = _unheeded

    def limited(self, budget: int, spend: Callable[[int], None]) -> PaymentProgram:
        """The same policy with another number of units; ``spend`` is told of each run's."""
        other = copy(self)
        other._budget, other._spend = budget, spend
        return other

    def charged(self, spend: Callable[[int], None]) -> PaymentProgram:
        """The same policy for one call: ``spend`` is told of the units of its run."""
        return self.limited(self._budget, spend)

    def pay(self, case: Mapping[str, Value]) -> tuple[Standard, list[Step]]:
        """The standard and its steps. Raises ``PolicyError``; rejects ``provider.answer``."""
        recorder = Recorder()
        used = 0
        try:
            answer, used = self._program.run_metered((case,), self._budget, recorder, "pay")
        except PolicyError as error:
            used = error.used
            raise
        finally:
            self._spend(used)
        return _standard(answer), recorder.steps


def _standard(answer: Value) -> Standard:
    if not isinstance(answer, dict) or set(answer) != {"standard_fen", "way"}:
        reject("provider.answer", path="", want='{"standard_fen": amount, "way": word}')
    amount, way = answer["standard_fen"], answer["way"]
    if type(amount) is not int or not 0 <= amount <= FEN_LIMIT:
        reject("provider.answer", path="standard_fen", want="an amount in fen")
    if way not in WAYS:
        reject("provider.answer", path="way", want=", ".join(WAYS))
    return Standard(amount, way)


def _unheeded(_units: int) -> None:
    """Outside of a call nobody pays."""
