"""A block of this node's own: what is admissible of the candidates, run and sealed.

Made in one go on the committed head, or begun while the block before it is still voted on
(ARCHITECTURE.md section 3): its transactions are run on what that block comes to, and it is sealed
when that block is committed. What was begun on a block that is not decided is forgotten; nothing
of it has left the node, and nobody was told anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from node.execution.blocks import BlockResult, Executor, Parent, Run
from node.execution.calls import CallBug, Signer
from node.execution.state import ByteState
from node.ledger.errors import InvalidTransaction
from node.ledger.transaction import SignedTransaction
from node.ledger.types import Digest


@dataclass(frozen=True, slots=True)
class Proposal:
    """What building a block came to."""

    result: BlockResult | None
    """None when no candidate was admissible."""
    refused: Sequence[tuple[Digest, InvalidTransaction]]
    """Candidates that can never be executed, or not at this time."""
    bugs: Sequence[CallBug]
    """Candidates to set aside: contract code met a bug in them."""


class Preparation:
    """A block that grows on its parent until it is sealed. For the chain thread."""

    def __init__(
        self, executor: Executor, parent: Parent, clock_ms: int, base: ByteState | None = None
    ) -> None:
        """The block's time is ``max(clock, parent + 1 ms)``. ``base``: the parent's state where
        the parent is not committed yet (``Executor.state_after``)."""
        self.parent = parent
        self.time_ms = max(clock_ms, parent.header.time_ms + 1)
        self._executor = executor
        self._base = base
        self._height = parent.header.height + 1
        self._known: set[bytes] = set()
        self._pairs: list[tuple[SignedTransaction, Signer]] = []
        """What was run, in order."""
        self._left: list[SignedTransaction] = []
        """Not admissible on the parent. That is certain only when the parent is committed."""
        self._bugs: list[CallBug] = []
        self._run = self._begin()

    def add(self, candidates: Sequence[SignedTransaction]) -> None:
        """Run the admissible ones of the candidates that it does not know, in order, as far as
        the work of a block goes."""
        admitted = []
        # One named twice stands once: executed ids are only those of the parent.
        for transaction in {one.id: one for one in candidates}.values():
            if transaction.id in self._known:
                continue
            try:
                signer = self._admit(transaction, self.time_ms)
            except InvalidTransaction:
                self._known.add(transaction.id)
                self._left.append(transaction)
            else:
                admitted.append((transaction, signer))
        self._extend(admitted)

    def seal(self, clock_ms: int, proposer: str) -> Proposal:
        """The block, once its parent is the committed head."""
        refused = []
        for transaction in self._left:
            try:
                # The block may be of a time ago; who is let go of is judged by now.
                self._admit(transaction, max(clock_ms, self.time_ms))
            except InvalidTransaction as error:
                refused.append((transaction.id, error))
        result = None
        if self._pairs:
            result = self._executor.seal(self.parent, self._run, proposer)
        return Proposal(result, refused, self._bugs)

    def _admit(self, transaction: SignedTransaction, time_ms: int) -> Signer:
        return self._executor.admit(transaction, self._height, time_ms, self._base)

    def _begin(self) -> Run:
        return self._executor.begin(self._height, self.time_ms, self._base)

    def _extend(self, admitted: Sequence[tuple[SignedTransaction, Signer]]) -> None:
        """Run them after those that were run. A bug half-way leaves a half-written overlay, so
        the others are run again without the one that met it."""
        while admitted:
            try:
                self._executor.extend(self._run, admitted)
            except CallBug as bug:
                self._known.add(bug.tx_id)
                self._bugs.append(bug)
                both = [*self._pairs, *admitted]
                admitted = [pair for pair in both if pair[0].id != bug.tx_id]
                self._pairs, self._run = [], self._begin()
            else:
                # The others had no room: they wait for the next block.
                done = admitted[: len(self._run.transactions) - len(self._pairs)]
                self._known.update(transaction.id for transaction, _ in done)
                self._pairs += done
                return


def build(
    executor: Executor,
    parent: Parent,
    candidates: Sequence[SignedTransaction],
    clock_ms: int,
    proposer: str,
) -> Proposal:
    """A block of the admissible candidates on the committed head."""
    preparation = Preparation(executor, parent, clock_ms)
    preparation.add(candidates)
    return preparation.seal(clock_ms, proposer)
