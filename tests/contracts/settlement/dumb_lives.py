"""A person's year in plain numbers: the second model of counters, parts, years and their order.

It knows one policy with two layers, whose source it writes itself, and what SETTLEMENT.md says of
the order of a year: a settlement is decided on what was used up before it, and whoever decides it
again finds the same, less what was taken back and with what was told late. Nothing of the engine is
used. Amounts are fen.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from random import Random

NEW_YEAR = "2025-06-15"
"""First day of the benefit year 2025 at this place."""
YEARS = (2024, 2025)
WHOLE, BY_DAY, BOUNDARY = "discharge_year", "split_by_service_date", "split_at_boundary"
BASIC, CRITICAL = "390100", "390200"

Used = dict[int, Counter[str]]
"""Counters by benefit year."""
Row = tuple[str, int, int]
"""(day, of it in scope, charged)."""


def year_of(day: str) -> int:
    return 2025 if day >= NEW_YEAR else 2024


def half_up(amount: int, hundredths: int) -> int:
    return (amount * hundredths + 50) // 100


@dataclass(frozen=True)
class Rules:
    """The figures of a made-up place."""

    mode: str
    visit_fen: int
    """Deductible of each visit."""
    stays_fen: tuple[int, ...]
    """Of the year's first, second ... stay."""
    year_fen: int
    """At most so much of deductibles in a year."""
    share: int
    cap_fen: int
    edges_fen: tuple[int, int]
    """Of critical illness: from the first on 55 %, from the second on 70 %."""

    @classmethod
    def made_up(cls, random: Random) -> Rules:
        low = random.randrange(1, 300_000)
        return cls(
            mode=random.choice((WHOLE, BY_DAY, BOUNDARY)),
            visit_fen=random.choice((0, 3_001, 20_000)),
            stays_fen=tuple(random.randrange(130_001) for _ in range(random.randrange(1, 4))),
            year_fen=random.choice((10**9, random.randrange(50_000, 250_000))),
            share=random.choice((50, 60, 83, 85)),
            cap_fen=random.choice((10**9, random.randrange(100_000, 900_000))),
            edges_fen=(low, low + random.randrange(1, 400_000)),
        )

    def source(self) -> str:
        """The policy in the restricted language."""
        low, high = self.edges_fen
        return f'''
def benefit_year(date):
    return 2025 if date >= "{NEW_YEAR}" else 2024

def cross_year():
    return "{self.mode}"

def settle(case):
    scope = case["sums"]["in_scope_fen"]
    nominal = {self.visit_fen}
    if case["visit"]["care_kind"] == "inpatient":
        nominal = nth({list(self.stays_fen)}, case["visit"]["admission_number"])
    nominal = remaining(nominal, case["visit"]["deductible_paid_fen"])
    nominal = min(nominal, remaining({self.year_fen}, counter(case, "deductible_fen")))
    borne = min(nominal, scope)
    room = remaining({self.cap_fen}, counter(case, "pool_fen"))
    basic = capped(part(scope - borne, "{self.share}%"), room)
    own = scope - basic
    before = counter(case, "own_fen")
    table = [({low}, "0%"), ({high}, "55%"), (None, "70%")]
    critical = min(bands(before + own, table, before), own)
    return {{
        "payments": [payment("{BASIC}", basic), payment("{CRITICAL}", critical)],
        "deductible_fen": borne,
        "counters": {{"deductible_fen": borne, "pool_fen": basic, "own_fen": own}},
    }}
'''

    def benefit(self, scope: int, number: int, used: Counter[str], borne_before: int) -> Benefit:
        """What the place gives; ``number``: of the stay in its year, 0 for a visit."""
        nominal = self.stays_fen[min(number, len(self.stays_fen)) - 1] if number else self.visit_fen
        room = max(0, self.year_fen - used["deductible_fen"])
        borne = min(max(0, nominal - borne_before), room, scope)
        basic = half_up(scope - borne, self.share)
        basic = min(basic, max(0, self.cap_fen - used["pool_fen"]))
        own, before = scope - basic, used["own_fen"]
        low, high = self.edges_fen
        middle = max(0, min(before + own, high) - max(before, low))
        above = max(0, before + own - max(before, high))
        critical = min((55 * middle + 70 * above + 50) // 100, own)
        counted = Counter(deductible_fen=borne, pool_fen=basic, own_fen=own)
        return Benefit(borne, {BASIC: basic, CRITICAL: critical}, counted)


@dataclass
class Benefit:
    """Of one year's part of a bill."""

    borne: int
    paid: dict[str, int]
    counted: Counter[str]


@dataclass(eq=False)
class Care:
    """One settlement, or a part of a stay."""

    name: str
    at_ms: int
    stay: bool
    admission: str
    discharge: str
    """Last day of the stay so far."""
    rows: list[Row]
    earlier: tuple[Care, ...] = ()
    """Parts of the stay before it."""
    paid: dict[int, dict[str, int]] = field(default_factory=dict)
    """By year and fund."""
    counted: Used = field(default_factory=dict)

    @property
    def total_fen(self) -> int:
        return sum(charged for _, _, charged in self.rows)

    @property
    def funds_fen(self) -> int:
        return sum(sum(funds.values()) for funds in self.paid.values())

    def result(self) -> tuple[object, ...]:
        """All that a decision says of it."""
        counted = {year: +some for year, some in self.counted.items()}
        less = {year: +Counter({n: -v for n, v in some.items()})
                for year, some in self.counted.items()}  # fmt: skip
        return self.total_fen, self.paid, counted, less


@dataclass
class Feed:
    """Care at home that moved the counters."""

    at_ms: int
    year: int
    added: dict[str, int]


@dataclass
class Year:
    """What was settled, in its order, and what was told of home."""

    rules: Rules
    log: list[Care] = field(default_factory=list)
    feeds: list[Feed] = field(default_factory=list)

    def used(self, before: Care | None = None) -> Used:
        """Counters now, or as a settlement finds them: without it, its stay and all behind it."""
        found: Used = {year: Counter() for year in YEARS}
        for feed in self.feeds:
            if before is None or feed.at_ms <= before.at_ms:
                found[feed.year].update(feed.added)
        for care in self.log:
            if care is before:
                break
            if before is None or care not in before.earlier:
                for year, some in care.counted.items():
                    found[year].update(some)
        return found

    def decide(self, care: Care) -> Care:
        """What the stay so far comes to, less what its earlier parts came to."""
        last = year_of(care.discharge)
        parts = (*care.earlier, care)
        whole = self._benefits(care, parts, last)
        one = self._is_one(care)
        care.paid, counted = {}, {year: Counter(made.counted) for year, made in whole.items()}
        for year, made in whole.items():
            left = sum(r[1] for r in care.rows if one or year_of(r[0]) == year)
            care.paid[year] = {}
            for fund, amount in made.paid.items():
                had = sum(
                    funds.get(fund, 0)
                    for part in care.earlier
                    for paid_in, funds in part.paid.items()
                    if one or paid_in == year
                )
                more = min(max(0, amount - had), left)
                left -= more
                care.paid[year][fund] = more
        if care.stay:
            counted.setdefault(last, Counter())["admissions"] += 1
        for part in care.earlier:
            for year, some in part.counted.items():
                counted.setdefault(year, Counter()).subtract(some)
        care.counted = counted
        return care

    def _is_one(self, care: Care) -> bool:
        within = year_of(care.admission) == year_of(care.discharge)
        return within or self.rules.mode == WHOLE

    def _benefits(self, care: Care, parts: tuple[Care, ...], last: int) -> dict[int, Benefit]:
        """The benefit of the stay so far: as one, or year by year."""
        used = self.used(before=care)
        scope: Counter[int] = Counter()
        for part in parts:
            for day, inside, _ in part.rows:
                scope[last if self._is_one(care) else year_of(day)] += inside
        made: dict[int, Benefit] = {}
        for year in sorted(scope):
            counts_in = year if self.rules.mode == BY_DAY else last
            number = used[counts_in]["admissions"] + 1 if care.stay else 0
            borne = sum(b.borne for b in made.values()) if self.rules.mode == BOUNDARY else 0
            made[year] = self.rules.benefit(scope[year], number, used[year], borne)
        return made
