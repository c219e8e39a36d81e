"""The insurance of a person goes to another area: asked, agreed, done in one call, or given up."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.runtime import Outcome
from contracts.settlement import counters, ending, enrolment, move_record
from contracts.settlement.clearing import notice_record
from contracts.settlement.funds_book import balance
from contracts.settlement.open_things import Open, listed
from tests.contracts.settlement.claim_world import BED, DAY, EMPLOYEE_POLICY, line, visit
from tests.contracts.settlement.funds_world import balances, trial_balance
from tests.contracts.settlement.test_own_part import ACCOUNT, CARD, CHILD, Home
from tests.contracts.world import (
    ALICE,
    BANK,
    BUREAU_CHANGSHA,
    BUREAU_GUANGZHOU,
    BUREAU_HUNAN,
    HOSPITAL,
)

NEW = "p:440100:alice"
NEW_ACCOUNT, NEW_WALLET = f"person:{NEW}:account", f"wallet:{NEW}"
LAST, FIRST = "2025-06-30", "2025-07-01"
MOVE, NOTICE = "440100m1", "account:move:440100m1"
OWES, MIRROR = "clearing:430100->440100", "receivable:430100->440100"


@pytest.fixture
def home() -> Home:
    return Home()


def link(home: Home) -> bytes:
    person = enrolment.load_person(home.world.state, ALICE)
    assert person is not None
    return person.link


def call(
    home: Home, method: str, sender: str, *, refused: str = "", post: str = "clerk",
    content: dict[str, Any] | None = None, **args: Any,
) -> Outcome:  # fmt: skip
    args = {"move": MOVE} | args
    more: dict[str, Any] = {"post": post}
    if content is not None:
        more["attachments"] = {"person": content}
    if refused:
        return home.world.refused(refused, sender, "move", method, args, **more)
    return home.world.do(sender, "move", method, args, **more)


def ask(home: Home, *, refused: str = "", sender: str = BUREAU_GUANGZHOU, token: bytes = b"",
        **given: Any) -> Outcome:  # fmt: skip
    args = {"person": ALICE, "to": NEW, "first_day": FIRST} | given
    return call(home, "ask", sender, refused=refused, content={"link": token or link(home)}, **args)


def agree(home: Home, *, refused: str = "", last_day: str = LAST, **given: Any) -> Outcome:
    given = {"sender": BUREAU_CHANGSHA, "post": "checker"} | given
    return call(home, "agree", refused=refused, last_day=last_day, **given)


def complete(home: Home, *, refused: str = "", post: str = "checker", **given: Any) -> Outcome:
    content = {
        "link": link(home), "scheme": "310", "sex": "female", "birth": "1980-02-29",
        "insured": [{"from": FIRST, "status": "insured"}], "account": True, "from": FIRST,
        "category": "active", "identity_types": [],
    } | given  # fmt: skip
    return call(home, "complete", BUREAU_GUANGZHOU, refused=refused, post=post, content=content)


def moved(home: Home) -> Home:
    ask(home)
    agree(home)
    complete(home)
    return home


def second_move(home: Home, again: str) -> None:
    """Back to Changsha on 1 September, under another pseudonym."""
    home.at(12, "2025-08-01")
    ask(home, sender=BUREAU_CHANGSHA, move="430100m2", person=NEW, to=again, first_day="2025-09-01")
    agree(home, sender=BUREAU_GUANGZHOU, move="430100m2", last_day="2025-08-31")
    content = {
        "link": link(home), "scheme": "310", "sex": "female", "birth": "1980-02-29",
        "insured": [{"from": "2025-09-01", "status": "insured"}], "account": True,
        "from": "2025-09-01", "category": "active", "identity_types": [],
    }  # fmt: skip
    call(home, "complete", BUREAU_CHANGSHA, post="checker", content=content, move="430100m2")


def pay(home: Home, notice: str = NOTICE, amount_fen: int = 50_000) -> None:
    """The old area's finance desk orders, another person approves, the bank confirms."""
    order = {"payment": "430100pay1", "notice": notice, "amount_fen": amount_fen, "bank": BANK}
    home.world.do(BUREAU_CHANGSHA, "payment", "order", order, post="finance")
    home.world.do(BUREAU_CHANGSHA, "payment", "approve", {"payment": "430100pay1"}, post="checker")
    told = {"payment": "430100pay1", "amount_fen": amount_fen, "reference": "r-77",
            "value_on": DAY}  # fmt: skip
    home.world.do(BANK, "payment", "confirm", told, post="finance")


def test_two_sides_and_one_call_move_everything(home: Home) -> None:
    home.allow()
    home.at(12)
    sent = {"transfer": "430100w-1", "from": ALICE, "to": CHILD, "amount_fen": 5_000,
            "presence": CARD}  # fmt: skip
    home.call("wallet", "send", BUREAU_CHANGSHA, **sent)
    home.grant()
    home.counter.register("H44010000123-m-1", visit(kind="inpatient"))
    before = dict(home.world.state.entries)
    assert ask(home).answer == {"move": MOVE, "stage": "asked"}
    open_now = {"stays": ["H44010000123-m-1"], "holds": ["bank:icbc:h-1"],
                "wallet_transfers": ["430100w-1"]}  # fmt: skip
    assert agree(home).answer == {"move": MOVE, "stage": "agreed"} | open_now
    changed = {k for k, v in home.world.state.entries.items() if before.get(k) != v}
    assert changed == {f"move/{MOVE}", f"moving/{ALICE}"}, "nothing has changed until it is done"
    done = complete(home)
    assert done.answer == {
        "move": MOVE, "stage": "done", "moved_fen": 45_000, "carried": [], "notice": NOTICE,
        "filings": ["430100f1"], "consents": 0, "relatives": 1, **open_now,
    }  # fmt: skip
    assert complete(home).answer == done.answer
    assert done.explanation is not None
    filings = [row[:3] for row in done.explanation["filings"]]
    assert ["430100f1", "referral", "440100"] in filings
    state = home.world.state
    old, new = (enrolment.require_person(state, who) for who in (ALICE, NEW))
    assert (old.closed, old.died, new.area) == (LAST, None, "440100")
    # What is on its way to her child stays until it is claimed or comes back.
    assert (balance(state, ACCOUNT, "310200"), balance(state, NEW_ACCOUNT, "310200")) == (0, 45_000)
    assert balance(state, OWES, "310200") == 45_000
    pay(home, amount_fen=45_000)
    assert balance(state, OWES, "310200") == balance(state, MIRROR, "310200") == 0
    assert not any(trial_balance(state).values())


def test_a_stay_that_was_begun_is_settled_by_the_old_area(home: Home) -> None:
    home.counter.register("H44010000123-m-1", visit(kind="inpatient"))
    moved(home)
    home.at(12, "2025-07-04")
    bill = {"discharge": "2025-07-03", "lines": [line(1, BED, 200_000)]}
    done = home.counter.settle("H44010000123-m-1", registered=True, **bill)
    # Changsha's policy and referral: 85 % above 1,200.00.
    assert done.answer["funds_fen"] == 68_000
    assert balance(home.world.state, "fund:430100", "310100") == -68_000
    assert listed(home.world.state, Open.STAYS, ALICE) == []
    new = visit(ALICE, admission="2025-07-02")
    home.counter.settle("H44010000123-m-2", given=new, refused="enrolment.closed",
                        discharge="2025-07-02",
                        lines=[line(1, BED, 10_000, day="2025-07-02")])  # fmt: skip


def transfers_into(told: Outcome, account: str) -> set[str]:
    return {leg.transfer for leg in told.postings if leg.account == account and leg.amount_fen > 0}


def test_what_comes_for_the_old_account_goes_on_to_the_new_one(home: Home) -> None:
    first = home.settle(use_account=True)
    assert first.answer["account_fen"] == 50_000
    moved(home)
    assert notice_record.find(home.world.state, NOTICE) is None, "there was nothing to pay"
    home.at(12, "2025-07-04")
    back = {"claim": "H44010000123-m-1", "reversal": "H44010000123-r-1", "reason": "wrong_bill"}
    told = home.world.do(HOSPITAL, "claim", "reverse", back, post="operator")
    assert transfers_into(told, NEW_ACCOUNT) == {"move/H44010000123-r-1"}
    state = home.world.state
    assert (balance(state, ACCOUNT, "310200"), balance(state, NEW_ACCOUNT, "310200")) == (0, 50_000)
    pay(home, "account:H44010000123-r-1:1")
    assert balance(state, OWES, "310200") == 0
    assert not any(trial_balance(state).values())


def test_a_second_move_is_followed(home: Home) -> None:
    """Back to Changsha under another pseudonym: a late refund finds the account of today."""
    home.settle(use_account=True)
    moved(home)
    again = "p:430100:alice2"
    second_move(home, again)
    home.at(12, "2025-09-02")
    back = {"claim": "H44010000123-m-1", "reversal": "H44010000123-r-1", "reason": "wrong_bill"}
    home.world.do(HOSPITAL, "claim", "reverse", back, post="operator")
    state = home.world.state
    # Within one area no bank has to pay anybody.
    assert balance(state, f"person:{again}:account", "310200") == 50_000
    assert notice_record.find(state, "account:H44010000123-r-1:1") is None
    assert not any(trial_balance(state).values())


def test_without_an_account_at_the_new_place_the_balance_is_paid_out(home: Home) -> None:
    ask(home)
    agree(home)
    done = complete(home, account=False, scheme="390", category="resident")
    assert (done.answer["moved_fen"], done.answer["notice"]) == (0, "")
    assert transfers_into(done, "owed:430100") == {f"payout/move:{MOVE}"}, "it moves to no area"
    named = {"payout": f"move:{MOVE}:1", "account": sha256(b"bank account").digest()}
    home.world.refused("payout.receiver", BUREAU_CHANGSHA, "payout", "name",
                       named | {"receiver": "spouse"}, post="clerk")  # fmt: skip
    home.world.do(BUREAU_CHANGSHA, "payout", "name", named | {"receiver": "person"}, post="clerk")
    assert balance(home.world.state, "owed:430100", "310200") == 50_000
    assert not any(trial_balance(home.world.state).values())


def test_counters_go_on_where_the_new_area_says_so(home: Home) -> None:
    home.settle()
    used = counters.read(home.world.state, ALICE, "430100", "310", 2025)
    assert used == {"deductible_fen": 30_000, "pool_fen": 144_500}
    rule = {"name": "move", "region": "440100", "value": {"carry": ["deductible_fen", "absent"]}}
    home.world.do(BUREAU_GUANGZHOU, "organisations", "set_parameter", rule)
    home.world.next_block()
    ask(home)
    agree(home)
    assert complete(home).answer["carried"] == ["deductible_fen"]
    state = home.world.state
    assert counters.read(state, NEW, "440100", "310", 2025) == {"deductible_fen": 30_000}
    # What was used there stays there: its own settlements are still held against it.
    assert counters.read(state, ALICE, "430100", "310", 2025) == used


CARRY = ("deductible_fen", "pool_fen", "admissions")


def going_on(home: Home) -> Home:
    """The insurance moves on 1 July; the year's counters go on, and Guangzhou has a policy."""
    rule = {"name": "move", "region": "440100", "value": {"carry": list(CARRY)}}
    home.world.do(BUREAU_GUANGZHOU, "organisations", "set_parameter", rule)
    args = {"area": "440100", "scheme": "310", "effective_from": "2025-01-01",
            "source": EMPLOYEE_POLICY}  # fmt: skip
    home.world.do(BUREAU_GUANGZHOU, "policy", "deploy", args)
    home.world.next_block()
    return moved(home)


def used(home: Home, person: str) -> dict[str, int]:
    area = enrolment.area_of(person)
    return counters.read(home.world.state, person, area, "310", 2025)


def test_what_the_old_area_still_settles_goes_on(home: Home) -> None:
    """Moved in the middle of a stay, and treated at the old place until the last day there: all
    of it is of the year that goes on."""
    home.counter.register("H44010000123-m-1", visit(kind="inpatient"))
    going_on(home)
    assert used(home, NEW) == {}
    home.at(12, "2025-06-20")
    june = line(1, BED, 10_000, day="2025-06-20")
    on_day = visit(admission="2025-06-20")
    home.counter.settle("H44010000123-m-2", [june], on_day, discharge="2025-06-20")
    assert used(home, NEW) == used(home, ALICE) == {"deductible_fen": 10_000}
    home.at(12, "2025-07-04")
    bill = {"discharge": "2025-07-03", "lines": [line(1, BED, 200_000)]}
    home.counter.settle("H44010000123-m-1", registered=True, **bill)
    assert used(home, ALICE)["deductible_fen"] == 120_000
    assert used(home, NEW) == used(home, ALICE)
    # At the new place nothing is left of the year's deductible.
    july = line(1, BED, 10_000, day="2025-07-04")
    told = home.counter.settle("H44010000123-m-3", [july], visit(NEW, admission="2025-07-04"),
                               discharge="2025-07-04")  # fmt: skip
    assert told.answer["funds_fen"] == 6_500


def test_what_is_taken_back_at_the_old_area_is_taken_off_at_the_new_one(home: Home) -> None:
    """And what was settled there meanwhile was decided on other counters, so it is listed."""
    home.settle()
    going_on(home)
    home.at(12, "2025-07-04")
    july = line(1, BED, 10_000, day="2025-07-04")
    home.counter.settle("H44010000123-m-3", [july], visit(NEW, admission="2025-07-04"),
                        discharge="2025-07-04")  # fmt: skip
    before = used(home, NEW)
    assert before == {"deductible_fen": 30_000, "pool_fen": 144_500 + 6_500}
    told = home.counter.reverse()
    assert used(home, ALICE) == {}
    assert used(home, NEW) == {"pool_fen": 6_500}
    listed_now = [fields for topic, fields in told.events if topic == "counters.reprice"]
    assert [(one["person"], one["claims"], one["cause"]) for one in listed_now] == [
        (NEW, ["H44010000123-m-3"], "move")
    ]


@settings(max_examples=25)
@given(st.lists(st.sampled_from(("settle", "reverse", "feed")), min_size=1, max_size=8),
       st.integers(0, 8))  # fmt: skip
def test_the_year_that_goes_on_is_the_old_areas_whatever_happens(
    steps: list[str], when: int
) -> None:
    home, live = Home(), []
    for number, step in enumerate(steps):
        if number == when:
            going_on(home)
        home.world.next_block()
        if step == "settle":
            live.append(f"H44010000123-g-{number}")
            home.settle(live[-1], 25_000)
        elif step == "reverse" and live:
            home.counter.reverse(live.pop(len(live) // 2))
        elif step == "feed":
            now = home.world.time_ms
            args = {
                "person": ALICE,
                "scheme": "310",
                "year": 2025,
                "settled_ms": now,
                "as_of_ms": now,
                "local": sha256(step.encode() + bytes([number])).digest(),
            }
            home.world.do(BUREAU_CHANGSHA, "counters", "feed", args,
                          attachments={"person": {"deltas": {"deductible_fen": 700}}})  # fmt: skip
        if number >= when:
            assert used(home, NEW) == used(home, ALICE)


def test_counters_go_on_through_a_second_move(home: Home) -> None:
    """From Changsha to Guangzhou and back, under another pseudonym: a late refund reaches it."""
    home.settle()
    going_on(home)
    again = "p:430100:alice2"
    rule = {"name": "move", "region": "430100", "value": {"carry": ["deductible_fen"]}}
    home.world.do(BUREAU_CHANGSHA, "organisations", "set_parameter", rule)
    home.world.next_block()
    second_move(home, again)
    assert used(home, again) == {"deductible_fen": 30_000}
    home.counter.reverse()
    assert used(home, ALICE) == used(home, NEW) == used(home, again) == {}


@pytest.mark.parametrize(
    ("last", "first", "scheme"), [("2025-12-31", "2026-01-01", "310"), (LAST, FIRST, "390")]
)
def test_counters_end_with_the_year_and_the_scheme(
    home: Home, last: str, first: str, scheme: str
) -> None:
    home.settle()
    rule = {"name": "move", "region": "440100", "value": {"carry": ["deductible_fen"]}}
    home.world.do(BUREAU_GUANGZHOU, "organisations", "set_parameter", rule)
    home.world.next_block()
    ask(home, first_day=first)
    agree(home, last_day=last)
    insured = [{"from": first, "status": "insured"}]
    assert complete(home, scheme=scheme, insured=insured).answer["carried"] == []


def test_either_side_may_give_it_up_and_nothing_has_changed(home: Home) -> None:
    before = balances(home.world.state)
    ask(home)
    call(home, "withdraw", BUREAU_GUANGZHOU)
    assert call(home, "withdraw", BUREAU_GUANGZHOU).answer["stage"] == "withdrawn"
    complete(home, refused="move.wrong-stage")
    ask(home, move="440100m2")
    agree(home, move="440100m2")
    call(home, "withdraw", BUREAU_CHANGSHA, move="440100m2")
    ask(home, move="440100m3")
    call(home, "refuse", BUREAU_CHANGSHA, move="440100m3", reason="arrears", post="checker")
    found = move_record.load(home.world.state, "440100m3")
    assert (found.stage.value, found.reason) == ("refused", "arrears")
    assert balances(home.world.state) == before
    assert ending.find(home.world.state, ALICE) is None
    home.settle()


def test_bad_steps_change_nothing(home: Home) -> None:
    ask(home, sender=BUREAU_CHANGSHA, refused="sender.not-competent")
    ask(home, token=bytes(32), refused="move.link")
    ask(home, person="p:430100:nobody", refused="enrolment.unknown-person", token=bytes(31) + b"1")
    ask(home, to=CHILD, refused="enrolment.exists")
    ask(home, sender=BUREAU_CHANGSHA, to="p:430100:alice2", move="430100m1",
        refused="move.same-area")  # fmt: skip
    ask(home, first_day="2024-06-08", refused="move.dates")
    ask(home, first_day="2026-06-12", refused="move.dates")
    agree(home, refused="move.not-found")
    ask(home)
    ask(home, first_day="2025-08-01", refused="move.duplicate-id")
    ask(home, move="440100m2", refused="move.under-way")
    complete(home, refused="move.wrong-stage")
    agree(home, sender=BUREAU_GUANGZHOU, refused="sender.not-competent")
    agree(home, last_day=FIRST, refused="move.dates")
    agree(home, last_day="2024-06-01", refused="move.dates")
    agree(home)
    complete(home, post="clerk", refused="move.same-holder")
    complete(home, link=bytes(32), refused="move.link")
    complete(home, insured=[{"from": LAST, "status": "insured"}], refused="move.dates")
    call(home, "refuse", BUREAU_CHANGSHA, reason="other", post="checker",
         refused="move.wrong-stage")  # fmt: skip
    complete(home)
    call(home, "withdraw", BUREAU_GUANGZHOU, refused="move.wrong-stage")
    ask(home, move="440100m4", to="p:440100:alice4", refused="enrolment.ended")


def test_a_death_in_between_stops_it(home: Home) -> None:
    ask(home)
    agree(home)
    died = {"person": {"last_day": DAY, "cause": "death"}}
    args = {"person": ALICE, "revision": 2}
    home.world.do(BUREAU_CHANGSHA, "enrolment", "close", args, attachments=died)
    complete(home, refused="enrolment.ended")
    call(home, "withdraw", BUREAU_HUNAN)
    assert balance(home.world.state, ACCOUNT, "310200") == 50_000


@settings(max_examples=30)
@given(
    deposit=st.integers(0, 10**6),
    sent=st.lists(st.integers(1, 60_000), max_size=3),
    has_account=st.booleans(),
    bill=st.integers(0, 400_000),
)
def test_money_is_neither_made_nor_lost(
    deposit: int, sent: list[int], has_account: bool, bill: int
) -> None:
    """Whatever stood on the account and was on its way: all of it is somewhere afterwards."""
    home = Home()
    home.allow()
    home.at(12)
    if deposit:
        args = {"transfer": "430100d-7", "person": ALICE, "amount_fen": deposit}
        home.world.do(BUREAU_CHANGSHA, "funds", "deposit", args, post="finance")
    for number, amount in enumerate(sent):
        if amount <= balance(home.world.state, ACCOUNT, "310200"):
            told = {"transfer": f"430100w-{number}", "from": ALICE, "to": CHILD,
                    "amount_fen": amount, "presence": CARD}  # fmt: skip
            home.call("wallet", "send", BUREAU_CHANGSHA, **told)
    if bill:
        home.settle("H44010000123-m-9", bill, use_account=True)
    state = home.world.state
    hers = (ACCOUNT, f"wallet:{ALICE}", NEW_ACCOUNT, NEW_WALLET, "owed:430100")
    before = sum(balance(state, one, "310200") for one in hers)
    waiting = balance(state, f"wallet:{ALICE}", "310200")
    ask(home)
    agree(home)
    done = complete(home, account=has_account)
    assert sum(balance(state, one, "310200") for one in hers) == before
    assert balance(state, f"wallet:{ALICE}", "310200") == waiting
    assert balance(state, ACCOUNT, "310200") == 0
    assert balance(state, OWES, "310200") == done.answer["moved_fen"]
    home.at(7, "2025-06-11")
    for name in list(listed(state, Open.WALLET, ALICE)):
        home.world.do(BUREAU_CHANGSHA, "wallet", "give_back", {"transfer": name}, post="clerk")
    assert sum(balance(state, one, "310200") for one in hers) == before
    assert balance(state, f"wallet:{ALICE}", "310200") == 0
    assert not any(trial_balance(state).values())
