"""Transactions: calls and commitments under one signature, with attachments beside it.

On the wire a transaction is ``[body, signature, attachments]``; on the chain (leaf of the
transaction tree, stored block) it is ``[body, signature]``. The body names each attachment only by
a blinded commitment, so attachments go to whom they concern and can be erased after their term
while every hash and every proof stays valid (ARCHITECTURE.md section 3).

The id is the hash of the body alone, never of the signature: whoever holds the key can sign again.
Bytes are kept as they arrived, for what was signed and hashed is those bytes.
"""

from __future__ import annotations

from collections.abc import Sequence

from contracts.quick import quick
from node.ledger import crypto, shape
from node.ledger.codec import decode_trusted, encode, encode_trusted
from node.ledger.crypto import H
from node.ledger.errors import (
    CodecError,
    InvalidKey,
    InvalidSignature,
    InvalidTransaction,
)
from node.ledger.types import (
    ATTACHMENT_BYTES_MAX,
    ATTACHMENTS_BYTES_MAX,
    BLIND_BYTES,
    BODY_BYTES_MAX,
    CALL_ATTACHMENTS_MAX,
    CALL_NAME_CHARS_MAX,
    CALLS_MAX,
    DIGEST_BYTES,
    KEY_BYTES,
    SIGNATURE_BYTES,
    TRANSACTION_BYTES_MAX,
    VALIDITY_MS_MAX,
    Digest,
    Key,
    OrgId,
    Signature,
    TimeMs,
    Value,
)


@quick(frozen=True, slots=True)
class Call:
    """One call of a contract's method; all-or-nothing, with a receipt of its own."""

    contract: str
    """Name of a system contract."""
    method: str
    """Name of its method."""
    args: dict[str, Value]
    """Public: seen by everybody who may see the transaction."""
    attachments: tuple[int, ...] = ()
    """Indexes into the body's attachments, strictly ascending, at most 4."""

    def fields(self) -> list[Value]:
        """Wire form."""
        return [self.contract, self.method, self.args, list(self.attachments)]


@quick(frozen=True, slots=True)
class AttachmentRef:
    """What the body says of an attachment."""

    audience: str
    """Whom it is for, in the contract's words; at most one for each audience within a call."""
    commitment: Digest
    """``H('yibao/attachment/v1', blind || content)``."""


@quick(frozen=True, slots=True)
class Attachment:
    """An attachment itself: travels beside the body, is stored apart, may be erased."""

    blind: bytes
    """32 bytes that keep the commitment from being guessed."""
    content: bytes
    """Canonical bytes; whether they are is the contract's business, since the commitment binds
    them either way and bad ones must give a receipt."""

    def commitment(self) -> Digest:
        """What the body must hold for it."""
        return commit(self.blind, self.content)


@quick(frozen=True, slots=True)
class TransactionBody:
    """What is signed."""

    chain: Digest
    """Hash of genesis: a transaction is for one network."""
    sender: OrgId
    """Organisation that acts."""
    key: Key
    """The signing key itself, so that a signature is checked without state."""
    valid_until_ms: TimeMs
    """Executable up to this block time, which lies at most 24 h 5 min ahead of the block's."""
    calls: tuple[Call, ...]
    """1 to 1,000, run in order."""
    attachments: tuple[AttachmentRef, ...] = ()
    """Each is named by exactly one call."""

    def encode(self) -> bytes:
        """Canonical bytes: what is hashed for the id and signed."""
        return encode(
            [
                self.chain,
                self.sender,
                self.key,
                self.valid_until_ms,
                [call.fields() for call in self.calls],
                [[ref.audience, ref.commitment] for ref in self.attachments],
            ]
        )

    @classmethod
    def decode(cls, data: bytes) -> TransactionBody:
        """Strict, with every limit. Raises ``InvalidTransaction``."""
        try:
            fields = shape.decode_record(data, 6, "body", bytes_max=BODY_BYTES_MAX)
            return _body(fields)
        except CodecError as error:
            raise InvalidTransaction("transaction.malformed", **error.reason()) from None


@quick(frozen=True, slots=True)
class SignedTransaction:
    """A transaction as it arrived: decoded body, the bytes it was decoded from, signature."""

    id: Digest
    """Hash of the body."""
    body: TransactionBody
    """The body decoded."""
    body_bytes: bytes
    """Its canonical bytes as they arrived."""
    signature: Signature
    """Over context ``tx/1``, chain and body, by the body's key."""
    attachments: tuple[Attachment, ...]
    """In the body's order; empty in the form of the chain."""

    def encode(self) -> bytes:
        """The wire form, attachments included."""
        pairs = [[item.blind, item.content] for item in self.attachments]
        return encode([self.body_bytes, self.signature, pairs])

    def encode_leaf(self) -> bytes:
        """The form of the chain: a leaf of the transaction tree."""
        return encode_trusted([self.body_bytes, self.signature])

    @classmethod
    def decode(cls, data: bytes) -> SignedTransaction:
        """Strict decoding of the wire form; attachments are checked against their commitments.

        Raises ``InvalidTransaction``. Neither the signature nor the chain is looked at, see
        ``check_signature`` and ``check_admissible``.
        """
        try:
            fields = shape.decode_record(data, 3, "transaction", bytes_max=TRANSACTION_BYTES_MAX)
            body_bytes = shape.binary_up_to(fields[0], "body", BODY_BYTES_MAX)
            signature = shape.binary(fields[1], "signature", SIGNATURE_BYTES)
            most = CALLS_MAX * CALL_ATTACHMENTS_MAX
            attachments = tuple(
                _attachment(item) for item in shape.array(fields[2], "attachments", most=most)
            )
        except CodecError as error:
            raise InvalidTransaction("transaction.malformed", **error.reason()) from None
        transaction = cls(
            H("yibao/tx/v1", body_bytes),
            TransactionBody.decode(body_bytes),
            body_bytes,
            Signature(signature),
            attachments,
        )
        transaction.check_attachments()
        return transaction

    @classmethod
    def decode_leaf(cls, data: bytes, attachments: Sequence[Attachment] = ()) -> SignedTransaction:
        """Strict decoding of the chain's form, as it comes from a peer or a proof."""
        try:
            fields = shape.decode_record(data, 2, "transaction", bytes_max=TRANSACTION_BYTES_MAX)
            body_bytes = shape.binary_up_to(fields[0], "body", BODY_BYTES_MAX)
            signature = shape.binary(fields[1], "signature", SIGNATURE_BYTES)
        except CodecError as error:
            raise InvalidTransaction("transaction.malformed", **error.reason()) from None
        return cls(
            H("yibao/tx/v1", body_bytes),
            TransactionBody.decode(body_bytes),
            body_bytes,
            Signature(signature),
            tuple(attachments),
        )

    @classmethod
    def decode_trusted_leaf(cls, data: bytes) -> SignedTransaction:
        """The chain's form from this node's own store, which was checked before it was stored."""
        body_bytes, signature = decode_trusted(data)
        body = _trusted_body(decode_trusted(body_bytes))
        return cls(H("yibao/tx/v1", body_bytes), body, body_bytes, signature, ())

    def size(self) -> int:
        """Bytes on the wire, within a few bytes: what limits of pool and block are counted in."""
        parts = sum(len(item.content) + 45 for item in self.attachments)
        return len(self.body_bytes) + SIGNATURE_BYTES + 12 + parts

    def call_attachments(self, index: int) -> dict[str, Attachment]:
        """Attachments of one call by audience."""
        refs = self.body.attachments
        return {
            refs[position].audience: self.attachments[position]
            for position in self.body.calls[index].attachments
        }

    def check_attachments(self) -> None:
        """Raises ``InvalidTransaction`` unless the attachments are the ones of the body.

        The fault is of whoever sent these bytes; the id is not condemned, another copy may be
        whole (ARCHITECTURE.md section 3).
        """
        refs = self.body.attachments
        if len(refs) != len(self.attachments):
            raise InvalidTransaction(
                "transaction.attachment-missing",
                attachments=len(self.attachments),
                wanted=len(refs),
            )
        total = sum(len(item.content) for item in self.attachments)
        if total > ATTACHMENTS_BYTES_MAX:
            raise InvalidTransaction(
                "transaction.attachments-too-long", bytes=total, bytes_max=ATTACHMENTS_BYTES_MAX
            )
        for index, (ref, item) in enumerate(zip(refs, self.attachments, strict=True)):
            if item.commitment() != ref.commitment:
                raise InvalidTransaction("transaction.attachment-wrong", index=index)

    def check_signature(self) -> None:
        """Raises ``InvalidTransaction`` unless the body's key signed the body.

        Needs no state; whether the key is the sender's is asked of the state.
        """
        body = self.body
        try:
            crypto.verify(body.key, "tx/1", body.chain, self.body_bytes, self.signature)
        except (InvalidSignature, InvalidKey) as error:
            raise InvalidTransaction("transaction.signature", reason=error.code) from None

    def check_admissible(self, chain: bytes, time_ms: int) -> None:
        """Raises ``InvalidTransaction`` unless it is for this chain and may be executed in a block
        of time ``time_ms``: ``time_ms <= valid_until_ms <= time_ms + 24 h + 5 min``."""
        body = self.body
        if body.chain != chain:
            raise InvalidTransaction(
                "transaction.wrong-chain", chain=body.chain.hex(), ours=chain.hex()
            )
        if body.valid_until_ms < time_ms:
            raise InvalidTransaction(
                "transaction.expired", valid_until_ms=body.valid_until_ms, time_ms=time_ms
            )
        if body.valid_until_ms > time_ms + VALIDITY_MS_MAX:
            raise InvalidTransaction(
                "transaction.valid-too-long",
                valid_until_ms=body.valid_until_ms,
                latest_ms=time_ms + VALIDITY_MS_MAX,
            )


def commit(blind: bytes, content: bytes) -> Digest:
    """Commitment of an attachment."""
    return H("yibao/attachment/v1", blind + content)


def sign_transaction(
    body: TransactionBody, private: crypto.PrivateKey, attachments: Sequence[Attachment] = ()
) -> SignedTransaction:
    """Sign a body. Raises ``InvalidTransaction`` where it or its attachments break a limit.

    What this returns decodes: a client learns of its mistake here and not from the node.
    """
    assert body.key == crypto.public_key(private), "the body names another key than the one signing"
    try:
        body_bytes = body.encode()
    except CodecError as error:
        raise InvalidTransaction("transaction.malformed", **error.reason()) from None
    TransactionBody.decode(body_bytes)
    signature = crypto.sign(private, "tx/1", body.chain, body_bytes)
    transaction = SignedTransaction(
        H("yibao/tx/v1", body_bytes), body, body_bytes, signature, tuple(attachments)
    )
    for index, item in enumerate(transaction.attachments):
        if len(item.content) > ATTACHMENT_BYTES_MAX or len(item.blind) != BLIND_BYTES:
            raise InvalidTransaction(
                "transaction.attachment-length",
                index=index,
                bytes=len(item.content),
                bytes_max=ATTACHMENT_BYTES_MAX,
            )
    transaction.check_attachments()
    return transaction


# --- Decoding, field by field -----------------------------------------------------------------


def _body(fields: list[Value]) -> TransactionBody:
    chain = shape.binary(fields[0], "chain", DIGEST_BYTES)
    sender = shape.org_id(fields[1], "sender")
    key = shape.binary(fields[2], "key", KEY_BYTES)
    valid_until_ms = shape.integer(fields[3], "valid_until_ms")
    calls = tuple(_call(item) for item in shape.array(fields[4], "calls", least=1, most=CALLS_MAX))
    most = CALLS_MAX * CALL_ATTACHMENTS_MAX
    refs = tuple(_attachment_ref(item) for item in shape.array(fields[5], "attachments", most=most))
    _check_naming(calls, refs)
    return TransactionBody(
        Digest(chain), OrgId(sender), Key(key), TimeMs(valid_until_ms), calls, refs
    )


def _call(value: Value) -> Call:
    contract, method, args, indexes = shape.record(value, 4, "call")
    shape.text(contract, "contract", CALL_NAME_CHARS_MAX)
    shape.text(method, "method", CALL_NAME_CHARS_MAX)
    shape.mapping(args, "args")
    shape.array(indexes, "call.attachments", most=CALL_ATTACHMENTS_MAX)
    for index in indexes:
        shape.integer(index, "call.attachments")
    return Call(contract, method, args, tuple(indexes))


def _attachment_ref(value: Value) -> AttachmentRef:
    audience, commitment = shape.record(value, 2, "attachment")
    shape.text(audience, "audience", CALL_NAME_CHARS_MAX)
    return AttachmentRef(audience, Digest(shape.binary(commitment, "commitment", DIGEST_BYTES)))


def _attachment(value: Value) -> Attachment:
    blind, content = shape.record(value, 2, "attachment")
    return Attachment(
        shape.binary(blind, "blind", BLIND_BYTES),
        shape.binary_up_to(content, "content", ATTACHMENT_BYTES_MAX),
    )


def _check_naming(calls: tuple[Call, ...], refs: tuple[AttachmentRef, ...]) -> None:
    """Each attachment is named by exactly one call, ascending, once for each audience."""
    named = 0
    seen = bytearray(len(refs))
    for call in calls:
        previous = -1
        audiences = set()
        for index in call.attachments:
            if index >= len(refs):
                raise CodecError("attachment.index-range", index=index, attachments=len(refs))
            if index <= previous:
                raise CodecError("attachment.index-order", index=index, previous=previous)
            if seen[index]:
                raise CodecError("attachment.named-twice", index=index)
            audience = refs[index].audience
            if audience in audiences:
                raise CodecError("attachment.audience-twice", audience=audience)
            audiences.add(audience)
            seen[index] = 1
            previous = index
            named += 1
    if named != len(refs):
        raise CodecError("attachment.not-named", named=named, attachments=len(refs))


def _trusted_body(fields: list[Value]) -> TransactionBody:
    chain, sender, key, valid_until_ms, calls, refs = fields
    return TransactionBody(
        chain,
        sender,
        key,
        valid_until_ms,
        tuple(Call(name, method, args, tuple(idx)) for name, method, args, idx in calls),
        tuple(AttachmentRef(audience, commitment) for audience, commitment in refs),
    )
