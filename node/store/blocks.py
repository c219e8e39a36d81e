"""Rows of the chain itself: headers, bodies, certificates, receipts, diffs, proposals.

Nothing here decodes a header or checks a signature; that is the business of ``checks`` and of
the ledger. What is read is what was written, byte for byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from node.ledger.codec import decode_trusted, encode_trusted
from node.store import keys
from node.store.errors import DatabaseDamaged
from node.store.kv import Reader


@dataclass(frozen=True, slots=True)
class TransactionPlace:
    """Where a transaction stands."""

    height: int
    index: int
    """Leaf index in the block's transaction tree, from 0."""
    first_receipt: int
    """Leaf index in the block's receipts tree of the receipt of its first call."""


@dataclass(frozen=True, slots=True)
class StoredProposal:
    """A block that may get a vote of this node: kept before the vote is signed."""

    header: bytes
    leaves: Sequence[bytes]
    """Canonical ``[body, signature]`` of each transaction."""
    attachments: Sequence[Sequence[tuple[bytes, bytes]]]
    """For each transaction its ``(blind, content)`` pairs."""

    def encode(self) -> bytes:
        return encode_trusted([self.header, self.leaves, self.attachments])

    @classmethod
    def decode(cls, data: bytes) -> StoredProposal:
        header, leaves, attached = decode_trusted(data)
        return cls(header, leaves, [[(b, c) for b, c in pairs] for pairs in attached])


class Blocks:
    """The chain's rows as one reader (live store or snapshot) sees them."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def header(self, height: int) -> bytes | None:
        return self._reader.get(keys.at_height(keys.HEADER, height))

    def certificate(self, height: int) -> bytes | None:
        return self._reader.get(keys.at_height(keys.CERTIFICATE, height))

    def leaves(self, height: int) -> list[bytes]:
        """Leaves of the transaction tree; raises ``DatabaseDamaged`` when the height has none."""
        return self._list(keys.BODY, height, "transactions")

    def receipts(self, height: int) -> list[bytes]:
        """Leaves of the receipts tree."""
        return self._list(keys.RECEIPTS, height, "receipts")

    def diff(self, height: int) -> bytes | None:
        """Canonical state diff, or None when it is older than diffs are kept."""
        return self._reader.get(keys.at_height(keys.DIFF, height))

    def height_of(self, block_hash: bytes) -> int | None:
        value = self._reader.get(keys.NUMBER + block_hash)
        return None if value is None else keys.unpack_height(value)

    def find_transaction(self, tx_id: bytes) -> TransactionPlace | None:
        value = self._reader.get(keys.TRANSACTION + tx_id)
        return None if value is None else TransactionPlace(*keys.unpack_transaction(value))

    def proposal(self, height: int, block_hash: bytes) -> StoredProposal | None:
        value = self._reader.get(keys.proposal(height, block_hash))
        return None if value is None else StoredProposal.decode(value)

    def proposals(self, height: int) -> list[bytes]:
        """Hashes of the proposals kept for a height."""
        start, stop = keys.heights(keys.PROPOSAL, height, height + 1)
        return [key[9:] for key, _ in self._reader.iterate(start, stop)]

    def _list(self, prefix: bytes, height: int, what: str) -> list[bytes]:
        value = self._reader.get(keys.at_height(prefix, height))
        if value is None:
            raise DatabaseDamaged(f"The {what} of height {height} are missing.")
        items: list[bytes] = decode_trusted(value)
        return items
