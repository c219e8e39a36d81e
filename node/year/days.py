"""What happens on a day: care, then what is taken back or paid afterwards, and the filings of those
who travel tomorrow.

The year is a function of its seed: each day has dice of its own. What must be remembered between
days is little and does not grow with the number of claims: for each person two days (until when
the filing holds, when last in care), who lies in a hospital, what will be taken back, whose bill
waits at home.
"""

from __future__ import annotations

import random
from array import array
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from contracts.organisations import own_prefix
from contracts.settlement.calendar import day_number
from node.benchmark.workload import Planned
from node.ledger.crypto import H
from node.ledger.receipt import Receipt
from node.ledger.types import Value
from node.year.bills import KINDS, LONGEST_STAY, Kind, kind_of, lines_of, total_of
from node.year.calendar import YEAR, after, days_of, spread
from node.year.journal import Journal, Known
from node.year.outages import Outages
from node.year.people import People, Person
from node.year.places import CHRONIC_DISEASE
from node.year.waves import CARE, FILE, LATER, Waves

REVERSED = 0.008
"""Of all settlements are taken back within days."""
PAID_FIRST = 0.004
"""For each visit, bills that the patient paid and brings home."""
BOUNCED = 0.1
"""Of the orders for reimbursements come back from the bank."""
EMERGENCY = 0.06
TRIES_MAX = 50
LOOKED_AT = 0.04
"""Of all stays an auditor finds fault with a line."""
Mark = Callable[[str, str, int], None]
"""Told (institution, claim, fen of its first line)."""
OUTPATIENT = next(kind for kind in KINDS if kind.name == "outpatient")
MONTHS_OF_FILING = 175
"""Days after which a temporary filing is made anew; the national rule gives it six months."""


class Days:
    """The year's days, one after the other."""

    def __init__(
        self, people: People, journal: Journal, claims: int, seed: int, mark: Mark
    ) -> None:
        """``mark``: told of settlements that an auditor will look at."""
        self.places = people.places
        self.people = people
        self.journal = journal
        self._mark = mark
        self._seed = seed
        days = days_of(YEAR)
        self._visits = dict(zip(days, spread(claims, days), strict=True))
        self._filed = array("i", [0]) * people.count
        """By person: number of the last day on which the filing is taken to hold."""
        self._in_care = array("i", [0]) * people.count
        """By person: number of the last day on which this person is treated."""
        self._stays: dict[str, list[_Stay]] = defaultdict(list)
        """Day of discharge -> who goes home."""
        self._back: dict[str, list[tuple[str, str]]] = defaultdict(list)
        """Day -> (institution, claim) to take back."""
        self._bills: dict[str, list[_Paper]] = defaultdict(list)
        """Day -> papers of people who paid first, at their next step."""
        self._prepared: dict[str, tuple[Waves, random.Random]] = {}
        """Day -> its care, and the dice for all else of it: of one day at most."""
        self._number = 0
        self._outages = Outages(seed)
        self.turned_away = 0
        """Bills that were paid first because the institution was cut off."""
        self.reimbursed = 0
        self.stages: dict[str, str] = {}
        """Reimbursement -> stage that the ledger told last, until it is looked at."""

    def read(self, receipt: Receipt) -> None:
        """Take note of what the ledger answered."""
        for event in receipt.events:
            if event.topic == "reimbursement.stage":
                self.stages[event.fields["reimbursement"]] = event.fields["stage"]

    def prepare(self, day: str) -> None:
        """The care of a day and what of it is taken back, thought of before it has come: that needs
        no answer of the ledger.

        Days are prepared in their order, each after ``waves`` of the one before it.
        """
        if day in self._prepared:
            return
        dice = random.Random(f"{self._seed}/{day}")  # noqa: S311  (dice, no secret)
        waves = Waves()
        for _ in range(self._visits.get(day, 0)):
            while not self._visit(waves, day, dice):
                pass
            if dice.random() < PAID_FIRST:
                person = self.people.of(dice.randrange(self.people.count))
                self._pay_first(day, dice, person, OUTPATIENT)
        for stay in self._stays.pop(day, ()):
            if self._outages.is_out(stay.institution, day):
                self._stay_until(after(day, 1), stay)
            else:
                self._discharge(waves, day, stay, dice)
        for institution, claim in self._back.pop(day, ()):
            args = {"claim": claim, "reversal": f"{claim}-r", "reason": "wrong_bill"}
            waves.add(LATER, institution, "clerk", Planned("claim", "reverse", args))
        self._prepared[day] = (waves, dice)

    def file_ahead(self, day: str, waves: Waves) -> None:
        """Let those who travel on a prepared day file in the wave ``LATER`` of ``waves``, of the
        day before it: so that on the day itself nobody's care waits for filings."""
        waves.take_step(FILE, self._prepared[day][0], as_step=LATER)

    def waves(self, day: str) -> Waves:
        """Everything of a day that is left to it."""
        self.prepare(day)
        waves, dice = self._prepared.pop(day)
        for paper in self._bills.pop(day, ()):
            self._next_step(waves, day, paper, dice)
        return waves

    @property
    def held(self) -> int:
        """How many things are remembered: what is open. Beside it one filing for each person."""
        return self.open + len(self.stages)

    @property
    def open(self) -> int:
        """Stays, reversals and papers that are still to come."""
        waiting = (self._stays, self._back, self._bills)
        return sum(len(each) for kept in waiting for each in kept.values())

    # --- Care ----------------------------------------------------------------------------------

    def _visit(self, waves: Waves, day: str, dice: random.Random) -> bool:
        """Somebody is settled or admitted. False where the institution is cut off: who comes there
        pays and brings the bill home; who has to be admitted goes where the system works."""
        kind = kind_of(dice)
        person = self._somebody(day, dice, chronic=kind.name == "chronic")
        emergency = kind.name in ("inpatient", "outpatient") and dice.random() < EMERGENCY
        shelves = self.places.pharmacies if kind.name == "pharmacy" else self.places.hospitals
        institution = dice.choice(shelves[person.care])
        if self._outages.is_out(institution, day):
            if kind.name != "inpatient":
                self._pay_first(day, dice, person, kind)
                self.turned_away += 1
            return False
        if not emergency and kind.name != "pharmacy":
            self._file(waves, day, person)
        self._number += 1
        claim = f"{own_prefix(institution)}{self._number}"
        self.journal.known[claim] = Known(
            institution, "310" if person.employee else "390", kind.name, person.area,
            self.places.region[institution],
        )  # fmt: skip
        if kind.name == "inpatient":
            stay = _Stay(institution, claim, person.number, day, kind)
            self._stay_until(after(day, dice.randrange(2, LONGEST_STAY)), stay)
            args = {"claim": claim, "visit": _public(person, kind, day, emergency)}
            content: dict[str, Value] = {"visit": _clinical(kind, emergency)}
            register = Planned("claim", "register", args, ("settlement", content))
            waves.add(CARE, institution, "doctor" if emergency else "clerk", register)
            return True
        total = total_of(kind, dice)
        args = _settlement(claim, day, total, person.employee) | {
            "visit": _public(person, kind, day, emergency)
        }
        content = {
            "visit": _clinical(kind, emergency),
            "lines": lines_of(kind, total, day, dice),
        }
        settle = Planned("claim", "settle", args, ("settlement", content))
        waves.add(CARE, institution, "doctor" if emergency else "clerk", settle)
        self._maybe_back(institution, claim, day, dice)
        return True

    def _discharge(self, waves: Waves, day: str, stay: _Stay, dice: random.Random) -> None:
        total = total_of(stay.kind, dice)
        args = _settlement(stay.claim, day, total, use_account=False)
        lines = lines_of(stay.kind, total, stay.since, dice)
        content = {"visit": None, "lines": lines}
        if dice.random() < LOOKED_AT:
            self._mark(stay.institution, stay.claim, lines[0][5])
        settle = Planned("claim", "settle", args, ("settlement", content))
        waves.add(CARE, stay.institution, "clerk", settle)
        self._maybe_back(stay.institution, stay.claim, day, dice)

    def _stay_until(self, day: str, stay: _Stay) -> None:
        self._stays[day].append(stay)
        self._in_care[stay.person] = day_number(day)

    def _maybe_back(self, institution: str, claim: str, day: str, dice: random.Random) -> None:
        if dice.random() < REVERSED:
            later = after(day, dice.randrange(0, 6))
            # Within the month: what is declared needs more than the institution's own word.
            self._back[later if later[:7] == day[:7] else day].append((institution, claim))

    def _somebody(self, day: str, dice: random.Random, *, chronic: bool) -> Person:
        """Who falls ill: nobody twice on a day nor while in hospital, as far as there are others.

        So no two settlements of a day move the same counters, and what they come to does not depend
        on the order in which the node takes them.
        """
        tries, today = 0, day_number(day)
        while True:
            person = self.people.of(dice.randrange(self.people.count))
            tries += 1
            free = self._in_care[person.number] < today or tries > TRIES_MAX
            if free and (person.chronic or not chronic):
                self._in_care[person.number] = today
                return person

    def _file(self, waves: Waves, day: str, person: Person) -> None:
        """File before care, unless a filing holds or this person never does."""
        today = day_number(day)
        if person.careless or self._filed[person.number] >= today:
            return
        self._filed[person.number] = today + (3_660 if person.long_term else MONTHS_OF_FILING)
        self._number += 1
        args: dict[str, Value] = {
            "filing": f"{person.area}f{self._number}",
            "person": person.id,
            "type": "living_elsewhere" if person.long_term else "other",
            "care_region": person.care,
            "channel": "app",
        }
        waves.add(FILE, f"bureau:{person.area}", "clerk", Planned("filing", "submit", args))

    # --- People who paid first -------------------------------------------------------------------

    def _pay_first(self, day: str, dice: random.Random, person: Person, kind: Kind) -> None:
        """Somebody pays the whole bill and brings it home some days later."""
        self._number += 1
        paper = _Paper(self._number, person, kind, day, dice.randrange(2**32))
        self._bills[after(day, dice.randrange(3, 25))].append(paper)

    def _next_step(self, waves: Waves, day: str, paper: _Paper, dice: random.Random) -> None:
        """Filed, reviewed, decided by another, ordered, paid or returned and ordered again."""
        name = f"{paper.person.area}r{paper.number}"
        bureau, named = f"bureau:{paper.person.area}", {"reimbursement": name}
        bank = self.places.bank(f"{paper.person.area[:2]}0000")
        order = {**named, "payment": f"{name}-{paper.tries}", "bank": bank}
        wait = 1
        if paper.step == "file":
            waves.add(CARE, bureau, "clerk", self._paper(name, paper))
            paper.step = "review"
        elif paper.step == "review":
            review = Planned("reimbursement", "review", {**named, "advice": "approve"})
            waves.add(CARE, bureau, "clerk", review)
            decide = Planned("reimbursement", "decide", {**named, "decision": "approve"})
            waves.add(LATER, bureau, "checker", decide)
            paper.step, wait = "pay", dice.randrange(1, 6)
        elif paper.step == "pay":
            if self.stages.pop(name, "") not in ("approved", "returned"):
                return  # nothing is owed, or it was refused
            waves.add(CARE, bureau, "finance", Planned("reimbursement", "pay", order))
            paper.step = "report"
        else:
            came_back = dice.random() < BOUNCED
            report = {**named, "payment": order["payment"], "reference": f"{name}.{paper.tries}"}
            method, more = "confirm", {}
            if came_back:
                method, more = "bounce", {"reason": "closed_account"}
            waves.add(CARE, bank, "operator", Planned("reimbursement", method, report | more))
            if not came_back:
                self.stages.pop(name, None)
                self.reimbursed += 1
                return
            paper.step, paper.tries = "pay", paper.tries + 1
        self._bills[after(day, wait)].append(paper)

    def _paper(self, name: str, paper: _Paper) -> Planned:
        dice = random.Random(paper.seed)  # noqa: S311  (dice, no secret)
        person, kind = paper.person, paper.kind
        total = total_of(kind, dice)
        shelves = self.places.pharmacies if kind.name == "pharmacy" else self.places.hospitals
        args: dict[str, Value] = {
            "reimbursement": name,
            "person": person.id,
            "place": {"institution": dice.choice(shelves[person.care])},
            "care_kind": kind.name,
            "admission": paper.day,
            "discharge": paper.day,
            "total_fen": total,
            "invoices": [
                {"code": f"{paper.number:012d}", "number": "1", "total_fen": total,
                 "hash": H("yibao/year-invoice/v1", name.encode())}
            ],
            "account": H("yibao/year-token/v1", person.id.encode()),
        }  # fmt: skip
        content = {
            "visit": _clinical(kind, emergency=False),
            "lines": lines_of(kind, total, paper.day, dice),
        }
        return Planned("reimbursement", "file", args, ("reimbursement", content))


@dataclass(frozen=True, slots=True)
class _Stay:
    """Somebody who lies in a hospital."""

    institution: str
    claim: str
    person: int
    since: str
    kind: Kind


@dataclass(slots=True)
class _Paper:
    """A bill that was paid by the patient."""

    number: int
    person: Person
    kind: Kind
    day: str
    seed: int
    step: str = "file"
    tries: int = 1


def _public(person: Person, kind: Kind, day: str, emergency: bool) -> dict[str, Value]:
    return {
        "person": person.id,
        "care_kind": kind.name,
        "admission": day,
        # An emergency is told by a call that a doctor signs.
        "presence": {"kind": "emergency" if emergency else "card", "certificate": "03"},
    }


def _clinical(kind: Kind, emergency: bool) -> dict[str, Value]:
    disease = CHRONIC_DISEASE if kind.name == "chronic" else ""
    return {"emergency": emergency, "chronic_disease": disease, "diagnoses": ["I10"]}


def _settlement(claim: str, day: str, total_fen: int, use_account: bool) -> dict[str, Value]:
    return {"claim": claim, "discharge": day, "total_fen": total_fen, "use_account": use_account}
