"""An insurer's month: stated from what bureaus confirmed, confirmed or objected to, asked for by
notice, paid through banks. What its account holds is always what the papers say."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from contracts import parameters
from contracts.settlement import funds_chart as chart
from contracts.settlement.clearing import (
    account_record,
    declaration_record,
    insurer_record,
    notice_record,
    owed,
    payment_record,
    statement_record,
)
from contracts.settlement.clearing.notice_record import Kind, NoticeStage
from tests.contracts.settlement.cover_world import INSURER, PRODUCT
from tests.contracts.settlement.funds_world import balances, trial_balance
from tests.contracts.settlement.insurer_world import (
    A_TENTH,
    NOTICE,
    OTHER_INSURER,
    OTHER_PRODUCT,
    SECOND_PRODUCT,
    InsurerMonth,
)
from tests.contracts.settlement.month_world import (
    AUGUST,
    BANK_GUANGDONG,
    FINANCE_GUANGDONG,
    GUANGDONG,
    GUANGZHOU,
    HUNAN,
    JULY,
    JUNE,
    claim_id,
)
from tests.contracts.world import (
    BANK,
    BUREAU_CHANGSHA,
    BUREAU_GUANGDONG,
    BUREAU_GUANGZHOU,
    BUREAU_HUNAN,
    CENTRE,
    HOSPITAL,
)

PAYMENT = f"{INSURER}:1"


@pytest.fixture
def world() -> InsurerMonth:
    return InsurerMonth()


def paid_by(world: InsurerMonth, name: str) -> dict[str, int]:
    """What each product pays of a settlement."""
    settled = world.month.claim(name).settled
    assert settled is not None
    return {part.product: part.amount_fen for part in settled.covers}


def test_from_the_bill_to_the_banks_references(world: InsurerMonth) -> None:
    names = world.stated_month(100_000, 50_000)
    fen = sum(paid_by(world, name)[PRODUCT] for name in names)
    assert fen == world.owed() > 0
    made = world.stated()
    assert made.cells == {f"{PRODUCT}/paid/commercial": fen}
    assert (made.declarations, made.settled) == (1, False)
    assert world.due() == world.due(GUANGZHOU) == (JUNE,)
    done = world.confirm()
    assert (done.answer["confirmed"], done.answer["notice"]) == (True, NOTICE)
    due = world.notice()
    assert (due.kind, due.payer, due.payee) == (Kind.COVER, INSURER, GUANGZHOU)
    assert (due.amount_fen, due.due_on) == (fen, "2025-08-04"), "ten working days from 21 July"
    told = [fields for topic, fields in done.events if topic == "notice.issued"]
    assert (told[0]["insurer"], told[0]["payee_region"]) == (INSURER, GUANGZHOU)
    world.order(PAYMENT)
    assert world.owed() == fen, "an order moves nothing"
    world.approve(PAYMENT)
    paid = world.line("R1", PAYMENT, fen)
    assert {(p.account, p.amount_fen) for p in paid.postings} == {
        (f"commercial:{INSURER}", fen), (f"bank:{BANK_GUANGDONG}", -fen)
    }  # fmt: skip
    world.line("G1", PAYMENT, fen, direction="in", bank=BANK_GUANGDONG)
    order = payment_record.load(world.month.state, PAYMENT)
    assert (order.reference, order.received_reference) == ("R1", "G1")
    assert (world.owed(), world.stated().settled) == (0, True)
    assert world.due() == world.due(GUANGZHOU) == ()
    assert insurer_record.find(world.month.state, INSURER, JUNE).others == (GUANGZHOU,)
    assert not any(trial_balance(world.month.state).values())


def test_payments_and_refunds_by_product_stand_gross() -> None:
    world = InsurerMonth(others=True)
    one, two = world.month.settle(1), world.month.settle(2, 40_000)
    paid = {name: paid_by(world, name) for name in (one, two)}
    assert set(paid[one]) == {PRODUCT, SECOND_PRODUCT, OTHER_PRODUCT}
    refund = f"{two}-r"
    world.month.claims.reverse(two)
    world.month.on("2025-07-01").declared_and_confirmed(one, two, refund)
    both = {p: paid[one][p] + paid[two][p] for p in paid[one]}
    assert world.stated().cells == {
        f"{product}/{how}/commercial": fen
        for product in (PRODUCT, SECOND_PRODUCT)
        for how, fen in (("paid", both[product]), ("refunded", -paid[two][product]))
    }
    other = world.stated(insurer=OTHER_INSURER)
    assert other.total_fen == world.owed(OTHER_INSURER) == paid[one][OTHER_PRODUCT]
    made = declaration_record.load(world.month.state, HOSPITAL, JUNE)
    assert sum(made.covers.values()) == made.cells["430100/310/commercial"]
    assert insurer_record.find(world.month.state, GUANGZHOU, JUNE).others == (
        INSURER, OTHER_INSURER,
    )  # fmt: skip


def test_what_is_set_aside_is_asked_for_in_the_month_that_declares_it(world: InsurerMonth) -> None:
    one, two = world.month.settle(1), world.month.settle(2, 40_000)
    first, second = (paid_by(world, name)[PRODUCT] for name in (one, two))
    world.month.on("2025-07-01").declare(one, two)
    world.month.close(one, two)
    aside = [{"claim": two, "reason": "under_review"}]
    rolled = sum(owed.cells_of(world.month.claim(two)).values())
    world.month.audit("set_aside", claims=aside)
    world.month.audit()
    world.month.confirm()
    assert world.stated().total_fen == first
    assert account_record.find(world.month.state, HOSPITAL).rolled == {JUNE: (1, rolled)}
    world.month.on("2025-07-21").cut()
    world.month.on("2025-08-01").declared_and_confirmed(two, month=JULY)
    assert account_record.find(world.month.state, HOSPITAL).rolled == {}
    assert world.stated(JULY).total_fen == second
    assert world.due() == (JUNE, JULY)
    assert world.owed() == first + second


def test_more_refunded_than_paid_is_given_back(world: InsurerMonth) -> None:
    (one,) = world.stated_month(100_000)
    fen = world.owed()
    world.confirm()
    world.order(PAYMENT)
    world.approve(PAYMENT)
    world.line("R1", PAYMENT, fen)
    world.month.on("2025-07-30")
    for method, holder in (("ask_consent", "s:one"), ("give_consent", "s:two")):
        post = "clerk" if method == "ask_consent" else "checker"
        args = {"claim": one, "side": "care", "amount_fen": 100_000}
        world.month.world.do(BUREAU_GUANGZHOU, "claim", method, args, post=post, holder=holder)
    world.month.claims.reverse(one)
    assert world.owed() == -fen
    world.month.on("2025-08-01")
    world.month.declared_and_confirmed(f"{one}-r", month=JULY)
    world.month.on("2025-08-21").cut(JULY)
    world.confirm(JULY)
    notice = f"cover:{JULY}:{INSURER}:{GUANGZHOU}"
    due = world.notice(notice)
    assert (due.kind, due.payer, due.payee) == (Kind.COVER_RETURN, GUANGZHOU, INSURER)
    world.order(f"{INSURER}:2", notice, refused="sender.kind")
    world.month.pay(notice, FINANCE_GUANGDONG)
    assert (world.owed(), world.stated(JULY).settled) == (0, True)
    assert not any(trial_balance(world.month.state).values())


def test_a_month_that_comes_to_nothing_is_confirmed_and_done(world: InsurerMonth) -> None:
    one = world.month.settle(1)
    world.month.claims.reverse(one)
    world.month.on("2025-07-01").declared_and_confirmed(one, f"{one}-r")
    world.month.on("2025-07-21").cut()
    assert (world.stated().total_fen, world.due()) == (0, (JUNE,))
    done = world.confirm()
    assert (done.answer["confirmed"], done.answer["notice"]) == (True, "")
    assert (world.stated().settled, world.due()) == (True, ())
    assert notice_record.find(world.month.state, NOTICE) is None


def test_an_insurer_that_says_nothing_is_asked_all_the_same(world: InsurerMonth) -> None:
    world.stated_month(100_000)
    early = world.confirm(who=BUREAU_GUANGZHOU, refused="clearing.insurer-has-time")
    assert (early.values["confirm_by"], early.values["today"]) == ("2025-07-24", "2025-07-21")
    world.month.on("2025-07-24")
    world.confirm(who=BUREAU_GUANGZHOU, refused="clearing.insurer-has-time")
    world.month.on("2025-07-25")
    assert world.confirm(who=BUREAU_GUANGZHOU).answer["notice"] == NOTICE
    world.confirm(refused="clearing.confirmed-already")
    lodge(world, refused="objection.own-word")


def test_the_days_for_the_payment_are_the_place_of_cares(world: InsurerMonth) -> None:
    value = parameters.AREA["declaration"].default | {"insurer_pays_within": 3}
    args = {"name": "declaration", "region": GUANGZHOU, "value": value}
    world.month.world.do(BUREAU_GUANGZHOU, "organisations", "set_parameter", args)
    world.stated_month(100_000)
    world.confirm()
    assert world.notice().due_on == "2025-07-24"


def test_the_countrys_closing_waits_for_no_insurer(world: InsurerMonth) -> None:
    world.stated_month(100_000)
    world.month.pay(world.month.both_say_yes(), "finance:430000")
    world.month.close_period()
    assert world.confirm().answer["notice"] == NOTICE


@pytest.mark.parametrize(
    ("given", "code", "values"),
    [
        ({"amount_fen": 1}, "clearing.amount-differs", {"asked_fen": 1, "home": INSURER}),
        ({"who": BUREAU_HUNAN}, "clearing.not-party", {"home": INSURER, "care": GUANGZHOU}),
        ({"who": BUREAU_GUANGDONG}, "clearing.not-party", {"sender_region": GUANGDONG}),
        ({"who": BANK}, "sender.kind", {}),
        ({"insurer": OTHER_INSURER, "who": INSURER}, "clearing.not-party", {}),
        ({"care": GUANGDONG}, "clearing.statement-not-found", {"care": GUANGDONG}),
        *(
            (
                {"insurer": nobody, "who": BUREAU_GUANGZHOU},
                "clearing.statement-not-found",
                {"home": nobody},
            )
            for nobody in ("x", "insurer:", "hospital:H44010000123", "..", "4301")
        ),
        ({"period": AUGUST}, "clearing.period-not-found", {"period": AUGUST}),
        ({"period": JULY}, "clearing.not-stated", {"stage": "collecting"}),
    ],
)
def test_who_may_confirm_what(
    world: InsurerMonth, given: dict[str, Any], code: str, values: dict[str, Any]
) -> None:
    world.stated_month(100_000)
    period = given.pop("period", JUNE)
    refused = world.confirm(period, refused=code, **given)
    assert values.items() <= refused.values.items()


def test_an_insurer_of_a_city_is_not_its_bureau(world: InsurerMonth) -> None:
    """Its region says where it has its seat, and gives it no word for the place of care."""
    world.stated_month(100_000)
    state = world.month.state
    state.put(f"org/{INSURER}", state.get(f"org/{INSURER}") | {"region": GUANGDONG})
    args = {"period": JUNE, "home": HUNAN, "care": GUANGDONG, "amount_fen": 1}
    world.month.world.refused(
        "clearing.not-party", INSURER, "clearing", "confirm", args, post="finance"
    )
    assert not statement_record.load(state, JUNE, HUNAN, GUANGDONG).care_by


# --- Objections -----------------------------------------------------------------------------------


def lodge(world: InsurerMonth, fen: int = 100, refused: str = "", **given: Any) -> Any:
    args = {
        "objection": f"{INSURER}:o1",
        "period": JUNE,
        "home": INSURER,
        "care": GUANGZHOU,
        "rows": [{"settlement": claim_id(1), "amount_fen": fen, "reason": "double"}],
    } | given
    who = args.pop("who", INSURER)
    return say(world, who, "lodge", args, refused)


def say(world: InsurerMonth, who: str, method: str, args: dict[str, Any], refused: str = "") -> Any:
    if refused:
        return world.month.world.refused(refused, who, "objection", method, args, post="checker")
    return world.month.world.do(who, "objection", method, args, post="checker")


def test_what_an_insurer_objects_to_moves_to_its_next_month(world: InsurerMonth) -> None:
    names = world.stated_month(100_000, 50_000)
    one = paid_by(world, names[0])[PRODUCT]
    fen, books = world.owed(), balances(world.month.state)
    lodge(world, one)
    world.confirm(refused="clearing.objected")
    answer = {"objection": f"{INSURER}:o1", "how": "move"}
    say(world, INSURER, "answer", answer, "objection.not-yours")
    say(world, BUREAU_HUNAN, "answer", answer, "objection.not-yours")
    moved = say(world, BUREAU_GUANGZHOU, "answer", answer)
    assert moved.answer["to_period"] == JULY
    assert (world.stated().total_fen, world.stated().moved_fen) == (fen - one, -one)
    assert world.stated(JULY).cells == {f"{PRODUCT}/paid/commercial": one}
    assert world.due() == (JUNE, JULY)
    assert balances(world.month.state) == books, "an objection moves no money"
    world.confirm()
    assert world.notice().amount_fen == fen - one
    assert world.owed() == fen


def test_a_rejected_objection_is_decided_by_a_third(world: InsurerMonth) -> None:
    world.stated_month(100_000)
    lodge(world)
    say(world, BUREAU_GUANGZHOU, "answer", {"objection": f"{INSURER}:o1", "how": "reject"})
    decide = {"objection": f"{INSURER}:o1", "how": "stands"}
    say(world, BUREAU_HUNAN, "decide", decide, "objection.not-yours")
    say(world, CENTRE, "decide", decide)
    assert world.confirm().answer["notice"] == NOTICE


def test_an_insurers_objection_is_not_the_provinces(world: InsurerMonth) -> None:
    """Both may object to one settlement: each to its own part."""
    world.stated_month(100_000)
    lodge(world)
    rows = [{"settlement": claim_id(1), "amount_fen": 5, "reason": "double"}]
    args = {"objection": "430000-o1", "period": JUNE, "home": HUNAN, "care": GUANGDONG,
            "rows": rows}  # fmt: skip
    say(world, BUREAU_HUNAN, "lodge", args)
    lodge(world, objection=f"{INSURER}:o2", refused="objection.again")
    say(world, INSURER, "withdraw", {"objection": "430000-o1"}, "objection.not-yours")
    say(world, INSURER, "withdraw", {"objection": f"{INSURER}:o1"})
    say(world, BUREAU_GUANGDONG, "answer", {"objection": "430000-o1", "how": "move"})
    assert world.stated().moved_fen == 0


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"fen": 10**9}, "objection.above-row"),
        ({"rows": [{"settlement": "H44010000123-m-9", "amount_fen": 1, "reason": "other"}]},
         "objection.not-in-statement"),
        ({"home": OTHER_INSURER}, "clearing.not-party"),
        ({"care": GUANGDONG}, "clearing.statement-not-found"),
        ({"who": BUREAU_CHANGSHA, "objection": "430100-o1"}, "clearing.not-party"),
        ({"objection": "430000-o1"}, "sender.foreign-id"),
    ],
)  # fmt: skip
def test_what_is_no_objection(world: InsurerMonth, given: dict[str, Any], code: str) -> None:
    world.stated_month(100_000)
    lodge(world, refused=code, **given)


def test_a_settlement_that_the_insurer_pays_nothing_of_is_none_of_its(world: InsurerMonth) -> None:
    world.stated_month(100_000)
    world.month.state.put(
        f"statement/{JUNE}/{OTHER_INSURER}/{GUANGZHOU}",
        world.month.state.get(f"statement/{JUNE}/{INSURER}/{GUANGZHOU}"),
    )
    state = world.month.state
    state.put(f"org/{OTHER_INSURER}", state.get(f"org/{INSURER}") | {"id": OTHER_INSURER})
    refused = lodge(world, who=OTHER_INSURER, home=OTHER_INSURER, objection=f"{OTHER_INSURER}:o1",
                    refused="objection.above-row")  # fmt: skip
    assert refused.values["owed_fen"] == 0


def test_too_late_to_object(world: InsurerMonth) -> None:
    world.stated_month(100_000)
    world.month.on("2025-07-25")
    lodge(world, refused="objection.too-late")


# --- Paying ---------------------------------------------------------------------------------------


def asked(world: InsurerMonth) -> int:
    """A notice of what one settlement leaves the insurer to pay."""
    world.stated_month(100_000)
    world.confirm()
    return world.owed()


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"amount_fen": 1}, "payment.amount-differs"),
        ({"payer": BUREAU_GUANGZHOU, "payment": "440100-1"}, "payment.not-payer"),
        ({"payer": FINANCE_GUANGDONG, "payment": f"{FINANCE_GUANGDONG}:1"}, "payment.not-payer"),
        ({"payment": "440100-1"}, "sender.foreign-id"),
        ({"bank": HOSPITAL}, "payment.bank"),
        ({"notice": "cover:2025-07:x:440100", "amount_fen": 1}, "payment.notice-not-found"),
    ],
)
def test_what_is_no_order(world: InsurerMonth, given: dict[str, Any], code: str) -> None:
    asked(world)
    world.order(**({"payment": PAYMENT} | given), refused=code)


def test_a_notice_is_paid_once_and_by_its_amount(world: InsurerMonth) -> None:
    fen = asked(world)
    world.order(PAYMENT)
    world.order(f"{INSURER}:2", refused="payment.in-flight")
    world.line("R0", PAYMENT, fen)
    assert world.owed() == fen, "not approved: it waits in suspense"
    world.month.world.refused("payment.same-holder", INSURER, "payment", "approve",
                              {"payment": PAYMENT}, post="finance")  # fmt: skip
    world.approve(PAYMENT)
    assert world.line("R1", PAYMENT, fen - 1).answer["cause"] == "amount-differs"
    world.line("R2", PAYMENT, fen, bank=BANK_GUANGDONG, refused="bank.foreign-order")
    assert world.line("R3", PAYMENT, fen).answer["outcome"] == "matched"
    assert world.line("R3", PAYMENT, fen).answer["outcome"] == "matched", "told twice"
    assert world.line("R4", PAYMENT, fen).answer["cause"] == "paid-twice"
    world.line("R3", PAYMENT, fen + 1, refused="bank.line-differs")
    world.order(f"{INSURER}:2", amount_fen=fen, refused="payment.already-paid")
    assert world.owed() == 0


def test_what_comes_back_is_owed_and_asked_for_again(world: InsurerMonth) -> None:
    fen = asked(world)
    world.order(PAYMENT)
    world.approve(PAYMENT)
    world.line("R1", PAYMENT, fen)
    back = {"direction": "returned", "reason": "limit"}
    world.line("B1", PAYMENT, 300, **back)
    world.line("B2", "R1", 200, **back)
    assert world.line("B3", PAYMENT, fen, **back).answer["cause"] == "above-payment"
    assert world.owed() == world.notice().open_fen == 500
    assert (world.stated().settled, world.due(), world.due(GUANGZHOU)) == (False, (JUNE,), (JUNE,))
    world.month.on("2025-08-05")
    late = world.month.world.do(BANK, "payment", "remind", {"notice": NOTICE}, post="clerk")
    told = [fields for topic, fields in late.events if topic == "notice.overdue"]
    assert (told[0]["insurer"], told[0]["amount_fen"], told[0]["working_days"]) == (INSURER, 500, 1)
    world.order(f"{INSURER}:2")
    world.approve(f"{INSURER}:2")
    world.line("R5", f"{INSURER}:2", 500)
    assert (world.owed(), world.stated().settled, world.due()) == (0, True, ())
    assert world.notice().stage is NoticeStage.PAID


# --- By chance ------------------------------------------------------------------------------------


class Insurers(RuleBasedStateMachine):
    """Bills, refunds, months and payments of an insurer in any order, against sums in a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.world = InsurerMonth()
        self.number = 0
        self.open: dict[str, int] = {}
        """Settlement that is in no month -> what the insurer pays of it."""
        self.refunds: dict[str, tuple[str, int]] = {}
        """Refund that is in no month -> (its settlement, fen)."""
        self.stated: Counter[str] = Counter()
        """Period -> what its statement comes to."""
        self.asked: Counter[str] = Counter()
        """Period -> what its notice asks for and the bank has not paid, or that came back."""
        self.paid: dict[str, int] = {}
        """Payment -> what stands paid by it."""
        self.day = 1
        self.month = 6
        self.told = 0

    @property
    def period(self) -> str:
        return f"2025-{self.month:02d}"

    @rule(yuan=st.integers(1, 5_000))
    def settle(self, yuan: int) -> None:
        self.number += 1
        name = self.world.month.settle(
            self.number, yuan * 100, day=f"{self.period}-10" if self.month == 6 else "2025-06-10"
        )
        self.open[name] = paid_by(self.world, name).get(PRODUCT, 0)

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 9))
    def refund(self, which: int) -> None:
        name = sorted(self.open)[which % len(self.open)]
        if (f"{name}-r") in self.refunds:
            return
        self.world.month.claims.reverse(name)
        self.refunds[f"{name}-r"] = (name, self.open[name])

    @precondition(lambda self: self.month < 10)
    @rule(insurer_confirms=st.booleans())
    def end_of_month(self, insurer_confirms: bool) -> None:
        """The hospital declares all that it has, the bureau confirms, the centre cuts."""
        month, following = self.world.month, f"2025-{self.month + 1:02d}"
        month.on(f"{following}-01")
        rows = sorted([*self.open, *self.refunds], key=lambda name: name.removesuffix("-r"))
        month.declared_and_confirmed(*rows, month=self.period)
        fen = sum(self.open.values()) - sum(fen for _, fen in self.refunds.values())
        touched = any(self.open.values())
        self.open.clear()
        self.refunds.clear()
        if touched:
            self.stated[self.period] = fen
        month.on(f"{following}-21").cut(self.period)
        if touched:
            if not insurer_confirms:
                month.on(f"{following}-28")
            self.world.confirm(self.period, who="" if insurer_confirms else BUREAU_GUANGZHOU)
            self.asked[self.period] = self.stated.pop(self.period)
        self.month += 1

    @rule(which=st.integers(0, 9), bounced=st.booleans())
    def pay(self, which: int, bounced: bool) -> None:
        owing = sorted(period for period, fen in self.asked.items() if fen > 0)
        if not owing:
            return
        period = owing[which % len(owing)]
        self.told += 1
        payment, fen = f"{INSURER}:{self.told}", self.asked[period]
        notice = f"cover:{period}:{INSURER}:{GUANGZHOU}"
        self.world.order(payment, notice, amount_fen=fen)
        self.world.approve(payment)
        how = {"direction": "returned", "reason": "other"} if bounced else {}
        line = self.world.line(f"R{self.told}", payment, fen, value_on="2025-06-10", **how)
        assert line.answer["outcome"] == "matched"
        if not bounced:
            self.asked[period] = 0
            self.paid[f"{period}/{payment}"] = fen

    @precondition(lambda self: self.paid)
    @rule(which=st.integers(0, 9), permille=st.integers(1, 1_200))
    def come_back(self, which: int, permille: int) -> None:
        key = sorted(self.paid)[which % len(self.paid)]
        period, _, payment = key.partition("/")
        fen = max(1, self.paid[key] * permille // 1_000)
        self.told += 1
        line = self.world.line(
            f"R{self.told}", payment, fen, value_on="2025-06-10", direction="returned",
            reason="limit",
        )  # fmt: skip
        fits = fen <= self.paid[key]
        assert (line.answer["outcome"] == "matched") == fits
        if fits:
            self.asked[period] += fen
            self.paid[key] -= fen

    @invariant()
    def the_account_is_what_the_papers_say(self) -> None:
        refunded = sum(fen for _, fen in self.refunds.values())
        waits = sum(self.open.values()) - refunded
        assert self.world.owed() == waits + sum(self.stated.values()) + sum(self.asked.values())
        due = tuple(sorted(period for period, fen in self.asked.items() if fen))
        assert self.world.due() == self.world.due(GUANGZHOU) == due
        state = self.world.month.state
        for period in self.asked:
            made = self.world.stated(period)
            assert made.settled == (not self.asked[period])
            if made.notice:
                assert self.world.notice(made.notice).open_fen == self.asked[period]
        assert not any(trial_balance(state).values())
        assert chart.CHART["commercial"].mover is chart.Mover.CONTRACT


TestInsurers = Insurers.TestCase
TestInsurers.settings = settings(max_examples=20, stateful_step_count=14, deadline=None)


def test_a_rule_of_the_world_pays_a_tenth(world: InsurerMonth) -> None:
    """The machine's bills are worth something: else it would hold nothing against nothing."""
    assert "10%" in A_TENTH
    world.month.settle(1)
    assert world.owed() == paid_by(world, claim_id(1))[PRODUCT] > 1_000
