"""Bugs that were ours and that a run found, planted again: a run that is stored has to find each.

Their seeds are of days when runs were drawn otherwise; what a regression file of them would hold is
another run by now. LEDGER.md tells what each one was.
"""

from __future__ import annotations

from typing import Any

from consensus import Block, DriverError, Executed, Verdict, ordering
from node.p2p.link import PeerFault
from node.service import exchange
from node.service.received import ReceivedBlocks
from tests.simulation.mutants import Patch, mutant


@mutant("late-answer-blamed")
def late_answer_blamed(patch: Patch) -> None:
    """An answer to an earlier request is taken for one to the present request (seed 2047)."""
    right = exchange.verify_blocks

    def verify(*given: Any) -> Any:
        found = right(*given)
        if found is None:
            raise PeerFault("blocks that were not asked for")
        return found

    patch.setattr(exchange, "verify_blocks", verify)


@mutant("liar-asked-first-again")
def liar_asked_first_again(patch: Patch) -> None:
    """Who brought a block's content wrong keeps its connection and is asked first again, for ever
    (S25, seed 2)."""

    def blame(self: ReceivedBlocks, block: Any, wrong: Exception, liars: set[str]) -> None:
        assert self._exchange is not None, "content came from a peer"
        self._exchange.contents.remove(block.id)

    patch.setattr(ReceivedBlocks, "_blame", blame)


@mutant("last-block-believed")
def last_block_believed(patch: Patch) -> None:
    """Whether a prepared block ends its epoch is taken from the view change that tells of it (D247,
    liar S34)."""

    def as_told(block: Block, result: Executed) -> Block:
        is_last = result.next_validators is not None
        if result.verdict is not Verdict.INVALID and block.epoch_final != is_last:
            raise DriverError("a set for the next epoch comes with its last block only")
        return block

    patch.setattr(ordering, "_as_executed", as_told)


@mutant("signed-for-another")
def signed_for_another(patch: Patch) -> None:
    """Nobody asks who a block says to be of (liar S35)."""
    patch.setattr(ReceivedBlocks, "_check_proposer", lambda self, name, holders: None)
