"""The order of settlements: one person's are serial, two persons' commute, no split beats a cap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.runtime import Outcome
from contracts.settlement.adjudicate import adjudicate
from contracts.settlement.case import normalise
from contracts.settlement.policy_program import PolicyProgram
from tests.contracts.settlement import six_places
from tests.contracts.settlement.claim_world import (
    BED,
    BOB,
    TEST,
    ClaimWorld,
    line,
    make_claim_world,
    visit_of_many,
)
from tests.contracts.world import ALICE

CAP_FEN = 10_000_000
"""What the employees' policy of the made-up Changsha pays in a year."""

bills = st.lists(st.integers(1, 9_000_000), min_size=1, max_size=3)


def go(counter: ClaimWorld, name: str, person: str, amount_fen: int) -> Outcome:
    """One settlement, or one that is taken back again where the amount is even."""
    claim = f"H44010000123-{name}"
    # A transaction's id is of its content, not of its place in the order.
    counter.world.calls = crc32(claim.encode())
    code = BED if amount_fen % 3 else TEST
    settled = counter.settle(
        claim,
        [line(1, code, amount_fen)],
        visit_of_many(person, "inpatient" if amount_fen % 5 else "outpatient"),
        use_account=True,
    )
    if amount_fen % 2 == 0:
        counter.reverse(claim)
    return settled


def after(order: Sequence[tuple[str, int]], amounts: dict[str, list[int]]) -> dict[str, bytes]:
    counter = make_claim_world()
    for person, number in order:
        go(counter, f"{person[-3:]}-{number}", person, amounts[person][number])
    return counter.world.state.entries


@given(bills, bills, st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_two_persons_claims_commute(alice: list[int], bob: list[int], random: Any) -> None:
    """Any interleaving of the two leaves the state, byte for byte, of one after the other."""
    amounts = {ALICE: alice, BOB: bob}
    alone = [(person, n) for person, bills_ in amounts.items() for n in range(len(bills_))]
    turns = [person for person, _ in alone]
    random.shuffle(turns)
    seen = dict.fromkeys(amounts, 0)
    mixed = []
    for person in turns:
        mixed.append((person, seen[person]))
        seen[person] += 1
    assert after(mixed, amounts) == after(alone, amounts)


@given(st.lists(st.integers(1, 9_000_000), min_size=2, max_size=6))
@settings(max_examples=100, deadline=None)
def test_one_persons_claims_are_serial_and_no_split_beats_the_cap(amounts: list[int]) -> None:
    """Each settlement begins with the counters that the one before has left."""
    counter = make_claim_world()
    known: dict[str, int] = {}
    paid = 0
    for number, amount in enumerate(amounts):
        settled = counter.settle(
            f"H44010000123-s-{number}", [line(1, BED, amount)], visit_of_many(ALICE, "inpatient")
        )
        assert settled.explanation is not None
        for _, name, before, delta in settled.explanation["counters"]:
            assert before == known.get(name, 0), name
            known[name] = before + delta
        paid += settled.amounts["funds_fen"]
    assert paid == known["pool_fen"] <= CAP_FEN


CAPS = {
    "city_beijing_resident": ("390100", 25_000_000),
    "city_xian_employee": ("310100", 40_000_000),
    "city_weinan_resident": ("390200", 30_000_000),
}


@pytest.mark.parametrize("policy", sorted(CAPS))
@given(st.integers(1, 400_000_000), st.lists(st.integers(1, 100), min_size=1, max_size=8))
@settings(max_examples=100, deadline=None)
def test_a_years_bill_in_any_pieces_never_beats_a_places_cap(
    policy: str, total: int, weights: list[int]
) -> None:
    place = next(p for p in six_places.PLACES if p.policy == policy)
    program = PolicyProgram((six_places.POLICIES / f"{policy}.py").read_text("utf-8"))
    fund, cap = CAPS[policy]
    counted: dict[str, int] = {}
    paid = 0
    for number, weight in enumerate(weights):
        case = {
            "sums": {"total_fen": total * weight // sum(weights)},
            "person": {"scheme": place.scheme, "area": place.area},
            "visit": {"care_kind": "inpatient", "admission_number": number + 1},
            "institution": {"level": 3},
            "counters": counted,
        }
        decision = adjudicate(normalise(case), program)
        counted = {change.name: change.after for change in decision.counters}
        paid += decision.fund_fen(fund)
    assert paid <= cap
