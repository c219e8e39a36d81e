"""A frame: u32 length (of type and body), u8 type, body. Each type has its own bound.

The length is looked at before anything is read or allocated. No compression: sizes on the wire are
sizes in memory. A length that lies, an unknown type or a body above its type's bound ends the
connection, it cannot be understood any more from there on.
"""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from node.ledger.snapshot import CHUNK_BYTES_MAX, MANIFEST_BYTES_MAX
from node.ledger.types import FRAME_BYTES_MAX, TRANSACTION_BYTES_MAX

ANSWER_BYTES_MAX: Final = 24 << 20
"""Blocks on request: one of full size with its receipts and state diff takes about 16 MiB."""


class FrameType(IntEnum):
    """What the body is. ``payloads`` and ``node.ordering.wire`` write and read it."""

    GREETING = 1
    """Who I say I am, with a nonce (``hello``)."""
    PROOF = 2
    """My signature over both greetings (``hello``)."""
    VOTE = 3
    """PREPARE, COMMIT or WISH."""
    CHANGE = 4
    """VIEW-CHANGE, NEW-VIEW, or a header with its certificate."""
    PROPOSAL = 5
    """PRE-PREPARE with header, transactions and attachments."""
    STATUS = 6
    """What the sender has and lacks."""
    ASK = 7
    """Request for certified blocks."""
    BLOCKS = 8
    """Answer to it."""
    ASK_CONTENT = 9
    """Request for the content of one block."""
    CONTENT = 10
    """Answer to it."""
    TRANSACTION = 11
    """A transaction on its way to all validators."""
    REFUSED = 12
    """The peer's office does not entitle it to what it asked for."""
    ASK_MANIFEST = 13
    """Request for what the peer's snapshot of the state consists of."""
    MANIFEST = 14
    """Answer to it."""
    ASK_CHUNK = 15
    """Request for one chunk of a state."""
    CHUNK = 16
    """Answer to it."""
    EVIDENCE = 20
    """A proof that a validator lied, on its way to all validators."""
    ASK_OUTCOME = 21
    """Request for what a block came to, by a node that came to something else."""
    OUTCOME = 22
    """Answer to it."""


BOUNDS: Final = {
    FrameType.GREETING: 512,
    FrameType.PROOF: 128,
    FrameType.VOTE: 512,
    FrameType.CHANGE: 1 << 20,
    FrameType.PROPOSAL: FRAME_BYTES_MAX,
    FrameType.STATUS: 256,
    FrameType.ASK: 128,
    FrameType.BLOCKS: ANSWER_BYTES_MAX,
    FrameType.ASK_CONTENT: 128,
    FrameType.CONTENT: ANSWER_BYTES_MAX,
    FrameType.TRANSACTION: TRANSACTION_BYTES_MAX + 64,
    FrameType.REFUSED: 128,
    FrameType.ASK_MANIFEST: 16,
    FrameType.MANIFEST: MANIFEST_BYTES_MAX,
    FrameType.ASK_CHUNK: 128,
    FrameType.CHUNK: CHUNK_BYTES_MAX + 128,
    FrameType.EVIDENCE: 65_536,
    FrameType.ASK_OUTCOME: 128,
    FrameType.OUTCOME: FRAME_BYTES_MAX,
}
"""Bytes of a body. A NEW-VIEW of 63 validators takes about 255 KiB, one of 33 about 75 KiB."""

BEFORE_HELLO: Final = frozenset({FrameType.GREETING, FrameType.PROOF})
"""Nothing else is read of a peer that has not proved who it is."""

_HEAD: Final = struct.Struct(">IB")


class FrameError(Exception):
    """The peer sent something that is no frame. The connection is closed."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame."""

    type: FrameType
    body: bytes

    def encode(self) -> bytes:
        """Bytes for the wire."""
        assert len(self.body) <= BOUNDS[self.type], "what we send is within its bound"
        return _HEAD.pack(len(self.body) + 1, self.type) + self.body

    @property
    def size(self) -> int:
        """Bytes on the wire."""
        return _HEAD.size + len(self.body)


async def read_frame(
    reader: asyncio.StreamReader, allowed: frozenset[FrameType] = frozenset(FrameType)
) -> Frame:
    """The next frame. Raises ``FrameError``, and ``IncompleteReadError`` at the end."""
    length, number = _HEAD.unpack(await reader.readexactly(_HEAD.size))
    try:
        kind = FrameType(number)
    except ValueError:
        raise FrameError(f"there is no frame of type {number}") from None
    if kind not in allowed:
        raise FrameError(f"a frame of type {kind.name} has no place here")
    if not 1 <= length <= BOUNDS[kind] + 1:
        raise FrameError(f"a frame of type {kind.name} has no length of {length} bytes")
    return Frame(kind, await reader.readexactly(length - 1))
