"""``benefits``: the arithmetic of benefits, offered to policies as functions of their language.

Every function that computes an amount records a step: code, operation, the amounts and parameters
that went in and the amount that came out. The steps are the explanation of a settlement; texts
are rendered from them later (``benefits_text``), so a receipt commits to numbers, not to prose.

Amounts are whole fen, ratios are text (``"82.5%"``, ``"0.825"``, ``"33/40"``). Products are exact
and rounded once, half up. A wrong argument raises ``BenefitError``, which ends the run of the
policy with its message: a negative amount is a slip in a policy, never silently nothing.
The run's ``host`` is a ``Recorder``: it gets the steps.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from contracts.functions import HostError, HostFunction
from contracts.regions import covers
from contracts.settlement import money
from contracts.settlement.calendar import CalendarError, days_between, months_between, parts
from contracts.settlement.money import FEN_LIMIT, MoneyError, Ratio
from contracts.settlement.terms import BASES, FUNDS, IDENTITY_TYPES_MAX
from contracts.values import shown

Value = Any
Step = dict[str, Value]

STEPS_MAX = 400
"""A settlement that needs more explanations than this explains nothing."""
BANDS_MAX = 40
_CODE = re.compile(r"[a-z][a-z0-9_.\-]{0,59}", re.ASCII)
_POINTS = re.compile(r"([+-]?)([0-9]{1,3})(?:\.([0-9]{1,4}))?", re.ASCII)


class BenefitError(HostError):
    """A policy called one of these functions with something it cannot take."""


def _amount(value: Value, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise BenefitError(f"{name}: want an amount in fen (a whole number), got {shown(value)}")
    if value < 0:
        raise BenefitError(f"{name}: the amount {value} is negative; above(a, b) never is")
    if value > FEN_LIMIT:
        raise BenefitError(f"{name}: the amount {value} is larger than money can be")
    return value


def _whole(value: Value, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > FEN_LIMIT:
        raise BenefitError(f"{name}: want a whole number, got {shown(value)}")
    return value


def _ratio(value: Value, name: str) -> Ratio:
    if not isinstance(value, str):
        raise BenefitError(f'{name}: want a ratio as text like "80%", got {shown(value)}')
    try:
        return money.parse_ratio(value)
    except MoneyError as problem:
        raise BenefitError(f"{name}: {problem}") from None


def _text(value: Value, name: str) -> str:
    if not isinstance(value, str):
        raise BenefitError(f"{name}: want a text, got {shown(value)}")
    return value


def _of_case(case: Value, name: str, group: str) -> dict[str, Value]:
    found = case.get(group) if isinstance(case, dict) else None
    if not isinstance(found, dict):
        raise BenefitError(f"{name}: want the case as first argument")
    return found


# --- ratios: text in, text out -------------------------------------------------------------------


def ratio(num: Value, den: Value) -> str:
    """The exact ratio ``num / den`` as text: ``ratio(83, 100)`` is ``"83%"``."""
    try:
        return str(money.ratio_of(_whole(num, "ratio"), _whole(den, "ratio")))
    except MoneyError as problem:
        raise BenefitError(f"ratio: {problem}") from None


def points(value: Value, change: Value) -> str:
    """The ratio moved by percentage points, kept within 0 % and 100 %.

    ``points("80%", -10)`` is ``"70%"``; a text like ``"-2.5"`` moves by parts of a point.
    """
    base = _ratio(value, "points")
    num, den = _signed_points(change)
    moved = base.num * den * 100 + num * base.den
    whole = base.den * den * 100
    return str(money.ratio_of(min(max(moved, 0), whole), whole))


def _signed_points(change: Value) -> tuple[int, int]:
    if isinstance(change, int) and not isinstance(change, bool) and abs(change) <= 100:
        return change, 1
    found = _POINTS.fullmatch(change) if isinstance(change, str) else None
    if found is None:
        raise BenefitError(
            f'points: want percentage points like -10 or "-2.5", got {shown(change)}'
        )
    places = found[3] or ""
    num = int(found[2] + places)
    return (-num if found[1] == "-" else num), 10 ** len(places)


def times(value: Value, factor: Value) -> str:
    """The product of two ratios: ``times("80%", "90%")`` is ``"72%"``."""
    a, b = _ratio(value, "times"), _ratio(factor, "times")
    return str(money.ratio_of(a.num * b.num, a.den * b.den))


def complement(value: Value) -> str:
    """What is left of the whole: ``complement("32%")`` is ``"68%"``."""
    found = _ratio(value, "complement")
    if found.num > found.den:
        raise BenefitError(f"complement: {found} is more than the whole")
    return str(money.ratio_of(found.den - found.num, found.den))


# --- amounts without a step of their own ---------------------------------------------------------


def yuan(value: Value) -> int:
    """Fen of yuan: ``yuan(900)`` is 90000, ``yuan("404.20")`` is 40420."""
    if isinstance(value, int) and not isinstance(value, bool):
        return _amount(value, "yuan") * money.FEN_PER_YUAN
    try:
        return _amount(money.parse_yuan(_text(value, "yuan")), "yuan")
    except MoneyError as problem:
        raise BenefitError(f"yuan: {problem}") from None


def remaining(limit: Value, used: Value) -> int:
    """What is left of a limit, never below 0."""
    return max(0, _amount(limit, "remaining") - _whole(used, "remaining"))


def nth(values: Value, number: Value) -> Value:
    """The value for the n-th time, from 1; later times get the last value."""
    if not isinstance(values, list | tuple) or not values:
        raise BenefitError("nth: want a list that is not empty")
    at = _whole(number, "nth")
    if at < 1:
        raise BenefitError(f"nth: counts from 1, got {at}")
    return values[min(at, len(values)) - 1]


def by_level(case: Value, first: Value, second: Value, third: Value) -> Value:
    """The value for the level of the case's institution; unrated ones get the first."""
    level = _of_case(case, "by_level", "institution").get("level")
    if type(level) is not int or not 0 <= level <= 3:
        raise BenefitError("by_level: the institution has no level from 0 to 3")
    return (first, first, second, third)[level]


def counter(case: Value, name: Value) -> int:
    """The counter of the benefit year before this settlement, 0 where there is none."""
    return _whole(_of_case(case, "counter", "counters").get(_text(name, "counter"), 0), "counter")


def has_identity(case: Value, *names: Value) -> bool:
    """Whether the person has one of these identity types."""
    held = _of_case(case, "has_identity", "person").get("identity_types")
    # A policy may hand in a person of its own: what a call looks through has to end for its price.
    if not isinstance(held, list) or len(held) > IDENTITY_TYPES_MAX:
        raise BenefitError(
            f"has_identity: the person has no list of at most {IDENTITY_TYPES_MAX} identity types"
        )
    return any(_text(name, "has_identity") in held for name in names)


def outside_area(case: Value) -> bool:
    """Whether the institution lies outside the person's pooling area, in its province or not.

    A place or area that a case file leaves out is not elsewhere, as with ``cross_province``.
    """
    area = _of_case(case, "outside_area", "person").get("area")
    region = _of_case(case, "outside_area", "institution").get("region")
    if not isinstance(area, str) or not isinstance(region, str):
        raise BenefitError("outside_area: the case has no area or no region")
    return bool(area and region) and not covers(area, region)


def payment(fund: Value, amount: Value, why: Value = "", base: Value = "") -> dict[str, Value]:
    """One entry of the answer's ``payments``."""
    code = _text(fund, "payment")
    if code not in FUNDS:
        raise BenefitError(f"payment: {shown(code)} is not in the table of funds")
    if base not in ("", *BASES):
        raise BenefitError(f"payment: base {shown(base)} is none of {', '.join(BASES)}")
    return {
        "fund": code,
        "payer": FUNDS[code].payer,
        "base": base or FUNDS[code].base,
        "amount_fen": _amount(amount, "payment"),
        "why": _step_code(why, FUNDS[code].amount),
    }


def _step_code(code: Value, otherwise: str) -> str:
    if code in ("", None):
        return otherwise
    if not isinstance(code, str) or not _is_step_code(code):
        raise BenefitError(
            f"a step code is like critical_base, at most 60 signs; got {shown(code)}"
        )
    return code


@lru_cache(maxsize=1024)
def _is_step_code(code: str) -> bool:
    return _CODE.fullmatch(code) is not None


def _date(call: Callable[..., int], name: str) -> Callable[..., int]:
    def checked(*dates: Value) -> int:
        try:
            return call(*(_text(date, name) for date in dates))
        except CalendarError as problem:
            raise BenefitError(f"{name}: {problem}") from None

    return checked


class Recorder:
    """The functions that explain themselves, and the steps of one run: its ``host``."""

    __slots__ = ("steps",)

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def record(
        self, code: Value, op: str, amounts: list[int], parameter: Value, result: int
    ) -> int:
        """Keep a step and give its result back."""
        if len(self.steps) >= STEPS_MAX:
            raise BenefitError(f"more than {STEPS_MAX} steps: a policy explains, it does not log")
        self.steps.append(
            {
                "code": _step_code(code, op),
                "op": op,
                "amounts_fen": amounts,
                "parameter": parameter,
                "result_fen": result,
            }
        )
        return result

    def part(self, amount: Value, share: Value, why: Value = "") -> int:
        """``amount x ratio``, rounded half up."""
        whole, found = _amount(amount, "part"), _ratio(share, "part")
        return self.record(why, "part", [whole], str(found), money.share(whole, found))

    def bands(self, amount: Value, table: Value, start: Value = 0, why: Value = "") -> int:
        """The sum over the bands of what lies between ``start`` and ``amount``, rounded once.

        ``table`` is ``[(upper, ratio), ...]`` in ascending order; ``None`` as the last upper means
        without end. What lies above the last upper is not paid.
        """
        whole, begin = _amount(amount, "bands"), _amount(start, "bands")
        parts: list[tuple[int, int, Ratio]] = []
        lower = 0
        for upper, found in _bands_table(table):
            top = whole if upper is None else min(whole, upper)
            bottom = max(lower, begin)
            if top > bottom:
                parts.append((bottom, top, found))
            lower = lower if upper is None else upper
        result = money.sum_of_shares((top - bottom, found) for bottom, top, found in parts)
        shown = [[bottom, top, str(found)] for bottom, top, found in parts]
        return self.record(why, "bands", [whole, begin], shown, result)

    def above(self, amount: Value, threshold: Value, why: Value = "") -> int:
        """What exceeds the threshold, never below 0."""
        whole, limit = _amount(amount, "above"), _amount(threshold, "above")
        return self.record(why, "above", [whole, limit], "", max(0, whole - limit))

    def capped(self, amount: Value, limit: Value, why: Value = "") -> int:
        """The amount, at most the limit; a limit of ``None`` caps nothing."""
        whole = _amount(amount, "capped")
        if limit is None:
            return whole
        top = _amount(limit, "capped")
        return self.record(why, "capped", [whole, top], "", min(whole, top))

    def rounded(self, amount: Value, unit: Value, why: Value = "") -> int:
        """Rounded half up to whole units: ``rounded(a, 10)`` to the jiao, 100 to the yuan."""
        whole, size = _amount(amount, "rounded"), _amount(unit, "rounded")
        if size == 0:
            raise BenefitError("rounded: the unit is 0")
        result = money.divide_half_up(whole, size) * size
        return self.record(why, "rounded", [whole, size], "", result)

    def step(self, code: Value, amount: Value) -> int:
        """Name an amount in the explanation and give it back."""
        if code in ("", None):
            raise BenefitError("step: wants a code, for example critical_base")
        return self.record(code, "step", [], "", _whole(amount, "step"))


def _bands_table(table: Value) -> Sequence[tuple[int | None, Ratio]]:
    if not isinstance(table, list | tuple) or not 1 <= len(table) <= BANDS_MAX:
        raise BenefitError(f"bands: want a list of 1 to {BANDS_MAX} pairs (upper, ratio)")
    rows: list[tuple[int | None, Ratio]] = []
    before = 0
    for row in table:
        if not isinstance(row, list | tuple) or len(row) != 2:
            raise BenefitError(f"bands: want pairs (upper, ratio), got {shown(row)}")
        if rows and rows[-1][0] is None:
            raise BenefitError("bands: None stands for the end and comes last")
        upper = None if row[0] is None else _amount(row[0], "bands")
        if upper is not None and upper <= before and (rows or upper < before):
            raise BenefitError(f"bands: upper {upper} does not rise above {before}")
        rows.append((upper, _ratio(row[1], "bands")))
        before = before if upper is None else upper
    return rows


def _remembered(function: Callable[..., Value]) -> Callable[..., Value]:
    """The same function with its last answers kept: policies ask for the same few ratios."""
    kept = lru_cache(maxsize=4096, typed=True)(function)

    def call(*arguments: Value) -> Value:
        for argument in arguments:
            # lists have no hash, and True must not find what was kept for 1
            if type(argument) is not str and type(argument) is not int:
                return function(*arguments)
        return kept(*arguments)

    return call


def _pure(
    name: str, call: Callable[..., Value], least: int, most: int, signature: str, meaning: str
) -> HostFunction:
    return HostFunction(name, call, least, most, 6, signature=signature, meaning=meaning)


def _step_maker(
    name: str, call: Callable[..., Value], least: int, most: int, signature: str, meaning: str
) -> HostFunction:
    return HostFunction(
        name, call, least, most, 10, 4, uses_host=True, signature=signature, meaning=meaning
    )


FUNCTIONS: tuple[HostFunction, ...] = (
    _step_maker("part", Recorder.part, 2, 3, "part(amount, ratio, why)", "amount x ratio"),
    _step_maker("bands", Recorder.bands, 2, 4, "bands(amount, table, start, why)",
                "the sum over the bands of what lies between start and amount"),
    _step_maker("above", Recorder.above, 2, 3, "above(amount, threshold, why)",
                "what exceeds the threshold, at least 0"),
    _step_maker("capped", Recorder.capped, 2, 3, "capped(amount, limit, why)",
                "the amount, at most the limit"),
    _step_maker("rounded", Recorder.rounded, 2, 3, "rounded(amount, unit, why)",
                "half up to whole units of fen: 10 = jiao, 100 = yuan"),
    _step_maker("step", Recorder.step, 2, 2, "step(code, amount)",
                "names an amount in the explanation and gives it back"),
    _pure("payment", payment, 2, 4, "payment(fund, amount, why, base)",
          "one entry of payments; base only where the fund's own does not fit"),
    _pure("yuan", _remembered(yuan), 1, 1, 'yuan(900), yuan("404.20")', "fen of an amount in yuan"),
    _pure("ratio", _remembered(ratio), 2, 2, "ratio(num, den)", "an exact ratio from a formula"),
    _pure("points", _remembered(points), 2, 2, 'points("80%", -10)', "moved by percentage points"),
    _pure("times", _remembered(times), 2, 2, 'times("80%", "90%")', "the product of two ratios"),
    _pure("complement", _remembered(complement), 1, 1, 'complement("32%")', "what is left of 100%"),
    _pure("remaining", remaining, 2, 2, "remaining(limit, used)", "limit - used, at least 0"),
    _pure("nth", nth, 2, 2, "nth([a, b, c], n)", "the value for the n-th time, then the last"),
    _pure("by_level", by_level, 4, 4, "by_level(case, first, second, third)",
          "the value for the institution's level; level 0 takes the first"),
    _pure("counter", counter, 2, 2, "counter(case, name)", "a counter of the year, else 0"),
    _pure("has_identity", has_identity, 2, 12, "has_identity(case, name, ...)",
          "whether the person has one of the identity types"),
    _pure("outside_area", outside_area, 1, 1, "outside_area(case)",
          "whether care is outside the pooling area, in the province or not"),
    _pure("months_between", _date(months_between, "months_between"), 2, 2,
          "months_between(start, end)", "full months from one date to another"),
    _pure("days_between", _date(days_between, "days_between"), 2, 2,
          "days_between(start, end)", "days from one date to another"),
    _pure("year_of", _date(lambda date: parts(date)[0], "year_of"), 1, 1, "year_of(date)",
          "the year of a date"),
    _pure("month_of", _date(lambda date: parts(date)[1], "month_of"), 1, 1, "month_of(date)",
          "the month of a date, 1 to 12"),
)  # fmt: skip
"""What the language offers to policies beside its own functions."""

HOST: Mapping[str, HostFunction] = {function.name: function for function in FUNCTIONS}
"""``FUNCTIONS`` by name, as the interpreter takes them."""
