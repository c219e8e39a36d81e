"""Liars who say different things to different people."""

from __future__ import annotations

from consensus import Ballot, Kind, Proposal, Vote
from node.ordering import wire
from node.p2p.frames import Frame, FrameType
from tests.simulation.messages import (
    another_block,
    ballot_for,
    content_from,
    content_of,
    frame_of,
    message_of,
)
from tests.simulation.strategy import Strategy, strategy


@strategy("S3")
class TwoBlocks(Strategy):
    """As primary proposes two good blocks for one height, to two parts of the others, and votes for
    each of them where it was shown."""

    def begin(self) -> None:
        self.be_reckless()
        self._others: dict[Ballot, tuple[frozenset[str], list[Frame]]] = {}

    def send(self, organisation: str, frame: Frame) -> bool:
        if frame.type is not FrameType.PROPOSAL:
            return self.pass_on(organisation, frame)
        message = message_of(frame)
        assert isinstance(message, Proposal), "it is a proposal"
        if message.statement not in self._others:
            self._others[message.statement] = self._prepare(message, frame)
        fooled, frames = self._others[message.statement]
        if organisation not in fooled:
            return self.pass_on(organisation, frame)
        return all(self.pass_on(organisation, one) for one in frames)

    def _prepare(self, message: Proposal, frame: Frame) -> tuple[frozenset[str], list[Frame]]:
        """Whom to fool with another block, and the frames that do it."""
        made = another_block(self.node, content_of(frame))
        if made is None:
            return frozenset(), []
        peers = self.peers()
        fooled = frozenset(self.chance.sample(peers, self.chance.randint(1, len(peers))))
        said = ballot_for(message.statement, Kind.PROPOSE, made)
        block = wire.to_core_block(made.header)
        proposal = Proposal(message.sender, said, block, self.sign(said))
        vote = ballot_for(message.statement, Kind.PREPARE, made)
        return fooled, [
            frame_of(proposal, content_from(made)),
            frame_of(Vote(message.sender, vote, self.sign(vote))),
        ]
