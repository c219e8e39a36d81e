"""Regressions that are told better in Python than as a scenario, and the page that lists them all.

``docs/consensus-tests.md`` has a row for every directed scenario (D) and every bug of another
system (B); a test here compares it with the tests that exist.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from consensus.effects import Commit, Execute, Refused, Sign
from consensus.events import Fetched, Pending
from consensus.messages import Ballot, Decided, Kind, Message, Proposal
from consensus.quorum import MemberId
from tests.consensus.bench import Bench
from tests.consensus.harness import Node, Options, World, kind_of
from tests.consensus.values import ballot, block, certificate, change
from tests.test_never import NAMED, defined, rows_of

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "consensus-tests.md"
B1 = block("B1")
B2 = block("B2", B1)


# --- One height in flight -------------------------------------------------------------------------


def test_d1_nothing_is_signed_above_the_height_in_flight() -> None:
    """There is no tip to shadow: whatever the others say of height 2, nothing is executed, voted
    for or reported of it while height 1 is open."""
    bench = Bench(1)
    bench.propose(B1)
    bench.propose(B2)
    signed = []
    for kind in (Kind.PREPARE, Kind.COMMIT):
        bench.votes(kind, B2, (0, 2, 3))
        assert not bench.all(Execute)
        assert not bench.all(Commit)
        signed += bench.all(Sign)
    assert not signed
    bench.votes(Kind.PREPARE, B1, (0, 2, 3))
    bench.votes(Kind.COMMIT, B1, (0, 2, 3))
    committed = [effect.block for effect in bench.all(Commit)]
    assert committed == [B1, B2], "in their order, once the first is decided"


def test_d1_a_view_change_reports_the_height_above_its_base_and_no_other() -> None:
    """A certificate two heights above the base, however good, is no view change (M1, M2)."""
    bench = Bench(2)
    bench.hear(change(0, 1, prepared=B2), 0)
    assert bench.all(Refused)
    bench.hear(change(0, 1, prepared=B1), 0)
    assert not bench.all(Refused)


def test_b33_there_is_no_fast_path() -> None:
    """PREPAREs of all members decide nothing, nor do COMMITs of one less than a quorum; reads and
    transactions have no way of their own (Zyzzyva, FaB)."""
    bench = Bench(1)
    bench.propose(B1)
    everybody = bench.votes(Kind.PREPARE, B1, (0, 2, 3))
    assert not [effect for effect in everybody if isinstance(effect, Commit)]
    assert not [
        effect for effect in bench.votes(Kind.COMMIT, B1, (0,)) if isinstance(effect, Commit)
    ]
    assert [effect for effect in bench.votes(Kind.COMMIT, B1, (2,)) if isinstance(effect, Commit)]


# --- Load and custody -----------------------------------------------------------------------------


class Unlucky(World):
    """COMMITs are lost until the members have been through twenty views."""

    wanted = 20

    def passes(self, sender: Node, to: MemberId, message: Message) -> bool:
        views = [node.replica.state.view for node in self.nodes.values() if node.replica]
        return kind_of(message) is not Kind.COMMIT or min(views) >= self.wanted


def test_b15_requests_survive_twenty_view_changes() -> None:
    """fabric 0.6 #1877, #1485: what waits is lost or ordered again when views change. Here each is
    ordered, once, and everybody ends in one view."""
    world = Unlucky(5, Options(base_ms=50))
    world.start()
    for number in range(30):
        world.submit(f"t{number}")
    assert world.run(200_000, world.is_settled), world.describe()
    assert min(node.replica.state.view for node in world.nodes.values() if node.replica) >= 20
    assert len(world.checker.transactions) == 30


class SlowNode(Node):
    """Every signature waits for a disk that takes 60 ms to sync; the queue is long, which is no
    fault of the primary's."""

    def soon(self, event: object) -> None:
        self.later(60, lambda: self.step(event))  # type: ignore[arg-type]

    def tell_pending(self) -> None:
        oldest = min(self.pool.values(), default=None)
        if oldest != self.told:
            self.told = oldest
            self.step(Pending(oldest))
        self.try_build()


def test_b15_overload_and_slow_disks_change_no_view() -> None:
    """fabric 0.6 #917, #2060: view mania under load. 400 transactions at once, 80 blocks one after
    the other, each of which takes half of the view's timer."""
    world = World(2, Options())
    for member in world.nodes:
        world.nodes[member] = SlowNode(world, member)
    world.start()
    for number in range(400):
        world.submit(f"t{number}")
    assert world.run(60_000, world.is_settled), world.describe()
    assert {node.replica.state.view for node in world.nodes.values() if node.replica} == {0}


SPAN_MS = 3_000


class SlowPrimary(World):
    """One member holds its proposals back for so long (Clement et al., Aardvark)."""

    def __init__(self, seed: int, options: Options, hold_ms: int) -> None:
        super().__init__(seed, options)
        self.hold_ms = hold_ms
        self.slow = self.first.members[self.first.primary(0)]
        self.checker.correct.discard(self.slow)

    def outgoing(self, sender: Node, to: MemberId, message: Message) -> list[Message]:
        if sender.member != self.slow or not isinstance(message, Proposal):
            return [message]
        self.later(self.hold_ms, lambda: self._carry(sender.member, to, message))
        return []


def ordered_in(world: World, ms: int) -> int:
    """Transactions ordered in that time while there is always work."""
    world.start()
    for at in range(0, ms, 10):
        world.later(at, lambda at=at: world.submit(f"t{at}"))  # type: ignore[misc]
    world.run(ms)
    return len(world.checker.transactions)


def test_b34_a_slow_primary_is_left_or_costs_less_than_one_timer_a_block() -> None:
    """Too slow: it is left, and the goodput afterwards is that of a healthy network. Just within
    the timer: it stays, every block is late by less than T(0), none is lost (LIMITATIONS.md)."""
    options = Options(delay_ms=3)
    healthy = ordered_in(World(3, options), SPAN_MS)
    left = SlowPrimary(3, options, hold_ms=1_000)
    assert ordered_in(left, SPAN_MS) * 2 >= healthy, "at least half of the fault-free goodput"
    assert left.nodes[left.slow].head.height == max(left.checker.chain)
    stays = SlowPrimary(3, options, hold_ms=300)
    assert ordered_in(stays, SPAN_MS) > 0
    assert max(stays.checker.chain) >= SPAN_MS // 450, "a block in less than T(0) and two hops"


# --- Catching up ----------------------------------------------------------------------------------


class BadServers(World):
    """One member sleeps, then catches up; whoever is asked first fails, in a way of its own."""

    def __init__(self, seed: int, fails: Callable[[BadServers, Node, MemberId, int], None]) -> None:
        super().__init__(seed, Options())
        self.fails = fails
        self.asleep = self.first.members[3]
        self.checker.correct.discard(self.first.members[2])
        self.failures = 0

    def passes(self, sender: Node, to: MemberId, message: Message) -> bool:
        return self.now > 2_000 or self.asleep not in (sender.member, to)

    def fetch(self, node: Node, peer: MemberId, first: int, last: int) -> None:
        if node.member == self.asleep and self.failures < 6:
            self.failures += 1
            self.fails(self, node, peer, first)
        else:
            super().fetch(node, peer, first, last)


def says_nothing(world: BadServers, node: Node, peer: MemberId, first: int) -> None:
    """No answer at all."""


def has_nothing(world: BadServers, node: Node, peer: MemberId, first: int) -> None:
    node.later(5, lambda: node.step(Fetched(peer, ())))


def repeats_what_is_known(world: BadServers, node: Node, peer: MemberId, first: int) -> None:
    old = [Decided(b, c) for b, c in node.disk.chain if c is not None]
    node.later(5, lambda: node.step(Fetched(peer, tuple(old))))


def leaves_a_gap(world: BadServers, node: Node, peer: MemberId, first: int) -> None:
    chain = world.nodes[peer].disk.chain[first + 1 :]
    later = [Decided(b, c) for b, c in chain if c is not None]
    for decided in later:
        node.contents.setdefault(decided.block.id, world.contents[decided.block.id])
    node.later(5, lambda: node.step(Fetched(peer, tuple(later))))


def signs_alone(world: BadServers, node: Node, peer: MemberId, first: int) -> None:
    other = block("lie", node.head)
    forged = certificate(Kind.COMMIT, other, 0, (2,))
    liar = world.first.members[2]
    node.later(5, lambda: node.step(Fetched(liar, (Decided(other, forged),))))


FAILURES = (says_nothing, has_nothing, repeats_what_is_known, leaves_a_gap, signs_alone)


@pytest.mark.parametrize("fails", FAILURES, ids=lambda fails: fails.__name__)
def test_b20_every_way_in_which_catching_up_fails(
    fails: Callable[[BadServers, Node, MemberId, int], None],
) -> None:
    """SmartBFT #436, #565: after a failed sync nothing was asked any more."""
    world = BadServers(4, fails)
    world.start()
    for number in range(20):
        world.later(50 * number, lambda number=number: world.submit(f"t{number}"))  # type: ignore[misc]
    world.run(2_000)
    assert world.nodes[world.asleep].head.height == 0
    assert max(world.checker.chain) > 3
    assert world.run(30_000, world.is_settled), world.describe()
    assert world.nodes[world.asleep].head.height == max(world.checker.chain)
    assert world.failures > 0


def test_b18_a_sync_that_brings_nothing_new_leaves_the_count_alone() -> None:
    """SmartBFT #663: a sync to the same height reset a counter and the next proposal was refused.
    Here the same certified head again, in any phase, changes nothing."""
    bench = Bench(1)
    bench.commit(B1)
    decided = Decided(B1, certificate(Kind.COMMIT, B1))
    for _ in range(3):
        before = (bench.state.phase, bench.state.head, bench.state.view, bench.state.record)
        bench.hear(decided, 2)
        bench.take(Fetched(MemberId(b"c"), (decided,)))
        assert (bench.state.phase, bench.state.head, bench.state.view, bench.state.record) == before
    bench.propose(B2)
    said = [sign.statement for sign in bench.all(Sign)]
    assert said == [Ballot(Kind.PREPARE, 0, 0, 2, B2.id)] == [ballot(Kind.PREPARE, B2)]


# --- The page -------------------------------------------------------------------------------------

SCENARIO = re.compile(r"`(scenarios/[\w-]+\.txt)`")
WANTED = [f"D{n}" for n in range(1, 13)] + [f"B{n}" for n in range(1, 36)]


def test_every_directed_scenario_and_regression_is_listed_with_tests_that_exist() -> None:
    rows = rows_of(PAGE.read_text(encoding="utf-8"))
    assert [name for name in WANTED if name not in rows] == []
    missing = []
    for name in WANTED:
        tests, scenarios = NAMED.findall(rows[name]), SCENARIO.findall(rows[name])
        assert tests or scenarios, f"{name}: no test is named"
        missing += [f"{path}::{test}" for path, test in tests if test not in defined(path)]
        missing += [path for path in scenarios if not (Path(__file__).parent / path).is_file()]
    assert not missing, missing


def test_every_scenario_is_in_the_page() -> None:
    listed = set(SCENARIO.findall(PAGE.read_text(encoding="utf-8")))
    folder = Path(__file__).parent / "scenarios"
    assert {f"scenarios/{path.name}" for path in folder.glob("*.txt")} == listed


def test_every_planted_bug_of_the_catalogue_is_listed() -> None:
    rows = rows_of(PAGE.read_text(encoding="utf-8"))
    listed = {name for first in rows for name in first.split(", ")}
    assert {f"M{n}" for n in range(1, 41)} <= listed
    named = [pair for row in rows.values() for pair in NAMED.findall(row)]
    assert [f"{path}::{test}" for path, test in named if test not in defined(path)] == []
