"""Where two results of one block differ: the first transaction, its call, the part, the key.

When a replica computes another result than the header says it does not vote, and the chain stops
rather than forks. The operator then asks a peer for its receipts of the height; their writes
digests name the first call, and the two write sets of that call name the key
(LESSONS.md, 26: "wrong AppHash: which transaction, which key?").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from node.ledger.receipt import Receipt


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


def _same(name: str, one: Receipt, other: Receipt) -> bool:
    return bool(getattr(one, name) == getattr(other, name))
