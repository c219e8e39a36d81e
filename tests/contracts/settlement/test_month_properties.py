"""Months at random: whatever is declared, deducted, set aside, taken back, paid and returned, every
prefix sums to zero and every account explains its balance."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from types import ModuleType

import pytest

from contracts.organisations import own_prefix
from contracts.settlement import funds_chart as chart
from contracts.settlement.calendar import date_of_ms
from contracts.settlement.clearing import (
    account_record,
    cities,
    declaration_record,
    insurer_record,
    insurers,
    notice_record,
    objection_record,
    owed,
    payment_record,
    period_record,
    statement_record,
)
from contracts.settlement.clearing.declaration_record import Stage
from contracts.settlement.clearing.months import next_month
from contracts.settlement.clearing.notice_record import NoticeStage
from contracts.settlement.clearing.rows import Entry, find_entry
from contracts.settlement.lifecycle import ClaimState
from contracts.settlement.terms import COMMERCIAL
from tests.contracts.settlement.claim_world import BOB
from tests.contracts.settlement.cover_world import INSURER
from tests.contracts.settlement.funds_world import trial_balance
from tests.contracts.settlement.insurer_world import InsurerMonth
from tests.contracts.settlement.month_world import (
    BUREAU_SHENZHEN,
    CAROL,
    CHANGSHA,
    FINANCE_CHANGSHA,
    FINANCE_GUANGDONG,
    FINANCE_HUNAN,
    FINANCE_SHENZHEN,
    GUANGDONG,
    GUANGZHOU,
    HUNAN,
    JUNE,
    SHENZHEN,
    claim_id,
)
from tests.contracts.world import (
    ALICE,
    BANK,
    BUREAU_GUANGDONG,
    BUREAU_GUANGZHOU,
    BUREAU_HUNAN,
    CENTRE,
    HOSPITAL,
)

PAIRS = {
    (HUNAN, GUANGDONG): (BUREAU_HUNAN, BUREAU_GUANGDONG),
    (SHENZHEN, GUANGZHOU): (BUREAU_SHENZHEN, BUREAU_GUANGZHOU),
}
CITIES = (
    ("levy", CHANGSHA, BUREAU_HUNAN), ("levy", SHENZHEN, BUREAU_GUANGDONG),
    ("allot", GUANGZHOU, BUREAU_GUANGDONG),
)  # fmt: skip
SIDES = {**PAIRS, (INSURER, GUANGZHOU): (INSURER, BUREAU_GUANGZHOU)}
"""Who speaks for either side of a statement."""
PAYERS = {
    HUNAN: FINANCE_HUNAN, CHANGSHA: FINANCE_CHANGSHA, SHENZHEN: FINANCE_SHENZHEN, INSURER: INSURER
}  # fmt: skip
BOOKS = {
    "levy": (chart.remittance, chart.collection), "allot": (chart.allotment, chart.allotted)
}  # fmt: skip


def covered(entry: Entry) -> int:
    """What the insurer's product pays of a settlement."""
    settled = entry.claim.settled
    assert settled is not None
    return sum(part.amount_fen for part in settled.covers)


def owed_by(home: str, entry: Entry) -> int:
    """What a settlement owes by the statement that ``home`` pays."""
    if home == INSURER:
        return covered(entry)
    cells = owed.cells_of(entry.claim).items()
    return sum(fen for key, fen in cells if fen > 0 and not key.endswith("/commercial"))


def known(entry: Entry) -> bool:
    """Whether the settlement's own row stands in a month."""
    return entry.claim.declared is not None and bool(entry.claim.declared.month)


class Walk:
    """People who do something with the month, and a reckoning after each step."""

    PAYERS = PAYERS
    PAIRS = PAIRS

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.insurers = InsurerMonth()
        self.month = self.insurers.month
        self.now = JUNE
        self.settled = 0
        self.refunds: list[str] = []
        self.deductions: list[str] = []
        self.objections: list[str] = []
        self.paid: list[str] = []
        self.parts_back = self.rolled = 0
        self.done: Counter[str] = Counter()
        self.actions: tuple[Callable[[], bool], ...] = (
            self.settle, self.settle, self.reverse, self.turn_of_the_month, self.deduct,
            self.decide, self.set_aside, self.audit, self.audit, self.say_yes, self.say_yes,
            self.object, self.answer, self.levy_or_allot, self.pay, self.pay, self.come_back,
            self.insurer_says,
        )  # fmt: skip

    def run(self, steps: int) -> None:
        for _ in range(steps):
            action = self.chance.choice(self.actions)
            if action():
                self.done[action.__name__] += 1
            self.reckon()

    def never_done(self) -> set[str]:
        """Actions that found nothing to do in the whole walk."""
        return {action.__name__ for action in self.actions} - self.done.keys()

    # What people do. Each says whether it found something to do.

    def settle(self) -> bool:
        self.settled += 1
        amount = self.chance.randrange(1_000, 300_000)
        self.month.settle(
            self.settled, amount, person=self.chance.choice((ALICE, BOB, CAROL)), day=self.today()
        )
        return True

    def reverse(self) -> bool:
        open_claims = [e.id for e in self.entries() if e.claim.state is ClaimState.SETTLED]
        if not open_claims:
            return False
        name = self.chance.choice(open_claims)
        self.month.claims.reverse(name)
        self.refunds.append(f"{name}-r")
        return True

    def turn_of_the_month(self) -> bool:
        """The month ends: some of what may be declared is, the rest is forgotten; the centre cuts
        once everything declared before is confirmed."""
        month, before = self.now, self.now
        if any(made.stage is not Stage.CONFIRMED for _, made in self.declarations()):
            return False
        self.now = next_month(month)
        self.month.on(f"{self.now}-01")
        rows = [e for e in self.entries() if not e.declared and self.chance.random() < 0.8]
        names = [e.id for e in rows if e.claim.state is not ClaimState.REVERSED]
        names += [
            n for e in rows if e.reversal is None and e.claim.state is ClaimState.REVERSED
            for n in (e.id, e.claim.reversal)
        ]  # fmt: skip
        # Taken back after it was declared: its negative row comes alone.
        names += [e.id for e in rows if e.reversal is not None and known(e)]
        if names:
            self.month.declare(*names, month=before)
        made = declaration_record.find(self.month.state, HOSPITAL, before)
        assert made is None or made.stage is Stage.OPEN
        self.close_month(before, names)
        return True

    def close_month(self, month: str, names: list[str]) -> None:
        self.month.close(*names, month=month)

    def declarations(self) -> list[tuple[str, declaration_record.Declaration]]:
        found, month = [], JUNE
        while month < self.now:
            made = declaration_record.find(self.month.state, HOSPITAL, month)
            if made is not None:
                found.append((month, made))
            month = next_month(month)
        return found

    def deduct(self) -> bool:
        able = [
            e for e in self.entries()
            if e.reversal is None and e.claim.state is ClaimState.DECLARED
            and e.claim.declared is not None and not e.claim.declared.pending
            and self.stage_of(e) in (Stage.DECLARED, Stage.CONFIRMED)
        ]  # fmt: skip
        if not able:
            return False
        entry = self.chance.choice(able)
        room = sum(fen for _, fen in owed.deductible(entry.claim))
        if room <= 0:
            return False
        name = f"440100-d{len(self.deductions)}"
        amount = self.chance.randrange(1, room + 1)
        self.month.deduct(entry.id, amount, deduction=name, line_fen=amount)
        self.month.world.do(HOSPITAL, "audit", "answer", {"deduction": name, "answer": "object"},
                            post="clerk")  # fmt: skip
        self.deductions.append(name)
        return True

    def decide(self) -> bool:
        open_ones = [d for d in self.deductions
                     if self.month.state.get(f"deduction/{d}")[0] == "answered"]  # fmt: skip
        if not open_ones:
            return False
        name = self.chance.choice(open_ones)
        noticed = self.month.state.get(f"deduction/{name}")[6]
        claim = self.month.claim(self.month.state.get(f"deduction/{name}")[1])
        most = 0 if claim.state is ClaimState.REVERSED else noticed
        self.month.decide(self.chance.randrange(0, most + 1), deduction=name)
        return True

    def set_aside(self) -> bool:
        able = [
            e for e in self.entries()
            if e.reversal is None and e.claim.declared is not None
            and e.claim.state is ClaimState.DECLARED and not e.claim.declared.pending
            and e.claim.declared.times < 3 and self.stage_of(e) is Stage.DECLARED
        ]  # fmt: skip
        if not able:
            return False
        entry = self.chance.choice(able)
        self.month.audit("set_aside", month=entry.declared,
                         claims=[{"claim": entry.id, "reason": "other"}])  # fmt: skip
        return True

    def audit(self) -> bool:
        """The first month that waits is confirmed, then its period is cut."""
        for month, made in self.declarations():
            if made.stage is not Stage.DECLARED:
                continue
            if made.pending:
                return False
            self.month.audit(month=month)
            self.month.confirm(month=month)
            if period_record.collecting(self.month.state) == month:
                self.month.cut(month)
            return True
        return False

    def say_yes(self) -> bool:
        for period in self.periods():
            for (home, care), bureaus in self.PAIRS.items():
                made = statement_record.find(self.month.state, period, home, care)
                stage = period_record.load(self.month.state, period).stage
                if made is not None and stage == "stated" and not made.confirmed and not made.open:
                    bureau = bureaus[1] if made.home_by else bureaus[0]
                    self.month.say_yes(bureau, period, home=home, care=care)
                    return True
        return False

    def insurer_says(self) -> bool:
        """The insurer confirms a month that was cut off."""
        for period in self.periods():
            made = statement_record.find(self.month.state, period, INSURER, GUANGZHOU)
            if made is None or made.open or statement_record.agreed(INSURER, made):
                continue
            if period_record.load(self.month.state, period).stage != "collecting":
                self.insurers.confirm(period)
                return True
        return False

    def object(self) -> bool:
        """A side that has not spoken objects to part of a settlement of its statement."""
        able = [
            (e, period, pair) for e in self.entries() for period in self.periods()
            for pair in SIDES if self.objectionable(e, period, pair)
        ]  # fmt: skip
        if not able:
            return False
        entry, period, (home, care) = self.chance.choice(able)
        made = statement_record.load(self.month.state, period, home, care)
        free = [i for i, word in enumerate((made.home_by, made.care_by)) if not word]
        side = self.chance.choice(free)
        room = owed_by(home, entry)
        who = SIDES[home, care][side]
        name = f"{own_prefix(who)}-o{len(self.objections)}"
        rows = [{"settlement": entry.id, "amount_fen": self.chance.randrange(1, room + 1),
                 "reason": "other"}]  # fmt: skip
        args = {"objection": name, "period": period, "home": home, "care": care, "rows": rows}
        self.month.world.do(who, "objection", "lodge", args, post="finance")
        self.objections.append(name)
        return True

    def objectionable(self, entry: Entry, period: str, pair: tuple[str, str]) -> bool:
        state = self.month.state
        listed = period_record.load(state, period)
        made = statement_record.find(state, period, *pair)
        month = declaration_record.find(state, HOSPITAL, entry.declared) if entry.declared else None
        here = (INSURER, GUANGZHOU) if pair[0] == INSURER else statement_record.sides(
            state, entry.claim.area, entry.claim.care
        )  # fmt: skip
        return (
            listed.stage == "stated" and made is not None
            and not statement_record.agreed(pair[0], made)
            and date_of_ms(self.month.world.time_ms) <= listed.confirm_by
            and entry.reversal is None and month is not None and month.period == period
            and here == pair
            and not objection_record.of_settlement(
                state, entry.id, pair[0] if pair[0] == INSURER else ""
            )
            and owed_by(pair[0], entry) > 0
        )  # fmt: skip

    def answer(self) -> bool:
        state = self.month.state
        waiting = [
            name for name in self.objections
            if objection_record.load(state, name).stage in objection_record.OPEN
        ]  # fmt: skip
        if not waiting:
            return False
        name = self.chance.choice(waiting)
        made = objection_record.load(state, name)
        bureaus = SIDES[made.home, made.care]
        if made.stage == "rejected":
            how = self.chance.choice(("move", "later", "stands"))
            who, method, args = CENTRE, "decide", {"objection": name, "how": how}
        elif self.chance.random() < 0.2:
            who, method, args = bureaus[made.side == "care"], "withdraw", {"objection": name}
        else:
            how = self.chance.choice(("move", "later", "reject"))
            who, method, args = bureaus[made.side == "home"], "answer", {"objection": name,
                                                                         "how": how}  # fmt: skip
        self.month.world.do(who, "objection", method, args, post="checker")
        return True

    def levy_or_allot(self) -> bool:
        method, area, bureau = self.chance.choice(CITIES)
        if sum(cities.due_of(self.month.state, method, area).by_fund.values()) <= 0:
            return False
        self.month.world.do(bureau, "clearing", method, {"area": area}, post="finance")
        return True

    def pay(self) -> bool:
        """A notice is paid, or its payment comes back; every message of the bank comes twice."""
        state, issued = self.month.state, NoticeStage.ISSUED
        waiting = [n for n in self.notices() if notice_record.load(state, n).stage is issued]
        if not waiting:
            return False
        name = self.chance.choice(waiting)
        due = notice_record.load(self.month.state, name)
        payer = self.PAYERS.get(due.payer, FINANCE_GUANGDONG)
        self.month.payments += 1
        payment = f"{own_prefix(payer)}-{self.month.payments}"
        world = self.month.world
        order = {"payment": payment, "notice": name, "amount_fen": due.open_fen, "bank": BANK}
        world.do(payer, "payment", "order", order, post="finance")
        world.do(payer, "payment", "approve", {"payment": payment}, post="checker")
        told = {"payment": payment, "reference": f"R{self.month.payments}",
                "value_on": f"{self.now}-01" if self.now > JUNE else "2025-06-01"}  # fmt: skip
        returned = self.chance.random() < 0.3
        more = {"reason": "limit"} if returned else {"amount_fen": due.open_fen}
        method = "bounce" if returned else "confirm"
        world.do(BANK, "payment", method, told | more, post="operator")
        after = dict(self.month.state.entries)
        world.do(BANK, "payment", method, told | more, post="operator")
        assert self.month.state.entries == after, "the same message twice changes nothing"
        if not returned:
            self.paid.append(payment)
        return True

    def come_back(self) -> bool:
        """A bank sends back what it had confirmed, or a part; its message comes twice."""
        if not self.paid or self.chance.random() < 0.5:
            return False
        payment = self.paid.pop(self.chance.randrange(len(self.paid)))
        self.month.payments += 1
        amount = left = payment_record.load(self.month.state, payment).left_fen
        if self.chance.random() < 0.6:
            amount = self.chance.randrange(1, left + 1)
        told = {
            "payment": payment, "reference": f"B{self.month.payments}", "value_on": self.today(),
            "amount_fen": amount, "reason": "closed_account",
        }  # fmt: skip
        for _ in range(2):
            self.month.world.do(BANK, "payment", "send_back", told, post="operator")
        if amount < left:
            self.parts_back += 1
            self.paid.append(payment)
        return True

    # What is looked at.

    def today(self) -> str:
        return "2025-06-10" if self.now == JUNE else f"{self.now}-01"

    def entries(self) -> list[Entry]:
        names = [claim_id(n) for n in range(1, self.settled + 1)] + self.refunds
        found = [find_entry(self.month.state, name) for name in names]
        return [entry for entry in found if entry is not None]

    def stage_of(self, entry: Entry) -> Stage | None:
        made = declaration_record.find(self.month.state, HOSPITAL, entry.declared)
        return None if made is None else made.stage

    def periods(self) -> list[str]:
        found, month = [], JUNE
        while period_record.find(self.month.state, month) is not None:
            found.append(month)
            month = next_month(month)
        return found

    def notices(self) -> list[str]:
        return [key.removeprefix("notice/") for key in sorted(self.month.state.entries)
                if key.startswith("notice/")]  # fmt: skip

    def reckon(self) -> None:
        state = self.month.state
        assert not any(trial_balance(state).values()), "every prefix sums to zero"
        account = account_record.find(state, HOSPITAL)
        undeclared = unconfirmed = 0
        for entry in self.entries():
            fen = entry.sign * sum(owed.cells_of(entry.claim).values())
            stage = self.stage_of(entry)
            if stage is None or stage is Stage.OPEN:
                undeclared += fen
            if stage is not Stage.CONFIRMED and entry.claim.area != SHENZHEN:
                unconfirmed += fen - entry.sign * covered(entry)
        payable = self.month.owed(chart.payable(HOSPITAL))
        assert payable == undeclared + sum(account.declared.values())
        clearing = self.month.owed(chart.clearing(HUNAN, GUANGDONG))
        assert clearing == -self.month.owed(chart.receivable(HUNAN, GUANGDONG))
        stated = 0
        for period in self.periods():
            made = statement_record.find(state, period, HUNAN, GUANGDONG)
            if made is not None and not made.settled:
                stated += self.unpaid(made)
        assert clearing == unconfirmed + stated, "clearing is what is stated and what waits"
        self.reckon_cities()
        self.reckon_insurer()
        self.reckon_rolled(account.rolled)
        self.reckon_declared()

    def reckon_declared(self) -> None:
        """What was declared, less deductions and what was set aside, is owed; the rest is what
        insurers pay."""
        for _, made in self.declarations():
            if not made.aside[0]:
                insurers = owed.by_fund(made.cells).get(COMMERCIAL, 0)
                assert made.commercial_fen == insurers

    def reckon_insurer(self) -> None:
        """What the insurer's account holds is in no month yet, stated, or asked for by notice."""
        state = self.month.state
        waits = sum(
            entry.sign * covered(entry)
            for entry in self.entries()
            if self.stage_of(entry) is not Stage.CONFIRMED
        )
        stated, due = 0, []
        for period in self.periods():
            made = statement_record.find(state, period, INSURER, GUANGZHOU)
            if made is None:
                continue
            said, left = statement_record.agreed(INSURER, made), self.unpaid(made)
            assert made.settled == (said and not left)
            due += [period] * (not made.settled)
            stated += left
        assert self.insurers.owed() == waits + stated
        assert self.insurers.due() == self.insurers.due(GUANGZHOU) == tuple(due)

    def unpaid(self, made: statement_record.Statement) -> int:
        """What is open of a statement: of its notice, which the other side pays where more was
        taken back than paid."""
        if not made.notice:
            return made.total_fen
        named = notice_record.load(self.month.state, made.notice)
        return named.open_fen if made.total_fen > 0 else -named.open_fen

    def reckon_rolled(self, rolled: dict[str, tuple[int, int]]) -> None:
        """What was set aside and is in no month waits under the month that it was settled in."""
        found: dict[str, tuple[int, int]] = {}
        for entry in self.entries():
            declared = entry.claim.declared
            if entry.reversal is not None or entry.claim.state is ClaimState.REVERSED:
                continue
            if declared is not None and declared.times and not declared.month:
                count, fen = found.get(entry.month, (0, 0))
                fen += sum(owed.cells_of(entry.claim).values())
                found[entry.month] = (count + 1, fen)
        assert rolled == found
        self.rolled += bool(rolled)

    def reckon_cities(self) -> None:
        """What both sides have confirmed is in a notice or waits for one, for either city."""
        state = self.month.state
        for method, area, _ in CITIES:
            stated, parts = 0, {}
            for period in self.periods():
                for pair in self.PAIRS:
                    made = statement_record.find(state, period, *pair)
                    if made is not None and made.confirmed:
                        sums = made.cells if method == "levy" else made.places
                        if pair == (SHENZHEN, GUANGZHOU):
                            sums = {f"{pair[method == 'allot']}/x": made.total_fen}
                        part = sum(fen for key, fen in sums.items() if key.startswith(area))
                        parts[cities.statement_name(period, *pair)] = part
                        stated += part
            due = cities.due_of(state, method, area)
            noticed = [
                notice_record.load(state, cities.notice_id(method, area, number))
                for number in range(1, due.number + 1)
            ]
            told = sum(due.by_fund.values()) + sum(one.amount_fen for one in noticed)
            assert told == stated, (method, area)
            named = [one.cause[3:] for one in noticed] + [tuple(due.statements)]
            sums = [*(one.amount_fen for one in noticed), sum(due.by_fund.values())]
            assert [sum(parts.pop(name) for name in names) for names in named] == sums
            assert not any(parts.values()), "every part is named, and once"
            unpaid = sum(one.open_fen for one in noticed)
            book, mirror = BOOKS[method]
            assert self.month.owed(book(area)) == unpaid == -self.month.owed(mirror(area))


@pytest.mark.parametrize("seed", range(5))
def test_every_prefix_sums_to_zero_and_every_account_explains_itself(seed: int) -> None:
    walk = Walk(seed)
    walk.run(90)
    assert walk.done["settle"]
    assert walk.done["turn_of_the_month"]


def test_the_walks_have_been_everywhere() -> None:
    """Chance has to find its way to everything, or the test says nothing."""
    walk = Walk(25)
    walk.run(300)
    assert not walk.never_done(), walk.done
    assert any(made.deducted_fen for _, made in walk.declarations())
    assert walk.parts_back, "a part of a payment came back"
    assert walk.rolled, "something waited to be declared again"
    assert sum(name.startswith("cover:") for name in walk.notices()) > 1
    assert any(name.startswith(INSURER) for name in walk.objections)


@pytest.mark.parametrize(
    ("where", "name"),
    [
        (insurers, "into_statements"), (insurer_record, "count"), (account_record, "roll"),
        (insurers, "_settled"),
    ],
)  # fmt: skip
def test_an_error_with_insurers_is_found(
    where: ModuleType, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is confirmed and not stated, a list that is not kept, what waits and is forgotten."""
    monkeypatch.setattr(where, name, lambda *_, **__: None)
    with pytest.raises(AssertionError):
        _walk_six()


def _walk_six() -> None:
    for seed in range(6):
        Walk(seed).run(90)


def test_refunds_that_are_stated_as_payments_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    real = owed.covers_of
    monkeypatch.setattr(owed, "covers_of", lambda claim, sign=1: real(claim, 1))
    with pytest.raises(AssertionError):
        _walk_six()


def test_a_planted_error_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deduction that never reaches the institution's account is noticed by the reckoning."""
    monkeypatch.setattr(account_record, "put", lambda *_: None)
    with pytest.raises(AssertionError):
        Walk(1).run(90)
