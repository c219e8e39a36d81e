"""Runs the year day by day and gathers what came of it."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from contracts.parameters import AREA, FILING_TYPES
from contracts.settlement.calendar import start_of_day_ms
from node.api.auth import ReadState
from node.benchmark.workload import CODES, Batch, Planned, Signer
from node.ledger.codec import encode
from node.ledger.crypto import H
from node.ledger.receipt import Receipt
from node.ledger.types import Value
from node.year.calendar import OFF, WORKED, YEAR, days_of
from node.year.days import Days
from node.year.ledger import YearLedger
from node.year.people import People
from node.year.places import CENTRE, Places, Scale
from node.year.sums import Sums

MORNING_MS = 9 * 3_600_000

Progress = Callable[[str, int, int], None]
"""Told (what, done, of how many)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is simulated."""

    claims: int = 200_000
    persons: int = 0
    """0: a tenth of the claims, at least 200."""
    scale: Scale = field(default_factory=Scale)
    seed: int = 1
    index: bool = False
    """Keep the index too, so that the folder can be browsed with ``yibao``."""

    @property
    def people(self) -> int:
        return self.persons or max(200, self.claims // 10)


@dataclass(slots=True)
class Outcome:
    """What the year came to."""

    plan: Plan
    sums: Sums
    seconds: float = 0.0
    """Of the year itself, without founding and enrolment."""
    setup_seconds: float = 0.0
    blocks: int = 0
    periods: int = 0
    by_month: list[dict[str, int]] = field(default_factory=list)
    """Settlements, and memory in MB, at each month's end."""
    differing: list[str] = field(default_factory=list)
    regions: int = 0


async def simulate(plan: Plan, folder: Path, progress: Progress) -> Outcome:
    """Found the country, live the year, add everything up."""
    places = Places(plan.scale)
    people = People(places, plan.people, plan.seed)
    sums = Sums()
    lived = Days(places, people, YEAR, plan.claims, plan.seed)
    outcome = Outcome(plan, sums, regions=len(places.provinces))
    days = days_of(YEAR)
    start_ms = start_of_day_ms(days[0]) - 24 * 3_600_000

    def read(_height: int, receipt: Receipt) -> None:
        sums.read(receipt)
        lived.read(receipt)

    ledger = YearLedger(folder, places, start_ms, read, index=plan.index)
    await ledger.start()
    begun = time.perf_counter()
    try:
        await _found(ledger, places, people, progress)
        outcome.setup_seconds = time.perf_counter() - begun
        begun = time.perf_counter()
        await _live(ledger, lived, outcome, progress)
        outcome.seconds = time.perf_counter() - begun
        outcome.blocks = ledger.height
        with ledger.node.reader.view() as view:
            outcome.differing = sums.differing(ReadState(view))
    finally:
        await ledger.stop()
    return outcome


async def _found(ledger: YearLedger, places: Places, people: People, progress: Progress) -> None:
    """Holidays, filing rules, catalogues; then policies and people."""
    await ledger.do(_rules(places))
    total, done = people.count, 0
    wave: list[Batch] = []
    for batch in people.setup():
        wave.append(batch)
        if len(wave) >= 64:
            await ledger.do(wave)
            done += sum(call.method == "enrol" for each in wave for call in each.calls)
            progress("people", done, total)
            wave = []
    await ledger.do(wave)
    progress("people", total, total)


def _rules(places: Places) -> Iterator[Batch]:
    centre = Signer.of(CENTRE, "checker")
    days = {"off": list(OFF), "on": list(WORKED)}
    holidays = {"name": "holidays", "region": "000000", "value": days}
    yield Batch(centre, [Planned("organisations", "set_parameter", holidays)])
    rows: list[Value] = [
        [code, f"item {number}", ("01", "02", "03")[number % 3], ("0%", "10%", "100%")[number % 3],
         [], False, "western"]
        for number, code in enumerate(CODES)
    ]  # fmt: skip
    part = encode(rows)
    digest = H("yibao/catalogue-part/v1", b"items\0" + part)
    default = AREA["filing"].default
    for province in places.provinces:
        version = {
            "region": province, "version": "year", "effective_from": "2000-01-01",
            "parts": [digest],
        }  # fmt: skip
        rules = {**default, "automatic": list(FILING_TYPES)}
        filing = {"name": "filing", "region": province, "value": rules}
        yield Batch(
            Signer.of(f"bureau:{province}", "checker"),
            [
                Planned("catalogue", "load_part", {"kind": "items", "part": part}),
                Planned("catalogue", "publish", version),
                Planned("organisations", "set_parameter", filing),
            ],
        )


async def _live(ledger: YearLedger, days: Days, outcome: Outcome, progress: Progress) -> None:
    """Every day of the year, and as many after it as what was begun needs to end."""
    calendar = days_of(YEAR) + days_of(YEAR + 1)[:120]
    aim = outcome.plan.claims
    for number, day in enumerate(calendar):
        if number >= 365 and not days.open:
            break
        ledger.go_to(max(ledger.now_ms, start_of_day_ms(day) + MORNING_MS))
        for batches in days.waves(day).batches():
            await ledger.do(batches)
        settled = outcome.sums.calls["claim.settled"]
        progress(day, min(settled, aim), aim)
        if calendar[number + 1].endswith("-01") and number < 365:
            outcome.by_month.append({"claims": settled, "memory_mb": _memory_mb()})


def _memory_mb() -> int:
    """Memory of this process now, in MB."""
    with Path("/proc/self/statm").open(encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize() // 2**20
