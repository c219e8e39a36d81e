"""Blocks for peers: the one in flight, proposals this node kept, and the committed chain.

Whoever voted for a block has it on disk and can bring it to those who have only heard of it. The
attachments are part of it for those who execute; a block whose attachments were erased after their
term cannot be executed again by anybody and is not given out. Others get what it did (``Changes``),
as long as its state diff is kept. Who is further behind than that takes a state, not blocks.
"""

from __future__ import annotations

from consensus import BlockId
from node.ledger.block import Header
from node.ledger.transaction import Attachment, SignedTransaction
from node.ledger.types import Checked
from node.p2p.payloads import Changes, Content, Share
from node.service.chain import Chain
from node.store.blocks import StoredProposal


class BlockServer:
    """Reads blocks in the form in which they travel. Any thread may ask."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._last: tuple[bytes, bytes] | None = None
        self._last_changes: tuple[bytes, bytes] | None = None

    def content(self, height: int, block: bytes) -> bytes | None:
        """The encoded content of a block, None when this node does not have it."""
        last = self._last
        if last is not None and last[0] == block:
            return last[1]
        content = self._in_flight(block) or self._kept(height, block)
        if content is None and self._chain.database.blocks.height_of(block) == height:
            content = self._committed(height)
        if content is None:
            return None
        encoded = content.encode()
        # A proposal is sent to everybody, and again to whoever lacks it.
        self._last = (block, encoded)
        return encoded

    def header(self, height: int, block: bytes) -> bytes | None:
        """Header of a committed block, None when this node does not have it."""
        blocks = self._chain.database.blocks
        return blocks.header(height) if blocks.height_of(block) == height else None

    def outcome(self, block: bytes) -> bytes | None:
        """What a block came to here, for a node that came to something else; None when this node
        no longer has it."""
        found = self._chain.outcome(block)
        return None if found is None else found.encode()

    def certified(self, height: int, share: Share) -> tuple[bytes, bytes] | None:
        """(certificate, content) of a committed height, None when this node cannot give it."""
        certificate = self._chain.database.blocks.certificate(height)
        if certificate is None:
            return None
        content = self._committed(height) if share is Share.CONTENT else self._changes(height)
        return None if content is None else (certificate, content.encode())

    def changes(self, height: int, block: bytes) -> bytes | None:
        """What a committed block did, None when this node cannot give it."""
        last = self._last_changes
        if last is not None and last[0] == block:
            return last[1]
        if self._chain.database.blocks.height_of(block) != height:
            return None
        changes = self._changes(height)
        if changes is None:
            return None
        # All followers ask for the newest block in the same moment.
        self._last_changes = (block, encoded := changes.encode())
        return encoded

    def _in_flight(self, block: bytes) -> Content | None:
        result = self._chain.result(BlockId(block))
        if result is None or result.checked < Checked.REEXECUTED:
            return None  # applied as a diff: what is attached is not here
        return Content(result.header, [tx.encode() for tx in result.transactions])

    def _kept(self, height: int, block: bytes) -> Content | None:
        stored = self._chain.database.blocks.proposal(height, block)
        if stored is None:
            return None
        return Content(Header.decode(stored.header), _wires(stored))

    def _committed(self, height: int) -> Content | None:
        blocks = self._chain.database.blocks
        header = blocks.header(height)
        if header is None or height < self._chain.database.floor():
            return None
        transactions = []
        for leaf in blocks.leaves(height):
            transaction = SignedTransaction.decode_trusted_leaf(leaf)
            attachments = self._attachments(transaction)
            if attachments is None:
                return None
            transactions.append(_with(transaction, attachments).encode())
        return Content(Header.decode(header), transactions)

    def _changes(self, height: int) -> Changes | None:
        blocks = self._chain.database.blocks
        header, diff = blocks.header(height), blocks.diff(height)
        if header is None or diff is None:
            return None
        return Changes(Header.decode(header), blocks.leaves(height), blocks.receipts(height), diff)

    def _attachments(self, transaction: SignedTransaction) -> list[Attachment] | None:
        """None when one of them was erased."""
        found = []
        for ref in transaction.body.attachments:
            kept = self._chain.database.attachments.find(ref.commitment)
            if kept is None or kept.content is None:
                return None
            found.append(Attachment(kept.blind, kept.content))
        return found


def _wires(stored: StoredProposal) -> list[bytes]:
    return [
        SignedTransaction.decode_leaf(leaf, [Attachment(b, c) for b, c in pairs]).encode()
        for leaf, pairs in zip(stored.leaves, stored.attachments, strict=True)
    ]


def _with(transaction: SignedTransaction, attachments: list[Attachment]) -> SignedTransaction:
    # body_bytes of a trusted leaf are the canonical bytes that were stored.
    return SignedTransaction(
        transaction.id, transaction.body, transaction.body_bytes, transaction.signature,
        tuple(attachments),
    )  # fmt: skip
