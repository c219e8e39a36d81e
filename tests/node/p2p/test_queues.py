"""The queue of one peer: votes first, bounded, nothing that binds is dropped without a word."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.p2p.frames import Frame, FrameType
from node.p2p.queues import (
    ANSWERS_MAX,
    BINDING,
    LANES,
    TRANSACTIONS_BYTES_MAX,
    VOTES_MAX,
    SendQueue,
    TooSlow,
)


def drain(queue: SendQueue) -> list[Frame]:
    async def run() -> list[Frame]:
        found = []
        while queue.size:
            found.append(await queue.get())
        return found

    return asyncio.run(run())


def fill(queue: SendQueue, frame: Frame) -> None:
    for _ in range(1_000):
        assert queue.put(frame)


@given(st.lists(st.sampled_from(FrameType), max_size=40))
def test_urgent_frames_go_first_and_each_lane_keeps_its_order(kinds: list[FrameType]) -> None:
    queue = SendQueue()
    kept = [
        frame
        for number, kind in enumerate(kinds)
        if queue.put(frame := Frame(kind, number.to_bytes(2, "big")))
    ]
    newest = next((f for f in reversed(kept) if f.type is FrameType.STATUS), None)
    wanted = [f for f in kept if f.type is not FrameType.STATUS or f is newest]
    assert drain(queue) == sorted(wanted, key=lambda frame: LANES[frame.type])


def test_only_the_newest_status_waits() -> None:
    queue = SendQueue()
    for number in range(100):
        assert queue.put(Frame(FrameType.STATUS, bytes([number])))
    assert drain(queue) == [Frame(FrameType.STATUS, bytes([99]))]


@pytest.mark.parametrize("kind", sorted(BINDING))
def test_what_binds_is_never_dropped_in_silence(kind: FrameType) -> None:
    queue = SendQueue(bytes_max=1_000)
    with pytest.raises(TooSlow):
        fill(queue, Frame(kind, bytes(100)))
    assert queue.size <= 1_000


def test_votes_are_bounded_in_number_too() -> None:
    queue = SendQueue()
    for _ in range(VOTES_MAX):
        queue.put(Frame(FrameType.VOTE, b"v"))
    with pytest.raises(TooSlow):
        queue.put(Frame(FrameType.VOTE, b"v"))


def test_answers_and_transactions_beyond_their_bound_are_dropped() -> None:
    queue = SendQueue()
    took = [queue.put(Frame(FrameType.BLOCKS, b"b")) for _ in range(ANSWERS_MAX + 1)]
    assert took == [True] * ANSWERS_MAX + [False]
    one = Frame(FrameType.TRANSACTION, bytes(1 << 20))
    count = sum(queue.put(one) for _ in range(40))
    assert count * one.size <= TRANSACTIONS_BYTES_MAX < (count + 1) * one.size
    # A vote still has its place.
    assert queue.put(Frame(FrameType.VOTE, b"v"))
    drain(queue)
    assert queue.put(one), "what was sent makes room"


def test_get_waits_for_a_frame() -> None:
    async def run() -> None:
        queue = SendQueue()
        waiting = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        assert not waiting.done()
        queue.put(Frame(FrameType.VOTE, b"v"))
        assert await waiting == Frame(FrameType.VOTE, b"v")

    asyncio.run(run())
