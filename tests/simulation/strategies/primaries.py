"""Liars who use that it is their turn to propose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from consensus import BlockId, Kind, Message, Proposal, Vote
from node.ledger.types import Digest, Height, TimeMs
from node.ordering import wire
from node.p2p.frames import Frame, FrameType
from node.p2p.payloads import Content
from tests.simulation.machine import Machine
from tests.simulation.messages import (
    another_block,
    ballot_for,
    content_from,
    content_of,
    frame_of,
    message_of,
)
from tests.simulation.strategies.equivocation import TwoBlocks
from tests.simulation.strategies.votes import VOTING, is_half
from tests.simulation.strategy import Strategy, strategy


@strategy("S14")
class BadBlock(Strategy):
    """Proposes what is no block: another body, no body, another root, parent, height or time; the
    header signed as it is, so that only looking into it shows it."""

    def begin(self) -> None:
        self.be_reckless()

    def send(self, organisation: str, frame: Frame) -> bool:
        if frame.type is not FrameType.PROPOSAL or self.chance.randrange(3) == 0:
            return self.pass_on(organisation, frame)
        message = message_of(frame)
        assert isinstance(message, Proposal), "it is a proposal"
        return self.pass_on(organisation, self._spoil(message, content_of(frame)))

    def _spoil(self, message: Proposal, content: Content) -> Frame:
        header, wires = content.header, list(content.transactions)
        how = self.chance.randrange(8)
        if how == 0:
            return frame_of(message, Content(header, []))
        if how == 1:
            return frame_of(message, Content(header, wires[::-1] + wires[:1]))
        if how == 2:
            return frame_of(message, Content(header, [wires[0][:-1] + b"\x00", *wires[1:]]))
        changed: dict[str, Any] = self.chance.choice((
            {"state_root": Digest(b"\x01" * 32)}, {"receipts_root": Digest(b"\x02" * 32)},
            {"parent": Digest(b"\x03" * 32)}, {"height": Height(header.height + 1)},
            {"time_ms": TimeMs(header.time_ms + 3_600_000)}, {"time_ms": TimeMs(1)},
            {"proposer": "bureau:000000"}, {"next_validators_hash": Digest(b"\x04" * 32)},
        ))  # fmt: skip
        return self._propose(message, Content(replace(header, **changed), wires))

    def _propose(self, message: Proposal, content: Content) -> Frame:
        block = wire.to_core_block(content.header)
        said = replace(message.statement, block=block.id, height=block.height)
        return frame_of(Proposal(message.sender, said, block, self.sign(said)), content)


@strategy("S35")
class AnothersName(BadBlock):
    """Proposes good blocks in the name of another member, or of nobody; the same to everybody."""

    def send(self, organisation: str, frame: Frame) -> bool:
        if frame.type is not FrameType.PROPOSAL:
            return self.pass_on(organisation, frame)
        message, content = message_of(frame), content_of(frame)
        assert isinstance(message, Proposal), "it is a proposal"
        header, own = content.header, self.node.organisation
        others = ["bureau:000000", *(peer for peer in self.peers() if peer != own)]
        if header.proposer != own or header.height % 3 == 0:
            return self.pass_on(organisation, frame)
        lied = replace(header, proposer=others[header.height % len(others)])
        return self.pass_on(organisation, self._propose(message, replace(content, header=lied)))


class Picky(Strategy):
    """Takes from its pool what it likes; honest in everything else."""

    def begin(self) -> None:
        pool = self.node._pool
        take = pool.take

        def pick(*limits: Any, **more: Any) -> Sequence[Any]:
            return self.like(take(*limits, **more))

        pool.take = pick  # type: ignore[method-assign]

    def like(self, waiting: Sequence[Any]) -> Sequence[Any]:
        """What of it goes into the block, in which order."""
        raise NotImplementedError


@strategy("S15")
class Censor(Picky):
    """Leaves out whatever one sender has sent, and every fifth of the others."""

    def like(self, waiting: Sequence[Any]) -> Sequence[Any]:
        senders = sorted({str(one.sender) for one in waiting})
        return [
            one for one in waiting
            if str(one.sender) != senders[0] and int.from_bytes(one.tx_id[:2], "big") % 5
        ]  # fmt: skip


@strategy("S16")
class SlowPrimary(Strategy):
    """Proposes just before the others lose patience."""

    def send(self, organisation: str, frame: Frame) -> bool:
        if frame.type is not FrameType.PROPOSAL:
            return self.pass_on(organisation, frame)
        hold_ms = self.machine.timing.base_ms * self.chance.randrange(60, 98) // 100

        def late() -> None:
            self.pass_on(organisation, frame)

        self.later(hold_ms, late)
        return True


@strategy("S17")
class FrontRunner(Picky):
    """Orders what it has in the order that it likes best: backwards."""

    def like(self, waiting: Sequence[Any]) -> Sequence[Any]:
        return list(waiting)[::-1]


@strategy("S29")
class Conspirators(TwoBlocks):
    """As primary makes two blocks; it and its fellow liars, if there are any, vote PREPARE and
    COMMIT for each of them where it was shown. Keys and connections are shared."""

    def _prepare(self, message: Proposal, frame: Frame) -> tuple[frozenset[str], list[Frame]]:
        fooled, frames = super()._prepare(message, frame)
        made = another_block(self.node, content_of(frame))
        if made is None:
            return fooled, frames
        for organisation in self.peers():
            block = made.block_hash if organisation in fooled else message.statement.block
            for fellow in self._fellows():
                for kind in VOTING:
                    said = replace(message.statement, kind=kind, block=BlockId(block))
                    self._let_vote(fellow, organisation, said)
        return fooled, frames

    def _fellows(self) -> list[Machine]:
        return [
            machine for machine in self.machine.judge.machines
            if not machine.correct and machine.node is not None and machine.peers is not None
        ]  # fmt: skip

    def _let_vote(self, fellow: Machine, organisation: str, said: Any) -> None:
        assert fellow.node is not None, "only those that run"
        seat = fellow.node._replica.state.me
        if seat is not None and organisation != fellow.organisation:
            vote = Vote(seat, said, fellow.strategy.sign(said))
            fellow.strategy.pass_on(organisation, frame_of(vote))


@strategy("S30")
class OnceOnly(Strategy):
    """Perfect in everything, but for one place: there it votes and proposes both ways."""

    def begin(self) -> None:
        self.be_reckless()
        self.place = (self.chance.randrange(3), 6 + self.chance.randrange(12))

    def send(self, organisation: str, frame: Frame) -> bool:
        message = message_of(frame)
        if not self._is_here(message) or is_half(organisation):
            return self.pass_on(organisation, frame)
        if isinstance(message, Proposal):
            made = another_block(self.node, content_of(frame))
            if made is None:
                return self.pass_on(organisation, frame)
            said = ballot_for(message.statement, Kind.PROPOSE, made)
            block = wire.to_core_block(made.header)
            lie = Proposal(message.sender, said, block, self.sign(said))
            return self.pass_on(organisation, frame_of(lie, content_from(made)))
        assert isinstance(message, Vote), "proposals and votes have a place"
        said = replace(message.statement, block=BlockId(bytes(message.statement.block)[::-1]))
        self.pass_on(organisation, frame_of(Vote(message.sender, said, self.sign(said))))
        return self.pass_on(organisation, frame)

    def _is_here(self, message: Message | None) -> bool:
        if not isinstance(message, Proposal | Vote):
            return False
        view, height = self.place
        return message.statement.view >= view and message.statement.height == height
