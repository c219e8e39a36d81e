"""Blocks that others built: find the content, check it, execute it, answer the core.

A header that a quorum or a primary stands for is one thing, the bytes that a peer brought for it
another. Bytes that do not belong to the header are the bringer's fault: they are thrown away and
asked of somebody else, and the block is not condemned (CVE-2012-2459). Only what the header itself
commits to can make a block invalid.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import structlog

from consensus import Block, BlockId, Event, Execute, Executed, MemberId, Verdict
from node.execution.blocks import FRESH_EARLY_MS, FRESH_LATE_MS, BlockDiffers, BlockResult
from node.execution.calls import CallBug
from node.execution.changes import WrongChanges, open_changes
from node.ledger import block as ledger_block
from node.ledger.errors import InvalidBlock, InvalidTransaction
from node.ledger.transaction import SignedTransaction
from node.ledger.types import Checked
from node.mempool import Mempool
from node.ordering import wire
from node.p2p.payloads import AnyContent, Content
from node.service.chain import Chain, ChainThread
from node.service.exchange import Exchange

ASK_S: Final = 1.0
"""How long one holder is waited for before the next is asked."""


class WrongContent(Exception):  # noqa: N818  (says what it is)
    """These bytes are not the block of that header."""


@dataclass(frozen=True, slots=True)
class Untimely:
    """A proposal that got no vote of this node for its time."""

    height: int
    proposer: str
    ahead_ms: int
    """Of this node's clock; negative where it was behind."""

    @property
    def sentence(self) -> str:
        """For the operator: nobody else notices a clock that is wrong."""
        far = f"{abs(self.ahead_ms) / 1000:.0f} s {'ahead of' if self.ahead_ms > 0 else 'behind'}"
        return (
            f"The clock: the block that {self.proposer} proposed at height {self.height} is {far} "
            "this node's clock and got no vote here. One of the two clocks is wrong."
        )


class ReceivedBlocks:
    """Executes blocks that this node did not build. For the event loop's thread."""

    def __init__(
        self,
        chain: Chain,
        thread: ChainThread,
        pool: Mempool,
        put: Callable[[Event], None],
        clock_ms: Callable[[], int],
        log_bug: Callable[[CallBug], None],
        log: structlog.stdlib.BoundLogger,
    ) -> None:
        self._chain = chain
        self._thread = thread
        self._pool = pool
        self._put = put
        self._clock_ms = clock_ms
        self._log_bug = log_bug
        self._log = log
        self.on_differs: Callable[[BlockDiffers], None] = lambda error: None
        """Told of a block that executes to something else here."""
        self.untimely: Untimely | None = None
        """The last proposal, where it was one."""
        self._exchange: Exchange | None = None
        self._holders: dict[BlockId, list[MemberId]] = {}
        self._certified: set[BlockId] = set()
        self._checks = ThreadPoolExecutor(1, thread_name_prefix="block-check")

    def attach(self, exchange: Exchange) -> None:
        """Where content comes from that is not on disk."""
        self._exchange = exchange

    def close(self) -> None:
        """After the last task has ended."""
        self._checks.shutdown(wait=True)

    def is_asked(self, asked: Execute) -> bool:
        """Whether the block is in work already; then it has more holders from here on, and is
        known to be certified."""
        block = asked.block.id
        if asked.certified:
            self._certified.add(block)
        known = self._holders.get(block)
        if known is None:
            self._holders[block] = list(asked.holders)
            return False
        known += [holder for holder in asked.holders if holder not in known]
        return True

    async def execute(self, asked: Execute) -> None:
        """Find, check, execute, put ``Executed``. Ends without a word when the height passes."""
        block, fresh = asked.block, asked.fresh
        try:
            result = await self._result(block)
            if result is not None and fresh:
                self._check_proposer(result.header.proposer, asked.holders)
        except InvalidBlock as error:
            if not self._is_open(block):
                return  # the height was decided otherwise while this one was on its way
            self._log.error(
                "block.refused", height=block.height, code=error.code, block=block.id,
                field=error.values.get("field"),
            )  # fmt: skip
            if isinstance(error, BlockDiffers):
                self.on_differs(error)
            self._answer(block, Verdict.INVALID, None)
        except CallBug as bug:
            self._log_bug(bug)
            self._answer(block, Verdict.INVALID, None)
        else:
            if result is not None:
                self._answer(block, self._verdict(result, fresh), result)
        finally:
            self._holders.pop(block.id, None)
            self._certified.discard(block.id)

    def _check_proposer(self, name: str, holders: Sequence[MemberId]) -> None:
        """Whoever proposes a block for the first time names itself. Raises ``InvalidBlock``."""
        _, validators = self._chain.validators_of_next()
        seats = {MemberId(seat.key): str(seat.organisation) for seat in validators.validators}
        expected = ", ".join(seats.get(holder, "") for holder in holders)
        if name != expected:
            raise InvalidBlock("block.place", field="proposer", found=name, expected=expected)

    def _verdict(self, result: BlockResult, fresh: bool) -> Verdict:
        if result.checked < Checked.REEXECUTED:
            return Verdict.APPLIED
        if not fresh:
            return Verdict.VALID
        header, clock_ms, before = result.header, self._clock_ms(), self.untimely
        if is_timely(header.time_ms, clock_ms):
            self.untimely = None
            return Verdict.VALID
        found = Untimely(header.height, header.proposer, header.time_ms - clock_ms)
        self.untimely = found
        if before is None or before.proposer != found.proposer:
            self._log.warning(
                "block.untimely", height=found.height, peer=found.proposer,
                seconds=round(found.ahead_ms / 1000, 1), reason=found.sentence,
            )  # fmt: skip
        return Verdict.UNTIMELY

    def _answer(self, block: Block, verdict: Verdict, result: BlockResult | None) -> None:
        following = (
            None if result is None else wire.to_next_set(result.header, result.next_validators)
        )
        self._put(Executed(block.id, verdict, following))

    async def _result(self, block: Block) -> BlockResult | None:
        """None when the height was decided otherwise meanwhile. Raises ``InvalidBlock``."""
        liars: set[str] = set()
        while self._is_open(block):
            known = self._chain.result(block.id)
            if known is not None:
                return known
            if self._chain.is_kept(block):
                return await self._thread.run(self._chain.execute_kept, block)
            content = await self._find(block, liars)
            if content is None:
                continue
            try:
                return await self._open(content)
            except (WrongContent, WrongChanges) as wrong:
                self._blame(block, wrong, liars)
                if isinstance(wrong, WrongChanges) and len(liars) > self._liars_max():
                    # One of them is correct, so it is the own state that is not.
                    raise InvalidBlock("block.differs", field="state_root") from wrong
        return None

    def _liars_max(self) -> int:
        _, validators = self._chain.validators_of_next()
        return validators.size - validators.quorum

    async def _open(self, content: AnyContent) -> BlockResult:
        """Execute the block, or apply what it did. Raises ``WrongContent``, ``WrongChanges``,
        ``InvalidBlock``."""
        loop = asyncio.get_running_loop()
        if isinstance(content, Content):
            transactions = await loop.run_in_executor(
                self._checks, open_content, content, self._pool.find
            )
            return await self._thread.run(self._chain.execute, content.header, transactions)
        opened = await loop.run_in_executor(
            self._checks, open_changes, content.header, content.leaves, content.receipts,
            content.diff,
        )  # fmt: skip
        return await self._thread.run(self._chain.apply, opened)

    def _is_open(self, block: Block) -> bool:
        return block.height == self._chain.parent.header.height + 1

    async def _find(self, block: Block, liars: set[str]) -> AnyContent | None:
        """``liars``: who brought wrong bytes already; they are not asked again."""
        exchange = self._exchange
        if exchange is None:
            raise InvalidBlock("block.content-missing", block=block.id.hex(), height=block.height)
        found = exchange.contents.find(block.id)
        if found is not None:
            return found[1]
        holders = [
            name
            for name in self._holders.get(block.id, ())
            if exchange.organisation_of(name) not in liars
        ]
        if not holders:
            liars.clear()
        content = await exchange.find(block, holders, ASK_S, certified=block.id in self._certified)
        if content is None:
            # Nobody who has it is connected, or nobody answered: more holders may become known.
            await asyncio.sleep(ASK_S / 4)
        return content

    def _blame(self, block: Block, wrong: Exception, liars: set[str]) -> None:
        """Throw the bytes away, leave whoever brought them, ask somebody else."""
        assert self._exchange is not None, "content came from a peer"
        found = self._exchange.contents.find(block.id)
        self._log.warning(
            "block.content-wrong", height=block.height, reason=str(wrong),
            peer=None if found is None else found[0],
        )  # fmt: skip
        self._exchange.contents.remove(block.id)
        if found is not None:
            liars.add(found[0])
            self._exchange.peers.drop(found[0], f"wrong content of height {block.height}: {wrong}")


def open_content(
    content: Content, find: Callable[[bytes], SignedTransaction | None]
) -> list[SignedTransaction]:
    """The transactions of a block, each with a good signature.

    ``find``: transactions whose signature was checked before. Raises ``WrongContent`` for bytes
    that are not the header's, ``InvalidBlock`` for a header that commits to something wrong.
    """
    try:
        transactions = [SignedTransaction.decode(wire) for wire in content.transactions]
    except InvalidTransaction as error:
        raise WrongContent(error.code) from None
    header = content.header
    if header.tx_count != len(transactions):
        raise WrongContent("block.tx-count")
    if header.tx_root != ledger_block.compute_tx_root(transactions):
        raise WrongContent("block.tx-root")
    for transaction in transactions:
        held = find(transaction.id)
        if held is not None and held.signature == transaction.signature:
            continue
        try:
            transaction.check_signature()
        except InvalidTransaction as error:
            raise InvalidBlock(
                "block.inadmissible", id=transaction.id.hex(), reason=error.code
            ) from error
    return transactions


def is_timely(time_ms: int, clock_ms: int) -> bool:
    """Whether a block that is proposed for the first time has a time near the clock."""
    return clock_ms - FRESH_LATE_MS <= time_ms <= clock_ms + FRESH_EARLY_MS
