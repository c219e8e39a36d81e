"""Planted bugs of the node around the core: custody, execution, sync, disk.

Those of the core itself are in ``tests.consensus.mutants``; one table of all is in
docs/consensus-tests.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from consensus import Message, ValidatorSet, changing
from consensus import retransmission as core_retransmission
from consensus.messages import Certificate, NewView, ViewChange, Vote
from consensus.slot import VoteBook
from consensus.state import State
from node.execution.blocks import BlockResult, Executor, Parent, Run
from node.execution.proposing import Preparation
from node.ledger import block as ledger_block
from node.ledger.codec import encode
from node.ledger.errors import InvalidBlock, InvalidTransaction
from node.ledger.transaction import SignedTransaction
from node.ordering import wire
from node.service import exchange, opening, received
from node.service.admission import Admission
from node.service.findings import Findings
from node.service.network import Network
from node.store import keys
from node.store.database import Database
from tests.consensus import mutants as core
from tests.simulation import mutants_ours, mutants_rules
from tests.simulation.disk import SimKV
from tests.simulation.mutants import KILLERS, MUTANTS, Patch, mutant, planted

__all__ = ["KILLERS", "MUTANTS", "mutants_ours", "mutants_rules", "planted"]

for _name, _planted in (
    ("M6", core.views_merged), ("M7", core.small_quorum), ("M9", core.hash_not_counted),
    ("M10", core.votes_after_leaving),
):  # fmt: skip
    mutant(_name)(_planted)


@mutant("M26")
def status_unanswered(patch: Patch) -> None:
    """M26: STATUS is answered by nobody."""
    patch.setattr(core_retransmission, "missing", lambda *_: [])


@mutant("M27")
def pool_dropped(patch: Patch) -> None:
    """M27: whoever leaves a view forgets what waits."""
    right = Network.send

    def send(self: Network, to: Any, message: Message) -> None:
        if isinstance(message, ViewChange):
            pool = self._admission.pool
            pool.done([one.tx_id for one in list(pool.waiting())], self._monotonic_ms())
        right(self, to, message)

    patch.setattr(Network, "send", send)


@mutant("M30")
def unchecked_certificates(patch: Patch) -> None:
    """M30: a certificate of whatever signatures decides."""
    patch.setattr(Certificate, "check", lambda *_: None)
    patch.setattr(ledger_block.Certificate, "verify_header", lambda *_: None)


@mutant("M31")
def bad_body_condemns(patch: Patch) -> None:
    """M31: bytes that do not fit a header make the block invalid for good (CVE-2012-2459)."""
    right = received.open_content

    def open_content(*parts: Any) -> list[SignedTransaction]:
        try:
            return right(*parts)
        except received.WrongContent as wrong:
            raise InvalidBlock("block.inadmissible", reason=str(wrong)) from wrong

    patch.setattr(received, "open_content", open_content)


@mutant("M32")
def executed_again(patch: Patch) -> None:
    """M32: nobody asks whether a transaction was executed before."""
    right = Executor.admit

    def admit(
        self: Executor, transaction: SignedTransaction, height: int, time_ms: int, base: Any = None
    ) -> Any:
        try:
            return right(self, transaction, height, time_ms, base)
        except InvalidTransaction as error:
            if error.code != "transaction.executed":
                raise
        body = transaction.body
        return self.find_signer(body.sender, body.key, height, base)

    right_init = Admission.__init__

    def init(self: Admission, *given: Any, **more: Any) -> None:
        right_init(self, *given, **more)
        self._is_committed = lambda tx_id: False

    patch.setattr(Executor, "admit", admit)
    patch.setattr(Admission, "__init__", init)


@mutant("M33")
def every_node_its_own_result(patch: Patch) -> None:
    """M33: a contract's result depends on the process, as the order of a set does."""
    numbers, right = count(), Executor.begin

    def begin(self: Executor, height: int, time_ms: int, base: Any = None) -> Run:
        made = right(self, height, time_ms, base)
        if height % 7 == 0:
            number = self.__dict__.setdefault("_own_number", next(numbers))
            made._state.writes["own/number"] = encode(number)
        return made

    patch.setattr(Executor, "begin", begin)


@mutant("M34")
def overlay_leaks(patch: Patch) -> None:
    """M34: what a dropped proposal wrote is still there when the next one is executed."""
    right = Executor.seal

    def seal(self: Executor, parent: Parent, run: Run, proposer: str) -> BlockResult:
        left, height = self.__dict__.setdefault("_left_over", {}), run.frame.height
        for key, value in left.pop(height, {}).items():
            run._state.writes.setdefault(key, value)
        made = right(self, parent, run, proposer)
        left.clear()
        left[height] = dict(made.writes)
        return made

    patch.setattr(Executor, "seal", seal)


@mutant("ahead-blind")
def ahead_blind(patch: Patch) -> None:
    """What is run ahead does not see what the block in flight writes."""
    right = Preparation.__init__

    def init(
        self: Preparation, executor: Executor, parent: Parent, clock_ms: int, base: Any = None
    ) -> None:
        right(self, executor, parent, clock_ms)

    patch.setattr(Preparation, "__init__", init)


@mutant("M35")
def two_batches(patch: Patch) -> None:
    """M35: a height is written in two batches; the power may fail between them."""
    right = SimKV.write

    def write(self: SimKV, batch: Sequence[Any], *, sync: bool) -> None:
        half = len(batch) // 2
        if half > 3:
            right(self, batch[:half], sync=sync)
            right(self, batch[half:], sync=sync)
        else:
            right(self, batch, sync=sync)

    patch.setattr(SimKV, "write", write)


@mutant("M39")
def removed_by_itself(patch: Patch) -> None:
    """M39: what has waited for a while is removed without a word (SmartBFT's auto-remove)."""

    def recheck(self: Admission, transaction: SignedTransaction) -> None:
        self.pool.done([transaction.id], self._monotonic_ms())

    patch.setattr(Admission, "recheck", recheck)


@mutant("grants-believed")
def grants_believed(patch: Patch) -> None:
    """A bug that was ours (DECISIONS D163): a voter believes each peer that grants it no whole
    blocks, follows the diff, and votes as if it had executed the block."""
    believe_grants(patch)
    patch.setattr(received, "Checked", SimpleNamespace(REEXECUTED=0))


def believe_grants(patch: Patch) -> None:
    """Its first half: only the core's own rule stands between a diff and a vote (D170)."""
    patch.setattr(
        exchange,
        "share_to_ask",
        lambda own, granted, organisation, believed: min(own, granted.get(organisation, own)),
    )


@mutant("lie-unnoticed")
def lie_unnoticed(patch: Patch) -> None:
    """A second vote that contradicts the first is passed over in silence."""
    right = VoteBook.add

    def add(self: VoteBook, vote: Vote, current_view: int) -> None:
        right(self, vote, current_view)

    patch.setattr(VoteBook, "add", add)


@mutant("carried-unread")
def carried_unread(patch: Patch) -> None:
    """A bug that was ours (DECISIONS D171): what a NEW-VIEW carries is not held against what its
    senders have said to this node."""
    right = changing.on_new_view

    def on_new_view(state: State, message: NewView) -> None:
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(changing, "_compare", lambda *_: None)
            right(state, message)

    patch.setattr(changing, "on_new_view", on_new_view)


@mutant("proofs-kept-to-oneself")
def proofs_kept(patch: Patch) -> None:
    """Who has a proof of lying tells nobody."""
    patch.setattr(Findings, "_tell_all", lambda self, proof: None)
    patch.setattr(Findings, "on_up", lambda self, peer: None)


@mutant("swept-too-much")
def swept_too_much(patch: Patch) -> None:
    """After a snapshot the certificates of the ends of epochs are swept away, too."""
    right = opening.sweep

    def sweep(database: Database) -> None:
        right(database)
        if base := max(0, database.floor() - 1):
            ends = [first - 1 for _, first, _ in database.epochs() if 1 < first <= base]
            rows = [(keys.at_height(keys.CERTIFICATE, height), None) for height in ends]
            database.kv.write(rows, sync=True)

    patch.setattr(opening, "sweep", sweep)


@mutant("verified-again-and-again")
def verified_again(patch: Patch) -> None:
    """Each certificate of a message is verified once for each signature in it."""
    right = wire.verify_message

    def verify(message: Message, chain: bytes, members: ValidatorSet) -> None:
        for _ in members.members:
            right(message, chain, members)

    patch.setattr(wire, "verify_message", verify)
