"""What waits to be sent to one peer: bounded, votes first, nothing that binds is ever dropped.

==========  ==================================================================================
lane        when it is full
==========  ==================================================================================
votes       the peer is too slow: the connection is given up, STATUS repeats what is still of use
changes     the same
proposals   the same
status      the older one is replaced: only the newest says anything
answers     the newest is dropped: who asked asks again, or somebody else
transactions  the newest is dropped: whoever has it in custody sends it again
==========  ==================================================================================

A reader that stops reading therefore costs at most ``BYTES_MAX`` of memory and its connection.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from node.p2p.frames import Frame, FrameType

BYTES_MAX: Final = 48 << 20
"""All lanes of one peer together: five proposals of full size."""
GUEST_BYTES_MAX: Final = 26 << 20
"""The same for a peer without a seat: it is sent nothing that binds and asks for one answer after
the other, so one answer of full size waits at most."""
VOTES_MAX: Final = 4_096
ANSWERS_MAX: Final = 4
TRANSACTIONS_BYTES_MAX: Final = 16 << 20

LANES: Final = {
    FrameType.GREETING: 0, FrameType.PROOF: 0, FrameType.VOTE: 0,
    FrameType.CHANGE: 1,
    FrameType.PROPOSAL: 2,
    FrameType.STATUS: 3, FrameType.ASK: 3, FrameType.ASK_CONTENT: 3, FrameType.REFUSED: 3,
    FrameType.BLOCKS: 4, FrameType.CONTENT: 4, FrameType.EVIDENCE: 4,
    FrameType.ASK_OUTCOME: 3, FrameType.OUTCOME: 4,
    FrameType.ASK_MANIFEST: 3, FrameType.ASK_CHUNK: 3, FrameType.MANIFEST: 4, FrameType.CHUNK: 4,
    FrameType.TRANSACTION: 5,
}  # fmt: skip
"""Lower goes first."""

ANSWERS: Final = frozenset(
    {
        FrameType.BLOCKS, FrameType.CONTENT, FrameType.OUTCOME, FrameType.MANIFEST,
        FrameType.CHUNK,
    }
)  # fmt: skip
"""Large, and bounded by number."""
BINDING: Final = frozenset({FrameType.VOTE, FrameType.CHANGE, FrameType.PROPOSAL})


class TooSlow(Exception):  # noqa: N818  (says what happened)
    """The peer does not take what binds: its connection is given up."""


class SendQueue:
    """The queue of one peer. Used on the event loop's thread."""

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._lanes: list[deque[Frame]] = [deque() for _ in range(max(LANES.values()) + 1)]
        self._size = 0
        self._transactions = 0
        self._filled = asyncio.Event()

    @property
    def size(self) -> int:
        """Bytes that wait."""
        return self._size

    def put(self, frame: Frame) -> bool:
        """Queue a frame; False when it was dropped. Raises ``TooSlow`` for one that binds."""
        lane = self._lanes[LANES[frame.type]]
        if frame.type is FrameType.STATUS:
            self._drop_status(lane)
        full = self._size + frame.size > self._bytes_max
        if frame.type in BINDING:
            if full or len(lane) >= VOTES_MAX:
                raise TooSlow(f"{self._size} bytes wait to be sent")
        elif full or self._is_lane_full(frame, lane):
            return False
        lane.append(frame)
        self._size += frame.size
        if frame.type is FrameType.TRANSACTION:
            self._transactions += frame.size
        self._filled.set()
        return True

    async def get(self) -> Frame:
        """The most urgent frame; waits while there is none."""
        while True:
            for lane in self._lanes:
                if lane:
                    frame = lane.popleft()
                    self._took(frame)
                    return frame
            self._filled.clear()
            await self._filled.wait()

    def _is_lane_full(self, frame: Frame, lane: deque[Frame]) -> bool:
        if frame.type is FrameType.TRANSACTION:
            return self._transactions + frame.size > TRANSACTIONS_BYTES_MAX
        if frame.type in ANSWERS:
            return len(lane) >= ANSWERS_MAX
        return len(lane) >= VOTES_MAX

    def _drop_status(self, lane: deque[Frame]) -> None:
        for old in [frame for frame in lane if frame.type is FrameType.STATUS]:
            lane.remove(old)
            self._took(old)

    def _took(self, frame: Frame) -> None:
        self._size -= frame.size
        if frame.type is FrameType.TRANSACTION:
            self._transactions -= frame.size
