"""A part of a stay (中途结算): what a settlement keeps of it, and what the parts before it come to.

A stay may be settled in parts while the patient stays, and a test at another institution is a part
of it, too. Each part is a settlement of its own with its own lines and period; it keeps in its
record what the next one has to know, amounts and no line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from contracts.api import Value
from contracts.quick import quick
from contracts.settlement.answer import ADMISSIONS

SUMS = ("total_fen", "own_expense_fen", "over_ceiling_fen", "first_pay_fen", "in_scope_fen")

PaidFor = tuple[int, str, str, str]
"""(benefit year, fund type, payer, base)."""


@quick(frozen=True, slots=True)
class PartFigures:
    """What the decision of a part adds to its stay; amounts in fen."""

    sums: tuple[tuple[int, int, int, int, int, int], ...]
    """(benefit year of the days of service, the five ``SUMS``)."""
    benefits: tuple[tuple[int, int, int], ...]
    """(benefit year, deductible, what an account may pay)."""
    paid: tuple[tuple[int, str, str, str, int], ...]
    """(benefit year, fund type, payer, base, amount) of the home policy's layers."""
    counted: tuple[tuple[int, str, int], ...]
    """(benefit year, counter, added) by the home policy. The settlement has what stands of it: less
    where a liable party has paid and the counters were given back."""


@quick(frozen=True, slots=True)
class Part:
    """Of a settled claim that is a part of a stay."""

    stay: str
    """Name of the stay: id of the claim that it began with."""
    number: int
    """Which part, from 1, in the order of settlement."""
    admission: str
    """Of the stay; the claim's visit has the part's own days."""
    goes_on: bool
    """The stay goes on after it; false of the part that ends it."""
    host: str
    """The institution of the stay; another than the claim's own for an external test."""
    figures: PartFigures
    before: tuple[int, int]
    """The bills of the parts before it, and what the home policy's layers paid of them; fen."""

    def encode(self) -> Value:
        """As the state has it."""
        figures = self.figures
        rows = [[list(row) for row in rows]
                for rows in (figures.sums, figures.benefits, figures.paid,
                             figures.counted)]  # fmt: skip
        return [self.stay, self.number, self.admission, self.goes_on, self.host, *rows,
                list(self.before)]  # fmt: skip

    def told(self) -> dict[str, Value]:
        """For answers and explanations."""
        return {
            "stay": self.stay,
            "number": self.number,
            "goes_on": self.goes_on,
            "host": self.host,
            "admission": self.admission,
            "before_total_fen": self.before[0],
            "before_paid_fen": self.before[1],
        }

    @classmethod
    def decode(cls, value: Value) -> Part:
        """From the state's value."""
        stay, number, admission, goes_on, host, sums, benefits, paid, counted, before = value
        figures = PartFigures(
            sums=tuple((y, a, b, c, d, e) for y, a, b, c, d, e in sums),
            benefits=tuple((y, deductible, limit) for y, deductible, limit in benefits),
            paid=tuple((y, fund, payer, base, n) for y, fund, payer, base, n in paid),
            counted=tuple((y, name, n) for y, name, n in counted),
        )
        return cls(stay, number, admission, goes_on, host, figures, (before[0], before[1]))


@dataclass(slots=True)
class SoFar:
    """What the earlier parts of a stay come to, summed."""

    parts: int = 0
    sums: dict[int, Counter[str]] = field(default_factory=dict)
    """By benefit year and name of the sum."""
    paid: Counter[PaidFor] = field(default_factory=Counter)
    deductibles: Counter[int] = field(default_factory=Counter)
    limits: Counter[int] = field(default_factory=Counter)
    """What an account might pay, by benefit year."""
    counted: dict[int, Counter[str]] = field(default_factory=dict)
    """What stands in the counters of it, by benefit year and name."""
    restored: dict[int, Counter[str]] = field(default_factory=dict)
    """What was added and given back, since a liable party has paid (``recovery``)."""
    as_one: bool = False
    """A part was decided in another year than its days of service: so the stay is, for good."""

    def billed(self) -> tuple[int, int]:
        """The bills of the parts, and what the home policy's layers paid of them (fen)."""
        total = sum(sums["total_fen"] for sums in self.sums.values())
        return total, sum(self.paid.values())

    def add(self, figures: PartFigures, counted: Iterable[tuple[int, Mapping[str, int]]]) -> None:
        """One more part."""
        self.parts += 1
        days, decided = ({row[0] for row in rows} for rows in (figures.sums, figures.benefits))
        self.as_one = self.as_one or not days <= decided
        for year, *sums in figures.sums:
            self.sums.setdefault(year, Counter()).update(dict(zip(SUMS, sums, strict=True)))
        for year, deductible, limit in figures.benefits:
            self.deductibles[year] += deductible
            self.limits[year] += limit
        for year, fund, payer, base, amount in figures.paid:
            self.paid[year, fund, payer, base] += amount
        for year, name, delta in figures.counted:
            self.restored.setdefault(year, Counter())[name] += delta
        for year, deltas in counted:
            self.counted.setdefault(year, Counter()).update(deltas)
            policy_s = {name: delta for name, delta in deltas.items() if name != ADMISSIONS}
            self.restored.setdefault(year, Counter()).subtract(policy_s)

    def gone(self, year: int, *, alone: bool) -> Counter[str]:
        """What a year's counting of the whole stay is less by: what its parts have added there and,
        of a stay that is decided as one (``alone``), what was given back of any year."""
        found = Counter(self.counted.get(year, Counter()))
        for one in self.restored if alone else (year,):
            found.update(self.restored.get(one, Counter()))
        return found
