"""Random lives of one person against plain numbers: visits, stays whole and in parts, tests
elsewhere, bills paid first, care at home told late, refunds, reversals, decisions made again, in
any order and over the end of the benefit year. Whatever can be taken back is, at the end, and
nothing of it is left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from random import Random

import pytest

from contracts.api import Value
from contracts.runtime import Outcome
from contracts.settlement import claim, counters
from contracts.settlement.funds_book import balance
from tests.contracts.settlement import dumb_lives
from tests.contracts.settlement.claim_world import BED, BOB, COSMETIC, TEST, line, visit
from tests.contracts.settlement.dumb_lives import (
    BASIC,
    CRITICAL,
    YEARS,
    Care,
    Feed,
    Row,
    Rules,
    Year,
    half_up,
)
from tests.contracts.settlement.funds_world import balances, trial_balance
from tests.contracts.settlement.refund_world import back, refund, resettle
from tests.contracts.settlement.stay_world import LAB, Line, StayWorld, in_ward, make_stay_world
from tests.contracts.settlement.test_reimbursement import Desk
from tests.contracts.settlement.test_reimbursement_again import again
from tests.contracts.world import BUREAU_CHANGSHA, HOSPITAL

PLACE = {"region": "440100", "level": 3, "kind": "hospital"}
RUSHED = {"emergency": True}
"""Stays of an emergency may overlap, so that none is refused here."""


def june(day: int) -> str:
    return f"2025-06-{day:02d}"


@dataclass(eq=False)
class Stay:
    """A stay as the two hospitals' desks know it."""

    admission: int
    going: str
    """The claim that is open; empty between parts."""
    parts: list[Settled] = field(default_factory=list)
    over: bool = False

    @property
    def last(self) -> int:
        """Last day that is settled of it."""
        return max((part.day for part in self.parts), default=self.admission)

    @property
    def last_own(self) -> int:
        """The same, of its own hospital; 0 before its first part."""
        return max((part.day for part in self.parts if part.sender == HOSPITAL), default=0)


@dataclass(eq=False)
class Settled:
    """A settlement that stands."""

    care: Care
    now: str
    """Its id now; the care's is its first one."""
    lines: list[Line]
    rows: list[Row]
    day: int
    sender: str = HOSPITAL
    stay: Stay | None = None
    gone: set[int] = field(default_factory=set)
    """Lines that came back."""

    @property
    def decidable(self) -> bool:
        """Whether it may be decided again now: a test under the flags of the claim that is open."""
        if self.stay is None or self.sender == HOSPITAL:
            return self.returnable
        return self.returnable and bool(self.stay.going)

    @property
    def returnable(self) -> bool:
        """Whether it may be taken back now: of a stay the last part only, and while nothing of its
        own hospital is open."""
        if self.stay is None:
            return True
        return self.stay.parts[-1] is self and not (self.stay.going and self.sender == HOSPITAL)


class Life:
    """Everything is said to the ledger and to the dumb model, which are compared after each."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.year = Year(Rules.made_up(self.random))
        self.desk: StayWorld = make_stay_world()
        self.world = self.desk.world
        self.home = Desk(self.desk)
        self.desk.deploy("390", self.year.rules.source(), "2025-02-01")
        self.world.on("2025-06-30")
        self.start = balances(self.world.state)
        self.number = 0
        self.live: list[Settled] = []
        self.stays: list[Stay] = []
        self.paid_first: list[Care] = []
        self.paid_again: set[Care] = set()
        self.feeds: list[tuple[Feed, bytes]] = []

    def name(self, of: str = "H44010000123") -> str:
        self.number += 1
        return f"{of}-z-{self.number}"

    def bill(self, first: int, last: int) -> tuple[list[Row], list[Line]]:
        """One to three lines, some of them of nothing, one fen or three pieces."""
        rows, lines, random = [], [], self.random
        for number in range(1, random.randrange(2, 5)):
            pieces = random.choice((1, 1, 3))
            code = random.choice((BED, BED, TEST, COSMETIC))
            amount = pieces * random.choice((0, 1, 3, random.randrange(300_000)))
            day = june(random.randint(first, last))
            inside = {BED: amount, TEST: amount - half_up(amount, 10), COSMETIC: 0}[code]
            lines.append(line(number, code, amount, day=day, quantity=pieces, consent=True))
            rows.append((day, inside, amount))
        return rows, lines

    def made(self, told: Outcome, settled: Settled, stay: Stay | None = None) -> None:
        """A settlement was made: it is what the dumb model says."""
        self.agree(told, settled.care)
        self.explained(told)
        self.year.log.append(settled.care)
        self.live.append(settled)
        if stay is not None:
            settled.stay = stay
            stay.parts.append(settled)

    def explained(self, told: Outcome) -> None:
        """What the explanation says of the counters is what is kept of them."""
        assert told.explanation is not None
        for year, name, before, added in told.explanation["counters"]:
            kept = counters.read(self.world.state, BOB, "430100", "390", year)
            assert kept.get(name, 0) == before + added

    def agree(self, told: Outcome, care: Care) -> None:
        funds = care.funds_fen
        found = (told.answer["funds_fen"], told.answer["cash_fen"])
        assert found == (funds, care.total_fen - funds), care

    # --- what may happen ---

    def visit(self) -> None:
        day, name = self.random.randint(1, 29), self.name()
        rows, lines = self.bill(day, day)
        care = Care(name, self.world.time_ms, False, june(day), june(day), rows)
        self.year.decide(care)
        told = self.desk.settle(name, lines, visit(BOB, admission=june(day)), discharge=june(day))
        self.made(told, Settled(care, name, lines, rows, day))

    def whole_stay(self) -> None:
        first, name = self.random.randint(1, 27), self.name()
        last = self.random.randint(first, min(29, first + 11))
        rows, lines = self.bill(first, last)
        care = Care(name, self.world.time_ms, True, june(first), june(last), rows)
        self.year.decide(care)
        given = in_ward(admission=june(first), overlap="emergency")
        told = self.desk.settle(name, lines, given, clinical=RUSHED, discharge=june(last))
        self.made(told, Settled(care, name, lines, rows, last))

    def admit(self) -> None:
        day, name = self.random.randint(1, 20), self.name()
        given = in_ward(admission=june(day), overlap="emergency")
        self.desk.register(name, given, clinical=RUSHED)
        self.stays.append(Stay(day, name))

    def go_on(self) -> None:
        between = [s for s in self.stays if not s.going and not s.over and s.last_own]
        if between:
            stay, name = self.random.choice(between), self.name()
            day = min(29, stay.last_own + self.random.randrange(2))
            before = self.random.choice(stay.parts).now
            given = in_ward(admission=june(day), continues=before, overlap="emergency")
            self.desk.register(name, given, clinical=RUSHED)
            stay.going = name

    def settle_part(self) -> None:
        """In mid-stay, or to its end."""
        going = [s for s in self.stays if s.going]
        if not going:
            return
        stay, goes_on = self.random.choice(going), self.random.random() < 0.6
        known = claim.find(self.world.state, stay.going)
        assert known is not None
        first = int(known.visit.admission[-2:])
        last = self.random.randint(max(first, stay.last), 29)
        rows, lines = self.bill(first, last)
        care = self.part(stay, stay.going, last, rows)
        more = {"goes_on": True} if goes_on else {}
        told = self.desk.part(stay.going, lines, june(last), **more)
        name, stay.going, stay.over = stay.going, "", not goes_on
        self.made(told, Settled(care, name, lines, rows, last), stay)
        if not stay.parts[:-1] and not goes_on:
            # Settled whole after all: no part of anything.
            self.live[-1].stay = None
            self.stays.remove(stay)

    def scan(self) -> None:
        """A test at the other hospital, under an order of the stay's."""
        going = [s for s in self.stays if s.going]
        if not going:
            return
        stay, order, name = self.random.choice(going), self.name(), self.name("H44010000777")
        day = self.random.randint(stay.admission, 29)
        rows, lines = self.bill(day, day)
        care = self.part(stay, name, day, rows)
        self.desk.order(stay.going, order=order)
        told = self.desk.settle(
            name, lines, visit(BOB, admission=june(day)), discharge=june(day), sender=LAB,
            order=order,
        )  # fmt: skip
        self.made(told, Settled(care, name, lines, rows, day, LAB), stay)

    def part(self, stay: Stay, name: str, last: int, rows: list[Row]) -> Care:
        earlier = tuple(part.care for part in stay.parts)
        until = june(max(last, stay.last) if stay.parts else last)
        care = Care(name, self.world.time_ms, True, june(stay.admission), until, rows, earlier)
        return self.year.decide(care)

    def pay_first(self) -> None:
        """A bill that the person has paid, brought home and approved."""
        day, name = self.random.randint(1, 29), self.name("430100")
        rows, lines = self.bill(day, day)
        total = sum(row[2] for row in rows)
        if total:
            care = Care(name, self.world.time_ms, False, june(day), june(day), rows)
            self.year.decide(care)
            paper = self.home.invoice(name, total)
            told = self.home.approve(
                name, person=BOB, place=PLACE, total_fen=total, lines=lines, invoices=[paper],
                care_kind="outpatient", admission=june(day), discharge=june(day),
            )  # fmt: skip
            assert told.answer["due_fen"] == care.funds_fen
            self.year.log.append(care)
            self.paid_first.append(care)

    def pay_again(self) -> None:
        """The bill is decided again; only more is paid."""
        if not self.paid_first:
            return
        care = self.random.choice(self.paid_first)
        before, kept = care.funds_fen, (care.paid, care.counted)
        self.year.decide(care)
        more = care.funds_fen > before
        if not more:
            care.paid, care.counted = kept
        if more or care in self.paid_again:
            # Without more it is the same call once more, and is answered as it was.
            self.paid_again.add(care)
            assert again(self.home, care.name).answer["due_fen"] == care.funds_fen
        else:
            again(self.home, care.name, refused="reimbursement.not-more")

    def reverse(self) -> None:
        one = self.pick()
        if one is not None:
            self.take_back(one)

    def take_back(self, one: Settled) -> None:
        args = {"claim": one.now, "reversal": f"{one.now}-v", "reason": "wrong_bill"}
        self.world.do(one.sender, "claim", "reverse", args, post="operator")
        self.forget(one)

    def forget(self, one: Settled) -> None:
        self.year.log.remove(one.care)
        self.live.remove(one)
        if one.stay is not None:
            one.stay.parts.remove(one)
            one.stay.over = False
            if not one.stay.parts and not one.stay.going:
                self.stays.remove(one.stay)

    def give_back(self) -> None:
        """A line comes back whole; with the last of them the settlement is gone."""
        one = self.pick(again=True)
        left = [] if one is None else [n for n in range(len(one.lines)) if n not in one.gone]
        left = [n for n in left if one is not None and one.lines[n][5]]
        if one is None or not left:
            return
        number = self.random.choice(left)
        row = one.lines[number]
        given = [back(int(row[0]), row[5], row[4] // 10_000)]
        one.gone.add(number)
        self.follow(one, lambda: refund(self.desk, given, one.now, origin=one.care.name,
                                        sender=one.sender))  # fmt: skip

    def decide_again(self) -> None:
        """What nobody has changed is what it was."""
        one = self.pick(again=True)
        if one is None:
            return
        before = one.care.result()
        care = self.year.decide(one.care)
        if care.result() == before:
            resettle(self.desk, one.now, origin=care.name, sender=one.sender,
                     refused="resettle.unchanged")  # fmt: skip
        else:
            self.follow(one, lambda: resettle(self.desk, one.now, origin=care.name,
                                              sender=one.sender))  # fmt: skip

    def follow(self, one: Settled, call: Callable[[], Outcome]) -> None:
        """Another settlement takes its place, or nothing does."""
        one.care.rows = [row for n, row in enumerate(one.rows) if n not in one.gone]
        if one.care.rows:
            self.year.decide(one.care)
        told = call()
        if not one.care.rows:
            assert told.answer["state"] == "reversed"
            self.forget(one)
            return
        one.now += "-n"
        self.agree(told, one.care)

    def feed(self) -> None:
        """Care at home; it is told at once or later than what came after it."""
        ago = self.random.choice((0, 1, 1_500, 3_000, 7_000, 10**7))
        at_ms, year = self.world.time_ms - ago, self.random.choice(YEARS)
        most = {"deductible_fen": 90_000, "admissions": 2, "own_fen": 10**5, "pool_fen": 10**5}
        added = {name: self.random.randrange(limit) for name, limit in most.items()}
        local = sha256(self.name().encode()).digest()
        args = self.key(year) | {"settled_ms": at_ms, "as_of_ms": at_ms, "local": local}
        self.world.do(BUREAU_CHANGSHA, "counters", "feed", args,
                      attachments={"person": {"deltas": added}})  # fmt: skip
        self.feeds.append((Feed(at_ms, year, added), local))
        self.year.feeds.append(self.feeds[-1][0])

    def unfeed(self) -> None:
        if self.feeds:
            feed, local = self.feeds.pop(self.random.randrange(len(self.feeds)))
            args = self.key(feed.year) | {"as_of_ms": self.world.time_ms, "local": local}
            self.world.do(BUREAU_CHANGSHA, "counters", "unfeed", args)
            self.year.feeds.remove(feed)

    def key(self, year: int) -> dict[str, Value]:
        return {"person": BOB, "scheme": "390", "year": year}

    def pick(self, *, again: bool = False) -> Settled | None:
        ready = [one for one in self.live if (one.decidable if again else one.returnable)]
        return self.random.choice(ready) if ready else None

    # --- compared after each step ---

    def compare(self) -> None:
        state, used = self.world.state, self.year.used()
        for year in YEARS:
            kept = counters.read(state, BOB, "430100", "390", year)
            assert kept == {name: amount for name, amount in used[year].items() if amount}
        for fund in (BASIC, CRITICAL):
            paid = sum(funds.get(fund, 0) for care in self.year.log
                       for funds in care.paid.values())  # fmt: skip
            assert balance(state, "fund:430100", fund) == -paid
        assert not any(trial_balance(state).values())

    def end(self) -> None:
        """Everything that can be taken back is taken back, in any order that is allowed."""
        while self.live:
            self.world.next_block()
            one = self.pick()
            if one is None:
                self.give_up(next(s for s in self.stays if s.going and s.last_own))
            else:
                self.take_back(one)
            self.compare()
        while self.feeds:
            self.unfeed()
        self.compare()
        now = balances(self.world.state)
        moved = {key for key in {**self.start, **now} if self.start.get(key) != now.get(key)}
        # What is owed for bills that were paid first stays owed.
        assert {kind for _, kind, _ in moved} <= {"fund", "owed"}, moved

    def give_up(self, stay: Stay) -> None:
        args = {"claim": stay.going, "reason": "wrong_bill"}
        self.world.do(HOSPITAL, "claim", "cancel", args, post="operator")
        stay.going = ""


STEPS: tuple[Callable[[Life], None], ...] = (
    Life.visit, Life.visit, Life.whole_stay, Life.whole_stay, Life.admit, Life.admit, Life.go_on,
    Life.go_on, Life.settle_part, Life.settle_part, Life.settle_part, Life.scan, Life.pay_first,
    Life.pay_again, Life.reverse, Life.give_back, Life.decide_again, Life.decide_again,
    Life.decide_again, Life.feed, Life.unfeed,
)  # fmt: skip


def live(seed: int, steps: int = 20) -> Life:
    life = Life(seed)
    for _ in range(steps):
        life.world.next_block()
        life.random.choice(STEPS)(life)
        life.compare()
    return life


@pytest.mark.parametrize("seed", range(60))
def test_a_life_is_what_plain_numbers_say_and_all_of_it_comes_back(seed: int) -> None:
    live(seed).end()


def live_through(seeds: range) -> None:
    for seed in seeds:
        live(seed)


def test_a_planted_slip_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that forgets what was used up differs from the ledger within a few lives."""

    def forgets(_: Year, before: Care | None = None) -> dumb_lives.Used:
        return {year: Counter() for year in YEARS}

    monkeypatch.setattr(Year, "used", forgets)
    with pytest.raises(AssertionError):
        live_through(range(5))
