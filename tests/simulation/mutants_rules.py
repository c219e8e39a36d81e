"""Planted bugs for the invariants that no mutant of the catalogue breaks, one for each rule, so
that a check which went blind would be noticed (docs/consensus-tests.md, Invariants).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from consensus import Built, Fetched, MemberId, Message, ordering
from consensus.messages import Status, Vote
from consensus.phases import Phase
from consensus.state import State
from node import indexer
from node.execution import blocks
from node.execution.blocks import Executor, Parent
from node.execution.proposing import Preparation, Proposal
from node.ledger import merkle
from node.ledger.block import Header
from node.ledger.transaction import SignedTransaction
from node.ledger.types import TimeMs
from node.mempool import Mempool, PoolLimits, Waiting
from node.p2p.link import Peer
from node.service.exchange import Exchange
from node.service.network import Network
from node.service.reader import NodeReader
from node.store import checks, keys
from node.store.database import Database, HeightParts
from node.store.kv import Operation
from node.store.staging import Staging, drop
from tests.simulation.mutants import Patch, mutant


@mutant("window-unchecked")
def window_unchecked(patch: Patch) -> None:
    """Nobody asks whether a transaction's time is over."""
    right = SignedTransaction.check_admissible

    def check(self: SignedTransaction, chain: Any, time_ms: int) -> None:
        right(self, chain, min(time_ms, self.body.valid_until_ms - 1))

    patch.setattr(SignedTransaction, "check_admissible", check)
    patch.setattr(Mempool, "expire", lambda self, time_ms: [])


@mutant("index-forgets")
def index_forgets(patch: Patch) -> None:
    """Now and then a row of the index is left out, on one node and not on the others."""
    right, turns = indexer.index_rows, count()

    def index_rows(*parts: Any) -> list[Operation]:
        rows = right(*parts)
        return rows[1:] if next(turns) % 5 == 4 else rows

    patch.setattr(indexer, "index_rows", index_rows)


@mutant("time-stands-still")
def time_stands_still(patch: Patch) -> None:
    """A block may have its parent's time."""
    right, check = Preparation.__init__, blocks.check_link

    def init(
        self: Preparation, executor: Executor, parent: Parent, *rest: Any, **more: Any
    ) -> None:
        right(self, executor, parent, *rest, **more)
        self.time_ms = parent.header.time_ms
        self._run = self._begin()

    def check_link(header: Header, parent: Header) -> None:
        if header.time_ms == parent.time_ms:
            header = replace(header, time_ms=TimeMs(header.time_ms + 1))
        check(header, parent)

    patch.setattr(Preparation, "__init__", init)
    patch.setattr(blocks, "check_link", check_link)


@mutant("proposes-beside-its-tip")
def proposes_beside(patch: Patch) -> None:
    """A primary proposes on the block below its head."""
    right = Preparation.seal

    def seal(self: Preparation, clock_ms: int, proposer: str) -> Proposal:
        if self.parent.header.height % 5 == 4:
            self.parent = Parent(self.parent.header, self.parent.header.parent)
        return right(self, clock_ms, proposer)

    patch.setattr(Preparation, "seal", seal)
    built = ordering.on_built

    def on_built(state: State, event: Built) -> None:
        # The core looks, too: it is told another parent than the header's.
        built(state, replace(event, block=replace(event.block, parent=state.head.id)))

    patch.setattr(ordering, "on_built", on_built)


@mutant("pool-without-end")
def pool_without_end(patch: Patch) -> None:
    """The pool has no bound."""
    right, wide = Mempool.add, PoolLimits(1 << 30, 1 << 40, 1 << 30, 1 << 40)

    def add(self: Mempool, waiting: Waiting, now_ms: int) -> None:
        limits, self.limits = self.limits, wide
        try:
            right(self, waiting, now_ms)
        finally:
            self.limits = limits

    patch.setattr(Mempool, "add", add)


@mutant("batches-swell")
def batches_swell(patch: Patch) -> None:
    """Each height writes more than it holds."""
    right = Database._chain_rows

    def chain_rows(self: Database, parts: HeightParts, *rest: Any) -> list[Operation]:
        return [*right(self, parts, *rest), (keys.meta("swollen"), bytes(30_000))]

    patch.setattr(Database, "_chain_rows", chain_rows)


@mutant("tasks-left")
def tasks_left(patch: Patch) -> None:
    """Each frame of a peer leaves a task behind."""
    right = Exchange.on_frame

    async def on_frame(self: Exchange, peer: Peer, frame: Any) -> None:
        async def for_ever() -> None:
            await asyncio.Event().wait()

        self._spawn(for_ever())
        await right(self, peer, frame)

    patch.setattr(Exchange, "on_frame", on_frame)


@mutant("said-again-and-again")
def said_again(patch: Patch) -> None:
    """Every vote is sent a dozen times."""
    right = Exchange.send

    def send(self: Exchange, to: MemberId | None, message: Message) -> None:
        for _ in range(12 if isinstance(message, Vote) else 1):
            right(self, to, message)

    patch.setattr(Exchange, "send", send)


@mutant("status-again-and-again")
def status_again(patch: Patch) -> None:
    """Every STATUS is told a dozen times."""
    right = Exchange.send

    def send(self: Exchange, to: MemberId | None, message: Message) -> None:
        for _ in range(12 if isinstance(message, Status) else 1):
            right(self, to, message)

    patch.setattr(Exchange, "send", send)


@mutant("path-of-another")
def path_of_another(patch: Patch) -> None:
    """A proof carries the path of the leaf beside its own."""
    right = merkle.inclusion_path

    def inclusion_path(hashes: Sequence[Any], index: int) -> list[Any]:
        return right(hashes, max(0, index - 1))

    patch.setattr(merkle, "inclusion_path", inclusion_path)


@mutant("shown-late")
def shown_late(patch: Patch) -> None:
    """Whoever waits is answered before the head that readers see has moved."""
    right, turns = NodeReader.publish, count()

    def publish(self: NodeReader) -> None:
        if next(turns) % 5 != 4:
            right(self)

    patch.setattr(NodeReader, "publish", publish)


@mutant("told-in-the-index")
def told_in_the_index(patch: Patch) -> None:
    """The index holds what was attached to a call."""
    right = indexer.index_rows

    def index_rows(height: int, transactions: Sequence[SignedTransaction], *rest: Any) -> list[Any]:
        rows = right(height, transactions, *rest)
        told = b"".join(item.content for one in transactions for item in one.attachments)
        return [*rows, (keys.INDEX + b"told" + keys.pack_height(height), told)]

    patch.setattr(indexer, "index_rows", index_rows)


@mutant("behind-for-good")
def behind_for_good(patch: Patch) -> None:
    """Nobody is asked for blocks that a quorum has decided: who was away stays behind."""
    right = Exchange.find

    async def find(self: Exchange, *asked: Any, certified: bool = False) -> Any:
        return None if certified else await right(self, *asked)

    def fetch(self: Network, peer: MemberId, first: int, last: int) -> None:
        self.exchange._host.put(Fetched(peer, ()))

    patch.setattr(Exchange, "find", find)
    patch.setattr(Network, "fetch", fetch)


@mutant("expiry-not-gathered")
def expiry_not_gathered(patch: Patch) -> None:
    """What a snapshot brings lacks the order in which executed ids expire, and a node that opens
    does not look."""
    right = Staging.finish

    def finish(self: Staging, depth: int, state_root: bytes) -> None:
        right(self, depth, state_root)
        prefix = keys.EXPIRIES[self.slot]
        drop(self._kv, prefix, keys.all_of(prefix)[1])

    patch.setattr(Staging, "finish", finish)
    patch.setattr(checks, "check_state", lambda *_: 0)


@mutant("headers-pruned")
def headers_pruned(patch: Patch) -> None:
    """Whoever lets go of old state diffs lets go of the headers, too."""
    right = Database._dropped_diffs

    def dropped(self: Database, height: int) -> list[Operation]:
        gone = [(keys.at_height(keys.HEADER, height - 4), None)] if height > 8 else []
        return [*right(self, height), *gone]

    patch.setattr(Database, "_dropped_diffs", dropped)


@mutant("restless")
def restless(patch: Patch) -> None:
    """A node's timer runs although nothing waits."""
    right = State.is_waiting.fget
    assert right is not None, "it is a property"

    def is_waiting(self: State) -> bool:
        return right(self) or (self.phase is Phase.OPEN and not self.halted)

    patch.setattr(State, "is_waiting", property(is_waiting))
