"""Money that comes back after a bank confirmed it, whole or in part: of a notice, of a
reimbursement, of a payout. An independent model says what is open; what cannot have come back is
refused and changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.api import Value
from contracts.runtime import Outcome
from contracts.settlement import funds_chart as chart
from contracts.settlement import reimbursement_record
from contracts.settlement.clearing import notice_record, payment_record
from contracts.settlement.clearing.notice_record import Kind, NoticeStage
from contracts.settlement.funds_book import balance
from contracts.settlement.money import MoneyError, parts_of
from contracts.settlement.refunds import payout
from tests.contracts.settlement.funds_world import balances, trial_balance
from tests.contracts.settlement.month_world import BANK_GUANGDONG, make_month
from tests.contracts.settlement.test_refund import FIRST, paid_by_account
from tests.contracts.settlement.test_reimbursement import ACCOUNT, Desk
from tests.contracts.settlement.test_reimbursement import desk as _desk
from tests.contracts.world import (
    BANK,
    BUREAU_CHANGSHA,
    FINANCE,
    World,
)

desk = _desk
DAY, DAY_BEFORE, TOMORROW = "2025-06-10", "2025-06-09", "2025-06-11"
NOTICE = "remittance:430100:1"
ROWS = (10_000, 2_000, -1)
"""Of a notice: two funds, and one that is set off."""
FUNDS = ("310100", "390100", "310200")


def bank(world: World, contract: str, method: str, refused: str = "", sender: str = BANK,
         **args: Value) -> Outcome:  # fmt: skip
    if refused:
        return world.refused(refused, sender, contract, method, args, post="operator")
    return world.do(sender, contract, method, args, post="operator")


def with_another_bank(world: World) -> None:
    """Guangdong's bank takes part, too."""
    key = {"id": BANK_GUANGDONG, "kind": "bank", "region": "000000"}
    world.state.put(f"org/{BANK_GUANGDONG}", world.state.get(f"org/{BANK}") | key)


# --- Parts ----------------------------------------------------------------------------------------


@given(
    st.lists(st.integers(-(10**6), 10**9), min_size=1, max_size=6).filter(lambda a: sum(a) > 0),
    st.lists(st.integers(1, 99), max_size=5),
)
def test_parts_are_exact_in_sum_and_never_turn_an_amount_over(
    amounts: list[int], percents: list[int]
) -> None:
    left = tuple(amounts)
    for percent in percents:
        part = sum(left) * percent // 100
        taken = parts_of(left, part)
        assert sum(taken) == part
        for fen, less in zip(left, taken, strict=True):
            assert min(0, fen) <= less <= max(0, fen)
            # In proportion, to the fen.
            assert abs(less * sum(left) - fen * part) < sum(left)
        left = tuple(fen - less for fen, less in zip(left, taken, strict=True))
        if not sum(left):
            return
    assert parts_of(left, sum(left)) == left, "the last part takes every row to nothing"


@pytest.mark.parametrize(("amounts", "part"), [([5], 6), ([5], -1), ([3, -3], 0), ([], 0)])
def test_what_is_no_part(amounts: list[int], part: int) -> None:
    with pytest.raises(MoneyError):
        parts_of(amounts, part)


# --- Notices --------------------------------------------------------------------------------------


def notice_world() -> World:
    """Changsha owes its province 119.99 yuan of three funds, one of them set off."""
    world = make_month().world
    ctx = world.context(BUREAU_CHANGSHA)
    rows = list(zip(FUNDS, ROWS, strict=True))
    notice_record.issue(
        ctx, NOTICE, kind=Kind.REMITTANCE, payer="430100", payee="430000",
        cause=("430100", "2025-06", "2025-06"),
        out=[(chart.remittance("430100"), fund, -fen) for fund, fen in rows],
        into=[(chart.collection("430100"), fund, fen) for fund, fen in rows],
    )  # fmt: skip
    return world


@dataclass
class Paying:
    """One notice, what its bank has said, and a dumb model of it."""

    world: World = field(default_factory=notice_world)
    number: int = 0
    told: int = 0
    left: dict[str, int] = field(default_factory=dict)
    """Payment that was confirmed -> fen that did not come back."""
    flying: tuple[str, int] | None = None

    @property
    def open_fen(self) -> int:
        return sum(ROWS) - sum(self.left.values())

    def order(self) -> None:
        """What is open is ordered, whole, and nothing else; never beside another one."""
        args = {"notice": NOTICE, "bank": BANK}
        wrong = args | {"payment": f"{FINANCE}:x", "amount_fen": self.open_fen + 1}
        code = "payment.in-flight" if self.flying else "payment.amount-differs"
        if not self.open_fen:
            code = "payment.already-paid"
        self.world.refused(code, FINANCE, "payment", "order", wrong, post="finance")
        if self.flying or not self.open_fen:
            return
        self.number += 1
        payment = f"{FINANCE}:{self.number}"
        right = args | {"payment": payment, "amount_fen": self.open_fen}
        self.world.do(FINANCE, "payment", "order", right, post="finance")
        self.world.do(FINANCE, "payment", "approve", {"payment": payment}, post="checker")
        self.flying = (payment, self.open_fen)

    def confirm(self) -> None:
        if self.flying is None:
            return
        payment, amount = self.flying
        self.twice("confirm", payment=payment, amount_fen=amount)
        self.left[payment], self.flying = amount, None

    def bounce(self) -> None:
        if self.flying is None:
            return
        self.twice("bounce", payment=self.flying[0], reason="limit")
        self.flying = None

    def come_back(self, which: int, permille: int) -> None:
        """A part, or all, of some payment that was confirmed, or one fen too many."""
        if not self.left:
            return
        payment = sorted(self.left)[which % len(self.left)]
        left = self.left[payment]
        self.told += 1
        args = {"payment": payment, "reference": f"T{self.told}", "value_on": DAY,
                "amount_fen": left + 1, "reason": "limit"}  # fmt: skip
        refused = bank(self.world, "payment", "send_back", "payment.return-above", **args)
        assert refused.values["left_fen"] == left
        amount = max(1, left * permille // 1000)
        if left:
            self.twice("send_back", payment=payment, amount_fen=amount, reason="limit")
            self.left[payment] -= amount

    def twice(self, method: str, **args: Value) -> None:
        self.told += 1
        args |= {"reference": f"T{self.told}", "value_on": DAY}
        first = bank(self.world, "payment", method, **args)
        after = dict(self.world.state.entries)
        again = bank(self.world, "payment", method, **args)
        assert self.world.state.entries == after, "the same message twice changes nothing"
        assert (again.answer, again.postings) == (first.answer, [])

    def reckon(self) -> None:
        state = self.world.state
        found = notice_record.load(state, NOTICE)
        assert found.open_fen == self.open_fen
        stage = NoticeStage.PAYING if self.flying else NoticeStage.ISSUED
        assert found.stage is (stage if self.open_fen else NoticeStage.PAID)
        assert bool(found.paid_on) == bool(sum(self.left.values()))
        assert not any(trial_balance(state).values())
        paid = {}
        for fund, fen in zip(FUNDS, ROWS, strict=True):
            paid[fund] = balance(state, chart.collection("430100"), fund)
            assert paid[fund] == -balance(state, chart.remittance("430100"), fund)
            assert min(0, fen) <= paid[fund] <= max(0, fen), "no fund pays more than it owes"
        assert sum(paid.values()) == sum(self.left.values())
        assert found.by_fund(found.open_rows) == {
            fund: fen - paid[fund]
            for fund, fen in zip(FUNDS, ROWS, strict=True)
            if fen != paid[fund]
        }
        if found.stage is not NoticeStage.PAID:
            assert notice_record.overdue_days(found, "2026-06-10", WorkDays()) > 0


class WorkDays:
    """Every day is worked."""

    def working_days_between(self, first: str, last: str) -> int:
        return int(last > first)


STEPS = st.lists(
    st.one_of(
        st.just(("order",)), st.just(("confirm",)), st.just(("bounce",)),
        st.tuples(st.just("come_back"), st.integers(0, 4), st.integers(1, 1000)),
        st.tuples(st.just("come_back"), st.integers(0, 4), st.just(1000)),
    ),
    max_size=14,
)  # fmt: skip


@given(STEPS)
def test_a_notice_is_open_by_what_no_bank_holds(steps: list[Any]) -> None:
    paying = Paying()
    for name, *args in [("order",), ("confirm",), *steps]:
        getattr(paying, name)(*args)
        paying.reckon()
    while paying.open_fen:
        paying.order()
        paying.confirm()
        paying.reckon()


def test_a_part_is_paid_by_another_payment_that_names_the_first() -> None:
    paying = Paying()
    paying.order()
    paying.confirm()
    paying.come_back(0, 250)
    state = paying.world.state
    first, second = f"{FINANCE}:1", f"{FINANCE}:2"
    back = payment_record.load(state, first)
    assert (back.stage, back.left_fen, len(back.returns)) == ("part-back", 9_000, 1)
    assert back.returns[0].rows == (2_499, 500, 0), "in proportion, to the fen"
    due = notice_record.load(state, NOTICE)
    assert (due.stage, due.open_fen, due.due_on) == ("issued", 2_999, "2025-07-01")
    paying.order()
    made = payment_record.load(state, second)
    assert (made.amount_fen, made.previous) == (2_999, first)
    # The rest comes back while the part is on its way.
    paying.come_back(0, 1000)
    assert payment_record.load(state, first).stage == "sent-back"
    assert notice_record.load(state, NOTICE).stage is NoticeStage.PAYING
    paying.confirm()
    rest = notice_record.load(state, NOTICE)
    assert (rest.stage, rest.open_fen) == ("issued", 9_000)
    paying.reckon()
    paying.order()
    paying.confirm()
    assert notice_record.load(state, NOTICE).stage is NoticeStage.PAID
    paying.reckon()


def returned(**given: Value) -> dict[str, Value]:
    told: dict[str, Value] = {"payment": f"{FINANCE}:1", "amount_fen": 100, "reference": "B1",
                              "value_on": DAY, "reason": "limit"}  # fmt: skip
    return told | given


def test_returns_of_a_notice_that_are_refused() -> None:
    paying = Paying()
    paying.order()
    world = paying.world

    def refuse(code: str, sender: str = BANK, **given: Value) -> Outcome:
        return bank(world, "payment", "send_back", code, sender, **returned(**given))

    assert refuse("payment.wrong-stage").values["stage"] == "approved"
    refuse("payment.not-your-order", payment=f"{FINANCE}:404")
    paying.confirm()
    refuse("payment.not-your-order", BANK_GUANGDONG)
    above = refuse("payment.return-above", amount_fen=12_000)
    assert above.values == {"payment": f"{FINANCE}:1", "told_fen": 12_000, "left_fen": 11_999,
                            "paid_fen": 11_999}  # fmt: skip
    early = refuse("payment.return-before", value_on=DAY_BEFORE)
    assert early.values["paid_on"] == DAY
    refuse("payment.value-day", value_on=TOMORROW)
    assert refuse("payment.reference-used", reference="T1").values["payment"] == f"{FINANCE}:1"
    bank(world, "payment", "send_back", **returned())
    again = refuse("payment.reported-otherwise", amount_fen=101)
    assert (again.values["known_fen"], again.values["told_fen"]) == (100, 101)
    refuse("payment.reported-otherwise", reason="other")
    for number in range(2, 21):
        bank(world, "payment", "send_back", **returned(reference=f"B{number}", amount_fen=1))
    refuse("payment.too-many-returns", reference="B21", amount_fen=1)


def test_the_first_confirmation_told_again_after_a_return_is_what_was_told() -> None:
    paying = Paying()
    paying.order()
    paying.confirm()
    paying.come_back(0, 500)
    after = dict(paying.world.state.entries)
    told = {"payment": f"{FINANCE}:1", "amount_fen": sum(ROWS), "reference": "T1", "value_on": DAY}
    bank(paying.world, "payment", "confirm", **told)
    assert paying.world.state.entries == after
    bank(paying.world, "payment", "confirm", "payment.reported-otherwise",
         **told | {"reference": "T9"})  # fmt: skip


# --- Reimbursements -------------------------------------------------------------------------------

NAME = "430100z-1"
OTHER_ACCOUNT = sha256(b"another account").digest()
DUE = 126_000


def paid_desk(desk: Desk) -> Desk:
    desk.approve()
    desk.pay()
    desk.report()
    return desk


def back_to_person(desk: Desk, refused: str = "", sender: str = BANK, **given: Any) -> Outcome:
    args = {"reimbursement": NAME, "payment": "pay-1", "amount_fen": DUE, "reference": "B-90",
            "value_on": DAY, "reason": "closed_account"} | given  # fmt: skip
    return bank(desk.world, "reimbursement", "came_back", refused, sender, **args)


def owes(desk: Desk) -> tuple[str, int, int]:
    made = reimbursement_record.find(desk.world.state, NAME)
    assert made is not None
    assert made.due_fen == balance(desk.world.state, chart.owed("430100"), "310100")
    assert not any(trial_balance(desk.world.state).values())
    return made.stage.value, made.due_fen, sum(made.standing.values())


def test_a_reimbursement_that_came_back_waits_for_another_account(desk: Desk) -> None:
    paid_desk(desk)
    assert owes(desk) == ("paid", 0, DUE)
    before = balances(desk.world.state)
    told = back_to_person(desk)
    assert {posting.transfer for posting in told.postings} == {f"reimbursement/{NAME}/pay-1/back/1"}
    assert owes(desk) == ("returned", DUE, 0)
    made = reimbursement_record.find(desk.world.state, NAME)
    assert made is not None
    assert made.due_on > DAY, "it is due again, on a day of its own"
    after = dict(desk.world.state.entries)
    assert back_to_person(desk).answer == told.answer
    assert desk.world.state.entries == after
    none = desk.pay(payment="pay-2", refused="reimbursement.account-failed")
    assert none.values == {"payment": "pay-1", "reason": "closed_account", "account": "none"}
    desk.pay(payment="pay-2", account=ACCOUNT, refused="reimbursement.account-failed")
    desk.pay(payment="pay-1", account=OTHER_ACCOUNT, refused="reimbursement.payment-id")
    desk.pay(payment="pay-2", account=OTHER_ACCOUNT)
    desk.report(payment="pay-2", reference="B-91")
    assert owes(desk) == ("paid", 0, DUE)
    assert balances(desk.world.state) == before, "paid once, by another order"


def test_a_part_that_came_back_is_all_that_is_paid_again(desk: Desk) -> None:
    paid_desk(desk)
    back_to_person(desk, amount_fen=26_000, reason="limit")
    assert owes(desk) == ("returned", 26_000, 100_000)
    desk.pay(payment="pay-2")
    # More of the first order comes back while the second is on its way.
    back_to_person(desk, amount_fen=10_000, reference="B-92", reason="limit")
    assert owes(desk) == ("paying", 36_000, 90_000)
    told = desk.report(payment="pay-2", reference="B-93")
    assert told.answer["stage"] == "returned"
    assert owes(desk) == ("returned", 10_000, 116_000)
    desk.pay(payment="pay-3")
    desk.report(payment="pay-3", reference="B-94")
    assert owes(desk) == ("paid", 0, DUE)
    back_to_person(desk, payment="pay-3", reference="B-95", amount_fen=10_000)
    assert owes(desk) == ("returned", 10_000, 116_000)


def test_returns_to_a_person_that_are_refused(desk: Desk) -> None:
    with_another_bank(desk.world)
    desk.approve()
    desk.pay()
    assert back_to_person(desk, "payment.not-paid").values["outcome"] == "on-its-way"
    desk.report("bounce", reason="limit")
    assert back_to_person(desk, "payment.not-paid").values["outcome"] == "limit"
    desk.pay(payment="pay-2")
    desk.report(payment="pay-2", reference="B-78")
    second: dict[str, Any] = {"payment": "pay-2"}
    above = back_to_person(desk, "payment.return-above", amount_fen=DUE + 1, **second)
    assert above.values == {"payment": f"{NAME}/pay-2", "told_fen": DUE + 1, "left_fen": DUE,
                            "paid_fen": DUE}  # fmt: skip
    back_to_person(desk, "reimbursement.not-your-order", BANK_GUANGDONG, **second)
    back_to_person(desk, "reimbursement.not-your-order", payment="pay-9")
    back_to_person(desk, "reimbursement.not-found", reimbursement="430100z-404", **second)
    back_to_person(desk, "payment.value-day", value_on=TOMORROW, **second)
    back_to_person(desk, "payment.reference-used", reference="B-78", **second)
    back_to_person(desk, amount_fen=1_000, **second)
    otherwise = back_to_person(desk, "payment.reported-otherwise", amount_fen=1_001, **second)
    assert (otherwise.values["known_fen"], otherwise.values["told_fen"]) == (1_000, 1_001)
    left = back_to_person(desk, "payment.return-above", reference="B-96", **second)
    assert left.values["left_fen"] == DUE - 1_000


def test_a_bank_statement_books_what_came_back_of_a_reimbursement(desk: Desk) -> None:
    paid_desk(desk)
    order = f"{NAME}/pay-1"
    line: dict[str, Any] = {"reference": "L1", "order": order, "direction": "returned",
                            "amount_fen": 500, "value_on": DAY, "reason": "limit"}  # fmt: skip
    assert bank(desk.world, "bank", "line", **line).answer["outcome"] == "matched"
    assert owes(desk) == ("returned", 500, DUE - 500)
    more = bank(desk.world, "bank", "line", **line | {"reference": "L2", "amount_fen": DUE})
    assert (more.answer["outcome"], more.answer["cause"]) == ("suspense", "above-payment")
    twice = bank(desk.world, "bank", "line", reference="L3", order=order, direction="out",
                 amount_fen=DUE, value_on=DAY)  # fmt: skip
    assert twice.answer["cause"] == "paid-twice"
    assert owes(desk) == ("returned", 500, DUE - 500)


def test_a_reimbursement_that_a_bank_has_paid_short_is_owed_the_rest(desk: Desk) -> None:
    desk.approve()
    desk.pay()
    line: dict[str, Any] = {"reference": "L1", "order": f"{NAME}/pay-1", "direction": "out",
                            "amount_fen": DUE - 2, "value_on": DAY}  # fmt: skip
    assert bank(desk.world, "bank", "line", **line).answer["cause"] == "amount-differs"
    said = {"reference": "L1", "how": "other_amount"}
    desk.world.do(BANK, "bank", "resolve", said, post="finance")
    assert owes(desk) == ("returned", 2, DUE - 2)
    assert not any(trial_balance(desk.world.state).values())


# --- Payouts --------------------------------------------------------------------------------------

PAYOUT = f"{FIRST}-r:1"
REFUND = 40_500


class Heirs:
    """A refund of a dead person's account, paid to an heir."""

    def __init__(self) -> None:
        counter = paid_by_account("death")
        counter.reverse()
        self.world = counter.world
        self.number = 0

    def do(self, method: str, refused: str = "", **args: Any) -> Outcome:
        post = "clerk" if method == "name" else "finance"
        sender = BANK if method in ("confirm", "bounce", "came_back") else BUREAU_CHANGSHA
        sender = args.pop("sender", sender)
        args = {"payout": PAYOUT} | args
        if refused:
            return self.world.refused(refused, sender, "payout", method, args, post=post)
        return self.world.do(sender, "payout", method, args, post=post)

    def order(self) -> str:
        self.number += 1
        payment = f"430100pay{self.number}"
        self.do("name", account=bytes([self.number]) * 32, receiver="child")
        self.do("pay", payment=payment, bank=BANK)
        return payment

    def pay(self) -> str:
        payment = self.order()
        self.do("confirm", payment=payment, reference=f"r{self.number}")
        return payment

    def back(self, payment: str, amount_fen: int, reference: str, refused: str = "",
             **given: Any) -> Outcome:  # fmt: skip
        args = {"payment": payment, "amount_fen": amount_fen, "reference": reference,
                "value_on": DAY, "reason": "closed_account"} | given  # fmt: skip
        return self.do("came_back", refused, **args)

    def stands(self) -> tuple[str, int]:
        made = payout.find(self.world.state, PAYOUT)
        assert made is not None
        assert made.open_fen == balance(self.world.state, "owed:430100", "310200")
        assert REFUND - made.open_fen == balance(self.world.state, chart.bank(BANK), "310200")
        assert not any(trial_balance(self.world.state).values())
        return made.state.value, made.open_fen


def test_a_payout_that_came_back_is_named_and_paid_again() -> None:
    heirs = Heirs()
    first = heirs.pay()
    assert heirs.stands() == ("paid", 0)
    told = heirs.back(first, REFUND, "B1")
    assert {p.transfer for p in told.postings} == {f"payout/{PAYOUT}/{first}/back/1"}
    assert heirs.stands() == ("due", REFUND)
    made = payout.find(heirs.world.state, PAYOUT)
    assert made is not None
    assert (made.account, made.receiver, made.namer) == (b"", "", ""), "nobody's account is named"
    after = dict(heirs.world.state.entries)
    heirs.back(first, REFUND, "B1")
    assert heirs.world.state.entries == after
    heirs.do("pay", "payout.wrong-state", payment="430100pay9", bank=BANK)
    heirs.do("name", account=b"n" * 32, receiver="child")
    heirs.do("pay", "payout.payment-id", payment=first, bank=BANK)
    second = heirs.pay()
    assert heirs.stands() == ("paid", 0)
    heirs.back(second, 500, "B2")
    heirs.order()
    heirs.back(second, 100, "B3")
    assert heirs.stands() == ("paying", 600)
    heirs.do("confirm", payment="430100pay3", reference="r3")
    assert heirs.stands() == ("due", 100)


def test_returns_of_a_payout_that_are_refused() -> None:
    heirs = Heirs()
    with_another_bank(heirs.world)
    first = heirs.order()
    assert heirs.back(first, 1, "B1", "payment.not-paid").values["outcome"] == "paying"
    heirs.do("confirm", payment=first, reference="r1")
    above = heirs.back(first, REFUND + 1, "B1", "payment.return-above")
    assert (above.values["left_fen"], above.values["told_fen"]) == (REFUND, REFUND + 1)
    heirs.back(first, 1, "B1", "payout.not-your-order", sender=BANK_GUANGDONG)
    heirs.back("430100pay9", 1, "B1", "payout.not-your-order")
    heirs.back(first, 1, "r1", "payment.reference-used")
    heirs.back(first, 1, "B1", "payment.value-day", value_on="2025-06-13")
    heirs.back(first, 1, "B1", "payout.not-found", payout="x:1")
    heirs.back(first, 7, "B1")
    heirs.back(first, 8, "B1", "payment.reported-otherwise")
    assert heirs.stands() == ("due", 7)


def test_a_bank_statement_pays_a_payout_and_books_what_came_back() -> None:
    heirs = Heirs()
    first = heirs.order()
    order = f"payout/{PAYOUT}/{first}"

    def line(reference: str, direction: str, amount: int, **given: Any) -> Outcome:
        args: dict[str, Any] = {"reference": reference, "order": order, "direction": direction,
                                "amount_fen": amount, "value_on": DAY} | given  # fmt: skip
        return bank(heirs.world, "bank", "line", **args)

    assert line("L1", "out", REFUND - 1).answer["cause"] == "amount-differs"
    assert line("L2", "out", REFUND).answer["outcome"] == "matched"
    assert heirs.stands() == ("paid", 0)
    assert line("L3", "out", REFUND).answer["cause"] == "paid-twice"
    back = {"reason": "unknown_account"}
    assert line("L4", "returned", 500, **back).answer["outcome"] == "matched"
    assert line("L5", "returned", REFUND, **back).answer["cause"] == "above-payment"
    assert heirs.stands() == ("due", 500)
    second = heirs.order()
    order = f"payout/{PAYOUT}/{second}"
    assert line("L6", "returned", 500, **back).answer["outcome"] == "matched"
    assert heirs.stands() == ("due", 500)
    assert line("L7", "out", 500).answer["cause"] == "not-approved"
    for foreign in (f"payout/{PAYOUT}/430100pay9", "payout/none:1/430100pay1", "payout/"):
        args = {"reference": "L8", "order": foreign, "direction": "out", "amount_fen": 500,
                "value_on": DAY}  # fmt: skip
        bank(heirs.world, "bank", "line", "bank.foreign-order", **args)
    assert line("L9", "in", 500).answer["cause"] == "unasked"


# --- What a return cites --------------------------------------------------------------------------


def cited(world: World, reference: str, order: str, refused: str = "", **given: Any) -> Outcome:
    args: dict[str, Any] = {
        "reference": reference, "order": order, "direction": "returned", "amount_fen": 100,
        "value_on": DAY, "reason": "limit",
    }  # fmt: skip
    return bank(world, "bank", "line", refused, **args | given)


def test_a_return_may_cite_the_banks_own_reference_of_the_payment(desk: Desk) -> None:
    paying = Paying()
    paying.order()
    paying.confirm()
    told = cited(paying.world, "L1", "T1")
    assert (told.answer["outcome"], told.answer["order"]) == ("matched", f"{FINANCE}:1")
    assert payment_record.load(paying.world.state, f"{FINANCE}:1").left_fen == sum(ROWS) - 100
    assert cited(paying.world, "L1", "T1").answer == told.answer
    cited(paying.world, "L2", "T404", "bank.foreign-order")
    # Only money that came back is looked for by a reference.
    out = {"direction": "out", "reason": ""}
    cited(paying.world, "L3", "T1", "bank.foreign-order", **out)

    desk.approve()
    desk.pay()
    line: dict[str, Any] = {"reference": "L9", "order": f"{NAME}/pay-1", "direction": "out",
                            "amount_fen": DUE, "value_on": DAY}  # fmt: skip
    bank(desk.world, "bank", "line", **line)
    told = cited(desk.world, "L10", "L9")
    assert (told.answer["outcome"], told.answer["order"]) == ("matched", f"{NAME}/pay-1")
    assert owes(desk) == ("returned", 100, DUE - 100)
    # Another bank's reference, or a line that waits itself, says nothing.
    with_another_bank(desk.world)
    bank(desk.world, "bank", "line", "bank.foreign-order", BANK_GUANGDONG, reference="L11",
         order="L9", direction="returned", amount_fen=1, value_on=DAY, reason="limit")  # fmt: skip
    cited(desk.world, "L12", "")
    cited(desk.world, "L13", "L12", "bank.foreign-order")
