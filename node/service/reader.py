"""Reading: one committed height at a time, from a snapshot that all readers of it share.

A head is published after its batch is on disk and the state tree stands at it. Views opened from
then on see this head and nothing newer; a view that is still open keeps its own. Publishing is done
on the event loop's thread between two jobs of the chain thread, so a reader that does not pause
between opening and proving always proves against its own head.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from node.api.ports import CallRow, Head, Place, PostingRow, StoredAttachment, WorkItem
from node.ledger.codec import decode_trusted
from node.ledger.evidence import EpochEnd
from node.ledger.receipt import Receipt
from node.ledger.types import Checked, Value
from node.store.database import Database, Rows, StoredHead
from node.store.index import CallEntry, Subject
from node.store.kv import Snapshot
from node.store.work import WorkList

Prover = Callable[[str, bytes], bytes]
"""From a state key and the state root that it is to be proved under, to the encoded proof."""

KINDS = {
    "claim": Subject.CLAIM,
    "filing": Subject.FILING,
    "person": Subject.PERSON,
    "institution": Subject.INSTITUTION,
    "organisation": Subject.ORGANISATION,
    "topic": Subject.TOPIC,
    "area": Subject.AREA,
}
"""What calls can be listed by."""


WORK = {
    "filings": WorkList.FILINGS,
    "ending": WorkList.ENDING,
    "reimbursements": WorkList.REIMBURSEMENTS,
    "institutions": WorkList.INSTITUTIONS,
    "wallets": WorkList.WALLETS,
    "recoveries": WorkList.RECOVERIES,
}
"""The work lists by the names that the edge has for them."""


class Published:
    """A head with its snapshot; closed when it is neither the newest nor in use."""

    def __init__(self, head: StoredHead, snapshot: Snapshot) -> None:
        self.head = Head(head.height, head.block_hash, head.time_ms, head.state_root)
        self.rows = Rows(snapshot)
        self.floor = self.rows.floor()
        self._snapshot = snapshot
        self._users = 1
        self._transactions: tuple[int, Sequence[bytes]] = (-1, ())
        self._receipts: tuple[int, Sequence[bytes]] = (-1, ())

    def transactions(self, height: int) -> Sequence[bytes]:
        """Leaves of a height; the last one is remembered: who waits for a block asks for all."""
        if 0 < height < self.floor:
            return ()
        if self._transactions[0] != height:
            self._transactions = (height, self.rows.blocks.leaves(height))
        return self._transactions[1]

    def receipts(self, height: int) -> Sequence[bytes]:
        """The same for receipts."""
        if 0 < height < self.floor:
            return ()
        if self._receipts[0] != height:
            self._receipts = (height, self.rows.blocks.receipts(height))
        return self._receipts[1]

    def take(self) -> None:
        self._users += 1

    def release(self) -> None:
        self._users -= 1
        assert self._users >= 0, "a snapshot is released once by each user"
        if self._users == 0:
            self._snapshot.close()


class NodeView:
    """``node.api.ports.View`` over one published head."""

    def __init__(self, published: Published, prove: Prover) -> None:
        self._published = published
        self._rows = published.rows
        self._prove = prove

    @property
    def head(self) -> Head:
        return self._published.head

    @property
    def floor(self) -> int:
        return self._published.floor

    def header(self, height: int) -> bytes | None:
        return self._rows.blocks.header(height) if self._has(height) else None

    def certificate(self, height: int) -> bytes | None:
        return self._rows.blocks.certificate(height) if self._has(height) else None

    def height_of(self, block_hash: bytes) -> int | None:
        return self._rows.blocks.height_of(block_hash)

    def checked(self, height: int) -> Checked:
        return self._rows.checked(height)

    def transactions(self, height: int) -> Sequence[bytes]:
        return self._published.transactions(height)

    def receipts(self, height: int) -> Sequence[bytes]:
        return self._published.receipts(height)

    def diff(self, height: int) -> bytes | None:
        """Canonical state diff of a height; None when it is older than diffs are kept."""
        return self._rows.blocks.diff(height) if self._has(height) else None

    def find_transaction(self, tx_id: bytes) -> Place | None:
        place = self._rows.blocks.find_transaction(tx_id)
        return None if place is None else Place(place.height, place.index, place.first_receipt)

    def state(self, key: str) -> Value | None:
        data = self._rows.state.get(key)
        return None if data is None else decode_trusted(data)

    def prove_state(self, key: str) -> bytes:
        """Raises ``Unavailable`` when a newer head was published since the view was opened."""
        return self._prove(key, self._published.head.state_root)

    def epoch_ends(self, height: int) -> Sequence[EpochEnd]:
        """The epoch-final blocks below a height, oldest first: what evidence files begin with."""
        ends = []
        for _, first, following in self._rows.epochs():
            if not 1 < first <= height:
                continue  # epoch 0 begins with genesis, which ends nothing
            header, certificate = self.header(first - 1), self.certificate(first - 1)
            assert header is not None, "an epoch ends with a block"
            assert certificate is not None, "the last block of an epoch is certified"
            ends.append(EpochEnd(header, certificate, following))
        return ends

    def attachment(self, commitment: bytes) -> StoredAttachment | None:
        kept = self._rows.attachments.find(commitment)
        if kept is None or kept.content is None:
            return None
        return StoredAttachment(kept.blind, kept.content)

    def calls_of(self, kind: str, subject: str, after: str, limit: int) -> Sequence[CallRow]:
        """``kind`` is one of ``KINDS``."""
        place = _cursor(after, 2)
        behind = None if place is None else (place[0], place[1])
        return [
            CallRow(entry.height, entry.receipt_index, entry.tx_id, entry.call_index)
            for entry in self._rows.index.calls(KINDS[kind], subject, behind, limit)
        ]

    def postings_of(self, account: str, after: str, limit: int) -> Sequence[PostingRow]:
        place = _cursor(after, 3) or (0, 0, -1)
        index = self._rows.index
        found: list[PostingRow] = []
        first = (place[0], place[1])
        while len(found) < limit:
            entries = index.calls_from(Subject.ACCOUNT, account, first, limit)
            for entry in entries:
                found += [row for row in self._postings(entry) if _place_of(row) > place]
            if len(entries) < limit:
                break
            first = (entries[-1].height, entries[-1].receipt_index + 1)
        return found[:limit]

    def work_of(
        self, work: str, area: str, first: str, after: tuple[str, str] | None, limit: int
    ) -> Sequence[WorkItem]:
        rows = self._rows.work.items(WORK[work], area, first, after, limit)
        return [WorkItem(row.date, row.name, row.note) for row in rows]

    def _postings(self, entry: CallEntry) -> list[PostingRow]:
        """Legs of one call on the account that the entry is about."""
        receipt = Receipt.decode_trusted(self.receipts(entry.height)[entry.receipt_index])
        return [
            PostingRow(
                entry.height, entry.receipt_index, number, entry.tx_id, entry.call_index,
                leg.transfer_id, leg.account, leg.fund_type, leg.amount_fen,
            )
            for number, leg in enumerate(receipt.postings)
            if leg.account == entry.name
        ]  # fmt: skip

    def _has(self, height: int) -> bool:
        return 0 <= height <= self._published.head.height


class NodeReader:
    """``node.api.ports.Reader``. Used on the event loop's thread."""

    def __init__(self, database: Database, prove: Prover) -> None:
        self._database = database
        self._prove = prove
        self._newest = self._take_newest()
        self._moved = asyncio.Event()

    @property
    def head(self) -> Head:
        """The newest published head."""
        return self._newest.head

    def has_transaction(self, tx_id: bytes) -> bool:
        """Whether the newest published head's chain holds the transaction."""
        return self._newest.rows.blocks.find_transaction(tx_id) is not None

    @contextmanager
    def view(self) -> Iterator[NodeView]:
        published = self._newest
        published.take()
        try:
            yield NodeView(published, self._prove)
        finally:
            published.release()

    def hold(self) -> tuple[Published, NodeView]:
        """The newest head, taken, and a view of it; the caller releases it."""
        self._newest.take()
        return self._newest, NodeView(self._newest, self._prove)

    def publish(self) -> None:
        """Show the head that was just committed."""
        before, self._newest = self._newest, self._take_newest()
        before.release()
        self._moved.set()
        self._moved = asyncio.Event()

    async def wait_for_height(self, height: int, timeout_s: float) -> bool:
        try:
            async with asyncio.timeout(timeout_s):
                while self.head.height < height:
                    await self._moved.wait()
        except TimeoutError:
            return False
        return True

    def close(self) -> None:
        """Let go of the newest snapshot; views that are open keep theirs."""
        self._newest.release()

    def _take_newest(self) -> Published:
        snapshot = self._database.kv.snapshot()
        head = Rows(snapshot).head()
        assert head is not None, "a database that is read has block 0"
        return Published(head, snapshot)


def _place_of(row: PostingRow) -> tuple[int, ...]:
    return row.height, row.receipt_index, row.posting_index


def _cursor(text: str, parts: int) -> tuple[int, ...] | None:
    """Numbers of a cursor ``height:index[:posting]``; None for an empty one.

    Raises ``ValueError`` for anything else; the edge has checked its form.
    """
    if not text:
        return None
    numbers = tuple(int(part) for part in text.split(":"))
    if len(numbers) != parts:
        raise ValueError(f"a cursor has {parts} numbers")
    return numbers
