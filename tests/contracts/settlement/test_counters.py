"""Counters: plain sums, posted once, undone exactly; what came late is listed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.api import Rejected
from contracts.settlement import counters
from contracts.settlement.enrolment import Person, require_person
from tests.contracts import world as w
from tests.contracts.settlement.registries import enrol, leaks, registry_world
from tests.contracts.world import World, salt_of

C = "counters"
BUREAU = w.BUREAU_CHANGSHA
CANARY = 77_123_457
"""An amount that a public part of a receipt must not show."""


@pytest.fixture
def world() -> World:
    world = registry_world()
    enrol(world)
    return world


def alice(world: World) -> Person:
    return require_person(world.state, w.ALICE)


def values(world: World) -> dict[str, int]:
    return counters.read(world.state, w.ALICE, "430100", "310", 2025)


def key(**changes: Any) -> dict[str, Any]:
    return {"person": w.ALICE, "scheme": "310", "year": 2025} | changes


def feed_args(world: World, local: str = "one", hours_ago: int = 1, **changes: Any) -> Any:
    settled = world.time_ms - hours_ago * 3_600_000
    base = key(local=salt_of(local), settled_ms=settled, as_of_ms=settled)
    return base | changes


def feed(world: World, local: str, deltas: dict[str, int], hours_ago: int = 1) -> Any:
    return world.do(
        BUREAU, C, "feed", feed_args(world, local, hours_ago),
        attachments={"person": {"deltas": deltas}},
    )  # fmt: skip


def settle(world: World, claim: str, deltas: dict[str, int]) -> None:
    """What the claim contract does at settlement, as one call of its own."""
    counters.add(world.context(w.HOSPITAL), alice(world), 2025, deltas, claim)


def reverse(world: World, claim: str, deltas: dict[str, int]) -> list[Any]:
    ctx = world.context(w.HOSPITAL)
    counters.restore(ctx, alice(world), 2025, deltas, claim)
    return ctx.events


# --- Settlements ----------------------------------------------------------------------------------


def test_settlements_add_and_reversals_take_off(world: World) -> None:
    assert values(world) == {}
    settle(world, "c1", {"deductible_fen": 120_000, "fund_fen": 500_000, "zero": 0})
    settle(world, "c2", {"fund_fen": 1})
    assert values(world) == {"deductible_fen": 120_000, "fund_fen": 500_001}
    assert reverse(world, "c2", {"fund_fen": 1}) == []
    reverse(world, "c1", {"deductible_fen": 120_000, "fund_fen": 500_000, "zero": 0})
    assert values(world) == {}


def test_a_counter_never_falls_below_zero(world: World) -> None:
    settle(world, "c1", {"fund_fen": 10})
    before = dict(world.state.entries)
    with pytest.raises(Rejected) as refusal:
        reverse(world, "c1", {"fund_fen": 11})
    assert refusal.value.code == "counters.negative"
    assert refusal.value.values == {"name": "fund_fen"}
    assert world.state.entries == before


def test_the_number_of_counters_is_bounded(world: World) -> None:
    settle(world, "c1", {f"n{n}": 1 for n in range(counters.NAMES_MAX)})
    with pytest.raises(Rejected) as refusal:
        settle(world, "c2", {"one_more": 1})
    assert refusal.value.code == "counters.too-many"


def test_a_reversal_lists_what_was_settled_after_it(world: World) -> None:
    for number in range(1, 4):
        world.next_block()
        settle(world, f"c{number}", {"fund_fen": number})
    events = reverse(world, "c2", {"fund_fen": 2})
    assert events == [
        (
            "counters.reprice",
            {
                "person": w.ALICE,
                "year": 2025,
                "claims": ["c3"],
                "cause": "reversal",
                "complete": True,
            },
        )
    ]


def test_two_settlements_of_one_block_have_an_order(world: World) -> None:
    for claim in ("c1", "c2", "c3"):
        settle(world, claim, {"fund_fen": 1})
    fields = dict(reverse(world, "c2", {"fund_fen": 1}))["counters.reprice"]
    assert fields["claims"] == ["c3"]
    assert reverse(world, "c3", {"fund_fen": 1}) == []


def test_the_list_of_settlements_is_bounded(world: World) -> None:
    for number in range(counters.SETTLEMENTS_MAX + 3):
        settle(world, f"c{number}", {"fund_fen": 1})
    found = counters.load(world.state, w.ALICE, "430100", "310", 2025)
    assert found is not None
    assert len(found.settlements) == counters.SETTLEMENTS_MAX
    assert found.settlements[0][1] == "c3"
    assert found.values == {"fund_fen": counters.SETTLEMENTS_MAX + 3}
    outcome = feed(world, "late", {"fund_fen": 1})
    fields = dict(outcome.events)["counters.reprice"]
    assert len(fields["claims"]) == counters.SETTLEMENTS_MAX
    assert not fields["complete"], "three settlements have left the list"


def test_the_salt_stays_and_differs_from_the_persons(world: World) -> None:
    settle(world, "c1", {"fund_fen": 1})
    found = counters.load(world.state, w.ALICE, "430100", "310", 2025)
    settle(world, "c2", {"fund_fen": 1})
    later = counters.load(world.state, w.ALICE, "430100", "310", 2025)
    assert found is not None
    assert later is not None
    assert found.salt == later.salt != alice(world).salt
    assert len(found.salt) == 32


# --- The home bureau's feed -----------------------------------------------------------------------


def test_opening_balances_once(world: World) -> None:
    args = key(as_of_ms=world.time_ms)
    attached = {"person": {"deltas": {"fund_fen": CANARY}}}
    outcome = world.do(BUREAU, C, "open", args, attachments=attached)
    assert not leaks(outcome, [CANARY.to_bytes(4, "big")])
    assert values(world) == {"fund_fen": CANARY}
    before = dict(world.state.entries)
    world.do(BUREAU, C, "open", args, attachments=attached)
    assert world.state.entries == before
    other = {"person": {"deltas": {"fund_fen": 1}}}
    world.refused("counters.opened", BUREAU, C, "open", args, attachments=other)
    # Another year and another scheme have their own.
    world.do(BUREAU, C, "open", args | {"year": 2024}, attachments=other)
    world.do(BUREAU, C, "open", args | {"scheme": "390"}, attachments=other)
    assert values(world) == {"fund_fen": CANARY}


def test_feed_is_posted_once_and_says_up_to_when_it_is_complete(world: World) -> None:
    outcome = feed(world, "one", {"fund_fen": CANARY}, hours_ago=5)
    assert not leaks(outcome, [CANARY.to_bytes(4, "big")])
    before = dict(world.state.entries)
    feed(world, "one", {"fund_fen": CANARY}, hours_ago=5)
    assert world.state.entries == before
    changed = {"person": {"deltas": {"fund_fen": 2}}}
    args = feed_args(world, "one", 5)
    world.refused("counters.duplicate-local", BUREAU, C, "feed", args, attachments=changed)
    found = counters.load(world.state, w.ALICE, "430100", "310", 2025)
    assert found is not None
    assert found.as_of_ms == world.time_ms - 5 * 3_600_000
    # An older entry does not take the time back.
    feed(world, "two", {"fund_fen": 1}, hours_ago=9)
    later = counters.load(world.state, w.ALICE, "430100", "310", 2025)
    assert later is not None
    assert later.as_of_ms == found.as_of_ms


def test_a_late_feed_lists_settlements_and_changes_none(world: World) -> None:
    settle(world, "c1", {"fund_fen": 1})
    world.time_ms += 3 * 3_600_000
    settle(world, "c2", {"fund_fen": 1})
    world.time_ms += 3_600_000
    outcome = feed(world, "late", {"fund_fen": 10}, hours_ago=2)
    listed = [fields for topic, fields in outcome.events if topic == "counters.reprice"]
    assert listed == [
        {"person": w.ALICE, "year": 2025, "claims": ["c2"], "cause": "late-feed", "complete": True}
    ]
    assert values(world) == {"fund_fen": 12}
    in_time = feed(world, "fresh", {"fund_fen": 1}, hours_ago=0)
    assert [topic for topic, _ in in_time.events] == ["counters.fed"]


def test_late_opening_lists_all(world: World) -> None:
    settle(world, "c1", {"fund_fen": 1})
    outcome = world.do(
        BUREAU, C, "open", key(as_of_ms=0), attachments={"person": {"deltas": {"fund_fen": 3}}}
    )
    listed = dict(outcome.events)["counters.reprice"]
    assert (listed["claims"], listed["cause"], listed["complete"]) == (["c1"], "opening", True)


def test_the_feeds_time_never_goes_back(world: World) -> None:
    feed(world, "one", {"fund_fen": 1}, hours_ago=1)
    found = counters.load(world.state, w.ALICE, "430100", "310", 2025)
    world.do(BUREAU, C, "open", key(as_of_ms=5), attachments={"person": {"deltas": {}}})
    world.do(BUREAU, C, "unfeed", key(local=salt_of("one"), as_of_ms=7))
    later = counters.load(world.state, w.ALICE, "430100", "310", 2025)
    assert found is not None
    assert later is not None
    assert later.as_of_ms == found.as_of_ms == world.time_ms - 3_600_000


def test_a_local_reversal_takes_off_exactly_what_was_added(world: World) -> None:
    feed(world, "one", {"fund_fen": 5, "deductible_fen": 2}, hours_ago=4)
    settle(world, "c1", {"fund_fen": 100})
    args = key(local=salt_of("one"), as_of_ms=world.time_ms)
    outcome = world.do(BUREAU, C, "unfeed", args)
    assert values(world) == {"fund_fen": 100}
    assert [f["claims"] for t, f in outcome.events if t == "counters.reprice"] == [["c1"]]
    before = dict(world.state.entries)
    world.do(BUREAU, C, "unfeed", args)
    assert world.state.entries == before
    again = args | {"as_of_ms": world.time_ms - 1}
    world.refused("counters.already-reversed", BUREAU, C, "unfeed", again)
    # The id of a reversed settlement stays used.
    reused = {"person": {"deltas": {"fund_fen": 9}}}
    world.refused(
        "counters.duplicate-local", BUREAU, C, "feed", feed_args(world, "one"), attachments=reused
    )


def test_feed_is_refused(world: World) -> None:
    def refuse(code: str, sender: str, deltas: Any, **changes: Any) -> None:
        args = feed_args(world) | changes
        attached = {"person": {"deltas": deltas}}
        outcome = world.refused(code, sender, C, "feed", args, attachments=attached)
        assert not leaks(outcome, [CANARY.to_bytes(4, "big")])

    good = {"fund_fen": CANARY}
    refuse("sender.not-competent", w.BUREAU_GUANGZHOU, good)
    refuse("sender.kind", w.HOSPITAL, good)
    refuse("enrolment.unknown-person", BUREAU, good, person="p:430100:nobody")
    refuse("enrolment.wrong-id", BUREAU, good, person="alice")
    refuse("counters.ahead", BUREAU, good, settled_ms=world.time_ms + 1)
    refuse("counters.ahead", BUREAU, good, as_of_ms=world.time_ms + 1)
    refuse("args.shape", BUREAU, {"fund_fen": -1})
    refuse("args.shape", BUREAU, {"fund_fen": "1"})
    refuse("args.shape", BUREAU, good, scheme="510")
    refuse("args.shape", BUREAU, good, local=b"short")
    ahead = key(as_of_ms=world.time_ms + 1)
    attached = {"person": {"deltas": good}}
    world.refused("counters.ahead", BUREAU, C, "open", ahead, attachments=attached)
    feed(world, "one", good)
    unknown = key(local=salt_of("two"), as_of_ms=0)
    world.refused("counters.unknown-local", BUREAU, C, "unfeed", unknown)
    other_year = key(local=salt_of("one"), as_of_ms=0, year=2024)
    world.refused("counters.unknown-local", BUREAU, C, "unfeed", other_year)
    early = key(local=salt_of("one"), as_of_ms=world.time_ms + 1)
    world.refused("counters.ahead", BUREAU, C, "unfeed", early)


# --- A model --------------------------------------------------------------------------------------

amounts = st.dictionaries(st.sampled_from(["fund_fen", "deductible_fen"]), st.integers(0, 9),
                          max_size=2)  # fmt: skip


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from("sfru"), st.integers(0, 3), amounts), max_size=12))
def test_counters_are_the_sum_of_what_stands(
    steps: list[tuple[str, int, dict[str, int]]],
) -> None:
    """A ledger of standing entries, summed afresh, judges the running sums."""
    world = registry_world()
    enrol(world)
    claims: dict[str, dict[str, int]] = {}
    local: dict[str, dict[str, int]] = {}
    gone: set[str] = set()
    for kind, number, deltas in steps:
        world.next_block()
        name = f"{'claim' if kind in 'sr' else 'local'}{number}"
        standing = claims if kind in "sr" else local
        if kind in "sf":
            if name in standing or name in gone:
                continue
            if kind == "s":
                settle(world, name, deltas)
            else:
                feed(world, name, deltas)
            standing[name] = deltas
        elif name in standing:
            taken = standing.pop(name)
            if kind == "r":
                reverse(world, name, taken)
            else:
                world.do(BUREAU, C, "unfeed", key(local=salt_of(name), as_of_ms=0))
            gone.add(name)
        total: dict[str, int] = {}
        for entry in [*claims.values(), *local.values()]:
            for counter, delta in entry.items():
                total[counter] = total.get(counter, 0) + delta
        assert values(world) == {c: n for c, n in total.items() if n}
        found = counters.load(world.state, w.ALICE, "430100", "310", 2025)
        assert [c for _, c in found.settlements] == list(claims) if found else not claims


def test_a_sum_that_cannot_be_true_is_refused_before_a_policy_meets_it(world: World) -> None:
    """Found by attack: entries that add up beyond 64 bits could not be encoded, which stopped the
    block instead of the call; and beyond all money every later settlement was a policy's fault."""
    counters.add(world.context(w.HOSPITAL), alice(world), 2025, {"pool_fen": 10**15 - 1}, "c1")
    more = [{"person": {"deltas": {"pool_fen": fen}}} for fen in (2, 1)]
    refused = world.refused(
        "counters.too-large", BUREAU, C, "feed", feed_args(world), attachments=more[0]
    )
    assert refused.values == {"name": "pool_fen", "limit_fen": 10**15}
    world.do(BUREAU, C, "feed", feed_args(world), attachments=more[1])
    world.refused(
        "counters.too-large", BUREAU, C, "feed", feed_args(world, "two"),
        attachments=more[1],
    )  # fmt: skip
