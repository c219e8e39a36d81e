"""Finding transactions, calls and receipts in a view, and whom they concern."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import overload

from node.api import parties
from node.api.guard import Access
from node.api.parties import Parties
from node.api.ports import CallRow, Place, View
from node.api.problems import Problem
from node.ledger.block import Header
from node.ledger.receipt import Receipt
from node.ledger.transaction import SignedTransaction

PAGE_BLOCK_BYTES_MAX = 16 * 1024 * 1024
"""Blocks that one answer reads to show its rows; the rest is behind ``next``. Reading and decoding
so much takes some 50 ms, in which the event loop does nothing else."""


class Receipts(Sequence[Receipt]):
    """The receipts of one transaction, each decoded when it is asked for.

    A reader of one call of a thousand must not pay for the thousand.
    """

    __slots__ = ("_leaves",)

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self._leaves = leaves

    def __len__(self) -> int:
        return len(self._leaves)

    @overload
    def __getitem__(self, index: int) -> Receipt: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Receipt]: ...
    def __getitem__(self, index: int | slice) -> Receipt | Sequence[Receipt]:
        if isinstance(index, slice):
            return Receipts(self._leaves[index])
        return Receipt.decode_trusted(self._leaves[index])


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
    transaction = _decoded(view.transactions(place.height)[place.index])
    leaves = view.receipts(place.height)
    first = place.first_receipt
    receipts = Receipts(leaves[first : first + len(transaction.body.calls)])
    return Located(place, transaction, receipts, leaves)


def held(view: View, tx_id: bytes) -> Located:
    """A transaction that the state names.

    Raises ``Problem`` ``read.below-floor`` where a snapshot brought the state without its block.
    """
    located = locate(view, tx_id)
    if located is None:
        assert view.floor > 0, f"the state names transaction {tx_id.hex()} that is not stored"
        raise Problem("read.below-floor", floor=view.floor)
    return located


def check_whole(view: View, after: str) -> None:
    """Raises ``Problem`` ``read.below-floor`` where a snapshot passed over blocks behind a cursor:
    what is summed up or compared without their rows would pass for the whole."""
    height = int(after.partition(":")[0]) if after else 0
    if height < view.floor - 1:
        raise Problem("read.below-floor", floor=view.floor)


def check_whole_from(view: View, time_ms: int) -> None:
    """The same for what happened from a time on; ms."""
    if view.floor > 0 and time_of(view, view.floor - 1) >= time_ms:
        raise Problem("read.below-floor", floor=view.floor)


@lru_cache(maxsize=64)
def _decoded(leaf: bytes) -> SignedTransaction:
    """The transaction of a leaf. Remembered: rows that follow each other are often of one batch."""
    return SignedTransaction.decode_trusted_leaf(leaf)


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


def row_receipt(view: View, row: CallRow) -> Receipt:
    """Receipt of an index row, where whoever asks knows whose business it is."""
    return Receipt.decode_trusted(view.receipts(row.height)[row.receipt_index])


def affordable(view: View, rows: Sequence[CallRow], limit: int) -> tuple[list[CallRow], str | None]:
    """The rows that one answer can read, at least one, and the cursor behind them if more follow.

    ``limit``: how many rows were asked for; as many rows mean that there may be more.
    """
    left, height = PAGE_BLOCK_BYTES_MAX, -1
    for number, row in enumerate(rows):
        if row.height != height:
            height = row.height
            left -= sum(map(len, view.transactions(height))) + sum(map(len, view.receipts(height)))
            if left < 0 and number:
                return list(rows[:number]), cursor(rows[number - 1])
    return list(rows), cursor(rows[-1]) if len(rows) == limit else None


def time_of(view: View, height: int) -> int:
    """Time of the block at a height, ms; 0 below what is held."""
    data = view.header(height)
    return 0 if data is None else Header.decode(data).time_ms


def cursor(row: CallRow) -> str:
    """Cursor behind a row of calls."""
    return f"{row.height}:{row.receipt_index}"
