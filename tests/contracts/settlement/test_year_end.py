"""Stays over the end of the benefit year, on the ledger: each year decides, so each is remembered.

This place's year begins on 5 June, and each line counts in the year of its day.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from contracts.api import Value
from contracts.settlement import counters
from contracts.settlement.refunds import reprice
from tests.contracts.settlement.claim_world import BOB
from tests.contracts.settlement.refund_world import resettle
from tests.contracts.settlement.stay_world import FIRST, SECOND, StayWorld, bed, in_ward
from tests.contracts.settlement.stay_world import make_stay_world as make_world
from tests.contracts.world import BUREAU_CHANGSHA

BY_DAY = """
def benefit_year(date):
    return 2025 if date >= "2025-06-05" else 2024


def cross_year():
    return "split_by_service_date"


def settle(case):
    scope = case["sums"]["in_scope_fen"]
    left = min(nth([yuan(1000), yuan(400)], case["visit"]["admission_number"]), scope)
    basic = capped(part(scope - left, "50%"), remaining(yuan(1000), counter(case, "pool_fen")))
    return {"payments": [payment("390100", basic)], "deductible_fen": left,
            "counters": {"pool_fen": basic}}
"""


@pytest.fixture
def desk() -> StayWorld:
    made = make_world()
    made.deploy("390", BY_DAY, "2025-02-01")
    return made


def home(desk: StayWorld, method: str, deltas: dict[str, int] | None = None) -> Any:
    """Care at home in the old year, or that it was taken back."""
    now = desk.world.time_ms
    args: dict[str, Value] = {"person": BOB, "scheme": "390", "year": 2024, "as_of_ms": now,
                              "local": sha256(b"at home").digest()}  # fmt: skip
    more: dict[str, Any] = {}
    if deltas is not None:
        args["settled_ms"] = now
        more["attachments"] = {"person": {"deltas": deltas}}
    told = desk.world.do(BUREAU_CHANGSHA, "counters", method, args, **more)
    desk.world.next_block()
    return told


def over_the_end(desk: StayWorld, *, in_parts: bool) -> int:
    """2 to 9 June; what the funds pay of it."""
    old, new = bed(1, "2025-06-02", 140_000), bed(2, "2025-06-06", 100_000)
    desk.register(FIRST, in_ward())
    if not in_parts:
        told = [desk.part(FIRST, [old, new], "2025-06-09")]
    else:
        told = [desk.part(FIRST, [old], "2025-06-04", goes_on=True)]
        desk.register(SECOND, in_ward(admission="2025-06-05", continues=FIRST))
        told.append(desk.part(SECOND, [new], "2025-06-09"))
    desk.world.next_block()
    return sum(one.amounts["funds_fen"] for one in told)


@pytest.mark.parametrize("in_parts", [False, True])
def test_a_second_stay_of_the_old_year_pays_the_lower_deductible_there(
    desk: StayWorld, in_parts: bool
) -> None:
    """The second of 2024, the first of 2025: 400.00 of the old year's, 1,000.00 of the new."""
    home(desk, "feed", {"admissions": 1})
    assert over_the_end(desk, in_parts=in_parts) == (140_000 - 40_000) // 2
    kept = {y: counters.read(desk.world.state, BOB, "430100", "390", y) for y in (2024, 2025)}
    assert kept == {2024: {"admissions": 1, "pool_fen": 50_000}, 2025: {"admissions": 1}}


def test_a_year_that_added_nothing_has_decided_all_the_same(desk: StayWorld) -> None:
    """The old year's room was used up, so nothing was counted there. When it is free again, the
    stay is on that year's list, and is decided again."""
    home(desk, "feed", {"pool_fen": 100_000})
    assert over_the_end(desk, in_parts=False) == 0
    told = home(desk, "unfeed")
    listed = [fields for topic, fields in told.events if topic == "counters.reprice"]
    assert [(one["year"], one["claims"]) for one in listed] == [(2024, [FIRST])]
    place = (BOB, "430100", "390", 2024)
    assert [row[0] for row in reprice.listed(desk.world.state, place)] == [FIRST]
    assert resettle(desk, FIRST).answer["funds_fen"] == (140_000 - 100_000) // 2


def test_the_years_of_a_reversed_stay_forget_it(desk: StayWorld) -> None:
    home(desk, "feed", {"pool_fen": 100_000})
    over_the_end(desk, in_parts=False)
    desk.reverse(FIRST)
    for year, values in ((2024, {"pool_fen": 100_000}), (2025, {})):
        found = counters.load(desk.world.state, BOB, "430100", "390", year)
        assert found is not None
        assert (found.values, found.log) == (values, "")
