"""A newborn under its mother: registered, treated, enrolled or lapsed; its bills move to it."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.api import Rejected
from contracts.runtime import Outcome
from contracts.settlement import claim as claims
from contracts.settlement import counters, newborn_record
from contracts.settlement.calendar import add_days, start_of_day_ms
from contracts.settlement.funds_book import balance
from contracts.settlement.records import Visit
from tests.contracts.settlement.claim_world import BED, DAY, ClaimWorld, line, make_claim_world
from tests.contracts.settlement.claim_world import visit as visit_of
from tests.contracts.settlement.funds_world import balances, enrol, trial_balance
from tests.contracts.settlement.refund_world import FIRST, resettle
from tests.contracts.world import ALICE, BUREAU_CHANGSHA, BUREAU_GUANGZHOU, NOON_MS

CHILD, TWIN = "p:430100:child", "p:430100:twin"
BIRTH = "2025-06-05"
LAST = "2025-09-03"
"""Ninety days after the birth."""
FATHER = "p:430100:father"
PAPER = sha256(b"certificate").digest()


@pytest.fixture
def counter() -> ClaimWorld:
    return make_claim_world()


def on(counter: ClaimWorld, day: str) -> None:
    counter.world.time_ms = start_of_day_ms(day) + NOON_MS


def register(
    counter: ClaimWorld, child: str = CHILD, *, refused: str = "", mother: str = ALICE,
    sender: str = BUREAU_CHANGSHA, **given: Any,
) -> Outcome:  # fmt: skip
    content = {"birth": BIRTH, "sex": "male", "paper": PAPER} | given
    args = {"person": child, "mother": mother}
    more: dict[str, Any] = {"attachments": {"person": content}, "post": "clerk"}
    if refused:
        return counter.world.refused(refused, sender, "newborn", "register", args, **more)
    return counter.world.do(sender, "newborn", "register", args, **more)


def own(counter: ClaimWorld, child: str = CHILD, *, refused: str = "", **given: Any) -> Outcome:
    """The child's own enrolment, as a resident, covered from its birth."""
    content = {
        "link": sha256(child.encode()).digest(), "scheme": "390", "sex": "male", "birth": BIRTH,
        "insured": [{"from": BIRTH, "status": "insured"}], "account": False, "from": BIRTH,
        "category": "resident", "identity_types": [],
    }  # fmt: skip
    args = {"person": child}
    more: dict[str, Any] = {"attachments": {"person": content | given}, "post": "clerk"}
    if refused:
        return counter.world.refused(refused, BUREAU_CHANGSHA, "enrolment", "enrol", args, **more)
    return counter.world.do(BUREAU_CHANGSHA, "enrolment", "enrol", args, **more)


def treat(counter: ClaimWorld, claim: str = FIRST, child: str = CHILD, **given: Any) -> Outcome:
    given = {"lines": [line(1, BED, 230_000)]} | given
    return counter.settle(claim, clinical={"newborn": child}, **given)


def move(counter: ClaimWorld, claim: str = FIRST, *, number: int = 1, **given: Any) -> Outcome:
    args = {
        "reversal": f"430100-r{number}",
        "replacement": f"430100-n{number}",
        "reason": "newborn",
        "sender": BUREAU_CHANGSHA,
        "post": "clerk",
        "newborn": CHILD,
    }
    return resettle(counter, claim, **args | given)  # fmt: skip


def under_the_mother(counter: ClaimWorld) -> tuple[str, ...]:
    found = newborn_record.find(counter.world.state, CHILD)
    assert found is not None
    return found.claims


def test_a_newborn_is_treated_under_its_mother_and_its_bill_moves_to_it(
    counter: ClaimWorld,
) -> None:
    register(counter)
    first = treat(counter, use_account=True)
    # The mother's policy: 85 % above 300.00, her account pays what is left.
    assert (first.answer["funds_fen"], first.answer["account_fen"]) == (170_000, 50_000)
    assert under_the_mother(counter) == (FIRST,)
    enrolled = own(counter)
    assert enrolled.answer == {"revision": 1, "newborn_claims": [FIRST]}
    told = move(counter)
    # The child's: 60 % above 1,000.00, and nobody else's account.
    assert (told.answer["funds_fen"], told.answer["account_fen"]) == (78_000, 0)
    assert under_the_mother(counter) == ()
    assert own(counter).answer == enrolled.answer
    state = counter.world.state
    moved = claims.find(state, "430100-n1")
    assert moved is not None
    assert (moved.person, moved.visit.newborn) == (CHILD, "")
    assert moved.settled is not None
    assert moved.settled.versions[0] == "430100f1", "its mother's filing covers the child"
    assert counters.read(state, ALICE, "430100", "310", 2025) == {}
    assert balance(state, f"person:{ALICE}:account", "310200") == 50_000
    assert not any(trial_balance(state).values())


def test_a_newborn_whose_mother_died_is_settled_under_her_until_it_is_enrolled(
    counter: ClaimWorld,
) -> None:
    """She died on the day of its admission; what is dated later is the child's care, not hers."""
    register(counter)
    stay = visit_of(kind="inpatient", overlap="newborn")
    counter.register("H44010000123-m-8", stay, clinical={"newborn": CHILD})
    counter.register(FIRST, visit_of(kind="inpatient"))
    death = {"last_day": DAY, "cause": "death"}
    counter.world.do(BUREAU_CHANGSHA, "enrolment", "close", {"person": ALICE, "revision": 2},
                     attachments={"person": death}, post="clerk")  # fmt: skip
    on(counter, "2025-06-14")
    bill = {"registered": True, "lines": [line(1, BED, 230_000)], "discharge": "2025-06-14"}
    told = counter.settle("H44010000123-m-8", **bill)
    assert told.answer["funds_fen"] == (230_000 - 120_000) * 85 // 100
    counter.settle(FIRST, refused="enrolment.dead", **bill)
    own(counter)
    moved = move(counter, "H44010000123-m-8")
    assert moved.answer["funds_fen"] == (230_000 - 100_000) * 60 // 100


def test_only_its_own_mother_and_only_its_own_bills(counter: ClaimWorld) -> None:
    enrol(counter.world, "p:430100:mary", link=sha256(b"mary").digest())
    register(counter)
    register(counter, TWIN)
    treat(counter, child=TWIN)
    bill = {"lines": [line(1, BED, 10_000)], "clinical": {"newborn": CHILD}}
    counter.settle("H44010000123-m-2", given=visit_of("p:430100:mary"),
                   refused="newborn.not-the-mother", **bill)  # fmt: skip
    counter.settle("H44010000123-m-2", refused="newborn.unknown",
                   clinical={"newborn": "p:430100:nobody"})  # fmt: skip
    own(counter)
    move(counter, refused="newborn.not-the-mother")
    assert under_the_mother(counter) == ()


def test_a_registration_lapses_by_itself_and_touches_nothing(counter: ClaimWorld) -> None:
    register(counter)
    treat(counter)
    before = balances(counter.world.state)
    on(counter, add_days(LAST, 1))
    bill = {"lines": [line(1, BED, 10_000, day=LAST)], "discharge": LAST}
    counter.file("430100f7", effective_from=add_days(LAST, 1))
    late = visit_of(admission=add_days(LAST, 1))
    counter.settle("H44010000123-m-3", given=late, clinical={"newborn": CHILD},
                   discharge=add_days(LAST, 1), lines=[line(1, BED, 10_000,
                   day=add_days(LAST, 1))], refused="newborn.over")  # fmt: skip
    assert balances(counter.world.state) == before
    # Care that began in time is still told in time.
    treat(counter, "H44010000123-m-2", given=visit_of(admission=LAST), **bill)
    # Too late to be covered from birth: enrolled like anybody else, and nothing is listed.
    assert own(counter, insured=[{"from": add_days(LAST, 1), "status": "insured"}]).answer == {
        "revision": 1
    }
    assert under_the_mother(counter) == (FIRST, "H44010000123-m-2")


def test_on_its_last_day_it_is_in_time(counter: ClaimWorld) -> None:
    register(counter)
    treat(counter)
    on(counter, LAST)
    own(counter, refused="newborn.cover", insured=[{"from": LAST, "status": "insured"}])
    own(counter, refused="newborn.cover", insured=[{"from": BIRTH, "status": "waiting"}])
    own(counter, refused="newborn.cover", insured=[])
    own(counter, refused="newborn.differs", birth="2025-06-06")
    own(counter, refused="newborn.differs", sex="female")
    assert own(counter).answer["newborn_claims"] == [FIRST]


def test_after_its_enrolment_care_is_its_own(counter: ClaimWorld) -> None:
    register(counter)
    counter.register(FIRST, visit_of(kind="inpatient", admission="2025-06-08"),
                     clinical={"newborn": CHILD})  # fmt: skip
    own(counter)
    counter.settle("H44010000123-m-2", clinical={"newborn": CHILD}, refused="newborn.over")
    # A stay that began before is settled under the mother and moves like the others.
    counter.settle(FIRST, registered=True, lines=[line(1, BED, 230_000)])
    assert under_the_mother(counter) == (FIRST,)
    move(counter)
    assert under_the_mother(counter) == ()


def test_a_bill_that_is_taken_back_leaves_the_list(counter: ClaimWorld) -> None:
    register(counter)
    treat(counter)
    treat(counter, "H44010000123-m-2", lines=[line(1, BED, 40_000)])
    counter.reverse()
    assert under_the_mother(counter) == ("H44010000123-m-2",)
    withdraw = {"person": CHILD}
    counter.world.refused("newborn.in-use", BUREAU_CHANGSHA, "newborn", "withdraw", withdraw,
                          post="clerk")  # fmt: skip
    counter.reverse("H44010000123-m-2")
    assert not any(trial_balance(counter.world.state).values())
    done = counter.world.do(BUREAU_CHANGSHA, "newborn", "withdraw", withdraw, post="clerk")
    assert done.answer == {"person": CHILD, "status": "withdrawn"}
    again = counter.world.do(BUREAU_CHANGSHA, "newborn", "withdraw", withdraw, post="clerk")
    assert again.answer == done.answer
    counter.settle("H44010000123-m-4", clinical={"newborn": CHILD}, refused="newborn.unknown")
    register(counter)
    treat(counter, "H44010000123-m-4")


def test_registrations_that_are_refused(counter: ClaimWorld) -> None:
    world = counter.world
    enrol(world, FATHER, link=sha256(b"father").digest(), sex="male")
    register(counter, mother=FATHER, refused="newborn.mother")
    register(counter, mother="p:430100:nobody", refused="enrolment.unknown-person")
    register(counter, birth="2025-06-11", refused="enrolment.birth-ahead")
    register(counter, birth="2025-03-11", refused="newborn.late")
    register(counter, ALICE, refused="enrolment.exists")
    register(counter, sender=BUREAU_GUANGZHOU, refused="sender.not-competent")
    register(counter, "p:440100:child", sender=BUREAU_GUANGZHOU, refused="newborn.area")
    world.refused("newborn.unknown", BUREAU_CHANGSHA, "newborn", "withdraw", {"person": CHILD},
                  post="clerk")  # fmt: skip
    first = register(counter)
    assert register(counter).answer == first.answer == {"person": CHILD, "status": "provisional"}
    register(counter, sex="female", refused="newborn.exists")
    own(counter)
    world.refused("newborn.ended", BUREAU_CHANGSHA, "newborn", "withdraw", {"person": CHILD},
                  post="clerk")  # fmt: skip
    register(counter, TWIN, birth="2025-03-12")


def test_the_area_says_how_long(counter: ClaimWorld) -> None:
    value = {"name": "newborn", "region": "430100", "value": {"within_days": 2}}
    counter.world.do(BUREAU_CHANGSHA, "organisations", "set_parameter", value)
    counter.world.next_block()
    register(counter, birth="2025-06-07", refused="newborn.late")
    register(counter, birth="2025-06-08")


def test_a_bill_that_was_paid_first_waits_for_the_enrolment(counter: ClaimWorld) -> None:
    register(counter)
    args = {
        "reimbursement": "430100z1", "person": ALICE, "place": {"region": "440100"},
        "care_kind": "outpatient", "admission": DAY, "discharge": DAY, "total_fen": 10_000,
        "invoices": [{"code": "044", "number": "7", "total_fen": 10_000, "hash": bytes(32)}],
        "account": bytes(32),
    }  # fmt: skip
    content = {"visit": {"newborn": CHILD}, "lines": [line(1, BED, 10_000)]}
    counter.world.refused(
        "newborn.direct-only", BUREAU_CHANGSHA, "reimbursement", "file", args,
        attachments={"reimbursement": content}, post="clerk",
    )  # fmt: skip


@given(st.integers(-3, 100), st.integers(-3, 100))
def test_who_pays_on_a_day_is_the_mother_or_nobody(admitted: int, enrolled: int) -> None:
    """The mother from birth to the last day or the enrolment, on no other day."""
    counter = make_claim_world()
    made = newborn_record.Newborn(
        ALICE, BIRTH, "male", LAST, "provisional" if enrolled < 0 else "enrolled",
        "" if enrolled < 0 else add_days(BIRTH, enrolled), (), (), b"", b"",
    )  # fmt: skip
    counter.world.state.put(f"newborn/{CHILD}", made.encode())
    day = add_days(BIRTH, admitted)
    visit = Visit("outpatient", day, day, False, False, False, False, "", CHILD)
    ours = admitted >= 0 and (admitted < enrolled if enrolled >= 0 else admitted <= 90)
    if ours:
        newborn_record.require(counter.world.state, visit, ALICE)
        return
    with pytest.raises(Rejected) as refused:
        newborn_record.require(counter.world.state, visit, ALICE)
    assert refused.value.code == "newborn.over"
