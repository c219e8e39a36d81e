"""Consensus messages and the safety record as canonical bytes, and back.

Whatever a peer sends passes here before the core sees it: canonical encoding, shape, size and then
every signature in it, against the validator set of its epoch. What is wrong raises
``InvalidMessage``; the peer's channel is told from it whom to blame.
"""

from __future__ import annotations

from collections.abc import Iterable

from consensus import (
    Block,
    BlockId,
    Certificate,
    Decided,
    Evidence,
    Kind,
    MemberId,
    Message,
    PeerError,
    Proposal,
    SafetyRecord,
    Statement,
    Status,
    ValidatorSet,
    Vote,
)
from consensus.messages import NewView, ViewChange, Wish
from consensus.plain import (
    MESSAGE_TAGS,
    block_to_plain,
    evidence_from_plain,
    evidence_to_plain,
    message_from_plain,
    message_to_plain,
    record_from_plain,
    record_to_plain,
)
from node.ledger import block, crypto, shape
from node.ledger.codec import decode, decode_trusted, encode
from node.ledger.errors import CodecError, InvalidBlock, InvalidMessage, InvalidSignature
from node.ledger.types import FRAME_BYTES_MAX, Signature

DECIDED = MESSAGE_TAGS.index(Decided)

EVIDENCE_BYTES_MAX = 65_536
"""Without what the two messages carry beside (``Evidence.bare``) a proof of 63 members is about
10,000 bytes."""


def encode_record(record: SafetyRecord) -> bytes:
    """The safety record for ``safety.dat``."""
    return encode(record_to_plain(record))


def decode_record(data: bytes) -> SafetyRecord:
    """The record that this node wrote. Raises ``PeerError`` for one of another version."""
    return record_from_plain(decode_trusted(data))


def encode_message(message: Message, header: bytes | None = None) -> bytes:
    """A message for the wire. Header, bodies and attachments of a proposal travel beside it; a
    decided block is told by its ``header``: nobody takes a sender's word for what is in it."""
    plain = message_to_plain(message)
    assert (header is not None) == isinstance(message, Decided), "a decided block has a header"
    if header is not None:
        plain[1] = header
    return encode(plain)


def decode_message(data: bytes) -> Message:
    """Strict decoding; signatures are not looked at. Raises ``InvalidMessage``."""
    try:
        plain = decode(data, bytes_max=FRAME_BYTES_MAX)
        if isinstance(plain, list) and len(plain) > 1 and plain[0] == DECIDED:
            plain[1] = _block_of(plain[1])
        return message_from_plain(plain)
    except (CodecError, InvalidBlock) as error:
        raise InvalidMessage("message.malformed", reason=error.code) from None
    except PeerError as error:
        raise InvalidMessage("message.shape", reason=error.sentence) from None


def _block_of(header: object) -> list[object]:
    """A decided block as the core has it, from its header. Raises ``CodecError``,
    ``InvalidBlock``."""
    data = shape.binary_up_to(header, "header", block.HEADER_BYTES_MAX)
    return block_to_plain(to_core_block(block.Header.decode(data)))


def encode_evidence(evidence: Evidence) -> bytes:
    """A proof that a member lied: the two things it said."""
    return encode(evidence_to_plain(evidence))


def decode_evidence(data: bytes) -> Evidence:
    """What two things prove, whoever wrote them down. Raises ``InvalidMessage``."""
    try:
        return evidence_from_plain(decode(data, bytes_max=EVIDENCE_BYTES_MAX))
    except CodecError as error:
        raise InvalidMessage("message.malformed", reason=error.code) from None
    except PeerError as error:
        raise InvalidMessage("message.shape", reason=error.sentence) from None


def verify_evidence(evidence: Evidence, chain: bytes, validators: ValidatorSet) -> None:
    """Raises ``InvalidMessage`` unless the accused of this set signed what the evidence says.

    Of a message its own signature counts; what it carries beside proves nothing here.
    """
    try:
        evidence.check(validators)
    except PeerError as error:
        raise InvalidMessage("message.shape", reason=error.sentence) from None
    for part in (evidence.first, evidence.second):
        if isinstance(part, Certificate):
            signed = list(_certificate_signatures(part))
        else:
            signed = [(part.sender, part.statement, part.signature)]
        for signer, statement, signature in signed:
            _verify_one(signer, statement, signature, chain, validators)


def signing_parts(statement: Statement) -> tuple[str, bytes]:
    """Context and canonical body of what a statement's signature covers."""
    return f"pbft/1/{statement.kind.value}", encode(statement.fields())


def sign_statement(key: crypto.PrivateKey, chain: bytes, statement: Statement) -> Signature:
    """Sign a statement. Whether that is safe was checked by the caller."""
    context, message = signing_parts(statement)
    return crypto.sign(key, context, chain, message)


def verify_message(message: Message, chain: bytes, validators: ValidatorSet) -> None:
    """Raises ``InvalidMessage`` unless every signature in the message is good.

    A member's name is its key (``MemberId`` is the validate key's bytes). The message's epoch
    must be the set's. Counting comes before computing: a frame of repeated signatures, each of
    them good, must not cost a second of everybody's time.
    """
    _check_counts(message, validators)
    for signer, statement, signature in _signatures(message):
        _verify_one(signer, statement, signature, chain, validators)


def _verify_one(
    signer: int, statement: Statement, signature: bytes, chain: bytes, validators: ValidatorSet
) -> None:
    if statement.epoch != validators.epoch:
        raise InvalidMessage("message.epoch", epoch=statement.epoch, ours=validators.epoch)
    if not 0 <= signer < validators.size:
        raise InvalidMessage("message.signer", signer=signer, validators=validators.size)
    context, body = signing_parts(statement)
    try:
        crypto.verify(validators.members[signer], context, chain, body, signature)
    except InvalidSignature as error:
        raise InvalidMessage("message.signature", signer=signer) from error


def _check_counts(message: Message, validators: ValidatorSet) -> None:
    if isinstance(message, NewView) and len(message.view_changes) != validators.quorum:
        raise InvalidMessage(
            "message.view-changes", found=len(message.view_changes), quorum=validators.quorum
        )
    try:
        for certificate in _certificates(message):
            certificate.check(certificate.kind, validators)
    except PeerError as error:
        raise InvalidMessage("message.certificate", reason=error.sentence) from None


def _certificates(message: Message) -> Iterable[Certificate]:
    match message:
        case Decided():
            yield message.certificate
        case ViewChange():
            proof = message.proof
            found = (proof.base_certificate, proof.prepared_certificate)
            yield from (certificate for certificate in found if certificate is not None)
        case NewView():
            for change in message.view_changes:
                yield from _certificates(change)
        case _:
            return


def _signatures(message: Message) -> Iterable[tuple[int, Statement, bytes]]:
    match message:
        case Proposal() | Vote() | Wish():
            yield message.sender, message.statement, message.signature
        case ViewChange():
            yield message.sender, message.statement, message.signature
            for certificate in _certificates(message):
                yield from _certificate_signatures(certificate)
        case NewView():
            yield message.sender, message.statement, message.signature
            for change in message.view_changes:
                yield from _signatures(change)
        case Decided():
            yield from _certificate_signatures(message.certificate)
        case Status():
            return


def _certificate_signatures(certificate: Certificate) -> Iterable[tuple[int, Statement, bytes]]:
    ballot = certificate.ballot()
    for signer, signature in certificate.signatures:
        yield signer, ballot, signature


def to_ledger_certificate(
    certificate: Certificate, validators: block.ValidatorSet
) -> block.Certificate:
    """The form that is stored and proved with: a bitmap of signers and their signatures."""
    statement = (certificate.epoch, certificate.view, certificate.height, certificate.block)
    signatures = {signer: Signature(signature) for signer, signature in certificate.signatures}
    return block.make_certificate(validators, statement, signatures)


def from_ledger_certificate(certificate: block.Certificate) -> Certificate:
    """A stored COMMIT certificate as the core has it."""
    pairs = zip(certificate.signer_indexes(), certificate.signatures, strict=True)
    return Certificate(
        Kind.COMMIT, certificate.epoch, certificate.view, certificate.height,
        BlockId(certificate.block_hash), tuple(pairs),
    )  # fmt: skip


def to_core_block(header: block.Header) -> Block:
    """What the consensus core may know of a block."""
    return Block(
        BlockId(header.hash), BlockId(header.parent), header.height, header.epoch,
        header.is_epoch_final,
    )  # fmt: skip


def to_next_set(header: block.Header, following: block.ValidatorSet | None) -> ValidatorSet | None:
    """The set of the next epoch that executing the block of ``header`` gave, if it ends its own."""
    return None if following is None else to_core_validators(header.epoch + 1, following)


def to_core_validators(epoch: int, validators: block.ValidatorSet) -> ValidatorSet:
    """A validator set as the core has it: members named by their keys, first primary rotated."""
    members = tuple(MemberId(seat.key) for seat in validators.validators)
    return ValidatorSet(epoch, members, int.from_bytes(validators.hash[:8], "big"))
