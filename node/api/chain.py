"""Finding transactions, calls and receipts in a view, and whom they concern."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from node.api import parties
from node.api.guard import Access
from node.api.parties import Parties
from node.api.ports import CallRow, Place, View
from node.ledger.receipt import Receipt
from node.ledger.transaction import SignedTransaction


@dataclass(frozen=True, slots=True)
class Located:
    """A committed transaction and its receipts."""

    place: Place
    transaction: SignedTransaction
    receipts: Sequence[Receipt]
    """One for each call, in order."""
    leaves: Sequence[bytes]
    """All receipts of the block: what a proof is made from."""

    def receipt_index(self, call_index: int) -> int:
        """Leaf index of a call's receipt in the block."""
        return self.place.first_receipt + call_index


def locate(view: View, tx_id: bytes) -> Located | None:
    """The transaction in the chain, None when it is not there at this height."""
    place = view.find_transaction(tx_id)
    if place is None:
        return None
    leaf = view.transactions(place.height)[place.index]
    transaction = SignedTransaction.decode_trusted_leaf(leaf)
    leaves = view.receipts(place.height)
    first = place.first_receipt
    receipts = [
        Receipt.decode_trusted(data) for data in leaves[first : first + len(transaction.body.calls)]
    ]
    return Located(place, transaction, receipts, leaves)


def call_parties(access: Access, located: Located, call_index: int) -> Parties:
    """Whom one call concerns."""
    receipt = located.receipts[call_index]
    return parties.of_call(
        access.state,
        sender=located.transaction.body.sender,
        args=located.transaction.body.calls[call_index].args,
        answer=receipt.answer,
        events=[event.fields for event in receipt.events],
        accounts=[leg.account for leg in receipt.postings],
    )


def row_call(access: Access, row: CallRow) -> tuple[Receipt, Parties]:
    """Receipt of an index row and whom it concerns."""
    located = locate(access.view, row.tx_id)
    assert located is not None, f"the index names transaction {row.tx_id.hex()} that is not stored"
    return located.receipts[row.call_index], call_parties(access, located, row.call_index)


def cursor(row: CallRow) -> str:
    """Cursor behind a row of calls."""
    return f"{row.height}:{row.receipt_index}"
