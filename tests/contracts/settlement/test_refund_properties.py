"""Refunds in any order and any split: a dumb second model judges every step, and all comes back."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.runtime import Outcome
from contracts.settlement import counters
from contracts.settlement.calendar import start_of_day_ms
from contracts.settlement.cover_record import counter_key
from contracts.settlement.funds_book import balance
from tests.contracts.settlement.claim_world import (
    BED,
    COSMETIC,
    DAY,
    ClaimWorld,
    line,
    make_claim_world,
    visit_of_many,
)
from tests.contracts.settlement.cover_world import INSURER, PRODUCT, CoverWorld
from tests.contracts.settlement.dumb_refunds import PIECES, Care, Dumb
from tests.contracts.settlement.funds_world import balances, enrol, trial_balance
from tests.contracts.settlement.refund_world import back, refund, resettle
from tests.contracts.world import (
    ALICE,
    BANK,
    BUREAU_CHANGSHA,
    BUREAU_GUANGZHOU,
    CENTRE,
    HOSPITAL,
    MemoryState,
)

ACCOUNT = f"person:{ALICE}:account"
CHILD = "p:440100:child"
CARD = {"kind": "card", "certificate": "03"}


class Story:
    """The ledger and the dumb model hear the same; they are compared after every step."""

    def __init__(self) -> None:
        self.counter: ClaimWorld = make_claim_world()
        self.state = self.counter.world.state
        for key in (f"filings/{ALICE}", "filing/430100f1"):
            self.state.delete(key)
        self.start = balances(self.state)
        self.dumb = Dumb(balance=50_000)
        self.now: dict[str, str] = {}
        """The id under which a settlement stands now, by its first one."""

    def pick(self, number: int) -> Care | None:
        live = [care for care in self.dumb.cares if care.live]
        return live[number % len(live)] if live else None

    def settle(self, piece: int, own: int, flags: int) -> None:
        stay, account = bool(flags & 1), bool(flags & 2)
        name = f"H44010000123-m-{len(self.dumb.cares)}"
        care = Care(name, self.counter.world.time_ms, stay, account, piece, own)
        lines = [line(1, BED, piece * PIECES, quantity=PIECES)]
        if own:
            lines.append(line(2, COSMETIC, own, consent=True))
        kind = "inpatient" if stay else "outpatient"
        told = self.counter.settle(name, lines, visit_of_many(ALICE, kind), use_account=account)
        self.dumb.first(care)
        self.now[name] = name
        self.agree(told, care)

    def refund(self, number: int, pieces: int) -> None:
        care = self.pick(number)
        if care is None:
            return
        count = 1 + pieces % care.pieces
        last = count == care.pieces
        returns = [back(1, care.piece_fen * count, count)]
        if last and care.own_fen:
            returns.append(back(2, care.own_fen))
        old = (care.fund, care.from_account, care.cash)
        told = refund(self.counter, returns, self.now[care.name], origin=care.name)
        care.pieces -= count
        if last:
            care.live = False
            assert told.answer["state"] == "reversed"
            assert told.answer["paid_back_fen"] == old[1] + old[2]
            return
        self.follow(care, told, old)

    def reverse(self, number: int, _: int) -> None:
        care = self.pick(number)
        if care is not None:
            self.counter.reverse(self.now[care.name])
            care.live = False

    def resettle(self, number: int, _: int) -> None:
        care = self.pick(number)
        if care is None:
            return
        old = (care.fund, care.from_account, care.cash, care.used)
        filed = self.now.get("filed")
        self.dumb.again(care)
        changed = (care.fund, care.from_account, care.cash, care.used) != old
        versions = filed is not None and care.name not in filed.split()
        if not changed and not versions:
            resettle(self.counter, self.now[care.name], origin=care.name,
                     refused="resettle.unchanged")  # fmt: skip
            return
        told = resettle(self.counter, self.now[care.name], origin=care.name)
        self.follow(care, told, old[:3])

    def file(self, _: int, __: int) -> None:
        if not self.dumb.filed:
            self.counter.file("430100f9")
            self.dumb.filed = True
            self.now["filed"] = ""

    def feed(self, amount: int, days: int) -> None:
        at = self.counter.world.time_ms - (days % 40) * 1000
        args = {"person": ALICE, "scheme": "310", "year": 2025, "settled_ms": at, "as_of_ms": at,
                "local": sha256(f"{len(self.dumb.home)}".encode()).digest()}  # fmt: skip
        deltas = {"deltas": {"deductible_fen": amount % 20_000}}
        self.counter.world.do(BUREAU_CHANGSHA, "counters", "feed", args,
                              attachments={"person": deltas})  # fmt: skip
        self.dumb.home.append((at, amount % 20_000))

    def follow(self, care: Care, told: Outcome, old: tuple[int, ...]) -> None:
        self.dumb.again(care)
        self.now[care.name] += "-n"
        self.agree(told, care)
        moved = old[1] + old[2] - care.from_account - care.cash
        assert told.answer["paid_back_fen"] - told.answer["owed_fen"] == moved
        assert care.from_account <= old[1], "no account gives more than it gave"

    def agree(self, told: Outcome, care: Care) -> None:
        if "filed" in self.now:
            self.now["filed"] += f" {care.name}"
        found = (told.answer["funds_fen"], told.answer["account_fen"], told.answer["cash_fen"])
        assert found == (care.fund, care.from_account, care.cash)

    def compare(self) -> None:
        dumb, state = self.dumb, self.state
        assert balance(state, "fund:430100", "310100") == -dumb.pool()
        assert balance(state, ACCOUNT, "310200") == dumb.left_on_account()
        assert balance(state, f"patient:{HOSPITAL}", "cash") == -dumb.cash()
        assert not any(trial_balance(state).values())
        kept = counters.read(state, ALICE, "430100", "310", 2025)
        assert kept.get("deductible_fen", 0) == dumb.deductible()
        assert kept.get("pool_fen", 0) == dumb.pool()
        assert kept.get("admissions", 0) == sum(care.live and care.stay for care in dumb.cares)


STEPS = ("settle", "settle", "refund", "refund", "reverse", "resettle", "resettle", "file", "feed")


@settings(max_examples=120)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(STEPS), st.integers(1, 60_000), st.integers(0, 9_000),
            st.integers(0, 3), st.booleans(),
        ),
        max_size=12,
    )
)  # fmt: skip
def test_every_step_is_what_plain_numbers_say_and_all_comes_back(
    steps: list[tuple[str, int, int, int, bool]],
) -> None:
    story = Story()
    for what, first, second, flags, large in steps:
        story.counter.world.next_block()
        if what == "settle":
            # Now and then a bill that reaches the year's cap.
            story.settle(first * (100 if large else 1), second, flags)
        else:
            getattr(story, what)(first, second)
        story.compare()
    for care in story.dumb.cares:
        if care.live:
            story.counter.world.next_block()
            story.counter.reverse(story.now[care.name])
            care.live = False
    story.compare()
    assert balances(story.state) == story.start


@cache
def _rich() -> CoverWorld:
    """Alice with all that can pay: account, wallet, her child's account, credit, a product."""
    made = CoverWorld().insure()
    world = made.world.on(DAY)
    world.time_ms = start_of_day_ms(DAY) + 12 * 3_600_000
    enrol(world, CHILD, BUREAU_GUANGZHOU, link=sha256(b"child").digest())
    money = {"transfer": "440100d-child", "person": CHILD, "amount_fen": 60_000}
    world.do(BUREAU_GUANGZHOU, "funds", "deposit", money, post="finance")
    tie = {"owner": CHILD, "person": ALICE, "relation": "child", "limit_fen": 25_000,
           "from": "2025-01-01", "presence": CARD}  # fmt: skip
    world.do(BUREAU_GUANGZHOU, "family", "authorise", tie, post="clerk")
    send = {"transfer": "440100w-1", "from": CHILD, "to": ALICE, "amount_fen": 11_000,
            "presence": CARD}  # fmt: skip
    world.do(BUREAU_GUANGZHOU, "wallet", "send", send, post="clerk")
    world.do(CENTRE, "clearing", "open", {"period": DAY[:7]}, post="finance")
    world.do(BUREAU_CHANGSHA, "wallet", "claim", {"transfer": "440100w-1"}, post="clerk")
    return made


def rich() -> CoverWorld:
    built = _rich()
    made = CoverWorld.__new__(CoverWorld)
    made.counter = make_claim_world()
    made.world = made.counter.world
    made.world.state = MemoryState(built.world.state.entries)
    made.world.height, made.world.time_ms = built.world.height, built.world.time_ms
    made.world.next_block()
    return made


def held(made: CoverWorld) -> Any:
    """All that a refund must put back: balances, counters, limits, the product's counters."""
    state = made.world.state
    product = (state.get(counter_key(PRODUCT, ALICE, 2025)) or [{}])[0]
    return (
        balances(state),
        counters.read(state, ALICE, "430100", "310", 2025),
        [row[3] for row in state.get(f"family/{ALICE}")[0]],
        {name: value for name, value in product.items() if value},
    )  # fmt: skip


@settings(max_examples=60)
@given(
    piece=st.integers(1, 90_000),
    own=st.integers(0, 120_000),
    hold=st.integers(0, 30_000),
    split=st.lists(st.integers(1, 5), max_size=3),
    whole=st.booleans(),
)
def test_any_split_gives_every_kind_of_payer_its_own_back(
    piece: int, own: int, hold: int, split: list[int], whole: bool
) -> None:
    made = rich()
    before = held(made)
    name = "H44010000123-m-1"
    given_: dict[str, Any] = {}
    if hold:
        args = {"hold": "bank:icbc:h1", "token": b"t" * 32, "person": ALICE,
                "institution": HOSPITAL, "amount_fen": hold,
                "until_ms": made.world.time_ms + 10**9}  # fmt: skip
        made.world.do(BANK, "credit", "grant", args, post="clerk")
        given_["credit"] = "bank:icbc:h1"
    pieces = 6
    lines = [line(1, BED, piece * pieces, quantity=pieces)]
    if own:
        lines.append(line(2, COSMETIC, own, consent=True))
    settled = made.counter.settle(name, lines, use_account=True, family=[CHILD], **given_)
    gave = settled.answer["person_fen"]
    back_fen, claim = 0, name
    for count in split:
        if count >= pieces:
            break
        told = refund(made.counter, [back(1, piece * count, count)], claim, origin=name)
        pieces, claim = pieces - count, f"{claim}-n"
        back_fen += told.answer["paid_back_fen"] - told.answer["owed_fen"]
        assert back_fen <= gave, "nobody gets back more than was paid"
        assert sum(row["before_fen"] - row["after_fen"] for row in told.answer["differences"]) == (
            piece * count
        )
        for row in told.answer["differences"]:
            if row["payer"] in ("account", "wallet", "relative", "credit"):
                assert row["after_fen"] <= row["before_fen"], row
        assert not any(trial_balance(made.world.state).values())
    if whole:
        made.counter.reverse(claim)
    else:
        rest = [back(1, piece * pieces, pieces)] + ([back(2, own)] if own else [])
        told = refund(made.counter, rest, claim, origin=name)
        assert back_fen + told.answer["paid_back_fen"] == gave
    assert held(made) == before
    assert not balance(made.world.state, f"commercial:{INSURER}", "commercial")
