"""Reimbursement after payment: two people, one bill, one payment; and bills that are not what they
were."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from contracts.api import Value
from contracts.runtime import Outcome
from contracts.settlement import counters
from contracts.settlement.reimbursement_record import TABLE, Stage, Step, find, follow, mermaid
from tests.contracts.settlement.claim_world import (
    BED,
    COSMETIC,
    DAY,
    ClaimWorld,
    line,
    make_claim_world,
    visit,
)
from tests.contracts.settlement.funds_world import balances, enrol, trial_balance
from tests.contracts.world import (
    ALICE,
    BANK,
    BUREAU_CHANGSHA,
    BUREAU_GUANGZHOU,
    FINANCE,
    HOSPITAL,
)

ELSEWHERE = {"region": "510100", "level": 2, "kind": "hospital"}
"""A hospital that takes no part: only its paper speaks."""
ACCOUNT = sha256(b"a bank account").digest()
STAY = {"care_kind": "inpatient", "admission": "2025-05-02", "discharge": "2025-05-09"}


class Desk:
    """What is said at the window of the insured place."""

    def __init__(self, counter: ClaimWorld) -> None:
        self.counter = counter
        self.world = counter.world

    def invoice(self, number: str = "10001", total_fen: int = 300_000, **given: Any) -> Value:
        paper = {"code": "044001900111", "number": number, "total_fen": total_fen,
                 "hash": sha256(number.encode()).digest()}  # fmt: skip
        return paper | given

    def call(
        self, method: str, sender: str = BUREAU_CHANGSHA, *, refused: str = "", post: str = "clerk",
        attachment: Value | None = None, **args: Any,
    ) -> Outcome:  # fmt: skip
        more: dict[str, Any] = {"post": post}
        if attachment is not None:
            more["attachments"] = {"reimbursement": attachment}
        if refused:
            return self.world.refused(refused, sender, "reimbursement", method, args, **more)
        return self.world.do(sender, "reimbursement", method, args, **more)

    def file(
        self, name: str = "430100z-1", *, total_fen: int = 300_000, refused: str = "",
        lines: list[Value] | None = None, sender: str = BUREAU_CHANGSHA, **given: Any,
    ) -> Outcome:  # fmt: skip
        args: dict[str, Any] = {
            "reimbursement": name, "person": ALICE, "place": dict(ELSEWHERE),
            "total_fen": total_fen, "invoices": [self.invoice(total_fen=total_fen)],
            "account": ACCOUNT, **STAY, **given,
        }  # fmt: skip
        day = args["admission"]
        rows = [line(1, BED, total_fen, day=day)] if lines is None else lines
        return self.call(
            "file", sender, refused=refused, attachment={"visit": {}, "lines": rows}, **args
        )

    def review(self, name: str = "430100z-1", **given: Any) -> Outcome:
        return self.call("review", **{"reimbursement": name, "advice": "approve"} | given)

    def decide(self, name: str = "430100z-1", **given: Any) -> Outcome:
        args = {"reimbursement": name, "decision": "approve", "post": "checker"} | given
        return self.call("decide", **args)

    def approve(self, name: str = "430100z-1", **given: Any) -> Outcome:
        self.file(name, **given)
        self.review(name)
        return self.decide(name)

    def pay(self, name: str = "430100z-1", payment: str = "pay-1", **given: Any) -> Outcome:
        args = {"reimbursement": name, "payment": payment, "bank": BANK, "post": "finance"}
        return self.call("pay", **args | {"sender": FINANCE} | given)

    def report(self, method: str = "confirm", **given: Any) -> Outcome:
        args = {
            "reimbursement": "430100z-1",
            "payment": "pay-1",
            "reference": "B-77",
            "post": "clerk",
        }
        return self.call(method, BANK, **args | given)

    def stage(self, name: str = "430100z-1") -> str:
        found = find(self.world.state, name)
        assert found is not None
        return found.stage.value


@pytest.fixture
def desk() -> Desk:
    return open_desk()


def open_desk() -> Desk:
    """A window with the policy of after payment."""
    counter = make_claim_world()
    # Chengdu has no catalogue on this ledger: the home policy says whose holds after payment.
    counter.deploy("310", AFTER_PAYMENT_AT_HOME, "2025-02-01")
    counter.publish_home()
    return Desk(counter)


AFTER_PAYMENT_AT_HOME = """
def reimbursement_mode(region):
    return "home"

def settle(case):
    share = "80%"
    if case["channel"] == "after_payment":
        share = "70%"
    in_scope = case["sums"]["in_scope_fen"]
    deductible = capped(remaining(yuan(1200), counter(case, "deductible_fen")), in_scope)
    basic = part(in_scope - deductible, share, "basic")
    return {
        "payments": [payment("310100", basic, "basic")],
        "deductible_fen": deductible,
        "counters": {"deductible_fen": deductible, "pool_fen": basic},
    }
"""


def test_from_the_window_to_the_bank_account(desk: Desk) -> None:
    filed = desk.file()
    assert filed.answer["stage"] == "filed"
    # Twenty working days from Tuesday 10 June 2025.
    assert filed.answer["due_on"] == "2025-07-08"
    assert desk.review().answer["stage"] == "reviewed"
    approved = desk.decide()
    # (3,000.00 - 1,200.00) x 70%, the home policy's share after payment.
    assert approved.answer["due_fen"] == 126_000
    assert approved.amounts["fund_310100_fen"] == 126_000
    assert approved.amounts["cash_fen"] == 174_000
    assert [(p.account, p.amount_fen) for p in approved.postings] == [
        ("fund:430100", -126_000), ("owed:430100", 126_000),
    ]  # fmt: skip
    assert desk.pay().answer["stage"] == "paying"
    before = balances(desk.world.state)
    paid = desk.report()
    assert paid.answer["stage"] == "paid"
    assert before[("fund/430100", "owed", "310100")] == 126_000
    after = balances(desk.world.state)
    assert ("fund/430100", "owed", "310100") not in after
    assert after[("bank/bank:icbc", "bank", "310100")] == 126_000
    assert not any(trial_balance(desk.world.state).values())


def test_counters_and_explanation_are_those_of_a_settlement(desk: Desk) -> None:
    approved = desk.approve()
    assert counters.read(desk.world.state, ALICE, "430100", "310", 2025) == {
        "deductible_fen": 120_000, "pool_fen": 126_000, "admissions": 1,
    }  # fmt: skip
    told = approved.explanation
    assert told is not None
    assert told["channel"] == "after_payment"
    assert told["counters"] == [
        [2025, "deductible_fen", 0, 120_000], [2025, "pool_fen", 0, 126_000],
        [2025, "admissions", 0, 1],
    ]  # fmt: skip
    # A direct settlement afterwards finds the deductible used up.
    direct = desk.counter.settle(lines=[line(1, BED, 100_000)])
    assert direct.amounts["fund_310100_fen"] == 80_000


def test_catalogue_of_home_decides_after_payment_only(desk: Desk) -> None:
    cosmetic = [line(1, COSMETIC, 50_000, day=STAY["admission"]),
                line(2, BED, 250_000, day=STAY["admission"])]  # fmt: skip
    approved = desk.approve(lines=cosmetic)
    # At home the item is of class 01; in Guangdong nobody pays for it.
    assert approved.amounts["own_expense_fen"] == 0
    assert approved.versions["catalogue"][0]["region"] == "430000"
    direct = desk.counter.settle(lines=[line(1, COSMETIC, 50_000, consent=True)])
    assert direct.amounts["own_expense_fen"] == 50_000


def test_nothing_due_is_a_decision_and_pays_nothing(desk: Desk) -> None:
    closed = desk.approve(total_fen=100_000)
    assert (closed.answer["stage"], closed.answer["due_fen"]) == ("nothing-due", 0)
    assert closed.postings == []
    desk.pay(refused="reimbursement.wrong-stage")


def test_two_people_review_and_a_third_orders_the_payment(desk: Desk) -> None:
    desk.file()
    desk.review(post="checker")
    desk.decide(refused="reimbursement.same-holder")
    desk.decide(decision="refuse", reason="other", refused="reimbursement.same-holder")
    other = {"sender": BUREAU_CHANGSHA, "holder": "s:second"}
    made = desk.world.call(
        other["sender"], "reimbursement", "decide",
        {"reimbursement": "430100z-1", "decision": "approve"},
        post="checker", holder=other["holder"],
    )  # fmt: skip
    assert made.ok
    refused = desk.world.call(
        FINANCE, "reimbursement", "pay",
        {"reimbursement": "430100z-1", "payment": "p", "bank": BANK},
        post="finance", holder="s:second",
    )  # fmt: skip
    assert refused.code == "reimbursement.same-holder"


def test_papers_are_asked_for_once_and_are_due(desk: Desk) -> None:
    desk.file()
    asked = desk.call("ask", reimbursement="430100z-1", papers=["fee_list", "account"])
    assert (asked.answer["stage"], asked.answer["due_on"]) == ("incomplete", "2025-07-01")
    desk.review(refused="reimbursement.wrong-stage")
    desk.decide(decision="refuse", reason="papers_missing", refused="reimbursement.papers-not-due")
    papers = [{"paper": "fee_list", "hash": sha256(b"list").digest()}]
    supplied = desk.call("supply", reimbursement="430100z-1", attachment={"materials": papers})
    assert supplied.answer["stage"] == "filed"
    desk.call(
        "ask", reimbursement="430100z-1", papers=["other"], refused="reimbursement.asked-before"
    )


def test_papers_that_never_came_are_refused_when_their_day_is_over(desk: Desk) -> None:
    desk.file()
    desk.call("ask", reimbursement="430100z-1", papers=["fee_list"])
    desk.world.on("2025-07-02").next_block()
    refused = desk.decide(decision="refuse", reason="papers_missing")
    assert refused.answer["stage"] == "refused"
    # The same invoices may be brought again, whole this time.
    assert desk.file("430100z-2").answer["stage"] == "filed"


def test_an_altered_amount_is_refused_wherever_it_shows_up(desk: Desk) -> None:
    desk.file(total_fen=1_526_314)
    forged = desk.file("430100z-2", total_fen=10_526_314, refused="invoice.altered")
    assert forged.values["first_fen"] == 1_526_314
    assert forged.values["given_fen"] == 10_526_314
    assert forged.values["same_hash"] is True
    # Nor after the first one was taken back: what the paper says does not change.
    desk.call("withdraw", reimbursement="430100z-1")
    desk.file("430100z-2", total_fen=10_526_314, refused="invoice.altered")
    other = desk.invoice(total_fen=1_526_314, hash=sha256(b"redrawn").digest())
    refused = desk.file(
        "430100z-3", total_fen=1_526_314, invoices=[other], refused="invoice.altered"
    )
    assert refused.values["same_hash"] is False


def test_the_same_paper_in_another_province_is_refused(desk: Desk) -> None:
    desk.approve()
    person = "p:440100:twice"
    enrol(desk.world, person, BUREAU_GUANGZHOU, link=sha256(b"somebody").digest())
    refused = desk.file(
        "440100gz-1", person=person, sender=BUREAU_GUANGZHOU, refused="invoice.used",
    )  # fmt: skip
    assert refused.values == {"invoice": "044001900111/10001", "used_as": "reimbursement"}


def direct_stay(desk: Desk, claim: str = "H44010000123-m-1", **given: Any) -> Outcome:
    desk.counter.register(claim, visit(kind="inpatient", admission="2025-05-02"))
    desk.world.next_block()
    return desk.counter.settle(
        claim, registered=True, discharge="2025-05-09",
        lines=[line(1, BED, 300_000, day="2025-05-03")], **given,
    )  # fmt: skip


def test_a_bill_that_was_settled_directly_is_not_reimbursed(desk: Desk) -> None:
    direct_stay(desk, invoices=[desk.invoice()])
    desk.file(refused="invoice.used")
    at_hospital = {"institution": HOSPITAL}
    refused = desk.file(
        place=at_hospital, invoices=[desk.invoice("2")], refused="reimbursement.settled-directly",
    )  # fmt: skip
    assert refused.values["claim"] == "H44010000123-m-1"
    desk.counter.reverse()
    assert desk.file(place=at_hospital).answer["stage"] == "filed"


def test_a_settlement_that_came_first_stops_the_decision(desk: Desk) -> None:
    desk.file(place={"institution": HOSPITAL})
    desk.review()
    direct_stay(desk)
    desk.decide(refused="reimbursement.settled-directly")


def test_a_bill_that_was_reimbursed_is_not_settled_directly(desk: Desk) -> None:
    stay = visit(kind="inpatient", admission="2025-05-02")
    desk.counter.register("H44010000123-m-1", stay)
    # A bill on paper does not put somebody out of bed, and nobody is registered into it again.
    desk.file(place={"institution": HOSPITAL}, refused="stay.overlap")
    desk.world.do(HOSPITAL, "claim", "cancel", {"claim": "H44010000123-m-1", "reason": "doubled"},
                  post="operator")  # fmt: skip
    desk.approve(place={"institution": HOSPITAL})
    desk.counter.register("H44010000123-m-3", stay, refused="stay.overlap")
    refused = desk.counter.settle(
        "H44010000123-m-4", given=stay, discharge="2025-05-09",
        lines=[line(1, BED, 300_000, day="2025-05-03")], refused="claim.reimbursed",
    )  # fmt: skip
    assert refused.values == {"admission": "2025-05-02", "discharge": "2025-05-09"}
    # Another visit there is another bill.
    desk.counter.settle("H44010000123-m-2", lines=[line(1, BED, 300_000)])


def test_two_visits_of_one_day_are_two_bills_unless_the_amount_is_the_same(desk: Desk) -> None:
    desk.counter.settle("H44010000123-m-1", lines=[line(1, BED, 20_000)])
    same_day = {"care_kind": "outpatient", "admission": DAY, "discharge": DAY,
                "place": {"institution": HOSPITAL}}  # fmt: skip
    desk.file(total_fen=20_000, refused="reimbursement.settled-directly", **same_day)
    assert desk.file(total_fen=30_000, **same_day).answer["stage"] == "filed"


def test_the_bank_returns_the_money_and_it_is_paid_once(desk: Desk) -> None:
    desk.approve()
    desk.pay()
    before = balances(desk.world.state)
    returned = desk.report("bounce", reason="closed_account")
    assert returned.answer["stage"] == "returned"
    assert balances(desk.world.state) == before
    desk.pay(refused="reimbursement.payment-id", account=ACCOUNT)
    desk.report(refused="reimbursement.reported-otherwise")
    desk.pay(payment="pay-2", account=sha256(b"another account").digest())
    desk.report(payment="pay-2", refused="payment.reference-used")
    assert desk.report(payment="pay-2", reference="B-80").answer["stage"] == "paid"
    assert desk.report(payment="pay-2", reference="B-80").postings == []
    desk.report(payment="pay-2", reference="B-78", refused="reimbursement.reported-otherwise")
    desk.pay(payment="pay-3", refused="reimbursement.wrong-stage")
    assert balances(desk.world.state)[("bank/bank:icbc", "bank", "310100")] == 126_000


def test_a_bank_speaks_of_its_own_orders_only(desk: Desk) -> None:
    desk.approve()
    for none in (HOSPITAL, desk.world.former_bank()):
        desk.pay(bank=none, refused="reimbursement.bank")
    desk.pay()
    desk.report(payment="pay-9", refused="reimbursement.not-your-order")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"invoices": []}, "args.shape"),
        ({"total_fen": 0}, "args.shape"),
        ({"admission": "2024-04-01", "discharge": "2024-04-02"}, "reimbursement.too-late"),
        ({"admission": "2025-05-10"}, "claim.dates"),
        ({"discharge": "2025-06-11"}, "claim.dates"),
        ({"person": "p:430100:nobody"}, "enrolment.unknown-person"),
        ({"place": {"institution": "hospital:H99"}}, "reimbursement.place"),
        ({"place": {}}, "reimbursement.place"),
        ({"sender": BUREAU_GUANGZHOU}, "sender.not-competent"),
    ],
)
def test_a_bill_that_cannot_be_taken(desk: Desk, given: dict[str, Any], code: str) -> None:
    desk.file(refused=code, **given)


def test_invoices_make_up_the_bill_and_are_listed_once(desk: Desk) -> None:
    short = [desk.invoice(total_fen=299_999)]
    refused = desk.file(invoices=short, refused="invoice.total-differs")
    assert refused.values == {"total_fen": 300_000, "invoices_fen": 299_999}
    half = desk.invoice(total_fen=150_000)
    desk.file(invoices=[half, half], refused="invoice.doubled")
    two = [half, desk.invoice("10002", 150_000)]
    assert desk.file(invoices=two).answer["stage"] == "filed"


def test_retries_are_answered_and_ids_are_unique(desk: Desk) -> None:
    first = desk.file()
    assert desk.file().answer == first.answer
    desk.file(agent="child", refused="reimbursement.duplicate-id")
    reviewed = desk.review()
    assert desk.review().answer == reviewed.answer
    approved = desk.decide()
    again = desk.decide()
    assert again.answer == approved.answer
    assert again.postings == []
    for method in ("review", "ask", "supply", "decide", "withdraw"):
        more: dict[str, Any] = {
            "review": {"advice": "approve"}, "ask": {"papers": ["other"]},
            "decide": {"decision": "approve", "post": "checker"},
            "supply": {"attachment": {"materials": []}},
        }.get(method, {})  # fmt: skip
        desk.call(method, reimbursement="430100z-9", refused="reimbursement.not-found", **more)


def test_a_withdrawn_bill_is_as_if_it_had_never_come(desk: Desk) -> None:
    before = balances(desk.world.state)
    desk.file()
    assert desk.call("withdraw", reimbursement="430100z-1").answer["stage"] == "withdrawn"
    assert not [k for k in desk.world.state.entries if k.startswith("reimbursement-lines/")]
    assert balances(desk.world.state) == before
    desk.approve("430100z-2")


def test_the_table_has_no_dead_ends_but_the_final_stages() -> None:
    finals = {Stage.REFUSED, Stage.WITHDRAWN}
    assert {stage for stage in Stage if not any(b == stage for b, _ in TABLE)} == finals
    assert set(TABLE.values()) == set(Stage)
    assert {step for _, step in TABLE} == set(Step)
    assert follow("filed", Step.REVIEW) is Stage.REVIEWED
    assert mermaid().count("-->") == len(TABLE) + len(finals)
