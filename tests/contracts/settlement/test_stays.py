"""Two stays of one person at once: refused with both intervals, or explained by a reason."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.api import Rejected
from contracts.settlement import stays
from contracts.settlement.claim import CONTRACT
from contracts.settlement.enrolment import require_person
from contracts.settlement.stays import STAYS_MAX, Stay
from node.ledger import codec
from tests.contracts.settlement.claim_world import BOB, DAY, visit
from tests.contracts.settlement.refund_world import calls_of, resettle
from tests.contracts.settlement.stay_world import (
    FIRST,
    LAB,
    SCAN,
    SECOND,
    THIRD,
    StayWorld,
    bed,
    in_ward,
    make_stay_world,
)
from tests.contracts.world import ALICE, BUREAU_CHANGSHA, HOSPITAL

JUNE = "2025-06-{:02d}".format


@pytest.fixture
def desk() -> StayWorld:
    """Two hospitals; nobody is in either."""
    return make_stay_world()


def stayed(
    desk: StayWorld, claim: str, first: int, last: int, *, refused: str = "", clinical: Any = None,
    person: str = BOB, kind: str = "inpatient", method: str = "settle", **given: Any,
) -> Any:  # fmt: skip
    """A stay from one day of June to another, settled in one call."""
    whose = LAB if claim == SCAN else HOSPITAL
    public = visit(person, kind, admission=JUNE(first)) | given
    return desk.settle(
        claim, [bed(1, JUNE(first))], public, discharge=JUNE(last), refused=refused,
        clinical=clinical, sender=whose, method=method,
    )  # fmt: skip


# first known, first told: both as (first day, last day), and whether they go together
PAIRS = (
    ((3, 6), (7, 9), True), ((3, 6), (1, 2), True), ((3, 6), (6, 9), False),
    ((3, 6), (1, 3), False), ((3, 6), (3, 6), False), ((3, 6), (4, 5), False),
    ((3, 6), (2, 7), False),
    ((3, 3), (3, 3), False), ((3, 3), (4, 4), True),
)  # fmt: skip


@pytest.mark.parametrize("elsewhere", [False, True])
@pytest.mark.parametrize(("known", "told", "apart"), PAIRS)
def test_two_stays_have_no_day_in_common(
    desk: StayWorld, known: tuple[int, int], told: tuple[int, int], apart: bool, elsewhere: bool
) -> None:
    stayed(desk, FIRST, *known)
    name = SCAN if elsewhere else SECOND
    if apart:
        stayed(desk, name, *told)
        return
    refused = stayed(desk, name, *told, refused="stay.overlap")
    assert refused.values == {
        "admission": JUNE(told[0]), "discharge": JUNE(told[1]), "other_admission": JUNE(known[0]),
        "other_discharge": JUNE(known[1]), "reason": "",
    }  # fmt: skip
    # Asked before, the same answer.
    stayed(desk, name, *told, refused="stay.overlap", method="estimate")


@pytest.mark.parametrize(("known", "told", "apart"), PAIRS)
def test_a_transfer_explains_the_day_that_both_have(
    desk: StayWorld, known: tuple[int, int], told: tuple[int, int], apart: bool
) -> None:
    stayed(desk, FIRST, *known)
    handed_on = known[1] == told[0] or told[1] == known[0]
    refused = "" if apart or handed_on else "stay.overlap"
    stayed(desk, SCAN, *told, refused=refused, overlap="transfer")


@pytest.mark.parametrize(("known", "told", "apart"), PAIRS)
def test_an_emergency_explains_any_days(
    desk: StayWorld, known: tuple[int, int], told: tuple[int, int], apart: bool
) -> None:
    """The doctor's flag is the reason, and nobody has to name it; the word alone is none."""
    stayed(desk, FIRST, *known)
    stayed(desk, SCAN, *told, refused="stay.reason", overlap="emergency")
    stayed(desk, SCAN, *told, clinical={"emergency": True})
    assert desk.stays()[-1].reason == "emergency"


def test_the_flag_of_a_referral_is_a_transfer(desk: StayWorld) -> None:
    """National ``IPT_TYPE`` 3."""
    stayed(desk, FIRST, 3, 6)
    stayed(desk, SCAN, 5, 9, refused="stay.overlap", clinical={"referral": True})
    stayed(desk, SCAN, 6, 9, clinical={"referral": True})


def test_a_newborn_s_bill_lies_beside_its_mother_s(desk: StayWorld) -> None:
    kind = "maternity_inpatient"
    stayed(desk, FIRST, 3, 6, person=ALICE, kind=kind)
    stayed(desk, SECOND, 4, 9, person=ALICE, refused="stay.overlap")
    stayed(desk, SECOND, 4, 9, person=ALICE, overlap="newborn")


def test_nobody_is_admitted_out_of_another_bed(desk: StayWorld) -> None:
    """A registered stay has no end yet, so it overlaps all that comes."""
    desk.register(FIRST, in_ward(admission=JUNE(3)))
    refused = desk.register(SECOND, in_ward(admission=JUNE(5)), refused="stay.overlap")
    assert refused.values == {"admission": JUNE(5), "discharge": "", "other_admission": JUNE(3),
                              "other_discharge": "", "reason": ""}  # fmt: skip
    desk.register(SECOND, in_ward(admission=JUNE(2)), refused="stay.overlap")
    stayed(desk, SCAN, 1, 2)
    # Handed on: the first one's own settlement is held to the day.
    desk.register(SECOND, in_ward(admission=JUNE(5), overlap="transfer"))
    desk.part(FIRST, [bed(1, JUNE(3))], JUNE(6), refused="stay.overlap")
    desk.part(FIRST, [bed(1, JUNE(3))], JUNE(5))
    desk.part(SECOND, [bed(1, JUNE(5))], JUNE(9))
    assert [(stay.admission, stay.discharge) for stay in desk.stays()] == [
        (JUNE(3), JUNE(5)), (JUNE(1), JUNE(2)), (JUNE(5), JUNE(9)),
    ]  # fmt: skip


def test_a_stay_that_is_told_late_is_compared_when_its_last_day_is(desk: StayWorld) -> None:
    stayed(desk, FIRST, 5, 8)
    desk.register(SECOND, in_ward(admission=JUNE(6)), refused="stay.overlap")
    desk.register(SECOND, in_ward(admission=JUNE(2)))
    bill = [bed(1, JUNE(2))]
    desk.part(SECOND, bill, JUNE(5), refused="stay.overlap")
    desk.part(SECOND, bill, JUNE(6), goes_on=True, refused="stay.overlap")
    desk.part(SECOND, bill, JUNE(3), goes_on=True)
    desk.register(THIRD, in_ward(admission=JUNE(4), continues=SECOND))
    desk.part(THIRD, [bed(1, JUNE(4))], JUNE(9), refused="stay.overlap")
    desk.part(THIRD, [bed(1, JUNE(4))], JUNE(4))


def test_visits_are_no_stays(desk: StayWorld) -> None:
    """Two visits on a day of a stay go; words about stays do not belong to them."""
    stayed(desk, FIRST, 3, 6)
    for number in (1, 2):
        day = JUNE(4)
        desk.settle(f"H44010000123-v-{number}", [bed(1, day)], visit(BOB, admission=day),
                    discharge=day)  # fmt: skip
    assert len(desk.stays()) == 1
    for word in ({"overlap": "transfer"}, {"continues": FIRST}):
        alone = desk.settle("H44010000123-v-3", given=visit(BOB) | word, refused="claim.flag-alone")
        assert alone.values == {"flag": next(iter(word)), "partner": "stay"}
        desk.register("H44010000123-v-3", visit(BOB) | word, refused="claim.flag-alone")
    desk.settle("H44010000123-v-3", given=visit(BOB), goes_on=True, refused="claim.flag-alone")


def test_what_is_taken_back_or_given_up_leaves_the_days_free(desk: StayWorld) -> None:
    stayed(desk, FIRST, 3, 6)
    desk.reverse(FIRST)
    assert desk.stays() == ()
    assert "stays/" + BOB not in desk.world.state.entries
    desk.register(SECOND, in_ward(admission=JUNE(3)))
    give_up = {"claim": SECOND, "reason": "wrong_visit"}
    desk.world.do(HOSPITAL, "claim", "cancel", give_up, post="operator")
    stayed(desk, THIRD, 3, 6)


def test_a_stay_settled_again_keeps_its_days(desk: StayWorld) -> None:
    name = "H44010000123-a-1"
    stayed(desk, name, 3, 6, person=ALICE)
    fed = {"person": ALICE, "scheme": "310", "year": 2025, "local": b"1" * 32, "settled_ms": 1,
           "as_of_ms": 1}  # fmt: skip
    desk.world.do(BUREAU_CHANGSHA, "counters", "feed", fed,
                  attachments={"person": {"deltas": {"deductible_fen": 50_000}}})  # fmt: skip
    again = resettle(desk, name, reason="late_counters")
    (stay,) = desk.stays(ALICE)
    assert (stay.name, stay.admission, stay.discharge) == (f"{name}-n", JUNE(3), JUNE(6))
    assert again.answer["paid_back_fen"] == 30_000 * 65 // 100
    stayed(desk, SECOND, 5, 8, person=ALICE, refused="stay.overlap")
    desk.reverse(f"{name}-n")
    stayed(desk, SECOND, 5, 8, person=ALICE)


def test_a_stay_that_was_reimbursed_counts_wherever_it_was(desk: StayWorld) -> None:
    """Paid at a hospital that is none of the ledger's, and then settled here for the same days."""
    file = {
        "reimbursement": "430100z-1", "person": BOB, "place": {"region": "440300", "level": 2},
        "care_kind": "inpatient", "admission": JUNE(3), "discharge": JUNE(6), "total_fen": 300_000,
        "account": b"a" * 32,
        "invoices": [{"code": "051", "number": "1", "total_fen": 300_000, "hash": b"h" * 32}],
    }  # fmt: skip
    content = {"reimbursement": {"visit": {}, "lines": [bed(1, JUNE(3), 300_000)]}}
    world = desk.world

    def call(method: str, args: dict[str, Any], post: str, **more: Any) -> Any:
        return world.do(BUREAU_CHANGSHA, "reimbursement", method, args, post=post, **more)

    stayed(desk, FIRST, 6, 8)
    world.refused("stay.overlap", BUREAU_CHANGSHA, "reimbursement", "file", file, post="clerk",
                  attachments=content)  # fmt: skip
    call("file", file | {"overlap": "transfer"}, "clerk", attachments=content)
    call("review", {"reimbursement": "430100z-1", "advice": "approve"}, "clerk")
    # Meanwhile somebody is settled who was there when the bill says otherwise.
    stayed(desk, SECOND, 4, 5)
    decide = {"reimbursement": "430100z-1", "decision": "approve"}
    world.refused("stay.overlap", BUREAU_CHANGSHA, "reimbursement", "decide", decide,
                  post="checker")  # fmt: skip
    desk.reverse(SECOND)
    call("decide", decide, "checker")
    refused = stayed(desk, THIRD, 4, 5, refused="stay.overlap")
    assert refused.values["other_admission"] == JUNE(3)


def test_the_oldest_stays_are_forgotten_and_open_ones_never(desk: StayWorld) -> None:
    def of(number: int, discharge: str) -> Stay:
        return Stay(f"s-{number}", HOSPITAL, f"20{number:02d}-01-01", discharge, "")

    ended = [of(number % 90, f"20{number % 90:02d}-01-02") for number in range(STAYS_MAX)]
    context = desk.world.context(HOSPITAL)
    person = require_person(desk.world.state, BOB)
    stays.put(context, person, [of(1, ""), *ended])
    kept = stays.of_person(context.state, BOB)
    assert len(kept) == STAYS_MAX
    assert kept[0] == of(1, "")
    with pytest.raises(Rejected, match=r"stay\.too-many"):
        stays.put(context, person, [of(1, "")] * (STAYS_MAX + 1))


def test_an_outpatient_settlement_reads_nothing_of_stays(
    desk: StayWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What keeps the rule off the ordinary path: not one more key is read or written."""
    stayed(desk, FIRST, 3, 6)
    read: list[str] = []
    state = desk.world.state
    get = type(state).get

    def counting(self: Any, key: str) -> Any:
        read.append(key)
        return get(self, key)

    monkeypatch.setattr(type(state), "get", counting)
    desk.settle("H44010000123-v-1", [bed(1, DAY)], visit(BOB))
    assert read
    assert not [key for key in read if key.startswith("stays/")]
    read.clear()
    stayed(desk, SECOND, 8, 9)
    assert read.count(f"stays/{BOB}") == 1


def test_the_calls_of_a_stay_are_told_as_before(desk: StayWorld) -> None:
    """Arguments that came later are not there where they are not given: digests stay what they
    were, and an old claim is settled again from its old calls."""
    desk.register(FIRST, in_ward())
    desk.part(FIRST, [bed(1, JUNE(1))], JUNE(2))
    register, settle = (call["args"] for call in calls_of(desk, FIRST))
    for word in (b"continues", b"overlap", b"goes_on", b"order"):
        assert word not in register
        assert word not in settle
    for name, args in (("register", register), ("settle", settle)):
        checked = CONTRACT.methods[name].check_args(codec.decode(args))
        assert not {"continues", "overlap", "goes_on", "order"} & {
            *checked, *(checked.get("visit") or {}),
        }  # fmt: skip
