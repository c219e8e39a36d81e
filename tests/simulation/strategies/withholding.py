"""A liar who keeps whole blocks back and offers what they did instead (DECISIONS D163, D170)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from consensus import Ballot, BlockId, Proposal
from node.ledger.codec import encode
from node.ledger.receipt import encode_writes
from node.ordering import wire
from node.p2p.frames import Frame, FrameType
from node.p2p.link import PeerFault
from node.p2p.payloads import Ask, AskContent, Changes, Content, Share, encode_refusal
from tests.simulation.messages import content_of, frame_of, message_of
from tests.simulation.strategy import Strategy, strategy

FROM_NOTHING = {"account/nobody": encode({"person": {"basic": 100_000_000}})}
"""A million yuan that nobody paid in."""


@strategy("S33")
class Withholder(Strategy):
    """Grants nobody whole blocks and offers their diffs: of the others' blocks the true one, which
    says nothing of whether they were right; of its own one that makes money from nothing and leads
    to the state root that its header names, while the transactions are not to be had."""

    def begin(self) -> None:
        self.be_reckless()
        self._made: dict[bytes, Changes] = getattr(self, "_made", {})
        self._proposed: dict[Ballot, Frame] = getattr(self, "_proposed", {})

    def send(self, organisation: str, frame: Frame) -> bool:
        if frame.type is FrameType.PROPOSAL:
            message = message_of(frame)
            assert isinstance(message, Proposal), "it is a proposal"
            if message.statement not in self._proposed:
                self._proposed[message.statement] = self._forge(message, frame)
            frame = self._proposed[message.statement]
        return self.pass_on(organisation, frame)

    def receive(self, organisation: str, frame: Frame) -> Iterable[Frame]:
        try:
            return (frame,) if self._answer(organisation, frame) is None else ()
        except PeerFault:
            return (frame,)

    def _answer(self, organisation: str, frame: Frame) -> bool | None:
        """None for what the node is to answer itself. Raises ``PeerFault``."""
        if frame.type is FrameType.ASK:
            asked: Ask | AskContent = Ask.decode(frame.body)
        elif frame.type is FrameType.ASK_CONTENT:
            asked = AskContent.decode(frame.body)
        else:
            return None
        if asked.share is Share.CONTENT:
            grant = Frame(FrameType.REFUSED, encode_refusal(Share.CHANGES))
            return self.pass_on(organisation, grant)
        made = self._changes_of(asked.block) if isinstance(asked, AskContent) else None
        if made is None:
            return None
        return self.pass_on(organisation, Frame(FrameType.CONTENT, made.encode()))

    def _changes_of(self, block: bytes) -> Changes | None:
        """What a block did, also of one that nobody has decided: no correct node gives that."""
        result = self.node.chain.result(BlockId(block))
        if result is not None:
            return Changes(result.header, result.leaves, result.receipt_bytes, result.diff)
        return self._made.get(block)

    def _forge(self, message: Proposal, frame: Frame) -> Frame:
        """Now and then another block in its place, without its transactions."""
        content, chain = content_of(frame), self.node.chain
        result = chain.result(message.block.id)
        if result is None or self.chance.randrange(2):
            return frame
        writes = dict(result.writes) | FROM_NOTHING
        header = replace(content.header, state_root=chain.executor._overlay(writes).root)
        self._made[header.hash] = Changes(
            header, result.leaves, result.receipt_bytes, encode_writes(writes)
        )
        self.machine.judge.trace.point("withheld.money-from-nothing")
        block = wire.to_core_block(header)
        said = replace(message.statement, block=block.id)
        lie = Proposal(message.sender, said, block, self.sign(said))
        return frame_of(lie, Content(header, []))
