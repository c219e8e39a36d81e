"""Liars who lie when views change, and with certificates."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from consensus import Ballot, Block, BlockId, Certificate, Decided, Kind, Message, Status
from consensus.messages import Change, ChangeProof, NewView, NewViewStatement, ViewChange
from consensus.plain import message_to_plain
from node.ledger.block import Header
from node.ledger.codec import encode
from node.ledger.types import Digest
from node.ordering import wire
from node.p2p.frames import Frame, FrameType
from tests.simulation.messages import frame_of, message_of
from tests.simulation.strategy import Strategy, strategy


class Rewriting(Strategy):
    """Changes its own messages on their way out, two times of three."""

    ONLY: FrameType | None = None
    """The frames that it rewrites, where it does not rewrite all."""

    def begin(self) -> None:
        self.be_reckless()

    def send(self, organisation: str, frame: Frame) -> bool:
        if self.ONLY not in (None, frame.type):
            return self.pass_on(organisation, frame)
        message = message_of(frame)
        if message is None or self.chance.randrange(3) == 0:
            return self.pass_on(organisation, frame)
        sent = [self.pass_on(organisation, self.framed(one)) for one in self.instead(message)]
        return any(sent) or not sent

    def framed(self, message: Message) -> Frame:
        """A frame that carries a message; a decided block has the head's header."""
        header = self.node.chain.parent.header.encode() if isinstance(message, Decided) else None
        return frame_of(message, header=header)

    def instead(self, message: Message) -> list[Message]:
        """What leaves in place of ``message`` (no proposal)."""
        raise NotImplementedError

    def signed_change(self, message: ViewChange, said: Change, proof: ChangeProof) -> ViewChange:
        """A view change that this member never made."""
        return ViewChange(message.sender, said, proof, self.sign(said))


@strategy("S10")
class LyingViewChange(Rewriting):
    """Hides what it has prepared, or where its chain ends."""

    ONLY = FrameType.CHANGE

    def instead(self, message: Message) -> list[Message]:
        if not isinstance(message, ViewChange):
            return [message]
        said, proof = message.statement, message.proof
        if self.chance.randrange(2):
            hidden = replace(said, prepared=None)
            kept = ChangeProof(proof.base_certificate, None, None)
            return [self.signed_change(message, hidden, kept)]
        base = self.node._replica.state.epoch_base
        old = Change(said.epoch, said.view, base.height, base.id, None)
        return [self.signed_change(message, old, ChangeProof(None, None, None))]


@strategy("S11")
class ForeignCertificate(Rewriting):
    """Reports as prepared what never was: certificates edited, of itself alone, of other places."""

    ONLY = FrameType.CHANGE

    def instead(self, message: Message) -> list[Message]:
        if not isinstance(message, ViewChange):
            return [message]
        said, state = message.statement, self.node._replica.state
        block = Block(
            BlockId(b"\x5a" * 32), said.base_block, said.base_height + 1, said.epoch, False
        )
        ballot = Ballot(Kind.PREPARE, said.epoch, said.view - 1, block.height, block.id)
        signature = self.sign(ballot)
        signers: tuple[int, ...] = self.chance.choice((
            (message.sender,),
            (message.sender,) * state.validators.quorum,
            tuple(range(state.validators.quorum)),
        ))  # fmt: skip
        alone = Certificate(
            ballot.kind, ballot.epoch, ballot.view, ballot.height, ballot.block,
            tuple((signer, signature) for signer in signers),
        )  # fmt: skip
        claimed = replace(said, prepared=ballot)
        proof = ChangeProof(message.proof.base_certificate, block, alone)
        return [message, self.signed_change(message, claimed, proof)]


@strategy("S12")
class TwoNewViews(Rewriting):
    """As primary begins its view from other view changes for everybody."""

    ONLY = FrameType.CHANGE

    def instead(self, message: Message) -> list[Message]:
        state = self.node._replica.state
        if not isinstance(message, NewView) or message.sender != state.me:
            return [message]
        held = list(state.changes.of(message.statement.view).values())
        if len(held) < state.validators.quorum:
            return [message]
        chosen = self.chance.sample(held, state.validators.quorum)
        return [self.new_view(message, sorted(chosen, key=lambda change: change.sender))]

    def new_view(self, message: NewView, changes: list[ViewChange]) -> NewView:
        """A NEW-VIEW of these view changes, whatever they are."""
        named = tuple((change.sender, change.statement) for change in changes)
        said = NewViewStatement(message.statement.epoch, message.statement.view, named)
        return NewView(message.sender, said, tuple(changes), self.sign(said))


@strategy("S13")
class BadNewView(TwoNewViews):
    """As primary begins its view from what is no quorum: too few, one twice, not in order, of
    another view, or not those that it names."""

    def instead(self, message: Message) -> list[Message]:
        if not isinstance(message, NewView) or message.sender != self.node._replica.state.me:
            return [message]
        changes = list(message.view_changes)
        how = self.chance.randrange(5)
        if how == 0:
            return [self.new_view(message, changes[:-1])]
        if how == 1:
            return [self.new_view(message, [changes[0], *changes[:-1]])]
        if how == 2:
            return [self.new_view(message, changes[::-1])]
        if how == 3:
            own = next(change for change in changes if change.sender == message.sender)
            later = replace(own.statement, view=own.statement.view + 1)
            forged = self.signed_change(own, later, own.proof)
            return [self.new_view(message, [forged if c is own else c for c in changes])]
        return [replace(message, view_changes=tuple(changes[:-1]))]


@strategy("S18")
class ForgedCertificate(Rewriting):
    """Passes forged certificates around: one signature less, one twice, other views, other epochs,
    strangers, flipped bits, another order."""

    ONLY = FrameType.STATUS

    def instead(self, message: Message) -> list[Message]:
        state = self.node._replica.state
        good = state.head_certificate
        if good is None or good.epoch != state.validators.epoch:
            return [message]
        forge = self.chance.choice(FORGERIES)
        made = forge(good)
        block = replace(state.head, height=made.height, epoch=made.epoch, id=made.block)
        return [message, Decided(block, made)]


@strategy("S34")
class FalseBlock(Rewriting):
    """Tells of true blocks what they are not: that one ends its epoch, or that one does not; what
    it stands on. None of it is under a signature."""

    ONLY = FrameType.CHANGE

    def receive(self, organisation: str, frame: Frame) -> Iterable[Frame]:
        state, status = self.node._replica.state, message_of(frame)
        behind = isinstance(status, Status) and status.height < state.head.height
        if behind and state.head_certificate is not None:
            # Sooner than correct members, who wait until it has not come by itself.
            self.pass_on(organisation, self.framed(Decided(state.head, state.head_certificate)))
        return (frame,)

    def framed(self, message: Message) -> Frame:
        if not isinstance(message, Decided):
            return super().framed(message)
        header = self.node.chain.parent.header
        lied: Header = self.chance.choice((
            replace(header, parent=Digest(b"\x5a" * 32)),
            replace(header, next_validators_hash=Digest(b"\x5a" * 32)),
        ))  # fmt: skip
        if self.chance.randrange(2):
            return frame_of(message, header=lied.encode())
        own = replace(message, block=replace(wire.to_core_block(lied), id=message.block.id))
        return Frame(FrameType.CHANGE, encode(message_to_plain(own)))

    def instead(self, message: Message) -> list[Message]:
        if isinstance(message, ViewChange):
            return [self.twisted(message)]
        if isinstance(message, NewView):
            changes = tuple(self.twisted(change) for change in message.view_changes)
            return [replace(message, view_changes=changes)]
        return [message]

    def twisted(self, change: ViewChange) -> ViewChange:
        """The view change with another story of the block that it reports."""
        block = change.proof.prepared_block
        if block is None:
            return change
        lied = replace(block, epoch_final=not block.epoch_final)
        return replace(change, proof=replace(change.proof, prepared_block=lied))


def _one_less(good: Certificate) -> Certificate:
    return replace(good, signatures=good.signatures[:-1])


def _one_twice(good: Certificate) -> Certificate:
    return replace(good, signatures=good.signatures[:1] + good.signatures[:-1])


def _backwards(good: Certificate) -> Certificate:
    return replace(good, signatures=good.signatures[::-1])


def _stranger(good: Certificate) -> Certificate:
    return replace(good, signatures=(*good.signatures, (62, good.signatures[0][1])))


def _flipped(good: Certificate) -> Certificate:
    signer, signature = good.signatures[0]
    broken = bytes([signature[0] ^ 1]) + signature[1:]
    return replace(good, signatures=((signer, broken), *good.signatures[1:]))


FORGERIES: tuple[Callable[[Certificate], Certificate], ...] = (
    _one_less, _one_twice, _backwards, _stranger, _flipped,
    lambda good: replace(good, view=good.view + 1),
    lambda good: replace(good, epoch=good.epoch + 1),
    lambda good: replace(good, height=good.height + 1),
    lambda good: replace(good, height=good.height + 1, block=BlockId(b"\x77" * 32)),
    lambda good: replace(good, kind=Kind.PREPARE),
    lambda good: replace(good, signatures=()),
)  # fmt: skip
"""Each makes of a good certificate one that certifies nothing."""
