"""What frames carry beside consensus messages: a block's content, blocks with their certificates.

Content = ``[header, [transaction on the wire ...]]``: everything that executing a block takes. Each
transaction is decoded by its own strict decoder with its own bounds, when the block is executed.
Changes = ``[header, [leaf ...], [receipt ...], state diff]``: the same block for those whom the
attachments do not concern; who asks says which of the two (``Share``). A proposal's frame is
``[message, content]``; BLOCKS is ``[[certificate, content or changes] ...]``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from node.ledger import shape
from node.ledger.block import Certificate, Header
from node.ledger.codec import decode, encode
from node.ledger.errors import CodecError, InvalidBlock
from node.ledger.snapshot import CHUNK_BYTES_MAX, DEPTH_MAX
from node.ledger.types import (
    BLOCK_CALLS_MAX,
    DIGEST_BYTES,
    FRAME_BYTES_MAX,
    TRANSACTION_BYTES_MAX,
    Value,
)
from node.p2p.frames import ANSWER_BYTES_MAX
from node.p2p.link import PeerFault

BLOCKS_MAX: Final = 64
BLOCKS_BYTES_AIM: Final = 4 << 20
"""An answer ends before the block with which it would pass this; its first goes in any case."""


class Share(IntEnum):
    """How much of a block goes to a node. More is more than less; 1 is kept for a member's part:
    what it is a party to."""

    NOTHING = 0
    CHANGES = 2
    """Header, certificate, transactions without attachments, receipts, state diff."""
    CONTENT = 3
    """Header, certificate, transactions with attachments."""


@dataclass(frozen=True, slots=True)
class Content:
    """A block as it travels."""

    header: Header
    transactions: Sequence[bytes]
    """Each as on the wire, with its attachments; not looked at yet."""

    def encode(self) -> bytes:
        """Canonical bytes."""
        return encode([self.header.encode(), list(self.transactions)])

    @classmethod
    def decode(cls, data: bytes) -> Content:
        """Header and a list of byte strings. Raises ``PeerFault``."""
        try:
            header, wires = shape.decode_record(data, 2, "content", bytes_max=FRAME_BYTES_MAX)
            shape.array(wires, "transactions", most=BLOCK_CALLS_MAX)
            for wire in wires:
                shape.binary_up_to(wire, "transaction", TRANSACTION_BYTES_MAX)
            return cls(Header.decode(shape.binary_up_to(header, "header", FRAME_BYTES_MAX)), wires)
        except (CodecError, InvalidBlock) as error:
            raise PeerFault(f"malformed content: {error.code}") from None

    @property
    def size(self) -> int:
        """Bytes of the transactions."""
        return sum(map(len, self.transactions))


@dataclass(frozen=True, slots=True)
class Changes:
    """A block for who may not see its attachments: what it did instead of what it was made of."""

    header: Header
    leaves: Sequence[bytes]
    """Leaves of the transaction tree; not looked at yet, like all that follows."""
    receipts: Sequence[bytes]
    diff: bytes
    """Canonical state diff of the height."""

    def encode(self) -> bytes:
        """Canonical bytes."""
        return encode([self.header.encode(), list(self.leaves), list(self.receipts), self.diff])

    @classmethod
    def decode(cls, data: bytes) -> Changes:
        """Header, two lists of byte strings, a byte string. Raises ``PeerFault``."""
        try:
            header, leaves, receipts, diff = shape.decode_record(
                data, 4, "changes", bytes_max=ANSWER_BYTES_MAX
            )
            for name, items in (("leaves", leaves), ("receipts", receipts)):
                for item in shape.array(items, name, most=BLOCK_CALLS_MAX):
                    shape.binary_up_to(item, name, FRAME_BYTES_MAX)
            return cls(
                Header.decode(shape.binary_up_to(header, "header", FRAME_BYTES_MAX)),
                leaves, receipts, shape.binary_up_to(diff, "diff", ANSWER_BYTES_MAX),
            )  # fmt: skip
        except (CodecError, InvalidBlock) as error:
            raise PeerFault(f"malformed changes: {error.code}") from None

    @property
    def size(self) -> int:
        """Bytes of everything but the header."""
        return sum(map(len, self.leaves)) + sum(map(len, self.receipts)) + len(self.diff)


AnyContent = Content | Changes
_CONTENT_MARK: Final = encode([0, 0])[:1]
"""First byte of the form with two fields."""


def decode_content(data: bytes) -> AnyContent:
    """A block in whichever form it is; whether that one is wanted is not looked at: an answer may
    be late and of a request in another form. Raises ``PeerFault``."""
    return Content.decode(data) if data[:1] == _CONTENT_MARK else Changes.decode(data)


def share_in(content: AnyContent) -> Share:
    """How much of the block this is."""
    return Share.CONTENT if isinstance(content, Content) else Share.CHANGES


@dataclass(frozen=True, slots=True)
class Ask:
    """Request for the certified blocks ``first`` to ``last``."""

    first: int
    last: int
    share: Share = Share.CONTENT

    def encode(self) -> bytes:
        """Canonical bytes."""
        return encode([self.first, self.last, int(self.share)])

    @classmethod
    def decode(cls, data: bytes) -> Ask:
        """Raises ``PeerFault``."""
        try:
            fields = shape.decode_record(data, 3, "ask", bytes_max=64)
            first = shape.integer(fields[0], "first", least=1)
            last = shape.integer(fields[1], "last", least=first)
            return cls(first, last, _share(fields[2]))
        except CodecError as error:
            raise PeerFault(f"malformed request: {error.code}") from None


@dataclass(frozen=True, slots=True)
class AskContent:
    """Request for the content of one block."""

    height: int
    block: bytes
    share: Share = Share.CONTENT

    def encode(self) -> bytes:
        """Canonical bytes."""
        return encode([self.height, self.block, int(self.share)])

    @classmethod
    def decode(cls, data: bytes) -> AskContent:
        """Raises ``PeerFault``."""
        try:
            fields = shape.decode_record(data, 3, "ask-content", bytes_max=64)
            height = shape.integer(fields[0], "height", least=1)
            block = shape.binary(fields[1], "block", DIGEST_BYTES)
            return cls(height, block, _share(fields[2]))
        except CodecError as error:
            raise PeerFault(f"malformed request: {error.code}") from None


ASK_MANIFEST: Final = encode([])
"""Body of ASK_MANIFEST: who asks takes what there is."""


@dataclass(frozen=True, slots=True)
class AskChunk:
    """Request for chunk ``number`` of a state whose tree has ``digest`` there, at this depth. The
    height does not matter: a chunk that did not change is the same in many states."""

    depth: int
    number: int
    digest: bytes

    def encode(self) -> bytes:
        """Canonical bytes."""
        return encode([self.depth, self.number, self.digest])

    @classmethod
    def decode(cls, data: bytes) -> AskChunk:
        """Raises ``PeerFault``."""
        try:
            fields = shape.decode_record(data, 3, "ask-chunk", bytes_max=64)
            depth = shape.integer(fields[0], "depth", most=DEPTH_MAX)
            number = shape.integer(fields[1], "number", most=(1 << depth) - 1)
            return cls(depth, number, shape.binary(fields[2], "digest", DIGEST_BYTES))
        except CodecError as error:
            raise PeerFault(f"malformed request: {error.code}") from None


def encode_chunk_answer(digest: bytes, chunk: bytes) -> bytes:
    """Body of CHUNK: which was asked for, and its bytes; empty where the peer has it no more."""
    return encode([digest, chunk])


def decode_chunk_answer(data: bytes) -> tuple[bytes, bytes]:
    """Raises ``PeerFault``."""
    try:
        digest, chunk = shape.decode_record(
            data, 2, "chunk answer", bytes_max=CHUNK_BYTES_MAX + 128
        )
        return (
            shape.binary(digest, "digest", DIGEST_BYTES),
            shape.binary_up_to(chunk, "chunk", CHUNK_BYTES_MAX),
        )
    except CodecError as error:
        raise PeerFault(f"malformed chunk: {error.code}") from None


def encode_refusal(granted: Share) -> bytes:
    """Body of REFUSED: what the peer may ask for."""
    return encode([int(granted)])


def decode_refusal(data: bytes) -> Share:
    """Raises ``PeerFault``."""
    try:
        (granted,) = shape.decode_record(data, 1, "refusal", bytes_max=16)
        return _share(granted)
    except CodecError as error:
        raise PeerFault(f"malformed refusal: {error.code}") from None


def _share(value: Value) -> Share:
    number = shape.integer(value, "share")
    try:
        return Share(number)
    except ValueError:
        raise CodecError("ask.share", share=number) from None


def encode_proposal(message: bytes, content: bytes) -> bytes:
    """Body of a PROPOSAL."""
    return encode([message, content])


def decode_proposal(data: bytes) -> tuple[bytes, bytes]:
    """Message and content, both still bytes. Raises ``PeerFault``."""
    try:
        message, content = shape.decode_record(data, 2, "proposal", bytes_max=FRAME_BYTES_MAX)
        return (
            shape.binary_up_to(message, "message", 1024),
            shape.binary_up_to(content, "content", FRAME_BYTES_MAX),
        )
    except CodecError as error:
        raise PeerFault(f"malformed proposal: {error.code}") from None


def encode_blocks(blocks: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Body of BLOCKS from (certificate, content)."""
    return encode([list(pair) for pair in blocks])


def decode_blocks(data: bytes) -> list[tuple[Certificate, AnyContent]]:
    """Certificates and contents in whichever form; neither verified. Raises ``PeerFault``."""
    try:
        found = []
        pairs = shape.array(decode(data, bytes_max=ANSWER_BYTES_MAX), "blocks", most=BLOCKS_MAX)
        for item in pairs:
            certificate, content = shape.record(item, 2, "block")
            found.append(
                (
                    Certificate.decode(shape.binary_up_to(certificate, "certificate", 1 << 16)),
                    decode_content(shape.binary_up_to(content, "content", ANSWER_BYTES_MAX)),
                )
            )
        return found
    except (CodecError, InvalidBlock) as error:
        raise PeerFault(f"malformed blocks: {error.code}") from None
