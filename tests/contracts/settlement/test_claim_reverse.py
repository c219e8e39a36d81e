"""Reversal: a counter-entry that names the original, refunds every payer, restores the counters."""

from __future__ import annotations

import pytest

from contracts.settlement import claim as claims
from contracts.settlement import counters
from contracts.settlement.funds_book import balance
from contracts.settlement.records import Reversal, is_reversal
from tests.contracts.settlement.claim_world import (
    BED,
    ClaimWorld,
    line,
    make_claim_world,
    visit,
)
from tests.contracts.settlement.funds_world import balances
from tests.contracts.world import ALICE, BUREAU_GUANGZHOU, HOSPITAL, PHARMACY


@pytest.fixture
def counter() -> ClaimWorld:
    """A hospital before its first settlement."""
    return make_claim_world()


def used(counter: ClaimWorld) -> dict[str, int]:
    return counters.read(counter.world.state, ALICE, "430100", "310", 2025)


def test_everything_is_as_it_was(counter: ClaimWorld) -> None:
    before = balances(counter.world.state)
    settled = counter.settle(use_account=True, given=visit(kind="inpatient"),
                             lines=[line(1, BED, 300_000)])  # fmt: skip
    assert settled.answer["account_fen"] == 50_000
    reversed_ = counter.reverse()
    assert balances(counter.world.state) == before
    assert used(counter) == {}
    assert {p.transfer for p in reversed_.postings} == {"claim/H44010000123-m-1-r"}
    mirrored = [(p.account, p.fund_type, -p.amount_fen) for p in settled.postings]
    assert [(p.account, p.fund_type, p.amount_fen) for p in reversed_.postings] == mirrored[::-1]
    assert reversed_.answer == {
        "claim": "H44010000123-m-1",
        "reversal": "H44010000123-m-1-r",
        "state": "reversed",
        "cash_fen": settled.answer["cash_fen"],
        "account_fen": 50_000,
        "credit_fen": 0,
    }


def test_the_entry_names_the_original_and_negates_its_amounts(counter: ClaimWorld) -> None:
    settled = counter.settle()
    reversed_ = counter.reverse()
    assert reversed_.versions["reverses"]["claim"] == "H44010000123-m-1"
    for name, amount in reversed_.amounts.items():
        assert amount == -settled.amounts[name], name
    original = claims.find(counter.world.state, "H44010000123-m-1")
    assert original is not None
    assert (original.state, original.reversal) == ("reversed", "H44010000123-m-1-r")
    assert original.settled is not None
    record = counter.world.state.get("claim/H44010000123-m-1-r")
    assert is_reversal(record)
    assert Reversal.decode(record).claim == "H44010000123-m-1"
    assert Reversal.decode(record).reason == "wrong_bill"


def test_a_retry_is_the_first_answer_and_nothing_twice(counter: ClaimWorld) -> None:
    counter.settle()
    first = counter.reverse()
    before = dict(counter.world.state.entries)
    again = counter.reverse()
    assert (again.answer, again.postings) == (first.answer, [])
    assert counter.world.state.entries == before
    counter.reverse(reversal="H44010000123-r-2", refused="claim.wrong-state")
    counter.reverse(reason="refund", refused="claim.duplicate-id")
    counter.reverse("H44010000123-m-2", reason="C34.9 carcinoma", refused="args.shape")


def test_ids_of_claims_and_reversals_are_of_one_kind(counter: ClaimWorld) -> None:
    counter.settle("H44010000123-m-1")
    counter.settle("H44010000123-m-2", [line(1, BED, 7_000)])
    counter.reverse("H44010000123-m-1", reversal="H44010000123-m-2", refused="claim.duplicate-id")
    counter.reverse("H44010000123-m-1")
    counter.settle("H44010000123-m-1-r", refused="claim.is-reversal")
    counter.reverse("H44010000123-m-2", reversal="H44010000123-m-1-r", refused="claim.duplicate-id")
    # A settlement that was taken back answers a retry, and its id is not free again.
    assert counter.settle("H44010000123-m-1").answer["state"] == "settled"
    counter.settle("H44010000123-m-1", [line(1, BED, 1)], refused="claim.duplicate-id")


def test_who_may_not_reverse(counter: ClaimWorld) -> None:
    counter.reverse(refused="claim.not-found")
    counter.settle()
    args = {"claim": "H44010000123-m-1", "reversal": "H44010000123-r-1", "reason": "other"}
    world = counter.world
    foreign = args | {"reversal": "P44010000456-r-1"}
    world.refused("claim.not-yours", PHARMACY, "claim", "reverse", foreign, post="operator")
    world.refused("sender.foreign-id", PHARMACY, "claim", "reverse", args, post="operator")
    world.refused("sender.kind", BUREAU_GUANGZHOU, "claim", "reverse", args, post="clerk")
    world.refused("sender.post", HOSPITAL, "claim", "reverse", args, post="doctor")


def test_later_settlements_are_listed_and_none_is_changed(counter: ClaimWorld) -> None:
    counter.settle("H44010000123-m-1", [line(1, BED, 30_000)])
    counter.world.next_block()
    later = counter.settle("H44010000123-m-2", [line(1, BED, 10_000)])
    assert later.amounts["funds_fen"] == 8_500
    reversed_ = counter.reverse("H44010000123-m-1")
    listed = [fields for topic, fields in reversed_.events if topic == "counters.reprice"]
    assert [fields["claims"] for fields in listed] == [["H44010000123-m-2"]]
    assert balance(counter.world.state, "fund:430100", "310100") == -8_500
    assert used(counter) == {"pool_fen": 8_500}


def test_a_payable_turns_negative_when_the_hospital_was_paid_already(counter: ClaimWorld) -> None:
    counter.settle()
    postings = [
        {"account": f"payable:{HOSPITAL}", "fund_type": "310100", "amount_fen": -17_000},
        {"account": "bank:bank:icbc", "fund_type": "310100", "amount_fen": 17_000},
    ]
    args = {"transfer": "440100pay-1", "kind": "payment", "postings": postings}
    counter.world.do(BUREAU_GUANGZHOU, "funds", "transfer", args, post="finance")
    counter.reverse()
    assert balance(counter.world.state, f"payable:{HOSPITAL}", "310100") == -17_000


def test_a_hold_stops_payment_and_no_patient(counter: ClaimWorld) -> None:
    hold = {"institution": HOSPITAL, "reason": "audit", "until_ms": counter.world.time_ms + 10}
    counter.world.do(BUREAU_GUANGZHOU, "funds", "hold", hold, post="audit")
    assert counter.settle().ok
    assert counter.reverse().ok
    assert counter.world.state.get(f"payable/{HOSPITAL}")["hold"][1] == "audit"
