"""One file that proves, offline and from the genesis file alone, what the ledger did.

An evidence file holds a block's header, the certificate that makes it final, and one **subject**
under one of the header's roots: a receipt with its transaction, a state entry, or the absence of
one. Before them stand the epoch-final headers since genesis, each certified by the validators
before it and naming the next, so that the last certificate is checked against validators that lead
back to genesis without a gap. A proof without the signed root that it leads to is worthless,
therefore there is no smaller file.

Canonical bytes of ``["yibao-evidence/1", chain, kind, epochs, header, certificate, subject]``::

    epochs                  [[header, certificate, [[organisation, key] ...]] ...]
    subject of `receipt`    [leaf, index, path, receipt, index, path, attachments, explanation]
    subject of `state`      [key, value, proof]
    subject of `absence`    [key, proof]

Every byte is under a hash or a signature or is compared. What may be left out: attachments of the
call and the explanation, since the receipt and the body commit to them; with them, a person can
read what was asked and why it was decided so. The file then shows what they hold: whoever makes one
decides whom it is for.

What it does not prove: that this is the newest state, and that the signing key belonged to the
sender at that height, which the certificate's quorum vouches for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from node.ledger import merkle, shape
from node.ledger.block import (
    CERTIFICATE_BYTES_MAX,
    HEADER_BYTES_MAX,
    Certificate,
    Header,
    ValidatorSet,
)
from node.ledger.codec import decode, encode
from node.ledger.errors import CodecError, InvalidBlock, InvalidProof, InvalidTransaction
from node.ledger.genesis import Genesis
from node.ledger.receipt import RECEIPT_BYTES_MAX, Receipt
from node.ledger.state_proof import STATE_PROOF_BYTES_MAX, verify_absent, verify_present
from node.ledger.transaction import Attachment, Call, SignedTransaction
from node.ledger.types import (
    ATTACHMENT_BYTES_MAX,
    BLIND_BYTES,
    BLOCK_CALLS_MAX,
    BODY_BYTES_MAX,
    CALL_ATTACHMENTS_MAX,
    CALLS_MAX,
    DIGEST_BYTES,
    EXPLANATION_BYTES_MAX,
    STATE_KEY_CHARS_MAX,
    Value,
)

FORMAT: Final = "yibao-evidence/1"

RECEIPT: Final = "receipt"
STATE: Final = "state"
ABSENCE: Final = "absence"

EVIDENCE_BYTES_MAX: Final = 16 * 1024 * 1024
"""A body of 1 MiB with four attachments and a thousand changes of validators stays below."""

_EPOCHS_MAX: Final = 10_000
_VALUE_BYTES_MAX: Final = 1024 * 1024
_LEAF_BYTES_MAX: Final = BODY_BYTES_MAX + 128


@dataclass(frozen=True, slots=True)
class EpochEnd:
    """A block that ended an epoch, and the validators that it brought in."""

    header: bytes
    """Canonical bytes."""
    certificate: bytes
    """Canonical bytes, by the validators of the epoch that ends."""
    validators: ValidatorSet
    """Of the next epoch; the header holds their hash."""


@dataclass(frozen=True, slots=True)
class ReceiptFacts:
    """What a verified file says of a receipt."""

    header: Header
    """The certified block."""
    signers: tuple[str, ...]
    """Organisations whose validators signed the certificate."""
    transaction: SignedTransaction
    """As it stands on the chain; its signature was checked."""
    call: Call
    """The call that the receipt is of."""
    receipt: Receipt
    """What the call did."""
    attachments: dict[str, bytes]
    """Contents of the call's attachments by audience, as far as the file has them."""
    explanation: dict[str, Value] | None
    """Steps of the decision; None when there is none or the file leaves it out."""


@dataclass(frozen=True, slots=True)
class StateFacts:
    """What a verified file says of a state entry at the header's height."""

    header: Header
    """The certified block after which the entry stands."""
    signers: tuple[str, ...]
    """Organisations whose validators signed the certificate."""
    key: str
    """State key."""
    value: Value
    """None when absent: a state value is never nil."""
    present: bool
    """Whether the entry exists."""


Facts = ReceiptFacts | StateFacts


# --- Building ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CertifiedHeader:
    """A final block's header and certificate with the epochs that lead to it."""

    epochs: tuple[EpochEnd, ...]
    """Ends of all epochs before the header's, in order."""
    header: bytes
    """Canonical bytes."""
    certificate: bytes
    """Canonical bytes."""


def build_receipt_evidence(
    block: CertifiedHeader,
    leaves: Sequence[bytes],
    receipts: Sequence[bytes],
    receipt_index: int,
    *,
    attachments: Iterable[tuple[int, Attachment]] = (),
    explanation: Attachment | None = None,
) -> bytes:
    """Evidence of the receipt at ``receipt_index`` of a block.

    ``leaves`` are the block's transactions in the form of the chain, ``receipts`` their receipts'
    bytes; both as stored. ``attachments`` are (index in the body, attachment) of the receipt's
    call, as many as the file shall show.
    """
    receipt = Receipt.decode(receipts[receipt_index])
    place = _find_transaction(leaves, receipt.tx_id)
    tx_path = merkle.inclusion_path([merkle.leaf_hash(leaf) for leaf in leaves], place)
    receipt_path = merkle.inclusion_path([merkle.leaf_hash(r) for r in receipts], receipt_index)
    shown = [[index, item.blind, item.content] for index, item in sorted(attachments, key=_first)]
    steps = None if explanation is None else [explanation.blind, explanation.content]
    subject = [
        leaves[place], place, tx_path,
        receipts[receipt_index], receipt_index, receipt_path,
        shown, steps,
    ]  # fmt: skip
    return _build(block, RECEIPT, subject)


def build_state_evidence(
    block: CertifiedHeader, key: str, value: bytes | None, proof: bytes
) -> bytes:
    """Evidence of a state entry, or with ``value`` None of its absence, after a block."""
    if value is None:
        return _build(block, ABSENCE, [key, proof])
    return _build(block, STATE, [key, value, proof])


def _build(block: CertifiedHeader, kind: str, subject: list[Value]) -> bytes:
    chain = Header.decode(block.header).chain
    epochs = [[end.header, end.certificate, end.validators.fields()] for end in block.epochs]
    return encode([FORMAT, chain, kind, epochs, block.header, block.certificate, subject])


def _find_transaction(leaves: Sequence[bytes], tx_id: bytes) -> int:
    for place, leaf in enumerate(leaves):
        if SignedTransaction.decode_trusted_leaf(leaf).id == tx_id:
            return place
    raise InvalidProof("evidence.transaction-missing", tx_id=tx_id.hex())


def _first(item: tuple[int, Attachment]) -> int:
    return item[0]


# --- Verifying --------------------------------------------------------------------------------


def verify_evidence(data: bytes, genesis: Genesis) -> Facts:
    """What the file proves about the network of ``genesis``.

    Raises ``InvalidProof`` when it proves nothing: its code says what failed, and ``reason`` in its
    values why.
    """
    told = read_evidence(data)
    if told.chain != genesis.chain:
        raise InvalidProof(
            "evidence.wrong-chain", chain=told.chain.hex(), genesis=genesis.chain.hex()
        )
    trail = Trail(genesis.chain, genesis.validators)
    for end in told.block.epochs:
        trail.end_epoch(end)
    return verify_subject(told, *trail.certify(told.block.header, told.block.certificate))


@dataclass(frozen=True, slots=True)
class Told:
    """What a file says, in its form and not yet believed."""

    chain: bytes
    """The network that it is of."""
    kind: str
    """``receipt``, ``state`` or ``absence``."""
    block: CertifiedHeader
    """The block that the subject belongs to, and the epochs that lead to it."""
    subject: list[Value]
    """Checked by ``verify_subject``."""


@contextmanager
def _as_proof() -> Iterator[None]:
    """Refusals of what a proof is made of, as refusals of the proof."""
    try:
        yield
    except CodecError as error:
        raise InvalidProof("evidence.malformed", **error.reason()) from None
    except InvalidBlock as error:
        raise InvalidProof("evidence.block", **error.reason()) from None
    except InvalidTransaction as error:
        raise InvalidProof("evidence.transaction", **error.reason()) from None


def read_evidence(data: bytes) -> Told:
    """The parts of a file. Raises ``InvalidProof``; whether they hold is for others to say."""
    with _as_proof():
        fields = decode(data, bytes_max=EVIDENCE_BYTES_MAX)
        form, chain, kind, epochs, header, certificate, subject = shape.record(
            fields, 7, "evidence"
        )
        if form != FORMAT or type(form) is not str:
            raise InvalidProof("evidence.format", format=form, wanted=FORMAT)
        lengths = {RECEIPT: 8, STATE: 3, ABSENCE: 2}
        if type(kind) is not str or kind not in lengths:
            raise InvalidProof("evidence.kind", kind=kind)
        return Told(
            shape.binary(chain, "chain", DIGEST_BYTES),
            kind,
            read_certified([epochs, header, certificate]),
            shape.record(subject, lengths[kind], "subject"),
        )


def read_certified(fields: list[Value]) -> CertifiedHeader:
    """From ``[epochs, header, certificate]``; raises ``CodecError`` or ``InvalidBlock``."""
    epochs, header, certificate = shape.record(fields, 3, "certified header")
    return CertifiedHeader(
        tuple(_epoch_end(item) for item in shape.array(epochs, "epochs", most=_EPOCHS_MAX)),
        shape.binary_up_to(header, "header", HEADER_BYTES_MAX),
        shape.binary_up_to(certificate, "certificate", CERTIFICATE_BYTES_MAX),
    )


def _epoch_end(value: Value) -> EpochEnd:
    header, certificate, following = shape.record(value, 3, "epoch")
    return EpochEnd(
        shape.binary_up_to(header, "header", HEADER_BYTES_MAX),
        shape.binary_up_to(certificate, "certificate", CERTIFICATE_BYTES_MAX),
        ValidatorSet.from_fields(following),
    )


def verify_subject(told: Told, header: Header, signers: tuple[str, ...]) -> Facts:
    """What the subject says under a header that was found to be certified. Raises
    ``InvalidProof``."""
    with _as_proof():
        if told.kind == RECEIPT:
            return _verify_receipt(header, signers, told.subject)
        if told.kind == STATE:
            return _verify_state(header, signers, told.subject)
        return _verify_absence(header, signers, told.subject)


class Trail:
    """The walk through the epochs: whose signatures count next. It begins at genesis, or wherever
    somebody trusts a validator set already."""

    def __init__(
        self, chain: bytes, validators: ValidatorSet, *, epoch: int = 0, height: int = 0
    ) -> None:
        """``height``: everything certified from here on stands above it."""
        self.chain = chain
        self.validators = validators
        self.epoch = epoch
        self.height = height

    def certify(
        self, header_bytes: bytes, certificate_bytes: bytes
    ) -> tuple[Header, tuple[str, ...]]:
        """A header that the validators of the current epoch made final, and who signed.

        Raises ``InvalidProof``.
        """
        with _as_proof():
            header = Header.decode(header_bytes)
            certificate = Certificate.decode(certificate_bytes)
            if header.chain != self.chain:
                raise InvalidProof(
                    "evidence.wrong-chain", chain=header.chain.hex(), genesis=self.chain.hex()
                )
            if header.epoch != self.epoch:
                raise InvalidProof("evidence.epoch", epoch=header.epoch, wanted=self.epoch)
            if header.height <= self.height:
                raise InvalidProof("evidence.height", height=header.height, above=self.height)
            certificate.verify_header(header, self.validators)
        self.height = header.height
        seats = self.validators.validators
        return header, tuple(seats[i].organisation for i in certificate.signer_indexes())

    def end_epoch(self, end: EpochEnd) -> Header:
        """Certify an epoch-final header and go over to the validators that it names.

        Raises ``InvalidProof``.
        """
        header, _ = self.certify(end.header, end.certificate)
        if not header.is_epoch_final:
            raise InvalidProof("evidence.not-epoch-final", height=header.height)
        if end.validators.hash != header.next_validators_hash:
            raise InvalidProof(
                "evidence.validators",
                hash=end.validators.hash.hex(),
                header=header.next_validators_hash.hex(),
            )
        self.validators = end.validators
        self.epoch += 1
        return header


def _verify_receipt(header: Header, signers: tuple[str, ...], subject: list[Value]) -> ReceiptFacts:
    leaf = shape.binary_up_to(subject[0], "leaf", _LEAF_BYTES_MAX)
    tx_index = shape.integer(subject[1], "transaction index")
    tx_path = _path(subject[2])
    merkle.verify_inclusion(
        header.tx_root, header.tx_count, tx_index, merkle.leaf_hash(leaf), tx_path
    )
    transaction = SignedTransaction.decode_leaf(leaf)
    transaction.check_signature()
    data = shape.binary_up_to(subject[3], "receipt", RECEIPT_BYTES_MAX)
    index = shape.integer(subject[4], "receipt index", most=BLOCK_CALLS_MAX)
    path = _path(subject[5])
    hashed = merkle.leaf_hash(data)
    merkle.verify_inclusion(header.receipts_root, header.receipts_count, index, hashed, path)
    receipt = Receipt.decode(data)
    if receipt.tx_id != transaction.id or transaction.body.chain != header.chain:
        raise InvalidProof(
            "evidence.other-transaction",
            receipt=receipt.tx_id.hex(),
            transaction=transaction.id.hex(),
        )
    calls = transaction.body.calls
    if receipt.call_index >= len(calls):
        raise InvalidProof("evidence.call", call=receipt.call_index, calls=len(calls))
    call = calls[receipt.call_index]
    return ReceiptFacts(
        header, signers, transaction, call, receipt,
        _verify_attachments(transaction, call, subject[6]),
        _verify_explanation(receipt, subject[7]),
    )  # fmt: skip


def _path(value: Value) -> list[bytes]:
    items = shape.array(value, "path", most=merkle.PATH_LENGTH_MAX)
    return [shape.binary(item, "path", DIGEST_BYTES) for item in items]


def _verify_attachments(
    transaction: SignedTransaction, call: Call, value: Value
) -> dict[str, bytes]:
    """Contents by audience; each belongs to the call and matches the body's commitment."""
    shown: dict[str, bytes] = {}
    previous = -1
    for item in shape.array(value, "attachments", most=CALL_ATTACHMENTS_MAX):
        index, blind, content = shape.record(item, 3, "attachment")
        shape.integer(index, "attachment index", most=CALLS_MAX * CALL_ATTACHMENTS_MAX)
        if index not in call.attachments or index <= previous:
            raise InvalidProof("evidence.attachment-place", index=index, call=call.attachments)
        previous = index
        ref = transaction.body.attachments[index]
        if _attachment(blind, content).commitment() != ref.commitment:
            raise InvalidProof("evidence.attachment", audience=ref.audience)
        shown[ref.audience] = content
    return shown


def _verify_explanation(receipt: Receipt, value: Value) -> dict[str, Value] | None:
    if value is None:
        return None
    blind, content = shape.record(value, 2, "explanation")
    if _attachment(blind, content, EXPLANATION_BYTES_MAX).commitment() != receipt.explanation:
        raise InvalidProof("evidence.explanation")
    return shape.mapping(decode(content, bytes_max=EXPLANATION_BYTES_MAX), "explanation")


def _attachment(blind: Value, content: Value, most: int = ATTACHMENT_BYTES_MAX) -> Attachment:
    return Attachment(
        shape.binary(blind, "blind", BLIND_BYTES), shape.binary_up_to(content, "content", most)
    )


def _verify_state(header: Header, signers: tuple[str, ...], subject: list[Value]) -> StateFacts:
    key = shape.text(subject[0], "key", STATE_KEY_CHARS_MAX)
    value = shape.binary_up_to(subject[1], "value", _VALUE_BYTES_MAX)
    proof = shape.binary_up_to(subject[2], "proof", STATE_PROOF_BYTES_MAX)
    verify_present(header.state_root, key, value, proof)
    return StateFacts(header, signers, key, decode(value), True)


def _verify_absence(header: Header, signers: tuple[str, ...], subject: list[Value]) -> StateFacts:
    key = shape.text(subject[0], "key", STATE_KEY_CHARS_MAX)
    proof = shape.binary_up_to(subject[1], "proof", STATE_PROOF_BYTES_MAX)
    verify_absent(header.state_root, key, proof)
    return StateFacts(header, signers, key, None, False)
