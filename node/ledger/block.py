"""Headers, validator sets and the commit certificates that make a block final.

The header commits to everything: transactions, receipts, the state after the block, the validator
set in force and the next one. It never holds the view, so a block keeps its hash when it is
proposed again; and it never holds a certificate, since certificates of other signers are equally
valid (SECURITY.md section 2, R4). One header with one certificate proves order and result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from node.ledger import crypto, merkle, shape
from node.ledger.codec import encode
from node.ledger.crypto import H
from node.ledger.errors import CodecError, InvalidBlock, InvalidKey, InvalidSignature
from node.ledger.transaction import SignedTransaction
from node.ledger.types import (
    BLOCK_BYTES_MAX,
    BLOCK_CALLS_MAX,
    DIGEST_BYTES,
    KEY_BYTES,
    SIGNATURE_BYTES,
    VALIDATORS_MAX,
    ZERO_DIGEST,
    Digest,
    Epoch,
    Height,
    Key,
    OrgId,
    Signature,
    TimeMs,
    Value,
)

HEADER_VERSION: Final = 1

HEADER_BYTES_MAX: Final = 1024
"""A header takes about 330 bytes."""

CERTIFICATE_BYTES_MAX: Final = 16 * 1024
"""63 signatures take 4.2 KiB."""

_COMMIT: Final = "pbft/1/COMMIT"
"""Context of the signatures; a PREPARE's is another."""


# --- Validators -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Validator:
    """A seat: an organisation and the key that votes for it."""

    organisation: OrgId
    """Id of the organisation."""
    key: Key
    """Its key with the purpose ``validate``, 33 bytes."""


@dataclass(frozen=True, slots=True)
class ValidatorSet:
    """The seats of one epoch; a validator's index is its place in this tuple."""

    validators: tuple[Validator, ...]
    """Strictly ascending by organisation, keys distinct, at least one."""

    def __post_init__(self) -> None:
        organisations = [seat.organisation for seat in self.validators]
        if not 1 <= len(organisations) <= VALIDATORS_MAX:
            raise InvalidBlock("validators.count", count=len(organisations), most=VALIDATORS_MAX)
        if any(a >= b for a, b in pairwise(organisations)):
            raise InvalidBlock("validators.order", organisations=organisations)
        if len({seat.key for seat in self.validators}) != len(organisations):
            raise InvalidBlock("validators.key-twice", count=len(organisations))

    @property
    def size(self) -> int:
        """n: how many seats there are."""
        return len(self.validators)

    @property
    def quorum(self) -> int:
        """Q(n): how many seats decide."""
        return quorum_size(self.size)

    @property
    def hash(self) -> Digest:
        """What headers name the set by."""
        return H("yibao/validators/v1", self.encode())

    def fields(self) -> list[Value]:
        """Wire form: [organisation, key] of each seat."""
        return [[seat.organisation, seat.key] for seat in self.validators]

    def encode(self) -> bytes:
        """Canonical bytes."""
        return encode(self.fields())

    def index_of(self, organisation: str) -> int | None:
        """Seat of an organisation, None where it has none."""
        for index, seat in enumerate(self.validators):
            if seat.organisation == organisation:
                return index
        return None

    @classmethod
    def from_fields(cls, value: Value) -> ValidatorSet:
        """From decoded [organisation, key] pairs; raises ``CodecError`` or ``InvalidBlock``."""
        seats = []
        for item in shape.array(value, "validators", least=1, most=VALIDATORS_MAX):
            organisation, key = shape.record(item, 2, "validator")
            shape.org_id(organisation, "validator.organisation")
            shape.binary(key, "validator.key", KEY_BYTES)
            seats.append(Validator(organisation, key))
        return cls(tuple(seats))


def quorum_size(n: int) -> int:
    """Q(n) = (n + f) // 2 + 1 with f = (n - 1) // 3 (CONSENSUS.md section 0).

    The consensus core has the same function; this package imports nothing of ours, so that proofs
    can be checked without it, and a test compares the two.
    """
    return (n + (n - 1) // 3) // 2 + 1


# --- Header -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Header:
    """What a block is; its hash is the block's name."""

    version: int
    """1."""
    chain: Digest
    """Hash of genesis."""
    height: Height
    """One more than the parent's."""
    parent: Digest
    """Hash of the block before; zeros in genesis."""
    epoch: Epoch
    """Number of the validator set in force."""
    validators_hash: Digest
    """Of the set whose certificate makes this block final."""
    next_validators_hash: Digest
    """Of the set for the next height; another one ends the epoch."""
    proposer: str
    """Organisation that first proposed it, also when another one proposes it again; empty in
    genesis."""
    time_ms: TimeMs
    """The only clock of contracts; after the parent's."""
    tx_root: Digest
    """RFC 6962 root over ``[body, signature]`` of each transaction."""
    tx_count: int
    """Leaves of that tree; at least 1 but in genesis."""
    receipts_root: Digest
    """RFC 6962 root over the receipts' bytes."""
    receipts_count: int
    """One receipt for each call."""
    state_root: Digest
    """After this block."""

    @property
    def hash(self) -> Digest:
        """The block's hash."""
        return H("yibao/header/v1", self.encode())

    @property
    def is_epoch_final(self) -> bool:
        """Whether the next height begins another epoch."""
        return self.validators_hash != self.next_validators_hash

    def encode(self) -> bytes:
        """Canonical bytes."""
        return encode(
            [
                self.version,
                self.chain,
                self.height,
                self.parent,
                self.epoch,
                self.validators_hash,
                self.next_validators_hash,
                self.proposer,
                self.time_ms,
                self.tx_root,
                self.tx_count,
                self.receipts_root,
                self.receipts_count,
                self.state_root,
            ]
        )

    @classmethod
    def decode(cls, data: bytes) -> Header:
        """Strict. Raises ``InvalidBlock``."""
        try:
            fields = shape.decode_record(data, 14, "header", bytes_max=HEADER_BYTES_MAX)
            return _header(fields)
        except CodecError as error:
            raise InvalidBlock("header.malformed", **error.reason()) from None


def _header(fields: list[Value]) -> Header:
    height = shape.integer(fields[2], "height")
    counts_least = 0 if height == 0 else 1  # no block without a transaction
    return Header(
        shape.integer(fields[0], "version", least=HEADER_VERSION, most=HEADER_VERSION),
        _digest(fields[1], "chain"),
        Height(height),
        _digest(fields[3], "parent"),
        Epoch(shape.integer(fields[4], "epoch")),
        _digest(fields[5], "validators_hash"),
        _digest(fields[6], "next_validators_hash"),
        shape.text(fields[7], "proposer", 64, least=counts_least),
        TimeMs(shape.integer(fields[8], "time_ms")),
        _digest(fields[9], "tx_root"),
        shape.integer(fields[10], "tx_count", least=counts_least, most=BLOCK_CALLS_MAX),
        _digest(fields[11], "receipts_root"),
        shape.integer(fields[12], "receipts_count", least=counts_least, most=BLOCK_CALLS_MAX),
        _digest(fields[13], "state_root"),
    )


def _digest(value: Value, name: str) -> Digest:
    return Digest(shape.binary(value, name, DIGEST_BYTES))


# --- Block ------------------------------------------------------------------------------------


def count_calls(transactions: Sequence[SignedTransaction]) -> int:
    """Calls, and so receipts, of the transactions together."""
    return sum(len(transaction.body.calls) for transaction in transactions)


def check_limits(transactions: Sequence[SignedTransaction]) -> None:
    """Raises ``InvalidBlock`` where transactions together exceed a block, or one stands twice."""
    calls = count_calls(transactions)
    if not 1 <= calls <= BLOCK_CALLS_MAX:
        raise InvalidBlock("block.calls", calls=calls, most=BLOCK_CALLS_MAX)
    size = sum(transaction.size() for transaction in transactions)
    if size > BLOCK_BYTES_MAX:
        raise InvalidBlock("block.too-long", bytes=size, bytes_max=BLOCK_BYTES_MAX)
    if len({transaction.id for transaction in transactions}) != len(transactions):
        raise InvalidBlock("block.transaction-twice", transactions=len(transactions))


def compute_tx_root(transactions: Sequence[SignedTransaction]) -> Digest:
    """Root over body and signature bytes of each transaction."""
    return merkle.compute_root(transaction.encode_leaf() for transaction in transactions)


def check_link(header: Header, parent: Header) -> None:
    """Raises ``InvalidBlock`` unless ``header`` may follow ``parent`` directly."""
    epoch = parent.epoch + (1 if parent.is_epoch_final else 0)
    expected: dict[str, tuple[Value, Value]] = {
        "chain": (header.chain, parent.chain),
        "height": (header.height, parent.height + 1),
        "parent": (header.parent, parent.hash),
        "epoch": (header.epoch, epoch),
        "validators_hash": (header.validators_hash, parent.next_validators_hash),
    }
    for field, (found, wanted) in expected.items():
        if found != wanted:
            raise InvalidBlock("header.link", field=field, found=found, wanted=wanted)
    if header.time_ms <= parent.time_ms:
        raise InvalidBlock("header.time", time_ms=header.time_ms, parent_ms=parent.time_ms)


def genesis_header(
    chain: Digest, validators_hash: Digest, time_ms: int, state_root: Digest
) -> Header:
    """Block 0: its state is genesis, it has no certificate because its file is the agreement."""
    return Header(
        HEADER_VERSION, chain, Height(0), ZERO_DIGEST, Epoch(0), validators_hash, validators_hash,
        "", TimeMs(time_ms), merkle.EMPTY_ROOT, 0, merkle.EMPTY_ROOT, 0, state_root,
    )  # fmt: skip


# --- Certificates -----------------------------------------------------------------------------


def vote_message(epoch: int, view: int, height: int, block_hash: bytes) -> bytes:
    """What a COMMIT signs, after context and chain."""
    return encode([epoch, view, height, block_hash])


@dataclass(frozen=True, slots=True)
class Certificate:
    """A quorum's votes for one block in one view: final for ever when they are COMMITs."""

    epoch: Epoch
    """Of the block."""
    view: int
    """One for all its votes: votes of two views make no certificate."""
    height: Height
    """Of the block."""
    block_hash: Digest
    """Of its header."""
    signers: bytes
    """Bitmap over the epoch's set, most significant bit first, unused bits zero."""
    signatures: tuple[Signature, ...]
    """One for each set bit, in their order."""

    def fields(self) -> list[Value]:
        """Wire form."""
        return [
            self.epoch,
            self.view,
            self.height,
            self.block_hash,
            self.signers,
            list(self.signatures),
        ]

    def encode(self) -> bytes:
        """Canonical bytes."""
        return encode(self.fields())

    @classmethod
    def decode(cls, data: bytes) -> Certificate:
        """Strict. Raises ``InvalidBlock``; ``verify`` says whether it certifies anything."""
        try:
            fields = shape.decode_record(data, 6, "certificate", bytes_max=CERTIFICATE_BYTES_MAX)
            return cls(
                Epoch(shape.integer(fields[0], "epoch")),
                shape.integer(fields[1], "view"),
                Height(shape.integer(fields[2], "height")),
                _digest(fields[3], "block_hash"),
                shape.binary_up_to(fields[4], "signers", (VALIDATORS_MAX + 7) // 8),
                tuple(
                    Signature(shape.binary(item, "signature", SIGNATURE_BYTES))
                    for item in shape.array(fields[5], "signatures", most=VALIDATORS_MAX)
                ),
            )
        except CodecError as error:
            raise InvalidBlock("certificate.malformed", **error.reason()) from None

    def signer_indexes(self) -> list[int]:
        """Seats whose bit is set."""
        return [
            index
            for index in range(len(self.signers) * 8)
            if self.signers[index >> 3] >> (7 - (index & 7)) & 1
        ]

    def verify(self, chain: bytes, validators: ValidatorSet) -> None:
        """Raises ``InvalidBlock`` unless a quorum of ``validators`` signed it, each signature good.

        ``validators`` is the set of the certificate's epoch, from the state before the block. One
        bad signature makes the whole certificate invalid; skipping bad ones is how others let
        unchecked entries count (CONSENSUS.md section 2.2).
        """
        length = (validators.size + 7) // 8
        if len(self.signers) != length:
            raise InvalidBlock("certificate.bitmap", bytes=len(self.signers), wanted=length)
        indexes = self.signer_indexes()
        if indexes and indexes[-1] >= validators.size:
            raise InvalidBlock("certificate.signer", signer=indexes[-1], validators=validators.size)
        if len(indexes) < validators.quorum:
            raise InvalidBlock("certificate.quorum", signers=len(indexes), quorum=validators.quorum)
        if len(self.signatures) != len(indexes):
            raise InvalidBlock(
                "certificate.signatures", signatures=len(self.signatures), signers=len(indexes)
            )
        message = vote_message(self.epoch, self.view, self.height, self.block_hash)
        for index, signature in zip(indexes, self.signatures, strict=True):
            _verify_seat(chain, validators, index, message, signature)

    def verify_header(self, header: Header, validators: ValidatorSet) -> None:
        """Raises ``InvalidBlock`` unless this makes ``header`` final under ``validators``."""
        expected: dict[str, tuple[Value, Value]] = {
            "epoch": (self.epoch, header.epoch),
            "height": (self.height, header.height),
            "block_hash": (self.block_hash, header.hash),
            "validators_hash": (validators.hash, header.validators_hash),
        }
        for field, (found, wanted) in expected.items():
            if found != wanted:
                raise InvalidBlock("certificate.header", field=field, found=found, wanted=wanted)
        self.verify(header.chain, validators)


def make_certificate(
    validators: ValidatorSet,
    statement: tuple[int, int, int, bytes],
    signatures: dict[int, Signature],
) -> Certificate:
    """Certificate from (epoch, view, height, block hash) and signatures by seat; not verified."""
    epoch, view, height, block_hash = statement
    bitmap = bytearray((validators.size + 7) // 8)
    for index in signatures:
        bitmap[index >> 3] |= 0x80 >> (index & 7)
    ordered = tuple(signatures[index] for index in sorted(signatures))
    return Certificate(
        Epoch(epoch), view, Height(height), Digest(block_hash), bytes(bitmap), ordered
    )


def _verify_seat(
    chain: bytes,
    validators: ValidatorSet,
    index: int,
    message: bytes,
    signature: bytes,
) -> None:
    seat = validators.validators[index]
    try:
        crypto.verify(seat.key, _COMMIT, chain, message, signature)
    except (InvalidSignature, InvalidKey) as error:
        raise InvalidBlock(
            "vote.signature", signer=index, organisation=seat.organisation, reason=error.code
        ) from None
