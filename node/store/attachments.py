"""Rows of attachments: content that only some may read and that may be erased after its term.

Data rows stand in the order of the chain; a small pointer row finds one by its commitment.
Erasing takes blind and content away and leaves the commitment, so that an audit can say
"withheld, commitment ok".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from node.store import keys
from node.store.errors import DatabaseDamaged
from node.store.kv import Operation, Reader

DIGEST_BYTES = 32


@dataclass(frozen=True, slots=True)
class KeptAttachment:
    """An attachment as stored; ``content`` is None once it was erased."""

    commitment: bytes
    blind: bytes
    content: bytes | None


def decode_attachment(value: bytes) -> KeptAttachment:
    """Read a data row. Raises ``DatabaseDamaged`` when it is cut short."""
    if len(value) == DIGEST_BYTES:
        return KeptAttachment(value, b"", None)
    if len(value) < 2 * DIGEST_BYTES:
        raise DatabaseDamaged("An attachment row is cut short.")
    return KeptAttachment(
        value[:DIGEST_BYTES], value[DIGEST_BYTES : 2 * DIGEST_BYTES], value[2 * DIGEST_BYTES :]
    )


class Attachments:
    """Attachments as one reader sees them."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def find(self, commitment: bytes) -> KeptAttachment | None:
        """None when the attachment was never held here. Erased: ``content`` is None."""
        place = self._reader.get(keys.COMMITMENT + commitment)
        if place is None:
            return None
        row = self._reader.get(keys.ATTACHMENT + place)
        if row is None:
            raise DatabaseDamaged("An attachment that the database points to is missing.")
        kept = decode_attachment(row)
        if kept.commitment != commitment:
            raise DatabaseDamaged("An attachment row does not belong to its commitment.")
        return kept

    def of_height(self, height: int) -> list[KeptAttachment]:
        """All attachments of a block: each transaction's own, then derived explanations."""
        start, stop = keys.heights(keys.ATTACHMENT, height, height + 1)
        return [decode_attachment(value) for _, value in self._reader.iterate(start, stop)]

    def erasure(self, commitment: bytes) -> list[Operation]:
        """Operations that erase blind and content; empty when there is nothing to erase."""
        place = self._reader.get(keys.COMMITMENT + commitment)
        return [] if place is None else [(keys.ATTACHMENT + place, commitment)]


def attachment_rows(
    height: int, attachments: Sequence[tuple[bytes, bytes, bytes]]
) -> list[Operation]:
    """Rows for a block's ``(commitment, blind, content)`` in chain order.

    A commitment that occurs twice keeps both data rows; the pointer names the later one.
    """
    operations: list[Operation] = []
    for ordinal, (commitment, blind, content) in enumerate(attachments):
        place = keys.pack_place(height, ordinal)
        operations.append((keys.ATTACHMENT + place, commitment + blind + content))
        operations.append((keys.COMMITMENT + commitment, place))
    return operations
