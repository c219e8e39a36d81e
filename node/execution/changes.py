"""A block for who may not see its attachments: checked against its header instead of executed.

The certificate vouches for the header; everything here is held against the header alone. Bytes
that do not belong to it are the bringer's fault (``WrongChanges``), the block is not condemned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from node.ledger import merkle
from node.ledger.block import Header
from node.ledger.errors import CodecError, InvalidProof, InvalidTransaction
from node.ledger.receipt import Receipt, decode_writes
from node.ledger.transaction import SignedTransaction


class WrongChanges(Exception):  # noqa: N818  (says what it is)
    """These bytes are not what the block of that header did."""


@dataclass(frozen=True, slots=True)
class OpenedChanges:
    """Transactions and receipts of the header, and writes that claim to lead to its state root."""

    header: Header
    transactions: Sequence[SignedTransaction]
    """Without attachments."""
    leaves: Sequence[bytes]
    receipts: Sequence[Receipt]
    receipt_bytes: Sequence[bytes]
    writes: dict[str, bytes | None]
    diff: bytes


def open_changes(
    header: Header, leaves: Sequence[bytes], receipts: Sequence[bytes], diff: bytes
) -> OpenedChanges:
    """Check all that needs no state: roots, counts, signatures, which receipt is of which call.

    Raises ``WrongChanges``.
    """
    if (header.tx_count, header.receipts_count) != (len(leaves), len(receipts)):
        raise WrongChanges("changes.count")
    if header.tx_root != merkle.compute_root(leaves):
        raise WrongChanges("changes.tx-root")
    if header.receipts_root != merkle.compute_root(receipts):
        raise WrongChanges("changes.receipts-root")
    try:
        opened = [SignedTransaction.decode_leaf(leaf) for leaf in leaves]
        for transaction in opened:
            transaction.check_signature()
        decoded = [Receipt.decode(receipt) for receipt in receipts]
        writes = decode_writes(diff)
    except (InvalidTransaction, InvalidProof, CodecError) as error:
        raise WrongChanges(error.code) from None
    called = [(tx.id, index) for tx in opened for index in range(len(tx.body.calls))]
    if called != [(receipt.tx_id, receipt.call_index) for receipt in decoded]:
        raise WrongChanges("changes.receipts-order")
    return OpenedChanges(header, opened, leaves, decoded, receipts, writes, diff)
