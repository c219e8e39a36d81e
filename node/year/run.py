"""Runs the year day by day and gathers what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from contracts.parameters import AREA, FILING_TYPES
from contracts.settlement.calendar import start_of_day_ms
from node.benchmark.workload import CODES, Batch, Planned, Signer
from node.ledger.codec import encode
from node.ledger.crypto import H
from node.ledger.receipt import Receipt
from node.ledger.types import Value
from node.service.opening import OpenOptions
from node.year.calendar import OFF, WORKDAYS, WORKED, YEAR, after, days_of
from node.year.cases import Cases, FinalRate
from node.year.closing import Closing
from node.year.covers import Covers
from node.year.days import Days
from node.year.funding import Funding
from node.year.journal import Journal
from node.year.later import LaterPayments
from node.year.ledger import YearLedger
from node.year.node_process import OPEN, memory_mb
from node.year.people import People
from node.year.places import CENTRE, Places, Scale
from node.year.sums import Sums
from node.year.waves import CARE, Waves

MORNING_MS = 9 * 3_600_000
DAYS_OF_YEAR, MONTHS, DAYS_AFTER = 365, 12, 120

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
    opened: OpenOptions = OPEN
    """How the node opens its database: whether it keeps an index, what it holds in memory."""

    @property
    def people(self) -> int:
        return self.persons or max(200, self.claims // 10)


@dataclass(slots=True)
class Outcome:
    """What the year came to."""

    plan: Plan
    sums: Sums
    journal: Journal
    seconds: float = 0.0
    """Of the year itself, without founding and enrolment."""
    cpu_seconds: float = 0.0
    """Processor time of it, both processes: what a busy machine does not stretch."""
    node_cpu_seconds: float = 0.0
    """Of it the node's."""
    setup_seconds: float = 0.0
    blocks: int = 0
    periods: int = 0
    by_month: list[dict[str, int]] = field(default_factory=list)
    """At each month's end settlements, how many things the actors remember, and what the node holds
    of the state (``node.execution.blocks.Held``); and the most memory that node and actors had on
    any day of it, in MB: of their own, no mapped files."""
    final_rates: list[FinalRate] = field(default_factory=list)
    """Of each province that pays by case, in January."""
    differing: list[str] = field(default_factory=list)
    provinces: tuple[str, ...] = ()
    reimbursed: int = 0
    paid_first: int = 0
    """Bills that were paid first because an institution was cut off."""
    late: int = 0
    """Steps of bureaus and finance departments that waited because they were."""
    ageing: list[tuple[str, dict[str, int]]] = field(default_factory=list)
    """(month's end, month of settlement -> fen that institutions wait for)."""


def simulate(plan: Plan, folder: Path, progress: Progress) -> Outcome:
    """Found the country, live the year, add everything up. Raises ``YearBroken``."""
    places = Places(plan.scale)
    people = People(places, plan.people, plan.seed)
    sums, journal, later = Sums(), Journal(), LaterPayments(places, plan.seed)
    outcome = Outcome(plan, sums, journal, provinces=places.provinces)
    start_ms = start_of_day_ms(f"{YEAR}-01-01") - 24 * 3_600_000

    def read(_height: int, receipt: Receipt) -> None:
        sums.read(receipt)
        journal.read(receipt)
        year.days.read(receipt)
        later.read(receipt)

    begun = time.perf_counter()
    with YearLedger(folder, places, start_ms, read, plan.opened) as ledger:
        cases = Cases(places, journal, folder / "grouped")
        closing = Closing(places, journal, plan.claims, plan.seed, ledger.state, cases)
        year = _Year(
            ledger, journal, Days(people, journal, plan.claims, plan.seed, closing.mark), closing,
            Funding(places, plan.claims, plan.seed), later, outcome,
        )  # fmt: skip
        _found(ledger, places, people, progress)
        ledger.do(cases.setup())
        for wave in Covers(places, people).setup():
            ledger.do(wave)
        outcome.setup_seconds = time.perf_counter() - begun
        begun, worked, node = time.perf_counter(), time.process_time(), ledger.used()
        year.live(progress)
        outcome.seconds = time.perf_counter() - begun
        outcome.node_cpu_seconds = ledger.used().cpu_seconds - node.cpu_seconds
        outcome.cpu_seconds = time.process_time() - worked + outcome.node_cpu_seconds
        outcome.blocks, outcome.periods = ledger.height, closing.periods
        outcome.reimbursed = year.days.reimbursed
        outcome.paid_first, outcome.late = year.days.turned_away, closing.late
        outcome.final_rates = cases.final
        outcome.differing = sums.differing(ledger.state)
    return outcome


@dataclass(slots=True)
class _Year:
    """The actors, and the days that they share."""

    ledger: YearLedger
    journal: Journal
    days: Days
    closing: Closing
    funding: Funding
    later: LaterPayments
    outcome: Outcome
    most: tuple[int, int] = (0, 0)
    """The most that node and actors held this month, MB."""

    def live(self, progress: Progress) -> None:
        """Every day of the year, and as many after it as what was begun needs to end."""
        calendar = days_of(YEAR) + days_of(YEAR + 1)[:DAYS_AFTER]
        aim = self.outcome.plan.claims
        for number, day in enumerate(calendar):
            if number >= DAYS_OF_YEAR and not self._is_open():
                return
            self.ledger.go_to(max(self.ledger.now_ms, start_of_day_ms(day) + MORNING_MS))
            self.journal.day = day
            self._live(day, after(day, 1))
            self._note_memory()
            settled = self.outcome.sums.calls["claim.settled"]
            progress(day, min(settled, aim), aim)
            if number + 1 < len(calendar) and calendar[number + 1].endswith("-01"):
                self._note_month(day, settled)

    def _is_open(self) -> bool:
        waiting = self.days.open + self.closing.open + self.later.open
        return bool(waiting or self.closing.periods < MONTHS)

    def _live(self, day: str, next_day: str) -> None:
        waves = self.days.waves(day)
        if day < f"{YEAR + 1}":
            self.funding.add(waves, day)
        self.closing.add(waves, day)
        if WORKDAYS.is_working_day(day):
            self.later.add(waves, day)
        for step, batches in enumerate(waves.batches()):
            self.ledger.hand_in(batches)
            if step == CARE:
                # While the node works on the visits of today the actors think of tomorrow's.
                self.days.prepare(next_day)
                self.days.file_ahead(next_day, waves)
        self.ledger.finish()
        self.closing.after_cut(day)
        more = Waves()
        self.closing.confirm_audited(more)
        self.closing.between_cities(more)
        if more.steps:
            for batches in more.batches():
                self.ledger.hand_in(batches)
            self.ledger.finish()

    def _note_memory(self) -> None:
        now = (self.ledger.used().memory_mb, memory_mb())
        self.most = (max(self.most[0], now[0]), max(self.most[1], now[1]))

    def _note_month(self, day: str, settled: int) -> None:
        node, actors = self.most
        held = self.journal.held + self.days.held + self.closing.held + self.later.held
        used = self.ledger.used()
        self.outcome.by_month.append(
            {"claims": settled, "memory_mb": node, "actors_mb": actors, "remembered": held,
             "tree_bytes": used.tree_bytes, "state_bytes": used.state_bytes,
             "objects": used.objects}
        )  # fmt: skip
        self.most = (0, 0)
        unpaid = {month: fen for month, fen in self.journal.unpaid.items() if fen}
        self.outcome.ageing.append((day[:7], unpaid))


def _found(ledger: YearLedger, places: Places, people: People, progress: Progress) -> None:
    """Holidays, filing rules, catalogues; then policies and people."""
    ledger.do(_rules(places))
    total, done = people.count, 0
    wave: list[Batch] = []
    for batch in people.setup():
        wave.append(batch)
        if len(wave) >= 64:
            ledger.do(wave)
            done += sum(call.method == "enrol" for each in wave for call in each.calls)
            progress("people", done, total)
            wave = []
    ledger.do(wave)
    progress("people", total, total)


def _rules(places: Places) -> Iterator[Batch]:
    centre = Signer.of(CENTRE, "checker")
    days = {"off": list(OFF), "on": list(WORKED)}
    holidays = {"name": "holidays", "region": "000000", "value": days}
    yield Batch(centre, [Planned("organisations", "set_parameter", holidays)])
    opened = Planned("clearing", "open", {"period": f"{YEAR}-01"})
    yield Batch(Signer.of(CENTRE, "finance"), [opened])
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
