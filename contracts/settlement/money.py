"""Money and ratios: integers only, rounded once, half up.

Amounts are whole fen. A ratio is a pair of integers, never reduced through a float; in policies
and files it is text: ``"82.5%"``, ``"0.825"`` or ``"33/40"``. Half-up rounding to the fen
reproduces published settlements (291.96 yuan at 85% is 248.166, paid as 248.17).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import gcd
from typing import NamedTuple

FEN_PER_YUAN = 100
FEN_LIMIT = 10**15
"""No amount of a bill reaches ten trillion yuan: a larger number is a slip, not money."""

_PRICE_TIMES_QUANTITY = 10**6 * 10**4 // FEN_PER_YUAN
"""unit_price_e6 x quantity_e4 counts 10^-10 yuan; this many of them are one fen."""

_RATIO_TEXT = re.compile(
    r"(?P<percent>[0-9]{1,6}(?:\.[0-9]{1,6})?)%"
    r"|(?P<num>[0-9]{1,12})/(?P<den>[0-9]{1,12})"
    r"|(?P<decimal>0(?:\.[0-9]{1,8})?|1(?:\.0{1,8})?)",
    re.ASCII,
)
_FRACTION_TEXT = re.compile(r"[0-9]+/[0-9]+", re.ASCII)
_YUAN_TEXT = re.compile(r"(?P<whole>[0-9]{1,14})(?:\.(?P<fen>[0-9]{1,2}))?", re.ASCII)


class MoneyError(ValueError):
    """A text is not an amount or a ratio, or a number is outside what money can be."""


class Ratio(NamedTuple):
    """An exact ratio ``num / den`` in lowest terms, ``0 <= num``, ``0 < den``."""

    num: int
    den: int

    def __str__(self) -> str:
        """As text that ``parse_ratio`` reads back: percent where that is exact, else a fraction."""
        return _ratio_text(self.num, self.den)


@lru_cache(maxsize=4096)
def _ratio_text(num: int, den: int) -> str:
    scaled, rest = divmod(num * 100 * 10**6, den)
    if rest:
        return f"{num}/{den}"
    whole, places = divmod(scaled, 10**6)
    return f"{whole}.{places:06d}".rstrip("0").rstrip(".") + "%"


def ratio_of(num: int, den: int) -> Ratio:
    """The ratio in lowest terms. Raises ``MoneyError`` for a negative part or a zero divisor."""
    if num < 0 or den <= 0:
        raise MoneyError(f"ratio {num}/{den} is not a share: want num >= 0 and den > 0")
    divisor = gcd(num, den)
    return Ratio(num // divisor, den // divisor)


@lru_cache(maxsize=4096)
def parse_ratio(text: str) -> Ratio:
    """Read ``"82.5%"``, ``"0.825"`` or ``"33/40"``. Raises ``MoneyError`` with what was found.

    A decimal above 1 is refused: ``"80"`` was meant as 80 %, and would pay eighty times the bill.
    """
    found = _RATIO_TEXT.fullmatch(text)
    if found is None and _FRACTION_TEXT.fullmatch(text):
        raise MoneyError(f"the ratio {text[:60]} is too fine: at most 12 digits above and below")
    if found is None:
        raise MoneyError(f'{text[:60]!r} is not a ratio: write "82.5%", "0.825" or ratio(33, 40)')
    if found["num"] is not None:
        return ratio_of(int(found["num"]), int(found["den"]))
    digits = found["percent"] if found["percent"] is not None else found["decimal"]
    whole, _, places = digits.partition(".")
    scale = 10 ** len(places) * (100 if found["percent"] is not None else 1)
    return ratio_of(int(whole + places), scale)


def divide_half_up(num: int, den: int) -> int:
    """``num / den`` rounded half away from zero, so that a negated amount rounds to its mirror."""
    if den <= 0:
        raise MoneyError(f"cannot divide by {den}")
    if num < 0:
        return -divide_half_up(-num, den)
    return (2 * num + den) // (2 * den)


def share(amount_fen: int, ratio: Ratio) -> int:
    """``amount_fen x ratio`` rounded once, half up, to the fen."""
    return divide_half_up(amount_fen * ratio.num, ratio.den)


def sum_of_shares(parts: Iterable[tuple[int, Ratio]]) -> int:
    """The exact sum of ``amount_fen x ratio`` over the parts, rounded once, half up."""
    num, den = 0, 1
    for amount_fen, ratio in parts:
        # Not reduced in between: a policy's forty bands of twelve digits each make a number that
        # is multiplied in no time, while its greatest common divisors would take forty times it.
        num = num * ratio.den + amount_fen * ratio.num * den
        den *= ratio.den
    return divide_half_up(num, den)


def parts_of(amounts: Sequence[int], part_fen: int) -> tuple[int, ...]:
    """``part_fen`` of the sum, each amount's proportion of it, to the fen and exact in sum.

    Every part lies between nothing and its amount, so what is left of an amount that parts are
    taken from again and again never turns over, and the last part takes it to nothing. Amounts
    may differ in sign. Raises ``MoneyError`` for a part below nothing or above the sum.
    """
    total = sum(amounts)
    if not 0 <= part_fen <= total or not total:
        raise MoneyError(f"cannot take {part_fen} out of {total}")
    parts, before, sum_fen = [], 0, 0
    for amount in amounts:
        sum_fen += amount
        upto = sum_fen * part_fen // total
        parts.append(upto - before)
        before = upto
    return tuple(parts)


def line_amount(unit_price_e6: int, quantity_e4: int) -> int:
    """Fen of a charge line: price in millionths of a yuan x quantity in ten-thousandths.

    The national interface carries prices as numeric(16,6) and counts as numeric(16,4).
    """
    return divide_half_up(unit_price_e6 * quantity_e4, _PRICE_TIMES_QUANTITY)


def parse_yuan(text: str) -> int:
    """Fen of ``"1,234.5"`` or ``"1234.50"``. Raises ``MoneyError`` for anything else."""
    negative = text.startswith("-")
    found = _YUAN_TEXT.fullmatch(_without_separators(text[1:] if negative else text))
    if found is None:
        raise MoneyError(f"{text[:60]!r} is not an amount in yuan with at most two decimals")
    fen = int(found["whole"]) * FEN_PER_YUAN + int((found["fen"] or "").ljust(2, "0"))
    return -fen if negative else fen


def _without_separators(text: str) -> str:
    """Drop thousands separators where they stand at thousands; elsewhere the text stays wrong."""
    if re.fullmatch(r"[0-9]{1,3}(,[0-9]{3})+(\.[0-9]{1,2})?", text, re.ASCII):
        return text.replace(",", "")
    return text


def format_yuan(amount_fen: int) -> str:
    """Yuan for people: 123450 -> ``1,234.50``."""
    sign = "-" if amount_fen < 0 else ""
    whole, fen = divmod(abs(amount_fen), FEN_PER_YUAN)
    return f"{sign}{whole:,}.{fen:02d}"
