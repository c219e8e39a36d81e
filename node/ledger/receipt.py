"""Receipts: what one call did, as a leaf of the block's receipts tree.

A receipt is permanent and goes to everybody who may see the transaction; what would tell of a
person's age or income is in the explanation, an attachment that the receipt only commits to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from contracts.quick import quick
from node.ledger import shape
from node.ledger.codec import decode, decode_trusted, encode, encode_made, encode_trusted
from node.ledger.crypto import H
from node.ledger.errors import CodecError, InvalidProof
from node.ledger.transaction import Attachment
from node.ledger.types import (
    CALL_NAME_CHARS_MAX,
    CALLS_MAX,
    DIGEST_BYTES,
    STATE_KEY_CHARS_MAX,
    Digest,
    Value,
)

OK: Final = "ok"
REJECTED: Final = "rejected"
STATUSES: Final = (OK, REJECTED)

RECEIPT_BYTES_MAX: Final = 1024 * 1024
"""Longest receipt that is read: as much as the body that asked for it."""

DIFF_BYTES_MAX: Final = 16 * 1024 * 1024
"""Longest state diff of one height that is read from a peer."""

DIFF_ENTRIES_MAX: Final = 50_000
"""A block of 1,000 calls writes about 6,000 entries and drops up to 2,000 executed ids."""

EXECUTED: Final = "tx/"
"""Executed ids stand in the state as ``tx/<expiry hour>/<id in hex>``."""

_EXECUTED_FORM: Final = re.compile(r"tx/(0|[1-9][0-9]{0,15})/[0-9a-f]{64}")

_LIST_MAX: Final = 10_000
"""Events and postings of one call; the meters of the contract engine end far below."""


@quick(frozen=True, slots=True)
class Event:
    """Something that happened, for subscribers and indexes."""

    topic: str
    """``<area>.<what>``, for example ``claim.settled``."""
    fields: dict[str, Value]
    """Seen by all who may see the receipt."""


@quick(frozen=True, slots=True)
class ReceiptPosting:
    """One leg of a transfer; the legs of a transfer sum to zero."""

    transfer_id: str
    """The transfer that it is a leg of."""
    account: str
    """Name from the chart of accounts."""
    fund_type: str
    """National fund code, for example ``310100``."""
    amount_fen: int
    """Positive into the account, negative out of it."""


@quick(frozen=True, slots=True)
class Receipt:
    """The outcome of one call."""

    tx_id: Digest
    """The transaction."""
    call_index: int
    """Which of its calls, from 0."""
    status: str
    """``ok`` or ``rejected``."""
    code: str
    """Why it was rejected; empty when ok."""
    values: dict[str, Value]
    """What a rejection compared."""
    answer: dict[str, Value]
    """What the method returned."""
    events: tuple[Event, ...]
    """In the order in which they were emitted."""
    amounts: dict[str, Value]
    """Sums by name, in fen."""
    versions: dict[str, Value]
    """Versions and hashes of policy, catalogue and contract that decided."""
    postings: tuple[ReceiptPosting, ...]
    """Money moved; they sum to zero by transfer and fund type."""
    explanation: Digest | None
    """Commitment of the explanation attachment."""
    writes_digest: Digest
    """Digest of the call's state writes: names the first call that differs between replicas."""

    def encode(self) -> bytes:
        """Canonical bytes: the leaf of the receipts tree."""
        return encode(self._fields())

    def encode_trusted(self) -> bytes:
        """The same bytes of a receipt whose values the contract runtime has just looked at."""
        return encode_trusted(self._fields())

    def _fields(self) -> list[Value]:
        return [
            self.tx_id,
            self.call_index,
            self.status,
            self.code,
            self.values,
            self.answer,
            [[event.topic, event.fields] for event in self.events],
            self.amounts,
            self.versions,
            [[p.transfer_id, p.account, p.fund_type, p.amount_fen] for p in self.postings],
            self.explanation,
            self.writes_digest,
        ]

    @classmethod
    def decode(cls, data: bytes) -> Receipt:
        """Strict. Raises ``InvalidProof``: a receipt only ever arrives as part of a proof."""
        try:
            fields = shape.decode_record(data, 12, "receipt", bytes_max=RECEIPT_BYTES_MAX)
            return _receipt(fields)
        except CodecError as error:
            raise InvalidProof("receipt.malformed", **error.reason()) from None

    @classmethod
    def decode_trusted(cls, data: bytes) -> Receipt:
        """From this node's own store."""
        (tx_id, index, status, code, values, answer, events, amounts, versions, postings,
         explanation, writes) = decode_trusted(data)  # fmt: skip
        return cls(
            tx_id, index, status, code, values, answer,
            tuple(Event(*event) for event in events), amounts, versions,
            tuple(ReceiptPosting(*posting) for posting in postings), explanation, writes,
        )  # fmt: skip


def _receipt(fields: list[Value]) -> Receipt:
    status = shape.text(fields[2], "status", 8)
    if status not in STATUSES:
        raise CodecError("receipt.status", status=status)
    code = shape.text(fields[3], "code", 100, least=0)
    if (code == "") != (status == OK):
        raise CodecError("receipt.code", status=status, code=code)
    explanation = fields[10]
    if explanation is not None:
        shape.binary(explanation, "explanation", DIGEST_BYTES)
    return Receipt(
        Digest(shape.binary(fields[0], "tx_id", DIGEST_BYTES)),
        shape.integer(fields[1], "call_index", most=CALLS_MAX - 1),
        status,
        code,
        shape.mapping(fields[4], "values"),
        shape.mapping(fields[5], "answer"),
        tuple(_event(item) for item in shape.array(fields[6], "events", most=_LIST_MAX)),
        shape.mapping(fields[7], "amounts"),
        shape.mapping(fields[8], "versions"),
        tuple(_posting(item) for item in shape.array(fields[9], "postings", most=_LIST_MAX)),
        explanation,
        Digest(shape.binary(fields[11], "writes_digest", DIGEST_BYTES)),
    )


def _event(value: Value) -> Event:
    topic, fields = shape.record(value, 2, "event")
    return Event(
        shape.text(topic, "topic", CALL_NAME_CHARS_MAX), shape.mapping(fields, "event.fields")
    )


def _posting(value: Value) -> ReceiptPosting:
    transfer_id, account, fund_type, amount_fen = shape.record(value, 4, "posting")
    return ReceiptPosting(
        shape.text(transfer_id, "transfer_id", STATE_KEY_CHARS_MAX),
        shape.text(account, "account", STATE_KEY_CHARS_MAX),
        shape.text(fund_type, "fund_type", CALL_NAME_CHARS_MAX),
        shape.integer(amount_fen, "amount_fen", least=-(2**63)),
    )


def compute_writes_digest(writes: Mapping[str, bytes | None]) -> Digest:
    """Digest of one call's writes: state key to value bytes, None for a deletion."""
    return H("yibao/writes/v1", encode_writes(writes))


def encode_writes(writes: Mapping[str, bytes | None]) -> bytes:
    """Canonical bytes of writes, ascending by key; the form of a height's state diff too."""
    return encode_trusted(sorted(writes.items()))


def decode_writes(data: bytes) -> dict[str, bytes | None]:
    """Writes of a height as another node has them. Raises ``CodecError``.

    Strict: ascending keys, each once; executed ids in the one form that ``executed_key`` gives, so
    that none leads to another id's row. What the values mean is for the state root to say.
    """
    pairs = shape.array(decode(data, bytes_max=DIFF_BYTES_MAX), "diff", most=DIFF_ENTRIES_MAX)
    writes: dict[str, bytes | None] = {}
    previous = ""
    for item in pairs:
        key, value = shape.record(item, 2, "write")
        shape.text(key, "state key", STATE_KEY_CHARS_MAX)
        if not key.isascii() or key <= previous:
            raise CodecError("diff.order", key=key, previous=previous)
        if key.startswith(EXECUTED) and not _EXECUTED_FORM.fullmatch(key):
            raise CodecError("diff.executed-id", key=key)
        if value is not None:
            shape.binary_up_to(value, "state value", DIFF_BYTES_MAX)
        writes[key], previous = value, key
    return writes


def make_explanation(
    tx_id: bytes,
    call_index: int,
    inputs: Iterable[Attachment],
    explanation: dict[str, Value],
    secret: bytes = b"",
) -> Attachment:
    """The explanation attachment of a call, the same on all validators.

    Its blind comes from the blind of the call's first attachment; where the call has none, from
    the ``secret`` of the contract (a salt of what the explanation is about); from the transaction
    id where there is neither, and everything that was told is public anyway.
    """
    first = next(iter(inputs), None)
    secret = (secret or tx_id) if first is None else first.blind
    blind = H("yibao/explanation-blind/v1", secret + call_index.to_bytes(2, "big"))
    return Attachment(blind, encode_made(explanation))
