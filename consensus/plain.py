"""Consensus values as plain lists and back: what a codec can write, and what it has read.

``to_plain`` gives lists of integers, bytes, booleans and None; ``from_plain`` takes them back and
raises ``PeerError`` for anything that is not such a value: wrong length, wrong type, a number out
of range. It checks shape and nothing else. The field order is the wire order; a change is a new
version of the record or the protocol.
"""

from __future__ import annotations

from collections.abc import Sequence

from consensus.errors import PeerError
from consensus.evidence import Evidence, compare
from consensus.evidence import Signed as SignedMessage
from consensus.messages import (
    NUMBER_LIMIT,
    Ballot,
    Block,
    BlockId,
    Certificate,
    Change,
    ChangeProof,
    Decided,
    Kind,
    Message,
    NewView,
    NewViewStatement,
    Proposal,
    Status,
    ViewChange,
    Vote,
    Wish,
    WishStatement,
)
from consensus.quorum import MEMBERS_MAX
from consensus.safety import LastVote, Prepared, SafetyRecord

RECORD_VERSION = 1
"""First field of a safety record."""

BALLOT_KINDS = (Kind.PROPOSE, Kind.PREPARE, Kind.COMMIT)
"""Kinds that a ballot may have; on the wire the index into this tuple."""

MESSAGE_TAGS: tuple[type[Message], ...] = (
    Proposal, Vote, Wish, ViewChange, NewView, Decided, Status,
)  # fmt: skip
"""A message's first field is its index here."""


def record_to_plain(record: SafetyRecord) -> list[object]:
    """The safety record, for ``safety.dat``."""
    vote, prepared = record.vote, record.prepared
    return [
        RECORD_VERSION,
        record.sequence,
        record.epoch,
        record.view,
        None if vote is None else [vote.view, block_to_plain(vote.block)],
        None
        if prepared is None
        else [block_to_plain(prepared.block), certificate_to_plain(prepared.certificate)],
        None if record.change is None else _change_out(record.change),
        None if record.change_proof is None else _proof_out(record.change_proof),
        None if record.new_view is None else _new_view_out(record.new_view),
        record.commit_floor,
    ]


def record_from_plain(value: object) -> SafetyRecord:
    """The safety record that ``record_to_plain`` gave. Raises ``PeerError``."""
    fields = _fields(value, 10)
    if fields[0] != RECORD_VERSION:
        raise PeerError("a record of another version", version=fields[0])
    vote = None if fields[4] is None else _fields(fields[4], 2)
    prepared = None if fields[5] is None else _fields(fields[5], 2)
    return SafetyRecord(
        sequence=_number(fields[1]),
        epoch=_number(fields[2]),
        view=_number(fields[3]),
        vote=None if vote is None else LastVote(_number(vote[0]), _block_in(vote[1])),
        prepared=None
        if prepared is None
        else Prepared(_block_in(prepared[0]), certificate_from_plain(prepared[1])),
        change=None if fields[6] is None else _change_in(fields[6]),
        change_proof=None if fields[7] is None else _proof_in(fields[7]),
        new_view=None if fields[8] is None else _new_view_in(fields[8]),
        commit_floor=_number(fields[9]),
    )


def message_to_plain(message: Message) -> list[object]:
    """A message, for the wire: its tag, then its fields."""
    tag = MESSAGE_TAGS.index(type(message))
    match message:
        case Proposal(sender, statement, block, signature):
            return [tag, sender, _ballot_out(statement), block_to_plain(block), signature]
        case Vote(sender, statement, signature):
            return [tag, sender, _ballot_out(statement), signature]
        case Wish(sender, wish, signature):
            return [tag, sender, wish.fields(), signature]
        case ViewChange(sender, change, proof, signature):
            return [tag, sender, _change_out(change), _proof_out(proof), signature]
        case NewView(sender, said, changes, signature):
            carried = [message_to_plain(change) for change in changes]
            return [tag, sender, _new_view_out(said), carried, signature]
        case Decided(block, certificate):
            return [tag, block_to_plain(block), certificate_to_plain(certificate)]
        case Status():
            return [tag, *(getattr(message, name) for name in _STATUS_FIELDS)]


_STATUS_FIELDS = (
    "epoch", "view", "height", "wish", "settled", "proposed", "changes", "prepares", "commits",
)  # fmt: skip


def message_from_plain(value: object) -> Message:
    """The message that ``message_to_plain`` gave. Raises ``PeerError``."""
    if not isinstance(value, list) or not value or type(value[0]) is not int:
        raise PeerError("no message")
    if not 0 <= value[0] < len(MESSAGE_TAGS):
        raise PeerError("unknown message", tag=value[0])
    kind = MESSAGE_TAGS[value[0]]
    if kind is Decided:
        _, block, certificate = _fields(value, 3)
        return Decided(_block_in(block), certificate_from_plain(certificate))
    if kind is Status:
        return _status_in(value)
    return _signed_in(kind, value)


def _signed_in(kind: type[Message], value: object) -> Message:
    if kind is Proposal:
        _, sender, said, block, signature = _fields(value, 5)
        return Proposal(
            _number(sender), _ballot_in(said), _block_in(block), _bytes(signature)
        )  # fmt: skip
    if kind is Vote:
        _, sender, said, signature = _fields(value, 4)
        return Vote(_number(sender), _ballot_in(said), _bytes(signature))
    if kind is Wish:
        _, sender, said, signature = _fields(value, 4)
        epoch, view = _fields(said, 2)
        return Wish(
            _number(sender), WishStatement(_number(epoch), _number(view)), _bytes(signature)
        )
    _, sender, said, carried, signature = _fields(value, 5)
    if kind is ViewChange:
        return ViewChange(
            _number(sender), _change_in(said), _proof_in(carried), _bytes(signature)
        )  # fmt: skip
    changes = []
    for item in _list(carried):
        if _fields(item, 5)[0] != MESSAGE_TAGS.index(ViewChange):
            raise PeerError("a new view carries view changes only")
        change = _signed_in(ViewChange, item)
        assert isinstance(change, ViewChange), "the tag said so"
        changes.append(change)
    return NewView(_number(sender), _new_view_in(said), tuple(changes), _bytes(signature))


def _status_in(value: object) -> Status:
    _, epoch, view, height, wish, settled, proposed, changes, prepares, commits = _fields(value, 10)
    return Status(
        _number(epoch), _number(view), _number(height), _number(wish), _flag(settled),
        _flag(proposed), _number(changes), _number(prepares), _number(commits),
    )  # fmt: skip


def certificate_to_plain(certificate: Certificate) -> list[object]:
    """A certificate as kind, ballot and [signer, signature] pairs. (The block store's own form,
    with a bitmap of signers, is ``node.ledger``'s.)"""
    return [
        _ballot_out(certificate.ballot()),
        [[signer, signature] for signer, signature in certificate.signatures],
    ]


def certificate_from_plain(value: object) -> Certificate:
    """The certificate that ``certificate_to_plain`` gave. Raises ``PeerError``."""
    said, pairs = _fields(value, 2)
    ballot = _ballot_in(said)
    signatures = []
    for pair in _list(pairs):
        signer, signature = _fields(pair, 2)
        signatures.append((_number(signer), _bytes(signature)))
    return Certificate(
        ballot.kind, ballot.epoch, ballot.view, ballot.height, ballot.block, tuple(signatures)
    )


def evidence_to_plain(evidence: Evidence) -> list[object]:
    """A proof that a member lied, for storing, publishing and for the chain."""
    return [_part_out(evidence.first), _part_out(evidence.second)]


def evidence_from_plain(value: object) -> Evidence:
    """The evidence that ``evidence_to_plain`` gave: what the two parts prove is found anew.

    Raises ``PeerError`` when they prove nothing; signatures and the set are checked elsewhere.
    """
    first, second = (_part_in(part) for part in _fields(value, 2))
    found = compare(first, second)
    if found is None:
        raise PeerError("these two prove nothing")
    return found


def _part_out(part: SignedMessage | Certificate) -> list[object]:
    if isinstance(part, Certificate):
        return [0, certificate_to_plain(part)]
    return [1, message_to_plain(part)]


def _part_in(value: object) -> SignedMessage | Certificate:
    kind, content = _fields(value, 2)
    if _number(kind) == 0:
        return certificate_from_plain(content)
    message = message_from_plain(content)
    if kind != 1 or isinstance(message, Wish | Decided | Status):
        raise PeerError("this convicts nobody", kind=kind)
    return message


def block_to_plain(block: Block) -> list[object]:
    """A block's place in the chain."""
    return [block.id, block.parent, block.height, block.epoch, block.epoch_final]


def _block_in(value: object) -> Block:
    block, parent, height, epoch, final = _fields(value, 5)
    return Block(
        BlockId(_bytes(block)), BlockId(_bytes(parent)), _number(height), _number(epoch),
        _flag(final),
    )  # fmt: skip


def _ballot_out(ballot: Ballot) -> list[object]:
    return [BALLOT_KINDS.index(ballot.kind), *ballot.fields()]


def _ballot_in(value: object) -> Ballot:
    kind, epoch, view, height, block = _fields(value, 5)
    index = _number(kind)
    if index >= len(BALLOT_KINDS):
        raise PeerError("unknown kind of ballot", kind=index)
    return Ballot(
        BALLOT_KINDS[index], _number(epoch), _number(view), _number(height), BlockId(_bytes(block))
    )


def _change_out(change: Change) -> list[object]:
    return change.fields()


def _change_in(value: object) -> Change:
    epoch, view, base_height, base_block, bound = _fields(value, 5)
    prepared = None
    if bound is not None:
        at, height, block = _fields(bound, 3)
        prepared = Ballot(
            Kind.PREPARE, _number(epoch), _number(at), _number(height), BlockId(_bytes(block))
        )
    return Change(
        _number(epoch), _number(view), _number(base_height), BlockId(_bytes(base_block)), prepared
    )


def _proof_out(proof: ChangeProof) -> list[object]:
    base, block, prepared = (
        proof.base_certificate, proof.prepared_block, proof.prepared_certificate,
    )  # fmt: skip
    return [
        None if base is None else certificate_to_plain(base),
        None if block is None else block_to_plain(block),
        None if prepared is None else certificate_to_plain(prepared),
    ]


def _proof_in(value: object) -> ChangeProof:
    base, block, prepared = _fields(value, 3)
    return ChangeProof(
        None if base is None else certificate_from_plain(base),
        None if block is None else _block_in(block),
        None if prepared is None else certificate_from_plain(prepared),
    )


def _new_view_out(statement: NewViewStatement) -> list[object]:
    return statement.fields()


def _new_view_in(value: object) -> NewViewStatement:
    epoch, view, choices = _fields(value, 3)
    named = []
    for choice in _list(choices):
        sender, said = _fields(choice, 2)
        named.append((_number(sender), _change_in(said)))
    return NewViewStatement(_number(epoch), _number(view), tuple(named))


def _fields(value: object, count: int) -> Sequence[object]:
    if not isinstance(value, list) or len(value) != count:
        raise PeerError("not an array of this length", wanted=count)
    return value


def _list(value: object) -> Sequence[object]:
    if not isinstance(value, list) or len(value) > MEMBERS_MAX:
        raise PeerError("not a short array", limit=MEMBERS_MAX)
    return value


def _number(value: object) -> int:
    if type(value) is not int or not 0 <= value < NUMBER_LIMIT:
        raise PeerError("not a number below 2^63", type=type(value).__name__)
    return value


def _flag(value: object) -> bool:
    if type(value) is not bool:
        raise PeerError("not a flag", type=type(value).__name__)
    return value


def _bytes(value: object) -> bytes:
    if type(value) is not bytes:
        raise PeerError("not bytes", type=type(value).__name__)
    return value
