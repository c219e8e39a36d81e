"""More than f liars: agreement may fail, but a correct replica never fails itself.

Everybody else lies, in any order and with genuine certificates for whatever they like. The replica
must not crash, must never sign two statements for one slot nor vote in a view that it has left,
over any number of restarts, and must stop signing when it sees a fork.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.effects import Alarm, Commit, Sign
from consensus.events import Executed, Pending, Received, Tick, Verdict
from consensus.messages import (
    Ballot,
    Block,
    Change,
    Decided,
    Kind,
    Message,
    Proposal,
    Statement,
    Status,
    Wish,
    WishStatement,
)
from tests.consensus.bench import Bench
from tests.consensus.values import (
    FOUR,
    GENESIS,
    MEMBERS,
    ballot,
    block,
    certificate,
    change,
    new_view,
    vote,
)

B1, X1 = block("B1"), block("X1")
BLOCKS = [B1, X1, block("B2", B1), block("X2", X1), block("Y2", B1)]
BASES = [GENESIS, B1, X1]
ME = 1

blocks = st.sampled_from(BLOCKS)
views = st.integers(0, 2)
liars = st.sampled_from([0, 2, 3])


@st.composite
def changes(draw: st.DrawFn, sender: int | None = None, view: int | None = None) -> Message:
    base = draw(st.sampled_from(BASES))
    above = [of for of in BLOCKS if of.parent == base.id]
    prepared = draw(st.sampled_from([None, *above]))
    who = draw(liars) if sender is None else sender
    to = draw(st.integers(1, 3)) if view is None else view
    return change(who, to, base, prepared, draw(st.integers(0, to - 1)))


@st.composite
def new_views(draw: st.DrawFn) -> Message:
    view = draw(st.integers(1, 3))
    carried = tuple(draw(changes(sender, view)) for sender in (0, 2, 3))
    return new_view(view, carried)  # type: ignore[arg-type]


votes = st.builds(vote, st.sampled_from([Kind.PREPARE, Kind.COMMIT]), blocks, liars, views)
proposals = st.builds(
    lambda of, view: Proposal(FOUR.primary(view), ballot(Kind.PROPOSE, of, view), of, b"s"),
    blocks, views,
)  # fmt: skip
wishes = st.builds(lambda who, view: Wish(who, WishStatement(0, view), b"s"), liars, views)
decided = st.builds(
    lambda of, view: Decided(of, certificate(Kind.COMMIT, of, view, (0, 2, 3))), blocks, views
)
statuses = st.builds(
    lambda view, height: Status(0, view, height, view, False, False, 0, 0, 0),
    views, st.integers(0, 3),
)  # fmt: skip
messages = st.one_of(
    votes, votes, votes, proposals, proposals, wishes, changes(), new_views(), decided, statuses
)
steps = st.one_of(
    st.tuples(st.just("hear"), messages),
    st.tuples(st.just("hear"), messages),
    st.tuples(st.just("wait"), st.integers(0, 3_000)),
    st.tuples(st.just("crash"), st.none()),
    st.tuples(st.just("judge"), st.tuples(blocks, st.sampled_from(list(Verdict)))),
)


class Witness:
    """Remembers what one member signed in all its lives."""

    def __init__(self) -> None:
        self.signed: dict[tuple[object, ...], Statement] = {}
        self.left = 0

    def see(self, bench: Bench) -> None:
        for sign in bench.all(Sign):
            said = sign.statement
            slot: tuple[object, ...] = (said.kind, said.view)
            if isinstance(said, Ballot):
                assert said.view >= self.left
                slot = (*slot, said.height)
            assert self.signed.setdefault(slot, said) == said
            if isinstance(said, Change):
                self.left = max(self.left, said.view)


@settings(max_examples=300)
@given(st.lists(steps, min_size=5, max_size=60))
def test_a_correct_replica_among_liars(story: list[tuple[str, object]]) -> None:
    bench, witness = Bench(ME), Witness()
    chain: list[tuple[Block, object]] = [(GENESIS, None)]
    for act, what in story:
        if act == "hear":
            bench.take(Received(MEMBERS[0], what))  # type: ignore[arg-type]
        elif act == "wait":
            bench.take(Pending(bench.now))
            bench.take(Tick(), at=bench.now + what)  # type: ignore[operator]
        elif act == "judge":
            of, verdict = what  # type: ignore[misc]
            bench.executes = not bench.executes
            bench.take(Executed(of.id, verdict))
        else:
            head, proof = chain[-1]
            bench = Bench(ME, record=bench.record, head=head, certificate=proof)  # type: ignore[arg-type]
        witness.see(bench)
        for commit in bench.all(Commit):
            assert commit.block.parent == chain[-1][0].id
            commit.certificate.check(Kind.COMMIT, FOUR)
            chain.append((commit.block, commit.certificate))
        if any(alarm.code == "fork" for alarm in bench.all(Alarm)):
            assert not bench.state.may_sign
