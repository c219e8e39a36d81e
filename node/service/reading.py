"""What a peer's bytes say, before anybody acts on them. Pure: decoding, sorting, verifying.

What cannot be read or does not verify raises ``PeerFault``: no correct node sends it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from consensus import Decided, Message, Proposal, Status, Vote
from consensus.messages import ViewChange, Wish
from node.ledger import block as ledger_block
from node.ledger.errors import InvalidBlock, InvalidMessage
from node.ordering import wire
from node.p2p.frames import Frame, FrameType
from node.p2p.link import PeerFault
from node.p2p.payloads import AnyContent, Ask, Share, decode_blocks, decode_proposal, share_in

FROM_GUESTS: Final = frozenset(
    {
        FrameType.STATUS, FrameType.ASK, FrameType.ASK_CONTENT, FrameType.TRANSACTION,
        FrameType.ASK_MANIFEST, FrameType.ASK_CHUNK,
    }
)  # fmt: skip
"""What is heard of a node without a seat."""
PASSED_OVER: Final = frozenset({FrameType.EVIDENCE, FrameType.ASK_OUTCOME, FrameType.OUTCOME})
"""What an honest follower sends to all its peers or answers; a validator can do without it."""
REQUESTS: Final = frozenset(
    {
        FrameType.ASK, FrameType.ASK_CONTENT, FrameType.ASK_OUTCOME,
        FrameType.ASK_MANIFEST, FrameType.ASK_CHUNK,
    }
)  # fmt: skip
"""What is answered, or refused, by office."""


def decode_message(data: bytes) -> Message:
    """A consensus message; its signatures are not looked at."""
    try:
        return wire.decode_message(data)
    except InvalidMessage as error:
        raise PeerFault(f"a malformed message: {error.code}") from None


def frame_type(message: Message) -> FrameType:
    """The frame that carries a message."""
    match message:
        case Vote() | Wish():
            return FrameType.VOTE
        case Status():
            return FrameType.STATUS
        case Proposal():
            return FrameType.PROPOSAL
        case _:
            return FrameType.CHANGE


def epoch_of(message: Message) -> int:
    """The epoch whose validator set judges a message."""
    match message:
        case Status():
            return message.epoch
        case Decided():
            return message.certificate.epoch
        case _:
            return message.statement.epoch


def check_origin(
    organisation: str, message: Message, validators: ledger_block.ValidatorSet
) -> None:
    """Everybody brings its own messages. A NEW-VIEW and a decided block may come from anybody
    who has them; whoever brings another's vote only makes others compute."""
    if not isinstance(message, Vote | Wish | Proposal | ViewChange):
        return
    seats = validators.validators
    if not 0 <= message.sender < len(seats):
        raise PeerFault(f"a {type(message).__name__} of seat {message.sender}, which nobody has")
    owner = seats[message.sender].organisation
    if owner != organisation:
        raise PeerFault(f"a {type(message).__name__} of {owner}")


def seat_of(frame: Frame) -> int | None:
    """The epoch in which the sender of a frame claims a seat; None where it claims none, as with an
    answer to what it was asked when it had one."""
    match frame.type:
        case FrameType.VOTE | FrameType.CHANGE:
            return epoch_of(decode_message(frame.body))
        case FrameType.PROPOSAL:
            return epoch_of(decode_message(decode_proposal(frame.body)[0]))
        case _:
            return None


def is_innocent(frame: Frame, *, asked: bool, epoch: int) -> bool:
    """Whether a frame from a node without a seat is nobody's fault.

    A seat won or lost with a block that only one of both has yet; a late answer to what it was
    ``asked`` while it had one; the proof of a certified block, which whoever has it may pass on.
    """
    if frame.type in PASSED_OVER:
        return True
    if frame.type is FrameType.CHANGE and isinstance(decode_message(frame.body), Decided):
        return True
    seat = seat_of(frame)
    return asked if seat is None else seat != epoch


def share_to_ask(
    own: Share, granted: Mapping[str, Share], organisation: str, believed: int | None
) -> Share:
    """In which form to ask an organisation for blocks.

    ``granted``: what peers said they may give, where that is less. Who votes takes whole blocks
    whatever a peer grants, as nobody may vote for what it has not executed (``believed`` None). Of
    certified blocks it takes less when so many refuse that one of them is correct: then its seat
    has ended further up the chain. Who does not vote believes each.
    """
    refusals = sum(share < own for share in granted.values())
    if believed is None or refusals < believed:
        return own
    return min(own, granted.get(organisation, own))


def verify_blocks(
    body: bytes, ask: Ask, chain: bytes, epoch: int, validators: ledger_block.ValidatorSet
) -> list[tuple[ledger_block.Certificate, AnyContent]] | None:
    """The blocks of an answer as far as they are of this epoch, each certified by its set.

    None where it begins elsewhere or is in another form: the answer to an earlier request, whose
    time was over, of a peer that is slow and not at fault. Nor is it one's fault where it begins in
    another epoch: what is asked for above the end of an epoch may come before that end is here.
    """
    blocks = decode_blocks(body)
    if blocks and blocks[0][1].header.height != ask.first:
        return None
    if any(share_in(content) is not ask.share for _, content in blocks):
        return None
    sound = []
    for height, (certificate, content) in zip(range(ask.first, ask.last + 1), blocks, strict=False):
        header = content.header
        if header.height != height or header.chain != chain:
            raise PeerFault("blocks that were not asked for")
        if header.epoch != epoch:
            break
        try:
            certificate.verify_header(header, validators)
        except InvalidBlock as error:
            raise PeerFault(f"an unsound certificate: {error.code}") from None
        sound.append((certificate, content))
    return None if blocks and not sound else sound
