"""Trace codes: one pack once in the country; goods free a code, money does not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.organisations import genesis_records
from contracts.runtime import Outcome
from tests.contracts.settlement.claim_world import (
    BED,
    BOB,
    ClaimWorld,
    line,
    make_claim_world,
    visit,
)
from tests.contracts.settlement.funds_world import trial_balance
from tests.contracts.world import ALICE, HOSPITAL, PHARMACY, key_of

PACK = "84012345600000000001"
"""A made-up code of 20 digits."""


class Shop:
    def __init__(self) -> None:
        self.counter: ClaimWorld = make_claim_world()
        self.world = self.counter.world

    def sell(
        self, claim: str, *traces: dict[str, Any], refused: str = "", sender: str = HOSPITAL,
        person: str = ALICE, method: str = "settle",
    ) -> Outcome:  # fmt: skip
        lines = [line(1, BED, 10_000), line(2, BED, 5_000)]
        kind = "pharmacy" if sender == PHARMACY else "outpatient"
        given = visit(person, kind)
        args = self.counter.settle_args(claim, lines, given)
        told = [{"line": "1", "code": PACK} | trace for trace in traces]
        more: dict[str, Any] = {
            "attachments": {"settlement": {"visit": {}, "lines": lines, "traces": told}},
            "post": "operator",
        }
        if refused:
            return self.world.refused(refused, sender, "claim", method, args, **more)
        return self.world.do(sender, "claim", method, args, **more)

    def give_back(
        self, claim: str, code: str = PACK, *, sender: str = HOSPITAL, refused: str = ""
    ) -> Outcome:
        more: dict[str, Any] = {"attachments": {"settlement": {"codes": [code]}}, "post": "clerk"}
        args = {"claim": claim}
        if refused:
            return self.world.refused(refused, sender, "traces", "give_back", args, **more)
        return self.world.do(sender, "traces", "give_back", args, **more)

    def part_back(
        self, claim: str, *quantities: int, sender: str = HOSPITAL, refused: str = ""
    ) -> Outcome:
        """So much of the split pack comes back."""
        parts = [{"code": PACK, "quantity_e4": quantity * 10_000} for quantity in quantities]
        more: dict[str, Any] = {"attachments": {"settlement": {"parts": parts}}, "post": "clerk"}
        args = {"claim": claim}
        if refused:
            return self.world.refused(refused, sender, "traces", "give_back", args, **more)
        return self.world.do(sender, "traces", "give_back", args, **more)

    def issue(self, count: int = 1, sender: str = HOSPITAL) -> list[str]:
        told = self.world.do(sender, "traces", "issue", {"count": count}, post="clerk")
        codes: list[str] = told.answer["codes"]
        return codes


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_one_pack_is_sold_once_and_the_other_learns_only_what_kind_sold_it(shop: Shop) -> None:
    shop.sell("H44010000123-m-1", {})
    refused = shop.sell("P44010000456-m-2", {}, sender=PHARMACY, person=BOB, refused="trace.sold")
    assert refused.values == {"index": 0, "by": "hospital"}
    # Nor once more by the one who sold it, nor within one bill.
    shop.sell("H44010000123-m-3", {}, refused="trace.sold")
    shop.sell(
        "H44010000123-m-4", {"code": PACK + "2"}, {"code": PACK + "2"}, refused="trace.doubled"
    )


def test_two_claims_of_one_block_the_first_wins(shop: Shop) -> None:
    # The world runs calls in the order of a block without moving height or time.
    height = shop.world.height
    shop.sell("P44010000456-m-1", {}, sender=PHARMACY)
    refused = shop.sell("H44010000123-m-2", {}, refused="trace.sold", person=BOB)
    assert shop.world.height == height
    assert refused.values["by"] == "pharmacy"


CHANGSHA_HOSPITAL = "hospital:H43010000789"


def open_in_hunan(shop: Shop) -> None:
    """A hospital in another province than the first, with that province's catalogue."""
    hospital = {
        "id": CHANGSHA_HOSPITAL, "kind": "hospital", "region": "430100", "level_code": 2,
        "dedc_level": 3, "switches": ["inpatient", "outpatient"],
        "keys": [{"key": key_of(CHANGSHA_HOSPITAL, "operator"), "purposes": ["sign"],
                  "holder": "s:operator", "post": "operator"}],
    }  # fmt: skip
    for key, value in genesis_records([hospital], [], {}).items():
        if CHANGSHA_HOSPITAL in key:
            shop.world.state.put(key, value)
    shop.counter.publish_home()


@pytest.mark.parametrize("first", ["guangdong", "hunan"])
def test_two_provinces_in_one_block_one_wins_and_the_other_hears_no_more_than_the_kind(
    shop: Shop, first: str
) -> None:
    open_in_hunan(shop)
    shop.world.next_block()
    claims = [
        ("P44010000456-m-1", PHARMACY, ALICE),
        ("H43010000789-m-1", CHANGSHA_HOSPITAL, BOB),
    ]
    if first == "hunan":
        claims.reverse()
    (name, sender, person), (other, loser, somebody) = claims
    height = shop.world.height
    shop.sell(name, {}, sender=sender, person=person)
    refused = shop.sell(other, {}, sender=loser, person=somebody, refused="trace.sold")
    assert shop.world.height == height, "one block"
    assert refused.values == {"index": 0, "by": "pharmacy" if sender == PHARMACY else "hospital"}
    assert not refused.postings
    # Money that goes back does not free it for the other province; goods that come back do.
    reverse = {"claim": name, "reversal": f"{name}-r", "reason": "wrong_bill"}
    shop.world.do(sender, "claim", "reverse", reverse, post="operator")
    shop.sell(other, {}, sender=loser, person=somebody, refused="trace.sold")
    given = {"settlement": {"codes": [PACK]}}
    shop.world.do(sender, "traces", "give_back", {"claim": name}, post="operator",
                  attachments=given)  # fmt: skip
    shop.sell(other, {}, sender=loser, person=somebody)


def test_a_reversal_frees_nothing_but_the_same_goods_may_be_settled_again(shop: Shop) -> None:
    shop.sell("H44010000123-m-1", {})
    shop.counter.reverse("H44010000123-m-1")
    shop.sell("H44010000123-m-2", {}, person=BOB, refused="trace.sold")
    shop.sell("P44010000456-m-3", {}, sender=PHARMACY, refused="trace.sold")
    shop.sell("H44010000123-m-4", {})
    # It is the new claim's now: giving it back names that one.
    shop.give_back("H44010000123-m-1", refused="trace.not-of-claim")
    shop.give_back("H44010000123-m-4")
    shop.sell("P44010000456-m-5", {}, sender=PHARMACY, person=BOB)
    assert not any(trial_balance(shop.world.state).values())


def test_goods_that_come_back_free_the_code(shop: Shop) -> None:
    shop.sell("H44010000123-m-1", {})
    shop.give_back("H44010000123-m-1", sender=PHARMACY, refused="trace.not-of-claim")
    shop.give_back("H44010000123-m-1", code=PACK + "9", refused="trace.not-of-claim")
    shop.give_back("H44010000123-m-1")
    shop.give_back("H44010000123-m-1", refused="trace.not-of-claim")
    shop.sell("P44010000456-m-2", {}, sender=PHARMACY)


def part(quantity: int, pack: int = 24, **given: Any) -> dict[str, Any]:
    return {"split": True, "quantity_e4": quantity * 10_000, "pack_e4": pack * 10_000} | given


def test_a_split_pack_counts_against_what_it_holds(shop: Shop) -> None:
    shop.sell("H44010000123-m-1", part(10))
    shop.sell("H44010000123-m-2", part(6), part(6, line="2"), person=BOB)
    refused = shop.sell("H44010000123-m-3", part(3), refused="trace.split-exceeded")
    assert refused.values == {
        "index": 0, "quantity_e4": 30_000, "sold_e4": 220_000, "pack_e4": 240_000,
    }  # fmt: skip
    shop.sell("H44010000123-m-3", part(2))
    shop.sell("H44010000123-m-4", {}, refused="trace.sold")
    shop.sell("H44010000123-m-4", part(1, pack=30), refused="trace.pack-differs")


def test_a_part_that_comes_back_may_be_sold_again(shop: Shop) -> None:
    shop.sell("H44010000123-m-1", part(20))
    shop.sell("H44010000123-m-2", part(4), person=BOB)
    shop.give_back("H44010000123-m-1")
    shop.sell("H44010000123-m-3", part(20))
    shop.counter.reverse("H44010000123-m-3")
    shop.sell("H44010000123-m-4", part(20))
    shop.sell("H44010000123-m-5", part(1), refused="trace.split-exceeded")


def test_some_of_a_part_comes_back_and_only_that_is_free(shop: Shop) -> None:
    shop.sell("H44010000123-m-1", part(6), part(4, line="2"))
    shop.sell("H44010000123-m-2", part(14), person=BOB)
    shop.sell("H44010000123-m-3", part(1), refused="trace.split-exceeded")
    shop.part_back("H44010000123-m-1", refused="trace.nothing")
    shop.part_back("H44010000123-m-1", 3, sender=PHARMACY, refused="trace.not-of-claim")
    told = shop.part_back("H44010000123-m-1", 11, refused="trace.part-larger")
    assert told.values == {"index": 0, "quantity_e4": 110_000, "sold_e4": 100_000}
    before = dict(shop.world.state.entries)
    shop.part_back("H44010000123-m-1", 7, 4, refused="trace.part-larger")
    assert dict(shop.world.state.entries) == before, "refused as a whole"
    shop.part_back("H44010000123-m-1", 7)
    shop.sell("H44010000123-m-3", part(8), refused="trace.split-exceeded")
    shop.sell("H44010000123-m-3", part(7))
    shop.part_back("H44010000123-m-1", 3)
    shop.part_back("H44010000123-m-1", 1, refused="trace.not-of-claim")
    shop.part_back("H44010000123-m-2", 14)
    shop.give_back("H44010000123-m-3")
    shop.sell("P44010000456-m-4", {}, sender=PHARMACY)


@given(st.lists(st.tuples(st.integers(1, 3), st.booleans(), st.integers(1, 9)), max_size=25))
@settings(max_examples=25)
def test_a_split_pack_is_never_more_than_its_pack(steps: list[tuple[int, bool, int]]) -> None:
    """Whatever is sold and brought back: what is out of the pack is what a counter says."""
    shop, out, number = Shop(), {1: 0, 2: 0, 3: 0}, 0
    claims: dict[int, list[tuple[str, int]]] = {1: [], 2: [], 3: []}
    for buyer, sells, quantity in steps:
        if sells:
            number += 1
            name = f"H44010000123-m-{number}"
            fits = sum(out.values()) + quantity <= 24
            shop.sell(name, part(quantity), refused="" if fits else "trace.split-exceeded")
            if fits:
                out[buyer] += quantity
                claims[buyer].append((name, quantity))
        elif claims[buyer]:
            name, sold = claims[buyer].pop()
            fits = quantity <= sold
            shop.part_back(name, quantity, refused="" if fits else "trace.part-larger")
            left = sold - quantity if fits else sold
            out[buyer] -= sold - left
            if left:
                claims[buyer].append((name, left))


def test_a_whole_pack_is_not_opened_afterwards(shop: Shop) -> None:
    shop.sell("H44010000123-m-1", {})
    shop.sell("H44010000123-m-2", part(1), refused="trace.sold")


def test_virtual_codes_are_issued_and_used_once_where_they_were_issued(shop: Shop) -> None:
    first, second = shop.issue(2)
    assert first != second
    shop.sell("P44010000456-m-1", {"code": first}, sender=PHARMACY, refused="trace.not-issued")
    shop.sell("H44010000123-m-1", {"code": "V-" + "0" * 24}, refused="trace.not-issued")
    shop.sell("H44010000123-m-1", {"code": first}, {"code": second, "line": "2"})
    shop.sell("H44010000123-m-2", {"code": first}, refused="trace.sold")


def test_a_trace_names_a_line_and_an_estimate_sells_nothing(shop: Shop) -> None:
    shop.sell("H44010000123-m-1", {"line": "7"}, refused="trace.line")
    before = dict(shop.world.state.entries)
    estimate = shop.sell("H44010000123-m-1", {}, method="estimate")
    assert estimate.answer["state"] == "estimate"
    assert shop.world.state.entries == before
    shop.sell("H44010000123-m-1", {})


def test_the_state_has_no_code_in_clear(shop: Shop) -> None:
    shop.sell("H44010000123-m-1", {})
    assert not [key for key in shop.world.state.entries if PACK in key]
    assert not [value for value in shop.world.state.entries.values() if PACK.encode() in value]
