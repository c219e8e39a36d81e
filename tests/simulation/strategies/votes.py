"""Liars who lie with their votes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from consensus import Ballot, BlockId, Decided, Kind, Message, Proposal, Vote
from node.p2p.frames import Frame, FrameType
from tests.simulation.messages import frame_of, message_of
from tests.simulation.strategy import Strategy, strategy

VOTING = (Kind.PREPARE, Kind.COMMIT)


def is_half(organisation: str) -> bool:
    """One fixed half of the others."""
    return organisation.encode()[-4] % 2 == 0


@strategy("S4")
class TwoVotes(Strategy):
    """Gives each of its votes twice: to one half for the block, to the other for another one, to
    some now and then both."""

    def begin(self) -> None:
        self.be_reckless()

    def send(self, organisation: str, frame: Frame) -> bool:
        message = message_of(frame)
        if not isinstance(message, Vote) or message.statement.kind not in VOTING:
            return self.pass_on(organisation, frame)
        said = replace(message.statement, block=self._other(message.statement))
        other = frame_of(Vote(message.sender, said, self.sign(said)))
        if self.chance.randrange(4) == 0:
            self.pass_on(organisation, other)
            return self.pass_on(organisation, frame)
        return self.pass_on(organisation, frame if is_half(organisation) else other)

    def _other(self, said: Ballot) -> BlockId:
        """A block that nobody has: its bytes reversed."""
        return BlockId(bytes(said.block)[::-1])


@strategy("S5")
class VoteForAll(Strategy):
    """PREPAREs and COMMITs whatever anybody proposes or votes for, without looking."""

    def begin(self) -> None:
        self.be_reckless()
        self._given: set[Ballot] = set()

    def receive(self, organisation: str, frame: Frame) -> Iterable[Frame]:
        message = message_of(frame)
        state = self.node._replica.state
        if isinstance(message, Vote | Proposal) and state.me is not None:
            for kind in VOTING:
                said = replace(message.statement, kind=kind)
                if said not in self._given and said.epoch == state.validators.epoch:
                    self._given.add(said)
                    vote = frame_of(Vote(state.me, said, self.sign(said)))
                    for peer in self.peers():
                        self.pass_on(peer, vote)
        return (frame,)


@strategy("S6")
class HalfSilent(Strategy):
    """Votes for one half of the others only."""

    def send(self, organisation: str, frame: Frame) -> bool:
        return (frame.type is FrameType.VOTE and is_half(organisation)) or self.pass_on(
            organisation, frame
        )


class Favourite(Strategy):
    """Has one peer whom it tells more than others; another one every few seconds."""

    SLOT_US = 3_000_000

    def is_favourite(self, organisation: str) -> bool:
        peers = self.peers()
        slot = self.machine.world.now // self.SLOT_US
        return bool(peers) and peers[slot % len(peers)] == organisation


def is_commit(message: Message | None) -> bool:
    """A COMMIT."""
    return isinstance(message, Vote) and message.statement.kind is Kind.COMMIT


@strategy("S19")
class SecretCertificate(Favourite):
    """Collects COMMITs and shows what they decide to one peer only, at once; to all others it keeps
    silent about it for good."""

    def send(self, organisation: str, frame: Frame) -> bool:
        message = message_of(frame)
        if not is_commit(message) and not isinstance(message, Decided):
            return self.pass_on(organisation, frame)
        return not self.is_favourite(organisation) or self.pass_on(organisation, frame)

    def receive(self, organisation: str, frame: Frame) -> Iterable[Frame]:
        state = self.node._replica.state
        if state.head_certificate is not None and self.chance.randrange(8) == 0:
            header = self.node.chain.parent.header.encode()
            shown = frame_of(Decided(state.head, state.head_certificate), header=header)
            for peer in self.peers():
                if self.is_favourite(peer):
                    self.pass_on(peer, shown)
        return (frame,)


@strategy("S20")
class WithheldCommit(Favourite):
    """Gives its COMMIT to one peer only, so that exactly this one may decide."""

    def send(self, organisation: str, frame: Frame) -> bool:
        withheld = is_commit(message_of(frame)) and not self.is_favourite(organisation)
        return withheld or self.pass_on(organisation, frame)
