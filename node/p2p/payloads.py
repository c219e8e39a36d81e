"""What frames carry beside consensus messages: a block's content, blocks with their certificates.

Content = ``[header, [transaction on the wire ...]]``: everything that executing a block takes. Each
transaction is decoded by its own strict decoder with its own bounds, when the block is executed.
A proposal's frame is ``[message, content]``; BLOCKS is ``[[certificate, content] ...]``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from node.ledger import shape
from node.ledger.block import Certificate, Header
from node.ledger.codec import decode, encode
from node.ledger.errors import CodecError, InvalidBlock
from node.ledger.types import BLOCK_CALLS_MAX, DIGEST_BYTES, FRAME_BYTES_MAX, TRANSACTION_BYTES_MAX
from node.p2p.link import PeerFault

BLOCKS_MAX: Final = 64
BLOCKS_BYTES_AIM: Final = 4 << 20
"""An answer ends after the block with which it reaches this."""


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
class Ask:
    """Request for the certified blocks ``first`` to ``last``."""

    first: int
    last: int

    def encode(self) -> bytes:
        """Canonical bytes."""
        return encode([self.first, self.last])

    @classmethod
    def decode(cls, data: bytes) -> Ask:
        """Raises ``PeerFault``."""
        try:
            fields = shape.decode_record(data, 2, "ask", bytes_max=64)
            first = shape.integer(fields[0], "first", least=1)
            return cls(first, shape.integer(fields[1], "last", least=first))
        except CodecError as error:
            raise PeerFault(f"malformed request: {error.code}") from None


@dataclass(frozen=True, slots=True)
class AskContent:
    """Request for the content of one block."""

    height: int
    block: bytes

    def encode(self) -> bytes:
        """Canonical bytes."""
        return encode([self.height, self.block])

    @classmethod
    def decode(cls, data: bytes) -> AskContent:
        """Raises ``PeerFault``."""
        try:
            fields = shape.decode_record(data, 2, "ask-content", bytes_max=64)
            height = shape.integer(fields[0], "height", least=1)
            return cls(height, shape.binary(fields[1], "block", DIGEST_BYTES))
        except CodecError as error:
            raise PeerFault(f"malformed request: {error.code}") from None


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


def decode_blocks(data: bytes) -> list[tuple[Certificate, Content]]:
    """Certificates and contents; neither verified. Raises ``PeerFault``."""
    try:
        found = []
        pairs = shape.array(decode(data, bytes_max=FRAME_BYTES_MAX), "blocks", most=BLOCKS_MAX)
        for item in pairs:
            certificate, content = shape.record(item, 2, "block")
            found.append(
                (
                    Certificate.decode(shape.binary_up_to(certificate, "certificate", 1 << 16)),
                    Content.decode(shape.binary_up_to(content, "content", FRAME_BYTES_MAX)),
                )
            )
        return found
    except (CodecError, InvalidBlock) as error:
        raise PeerFault(f"malformed blocks: {error.code}") from None
