"""A world with stays: a second hospital in the city of care, and Bob, who stays and is poor.

Bob's policy charges 1,000.00 for every bill that it is asked about, so a deductible that is charged
twice would show. What people say at the desks of two hospitals, as calls.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from typing import Any

from contracts.api import Value
from contracts.runtime import Outcome
from contracts.settlement import stays
from contracts.settlement.stays import Stay
from tests.contracts.settlement.claim_world import (
    BED,
    BOB,
    ClaimWorld,
    line,
    make_claim_world,
    visit,
)
from tests.contracts.world import BUREAU_GUANGZHOU, HOSPITAL, MemoryState, World, new_key

LAB = "hospital:H44010000777"
"""The hospital in the same city that has the machine."""
FIRST, SECOND, THIRD = (f"H44010000123-s-{number}" for number in (1, 2, 3))
SCAN, ORDER = "H44010000777-t-1", "H44010000123-o-1"

Line = list[Value]


def bed(number: int, day: str, amount_fen: int = 100_000) -> Line:
    """A day's bed."""
    return line(number, BED, amount_fen, day=day)


def in_ward(person: str = BOB, admission: str = "2025-06-01", **given: Any) -> dict[str, Value]:
    """The public half of a stay."""
    return visit(person, "inpatient", admission=admission) | given


def attached(lines: Iterable[Line], clinical: dict[str, Value] | None = None) -> dict[str, Value]:
    """The attachment of a settlement."""
    return {"settlement": {"visit": clinical, "lines": list(lines)}}


class StayWorld(ClaimWorld):
    """What is said at the desks of two hospitals."""

    def part(
        self, claim: str, lines: list[Line], discharge: str, *, goes_on: bool = False,
        refused: str = "", **given: Any,
    ) -> Outcome:  # fmt: skip
        """Settle a registered stay, to its end or in mid-stay."""
        more = {"goes_on": True} if goes_on else {}
        return self.settle(
            claim, lines, registered=True, discharge=discharge, refused=refused, **(more | given)
        )

    def order(self, claim: str = FIRST, *, refused: str = "", **given: Any) -> Outcome:
        """The doctor orders a test at the other hospital."""
        args = {"claim": claim, "order": ORDER, "institution": LAB} | given
        if refused:
            return self.world.refused(refused, HOSPITAL, "claim", "order_test", args, post="doctor")
        return self.world.do(HOSPITAL, "claim", "order_test", args, post="doctor")

    def scan(
        self, amount_fen: int = 150_000, day: str = "2025-06-04", *, refused: str = "",
        kind: str = "outpatient", person: str = BOB, claim: str = SCAN, **given: Any,
    ) -> Outcome:  # fmt: skip
        """The other hospital settles the test."""
        return self.settle(
            claim, [bed(1, day, amount_fen)], visit(person, kind, admission=day), discharge=day,
            sender=LAB, refused=refused, **({"order": ORDER} | given),
        )  # fmt: skip

    def stays(self, person: str = BOB) -> tuple[Stay, ...]:
        """Where the person has been."""
        return stays.of_person(self.world.state, person)


def _build() -> StayWorld:
    made = StayWorld(make_claim_world().world)
    lab = {
        "organisation": LAB, "kind": "hospital", "region": "440100", "level_code": 5,
        "dedc_level": 2, "switches": ["inpatient", "outpatient"],
        "keys": [new_key(LAB, post, post) for post in ("operator", "doctor")],
    }  # fmt: skip
    made.world.do(BUREAU_GUANGZHOU, "organisations", "admit", lab, post="checker")
    made.world.next_block()
    return made


@cache
def _built() -> World:
    return _build().world


def make_stay_world() -> StayWorld:
    """The world, built once and copied."""
    built = _built()
    return StayWorld(replace(built, state=MemoryState(built.state.entries), made=[]))
