"""The reference model agrees with the ledger on mixed calls by chance, and finds planted bugs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from contracts.settlement import adjudicate, claim_reverse, claim_settle, claim_visit, counters
from contracts.settlement.decision import Payment
from node.execution.blocks import BlockResult
from node.ledger.receipt import Receipt
from tests.node.conservation_world import START_MS, Chain, Mischief, Signer, founding
from tests.simulation.model import ReferenceModel

BLOCKS = 40
Watch = Callable[[ReferenceModel, BlockResult], None]


def follow(model: ReferenceModel, result: BlockResult) -> None:
    model.follow(result.header, result.transactions, result.receipts)


def run(seed: int, watch: Watch = follow, blocks: int = BLOCKS) -> ReferenceModel:
    """A chain of mixed calls, judged block by block and as a whole."""
    signer, chain, model = Signer(), Chain(), ReferenceModel()
    for transactions in founding(signer):
        result = chain.build(transactions, START_MS).result
        assert result is not None
        chain.commit(result)
    model.begin(chain.state())
    mischief = Mischief(seed, signer)
    for _ in range(blocks):
        result = chain.build(mischief.block(), mischief.now_ms).result
        if result is not None:
            watch(model, result)
            chain.commit(result)
    model.end(chain.state())
    return model


def test_it_agrees_with_the_ledger_and_judges_methods_both_ways() -> None:
    judged: Counter[str] = Counter()
    for seed in range(8):
        model = run(seed)
        assert model.judged.total() > 3 * model.believed.total(), "it judges most of what happens"
        judged += model.judged
    for method in ("claim.settle", "claim.reverse", "claim.lines", "claim.register",
                   "claim.estimate", "claim.cancel", "funds.deposit", "funds.transfer",
                   "funds.hold", "counters.feed", "counters.open"):  # fmt: skip
        codes = {name.split()[1] for name in judged if name.startswith(f"{method} ")}
        assert "ok" in codes, (method, codes)
        assert len(codes) > 1, (method, codes)


# --- Planted bugs -----------------------------------------------------------------------------


def finds(watch: Watch = follow) -> str:
    """What the model says within a few seeds; a bug that it never sees fails the test."""
    for seed in range(6):
        try:
            run(seed, watch)
        except AssertionError as error:
            return str(error)
    pytest.fail("the model sees nothing")


Patch = pytest.MonkeyPatch


def test_a_fen_too_much_in_a_benefit(monkeypatch: Patch) -> None:
    right = adjudicate._layer

    def layer(wanted: Any, still_open: Any, year: int) -> Payment | None:
        more = 1 if 10 < wanted.amount_fen < still_open.available(wanted.base) else 0
        return right(replace(wanted, amount_fen=wanted.amount_fen + more), still_open, year)

    monkeypatch.setattr(adjudicate, "_layer", layer)
    assert "posts" in finds()


def test_a_payment_from_the_wrong_fund(monkeypatch: Patch) -> None:
    right = adjudicate._layer

    def layer(wanted: Any, still_open: Any, year: int) -> Payment | None:
        fund = "330100" if wanted.fund == "310100" else wanted.fund
        return right(replace(wanted, fund=fund), still_open, year)

    monkeypatch.setattr(adjudicate, "_layer", layer)
    assert "posts" in finds()


def test_a_counter_that_a_reversal_does_not_restore(monkeypatch: Patch) -> None:
    monkeypatch.setattr(counters, "restore", lambda *_: None)
    finds()


def test_a_counter_that_a_settlement_does_not_move(monkeypatch: Patch) -> None:
    monkeypatch.setattr(counters, "add", lambda *_: None)
    finds()


def test_a_claim_that_is_settled_twice(monkeypatch: Patch) -> None:
    right = claim_settle.claims.find

    def find(state: Any, name: str) -> Any:
        known = right(state, name)
        return None if known is not None and known.settled is not None else known

    monkeypatch.setattr(claim_settle.claims, "find", find)
    finds()


def test_a_reversal_that_keeps_a_leg(monkeypatch: Patch) -> None:
    right = claim_reverse.counter_entry
    kept = {"310100"}
    monkeypatch.setattr(
        claim_reverse, "counter_entry",
        lambda legs: right([leg for leg in legs if leg[1] not in kept]),
    )  # fmt: skip
    assert "posts" in finds()


def test_an_emergency_that_is_not_seen(monkeypatch: Patch) -> None:
    for module in (claim_visit, claim_settle):
        if hasattr(module, "is_emergency"):
            monkeypatch.setattr(module, "is_emergency", lambda _visit: False)
    from contracts.settlement import claim_case, claim_decide

    monkeypatch.setattr(claim_case, "is_emergency", lambda _visit: False)
    monkeypatch.setattr(claim_decide, "is_emergency", lambda _visit: False)
    finds()


def again(model: ReferenceModel, result: BlockResult) -> None:
    follow(model, result)
    follow(model, result)


def test_a_transaction_that_is_executed_twice() -> None:
    assert "executed twice" in finds(again)


def too_late(model: ReferenceModel, result: BlockResult) -> None:
    header = replace(result.header, time_ms=result.header.time_ms + 86_400_000)
    model.follow(header, result.transactions, result.receipts)


def test_a_transaction_whose_time_is_over() -> None:
    assert "time was over" in finds(too_late)


def elsewhere(model: ReferenceModel, result: BlockResult) -> None:
    header = replace(result.header, chain=bytes(32))
    model.follow(header, result.transactions, result.receipts)


def test_a_transaction_of_another_chain() -> None:
    assert "another chain" in finds(elsewhere)


def leaving(model: ReferenceModel, result: BlockResult) -> None:
    """A refusal that moved money all the same."""
    moved = next((r.postings for r in result.receipts if r.postings), ())

    def left(receipt: Receipt) -> Receipt:
        return replace(receipt, postings=moved) if receipt.status != "ok" else receipt

    model.follow(result.header, result.transactions, [left(r) for r in result.receipts])


def test_a_refusal_that_leaves_something() -> None:
    assert "a refusal leaves" in finds(leaving)


def test_money_that_the_state_has_and_nobody_moved() -> None:
    chain, signer, model = Chain(), Signer(), ReferenceModel()
    for transactions in founding(signer):
        result = chain.build(transactions, START_MS).result
        assert result is not None
        chain.commit(result)
    state = chain.state()
    model.begin(state)
    model.end(state)
    state["fund/430100"]["fund"] = {"310100": 1}
    with pytest.raises(AssertionError, match="balances"):
        model.end(state)
