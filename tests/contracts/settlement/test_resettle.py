"""A settled claim decided again: taken back and made anew in one call, the difference told."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from contracts.settlement import claim as claims
from contracts.settlement import counters
from contracts.settlement.funds_book import balance
from contracts.settlement.records import Reversal
from contracts.settlement.refunds import reprice
from node.ledger import codec
from tests.contracts.settlement.claim_world import (
    BED,
    BOB,
    DAY,
    ClaimWorld,
    line,
    make_claim_world,
    visit,
)
from tests.contracts.settlement.funds_world import balances, enrol, trial_balance
from tests.contracts.settlement.refund_world import FIRST, calls_of, resettle
from tests.contracts.world import (
    ALICE,
    BUREAU_CHANGSHA,
    BUREAU_GUANGZHOU,
    HOSPITAL,
    PHARMACY,
)

ACCOUNT = f"person:{ALICE}:account"


@pytest.fixture
def counter() -> ClaimWorld:
    """Alice was settled without a filing: 65 % of what is over 300.00 yuan; then one arrives."""
    made = make_claim_world()
    for key in [k for k in made.world.state.entries if k.startswith("filing") and "bob" not in k]:
        if key != "filing/430100f2":
            made.world.state.delete(key)
    return made


def late(counter: ClaimWorld) -> None:
    """A filing made afterwards that reaches back to the visit."""
    counter.file("430100f9")


def used(counter: ClaimWorld) -> dict[str, int]:
    return counters.read(counter.world.state, ALICE, "430100", "310", 2025)


def test_a_late_filing_gives_the_patient_money_back(counter: ClaimWorld) -> None:
    first = counter.settle(lines=[line(1, BED, 130_000)])
    assert (first.answer["funds_fen"], first.answer["cash_fen"]) == (65_000, 65_000)
    counter.world.next_block()
    late(counter)
    again = resettle(counter)
    assert (again.answer["funds_fen"], again.answer["cash_fen"]) == (85_000, 45_000)
    assert again.answer["differences"] == [
        {"payer": "cash", "name": "", "before_fen": 65_000, "after_fen": 45_000},
        {"payer": "fund", "name": "310100", "before_fen": 65_000, "after_fen": 85_000},
    ]
    assert (again.answer["paid_back_fen"], again.answer["owed_fen"]) == (20_000, 0)
    assert again.amounts["funds_fen"] == 20_000
    assert again.amounts["cash_fen"] == -20_000
    assert again.amounts["total_fen"] == 0
    state = counter.world.state
    assert balance(state, "fund:430100", "310100") == -85_000
    assert balance(state, f"payable:{HOSPITAL}", "310100") == 85_000
    assert balance(state, f"patient:{HOSPITAL}", "cash") == -45_000
    assert not any(trial_balance(state).values())
    assert used(counter) == {"deductible_fen": 30_000, "pool_fen": 85_000}


def test_the_links_go_both_ways(counter: ClaimWorld) -> None:
    counter.settle(lines=[line(1, BED, 130_000)])
    late(counter)
    again = resettle(counter)
    state = counter.world.state
    old, new = claims.find(state, FIRST), claims.find(state, f"{FIRST}-n")
    assert old is not None
    assert new is not None
    assert new.settled is not None
    assert (old.state, old.reversal) == ("reversed", f"{FIRST}-r")
    entry = Reversal.decode(state.get(f"claim/{FIRST}-r"))
    assert (entry.claim, entry.replacement) == (FIRST, f"{FIRST}-n")
    assert new.settled.again is not None
    assert (new.state, new.settled.again.replaces) == ("settled", FIRST)
    told = next(fields for topic, fields in again.events if topic == "claim.resettled")
    assert (told["claim"], told["replacement"], told["paid_back_fen"]) == (
        FIRST, f"{FIRST}-n", 20_000,
    )  # fmt: skip
    assert again.explanation is not None
    assert again.explanation["again"]["replaces"] == FIRST
    assert [topic for topic, _ in again.events][:2] == ["claim.reversed", "claim.settled"]


def test_a_retry_is_the_first_answer(counter: ClaimWorld) -> None:
    counter.settle(lines=[line(1, BED, 130_000)])
    late(counter)
    first = resettle(counter)
    before = dict(counter.world.state.entries)
    again = resettle(counter)
    assert (again.answer, again.postings) == (first.answer, [])
    assert counter.world.state.entries == before
    resettle(counter, reason="other", refused="claim.duplicate-id")
    resettle(counter, reversal=f"{FIRST}-r2", refused="claim.duplicate-id")
    resettle(
        counter, reversal=f"{FIRST}-r2", replacement=f"{FIRST}-n2", refused="claim.wrong-state"
    )


def test_the_new_one_is_reversed_like_any_other(counter: ClaimWorld) -> None:
    before = balances(counter.world.state)
    counter.settle(lines=[line(1, BED, 130_000)], use_account=True)
    late(counter)
    resettle(counter)
    counter.reverse(f"{FIRST}-n")
    assert balances(counter.world.state) == before
    assert used(counter) == {}


def test_a_chain_goes_back_to_the_first_lines(counter: ClaimWorld) -> None:
    counter.settle(lines=[line(1, BED, 130_000)])
    late(counter)
    second = resettle(counter)
    feed(counter, {"deductible_fen": 30_000}, settled_ms=1)
    third = resettle(counter, f"{FIRST}-n", origin=FIRST, reason="late_counters")
    assert third.answer["funds_fen"] == second.answer["funds_fen"] + 30_000 * 85 // 100
    calls = calls_of(counter)
    resettle(counter, f"{FIRST}-n-n", calls=calls, reason="late_counters",
             refused="resettle.unchanged")  # fmt: skip


def feed(counter: ClaimWorld, deltas: dict[str, int], settled_ms: int, local: bytes = b"1") -> Any:
    args = {"person": ALICE, "scheme": "310", "year": 2025, "local": local * 32,
            "settled_ms": settled_ms, "as_of_ms": settled_ms}  # fmt: skip
    return counter.world.do(BUREAU_CHANGSHA, "counters", "feed", args,
                            attachments={"person": {"deltas": deltas}})  # fmt: skip


def unfeed(counter: ClaimWorld, local: bytes = b"1") -> None:
    args = {"person": ALICE, "scheme": "310", "year": 2025, "local": local * 32,
            "as_of_ms": 1}  # fmt: skip
    counter.world.do(BUREAU_CHANGSHA, "counters", "unfeed", args)


def test_cash_comes_back_first_and_no_account_gives_more_than_it_gave(counter: ClaimWorld) -> None:
    first = counter.settle(lines=[line(1, BED, 130_000)], use_account=True)
    assert (first.answer["account_fen"], first.answer["cash_fen"]) == (50_000, 15_000)
    deposit = {"transfer": "430100d-later", "person": ALICE, "amount_fen": 70_000}
    counter.world.do(BUREAU_CHANGSHA, "funds", "deposit", deposit, post="finance")
    late(counter)
    again = resettle(counter)
    assert (again.answer["account_fen"], again.answer["cash_fen"]) == (45_000, 0)
    assert again.answer["paid_back_fen"] == 20_000
    assert balance(counter.world.state, ACCOUNT, "310200") == 75_000
    assert again.explanation is not None
    assert again.explanation["account"] == {"before_fen": 70_000, "after_fen": 75_000}


def test_what_grows_is_owed_in_cash() -> None:
    counter = make_claim_world()
    feed(counter, {"deductible_fen": 10_000}, settled_ms=1)
    first = counter.settle(lines=[line(1, BED, 80_000)], use_account=True)
    assert (first.answer["account_fen"], first.answer["cash_fen"]) == (29_000, 0)
    unfeed(counter)
    again = resettle(counter, reason="late_counters")
    assert (again.answer["account_fen"], again.answer["cash_fen"]) == (29_000, 8_500)
    assert (again.answer["paid_back_fen"], again.answer["owed_fen"]) == (0, 8_500)
    assert not any(trial_balance(counter.world.state).values())


def test_a_stay_with_uploads(counter: ClaimWorld) -> None:
    counter.register(FIRST, visit(kind="inpatient"))
    counter.upload(FIRST, 1, [line(1, BED, 100_000)])
    counter.upload(FIRST, 2, [line(9, BED, 1)])
    counter.world.do(HOSPITAL, "claim", "withdraw_lines", {"claim": FIRST, "upload": 2},
                     post="operator")  # fmt: skip
    counter.upload(FIRST, 2, [line(2, BED, 60_000)])
    first = counter.settle(lines=[line(3, BED, 40_000)], registered=True, total_fen=200_000)
    assert first.answer["funds_fen"] == 52_000
    late(counter)
    calls = calls_of(counter)
    assert [call["method"] for call in calls] == ["register", "lines", "lines", "settle"]
    resettle(counter, calls=calls[1:], refused="resettle.content")
    resettle(counter, calls=[calls[0], *calls[2:]], refused="resettle.content")
    resettle(counter, calls=[calls[0], calls[2], calls[1], calls[3]], refused="resettle.content")
    resettle(counter, calls=[*calls, calls[3]], refused="resettle.content")
    # A long stay's calls may go on in further attachments; their order is the order of the calls.
    args = {"claim": FIRST, "reversal": f"{FIRST}-r", "replacement": f"{FIRST}-n",
            "reason": "late_filing"}  # fmt: skip
    spread = {"settlement": {"calls": calls[:2]}, "settlement-2": {"calls": calls[2:3]},
              "settlement-4": {"calls": calls[3:]}}  # fmt: skip
    world = counter.world
    other = {"settlement": spread["settlement-2"], "settlement-2": spread["settlement"],
             "settlement-4": spread["settlement-4"]}  # fmt: skip
    world.refused("resettle.content", HOSPITAL, "claim", "resettle", args, post="operator",
                  attachments=other)  # fmt: skip
    again = world.do(HOSPITAL, "claim", "resettle", args, post="operator", attachments=spread)
    assert again.answer["funds_fen"] == 68_000
    assert used(counter)["admissions"] == 1


def test_other_lines_are_not_believed(counter: ClaimWorld) -> None:
    counter.settle(lines=[line(1, BED, 130_000)])
    late(counter)
    (call,) = calls_of(counter)
    other = codec.encode({"visit": {}, "lines": [line(1, BED, 130_001)]})
    for change in (
        {"content": other},
        {"content": b"\x00"},
        {"content": None},
        {"args": b"\x00"},
        {"args": codec.encode({"claim": FIRST})},
        {"blind": b"x" * 32},
        {"method": "register"},
    ):
        resettle(counter, calls=[{**call, **change}], refused="resettle.content")
    resettle(counter, calls=[], refused="args.shape")


def test_nothing_new_is_refused(counter: ClaimWorld) -> None:
    counter.settle(lines=[line(1, BED, 130_000)])
    resettle(counter, refused="resettle.unchanged")


def test_the_home_bureau_may_ask_and_no_other(counter: ClaimWorld) -> None:
    counter.settle(lines=[line(1, BED, 130_000)])
    late(counter)
    mine = {"reversal": "430100-r1", "replacement": "430100-n1"}
    resettle(counter, sender=BUREAU_GUANGZHOU, post="clerk", refused="sender.not-competent",
             reversal="440100-r1", replacement="440100-n1")  # fmt: skip
    resettle(counter, sender=BUREAU_CHANGSHA, post="clerk", refused="sender.foreign-id")
    resettle(counter, sender=BUREAU_CHANGSHA, post="clerk", claim="H44010000123-none",
             calls=calls_of(counter), refused="claim.not-found", **mine)  # fmt: skip
    resettle(counter, sender=PHARMACY, refused="claim.not-yours", reversal="P44010000456-1",
             replacement="P44010000456-2")  # fmt: skip
    resettle(counter, sender=HOSPITAL, post="doctor", refused="sender.post")
    resettle(counter, replacement=f"{FIRST}-r", refused="claim.duplicate-id")
    assert resettle(counter, sender=BUREAU_CHANGSHA, post="clerk", **mine).ok
    new = claims.find(counter.world.state, "430100-n1")
    assert new is not None
    assert new.institution == HOSPITAL


def test_packs_and_papers_go_over(counter: ClaimWorld) -> None:
    paper = {"code": "044001", "number": "00000001", "total_fen": 130_000, "hash": b"h" * 32}
    lines = [line(1, BED, 130_000)]
    args = counter.settle_args(FIRST, lines, visit(), invoices=[paper])
    packs = [{"line": "1", "code": "T-whole-0001"},
             {"line": "1", "code": "T-split-0001", "split": True, "quantity_e4": 40_000,
              "pack_e4": 100_000},
             {"line": "1", "code": "T-given-back"}]  # fmt: skip
    attachments = {"settlement": {"visit": {}, "lines": lines, "traces": packs}}
    world = counter.world
    world.do(HOSPITAL, "claim", "settle", args, attachments=attachments, post="operator")
    world.do(HOSPITAL, "traces", "give_back", {"claim": FIRST}, post="operator",
             attachments={"settlement": {"codes": ["T-given-back"]}})  # fmt: skip
    late(counter)
    resettle(counter)
    new = claims.find(world.state, f"{FIRST}-n")
    assert new is not None
    assert new.settled is not None
    assert new.settled.invoices == (("044001", "00000001"),)
    assert world.state.get("invoice/044001/00000001")[2:] == ["claim", f"{FIRST}-n"]
    held = sorted(str(v) for k, v in world.state.entries.items() if k.startswith("trace/"))
    assert len(held) == 2
    sold = {"claim": f"{FIRST}-n"}
    world.do(HOSPITAL, "traces", "give_back", sold, post="operator",
             attachments={"settlement": {"codes": ["T-whole-0001", "T-split-0001"]}})  # fmt: skip
    assert not [k for k in world.state.entries if k.startswith("trace/")]


def test_later_settlements_keep_their_place_and_are_listed(counter: ClaimWorld) -> None:
    counter.settle(FIRST, [line(1, BED, 100_000)])
    counter.world.next_block()
    second = counter.settle("H44010000123-m-2", [line(1, BED, 10_000)])
    assert second.answer["funds_fen"] == 6_500
    late(counter)
    again = resettle(counter)
    # Its deductible is its own again: the one that came after it does not count for it.
    assert again.answer["funds_fen"] == 70_000 * 85 // 100
    listed = [fields for topic, fields in again.events if topic == "counters.reprice"]
    assert [fields["claims"] for fields in listed] == [["H44010000123-m-2"]]
    kept = counters.load(counter.world.state, ALICE, "430100", "310", 2025)
    assert kept is not None
    assert [name for _, name in kept.settlements] == [f"{FIRST}-n", "H44010000123-m-2"]
    second_again = resettle(counter, "H44010000123-m-2")
    assert second_again.answer["funds_fen"] == 8_500
    assert used(counter) == {"deductible_fen": 30_000, "pool_fen": 59_500 + 8_500}


def test_care_at_home_counts_by_when_it_was_settled(counter: ClaimWorld) -> None:
    counter.settle(lines=[line(1, BED, 100_000)])
    now = counter.world.time_ms
    counter.world.next_block()
    feed(counter, {"deductible_fen": 1_000}, settled_ms=now - 1, local=b"a")
    feed(counter, {"deductible_fen": 7_000}, settled_ms=now + 1, local=b"b")
    again = resettle(counter, reason="late_counters")
    assert again.answer["funds_fen"] == (100_000 - 29_000) * 65 // 100
    unfeed(counter, b"a")
    third = resettle(counter, f"{FIRST}-n", origin=FIRST, reason="late_counters")
    assert third.answer["funds_fen"] == 70_000 * 65 // 100


def listed(counter: ClaimWorld) -> list[tuple[str, str]]:
    place = (ALICE, "430100", "310", 2025)
    return [(claim, cause) for claim, cause, _ in reprice.listed(counter.world.state, place)]


def test_the_list_is_emptied_by_whoever_looks_and_by_nothing_else(counter: ClaimWorld) -> None:
    second, third = "H44010000123-m-2", "H44010000123-m-3"
    counter.settle(FIRST, [line(1, BED, 100_000)])
    counter.world.next_block()
    counter.settle(second, [line(1, BED, 10_000)])
    counter.world.next_block()
    counter.settle(third, [line(1, BED, 20_000)])
    assert listed(counter) == []
    late(counter)
    resettle(counter)
    assert listed(counter) == [(second, "late_filing"), (third, "late_filing")]
    feed(counter, {"deductible_fen": 1}, settled_ms=1)
    assert listed(counter) == [
        (second, "late_filing"), (third, "late_filing"), (f"{FIRST}-n", "late-feed"),
    ]  # fmt: skip
    resettle(counter, second)
    # It stands in the log's place and its counters differ: what is behind it was listed already.
    assert [claim for claim, _ in listed(counter)] == [third, f"{FIRST}-n"]
    keep = {"claim": third}
    world = counter.world
    world.refused("claim.not-yours", PHARMACY, "claim", "keep", keep, post="operator")
    world.refused("sender.not-competent", BUREAU_GUANGZHOU, "claim", "keep", keep, post="clerk")
    world.do(BUREAU_CHANGSHA, "claim", "keep", keep, post="clerk")
    world.refused("reprice.not-listed", BUREAU_CHANGSHA, "claim", "keep", keep, post="clerk")
    counter.reverse(f"{FIRST}-n")
    assert f"{FIRST}-n" not in dict(listed(counter))
    counter.reverse(third)
    counter.reverse(f"{second}-n")
    assert listed(counter) == []
    assert not [key for key in world.state.entries if key.startswith("reprice/")]


def test_a_newborn_settled_under_its_mother(counter: ClaimWorld) -> None:
    child = "p:430100:child"
    world = counter.world
    enrol(world, child, scheme="390", category="resident", account=False, birth="2025-06-01",
          link=sha256(b"newborn").digest(), sex="male")  # fmt: skip
    first = counter.settle(lines=[line(1, BED, 230_000)], use_account=True)
    assert first.answer["account_fen"] == 50_000
    mine: dict[str, Any] = {"reversal": "430100-r1", "replacement": "430100-n1",
                            "reason": "newborn", "sender": BUREAU_CHANGSHA, "post": "clerk",
                            "newborn": child}  # fmt: skip
    resettle(counter, **mine | {"reason": "other"}, refused="resettle.newborn")
    resettle(counter, **mine | {"newborn": BOB}, refused="resettle.newborn")
    resettle(counter, newborn=child, reason="newborn", refused="resettle.newborn")
    told = resettle(counter, **mine)
    # The child's scheme: 60 % over 1,000.00; nothing of the mother's account pays for it.
    assert (told.answer["funds_fen"], told.answer["account_fen"]) == (78_000, 0)
    assert told.answer["owed_fen"] - told.answer["paid_back_fen"] == (
        230_000 - 78_000 - first.answer["person_fen"]
    )
    state = world.state
    new = claims.find(state, "430100-n1")
    assert new is not None
    assert (new.person, new.scheme, new.area) == (child, "390", "430100")
    assert used(counter) == {}
    assert counters.read(state, child, "430100", "390", 2025)["deductible_fen"] == 100_000
    assert balance(state, ACCOUNT, "310200") == 50_000
    assert balance(state, "fund:430100", "310100") == 0
    assert balance(state, "fund:430100", "390100") == -78_000
    assert not any(trial_balance(state).values())
    counter.reverse("430100-n1", reversal="H44010000123-r-9")
    assert counters.read(state, child, "430100", "390", 2025) == {}


def test_somebody_without_an_account(counter: ClaimWorld) -> None:
    counter.settle(given=visit(BOB), lines=[line(1, BED, 130_000)])
    resettle(counter, refused="resettle.unchanged")
    assert DAY == "2025-06-10"
