"""The month after the month: institutions declare, bureaus audit and confirm, provinces clear.

Everything on working days (RULES.md section 4): declaration in the first days of the next month,
audit with deductions, the cut on the 21st or the first working day after it, both sides' word the
day after, then finance departments, banks, and what banks give back.
"""

from __future__ import annotations

import random
from collections import defaultdict
from typing import Any

from contracts.regions import province
from node.benchmark.workload import Planned
from node.year.calendar import WORKDAYS, YEAR, after
from node.year.cases import STEPS, Cases
from node.year.journal import Journal, Row
from node.year.ledger import ReadState
from node.year.outages import Outages
from node.year.places import CENTRE, Places
from node.year.prepaid import Prepaid
from node.year.waves import AFTERWARDS, CARE, FILE, LATER, Waves

ROWS_AT_ONCE = 400
DECLARE, NOTICE, ANSWER, DECIDE, CONFIRM = (2, 3), 4, 6, 8, 10
"""Working days of the next month on which this is done; every second institution declares on the
first of the two."""
LAST_MONTH = f"{YEAR}-12"
FINAL_RATES = NOTICE + 1
FINAL = range(FINAL_RATES + 1, FINAL_RATES + 1 + STEPS)
"""Working days after the year on which its payment by case is settled: all before December is
confirmed, so that it comes with December's notices."""
CUT_FROM = 21
SILENT, SILENT_DAYS = 0.1, 5
"""Of insurers' statements nobody says a word; after so many working days the place of care asks."""
BOUNCED = 0.03
"""Of the payments come back from the bank."""
MONTH_CHARACTERS = 7

Pair = tuple[str, str, str]
"""(period, home, care): the name of a statement; home is an insurer's id where that owes."""


class Closing:
    """What institutions, bureaus, finance departments and banks do about a month that is over."""

    def __init__(
        self, places: Places, journal: Journal, claims: int, seed: int, state: ReadState,
        cases: Cases,
    ) -> None:  # fmt: skip
        """``state``: values of the head's state, for amounts that both sides read there."""
        self._cases = cases
        self._prepaid = Prepaid(places, claims, state)
        self._outages = Outages(seed)
        self.places = places
        self.journal = journal
        self._state = state
        self._seed = seed
        self._deductions: list[tuple[str, str, str, int, int]] = []
        """(deduction, institution, claim, line's fen, fen): to notice, answer and decide."""
        self._marked: list[tuple[str, str, int]] = []
        """(institution, claim, fen of its first line): an auditor will look at it."""
        self._found: list[tuple[str, str, int, int]] = []
        """The same with the fen to take off, once they are declared."""
        self._to_order: dict[str, list[tuple[str, str, int]]] = defaultdict(list)
        """Day -> (notice, payer, fen)."""
        self._to_report: dict[str, list[tuple[str, str, int]]] = defaultdict(list)
        """Day -> (payment, bank, fen)."""
        self._silent: dict[str, list[Pair]] = defaultdict(list)
        """Day -> insurers' statements of which the insurer has said nothing."""
        self._stated: list[tuple[Pair, str]] = []
        """Statements and who has to confirm each: both sides, or the insurer, the next day that
        they are there."""
        self._confirmed = False
        """Statements were confirmed today: cities owe and are owed more than before."""
        self._open_periods: list[str] = []
        self._orders: dict[str, tuple[str, str]] = {}
        """Payment on its way -> (notice, payer)."""
        self._number = 0
        self.periods = 0
        """Periods that are closed."""
        self.late = 0
        """Confirmations and orders that waited because somebody's system was down."""

    def mark(self, institution: str, claim: str, line_fen: int) -> None:
        """An auditor will look at this settlement when its month is declared."""
        self._marked.append((institution, claim, line_fen))

    @property
    def held(self) -> int:
        """How many things are remembered: of the month that is closed, and of none before."""
        looked_at = len(self._deductions) + len(self._marked) + len(self._found)
        return self.open + looked_at + len(self._orders)

    @property
    def open(self) -> int:
        """What is still to come."""
        days = (self._to_order, self._to_report, self._silent)
        queued = sum(len(each) for kept in days for each in kept.values())
        return queued + len(self._open_periods) + len(self._stated)

    def add(self, waves: Waves, day: str) -> None:
        """The calls of a day; none on a day of rest."""
        if not WORKDAYS.is_working_day(day):
            return
        dice = random.Random(f"{self._seed}/closing/{day}")  # noqa: S311  (dice, no secret)
        self._take_notices(day, dice)
        month = _month_before(day)
        working = _working_day(day)
        if working in DECLARE:
            self._declare(waves, month, DECLARE.index(working))
            if working == DECLARE[0] and day.startswith(str(YEAR)):
                self._prepaid.add(waves, day[:MONTH_CHARACTERS])
        elif working == NOTICE:
            self._notice(waves)
            if month.startswith(str(YEAR)):
                self._cases.add(waves, month)
        elif working == ANSWER:
            self._answer(waves)
        elif working == DECIDE:
            self._decide(waves)
        elif working == CONFIRM:
            self._audit(waves, month)
        if month == LAST_MONTH and working == FINAL_RATES:
            self._cases.say_final(waves)
        elif month == LAST_MONTH and working in FINAL:
            self._cases.settle_final(waves)
        self._both_confirm(waves, day)
        if _is_cut(day) and month.startswith(str(YEAR)):
            period = Planned("clearing", "cut", {"period": month})
            waves.add(FILE, CENTRE, "finance", period)
            self._open_periods.append(month)
        self._pay(waves, day, dice)
        self._close(waves)

    def after_cut(self, day: str) -> None:
        """Read the statements that were just cut off: both sides confirm them tomorrow."""
        if not (WORKDAYS.is_working_day(day) and _is_cut(day)):
            return
        month = _month_before(day)
        if not month.startswith(str(YEAR)):
            return
        pairs = [(h, c) for h in self.places.provinces for c in self.places.provinces]
        found = self._statements([(month, *pair) for pair in pairs])
        stated = [name for name, value in found if value is not None]
        self._stated += [(name, side) for name in stated for side in name[1:]]
        self._state_insurers(month, day)

    def _state_insurers(self, month: str, day: str) -> None:
        """Insurers look at their statements tomorrow; some do not, and are asked all the same."""
        insurers = [self.places.insurer(each) for each in self.places.provinces]
        found = self._state([f"cover-month/{insurer}/{month}" for insurer in insurers])
        names = [
            (month, insurer, place)
            for insurer, listed in zip(insurers, found, strict=True)
            if listed is not None
            for place in sorted(listed[0])
        ]
        dice = random.Random(f"{self._seed}/insurers/{month}")  # noqa: S311  (dice, no secret)
        for name in names:
            if dice.random() < SILENT:
                self._silent[WORKDAYS.add_working_days(day, SILENT_DAYS)].append(name)
            else:
                self._stated.append((name, name[1]))

    def confirm_audited(self, waves: Waves) -> None:
        """The second person's word on months that were audited a moment ago."""
        for (institution, month), owed in self.journal.owed.items():
            args = {"institution": institution, "month": month, "amount_fen": owed}
            bureau = f"bureau:{self.places.region[institution]}"
            waves.add(FILE, bureau, "checker", Planned("declaration", "confirm", args))
        self.journal.owed.clear()

    # --- Institutions and their bureau -----------------------------------------------------------

    def _declare(self, waves: Waves, month: str, part: int) -> None:
        if part == 0:
            self._look(month)
        months = self.journal.months[month]
        for institution in sorted(months)[part :: len(DECLARE)]:
            made = months[institution]
            rows = [_row(row) for row in made.rows.values()]
            # A refund is declared with the settlement that it takes back.
            rows.sort(key=lambda row: row["settlement"].removesuffix("-r"))
            for start in _cuts(rows):
                args = {"month": month, "rows": rows[slice(*start)]}
                waves.add(CARE, institution, "finance", Planned("declaration", "declare", args))
            close = {"month": month, "totals": made.totals()}
            waves.add(LATER, institution, "finance", Planned("declaration", "close", close))
            made.rows.clear()
            made.groups.clear()

    def _look(self, month: str) -> None:
        """What of the marked settlements stands in the month, and is paid by funds at all."""
        marked, self._marked = self._marked, []
        for institution, claim, line_fen in marked:
            rows = self.journal.months[month][institution].rows
            amount = max(1, line_fen // 20)
            if claim not in rows:
                self._marked.append((institution, claim, line_fen))  # of the month that runs
            elif f"{claim}-r" not in rows and rows[claim][2] >= amount:
                self._found.append((institution, claim, line_fen, amount))

    def _notice(self, waves: Waves) -> None:
        found, self._found = self._found, []
        for institution, claim, line_fen, amount in found:
            self._number += 1
            bureau = self.places.region[institution]
            name = f"{bureau}k{self._number}"
            line = {"line": "1", "line_fen": line_fen, "amount_fen": amount, "reason": "not_done"}
            notice = Planned(
                "audit", "notice", {"deduction": name, "claim": claim, "amount_fen": amount},
                ("audit", {"lines": [line]}),
            )  # fmt: skip
            waves.add(CARE, f"bureau:{bureau}", "audit", notice)
            self._deductions.append((name, institution, claim, line_fen, amount))

    def _answer(self, waves: Waves) -> None:
        for number, (name, institution, *_) in enumerate(self._deductions):
            said = "object" if number % 4 == 0 else "accept"
            answer = Planned("audit", "answer", {"deduction": name, "answer": said})
            waves.add(CARE, institution, "finance", answer)

    def _decide(self, waves: Waves) -> None:
        for number, (name, institution, _, _, amount) in enumerate(self._deductions):
            upheld = 0 if number % 8 == 0 else amount
            decide = Planned("audit", "decide", {"deduction": name, "amount_fen": upheld})
            bureau = f"bureau:{self.places.region[institution]}"
            waves.add(CARE, bureau, "checker", decide)
        self._deductions.clear()

    def _audit(self, waves: Waves, month: str) -> None:
        for institution in self.journal.months[month]:
            args = {"institution": institution, "month": month}
            bureau = f"bureau:{self.places.region[institution]}"
            waves.add(CARE, bureau, "audit", Planned("declaration", "audit", args))

    # --- Provinces, finance departments, banks ---------------------------------------------------

    def _both_confirm(self, waves: Waves, day: str) -> None:
        stated, self._stated = self._stated, []
        stated += [(name, name[2]) for name in self._silent.pop(day, ())]
        found = self._statements([name for name, _ in stated])
        for (name, side), (_, statement) in zip(stated, found, strict=True):
            who = side if ":" in side else f"bureau:{side}"
            if self._outages.is_out(who, day):
                self._stated.append((name, side))
                self.late += 1
                continue
            period, home, care = name
            args = {"period": period, "home": home, "care": care,
                    "amount_fen": sum(statement[0].values())}  # fmt: skip
            confirm = Planned("clearing", "confirm", args)
            waves.add(CARE, who, "finance", confirm)
            self._confirmed = True

    def _statements(self, names: list[Pair]) -> list[tuple[Pair, Any]]:
        """Statements as the ledger has them; None where a pair owes nothing."""
        keys = [f"statement/{period}/{home}/{care}" for period, home, care in names]
        return list(zip(names, self._state(keys), strict=True))

    def between_cities(self, waves: Waves) -> None:
        """Provinces ask their cities for what was confirmed today, and pass on what others owe for
        care that was given there (上解, 下拨). What is below zero waits for the next month."""
        if not self._confirmed:
            return
        self._confirmed = False
        areas = [area for areas in self.places.areas.values() for area in areas]
        asked = [(method, area) for method in ("levy", "allot") for area in areas]
        dues = self._state([f"{method}/{area}" for method, area in asked])
        for (method, area), due in zip(asked, dues, strict=True):
            if due is not None and sum(due[1].values()) > 0:
                call = Planned("clearing", method, {"area": area})
                waves.add(FILE, f"bureau:{province(area)}", "finance", call)

    def _take_notices(self, day: str, dice: random.Random) -> None:
        issued, self.journal.issued = self.journal.issued, []
        issued.sort(key=lambda notice: str(notice["notice"]))  # blocks have no order that stays
        runs: dict[str, str] = {}
        for notice in issued:
            payer = notice.get("payer_region")
            if notice["kind"] == "cover":
                sender = notice["insurer"]
            elif payer is None:
                continue  # an institution gives money back by itself; the year has none
            elif notice["kind"] in ("institution", "prepayment", "cover-return"):
                sender = f"bureau:{payer}"
            else:
                sender = f"finance:{province(payer)}"
            # Whoever pays does it in one run, and not notice by notice.
            if sender not in runs:
                runs[sender] = WORKDAYS.add_working_days(day, dice.randrange(0, 6))
            self._to_order[runs[sender]].append((notice["notice"], sender, notice["amount_fen"]))

    def _pay(self, waves: Waves, day: str, dice: random.Random) -> None:
        for notice, sender, amount in self._to_order.pop(day, ()):
            if self._outages.is_out(sender, day):
                self._to_order[WORKDAYS.add_working_days(day, 1)].append((notice, sender, amount))
                self.late += 1
                continue
            self._number += 1
            whole = sender.startswith(("finance:", "insurer:"))
            code = sender if whole else sender.partition(":")[2]
            payment = f"{code}:{self._number}" if ":" in code else f"{code}y{self._number}"
            bank = self.places.bank_of(sender)
            args = {"payment": payment, "notice": notice, "amount_fen": amount, "bank": bank}
            if notice.startswith("cover:"):
                args["payee_bank"] = self.places.bank_of(notice)
            waves.add(CARE, sender, "finance", Planned("payment", "order", args))
            approve = Planned("payment", "approve", {"payment": payment})
            waves.add(LATER, sender, "checker", approve)
            when = WORKDAYS.add_working_days(day, 1)
            self._to_report[when].append((payment, bank, amount))
            self._orders[payment] = (notice, sender)
        for payment, bank, amount in self._to_report.pop(day, ()):
            notice, sender = self._orders.pop(payment)
            report = {"payment": payment, "reference": f"R.{payment}", "value_on": day}
            if dice.random() < BOUNCED:
                report["reason"] = "closed_account"
                waves.add(AFTERWARDS, bank, "operator", Planned("payment", "bounce", report))
                again = WORKDAYS.add_working_days(day, 2)
                self._to_order[again].append((notice, sender, amount))
            else:
                paid = report | {"amount_fen": amount}
                waves.add(AFTERWARDS, bank, "operator", Planned("payment", "confirm", paid))

    def _close(self, waves: Waves) -> None:
        """The centre closes a period once all of its statements are confirmed and paid."""
        made_of = self._state([f"period/{period}" for period in self._open_periods])
        for period, made in list(zip(self._open_periods, made_of, strict=True)):
            # stage, pairs, confirmed, settled
            if made is not None and made[0] == "stated" and made[1] == made[2] == made[3]:
                close = Planned("clearing", "close", {"period": period})
                waves.add(FILE, CENTRE, "finance", close)
                self._open_periods.remove(period)
                self.periods += 1


def _row(row: Row) -> dict[str, Any]:
    name, total, funds, accounts, _ = row
    return {"settlement": name, "total_fen": total, "funds_fen": funds, "accounts_fen": accounts}


def _cuts(rows: list[dict[str, Any]]) -> list[tuple[int, int]]:
    """Slices of at most so many rows that part no refund from its settlement."""
    cuts, start = [], 0
    while start < len(rows):
        end = min(start + ROWS_AT_ONCE, len(rows))
        if end < len(rows) and rows[end]["settlement"].endswith("-r"):
            end += 1
        cuts.append((start, end))
        start = end
    return cuts


def _month_before(day: str) -> str:
    """The month that is over on a day."""
    return after(day[:8] + "01", -1)[:MONTH_CHARACTERS]


def _working_day(day: str) -> int:
    """Which working day of its month a day is, from 1."""
    first = day[:8] + "01"
    return sum(WORKDAYS.is_working_day(after(first, n)) for n in range(int(day[8:])))


def _is_cut(day: str) -> bool:
    """The first working day from the 21st on, and after the day on which months are confirmed."""
    return _may_cut(day) and not any(_may_cut(f"{day[:8]}{n:02d}") for n in range(1, int(day[8:])))


def _may_cut(day: str) -> bool:
    late = int(day[8:]) >= CUT_FROM and _working_day(day) > CONFIRM
    return late and WORKDAYS.is_working_day(day)
