"""Frames taken apart and put together again, for those who change them on the way."""

from __future__ import annotations

from dataclasses import replace

from consensus import Ballot, Decided, Kind, Message, Proposal
from node.execution.blocks import BlockResult
from node.execution.proposing import build
from node.ledger.errors import InvalidMessage
from node.ledger.types import TimeMs
from node.ordering import wire
from node.p2p.frames import Frame, FrameType
from node.p2p.link import PeerFault
from node.p2p.payloads import Content, decode_proposal, encode_proposal
from node.service.node import Node
from node.service.reading import frame_type

CONSENSUS = (FrameType.VOTE, FrameType.CHANGE, FrameType.STATUS)
"""Frames whose body is a message and nothing else."""


def message_of(frame: Frame) -> Message | None:
    """The consensus message in a frame, None in frames of other kinds and in garbage: liars send
    it to each other, too."""
    try:
        if frame.type in CONSENSUS:
            return wire.decode_message(frame.body)
        if frame.type is FrameType.PROPOSAL:
            return wire.decode_message(decode_proposal(frame.body)[0])
    except (InvalidMessage, PeerFault):
        pass
    return None


def kind_of(frame: Frame) -> str:
    """The frame's kind, votes and changes by their message: ``COMMIT``, ``NEW-VIEW``, ..."""
    if frame.type not in (FrameType.VOTE, FrameType.CHANGE):
        return frame.type.name
    try:
        message = wire.decode_message(frame.body)
    except InvalidMessage:
        return frame.type.name
    return "DECIDED" if isinstance(message, Decided) else message.statement.kind.value  # type: ignore[union-attr]


def content_of(frame: Frame) -> Content:
    """The block that comes with a proposal."""
    return Content.decode(decode_proposal(frame.body)[1])


def frame_of(
    message: Message, content: Content | None = None, header: bytes | None = None
) -> Frame:
    """A frame that carries a message; ``content`` goes with a proposal, ``header`` with a decided
    block."""
    body = wire.encode_message(message, header)
    if isinstance(message, Proposal):
        assert content is not None, "a proposal carries its block"
        return Frame(FrameType.PROPOSAL, encode_proposal(body, content.encode()))
    return Frame(frame_type(message), body)


def another_block(node: Node, content: Content) -> BlockResult | None:
    """A block that is just as good, of the same transactions, a millisecond later; None where the
    head has moved meanwhile."""
    header, parent = content.header, node.chain.parent
    if header.parent != parent.block_hash:
        return None
    known = node.chain.result(header.hash)  # type: ignore[arg-type]
    if known is None:
        return None
    later = TimeMs(header.time_ms + 1)
    made = build(node.chain.executor, parent, known.transactions, later, str(header.proposer))
    return made.result


def content_from(result: BlockResult) -> Content:
    """A block in the form in which it travels."""
    return Content(result.header, [transaction.encode() for transaction in result.transactions])


def ballot_for(said: Ballot, kind: Kind, result: BlockResult) -> Ballot:
    """The statement of ``kind`` in the same place for another block."""
    return replace(said, kind=kind, block=result.block_hash)
