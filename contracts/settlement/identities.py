"""The balance identities of a settlement, as one table of equations, checked to the fen.

They come from the national interface (2304, "重点说明") and SETTLEMENT.md section 4. ``check`` is
applied to every settlement; ``resolve`` completes a published bill that names only some figures,
and refuses one whose figures contradict each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter


@dataclass(frozen=True, slots=True)
class Equation:
    """``whole`` is the sum of ``parts``."""

    name: str
    whole: str
    parts: tuple[str, ...]


FUND_TERMS = (
    "basic_fund", "critical_illness", "large_amount", "civil_servant", "enterprise", "assistance",
    "disabled_veterans", "other_funds",
)  # fmt: skip

EQUATIONS: tuple[Equation, ...] = (
    Equation("split", "total", ("own_expense", "over_ceiling", "first_pay", "in_scope")),
    Equation("payers", "total", ("funds", "commercial", "hospital_share", "person")),
    Equation("funds", "funds", FUND_TERMS),
    Equation("person", "person", ("account", "credit", "cash")),
    Equation("scope", "in_scope", ("in_scope_paid", "in_scope_self")),
)
"""Names are those of ``terms.AMOUNTS``; ``in_scope_paid`` is what all payers gave of the in-scope
amount and ``in_scope_self`` what is left of it to the person (自付, as against 自费)."""

_PARTS = tuple((equation, itemgetter(*equation.parts)) for equation in EQUATIONS)
"""Each equation with what takes the values of its parts out of the figures."""


class IdentityError(ValueError):
    """Figures contradict an identity, or one of them is negative."""

    def __init__(self, equation: str, message: str) -> None:
        super().__init__(f"{equation}: {message}")
        self.equation = equation


def check(figures: Mapping[str, int]) -> None:
    """Raises ``IdentityError`` unless every figure is >= 0 and every equation holds.

    All figures of all equations must be present (fen).
    """
    if min(figures.values()) < 0:
        name, value = next((name, value) for name, value in figures.items() if value < 0)
        raise IdentityError(name, f"{value} is negative")
    for equation, parts_of in _PARTS:
        total = sum(parts_of(figures))
        if figures[equation.whole] != total:
            raise IdentityError(
                equation.name,
                f"{equation.whole} {figures[equation.whole]} is not "
                f"{' + '.join(equation.parts)} = {total}",
            )


def resolve(known: Mapping[str, int]) -> dict[str, int]:
    """All figures that follow from the known ones, which are kept.

    An equation with one unknown gives it; this is repeated until nothing more follows. Raises
    ``IdentityError`` for a contradiction or a negative figure; figures that do not follow stay out.
    """
    figures = dict(known)
    progress = True
    while progress:
        progress = False
        for equation in EQUATIONS:
            names = (equation.whole, *equation.parts)
            unknown = [name for name in names if name not in figures]
            if len(unknown) == 1:
                figures[unknown[0]] = _solve(equation, unknown[0], figures)
                progress = True
    for equation in EQUATIONS:
        if all(name in figures for name in (equation.whole, *equation.parts)):
            total = sum(figures[part] for part in equation.parts)
            if figures[equation.whole] != total:
                raise IdentityError(
                    equation.name, f"{equation.whole} {figures[equation.whole]} is not {total}"
                )
    for name, value in figures.items():
        if value < 0:
            raise IdentityError(name, f"{value} is negative")
    return figures


def _solve(equation: Equation, unknown: str, figures: Mapping[str, int]) -> int:
    if unknown == equation.whole:
        return sum(figures[part] for part in equation.parts)
    others = sum(figures[part] for part in equation.parts if part != unknown)
    return figures[equation.whole] - others
