"""Where two results of one block differ: the first transaction, its call, the part, the key.

When a replica computes another result than the header says it does not vote, and the chain stops
rather than forks. The node then asks a peer that did compute the header's result for it; the
receipts name the first call, and the two write sets of that call name the key
(LESSONS.md, 26: "wrong AppHash: which transaction, which key?"). ``Outcome`` is one such result;
what a peer sends proves itself as far as the header goes: its receipts have the header's root, and
each receipt has the digest of its call's writes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from node.ledger import merkle, shape
from node.ledger.block import Header
from node.ledger.codec import decode, encode
from node.ledger.crypto import H
from node.ledger.errors import CodecError, InvalidProof
from node.ledger.receipt import Receipt, compute_writes_digest
from node.ledger.types import BLOCK_CALLS_MAX, DIGEST_BYTES, FRAME_BYTES_MAX

WRITES_MAX = 1 << 20
"""Keys and values of one call; the frame bounds their bytes."""

Writes = Mapping[str, bytes | None]
"""State key to canonical value, None for a deletion."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The first place where two results part."""

    receipt_index: int
    tx_id: bytes
    call_index: int
    part: str
    """Field of the receipt, or ``count`` when one result has more receipts."""
    key: str | None = None
    """First state key that differs, ascending; None where writes were not compared."""


def first_difference(
    ours: Sequence[Receipt],
    theirs: Sequence[Receipt],
    our_writes: Sequence[Mapping[str, bytes | None]] = (),
    their_writes: Sequence[Mapping[str, bytes | None]] = (),
) -> Difference | None:
    """The first difference of two results of one block; None when they are the same.

    ``*_writes`` are the writes of each call, in the order of the receipts, where they are known.
    """
    for index, (one, other) in enumerate(zip(ours, theirs, strict=False)):
        part = next((f.name for f in fields(Receipt) if not _same(f.name, one, other)), None)
        if part is None:
            continue
        key = None
        if index < min(len(our_writes), len(their_writes)):
            key = first_key(our_writes[index], their_writes[index])
        return Difference(index, one.tx_id, one.call_index, part, key)
    if len(ours) != len(theirs):
        longer = max(ours, theirs, key=len)
        index = min(len(ours), len(theirs))
        return Difference(index, longer[index].tx_id, longer[index].call_index, "count")
    return None


def first_key(ours: Mapping[str, bytes | None], theirs: Mapping[str, bytes | None]) -> str | None:
    """First key, ascending, that only one has or that has two values."""
    for key in sorted(ours.keys() | theirs.keys()):
        if (key in ours) != (key in theirs) or ours.get(key) != theirs.get(key):
            return key
    return None


def value_digest(value: bytes | None) -> str | None:
    """What is told of a value: its digest in hexadecimal, None for a deletion."""
    return None if value is None else H("yibao/value/v1", value).hex()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a block came to on one node."""

    block: bytes
    receipts: Sequence[bytes]
    writes: Sequence[Writes]
    """Of each call, in the order of the receipts; empty when they do not fit into an answer."""
    rest: Writes
    """What the block wrote beside its calls: executed ids, and those that expired."""

    def encode(self, bytes_max: int = FRAME_BYTES_MAX) -> bytes | None:
        """Canonical bytes; without the writes when they would be too many, None when even the
        receipts are."""
        for writes in (self.writes, ()):
            data = encode(
                [self.block, list(self.receipts), [_flat(one) for one in writes], _flat(self.rest)]
            )
            if len(data) <= bytes_max:
                return data
        return None

    @classmethod
    def decode(cls, data: bytes) -> Outcome:
        """Strict; proves nothing yet. Raises ``InvalidProof``."""
        try:
            block, receipts, writes, rest = shape.record(
                decode(data, bytes_max=FRAME_BYTES_MAX), 4, "outcome"
            )
            for item in shape.array(receipts, "receipts", most=BLOCK_CALLS_MAX):
                shape.binary_up_to(item, "receipt", FRAME_BYTES_MAX)
            calls = shape.array(writes, "writes", most=BLOCK_CALLS_MAX)
            return cls(
                shape.binary(block, "block", DIGEST_BYTES), receipts,
                [_pairs(item) for item in calls], _pairs(rest),
            )  # fmt: skip
        except CodecError as error:
            raise InvalidProof("outcome.malformed", reason=error.code) from None

    def check(self, header: Header) -> None:
        """Raise ``InvalidProof`` unless these are the header's receipts and their calls' writes."""
        if self.block != header.hash or merkle.compute_root(self.receipts) != header.receipts_root:
            raise InvalidProof("outcome.receipts", height=header.height)
        for receipt, writes in zip(map(Receipt.decode, self.receipts), self.writes, strict=False):
            if compute_writes_digest(writes) != receipt.writes_digest:
                raise InvalidProof("outcome.writes", height=header.height)


def compare_outcomes(ours: Outcome, theirs: Outcome) -> tuple[Difference, str | None, str | None]:
    """The first difference, with the digests of both values where it has a key.

    Receipts first; where all are the same, what the block wrote beside its calls.
    """
    found = first_difference(
        [Receipt.decode(data) for data in ours.receipts],
        [Receipt.decode(data) for data in theirs.receipts],
        ours.writes,
        theirs.writes,
    )
    if found is None:
        key = first_key(ours.rest, theirs.rest)
        found = Difference(len(ours.receipts), b"", 0, "rest" if key else "header", key)
        mine, others = ours.rest, theirs.rest
    elif found.key is not None:
        mine, others = ours.writes[found.receipt_index], theirs.writes[found.receipt_index]
    if found.key is None:
        return found, None, None
    return found, value_digest(mine.get(found.key)), value_digest(others.get(found.key))


def _flat(writes: Writes) -> list[object]:
    return [part for pair in sorted(writes.items()) for part in pair]


def _pairs(value: object) -> dict[str, bytes | None]:
    parts = shape.array(value, "writes", most=WRITES_MAX)
    if len(parts) % 2:
        raise CodecError("shape.length", field="writes")
    found: dict[str, bytes | None] = {}
    for key, data in zip(parts[::2], parts[1::2], strict=True):
        found[shape.text(key, "key", 256)] = (
            None if data is None else shape.binary_up_to(data, "value", FRAME_BYTES_MAX)
        )
    return found


def _same(name: str, one: Receipt, other: Receipt) -> bool:
    return bool(getattr(one, name) == getattr(other, name))
