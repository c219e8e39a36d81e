"""Money through the real executor, by chance, against a dumb model: none made, none lost.

Thousands of mixed calls (settlements, reversals, transfers in one and two phases, deposits, local
care, repeats of all of them) run in blocks of several transactions. After each block every balance,
counter and reservation of the state must be what the receipts add up to; at the end a second chain
executes all blocks from genesis and must come to the same roots.

Longer runs: ``YIBAO_FUZZ_SEED`` (first seed) and ``YIBAO_FUZZ_BLOCKS`` (blocks in all).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from contracts.settlement import (
    counters,
    cover_record,
    cover_settle,
    funds,
    lifecycle,
    returns,
)
from contracts.settlement.funds_book import Book, Leg
from contracts.settlement.refunds import consent
from node.execution import calls
from node.execution.state import CallState
from node.ledger.block import Header
from node.ledger.transaction import SignedTransaction
from tests.node import conservation_covers
from tests.node.conservation_covers import Insured, InsuredModel
from tests.node.conservation_model import Model
from tests.node.conservation_world import GENESIS, START_MS, Chain, Mischief, Signer, founding

SEED = int(os.environ.get("YIBAO_FUZZ_SEED", "1"))
BLOCKS = int(os.environ.get("YIBAO_FUZZ_BLOCKS", "720"))
BLOCKS_OF_A_CHAIN = 120


FOUNDING = founding(Signer())


COVERED = FOUNDING + conservation_covers.founding(Signer())
"""The same with an insurer's products in it."""


def run(seed: int, blocks: int, *, covered: bool = False) -> Model:
    """One chain of blocks from a seed, checked all the way and then executed again."""
    first = COVERED if covered else FOUNDING
    mischief = (Insured if covered else Mischief)(seed, Signer())
    ours, model = Chain(), InsuredModel() if covered else Model()
    history: list[tuple[Header, Sequence[SignedTransaction]]] = []
    for number in range(blocks + len(first)):
        founded = first[number] if number < len(first) else None
        transactions = list(founded or mischief.block())
        proposal = ours.build(transactions, START_MS if founded else mischief.now_ms)
        assert not proposal.bugs, [(b.contract, b.method, b.place) for b in proposal.bugs]
        if proposal.result is None:
            continue
        model.follow(proposal.result)
        if isinstance(mischief, Insured) and isinstance(model, InsuredModel):
            mischief.hear(model)
        ours.commit(proposal.result)
        model.check(ours.state())
        history.append((proposal.result.header, proposal.result.transactions))
    theirs = Chain()
    for header, kept in history:
        theirs.commit(theirs.execute(header, kept))
    assert theirs.parent == ours.parent
    assert theirs.state() == ours.state()
    return model


def test_money_is_conserved() -> None:
    seen: Counter[str] = Counter()
    for seed in range(SEED, SEED + max(1, BLOCKS // BLOCKS_OF_A_CHAIN)):
        try:
            seen += run(seed, min(BLOCKS, BLOCKS_OF_A_CHAIN)).statuses
        except AssertionError as error:
            error.add_note(f"seed {seed} of chain {GENESIS.chain.hex()[:8]}")
            raise
    # The chance has to find its way to what matters, or the test says nothing.
    for outcome in (
        "claim.settle ok", "claim.reverse ok", "claim.settle policy.overspends",
        "claim.settle claim.duplicate-id", "claim.settle policy.answer-malformed",
        "claim.reverse claim.wrong-state", "claim.reverse claim.duplicate-id", "funds.deposit ok",
        "funds.deposit funds.duplicate-id", "funds.transfer ok", "funds.transfer funds.not-covered",
        "funds.post ok", "funds.void ok", "funds.lapse ok", "counters.feed ok",
        "claim.order_test ok", "claim.settle stay.test-not-ordered",
        "claim.reverse stay.later-part",
        "claim.settle stay.overlap", "claim.register stay.overlap", "claim.settle as a part",
        "counters.unfeed ok", "claim.cancel ok", "claim.lines ok", "funds.transfer funds.not-owner",
    ):  # fmt: skip
        assert seen[outcome], f"no {outcome} in {sum(seen.values())} calls: {seen}"


def test_insurers_money_is_conserved() -> None:
    seen: Counter[str] = Counter()
    for seed in range(SEED, SEED + max(1, BLOCKS // 3 // BLOCKS_OF_A_CHAIN)):
        try:
            seen += run(seed, min(BLOCKS, BLOCKS_OF_A_CHAIN), covered=True).statuses
        except AssertionError as error:
            error.add_note(f"seed {seed} of chain {GENESIS.chain.hex()[:8]}")
            raise
    for outcome in (
        "cover.pay ok", "cover.pay cover.wrong-stage", "cover.pay cover.unknown-payment",
        "cover.pay cover.account-failed", "cover.confirm ok", "cover.bounce ok",
        "cover.confirm cover.reported-otherwise", "cover.came_back ok", "cover.repaid ok",
        "cover.came_back payment.return-above", "cover.came_back payment.not-paid",
        "bank.line matched", "bank.line suspense", "claim.reverse ok",
    ):  # fmt: skip
        assert seen[outcome], f"no {outcome} in {sum(seen.values())} calls: {seen}"


def _pay_whole_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What came back in part is ordered whole."""
    monkeypatch.setattr(
        cover_record.CoverPayment, "open_fen", property(lambda made: made.amount_fen)
    )


def _return_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """More may come back than was paid."""
    monkeypatch.setattr(returns, "left_rows", lambda rows, _: tuple(rows))


def _forget_what_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bill taken back leaves what the patient has of it with the patient."""
    real = cover_settle.follow
    monkeypatch.setattr(
        cover_settle, "follow",
        lambda stage, step: real(stage, step) if step != "reverse-paid" else "cancelled",
    )  # fmt: skip


@pytest.mark.parametrize(
    "plant", [_pay_whole_again, _return_without_end, _forget_what_stands],
    ids=lambda plant: plant.__name__,
)  # fmt: skip
def test_a_bug_planted_in_insurers_payments_is_found(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    with pytest.raises((AssertionError, KeyError)):
        run(1, 4 * BLOCKS_OF_A_CHAIN, covered=True)


def _reverse_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reversed claim may be reversed once more."""
    real = lifecycle.follow
    monkeypatch.setattr(
        consent, "follow",
        lambda state, action: real("settled" if state == "reversed" else state, action),
    )  # fmt: skip


def _spend_what_is_set_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pending money is not kept out of what is available."""
    monkeypatch.setattr(Book, "available", Book.balance)


def _forget_the_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deposit sent again is posted again."""
    monkeypatch.setattr(funds, "_is_repeated", lambda *_: False)


def _lose_a_leg(monkeypatch: pytest.MonkeyPatch) -> None:
    """The state gets one leg less than the receipt."""
    real = Book.apply

    def apply(self: Book, legs: list[Leg]) -> None:
        real(self, legs[:-1] if len(legs) > 4 else legs)

    monkeypatch.setattr(Book, "apply", apply)


def _give_back_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a settlement counted is not taken off when it is reversed."""
    monkeypatch.setattr(counters, "restore", lambda *_: None)


def _keep_what_was_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused call's writes stay in the block."""
    real = CallState

    def leaking(block: Any) -> Any:
        state = real(block)
        state.writes = block.writes
        return state

    monkeypatch.setattr(calls, "CallState", leaking)


PLANTED: tuple[Callable[[pytest.MonkeyPatch], None], ...] = (
    _reverse_again, _spend_what_is_set_aside, _forget_the_id, _lose_a_leg, _give_back_twice,
    _keep_what_was_refused,
)  # fmt: skip


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_planted_bug_is_found(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    with pytest.raises((AssertionError, KeyError)):
        run(1, 4 * BLOCKS_OF_A_CHAIN)
