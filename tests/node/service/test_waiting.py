"""Who waits for a transaction: told that it is committed, or that it never will be, as soon as that
is certain and no sooner."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from node.ledger.errors import InvalidTransaction, Unavailable
from node.service.node import Node
from tests.node.service.test_node import CLIENT, done, tell


def test_waiting_for_what_expires_ends_with_the_reason(tmp_path: Path) -> None:
    clock = [1_800_000_000_000]

    async def story(node: Node) -> None:
        node._builder.busy = True
        transaction = CLIENT.enter("a", 1, valid_until_ms=clock[0] + 1_000)
        await node.submit(transaction.encode())
        waiting = asyncio.ensure_future(node.wait(transaction.id, 30))
        await asyncio.sleep(0)
        clock[0] += 2_000
        node._builder.busy = False
        node._builder.look()
        await node.settle()
        assert b'code="transaction.expired"' in node.metrics()
        # Our clock is not the chain's: a block proposed in time may still hold it.
        assert not waiting.done()
        clock[0] -= 1_500
        await done(node, CLIENT.enter("b", 1, valid_until_ms=clock[0] + 1_000))
        assert transaction.id in node._admission._waiters
        clock[0] += 500
        # The head has the last moment at which it could be executed: every other block is later.
        await done(node, CLIENT.enter("c", 1, valid_until_ms=clock[0] + 1_000))
        with pytest.raises(InvalidTransaction, match=r"transaction\.expired"):
            await waiting
        assert node._admission._late == {}

    tell(tmp_path, story, clock_ms=lambda: clock[0])


def test_what_the_head_is_later_than_is_over_at_once(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        await done(node, CLIENT.enter("a", 1))
        over = InvalidTransaction(
            "transaction.expired", valid_until_ms=node.head.time_ms, time_ms=node.head.time_ms
        )
        waiting = asyncio.ensure_future(node.wait(bytes(32), 30))
        await asyncio.sleep(0)
        node._admission.dropped(bytes(32), over)
        with pytest.raises(InvalidTransaction, match=r"transaction\.expired") as refusal:
            await waiting
        earliest_ms = node.head.time_ms + 1
        assert refusal.value.values["time_ms"] == earliest_ms, "of the next block, not of a clock"
        ahead = node.head.time_ms + 1
        node._admission.dropped(
            bytes(32), InvalidTransaction("transaction.expired", valid_until_ms=ahead, time_ms=1)
        )
        assert node._admission._late == {}, "nobody waits for it"

    tell(tmp_path, story)


def test_what_no_block_can_hold_any_more_is_let_go_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another primary leaves it out without telling: its time is over, its key was revoked. Where
    this node is behind, that is not certain."""
    clock = [1_800_000_000_000]

    async def story(node: Node) -> None:
        node._builder.busy = True
        admission, until_ms = node._admission, clock[0] + 1_000
        late, revoked = (CLIENT.enter(name, 1, valid_until_ms=until_ms) for name in "ab")
        await node.submit(late.encode())
        waiting = asyncio.ensure_future(node.wait(late.id, 30))
        await asyncio.sleep(0)
        admission.recheck(late)
        assert late.id in node._pool
        clock[0] += 2_000
        admission.recheck(late)
        assert late.id not in node._pool
        assert admission._late == {late.id: until_ms}, "a block proposed in time may hold it"
        clock[0] -= 2_000

        def refuse(*_: Any) -> None:
            raise InvalidTransaction("transaction.key")

        await node.submit(revoked.encode())
        other = asyncio.ensure_future(node.wait(revoked.id, 30))
        await asyncio.sleep(0)
        monkeypatch.setattr(node.chain.executor, "admit", refuse)
        monkeypatch.setattr(admission, "_is_current", lambda: False)
        admission.recheck(revoked)
        assert revoked.id in node._pool
        monkeypatch.setattr(admission, "_is_current", lambda: True)
        admission.recheck(revoked)
        assert revoked.id not in node._pool
        with pytest.raises(InvalidTransaction, match=r"transaction\.key"):
            await other
        waiting.cancel()

    tell(tmp_path, story, clock_ms=lambda: clock[0])


def test_what_waits_is_answered_as_waiting_however_much_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(node: Node) -> None:
        def behind(sender: str, now_ms: int) -> None:
            raise Unavailable("pool.behind", calls=9_000, retry_after_s=7)

        node._builder.busy = True
        transaction = CLIENT.enter("a", 1)
        await node.submit(transaction.encode())
        monkeypatch.setattr(node._pool, "check_wait", behind)
        again = await node.submit(transaction.encode())
        assert (again.tx_id, again.committed) == (transaction.id, False)

    tell(tmp_path, story)


@pytest.mark.parametrize("ending", ["committed", "dropped", "end"])
def test_who_gave_up_a_moment_before_the_answer_holds_nobody_up(
    tmp_path: Path, ending: str
) -> None:
    """Of two who wait the first is cancelled and has not yet taken its leave."""

    async def story(node: Node) -> None:
        first, second = (asyncio.ensure_future(node.wait(bytes(32), 30)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        admission = node._admission
        if ending == "committed":
            admission.committed([bytes(32)])
            assert await second
        elif ending == "dropped":
            admission.dropped(bytes(32), InvalidTransaction("transaction.key"))
            with pytest.raises(InvalidTransaction, match=r"transaction\.key"):
                await second
        else:
            admission.end("node.stopping")
            with pytest.raises(Unavailable, match=r"node\.stopping"):
                await second
            admission.closing = False
        assert admission._waiters == {}

    tell(tmp_path, story)


@pytest.mark.parametrize("primary", [True, False])
def test_a_clock_set_back_makes_nothing_final(tmp_path: Path, primary: bool) -> None:
    """Valid for a day, taken in, and too long by a clock that was set back by an hour since: a
    member whose clock is right may order it, so nobody is told that it never will be."""
    clock = [1_800_000_000_000]

    async def story(node: Node) -> None:
        node._builder.busy = True
        transaction = CLIENT.enter("a", 1, valid_until_ms=clock[0] + 24 * 3_600_000)
        await node.submit(transaction.encode())
        waiting = asyncio.ensure_future(node.wait(transaction.id, 30))
        await asyncio.sleep(0)
        clock[0] -= 3_600_000
        if primary:
            node._builder.busy = False
            node._builder.look()
            await node.settle()
        else:
            node._admission.recheck(transaction)
            assert transaction.id in node._pool, "it is passed on to the primary again"
        await asyncio.sleep(0)
        assert not waiting.done()
        clock[0] += 3_600_000
        node._builder.busy = False
        await node.submit(transaction.encode())
        node._builder.look()
        assert await waiting

    tell(tmp_path, story, clock_ms=lambda: clock[0])


def test_waiting_has_an_end(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        assert not await node.wait(bytes(32), 0.0)
        assert node._admission._waiters == {}
        assert not await node.reader.wait_for_height(1, 0.0)

    tell(tmp_path, story)


def test_who_gives_up_waiting_leaves_the_others_waiting(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        node._builder.busy = True
        transaction = CLIENT.enter("a", 1)
        await node.submit(transaction.encode())
        patient = asyncio.ensure_future(node.wait(transaction.id, 20))
        await asyncio.sleep(0)
        assert not await node.wait(transaction.id, 0.0)
        node._builder.busy = False
        node._builder.look()
        assert await patient

    tell(tmp_path, story)
