"""A transaction that one member alone has, and a primary that proposes nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from node.p2p.frames import Frame, FrameType
from node.service import network
from tests.simulation.keys import signatures
from tests.simulation.memo import remembered
from tests.simulation.options import Options
from tests.simulation.run import WARM_UP_US, Run
from tests.simulation.strategies.simple import Silent
from tests.simulation.strategy import Strategy

OPTIONS = Options(1, strategies=(Silent.name,), families=(), base_ms=500, cap_ms=4_000)
"""Three correct members and one that hears everything and says nothing."""
LOST_MS = 1_000


class LosesTransactions(Strategy):
    """What this member passes on gets lost for a while; its votes do not."""

    def begin(self) -> None:
        self.lost = 0

    def send(self, organisation: str, frame: Frame) -> bool:
        if frame.type is FrameType.TRANSACTION and self.node._pool:
            arrived_ms = self.node._pool.oldest_ms()
            now_ms = self.node._monotonic_ms()
            if arrived_ms is not None and now_ms < arrived_ms + LOST_MS:
                self.lost += 1
                return True
        return self.pass_on(organisation, frame)


def tell(judge: Callable[[Run, bytes], None]) -> None:
    """Hand a transaction to one member alone, while the silent one is primary."""
    with signatures(OPTIONS.mode), remembered():
        run = Run(OPTIONS)
        try:
            for machine in run.machines:
                run.world.after(1_000, machine.start)
            run.world.run(WARM_UP_US)
            correct = run.core()
            primary = bytes(correct[0].node._replica.situation().primary)  # type: ignore[union-attr]
            liar = next(machine for machine in run.machines if not machine.correct)
            assert primary == bytes(liar.member), "the test is about a primary that is silent"
            keeper = correct[0]
            keeper.strategy = LosesTransactions(keeper, run.stream("keeper"))
            keeper.strategy.begin()
            one = run.work.make()
            run.work.send(one, [keeper])
            tx_id = one.transaction.id
            run.world.run(run.world.now + LOST_MS * 1_000)
            assert keeper.strategy.lost >= len(correct) - 1
            assert [m for m in correct if tx_id in m.node._pool] == [keeper]  # type: ignore[union-attr]
            run.world.run(run.world.now + run.bound_us(), lambda: tx_id in run.judge.committed)
            judge(run, tx_id)
        finally:
            for machine in run.machines:
                machine.forget()


def test_what_one_member_alone_has_is_ordered_although_the_primary_is_silent() -> None:
    def judge(run: Run, tx_id: bytes) -> None:
        assert tx_id in run.judge.committed, run.describe()

    tell(judge)


def test_told_to_the_primary_alone_it_would_wait_until_it_expires(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The bug as it was: the one member that knows of it wishes for another view, alone."""
    monkeypatch.setattr(network, "to_tell_everybody", lambda due, now_ms: ())

    def judge(run: Run, tx_id: bytes) -> None:
        assert tx_id not in run.judge.committed
        assert sum(tx_id in m.node._pool for m in run.core() if m.node is not None) == 1

    tell(judge)
